/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <gsl/gsl_cdf.h>

#include <hotbed/rng.h>
#include <hotbed/stats.h>

#include "seed.h"

#define COUNT 6
#define RESAMPLES_ALL 46656 /* 6^6 */

static double mean_of(const uint32_t *items, size_t count, void *user)
{
	const double *values = user;
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += values[items[i]];
	return sum / (double)count;
}

static double log_variance_of(const uint32_t *items, size_t count, void *user)
{
	const double *values = user;
	double mean = mean_of(items, count, user), squares = 0;

	for (size_t i = 0; i < count; i++)
		squares += (values[items[i]] - mean) * (values[items[i]] - mean);
	return log(squares / (double)count + 0.1);
}

/* The bootstrap distribution itself: the statistic of every one of the 6^6 resamples, sorted. */
static void all_resamples(
	double (*statistic)(const uint32_t *, size_t, void *), double *values, double *ret)
{
	for (uint32_t code = 0; code < RESAMPLES_ALL; code++) {
		uint32_t items[COUNT];
		uint32_t rest = code;

		for (size_t i = 0; i < COUNT; i++, rest /= COUNT)
			items[i] = rest % COUNT;
		ret[code] = statistic(items, COUNT, values);
	}
	hb_stats_sort(ret, RESAMPLES_ALL);
}

/* Efron's z_0 and a from the whole distribution and the jackknife. */
static void efron(double (*statistic)(const uint32_t *, size_t, void *), double *values,
	const double *all, double *ret_z0, double *ret_a)
{
	uint32_t items[COUNT] = {0, 1, 2, 3, 4, 5};
	double estimate = statistic(items, COUNT, values);
	double jack[COUNT], mean = 0, squares = 0, cubes = 0, below = 0;

	for (size_t i = 0; i < RESAMPLES_ALL; i++)
		below += all[i] < estimate ? 1 : all[i] == estimate ? 0.5 : 0;
	*ret_z0 = gsl_cdf_ugaussian_Pinv(below / RESAMPLES_ALL);
	for (uint32_t out = 0; out < COUNT; out++) {
		size_t n = 0;

		for (uint32_t i = 0; i < COUNT; i++) {
			if (i != out)
				items[n++] = i;
		}
		jack[out] = statistic(items, COUNT - 1, values);
		mean += jack[out] / COUNT;
	}
	for (size_t i = 0; i < COUNT; i++) {
		squares += pow(mean - jack[i], 2);
		cubes += pow(mean - jack[i], 3);
	}
	*ret_a = cubes / (6 * pow(squares, 1.5));
}

/* Share of @all below and up to @value must enclose @share, give or take the sampling error @slack. */
static void assert_at_share(const double *all, double value, double share, double slack)
{
	double below = 0, up_to = 0;

	for (size_t i = 0; i < RESAMPLES_ALL; i++) {
		below += all[i] < value - 1e-9;
		up_to += all[i] <= value + 1e-9;
	}
	cr_assert(below / RESAMPLES_ALL <= share + slack, "%g > %g", below / RESAMPLES_ALL, share);
	cr_assert(up_to / RESAMPLES_ALL >= share - slack, "%g < %g", up_to / RESAMPLES_ALL, share);
}

