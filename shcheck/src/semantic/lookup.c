/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is a command there? command -v, type, hash and which ask; what they have said holds until PATH changes, and that one
 * is missing only until something runs that may install it: a package manager, a program of the script's own, or
 * what has its name as an operand.
 */
#include "lookup.h"

#include <errno.h>
#include <string.h>

#include "parameter.h"
#include "path.h"

const struct shc_term *shc_availability(struct shc_interpreter *in, struct shc_text name)
{
	static const char prefix[] = "command ";
	const struct shc_term *key = shc_term_text(in->terms, prefix, sizeof(prefix) - 1);

	return key ? shc_term_concat(
			     in->terms, key, shc_term_text(in->terms, name.bytes, name.length))
		   : NULL;
}

/* The name of the command of which @fact says whether it is there; length 0 when it is about something else. */
static struct shc_text name_in(const struct shc_fact *fact)
{
	static const struct shc_text prefix = {.bytes = "command ", .length = 8};
	struct shc_text key;

	if (!shc_term_known(fact->path, &key) || key.length <= prefix.length ||
		memcmp(key.bytes, prefix.bytes, prefix.length))
		return (struct shc_text){0};
	key.bytes += prefix.length;
	key.length -= prefix.length;
	return key;
}

bool shc_is_availability(const struct shc_fact *fact)
{
	return name_in(fact).length > 0;
}

void shc_forget_availability(struct shc_state *state)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < state->fact_count; i++)
		if (!shc_is_availability(&state->facts[i]))
			state->facts[kept++] = state->facts[i];
	state->fact_count = kept;
}

/* Is the command named in a word of @call? */
static bool is_mentioned(const struct shc_call *call, struct shc_text name)
{
	for (uint32_t i = 1; i < call->fields.count; i++) {
		struct shc_text text;

		if (shc_term_known(call->values[i], &text) &&
			memmem(text.bytes, text.length, name.bytes, name.length))
			return true;
	}
	return false;
}

void shc_may_install(const struct shc_call *call, struct shc_state *state)
{
	static const char *const installing[] = {"apt", "apt-get", "aptitude", "dpkg", "dnf", "yum",
		"zypper", "pacman", "apk", "brew", "pip", "pip3", "pipx", "npm", "make", "cargo",
		"go", "gem", "snap", "flatpak", "nix-env", "conda", "sh", "bash", "dash"};
	bool any = !call->name.length || memchr(call->name.bytes, '/', call->name.length);

	for (size_t i = 0; i < sizeof(installing) / sizeof(*installing); i++)
		any |= shc_text_is(call->name, installing[i]);
	for (uint32_t i = 0; i < state->fact_count && !any; i++)
		any = shc_is_availability(&state->facts[i]) &&
		      is_mentioned(call, name_in(&state->facts[i]));
	if (any)
		shc_forget_availability(state);
}

/* Append what is printed of a command that was found. 0 or -ENOMEM. */
static int print_place(const struct shc_call *call, struct shc_state *state)
{
	const struct shc_dfa *language;
	const struct shc_term *place;

	if (!state->output)
		return 0;
	if (shc_dfa_glob(call->in->pool, "?*", 2, 0, &language, NULL))
		language = shc_dfa_text(call->in->pool);
	place = shc_unknown(call->in, SHC_ORIGIN_OUTPUT, language, call->command->range);
	state->output = place ? shc_term_concat(call->in->terms, state->output, place) : NULL;
	return state->output ? 0 : -ENOMEM;
}

static bool is_described(const struct shc_call *call)
{
	return call->in->script->dialect != SHC_BASH &&
	       (shc_text_is(call->name, "type") || shc_call_option(call, 'V', NULL));
}

/* Surely there: 1, surely not: 0, unknown: -1. @ret_key: NULL where nothing can be learnt. -ENOMEM. */
static int answer_known(const struct shc_call *call, const struct shc_state *state,
	struct shc_text name, const struct shc_term **ret_key)
{
	const struct shc_fact *fact;
	uint32_t number;

	*ret_key = NULL;
	if (shc_name_number(call->in, name, &number))
		return -ENOMEM;
	if (!shc_text_is(call->name, "which")) {
		for (uint32_t i = 0; i < state->doubt_count; i++)
			if (state->doubts[i].name == number)
				return -1;
		if (shc_state_function(state, number) || shc_builtin_find(name))
			return 1;
	}
	*ret_key = shc_availability(call->in, name);
	if (!*ret_key)
		return -ENOMEM;
	fact = shc_path_fact(call->in, state, *ret_key);
	return !fact ? -1 : fact->kind != SHC_FILE_NOTHING;
}

static int learn(const struct shc_call *call, struct shc_state *state, const struct shc_term *key,
	bool there)
{
	int r;

	if (!key)
		return 0;
	r = shc_path_learn(call->in, state, key, there ? SHC_FILE_SOMETHING : SHC_FILE_NOTHING,
		call->command->range);
	if (!r)
		state->facts[state->fact_count - 1].tested = !there;
	return r;
}

int shc_lookup_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	uint32_t operand = shc_call_operand(call);
	const struct shc_term *key = NULL;
	struct shc_state *absent;
	struct shc_text name;
	int known = -1, r;

	if (operand + 1 == call->fields.count && shc_term_known(call->values[operand], &name))
		known = answer_known(call, state, name, &key);
	absent = shc_state_clone(state);
	/* dash says on its output that there is none. */
	if (known == -ENOMEM || !absent || learn(call, state, key, true) ||
		learn(call, absent, key, false) || print_place(call, state) ||
		(is_described(call) && print_place(call, absent))) {
		shc_state_destroy(absent);
		shc_state_destroy(state);
		return -ENOMEM;
	}
	shc_set_status(state, call->command, 0, 0);
	shc_set_status(absent, call->command, 1, 127);
	if (known == 0)
		shc_state_destroy(state);
	r = known == 0 ? 0 : shc_outcomes_add(call->in, out, state, SHC_FLOW_NEXT, 0);
	if (r || known == 1) {
		shc_state_destroy(absent);
		return r;
	}
	return shc_outcomes_add(call->in, out, absent, SHC_FLOW_NEXT, 0);
}
