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
 * the arena's child stack and does not return.
 */
int64_t record_run_child(struct arena *arena, void (*run_child_code)(void *));

#endif
