/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>

#include <criterion/criterion.h>
#include <gsl/gsl_linalg.h>

#include <hotbed/error.h>
#include <hotbed/markov.h>

#include "chains.h"

Test(transient, two_states_relax_exponentially)
{
	struct hb_markov *chain = NULL;
	double initial[2] = {1, 0}, p[2], hours[2], a = 0.3, b = 2.5;

	cr_assert_eq(hb_markov_create(2, &chain, NULL), 0);
	cr_assert_eq(hb_markov_add(chain, 0, 1, a, NULL), 0);
	cr_assert_eq(hb_markov_add(chain, 1, 0, b, NULL), 0);
	for (double t = 1e-6; t < 1e4; t *= 10) {
		double want = -a / (a + b) * expm1(-(a + b) * t);
		double mean = a / (a + b) * (t + expm1(-(a + b) * t) / (a + b));

		cr_assert_eq(hb_markov_transient(chain, initial, t, p, NULL), 0);
		cr_assert(fabs(p[1] / want - 1) < 1e-13, "%g: %.17g is not %.17g", t, p[1], want);
		cr_assert_eq(hb_markov_occupancy(chain, initial, t, hours, NULL), 0);
		/* The closed form of the mean cancels for short times. */
		if (t > 0.01)
			cr_assert(fabs(hours[1] / mean - 1) < 1e-11, "%g: %.17g is not %.17g", t,
				hours[1], mean);
		cr_assert(fabs((hours[0] + hours[1]) / t - 1) < 1e-13);
	}
	hb_markov_destroy(chain);
}

Test(transient, pure_birth_is_poisson_down_to_1e_minus_250)
{
	enum { STATES = 61 };
	struct hb_markov *chain = NULL;
	double initial[STATES] = {1}, p[STATES];
	long double want = expl(-0.01L);

	cr_assert_eq(hb_markov_create(STATES, &chain, NULL), 0);
	for (uint32_t k = 0; k + 1 < STATES; k++)
		cr_assert_eq(hb_markov_add(chain, k, k + 1, 2, NULL), 0);
	cr_assert_eq(hb_markov_transient(chain, initial, 0.005, p, NULL), 0);
	for (int k = 0; k + 1 < STATES; k++) {
		cr_assert(
			fabsl(p[k] / want - 1) < 1e-13L, "%d: %.17g is not %.17Lg", k, p[k], want);
		want *= 0.01L / (k + 1);
	}
	cr_assert(p[STATES - 2] < 1e-190);
	hb_markov_destroy(chain);
}

Test(transient, random_chains_agree_with_matrix_exponential)
{
	uint64_t seed = test_seed();
	struct hb_rng rng;

	hb_rng_init(&rng, seed, 3);
	for (int round = 0; round < 50; round++) {
		uint32_t n = 2 + (uint32_t)hb_rng_below(&rng, 12);
		gsl_matrix *q = NULL, *exponential = gsl_matrix_alloc(n, n);
		struct hb_markov *chain = random_chain(&rng, n, 0.4, &q);
		double initial[16] = {0}, p[16], t = 0.1 + 3 * hb_rng_double(&rng);

		initial[0] = 1;
		gsl_matrix_scale(q, t);
		cr_assert_eq(gsl_linalg_exponential_ss(q, exponential, GSL_PREC_DOUBLE), 0);
		cr_assert_eq(hb_markov_transient(chain, initial, t, p, NULL), 0);
		for (uint32_t j = 0; j < n; j++)
			cr_assert(fabs(p[j] - gsl_matrix_get(exponential, 0, j)) < 1e-11,
				"seed %llu round %d", (unsigned long long)seed, round);
		gsl_matrix_free(q);
		gsl_matrix_free(exponential);
		hb_markov_destroy(chain);
	}
}

Test(transient, initial_and_result_may_be_the_same_array)
{
	struct hb_markov *chain = NULL;
	double p[2] = {1, 0};

	cr_assert_eq(hb_markov_create(2, &chain, NULL), 0);
	cr_assert_eq(hb_markov_add(chain, 0, 1, 1, NULL), 0);
	cr_assert_eq(hb_markov_transient(chain, p, 1, p, NULL), 0);
	cr_assert(fabs(p[0] - exp(-1)) < 1e-15);
	cr_assert_eq(hb_markov_transient(chain, p, 0, p, NULL), 0);
	cr_assert(fabs(p[0] - exp(-1)) < 1e-15);
	hb_markov_destroy(chain);
}

Test(transient, chain_that_never_moves_stays)
{
	struct hb_markov *chain = NULL;
	double initial[2] = {0.25, 0.75}, p[2];

	cr_assert_eq(hb_markov_create(2, &chain, NULL), 0);
	cr_assert_eq(hb_markov_transient(chain, initial, 5, p, NULL), 0);
	cr_assert_eq(p[1], 0.75);
	cr_assert_eq(hb_markov_occupancy(chain, initial, 4, p, NULL), 0);
	cr_assert_eq(p[0], 1);
	hb_markov_destroy(chain);
}

Test(transient, too_much_work_and_bad_input_are_refused)
{
	struct hb_markov *chain = NULL;
	struct hb_error error = {0};
	double good[2] = {1, 0}, bad[2] = {0.5, 0.4}, p[2];

	cr_assert_eq(hb_markov_create(2, &chain, NULL), 0);
	cr_assert_eq(hb_markov_add(chain, 0, 1, 1e9, NULL), 0);
	cr_assert_eq(hb_markov_transient(chain, good, 1e6, p, &error), -E2BIG);
	cr_assert_eq(hb_markov_transient(chain, good, -1, p, &error), -EINVAL);
	cr_assert_eq(hb_markov_transient(chain, good, NAN, p, &error), -EINVAL);
	cr_assert_eq(hb_markov_transient(chain, bad, 1, p, &error), -EINVAL);
	hb_markov_destroy(chain);
}
