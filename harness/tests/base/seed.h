/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The seed of random tests: HB_SEED from the environment, or 1; always printed, so that a failure can be repeated.
 */
#ifndef HOTBED_TESTS_BASE_SEED_H
#define HOTBED_TESTS_BASE_SEED_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* test_seed - the seed; prints "HB_SEED=..." on standard error. */
static inline uint64_t test_seed(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 1;

	(void)fprintf(stderr, "HB_SEED=%" PRIu64 "\n", seed);
	return seed;
}

#endif
