/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Collectors against plain sums over everything they saw, and intervals against the coverage they promise. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include <hotbed/rng.h>
#include <hotbed/sim.h>

#include "../base/seed.h"

static bool near(double a, double b, double tolerance)
{
	return fabs(a - b) <= tolerance * fmax(fmax(fabs(a), fabs(b)), 1);
}

Test(tally, equals_the_two_pass_sums)
{
	enum { COUNT = 5000 };
	double values[COUNT];
	struct hb_rng rng;
	struct hb_tally tally = {0};
	long double sum = 0, squares = 0;

	hb_rng_init(&rng, test_seed(), 0);
	for (size_t i = 0; i < COUNT; i++) {
		/* A large offset, where naive sums of squares lose everything. */
		values[i] = 1e9 + hb_rng_normal(&rng);
		hb_tally_add(&tally, values[i]);
		sum += (long double)values[i];
	}
	for (size_t i = 0; i < COUNT; i++)
		squares += ((long double)values[i] - sum / COUNT) *
			   ((long double)values[i] - sum / COUNT);
	cr_assert(near(tally.mean, (double)(sum / COUNT), 1e-12));
	cr_assert(near(hb_tally_variance(&tally), (double)(squares / (COUNT - 1)), 1e-6));
	cr_assert_eq(tally.count, COUNT);
}

Test(tally, merging_parts_equals_the_whole)
{
	struct hb_rng rng;
	struct hb_tally whole = {0}, merged = {0};

	hb_rng_init(&rng, test_seed(), 1);
	hb_tally_merge(&merged, &whole);
	cr_assert_eq(merged.count, 0);
	for (size_t part = 0; part < 20; part++) {
		struct hb_tally own = {0};

		for (size_t i = 0; i < part * part; i++) {
			double value = hb_rng_exponential(&rng, 10.0 * (double)(part + 1));

			hb_tally_add(&own, value);
			hb_tally_add(&whole, value);
		}
		hb_tally_merge(&merged, &own);
	}
	cr_assert_eq(merged.count, whole.count);
	cr_assert(near(merged.mean, whole.mean, 1e-12));
	cr_assert(near(hb_tally_variance(&merged), hb_tally_variance(&whole), 1e-12));
	cr_assert_eq(merged.min, whole.min);
	cr_assert_eq(merged.max, whole.max);
}

Test(tally, interval_is_students_by_the_table)
{
	struct hb_tally tally = {0};
	struct hb_interval interval;

	cr_assert_eq(hb_tally_interval(&tally, 0.95, &interval), -EINVAL);
	for (int i = 1; i <= 5; i++)
		hb_tally_add(&tally, i);
	cr_assert_eq(hb_tally_interval(&tally, 0.95, &interval), 0);
	/* t(0.975, 4) = 2.776445; s = sqrt(2.5). */
	cr_assert(near(interval.hi, 3 + 2.7764451 * sqrt(2.5 / 5), 1e-7));
	cr_assert(near(interval.lo, 3 - 2.7764451 * sqrt(2.5 / 5), 1e-7));
	cr_assert_eq(hb_tally_interval(&tally, 1, &interval), -EINVAL);
	cr_assert_eq(hb_tally_interval(&tally, 0, &interval), -EINVAL);
	hb_tally_reset(&tally);
	cr_assert_eq(tally.count, 0);
	cr_assert(isnan(hb_tally_variance(&tally)));
}

/* Hits of a @level interval in @runs, which must lie within 4.5 standard deviations plus @slack of the promise. */
static void coverage_check(unsigned int hits, unsigned int runs, double level, double slack)
{
	double share = (double)hits / runs;

	fprintf(stderr, "coverage %.4f of %u at level %g\n", share, runs, level);
	cr_assert(fabs(share - level) <= 4.5 * sqrt(level * (1 - level) / runs) + slack);
}

Test(tally, interval_covers_as_often_as_it_says)
{
	enum { RUNS = 20000 };
	struct hb_rng rng;
	unsigned int hits = 0;

	hb_rng_init(&rng, test_seed(), 2);
	for (unsigned int run = 0; run < RUNS; run++) {
		struct hb_tally tally = {0};
		struct hb_interval interval;

		for (int i = 0; i < 8; i++)
			hb_tally_add(&tally, 5 + hb_rng_normal(&rng));
		cr_assert_eq(hb_tally_interval(&tally, 0.9, &interval), 0);
		hits += interval.lo <= 5 && 5 <= interval.hi;
	}
	coverage_check(hits, RUNS, 0.9, 0);
}

