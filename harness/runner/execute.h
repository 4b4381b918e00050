/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Carrying out a plan: starts trials in the plan's order, commits each to the journal as it ends, keeps the machine's
 * lock while wall-time trials run, and stops cleanly on signals, at a time limit and on a full disk. One at a time per
 * process (supervise.h).
 */
#ifndef HOTBED_RUNNER_EXECUTE_H
#define HOTBED_RUNNER_EXECUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "blocks.h"
#include "env.h"

struct hb_error;
struct hb_journal;
struct hb_progress;

struct hb_execute {
	const struct hb_plan *plan;
	const struct hb_env *env; /* where and with what it runs now */
	struct hb_journal *journal;
	struct hb_blocks *blocks; /* where the run stands; updated */
	struct hb_progress *progress;
	uint64_t next_seq;
	int64_t max_time_ns;     /* then no further block is begun; 0 = no limit */
	uint32_t jobs;           /* quiet trials at a time; 0 = one per CPU */
	int64_t min_deadline_ns; /* of a trial; 0 = 10 s */
	/* Appended to the name of its folder of temporary files, where one machine runs several parts of a run. */
	const char *part; /* NULL = nothing */
};

enum hb_execute_end {
	HB_EXECUTE_DONE,
	HB_EXECUTE_TIME,        /* max_time_ns is over; can be resumed */
	HB_EXECUTE_INTERRUPTED, /* by a signal; can be resumed */
	HB_EXECUTE_FAULT, /* the disk, or a driver that could not be started; can be resumed */
};

/*
 * hb_execute_run - run what is left of the plan.
 * @ret: how it ended. With HB_EXECUTE_FAULT the reason is in @reterr and the return value its code; else 0.
 */
int hb_execute_run(struct hb_execute *execute, enum hb_execute_end *ret, struct hb_error *reterr);

#endif
