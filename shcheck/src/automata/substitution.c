/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ${x/P/R}. Whether a match begins at a place, and whether it can become longer, depends on what follows; so both are
 * computed from the right: X(u) is the set of states of P's automaton from which a non-empty beginning of u leads to
 * acceptance. X(u) is guessed at the start and checked byte by byte (X(cu) follows from c and X(u)), and it makes every
 * decision of the leftmost longest match deterministic. The result is exact for one replacement.
 */
#include "nfa.h"
#include "product.h"
#include "removal.h"

#include <errno.h>
#include <string.h>

#include <hotbed/assert.h>

#define PLACES_MAX ((size_t)1 << 22)

/* All sets X(u), and the transition function between them by classes of P. */
struct lookahead {
	const struct shc_dfa *pattern;
	size_t words;
	uint64_t *sets;  /* shape [count][words] */
	uint32_t *moves; /* shape [count][class_count]: number of X(cu) */
	uint32_t count, set_capacity, move_capacity;
};

static bool in_set(const struct lookahead *l, uint32_t set, uint32_t state)
{
	return l->sets[set * l->words + state / 64] >> state % 64 & 1;
}

/* The number of the set at @set, a new one if need be. Few sets arise in practice: a linear search. */
static int set_number(
	struct shc_dfa_pool *pool, struct lookahead *l, const uint64_t *set, uint32_t *ret)
{
	if (!charge(pool, l->count * l->words))
		return -E2BIG;
	for (uint32_t i = 0; i < l->count; i++) {
		if (memcmp(l->sets + i * l->words, set, l->words * sizeof(*set)) == 0) {
			*ret = i;
			return 0;
		}
	}
	if (l->count >= pool->limits.states)
		return -E2BIG;
	if (scratch_grow(
		    pool, &l->sets, &l->set_capacity, l->count + 1, l->words * sizeof(*l->sets)) ||
		scratch_grow(pool, &l->moves, &l->move_capacity, l->count + 1,
			l->pattern->class_count * sizeof(*l->moves)))
		return -ENOMEM;
	memcpy(l->sets + l->count * l->words, set, l->words * sizeof(*set));
	*ret = l->count++;
	return 0;
}

static int find_lookahead(
	struct shc_dfa_pool *pool, const struct shc_dfa *pattern, struct lookahead *l)
{
	uint64_t *set;
	uint32_t number;
	int err;

	*l = (struct lookahead){.pattern = pattern, .words = (pattern->state_count + 63) / 64};
	set = scratch_zero(pool, l->words, sizeof(*set));
	if (!set)
		return -ENOMEM;
	err = set_number(pool, l, set, &number);
	for (uint32_t i = 0; i < l->count && !err; i++) {
		for (uint32_t c = 0; c < pattern->class_count && !err; c++) {
			if (!charge(pool, pattern->state_count))
				return -E2BIG;
			memset(set, 0, l->words * sizeof(*set));
			for (uint32_t p = 0; p < pattern->state_count; p++) {
				uint32_t to = dfa_move(pattern, p, c);

				if (pattern->accepting[to] || in_set(l, i, to))
					set[p / 64] |= UINT64_C(1) << p % 64;
			}
			err = set_number(pool, l, set, &number);
			if (!err)
				l->moves[(size_t)i * pattern->class_count + c] = number;
		}
	}
	return err;
}

/* Where the reading of x is: a mode, a state of x's language, and X of what is left. */
struct place {
	uint32_t mode, state, ahead;
};

enum mode {
	OUTSIDE, /* to decide whether a match begins here */
	DONE,    /* behind the only match: copy */
	COPYING, /* an empty match was replaced: copy one byte */
	INSIDE,  /* INSIDE + p: in a match, in state p of the pattern */
};

struct rewriting {
	struct shc_dfa_pool *pool;
	const struct shc_dfa *a, *pattern, *replacement;
	bool all;
	struct lookahead ahead;
	struct product classes;
	uint32_t labels[256];
	struct nfa nfa;
	size_t place_count;
	uint32_t *numbers; /* of each possible place: state of the automaton, or NONE */
	struct place *queue;
	uint32_t queue_count, queue_capacity;
	uint32_t *queue_number;
	uint32_t number_capacity;
};

