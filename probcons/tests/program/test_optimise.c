/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The optimiser against brute force over every mix, quorum size and vote, with failures summed over configurations. */
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include <probcons/optimise.h>

#define NODES_MAX 6
#define TYPES_MAX 3

static uint64_t seed_of_run(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 20250514;

	printf("HB_SEED=%" PRIu64 "\n", seed);
	return seed;
}

/* Theorems 3.1 and 3.2, word by word. */
static bool is_safe(const struct pc_protocol *p, int byz)
{
	int n = (int)p->votes;

	if (p->kind == PC_RAFT)
		return n < (int)(p->q_per + p->q_vc) && n < 2 * (int)p->q_vc && byz == 0;
	return byz < 2 * (int)p->q_eq - n && byz < (int)(p->q_per + p->q_vc) - n;
}

static bool is_live(const struct pc_protocol *p, int byz, int faults)
{
	int correct = (int)p->votes - faults;

	if (correct < (int)p->q_per || correct < (int)p->q_vc)
		return false;
	if (p->kind == PC_RAFT)
		return true;
	return correct >= (int)p->q_eq && byz < (int)p->q_vc_t &&
	       byz <= (int)p->q_vc - (int)p->q_vc_t;
}

struct failure {
	double unsafe, unlive, either;
};

/* Every node is correct, crashed or Byzantine: 3^n configurations, votes equal. */
static struct failure enumerate(
	const struct pc_node *nodes, int n, const struct pc_protocol *protocol)
{
	struct failure sum = {0};
	int configurations = 1;

	for (int i = 0; i < n; i++)
		configurations *= 3;
	for (int c = 0; c < configurations; c++) {
		int rest = c, byz = 0, faults = 0;
		double p = 1;

		for (int i = 0; i < n; i++, rest /= 3) {
			p *= rest % 3 == 0   ? 1 - nodes[i].crash - nodes[i].byz
			     : rest % 3 == 1 ? nodes[i].crash
					     : nodes[i].byz;
			byz += rest % 3 == 2;
			faults += rest % 3 != 0;
		}
		sum.unsafe += is_safe(protocol, byz) ? 0 : p;
		sum.unlive += is_live(protocol, byz, faults) ? 0 : p;
		sum.either += is_safe(protocol, byz) && is_live(protocol, byz, faults) ? 0 : p;
	}
	return sum;
}

/* The likeliest set of @size nodes to fail altogether. */
static double worst_loss(const struct pc_node *nodes, int n, int size)
{
	double worst = 0;

	for (int set = 0; set < 1 << n; set++) {
		double p = 1;

		if (__builtin_popcount((unsigned)set) != size)
			continue;
		for (int i = 0; i < n; i++)
			p *= set >> i & 1 ? nodes[i].crash + nodes[i].byz : 1;
		worst = fmax(worst, p);
	}
	return worst;
}

static bool meets(const struct pc_optimise_problem *problem, const struct pc_node *nodes, int n,
	const struct pc_protocol *protocol)
{
	struct failure failure = enumerate(nodes, n, protocol);
	const double slack = 1 + 1e-12;
	uint64_t copies = problem->copies_min ? problem->copies_min : 2;

	/* Quorums that need not meet are never chosen, target or not. */
	if (protocol->q_per < copies || !is_safe(protocol, 0))
		return false;
	return failure.unsafe <= problem->target_unsafe * slack &&
	       failure.unlive <= problem->target_unlive * slack &&
	       failure.either <= problem->target_failure * slack &&
	       (problem->target_loss >= 1 ||
		       worst_loss(nodes, n, (int)protocol->q_per) <= problem->target_loss * slack);
}

static bool some_sizes_meet(
	const struct pc_optimise_problem *problem, const struct pc_node *nodes, int n)
{
	struct pc_protocol p = {.kind = problem->kind, .votes = (uint64_t)n};
	uint64_t top = problem->kind == PC_PBFT ? (uint64_t)n : 1;

	for (p.q_per = 1; p.q_per <= (uint64_t)n; p.q_per++)
		for (p.q_vc = 1; p.q_vc <= (uint64_t)n; p.q_vc++)
			for (p.q_eq = 1; p.q_eq <= top; p.q_eq++)
				for (p.q_vc_t = 1; p.q_vc_t <= top; p.q_vc_t++)
					if (meets(problem, nodes, n, &p))
						return true;
	return false;
}

