/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/error.h"
#include "iteration.h"
#include "levels.h"
#include "metastable/generator.h"

/* The imbalance must have fallen by a tenth within so many cycles, else it stands still. */
#define PATIENCE 12U
/* Of the occupation that weights K t = b: any that leaves a positive rest will do. */
#define WEIGHT_TOLERANCE 0.1

/* ---- preparation ---- */

double iteration_bytes(const struct ms_generator *g)
{
	/* Both hierarchies, the jumps by their target, and vectors. */
	return 2.0 * levels_bytes(g->states, (double)g->nonzeros) +
	       (double)g->nonzeros * (2 * sizeof(uint64_t) + sizeof(double) + sizeof(uint32_t)) +
	       (double)g->states * (sizeof(uint64_t) + 7 * sizeof(long double));
}

static void turn_round(struct iteration *it)
{
	const struct ms_generator *g = it->chain;

	for (uint64_t e = 0; e < g->nonzeros; e++)
		it->in_start[g->target[e] + 2]++;
	for (uint32_t i = 2; i <= g->states + 1; i++)
		it->in_start[i] += it->in_start[i - 1];
	for (uint32_t i = 0; i < g->states; i++) {
		it->out[i] = g->leave_per_s != NULL ? (long double)g->leave_per_s[i] : 0.0L;
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++) {
			uint64_t place = it->in_start[g->target[e] + 1]++;

			it->in_from[place] = i;
			it->in_rate[place] = g->rate_per_s[e];
			it->out[i] += (long double)g->rate_per_s[e];
		}
	}
}

/* Against the jumps from the states that leave for good: all must be met. */
static int check_leaves(const struct iteration *it, struct hb_error *reterr)
{
	const struct ms_generator *g = it->chain;
	uint32_t *list = malloc(g->states * sizeof(*list)), waiting = 0, met = 0;
	uint8_t *seen = calloc(g->states, 1);
	int r = 0;

	if (list == NULL || seen == NULL)
		r = hb_error_set(reterr, -ENOMEM, "out of memory for %u states", g->states);
	for (uint32_t i = 0; r == 0 && i < g->states; i++) {
		seen[i] = g->leave_per_s != NULL && g->leave_per_s[i] > 0.0;
		if (seen[i] != 0)
			list[waiting++] = i;
	}
	while (r == 0 && waiting > 0) {
		uint32_t j = list[--waiting];

		met++;
		for (uint64_t k = it->in_start[j]; k < it->in_start[j + 1]; k++) {
			if (seen[it->in_from[k]] != 0)
				continue;
			seen[it->in_from[k]] = 1;
			list[waiting++] = it->in_from[k];
		}
	}
	if (r == 0 && met < g->states)
		r = hb_error_set(reterr, -EDOM, "%u states never leave for good", g->states - met);
	free(list);
	free(seen);
	return r;
}

