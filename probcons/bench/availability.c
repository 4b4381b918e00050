/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * probcons/availability: the share of time without service, measured on the replicated log in simulation and predicted
 * by the Markov chain, both from one fault curve. What an election takes is measured in missions of their own.
 */
#include "experiments.h"

#include <math.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <probcons/curve_file.h>
#include <probcons/repair_chain.h>
#include <probcons/simulation.h>

#define MISSION_SECONDS 40.0
#define BETWEEN_FAILURES_SECONDS 20.0 /* of a node, simulated */
#define REPAIR_SECONDS 1.0
#define NODES_MAX 7
#define SAFER 10 /* times, the one node of the fleet "one-safe" */

/* A row of data/drives.csv, compressed, and the same drive ten times as safe. */
static const char curve_text[] = "curve,kind,from_hours,to_hours,value\n"
				 "drive,afr,0,inf,14.24%\n"
				 "safe,afr,0,inf,1.424%\n";

enum kind {
	PREDICTED,
	MAJORITY,
	FLEXIBLE,
	RANKED,
};

static const enum kind kinds[] = {PREDICTED, MAJORITY, FLEXIBLE, RANKED};

static enum kind kind;
static uint32_t nodes;
static bool one_safe;
static uint64_t seed, missions;
static struct pc_curve_file curves;
static struct pc_simulation_mission mission;
static double hazard, unavailable, electing, quorum_share;

static int setup(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	struct hb_error error = {0};

	kind = *(const enum kind *)hb_trial_data(trial);
	nodes = (uint32_t)hb_params_i64(params, "n");
	missions = (uint64_t)hb_params_i64(params, "missions");
	one_safe = strcmp(hb_params_text(params, "fleet"), "one-safe") == 0;
	seed = hb_trial_seed(trial);
	if (curves.count == 0 && pc_curve_file_parse(curve_text, sizeof(curve_text) - 1,
					 "curves of the experiment", &curves, &error))
		return hb_trial_fail(trial, "%s", error.text);
	hazard = pc_fault_curve_hazard(&curves.entries[0].crash, 0);
	mission = (struct pc_simulation_mission){
		.hours_per_second = 1 / (hazard * BETWEEN_FAILURES_SECONDS),
		.repair_seconds = REPAIR_SECONDS,
		.seconds = MISSION_SECONDS,
	};
	for (uint32_t n = 0; n < nodes; n++)
		mission.curves[n] = &curves.entries[one_safe && n == 0].crash;
	return 0;
}

static void choose(enum kind how, struct pc_simulation_options *options)
{
	pc_rule_init(&options->rule, ((uint64_t)1 << nodes) - 1);
	if (how == FLEXIBLE) {
		options->rule.need_per = nodes / 2;
		options->rule.need_vc = nodes - nodes / 2 + 1;
	} else if (how == RANKED) {
		options->variant = PC_V4;
		for (uint32_t n = 1; n < nodes; n++)
			options->ranks[n] = 1;
	}
}

static int fly(struct hb_trial *trial, enum kind how, uint64_t from, uint64_t count,
	struct pc_simulation_report *report)
{
	struct pc_simulation_options options = {.nodes = nodes, .seed = from, .mission = &mission};
	struct pc_simulation *simulation;
	struct hb_error error = {0};
	int err;

	choose(how, &options);
	err = pc_simulation_create(&options, &simulation, &error);
	if (err)
		return hb_trial_fail(trial, "%s", error.text);
	*report = (struct pc_simulation_report){0};
	for (uint64_t i = 0; i < count && !err; i++)
		err = pc_simulation_run(simulation, i, report, &error);
	pc_simulation_destroy(simulation);
	if (err)
		return hb_trial_fail(trial, "%s", error.text);
	return report->violation_count == 0 ? 0
					    : hb_trial_fail(trial, "a promise was broken: %s",
						      report->violations[0].text);
}

