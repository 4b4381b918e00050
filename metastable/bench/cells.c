/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metastable/cells: 24 named cells of the running example (queue and load), half of them near the boundaries of its map
 * and half far from them. An overload fills the queue; is the service still down HORIZON_S later? A real service and
 * real clients, on compressed time, say so by one run a block. They are held against the majority of many simulated
 * runs, and so is a single simulated run: it differs where the cell is a coin toss, and nothing should differ more
 * often. Why a run differs is a number too: the share of simulated runs that end as it did. A run that hardly any
 * simulated one resembles is the service's; one that many resemble is chance.
 */
#include "experiments.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <metastable/emulation.h>
#include <metastable/verdict.h>

#include "paper_model.h"

#define HORIZON_S 120.0
#define HORIZON_QUICK_S 30.0
#define JUDGES 41 /* simulated runs whose majority counts; odd */
#define JUDGES_QUICK 5
#define JUDGES_FROM 1000 /* their replications, apart from that of the single run */
#define COMPRESSION 40.0
#define COMPRESSION_QUICK 400.0
#define EMULATIONS_MAX 3 /* after as many void runs the trial fails */

enum predictor {
	BY_ONE_RUN,
	BY_EMULATION,
	BY_CHAIN,
	BY_RULE,
};

static const enum predictor predictors[] = {BY_ONE_RUN, BY_EMULATION, BY_CHAIN, BY_RULE};
static struct ms_model model, plain;
static struct ms_study judges;
static bool sabotaged;

/* "q60-l5" = queue 60, load 5 per second; "l1.5" too. */
static int cell_read(struct hb_trial *trial, struct ms_model *ret)
{
	const char *name = hb_params_text(hb_trial_params(trial), "cell");
	struct hb_error error = {0};
	unsigned int queue;
	double load;

	if (sscanf(name, "q%u-l%lf", &queue, &load) != 2)
		return hb_trial_fail(trial, "cell %s is not named qQUEUE-lLOAD", name);
	ret->servers[0].queue_capacity = queue;
	ret->clients[0].rate_per_s = load;
	if (ms_model_check(ret, &error))
		return hb_trial_fail(trial, "%s", error.text);
	return 0;
}

static int setup(struct hb_trial *trial)
{
	struct hb_error error = {0};
	int code = paper_model(trial, "", &model);

	if (!code)
		code = cell_read(trial, &model);
	if (code)
		return code;
	model.trigger_count = 0;
	model.horizon_s = hb_trial_is_quick(trial) ? HORIZON_QUICK_S : HORIZON_S;
	plain = model;
	if (ms_overload(&model, &error) || ms_model_check(&model, &error))
		return hb_trial_fail(trial, "%s", error.text);
	return 0;
}

static int ask_one_run(struct hb_trial *trial, bool *ret_stays)
{
	struct ms_study_options options = {
		.run = {.stop_at_recovery = true}, .runs = 1, .threads = 1};
	struct ms_study one;
	struct hb_error error = {0};

	if (ms_study_run(&model, &options, hb_trial_seed(trial), &one, &error))
		return hb_trial_fail(trial, "%s", error.text);
	*ret_stays = one.stuck > 0;
	return 0;
}

/* Void runs are made again, at half the speed: late timers are the machine's fault, not the service's. */
static int ask_emulation(struct hb_trial *trial, bool *ret_stays)
{
	struct ms_emulation_options options = {
		.compression = hb_trial_is_quick(trial) ? COMPRESSION_QUICK : COMPRESSION,
		.run = {.stop_at_recovery = true},
	};
	struct ms_emulation_result result;
	struct hb_error error = {0};

	for (int i = 0; i < EMULATIONS_MAX; i++, options.compression /= 2) {
		if (ms_emulation_run(
			    &model, &options, hb_trial_seed(trial), 0, NULL, &result, &error))
			return hb_trial_fail(trial, "%s", error.text);
		*ret_stays = result.run.stuck;
		/* A smoke run says that it runs, on however busy a machine. */
		if (!result.voided || hb_trial_is_quick(trial))
			return 0;
	}
	return hb_trial_fail(trial,
		"%d runs were void: of %llu timers %llu were late; run it on an idle machine",
		EMULATIONS_MAX, (unsigned long long)result.client.timers,
		(unsigned long long)result.client.late);
}

