/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The built-ins that change the shell's own state (POSIX.1-2017 XCU 2.14; bash(1), SHELL BUILTIN COMMANDS).
 */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "arrays.h"
#include "attributes.h"
#include "command.h"
#include "inclusion.h"
#include "input.h"
#include "lookup.h"
#include "mistake.h"
#include "parameter.h"
#include "path.h"
#include "printing.h"
#include "survey.h"
#include "transformers.h"
#include "traps.h"

int shc_status_both(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_state *failed = shc_state_clone(state);

	if (!failed) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	shc_set_status(state, call->command, 0, 0);
	shc_set_status(failed, call->command, 1, 1);
	if (shc_outcomes_add(call->in, out, state, SHC_FLOW_NEXT, 0)) {
		shc_state_destroy(failed);
		return -ENOMEM;
	}
	return shc_outcomes_add(call->in, out, failed, SHC_FLOW_NEXT, 0);
}

static int finish(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out,
	int low, int high)
{
	shc_set_status(state, call->command, low, high);
	return shc_outcomes_add(call->in, out, state, SHC_FLOW_NEXT, 0);
}

static int run_true(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	return finish(call, state, out, 0, 0);
}

static int run_false(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	return finish(call, state, out, !MADE(FALSE_SUCCEEDS), !MADE(FALSE_SUCCEEDS));
}

/* A built-in that is not modelled: any status. */
static int run_opaque(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	shc_approximate(call->in, call->command);
	return finish(call, state, out, 0, 255);
}

/* wait, kill: what was begun in the background has ended, or is meant to. */
static int run_wait(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	state->pending = NULL;
	return run_opaque(call, state, out);
}

/* ---- cd ------------------------------------------------------------------------------------------------------- */

static const struct shc_term *directory_after(
	const struct shc_call *call, const struct shc_state *state, const struct shc_term *to)
{
	struct shc_interpreter *in = call->in;
	const struct shc_term *path = shc_path_normal(in, state, to);
	const struct shc_dfa *language;
	struct shc_text known;
	bool plain;

	if (!path)
		return NULL;
	plain = path->count && !path->pieces[0].atom;
	for (uint32_t i = 0; i < path->count; i++)
		if (!path->pieces[i].atom &&
			memmem(path->pieces[i].text.bytes, path->pieces[i].text.length, "..", 2))
			plain = false;
	if ((plain && path->pieces[0].text.bytes[0] == '/') || shc_term_known(path, &known))
		return plain ? path : path;
	if (shc_dfa_glob(in->pool, "/*", 2, 0, &language, NULL))
		return path;
	return shc_unknown(in, SHC_ORIGIN_DIRECTORY, language, call->command->range);
}

/* cd - : to where it was before, and prints that. Takes @state. */
static int cd_back(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	struct shc_state *failed = shc_state_clone(state);
	const struct shc_dfa *absolute;

	if (failed && !shc_dfa_glob(in->pool, "/*", 2, 0, &absolute, NULL))
		state->directory =
			shc_unknown(in, SHC_ORIGIN_DIRECTORY, absolute, call->command->range);
	shc_path_moved(in, state);
	if (!failed || !state->directory || shc_capture(call, state, state->directory) ||
		shc_capture(call, state, shc_term_text(in->terms, "\n", 1))) {
		shc_state_destroy(failed);
		shc_state_destroy(state);
		return -ENOMEM;
	}
	state->directory_doubtful = false;
	failed->directory_doubtful = true;
	failed->directory_range = call->command->range;
	shc_set_status(failed, call->command, 1, 2);
	shc_set_status(state, call->command, 0, 0);
	if (shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0)) {
		shc_state_destroy(failed);
		return -ENOMEM;
	}
	return shc_outcomes_add(in, out, failed, SHC_FLOW_NEXT, 0);
}

/* Does @term perhaps begin with a dash? Then it means something else than a folder of that name. */
static bool may_be_option(
	struct shc_interpreter *in, const struct shc_state *state, const struct shc_term *term)
{
	const struct shc_dfa *language;
	struct shc_byte_set first;

	if (shc_state_term_language(state, in->pool, term, &language))
		return true;
	first = shc_dfa_first_bytes(language);
	return shc_byte_set_has(&first, '-');
}

/* Are the fields from @first to before @end one operand each, so that they are what they seem? */
static bool are_exact(const struct shc_call *call, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end && i < call->fields.count; i++)
		if (!shc_field_is_one(&call->fields.items[i]))
			return false;
	return true;
}

/* To a folder of which nothing is known; also pushd and popd of bash by the stack. Takes @state. */
static int run_popd(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;

	shc_approximate(in, call->command);
	if (shc_path_anywhere(in, state, call->command->range) ||
		shc_capture(call, state,
			shc_unknown(in, SHC_ORIGIN_OUTPUT, shc_dfa_text(in->pool),
				call->command->range))) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	return finish(call, state, out, 0, 2);
}

/* cd to one operand, or home. Takes @state. */
static int enter(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	uint32_t operand = shc_call_operand(call);
	const struct shc_term *to = operand < call->fields.count ? call->values[operand] : in->home;
	struct shc_state *failed = shc_state_clone(state);
	const struct shc_fact *fact;
	const struct shc_term *path = shc_path_normal(in, state, to);
	bool learns;

	if (operand < call->fields.count && shc_term_is(to, "-")) {
		shc_state_destroy(failed);
		return cd_back(call, state, out);
	}
	/* The empty operand means to stay. */
	if (path && !to->count) {
		shc_state_destroy(failed);
		return finish(call, state, out, 0, 0);
	}
	if (!failed || !path) {
		shc_state_destroy(failed);
		shc_state_destroy(state);
		return -ENOMEM;
	}
	fact = shc_path_fact(in, state, path);
	shc_set_status(failed, call->command, 1, 2);
	failed->directory_doubtful = true;
	failed->directory_range = call->command->range;
	if ((fact && fact->kind == SHC_FILE_DIRECTORY && !fact->assumed) || MADE(CD_NEVER_FAILS)) {
		shc_state_destroy(failed);
		failed = NULL;
	}
	learns = !shc_path_may_be_relative(in, state, path) && !may_be_option(in, state, to);
	if (!MADE(CD_STAYS))
		state->directory = directory_after(call, state, to);
	shc_path_moved(in, state);
	state->directory_doubtful = false;
	shc_set_status(state, call->command, 0, 0);
	if (!state->directory || (learns && shc_path_learn(in, state, path, SHC_FILE_DIRECTORY,
						    call->command->range))) {
		shc_state_destroy(state);
		shc_state_destroy(failed);
		return -ENOMEM;
	}
	if (shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0)) {
		shc_state_destroy(failed);
		return -ENOMEM;
	}
	return failed ? shc_outcomes_add(in, out, failed, SHC_FLOW_NEXT, 0) : 0;
}

