/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metastable/speed-markov: time for the stationary law of queue x orbit chains, by elimination within a band and in
 * nested-dissection order, both without a subtraction; and, for the latter, for everything that `metastable ctmc`
 * prints. A law is right if what flows into each state flows out of it.
 */
#include "experiments.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <metastable/ctmc.h>

#include "banded.h"
#include "paper_model.h"

#define BALANCE_MAX 1e-10

enum order {
	IN_A_BAND,
	IN_DISSECTION_ORDER,
};

static const enum order orders[] = {IN_A_BAND, IN_DISSECTION_ORDER};
static struct ms_model model;
static struct ms_ctmc_chain *chain;
static struct ms_ctmc_options options;
static struct ms_ctmc everything;
static double *share;
static bool sabotaged;

/* A square grid: as many requests in the orbit as jobs in the server. */
static int setup(struct hb_trial *trial)
{
	uint32_t side = (uint32_t)hb_params_i64(hb_trial_params(trial), "side");
	struct hb_error error = {0};
	int code = paper_model(trial, "", &model);

	if (code)
		return code;
	model.servers[0].queue_capacity = side - 1;
	options = (struct ms_ctmc_options){.orbit_bound = side - 1, .eigenvalues = 4};
	code = ms_ctmc_chain_create(&model, &options, &chain, &error);
	if (code)
		return hb_trial_fail(trial, "%s", error.text);
	share = calloc(chain->generator.states, sizeof(*share));
	return share != NULL ? 0 : hb_trial_fail(trial, "out of memory for a law");
}

static int run(struct hb_trial *trial)
{
	enum order order = *(const enum order *)hb_trial_data(trial);
	int64_t begin_ns = hb_clock_now_ns();
	struct hb_error error = {0};
	int code;

	if (order == IN_A_BAND)
		code = banded_stationary(&chain->generator, share);
	else
		code = ms_stationary(&chain->generator, 0.0, share, NULL, &error);
	if (code)
		return hb_trial_fail(trial, "%s", code == -ENOMEM ? "out of memory" : error.text);
	hb_trial_metric(trial, "stationary", (double)(hb_clock_now_ns() - begin_ns), 1);
	if (order == IN_A_BAND)
		return 0;
	begin_ns = hb_clock_now_ns();
	code = ms_ctmc_solve(chain, &options, model.horizon_s, &everything, &error);
	if (code)
		return hb_trial_fail(trial, "%s", error.text);
	hb_trial_metric(trial, "everything", (double)(hb_clock_now_ns() - begin_ns), 1);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	const struct ms_generator *g = &chain->generator;
	double *in = calloc(g->states, sizeof(*in)), worst = 0.0;

	if (in == NULL)
		return hb_trial_fail(trial, "out of memory for the flows");
	if (sabotaged)
		share[g->states / 2] *= 1.001;
	for (uint32_t i = 0; i < g->states; i++) {
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++)
			in[g->target[e]] += share[i] * g->rate_per_s[e];
	}
	for (uint32_t i = 0; i < g->states; i++) {
		double out = share[i] * ms_generator_exit_rate(g, i);

		/* Below 1e-290 the flows lose digits to denormal numbers. */
		if (in[i] + out > 1e-290)
			worst = fmax(worst, fabs(in[i] - out) / (in[i] + out));
	}
	free(in);
	if (!(worst <= BALANCE_MAX))
		return hb_trial_fail(
			trial, "the flows of a state differ by %g of their sum", worst);
	if (everything.states != 0 && everything.beyond)
		return hb_trial_fail(trial, "some quantity is beyond resolution");
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	(void)trial;
	free(share);
	share = NULL;
	ms_ctmc_chain_destroy(chain);
	chain = NULL;
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static uint64_t memory_bytes(const struct hb_params *params)
{
	uint64_t side = (uint64_t)hb_params_i64(params, "side"), states = side * side;

	return (states * (2 * side + 3) * 8 < states * 1600 ? states * 1600
							    : states * (2 * side + 3) * 8) +
	       (64U << 20);
}

static uint64_t trial_ms(const struct hb_params *params)
{
	uint64_t side = (uint64_t)hb_params_i64(params, "side");

	return 200 + side * side * side / 1000 * side / 1000;
}

static const struct hb_param params[] = {
	{
		.name = "side",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "jobs and requests along each side of the grid, 0 included",
		.sweep = "60,120,240",
		.sweep_quick = "60",
		.sweep_full = "60,120,240,320",
		.min = 60,
		.max = 3200,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "stationary",
		.unit = "ns",
		.help = "the stationary law",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05,
	},
	{
		.name = "everything",
		.unit = "ns",
		.help = "law, both times, two quasi-stationary laws, four eigenvalues",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.optional = true,
		.min_effect = 0.05,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	{
		.name = "banded",
		.role = HB_ROLE_BASELINE,
		.help = "elimination in the order of the states, within the band of the grid",
		.setup = setup,
		.run = run,
		.verify = verify,
		.teardown = teardown,
		.sabotage = sabotage,
		.data = &orders[0],
	},
	{
		.name = "dissection",
		.role = HB_ROLE_IDEA,
		.help = "elimination of ever smaller parts, then of what parts them, in dense "
			"fronts",
		.setup = setup,
		.run = run,
		.verify = verify,
		.teardown = teardown,
		.sabotage = sabotage,
		.data = &orders[1],
	},
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "dissection-is-faster",
		.text = "At 240 x 240 states, nested dissection needs at most a third of the time "
			"of the band.",
		.paper = "Hotbed",
		.section = "",
		.metric = "stationary",
		.variant = "dissection",
		.where = "side=240",
		.lo = 0,
		.hi = 1.0 / 3.0,
	},
	{.name = NULL},
};

const struct hb_experiment metastable_speed_markov = {
	.name = "speed-markov",
	.question = "How long does it take to solve the chain?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "side", .metric = "stationary", .log_x = true, .log_y = true},
	.unseeded = true,
	.memory_bytes = memory_bytes,
	.trial_ms = trial_ms,
};
