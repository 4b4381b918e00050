/* SPDX-License-Identifier: GPL-3.0-or-later */
/* batching run: start a program whose TCP sockets all have TCP_NODELAY, or all Nagle's algorithm. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/error.h>

#include <batching/policy.h>

#include "command.h"

#define LIBRARY "preload/libbatching-preload.so" /* in the folder of this program */

/* Writes the library's path, which ld.so would cut at spaces and colons. */
static int find_library(char path[PATH_MAX], struct hb_error *reterr)
{
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - sizeof(LIBRARY));
	char *slash;

	if (length < 0)
		return hb_error_set(
			reterr, -errno, "/proc/self/exe cannot be read: %s", strerror(errno));
	path[length] = '\0';
	slash = strrchr(path, '/');
	memcpy(slash + 1, LIBRARY, sizeof(LIBRARY));
	if (access(path, R_OK))
		return hb_error_set_at(reterr, -errno, path, 0,
			"cannot be read: %s; it is built with this program", strerror(errno));
	if (strpbrk(path, " :"))
		return hb_error_set_at(reterr, -EINVAL, path, 0,
			"LD_PRELOAD takes no path with spaces or colons; build in another folder");
	return 0;
}

static int preload(const char *path, const char *mode, struct hb_error *reterr)
{
	const char *before = getenv("LD_PRELOAD");
	size_t size = strlen(path) + (before ? strlen(before) : 0) + 2;
	char *both = malloc(size);
	int err = 0;

	if (!both)
		return hb_error_set(reterr, -ENOMEM, "no memory for LD_PRELOAD");
	(void)snprintf(both, size, "%s%s%s", path, before && *before ? ":" : "",
		before && *before ? before : "");
	if (setenv("LD_PRELOAD", both, 1) || setenv("BATCHING_RUN_MODE", mode, 1))
		err = hb_error_set(
			reterr, -errno, "the environment cannot be set: %s", strerror(errno));
	free(both);
	return err;
}

static int run(int argc, char **argv, struct hb_error *reterr)
{
	const char *policy = NULL;
	const struct hb_option_target options[] = {
		{.name = "policy", .text = &policy, .required = 1},
		{.name = NULL},
	};
	char path[PATH_MAX];
	int end = 1, err;

	while (end < argc && strcmp(argv[end], "--") != 0)
		end++;
	if (end + 1 >= argc)
		return hb_error_set(reterr, -EINVAL,
			"which program? it follows '--', as in: run --policy nagle -- "
			"redis-server");
	err = hb_options_read(end, argv, options, reterr);
	if (err)
		return err;
	if (strcmp(policy, bat_policy_name(BAT_POLICY_NODELAY)) != 0 &&
		strcmp(policy, bat_policy_name(BAT_POLICY_NAGLE)) != 0)
		return hb_error_set(reterr, -EINVAL,
			"--policy '%.80s': a program is started with nodelay or nagle; for a "
			"policy "
			"that switches use attach",
			policy);
	err = find_library(path, reterr);
	if (!err)
		err = preload(path, policy, reterr);
	if (err)
		return err;
	(void)execvp(argv[end + 1], argv + end + 1);
	return hb_error_set_at(
		reterr, -errno, argv[end + 1], 0, "cannot be started: %s", strerror(errno));
}

const struct command command_run = {
	.name = "run",
	.summary = "start a program with TCP_NODELAY or Nagle's algorithm on all its sockets",
	.help = "  --policy P      nodelay or nagle\n"
		"  -- CMD ...      the program and its arguments\n",
	.run = run,
};
