/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Strata of shocks. See shock_strata.h.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include <probcons/shocks.h>

#include "shock_strata.h"

static int larger_first(const void *a, const void *b)
{
	const struct pc_shock *x = *(const struct pc_shock *const *)a;
	const struct pc_shock *y = *(const struct pc_shock *const *)b;

	if (x->member_count != y->member_count)
		return x->member_count < y->member_count ? 1 : -1;
	if (x->probability != y->probability)
		return x->probability < y->probability ? 1 : -1;
	return (x > y) - (x < y);
}

static int likelier_first(const void *a, const void *b)
{
	const struct shock_stratum *x = a, *y = b;

	return (x->probability < y->probability) - (x->probability > y->probability);
}

/* Whether @shock would change anything. */
static bool matters(const struct pc_shock *shock, const uint8_t *effect)
{
	uint8_t least = shock->byzantine ? SHOCK_LIES : SHOCK_CRASHED;

	for (uint32_t m = 0; m < shock->member_count; m++)
		if (effect[shock->members[m]] < least)
			return true;
	return false;
}

static void strike(const struct pc_shock *shock, uint8_t *effect)
{
	uint8_t least = shock->byzantine ? SHOCK_LIES : SHOCK_CRASHED;

	for (uint32_t m = 0; m < shock->member_count; m++)
		if (effect[shock->members[m]] < least)
			effect[shock->members[m]] = least;
}

/* Room at the end, with the effect of @from. NULL: no memory. */
static struct shock_stratum *append(struct shock_strata *s, const struct shock_stratum *from)
{
	struct shock_stratum *stratum = &s->strata[s->count];

	*stratum = (struct shock_stratum){.effect = malloc(s->node_count)};
	if (!stratum->effect)
		return NULL;
	memcpy(stratum->effect, from->effect, s->node_count);
	s->count++;
	return stratum;
}

/*
 * Stratum @at becomes the case that none of the next free shocks strikes; those in which one is the first to strike
 * are appended, while there is room.
 */
static int split(struct shock_strata *s, uint32_t at)
{
	double spared = s->strata[at].probability;
	uint32_t k = s->strata[at].free_first;

	for (; k < s->shock_count && s->count < SHOCK_STRATA_MAX; k++) {
		const struct pc_shock *shock = s->order[k];
		struct shock_stratum *struck;

		if (!matters(shock, s->strata[at].effect))
			continue;
		struck = append(s, &s->strata[at]);
		if (!struck)
			return -ENOMEM;
		strike(shock, struck->effect);
		struck->probability = spared * shock->probability;
		struck->free_first = k + 1;
		spared *= 1 - shock->probability;
	}
	s->strata[at].probability = spared;
	s->strata[at].free_first = k;
	return 0;
}

/* Likeliest stratum with free shocks that matter; UINT32_MAX: none. */
static uint32_t next_to_split(struct shock_strata *s, shock_certain_fn *certain, void *user)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t i = 0; i < s->count; i++) {
		struct shock_stratum *stratum = &s->strata[i];
		uint32_t k = stratum->free_first;

		if (best != UINT32_MAX && stratum->probability <= s->strata[best].probability)
			continue;
		while (k < s->shock_count && !matters(s->order[k], stratum->effect))
			k++;
		if (certain(stratum->effect, user))
			k = s->shock_count;
		stratum->free_first = k;
		if (k < s->shock_count)
			best = i;
	}
	return best;
}

int shock_strata_init(struct shock_strata *strata, const struct pc_shock *shocks,
	uint32_t shock_count, uint32_t node_count, shock_certain_fn *certain, void *user,
	struct hb_error *reterr)
{
	int rc = 0;

	*strata = (struct shock_strata){.node_count = node_count};
	strata->order = calloc((size_t)shock_count + 1, sizeof(strata->order[0]));
	strata->strata = calloc(SHOCK_STRATA_MAX, sizeof(strata->strata[0]));
	if (strata->order && strata->strata) {
		strata->strata[0].effect = calloc(node_count, 1);
		strata->strata[0].probability = 1;
		strata->count = strata->strata[0].effect ? 1 : 0;
	}
	if (!strata->count)
		return hb_error_set(
			reterr, -ENOMEM, "not enough memory for %u shocks", shock_count);
	for (uint32_t k = 0; k < shock_count; k++)
		if (shocks[k].probability > 0)
			strata->order[strata->shock_count++] = &shocks[k];
	qsort(strata->order, strata->shock_count, sizeof(strata->order[0]), larger_first);
	while (!rc && strata->count < SHOCK_STRATA_MAX) {
		uint32_t at = next_to_split(strata, certain, user);

		if (at == UINT32_MAX)
			break;
		rc = split(strata, at);
	}
	if (rc)
		return hb_error_set(
			reterr, rc, "not enough memory for the strata of %u shocks", shock_count);
	qsort(strata->strata, strata->count, sizeof(strata->strata[0]), likelier_first);
	return 0;
}

void shock_strata_finish(struct shock_strata *strata)
{
	for (uint32_t i = 0; i < strata->count; i++)
		free(strata->strata[i].effect);
	free(strata->strata);
	free(strata->order);
	*strata = (struct shock_strata){0};
}
