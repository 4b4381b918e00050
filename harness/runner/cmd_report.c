/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed report: summary and report of a run, made again from its plan and trials. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/error.h"
#include "hotbed/log.h"
#include "analysis.h"
#include "command.h"
#include "dashboard.h"
#include "history.h"
#include "report.h"

static int print_json(const struct hb_analysis *analysis)
{
	int r = hb_summary_write(&analysis->summary, NULL, stdout);

	if (!r && fflush(stdout))
		r = -errno;
	if (!r)
		return HB_EXIT_DONE;
	hb_log(HB_LOG_ERROR, "report: standard output cannot be written: %s", strerror(-r));
	return HB_EXIT_FAULT;
}

static void print_text(const struct hb_analysis *analysis, const char *path)
{
	const struct hb_summary *summary = &analysis->summary;
	size_t verdicts[HB_VERDICT_COUNT] = {0}, claims[HB_CLAIM_VERDICT_COUNT] = {0};

	for (size_t i = 0; i < summary->comparison_count; i++)
		verdicts[summary->comparisons[i].verdict]++;
	for (size_t i = 0; i < summary->claim_count; i++)
		claims[summary->claims[i].verdict]++;
	printf("%llu trials, %llu failed\n", (unsigned long long)analysis->trials.trial_count,
		(unsigned long long)analysis->trials.failed_count);
	printf("verdicts:");
	for (int i = 0; i < HB_VERDICT_COUNT; i++) {
		if (verdicts[i])
			printf(" %zu %s", verdicts[i], hb_verdict_names[i]);
	}
	printf("\nclaims:");
	for (int i = 0; i < HB_CLAIM_VERDICT_COUNT; i++) {
		if (claims[i])
			printf(" %zu %s", claims[i], hb_claim_verdict_names[i]);
	}
	printf("\nreport: %s\n", path);
}

/* The dashboard of all nights instead of the report of one run. */
static int write_dashboard(const struct hb_arguments *arguments)
{
	const char *out = hb_arguments_text(arguments, "out");
	struct hb_history history;
	struct hb_error error = {0};
	int r = hb_history_open(
		hb_arguments_text(arguments, "db"), HB_HISTORY_READ, &history, &error);

	out = out ? out : "results/history.html";
	if (!r) {
		r = hb_dashboard_write(&history, out, &error);
		hb_history_close(&history);
	}
	if (r) {
		hb_log_error(&error);
		return hb_history_exit(r);
	}
	if (!hb_arguments_flag(arguments, "quiet"))
		printf("history: %s\n", out);
	return HB_EXIT_DONE;
}

static int run_report(const struct hb_arguments *arguments)
{
	const char *out = hb_arguments_text(arguments, "out");
	const char *const *operands;
	struct hb_analysis analysis;
	struct hb_error error = {0};
	size_t count;
	int exit_code, r;

	operands = hb_arguments_operands(arguments, &count);
	if (count > 1) {
		hb_log(HB_LOG_ERROR, "report takes one run, not %zu", count);
		return HB_EXIT_USAGE;
	}
	if (hb_arguments_flag(arguments, "history")) {
		if (!count)
			return write_dashboard(arguments);
		hb_log(HB_LOG_ERROR, "report --history is about all runs and takes none");
		return HB_EXIT_USAGE;
	}
	r = hb_analysis_find(operands[0], &analysis, &exit_code, &error);
	if (r) {
		hb_log_error(&error);
		return exit_code;
	}
	exit_code = HB_EXIT_DONE;
	r = hb_report_write_analysis(&analysis, out, &error);
	if (r) {
		hb_log_error(&error);
		exit_code = HB_EXIT_FAULT;
	} else if (hb_arguments_flag(arguments, "json")) {
		exit_code = print_json(&analysis);
	} else if (!hb_arguments_flag(arguments, "quiet")) {
		char *path = hb_analysis_path(&analysis, "report.html");

		print_text(&analysis, out ? out : path ? path : analysis.dir);
		free(path);
	}
	hb_analysis_finish(&analysis);
	return exit_code;
}

static const struct hb_option options[] = {
	{"out", 'o', "FILE", "Where the page goes; otherwise report.html in the run's folder."},
	{"history", 0, NULL, "The dashboard of all nights instead, results/history.html."},
	{"db", 0, "FILE", "With --history: the database instead of results/history.db."},
	{0},
};

static const struct hb_example examples[] = {
	{"./hotbed report latest", "write report.html of the newest run again"},
	{"./hotbed report before --out=before.html", "write it somewhere else"},
	{0},
};

extern const struct hb_command hb_command_report;
const struct hb_command hb_command_report = {
	.name = "report",
	.operands = "[RUN]",
	.summary = "Write a run's summary, charts and report again.",
	.description =
		"Reads plan.json and trials.csv of RUN (a folder, a run_id or its beginning; the "
		"newest "
		"run if it is left out) and writes summary.csv, summary.json, charts/*.vl.json and "
		"report.html beside them. Nothing else is needed: neither the drivers nor the "
		"machine "
		"of the run. With --json, summary.json is printed too.\n\n"
		"The report is one HTML file that loads nothing from a network.\n\n"
		"With --history: one page of the same kind with every series of 'hotbed history', "
		"its "
		"nights, changes and the machine's settings, to be filtered and opened; it links "
		"to the "
		"reports of the runs beside it.",
	.options = options,
	.examples = examples,
	.completion = "results",
	.run = run_report,
};
