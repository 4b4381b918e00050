/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two halves of a removal, which substitution at an anchor needs one by one. */
#ifndef SHCHECK_AUTOMATA_REMOVAL_H
#define SHCHECK_AUTOMATA_REMOVAL_H

#include "language.h"

/* removal_longest - what the longest prefix (suffix) in @pattern leaves of those strings of @a that have one. */
int removal_longest(struct shc_dfa_pool *pool, bool suffix, const struct shc_dfa *a,
	const struct shc_dfa *pattern, const struct shc_dfa **ret);

/* removal_unmatched - the strings of @a that have no prefix (suffix) in @pattern. */
int removal_unmatched(struct shc_dfa_pool *pool, bool suffix, const struct shc_dfa *a,
	const struct shc_dfa *pattern, const struct shc_dfa **ret);

#endif
