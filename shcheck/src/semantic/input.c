/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Built-ins that take values from outside: read, mapfile, getopts; and let and printf -v, which make some. */
#include "input.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "arrays.h"
#include "inclusion.h"
#include "mistake.h"
#include "parameter.h"

/* Index of the first operand behind options, of which the letters @with_value take one; @ret_array: that of -a. */
static uint32_t operand_behind(
	const struct shc_call *call, const char *with_value, char letter, uint32_t *ret_value)
{
	uint32_t at;

	*ret_value = 0;
	for (at = 1; at < call->fields.count; at++) {
		struct shc_text text;

		if (!shc_term_known(call->values[at], &text) || text.length < 2 ||
			text.bytes[0] != '-')
			break;
		if (shc_text_is(text, "--"))
			return at + 1;
		for (uint32_t i = 1; i < text.length; i++) {
			if (!strchr(with_value, text.bytes[i]))
				continue;
			if (i + 1 == text.length)
				at++;
			if (text.bytes[i] == letter)
				*ret_value = at;
			break;
		}
	}
	return at;
}

/* Give the variable @name a value of which only its language is known. 0 or -ENOMEM. */
static int assign_unknown(const struct shc_call *call, struct shc_state *state,
	struct shc_text name, enum shc_origin origin, const struct shc_dfa *language)
{
	const struct shc_term *term = shc_unknown(call->in, origin, language, call->command->range);

	return term ? shc_assign(call->in, state, name, term, call->command->range) : -ENOMEM;
}

static int fail(struct shc_state *state)
{
	shc_state_destroy(state);
	return -ENOMEM;
}

/* What read can give a variable: no newline unless options say so. */
static const struct shc_dfa *line_language(const struct shc_call *call)
{
	struct shc_dfa_pool *pool = call->in->pool;
	struct shc_byte_set newline = shc_byte_set_of("\n\0", 2);
	struct shc_byte_set others = shc_byte_set_complement(&newline);
	const struct shc_dfa *language;
	struct shc_text text;

	for (uint32_t i = 1; i < call->fields.count; i++)
		if (shc_term_known(call->values[i], &text) && text.length > 1 &&
			text.bytes[0] == '-' &&
			(memchr(text.bytes, 'd', text.length) ||
				memchr(text.bytes, 'N', text.length)))
			return shc_dfa_text(pool);
	/* Without -r a backslash joins lines, which leaves no newline either. */
	if (shc_dfa_bytes_star(pool, &others, &language))
		return shc_dfa_text(pool);
	return language;
}

/*
 * bash: `read` that fails may have assigned nothing, where the input is a folder: what the variables from operand
 * @first on were in @before, they may still be. 0 or -ENOMEM.
 */
static int doubt_read(const struct shc_call *call, const struct shc_state *before, uint32_t first,
	struct shc_state *failed)
{
	const struct shc_term *any;
	struct shc_text name;
	uint32_t number;

	for (uint32_t i = first; i < call->fields.count; i++) {
		struct shc_variable *variable;

		if (!shc_term_known(call->values[i], &name) || !name.length ||
			memchr(name.bytes, '[', name.length))
			continue;
		any = shc_unknown(call->in, SHC_ORIGIN_INPUT, shc_dfa_text(call->in->pool),
			call->command->range);
		if (!any || shc_name_number(call->in, name, &number))
			return -ENOMEM;
		variable = shc_state_variable(failed, number);
		if (!variable)
			return -ENOMEM;
		if (variable->readonly || variable->elements)
			continue;
		variable->term = any;
		if (number >= before->variable_count || !before->variables[number].assigned ||
			before->variables[number].presence != SHC_PRESENT)
			variable->presence = SHC_PERHAPS;
	}
	return 0;
}

/* Both ends of `read`. Takes @state. */
static int end_read(const struct shc_call *call, const struct shc_state *before, uint32_t first,
	struct shc_state *state, struct shc_outcomes *out)
{
	bool bash = call->in->script->dialect == SHC_BASH;
	struct shc_state *failed = shc_state_clone(state);

	if (!failed || (bash && doubt_read(call, before, first, failed))) {
		shc_state_destroy(failed);
		return fail(state);
	}
	shc_set_status(state, call->command, 0, 0);
	shc_set_status(failed, call->command, 1, 1);
	if (shc_outcomes_add(call->in, out, state, SHC_FLOW_NEXT, 0))
		return fail(failed);
	return shc_outcomes_add(call->in, out, failed, SHC_FLOW_NEXT, 0);
}

