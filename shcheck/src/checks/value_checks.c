/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Variables that only ever have one of a few fixed texts: a comparison with another text is never true. Read off the
 * whole tree after the analysis, so a text that is assigned anywhere, in whatever order, counts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "parameter.h"
#include "survey.h"

enum { TEXTS_MAX = 24 };

struct texts {
	struct shc_text items[TEXTS_MAX];
	uint32_t count;
	uint32_t assigned; /* by whatever means */
	uint32_t fixed;    /* of these, with a text that is known */
	uint32_t from;     /* an assignment that surely runs before what begins here; 0 = none */
	struct shc_range loop; /* getopts or for, in which it has a value */
	bool many;
};

struct collection {
	struct shc_interpreter *in;
	struct texts *names; /* by number; shape [count] */
	uint32_t count;
};

static struct texts *texts_of(struct collection *all, struct shc_text name)
{
	uint32_t number;

	if (!name.length || shc_name_number(all->in, name, &number) || number >= all->count)
		return NULL;
	return &all->names[number];
}

static bool same(struct shc_text a, struct shc_text b)
{
	return a.length == b.length && !memcmp(a.bytes, b.bytes, a.length);
}

static bool holds(const struct texts *texts, struct shc_text text)
{
	for (uint32_t i = 0; i < texts->count; i++)
		if (same(texts->items[i], text))
			return true;
	return false;
}

static void add_text(struct texts *texts, struct shc_text text)
{
	if (holds(texts, text))
		return;
	if (texts->count == TEXTS_MAX)
		texts->many = true;
	else
		texts->items[texts->count++] = text;
}

static void note_assigned(void *context, struct shc_text name)
{
	struct texts *texts = texts_of(context, name);

	if (texts)
		texts->assigned++;
}

static void note_assignment(struct collection *all, const struct shc_assignment *a)
{
	struct texts *texts = texts_of(all, a->name);

	if (!texts || a->append || a->is_array || a->subscript.kind != SHC_SUBSCRIPT_NONE ||
		(a->value->parts && !a->value->constant))
		return;
	texts->fixed++;
	add_text(texts, a->value->literal);
}

/* The text of @word, which is known, or a variable that has only one. False where it is not. */
static bool only_text(struct collection *all, const struct shc_word *word, struct shc_text *ret)
{
	const struct shc_part *part = word->parts;
	const struct texts *texts;

	*ret = word->literal;
	if (word->constant)
		return true;
	if (part && !part->next && part->kind == SHC_PART_DOUBLE)
		part = part->parts;
	if (!part || part->next || part->kind != SHC_PART_PARAMETER ||
		part->parameter->kind != SHC_PARAMETER_VARIABLE ||
		part->parameter->op != SHC_OP_NONE ||
		part->parameter->subscript.kind != SHC_SUBSCRIPT_NONE)
		return false;
	texts = texts_of(all, part->parameter->name);
	if (!texts || texts->many || texts->count != 1 || texts->assigned != texts->fixed ||
		!texts->from || texts->from > word->range.start)
		return false;
	*ret = texts->items[0];
	return true;
}

/* getopts ab:c opt: the letters, "?" and ":". */
static void note_getopts(void *context, const struct shc_command *command)
{
	struct collection *all = context;
	const struct shc_word *letters;
	struct shc_text known;
	struct texts *texts;

	if (!shc_text_is(shc_command_name(command), "getopts"))
		return;
	letters = command->simple.words->next;
	if (!letters || !letters->next || !letters->next->constant ||
		!only_text(all, letters, &known))
		return;
	texts = texts_of(all, letters->next->literal);
	if (!texts)
		return;
	texts->fixed++;
	add_text(texts, (struct shc_text){.bytes = "?", .length = 1});
	add_text(texts, (struct shc_text){.bytes = ":", .length = 1});
	for (uint32_t i = 0; i < known.length; i++)
		add_text(texts, (struct shc_text){.bytes = known.bytes + i, .length = 1});
}

static bool begins_with(const struct shc_list *condition, const char *name)
{
	const struct shc_statement *s = condition ? condition->first : NULL;

	return s && shc_text_is(shc_command_name(s->command), name);
}

