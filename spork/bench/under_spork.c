/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "under_spork.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/trial.h>

#define MARK "HOTBED_UNDER_SPORK"
#define WORDS_MAX 64
#define WARM_STARTS 4

static char program[PATH_MAX], self[PATH_MAX];

static bool find_program(void)
{
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (length < 0)
		return false;
	self[length] = '\0';
	memcpy(program, self, (size_t)length + 1);
	slash = strrchr(program, '/');
	if (!slash || (size_t)(slash - program) + sizeof("/spork") > sizeof(program))
		return false;
	memcpy(slash, "/spork", sizeof("/spork"));
	return access(program, X_OK) == 0;
}

static const char *option(int argc, char **argv, const char *name)
{
	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], name) == 0)
			return argv[i + 1];
	}
	return NULL;
}

/* What a trial does, so that its code is translated before the trial begins. */
static int warm(void)
{
	for (int i = 0; i < WARM_STARTS; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			(void)execl("/bin/true", "true", (char *)NULL);
			_exit(127);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			return 1;
	}
	return 0;
}

int under_spork_prefix(const char *mode, const char *min_rss, const char *stats, const char **words)
{
	const char *const first[] = {program, "run", "--mode", mode, "--min-rss", min_rss};
	int count = 0;

	if (!find_program())
		return 0;
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		words[count++] = first[i];
	if (stats) {
		words[count++] = "--stats";
		words[count++] = stats;
		words[count++] = "--settle";
	}
	words[count++] = "--";
	words[count] = NULL;
	return count;
}

static void translate(const char *mode)
{
	const char *words[] = {program, "run", "--mode", mode, "--min-rss", "0", "--settle", "--",
		self, "--warm", NULL};
	pid_t pid;

	/* The second run meets what the first one has asked for. */
	for (int i = 0; i < 2; i++) {
		if (posix_spawn(
			    &pid, program, NULL, NULL, (char *const *)(uintptr_t)words, environ))
			return;
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
}

static const char *mode_of(const char *variant)
{
	if (strcmp(variant, "spork_shared") == 0)
		return "shared";
	return strcmp(variant, "spork_idle") == 0 ? "fork" : "auto";
}

/* Experiments whose trials start other programs under spork need no runtime of their own. */
static bool is_in_process(const char *experiment)
{
	return experiment &&
	       (strcmp(experiment, "spawn-latency") == 0 || strcmp(experiment, "bystander") == 0 ||
		       strcmp(experiment, "startup") == 0);
}

void under_spork_enter(int argc, char **argv)
{
	const char *variant = option(argc, argv, "--variant");
	const char *words[WORDS_MAX];
	int count;

	if (argc == 2 && strcmp(argv[1], "--warm") == 0)
		exit(warm());
	if (!is_in_process(option(argc, argv, "--experiment")) || !variant ||
		strncmp(variant, "spork", 5) != 0 || strcmp(argv[1], "--trial") != 0 ||
		getenv(MARK) || !find_program() || argc > WORDS_MAX - 16)
		return;
	translate(mode_of(variant));
	count = under_spork_prefix(mode_of(variant), "0", NULL, words);
	words[count++] = self;
	for (int i = 1; i < argc; i++)
		words[count++] = argv[i];
	words[count] = NULL;
	(void)setenv(MARK, "1", 1);
	(void)execv(program, (char *const *)(uintptr_t)words);
	(void)unsetenv(MARK);
}

bool under_spork(void)
{
	return getenv(MARK) != NULL;
}

int under_spork_probe(struct hb_trial *trial)
{
	if (!find_program())
		return hb_trial_skip(trial, "needs spork, which is built on x86-64");
	return 0;
}
