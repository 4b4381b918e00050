/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "attributes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "inclusion.h"
#include "mistake.h"
#include "parameter.h"

/* References that lead to references; bash goes no further either than it must. */
enum { REFERENCES_MAX = 8 };

/* Texts longer than this are not added up. */
enum { NUMBER_BYTES = 64 };

unsigned int shc_attributes_any(const struct shc_variable *variable)
{
	return variable->attributes | variable->perhaps_attributes;
}

/* ---- Declarations --------------------------------------------------------------------------------------------- */

static unsigned int attribute_of(char letter)
{
	switch (letter) {
	case 'i':
		return SHC_ATTRIBUTE_INTEGER;
	case 'l':
		return SHC_ATTRIBUTE_LOWER;
	case 'u':
		return SHC_ATTRIBUTE_UPPER;
	case 'n':
		return SHC_ATTRIBUTE_REFERENCE;
	case 'c':
		return SHC_ATTRIBUTE_OTHER;
	default:
		return 0;
	}
}

/* May @term begin an option? */
static bool may_be_option(
	struct shc_interpreter *in, const struct shc_state *state, const struct shc_term *term)
{
	const struct shc_dfa *language;
	struct shc_byte_set first;

	if (shc_state_term_language(state, in->pool, term, &language))
		return true;
	first = shc_dfa_first_bytes(language);
	return shc_byte_set_has(&first, '-') || shc_byte_set_has(&first, '+');
}

struct shc_attributes_asked shc_attributes_asked(
	const struct shc_call *call, const struct shc_state *state)
{
	static const unsigned int cases =
		SHC_ATTRIBUTE_LOWER | SHC_ATTRIBUTE_UPPER | SHC_ATTRIBUTE_OTHER;
	struct shc_attributes_asked asked = {.operand = 1};

	for (; asked.operand < call->fields.count; asked.operand++) {
		struct shc_text text;

		if (!shc_term_known(call->values[asked.operand], &text)) {
			if (may_be_option(call->in, state, call->values[asked.operand]))
				asked.doubtful = SHC_ATTRIBUTE_ALL;
			break;
		}
		if (text.length < 2 || (text.bytes[0] != '-' && text.bytes[0] != '+'))
			break;
		if (shc_text_is(text, "--")) {
			asked.operand++;
			break;
		}
		for (uint32_t i = 1; i < text.length; i++) {
			if (text.bytes[0] == '-')
				asked.set |= attribute_of(text.bytes[i]);
			else
				asked.clear |= attribute_of(text.bytes[i]);
			/* local -I: those of the variable of this name outside. */
			if (text.bytes[i] == 'I')
				asked.doubtful = SHC_ATTRIBUTE_ALL;
		}
	}
	/* One of the cases takes the place of another; of two at once, bash takes none. */
	if (asked.set & cases && (asked.set & cases & ((asked.set & cases) - 1)))
		asked.doubtful |= asked.set & cases;
	else if (asked.set & cases)
		asked.clear |= cases & ~asked.set;
	return asked;
}

void shc_attributes_change(struct shc_variable *variable, const struct shc_attributes_asked *asked)
{
	unsigned int sure = asked->set & ~asked->doubtful;
	unsigned int clear = MADE(ATTRIBUTE_STAYS) ? 0 : asked->clear;

	variable->perhaps_attributes |= (asked->set | variable->attributes) & asked->doubtful;
	variable->perhaps_attributes |= asked->doubtful;
	variable->attributes = (variable->attributes & ~clear & ~asked->doubtful) | sure;
	variable->perhaps_attributes &= ~(clear | sure) | asked->doubtful;
}

/* ---- Values --------------------------------------------------------------------------------------------------- */

static bool is_ascii(struct shc_text text)
{
	for (uint32_t i = 0; i < text.length; i++)
		if ((unsigned char)text.bytes[i] >= 0x80)
			return false;
	return true;
}

static const struct shc_term *any_text(struct shc_interpreter *in, struct shc_range range)
{
	return shc_unknown(in, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(in->pool), range);
}

/* @term in another case; what other letters become depends on the locale. NULL when there is no memory. */
static const struct shc_term *cased(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_term *term, enum shc_case kind, struct shc_range range)
{
	const struct shc_dfa *language;
	struct shc_byte_set bytes, others = shc_byte_set_range(0x80, 0xff);
	struct shc_text text;
	int r;

	if (shc_term_known(term, &text) && !is_ascii(text))
		return any_text(in, range);
	r = shc_state_term_language(state, in->pool, term, &language);
	if (r)
		return r == -ENOMEM ? NULL : any_text(in, range);
	bytes = shc_dfa_bytes(language);
	for (int i = 0; i < 4; i++)
		if (bytes.words[i] & others.words[i])
			return any_text(in, range);
	if (MADE(LOWER_IS_UPPER) && kind == SHC_CASE_LOWER)
		kind = SHC_CASE_UPPER;
	r = shc_dfa_case(in->pool, kind, language, &language);
	if (r == -ENOMEM)
		return NULL;
	return r ? any_text(in, range) : shc_unknown(in, SHC_ORIGIN_DERIVED, language, range);
}

