/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shcheck/bugs and shcheck/classes: how many known bugs are found, on which lines, and what else is said; all of them,
 * and class by class. Counts, so exact; the intervals say what such counts tell of other scripts. ShellCheck is judged
 * mildly: a code that means the class of the bug counts wherever in the script it stands.
 */
#include "experiments.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/trial.h>

#include "baseline.h"
#include "proportion.h"

enum { FINDINGS_MAX = 256 };

static struct labelled_scripts scripts;
static enum labelled_form form;
static bool sabotaged, baseline;
static struct labelled_score sum;
static uint32_t reported, judged;
static uint32_t wanted; /* classes: bits */

static int probe(struct hb_trial *trial)
{
	baseline = !strcmp(hb_trial_data(trial), "shellcheck");
	return baseline && !baseline_available() ? hb_trial_skip(trial, "needs shellcheck") : 0;
}

/* A bit for every class called @name, for all of them when it is NULL. */
static uint32_t wanted_classes(const char *name)
{
	uint32_t classes = 0;

	for (int i = 0; i < SHC_CLASS_COUNT; i++)
		if (!name || !strcmp(name, shc_class_name((enum shc_class)i)))
			classes |= 1u << i;
	return classes;
}

static int read_corpus(struct hb_trial *trial, const char *class)
{
	const struct hb_params *params = hb_trial_params(trial);
	const char *half = hb_params_text(params, "half"), *name = hb_params_text(params, "form");
	char folder[4096];

	form = !strcmp(name, "buggy")     ? LABELLED_BUGGY
	       : !strcmp(name, "rewrite") ? LABELLED_REWRITE
					  : LABELLED_FIXED;
	wanted = wanted_classes(class);
	if (!wanted)
		return hb_trial_fail(trial, "there is no such class");
	(void)snprintf(folder, sizeof(folder), CORPUS "/%s", half);
	if (labelled_read(folder, &scripts))
		return hb_trial_fail(trial, "the corpus cannot be read");
	return 0;
}

static int setup(struct hb_trial *trial)
{
	return read_corpus(trial, NULL);
}

static int setup_class(struct hb_trial *trial)
{
	return read_corpus(trial, hb_params_text(hb_trial_params(trial), "class"));
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
	long count;

	if (!baseline)
		return labelled_analyse(script, findings, FINDINGS_MAX);
	count = baseline_analyse(script, hb_trial_tmpdir(trial), findings, FINDINGS_MAX);
	for (long i = 0; i < count; i++)
		for (size_t j = 0; j < script->mark_count; j++)
			if (script->marks[j].class == findings[i].class)
				findings[i].line = script->marks[j].line;
	return count;
}

static int judge(struct hb_trial *trial, const struct labelled_script *script)
{
	struct labelled_finding findings[FINDINGS_MAX];
	struct labelled_score score;
	long count = analyse(trial, script, findings);

	if (count < 0)
		return hb_trial_fail(trial, "%s: %s", script->path, strerror((int)-count));
	if (sabotaged)
		count = 0;
	score = labelled_judge(
		script, labelled_classes(&scripts, script) & wanted, findings, (size_t)count);
	for (int i = 0; i < SHC_CLASS_COUNT; i++) {
		sum.due += wanted >> i & 1 ? score.due_of[i] : 0;
		sum.found += wanted >> i & 1 ? score.found_of[i] : 0;
	}
	sum.noise += score.noise;
	reported += score.same_class > 0;
	judged++;
	return 0;
}

static int run(struct hb_trial *trial)
{
	struct proportion share;
	int r = 0;

	for (size_t i = 0; i < scripts.count && !r; i++)
		if (scripts.items[i].form == form &&
			labelled_classes(&scripts, &scripts.items[i]) & wanted)
			r = judge(trial, &scripts.items[i]);
	if (r)
		return r;
	/* Of a fixed script it is right to say nothing. */
	share = form == LABELLED_FIXED ? proportion_of(judged - reported, judged)
				       : proportion_of(sum.found, sum.due);
	hb_trial_metric(trial, "share", share.value, 1);
	hb_trial_metric(trial, "share_low", share.low, 1);
	hb_trial_metric(trial, "share_high", share.high, 1);
	hb_trial_metric(trial, "found", sum.found, sum.due ? sum.due : 1);
	hb_trial_metric(trial, "due", sum.due, 1);
	hb_trial_metric(trial, "reported_though_fixed", form == LABELLED_FIXED ? reported : 0, 1);
	hb_trial_metric(trial, "noise", sum.noise, 1);
	return 0;
}

/* A script of one certain bug is reported by either. */
static int verify(struct hb_trial *trial)
{
	static char text[] = "#!/bin/sh\nlist='a b'\nfor i in \"$list\"; do\n\techo \"$i\"\ndone\n";
	const struct labelled_script script = {
		.path = "certain.sh",
		.text = text,
		.length = sizeof(text) - 1,
		.mark_count = 1,
		.marks = {{.line = 3, .class = SHC_CLASS_LOOP_ONCE}},
	};
	struct labelled_finding findings[FINDINGS_MAX];
	long count = sabotaged ? 0 : analyse(trial, &script, findings);

	if (count < 0 || labelled_judge(&script, 0, findings, (size_t)count).found != 1)
		return hb_trial_fail(trial, "a loop that runs once is not reported");
	return sum.found <= sum.due ? 0 : hb_trial_fail(trial, "more is found than is due");
}

static int teardown(struct hb_trial *trial)
{
	(void)trial;
	labelled_finish(&scripts);
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 4000;
}

