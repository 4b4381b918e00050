/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The statistics kept to their word. Thousands of experiments whose truth is known are simulated as trials, written to
 * trials.csv, and read, paired, summarised and judged by the code that every run uses. A metric of a point is one
 * simulated experiment: values differ in all of them independently, so one file holds thousands.
 *
 * Tolerances: at 4,000 experiments a coverage of 0.96 has a standard error of 0.003, so one point is three of them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "hotbed/error.h"
#include "hotbed/rng.h"
#include "hotbed/stats.h"
#include "analysis.h"
#include "run_writer.h"

#define METRICS 50
#define POINTS 80
#define EXPERIMENTS (METRICS * POINTS)

enum noise {
	NOISE_LOGNORMAL,
	NOISE_HEAVY, /* one value in ten has ten times the spread */
};

/* What is simulated: the idea's true ratio to the baseline, and the noise of each trial. */
struct simulation {
	uint32_t blocks;
	double ratio, sigma, min_effect;
	enum noise noise;
	const char *better;
	double ratio_of_odd_metrics; /* 0 = the same ratio for all */
};

/* Names outlive the plan that points to them. */
static struct run_metric metrics[METRICS + 1];
static char metric_names[METRICS][16], point_names[POINTS][16];
static const char *points[POINTS + 1];
static const struct run_variant variants[] = {
	{"base", "baseline", ""}, {"idea", "idea", ""}, {NULL, NULL, NULL}};

static uint64_t seed(void)
{
	const char *given = getenv("HB_SEED");
	uint64_t value = given ? strtoull(given, NULL, 10) : 20250514;

	fprintf(stderr, "HB_SEED=%llu\n", (unsigned long long)value);
	return value;
}

static double draw(struct hb_rng *rng, const struct simulation *simulation)
{
	double z = hb_rng_normal(rng);

	if (simulation->noise == NOISE_HEAVY && hb_rng_double(rng) < 0.1)
		z *= 10;
	return 1e6 * exp(simulation->sigma * z);
}

static double true_ratio(const struct simulation *simulation, uint32_t metric)
{
	return metric % 2 && simulation->ratio_of_odd_metrics > 0 ? simulation->ratio_of_odd_metrics
								  : simulation->ratio;
}

static void prepare_tables(const struct simulation *simulation)
{
	for (int m = 0; m < METRICS; m++) {
		snprintf(metric_names[m], sizeof(metric_names[m]), "m%d", m);
		metrics[m] = (struct run_metric){metric_names[m], "ns", simulation->better, "wall",
			false, false, simulation->min_effect};
	}
	for (int p = 0; p < POINTS; p++) {
		snprintf(point_names[p], sizeof(point_names[p]), "p=%d", p);
		points[p] = point_names[p];
	}
}

/* Simulate, write, read back: the analysis is filled from the files. */
static void simulate(const struct simulation *simulation, struct run_writer *writer,
	struct hb_analysis *analysis)
{
	static struct run_experiment experiment;
	static const struct run_experiment *experiments[2];
	double values[METRICS];
	struct hb_error error = {0};
	struct hb_rng rng;

	prepare_tables(simulation);
	experiment = (struct run_experiment){.subproject = "nicos",
		.name = "simulated",
		.question = "Is it told right?",
		.metrics = metrics,
		.variants = variants,
		.points = points,
		.blocks = simulation->blocks};
	experiments[0] = &experiment;
	hb_rng_init(&rng, seed(), simulation->blocks);
	run_writer_open(writer, experiments, NULL);
	for (uint32_t b = 0; b < simulation->blocks; b++) {
		for (uint32_t n = 0; n < POINTS * 3; n++) {
			struct run_trial trial = {
				.point = n / 3, .block = b, .arm = n % 3, .values = values};

			for (uint32_t m = 0; m < METRICS; m++)
				values[m] = draw(&rng, simulation) *
					    (n % 3 == 1 ? true_ratio(simulation, m) : 1);
			run_writer_trial(writer, &trial);
		}
	}
	run_writer_close(writer);
	cr_assert_eq(hb_analysis_open(writer->dir, analysis, &error), 0, "%s", error.text);
	cr_assert_eq(analysis->summary.comparison_count, (size_t)EXPERIMENTS);
}

static void finish(struct run_writer *writer, struct hb_analysis *analysis)
{
	hb_analysis_finish(analysis);
	run_writer_remove(writer);
}

static double share_of(const struct hb_analysis *analysis, enum hb_verdict verdict, int parity)
{
	size_t hits = 0, count = 0;

	for (size_t i = 0; i < analysis->summary.comparison_count; i++) {
		const struct hb_comparison *c = &analysis->summary.comparisons[i];

		if (parity >= 0 && (int)(c->metric % 2) != parity)
			continue;
		count++;
		hits += c->verdict == verdict;
	}
	return (double)hits / (double)count;
}

/* The exact coverage of (x_(k), x_(n+1-k)) for the median: 1 - 2 P(Bin(n, 1/2) < k), summed in integers. */
static double binomial_coverage(uint32_t n)
{
	double total = pow(2, n), below = 0, choose = 1, best = 0;

	for (uint32_t k = 1; 2 * k <= n; k++) {
		below += choose;
		choose = choose * (n - k + 1) / k;
		if (1 - 2 * below / total >= 0.95)
			best = 1 - 2 * below / total;
	}
	return best;
}

