/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Simple commands: substitutions first, then assignments and words, redirections, and the dispatch to functions,
 * built-ins, commands with a specification, and the rest (POSIX.1-2017 XCU 2.9.1).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "arrays.h"
#include "attributes.h"
#include "calendar.h"
#include "command.h"
#include "parameter.h"
#include "lookup.h"
#include "mistake.h"
#include "path.h"
#include "script_name.h"
#include "survey.h"
#include "transformers.h"

/* ---- Substitutions -------------------------------------------------------------------------------------------- */

/* Forks per command: outcomes of substitutions beyond this are joined. */
enum { SUBSTITUTION_FORKS = 6, SUBSTITUTIONS_MAX = 256 };

/* May the first @count pieces of @term end in a newline? */
static bool may_end_in_newline(
	const struct shc_state *state, const struct shc_term *term, uint32_t count)
{
	while (count-- > 0) {
		const struct shc_piece *piece = &term->pieces[count];
		const struct shc_dfa *language;
		struct shc_byte_set ends;

		if (!piece->atom)
			return piece->text.bytes[piece->text.length - 1] == '\n';
		language = shc_state_language_of(state, piece->atom);
		ends = shc_dfa_last_bytes(language);
		if (shc_byte_set_has(&ends, '\n'))
			return true;
		if (!shc_dfa_matches(language, "", 0))
			return false;
	}
	return false;
}

/* The output of a substitution loses its trailing newlines. */
static const struct shc_term *without_newlines(
	struct shc_interpreter *in, const struct shc_state *state, const struct shc_term *output)
{
	const struct shc_dfa *language, *newlines, *result;
	struct shc_byte_set newline = shc_byte_set_of("\n", 1);
	struct shc_piece last;
	uint32_t length;
	bool whole;

	if (!output->count || MADE(NEWLINES_STAY))
		return output;
	last = output->pieces[output->count - 1];
	if (!last.atom) {
		/* Known text at the end: cut there, and go on with what is before it when all of it was newlines. */
		length = last.text.length;
		while (length && last.text.bytes[length - 1] == '\n')
			length--;
		output = shc_term_slice(in->terms, output, 0, output->count - 1);
		if (length)
			return shc_term_concat(in->terms, output,
				shc_term_text(in->terms, last.text.bytes, length));
		return output ? without_newlines(in, state, output) : NULL;
	}
	if (!may_end_in_newline(state, output, output->count))
		return output;
	language = shc_state_language_of(state, last.atom);
	/* Where nothing is left of the unknown at the end, newlines before it go, too. */
	whole = output->count > 1 && may_end_in_newline(state, output, output->count - 1);
	if (whole && shc_state_term_language(state, in->pool, output, &language))
		language = shc_dfa_text(in->pool);
	if (shc_dfa_bytes_star(in->pool, &newline, &newlines) ||
		shc_dfa_remove(in->pool, SHC_REMOVE_SUFFIX_LONGEST, language, newlines, &result))
		result = shc_dfa_text(in->pool);
	return shc_term_concat(in->terms,
		shc_term_slice(in->terms, output, 0, whole ? 0 : output->count - 1),
		shc_unknown(in,
			last.atom->origin == SHC_ORIGIN_FILE_NAME ? SHC_ORIGIN_FILE_NAME
								  : SHC_ORIGIN_OUTPUT,
			result, last.atom->range));
}

