/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <hotbed/log.h>

#include "options.h"

static int run_nothing(const struct hb_arguments *arguments)
{
	(void)arguments;
	return 0;
}

static const struct hb_option table[] = {
	{"blocks", 'b', "N", "How many."},
	{"set", 0, "K=V", "Repeated."},
	{"strict", 's', NULL, "A flag."},
	{0},
};

static const struct hb_command command = {
	.name = "probe",
	.operands = "[SUB]...",
	.summary = "Try the parser.",
	.description =
		"One paragraph of words that are long enough to be filled into more than one "
		"line of a terminal.\n\nAnother.",
	.options = table,
	.completion = "experiments",
	.run = run_nothing,
};

#define PARSE(ret, reterr, ...) \
	parse(ret, reterr, (const char *const[]){"probe", __VA_ARGS__, NULL})

/* getopt_long() reorders its argv, so that every test works on a copy. */
static int parse(struct hb_arguments **ret, struct hb_error *reterr, const char *const *words)
{
	static char *argv[16];
	int argc = 0;

	while (words[argc]) {
		argv[argc] = (char *)words[argc];
		argc++;
	}
	argv[argc] = NULL;
	return hb_arguments_parse(&command, argc, argv, ret, reterr);
}

Test(options, values_of_a_repeated_option_keep_their_order)
{
	struct hb_arguments *arguments;
	const char *const *sets;

	cr_assert_eq(PARSE(&arguments, NULL, "--set", "a=1", "spork", "--set=b=2", "--set=a=3"), 0);
	sets = hb_arguments_texts(arguments, "set");
	cr_assert_str_eq(sets[0], "a=1");
	cr_assert_str_eq(sets[1], "b=2");
	cr_assert_str_eq(sets[2], "a=3");
	cr_assert_null(sets[3]);
	cr_assert_str_eq(hb_arguments_text(arguments, "set"), "a=3");
	hb_arguments_destroy(arguments);
}

Test(options, options_that_were_not_given_have_no_value)
{
	struct hb_arguments *arguments;
	size_t count;

	cr_assert_eq(PARSE(&arguments, NULL, "spork"), 0);
	cr_assert_not(hb_arguments_flag(arguments, "strict"));
	cr_assert_null(hb_arguments_text(arguments, "set"));
	cr_assert_null(hb_arguments_texts(arguments, "set")[0]);
	cr_assert_str_eq(hb_arguments_operands(arguments, &count)[0], "spork");
	cr_assert_eq(count, 1);
	hb_arguments_destroy(arguments);
}

Test(options, flags_letters_and_shared_options_are_understood_after_operands)
{
	struct hb_arguments *arguments;
	size_t count;

	cr_assert_eq(PARSE(&arguments, NULL, "one", "-sq", "two", "--json", "-b", "7"), 0);
	cr_assert(hb_arguments_flag(arguments, "strict"));
	cr_assert(hb_arguments_flag(arguments, "quiet"));
	cr_assert(hb_arguments_flag(arguments, "json"));
	cr_assert_str_eq(hb_arguments_text(arguments, "blocks"), "7");
	cr_assert_str_eq(hb_arguments_operands(arguments, &count)[1], "two");
	cr_assert_eq(count, 2);
	hb_arguments_destroy(arguments);
}

Test(options, two_dashes_end_the_options)
{
	struct hb_arguments *arguments;
	size_t count;

	cr_assert_eq(PARSE(&arguments, NULL, "--", "--strict"), 0);
	cr_assert_not(hb_arguments_flag(arguments, "strict"));
	cr_assert_str_eq(hb_arguments_operands(arguments, &count)[0], "--strict");
	hb_arguments_destroy(arguments);
}

Test(options, a_misspelt_option_is_refused_with_a_suggestion)
{
	struct hb_arguments *arguments = NULL;
	struct hb_error error = {0};

	cr_assert_eq(PARSE(&arguments, &error, "--blokcs=3"), -EINVAL);
	cr_assert_null(arguments);
	cr_assert_str_eq(error.text, "unknown option '--blokcs'; did you mean '--blocks'?");
}

