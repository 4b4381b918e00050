/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checks and bounds of a problem. See problem.h.
 */
#include <errno.h>

#include <hotbed/error.h>

#include <probcons/node.h>

#include "problem.h"

int problem_check(const struct pc_node *nodes, uint32_t count, const struct pc_protocol *protocol,
	const struct pc_correlation *correlation, struct hb_error *reterr)
{
	int rc = pc_nodes_check(nodes, count, reterr);

	if (!rc)
		rc = pc_protocol_check(protocol, reterr);
	if (!rc && protocol->votes != pc_nodes_weight(nodes, count))
		rc = hb_error_set(reterr, -EINVAL,
			"the protocol is for %llu votes, the fleet has %llu",
			(unsigned long long)protocol->votes,
			(unsigned long long)pc_nodes_weight(nodes, count));
	if (!rc)
		rc = pc_copula_check(&correlation->copula, reterr);
	if (!rc)
		rc = pc_shocks_check(correlation->shocks, correlation->shock_count, count, reterr);
	return rc;
}

struct event_bounds problem_bounds(const struct pc_protocol *protocol, enum pc_event event)
{
	struct pc_thresholds t = pc_protocol_thresholds(protocol);
	struct event_bounds bounds = {.byz = t.byz_unsafe, .fault = UINT64_MAX};

	if (event != PC_EVENT_UNSAFE) {
		bounds.fault = t.fault_unlive;
		bounds.byz = event == PC_EVENT_UNLIVE || t.byz_unlive < t.byz_unsafe ? t.byz_unlive
										     : t.byz_unsafe;
	}
	return bounds;
}

bool problem_possible(const struct pc_rare_problem *problem, struct event_bounds *bounds)
{
	const struct pc_correlation *c = problem->correlation;
	uint64_t byz = 0, fault = 0;

	for (uint32_t i = 0; i < problem->count; i++) {
		const struct pc_node *node = &problem->nodes[i];
		bool may_fail = pc_node_fault(node) > 0, may_lie = node->byz > 0;

		for (uint32_t s = 0; c && s < c->shock_count && !may_lie; s++) {
			const struct pc_shock *shock = &c->shocks[s];
			bool member = false;

			for (uint32_t m = 0; m < shock->member_count && !member; m++)
				member = shock->members[m] == i;
			may_fail |= member && shock->probability > 0;
			may_lie |= member && shock->probability > 0 && shock->byzantine;
		}
		fault += may_fail ? node->weight : 0;
		byz += may_lie ? node->weight : 0;
	}
	if (bounds->byz > byz)
		bounds->byz = UINT64_MAX;
	if (bounds->fault > fault)
		bounds->fault = UINT64_MAX;
	return bounds->byz != UINT64_MAX || bounds->fault != UINT64_MAX;
}