/* Is one of the options before operand @end none of cd? */
static bool has_wrong_option(const struct shc_call *call, uint32_t end)
{
	const char *letters = call->in->script->dialect == SHC_BASH ? "LPe@" : "LP";
	struct shc_text text;

	for (uint32_t i = 1; i < end && i < call->fields.count; i++) {
		if (!shc_term_known(call->values[i], &text) || shc_text_is(text, "--"))
			continue;
		for (uint32_t j = 1; j < text.length; j++)
			if (!strchr(letters, text.bytes[j]))
				return true;
	}
	return false;
}

static int run_cd(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	uint32_t operand = shc_call_operand(call), end = operand + 1;
	struct shc_state *copy;
	int r;

	if (are_exact(call, 1, operand) && has_wrong_option(call, operand))
		return finish(call, state, out, 1, 2);
	/* bash wants one operand. */
	if (call->in->script->dialect == SHC_BASH && end < call->fields.count) {
		if (are_exact(call, operand, call->fields.count))
			return finish(call, state, out, 1, 1);
		end = call->fields.count;
	}
	if (are_exact(call, 1, end))
		return enter(call, state, out);
	/* What it goes by may be another word than it seems, an option, or none. */
	copy = shc_state_clone(state);
	r = copy ? run_popd(call, copy, out) : -ENOMEM;
	if (r) {
		shc_state_destroy(state);
		return r;
	}
	return enter(call, state, out);
}

static int run_pushd(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	uint32_t operand = shc_call_operand(call);
	struct shc_text text;

	/* Without a folder, or with +N, -N or -n, the stack is what it goes by; elsewhere it prints that. */
	if (state->output || operand != 1 || call->fields.count != 2 ||
		!shc_field_is_one(&call->fields.items[1]) ||
		(shc_term_known(call->values[1], &text) && text.length && text.bytes[0] == '+'))
		return run_popd(call, state, out);
	return enter(call, state, out);
}

/* ---- Leaving -------------------------------------------------------------------------------------------------- */

static int known_number(const struct shc_term *term, int fallback)
{
	struct shc_text text;
	int value = 0;

	if (!shc_term_known(term, &text) || !text.length || text.length > 6)
		return fallback;
	for (uint32_t i = 0; i < text.length; i++) {
		if (text.bytes[i] < '0' || text.bytes[i] > '9')
			return fallback;
		value = value * 10 + (text.bytes[i] - '0');
	}
	return value;
}

/* bash: `exit` and `return` with more than one operand do nothing; where there may be more, that comes, too. */
static int add_too_many(
	const struct shc_call *call, const struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_state *copy;

	if (call->in->script->dialect != SHC_BASH ||
		(call->fields.count <= 2 && are_exact(call, 1, call->fields.count)))
		return 0;
	copy = shc_state_clone(state);
	if (!copy)
		return -ENOMEM;
	shc_set_status(copy, call->command, 1, 2);
	return shc_outcomes_add(call->in, out, copy, SHC_FLOW_NEXT, 0);
}

static int leave(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out,
	enum shc_flow flow)
{
	int status;

	if (call->fields.count > 1) {
		if (add_too_many(call, state, out)) {
			shc_state_destroy(state);
			return -ENOMEM;
		}
		status = are_exact(call, 1, 2) ? known_number(call->values[1], -1) : -1;
		if (status >= 0)
			shc_set_status(state, call->command, status & 255, status & 255);
		else
			shc_set_status(state, call->command, 0, 255);
	}
	return shc_outcomes_add(call->in, out, state, flow, 0);
}

static int run_exit(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	return leave(call, state, out, SHC_FLOW_EXIT);
}

static int run_return(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	return leave(call, state, out, SHC_FLOW_RETURN);
}

/* Levels that are not known: any number of them, or an error, by which a shell ends or not. Takes @state. */
static int leave_any(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out,
	enum shc_flow flow)
{
	struct shc_interpreter *in = call->in;
	struct shc_state *failed = shc_state_clone(state), *ended = shc_state_clone(state);
	int r = failed && ended ? 0 : -ENOMEM;

	shc_approximate(in, call->command);
	for (uint32_t levels = 1; levels <= in->loop_depth && !r; levels++) {
		struct shc_state *copy = shc_state_clone(state);

		r = copy ? shc_outcomes_add(in, out, copy, flow, levels) : -ENOMEM;
	}
	shc_state_destroy(state);
	if (r) {
		shc_state_destroy(failed);
		shc_state_destroy(ended);
		return r;
	}
	shc_set_status(failed, call->command, 0, 255);
	shc_set_status(ended, call->command, 1, 255);
	if (shc_outcomes_add(in, out, failed, SHC_FLOW_NEXT, 0)) {
		shc_state_destroy(ended);
		return -ENOMEM;
	}
	return shc_outcomes_add(in, out, ended, SHC_FLOW_EXIT, SHC_END_ERROR);
}

static int leave_loop(const struct shc_call *call, struct shc_state *state,
	struct shc_outcomes *out, enum shc_flow flow)
{
	int levels = call->fields.count > 1 ? known_number(call->values[1], 0) : 1;

	shc_set_status(state, call->command, 0, 0);
	/* Outside of loops it does nothing, and there are no more of them than there are. */
	if (!call->in->loop_depth)
		return shc_outcomes_add(call->in, out, state, SHC_FLOW_NEXT, 0);
	if (!levels || !are_exact(call, 1, call->fields.count))
		return leave_any(call, state, out, flow);
	if (levels > (int)call->in->loop_depth)
		levels = (int)call->in->loop_depth;
	return shc_outcomes_add(call->in, out, state, flow, (uint32_t)levels);
}

static int run_break(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	return leave_loop(call, state, out, SHC_FLOW_BREAK);
}

static int run_continue(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	return leave_loop(call, state, out, SHC_FLOW_CONTINUE);
}

/* May there be no field from @first on? */
static bool may_vanish(const struct shc_call *call, uint32_t first)
{
	for (uint32_t i = first; i < call->fields.count; i++)
		if (call->fields.items[i].occurrence == SHC_ONCE)
			return false;
	return first < call->fields.count;
}

