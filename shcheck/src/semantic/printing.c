/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pwd, echo and printf (POSIX.1-2017 XCU 4, echo and printf). dash's echo takes escapes for what they mean and no
 * option but -n; bash's knows -n, -e and -E, and escapes only with -e.
 */
#include "printing.h"

#include <errno.h>
#include <string.h>

#include "inclusion.h"
#include "mistake.h"
#include "parameter.h"

enum { ECHO_BYTES = 1024 };

static int finish(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out,
	int low, int high)
{
	shc_set_status(state, call->command, low, high);
	return shc_outcomes_add(call->in, out, state, SHC_FLOW_NEXT, 0);
}

static int fail(struct shc_state *state)
{
	shc_state_destroy(state);
	return -ENOMEM;
}

int shc_capture(const struct shc_call *call, struct shc_state *state, const struct shc_term *term)
{
	if (!state->output)
		return term ? 0 : -ENOMEM;
	state->output = term ? shc_term_concat(call->in->terms, state->output, term) : NULL;
	return state->output ? 0 : -ENOMEM;
}

static const struct shc_term *anything(const struct shc_call *call)
{
	return shc_unknown(
		call->in, SHC_ORIGIN_OUTPUT, shc_dfa_text(call->in->pool), call->command->range);
}

/* What operand @index adds to the output: file names and split values are not known. NULL when there is no memory. */
static const struct shc_term *printed(const struct shc_call *call, uint32_t index)
{
	return shc_field_is_one(&call->fields.items[index]) ? call->values[index] : anything(call);
}

int shc_pwd_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	if (shc_capture(call, state, state->directory) ||
		shc_capture(call, state, shc_term_text(call->in->terms, "\n", 1)))
		return fail(state);
	return finish(call, state, out, 0, 0);
}

/* ---- echo ------------------------------------------------------------------------------------------------------- */

struct echo {
	const struct shc_call *call;
	bool newline, escapes;
	uint32_t first; /* operand that is no option */
	/* Plain operands: what a first one that is no option may be, and any one without escapes. */
	const struct shc_dfa *options, *escaped;
};

static bool is_option(const struct echo *echo, struct shc_text text)
{
	if (echo->call->in->script->dialect != SHC_BASH)
		return echo->first == 1 && shc_text_is(text, "-n");
	if (text.length < 2 || text.bytes[0] != '-')
		return false;
	for (uint32_t i = 1; i < text.length; i++)
		if (!strchr("neE", text.bytes[i]) || !text.bytes[i])
			return false;
	return true;
}

/* The options that are known, and the languages of options and of text with a backslash. 0 or -ENOMEM. */
static int read_options(struct echo *echo)
{
	const struct shc_call *call = echo->call;
	bool bash = call->in->script->dialect == SHC_BASH;
	struct shc_text text;

	echo->newline = true;
	echo->escapes = !bash;
	for (echo->first = 1; echo->first < call->fields.count; echo->first++) {
		if (!shc_field_is_one(&call->fields.items[echo->first]) ||
			!shc_term_known(call->values[echo->first], &text) || !is_option(echo, text))
			break;
		echo->newline &= !memchr(text.bytes, 'n', text.length);
		/* The last one counts. */
		for (uint32_t i = 1; i < text.length && bash; i++)
			if (text.bytes[i] != 'n')
				echo->escapes = text.bytes[i] == 'e';
	}
	return shc_dfa_regex(call->in->pool, bash ? "-[neE]+" : "-n", bash ? 7 : 2,
		       SHC_REGEX_EXTENDED, &echo->options, NULL, NULL) ||
			       shc_dfa_glob(call->in->pool, "*\\\\*", 4, 0, &echo->escaped, NULL)
		       ? -ENOMEM
		       : 0;
}

/* Can @term be in @language? Also true where that is not known. */
static bool may_be(const struct echo *echo, const struct shc_state *state,
	const struct shc_term *term, const struct shc_dfa *language)
{
	struct shc_dfa_pool *pool = echo->call->in->pool;
	const struct shc_dfa *all;

	return shc_state_term_language(state, pool, term, &all) ||
	       shc_dfa_intersect(pool, all, language, &all) || !shc_dfa_is_empty(all);
}

/*
 * @text with its escapes replaced, into @buffer (@ret_length bytes). False where it holds one by number, \c, or what
 * shells read differently: then that is what stands before it.
 */
