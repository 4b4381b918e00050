/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Poisson binomial by dynamic programming. See probcons/poisson_binomial.h.
 */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include <probcons/fft_tilt.h>
#include <probcons/node.h>
#include <probcons/poisson_binomial.h>

#if LDBL_MANT_DIG < 64 || LDBL_MIN_10_EXP > -4900
#error "the error bounds need a long double of 64 bits and 15 bits of exponent"
#endif

/* Mass below this is dropped: no result above 1e-300 can feel it, and denormals would be slow. */
#define MASS_MIN 1e-4000L

/* The part of a distribution that is not negligible: pmf[lo ... hi]. */
struct window {
	long double *pmf;
	uint32_t lo, hi;
};

/*
 * One more node, which adds 1 with probability @yes = 1 - @no; counts above @cap leave, and their mass is returned.
 * Both are parameters because their difference from 1 would be lost in a double.
 */
static long double add_node(struct window *w, long double yes, long double no, uint32_t cap)
{
	long double gone = 0;
	long double *pmf = w->pmf;

	if (yes == 0)
		return 0;
	if (w->hi == cap)
		gone = pmf[cap] * yes;
	else if (pmf[w->hi] * yes >= MASS_MIN)
		pmf[++w->hi] = 0;
	for (uint32_t j = w->hi; j > w->lo; j--)
		pmf[j] = pmf[j] * no + pmf[j - 1] * yes;
	pmf[w->lo] *= no;
	while (w->lo < w->hi && pmf[w->lo] < MASS_MIN)
		pmf[w->lo++] = 0;
	return gone;
}

static int check(const double *q, uint32_t count, struct hb_error *reterr)
{
	for (uint32_t i = 0; i < count; i++)
		if (!(q[i] >= 0 && q[i] <= 1))
			return hb_error_set(reterr, -EINVAL,
				"node %u: fault probability %g is outside [0, 1]", i + 1, q[i]);
	return 0;
}

int pc_poisson_binomial(
	const double *q, uint32_t count, long double *ret_pmf, struct hb_error *reterr)
{
	struct window w = {.pmf = ret_pmf};
	int rc;

	if (count > PC_NODES_EXACT_MAX)
		return hb_error_set(reterr, -E2BIG,
			"%u nodes; the exact distribution is for at most %d", count,
			PC_NODES_EXACT_MAX);
	rc = check(q, count, reterr);
	if (rc)
		return rc;
	memset(ret_pmf, 0, (count + 1) * sizeof(ret_pmf[0]));
	ret_pmf[0] = 1;
	for (uint32_t i = 0; i < count; i++)
		(void)add_node(&w, q[i], 1.0L - q[i], count);
	return 0;
}

/*
 * The same for equal nodes: binomial terms upwards and downwards from the largest, which does not underflow unless
 * the answer is far below 1e-300.
 */
static long double equal_tail(double q, uint32_t count, uint32_t k)
{
	long double fails = q, works = 1.0L - q, choose = 1, start, term, sum;
	uint32_t mode = (uint32_t)(fails * (count + 1.0L));
	uint32_t at = mode > k ? mode : k, few;

	if (q == 0 || q == 1)
		return q == 1;
	at = at < count ? at : count;
	few = at < count - at ? at : count - at;
	for (uint32_t j = 1; j <= few; j++)
		choose = choose * (count - few + j) / j;
	start = choose * powl(fails, at) * powl(works, count - at);
	sum = term = start;
	for (uint32_t j = at; j < count && term > sum * 1e-22L; j++) {
		term *= (count - j) * fails / ((j + 1) * works);
		sum += term;
	}
	term = start;
	for (uint32_t j = at; j > k && term > sum * 1e-22L; j--) {
		term *= j * works / ((count - j + 1) * fails);
		sum += term;
	}
	return sum;
}

/*
 * P(at least k fail), counting the failed until there are k, or the correct until there are more than count - k.
 */
static long double tail(const double *q, uint32_t count, uint32_t k, long double *scratch)
{
	bool count_failed = k <= count - k + 1;
	uint32_t cap = count_failed ? k - 1 : count - k;
	struct window w = {.pmf = scratch};
	long double gone = 0, within = 0;
	uint32_t same = 1;

	while (same < count && q[same] == q[0])
		same++;
	if (same == count)
		return equal_tail(q[0], count, k);
	memset(scratch, 0, ((size_t)cap + 1) * sizeof(scratch[0]));
	scratch[0] = 1;
	for (uint32_t i = 0; i < count; i++) {
		long double fails = q[i], works = 1.0L - q[i];

		if (count_failed)
			gone += add_node(&w, fails, works, cap);
		else
			(void)add_node(&w, works, fails, cap);
	}
	if (count_failed)
		return gone;
	for (uint32_t j = w.lo; j <= w.hi; j++)
		within += scratch[j];
	return within;
}

int pc_poisson_binomial_tail(
	const double *q, uint32_t count, uint32_t k, double *ret, struct hb_error *reterr)
{
	long double *scratch, value;
	int rc = check(q, count, reterr);

	if (rc)
		return rc;
	if (k == 0 || k > count) {
		*ret = k == 0;
		return 0;
	}
	if (count > PC_NODES_EXACT_MAX)
		return pc_fft_tilt_tail(q, count, k, ret, reterr);
	scratch = malloc(((size_t)count + 1) * sizeof(scratch[0]));
	if (!scratch)
		return hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", count);
	value = tail(q, count, k, scratch);
	/* Rounding of a sum near 1. */
	*ret = value > 1 ? 1 : (double)value;
	free(scratch);
	return 0;
}
