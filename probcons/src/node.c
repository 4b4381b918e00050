/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checks of a fleet. See probcons/node.h.
 */
#include <errno.h>
#include <math.h>

#include <hotbed/error.h>

#include <probcons/node.h>

static int node_check(const struct pc_node *node, uint32_t number, struct hb_error *reterr)
{
	if (!(node->crash >= 0 && node->crash <= 1))
		return hb_error_set(reterr, -EINVAL,
			"node %u: crash probability %g is outside [0, 1]", number, node->crash);
	if (!(node->byz >= 0 && node->byz <= 1))
		return hb_error_set(reterr, -EINVAL,
			"node %u: Byzantine probability %g is outside [0, 1]", number, node->byz);
	if (node->crash + node->byz > 1)
		return hb_error_set(reterr, -EINVAL,
			"node %u: crash and Byzantine probability sum to %.17g, above 1", number,
			node->crash + node->byz);
	return 0;
}

int pc_nodes_check(const struct pc_node *nodes, uint32_t count, struct hb_error *reterr)
{
	uint64_t weight = 0;

	if (count == 0)
		return hb_error_set(reterr, -EINVAL, "the fleet is empty; name at least one node");
	if (count > PC_NODES_MAX)
		return hb_error_set(
			reterr, -E2BIG, "%u nodes; at most %u are analysed", count, PC_NODES_MAX);
	for (uint32_t i = 0; i < count; i++) {
		int rc = node_check(&nodes[i], i + 1, reterr);

		if (rc)
			return rc;
		weight += nodes[i].weight;
	}
	if (weight == 0)
		return hb_error_set(
			reterr, -EINVAL, "no node has a vote; give one a weight above 0");
	return 0;
}

uint64_t pc_nodes_weight(const struct pc_node *nodes, uint32_t count)
{
	uint64_t weight = 0;

	for (uint32_t i = 0; i < count; i++)
		weight += nodes[i].weight;
	return weight;
}

double pc_nines(double q)
{
	if (!(q >= 0 && q <= 1))
		return NAN;
	/* Not -log10(1) = -0. */
	return q == 1 ? 0 : -log10(q);
}
