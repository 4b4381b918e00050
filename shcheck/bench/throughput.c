/* SPDX-License-Identifier: GPL-3.0-or-later */
/* shcheck/throughput: CPU time per byte of the maintainer scripts of this machine. */
#include "experiments.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <hotbed/rng.h>
#include <hotbed/trial.h>

#include <shcheck/analyse.h>
#include <shcheck/parse.h>
#include <shcheck/report.h>

#include "baseline.h"

enum { SCRIPTS = 120, SCRIPTS_QUICK = 15 };

enum tier { TIER_SHELLCHECK, TIER_PARSE, TIER_ANALYSE };

static const char *chosen[SCRIPTS];
static size_t chosen_count;
static uint64_t bytes, commands;
static glob_t scripts;
static enum tier tier;
static bool sabotaged;

static int probe(struct hb_trial *trial)
{
	static const char *const names[] = {"shellcheck", "parse", "analyse"};

	for (int i = 0; i < 3; i++)
		if (!strcmp(hb_trial_data(trial), names[i]))
			tier = (enum tier)i;
	if (tier == TIER_SHELLCHECK && !baseline_available())
		return hb_trial_skip(trial, "needs shellcheck");
	return 0;
}

static int setup(struct hb_trial *trial)
{
	size_t wanted = hb_trial_is_quick(trial) ? SCRIPTS_QUICK : SCRIPTS;
	struct hb_rng rng;
	struct stat about;

	hb_rng_init(&rng, hb_trial_seed(trial), 0);
	if (glob("/var/lib/dpkg/info/*.p[or]*", 0, NULL, &scripts) || !scripts.gl_pathc)
		return hb_trial_fail(trial, "there are no maintainer scripts");
	for (size_t i = 0; i < wanted; i++) {
		chosen[i] = scripts.gl_pathv[hb_rng_below(&rng, scripts.gl_pathc)];
		if (!stat(chosen[i], &about))
			bytes += (uint64_t)about.st_size;
	}
	chosen_count = wanted;
	return bytes ? 0 : hb_trial_fail(trial, "the scripts are empty");
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static void check(const char *path)
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
			if (tier == TIER_ANALYSE)
				(void)shc_analyse(script, NULL, findings, &coverage);
		}
		shc_script_destroy(script);
		shc_findings_destroy(findings);
	}
	shc_source_destroy(source);
}

static double cpu_ns(int who)
{
	struct rusage usage;

	(void)getrusage(who, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
}

static int run(struct hb_trial *trial)
{
	int who = tier == TIER_SHELLCHECK ? RUSAGE_CHILDREN : RUSAGE_SELF, r = 0;
	double start = cpu_ns(who), spent;

	if (tier == TIER_SHELLCHECK)
		r = baseline_run(chosen, sabotaged ? 0 : chosen_count);
	for (size_t i = 0; i < chosen_count && tier != TIER_SHELLCHECK; i++)
		check(chosen[i]);
	spent = cpu_ns(who) - start;
	if (r && !sabotaged)
		return hb_trial_fail(trial, "shellcheck failed");
	hb_trial_metric(trial, "byte", (spent > 1e3 ? spent : 1e3) / (double)bytes, bytes);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	if (sabotaged || (tier != TIER_SHELLCHECK && !commands))
		return hb_trial_fail(trial, "no command was seen");
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	(void)trial;
	globfree(&scripts);
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 4000;
}

static const struct hb_metric metrics[] = {
	{
		.name = "byte",
		.unit = "ns",
		.help = "CPU time per byte of script, the start of the program included for "
			"ShellCheck",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_CPU,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_)                                                               \
	{                                                                                          \
		.name = (name_), .role = (role_), .help = (help_), .probe = probe, .setup = setup, \
		.run = run, .verify = verify, .teardown = teardown, .sabotage = sabotage,          \
		.data = (name_),                                                                   \
	}

static const struct hb_variant variants[] = {
	VARIANT("shellcheck", HB_ROLE_BASELINE, "ShellCheck, one process for all scripts"),
	VARIANT("parse", HB_ROLE_IDEA, "parsing and the checks of syntax"),
	VARIANT("analyse", HB_ROLE_IDEA, "the whole analysis"),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "parses-faster",
		.text = "Parsing and the checks of syntax take at most a 25th of ShellCheck's "
			"time.",
		.paper = "ours",
		.section = "",
		.metric = "byte",
		.variant = "parse",
		.lo = 0,
		.hi = 0.04,
		.needs = "shellcheck",
	},
	{.name = NULL},
};

const struct hb_experiment shcheck_throughput = {
	.name = "throughput",
	.question = "How much time does a byte of script take?",
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.metric = "byte", .log_y = true},
	.trial_ms = trial_ms,
};