static int remember(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_part *part, const struct shc_term *output)
{
	struct shc_substituted *grown;

	/* Of more in one command the outputs are not known. */
	state->has_substituted = true;
	if (state->substituted_count >= SUBSTITUTIONS_MAX)
		return 0;
	grown = realloc(state->substituted, (state->substituted_count + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	state->substituted = grown;
	output = without_newlines(in, state, output);
	if (!output)
		return -ENOMEM;
	grown[state->substituted_count++] =
		(struct shc_substituted){.part = part, .output = output};
	return 0;
}

/* bash turns -e off in a substitution, unless an option says that it stays. */
static void leave_errexit(struct shc_state *state)
{
	if (state->inherit_errexit)
		return;
	if (state->doubtful & SHC_DOUBT_INHERIT && state->errexit)
		state->doubtful |= SHC_DOUBT_ERREXIT;
	else if (!(state->doubtful & SHC_DOUBT_INHERIT))
		state->doubtful &= ~(unsigned int)SHC_DOUBT_ERREXIT;
	state->errexit = false;
}

/* The variables that a command with substitutions assigns itself. */
struct assigning {
	struct shc_interpreter *in;
	const struct shc_command *command;
	struct shc_state *state;
	const struct shc_state
		*before; /* NULL: they may be anything from now on; else as in this state */
	int result;
};

static void assign_again(void *context, struct shc_text name)
{
	struct assigning *assigning = context;
	struct shc_variable *variable;
	uint32_t number;

	if (assigning->result)
		return;
	variable = shc_name_number(assigning->in, name, &number)
			   ? NULL
			   : shc_state_variable(assigning->state, number);
	if (!variable)
		assigning->result = -ENOMEM;
	else if (!assigning->before)
		assigning->result =
			shc_variable_anything(assigning->in, variable, assigning->command->range);
	else if (number < assigning->before->variable_count)
		*variable = assigning->before->variables[number];
	else
		*variable = (struct shc_variable){.presence = SHC_ABSENT};
}

/*
 * Substitutions are run before anything is assigned. Where words depend on those before them, what the command
 * assigns may already be assigned there, or not. With @before: all is as it was again. 0 or -ENOMEM.
 */
static int doubt_assigned(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, const struct shc_state *before)
{
	struct assigning assigning = {
		.in = in, .command = command, .state = state, .before = before};
	const struct shc_visitor visitor = {
		.context = &assigning, .assigned = assign_again, .no_subshells = true};

	shc_visit_command(&visitor, command);
	return assigning.result;
}

static int run_substitution(struct shc_interpreter *in, const struct shc_part *part,
	const struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes results = {0};
	struct shc_state *capture = shc_state_clone(state);
	uint32_t piped = in->piped, suppressed = in->suppressed;
	const struct shc_command *current = in->current;
	bool in_order = false, leaks = in->leaks;
	int r = capture ? 0 : -ENOMEM;

	if (!r) {
		capture->output = shc_term_text(in->terms, "", 0);
		if (in->in_order && current)
			r = doubt_assigned(in, current, capture, NULL);
		/* POSIX leaves -e on in a substitution; bash turns it off unless it is in POSIX mode. */
		if (in->script->dialect == SHC_BASH)
			leave_errexit(capture);
		else
			/* In dash it knows nothing of a condition around it. */
			in->suppressed = 0;
		in->piped = 0;
		in->substitutions++;
		in->leaks = false;
		in->substituting = true;
		in_order = in->in_order;
		if (!r)
			r = shc_execute_subshell(in, part->command.list, NULL, capture, &results);
		in->substitutions--;
		in->suppressed = suppressed;
		in->in_order = in_order;
		in->current = current;
		in->piped = piped;
	}
	shc_state_destroy(capture);
	for (uint32_t i = 0; i < results.count && !r; i++) {
		struct shc_state *result = results.items[i].state;
		const struct shc_term *output = result->output;

		if (!output || in->in_order || in->leaks || part->command.form == SHC_FORM_FILE)
			output = shc_unknown(
				in, SHC_ORIGIN_OUTPUT, shc_dfa_text(in->pool), part->range);
		result->output = state->output;
		result->errexit = state->errexit;
		result->doubtful = state->doubtful;
		if (in->in_order && current && doubt_assigned(in, current, result, state))
			output = NULL;
		r = output ? remember(in, result, part, output) : -ENOMEM;
		if (!r) {
			results.items[i].state = NULL;
			r = shc_outcomes_add(in, out, result, SHC_FLOW_NEXT, 0);
		}
	}
	in->leaks |= leaks;
	shc_outcomes_finish(&results);
	return r;
}

static int substitute_parts(
	struct shc_interpreter *in, const struct shc_part *part, struct shc_outcomes *now);

static int substitute_word(
	struct shc_interpreter *in, const struct shc_word *word, struct shc_outcomes *now)
{
	return word ? substitute_parts(in, word->parts, now) : 0;
}

static int substitute_command(
	struct shc_interpreter *in, const struct shc_part *part, struct shc_outcomes *now)
{
	struct shc_outcomes next = {0};
	int r = 0;

	for (uint32_t i = 0; i < now->count && !r; i++)
		r = run_substitution(in, part, now->items[i].state, &next);
	shc_outcomes_finish(now);
	/* Joined states forget their results: too many of them are one state whose output is unknown. */
	for (uint32_t i = SUBSTITUTION_FORKS; i < next.count; i++) {
		if (!r)
			r = shc_state_join(next.items[0].state, next.items[i].state, in->terms,
				SHC_JOIN_STATES, 0, part->range);
		shc_state_destroy(next.items[i].state);
	}
	if (next.count > SUBSTITUTION_FORKS)
		next.count = SUBSTITUTION_FORKS;
	*now = next;
	return r;
}

/* <(...) and >(...): the commands run beside the shell; what they do to files comes at an unknown time. */
static int substitute_process(
	struct shc_interpreter *in, const struct shc_part *part, struct shc_outcomes *now)
{
	const struct shc_command *current = in->current;
	uint32_t piped = in->piped;
	bool in_order = in->in_order;
	int r = 0;

	in->piped = 0;
	for (uint32_t i = 0; i < now->count && !r; i++) {
		struct shc_state *copy = shc_state_clone(now->items[i].state);
		struct shc_outcomes ignored = {0};

		if (!copy) {
			r = -ENOMEM;
			break;
		}
		copy->output = NULL;
		r = shc_execute_subshell(in, part->command.list, NULL, copy, &ignored);
		shc_outcomes_finish(&ignored);
		shc_state_destroy(copy);
		shc_path_shake(now->items[i].state);
	}
	in->piped = piped;
	in->in_order = in_order;
	in->current = current;
	if (current)
		shc_approximate(in, current);
	return r;
}

static int substitute_part(
	struct shc_interpreter *in, const struct shc_part *part, struct shc_outcomes *now)
{
	int r = 0;

	switch (part->kind) {
	case SHC_PART_DOUBLE:
	case SHC_PART_LOCALE:
		return substitute_parts(in, part->parts, now);
	case SHC_PART_COMMAND:
		return substitute_command(in, part, now);
	case SHC_PART_PROCESS:
		return substitute_process(in, part, now);
	case SHC_PART_PARAMETER:
		r = substitute_word(in, part->parameter->word, now);
		return r ? r : substitute_word(in, part->parameter->replacement, now);
	case SHC_PART_ARITHMETIC:
		return substitute_word(in, part->arithmetic.word, now);
	case SHC_PART_BRACES:
		for (const struct shc_word *word = part->braces.alternatives; word && !r;
			word = word->next)
			r = substitute_word(in, word, now);
		return r;
	case SHC_PART_ARRAY:
		for (const struct shc_array_element *element = part->array; element && !r;
			element = element->next)
			r = substitute_word(in, element->value, now);
		return r;
	default:
		return 0;
	}
}

static int substitute_parts(
	struct shc_interpreter *in, const struct shc_part *part, struct shc_outcomes *now)
{
	int r = 0;

	for (; part && !r; part = part->next)
		r = substitute_part(in, part, now);
	return r;
}

int shc_run_substitutions(struct shc_interpreter *in, const struct shc_word *words,
	struct shc_state *state, struct shc_outcomes *out)
{
	int r = shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0);

	for (const struct shc_word *word = words; word && !r; word = word->next)
		r = substitute_word(in, word, out);
	return r;
}

static int substitute_assignment(
	struct shc_interpreter *in, const struct shc_assignment *a, struct shc_outcomes *now)
{
	int r = substitute_word(in, a->value, now);

	for (const struct shc_array_element *e = a->elements; e && !r; e = e->next)
		r = substitute_word(in, e->value, now);
	return r;
}

/* ---- Before a command ----------------------------------------------------------------------------------------- */

/* Does the word read $?: then the state is split, so that rc=$? and a later test of rc know the command's outcome. */
static bool reads_status(const struct shc_part *part)
{
	for (; part; part = part->next) {
		if (part->kind == SHC_PART_DOUBLE && reads_status(part->parts))
			return true;
		if (part->kind == SHC_PART_PARAMETER &&
			part->parameter->kind == SHC_PARAMETER_SPECIAL &&
			shc_text_is(part->parameter->name, "?"))
			return true;
	}
	return false;
}

static bool command_reads_status(const struct shc_command *command)
{
	if (command->kind != SHC_COMMAND_SIMPLE)
		return false;
	for (const struct shc_assignment *a = command->simple.assignments; a; a = a->next)
		if (a->value && reads_status(a->value->parts))
			return true;
	for (const struct shc_word *word = command->simple.words; word; word = word->next)
		if (reads_status(word->parts))
			return true;
	return false;
}

static int split_for_status(struct shc_interpreter *in, struct shc_outcomes *now)
{
	struct shc_outcomes next = {0};
	int r = 0;

	for (uint32_t i = 0; i < now->count; i++) {
		if (r)
			shc_state_destroy(now->items[i].state);
		else
			r = shc_split_status(in, now->items[i].state, &next, &next);
	}
	now->count = 0;
	shc_outcomes_finish(now);
	*now = next;
	return r;
}

/* What becomes of a command when one of its redirections is refused. */
enum refusal {
	REFUSAL_NEVER,
	REFUSAL_STATUS, /* only its status tells: what it does is nothing that a state knows for certain */
	REFUSAL_SKIPS,
	REFUSAL_ENDS, /* a special built-in: the shell ends */
};

static enum refusal refusal_of_name(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_command *command, struct shc_text name)
{
	static const char *const plain[] = {"echo", "printf", "pwd"};
	const struct shc_builtin *builtin = shc_builtin_find(name);
	uint32_t number;

	if (shc_text_is(name, "exec") ||
		(builtin && builtin->special && in->script->dialect != SHC_BASH))
		return REFUSAL_ENDS;
	if (!name.length || shc_effect_known(name) ||
		(!shc_name_number(in, name, &number) && shc_state_function(state, number)) ||
		(state->output && !shc_diverts_output(command)))
		return REFUSAL_SKIPS;
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		if (shc_text_is(name, plain[i]) && !shc_word_is(command->simple.words->next, "-v"))
			return REFUSAL_STATUS;
	return builtin ? REFUSAL_SKIPS : REFUSAL_STATUS;
}

static enum refusal refusal_of(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_command *command)
{
	if (!shc_redirects_may_fail(command) || MADE(REDIRECT_NEVER_REFUSED))
		return REFUSAL_NEVER;
	if (command->kind != SHC_COMMAND_SIMPLE)
		return REFUSAL_SKIPS;
	if (!command->simple.words)
		return command->simple.assignments ? REFUSAL_SKIPS : REFUSAL_STATUS;
	return refusal_of_name(in, state, command, shc_command_name(command));
}

/* Where a redirection was refused, things are not as usual: nothing is taken as absent any more. */
static void doubt_absence(struct shc_state *state)
{
	uint32_t kept = 0;

	shc_path_shake(state);
	for (uint32_t i = 0; i < state->fact_count; i++)
		if (state->facts[i].kind != SHC_FILE_NOTHING || state->facts[i].asked)
			state->facts[kept++] = state->facts[i];
	state->fact_count = kept;
}

/* The state in which a redirection was refused, if that is another one than when all are opened. 0 or -ENOMEM. */
static int refuse_redirects(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_state *state, struct shc_outcomes *out, struct shc_outcomes *refused)
{
	enum refusal refusal = refusal_of(in, state, command);
	struct shc_state *copy;

	if (refusal == REFUSAL_NEVER || refusal == REFUSAL_STATUS)
		return 0;
	copy = shc_state_clone(state);
	if (!copy)
		return -ENOMEM;
	doubt_absence(copy);
	shc_set_status(copy, command, 1, 2);
	if (refusal == REFUSAL_ENDS)
		return shc_outcomes_add(in, out, copy, SHC_FLOW_EXIT, SHC_END_ERROR);
	return shc_outcomes_add(in, refused, copy, SHC_FLOW_NEXT, 0);
}

void shc_widen_refused(
	struct shc_interpreter *in, const struct shc_command *command, struct shc_outcomes *results)
{
	for (uint32_t i = 0; i < results->count; i++) {
		struct shc_state *state = results->items[i].state;

		if (refusal_of(in, state, command) == REFUSAL_STATUS && state->status.high < 2)
			state->status.high = 2;
	}
}

static int open_redirects(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_outcomes *now, struct shc_outcomes *out, struct shc_outcomes *refused)
{
	for (uint32_t i = 0; i < now->count; i++) {
		struct shc_state *state = now->items[i].state;

		if (command->redirects && refuse_redirects(in, command, state, out, refused))
			return -ENOMEM;
		for (const struct shc_redirect *redirect = command->redirects; redirect;
			redirect = redirect->next) {
			int r;

			shc_begin_expansion(in);
			r = shc_redirect_open(in, command, redirect, state);
			if (r >= 0 && in->may_end)
				r = shc_end_too(in, command, state, out);
			if (r < 0)
				return r;
		}
		now->items[i].state = NULL;
		if (shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0))
			return -ENOMEM;
	}
	return 0;
}

