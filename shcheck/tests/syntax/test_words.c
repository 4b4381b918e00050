/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include <criterion/criterion.h>

#include "parsed.h"

static const struct shc_parameter *parameter_of(const struct shc_word *word)
{
	cr_assert(word->parts && word->parts->kind == SHC_PART_PARAMETER);
	return word->parts->parameter;
}

Test(words, quotes_and_escapes_make_one_constant)
{
	struct parsed p = parsed_text(SHC_BASH, "x a'b c'\"d\\\"e\"\\f$'\\n\\x41'");
	const struct shc_word *word = parsed_word(&p, 1);

	cr_assert(word->constant && word->quoted);
	cr_assert(shc_word_is(word, "ab cd\"ef\nA"));
	parsed_finish(&p);
}

Test(words, line_continuation_leaves_no_trace)
{
	struct parsed p = parsed_text(SHC_POSIX, "r\\\nm a\\\nb");

	cr_assert(shc_word_is(parsed_word(&p, 0), "rm"));
	cr_assert(shc_word_is(parsed_word(&p, 1), "ab"));
	parsed_finish(&p);
}

Test(words, empty_string_has_a_part_and_absent_text_none)
{
	struct parsed p = parsed_text(SHC_POSIX, "x \"\" ${y:-}");

	cr_assert(parsed_word(&p, 1)->parts->kind == SHC_PART_DOUBLE);
	cr_assert(parsed_word(&p, 1)->constant && parsed_word(&p, 1)->literal.length == 0);
	cr_assert(parameter_of(parsed_word(&p, 2))->word->parts == NULL);
	parsed_finish(&p);
}

