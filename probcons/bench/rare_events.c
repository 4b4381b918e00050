/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * probcons/rare-events: what an estimate to 1 % costs. The baseline draws fleets as they are; importance sampling
 * tilts them to the threshold; splitting climbs to it without knowing where it is. The exact value is known here, so
 * that the intervals can be checked.
 */
#include "experiments.h"

#include <math.h>
#include <string.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/rng.h>
#include <hotbed/trial.h>

#include <probcons/importance_sampling.h>
#include <probcons/splitting.h>

#include "oracle.h"

#define NODES_MAX 32
#define NAIVE_SAMPLES 1000000
#define TARGET 0.01 /* relative standard error */
#define SIGMAS 6

struct fleet {
	const char *name;
	int first, second; /* nodes of either class */
	double first_p, second_p;
	double beta;
};

static const struct fleet fleets[] = {
	{"9at8", 9, 0, 0.08, 0, 0},
	{"9at1", 9, 0, 0.01, 0, 0},
	{"25mixed", 10, 15, 0.02, 0.05, 0},
	{"9at1-beta", 9, 0, 0.01, 0, 1e-5},
};

enum method {
	NAIVE,
	TILTED,
	SPLITTING,
};

static const enum method naive = NAIVE, tilted = TILTED, splitting = SPLITTING;

static const struct fleet *fleet;
static struct pc_node nodes[NODES_MAX];
static uint32_t count;
static struct pc_protocol protocol;
static struct pc_shock_set shocks;
static double truth;
static bool sabotaged;
static struct pc_estimate estimate;

static int setup(struct hb_trial *trial)
{
	const char *name = hb_params_text(hb_trial_params(trial), "fleet");
	struct hb_error error = {0};
	double own;

	for (size_t i = 0; i < sizeof(fleets) / sizeof(fleets[0]); i++) {
		if (strcmp(fleets[i].name, name) == 0)
			fleet = &fleets[i];
	}
	if (!fleet)
		return hb_trial_fail(trial, "no fleet is called %s", name);
	for (int i = 0; i < fleet->first + fleet->second; i++)
		nodes[count++] = (struct pc_node){
			.crash = i < fleet->first ? fleet->first_p : fleet->second_p, .weight = 1};
	protocol = pc_raft_majority(count);
	own = 1 - fleet->beta;
	truth = oracle_two_classes(fleet->first, own * fleet->first_p, fleet->second,
		own * fleet->second_p, (int)(count + 1) / 2);
	/* A common cause occurs in fleets of equal nodes only: one shock over all of them. */
	truth += fleet->beta * fleet->first_p * (1 - truth);
	if (fleet->beta > 0 && pc_beta_factor(nodes, count, fleet->beta, &shocks, &error))
		return hb_trial_fail(trial, "%s", error.text);
	return 0;
}

static int draw(struct hb_trial *trial, enum method method)
{
	const struct pc_correlation correlation = {
		.shocks = shocks.shocks, .shock_count = shocks.count};
	const struct pc_rare_problem problem = {.nodes = nodes,
		.count = count,
		.protocol = &protocol,
		.correlation = &correlation,
		.event = PC_EVENT_UNLIVE};
	const struct pc_is_options sampling = {
		.samples_max = method == NAIVE ? NAIVE_SAMPLES : 0,
		.relative_error = method == NAIVE ? 0 : TARGET,
		.naive = method == NAIVE,
	};
	const struct pc_splitting_options climbing = {
		.repetitions = hb_trial_is_quick(trial) ? 5 : 0};
	struct hb_error error = {0};
	struct hb_rng rng;
	int err;

	hb_rng_init(&rng, hb_trial_seed(trial), 0);
	if (method == SPLITTING)
		err = pc_splitting(&problem, &climbing, &rng, &estimate, &error);
	else
		err = pc_importance_sample(&problem, &sampling, &rng, &estimate, &error);
	return err ? hb_trial_fail(trial, "%s", error.text) : 0;
}

/* How many samples the method needs for the target: from what it saw, or, never having seen the event, by theory. */
static double samples_needed(enum method method)
{
	double relative = estimate.q > 0 ? estimate.stderr_q / estimate.q : INFINITY;

	if (method == NAIVE)
		return (1 - truth) / truth / (TARGET * TARGET);
	return (double)estimate.samples * (relative / TARGET) * (relative / TARGET);
}

static int run(struct hb_trial *trial)
{
	enum method method = *(const enum method *)hb_trial_data(trial);
	int64_t begin_ns = hb_clock_now_ns(), spent_ns;
	int err = draw(trial, method);
	double needed;

	if (err)
		return err;
	spent_ns = hb_clock_now_ns() - begin_ns;
	needed = samples_needed(method);
	hb_trial_metric(trial, "samples_needed", needed, 1);
	hb_trial_metric(trial, "time_needed", (double)spent_ns * needed / (double)estimate.samples,
		estimate.samples);
	hb_trial_metric(trial, "relative_error", fmax(oracle_relative(estimate.q, truth), 0x1p-53),
		estimate.samples);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	double q = sabotaged ? 2 * estimate.q + 0.1 : estimate.q;
	/* Splitting leaves out common causes that cannot add more than a thousandth. */
	double allowed = SIGMAS * estimate.stderr_q + 1e-3 * truth;

	/* An event that was never drawn has no standard error; it may still have this probability. */
	if (estimate.hits < 20)
		allowed += 2.0 * SIGMAS * SIGMAS / (double)estimate.samples;
	if (!(fabs(q - truth) <= allowed))
		return hb_trial_fail(trial,
			"exact %.9g, estimated %.9g with a standard error of %.3g from %llu "
			"samples",
			truth, q, estimate.stderr_q, (unsigned long long)estimate.samples);
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
	return 500;
}

static const struct hb_param params[] = {
	{
		.name = "fleet",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "nodes and their fault probability in percent",
		.sweep = "9at8,9at1,25mixed,9at1-beta",
		.sweep_quick = "9at1",
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "samples_needed",
		.unit = "1",
		.help = "samples (or steps) for a standard error of 1 %",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_COUNT,
		.exact = true,
	},
	{
		.name = "time_needed",
		.unit = "ns",
		.help = "the same as time, from the time that one took",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05,
	},
	{
		.name = "relative_error",
		.unit = "1",
		.help = "of this estimate against the exact value",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, data_)                                                    \
	{                                                                                      \
		.name = (name_), .role = (role_), .help = (help_), .setup = setup, .run = run, \
		.verify = verify, .sabotage = sabotage, .data = (data_),                       \
	}

static const struct hb_variant variants[] = {
	VARIANT("naive", HB_ROLE_BASELINE, "draw fleets as they are and count", &naive),
	VARIANT("splitting", HB_ROLE_RIVAL, "adaptive multilevel splitting", &splitting),
	VARIANT("tilted", HB_ROLE_IDEA, "importance sampling, tilted to the threshold", &tilted),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "tilting-saves-samples",
		.text = "For nine nodes at 1 %, tilting needs at most a ten millionth of the "
			"samples.",
		.paper = "Hotbed",
		.section = "",
		.metric = "samples_needed",
		.variant = "tilted",
		.where = "fleet=9at1",
		.lo = 0,
		.hi = 1e-7,
	},
	{.name = NULL},
};

const struct hb_experiment probcons_rare_events = {
	.name = "rare-events",
	.question = "How many samples does a rare failure take?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "fleet", .metric = "samples_needed", .log_y = true},
	.trial_ms = trial_ms,
};