/* Cost of the cheapest mix; INFINITY if none meets the targets. */
static double brute_force(const struct pc_optimise_problem *problem)
{
	double best = INFINITY;
	int limit = (int)problem->nodes_max + 1, mixes = limit * limit * limit;

	cr_assert_eq(problem->type_count, TYPES_MAX);
	for (int mix = 0; mix < mixes; mix++) {
		int counts[] = {mix % limit, mix / limit % limit, mix / limit / limit};
		struct pc_node nodes[3 * NODES_MAX];
		double cost = 0;
		int n = 0;
		bool allowed = true;

		for (int t = 0; t < TYPES_MAX; t++) {
			const struct pc_node_type *type = &problem->types[t];

			allowed &= counts[t] >= (int)type->count_min &&
				   counts[t] <= (int)type->count_max;
			cost += counts[t] * type->cost;
			for (int i = 0; i < counts[t]; i++)
				nodes[n++] = (struct pc_node){type->crash, type->byz, 1};
		}
		if (!allowed || n < (int)problem->nodes_min || n > (int)problem->nodes_max ||
			n == 0 || cost >= best)
			continue;
		if (some_sizes_meet(problem, nodes, n))
			best = cost;
	}
	return best;
}

static double draw(struct hb_rng *rng, double lo, double hi)
{
	return lo * pow(hi / lo, hb_rng_double(rng));
}

static void draw_types(struct hb_rng *rng, struct pc_node_type *types, bool byzantine)
{
	for (int t = 0; t < TYPES_MAX; t++) {
		uint32_t max = (uint32_t)hb_rng_below(rng, 8);

		types[t] = (struct pc_node_type){.crash = draw(rng, 1e-3, 0.3),
			.byz = byzantine ? draw(rng, 1e-5, 0.05) : 0,
			.cost = (double)(1 + hb_rng_below(rng, 12)),
			.count_min = hb_rng_below(rng, 6) == 0 && max > 0,
			.count_max = max};
	}
}

static struct pc_optimise_problem problem_of(
	enum pc_protocol_kind kind, const struct pc_node_type *types)
{
	return (struct pc_optimise_problem){.kind = kind,
		.types = types,
		.type_count = TYPES_MAX,
		.nodes_min = 1,
		.nodes_max = 5,
		.target_unsafe = 1,
		.target_unlive = 1,
		.target_failure = 1,
		.target_loss = 1};
}

static void check_against_brute_force(const struct pc_optimise_problem *problem)
{
	struct pc_node nodes[PC_OPTIMISE_NODES_MAX];
	struct pc_optimum optimum;
	struct hb_error error = {0};
	double expected = brute_force(problem);
	int err = pc_optimise(problem, &optimum, &error);

	if (isinf(expected)) {
		cr_assert_eq(err, -ENOENT, "expected nothing, got %d, cost %g", err, optimum.cost);
		return;
	}
	cr_assert_eq(err, 0, "brute force finds %g: %s", expected, error.text);
	cr_assert(fabs(optimum.cost - expected) < 1e-9, "brute force %g, search %g", expected,
		optimum.cost);
	cr_assert(optimum.proven);
	pc_optimum_nodes(problem, &optimum, nodes);
	cr_assert(meets(problem, nodes, (int)optimum.node_count, &optimum.protocol),
		"sizes per %" PRIu64 " vc %" PRIu64 " of %" PRIu32 " miss the targets",
		optimum.protocol.q_per, optimum.protocol.q_vc, optimum.node_count);
}

Test(optimise, raft_equals_brute_force)
{
	struct hb_rng rng;

	hb_rng_init(&rng, seed_of_run(), 1);
	for (int i = 0; i < 300; i++) {
		struct pc_node_type types[TYPES_MAX];
		struct pc_optimise_problem problem = problem_of(PC_RAFT, types);

		draw_types(&rng, types, i % 3 == 2);
		problem.target_unlive = draw(&rng, 1e-6, 0.1);
		if (i % 3 == 2)
			problem.target_unsafe = draw(&rng, 1e-3, 0.2);
		if (i % 2)
			problem.target_loss = draw(&rng, 1e-8, 1e-1);
		problem.copies_min = (uint32_t)hb_rng_below(&rng, 4);
		problem.copies_min = problem.copies_min == 1 ? 0 : problem.copies_min;
		check_against_brute_force(&problem);
	}
}

