/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spork/speed: what spork takes against what it is allowed to take. Each figure is reported as a part of its limit,
 * so that 1 is exactly what is allowed; limits that are ratios (to vfork, to fork, to a smaller parent) are measured
 * in the same trial, alternating in one process where that is possible.
 */
#include "experiments.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/rng.h>
#include <hotbed/sanitizer.h>
#include <hotbed/trial.h>

#include <spork/store.h>

#include "speed.h"
#include "under_spork.h"

#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)
#define WORDS_MAX 32
#define ROUNDS 400
#define ROUNDS_QUICK 20
#define IMAGES 2000
#define PROCESSES 15 /* first forks, of which the median counts */
#define LINES 5      /* runs of a command line, native and under spork in turn */
#define LOOK_UPS 2000000
#define PROCESS_LOOK_UPS 2000

static bool sabotaged;
static const char *complaint;
static int complaint_status;
static char folder[256];

/* Output of a program: whole numbers, as many as there are. Returns how many, or -1. */
static int run_for_numbers(const char *const *words, int64_t *numbers, int capacity)
{
	posix_spawn_file_actions_t actions;
	int pipes[2], count = 0, status = 0;
	pid_t pid = 0;
	FILE *file;

	if (pipe2(pipes, O_CLOEXEC))
		return -1;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
	(void)posix_spawn_file_actions_addchdir_np(&actions, folder);
	complaint_status = posix_spawn(
		&pid, words[0], &actions, NULL, (char *const *)(uintptr_t)words, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(pipes[1]);
	file = fdopen(pipes[0], "r");
	while (file && count < capacity && fscanf(file, "%" SCNd64, &numbers[count]) == 1)
		count++;
	if (file)
		(void)fclose(file);
	while (!complaint_status && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (!complaint_status)
		complaint_status = status;
	return complaint_status ? -1 : count;
}

static bool complain(const char *what)
{
	complaint = what;
	return false;
}

/* ---- This driver's own programs, under spork ------------------------------------------------------------------ */

static bool sibling(const char *name, char *path, size_t size)
{
	ssize_t length = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (length < 0)
		return false;
	path[length] = '\0';
	slash = strrchr(path, '/');
	if (!slash || (size_t)(slash + 1 - path) + strlen(name) + 1 > size)
		return false;
	memcpy(slash + 1, name, strlen(name) + 1);
	return true;
}

/* @arguments: behind --speed-program, ended by NULL; the target is added. */
static bool run_program(
	const char *mode, bool settle, const char *const *arguments, int64_t numbers[SPEED_NUMBERS])
{
	static char self[512], target[512], stats[300];
	const char *words[WORDS_MAX];
	int count;

	(void)snprintf(stats, sizeof(stats), "%s/stats", folder);
	count = under_spork_prefix(mode, "0", settle ? stats : NULL, words);
	if (!count || !sibling("hotbed-spork", self, sizeof(self)) ||
		!sibling("spork-target", target, sizeof(target)))
		return complain("the programs are missing");
	if (strcmp(arguments[0], "images") == 0)
		memcpy(target, "/bin/sh", sizeof("/bin/sh"));
	if (sabotaged)
		memcpy(target, "/bin/false", sizeof("/bin/false"));
	words[count++] = self;
	words[count++] = "--speed-program";
	while (*arguments)
		words[count++] = *arguments++;
	words[count++] = target;
	words[count] = NULL;
	if (run_for_numbers(words, numbers, SPEED_NUMBERS) != SPEED_NUMBERS)
		return complain(
			WIFEXITED(complaint_status) && WEXITSTATUS(complaint_status) == SPEED_FORKED
				? "spork really forked"
				: "a program of the measurement failed");
	return true;
}

struct starts {
	const char *mode;
	int64_t bytes;
	bool threaded;
	int pages;
};

static bool measure_starts(
	struct hb_trial *trial, struct starts starts, int64_t numbers[SPEED_NUMBERS])
{
	char bytes[32], pages[16], rounds[16];
	const char *const arguments[] = {
		"starts", bytes, starts.threaded ? "1" : "0", pages, rounds, NULL};

	static const char *warm;
	static int warm_pages;

	(void)snprintf(pages, sizeof(pages), "%d", starts.pages);
	/* Code, verdict and recipe first, which the trial is not about. */
	for (int i = 0; i < 3 && (warm != starts.mode || warm_pages != starts.pages); i++) {
		(void)snprintf(bytes, sizeof(bytes), "%" PRId64, 4 * MIB);
		(void)snprintf(rounds, sizeof(rounds), "8");
		(void)run_program(starts.mode, true, arguments, numbers);
	}
	complaint = NULL;
	warm = starts.mode;
	warm_pages = starts.pages;
	(void)snprintf(bytes, sizeof(bytes), "%" PRId64, starts.bytes);
	(void)snprintf(
		rounds, sizeof(rounds), "%d", hb_trial_is_quick(trial) ? ROUNDS_QUICK : ROUNDS);
	return run_program(starts.mode, false, arguments, numbers);
}

#define AUTO_1G ((struct starts){.mode = "auto", .bytes = GIB})

static bool recipe_call(struct hb_trial *trial, double *ret)
{
	int64_t numbers[SPEED_NUMBERS];

	if (!measure_starts(trial, AUTO_1G, numbers))
		return false;
	*ret = (double)numbers[SPEED_FORK_CALL] / (double)numbers[SPEED_VFORK_CALL];
	return true;
}

static bool recipe_total(struct hb_trial *trial, double *ret)
{
	int64_t numbers[SPEED_NUMBERS];

	if (!measure_starts(trial, AUTO_1G, numbers))
		return false;
	*ret = (double)numbers[SPEED_FORK_TOTAL] / (double)numbers[SPEED_VFORK_TOTAL];
	return true;
}

#define PAGES_1G ((struct starts){.mode = "auto", .bytes = GIB, .pages = 16})

/* vfork's child writes as many. */
static bool pages_call(struct hb_trial *trial, double *ret)
{
	int64_t numbers[SPEED_NUMBERS];

	if (!measure_starts(trial, PAGES_1G, numbers))
		return false;
	*ret = (double)numbers[SPEED_FORK_CALL] / (double)numbers[SPEED_VFORK_CALL];
	return true;
}

static bool pages_total(struct hb_trial *trial, double *ret)
{
	int64_t numbers[SPEED_NUMBERS];

	if (!measure_starts(trial, PAGES_1G, numbers))
		return false;
	*ret = (double)numbers[SPEED_FORK_TOTAL] / (double)numbers[SPEED_VFORK_TOTAL];
	return true;
}

/* With a second thread nothing is replayed: what was read has to be compared again. */
static bool interpreted(struct hb_trial *trial, double *ret)
{
	const struct starts starts = {.mode = "auto", .bytes = GIB, .threaded = true};
	int64_t numbers[SPEED_NUMBERS];

	if (!measure_starts(trial, starts, numbers))
		return false;
	*ret = (double)numbers[SPEED_FORK_TOTAL];
	return true;
}

static bool shared(struct hb_trial *trial, double *ret)
{
	const struct starts starts = {.mode = "shared", .bytes = GIB};
	int64_t numbers[SPEED_NUMBERS];

	if (!measure_starts(trial, starts, numbers))
		return false;
	*ret = (double)numbers[SPEED_FORK_TOTAL];
	return true;
}

static bool flat(struct hb_trial *trial, double *ret)
{
	struct starts starts = {.mode = "auto", .bytes = 64 * MIB};
	int64_t small[SPEED_NUMBERS], large[SPEED_NUMBERS];

	if (!measure_starts(trial, starts, small))
		return false;
	starts.bytes = 8 * GIB;
	if (!measure_starts(trial, starts, large))
		return false;
	*ret = (double)large[SPEED_FORK_CALL] / (double)small[SPEED_FORK_CALL];
	return true;
}

static bool page(struct hb_trial *trial, double *ret)
{
	struct starts starts = {.mode = "auto", .bytes = 64 * MIB};
	int64_t without[SPEED_NUMBERS], with[SPEED_NUMBERS];

	if (!measure_starts(trial, starts, without))
		return false;
	starts.pages = 256;
	if (!measure_starts(trial, starts, with))
		return false;
	*ret = (double)(with[SPEED_FORK_CALL] - without[SPEED_FORK_CALL]) / starts.pages;
	return true;
}

static bool first_fork(struct hb_trial *trial, double *ret)
{
	const struct starts starts = {.mode = "auto", .bytes = 4 * MIB};
	int64_t numbers[SPEED_NUMBERS], firsts[PROCESSES];

	for (int i = 0; i < PROCESSES; i++) {
		int at = i;

		if (!measure_starts(trial, starts, numbers))
			return false;
		for (; at > 0 && firsts[at - 1] > numbers[SPEED_FIRST]; at--)
			firsts[at] = firsts[at - 1];
		firsts[at] = numbers[SPEED_FIRST];
	}
	*ret = (double)firsts[PROCESSES / 2];
	return true;
}

static bool bystander(struct hb_trial *trial, double *ret)
{
	const char *const busy[] = {"bystander", "1073741824", "1", NULL};
	const char *const alone[] = {"bystander", "1073741824", "0", NULL};
	int64_t with[SPEED_NUMBERS], without[SPEED_NUMBERS];

	(void)trial;
	for (int i = 0; i < 3; i++)
		(void)run_program("auto", true, busy, with);
	complaint = NULL;
	if (!run_program("auto", false, alone, without) || !run_program("auto", false, busy, with))
		return false;
	*ret = (double)without[0] / (double)with[0];
	return true;
}

static bool start_up(struct hb_trial *trial, double *ret)
{
	char rounds[16];
	const char *const arguments[] = {"images", rounds, NULL};
	int64_t numbers[SPEED_NUMBERS];

	(void)snprintf(
		rounds, sizeof(rounds), "%d", hb_trial_is_quick(trial) ? ROUNDS_QUICK : IMAGES);
	if (!run_program("fork", false, arguments, numbers))
		return false;
	*ret = (double)(numbers[1] - numbers[0]);
	return true;
}

/* ---- Other programs ------------------------------------------------------------------------------------------- */

static int run_line(const char *script, const char *bytes, const char *times, bool by_spork,
	bool settle, int64_t *numbers, int capacity)
{
	static char stats[300];
	const char *words[WORDS_MAX];
	int count = 0;

	(void)snprintf(stats, sizeof(stats), "%s/stats", folder);
	if (by_spork)
		count = under_spork_prefix("auto", "16777216", settle ? stats : NULL, words);
	words[count++] = "/bin/sh";
	words[count++] = "-c";
	words[count++] = sabotaged ? "exit 3" : script;
	words[count++] = "sh";
	words[count++] = bytes;
	words[count++] = times;
	words[count] = NULL;
	return run_for_numbers(words, numbers, capacity);
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static bool perl(struct hb_trial *trial, double *ret)
{
	const char *script = spork_command_script("perl");
	int64_t native[64], converted[64];

	(void)trial;
	for (int i = 0; i < 2; i++)
		(void)run_line(script, "67108864", "4", true, true, converted, 64);
	if (run_line(script, "1073741824", "15", false, false, native, 64) != 15 ||
		run_line(script, "1073741824", "15", true, false, converted, 64) != 15)
		return complain("perl failed");
	qsort(native, 15, sizeof(native[0]), compare);
	qsort(converted, 15, sizeof(converted[0]), compare);
	*ret = (double)converted[7] / (double)native[7];
	return true;
}

static bool long_running(struct hb_trial *trial, double *ret)
{
	static const char script[] =
		"exec bash -c 'for ((i = 0; i < 150000; i++)); do ((x = i * 2)); done'";
	int64_t times[2][LINES], none[1];
	int lines = hb_trial_is_quick(trial) ? 1 : LINES;

	for (int i = -1; i < lines; i++) {
		for (int way = 0; way < 2; way++) {
			int64_t before_ns = hb_clock_now_ns();

			if (run_line(script, "0", "0", way == 1, i < 0, none, 1) != 0)
				return complain("bash failed");
			if (i >= 0)
				times[way][i] = hb_clock_now_ns() - before_ns;
		}
	}
	for (int way = 0; way < 2; way++)
		qsort(times[way], (size_t)lines, sizeof(int64_t), compare);
	*ret = (double)times[1][lines / 2] / (double)times[0][lines / 2];
	return true;
}

/* ---- Inside ---------------------------------------------------------------------------------------------------- */

static bool instruction(struct hb_trial *trial, double *ret)
{
	if (sabotaged)
		return complain("sabotaged");
	return spork_instruction_ns(trial, ret) == 0 || complain("the interpreter stopped");
}

/* A store that is three quarters full, and the keys in it. */
static struct spork_store store;
static uint64_t keys[SPORK_STORE_ENTRIES * 3 / 4][2];

static size_t fill_store(struct hb_trial *trial)
{
	struct hb_rng rng;
	size_t kept = 0;

	hb_rng_init(&rng, hb_trial_seed(trial), 0);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		uint64_t key[2] = {hb_rng_u64(&rng) | 1, hb_rng_u64(&rng)};

		if (spork_store_insert(&store, key, SPORK_VERDICT_RECORD))
			memcpy(keys[kept++], key, sizeof(key));
	}
	return kept;
}

/* Asked in no order. */
static bool verdict(struct hb_trial *trial, double *ret)
{
	size_t kept = fill_store(trial);
	uint64_t found = 0;
	int64_t start_ns = hb_clock_now_ns();

	for (uint64_t i = 0; i < LOOK_UPS; i++)
		found += spork_store_find(&store, keys[i * 2654435761U % kept]) != NULL;
	*ret = (double)(hb_clock_now_ns() - start_ns) / LOOK_UPS;
	return (found == LOOK_UPS && !sabotaged) || complain("a verdict was not found");
}

/* What a process does that has not asked before: the store is opened and mapped. Another process has written it. */
static bool verdict_of_another(struct hb_trial *trial, double *ret)
{
	size_t kept = fill_store(trial);
	uint64_t found = 0;
	int64_t start_ns;
	int fd;

	if (chdir(folder))
		return complain("the folder cannot be entered");
	fd = open("store", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, &store, sizeof(store)) != (ssize_t)sizeof(store))
		return complain("the store cannot be written");
	(void)close(fd);
	start_ns = hb_clock_now_ns();
	for (uint64_t i = 0; i < PROCESS_LOOK_UPS; i++) {
		struct spork_store *mapped = MAP_FAILED;

		fd = open("store", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			mapped = mmap(
				NULL, sizeof(store), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (mapped == MAP_FAILED)
			return complain("the store cannot be mapped");
		found += spork_store_find(mapped, keys[i * 2654435761U % kept]) != NULL;
		(void)munmap(mapped, sizeof(store));
		(void)close(fd);
	}
	*ret = (double)(hb_clock_now_ns() - start_ns) / PROCESS_LOOK_UPS;
	(void)unlink("store");
	return (found == PROCESS_LOOK_UPS && !sabotaged) || complain("a verdict was not found");
}

/* ---- The experiment --------------------------------------------------------------------------------------------- */

static const struct limit {
	const char *name;
	double most;
	uint64_t bytes;
	bool (*measure)(struct hb_trial *trial, double *ret);
} limits[] = {
	{"recipe-call", 1.15, GIB, recipe_call},
	{"recipe-total", 1.15, GIB, recipe_total},
	{"pages-call", 1.15, GIB, pages_call},
	{"pages-total", 1.15, GIB, pages_total},
	{"interpreted", 600e3, GIB, interpreted},
	{"shared", 600e3, GIB, shared},
	{"flat", 1.2, 8 * GIB, flat},
	{"instruction", 60, 0, instruction},
	{"page", 15e3, 0, page},
	{"perl", 1.0 / 20, 3 * GIB, perl},
	{"bystander", 1 / 0.95, GIB, bystander},
	{"start-up", 100e3, 0, start_up},
	{"long-running", 1.03, 0, long_running},
	{"verdict", 2e3, 0, verdict},
	{"verdict-of-another", 50e3, 0, verdict_of_another},
	{"first-fork", 50e3, 0, first_fork},
};

static const struct limit *limit_of(const struct hb_params *params)
{
	const char *name = hb_params_text(params, "figure");

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (strcmp(limits[i].name, name) == 0)
			return &limits[i];
	}
	return NULL;
}

/* Interpreters of libc's own code: sanitizers put code of theirs in its place. */
static int probe(struct hb_trial *trial)
{
	if (HB_IS_SANITIZED)
		return hb_trial_skip(trial, "needs a build without sanitizers");
	return under_spork_probe(trial);
}

static int setup(struct hb_trial *trial)
{
	if (!limit_of(hb_trial_params(trial)))
		return hb_trial_fail(trial, "there is no such figure");
	if (!realpath(hb_trial_tmpdir(trial), folder))
		return hb_trial_fail(trial, "%s: %s", hb_trial_tmpdir(trial), strerror(errno));
	return 0;
}

static int run_allowed(struct hb_trial *trial)
{
	hb_trial_metric(trial, "of_limit", sabotaged ? 2 : 1, 1);
	return 0;
}

static int verify_allowed(struct hb_trial *trial)
{
	return sabotaged ? hb_trial_fail(trial, "the limit is not the limit") : 0;
}

static int run_measured(struct hb_trial *trial)
{
	const struct limit *limit = limit_of(hb_trial_params(trial));
	double value = 0;

	complaint = NULL;
	(void)limit->measure(trial, &value);
	hb_trial_metric(trial, "of_limit", value / limit->most, 1);
	hb_trial_metric(trial, "measured", value, 1);
	return 0;
}

static int verify_measured(struct hb_trial *trial)
{
	return complaint ? hb_trial_fail(
				   trial, "%s (status 0x%x)", complaint, (unsigned)complaint_status)
			 : 0;
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static uint64_t memory_bytes(const struct hb_params *params)
{
	const struct limit *limit = limit_of(params);

	return (limit ? limit->bytes + limit->bytes / 64 : 0) + 256 * (uint64_t)MIB;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	const struct limit *limit = limit_of(params);

	return 3000 + (limit ? limit->bytes / GIB * 1000 : 0);
}

static const struct hb_param params[] = {
	{
		.name = "figure",
		.type = HB_PARAM_TEXT,
		.help = "what is limited; see the claims",
		.sweep = "recipe-call,recipe-total,pages-call,pages-total,interpreted,shared,flat,"
			 "instruction,page,perl,bystander,start-up,long-running,verdict,verdict-of-"
			 "another,first-fork",
		.sweep_quick = "instruction,verdict",
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "of_limit",
		.unit = "1",
		.help = "the figure as a part of what is allowed",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.02,
	},
	{
		.name = "measured",
		.unit = "1",
		.help = "the figure itself: nanoseconds, or a ratio",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.optional = true,
		.min_effect = 0.02,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, kind_)                                                        \
	{                                                                                          \
		.name = (name_), .role = (role_), .help = (help_), .probe = probe, .setup = setup, \
		.run = run_##kind_, .verify = verify_##kind_, .sabotage = sabotage,                \
	}

static const struct hb_variant variants[] = {
	VARIANT("allowed", HB_ROLE_BASELINE, "the limit that was set", allowed),
	VARIANT("measured", HB_ROLE_IDEA, "what spork takes", measured),
	{.name = NULL},
};

#define LIMIT(figure_, text_)                                                                     \
	{                                                                                         \
		.name = "limit-" figure_, .text = (text_), .paper = "Hotbed", .section = "",      \
		.metric = "of_limit", .variant = "measured", .where = "figure=" figure_, .lo = 0, \
		.hi = 1,                                                                          \
	}

static const struct hb_claim claims[] = {
	LIMIT("recipe-call", "From 1 GiB, with a recipe, fork holds the parent up at most 1.15 "
			     "times as long as vfork."),
	LIMIT("recipe-total", "The same until the child has been reaped."),
	LIMIT("pages-call",
		"From 1 GiB, with a recipe and a child that writes 16 pages, fork holds the parent "
		"up at most 1.15 times as long as vfork with such a child."),
	LIMIT("pages-total", "The same until the child has been reaped."),
	LIMIT("interpreted", "From 1 GiB, interpreted, starting and reaping takes at most 0.6 ms."),
	LIMIT("shared", "From 1 GiB, on shared memory, starting and reaping takes at most 0.6 ms."),
	LIMIT("flat", "From 8 GiB fork takes at most 1.2 times as long as from 64 MiB."),
	LIMIT("instruction", "An interpreted instruction takes at most 60 ns."),
	LIMIT("page", "A page that the child writes takes at most 15 us."),
	LIMIT("perl", "perl's system() from 1 GiB takes at most a twentieth as long."),
	LIMIT("bystander",
		"A second thread does at least 95 % of what it does when nothing is started."),
	LIMIT("start-up", "/bin/true takes at most 100 us longer."),
	LIMIT("long-running",
		"A small program that runs for long takes at most 1.03 times as long."),
	LIMIT("verdict", "A verdict is found within 2 us."),
	LIMIT("verdict-of-another", "A verdict of another process is found within 50 us."),
	LIMIT("first-fork",
		"The first fork of a process takes at most 50 us longer than its others."),
	{.name = NULL},
};

const struct hb_experiment spork_speed = {
	.name = "speed",
	.question = "Does spork take as long as it may?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "figure", .metric = "of_limit"},
	.memory_bytes = memory_bytes,
	.trial_ms = trial_ms,
};