/* Classes of the chain: nodes with one curve are one class. */
static int predict(struct hb_trial *trial)
{
	static struct pc_simulation_report report;
	double repair = 1 / (REPAIR_SECONDS * mission.hours_per_second);
	struct pc_repair_class classes[2] = {
		{.count = nodes - one_safe, .crash_per_hour = hazard, .repair_per_hour = repair},
		{.count = 1, .crash_per_hour = hazard / SAFER, .repair_per_hour = repair},
	};
	struct pc_repair_model model = {
		.classes = classes,
		.class_count = one_safe ? 2 : 1,
		.votes_live = nodes / 2 + 1,
		.votes_commit = nodes / 2 + 1,
	};
	struct pc_repair_result result;
	struct hb_error error = {0};
	int err = fly(trial, MAJORITY, seed ^ UINT64_C(0x9e3779b97f4a7c15), missions, &report);

	if (err)
		return err;
	if (report.leader_failures == 0)
		return hb_trial_fail(trial, "no leader failed: fly more missions");
	model.election_hours = (double)report.electing_ns / 1e9 / (double)report.leader_failures *
			       mission.hours_per_second;
	if (pc_repair_steady(&model, &result, &error))
		return hb_trial_fail(trial, "%s", error.text);
	unavailable = result.unavailable;
	electing = result.unavailable_election;
	quorum_share = result.unavailable_quorum;
	return 0;
}

static int measure(struct hb_trial *trial)
{
	static struct pc_simulation_report report;
	int err = fly(trial, kind, seed, missions, &report);

	if (err)
		return err;
	unavailable = (double)report.without_service_ns / (double)report.measured_ns;
	electing = (double)report.electing_ns / (double)report.measured_ns;
	quorum_share = unavailable - electing;
	return 0;
}

static int run(struct hb_trial *trial)
{
	int err = kind == PREDICTED ? predict(trial) : measure(trial);

	if (err)
		return err;
	hb_trial_metric(trial, "unavailable", unavailable, 1);
	hb_trial_metric(trial, "electing", electing, 1);
	hb_trial_metric(trial, "nines", -log10(unavailable), 1);
	return 0;
}

/* Too few nodes up in the long run, by the binomial distribution: who crashes is down for REPAIR_SECONDS on average. */
static double too_few(void)
{
	uint32_t need = kind == FLEXIBLE ? nodes - nodes / 2 + 1 : nodes / 2 + 1;
	double common = 1 / BETWEEN_FAILURES_SECONDS, share = 0;

	for (uint32_t up = 0; up < (uint32_t)1 << nodes; up++) {
		double probability = 1;

		if ((uint32_t)__builtin_popcount(up) >= need)
			continue;
		for (uint32_t n = 0; n < nodes; n++) {
			double rate = one_safe && n == 0 ? common / SAFER : common;
			double down = rate / (rate + 1 / REPAIR_SECONDS);

			probability *= up >> n & 1 ? 1 - down : down;
		}
		share += probability;
	}
	return share;
}

static int verify(struct hb_trial *trial)
{
	double expected = too_few();

	if (kind == PREDICTED && !(fabs(quorum_share - expected) <= 1e-9 * expected))
		return hb_trial_fail(trial, "too few nodes are up with %.12g, predicted %.12g",
			expected, quorum_share);
	/* Few missions see few double faults; what is wrong altogether is far off. */
	if (kind != PREDICTED && quorum_share > 3 * expected + 0.1)
		return hb_trial_fail(trial, "too few nodes are up with %.6g, measured %.6g",
			expected, quorum_share);
	if (!(electing > 0 && electing < 0.1))
		return hb_trial_fail(trial, "elections take %g of the time", electing);
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	/* Nodes that crash far more often than their curves say. */
	mission.hours_per_second *= 8;
	mission.repair_seconds *= 4;
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	return (uint64_t)hb_params_i64(params, "missions") * 25;
}

