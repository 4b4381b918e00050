/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed export: a run's trials as one CSV or JSON text for other tools, and its charts as SVG for papers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <spawn.h>
#include <unistd.h>

#include "hotbed/csv.h"
#include "hotbed/error.h"
#include "hotbed/json.h"
#include "hotbed/log.h"
#include "hotbed/suggest.h"
#include "analysis.h"
#include "chart.h"
#include "command.h"
#include "export.h"

extern char **environ;

/* The output: --out, or standard output. */
static FILE *open_out(const struct hb_arguments *arguments)
{
	const char *path = hb_arguments_text(arguments, "out");
	FILE *file = path ? fopen(path, "we") : stdout;

	if (!file)
		hb_log(HB_LOG_ERROR, "export: %s cannot be written: %s", path, strerror(errno));
	return file;
}

static int close_out(FILE *file, int r, const struct hb_error *error)
{
	bool failed = ferror(file) || fflush(file);

	if (file != stdout && fclose(file))
		failed = true;
	if (r)
		hb_log_error(error);
	else if (failed)
		hb_log(HB_LOG_ERROR, "export: the output cannot be written: %s", strerror(errno));
	return r || failed ? HB_EXIT_FAULT : HB_EXIT_DONE;
}

static int export_rows(const struct hb_arguments *arguments, const char *run, bool json)
{
	struct hb_error error = {0};
	char *dir = NULL;
	FILE *out;
	int r = hb_results_find(run, &dir, &error);

	if (r) {
		hb_log_error(&error);
		return r == -ENOENT || r == -EINVAL ? HB_EXIT_USAGE : HB_EXIT_FAULT;
	}
	out = open_out(arguments);
	if (!out) {
		free(dir);
		return HB_EXIT_FAULT;
	}
	r = json ? hb_export_json(dir, out, &error)
		 : hb_export_csv(dir, hb_arguments_flag(arguments, "wide"), out, &error);
	free(dir);
	return close_out(out, r, &error);
}

/* node figures.js OUT CHART... Returns an exit code. */
static int run_node(const char *out, const char *charts_dir, const struct hb_charts *charts)
{
	char **argv = calloc(charts->count + 4, sizeof(*argv));
	int status = 0, exit_code = HB_EXIT_FAULT;
	bool complete = argv != NULL;
	pid_t pid;

	if (argv) {
		argv[0] = strdup("node");
		argv[2] = strdup(out);
		complete =
			asprintf(&argv[1], "%s/harness/report/figures.js", hb_build_root()) > 0 &&
			argv[0] && argv[2];
	}
	for (size_t i = 0; complete && i < charts->count; i++)
		complete = asprintf(&argv[3 + i], "%s/%s.vl.json", charts_dir,
				   charts->items[i].id) > 0;
	(void)fflush(stdout);
	if (!complete) {
		hb_log(HB_LOG_ERROR, "export: out of memory");
	} else if ((errno = posix_spawnp(&pid, "node", NULL, NULL, argv, environ))) {
		hb_log(HB_LOG_ERROR, "export: node cannot be started: %s; install nodejs",
			strerror(errno));
		exit_code = HB_EXIT_NOTHING;
	} else if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status)) {
		exit_code = HB_EXIT_DONE;
	} else {
		hb_log(HB_LOG_ERROR, "export: node could not draw the charts in %s", charts_dir);
	}
	for (size_t i = 0; argv && i < charts->count + 3; i++)
		free(argv[i]);
	free(argv);
	return exit_code;
}

