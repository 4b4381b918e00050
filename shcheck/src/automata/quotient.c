/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Quotients, and the removal of prefixes and suffixes (POSIX XCU 2.6.2).
 *
 * The shortest prefix of x in P is a string of P that has no shorter one in P as its prefix; such strings, and the
 * language they leave behind, are a quotient. The longest one depends on what follows: after p in P, no non-empty
 * beginning of the rest may lead P's automaton to acceptance again. That is read off pairs of states of P and L.
 * Suffixes are the same backwards; only P is ever reversed as an automaton, never L.
 */
#include "nfa.h"
#include "product.h"
#include "removal.h"

#include <errno.h>
#include <string.h>

#include <hotbed/assert.h>

/* Every pair of states reachable from both starts. */
static int reach(struct product *p)
{
	uint32_t number;
	int err = product_number(p, 0, 0, &number);

	for (uint32_t i = 0; i < p->count && !err; i++) {
		if (!charge(p->pool, p->class_count))
			return -E2BIG;
		for (uint32_t c = 0; c < p->class_count && !err; c++) {
			uint32_t a = dfa_move(p->a, p->pair_a[i], p->class_a[c]);
			uint32_t b = dfa_move(p->b, p->pair_b[i], p->class_b[c]);

			if (a != p->a->dead && b != p->b->dead)
				err = product_number(p, a, b, &number);
		}
	}
	return err;
}

static int left_quotient(struct shc_dfa_pool *pool, const struct shc_dfa *prefix,
	const struct shc_dfa *a, const struct shc_dfa **ret)
{
	uint8_t *started = scratch_zero(pool, a->state_count, 1);
	struct product p;
	struct nfa nfa;
	int err = product_init(&p, pool, prefix, a);

	if (!started)
		return -ENOMEM;
	if (!err)
		err = reach(&p);
	if (err)
		return err;
	nfa_init(&nfa, pool);
	(void)nfa_copy(&nfa, a);
	nfa_accept_as(&nfa, 0, a);
	for (uint32_t i = 0; i < p.count; i++) {
		if (prefix->accepting[p.pair_a[i]] && !started[p.pair_b[i]]) {
			started[p.pair_b[i]] = 1;
			nfa_start(&nfa, p.pair_b[i]);
		}
	}
	return nfa_finish(&nfa, ret);
}

/* The states that lead to each state of @dfa by a class: tails[from[c * states + s]] ... up to the next. */
struct predecessors {
	const struct shc_dfa *dfa;
	uint32_t *from, *tails;
};

static int find_predecessors(
	struct shc_dfa_pool *pool, const struct shc_dfa *dfa, struct predecessors *ret)
{
	size_t n = dfa->state_count, moves = n * dfa->class_count;

	ret->dfa = dfa;
	ret->from = scratch_zero(pool, moves + 2, sizeof(uint32_t));
	ret->tails = scratch(pool, moves + 1, sizeof(uint32_t));
	if (!ret->from || !ret->tails)
		return -ENOMEM;
	if (!charge(pool, moves))
		return -E2BIG;
	for (uint32_t s = 0; s < n; s++) {
		for (uint32_t c = 0; c < dfa->class_count; c++)
			ret->from[c * n + dfa_move(dfa, s, c) + 2]++;
	}
	for (size_t i = 0; i < moves; i++)
		ret->from[i + 2] += ret->from[i + 1];
	for (uint32_t s = 0; s < n; s++) {
		for (uint32_t c = 0; c < dfa->class_count; c++)
			ret->tails[ret->from[c * n + dfa_move(dfa, s, c) + 1]++] = s;
	}
	return 0;
}

