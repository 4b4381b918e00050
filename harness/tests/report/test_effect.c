/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Logarithms of values that have none, the paired effect, and the verdict rules. Oracles are worked out by hand. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "hotbed/error.h"
#include "analysis.h"
#include "run_writer.h"

static void expect_bounds(struct hb_bounds bounds, double lo, double hi)
{
	cr_expect((bounds.lo == lo || fabs(bounds.lo - lo) < 1e-12), "%g, not %g", bounds.lo, lo);
	cr_expect((bounds.hi == hi || fabs(bounds.hi - hi) < 1e-12), "%g, not %g", bounds.hi, hi);
}

Test(bounds, ratio_of_positive_values_is_known)
{
	expect_bounds(hb_bounds_ratio(20, 10), log(2), log(2));
	expect_bounds(hb_bounds_effect(12, 8, 18), 0, 0);
}

Test(bounds, zero_against_zero_is_one_and_against_anything_else_infinite)
{
	expect_bounds(hb_bounds_ratio(0, 0), 0, 0);
	expect_bounds(hb_bounds_ratio(0, 5), -INFINITY, -INFINITY);
	expect_bounds(hb_bounds_ratio(5, 0), INFINITY, INFINITY);
	expect_bounds(hb_bounds_effect(5, 0, 5), INFINITY, INFINITY);
	expect_bounds(hb_bounds_effect(0, 0, 0), 0, 0);
}

Test(bounds, never_ended_ranks_and_two_of_them_say_nothing)
{
	expect_bounds(hb_bounds_ratio(INFINITY, 5), INFINITY, INFINITY);
	expect_bounds(hb_bounds_ratio(5, INFINITY), -INFINITY, -INFINITY);
	expect_bounds(hb_bounds_ratio(INFINITY, INFINITY), -INFINITY, INFINITY);
	expect_bounds(hb_bounds_effect(5, 0, INFINITY), -INFINITY, INFINITY);
}

Test(bounds, negative_values_say_nothing)
{
	expect_bounds(hb_bounds_ratio(-1, 5), -INFINITY, INFINITY);
	expect_bounds(hb_bounds_effect(5, -1, 5), -INFINITY, INFINITY);
}

Test(bounds, an_unknown_block_widens_the_interval_both_ways)
{
	/* n = 6 takes the extremes. One unknown block: nothing is known of either end. */
	double lo[] = {1, 2, 3, 4, 5, -INFINITY}, hi[] = {1, 2, 3, 4, 5, INFINITY};
	struct hb_interval interval;

	cr_assert_eq(hb_interval_of_bounds(lo, hi, 6, 0.95, &interval), 0);
	cr_expect_eq(interval.lo, -INFINITY);
	cr_expect_eq(interval.hi, INFINITY);
	/* The median lies between 2.5 (were it small) and 3.5 (were it large): no estimate. */
	cr_expect(isnan(interval.estimate));
}

static const struct run_variant variants[] = {
	{"base", "baseline", "out"}, {"idea", "idea", "out"}, {NULL, NULL, NULL}};
static const char *const points[] = {"", NULL};

static struct run_writer writer;
static struct hb_analysis analysis;
static struct hb_effect effect; /* of the one comparison */

struct block {
	double baseline, idea, control;
};

/* One metric, one point, the blocks given; returns the only comparison. */
static const struct hb_comparison *judge(
	const struct run_metric *metric, bool unseeded, const struct block *blocks, uint32_t count)
{
	static struct run_metric metrics[2];
	static struct run_experiment experiment;
	static const struct run_experiment *experiments[2];

	metrics[0] = *metric;
	experiment = (struct run_experiment){.subproject = "spork",
		.name = "e",
		.question = "?",
		.metrics = metrics,
		.variants = variants,
		.points = points,
		.blocks = count,
		.unseeded = unseeded};
	experiments[0] = &experiment;
	run_writer_open(&writer, experiments, NULL);
	for (uint32_t b = 0; b < count; b++) {
		const double values[] = {blocks[b].baseline, blocks[b].idea, blocks[b].control};

		for (uint32_t arm = 0; arm < 3; arm++)
			run_writer_trial(&writer, &(struct run_trial){.block = b,
							  .arm = arm,
							  .values = &values[arm],
							  .digest = "aa"});
	}
	run_writer_close(&writer);
	cr_assert_eq(hb_analysis_open(writer.dir, &analysis, NULL), 0);
	cr_assert_eq(analysis.summary.comparison_count, (size_t)1);
	cr_assert_eq(
		hb_summary_effect(&analysis.summary, &analysis.summary.comparisons[0], &effect), 0);
	return &analysis.summary.comparisons[0];
}

static void finish(void)
{
	hb_analysis_finish(&analysis);
	run_writer_remove(&writer);
}

static const struct run_metric wall = {"time", "ns", "lower", "wall", false, false, 0.03};
static const struct run_metric exact = {"faults", "1", "lower", "count", true, false, 0};

