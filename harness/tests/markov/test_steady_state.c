/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <criterion/criterion.h>
#include <gsl/gsl_linalg.h>

#include <hotbed/error.h>
#include <hotbed/markov.h>

#include "chains.h"

Test(steady_state, queue_has_geometric_shares_down_to_1e_minus_280)
{
	enum { STATES = 71 };
	struct hb_markov *chain = NULL;
	double share[STATES];

	cr_assert_eq(hb_markov_create(STATES, &chain, NULL), 0);
	for (uint32_t k = 0; k + 1 < STATES; k++) {
		cr_assert_eq(hb_markov_add(chain, k, k + 1, 1, NULL), 0);
		cr_assert_eq(hb_markov_add(chain, k + 1, k, 1e4, NULL), 0);
	}
	cr_assert_eq(hb_markov_steady_state(chain, share, NULL), 0);
	for (int k = 0; k < STATES; k++) {
		double want = (double)(powl(1e-4L, k) * (1 - 1e-4L));

		cr_assert(fabs(share[k] / want - 1) < 1e-14, "%d: %.17g is not %.17g", k, share[k],
			want);
	}
	hb_markov_destroy(chain);
}

Test(steady_state, random_chains_agree_with_linear_solver)
{
	uint64_t seed = test_seed();
	struct hb_rng rng;

	hb_rng_init(&rng, seed, 2);
	for (int round = 0; round < 200; round++) {
		uint32_t n = 2 + (uint32_t)hb_rng_below(&rng, 30);
		gsl_matrix *q = NULL;
		struct hb_markov *chain = random_chain(&rng, n, 0.3, &q);
		gsl_vector *right = gsl_vector_calloc(n), *want = gsl_vector_alloc(n);
		gsl_permutation *p = gsl_permutation_alloc(n);
		double share[32];
		int sign;

		/* pi Q = 0 with one equation replaced by the sum. */
		gsl_matrix_transpose(q);
		for (uint32_t j = 0; j < n; j++)
			gsl_matrix_set(q, n - 1, j, 1);
		gsl_vector_set(right, n - 1, 1);
		gsl_linalg_LU_decomp(q, p, &sign);
		gsl_linalg_LU_solve(q, p, right, want);
		cr_assert_eq(hb_markov_steady_state(chain, share, NULL), 0);
		for (uint32_t i = 0; i < n; i++)
			cr_assert(fabs(share[i] / gsl_vector_get(want, i) - 1) < 1e-9,
				"seed %llu round %d", (unsigned long long)seed, round);
		gsl_permutation_free(p);
		gsl_vector_free(right);
		gsl_vector_free(want);
		gsl_matrix_free(q);
		hb_markov_destroy(chain);
	}
}

Test(steady_state, passing_states_have_no_share)
{
	struct hb_markov *chain = NULL;
	double share[3];

	cr_assert_eq(hb_markov_create(3, &chain, NULL), 0);
	cr_assert_eq(hb_markov_add(chain, 0, 1, 1, NULL), 0);
	cr_assert_eq(hb_markov_add(chain, 1, 2, 1, NULL), 0);
	cr_assert_eq(hb_markov_add(chain, 2, 1, 3, NULL), 0);
	cr_assert_eq(hb_markov_steady_state(chain, share, NULL), 0);
	cr_assert_eq(share[0], 0);
	cr_assert_eq(share[1], 0.75);
	cr_assert_eq(share[2], 0.25);
	hb_markov_destroy(chain);
}

Test(steady_state, two_closed_classes_are_refused)
{
	static const char *const names[] = {"a", "left", "right"};
	struct hb_markov *chain = NULL;
	struct hb_error error = {0};
	double share[3] = {7, 7, 7};

	cr_assert_eq(hb_markov_create(3, &chain, NULL), 0);
	hb_markov_set_names(chain, names);
	cr_assert_eq(hb_markov_add(chain, 0, 1, 1, NULL), 0);
	cr_assert_eq(hb_markov_add(chain, 0, 2, 1, NULL), 0);
	cr_assert_eq(hb_markov_steady_state(chain, share, &error), -EDOM);
	cr_assert(strstr(error.text, "left") || strstr(error.text, "right"), "%s", error.text);
	cr_assert_eq(share[0], 7);
	hb_markov_destroy(chain);
}

Test(steady_state, single_state_has_it_all)
{
	struct hb_markov *chain = NULL;
	double share = 0;

	cr_assert_eq(hb_markov_create(1, &chain, NULL), 0);
	cr_assert_eq(hb_markov_steady_state(chain, &share, NULL), 0);
	cr_assert_eq(share, 1);
	hb_markov_destroy(chain);
}