/* Pairs that lead to an accepting pair, found backwards; then a state of @a accepts if (state, 0) is one of them. */
static int right_quotient(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_dfa *suffix, const struct shc_dfa **ret)
{
	uint8_t *accepting = scratch_zero(pool, a->state_count, 1);
	struct predecessors pa, ps;
	struct product p;
	uint32_t number;
	int err = product_init(&p, pool, a, suffix);

	if (!accepting)
		return -ENOMEM;
	if (!err)
		err = find_predecessors(pool, a, &pa);
	if (!err)
		err = find_predecessors(pool, suffix, &ps);
	for (uint32_t s = 0; s < a->state_count; s++) {
		for (uint32_t t = 0; t < suffix->state_count && !err; t++) {
			if (a->accepting[s] && suffix->accepting[t])
				err = product_number(&p, s, t, &number);
		}
	}
	for (uint32_t i = 0; i < p.count && !err; i++) {
		if (p.pair_b[i] == 0)
			accepting[p.pair_a[i]] = 1;
		for (uint32_t c = 0; c < p.class_count; c++) {
			size_t at = (size_t)p.class_a[c] * a->state_count + p.pair_a[i];
			size_t bt = (size_t)p.class_b[c] * suffix->state_count + p.pair_b[i];

			for (uint32_t x = pa.from[at]; x < pa.from[at + 1]; x++) {
				for (uint32_t y = ps.from[bt]; y < ps.from[bt + 1] && !err; y++) {
					err = charge(pool, 1) ? 0 : -E2BIG;
					if (!err)
						err = product_number(
							&p, pa.tails[x], ps.tails[y], &number);
				}
			}
		}
	}
	return err ? err : dfa_filter(pool, a, accepting, ret);
}

static int cached(struct shc_dfa_pool *pool, enum operation operation,
	int (*compute)(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa *b,
		const struct shc_dfa **ret),
	const struct shc_dfa *a, const struct shc_dfa *b, const struct shc_dfa **ret)
{
	const struct shc_dfa *result = recall(pool, operation, a, b);
	int err = 0;

	if (!result) {
		struct scratch_mark mark = operation_begin(pool);

		err = compute(pool, a, b, &result);
		operation_end(pool, mark);
		if (!err)
			remember(pool, operation, a, b, result);
	}
	if (!err)
		*ret = result;
	return err;
}

int shc_dfa_left_quotient(struct shc_dfa_pool *pool, const struct shc_dfa *p,
	const struct shc_dfa *a, const struct shc_dfa **ret)
{
	return cached(pool, OPERATION_LEFT_QUOTIENT, left_quotient, p, a, ret);
}

int shc_dfa_right_quotient(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_dfa *s, const struct shc_dfa **ret)
{
	return cached(pool, OPERATION_RIGHT_QUOTIENT, right_quotient, a, s, ret);
}

/* Strings of @pattern no shorter prefix of which is in @pattern: moves out of accepting states go. */
static int shortest_prefixes(
	struct shc_dfa_pool *pool, const struct shc_dfa *pattern, const struct shc_dfa **ret)
{
	struct draft draft;
	int err = draft_copy(pool, pattern, &draft);

	if (err)
		return err;
	for (uint32_t s = 0; s < pattern->state_count; s++) {
		for (uint32_t c = 0; pattern->accepting[s] && c < pattern->class_count; c++)
			draft.next[(size_t)s * pattern->class_count + c] = NONE;
	}
	return draft_finish(pool, &draft, ret);
}

static int without_prefix(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_dfa *pattern, const struct shc_dfa **ret)
{
	const struct shc_dfa *matched;
	int err = dfa_then_all(pool, pattern, &matched);

	if (PLANTED(REMOVAL_FORGETS_UNMATCHED)) {
		*ret = pool->empty;
		return 0;
	}
	return err ? err : shc_dfa_difference(pool, a, matched, ret);
}

static int without_suffix(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_dfa *pattern, const struct shc_dfa **ret)
{
	const struct shc_dfa *matched;
	int err = shc_dfa_concat(pool, pool->all, pattern, &matched);

	return err ? err : shc_dfa_difference(pool, a, matched, ret);
}

static int remove_prefix(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_dfa *pattern, const struct shc_dfa **ret)
{
	const struct shc_dfa *shortest = pattern, *removed, *kept;
	int err = PLANTED(SHORTEST_PREFIX_TAKES_ANY) ? 0
						     : shortest_prefixes(pool, pattern, &shortest);

	if (!err)
		err = shc_dfa_left_quotient(pool, shortest, a, &removed);
	if (!err)
		err = without_prefix(pool, a, pattern, &kept);
	return err ? err : shc_dfa_union(pool, removed, kept, ret);
}

