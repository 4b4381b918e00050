/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands that run another command: env, sudo, timeout and the like pass their last operands on; sh -c runs a text;
 * xargs and find -exec add operands. What is run is analysed like any other command of the script.
 */
#include "transformers.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "inclusion.h"
#include "lookup.h"
#include "mistake.h"
#include "parameter.h"
#include "path.h"

enum { OPERANDS_MAX = 64 };

/* A command that runs what stands behind its own operands. */
static const struct prefix {
	const char *name;
	const char *with_value; /* letters of the options that take an operand */
	uint32_t operands;      /* of its own, before the command */
} prefixes[] = {
	{"chronic", "", 0},
	{"chrt", "TPD", 1},
	{"doas", "Cu", 0},
	{"eatmydata", "", 0},
	{"env", "uC", 0},
	{"fakeroot", "lsbif", 0},
	{"flock", "wE", 1},
	{"ionice", "cnp", 0},
	{"nice", "n", 0},
	{"nohup", "", 0},
	{"setsid", "", 0},
	{"stdbuf", "ioe", 0},
	{"sudo", "ughpCrtTUDR", 0},
	{"taskset", "", 1},
	{"time", "fo", 0},
	{"timeout", "ks", 1},
	{"xargs", "InPLdasE", 0},
};

static const struct prefix *prefix_of(struct shc_text name)
{
	for (size_t i = 0; name.length && i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (shc_text_is(name, prefixes[i].name))
			return &prefixes[i];
	return NULL;
}

static bool is_shell(struct shc_text name)
{
	return shc_text_is(name, "sh") || shc_text_is(name, "bash") || shc_text_is(name, "dash") ||
	       shc_text_is(name, "/bin/sh") || shc_text_is(name, "/bin/bash");
}

bool shc_transformer_known(struct shc_text name)
{
	return prefix_of(name) || is_shell(name) || shc_text_is(name, "find") ||
	       shc_text_is(name, "which");
}

static bool is_assignment(struct shc_text text)
{
	uint32_t at = 0;

	while (at < text.length &&
		(text.bytes[at] == '_' || isalnum((unsigned char)text.bytes[at])))
		at++;
	return at && at < text.length && text.bytes[at] == '=';
}

/* Where the command of a prefix begins; UINT32_MAX when that is not known, the count when there is none. */
static uint32_t inner_of(const struct shc_call *call, const struct prefix *prefix)
{
	uint32_t at = 1, own = prefix->operands, count = call->fields.count;
	bool assigns = shc_text_is(call->name, "env") || shc_text_is(call->name, "sudo");
	struct shc_text text;

	for (; at < count; at++) {
		if (!shc_term_known(call->values[at], &text))
			break;
		if (text.length < 2 || text.bytes[0] != '-')
			break;
		if (shc_text_is(text, "--")) {
			at++;
			break;
		}
		if (text.bytes[1] != '-' && strchr(prefix->with_value, text.bytes[text.length - 1]))
			at++;
	}
	for (; at < count && assigns; at++)
		if (!shc_term_known(call->values[at], &text) || !is_assignment(text))
			break;
	for (uint32_t i = at; i < count && i <= at + own; i++)
		if (call->fields.items[i].occurrence != SHC_ONCE)
			return UINT32_MAX;
	return at + own < count ? at + own : count;
}

/* Built-ins of a shell that are no programs, so that sudo and the like do not find them. */
static bool is_program(struct shc_text name)
{
	static const char *const both[] = {"echo", "printf", "test", "[", "true", "false", "pwd"};

	if (!shc_builtin_find(name))
		return true;
	for (size_t i = 0; i < sizeof(both) / sizeof(*both); i++)
		if (shc_text_is(name, both[i]))
			return true;
	return false;
}

int shc_run_program(const struct shc_call *call, uint32_t first, struct shc_state *state,
	struct shc_outcomes *out)
{
	struct shc_call inner = *call;

	inner.fields.items += first;
	inner.fields.count -= first;
	inner.values += first;
	inner.name.length = 0;
	if (inner.fields.items[0].occurrence == SHC_ONCE)
		(void)shc_term_known(inner.values[0], &inner.name);
	if (!inner.name.length || !is_program(inner.name))
		return shc_call_unknown(call, state, out);
	return shc_dispatch(&inner, state, false, out);
}

static int run_prefix(const struct shc_call *call, const struct prefix *prefix,
	struct shc_state *state, struct shc_outcomes *out)
{
	uint32_t first = inner_of(call, prefix);
	struct shc_state *failed;

	if (first >= call->fields.count)
		return shc_call_unknown(call, state, out);
	/* The transformer may fail by itself: then nothing has run. */
	failed = shc_state_clone(state);
	if (!failed) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	shc_set_status(failed, call->command, 1, 255);
	if (shc_outcomes_add(call->in, out, failed, SHC_FLOW_NEXT, 0)) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	return shc_run_program(call, first, state, out);
}

/* ---- Operands that are added ------------------------------------------------------------------------------------ */

/* A call made of fields of another one and of added ones. Everything but the arrays is borrowed. */
struct composed {
	struct shc_call call;
	struct shc_field items[OPERANDS_MAX];
	const struct shc_term *values[OPERANDS_MAX + 1];
};

static void compose(struct composed *to, const struct shc_call *call)
{
	to->call = *call;
	to->call.fields = (struct shc_fields){.items = to->items};
	to->call.values = to->values;
	to->call.name.length = 0;
}

static bool add_field(
	struct composed *to, const struct shc_field *field, const struct shc_term *value)
{
	if (to->call.fields.count == OPERANDS_MAX)
		return false;
	to->items[to->call.fields.count] = *field;
	to->values[to->call.fields.count++] = value;
	return true;
}

/* One more operand, or any number of them, of which nothing is known. 0 or -ENOMEM. */
static int add_unknown(struct composed *to, enum shc_origin origin, enum shc_occurrence occurrence)
{
	struct shc_interpreter *in = to->call.in;
	struct shc_field_piece *piece;
	const struct shc_dfa *language;
	const struct shc_term *value;

	if (shc_dfa_glob(in->pool, "?*", 2, 0, &language, NULL))
		language = shc_dfa_text(in->pool);
	value = shc_term_atom(in->terms, origin, language, to->call.command->range);
	piece = shc_arena_take(in->arena, sizeof(*piece));
	if (!value || !piece)
		return -ENOMEM;
	*piece = (struct shc_field_piece){.piece.atom = shc_term_single_atom(value)};
	(void)add_field(to,
		&(struct shc_field){.pieces = piece,
			.count = 1,
			.occurrence = occurrence,
			.word = to->call.command->simple.words},
		value);
	return 0;
}

/* A command that deletes its operands. */
static bool deletes(struct shc_text name)
{
	return shc_text_is(name, "rm") || shc_text_is(name, "unlink") || shc_text_is(name, "shred");
}

/*
 * What commands that were run once or more, or not at all, leave behind: files may have changed more than one run of
 * them says, and the status is one of the command that runs them. Moves @results to @out.
 */
static int add_repeated(const struct shc_call *call, struct shc_outcomes *results, int high,
	struct shc_outcomes *out)
{
	int r = 0;

	for (uint32_t i = 0; i < results->count; i++) {
		struct shc_outcome *item = &results->items[i];

		shc_path_shake(item->state);
		if (item->flow == SHC_FLOW_NEXT)
			shc_set_status(item->state, call->command, 0, high);
		if (r)
			shc_state_destroy(item->state);
		else
			r = shc_outcomes_add(call->in, out, item->state, item->flow, item->levels);
	}
	results->count = 0;
	shc_outcomes_finish(results);
	return r;
}

/* xargs: what `find` has listed in the stage before is what a command that deletes gets. */
static int run_xargs(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	uint32_t first = inner_of(call, prefix_of(call->name));
	struct shc_outcomes results = {0};
	struct composed inner;
	struct shc_state *copy;
	struct shc_text name = {0};
	int r;

	if (first >= call->fields.count)
		return shc_call_unknown(call, state, out);
	compose(&inner, call);
	for (uint32_t i = first; i < call->fields.count; i++)
		(void)add_field(&inner, &call->fields.items[i], call->values[i]);
	(void)shc_term_known(call->values[first], &name);
	if (in->listed.protection != SHC_UNPROTECTED && in->listed_stage + 1 == in->stage &&
		deletes(name))
		shc_report_removal(call, state, &in->listed);
	/* Without input it may not run at all. */
	copy = shc_state_clone(state);
	r = copy ? add_unknown(&inner, SHC_ORIGIN_INPUT, SHC_ANY) : -ENOMEM;
	if (!r) {
		shc_set_status(copy, call->command, 0, 255);
		r = shc_outcomes_add(in, out, copy, SHC_FLOW_NEXT, 0);
		copy = NULL;
	}
	if (r) {
		shc_state_destroy(copy);
		shc_state_destroy(state);
		return r;
	}
	r = shc_run_program(&inner.call, 0, state, &results);
	if (r) {
		shc_outcomes_finish(&results);
		return r;
	}
	return add_repeated(call, &results, 255, out);
}

/* ---- find ------------------------------------------------------------------------------------------------------- */

struct search {
	uint32_t first, end; /* roots */
	bool filtered;       /* not everything below them is found */
	bool deletes;
	bool misplaced; /* a test behind -delete, which it does not hold back */
	bool executes;
};

static bool is_any_of(struct shc_text text, const char *const *names)
{
	for (; *names; names++)
		if (shc_text_is(text, *names))
			return true;
	return false;
}

static void read_search(const struct shc_call *call, struct search *search)
{
	static const char *const plain[] = {"-type", "-depth", "-d", "-xdev", "-mount", "-mindepth",
		"-print", "-print0", "-delete", "-follow", "-exec", "-execdir", "-ok", "-ls",
		"-noleaf", "-a", "-and", NULL};
	static const char *const executing[] = {"-exec", "-execdir", NULL};
	uint32_t at = 1, count = call->fields.count;
	bool deleted = false;
	struct shc_text text;

	*search = (struct search){.filtered = false};
	while (at < count && shc_term_known(call->values[at], &text) && text.length == 2 &&
		text.bytes[0] == '-' && strchr("HLP", text.bytes[1]))
		at++;
	search->first = at;
	while (at < count && !(shc_term_known(call->values[at], &text) && text.length &&
				     strchr("-(!", text.bytes[0])))
		at++;
	search->end = at;
	for (; at < count; at++) {
		if (!shc_term_known(call->values[at], &text)) {
			search->filtered = true;
			continue;
		}
		search->deletes |= shc_text_is(text, "-delete");
		deleted |= shc_text_is(text, "-delete");
		if (is_any_of(text, executing)) {
			search->executes = true;
			search->deletes |= at + 1 < count &&
					   shc_term_known(call->values[at + 1], &text) &&
					   deletes(text);
			while (at + 1 < count && !shc_term_is(call->values[at + 1], ";") &&
				!shc_term_is(call->values[at + 1], "+"))
				at++;
			continue;
		}
		if (!text.length || !strchr("-(!", text.bytes[0]) || is_any_of(text, plain))
			continue;
		search->misplaced |= deleted && !search->filtered;
		search->filtered = true;
	}
}

/* The commands of -exec, each with an unknown name in place of {}. Takes @state. */
static int run_executed(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	static const char *const executing[] = {"-exec", "-execdir", NULL};
	struct shc_outcomes results = {0};
	struct shc_text text;
	int r = 0;

	for (uint32_t at = 1; at < call->fields.count && !r; at++) {
		struct shc_state *copy;
		struct composed inner;

		if (!shc_term_known(call->values[at], &text) || !is_any_of(text, executing))
			continue;
		compose(&inner, call);
		for (at++; at < call->fields.count && !r; at++) {
			if (shc_term_is(call->values[at], ";"))
				break;
			if (shc_term_is(call->values[at], "{}"))
				r = add_unknown(&inner, SHC_ORIGIN_FILE_NAME, SHC_ONCE);
			else if (!shc_term_is(call->values[at], "+"))
				(void)add_field(&inner, &call->fields.items[at], call->values[at]);
		}
		if (r || !inner.call.fields.count)
			continue;
		copy = shc_state_clone(state);
		r = copy ? shc_run_program(&inner.call, 0, copy, &results) : -ENOMEM;
	}
	/* Nothing may be found at all. */
	shc_set_status(state, call->command, 0, 1);
	if (r) {
		shc_outcomes_finish(&results);
		shc_state_destroy(state);
		return r;
	}
	if (add_repeated(call, &results, 1, out)) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	return shc_outcomes_add(call->in, out, state, SHC_FLOW_NEXT, 0);
}

/* What find lists, or deletes, begins at its roots. */
static void check_roots(
	const struct shc_call *call, struct shc_state *state, const struct search *search)
{
	struct shc_interpreter *in = call->in;

	in->listed = (struct shc_harm){0};
	in->listed_stage = in->stage;
	for (uint32_t i = search->first; i < search->end; i++) {
		struct shc_harm harm = shc_field_harm(in, state, &call->fields.items[i]);

		/* Some files of a whole system may be meant, unless the root is one by accident. */
		if (search->misplaced && harm.protection != SHC_UNPROTECTED) {
			shc_report_removal(call, state, &harm);
			continue;
		}
		if (harm.protection == SHC_UNPROTECTED || (search->filtered && !harm.empty) ||
			(harm.protection != SHC_PROTECTED_SYSTEM && !harm.empty &&
				!(search->deletes && !search->filtered &&
					state->directory_doubtful)))
			continue;
		if (search->deletes)
			shc_report_removal(call, state, &harm);
		in->listed = harm;
	}
}

static int run_find(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	struct search search;

	read_search(call, &search);
	check_roots(call, state, &search);
	for (uint32_t i = search.first; i < search.end; i++) {
		const struct shc_term *path = shc_path_normal(in, state, call->values[i]);

		if (!path || shc_path_read(in, state, path)) {
			shc_state_destroy(state);
			return -ENOMEM;
		}
	}
	if (state->output) {
		state->output = shc_term_concat(in->terms, state->output,
			shc_unknown(in, SHC_ORIGIN_FILE_NAME, shc_dfa_text(in->pool),
				call->command->range));
		if (!state->output) {
			shc_state_destroy(state);
			return -ENOMEM;
		}
	}
	if (search.deletes || search.executes)
		shc_path_forget_tested(state);
	if (search.deletes)
		shc_path_shake(state);
	if (search.executes)
		return run_executed(call, state, out);
	shc_set_status(state, call->command, 0, 1);
	return shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0);
}