static void check_coverage(uint32_t from, uint32_t to)
{
	for (uint32_t n = from; n <= to; n++) {
		struct simulation simulation = {.blocks = n,
			.ratio = 1.2,
			.sigma = 0.03,
			.min_effect = 0.03,
			.noise = NOISE_HEAVY,
			.better = "lower"};
		struct hb_analysis analysis;
		struct run_writer writer;
		double exact = binomial_coverage(n), share;
		size_t covered = 0;

		simulate(&simulation, &writer, &analysis);
		for (size_t i = 0; i < analysis.summary.comparison_count; i++) {
			struct hb_effect effect;

			cr_assert_eq(hb_summary_effect(&analysis.summary,
					     &analysis.summary.comparisons[i], &effect),
				0);
			cr_assert_float_eq(effect.ratio.confidence, exact, 1e-12);
			covered += effect.ratio.lo <= log(1.2) && log(1.2) <= effect.ratio.hi;
		}
		share = (double)covered / EXPERIMENTS;
		fprintf(stderr, "n = %u: covered %.4f, exact %.4f\n", n, share, exact);
		cr_expect(fabs(share - exact) <= 0.01, "n = %u: covered %.4f, exact %.4f", n, share,
			exact);
		finish(&writer, &analysis);
	}
}

Test(honest, interval_covers_the_truth_as_often_as_it_says_for_6_to_14_blocks)
{
	check_coverage(6, 14);
}

Test(honest, interval_covers_the_truth_as_often_as_it_says_for_15_to_20_blocks)
{
	check_coverage(15, 20);
}

Test(honest, interval_covers_the_truth_as_often_as_it_says_for_21_to_25_blocks)
{
	check_coverage(21, 25);
}

Test(honest, interval_covers_the_truth_as_often_as_it_says_for_26_to_30_blocks)
{
	check_coverage(26, 30);
}

/* With a minimum effect of almost nothing nothing but the interval stands between noise and a verdict. */
Test(honest, identical_variants_end_better_or_worse_in_at_most_5_percent)
{
	static const uint32_t blocks[] = {6, 10, 12, 20};

	for (int i = 0; i < 4; i++) {
		struct simulation simulation = {.blocks = blocks[i],
			.ratio = 1,
			.sigma = 0.03,
			.min_effect = 1e-6,
			.noise = i % 2 ? NOISE_HEAVY : NOISE_LOGNORMAL,
			.better = "lower"};
		struct hb_analysis analysis;
		struct run_writer writer;
		double wrong;

		simulate(&simulation, &writer, &analysis);
		wrong = share_of(&analysis, HB_VERDICT_BETTER, -1) +
			share_of(&analysis, HB_VERDICT_WORSE, -1);
		fprintf(stderr, "%u blocks: %.4f false verdicts\n", blocks[i], wrong);
		cr_expect(wrong <= 0.05, "%u blocks: %.4f", blocks[i], wrong);
		/* And the test can fail: some intervals must miss 1, or nothing was compared. */
		cr_expect(wrong > 0.002, "%u blocks: %.4f", blocks[i], wrong);
		finish(&writer, &analysis);
	}
}

static double found(uint32_t blocks, double ratio, double sigma, enum hb_verdict verdict)
{
	struct simulation simulation = {.blocks = blocks,
		.ratio = ratio,
		.sigma = sigma,
		.min_effect = 0.03,
		.better = "higher"};
	struct hb_analysis analysis;
	struct run_writer writer;
	double share;

	simulate(&simulation, &writer, &analysis);
	share = share_of(&analysis, verdict, -1);
	fprintf(stderr, "x%.2f at %.0f %% noise, %u blocks: %s in %.4f\n", ratio, sigma * 100,
		blocks, hb_verdict_names[verdict], share);
	finish(&writer, &analysis);
	return share;
}

Test(honest, ten_percent_is_found_at_3_percent_noise)
{
	cr_expect(found(10, 1.10, 0.03, HB_VERDICT_BETTER) >= 0.90);
	cr_expect(found(12, 1.10, 0.03, HB_VERDICT_BETTER) >= 0.98);
}

Test(honest, no_change_at_1_percent_noise_is_called_same)
{
	cr_expect(found(12, 1.00, 0.01, HB_VERDICT_SAME) >= 0.90);
}

Test(honest, equal_changes_in_opposite_directions_are_both_found)
{
	struct simulation simulation = {.blocks = 12,
		.ratio = 1.10,
		.ratio_of_odd_metrics = 1 / 1.10,
		.sigma = 0.03,
		.min_effect = 0.03,
		.better = "lower"};
	struct hb_analysis analysis;
	struct run_writer writer;
	double worse, better;

	simulate(&simulation, &writer, &analysis);
	worse = share_of(&analysis, HB_VERDICT_WORSE, 0);
	better = share_of(&analysis, HB_VERDICT_BETTER, 1);
	fprintf(stderr, "worse %.4f, better %.4f\n", worse, better);
	cr_expect(worse >= 0.98 && better >= 0.98);
	cr_expect(fabs(worse - better) <= 0.02, "found unevenly: %.4f and %.4f", worse, better);
	cr_expect(share_of(&analysis, HB_VERDICT_BETTER, 0) == 0);
	cr_expect(share_of(&analysis, HB_VERDICT_WORSE, 1) == 0);
	finish(&writer, &analysis);
}
