/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Poisson binomial in scaled doubles. See scaled_binomial.h.
 *
 * Four nodes at a time: their polynomial has five terms, and one pass over the distribution with five products per
 * cell takes the place of four passes with two.
 */
#include <string.h>

#include "scaled_binomial.h"

#define GROUP 4
#define MASS_MIN 1e-299 /* scaled */

/* The window of a distribution that is not negligible. On either side of it are GROUP zeros. */
struct window {
	double *mass;
	uint32_t lo, hi;
};

static void group_terms(const double *q, uint32_t count, double *term)
{
	memset(term, 0, (GROUP + 1) * sizeof(term[0]));
	term[0] = 1;
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t j = i + 1; j > 0; j--)
			term[j] = term[j] * (1 - q[i]) + term[j - 1] * q[i];
		term[0] *= 1 - q[i];
	}
}

static void multiply(const double *restrict from, double *restrict to, uint32_t lo, uint32_t hi,
	const double *term)
{
	double t0 = term[0], t1 = term[1], t2 = term[2], t3 = term[3], t4 = term[4];

	for (uint32_t j = lo; j <= hi; j++)
		to[j] = t0 * from[j] + t1 * from[j - 1] + t2 * from[j - 2] + t3 * from[j - 3] +
			t4 * from[j - 4];
}

static void trim(struct window *w)
{
	while (w->lo < w->hi && w->mass[w->lo] < MASS_MIN)
		w->lo++;
	while (w->hi > w->lo && w->mass[w->hi] < MASS_MIN)
		w->hi--;
	for (uint32_t j = 1; j <= GROUP; j++)
		w->mass[w->lo - j] = w->mass[w->hi + j] = 0;
}

const double *scaled_binomial(const double *q, uint32_t count, double *scratch)
{
	size_t half = SCALED_BINOMIAL_ROOM(count) / 2;
	struct window w = {.mass = scratch, .lo = GROUP, .hi = GROUP};
	double *other = scratch + half;

	w.mass[GROUP] = SCALED_BINOMIAL_UNIT;
	trim(&w);
	for (uint32_t i = 0; i < count; i += GROUP) {
		double term[GROUP + 1], *mass = w.mass;
		uint32_t size = count - i < GROUP ? count - i : GROUP;

		group_terms(q + i, size, term);
		multiply(mass, other, w.lo, w.hi + size, term);
		w.mass = other;
		w.hi += size;
		other = mass;
		trim(&w);
	}
	memset(w.mass, 0, w.lo * sizeof(w.mass[0]));
	memset(w.mass + w.hi + 1, 0, (half - w.hi - 1) * sizeof(w.mass[0]));
	return w.mass + GROUP;
}
