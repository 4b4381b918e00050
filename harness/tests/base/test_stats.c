/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <gsl/gsl_cdf.h>

#include <hotbed/rng.h>
#include <hotbed/stats.h>

#include "seed.h"

static void assert_close(double actual, double expected, double tolerance)
{
	cr_assert(fabs(actual - expected) <= tolerance, "%.17g instead of %.17g", actual, expected);
}

Test(stats, mean_and_variance_are_exact_where_they_can_be)
{
	static const double values[] = {2, 4, 4, 4, 5, 5, 7, 9};
	static const double offset[] = {1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16};

	cr_assert_eq(hb_stats_mean(values, 8), 5);
	assert_close(hb_stats_variance(values, 8), 32.0 / 7, 1e-15);
	/* The usual trap of the one-pass formula: the answer is 30. */
	cr_assert_eq(hb_stats_variance(offset, 4), 30);
	cr_assert(isnan(hb_stats_mean(values, 0)));
	cr_assert(isnan(hb_stats_variance(values, 1)));
	cr_assert_eq(hb_stats_mean((const double[]){1e308, 1e308, 1e308}, 3), 1e308);
	cr_assert_eq(hb_stats_mean((const double[]){1, INFINITY}, 2), INFINITY);
}

Test(stats, median_is_the_middle)
{
	cr_assert_eq(hb_stats_median((const double[]){3, 1, 2}, 3), 2);
	cr_assert_eq(hb_stats_median((const double[]){4, 1, 2, 3}, 4), 2.5);
	cr_assert_eq(hb_stats_median((const double[]){7}, 1), 7);
	cr_assert(isnan(hb_stats_median(NULL, 0)));
	cr_assert_eq(hb_stats_median((const double[]){1, INFINITY, INFINITY}, 3), INFINITY);
	cr_assert_eq(hb_stats_median((const double[]){INFINITY, INFINITY}, 2), INFINITY);
	cr_assert_eq(hb_stats_median((const double[]){1, INFINITY}, 2), INFINITY);
	cr_assert(isnan(hb_stats_median((const double[]){-INFINITY, INFINITY}, 2)));
	cr_assert_eq(hb_stats_median((const double[]){-1.7e308, 1.7e308}, 2), 0);
}

Test(stats, quantiles_are_those_of_r_type_7)
{
	/* R: quantile(c(1, 2, 4, 8, 16), c(0, .1, .25, .5, .6, .9, 1)) */
	static const double sorted[] = {1, 2, 4, 8, 16};
	static const double q[] = {0, 0.1, 0.25, 0.5, 0.6, 0.9, 1};
	static const double expected[] = {1, 1.4, 2, 4, 5.6, 12.8, 16};
	static const double ends[] = {-INFINITY, 1, INFINITY};

	for (size_t i = 0; i < 7; i++)
		assert_close(hb_stats_quantile(sorted, 5, q[i]), expected[i], 1e-14);
	cr_assert_eq(hb_stats_quantile(sorted, 1, 0.7), 1);
	cr_assert(isnan(hb_stats_quantile(sorted, 0, 0.5)));
	cr_assert_eq(hb_stats_quantile(ends, 3, 0.5), 1);
	cr_assert_eq(hb_stats_quantile(ends, 3, 0.6), INFINITY);
	cr_assert_eq(hb_stats_quantile(ends, 3, 0.4), -INFINITY);
}

Test(stats, sorting_orders_and_keeps_every_value)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 0);
	for (size_t count = 0; count < 300; count++) {
		double values[300];
		double sum = 0, sorted_sum = 0;

		for (size_t i = 0; i < count; i++) {
			values[i] = (double)hb_rng_below(&rng, 50);
			sum += values[i] * values[i] * values[i];
		}
		hb_stats_sort(values, count);
		for (size_t i = 0; i < count; i++) {
			sorted_sum += values[i] * values[i] * values[i];
			cr_assert(i == 0 || values[i - 1] <= values[i]);
		}
		cr_assert_eq(sum, sorted_sum);
	}
	hb_stats_sort((double[]){INFINITY, -INFINITY}, 2);
}

