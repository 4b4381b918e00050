/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Paired log ratios with bounds, and the statistics over them. */
#include "effect.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cdf.h>

#include "hotbed/assert.h"
#include "plan_build.h"

#define LEVEL 0.95

static struct hb_bounds bounds_log(double value)
{
	if (isnan(value) || value < 0)
		return (struct hb_bounds){-INFINITY, INFINITY};
	return (struct hb_bounds){log(value), log(value)};
}

static bool is_known(struct hb_bounds b)
{
	return b.lo == b.hi;
}

static struct hb_bounds bounds_difference(struct hb_bounds a, struct hb_bounds b)
{
	if (!is_known(a) || !is_known(b))
		return (struct hb_bounds){-INFINITY, INFINITY};
	if (isinf(a.lo) && a.lo == b.lo) {
		/* Zero against zero is the same amount; two trials that never ended may differ by anything. */
		return a.lo < 0 ? (struct hb_bounds){0, 0}
				: (struct hb_bounds){-INFINITY, INFINITY};
	}
	return (struct hb_bounds){a.lo - b.lo, a.lo - b.lo};
}

static struct hb_bounds bounds_mean(struct hb_bounds a, struct hb_bounds b)
{
	if (!is_known(a) || !is_known(b) || (isinf(a.lo) && isinf(b.lo) && a.lo != b.lo))
		return (struct hb_bounds){-INFINITY, INFINITY};
	return (struct hb_bounds){(a.lo + b.lo) / 2, (a.lo + b.lo) / 2};
}

struct hb_bounds hb_bounds_ratio(double a, double b)
{
	return bounds_difference(bounds_log(a), bounds_log(b));
}

struct hb_bounds hb_bounds_effect(double variant, double baseline, double control)
{
	return bounds_difference(
		bounds_log(variant), bounds_mean(bounds_log(baseline), bounds_log(control)));
}

double hb_effect_ratio(double log)
{
	double ratio = exp(log);
	char text[40];

	if (!isfinite(ratio))
		return ratio;
	(void)snprintf(text, sizeof(text), "%.12g", ratio);
	return strtod(text, NULL);
}

void hb_series_finish(struct hb_series *series)
{
	free(series->blocks);
	free(series->variant);
	*series = (struct hb_series){0};
}

static int series_reserve(struct hb_series *series, size_t count)
{
	uint32_t *blocks;
	double *columns;

	series->count = 0;
	if (count <= series->capacity)
		return 0;
	count = count < 64 ? 64 : count;
	/* Eight columns of doubles in one piece; `variant` owns it. */
	columns = calloc(count * 8, sizeof(*columns));
	blocks = calloc(count, sizeof(*blocks));
	if (!columns || !blocks) {
		free(columns);
		free(blocks);
		return -ENOMEM;
	}
	hb_series_finish(series);
	series->blocks = blocks;
	series->variant = columns;
	series->baseline = columns + count;
	series->control = columns + count * 2;
	series->lo = columns + count * 3;
	series->hi = columns + count * 4;
	series->aa_lo = columns + count * 5;
	series->aa_hi = columns + count * 6;
	series->scratch = columns + count * 7;
	series->capacity = count;
	return 0;
}

/* Same bits: exact values that differ only in the sign of zero differ. */
static bool same_bits(double a, double b)
{
	uint64_t x, y;

	memcpy(&x, &a, sizeof(x));
	memcpy(&y, &b, sizeof(y));
	return x == y;
}

/*
 * Variants of one digest class must have seen one output. @arm disagrees if its digest differs from that of the class's
 * first variant (the baseline first) that gave one in the same block.
 */
static bool digest_differs(
	const struct hb_plan_experiment *experiment, const struct hb_attempt *attempt, uint32_t arm)
{
	uint32_t variant = arm < experiment->variant_count ? arm : experiment->baseline;
	const char *class = experiment->variants[variant].digest_class;
	uint64_t digest = attempt->arms[arm].digest;

	if (!class || !*class || !digest)
		return false;
	for (uint32_t i = 0; i <= experiment->variant_count; i++) {
		/* The baseline is asked first, then the variants in order. */
		uint32_t other = i == 0 ? experiment->baseline : i - 1;
		const char *other_class = experiment->variants[other].digest_class;

		if (other_class && !strcmp(other_class, class) && attempt->arms[other].digest &&
			attempt->arms[other].status == HB_STATUS_OK)
			return attempt->arms[other].digest != digest;
	}
	return false;
}

