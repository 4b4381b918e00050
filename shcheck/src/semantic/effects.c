/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands whose effect on files is known: deletion, creation, moving, reading. Each outcome is a state of its
 * own where
 * the file system tells them apart.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "mistake.h"
#include "parameter.h"
#include "path.h"

enum effect {
	EFFECT_REMOVE,
	EFFECT_REMOVE_DIRECTORY,
	EFFECT_MAKE_DIRECTORY,
	EFFECT_TOUCH,
	EFFECT_MOVE,
	EFFECT_COPY,
	EFFECT_READ,      /* operands are files that are read */
	EFFECT_READ_REST, /* the first operand is a pattern or a program, the others are files */
	EFFECT_MAKE_TEMPORARY,
	EFFECT_LINK,
};

static const struct known_command {
	const char *name;
	enum effect effect;
} commands[] = {
	{"awk", EFFECT_READ_REST},
	{"cat", EFFECT_READ},
	{"cp", EFFECT_COPY},
	{"egrep", EFFECT_READ_REST},
	{"fgrep", EFFECT_READ_REST},
	{"grep", EFFECT_READ_REST},
	{"head", EFFECT_READ},
	{"ln", EFFECT_LINK},
	{"mkdir", EFFECT_MAKE_DIRECTORY},
	{"mktemp", EFFECT_MAKE_TEMPORARY},
	{"mv", EFFECT_MOVE},
	{"rm", EFFECT_REMOVE},
	{"rmdir", EFFECT_REMOVE_DIRECTORY},
	{"sed", EFFECT_READ_REST},
	{"sort", EFFECT_READ},
	{"tail", EFFECT_READ},
	{"touch", EFFECT_TOUCH},
	{"tr", EFFECT_READ_REST},
	{"uniq", EFFECT_READ},
	{"wc", EFFECT_READ},
};

static const struct known_command *find(struct shc_text name)
{
	for (size_t i = 0; name.length && i < sizeof(commands) / sizeof(*commands); i++)
		if (shc_text_is(name, commands[i].name))
			return &commands[i];
	return NULL;
}

bool shc_effect_known(struct shc_text name)
{
	return find(name) != NULL;
}

static int learn(const struct shc_call *call, struct shc_state *state, uint32_t operand,
	enum shc_file_kind kind)
{
	const struct shc_term *path = shc_path_normal(call->in, state, call->values[operand]);

	if (!path)
		return -ENOMEM;
	for (uint32_t i = 0; i < call->fields.items[operand].count; i++)
		if (call->fields.items[operand].pieces[i].glob)
			return kind == SHC_FILE_NOTHING
				       ? shc_path_empty(call->in, state, path, call->command->range)
				       : 0;
	if (call->fields.items[operand].occurrence != SHC_ONCE)
		return 0;
	return shc_path_assume(call->in, state, path, kind, call->command->range);
}

static const struct shc_fact *fact_of(
	const struct shc_call *call, const struct shc_state *state, uint32_t operand)
{
	const struct shc_term *path = shc_path_normal(call->in, state, call->values[operand]);

	return path ? shc_path_fact(call->in, state, path) : NULL;
}

static void report_absent(const struct shc_call *call, const struct shc_fact *fact)
{
	struct shc_finding *finding = shc_report(call->in, 201, call->command->range,
		"'%.*s' must fail: the path was removed before", (int)call->name.length,
		call->name.bytes);

	shc_finding_relate(call->in->findings, finding, fact->range, "removed here");
}

/* Operands must exist; where one surely does not, the command must fail. */
static bool must_fail(
	const struct shc_call *call, const struct shc_state *state, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++) {
		const struct shc_fact *fact = fact_of(call, state, i);

		/* What an earlier turn of a loop has done is seldom done twice. */
		if (!fact || fact->tested || fact->range.start == call->command->range.start ||
			(fact->kind != SHC_FILE_NOTHING && !fact->contents_gone))
			continue;
		report_absent(call, fact);
		return true;
	}
	return false;
}

static int finish(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out,
	int low, int high)
{
	shc_set_status(state, call->command, low, high);
	return shc_outcomes_add(call->in, out, state, SHC_FLOW_NEXT, 0);
}

static int fail_memory(struct shc_state *state)
{
	shc_state_destroy(state);
	return -ENOMEM;
}

