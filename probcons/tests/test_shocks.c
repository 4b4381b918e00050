/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <probcons/groups.h>
#include <probcons/nines.h>

#include "enumeration.h"

struct shocks {
	struct pc_shock list[6];
	uint32_t members[6][ENUMERATED_MAX];
	uint32_t count;
};

/*
 * Random sets; with @nested, each is a block of an even cut of an earlier one, so that they form a tree.
 */
static void random_shocks(struct hb_rng *rng, uint32_t n, bool nested, bool byz, struct shocks *ret)
{
	uint32_t lo[6], hi[6];

	ret->count = 1 + (uint32_t)hb_rng_below(rng, 5);
	for (uint32_t k = 0; k < ret->count; k++) {
		struct pc_shock *shock = &ret->list[k];

		*shock = (struct pc_shock){.probability = pow(10, -4 * hb_rng_double(rng)),
			.byzantine = byz && hb_rng_below(rng, 3) == 0,
			.members = ret->members[k]};
		lo[k] = 0;
		hi[k] = n;
		if (k && nested) {
			uint32_t parent = (uint32_t)hb_rng_below(rng, k);
			uint32_t middle = (lo[parent] + hi[parent]) / 2;
			bool left = hb_rng_below(rng, 2);

			lo[k] = left || middle == hi[parent] ? lo[parent] : middle;
			hi[k] = left && middle > lo[parent] ? middle : hi[parent];
		}
		for (uint32_t i = lo[k]; i < hi[k]; i++)
			if (nested || hb_rng_below(rng, 2))
				ret->members[k][shock->member_count++] = i;
		if (!shock->member_count)
			ret->members[k][shock->member_count++] = 0;
	}
}

static void compare(struct hb_rng *rng, bool nested, bool byz_shocks, int rounds, uint64_t seed)
{
	for (int round = 0; round < rounds; round++) {
		uint32_t n = 1 + (uint32_t)hb_rng_below(rng, 6);
		struct pc_node nodes[ENUMERATED_MAX];
		struct shocks shocks;
		struct pc_protocol protocol;
		struct pc_correlation correlation = {0};
		struct pc_result got;
		struct enumerated want;

		random_fleet(rng, nodes, n, round % 2, round % 3 ? 1 : 4);
		random_shocks(rng, n, nested, byz_shocks, &shocks);
		correlation.shocks = shocks.list;
		correlation.shock_count = shocks.count;
		protocol = random_protocol(rng, pc_nodes_weight(nodes, n));
		want = enumerate(nodes, n, &protocol, shocks.list, shocks.count);
		cr_assert_eq(
			pc_analyse(nodes, n, &protocol, &correlation, PC_METRIC_ALL, &got, NULL),
			0);
		cr_assert(relative(got.unsafe, want.unsafe) < 1e-13,
			"seed %llu round %d: %.17g %.17Lg", (unsigned long long)seed, round,
			got.unsafe, want.unsafe);
		cr_assert(relative(got.unlive, want.unlive) < 1e-13,
			"seed %llu round %d: %.17g %.17Lg", (unsigned long long)seed, round,
			got.unlive, want.unlive);
		cr_assert(relative(got.unsafe_or_unlive, want.either) < 1e-13, "seed %llu round %d",
			(unsigned long long)seed, round);
		cr_assert(relative(got.loss.any, want.loss_any) < 1e-13, "seed %llu round %d",
			(unsigned long long)seed, round);
		cr_assert(relative(got.loss.mean, want.loss_mean) < 1e-13,
			"seed %llu round %d: %.17g %.17Lg", (unsigned long long)seed, round,
			got.loss.mean, want.loss_mean);
		cr_assert(relative(got.loss.worst, want.loss_worst) < 1e-13,
			"seed %llu round %d: %.17g %.17Lg", (unsigned long long)seed, round,
			got.loss.worst, want.loss_worst);
		cr_assert(!got.loss.worst_is_bound);
	}
}

Test(shocks, nested_groups_equal_enumeration)
{
	uint64_t seed = test_seed();
	struct hb_rng rng;

	hb_rng_init(&rng, seed, 1);
	compare(&rng, true, false, 300, seed);
}

Test(shocks, overlapping_shocks_equal_enumeration)
{
	uint64_t seed = test_seed();
	struct hb_rng rng;

	hb_rng_init(&rng, seed, 2);
	compare(&rng, false, false, 300, seed);
}

Test(shocks, byzantine_shocks_equal_enumeration)
{
	uint64_t seed = test_seed();
	struct hb_rng rng;

	hb_rng_init(&rng, seed, 3);
	compare(&rng, false, true, 150, seed);
	compare(&rng, true, true, 150, seed);
}

static double beta_nines(uint32_t n, double p, double beta)
{
	struct pc_node nodes[16];
	struct pc_protocol protocol = pc_raft_majority(n);
	struct pc_shock_set set;
	struct pc_correlation correlation = {0};
	struct pc_result result;

	for (uint32_t i = 0; i < n; i++)
		nodes[i] = (struct pc_node){.crash = p, .weight = 1};
	cr_assert_eq(pc_beta_factor(nodes, n, beta, &set, NULL), 0);
	correlation.shocks = set.shocks;
	correlation.shock_count = set.count;
	cr_assert_eq(
		pc_analyse(nodes, n, &protocol, &correlation, PC_METRIC_FAILURE, &result, NULL), 0);
	pc_shock_set_finish(&set);
	return pc_nines(result.unlive);
}

