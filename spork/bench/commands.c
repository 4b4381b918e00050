/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spork/programs and spork/small-commands: unmodified programs, run as they are and by `spork run`. In
 * `programs` the program has a big heap, starts programs and says itself how long each took; in `small-
 * commands` whole command lines are timed.
 */
#include "experiments.h"

#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/trial.h>

#include "under_spork.h"

#define GIB (UINT64_C(1) << 30)
#define SAMPLES_MAX 1000
#define SCRIPT_BYTES 4096
#define RUNS 8
#define RUNS_QUICK 2

/* What a program is told: %1 its bytes of heap, %2 how often. It prints nanoseconds, one number per line. */
struct program {
	const char *name;
	const char *script;
};

static const struct program programs[] = {
	{"perl", "exec perl -MTime::HiRes=time -e '$x = \"a\" x $ARGV[0]; for (1 .. $ARGV[1]) { $t "
		 "= time; "
		 "system(\"/bin/true\") == 0 or die; printf \"%d\\n\", (time - $t) * 1e9 } die if "
		 "length($x) != "
		 "$ARGV[0]' $1 $2"},
	{"python3",
		"exec python3 -S -c 'import os, sys, time\nx = b\"a\" * int(sys.argv[1])\nfor i in "
		"range(int(sys.argv[2])):\n t = time.monotonic_ns()\n p = os.fork()\n if p == 0: "
		"os.execv(\"/bin/true\", [\"true\"])\n assert os.waitpid(p, 0)[1] == 0\n "
		"print(time.monotonic_ns() - t)' $1 $2"},
	{"bash", "exec bash -c 'printf -v x \"%*s\" $1 \"\"; for ((i = 0; i < $2; i++)); do "
		 "a=${EPOCHREALTIME/./}; "
		 "/bin/true || exit 1; b=${EPOCHREALTIME/./}; echo $(((b - a) * 1000)); done' bash "
		 "$1 $2"},
	/* An editor's list of what to do, held in memory, whose first line is long; then programs are executed. */
	{"git", "rm -rf r; export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a "
		"GIT_COMMITTER_EMAIL=a@b GIT_CONFIG_NOSYSTEM=1; git init -q r && cd r && git "
		"commit -q "
		"--allow-empty -m one && git commit -q --allow-empty -m two || exit 1; export "
		"GIT_SEQUENCE_EDITOR=\"f() { { printf 'drop HEAD '; head -c $1 /dev/zero | tr "
		"'\\\\0' x; "
		"echo; yes 'exec /bin/true' | head -n $2; } >\\\"\\$1\\\"; }; f\"; "
		"GIT_TRACE2_PERF=$PWD/trace git rebase -q -i HEAD~1 >log 2>&1 || exit 1; "
		"sed -n 's/.*child_exit *|[^|]*|[^|]*| *\\([0-9.]*\\) |.*code:0.*/\\1/p' trace | "
		"tail -n "
		"$2 | awk '{ printf \"%d\\n\", $1 * 1000000000 }'; cd .. && rm -rf r"},
	{"redis",
		"redis-server --port 0 --unixsocket $PWD/s --save '' --dir $PWD "
		"--enable-debug-command yes "
		">log 2>&1 & while ! redis-cli -s s ping >/dev/null 2>&1; do sleep 0.02; done; "
		"redis-cli -s s debug populate $(($1 / 16384)) k 16000 >/dev/null; i=0; while [ $i "
		"-lt $2 ]; do "
		"redis-cli -s s bgsave >/dev/null; while redis-cli -s s info persistence | grep -q "
		"bgsave_in_progress:1; do sleep 0.02; done; redis-cli -s s info stats | tr -d "
		"'\\r' | "
		"sed -n 's/latest_fork_usec:\\(.*\\)/\\1000/p'; i=$((i + 1)); done; redis-cli -s s "
		"shutdown nosave; wait"},
};

static const struct program lines[] = {
	{"bash-loop", "exec bash -c 'for ((i = 0; i < 100; i++)); do /bin/true; done'"},
	{"bash-substitution",
		"exec bash -c 'for ((i = 0; i < 50; i++)); do x=$(/bin/echo $i | /bin/cat); done; "
		"[ $x = 49 ]'"},
	{"dash-loop", "exec dash -c 'i=0; while [ $i -lt 100 ]; do /bin/true; i=$((i + 1)); done'"},
	{"make", "printf 'all: $(foreach n,1 2 3 4 5 6 7 8 9,a$(n) b$(n) c$(n))\\na%% b%% "
		 "c%%:\\n\\t@/bin/true; "
		 "/bin/true\\n' >Makefile; exec make -s -j2"},
};

