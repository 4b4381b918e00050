/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metastable/cache: a look-aside cache in front of a database, while the load climbs a staircase and comes down again.
 * Entries expire, so a cache that is not filled empties.
 * Filled by answers in time only, the cache that was lost on the top does not come back on the way down: the loop of
 * hysteresis. Filled by the work that is done, whether or not somebody still waits, it does. One trial is one step of
 * the staircase, after all steps before it.
 */
#include "experiments.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <metastable/simulation.h>

#include "paper_model.h"

#define RUNS 2
#define RUNS_QUICK 1
#define STEP_S 600
#define STEPS 6
#define LOWEST_PER_S 10

static struct ms_model model;
static struct ms_run_result result;
static struct ms_simulation *simulation;
static struct ms_bin *bins;
static double end_s;
static bool sabotaged;

/* Position on the staircase, 0 ... 2 STEPS - 2, of a load on one of the two ways. */
static uint32_t position_of(const struct hb_params *params)
{
	uint32_t step = 0;

	while (step + 1 < STEPS && (LOWEST_PER_S << step) < hb_params_i64(params, "load"))
		step++;
	return strcmp(hb_params_text(params, "way"), "up") == 0 ? step : 2 * (STEPS - 1) - step;
}

static int setup(struct hb_trial *trial)
{
	uint32_t last = position_of(hb_trial_params(trial));
	struct ms_run_options options = {0};
	struct hb_error error = {0};
	char text[2048];
	int length = snprintf(text, sizeof(text),
		"server db { threads 1; queue 500 fifo; service exp 25/s; on_full drop }\n"
		"cache k in front of db { lookaside; keys 2000 zipf 1.01; size 1000; ttl 200s; "
		"fill_on %s; start warm }\n"
		"client web -> db { rate poisson %d/s; timeout 1s; retry 1 immediate }\n",
		(const char *)hb_trial_data(trial), LOWEST_PER_S);

	for (uint32_t i = 1; i <= last; i++) {
		uint32_t step = i < STEPS ? i : 2 * (STEPS - 1) - i;

		length += snprintf(text + length, sizeof(text) - (size_t)length,
			"trigger { at %us for %us rate web %d/s }\n", i * STEP_S, (uint32_t)STEP_S,
			LOWEST_PER_S << step);
	}
	if (model_read(trial, text, &model))
		return -EBADMSG;
	end_s = (last + 1.0) * STEP_S;
	options.end_s = end_s;
	if (ms_simulation_create(&model, &options, &simulation, &error))
		return hb_trial_fail(trial, "%s", error.text);
	bins = malloc(ms_simulation_bins(simulation, &(double){0}) * sizeof(*bins));
	return bins ? 0 : hb_trial_fail(trial, "no memory for the series");
}

/* Requests and successes of the second half of the last step, when what the step changed has settled. */
static int run(struct hb_trial *trial)
{
	uint32_t runs = hb_trial_is_quick(trial) ? RUNS_QUICK : RUNS;
	uint64_t requests = 0, successes = 0;
	struct hb_error error = {0};
	double bin_s;
	uint32_t count = ms_simulation_bins(simulation, &bin_s);
	uint32_t half = (uint32_t)(STEP_S / 2 / bin_s);

	for (uint32_t i = 0; i < runs; i++) {
		if (ms_simulation_run(simulation, hb_trial_seed(trial), i, bins, &result, &error))
			return hb_trial_fail(trial, "%s", error.text);
		for (uint32_t b = count > half ? count - half : 0; b < count; b++) {
			requests += bins[b].requests;
			successes += bins[b].successes;
		}
	}
	/* Requests of just before can succeed within. */
	successes = successes < requests ? successes : requests;
	hb_trial_metric(trial, "lost",
		laplace_share((uint32_t)(requests - successes), (uint32_t)requests), requests);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	if (sabotaged)
		result.clients[0].failures++;
	return requests_end_once(trial, &result.clients[0]);
}

static int teardown(struct hb_trial *trial)
{
	(void)trial;
	free(bins);
	ms_simulation_destroy(simulation);
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

static bool valid(const struct hb_params *at, const char **ret_why)
{
	int64_t load = hb_params_i64(at, "load");

	*ret_why = "the steps are 10, 20, 40, 80, 160 and 320 per second";
	for (int step = 0; step < STEPS; step++) {
		if (load == LOWEST_PER_S << step)
			return true;
	}
	return false;
}

static const struct hb_param params[] = {
	{
		.name = "way",
		.type = HB_PARAM_TEXT,
		.help = "on the way up, or down again from 320 per second",
		.sweep = "up,down",
		.sweep_quick = "up",
		.allowed = "up,down",
	},
	{
		.name = "load",
		.type = HB_PARAM_INT,
		.unit = "1/s",
		.help = "requests; the database alone can do 25",
		.sweep = "10,20,40,80,160,320",
		.sweep_quick = "40",
		.min = 10,
		.max = 320,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "lost",
		.unit = "1",
		.help = "share of requests without success, 300 to 600 s after the step began "
			"(Laplace's rule)",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, data_)                                                    \
	{                                                                                      \
		.name = (name_), .role = (role_), .help = (help_), .setup = setup, .run = run, \
		.verify = verify, .teardown = teardown, .sabotage = sabotage, .data = (data_), \
	}

static const struct hb_variant variants[] = {
	VARIANT("fill-on-success", HB_ROLE_BASELINE, "clients fill the cache with answers in time",
		"success"),
	VARIANT("fill-always", HB_ROLE_IDEA, "the server fills it with all that it has done",
		"always"),
	{.name = NULL},
};

#define OSDI_PAPER "Metastable Failures in the Wild, OSDI'22"

static const struct hb_claim claims[] = {
	{
		.name = "load-has-hysteresis",
		.text = "At a load that the cache carried on the way up, the service is down on "
			"the "
			"way down.",
		.paper = OSDI_PAPER,
		.section = "5.3",
		.metric = "lost",
		.variant = "fill-on-success",
		.where = "way=down;load=80",
		.against_variant = "fill-on-success",
		.against_where = "way=up;load=80",
		.lo = 10,
		.hi = INFINITY,
	},
	{
		.name = "loop-closes",
		.text = "At a load that the database alone can carry, the service comes back.",
		.paper = OSDI_PAPER,
		.section = "5.3",
		.metric = "lost",
		.variant = "fill-on-success",
		.where = "way=down;load=10",
		.against_variant = "fill-on-success",
		.against_where = "way=down;load=80",
		.lo = 0,
		.hi = 0.1,
	},
	{
		.name = "fill-always-comes-back",
		.text = "Filled with all work that is done, the cache comes back at a load that is "
			"more than the database can do.",
		.paper = OSDI_PAPER,
		.section = "5.3",
		.metric = "lost",
		.variant = "fill-always",
		.where = "way=down;load=40",
		.lo = 0,
		.hi = 0.01,
	},
	{
		.name = "fill-always-removes-the-loop",
		.text = "Filled with all work that is done, the cache carries on the way down what "
			"it carried on the way up.",
		.paper = OSDI_PAPER,
		.section = "5.3",
		.metric = "lost",
		.variant = "fill-always",
		.where = "way=down;load=80",
		.against_variant = "fill-always",
		.against_where = "way=up;load=80",
		.lo = 0,
		.hi = 2,
	},
	{.name = NULL},
};

const struct hb_experiment metastable_cache = {
	.name = "cache",
	.question = "Does a cache come back when the load that emptied it is gone?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "load", .facet = "way", .metric = "lost", .log_x = true},
	.blocks = 6,
	.quiet = true,
	.trial_ms = trial_ms,
	.valid = valid,
};
