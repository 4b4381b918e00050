/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spork/analyser: what each part of the analyser is worth. A program is run under ptrace; at each of its forks the
 * analyser judges with the real callers and memory, and what the child then does is the truth. The baseline of this
 * experiment is not fork but the crudest analysis: the function that forks, without callers, summaries or memory.
 */
#include "experiments.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <spork/analysis.h>
#include <spork/image.h>

#include "traced_fork.h"

#define MODULES_MAX 64
#define TIMEOUT_NS INT64_C(20000000000)
/* The same for all variants: without summaries an answer would take a second. */
#define INSTRUCTIONS_MAX 1000000
#define ARGUMENTS_MAX 8

/* Commands whose forks are known: how many, and how many of them exec. */
struct command {
	const char *name;
	const char *argv[ARGUMENTS_MAX];
	size_t forks, execs;
};

static const struct command commands[] = {
	{"bash",
		{"/usr/bin/bash", "--norc", "-c",
			"/bin/true; x=$(/bin/true); (exit 3); /bin/true | /bin/true; exit 0"},
		5, 4},
	{"dash", {"/usr/bin/dash", "-c", "x=$(/bin/true); (exit 3); /bin/true | /bin/true; exit 0"},
		4, 3},
	{"perl",
		{"/usr/bin/perl", "-e",
			"system('/bin/true'); my $x = `/bin/true`; my $p = fork; exit 0 unless $p; "
			"wait; "
			"open(my $h, '-|', '/bin/true'); close $h;"},
		4, 3},
	{"git", {"/usr/bin/git", "-c", "alias.t=!/bin/true", "t"}, 1, 1},
	{"find", {"/usr/bin/find", "/bin/true", "-exec", "/bin/true", "{}", ";"}, 1, 1},
	{"xargs", {"/usr/bin/xargs", "-a", "/etc/hostname", "/bin/true"}, 1, 1},
	{"python3",
		{"/usr/bin/python3", "-S", "-c",
			"import os\np = os.fork()\nif p == 0: os._exit(0)\nos.waitpid(p, 0)\n"
			"os.spawnv(os.P_WAIT, '/bin/true', ['true'])"},
		2, 1},
};

struct judged {
	struct spork_image *images[MODULES_MAX];
	char *paths[MODULES_MAX];
	size_t image_count;
	struct spork_analyser *analyser;
	struct traced_program program;
	enum spork_site_verdict verdicts[TRACED_FORKS_MAX];
	size_t verdict_count;
	int64_t first_ns, again_ns;
	unsigned ablations;
	bool sabotaged;
};

static const struct command *command_of(const struct hb_trial *trial)
{
	const char *name = hb_params_text(hb_trial_params(trial), "program");

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int probe(struct hb_trial *trial)
{
	const char *path = command_of(trial)->argv[0];

	if (access(path, X_OK))
		return hb_trial_skip(trial, "needs %s", path);
	return 0;
}

static int setup(struct hb_trial *trial)
{
	struct judged *judged = calloc(1, sizeof(*judged));

	if (!judged)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, judged);
	judged->ablations = *(const unsigned *)hb_trial_data(trial);
	if (spork_analyser_create(NULL, &judged->analyser))
		return hb_trial_fail(trial, "no memory for the analyser");
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	struct judged *judged = hb_trial_state(trial);

	judged->sabotaged = true;
	return 0;
}

/* An image is read once: its path is its identity while the experiment runs. */
static const struct spork_image *image_of(struct judged *judged, const char *path)
{
	for (size_t i = 0; i < judged->image_count; i++) {
		if (strcmp(judged->paths[i], path) == 0)
			return judged->images[i];
	}
	if (judged->image_count == MODULES_MAX ||
		spork_image_open(path, &judged->images[judged->image_count], NULL))
		return NULL;
	judged->paths[judged->image_count] = strdup(path);
	if (!judged->paths[judged->image_count]) {
		spork_image_close(judged->images[judged->image_count]);
		return NULL;
	}
	return judged->images[judged->image_count++];
}