/* Down with the probability exp(-horizon / mean time to recover). */
static int ask_chain(struct hb_trial *trial, double *ret_share)
{
	struct ms_verdict_options options = {.states_max = 200000};
	struct ms_verdict verdict;
	struct hb_error error = {0};

	if (ms_verdict_of(MS_LEVEL_MARKOV, &plain, &options, &verdict, &error))
		return hb_trial_fail(trial, "%s", error.text);
	if (verdict.code)
		return hb_trial_fail(trial, "%s", verdict.reason);
	*ret_share = exp(-plain.horizon_s / verdict.recover_s[1]);
	return 0;
}

/* @ret_share: how often the service is still down, by what was asked: a share, or yes (1) and no (0). */
static int ask(struct hb_trial *trial, enum predictor by, double *ret_share)
{
	enum ms_class rule;
	bool stays = false;
	int code = 0;

	switch (by) {
	case BY_ONE_RUN:
		code = ask_one_run(trial, &stays);
		break;
	case BY_EMULATION:
		code = ask_emulation(trial, &stays);
		break;
	case BY_CHAIN:
		return ask_chain(trial, ret_share);
	case BY_RULE:
		rule = ms_rule_of_thumb(&plain);
		stays = rule == MS_VULNERABLE || rule == MS_COLLAPSED;
		break;
	}
	*ret_share = stays;
	return code;
}

/* The majority of simulated runs with random numbers of their own. */
static int judge(struct hb_trial *trial, bool *ret_stays)
{
	struct ms_study_options options = {.run = {.stop_at_recovery = true},
		.runs = hb_trial_is_quick(trial) ? JUDGES_QUICK : JUDGES,
		.threads = 1};
	struct hb_error error = {0};

	if (ms_study_run(&model, &options, hb_trial_seed(trial) + JUDGES_FROM, &judges, &error))
		return hb_trial_fail(trial, "%s", error.text);
	*ret_stays = 2 * judges.stuck > judges.runs;
	return 0;
}

static int run(struct hb_trial *trial)
{
	enum predictor by = *(const enum predictor *)hb_trial_data(trial);
	bool stays, majority = false;
	double share = 0;
	int code = ask(trial, by, &share);

	if (!code)
		code = judge(trial, &majority);
	if (code)
		return code;
	stays = share >= 0.5;
	hb_trial_metric(trial, "wrong", laplace_share(stays != majority, 1), 1);
	hb_trial_metric(trial, "alike",
		laplace_share(stays ? judges.stuck : judges.runs - judges.stuck, judges.runs),
		judges.runs);
	hb_trial_metric(trial, "stays", (share + 1) / 3, 1);
	hb_trial_metric(trial, "simulated", laplace_share(judges.stuck, judges.runs), judges.runs);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	if (sabotaged)
		judges.clients[0].failures++;
	return requests_end_once(trial, &judges.clients[0]);
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 10000;
}

/* Near: within two steps of a boundary of the map at this horizon. */
#define NEAR                                                                     \
	"q45-l5,q50-l5,q55-l5,q60-l5,q50-l6,q55-l6,q45-l7,q50-l7,q55-l4,q60-l4," \
	"q60-l3,q65-l3"
#define FAR                                                                          \
	"q20-l3,q20-l5,q30-l5,q35-l4,q30-l7,q35-l2,q150-l1,q100-l5,q150-l5,q150-l6," \
	"q120-l4,q100-l7"