/* The value of an integer. 1, 0 (perhaps none, so that nothing is assigned) or -ENOMEM. */
static int number_of(struct shc_interpreter *in, struct shc_state *state, bool append,
	const struct shc_term *old, const struct shc_term *term, struct shc_range range,
	const struct shc_term **ret)
{
	const struct shc_atom *atom = shc_term_single_atom(term);
	struct shc_text text, before = {.bytes = "0", .length = 1};
	char together[2 * NUMBER_BYTES + 8];
	int length;

	if (!append && atom && atom->origin == SHC_ORIGIN_NUMBER) {
		*ret = term;
		return 1;
	}
	if (!shc_term_known(term, &text) || (append && old && !shc_term_known(old, &before)))
		return 0;
	if (!append)
		return shc_arith_of_text(in, state, text, range, ret);
	if (before.length > NUMBER_BYTES || text.length > NUMBER_BYTES)
		return 0;
	if (!before.length)
		before = (struct shc_text){.bytes = "0", .length = 1};
	if (!text.length)
		text = (struct shc_text){.bytes = "0", .length = 1};
	length = snprintf(together, sizeof(together), "(%.*s)+(%.*s)", (int)before.length,
		before.bytes, (int)text.length, text.bytes);
	return shc_arith_of_text(in, state,
		(struct shc_text){.bytes = together, .length = (uint32_t)length}, range, ret);
}

int shc_attributed(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_variable *variable, bool append, const struct shc_term *old,
	const struct shc_term *term, struct shc_range range, const struct shc_term **ret)
{
	unsigned int sure = variable->attributes, any = shc_attributes_any(variable);
	int r = 0;

	any &= ~(unsigned int)SHC_ATTRIBUTE_REFERENCE;
	if (MADE(INTEGER_IS_TEXT) || (MADE(INTEGER_APPENDS_TEXT) && append))
		any &= ~(unsigned int)SHC_ATTRIBUTE_INTEGER;
	if (MADE(CASE_IGNORED))
		any &= SHC_ATTRIBUTE_INTEGER;
	sure &= any;
	if (any == SHC_ATTRIBUTE_INTEGER && sure == any) {
		r = number_of(in, state, append, old, term, range, ret);
		if (r)
			return r < 0 ? r : 0;
	}
	if (any & SHC_ATTRIBUTE_INTEGER) {
		in->refused = in->may_end = true;
		*ret = any_text(in, range);
		return *ret ? 0 : -ENOMEM;
	}
	if (append && old)
		term = shc_term_concat(in->terms, old, term);
	if (any && term && any == sure && any == SHC_ATTRIBUTE_LOWER)
		term = cased(in, state, term, SHC_CASE_LOWER, range);
	else if (any && term && any == sure && any == SHC_ATTRIBUTE_UPPER)
		term = cased(in, state, term, SHC_CASE_UPPER, range);
	else if (any && term)
		term = any_text(in, range);
	*ret = term;
	return term ? 0 : -ENOMEM;
}

/* ---- References ------------------------------------------------------------------------------------------------ */

bool shc_is_plain_name(struct shc_text text)
{
	static const char bytes[] =
		"0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (uint32_t i = 0; i < text.length; i++)
		if (!memchr(bytes + (i ? 0 : 10), text.bytes[i], sizeof(bytes) - 1 - (i ? 0 : 10)))
			return false;
	return text.length > 0;
}

int shc_resolve(
	struct shc_interpreter *in, struct shc_state *state, struct shc_text name, uint32_t *ret)
{
	uint32_t first, number;

	if (shc_name_number(in, name, &first))
		return -ENOMEM;
	*ret = number = first;
	for (int i = 0; i < REFERENCES_MAX; i++) {
		struct shc_variable *variable = shc_state_variable(state, number);
		uint32_t next;
		struct shc_text target;

		if (!variable)
			return -ENOMEM;
		if (!(shc_attributes_any(variable) & SHC_ATTRIBUTE_REFERENCE) ||
			MADE(REFERENCE_IS_TEXT) ||
			(variable->attributes & SHC_ATTRIBUTE_REFERENCE &&
				variable->presence == SHC_ABSENT)) {
			*ret = number;
			return 1;
		}
		if (!(variable->attributes & SHC_ATTRIBUTE_REFERENCE) ||
			variable->presence != SHC_PRESENT || !variable->term ||
			!shc_term_known(variable->term, &target) || !shc_is_plain_name(target))
			return 0;
		if (shc_name_number(in, target, &next))
			return -ENOMEM;
		in->names[next].is_variable = true;
		if (next == number || next == first)
			return 0;
		number = next;
	}
	return 0;
}

int shc_resolve_assigned(
	struct shc_interpreter *in, struct shc_state *state, struct shc_text name, uint32_t *ret)
{
	int r = shc_resolve(in, state, name, ret);

	return r ? r : shc_forget_variables(in, state, in->current);
}
