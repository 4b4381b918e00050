/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spork/coverage: how many forks of ordinary command lines are converted. The lines are those of
 * spork/data, frozen before any executor existed; whether they do the same is what the tests
 * spork_coverage_* check.
 */
#include "experiments.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/json.h>
#include <hotbed/trial.h>

#include "under_spork.h"

#define STATS_BYTES_MAX (1 << 24)
#define SKIPPED 77

struct coverage {
	char folder[256];
	int64_t forks, converted;
	int status;
	bool sabotaged;
};

/* Prepares the folder, then runs the line of NAME in it: sh -c SCRIPT sh DATA NAME FOLDER PREFIX... */
static const char script[] =
	"data=$1 name=$2; cd \"$3\" || exit 99; shift 3; tab=$(printf '\\t'); "
	"row=$(grep \"^$name$tab\" \"$data/command-lines.txt\") || exit 98; "
	"line=${row#*$tab*$tab}; "
	"needs=${row#*$tab}; for need in $(echo \"${needs%%$tab*}\" | tr , ' '); do "
	"command -v \"$need\" >/dev/null 2>&1 || exit 77; done; "
	". \"$data/environment.sh\"; [ -e words.txt ] || sh \"$data/prepare.sh\" \"$name\" "
	">/dev/null 2>&1; "
	"\"$@\" sh -c \"exec $line\" </dev/null >out 2>err; exit 0";

static int probe(struct hb_trial *trial)
{
	return hb_trial_data(trial) ? under_spork_probe(trial) : 0;
}

static int setup(struct hb_trial *trial)
{
	struct coverage *coverage = calloc(1, sizeof(*coverage));
	char path[PATH_MAX];

	if (!coverage)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, coverage);
	/* Absolute, because programs are run in folders of their own. */
	if (!realpath(hb_trial_tmpdir(trial), path))
		return hb_trial_fail(trial, "%s: %s", hb_trial_tmpdir(trial), strerror(errno));
	(void)snprintf(coverage->folder, sizeof(coverage->folder), "%.200s/coverage.XXXXXX", path);
	if (!mkdtemp(coverage->folder) || chmod(coverage->folder, 0755))
		return hb_trial_fail(trial, "%s: %s", coverage->folder, strerror(errno));
	/* One for all runs of the trial: the measured one is warm. */
	(void)snprintf(path, sizeof(path), "%s/cache", coverage->folder);
	if (mkdir(path, 0700) || setenv("XDG_CACHE_HOME", path, 1))
		return hb_trial_fail(trial, "%s: %s", path, strerror(errno));
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	struct coverage *coverage = hb_trial_state(trial);

	coverage->sabotaged = true;
	return 0;
}

/* Once in a new subfolder; the wait status of the script. */
static int run_line(struct hb_trial *trial, int turn)
{
	struct coverage *coverage = hb_trial_state(trial);
	const char *prefix[16] = {NULL}, *words[40];
	char stats[300], place[300];
	int used = 0, status = 0;
	pid_t pid;

	(void)snprintf(stats, sizeof(stats), "%s/stats", coverage->folder);
	(void)snprintf(place, sizeof(place), "%s/%d", coverage->folder, turn);
	if (mkdir(place, 0755))
		return -errno;
	words[used++] = "/bin/sh";
	words[used++] = "-c";
	words[used++] = script;
	words[used++] = "sh";
	words[used++] = SPORK_DATA;
	words[used++] = coverage->sabotaged ? "no-such-line"
					    : hb_params_text(hb_trial_params(trial), "line");
	words[used++] = place;
	if (hb_trial_data(trial))
		(void)under_spork_prefix(hb_trial_data(trial), "0", stats, prefix);
	for (int i = 0; prefix[i]; i++)
		words[used++] = prefix[i];
	words[used] = NULL;
	if (posix_spawn(&pid, words[0], NULL, NULL, (char *const *)(uintptr_t)words, environ))
		return -EAGAIN;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return status;
}