Test(effect, is_the_median_of_log_idea_minus_the_mean_of_both_baselines)
{
	/* Per block: idea / sqrt(baseline x control) = 2, 3, 4, 5, 6, 7, 8. */
	static const struct block blocks[] = {
		{1, 2, 1}, {2, 12, 8}, {1, 16, 16}, {9, 15, 1}, {5, 30, 5}, {7, 49, 7}, {4, 16, 1}};
	const struct hb_comparison *c = judge(&wall, false, blocks, 7);

	cr_expect_float_eq(exp(effect.ratio.estimate), 5, 1e-12);
	cr_expect_float_eq(exp(effect.ratio.lo), 2, 1e-12);
	cr_expect_float_eq(exp(effect.ratio.hi), 8, 1e-12);
	/* 1 - 2 / 2^7, as R's binom.test has it. */
	cr_expect_float_eq(effect.ratio.confidence, 0.984375, 1e-12);
	cr_expect_float_eq(exp(effect.aa.lo), 1.0 / 9, 1e-12);
	cr_expect_float_eq(exp(effect.aa.hi), 16, 1e-12);
	/* All seven differences are positive: the smallest two-sided p is 2 / 2^7. */
	cr_expect_float_eq(effect.p, 2.0 / 128, 1e-12);
	cr_expect_eq(c->verdict, HB_VERDICT_WORSE);
	finish();
}

Test(effect, looks_share_the_error_in_the_analysis_too)
{
	const struct hb_plan_experiment fixed = {.until_ci = false}, looked_at = {.until_ci = true};

	cr_expect_float_eq(hb_effect_level(&fixed), 0.95, 1e-15);
	cr_expect_float_eq(hb_effect_level(&looked_at), 1 - 0.05 / 4, 1e-15);
}

Test(verdict, needs_six_blocks)
{
	static const struct block blocks[] = {
		{10, 5, 10}, {10, 5, 10}, {10, 5, 10}, {10, 5, 10}, {10, 5, 10}};
	const struct hb_comparison *c = judge(&wall, false, blocks, 5);

	cr_expect_eq(c->verdict, HB_VERDICT_INCONCLUSIVE);
	cr_expect_not_null(strstr(c->reason, "fewer than 6"));
	finish();
}

Test(verdict, an_aa_interval_that_misses_the_minimum_effect_makes_a_change_inconclusive)
{
	static const struct block blocks[] = {
		{10, 5, 11}, {10, 5, 11}, {10, 5, 11}, {10, 5, 11}, {10, 5, 11}, {10, 5, 11}};
	const struct hb_comparison *c = judge(&wall, false, blocks, 6);

	cr_expect_eq(c->verdict, HB_VERDICT_INCONCLUSIVE);
	cr_expect_not_null(strstr(c->reason, "control"));
	finish();
}

Test(verdict, inside_the_minimum_effect_is_same_and_across_its_edge_inconclusive)
{
	static const struct block same[] = {{100, 101, 100}, {100, 99, 100}, {100, 102, 100},
		{100, 98, 100}, {100, 100, 100}, {100, 101, 100}};
	static const struct block above[] = {{100, 101, 100}, {100, 120, 100}, {100, 120, 100},
		{100, 120, 100}, {100, 120, 100}, {100, 120, 100}};
	static const struct block below[] = {{100, 99, 100}, {100, 80, 100}, {100, 80, 100},
		{100, 80, 100}, {100, 80, 100}, {100, 80, 100}};
	static const struct block edge[] = {{100, 101, 100}, {100, 99, 100}, {100, 106, 100},
		{100, 98, 100}, {100, 100, 100}, {100, 101, 100}};

	cr_expect_eq(judge(&wall, false, same, 6)->verdict, HB_VERDICT_SAME);
	finish();
	cr_expect_eq(judge(&wall, false, edge, 6)->verdict, HB_VERDICT_INCONCLUSIVE);
	finish();
	/* A change that is certain but perhaps smaller than the minimum effect is neither. */
	cr_expect_eq(judge(&wall, false, above, 6)->verdict, HB_VERDICT_INCONCLUSIVE);
	finish();
	cr_expect_eq(judge(&wall, false, below, 6)->verdict, HB_VERDICT_INCONCLUSIVE);
	finish();
}

Test(verdict, direction_follows_the_metric)
{
	static const struct block halved[] = {
		{10, 5, 10}, {10, 5, 10}, {10, 5, 10}, {10, 5, 10}, {10, 5, 10}, {10, 5, 10}};
	struct run_metric metric = wall;

	cr_expect_eq(judge(&metric, false, halved, 6)->verdict, HB_VERDICT_BETTER);
	finish();
	metric.better = "higher";
	cr_expect_eq(judge(&metric, false, halved, 6)->verdict, HB_VERDICT_WORSE);
	finish();
	metric.better = "none";
	cr_expect_eq(judge(&metric, false, halved, 6)->verdict, HB_VERDICT_CHANGED);
	finish();
}

