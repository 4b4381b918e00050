/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sites.h"

#include <stdlib.h>

static void add_list(struct sites *sites, const struct shc_list *list);
static void add_command(struct sites *sites, const struct shc_command *command);
static void add_parts(struct sites *sites, const struct shc_part *part);

void shc_sites_add(struct sites *sites, enum shc_concrete_kind kind, struct shc_range range)
{
	if (sites->count == sites->room) {
		size_t room = sites->room ? sites->room * 2 : 256;
		struct site *rows = realloc(sites->rows, room * sizeof(*rows));

		if (!rows) {
			sites->out_of_memory = true;
			return;
		}
		sites->rows = rows;
		sites->room = room;
	}
	sites->rows[sites->count++] = (struct site){range, kind};
}

static int compare(const void *left_row, const void *right_row)
{
	const struct site *left = left_row, *right = right_row;

	if (left->range.start != right->range.start)
		return left->range.start < right->range.start ? -1 : 1;
	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	return (left->range.end > right->range.end) - (left->range.end < right->range.end);
}

void shc_sites_sort(struct sites *sites)
{
	size_t kept = 0;

	if (sites->count == 0)
		return;
	qsort(sites->rows, sites->count, sizeof(struct site), compare);
	for (size_t i = 0; i < sites->count; i++) {
		if (kept == 0 || compare(&sites->rows[kept - 1], &sites->rows[i]) != 0)
			sites->rows[kept++] = sites->rows[i];
	}
	sites->count = kept;
}

/* What is substituted inside of @word. */
static void add_inside(struct sites *sites, const struct shc_word *word)
{
	for (; word; word = word->next)
		add_parts(sites, word->parts);
}

static void add_words(struct sites *sites, const struct shc_word *word)
{
	for (; word; word = word->next) {
		if (word->parts)
			shc_sites_add(sites, SHC_CONCRETE_WORD, word->range);
		add_parts(sites, word->parts);
	}
}

static void add_elements(struct sites *sites, const struct shc_array_element *element)
{
	for (; element; element = element->next) {
		add_inside(sites, element->subscript.word);
		add_words(sites, element->value);
	}
}

static void add_assignment(struct sites *sites, const struct shc_assignment *assignment)
{
	add_inside(sites, assignment->subscript.word);
	if (assignment->is_array)
		add_elements(sites, assignment->elements);
	else
		add_words(sites, assignment->value);
}

static void add_parameter(struct sites *sites, const struct shc_parameter *parameter)
{
	add_inside(sites, parameter->subscript.word);
	add_inside(sites, parameter->word);
	add_inside(sites, parameter->replacement);
	add_inside(sites, parameter->offset.word);
	add_inside(sites, parameter->size.word);
}

static void add_parts(struct sites *sites, const struct shc_part *part)
{
	for (; part; part = part->next) {
		switch (part->kind) {
		case SHC_PART_DOUBLE:
		case SHC_PART_LOCALE:
			add_parts(sites, part->parts);
			break;
		case SHC_PART_PARAMETER:
			add_parameter(sites, part->parameter);
			break;
		case SHC_PART_COMMAND:
		case SHC_PART_PROCESS:
			add_list(sites, part->command.list);
			break;
		case SHC_PART_ARITHMETIC:
			add_inside(sites, part->arithmetic.word);
			break;
		case SHC_PART_EXTGLOB:
			add_inside(sites, part->extglob.alternatives);
			break;
		case SHC_PART_BRACES:
			add_inside(sites, part->braces.alternatives);
			break;
		case SHC_PART_ARRAY:
			add_elements(sites, part->array);
			break;
		default:
			break;
		}
	}
}

static void add_redirects(struct sites *sites, const struct shc_redirect *redirect)
{
	for (; redirect; redirect = redirect->next) {
		shc_sites_add(sites, SHC_CONCRETE_REDIRECT, redirect->range);
		add_inside(sites, redirect->target);
		add_inside(sites, redirect->body);
	}
}

