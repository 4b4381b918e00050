/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whole children: where everything that a recipe depended on from the fork to execve is as it was, the child is made at
 * once and executes the program. Parents with one thread only, as all recipes.
 */
#ifndef SPORK_WHOLE_CHILD_H
#define SPORK_WHOLE_CHILD_H

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* What is known of the whole child of one recipe; zeroed at first. */
struct whole_state {
	const void *recipe;
	uint64_t generation,
		changes; /* of the session's ranges, and data_changes_count(), when it was compared */
	uint8_t runs, faults;
	bool ready, made; /* made: by the attempt that goes on; ready once that has led to exec */
};

/* whole_attempt - carry the fork out in this way. The child's id; or 0: nothing has happened, try the usual way. */
int64_t whole_attempt(struct arena *arena);

/*
 * whole_begin - before a recipe is replayed: is it to be noted what it depends on? whole_step - then instead of
 * replaying it up to the next system call. whole_keep - after the attempt: whether it has led to exec.
 */
void whole_begin(struct arena *arena);
int whole_step(struct arena *arena);
void whole_keep(struct arena *arena, bool led);

#endif
