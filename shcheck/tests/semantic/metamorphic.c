/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rewrites that keep the meaning of a script keep its findings, each on the line to which it has moved (invariant I5):
 * variables and functions renamed, the script put into a function, commands put in braces, words quoted, options
 * split, and `if` written as &&. The scripts are those with known bugs; nothing is executed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shcheck/analyse.h>
#include <shcheck/parse.h>
#include <shcheck/report.h>

#include "labelled.h"

enum { EDITS_MAX = 4096, NAMES_MAX = 128, FINDINGS_MAX = 256 };

/* Put @text in place of @removed bytes at @at. */
struct edit {
	uint32_t at, removed;
	const char *text;
};

enum rewrite {
	RENAME_VARIABLES,
	RENAME_FUNCTIONS,
	WRAP_IN_FUNCTION,
	GROUP_COMMANDS,
	QUOTE_ARGUMENTS,
	BRACE_PARAMETERS,
	SPLIT_OPTIONS,
	IF_TO_AND,
	REWRITES,
};

static const char *const rewrite_names[] = {"variables renamed", "functions renamed",
	"put into a function", "commands in braces", "arguments quoted", "parameters in braces",
	"options split", "if written as &&"};

struct walk {
	enum rewrite rewrite;
	const struct shc_source *source;
	struct edit edits[EDITS_MAX];
	size_t count;
	struct shc_text names[NAMES_MAX];
	size_t names_count;
	bool collecting; /* names, no edits yet */
};

static void edit(struct walk *walk, uint32_t at, uint32_t removed, const char *text)
{
	if (walk->count < EDITS_MAX && !walk->collecting)
		walk->edits[walk->count++] = (struct edit){at, removed, text};
}

static bool same(struct shc_text a, struct shc_text b)
{
	return a.length == b.length && !memcmp(a.bytes, b.bytes, a.length);
}

static bool is_renamed(const struct walk *walk, struct shc_text name)
{
	for (size_t i = 0; i < walk->names_count; i++)
		if (same(walk->names[i], name))
			return true;
	return false;
}

/* Names that mean something to a shell or to other programs stay. */
static void note_name(struct walk *walk, struct shc_text name)
{
	static const char *const kept[] = {"IFS", "PATH", "HOME", "PWD", "OLDPWD", "CDPATH", "LANG",
		"LC_ALL", "TMPDIR", "SHELL", "USER", "OPTIND", "REPLY", "PS1", "PS4"};

	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		if (shc_text_is(name, kept[i]))
			return;
	if (walk->collecting && walk->names_count < NAMES_MAX && !is_renamed(walk, name))
		walk->names[walk->names_count++] = name;
}

static void rename_at(struct walk *walk, struct shc_text name, struct shc_range range)
{
	if (is_renamed(walk, name))
		edit(walk, range.end, 0, "_q");
}

/* ---- The tree ---------------------------------------------------------------------------------------------------- */

static void walk_list(struct walk *walk, const struct shc_list *list);
static void walk_word(struct walk *walk, const struct shc_word *word);

static void walk_parameter(struct walk *walk, const struct shc_part *part)
{
	const struct shc_parameter *parameter = part->parameter;

	/* What is only read comes from outside, whatever it is called; misspelt names stay alike. */
	if (parameter->kind == SHC_PARAMETER_VARIABLE && walk->rewrite == RENAME_VARIABLES) {
		note_name(walk, parameter->name);
		rename_at(walk, parameter->name, parameter->name_range);
	}
	if (!parameter->braces && walk->rewrite == BRACE_PARAMETERS) {
		edit(walk, part->range.start + 1, 0, "{");
		edit(walk, part->range.end, 0, "}");
	}
	walk_word(walk, parameter->word);
	walk_word(walk, parameter->replacement);
}

static void walk_parts(struct walk *walk, const struct shc_part *part)
{
	for (; part; part = part->next) {
		if (part->kind == SHC_PART_DOUBLE || part->kind == SHC_PART_LOCALE)
			walk_parts(walk, part->parts);
		else if (part->kind == SHC_PART_PARAMETER)
			walk_parameter(walk, part);
		else if (part->kind == SHC_PART_COMMAND && part->command.form != SHC_FORM_BACKQUOTE)
			walk_list(walk, part->command.list);
		else if (part->kind == SHC_PART_ARITHMETIC)
			walk_word(walk, part->arithmetic.word);
	}
}

static void walk_word(struct walk *walk, const struct shc_word *word)
{
	if (word)
		walk_parts(walk, word->parts);
}