static const struct hb_param params[] = {
	{
		.name = "n",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "nodes",
		.sweep = "3,5,7",
		.sweep_quick = "3",
		.min = 3,
		.max = NODES_MAX,
	},
	{
		.name = "fleet",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "equal nodes, or one that is ten times as safe",
		.sweep = "equal,one-safe",
		.sweep_quick = "equal",
	},
	{
		.name = "missions",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "missions of 40 simulated seconds, in which a node fails twice on average",
		.sweep = "30",
		.sweep_quick = "8",
		.sweep_full = "300",
		.min = 1,
		.max = 1000000,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "unavailable",
		.unit = "1",
		.help = "share of time in which nothing can be committed",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "electing",
		.unit = "1",
		.help = "that with enough nodes up: a leader is missed and elected",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "nines",
		.unit = "1",
		.help = "-log10 of the share without service",
		.better = HB_BETTER_HIGHER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, kind_)                                                    \
	{                                                                                      \
		.name = (name_), .role = (role_), .help = (help_), .setup = setup, .run = run, \
		.verify = verify, .sabotage = sabotage, .data = &kinds[kind_],                 \
	}

static const struct hb_variant variants[] = {
	VARIANT("predicted", HB_ROLE_BASELINE,
		"majority by the Markov chain, with the duration of elections from other missions",
		PREDICTED),
	VARIANT("majority", HB_ROLE_IDEA, "V0, measured", MAJORITY),
	VARIANT("flexible", HB_ROLE_RIVAL,
		"V1, measured: one less than a majority commits, one more elects", FLEXIBLE),
	VARIANT("ranked", HB_ROLE_IDEA, "V4, measured: the first node leads where it can", RANKED),
	{.name = NULL},
};

#define CLAIM(name_, text_, metric_, variant_, where_, against_, against_where_, lo_, hi_)     \
	{                                                                                      \
		.name = (name_), .text = (text_), .paper = "Hotbed", .section = "",            \
		.metric = (metric_), .variant = (variant_), .where = (where_),                 \
		.against_variant = (against_), .against_where = (against_where_), .lo = (lo_), \
		.hi = (hi_),                                                                   \
	}

static const struct hb_claim claims[] = {
	CLAIM("measured-as-predicted-3",
		"Three equal nodes are without service for the predicted share of time.",
		"unavailable", "majority", "n=3;fleet=equal", "predicted", "", 0.75, 1.33),
	CLAIM("measured-as-predicted-5",
		"Five equal nodes are without service for the predicted share of time.",
		"unavailable", "majority", "n=5;fleet=equal", "predicted", "", 0.75, 1.33),
	CLAIM("measured-as-predicted-7",
		"Seven equal nodes are without service for the predicted share of time.",
		"unavailable", "majority", "n=7;fleet=equal", "predicted", "", 0.75, 1.33),
	CLAIM("elections-are-a-plateau",
		"Going from five nodes to seven gains almost nothing: what is left are elections.",
		"unavailable", "majority", "n=7;fleet=equal", "majority", "n=5", 0.7, 1.2),
	CLAIM("a-safe-leader-saves-elections",
		"Where one of five nodes is ten times as safe and leads when it can, elections "
		"take at most three fifths of the time.",
		"electing", "ranked", "n=5;fleet=one-safe", "majority", "", 0.02, 0.6),
	CLAIM("small-commits-cost-elections",
		"With quorums of 2 to commit and 4 to elect, five nodes are without service more "
		"often than with majorities.",
		"unavailable", "flexible", "n=5;fleet=equal", "majority", "", 1.15, 4),
	{.name = NULL},
};

const struct hb_experiment probcons_availability = {
	.name = "availability",
	.question = "Is the replicated log without service as long as predicted?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "n", .facet = "fleet", .metric = "unavailable"},
	.blocks = 6,
	.quiet = true,
	.trial_ms = trial_ms,
};
