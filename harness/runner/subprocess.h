/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Running another program to its end: what it reads and prints goes through memory files, so nothing can block on a
 * full pipe. A SIGTERM to this process goes on to it; a SIGINT from a terminal reaches it anyway. Not thread-safe.
 * Linux.
 */
#ifndef HOTBED_RUNNER_SUBPROCESS_H
#define HOTBED_RUNNER_SUBPROCESS_H

#include <stdint.h>

struct hb_error;

/*
 * hb_subprocess_run - run @argv (NULL-terminated, argv[0] looked up in PATH) with this environment.
 * @input: what it reads on standard input; NULL = nothing. @timeout_ms: then it and what it started in its process
 * group are killed; 0 = as long as it takes, and in this process's own group.
 * @ret_output: its standard output, freed by the caller; NULL = it shares ours. @ret_status: exit code, or minus the
 * signal that ended it.
 *
 * Returns 0 whatever the exit code, -ETIMEDOUT, -ENOMEM, or -errno of starting it. Blocks until it has ended.
 */
int hb_subprocess_run(const char *const *argv, const char *input, int64_t timeout_ms,
	char **ret_output, int *ret_status, struct hb_error *reterr);

#endif
