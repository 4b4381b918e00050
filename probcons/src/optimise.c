/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <probcons/optimise.h>

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include "mix_search.h"

static bool is_probability(double value)
{
	return value >= 0 && value <= 1;
}

static int check_type(
	const struct pc_optimise_problem *problem, uint32_t t, struct hb_error *reterr)
{
	const struct pc_node_type *type = &problem->types[t];

	if (!is_probability(type->crash) || !is_probability(type->byz) ||
		!is_probability(type->crash + type->byz))
		return hb_error_set(reterr, -EINVAL,
			"node type %" PRIu32 ": fault probabilities %g and %g; each and their sum "
			"must be within 0 and 1",
			t + 1, type->crash, type->byz);
	if (!(type->cost >= 0 && type->cost <= PC_OPTIMISE_COST_MAX))
		return hb_error_set(reterr, -EINVAL,
			"node type %" PRIu32 ": cost %g; give a number from 0 to %g", t + 1,
			type->cost, PC_OPTIMISE_COST_MAX);
	if (type->count_min > type->count_max)
		return hb_error_set(reterr, -EINVAL,
			"node type %" PRIu32 ": at least %" PRIu32 " but at most %" PRIu32
			" nodes; raise the one or lower the other",
			t + 1, type->count_min, type->count_max);
	return 0;
}

static int check_problem(const struct pc_optimise_problem *problem, struct hb_error *reterr)
{
	const double targets[] = {problem->target_unsafe, problem->target_unlive,
		problem->target_failure, problem->target_loss, problem->beta};
	int err = 0;

	if (problem->type_count == 0 || problem->type_count > PC_OPTIMISE_TYPES_MAX)
		return hb_error_set(reterr, -EINVAL, "%" PRIu32 " node types; give 1 to %d",
			problem->type_count, PC_OPTIMISE_TYPES_MAX);
	if (problem->nodes_min == 0 || problem->nodes_min > problem->nodes_max ||
		problem->nodes_max > PC_OPTIMISE_NODES_MAX)
		return hb_error_set(reterr, -EINVAL,
			"%" PRIu32 " to %" PRIu32 " nodes; give a range within 1 and %d",
			problem->nodes_min, problem->nodes_max, PC_OPTIMISE_NODES_MAX);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		if (!is_probability(targets[i]))
			return hb_error_set(reterr, -EINVAL,
				"%g is no probability; targets and beta must be within 0 and 1",
				targets[i]);
	}
	if (problem->weighted && problem->kind != PC_RAFT)
		return hb_error_set(reterr, -EINVAL,
			"weights are searched for Raft only; leave them out for PBFT");
	for (uint32_t t = 0; t < problem->type_count && !err; t++)
		err = check_type(problem, t, reterr);
	return err;
}

/* The commit quorum that loses no more than allowed, is no smaller than asked for and leaves @m as the largest size. */
static int trim_raft(const struct mix_types *types, const struct pc_node *nodes, uint32_t n,
	struct pc_protocol *protocol, struct pc_result *result, struct hb_error *reterr)
{
	uint32_t m = (uint32_t)protocol->q_vc, q = n + 1 - m;

	if (q < types->copies_min)
		q = types->copies_min;
	for (; q < m; q++) {
		struct pc_protocol trial = *protocol;
		struct pc_result better;
		int err;

		trial.q_per = q;
		trial.q_vc = n + 1 - q > n / 2 + 1 ? n + 1 - q : n / 2 + 1;
		err = mix_analyse(types->problem, nodes, n, &trial, PC_METRIC_ALL, &better, reterr);
		if (err)
			return err;
		if (mix_meets(types->problem, &better) &&
			better.unsafe_or_unlive <= result->unsafe_or_unlive) {
			*protocol = trial;
			*result = better;
			return 0;
		}
	}
	return 0;
}

static int trim_pbft(const struct mix_types *types, const struct pc_node *nodes, uint32_t n,
	struct pc_protocol *protocol, struct pc_result *result, struct hb_error *reterr)
{
	for (uint32_t trigger = 1; trigger < protocol->q_vc_t; trigger++) {
		struct pc_protocol trial = *protocol;
		struct pc_result better;
		int err;

		trial.q_vc_t = trigger;
		err = mix_analyse(types->problem, nodes, n, &trial, PC_METRIC_ALL, &better, reterr);
		if (err)
			return err;
		if (better.unsafe_or_unlive <= result->unsafe_or_unlive) {
			*protocol = trial;
			*result = better;
			return 0;
		}
	}
	return 0;
}

