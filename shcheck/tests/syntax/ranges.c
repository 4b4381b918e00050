/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Prints the ranges of words, redirections and substitutions of scripts, for comparison with another parser:
 *   ranges FILE...   one line per file: "E" when it has errors, else "W start end", "R ...", "S ...", blank-separated.
 *
 * Words are those that the shell expands: not the alternatives of braces and extended patterns (they are parts of a
 * word), not bodies of here-documents and not the operands of arithmetic; what is substituted inside these counts.
 */
#include <inttypes.h>
#include <stdio.h>

#include <shcheck/finding.h>
#include <shcheck/parse.h>

static void walk_list(const struct shc_list *list);
static void walk_parts(const struct shc_part *part);

static void print(char kind, struct shc_range range)
{
	(void)printf("%c %" PRIu32 " %" PRIu32 " ", kind, range.start, range.end);
}

/* @word and those linked to it, with what is in them. */
static void walk_words(const struct shc_word *word)
{
	for (; word; word = word->next) {
		if (word->parts)
			print('W', word->range);
		walk_parts(word->parts);
	}
}

/* The inside only. */
static void walk_inside(const struct shc_word *word)
{
	for (; word; word = word->next)
		walk_parts(word->parts);
}

static void walk_elements(const struct shc_array_element *element)
{
	for (; element; element = element->next) {
		walk_inside(element->subscript.word);
		walk_words(element->value);
	}
}

static void walk_parameter(const struct shc_parameter *parameter)
{
	walk_inside(parameter->subscript.word);
	walk_words(parameter->word);
	walk_words(parameter->replacement);
	walk_inside(parameter->offset.word);
	walk_inside(parameter->size.word);
}

static void walk_parts(const struct shc_part *part)
{
	for (; part; part = part->next) {
		switch (part->kind) {
		case SHC_PART_DOUBLE:
		case SHC_PART_LOCALE:
			walk_parts(part->parts);
			break;
		case SHC_PART_PARAMETER:
			walk_parameter(part->parameter);
			break;
		case SHC_PART_COMMAND:
		case SHC_PART_PROCESS:
			print('S', part->range);
			walk_list(part->command.list);
			break;
		case SHC_PART_ARITHMETIC:
			walk_inside(part->arithmetic.word);
			break;
		case SHC_PART_BRACES:
			walk_inside(part->braces.alternatives);
			break;
		case SHC_PART_ARRAY:
			walk_elements(part->array);
			break;
		default:
			break;
		}
	}
}

static void walk_redirects(const struct shc_redirect *redirect)
{
	for (; redirect; redirect = redirect->next) {
		print('R', redirect->range);
		walk_words(redirect->target);
		walk_inside(redirect->body);
	}
}

static void walk_test(const struct shc_test *test)
{
	if (!test)
		return;
	walk_words(test->first);
	walk_words(test->second);
	walk_test(test->left);
	walk_test(test->right);
}

static void walk_assignment(const struct shc_assignment *assignment)
{
	walk_inside(assignment->subscript.word);
	if (assignment->is_array)
		walk_elements(assignment->elements);
	else
		walk_words(assignment->value);
}

static void walk_simple(const struct shc_command *command)
{
	const struct shc_word *word = command->simple.words;
	bool let = shc_word_is(word, "let");

	for (const struct shc_assignment *a = command->simple.assignments; a; a = a->next)
		walk_assignment(a);
	for (; word; word = word->next) {
		if (word->assignment) {
			walk_assignment(word->assignment);
			continue;
		}
		/* The operands of let are arithmetic. */
		if (!let || word == command->simple.words)
			print('W', word->range);
		walk_parts(word->parts);
	}
}

static void walk_command(const struct shc_command *command);

static void walk_commands(const struct shc_command *command)
{
	for (; command; command = command->next)
		walk_command(command);
}

static void walk_case(const struct shc_command *command)
{
	walk_words(command->case_.subject);
	for (const struct shc_case_item *item = command->case_.items; item; item = item->next) {
		walk_words(item->patterns);
		walk_list(item->body);
	}
}

static void walk_for(const struct shc_command *command)
{
	if (command->kind == SHC_COMMAND_FOR_ARITH) {
		walk_inside(command->for_arith.init.word);
		walk_inside(command->for_arith.condition.word);
		walk_inside(command->for_arith.step.word);
		walk_list(command->for_arith.body);
		return;
	}
	walk_words(command->for_.words);
	walk_list(command->for_.body);
}

static void walk_command(const struct shc_command *command)
{
	switch (command->kind) {
	case SHC_COMMAND_SIMPLE:
		walk_simple(command);
		break;
	case SHC_COMMAND_PIPELINE:
		walk_commands(command->pipeline.commands);
		break;
	case SHC_COMMAND_AND_OR:
		walk_commands(command->and_or.commands);
		break;
	case SHC_COMMAND_GROUP:
	case SHC_COMMAND_SUBSHELL:
		walk_list(command->list);
		break;
	case SHC_COMMAND_IF:
		for (const struct shc_clause *c = command->if_.clauses; c; c = c->next) {
			walk_list(c->condition);
			walk_list(c->body);
		}
		break;
	case SHC_COMMAND_WHILE:
	case SHC_COMMAND_UNTIL:
		walk_list(command->loop.condition);
		walk_list(command->loop.body);
		break;
	case SHC_COMMAND_FOR:
	case SHC_COMMAND_FOR_ARITH:
	case SHC_COMMAND_SELECT:
		walk_for(command);
		break;
	case SHC_COMMAND_CASE:
		walk_case(command);
		break;
	case SHC_COMMAND_TEST:
		walk_test(command->test);
		break;
	case SHC_COMMAND_ARITH:
		walk_inside(command->arith.word);
		break;
	case SHC_COMMAND_FUNCTION:
		walk_command(command->function.body);
		break;
	case SHC_COMMAND_COPROC:
		walk_command(command->coproc.body);
		break;
	}
	walk_redirects(command->redirects);
}

static void walk_list(const struct shc_list *list)
{
	for (const struct shc_statement *s = list ? list->first : NULL; s; s = s->next)
		walk_command(s->command);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct shc_source *source;
		struct shc_findings *findings;
		struct shc_script *script;

		if (shc_source_read(argv[i], &source, NULL) < 0) {
			(void)puts("E");
			continue;
		}
		if (shc_findings_create(&findings) < 0 ||
			shc_parse(source, SHC_BASH, findings, &script) < 0)
			return 1;
		if (script->error_count)
			(void)putchar('E');
		else
			walk_list(script->list);
		(void)putchar('\n');
		shc_script_destroy(script);
		shc_findings_destroy(findings);
		shc_source_destroy(source);
	}
	return 0;
}