/* exec with a command never returns where the command exists. */
static int run_exec(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes ignored = {0};
	struct shc_state *copy;
	int r;

	if (shc_call_operand(call) >= call->fields.count)
		return finish(call, state, out, 0, 0);
	/* Without a program it comes back. */
	if (may_vanish(call, shc_call_operand(call))) {
		copy = shc_state_clone(state);
		r = copy ? finish(call, copy, out, 0, 0) : -ENOMEM;
		if (r) {
			shc_state_destroy(state);
			return r;
		}
	}
	copy = shc_state_clone(state);
	r = copy ? shc_run_program(call, shc_call_operand(call), copy, &ignored) : -ENOMEM;
	shc_outcomes_finish(&ignored);
	if (r) {
		shc_state_destroy(state);
		return r;
	}
	/* Where the program is not found the shell ends by itself, with its traps. */
	if (state->traps) {
		struct shc_state *failed = shc_state_clone(state);

		if (failed)
			shc_set_status(failed, call->command, 126, 127);
		if (!failed || shc_outcomes_add(call->in, out, failed, SHC_FLOW_EXIT, 0) ||
			shc_traps_drop_end(call->in, state)) {
			shc_state_destroy(state);
			return -ENOMEM;
		}
	}
	shc_set_status(state, call->command, 0, 255);
	return shc_outcomes_add(call->in, out, state, SHC_FLOW_EXIT, 0);
}

/* ---- Options and parameters ----------------------------------------------------------------------------------- */

static const struct option {
	char letter; /* 0 = none */
	const char *name;
	unsigned int doubt;
	size_t offset; /* of the bool in a state */
} options[] = {
	{'e', "errexit", SHC_DOUBT_ERREXIT, offsetof(struct shc_state, errexit)},
	{'u', "nounset", SHC_DOUBT_NOUNSET, offsetof(struct shc_state, nounset)},
	{'f', "noglob", SHC_DOUBT_NOGLOB, offsetof(struct shc_state, noglob)},
	{'C', "noclobber", SHC_DOUBT_NOCLOBBER, offsetof(struct shc_state, noclobber)},
	{'E', "errtrace", SHC_DOUBT_ERRTRACE, offsetof(struct shc_state, errtrace)},
	{'T', "functrace", SHC_DOUBT_FUNCTRACE, offsetof(struct shc_state, functrace)},
	{0, "pipefail", SHC_DOUBT_PIPEFAIL, offsetof(struct shc_state, pipefail)},
	{0, "inherit_errexit", SHC_DOUBT_INHERIT, offsetof(struct shc_state, inherit_errexit)},
	{0, "lastpipe", SHC_DOUBT_LASTPIPE, offsetof(struct shc_state, lastpipe)},
	{0, "posix", SHC_DOUBT_INHERIT, offsetof(struct shc_state, inherit_errexit)},
};

static void turn_option(struct shc_state *state, const struct option *option, bool on)
{
	*(bool *)((char *)state + option->offset) = on;
	state->doubtful &= ~option->doubt;
}

static void set_option(struct shc_state *state, char letter, bool on)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (options[i].letter && options[i].letter == letter && !MADE(SET_IGNORED))
			turn_option(state, &options[i], on);
}

static void set_long_option(struct shc_state *state, struct shc_text name, bool on)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (shc_text_is(name, options[i].name))
			turn_option(state, &options[i], on);
}

/*
 * An operand that is not known may turn any option on or off, and replace the arguments. What is no option is refused,
 * and ends dash. Takes @state.
 */
static int set_anything(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	bool bash = call->in->script->dialect == SHC_BASH;
	struct shc_state *ended = bash ? NULL : shc_state_clone(state);
	int r = bash || ended ? 0 : -ENOMEM;

	shc_approximate(call->in, call->command);
	if (ended) {
		shc_set_status(ended, call->command, 1, 2);
		r = shc_outcomes_add(call->in, out, ended, SHC_FLOW_EXIT, SHC_END_ERROR);
	}
	if (r) {
		shc_state_destroy(state);
		return r;
	}
	state->doubtful = SHC_DOUBT_ERREXIT | SHC_DOUBT_NOUNSET | SHC_DOUBT_NOGLOB |
			  SHC_DOUBT_NOCLOBBER | SHC_DOUBT_PIPEFAIL | SHC_DOUBT_ERRTRACE |
			  SHC_DOUBT_FUNCTRACE;
	state->errexit = state->nounset = state->noglob = state->noclobber = false;
	state->pipefail = state->errtrace = state->functrace = false;
	state->argument_count = 0;
	state->arguments_open = true;
	state->arguments_fresh = true;
	state->shifted = shc_terms_epoch(call->in->terms);
	return finish(call, state, out, 0, bash ? 2 : 0);
}

static int run_set(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	uint32_t i;
	bool replaced = false;

	for (i = 1; i < call->fields.count; i++) {
		struct shc_byte_set first;
		struct shc_text text;

		if (!shc_term_known(call->values[i], &text)) {
			const struct shc_dfa *language = shc_dfa_text(call->in->pool);

			(void)shc_state_term_language(
				state, call->in->pool, call->values[i], &language);
			first = shc_dfa_first_bytes(language);
			if (shc_byte_set_has(&first, '-') || shc_byte_set_has(&first, '+')) {
				return set_anything(call, state, out);
			}
			break;
		}
		if (text.length < 2 || (text.bytes[0] != '-' && text.bytes[0] != '+'))
			break;
		if (shc_text_is(text, "--")) {
			i++;
			replaced = true;
			break;
		}
		if (text.bytes[1] == 'o' && i + 1 < call->fields.count) {
			struct shc_text name;

			if (shc_term_known(call->values[++i], &name))
				set_long_option(state, name, text.bytes[0] == '-');
			continue;
		}
		for (uint32_t j = 1; j < text.length; j++)
			set_option(state, text.bytes[j], text.bytes[0] == '-');
		if (text.bytes[text.length - 1] == 'o' && i + 1 < call->fields.count) {
			struct shc_text name;

			if (shc_term_known(call->values[++i], &name))
				set_long_option(state, name, text.bytes[0] == '-');
		}
	}
	/* Without a word `set` shows variables and leaves the parameters as they are. */
	if (!replaced && may_vanish(call, i)) {
		struct shc_state *same = shc_state_clone(state);
		int r = same ? finish(call, same, out, 0, 0) : -ENOMEM;

		if (r) {
			shc_state_destroy(state);
			return r;
		}
	}
	if ((replaced || i < call->fields.count) && shc_set_arguments(call, state, i)) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	return finish(call, state, out, 0, 0);
}

