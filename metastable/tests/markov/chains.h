/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chains with known answers, and the elimination of Grassmann, Taksar and Heyman in its textbook form as an oracle. */
#ifndef METASTABLE_TESTS_CHAINS_H
#define METASTABLE_TESTS_CHAINS_H

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include <metastable/chain.h>
#include <metastable/generator.h>

#define NO_LIMIT 1e12

/* Relative, with room for numbers that are both next to nothing. */
static inline bool close_to(double a, double b, double relative)
{
	return fabs(a - b) <= relative * fmax(fabs(a), fabs(b)) + 1e-290;
}

static inline uint64_t test_seed(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 0x5eed;

	fprintf(stderr, "seed: %" PRIu64 " (set HB_SEED to repeat)\n", seed);
	return seed;
}

/* Uniform in [low, high). */
static inline double between(struct hb_rng *rng, double low, double high)
{
	return low + (high - low) * hb_rng_double(rng);
}

/* A birth-death chain: births[i] from i to i + 1, deaths[i] from i + 1 to i. */
struct birth_death {
	uint32_t states;
	const double *births, *deaths;
};

static inline uint32_t birth_death_moves(
	const void *context, const int32_t *at, struct ms_move *ret_moves)
{
	const struct birth_death *b = context;
	uint32_t i = (uint32_t)at[0], count = 0;

	if (i + 1 < b->states)
		ret_moves[count++] = (struct ms_move){b->births[i], {(int32_t)i + 1}};
	if (i > 0)
		ret_moves[count++] = (struct ms_move){b->deaths[i - 1], {(int32_t)i - 1}};
	return count;
}

static inline struct ms_generator birth_death_chain(const struct birth_death *b)
{
	struct ms_rules rules = {.axes = 1,
		.last = {(int32_t)b->states - 1},
		.context = b,
		.moves = birth_death_moves};
	struct ms_generator g = {0};
	struct hb_error error = {0};

	cr_assert_eq(ms_generator_build(&rules, NO_LIMIT, &g, &error), 0, "%s", error.text);
	return g;
}

/* Rates on a grid between neighbours, diagonals of two axes included, that differ by up to @decades; from a hash. */
struct random_grid {
	uint64_t seed;
	uint32_t axes;
	int32_t last[MS_AXES_MAX];
	double decades;
};

static inline double grid_rate(const struct random_grid *g, const int32_t *from, const int32_t *to)
{
	struct hb_rng rng;
	uint64_t key = g->seed;

	for (uint32_t a = 0; a < g->axes; a++)
		key = (key * 1000003 + (uint64_t)from[a]) * 1000003 + (uint64_t)to[a];
	hb_rng_init(&rng, key, 0);
	return pow(10.0, g->decades * (hb_rng_double(&rng) - 0.5));
}

static inline uint32_t grid_moves(const void *context, const int32_t *at, struct ms_move *ret_moves)
{
	const struct random_grid *g = context;
	uint32_t count = 0, steps = 1;

	for (uint32_t a = 0; a < g->axes; a++)
		steps *= 3;
	for (uint32_t s = 0; s < steps; s++) {
		struct ms_move m = {0};
		bool inside = true;
		uint32_t moved = 0;

		for (uint32_t a = 0, rest = s; a < g->axes; a++, rest /= 3) {
			m.to[a] = at[a] + (int32_t)(rest % 3) - 1;
			inside = inside && m.to[a] >= 0 && m.to[a] <= g->last[a];
			moved += m.to[a] != at[a];
		}
		if (!inside || moved == 0 || moved > 2)
			continue;
		m.rate_per_s = grid_rate(g, at, m.to);
		ret_moves[count++] = m;
	}
	return count;
}