Test(shocks, beta_factor_has_the_nines_of_the_design_page)
{
	cr_assert(fabs(beta_nines(3, 0.01, 0.1) - 2.906) < 5e-4);
	cr_assert(fabs(beta_nines(9, 0.01, 0.1) - 3.000) < 5e-4);
	cr_assert(fabs(beta_nines(9, 0.08, 0.1) - 2.087) < 5e-4);
	cr_assert(fabs(beta_nines(3, 0.01, 0) - 3.5258) < 5e-4);
	/* Everything common: one node's nines. */
	cr_assert(fabs(beta_nines(9, 0.01, 1) - 2) < 1e-12);
}

Test(shocks, beta_factor_keeps_unequal_marginals_and_fails_the_worse_with_the_better)
{
	static const double crash[4] = {0.02, 0.3, 0.02, 0.1};
	double beta = 0.4;

	for (uint32_t i = 0; i < 4; i++) {
		for (uint32_t j = 0; j < 4; j++) {
			struct pc_node nodes[4];
			struct pc_shock_set set;
			long double none = 1, neither = 1;

			for (uint32_t k = 0; k < 4; k++)
				nodes[k] = (struct pc_node){.crash = crash[k], .weight = 1};
			cr_assert_eq(pc_beta_factor(nodes, 4, beta, &set, NULL), 0);
			cr_assert_eq(set.count, 3);
			for (uint32_t s = 0; s < set.count; s++) {
				bool hits_i = false, hits_j = false;

				for (uint32_t m = 0; m < set.shocks[s].member_count; m++) {
					hits_i |= set.shocks[s].members[m] == i;
					hits_j |= set.shocks[s].members[m] == j;
				}
				none *= hits_i ? 1 - set.shocks[s].probability : 1;
				neither *= hits_i || hits_j ? 1 - set.shocks[s].probability : 1;
			}
			/*
			 * Common causes alone: node i fails with beta p_i; one of i, j with beta max(p_i, p_j).
			 */
			cr_assert(relative(1 - none, beta * crash[i]) < 1e-14);
			cr_assert(relative(1 - neither, beta * fmax(crash[i], crash[j])) < 1e-14);
			cr_assert(relative(nodes[i].crash, (1 - beta) * crash[i]) < 1e-15);
			pc_shock_set_finish(&set);
		}
	}
}

Test(shocks, thousand_nodes_in_racks_and_zones_are_within_reach)
{
	enum { N = 1000 };
	struct pc_node *nodes = calloc(N, sizeof(nodes[0]));
	struct pc_shock_set zones, racks;
	struct pc_correlation correlation = {0};
	struct pc_protocol protocol = pc_raft_majority(N);
	struct pc_result with, without;

	for (int i = 0; i < N; i++)
		nodes[i] = (struct pc_node){.crash = 0.3 + 1e-5 * i, .weight = 1};
	cr_assert_eq(pc_groups_even(N, 4, 0.001, &zones, NULL), 0);
	cr_assert_eq(pc_groups_even(N, 40, 0.01, &racks, NULL), 0);
	cr_assert_eq(pc_shock_set_append(&zones, &racks), 0);
	correlation.shocks = zones.shocks;
	correlation.shock_count = zones.count;
	cr_assert_eq(zones.count, 44);
	cr_assert_eq(
		pc_analyse(nodes, N, &protocol, &correlation, PC_METRIC_FAILURE, &with, NULL), 0);
	cr_assert_eq(pc_analyse(nodes, N, &protocol, NULL, PC_METRIC_FAILURE, &without, NULL), 0);
	cr_assert(with.unlive > without.unlive && with.unlive < 1);
	/* Two zones out are a majority nearly for certain; that alone is a floor. */
	cr_assert(with.unlive > 6 * 1e-6 * 0.99);
	pc_shock_set_finish(&zones);
	free(nodes);
}

Test(shocks, bad_shocks_are_refused_by_number)
{
	static const uint32_t good[2] = {0, 1}, backwards[2] = {1, 0}, outside[2] = {0, 3};
	struct pc_shock shock = {.probability = 0.1, .member_count = 2, .members = good};
	struct hb_error error = {0};

	cr_assert_eq(pc_shocks_check(&shock, 1, 3, &error), 0);
	shock.members = backwards;
	cr_assert_eq(pc_shocks_check(&shock, 1, 3, &error), -EINVAL);
	shock.members = outside;
	cr_assert_eq(pc_shocks_check(&shock, 1, 3, &error), -EINVAL);
	cr_assert(strstr(error.text, "shock 1") && strstr(error.text, "node 4"), "%s", error.text);
	shock = (struct pc_shock){.probability = 0.1};
	cr_assert_eq(pc_shocks_check(&shock, 1, 3, &error), -EINVAL);
	cr_assert(strstr(error.text, "empty"), "%s", error.text);
	shock = (struct pc_shock){.probability = 1.5, .member_count = 2, .members = good};
	cr_assert_eq(pc_shocks_check(&shock, 1, 3, &error), -EINVAL);
}

Test(shocks, too_many_overlapping_shocks_are_refused)
{
	enum { N = 40 };
	struct pc_node nodes[N];
	struct pc_shock shocks[N];
	uint32_t members[N][2];
	struct pc_correlation correlation = {.shocks = shocks, .shock_count = N};
	struct pc_protocol protocol = pc_raft_majority(N);
	struct pc_result result;
	struct hb_error error = {0};

	for (uint32_t i = 0; i < N; i++) {
		nodes[i] = (struct pc_node){.crash = 0.1, .weight = 1};
		members[i][0] = i + 1 < N ? i : 0;
		members[i][1] = i + 1 < N ? i + 1 : N - 1;
		shocks[i] = (struct pc_shock){
			.probability = 0.1, .member_count = 2, .members = members[i]};
	}
	cr_assert_eq(pc_analyse(nodes, N, &protocol, &correlation, PC_METRIC_ALL, &result, &error),
		-E2BIG);
	cr_assert(strstr(error.text, "overlap"), "%s", error.text);
}
