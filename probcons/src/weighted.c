/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tails of integer weights. See probcons/weighted.h.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include <probcons/node.h>
#include <probcons/poisson_binomial.h>
#include <probcons/weighted.h>

#define MASS_MIN 1e-4000L

static uint32_t divisor_of_two(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

uint32_t pc_weighted_divisor(const uint32_t *weight, uint32_t count)
{
	uint32_t divisor = 0;

	for (uint32_t i = 0; i < count && divisor != 1; i++)
		divisor = divisor_of_two(weight[i], divisor);
	return divisor ? divisor : 1;
}

/*
 * One more node of weight @step, which counts with probability @yes = 1 - @no. The table holds weights 0 ... cap;
 * mass that passes beyond is returned.
 */
static long double add_node(long double *pmf, uint64_t cap, uint64_t *hi, uint64_t step,
	long double yes, long double no)
{
	long double gone = 0;
	uint64_t top;

	if (step == 0 || yes == 0)
		return 0;
	for (uint64_t j = step <= cap ? cap + 1 - step : 0; j <= *hi; j++)
		gone += pmf[j] * yes;
	top = *hi + step < cap ? *hi + step : cap;
	for (uint64_t j = top; j >= step; j--) {
		long double mass = pmf[j] * no + pmf[j - step] * yes;

		pmf[j] = mass < MASS_MIN ? 0 : mass;
	}
	for (uint64_t j = 0; j < step && j <= top; j++)
		pmf[j] *= no;
	*hi = top;
	return gone;
}

/*
 * @votes within 1 ... @sum. The failed weight is followed up to the votes, or the correct one, whichever is
 * shorter.
 */
static long double tail(const double *q, const uint32_t *weight, uint32_t count, uint32_t divisor,
	uint64_t votes, uint64_t sum, long double *pmf)
{
	bool count_failed = votes <= sum - votes + 1;
	uint64_t cap = count_failed ? votes - 1 : sum - votes, hi = 0;
	long double gone = 0, within = 0;

	memset(pmf, 0, (cap + 1) * sizeof(pmf[0]));
	pmf[0] = 1;
	for (uint32_t i = 0; i < count; i++) {
		long double fails = q[i], works = 1.0L - q[i];
		uint64_t step = weight[i] / divisor;

		if (count_failed)
			gone += add_node(pmf, cap, &hi, step, fails, works);
		else
			(void)add_node(pmf, cap, &hi, step, works, fails);
	}
	for (uint64_t j = 0; j <= hi && !count_failed; j++)
		within += pmf[j];
	return count_failed ? gone : within;
}

static int equal_tail(const double *q, const uint32_t *weight, uint32_t count, uint64_t votes,
	double *ret, struct hb_error *reterr)
{
	double *voters = malloc(count * sizeof(voters[0]));
	uint32_t voter_count = 0;
	int rc;

	if (!voters)
		return hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", count);
	for (uint32_t i = 0; i < count; i++)
		if (weight[i])
			voters[voter_count++] = q[i];
	rc = pc_poisson_binomial_tail(voters, voter_count,
		votes > voter_count ? voter_count + 1 : (uint32_t)votes, ret, reterr);
	free(voters);
	return rc;
}

int pc_weighted_tail(const double *q, const uint32_t *weight, uint32_t count, uint64_t votes,
	double *ret, struct hb_error *reterr)
{
	uint32_t divisor = pc_weighted_divisor(weight, count);
	uint64_t sum = 0;
	bool equal = true;
	long double *pmf, value;

	for (uint32_t i = 0; i < count; i++) {
		if (!(q[i] >= 0 && q[i] <= 1))
			return hb_error_set(reterr, -EINVAL,
				"node %u: fault probability %g is outside [0, 1]", i + 1, q[i]);
		sum += weight[i] / divisor;
		equal = equal && (weight[i] == 0 || weight[i] == divisor);
	}
	votes = votes / divisor + (votes % divisor > 0);
	if (votes == 0 || votes > sum) {
		*ret = votes == 0;
		return 0;
	}
	if (equal)
		return equal_tail(q, weight, count, votes, ret, reterr);
	if (count > PC_NODES_EXACT_MAX || sum > PC_WEIGHT_SUM_MAX)
		return hb_error_set(reterr, -E2BIG,
			"%u nodes with %llu votes; unequal weights are for at most %d nodes and %u "
			"votes",
			count, (unsigned long long)sum, PC_NODES_EXACT_MAX, PC_WEIGHT_SUM_MAX);
	pmf = malloc((sum + 1) * sizeof(pmf[0]));
	if (!pmf)
		return hb_error_set(reterr, -ENOMEM, "not enough memory for %llu votes",
			(unsigned long long)sum);
	value = tail(q, weight, count, divisor, votes, sum, pmf);
	*ret = value > 1 ? 1 : (double)value;
	free(pmf);
	return 0;
}
