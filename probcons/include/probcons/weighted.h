/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Votes of integer weight: tail of the failed weight by a dynamic programme indexed by weight. Long double over
 * non-negative terms, as poisson_binomial.h, to which equal weights lead. Weights are divided by their greatest
 * common divisor first. Thread-safe.
 */
#ifndef PROBCONS_WEIGHTED_H
#define PROBCONS_WEIGHTED_H

#include <stdint.h>

struct hb_error;

/*
 * pc_weighted_tail - probability that nodes of at least @votes fail.
 * @q, @weight: shape [count]. @votes: 0 gives 1, more than all weight gives 0.
 *
 * Returns 0, -EINVAL (probability), -E2BIG (weights above PC_WEIGHT_SUM_MAX after reduction, or more than
 * PC_NODES_EXACT_MAX nodes of unequal weight) or -ENOMEM. Takes count x votes steps and 16 bytes per vote.
 */
int pc_weighted_tail(const double *q, const uint32_t *weight, uint32_t count, uint64_t votes,
	double *ret, struct hb_error *reterr);

/* pc_weighted_divisor - greatest common divisor of the weights that are not 0; 1 if all are 0. */
uint32_t pc_weighted_divisor(const uint32_t *weight, uint32_t count);

#endif
