/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "elimination.h"
#include "hotbed/assert.h"
#include "hotbed/error.h"

#define REAL double
#define NAME(x) x##_double
#include "substitution_real.inc"
#undef REAL
#undef NAME
#define REAL long double
#define NAME(x) x##_long
#include "substitution_real.inc"

void elimination_right(const struct elimination *e, long double *x, long double *scratch)
{
	hb_assert(!e->scaled);
	right_long(e, x, scratch);
}

void elimination_left(const struct elimination *e, long double *y, long double *scratch)
{
	hb_assert(!e->scaled && !e->closed);
	left_long(e, y, scratch);
}

void elimination_right_double(const struct elimination *e, double *x, double *scratch)
{
	right_double(e, x, scratch);
}

void elimination_left_double(const struct elimination *e, double *y, double *scratch)
{
	left_double(e, y, scratch);
}

/* A number that has no largest exponent: mantissa x 2^power. */
struct wide {
	double mantissa;
	int32_t power;
};

/*
 * One front of the stationary law, relative to the largest share on its boundary. A long double reaches 4900 decades to
 * both sides of that, so that nothing is lost within a front.
 */
static void stationary_front(const struct elimination *e, const struct elimination_node *n,
	struct wide *share, long double *local)
{
	const uint32_t *boundary = e->boundary + n->boundary_start;
	uint32_t size = n->pivots + n->boundary_count;
	const double *row =
		n->in + (uint64_t)n->pivots * size - (uint64_t)n->pivots * (n->pivots + 1) / 2;
	int32_t reference = INT_MIN;

	for (uint32_t i = 0; i < n->boundary_count; i++) {
		if (share[boundary[i]].power > reference && share[boundary[i]].mantissa > 0.0)
			reference = share[boundary[i]].power;
	}
	if (reference == INT_MIN)
		reference = 0;
	for (uint32_t i = 0; i < n->boundary_count; i++)
		local[n->pivots + i] = ldexpl((long double)share[boundary[i]].mantissa,
			share[boundary[i]].power - reference);
	for (uint32_t k = n->pivots; k-- > 0;) {
		double pivot = e->pivot[n->first + k];
		long double value;
		int power;

		row -= size - k - 1;
		value = row_times_long(row, local + k + 1, size - k - 1);
		local[k] = pivot > 0.0 ? value / (long double)pivot : 1.0L;
		share[n->first + k].mantissa = (double)frexpl(local[k], &power);
		share[n->first + k].power = power + reference;
		/* Far below the top of the range, so that the sums of the states before stay in range too. */
		if (power < 8000)
			continue;
		reference += power;
		for (uint32_t i = k; i < size; i++)
			local[i] = ldexpl(local[i], -power);
	}
}

int elimination_stationary(const struct elimination *e, double *ret_log2, struct hb_error *reterr)
{
	struct wide *share = calloc(e->states, sizeof(*share));
	long double *local = malloc(((size_t)e->front_max + 1) * sizeof(*local));
	double top = -INFINITY;
	int r = 0;

	hb_assert(e->closed && !e->scaled);
	if (share == NULL || local == NULL) {
		r = hb_error_set(
			reterr, -ENOMEM, "out of memory for the law of %u states", e->states);
	} else {
		for (uint32_t n = e->nodes; n-- > 0;)
			stationary_front(e, &e->node[n], share, local);
		for (uint32_t p = 0; p < e->states; p++) {
			ret_log2[p] = log2(share[p].mantissa) + share[p].power;
			top = ret_log2[p] > top ? ret_log2[p] : top;
		}
		for (uint32_t p = 0; p < e->states; p++)
			ret_log2[p] -= top;
	}
	free(share);
	free(local);
	return r;
}

/* 2^power, for |power| < 1000. */
static double two_to(int32_t power)
{
	uint64_t bits = (uint64_t)(1023 + power) << 52;
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* Rows of one node, multiplied by 2^(power of the later state - power of the pivot), or the other way round. */
static void scale_rows(const struct elimination *e, const struct elimination_node *n, double *row,
	const int32_t *power, int32_t sign)
{
	const uint32_t *boundary = e->boundary + n->boundary_start;
	uint32_t size = n->pivots + n->boundary_count;

	for (uint32_t k = 0; k < n->pivots; k++) {
		int32_t own = power[n->first + k];

		for (uint32_t j = k + 1; j < size; j++, row++) {
			int32_t other = j < n->pivots ? power[n->first + j]
						      : power[boundary[j - n->pivots]];
			int32_t shift = sign * (other - own);

			if (*row == 0.0)
				continue;
			*row = abs(shift) < 1000 ? *row * two_to(shift) : ldexp(*row, shift);
		}
	}
}

void elimination_scale(struct elimination *e, const int32_t *power)
{
	for (uint32_t n = 0; n < e->nodes; n++) {
		scale_rows(e, &e->node[n], e->node[n].out, power, -1);
		scale_rows(e, &e->node[n], e->node[n].in, power, 1);
	}
	e->scaled = true;
}
