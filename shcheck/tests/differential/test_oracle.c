/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The oracle itself: it reports what POSIX says shells do, and random cases are the same everywhere and worth running.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include "oracle.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT(literal)                                             \
	{                                                         \
		(char *)(uintptr_t)(literal), sizeof(literal) - 1 \
	}

static struct shc_oracle *oracle;

static void start(void)
{
	struct hb_error error = {0};

	cr_assert_eq(shc_oracle_create(&oracle, &error), 0, "%s", error.text);
}

static void stop(void)
{
	shc_oracle_destroy(oracle);
}

TestSuite(oracle, .init = start, .fini = stop);

/* "2:a|b" for two fields, "!" for an expansion that did not come to its end. */
static void show(const struct shc_oracle_outcome *outcome, char *text, size_t size_bytes)
{
	size_t used;

	if (!outcome->expanded) {
		(void)snprintf(text, size_bytes, "!");
		return;
	}
	used = (size_t)snprintf(text, size_bytes, "%zu:", outcome->count);
	for (size_t i = 0; i < outcome->count && used < size_bytes; i++)
		used += (size_t)snprintf(text + used, size_bytes - used, "%s%s", i ? "|" : "",
			outcome->fields[i].bytes);
}

#define STATE                                                                               \
	.variables = {{.name = "x", .set = true, .value = TEXT("a b:c")}, {.name = "y"},    \
		{.name = "IFS", .set = true, .value = TEXT(":")}},                          \
	.variables_count = 3, .positional = {TEXT("p q"), TEXT("")}, .positional_count = 2, \
	.files = {"d/", "d/f", "g*", "l -> d"}, .files_count = 4

static const struct {
	struct shc_oracle_case one;
	const char *expected;
} facts[] = {
	{{SHC_ORACLE_ARGUMENTS, TEXT("$x"), STATE}, "2:a b|c"},
	{{SHC_ORACLE_ARGUMENTS, TEXT("\"$x\""), STATE}, "1:a b:c"},
	{{SHC_ORACLE_ARGUMENTS, TEXT("$y"), STATE}, "0:"},
	{{SHC_ORACLE_ARGUMENTS, TEXT("\"$y\""), STATE}, "1:"},
	{{SHC_ORACLE_ARGUMENTS, TEXT("\"$@\""), STATE}, "2:p q|"},
	{{SHC_ORACLE_ARGUMENTS, TEXT("\"$*\""), STATE}, "1:p q:"},
	{{SHC_ORACLE_ARGUMENTS, TEXT("${y:=v:w}"), STATE}, "2:v|w"},
	{{SHC_ORACLE_ARGUMENTS, TEXT("${y?}"), STATE}, "!"},
	{{SHC_ORACLE_ARGUMENTS, TEXT("${x%%:*}"), STATE}, "1:a b"},
	{{SHC_ORACLE_ARGUMENTS, TEXT("*"), STATE}, "3:d|g*|l"},
	{{SHC_ORACLE_ARGUMENTS, TEXT("*"), STATE, .noglob = true}, "1:*"},
	{{SHC_ORACLE_ARGUMENTS, TEXT("no*match"), STATE}, "1:no*match"},
	{{SHC_ORACLE_ARGUMENTS, TEXT("*/"), STATE}, "2:d/|l/"},
	{{SHC_ORACLE_ARGUMENTS, TEXT("~/\"$#\""), STATE}, "1:/home/user/2"},
	{{SHC_ORACLE_ARGUMENTS, TEXT("$(printf 'a\\n\\n')"), STATE}, "1:a"},
	{{SHC_ORACLE_ARGUMENTS, TEXT("$y"), STATE, .nounset = true}, "!"},
	{{SHC_ORACLE_ARGUMENTS, TEXT("'"), STATE}, "!"},
	{{SHC_ORACLE_ASSIGNMENT, TEXT("$x*"), STATE}, "1:a b:c*"},
	{{SHC_ORACLE_ASSIGNMENT, TEXT("a:~"), STATE}, "1:a:/home/user"},
	{{SHC_ORACLE_SCRIPT, TEXT("y=1; echo noise; false"), STATE}, "0:"},
};

