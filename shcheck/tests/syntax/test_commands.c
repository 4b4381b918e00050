/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>

#include "parsed.h"

Test(commands, arguments_after_a_redirection_belong_to_the_command)
{
	struct parsed p = parsed_text(SHC_POSIX, "rm >/dev/null -rf \"$X\" 2>&1");
	const struct shc_command *command = parsed_first(&p);

	cr_assert(command->simple.word_count == 3);
	cr_assert(shc_word_is(parsed_word(&p, 1), "-rf"));
	cr_assert(parsed_range_is(&p, command->redirects->range, ">/dev/null"));
	cr_assert(command->redirects->next->fd == 2);
	cr_assert(parsed_range_is(&p, command->range, "rm >/dev/null -rf \"$X\" 2>&1"));
	parsed_finish(&p);
}

Test(commands, negation_covers_the_pipeline_and_a_redirection_its_command)
{
	struct parsed p = parsed_text(SHC_POSIX, "! a | b >c && d");
	const struct shc_command *list = parsed_first(&p), *pipeline = list->and_or.commands;

	cr_assert(list->kind == SHC_COMMAND_AND_OR && list->and_or.count == 2);
	cr_assert(pipeline->kind == SHC_COMMAND_PIPELINE && pipeline->pipeline.negations == 1);
	cr_assert(pipeline->pipeline.count == 2 && !pipeline->redirects);
	cr_assert(pipeline->pipeline.commands->next->redirects != NULL);
	cr_assert(pipeline->next->joint == SHC_JOINT_AND);
	parsed_finish(&p);
}

Test(commands, two_documents_on_one_line_are_read_in_order)
{
	struct parsed p = parsed_text(SHC_POSIX, "cat <<A <<-'B'; echo\n$x\nA\n\t$y\n\tB\nnext\n");
	const struct shc_redirect *first = parsed_first(&p)->redirects, *second = first->next;

	cr_assert(!first->literal_body && first->body->parts->kind == SHC_PART_PARAMETER);
	cr_assert(second->literal_body && second->strip_tabs);
	cr_assert(shc_word_is(second->body, "$y\n"));
	cr_assert(parsed_range_is(&p, second->body_range, "\t$y\n"));
	cr_assert(p.script->list->count == 3);
	parsed_finish(&p);
}

Test(commands, document_of_an_inner_command_stays_inside)
{
	struct parsed p = parsed_text(SHC_POSIX, "x=$(cat <<E\na ) b\nE\n) y\n");
	const struct shc_command *command = parsed_first(&p);

	cr_assert(p.script->error_count == 0 && command->simple.word_count == 1);
	parsed_finish(&p);
}

Test(commands, assignments_are_no_words)
{
	struct parsed p = parsed_text(SHC_BASH, "a=1 b+=2 c[3]=x d=(1 [2]=y) cmd e=5");
	const struct shc_assignment *a = parsed_first(&p)->simple.assignments;

	cr_assert(shc_text_is(a->name, "a") && !a->append);
	cr_assert(a->next->append);
	cr_assert(a->next->next->subscript.kind == SHC_SUBSCRIPT_KEY);
	cr_assert(a->next->next->next->is_array);
	cr_assert(a->next->next->next->elements->next->subscript.kind == SHC_SUBSCRIPT_KEY);
	cr_assert(parsed_first(&p)->simple.word_count == 2);
	cr_assert(parsed_word(&p, 1)->assignment == NULL);
	parsed_finish(&p);
}

Test(commands, operands_of_declarations_are_assignments)
{
	struct parsed p = parsed_text(SHC_BASH, "command export a=$(b) c");

	cr_assert(parsed_word(&p, 2)->assignment != NULL);
	cr_assert(shc_text_is(parsed_word(&p, 2)->assignment->name, "a"));
	cr_assert(parsed_word(&p, 3)->assignment == NULL);
	parsed_finish(&p);
}

Test(commands, reserved_words_count_only_where_commands_begin)
{
	struct parsed p = parsed_text(SHC_BASH, "echo if then fi } done");

	cr_assert(p.script->error_count == 0 && parsed_first(&p)->simple.word_count == 6);
	parsed_finish(&p);
}

Test(commands, elif_chain_is_flat)
{
	struct parsed p = parsed_text(SHC_POSIX, "if a; then b; elif c; then d; else e; fi >f");
	const struct shc_clause *clause = parsed_first(&p)->if_.clauses;

	cr_assert(clause->next->next && !clause->next->next->next);
	cr_assert(!clause->next->next->condition);
	cr_assert(parsed_first(&p)->redirects != NULL);
	parsed_finish(&p);
}