/* The chain as it is. */
static int make_left(struct iteration *it, struct hb_error *reterr)
{
	const struct ms_generator *g = it->chain;
	uint64_t *place = malloc((g->nonzeros + 1) * sizeof(*place));
	struct level *l;
	int r;

	if (place == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for %u states", g->states);
	r = levels_create(g, place, &it->left, reterr);
	if (r == 0) {
		l = &it->left->level[0];
		for (uint64_t e = 0; e < g->nonzeros; e++)
			l->rate[place[e]] = (long double)g->rate_per_s[e];
		for (uint32_t i = 0; i < g->states; i++) {
			l->leave[i] =
				g->leave_per_s != NULL ? (long double)g->leave_per_s[i] : 0.0L;
			l->out[i] = it->out[i];
		}
	}
	free(place);
	return r;
}

/*
 * Seen backwards, weighted with w > 0: the chain with rates w_i q_ij / w_j from j to i, which leaves at (w K)_j / w_j
 * for good, has w t as its occupation from the source w b.
 */
static int make_right(struct iteration *it, struct hb_error *reterr)
{
	const struct ms_generator *g = it->chain;
	struct ms_generator back = *g;
	uint64_t *place = malloc((g->nonzeros + 1) * sizeof(*place));
	const long double *w = it->occupation;
	struct level *l;
	int r;

	if (place == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for %u states", g->states);
	back.row_start = it->in_start;
	back.target = it->in_from;
	back.rate_per_s = it->in_rate;
	back.leave_per_s = NULL;
	r = levels_create(&back, place, &it->right, reterr);
	for (uint32_t j = 0; r == 0 && j < g->states; j++) {
		long double in = 0.0L;

		l = &it->right->level[0];
		for (uint64_t k = it->in_start[j]; k < it->in_start[j + 1]; k++) {
			long double flow = w[it->in_from[k]] * (long double)it->in_rate[k];

			in += flow;
			l->rate[place[k]] = flow / w[j];
		}
		l->out[j] = it->out[j];
		l->leave[j] = fmaxl(it->out[j] - in / w[j], 0.0L);
	}
	free(place);
	return r;
}

int iteration_create(const struct ms_generator *chain, double memory_bytes_max,
	struct iteration **ret, struct hb_error *reterr)
{
	size_t n = chain->states;
	struct iteration *it;
	int r;

	if (memory_bytes_max > 0.0 && iteration_bytes(chain) > memory_bytes_max)
		return hb_error_set(reterr, -E2BIG,
			"the iteration on %u states needs %.3g GiB; the limit is %.3g GiB",
			chain->states, iteration_bytes(chain) / 0x1p30, memory_bytes_max / 0x1p30);
	it = calloc(1, sizeof(*it));
	if (it == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for an iteration");
	it->chain = chain;
	it->in_start = calloc(n + 2, sizeof(*it->in_start));
	it->in_from = malloc((chain->nonzeros + 1) * sizeof(*it->in_from));
	it->in_rate = malloc((chain->nonzeros + 1) * sizeof(*it->in_rate));
	it->out = malloc(n * sizeof(*it->out));
	if (it->in_start == NULL || it->in_from == NULL || it->in_rate == NULL || it->out == NULL) {
		iteration_destroy(it);
		return hb_error_set(reterr, -ENOMEM, "out of memory for %u states", chain->states);
	}
	turn_round(it);
	r = check_leaves(it, reterr);
	if (r == 0)
		r = make_left(it, reterr);
	if (r < 0)
		iteration_destroy(it);
	else
		*ret = it;
	return r;
}

void iteration_destroy(struct iteration *it)
{
	if (it == NULL)
		return;
	free(it->in_start);
	free(it->in_from);
	free(it->in_rate);
	free(it->out);
	levels_destroy(it->left);
	levels_destroy(it->right);
	free(it->occupation);
	free(it->weighted);
	free(it->source);
	free(it);
}

/* ---- sweeps ---- */

static long double inflow(const struct iteration *it, const long double *y, uint32_t j)
{
	long double sum = 0.0L;

	for (uint64_t k = it->in_start[j]; k < it->in_start[j + 1]; k++)
		sum += y[it->in_from[k]] * (long double)it->in_rate[k];
	return sum;
}

static long double outlook(const struct iteration *it, const long double *t, uint32_t i)
{
	const struct ms_generator *g = it->chain;
	long double sum = 0.0L;

	for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++)
		sum += t[g->target[e]] * (long double)g->rate_per_s[e];
	return sum;
}

/* What comes from the neighbours of state @i: over the jumps into it, or over those out of it. */
static long double around(const struct iteration *it, bool left, const long double *x, uint32_t i)
{
	return left ? inflow(it, x, i) : outlook(it, x, i);
}

/* What rounding can have done to a sum of @terms positive numbers, and to the rate of leaving. */
static long double rounding(uint64_t terms, long double through)
{
	return 2.0L * (long double)(terms + 4) * LDBL_EPSILON * through;
}

static void measure(const struct iteration *it, bool left, const long double *right,
	const long double *x, struct iteration_result *ret)
{
	const struct ms_generator *g = it->chain;
	long double error = 0.0L, flow = 0.0L, imbalance = 0.0L;

	for (uint32_t i = 0; i < g->states; i++) {
		uint64_t terms = g->row_start[i + 1] - g->row_start[i] + it->in_start[i + 1] -
				 it->in_start[i];
		long double through = x[i] * it->out[i];
		long double rest = fabsl(right[i] + around(it, left, x, i) - through);

		flow += through;
		imbalance += rest;
		rest += rounding(terms, through + rest);
		error = fmaxl(error, right[i] > 0.0L ? rest / right[i] : INFINITY);
	}
	ret->error = (double)error;
	ret->imbalance = (double)(imbalance / flow);
}

void iteration_residual(
	const struct iteration *it, const long double *b, const long double *t, long double *ret)
{
	const struct ms_generator *g = it->chain;

	for (uint32_t i = 0; i < g->states; i++) {
		long double through = t[i] * it->out[i];
		long double rest = fabsl(b[i] + outlook(it, t, i) - through);

		ret[i] = rest + rounding(g->row_start[i + 1] - g->row_start[i], through + rest);
	}
}

/* ---- cycles ---- */

/* One cycle for w t, from and to t. */
static void cycle_right(struct iteration *it, long double *t)
{
	const long double *w = it->occupation;

	for (uint32_t i = 0; i < it->chain->states; i++)
		it->weighted[i] = w[i] * t[i];
	levels_cycle(it->right, it->source, it->weighted);
	for (uint32_t i = 0; i < it->chain->states; i++)
		t[i] = it->weighted[i] / w[i];
}

static int cycle(struct iteration *it, bool left, const long double *right, double tolerance,
	long double *x, struct iteration_result *ret, struct hb_error *reterr)
{
	double best = INFINITY;
	uint32_t since = 0;

	for (ret->cycles = 1; ret->cycles <= ITERATION_CYCLES_MAX; ret->cycles++) {
		double value;

		if (left)
			levels_cycle(it->left, right, x);
		else
			cycle_right(it, x);
		measure(it, left, right, x, ret);
		value = isfinite(ret->error) ? ret->error : ret->imbalance;
		if (!isfinite(value))
			return hb_error_set(
				reterr, -EDOM, "the iteration leaves the range of a long double");
		if (value <= tolerance)
			break;
		since++;
		/* The largest error may grow for long while the rest settles; the sum of all falls. */
		if (ret->imbalance < 0.9 * best) {
			best = ret->imbalance;
			since = 0;
		}
		if (since >= PATIENCE)
			break;
	}
	return 0;
}

int iteration_left(struct iteration *it, const long double *f, double tolerance, long double *y,
	struct iteration_result *ret, struct hb_error *reterr)
{
	return cycle(it, true, f, tolerance, y, ret, reterr);
}

/* Weights for K t = b, and what they make of the chain. */
static int prepare_right(struct iteration *it, struct hb_error *reterr)
{
	uint32_t n = it->chain->states;
	struct iteration_result result;
	long double *ones = malloc(n * sizeof(*ones));
	int r = 0;

	it->occupation = malloc(n * sizeof(*it->occupation));
	it->weighted = malloc(n * sizeof(*it->weighted));
	it->source = malloc(n * sizeof(*it->source));
	if (ones == NULL || it->occupation == NULL || it->weighted == NULL || it->source == NULL)
		r = hb_error_set(reterr, -ENOMEM, "out of memory for %u states", n);
	for (uint32_t i = 0; i < n && r == 0; i++)
		ones[i] = it->occupation[i] = 1.0L;
	if (r == 0)
		r = cycle(it, true, ones, WEIGHT_TOLERANCE, it->occupation, &result, reterr);
	if (r == 0)
		r = make_right(it, reterr);
	free(ones);
	return r;
}

int iteration_right(struct iteration *it, const long double *b, double tolerance, long double *t,
	struct iteration_result *ret, struct hb_error *reterr)
{
	int r = it->right == NULL ? prepare_right(it, reterr) : 0;

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < it->chain->states; i++)
		it->source[i] = it->occupation[i] * b[i];
	return cycle(it, false, b, tolerance, t, ret, reterr);
}
