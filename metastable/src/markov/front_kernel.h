/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Elimination of the first states of a dense front without a subtraction: the inner loop of elimination.c. Blocked, so
 * that nearly all work is a matrix product of non-negative matrices. Thread-safe for different fronts.
 *
 * Source: Grassmann, Taksar, Heyman, Oper. Res. 33(5), 1985, in blocks: a panel sees the rest of the front as one
 * column of sums, which is enough for its pivots.
 */
#ifndef METASTABLE_FRONT_KERNEL_H
#define METASTABLE_FRONT_KERNEL_H

#include <stdint.h>

/* Rates between @size states; row-major with @stride; the diagonal is never read. Every entry >= 0. */
struct front {
	uint32_t size;
	uint32_t stride;
	double *rate;    /* shape [size x stride] */
	double *killing; /* shape [size]: rate of leaving the chain */
};

/*
 * front_eliminate - eliminate states 0 ... pivots-1.
 * @ret_pivot: shape [pivots]: rate of leaving each eliminated state for the states after it or for good.
 *
 * Afterwards, for an eliminated k: rate(k, j), j > k, is the probability that the state entered next among those after
 * k is j; rate(i, k), i > k, is the rate into k with all before k eliminated; killing[k] is the probability of leaving
 * for good. Rates among the states after the pivots are those of the chain watched on them.
 *
 * Returns 0, or the first state + 1 (of this front) that nothing leaves, in double precision. The very last state of a
 * chain without killing is such a state; its pivot is then 0 and it must be the last pivot.
 */
uint32_t front_eliminate(const struct front *front, uint32_t pivots, double *ret_pivot);

#endif
