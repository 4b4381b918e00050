/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Laws, passage times, committors, quasi-stationary laws, eigenvalues and transients against known answers. */
#include <errno.h>

#include "chains.h"

static void free_generator(struct ms_generator *g)
{
	ms_generator_finish(g);
}

static void draw_rates(struct hb_rng *rng, double *rate, uint32_t count, double decades)
{
	for (uint32_t i = 0; i < count; i++)
		rate[i] = pow(10.0, between(rng, -0.5 * decades, 0.5 * decades));
}

/* Random grids of one to four axes, small enough for the oracle. */
static struct random_grid draw_grid(struct hb_rng *rng, uint32_t axes, double decades)
{
	static const int32_t longest[] = {0, 300, 22, 7, 4};
	struct random_grid grid = {.seed = hb_rng_u64(rng), .axes = axes, .decades = decades};

	for (uint32_t a = 0; a < axes; a++)
		grid.last[a] = (int32_t)between(rng, 1.0, longest[axes] + 0.5);
	return grid;
}

Test(chain, stationary_law_is_that_of_grassmann_taksar_heyman)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 1);
	for (int round = 0; round < 24; round++) {
		struct random_grid grid =
			draw_grid(&rng, 1 + (uint32_t)round % 4, round < 12 ? 2.0 : 12.0);
		struct ms_generator g = grid_chain(&grid);
		double *share = calloc(g.states, sizeof(double));
		double *oracle = calloc(g.states, sizeof(double));
		struct hb_error error = {0};

		cr_assert_eq(ms_stationary(&g, 0.0, share, NULL, &error), 0, "%s", error.text);
		oracle_stationary(&g, oracle);
		for (uint32_t i = 0; i < g.states; i++)
			cr_assert(close_to(share[i], oracle[i], 1e-12),
				"state %u of %u: %.17g, not %.17g", i, g.states, share[i],
				oracle[i]);
		free(share);
		free(oracle);
		free_generator(&g);
	}
}

Test(chain, passage_times_are_those_of_the_textbook_elimination)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 2);
	for (int round = 0; round < 24; round++) {
		struct random_grid grid =
			draw_grid(&rng, 1 + (uint32_t)round % 4, round < 12 ? 2.0 : 12.0);
		struct ms_generator g = grid_chain(&grid);
		double *time = calloc(g.states, sizeof(double));
		double *oracle = calloc(g.states, sizeof(double));
		uint8_t *target = calloc(g.states, 1);
		struct hb_error error = {0};

		for (uint32_t i = 0; i < g.states; i++)
			target[i] = hb_rng_double(&rng) < 0.05;
		target[g.states / 2] = 1;
		target[0] = 0;
		cr_assert_eq(ms_passage_time(&g, target, 0.0, time, &error), 0, "%s", error.text);
		oracle_passage(&g, target, oracle);
		for (uint32_t i = 0; i < g.states; i++)
			cr_assert(close_to(time[i], oracle[i], 1e-12),
				"state %u of %u: %.17g, not %.17g", i, g.states, time[i],
				oracle[i]);
		free(time);
		free(oracle);
		free(target);
		free_generator(&g);
	}
}

