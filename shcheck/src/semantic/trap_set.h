/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The traps that may be set, as a list of struct shc_traps: of every kind any one of those in the list, whichever of
 * the others are set. So there are no more than a few of each, however many were set in turn.
 */
#ifndef SHCHECK_SEMANTIC_TRAP_SET_H
#define SHCHECK_SEMANTIC_TRAP_SET_H

#include "state.h"

enum { SHC_TRAPS_MAX = 8 };

/* Of each kind those that differ. */
struct shc_trap_set {
	struct shc_trap items[SHC_TRAP_COUNT][2 * SHC_TRAPS_MAX];
	uint32_t counts[SHC_TRAP_COUNT];
};

/* shc_trap_set_of - what @traps (NULL = none is set) may be. */
void shc_trap_set_of(const struct shc_traps *traps, struct shc_trap_set *ret);

/* shc_trap_set_has, shc_trap_set_add - @trap among those of @kind. Of each kind there is room for two lists. */
bool shc_trap_set_has(const struct shc_trap_set *set, int kind, const struct shc_trap *trap);
void shc_trap_set_add(struct shc_trap_set *set, int kind, const struct shc_trap *trap);

/* shc_trap_covers - is all that @narrow runs in @b what @wide may run in @a? False is always safe. */
bool shc_trap_covers(const struct shc_trap *wide, const struct shc_state *a,
	const struct shc_trap *narrow, const struct shc_state *b, struct shc_dfa_pool *pool);

/*
 * shc_trap_set_build - @set as a list. Where there are too many of a kind, those that one command has set become one,
 * with any of their texts in @a and in @b; where that is not enough, one of which nothing is known. NULL when there is
 * no memory.
 */
const struct shc_traps *shc_trap_set_build(struct shc_trap_set *set, const struct shc_state *a,
	const struct shc_state *b, struct shc_terms *terms, uint32_t round);

#endif