/* Is there a command substitution in the word of an operator, so that it may not be run at all? */
static bool may_be_left_out(const struct shc_part *part, bool within)
{
	for (; part; part = part->next) {
		const struct shc_parameter *parameter =
			part->kind == SHC_PART_PARAMETER ? part->parameter : NULL;

		if ((part->kind == SHC_PART_COMMAND && within) ||
			(part->kind == SHC_PART_DOUBLE && may_be_left_out(part->parts, within)) ||
			(parameter && parameter->word &&
				may_be_left_out(parameter->word->parts, true)))
			return true;
	}
	return false;
}

static bool words_may_leave_out(const struct shc_word *word)
{
	for (; word; word = word->next)
		if (may_be_left_out(word->parts, false))
			return true;
	return false;
}

/*
 * $? in a function and in the body of `case` and `for` is that of a substitution before, in bash; dash takes it from
 * the command before. Where one may not be run, any of them may have been the last.
 */
static void settle_status(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_status *entry, struct shc_outcomes *now)
{
	const struct shc_word *words = command->kind == SHC_COMMAND_CASE ? command->case_.subject
				       : command->kind == SHC_COMMAND_SIMPLE ? command->simple.words
				       : command->kind == SHC_COMMAND_FOR    ? command->for_.words
									     : NULL;
	bool either = words && words_may_leave_out(words);

	for (uint32_t i = 0; words && i < now->count; i++) {
		struct shc_status *status = &now->items[i].state->status;

		if (in->script->dialect != SHC_BASH) {
			*status = *entry;
		} else if (either) {
			status->low = 0;
			status->high = 255;
		}
	}
}

