/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed resume: go on with a run that was interrupted. */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <hotbed/error.h>
#include <hotbed/log.h>

#include "run_finish.h"
#include "run_options.h"
#include "session.h"

#define JOBS_MAX 4096

static const struct hb_option options[] = {
	{"allow-rebuild", 0, NULL,
		"Go on although the drivers have changed; rows tell which is which."},
	HB_RUN_LIMIT_OPTIONS,
	{0},
};

/* A run that was begun on a cluster goes on there. Returns 0 or -errno after a message. */
static int find_executor(const char *folder, struct hb_slurm *slurm, struct hb_run_limits *limits)
{
	struct hb_error error = {0};
	int failed = hb_slurm_load(folder, slurm, &error);

	if (failed == -ENOENT)
		return 0;
	if (!failed)
		failed = hb_slurm_probe(&error);
	if (failed)
		hb_log_error(&error);
	limits->slurm = slurm;
	return failed;
}

static enum hb_exit resume(
	const char *folder, bool allow_rebuild, const struct hb_run_limits *limits)
{
	struct hb_session session = {0};
	struct hb_error error = {0};
	struct hb_blocks_counts counts;
	struct hb_slurm slurm;
	struct hb_run_limits here = *limits;
	int failed = find_executor(folder, &slurm, &here);

	if (failed)
		return hb_run_exit_code(failed);
	failed = hb_session_resume(&session, folder, allow_rebuild, &error);

	if (failed) {
		hb_log_error(&error);
		return hb_run_exit_code(failed);
	}
	hb_blocks_count(session.blocks, &counts);
	if (session.cut_bytes > 0)
		hb_log(HB_LOG_INFO,
			"%s/trials.csv: cut %llu bytes of a trial that was not committed", folder,
			(unsigned long long)session.cut_bytes);
	if (!limits->quiet && !limits->json)
		hb_log(HB_LOG_INFO, "%llu of %llu trials are done",
			(unsigned long long)counts.trials_done,
			(unsigned long long)counts.trials_planned);
	enum hb_exit code = hb_run_session(&session, &here);

	hb_session_finish(&session);
	return code;
}

static int run(const struct hb_arguments *arguments)
{
	size_t count;
	const char *const *operands = hb_arguments_operands(arguments, &count);
	struct hb_run_limits limits = {
		.quiet = hb_arguments_flag(arguments, "quiet"),
		.json = hb_arguments_flag(arguments, "json"),
	};
	struct hb_error error = {0};
	uint64_t jobs;
	char *folder;

	if (count > 1) {
		hb_log(HB_LOG_ERROR, "one results folder at a time");
		return HB_EXIT_USAGE;
	}
	if (hb_arguments_u64(arguments, "jobs", 1, JOBS_MAX, 0, &jobs) ||
		hb_run_max_time(arguments, 0, &limits.max_time_ns))
		return HB_EXIT_USAGE;
	limits.jobs = (uint32_t)jobs;
	if (hb_results_find(operands[0], &folder, &error)) {
		hb_log_error(&error);
		return HB_EXIT_USAGE;
	}
	enum hb_exit code = resume(folder, hb_arguments_flag(arguments, "allow-rebuild"), &limits);

	free(folder);
	return code;
}

static const struct hb_example examples[] = {
	{"./hotbed resume latest", "go on with the newest run of ./results"},
	{"./hotbed resume before --max-time=5m", "go on with a folder, for five minutes at most"},
	{0},
};

const struct hb_command hb_command_resume = {
	.name = "resume",
	.operands = "[RESULTS]",
	.summary = "Go on with an interrupted run.",
	.description =
		"Runs what the plan of RESULTS (the latest run without it) still lacks. Committed "
		"trials stay; a torn last one is cut off, and said so. Trials that continue a "
		"block "
		"which an earlier runner began carry the flag 'resumed'; a block with an "
		"interrupted "
		"trial is run again.\n"
		"\n"
		"A changed build is refused (exit code 7): trials of two builds would be compared "
		"as "
		"if they were one.\n"
		"\n"
		"A run that was begun with --executor slurm goes on there, with the tasks that "
		"still "
		"run.",
	.options = options,
	.examples = examples,
	.completion = "results",
	.run = run,
};
