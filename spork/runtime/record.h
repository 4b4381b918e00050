/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How far the child of the record executor has come: struct spork_attempt.outcome, read by the
 * parent when vfork returns.
 */
#ifndef SPORK_RECORD_H
#define SPORK_RECORD_H

#include <stdint.h>

enum record_outcome {
	RECORD_RUNS,      /* nothing outside has happened */
	RECORD_ABORTED,   /* the same, and the child left by itself */
	RECORD_COMMITTED, /* effects outside have been carried out, and then exec failed */
	RECORD_EXEC       /* at the system call of exec */
};

struct arena;

/*
 * record_run_child - make the child's process, which shares our memory, and sleep until it has
 * executed a program or ended. Returns its process id (or that of a real child that ended in the
 * same way), or 0: nothing has happened, the attempt's reason says why. @run_child_code runs on
 * the arena's child stack, gets @argument and does not return.
 */
int64_t record_run_child(struct arena *arena, void (*run_child_code)(void *), void *argument);

/*
 * late_fork - a real fork at the point that the interpreter has reached, instead of one from the
 * start: its child puts the overlay into its own copy of the memory and goes on natively. Only
 * while no process exists and the child has mapped nothing, and for parents with one thread,
 * where it is the same as forking at once. Returns the child's process id, or 0: not possible
 * here.
 */
int64_t late_fork(struct arena *arena);

#endif
