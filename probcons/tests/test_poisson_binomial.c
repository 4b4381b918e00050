/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <gmp.h>

#include <hotbed/error.h>
#include <probcons/node.h>
#include <probcons/poisson_binomial.h>

#include "enumeration.h"

/* Relative error of @got against the rational @want. */
static double error_of(double got, const mpq_t want)
{
	mpq_t difference;
	double error;

	mpq_init(difference);
	mpq_set_d(difference, got);
	mpq_sub(difference, difference, want);
	if (mpq_sgn(want) != 0)
		mpq_div(difference, difference, want);
	error = fabs(mpq_get_d(difference));
	mpq_clear(difference);
	return error;
}

/* tails[k] = P(at least k fail), from exact rationals of the doubles in @q. */
static void rational_tails(const double *q, uint32_t count, mpq_t *tails)
{
	mpq_t p, r, term;

	mpq_inits(p, r, term, NULL);
	for (uint32_t k = 0; k <= count + 1; k++)
		mpq_init(tails[k]);
	mpq_set_ui(tails[0], 1, 1);
	for (uint32_t i = 0; i < count; i++) {
		mpq_set_d(p, q[i]);
		mpq_set_ui(r, 1, 1);
		mpq_sub(r, r, p);
		for (uint32_t k = i + 1; k <= i + 1; k--) {
			mpq_mul(tails[k], tails[k], r);
			if (k) {
				mpq_mul(term, tails[k - 1], p);
				mpq_add(tails[k], tails[k], term);
			}
		}
	}
	for (uint32_t k = count; k-- > 0;)
		mpq_add(tails[k], tails[k], tails[k + 1]);
	mpq_clears(p, r, term, NULL);
}

Test(poisson_binomial, tails_equal_rationals_for_heterogeneous_nodes)
{
	uint64_t seed = test_seed();
	struct hb_rng rng;

	hb_rng_init(&rng, seed, 1);
	for (int round = 0; round < 40; round++) {
		uint32_t n = 1 + (uint32_t)hb_rng_below(&rng, 40);
		double q[40], got;
		mpq_t tails[42];

		for (uint32_t i = 0; i < n; i++) {
			q[i] = pow(10, -12 * hb_rng_double(&rng));
			if (hb_rng_below(&rng, 10) == 0)
				q[i] = (double)hb_rng_below(&rng, 2);
			if (hb_rng_below(&rng, 4) == 0)
				q[i] = 1 - q[i];
		}
		rational_tails(q, n, tails);
		for (uint32_t k = 0; k <= n + 1; k++) {
			cr_assert_eq(pc_poisson_binomial_tail(q, n, k, &got, NULL), 0);
			if (mpq_sgn(tails[k]) == 0)
				cr_assert_eq(got, 0);
			else if (mpq_get_d(tails[k]) > 1e-300)
				cr_assert(error_of(got, tails[k]) < 3e-16,
					"seed %llu round %d: P(>= %u of %u) = %.17g, error %g",
					(unsigned long long)seed, round, k, n, got,
					error_of(got, tails[k]));
			mpq_clear(tails[k]);
		}
	}
}

Test(poisson_binomial, equal_nodes_equal_rationals)
{
	static const double probabilities[] = {1e-9, 0.01, 0.08, 0.5, 0.93, 0.999999};

	for (size_t p = 0; p < sizeof(probabilities) / sizeof(probabilities[0]); p++) {
		double q[30], got;
		mpq_t tails[32];

		for (int i = 0; i < 30; i++)
			q[i] = probabilities[p];
		rational_tails(q, 30, tails);
		for (uint32_t k = 0; k <= 31; k++) {
			cr_assert_eq(pc_poisson_binomial_tail(q, 30, k, &got, NULL), 0);
			if (k <= 30)
				cr_assert(error_of(got, tails[k]) < 3e-16, "q %g k %u", q[0], k);
			mpq_clear(tails[k]);
		}
	}
}

/* P(at least k of n fail) in floats of 512 bits: error below 1e-140. */
static void float_tail(const double *q, uint32_t n, uint32_t k, mpf_t ret)
{
	mpf_t *pmf = malloc((n + 1) * sizeof(pmf[0])), p, r, term;

	mpf_set_default_prec(512);
	mpf_inits(p, r, term, NULL);
	for (uint32_t j = 0; j <= n; j++)
		mpf_init(pmf[j]);
	mpf_set_ui(pmf[0], 1);
	for (uint32_t i = 0; i < n; i++) {
		mpf_set_d(p, q[i]);
		mpf_ui_sub(r, 1, p);
		for (uint32_t j = i + 1; j > 0; j--) {
			mpf_mul(pmf[j], pmf[j], r);
			mpf_mul(term, pmf[j - 1], p);
			mpf_add(pmf[j], pmf[j], term);
		}
		mpf_mul(pmf[0], pmf[0], r);
	}
	mpf_set_ui(ret, 0);
	for (uint32_t j = k; j <= n; j++)
		mpf_add(ret, ret, pmf[j]);
	for (uint32_t j = 0; j <= n; j++)
		mpf_clear(pmf[j]);
	mpf_clears(p, r, term, NULL);
	free(pmf);
}

static double float_error(double got, const mpf_t want)
{
	mpf_t difference;
	double error;

	mpf_init(difference);
	mpf_set_d(difference, got);
	mpf_sub(difference, difference, want);
	mpf_div(difference, difference, want);
	error = fabs(mpf_get_d(difference));
	mpf_clear(difference);
	return error;
}

