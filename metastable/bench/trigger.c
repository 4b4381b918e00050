/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metastable/trigger: how often a burst of so many requests per second for so long leaves the running example down: a
 * steep rise over its length. Backoff with jitter makes the basin of the good mode larger, not the bad mode go away.
 */
#include "experiments.h"

#include <math.h>
#include <stdbool.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <metastable/simulation.h>

#include "paper_model.h"

#define RUNS 20
#define RUNS_QUICK 5
#define HORIZON_S 600
#define BURST_AT_S 60

static const bool backs_off[] = {false, true};
static struct ms_model model;
static struct ms_study study;
static bool sabotaged;

static int setup(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	int code = paper_model(trial, "", &model);
	struct ms_client *c = &model.clients[0];
	struct hb_error error = {0};

	if (code)
		return code;
	model.horizon_s = HORIZON_S;
	model.triggers[0].at_s = BURST_AT_S;
	model.triggers[0].value = (double)hb_params_i64(params, "burst");
	model.triggers[0].duration_s = (double)hb_params_i64(params, "length");
	if (*(const bool *)hb_trial_data(trial)) {
		c->backoff = MS_BACKOFF_EXPONENTIAL;
		c->backoff_s = 5;
		c->jitter = MS_JITTER_FULL;
	}
	code = ms_model_check(&model, &error);
	return code ? hb_trial_fail(trial, "%s", error.text) : 0;
}

static int run(struct hb_trial *trial)
{
	struct ms_study_options options = {
		.run = {.stop_at_recovery = true},
		.runs = hb_trial_is_quick(trial) ? RUNS_QUICK : RUNS,
		.threads = 1,
	};
	struct hb_error error = {0};

	if (ms_study_run(&model, &options, hb_trial_seed(trial), &study, &error))
		return hb_trial_fail(trial, "%s", error.text);
	hb_trial_metric(trial, "stuck", (study.stuck + 1.0) / (study.runs + 2.0), study.runs);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	const struct ms_client_counts *c = &study.clients[0];

	if (sabotaged)
		study.clients[0].failures++;
	if (c->requests != c->successes + c->failures + c->cancelled + c->open)
		return hb_trial_fail(trial, "requests are lost or end twice");
	return 0;
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
	return 3000;
}

static const struct hb_param params[] = {
	{
		.name = "burst",
		.type = HB_PARAM_INT,
		.unit = "1/s",
		.help = "rate of requests during the burst; 5 otherwise, the capacity is 10",
		.sweep = "15,30",
		.sweep_quick = "30",
		.min = 1,
		.max = 1000,
	},
	{
		.name = "length",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "seconds",
		.sweep = "1,2,4,8,16,32",
		.sweep_quick = "1,16",
		.min = 1,
		.max = 3600,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "stuck",
		.unit = "1",
		.help = "share of runs that stay down, by Laplace's rule (k + 1) / (n + 2)",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	{
		.name = "naive",
		.role = HB_ROLE_BASELINE,
		.help = "retries at once",
		.setup = setup,
		.run = run,
		.verify = verify,
		.sabotage = sabotage,
		.data = &backs_off[0],
	},
	{
		.name = "backoff",
		.role = HB_ROLE_IDEA,
		.help = "exponential backoff from 5 s with full jitter",
		.setup = setup,
		.run = run,
		.verify = verify,
		.sabotage = sabotage,
		.data = &backs_off[1],
	},
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "longer-bursts-tip",
		.text = "The same burst recovers from after a second, and stays down after 16.",
		.paper = "Metastable Failures in the Wild, OSDI'22",
		.section = "5.1",
		.metric = "stuck",
		.variant = "naive",
		.where = "burst=30;length=16",
		.against_where = "burst=30;length=1",
		.lo = 10,
		.hi = INFINITY,
	},
	{
		.name = "backoff-widens-the-basin",
		.text = "Near the edge, backoff and jitter make a burst tip the service less "
			"often.",
		.paper = METASTABLE_PAPER,
		.section = "",
		.metric = "stuck",
		.variant = "backoff",
		.where = "burst=15;length=8",
		.lo = 0,
		.hi = 0.9,
	},
	{.name = NULL},
};

const struct hb_experiment metastable_trigger = {
	.name = "trigger",
	.question = "Which bursts leave the service down?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "length", .facet = "burst", .metric = "stuck", .log_x = true},
	.blocks = 6,
	.quiet = true,
	.trial_ms = trial_ms,
};
