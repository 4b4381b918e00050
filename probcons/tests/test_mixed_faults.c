/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <gmp.h>

#include <hotbed/error.h>
#include <probcons/mixed_faults.h>
#include <probcons/nines.h>

#include "enumeration.h"

Test(mixed_faults, small_fleets_equal_enumeration)
{
	uint64_t seed = test_seed();
	struct hb_rng rng;

	hb_rng_init(&rng, seed, 1);
	for (int round = 0; round < 600; round++) {
		uint32_t n = 1 + (uint32_t)hb_rng_below(&rng, round < 100 ? 9 : 6);
		struct pc_node nodes[ENUMERATED_MAX];
		struct pc_protocol protocol;
		struct pc_result got;
		struct enumerated want;

		random_fleet(&rng, nodes, n, true, round % 3 ? 1 : 5);
		protocol = random_protocol(&rng, pc_nodes_weight(nodes, n));
		want = enumerate(nodes, n, &protocol, NULL, 0);
		cr_assert_eq(
			pc_analyse(nodes, n, &protocol, NULL, PC_METRIC_FAILURE, &got, NULL), 0);
		cr_assert(relative(got.unsafe, want.unsafe) < 2e-15, "seed %llu round %d",
			(unsigned long long)seed, round);
		cr_assert(relative(got.unlive, want.unlive) < 2e-14,
			"seed %llu round %d: %.17g, not %.17Lg", (unsigned long long)seed, round,
			got.unlive, want.unlive);
		cr_assert(relative(got.unsafe_or_unlive, want.either) < 2e-14, "seed %llu round %d",
			(unsigned long long)seed, round);
		cr_assert(isnan(got.loss.worst));
	}
}

/* P(byz >= s or fault >= f) in floats of 256 bits over the full table of counts. */
static void float_joint(const struct pc_node *nodes, uint32_t n, uint32_t s, uint32_t f, mpf_t ret)
{
	uint32_t side = n + 1;
	mpf_t *cells = malloc((size_t)side * side * sizeof(cells[0])), c, z, w, term;

	mpf_inits(c, z, w, term, NULL);
	for (uint32_t i = 0; i < side * side; i++)
		mpf_init(cells[i]);
	mpf_set_ui(cells[0], 1);
	for (uint32_t i = 0; i < n; i++) {
		mpf_set_d(c, nodes[i].crash);
		mpf_set_d(z, nodes[i].byz);
		mpf_ui_sub(w, 1, c);
		mpf_sub(w, w, z);
		/* cells[byz][crash] */
		for (uint32_t b = i + 1; b <= i + 1; b--) {
			for (uint32_t k = i + 1 - b; k <= i + 1; k--) {
				mpf_t *cell = &cells[b * side + k];

				mpf_mul(*cell, *cell, w);
				if (k) {
					mpf_mul(term, cells[b * side + k - 1], c);
					mpf_add(*cell, *cell, term);
				}
				if (b) {
					mpf_mul(term, cells[(b - 1) * side + k], z);
					mpf_add(*cell, *cell, term);
				}
			}
		}
	}
	mpf_set_ui(ret, 0);
	for (uint32_t b = 0; b <= n; b++)
		for (uint32_t k = 0; b + k <= n; k++)
			if (b >= s || b + k >= f)
				mpf_add(ret, ret, cells[b * side + k]);
	for (uint32_t i = 0; i < side * side; i++)
		mpf_clear(cells[i]);
	mpf_clears(c, z, w, term, NULL);
	free(cells);
}