/* Mappings of offset 0 are where modules begin. */
static size_t read_modules(struct judged *judged, pid_t pid, struct spork_analysis_module *modules)
{
	char path[64], line[4352];
	size_t count = 0;
	FILE *maps;

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	while (maps && fgets(line, sizeof(line), maps) && count < MODULES_MAX) {
		const struct spork_image *image;
		uint64_t start, offset;
		char file[4096];

		if (sscanf(line, "%" SCNx64 "-%*x %*s %" SCNx64 " %*s %*s %4095s", &start, &offset,
			    file) != 3 ||
			offset != 0 || file[0] != '/')
			continue;
		image = image_of(judged, file);
		if (image)
			modules[count++] = (struct spork_analysis_module){
				image, start - spork_image_lowest(image)};
	}
	if (maps)
		(void)fclose(maps);
	return count;
}

static int64_t judge_once(struct judged *judged, const struct spork_analysis_request *request,
	enum spork_site_verdict *ret)
{
	struct spork_analysis analysis;
	int64_t start_ns = hb_clock_now_ns();

	*ret = SPORK_SITE_UNKNOWN;
	if (spork_analyse_site(judged->analyser, request, &analysis, NULL) == 0) {
		*ret = analysis.verdict;
		spork_analysis_finish(&analysis);
	}
	return hb_clock_now_ns() - start_ns;
}

static int at_fork(void *data, const struct traced_fork *at)
{
	struct spork_analysis_module modules[MODULES_MAX];
	struct spork_analysis_frame frames[SPORK_FRAMES_MAX];
	struct spork_analysis_request request = {.modules = modules, .frames = frames};
	struct judged *judged = data;
	pid_t pid = at->parent;
	enum spork_site_verdict verdict, again;

	request.module_count = read_modules(judged, pid, modules);
	request.frame_count = spork_frames_unwind(modules, request.module_count, at->rip, at->rsp,
		at->rbp, traced_read, &pid, frames);
	request.read = traced_read;
	request.data = &pid;
	request.ablations = judged->ablations;
	request.instruction_max = INSTRUCTIONS_MAX;
	if (request.frame_count == 0)
		return -EINVAL;
	judged->first_ns += judge_once(judged, &request, &verdict);
	judged->again_ns += judge_once(judged, &request, &again);
	if (verdict != again)
		return -EBADMSG;
	judged->verdicts[judged->verdict_count++] = verdict;
	return 0;
}

static int run(struct hb_trial *trial)
{
	struct judged *judged = hb_trial_state(trial);
	const struct command *command = command_of(trial);
	size_t disagreed = 0, unknown = 0, lost = 0, count;
	int err = traced_run(command->argv, TIMEOUT_NS, &judged->program, at_fork, judged);

	if (err == -EPERM)
		return hb_trial_skip(trial, "needs ptrace");
	if (err)
		return hb_trial_fail(trial, "tracing %s: %s", command->name, strerror(-err));
	count = judged->program.count;
	for (size_t i = 0; i < count; i++) {
		bool execs = judged->program.forks[i].execs;
		enum spork_site_verdict verdict = judged->verdicts[i];

		unknown += verdict == SPORK_SITE_UNKNOWN;
		disagreed += verdict == SPORK_SITE_UNKNOWN || (verdict != SPORK_SITE_FORK) != execs;
		lost += verdict == SPORK_SITE_FORK && execs;
	}
	if (count == 0)
		return hb_trial_fail(trial, "%s did not fork", command->name);
	hb_trial_metric(trial, "disagreed", (double)disagreed / (double)count, count);
	hb_trial_metric(trial, "unknown", (double)unknown / (double)count, count);
	hb_trial_metric(trial, "lost", (double)lost / (double)count, count);
	hb_trial_metric(trial, "first", (double)judged->first_ns / (double)count, count);
	hb_trial_metric(trial, "again", (double)judged->again_ns / (double)count, count);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	struct judged *judged = hb_trial_state(trial);
	const struct command *command = command_of(trial);
	size_t execs = judged->sabotaged ? 1 : 0;

	for (size_t i = 0; i < judged->program.count; i++)
		execs += judged->program.forks[i].execs;
	if (judged->program.count != command->forks || execs != command->execs)
		return hb_trial_fail(trial,
			"%s: expected %zu forks of which %zu exec, traced %zu and %zu",
			command->name, command->forks, command->execs, judged->program.count,
			execs);
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	struct judged *judged = hb_trial_state(trial);

	if (!judged)
		return 0;
	spork_analyser_destroy(judged->analyser);
	for (size_t i = 0; i < judged->image_count; i++) {
		spork_image_close(judged->images[i]);
		free(judged->paths[i]);
	}
	free(judged);
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 1500;
}