/* From 0 to n: sum over i < n of (1 / (pi_i birth_i)) sum over j <= i of pi_j; all terms are positive. */
Test(chain, birth_death_passage_is_the_double_sum)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 3);
	for (int round = 0; round < 20; round++) {
		double births[400], deaths[400];
		uint32_t n = (uint32_t)between(&rng, 2.0, 400.0);
		struct birth_death b = {n + 1, births, deaths};
		long double above = 0.0L, expected = 0.0L;
		double *time = calloc(n + 1, sizeof(double));
		uint8_t *target = calloc(n + 1, 1);
		struct hb_error error = {0};
		struct ms_generator g;

		draw_rates(&rng, births, n, 1.0);
		draw_rates(&rng, deaths, n, 1.0);
		for (uint32_t i = 0; i < n; i++)
			deaths[i] *= 2.0;
		g = birth_death_chain(&b);
		/* above = sum of pi_j / pi_i over j <= i. */
		for (uint32_t i = 0; i < n; i++) {
			above = i == 0 ? 1.0L
				       : 1.0L + above * (long double)deaths[i - 1] /
							 (long double)births[i - 1];
			expected += above / (long double)births[i];
		}
		target[n] = 1;
		cr_assert_eq(ms_passage_time(&g, target, 0.0, time, &error), 0, "%s", error.text);
		cr_assert(close_to(time[0], (double)expected, 1e-12),
			"%u states: %.17g, not %.17Lg", n, time[0], expected);
		free(time);
		free(target);
		free_generator(&g);
	}
}

Test(chain, steep_law_keeps_its_small_end)
{
	double births[2000], deaths[2000], *share = calloc(2001, sizeof(double));
	struct birth_death b = {2001, births, deaths};
	struct ms_generator g;
	struct hb_error error = {0};

	for (uint32_t i = 0; i < 2000; i++) {
		births[i] = 1.0;
		deaths[i] = 1.3;
	}
	g = birth_death_chain(&b);
	cr_assert_eq(ms_stationary(&g, 0.0, share, NULL, &error), 0, "%s", error.text);
	for (uint32_t i = 0; i <= 2000; i += 50)
		cr_assert(close_to(share[i], (1.0 - 1.0 / 1.3) * pow(1.3, -(double)i), 1e-12),
			"state %u: %g", i, share[i]);
	free(share);
	free_generator(&g);
}

/* P(n before 0 | i) = sum over j < i of g_j / sum over j < n of g_j with g_j = product of deaths / births. */
Test(chain, committor_of_the_gambler)
{
	struct hb_rng rng;
	double births[200], deaths[200], h[201];
	struct birth_death b = {201, births, deaths};
	uint8_t goal[201] = {0}, other[201] = {0};
	long double sum[202] = {0}, term = 1.0L;
	struct ms_generator g;
	struct hb_error error = {0};

	hb_rng_init(&rng, test_seed(), 4);
	draw_rates(&rng, births, 200, 1.0);
	draw_rates(&rng, deaths, 200, 1.0);
	g = birth_death_chain(&b);
	goal[200] = other[0] = 1;
	cr_assert_eq(ms_committor(&g, goal, other, 0.0, h, &error), 0, "%s", error.text);
	for (uint32_t j = 0; j < 200; j++) {
		sum[j + 1] = sum[j] + term;
		if (j < 199)
			term *= (long double)deaths[j] / (long double)births[j + 1];
	}
	for (uint32_t i = 0; i <= 200; i++)
		cr_assert(close_to(h[i], (double)(sum[i] / sum[200]), 1e-12),
			"state %u: %.17g, not %.17Lg", i, h[i], sum[i] / sum[200]);
	other[200] = 1;
	cr_assert_eq(ms_committor(&g, goal, other, 0.0, h, &error), -EINVAL);
	free_generator(&g);
}