static uint32_t place_number(struct rewriting *r, uint32_t mode, uint32_t state, uint32_t ahead)
{
	size_t at = ((size_t)mode * r->a->state_count + state) * r->ahead.count + ahead;
	/* At the end nothing is left, and X of nothing is set 0. */
	bool accepting = (mode == OUTSIDE || mode == DONE) && !ahead && r->a->accepting[state];

	hb_assert(at < r->place_count);
	if (r->numbers[at] != NONE)
		return r->numbers[at];
	r->numbers[at] = nfa_state(&r->nfa, accepting);
	if (!r->nfa.err)
		r->nfa.err = scratch_grow(r->pool, &r->queue, &r->queue_capacity,
			r->queue_count + 1, sizeof(*r->queue));
	if (!r->nfa.err)
		r->nfa.err = scratch_grow(r->pool, &r->queue_number, &r->number_capacity,
			r->queue_count + 1, sizeof(*r->queue_number));
	if (r->nfa.err)
		return 0;
	r->queue_number[r->queue_count] = r->numbers[at];
	r->queue[r->queue_count++] = (struct place){.mode = mode, .state = state, .ahead = ahead};
	return r->numbers[at];
}

/* Read a byte: copied, or swallowed by the match. */
static void read_byte(struct rewriting *r, const struct place *place, uint32_t from)
{
	uint32_t pattern_classes = r->pattern->class_count;

	for (uint32_t c = 0; c < r->classes.class_count && !r->nfa.err; c++) {
		uint32_t to = dfa_move(r->a, place->state, r->classes.class_a[c]);
		uint32_t class = r->classes.class_b[c], mode = place->mode;

		if (to == r->a->dead)
			continue;
		if (mode == COPYING)
			mode = OUTSIDE;
		else if (mode >= INSIDE)
			mode = INSIDE + dfa_move(r->pattern, mode - INSIDE, class);
		if (mode >= INSIDE && mode - INSIDE == r->pattern->dead)
			continue;
		if (!charge(r->pool, r->ahead.count))
			r->nfa.err = -E2BIG;
		for (uint32_t left = 0; left < r->ahead.count && !r->nfa.err; left++) {
			if (r->ahead.moves[(size_t)left * pattern_classes + class] != place->ahead)
				continue;
			nfa_edge(&r->nfa, from, place->mode >= INSIDE ? NFA_EPSILON : r->labels[c],
				place_number(r, mode, to, left));
		}
	}
}

static void follow(struct rewriting *r, const struct place *place, uint32_t from)
{
	uint32_t after = r->all ? OUTSIDE : DONE;
	uint32_t p = place->mode - INSIDE;

	if (place->mode == OUTSIDE) {
		if (in_set(&r->ahead, place->ahead, 0)) {
			nfa_splice(&r->nfa, from, r->replacement,
				place_number(r, INSIDE, place->state, place->ahead));
			if (!PLANTED(MATCH_NOT_LEFTMOST))
				return;
		}
		if (r->pattern->accepting[0]) {
			nfa_splice(&r->nfa, from, r->replacement,
				place_number(
					r, r->all ? COPYING : DONE, place->state, place->ahead));
			return;
		}
	}
	if (place->mode >= INSIDE && r->pattern->accepting[p] &&
		(!in_set(&r->ahead, place->ahead, p) || PLANTED(MATCH_NOT_LONGEST))) {
		nfa_epsilon(&r->nfa, from, place_number(r, after, place->state, place->ahead));
		return;
	}
	read_byte(r, place, from);
}

