/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checks on one expanded command: what it deletes, which words vanish or fall apart, whether it exists.
 */
#include <string.h>

#include <hotbed/suggest.h>

#include "command.h"
#include "parameter.h"
#include "path.h"
#include "survey.h"

static const char *protection_reason(enum shc_protection protection)
{
	switch (protection) {
	case SHC_PROTECTED_SYSTEM:
		return "the system lives there";
	case SHC_PROTECTED_USER:
		return "that is a user's home";
	default:
		return "that is everything in the directory in which the script happens to be";
	}
}

/* What makes a field the path of @harm: an unknown that is empty, or a cd that has failed. */
static void explain_harm(const struct shc_call *call, const struct shc_state *state,
	const struct shc_harm *harm, struct shc_finding *finding)
{
	struct shc_findings *findings = call->in->findings;

	if (harm->empty) {
		shc_finding_hint(findings, finding, "stop when the value is empty, e.g. ${name:?}");
		/* What comes from outside comes from no place in the script. */
		if (harm->empty->range.end > harm->empty->range.start)
			shc_finding_relate(
				findings, finding, harm->empty->range, "this can be empty");
	}
	if (harm->protection == SHC_PROTECTED_START && state->directory_doubtful)
		shc_finding_relate(findings, finding, state->directory_range,
			"cd can fail here, and then nothing has changed");
}

static bool ends_in(const char *path, const char *end)
{
	size_t length = strlen(path), of_end = strlen(end);

	return length >= of_end && !strcmp(path + length - of_end, end);
}

/* rm, rmdir and mv refuse "." and "..", as such and as the last component. */
static bool is_refused(const struct shc_call *call, const struct shc_harm *harm)
{
	return harm->dots && (shc_text_is(call->name, "rm") || shc_text_is(call->name, "mv") ||
				     shc_text_is(call->name, "rmdir"));
}

void shc_report_removal(
	const struct shc_call *call, const struct shc_state *state, const struct shc_harm *harm)
{
	explain_harm(call, state, harm,
		shc_report(call->in, harm->protection == SHC_PROTECTED_SYSTEM ? 101 : 102,
			call->command->range, "this can delete '%s': %s", harm->path,
			protection_reason(harm->protection)));
}

void shc_check_removal(const struct shc_call *call, struct shc_state *state,
	const struct shc_field *field, bool recursive)
{
	struct shc_harm harm = shc_field_harm(call->in, state, field);

	/* Some names of the directory are chosen, in a way that is not understood. */
	if (harm.every && !harm.empty && !shc_runs_each_turn(call->in, call->command))
		return;
	if (harm.protection != SHC_UNPROTECTED &&
		(recursive ||
			(harm.protection == SHC_PROTECTED_START && ends_in(harm.path, "/*"))) &&
		!is_refused(call, &harm))
		shc_report_removal(call, state, &harm);
}

void shc_check_change(const struct shc_call *call, struct shc_state *state,
	const struct shc_field *field, const char *reason)
{
	struct shc_harm harm = shc_field_harm(call->in, state, field);

	if (harm.protection == SHC_PROTECTED_SYSTEM)
		explain_harm(call, state, &harm,
			shc_report(call->in, 103, call->command->range, "this can be '%s': %s",
				harm.path, reason));
}

/* Names of files hold blanks now and then; what a script is called with seldom does. */
static void report_splitting(const struct shc_call *call, enum shc_origin origin)
{
	struct shc_finding *finding = shc_report(call->in, 301, call->command->range,
		"an unquoted value with blanks makes several operands of this word");

	shc_finding_hint(call->in->findings, finding, "put the expansion in double quotes");
	if (finding && origin != SHC_ORIGIN_FILE_NAME && origin != SHC_ORIGIN_INPUT)
		finding->severity = SHC_SEVERITY_INFO;
}