Test(stats, median_interval_ranks_are_the_best_of_pascals_triangle)
{
	static uint64_t choose[61];
	static const double levels[] = {0.5, 0.8, 0.9, 0.95, 0.99, 0.999};

	choose[0] = 1;
	for (unsigned int n = 1; n <= 60; n++) {
		for (unsigned int k = n; k > 0; k--)
			choose[k] += choose[k - 1];
		for (size_t l = 0; l < 6; l++) {
			uint64_t outside = 0;
			size_t best = 0;
			double best_coverage = 0, coverage = -1;
			double all = ldexp(1, (int)n);

			for (size_t k = 1; 2 * k <= n + 1; k++) {
				outside += choose[k - 1];
				if (2 * k <= n && 1 - 2 * (double)outside / all >= levels[l]) {
					best = k;
					best_coverage = 1 - 2 * (double)outside / all;
				}
			}
			cr_assert_eq(hb_stats_median_interval_rank(n, levels[l], &coverage), best);
			assert_close(coverage, best_coverage, 1e-15);
		}
	}
	cr_assert_eq(hb_stats_median_interval_rank(0, 0.95, NULL), 0);
}

Test(stats, large_counts_agree_with_the_normal_limit)
{
	static const size_t counts[] = {9999, 10000, 10001, 100000, 10000000};

	for (size_t i = 0; i < 5; i++) {
		double n = (double)counts[i], coverage;
		size_t rank = hb_stats_median_interval_rank(counts[i], 0.95, &coverage);

		cr_assert(coverage >= 0.95 && coverage < 0.95 + 2 / sqrt(n));
		assert_close((double)rank, n / 2 - 1.959964 * sqrt(n) / 2, 1.5);
	}
}

Test(stats, median_interval_covers_as_often_as_it_says_even_with_heavy_tails)
{
	enum { ROUNDS = 20000 };
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 1);
	for (size_t n = 6; n <= 30; n++) {
		struct hb_interval interval = {0};
		size_t covered = 0;
		double error;

		for (int round = 0; round < ROUNDS; round++) {
			double values[30];

			/* Cauchy around 0: neither mean nor variance exist. */
			for (size_t i = 0; i < n; i++)
				values[i] = tan(M_PI * (hb_rng_double(&rng) - 0.5));
			cr_assert_eq(hb_stats_median_interval(values, n, 0.95, &interval), 0);
			covered += interval.lo <= 0 && 0 <= interval.hi;
		}
		cr_assert(interval.confidence >= 0.95);
		error = sqrt(interval.confidence * (1 - interval.confidence) / ROUNDS);
		assert_close((double)covered / ROUNDS, interval.confidence, 5 * error);
	}
}

Test(stats, median_interval_bounds_are_order_statistics)
{
	static const double values[] = {9, 2, 8, 3, 7, 4, 6, 5, 1, 10};
	struct hb_interval interval;

	cr_assert_eq(hb_stats_median_interval(values, 10, 0.95, &interval), 0);
	cr_assert_eq(interval.estimate, 5.5);
	cr_assert_eq(interval.lo, 2);
	cr_assert_eq(interval.hi, 9);
	cr_assert_eq(interval.confidence, 1 - 2 * 11.0 / 1024);
	cr_assert_eq(values[0], 9, "inputs are not modified");
}

Test(stats, too_few_values_give_no_interval_and_say_so)
{
	static const double values[] = {1, 2, 3, 4, 5};
	struct hb_interval interval;

	for (size_t n = 1; n <= 5; n++) {
		cr_assert_eq(hb_stats_median_interval(values, n, 0.95, &interval), 0);
		cr_assert_eq(interval.estimate, (double)(n + 1) / 2);
		cr_assert(interval.lo == -INFINITY && interval.hi == INFINITY);
		cr_assert_eq(interval.confidence, 0);
	}
}

Test(stats, infinite_values_only_have_a_rank)
{
	static const double values[] = {1, 2, 3, 4, 5, INFINITY};
	struct hb_interval interval;

	cr_assert_eq(hb_stats_median_interval(values, 6, 0.95, &interval), 0);
	cr_assert_eq(interval.lo, 1);
	cr_assert_eq(interval.hi, INFINITY);
	cr_assert_eq(interval.estimate, 3.5);
	cr_assert_eq(interval.confidence, 0.96875);
}

