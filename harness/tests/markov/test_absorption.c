/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <gsl/gsl_linalg.h>

#include <hotbed/error.h>
#include <hotbed/markov.h>
#include <hotbed/rng.h>

#include "chains.h"

static double relative(double got, double want)
{
	return fabs(got - want) / fabs(want);
}

/*
 * Mean time from 0 to @top of a birth-death chain: sums of positive terms, known since Karlin and McGregor.
 */
static double climb(const double *up, const double *down, int top)
{
	long double total = 0;

	for (int k = 0; k < top; k++) {
		long double term = 1 / (long double)up[k];

		total += term;
		for (int j = k; j > 0; j--) {
			term = term * down[j] / up[j - 1];
			total += term;
		}
	}
	return (double)total;
}

/*
 * N nodes fail at rate a each, one at a time is repaired at rate b; absorbed when a majority is down.
 */
static double majority_mttf(int n, double a, double b, bool one_crew)
{
	struct hb_markov *chain = NULL;
	bool absorbing[16] = {0};
	double time = NAN;
	int lost = n / 2 + 1;

	cr_assert_eq(hb_markov_create((uint32_t)lost + 1, &chain, NULL), 0);
	for (int k = 0; k < lost; k++) {
		cr_assert_eq(
			hb_markov_add(chain, (uint32_t)k, (uint32_t)k + 1, (n - k) * a, NULL), 0);
		if (k)
			cr_assert_eq(hb_markov_add(chain, (uint32_t)k, (uint32_t)k - 1,
					     one_crew ? b : k * b, NULL),
				0);
	}
	absorbing[lost] = true;
	cr_assert_eq(hb_markov_absorption_time(chain, 0, absorbing, &time, NULL), 0);
	hb_markov_destroy(chain);
	return time;
}

Test(absorption, majority_of_three_fails_after_5a_plus_b_over_6aa)
{
	double a = 1.0 / 12, b = 6;

	cr_assert(relative(majority_mttf(3, a, b, true), (5 * a + b) / (6 * a * a)) < 1e-15);
	cr_assert(relative(majority_mttf(3, a, b, true), 154) < 1e-14);
}

Test(absorption, anchors_for_five_and_seven_nodes)
{
	double a = 1.0 / 12, b = 6;
	/* The published anchors hold for as many repairs at a time as there are nodes down. */
	cr_assert(relative(majority_mttf(5, a, b, false), 2270.2) < 1e-13);
	cr_assert(relative(majority_mttf(7, a, b, false), 35912.43) < 1e-6);
}

Test(absorption, stiff_birth_death_equals_its_closed_form_beyond_1e51)
{
	enum { TOP = 12 };
	double up[TOP], down[TOP];
	bool absorbing[TOP + 1] = {0};
	struct hb_markov *chain = NULL;
	double time = NAN, want;

	for (int k = 0; k < TOP; k++) {
		up[k] = (TOP - k) * 3.7e-5;
		down[k] = 1.3 * k;
	}
	want = climb(up, down, TOP);
	cr_assert(want > 1e40, "%g", want);
	cr_assert_eq(hb_markov_create(TOP + 1, &chain, NULL), 0);
	for (uint32_t k = 0; k < TOP; k++) {
		cr_assert_eq(hb_markov_add(chain, k, k + 1, up[k], NULL), 0);
		if (k)
			cr_assert_eq(hb_markov_add(chain, k, k - 1, down[k], NULL), 0);
	}
	absorbing[TOP] = true;
	cr_assert_eq(hb_markov_absorption_time(chain, 0, absorbing, &time, NULL), 0);
	cr_assert(relative(time, want) < 1e-14, "%.17g is not %.17g", time, want);
	hb_markov_destroy(chain);
}

Test(absorption, random_chains_agree_with_linear_solver)
{
	uint64_t seed = test_seed();
	struct hb_rng rng;

	hb_rng_init(&rng, seed, 1);
	for (int round = 0; round < 200; round++) {
		uint32_t n = 2 + (uint32_t)hb_rng_below(&rng, 30);
		gsl_matrix *q = NULL;
		struct hb_markov *chain = random_chain(&rng, n, 0.3, &q);
		bool *absorbing = calloc(n, sizeof(absorbing[0]));
		double time = NAN, *split = calloc(n, sizeof(split[0])), sum = 0;
		gsl_vector *ones = gsl_vector_alloc(n - 1), *mean = gsl_vector_alloc(n - 1);
		gsl_matrix_view inner = gsl_matrix_submatrix(q, 0, 0, n - 1, n - 1);
		gsl_permutation *p = gsl_permutation_alloc(n - 1);
		int sign;

		absorbing[n - 1] = true;
		cr_assert_eq(hb_markov_absorption_time(chain, 0, absorbing, &time, NULL), 0);
		cr_assert_eq(hb_markov_absorption_split(chain, 0, absorbing, split, NULL), 0);
		for (uint32_t i = 0; i < n; i++)
			sum += split[i];
		gsl_vector_set_all(ones, -1);
		gsl_linalg_LU_decomp(&inner.matrix, p, &sign);
		gsl_linalg_LU_solve(&inner.matrix, p, ones, mean);
		cr_assert(relative(time, gsl_vector_get(mean, 0)) < 1e-9, "seed %llu round %d",
			(unsigned long long)seed, round);
		cr_assert(fabs(sum - 1) < 1e-14 && split[n - 1] == sum);
		gsl_permutation_free(p);
		gsl_vector_free(ones);
		gsl_vector_free(mean);
		gsl_matrix_free(q);
		free(split);
		free(absorbing);
		hb_markov_destroy(chain);
	}
}

