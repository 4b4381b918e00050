/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metastable/threshold: after an overload a deep queue stays full if the load exceeds 1 / (1 + r) of the capacity, and
 * empties otherwise. The load is given in percent of that threshold.
 */
#include "experiments.h"

#include <math.h>
#include <stdbool.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <metastable/simulation.h>
#include <metastable/verdict.h>

#include "paper_model.h"

#define RUNS 20
#define RUNS_QUICK 5
#define HORIZON_S 7200
#define CAPACITY_PER_S 10.0

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
	model.servers[0].queue_capacity = 1000;
	model.horizon_s = HORIZON_S;
	c->retries = (uint32_t)hb_params_i64(params, "retries");
	c->rate_per_s =
		(double)hb_params_i64(params, "load") / 100 * CAPACITY_PER_S / (1.0 + c->retries);
	if (*(const bool *)hb_trial_data(trial)) {
		c->backoff = MS_BACKOFF_EXPONENTIAL;
		c->backoff_s = 5;
		c->jitter = MS_JITTER_FULL;
	}
	code = ms_overload(&model, &error);
	if (!code)
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
		.name = "retries",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "beyond the first attempt",
		.sweep = "1,2,5",
		.sweep_quick = "5",
		.min = 1,
		.max = 100,
	},
	{
		.name = "load",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "percent of the threshold",
		.sweep = "80,90,110,120",
		.sweep_quick = "80,120",
		.min = 1,
		.max = 190,
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
		.name = "threshold",
		.text = "A deep queue stays full above a load of 1/(1+r), and empties below.",
		.paper = METASTABLE_PAPER,
		.section = "",
		.metric = "stuck",
		.variant = "naive",
		.where = "load=120",
		.against_where = "load=80",
		.lo = 8,
		.hi = INFINITY,
	},
	{
		.name = "backoff-keeps-the-threshold",
		.text = "Backoff with jitter does not move the threshold: clients are an open "
			"loop.",
		.paper = METASTABLE_PAPER,
		.section = "",
		.metric = "stuck",
		.variant = "backoff",
		.where = "load=120",
		.lo = 0.9,
		.hi = 1.1,
	},
	{.name = NULL},
};

const struct hb_experiment metastable_threshold = {
	.name = "threshold",
	.question = "From which load on does a deep queue stay full?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "load", .facet = "retries", .metric = "stuck"},
	.blocks = 6,
	.quiet = true,
	.trial_ms = trial_ms,
};