int shc_prepare(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out, struct shc_outcomes *refused)
{
	const struct shc_status entry = state->status;
	struct shc_outcomes now = {0};
	int r;

	state->substituted_count = 0;
	state->has_substituted = false;
	in->in_order = shc_assigns_in_order(command);
	r = shc_outcomes_add(in, &now, state, SHC_FLOW_NEXT, 0);
	if (!r && command_reads_status(command))
		r = split_for_status(in, &now);
	if (!r)
		r = shc_split_script_name(in, command, &now);
	if (!r && command->kind == SHC_COMMAND_SIMPLE) {
		for (const struct shc_assignment *a = command->simple.assignments; a && !r;
			a = a->next)
			r = substitute_assignment(in, a, &now);
		for (const struct shc_word *word = command->simple.words; word && !r;
			word = word->next)
			r = substitute_word(in, word, &now);
	} else if (!r && command->kind == SHC_COMMAND_CASE) {
		r = substitute_word(in, command->case_.subject, &now);
	} else if (!r && command->kind == SHC_COMMAND_FOR) {
		for (const struct shc_word *word = command->for_.words; word && !r;
			word = word->next)
			r = substitute_word(in, word, &now);
	}
	settle_status(in, command, &entry, &now);
	for (const struct shc_redirect *redirect = command->redirects; redirect && !r;
		redirect = redirect->next)
		r = substitute_word(in, redirect->body ? redirect->body : redirect->target, &now);
	if (!r)
		r = open_redirects(in, command, &now, out, refused);
	shc_outcomes_finish(&now);
	return r;
}

/* ---- Assignments ---------------------------------------------------------------------------------------------- */

/* Store @term, which is what the attributes of the variable make of the value. 0 or -ENOMEM. */
static int store(struct shc_interpreter *in, struct shc_state *state, uint32_t number,
	const struct shc_term *term, struct shc_range range)
{
	struct shc_variable *variable = shc_state_variable(state, number);

	if (!variable)
		return -ENOMEM;
	if ((variable->readonly || variable->perhaps_readonly) && !MADE(READONLY_IGNORED))
		in->refused = in->may_end = true;
	if (variable->readonly && !MADE(READONLY_IGNORED))
		return 0;
	variable->presence = variable->perhaps_readonly ? SHC_PERHAPS : SHC_PRESENT;
	/* Either of two values. */
	if (variable->perhaps_readonly)
		term = shc_unknown(in, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(in->pool), range);
	variable->assigned = true;
	variable->term = term;
	variable->range = range;
	in->names[number].assigned_anywhere = true;
	if (shc_text_is(in->names[number].text, "PATH"))
		shc_forget_availability(state);
	return variable->elements ? shc_array_first(in, state, variable, term) : 0;
}

int shc_store(struct shc_interpreter *in, struct shc_state *state, struct shc_text name,
	const struct shc_term *term, struct shc_range range)
{
	uint32_t number;

	return shc_name_number(in, name, &number) ? -ENOMEM : store(in, state, number, term, range);
}

/* Give variable @number what its attributes make of @term, or (@append) of its value with @term. 0 or -ENOMEM. */
static int assign_attributed(struct shc_interpreter *in, struct shc_state *state, uint32_t number,
	bool append, const struct shc_term *term, struct shc_range range)
{
	struct shc_variable *variable = shc_state_variable(state, number);
	const struct shc_term *old = NULL;
	enum shc_presence before;
	bool refused = in->refused;
	int r;

	if (!variable)
		return -ENOMEM;
	if (append)
		old = variable->assigned ? variable->term : shc_name_environment(in, number);
	if (!shc_attributes_any(variable)) {
		term = old ? shc_term_concat(in->terms, old, term) : term;
		return term ? store(in, state, number, term, range) : -ENOMEM;
	}
	before = variable->presence;
	in->refused = false;
	if (shc_attributed(in, state, variable, append, old, term, range, &term))
		return -ENOMEM;
	r = store(in, state, number, term, range);
	variable = &state->variables[number];
	if (in->refused && variable->presence == SHC_PRESENT && before != SHC_PRESENT)
		variable->presence = SHC_PERHAPS;
	in->refused |= refused;
	return r;
}

int shc_assign(struct shc_interpreter *in, struct shc_state *state, struct shc_text name,
	const struct shc_term *term, struct shc_range range)
{
	uint32_t number;
	int r = shc_resolve_assigned(in, state, name, &number);

	return r > 0 ? assign_attributed(in, state, number, false, term, range) : r;
}

int shc_assign_or_append(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_assignment *a, const struct shc_term *term)
{
	uint32_t number;
	int r = shc_resolve_assigned(in, state, a->name, &number);

	return r > 0 ? assign_attributed(in, state, number, a->append, term, a->range) : r;
}

int shc_run_array(
	struct shc_interpreter *in, struct shc_state *state, const struct shc_assignment *a)
{
	const struct shc_variable *variable;
	uint32_t number;
	int r;

	r = shc_resolve_assigned(in, state, a->name, &number);
	if (r <= 0)
		return r ? r : 1;
	variable = shc_state_variable(state, number);
	if (!variable)
		return -ENOMEM;
	if (variable->readonly || variable->perhaps_readonly) {
		in->refused = in->may_end = true;
		return !variable->readonly;
	}
	in->assigning = a->name;
	r = shc_array_assign(in, state, a);
	in->assigning.length = 0;
	return r;
}

