/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a run stands: which blocks are done, which trial comes next, what has to be run again. The same code accounts
 * for a trial that just ended and for one read back from the journal, so a resumed run goes on exactly where the
 * first one was.
 *
 * Rules: a block in which a trial saw steal time above HB_BLOCKS_STEAL_PPM is run again as a whole, twice at most; a
 * block with an interrupted trial is run again; three failures of an arm at one point stop that point; with until_ci
 * a point stops once the looks (plan_build.h) have decided it. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_BLOCKS_H
#define HOTBED_RUNNER_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan.h"
#include "row.h"

struct hb_blocks;

#define HB_BLOCKS_STEAL_PPM 10000
#define HB_BLOCKS_RERUNS_MAX 2
#define HB_BLOCKS_FAILURES_MAX 3

/* A trial of the plan. */
struct hb_blocks_trial {
	uint32_t index; /* into plan->blocks */
	uint32_t attempt;
	uint16_t slot; /* position in the block's order */
};

/* How it ended. */
struct hb_blocks_outcome {
	enum hb_status status;
	bool steal;           /* above HB_BLOCKS_STEAL_PPM */
	const char *digest;   /* "" = none */
	const double *values; /* shape [metric_count], NaN = none */
};

enum hb_blocks_next {
	HB_BLOCKS_TRIAL, /* *ret is the trial to start */
	HB_BLOCKS_WAIT,  /* first a running trial must end */
	HB_BLOCKS_END,   /* nothing is left */
};

struct hb_blocks_counts {
	uint64_t trials_planned;   /* first attempts of all blocks */
	uint64_t trials_done;      /* of these: committed, or given up with their point */
	uint64_t trials_committed; /* all attempts */
	uint64_t failed, skipped, interrupted;
	uint64_t blocks_closed, blocks_noisy, reruns;
	uint64_t points_stopped, points_decided;
};

/* hb_blocks_create - a run of @plan (kept by reference) of which nothing is done. 0 or -ENOMEM. */
int hb_blocks_create(const struct hb_plan *plan, struct hb_blocks **ret);
void hb_blocks_destroy(struct hb_blocks *blocks);

/* hb_blocks_arm - variant index that runs in the trial's slot; variant_count = the control. */
uint32_t hb_blocks_arm(const struct hb_blocks *blocks, const struct hb_blocks_trial *trial);

/* hb_blocks_find - index into plan->blocks, or -ENOENT. */
int64_t hb_blocks_find(
	const struct hb_blocks *blocks, uint32_t experiment, uint32_t point, uint32_t block);

/* hb_blocks_is_closed - has the block had its last attempt, or was it given up with its point? @index: as above. */
bool hb_blocks_is_closed(const struct hb_blocks *blocks, uint32_t index);

/*
 * hb_blocks_next - what to start now. @may_open: also a block that has not begun (false: finish what has begun).
 * Wall-time experiments run one trial at a time and one block after the other; of quiet ones several blocks may be
 * open.
 */
enum hb_blocks_next hb_blocks_next(
	struct hb_blocks *blocks, bool may_open, struct hb_blocks_trial *ret);

/* hb_blocks_begin - the trial that hb_blocks_next() gave is being started. 0 or -ENOMEM. */
int hb_blocks_begin(struct hb_blocks *blocks, const struct hb_blocks_trial *trial);

/*
 * hb_blocks_judge - compare a finished trial with those of its block that ended before it.
 * Digests of one digest_class must agree: the later trial becomes verify_failed, and @detail (of @detail_bytes) says
 * from which it differs; which of both is wrong cannot be told here. Exact metrics of control and baseline must
 * agree.
 *
 * Returns true if they do not (flag "nondeterministic").
 */
bool hb_blocks_judge(struct hb_blocks *blocks, const struct hb_blocks_trial *trial,
	struct hb_blocks_outcome *outcome, char *detail, size_t detail_bytes);

/* hb_blocks_finish - the trial is committed. 0 or -ENOMEM. */
int hb_blocks_finish(struct hb_blocks *blocks, const struct hb_blocks_trial *trial,
	const struct hb_blocks_outcome *outcome);

/* hb_blocks_replay - the same for a trial read from the journal; one that has no place is ignored. 0 or -ENOMEM. */
int hb_blocks_replay(struct hb_blocks *blocks, const struct hb_blocks_trial *trial,
	const struct hb_blocks_outcome *outcome);

/* hb_blocks_mark_resumed - trials of blocks that are open now continue a block that an earlier runner began. */
void hb_blocks_mark_resumed(struct hb_blocks *blocks);
bool hb_blocks_is_resumed(const struct hb_blocks *blocks, const struct hb_blocks_trial *trial);

/* hb_blocks_pass_over - begin no further block of @experiment in this process; a later one still may. */
void hb_blocks_pass_over(struct hb_blocks *blocks, uint32_t experiment);

/*
 * hb_blocks_allow_reruns - may a noisy block that closes from now on be run again (the default)? Without, it is kept
 * as it is: where time is limited, the first attempts of the other blocks come before second ones of this.
 */
void hb_blocks_allow_reruns(struct hb_blocks *blocks, bool allowed);

void hb_blocks_count(const struct hb_blocks *blocks, struct hb_blocks_counts *ret);

/* hb_blocks_left - planned trials of @experiment that are still to come. */
uint64_t hb_blocks_left(const struct hb_blocks *blocks, uint32_t experiment);

/* hb_blocks_ratio - geometric mean of idea / baseline over the closed blocks of @experiment; NaN if there is none. */
double hb_blocks_ratio(const struct hb_blocks *blocks, uint32_t experiment);

/*
 * hb_blocks_stopped - was the point given up? @ret_arm: which arm failed too often. hb_blocks_decided: did the looks
 * end it?
 */
bool hb_blocks_stopped(
	const struct hb_blocks *blocks, uint32_t experiment, uint32_t point, uint32_t *ret_arm);
bool hb_blocks_decided(const struct hb_blocks *blocks, uint32_t experiment, uint32_t point);

#endif