/* Unquoted operands of commands that delete, which fall apart where a value holds blanks. */
/* A list of names that find has printed: to split it at newlines is meant, and blanks in the names are not. */
static bool is_list_of_names(const struct shc_call *call, const struct shc_field *field)
{
	static const char two[] = "a b\n/c";
	const struct shc_atom *atom = field->pieces[0].piece.atom;
	uint32_t number;

	return field->count == 1 && atom && atom->origin == SHC_ORIGIN_FILE_NAME &&
	       shc_dfa_matches(atom->language, two, sizeof(two) - 1) &&
	       !shc_name_number(
		       call->in, (struct shc_text){.bytes = "IFS", .length = 3}, &number) &&
	       !call->in->names[number].assigned_anywhere;
}

static void check_splitting(const struct shc_call *call)
{
	static const char *const deleting[] = {"rm", "rmdir", "mv", "chown", "chmod"};
	bool relevant = false;

	for (size_t i = 0; i < sizeof(deleting) / sizeof(*deleting); i++)
		relevant |= shc_text_is(call->name, deleting[i]);
	for (uint32_t i = 1; relevant && i < call->fields.count; i++) {
		const struct shc_field *field = &call->fields.items[i];

		for (uint32_t j = 0; j < field->count; j++) {
			const struct shc_field_piece *piece = &field->pieces[j];

			if (!piece->splits || !piece->piece.atom ||
				(field->count < 2 && !is_list_of_names(call, field)) ||
				piece->piece.atom->origin == SHC_ORIGIN_APPROXIMATION)
				continue;
			report_splitting(call, piece->piece.atom->origin);
			return;
		}
	}
}

/* By a value that is empty; what a script is called with is meant so. */
bool shc_field_may_vanish(const struct shc_state *state, const struct shc_field *field)
{
	for (uint32_t i = 0; i < field->count; i++) {
		const struct shc_atom *atom = field->pieces[i].piece.atom;

		if (!atom || atom->origin == SHC_ORIGIN_ARGUMENT ||
			atom->origin == SHC_ORIGIN_ENVIRONMENT ||
			atom->origin == SHC_ORIGIN_APPROXIMATION ||
			!shc_dfa_matches(shc_state_language_of(state, atom), "", 0))
			return false;
	}
	return field->occurrence != SHC_ONCE;
}

/* Has standard input been given something to read? */
static bool has_input(const struct shc_command *command)
{
	for (const struct shc_redirect *r = command->redirects; r; r = r->next)
		if (r->kind == SHC_REDIRECT_INPUT || r->kind == SHC_REDIRECT_READ_WRITE ||
			r->kind == SHC_REDIRECT_DUP_INPUT ||
			r->kind == SHC_REDIRECT_HERE_DOCUMENT ||
			r->kind == SHC_REDIRECT_HERE_STRING)
			return true;
	return false;
}

void shc_check_input(const struct shc_call *call)
{
	if (call->in->piped || has_input(call->command))
		return;
	shc_report(call->in, 302, call->command->range,
		"when the file names vanish, '%.*s' waits for standard input",
		(int)call->name.length, call->name.bytes);
}

/* SH307: a name that begins with a dash is taken as an option by commands whose options run others. */
static void check_options(const struct shc_call *call, const struct shc_state *state)
{
	static const char *const names[] = {
		"tar", "rsync", "zip", "7z", "7za", "chown", "chmod", "chgrp", "scp", NULL};
	bool relevant = false;

	for (const char *const *name = names; *name; name++)
		relevant |= shc_text_is(call->name, *name);
	for (uint32_t i = 1; relevant && i < call->fields.count; i++) {
		const struct shc_field *field = &call->fields.items[i];
		const struct shc_field_piece *first = field->pieces;
		bool any;

		if (shc_term_is(call->values[i], "--"))
			return;
		if (!field->count)
			continue;
		any = first->glob && first->piece.text.length &&
		      strchr("*?[", first->piece.text.bytes[0]);
		if (!any && first->piece.atom && first->piece.atom->origin == SHC_ORIGIN_FILE_NAME)
			any = shc_dfa_matches(
				shc_state_language_of(state, first->piece.atom), "-x", 2);
		if (!any)
			continue;
		shc_finding_hint(call->in->findings,
			shc_report(call->in, 307, call->command->range,
				"a name that begins with '-' becomes an option of '%.*s'",
				(int)call->name.length, call->name.bytes),
			"begin the pattern with ./, or put -- before it");
		return;
	}
}