/* The specifications are made again, so that the figures show what trials.csv says now. */
static int draw_figures(const struct hb_analysis *analysis, const char *out)
{
	struct hb_charts charts = {0};
	struct hb_error error = {0};
	char *dir = hb_analysis_path(analysis, "charts");
	int exit_code = HB_EXIT_FAULT;

	if (!dir)
		hb_log(HB_LOG_ERROR, "export: out of memory");
	else if (hb_charts_build(&analysis->summary, analysis->dir, &charts, &error) ||
		 hb_charts_write(&charts, dir, &error))
		hb_log_error(&error);
	else if (mkdir(out ? out : dir, 0777) && errno != EEXIST)
		hb_log(HB_LOG_ERROR, "export: %s cannot be made: %s", out ? out : dir,
			strerror(errno));
	else
		exit_code = run_node(out ? out : dir, dir, &charts);
	hb_charts_finish(&charts);
	free(dir);
	return exit_code;
}

static int export_figures(const struct hb_arguments *arguments, const char *run)
{
	struct hb_analysis analysis;
	struct hb_error error = {0};
	char *runtime = NULL;
	int exit_code;

	if (!hb_arguments_flag(arguments, "svg")) {
		hb_log(HB_LOG_ERROR, "export figures needs a format: --svg");
		return HB_EXIT_USAGE;
	}
	if (asprintf(&runtime, "%s/harness/report/vega.min.js", hb_build_root()) < 0 ||
		access(runtime, R_OK)) {
		hb_log(HB_LOG_ERROR,
			"export: the chart runtime is missing; ./hotbed setup installs it");
		free(runtime);
		return HB_EXIT_NOTHING;
	}
	free(runtime);
	if (hb_analysis_find(run, &analysis, &exit_code, &error)) {
		hb_log_error(&error);
		return exit_code;
	}
	exit_code = draw_figures(&analysis, hb_arguments_text(arguments, "out"));
	hb_analysis_finish(&analysis);
	return exit_code;
}

static int run_export(const struct hb_arguments *arguments)
{
	static const char *const kinds[] = {"csv", "json", "figures", NULL};
	const char *const *operands;
	const char *kind, *near;
	size_t count;

	operands = hb_arguments_operands(arguments, &count);
	if (count < 1 || count > 2) {
		hb_log(HB_LOG_ERROR, "export takes what to write (csv, json or figures) and a run");
		return HB_EXIT_USAGE;
	}
	kind = operands[0];
	if (!strcmp(kind, "csv") || !strcmp(kind, "json"))
		return export_rows(arguments, operands[1], !strcmp(kind, "json"));
	if (!strcmp(kind, "figures"))
		return export_figures(arguments, operands[1]);
	near = hb_suggest(kind, kinds);
	hb_log(HB_LOG_ERROR, "export cannot write '%s'; %s%s%s", kind, near ? "did you mean '" : "",
		near ? near : "it writes csv, json and figures", near ? "'?" : "");
	return HB_EXIT_USAGE;
}

static const struct hb_option options[] = {
	{"out", 'o', "PATH",
		"File (csv, json) or folder (figures) to write; else standard output, or "
		"charts/ in the run's folder."},
	{"wide", 'w', NULL, "csv: one column per parameter, and env.json joined to every row."},
	{"svg", 0, NULL, "figures: as SVG files."},
	{0},
};

static const struct hb_example examples[] = {
	{"./hotbed export csv latest --wide --out=trials-wide.csv", "one table for pandas or R"},
	{"./hotbed export json before --out=before.json",
		"plan, environment and rows as one object"},
	{0},
};

extern const struct hb_command hb_command_export;
const struct hb_command hb_command_export = {
	.name = "export",
	.operands = "csv|json|figures [RUN]",
	.summary = "Write a run's trials or charts for other tools.",
	.description =
		"csv: the committed rows of trials.csv. With --wide each parameter gets a column "
		"param.NAME and each member of env.json a column env.NAME, which is what pandas "
		"and R "
		"like to read.\n\n"
		"json: plan, environment and every row as one object.\n\n"
		"figures: the charts of the report as files, drawn by node with the same runtime "
		"as in "
		"the report. RUN is a folder, a run_id or its beginning; the newest run if left "
		"out.",
	.options = options,
	.examples = examples,
	.completion = "results",
	.run = run_export,
};