/* Append an outcome in which the command has failed and nothing is known of what it did. Borrows @state. */
static int may_fail(
	const struct shc_call *call, const struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_state *failed = shc_state_clone(state);

	if (!failed)
		return -ENOMEM;
	for (uint32_t i = shc_call_operand(call); i < call->fields.count; i++)
		if (learn(call, failed, i, SHC_FILE_UNKNOWN)) {
			shc_state_destroy(failed);
			return -ENOMEM;
		}
	shc_set_status(failed, call->command, 1, 1);
	return shc_outcomes_add(call->in, out, failed, SHC_FLOW_NEXT, 0);
}

static int run_remove(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	bool force = shc_call_option(call, 'f', "force");
	bool recursive =
		shc_call_option(call, 'r', "recursive") || shc_call_option(call, 'R', NULL);
	uint32_t first = shc_call_operand(call);

	shc_check_removal(call, state, recursive);
	if (!force && must_fail(call, state, first, call->fields.count))
		return finish(call, state, out, 1, 1);
	if (!force && may_fail(call, state, out))
		return fail_memory(state);
	for (uint32_t i = first; i < call->fields.count; i++)
		if (learn(call, state, i, SHC_FILE_NOTHING))
			return fail_memory(state);
	return finish(call, state, out, 0, 1);
}

static int run_make_directory(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_state *failed = shc_state_clone(state);

	if (!failed)
		return fail_memory(state);
	/* Where it fails there is something in its way, or it is not known what there is. */
	for (uint32_t i = shc_call_operand(call); i < call->fields.count; i++)
		if (learn(call, state, i, SHC_FILE_DIRECTORY) ||
			learn(call, failed, i, SHC_FILE_UNKNOWN)) {
			shc_state_destroy(failed);
			return fail_memory(state);
		}
	/* Of several, the first may have been made. */
	shc_path_shake(failed);
	if (MADE(DIRECTORY_ALWAYS_MADE)) {
		shc_state_destroy(failed);
		return finish(call, state, out, 0, 0);
	}
	shc_set_status(failed, call->command, 1, 1);
	shc_set_status(state, call->command, 0, 0);
	if (shc_outcomes_add(call->in, out, state, SHC_FLOW_NEXT, 0)) {
		shc_state_destroy(failed);
		return -ENOMEM;
	}
	return shc_outcomes_add(call->in, out, failed, SHC_FLOW_NEXT, 0);
}

/* mv and cp: more than two operands need a directory at the end. */
static int run_move(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out, bool move)
{
	uint32_t first = shc_call_operand(call), count = call->fields.count - first;
	const struct shc_fact *target;

	shc_path_shake(state);
	if (first > call->fields.count || count < 2 ||
		shc_call_option(call, 't', "target-directory"))
		return finish(call, state, out, 0, 1);
	if (must_fail(call, state, first, call->fields.count - 1))
		return finish(call, state, out, 1, 1);
	for (uint32_t i = first; i + 1 < call->fields.count; i++)
		shc_path_seen(call->in, state, call->values[i]);
	target = fact_of(call, state, call->fields.count - 1);
	if (count > 2 && target && target->kind == SHC_FILE_REGULAR) {
		struct shc_finding *finding = shc_report(call->in, 202, call->command->range,
			"'%.*s' of several files must fail: the last operand is no directory",
			(int)call->name.length, call->name.bytes);

		shc_finding_relate(call->in->findings, finding, target->range, "made a file here");
		return finish(call, state, out, 1, 1);
	}
	if (may_fail(call, state, out))
		return fail_memory(state);
	for (uint32_t i = first; move && i + 1 < call->fields.count; i++)
		if (learn(call, state, i, SHC_FILE_NOTHING))
			return fail_memory(state);
	if (count == 2 && learn(call, state, call->fields.count - 1, SHC_FILE_SOMETHING))
		return fail_memory(state);
	return finish(call, state, out, 0, 0);
}