static void series_count_arm(struct hb_series *series, const struct hb_plan_experiment *experiment,
	const struct hb_attempt *attempt, uint32_t arm)
{
	uint8_t status = attempt->arms[arm].status;

	if (status == HB_STATUS_COUNT || status == HB_STATUS_SKIPPED)
		return;
	if (status != HB_STATUS_OK)
		series->failed++;
	if (status == HB_STATUS_VERIFY_FAILED || digest_differs(experiment, attempt, arm))
		series->unverified++;
}

static void series_add(struct hb_series *series, uint32_t block, double variant, double baseline,
	double control, bool against_baseline)
{
	struct hb_bounds effect, aa = hb_bounds_ratio(control, baseline);
	size_t i = series->count++;

	effect = against_baseline ? hb_bounds_effect(variant, baseline, control)
				  : hb_bounds_ratio(variant, baseline);
	series->blocks[i] = block;
	series->variant[i] = variant;
	series->baseline[i] = baseline;
	series->control[i] = control;
	series->lo[i] = effect.lo;
	series->hi[i] = effect.hi;
	series->aa_lo[i] = aa.lo;
	series->aa_hi[i] = aa.hi;
}

int hb_series_fill(struct hb_series *series, const struct hb_trials *trials, uint32_t e, uint32_t p,
	uint32_t variant, uint32_t against, uint32_t metric)
{
	const struct hb_plan_experiment *experiment = &trials->plan->experiments[e];
	const struct hb_trials_point *point = &trials->points[e][p];
	uint32_t control = (uint32_t)experiment->variant_count;
	bool exact = experiment->metrics[metric].exact;

	if (series_reserve(series, point->block_count))
		return -ENOMEM;
	series->noisy = series->failed = series->unverified = series->skipped = 0;
	series->nondeterministic = false;
	for (uint32_t b = 0; b < point->block_count; b++) {
		const struct hb_attempt *chosen = point->blocks[b].chosen;
		double base, copy, value, rival;

		if (!chosen)
			continue;
		series->skipped += chosen->arms[variant].status == HB_STATUS_SKIPPED;
		series_count_arm(series, experiment, chosen, variant);
		series_count_arm(series, experiment, chosen, experiment->baseline);
		series_count_arm(series, experiment, chosen, control);
		if (against != experiment->baseline)
			series_count_arm(series, experiment, chosen, against);
		base = hb_trials_value(trials, e, p, b, experiment->baseline, metric);
		copy = hb_trials_value(trials, e, p, b, control, metric);
		value = hb_trials_value(trials, e, p, b, variant, metric);
		rival = hb_trials_value(trials, e, p, b, against, metric);
		if (exact && !isnan(base) && !isnan(copy) && !same_bits(base, copy))
			series->nondeterministic = true;
		if (isnan(value) || isnan(rival))
			continue;
		if (against == experiment->baseline && isnan(copy))
			continue;
		series_add(series, b, value, rival, against == experiment->baseline ? copy : NAN,
			against == experiment->baseline);
		if (against != experiment->baseline && !isnan(base) && !isnan(copy)) {
			struct hb_bounds aa = hb_bounds_ratio(copy, base);

			series->aa_lo[series->count - 1] = aa.lo;
			series->aa_hi[series->count - 1] = aa.hi;
		}
		series->noisy += point->blocks[b].noisy;
	}
	for (size_t i = 1; exact && experiment->unseeded && i < series->count; i++)
		series->nondeterministic |= !same_bits(series->variant[0], series->variant[i]) ||
					    !same_bits(series->baseline[0], series->baseline[i]);
	return 0;
}

int hb_interval_of_bounds(
	const double *lo, const double *hi, size_t count, double level, struct hb_interval *ret)
{
	struct hb_interval upper;
	int r = hb_stats_median_interval(lo, count, level, ret);

	if (!r)
		r = hb_stats_median_interval(hi, count, level, &upper);
	if (r)
		return r;
	ret->hi = upper.hi;
	if (!(ret->estimate == upper.estimate))
		ret->estimate = NAN;
	return 0;
}