static bool unescape(struct shc_text text, char *buffer, uint32_t *ret_length)
{
	static const char letters[] = "abfnrtv\\", meanings[] = "\a\b\f\n\r\t\v\\";
	uint32_t length = 0;

	for (uint32_t i = 0; i < text.length; i++) {
		const char *letter;

		*ret_length = length;
		if (text.bytes[i] != '\\') {
			buffer[length++] = text.bytes[i];
			continue;
		}
		letter = i + 1 < text.length ? strchr(letters, text.bytes[i + 1]) : NULL;
		if (!letter || !*letter)
			return false;
		buffer[length++] = meanings[letter - letters];
		i++;
	}
	*ret_length = length;
	return true;
}

/* Print known text. 1, 0 (the rest of the output is not known) or -ENOMEM. */
static int echo_known(const struct echo *echo, struct shc_state *state, struct shc_text text)
{
	struct shc_terms *terms = echo->call->in->terms;
	char buffer[ECHO_BYTES];
	uint32_t length;
	bool all;

	if (!echo->escapes || MADE(ESCAPES_STAY) || !memchr(text.bytes, '\\', text.length))
		return shc_capture(echo->call, state, shc_term_text(terms, text.bytes, text.length))
			       ? -ENOMEM
			       : 1;
	if (text.length > sizeof(buffer))
		return 0;
	all = unescape(text, buffer, &length);
	if (shc_capture(echo->call, state, shc_term_text(terms, buffer, length)))
		return -ENOMEM;
	return all;
}

/*
 * Print one operand. @plain: none that is not known holds a backslash; otherwise the output is only known up to the
 * first that may. 1, 0 (the rest is not known) or -ENOMEM.
 */
static int echo_operand(
	const struct echo *echo, struct shc_state *state, const struct shc_term *term, bool plain)
{
	int r = 1;

	for (uint32_t i = 0; i < term->count && r > 0; i++) {
		const struct shc_piece *piece = &term->pieces[i];
		const struct shc_term *one;

		if (!piece->atom) {
			r = echo_known(echo, state, piece->text);
			continue;
		}
		one = shc_term_of_atom(echo->call->in->terms, piece->atom);
		if (!one)
			return -ENOMEM;
		if (!plain && echo->escapes && may_be(echo, state, one, echo->escaped))
			return 0;
		r = shc_capture(echo->call, state, one) ? -ENOMEM : 1;
	}
	return r;
}

/* Print all operands. Takes @state. */
static int echo_all(const struct echo *echo, struct shc_state *state, bool plain, bool options,
	struct shc_outcomes *out)
{
	const struct shc_call *call = echo->call;
	int r = !options;

	for (uint32_t i = echo->first; i < call->fields.count && r > 0; i++) {
		/* Any number of fields, perhaps none, and then no blank before them. */
		if (!shc_field_is_one(&call->fields.items[i]))
			r = 0;
		else if (i > echo->first &&
			 shc_capture(call, state, shc_term_text(call->in->terms, " ", 1)))
			r = -ENOMEM;
		else
			r = echo_operand(echo, state, call->values[i], plain);
	}
	if (r > 0 && echo->newline)
		r = shc_capture(call, state, shc_term_text(call->in->terms, "\n", 1)) ? -ENOMEM : 1;
	if (!r)
		r = shc_capture(call, state, anything(call));
	return r < 0 ? fail(state) : finish(call, state, out, 0, 0);
}

/* In @state no operand is an option or holds an escape that was not seen. 1, 0 (that cannot be) or -ENOMEM. */
static int make_plain(const struct echo *echo, struct shc_state *state)
{
	const struct shc_call *call = echo->call;
	struct shc_dfa_pool *pool = call->in->pool;
	const struct shc_dfa *text = shc_dfa_text(pool), *rest;
	int r = 1;

	for (uint32_t i = echo->first; i < call->fields.count && r > 0; i++) {
		struct shc_text known;

		if (!shc_field_is_one(&call->fields.items[i]) ||
			shc_term_known(call->values[i], &known))
			continue;
		if (i == echo->first && !shc_dfa_difference(pool, text, echo->options, &rest))
			r = shc_state_narrow_term(state, pool, call->values[i], rest);
		for (uint32_t j = 0; j < call->values[i]->count && r > 0 && echo->escapes; j++) {
			const struct shc_atom *atom = call->values[i]->pieces[j].atom;

			if (atom && !shc_dfa_difference(pool, text, echo->escaped, &rest))
				r = shc_state_narrow(state, pool, atom, rest);
		}
	}
	return r;
}

