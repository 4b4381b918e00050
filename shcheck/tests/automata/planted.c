/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether the comparisons with brute force would notice: the library is built with errors that can be switched on, and
 * each of them must make a comparison fail (or end in an assertion), while without any all agree.
 *
 * With sanitizers, which look for other errors than these and are slow, each ERROR_STRIDE-th error is switched on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/sanitizer.h>

#include "../../src/automata/planted.h"
#include "brute_force.h"

#define CAUGHT 1
#define MISSED 0

enum { ERROR_STRIDE = HB_IS_SANITIZED ? 3 : 1 };

/* In a child, so that an error that runs into an assertion or a loop ends nothing else. */
static int look(enum planted error, uint64_t seed)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		return -1;
	if (child == 0) {
		int caught = MISSED;

		(void)alarm(60);
		(void)freopen("/dev/null", "w", stderr);
		shc_planted = error;
		for (const struct comparison *c = comparisons; c->name && caught == MISSED; c++)
			caught = comparison_run(c, seed, true) ? MISSED : CAUGHT;
		_exit(caught);
	}
	if (waitpid(child, &status, 0) != child)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : CAUGHT;
}

int main(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : 1;
	int missed = 0, made = 0;

	printf("HB_SEED=%llu\n", (unsigned long long)seed);
	if (look(PLANTED_NOTHING, seed) != MISSED || look(PLANTED_LISTS_ONLY, seed) != MISSED) {
		printf("a comparison fails though no error is planted\n");
		return 1;
	}
	for (int error = PLANTED_NOTHING + 1; error < PLANTED_COUNT; error += ERROR_STRIDE) {
		made++;
		if (look((enum planted)error, seed) != CAUGHT) {
			printf("planted error %d goes unnoticed\n", error);
			missed++;
		}
	}
	printf("%d of %d planted errors are caught\n", made - missed, made);
	return missed ? 1 : 0;
}
