/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pairing of a claim's two sides by block, and the judgement. */
#include "claim.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "hotbed/rng.h"
#include "effect.h"
#include "verdict.h"

#define RESAMPLES 9999

const char *const hb_claim_verdict_names[HB_CLAIM_VERDICT_COUNT] = {
	[HB_CLAIM_REPRODUCED] = "reproduced",
	[HB_CLAIM_NOT_REPRODUCED] = "not reproduced",
	[HB_CLAIM_INCONCLUSIVE] = "inconclusive",
	[HB_CLAIM_NEEDS_HARDWARE] = "needs hardware",
	[HB_CLAIM_NOT_RUN] = "not run",
	[HB_CLAIM_SMOKE] = "smoke",
};

/* What a claim compares, resolved against the plan. */
struct sides {
	const struct hb_trials *trials;
	const struct hb_plan_experiment *experiment;
	const struct hb_plan_claim *claim;
	uint32_t e, metric, variant, against;
	uint32_t *numerators, *denominators; /* points, shape [count]; numerators owns both */
	size_t count;
};

/* The claim's value per block: bounds of the mean log ratio over the points. */
struct paired {
	double *lo, *hi; /* shape [count]; lo owns both */
	size_t count;
	bool finite;
};

static bool has_clause(const char *params, const char *clause, size_t length)
{
	while (*params) {
		size_t n = strcspn(params, ";");

		if (n == length && !memcmp(params, clause, n))
			return true;
		params += n;
		if (*params == ';')
			params++;
	}
	return false;
}

bool hb_claim_names_point(const char *where, const char *params)
{
	while (*where) {
		size_t n = strcspn(where, ";");

		if (n && !has_clause(params, where, n))
			return false;
		where += n;
		if (*where == ';')
			where++;
	}
	return true;
}

/* The clause of @where that sets the same key as the clause at @clause, or NULL. */
static const char *same_key(const char *where, const char *clause, size_t length)
{
	const char *equals = memchr(clause, '=', length);
	size_t key = equals ? (size_t)(equals - clause) + 1 : length;

	while (*where) {
		size_t n = strcspn(where, ";");

		if (n >= key && !memcmp(where, clause, key))
			return where;
		where += n;
		if (*where == ';')
			where++;
	}
	return NULL;
}

/* Does @params equal @own with the clauses of @where in place of its own? */
static bool equals_with(const char *params, const char *own, const char *where)
{
	while (*params && *own) {
		size_t n = strcspn(own, ";"), m = strcspn(params, ";");
		const char *want = same_key(where, own, n);
		size_t want_length = want ? strcspn(want, ";") : n;

		if (m != want_length || memcmp(params, want ? want : own, m))
			return false;
		own += n + (own[n] == ';');
		params += m + (params[m] == ';');
	}
	return !*params && !*own;
}

int hb_claim_against_point(
	const struct hb_plan_experiment *experiment, uint32_t point, const char *against_where)
{
	if (!*against_where)
		return (int)point;
	for (size_t p = 0; p < experiment->point_count; p++) {
		if (equals_with(experiment->points[p].params, experiment->points[point].params,
			    against_where))
			return (int)p;
	}
	return -ENOENT;
}

static int find_variant(const struct hb_plan_experiment *experiment, const char *name)
{
	if (!*name)
		return (int)experiment->baseline;
	for (size_t v = 0; v < experiment->variant_count; v++) {
		if (!strcmp(experiment->variants[v].name, name))
			return (int)v;
	}
	return -ENOENT;
}

static int find_metric(const struct hb_plan_experiment *experiment, const char *name)
{
	for (size_t m = 0; m < experiment->metric_count; m++) {
		if (!strcmp(experiment->metrics[m].name, name))
			return (int)m;
	}
	return -ENOENT;
}

