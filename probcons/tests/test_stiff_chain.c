/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mean times to absorption of chains whose rates differ by many orders of magnitude, against rationals.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <gmp.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>
#include <probcons/chain_file.h>

#include "enumeration.h"

#define SIDE_MAX 6
#define STATES_MAX (SIDE_MAX * SIDE_MAX)

/* Transient states 0 ... count - 1; rate to state count is absorption. */
struct rates {
	int count;
	double rate[STATES_MAX][STATES_MAX + 1];
};

/* Solve (D - R) t = 1 by elimination in rationals; t of state 0. */
static double exact_mean(const struct rates *r)
{
	int n = r->count;
	mpq_t(*a)[STATES_MAX + 1] = calloc((size_t)n, sizeof(*a));
	mpq_t factor, step;
	double mean;

	cr_assert(a);
	mpq_inits(factor, step, NULL);
	for (int i = 0; i < n; i++) {
		for (int j = 0; j <= n; j++)
			mpq_init(a[i][j]);
		for (int j = 0; j <= n; j++) {
			mpq_set_d(step, r->rate[i][j]);
			mpq_add(a[i][i], a[i][i], step);
			if (j < n)
				mpq_sub(a[i][j], a[i][j], step);
		}
		mpq_set_ui(a[i][n], 1, 1);
	}
	for (int k = n - 1; k > 0; k--) {
		for (int i = 0; i < k; i++) {
			if (mpq_sgn(a[i][k]) == 0)
				continue;
			mpq_div(factor, a[i][k], a[k][k]);
			for (int j = 0; j <= n; j++) {
				mpq_mul(step, factor, a[k][j]);
				mpq_sub(a[i][j], a[i][j], step);
			}
		}
	}
	mpq_div(factor, a[0][n], a[0][0]);
	mean = mpq_get_d(factor);
	for (int i = 0; i < n; i++)
		for (int j = 0; j <= n; j++)
			mpq_clear(a[i][j]);
	mpq_clears(factor, step, NULL);
	free(a);
	return mean;
}

static double program_mean(const struct rates *r)
{
	char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);
	struct pc_chain_file file = {0};
	struct hb_error error = {0};
	double hours = 0;

	cr_assert(stream);
	(void)fputs("from,to,rate_per_hour\n", stream);
	for (int i = 0; i < r->count; i++)
		for (int j = 0; j <= r->count; j++)
			if (r->rate[i][j] > 0)
				(void)fprintf(stream, "s%d,s%d,%.17g\n", i, j, r->rate[i][j]);
	(void)fclose(stream);
	cr_assert_eq(
		pc_chain_file_parse(text, length, "chain", &file, &error), 0, "%s", error.text);
	(void)snprintf(text, length, "s%d", r->count);
	cr_assert_eq(pc_chain_file_mttdl(&file, "s0", text, &hours, &error), 0, "%s", error.text);
	pc_chain_file_finish(&file);
	free(text);
	return hours;
}

/* A grid of crashed x lost nodes, as for repair and replacement; lost with the last column. */
static void grid(
	struct rates *r, int side, double crash, double repair, double wipe, double replace)
{
	*r = (struct rates){.count = side * side};
	for (int c = 0; c < side; c++) {
		for (int w = 0; w < side; w++) {
			int at = c * side + w, nodes = 2 * side - c - w;
			double *row = r->rate[at];

			if (c + 1 < side)
				row[at + side] = nodes * crash;
			if (c > 0)
				row[at - side] = c * repair;
			row[w + 1 < side ? at + 1 : r->count] += nodes * wipe;
			if (w > 0)
				row[at - 1] = w * replace;
		}
	}
}

Test(stiff_chain, repair_grids_agree_with_rationals_from_days_to_1e50_years)
{
	struct rates *r = malloc(sizeof(*r));
	double longest = 0;

	cr_assert(r);
	for (int side = 2; side <= SIDE_MAX; side++) {
		for (double wipe = 1e-2; wipe > 1e-14; wipe /= 100) {
			double want, got;

			grid(r, side, 1.0 / 720, 3, wipe, 0.125);
			want = exact_mean(r);
			got = program_mean(r);
			cr_assert(relative(got, want) < 1e-14, "%d, %g: %.17g, not %.17g", side,
				wipe, got, want);
			longest = fmax(longest, want / 8766);
		}
	}
	/* The subtraction in which others lose everything is not small here. */
	cr_assert(longest > 1e45, "%g years", longest);
	free(r);
}

Test(stiff_chain, random_chains_agree_with_rationals)
{
	struct rates *r = malloc(sizeof(*r));
	struct hb_rng rng;

	cr_assert(r);
	hb_rng_init(&rng, test_seed(), 1);
	for (int round = 0; round < 200; round++) {
		double want, got;

		*r = (struct rates){.count = 1 + (int)hb_rng_below(&rng, 8)};
		for (int i = 0; i < r->count; i++)
			for (int j = 0; j <= r->count; j++)
				if (i != j && (j == i + 1 || hb_rng_below(&rng, 2)))
					r->rate[i][j] = pow(10, 30 * hb_rng_double(&rng) - 15);
		want = exact_mean(r);
		got = program_mean(r);
		cr_assert(relative(got, want) < 1e-14, "round %d: %.17g, not %.17g", round, got,
			want);
	}
	free(r);
}