/* Strings of @pattern no shorter suffix of which is in @pattern, then as for prefixes. */
static int remove_suffix(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_dfa *pattern, const struct shc_dfa **ret)
{
	const struct shc_dfa *longer, *shortest, *removed, *kept;
	struct shc_byte_set none = {0}, any = shc_byte_set_complement(&none);
	const struct shc_dfa *byte;
	int err = shc_dfa_byte(pool, &any, &byte);

	if (!err)
		err = shc_dfa_concat(pool, pool->all, byte, &longer);
	if (!err)
		err = shc_dfa_concat(pool, longer, pattern, &longer);
	if (!err)
		err = shc_dfa_difference(pool, pattern, longer, &shortest);
	if (!err)
		err = shc_dfa_right_quotient(pool, a, shortest, &removed);
	if (!err)
		err = without_suffix(pool, a, pattern, &kept);
	return err ? err : shc_dfa_union(pool, removed, kept, ret);
}

/* One label per class of a product. */
static void label_classes(struct nfa *nfa, const struct product *p, uint32_t *labels)
{
	for (uint32_t c = 0; c < p->class_count; c++) {
		struct shc_byte_set set = product_class_set(p, c);

		labels[c] = nfa_label(nfa, &set);
	}
}

/* A state of @nfa for a pair; new ones are as many as pairs. */
static int pair_state(
	struct nfa *nfa, struct product *p, uint32_t a, uint32_t b, bool accepting, uint32_t *ret)
{
	uint32_t before = p->count;
	int err = product_number(p, a, b, ret);

	if (!err && p->count > before)
		(void)nfa_state(nfa, accepting);
	return err ? err : nfa->err;
}

/*
 * What is left behind the longest prefixes: from each pair where the pattern accepts, read on in both automata and
 * never let the pattern accept again.
 */
static int rest_of_longest(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_dfa *pattern, const struct shc_dfa **ret)
{
	struct product cuts, rests;
	uint32_t labels[256], number, cut_count;
	struct nfa nfa;
	int err = product_init(&cuts, pool, pattern, a);

	if (!err)
		err = reach(&cuts);
	if (!err)
		err = product_init(&rests, pool, pattern, a);
	if (err)
		return err;
	nfa_init(&nfa, pool);
	label_classes(&nfa, &rests, labels);
	for (uint32_t i = 0; i < cuts.count && !err; i++) {
		if (pattern->accepting[cuts.pair_a[i]])
			err = pair_state(&nfa, &rests, cuts.pair_a[i], cuts.pair_b[i],
				a->accepting[cuts.pair_b[i]], &number);
	}
	cut_count = rests.count;
	for (uint32_t i = 0; i < cut_count; i++)
		nfa_start(&nfa, i);
	for (uint32_t i = 0; i < rests.count && !err; i++) {
		for (uint32_t c = 0; c < rests.class_count && !err; c++) {
			uint32_t sp = dfa_move(pattern, rests.pair_a[i], rests.class_a[c]);
			uint32_t sa = dfa_move(a, rests.pair_b[i], rests.class_b[c]);

			if (sa == a->dead)
				continue;
			if (pattern->accepting[sp] && !PLANTED(LONGEST_PREFIX_TAKES_ANY))
				continue;
			err = pair_state(&nfa, &rests, sp, sa, a->accepting[sa], &number);
			nfa_edge(&nfa, i, labels[c], number);
		}
	}
	return err ? err : nfa_finish(&nfa, ret);
}

static int remove_prefix_longest(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_dfa *pattern, const struct shc_dfa **ret)
{
	const struct shc_dfa *removed, *kept;
	int err = rest_of_longest(pool, a, pattern, &removed);

	if (!err)
		err = without_prefix(pool, a, pattern, &kept);
	return err ? err : shc_dfa_union(pool, removed, kept, ret);
}

/* Pairs of @backward, the reversed pattern, and states of a, read backwards from acceptance in a. */
static int reach_backwards(struct product *p, const struct predecessors *before)
{
	const struct shc_dfa *a = p->b;
	uint32_t number;
	int err = 0;

	for (uint32_t s = 0; s < a->state_count && !err; s++) {
		if (a->accepting[s])
			err = product_number(p, 0, s, &number);
	}
	for (uint32_t i = 0; i < p->count && !err; i++) {
		for (uint32_t c = 0; c < p->class_count && !err; c++) {
			uint32_t sp = dfa_move(p->a, p->pair_a[i], p->class_a[c]);
			size_t at = (size_t)p->class_b[c] * a->state_count + p->pair_b[i];

			if (!charge(p->pool, 1))
				err = -E2BIG;
			if (sp == p->a->dead)
				continue;
			for (uint32_t x = before->from[at]; x < before->from[at + 1] && !err; x++)
				err = product_number(p, sp, before->tails[x], &number);
		}
	}
	return err;
}