static inline struct ms_generator grid_chain(const struct random_grid *grid)
{
	struct ms_rules rules = {.axes = grid->axes, .context = grid, .moves = grid_moves};
	struct ms_generator g = {0};
	struct hb_error error = {0};

	memcpy(rules.last, grid->last, sizeof(rules.last));
	cr_assert_eq(ms_generator_build(&rules, NO_LIMIT, &g, &error), 0, "%s", error.text);
	return g;
}

/* All rates as a full table, row-major, in long double. */
static inline long double *full_rates(const struct ms_generator *g)
{
	long double *a = calloc((size_t)g->states * g->states, sizeof(*a));

	for (uint32_t i = 0; i < g->states; i++) {
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++)
			a[(size_t)i * g->states + g->target[e]] += g->rate_per_s[e];
	}
	return a;
}

/* The textbook: eliminate the last state, sum its row anew, go on. @ret_share: shape [states]. */
static inline void oracle_stationary(const struct ms_generator *g, double *ret_share)
{
	uint32_t n = g->states;
	long double *a = full_rates(g), *x = calloc(n, sizeof(*x)), sum = 1.0L;

	for (uint32_t k = n; k-- > 1;) {
		long double out = 0.0L;

		for (uint32_t j = 0; j < k; j++)
			out += a[(size_t)k * n + j];
		for (uint32_t i = 0; i < k; i++) {
			a[(size_t)i * n + k] /= out;
			for (uint32_t j = 0; j < k; j++) {
				if (i != j)
					a[(size_t)i * n + j] +=
						a[(size_t)i * n + k] * a[(size_t)k * n + j];
			}
		}
	}
	x[0] = 1.0L;
	for (uint32_t k = 1; k < n; k++) {
		for (uint32_t i = 0; i < k; i++)
			x[k] += x[i] * a[(size_t)i * n + k];
		sum += x[k];
	}
	for (uint32_t k = 0; k < n; k++)
		ret_share[k] = (double)(x[k] / sum);
	free(a);
	free(x);
}

/*
 * Mean times to @target from every state, likewise without a subtraction: the states outside of it are eliminated from
 * the last to the first, and each passes its stay on to those before it.
 */
static inline void oracle_passage(
	const struct ms_generator *g, const uint8_t *target, double *ret_time_s)
{
	uint32_t n = g->states, kept = 0;
	uint32_t *state = calloc(n, sizeof(*state));
	long double *a = full_rates(g), *stay = calloc(n, sizeof(*stay)), *kill, *out;

	kill = calloc(n, sizeof(*kill));
	out = calloc(n, sizeof(*out));
	for (uint32_t i = 0; i < n; i++) {
		if (target[i] == 0)
			state[kept++] = i;
	}
	for (uint32_t u = 0; u < kept; u++) {
		stay[u] = 1.0L;
		for (uint32_t j = 0; j < n; j++)
			kill[u] += target[j] != 0 ? a[(size_t)state[u] * n + j] : 0.0L;
	}
	for (uint32_t k = kept; k-- > 0;) {
		long double *row = a + (size_t)state[k] * n;

		out[k] = kill[k];
		for (uint32_t j = 0; j < k; j++)
			out[k] += row[state[j]];
		for (uint32_t i = 0; i < k; i++) {
			long double part = a[(size_t)state[i] * n + state[k]] / out[k];

			for (uint32_t j = 0; j < k; j++) {
				if (i != j)
					a[(size_t)state[i] * n + state[j]] += part * row[state[j]];
			}
			kill[i] += part * kill[k];
			stay[i] += part * stay[k];
		}
	}
	memset(ret_time_s, 0, n * sizeof(*ret_time_s));
	for (uint32_t k = 0; k < kept; k++) {
		long double sum = stay[k];

		for (uint32_t j = 0; j < k; j++)
			sum += a[(size_t)state[k] * n + state[j]] *
			       (long double)ret_time_s[state[j]];
		ret_time_s[state[k]] = (double)(sum / out[k]);
	}
	free(state);
	free(a);
	free(stay);
	free(kill);
	free(out);
}

#endif
