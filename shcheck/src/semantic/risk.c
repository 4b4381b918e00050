/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "risk.h"

#include <errno.h>
#include <string.h>

#include "arena.h"
#include "arrays.h"
#include "attributes.h"
#include "inclusion.h"
#include "parameter.h"
#include "path.h"
#include "survey.h"
#include "traps.h"

enum { DEPTH_MAX = 16 };

/* A function of the script, by the number of its name; several may have one name. */
struct shc_definition {
	const struct shc_command *function;
	uint64_t walk; /* the last that has seen it */
	struct shc_definition *next;
};

/*
 * What deletes or overwrites, and what changes more than variables and files: such commands are always run. Reading
 * commands of the same names as functions are calls of these.
 */
static const char *const anchors[] = {"rm", "rmdir", "unlink", "shred", "mv", "dd", "find", "xargs",
	"truncate", "mkfs", "cd", "pushd", "popd", "set", "shopt", "exec", "trap", "eval", ".",
	"source", "unset", "shift", "return", "break", "continue", "getopts", "local", "declare",
	"typeset", "alias", "command", "builtin", "sudo", "env", "sh", "bash", NULL};

struct walk {
	struct shc_interpreter *in;
	struct shc_state *state; /* NULL: only to look for anchors */
	uint64_t number;
	uint32_t depth;
	bool anchored, ends;
	bool moves;    /* cd */
	bool switches; /* options */
	bool traps, defines;
	bool shakes; /* text that is not the script's, or a name that is not known: anything */
	int result;
};

static void collect(void *context, const struct shc_command *command)
{
	struct shc_interpreter *in = context;
	struct shc_definition *made;
	uint32_t name;

	if (command->kind != SHC_COMMAND_FUNCTION)
		return;
	made = shc_arena_take(in->arena, sizeof(*made));
	if (!made || shc_name_number(in, command->function.name, &name)) {
		in->definitions_lost = true;
		return;
	}
	made->function = command;
	made->next = in->names[name].definitions;
	in->names[name].definitions = made;
}

static void visit(struct walk *walk, const struct shc_command *command);

/* The functions that a command of this name may call. */
static void visit_functions(struct walk *walk, struct shc_text name)
{
	uint32_t number;

	if (shc_name_number(walk->in, name, &number)) {
		walk->result = -ENOMEM;
		return;
	}
	if (!walk->in->names[number].defined_anywhere)
		return;
	for (struct shc_definition *d = walk->in->names[number].definitions; d; d = d->next) {
		/* To look at one once is enough. */
		if (d->walk == walk->number)
			continue;
		if (walk->depth == DEPTH_MAX) {
			walk->anchored = walk->ends = true;
			if (walk->state && !walk->result)
				walk->result = shc_forget_variables(
					walk->in, walk->state, walk->in->current);
			return;
		}
		d->walk = walk->number;
		walk->depth++;
		visit(walk, d->function->function.body);
		walk->depth--;
	}
}

/* A function of this name may be @function from now on. 0 or -ENOMEM. */
static int may_be_defined(struct walk *walk, const struct shc_command *function)
{
	struct shc_state *state = walk->state;
	const struct shc_command *before;
	uint32_t number;
	int r;

	if (shc_name_number(walk->in, function->function.name, &number))
		return -ENOMEM;
	before = shc_state_function(state, number);
	if (before)
		return before == function ? 0 : shc_state_doubt(state, number, function);
	r = shc_state_define(state, number, function);
	return r ? r : shc_state_doubt(state, number, NULL);
}

static void look_at(void *context, const struct shc_command *command)
{
	struct walk *walk = context;
	struct shc_text name;
	bool wrapped;

	if (walk->state)
		walk->in->seen[command->id] |= SHC_SEEN | SHC_APPROXIMATED;
	if (walk->anchored && !walk->state)
		return;
	if (command->kind == SHC_COMMAND_FUNCTION || command->kind == SHC_COMMAND_COPROC)
		walk->anchored = true;
	if (command->kind == SHC_COMMAND_FUNCTION && walk->state && !walk->result)
		walk->result = may_be_defined(walk, command);
	if (command->kind != SHC_COMMAND_SIMPLE || !command->simple.words)
		return;
	name = shc_command_name(command);
	walk->anchored |= !name.length;
	for (size_t i = 0; anchors[i]; i++)
		walk->anchored |= shc_text_is(name, anchors[i]);
	wrapped = shc_text_is(name, "command") || shc_text_is(name, "builtin");
	walk->ends |= shc_text_is(name, "exit") || shc_text_is(name, "exec");
	walk->moves |= wrapped || shc_text_is(name, "cd") || shc_text_is(name, "pushd") ||
		       shc_text_is(name, "popd");
	walk->traps |= wrapped || shc_text_is(name, "trap");
	walk->defines |= wrapped || shc_text_is(name, "unset");
	walk->switches |= wrapped || shc_text_is(name, "set") || shc_text_is(name, "shopt");
	walk->shakes |= !name.length || shc_text_is(name, "eval") || shc_text_is(name, ".") ||
			shc_text_is(name, "source");
	if (name.length && (walk->state || !walk->anchored))
		visit_functions(walk, name);
}

