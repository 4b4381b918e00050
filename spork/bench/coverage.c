/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spork/coverage: how many forks of ordinary command lines are converted, and why not; spork/negative-controls:
 * what programs pay whose forked children never exec. The lines are those of spork/data, frozen before any executor
 * existed; whether they do the same in every respect is what the tests spork_coverage_* check.
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
	bool timed; /* negative-controls */
	int64_t forks, converted, exec_forks, sites, sites_converted;
	int status;
	bool sabotaged;
};

/*
 * Prepares the folder, then runs the line of NAME in it, and writes how many nanoseconds it took into the file `took`:
 * sh -c SCRIPT sh DATA LIST NAME FOLDER PREFIX...
 */
static const char script[] =
	"data=$1 list=$2 name=$3; cd \"$4\" || exit 99; shift 4; tab=$(printf '\\t'); "
	"row=$(grep \"^$name$tab\" \"$data/$list\") || exit 98; "
	"line=${row#*$tab*$tab}; "
	"needs=${row#*$tab}; for need in $(echo \"${needs%%$tab*}\" | tr , ' '); do "
	"command -v \"$need\" >/dev/null 2>&1 || exit 77; done; "
	". \"$data/environment.sh\"; [ -e words.txt ] || sh \"$data/prepare.sh\" \"$name\" "
	">/dev/null 2>&1; "
	"begin=$(date +%s%N); \"$@\" sh -c \"exec $line\" </dev/null >out 2>err; code=$?; "
	"echo $(($(date +%s%N) - begin)) >took; echo $code >>out; exit 0";

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

/* Once in a new subfolder, under @mode (NULL: natively); the wait status of the script. */
static int run_line(struct hb_trial *trial, int turn, const char *mode, bool counts)
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
	words[used++] = coverage->timed ? "negative-controls.txt" : "command-lines.txt";
	words[used++] = coverage->sabotaged ? "no-such-line"
					    : hb_params_text(hb_trial_params(trial), "line");
	words[used++] = place;
	if (mode)
		(void)under_spork_prefix(mode, coverage->timed ? hb_trial_data(trial) : "0",
			counts ? stats : NULL, prefix);
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
		coverage->status = run_line(trial, i, hb_trial_data(trial), true);
	return 0;
}

/* The number of forks that really happened for one of the reasons that @names lists. */
static double sum_reasons(const cJSON *root, const char *names)
{
	const cJSON *reasons = cJSON_GetObjectItemCaseSensitive(root, "reasons"), *reason;
	int64_t sum = 0;

	cJSON_ArrayForEach(reason, reasons)
	{
		size_t length = strlen(reason->string);
		const char *at = strstr(names, reason->string);
		int64_t count = 0;

		if (!at || (at[length] && at[length] != ','))
			continue;
		(void)hb_json_get_i64(reasons, reason->string, &count, NULL);
		sum += count;
	}
	return (double)sum;
}

/* A site is a calling context whose child executes a program. */
static void count_sites(struct coverage *coverage, const cJSON *root)
{
	const cJSON *sites = cJSON_GetObjectItemCaseSensitive(root, "sites"), *site;

	cJSON_ArrayForEach(site, sites)
	{
		int64_t converted = 0, executing = 0;

		(void)hb_json_get_i64(site, "converted", &converted, NULL);
		(void)hb_json_get_i64(site, "exec_forks", &executing, NULL);
		coverage->sites += executing > 0;
		coverage->sites_converted += converted > 0;
	}
}

/* Why forks stayed forks: metric and reasons of spork.stats/1. */
static const struct {
	const char *metric, *reasons;
} kept_for[] = {
	{"kept_no_exec", "abort-no-exec,fork-verdict"},
	{"kept_nested", "abort-nested"},
	{"kept_blocking", "abort-blocking"},
	{"kept_external", "abort-external,abort-signal,abort-arguments"},
	{"kept_space", "abort-address-space,abort-credentials"},
	{"kept_no_code",
		"abort-no-code,abort-other-code,abort-instruction,abort-trap,abort-memory"},
	{"kept_limits",
		"abort-budget,abort-arena,abort-huge-page,fork-no-memory,fork-hidden-memory"},
	{"kept_syscall", "abort-syscall"},
	{"kept_back_off", "fork-back-off"},
	{"kept_policy", "fork-mode,fork-small,fork-flags,fork-busy,fork-traced,fork-seccomp,"
			"fork-status,fork-cache,fork-keys,fork-namespaces"},
};

