/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Choosing a fleet: the cheapest mix of node types with quorum sizes (and weights) that meets declared targets.
 *
 * Branch and bound over the counts of each type. Two lower bounds prune, both free of subtraction: the tail when all
 * nodes still open are of the best type left, and a linear programme over an additive score that Maclaurin's
 * inequality puts under the tail: P(S >= k) >= C(N, k) prod (1 - p) prod (p / (1 - p))^(k / N). The search ends with
 * a proof, or, out of steps, with a cost below which no solution lies. The answer is checked by pc_analyse().
 *
 * Weights (Raft): among self-intersecting systems log((1 - p) / p) maximises availability and nothing else (Tong and
 * Kain 1991), and can make a dictator: one node that is a quorum. Fewer than two copies are refused unless asked for.
 * Integer weights are searched exhaustively while small, then along the rounded log-odds; the sum over complementary
 * pairs of the less likely survivor bounds what any weights could reach. Thread-safe.
 */
#ifndef PROBCONS_OPTIMISE_H
#define PROBCONS_OPTIMISE_H

#include <stdbool.h>
#include <stdint.h>

#include <probcons/nines.h>
#include <probcons/protocol.h>

struct hb_error;

#define PC_OPTIMISE_TYPES_MAX 32
#define PC_OPTIMISE_NODES_MAX 64
#define PC_OPTIMISE_COST_MAX 1e300 /* no sum of them is infinite */
#define PC_OPTIMISE_STEPS 5000000  /* default of steps_max: about a second */

/* Nodes that can be bought. */
struct pc_node_type {
	double crash, byz;             /* fault probabilities, each and their sum in [0, 1] */
	double cost;                   /* of one node, 0 ... PC_OPTIMISE_COST_MAX */
	uint32_t count_min, count_max; /* how many may be used */
};

struct pc_optimise_problem {
	enum pc_protocol_kind kind;
	const struct pc_node_type *types; /* shape [type_count] */
	uint32_t type_count;              /* 1 ... PC_OPTIMISE_TYPES_MAX */
	uint32_t nodes_min, nodes_max;    /* 1 ... PC_OPTIMISE_NODES_MAX */
	/* Failure probabilities not to exceed, [0, 1]; 1 = no target. */
	double target_unsafe, target_unlive;
	double target_failure; /* unsafe or unlive */
	double target_loss;    /* of the worst quorum */
	uint32_t copies_min;   /* nodes that hold every commit; 0 = 2 */
	bool allow_dictator;   /* a quorum may be one node */
	bool weighted;         /* Raft: search weights too */
	double beta;           /* common part of every crash probability (shocks.h) */
	uint64_t steps_max;    /* 0 = PC_OPTIMISE_STEPS */
};

struct pc_optimum {
	uint32_t counts[PC_OPTIMISE_TYPES_MAX];  /* nodes of each type */
	uint32_t weights[PC_OPTIMISE_TYPES_MAX]; /* votes of one node of each type */
	uint32_t node_count;
	/* Types in use, in the order in which their nodes should lead: likeliest to survive first. */
	uint32_t leaders[PC_OPTIMISE_TYPES_MAX];
	uint32_t leader_count;
	struct pc_protocol protocol;
	struct pc_result result;
	uint32_t copies;   /* nodes in the smallest commit quorum */
	double cost;       /* of one of the cheapest mixes */
	double cost_bound; /* no configuration that meets the targets costs less */
	bool proven;       /* the bound is reached: cost is optimal */
	double unlive_bound; /* Raft: no self-intersecting quorums of these nodes are less likely to be unlive */
	uint64_t steps;
};

/*
 * pc_optimise - solve @problem.
 *
 * Without weights the choice is among all quorum sizes that intersect when nothing is Byzantine (those of the optimum
 * minimise unsafe_or_unlive, then the commit quorum). With weights the mix is proven only if the bound says so.
 * Returns 0; -EINVAL (problem; message says which part); -ENOENT (proven: nothing meets the targets); -ETIMEDOUT
 * (steps ran out before anything was found; the message gives the bound); -ENOMEM.
 */
int pc_optimise(
	const struct pc_optimise_problem *problem, struct pc_optimum *ret, struct hb_error *reterr);

/*
 * pc_optimum_nodes - the nodes of an optimum with their weights.
 * @ret: shape [optimum->node_count]; types in order.
 */
void pc_optimum_nodes(const struct pc_optimise_problem *problem, const struct pc_optimum *optimum,
	struct pc_node *ret);

/*
 * pc_unlive_bound - the least unlive probability of any self-intersecting quorum system over independent nodes that
 * fail with @q: the sum, over complementary pairs of survivor sets, of the less likely one.
 * @q, @counts: shape [class_count]; @counts[i] nodes of probability @q[i].
 *
 * Returns 0, or -E2BIG (more than 2^21 combinations of class counts).
 */
int pc_unlive_bound(const double *q, const uint32_t *counts, uint32_t class_count, double *ret);

#endif