static void note_loop(struct collection *all, const struct shc_command *command)
{
	const struct shc_word *word;
	struct texts *texts = NULL;

	if (command->kind == SHC_COMMAND_WHILE && begins_with(command->loop.condition, "getopts")) {
		word = command->loop.condition->first->command->simple.words->next;
		if (word && word->next)
			texts = texts_of(all, word->next->literal);
	} else if (command->kind == SHC_COMMAND_FOR && command->for_.has_in) {
		texts = texts_of(all, command->for_.name);
		for (word = command->for_.words; word; word = word->next)
			if (!word->constant)
				return;
		for (word = command->for_.words; word && texts; word = word->next)
			add_text(texts, word->literal);
		if (texts)
			texts->fixed++;
	}
	if (texts && !texts->loop.end)
		texts->loop = command->range;
}

static void note_command(void *context, const struct shc_command *command)
{
	struct collection *all = context;

	note_loop(all, command);
	if (command->kind != SHC_COMMAND_SIMPLE)
		return;
	for (const struct shc_assignment *a = command->simple.assignments; a; a = a->next)
		note_assignment(all, a);
	for (const struct shc_word *w = command->simple.words; w; w = w->next)
		if (w->assignment)
			note_assignment(all, w->assignment);
}

/* Assignments that stand alone in the list of the script. */
static void note_first(struct collection *all)
{
	for (const struct shc_statement *s = all->in->script->list ? all->in->script->list->first
								   : NULL;
		s; s = s->next) {
		if (s->command->kind != SHC_COMMAND_SIMPLE || s->command->simple.words ||
			s->background)
			continue;
		for (const struct shc_assignment *a = s->command->simple.assignments; a;
			a = a->next) {
			struct texts *texts = texts_of(all, a->name);

			if (texts && !texts->from)
				texts->from = s->command->range.end;
		}
	}
}

/* ---- Readers -------------------------------------------------------------------------------------------------- */

/* $x or "$x" alone: the texts that x may have at @range, or NULL where that is not known or no choice. */
static const struct texts *subject_of(
	struct collection *all, const struct shc_word *word, struct shc_range range)
{
	const struct shc_part *part = word ? word->parts : NULL;
	const struct texts *texts;

	if (!part || part->next)
		return NULL;
	if (part->kind == SHC_PART_DOUBLE) {
		part = part->parts;
		if (!part || part->next)
			return NULL;
	}
	if (part->kind != SHC_PART_PARAMETER || part->parameter->kind != SHC_PARAMETER_VARIABLE ||
		part->parameter->op != SHC_OP_NONE ||
		part->parameter->subscript.kind != SHC_SUBSCRIPT_NONE)
		return NULL;
	texts = texts_of(all, part->parameter->name);
	if (!texts || texts->many || texts->count < 2 || texts->assigned != texts->fixed)
		return NULL;
	if ((texts->from && texts->from <= range.start) ||
		(texts->loop.start <= range.start && texts->loop.end >= range.end))
		return texts;
	return NULL;
}

static void check_pair(struct collection *all, const struct shc_command *command,
	const struct shc_word *left, struct shc_text op, const struct shc_word *right)
{
	const struct texts *texts;

	if (!shc_text_is(op, "=") && !shc_text_is(op, "==") && !shc_text_is(op, "!="))
		return;
	texts = subject_of(all, left, command->range);
	if (!texts) {
		const struct shc_word *kept = left;

		left = right;
		right = kept;
		texts = subject_of(all, left, command->range);
	}
	if (!texts || !right || !right->constant || holds(texts, right->literal))
		return;
	shc_report(all->in, 517, command->range,
		"this is never '%.*s': the script assigns other texts", (int)right->literal.length,
		right->literal.bytes);
}

static void check_tests(
	struct collection *all, const struct shc_command *command, const struct shc_test *test)
{
	if (!test)
		return;
	check_tests(all, command, test->left);
	check_tests(all, command, test->right);
	if (test->kind == SHC_TEST_BINARY)
		check_pair(all, command, test->first, test->op, test->second);
}

static void check_case(struct collection *all, const struct shc_command *command)
{
	const struct texts *texts = subject_of(all, command->case_.subject, command->range);

	for (const struct shc_case_item *item = command->case_.items; texts && item;
		item = item->next) {
		bool never = item->body->first != NULL;

		for (const struct shc_word *word = item->patterns; word; word = word->next)
			never = never && word->constant && !holds(texts, word->literal);
		if (never)
			shc_report(all->in, 516, item->patterns->range,
				"this is never '%.*s': the script assigns other texts",
				(int)item->patterns->literal.length, item->patterns->literal.bytes);
		if (item->end != SHC_CASE_BREAK)
			return;
	}
}