/* Halves that are not there are left out. */
static bool half_is_there(const struct hb_params *values, const char **ret_why)
{
	const char *half = hb_params_text(values, "half");
	char folder[4096];

	(void)snprintf(folder, sizeof(folder), CORPUS "/%s", half);
	*ret_why = "the corpus has no such half";
	return !strchr(half, '/') && half[0] != '.' && access(folder, R_OK) == 0;
}

#define HALF                                                                                      \
	{                                                                                         \
		.name = "half", .type = HB_PARAM_TEXT, .unit = "1",                               \
		.help = "blind: written before the analyser; blind-2 to blind-4: without "        \
			"sight of it; seen, families: beside it",                                 \
		.sweep = "blind,blind-2,blind-3,blind-4,seen,families", .sweep_quick = "blind-4", \
	}

static const struct hb_param class_params[] = {
	HALF,
	{
		.name = "form",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "the script with the bug, a rewrite of the same meaning, or put right",
		.sweep = "buggy,rewrite,fixed",
		.sweep_quick = "buggy",
	},
	{
		.name = "class",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "class of finding; scripts in which it is due in some form",
		.sweep = "system-deletion,user-deletion,data-loss,path-state,must-fail,not-a-"
			 "command,"
			 "unbound,word-split,loop-once,loop-forever,dead-code,constant-test,"
			 "lost-status,errexit-defeated,reads-stdin",
		.sweep_quick = "system-deletion,unbound",
	},
	{.name = NULL},
};

static const struct hb_param params[] = {
	HALF,
	{
		.name = "form",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "the script with the bug, a rewrite of the same meaning, or put right",
		.sweep = "buggy,rewrite,fixed",
		.sweep_quick = "buggy,rewrite,fixed",
	},
	{.name = NULL},
};

#define COUNT(name_, help_, better_)                                                \
	{                                                                           \
		.name = (name_), .unit = "1", .help = (help_), .better = (better_), \
		.basis = HB_BASIS_COUNT, .exact = true,                             \
	}

#define SHARE(name_, help_)                                                                \
	{                                                                                  \
		.name = (name_), .unit = "1", .help = (help_), .better = HB_BETTER_HIGHER, \
		.basis = HB_BASIS_COUNT, .exact = true,                                    \
	}

static const struct hb_metric metrics[] = {
	SHARE("share", "bugs found of those due; of fixed scripts, those without a report"),
	SHARE("share_low", "lower end of the 95 % interval of share (Wilson)"),
	SHARE("share_high", "upper end of the 95 % interval of share (Wilson)"),
	COUNT("found", "bugs that are reported with their class", HB_BETTER_HIGHER),
	COUNT("due", "bugs in these scripts", HB_BETTER_NONE),
	COUNT("reported_though_fixed", "fixed scripts that are still reported with the class",
		HB_BETTER_LOWER),
	COUNT("noise", "other findings of severity warning and above", HB_BETTER_LOWER),
	{.name = NULL},
};

#define VARIANT(name_, role_, setup_, help_)                                           \
	{                                                                              \
		.name = (name_), .role = (role_), .help = (help_), .probe = probe,     \
		.setup = (setup_), .run = run, .verify = verify, .teardown = teardown, \
		.sabotage = sabotage, .data = (name_),                                 \
	}

static const struct hb_variant variants[] = {
	VARIANT("shellcheck", HB_ROLE_BASELINE, setup, "ShellCheck with its default checks"),
	VARIANT("shcheck", HB_ROLE_IDEA, setup, "the abstract interpreter"),
	{.name = NULL},
};

static const struct hb_variant class_variants[] = {
	VARIANT("shellcheck", HB_ROLE_BASELINE, setup_class, "ShellCheck with its default checks"),
	VARIANT("shcheck", HB_ROLE_IDEA, setup_class, "the abstract interpreter"),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "finds-more-bugs",
		.text = "Analysis of meaning finds at least 1.5 times as many of the known bugs as "
			"matching of syntax.",
		.paper = "From Ahead-of- to Just-in-Time and Back Again, HotOS'25",
		.section = "",
		.metric = "found",
		.variant = "shcheck",
		.where = "half=blind-4;form=buggy",
		.lo = 1.5,
		.hi = 100,
		.needs = "shellcheck",
		.headline = 1,
	},
	{
		.name = "finds-rewrites",
		.text = "It finds at least twice as many where the bug is written another way.",
		.paper = "From Ahead-of- to Just-in-Time and Back Again, HotOS'25",
		.section = "",
		.metric = "found",
		.variant = "shcheck",
		.where = "half=blind-4;form=rewrite",
		.lo = 2,
		.hi = 100,
		.needs = "shellcheck",
	},
	{
		.name = "silent-when-fixed",
		.text = "It is silent on at least as many of the fixed scripts.",
		.paper = "ours",
		.section = "",
		.metric = "share",
		.variant = "shcheck",
		.where = "half=blind-4;form=fixed",
		.lo = 1,
		.hi = 100,
		.needs = "shellcheck",
	},
	{.name = NULL},
};

const struct hb_experiment shcheck_bugs = {
	.name = "bugs",
	.question = "How many known bugs of scripts are found, and what else is reported?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "form", .facet = "half", .metric = "share"},
	.unseeded = true,
	.quiet = true,
	.trial_ms = trial_ms,
	.valid = half_is_there,
};

const struct hb_experiment shcheck_classes = {
	.name = "classes",
	.question = "Which classes of known bugs are found?",
	.params = class_params,
	.metrics = metrics,
	.variants = class_variants,
	.chart = {.x = "class", .facet = "half", .metric = "share"},
	.unseeded = true,
	.quiet = true,
	.trial_ms = trial_ms,
	.valid = half_is_there,
};