int shc_read_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	static const struct shc_text reply = {.bytes = "REPLY", .length = 5};
	uint32_t array, first = operand_behind(call, "adinNptu", 'a', &array);
	const struct shc_dfa *language = line_language(call);
	struct shc_state *before = shc_state_clone(state);
	struct shc_text name;
	bool known = true;
	int r = before ? 0 : -ENOMEM;

	if (!r && array && array < call->fields.count && shc_term_known(call->values[array], &name))
		r = shc_array_forget(call->in, state, name, call->command->range);
	if (!r && !array && first >= call->fields.count)
		r = assign_unknown(call, state, reply, SHC_ORIGIN_INPUT, language);
	for (uint32_t i = first; i < call->fields.count && !r; i++) {
		/* What is no name is refused before or behind others. */
		if (!shc_term_known(call->values[i], &name) ||
			!shc_is_declarable(name, call->in->script->dialect == SHC_BASH) ||
			!shc_field_is_one(&call->fields.items[i])) {
			r = shc_doubt_variables(call, state);
			known = false;
			continue;
		}
		r = memchr(name.bytes, '[', name.length)
			    ? shc_array_unset(call->in, state, name, call->command->range)
		    : MADE(READ_KEEPS_VALUE)
			    ? 0
			    : assign_unknown(call, state, name, SHC_ORIGIN_INPUT, language);
	}
	if (r) {
		r = fail(state);
	} else if (known) {
		r = end_read(call, before, first, state, out);
	} else {
		shc_set_status(state, call->command, 0, 2);
		r = shc_outcomes_add(call->in, out, state, SHC_FLOW_NEXT, 0);
	}
	shc_state_destroy(before);
	return r;
}

int shc_mapfile_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	uint32_t ignored, first = operand_behind(call, "dnOsuCc", 0, &ignored);
	struct shc_text name = {.bytes = "MAPFILE", .length = 7};

	if (first < call->fields.count && !shc_term_known(call->values[first], &name)) {
		if (shc_doubt_variables(call, state))
			return fail(state);
	} else if (shc_array_forget(call->in, state, name, call->command->range)) {
		return fail(state);
	}
	return shc_status_both(call, state, out);
}

/* ---- getopts ---------------------------------------------------------------------------------------------------- */

/* The options of @text as languages of one byte: with a value, and all others with '?'. 0 or -ENOMEM. */
static int letters_of(struct shc_dfa_pool *pool, struct shc_text text,
	const struct shc_dfa **ret_with, const struct shc_dfa **ret_without)
{
	const struct shc_dfa *one;
	int r = shc_dfa_literal(pool, "?", 1, ret_without);

	*ret_with = shc_dfa_empty(pool);
	for (uint32_t i = 0; i < text.length && !r; i++) {
		bool has_value = i + 1 < text.length && text.bytes[i + 1] == ':';

		if (text.bytes[i] == ':' && i)
			continue;
		/* A colon in front: a missing value is told as ':'. */
		r = shc_dfa_literal(pool, text.bytes + i, 1, &one);
		if (!r && has_value && text.bytes[i] != ':')
			r = shc_dfa_union(pool, *ret_with, one, ret_with);
		else if (!r)
			r = shc_dfa_union(pool, *ret_without, one, ret_without);
	}
	return r;
}

/* OPTARG and OPTIND after an option that is in @letters. 0 or -ENOMEM. */
static int found_option(const struct shc_call *call, struct shc_state *state, struct shc_text name,
	const struct shc_dfa *letters, bool has_value)
{
	static const struct shc_text argument = {.bytes = "OPTARG", .length = 6};
	static const struct shc_text index = {.bytes = "OPTIND", .length = 6};
	struct shc_dfa_pool *pool = call->in->pool;
	const struct shc_dfa *numbers;
	uint32_t number;
	int r = assign_unknown(call, state, name, SHC_ORIGIN_ARGUMENT, letters);

	if (!r)
		r = assign_unknown(call, state, argument, SHC_ORIGIN_ARGUMENT, shc_dfa_text(pool));
	if (!r && !has_value) {
		/* Unset, empty, or the letter that is no option. */
		r = shc_name_number(call->in, argument, &number);
		if (!r)
			state->variables[number].presence = SHC_PERHAPS;
	}
	if (shc_dfa_interval(pool, 1, INT_MAX, &numbers))
		numbers = shc_dfa_text(pool);
	return r ? r : assign_unknown(call, state, index, SHC_ORIGIN_NUMBER, numbers);
}

int shc_getopts_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	const struct shc_dfa *with, *without, *end;
	struct shc_state *plain, *done;
	struct shc_text text, name;
	int r;

	if (call->fields.count < 3 || !shc_term_known(call->values[2], &name)) {
		if (shc_doubt_variables(call, state))
			return fail(state);
		shc_set_status(state, call->command, 0, 255);
		return shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0);
	}
	if (shc_term_known(call->values[1], &text))
		r = letters_of(in->pool, text, &with, &without);
	else
		r = shc_dfa_glob(in->pool, "?", 1, 0, &with, NULL);
	if (!r && !shc_term_known(call->values[1], &text))
		without = with;
	r = r ? r : shc_dfa_literal(in->pool, "?", 1, &end);
	plain = r ? NULL : shc_state_clone(state);
	done = plain ? shc_state_clone(state) : NULL;
	if (!done || found_option(call, plain, name, without, false) ||
		found_option(call, done, name, end, false)) {
		shc_state_destroy(plain);
		shc_state_destroy(done);
		return fail(state);
	}
	shc_set_status(plain, call->command, 0, 0);
	shc_set_status(done, call->command, 1, 1);
	r = shc_outcomes_add(in, out, plain, SHC_FLOW_NEXT, 0);
	if (r)
		shc_state_destroy(done);
	else
		r = shc_outcomes_add(in, out, done, SHC_FLOW_NEXT, 0);
	if (r || shc_dfa_is_empty(with) || found_option(call, state, name, with, true)) {
		shc_state_destroy(state);
		return r;
	}
	shc_set_status(state, call->command, 0, 0);
	return shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0);
}
