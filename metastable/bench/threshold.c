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

#include <metastable/verdict.h>

#include "paper_model.h"
#include "stays_down.h"

#define HORIZON_S 7200
#define CAPACITY_PER_S 10.0

static const bool backs_off[] = {false, true};
static int setup(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	struct ms_model *model = stays_down_model();
	int code = paper_model(trial, "", model);
	struct ms_client *c = &model->clients[0];
	struct hb_error error = {0};

	if (code)
		return code;
	model->servers[0].queue_capacity = 1000;
	model->horizon_s = HORIZON_S;
	c->retries = (uint32_t)hb_params_i64(params, "retries");
	c->rate_per_s =
		(double)hb_params_i64(params, "load") / 100 * CAPACITY_PER_S / (1.0 + c->retries);
	if (*(const bool *)hb_trial_data(trial))
		stays_down_backoff();
	code = ms_overload(model, &error);
	if (!code)
		code = ms_model_check(model, &error);
	return code ? hb_trial_fail(trial, "%s", error.text) : 0;
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
		.sweep_quick = "120",
		.min = 1,
		.max = 190,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	STAYS_DOWN_METRIC,
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	STAYS_DOWN_VARIANT(
		"naive", HB_ROLE_BASELINE, "retries at once", setup, stays_down_run, &backs_off[0]),
	STAYS_DOWN_VARIANT("backoff", HB_ROLE_IDEA, "exponential backoff from 5 s with full jitter",
		setup, stays_down_run, &backs_off[1]),
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
	.trial_ms = stays_down_ms,
};
