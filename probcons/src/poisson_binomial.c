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
#define CLASSES_MAX 8

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

/* Nodes of equal probability. */
struct class
{
	double q;
	uint32_t count;
};

/* Sort nodes into at most CLASSES_MAX classes. Returns their number, 0 if there are more. */
static uint32_t classify(const double *q, uint32_t count, struct class *classes)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t c = 0;

		while (c < used && classes[c].q != q[i])
			c++;
		if (c == CLASSES_MAX)
			return 0;
		if (c == used)
			classes[used++] = (struct class){.q = q[i]};
		classes[c].count++;
	}
	return used;
}

/* Binomial terms upwards and downwards from the largest, which never underflows. */
static void binomial(const struct class *class, long double *pmf)
{
	long double fails = class->q, works = 1.0L - class->q, choose = 1;
	uint32_t n = class->count, mode = (uint32_t)(fails * (n + 1.0L)), few;

	memset(pmf, 0, ((size_t)n + 1) * sizeof(pmf[0]));
	mode = mode < n ? mode : n;
	few = mode < n - mode ? mode : n - mode;
	for (uint32_t j = 1; j <= few; j++)
		choose = choose * (n - few + j) / j;
	pmf[mode] = choose * powl(fails, mode) * powl(works, n - mode);
	for (uint32_t j = mode; j < n && pmf[j] >= MASS_MIN; j++)
		pmf[j + 1] = pmf[j] * ((n - j) * fails / ((j + 1) * works));
	for (uint32_t j = mode; j > 0 && pmf[j] >= MASS_MIN; j--)
		pmf[j - 1] = pmf[j] * (j * works / ((n - j + 1) * fails));
}

/*
 * The same for few classes: their binomials are multiplied one by one, and of the last only its tails are needed.
 * @scratch: shape [2 (count + CLASSES_MAX)]. P(at least k fail).
 */
static long double class_tail(const struct class *classes, uint32_t class_count, uint32_t k,
	long double *scratch, uint32_t count)
{
	long double *sum = scratch, *next = scratch + count + CLASSES_MAX;
	long double within = 0, tail = 0;
	uint32_t so_far = 0, need, last = classes[class_count - 1].count;

	sum[0] = 1;
	for (uint32_t c = 0; c + 1 < class_count; c++) {
		uint32_t n = classes[c].count;

		binomial(&classes[c], next);
		for (uint32_t j = so_far + 1; j <= so_far + n; j++)
			sum[j] = 0;
		/*
		 * From the top down, in place: each old count is read before anything is added to it.
		 */
		for (uint32_t j = so_far + 1; j-- > 0;) {
			long double mass = sum[j];

			sum[j] = mass * next[0];
			for (uint32_t i = 1; i <= n && mass > 0; i++)
				sum[j + i] += mass * next[i];
		}
		so_far += n;
	}
	binomial(&classes[class_count - 1], next);
	/* j others failed; of the last class k - j must. */
	need = last;
	for (uint32_t j = k > last ? k - last : 0; j <= so_far; j++) {
		while (need != UINT32_MAX && need + j >= k)
			tail += next[need--];
		within += sum[j] * tail;
	}
	return within;
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
	struct class classes[CLASSES_MAX] = {{0}};
	long double *scratch, value;
	uint32_t class_count;
	int rc = check(q, count, reterr);

	if (rc)
		return rc;
	if (k == 0 || k > count) {
		*ret = k == 0;
		return 0;
	}
	if (count > PC_NODES_EXACT_MAX)
		return pc_fft_tilt_tail(q, count, k, ret, reterr);
	scratch = malloc(2 * ((size_t)count + CLASSES_MAX) * sizeof(scratch[0]));
	if (!scratch)
		return hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", count);
	class_count = classify(q, count, classes);
	value = class_count ? class_tail(classes, class_count, k, scratch, count)
			    : tail(q, count, k, scratch);
	/* Rounding of a sum near 1. */
	*ret = value > 1 ? 1 : (double)value;
	free(scratch);
	return 0;
}
