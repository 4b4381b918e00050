/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "arrays.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "attributes.h"
#include "parameter.h"

enum { ITEMS_MAX = 64 };

/* ---- Making them ---------------------------------------------------------------------------------------------- */

static struct shc_array *make(struct shc_interpreter *in, uint32_t count, bool associative)
{
	struct shc_array *array =
		shc_arena_take(in->arena, sizeof(*array) + (count + 2u) * sizeof(*array->items));

	if (array) {
		array->associative = associative;
		array->count = count;
	}
	return array;
}

static struct shc_array *make_weak(
	struct shc_interpreter *in, const struct shc_dfa *any, bool associative)
{
	struct shc_array *array = make(in, 0, associative);

	if (array) {
		array->weak = true;
		array->any = any;
	}
	return array;
}

/* Of associative arrays, keys and values take turns. */
uint32_t shc_array_length(const struct shc_array *array)
{
	return array->associative ? array->count / 2 : array->count;
}

const struct shc_term *shc_array_value(const struct shc_array *array, uint32_t index)
{
	return array->items[array->associative ? 2 * index + 1 : index];
}

const struct shc_array *shc_array_exact(const struct shc_variable *variable)
{
	const struct shc_array *array = variable->elements;

	return array && !array->weak ? array : NULL;
}

/* Everything that an element may be. 0 or -ENOMEM. */
static int language_of(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_array *array, const struct shc_dfa **ret)
{
	const struct shc_dfa *all = array->weak ? array->any : shc_dfa_empty(in->pool), *one;

	for (uint32_t i = 0; !array->weak && i < shc_array_length(array); i++) {
		int r = shc_state_term_language(state, in->pool, shc_array_value(array, i), &one);

		if (r == -ENOMEM)
			return r;
		r = shc_dfa_union(in->pool, all, one, &all);
		if (r == -ENOMEM)
			return r;
		if (r)
			all = shc_dfa_text(in->pool);
	}
	*ret = all;
	return 0;
}

/* Add what @term may be to the language of a weak array. 0 or -ENOMEM. */
static int add_language(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_term *term, const struct shc_dfa **language)
{
	const struct shc_dfa *one;
	int r = shc_state_term_language(state, in->pool, term, &one);

	if (r != -ENOMEM)
		r = shc_dfa_widen(in->pool, *language, one, 64, 0, language);
	return r == -ENOMEM ? r : 0;
}

/* Give @variable the elements @array and what $x then is: element 0. 0 or -ENOMEM. */
static int install(struct shc_interpreter *in, struct shc_state *state,
	struct shc_variable *variable, const struct shc_array *array, struct shc_range range)
{
	const struct shc_dfa *language;

	if (!array)
		return -ENOMEM;
	variable->array = true;
	variable->assigned = true;
	variable->elements = array;
	variable->range = range;
	if (!array->weak && (array->associative || !array->count)) {
		variable->presence = SHC_ABSENT;
		variable->term = NULL;
		/* A key "0" is rare, and then the value is as good as any. */
		if (!array->count)
			return 0;
	}
	if (!array->weak && !array->associative) {
		variable->presence = SHC_PRESENT;
		variable->term = array->items[0];
		return 0;
	}
	if (language_of(in, state, array, &language))
		return -ENOMEM;
	if (shc_dfa_union(in->pool, language, shc_dfa_epsilon(in->pool), &language))
		language = shc_dfa_text(in->pool);
	variable->presence = SHC_PERHAPS;
	variable->term = shc_term_atom(in->terms, SHC_ORIGIN_APPROXIMATION, language, range);
	return variable->term ? 0 : -ENOMEM;
}

/* The array of @variable before it is changed: what is not one yet has element 0 at most. NULL: no memory. */
static const struct shc_array *array_of(
	struct shc_interpreter *in, const struct shc_variable *variable)
{
	struct shc_array *array;

	if (variable->elements)
		return variable->elements;
	/* The environment holds no arrays, but a plain value that it may hold is element 0. */
	if (variable->assigned ? variable->presence == SHC_PERHAPS : variable->term != NULL)
		return make_weak(in, shc_dfa_text(in->pool), false);
	array = make(in, variable->presence == SHC_PRESENT, false);
	if (array && array->count)
		array->items[0] = variable->term;
	return array;
}

/* ---- Keys ----------------------------------------------------------------------------------------------------- */

static bool index_of(const struct shc_term *term, uint32_t count, uint32_t *ret)
{
	struct shc_text text;
	bool negative;
	uint32_t value = 0;

	if (!shc_term_known(term, &text) || !text.length || text.length > 6)
		return false;
	negative = text.bytes[0] == '-';
	for (uint32_t i = negative; i < text.length; i++) {
		if (text.bytes[i] < '0' || text.bytes[i] > '9')
			return false;
		value = value * 10 + (uint32_t)(text.bytes[i] - '0');
	}
	if (negative && (!value || value > count))
		return false;
	*ret = negative ? count - value : value;
	return true;
}

