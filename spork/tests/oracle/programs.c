/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programs.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "generate.h"

#define WORDS_MAX 40
#define COMMON "-w -std=gnu17 -D_GNU_SOURCE -I" SUPPORT_INCLUDE " "

const struct oracle_build oracle_builds[] = {
	{"gcc-O0", "gcc", COMMON "-O0"},
	{"gcc-O1", "gcc", COMMON "-O1"},
	{"gcc-O2", "gcc", COMMON "-O2"},
	{"gcc-O3-native", "gcc", COMMON "-O3 -march=native"},
	{"gcc-O2-no-pie", "gcc", COMMON "-O2 -fno-pie -no-pie"},
	{"gcc-O2-stripped", "gcc", COMMON "-O2 -s"},
	{"gcc-O2-static", "gcc", COMMON "-O2 -static"},
	{"gcc-O2-static-pie", "gcc", COMMON "-O2 -static-pie -fPIE"},
	{"gcc-O1-protected", "gcc",
		COMMON "-O1 -fstack-protector-all -fcf-protection=full -Wl,-z,now"},
	{"gcc-Os-lazy", "gcc", COMMON "-Os -fno-asynchronous-unwind-tables -Wl,-z,lazy"},
	{"clang-O0", "clang", COMMON "-O0"},
	{"clang-O1", "clang", COMMON "-O1 -s"},
	{"clang-O2", "clang", COMMON "-O2"},
	{"clang-O3-no-pie", "clang", COMMON "-O3 -fno-pie -no-pie -march=native"},
	{NULL, NULL, NULL},
};

const struct oracle_build oracle_library_builds[] = {
	{"gcc-O2-libraries", "gcc", COMMON "-O2 -DORACLE_LIBRARIES"},
	{"gcc-O1-libraries-now", "gcc", COMMON "-O1 -Wl,-z,now -DORACLE_LIBRARIES"},
	{"clang-O2-libraries", "clang", COMMON "-O2 -DORACLE_LIBRARIES"},
	{NULL, NULL, NULL},
};

static int run(char *const *words)
{
	pid_t pid;
	int status = 0;
	int err = posix_spawnp(&pid, words[0], NULL, NULL, words, environ);

	if (err)
		return -err;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return status == 0 ? 0 : -EIO;
}

int oracle_compile(
	const struct oracle_build *build, const char *folder, uint64_t seed, int first, int count)
{
	char source[4200], program[4200], flags[1024], support[] = SUPPORT_LIBRARY, *save = NULL;
	char *words[WORDS_MAX];
	int used = 0;
	FILE *file;

	(void)snprintf(source, sizeof(source), "%s/%s.c", folder, build->name);
	(void)snprintf(program, sizeof(program), "%s/%s", folder, build->name);
	(void)snprintf(flags, sizeof(flags), "%s %s", build->compiler, build->flags);
	file = fopen(source, "we");
	if (!file)
		return -errno;
	oracle_generate(file, seed, first, count);
	if (fclose(file))
		return -errno;
	for (char *word = strtok_r(flags, " ", &save); word && used < WORDS_MAX - 10;
		word = strtok_r(NULL, " ", &save))
		words[used++] = word;
	words[used++] = (char[]){"-o"};
	words[used++] = program;
	words[used++] = source;
	words[used++] = support;
	words[used++] = (char[]){"-pthread"};
	words[used++] = (char[]){"-lm"};
	words[used] = NULL;
	return run(words);
}
