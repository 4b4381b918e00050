/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Quorums as sets: chance that two random ones miss each other, and loss of what a quorum committed.
 *
 * A commit lives on the nodes of one quorum; it is lost when all of them fail. Quorums are minimal sets: without
 * any one member the votes are too few (with equal weights: the sets of exactly q_per nodes). Nodes are independent
 * here; nines.h has the same under correlation. Thread-safe.
 */
#ifndef PROBCONS_QUORUM_H
#define PROBCONS_QUORUM_H

#include <stdbool.h>
#include <stdint.h>

struct hb_error;
struct pc_node;

/* Loss of a commit, as probabilities. */
struct pc_loss {
	double worst; /* of the quorum that is likeliest to fail as a whole */
	double mean; /* over minimal quorums, each equally likely; NaN: unequal weights and more than 16 shocks */
	double any; /* that some quorum fails as a whole: what many commits on many quorums feel (copysets) */
	bool worst_is_bound; /* @worst is an upper bound: under correlation, too many quorums to try each */
};

/*
 * pc_quorum_loss - loss for independent nodes.
 * @nodes: shape [count], checked. @votes: needed to commit, 1 ... sum of weights.
 *
 * Returns 0, -EINVAL (votes cannot be reached), -E2BIG (sum of weights above PC_WEIGHT_SUM_MAX after reduction) or
 * -ENOMEM.
 */
int pc_quorum_loss(const struct pc_node *nodes, uint32_t count, uint64_t votes, struct pc_loss *ret,
	struct hb_error *reterr);

/*
 * pc_quorum_loss_required - chance that some set of @size nodes with at least @required_min members of the first
 * @required_count nodes has failed altogether (heads, not weights): the paper's "a quorum holds at least one
 * reliable node". @exactly: sets with exactly that many instead.
 *
 * Returns 0, -EINVAL (no such set) or -E2BIG (count above PC_NODES_EXACT_MAX).
 */
int pc_quorum_loss_required(const struct pc_node *nodes, uint32_t count, uint32_t required_count,
	uint32_t required_min, bool exactly, uint32_t size, double *ret, struct hb_error *reterr);

/*
 * pc_quorum_miss - chance that two independent uniform subsets of @a and @b of @count nodes have no node in common:
 * C(count - a, b) / C(count, b). 0 when they must meet. @a, @b in 0 ... @count (asserted).
 */
double pc_quorum_miss(uint32_t count, uint32_t a, uint32_t b);

/*
 * pc_quorum_minimal_count - number of minimal quorums as a long double (may be beyond 2^64). Errors as
 * pc_quorum_loss().
 */
int pc_quorum_minimal_count(const struct pc_node *nodes, uint32_t count, uint64_t votes,
	long double *ret, struct hb_error *reterr);

#endif