Test(optimise, pbft_equals_brute_force)
{
	struct hb_rng rng;

	hb_rng_init(&rng, seed_of_run(), 2);
	for (int i = 0; i < 25; i++) {
		struct pc_node_type types[TYPES_MAX];
		struct pc_optimise_problem problem = problem_of(PC_PBFT, types);

		draw_types(&rng, types, true);
		problem.target_failure = i % 2 ? draw(&rng, 1e-4, 0.3) : 1;
		problem.target_unsafe = draw(&rng, 1e-6, 0.1);
		check_against_brute_force(&problem);
	}
}

/* Least unlive over all votes up to @max with quorums of more than half and at least @copies nodes in each. */
static double best_votes(const double *q, int n, uint32_t max, int copies)
{
	uint32_t votes[NODES_MAX] = {0};
	double best = 1;

	for (;;) {
		uint32_t total = 0;
		int at = 0;

		while (at < n && votes[at] == max)
			votes[at++] = 0;
		if (at == n)
			return best;
		votes[at]++;
		for (int i = 0; i < n; i++)
			total += votes[i];
		for (uint32_t quorum = total / 2 + 1; quorum <= total; quorum++) {
			double unlive = 0;
			int smallest = n + 1;

			for (int alive = 0; alive < 1 << n; alive++) {
				uint32_t sum = 0;
				double p = 1;

				for (int i = 0; i < n; i++) {
					sum += alive >> i & 1 ? votes[i] : 0;
					p *= alive >> i & 1 ? 1 - q[i] : q[i];
				}
				if (sum < quorum)
					unlive += p;
				else if (__builtin_popcount((unsigned)alive) < smallest)
					smallest = __builtin_popcount((unsigned)alive);
			}
			if (smallest >= copies && unlive < best)
				best = unlive;
		}
	}
}

Test(optimise, votes_equal_brute_force_over_all_votes)
{
	struct hb_rng rng;

	hb_rng_init(&rng, seed_of_run(), 3);
	for (int i = 0; i < 60; i++) {
		struct pc_node_type types[TYPES_MAX];
		struct pc_optimise_problem problem = problem_of(PC_RAFT, types);
		struct pc_optimum optimum;
		struct hb_error error = {0};
		double q[NODES_MAX], expected;
		int n = 0;

		for (int t = 0; t < TYPES_MAX; t++) {
			uint32_t count = 1 + (uint32_t)hb_rng_below(&rng, t == 0 ? 3 : 1);

			types[t] = (struct pc_node_type){.crash = draw(&rng, 1e-3, 0.4),
				.count_min = count,
				.count_max = count};
			for (uint32_t c = 0; c < count; c++)
				q[n++] = types[t].crash;
		}
		problem.nodes_min = problem.nodes_max = (uint32_t)n;
		problem.weighted = true;
		/* The best quorums of five nodes need no vote above 3 (3, 2, 2, 1, 1); 4 leaves room. */
		expected = best_votes(q, n, 4, 2);
		cr_assert_eq(pc_optimise(&problem, &optimum, &error), 0, "%s", error.text);
		cr_assert(fabs(optimum.result.unlive / expected - 1) < 1e-9,
			"brute force %.12g, search %.12g", expected, optimum.result.unlive);
		cr_assert(optimum.copies >= 2);
		cr_assert(optimum.unlive_bound <= expected * (1 + 1e-12));
	}
}

Test(optimise, published_weights_are_found)
{
	/* Design: 4@8% + 3@1% with 2:3 goes from 3.971 to 4.169 nines, and 2@20% + 3@1% from 2.891 to 3.526. */
	static const struct {
		uint32_t a, b;
		double p, q, nines;
	} cases[] = {
		{4, 3, 0.08, 0.01, 4.169}, {5, 2, 0.08, 0.01, 3.897}, {2, 3, 0.2, 0.01, 3.526}};

	for (size_t i = 0; i < 3; i++) {
		const struct pc_node_type types[TYPES_MAX] = {
			{.crash = cases[i].p, .count_min = cases[i].a, .count_max = cases[i].a},
			{.crash = cases[i].q, .count_min = cases[i].b, .count_max = cases[i].b},
			{.crash = 0.5}};
		struct pc_optimise_problem problem = problem_of(PC_RAFT, types);
		struct pc_optimum optimum;
		struct hb_error error = {0};

		problem.nodes_min = problem.nodes_max = cases[i].a + cases[i].b;
		problem.weighted = true;
		cr_assert_eq(pc_optimise(&problem, &optimum, &error), 0, "%s", error.text);
		cr_assert(fabs(-log10(optimum.result.unlive) - cases[i].nines) < 5e-4, "%g",
			-log10(optimum.result.unlive));
	}
}

