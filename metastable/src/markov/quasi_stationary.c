/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "denormals.h"
#include "elimination.h"
#include "hotbed/error.h"
#include "metastable/chain.h"
#include "metastable/generator.h"
#include "subchain.h"

/* A basin that is hardly one has eigenvalues close together; after so many steps the law is reported as it is. */
#define STEPS_MAX 400

/* Steps between two leaps. */
#define STEPS_KEPT 8
/* Of a law that is found by leaps: states with a larger share must not grow by more in a step. */
#define SHARE_THAT_COUNTS 1e-18L
#define GROWTH 1e-4L
/* What rounding leaves of products of steps that point the same way. */
#define PRODUCTS_ROUNDING 1e-14

/*
 * One step: law <- law K^-1, normalised. K^-1 has no negative entry, so nothing cancels. As the law is that of the time
 * spent before leaving, the sum before normalising is the mean time to leave from @law.
 */
static long double inverse_step(struct subchain *s, const long double *law)
{
	long double sum = 0.0L;

	for (uint32_t p = 0; p < s->chain.states; p++)
		s->vector[p] = law[p];
	elimination_left(s->factor, s->vector, s->scratch);
	for (uint32_t p = 0; p < s->chain.states; p++)
		sum += s->vector[p];
	for (uint32_t p = 0; p < s->chain.states; p++)
		s->vector[p] /= sum;
	return sum;
}

/* Half of the sum of changes: the distance between two laws. */
static long double distance(const long double *a, const long double *b, uint32_t count)
{
	long double sum = 0.0L;

	for (uint32_t p = 0; p < count; p++)
		sum += fabsl(a[p] - b[p]);
	return 0.5L * sum;
}

/* ---- in double precision, to begin with ---- */

/* Laws by place, shape [states] each. */
struct approach {
	double *now, *next, *scratch;
	double moved;             /* of the last step */
	double *start;            /* where the steps at hand began */
	double *step[STEPS_KEPT]; /* changes since then */
	uint32_t kept;
};

/* One step in double precision; false if its sum leaves the range. */
static bool approach_step(const struct elimination *e, struct approach *a)
{
	double *swap = a->next, *step = a->step[a->kept], sum = 0.0, moved = 0.0;

	memcpy(a->next, a->now, e->states * sizeof(*a->next));
	elimination_left_double(e, a->next, a->scratch);
	for (uint32_t p = 0; p < e->states; p++)
		sum += a->next[p];
	if (!(sum > 0.0 && isfinite(sum)))
		return false;
	if (a->kept == 0)
		memcpy(a->start, a->now, e->states * sizeof(*a->start));
	for (uint32_t p = 0; p < e->states; p++) {
		a->next[p] /= sum;
		step[p] = a->next[p] - a->now[p];
		moved += fabs(step[p]);
	}
	a->kept++;
	a->moved = 0.5 * moved;
	a->next = a->now;
	a->now = swap;
	return true;
}

/* Products of all pairs of steps, over those of the steps themselves; the diagonal is 1. */
static void step_products(const struct approach *a, uint32_t states, double *ret)
{
	double length[STEPS_KEPT];

	for (uint32_t i = 0; i < a->kept; i++) {
		for (uint32_t j = 0; j <= i; j++) {
			double sum = 0.0;

			for (uint32_t p = 0; p < states; p++)
				sum += a->step[i][p] * a->step[j][p];
			ret[i * STEPS_KEPT + j] = ret[j * STEPS_KEPT + i] = sum;
		}
		length[i] = sqrt(ret[i * STEPS_KEPT + i]);
	}
	for (uint32_t i = 0; i < a->kept; i++) {
		for (uint32_t j = 0; j < a->kept; j++)
			ret[i * STEPS_KEPT + j] /= length[i] * length[j];
		ret[i * STEPS_KEPT + i] = 1.0 + PRODUCTS_ROUNDING;
		ret[STEPS_KEPT * STEPS_KEPT + i] = length[i];
	}
}

/* Weights of the steps that sum up to 1 and leave the shortest sum of steps; false if they cannot be told. */
static bool step_weights(const struct approach *a, uint32_t states, double *ret)
{
	double product[STEPS_KEPT * STEPS_KEPT + STEPS_KEPT], sum = 0.0;
	uint32_t n = a->kept;

	step_products(a, states, product);
	for (uint32_t i = 0; i < n; i++)
		ret[i] = 1.0 / product[STEPS_KEPT * STEPS_KEPT + i];
	/* Cholesky, forwards and backwards. */
	for (uint32_t k = 0; k < n; k++) {
		double *row = product + k * STEPS_KEPT;

		for (uint32_t j = 0; j < k; j++) {
			for (uint32_t i = 0; i < j; i++)
				row[j] -= row[i] * product[j * STEPS_KEPT + i];
			row[j] /= product[j * STEPS_KEPT + j];
			row[k] -= row[j] * row[j];
			ret[k] -= row[j] * ret[j];
		}
		if (!(row[k] > 0.0))
			return false;
		row[k] = sqrt(row[k]);
		ret[k] /= row[k];
	}
	for (uint32_t k = n; k-- > 0;) {
		for (uint32_t i = k + 1; i < n; i++)
			ret[k] -= product[i * STEPS_KEPT + k] * ret[i];
		ret[k] /= product[k * STEPS_KEPT + k];
	}
	for (uint32_t k = 0; k < n; k++) {
		ret[k] /= product[STEPS_KEPT * STEPS_KEPT + k];
		sum += ret[k];
	}
	for (uint32_t k = 0; k < n; k++)
		ret[k] /= sum;
	return isfinite(sum) && sum != 0.0;
}

