/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random chains and their generator matrices, for the comparison with general linear algebra.
 */
#ifndef TEST_MARKOV_CHAINS_H
#define TEST_MARKOV_CHAINS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <gsl/gsl_matrix.h>

#include <hotbed/markov.h>
#include <hotbed/rng.h>

/* HB_SEED, or a fixed seed; printed, so that a failure can be repeated. */
static inline uint64_t test_seed(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : 20250514;

	fprintf(stderr, "HB_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

/*
 * A ring, so that every state reaches every other, and each further transition with probability @density; its
 * generator too.
 */
static inline struct hb_markov *random_chain(
	struct hb_rng *rng, uint32_t n, double density, gsl_matrix **ret_generator)
{
	struct hb_markov *chain = NULL;
	gsl_matrix *q = gsl_matrix_calloc(n, n);

	cr_assert_eq(hb_markov_create(n, &chain, NULL), 0);
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t j = 0; j < n; j++) {
			bool ring = j == (i + 1) % n;

			if (i == j || (!ring && hb_rng_double(rng) >= density))
				continue;
			double rate = 0.01 + hb_rng_double(rng);

			cr_assert_eq(hb_markov_add(chain, i, j, rate, NULL), 0);
			gsl_matrix_set(q, i, j, rate);
			gsl_matrix_set(q, i, i, gsl_matrix_get(q, i, i) - rate);
		}
	}
	*ret_generator = q;
	return chain;
}

#endif