/* Eigenvalues of M/M/1/K: -(lambda + mu) + 2 sqrt(lambda mu) cos(k pi / (K + 1)). */
Test(chain, spectrum_of_mm1k)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 5);
	for (int round = 0; round < 12; round++) {
		uint32_t k = (uint32_t)between(&rng, 12.0, 120.0);
		double lambda = between(&rng, 0.2, 3.0), mu = between(&rng, 0.2, 3.0);
		double births[120], deaths[120], *share = calloc(k + 1, sizeof(double));
		struct birth_death b = {k + 1, births, deaths};
		struct ms_spectrum s;
		struct elimination *factor;
		struct ms_generator g;
		struct hb_error error = {0};

		for (uint32_t i = 0; i < k; i++) {
			births[i] = lambda;
			deaths[i] = mu;
		}
		g = birth_death_chain(&b);
		cr_assert_eq(ms_stationary(&g, 0.0, share, &factor, &error), 0, "%s", error.text);
		cr_assert_eq(ms_spectrum(&g, factor, 6, &s, &error), 0, "%s", error.text);
		cr_assert(s.resolved && s.count >= 6);
		for (uint32_t i = 0; i < 6; i++) {
			double expected = -(lambda + mu) +
					  2.0 * sqrt(lambda * mu) * cos((i + 1) * M_PI / (k + 1));

			cr_assert(close_to(s.real_per_s[i], expected, 1e-10),
				"K = %u, rho = %g, eigenvalue %u: %.15g, not %.15g", k, lambda / mu,
				i, s.real_per_s[i], expected);
			cr_assert(fabs(s.imaginary_per_s[i]) < 1e-10);
		}
		ms_factor_destroy(factor);
		free(share);
		free_generator(&g);
	}
}

/* A ring that turns one way: eigenvalues rate x (exp(2 pi i k / n) - 1), all complex. */
static uint32_t ring_moves(const void *context, const int32_t *at, struct ms_move *ret_moves)
{
	int32_t states = *(const int32_t *)context;

	ret_moves[0] = (struct ms_move){2.5, {(at[0] + 1) % states}};
	return 1;
}

Test(chain, spectrum_of_a_ring_is_complex)
{
	int32_t states = 40;
	struct ms_rules rules = {
		.axes = 1, .last = {states - 1}, .context = &states, .moves = ring_moves};
	double share[40];
	struct elimination *factor;
	struct ms_generator g;
	struct ms_spectrum s;
	struct hb_error error = {0};

	cr_assert_eq(ms_generator_build(&rules, NO_LIMIT, &g, &error), 0, "%s", error.text);
	cr_assert_eq(ms_stationary(&g, 0.0, share, &factor, &error), 0, "%s", error.text);
	cr_assert_eq(ms_spectrum(&g, factor, 4, &s, &error), 0, "%s", error.text);
	cr_assert(s.resolved && s.count >= 4);
	for (uint32_t i = 0; i < 4; i++) {
		double angle = 2.0 * M_PI * (i / 2 + 1) / states;

		cr_assert(close_to(s.real_per_s[i], 2.5 * (cos(angle) - 1.0), 1e-9));
		cr_assert(close_to(fabs(s.imaginary_per_s[i]), 2.5 * sin(angle), 1e-9));
	}
	ms_factor_destroy(factor);
	free_generator(&g);
}

/* Two wells: 0 ... n pulls to its ends; the barrier is in the middle. */
static void two_wells(double *births, double *deaths, uint32_t n, double pull)
{
	for (uint32_t i = 0; i < n; i++) {
		births[i] = i < n / 2 ? 1.0 : pull;
		deaths[i] = i < n / 2 ? pull : 1.0;
	}
}

