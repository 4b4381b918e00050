/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The committed trials of a run, arranged for analysis: experiment, point, block, attempt, arm, metric. An arm is a
 * variant's index in the plan; arm variant_count is the control. Values are kept as doubles (8 bytes a row), texts
 * only where a trial failed or was skipped, so that 1,000,000 rows take about 20 MiB.
 *
 * Which attempt of a block counts is decided here, once: the first complete attempt in which no trial was flagged
 * `steal`, else the last complete one, marked noisy. A failed trial in it voids the block. Flags never depend on the
 * measured value, so this selects nothing that the variants cause. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_TRIALS_H
#define HOTBED_RUNNER_TRIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan.h"
#include "row.h"

struct hb_error;

enum hb_trial_flag {
	HB_TRIAL_STEAL = 1 << 0,
	HB_TRIAL_PSI = 1 << 1,
	HB_TRIAL_MIGRATED = 1 << 2,
	HB_TRIAL_LATE = 1 << 3,
	HB_TRIAL_UNSTEADY = 1 << 4,
};

/* One trial. */
struct hb_arm {
	uint64_t digest; /* hash of the digest's text; 0 = none */
	uint32_t seq;    /* global execution order */
	uint8_t status;  /* enum hb_status; HB_STATUS_COUNT = there is no such trial */
	uint8_t flags;   /* enum hb_trial_flag */
};

struct hb_attempt {
	struct hb_attempt *next; /* the following attempt, NULL = last */
	struct hb_arm *arms;     /* shape [variant_count + 1] */
	double *values;          /* shape [variant_count + 1][metric_count]; NaN = no value */
	uint32_t attempt;
	uint16_t arm_count; /* trials that are there */
	bool steal, failed;
};

struct hb_trials_block {
	struct hb_attempt *attempts;     /* by number; NULL = the block did not run */
	const struct hb_attempt *chosen; /* the one that counts; NULL = none */
	bool noisy;                      /* no attempt was free of steal */
	bool is_void;                    /* the chosen attempt has a failed trial */
};

struct hb_trials_point {
	struct hb_trials_block *blocks; /* shape [block_count] */
	uint32_t block_count;           /* highest block number seen + 1 */
};

/* A failed trial, for the report; the first HB_TRIALS_FAILURES_MAX are kept. */
struct hb_failure {
	uint32_t experiment, point, block, attempt, arm, seq;
	uint8_t status;
	char *detail;
};
#define HB_TRIALS_FAILURES_MAX 1000

/* Trials that were skipped, by experiment, arm and reason. */
struct hb_skip {
	uint32_t experiment, arm;
	uint64_t count;
	char *reason;
};
#define HB_TRIALS_SKIPS_MAX 1000

struct hb_trials {
	const struct hb_plan *plan;
	struct hb_trials_point **points; /* shape [experiment_count][point_count] */
	struct hb_failure *failures;
	struct hb_skip *skips;
	size_t failure_count, skip_count; /* kept */
	uint64_t trial_count, row_count, failed_count;
	uint64_t unknown_trials;  /* whose experiment, point or variant the plan does not have */
	uint64_t unknown_values;  /* whose metric the plan does not have */
	uint64_t repeated_trials; /* same block, attempt and arm twice: the later one counts */
	uint64_t unreadable_values;
	uint64_t torn_bytes; /* after the last commit mark: ignored */
	struct hb_trials_arena *arena;
};

/*
 * hb_trials_load - read the committed rows of @path and choose the attempts.
 * @plan: of the same run; kept by reference. Rows it does not know are counted, not loaded.
 * @ret: filled on success; hb_trials_finish() frees it.
 *
 * Returns 0, -ENOENT, -EBADMSG (missing column, unreadable number; file and what), -EIO or -ENOMEM. Blocks on the file.
 */
int hb_trials_load(const char *path, const struct hb_plan *plan, struct hb_trials *ret,
	struct hb_error *reterr);

/* hb_trials_finish - free everything; a zero-initialised struct is accepted. */
void hb_trials_finish(struct hb_trials *trials);

/*
 * hb_trials_value - what @arm measured in a block's chosen attempt.
 * @arm: variant index, or variant_count for the control. @metric: index into the experiment's metrics.
 *
 * Returns the value, or NaN where the block is void or did not run, or the trial has no such value.
 */
double hb_trials_value(const struct hb_trials *trials, uint32_t experiment, uint32_t point,
	uint32_t block, uint32_t arm, uint32_t metric);

/* hb_trials_arm_name - the variant's name, or "control". */
const char *hb_trials_arm_name(const struct hb_plan_experiment *experiment, uint32_t arm);

#endif
