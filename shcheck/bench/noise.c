/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shcheck/noise: what is said of maintainer scripts of this machine, at equal severity. They work, so most of what is
 * said of them is noise; no one has judged each of them. Counts of one machine: others have other scripts.
 */
#include "experiments.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/rng.h>
#include <hotbed/trial.h>

#include <shcheck/parse.h>

#include "baseline.h"
#include "proportion.h"

enum { SCRIPTS_QUICK = 15, SCRIPTS = 150, FINDINGS_MAX = 1024 };

static struct labelled_script scripts[SCRIPTS];
static size_t count;
static bool baseline, sabotaged;
static enum shc_severity worst_kept;
static uint64_t findings_sum, reported;

static int probe(struct hb_trial *trial)
{
	baseline = !strcmp(hb_trial_data(trial), "shellcheck");
	return baseline && !baseline_available() ? hb_trial_skip(trial, "needs shellcheck") : 0;
}

/* Take @path unless it is no shell script. */
static void take(const char *path)
{
	struct labelled_script *script = &scripts[count];
	enum shc_dialect dialect;
	struct shc_source *source;

	if (strlen(path) >= sizeof(script->path) || shc_source_read(path, &source, NULL))
		return;
	if (source->size && shc_dialect_detect(source, &dialect, NULL) >= 0) {
		(void)strncpy(script->path, path, sizeof(script->path) - 1);
		script->length = source->size;
		script->text = strndup(source->bytes, source->size);
		count += script->text != NULL;
	}
	shc_source_destroy(source);
}

static int setup(struct hb_trial *trial)
{
	const char *severity = hb_params_text(hb_trial_params(trial), "severity");
	size_t most = hb_trial_is_quick(trial) ? SCRIPTS_QUICK : SCRIPTS;
	struct hb_rng rng;
	glob_t found;

	worst_kept = !strcmp(severity, "error") ? SHC_SEVERITY_ERROR : SHC_SEVERITY_WARNING;
	hb_rng_init(&rng, hb_trial_seed(trial), 0);
	if (glob("/var/lib/dpkg/info/*.p[or]*", 0, NULL, &found))
		return hb_trial_fail(trial, "there are no maintainer scripts");
	for (size_t i = 0; i < found.gl_pathc && count < most; i++) {
		size_t other = i + (size_t)hb_rng_below(&rng, found.gl_pathc - i);
		char *path = found.gl_pathv[other];

		found.gl_pathv[other] = found.gl_pathv[i];
		found.gl_pathv[i] = path;
		take(path);
	}
	globfree(&found);
	return count ? 0 : hb_trial_fail(trial, "there are no maintainer scripts");
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static long analyse(struct hb_trial *trial, const struct labelled_script *script,
	struct labelled_finding *findings)
{
	if (sabotaged)
		return 0;
	return baseline ? baseline_analyse(script, hb_trial_tmpdir(trial), findings, FINDINGS_MAX)
			: labelled_analyse(script, findings, FINDINGS_MAX);
}

static int run(struct hb_trial *trial)
{
	static struct labelled_finding findings[FINDINGS_MAX];
	struct proportion share;

	for (size_t i = 0; i < count; i++) {
		long made = analyse(trial, &scripts[i], findings);
		uint64_t before = findings_sum;

		if (made < 0)
			return hb_trial_fail(trial, "%s cannot be analysed", scripts[i].path);
		for (long j = 0; j < made; j++)
			findings_sum += findings[j].severity <= worst_kept;
		reported += findings_sum > before;
	}
	share = proportion_of(reported, count);
	hb_trial_metric(trial, "per_script", (double)findings_sum / (double)count, count);
	hb_trial_metric(trial, "reported", share.value, count);
	hb_trial_metric(trial, "reported_low", share.low, 1);
	hb_trial_metric(trial, "reported_high", share.high, 1);
	return 0;
}

/* What either must report: a silent analyser has no noise, and no use. */
static int verify(struct hb_trial *trial)
{
	static char text[] =
		"#!/bin/sh\nrm -rf /usr\nlist='a b'\nfor i in \"$list\"; do echo; done\n";
	const struct labelled_script script = {
		.path = "certain.sh", .text = text, .length = sizeof(text) - 1};
	static struct labelled_finding findings[FINDINGS_MAX];

	if (analyse(trial, &script, findings) <= 0)
		return hb_trial_fail(trial, "nothing is said of a script that deletes /usr");
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	(void)trial;
	for (size_t i = 0; i < count; i++)
		free(scripts[i].text);
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 15000;
}

static const struct hb_param params[] = {
	{
		.name = "severity",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "findings as severe as this, and worse",
		.sweep = "warning,error",
		.sweep_quick = "warning",
	},
	{.name = NULL},
};

#define METRIC(name_, help_)                                                              \
	{                                                                                 \
		.name = (name_), .unit = "1", .help = (help_), .better = HB_BETTER_LOWER, \
		.basis = HB_BASIS_COUNT, .exact = true,                                   \
	}

static const struct hb_metric metrics[] = {
	METRIC("per_script", "findings per script"),
	METRIC("reported", "share of the scripts of which anything is said"),
	METRIC("reported_low", "lower end of its 95 % interval (Wilson)"),
	METRIC("reported_high", "upper end of its 95 % interval (Wilson)"),
	{.name = NULL},
};

#define VARIANT(name_, role_, help_)                                                               \
	{                                                                                          \
		.name = (name_), .role = (role_), .help = (help_), .probe = probe, .setup = setup, \
		.run = run, .verify = verify, .teardown = teardown, .sabotage = sabotage,          \
		.data = (name_),                                                                   \
	}

static const struct hb_variant variants[] = {
	VARIANT("shellcheck", HB_ROLE_BASELINE, "ShellCheck with its default checks"),
	VARIANT("shcheck", HB_ROLE_IDEA, "the abstract interpreter"),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "less-noise",
		.text = "At the severity of a warning and above less is said of maintainer scripts "
			"than ShellCheck says.",
		.paper = "ours",
		.section = "",
		.metric = "per_script",
		.variant = "shcheck",
		.where = "severity=warning",
		.lo = 0,
		.hi = 1,
		.needs = "shellcheck",
	},
	{.name = NULL},
};

const struct hb_experiment shcheck_noise = {
	.name = "noise",
	.question = "How much is said of scripts that work?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "severity", .metric = "per_script"},
	.quiet = true,
	.trial_ms = trial_ms,
};