static const struct hb_param params[] = {
	{
		.name = "program",
		.type = HB_PARAM_TEXT,
		.help = "what is traced: a fixed command of each program",
		.sweep = "bash,dash,perl,git,find,xargs,python3",
		.sweep_quick = "bash",
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "disagreed",
		.unit = "1",
		.help = "share of forks whose verdict does not say what the child then did",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_COUNT,
		.min_effect = 0.05,
	},
	{
		.name = "unknown",
		.unit = "1",
		.help = "share of forks with the verdict unknown",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_COUNT,
		.min_effect = 0.05,
	},
	{
		.name = "lost",
		.unit = "1",
		.help = "share of forks with the verdict fork whose child executes a program",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_COUNT,
		.min_effect = 0.05,
	},
	{
		.name = "first",
		.unit = "ns",
		.help = "mean time of an answer, caches filling up",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.1,
	},
	{
		.name = "again",
		.unit = "ns",
		.help = "mean time of the same answer from full caches",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.1,
	},
	{.name = NULL},
};

static const unsigned without_all =
	SPORK_WITHOUT_CALLERS | SPORK_WITHOUT_SUMMARIES | SPORK_WITHOUT_VALUES;
static const unsigned without_callers = SPORK_WITHOUT_CALLERS;
static const unsigned without_summaries = SPORK_WITHOUT_SUMMARIES;
static const unsigned without_values = SPORK_WITHOUT_VALUES;
static const unsigned without_none;

#define VARIANT(name_, role_, help_, ablations_)                                                   \
	{                                                                                          \
		.name = (name_), .role = (role_), .help = (help_), .probe = probe, .setup = setup, \
		.run = run, .verify = verify, .teardown = teardown, .sabotage = sabotage,          \
		.data = &(ablations_),                                                             \
	}

static const struct hb_variant variants[] = {
	VARIANT("crude", HB_ROLE_BASELINE,
		"the function that forks alone: no callers, no summaries, no memory", without_all),
	VARIANT("no-callers", HB_ROLE_RIVAL, "does not go on in the callers", without_callers),
	VARIANT("no-summaries", HB_ROLE_RIVAL, "walks into every callee again", without_summaries),
	VARIANT("no-values", HB_ROLE_RIVAL, "does not read the process's memory", without_values),
	VARIANT("full", HB_ROLE_IDEA, "all of it", without_none),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "callers-decide-shells",
		.text = "With the real callers and memory, more verdicts about bash agree with "
			"what "
			"its children do than by the forking function alone.",
		.paper = "Hotbed",
		.section = "",
		.metric = "disagreed",
		.variant = "full",
		.where = "program=bash",
		.lo = 0,
		.hi = 0.5,
	},
	{.name = NULL},
};

const struct hb_experiment spork_analyser = {
	.name = "analyser",
	.question = "Which parts of the analyser are needed to tell what a child will do?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "program", .metric = "disagreed"},
	.trial_ms = trial_ms,
};
