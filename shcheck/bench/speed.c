/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shcheck/speed: what the analysis takes against what it is allowed to take. The baseline is the allowance itself, so
 * that a claim (a ratio of at most 1) says whether it is kept. For parsing and the checks of syntax the allowance is a
 * 25th of ShellCheck's time on the same scripts, measured in the trial.
 */
#include "experiments.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include <hotbed/clock.h>
#include <hotbed/rng.h>
#include <hotbed/trial.h>
#include <shcheck/analyse.h>
#include <shcheck/parse.h>
#include <shcheck/report.h>

#include "automata_engine.h"
#include "baseline.h"
#include "scripts.h"

#define MS 1e6
#define MIB 0x1p20
#define SHELLCHECK_SHARE 25.0

enum {
	SYNTAX_SCRIPTS = 60,
	SYNTAX_SCRIPTS_QUICK = 10,
	SYNTAX_ROUNDS = 20,
	ANALYSED_QUICK = 60,
	INTERSECT_ROUNDS = 200,
	BLOW_UP = 16,
};

/* What is asked, and what it may take; 0 = of no interest. */
static const struct answer {
	const char *name;
	double time_ns, median_ns, late_ns, exhausted, memory;
} answers[] = {
	{"syntax", 0, 0, 0, 0, 0}, /* a share of what ShellCheck takes, per byte */
	{"scripts", 0, 20 * MS, 1000 * MS, 0.03, 512 * MIB},
	{"intersect", 20e3, 0, 0, 0, 0},
	{"blow-up-16", 1000 * MS, 0, 0, 0, 0},
};

static const struct answer *answer;
static bool allowed, sabotaged;
static struct scripts scripts;
static uint64_t bytes, commands, exhausted;
static double *times_ns;
static size_t time_count;
static const struct automata_engine *engine = &engine_shcheck;
static void *first, *second, *result;

static bool is(const char *name)
{
	return strcmp(answer->name, name) == 0;
}

static int probe(struct hb_trial *trial)
{
	const char *name = hb_params_text(hb_trial_params(trial), "answer");

	allowed = strcmp(hb_trial_data(trial), "allowed") == 0;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strcmp(answers[i].name, name) == 0)
			answer = &answers[i];
	if (!answer)
		return hb_trial_fail(trial, "no answer is called %s", name);
	if (is("syntax") && allowed && !baseline_available())
		return hb_trial_skip(trial, "needs shellcheck");
	return 0;
}

/* Maintainer scripts: every machine has them, and they are alike. */
static int setup_syntax(struct hb_trial *trial)
{
	size_t wanted = hb_trial_is_quick(trial) ? SYNTAX_SCRIPTS_QUICK : SYNTAX_SCRIPTS;
	struct hb_rng rng;
	struct stat about;
	glob_t found;

	hb_rng_init(&rng, hb_trial_seed(trial), 0);
	if (glob("/var/lib/dpkg/info/*.p[or]*", 0, NULL, &found) || !found.gl_pathc)
		return hb_trial_fail(trial, "there are no maintainer scripts");
	scripts.paths = calloc(wanted, sizeof(char *));
	for (size_t i = 0; scripts.paths && i < wanted; i++) {
		const char *path = found.gl_pathv[hb_rng_below(&rng, found.gl_pathc)];

		scripts.paths[i] = strdup(path);
		if (scripts.paths[i])
			scripts.count++;
		if (!stat(path, &about))
			bytes += (uint64_t)about.st_size;
	}
	globfree(&found);
	return bytes ? 0 : hb_trial_fail(trial, "the scripts are empty");
}

static int setup_scripts(struct hb_trial *trial)
{
	scripts_find(&scripts);
	if (hb_trial_is_quick(trial))
		scripts_sample(&scripts, ANALYSED_QUICK);
	times_ns = calloc(scripts.count + 1, sizeof(*times_ns));
	if (!scripts.count || !times_ns)
		return hb_trial_fail(trial, "no shell script was found on this machine");
	return 0;
}

static int setup_automata(struct hb_trial *trial)
{
	if (!engine->open())
		return hb_trial_fail(trial, "no memory for automata");
	if (is("intersect")) {
		first = engine->pattern("/home/*/.config/*/settings.json");
		second = engine->pattern("/home/u*/.config/*/*.json");
		if (!first || !second)
			return hb_trial_fail(trial, "a pattern was refused");
	}
	return 0;
}

