/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Branch and bound over mixes whose nodes may have unequal votes. What any weights could reach is bounded by the sum
 * over complementary pairs of survivor sets of the less likely one; that sum in turn, without forming it, by
 * Jensen's inequality over the sets of a fixed size. A mix that passes the bound and for which no integer weights
 * are found stays open: it is not claimed to be impossible.
 */
#include "mix_search.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include <hotbed/error.h>

#define COMBINATIONS_MAX (1u << 21)
#define SLACK 1e-9
#define CANDIDATES_OF_MANY \
	300 /* among many mixes; a fleet that is given gets WEIGHT_CANDIDATES_MAX */

struct pairs {
	const double *q;
	const uint32_t *counts;
	uint32_t count;
	/* Of the nodes of class i: probability of exactly k given faults, and how many such sets there are. */
	long double fails[PC_OPTIMISE_TYPES_MAX][PC_OPTIMISE_NODES_MAX + 1];
	long double stays[PC_OPTIMISE_TYPES_MAX][PC_OPTIMISE_NODES_MAX + 1];
	long double choose[PC_OPTIMISE_TYPES_MAX][PC_OPTIMISE_NODES_MAX + 1];
};

/* @p and @mirror: probability of the set so far and of its complement; @alike: number of such sets. */
static long double sum_pairs(
	const struct pairs *pairs, uint32_t i, long double p, long double mirror, long double alike)
{
	long double sum = 0;

	if (i == pairs->count)
		return alike * (p < mirror ? p : mirror);
	for (uint32_t k = 0; k <= pairs->counts[i]; k++) {
		uint32_t rest = pairs->counts[i] - k;

		sum += sum_pairs(pairs, i + 1, p * pairs->fails[i][k] * pairs->stays[i][rest],
			mirror * pairs->fails[i][rest] * pairs->stays[i][k],
			alike * pairs->choose[i][k]);
	}
	return sum;
}

int pc_unlive_bound(const double *q, const uint32_t *counts, uint32_t class_count, double *ret)
{
	struct pairs pairs = {.q = q, .counts = counts, .count = class_count};
	uint64_t combinations = 1;

	if (class_count > PC_OPTIMISE_TYPES_MAX)
		return -E2BIG;
	for (uint32_t i = 0; i < class_count; i++) {
		if (counts[i] > PC_OPTIMISE_NODES_MAX)
			return -E2BIG;
		combinations *= counts[i] + 1;
		if (combinations > COMBINATIONS_MAX)
			return -E2BIG;
		pairs.fails[i][0] = pairs.stays[i][0] = pairs.choose[i][0] = 1;
		for (uint32_t k = 1; k <= counts[i]; k++) {
			pairs.fails[i][k] = pairs.fails[i][k - 1] * (long double)q[i];
			pairs.stays[i][k] = pairs.stays[i][k - 1] * (1 - (long double)q[i]);
			pairs.choose[i][k] =
				pairs.choose[i][k - 1] * (counts[i] - k + 1) / (long double)k;
		}
	}
	*ret = (double)(sum_pairs(&pairs, 0, 1, 1, 1) / 2);
	return 0;
}

struct search {
	const struct mix_types *types;
	struct mix_outcome *outcome;
	struct hb_error *reterr;
	uint32_t n;
	double spread[PC_OPTIMISE_TYPES_MAX]; /* half of log (q (1 - q)) */
	double odds[PC_OPTIMISE_TYPES_MAX];   /* log ((1 - q) / q) */
	double cheapest[PC_OPTIMISE_TYPES_MAX + 1];
	double log_max;          /* of the target */
	uint32_t candidates_max; /* weights to try on one mix */
	uint32_t counts[PC_OPTIMISE_TYPES_MAX];
};

/* Sums over the nodes of a mix. */
struct sums {
	double spread, odds, odds_squared;
	long double correct; /* probability that none is Byzantine */
};

static void add_nodes(const struct search *search, struct sums *sums, uint32_t type, uint32_t count)
{
	/* 0 times an infinite logarithm is not a number. */
	if (count == 0)
		return;
	sums->spread += count * search->spread[type];
	sums->odds += count * search->odds[type];
	sums->odds_squared += count * search->odds[type] * search->odds[type];
	sums->correct *= powl(1 - (long double)search->types->byz[type], count);
}

/* Logarithm of the part of the sum over sets of @k faulty nodes; the pair's lesser is G exp(-|L| / 2). */
static double log_part(const struct sums *sums, uint32_t n, uint32_t k)
{
	double mean = sums->odds * (1 - 2.0 * k / n);
	double variance = sums->odds_squared / n - (sums->odds / n) * (sums->odds / n);
	double square = mean * mean;

	if (n > 1)
		square += 4.0 * k * (n - k) / (n - 1) * fmax(variance, 0);
	return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) + sums->spread -
	       sqrt(square) / 2;
}

/* May a mix with these sums meet the target? NaN, from a node that never fails, says yes. */
static bool may_meet(const struct search *search, const struct sums *sums)
{
	uint32_t n = search->n, k = n / 2 + 1;
	double bound = log_part(sums, n, k);

	if (n % 2 == 0) {
		double half = log_part(sums, n, n / 2) - log(2);
		double top = fmax(bound, half);

		bound = top + log(exp(bound - top) + exp(half - top));
	}
	return !(bound > search->log_max + SLACK);
}