static void add_test(struct sites *sites, const struct shc_test *test)
{
	if (!test)
		return;
	add_inside(sites, test->first);
	add_inside(sites, test->second);
	add_test(sites, test->left);
	add_test(sites, test->right);
}

static void add_simple(struct sites *sites, const struct shc_command *command)
{
	const struct shc_word *word = command->simple.words;

	for (const struct shc_assignment *a = command->simple.assignments; a; a = a->next)
		add_assignment(sites, a);
	if (!word)
		return;
	shc_sites_add(sites, SHC_CONCRETE_COMMAND,
		(struct shc_range){word->range.start, word->range.start});
	if (shc_word_is(word, "[")) {
		add_inside(sites, word);
		return;
	}
	for (; word; word = word->next) {
		if (word->assignment) {
			add_assignment(sites, word->assignment);
			continue;
		}
		shc_sites_add(sites, SHC_CONCRETE_WORD, word->range);
		add_parts(sites, word->parts);
	}
}

static void add_commands(struct sites *sites, const struct shc_command *command)
{
	for (; command; command = command->next)
		add_command(sites, command);
}

static void add_case(struct sites *sites, const struct shc_command *command)
{
	add_words(sites, command->case_.subject);
	for (const struct shc_case_item *item = command->case_.items; item; item = item->next) {
		add_words(sites, item->patterns);
		add_list(sites, item->body);
	}
}

static void add_loop(struct sites *sites, const struct shc_command *command)
{
	switch (command->kind) {
	case SHC_COMMAND_FOR_ARITH:
		add_inside(sites, command->for_arith.init.word);
		add_inside(sites, command->for_arith.condition.word);
		add_inside(sites, command->for_arith.step.word);
		add_list(sites, command->for_arith.body);
		break;
	case SHC_COMMAND_WHILE:
	case SHC_COMMAND_UNTIL:
		add_list(sites, command->loop.condition);
		add_list(sites, command->loop.body);
		break;
	default:
		add_words(sites, command->for_.words);
		add_list(sites, command->for_.body);
	}
}

static void add_command(struct sites *sites, const struct shc_command *command)
{
	switch (command->kind) {
	case SHC_COMMAND_SIMPLE:
		add_simple(sites, command);
		break;
	case SHC_COMMAND_PIPELINE:
		add_commands(sites, command->pipeline.commands);
		break;
	case SHC_COMMAND_AND_OR:
		add_commands(sites, command->and_or.commands);
		break;
	case SHC_COMMAND_GROUP:
	case SHC_COMMAND_SUBSHELL:
		add_list(sites, command->list);
		break;
	case SHC_COMMAND_IF:
		for (const struct shc_clause *c = command->if_.clauses; c; c = c->next) {
			add_list(sites, c->condition);
			add_list(sites, c->body);
		}
		break;
	case SHC_COMMAND_WHILE:
	case SHC_COMMAND_UNTIL:
	case SHC_COMMAND_FOR:
	case SHC_COMMAND_FOR_ARITH:
	case SHC_COMMAND_SELECT:
		add_loop(sites, command);
		break;
	case SHC_COMMAND_CASE:
		add_case(sites, command);
		break;
	case SHC_COMMAND_TEST:
		shc_sites_add(sites, SHC_CONCRETE_COMMAND,
			(struct shc_range){command->range.start, command->range.start});
		add_test(sites, command->test);
		break;
	case SHC_COMMAND_ARITH:
		add_inside(sites, command->arith.word);
		break;
	case SHC_COMMAND_FUNCTION:
		add_command(sites, command->function.body);
		break;
	case SHC_COMMAND_COPROC:
		add_command(sites, command->coproc.body);
		break;
	}
	add_redirects(sites, command->redirects);
}

static void add_list(struct sites *sites, const struct shc_list *list)
{
	for (const struct shc_statement *s = list ? list->first : NULL; s; s = s->next)
		add_command(sites, s->command);
}

void shc_sites_of_script(const struct shc_script *script, struct sites *sites)
{
	add_list(sites, script->list);
}
