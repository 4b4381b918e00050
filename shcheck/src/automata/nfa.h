/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Non-deterministic automata in scratch memory, and the subset construction. Errors stick: after one, calls do nothing
 * and nfa_finish() returns it. Numbers of states that come back after an error are 0 and harmless.
 */
#ifndef SHCHECK_AUTOMATA_NFA_H
#define SHCHECK_AUTOMATA_NFA_H

#include "language.h"

struct nfa_edge {
	uint32_t from, to;
	uint32_t label; /* number of a byte set, or one of those below */
	bool wild;      /* of a pattern's wildcard; nfa_finish() does not look at it */
};

#define NFA_EPSILON NONE
/* Only at the start, or end, of the string. To be resolved before nfa_finish(). */
#define NFA_BEGIN (NONE - 1)
#define NFA_END (NONE - 2)

struct nfa {
	struct shc_dfa_pool *pool;
	int err;
	uint32_t state_count, state_capacity;
	uint8_t *accepting;
	uint32_t edge_count, edge_capacity;
	struct nfa_edge *edges;
	uint32_t label_count, label_capacity, label_link_capacity;
	struct shc_byte_set *labels;
	uint32_t *label_link; /* next label of the same hash */
	uint32_t label_bucket[256];
	uint32_t byte_label[256]; /* of a set of one byte, or NONE */
	uint32_t start_count, start_capacity;
	uint32_t *starts;
};

void nfa_init(struct nfa *nfa, struct shc_dfa_pool *pool);
uint32_t nfa_state(struct nfa *nfa, bool accepting);
uint32_t nfa_label(struct nfa *nfa, const struct shc_byte_set *set);
void nfa_edge(struct nfa *nfa, uint32_t from, uint32_t label, uint32_t to);
/* nfa_wild - as nfa_edge(), of a wildcard. */
void nfa_wild(struct nfa *nfa, uint32_t from, uint32_t label, uint32_t to);
void nfa_epsilon(struct nfa *nfa, uint32_t from, uint32_t to);
void nfa_start(struct nfa *nfa, uint32_t state);

/* nfa_text - a chain of moves for @length bytes from @from; returns its end. */
uint32_t nfa_text(struct nfa *nfa, uint32_t from, const char *bytes, size_t length);

/*
 * nfa_copy - the states and live moves of @dfa; state s becomes the returned number + s. None accepts.
 */
uint32_t nfa_copy(struct nfa *nfa, const struct shc_dfa *dfa);

/* nfa_accept_as - the states of the copy at @base accept as those of @dfa do. */
void nfa_accept_as(struct nfa *nfa, uint32_t base, const struct shc_dfa *dfa);

/*
 * nfa_splice - as nfa_copy(), with moves by ε from @from to its start and from its accepting states to @to.
 */
void nfa_splice(struct nfa *nfa, uint32_t from, const struct shc_dfa *dfa, uint32_t to);

/* nfa_finish - the minimal automaton. Returns as public operations do. */
int nfa_finish(struct nfa *nfa, const struct shc_dfa **ret);

#endif