/* One assignment before @command; where it may end the shell, that is added to @out. 1, 0 (it ends) or -ENOMEM. */
static int run_assignment(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, const struct shc_assignment *a, struct shc_outcomes *out)
{
	const struct shc_variable *variable;
	const struct shc_term *term;
	uint32_t number;
	int r;

	if (a->is_array || a->subscript.kind != SHC_SUBSCRIPT_NONE)
		return shc_run_array(in, state, a);
	in->assigning = a->name;
	r = shc_expand_value(in, state, a->value, &term);
	in->assigning.length = 0;
	if (r <= 0)
		return r;
	/* Then nothing is assigned. */
	if (in->may_end && shc_end_too(in, command, state, out))
		return -ENOMEM;
	if (!term || shc_assign_or_append(in, state, a, term) ||
		shc_resolve(in, state, a->name, &number) < 0)
		return -ENOMEM;
	variable = shc_state_variable(state, number);
	if (!variable)
		return -ENOMEM;
	return !variable->readonly || MADE(READONLY_IGNORED);
}

/* ---- Calls ---------------------------------------------------------------------------------------------------- */

static int call_values(struct shc_call *call)
{
	call->values = calloc(call->fields.count + 1, sizeof(*call->values));
	if (!call->values)
		return -ENOMEM;
	for (uint32_t i = 0; i < call->fields.count; i++) {
		call->values[i] = shc_field_term(call->in, &call->fields.items[i]);
		if (!call->values[i])
			return -ENOMEM;
	}
	if (call->fields.count && call->fields.items[0].occurrence == SHC_ONCE)
		(void)shc_term_known(call->values[0], &call->name);
	return 0;
}

bool shc_call_option(const struct shc_call *call, char letter, const char *long_name)
{
	for (uint32_t i = 1; i < call->fields.count; i++) {
		struct shc_text text;

		if (!shc_term_known(call->values[i], &text) || text.length < 2 ||
			text.bytes[0] != '-')
			continue;
		if (text.bytes[1] == '-') {
			if (text.length == 2)
				return false;
			if (long_name && text.length - 2 <= strlen(long_name) &&
				!memcmp(text.bytes + 2, long_name, text.length - 2))
				return true;
		} else if (memchr(text.bytes + 1, letter, text.length - 1)) {
			return true;
		}
	}
	return false;
}

uint32_t shc_call_operand(const struct shc_call *call)
{
	uint32_t i;

	for (i = 1; i < call->fields.count; i++) {
		struct shc_text text;

		if (!shc_term_known(call->values[i], &text) || text.length < 2 ||
			text.bytes[0] != '-')
			break;
		if (text.length == 2 && text.bytes[1] == '-')
			return i + 1;
	}
	return i;
}

static bool comes_from_output(const struct shc_field *field)
{
	for (uint32_t i = 0; i < field->count; i++)
		if (field->pieces[i].piece.atom &&
			(field->pieces[i].piece.atom->origin == SHC_ORIGIN_OUTPUT ||
				(field->pieces[i].splits && field->pieces[i].piece.atom->origin ==
								    SHC_ORIGIN_FILE_NAME)))
			return true;
	return false;
}

int shc_set_arguments(const struct shc_call *call, struct shc_state *state, uint32_t first)
{
	const struct shc_term **arguments = malloc((call->fields.count + 1) * sizeof(*arguments));
	uint32_t count = 0;
	bool open = false, output = false;

	if (!arguments)
		return -ENOMEM;
	for (uint32_t i = first; i < call->fields.count && !open; i++) {
		const struct shc_field *field = &call->fields.items[i];

		open = !shc_field_is_one(field);
		output = open && comes_from_output(field);
		/* A pattern gives one field at least. */
		if (!open || field->occurrence == SHC_ONCE)
			arguments[count++] = shc_loop_value(call->in, field);
		if (count && !arguments[count - 1]) {
			free(arguments);
			return -ENOMEM;
		}
	}
	free(state->arguments);
	state->arguments = arguments;
	state->argument_count = count;
	state->arguments_open = open;
	state->arguments_output = output;
	state->arguments_fresh = true;
	state->shifted = open ? shc_terms_epoch(call->in->terms) : 0;
	return 0;
}

int shc_copy_arguments(struct shc_state *to, const struct shc_state *from)
{
	const struct shc_term **copy = malloc((from->argument_count + 1) * sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (from->argument_count)
		memcpy(copy, from->arguments, from->argument_count * sizeof(*copy));
	free(to->arguments);
	to->arguments = copy;
	to->argument_count = from->argument_count;
	to->arguments_open = from->arguments_open;
	to->arguments_output = from->arguments_output;
	/* What was called may have read the same ones. */
	to->arguments_fresh = false;
	to->shifted = from->shifted;
	return 0;
}

bool shc_end_restores(const struct shc_interpreter *in, enum shc_end end)
{
	return in->script->dialect == SHC_BASH && (end == SHC_END_ERREXIT || end == SHC_END_ERROR);
}

/* The shell ends: does the trap of EXIT see the positional parameters of the function that this is in? */
static bool end_keeps_arguments(const struct shc_interpreter *in, enum shc_end end)
{
	return in->script->dialect == SHC_BASH && end != SHC_END_ERROR;
}

int shc_split_ends(struct shc_interpreter *in, struct shc_outcomes *outcomes)
{
	uint32_t count = outcomes->count;
	int r = 0;

	for (uint32_t i = 0; i < count && !r && in->script->dialect == SHC_BASH; i++) {
		if (outcomes->items[i].flow != SHC_FLOW_EXIT ||
			outcomes->items[i].levels != SHC_END_ANY ||
			!outcomes->items[i].state->traps)
			continue;
		for (uint32_t end = SHC_END_ERREXIT; end <= SHC_END_ERROR && !r; end++) {
			struct shc_state *copy = shc_state_clone(outcomes->items[i].state);

			r = copy ? shc_outcomes_add(in, outcomes, copy, SHC_FLOW_EXIT, end)
				 : -ENOMEM;
		}
		outcomes->items[i].levels = SHC_END_ASKED;
	}
	return r;
}

/* Call a function: its fields become the positional parameters for the time of the body. */
static int call_function(const struct shc_call *call, const struct shc_command *function,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	struct shc_state *outer = shc_state_clone(state);
	struct shc_outcomes results = {0};
	int r = outer ? shc_set_arguments(call, state, 1) : -ENOMEM;

	if (r) {
		shc_state_destroy(outer);
		shc_state_destroy(state);
		return r;
	}
	r = shc_execute_function(in, function, state, &results);
	for (uint32_t i = 0; i < results.count; i++) {
		struct shc_outcome *item = &results.items[i];

		if (!r && !(item->flow == SHC_FLOW_EXIT && end_keeps_arguments(in, item->levels)) &&
			!MADE(CALLER_LOSES_ARGUMENTS))
			r = shc_copy_arguments(item->state, outer);
		if (r)
			shc_state_destroy(item->state);
		else
			r = shc_outcomes_add(in, out, item->state, item->flow, item->levels);
	}
	shc_state_destroy(outer);
	results.count = 0;
	shc_outcomes_finish(&results);
	return r;
}

/* A command of which nothing is known but that it runs: any status, any output. */
int shc_call_unknown(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;

	shc_approximate(in, call->command);
	shc_may_install(call, state);
	shc_path_forget_tested(state);
	shc_path_shake(state);
	/* Operands have been looked at; a program that is not known may have any. */
	if (!call->name.length)
		shc_path_seen(in, state, NULL);
	if (state->output) {
		state->output = shc_term_concat(in->terms, state->output,
			shc_unknown(in, SHC_ORIGIN_OUTPUT, shc_dfa_text(in->pool),
				call->command->range));
		if (!state->output) {
			shc_state_destroy(state);
			return -ENOMEM;
		}
	}
	shc_set_status(state, call->command, 0, 255);
	return shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0);
}

