/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Arrays of bash (bash(1), Arrays): elements are told apart where their keys are known, 0 ... n - 1 or words; of other
 * arrays only what any element may be. Keys of other arrays are not known either.
 */
#ifndef SHCHECK_SEMANTIC_ARRAYS_H
#define SHCHECK_SEMANTIC_ARRAYS_H

#include "interpreter.h"

/* shc_array_assign - x=(...), x+=(...), x[k]=w or x[k]+=w. 1, 0 (the shell ends) or -ENOMEM. */
int shc_array_assign(
	struct shc_interpreter *in, struct shc_state *state, const struct shc_assignment *a);

/* shc_array_forget - the variable @name is an array of which nothing is known. 0 or -ENOMEM. */
int shc_array_forget(struct shc_interpreter *in, struct shc_state *state, struct shc_text name,
	struct shc_range range);

/* shc_array_declare - the variable @number becomes an array (declare -a, -A), empty unless it is one. 0 or -ENOMEM. */
int shc_array_declare(struct shc_interpreter *in, struct shc_state *state, uint32_t number,
	bool associative, struct shc_range range);

/* shc_array_first - @term is now what the array @variable has under key 0. 0 or -ENOMEM. */
int shc_array_first(struct shc_interpreter *in, struct shc_state *state,
	struct shc_variable *variable, const struct shc_term *term);

/* shc_array_unset - no element under the key of @word "x[k]" any more. 0 or -ENOMEM. */
int shc_array_unset(struct shc_interpreter *in, struct shc_state *state, struct shc_text operand,
	struct shc_range range);

/* shc_array_element - the element of @variable, an array, that @subscript names. 0 or -ENOMEM. */
int shc_array_element(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_variable *variable, const struct shc_subscript *subscript,
	struct shc_range range, enum shc_presence *ret_presence, const struct shc_term **ret);

/* shc_array_exact - the elements of @variable in order where all are known; NULL otherwise. */
const struct shc_array *shc_array_exact(const struct shc_variable *variable);

/* shc_array_value - element @index of an exact array. shc_array_length - how many it has. */
const struct shc_term *shc_array_value(const struct shc_array *array, uint32_t index);
uint32_t shc_array_length(const struct shc_array *array);

/* shc_array_any - what any element of @variable may be, as an unknown of its own. NULL when there is no memory. */
const struct shc_term *shc_array_any(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_variable *variable, struct shc_range range);

#endif