/* shopt -s lastpipe, and the options of `set` that it knows by -o. */
static int run_shopt(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	bool on = shc_call_option(call, 's', NULL), off = shc_call_option(call, 'u', NULL);

	for (uint32_t i = shc_call_operand(call); i < call->fields.count && on != off; i++) {
		struct shc_text name;

		if (shc_term_known(call->values[i], &name))
			set_long_option(state, name, on);
		/* Commands may be left out by the trap of DEBUG from now on. */
		call->in->debugging |=
			!shc_term_known(call->values[i], &name) || shc_text_is(name, "extdebug");
	}
	return finish(call, state, out, 0, on || off ? 0 : 1);
}

/* hash NAME asks for a command; without a name, and with options, it looks after its table. */
static int run_hash(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	if (shc_call_operand(call) == 1 && call->fields.count == 2)
		return shc_lookup_run(call, state, out);
	return finish(call, state, out, 0, 1);
}

/* The same as (( )), its operands separated by commas; NULL where they are not known, or there is no memory. */
static const struct shc_term *let_expression(const struct shc_call *call)
{
	struct shc_terms *terms = call->in->terms;
	const struct shc_term *all = shc_term_text(terms, "((", 2);
	struct shc_text text;

	if (call->fields.count < 2)
		return NULL;
	for (uint32_t i = 1; i < call->fields.count; i++) {
		if (!shc_term_known(call->values[i], &text) || !text.length ||
			!shc_arith_is_plain(text) || !shc_field_is_one(&call->fields.items[i]))
			return NULL;
		if (i > 1)
			all = shc_term_concat(terms, all, shc_term_text(terms, ", ", 2));
		all = shc_term_concat(terms, all, call->values[i]);
	}
	return shc_term_concat(terms, all, shc_term_text(terms, "))", 2));
}

/* let: whatever its operands assign is any number. */
static int run_let(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	const struct shc_term *expression = let_expression(call);

	if (expression)
		return shc_run_action(in, call->command, expression, state, out);
	for (uint32_t i = 1; i < call->fields.count; i++) {
		const struct shc_dfa *numbers;
		const struct shc_term *term;
		struct shc_text text;
		uint32_t at = 0, end;

		shc_check_octal(in, state, call->values[i], call->command->range);
		if (!shc_term_known(call->values[i], &text)) {
			if (shc_doubt_variables(call, state)) {
				shc_state_destroy(state);
				return -ENOMEM;
			}
			continue;
		}
		while (at < text.length && strchr("+-", text.bytes[at]))
			at++;
		for (end = at; end < text.length &&
			       (text.bytes[end] == '_' || isalnum((unsigned char)text.bytes[end]));)
			end++;
		if (end == at || (text.bytes[at] >= '0' && text.bytes[at] <= '9'))
			continue;
		if (shc_dfa_interval(in->pool, INT64_MIN, INT64_MAX, &numbers))
			numbers = shc_dfa_text(in->pool);
		term = shc_unknown(in, SHC_ORIGIN_NUMBER, numbers, call->command->range);
		text = (struct shc_text){.bytes = text.bytes + at, .length = end - at};
		if (!term || shc_assign(in, state, text, term, call->command->range)) {
			shc_state_destroy(state);
			return -ENOMEM;
		}
	}
	return finish(call, state, out, 0, 1);
}

/* The last argument stays where it is, and the loop sees it again. */
static void report_stuck(const struct shc_call *call)
{
	struct shc_finding *finding = shc_report(call->in, 510, call->in->arguments_loop->range,
		"this loop never ends where an option stands last: shift then takes nothing");

	if (!finding)
		return;
	shc_finding_hint(
		call->in->findings, finding, "look at $# before: shift 2 needs two arguments");
	shc_finding_relate(call->in->findings, finding, call->command->range,
		"more than there may be are taken here");
}

/* More than there are: dash ends, bash goes on. Takes @state. */
static int shift_too_far(
	const struct shc_call *call, int by, struct shc_state *state, struct shc_outcomes *out)
{
	bool bash = call->in->script->dialect == SHC_BASH;

	if (bash && by > 1 && call->in->arguments_loop && !state->errexit &&
		!(state->doubtful & SHC_DOUBT_ERREXIT) &&
		call->in->suppressed == call->in->suppressed_outside &&
		!shc_guards_arguments(call->in->arguments_loop, state->nounset))
		report_stuck(call);
	shc_set_status(state, call->command, 1, 2);
	return shc_outcomes_add(call->in, out, state, bash ? SHC_FLOW_NEXT : SHC_FLOW_EXIT, 0);
}

static int run_shift(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	int by = MADE(SHIFT_IGNORED)      ? 0
		 : call->fields.count > 1 ? known_number(call->values[1], -1)
					  : 1;
	uint32_t count = state->argument_count, away = by < 0 ? count : (uint32_t)by;
	struct shc_state *failed = NULL;
	int r;

	if (!state->arguments_open && away > count)
		return shift_too_far(call, by, state, out);
	if (by < 0 || away > count) {
		failed = shc_state_clone(state);
		if (!failed) {
			shc_state_destroy(state);
			return -ENOMEM;
		}
	}
	if (by < 0) {
		/* Any number of them is gone. */
		state->arguments_open = true;
		state->shifted = shc_terms_epoch(call->in->terms);
		state->arguments_fresh = true;
		state->argument_count = 0;
	} else if (away > count) {
		state->shifted += by;
		state->argument_count = 0;
	} else {
		memmove(state->arguments, state->arguments + away,
			(count - away) * sizeof(*state->arguments));
		state->argument_count -= away;
		state->shifted += by;
	}
	r = finish(call, state, out, 0, 0);
	if (r || !failed) {
		shc_state_destroy(failed);
		return r;
	}
	return shift_too_far(call, by, failed, out);
}

/*
 * bash: what is unset in a function shows what stands behind it: another one's local variable, that of the shell behind
 * an assignment before a command. From then on that one is meant, and may be changed. Is it so of @number?
 */
static bool reveals(struct shc_interpreter *in, struct shc_state *state, uint32_t number,
	struct shc_hidden **ret_hidden)
{
	bool own = false;

	*ret_hidden = NULL;
	if (in->script->dialect != SHC_BASH || MADE(UNSET_REVEALS_NOTHING))
		return false;
	for (uint32_t i = 0; i < state->hidden_count; i++) {
		if (state->hidden[i].name != number)
			continue;
		own |= state->hidden[i].depth == in->call_depth;
		*ret_hidden = &state->hidden[i];
	}
	/* A local variable of the function itself stays one. */
	if (own)
		return false;
	if (*ret_hidden)
		return true;
	for (uint32_t i = 0; i < in->prefix_count; i++)
		if (i >= SHC_PREFIXES_MAX || in->prefixes[i] == number)
			return true;
	return false;
}

