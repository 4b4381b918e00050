/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A node as the analysis sees it: how likely it is to have crashed or to be Byzantine at the moment (or within the
 * mission) that is asked about. Everything in this library is a failure probability q, never 1 - q.
 */
#ifndef PROBCONS_NODE_H
#define PROBCONS_NODE_H

#include <stdint.h>

struct hb_error;

#define PC_NODES_EXACT_MAX 4096 /* above: exponential tilt and FFT (fft_tilt.h) */
#define PC_NODES_MIXED_MAX 1024 /* crash and Byzantine faults in one fleet, and correlated fleets */
#define PC_NODES_MAX (1u << 20) /* more is refused */
#define PC_WEIGHT_SUM_MAX \
	(1u << 20) /* of integer weights after division by their greatest common divisor */

/* Zero-initialised: never fails and has no vote; weight is 1 in fleets that count heads. */
struct pc_node {
	double crash;    /* probability of a crash fault, [0, 1] */
	double byz;      /* probability of a Byzantine fault, [0, 1]; crash + byz <= 1 */
	uint32_t weight; /* votes; a node of weight 0 neither votes nor leads */
};

/* pc_node_fault - probability of either fault. */
static inline double pc_node_fault(const struct pc_node *node)
{
	return node->crash + node->byz;
}

/*
 * pc_nodes_check - whether a fleet can be analysed.
 * @nodes: shape [count].
 *
 * Returns 0, -EINVAL (empty fleet, probability outside [0, 1] or not a number, all weights 0) or -E2BIG (more than
 * PC_NODES_MAX nodes, sum of weights above 2^53); the message names the node by its number from 1.
 */
int pc_nodes_check(const struct pc_node *nodes, uint32_t count, struct hb_error *reterr);

/* pc_nodes_weight - sum of the weights. */
uint64_t pc_nodes_weight(const struct pc_node *nodes, uint32_t count);

/*
 * pc_nines - how many nines a failure probability is: -log10 q. Infinite for 0, 0 for 1, NaN outside [0, 1].
 */
double pc_nines(double q);

#endif