static int rewrite(struct rewriting *r, const struct shc_dfa **ret)
{
	int err = find_lookahead(r->pool, r->pattern, &r->ahead);

	if (!err)
		err = product_init(&r->classes, r->pool, r->a, r->pattern);
	if (err)
		return err;
	if (__builtin_mul_overflow((size_t)r->a->state_count * r->ahead.count,
		    (size_t)r->pattern->state_count + INSIDE, &r->place_count) ||
		r->place_count > PLACES_MAX || !charge(r->pool, r->place_count / 16))
		return -E2BIG;
	r->numbers = scratch(r->pool, r->place_count, sizeof(*r->numbers));
	if (!r->numbers)
		return -ENOMEM;
	memset(r->numbers, 0xff, r->place_count * sizeof(*r->numbers));
	nfa_init(&r->nfa, r->pool);
	for (uint32_t c = 0; c < r->classes.class_count; c++) {
		struct shc_byte_set set = product_class_set(&r->classes, c);

		r->labels[c] = nfa_label(&r->nfa, &set);
	}
	for (uint32_t x = 0; x < r->ahead.count; x++)
		nfa_start(&r->nfa, place_number(r, OUTSIDE, 0, x));
	for (uint32_t i = 0; i < r->queue_count && !r->nfa.err; i++) {
		struct place place = r->queue[i];

		follow(r, &place, r->queue_number[i]);
	}
	return nfa_finish(&r->nfa, ret);
}

/* An empty x apart: there an empty match is replaced, though it is at the end. */
static int substitute_anywhere(struct shc_dfa_pool *pool, bool all, const struct shc_dfa *a,
	const struct shc_dfa *pattern, const struct shc_dfa *replacement,
	const struct shc_dfa **ret)
{
	struct rewriting r = {
		.pool = pool, .pattern = pattern, .replacement = replacement, .all = all};
	const struct shc_dfa *result;
	int err;

	if (pattern == pool->empty || pattern == pool->epsilon) {
		*ret = a;
		return 0;
	}
	err = shc_dfa_difference(pool, a, pool->epsilon, &r.a);
	if (!err)
		err = rewrite(&r, &result);
	if (!err && a->accepting[0])
		err = shc_dfa_union(
			pool, result, pattern->accepting[0] ? replacement : pool->epsilon, &result);
	if (!err)
		*ret = result;
	return err;
}

static int substitute_anchored(struct shc_dfa_pool *pool, bool end, const struct shc_dfa *a,
	const struct shc_dfa *pattern, const struct shc_dfa *replacement,
	const struct shc_dfa **ret)
{
	const struct shc_dfa *rest, *kept;
	int err = removal_longest(pool, end, a, pattern, &rest);

	if (!err)
		err = removal_unmatched(pool, end, a, pattern, &kept);
	if (!err)
		err = end ? shc_dfa_concat(pool, rest, replacement, &rest)
			  : shc_dfa_concat(pool, replacement, rest, &rest);
	return err ? err : shc_dfa_union(pool, rest, kept, ret);
}

int shc_dfa_substitute(struct shc_dfa_pool *pool, enum shc_substitution kind,
	const struct shc_dfa *a, const struct shc_dfa *pattern, const struct shc_dfa *replacement,
	const struct shc_dfa **ret, bool *ret_exact)
{
	struct scratch_mark mark;
	int err;

	hb_assert(a->pool == pool && pattern->pool == pool && replacement->pool == pool);
	hb_assert(kind <= SHC_SUBSTITUTE_END);
	if (a == pool->empty || replacement == pool->empty) {
		*ret = pool->empty;
		if (ret_exact)
			*ret_exact = true;
		return 0;
	}
	mark = operation_begin(pool);
	if (kind == SHC_SUBSTITUTE_START || kind == SHC_SUBSTITUTE_END)
		err = substitute_anchored(
			pool, kind == SHC_SUBSTITUTE_END, a, pattern, replacement, ret);
	else
		err = substitute_anywhere(
			pool, kind == SHC_SUBSTITUTE_ALL, a, pattern, replacement, ret);
	operation_end(pool, mark);
	if (!err && ret_exact)
		*ret_exact = kind != SHC_SUBSTITUTE_ALL || replacement->count == 1;
	return err;
}
