/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * probcons/cost-frontier: the cheapest fleet that reaches a target, from nodes at 1 % and nodes at 8 % that are
 * cheaper by some factor. The baseline buys reliable nodes and counts votes equally.
 */
#include "experiments.h"

#include <math.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <probcons/optimise.h>

#include "oracle.h"

#define RELIABLE_P 0.01
#define CHEAP_P 0.08
#define NODES_MAX 25

struct strategy {
	bool reliable, cheap, weighted;
};

static const struct strategy reliable_only = {.reliable = true};
static const struct strategy cheap_only = {.cheap = true};
static const struct strategy mixed = {.reliable = true, .cheap = true};
static const struct strategy weighted = {.reliable = true, .cheap = true, .weighted = true};

static const struct strategy *strategy;
static double target, discount;
static struct pc_node_type types[2];
static struct pc_optimise_problem problem;
static struct pc_optimum optimum;

static int setup(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);

	strategy = hb_trial_data(trial);
	target = pow(10, -hb_params_real(params, "target_nines"));
	discount = hb_params_real(params, "discount");
	types[0] = (struct pc_node_type){.crash = RELIABLE_P,
		.cost = discount,
		.count_max = strategy->reliable ? NODES_MAX : 0};
	types[1] = (struct pc_node_type){
		.crash = CHEAP_P, .cost = 1, .count_max = strategy->cheap ? NODES_MAX : 0};
	problem = (struct pc_optimise_problem){.kind = PC_RAFT,
		.types = types,
		.type_count = 2,
		.nodes_min = 1,
		.nodes_max = NODES_MAX,
		.target_unsafe = 1,
		.target_unlive = 1,
		.target_failure = target,
		.target_loss = 1,
		.weighted = strategy->weighted};
	return 0;
}

static int run(struct hb_trial *trial)
{
	struct hb_error error = {0};

	if (pc_optimise(&problem, &optimum, &error))
		return hb_trial_fail(trial, "%s", error.text);
	hb_trial_metric(trial, "cost", optimum.cost, 1);
	hb_trial_metric(trial, "nodes", optimum.node_count, 1);
	hb_trial_metric(trial, "failure", optimum.result.unsafe_or_unlive, 1);
	return 0;
}

/* Every mix of up to 25 nodes with majority quorums; larger quorums only lower liveness. */
static double cheapest_by_brute_force(void)
{
	double best = INFINITY;

	for (int a = 0; a <= (int)types[0].count_max; a++) {
		for (int b = 0; b <= (int)types[1].count_max; b++) {
			int n = a + b, k = (n + 1) / 2;
			double cost = a * types[0].cost + b * types[1].cost;

			if (n < 2 || n > NODES_MAX || cost >= best)
				continue;
			if (oracle_two_classes(a, RELIABLE_P, b, CHEAP_P, k) <= target)
				best = cost;
		}
	}
	return best;
}

/* Failed votes of the answer, summed over how many of either class fail. */
static double failure_by_brute_force(void)
{
	int a = (int)optimum.counts[0], b = (int)optimum.counts[1];
	uint64_t need = optimum.protocol.q_per > optimum.protocol.q_vc ? optimum.protocol.q_per
								       : optimum.protocol.q_vc;
	double sum = 0;

	for (int i = 0; i <= a; i++) {
		for (int j = 0; j <= b; j++) {
			uint64_t alive = (uint64_t)(a - i) * optimum.weights[0] +
					 (uint64_t)(b - j) * optimum.weights[1];

			if (alive < need)
				sum += oracle_binomial_exactly(a, i, RELIABLE_P) *
				       oracle_binomial_exactly(b, j, CHEAP_P);
		}
	}
	return sum;
}

static int verify(struct hb_trial *trial)
{
	double cost = optimum.counts[0] * types[0].cost + optimum.counts[1] * types[1].cost;
	double best = cheapest_by_brute_force(), failure = failure_by_brute_force();

	if (optimum.cost != cost)
		return hb_trial_fail(trial, "the fleet costs %g, not %g", cost, optimum.cost);
	if (!(failure <= target * (1 + 1e-9)))
		return hb_trial_fail(
			trial, "the fleet fails with %g, the target is %g", failure, target);
	if (!strategy->weighted && fabs(cost - best) > 1e-9)
		return hb_trial_fail(trial, "brute force finds cost %g, the search %g", best, cost);
	if (cost > best + 1e-9)
		return hb_trial_fail(
			trial, "equal votes cost %g already, the answer costs %g", best, cost);
	return 0;
}

/* Buys what a target ten times as lax would need. */
static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	problem.target_failure = fmin(target * 1000, 0.5);
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 60;
}

static const struct hb_param params[] = {
	{
		.name = "target_nines",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "nines of safe and live; 3.525 is what three nodes at 1 % reach",
		.sweep = "2,3,3.525,4,5,6,7",
		.sweep_quick = "3.525",
		.min = 0.5,
		.max = 7.5,
	},
	{
		.name = "discount",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "how many nodes at 8 % one at 1 % costs",
		.sweep = "3,10",
		.sweep_quick = "10",
		.min = 1,
		.max = 1000,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "cost",
		.unit = "1",
		.help = "in prices of a node at 8 %",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "nodes",
		.unit = "1",
		.help = "in the fleet",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "failure",
		.unit = "1",
		.help = "probability of unsafe or not live that the fleet reaches",
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
	VARIANT("reliable-majority", HB_ROLE_BASELINE, "nodes at 1 % only, equal votes",
		&reliable_only),
	VARIANT("cheap-majority", HB_ROLE_RIVAL, "nodes at 8 % only, equal votes", &cheap_only),
	VARIANT("mixed-majority", HB_ROLE_RIVAL, "any mix, equal votes", &mixed),
	VARIANT("mixed-weighted", HB_ROLE_IDEA, "any mix, votes by reliability", &weighted),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "thrice-cheaper",
		.text = "With nodes ten times cheaper, the reliability of three good nodes costs a "
			"third.",
		.paper = PROBCONS_PAPER,
		.section = "3",
		.metric = "cost",
		.variant = "mixed-weighted",
		.where = "target_nines=3.525;discount=10",
		.lo = 1 / 3.5,
		.hi = 1 / 2.5,
		.headline = 1,
	},
	{
		.name = "thrice-cheaper-exactly",
		.text = "It costs 3/10 of it: nine nodes do.",
		.paper = PROBCONS_PAPER,
		.section = "3",
		.metric = "cost",
		.variant = "mixed-weighted",
		.where = "target_nines=3.525;discount=10",
		.lo = 0.295,
		.hi = 0.305,
	},
	{.name = NULL},
};

const struct hb_experiment probcons_cost_frontier = {
	.name = "cost-frontier",
	.question =
		"What does a target of reliability cost, with votes by reliability and without?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "target_nines", .facet = "discount", .metric = "cost", .log_y = true},
	.blocks = 1,
	.unseeded = true,
	.quiet = true,
	.trial_ms = trial_ms,
};