static int run_read(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out,
	bool skip_first)
{
	uint32_t first = shc_call_operand(call) + skip_first;
	struct shc_interpreter *in = call->in;

	if (first < call->fields.count && must_fail(call, state, first, call->fields.count))
		return finish(call, state, out, 1, 255);
	for (uint32_t i = first; i < call->fields.count; i++) {
		const struct shc_term *path = shc_path_normal(in, state, call->values[i]);

		if (!path || shc_path_read(in, state, path))
			return fail_memory(state);
	}
	if (state->output) {
		const struct shc_term *text = shc_unknown(
			in, SHC_ORIGIN_OUTPUT, shc_dfa_text(in->pool), call->command->range);

		state->output = text ? shc_term_concat(in->terms, state->output, text) : NULL;
		if (!state->output)
			return fail_memory(state);
	}
	return finish(call, state, out, 0, 255);
}

/* mktemp prints the path that it made, or nothing and fails. */
static int run_make_temporary(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	struct shc_state *failed = shc_state_clone(state);
	uint32_t operand = shc_call_operand(call);
	const struct shc_dfa *language;
	const struct shc_term *path = NULL;
	/* A template of one's own may be relative. */
	bool absolute = operand >= call->fields.count;

	if (!failed)
		return fail_memory(state);
	shc_set_status(failed, call->command, 1, 1);
	if (!shc_dfa_glob(in->pool, absolute ? "/?*" : "?*", absolute ? 3 : 2, 0, &language, NULL))
		path = shc_term_atom(
			in->terms, SHC_ORIGIN_FILE_NAME, language, call->command->range);
	if (path && state->output) {
		state->output = shc_term_concat(in->terms, state->output, path);
		state->output = shc_term_concat(
			in->terms, state->output, shc_term_text(in->terms, "\n", 1));
	}
	if (!path || (failed->output && !state->output)) {
		shc_state_destroy(failed);
		return fail_memory(state);
	}
	shc_set_status(state, call->command, 0, 0);
	if (shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0)) {
		shc_state_destroy(failed);
		return -ENOMEM;
	}
	return shc_outcomes_add(in, out, failed, SHC_FLOW_NEXT, 0);
}

/* ln: with -s and two operands it is known where the link leads, unless that is a folder already. */
static int run_link(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	uint32_t first = shc_call_operand(call);
	struct shc_fact fact = {.kind = SHC_FILE_LINK, .range = call->command->range};
	struct shc_state *failed = shc_state_clone(state);
	int r;

	if (!failed)
		return fail_memory(state);
	if (first + 2 == call->fields.count && shc_call_option(call, 's', "symbolic")) {
		fact.path = shc_path_normal(call->in, state, call->values[first + 1]);
		fact.target = call->values[first];
		r = fact.path ? shc_path_assume(call->in, state, fact.path, SHC_FILE_LINK,
					call->command->range)
			      : -ENOMEM;
		fact.assumed = true;
		r = r ? r : shc_state_add_fact(state, &fact);
		if (r) {
			shc_state_destroy(failed);
			return fail_memory(state);
		}
	} else {
		shc_path_forget_tested(state);
	}
	shc_set_status(failed, call->command, 1, 1);
	r = finish(call, state, out, 0, 0);
	if (r) {
		shc_state_destroy(failed);
		return r;
	}
	return shc_outcomes_add(call->in, out, failed, SHC_FLOW_NEXT, 0);
}

int shc_effect_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	switch (find(call->name)->effect) {
	case EFFECT_REMOVE:
		return run_remove(call, state, out);
	case EFFECT_REMOVE_DIRECTORY:
		shc_check_removal(call, state, false);
		shc_path_shake(state);
		return finish(call, state, out, 0, 1);
	case EFFECT_MAKE_DIRECTORY:
		return run_make_directory(call, state, out);
	case EFFECT_TOUCH:
		for (uint32_t i = shc_call_operand(call); i < call->fields.count; i++)
			if (learn(call, state, i, SHC_FILE_REGULAR))
				return fail_memory(state);
		return finish(call, state, out, 0, 1);
	case EFFECT_MOVE:
		return run_move(call, state, out, true);
	case EFFECT_COPY:
		return run_move(call, state, out, false);
	case EFFECT_READ_REST:
		return run_read(call, state, out, true);
	case EFFECT_LINK:
		return run_link(call, state, out);
	case EFFECT_MAKE_TEMPORARY:
		return run_make_temporary(call, state, out);
	default:
		return run_read(call, state, out, false);
	}
}