/* Resolve names; -ENOENT with the reason in @result if the plan lacks one. */
static int resolve(struct sides *sides, struct hb_claim_result *result)
{
	const struct hb_plan_experiment *experiment = sides->experiment;
	const struct hb_plan_claim *claim = sides->claim;
	const char *against_where = claim->against_where ? claim->against_where : "";
	const char *where = claim->where ? claim->where : "";
	int variant = find_variant(experiment, claim->variant ? claim->variant : "");
	int against =
		find_variant(experiment, claim->against_variant ? claim->against_variant : "");
	int metric = find_metric(experiment, claim->metric);

	if (variant < 0 || against < 0 || metric < 0) {
		(void)snprintf(result->reason, sizeof(result->reason), "the plan has no such %s",
			metric < 0 ? "metric" : "variant");
		return -ENOENT;
	}
	sides->variant = (uint32_t)variant;
	sides->against = (uint32_t)against;
	sides->metric = (uint32_t)metric;
	sides->numerators = calloc(experiment->point_count * 2 + 1, sizeof(*sides->numerators));
	if (!sides->numerators)
		return -ENOMEM;
	sides->denominators = sides->numerators + experiment->point_count;
	for (uint32_t p = 0; p < experiment->point_count; p++) {
		int q;

		if (!hb_claim_names_point(where, experiment->points[p].params))
			continue;
		result->points_planned++;
		q = hb_claim_against_point(experiment, p, against_where);
		if (q < 0)
			continue;
		sides->numerators[sides->count] = p;
		sides->denominators[sides->count++] = (uint32_t)q;
	}
	if (sides->count)
		return 0;
	result->unplanned = true;
	(void)snprintf(result->reason, sizeof(result->reason), "the plan has no such point");
	return -ENOENT;
}

/* Baseline and control where @variant is the baseline; otherwise its value twice, whose mean log is its log. */
static bool side_values(const struct sides *sides, uint32_t point, uint32_t variant, uint32_t block,
	double *ret_a, double *ret_b)
{
	uint32_t control = (uint32_t)sides->experiment->variant_count;
	uint32_t twin = variant == sides->experiment->baseline ? control : variant;

	*ret_a = hb_trials_value(sides->trials, sides->e, point, block, variant, sides->metric);
	*ret_b = hb_trials_value(sides->trials, sides->e, point, block, twin, sides->metric);
	return !isnan(*ret_a) && !isnan(*ret_b);
}

static bool pair_bounds(const struct sides *sides, size_t i, uint32_t block, struct hb_bounds *ret)
{
	struct hb_bounds upper, unit;
	double a, b, c, d;

	if (!side_values(sides, sides->numerators[i], sides->variant, block, &a, &b) ||
		!side_values(sides, sides->denominators[i], sides->against, block, &c, &d))
		return false;
	if (a == b || sides->variant != sides->experiment->baseline) {
		*ret = hb_bounds_effect(a, c, d);
		return true;
	}
	/* mean(log a, log b) - mean(log c, log d), from the two halves. */
	upper = hb_bounds_effect(a, c, d);
	unit = hb_bounds_effect(b, c, d);
	*ret = (struct hb_bounds){-INFINITY, INFINITY};
	if (upper.lo == upper.hi && unit.lo == unit.hi && !isnan(upper.lo + unit.lo))
		ret->lo = ret->hi = (upper.lo + unit.lo) / 2;
	return true;
}

static bool point_has_data(const struct sides *sides, size_t i, uint32_t blocks)
{
	struct hb_bounds bounds;

	for (uint32_t b = 0; b < blocks; b++) {
		if (pair_bounds(sides, i, b, &bounds))
			return true;
	}
	return false;
}

static uint32_t block_count(const struct sides *sides)
{
	uint32_t count = 0;

	for (size_t i = 0; i < sides->count; i++) {
		uint32_t n = sides->trials->points[sides->e][sides->numerators[i]].block_count;

		count = n > count ? n : count;
	}
	return count;
}

