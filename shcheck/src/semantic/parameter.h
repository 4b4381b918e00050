/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a parameter is and what the operators of ${...} make of it (POSIX.1-2017 XCU 2.6.2; bash(1), Parameter
 * Expansion).
 */
#ifndef SHCHECK_SEMANTIC_PARAMETER_H
#define SHCHECK_SEMANTIC_PARAMETER_H

#include "interpreter.h"

/* A parameter before its operator: @term is NULL exactly when it is absent. */
struct shc_parameter_value {
	enum shc_presence presence;
	const struct shc_term *term;
};

/* shc_parameter_read - the value of @parameter without its operator. 0 or -ENOMEM. */
int shc_parameter_read(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_parameter *parameter, struct shc_range range,
	struct shc_parameter_value *ret);

/*
 * shc_parameter_expand - the value with its operator; not for "$@", "$*" and arrays without an operator, which give
 * fields. Returns 1, 0 when the expansion ends the shell, or -ENOMEM.
 */
int shc_parameter_expand(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_parameter *parameter, struct shc_range range, const struct shc_term **ret);

/* shc_may_be_empty - can @term be "" in @state? Also true when its language is too large to know. */
bool shc_may_be_empty(
	struct shc_interpreter *in, const struct shc_state *state, const struct shc_term *term);

/* shc_unknown - a new atom of @origin with @language. NULL when there is no memory. */
const struct shc_term *shc_unknown(struct shc_interpreter *in, enum shc_origin origin,
	const struct shc_dfa *language, struct shc_range range);

#endif
