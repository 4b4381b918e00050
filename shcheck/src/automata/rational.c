/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Concatenation, repetition, reversal, parts of strings: each a small non-deterministic automaton. */
#include "nfa.h"

#include <hotbed/assert.h>

static int make_concat(struct nfa *nfa, const struct shc_dfa *a, const struct shc_dfa *b)
{
	uint32_t from = nfa_copy(nfa, a), to = nfa_copy(nfa, b);

	nfa_start(nfa, from);
	for (uint32_t s = 0; s < a->state_count; s++) {
		if (a->accepting[s] && !(PLANTED(CONCAT_FORGETS_EMPTY_LEFT) && !s))
			nfa_epsilon(nfa, from + s, to);
	}
	nfa_accept_as(nfa, to, b);
	return nfa->err;
}

static int make_star(struct nfa *nfa, const struct shc_dfa *a, const struct shc_dfa *b)
{
	uint32_t middle = nfa_state(nfa, !PLANTED(STAR_WITHOUT_EMPTY));

	(void)b;
	nfa_start(nfa, middle);
	nfa_splice(nfa, middle, a, middle);
	return nfa->err;
}

static int make_plus(struct nfa *nfa, const struct shc_dfa *a, const struct shc_dfa *b)
{
	uint32_t from = nfa_copy(nfa, a);

	(void)b;
	nfa_start(nfa, from);
	nfa_accept_as(nfa, from, a);
	for (uint32_t s = 0; s < a->state_count; s++) {
		if (a->accepting[s])
			nfa_epsilon(nfa, from + s, from);
	}
	return nfa->err;
}

static int make_reverse(struct nfa *nfa, const struct shc_dfa *a, const struct shc_dfa *b)
{
	(void)b;
	for (uint32_t s = 0; s < a->state_count; s++) {
		(void)nfa_state(nfa, s == 0);
		if (a->accepting[s] && !PLANTED(REVERSE_KEEPS_EMPTY_ONLY))
			nfa_start(nfa, s);
	}
	if (PLANTED(REVERSE_KEEPS_EMPTY_ONLY))
		nfa_start(nfa, 0);
	for (uint32_t c = 0; c < a->class_count; c++) {
		struct shc_byte_set set = dfa_class_set(a, c);
		uint32_t label = nfa_label(nfa, &set);

		for (uint32_t s = 0; s < a->state_count; s++) {
			if (dfa_move(a, s, c) != a->dead)
				nfa_edge(nfa, dfa_move(a, s, c), label, s);
		}
	}
	return nfa->err;
}

static int make_suffixes(struct nfa *nfa, const struct shc_dfa *a, const struct shc_dfa *b)
{
	uint32_t base = nfa_copy(nfa, a);

	(void)b;
	nfa_accept_as(nfa, base, a);
	for (uint32_t s = 0; s < a->state_count; s++) {
		if (s != a->dead)
			nfa_start(nfa, base + s);
	}
	return nfa->err;
}

static int make_substrings(struct nfa *nfa, const struct shc_dfa *a, const struct shc_dfa *b)
{
	int err = make_suffixes(nfa, a, b);

	for (uint32_t s = 0; s < a->state_count && !err; s++)
		nfa->accepting[s] = s != a->dead;
	return err;
}

static int construct(struct shc_dfa_pool *pool, enum operation operation,
	int (*make)(struct nfa *nfa, const struct shc_dfa *a, const struct shc_dfa *b),
	const struct shc_dfa *a, const struct shc_dfa *b, const struct shc_dfa **ret)
{
	const struct shc_dfa *result = recall(pool, operation, a, b);
	struct scratch_mark mark;
	struct nfa nfa;
	int err;

	if (result) {
		*ret = result;
		return 0;
	}
	mark = operation_begin(pool);
	nfa_init(&nfa, pool);
	err = make(&nfa, a, b);
	if (!err)
		err = nfa_finish(&nfa, &result);
	operation_end(pool, mark);
	if (err)
		return err;
	remember(pool, operation, a, b, result);
	*ret = result;
	return 0;
}

int shc_dfa_concat(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa *b,
	const struct shc_dfa **ret)
{
	hb_assert(a->pool == pool && b->pool == pool);
	if (a == pool->empty || b == pool->epsilon) {
		*ret = a;
		return 0;
	}
	if (b == pool->empty || a == pool->epsilon) {
		*ret = b;
		return 0;
	}
	return construct(pool, OPERATION_CONCAT, make_concat, a, b, ret);
}

int shc_dfa_star(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa **ret)
{
	return construct(pool, OPERATION_STAR, make_star, a, NULL, ret);
}

int shc_dfa_plus(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa **ret)
{
	return construct(pool, OPERATION_PLUS, make_plus, a, NULL, ret);
}

int shc_dfa_optional(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa **ret)
{
	return shc_dfa_union(pool, a, pool->epsilon, ret);
}

int shc_dfa_reverse(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa **ret)
{
	return construct(pool, OPERATION_REVERSE, make_reverse, a, NULL, ret);
}

int shc_dfa_suffixes(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa **ret)
{
	return construct(pool, OPERATION_SUFFIXES, make_suffixes, a, NULL, ret);
}

int shc_dfa_substrings(
	struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa **ret)
{
	return construct(pool, OPERATION_SUBSTRINGS, make_substrings, a, NULL, ret);
}

int shc_dfa_prefixes(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa **ret)
{
	struct scratch_mark mark = operation_begin(pool);
	struct draft draft;
	int err;

	hb_assert(a->pool == pool);
	err = draft_copy(pool, a, &draft);
	for (uint32_t s = 0; s < a->state_count && !err; s++)
		draft.accepting[s] = s != a->dead;
	if (!err)
		err = draft_finish(pool, &draft, ret);
	operation_end(pool, mark);
	return err;
}

/* @min copies in a row, then either a loop or @max - @min copies that may be skipped. */
static int repeat(struct shc_dfa_pool *pool, const struct shc_dfa *a, uint64_t min, uint64_t max,
	const struct shc_dfa **ret)
{
	struct nfa nfa;
	uint32_t at, end;

	nfa_init(&nfa, pool);
	at = nfa_state(&nfa, false);
	end = nfa_state(&nfa, true);
	nfa_start(&nfa, at);
	if (PLANTED(REPEAT_ONE_LESS) && min > 1)
		min--;
	for (uint64_t i = 0; i < min && !nfa.err; i++) {
		uint32_t to = nfa_state(&nfa, false);

		nfa_splice(&nfa, at, a, to);
		at = to;
	}
	if (max == SHC_INFINITE)
		nfa_splice(&nfa, at, a, at);
	nfa_epsilon(&nfa, at, end);
	for (uint64_t i = min; max != SHC_INFINITE && i < max && !nfa.err; i++) {
		uint32_t to = nfa_state(&nfa, false);

		nfa_splice(&nfa, at, a, to);
		nfa_epsilon(&nfa, to, end);
		at = to;
	}
	return nfa_finish(&nfa, ret);
}

int shc_dfa_repeat(struct shc_dfa_pool *pool, const struct shc_dfa *a, uint64_t min, uint64_t max,
	const struct shc_dfa **ret)
{
	struct scratch_mark mark;
	int err;

	hb_assert(a->pool == pool);
	if (min > max || (a == pool->empty && min)) {
		*ret = pool->empty;
		return 0;
	}
	if (!max || a == pool->empty || a == pool->epsilon) {
		*ret = pool->epsilon;
		return 0;
	}
	mark = operation_begin(pool);
	err = repeat(pool, a, min, max, ret);
	operation_end(pool, mark);
	return err;
}