Test(time_average, equals_the_sum_over_every_nanosecond)
{
	enum { LENGTH = 4000 };
	struct hb_rng rng;
	struct hb_time_average average;
	double values[LENGTH];
	double value = 3;
	int64_t now_ns = 100;

	hb_rng_init(&rng, test_seed(), 3);
	hb_time_average_init(&average, 100, value);
	cr_assert(isnan(hb_time_average_mean(&average, 100)));
	for (int64_t ns = 0; ns < LENGTH; ns++) {
		while (now_ns == 100 + ns && hb_rng_below(&rng, 3) == 0) {
			/* Several changes at one instant: the last one lasts. */
			double delta = (double)hb_rng_below(&rng, 7) - 3;

			value += delta;
			hb_time_average_add(&average, now_ns, delta);
		}
		values[ns] = value;
		now_ns++;
		if (ns == 999)
			hb_time_average_restart(&average, now_ns);
		if (ns > 999) {
			double sum = 0, min = values[1000], max = values[1000];

			for (int64_t i = 1000; i <= ns; i++) {
				sum += values[i];
				min = fmin(min, values[i]);
				max = fmax(max, values[i]);
			}
			cr_assert(near(hb_time_average_mean(&average, now_ns),
				sum / (double)(ns - 999), 1e-12));
			if (ns == LENGTH - 1) {
				hb_time_average_set(&average, now_ns, 0);
				cr_assert_eq(average.min, min);
				cr_assert_eq(average.max, max);
			}
		}
	}
}

Test(time_average, tiny_steps_on_a_large_area_are_not_lost)
{
	struct hb_time_average average;
	int64_t now_ns = INT64_C(1) << 60;

	hb_time_average_init(&average, 0, 1);
	hb_time_average_set(&average, now_ns, 0.25);
	for (int i = 0; i < 1000000; i++) {
		now_ns++;
		hb_time_average_set(&average, now_ns, 0.25);
	}
	/* Each step adds 0.25 to an area of 2^60, far below its rounding. */
	cr_assert_eq(average.area + average.compensation, 0x1p60 + 250000);
	cr_assert_eq(average.compensation, 250000 - (average.area - 0x1p60));
}

Test(batch_means, batches_are_means_of_what_was_added)
{
	struct hb_batch_means means;
	struct hb_interval interval;
	double sum = 0;

	hb_batch_means_init(&means);
	for (uint64_t i = 0; i < 100000; i++) {
		uint64_t used;

		hb_batch_means_add(&means, (double)(i * i % 1009));
		sum += (double)(i * i % 1009);
		used = means.batch_size * means.batches;
		cr_assert_eq(used + means.filled, i + 1);
		cr_assert(means.batches < HB_BATCHES_MAX);
		if (i + 1 < 32) {
			cr_assert_eq(
				hb_batch_means_interval(&means, 0.95, &interval, NULL), -EINVAL);
		} else {
			cr_assert(means.batches >= 32);
			if (means.filled == 0) {
				cr_assert_eq(
					hb_batch_means_interval(&means, 0.95, &interval, NULL), 0);
				cr_assert(near(interval.estimate, sum / (double)(i + 1), 1e-12));
			}
		}
	}
	cr_assert_eq(hb_batch_means_interval(&means, 0, &interval, NULL), -EINVAL);
}

/* Autoregressive noise around 7; the correlation of neighbours is @phi. */
static unsigned int batch_hits(
	struct hb_rng *rng, double phi, unsigned int length, unsigned int runs, double *ret_lag1)
{
	unsigned int hits = 0;

	*ret_lag1 = 0;
	for (unsigned int run = 0; run < runs; run++) {
		double noise = hb_rng_normal(rng) / sqrt(1 - phi * phi);
		struct hb_batch_means means;
		struct hb_interval interval;
		double lag1;

		hb_batch_means_init(&means);
		for (unsigned int i = 0; i < length; i++) {
			hb_batch_means_add(&means, 7 + noise);
			noise = phi * noise + hb_rng_normal(rng);
		}
		cr_assert_eq(hb_batch_means_interval(&means, 0.95, &interval, &lag1), 0);
		hits += interval.lo <= 7 && 7 <= interval.hi;
		*ret_lag1 += lag1 / runs;
	}
	return hits;
}

