/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole analysis: safety, liveness and durability of a protocol on a fleet, independent or correlated, each as
 * its own failure probability. This is the function that programs, optimiser and explanation call.
 *
 * Thread-safe; allocates scratch memory. Relative error: independent <= 1e-12 down to 1e-300; shocks the same;
 * copulas <= 1e-10.
 */
#ifndef PROBCONS_NINES_H
#define PROBCONS_NINES_H

#include <stdint.h>

#include <probcons/copula.h>
#include <probcons/node.h>
#include <probcons/protocol.h>
#include <probcons/quorum.h>
#include <probcons/shocks.h>

struct hb_error;

/*
 * Zero-initialised: independent nodes. With both, the copula acts on the nodes' own faults and shocks come on top.
 */
struct pc_correlation {
	struct pc_copula copula;
	const struct pc_shock *shocks; /* shape [shock_count] */
	uint32_t shock_count;
};

enum pc_metric {
	PC_METRIC_FAILURE = 1, /* unsafe, unlive, unsafe_or_unlive */
	PC_METRIC_LOSS = 2,    /* loss; more work */
	PC_METRIC_ALL = 3,
};

struct pc_result {
	double unsafe;
	double unlive;
	double unsafe_or_unlive;
	struct pc_loss loss;
};

/*
 * pc_analyse - failure probabilities of @protocol on @nodes.
 * @nodes: shape [count]; protocol->votes must be the sum of their weights.
 * @correlation: NULL = independent.
 * @metrics: pc_metric bits; fields not asked for are NaN.
 *
 * Returns 0; -EINVAL: node, protocol, copula or shock out of range (message says which); -E2BIG: too many nodes or
 * weights for this kind of analysis (message says the limit); -ERANGE: the copula does not converge; -ENOMEM.
 */
int pc_analyse(const struct pc_node *nodes, uint32_t count, const struct pc_protocol *protocol,
	const struct pc_correlation *correlation, unsigned int metrics, struct pc_result *ret,
	struct hb_error *reterr);

#endif