Test(poisson_binomial, thousand_nodes_are_exact_down_to_1e_minus_300)
{
	enum { N = 1001 };
	static const uint32_t thresholds[] = {1, 30, 90, 150, 200, 260, 501, 1001};
	uint64_t seed = test_seed();
	struct hb_rng rng;
	double q[N], got, smallest = 1;

	hb_rng_init(&rng, seed, 2);
	for (int i = 0; i < N; i++)
		q[i] = pow(10, -4 + 3 * hb_rng_double(&rng));
	for (size_t t = 0; t < sizeof(thresholds) / sizeof(thresholds[0]); t++) {
		mpf_t want;

		mpf_set_default_prec(512);
		mpf_init(want);
		float_tail(q, N, thresholds[t], want);
		cr_assert_eq(pc_poisson_binomial_tail(q, N, thresholds[t], &got, NULL), 0);
		if (mpf_cmp_d(want, 1e-300) > 0) {
			cr_assert(float_error(got, want) < 5e-16, "k %u: %.17g, error %g",
				thresholds[t], got, float_error(got, want));
			smallest = got;
		}
		mpf_clear(want);
	}
	cr_assert(smallest < 1e-150, "the far tail was not tested: %g", smallest);
}

Test(poisson_binomial, largest_exact_fleet_is_right_to_1e_minus_15)
{
	enum { N = PC_NODES_EXACT_MAX };
	uint64_t seed = test_seed();
	struct hb_rng rng;
	double *q = malloc(N * sizeof(q[0])), got;
	mpf_t want;

	hb_rng_init(&rng, seed, 3);
	for (int i = 0; i < N; i++)
		q[i] = 0.05 + 0.3 * hb_rng_double(&rng);
	mpf_set_default_prec(512);
	mpf_init(want);
	float_tail(q, N, 1600, want);
	cr_assert_eq(pc_poisson_binomial_tail(q, N, 1600, &got, NULL), 0);
	cr_assert(float_error(got, want) < 1e-15, "%.17g, error %g", got, float_error(got, want));
	cr_assert(got < 1e-100 && got > 1e-300, "%g", got);
	mpf_clear(want);
	free(q);
}

Test(poisson_binomial, distribution_sums_to_one_and_gives_the_tails)
{
	uint64_t seed = test_seed();
	struct hb_rng rng;
	double q[200], got;
	long double pmf[201], sum = 0;

	hb_rng_init(&rng, seed, 4);
	for (int i = 0; i < 200; i++)
		q[i] = hb_rng_double(&rng);
	cr_assert_eq(pc_poisson_binomial(q, 200, pmf, NULL), 0);
	for (uint32_t k = 200; k <= 200; k--) {
		sum += pmf[k];
		cr_assert_eq(pc_poisson_binomial_tail(q, 200, k, &got, NULL), 0);
		cr_assert(relative(got, sum) < 4e-16);
	}
	cr_assert(fabsl(sum - 1) < 1e-17L);
	cr_assert_eq(pc_poisson_binomial(q, 0, pmf, NULL), 0);
	cr_assert(pmf[0] == 1);
}

Test(poisson_binomial, twenty_five_node_mix_is_not_negative)
{
	/* One minus the cumulative sum of doubles gives -2.2e-16 for fleets like this one. */
	double q[25], got;
	mpq_t tails[27];

	for (int i = 0; i < 25; i++)
		q[i] = i < 13 ? 0.001 : 0.02;
	rational_tails(q, 25, tails);
	cr_assert_eq(pc_poisson_binomial_tail(q, 25, 13, &got, NULL), 0);
	cr_assert(got > 0 && got < 1e-18);
	cr_assert(error_of(got, tails[13]) < 3e-16);
	for (int k = 0; k <= 26; k++)
		mpq_clear(tails[k]);
}

Test(poisson_binomial, probabilities_outside_0_1_are_refused)
{
	double bad[3][2] = {{0.1, -0.1}, {0.1, 1.1}, {0.1, NAN}}, got = 7;
	long double pmf[3];
	struct hb_error error = {0};

	for (int i = 0; i < 3; i++) {
		cr_assert_eq(pc_poisson_binomial_tail(bad[i], 2, 1, &got, &error), -EINVAL);
		cr_assert(strstr(error.text, "node 2") != NULL, "%s", error.text);
		cr_assert_eq(pc_poisson_binomial(bad[i], 2, pmf, &error), -EINVAL);
	}
	cr_assert_eq(got, 7);
	cr_assert_eq(pc_poisson_binomial(bad[0], PC_NODES_EXACT_MAX + 1, pmf, &error), -E2BIG);
}

Test(poisson_binomial, few_classes_equal_rationals)
{
	uint64_t seed = test_seed();
	struct hb_rng rng;

	hb_rng_init(&rng, seed, 5);
	for (int round = 0; round < 60; round++) {
		uint32_t n = 1 + (uint32_t)hb_rng_below(&rng, 40),
			 classes = 1 + (uint32_t)hb_rng_below(&rng, 9);
		double q[40], value[9], got;
		mpq_t tails[42];

		for (uint32_t c = 0; c < classes; c++)
			value[c] = hb_rng_below(&rng, 8) ? pow(10, -9 * hb_rng_double(&rng))
							 : (double)hb_rng_below(&rng, 2);
		for (uint32_t i = 0; i < n; i++)
			q[i] = value[hb_rng_below(&rng, classes)];
		rational_tails(q, n, tails);
		for (uint32_t k = 0; k <= n + 1; k++) {
			cr_assert_eq(pc_poisson_binomial_tail(q, n, k, &got, NULL), 0);
			if (k > n || mpq_sgn(tails[k]) == 0)
				cr_assert_eq(got, 0);
			else if (mpq_get_d(tails[k]) > 1e-300)
				cr_assert(error_of(got, tails[k]) < 3e-16,
					"seed %llu round %d k %u", (unsigned long long)seed, round,
					k);
			mpq_clear(tails[k]);
		}
	}
}
