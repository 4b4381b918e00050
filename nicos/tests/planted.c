/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The oracle against a scheduler with a planted error: exit 0 if it notices, by a broken invariant or by one of the
 * scheduler's own assertions, and says which.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sched_oracle.h"

#define EVENTS 20000
#define NOTICED 3

static int look(void)
{
	static const struct oracle_setting settings[] = {
		{2, 3, 16, 1, 1, 20000, 0, 1, 0, 1},
		{4, 6, 32, 1, 2, 20000, 0, 1, 0, 1},
	};

	for (uint64_t seed = 1; seed <= 4; seed++) {
		for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
			const char *fault = oracle_run(&settings[i], seed, EVENTS);

			if (fault) {
				(void)printf("seed %llu, %s\n", (unsigned long long)seed, fault);
				(void)fflush(stdout);
				return NOTICED;
			}
		}
	}
	return 0;
}

int main(void)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		return 99;
	if (child == 0)
		_exit(look());
	if (waitpid(child, &status, 0) != child)
		return 99;
	if ((WIFEXITED(status) && WEXITSTATUS(status) == NOTICED) ||
		(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT))
		return 0;
	(void)printf("the oracle did not notice the planted error (status %d)\n", status);
	return 1;
}