Test(chain, slowest_eigenvalue_is_the_sum_of_both_escapes)
{
	for (uint32_t n = 20; n <= 100; n += 20) {
		double births[100], deaths[100], *share = calloc(n + 1, sizeof(double));
		double *law = calloc(n + 1, sizeof(double)), *time = calloc(n + 1, sizeof(double));
		uint8_t *left = calloc(n + 1, 1), *right = calloc(n + 1, 1);
		struct birth_death b = {n + 1, births, deaths};
		struct ms_quasi_stationary q;
		struct elimination *factor;
		struct ms_spectrum s;
		struct ms_generator g;
		struct hb_error error = {0};
		double there = 0.0, back = 0.0, sum;

		two_wells(births, deaths, n, 2.0);
		g = birth_death_chain(&b);
		for (uint32_t i = 0; i <= n; i++) {
			left[i] = i <= n / 2;
			right[i] = i > n / 2;
		}
		cr_assert_eq(ms_stationary(&g, 0.0, share, &factor, &error), 0, "%s", error.text);
		cr_assert_eq(ms_spectrum(&g, factor, 4, &s, &error), 0, "%s", error.text);
		cr_assert(s.resolved, "n = %u", n);
		cr_assert_eq(ms_quasi_stationary_law(&g, left, 1e-12, 0.0, law, &q, &error), 0,
			"%s", error.text);
		cr_assert(q.converged);
		/* The targets are the wells' ends, so that a path that turns back on the barrier does not count. */
		memset(right, 0, n + 1);
		right[n] = 1;
		cr_assert_eq(ms_passage_time(&g, right, 0.0, time, &error), 0, "%s", error.text);
		for (uint32_t i = 0; i <= n; i++)
			there += law[i] * time[i];
		back = there;
		sum = 1.0 / there + 1.0 / back;
		cr_assert(close_to(-s.real_per_s[0], sum,
				  20.0 * pow(2.0, -0.5 * n) + 4e-2 * 20.0 / n),
			"n = %u: %g, not %g", n, -s.real_per_s[0], sum);
		cr_assert(s.real_per_s[1] < 10.0 * s.real_per_s[0]);
		ms_factor_destroy(factor);
		free(share);
		free(law);
		free(time);
		free(left);
		free(right);
		free_generator(&g);
	}
}

/* 1e60 s to leave: nothing is lost in the mean time, the quasi-stationary law or the law. */
Test(chain, deep_wells_stay_exact)
{
	uint32_t n = 400;
	double births[400], deaths[400], share[401], law[401], time[401];
	uint8_t left[401] = {0}, end[401] = {0};
	struct birth_death b = {n + 1, births, deaths};
	struct ms_quasi_stationary q;
	struct hb_error error = {0};
	struct ms_generator g;
	long double above = 0.0L, expected = 0.0L, mean = 0.0L, exit;

	two_wells(births, deaths, n, 2.0);
	g = birth_death_chain(&b);
	for (uint32_t i = 0; i <= n / 2; i++)
		left[i] = 1;
	end[n] = 1;
	cr_assert_eq(ms_stationary(&g, 0.0, share, NULL, &error), 0, "%s", error.text);
	for (uint32_t i = 0; i <= n / 2; i++)
		cr_assert(close_to(share[i], share[n - i], 1e-11));
	cr_assert_eq(ms_quasi_stationary_law(&g, left, 1e-12, 0.0, law, &q, &error), 0, "%s",
		error.text);
	cr_assert_eq(ms_passage_time(&g, end, 0.0, time, &error), 0, "%s", error.text);
	for (uint32_t i = 0; i < n; i++) {
		above = i == 0 ? 1.0L
			       : 1.0L + above * (long double)deaths[i - 1] /
						 (long double)births[i - 1];
		expected += above / (long double)births[i];
	}
	cr_assert(time[0] > 1e60 && close_to(time[0], (double)expected, 1e-12));
	/* The law's exit rate is its flow over the edge, and close to that from 0, which 1e60 s hardly disturb. */
	exit = (long double)law[n / 2] * (long double)births[n / 2];
	cr_assert(close_to(q.exit_rate_per_s, (double)exit, 1e-10), "%g, not %Lg",
		q.exit_rate_per_s, exit);
	for (uint32_t i = 0; i <= n / 2; i++)
		mean += (long double)law[i] * (long double)time[i];
	cr_assert(close_to((double)mean, time[0], 1e-10));
	free_generator(&g);
}

