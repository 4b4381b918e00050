/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Building chains, and walking along their transitions. See hotbed/markov.h.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/markov.h>

#include "chain.h"

int hb_markov_create(uint32_t state_count, struct hb_markov **ret, struct hb_error *reterr)
{
	struct hb_markov *chain;

	if (state_count == 0 || state_count > HB_MARKOV_STATES_MAX)
		return hb_error_set(reterr, -EINVAL,
			"a chain has 1 to %d states, not %u; lump equal states together",
			HB_MARKOV_STATES_MAX, state_count);
	chain = calloc(1, sizeof(*chain));
	if (!chain)
		return hb_error_set(reterr, -ENOMEM, "not enough memory for a chain");
	chain->state_count = state_count;
	*ret = chain;
	return 0;
}

void hb_markov_destroy(struct hb_markov *chain)
{
	if (!chain)
		return;
	free(chain->transitions);
	free(chain);
}

void hb_markov_set_names(struct hb_markov *chain, const char *const *names)
{
	chain->names = names;
}

uint32_t hb_markov_state_count(const struct hb_markov *chain)
{
	return chain->state_count;
}

uint64_t hb_markov_transition_count(const struct hb_markov *chain)
{
	return chain->transition_count;
}

const char *hb_markov_state_name(
	const struct hb_markov *chain, uint32_t state, char *buffer, size_t size)
{
	if (chain->names)
		return chain->names[state];
	(void)snprintf(buffer, size, "%u", state);
	return buffer;
}

int hb_markov_add(
	struct hb_markov *chain, uint32_t from, uint32_t to, double rate, struct hb_error *reterr)
{
	char name[16];

	if (from >= chain->state_count || to >= chain->state_count)
		return hb_error_set(reterr, -EINVAL,
			"transition %u -> %u leaves the chain of %u states", from, to,
			chain->state_count);
	if (from == to)
		return hb_error_set(reterr, -EINVAL,
			"state %s has a transition to itself; leave it out, it changes nothing",
			hb_markov_state_name(chain, from, name, sizeof(name)));
	if (!(rate >= 0) || isinf(rate))
		return hb_error_set(reterr, -EINVAL,
			"rate %g out of state %s is not a finite number >= 0", rate,
			hb_markov_state_name(chain, from, name, sizeof(name)));
	if (rate == 0)
		return 0;
	if (chain->transition_count == chain->transition_capacity) {
		size_t capacity = chain->transition_capacity ? chain->transition_capacity * 2 : 64;
		struct transition *grown;

		if (chain->transition_count >= HB_MARKOV_ENTRIES_MAX)
			return hb_error_set(
				reterr, -E2BIG, "more than %d transitions", HB_MARKOV_ENTRIES_MAX);
		grown = realloc(chain->transitions, capacity * sizeof(grown[0]));
		if (!grown)
			return hb_error_set(
				reterr, -ENOMEM, "not enough memory for %zu transitions", capacity);
		chain->transitions = grown;
		chain->transition_capacity = capacity;
	}
	chain->transitions[chain->transition_count++] =
		(struct transition){.from = from, .to = to, .rate = rate};
	return 0;
}

static int by_row(const void *a, const void *b)
{
	const struct transition *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

int hb_markov_rows_init(const struct hb_markov *chain, bool transpose, struct rows *ret)
{
	size_t count = chain->transition_count, used = 0;
	struct transition *sorted = malloc((count + 1) * sizeof(sorted[0]));
	struct rows rows = {
		.start = calloc((size_t)chain->state_count + 1, sizeof(rows.start[0])),
		.column = malloc((count + 1) * sizeof(rows.column[0])),
		.rate = malloc((count + 1) * sizeof(rows.rate[0])),
	};

	if (!sorted || !rows.start || !rows.column || !rows.rate) {
		free(sorted);
		hb_markov_rows_finish(&rows);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		struct transition t = chain->transitions[i];

		sorted[i] =
			transpose ? (struct transition){.from = t.to, .to = t.from, .rate = t.rate}
				  : t;
	}
	qsort(sorted, count, sizeof(sorted[0]), by_row);
	for (size_t i = 0; i < count; i++) {
		if (i && sorted[i].from == sorted[i - 1].from && sorted[i].to == sorted[i - 1].to) {
			rows.rate[used - 1] += sorted[i].rate;
			continue;
		}
		rows.column[used] = sorted[i].to;
		rows.rate[used++] = sorted[i].rate;
		rows.start[sorted[i].from + 1]++;
	}
	for (uint32_t i = 0; i < chain->state_count; i++)
		rows.start[i + 1] += rows.start[i];
	free(sorted);
	*ret = rows;
	return 0;
}

void hb_markov_rows_finish(struct rows *rows)
{
	free(rows->start);
	free(rows->column);
	free(rows->rate);
	*rows = (struct rows){0};
}

int hb_markov_reach(const struct rows *rows, uint32_t state_count, const bool *stop, bool *reached)
{
	uint32_t *queue = malloc(state_count * sizeof(queue[0]));
	uint32_t head = 0, tail = 0;

	if (!queue)
		return -ENOMEM;
	for (uint32_t i = 0; i < state_count; i++)
		if (reached[i])
			queue[tail++] = i;
	while (head < tail) {
		uint32_t state = queue[head++];

		if (stop && stop[state])
			continue;
		for (size_t k = rows->start[state]; k < rows->start[state + 1]; k++) {
			if (reached[rows->column[k]])
				continue;
			reached[rows->column[k]] = true;
			hb_assert(tail < state_count);
			queue[tail++] = rows->column[k];
		}
	}
	free(queue);
	return 0;
}