static int warmup(struct hb_trial *trial)
{
	struct coverage *coverage = hb_trial_state(trial);

	for (int i = 0; i < (hb_trial_data(trial) ? 2 : 1); i++)
		coverage->status = run_line(trial, i);
	return 0;
}

static int run(struct hb_trial *trial)
{
	struct coverage *coverage = hb_trial_state(trial);
	char stats[300];
	cJSON *root = NULL;

	coverage->status = run_line(trial, 2);
	(void)snprintf(stats, sizeof(stats), "%s/stats", coverage->folder);
	if (hb_json_read_file(stats, STATS_BYTES_MAX, &root, NULL) == 0) {
		(void)hb_json_get_i64(root, "forks", &coverage->forks, NULL);
		(void)hb_json_get_i64(root, "converted", &coverage->converted, NULL);
	}
	cJSON_Delete(root);
	hb_trial_metric(trial, "forks", (double)coverage->forks, 1);
	hb_trial_metric(trial, "converted", (double)coverage->converted, 1);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	struct coverage *coverage = hb_trial_state(trial);
	int code = WIFEXITED(coverage->status) ? WEXITSTATUS(coverage->status) : -1;

	/* A line whose programs are missing has no forks. */
	if (code && code != SKIPPED)
		return hb_trial_fail(trial, "the line could not be run: status 0x%x",
			(unsigned)coverage->status);
	if (coverage->converted > coverage->forks)
		return hb_trial_fail(trial, "more forks converted than there were");
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	struct coverage *coverage = hb_trial_state(trial);
	char command[400];

	if (!coverage)
		return 0;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", coverage->folder);
	(void)!system(command);
	free(coverage);
	return 0;
}

static uint64_t memory_bytes(const struct hb_params *params)
{
	(void)params;
	return UINT64_C(512) << 20;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 1500;
}

static const struct hb_param params[] = {
	{
		.name = "line",
		.type = HB_PARAM_TEXT,
		.help = "a name of spork/data/command-lines.txt",
		.sweep = "bash-list,bash-pipeline,bash-script,dash-pipeline,dash-script,zsh-"
			 "pipeline,"
			 "mksh-loop,git-gc,git-rebase-exec,perl-system,perl-open-pipe,python-"
			 "preexec,"
			 "python-fork-exec,run-parts,tmux-job,find-exec,xargs-each,tar-compress,"
			 "script-command,gawk-system,split-filter,vim-command,watch-loop,parallel-"
			 "jobs",
		.sweep_quick = "bash-list,find-exec",
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "forks",
		.unit = "1",
		.help = "calls of fork that were caught",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_COUNT,
	},
	{
		.name = "converted",
		.unit = "1",
		.help = "those that were carried out without copying the address space",
		.better = HB_BETTER_HIGHER,
		.basis = HB_BASIS_COUNT,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, mode_)                                                        \
	{                                                                                          \
		.name = (name_), .role = (role_), .help = (help_), .probe = probe, .setup = setup, \
		.warmup = warmup, .run = run, .verify = verify, .teardown = teardown,              \
		.sabotage = sabotage, .data = (mode_),                                             \
	}

static const struct hb_variant variants[] = {
	VARIANT("fork", HB_ROLE_BASELINE, "spork run --mode fork: what there is to convert",
		"fork"),
	VARIANT("record", HB_ROLE_IDEA, "spork run --mode record", "record"),
	VARIANT("shared", HB_ROLE_IDEA, "spork run --mode shared", "shared"),
	VARIANT("auto", HB_ROLE_IDEA, "spork run", "auto"),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{.name = NULL},
};

const struct hb_experiment spork_coverage = {
	.name = "coverage",
	.question = "How many forks of ordinary programs can be converted?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "line", .metric = "converted"},
	.memory_bytes = memory_bytes,
	.trial_ms = trial_ms,
};
