/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "elimination.h"
#include "hotbed/error.h"
#include "subchain.h"

/* Numbers within the part become places of its order of elimination. */
static int find_places(struct subchain *s, uint32_t states)
{
	uint32_t *place = malloc(s->chain.states * sizeof(*place));

	if (place == NULL)
		return -ENOMEM;
	for (uint32_t p = 0; p < s->chain.states; p++)
		place[s->factor->order[p]] = p;
	for (uint32_t i = 0; i < states; i++) {
		if (s->place[i] != UINT32_MAX)
			s->place[i] = place[s->place[i]];
	}
	free(place);
	return 0;
}

int subchain_create(const struct ms_generator *generator, const uint8_t *keep,
	double memory_bytes_max, struct subchain *ret, struct hb_error *reterr)
{
	struct elimination_options options = {.memory_bytes_max = memory_bytes_max};
	struct subchain s = {.place = malloc(generator->states * sizeof(*s.place))};
	int r = -ENOMEM;

	if (s.place == NULL)
		return hb_error_set(reterr, r, "out of memory for %u states", generator->states);
	r = ms_generator_restrict(generator, keep, &s.chain, s.place, reterr);
	if (r == 0)
		r = elimination_create(&s.chain, &options, &s.factor, reterr);
	if (r == 0) {
		s.vector = calloc(s.chain.states, sizeof(*s.vector));
		s.scratch = calloc((size_t)s.factor->front_max + 1, sizeof(*s.scratch));
		if (s.vector == NULL || s.scratch == NULL || find_places(&s, generator->states) < 0)
			r = hb_error_set(
				reterr, -ENOMEM, "out of memory for %u states", s.chain.states);
	}
	if (r < 0)
		subchain_finish(&s);
	else
		*ret = s;
	return r;
}

void subchain_finish(struct subchain *s)
{
	ms_generator_finish(&s->chain);
	elimination_destroy(s->factor);
	free(s->place);
	free(s->vector);
	free(s->scratch);
	memset(s, 0, sizeof(*s));
}