Test(optimise, a_dictator_is_refused_unless_asked_for)
{
	const struct pc_node_type types[TYPES_MAX] = {
		{.crash = 0.001, .count_min = 1, .count_max = 1},
		{.crash = 0.2, .count_min = 2, .count_max = 2}, {.crash = 0.5}};
	struct pc_optimise_problem problem = problem_of(PC_RAFT, types);
	struct pc_optimum optimum;

	problem.nodes_min = problem.nodes_max = 3;
	problem.weighted = true;
	cr_assert_eq(pc_optimise(&problem, &optimum, NULL), 0);
	cr_assert_eq(optimum.copies, 2);
	cr_assert(fabs(optimum.result.unlive - 0.04032) < 1e-12);
	problem.allow_dictator = true;
	cr_assert_eq(pc_optimise(&problem, &optimum, NULL), 0);
	cr_assert_eq(optimum.copies, 1);
	cr_assert(fabs(optimum.result.unlive - 0.001) < 1e-15);
}

Test(optimise, leaders_come_by_reliability_and_need_a_vote)
{
	const struct pc_node_type types[TYPES_MAX] = {
		{.crash = 0.2, .count_min = 2, .count_max = 2},
		{.crash = 0.001, .count_min = 1, .count_max = 1},
		{.crash = 0.05, .count_min = 2, .count_max = 2}};
	struct pc_optimise_problem problem = problem_of(PC_RAFT, types);
	struct pc_optimum optimum;

	cr_assert_eq(pc_optimise(&problem, &optimum, NULL), 0);
	cr_assert_eq(optimum.leader_count, 3);
	cr_assert_eq(optimum.leaders[0], 1);
	cr_assert_eq(optimum.leaders[1], 2);
	cr_assert_eq(optimum.leaders[2], 0);
}

Test(optimise, the_pair_bound_equals_the_sum_over_bit_masks)
{
	const double q[] = {0.1, 0.3, 0.02};
	const uint32_t counts[] = {3, 1, 2};
	const double each[] = {0.1, 0.1, 0.1, 0.3, 0.02, 0.02};
	double expected = 0, bound;

	for (int set = 0; set < 64; set++) {
		double p = 1, mirror = 1;

		for (int i = 0; i < 6; i++) {
			p *= set >> i & 1 ? each[i] : 1 - each[i];
			mirror *= set >> i & 1 ? 1 - each[i] : each[i];
		}
		expected += fmin(p, mirror) / 2;
	}
	cr_assert_eq(pc_unlive_bound(q, counts, 3, &bound), 0);
	cr_assert(fabs(bound / expected - 1) < 1e-12);
}

/* With a common part: brute force over the mixes, each judged by the analysis itself, which has tests of its own. */
Test(optimise, with_a_common_cause_no_mix_that_meets_is_cheaper)
{
	struct hb_rng rng;

	hb_rng_init(&rng, seed_of_run(), 4);
	for (int i = 0; i < 40; i++) {
		struct pc_node_type types[TYPES_MAX];
		struct pc_optimise_problem problem = problem_of(PC_RAFT, types), fixed;
		struct pc_optimum optimum, other;
		double best = INFINITY;
		int err;

		draw_types(&rng, types, false);
		problem.beta = draw(&rng, 1e-3, 0.5);
		problem.target_failure = draw(&rng, 1e-4, 0.1);
		err = pc_optimise(&problem, &optimum, NULL);
		for (int mix = 0; mix < 216; mix++) {
			uint32_t counts[] = {
				(uint32_t)mix % 6, (uint32_t)mix / 6 % 6, (uint32_t)mix / 36};
			struct pc_node_type exactly[TYPES_MAX];
			bool allowed = true;

			for (int t = 0; t < TYPES_MAX; t++) {
				allowed &= counts[t] >= types[t].count_min &&
					   counts[t] <= types[t].count_max;
				exactly[t] = types[t];
				exactly[t].count_min = exactly[t].count_max = counts[t];
			}
			fixed = problem;
			fixed.types = exactly;
			if (allowed && !pc_optimise(&fixed, &other, NULL))
				best = fmin(best, other.cost);
		}
		cr_assert_eq(err, isinf(best) ? -ENOENT : 0);
		if (!err)
			cr_assert(fabs(optimum.cost - best) < 1e-9,
				"mixes one by one %g, search %g", best, optimum.cost);
	}
}

