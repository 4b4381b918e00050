/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include <hotbed/rng.h>
#include <hotbed/stats.h>

#include "seed.h"

static void assert_close(double actual, double expected, double tolerance)
{
	cr_assert(fabs(actual - expected) <= tolerance, "%.17g instead of %.17g", actual, expected);
}

/* Mid rank of values[i] by counting: 1 + smaller ones + half of the other equal ones. */
static double mid_rank(const double *values, size_t count, size_t i)
{
	double rank = 1;

	for (size_t j = 0; j < count; j++)
		rank += j == i ? 0 : values[j] < values[i] ? 1 : values[j] == values[i] ? 0.5 : 0;
	return rank;
}

/* p by trying every assignment of signs: how often the rank sum is at least as far from its mean. */
static double wilcoxon_by_all_signs(const double *values, size_t count)
{
	double sizes[16], ranks[16], observed = 0, total = 0;
	size_t left = 0, as_far = 0;

	for (size_t i = 0; i < count; i++) {
		if (values[i] != 0)
			sizes[left++] = fabs(values[i]);
	}
	for (size_t i = 0; i < left; i++) {
		ranks[i] = mid_rank(sizes, left, i);
		total += ranks[i];
	}
	for (size_t i = 0, k = 0; i < count; i++) {
		if (values[i] > 0)
			observed += ranks[k];
		k += values[i] != 0;
	}
	for (size_t signs = 0; signs < (size_t)1 << left; signs++) {
		double sum = 0;

		for (size_t i = 0; i < left; i++)
			sum += signs >> i & 1 ? ranks[i] : 0;
		as_far += fabs(sum - total / 2) >= fabs(observed - total / 2);
	}
	return (double)as_far / (double)((size_t)1 << left);
}

Test(wilcoxon, p_is_exact_for_every_small_sample_with_ties_and_zeros)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 0);
	for (int round = 0; round < 3000; round++) {
		double values[12];
		size_t count = hb_rng_below(&rng, 13);
		/* Few distinct sizes make ties and zeros common; many make them rare. */
		uint64_t sizes = round % 2 ? 9 : 100001;

		for (size_t i = 0; i < count; i++)
			values[i] = (double)hb_rng_below(&rng, sizes) - (double)(sizes / 3);
		assert_close(hb_stats_wilcoxon_p(values, count),
			wilcoxon_by_all_signs(values, count), 1e-15);
	}
}

Test(wilcoxon, p_is_that_of_the_known_example)
{
	/* Hollander and Wolfe 1973, depression scale; R: wilcox.test(x, y, paired = TRUE) gives V = 40, p = 0.03906. */
	static const double x[] = {1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30};
	static const double y[] = {0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29};
	double d[9];

	for (size_t i = 0; i < 9; i++)
		d[i] = x[i] - y[i];
	cr_assert_eq(hb_stats_wilcoxon_p(d, 9), 20.0 / 512);
}

Test(wilcoxon, extremes_have_closed_forms)
{
	double values[60] = {0};

	cr_assert_eq(hb_stats_wilcoxon_p(values, 0), 1);
	cr_assert_eq(hb_stats_wilcoxon_p((const double[]){0, -0.0}, 2), 1);
	cr_assert_eq(hb_stats_wilcoxon_p((const double[]){5}, 1), 1);
	cr_assert_eq(hb_stats_wilcoxon_p((const double[]){INFINITY, -INFINITY}, 2), 1);
	for (size_t n = 1; n <= 60; n++) {
		values[n - 1] = -(double)n;
		cr_assert_eq(hb_stats_wilcoxon_p(values, n), fmin(1, 2 / ldexp(1, (int)n)));
	}
}

Test(wilcoxon, the_approximation_is_near_the_exact_distribution)
{
	/* Exact tail probabilities for 61 ... 100 distinct sizes, by the recursion in floating point. */
	for (int n = 61; n <= 100; n += 13) {
		static double chance[5051];
		double tail = 0;
		int total = n * (n + 1) / 2;

		for (int s = 0; s <= total; s++)
			chance[s] = s == 0;
		for (int i = 1; i <= n; i++) {
			for (int s = i * (i + 1) / 2; s >= 0; s--)
				chance[s] = (chance[s] + (s >= i ? chance[s - i] : 0)) / 2;
		}
		for (int sum = 0; sum < total / 2; sum++) {
			double values[100];
			int rest = sum;

			tail += chance[sum];
			if (tail < 0.0005 || sum % 7)
				continue;
			/* Greedy from the largest: every sum up to the total is a sum of distinct ranks. */
			for (int i = n; i > 0; i--) {
				values[i - 1] = rest >= i ? i : -i;
				rest -= rest >= i ? i : 0;
			}
			cr_assert_eq(rest, 0);
			assert_close(hb_stats_wilcoxon_p(values, (size_t)n), fmin(1, 2 * tail),
				0.003 + 0.02 * tail);
		}
	}
}

Test(wilcoxon, a_very_small_p_is_still_above_zero)
{
	static double values[5000];
	double p;

	for (size_t i = 0; i < 5000; i++)
		values[i] = (double)(i + 1);
	p = hb_stats_wilcoxon_p(values, 5000);
	cr_assert(p > 0 && p < 1e-300);
}