struct commands {
	char folder[256];
	int64_t samples[SAMPLES_MAX];
	size_t count;
	const char *script;
	char bytes[32], times[16];
	bool sabotaged;
	int status;
};

static const char *find_script(const struct program *table, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(table[i].name, name) == 0)
			return table[i].script;
	}
	return NULL;
}

const char *spork_command_script(const char *name)
{
	const char *script = find_script(programs, sizeof(programs) / sizeof(programs[0]), name);

	return script ? script : find_script(lines, sizeof(lines) / sizeof(lines[0]), name);
}

static bool is_native(struct hb_trial *trial)
{
	return hb_trial_data(trial) == NULL;
}

static int probe_tool(struct hb_trial *trial, const char *tool)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", tool);
	if (system(command) != 0)
		return hb_trial_skip(trial, "needs %s", tool);
	return is_native(trial) ? 0 : under_spork_probe(trial);
}

static int probe_programs(struct hb_trial *trial)
{
	const char *name = hb_params_text(hb_trial_params(trial), "program");

	return probe_tool(trial, strcmp(name, "redis") == 0 ? "redis-server" : name);
}

static int probe_lines(struct hb_trial *trial)
{
	const char *name = hb_params_text(hb_trial_params(trial), "line");
	char tool[16];

	(void)snprintf(tool, sizeof(tool), "%.*s", (int)strcspn(name, "-"), name);
	return probe_tool(trial, tool);
}

static int setup_commands(struct hb_trial *trial, const char *script)
{
	struct commands *commands = calloc(1, sizeof(*commands));
	char path[PATH_MAX];

	if (!commands)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, commands);
	commands->script = script;
	/* Absolute, because programs are run in folders of their own. */
	if (!realpath(hb_trial_tmpdir(trial), path))
		return hb_trial_fail(trial, "%s: %s", hb_trial_tmpdir(trial), strerror(errno));
	(void)snprintf(commands->folder, sizeof(commands->folder), "%.200s/commands.XXXXXX", path);
	if (!mkdtemp(commands->folder))
		return hb_trial_fail(trial, "%s: %s", commands->folder, strerror(errno));
	return 0;
}

static int setup_programs(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	int err =
		setup_commands(trial, find_script(programs, sizeof(programs) / sizeof(programs[0]),
					      hb_params_text(params, "program")));
	struct commands *commands = hb_trial_state(trial);

	if (err)
		return err;
	(void)snprintf(commands->bytes, sizeof(commands->bytes), "%" PRId64,
		hb_params_i64(params, "rss_bytes"));
	(void)snprintf(
		commands->times, sizeof(commands->times), "%d", hb_trial_is_quick(trial) ? 5 : 30);
	return 0;
}

static int setup_lines(struct hb_trial *trial)
{
	return setup_commands(trial, find_script(lines, sizeof(lines) / sizeof(lines[0]),
					     hb_params_text(hb_trial_params(trial), "line")));
}

