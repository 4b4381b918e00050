/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "drift_end.h"
#include "hotbed/error.h"
#include "iteration.h"
#include "metastable/chain.h"
#include "metastable/generator.h"

/* A basin that is hardly one has eigenvalues close together; after so many steps the law is reported as it is. */
#define STEPS_MAX 400
/* Of all its steps together. */
#define LAW_CYCLES_MAX 1200U
/* What a chain takes for everything that is asked of it, measured: cycles, and time per jump and cycle. */
#define CYCLES_EXPECTED 400.0
#define JUMP_S 45e-9
/* A step need not be more exact than this share of what the last one moved. */
#define STEP_SHARE 0.03
/* Of the imbalance, where the right-hand side has zeros: a sum over all states, and far below what is wanted. */
#define LAW_TOLERANCE 1e-17

/* A chain on some of its states, and vectors over them. */
struct part {
	struct ms_generator chain;
	struct iteration *it;
	uint32_t *number;          /* shape [states of the whole chain]: UINT32_MAX outside */
	long double *x, *y, *rest; /* shape [states of the part], 1 */
};

struct ms_iteration_cost ms_iteration_cost(const struct ms_generator *generator)
{
	return (struct ms_iteration_cost){.bytes = iteration_bytes(generator),
		.seconds = (double)generator->nonzeros * CYCLES_EXPECTED * JUMP_S};
}

static int no_memory(uint32_t states, struct hb_error *reterr)
{
	return hb_error_set(reterr, -ENOMEM, "out of memory for %u states", states);
}

static void finish_part(struct part *p)
{
	iteration_destroy(p->it);
	ms_generator_finish(&p->chain);
	free(p->number);
	free(p->x);
	free(p->y);
	free(p->rest);
}

static int make_part(const struct ms_generator *g, const uint8_t *keep, double memory_bytes_max,
	struct part *p, struct hb_error *reterr)
{
	uint32_t n;
	int r;

	*p = (struct part){.number = malloc(g->states * sizeof(*p->number))};
	if (p->number == NULL)
		return no_memory(g->states, reterr);
	r = ms_generator_restrict(g, keep, &p->chain, p->number, reterr);
	if (r == 0)
		r = iteration_create(&p->chain, memory_bytes_max, &p->it, reterr);
	n = p->chain.states;
	if (r == 0) {
		p->x = malloc(n * sizeof(*p->x));
		p->y = malloc(n * sizeof(*p->y));
		p->rest = malloc(n * sizeof(*p->rest));
		if (p->x == NULL || p->y == NULL || p->rest == NULL)
			r = no_memory(n, reterr);
	}
	for (uint32_t i = 0; i < n && r == 0; i++)
		p->x[i] = p->y[i] = p->rest[i] = 1.0L;
	if (r < 0)
		finish_part(p);
	return r;
}

/* keep[i] = 1 outside of both sets (@other may be NULL). Returns the number kept, or -EINVAL. */
static int64_t outside(const struct ms_generator *g, const uint8_t *set, const uint8_t *other,
	uint8_t *keep, struct hb_error *reterr)
{
	uint32_t in_set = 0, in_other = 0, kept = 0;

	for (uint32_t i = 0; i < g->states; i++) {
		bool in = other != NULL && other[i] != 0;

		if (set[i] != 0 && in)
			return hb_error_set(reterr, -EINVAL,
				"state %u is in both of two sets that must not meet", i);
		in_set += set[i] != 0;
		in_other += in;
		keep[i] = set[i] == 0 && !in;
		kept += keep[i];
	}
	if (in_set == 0 || (other != NULL && in_other == 0))
		return hb_error_set(reterr, -EINVAL, "the set to be reached holds no state");
	return kept;
}

/* From |K t - 1| <= e: t / (1 + e) <= true t <= t / (1 - e). Rounding to a double comes on top. */
static double relative(double error)
{
	return error < 1.0 ? error / (1.0 - error) + DBL_EPSILON : INFINITY;
}