/*
 * Reduced rank extrapolation: the mean of the last laws, with weights that may be negative, that a step moves least.
 * This is only where to go on from; no entry may become negative, or shrink to nothing.
 */
static void approach_leap(const struct elimination *e, struct approach *a)
{
	double weight[STEPS_KEPT], after[STEPS_KEPT], rest = 0.0;
	uint32_t n = a->kept;

	bool told = step_weights(a, e->states, weight);

	a->kept = 0;
	if (!told)
		return;
	/* Step k is in all laws after it. */
	for (uint32_t k = n; k-- > 0;)
		after[k] = rest += weight[k];
	for (uint32_t p = 0; p < e->states; p++) {
		double to = a->start[p];

		for (uint32_t k = 0; k < n; k++)
			to += after[k] * a->step[k][p];
		a->now[p] = fmax(to, 0.1 * a->now[p]);
	}
}

static int begin_approach(struct approach *a, const struct elimination *e)
{
	size_t bytes = e->states * sizeof(double);

	*a = (struct approach){.now = malloc(bytes),
		.next = malloc(bytes),
		.scratch = malloc(((size_t)e->front_max + 1) * sizeof(double)),
		.start = malloc(bytes)};
	for (uint32_t k = 0; k < STEPS_KEPT; k++) {
		a->step[k] = malloc(bytes);
		if (a->step[k] == NULL)
			return -ENOMEM;
	}
	if (a->now == NULL || a->next == NULL || a->scratch == NULL || a->start == NULL)
		return -ENOMEM;
	return 0;
}

static void finish_approach(struct approach *a)
{
	free(a->now);
	free(a->next);
	free(a->scratch);
	free(a->start);
	for (uint32_t k = 0; k < STEPS_KEPT; k++)
		free(a->step[k]);
}

/*
 * From the state at place @start, or from the even law if that is UINT32_MAX, to where a step moves less than
 * @tolerance: long doubles are several times as slow, and a basin that is hardly one needs many steps. Leaves @law as
 * it is where doubles do not reach.
 */
static int approach(const struct subchain *s, uint32_t start, long double *law, double tolerance,
	struct ms_quasi_stationary *ret)
{
	const struct elimination *e = s->factor;
	uint32_t control = denormals_flush();
	struct approach a;
	int r = begin_approach(&a, e);
	bool works = r == 0;

	for (uint32_t p = 0; works && p < e->states; p++)
		a.now[p] = start == UINT32_MAX ? 1.0 / e->states : p == start ? 1.0 : 0.0;
	while (works && ret->steps < STEPS_MAX) {
		works = approach_step(e, &a);
		ret->steps++;
		if (!works || a.moved <= tolerance)
			break;
		if (a.kept == STEPS_KEPT && start == UINT32_MAX)
			a.kept = 0;
		else if (a.kept == STEPS_KEPT)
			approach_leap(e, &a);
	}
	for (uint32_t p = 0; works && p < e->states; p++)
		law[p] = a.now[p];
	denormals_restore(control);
	finish_approach(&a);
	return r;
}

/* ---- to the last digit ---- */

/*
 * Does some part of the law still grow? A leap may end at the law of a part that is left sooner than another one, of
 * which hardly anything is left: what is there of that grows from step to step.
 */
static bool something_grows(const long double *before, const long double *after, uint32_t states)
{
	for (uint32_t p = 0; p < states; p++) {
		if (before[p] > SHARE_THAT_COUNTS && after[p] > before[p] * (1.0L + GROWTH))
			return true;
	}
	return false;
}

static int iterate(struct subchain *s, uint32_t start, long double *law, double tolerance,
	struct ms_quasi_stationary *ret)
{
	uint32_t states = s->chain.states;
	long double time = 0.0L;
	bool grows = false;
	int r;