/* What is not a function of the script. Takes @state. */
static int run_command(const struct shc_call *call, struct shc_state *state, uint32_t number,
	struct shc_outcomes *out)
{
	const struct shc_builtin *builtin = shc_builtin_find(call->name);

	shc_check_name(call, state, number);
	shc_check_call(call, state);
	/* What reads its operands says so itself. */
	if (!builtin && !shc_effect_known(call->name))
		for (uint32_t i = 0; i < call->fields.count; i++) {
			shc_path_seen(call->in, state, call->values[i]);
			if (i)
				shc_path_perhaps_made(call->in, state, call->values[i]);
		}
	if (builtin)
		return builtin->run(call, state, out);
	if (shc_transformer_known(call->name))
		return shc_transformer_run(call, state, out);
	if (shc_effect_known(call->name))
		return shc_effect_run(call, state, out);
	if (state->output && shc_date_known(call))
		return shc_date_run(call, state, out);
	return shc_call_unknown(call, state, out);
}

/* A name that is one of several functions, or perhaps none. Takes @state. */
static int run_doubtful(const struct shc_call *call, struct shc_state *state, uint32_t number,
	struct shc_outcomes *out)
{
	int r = 0;

	for (uint32_t i = 0; i < state->doubt_count && !r; i++) {
		const struct shc_command *function = state->doubts[i].function;
		struct shc_state *copy;

		if (state->doubts[i].name != number)
			continue;
		copy = shc_state_clone(state);
		if (!copy)
			r = -ENOMEM;
		else if (function)
			r = call_function(call, function, copy, out);
		else if (shc_builtin_find(call->name) || shc_effect_known(call->name))
			r = run_command(call, copy, number, out);
		else
			r = shc_call_unknown(call, copy, out);
	}
	if (r) {
		shc_state_destroy(state);
		return r;
	}
	return call_function(call, shc_state_function(state, number), state, out);
}

int shc_dispatch(const struct shc_call *call, struct shc_state *state, bool functions,
	struct shc_outcomes *out)
{
	const struct shc_builtin *builtin = shc_builtin_find(call->name);
	const struct shc_command *function = NULL;
	uint32_t number = 0;

	if (call->in->observer)
		call->in->observer->call(call->in->observer->context, call, state);
	if (call->name.length) {
		if (shc_name_number(call->in, call->name, &number)) {
			shc_state_destroy(state);
			return -ENOMEM;
		}
		function = functions ? shc_state_function(state, number) : NULL;
	}
	/* bash looks for functions before special built-ins unless it is in POSIX mode. */
	if (!function || (builtin && builtin->special && call->in->script->dialect != SHC_BASH))
		return run_command(call, state, number, out);
	for (uint32_t i = 0; i < state->doubt_count; i++)
		if (state->doubts[i].name == number)
			return run_doubtful(call, state, number, out);
	return call_function(call, function, state, out);
}

/* Assignments before a command hold for that command only; special built-ins and functions of POSIX aside. */
static int run_assignments(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	int r = 1;

	for (const struct shc_assignment *a = command->simple.assignments; a && r > 0; a = a->next)
		r = run_assignment(in, command, state, a, out);
	return r;
}

/* bash: a function that makes such a variable read-only makes it one of the shell. */
static bool keeps_prefix(const struct shc_interpreter *in, const struct shc_variable *after,
	const struct shc_variable *before)
{
	return in->script->dialect == SHC_BASH && after->readonly && !before->readonly;
}

void shc_prefix_escapes(
	const struct shc_interpreter *in, struct shc_state *state, uint32_t number, bool sealed)
{
	for (uint32_t i = 0; i < in->prefix_count && i < SHC_PREFIXES_MAX; i++)
		if (in->prefixes[i] == number && in->script->dialect == SHC_BASH &&
			!MADE(PREFIX_NEVER_ESCAPES)) {
			state->escaped |= UINT32_C(1) << i;
			state->sealed |= (uint32_t)sealed << i;
		}
}

/* A variable that an assignment before a command hides, as it was. */
struct prefix {
	uint32_t number;
	struct shc_variable before;
};

/* What the assignments before @command hide; *ret is malloc()ed. 0 or -ENOMEM. */
static int save_prefixes(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct prefix **ret, uint32_t *ret_count)
{
	uint32_t count = 0;

	for (const struct shc_assignment *a = command->simple.assignments; a; a = a->next)
		count++;
	*ret_count = count;
	*ret = calloc(count, sizeof(**ret));
	count = 0;
	for (const struct shc_assignment *a = command->simple.assignments; a && *ret; a = a->next) {
		struct prefix *prefix = &(*ret)[count++];

		if (shc_resolve(in, state, a->name, &prefix->number) < 0 ||
			!shc_state_variable(state, prefix->number)) {
			free(*ret);
			*ret = NULL;
		} else {
			prefix->before = state->variables[prefix->number];
		}
	}
	return *ret ? 0 : -ENOMEM;
}