int ms_passage_time_iterative(const struct ms_generator *generator, const uint8_t *target,
	double memory_bytes_max, double *ret_time_s, struct ms_bound *ret, struct hb_error *reterr)
{
	uint8_t *keep = malloc(generator->states);
	struct iteration_result result = {0};
	struct part p = {0};
	int64_t kept;
	int r;

	if (keep == NULL)
		return no_memory(generator->states, reterr);
	kept = outside(generator, target, NULL, keep, reterr);
	if (kept == 0)
		r = hb_error_set(reterr, -EINVAL, "every state is in the set to be reached");
	else if (kept < 0)
		r = (int)kept;
	else
		r = make_part(generator, keep, memory_bytes_max, &p, reterr);
	free(keep);
	if (r < 0)
		return r;
	r = iteration_right(p.it, p.y, MS_ITERATION_TOLERANCE, p.x, &result, reterr);
	for (uint32_t i = 0; i < p.chain.states && r == 0; i++) {
		if (!(p.x[i] <= (long double)DBL_MAX))
			r = hb_error_set(reterr, -ERANGE, "a mean time is above 1e308 seconds");
	}
	for (uint32_t i = 0; i < generator->states && r == 0; i++)
		ret_time_s[i] = p.number[i] == UINT32_MAX ? 0.0 : (double)p.x[p.number[i]];
	if (r == 0)
		*ret = (struct ms_bound){relative(result.error), result.cycles};
	finish_part(&p);
	return r;
}

/* Rate into @goal from every state of the part. */
static void goal_rates(const struct ms_generator *g, const uint8_t *goal, struct part *p)
{
	for (uint32_t i = 0; i < g->states; i++) {
		long double rate = 0.0L;

		if (p->number[i] == UINT32_MAX)
			continue;
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++)
			rate += goal[g->target[e]] != 0 ? (long double)g->rate_per_s[e] : 0.0L;
		p->y[p->number[i]] = rate;
	}
}

/* h of K h = rates into the goal: |h - true h| <= t max |residual|, with K t = 1. */
static int solve_committor(struct part *p, struct ms_bound *ret, struct hb_error *reterr)
{
	uint32_t n = p->chain.states;
	struct iteration_result result, times;
	long double *residual = malloc(n * sizeof(*residual)), worst = 0.0L, longest = 0.0L;
	int r = residual != NULL ? 0 : no_memory(n, reterr);

	if (r == 0)
		r = iteration_right(p->it, p->y, LAW_TOLERANCE, p->x, &result, reterr);
	if (r == 0) {
		iteration_residual(p->it, p->y, p->x, residual);
		for (uint32_t i = 0; i < n; i++)
			p->y[i] = 1.0L;
		r = iteration_right(p->it, p->y, 1e-3, p->rest, &times, reterr);
	}
	if (r == 0) {
		for (uint32_t i = 0; i < n; i++) {
			worst = fmaxl(worst, residual[i]);
			longest = fmaxl(longest, p->rest[i]);
		}
		ret->error =
			times.error < 1.0
				? (double)(worst * longest / (1.0L - (long double)times.error)) +
					  DBL_EPSILON
				: INFINITY;
		ret->cycles = result.cycles;
	}
	free(residual);
	return r;
}

int ms_committor_iterative(const struct ms_generator *generator, const uint8_t *goal,
	const uint8_t *other, double memory_bytes_max, double *ret_probability,
	struct ms_bound *ret, struct hb_error *reterr)
{
	uint8_t *keep = malloc(generator->states);
	struct ms_bound bound = {0};
	struct part p = {0};
	int64_t kept;
	int r = 0;