/* git clean -f deletes what is not tracked in the directory at hand: where cd has failed, in another repository. */
static void check_cleaned(const struct shc_call *call, const struct shc_state *state)
{
	struct shc_field_piece piece = {.piece.text = {.bytes = "./*", .length = 3}, .glob = true};
	const struct shc_field all = {.pieces = &piece, .count = 1};
	bool forced = false;
	struct shc_harm harm;
	struct shc_text text;

	if (!shc_text_is(call->name, "git") || call->fields.count < 2 ||
		!shc_term_is(call->values[1], "clean") || !state->directory_doubtful)
		return;
	for (uint32_t i = 2; i < call->fields.count; i++) {
		if (!shc_term_known(call->values[i], &text) || !text.length ||
			text.bytes[0] != '-' || shc_text_is(text, "--dry-run") ||
			shc_text_is(text, "--") ||
			(text.length > 1 && text.bytes[1] != '-' &&
				memchr(text.bytes, 'n', text.length)))
			return;
		forced |= shc_text_is(text, "--force") ||
			  (text.length > 1 && text.bytes[1] != '-' &&
				  memchr(text.bytes, 'f', text.length));
	}
	harm = shc_field_harm(call->in, state, &all);
	if (forced && harm.protection == SHC_PROTECTED_START)
		shc_report_removal(call, state, &harm);
}

/* rsync --delete empties its last operand of all that the others do not have. */
static void check_mirror(const struct shc_call *call, struct shc_state *state)
{
	if (shc_text_is(call->name, "rsync") && call->fields.count > 2 &&
		(shc_call_option(call, 0, "delete") ||
			shc_call_option(call, 0, "delete-excluded") ||
			shc_call_option(call, 0, "delete-after")))
		shc_check_removal(call, state, &call->fields.items[call->fields.count - 1], true);
}

void shc_check_call(const struct shc_call *call, struct shc_state *state)
{
	check_splitting(call);
	check_options(call, state);
	check_mirror(call, state);
	check_cleaned(call, state);
	shc_check_collision(call, state);
	shc_check_operands(call, state);
}

/* The field is one unquoted variable. */
static bool is_bare_variable(const struct shc_field *field)
{
	const struct shc_part *part = field->word ? field->word->parts : NULL;

	return part && !part->next && part->kind == SHC_PART_PARAMETER &&
	       part->parameter->kind == SHC_PARAMETER_VARIABLE &&
	       part->parameter->op == SHC_OP_NONE;
}

void shc_check_comparison(
	const struct shc_call *call, const struct shc_state *state, uint32_t first, uint32_t end)
{
	struct shc_text op;
	bool equals;

	if (end != first + 3 || !shc_term_known(call->values[first + 1], &op))
		return;
	equals = shc_text_is(op, "==");
	if (equals && call->in->script->dialect != SHC_BASH)
		shc_finding_hint(call->in->findings,
			shc_report(call->in, 601, call->command->range,
				"the test of this shell has no '==': dash says \"unexpected "
				"operator\", and the test counts as false"),
			"write =");
	equals |= shc_text_is(op, "=");
	if (!equals && !shc_text_is(op, "!="))
		return;
	for (uint32_t i = first; i < end; i += 2) {
		struct shc_finding *finding;

		if (!is_bare_variable(&call->fields.items[i]) ||
			!shc_field_may_vanish(state, &call->fields.items[i]))
			continue;
		finding = shc_report(call->in, 306, call->command->range,
			"without its operand this test is an error, which counts as false");
		shc_finding_hint(call->in->findings, finding, "put the expansion in double quotes");
		/* What is empty equals nothing else, so that false is right by chance; only a guard lets it pass. */
		if (finding && equals && !(call->in->seen[call->command->id] & SHC_GUARD) &&
			!shc_term_is(call->values[first + end - 1 - i], ""))
			finding->severity = SHC_SEVERITY_INFO;
		return;
	}
}

