/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keeper: a process that waits for the end of the one that attached and, if it ends without saying so, restores
 * the sockets. It shares a table with it, in which a socket is noted before it is changed.
 */
#ifndef BATCHING_KEEPER_H
#define BATCHING_KEEPER_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include <batching/attach.h>

#include "target.h"

/* A socket that was or will be changed. */
struct keeper_entry {
	uint64_t cookie;
	int number; /* of the descriptor in the program */
	struct target_options found;
	_Atomic bool changed; /* set last, and cleared first */
};

struct keeper {
	pid_t pid;
	int pipe;                     /* closed without a word: restore */
	struct keeper_entry *entries; /* [BAT_ATTACH_SOCKETS_MAX], shared memory */
};

/* keeper_start - Returns 0 or -errno. */
int keeper_start(struct keeper *keeper, int pidfd);
/* keeper_end - it ends without restoring anything, and is waited for. */
void keeper_end(struct keeper *keeper);
/* keeper_restore - one socket. Returns 1 if it was restored, 0 if it is gone, or -errno. */
int keeper_restore(int pidfd, struct keeper_entry *entry);

#endif