/* Of all sizes with which @counts meets the targets, those that fail least; then the smallest of these. */
static int settle_sizes(const struct mix_types *types, const struct mix_outcome *outcome,
	struct pc_optimum *optimum, bool *ret_found, struct hb_error *reterr)
{
	const struct pc_optimise_problem *problem = types->problem;
	struct pc_node nodes[PC_OPTIMISE_NODES_MAX];
	uint32_t n = outcome->n, m = n / 2 + 1;

	*ret_found = false;
	mix_nodes(problem, outcome->counts, nodes);
	if (m < types->copies_min)
		m = types->copies_min;
	for (; m <= n; m++) {
		struct pc_protocol protocol = mix_sizes(problem->kind, n, m);
		struct pc_result result;
		int err = mix_analyse(problem, nodes, n, &protocol, PC_METRIC_ALL, &result, reterr);

		if (err)
			return err;
		if (!mix_meets(problem, &result))
			continue;
		if (*ret_found && result.unsafe_or_unlive >= optimum->result.unsafe_or_unlive)
			continue;
		*ret_found = true;
		optimum->protocol = protocol;
		optimum->result = result;
	}
	if (!*ret_found)
		return 0;
	optimum->copies = (uint32_t)optimum->protocol.q_per;
	if (problem->kind == PC_PBFT)
		return trim_pbft(types, nodes, n, &optimum->protocol, &optimum->result, reterr);
	return trim_raft(types, nodes, n, &optimum->protocol, &optimum->result, reterr);
}

/* Weights for the mix that was found, if they beat equal votes; the first of at most @enough ends the search. */
static int settle_weights(const struct mix_types *types, const struct mix_outcome *outcome,
	double enough, struct pc_optimum *optimum, bool *found, struct hb_error *reterr)
{
	const struct pc_optimise_problem *problem = types->problem;
	uint32_t counts[PC_OPTIMISE_TYPES_MAX];
	struct pc_node nodes[PC_OPTIMISE_NODES_MAX];
	struct pc_optimum weighted = *optimum;
	struct weight_choice choice;
	int err;

	for (uint32_t j = 0; j < types->count; j++)
		counts[j] = outcome->counts[types->index[j]];
	err = weights_choose(
		types, counts, enough, WEIGHT_CANDIDATES_MAX, &optimum->steps, &choice, reterr);
	if (err || !choice.found)
		return err;
	for (uint32_t j = 0; j < types->count; j++) {
		if (counts[j] > 0)
			weighted.weights[types->index[j]] = choice.weights[j];
	}
	weighted.protocol = (struct pc_protocol){
		.kind = PC_RAFT, .votes = choice.votes, .q_per = choice.q, .q_vc = choice.q};
	weighted.copies = choice.copies;
	pc_optimum_nodes(problem, &weighted, nodes);
	err = mix_analyse(problem, nodes, outcome->n, &weighted.protocol, PC_METRIC_ALL,
		&weighted.result, reterr);
	if (err || !mix_meets(problem, &weighted.result))
		return err;
	if (!*found || weighted.result.unsafe_or_unlive < optimum->result.unsafe_or_unlive) {
		weighted.steps = optimum->steps;
		*optimum = weighted;
		*found = true;
	}
	return 0;
}

static void rank_leaders(const struct pc_optimise_problem *problem, struct pc_optimum *optimum)
{
	for (uint32_t t = 0; t < problem->type_count; t++) {
		const struct pc_node_type *type = &problem->types[t];
		double fault = type->crash + type->byz;
		uint32_t at = optimum->leader_count;

		/* A node without a vote cannot be elected. */
		if (optimum->counts[t] == 0 || optimum->weights[t] == 0)
			continue;
		for (; at > 0; at--) {
			const struct pc_node_type *other =
				&problem->types[optimum->leaders[at - 1]];

			if (other->crash + other->byz <= fault)
				break;
			optimum->leaders[at] = optimum->leaders[at - 1];
		}
		optimum->leaders[at] = t;
		optimum->leader_count++;
	}
}

