/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed run: make a plan, a results folder, and carry the plan out. */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/log.h>

#include "progress.h"
#include "run_finish.h"
#include "run_options.h"
#include "session.h"
#include "verdict.h"

#define HEADLINE_NS (INT64_C(300) * 1000000000)
#define QUICK_NS (INT64_C(60) * 1000000000)
#define JOBS_MAX 4096

static const struct hb_option options[] = {
	HB_RUN_PLAN_OPTIONS,
	{"out", 0, "DIR", "The results folder; without it ./results/RUN_ID, also called latest."},
	HB_RUN_LIMIT_OPTIONS,
	{"gate", 0, NULL, "With --against: judge the new build, exit 1 if it fails; see below."},
	{"executor", 0, "NAME",
		"Where trials run: local (here, the default) or slurm (a cluster)."},
	{"partition", 0, "P", "With --executor slurm: the cluster's partition."},
	{"nodes", 0, "N", "With --executor slurm: at most so many tasks at a time."},
	{"exclusive", 0, NULL, "With --executor slurm: simulations get whole nodes, too."},
	{0},
};

static int64_t time_limit_ns(enum hb_plan_mode mode)
{
	return mode == HB_PLAN_HEADLINE ? HEADLINE_NS : mode == HB_PLAN_QUICK ? QUICK_NS : 0;
}

/* The estimate comes before the work, so that a mistake of a day is seen in a second. */
static void announce(const struct hb_run_plan *plan, const char *folder, bool quiet)
{
	char time[32];

	if (quiet)
		return;
	hb_log(HB_LOG_INFO, "%llu trials, about %s; seed %llu; results in %s",
		(unsigned long long)plan->text.trial_count,
		hb_progress_duration((int64_t)plan->text.estimate_ms, time),
		(unsigned long long)plan->seed, folder);
	if (plan->text.skipped_points > 0)
		hb_log(HB_LOG_INFO,
			"%zu points need more memory than is free and are skipped; the end names "
			"them",
			plan->text.skipped_points);
}

static enum hb_exit run_plan(const struct hb_arguments *arguments, struct hb_run_plan *plan,
	const struct hb_run_limits *limits)
{
	const char *out = hb_arguments_text(arguments, "out");
	char folder[64];
	struct hb_session session = {0};
	struct hb_error error = {0};

	(void)snprintf(folder, sizeof(folder), "results/%s", plan->run_id);
	announce(plan, out ? out : folder, limits->quiet || limits->json);
	int failed = hb_session_create(&session, out ? out : folder, plan->text.text,
		plan->text.length_bytes, plan->env_json, &error);

	/* The session holds the plan now; a large one need not be in memory twice. */
	hb_run_plan_finish(plan);
	if (!failed && limits->slurm)
		failed = hb_slurm_save(out ? out : folder, limits->slurm, &error);
	if (failed) {
		hb_log_error(&error);
		hb_session_finish(&session);
		return hb_run_exit_code(failed);
	}
	if (!out)
		hb_session_link_latest("results", session.plan.run_id);
	enum hb_exit code = hb_run_session(&session, limits);

	hb_session_finish(&session);
	return code;
}

/* A gate compares two builds and needs verdicts. */
static bool can_gate(const struct hb_arguments *arguments)
{
	uint64_t blocks;

	if (!hb_arguments_text(arguments, "against")) {
		hb_log(HB_LOG_ERROR, "--gate needs --against BUILD_DIR: the build to compare with");
		return false;
	}
	if (hb_arguments_u64(arguments, "blocks", 1, UINT64_MAX, HB_VERDICT_BLOCKS_MIN, &blocks))
		return false;
	if (!hb_arguments_flag(arguments, "quick") && blocks >= HB_VERDICT_BLOCKS_MIN)
		return true;
	hb_log(HB_LOG_ERROR,
		"--gate needs verdicts, and those at least %d blocks: leave --quick out",
		HB_VERDICT_BLOCKS_MIN);
	return false;
}

