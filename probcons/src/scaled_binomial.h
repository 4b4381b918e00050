/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The Poisson binomial in scaled doubles, for mixtures that need the whole distribution in each of thousands of
 * cases: half the precision of poisson_binomial.h in a fifth of its time.
 */
#ifndef PC_SCALED_BINOMIAL_H
#define PC_SCALED_BINOMIAL_H

#include <stdint.h>

#define SCALED_BINOMIAL_UNIT 0x1p1000
#define SCALED_BINOMIAL_ROOM(count) (2 * ((size_t)(count) + 16)) /* doubles of scratch */

/*
 * Distribution of the number of failed among @count nodes of fault probability @q, times SCALED_BINOMIAL_UNIT.
 * Relative error about count x 2^-52; mass below 1e-600 is 0. @scratch: SCALED_BINOMIAL_ROOM(count) doubles, into
 * which the result points: shape [count + 1].
 */
const double *scaled_binomial(const double *q, uint32_t count, double *scratch);

#endif