/* Commands in the body of a loop that change the files whose names they are given. */
static void note_changing(void *context, const struct shc_command *command)
{
	static const char *const names[] = {
		"rm", "rmdir", "unlink", "shred", "mv", "cp", "chmod", "chown", NULL};

	for (const char *const *name = names; *name; name++)
		*(bool *)context |= shc_text_is(shc_command_name(command), *name);
}

/* SH301: for f in $(find ...), whose names fall apart at blanks. */
static void check_listed(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_fields *fields)
{
	const struct shc_call call = {.in = in};
	bool changes = false;
	const struct shc_visitor visitor = {.context = &changes, .command = note_changing};
	struct shc_finding *finding;

	if (fields->count != 1 || !fields->items[0].count || !fields->items[0].pieces[0].splits ||
		!is_list_of_names(&call, &fields->items[0]))
		return;
	shc_visit_list(&visitor, command->for_.body);
	finding = shc_report(in, 301,
		command->for_.words ? command->for_.words->range : command->range,
		"a name with a blank makes several turns of this loop");
	shc_finding_hint(
		in->findings, finding, "use a pattern: for f in ./*, or find ... -exec ... {} +");
	if (finding && !changes)
		finding->severity = SHC_SEVERITY_INFO;
}

/* {1..$n} is a word like any other, and in sh {1..9} is, too. */
static void check_range(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_fields *fields)
{
	const struct shc_word *word = command->for_.words;
	const struct shc_part *last = word ? word->parts : NULL;
	bool dots = false;

	if (fields->count != 1 || !last || word->next || last->kind != SHC_PART_LITERAL ||
		last->text.bytes[0] != '{')
		return;
	for (;; last = last->next) {
		if (last->kind == SHC_PART_BRACES || last->kind == SHC_PART_SEQUENCE)
			return;
		dots |= last->kind == SHC_PART_LITERAL &&
			memmem(last->text.bytes, last->text.length, "..", 2);
		if (!last->next)
			break;
	}
	if (dots && last->kind == SHC_PART_LITERAL &&
		last->text.bytes[last->text.length - 1] == '}')
		shc_finding_hint(in->findings,
			shc_report(in, 501, command->range,
				"this loop runs once: no range is made of these braces"),
			"write: for ((i = 1; i <= n; i++)), or count in a while loop");
}

void shc_check_for(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_state *state, const struct shc_fields *fields)
{
	const struct shc_word *word = command->for_.words;
	const struct shc_part *part = word ? word->parts : NULL;

	(void)state;
	check_listed(in, command, fields);
	check_range(in, command, fields);
	/* One quoted expansion gives one turn; "$@" and literal words are meant so. */
	if (fields->count != 1 || !word || word->next || !part || part->next ||
		part->kind != SHC_PART_DOUBLE || !part->parts || part->parts->next ||
		fields->items[0].occurrence != SHC_ONCE)
		return;
	if (part->parts->kind != SHC_PART_PARAMETER && part->parts->kind != SHC_PART_COMMAND)
		return;
	/* These are lists, though this one may have one element. */
	if (part->parts->kind == SHC_PART_PARAMETER &&
		(shc_text_is(part->parts->parameter->name, "@") ||
			part->parts->parameter->subscript.kind == SHC_SUBSCRIPT_AT))
		return;
	shc_finding_hint(in->findings,
		shc_report(in, 501, command->range,
			"this loop runs once: the quotes make one word of the list"),
		"leave the quotes out, or use an array");
}
