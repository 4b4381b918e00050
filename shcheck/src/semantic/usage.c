/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The options of built-ins (POSIX.1-2017 XCU 2.14 and 4; dash(1); bash(1), SHELL BUILTIN COMMANDS). One that a
 * built-in does not have makes it do nothing at all. Those of which nothing is known anyway are not in the table.
 */
#include "usage.h"

#include <string.h>

#define DECLARING "aAcfFgGiIlnprtux"

/* Letters, those with a value followed by a colon; NULL: what begins with a dash is an operand like any other. */
static const struct usage {
	const char *name, *dash, *bash;
} usages[] = {
	{".", "", ""},
	{"builtin", NULL, ""},
	{"command", "pvV", "pvV"},
	{"declare", NULL, DECLARING},
	{"eval", NULL, ""},
	{"exec", NULL, "cla:"},
	{"export", "p", "aAfnp"},
	{"getopts", NULL, ""},
	{"hash", "rv", "dlp:rt"},
	{"local", NULL, DECLARING},
	{"mapfile", NULL, "d:u:n:O:tC:c:s:"},
	{"printf", "", "v:"},
	{"pwd", "LP", "LP"},
	{"read", "p:r", "a:d:ei:n:N:p:rst:u:"},
	{"readarray", NULL, "d:u:n:O:tC:c:s:"},
	{"readonly", "p", "aAfnp"},
	{"set", "abCefEiImnsuvVx", "abBCeEfhHkmnpPtTuvx"},
	{"shopt", NULL, "opqsu"},
	{"source", NULL, ""},
	{"times", NULL, ""},
	{"trap", "", "lp"},
	{"type", NULL, "afpPt"},
	{"typeset", NULL, DECLARING},
	{"unset", "fv", "fnv"},
};

/* What `set -o` turns on; of dash only some versions know pipefail. */
static const char *const dash_options[] = {"errexit", "noglob", "ignoreeof", "interactive",
	"monitor", "noexec", "stdin", "xtrace", "verbose", "vi", "emacs", "noclobber", "allexport",
	"notify", "nounset", "nolog", "debug", NULL};
static const char *const bash_options[] = {"allexport", "braceexpand", "emacs", "errexit",
	"errtrace", "functrace", "hashall", "histexpand", "history", "ignoreeof",
	"interactive-comments", "keyword", "monitor", "noclobber", "noexec", "noglob", "nolog",
	"notify", "nounset", "onecmd", "physical", "pipefail", "posix", "privileged", "verbose",
	"vi", "xtrace", NULL};

static bool may_begin_with(
	const struct shc_call *call, const struct shc_state *state, uint32_t index, bool plus)
{
	const struct shc_dfa *language;
	struct shc_byte_set first;

	if (shc_state_term_language(state, call->in->pool, call->values[index], &language))
		return true;
	first = shc_dfa_first_bytes(language);
	return shc_byte_set_has(&first, '-') || (plus && shc_byte_set_has(&first, '+'));
}

/* The operand of `set -o`. */
static enum shc_refusal long_option(const struct shc_call *call, uint32_t index)
{
	bool bash = call->in->script->dialect == SHC_BASH;
	const char *const *name = bash ? bash_options : dash_options;
	struct shc_text text;

	/* Without one the options are shown. */
	if (index >= call->fields.count)
		return SHC_ACCEPTED;
	if (!shc_field_is_one(&call->fields.items[index]) ||
		!shc_term_known(call->values[index], &text))
		return SHC_PERHAPS_REFUSED;
	while (*name && !shc_text_is(text, *name))
		name++;
	return *name                           ? SHC_ACCEPTED
	       : shc_text_is(text, "pipefail") ? SHC_PERHAPS_REFUSED
					       : SHC_REFUSED;
}

/* The letters behind the first byte of @text. *@at: the operand that holds them, and then the last that they take. */
static enum shc_refusal letters_refused(
	const struct shc_call *call, const char *letters, struct shc_text text, uint32_t *at)
{
	bool sets = shc_text_is(call->name, "set");

	for (uint32_t i = 1; i < text.length; i++) {
		const char *known = text.bytes[i] && text.bytes[i] != ':'
					    ? strchr(letters, text.bytes[i])
					    : NULL;

		if (sets && text.bytes[i] == 'o') {
			enum shc_refusal refusal = long_option(call, ++*at);

			if (refusal != SHC_ACCEPTED)
				return refusal;
			continue;
		}
		if (!known)
			return SHC_REFUSED;
		if (known[1] != ':')
			continue;
		*at += i + 1 == text.length;
		return SHC_ACCEPTED;
	}
	return SHC_ACCEPTED;
}

static enum shc_refusal operands_refused(
	const struct shc_call *call, const struct shc_state *state, const char *letters)
{
	/* Options that are turned off, too. */
	bool plus = shc_text_is(call->name, "set") || strchr(letters, 'G');

	for (uint32_t i = 1; i < call->fields.count; i++) {
		const struct shc_field *field = &call->fields.items[i];
		enum shc_refusal refusal;
		struct shc_text text;

		/* What was assigned is no option. */
		if (field->word && field->word->assignment)
			break;
		if (!shc_field_is_one(field))
			return SHC_PERHAPS_REFUSED;
		if (!shc_term_known(call->values[i], &text)) {
			if (may_begin_with(call, state, i, plus))
				return SHC_PERHAPS_REFUSED;
			break;
		}
		if (text.length < 2 || (text.bytes[0] != '-' && !(plus && text.bytes[0] == '+')) ||
			shc_text_is(text, "--"))
			break;
		refusal = letters_refused(call, letters, text, &i);
		if (refusal != SHC_ACCEPTED)
			return refusal;
	}
	return SHC_ACCEPTED;
}

enum shc_refusal shc_usage_refusal(const struct shc_call *call, const struct shc_state *state)
{
	for (size_t i = 0; i < sizeof(usages) / sizeof(*usages); i++) {
		const char *letters =
			call->in->script->dialect == SHC_BASH ? usages[i].bash : usages[i].dash;

		if (shc_text_is(call->name, usages[i].name))
			return letters ? operands_refused(call, state, letters) : SHC_ACCEPTED;
	}
	return SHC_ACCEPTED;
}