/* ---- sh -c ------------------------------------------------------------------------------------------------------ */

/* What another shell has of this one: what is exported, which is not followed, and no functions and traps. */
static int enter_shell(struct shc_interpreter *in, struct shc_state *state, struct shc_range range)
{
	for (uint32_t i = 0; i < state->variable_count; i++) {
		struct shc_variable *variable = &state->variables[i];

		if (!variable->assigned || shc_name_is_set(in->script->dialect, in->names[i].text))
			continue;
		*variable = (struct shc_variable){
			.presence = MADE(CHILD_HAS_NOTHING) ? SHC_ABSENT : SHC_PERHAPS,
			.assigned = true,
			.range = variable->range,
			.term = MADE(CHILD_HAS_NOTHING)
					? NULL
					: shc_term_atom(in->terms, SHC_ORIGIN_ENVIRONMENT,
						  shc_dfa_text(in->pool), range)};
		if (!variable->term)
			return -ENOMEM;
	}
	state->function_count = 0;
	state->doubt_count = 0;
	state->hidden_count = 0;
	state->traps = NULL;
	state->errexit = state->nounset = state->noglob = state->noclobber = false;
	state->pipefail = state->errtrace = state->inherit_errexit = false;
	state->functrace = false;
	state->doubtful = 0;
	return 0;
}