/* Unset the variable @number. 0 or -ENOMEM. */
static int unset_variable(const struct shc_call *call, struct shc_state *state, uint32_t number)
{
	struct shc_interpreter *in = call->in;
	struct shc_variable *variable;
	struct shc_hidden *hidden;

	/* unset -n: the reference, not what it leads to. */
	if (!shc_call_option(call, 'n', NULL) && !MADE(REFERENCE_IS_UNSET)) {
		int r = shc_resolve_assigned(in, state, in->names[number].text, &number);

		if (r <= 0)
			return r;
	}
	variable = shc_state_variable(state, number);

	if (!variable)
		return -ENOMEM;
	if ((variable->readonly || variable->perhaps_readonly) && !MADE(READONLY_IS_UNSET))
		in->refused = true;
	if (variable->readonly && !MADE(READONLY_IS_UNSET))
		return 0;
	if (reveals(in, state, number, &hidden)) {
		shc_prefix_escapes(in, state, number, false);
		if (hidden && shc_variable_anything(in, &hidden->variable, call->command->range))
			return -ENOMEM;
		return shc_variable_anything(in, variable, call->command->range);
	}
	if (variable->perhaps_readonly) {
		variable->presence = SHC_PERHAPS;
		variable->perhaps_attributes |= variable->attributes;
		variable->attributes = 0;
	} else {
		*variable = (struct shc_variable){.presence = SHC_ABSENT,
			.assigned = true,
			.attributes = MADE(UNSET_KEEPS_ATTRIBUTES) ? variable->attributes : 0,
			.range = call->command->range};
	}
	return 0;
}

/* dash: a special built-in with such an operand ends the shell. Takes @state, unless it returns 1: it may go on. */
static int end_misnamed(const struct shc_call *call, struct shc_state *state, int misnamed,
	struct shc_outcomes *out)
{
	struct shc_state *ended = misnamed == 2 ? state : shc_state_clone(state);
	int r;

	if (!ended) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	shc_set_status(ended, call->command, 1, 2);
	r = shc_outcomes_add(call->in, out, ended, SHC_FLOW_EXIT, SHC_END_ERROR);
	if (r && misnamed != 2)
		shc_state_destroy(state);
	return r ? r : misnamed != 2;
}

/* One operand of `unset`. 0 or -ENOMEM. */
static int unset_one(const struct shc_call *call, struct shc_state *state, uint32_t index,
	bool functions, bool *known)
{
	struct shc_text name;
	uint32_t number;

	if (!shc_term_known(call->values[index], &name) ||
		!shc_field_is_one(&call->fields.items[index])) {
		*known = false;
		return shc_doubt_variables(call, state);
	}
	if (memchr(name.bytes, '[', name.length))
		return shc_array_unset(call->in, state, name, call->command->range);
	if (shc_name_number(call->in, name, &number))
		return -ENOMEM;
	return functions ? shc_state_define(state, number, NULL)
			 : unset_variable(call, state, number);
}

static int run_unset(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	bool functions = shc_call_option(call, 'f', NULL), known = true;
	int r = 0;

	for (uint32_t i = shc_call_operand(call);
		i < call->fields.count && !r && !MADE(UNSET_IGNORED); i++)
		r = unset_one(call, state, i, functions, &known);
	if (r) {
		shc_state_destroy(state);
		return r;
	}
	if (known)
		return finish(call, state, out, 0, 0);
	/* It may be no name at all. */
	if (call->in->script->dialect != SHC_BASH) {
		r = end_misnamed(call, state, 1, out);
		if (r < 0)
			return r;
	}
	return finish(call, state, out, 0, 1);
}

/* ---- Declarations --------------------------------------------------------------------------------------------- */

int shc_variable_anything(
	struct shc_interpreter *in, struct shc_variable *variable, struct shc_range range)
{
	const struct shc_term *term =
		shc_unknown(in, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(in->pool), range);

	if (!term)
		return -ENOMEM;
	*variable = (struct shc_variable){.presence = SHC_PERHAPS,
		.assigned = true,
		.term = term,
		.perhaps_readonly = variable->readonly | variable->perhaps_readonly,
		.perhaps_attributes = variable->attributes | variable->perhaps_attributes,
		.prefixed = variable->prefixed,
		.range = range};
	return 0;
}

void shc_restore_hidden(struct shc_state *state, uint32_t depth)
{
	while (!MADE(LOCAL_STAYS) && state->hidden_count &&
		state->hidden[state->hidden_count - 1].depth >= depth) {
		const struct shc_hidden *hidden = &state->hidden[--state->hidden_count];

		if (hidden->name < state->variable_count)
			state->variables[hidden->name] = hidden->variable;
	}
}

void shc_keep_hidden(struct shc_state *state, uint32_t depth)
{
	while (state->hidden_count && state->hidden[state->hidden_count - 1].depth >= depth)
		state->hidden_count--;
}

static int hide(const struct shc_call *call, struct shc_state *state, uint32_t number)
{
	struct shc_variable *variable = shc_state_variable(state, number);
	struct shc_hidden *grown =
		realloc(state->hidden, (state->hidden_count + 1) * sizeof(*grown));

	if (!grown || !variable)
		return -ENOMEM;
	state->hidden = grown;
	grown[state->hidden_count++] = (struct shc_hidden){
		.depth = call->in->call_depth, .name = number, .variable = *variable};
	return 0;
}

/* name=value as one word after its expansion: the name, and what is assigned. False when it is neither. */
static bool split_operand(const struct shc_call *call, const struct shc_term *operand,
	struct shc_text *ret_name, const struct shc_term **ret_value)
{
	struct shc_terms *terms = call->in->terms;
	const struct shc_term *rest;
	struct shc_text text;
	const char *equals;

	if (!operand->count || operand->pieces[0].atom)
		return false;
	text = operand->pieces[0].text;
	equals = memchr(text.bytes, '=', text.length);
	if (!equals && operand->count > 1)
		return false;
	*ret_name = text;
	*ret_value = NULL;
	if (!equals)
		return true;
	ret_name->length = (uint32_t)(equals - text.bytes);
	rest = shc_term_text(terms, equals + 1, text.length - ret_name->length - 1);
	*ret_value = rest ? shc_term_concat(
				    terms, rest, shc_term_slice(terms, operand, 1, operand->count))
			  : NULL;
	return *ret_value != NULL;
}