Test(oracle, both_shells_do_what_the_standard_says)
{
	struct shc_oracle_case cases[COUNT(facts)];
	struct shc_oracle_outcome outcomes[COUNT(facts)];
	struct hb_error error = {0};

	for (size_t i = 0; i < COUNT(facts); i++)
		cases[i] = facts[i].one;
	for (int shell = 0; shell < SHC_ORACLE_SHELLS; shell++) {
		cr_assert_eq(shc_oracle_run(oracle, (enum shc_oracle_shell)shell, cases,
				     COUNT(facts), outcomes, &error),
			0, "%s", error.text);
		for (size_t i = 0; i < COUNT(facts); i++) {
			char text[512];

			show(&outcomes[i], text, sizeof(text));
			cr_expect_str_eq(text, facts[i].expected, "shell %d, %s: %s", shell,
				cases[i].text.bytes, text);
			shc_oracle_outcome_finish(&outcomes[i]);
		}
	}
}

Test(oracle, what_an_expansion_assigns_is_reported)
{
	struct shc_oracle_case cases[] = {{SHC_ORACLE_ARGUMENTS, TEXT("${y:=v}"), STATE},
		{SHC_ORACLE_SCRIPT, TEXT("unset x; y='\n'; (exit 3)"), STATE},
		{SHC_ORACLE_SCRIPT, TEXT("exit 4"), STATE}};
	struct shc_oracle_outcome outcomes[3];
	struct hb_error error = {0};

	for (int shell = 0; shell < SHC_ORACLE_SHELLS; shell++) {
		cr_assert_eq(shc_oracle_run(oracle, (enum shc_oracle_shell)shell, cases, 3,
				     outcomes, &error),
			0, "%s", error.text);
		cr_assert(outcomes[0].after[1].set);
		cr_assert_str_eq(outcomes[0].after[1].value.bytes, "v");
		cr_assert_str_eq(outcomes[0].after[0].value.bytes, "a b:c");
		cr_assert(!outcomes[1].after[0].set);
		cr_assert_str_eq(outcomes[1].after[1].value.bytes, "\n");
		cr_assert_eq(outcomes[1].exit_status, 3);
		cr_assert(!outcomes[2].expanded);
		cr_assert_eq(outcomes[2].exit_status, 4);
		for (size_t i = 0; i < 3; i++)
			shc_oracle_outcome_finish(&outcomes[i]);
	}
}

static uint64_t seed(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t value = text ? strtoull(text, NULL, 10) : 1;

	(void)fprintf(stderr, "HB_SEED=%" PRIu64 "\n", value);
	return value;
}

#define RANDOM_CASES 600

static struct shc_oracle_case *generate(uint64_t from, bool bash)
{
	struct shc_oracle_case *cases = calloc(RANDOM_CASES, sizeof(*cases));

	cr_assert_not_null(cases);
	for (size_t i = 0; i < RANDOM_CASES; i++)
		cr_assert_eq(shc_oracle_generate(from, i, bash, &cases[i]), 0);
	return cases;
}

static void cases_free(struct shc_oracle_case *cases)
{
	for (size_t i = 0; i < RANDOM_CASES; i++)
		shc_oracle_case_finish(&cases[i]);
	free(cases);
}

Test(oracle, a_seed_gives_the_same_cases_again)
{
	uint64_t from = seed();
	struct shc_oracle_case *left = generate(from, true), *right = generate(from, true);
	unsigned different = 0;

	for (size_t i = 0; i < RANDOM_CASES; i++) {
		char *a = shc_oracle_case_print(&left[i]), *b = shc_oracle_case_print(&right[i]);

		cr_assert_str_eq(a, b);
		different += i > 0 && strcmp(left[i].text.bytes, left[i - 1].text.bytes) != 0;
		free(a);
		free(b);
	}
	cr_assert(different > RANDOM_CASES * 9 / 10);
	cases_free(left);
	cases_free(right);
}

static struct shc_oracle_outcome *run_all(
	enum shc_oracle_shell shell, const struct shc_oracle_case *cases)
{
	struct shc_oracle_outcome *outcomes = calloc(RANDOM_CASES, sizeof(*outcomes));
	struct hb_error error = {0};

