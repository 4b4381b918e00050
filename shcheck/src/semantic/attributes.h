/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Attributes of variables in bash (bash(1), declare): integers (-i), lower and upper case (-l, -u) and references to
 * other variables by name (-n). A value is changed when it is assigned, not when the attribute is set.
 */
#ifndef SHCHECK_SEMANTIC_ATTRIBUTES_H
#define SHCHECK_SEMANTIC_ATTRIBUTES_H

#include "command.h"

/* What the options of a declaration ask for. */
struct shc_attributes_asked {
	unsigned int set, clear, doubtful; /* bits SHC_ATTRIBUTE_...; @doubtful: set, or not */
	uint32_t operand;                  /* the first word behind the options */
};

/* shc_attributes_asked - the options of @call, one of declare, typeset and local. */
struct shc_attributes_asked shc_attributes_asked(
	const struct shc_call *call, const struct shc_state *state);

/* shc_attributes_change - give @variable what was asked. */
void shc_attributes_change(struct shc_variable *variable, const struct shc_attributes_asked *asked);

/* shc_attributes_any - everything that @variable has surely or perhaps. */
unsigned int shc_attributes_any(const struct shc_variable *variable);

/*
 * shc_attributed - what @term becomes when it is assigned to @variable, or (@append, where @old is the value before or
 * NULL) added to it. Where that is no number although it has to be one, nothing is assigned: *ret is then any text, and
 * ->refused and ->may_end of @in tell. Returns 0 or -ENOMEM.
 */
int shc_attributed(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_variable *variable, bool append, const struct shc_term *old,
	const struct shc_term *term, struct shc_range range, const struct shc_term **ret);

/* shc_is_plain_name - is @text the name of a variable, without a subscript? */
bool shc_is_plain_name(struct shc_text text);

/*
 * shc_resolve - the number of the variable that @name means: its own, or where it is a reference that of the variable
 * behind it, which exists in @state then. Returns 1, 0 where that is not known (*ret is its own), or -ENOMEM.
 */
int shc_resolve(
	struct shc_interpreter *in, struct shc_state *state, struct shc_text name, uint32_t *ret);

/*
 * shc_resolve_assigned - the same for a variable that is about to change: what is not known is counted, and may have
 * set any variable. Returns 1, 0 (that has been done) or -ENOMEM.
 */
int shc_resolve_assigned(
	struct shc_interpreter *in, struct shc_state *state, struct shc_text name, uint32_t *ret);

#endif
