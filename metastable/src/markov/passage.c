/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <float.h>
#include <stdlib.h>

#include "elimination.h"
#include "hotbed/error.h"
#include "metastable/chain.h"
#include "metastable/generator.h"
#include "subchain.h"

/* keep[i] = 1 outside of both sets (@other may be NULL). Returns 0 or -EINVAL. */
static int outside(const struct ms_generator *g, const uint8_t *set, const uint8_t *other,
	uint8_t *keep, struct hb_error *reterr)
{
	uint32_t kept = 0, in_set = 0, in_other = 0;

	for (uint32_t i = 0; i < g->states; i++) {
		if (other != NULL && set[i] != 0 && other[i] != 0)
			return hb_error_set(reterr, -EINVAL,
				"state %u is in both of two sets that must not meet", i);
		keep[i] = set[i] == 0 && (other == NULL || other[i] == 0);
		kept += keep[i];
		in_set += set[i] != 0;
		in_other += other != NULL && other[i] != 0;
	}
	if (in_set == 0 || (other != NULL && in_other == 0))
		return hb_error_set(reterr, -EINVAL, "the set to be reached holds no state");
	return (int)(kept > 0);
}

int ms_passage_time(const struct ms_generator *generator, const uint8_t *target,
	double memory_bytes_max, double *ret_time_s, struct hb_error *reterr)
{
	uint8_t *keep = malloc(generator->states);
	struct subchain s;
	int r;

	if (keep == NULL)
		return hb_error_set(
			reterr, -ENOMEM, "out of memory for %u states", generator->states);
	r = outside(generator, target, NULL, keep, reterr);
	if (r > 0)
		r = subchain_create(generator, keep, memory_bytes_max, &s, reterr);
	else if (r == 0)
		r = hb_error_set(reterr, -EINVAL, "every state is in the set to be reached");
	free(keep);
	if (r < 0)
		return r;
	for (uint32_t p = 0; p < s.chain.states; p++)
		s.vector[p] = 1.0L;
	elimination_right(s.factor, s.vector, s.scratch);
	for (uint32_t p = 0; p < s.chain.states && r == 0; p++) {
		if (!(s.vector[p] <= (long double)DBL_MAX))
			r = hb_error_set(reterr, -ERANGE, "a mean time is above 1e308 seconds");
	}
	for (uint32_t i = 0; i < generator->states && r == 0; i++)
		ret_time_s[i] = s.place[i] == UINT32_MAX ? 0.0 : (double)s.vector[s.place[i]];
	subchain_finish(&s);
	return r;
}

/* Rate into @goal from every state of the part. */
static void goal_rates(const struct ms_generator *g, const uint8_t *goal, struct subchain *s)
{
	for (uint32_t i = 0; i < g->states; i++) {
		long double rate = 0.0L;

		if (s->place[i] == UINT32_MAX)
			continue;
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++) {
			if (goal[g->target[e]] != 0)
				rate += (long double)g->rate_per_s[e];
		}
		s->vector[s->place[i]] = rate;
	}
}

int ms_committor(const struct ms_generator *generator, const uint8_t *goal, const uint8_t *other,
	double memory_bytes_max, double *ret_probability, struct hb_error *reterr)
{
	uint8_t *keep = malloc(generator->states);
	struct subchain s = {0};
	bool part = false;
	int r;

	if (keep == NULL)
		return hb_error_set(
			reterr, -ENOMEM, "out of memory for %u states", generator->states);
	r = outside(generator, goal, other, keep, reterr);
	if (r > 0) {
		part = true;
		r = subchain_create(generator, keep, memory_bytes_max, &s, reterr);
	}
	free(keep);
	if (r < 0)
		return r;
	if (part) {
		goal_rates(generator, goal, &s);
		elimination_right(s.factor, s.vector, s.scratch);
	}
	for (uint32_t i = 0; i < generator->states; i++) {
		if (part && s.place[i] != UINT32_MAX)
			ret_probability[i] = (double)s.vector[s.place[i]];
		else
			ret_probability[i] = goal[i] != 0 ? 1.0 : 0.0;
	}
	subchain_finish(&s);
	return 0;
}
