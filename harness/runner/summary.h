/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The summary of a run: every variant against the baseline at every point and metric (and every idea against the best
 * rival), every claim judged, and what a reader must be warned of. Computed from plan.json and trials.csv alone, so any
 * stage can be repeated. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_SUMMARY_H
#define HOTBED_RUNNER_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "claim.h"
#include "effect.h"
#include "plan.h"
#include "text.h"
#include "trials.h"
#include "verdict.h"

struct hb_error;

/*
 * One row of summary.csv. Its statistics come from hb_summary_effect(): kept for every row, those of 1,000,000 rows of
 * trials.csv could take 100 MiB.
 */
struct hb_comparison {
	uint32_t point;
	uint16_t experiment, metric, variant; /* plan_limits.h keeps them far below 65,536 */
	uint16_t against;                     /* variant index; not the baseline: the best rival */
	uint8_t verdict;                      /* enum hb_verdict */
	const char *reason;                   /* constant text, "" */
	double p_holm;                        /* NaN unless a claim names the row */
};

/* So many rows keep their statistics; those of later ones are computed each time. */
#define HB_SUMMARY_EFFECTS_KEPT 4096

struct hb_summary {
	const struct hb_plan *plan;
	const struct hb_trials *trials;
	struct hb_comparison *comparisons; /* by experiment, then point, metric, variant */
	struct hb_effect *effects;         /* of the first HB_SUMMARY_EFFECTS_KEPT comparisons */
	struct hb_claim_result *claims;    /* in the plan's order */
	char **warnings;
	size_t comparison_count, claim_count, warning_count;
};

/*
 * hb_summary_compute - fill @ret from @trials, which stays in use until hb_summary_finish().
 * Returns 0 or -ENOMEM.
 */
int hb_summary_compute(
	const struct hb_trials *trials, struct hb_summary *ret, struct hb_error *reterr);

/* hb_summary_finish - free everything; a zero-initialised struct is accepted. */
void hb_summary_finish(struct hb_summary *summary);

/*
 * hb_summary_effect - the statistics of comparison @c, one of @summary's. Returns 0 or -ENOMEM.
 */
int hb_summary_effect(
	const struct hb_summary *summary, const struct hb_comparison *c, struct hb_effect *ret);

/*
 * hb_summary_write - write summary.csv to @csv and summary.json, hotbed.summary/1, to @json, row by row; either may be
 * NULL. Returns 0, -ENOMEM or the negative errno of a stream that cannot be written. Blocks on the streams.
 */
int hb_summary_write(const struct hb_summary *summary, FILE *csv, FILE *json);

/* hb_summary_put_claims_json - the array of judged claims alone (`hotbed claims --json`). */
void hb_summary_put_claims_json(const struct hb_summary *summary, struct hb_text *text);

/*
 * hb_summary_next_claim - the claims that name comparison @c (variant, metric, point of the numerator), one per call.
 * @from: index into summary->claims to start at; 0 at first, then the last result + 1.
 *
 * Returns an index into summary->claims, or -ENOENT. Comparisons against a rival are named by no claim.
 */
int hb_summary_next_claim(
	const struct hb_summary *summary, const struct hb_comparison *c, size_t from);

#endif