void hb_series_fences(const struct hb_series *series, double *ret_lo, double *ret_hi)
{
	size_t known = 0;

	*ret_lo = *ret_hi = NAN;
	for (size_t i = 0; i < series->count; i++) {
		if (series->lo[i] == series->hi[i] && isfinite(series->lo[i]))
			series->scratch[known++] = series->lo[i];
	}
	if (known >= 4)
		(void)hb_stats_tukey_fences(series->scratch, known, ret_lo, ret_hi);
}

/* Two-sided p value of a Spearman correlation by its t approximation; a warning, not a verdict, rests on it. */
static double trend_p(double rho, size_t count)
{
	double t;

	if (isnan(rho) || count < 4)
		return NAN;
	if (fabs(rho) >= 1)
		return 0;
	t = fabs(rho) * sqrt(((double)count - 2) / (1 - rho * rho));
	return 2 * gsl_cdf_tdist_Q(t, (double)count - 2);
}

static void compute_drift(const struct hb_series *series, struct hb_effect *effect)
{
	double lo, hi;
	size_t known = 0;

	effect->trend = effect->trend_p = effect->lag1 = NAN;
	effect->p = 1;
	hb_series_fences(series, &lo, &hi);
	for (size_t i = 0; i < series->count; i++) {
		if (series->lo[i] != series->hi[i]) {
			effect->unknown++;
			continue;
		}
		effect->outliers += series->lo[i] < lo || series->lo[i] > hi;
		series->scratch[known++] = series->lo[i];
	}
	if (!known)
		return;
	effect->p = hb_stats_wilcoxon_p(series->scratch, known);
	effect->trend = hb_stats_spearman_trend(series->scratch, known);
	effect->trend_p = trend_p(effect->trend, known);
	for (size_t i = 0; i < known; i++) {
		if (isinf(series->scratch[i]))
			return;
	}
	effect->lag1 = hb_stats_lag1(series->scratch, known);
}

static double compute_cliffs_delta(const struct hb_series *series)
{
	double *pooled = malloc(series->count * 2 * sizeof(*pooled));
	size_t count = 0;
	double delta;

	if (!pooled)
		return NAN;
	for (size_t i = 0; i < series->count; i++) {
		pooled[count++] = series->baseline[i];
		if (!isnan(series->control[i]))
			pooled[count++] = series->control[i];
	}
	delta = hb_stats_cliffs_delta(series->variant, series->count, pooled, count);
	free(pooled);
	return delta;
}

double hb_effect_level(const struct hb_plan_experiment *experiment)
{
	return experiment->until_ci ? 1 - (1 - LEVEL) / HB_PLAN_LOOK_COUNT : LEVEL;
}

int hb_effect_compute(const struct hb_series *series, bool exact, bool unseeded, double level,
	struct hb_effect *ret)
{
	static const struct hb_interval nothing = {NAN, -INFINITY, INFINITY, 0};
	struct hb_effect effect = {.ratio = nothing,
		.aa = nothing,
		.blocks = (uint32_t)series->count,
		.noisy = series->noisy,
		.failed = series->failed,
		.unverified = series->unverified,
		.skipped = series->skipped,
		.nondeterministic = series->nondeterministic,
		.median_baseline = NAN,
		.median_variant = NAN,
		.cliffs_delta = NAN,
		.p = NAN,
		.trend = NAN,
		.trend_p = NAN,
		.lag1 = NAN};
	int r = 0;

	hb_assert(ret);
	if (!series->count) {
		*ret = effect;
		return 0;
	}
	effect.median_baseline = hb_stats_median(series->baseline, series->count);
	effect.median_variant = hb_stats_median(series->variant, series->count);
	effect.cliffs_delta = compute_cliffs_delta(series);
	compute_drift(series, &effect);
	if (exact && unseeded && !effect.nondeterministic) {
		effect.is_exact_value = true;
		effect.ratio = (struct hb_interval){NAN, series->lo[0], series->hi[0], 1};
		if (series->lo[0] == series->hi[0])
			effect.ratio.estimate = series->lo[0];
	} else {
		r = hb_interval_of_bounds(
			series->lo, series->hi, series->count, level, &effect.ratio);
	}
	if (!r && !exact)
		r = hb_interval_of_bounds(
			series->aa_lo, series->aa_hi, series->count, LEVEL, &effect.aa);
	if (r)
		return r;
	*ret = effect;
	return 0;
}