static const struct hb_param params[] = {
	{
		.name = "zone",
		.type = HB_PARAM_TEXT,
		.help = "within two steps of a boundary of the map, or not",
		.sweep = "near,far",
		.sweep_quick = "far",
		.allowed = "near,far",
	},
	{
		.name = "cell",
		.type = HB_PARAM_TEXT,
		.help = "queue and load per second",
		.sweep = NEAR "," FAR,
		.sweep_quick = "q20-l5",
		.allowed = NEAR "," FAR,
	},
	{.name = NULL},
};

/* Is @name among the comma-separated @list? */
static bool is_among(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = list; (at = strstr(at, name)); at += length) {
		if ((at == list || at[-1] == ',') && (at[length] == ',' || !at[length]))
			return true;
	}
	return false;
}

static bool valid(const struct hb_params *at, const char **ret_why)
{
	bool near = strcmp(hb_params_text(at, "zone"), "near") == 0;

	*ret_why = "the cell lies in the other zone";
	return is_among(near ? NEAR : FAR, hb_params_text(at, "cell"));
}

#define SHARE(name_, help_)                                                              \
	{                                                                                \
		.name = (name_), .unit = "1", .help = (help_), .better = HB_BETTER_NONE, \
		.basis = HB_BASIS_MODEL,                                                 \
	}

static const struct hb_metric metrics[] = {
	{
		.name = "wrong",
		.unit = "1",
		.help = "2/3 if it differs from the majority of simulated runs, else 1/3 "
			"(Laplace's "
			"rule)",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
	},
	{
		.name = "alike",
		.unit = "1",
		.help = "share of simulated runs that end as this one (Laplace's rule)",
		.better = HB_BETTER_HIGHER,
		.basis = HB_BASIS_MODEL,
	},
	SHARE("stays",
		"2/3 if the service is down at the end, else 1/3 (Laplace's rule); of the chain, "
		"which has a probability P, (1 + P) / 3"),
	SHARE("simulated", "share of simulated runs that stay down (Laplace's rule)"),
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, data_)                                                    \
	{                                                                                      \
		.name = (name_), .role = (role_), .help = (help_), .setup = setup, .run = run, \
		.verify = verify, .sabotage = sabotage, .data = (data_),                       \
	}

static const struct hb_variant variants[] = {
	VARIANT("one-run", HB_ROLE_BASELINE, "a single simulated run", &predictors[BY_ONE_RUN]),
	VARIANT("emulation", HB_ROLE_IDEA, "a real service and real clients, one run",
		&predictors[BY_EMULATION]),
	VARIANT("chain", HB_ROLE_RIVAL, "the Markov chain's mean time to recover",
		&predictors[BY_CHAIN]),
	VARIANT("rule", HB_ROLE_RIVAL, "load > 1/(1+r) and queue > capacity x timeout",
		&predictors[BY_RULE]),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "emulation-agrees-far",
		.text = "Far from boundaries the real service ends where simulated ones do.",
		.paper = METASTABLE_PAPER,
		.section = "Table 1",
		.metric = "wrong",
		.variant = "emulation",
		.where = "zone=far",
		.lo = 0.95,
		.hi = 1.05,
	},
	{
		.name = "emulation-agrees-near",
		.text = "Near boundaries it differs hardly more often than one simulated run does.",
		.paper = METASTABLE_PAPER,
		.section = "Table 1",
		.metric = "wrong",
		.variant = "emulation",
		.where = "zone=near",
		.lo = 0.8,
		.hi = 1.25,
	},
	{
		.name = "emulation-ends-as-simulated-runs-do",
		.text = "Near boundaries as many simulated runs end like a run of the real service "
			"as like another simulated run.",
		.paper = METASTABLE_PAPER,
		.section = "Table 1",
		.metric = "alike",
		.variant = "emulation",
		.where = "zone=near",
		.lo = 0.8,
		.hi = 1.25,
	},
	{.name = NULL},
};

const struct hb_experiment metastable_cells = {
	.name = "cells",
	.question = "Does a real service end where the models say?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "cell", .facet = "zone", .metric = "wrong"},
	.blocks = 6,
	.trial_ms = trial_ms,
	.valid = valid,
};
