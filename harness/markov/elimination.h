/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Removing states from a chain one by one so that what remains behaves the same as seen from the states that are
 * left (a censored chain). Only sums, products and quotients of non-negative numbers: the self-loop that a removal
 * makes is dropped and the exit rate is summed anew, where Gauss would subtract.
 */
#ifndef HB_MARKOV_ELIMINATION_H
#define HB_MARKOV_ELIMINATION_H

#include <stddef.h>
#include <stdint.h>

#include "chain.h"

struct entry {
	long double rate;
	uint32_t column;
};

struct row {
	struct entry *entries;
	uint32_t count, capacity;
	uint32_t *sources; /* rows that have an entry for this state, any order */
	uint32_t source_count, source_capacity;
	long double
		time; /* mean stay in the state, times its exit rate; grows as removed states pass theirs on */
};

/* One removed state: entries [first, first + count) of the log are its sources and their rates. */
struct removal {
	uint32_t state;
	size_t first;
	uint32_t count;
	long double exit_rate;
};

struct elimination {
	uint32_t state_count;
	struct row *rows;
	bool *removable;    /* states that go; only these keep a list of their sources */
	uint32_t *position; /* of a column in the row being changed, plus 1; 0 = absent */
	struct heap {
		uint32_t *states;
		uint32_t *place; /* of a state in the heap, plus 1; 0 = not in it */
		uint32_t count;
	} heap;
	size_t entry_count;
	bool keep_log;
	struct removal *removals;
	uint32_t removal_count;
	struct entry *log;
	size_t log_count, log_capacity;
};

/*
 * Take the rows of states in @member; columns outside stay as targets. States of @member other than @last are
 * removed by hb_markov_eliminate(). 0, -ENOMEM or -E2BIG. On any outcome hb_markov_elimination_finish().
 */
int hb_markov_elimination_init(struct elimination *e, const struct rows *rows, uint32_t state_count,
	const bool *member, uint32_t last, bool keep_log);
int hb_markov_eliminate(struct elimination *e);
void hb_markov_elimination_finish(struct elimination *e);

#endif
