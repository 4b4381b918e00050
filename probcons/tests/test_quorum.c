/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <probcons/nines.h>

#include "enumeration.h"

Test(quorum, losses_of_small_fleets_equal_enumeration)
{
	uint64_t seed = test_seed();
	struct hb_rng rng;

	hb_rng_init(&rng, seed, 1);
	for (int round = 0; round < 400; round++) {
		uint32_t n = 1 + (uint32_t)hb_rng_below(&rng, 9);
		struct pc_node nodes[ENUMERATED_MAX];
		struct pc_protocol protocol;
		struct pc_result got;
		struct enumerated want;
		long double minimal;

		random_fleet(&rng, nodes, n, round % 2, round % 3 ? 6 : 1);
		protocol = random_protocol(&rng, pc_nodes_weight(nodes, n));
		want = enumerate(nodes, n, &protocol, NULL, 0);
		cr_assert_eq(pc_analyse(nodes, n, &protocol, NULL, PC_METRIC_LOSS, &got, NULL), 0);
		cr_assert(relative(got.loss.worst, want.loss_worst) < 2e-15, "seed %llu round %d",
			(unsigned long long)seed, round);
		cr_assert(relative(got.loss.mean, want.loss_mean) < 2e-15, "seed %llu round %d",
			(unsigned long long)seed, round);
		cr_assert(relative(got.loss.any, want.loss_any) < 2e-15, "seed %llu round %d",
			(unsigned long long)seed, round);
		cr_assert(!got.loss.worst_is_bound);
		cr_assert_eq(pc_quorum_minimal_count(nodes, n, protocol.q_per, &minimal, NULL), 0);
		cr_assert_eq((unsigned long)minimal, want.quorums);
	}
}

Test(quorum, random_quorums_miss_with_the_hypergeometric_probability)
{
	/* Probabilistic quorums: l sqrt(n) of n. Exact values of the design page. */
	cr_assert(relative(pc_quorum_miss(100, 20, 20), 6.60e-3L) < 1e-3);
	cr_assert(relative(pc_quorum_miss(100, 30, 30), 1.88e-6L) < 2.7e-3);
	cr_assert(relative(pc_quorum_miss(100, 10, 70), 1.74e-6L) < 3e-3);
	cr_assert(pc_quorum_miss(100, 31, 31) <= 1e-6 && pc_quorum_miss(100, 30, 30) > 1e-6);
	cr_assert(pc_quorum_miss(1000, 111, 111) <= 1e-6 && pc_quorum_miss(1000, 110, 110) > 1e-6);
	cr_assert_eq(pc_quorum_miss(5, 3, 3), 0);
	cr_assert_eq(pc_quorum_miss(5, 0, 3), 1);
	cr_assert(relative(pc_quorum_miss(5, 2, 2), 0.3L) < 1e-15);
}

Test(quorum, mean_loss_of_equal_nodes_is_a_power)
{
	struct pc_node *nodes = calloc(4096, sizeof(nodes[0]));
	struct pc_loss loss;

	for (int i = 0; i < 4096; i++)
		nodes[i] = (struct pc_node){.crash = 0.5, .weight = 3};
	cr_assert_eq(pc_quorum_loss(nodes, 4096, 3 * 900, &loss, NULL), 0);
	cr_assert(relative(loss.mean, powl(0.5L, 900)) < 1e-15);
	cr_assert(relative(loss.worst, powl(0.5L, 900)) < 1e-15);
	free(nodes);
}

Test(quorum, unreachable_quorum_is_refused)
{
	struct pc_node nodes[3] = {{.crash = 0.1, .weight = 1}, {.crash = 0.1, .weight = 1},
		{.crash = 0.1, .weight = 1}};
	struct pc_loss loss;
	struct hb_error error = {0};
	double q;

	cr_assert_eq(pc_quorum_loss(nodes, 3, 4, &loss, &error), -EINVAL);
	cr_assert_eq(pc_quorum_loss(nodes, 3, 0, &loss, &error), -EINVAL);
	cr_assert_eq(pc_quorum_loss_required(nodes, 3, 1, 2, false, 2, &q, &error), -EINVAL);
	cr_assert_eq(pc_quorum_loss_required(nodes, 3, 2, 0, true, 2, &q, &error), -EINVAL);
}