/* Keep only points with data; then a block counts if every kept point has a value in it. */
static int pair_blocks(struct sides *sides, struct paired *paired)
{
	uint32_t blocks = block_count(sides);
	size_t kept = 0;

	for (size_t i = 0; i < sides->count; i++) {
		if (!point_has_data(sides, i, blocks))
			continue;
		sides->numerators[kept] = sides->numerators[i];
		sides->denominators[kept++] = sides->denominators[i];
	}
	sides->count = kept;
	paired->lo = calloc((size_t)blocks * 2 + 1, sizeof(*paired->lo));
	if (!paired->lo)
		return -ENOMEM;
	paired->hi = paired->lo + blocks;
	paired->finite = true;
	for (uint32_t b = 0; kept && b < blocks; b++) {
		double lo = 0, hi = 0;
		size_t i = 0;

		for (; i < kept; i++) {
			struct hb_bounds bounds;

			if (!pair_bounds(sides, i, b, &bounds))
				break;
			lo += bounds.lo;
			hi += bounds.hi;
		}
		if (i < kept)
			continue;
		/* Zero at one point and infinity at another: the mean says nothing. */
		paired->lo[paired->count] = isnan(lo) ? -INFINITY : lo / (double)kept;
		paired->hi[paired->count] = isnan(hi) ? INFINITY : hi / (double)kept;
		paired->finite &= isfinite(lo) && lo == hi;
		paired->count++;
	}
	return 0;
}

static double mean_of_items(const uint32_t *items, size_t count, void *user)
{
	const double *values = user;
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += values[items[i]];
	return sum / (double)count;
}

static bool all_equal(const double *values, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		if (values[i] != values[0])
			return false;
	}
	return true;
}

static int estimate(
	const struct sides *sides, const struct paired *paired, struct hb_claim_result *result)
{
	const struct hb_plan_metric *metric = &sides->experiment->metrics[sides->metric];
	double level = hb_effect_level(sides->experiment);
	struct hb_rng rng;

	if (metric->exact && sides->experiment->unseeded && paired->finite) {
		result->method = "exact value";
		result->ratio =
			(struct hb_interval){paired->lo[0], paired->lo[0], paired->lo[0], 1};
		return 0;
	}
	/* A bootstrap of equal values is that value; BCa's correction is undefined there. */
	if (sides->count == 1 || !paired->finite || paired->count < HB_VERDICT_BLOCKS_MIN ||
		all_equal(paired->lo, paired->count)) {
		result->method = "order statistics";
		return hb_interval_of_bounds(
			paired->lo, paired->hi, paired->count, level, &result->ratio);
	}
	result->method = "BCa bootstrap";
	hb_rng_init(&rng, sides->trials->plan->seed,
		XXH3_64bits(sides->claim->name, strlen(sides->claim->name)));
	return hb_stats_bca(
		paired->count, mean_of_items, paired->lo, RESAMPLES, level, &rng, &result->ratio);
}

/* Failed and unverified trials of either side; digests are judged by hb_series_fill(). */
static int count_failures(const struct sides *sides, uint32_t *ret_failed, bool *ret_invalid)
{
	struct hb_series series = {0};
	int r = 0;

	for (size_t i = 0; !r && i < sides->count; i++) {
		r = hb_series_fill(&series, sides->trials, sides->e, sides->numerators[i],
			sides->variant, sides->experiment->baseline, sides->metric);
		*ret_failed += series.failed;
		*ret_invalid |= series.unverified || series.nondeterministic ||
				series.failed >= HB_VERDICT_FAILURES_MAX;
		if (!r)
			r = hb_series_fill(&series, sides->trials, sides->e, sides->denominators[i],
				sides->against, sides->experiment->baseline, sides->metric);
		*ret_invalid |= series.unverified || series.nondeterministic ||
				series.failed >= HB_VERDICT_FAILURES_MAX;
	}
	hb_series_finish(&series);
	return r;
}