Test(stats, unusable_arguments_are_refused_and_outputs_untouched)
{
	static const double values[] = {1, 2, NAN, 4, 5, 6, 7};
	struct hb_interval interval = {.estimate = 77};
	double lo = 77, hi = 77;

	cr_assert_eq(hb_stats_median_interval(values, 0, 0.95, &interval), -EINVAL);
	cr_assert_eq(hb_stats_median_interval(values, 7, 0.95, &interval), -EINVAL);
	cr_assert_eq(hb_stats_median_interval(values, 2, 1, &interval), -EINVAL);
	cr_assert_eq(hb_stats_median_interval(values, 2, 0, &interval), -EINVAL);
	cr_assert_eq(hb_stats_median_interval(values, 2, NAN, &interval), -EINVAL);
	cr_assert_eq(hb_stats_student_interval(values, 1, 0.95, &interval), -EINVAL);
	cr_assert_eq(hb_stats_student_interval(values, 3, 0.95, &interval), -EINVAL);
	cr_assert_eq(hb_stats_wilson_interval(0, 0, 0.95, &interval), -EINVAL);
	cr_assert_eq(hb_stats_wilson_interval(3, 2, 0.95, &interval), -EINVAL);
	cr_assert_eq(hb_stats_tukey_fences(values, 0, &lo, &hi), -EINVAL);
	cr_assert_eq(hb_stats_tukey_fences(values, 3, &lo, &hi), -EINVAL);
	cr_assert(interval.estimate == 77 && lo == 77 && hi == 77);
}

Test(stats, student_interval_is_that_of_the_textbook)
{
	/* t(0.975; 4) = 2.7764451; standard error sqrt(2.5 / 5). */
	static const double values[] = {1, 2, 3, 4, 5};
	struct hb_interval interval;

	cr_assert_eq(hb_stats_student_interval(values, 5, 0.95, &interval), 0);
	cr_assert_eq(interval.estimate, 3);
	assert_close(interval.lo, 3 - 2.7764451051977987 * sqrt(0.5), 1e-9);
	assert_close(interval.hi, 3 + 2.7764451051977987 * sqrt(0.5), 1e-9);
}

Test(stats, wilson_bounds_solve_the_score_equation)
{
	/* A bound b satisfies (share - b)^2 = z^2 b (1 - b) / n. */
	double z = gsl_cdf_ugaussian_Pinv(0.975);
	struct hb_interval interval;

	for (uint64_t n = 1; n <= 40; n++) {
		for (uint64_t hits = 0; hits <= n; hits++) {
			double share = (double)hits / (double)n;

			cr_assert_eq(hb_stats_wilson_interval(hits, n, 0.95, &interval), 0);
			cr_assert_eq(interval.estimate, share);
			for (int side = 0; side < 2; side++) {
				double b = side ? interval.hi : interval.lo;

				cr_assert(b >= 0 && b <= 1);
				assert_close(
					pow(share - b, 2), z * z * b * (1 - b) / (double)n, 1e-12);
			}
			cr_assert(interval.lo <= share && share <= interval.hi);
			cr_assert(interval.lo < interval.hi);
		}
	}
	/* prop.test(8, 10, correct = FALSE) in R */
	cr_assert_eq(hb_stats_wilson_interval(8, 10, 0.95, &interval), 0);
	assert_close(interval.lo, 0.4901625, 1e-7);
	assert_close(interval.hi, 0.9433178, 1e-7);
}

Test(stats, tukey_fences_stand_one_and_a_half_ranges_outside)
{
	double lo, hi;

	cr_assert_eq(hb_stats_tukey_fences((const double[]){5, 1, 4, 2, 3}, 5, &lo, &hi), 0);
	cr_assert_eq(lo, 2 - 3);
	cr_assert_eq(hi, 4 + 3);
	cr_assert_eq(hb_stats_tukey_fences((const double[]){7, 7, 7}, 3, &lo, &hi), 0);
	cr_assert(lo == 7 && hi == 7);
	cr_assert_eq(hb_stats_tukey_fences((const double[]){INFINITY, INFINITY}, 2, &lo, &hi), 0);
	cr_assert(lo == INFINITY && hi == INFINITY);
	cr_assert_eq(
		hb_stats_tukey_fences((const double[]){1, INFINITY, INFINITY}, 3, &lo, &hi), 0);
	cr_assert(!isnan(lo) && !isnan(hi));
}
