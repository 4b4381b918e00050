/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "calendar.h"

#include <errno.h>
#include <string.h>

#include "parameter.h"
#include "printing.h"

/* Directives whose form no locale changes, as extended regular expressions. */
static const struct {
	char letter;
	const char *form;
} directives[] = {
	{'%', "%"},
	{'d', "0[1-9]|[12][0-9]|3[01]"},
	{'F', "[-+]?(0[0-9][0-9][0-9]|[1-9][0-9][0-9][0-9]+)-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3["
	      "01])"},
	{'H', "[01][0-9]|2[0-3]"},
	{'I', "0[1-9]|1[0-2]"},
	{'j', "[0-3][0-9][0-9]"},
	{'m', "0[1-9]|1[0-2]"},
	{'M', "[0-5][0-9]"},
	{'N', "[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]"},
	{'n', "\n"},
	{'R', "([01][0-9]|2[0-3]):[0-5][0-9]"},
	{'s', "-?(0|[1-9][0-9]*)"},
	{'S', "[0-5][0-9]|60"},
	{'T', "([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)"},
	{'u', "[1-7]"},
	{'U', "[0-5][0-9]"},
	{'V', "[0-5][0-9]"},
	{'w', "[0-6]"},
	{'W', "[0-5][0-9]"},
	{'y', "[0-9][0-9]"},
	{'Y', "-?(0[0-9][0-9][0-9]|[1-9][0-9][0-9][0-9]+)"},
};

static const char *form_of(char letter)
{
	for (size_t i = 0; i < sizeof(directives) / sizeof(*directives); i++)
		if (directives[i].letter == letter)
			return directives[i].form;
	return NULL;
}

/* Its numbers without zeros in front; a lone zero stays. */
static const char *unpadded = "-?(0|[1-9][0-9]*)";

/* The operand that is the format, or 0; -u and -d are the only options that are understood. */
static uint32_t format_of(const struct shc_call *call, struct shc_text *ret)
{
	uint32_t format = 0;

	for (uint32_t i = 1; i < call->fields.count; i++) {
		struct shc_text text;
		bool known = shc_field_is_one(&call->fields.items[i]) &&
			     shc_term_known(call->values[i], &text);
		const struct shc_piece *first =
			call->values[i]->count ? &call->values[i]->pieces[0] : NULL;

		if (known && text.length && text.bytes[0] == '+' && !format) {
			*ret = text;
			format = i;
		} else if (known && (shc_text_is(text, "-u") || shc_text_is(text, "--utc"))) {
			continue;
		} else if (known && shc_text_is(text, "-d") && i + 1 < call->fields.count &&
			   shc_field_is_one(&call->fields.items[i + 1])) {
			i++;
		} else if (!shc_field_is_one(&call->fields.items[i]) || !first || first->atom ||
			   first->text.length < 7 || memcmp(first->text.bytes, "--date=", 7)) {
			return 0;
		}
	}
	return format;
}

/* Append to @language what the directive at text[*@at], behind the '%', prints. False where it is not known. */
static bool add_directive(struct shc_dfa_pool *pool, struct shc_text text, uint32_t *at,
	const struct shc_dfa **language)
{
	bool bare = *at < text.length && text.bytes[*at] == '-';
	const struct shc_dfa *one;
	const char *form;

	*at += bare;
	form = *at < text.length ? form_of(text.bytes[*at]) : NULL;
	if (bare && (!form || !strchr("dHIjmMSyUVW", text.bytes[*at])))
		return false;
	form = bare ? unpadded : form;
	++*at;
	return form &&
	       !shc_dfa_regex(pool, form, strlen(form), SHC_REGEX_EXTENDED, &one, NULL, NULL) &&
	       !shc_dfa_concat(pool, *language, one, language);
}

/* What @format, "+...", prints without the newline at the end. False where it is not known. */
static bool printed(struct shc_dfa_pool *pool, struct shc_text format, const struct shc_dfa **ret)
{
	const struct shc_dfa *language = shc_dfa_epsilon(pool), *one;
	uint32_t at = 1;

	while (at < format.length) {
		uint32_t start = at;

		while (at < format.length && format.bytes[at] != '%')
			at++;
		if (shc_dfa_literal(pool, format.bytes + start, at - start, &one) ||
			shc_dfa_concat(pool, language, one, &language))
			return false;
		if (at < format.length && (at++, !add_directive(pool, format, &at, &language)))
			return false;
	}
	*ret = language;
	return true;
}

bool shc_date_known(const struct shc_call *call)
{
	const struct shc_dfa *language;
	struct shc_text format;

	return shc_text_is(call->name, "date") && format_of(call, &format) &&
	       printed(call->in->pool, format, &language);
}

int shc_date_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	const struct shc_dfa *language = shc_dfa_text(in->pool);
	struct shc_state *failed = shc_state_clone(state);
	struct shc_text format = {0};

	if (format_of(call, &format))
		(void)printed(in->pool, format, &language);
	if (!failed ||
		shc_capture(call, state,
			shc_unknown(in, SHC_ORIGIN_OUTPUT, language, call->command->range)) ||
		shc_capture(call, state, shc_term_text(in->terms, "\n", 1))) {
		shc_state_destroy(failed);
		shc_state_destroy(state);
		return -ENOMEM;
	}
	shc_set_status(state, call->command, 0, 0);
	shc_set_status(failed, call->command, 1, 127);
	if (shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0)) {
		shc_state_destroy(failed);
		return -ENOMEM;
	}
	return shc_outcomes_add(in, out, failed, SHC_FLOW_NEXT, 0);
}