/* The key as a term: a word of associative arrays, a number of others. 1, 0 (the shell ends) or -ENOMEM. */
static int key_of(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_subscript *subscript, bool associative, const struct shc_term **ret)
{
	const struct shc_arith_text text = {.word = subscript->word, .arith = subscript->arith};

	if (associative)
		return shc_expand_value(in, state, subscript->word, ret);
	return shc_arith_value(in, state, &text, subscript->word->range, ret);
}

/* Where an exact array has @key: false when that is not known. @ret: the count where it has none. */
static bool place_of(const struct shc_array *array, const struct shc_term *key, uint32_t *ret)
{
	struct shc_text text;

	if (!array->associative)
		return index_of(key, array->count, ret);
	if (!shc_term_known(key, &text))
		return false;
	for (*ret = 0; *ret < array->count; *ret += 2)
		if (array->items[*ret] == key)
			break;
	return true;
}

/* ---- Changing them -------------------------------------------------------------------------------------------- */

/* @array with @term under @key. NULL when there is no memory. */
static const struct shc_array *with(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_array *array, const struct shc_term *key, const struct shc_term *term)
{
	const struct shc_dfa *any;
	struct shc_array *changed;
	uint32_t at, step = array->associative ? 2 : 1;

	if (!array->weak && key && place_of(array, key, &at) && at <= array->count &&
		array->count < ITEMS_MAX) {
		changed =
			make(in, at == array->count ? at + step : array->count, array->associative);
		if (!changed)
			return NULL;
		if (array->count)
			memcpy(changed->items, array->items, array->count * sizeof(*array->items));
		if (array->associative)
			changed->items[at++] = key;
		changed->items[at] = term;
		return changed;
	}
	if (language_of(in, state, array, &any) || add_language(in, state, term, &any))
		return NULL;
	return make_weak(in, any, array->associative);
}

/* What the attributes of variable @number make of *@term; where that may be nothing, *@key is no key. 1 or -ENOMEM. */
static int attributed(struct shc_interpreter *in, struct shc_state *state, uint32_t number,
	const struct shc_array_element *element, const struct shc_term **term,
	const struct shc_term **key)
{
	struct shc_variable variable = state->variables[number];
	bool refused = in->refused;

	if (!shc_attributes_any(&variable))
		return 1;
	in->refused = false;
	if (element->append)
		*term = shc_unknown(
			in, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(in->pool), element->range);
	if (!*term ||
		shc_attributed(in, state, &variable, false, NULL, *term, element->range, term))
		return -ENOMEM;
	if (in->refused)
		*key = NULL;
	in->refused |= refused;
	return 1;
}

/* x=(...): fields in order, or [k]=w, of variable @number. 1, 0 or -ENOMEM. */
static int add_elements(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_assignment *a, uint32_t number, const struct shc_array **array)
{
	int r = 1;

	for (const struct shc_array_element *e = a->elements; e && r > 0; e = e->next) {
		struct shc_fields fields = {0};
		const struct shc_term *key = NULL, *term;

		if (e->subscript.kind == SHC_SUBSCRIPT_KEY) {
			r = key_of(in, state, &e->subscript, (*array)->associative, &key);
			r = r > 0 ? shc_expand_value(in, state, e->value, &term) : r;
			if (r > 0)
				r = attributed(in, state, number, e, &term, &key);
			if (r > 0)
				*array = with(in, state, *array, e->append ? NULL : key, term);
			r = r > 0 && !*array ? -ENOMEM : r;
			continue;
		}
		r = shc_expand_word(in, state, e->value, &fields);
		for (uint32_t i = 0; i < fields.count && r > 0 && *array; i++) {
			bool one = shc_field_is_one(&fields.items[i]) && !(*array)->associative;
			char digits[16];

			key = NULL;
			if (one && !(*array)->weak) {
				uint32_t length = 0, rest = (*array)->count;

				for (uint32_t n = 10; rest / n; n *= 10)
					length++;
				for (uint32_t at = length + 1; at-- > 0; rest /= 10)
					digits[at] = (char)('0' + rest % 10);
				key = shc_term_text(in->terms, digits, length + 1u);
			}
			term = shc_loop_value(in, &fields.items[i]);
			r = term ? attributed(in, state, number, e, &term, &key) : -ENOMEM;
			if (r < 0)
				break;
			*array = term ? with(in, state, *array, key, term) : NULL;
		}
		shc_fields_finish(&fields);
		r = r > 0 && !*array ? -ENOMEM : r;
	}
	return r;
}

/* x[k]+=w: *@term becomes what @old with it is. 1 or -ENOMEM. */
static int join_element(struct shc_interpreter *in, struct shc_state *state, uint32_t number,
	const struct shc_term *old, struct shc_range range, const struct shc_term **term,
	const struct shc_term **key)
{
	struct shc_variable variable = state->variables[number];
	bool refused = in->refused;

	in->refused = false;
	if (shc_attributed(in, state, &variable, true, old, *term, range, term))
		return -ENOMEM;
	if (in->refused)
		*key = NULL;
	in->refused |= refused;
	return 1;
}