Test(bca, bounds_are_those_of_the_whole_bootstrap_distribution)
{
	static double (*const statistics[])(const uint32_t *, size_t, void *) = {
		mean_of, log_variance_of};
	static double values[COUNT] = {0.3, 1.1, 1.7, 2.0, 4.9, 9.6};
	static double all[RESAMPLES_ALL];
	static const double levels[] = {0.8, 0.9, 0.95};
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 0);
	for (size_t s = 0; s < 2; s++) {
		double z0, a;

		all_resamples(statistics[s], values, all);
		efron(statistics[s], values, all, &z0, &a);
		cr_assert(fabs(a) > 0.02, "the example must be skewed to be worth anything");
		for (size_t l = 0; l < 3; l++) {
			struct hb_interval interval;
			double z = gsl_cdf_ugaussian_Pinv((1 + levels[l]) / 2);

			cr_assert_eq(hb_stats_bca(COUNT, statistics[s], values, 200000, levels[l],
					     &rng, &interval),
				0);
			assert_at_share(all, interval.lo,
				gsl_cdf_ugaussian_P(z0 + (z0 - z) / (1 - a * (z0 - z))), 0.006);
			assert_at_share(all, interval.hi,
				gsl_cdf_ugaussian_P(z0 + (z0 + z) / (1 - a * (z0 + z))), 0.006);
			cr_assert_eq(interval.confidence, levels[l]);
			cr_assert(interval.lo <= interval.estimate &&
				  interval.estimate <= interval.hi);
		}
	}
}

Test(bca, covers_the_mean_of_normal_samples_about_as_often_as_it_says)
{
	enum { ROUNDS = 1000, N = 40 };
	struct hb_rng rng;
	int covered = 0;

	hb_rng_init(&rng, test_seed(), 1);
	for (int round = 0; round < ROUNDS; round++) {
		struct hb_interval interval;
		double values[N];

		for (size_t i = 0; i < N; i++)
			values[i] = hb_rng_normal(&rng);
		cr_assert_eq(hb_stats_bca(N, mean_of, values, 999, 0.95, &rng, &interval), 0);
		covered += interval.lo <= 0 && 0 <= interval.hi;
	}
	/* Theory for n = 40 gives 0.94; six standard errors around it. */
	cr_assert(fabs((double)covered / ROUNDS - 0.94) < 6 * sqrt(0.94 * 0.06 / ROUNDS));
}

Test(bca, the_same_seed_gives_the_same_interval)
{
	static double values[COUNT] = {5, 3, 8, 1, 9, 2};
	struct hb_interval first, second;
	struct hb_rng rng;

	hb_rng_init(&rng, 3, 3);
	cr_assert_eq(hb_stats_bca(COUNT, mean_of, values, 9999, 0.95, &rng, &first), 0);
	hb_rng_init(&rng, 3, 3);
	cr_assert_eq(hb_stats_bca(COUNT, mean_of, values, 9999, 0.95, &rng, &second), 0);
	cr_assert(first.lo == second.lo && first.hi == second.hi);
}

Test(bca, constant_values_give_a_point)
{
	static double values[COUNT] = {2, 2, 2, 2, 2, 2};
	struct hb_interval interval;
	struct hb_rng rng;

	hb_rng_init(&rng, 1, 1);
	cr_assert_eq(hb_stats_bca(COUNT, mean_of, values, 999, 0.95, &rng, &interval), 0);
	cr_assert(interval.lo == 2 && interval.estimate == 2 && interval.hi == 2);
}

Test(bca, unusable_arguments_are_refused)
{
	static double values[COUNT] = {1, 2, 3, 4, 5, NAN};
	struct hb_interval interval = {.lo = 7};
	struct hb_rng rng;

	hb_rng_init(&rng, 1, 1);
	cr_assert_eq(hb_stats_bca(0, mean_of, values, 999, 0.95, &rng, &interval), -EINVAL);
	cr_assert_eq(hb_stats_bca(1, mean_of, values, 999, 0.95, &rng, &interval), -EINVAL);
	cr_assert_eq(hb_stats_bca(5, mean_of, values, 98, 0.95, &rng, &interval), -EINVAL);
	cr_assert_eq(hb_stats_bca(5, mean_of, values, 1000001, 0.95, &rng, &interval), -EINVAL);
	cr_assert_eq(hb_stats_bca(5, mean_of, values, 999, 1, &rng, &interval), -EINVAL);
	cr_assert_eq(hb_stats_bca(6, mean_of, values, 999, 0.95, &rng, &interval), -EINVAL);
	cr_assert_eq(interval.lo, 7);
}
