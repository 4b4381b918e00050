/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "oracle.h"

#include <math.h>
#include <stdlib.h>

#include <hotbed/assert.h>

/* Probability of the configuration whose failed nodes are the bits of @failed; ret: how many they are. */
static long double configuration(const double *q, int count, uint32_t failed, int *ret_faults)
{
	long double p = 1;
	int faults = 0;

	for (int i = 0; i < count; i++) {
		bool fails = failed >> i & 1;

		faults += fails;
		p *= fails ? (long double)q[i] : 1 - (long double)q[i];
	}
	*ret_faults = faults;
	return p;
}

static int largest(struct oracle_sizes sizes)
{
	int max = sizes.per > sizes.vc ? sizes.per : sizes.vc;

	return sizes.eq > max ? sizes.eq : max;
}

void oracle_raft(const double *q, int count, struct oracle_sizes sizes, double *ret_unsafe,
	double *ret_unlive)
{
	long double unlive = 0;

	hb_assert(count <= ORACLE_NODES_MAX);
	for (uint32_t failed = 0; failed < UINT32_C(1) << count; failed++) {
		int faults;
		long double p = configuration(q, count, failed, &faults);

		if (!(count - faults >= largest(sizes)))
			unlive += p;
	}
	if (ret_unsafe)
		*ret_unsafe = count < sizes.per + sizes.vc && count < 2 * sizes.vc ? 0 : 1;
	if (ret_unlive)
		*ret_unlive = (double)unlive;
}

static bool pbft_is_live(int count, int byz, struct oracle_sizes sizes)
{
	int margin = sizes.printed_sign ? sizes.vc_t - sizes.vc : sizes.vc - sizes.vc_t;

	return count - byz >= largest(sizes) && byz < sizes.vc_t && byz <= margin;
}

void oracle_pbft(const double *q, int count, struct oracle_sizes sizes, double *ret_unsafe,
	double *ret_unlive, double *ret_either)
{
	long double unsafe = 0, unlive = 0, either = 0;

	hb_assert(count <= ORACLE_NODES_MAX);
	for (uint32_t failed = 0; failed < UINT32_C(1) << count; failed++) {
		int byz;
		long double p = configuration(q, count, failed, &byz);
		bool safe = byz < 2 * sizes.eq - count && byz < sizes.per + sizes.vc - count;
		bool live = pbft_is_live(count, byz, sizes);

		unsafe += safe ? 0 : p;
		unlive += live ? 0 : p;
		either += safe && live ? 0 : p;
	}
	if (ret_unsafe)
		*ret_unsafe = (double)unsafe;
	if (ret_unlive)
		*ret_unlive = (double)unlive;
	if (ret_either)
		*ret_either = (double)either;
}

double oracle_weighted(const double *q, const uint32_t *weights, int count, uint64_t votes)
{
	long double unlive = 0;

	hb_assert(count <= ORACLE_NODES_MAX);
	for (uint32_t failed = 0; failed < UINT32_C(1) << count; failed++) {
		int faults;
		long double p = configuration(q, count, failed, &faults);
		uint64_t alive = 0;

		for (int i = 0; i < count; i++)
			alive += failed >> i & 1 ? 0 : weights[i];
		if (alive < votes)
			unlive += p;
	}
	return (double)unlive;
}

static long double binomial_term(int n, int k, double p)
{
	long double term = 1;

	/* Factors of the coefficient and of the power alternate, so that nothing leaves the range on the way. */
	for (int i = 1; i <= k; i++)
		term *= (long double)(n - k + i) / i * (long double)p;
	return term * powl(1 - (long double)p, n - k);
}

double oracle_binomial(int n, int k, double p)
{
	long double sum = 0;

	for (int i = k > 0 ? k : 0; i <= n; i++)
		sum += binomial_term(n, i, p);
	return (double)sum;
}

double oracle_binomial_exactly(int n, int k, double p)
{
	return (double)binomial_term(n, k, p);
}

double oracle_two_classes(int a, double p, int b, double q, int k)
{
	long double sum = 0;

	for (int i = 0; i <= a; i++)
		sum += binomial_term(a, i, p) * (long double)oracle_binomial(b, k - i, q);
	return (double)sum;
}

double oracle_tail(const double *q, uint32_t count, uint32_t k)
{
	__float128 *pmf = calloc(k + 1UL, sizeof(*pmf)), above = 0;
	uint32_t top = 0;
	double result;

	hb_assert(pmf && k > 0);
	pmf[0] = 1;
	for (uint32_t i = 0; i < count; i++) {
		__float128 p = q[i], stays = 1 - p;

		if (top == k - 1)
			above += pmf[top] * p;
		else
			top++;
		for (uint32_t j = top; j > 0; j--)
			pmf[j] = pmf[j] * stays + pmf[j - 1] * p;
		pmf[0] *= stays;
	}
	result = (double)above;
	free(pmf);
	return result;
}

double oracle_relative(double value, double truth)
{
	if (value == truth)
		return 0;
	return fabs(value - truth) / fabs(truth);
}
