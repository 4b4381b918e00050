/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The effect of a variant on one metric, paired by block. The replicate is the block: per block the effect is
 * log variant - mean(log baseline, log control), its estimate the median over the blocks, its interval the exact
 * order-statistic interval. The A/A ratio log control - log baseline is kept beside it and is uncorrelated with it.
 *
 * Values that have no logarithm are dealt with in words, not dropped in silence:
 *   zero        log is -infinity; zero against zero is a ratio of exactly 1
 *   infinite    (never ended) log is +infinity, so it only ranks; infinite against infinite says nothing
 *   negative    has no ratio: says nothing
 * A block that says nothing about the ratio counts as -infinity in the lower bound and as +infinity in the upper one:
 * it widens the interval both ways instead of vanishing. Thread-safe on different structs.
 */
#ifndef HOTBED_RUNNER_EFFECT_H
#define HOTBED_RUNNER_EFFECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hotbed/stats.h"
#include "trials.h"

/* What is known of a logarithm: both ends equal when it is known, (-infinity, infinity) when nothing is. */
struct hb_bounds {
	double lo, hi;
};

/* The blocks of one comparison, in order of block number. Arrays of shape [count]; hb_series_finish() frees them. */
struct hb_series {
	size_t count, capacity;
	uint32_t *blocks;
	double *variant, *baseline,
		*control;      /* values; control is NaN when the denominator is a rival */
	double *lo, *hi;       /* bounds of the log effect */
	double *aa_lo, *aa_hi; /* bounds of log control - log baseline */
	double *scratch;
	uint32_t noisy;        /* blocks whose chosen attempt had steal */
	uint32_t failed;       /* failed trials of the compared arms, in chosen attempts */
	uint32_t unverified;   /* verify_failed, or a digest that differs within its class */
	uint32_t skipped;      /* trials of the variant that were skipped */
	bool nondeterministic; /* exact, and control or (unseeded) blocks differ */
};

/* One comparison at one point. Logarithms unless said otherwise. */
struct hb_effect {
	struct hb_interval ratio; /* of the effect; estimate NaN where undefined */
	struct hb_interval aa;    /* of the A/A ratio; confidence 0 for exact metrics */
	double median_baseline, median_variant; /* values; NaN if there is none */
	double cliffs_delta, p, trend, trend_p, lag1;
	uint32_t blocks;   /* blocks in the interval */
	uint32_t unknown;  /* of these: say nothing about the ratio */
	uint32_t outliers; /* beyond Tukey's fences; labelled, never removed */
	uint32_t noisy, failed, unverified, skipped;
	bool nondeterministic;
	bool is_exact_value; /* unseeded and exact: the ratio is known, not estimated */
};

/* hb_bounds_ratio - log(@a / @b) by the rules above. */
struct hb_bounds hb_bounds_ratio(double a, double b);

/* hb_bounds_effect - log @variant - mean(log @baseline, log @control) by the rules above. */
struct hb_bounds hb_bounds_effect(double variant, double baseline, double control);

/*
 * hb_effect_ratio - the ratio whose logarithm is @log, at 12 significant digits: what log and exp lose beyond them
 * would print 0.5 as 0.49999999999999994, and differently from one machine to the next.
 */
double hb_effect_ratio(double log);

/*
 * hb_series_fill - collect the usable blocks of @variant against @against at one point.
 * @against: variant index; the plan's baseline stands for the mean of baseline and control.
 * @series: zero-initialised or used before; its memory is used again.
 *
 * Returns 0 or -ENOMEM.
 */
int hb_series_fill(struct hb_series *series, const struct hb_trials *trials, uint32_t experiment,
	uint32_t point, uint32_t variant, uint32_t against, uint32_t metric);

void hb_series_finish(struct hb_series *series);

/*
 * hb_interval_of_bounds - median and order-statistic interval of values known only within bounds.
 * @lo, @hi: shape [@count]. The lower end is the order statistic of @lo, the upper that of @hi; the estimate is NaN
 * where the two medians differ.
 *
 * Returns 0, -EINVAL (count = 0) or -ENOMEM.
 */
int hb_interval_of_bounds(
	const double *lo, const double *hi, size_t count, double level, struct hb_interval *ret);

/*
 * hb_effect_compute - the statistics of a filled series.
 * @exact: the metric repeats bit for bit; @unseeded: so do blocks.
 * @level: of the interval, hb_effect_level().
 *
 * Returns 0 or -ENOMEM.
 */
int hb_effect_compute(const struct hb_series *series, bool exact, bool unseeded, double level,
	struct hb_effect *ret);

/*
 * hb_effect_level - the level of an experiment's intervals: 0.95. Where --until-ci may have stopped a point after one
 * of several looks, each look spends its share of the 5 %, so the intervals are that much wider.
 */
double hb_effect_level(const struct hb_plan_experiment *experiment);

/* hb_series_fences - Tukey's fences of the known effects of @series; NaN where there are fewer than 4. */
void hb_series_fences(const struct hb_series *series, double *ret_lo, double *ret_hi);

#endif
