/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Distribution of the number of faults among independent nodes of unequal probability (Poisson binomial), by
 * dynamic programming over non-negative terms in long double: one multiplication and one addition per node on any
 * path, so that the relative error is at most 3 x count x 2^-64 (7e-16 at 4096 nodes), in the far tail as in the
 * middle. The exponent of long double reaches 1e-4932; mass below 1e-4000 is dropped, which no result above 1e-300
 * can feel, so that no rescaling is needed and denormals never slow it down. (Where long double is a double, the
 * compile stops.)
 *
 * Thread-safe; allocates scratch memory, frees it. Above PC_NODES_EXACT_MAX nodes see fft_tilt.h.
 */
#ifndef PROBCONS_POISSON_BINOMIAL_H
#define PROBCONS_POISSON_BINOMIAL_H

#include <stdint.h>

struct hb_error;

/*
 * pc_poisson_binomial - probability of exactly k faults, for every k.
 * @q: shape [count], each in [0, 1]. @count: 0 ... PC_NODES_EXACT_MAX.
 * @ret_pmf: shape [count + 1].
 *
 * Returns 0, -EINVAL (probability; count 0 is fine) or -E2BIG. Takes count^2 / 2 steps of a few ns.
 */
int pc_poisson_binomial(
	const double *q, uint32_t count, long double *ret_pmf, struct hb_error *reterr);

/*
 * pc_poisson_binomial_tail - probability that at least @k nodes fail.
 * @q: shape [count], each in [0, 1]. @count: 0 ... PC_NODES_MAX (the FFT takes over above PC_NODES_EXACT_MAX).
 * @k: any; 0 gives 1, above @count gives 0.
 *
 * Returns 0, -EINVAL, -E2BIG or -ENOMEM. Takes count x k steps.
 */
int pc_poisson_binomial_tail(
	const double *q, uint32_t count, uint32_t k, double *ret, struct hb_error *reterr);

#endif