/* Two pieces that only meet outside: the law is that of the piece that is left later, wherever the search begins. */
Test(chain, a_basin_of_two_pieces_has_the_law_of_the_slower)
{
	double births[30], deaths[30], law[31], alone[31];
	struct birth_death b = {31, births, deaths};
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 14);
	for (int round = 0; round < 10; round++) {
		uint8_t both[31] = {0}, piece[31] = {0};
		struct ms_quasi_stationary q, expected[2];
		struct hb_error error = {0};
		struct ms_generator g;
		int slower;
		double apart;

		draw_rates(&rng, births, 30, 1.0);
		draw_rates(&rng, deaths, 30, 1.0);
		g = birth_death_chain(&b);
		for (int p = 0; p < 2; p++) {
			memset(piece, 0, sizeof(piece));
			for (uint32_t i = p == 0 ? 2 : 12; i < (p == 0 ? 9U : 27U); i++)
				both[i] = piece[i] = 1;
			cr_assert_eq(ms_quasi_stationary_law(
					     &g, piece, 1e-12, 0.0, alone, &expected[p], &error),
				0, "%s", error.text);
		}
		cr_assert_eq(ms_quasi_stationary_law(&g, both, 1e-11, 0.0, law, &q, &error), 0,
			"%s", error.text);
		slower = expected[1].exit_rate_per_s < expected[0].exit_rate_per_s;
		apart = expected[1 - slower].exit_rate_per_s / expected[slower].exit_rate_per_s;
		/* Two pieces that are left at nearly the same rate may be too many steps apart. */
		cr_assert(q.converged || apart < 1.1, "round %d: apart by %g", round, apart);
		if (q.converged)
			cr_assert(
				close_to(q.exit_rate_per_s, expected[slower].exit_rate_per_s, 1e-9),
				"round %d: %.15g, not %.15g", round, q.exit_rate_per_s,
				expected[slower].exit_rate_per_s);
		ms_generator_finish(&g);
	}
}

/* A fork: from the middle the chain gets to the left or to the right end for good, wherever @drain says so. */
static uint32_t fork_moves(const void *context, const int32_t *at, struct ms_move *ret_moves)
{
	bool right_too = *(const bool *)context;

	if (at[0] == 0) {
		ret_moves[0] = (struct ms_move){1.0, {1}};
		return 1;
	}
	if (at[0] == 1) {
		ret_moves[0] = (struct ms_move){2.0, {0}};
		return 1;
	}
	if (at[0] == 6) {
		ret_moves[0] = (struct ms_move){1.0, {right_too ? 6 : 5}};
		return 1;
	}
	ret_moves[0] = (struct ms_move){1.0, {at[0] - 1}};
	ret_moves[1] = (struct ms_move){1.0, {at[0] + 1}};
	return 2;
}

Test(chain, states_left_for_good_have_no_share_and_two_ends_are_refused)
{
	for (int two = 0; two < 2; two++) {
		bool right_too = two == 1;
		struct ms_rules rules = {.axes = 1,
			.last = {6},
			.start = {4},
			.context = &right_too,
			.moves = fork_moves};
		uint8_t target[7] = {0, 0, 0, 0, 0, 0, 1};
		struct hb_error error = {0};
		double share[7], time_s[7];
		struct ms_generator g;

		cr_assert_eq(ms_generator_build(&rules, NO_LIMIT, &g, &error), 0, "%s", error.text);
		cr_assert_eq(ms_passage_time(&g, target, 0.0, time_s, &error), -EDOM);
		cr_assert_eq(ms_stationary(&g, 0.0, share, NULL, &error), two ? -EDOM : 0, "%s",
			error.text);
		if (two == 0) {
			cr_assert(close_to(share[0], 2.0 / 3.0, 1e-14) &&
				  close_to(share[1], 1.0 / 3.0, 1e-14));
			for (uint32_t i = 2; i < 7; i++)
				cr_assert_eq(share[i], 0.0);
		} else {
			cr_assert(strstr(error.text, "closed class") != NULL, "%s", error.text);
		}
		free_generator(&g);
	}
}

Test(chain, memory_limit_is_kept_with_the_number)
{
	struct random_grid grid = {.seed = 1, .axes = 2, .last = {99, 99}, .decades = 1.0};
	struct ms_generator g = grid_chain(&grid);
	double *share = calloc(g.states, sizeof(double));
	struct hb_error error = {0};

	cr_assert_eq(ms_stationary(&g, 1e5, share, NULL, &error), -E2BIG);
	cr_assert(strstr(error.text, "GiB") != NULL, "%s", error.text);
	free(share);
	free_generator(&g);
}