/* The command has ended, before which @prefixes were assigned from place ->prefix_count on. 0 or -ENOMEM. */
static int restore_prefixes(const struct shc_call *call, struct shc_state *after,
	const struct prefix *prefixes, uint32_t count)
{
	struct shc_interpreter *in = call->in;

	for (uint32_t i = count; i-- > 0 && !MADE(PREFIX_STAYS);) {
		uint32_t place = in->prefix_count + i;
		/* Of those that nest too deep nothing is noted. */
		bool escaped = place >= SHC_PREFIXES_MAX || after->escaped & UINT32_C(1) << place;
		bool sealed = place >= SHC_PREFIXES_MAX || after->sealed & UINT32_C(1) << place;
		struct shc_variable *variable = shc_state_variable(after, prefixes[i].number);

		if (!variable)
			return -ENOMEM;
		if (place < SHC_PREFIXES_MAX) {
			after->escaped &= ~(UINT32_C(1) << place);
			after->sealed &= ~(UINT32_C(1) << place);
		}
		if (keeps_prefix(in, variable, &prefixes[i].before))
			continue;
		*variable = prefixes[i].before;
		if (escaped && shc_variable_anything(in, variable, call->command->range))
			return -ENOMEM;
		variable->perhaps_readonly |= escaped && sealed;
		if (escaped && in->attributes_escape)
			variable->perhaps_attributes |= SHC_ATTRIBUTE_ALL;
	}
	return 0;
}

/* The shell ends before the command has: what @count assignments hide stays hidden. */
static void keep_prefixes(const struct shc_interpreter *in, struct shc_state *state, uint32_t count)
{
	for (uint32_t i = in->prefix_count; i < in->prefix_count + count; i++)
		if (i < SHC_PREFIXES_MAX) {
			state->escaped &= ~(UINT32_C(1) << i);
			state->sealed &= ~(UINT32_C(1) << i);
		}
}

/* Dispatch with @prefixes assigned. Takes @state. */
static int dispatch_prefixed(const struct shc_call *call, const struct prefix *prefixes,
	uint32_t count, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	struct shc_outcomes results = {0};
	uint32_t outer = in->prefix_count;
	int r;

	for (uint32_t i = 0; i < count; i++) {
		state->variables[prefixes[i].number].prefixed = true;
		if (outer + i < SHC_PREFIXES_MAX)
			in->prefixes[outer + i] = prefixes[i].number;
	}
	in->prefix_count += count;
	r = shc_dispatch(call, state, true, &results);
	in->prefix_count = outer;
	if (!r)
		r = shc_split_ends(in, &results);
	for (uint32_t i = 0; i < results.count; i++) {
		struct shc_outcome *item = &results.items[i];

		if (item->flow == SHC_FLOW_EXIT && !shc_end_restores(in, item->levels))
			keep_prefixes(in, item->state, count);
		else if (!r)
			r = restore_prefixes(call, item->state, prefixes, count);
		if (r)
			shc_state_destroy(item->state);
		else
			r = shc_outcomes_add(in, out, item->state, item->flow, item->levels);
	}
	results.count = 0;
	shc_outcomes_finish(&results);
	return r;
}

/*
 * bash: what such an assignment makes is a variable without attributes; only += does with the value before what they
 * say. A reference stays one. Takes them away before @a, or (@after) behind it. 0 or -ENOMEM.
 */
static int drop_attributes(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_assignment *a, bool after)
{
	struct shc_variable *variable;
	uint32_t number;

	if (in->script->dialect != SHC_BASH || (a->append && !after) || MADE(PREFIX_HAS_ATTRIBUTES))
		return 0;
	if (shc_resolve(in, state, a->name, &number) < 0)
		return -ENOMEM;
	variable = shc_state_variable(state, number);
	if (!variable)
		return -ENOMEM;
	variable->attributes &= SHC_ATTRIBUTE_REFERENCE;
	variable->perhaps_attributes &= SHC_ATTRIBUTE_REFERENCE;
	return 0;
}

/*
 * Assignments before a command, all of them: one to a read-only variable is left out, and the others and the command
 * may come all the same. 1, 0 (the shell has ended in an expansion, which @out has) or -ENOMEM.
 */
static int run_prefixes(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	bool refused = in->refused;

	for (const struct shc_assignment *a = command->simple.assignments; a; a = a->next) {
		int r;

		in->refused = false;
		if (drop_attributes(in, state, a, false))
			return -ENOMEM;
		r = run_assignment(in, command, state, a, out);
		if (r < 0 || drop_attributes(in, state, a, true))
			return -ENOMEM;
		if (!r && !in->refused)
			return shc_end_too(in, command, state, out) ? -ENOMEM : 0;
		refused |= in->refused;
	}
	in->refused = refused;
	return 1;
}

/* Assignments before a command hold while it runs; those before a special built-in stay. */
static int dispatch_with(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	const struct shc_builtin *builtin = shc_builtin_find(call->name);
	/* bash keeps them only in POSIX mode. */
	bool stays = builtin && builtin->special && in->script->dialect != SHC_BASH;
	struct prefix *prefixes = NULL;
	uint32_t count = 0;
	int r;

	if (!call->command->simple.assignments)
		return shc_dispatch(call, state, true, out);
	r = save_prefixes(in, call->command, state, &prefixes, &count);
	if (!r)
		r = run_prefixes(in, call->command, state, out);
	if (r > 0 && in->refused && shc_end_too(in, call->command, state, out))
		r = -ENOMEM;
	if (r <= 0)
		shc_state_destroy(state);
	else if (stays)
		r = shc_dispatch(call, state, true, out);
	else
		r = dispatch_prefixed(call, prefixes, count, state, out);
	free(prefixes);
	return r;
}