/* $0 of sh -c: the operand @index, or else the name of the shell. 0 or -ENOMEM. */
static int name_shell(const struct shc_call *call, uint32_t index, struct shc_state *state)
{
	struct shc_interpreter *in = call->in;

	if (index >= call->fields.count)
		state->name = call->values[0];
	else if (shc_field_is_one(&call->fields.items[index]))
		state->name = call->values[index];
	else
		state->name = shc_unknown(
			in, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(in->pool), call->command->range);
	return state->name ? 0 : -ENOMEM;
}

/* sh -c TEXT [NAME [ARGUMENT...]]. Takes @state. */
static int run_text(const struct shc_call *call, uint32_t text, struct shc_state *state,
	struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	struct shc_state *inner = shc_state_clone(state);
	struct shc_outcomes results = {0};
	uint32_t suppressed = in->suppressed, arguments = text + 2;
	bool errexit = shc_call_option(call, 'e', NULL);
	int r = inner ? enter_shell(in, inner, call->command->range) : -ENOMEM;

	if (arguments > call->fields.count)
		arguments = call->fields.count;
	if (!r)
		r = name_shell(call, text + 1, inner);
	if (!r)
		r = shc_set_arguments(call, inner, arguments);
	if (r) {
		shc_state_destroy(inner);
		shc_state_destroy(state);
		return r;
	}
	inner->errexit = errexit;
	in->suppressed = 0;
	in->subshells++;
	r = shc_run_action(in, call->command, call->values[text], inner, &results);
	in->subshells--;
	in->suppressed = suppressed;
	for (uint32_t i = 0; i < results.count; i++) {
		if (r)
			shc_state_destroy(results.items[i].state);
		else
			r = shc_leave_subshell(in, state, results.items[i].state, out);
	}
	results.count = 0;
	shc_outcomes_finish(&results);
	shc_state_destroy(state);
	return r;
}

static int run_shell(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	uint32_t at = shc_call_operand(call);

	if (!shc_call_option(call, 'c', NULL) || at >= call->fields.count ||
		!shc_field_is_one(&call->fields.items[at]))
		return shc_call_unknown(call, state, out);
	return run_text(call, at, state, out);
}

int shc_transformer_run(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	if (shc_text_is(call->name, "find"))
		return run_find(call, state, out);
	if (shc_text_is(call->name, "xargs"))
		return run_xargs(call, state, out);
	if (shc_text_is(call->name, "which"))
		return shc_lookup_run(call, state, out);
	if (is_shell(call->name))
		return run_shell(call, state, out);
	return run_prefix(call, prefix_of(call->name), state, out);
}
