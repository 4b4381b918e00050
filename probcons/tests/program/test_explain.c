/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Failure sets and importance against enumeration of all sets of faults. */
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include <probcons/explain.h>
#include <probcons/sensitivity.h>

#define NODES_MAX 6
#define SHOCKS_MAX 2
#define SETS_MAX 1000

static uint64_t seed_of_run(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 20250514;

	printf("HB_SEED=%" PRIu64 "\n", seed);
	return seed;
}

struct fleet {
	struct pc_node nodes[NODES_MAX];
	uint32_t count;
	uint32_t members[SHOCKS_MAX][NODES_MAX];
	struct pc_shock shocks[SHOCKS_MAX];
	struct pc_correlation correlation;
	struct pc_protocol protocol;
	struct pc_rare_problem problem;
};

/* Does the event occur when the nodes and shocks of the bit masks fail? Faults are Byzantine if @byzantine. */
static bool fails(const struct fleet *fleet, uint32_t nodes, uint32_t shocks)
{
	uint64_t votes = 0;

	for (uint32_t s = 0; s < fleet->correlation.shock_count; s++) {
		for (uint32_t m = 0; shocks >> s & 1 && m < fleet->shocks[s].member_count; m++)
			nodes |= UINT32_C(1) << fleet->shocks[s].members[m];
	}
	for (uint32_t i = 0; i < fleet->count; i++)
		votes += nodes >> i & 1 ? fleet->nodes[i].weight : 0;
	return fleet->protocol.votes - votes < fleet->protocol.q_vc;
}

static bool is_minimal(const struct fleet *fleet, uint32_t nodes, uint32_t shocks)
{
	if (!fails(fleet, nodes, shocks))
		return false;
	for (uint32_t i = 0; i < fleet->count; i++) {
		if (nodes >> i & 1 && fails(fleet, nodes & ~(UINT32_C(1) << i), shocks))
			return false;
	}
	for (uint32_t s = 0; s < fleet->correlation.shock_count; s++) {
		if (shocks >> s & 1 && fails(fleet, nodes, shocks & ~(UINT32_C(1) << s)))
			return false;
	}
	return true;
}

static int falling(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x > y ? -1 : x < y;
}

/* Probabilities of all minimal failure sets, falling. */
static uint32_t enumerate(const struct fleet *fleet, double *ret)
{
	uint32_t count = 0, sets = UINT32_C(1) << fleet->count;

	for (uint32_t shocks = 0; shocks < 1U << fleet->correlation.shock_count; shocks++) {
		for (uint32_t nodes = 0; nodes < sets; nodes++) {
			double p = 1;

			if (!is_minimal(fleet, nodes, shocks))
				continue;
			for (uint32_t i = 0; i < fleet->count; i++)
				p *= nodes >> i & 1 ? fleet->nodes[i].crash : 1;
			for (uint32_t s = 0; s < fleet->correlation.shock_count; s++)
				p *= shocks >> s & 1 ? fleet->shocks[s].probability : 1;
			ret[count++] = p;
		}
	}
	qsort(ret, count, sizeof(*ret), falling);
	return count;
}

static void draw_fleet(struct hb_rng *rng, struct fleet *fleet)
{
	static const double p[] = {0.01, 0.08, 0.3};

	memset(fleet, 0, sizeof(*fleet));
	fleet->count = 2 + (uint32_t)hb_rng_below(rng, NODES_MAX - 1);
	for (uint32_t i = 0; i < fleet->count; i++)
		fleet->nodes[i] = (struct pc_node){.crash = p[hb_rng_below(rng, 3)],
			.weight = 1 + (uint32_t)hb_rng_below(rng, 3)};
	for (uint32_t s = 0; s < hb_rng_below(rng, SHOCKS_MAX + 1); s++) {
		struct pc_shock *shock = &fleet->shocks[fleet->correlation.shock_count];

		for (uint32_t i = 0; i < fleet->count; i++) {
			if (hb_rng_below(rng, 2))
				fleet->members[fleet->correlation.shock_count]
					      [shock->member_count++] = i;
		}
		if (shock->member_count == 0)
			continue;
		shock->probability = 0.001 + 0.2 * hb_rng_double(rng);
		shock->members = fleet->members[fleet->correlation.shock_count++];
	}
	fleet->correlation.shocks = fleet->shocks;
	fleet->protocol = pc_raft_majority(pc_nodes_weight(fleet->nodes, fleet->count));
	fleet->problem = (struct pc_rare_problem){.nodes = fleet->nodes,
		.count = fleet->count,
		.protocol = &fleet->protocol,
		.correlation = &fleet->correlation,
		.event = PC_EVENT_UNLIVE};
}