static int run(struct hb_trial *trial)
{
	struct coverage *coverage = hb_trial_state(trial);
	char stats[300];
	cJSON *root = NULL;

	coverage->status = run_line(trial, 2, hb_trial_data(trial), true);
	(void)snprintf(stats, sizeof(stats), "%s/stats", coverage->folder);
	if (hb_json_read_file(stats, STATS_BYTES_MAX, &root, NULL) == 0) {
		(void)hb_json_get_i64(root, "forks", &coverage->forks, NULL);
		(void)hb_json_get_i64(root, "converted", &coverage->converted, NULL);
		(void)hb_json_get_i64(root, "exec_forks", &coverage->exec_forks, NULL);
		count_sites(coverage, root);
	}
	for (size_t i = 0; i < sizeof(kept_for) / sizeof(kept_for[0]); i++)
		hb_trial_metric(
			trial, kept_for[i].metric, sum_reasons(root, kept_for[i].reasons), 1);
	cJSON_Delete(root);
	hb_trial_metric(trial, "forks", (double)coverage->forks, 1);
	hb_trial_metric(trial, "converted", (double)coverage->converted, 1);
	hb_trial_metric(trial, "exec_forks", (double)coverage->exec_forks, 1);
	hb_trial_metric(trial, "sites", (double)coverage->sites, 1);
	hb_trial_metric(trial, "sites_converted", (double)coverage->sites_converted, 1);
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
	if (coverage->converted > coverage->exec_forks || coverage->exec_forks > coverage->forks)
		return hb_trial_fail(trial, "more forks converted than there were to convert");
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

#define KEPT(name_, help_)                                                               \
	{                                                                                \
		.name = (name_), .unit = "1", .help = "forks that stayed forks: " help_, \
		.better = HB_BETTER_NONE, .basis = HB_BASIS_COUNT,                       \
	}

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
	{
		.name = "exec_forks",
		.unit = "1",
		.help = "forks whose child executed a program: what there is to convert",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_COUNT,
	},
	{
		.name = "sites",
		.unit = "1",
		.help = "calling contexts whose child executed a program",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_COUNT,
	},
	{
		.name = "sites_converted",
		.unit = "1",
		.help = "of these, those of which a fork was converted",
		.better = HB_BETTER_HIGHER,
		.basis = HB_BASIS_COUNT,
	},
	KEPT("kept_no_exec", "the child ended, or only ever ends, without exec"),
	KEPT("kept_nested", "the child made processes itself"),
	KEPT("kept_blocking", "the child might have waited for somebody"),
	KEPT("kept_external", "an effect outside could not be predicted"),
	KEPT("kept_space", "state of the address space or credentials would change"),
	KEPT("kept_no_code", "code was not decoded, or must not be interpreted"),
	KEPT("kept_limits", "too many instructions or pages; hidden memory"),
	KEPT("kept_syscall", "a system call that is not modelled"),
	KEPT("kept_back_off", "attempts had failed lately"),
	KEPT("kept_policy", "no attempt was to be made here"),
	{.name = NULL},
};

/* ---- Negative controls ----------------------------------------------------------------------------------------- */

#define RUNS 5
#define RUNS_QUICK 2
#define TEXT_BYTES 65536

static int setup_controls(struct hb_trial *trial)
{
	int err = setup(trial);
	struct coverage *coverage = hb_trial_state(trial);

	if (coverage)
		coverage->timed = true;
	return err;
}

/* What the command prints, and how it ends, natively; then under spork, so that code is translated. */
static int warmup_controls(struct hb_trial *trial)
{
	struct coverage *coverage = hb_trial_state(trial);

	coverage->status = run_line(trial, 0, NULL, false);
	for (int i = 1; i < 3 && hb_trial_data(trial) && !coverage->status; i++)
		coverage->status = run_line(trial, i, "auto", true);
	return 0;
}

