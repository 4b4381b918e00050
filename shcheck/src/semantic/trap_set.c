/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trap_set.h"

#include <errno.h>
#include <string.h>

#include <hotbed/assert.h>

#include "arena.h"

/* States of the language of several actions. */
enum { ACTION_STATES = 64 };

static bool same(const struct shc_trap *a, const struct shc_trap *b)
{
	return a->site == b->site && a->action == b->action;
}

bool shc_trap_set_has(const struct shc_trap_set *set, int kind, const struct shc_trap *trap)
{
	for (uint32_t i = 0; i < set->counts[kind]; i++)
		if (same(&set->items[kind][i], trap))
			return true;
	return false;
}

void shc_trap_set_add(struct shc_trap_set *set, int kind, const struct shc_trap *trap)
{
	if (shc_trap_set_has(set, kind, trap))
		return;
	hb_assert(set->counts[kind] < 2 * SHC_TRAPS_MAX);
	set->items[kind][set->counts[kind]++] = *trap;
}

void shc_trap_set_of(const struct shc_traps *traps, struct shc_trap_set *ret)
{
	static const struct shc_traps none;

	*ret = (struct shc_trap_set){0};
	for (const struct shc_traps *t = traps ? traps : &none; t; t = t->also)
		for (int i = 0; i < SHC_TRAP_COUNT; i++)
			shc_trap_set_add(ret, i, &t->entries[i]);
}

/* What several actions come to. */
struct merging {
	const struct shc_state *a, *b;
	struct shc_terms *terms;
	uint32_t round;
};

/* Have the actions of all of @items that @site has set as many pieces? */
static bool alike(const struct shc_trap *items, uint32_t count, const struct shc_trap *first)
{
	for (uint32_t i = 0; i < count; i++)
		if (items[i].site == first->site && items[i].action->count != first->action->count)
			return false;
	return true;
}

/* Add every text that @term may be in @state to *@language. 0 or -ENOMEM. */
static int add_texts(const struct merging *merging, const struct shc_state *state,
	const struct shc_term *term, const struct shc_dfa **language)
{
	struct shc_dfa_pool *pool = shc_terms_pool(merging->terms);
	const struct shc_dfa *more;

	if (shc_state_term_language(state, pool, term, &more) == -ENOMEM)
		return -ENOMEM;
	return shc_dfa_widen(pool, *language, more, ACTION_STATES, merging->round, language);
}

/* The pieces from @at to before @end of all actions that are merged, as one term. NULL when there is no memory. */
static const struct shc_term *merge_pieces(const struct merging *merging,
	const struct shc_trap *items, uint32_t count, const struct shc_trap *first, uint32_t at,
	uint32_t end)
{
	const struct shc_dfa *language = shc_dfa_empty(shc_terms_pool(merging->terms));
	const struct shc_term *one = NULL, *piece;
	struct shc_text known;
	bool same = true;

	for (uint32_t i = 0; i < count; i++) {
		if (items[i].site != first->site)
			continue;
		piece = shc_term_slice(
			merging->terms, items[i].action, at, end ? end : items[i].action->count);
		if (!piece || add_texts(merging, merging->a, piece, &language) ||
			add_texts(merging, merging->b, piece, &language))
			return NULL;
		same &= !one || one == piece;
		one = piece;
	}
	if (same && one && shc_term_known(one, &known))
		return one;
	return shc_term_atom(
		merging->terms, SHC_ORIGIN_APPROXIMATION, language, first->site->range);
}

/* All actions of the command that has set @first: piece by piece where they are made alike. NULL: no memory. */
static const struct shc_term *merge_actions(const struct merging *merging,
	const struct shc_trap *items, uint32_t count, const struct shc_trap *first)
{
	const struct shc_term *all;

	if (!alike(items, count, first))
		return merge_pieces(merging, items, count, first, 0, 0);
	all = shc_term_text(merging->terms, "", 0);
	for (uint32_t at = 0; at < first->action->count && all; at++) {
		const struct shc_term *piece =
			merge_pieces(merging, items, count, first, at, at + 1);

		all = piece ? shc_term_concat(merging->terms, all, piece) : NULL;
	}
	return all;
}

