/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Integer weights of a fixed fleet: all of them while the greatest is small, then the log-odds rounded at growing
 * scales. Equal nodes get equal weights and likelier ones to fail never more, which an optimum never needs.
 */
#include "mix_search.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include <hotbed/error.h>

#include <probcons/quorum.h>
#include <probcons/weighted.h>

#define SCALE_MAX 64
#define STEPS_PER_CANDIDATE 60 /* of the search, in time */

struct weighing {
	const struct mix_types *types;
	const uint32_t *counts; /* by sorted types */
	uint32_t used[PC_OPTIMISE_TYPES_MAX], used_count;
	uint32_t n;
	double q[PC_OPTIMISE_NODES_MAX]; /* own fault probability, nodes in order of the used types */
	struct pc_node nodes[PC_OPTIMISE_NODES_MAX];
	uint32_t weights[PC_OPTIMISE_TYPES_MAX]; /* candidate, by used types */
	double enough;
	uint64_t candidates, candidates_max;
	struct weight_choice best; /* weights by used types */
	struct hb_error *reterr;
};

/* Fewest nodes whose votes reach @votes; nodes come with falling weight. */
static uint32_t smallest_quorum(const struct pc_node *nodes, uint32_t count, uint64_t votes)
{
	uint64_t sum = 0;
	uint32_t copies = 0;

	while (copies < count && sum < votes)
		sum += nodes[copies++].weight;
	return copies;
}

static int loss_of(struct weighing *weighing, uint64_t votes, double *ret)
{
	struct pc_loss loss;
	int err = pc_quorum_loss(weighing->nodes, weighing->n, votes, &loss, weighing->reterr);

	if (!err)
		*ret = loss.worst;
	return err;
}

static int unlive_of(struct weighing *weighing, uint64_t total, uint64_t votes, double *ret)
{
	const struct pc_optimise_problem *problem = weighing->types->problem;
	struct pc_protocol protocol = {
		.kind = PC_RAFT, .votes = total, .q_per = votes, .q_vc = votes};
	uint32_t weights[PC_OPTIMISE_NODES_MAX];
	struct pc_result result;
	int err;

	if (problem->beta > 0) {
		err = mix_analyse(problem, weighing->nodes, weighing->n, &protocol,
			PC_METRIC_FAILURE, &result, weighing->reterr);
		if (!err)
			*ret = result.unlive;
		return err;
	}
	for (uint32_t i = 0; i < weighing->n; i++)
		weights[i] = weighing->nodes[i].weight;
	return pc_weighted_tail(
		weighing->q, weights, weighing->n, total - votes + 1, ret, weighing->reterr);
}

/* Try the candidate in @weighing with the fewest votes that keep enough copies and lose little enough. */
static int try_weights(struct weighing *weighing)
{
	const struct mix_types *types = weighing->types;
	uint32_t at = 0;
	uint64_t total = 0, votes;
	double unlive, loss = 0;
	int err;

	weighing->candidates++;
	for (uint32_t u = 0; u < weighing->used_count; u++) {
		for (uint32_t i = 0; i < weighing->counts[weighing->used[u]]; i++) {
			weighing->nodes[at++].weight = weighing->weights[u];
			total += weighing->weights[u];
		}
	}
	votes = total / 2 + 1;
	while (votes <= total &&
		smallest_quorum(weighing->nodes, weighing->n, votes) < types->copies_min)
		votes++;
	for (; votes <= total; votes++) {
		err = unlive_of(weighing, total, votes, &unlive);
		if (err || (weighing->best.found && unlive >= weighing->best.unlive))
			return err;
		if (types->problem->target_loss < 1)
			err = loss_of(weighing, votes, &loss);
		if (err)
			return err;
		if (loss <= types->problem->target_loss)
			break;
	}
	if (votes > total)
		return 0;
	weighing->best.found = true;
	weighing->best.unlive = unlive;
	weighing->best.votes = total;
	weighing->best.q = votes;
	weighing->best.copies = smallest_quorum(weighing->nodes, weighing->n, votes);
	memcpy(weighing->best.weights, weighing->weights, sizeof(weighing->weights));
	return 0;
}