/* One operand of a declaration. */
struct declared {
	const struct shc_assignment *assignment; /* in the text, or NULL */
	struct shc_text name;
	const struct shc_term *value; /* of an assignment that only its expansion shows, or NULL */
	uint32_t number;
	bool elsewhere; /* the variable that is meant stands behind the one of this number */
	int wrong;      /* the declaration is refused: no (0), perhaps (1), surely (2) */
};

/* Is operand @index a declaration, and of what? 1, 0 (not known, or many: counted) or -ENOMEM. */
static int declared_by(
	const struct shc_call *call, struct shc_state *state, uint32_t index, struct declared *ret)
{
	const struct shc_field *field = &call->fields.items[index];
	const struct shc_assignment *a = field->word->assignment;
	struct shc_interpreter *in = call->in;

	*ret = (struct declared){.assignment = a};
	/* Of x={a,b}, bash assigns every alternative in turn. */
	if (a && shc_has_braces(field->word)) {
		shc_approximate(in, call->command);
		/* They are no assignments any more, so their values are taken apart, too. */
		if (!field->word->constant && shc_doubt_variables(call, state))
			return -ENOMEM;
		/* After the first one it is read-only. */
		in->refused |=
			shc_text_is(call->name, "readonly") || shc_call_option(call, 'r', NULL);
		ret->assignment = NULL;
		ret->name = a->name;
		ret->value = shc_unknown(
			in, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(in->pool), call->command->range);
	} else if (a && (a->is_array || a->subscript.kind != SHC_SUBSCRIPT_NONE)) {
		ret->name = a->name;
	} else if (a) {
		/* All operands were expanded before any is assigned. */
		if (!split_operand(call, call->values[index], &ret->name, &ret->value))
			return -ENOMEM;
		ret->name = a->name;
	} else if (!split_operand(call, call->values[index], &ret->name, &ret->value) ||
		   (!ret->value && !shc_field_is_one(field))) {
		return shc_doubt_variables(call, state);
	} else if (ret->value && !shc_field_is_one(field)) {
		ret->value = shc_unknown(
			in, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(in->pool), call->command->range);
	}
	if (!shc_name_number(in, ret->name, &ret->number) && shc_state_variable(state, ret->number))
		return 1;
	return -ENOMEM;
}

/* bash: a read-only variable cannot be hidden, unless it is another function's local one. Is the new one refused? */
static bool refuses_local(const struct shc_call *call, struct shc_state *state, uint32_t number)
{
	bool of_caller = false;

	if (call->in->script->dialect != SHC_BASH || !state->variables[number].readonly)
		return false;
	/* The innermost function that has made it local. */
	for (uint32_t i = state->hidden_count; i-- > 0 && !of_caller;) {
		if (state->hidden[i].name != number)
			continue;
		if (state->hidden[i].depth == call->in->call_depth)
			break;
		of_caller = true;
	}
	call->in->refused |= !of_caller;
	return !of_caller;
}

/* `local x` without a value. 0 or -ENOMEM. */
static int declare_local(const struct shc_call *call, struct shc_state *state,
	const struct declared *declared, bool arrays, bool associative)
{
	struct shc_variable *variable = &state->variables[declared->number];
	const struct shc_variable before = *variable;
	bool perhaps = variable->perhaps_readonly;

	/* dash keeps the value of outside. */
	if (call->in->script->dialect != SHC_BASH || variable->prefixed)
		return 0;
	*variable = (struct shc_variable){.presence = SHC_ABSENT,
		.assigned = true,
		.range = call->command->range,
		.attributes = before.attributes,
		.perhaps_attributes = before.perhaps_attributes};
	call->in->names[declared->number].assigned_anywhere = true;
	if (perhaps) {
		call->in->refused = true;
		variable->presence = SHC_PERHAPS;
		variable->perhaps_readonly = true;
		variable->term = shc_unknown(call->in, SHC_ORIGIN_APPROXIMATION,
			shc_dfa_text(call->in->pool), call->command->range);
	}
	/* local -I: the value of outside. */
	if (before.perhaps_attributes == SHC_ATTRIBUTE_ALL)
		return shc_variable_anything(call->in, variable, call->command->range);
	return arrays ? shc_array_declare(call->in, state, declared->number, associative,
				call->command->range)
		      : 0;
}

/* bash: a new variable has neither the attributes nor the elements of the one that it hides. */
static void make_fresh(struct shc_variable *variable, const struct declared *declared,
	const struct shc_attributes_asked *asked)
{
	unsigned int outside = variable->attributes | variable->perhaps_attributes;

	variable->attributes = MADE(LOCAL_INHERITS) ? variable->attributes : 0;
	variable->perhaps_attributes = (unsigned char)(outside & asked->doubtful);
	/* The elements of x=("${x[@]}") are those of outside. */
	if (declared->value) {
		variable->elements = NULL;
		variable->array = false;
	}
}

/* Is @value what a reference can hold: the name of another variable, or of an element? */
static bool is_target(const struct declared *declared, const struct shc_term *value)
{
	struct shc_text text;
	const char *bracket;

	if (!shc_term_known(value, &text))
		return false;
	bracket = memchr(text.bytes, '[', text.length);
	if (bracket && text.bytes[text.length - 1] == ']')
		text.length = (uint32_t)(bracket - text.bytes);
	return shc_is_plain_name(text) &&
	       (text.length != declared->name.length ||
		       memcmp(text.bytes, declared->name.bytes, text.length));
}

/* declare -n x=y: that is the name of what x is from now on. @inner: of the function. 0 or -ENOMEM. */
static int declare_reference(const struct shc_call *call, struct shc_state *state,
	struct declared *declared, const struct shc_attributes_asked *asked, bool inner)
{
	struct shc_variable *variable = &state->variables[declared->number];
	const struct shc_term *target = declared->value;

	if (!target && (variable->presence != SHC_ABSENT || !variable->assigned) &&
		(!inner || variable->prefixed))
		target =
			variable->assigned ? variable->term : shc_term_text(call->in->terms, "", 0);
	/* What is no name is refused, and the variable stays what it was. */
	if (target && !is_target(declared, target)) {
		declared->wrong = 1;
		if (shc_variable_anything(call->in, variable, call->command->range))
			return -ENOMEM;
		variable->perhaps_attributes |= SHC_ATTRIBUTE_REFERENCE;
		return 0;
	}
	if (declared->assignment && (!declared->value || declared->assignment->append)) {
		shc_approximate(call->in, call->command);
		return shc_variable_anything(call->in, variable, call->command->range);
	}
	if (declared->value &&
		shc_store(call->in, state, declared->name, declared->value, call->command->range))
		return -ENOMEM;
	variable = &state->variables[declared->number];
	if (!declared->value && inner && !variable->prefixed)
		*variable = (struct shc_variable){
			.presence = SHC_ABSENT, .assigned = true, .range = call->command->range};
	shc_attributes_change(variable, asked);
	return 0;
}

