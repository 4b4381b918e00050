/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Claims as data, judged: the ratio of (variant, where) over (against_variant, against_where), paired by block, against
 * the range that the claim expects. Over one point the interval is the exact order-statistic interval; over several it
 * is a seeded BCa bootstrap (9,999 resamples of blocks) of the geometric mean. Thread-safe on different structs.
 */
#ifndef HOTBED_RUNNER_CLAIM_H
#define HOTBED_RUNNER_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "hotbed/stats.h"
#include "text.h"
#include "trials.h"

enum hb_claim_verdict {
	HB_CLAIM_REPRODUCED,     /* interval inside the expected range */
	HB_CLAIM_NOT_REPRODUCED, /* disjoint from it */
	HB_CLAIM_INCONCLUSIVE,
	HB_CLAIM_NEEDS_HARDWARE, /* skipped, and the claim says it needs more than the ordinary */
	HB_CLAIM_NOT_RUN,
	HB_CLAIM_SMOKE, /* --quick: no verdict */
	HB_CLAIM_VERDICT_COUNT,
};

extern const char *const hb_claim_verdict_names[HB_CLAIM_VERDICT_COUNT];

#define HB_CLAIM_REASON_BYTES 192

struct hb_claim_result {
	uint32_t experiment, claim; /* indices into the plan */
	enum hb_claim_verdict verdict;
	struct hb_interval ratio;           /* logarithms; confidence 0 = none */
	uint32_t blocks;                    /* used */
	bool unplanned;                     /* not run since the plan has none of its points */
	uint32_t points, points_planned;    /* of the numerator: with data, and matching `where` */
	const char *method;                 /* how the interval was made; "" = none */
	char reason[HB_CLAIM_REASON_BYTES]; /* "" where the interval speaks for itself */
};

/*
 * hb_claim_judge - judge claim @claim of experiment @experiment.
 * Returns 0 or -ENOMEM. Deterministic: the bootstrap draws from the plan's seed.
 */
int hb_claim_judge(const struct hb_trials *trials, uint32_t experiment, uint32_t claim,
	struct hb_claim_result *ret);

/* hb_claim_put_range - append the expected range for a terminal: "at most x0.05", "at least x2", "x3 to x5". */
void hb_claim_put_range(struct hb_text *text, double lo, double hi);

/* hb_claim_put_source - append ", Fig. 1" or ", section 5" for @section; nothing when it is empty. */
void hb_claim_put_source(struct hb_text *text, const char *section);

/*
 * hb_claim_put_result - append a judged claim for a terminal: two lines, the verdict and what is claimed, then what was
 * measured and what was expected. @color: with escape sequences.
 */
void hb_claim_put_result(struct hb_text *text, const struct hb_plan *plan,
	const struct hb_claim_result *result, bool color);

/* hb_claim_names_point - does @params ("k=v;k=v") satisfy every clause of @where? "" is satisfied by all. */
bool hb_claim_names_point(const char *where, const char *params);

/*
 * hb_claim_against_point - index of the denominator's point for the numerator's point @point: the same parameters with
 * those of @against_where put in their place. Returns it, or -ENOENT if the plan has no such point.
 */
int hb_claim_against_point(
	const struct hb_plan_experiment *experiment, uint32_t point, const char *against_where);

#endif
