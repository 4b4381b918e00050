/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The minimal quorums of a fleet, prepared once and then evaluated for many fault probabilities (one case of a
 * mixture each). Not thread-safe: the table is scratch.
 */
#ifndef PC_QUORUM_SETS_H
#define PC_QUORUM_SETS_H

#include <stdbool.h>
#include <stdint.h>

struct hb_error;
struct pc_node;

struct quorum_member {
	uint32_t node;
	uint64_t weight; /* reduced, > 0 */
};

struct quorum_sets {
	struct quorum_member *members; /* heaviest first */
	uint32_t count;
	uint64_t votes, sum; /* reduced */
	bool equal;          /* all weights 1 after reduction */
	long double *
		table; /* shape [votes]; NULL above PC_NODES_EXACT_MAX nodes, which are of equal weight then */
	long double minimal_count;
};

/* 0, -EINVAL (votes out of reach), -E2BIG or -ENOMEM; on any outcome quorum_sets_finish(). */
int quorum_sets_init(struct quorum_sets *sets, const struct pc_node *nodes, uint32_t count,
	uint64_t votes, struct hb_error *reterr);
void quorum_sets_finish(struct quorum_sets *sets);

/*
 * Sum over minimal quorums of the product of @q (by node; NULL = 1 each: their number). Needs the table.
 */
long double quorum_sets_sum(const struct quorum_sets *sets, const double *q);

/* Mean over minimal quorums of the product of @q. 0, -E2BIG or -ENOMEM. */
int quorum_sets_mean(
	const struct quorum_sets *sets, const double *q, double *ret, struct hb_error *reterr);

/* Largest product of @q over quorums. 0 or -ENOMEM. */
int quorum_sets_worst(const struct quorum_sets *sets, const double *q, double *ret);

#endif