Test(cliff, delta_is_that_of_all_pairs)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 1);
	for (int round = 0; round < 2000; round++) {
		double a[30], b[30];
		size_t a_count = 1 + hb_rng_below(&rng, 30), b_count = 1 + hb_rng_below(&rng, 30);
		double wins = 0;

		for (size_t i = 0; i < a_count; i++)
			a[i] = (double)hb_rng_below(&rng, 15);
		for (size_t i = 0; i < b_count; i++)
			b[i] = (double)hb_rng_below(&rng, 20);
		for (size_t i = 0; i < a_count; i++) {
			for (size_t j = 0; j < b_count; j++)
				wins += (a[i] > b[j]) - (a[i] < b[j]);
		}
		assert_close(hb_stats_cliffs_delta(a, a_count, b, b_count),
			wins / (double)(a_count * b_count), 1e-14);
	}
	cr_assert_eq(
		hb_stats_cliffs_delta((const double[]){INFINITY}, 1, (const double[]){5}, 1), 1);
	cr_assert_eq(hb_stats_cliffs_delta((const double[]){1}, 1, (const double[]){5}, 1), -1);
	cr_assert(isnan(hb_stats_cliffs_delta(NULL, 0, (const double[]){5}, 1)));
}

static double pearson(const double *x, const double *y, size_t count)
{
	double mx = 0, my = 0, xy = 0, xx = 0, yy = 0;

	for (size_t i = 0; i < count; i++) {
		mx += x[i] / (double)count;
		my += y[i] / (double)count;
	}
	for (size_t i = 0; i < count; i++) {
		xy += (x[i] - mx) * (y[i] - my);
		xx += (x[i] - mx) * (x[i] - mx);
		yy += (y[i] - my) * (y[i] - my);
	}
	return xy / sqrt(xx * yy);
}

Test(trend, spearman_is_pearsons_correlation_of_mid_ranks)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 2);
	for (int round = 0; round < 2000; round++) {
		double values[25], ranks[25], index[25];
		size_t count = 3 + hb_rng_below(&rng, 23);

		values[0] = 100; /* never all equal */
		for (size_t i = 1; i < count; i++)
			values[i] = (double)hb_rng_below(&rng, 12);
		for (size_t i = 0; i < count; i++) {
			ranks[i] = mid_rank(values, count, i);
			index[i] = (double)i;
		}
		assert_close(hb_stats_spearman_trend(values, count), pearson(ranks, index, count),
			1e-12);
	}
	cr_assert_eq(hb_stats_spearman_trend((const double[]){1, 2, INFINITY}, 3), 1);
	cr_assert_eq(hb_stats_spearman_trend((const double[]){9, 2, 1}, 3), -1);
	cr_assert(isnan(hb_stats_spearman_trend((const double[]){1, 2}, 2)));
	cr_assert(isnan(hb_stats_spearman_trend((const double[]){4, 4, 4, 4}, 4)));
}

Test(trend, lag_1_autocorrelation_is_its_definition)
{
	/* Mean 0, squares 4, products of neighbours -3. */
	cr_assert_eq(hb_stats_lag1((const double[]){1, -1, 1, -1}, 4), -0.75);
	/* Mean 3: deviations -2 -1 0 1 2; products 2 + 0 + 0 + 2, squares 10. */
	assert_close(hb_stats_lag1((const double[]){1, 2, 3, 4, 5}, 5), 0.4, 1e-15);
	cr_assert(isnan(hb_stats_lag1((const double[]){1, 2}, 2)));
	cr_assert(isnan(hb_stats_lag1((const double[]){3, 3, 3}, 3)));
	cr_assert(isnan(hb_stats_lag1((const double[]){3, INFINITY, 3}, 3)));
}

Test(trend, lag_1_finds_the_coefficient_of_an_autoregression)
{
	static double values[100000];
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 3);
	for (size_t i = 1; i < 100000; i++)
		values[i] = 0.3 * values[i - 1] + hb_rng_normal(&rng);
	assert_close(hb_stats_lag1(values, 100000), 0.3, 6 / sqrt(100000));
}

Test(holm, adjusted_values_are_those_of_the_definition)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 4);
	for (int round = 0; round < 2000; round++) {
		double p[12], adjusted[12];
		size_t count = hb_rng_below(&rng, 13), family = 0;

		for (size_t i = 0; i < count; i++) {
			p[i] = (double)hb_rng_below(&rng, 30) / 100;
			if (hb_rng_below(&rng, 6) == 0)
				p[i] = NAN;
			family += !isnan(p[i]);
		}
		cr_assert_eq(hb_stats_holm(p, count, adjusted), 0);
		for (size_t i = 0; i < count; i++) {
			double expected = 0;

			/* The largest multiple among all hypotheses that are not less significant. */
			for (size_t j = 0; j < count; j++) {
				size_t smaller = 0;

				for (size_t k = 0; k < count; k++)
					smaller += p[k] < p[j];
				if (p[j] <= p[i])
					expected = fmax(expected,
						fmin(1, (double)(family - smaller) * p[j]));
			}
			if (isnan(p[i]))
				cr_assert(isnan(adjusted[i]));
			else
				cr_assert_eq(adjusted[i], expected);
		}
	}
}

Test(holm, known_values_and_refusals)
{
	/* R: p.adjust(c(0.01, 0.04, 0.03, 0.02), "holm") */
	static const double p[] = {0.01, 0.04, 0.03, 0.02};
	double adjusted[4];

	cr_assert_eq(hb_stats_holm(p, 4, adjusted), 0);
	assert_close(adjusted[0], 0.04, 1e-15);
	assert_close(adjusted[1], 0.06, 1e-15);
	assert_close(adjusted[2], 0.06, 1e-15);
	assert_close(adjusted[3], 0.06, 1e-15);
	adjusted[0] = 7;
	cr_assert_eq(hb_stats_holm((const double[]){1.5}, 1, adjusted), -EINVAL);
	cr_assert_eq(hb_stats_holm((const double[]){-0.1}, 1, adjusted), -EINVAL);
	cr_assert_eq(adjusted[0], 7);
}