static bool is_plain(const struct shc_word *word)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.-";

	if (!word->constant || word->quoted || word->assignment || !word->literal.length)
		return false;
	for (uint32_t i = 0; i < word->literal.length; i++)
		if (!memchr(plain, word->literal.bytes[i], sizeof(plain) - 1))
			return false;
	return true;
}

static bool names_variables(struct shc_text command)
{
	static const char *const names[] = {
		"read", "export", "local", "unset", "readonly", "declare", "typeset", "getopts"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (shc_text_is(command, names[i]))
			return true;
	return false;
}

/* -rf as -r -f. */
static void split_option(struct walk *walk, const struct shc_word *word)
{
	bool letters = is_plain(word) && word->literal.length > 2 && word->literal.bytes[0] == '-';

	for (uint32_t i = 1; letters && i < word->literal.length; i++)
		letters = word->literal.bytes[i] >= 'a' && word->literal.bytes[i] <= 'z';
	for (uint32_t at = word->range.start + 2; letters && at < word->range.end; at++)
		edit(walk, at, 0, " -");
}

static void walk_arguments(struct walk *walk, const struct shc_command *command)
{
	struct shc_text name = shc_command_name(command);

	if (walk->rewrite == RENAME_FUNCTIONS && command->simple.words)
		rename_at(walk, name, command->simple.words->range);
	for (const struct shc_word *word = command->simple.words; word; word = word->next) {
		bool first = word == command->simple.words;

		if (word->assignment) {
			note_name(walk, walk->rewrite == RENAME_VARIABLES
						? word->assignment->name
						: (struct shc_text){"IFS", 3});
			if (walk->rewrite == RENAME_VARIABLES)
				rename_at(
					walk, word->assignment->name, word->assignment->name_range);
		} else if (!first && walk->rewrite == RENAME_VARIABLES && word->constant &&
			   names_variables(name)) {
			rename_at(walk, word->literal, word->range);
		}
		if (!first && walk->rewrite == QUOTE_ARGUMENTS && is_plain(word)) {
			edit(walk, word->range.start, 0, "'");
			edit(walk, word->range.end, 0, "'");
		}
		if (!first && walk->rewrite == SPLIT_OPTIONS &&
			(shc_text_is(name, "rm") || shc_text_is(name, "cp")))
			split_option(walk, word);
		walk_word(walk, word);
	}
}

static void walk_assignments(struct walk *walk, const struct shc_assignment *a)
{
	for (; a; a = a->next) {
		if (walk->rewrite == RENAME_VARIABLES) {
			note_name(walk, a->name);
			rename_at(walk, a->name, a->name_range);
		}
		walk_word(walk, a->value);
		for (const struct shc_array_element *e = a->elements; e; e = e->next)
			walk_word(walk, e->value);
	}
}

static void walk_test(struct walk *walk, const struct shc_test *test)
{
	if (!test)
		return;
	walk_word(walk, test->first);
	walk_word(walk, test->second);
	walk_test(walk, test->left);
	walk_test(walk, test->right);
}

/* `if A; then B; fi` as `A && { B; }` where both are one line each and no one asks for the status. */
static void if_to_and(struct walk *walk, const struct shc_command *command)
{
	const struct shc_clause *clause = command->if_.clauses;
	const struct shc_command *last;

	if (clause->next || clause->condition->count != 1 || !clause->body->count ||
		command->redirects || clause->condition->first->command->kind != SHC_COMMAND_SIMPLE)
		return;
	last = clause->condition->first->command;
	/* "if" goes, "; then" becomes "&& {", "fi" becomes "}". */
	edit(walk, command->range.start, 3, "");
	for (uint32_t at = last->range.end; at < clause->body->range.start; at++) {
		if (memcmp(walk->source->bytes + at, "then", 4))
			continue;
		edit(walk, last->range.end, at + 4 - last->range.end, " && {");
		break;
	}
	edit(walk, command->range.end - 2, 2, "}");
}

static void walk_redirects(struct walk *walk, const struct shc_command *command)
{
	for (const struct shc_redirect *redirect = command->redirects; redirect;
		redirect = redirect->next) {
		if (walk->rewrite == RENAME_FUNCTIONS && redirect->target->constant)
			rename_at(walk, redirect->target->literal, redirect->target->range);
		walk_word(walk, redirect->target);
		walk_word(walk, redirect->body);
	}
}

static void walk_command(struct walk *walk, const struct shc_command *command)
{
	walk_redirects(walk, command);
	switch (command->kind) {
	case SHC_COMMAND_SIMPLE:
		walk_assignments(walk, command->simple.assignments);
		walk_arguments(walk, command);
		break;
	case SHC_COMMAND_PIPELINE:
	case SHC_COMMAND_AND_OR:
		for (const struct shc_command *each = command->kind == SHC_COMMAND_PIPELINE
							      ? command->pipeline.commands
							      : command->and_or.commands;
			each; each = each->next)
			walk_command(walk, each);
		break;
	case SHC_COMMAND_GROUP:
	case SHC_COMMAND_SUBSHELL:
		walk_list(walk, command->list);
		break;
	case SHC_COMMAND_IF:
		if (walk->rewrite == IF_TO_AND)
			if_to_and(walk, command);
		for (const struct shc_clause *clause = command->if_.clauses; clause;
			clause = clause->next) {
			if (clause->condition)
				walk_list(walk, clause->condition);
			walk_list(walk, clause->body);
		}
		break;
	case SHC_COMMAND_WHILE:
	case SHC_COMMAND_UNTIL:
		walk_list(walk, command->loop.condition);
		walk_list(walk, command->loop.body);
		break;
	case SHC_COMMAND_FOR:
	case SHC_COMMAND_SELECT:
		if (walk->rewrite == RENAME_VARIABLES) {
			note_name(walk, command->for_.name);
			rename_at(walk, command->for_.name, command->for_.name_range);
		}
		for (const struct shc_word *word = command->for_.words; word; word = word->next)
			walk_word(walk, word);
		walk_list(walk, command->for_.body);
		break;
	case SHC_COMMAND_CASE:
		walk_word(walk, command->case_.subject);
		for (const struct shc_case_item *item = command->case_.items; item;
			item = item->next) {
			for (const struct shc_word *word = item->patterns; word; word = word->next)
				walk_word(walk, word);
			walk_list(walk, item->body);
		}
		break;
	case SHC_COMMAND_TEST:
		walk_test(walk, command->test);
		break;
	case SHC_COMMAND_FUNCTION:
		if (walk->rewrite == RENAME_FUNCTIONS) {
			note_name(walk, command->function.name);
			rename_at(walk, command->function.name, command->function.name_range);
		}
		walk_command(walk, command->function.body);
		break;
	default:
		break;
	}
}

static void walk_list(struct walk *walk, const struct shc_list *list)
{
	for (const struct shc_statement *s = list->first; s; s = s->next) {
		bool simple = s->command->kind == SHC_COMMAND_SIMPLE;

		if (walk->rewrite == GROUP_COMMANDS && simple && !s->background)
			edit(walk, s->command->range.start, 0, "{ ");
		walk_command(walk, s->command);
		if (walk->rewrite == GROUP_COMMANDS && simple && !s->background)
			edit(walk, s->command->range.end, 0, "; }");
	}
}

/* ---- The text ---------------------------------------------------------------------------------------------------- */

static int by_place(const void *left, const void *right)
{
	const struct edit *a = left, *b = right;

	return a->at < b->at ? -1 : a->at > b->at;
}

/* The edited text; *ret_moved[i] is where byte i has gone. Both malloc()ed. */
static char *apply(struct walk *walk, const char *text, size_t length, uint32_t **ret_moved)
{
	uint32_t *moved = calloc(length + 1, sizeof(*moved));
	size_t size, next = 0;
	char *result = NULL;
	FILE *stream = open_memstream(&result, &size);

	if (!moved || !stream)
		abort();
	qsort(walk->edits, walk->count, sizeof(*walk->edits), by_place);
	for (size_t i = 0, gone = 0; i <= length; i++) {
		for (; next < walk->count && walk->edits[next].at == i; next++) {
			(void)fputs(walk->edits[next].text, stream);
			gone = gone > i + walk->edits[next].removed ? gone
								    : i + walk->edits[next].removed;
		}
		(void)fflush(stream);
		moved[i] = (uint32_t)size;
		if (i >= gone && i < length)
			(void)fputc(text[i], stream);
	}
	(void)fclose(stream);
	*ret_moved = moved;
	return result;
}

static bool holds(const char *text, const char *what)
{
	return strstr(text, what) != NULL;
}

/* Text that is run later, or arithmetic, may name variables and functions where the tree shows none. */
static bool applies(enum rewrite rewrite, const char *text)
{
	if (rewrite == RENAME_VARIABLES)
		return !holds(text, "eval") && !holds(text, "trap") && !holds(text, "((") &&
		       !holds(text, "`") && !holds(text, ". ") && !holds(text, "source ");
	if (rewrite == RENAME_FUNCTIONS)
		return !holds(text, "eval") && !holds(text, "trap") && !holds(text, "`");
	if (rewrite == WRAP_IN_FUNCTION)
		return !holds(text, "local ") && !holds(text, "return");
	return true;
}

static void make_edits(struct walk *walk, const struct shc_script *script, const char *text)
{
	const char *line = strchr(text, '\n');

	if (walk->rewrite == WRAP_IN_FUNCTION) {
		edit(walk, line ? (uint32_t)(line + 1 - text) : 0, 0, "main_q() {\n");
		edit(walk, (uint32_t)strlen(text), 0, "\n:\n}\nmain_q \"$@\"\n");
		return;
	}
	walk->collecting = true;
	walk_list(walk, script->list);
	walk->collecting = false;
	walk_list(walk, script->list);
}

/* ---- The comparison ---------------------------------------------------------------------------------------------- */

struct place {
	int id;
	uint32_t start, line;
};

static size_t analyse(const char *text, enum rewrite rewrite, struct walk *walk, char **ret_text,
	uint32_t **ret_moved, struct place *ret)
{
	enum shc_dialect dialect = SHC_BASH;
	struct shc_coverage coverage;
	struct shc_findings *findings;
	struct shc_source *source;
	struct shc_script *script;
	size_t count = 0;

	if (shc_findings_create(&findings) ||
		shc_source_create("case", text, strlen(text), &source))
		abort();
	(void)shc_dialect_detect(source, &dialect, NULL);
	if (shc_parse(source, dialect, findings, &script) ||
		shc_analyse(script, NULL, findings, &coverage))
		abort();
	shc_findings_sort(findings);
	for (size_t i = 0; i < shc_findings_count(findings) && count < FINDINGS_MAX; i++) {
		const struct shc_finding *finding = shc_findings_at(findings, i);

		ret[count++] = (struct place){finding->id, finding->range.start,
			shc_source_place(source, finding->range.start).line};
	}
	if (walk) {
		*walk = (struct walk){.rewrite = rewrite, .source = source};
		make_edits(walk, script, text);
		*ret_text = apply(walk, text, strlen(text), ret_moved);
	}
	shc_script_destroy(script);
	shc_source_destroy(source);
	shc_findings_destroy(findings);
	return count;
}

static uint32_t line_of(const char *text, uint32_t at)
{
	uint32_t line = 1;

	for (uint32_t i = 0; i < at; i++)
		line += text[i] == '\n';
	return line;
}

static uint64_t applied[REWRITES], kept_count, lost_count;

static void compare(const struct labelled_script *script, enum rewrite rewrite)
{
	static struct place before[FINDINGS_MAX], after[FINDINGS_MAX];
	static struct walk walk;
	uint32_t *moved;
	char *text;
	size_t count, count_after;

	if (!applies(rewrite, script->text))
		return;
	count = analyse(script->text, rewrite, &walk, &text, &moved, before);
	if (walk.count) {
		applied[rewrite]++;
		count_after = analyse(text, rewrite, NULL, NULL, NULL, after);
		for (size_t i = 0; i < count; i++) {
			uint32_t line = line_of(text, moved[before[i].start]);
			bool kept = false;

			for (size_t j = 0; j < count_after; j++)
				kept |= after[j].id == before[i].id && after[j].line == line;
			kept_count += kept;
			lost_count += !kept;
			if (!kept)
				(void)printf("LOST: %s: %s: SH%d of line %" PRIu32
					     " is not on line %" PRIu32 "\n%s",
					script->path, rewrite_names[rewrite], before[i].id,
					before[i].line, line, getenv("HB_VERBOSE") ? text : "");
		}
	}
	free(moved);
	free(text);
}

int main(int argc, char **argv)
{
	static const char *const halves[] = {"seen", "blind"};
	uint64_t missing = 0;

	for (size_t half = 0; half < 2 && argc == 2; half++) {
		struct labelled_scripts scripts;
		char folder[4096];

		(void)snprintf(folder, sizeof(folder), "%s/%s", argv[1], halves[half]);
		if (labelled_read(folder, &scripts)) {
			(void)printf("%s cannot be read\n", folder);
			return 1;
		}
		for (size_t i = 0; i < scripts.count; i++)
			for (int rewrite = 0; rewrite < REWRITES; rewrite++)
				compare(&scripts.items[i], (enum rewrite)rewrite);
		labelled_finish(&scripts);
	}
	for (int rewrite = 0; rewrite < REWRITES; rewrite++) {
		(void)printf("%s: %" PRIu64 " scripts\n", rewrite_names[rewrite], applied[rewrite]);
		missing += !applied[rewrite];
	}
	(void)printf("%" PRIu64 " findings kept, %" PRIu64 " lost\n", kept_count, lost_count);
	return lost_count || missing || !kept_count;
}
