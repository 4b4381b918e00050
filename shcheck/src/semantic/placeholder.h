/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text of commands in which something is not known (eval, sh -c, traps): where an unknown stands in a place in which no
 * value of it changes the syntax, a variable that holds it is put there, and the text is parsed. Such places are single
 * quotes if it holds none, double quotes if it holds nothing that is special there, and words if it is made of
 * characters that are never special and makes no reserved word, no name of a variable and no number of a descriptor.
 */
#ifndef SHCHECK_SEMANTIC_PLACEHOLDER_H
#define SHCHECK_SEMANTIC_PLACEHOLDER_H

#include "interpreter.h"

/*
 * shc_placeholders_set - the text for @term (in the arena) and how many variables it reads, which are set in @state.
 * Returns 1, 0 when an unknown may change the syntax (then nothing has changed), or -ENOMEM.
 */
int shc_placeholders_set(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_term *term, struct shc_range range, struct shc_text *ret_text,
	uint32_t *ret_count);

/* shc_placeholders_unset - the text has been run in @state. 0 or -ENOMEM. */
int shc_placeholders_unset(struct shc_interpreter *in, struct shc_state *state, uint32_t count);

#endif