/* Those of @kind that the command of the one at @first has set become that one. 0 or -ENOMEM. */
static int merge_site(
	struct shc_trap_set *set, int kind, uint32_t first, const struct merging *merging)
{
	struct shc_trap *items = set->items[kind], merged = items[first];
	uint32_t kept = first + 1, count = 0;
	bool anything = false;

	for (uint32_t i = 0; i < set->counts[kind]; i++) {
		count += items[i].site == merged.site;
		anything |= items[i].site == merged.site && !items[i].action;
	}
	if (count == 1 || !merged.site)
		return 0;
	merged.several = !anything;
	merged.action =
		anything ? NULL : merge_actions(merging, items, set->counts[kind], &items[first]);
	if (!anything && !merged.action)
		return -ENOMEM;
	items[first] = merged;
	for (uint32_t i = first + 1; i < set->counts[kind]; i++)
		if (items[i].site != merged.site)
			items[kept++] = items[i];
	set->counts[kind] = kept;
	return 0;
}

bool shc_trap_covers(const struct shc_trap *wide, const struct shc_state *a,
	const struct shc_trap *narrow, const struct shc_state *b, struct shc_dfa_pool *pool)
{
	const struct shc_dfa *language;
	uint32_t count = wide->action ? wide->action->count : 0;

	if (wide->site != narrow->site)
		return false;
	if (!wide->action || wide->action == narrow->action)
		return true;
	if (!wide->several || !narrow->action)
		return false;
	if (count == 1 && wide->action->pieces[0].atom)
		return !shc_state_term_language(b, pool, narrow->action, &language) &&
		       shc_dfa_includes(pool,
			       shc_state_language_of(a, wide->action->pieces[0].atom),
			       language) == 1;
	if (narrow->action->count != count)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const struct shc_piece *here = &wide->action->pieces[i];
		const struct shc_piece *there = &narrow->action->pieces[i];

		if (!here->atom &&
			(there->atom || here->text.length != there->text.length ||
				memcmp(here->text.bytes, there->text.bytes, here->text.length)))
			return false;
		if (!here->atom)
			continue;
		if (there->atom)
			language = shc_state_language_of(b, there->atom);
		else if (shc_dfa_literal(pool, there->text.bytes, there->text.length, &language))
			return false;
		if (shc_dfa_includes(pool, shc_state_language_of(a, here->atom), language) != 1)
			return false;
	}
	return true;
}

static int reduce(struct shc_trap_set *set, int kind, const struct merging *merging)
{
	struct shc_trap *items = set->items[kind];

	for (uint32_t i = 0; i < set->counts[kind] && set->counts[kind] > SHC_TRAPS_MAX; i++)
		if (merge_site(set, kind, i, merging))
			return -ENOMEM;
	if (set->counts[kind] <= SHC_TRAPS_MAX)
		return 0;
	/* The one without a command may stand first. */
	if (!items[0].site)
		items[0] = items[1];
	items[0].action = NULL;
	items[0].several = false;
	set->counts[kind] = 1;
	return 0;
}

const struct shc_traps *shc_trap_set_build(struct shc_trap_set *set, const struct shc_state *a,
	const struct shc_state *b, struct shc_terms *terms, uint32_t round)
{
	const struct merging merging = {.a = a, .b = b, .terms = terms, .round = round};
	struct shc_traps *first = NULL;
	uint32_t rows = 1;

	for (int i = 0; i < SHC_TRAP_COUNT; i++) {
		if (set->counts[i] > SHC_TRAPS_MAX && reduce(set, i, &merging))
			return NULL;
		rows = set->counts[i] > rows ? set->counts[i] : rows;
	}
	while (rows-- > 0) {
		struct shc_traps *row = shc_arena_take(shc_terms_arena(terms), sizeof(*row));

		if (!row)
			return NULL;
		*row = (struct shc_traps){.also = first};
		for (int i = 0; i < SHC_TRAP_COUNT; i++)
			if (set->counts[i])
				row->entries[i] =
					set->items[i][rows < set->counts[i] ? rows
									    : set->counts[i] - 1];
		first = row;
	}
	return first;
}