int shc_array_assign(
	struct shc_interpreter *in, struct shc_state *state, const struct shc_assignment *a)
{
	struct shc_variable *variable;
	const struct shc_array *array;
	const struct shc_term *key, *term, *old;
	enum shc_presence presence;
	uint32_t number;
	int r;

	r = shc_resolve_assigned(in, state, a->name, &number);
	if (r <= 0)
		return r ? r : 1;
	in->names[number].assigned_anywhere = true;
	variable = &state->variables[number];
	array = array_of(in, variable);
	if (array && a->is_array && !a->append)
		array = make(in, 0, array->associative);
	if (!array)
		return -ENOMEM;
	if (a->is_array) {
		r = add_elements(in, state, a, number, &array);
	} else {
		r = key_of(in, state, &a->subscript, array->associative, &key);
		if (r > 0)
			r = shc_expand_value(in, state, a->value, &term);
		if (r > 0 && a->append) {
			struct shc_variable before = state->variables[number];

			before.elements = array;
			if (shc_array_element(
				    in, state, &before, &a->subscript, a->range, &presence, &old))
				return -ENOMEM;
			r = join_element(in, state, number, old, a->range, &term, &key);
		} else if (r > 0) {
			const struct shc_array_element one = {.range = a->range};

			r = attributed(in, state, number, &one, &term, &key);
		}
		if (r > 0)
			array = with(in, state, array, key, term);
	}
	if (r <= 0)
		return r;
	/* Expansion may have made room for more variables. */
	return install(in, state, &state->variables[number], array, a->range) ? -ENOMEM : 1;
}

int shc_array_forget(struct shc_interpreter *in, struct shc_state *state, struct shc_text name,
	struct shc_range range)
{
	uint32_t number;
	int r = shc_resolve_assigned(in, state, name, &number);

	if (r <= 0)
		return r;
	in->names[number].assigned_anywhere = true;
	return install(in, state, &state->variables[number],
		make_weak(in, shc_dfa_text(in->pool), false), range);
}

int shc_array_declare(struct shc_interpreter *in, struct shc_state *state, uint32_t number,
	bool associative, struct shc_range range)
{
	struct shc_variable *variable = shc_state_variable(state, number);

	if (!variable)
		return -ENOMEM;
	if (variable->elements)
		return 0;
	if (variable->assigned && variable->presence != SHC_ABSENT)
		return install(in, state, variable, array_of(in, variable), range);
	return install(in, state, variable, make(in, 0, associative), range);
}

int shc_array_first(struct shc_interpreter *in, struct shc_state *state,
	struct shc_variable *variable, const struct shc_term *term)
{
	const struct shc_array *array =
		with(in, state, variable->elements, shc_term_text(in->terms, "0", 1), term);

	if (!array)
		return -ENOMEM;
	variable->elements = array;
	return 0;
}

int shc_array_unset(struct shc_interpreter *in, struct shc_state *state, struct shc_text operand,
	struct shc_range range)
{
	const char *bracket = memchr(operand.bytes, '[', operand.length);
	const struct shc_dfa *any;
	struct shc_variable *variable;
	uint32_t number;
	int r;

	operand.length = bracket ? (uint32_t)(bracket - operand.bytes) : operand.length;
	r = shc_resolve_assigned(in, state, operand, &number);
	if (r <= 0)
		return r;
	variable = &state->variables[number];
	if (!variable->elements)
		return shc_array_forget(in, state, operand, range);
	if (language_of(in, state, variable->elements, &any))
		return -ENOMEM;
	return install(
		in, state, variable, make_weak(in, any, variable->elements->associative), range);
}

/* ---- Reading them --------------------------------------------------------------------------------------------- */

const struct shc_term *shc_array_any(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_variable *variable, struct shc_range range)
{
	const struct shc_dfa *language = shc_dfa_text(in->pool);

	if (variable->elements && language_of(in, state, variable->elements, &language))
		return NULL;
	return shc_term_atom(in->terms, SHC_ORIGIN_APPROXIMATION, language, range);
}

int shc_array_element(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_variable *variable, const struct shc_subscript *subscript,
	struct shc_range range, enum shc_presence *ret_presence, const struct shc_term **ret)
{
	const struct shc_array *array = variable->elements;
	bool certain = shc_array_exact(variable) != NULL;
	const struct shc_dfa *language;
	const struct shc_term *key;
	uint32_t at;
	int r = key_of(in, state, subscript, array->associative, &key);

	if (r < 0)
		return r;
	if (certain && r > 0 && place_of(array, key, &at)) {
		*ret_presence = at < array->count ? SHC_PRESENT : SHC_ABSENT;
		*ret = at < array->count ? array->items[at + array->associative] : NULL;
		return 0;
	}
	if (language_of(in, state, array, &language))
		return -ENOMEM;
	if (shc_dfa_union(in->pool, language, shc_dfa_epsilon(in->pool), &language))
		language = shc_dfa_text(in->pool);
	*ret_presence = SHC_PERHAPS;
	*ret = shc_term_atom(in->terms, SHC_ORIGIN_APPROXIMATION, language, range);
	return *ret ? 0 : -ENOMEM;
}
