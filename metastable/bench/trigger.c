/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metastable/trigger: how often a burst of so many requests per second leaves the running example down, by its length:
 * a steep rise. Lengths are percent of the edge that the fluid level predicts for clients that retry at once, so where
 * to look was settled before anything was simulated. Backoff with jitter makes the basin of the good mode larger, not
 * the bad mode go away.
 */
#include "experiments.h"

#include <math.h>
#include <stdbool.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <metastable/fluid.h>

#include "paper_model.h"
#include "stays_down.h"

#define HORIZON_S 600
#define BURST_AT_S 60
#define LONGEST_S 256.0
#define BISECTIONS 14

static const bool backs_off[] = {false, true};
static double edge_s;

/* Does the fluid still have more than half of a queue, HORIZON_S after a burst of @length_s? */
static int fluid_stays_down(struct hb_trial *trial, double length_s, bool *ret_stays)
{
	struct ms_model *model = stays_down_model();
	double start[MS_FLUID_AXES] = {0}, at[2 * MS_FLUID_AXES];
	struct ms_fluid *fluid = NULL;
	struct hb_error error = {0};
	int code;

	model->triggers[0].duration_s = length_s;
	code = ms_fluid_create(model, &fluid, &error);
	if (!code)
		code = ms_fluid_run(
			fluid, start, BURST_AT_S + length_s + HORIZON_S, false, 2, at, &error);
	ms_fluid_destroy(fluid);
	if (code)
		return hb_trial_fail(trial, "%s", error.text);
	*ret_stays = at[MS_FLUID_AXES + MS_FLUID_QUEUE] > model->servers[0].queue_capacity / 2.0;
	return 0;
}

/* The shortest burst that keeps the fluid down, to LONGEST_S / 2^BISECTIONS. */
static int edge_find(struct hb_trial *trial)
{
	double low = 0, high = LONGEST_S;
	bool stays = false;
	int code = fluid_stays_down(trial, high, &stays);

	if (!code && !stays)
		return hb_trial_fail(trial, "no burst of up to %g s keeps the fluid down", high);
	for (int i = 0; !code && i < BISECTIONS; i++) {
		double middle = (low + high) / 2;

		code = fluid_stays_down(trial, middle, &stays);
		if (stays)
			high = middle;
		else
			low = middle;
	}
	edge_s = high;
	return code;
}

static int setup(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	struct ms_model *model = stays_down_model();
	int code = paper_model(trial, "", model);
	struct hb_error error = {0};

	if (code)
		return code;
	model->horizon_s = HORIZON_S;
	model->triggers[0].at_s = BURST_AT_S;
	model->triggers[0].value = (double)hb_params_i64(params, "burst");
	code = edge_find(trial);
	if (code)
		return code;
	model->triggers[0].duration_s = edge_s * (double)hb_params_i64(params, "length") / 100;
	if (*(const bool *)hb_trial_data(trial))
		stays_down_backoff();
	code = ms_model_check(model, &error);
	return code ? hb_trial_fail(trial, "%s", error.text) : 0;
}

static int run(struct hb_trial *trial)
{
	hb_trial_metric(trial, "edge", 1e9 * edge_s, 1);
	return stays_down_run(trial);
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
		.help = "of the burst, in percent of the edge that the fluid predicts",
		.sweep = "25,50,75,100,133,200,400",
		.sweep_quick = "100",
		.min = 1,
		.max = 10000,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	STAYS_DOWN_METRIC,
	{
		.name = "edge",
		.unit = "ns",
		.help = "shortest burst that keeps the fluid down, without backoff",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	STAYS_DOWN_VARIANT("naive", HB_ROLE_BASELINE, "retries at once", setup, run, &backs_off[0]),
	STAYS_DOWN_VARIANT("backoff", HB_ROLE_IDEA, "exponential backoff from 5 s with full jitter",
		setup, run, &backs_off[1]),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "longer-bursts-tip",
		.text = "A burst of half the length that the fluid predicts leaves the service up, "
			"one "
			"of twice that length down.",
		.paper = "Metastable Failures in the Wild, OSDI'22",
		.section = "5.1",
		.metric = "stuck",
		.variant = "naive",
		.where = "length=200",
		.against_variant = "naive",
		.against_where = "length=50",
		.lo = 10,
		.hi = INFINITY,
	},
	{
		.name = "backoff-widens-the-basin",
		.text = "At the edge that the fluid predicts, backoff and jitter make a burst tip "
			"the "
			"service less often.",
		.paper = METASTABLE_PAPER,
		.section = "",
		.metric = "stuck",
		.variant = "backoff",
		.where = "length=100",
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
	.trial_ms = stays_down_ms,
};
