/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/error.h"
#include "iteration.h"
#include "metastable/generator.h"

/* Aggregates; the elimination of their chain takes about as long as the sweeps over 1e5 states. */
#define BLOCKS_MAX 512U
/* Sweeps there and back in each cycle. */
#define SWEEPS 2
#define CYCLES_MAX 1000U
/* The imbalance must have fallen by a tenth within so many cycles, else it stands still. */
#define PATIENCE 30U

/* ---- preparation ---- */

static double bytes_of(const struct ms_generator *g)
{
	return (double)g->nonzeros * (sizeof(double) + sizeof(uint32_t)) +
	       (double)g->states * (sizeof(uint64_t) + sizeof(uint32_t) + 6 * sizeof(long double)) +
	       (BLOCKS_MAX + 1.0) * (BLOCKS_MAX + 1.0) * sizeof(long double);
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

/* Boxes of the grid: the axis with the most boxes gets longer ones until there are few enough. */
static void choose_sides(const struct ms_generator *g, uint32_t *side, uint32_t *ret_boxes)
{
	uint32_t longest, boxes;

	for (uint32_t a = 0; a < g->axes; a++)
		side[a] = 1;
	for (;;) {
		uint64_t all = 1;

		longest = 0;
		for (uint32_t a = 0; a < g->axes; a++) {
			ret_boxes[a] = (uint32_t)g->last[a] / side[a] + 1;
			longest = ret_boxes[a] > ret_boxes[longest] ? a : longest;
			all *= ret_boxes[a];
			if (all > UINT32_MAX)
				all = UINT32_MAX;
		}
		if (all <= BLOCKS_MAX)
			return;
		boxes = ret_boxes[longest];
		while ((uint32_t)g->last[longest] / side[longest] + 1 == boxes)
			side[longest]++;
	}
}

static void fill_blocks(struct iteration *it)
{
	const struct ms_generator *g = it->chain;
	uint32_t side[MS_AXES_MAX], boxes[MS_AXES_MAX], number[BLOCKS_MAX];

	choose_sides(g, side, boxes);
	memset(number, 0xff, sizeof(number));
	for (uint32_t i = 0; i < g->states; i++) {
		const int32_t *at = g->at + (size_t)i * g->axes;
		uint32_t box = 0;

		for (uint32_t a = 0; a < g->axes; a++)
			box = box * boxes[a] + (uint32_t)at[a] / side[a];
		if (number[box] == UINT32_MAX)
			number[box] = it->blocks++;
		it->block[i] = number[box];
	}
}

int iteration_create(const struct ms_generator *chain, double memory_bytes_max,
	struct iteration **ret, struct hb_error *reterr)
{
	size_t n = chain->states;
	struct iteration *it;
	int r;

	if (memory_bytes_max > 0.0 && bytes_of(chain) > memory_bytes_max)
		return hb_error_set(reterr, -E2BIG,
			"the iteration on %u states needs %.3g GiB; the limit is %.3g GiB",
			chain->states, bytes_of(chain) / 0x1p30, memory_bytes_max / 0x1p30);
	it = calloc(1, sizeof(*it));
	if (it == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for an iteration");
	it->chain = chain;
	it->in_start = calloc(n + 2, sizeof(*it->in_start));
	it->in_from = malloc((chain->nonzeros + 1) * sizeof(*it->in_from));
	it->in_rate = malloc((chain->nonzeros + 1) * sizeof(*it->in_rate));
	it->out = malloc(n * sizeof(*it->out));
	it->block = malloc(n * sizeof(*it->block));
	if (it->in_start == NULL || it->in_from == NULL || it->in_rate == NULL || it->out == NULL ||
		it->block == NULL) {
		iteration_destroy(it);
		return hb_error_set(reterr, -ENOMEM, "out of memory for %u states", chain->states);
	}
	turn_round(it);
	fill_blocks(it);
	n = (size_t)it->blocks + 1;
	it->flow = malloc(n * n * sizeof(*it->flow));
	it->mass = malloc(n * sizeof(*it->mass));
	it->factor = malloc(n * sizeof(*it->factor));
	if (it->flow == NULL || it->mass == NULL || it->factor == NULL)
		r = hb_error_set(reterr, -ENOMEM, "out of memory for %u aggregates", it->blocks);
	else
		r = check_leaves(it, reterr);
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
	free(it->block);
	free(it->flow);
	free(it->mass);
	free(it->factor);
	free(it->occupation);
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

static void sweep(const struct iteration *it, bool left, const long double *right, long double *x)
{
	uint32_t n = it->chain->states;

	for (int s = 0; s < SWEEPS; s++) {
		for (uint32_t i = 0; i < n; i++)
			x[i] = (right[i] + around(it, left, x, i)) / it->out[i];
		for (uint32_t i = n; i-- > 0;)
			x[i] = (right[i] + around(it, left, x, i)) / it->out[i];
	}
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

/* ---- aggregates ---- */

/*
 * The law of the closed chain of all aggregates and one state more, number 0, that everything comes from and goes to,
 * by elimination without a subtraction; relative to state 0. Destroys the flow.
 */
static void eliminate(struct iteration *it)
{
	uint32_t n = it->blocks + 1;
	long double *a = it->flow, *x = it->factor;

	for (uint32_t k = n; k-- > 1;) {
		const long double *row = a + (size_t)k * n;
		long double out = 0.0L;

		for (uint32_t j = 0; j < k; j++)
			out += row[j];
		for (uint32_t i = 0; i < k; i++) {
			long double *into = a + (size_t)i * n, part = into[k] / out;

			into[k] = part;
			if (part == 0.0L)
				continue;
			for (uint32_t j = 0; j < k; j++)
				into[j] += part * row[j];
		}
	}
	x[0] = 1.0L;
	for (uint32_t k = 1; k < n; k++) {
		x[k] = 0.0L;
		for (uint32_t i = 0; i < k; i++)
			x[k] += x[i] * a[(size_t)i * n + k];
	}
}

/* Rates between aggregates from their flows; then every aggregate is given the mass that balances them. */
static void balance(struct iteration *it, long double *x)
{
	uint32_t n = it->blocks + 1;

	for (uint32_t i = 1; i < n; i++) {
		/* An aggregate that nothing leads to: whatever it does, it stays empty. */
		if (!(it->mass[i] > 0.0L))
			it->flow[(size_t)i * n] = it->mass[i] = 1.0L;
		for (uint32_t j = 0; j < n; j++)
			it->flow[(size_t)i * n + j] /= it->mass[i];
	}
	eliminate(it);
	for (uint32_t i = 0; i < it->chain->states; i++)
		x[i] *= it->factor[it->block[i] + 1] / it->mass[it->block[i] + 1];
}

static void aggregate_left(struct iteration *it, const long double *f, long double *y)
{
	const struct ms_generator *g = it->chain;
	size_t n = (size_t)it->blocks + 1;

	memset(it->flow, 0, n * n * sizeof(*it->flow));
	memset(it->mass, 0, n * sizeof(*it->mass));
	for (uint32_t i = 0; i < g->states; i++) {
		size_t here = (size_t)it->block[i] + 1;
		long double *row = it->flow + here * n;

		it->mass[here] += y[i];
		it->flow[here] += f[i];
		if (g->leave_per_s != NULL)
			row[0] += y[i] * (long double)g->leave_per_s[i];
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++) {
			uint32_t there = it->block[g->target[e]] + 1;

			if (there != here)
				row[there] += y[i] * (long double)g->rate_per_s[e];
		}
	}
	balance(it, y);
}

/*
 * Seen backwards, weighted with the occupation w (w K = 1): the chain with rates w_i q_ij / w_j from j to i, which
 * leaves at 1 / w_j for good, has w t as its occupation from the source w b.
 */
static void aggregate_right(struct iteration *it, const long double *b, long double *t)
{
	const struct ms_generator *g = it->chain;
	const long double *w = it->occupation;
	size_t n = (size_t)it->blocks + 1;

	memset(it->flow, 0, n * n * sizeof(*it->flow));
	memset(it->mass, 0, n * sizeof(*it->mass));
	for (uint32_t i = 0; i < g->states; i++) {
		size_t here = (size_t)it->block[i] + 1;

		it->mass[here] += w[i] * t[i];
		it->flow[here] += w[i] * b[i];
		it->flow[here * n] += t[i];
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++) {
			uint32_t j = g->target[e];
			size_t there = (size_t)it->block[j] + 1;

			if (there != here)
				it->flow[there * n + here] +=
					w[i] * (long double)g->rate_per_s[e] * t[j];
		}
	}
	balance(it, t);
}

/* ---- cycles ---- */

static int cycle(struct iteration *it, bool left, const long double *right, double tolerance,
	long double *x, struct iteration_result *ret, struct hb_error *reterr)
{
	double best = INFINITY;
	uint32_t since = 0;

	for (ret->cycles = 1; ret->cycles <= CYCLES_MAX; ret->cycles++) {
		double value;

		if (left)
			aggregate_left(it, right, x);
		else
			aggregate_right(it, right, x);
		sweep(it, left, right, x);
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

int iteration_right(struct iteration *it, const long double *b, double tolerance, long double *t,
	struct iteration_result *ret, struct hb_error *reterr)
{
	uint32_t n = it->chain->states;
	long double *ones;
	int r = 0;

	if (it->occupation == NULL) {
		ones = malloc(n * sizeof(*ones));
		it->occupation = malloc(n * sizeof(*it->occupation));
		if (ones == NULL || it->occupation == NULL) {
			free(ones);
			free(it->occupation);
			it->occupation = NULL;
			return hb_error_set(reterr, -ENOMEM, "out of memory for %u states", n);
		}
		for (uint32_t i = 0; i < n; i++)
			ones[i] = it->occupation[i] = 1.0L;
		r = cycle(it, true, ones, 0.1 * tolerance, it->occupation, ret, reterr);
		free(ones);
	}
	return r < 0 ? r : cycle(it, false, b, tolerance, t, ret, reterr);
}
