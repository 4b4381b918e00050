/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Usage: spork-contract [--list | NAME | --all]. --all runs every pitfall in a process of its own;
 * exit 1 if one failed.
 */
#include "contract.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS_MAX 15

static const struct pitfall *const groups[] = {
	pitfalls_memory,
	pitfalls_attributes,
	pitfalls_signals,
	pitfalls_processes,
	pitfalls_descriptors,
	pitfalls_files,
	pitfalls_deferred,
	pitfalls_threads,
	pitfalls_changes,
};

#define GROUP_COUNT (sizeof(groups) / sizeof(groups[0]))

__attribute__((noinline)) int run_child(void (*child)(void *data), void *data)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		child(data);
		_exit(125);
	}
	if (pid < 0)
		return -1;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return status;
}

_Noreturn void exec_shell(const char *command)
{
	(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

int exit_of(int status)
{
	if (status < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

long status_value(const char *name, int base)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	long value = -1;

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
			value = (long)strtoull(line + strlen(name) + 1, NULL, base);
	}
	if (file)
		(void)fclose(file);
	return value;
}

long file_value(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[64];
	long value = file && fgets(line, sizeof(line), file) ? strtol(line, NULL, 0) : -1;

	if (file)
		(void)fclose(file);
	return value;
}

/* Ends by SIGALRM of its own if the pitfall hangs; alarms survive exec. */
static int run_apart(const char *self, const char *name)
{
	char *words[] = {(char *)(uintptr_t)self, (char *)(uintptr_t)name, NULL};
	pid_t pid;
	int status = 0;
	struct timespec pause = {.tv_nsec = 500000}, now;
	time_t end;

	if (posix_spawn(&pid, self, NULL, NULL, words, environ))
		return -1;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec + SECONDS_MAX;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			return 1000;
		}
		(void)nanosleep(&pause, NULL);
	}
	return exit_of(status);
}

static int run_all(const char *self)
{
	int failed = 0, passed = 0, skipped = 0;

	for (size_t g = 0; g < GROUP_COUNT; g++) {
		for (const struct pitfall *pitfall = groups[g]; pitfall->name; pitfall++) {
			int code = run_apart(self, pitfall->name);

			passed += code == 0;
			skipped += code == SKIPPED;
			failed += code != 0 && code != SKIPPED;
			if (code == SKIPPED)
				(void)printf("skipped %s\n", pitfall->name);
			else if (code == 1000)
				(void)printf("FAILED %s: it did not end\n", pitfall->name);
			else if (code)
				(void)printf("FAILED %s: %d\n", pitfall->name, code);
		}
	}
	(void)printf("%d hold, %d failed, %d skipped\n", passed, failed, skipped);
	return failed || passed == 0;
}

static int run_one(const struct pitfall *pitfall)
{
	int line;

	/* Relative to what the caller happened to ignore or block. */
	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	line = pitfall->run();
	if (line == SKIPPED)
		return SKIPPED;
	return line != 0;
}

int main(int argc, char **argv)
{
	char self[4096] = "";

	if (argc != 2 || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 2;
	if (strcmp(argv[1], "--all") == 0)
		return run_all(self);
	for (size_t g = 0; g < GROUP_COUNT; g++) {
		for (const struct pitfall *pitfall = groups[g]; pitfall->name; pitfall++) {
			if (strcmp(argv[1], "--list") == 0)
				(void)puts(pitfall->name);
			else if (strcmp(argv[1], pitfall->name) == 0)
				return run_one(pitfall);
		}
	}
	return strcmp(argv[1], "--list") == 0 ? 0 : 2;
}
