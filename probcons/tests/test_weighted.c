/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <probcons/node.h>
#include <probcons/poisson_binomial.h>
#include <probcons/weighted.h>

#include "enumeration.h"

Test(weighted, tails_equal_enumeration)
{
	uint64_t seed = test_seed();
	struct hb_rng rng;

	hb_rng_init(&rng, seed, 1);
	for (int round = 0; round < 500; round++) {
		uint32_t n = 1 + (uint32_t)hb_rng_below(&rng, 12), weight[12], sum = 0;
		uint32_t unit = 1 + (uint32_t)hb_rng_below(&rng, 3);
		double q[12], got;

		for (uint32_t i = 0; i < n; i++) {
			q[i] = pow(10, -10 * hb_rng_double(&rng));
			weight[i] = unit * (uint32_t)hb_rng_below(&rng, 8);
			sum += weight[i];
		}
		for (uint32_t votes = 0; votes <= sum + 1; votes++) {
			long double want = 0;

			for (uint32_t set = 0; set < 1u << n; set++) {
				long double p = 1;
				uint32_t failed = 0;

				for (uint32_t i = 0; i < n; i++) {
					p *= set >> i & 1 ? q[i] : 1.0L - q[i];
					failed += set >> i & 1 ? weight[i] : 0;
				}
				want += failed >= votes ? p : 0;
			}
			cr_assert_eq(pc_weighted_tail(q, weight, n, votes, &got, NULL), 0);
			cr_assert(relative(got, want) < 4e-16 ||
					  (want < 1e-18L && got == 0 && sum < votes),
				"seed %llu round %d: %u of %u votes: %.17g, not %.17Lg",
				(unsigned long long)seed, round, votes, sum, got, want);
		}
	}
}

Test(weighted, equal_weights_lead_to_the_poisson_binomial)
{
	double q[5] = {0.1, 0.02, 0.3, 0.004, 0.5}, got, want;
	uint32_t weight[5] = {7, 7, 7, 7, 7};

	cr_assert_eq(pc_poisson_binomial_tail(q, 5, 3, &want, NULL), 0);
	for (uint64_t votes = 15; votes <= 21; votes++) {
		cr_assert_eq(pc_weighted_tail(q, weight, 5, votes, &got, NULL), 0);
		cr_assert_eq(got, want);
	}
	cr_assert_eq(pc_weighted_divisor(weight, 5), 7);
}

Test(weighted, sums_beyond_the_limit_are_refused)
{
	double q[2] = {0.1, 0.2}, got = 7;
	uint32_t weight[2] = {1, UINT32_MAX};
	struct hb_error error = {0};

	cr_assert_eq(pc_weighted_tail(q, weight, 2, 5, &got, &error), -E2BIG);
	cr_assert_eq(got, 7);
	weight[0] = UINT32_MAX;
	cr_assert_eq(pc_weighted_tail(q, weight, 2, 5, &got, &error), 0);
	cr_assert(fabs(got - 0.28) < 1e-15);
}