/*
 * declare -g: the variable of the shell is meant. Does a function, or an assignment before a command, hide it? Then
 * that may be anything from now on, and what is seen here stays. 1, 0 or -ENOMEM.
 */
static int declare_behind(const struct shc_call *call, struct shc_state *state, uint32_t number)
{
	struct shc_interpreter *in = call->in;
	bool sealed = shc_call_option(call, 'r', NULL);
	int behind = 0;

	for (uint32_t i = 0; i < state->hidden_count; i++) {
		if (state->hidden[i].name != number)
			continue;
		behind = 1;
		if (shc_variable_anything(in, &state->hidden[i].variable, call->command->range))
			return -ENOMEM;
		state->hidden[i].variable.perhaps_readonly |= sealed;
		state->hidden[i].variable.perhaps_attributes = SHC_ATTRIBUTE_ALL;
	}
	for (uint32_t i = 0; i < in->prefix_count; i++)
		if (i >= SHC_PREFIXES_MAX || in->prefixes[i] == number)
			behind = 1;
	in->attributes_escape |= behind;
	shc_prefix_escapes(in, state, number, sealed);
	return behind;
}

/* bash: has the function that runs made this variable local already? It is the same one then. */
static bool is_own(const struct shc_call *call, const struct shc_state *state, uint32_t number)
{
	for (uint32_t i = 0; i < state->hidden_count; i++)
		if (state->hidden[i].name == number &&
			state->hidden[i].depth == call->in->call_depth)
			return call->in->script->dialect == SHC_BASH && !MADE(LOCAL_BEGINS_ANEW);
	return false;
}

/* Attributes that reach the shell's own variable, past an assignment before the function. */
static void escape(
	const struct shc_call *call, struct shc_state *state, uint32_t number, bool local)
{
	if (shc_text_is(call->name, "export") || (local && shc_call_option(call, 'x', NULL)))
		shc_prefix_escapes(call->in, state, number, false);
	if (shc_text_is(call->name, "readonly"))
		shc_prefix_escapes(call->in, state, number, true);
}

/* One operand. @local: of a function. 0 or -ENOMEM. */
static int declare_one(
	const struct shc_call *call, struct shc_state *state, struct declared *declared, bool local)
{
	struct shc_interpreter *in = call->in;
	bool attributes = local && in->script->dialect == SHC_BASH;
	bool global = attributes && shc_call_option(call, 'g', NULL) && !MADE(GLOBAL_IS_LOCAL);
	bool inner = local && in->call_depth && !global;
	bool own = inner && is_own(call, state, declared->number);
	const struct shc_attributes_asked asked =
		attributes ? shc_attributes_asked(call, state) : (struct shc_attributes_asked){0};
	bool fresh = false;
	int r;
	bool associative = shc_call_option(call, 'A', NULL);
	bool arrays = associative || shc_call_option(call, 'a', NULL);
	struct shc_variable *variable = &state->variables[declared->number];

	escape(call, state, declared->number, local);
	if (global && in->call_depth) {
		r = declare_behind(call, state, declared->number);
		declared->elsewhere = r > 0;
		if (r)
			return r < 0 ? r : 0;
	}
	if (inner && refuses_local(call, state, declared->number))
		return 0;
	if (inner && !own) {
		if (hide(call, state, declared->number))
			return -ENOMEM;
		variable->readonly &= in->script->dialect != SHC_BASH;
		fresh = in->script->dialect == SHC_BASH && !variable->prefixed;
		if (fresh)
			make_fresh(variable, declared, &asked);
	}
	if (asked.set & SHC_ATTRIBUTE_REFERENCE)
		return declare_reference(call, state, declared, &asked, inner && !own);
	if (attributes && !fresh && asked.clear & SHC_ATTRIBUTE_REFERENCE)
		shc_attributes_change(variable, &asked);
	/* What is said of a reference is said of the variable behind it, unless it is a new one. */
	r = fresh ? 1 : shc_resolve_assigned(in, state, declared->name, &declared->number);
	if (r <= 0)
		return r;
	variable = &state->variables[declared->number];
	if (attributes)
		shc_attributes_change(variable, &asked);
	if (MADE(ATTRIBUTE_CHANGES_VALUE) && !declared->value && variable->term &&
		shc_attributed(in, state, variable, false, NULL, variable->term,
			call->command->range, &variable->term))
		return -ENOMEM;
	if (MADE(EXPORT_ASSIGNS_NOTHING) && shc_text_is(call->name, "export"))
		return 0;
	if (declared->assignment && arrays &&
		shc_array_declare(in, state, declared->number, associative, call->command->range))
		return -ENOMEM;
	if (declared->assignment && declared->value && !(fresh && declared->assignment->append))
		return shc_assign_or_append(in, state, declared->assignment, declared->value);
	if (declared->value)
		return shc_assign(in, state, declared->name, declared->value, call->command->range);
	if (declared->assignment) {
		if (shc_run_array(in, state, declared->assignment) < 0)
			return -ENOMEM;
		/* What was added to the one outside is all that is in the new one. */
		return fresh && declared->assignment->append
			       ? shc_array_forget(in, state, declared->name, call->command->range)
			       : 0;
	}
	if (arrays && (!inner || own))
		return shc_array_declare(
			in, state, declared->number, associative, call->command->range);
	if ((inner && !own) || (!inner && shc_text_is(call->name, "local")))
		return declare_local(call, state, declared, arrays, associative);
	return 0;
}

/* The first operand of a declaration: declare has options with +, too. */
static uint32_t declared_from(
	const struct shc_call *call, const struct shc_state *state, bool local)
{
	return local && call->in->script->dialect == SHC_BASH
		       ? shc_attributes_asked(call, state).operand
		       : shc_call_operand(call);
}

