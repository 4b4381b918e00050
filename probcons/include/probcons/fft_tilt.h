/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Poisson-binomial tails of very large fleets: exponential tilt, then multiplication by FFT.
 *
 * A plain FFT has an absolute error of about 1e-16 and loses every tail below it. Tilting each node by the theta at
 * which the mean number of faults is the threshold asked for puts the tail where the mass is: the absolute error of
 * the FFT is then relative to the answer, and the tilt is undone in logarithms of long double. Relative error:
 * below 1e-11 up to PC_NODES_MAX nodes; the tests hold it against the exact programme at 4096 nodes and closed
 * forms above.
 *
 * Thread-safe; allocates about 80 bytes per node. Source: Peres, Lee, Keich, "Exactly computing the tail of the
 * Poisson-binomial distribution" (ShiftConvolve), arXiv 2004.07429.
 */
#ifndef PROBCONS_FFT_TILT_H
#define PROBCONS_FFT_TILT_H

#include <stdint.h>

struct hb_error;

/*
 * pc_fft_tilt_tail - probability that at least @k of @count independent nodes fail.
 * @q: shape [count], each in [0, 1]. @count: 1 ... PC_NODES_MAX. @k: any.
 *
 * Returns 0, -EINVAL, -E2BIG or -ENOMEM. A result below 1e-4900 is 0.
 */
int pc_fft_tilt_tail(
	const double *q, uint32_t count, uint32_t k, double *ret, struct hb_error *reterr);

/*
 * pc_fft_tilt_mean_product - mean, over all subsets of @k nodes, of the product of their probabilities: the chance
 * that a uniformly chosen set of @k nodes has failed altogether. Parameters and errors as above; @k = 0 gives 1, @k
 * > @count is -EINVAL.
 */
int pc_fft_tilt_mean_product(
	const double *q, uint32_t count, uint32_t k, double *ret, struct hb_error *reterr);

#endif
