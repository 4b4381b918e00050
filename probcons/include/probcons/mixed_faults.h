/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Crash and Byzantine faults together, independent nodes, weighted votes: joint tail probabilities of (Byzantine
 * votes, failed votes) by dynamic programming over non-negative terms.
 *
 * The tables are cut at the thresholds: whatever has crossed one is summed and leaves the table. Doubles scaled by
 * 2^1000 (range down to 1e-609; smaller mass is dropped), relative error at most 4 x count x 2^-53, 4.6e-13 at 1024
 * nodes. Thread-safe; allocates (byz_unlive + 1) x fault_unlive x 8 bytes, at most 9 MiB.
 */
#ifndef PROBCONS_MIXED_FAULTS_H
#define PROBCONS_MIXED_FAULTS_H

#include <stdint.h>

struct hb_error;
struct pc_node;
struct pc_thresholds;

struct pc_failure {
	double unsafe;
	double unlive;
	double unsafe_or_unlive;
};

/*
 * pc_mixed_faults - failure probabilities of a protocol's predicate.
 * @nodes: shape [count], checked. @thresholds: in votes of the nodes' weights.
 *
 * Fleets with only one kind of fault take the one-dimensional programme (poisson_binomial.h, weighted.h), with its
 * limit and accuracy. Returns 0, -E2BIG (count or, reduced, sum of weights above PC_NODES_MIXED_MAX; one kind:
 * above PC_NODES_MAX, weighted PC_WEIGHT_SUM_MAX) or -ENOMEM. Takes count x byz_unlive x fault_unlive steps of
 * about 1 ns.
 */
int pc_mixed_faults(const struct pc_node *nodes, uint32_t count,
	const struct pc_thresholds *thresholds, struct pc_failure *ret, struct hb_error *reterr);

#endif
