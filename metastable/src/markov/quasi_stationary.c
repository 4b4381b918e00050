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

/* Steps between two leaps, for the ratio of their lengths to settle. */
#define LEAP_AFTER 5

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
	double moved, ratio; /* of the last step, and to the one before */
};

/* One step in double precision; false if its sum leaves the range. */
static bool approach_step(const struct elimination *e, struct approach *a)
{
	double *swap = a->next, sum = 0.0, moved = 0.0;

	memcpy(a->next, a->now, e->states * sizeof(*a->next));
	elimination_left_double(e, a->next, a->scratch);
	for (uint32_t p = 0; p < e->states; p++)
		sum += a->next[p];
	if (!(sum > 0.0 && isfinite(sum)))
		return false;
	for (uint32_t p = 0; p < e->states; p++) {
		a->next[p] /= sum;
		moved += fabs(a->next[p] - a->now[p]);
	}
	moved *= 0.5;
	a->ratio = a->moved > 0.0 ? moved / a->moved : 0.0;
	a->moved = moved;
	a->next = a->now;
	a->now = swap;
	return true;
}

/*
 * Aitken: if steps shrink by one ratio, all that are still to come sum up to a geometric series. This is only where to
 * go on from; no entry may become negative, or shrink to nothing.
 */
static void approach_leap(const struct elimination *e, struct approach *a)
{
	double far = a->ratio / (1.0 - a->ratio);

	for (uint32_t p = 0; p < e->states; p++)
		a->now[p] = fmax(a->now[p] + far * (a->now[p] - a->next[p]), 0.1 * a->now[p]);
}

/*
 * From the even law to where a step moves less than @tolerance: long doubles are several times as slow, and a basin
 * that is hardly one needs hundreds of steps. Leaves @law as it is where doubles do not reach.
 */
static int approach(const struct subchain *s, long double *law, double tolerance,
	struct ms_quasi_stationary *ret)
{
	const struct elimination *e = s->factor;
	struct approach a = {.now = malloc(e->states * sizeof(double)),
		.next = malloc(e->states * sizeof(double)),
		.scratch = malloc(((size_t)e->front_max + 1) * sizeof(double))};
	uint32_t control = denormals_flush(), since = 0;
	bool works = a.now != NULL && a.next != NULL && a.scratch != NULL;
	int r = works ? 0 : -ENOMEM;

	for (uint32_t p = 0; works && p < e->states; p++)
		a.now[p] = 1.0 / e->states;
	while (works && ret->steps < STEPS_MAX) {
		double before = a.ratio;

		works = approach_step(e, &a);
		ret->steps++;
		if (!works || a.moved <= tolerance)
			break;
		if (++since >= LEAP_AFTER && a.ratio > 0.2 && a.ratio < 0.999 &&
			fabs(a.ratio - before) < 0.2 * (1.0 - a.ratio)) {
			approach_leap(e, &a);
			since = 0;
		}
	}
	for (uint32_t p = 0; works && p < e->states; p++)
		law[p] = a.now[p];
	denormals_restore(control);
	free(a.now);
	free(a.next);
	free(a.scratch);
	return r;
}

/* ---- to the last digit ---- */

static int iterate(
	struct subchain *s, long double *law, double tolerance, struct ms_quasi_stationary *ret)
{
	uint32_t states = s->chain.states;
	long double time = 0.0L;
	int r;

	for (uint32_t p = 0; p < states; p++)
		law[p] = 1.0L / (long double)states;
	r = approach(s, law, tolerance, ret);
	if (r < 0)
		return r;
	ret->steps = 0;
	while (ret->steps < STEPS_MAX && !ret->converged) {
		long double before = time, moved;

		time = inverse_step(s, law);
		moved = distance(law, s->vector, states);
		for (uint32_t p = 0; p < states; p++)
			law[p] = s->vector[p];
		ret->steps++;
		ret->residual = (double)(fabsl(time - before) / time + moved);
		ret->converged = ret->residual <= tolerance;
	}
	ret->exit_rate_per_s = (double)(1.0L / time);
	return 0;
}

int ms_quasi_stationary_law(const struct ms_generator *generator, const uint8_t *basin,
	double tolerance, double memory_bytes_max, double *ret_share,
	struct ms_quasi_stationary *ret, struct hb_error *reterr)
{
	struct ms_quasi_stationary result = {0};
	struct subchain s;
	long double *law;
	int r = subchain_create(generator, basin, memory_bytes_max, &s, reterr);

	if (r < 0)
		return r;
	law = malloc(s.chain.states * sizeof(*law));
	if (s.factor->closed)
		r = hb_error_set(reterr, -EDOM, "the basin is never left");
	else if (law == NULL)
		r = hb_error_set(reterr, -ENOMEM, "out of memory for %u states", s.chain.states);
	if (r == 0) {
		r = iterate(&s, law, tolerance, &result);
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