/* Could nothing but Byzantine faults among the chosen already miss the target of safety? */
static bool may_be_safe(const struct search *search, const struct sums *sums)
{
	return 1 - sums->correct <= (long double)search->types->unsafe_max * (1 + SLACK) + 1e-18L;
}

static int accept(struct search *search, const struct weight_choice *choice, double cost)
{
	const struct mix_types *types = search->types;
	const struct pc_optimise_problem *problem = types->problem;
	struct mix_outcome *outcome = search->outcome;
	struct pc_protocol protocol = {
		.kind = PC_RAFT, .votes = choice->votes, .q_per = choice->q, .q_vc = choice->q};
	struct pc_node nodes[PC_OPTIMISE_NODES_MAX];
	uint32_t at = 0;
	struct pc_result result;
	int err;

	for (uint32_t j = 0; j < types->count; j++) {
		const struct pc_node_type *type = &problem->types[types->index[j]];

		for (uint32_t i = 0; i < search->counts[j]; i++)
			nodes[at++] = (struct pc_node){type->crash, type->byz, choice->weights[j]};
	}
	err = mix_analyse(problem, nodes, search->n, &protocol,
		problem->target_loss < 1 ? PC_METRIC_ALL : PC_METRIC_FAILURE, &result,
		search->reterr);
	if (err)
		return err;
	if (!mix_meets(problem, &result)) {
		outcome->open_bound = fmin(outcome->open_bound, cost);
		return 0;
	}
	outcome->found = true;
	outcome->cost = cost;
	outcome->n = search->n;
	outcome->m = 0;
	memset(outcome->counts, 0, sizeof(outcome->counts));
	for (uint32_t j = 0; j < types->count; j++)
		outcome->counts[types->index[j]] = search->counts[j];
	return 0;
}

/* A complete mix: exact bound, then weights. */
static int judge(struct search *search, double cost)
{
	const struct mix_types *types = search->types;
	struct mix_outcome *outcome = search->outcome;
	struct weight_choice choice;
	double q[PC_OPTIMISE_TYPES_MAX], bound = 0;
	uint32_t counts[PC_OPTIMISE_TYPES_MAX], classes = 0;
	uint64_t combinations = 1;
	int err;

	for (uint32_t j = 0; j < types->count; j++) {
		if (search->counts[j] == 0)
			continue;
		q[classes] = types->fault[j];
		counts[classes++] = search->counts[j];
		combinations *= search->counts[j] + 1;
		combinations = combinations < COMBINATIONS_MAX ? combinations : COMBINATIONS_MAX;
	}
	outcome->steps += combinations / 8 + 1;
	if (!pc_unlive_bound(q, counts, classes, &bound) && bound > types->unlive_max * (1 + SLACK))
		return 0;
	err = weights_choose(types, search->counts, types->unlive_max, search->candidates_max,
		&outcome->steps, &choice, search->reterr);
	if (err)
		return err;
	if (choice.found && choice.unlive <= types->unlive_max)
		return accept(search, &choice, cost);
	outcome->open_bound = fmin(outcome->open_bound, cost);
	return 0;
}

static int branch(
	struct search *search, uint32_t j, uint32_t open, double cost, const struct sums *before)
{
	const struct mix_types *types = search->types;
	struct mix_outcome *outcome = search->outcome;
	uint32_t hi = types->max[j] < open ? types->max[j] : open;

	for (uint32_t count = types->min[j]; count <= hi; count++) {
		struct sums sums = *before, filled;
		uint32_t left = open - count;
		double paid = cost + count * types->cost[j];
		double bound = paid + (left > 0 ? left * search->cheapest[j + 1] : 0);
		int err = 0;

		if (!mix_is_cheaper(outcome, bound) || isinf(bound))
			continue;
		add_nodes(search, &sums, j, count);
		filled = sums;
		if (left > 0)
			add_nodes(search, &filled, j + 1, left);
		if (!may_be_safe(search, &sums) || !may_meet(search, &filled))
			continue;
		if (++outcome->steps > outcome->steps_max) {
			outcome->open_bound = fmin(outcome->open_bound, bound);
			continue;
		}
		search->counts[j] = count;
		if (j + 1 < types->count)
			err = branch(search, j + 1, left, paid, &sums);
		else if (left == 0)
			err = judge(search, paid);
		if (err)
			return err;
	}
	return 0;
}

int weighted_search(
	const struct mix_types *types, struct mix_outcome *outcome, struct hb_error *reterr)
{
	struct search search = {.types = types, .outcome = outcome, .reterr = reterr};
	const struct pc_optimise_problem *problem = types->problem;
	const struct sums none = {.correct = 1};

	search.log_max = log(types->unlive_max);
	search.candidates_max = WEIGHT_CANDIDATES_MAX;
	search.cheapest[types->count] = INFINITY;
	for (uint32_t j = types->count; j-- > 0;) {
		double q = types->fault[j];

		search.cheapest[j] = fmin(search.cheapest[j + 1], types->cost[j]);
		search.spread[j] = (log(q) + log1p(-q)) / 2;
		search.odds[j] = log1p(-q) - log(q);
		if (types->min[j] != types->max[j])
			search.candidates_max = CANDIDATES_OF_MANY;
	}
	for (uint32_t n = problem->nodes_min; n <= problem->nodes_max; n++) {
		int err;

		search.n = n;
		err = branch(&search, 0, n, 0, &none);
		if (err)
			return err;
	}
	return 0;
}