Test(optimise, out_of_steps_it_says_how_far_it_may_be)
{
	struct pc_node_type types[10];
	struct pc_optimise_problem problem = {.kind = PC_RAFT,
		.types = types,
		.type_count = 10,
		.nodes_min = 1,
		.nodes_max = 25,
		.target_unsafe = 1,
		.target_unlive = 1,
		.target_failure = 1e-9,
		.target_loss = 1};
	struct pc_optimum best, cut;
	struct hb_error error = {0};
	int err;

	for (int t = 0; t < 10; t++)
		types[t] = (struct pc_node_type){.crash = 0.001 * pow(1.7, t),
			.cost = 20 / pow(1.31, t) + 0.37,
			.count_max = 25};
	cr_assert_eq(pc_optimise(&problem, &best, &error), 0, "%s", error.text);
	cr_assert(best.proven);
	for (uint64_t steps = 1; steps < best.steps; steps *= 2) {
		problem.steps_max = steps;
		err = pc_optimise(&problem, &cut, &error);
		if (err) {
			cr_assert_eq(err, -ETIMEDOUT, "%s", error.text);
			continue;
		}
		cr_assert(cut.cost_bound <= best.cost + 1e-9, "bound %g above the optimum %g",
			cut.cost_bound, best.cost);
		cr_assert(cut.cost >= best.cost - 1e-9);
		cr_assert(cut.proven || cut.cost_bound < cut.cost);
	}
}

/* Money has no unit here: cents, millions and anything else find the same fleet. */
Test(optimise, the_unit_of_cost_does_not_matter)
{
	static const double units[] = {1, 1e-13, 1e-300, 1e-9, 1e9, 1e290};

	for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
		const struct pc_node_type types[] = {
			{.crash = 0.01, .cost = 10 * units[u], .count_max = 25},
			{.crash = 0.08, .cost = units[u], .count_max = 25}};
		struct pc_optimise_problem problem = {.kind = PC_RAFT,
			.types = types,
			.type_count = 2,
			.nodes_min = 1,
			.nodes_max = 25,
			.target_unsafe = 1,
			.target_unlive = 1,
			.target_failure = 2.98e-4,
			.target_loss = 1};
		struct hb_error error = {0};
		struct pc_optimum optimum;

		cr_assert_eq(pc_optimise(&problem, &optimum, &error), 0, "%s", error.text);
		cr_assert(optimum.counts[0] == 0 && optimum.counts[1] == 11, "unit %g: %u and %u",
			units[u], optimum.counts[0], optimum.counts[1]);
		cr_assert(optimum.proven);
	}
}

Test(optimise, what_cannot_be_is_refused_with_a_reason)
{
	struct pc_node_type types[TYPES_MAX] = {{.crash = 0.1, .cost = 1, .count_max = 5},
		{.crash = 0.1, .cost = 1, .count_max = 5},
		{.crash = 0.1, .cost = 1, .count_max = 5}};
	struct pc_optimise_problem problem = problem_of(PC_RAFT, types), wrong;
	struct pc_optimum optimum;
	struct hb_error error = {0};

	wrong = problem;
	wrong.target_unlive = 2;
	cr_assert_eq(pc_optimise(&wrong, &optimum, &error), -EINVAL);
	wrong = problem;
	wrong.nodes_max = PC_OPTIMISE_NODES_MAX + 1;
	cr_assert_eq(pc_optimise(&wrong, &optimum, &error), -EINVAL);
	wrong = problem;
	wrong.kind = PC_PBFT;
	wrong.weighted = true;
	cr_assert_eq(pc_optimise(&wrong, &optimum, &error), -EINVAL);
	types[2].crash = 1.5;
	cr_assert_eq(pc_optimise(&problem, &optimum, &error), -EINVAL);
	cr_assert(error.text[0]);
	types[2] = (struct pc_node_type){.crash = 0.1, .cost = NAN, .count_max = 5};
	cr_assert_eq(pc_optimise(&problem, &optimum, &error), -EINVAL);
	types[2] = (struct pc_node_type){.crash = 0.1, .cost = 1, .count_min = 6, .count_max = 5};
	cr_assert_eq(pc_optimise(&problem, &optimum, &error), -EINVAL);
}