static int expand_words(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_call *call)
{
	int r = 1;

	for (const struct shc_word *word = command->simple.words; word && r > 0;
		word = word->next) {
		/* The operand of `export x=...` is neither split nor globbed, like an assignment. */
		if (word->assignment) {
			const struct shc_term *term;

			in->assigning = word->assignment->name;
			in->declaring = true;
			r = shc_expand_value(in, state, word, &term);
			in->declaring = false;
			in->assigning.length = 0;
			if (r > 0 && shc_fields_add_term(in, state, &call->fields, word, term))
				r = -ENOMEM;
			continue;
		}
		r = shc_expand_word(in, state, word, &call->fields);
	}
	if (r > 0 && call_values(call))
		r = -ENOMEM;
	return r;
}

void shc_begin_expansion(struct shc_interpreter *in)
{
	in->may_end = in->refused = in->discards = false;
	shc_state_destroy(in->unchecked);
	in->unchecked = NULL;
}

static bool same_values(const struct shc_state *a, const struct shc_state *b)
{
	if (a->variable_count != b->variable_count)
		return false;
	for (uint32_t i = 0; i < a->variable_count; i++)
		if (a->variables[i].term != b->variables[i].term ||
			a->variables[i].presence != b->variables[i].presence)
			return false;
	return true;
}

int shc_may_end_here(struct shc_interpreter *in, const struct shc_state *state)
{
	in->may_end = true;
	if (in->unchecked)
		return same_values(in->unchecked, state)
			       ? 0
			       : shc_state_join(in->unchecked, state, in->terms, SHC_JOIN_STATES, 0,
					 state->status.range);
	in->unchecked = shc_state_clone(state);
	return in->unchecked ? 0 : -ENOMEM;
}

/* What was learnt only because the shell goes on does not hold where it ends. 0 or -ENOMEM. */
static int forget_checked(struct shc_interpreter *in, struct shc_state *ended)
{
	struct shc_state *before = in->unchecked ? shc_state_clone(in->unchecked) : NULL;
	struct shc_narrowing *narrowed = ended->narrowed;

	if (!in->unchecked)
		return 0;
	if (!before)
		return -ENOMEM;
	ended->narrowed = before->narrowed;
	ended->narrowed_count = before->narrowed_count;
	before->narrowed = narrowed;
	shc_state_destroy(before);
	return 0;
}

/* The shell ends in a state like @state, or (@line) leaves out the rest of the line. 0 or -ENOMEM. */
static int add_ended(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_state *state, bool line, struct shc_outcomes *out)
{
	struct shc_state *ended = shc_state_clone(state);

	/* What was learnt only because the shell goes on holds where the next line is run no more than at the end. */
	if (!ended || forget_checked(in, ended)) {
		shc_state_destroy(ended);
		return -ENOMEM;
	}
	shc_set_status(ended, command, 1, line ? 2 : 255);
	return shc_outcomes_add(
		in, out, ended, line ? SHC_FLOW_DISCARD : SHC_FLOW_EXIT, line ? 0 : SHC_END_ERROR);
}

int shc_end_too(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_state *state, struct shc_outcomes *out)
{
	bool line = (in->refused || in->discards) && in->script->dialect == SHC_BASH;
	/* Assignments in the expansion behind the error were not made; only what runs afterwards can tell. */
	const struct shc_state *before = line || state->traps ? in->unchecked : NULL;
	int r = 0;

	in->may_end = in->refused = in->discards = false;
	if (MADE(NOUNSET_NEVER_ENDS))
		return 0;
	if (line && before)
		r = add_ended(in, command, before, true, out);
	if (line && !r)
		r = add_ended(in, command, state, true, out);
	if (before && !r)
		r = add_ended(in, command, before, false, out);
	return r ? r : add_ended(in, command, state, false, out);
}

/*
 * A built-in that was to set a read-only variable: it goes on with a status of its own, or the shell ends (dash's
 * special ones). Adds @results to @out and empties it. 0 or -ENOMEM.
 */
static int widen_assigning(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_outcomes *results, struct shc_outcomes *out)
{
	bool refused = in->refused;
	int r = 0;

	for (uint32_t i = 0; i < results->count; i++) {
		struct shc_outcome *item = &results->items[i];

		if (refused) {
			in->refused = true;
			r = r ? r : shc_end_too(in, command, item->state, out);
			item->state->status.low = 0;
			if (item->state->status.high < 2)
				item->state->status.high = 2;
		}
		if (r)
			shc_state_destroy(item->state);
		else
			r = shc_outcomes_add(in, out, item->state, item->flow, item->levels);
	}
	results->count = 0;
	shc_outcomes_finish(results);
	in->refused = false;
	return r;
}

static bool assigns_may_leave_out(const struct shc_command *command)
{
	for (const struct shc_assignment *a = command->simple.assignments; a; a = a->next)
		if (a->value && words_may_leave_out(a->value))
			return true;
	return false;
}

int shc_execute_simple(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_call call = {.in = in, .command = command};
	struct shc_outcomes results = {0};
	bool substituted = state->has_substituted;
	int r;

	shc_begin_expansion(in);
	call.reads_first = !state->arguments_read;
	r = expand_words(in, command, state, &call);
	if (r > 0 && in->may_end && shc_end_too(in, command, state, out))
		r = -ENOMEM;
	if (r > 0 && !call.fields.count) {
		r = run_assignments(in, command, state, out);
		if (r > 0 && in->may_end && shc_end_too(in, command, state, out))
			r = -ENOMEM;
		if (r > 0 && !substituted)
			shc_set_status(state, command, 0, 0);
		else if (r > 0 && assigns_may_leave_out(command))
			shc_set_status(state, command, 0, 255);
	} else if (r > 0) {
		in->refused = false;
		r = dispatch_with(&call, state, &results);
		state = NULL;
		if (r)
			shc_outcomes_finish(&results);
		else
			r = widen_assigning(in, command, &results, out);
	}
	shc_fields_finish(&call.fields);
	free(call.values);
	if (r < 0) {
		shc_state_destroy(state);
		return r;
	}
	if (!state)
		return 0;
	if (r)
		return shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0);
	/* The same once more, where only the line ends. */
	shc_set_status(state, command, 1, 255);
	if (in->refused && shc_end_too(in, command, state, out)) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	return shc_outcomes_add(in, out, state, SHC_FLOW_EXIT, SHC_END_ERROR);
}