/* Run the script, with its output in the folder's file `out`; its wait status, or -errno. */
static int run_script(struct hb_trial *trial, bool settle)
{
	struct commands *commands = hb_trial_state(trial);
	const char *words[24];
	posix_spawn_file_actions_t actions;
	char stats[300];
	int used = 0, status = 0, err;
	pid_t pid;

	(void)snprintf(stats, sizeof(stats), "%s/stats", commands->folder);
	if (!is_native(trial))
		used = under_spork_prefix(
			"auto", hb_trial_data(trial), settle ? stats : NULL, words);
	words[used++] = "/bin/sh";
	words[used++] = "-c";
	words[used++] = commands->sabotaged ? "exit 3" : commands->script;
	words[used++] = "sh";
	words[used++] = commands->bytes;
	words[used++] = commands->times;
	words[used] = NULL;
	err = posix_spawn_file_actions_init(&actions);
	if (err)
		return -err;
	(void)posix_spawn_file_actions_addchdir_np(&actions, commands->folder);
	(void)posix_spawn_file_actions_addopen(
		&actions, 1, "out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	err = posix_spawn(&pid, words[0], &actions, NULL, (char *const *)(uintptr_t)words, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (err)
		return -err;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return status;
}

/* Under spork, once before anything is measured: code is translated and contexts become known. */
static int warmup(struct hb_trial *trial)
{
	struct commands *commands = hb_trial_state(trial);
	char times[sizeof(commands->times)];

	memcpy(times, commands->times, sizeof(times));
	(void)snprintf(commands->times, sizeof(commands->times), "3");
	for (int i = 0; i < (is_native(trial) ? 1 : 2); i++)
		commands->status = run_script(trial, true);
	memcpy(commands->times, times, sizeof(times));
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	struct commands *commands = hb_trial_state(trial);

	commands->sabotaged = true;
	return 0;
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static int report(struct hb_trial *trial, const char *name)
{
	struct commands *commands = hb_trial_state(trial);

	/* A program that printed nothing is found by verify, which says more. */
	if (commands->count == 0)
		commands->samples[commands->count++] = 0;
	qsort(commands->samples, commands->count, sizeof(int64_t), compare);
	hb_trial_metric(
		trial, name, (double)commands->samples[commands->count / 2], commands->count);
	return 0;
}

static int run_programs(struct hb_trial *trial)
{
	struct commands *commands = hb_trial_state(trial);
	char path[300], line[64];
	FILE *file;

	commands->status = run_script(trial, false);
	(void)snprintf(path, sizeof(path), "%s/out", commands->folder);
	file = fopen(path, "re");
	while (file && commands->count < SAMPLES_MAX && fgets(line, sizeof(line), file)) {
		int64_t value = strtoll(line, NULL, 10);

		if (value > 0)
			commands->samples[commands->count++] = value;
	}
	if (file)
		(void)fclose(file);
	if (commands->status == 0 && commands->count != (size_t)atoi(commands->times))
		return hb_trial_fail(trial, "the program reported %zu starts, expected %s",
			commands->count, commands->times);
	return report(trial, "call_p50");
}

static int run_lines(struct hb_trial *trial)
{
	struct commands *commands = hb_trial_state(trial);
	int runs = hb_trial_is_quick(trial) ? RUNS_QUICK : RUNS;

	for (int i = 0; i < runs && commands->status == 0; i++) {
		int64_t start_ns = hb_clock_now_ns();

		commands->status = run_script(trial, false);
		commands->samples[commands->count++] = hb_clock_now_ns() - start_ns;
	}
	return report(trial, "total_p50");
}

static int verify(struct hb_trial *trial)
{
	struct commands *commands = hb_trial_state(trial);

	if (commands->status < 0)
		return hb_trial_fail(trial, "/bin/sh: %s", strerror(-commands->status));
	if (commands->status)
		return hb_trial_fail(
			trial, "the command failed: wait status 0x%x", (unsigned)commands->status);
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	static const char *const names[] = {"out", "stats", "Makefile", "log", "s", "dump.rdb"};
	struct commands *commands = hb_trial_state(trial);
	char path[300];

	if (!commands)
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", commands->folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(commands->folder);
	free(commands);
	return 0;
}

static uint64_t program_memory(const struct hb_params *params)
{
	return 4 * (uint64_t)hb_params_i64(params, "rss_bytes") + (UINT64_C(256) << 20);
}

static uint64_t program_ms(const struct hb_params *params)
{
	return 1000 + (uint64_t)hb_params_i64(params, "rss_bytes") * 4000 / GIB;
}

static uint64_t line_memory(const struct hb_params *params)
{
	(void)params;
	return UINT64_C(256) << 20;
}

static uint64_t line_ms(const struct hb_params *params)
{
	(void)params;
	return 2500;
}

static const struct hb_param program_params[] = {
	{
		.name = "program",
		.type = HB_PARAM_TEXT,
		.help = "the program that starts others; redis forks to save and never execs",
		.sweep = "perl,python3,bash,git,redis",
		.sweep_quick = "perl,bash",
		.allowed = "perl,python3,bash,git,redis",
	},
	{
		.name = "rss_bytes",
		.type = HB_PARAM_INT,
		.unit = "B",
		.help = "its heap",
		.sweep = "64M,1G",
		.sweep_quick = "64M",
		.sweep_full = "1M,64M,256M,1G,4G",
		.min = 65536,
		.max = 1024.0 * (double)GIB,
	},
	{.name = NULL},
};

static const struct hb_metric program_metrics[] = {
	{
		.name = "call_p50",
		.unit = "ns",
		.help = "median time of one start, waiting included, by the program's own clock "
			"(redis: of fork "
			"alone)",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05,
	},
	{.name = NULL},
};

static const struct hb_param line_params[] = {
	{
		.name = "line",
		.type = HB_PARAM_TEXT,
		.help = "the command line: many small programs started by a small parent",
		.sweep = "bash-loop,bash-substitution,dash-loop,make",
		.sweep_quick = "bash-loop,make",
		.allowed = "bash-loop,bash-substitution,dash-loop,make",
	},
	{.name = NULL},
};

static const struct hb_metric line_metrics[] = {
	{
		.name = "total_p50",
		.unit = "ns",
		.help = "median time of the whole command line, the start of spork included",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.03,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, min_rss_, kind_)                                           \
	{                                                                                       \
		.name = (name_), .role = (role_), .help = (help_), .probe = probe_##kind_,      \
		.setup = setup_##kind_, .warmup = warmup, .run = run_##kind_, .verify = verify, \
		.teardown = teardown, .sabotage = sabotage, .data = (min_rss_),                 \
	}

static const struct hb_variant program_variants[] = {
	VARIANT("fork", HB_ROLE_BASELINE, "the program as it is", NULL, programs),
	VARIANT("spork", HB_ROLE_IDEA, "run by 'spork run'", "16M", programs),
	{.name = NULL},
};

static const struct hb_variant line_variants[] = {
	VARIANT("fork", HB_ROLE_BASELINE, "the command line as it is", NULL, lines),
	VARIANT("spork", HB_ROLE_IDEA, "run by 'spork run': below --min-rss forks stay forks",
		"16M", lines),
	VARIANT("spork_always", HB_ROLE_IDEA, "run by 'spork run --min-rss 0'", "0", lines),
	{.name = NULL},
};

static const struct hb_claim program_claims[] = {
	{
		.name = "perl-twenty-times",
		.text = "perl's system() from 1 GiB takes at most a twentieth of its time with "
			"fork.",
		.paper = "Hotbed",
		.section = "",
		.metric = "call_p50",
		.variant = "spork",
		.where = "program=perl;rss_bytes=1G",
		.lo = 0,
		.hi = 0.05,
	},
	{
		.name = "redis-is-not-slowed-down",
		.text = "redis, which forks 1 GiB to save it and never execs, takes at most 1.05 "
			"times as long.",
		.paper = "Hotbed",
		.section = "",
		.metric = "call_p50",
		.variant = "spork",
		.where = "program=redis;rss_bytes=1G",
		.lo = 0,
		.hi = 1.05,
		.needs = "redis-server",
	},
	{.name = NULL},
};

static const struct hb_claim line_claims[] = {
	{
		.name = "small-loops-lose-nothing",
		.text = "A loop of bash over small commands takes at most 1.03 times as long under "
			"spork.",
		.paper = "Hotbed",
		.section = "",
		.metric = "total_p50",
		.variant = "spork",
		.where = "line=bash-loop",
		.lo = 0,
		.hi = 1.03,
	},
	{
		.name = "dash-loops-lose-nothing",
		.text = "A loop of dash over small commands takes at most 1.03 times as long under "
			"spork.",
		.paper = "Hotbed",
		.section = "",
		.metric = "total_p50",
		.variant = "spork",
		.where = "line=dash-loop",
		.lo = 0,
		.hi = 1.03,
	},
	{
		.name = "make-loses-nothing",
		.text = "make -j2 takes at most 1.03 times as long under spork.",
		.paper = "Hotbed",
		.section = "",
		.metric = "total_p50",
		.variant = "spork",
		.where = "line=make",
		.lo = 0,
		.hi = 1.03,
	},
	{.name = NULL},
};

const struct hb_experiment spork_programs = {
	.name = "programs",
	.question = "What do unmodified programs with big heaps gain?",
	.params = program_params,
	.metrics = program_metrics,
	.variants = program_variants,
	.claims = program_claims,
	.chart = {.x = "rss_bytes",
		.facet = "program",
		.metric = "call_p50",
		.log_x = true,
		.log_y = true},
	.memory_bytes = program_memory,
	.trial_ms = program_ms,
};

const struct hb_experiment spork_small_commands = {
	.name = "small-commands",
	.question = "What do small programs lose, for which fork is cheap?",
	.params = line_params,
	.metrics = line_metrics,
	.variants = line_variants,
	.claims = line_claims,
	.chart = {.x = "line", .metric = "total_p50"},
	.memory_bytes = line_memory,
	.trial_ms = line_ms,
};
