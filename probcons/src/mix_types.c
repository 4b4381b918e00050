/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mix_search.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include <hotbed/error.h>

#include <probcons/shocks.h>

/* Is every mix with type @b no worse and no dearer with type @a instead? */
static bool dominates(const struct pc_optimise_problem *problem, uint32_t a, uint32_t b)
{
	const struct pc_node_type *x = &problem->types[a], *y = &problem->types[b];

	if (a == b || y->count_min > 0 || x->count_max < problem->nodes_max)
		return false;
	if (x->crash > y->crash || x->byz > y->byz || x->cost > y->cost)
		return false;
	return x->crash < y->crash || x->byz < y->byz || x->cost < y->cost || a < b;
}

static bool is_dominated(const struct pc_optimise_problem *problem, uint32_t type)
{
	for (uint32_t other = 0; other < problem->type_count; other++) {
		if (dominates(problem, other, type))
			return true;
	}
	return false;
}

static double own_fault(const struct pc_optimise_problem *problem, uint32_t type)
{
	return (1 - problem->beta) * problem->types[type].crash + problem->types[type].byz;
}

void mix_types_init(struct mix_types *types, const struct pc_optimise_problem *problem)
{
	uint32_t one = problem->allow_dictator ? 1 : 2;

	memset(types, 0, sizeof(*types));
	types->problem = problem;
	types->unlive_max = fmin(problem->target_unlive, problem->target_failure);
	types->unsafe_max = fmin(problem->target_unsafe, problem->target_failure);
	types->copies_min = problem->copies_min > one ? problem->copies_min : one;
	for (uint32_t t = 0; t < problem->type_count; t++) {
		double fault = own_fault(problem, t);
		uint32_t at = types->count;

		if (is_dominated(problem, t))
			continue;
		for (; at > 0 && types->fault[at - 1] > fault; at--) {
			types->index[at] = types->index[at - 1];
			types->fault[at] = types->fault[at - 1];
		}
		types->index[at] = t;
		types->fault[at] = fault;
		types->count++;
	}
	for (uint32_t j = 0; j < types->count; j++) {
		const struct pc_node_type *type = &problem->types[types->index[j]];

		types->byz[j] = type->byz;
		types->cost[j] = type->cost;
		types->min[j] = type->count_min;
		types->max[j] = type->count_max;
	}
}

bool mix_is_cheaper(const struct mix_outcome *outcome, double cost)
{
	return !outcome->found || cost < outcome->cost * (1 - 1e-12);
}

void mix_nodes(
	const struct pc_optimise_problem *problem, const uint32_t *counts, struct pc_node *ret)
{
	for (uint32_t t = 0; t < problem->type_count; t++) {
		for (uint32_t i = 0; i < counts[t]; i++)
			*ret++ = (struct pc_node){.crash = problem->types[t].crash,
				.byz = problem->types[t].byz,
				.weight = 1};
	}
}

int mix_analyse(const struct pc_optimise_problem *problem, const struct pc_node *nodes,
	uint32_t count, const struct pc_protocol *protocol, unsigned int metrics,
	struct pc_result *ret, struct hb_error *reterr)
{
	struct pc_node own[PC_OPTIMISE_NODES_MAX];
	struct pc_shock_set shocks = {0};
	struct pc_correlation correlation = {0};
	int err;

	if (problem->beta == 0)
		return pc_analyse(nodes, count, protocol, NULL, metrics, ret, reterr);
	memcpy(own, nodes, count * sizeof(*own));
	err = pc_beta_factor(own, count, problem->beta, &shocks, reterr);
	if (err)
		return err;
	correlation.shocks = shocks.shocks;
	correlation.shock_count = shocks.count;
	err = pc_analyse(own, count, protocol, &correlation, metrics, ret, reterr);
	pc_shock_set_finish(&shocks);
	return err;
}

bool mix_meets(const struct pc_optimise_problem *problem, const struct pc_result *result)
{
	return result->unsafe <= problem->target_unsafe &&
	       result->unlive <= problem->target_unlive &&
	       result->unsafe_or_unlive <= problem->target_failure &&
	       (problem->target_loss >= 1 || result->loss.worst <= problem->target_loss);
}

/*
 * Liveness depends on the largest size and safety grows with each, so all are @m. A trigger of half a quorum tolerates
 * the most Byzantine nodes: the lesser of q_vc_t - 1 and q_vc - q_vc_t is then as large as can be.
 */
struct pc_protocol mix_sizes(enum pc_protocol_kind kind, uint32_t n, uint32_t m)
{
	struct pc_protocol protocol = {.kind = kind, .votes = n, .q_per = m, .q_vc = m};

	if (kind == PC_PBFT) {
		protocol.q_eq = m;
		protocol.q_vc_t = (m + 1) / 2;
	}
	return protocol;
}