Test(batch_means, interval_covers_as_often_as_it_says_under_correlation)
{
	struct hb_rng rng;
	double lag1;

	hb_rng_init(&rng, test_seed(), 4);
	coverage_check(batch_hits(&rng, 0, 3000, 3000, &lag1), 3000, 0.95, 0);
	coverage_check(batch_hits(&rng, 0.8, 20000, 1500, &lag1), 1500, 0.95, 0.01);
	cr_assert(lag1 < 0.2);
	coverage_check(batch_hits(&rng, -0.5, 5000, 3000, &lag1), 3000, 0.95, 0.01);
}

Test(batch_means, lag1_warns_of_a_run_that_is_too_short)
{
	struct hb_rng rng;
	double lag1;
	unsigned int hits;

	hb_rng_init(&rng, test_seed(), 5);
	hits = batch_hits(&rng, 0.99, 1000, 400, &lag1);
	/* Here the interval is far too narrow, and says so. */
	cr_assert(hits < 400 * 8 / 10);
	cr_assert(lag1 > 0.5);
}

Test(share, interval_is_wilsons)
{
	struct hb_share share = {0};
	struct hb_interval interval;
	double z = 1.959963984540054;

	cr_assert_eq(hb_share_interval(&share, 0.95, &interval), -EINVAL);
	for (int i = 0; i < 50; i++)
		hb_share_add(&share, i % 5 == 0);
	cr_assert_eq(hb_share_interval(&share, 0.95, &interval), 0);
	cr_assert(near(interval.lo,
		(0.2 + z * z / 100 - z * sqrt(0.2 * 0.8 / 50 + z * z / 10000)) / (1 + z * z / 50),
		1e-9));
	cr_assert(near(interval.hi,
		(0.2 + z * z / 100 + z * sqrt(0.2 * 0.8 / 50 + z * z / 10000)) / (1 + z * z / 50),
		1e-9));
}

/* The marginal standard error of what is left after deleting @deleted batches of 5, by its definition. */
static double marginal_error(const double *values, size_t batches, size_t deleted)
{
	double mean = 0, squares = 0;
	double left = (double)(batches - deleted);

	for (size_t i = deleted * 5; i < batches * 5; i++)
		mean += values[i] / (5 * left);
	for (size_t i = deleted; i < batches; i++) {
		double batch = 0;

		for (size_t j = 0; j < 5; j++)
			batch += values[i * 5 + j] / 5;
		squares += (batch - mean) * (batch - mean);
	}
	return squares / (left * left);
}

Test(warm_up, deletes_the_transient_where_the_definition_has_its_minimum)
{
	enum { COUNT = 1503 };
	double values[COUNT];
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 6);
	for (unsigned int round = 0; round < 50; round++) {
		size_t transient = hb_rng_below(&rng, 400);
		size_t found, best = 0;
		bool too_short = true;

		for (size_t i = 0; i < COUNT; i++)
			values[i] = 10 + hb_rng_normal(&rng) + (i < transient ? 30 : 0);
		found = hb_warm_up_length(values, COUNT, &too_short);
		for (size_t deleted = 1; deleted <= COUNT / 5 / 2; deleted++) {
			if (marginal_error(values, COUNT / 5, deleted) <
				marginal_error(values, COUNT / 5, best))
				best = deleted;
		}
		cr_assert_eq(found, 5 * best);
		cr_assert(found + 5 > transient);
		cr_assert(found <= transient + 5 || best == found / 5);
		cr_assert_eq(too_short, best == COUNT / 5 / 2);
	}
}

Test(warm_up, a_trend_without_end_is_called_too_short)
{
	double values[500];
	bool too_short = false;

	for (size_t i = 0; i < 500; i++)
		values[i] = (double)i;
	cr_assert_eq(hb_warm_up_length(values, 500, &too_short), 250);
	cr_assert(too_short);
	cr_assert_eq(hb_warm_up_length(values, 0, &too_short), 0);
	cr_assert(too_short);
}
