/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Transients by uniformisation: the chain is watched at the events of a Poisson process as fast as its fastest
 * state. See hotbed/markov.h.
 *
 * The Poisson weights are summed until what is left is below 1e-320 of the whole, not below 1e-16: probabilities of
 * rare states are sums of non-negative terms, and keep their relative accuracy only if no term that matters to them
 * is cut.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <hotbed/error.h>
#include <hotbed/markov.h>

#include "chain.h"

#define TAIL_LOG (-737.0L) /* ln 1e-320 */

struct walk {
	uint32_t n;
	struct rows columns;
	long double *stay; /* shape [n]: rate of remaining, Lambda minus exit */
	long double *now, *next;
	long double *sum;
	long double lambda, mean;
	bool occupancy;
};

static void walk_finish(struct walk *walk)
{
	hb_markov_rows_finish(&walk->columns);
	free(walk->stay);
	free(walk->now);
	free(walk->next);
	free(walk->sum);
}

static int walk_init(struct walk *walk, const struct hb_markov *chain, const double *initial,
	double time, bool occupancy)
{
	uint32_t n = chain->state_count;

	*walk = (struct walk){.n = n, .occupancy = occupancy};
	walk->stay = calloc(n, sizeof(walk->stay[0]));
	walk->now = calloc(n, sizeof(walk->now[0]));
	walk->next = calloc(n, sizeof(walk->next[0]));
	walk->sum = calloc(n, sizeof(walk->sum[0]));
	if (!walk->stay || !walk->now || !walk->next || !walk->sum ||
		hb_markov_rows_init(chain, true, &walk->columns) < 0)
		return -ENOMEM;
	for (size_t k = 0; k < chain->transition_count; k++)
		walk->stay[chain->transitions[k].from] += chain->transitions[k].rate;
	for (uint32_t i = 0; i < n; i++) {
		walk->lambda = fmaxl(walk->lambda, walk->stay[i]);
		walk->now[i] = initial[i];
	}
	/*
	 * The share that stays is the only difference taken, of two positive numbers; a Lambda twice the fastest
	 * exit keeps its relative error at one rounding and the walk free of periods.
	 */
	walk->lambda *= 2;
	for (uint32_t i = 0; i < n; i++)
		walk->stay[i] = walk->lambda - walk->stay[i];
	walk->mean = walk->lambda * time;
	return 0;
}

static void step(struct walk *walk)
{
	long double *swap = walk->now;

	for (uint32_t j = 0; j < walk->n; j++) {
		long double sum = walk->now[j] * walk->stay[j];

		for (size_t k = walk->columns.start[j]; k < walk->columns.start[j + 1]; k++)
			sum += walk->now[walk->columns.column[k]] * walk->columns.rate[k];
		sum /= walk->lambda;
		/* Mass that underflows would be denormal, and slow, for ever. */
		walk->next[j] = sum < 1e-4900L ? 0 : sum;
	}
	walk->now = walk->next;
	walk->next = swap;
}

/* Number of steps after which less than 1e-320 of the Poisson mass is left (Chernoff's bound). */
static long double steps_needed(long double mean)
{
	long double lo = mean, hi = 2 * mean + 1000;

	if (mean == 0)
		return 0;
	/* Refused by the caller; where neighbouring numbers are more than 1 apart the bisection would not end. */
	if (!(mean <= HB_MARKOV_STEPS_MAX))
		return hi;
	/* ln P(X >= k) <= k - mean - k ln(k / mean), falling in k above the mean. */
	while (hi - hi * logl(hi / mean) - mean > TAIL_LOG)
		hi *= 2;
	while (hi - lo > 1) {
		long double k = (lo + hi) / 2;

		if (k - k * logl(k / mean) - mean > TAIL_LOG)
			lo = k;
		else
			hi = k;
	}
	return ceill(hi) + 1;
}

/*
 * Poisson weights at the mean of all steps 0 ... @steps, normalised to sum 1: upwards and downwards from the mode
 * by the ratio of neighbours, which neither overflows nor cancels. With @tails, P(X > k) instead.
 */
