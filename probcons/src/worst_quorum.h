/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The quorums among which the likeliest to fail as a whole must be, when that cannot be told node by node because
 * faults have common causes.
 *
 * Of two nodes of equal weight under the same shocks, the one of the higher fault probability fails with any others
 * at least as often. Candidates are therefore: so many of each kind (weight and shocks), the likeliest to fail first,
 * and none that could be spared.
 */
#ifndef PC_WORST_QUORUM_H
#define PC_WORST_QUORUM_H

#include <stdbool.h>
#include <stdint.h>

struct hb_error;
struct pc_node;
struct pc_shock;

/* Called with a candidate, shape [count]. Other than 0 ends the enumeration. */
typedef int worst_quorum_fn(const bool *set, void *user, struct hb_error *reterr);

/*
 * Call @each for all candidates of at least @votes (in the weights of @nodes). 0; -E2BIG with nothing called, when
 * there are more than @limit; -ENOMEM; or what @each returned. Without a message for -E2BIG.
 */
int worst_quorum_candidates(const struct pc_node *nodes, uint32_t count, uint64_t votes,
	const struct pc_shock *shocks, uint32_t shock_count, uint64_t limit, worst_quorum_fn *each,
	void *user, struct hb_error *reterr);

#endif