/* exp(Qt) of a small chain by scaling and squaring of its series, in long double. */
static void oracle_transient(
	const struct ms_generator *g, const double *initial, double time_s, double *ret_share)
{
	uint32_t n = g->states;
	long double *a = full_rates(g), *e = calloc((size_t)n * n, sizeof(*e)), *t, *s;
	int halvings = 40;

	t = calloc((size_t)n * n, sizeof(*t));
	s = calloc((size_t)n * n, sizeof(*s));
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t j = 0; j < n; j++) {
			if (i != j)
				a[(size_t)i * n + i] -= a[(size_t)i * n + j];
		}
	}
	/* e = exp(Q t / 2^40) - 1, to second order; (1 + e)^2 - 1 = 2 e + e e. */
	for (size_t k = 0; k < (size_t)n * n; k++)
		a[k] *= ldexpl((long double)time_s, -halvings);
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t j = 0; j < n; j++) {
			long double sum = 0.0L;

			for (uint32_t k = 0; k < n; k++)
				sum += a[(size_t)i * n + k] * a[(size_t)k * n + j];
			e[(size_t)i * n + j] = a[(size_t)i * n + j] + 0.5L * sum;
		}
	}
	for (int h = 0; h < halvings; h++) {
		for (uint32_t i = 0; i < n; i++) {
			for (uint32_t j = 0; j < n; j++) {
				long double sum = 0.0L;

				for (uint32_t k = 0; k < n; k++)
					sum += e[(size_t)i * n + k] * e[(size_t)k * n + j];
				s[(size_t)i * n + j] = 2.0L * e[(size_t)i * n + j] + sum;
			}
		}
		memcpy(e, s, (size_t)n * n * sizeof(*e));
	}
	for (uint32_t j = 0; j < n; j++) {
		long double sum = (long double)initial[j];

		for (uint32_t i = 0; i < n; i++)
			sum += (long double)initial[i] * e[(size_t)i * n + j];
		ret_share[j] = (double)sum;
	}
	free(a);
	free(e);
	free(t);
	free(s);
}

Test(chain, transient_law_is_the_matrix_exponential)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 6);
	for (int round = 0; round < 12; round++) {
		struct random_grid grid = draw_grid(&rng, 3, 2.0);
		struct ms_generator g;
		double initial[64] = {0}, share[64], oracle[64], time_s = between(&rng, 0.0, 5.0),
		       off = 0.0;
		struct hb_error error = {0};
		uint64_t steps;

		for (uint32_t a = 0; a < 3; a++)
			grid.last[a] %= 4;
		g = grid_chain(&grid);
		initial[0] = 0.25;
		initial[g.states - 1] += 0.75;
		cr_assert_eq(ms_transient(&g, initial, time_s, 1e-13, 0.0, share, &steps, &error),
			0, "%s", error.text);
		oracle_transient(&g, initial, time_s, oracle);
		for (uint32_t i = 0; i < g.states; i++)
			off += fabs(share[i] - oracle[i]);
		cr_assert(off < 2e-12, "%u states, %g s: off by %g", g.states, time_s, off);
		free_generator(&g);
	}
}

