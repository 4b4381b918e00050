/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Common-cause faults: independent shocks, each of which takes a set of nodes with it (Marshall and Olkin). Racks,
 * zones and software versions are shocks over their members; the beta factor is a chain of shocks over everybody.
 *
 * A crash shock crashes its members; a Byzantine shock (a bad release) makes its members Byzantine unless they
 * crash. Shocks whose sets are nested or disjoint are exact by one pass over their tree; the others (and Byzantine
 * ones) are conditioned on, 2^k cases, k at most PC_SHOCKS_CONDITIONED_MAX. Thread-safe.
 *
 * Sources: Marshall and Olkin, JASA 62, 1967; Fleming 1975 (beta factor).
 */
#ifndef PROBCONS_SHOCKS_H
#define PROBCONS_SHOCKS_H

#include <stdbool.h>
#include <stdint.h>

struct hb_error;
struct pc_node;

#define PC_SHOCKS_CONDITIONED_MAX 16
#define PC_SHOCKS_MAX 1024

/*
 * Members are node numbers from 0, ascending, without repetition; owned by whoever made the shock.
 */
struct pc_shock {
	double probability; /* [0, 1] */
	bool byzantine;
	uint32_t member_count; /* >= 1 */
	const uint32_t *members;
};

/*
 * pc_shocks_check - whether shocks are well formed for a fleet of @node_count nodes.
 *
 * Returns 0, -EINVAL (probability, empty set, member out of range or out of order; the message names the shock from
 * 1) or -E2BIG (more than PC_SHOCKS_MAX, or too many that overlap).
 */
int pc_shocks_check(const struct pc_shock *shocks, uint32_t shock_count, uint32_t node_count,
	struct hb_error *reterr);

/* Shocks with the memory of their members; pc_shock_set_finish(). */
struct pc_shock_set {
	struct pc_shock *shocks; /* shape [count] */
	uint32_t count;
	uint32_t *members; /* all of them, one block */
};

void pc_shock_set_finish(struct pc_shock_set *set);

/*
 * pc_beta_factor - split each node's crash probability p into a common part beta x p and an own part (1 - beta) x
 * p. The common parts share one cause of random strength: when a node of probability p fails of it, so do all of a
 * higher one. For equal nodes that is a single shock of probability beta x p over all of them.
 * @nodes: shape [count]; crash is replaced by its own part. Byzantine faults stay independent.
 * @beta: [0, 1]. @ret: at most as many nested shocks as there are different values of crash.
 *
 * Returns 0, -EINVAL (beta; nothing is changed) or -ENOMEM.
 */
int pc_beta_factor(struct pc_node *nodes, uint32_t count, double beta, struct pc_shock_set *ret,
	struct hb_error *reterr);

#endif
