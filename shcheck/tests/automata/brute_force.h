/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Comparisons of the automata core with brute force over short strings, as functions that say whether all agreed: the
 * tests want true, and with each planted error at least one must say false.
 */
#ifndef SHCHECK_TESTS_BRUTE_FORCE_H
#define SHCHECK_TESTS_BRUTE_FORCE_H

#include <stdbool.h>
#include <stdint.h>

#include <hotbed/rng.h>

struct comparison {
	const char *name;
	bool (*agrees)(struct hb_rng *rng); /* one random case */
	int rounds;
};

/* Ends with a NULL name. */
extern const struct comparison comparisons[];

/*
 * comparison_run - all rounds of one comparison from @seed.
 * @quiet: say nothing about the first case that differs.
 */
bool comparison_run(const struct comparison *comparison, uint64_t seed, bool quiet);

#endif
