/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When Raft and PBFT are safe and live, as predicates over the votes of the nodes that failed (paper, Theorems 3.1
 * and 3.2). Sizes are votes: with weight 1 each, numbers of nodes. Each predicate reduces to thresholds (struct
 * pc_thresholds), which is all that the probability engines know of a protocol.
 *
 * Two corrections to the paper. Its PBFT liveness prints |Byz| <= Q_vc_t - Q_vc, which would make no row of its
 * Table 1 ever live; the authors' code has |Byz| <= Q_vc - Q_vc_t, which is used here (@printed_sign asks for the
 * print). Raft tolerates no Byzantine node: one that votes makes it unsafe, and it never counts as correct.
 */
#ifndef PROBCONS_PROTOCOL_H
#define PROBCONS_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

struct hb_error;

enum pc_protocol_kind {
	PC_RAFT,
	PC_PBFT,
};

struct pc_protocol {
	enum pc_protocol_kind kind;
	uint64_t votes;  /* of all nodes together: N, or the sum of the weights */
	uint64_t q_per;  /* persistence: votes that commit */
	uint64_t q_vc;   /* view change: votes that elect */
	uint64_t q_eq;   /* PBFT only: non-equivocation */
	uint64_t q_vc_t; /* PBFT only: votes that trigger a view change */
	bool printed_sign; /* PBFT only: liveness as printed in the paper, to reproduce the misprint */
};

/*
 * A configuration with @byz votes Byzantine and @fault votes failed in any way (Byzantine included):
 */
struct pc_thresholds {
	uint64_t byz_unsafe;   /* unsafe iff byz >= this; 0 = always, UINT64_MAX = never */
	uint64_t byz_unlive;   /* not live iff byz >= this ... */
	uint64_t fault_unlive; /* ... or fault >= this */
};

/* pc_raft_majority - Raft with floor(votes / 2) + 1 for both quorums. @votes >= 1. */
struct pc_protocol pc_raft_majority(uint64_t votes);

/*
 * pc_pbft_classic - PBFT with quorums of ceil((votes + f + 1) / 2) and a trigger of f + 1, where f = floor((votes -
 * 1) / 3): the sizes of the paper's Table 1. @votes >= 1.
 */
struct pc_protocol pc_pbft_classic(uint64_t votes);

/*
 * pc_protocol_check - whether the sizes make sense: each quorum within 1 ... votes.
 *
 * Returns 0 or -EINVAL ("a quorum of 5 of 3 votes can never be reached"). Quorums that need not intersect are fine:
 * they are unsafe, and the analysis says so.
 */
int pc_protocol_check(const struct pc_protocol *protocol, struct hb_error *reterr);

/*
 * pc_protocol_thresholds - the predicates as thresholds; @protocol has passed pc_protocol_check().
 */
struct pc_thresholds pc_protocol_thresholds(const struct pc_protocol *protocol);

/*
 * pc_protocol_intersects - every q_per meets every q_vc, and every two q_vc meet, in a vote (Raft) or in a correct
 * one as far as the sizes go (PBFT: the safety threshold is above 0).
 */
bool pc_protocol_intersects(const struct pc_protocol *protocol);

/* pc_protocol_safe, pc_protocol_live - the predicates at one configuration. */
bool pc_protocol_safe(const struct pc_protocol *protocol, uint64_t byz, uint64_t fault);
bool pc_protocol_live(const struct pc_protocol *protocol, uint64_t byz, uint64_t fault);

#endif