/* As rest_of_longest(), backwards; the moves of the result are turned round, so that it reads forwards. */
static int rest_before_longest(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_dfa *backward, const struct shc_dfa **ret)
{
	struct product cuts, rests;
	struct predecessors before;
	uint32_t labels[256], number;
	struct nfa nfa;
	int err = product_init(&cuts, pool, backward, a);

	if (!err)
		err = find_predecessors(pool, a, &before);
	if (!err)
		err = reach_backwards(&cuts, &before);
	if (!err)
		err = product_init(&rests, pool, backward, a);
	if (err)
		return err;
	nfa_init(&nfa, pool);
	label_classes(&nfa, &rests, labels);
	for (uint32_t i = 0; i < cuts.count && !err; i++) {
		if (backward->accepting[cuts.pair_a[i]])
			err = pair_state(
				&nfa, &rests, cuts.pair_a[i], cuts.pair_b[i], true, &number);
	}
	for (uint32_t i = 0; i < rests.count && !err; i++) {
		if (rests.pair_b[i] == 0)
			nfa_start(&nfa, i);
		for (uint32_t c = 0; c < rests.class_count && !err; c++) {
			uint32_t sp = dfa_move(backward, rests.pair_a[i], rests.class_a[c]);
			size_t at = (size_t)rests.class_b[c] * a->state_count + rests.pair_b[i];

			if (backward->accepting[sp] && !PLANTED(LONGEST_SUFFIX_TAKES_ANY))
				continue;
			for (uint32_t x = before.from[at]; x < before.from[at + 1] && !err; x++) {
				err = pair_state(&nfa, &rests, sp, before.tails[x], false, &number);
				nfa_edge(&nfa, number, labels[c], i);
			}
		}
	}
	return err ? err : nfa_finish(&nfa, ret);
}

static int remove_suffix_longest(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_dfa *pattern, const struct shc_dfa **ret)
{
	const struct shc_dfa *backward, *removed, *kept;
	int err = shc_dfa_reverse(pool, pattern, &backward);

	if (!err)
		err = rest_before_longest(pool, a, backward, &removed);
	if (!err)
		err = without_suffix(pool, a, pattern, &kept);
	return err ? err : shc_dfa_union(pool, removed, kept, ret);
}

int removal_longest(struct shc_dfa_pool *pool, bool suffix, const struct shc_dfa *a,
	const struct shc_dfa *pattern, const struct shc_dfa **ret)
{
	const struct shc_dfa *backward;
	int err;

	if (!suffix)
		return rest_of_longest(pool, a, pattern, ret);
	err = shc_dfa_reverse(pool, pattern, &backward);
	return err ? err : rest_before_longest(pool, a, backward, ret);
}

int removal_unmatched(struct shc_dfa_pool *pool, bool suffix, const struct shc_dfa *a,
	const struct shc_dfa *pattern, const struct shc_dfa **ret)
{
	return (suffix ? without_suffix : without_prefix)(pool, a, pattern, ret);
}

int shc_dfa_remove(struct shc_dfa_pool *pool, enum shc_removal kind, const struct shc_dfa *a,
	const struct shc_dfa *pattern, const struct shc_dfa **ret)
{
	static int (*const removals[])(struct shc_dfa_pool *, const struct shc_dfa *,
		const struct shc_dfa *, const struct shc_dfa **) = {
		[SHC_REMOVE_PREFIX] = remove_prefix,
		[SHC_REMOVE_PREFIX_LONGEST] = remove_prefix_longest,
		[SHC_REMOVE_SUFFIX] = remove_suffix,
		[SHC_REMOVE_SUFFIX_LONGEST] = remove_suffix_longest,
	};

	hb_assert(kind <= SHC_REMOVE_SUFFIX_LONGEST);
	if (pattern == pool->empty || pattern == pool->epsilon || a == pool->empty) {
		*ret = a;
		return 0;
	}
	return cached(
		pool, OPERATION_REMOVE + (enum operation)kind, removals[kind], a, pattern, ret);
}