	cr_assert_eq(shc_oracle_run(oracle, shell, cases, RANDOM_CASES, outcomes, &error), 0, "%s",
		error.text);
	return outcomes;
}

/* Neither shell is the truth, but where they differ as a rule the protocol between them and here is broken. */
Test(oracle, random_cases_are_of_every_kind_and_the_shells_mostly_agree)
{
	struct shc_oracle_case *cases = generate(seed(), false);
	struct shc_oracle_outcome *dash = run_all(SHC_ORACLE_DASH, cases);
	struct shc_oracle_outcome *bash = run_all(SHC_ORACLE_BASH, cases);
	unsigned agree = 0, none = 0, one = 0, several = 0, failed = 0;

	for (size_t i = 0; i < RANDOM_CASES; i++) {
		char left[4096], right[4096];

		show(&dash[i], left, sizeof(left));
		show(&bash[i], right, sizeof(right));
		agree += strcmp(left, right) == 0;
		failed += !dash[i].expanded;
		none += dash[i].expanded && dash[i].count == 0;
		one += dash[i].expanded && dash[i].count == 1;
		several += dash[i].expanded && dash[i].count > 1;
		shc_oracle_outcome_finish(&dash[i]);
		shc_oracle_outcome_finish(&bash[i]);
	}
	(void)fprintf(stderr, "agree %u, fields: none %u, one %u, several %u, failed %u of %d\n",
		agree, none, one, several, failed, RANDOM_CASES);
	cr_assert(agree > RANDOM_CASES * 8 / 10);
	cr_assert(none > 10 && one > 100 && several > 30 && failed > 10);
	free(dash);
	free(bash);
	cases_free(cases);
}

Test(oracle, a_case_alone_and_in_a_batch_come_to_the_same)
{
	struct shc_oracle_case *cases = generate(seed() + 1, true);
	struct shc_oracle_outcome *batch = run_all(SHC_ORACLE_BASH, cases);

	for (size_t i = 0; i < RANDOM_CASES; i++) {
		struct shc_oracle_outcome alone;
		struct hb_error error = {0};
		char left[4096], right[4096];

		if (i % 20 == 0) {
			cr_assert_eq(shc_oracle_run(
					     oracle, SHC_ORACLE_BASH, &cases[i], 1, &alone, &error),
				0, "%s", error.text);
			show(&batch[i], left, sizeof(left));
			show(&alone, right, sizeof(right));
			/* Folders are numbered within the batch, and ~+ or $PWD would show it; no case has them. */
			cr_assert_str_eq(left, right, "%s", cases[i].text.bytes);
			shc_oracle_outcome_finish(&alone);
		}
		shc_oracle_outcome_finish(&batch[i]);
	}
	free(batch);
	cases_free(cases);
}

Test(oracle, snapshots_and_changed_files_of_a_script_are_reported)
{
	struct shc_oracle_case one = {SHC_ORACLE_SCRIPT,
		TEXT("snap 1; x=2; cd d; false; snap 2; for x in p q; do snap 3; done; rm f; : >n; "
		     "rm -r ../g*"),
		STATE};
	static const char *const expected[] = {"- " SHC_ORACLE_FOLDER "/d/f",
		"+ " SHC_ORACLE_FOLDER "/d/n", "- " SHC_ORACLE_FOLDER "/g*"};

	for (int shell = 0; shell < SHC_ORACLE_SHELLS; shell++) {
		struct shc_oracle_outcome outcome;
		struct hb_error error = {0};

		cr_assert_eq(shc_oracle_run(oracle, (enum shc_oracle_shell)shell, &one, 1, &outcome,
				     &error),
			0, "%s", error.text);
		cr_assert_eq(outcome.snapshots_count, 4);
		cr_assert_eq(outcome.snapshots[0].point, 1);
		cr_assert_str_eq(outcome.snapshots[0].variables[0].value.bytes, "a b:c");
		cr_assert_eq(outcome.snapshots[1].status, 1);
		cr_assert_str_eq(outcome.snapshots[1].folder.bytes, SHC_ORACLE_FOLDER "/d");
		cr_assert_str_eq(outcome.snapshots[2].variables[0].value.bytes, "p");
		cr_assert_str_eq(outcome.snapshots[3].variables[0].value.bytes, "q");
		cr_assert_eq(outcome.changes_count, COUNT(expected));
		for (size_t i = 0; i < COUNT(expected); i++) {
			cr_assert_str_eq(outcome.changes[i].path.bytes, expected[i] + 2);
			cr_assert_eq(outcome.changes[i].kind,
				expected[i][0] == '-' ? SHC_ORACLE_DELETED : SHC_ORACLE_CREATED);
		}
		shc_oracle_outcome_finish(&outcome);
	}
}

