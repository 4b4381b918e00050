/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How far the child of the record executor has come: struct spork_attempt.outcome, read by the parent when
 * vfork returns.
 */
#ifndef SPORK_RECORD_H
#define SPORK_RECORD_H

enum record_outcome {
	RECORD_RUNS,      /* nothing outside has happened */
	RECORD_ABORTED,   /* the same, and the child left by itself */
	RECORD_COMMITTED, /* effects outside have been carried out, and then exec failed */
	RECORD_EXEC       /* at the system call of exec */
};

#endif
