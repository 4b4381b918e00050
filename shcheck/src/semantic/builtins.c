/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The built-ins that change the shell's own state (POSIX.1-2017 XCU 2.14; bash(1), SHELL BUILTIN COMMANDS).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "parameter.h"
#include "path.h"

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

/* Append @term to what a substitution captures. 0 or -ENOMEM. */
static int print(const struct shc_call *call, struct shc_state *state, const struct shc_term *term)
{
	if (!state->output)
		return term ? 0 : -ENOMEM;
	state->output = shc_term_concat(call->in->terms, state->output, term);
	return state->output ? 0 : -ENOMEM;
}

/* What operand @index adds to the output: file names and split values are not known. NULL when there is no memory. */
static const struct shc_term *printed(const struct shc_call *call, uint32_t index)
{
	if (shc_field_is_one(&call->fields.items[index]))
		return call->values[index];
	return shc_unknown(
		call->in, SHC_ORIGIN_OUTPUT, shc_dfa_text(call->in->pool), call->command->range);
}

static int run_true(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	return finish(call, state, out, 0, 0);
}

static int run_false(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	return finish(call, state, out, 1, 1);
}

/* A built-in that is not modelled: any status. */
static int run_opaque(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	shc_approximate(call->in, call->command);
	return finish(call, state, out, 0, 255);
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

static int run_cd(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	uint32_t operand = shc_call_operand(call);
	const struct shc_term *to = operand < call->fields.count ? call->values[operand] : in->home;
	struct shc_state *failed = shc_state_clone(state);
	const struct shc_fact *fact;
	const struct shc_term *path = shc_path_normal(in, state, to);

	if (!failed || !path) {
		shc_state_destroy(failed);
		shc_state_destroy(state);
		return -ENOMEM;
	}
	fact = shc_path_fact(in, state, path);
	shc_set_status(failed, call->command, 1, 1);
	failed->directory_doubtful = true;
	failed->directory_range = call->command->range;
	if (fact && fact->kind == SHC_FILE_DIRECTORY) {
		shc_state_destroy(failed);
		failed = NULL;
	}
	state->directory = directory_after(call, state, to);
	state->directory_doubtful = false;
	shc_set_status(state, call->command, 0, 0);
	if (!state->directory ||
		shc_path_learn(in, state, path, SHC_FILE_DIRECTORY, call->command->range)) {
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

/* ---- Output --------------------------------------------------------------------------------------------------- */

static int run_pwd(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_terms *terms = call->in->terms;

	if (print(call, state, state->directory) ||
		print(call, state, shc_term_text(terms, "\n", 1))) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	return finish(call, state, out, 0, 0);
}

static int run_echo(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_terms *terms = call->in->terms;
	bool newline = true;
	int r = 0;

	for (uint32_t i = 1; i < call->fields.count && !r; i++) {
		if (i == 1 && shc_term_is(call->values[1], "-n")) {
			newline = false;
			continue;
		}
		if (i > (newline ? 1u : 2u))
			r = print(call, state, shc_term_text(terms, " ", 1));
		if (!r)
			r = print(call, state, printed(call, i));
	}
	if (!r && newline)
		r = print(call, state, shc_term_text(terms, "\n", 1));
	if (r) {
		shc_state_destroy(state);
		return r;
	}
	return finish(call, state, out, 0, 0);
}

/* printf with the plain formats that scripts use; every other format prints anything. */
static int run_printf(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	bool line = call->fields.count >= 2 && shc_term_is(call->values[1], "%s\\n");
	bool plain = call->fields.count >= 2 && shc_term_is(call->values[1], "%s");
	int r = 0;

	if ((line || plain) && call->fields.count == 3) {
		r = print(call, state, printed(call, 2));
		if (!r && line)
			r = print(call, state, shc_term_text(in->terms, "\n", 1));
	} else if (state->output) {
		r = print(call, state,
			shc_unknown(in, SHC_ORIGIN_OUTPUT, shc_dfa_text(in->pool),
				call->command->range));
	}
	if (r) {
		shc_state_destroy(state);
		return r;
	}
	return finish(call, state, out, 0, 0);
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

static int leave(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out,
	enum shc_flow flow)
{
	int status;

	if (call->fields.count > 1) {
		status = known_number(call->values[1], -1);
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

static int leave_loop(const struct shc_call *call, struct shc_state *state,
	struct shc_outcomes *out, enum shc_flow flow)
{
	int levels = call->fields.count > 1 ? known_number(call->values[1], 1) : 1;

	shc_set_status(state, call->command, 0, 0);
	return shc_outcomes_add(call->in, out, state, flow, (uint32_t)(levels ? levels : 1));
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

/* exec with a command never returns where the command exists. */
static int run_exec(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	if (call->fields.count < 2)
		return finish(call, state, out, 0, 0);
	shc_set_status(state, call->command, 0, 255);
	return shc_outcomes_add(call->in, out, state, SHC_FLOW_EXIT, 0);
}

/* ---- Options and parameters ----------------------------------------------------------------------------------- */

static void set_option(struct shc_state *state, char letter, bool on)
{
	switch (letter) {
	case 'e':
		state->errexit = on;
		break;
	case 'u':
		state->nounset = on;
		break;
	case 'f':
		state->noglob = on;
		break;
	case 'C':
		state->noclobber = on;
		break;
	default:
		break;
	}
}

static void set_long_option(struct shc_state *state, struct shc_text name, bool on)
{
	static const struct {
		const char *name;
		char letter;
	} options[] = {{"errexit", 'e'}, {"nounset", 'u'}, {"noglob", 'f'}, {"noclobber", 'C'}};

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (shc_text_is(name, options[i].name))
			set_option(state, options[i].letter, on);
	if (shc_text_is(name, "pipefail"))
		state->pipefail = on;
}

static bool comes_from_output(const struct shc_field *field)
{
	for (uint32_t i = 0; i < field->count; i++)
		if (field->pieces[i].piece.atom &&
			field->pieces[i].piece.atom->origin == SHC_ORIGIN_OUTPUT)
			return true;
	return false;
}

static int set_arguments(const struct shc_call *call, struct shc_state *state, uint32_t first)
{
	uint32_t count = 0;
	const struct shc_term **arguments = malloc((call->fields.count + 1) * sizeof(*arguments));

	if (!arguments)
		return -ENOMEM;
	state->arguments_open = false;
	state->arguments_output = false;
	for (uint32_t i = first; i < call->fields.count; i++) {
		if (!shc_field_is_one(&call->fields.items[i])) {
			/* A pattern gives one field at least. */
			if (call->fields.items[i].occurrence == SHC_ONCE)
				arguments[count++] =
					shc_loop_value(call->in, &call->fields.items[i]);
			state->arguments_open = true;
			state->arguments_output = comes_from_output(&call->fields.items[i]);
			state->shifted += 100;
			break;
		}
		arguments[count++] = shc_loop_value(call->in, &call->fields.items[i]);
	}
	free(state->arguments);
	state->arguments = arguments;
	state->argument_count = count;
	return 0;
}

static int run_set(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	uint32_t i;
	bool replaced = false;

	for (i = 1; i < call->fields.count; i++) {
		struct shc_text text;

		if (!shc_term_known(call->values[i], &text) || text.length < 2 ||
			(text.bytes[0] != '-' && text.bytes[0] != '+'))
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
	if ((replaced || i < call->fields.count) && set_arguments(call, state, i)) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	return finish(call, state, out, 0, 0);
}

static int run_shift(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	uint32_t by = call->fields.count > 1 ? (uint32_t)known_number(call->values[1], 1) : 1;
	uint32_t known = by < state->argument_count ? by : state->argument_count;

	if (!state->arguments_open && by > state->argument_count)
		return finish(call, state, out, 1, 2);
	if (known > 0)
		memmove(state->arguments, state->arguments + known,
			(state->argument_count - known) * sizeof(*state->arguments));
	state->argument_count -= known;
	state->shifted += by - known;
	return finish(call, state, out, 0, state->arguments_open && by > known ? 1 : 0);
}

static int run_unset(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	bool functions = shc_call_option(call, 'f', NULL);

	for (uint32_t i = shc_call_operand(call); i < call->fields.count; i++) {
		struct shc_variable *variable;
		struct shc_text name;
		uint32_t number;

		if (!shc_term_known(call->values[i], &name))
			continue;
		if (shc_name_number(call->in, name, &number)) {
			shc_state_destroy(state);
			return -ENOMEM;
		}
		if (functions) {
			(void)shc_state_define(state, number, NULL);
			continue;
		}
		variable = shc_state_variable(state, number);
		if (!variable) {
			shc_state_destroy(state);
			return -ENOMEM;
		}
		*variable = (struct shc_variable){
			.presence = SHC_ABSENT, .assigned = true, .range = call->command->range};
	}
	return finish(call, state, out, 0, 0);
}

/* ---- Declarations --------------------------------------------------------------------------------------------- */

void shc_restore_hidden(struct shc_state *state, uint32_t depth)
{
	while (state->hidden_count && state->hidden[state->hidden_count - 1].depth >= depth) {
		const struct shc_hidden *hidden = &state->hidden[--state->hidden_count];

		if (hidden->name < state->variable_count)
			state->variables[hidden->name] = hidden->variable;
	}
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

/* export, readonly, local, declare, typeset: names and name=value operands. */
static int declare(const struct shc_call *call, struct shc_state *state, bool local)
{
	struct shc_interpreter *in = call->in;

	for (uint32_t i = shc_call_operand(call); i < call->fields.count; i++) {
		const struct shc_assignment *a = call->fields.items[i].word->assignment;
		struct shc_text name;
		uint32_t number;

		if (a)
			name = a->name;
		else if (!shc_term_known(call->values[i], &name))
			continue;
		if (shc_name_number(in, name, &number))
			return -ENOMEM;
		if (local && in->call_depth && hide(call, state, number))
			return -ENOMEM;
		if (a) {
			if (shc_run_assignment(in, state, a) < 0)
				return -ENOMEM;
		} else if (local) {
			struct shc_variable *variable = shc_state_variable(state, number);

			if (!variable)
				return -ENOMEM;
			*variable = (struct shc_variable){.presence = SHC_ABSENT,
				.assigned = true,
				.range = call->command->range};
			in->names[number].assigned_anywhere = true;
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

static int run_declare(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	bool local = shc_text_is(call->name, "local") || shc_text_is(call->name, "declare") ||
		     shc_text_is(call->name, "typeset");

	if (declare(call, state, local)) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	shc_set_status(state, call->command, 0, 0);
	state->status.lost = hides_status(call);
	return shc_outcomes_add(call->in, out, state, SHC_FLOW_NEXT, 0);
}

/* read and its kin: every named variable is unknown afterwards. */
static int run_read(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;

	for (uint32_t i = shc_call_operand(call); i < call->fields.count; i++) {
		const struct shc_term *term;
		struct shc_text name;

		if (!shc_term_known(call->values[i], &name) || !name.length)
			continue;
		term = shc_unknown(
			in, SHC_ORIGIN_INPUT, shc_dfa_text(in->pool), call->command->range);
		if (!term || shc_assign(in, state, name, term, call->command->range)) {
			shc_state_destroy(state);
			return -ENOMEM;
		}
	}
	return shc_status_both(call, state, out);
}

/* A sourced file that is not read may set anything. */
static int run_source(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	shc_approximate(call->in, call->command);
	state->sourced = true;
	return finish(call, state, out, 0, 255);
}

/* Where a command was looked for in vain, it is known not to be there. */
static int ask_availability(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	uint32_t operand = shc_call_operand(call);
	struct shc_state *absent = shc_state_clone(state);
	const struct shc_dfa *language;
	const struct shc_term *key;
	struct shc_text name;
	int r;

	if (!absent) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	shc_set_status(state, call->command, 0, 0);
	shc_set_status(absent, call->command, 1, 127);
	if (shc_dfa_glob(call->in->pool, "?*", 2, 0, &language, NULL) ||
		print(call, state,
			shc_unknown(call->in, SHC_ORIGIN_OUTPUT, language, call->command->range))) {
		shc_state_destroy(state);
		shc_state_destroy(absent);
		return -ENOMEM;
	}
	if (operand + 1 == call->fields.count && shc_term_known(call->values[operand], &name)) {
		key = shc_availability(call->in, name);
		r = key ? shc_path_learn(
				  call->in, absent, key, SHC_FILE_NOTHING, call->command->range)
			: -ENOMEM;
		if (r) {
			shc_state_destroy(state);
			shc_state_destroy(absent);
			return r;
		}
		/* Anything that runs in between may install it. */
		absent->facts[absent->fact_count - 1].tested = true;
	}
	r = shc_outcomes_add(call->in, out, state, SHC_FLOW_NEXT, 0);
	if (r) {
		shc_state_destroy(absent);
		return r;
	}
	return shc_outcomes_add(call->in, out, absent, SHC_FLOW_NEXT, 0);
}

/* command, builtin: as if the word were not there; `command -v` asks. */
static int run_command_builtin(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	if (shc_call_option(call, 'v', NULL) || shc_call_option(call, 'V', NULL)) {
		return ask_availability(call, state, out);
	}
	return run_opaque(call, state, out);
}

static const struct shc_builtin builtins[] = {
	{":", true, run_true},
	{".", true, run_source},
	{"[", false, shc_test_run},
	{"alias", false, run_opaque},
	{"bg", false, run_opaque},
	{"break", true, run_break},
	{"builtin", false, run_opaque},
	{"cd", false, run_cd},
	{"command", false, run_command_builtin},
	{"continue", true, run_continue},
	{"declare", false, run_declare},
	{"dirs", false, run_opaque},
	{"echo", false, run_echo},
	{"eval", true, run_source},
	{"exec", true, run_exec},
	{"exit", true, run_exit},
	{"export", true, run_declare},
	{"false", false, run_false},
	{"fg", false, run_opaque},
	{"getopts", false, run_source},
	{"hash", false, run_opaque},
	{"jobs", false, run_opaque},
	{"kill", false, run_opaque},
	{"let", false, run_source},
	{"local", false, run_declare},
	{"mapfile", false, run_source},
	{"popd", false, run_opaque},
	{"printf", false, run_printf},
	{"pushd", false, run_cd},
	{"pwd", false, run_pwd},
	{"read", false, run_read},
	{"readarray", false, run_source},
	{"readonly", true, run_declare},
	{"return", true, run_return},
	{"set", true, run_set},
	{"shift", true, run_shift},
	{"shopt", false, run_true},
	{"source", false, run_source},
	{"test", false, shc_test_run},
	{"times", true, run_true},
	{"trap", true, run_true},
	{"true", false, run_true},
	{"type", false, run_opaque},
	{"typeset", false, run_declare},
	{"ulimit", false, run_opaque},
	{"umask", false, run_opaque},
	{"unalias", false, run_opaque},
	{"unset", true, run_unset},
	{"wait", false, run_opaque},
};

const struct shc_builtin *shc_builtin_find(struct shc_text name)
{
	for (size_t i = 0; name.length && i < sizeof(builtins) / sizeof(*builtins); i++)
		if (shc_text_is(name, builtins[i].name))
			return &builtins[i];
	return NULL;
}