static int setup(struct hb_trial *trial)
{
	if (is("syntax"))
		return setup_syntax(trial);
	if (allowed)
		return 0;
	return is("scripts") ? setup_scripts(trial) : setup_automata(trial);
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static double cpu_ns(int who)
{
	struct rusage usage;

	(void)getrusage(who, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
}

static double process_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void check(const char *path, bool analyse)
{
	enum shc_dialect dialect = SHC_POSIX;
	struct shc_coverage coverage = {0};
	struct shc_findings *findings;
	struct shc_source *source;
	struct shc_script *script = NULL;

	if (sabotaged || shc_source_read(path, &source, NULL))
		return;
	(void)shc_dialect_detect(source, &dialect, NULL);
	if (!shc_findings_create(&findings)) {
		if (!shc_parse(source, dialect, findings, &script)) {
			commands += script->command_count;
			if (analyse)
				(void)shc_analyse(script, NULL, findings, &coverage);
		}
		exhausted += coverage.budget_exhausted;
		shc_script_destroy(script);
		shc_findings_destroy(findings);
	}
	shc_source_destroy(source);
}

static int run_syntax(struct hb_trial *trial)
{
	int who = allowed ? RUSAGE_CHILDREN : RUSAGE_SELF, rounds = allowed ? 1 : SYNTAX_ROUNDS;
	double start = cpu_ns(who), spent;

	if (allowed && baseline_run((const char *const *)scripts.paths, scripts.count))
		return hb_trial_fail(trial, "shellcheck failed");
	for (int round = 0; !allowed && round < rounds; round++)
		for (size_t i = 0; i < scripts.count; i++)
			check(scripts.paths[i], false);
	spent = (cpu_ns(who) - start) / rounds / (double)bytes;
	hb_trial_metric(trial, "time", allowed ? spent / SHELLCHECK_SHARE : spent, bytes);
	return 0;
}

static int compare(const void *left, const void *right)
{
	const double *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

static int run_scripts(struct hb_trial *trial)
{
	struct rusage usage;

	for (size_t i = 0; i < scripts.count; i++) {
		double start = process_ns();

		check(scripts.paths[i], true);
		times_ns[time_count++] = process_ns() - start;
	}
	if (getrusage(RUSAGE_SELF, &usage) < 0)
		return hb_trial_fail(trial, "the peak of memory is not known");
	qsort(times_ns, time_count, sizeof(*times_ns), compare);
	hb_trial_metric(trial, "median", times_ns[time_count / 2], time_count);
	hb_trial_metric(trial, "late", times_ns[time_count * 95 / 100], time_count);
	hb_trial_metric(trial, "exhausted", (double)exhausted / (double)time_count, time_count);
	hb_trial_metric(trial, "memory", (double)usage.ru_maxrss * 1024, 1);
	return 0;
}

static int run_automata(struct hb_trial *trial)
{
	int rounds = is("intersect") ? INTERSECT_ROUNDS : 1;
	int64_t start = hb_clock_now_ns();

	if (is("intersect")) {
		for (int i = 0; i < rounds; i++)
			result = engine->intersect(first, second);
	} else {
		first = engine->blow_up(BLOW_UP);
		result = first ? engine->complement(first) : NULL;
	}
	hb_trial_metric(
		trial, "time", (double)(hb_clock_now_ns() - start) / rounds, (uint64_t)rounds);
	return result ? 0 : hb_trial_fail(trial, "an operation gave up");
}

static int run_allowed(struct hb_trial *trial)
{
	if (answer->time_ns > 0)
		hb_trial_metric(trial, "time", answer->time_ns, 1);
	if (answer->median_ns > 0) {
		hb_trial_metric(trial, "median", answer->median_ns, 1);
		hb_trial_metric(trial, "late", answer->late_ns, 1);
		hb_trial_metric(trial, "exhausted", answer->exhausted, 1);
		hb_trial_metric(trial, "memory", answer->memory, 1);
	}
	return 0;
}

static int run(struct hb_trial *trial)
{
	if (is("syntax"))
		return run_syntax(trial);
	if (allowed)
		return run_allowed(trial);
	return is("scripts") ? run_scripts(trial) : run_automata(trial);
}

/* Words over a and b whose letter 17 from the end is an a, and paths, are where they belong. */
static int verify_automata(struct hb_trial *trial)
{
	static const char *const paths[] = {"/home/x/.config/y/settings.json",
		"/home/user/.config/y/settings.json", "/home/u/.config/a.json", "/home/x/y/z.json",
		"/home/x/.config/settings.json", "/home/a/.config/b/c.json"};
	void *asked = sabotaged ? first : result;
	char word[BLOW_UP + 2];

	for (size_t i = 0; is("intersect") && i < sizeof(paths) / sizeof(paths[0]); i++) {
		bool expected =
			!fnmatch("/home/*/.config/*/settings.json", paths[i], FNM_PATHNAME) &&
			!fnmatch("/home/u*/.config/*/*.json", paths[i], FNM_PATHNAME);

		if (engine->matches(asked, paths[i], strlen(paths[i])) != expected)
			return hb_trial_fail(trial, "%s is on the wrong side", paths[i]);
	}
	memset(word, 'b', sizeof(word) - 1);
	word[sizeof(word) - 1] = 0;
	for (int i = 0; !is("intersect") && i <= BLOW_UP; i++) {
		word[i] = 'a';
		if (engine->matches(asked, word, BLOW_UP + 1) != (i > 0))
			return hb_trial_fail(trial, "%s is on the wrong side", word);
		word[i] = 'b';
	}
	return 0;
}

static int verify(struct hb_trial *trial)
{
	if (is("syntax") || is("scripts")) {
		if (sabotaged || (!allowed && !commands))
			return hb_trial_fail(trial, "no command was seen");
		return 0;
	}
	if (allowed)
		return sabotaged ? hb_trial_fail(trial, "the limit is another") : 0;
	return verify_automata(trial);
}

static int teardown(struct hb_trial *trial)
{
	(void)trial;
	scripts_finish(&scripts);
	free(times_ns);
	if (first)
		engine->close();
	return 0;
}

static uint64_t memory_bytes(const struct hb_params *params)
{
	return strcmp(hb_params_text(params, "answer"), "blow-up-16") == 0 ? UINT64_C(1) << 30
									   : UINT64_C(1) << 29;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	return strcmp(hb_params_text(params, "answer"), "scripts") == 0 ? 60000 : 3000;
}

static const struct hb_param params[] = {
	{
		.name = "answer",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "syntax: parsing and its checks, per byte; scripts: the whole analysis of "
			"each script of "
			"the machine; intersect, blow-up-16: operations on languages",
		.sweep = "syntax,scripts,intersect,blow-up-16",
		.sweep_quick = "syntax,intersect",
	},
	{.name = NULL},
};

#define METRIC(name_, unit_, help_, basis_)                                                   \
	{                                                                                     \
		.name = (name_), .unit = (unit_), .help = (help_), .better = HB_BETTER_LOWER, \
		.basis = (basis_), .optional = true,                                          \
	}

static const struct hb_metric metrics[] = {
	METRIC("time", "ns", "of a byte of script, or of one operation", HB_BASIS_CPU),
	METRIC("median", "ns", "CPU time of a script", HB_BASIS_CPU),
	METRIC("late", "ns", "CPU time that 95 % of the scripts do not exceed", HB_BASIS_CPU),
	METRIC("exhausted", "1", "share of the scripts that used up their budget", HB_BASIS_COUNT),
	METRIC("memory", "B", "peak of the process that analyses them all", HB_BASIS_COUNT),
	{.name = NULL},
};

#define VARIANT(name_, role_, help_)                                                               \
	{                                                                                          \
		.name = (name_), .role = (role_), .help = (help_), .probe = probe, .setup = setup, \
		.run = run, .verify = verify, .teardown = teardown, .sabotage = sabotage,          \
		.data = (name_),                                                                   \
	}

static const struct hb_variant variants[] = {
	VARIANT("allowed", HB_ROLE_BASELINE, "the limit; for syntax a 25th of ShellCheck's time"),
	VARIANT("shcheck", HB_ROLE_IDEA, "measured"),
	{.name = NULL},
};

#define LIMIT(name_, text_, metric_, where_, needs_)                                           \
	{                                                                                      \
		.name = "limit-" name_, .text = (text_), .paper = "Hotbed", .section = "",     \
		.metric = (metric_), .variant = "shcheck", .where = "answer=" where_, .lo = 0, \
		.hi = 1, .needs = (needs_),                                                    \
	}

static const struct hb_claim claims[] = {
	LIMIT("syntax",
		"Parsing and the checks of syntax take at most a 25th of ShellCheck's time.",
		"time", "syntax", "shellcheck"),
	LIMIT("median", "The analysis of half of the scripts of a machine takes 20 ms at most.",
		"median", "scripts", ""),
	LIMIT("late", "That of 95 % takes 1 s at most.", "late", "scripts", ""),
	LIMIT("exhausted", "At most 3 % of them use up their budget.", "exhausted", "scripts", ""),
	LIMIT("memory", "All of them stay below 512 MiB.", "memory", "scripts", ""),
	LIMIT("intersect", "Two languages of paths are intersected in 20 us.", "time", "intersect",
		""),
	LIMIT("blow-up", "The complement of (a|b)*a(a|b){16} takes 1 s at most.", "time",
		"blow-up-16", ""),
	{.name = NULL},
};

const struct hb_experiment shcheck_speed = {
	.name = "speed",
	.question = "Does the analysis take as long as it may?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "answer", .metric = "time", .log_y = true},
	.blocks = 6,
	.memory_bytes = memory_bytes,
	.trial_ms = trial_ms,
};
