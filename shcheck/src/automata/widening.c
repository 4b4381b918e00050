/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Supersets of bounded size. States that no continuation of up to k bytes tells apart are merged, which closes the
 * loops that a chain of growing languages unrolls; k falls with the round, so chains end.
 */
#include "nfa.h"

#include <errno.h>
#include <string.h>

#include <hotbed/assert.h>

#define DEPTH_FIRST 4
#define ROUNDS_PER_DEPTH 2
#define ROUND_BYTES ((DEPTH_FIRST + 1) * ROUNDS_PER_DEPTH)
#define ROUND_ALL (ROUND_BYTES + 2)
_Static_assert(ROUND_ALL < SHC_WIDEN_ROUNDS, "rounds with a result of their own, and the last");

/* Groups of states; refined from `now` into `next` by the groups of successors. */
struct grouping {
	uint32_t *now, *next, *slots;
	uint32_t count, slot_count;
};

static bool same_successors(
	const struct shc_dfa *a, const struct grouping *g, uint32_t s, uint32_t t)
{
	if (g->now[s] != g->now[t])
		return false;
	for (uint32_t c = 0; c < a->class_count; c++) {
		if (g->now[dfa_move(a, s, c)] != g->now[dfa_move(a, t, c)])
			return false;
	}
	return true;
}

/* One step of the refinement: groups by a hash table of the first state of each. */
static int refine(struct shc_dfa_pool *pool, const struct shc_dfa *a, struct grouping *g)
{
	uint32_t *swap = g->now;

	if (!charge(pool, (uint64_t)a->state_count * a->class_count))
		return -E2BIG;
	memset(g->slots, 0xff, g->slot_count * sizeof(*g->slots));
	g->count = 0;
	for (uint32_t s = 0; s < a->state_count; s++) {
		uint64_t slot = g->now[s];

		for (uint32_t c = 0; c < a->class_count; c++)
			slot = (slot ^ g->now[dfa_move(a, s, c)]) * UINT64_C(0x9e3779b97f4a7c15);
		slot ^= slot >> 32;
		while (g->slots[slot & (g->slot_count - 1)] != NONE &&
			!same_successors(a, g, g->slots[slot & (g->slot_count - 1)], s))
			slot++;
		slot &= g->slot_count - 1;
		if (g->slots[slot] == NONE) {
			g->slots[slot] = s;
			g->next[s] = g->count++;
		} else {
			g->next[s] = g->next[g->slots[slot]];
		}
	}
	g->now = g->next;
	g->next = swap;
	return 0;
}

/* States in one group agree on all continuations of up to @depth bytes. The dead state stays by itself. */
static int group_states(
	struct shc_dfa_pool *pool, const struct shc_dfa *a, uint32_t depth, struct grouping *g)
{
	int err = 0;

	g->slot_count = 16;
	while (g->slot_count < a->state_count * 2)
		g->slot_count *= 2;
	g->now = scratch(pool, a->state_count, sizeof(uint32_t));
	g->next = scratch(pool, a->state_count, sizeof(uint32_t));
	g->slots = scratch(pool, g->slot_count, sizeof(uint32_t));
	if (!g->now || !g->next || !g->slots)
		return -ENOMEM;
	g->count = 3;
	for (uint32_t s = 0; s < a->state_count; s++)
		g->now[s] = s == a->dead ? 2 : a->accepting[s];
	for (uint32_t i = 0; i < depth && !err; i++)
		err = refine(pool, a, g);
	return err;
}

static int merge(struct shc_dfa_pool *pool, const struct shc_dfa *a, uint32_t depth,
	const struct shc_dfa **ret)
{
	struct grouping g;
	struct nfa nfa;
	int err = group_states(pool, a, depth, &g);

	if (err)
		return err;
	nfa_init(&nfa, pool);
	for (uint32_t i = 0; i < g.count; i++)
		(void)nfa_state(&nfa, false);
	for (uint32_t c = 0; c < a->class_count; c++) {
		struct shc_byte_set set = dfa_class_set(a, c);
		uint32_t label = nfa_label(&nfa, &set);

		for (uint32_t s = 0; s < a->state_count; s++) {
			if (dfa_move(a, s, c) != a->dead)
				nfa_edge(&nfa, g.now[s], label, g.now[dfa_move(a, s, c)]);
		}
	}
	for (uint32_t s = 0; s < a->state_count && !nfa.err; s++)
		nfa.accepting[g.now[s]] |= a->accepting[s];
	nfa_start(&nfa, g.now[0]);
	return nfa_finish(&nfa, ret);
}

/* All strings over the bytes of both, within @states; the language of all strings if that fails. */
static const struct shc_dfa *widen_to_bytes(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_dfa *b, uint32_t states)
{
	struct shc_byte_set in_a = shc_dfa_bytes(a), in_b = shc_dfa_bytes(b);
	struct shc_byte_set set = shc_byte_set_union(&in_a, &in_b);
	const struct shc_dfa *result;

	if (shc_dfa_bytes_star(pool, &set, &result) || result->state_count > states)
		return pool->all;
	return result;
}

static const struct shc_dfa *widen(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_dfa *b, uint32_t states, uint32_t round)
{
	const struct shc_dfa *both = a, *result;

	if (a->state_count <= states && shc_dfa_includes(pool, a, b) == 1)
		return a;
	if (round >= ROUND_ALL)
		return pool->all;
	if (round >= ROUND_BYTES ||
		(!PLANTED(WIDEN_DROPS_RIGHT) && shc_dfa_union(pool, a, b, &both)))
		return widen_to_bytes(pool, a, b, states);
	for (uint32_t depth = DEPTH_FIRST - round / ROUNDS_PER_DEPTH;; depth--) {
		struct scratch_mark mark = operation_begin(pool);
		int err = merge(pool, both, depth, &result);

		operation_end(pool, mark);
		if (!err && result->state_count <= states)
			return result;
		if (!depth)
			return widen_to_bytes(pool, a, b, states);
	}
}

int shc_dfa_widen(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa *b,
	uint32_t states, uint32_t round, const struct shc_dfa **ret)
{
	hb_assert(a->pool == pool && b->pool == pool && states > 0);
	*ret = widen(pool, a, b, states, round);
	return 0;
}