/* A variable that a command which is left out assigns has any value, or the one that it had. */
static void forget(void *context, struct shc_text name)
{
	struct walk *walk = context;
	struct shc_variable *variable;
	uint32_t number;

	if (!walk->state || walk->result)
		return;
	if (shc_name_number(walk->in, name, &number)) {
		walk->result = -ENOMEM;
		return;
	}
	variable = shc_state_variable(walk->state, number);
	if (!variable) {
		walk->result = -ENOMEM;
		return;
	}
	/* What stands behind a reference, whatever it is. */
	if (shc_attributes_any(variable) & SHC_ATTRIBUTE_REFERENCE) {
		walk->result = shc_forget_variables(walk->in, walk->state, walk->in->current);
		return;
	}
	if (variable->array) {
		walk->result = shc_array_forget(walk->in, walk->state, name, variable->range);
		return;
	}
	variable->presence = SHC_PERHAPS;
	variable->assigned = true;
	variable->term = shc_term_atom(walk->in->terms, SHC_ORIGIN_APPROXIMATION,
		shc_dfa_text(walk->in->pool), variable->range);
	walk->result = variable->term ? 0 : -ENOMEM;
}

static void visit(struct walk *walk, const struct shc_command *command)
{
	const struct shc_visitor visitor = {
		.context = walk, .command = look_at, .assigned = forget};

	shc_visit_command(&visitor, command);
}

static void know_definitions(struct shc_interpreter *in)
{
	const struct shc_visitor visitor = {.context = in, .command = collect};

	if (in->definitions_known)
		return;
	shc_visit_list(&visitor, in->script->list);
	in->definitions_known = true;
}

bool shc_may_leave_out(struct shc_interpreter *in, const struct shc_command *command)
{
	struct walk walk = {.in = in, .number = ++in->walks};

	switch (command->kind) {
	case SHC_COMMAND_IF:
	case SHC_COMMAND_WHILE:
	case SHC_COMMAND_UNTIL:
	case SHC_COMMAND_FOR:
	case SHC_COMMAND_FOR_ARITH:
	case SHC_COMMAND_SELECT:
	case SHC_COMMAND_CASE:
		break;
	default:
		return false;
	}
	/* Inclusions bring definitions of their own. */
	if (in->inclusions)
		return false;
	if (in->seen[command->id] & (SHC_CALM | SHC_ANCHORED))
		return in->seen[command->id] & SHC_CALM;
	know_definitions(in);
	visit(&walk, command);
	walk.anchored |= in->definitions_lost || walk.result;
	in->seen[command->id] |= walk.anchored ? SHC_ANCHORED : SHC_CALM;
	return !walk.anchored;
}

/* Carry out on @walk's state what @command may have done. 0 or -ENOMEM. */
static int forget_command(struct walk *walk, const struct shc_command *command)
{
	struct shc_interpreter *in = walk->in;
	struct shc_state *state = walk->state;
	const struct shc_term *text;

	know_definitions(in);
	visit(walk, command);
	state->fact_count = 0;
	if (walk->result || !state->output)
		return walk->result;
	text = shc_unknown(in, SHC_ORIGIN_OUTPUT, shc_dfa_text(in->pool), command->range);
	state->output = text ? shc_term_concat(in->terms, state->output, text) : NULL;
	return state->output ? 0 : -ENOMEM;
}

int shc_leave_out(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct walk walk = {.in = in, .state = state, .number = ++in->walks};
	struct shc_state *ended = NULL;
	int r = forget_command(&walk, command);

	if (in->observer && in->observer->left_out)
		in->observer->left_out(in->observer->context, command);
	shc_set_status(state, command, 0, 255);
	if (!r && walk.ends) {
		ended = shc_state_clone(state);
		r = ended ? shc_outcomes_add(in, out, ended, SHC_FLOW_EXIT, SHC_END_ANY) : -ENOMEM;
	}
	if (r) {
		shc_state_destroy(state);
		return r;
	}
	return shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0);
}

/* Options are as they were, or not: none is on for certain. */
static void doubt_options(struct shc_state *state)
{
	state->errexit = state->nounset = state->noglob = state->noclobber = state->pipefail =
		false;
	state->errtrace = state->functrace = state->lastpipe = state->inherit_errexit = false;
	state->doubtful = SHC_DOUBT_ALL;
}

int shc_leave_out_call(struct shc_interpreter *in, const struct shc_command *function,
	const struct shc_command *site, struct shc_state *state, struct shc_outcomes *out)
{
	struct walk walk = {.in = in, .state = state, .number = ++in->walks};
	struct shc_state *ended = NULL;
	int r = forget_command(&walk, function->function.body);

	shc_approximate(in, site);
	shc_set_status(state, function, 0, 255);
	if (walk.switches || walk.shakes)
		doubt_options(state);
	if (!r && walk.shakes)
		r = shc_forget_variables(in, state, site);
	if (!r && (walk.traps || walk.shakes))
		r = shc_traps_anything(in, state, site);
	for (uint32_t i = 0; i < state->function_count && !r && (walk.defines || walk.shakes); i++)
		if (state->functions[i])
			r = shc_state_doubt(state, i, NULL);
	if (!r && (walk.moves || walk.shakes))
		r = shc_path_anywhere(in, state, site->range);
	/* -e and -u end it without an exit in its text. */
	if (!r && (walk.ends || walk.shakes || state->errexit || state->nounset ||
			  state->doubtful & (SHC_DOUBT_ERREXIT | SHC_DOUBT_NOUNSET))) {
		ended = shc_state_clone(state);
		r = ended ? shc_outcomes_add(in, out, ended, SHC_FLOW_EXIT, SHC_END_ANY) : -ENOMEM;
	}
	if (r) {
		shc_state_destroy(state);
		return r;
	}
	return shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0);
}