/* Fewer than of words: each takes a sandbox's command of its own. */
#define RANDOM_SCRIPTS 150

Test(oracle, random_scripts_reach_their_points_and_change_files)
{
	struct shc_oracle_case cases[RANDOM_SCRIPTS];
	uint64_t from = seed();

	for (size_t i = 0; i < RANDOM_SCRIPTS; i++)
		cr_assert_eq(shc_oracle_generate_script(from, i, false, &cases[i]), 0);
	for (int shell = 0; shell < SHC_ORACLE_SHELLS; shell++) {
		struct shc_oracle_outcome *outcomes = calloc(RANDOM_SCRIPTS, sizeof(*outcomes));
		struct hb_error error = {0};
		unsigned snapshots = 0, changes = 0, ended = 0;

		cr_assert_eq(shc_oracle_run(oracle, (enum shc_oracle_shell)shell, cases,
				     RANDOM_SCRIPTS, outcomes, &error),
			0, "%s", error.text);
		for (size_t i = 0; i < RANDOM_SCRIPTS; i++) {
			snapshots += (unsigned)outcomes[i].snapshots_count;
			changes += outcomes[i].changes_count > 0;
			ended += outcomes[i].expanded;
			if (outcomes[i].cut)
				(void)fprintf(stderr, "cut:\n%s\n", cases[i].text.bytes);
			shc_oracle_outcome_finish(&outcomes[i]);
		}
		free(outcomes);
		(void)fprintf(stderr,
			"shell %d: %u snapshots, %u scripts changed files, %u ran to their end\n",
			shell, snapshots, changes, ended);
		cr_assert(snapshots > 3 * RANDOM_SCRIPTS);
		cr_assert(changes > RANDOM_SCRIPTS / 5);
		cr_assert(ended > RANDOM_SCRIPTS / 3 && ended < RANDOM_SCRIPTS);
	}
	for (size_t i = 0; i < RANDOM_SCRIPTS; i++)
		shc_oracle_case_finish(&cases[i]);
}

Test(oracle, cases_that_cannot_be_written_as_a_script_are_refused)
{
	struct shc_oracle_case name = {
		.variables = {{.name = "x;rm", .set = true, .value = TEXT("a")}},
		.variables_count = 1};
	struct shc_oracle_case value = {
		.variables = {{.name = "x", .set = true, .value = TEXT("a\0b")}},
		.variables_count = 1};
	struct shc_oracle_outcome outcome;
	struct hb_error error = {0};

	cr_assert_eq(shc_oracle_run(oracle, SHC_ORACLE_DASH, &name, 1, &outcome, &error), -EINVAL);
	cr_assert_eq(shc_oracle_run(oracle, SHC_ORACLE_DASH, &value, 1, &outcome, &error), -EINVAL);
	cr_assert_not_null(strstr(error.text, "NUL"));
}

int main(int argc, char **argv)
{
	struct criterion_test_set *tests = criterion_initialize();
	struct shc_oracle *probe = NULL;
	struct hb_error error = {0};
	int code = 0;

	if (shc_oracle_create(&probe, &error)) {
		(void)printf("skip: needs namespaces: %s\n", error.text);
		code = 77;
	} else if (criterion_handle_args(argc, argv, true)) {
		code = !criterion_run_all_tests(tests);
	}
	shc_oracle_destroy(probe);
	criterion_finalize(tests);
	return code;
}
