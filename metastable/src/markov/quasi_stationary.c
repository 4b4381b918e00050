/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "elimination.h"
#include "hotbed/error.h"
#include "metastable/chain.h"
#include "metastable/generator.h"
#include "subchain.h"

/* A basin that is hardly one has eigenvalues close together; after so many steps the law is reported as it is. */
#define STEPS_MAX 400

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

static void iterate(
	struct subchain *s, long double *law, double tolerance, struct ms_quasi_stationary *ret)
{
	uint32_t states = s->chain.states;
	long double time = 0.0L;

	for (uint32_t p = 0; p < states; p++)
		law[p] = 1.0L / (long double)states;
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
		iterate(&s, law, tolerance, &result);
		for (uint32_t i = 0; i < generator->states; i++)
			ret_share[i] = s.place[i] == UINT32_MAX ? 0.0 : (double)law[s.place[i]];
		*ret = result;
	}
	free(law);
	subchain_finish(&s);
	return r;
}
