/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metastable/throttle: the running example is down, and an operator lets fewer requests in until its queue is a tenth
 * full, then all of them. How long does that take, by how much is let in, and does the service stay up afterwards? With
 * retries a throttle helps only below 1 / (1 + r) of the capacity.
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
#define OVERLOAD_S 120.0
#define OVERLOAD_PER_S 20.0
#define CAPACITY_PER_S 10.0
#define LOAD_PER_S 5.0
#define THROTTLED_MAX_S 7200.0
#define WATCHED_S 1800.0
#define SHORTEST_S 1.0

/* What a variant changes in the clients. */
struct arm {
	bool no_retries, cancel;
};

static struct ms_model model;
static struct ms_study study;
static double throttled_per_s;
static bool sabotaged;

static int setup(struct hb_trial *trial)
{
	const struct arm *arm = hb_trial_data(trial);
	const struct hb_params *params = hb_trial_params(trial);
	int code = paper_model(trial, "", &model);

	if (code)
		return code;
	throttled_per_s = (double)hb_params_i64(params, "admitted") / 100 * CAPACITY_PER_S;
	model.triggers[0].at_s = 0;
	model.triggers[0].duration_s = OVERLOAD_S;
	model.triggers[0].value = OVERLOAD_PER_S;
	if (arm->no_retries)
		model.clients[0].retries = 0;
	if (arm->cancel)
		model.clients[0].cancel = MS_CANCEL_WAITING;
	return 0;
}

static int study_run(struct hb_trial *trial, const struct ms_model *which)
{
	struct ms_study_options options = {
		.runs = hb_trial_is_quick(trial) ? RUNS_QUICK : RUNS, .threads = 1};
	struct hb_error error = {0};

	if (ms_model_check(which, &error) ||
		ms_study_run(which, &options, hb_trial_seed(trial), &study, &error))
		return hb_trial_fail(trial, "%s", error.text);
	return 0;
}

static int run(struct hb_trial *trial)
{
	struct ms_model throttled = model, lifted = model;
	double drained_s, held_s;
	int code;

	throttled.clients[0].rate_per_s = throttled_per_s;
	throttled.horizon_s = THROTTLED_MAX_S;
	code = study_run(trial, &throttled);
	if (code)
		return code;
	held_s = study.drained_s.runs == study.runs ? study.drained_s.max : THROTTLED_MAX_S;
	held_s = fmax(held_s, SHORTEST_S);
	drained_s = study.drained_s.runs ? study.drained_s.runs * study.drained_s.mean : 0;
	drained_s += (study.runs - study.drained_s.runs) * THROTTLED_MAX_S;
	drained_s = fmax(drained_s / study.runs, SHORTEST_S);
	hb_trial_metric(trial, "throttled", 1e9 * drained_s, study.runs);

	lifted.triggers[1] = lifted.triggers[0];
	lifted.triggers[1].name[0] = 'T';
	lifted.triggers[1].at_s = OVERLOAD_S;
	lifted.triggers[1].duration_s = held_s;
	lifted.triggers[1].value = throttled_per_s;
	lifted.trigger_count = 2;
	lifted.clients[0].rate_per_s = LOAD_PER_S;
	lifted.horizon_s = WATCHED_S;
	code = study_run(trial, &lifted);
	if (!code)
		hb_trial_metric(trial, "stuck", laplace_share(study.stuck, study.runs), study.runs);
	return code;
}

static int verify(struct hb_trial *trial)
{
	if (sabotaged)
		study.clients[0].failures++;
	return requests_end_once(trial, &study.clients[0]);
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
		.name = "admitted",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "percent of the capacity that is let in; 50 is the whole load",
		.sweep = "2,5,10,13,16,20,25,30,40,50",
		.sweep_quick = "10",
		.min = 1,
		.max = 50,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "throttled",
		.unit = "ns",
		.help = "mean time until a tenth of the queue is left, 2 h at most and 1 s at "
			"least",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "stuck",
		.unit = "1",
		.help = "share of runs that are down for 30 min after a throttle as long as the "
			"longest of these times (Laplace's rule)",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, ...)                                                      \
	{                                                                                      \
		.name = (name_), .role = (role_), .help = (help_), .setup = setup, .run = run, \
		.verify = verify, .sabotage = sabotage,                                        \
		.data = &((const struct arm){__VA_ARGS__}),                                    \
	}

static const struct hb_variant variants[] = {
	VARIANT("retrying", HB_ROLE_BASELINE, "who is let in retries five times", false, false),
	VARIANT("no-retries", HB_ROLE_IDEA, "nobody retries", true, false),
	VARIANT("cancelling", HB_ROLE_IDEA, "attempts that time out leave the queue", false, true),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "minimum-throttle",
		.text = "A throttle to 10 % of the capacity drains the queue, one to 25 % does "
			"not: "
			"the edge is at 1/(1+r).",
		.paper = "Formal Analysis of Metastable Failures, arXiv 2510.03551",
		.section = "6.3",
		.metric = "throttled",
		.variant = "retrying",
		.where = "admitted=25",
		.against_variant = "retrying",
		.against_where = "admitted=10",
		.lo = 10,
		.hi = INFINITY,
	},
	{
		.name = "deeper-is-sooner",
		.text = "The deeper the throttle, the sooner it may be lifted.",
		.paper = "Formal Analysis of Metastable Failures, arXiv 2510.03551",
		.section = "6.3",
		.metric = "throttled",
		.variant = "retrying",
		.where = "admitted=5",
		.against_variant = "retrying",
		.against_where = "admitted=13",
		.lo = 0,
		.hi = 0.9,
	},
	{
		.name = "without-retries-no-throttle",
		.text = "Without retries the queue drains at the whole load.",
		.paper = METASTABLE_PAPER,
		.section = "",
		.metric = "throttled",
		.variant = "no-retries",
		.where = "admitted=50",
		.lo = 0,
		.hi = 0.1,
	},
	{.name = NULL},
};

const struct hb_experiment metastable_throttle = {
	.name = "throttle",
	.question = "How far must a service that is down be throttled, and for how long?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "admitted", .metric = "throttled", .log_y = true},
	.blocks = 6,
	.quiet = true,
	.trial_ms = trial_ms,
};
