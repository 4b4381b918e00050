/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel says about the process, read from /proc/self/status in one piece. */
#ifndef SPORK_CALLER_H
#define SPORK_CALLER_H

#include "spork/executor.h"

enum caller_state { CALLER_FREE, CALLER_TRACED, CALLER_CONFINED, CALLER_UNKNOWN };

/* caller_read - fill @caller, except the mask. */
enum caller_state caller_read(struct spork_caller *caller);
/* caller_look - the same, always from the kernel, and nothing is kept: for children on shared memory. */
enum caller_state caller_look(struct spork_caller *caller);
/* caller_follow - from now on libc's sigaction tells of handlers. The process has one thread, and no signal arrives. */
void caller_follow(const struct spork_caller *caller);

#endif
