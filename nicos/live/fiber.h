/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stacks that a thread changes between without the kernel. x86-64 only; elsewhere FIBERS_WORK is 0. */
#ifndef NICOS_LIVE_FIBER_H
#define NICOS_LIVE_FIBER_H

#include <stddef.h>

#if defined(__x86_64__)
#define FIBERS_WORK 1
#else
#define FIBERS_WORK 0
#endif

struct fiber {
	void *stack_pointer; /* while it does not run */
	void *stack;         /* NULL: the thread's own */
};

/* fiber_create - one that will call @entry(@argument), which must not return. 0 or -ENOMEM. */
int fiber_create(struct fiber *fiber, void (*entry)(void *argument), void *argument);
void fiber_destroy(struct fiber *fiber);

/* fiber_pass - run @to from where it stopped, until somebody passes to @from. */
void fiber_pass(struct fiber *from, struct fiber *to);

#endif