	if (keep == NULL)
		return no_memory(generator->states, reterr);
	kept = outside(generator, goal, other, keep, reterr);
	if (kept < 0)
		r = (int)kept;
	else if (kept > 0)
		r = make_part(generator, keep, memory_bytes_max, &p, reterr);
	free(keep);
	if (r == 0 && kept > 0) {
		goal_rates(generator, goal, &p);
		r = solve_committor(&p, &bound, reterr);
	}
	for (uint32_t i = 0; i < generator->states && r == 0; i++) {
		if (kept > 0 && p.number[i] != UINT32_MAX)
			ret_probability[i] = (double)p.x[p.number[i]];
		else
			ret_probability[i] = goal[i] != 0 ? 1.0 : 0.0;
	}
	if (r == 0)
		*ret = bound;
	finish_part(&p);
	return r;
}

/* ---- laws ---- */

/* What comes back from @last, before it is entered again: the source of all other states. */
static void source_of(const struct ms_generator *g, uint32_t last, struct part *p)
{
	for (uint32_t i = 0; i < p->chain.states; i++)
		p->y[i] = 0.0L;
	for (uint64_t e = g->row_start[last]; e < g->row_start[last + 1]; e++)
		p->y[p->number[g->target[e]]] = g->rate_per_s[e];
}

/*
 * The bound of a law x: with r = x Q and t the mean times to @last, the sum of all errors is at most 2 sum |r| t. (Put
 * the positive and the negative part of r, which have the same mass, on the chain and let both run until they enter
 * @last: from there on they differ by the time alone.) @last itself has t = 0.
 */
static int bound_of_law(const struct ms_generator *g, const double *share, struct part *p,
	struct ms_bound *ret, struct hb_error *reterr)
{
	struct iteration_result times;
	long double sum = 0.0L;
	int r;

	for (uint32_t i = 0; i < p->chain.states; i++)
		p->y[i] = p->x[i] = p->rest[i] = 1.0L;
	r = iteration_right(p->it, p->y, 1e-3, p->x, &times, reterr);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < p->chain.states; i++)
		p->rest[i] = 0.0L;
	for (uint32_t i = 0; i < g->states; i++) {
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++) {
			uint32_t j = p->number[g->target[e]];

			if (j != UINT32_MAX)
				p->rest[j] += (long double)share[i] * (long double)g->rate_per_s[e];
		}
	}
	for (uint32_t i = 0; i < g->states; i++) {
		uint32_t j = p->number[i];
		long double through, rest;
		uint64_t terms;

		if (j == UINT32_MAX)
			continue;
		through = (long double)share[i] * p->it->out[j];
		rest = fabsl(p->rest[j] - through);
		terms = p->it->in_start[j + 1] - p->it->in_start[j] + g->row_start[i + 1] -
			g->row_start[i] + 4;
		rest += 2.0L * (long double)terms * LDBL_EPSILON * (through + rest);
		sum += rest * p->x[j];
	}
	ret->error = times.error < 1.0 ? (double)(2.0L * sum / (1.0L - (long double)times.error)) +
						 DBL_EPSILON
				       : INFINITY;
	return 0;
}

/* The law from the visits between two visits of @last. */
static void shares(const struct ms_generator *g, struct part *p, double *ret_share)
{
	long double sum = 1.0L;

	for (uint32_t i = 0; i < p->chain.states; i++)
		sum += p->x[i];
	for (uint32_t i = 0; i < g->states; i++)
		ret_share[i] =
			(double)((p->number[i] == UINT32_MAX ? 1.0L : p->x[p->number[i]]) / sum);
}

int ms_stationary_iterative(const struct ms_generator *generator, double memory_bytes_max,
	double *ret_share, struct ms_bound *ret, struct hb_error *reterr)
{
	uint32_t last = drift_end(generator);
	uint8_t *keep = malloc(generator->states);
	struct iteration_result result = {0};
	struct ms_bound bound = {0};
	struct part p = {0};
	int r;

	if (keep == NULL)
		return no_memory(generator->states, reterr);
	for (uint32_t i = 0; i < generator->states; i++)
		keep[i] = i != last;
	r = make_part(generator, keep, memory_bytes_max, &p, reterr);
	free(keep);
	if (r < 0)
		return r;
	source_of(generator, last, &p);
	r = iteration_left(p.it, p.y, LAW_TOLERANCE, p.x, &result, reterr);
	if (r == 0) {
		shares(generator, &p, ret_share);
		bound.cycles = result.cycles;
		r = bound_of_law(generator, ret_share, &p, &bound, reterr);
	}
	if (r == 0)
		*ret = bound;
	finish_part(&p);
	return r;
}