static size_t read_text(const struct coverage *coverage, int turn, const char *name, char *text)
{
	char path[300];
	size_t length = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%d/%s", coverage->folder, turn, name);
	file = fopen(path, "re");
	if (file) {
		length = fread(text, 1, TEXT_BYTES - 1, file);
		(void)fclose(file);
	}
	text[length] = '\0';
	return length;
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static int run_controls(struct hb_trial *trial)
{
	struct coverage *coverage = hb_trial_state(trial);
	static char expected[TEXT_BYTES], seen[TEXT_BYTES];
	int64_t samples[RUNS] = {0};
	int count = hb_trial_is_quick(trial) ? RUNS_QUICK : RUNS;
	int different = 0;

	(void)read_text(coverage, 0, "out", expected);
	for (int i = 0; i < count && !coverage->status; i++) {
		coverage->status =
			run_line(trial, 3 + i, hb_trial_data(trial) ? "auto" : NULL, false);
		(void)read_text(coverage, 3 + i, "took", seen);
		samples[i] = strtoll(seen, NULL, 10);
		(void)read_text(coverage, 3 + i, "out", seen);
		different += strcmp(expected, seen) != 0;
	}
	qsort(samples, (size_t)count, sizeof(samples[0]), compare);
	coverage->converted = different;
	hb_trial_metric(trial, "total_p50", (double)samples[count / 2], (size_t)count);
	return 0;
}

static int verify_controls(struct hb_trial *trial)
{
	struct coverage *coverage = hb_trial_state(trial);
	int code = WIFEXITED(coverage->status) ? WEXITSTATUS(coverage->status) : -1;

	if (code == SKIPPED)
		return 0;
	if (code)
		return hb_trial_fail(trial, "the line could not be run: status 0x%x",
			(unsigned)coverage->status);
	if (coverage->converted)
		return hb_trial_fail(trial,
			"%d runs printed something else, or ended otherwise, than natively",
			(int)coverage->converted);
	return 0;
}

static uint64_t controls_ms(const struct hb_params *controls)
{
	(void)controls;
	return 6000;
}

static const struct hb_param control_params[] = {
	{
		.name = "line",
		.type = HB_PARAM_TEXT,
		.help = "a name of spork/data/negative-controls.txt",
		.sweep =
			"redis-bgsave,nginx-workers,postgres-workers,bash-subshells,dash-subshells,"
			"rsync-local,python-workers,perl-workers",
		.sweep_quick = "bash-subshells",
	},
	{.name = NULL},
};

static const struct hb_metric control_metrics[] = {
	{
		.name = "total_p50",
		.unit = "ns",
		.help = "median time of the whole command line, the start of spork included",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05,
	},
	{.name = NULL},
};

#define CONTROL(name_, role_, help_, min_rss_)                                           \
	{                                                                                \
		.name = (name_), .role = (role_), .help = (help_), .probe = probe,       \
		.setup = setup_controls, .warmup = warmup_controls, .run = run_controls, \
		.verify = verify_controls, .teardown = teardown, .sabotage = sabotage,   \
		.data = (min_rss_),                                                      \
	}

static const struct hb_variant control_variants[] = {
	CONTROL("fork", HB_ROLE_BASELINE, "the command line as it is", NULL),
	CONTROL("spork", HB_ROLE_IDEA, "run by 'spork run': below --min-rss forks stay forks",
		"16M"),
	CONTROL("spork_always", HB_ROLE_IDEA, "run by 'spork run --min-rss 0'", "0"),
	{.name = NULL},
};

#define COSTS_LITTLE(name_, line_, what_)                                                        \
	{                                                                                        \
		.name = (name_), .text = what_ " takes at most 1.05 times as long under spork.", \
		.paper = "Hotbed", .section = "", .metric = "total_p50", .variant = "spork",     \
		.where = "line=" line_, .lo = 0, .hi = 1.05,                                     \
	}

static const struct hb_claim control_claims[] = {
	COSTS_LITTLE("postgres-is-not-slowed-down", "postgres-workers", "A PostgreSQL server"),
	COSTS_LITTLE("nginx-is-not-slowed-down", "nginx-workers", "An nginx server"),
	COSTS_LITTLE("subshells-are-not-slowed-down", "bash-subshells", "bash with subshells"),
	COSTS_LITTLE("rsync-is-not-slowed-down", "rsync-local", "rsync"),
	{.name = NULL},
};

const struct hb_experiment spork_negative_controls = {
	.name = "negative-controls",
	.question = "What do programs pay whose forked children never execute anything?",
	.params = control_params,
	.metrics = control_metrics,
	.variants = control_variants,
	.claims = control_claims,
	.chart = {.x = "line", .metric = "total_p50"},
	.memory_bytes = memory_bytes,
	.trial_ms = controls_ms,
};

/* ---------------------------------------------------------------------------------------------------------------- */

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