/* A chain that stands still in one well does not count as steady while mass still seeps over the barrier. */
Test(chain, transient_is_not_fooled_by_a_basin)
{
	double births[24], deaths[24], initial[25] = {0}, share[25], oracle[25];
	struct birth_death b = {25, births, deaths};
	struct ms_generator g;
	struct hb_error error = {0};
	uint64_t steps, all;

	two_wells(births, deaths, 24, 2.0);
	g = birth_death_chain(&b);
	initial[0] = 1.0;
	cr_assert_eq(ms_transient(&g, initial, 2e4, 1e-9, 0.0, share, &steps, &error), 0, "%s",
		error.text);
	oracle_transient(&g, initial, 2e4, oracle);
	for (uint32_t i = 0; i < 25; i++)
		cr_assert(fabs(share[i] - oracle[i]) < 1e-9, "state %u: %.12g, not %.12g", i,
			share[i], oracle[i]);
	/* Over a far longer time the law is reached, and most of the steps are saved. */
	cr_assert_eq(ms_transient(&g, initial, 1e8, 1e-6, 0.0, share, &all, &error), 0, "%s",
		error.text);
	cr_assert(all < 20 * steps, "%lu steps", (unsigned long)all);
	cr_assert(fabs(share[0] - share[24]) < 1e-6);
	cr_assert_eq(ms_transient(&g, initial, 1e8, 1e-6, 1e6, share, &all, &error), -E2BIG);
	cr_assert_eq(ms_transient(&g, initial, NAN, 1e-6, 1e6, share, &all, &error), -EINVAL);
	free_generator(&g);
}

/* The drift of M/M/1 with a wall: lambda - mu in the middle, lambda at the left, -mu at the right. */
Test(generator, drift_comes_from_the_rows)
{
	double births[10], deaths[10], drift[11];
	struct birth_death b = {11, births, deaths};
	struct ms_generator g;

	for (uint32_t i = 0; i < 10; i++) {
		births[i] = 3.0;
		deaths[i] = 5.0;
	}
	g = birth_death_chain(&b);
	ms_generator_drift(&g, drift);
	cr_assert(drift[0] == 3.0 && drift[5] == -2.0 && drift[10] == -5.0);
	free_generator(&g);
}

static uint32_t wild_moves(const void *context, const int32_t *at, struct ms_move *ret_moves)
{
	ret_moves[0] = *(const struct ms_move *)context;
	(void)at;
	return 1;
}

Test(generator, impossible_moves_are_refused_with_the_state)
{
	static const struct ms_move moves[] = {
		{-1.0, {1, 0}}, {NAN, {1, 0}}, {INFINITY, {1, 0}}, {1.0, {7, 0}}, {1.0, {0, -1}}};

	for (uint32_t m = 0; m < sizeof(moves) / sizeof(moves[0]); m++) {
		struct ms_rules rules = {
			.axes = 2, .last = {5, 5}, .context = &moves[m], .moves = wild_moves};
		struct ms_generator g;
		struct hb_error error = {0};

		cr_assert_eq(ms_generator_build(&rules, NO_LIMIT, &g, &error), -EINVAL);
		cr_assert(strstr(error.text, "(0, 0") != NULL, "%s", error.text);
	}
}

Test(generator, too_large_boxes_are_refused_before_anything_is_allocated)
{
	struct random_grid grid = {.axes = 3, .last = {9999, 9999, 9999}};
	struct ms_rules rules = {
		.axes = 3, .last = {9999, 9999, 9999}, .context = &grid, .moves = grid_moves};
	struct ms_generator g;
	struct hb_error error = {0};

	cr_assert_eq(ms_generator_build(&rules, 16e9, &g, &error), -E2BIG);
	cr_assert(strstr(error.text, "GiB") != NULL, "%s", error.text);
}

Test(generator, states_are_found_by_their_place)
{
	struct random_grid grid = {.seed = 3, .axes = 3, .last = {4, 5, 6}, .decades = 1.0};
	struct ms_generator g = grid_chain(&grid);
	int32_t outside[3] = {5, 0, 0};

	cr_assert_eq(g.states, 5 * 6 * 7);
	for (uint32_t i = 0; i < g.states; i++)
		cr_assert_eq(ms_generator_find(&g, g.at + (size_t)i * 3), i);
	cr_assert_eq(ms_generator_find(&g, outside), UINT32_MAX);
	free_generator(&g);
}
