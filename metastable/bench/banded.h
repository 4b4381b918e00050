/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The stationary law by elimination in the order of the states, within the band that the grid's shorter side makes: the
 * baseline of metastable/speed-markov. Thread-safe.
 *
 * Source: Grassmann, Taksar, Heyman, Oper. Res. 33(5), 1985; bands as in Stewart, Introduction to the Numerical
 * Solution of Markov Chains, 1994, section 2.6.
 */
#ifndef METASTABLE_BENCH_BANDED_H
#define METASTABLE_BENCH_BANDED_H

struct ms_generator;

/* banded_stationary - @ret_share: shape [states], sums to 1. Returns 0 or -ENOMEM. */
int banded_stationary(const struct ms_generator *generator, double *ret_share);

#endif
