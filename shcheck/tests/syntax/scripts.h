/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The shell scripts of this machine, and what the shells say about them. Nothing is ever executed: only -n. */
#ifndef SHCHECK_TESTS_SCRIPTS_H
#define SHCHECK_TESTS_SCRIPTS_H

#include <stdbool.h>
#include <stddef.h>

struct scripts {
	char **paths; /* sorted */
	size_t count, room;
};

/*
 * scripts_find - the files under the usual folders whose first line names sh, bash or dash, or that are called .sh or
 * .bash. At most one path per content is not guaranteed; links are not followed. Ends the program when there is no
 * memory.
 */
void scripts_find(struct scripts *ret);

/* scripts_sample - keep @count of them, chosen by HB_SEED (printed), unless HB_NIGHTLY is set. */
void scripts_sample(struct scripts *scripts, size_t count);

void scripts_finish(struct scripts *scripts);

/*
 * shell_accepts - does `SHELL -n PATH` find no error? bash reports some errors and still exits with 0, so what it says
 * counts. Returns 1 or 0, or -1 when there is no such shell.
 */
int shell_accepts(const char *shell, const char *path);

#endif