/* Why a claim without a single usable block has none. */
static void judge_absent(const struct sides *sides, struct hb_claim_result *result)
{
	const struct hb_trials *trials = sides->trials;
	const char *reason = NULL;

	for (uint32_t p = 0; !reason && p < sides->experiment->point_count; p++) {
		const char *skip = sides->experiment->points[p].skip;

		if (hb_claim_names_point(sides->claim->where ? sides->claim->where : "",
			    sides->experiment->points[p].params) &&
			skip && *skip)
			reason = skip;
	}
	for (size_t i = 0; !reason && i < trials->skip_count; i++) {
		const struct hb_skip *skip = &trials->skips[i];

		if (skip->experiment == sides->e &&
			(skip->arm == sides->variant || skip->arm == sides->against))
			reason = skip->reason;
	}
	result->verdict = HB_CLAIM_NOT_RUN;
	if (reason && sides->claim->needs && *sides->claim->needs)
		result->verdict = HB_CLAIM_NEEDS_HARDWARE;
	if (reason)
		(void)snprintf(result->reason, sizeof(result->reason), "%s", reason);
	else if (!*result->reason)
		(void)snprintf(result->reason, sizeof(result->reason), "no usable block");
}

static void judge_interval(const struct sides *sides, struct hb_claim_result *result)
{
	const struct hb_plan_claim *claim = sides->claim;
	double lo = hb_effect_ratio(result->ratio.lo), hi = hb_effect_ratio(result->ratio.hi);

	if (!sides->trials->plan->verdicts) {
		result->verdict = HB_CLAIM_SMOKE;
	} else if (result->ratio.confidence <= 0) {
		result->verdict = HB_CLAIM_INCONCLUSIVE;
		(void)snprintf(result->reason, sizeof(result->reason),
			"fewer than %d usable blocks give no 95 %% interval",
			HB_VERDICT_BLOCKS_MIN);
	} else if (lo >= claim->lo && hi <= claim->hi) {
		result->verdict = HB_CLAIM_REPRODUCED;
	} else if (hi < claim->lo || lo > claim->hi) {
		result->verdict = HB_CLAIM_NOT_REPRODUCED;
	} else {
		result->verdict = HB_CLAIM_INCONCLUSIVE;
		(void)snprintf(result->reason, sizeof(result->reason),
			"the interval reaches across the edge of the expected range");
	}
}

static int judge(struct sides *sides, struct paired *paired, struct hb_claim_result *result)
{
	uint32_t failed = 0;
	bool invalid = false;
	int r = resolve(sides, result);

	if (r == -ENOENT) {
		judge_absent(sides, result);
		return 0;
	}
	if (!r)
		r = count_failures(sides, &failed, &invalid);
	if (!r)
		r = pair_blocks(sides, paired);
	if (r)
		return r;
	result->points = (uint32_t)sides->count;
	result->blocks = (uint32_t)paired->count;
	if (invalid) {
		result->verdict = HB_CLAIM_INCONCLUSIVE;
		(void)snprintf(result->reason, sizeof(result->reason),
			"invalid: trials failed, were not verified, or did not repeat");
	}
	if (!paired->count) {
		if (!invalid)
			judge_absent(sides, result);
		return 0;
	}
	r = estimate(sides, paired, result);
	if (!r && !invalid)
		judge_interval(sides, result);
	return r;
}

int hb_claim_judge(const struct hb_trials *trials, uint32_t experiment, uint32_t claim,
	struct hb_claim_result *ret)
{
	const struct hb_plan_experiment *described = &trials->plan->experiments[experiment];
	struct sides sides = {.trials = trials,
		.experiment = described,
		.claim = &described->claims[claim],
		.e = experiment};
	struct hb_claim_result result = {.experiment = experiment,
		.claim = claim,
		.verdict = HB_CLAIM_NOT_RUN,
		.ratio = {NAN, -INFINITY, INFINITY, 0},
		.method = ""};
	struct paired paired = {0};
	int r = judge(&sides, &paired, &result);

	free(sides.numerators);
	free(paired.lo);
	if (!r)
		*ret = result;
	return r;
}
