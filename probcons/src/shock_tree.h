/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Shocks as a tree. Crash shocks whose sets are nested or disjoint form a forest over the nodes; a pass from the
 * leaves combines distributions: below a shock, with its probability everybody has crashed, otherwise parts are
 * independent. Shocks that do not fit into a forest, and Byzantine ones, are conditioned on by the caller.
 */
#ifndef PC_SHOCK_TREE_H
#define PC_SHOCK_TREE_H

#include <stdbool.h>
#include <stdint.h>

struct hb_error;
struct pc_node;
struct pc_shock;

struct shock_tree {
	const struct pc_shock **kept; /* largest set first: parents before children */
	int32_t *parent;              /* of a kept shock, index in kept; -1 = none */
	uint32_t kept_count;
	int32_t *innermost; /* of a node: index in kept; -1 = none; shape [node_count] */
	uint32_t node_count;
	const struct pc_shock **conditioned;
	uint32_t conditioned_count;
};

/*
 * Sort shocks into kept and conditioned ones (by whichever of two greedy orders conditions fewer). @condition_all:
 * keep none. Shocks of probability 0 are left out. 0, -E2BIG (too many to condition on) or -ENOMEM; on any outcome
 * shock_tree_finish().
 */
int shock_tree_init(struct shock_tree *tree, const struct pc_shock *shocks, uint32_t shock_count,
	uint32_t node_count, bool condition_all, struct hb_error *reterr);
void shock_tree_finish(struct shock_tree *tree);

/*
 * Where a joint distribution is cut: Byzantine votes above byz_cap count as byz_cap; failed votes from fault_end
 * on are one.
 */
struct shock_caps {
	uint64_t byz_cap, fault_end;
	uint32_t divisor; /* of the weights */
	bool byz_only;    /* follow Byzantine votes in place of failed ones (byz_cap 0) */
};

/*
 * Distribution of (Byzantine, failed) votes over the fleet. @nodes: with what the caller conditioned on built in.
 * @ret: shape [byz_cap + 1][fault_end + 1], allocated; [0][fault_end] is all mass of that many failed votes or
 * more. 0, -E2BIG (too much work) or -ENOMEM.
 */
int shock_tree_votes(const struct shock_tree *tree, const struct pc_node *nodes,
	const struct shock_caps *caps, long double **ret, struct hb_error *reterr);

/*
 * Largest probability that a set of at least @votes fails as a whole. 0, -E2BIG or -ENOMEM.
 */
int shock_tree_worst(const struct shock_tree *tree, const struct pc_node *nodes, uint64_t votes,
	uint32_t divisor, double *ret, struct hb_error *reterr);

#endif