static void poisson_weights(long double mean, size_t steps, bool tails, long double *weight)
{
	size_t mode = (size_t)floorl(mean);
	long double sum = 0;

	weight[mode] = 1;
	for (size_t k = mode; k-- > 0;)
		weight[k] =
			weight[k + 1] < 1e-4800L ? 0 : weight[k + 1] * (long double)(k + 1) / mean;
	for (size_t k = mode + 1; k <= steps; k++)
		weight[k] = weight[k - 1] < 1e-4800L ? 0 : weight[k - 1] * mean / (long double)k;
	for (size_t k = 0; k < mode; k++)
		sum += weight[k];
	for (size_t k = steps + 1; k-- > mode;)
		sum += weight[k];
	for (size_t k = 0; k <= steps; k++)
		weight[k] /= sum;
	if (!tails)
		return;
	sum = 0;
	for (size_t k = steps + 1; k-- > 0;) {
		long double own = weight[k];

		weight[k] = sum;
		sum += own;
	}
}

static int run(struct walk *walk, size_t steps)
{
	long double *weight = malloc((steps + 1) * sizeof(weight[0]));

	if (!weight)
		return -ENOMEM;
	poisson_weights(walk->mean, steps, walk->occupancy, weight);
	for (size_t k = 0;; k++) {
		for (uint32_t i = 0; i < walk->n; i++)
			walk->sum[i] += weight[k] * walk->now[i];
		if (k == steps)
			break;
		step(walk);
	}
	free(weight);
	return 0;
}

static int check(
	const struct hb_markov *chain, const double *initial, double time, struct hb_error *reterr)
{
	double sum = 0;

	if (!(time >= 0) || isinf(time))
		return hb_error_set(reterr, -EINVAL, "time %g is not a finite number >= 0", time);
	for (uint32_t i = 0; i < chain->state_count; i++) {
		if (!(initial[i] >= 0 && initial[i] <= 1 + 1e-9))
			return hb_error_set(reterr, -EINVAL,
				"initial probability %g of state %u is outside [0, 1]", initial[i],
				i);
		sum += initial[i];
	}
	if (fabs(sum - 1) > 1e-9)
		return hb_error_set(
			reterr, -EINVAL, "initial probabilities sum to %.17g, not to 1", sum);
	return 0;
}

static int solve(const struct hb_markov *chain, const double *initial, double time, bool occupancy,
	double *ret, struct hb_error *reterr)
{
	struct walk walk;
	long double steps, work;
	int rc = check(chain, initial, time, reterr);

	if (rc)
		return rc;
	rc = walk_init(&walk, chain, initial, time, occupancy);
	if (rc) {
		rc = hb_error_set(
			reterr, rc, "not enough memory for %u states", chain->state_count);
		goto out;
	}
	steps = steps_needed(walk.mean);
	work = steps * (long double)(chain->transition_count + chain->state_count);
	if (!(work <= HB_MARKOV_STEPS_MAX) || steps > HB_MARKOV_ENTRIES_MAX) {
		rc = hb_error_set(reterr, -E2BIG,
			"uniformisation needs %.3Lg steps of %llu transitions, too many; ask for a "
			"shorter "
			"time or take the steady state",
			steps, (unsigned long long)chain->transition_count);
		goto out;
	}
	rc = run(&walk, (size_t)steps);
	if (rc) {
		rc = hb_error_set(reterr, rc, "not enough memory for %.0Lf steps", steps);
		goto out;
	}
	for (uint32_t i = 0; i < walk.n; i++) {
		/* The k-th interval between events has mean length 1 / Lambda. */
		if (occupancy)
			ret[i] = walk.lambda > 0 ? (double)(walk.sum[i] / walk.lambda)
						 : initial[i] * time;
		else
			ret[i] = (double)walk.sum[i];
	}
out:
	walk_finish(&walk);
	return rc;
}

int hb_markov_transient(const struct hb_markov *chain, const double *initial, double time,
	double *ret_probability, struct hb_error *reterr)
{
	return solve(chain, initial, time, false, ret_probability, reterr);
}

int hb_markov_occupancy(const struct hb_markov *chain, const double *initial, double time,
	double *ret_time, struct hb_error *reterr)
{
	return solve(chain, initial, time, true, ret_time, reterr);
}