static bool is_done(const struct weighing *weighing)
{
	return (weighing->best.found && weighing->best.unlive <= weighing->enough) ||
	       weighing->candidates >= weighing->candidates_max;
}

static double log_odds(double q)
{
	return log1p(-q) - log(q);
}

/* The log-odds, the greatest scaled to 1, 2, ... A node that never fails would have all the weight: let it be large. */
static int try_log_odds(struct weighing *weighing)
{
	double odds[PC_OPTIMISE_TYPES_MAX] = {0};
	int err = 0;

	for (uint32_t u = 0; u < weighing->used_count; u++) {
		double q = weighing->types->fault[weighing->used[u]];

		odds[u] = fmin(fmax(log_odds(q), 0), 1000);
	}
	if (odds[0] <= 0)
		return 0;
	for (uint32_t scale = 1; scale <= SCALE_MAX && !err && !is_done(weighing); scale++) {
		for (uint32_t u = 0; u < weighing->used_count; u++)
			weighing->weights[u] = (uint32_t)lrint(odds[u] / odds[0] * scale);
		err = try_weights(weighing);
	}
	return err;
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
	while (b > 0) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* All weights from class @u on, none above that of the class before. */
static int enumerate(struct weighing *weighing, uint32_t u, uint32_t max, uint32_t divisor)
{
	int err = 0;

	if (u == weighing->used_count)
		return divisor == 1 ? try_weights(weighing) : 0;
	for (uint32_t weight = max + 1; weight-- > 0 && !err && !is_done(weighing);) {
		if (u == 0 && weight == 0)
			break;
		weighing->weights[u] = weight;
		err = enumerate(weighing, u + 1, weight, gcd(divisor, weight));
	}
	return err;
}

/* Greatest weight at which the number of falling sequences stays below half of WEIGHT_CANDIDATES_MAX. */
static uint32_t weight_limit(uint32_t classes)
{
	static const uint32_t limit[] = {1, 1, 40, 20, 12, 8, 7, 5, 4, 4};

	return classes < sizeof(limit) / sizeof(limit[0]) ? limit[classes] : 2;
}

static int search_weights(struct weighing *weighing)
{
	uint32_t limit = weight_limit(weighing->used_count);
	int err = try_log_odds(weighing);

	for (uint32_t top = 1; top <= limit && !err && !is_done(weighing); top++) {
		weighing->weights[0] = top;
		err = enumerate(weighing, 1, top, top);
	}
	return err;
}

int weights_choose(const struct mix_types *types, const uint32_t *counts, double enough,
	uint32_t candidates_max, uint64_t *steps, struct weight_choice *ret,
	struct hb_error *reterr)
{
	struct weighing weighing = {.types = types,
		.counts = counts,
		.enough = enough,
		.candidates_max = candidates_max,
		.reterr = reterr};
	int err;

	for (uint32_t j = 0; j < types->count; j++) {
		const struct pc_node_type *type = &types->problem->types[types->index[j]];

		if (counts[j] > 0)
			weighing.used[weighing.used_count++] = j;
		for (uint32_t i = 0; i < counts[j]; i++) {
			weighing.q[weighing.n] = types->fault[j];
			weighing.nodes[weighing.n++] =
				(struct pc_node){.crash = type->crash, .byz = type->byz};
		}
	}
	err = search_weights(&weighing);
	*steps += weighing.candidates * STEPS_PER_CANDIDATE;
	if (err)
		return err;
	memset(ret, 0, sizeof(*ret));
	ret->found = weighing.best.found;
	ret->votes = weighing.best.votes;
	ret->q = weighing.best.q;
	ret->copies = weighing.best.copies;
	ret->unlive = weighing.best.unlive;
	for (uint32_t u = 0; u < weighing.used_count; u++)
		ret->weights[weighing.used[u]] = weighing.best.weights[u];
	return 0;
}
