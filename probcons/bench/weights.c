/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * probcons/weights: votes by reliability against one vote each, on the same nodes. The votes are chosen for the fault
 * probabilities as believed; nodes then fail p_factor times as often: the sensitivity band of the choice.
 */
#include "experiments.h"

#include <math.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <probcons/nines.h>
#include <probcons/optimise.h>

#include "oracle.h"

#define SCALE 10 /* of rounded log-odds */

struct fleet {
	const char *name;
	uint32_t counts[2];
	double p[2];
};

static const struct fleet fleets[] = {
	{"4at8-3at1", {4, 3}, {0.08, 0.01}},
	{"5at8-2at1", {5, 2}, {0.08, 0.01}},
	{"2at20-3at1", {2, 3}, {0.2, 0.01}},
	{"2at20-1at0.1", {2, 1}, {0.2, 0.001}},
};

enum choice {
	MAJORITY,
	LOG_ODDS,
	SEARCHED,
};

static const enum choice majority = MAJORITY, log_odds = LOG_ODDS, searched = SEARCHED;

static const struct fleet *fleet;
static double factor;
static struct pc_node nodes[ORACLE_NODES_MAX];
static uint32_t count, weights[2];
static uint64_t quorum;
static double unlive;

/* Copies stay at two or more, as by default: votes of a dictator are refused. */
static int search(struct hb_trial *trial)
{
	struct pc_node_type types[2];
	struct pc_optimise_problem problem = {.kind = PC_RAFT,
		.types = types,
		.type_count = 2,
		.nodes_min = count,
		.nodes_max = count,
		.target_unsafe = 1,
		.target_unlive = 1,
		.target_failure = 1,
		.target_loss = 1,
		.weighted = true};
	struct pc_optimum optimum;
	struct hb_error error = {0};

	for (int c = 0; c < 2; c++)
		types[c] = (struct pc_node_type){.crash = fleet->p[c],
			.count_min = fleet->counts[c],
			.count_max = fleet->counts[c]};
	if (pc_optimise(&problem, &optimum, &error))
		return hb_trial_fail(trial, "%s", error.text);
	weights[0] = optimum.weights[0];
	weights[1] = optimum.weights[1];
	quorum = optimum.protocol.q_vc;
	return 0;
}

static void round_log_odds(void)
{
	for (int c = 0; c < 2; c++)
		weights[c] = (uint32_t)lrint(SCALE * log((1 - fleet->p[c]) / fleet->p[c]));
}

static int setup(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	const char *name = hb_params_text(params, "fleet");
	enum choice choice = *(const enum choice *)hb_trial_data(trial);
	int err = 0;

	for (size_t i = 0; i < sizeof(fleets) / sizeof(fleets[0]); i++) {
		if (strcmp(fleets[i].name, name) == 0)
			fleet = &fleets[i];
	}
	if (!fleet)
		return hb_trial_fail(trial, "no fleet is called %s", name);
	factor = hb_params_real(params, "p_factor");
	count = fleet->counts[0] + fleet->counts[1];
	weights[0] = weights[1] = 1;
	if (choice == SEARCHED)
		err = search(trial);
	else if (choice == LOG_ODDS)
		round_log_odds();
	if (choice != SEARCHED)
		quorum = (fleet->counts[0] * weights[0] + fleet->counts[1] * weights[1]) / 2 + 1;
	for (uint32_t i = 0; i < count; i++) {
		int c = i >= fleet->counts[0];

		nodes[i] = (struct pc_node){
			.crash = fmin(fleet->p[c] * factor, 1), .weight = weights[c]};
	}
	return err;
}

static int run(struct hb_trial *trial)
{
	struct pc_protocol protocol = {.kind = PC_RAFT,
		.votes = pc_nodes_weight(nodes, count),
		.q_per = quorum,
		.q_vc = quorum};
	struct hb_error error = {0};
	struct pc_result result;

	if (pc_analyse(nodes, count, &protocol, NULL, PC_METRIC_ALL, &result, &error))
		return hb_trial_fail(trial, "%s", error.text);
	unlive = result.unlive;
	hb_trial_metric(trial, "nines", -log10(unlive), 1);
	hb_trial_metric(trial, "failure", unlive, 1);
	hb_trial_metric(trial, "loss_worst", result.loss.worst, 1);
	return 0;
}

/* All configurations of the nodes as they are believed to be, whatever the library was given. */
static int verify(struct hb_trial *trial)
{
	double q[ORACLE_NODES_MAX], expected;
	uint32_t votes[ORACLE_NODES_MAX];

	for (uint32_t i = 0; i < count; i++) {
		int c = i >= fleet->counts[0];

		q[i] = fleet->p[c] * factor;
		votes[i] = weights[c];
	}
	expected = oracle_weighted(q, votes, (int)count, quorum);
	if (!(oracle_relative(unlive, expected) <= 1e-12))
		return hb_trial_fail(
			trial, "enumeration gives %.17g, the library %.17g", expected, unlive);
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	nodes[0].crash *= 1.001;
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 40;
}

static const struct hb_param params[] = {
	{
		.name = "fleet",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "nodes and their fault probability in percent",
		.sweep = "4at8-3at1,5at8-2at1,2at20-3at1,2at20-1at0.1",
		.sweep_quick = "4at8-3at1",
	},
	{
		.name = "p_factor",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "nodes fail so many times as often as believed",
		.sweep = "0.25,0.5,1,2,4",
		.sweep_quick = "1",
		.min = 0,
		.max = 5,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "nines",
		.unit = "1",
		.help = "-log10 of the failure probability",
		.better = HB_BETTER_HIGHER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "failure",
		.unit = "1",
		.help = "probability that no quorum is up",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "loss_worst",
		.unit = "1",
		.help = "probability that the commit on the worst quorum is gone: what votes cost",
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
	VARIANT("majority", HB_ROLE_BASELINE, "one vote each", &majority),
	VARIANT("log-odds", HB_ROLE_RIVAL, "log ((1 - p) / p), rounded; may make a dictator",
		&log_odds),
	VARIANT("searched", HB_ROLE_IDEA, "the optimiser's votes, two copies at least", &searched),
	{.name = NULL},
};

#define CLAIM(name_, text_, where_, lo_, hi_)                                               \
	{                                                                                   \
		.name = (name_), .text = (text_), .paper = "Hotbed", .section = "",         \
		.metric = "failure", .variant = "searched", .where = (where_), .lo = (lo_), \
		.hi = (hi_),                                                                \
	}

static const struct hb_claim claims[] = {
	CLAIM("weights-4at8-3at1",
		"Votes by reliability lift four nodes at 8 % and three at 1 % from 3.971 to 4.169 "
		"nines.",
		"fleet=4at8-3at1;p_factor=1", 0.633, 0.637),
	CLAIM("weights-5at8-2at1", "Five nodes at 8 % and two at 1 % go from 3.548 to 3.897 nines.",
		"fleet=5at8-2at1;p_factor=1", 0.446, 0.450),
	CLAIM("weights-2at20-3at1",
		"Two nodes at 20 % and three at 1 % go from 2.891 to 3.526 nines.",
		"fleet=2at20-3at1;p_factor=1", 0.230, 0.234),
	{.name = NULL},
};

const struct hb_experiment probcons_weights = {
	.name = "weights",
	.question = "How much do votes by reliability bring, and if the reliability was misjudged?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "p_factor", .facet = "fleet", .metric = "nines", .log_x = true},
	.blocks = 1,
	.unseeded = true,
	.quiet = true,
	.trial_ms = trial_ms,
};