Test(options, an_unknown_option_points_to_the_help)
{
	struct hb_arguments *arguments = NULL;
	struct hb_error error = {0};

	cr_assert_eq(PARSE(&arguments, &error, "--velocity"), -EINVAL);
	cr_assert(strstr(error.text, "hotbed help probe"));
	cr_assert_eq(PARSE(&arguments, &error, "-Z"), -EINVAL);
	cr_assert(strstr(error.text, "'-Z'"));
}

Test(options, missing_and_unwanted_values_are_named)
{
	struct hb_arguments *arguments = NULL;
	struct hb_error error = {0};

	cr_assert_eq(PARSE(&arguments, &error, "--set"), -EINVAL);
	cr_assert(strstr(error.text, "'--set' needs a value: --set=K=V"), "%s", error.text);
	cr_assert_eq(PARSE(&arguments, &error, "-b"), -EINVAL);
	cr_assert(strstr(error.text, "'--blocks' needs a value"), "%s", error.text);
	cr_assert_eq(PARSE(&arguments, &error, "--strict=yes"), -EINVAL);
	cr_assert(strstr(error.text, "'--strict' takes no value"), "%s", error.text);
	cr_assert_eq(PARSE(&arguments, &error, "--color=mauve"), -EINVAL);
	cr_assert(strstr(error.text, "'mauve'"), "%s", error.text);
}

Test(options, a_second_parse_does_not_remember_the_first)
{
	struct hb_arguments *arguments;

	cr_assert_eq(PARSE(&arguments, NULL, "--strict", "one"), 0);
	hb_arguments_destroy(arguments);
	cr_assert_eq(PARSE(&arguments, NULL, "-b", "2"), 0);
	cr_assert_not(hb_arguments_flag(arguments, "strict"));
	cr_assert_str_eq(hb_arguments_text(arguments, "blocks"), "2");
	hb_arguments_destroy(arguments);
}

Test(options, an_empty_value_is_a_missing_one)
{
	struct hb_arguments *arguments;
	struct hb_error error = {0};

	cr_assert_eq(PARSE(&arguments, &error, "--blocks="), -EINVAL);
	cr_assert(strstr(error.text, "'--blocks' needs a value"), "%s", error.text);
	cr_assert_eq(PARSE(&arguments, &error, "-b", ""), -EINVAL);
}

Test(options, numbers_outside_their_range_are_refused)
{
	static const char *const bad[] = {
		"5", "1001", "-1", "+7", " 7", "7 ", "7k", "0x10", "18446744073709551616", NULL};
	struct hb_arguments *arguments;
	uint64_t value = 42;

	hb_log_init("hotbed", HB_LOG_ERROR);
	for (size_t i = 0; bad[i]; i++) {
		cr_assert_eq(PARSE(&arguments, NULL, "--blocks", bad[i]), 0);
		cr_assert_eq(hb_arguments_u64(arguments, "blocks", 6, 1000, 12, &value), -EINVAL,
			"'%s'", bad[i]);
		cr_assert_eq(value, 42);
		hb_arguments_destroy(arguments);
	}
}

Test(options, numbers_at_the_ends_of_their_range_are_taken)
{
	struct hb_arguments *arguments;
	uint64_t value;

	cr_assert_eq(PARSE(&arguments, NULL, "--blocks=18446744073709551615"), 0);
	cr_assert_eq(hb_arguments_u64(arguments, "blocks", 0, UINT64_MAX, 12, &value), 0);
	cr_assert_eq(value, UINT64_MAX);
	hb_arguments_destroy(arguments);
	cr_assert_eq(PARSE(&arguments, NULL, "spork"), 0);
	cr_assert_eq(hb_arguments_u64(arguments, "blocks", 6, 1000, 12, &value), 0);
	cr_assert_eq(value, 12);
	hb_arguments_destroy(arguments);
}

Test(options, exit_codes_take_precedence_as_documented)
{
	static const enum hb_exit order[] = {HB_EXIT_INTERRUPTED, HB_EXIT_FAULT, HB_EXIT_LOCKED,
		HB_EXIT_TRIAL, HB_EXIT_GATE, HB_EXIT_INCONCLUSIVE, HB_EXIT_DONE};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		for (size_t j = i; j < sizeof(order) / sizeof(order[0]); j++) {
			cr_assert_eq(hb_exit_worst(order[i], order[j]), order[i]);
			cr_assert_eq(hb_exit_worst(order[j], order[i]), order[i]);
		}
	}
}