Test(explain, failure_sets_are_all_the_minimal_ones_in_order)
{
	struct hb_rng rng;

	hb_rng_init(&rng, seed_of_run(), 1);
	for (int round = 0; round < 400; round++) {
		static double expected[1 << (NODES_MAX + SHOCKS_MAX)];
		struct fleet fleet;
		struct pc_explanation explanation = {0};
		struct hb_error error = {0};
		uint32_t count, seen = 0;

		draw_fleet(&rng, &fleet);
		count = enumerate(&fleet, expected);
		cr_assert_eq(pc_explain(&fleet.problem, SETS_MAX, &explanation, &error), 0, "%s",
			error.text);
		for (uint32_t i = 0; i < explanation.set_count; i++) {
			const struct pc_failure_set *set = &explanation.sets[i];

			for (double alike = 0; alike < set->alike; alike++, seen++) {
				cr_assert(seen < count, "more sets than there are");
				cr_assert(fabs(set->probability / expected[seen] - 1) < 1e-9,
					"set %u: %g, enumeration has %g", seen, set->probability,
					expected[seen]);
			}
		}
		cr_assert_eq(seen, count, "%u sets listed, there are %u", seen, count);
		cr_assert(!explanation.sets_cut);
		pc_explanation_finish(&explanation);
	}
}

/* Probability of the event by enumeration, some node's probability replaced. */
static double event_with(const struct fleet *fleet, uint32_t node, double crash)
{
	double sum = 0;

	for (uint32_t shocks = 0; shocks < 1U << fleet->correlation.shock_count; shocks++) {
		for (uint32_t nodes = 0; nodes < 1U << fleet->count; nodes++) {
			double p = 1;

			for (uint32_t i = 0; i < fleet->count; i++) {
				double q = i == node ? crash : fleet->nodes[i].crash;

				p *= nodes >> i & 1 ? q : 1 - q;
			}
			for (uint32_t s = 0; s < fleet->correlation.shock_count; s++) {
				double q = fleet->shocks[s].probability;

				p *= shocks >> s & 1 ? q : 1 - q;
			}
			sum += fails(fleet, nodes, shocks) ? p : 0;
		}
	}
	return sum;
}

Test(explain, importance_is_the_slope_of_the_event)
{
	struct hb_rng rng;

	hb_rng_init(&rng, seed_of_run(), 2);
	for (int round = 0; round < 100; round++) {
		struct fleet fleet;
		struct pc_explanation explanation = {0};
		uint32_t nodes = 0;

		draw_fleet(&rng, &fleet);
		cr_assert_eq(pc_explain(&fleet.problem, 3, &explanation, NULL), 0);
		for (uint32_t c = 0; c < explanation.class_count; c++) {
			const struct pc_importance *importance = &explanation.class_importance[c];
			uint32_t node = explanation.classes[c].first;
			double own = fleet.nodes[node].crash;
			double sure = event_with(&fleet, node, 1),
			       never = event_with(&fleet, node, 0);
			double now = event_with(&fleet, node, own);

			nodes += explanation.classes[c].count;
			cr_assert(fabs(explanation.q - now) < 1e-12);
			cr_assert(fabs(importance->birnbaum - (sure - never)) < 1e-12);
			cr_assert(fabs(importance->if_perfect - never) < 1e-12);
			cr_assert(fabs(importance->involved - own * sure / now) < 1e-9);
			cr_assert(
				fabs(importance->criticality - own * (sure - never) / now) < 1e-9);
		}
		cr_assert_eq(nodes, fleet.count);
		pc_explanation_finish(&explanation);
	}
}

Test(explain, byzantine_sets_are_told_apart_from_crashes)
{
	/* PBFT of 4: two faults of any kind are unlive, so unsafe needs two Byzantine ones. */
	struct pc_node nodes[4];
	struct pc_protocol protocol = pc_pbft_classic(4);
	struct pc_rare_problem problem = {
		.nodes = nodes, .count = 4, .protocol = &protocol, .event = PC_EVENT_UNSAFE};
	struct pc_explanation explanation = {0};

	for (int i = 0; i < 4; i++)
		nodes[i] = (struct pc_node){.crash = 0.04, .byz = 0.001, .weight = 1};
	cr_assert_eq(pc_explain(&problem, 10, &explanation, NULL), 0);
	cr_assert_eq(explanation.set_count, 1);
	cr_assert(explanation.sets[0].byzantine);
	cr_assert_eq(explanation.sets[0].takes[0], 2);
	cr_assert_eq(explanation.sets[0].alike, 6);
	cr_assert(fabs(explanation.sets[0].probability - 1e-6) < 1e-18);
	pc_explanation_finish(&explanation);
}