/* export, readonly, local, declare, typeset: names and name=value operands. *@wrong: is one refused, see above? */
static int declare(const struct shc_call *call, struct shc_state *state, bool local, int *wrong)
{
	bool readonly = shc_text_is(call->name, "readonly") ||
			(local && call->in->script->dialect == SHC_BASH &&
				shc_call_option(call, 'r', NULL));

	for (uint32_t i = declared_from(call, state, local); i < call->fields.count; i++) {
		struct declared declared;
		int r = declared_by(call, state, i, &declared);

		if (r > 0 && declare_one(call, state, &declared, local))
			r = -ENOMEM;
		if (r < 0)
			return r;
		*wrong = declared.wrong > *wrong ? declared.wrong : *wrong;
		if (r && readonly && !declared.elsewhere) {
			state->variables[declared.number].readonly = true;
			state->variables[declared.number].perhaps_readonly = false;
		}
	}
	return 0;
}

static bool has_substitution(const struct shc_part *part)
{
	for (; part; part = part->next)
		if (part->kind == SHC_PART_COMMAND ||
			(part->kind == SHC_PART_DOUBLE && has_substitution(part->parts)))
			return true;
	return false;
}

/* local x=$(command): the status is that of `local`. */
static bool hides_status(const struct shc_call *call)
{
	for (uint32_t i = 1; i < call->fields.count; i++) {
		const struct shc_word *word = call->fields.items[i].word;

		if (word && word->assignment && has_substitution(word->parts))
			return true;
	}
	return false;
}

/* Is @name one that may be declared, with a subscript or + behind it in bash? */
static bool is_name(struct shc_text name, bool bash)
{
	static const char bytes[] =
		"0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	uint32_t i = 0;

	/* No digit at the beginning. */
	while (i < name.length &&
		memchr(bytes + (i ? 0 : 10), name.bytes[i], sizeof(bytes) - 1 - (i ? 0 : 10)))
		i++;
	return i && (i == name.length || (bash && name.bytes[i] == '[') ||
			    (bash && name.bytes[i] == '+' && i + 1 == name.length));
}

/* How many of the operands are no names: none (0), perhaps some (1), some (2)? */
static int misnamed(const struct shc_call *call, uint32_t first)
{
	bool bash = call->in->script->dialect == SHC_BASH;
	int result = 0;

	for (uint32_t i = first; i < call->fields.count; i++) {
		const struct shc_field *field = &call->fields.items[i];
		const struct shc_term *value;
		struct shc_text name;

		if (field->word->assignment) {
			if (bash && !field->word->constant && shc_has_braces(field->word))
				result = 1;
			continue;
		}
		if (split_operand(call, call->values[i], &name, &value) && !is_name(name, bash) &&
			field->occurrence == SHC_ONCE)
			return 2;
		if (!shc_field_is_one(field) ||
			!split_operand(call, call->values[i], &name, &value))
			result = 1;
	}
	return result;
}

static int run_declare(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	bool local = shc_text_is(call->name, "local") || shc_text_is(call->name, "declare") ||
		     shc_text_is(call->name, "typeset");
	int wrong = misnamed(call, declared_from(call, state, local));

	if (declare(call, state, local, &wrong)) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	/* After `local` the shell ends when the function does; taken as if here, or not at all. */
	if (wrong && call->in->script->dialect != SHC_BASH) {
		int r = end_misnamed(call, state, local ? 1 : wrong, out);

		if (r <= 0)
			return r;
		wrong = 0;
	}
	if (!MADE(DECLARATION_SHOWS_STATUS))
		shc_set_status(state, call->command, wrong == 2, wrong != 0);
	state->status.lost = !wrong && hides_status(call);
	if (state->status.lost)
		shc_check_declared(call->in, state, call->command);
	return shc_outcomes_add(call->in, out, state, SHC_FLOW_NEXT, 0);
}

/* The same call without its first field and options behind it; functions are left out. */
static int run_without_first(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	uint32_t first = shc_call_operand(call);
	struct shc_call inner = *call;

	if (first >= call->fields.count)
		return finish(call, state, out, 0, 0);
	if (call->fields.items[first].occurrence != SHC_ONCE)
		return run_opaque(call, state, out);
	inner.fields.items += first;
	inner.fields.count -= first;
	inner.values += first;
	inner.name.length = 0;
	(void)shc_term_known(inner.values[0], &inner.name);
	return shc_dispatch(&inner, state, false, out);
}

/* command, builtin: as if the word were not there; `command -v` asks. */
static int run_command_builtin(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	if (shc_call_option(call, 'v', NULL) || shc_call_option(call, 'V', NULL)) {
		return shc_lookup_run(call, state, out);
	}
	return run_without_first(call, state, out);
}

static const struct shc_builtin builtins[] = {
	{":", true, run_true},
	{".", true, shc_source_run},
	{"[", false, shc_test_run},
	{"alias", false, run_opaque},
	{"bg", false, run_opaque},
	{"break", true, run_break},
	{"builtin", false, run_without_first},
	{"cd", false, run_cd},
	{"command", false, run_command_builtin},
	{"continue", true, run_continue},
	{"declare", false, run_declare},
	{"dirs", false, run_opaque},
	{"echo", false, shc_echo_run},
	{"eval", true, shc_eval_run},
	{"exec", true, run_exec},
	{"exit", true, run_exit},
	{"export", true, run_declare},
	{"false", false, run_false},
	{"fg", false, run_opaque},
	{"getopts", false, shc_getopts_run},
	{"hash", false, run_hash},
	{"jobs", false, run_opaque},
	{"kill", false, run_wait},
	{"let", false, run_let},
	{"local", false, run_declare},
	{"mapfile", false, shc_mapfile_run},
	{"popd", false, run_popd},
	{"printf", false, shc_printf_run},
	{"pushd", false, run_pushd},
	{"pwd", false, shc_pwd_run},
	{"read", false, shc_read_run},
	{"readarray", false, shc_mapfile_run},
	{"readonly", true, run_declare},
	{"return", true, run_return},
	{"set", true, run_set},
	{"shift", true, run_shift},
	{"shopt", false, run_shopt},
	{"source", false, shc_source_run},
	{"test", false, shc_test_run},
	{"times", true, run_true},
	{"trap", true, shc_trap_run},
	{"true", false, run_true},
	{"type", false, shc_lookup_run},
	{"typeset", false, run_declare},
	{"ulimit", false, run_opaque},
	{"umask", false, run_opaque},
	{"unalias", false, run_opaque},
	{"unset", true, run_unset},
	{"wait", false, run_wait},
};

const struct shc_builtin *shc_builtin_find(struct shc_text name)
{
	for (size_t i = 0; name.length && i < sizeof(builtins) / sizeof(*builtins); i++)
		if (shc_text_is(name, builtins[i].name))
			return &builtins[i];
	return NULL;
}
