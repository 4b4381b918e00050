/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a count of hits tells of the share that they have elsewhere. */
#ifndef SHCHECK_BENCH_PROPORTION_H
#define SHCHECK_BENCH_PROPORTION_H

#include <stdint.h>

/* A share and its 95 % interval, all in [0, 1]. */
struct proportion {
	double value, low, high;
};

/*
 * proportion_of - @hits of @count; of none the share is 0 and the interval everything.
 * Source: E. B. Wilson, Probable inference, JASA 22 (1927), the score interval.
 */
struct proportion proportion_of(uint64_t hits, uint64_t count);

#endif
