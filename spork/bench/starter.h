/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ways to start a program that the spork experiments compare: one file per variant, each tuned
 * as if it were ours (the child executes nothing between its creation and exec).
 */
#ifndef SPORK_BENCH_STARTER_H
#define SPORK_BENCH_STARTER_H

#include <sys/types.h>

struct spork_heap;

struct spork_starter {
	const char *name;
	/*
	 * start - run @path with @argv and this process's environment. 0 with the child's id in
	 * @ret_pid, or -errno.
	 * Returns when the parent may go on; the caller reaps the child.
	 */
	int (*start)(const char *path, char *const *argv, pid_t *ret_pid);
	/* start_wrong - the same with a fault that verify must find. @heap: the parent's memory. */
	int (*start_wrong)(
		const char *path, char *const *argv, const struct spork_heap *heap, pid_t *ret_pid);
};

extern const struct spork_starter spork_starter_fork;
/* The same, in a process that runs under `spork run`. */
extern const struct spork_starter spork_starter_spork;
extern const struct spork_starter spork_starter_spork_shared;
extern const struct spork_starter spork_starter_vfork;
extern const struct spork_starter spork_starter_posix_spawn;

#endif