/* Is an operand that is not known perhaps an option (*ret_option), or does it hold a backslash that counts? */
static bool is_odd(const struct echo *echo, const struct shc_state *state, bool *ret_option)
{
	const struct shc_call *call = echo->call;
	bool odd = false;

	*ret_option = false;
	for (uint32_t i = echo->first; i < call->fields.count; i++) {
		struct shc_text known;

		if (!shc_field_is_one(&call->fields.items[i])) {
			*ret_option |= i == echo->first;
			continue;
		}
		if (shc_term_known(call->values[i], &known))
			continue;
		if (i == echo->first)
			*ret_option |= may_be(echo, state, call->values[i], echo->options);
		for (uint32_t j = 0; j < call->values[i]->count && echo->escapes; j++) {
			const struct shc_atom *atom = call->values[i]->pieces[j].atom;

			odd |= atom && may_be(echo, state, shc_term_of_atom(call->in->terms, atom),
					       echo->escaped);
		}
	}
	return odd || *ret_option;
}

int shc_echo_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct echo echo = {.call = call};
	struct shc_state *odd = NULL;
	bool option;
	int r;

	if (!state->output)
		return finish(call, state, out, 0, 0);
	if (read_options(&echo))
		return fail(state);
	if (!is_odd(&echo, state, &option))
		return echo_all(&echo, state, false, false, out);
	odd = shc_state_clone(state);
	if (!odd)
		return fail(state);
	r = make_plain(&echo, state);
	if (r > 0)
		r = echo_all(&echo, state, true, false, out);
	else
		shc_state_destroy(state);
	if (r < 0) {
		shc_state_destroy(odd);
		return r;
	}
	return echo_all(&echo, odd, false, option, out);
}

/* printf -v (bash): what it assigns is not known, and it may fail before. Takes @state. */
static int printf_assigns(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	const struct shc_term *term =
		shc_unknown(in, SHC_ORIGIN_OUTPUT, shc_dfa_text(in->pool), call->command->range);
	struct shc_text name;
	int r = term ? 0 : -ENOMEM;

	if (!r && call->fields.count > 2 && shc_term_known(call->values[2], &name))
		r = shc_assign(in, state, name, term, call->command->range);
	else if (!r)
		r = shc_doubt_variables(call, state);
	if (r) {
		shc_state_destroy(state);
		return r;
	}
	return finish(call, state, out, 0, 2);
}

/* Does the format take any operands, so that printf cannot fail? */
static bool takes_any(struct shc_text format)
{
	for (uint32_t i = 0; i < format.length; i++) {
		if (format.bytes[i] != '%')
			continue;
		while (++i < format.length && strchr("0123456789-.", format.bytes[i]) &&
			format.bytes[i])
			;
		if (i == format.length || !format.bytes[i] || !strchr("%sbc", format.bytes[i]))
			return false;
	}
	return true;
}

/* printf with the plain formats that scripts use; every other format prints anything. */
int shc_printf_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	bool line = call->fields.count >= 2 && shc_term_is(call->values[1], "%s\\n");
	bool plain = call->fields.count >= 2 && shc_term_is(call->values[1], "%s");
	bool bash = in->script->dialect == SHC_BASH;
	struct shc_text format;
	int r = 0;

	if (bash && call->fields.count >= 2 && shc_term_is(call->values[1], "-v"))
		return printf_assigns(call, state, out);
	if ((line || plain) && call->fields.count == 3) {
		r = shc_capture(call, state, printed(call, 2));
		if (!r && line)
			r = shc_capture(call, state, shc_term_text(in->terms, "\n", 1));
	} else if (state->output) {
		r = shc_capture(call, state,
			shc_unknown(in, SHC_ORIGIN_OUTPUT, shc_dfa_text(in->pool),
				call->command->range));
	}
	if (r) {
		shc_state_destroy(state);
		return r;
	}
	/* Behind "--", or where the format is not known or wants numbers, it may fail. */
	if (call->fields.count < 2)
		return finish(call, state, out, 1, 2);
	return finish(call, state, out, 0,
		shc_field_is_one(&call->fields.items[1]) &&
				shc_term_known(call->values[1], &format) &&
				!shc_text_is(format, "--") && takes_any(format)
			? 0
			: 2);
}
