/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed merge: several runs as one. */
#include <errno.h>
#include <stdlib.h>

#include "hotbed/error.h"
#include "hotbed/log.h"
#include "command.h"
#include "merge.h"
#include "report.h"

static int merge_runs(char **dirs, size_t count, const char *out, bool quiet)
{
	struct hb_error error = {0};
	int r = hb_merge((const char *const *)dirs, count, out, &error);

	if (!r)
		r = hb_report_write(out, &error);
	if (r) {
		hb_log_error(&error);
		return r == -EEXIST || r == -ENOENT ? HB_EXIT_USAGE : HB_EXIT_FAULT;
	}
	if (!quiet)
		hb_log(HB_LOG_INFO, "merged into %s; report: %s/report.html", out, out);
	return HB_EXIT_DONE;
}

static int run_merge(const struct hb_arguments *arguments)
{
	const char *out = hb_arguments_text(arguments, "out");
	const char *const *operands;
	struct hb_error error = {0};
	int exit_code = HB_EXIT_USAGE;
	size_t count, found = 0;
	char **dirs;

	operands = hb_arguments_operands(arguments, &count);
	if (!count || !out) {
		hb_log(HB_LOG_ERROR,
			"merge takes runs and a new folder: hotbed merge RUN... --out DIR");
		return HB_EXIT_USAGE;
	}
	dirs = calloc(count, sizeof(*dirs));
	if (!dirs)
		return HB_EXIT_FAULT;
	while (found < count && !hb_results_find(operands[found], &dirs[found], &error))
		found++;
	if (found < count)
		hb_log_error(&error);
	else
		exit_code = merge_runs(dirs, count, out, hb_arguments_flag(arguments, "quiet"));
	for (size_t i = 0; i < found; i++)
		free(dirs[i]);
	free(dirs);
	return exit_code;
}

static const struct hb_option options[] = {
	{"out", 'o', "DIR", "The new run's folder; must not exist or be empty."},
	{0},
};

static const struct hb_example examples[] = {
	{"./hotbed merge before latest --out=both", "one run with the blocks of two"},
	{0},
};

extern const struct hb_command hb_command_merge;
const struct hb_command hb_command_merge = {
	.name = "merge",
	.operands = "RUN...",
	.summary = "Make one run of several.",
	.description = "Puts the trials of several runs of the same experiments into one run, "
		       "whose summary and "
		       "report then rest on all their blocks. Runs may come from different days "
		       "and hosts: a "
		       "ratio is always taken within a block, and blocks stay apart. A run that is "
		       "given twice "
		       "counts once. Neither drivers nor a build are needed.\n\n"
		       "Experiments of one name whose descriptions differ in metrics or variants "
		       "are refused.",
	.options = options,
	.examples = examples,
	.completion = "results",
	.run = run_merge,
};