Test(mixed_faults, hundred_nodes_equal_floats_of_256_bits)
{
	enum { N = 100 };
	static const struct pc_thresholds thresholds[] = {
		{.byz_unsafe = 1, .byz_unlive = UINT64_MAX, .fault_unlive = 50},
		{.byz_unsafe = 20, .byz_unlive = 34, .fault_unlive = 60},
		{.byz_unsafe = 45, .byz_unlive = 3, .fault_unlive = 90},
	};
	uint64_t seed = test_seed();
	struct hb_rng rng;
	struct pc_node nodes[N];

	hb_rng_init(&rng, seed, 2);
	mpf_set_default_prec(256);
	for (int i = 0; i < N; i++)
		nodes[i] = (struct pc_node){.crash = pow(10, -1 - 3 * hb_rng_double(&rng)),
			.byz = pow(10, -2 - 4 * hb_rng_double(&rng)),
			.weight = 1};
	for (int t = 0; t < 3; t++) {
		struct pc_failure got;
		mpf_t want, difference;
		double error;

		mpf_inits(want, difference, NULL);
		float_joint(nodes, N,
			(uint32_t)fmin(
				(double)thresholds[t].byz_unsafe, (double)thresholds[t].byz_unlive),
			(uint32_t)thresholds[t].fault_unlive, want);
		cr_assert_eq(pc_mixed_faults(nodes, N, &thresholds[t], &got, NULL), 0);
		mpf_set_d(difference, got.unsafe_or_unlive);
		mpf_sub(difference, difference, want);
		mpf_div(difference, difference, want);
		error = fabs(mpf_get_d(difference));
		cr_assert(error < 1e-13, "thresholds %d: %.17g, error %g", t, got.unsafe_or_unlive,
			error);
		mpf_clears(want, difference, NULL);
	}
}

Test(mixed_faults, largest_mixed_fleet_agrees_with_the_sum_over_byzantine_counts)
{
	/*
	 * Equal nodes: condition on the number of Byzantine ones; given it, the others crash with c / (1 - z).
	 */
	enum { N = 1001, S = 120, F = 700 };
	struct pc_node *nodes = calloc(N, sizeof(nodes[0]));
	struct pc_thresholds thresholds = {
		.byz_unsafe = S, .byz_unlive = UINT64_MAX, .fault_unlive = F};
	double byz = 0.05;
	long double c = 0.25, z = byz, want = 0;
	struct pc_failure got;

	for (int i = 0; i < N; i++)
		nodes[i] = (struct pc_node){.crash = 0.25, .byz = byz, .weight = 1};
	for (int b = 0; b <= N; b++) {
		long double crash = c / (1 - z), tail = 0;
		long double log_b = lgammal(N + 1.0L) - lgammal(b + 1.0L) - lgammal(N - b + 1.0L) +
				    b * logl(z) + (N - b) * log1pl(-z);

		for (int k = b >= S ? 0 : F > b ? F - b : 0; k <= N - b; k++)
			tail += expl(lgammal(N - b + 1.0L) - lgammal(k + 1.0L) -
				     lgammal(N - b - k + 1.0L) + k * logl(crash) +
				     (N - b - k) * log1pl(-crash));
		want += expl(log_b) * tail;
	}
	cr_assert_eq(pc_mixed_faults(nodes, N, &thresholds, &got, NULL), 0);
	cr_assert(relative(got.unsafe_or_unlive, want) < 1e-12, "%.17g is not %.17Lg",
		got.unsafe_or_unlive, want);
	want = 0;
	for (int f = F; f <= N; f++)
		want += expl(lgammal(N + 1.0L) - lgammal(f + 1.0L) - lgammal(N - f + 1.0L) +
			     f * logl(c + z) + (N - f) * log1pl(-(c + z)));
	cr_assert(relative(got.unlive, want) < 1e-12, "%.17g is not %.17Lg", got.unlive, want);
	cr_assert(got.unlive < 1e-100);
	free(nodes);
}

Test(mixed_faults, too_many_nodes_are_refused_only_if_they_mix)
{
	enum { N = PC_NODES_MIXED_MAX + 1 };
	struct pc_node *nodes = calloc(N, sizeof(nodes[0]));
	struct pc_thresholds thresholds = {
		.byz_unsafe = 1, .byz_unlive = UINT64_MAX, .fault_unlive = N / 2};
	struct pc_failure got;
	struct hb_error error = {0};

	for (int i = 0; i < N; i++)
		nodes[i] = (struct pc_node){.crash = 0.01, .weight = 1};
	cr_assert_eq(pc_mixed_faults(nodes, N, &thresholds, &got, &error), 0);
	nodes[0].byz = 0.01;
	cr_assert_eq(pc_mixed_faults(nodes, N, &thresholds, &got, &error), -E2BIG);
	free(nodes);
}