static void check_reader(void *context, const struct shc_command *command)
{
	struct collection *all = context;
	struct shc_text name = shc_command_name(command);
	const struct shc_word *word;

	if (!(all->in->seen[command->id] & SHC_SEEN))
		return;
	if (command->kind == SHC_COMMAND_TEST)
		check_tests(all, command, command->test);
	if (command->kind == SHC_COMMAND_CASE)
		check_case(all, command);
	if (!shc_text_is(name, "[") && !shc_text_is(name, "test"))
		return;
	word = command->simple.words->next;
	if (word && word->next && word->next->next)
		check_pair(all, command, word, word->next->literal, word->next->next);
}

int shc_check_values(struct shc_interpreter *in)
{
	struct collection all = {.in = in, .count = in->name_count};
	const struct shc_visitor collect = {
		.context = &all, .command = note_command, .assigned = note_assigned};
	const struct shc_visitor options = {.context = &all, .command = note_getopts};
	const struct shc_visitor check = {.context = &all, .command = check_reader};

	/* Text that is not known may assign anything. */
	if (in->open || in->exhausted || in->inclusion_count)
		return 0;
	all.names = calloc(all.count + 1u, sizeof(*all.names));
	if (!all.names)
		return -ENOMEM;
	shc_visit_list(&collect, in->script->list);
	note_first(&all);
	shc_visit_list(&options, in->script->list);
	shc_visit_list(&check, in->script->list);
	free(all.names);
	return 0;
}

/* ---- Numbers that begin with a zero ----------------------------------------------------------------------------- */

/* The language of @text. False when there is no memory for it. */
static bool expression(struct shc_interpreter *in, const char *text, const struct shc_dfa **ret)
{
	return !shc_dfa_regex(in->pool, text, strlen(text), SHC_REGEX_EXTENDED, ret, NULL, NULL);
}

void shc_check_octal(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_term *term, struct shc_range range)
{
	/* As parts of a date are: of two, three (days) and nine digits (nanoseconds), but years of four. */
	static const char octal[] = "(.*[-+*/% (=])?0([89]|[89][0-9]|[0-9][89]|"
				    "[0-9][0-9][0-9][0-9][0-9][0-9][0-9][89])([-+*/% )].*)?";
	const struct shc_atom *atom = term ? shc_term_single_atom(term) : NULL;
	const struct shc_dfa *all, *numbers, *wrong;

	/* Of an unknown text nothing is said. */
	if (!term || (atom && atom->origin == SHC_ORIGIN_NUMBER) ||
		(atom && shc_dfa_matches(shc_state_language_of(state, atom), ":", 1)) ||
		shc_state_term_language(state, in->pool, term, &all) || shc_dfa_is_empty(all) ||
		!expression(in, "([A-Za-z_]+[-+*/]?=)?[-+*/% ()0-9]+", &numbers) ||
		!expression(in, octal, &wrong) || shc_dfa_includes(in->pool, numbers, all) <= 0 ||
		shc_dfa_intersect(in->pool, all, wrong, &wrong) || shc_dfa_is_empty(wrong))
		return;
	shc_finding_hint(in->findings,
		shc_report(in, 206, range,
			"this can be 08 or 09: with a zero in front a number is octal, and these "
			"are none"),
		"say that it is decimal, 10#$x in bash, or take the zero off: ${x#0}");
}

/* ---- Tests that -u forestalls -------------------------------------------------------------------------------- */

/* Does the script look at the number of its arguments? */
static bool counts_arguments(const struct shc_interpreter *in)
{
	const struct shc_source *source = in->script->source;

	return memmem(source->bytes, source->size, "$#", 2) ||
	       memmem(source->bytes, source->size, "{#}", 3);
}

void shc_check_unset(struct shc_interpreter *in, struct shc_state *state, struct shc_range range,
	const struct shc_word *word)
{
	const struct shc_part *part = word ? word->parts : NULL;
	struct shc_parameter_value value;

	if (part && !part->next && part->kind == SHC_PART_DOUBLE)
		part = part->parts;
	if (!state->nounset || in->call_depth || !part || part->next ||
		part->kind != SHC_PART_PARAMETER ||
		part->parameter->kind != SHC_PARAMETER_POSITIONAL ||
		part->parameter->op != SHC_OP_NONE || counts_arguments(in) ||
		shc_parameter_read(in, state, part->parameter, part->range, &value) ||
		value.presence != SHC_PERHAPS)
		return;
	shc_finding_hint(in->findings,
		shc_report(in, 519, range,
			"where $%u is not given, -u ends the script before the test can say so",
			part->parameter->number),
		"give it a default, as in ${1:-}");
}