Test(commands, case_items_know_their_ends)
{
	struct parsed p = parsed_text(SHC_BASH, "case $x in (a|b) c;& *) d;;& e) esac");
	const struct shc_case_item *item = parsed_first(&p)->case_.items;

	cr_assert(item->end == SHC_CASE_FALL && item->patterns->next);
	cr_assert(item->next->end == SHC_CASE_CONTINUE);
	cr_assert(item->next->next->end == SHC_CASE_BREAK && item->next->next->body->count == 0);
	parsed_finish(&p);
}

Test(commands, loops_without_in_run_over_the_arguments)
{
	struct parsed p = parsed_text(SHC_POSIX, "for x do a; done"),
		      q = parsed_text(SHC_POSIX, "for x in; do a; done");

	cr_assert(!parsed_first(&p)->for_.has_in && parsed_first(&q)->for_.has_in);
	cr_assert(parsed_first(&q)->for_.words == NULL);
	parsed_finish(&p);
	parsed_finish(&q);
}

Test(commands, functions_have_both_forms)
{
	struct parsed p = parsed_text(SHC_BASH, "f() { a; } >b; function g ( c )");
	const struct shc_command *f = parsed_first(&p), *g = p.script->list->first->next->command;

	cr_assert(f->kind == SHC_COMMAND_FUNCTION && !f->function.keyword);
	cr_assert(f->function.body->redirects != NULL);
	cr_assert(g->function.keyword && g->function.body->kind == SHC_COMMAND_SUBSHELL);
	parsed_finish(&p);
}

Test(commands, test_expression_has_a_tree)
{
	struct parsed p = parsed_text(SHC_BASH, "[[ -f $a && ! ( $b =~ ^(x|y z)$ || c < d ) ]]");
	const struct shc_test *test = parsed_first(&p)->test, *group;

	cr_assert(test->kind == SHC_TEST_AND && test->left->kind == SHC_TEST_UNARY);
	cr_assert(test->right->kind == SHC_TEST_NOT);
	group = test->right->left;
	cr_assert(group->kind == SHC_TEST_GROUP && group->left->kind == SHC_TEST_OR);
	cr_assert(shc_text_is(group->left->left->op, "=~"));
	cr_assert(shc_word_is(group->left->left->second, "^(x|y z)$"));
	parsed_finish(&p);
}

Test(commands, ids_are_dense)
{
	struct parsed p = parsed_text(SHC_BASH, "a; b | c && { d; e $(f); }");

	cr_assert(p.script->command_count == 9);
	cr_assert(parsed_first(&p)->id < p.script->command_count);
	parsed_finish(&p);
}

Test(commands, aliases_and_comments_are_noted)
{
	struct parsed p = parsed_text(SHC_BASH, "# one\nalias ll='ls -l' # two\nll\n");

	cr_assert(shc_text_is(p.script->aliases->name, "ll"));
	cr_assert(parsed_range_is(&p, p.script->comments->next->range, "# two"));
	cr_assert(parsed_has(&p, 915));
	parsed_finish(&p);
}

Test(commands, other_trees_are_told_apart)
{
	static const char *const texts[] = {"a b", "a 'b'", "a b &", "a >b", "a 2>b", "a $b",
		"a ${b}", "a ${b:-}", "a \"$b\"", "{ a b; }", "(a b)", "! a b", "a | b", "a |& b",
		"a && b", "a || b", "a=b", "a+=b", "a() { b; }", "if a; then b; fi",
		"while a; do b; done", "until a; do b; done", "for a in b; do c; done",
		"for a; do c; done", "[[ a ]]", "((a))", "a $((b))", "a $(b)", "a <(b)", "a {b,c}",
		"a ~b", "a *", "a <<< b", "case a in b) ;; esac", "case a in b) ;& esac"};
	size_t count = sizeof(texts) / sizeof(texts[0]);

	for (size_t i = 0; i < count; i++) {
		struct parsed left = parsed_text(SHC_BASH, texts[i]);

		for (size_t j = 0; j < count; j++) {
			struct parsed right = parsed_text(SHC_BASH, texts[j]);

			cr_assert(shc_equal(left.script, right.script, NULL) == (i == j),
				"%s and %s", texts[i], texts[j]);
			parsed_finish(&right);
		}
		parsed_finish(&left);
	}
}

Test(commands, time_behind_a_pipe_is_a_command)
{
	struct parsed p = parsed_text(SHC_BASH, "a | time b");
	const struct shc_command *second = parsed_first(&p)->pipeline.commands->next;

	cr_assert(second->simple.word_count == 2 && shc_word_is(second->simple.words, "time"));
	parsed_finish(&p);
}
