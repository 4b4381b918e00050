/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shcheck: what is wrong with a shell program, without running it. Exit codes: 0 clean, 1 findings, 2 a file cannot be
 * read as a script, 3 the command line is not understood, 4 a value in it is wrong.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>

#include <shcheck/analyse.h>
#include <shcheck/concrete.h>
#include <shcheck/parse.h>

#include "options.h"

/* One run over all files. */
struct run {
	const struct options *options;
	struct shc_report *report; /* NULL when a tree is printed instead */
	bool found, unreadable, incomplete;
};

static void keep_worst(struct run *run, const struct shc_findings *findings)
{
	if (shc_findings_count(findings) > 0)
		run->found = true;
}

/* Report @findings of a file, those that the options ask for. */
static void report(struct run *run, const char *name, const struct shc_source *source,
	struct shc_findings *findings, const struct shc_coverage *coverage)
{
	const struct options *options = run->options;

	shc_findings_sort(findings);
	shc_findings_keep(findings, options->severity,
		options->included[0] ? options->included : NULL,
		options->excluded[0] ? options->excluded : NULL);
	keep_worst(run, findings);
	if (shc_findings_dropped(findings))
		(void)fprintf(stderr,
			"shcheck: %s: more findings than are kept; the last are left out\n", name);
	if (run->report)
		shc_report_file(run->report, name, source, findings, coverage);
}

#ifdef SHCHECK_CONCRETE
/* Log where the concrete tree differs; ours stands, so this is no finding. */
static void cross_check(const struct shc_script *script)
{
	struct shc_cross_check check = {0};
	const char *name = script->source->name;
	int code = shc_cross_check(script, &check);

	if (code < 0) {
		(void)fprintf(stderr, "shcheck: %s: no concrete tree: %s\n", name, strerror(-code));
		return;
	}
	for (size_t i = 0; i < check.count; i++) {
		const struct shc_disagreement *row = &check.rows[i];
		struct shc_place place = shc_source_place(script->source, row->range.start);
		struct shc_place end = shc_source_place(script->source, row->range.end);

		(void)printf("%s:%u:%u: %s up to %u:%u only in the %s tree\n", name, place.line,
			place.column, shc_concrete_kind_name(row->kind), end.line, end.column,
			row->here ? "syntax" : "concrete");
	}
	(void)printf("%s: agreed on %u commands, %u words, %u redirects; %zu differ; %u errors in "
		     "the concrete tree\n",
		name, check.agreeing[SHC_CONCRETE_COMMAND], check.agreeing[SHC_CONCRETE_WORD],
		check.agreeing[SHC_CONCRETE_REDIRECT], check.count, check.error_count);
	shc_cross_check_finish(&check);
}
#else
static void cross_check(const struct shc_script *script)
{
	(void)script;
}
#endif

static void print_tree(const struct run *run, const struct shc_script *script)
{
	if (run->options->action == ACTION_DUMP)
		shc_dump(script, stdout);
	else if (run->options->action == ACTION_PRINT)
		shc_print(script, stdout);
	else if (run->options->action == ACTION_CROSS_CHECK)
		cross_check(script);
}

/* Check a source that could be read. Returns 0 or -ENOMEM. */
static int check_source(
	struct run *run, const struct shc_source *source, struct shc_findings *findings)
{
	struct hb_error error = {0};
	enum shc_dialect dialect = run->options->dialect;
	struct shc_coverage coverage = {0};
	struct shc_script *script;
	int code;

	if (!run->options->dialect_given && shc_dialect_detect(source, &dialect, &error) < 0) {
		(void)shc_findings_add(findings, 916, (struct shc_range){0, 0}, "%s", error.text);
		run->unreadable = true;
		report(run, source->name, source, findings, NULL);
		return 0;
	}
	code = shc_parse(source, dialect, findings, &script);
	if (code < 0)
		return code;
	coverage.commands = script->command_count;
	if (run->options->action == ACTION_CHECK) {
		code = shc_analyse(script, NULL, findings, &coverage);
		if (code < 0) {
			shc_script_destroy(script);
			return code;
		}
	}
	for (size_t i = 0; i < shc_findings_count(findings); i++) {
		if (shc_findings_at(findings, i)->id == 906)
			run->unreadable = true;
	}
	if (coverage.budget_exhausted) {
		run->incomplete = true;
		(void)fprintf(stderr,
			"shcheck: %s: the budget was used up; parts were not checked\n",
			source->name);
	}
	print_tree(run, script);
	report(run, source->name, source, findings, &coverage);
	shc_script_destroy(script);
	return 0;
}

static int check_file(struct run *run, const char *path)
{
	struct hb_error error = {0};
	struct shc_findings *findings;
	struct shc_source *source;
	int code = shc_findings_create(&findings);

	if (code < 0)
		return code;
	code = shc_source_read(path, &source, &error);
	if (code == -ENOMEM) {
		shc_findings_destroy(findings);
		return code;
	}
	if (code < 0) {
		(void)shc_findings_add(
			findings, 904, (struct shc_range){0, 0}, "cannot be read: %s", error.text);
		run->unreadable = true;
		report(run, path, NULL, findings, NULL);
		shc_findings_destroy(findings);
		return 0;
	}
	code = check_source(run, source, findings);
	shc_source_destroy(source);
	shc_findings_destroy(findings);
	return code;
}

static int check(const struct options *options)
{
	struct run run = {.options = options};
	FILE *stream = options->action == ACTION_CHECK ? stdout : stderr;
	int code = shc_report_create(stream, options->format, options->colour, &run.report);

	for (int i = 0; i < options->file_count && code == 0; i++)
		code = check_file(&run, options->files[i]);
	if (run.report) {
		int ended = shc_report_finish(run.report);

		if (code == 0)
			code = ended;
	}
	if (code == -ENOMEM) {
		(void)fputs("shcheck: no memory\n", stderr);
		return EXIT_UNREADABLE;
	}
	if (code < 0) {
		(void)fprintf(
			stderr, "shcheck: the findings cannot be written: %s\n", strerror(-code));
		return EXIT_UNREADABLE;
	}
	if (run.unreadable)
		return EXIT_UNREADABLE;
	return run.found || (options->strict && run.incomplete) ? EXIT_FINDINGS : EXIT_CLEAN;
}

/* @code, unless something that was printed is lost. */
static int written(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (code != EXIT_UNREADABLE)
		(void)fprintf(stderr, "shcheck: standard output cannot be written: %s\n",
			errno ? strerror(errno) : "an earlier error");
	return EXIT_UNREADABLE;
}

int main(int argc, char **argv)
{
	struct options options;
	int code;

	errno = 0;
	if (argc > 1 && strcmp(argv[1], "explain") == 0)
		return written(explain(argv + 2, argc - 2));
	code = options_read(argc, argv, &options);
	return written(code >= 0 ? code : check(&options));
}