/* Where trials run. Returns -EINVAL after a message; @ret_slurm tells whether @ret was filled. */
static int choose_executor(
	const struct hb_arguments *arguments, struct hb_slurm *ret, bool *ret_slurm)
{
	const char *executor = hb_arguments_text(arguments, "executor");
	const char *partition = hb_arguments_text(arguments, "partition");
	struct hb_error error = {0};
	uint64_t nodes;

	*ret_slurm = executor && !strcmp(executor, "slurm");
	ret->exclusive = hb_arguments_flag(arguments, "exclusive");
	if (hb_arguments_u64(arguments, "nodes", 1, HB_SLURM_NODES_MAX, 0, &nodes))
		return -EINVAL;
	ret->nodes = (uint32_t)nodes;
	if (executor && !*ret_slurm && strcmp(executor, "local") != 0) {
		hb_log(HB_LOG_ERROR, "--executor '%s': local or slurm is expected", executor);
		return -EINVAL;
	}
	if (!*ret_slurm && (partition || nodes || ret->exclusive)) {
		hb_log(HB_LOG_ERROR, "--%s needs --executor slurm",
			partition ? "partition"
			: nodes   ? "nodes"
				  : "exclusive");
		return -EINVAL;
	}
	if (*ret_slurm && hb_arguments_flag(arguments, "until-ci")) {
		hb_log(HB_LOG_ERROR, "--until-ci looks at the blocks of a point in their order, "
				     "which tasks of a cluster do not keep: leave one of both out");
		return -EINVAL;
	}
	if (partition && (size_t)snprintf(ret->partition, sizeof(ret->partition), "%s",
				 partition) >= sizeof(ret->partition)) {
		hb_log(HB_LOG_ERROR, "--partition: the name is too long");
		return -EINVAL;
	}
	if (!*ret_slurm || !hb_slurm_probe(&error))
		return 0;
	hb_log_error(&error);
	return -EINVAL;
}

static int run(const struct hb_arguments *arguments)
{
	struct hb_run_plan plan;
	struct hb_slurm slurm = {0};
	bool on_cluster;
	struct hb_run_limits limits = {
		.quiet = hb_arguments_flag(arguments, "quiet"),
		.json = hb_arguments_flag(arguments, "json"),
		.gate = hb_arguments_flag(arguments, "gate"),
	};
	uint64_t jobs;

	if (hb_arguments_u64(arguments, "jobs", 1, JOBS_MAX, 0, &jobs))
		return HB_EXIT_USAGE;
	limits.jobs = (uint32_t)jobs;
	if (choose_executor(arguments, &slurm, &on_cluster))
		return HB_EXIT_USAGE;
	limits.slurm = on_cluster ? &slurm : NULL;
	if (limits.gate && !can_gate(arguments))
		return HB_EXIT_USAGE;
	enum hb_exit code = hb_run_plan_make(arguments, &plan);

	if (!code && hb_run_max_time(arguments, on_cluster ? 0 : time_limit_ns(plan.mode),
			     &limits.max_time_ns))
		code = HB_EXIT_USAGE;
	if (!code)
		code = run_plan(arguments, &plan, &limits);
	hb_run_plan_finish(&plan);
	return code;
}

static const struct hb_example examples[] = {
	{"./hotbed run --quick spork/spawn-latency", "does it work? some seconds, no verdicts"},
	{"./hotbed run spork/spawn-latency --set=pages=4k,rss_bytes=1M,64M --blocks=6 --out=before",
		"two points with few blocks, into the folder 'before'"},
	{0},
};

const struct hb_command hb_command_run = {
	.name = "run",
	.operands = "[SUB[/EXPERIMENT]...]",
	.summary = "Measure ideas against their baselines.",
	.description =
		"Without operands: the headline claim of every subproject, with verdicts, in at "
		"most "
		"five minutes. With operands: those subprojects or experiments. --all: "
		"everything.\n"
		"\n"
		"Each block runs every variant once, plus the baseline a second time as control, "
		"in "
		"balanced random order, each trial in a fresh process. Results are committed trial "
		"by "
		"trial: after an interruption 'hotbed resume' goes on where it was. A block that "
		"lost "
		"more than 1 % of CPU time to other machines (steal) is run again, twice at most.\n"
		"\n"
		"The first Ctrl-C lets the running trial end, the second ends it at once; both "
		"leave "
		"a valid folder and exit code 75. Wall-time trials hold a lock of the whole "
		"machine: "
		"a second run waits and says for whom.\n"
		"\n"
		"--until-ci spends the 5 % error evenly over four looks, so a point may stop after "
		"8, "
		"12, 18 or 24 blocks without favouring chance. --against names the experiments "
		"EXPERIMENT:VARIANT; the other build's variant is the baseline VARIANT@against. "
		"With "
		"--gate the exit code is 1 (3 where trials failed) if a trial crashed or failed "
		"verification, an exact "
		"metric is worse, or a measured one is worse with an interval clear of the A/A "
		"interval; gate.md in the run's folder says so in Markdown, ready for a comment.\n"
		"\n"
		"With --executor slurm whole blocks are handed out as tasks of job arrays. What "
		"measures wall time has a node to itself; simulations share nodes unless "
		"--exclusive is given. Each row keeps the host_id of its node; a block is never "
		"split over nodes. Tasks of nodes that die or are taken away are run again, "
		"elsewhere if need be; when this command dies, 'hotbed resume' goes on with the "
		"tasks that still run. The folder and this build must be at the same place on all "
		"nodes. --jobs is left to Slurm.",
	.options = options,
	.examples = examples,
	.completion = "experiments",
	.run = run,
};