/* Half of the changes from law @p->x to the occupation @p->y, which becomes the new law. Returns its sum, too. */
static long double renew(struct part *p, long double *ret_moved)
{
	long double sum = 0.0L, moved = 0.0L;

	for (uint32_t i = 0; i < p->chain.states; i++)
		sum += p->y[i];
	for (uint32_t i = 0; i < p->chain.states; i++) {
		moved += fabsl(p->y[i] / sum - p->x[i]);
		p->x[i] = p->y[i] / sum;
	}
	*ret_moved = 0.5L * moved;
	return sum;
}

/*
 * Steps that shrink by one ratio sum up to a geometric series; each was off by the @error of its solution besides.
 * Not a bound: what shrinks more slowly than the last two steps show is missed.
 */
static double expected_error(double moved, double before, double error)
{
	double ratio = before > 0.0 ? fmin(moved / before, 0.99) : 0.0;

	return (moved + fmin(error, 1.0)) / (1.0 - ratio);
}

/* With y K = x up to a share e of x: y K / y lies between the least and the largest x (1 -+ e) / y. */
static void collatz_wielandt(const struct part *p, double error, struct ms_bound *ret)
{
	long double least = INFINITY, largest = 0.0L;

	for (uint32_t i = 0; i < p->chain.states; i++) {
		least = fminl(least, p->x[i] / p->y[i]);
		largest = fmaxl(largest, p->x[i] / p->y[i]);
	}
	least *= 1.0L - (long double)error;
	largest *= 1.0L + (long double)error;
	ret->error = least > 0.0L ? (double)(largest / least - 1.0L) + DBL_EPSILON : INFINITY;
}

int ms_quasi_stationary_iterative(const struct ms_generator *generator, const uint8_t *basin,
	double tolerance, double memory_bytes_max, double *ret_share,
	struct ms_quasi_stationary *ret, struct ms_bound *ret_bound, struct hb_error *reterr)
{
	struct ms_quasi_stationary result = {0};
	struct iteration_result step = {0};
	struct ms_bound bound = {0};
	long double time = 0.0L;
	double moved_before = 1.0, law_moved = 1.0;
	struct part p;
	int r = make_part(generator, basin, memory_bytes_max, &p, reterr);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < p.chain.states; i++)
		p.x[i] = 1.0L / (long double)p.chain.states;
	while (r == 0 && result.steps < STEPS_MAX && bound.cycles < LAW_CYCLES_MAX &&
		!result.converged) {
		long double before = time, moved;

		/* The first guess is the answer of the last step: the same but for a factor in the end. */
		r = iteration_left(p.it, p.x, fmax(0.01 * tolerance, STEP_SHARE * moved_before),
			p.y, &step, reterr);
		if (r < 0)
			break;
		collatz_wielandt(&p, step.error, &bound);
		bound.cycles += step.cycles;
		time = renew(&p, &moved);
		result.steps++;
		result.residual = (double)(fabsl(time - before) / time + moved);
		result.law_error = expected_error((double)moved, law_moved, step.error);
		law_moved = (double)moved;
		/* Not before a step that was as exact as the last has to be. */
		result.converged = result.residual <= tolerance &&
				   STEP_SHARE * moved_before <= 0.01 * tolerance;
		moved_before = result.residual;
	}
	result.exit_rate_per_s = (double)(1.0L / time);
	for (uint32_t i = 0; i < generator->states && r == 0; i++)
		ret_share[i] = p.number[i] == UINT32_MAX ? 0.0 : (double)p.x[p.number[i]];
	if (r == 0) {
		*ret = result;
		*ret_bound = bound;
	}
	finish_part(&p);
	return r;
}