Test(absorption, gambler_is_ruined_with_the_classical_probability)
{
	struct hb_markov *chain = NULL;
	bool absorbing[11] = {[0] = true, [10] = true};
	double split[11];

	cr_assert_eq(hb_markov_create(11, &chain, NULL), 0);
	for (uint32_t k = 1; k < 10; k++) {
		cr_assert_eq(hb_markov_add(chain, k, k + 1, 1, NULL), 0);
		cr_assert_eq(hb_markov_add(chain, k, k - 1, 3, NULL), 0);
	}
	cr_assert_eq(hb_markov_absorption_split(chain, 4, absorbing, split, NULL), 0);
	/* (1 - r^4) / (1 - r^10) with r = 3. */
	cr_assert(relative(split[10], 80.0 / 59048) < 1e-15);
	cr_assert(relative(split[0], 1 - 80.0 / 59048) < 1e-15);
	cr_assert_eq(split[4], 0);
	hb_markov_destroy(chain);
}

Test(absorption, state_that_never_gets_there_is_named)
{
	static const char *const names[] = {"up", "stuck", "lost"};
	struct hb_markov *chain = NULL;
	bool absorbing[3] = {[2] = true};
	struct hb_error error = {0};
	double time = 7;

	cr_assert_eq(hb_markov_create(3, &chain, NULL), 0);
	hb_markov_set_names(chain, names);
	cr_assert_eq(hb_markov_add(chain, 0, 1, 1, NULL), 0);
	cr_assert_eq(hb_markov_add(chain, 0, 2, 1, NULL), 0);
	cr_assert_eq(hb_markov_absorption_time(chain, 0, absorbing, &time, &error), -EDOM);
	cr_assert(strstr(error.text, "stuck") != NULL, "%s", error.text);
	cr_assert_eq(time, 7);
	/* Starting where the dead end cannot be reached is fine. */
	cr_assert_eq(hb_markov_absorption_time(chain, 2, absorbing, &time, &error), 0);
	cr_assert_eq(time, 0);
	hb_markov_destroy(chain);
}

Test(absorption, mean_beyond_double_is_a_range_error_not_infinity)
{
	struct hb_markov *chain = NULL;
	bool absorbing[41] = {[40] = true};
	struct hb_error error = {0};
	double time = 7;

	cr_assert_eq(hb_markov_create(41, &chain, NULL), 0);
	for (uint32_t k = 0; k < 40; k++) {
		cr_assert_eq(hb_markov_add(chain, k, k + 1, 1e-9, NULL), 0);
		if (k)
			cr_assert_eq(hb_markov_add(chain, k, k - 1, 1e3, NULL), 0);
	}
	cr_assert_eq(hb_markov_absorption_time(chain, 0, absorbing, &time, &error), -ERANGE);
	cr_assert_eq(time, 7);
	hb_markov_destroy(chain);
}

Test(absorption, grid_of_ten_thousand_states_is_solved)
{
	enum { SIDE = 100 };
	struct hb_markov *chain = NULL;
	bool *absorbing = calloc(SIDE * SIDE, sizeof(absorbing[0]));
	double time = NAN, narrow = NAN, up[SIDE], down[SIDE];

	/* Two independent repair processes; lumped over the second, the first alone decides. */
	cr_assert_eq(hb_markov_create(SIDE * SIDE, &chain, NULL), 0);
	for (uint32_t i = 0; i < SIDE; i++) {
		for (uint32_t j = 0; j < SIDE; j++) {
			uint32_t at = i * SIDE + j;

			if (i + 1 < SIDE)
				cr_assert_eq(hb_markov_add(chain, at, at + SIDE, 0.5, NULL), 0);
			if (i > 0)
				cr_assert_eq(hb_markov_add(chain, at, at - SIDE, 0.4, NULL), 0);
			if (j + 1 < SIDE)
				cr_assert_eq(hb_markov_add(chain, at, at + 1, 2, NULL), 0);
			if (j > 0)
				cr_assert_eq(hb_markov_add(chain, at, at - 1, 3, NULL), 0);
			absorbing[at] = i == SIDE - 1;
		}
	}
	cr_assert_eq(hb_markov_absorption_time(chain, 0, absorbing, &time, NULL), 0);
	hb_markov_destroy(chain);
	for (int k = 0; k < SIDE; k++) {
		up[k] = 0.5;
		down[k] = 0.4;
	}
	narrow = climb(up, down, SIDE - 1);
	cr_assert(relative(time, narrow) < 1e-13, "%.17g is not %.17g", time, narrow);
	free(absorbing);
}

Test(absorption, bad_transitions_are_refused)
{
	struct hb_markov *chain = NULL;
	struct hb_error error = {0};
	bool none[2] = {0};
	double time;

	cr_assert_eq(hb_markov_create(0, &chain, &error), -EINVAL);
	cr_assert_eq(hb_markov_create(2, &chain, NULL), 0);
	cr_assert_eq(hb_markov_add(chain, 0, 2, 1, &error), -EINVAL);
	cr_assert_eq(hb_markov_add(chain, 1, 1, 1, &error), -EINVAL);
	cr_assert_eq(hb_markov_add(chain, 0, 1, -1, &error), -EINVAL);
	cr_assert_eq(hb_markov_add(chain, 0, 1, NAN, &error), -EINVAL);
	cr_assert_eq(hb_markov_add(chain, 0, 1, INFINITY, &error), -EINVAL);
	cr_assert_eq(hb_markov_transition_count(chain), 0);
	cr_assert_eq(hb_markov_absorption_time(chain, 0, none, &time, &error), -EINVAL);
	cr_assert_eq(hb_markov_absorption_time(chain, 5, none, &time, &error), -EINVAL);
	hb_markov_destroy(chain);
	hb_markov_destroy(NULL);
}