Test(verdict, an_unseeded_exact_value_needs_one_block_and_no_tolerance)
{
	static const struct block fewer[] = {{100, 99, 100}}, equal[] = {{100, 100, 100}};
	const struct hb_comparison *c = judge(&exact, true, fewer, 1);

	cr_expect_eq(c->verdict, HB_VERDICT_BETTER);
	cr_expect_eq(effect.ratio.confidence, 1);
	cr_expect_eq(effect.aa.confidence, 0, "an exact metric has no A/A interval");
	finish();
	cr_expect_eq(judge(&exact, true, equal, 1)->verdict, HB_VERDICT_SAME);
	finish();
}

Test(verdict, a_control_that_differs_by_one_bit_makes_an_exact_metric_invalid)
{
	struct block blocks[6];
	const struct hb_comparison *c;

	for (int i = 0; i < 6; i++)
		blocks[i] = (struct block){100, 50, 100};
	blocks[3].control = nextafter(100, 101);
	c = judge(&exact, false, blocks, 6);
	cr_expect_eq(c->verdict, HB_VERDICT_INVALID);
	cr_expect_not_null(strstr(c->reason, "nondeterministic"));
	finish();
}

Test(verdict, a_value_that_depends_on_the_block_is_not_unseeded)
{
	static const struct block blocks[] = {{100, 50, 100}, {100, 51, 100}};

	cr_expect_eq(judge(&exact, true, blocks, 2)->verdict, HB_VERDICT_INVALID);
	finish();
}

Test(verdict, both_sides_infinite_is_inconclusive_not_same)
{
	struct block blocks[8];

	for (int i = 0; i < 8; i++)
		blocks[i] = (struct block){INFINITY, INFINITY, INFINITY};
	cr_expect_eq(judge(&wall, false, blocks, 8)->verdict, HB_VERDICT_INCONCLUSIVE);
	finish();
}

Test(verdict, an_idea_that_never_ends_is_worse)
{
	struct block blocks[8];

	for (int i = 0; i < 8; i++)
		blocks[i] = (struct block){100, INFINITY, 100};
	cr_expect_eq(judge(&wall, false, blocks, 8)->verdict, HB_VERDICT_WORSE);
	finish();
}

/* @failures failed trials of the idea in different blocks of 12, with the status given. */
static enum hb_verdict judge_failures(int failures, const char *status, const char *digest)
{
	static const struct run_metric metrics[] = {
		{"time", "ns", "lower", "wall", false, false, 0.03},
		{NULL, NULL, NULL, NULL, false, false, 0}};
	static const struct run_experiment experiment = {
		"spork", "e", "?", metrics, variants, points, NULL, NULL, NULL, 12, false};
	static const struct run_experiment *const experiments[] = {&experiment, NULL};
	static const double values[] = {100, 50, 100};
	enum hb_verdict verdict;

	run_writer_open(&writer, experiments, NULL);
	for (uint32_t b = 0; b < 12; b++) {
		for (uint32_t arm = 0; arm < 3; arm++) {
			bool fails = arm == 1 && (int)b < failures;

			run_writer_trial(
				&writer, &(struct run_trial){.block = b,
						 .arm = arm,
						 .values = fails && status ? NULL : &values[arm],
						 .status = fails ? status : NULL,
						 .digest = fails && !status ? digest : "aa"});
		}
	}
	run_writer_close(&writer);
	cr_assert_eq(hb_analysis_open(writer.dir, &analysis, NULL), 0);
	verdict = analysis.summary.comparisons[0].verdict;
	finish();
	return verdict;
}

Test(verdict, two_crashes_void_blocks_and_three_make_it_invalid)
{
	cr_expect_eq(judge_failures(2, "crashed", NULL), HB_VERDICT_BETTER);
	cr_expect_eq(judge_failures(3, "crashed", NULL), HB_VERDICT_INVALID);
}

Test(verdict, one_wrong_output_is_invalid_however_fast)
{
	cr_expect_eq(judge_failures(1, "verify_failed", NULL), HB_VERDICT_INVALID);
	cr_expect_eq(judge_failures(1, NULL, "bb"), HB_VERDICT_INVALID);
	cr_expect_eq(judge_failures(1, NULL, "aa"), HB_VERDICT_BETTER);
}

Test(verdict, drift_is_seen_and_outliers_are_counted_but_kept)
{
	struct block blocks[12];

	for (int i = 0; i < 12; i++)
		blocks[i] = (struct block){100, 100 + i, 100};
	(void)judge(&wall, false, blocks, 12);
	cr_expect_float_eq(effect.trend, 1, 1e-12);
	cr_expect(effect.trend_p < 0.001);
	finish();
	for (int i = 0; i < 12; i++)
		blocks[i] = (struct block){100, i == 4 ? 500 : 100 + i % 3, 100};
	(void)judge(&wall, false, blocks, 12);
	cr_expect_eq(effect.outliers, 1u);
	cr_expect_eq(effect.blocks, 12u);
	finish();
}
