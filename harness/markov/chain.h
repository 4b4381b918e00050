/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside of struct hb_markov, shared by elimination and uniformisation. Transitions are kept as triplets in the
 * order of arrival and sorted by row when a solver needs them.
 */
#ifndef HB_MARKOV_CHAIN_H
#define HB_MARKOV_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include <hotbed/markov.h>

struct transition {
	uint32_t from, to;
	double rate;
};

struct hb_markov {
	uint32_t state_count;
	const char *const *names; /* borrowed; NULL = numbers */
	struct transition *transitions;
	size_t transition_count, transition_capacity;
};

/*
 * Compressed rows: transitions of state i are [start[i], start[i + 1]), by column, without repetition.
 */
struct rows {
	size_t *start; /* shape [state_count + 1] */
	uint32_t *column;
	double *rate;
};

/* The transitions of @chain as rows, or as columns if @transpose. 0 or -ENOMEM; rows_finish(). */
int hb_markov_rows_init(const struct hb_markov *chain, bool transpose, struct rows *ret);
void hb_markov_rows_finish(struct rows *rows);

/* Name of @state for messages, into @buffer of @size bytes if it has none. Returns the name. */
const char *hb_markov_state_name(
	const struct hb_markov *chain, uint32_t state, char *buffer, size_t size);

/*
 * Mark in @reached (shape [state_count], caller-zeroed where not start states) all that can be reached from the
 * states marked in it, along @rows, without leaving states of @stop (may be NULL). 0 or -ENOMEM.
 */
int hb_markov_reach(const struct rows *rows, uint32_t state_count, const bool *stop, bool *reached);

#endif