Test(words, every_operator_of_an_expansion_is_told_apart)
{
	static const struct {
		const char *text;
		enum shc_parameter_op op;
		bool colon;
	} rows[] = {
		{"${x}", SHC_OP_NONE, false},
		{"${#x}", SHC_OP_LENGTH, false},
		{"${x-a}", SHC_OP_DEFAULT, false},
		{"${x:-a}", SHC_OP_DEFAULT, true},
		{"${x:=a}", SHC_OP_ASSIGN, true},
		{"${x:?a}", SHC_OP_ERROR, true},
		{"${x+a}", SHC_OP_ALTERNATIVE, false},
		{"${x#a}", SHC_OP_REMOVE_PREFIX, false},
		{"${x##a}", SHC_OP_REMOVE_PREFIX_LONG, false},
		{"${x%a}", SHC_OP_REMOVE_SUFFIX, false},
		{"${x%%a}", SHC_OP_REMOVE_SUFFIX_LONG, false},
		{"${x/a/b}", SHC_OP_REPLACE, false},
		{"${x//a/b}", SHC_OP_REPLACE_ALL, false},
		{"${x/#a/b}", SHC_OP_REPLACE_PREFIX, false},
		{"${x/%a/b}", SHC_OP_REPLACE_SUFFIX, false},
		{"${x:1:2}", SHC_OP_SUBSTRING, false},
		{"${x^}", SHC_OP_UPPER, false},
		{"${x^^a}", SHC_OP_UPPER_ALL, false},
		{"${x,}", SHC_OP_LOWER, false},
		{"${x,,}", SHC_OP_LOWER_ALL, false},
		{"${x@Q}", SHC_OP_TRANSFORM, false},
		{"${!x*}", SHC_OP_NAMES, false},
		{"${!x[@]}", SHC_OP_KEYS, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[64];
		struct parsed p;
		const struct shc_parameter *parameter;

		(void)snprintf(text, sizeof(text), "e %s", rows[i].text);
		p = parsed_text(SHC_BASH, text);
		parameter = parameter_of(parsed_word(&p, 1));
		cr_assert(parameter->op == rows[i].op, "%s", text);
		cr_assert(parameter->colon == rows[i].colon, "%s", text);
		cr_assert(shc_text_is(parameter->name, "x"), "%s", text);
		cr_assert(shc_findings_count(p.findings) == 0, "%s", text);
		parsed_finish(&p);
	}
}

Test(words, hash_is_a_parameter_or_an_operator)
{
	struct parsed p = parsed_text(SHC_BASH, "e ${#} ${#:-a} ${##} ${#?} ${#-} $# ${#@}");

	cr_assert(parameter_of(parsed_word(&p, 1))->op == SHC_OP_NONE);
	cr_assert(parameter_of(parsed_word(&p, 2))->op == SHC_OP_DEFAULT);
	for (uint32_t i = 3; i <= 5; i++)
		cr_assert(parameter_of(parsed_word(&p, i))->op == SHC_OP_LENGTH);
	cr_assert(shc_text_is(parameter_of(parsed_word(&p, 3))->name, "#"));
	cr_assert(parameter_of(parsed_word(&p, 7))->op == SHC_OP_LENGTH);
	parsed_finish(&p);
}

Test(words, unbraced_positional_has_one_digit)
{
	struct parsed p = parsed_text(SHC_POSIX, "e $10 ${10}");

	cr_assert(parameter_of(parsed_word(&p, 1))->number == 1);
	cr_assert(parsed_word(&p, 1)->parts->next->kind == SHC_PART_LITERAL);
	cr_assert(parameter_of(parsed_word(&p, 2))->number == 10);
	parsed_finish(&p);
}

Test(words, default_within_quotes_keeps_single_quotes)
{
	struct parsed p = parsed_text(SHC_POSIX, "e \"${x:-'a'}\" ${x:-'a'} \"${x#'a'}\"");
	const struct shc_part *inside = parsed_word(&p, 1)->parts->parts;

	cr_assert(shc_word_is(inside->parameter->word, "'a'"));
	cr_assert(shc_word_is(parameter_of(parsed_word(&p, 2))->word, "a"));
	cr_assert(shc_word_is(parsed_word(&p, 3)->parts->parts->parameter->word, "a"));
	parsed_finish(&p);
}

Test(words, nested_backquotes_have_places_in_the_source)
{
	struct parsed p = parsed_text(SHC_POSIX, "e `a \\`b \"c\"\\` d`");
	const struct shc_command *outer = parsed_word(&p, 1)->parts->command.list->first->command;
	const struct shc_part *part = outer->simple.words->next->parts;
	const struct shc_command *inner;

	cr_assert(part->kind == SHC_PART_COMMAND && part->command.form == SHC_FORM_BACKQUOTE);
	inner = part->command.list->first->command;
	cr_assert(parsed_range_is(&p, inner->simple.words->range, "b"));
	cr_assert(parsed_range_is(&p, inner->simple.words->next->range, "\"c\""));
	cr_assert(parsed_range_is(&p, part->range, "\\`b \"c\"\\`"));
	cr_assert(parsed_range_is(&p, outer->simple.words->next->next->range, "d"));
	parsed_finish(&p);
}

Test(words, braces_expand_only_where_they_are_expansions)
{
	struct parsed p = parsed_text(SHC_BASH, "e {a,b{1..3}} {a} {a,b a{,x}b {1..} \\{a,b}");

	cr_assert(parsed_word(&p, 1)->parts->kind == SHC_PART_BRACES);
	cr_assert(parsed_word(&p, 1)->parts->braces.alternatives->next->parts->next->kind ==
		  SHC_PART_SEQUENCE);
	cr_assert(shc_word_is(parsed_word(&p, 2), "{a}"));
	cr_assert(shc_word_is(parsed_word(&p, 3), "{a,b"));
	cr_assert(parsed_word(&p, 4)->parts->next->kind == SHC_PART_BRACES);
	cr_assert(shc_word_is(parsed_word(&p, 5), "{1..}"));
	cr_assert(shc_word_is(parsed_word(&p, 6), "{a,b}"));
	parsed_finish(&p);
}

Test(words, braces_are_literal_in_sh)
{
	struct parsed p = parsed_text(SHC_POSIX, "e {a,b}");

	cr_assert(shc_word_is(parsed_word(&p, 1), "{a,b}"));
	parsed_finish(&p);
}

Test(words, globs_are_parts_and_an_open_bracket_is_none)
{
	struct parsed p = parsed_text(SHC_POSIX, "[ *.c ? [!a-z] []x] [[:alpha:]_] [a");
	const char *const brackets[] = {"[!a-z]", "[]x]", "[[:alpha:]_]"};

	cr_assert(shc_word_is(parsed_word(&p, 0), "["));
	cr_assert(parsed_word(&p, 1)->parts->kind == SHC_PART_GLOB);
	for (uint32_t i = 0; i < 3; i++) {
		const struct shc_part *part = parsed_word(&p, 3 + i)->parts;

		cr_assert(part->kind == SHC_PART_GLOB && !part->next);
		cr_assert(shc_text_is(part->text, brackets[i]));
	}
	cr_assert(shc_word_is(parsed_word(&p, 6), "[a"));
	parsed_finish(&p);
}

Test(words, tilde_counts_at_the_beginning_and_in_assignments)
{
	struct parsed p = parsed_text(SHC_BASH, "e ~ ~root/x a~ \"~\"");
	struct parsed q = parsed_text(SHC_BASH, "PATH=~/a:~/b");
	const struct shc_part *part = parsed_first(&q)->simple.assignments->value->parts;

	cr_assert(parsed_word(&p, 1)->parts->kind == SHC_PART_TILDE);
	cr_assert(shc_text_is(parsed_word(&p, 2)->parts->text, "root"));
	cr_assert(parsed_word(&p, 3)->constant && parsed_word(&p, 4)->constant);
	cr_assert(part->kind == SHC_PART_TILDE && part->next->next->kind == SHC_PART_TILDE);
	parsed_finish(&p);
	parsed_finish(&q);
}

Test(words, arithmetic_has_a_tree_with_precedence)
{
	struct parsed p = parsed_text(SHC_BASH, "e $((1 + a[i] * 2 ** 3 ** y, x = b ? -1 : ~$z))");
	const struct shc_arith *comma = parsed_word(&p, 1)->parts->arithmetic.arith;

	cr_assert(comma && comma->op == SHC_ARITH_COMMA);
	cr_assert(comma->left->op == SHC_ARITH_ADD);
	cr_assert(comma->left->right->op == SHC_ARITH_MULTIPLY);
	cr_assert(comma->left->right->left->subscript.kind == SHC_SUBSCRIPT_KEY);
	cr_assert(comma->left->right->right->right->op == SHC_ARITH_POWER);
	cr_assert(comma->right->kind == SHC_ARITH_ASSIGN);
	cr_assert(comma->right->right->kind == SHC_ARITH_TERNARY);
	cr_assert(comma->right->right->third->left->kind == SHC_ARITH_EXPANSION);
	parsed_finish(&p);
}

Test(words, arithmetic_of_unknown_operators_has_no_tree_and_no_finding)
{
	struct parsed p = parsed_text(SHC_BASH, "e $(($a $op $b))");

	cr_assert(parsed_word(&p, 1)->parts->arithmetic.arith == NULL);
	cr_assert(parsed_word(&p, 1)->parts->arithmetic.word->parts != NULL);
	cr_assert(shc_findings_count(p.findings) == 0);
	parsed_finish(&p);
}

Test(words, double_parenthesis_may_be_a_subshell)
{
	struct parsed p = parsed_text(SHC_BASH, "e $((a); (b)) $((1))");

	cr_assert(parsed_word(&p, 1)->parts->kind == SHC_PART_COMMAND);
	cr_assert(parsed_word(&p, 2)->parts->kind == SHC_PART_ARITHMETIC);
	parsed_finish(&p);
}

Test(words, file_form_is_marked)
{
	struct parsed p = parsed_text(SHC_BASH, "e $(<f) $(<f cat)");

	cr_assert(parsed_word(&p, 1)->parts->command.form == SHC_FORM_FILE);
	cr_assert(parsed_word(&p, 2)->parts->command.form == SHC_FORM_DOLLAR);
	parsed_finish(&p);
}