static char *captured(void (*print)(FILE *file))
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	print(file);
	fclose(file);
	return text;
}

static void print_command_help(FILE *file)
{
	hb_help_command(file, &command);
}

static void print_command_manual(FILE *file)
{
	hb_manual_command(file, &command);
}

Test(help, fits_80_columns_and_names_every_option)
{
	char *text = captured(print_command_help);
	const struct hb_option *option;

	for (size_t i = 0; (option = hb_command_option_at(&command, i)) != NULL; i++)
		cr_assert(strstr(text, option->name), "%s", option->name);
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
		cr_assert_leq(strcspn(line, "\n"), 80, "%.100s", line);
	free(text);
}

Test(manual, escapes_what_scdoc_would_take_for_markup)
{
	char *text = captured(print_command_manual);

	cr_assert(strstr(text, "hotbed\\-probe \\- ") || strstr(text, "hotbed-probe - try"), "%s",
		text);
	cr_assert(strstr(text, "*\\-\\-set*=_K=V_"), "%s", text);
	cr_assert(strstr(text, "\\[SUB\\]"), "%s", text);
	free(text);
}

/* A folder of its own as the current one, with results/ in it; removed by leave_folder(). */
static char folder[] = "/tmp/hotbed-test-XXXXXX";

static void enter_folder(void)
{
	cr_assert(mkdtemp(folder));
	cr_assert_eq(chdir(folder), 0);
}

static void leave_folder(void)
{
	static const char *const paths[] = {"results/latest", "results/0190-aa", "results/0190-ab",
		"results/0191-cc", "results/note.txt", "results", NULL};

	for (size_t i = 0; paths[i]; i++)
		(void)remove(paths[i]);
	(void)chdir("/");
	(void)rmdir(folder);
}

static void make_runs(void)
{
	FILE *file;

	enter_folder();
	cr_assert_eq(mkdir("results", 0755), 0);
	cr_assert_eq(mkdir("results/0190-aa", 0755), 0);
	cr_assert_eq(mkdir("results/0190-ab", 0755), 0);
	cr_assert_eq(mkdir("results/0191-cc", 0755), 0);
	/* A file is no run, however late its name sorts. */
	file = fopen("results/note.txt", "w");
	cr_assert(file);
	fclose(file);
}

static void expect_run(const char *operand, const char *expected)
{
	struct hb_error error = {0};
	char *path = NULL;

	cr_assert_eq(hb_results_find(operand, &path, &error), 0, "%s", error.text);
	cr_assert_str_eq(path, expected);
	free(path);
}

Test(results, the_newest_run_is_found_with_and_without_the_link, .init = make_runs,
	.fini = leave_folder)
{
	expect_run(NULL, "results/0191-cc");
	cr_assert_eq(symlink("0190-ab", "results/latest"), 0);
	expect_run(NULL, "results/0190-ab");
	expect_run("latest", "results/0190-ab");
	cr_assert_eq(rmdir("results/0190-ab"), 0);
	expect_run("latest", "results/0191-cc");
}

Test(results, ids_prefixes_and_paths_are_resolved, .init = make_runs, .fini = leave_folder)
{
	expect_run("0190-aa", "results/0190-aa");
	expect_run("0191", "results/0191-cc");
	expect_run("./elsewhere", "./elsewhere");
	expect_run("results", "results");
}

Test(results, ambiguous_and_unknown_runs_are_refused, .init = make_runs, .fini = leave_folder)
{
	struct hb_error error = {0};
	char *path = NULL;

	cr_assert_eq(hb_results_find("0190", &path, &error), -EINVAL);
	cr_assert(strstr(error.text, "2 runs begin with '0190'"), "%s", error.text);
	cr_assert_eq(hb_results_find("0777", &path, &error), -ENOENT);
	cr_assert(strstr(error.text, "'0777'"), "%s", error.text);
	cr_assert_eq(hb_results_find("", &path, &error), -ENOENT);
	cr_assert_null(path);
}

Test(results, no_run_at_all_says_how_to_make_one, .init = enter_folder, .fini = leave_folder)
{
	struct hb_error error = {0};
	char *path = NULL;

	cr_assert_eq(hb_results_find(NULL, &path, &error), -ENOENT);
	cr_assert(strstr(error.text, "'hotbed run' makes one"), "%s", error.text);
	cr_assert_null(path);
}