Test(explain, a_large_fleet_is_explained_without_listing_its_sets)
{
	static struct pc_node nodes[1000];
	struct pc_protocol protocol = pc_raft_majority(1000);
	struct pc_rare_problem problem = {
		.nodes = nodes, .count = 1000, .protocol = &protocol, .event = PC_EVENT_UNLIVE};
	struct pc_explanation explanation = {0};
	struct hb_error error = {0};

	for (int i = 0; i < 1000; i++)
		nodes[i] = (struct pc_node){.crash = i < 400 ? 0.3 : 0.2, .weight = 1};
	cr_assert_eq(pc_explain(&problem, 5, &explanation, &error), 0, "%s", error.text);
	cr_assert_eq(explanation.set_count, 5);
	cr_assert_eq(explanation.sets[0].takes[0], 400);
	cr_assert_eq(explanation.sets[0].takes[1], 100);
	cr_assert_eq(explanation.sets[1].takes[0], 399);
	pc_explanation_finish(&explanation);
}

Test(explain, too_many_sets_are_refused)
{
	struct pc_node nodes[3] = {{0.1, 0, 1}, {0.1, 0, 1}, {0.1, 0, 1}};
	struct pc_protocol protocol = pc_raft_majority(3);
	struct pc_rare_problem problem = {
		.nodes = nodes, .count = 3, .protocol = &protocol, .event = PC_EVENT_UNLIVE};
	struct pc_explanation explanation = {0};
	struct hb_error error = {0};

	cr_assert_eq(pc_explain(&problem, PC_FAILURE_SETS_MAX + 1, &explanation, &error), -EINVAL);
	cr_assert(error.text[0]);
}

Test(sensitivity, the_margin_is_where_the_target_is_just_met)
{
	struct pc_node nodes[9];
	struct pc_protocol protocol = pc_raft_majority(9);
	struct pc_result result;
	double margin;

	for (int i = 0; i < 9; i++)
		nodes[i] = (struct pc_node){.crash = 0.08, .weight = 1};
	/* Design: nine nodes equal three at 1 % (2.98e-4) at p = 7.914 %. */
	cr_assert_eq(pc_sensitivity_margin(nodes, 9, &protocol, NULL, 2.98e-4, &margin, NULL), 0);
	cr_assert(fabs(margin * 8 - 7.914) < 5e-4, "%g %%", margin * 8);
	cr_assert_eq(pc_analyse_scaled(
			     nodes, 9, &protocol, NULL, PC_METRIC_FAILURE, margin, &result, NULL),
		0);
	cr_assert(result.unlive <= 2.98e-4);
	cr_assert_eq(pc_analyse_scaled(nodes, 9, &protocol, NULL, PC_METRIC_FAILURE,
			     margin * (1 + 1e-8), &result, NULL),
		0);
	cr_assert(result.unlive > 2.98e-4);
}

Test(sensitivity, probabilities_are_cut_at_one)
{
	struct pc_node nodes[3] = {{0.4, 0.1, 1}, {0.4, 0.1, 1}, {0.4, 0.1, 1}};
	struct pc_protocol protocol = pc_raft_majority(3);
	struct pc_result result;

	cr_assert_eq(pc_analyse_scaled(
			     nodes, 3, &protocol, NULL, PC_METRIC_FAILURE, 1000, &result, NULL),
		0);
	cr_assert_eq(result.unlive, 1);
	cr_assert_eq(
		pc_analyse_scaled(nodes, 3, &protocol, NULL, PC_METRIC_FAILURE, -1, &result, NULL),
		-EINVAL);
}

/* p times 1 / p may round to more than 1, and then there is no room for crashes. */
Test(sensitivity, rounding_never_leaves_the_range_of_probabilities)
{
	struct pc_protocol protocol = pc_pbft_classic(4);
	struct hb_rng rng;

	hb_rng_init(&rng, seed_of_run(), 3);
	for (int round = 0; round < 2000; round++) {
		double byz = pow(10, -4 * hb_rng_double(&rng)), crash = byz * hb_rng_double(&rng);
		struct pc_node nodes[4];
		struct hb_error error = {0};
		struct pc_result result;

		if (crash + byz > 1 || round % 2)
			crash = 0;
		for (int i = 0; i < 4; i++)
			nodes[i] = (struct pc_node){crash, byz, 1};
		cr_assert_eq(pc_analyse_scaled(nodes, 4, &protocol, NULL, PC_METRIC_FAILURE, 1e6,
				     &result, &error),
			0, "%.17g + %.17g: %s", crash, byz, error.text);
		cr_assert_eq(result.unlive, 1);
	}
}
