/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel says about the process, read from /proc/self/status in one piece. */
#ifndef SPORK_CALLER_H
#define SPORK_CALLER_H

#include <stdbool.h>
#include <stdint.h>

#include "spork/executor.h"

enum caller_state { CALLER_FREE, CALLER_TRACED, CALLER_CONFINED, CALLER_UNKNOWN };

/* caller_read - fill @caller, except the mask. */
enum caller_state caller_read(struct spork_caller *caller);
/* caller_look - the same, always from the kernel, and nothing is kept: for children on shared memory. */
enum caller_state caller_look(struct spork_caller *caller);
/* caller_follow - from now on libc's sigaction tells of handlers. The process has one thread, and no signal arrives. */
void caller_follow(const struct spork_caller *caller);

#define CALLER_NAMESPACES 2 /* of processes, of time */
#define CALLER_NAMESPACE_BYTES 32

/* The process's own namespaces, by name. All zero: not asked yet. */
struct caller_namespaces {
	bool known;
	struct caller_namespace {
		int64_t length; /* or an error, where the kernel has no such namespaces */
		char name[CALLER_NAMESPACE_BYTES];
	} own[CALLER_NAMESPACES];
};

/*
 * caller_keeps_namespaces - do the calling thread's children begin in the namespaces that it is in itself?
 *
 * After unshare(CLONE_NEWPID) the first child is the new namespace's init: given up, it would take the namespace with
 * it, and no process could be made any more. After unshare(CLONE_NEWTIME) children see other clocks.
 * @own: kept between calls, zeroed in each new process. Two system calls.
 */
bool caller_keeps_namespaces(struct caller_namespaces *own);

#endif
