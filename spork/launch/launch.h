/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The program `spork`, which starts spork-analyser for everything but the usual `spork run`. It has no libc: with one,
 * starting it takes longer than everything that it does (CPUID, relocations), and the start counts in every command
 * line. It has no messages either: whatever is not as usual is left to spork-analyser, before anything has been done.
 */
#ifndef SPORK_LAUNCH_H
#define SPORK_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELPER_FOLDER_BYTES 100 /* with "/socket" behind, it must fit into a socket's address */

/* What the helper of a run needs to know. */
struct helper_start {
	const char *analyser;             /* path */
	const char *cache;                /* path of the cache folder */
	char folder[HELPER_FOLDER_BYTES]; /* of the run: made at the start, removed at the end */
	int program_fd;                   /* pidfd */
	char *const *envp;
};

/*
 * helper_start - make the process that waits for requests and then executes `spork-analyser serve`. Nobody is its
 * parent, and no signal tells of the process in between. It makes the run's folder and socket itself, while the
 * program starts: what is asked before that is lost, and asked again. False: no process could be made.
 */
bool helper_start(const struct helper_start *start);

#endif