static double bound_of_nodes(const struct mix_types *types, const struct mix_outcome *outcome)
{
	double q[PC_OPTIMISE_TYPES_MAX], bound = 0;
	uint32_t counts[PC_OPTIMISE_TYPES_MAX], classes = 0;

	for (uint32_t j = 0; j < types->count; j++) {
		if (outcome->counts[types->index[j]] == 0)
			continue;
		q[classes] = types->fault[j];
		counts[classes++] = outcome->counts[types->index[j]];
	}
	return pc_unlive_bound(q, counts, classes, &bound) ? 0 : bound;
}

static int settle(const struct mix_types *types, const struct mix_outcome *outcome,
	struct pc_optimum *ret, struct hb_error *reterr)
{
	const struct pc_optimise_problem *problem = types->problem;
	struct pc_optimum optimum = {.node_count = outcome->n, .cost = outcome->cost};
	bool found = false;
	int err;

	memcpy(optimum.counts, outcome->counts, sizeof(optimum.counts));
	for (uint32_t t = 0; t < problem->type_count; t++)
		optimum.weights[t] = optimum.counts[t] > 0;
	optimum.steps = outcome->steps;
	optimum.cost_bound = fmin(outcome->open_bound, outcome->cost);
	optimum.proven = !(optimum.cost_bound < outcome->cost * (1 - 1e-9));
	if (problem->kind == PC_RAFT)
		optimum.unlive_bound = bound_of_nodes(types, outcome);
	err = settle_sizes(types, outcome, &optimum, &found, reterr);
	if (!err && problem->weighted)
		err = settle_weights(types, outcome, optimum.unlive_bound * (1 + 1e-12), &optimum,
			&found, reterr);
	/* The likeliest to be live may be unsafe, where a node that may turn Byzantine got a vote. */
	if (!err && !found && problem->weighted)
		err = settle_weights(types, outcome, types->unlive_max, &optimum, &found, reterr);
	if (err)
		return err;
	hb_assert(found);
	if (optimum.protocol.votes == outcome->n && problem->kind == PC_RAFT)
		optimum.copies = (uint32_t)optimum.protocol.q_per;
	rank_leaders(problem, &optimum);
	*ret = optimum;
	return 0;
}

static int report_nothing(const struct pc_optimise_problem *problem,
	const struct mix_outcome *outcome, struct hb_error *reterr)
{
	if (isinf(outcome->open_bound))
		return hb_error_set(reterr, -ENOENT,
			"proven: no mix of up to %" PRIu32
			" of these nodes meets the targets; relax a target, allow more nodes or "
			"add a "
			"better type",
			problem->nodes_max);
	return hb_error_set(reterr, -ETIMEDOUT,
		"no mix found in %" PRIu64 " steps; none that costs less than %.17g meets the "
		"targets; allow more steps or fewer "
		"nodes",
		outcome->steps, outcome->open_bound);
}

int pc_optimise(
	const struct pc_optimise_problem *problem, struct pc_optimum *ret, struct hb_error *reterr)
{
	struct mix_outcome outcome = {.cost = INFINITY, .open_bound = INFINITY};
	struct mix_types types;
	int err = check_problem(problem, reterr);

	if (err)
		return err;
	outcome.steps_max = problem->steps_max ? problem->steps_max : PC_OPTIMISE_STEPS;
	mix_types_init(&types, problem);
	err = mix_search(&types, &outcome, reterr);
	if (!err && problem->weighted) {
		/* Its proof covers equal votes too; what the first search left open is looked at again. */
		outcome.open_bound = INFINITY;
		outcome.steps_max += outcome.steps;
		err = weighted_search(&types, &outcome, reterr);
	}
	if (err)
		return err;
	if (!outcome.found)
		return report_nothing(problem, &outcome, reterr);
	return settle(&types, &outcome, ret, reterr);
}

void pc_optimum_nodes(const struct pc_optimise_problem *problem, const struct pc_optimum *optimum,
	struct pc_node *ret)
{
	for (uint32_t t = 0; t < problem->type_count; t++) {
		for (uint32_t i = 0; i < optimum->counts[t]; i++)
			*ret++ = (struct pc_node){.crash = problem->types[t].crash,
				.byz = problem->types[t].byz,
				.weight = optimum->weights[t]};
	}
}