	for (uint32_t p = 0; p < states; p++)
		law[p] = 1.0L / (long double)states;
	ret->steps = 0;
	r = approach(s, start, law, tolerance, ret);
	if (r < 0)
		return r;
	ret->steps = 0;
	ret->converged = false;
	while (ret->steps < STEPS_MAX && !ret->converged && !grows) {
		long double before = time, moved;

		time = inverse_step(s, law);
		moved = distance(law, s->vector, states);
		ret->steps++;
		ret->residual = (double)(fabsl(time - before) / time + moved);
		ret->converged = ret->residual <= tolerance;
		if (ret->converged && start != UINT32_MAX)
			grows = something_grows(law, s->vector, states);
		for (uint32_t p = 0; p < states; p++)
			law[p] = s->vector[p];
	}
	ret->converged = ret->converged && !grows;
	ret->exit_rate_per_s = (double)(1.0L / time);
	return 0;
}

/* The state of @basin from which the chain moves least on average. */
static uint32_t standstill(const struct ms_generator *g, const uint8_t *basin)
{
	double least = INFINITY;
	uint32_t found = 0;

	for (uint32_t i = 0; i < g->states; i++) {
		const int32_t *here = g->at + (size_t)i * g->axes;
		double speed = 0.0;

		if (basin[i] == 0)
			continue;
		for (uint32_t a = 0; a < g->axes; a++) {
			double drift = 0.0;

			for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++)
				drift += g->rate_per_s[e] *
					 (g->at[(size_t)g->target[e] * g->axes + a] - here[a]);
			speed += drift * drift;
		}
		if (speed < least) {
			least = speed;
			found = i;
		}
	}
	return found;
}

/* Jumps of the part into each state, as a list of their origins. */
static int turn_round(const struct ms_generator *g, uint64_t *start, uint32_t **ret_from)
{
	uint32_t *from = malloc((g->nonzeros + 1) * sizeof(*from));

	if (from == NULL)
		return -ENOMEM;
	for (uint64_t e = 0; e < g->nonzeros; e++)
		start[g->target[e] + 2]++;
	for (uint32_t i = 2; i <= g->states + 1; i++)
		start[i] += start[i - 1];
	for (uint32_t i = 0; i < g->states; i++) {
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++)
			from[start[g->target[e] + 1]++] = i;
	}
	*ret_from = from;
	return 0;
}

/* How many states are met from @state along @edge. @list: shape [states]. @seen: all 0. */
static uint32_t walk(
	uint32_t state, const uint64_t *start, const uint32_t *edge, uint32_t *list, uint8_t *seen)
{
	uint32_t waiting = 1, met = 0;

	list[0] = state;
	seen[state] = 1;
	while (waiting > 0) {
		uint32_t i = list[--waiting];

		met++;
		for (uint64_t e = start[i]; e < start[i + 1]; e++) {
			if (seen[edge[e]] != 0)
				continue;
			seen[edge[e]] = 1;
			list[waiting++] = edge[e];
		}
	}
	return met;
}

/* Does the part hang together: from @state to all others and back? */
static int hangs_together(const struct ms_generator *g, uint32_t state, bool *ret)
{
	uint64_t *start = calloc((size_t)g->states + 2, sizeof(*start));
	uint32_t *list = malloc(g->states * sizeof(*list)), *from = NULL;
	uint8_t *seen = calloc(g->states, 2);
	int r = start != NULL && list != NULL && seen != NULL ? 0 : -ENOMEM;

	if (r == 0)
		r = turn_round(g, start, &from);
	if (r == 0)
		*ret = walk(state, g->row_start, g->target, list, seen) == g->states &&
		       walk(state, start, from, list, seen + g->states) == g->states;
	free(start);
	free(list);
	free(from);
	free(seen);
	return r;
}

int ms_quasi_stationary_law(const struct ms_generator *generator, const uint8_t *basin,
	double tolerance, double memory_bytes_max, double *ret_share,
	struct ms_quasi_stationary *ret, struct hb_error *reterr)
{
	struct ms_quasi_stationary result = {0};
	struct subchain s;
	long double *law;
	uint32_t start;
	bool together;
	int r = subchain_create(generator, basin, memory_bytes_max, &s, reterr);

	if (r < 0)
		return r;
	law = malloc(s.chain.states * sizeof(*law));
	if (s.factor->closed)
		r = hb_error_set(reterr, -EDOM, "the basin is never left");
	else if (law == NULL)
		r = hb_error_set(reterr, -ENOMEM, "out of memory for %u states", s.chain.states);
	if (r == 0) {
		start = s.place[standstill(generator, basin)];
		r = hangs_together(&s.chain, s.factor->order[start], &together);
		if (r == 0 && together)
			r = iterate(&s, start, law, tolerance, &result);
		/* Several pieces: only an even start gives each of them its chance. */
		if (r == 0 && !result.converged)
			r = iterate(&s, UINT32_MAX, law, tolerance, &result);
		if (r < 0)
			(void)hb_error_set(
				reterr, r, "out of memory for %u states", s.chain.states);
	}
	if (r == 0) {
		for (uint32_t i = 0; i < generator->states; i++)
			ret_share[i] = s.place[i] == UINT32_MAX ? 0.0 : (double)law[s.place[i]];
		*ret = result;
	}
	free(law);
	subchain_finish(&s);
	return r;
}
