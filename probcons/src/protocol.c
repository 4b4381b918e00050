/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Predicates of Raft and PBFT. See probcons/protocol.h.
 */
#include <errno.h>

#include <hotbed/error.h>

#include <probcons/protocol.h>

struct pc_protocol pc_raft_majority(uint64_t votes)
{
	return (struct pc_protocol){
		.kind = PC_RAFT, .votes = votes, .q_per = votes / 2 + 1, .q_vc = votes / 2 + 1};
}

struct pc_protocol pc_pbft_classic(uint64_t votes)
{
	uint64_t faults = (votes - 1) / 3;
	uint64_t quorum = (votes + faults + 2) / 2;

	return (struct pc_protocol){.kind = PC_PBFT,
		.votes = votes,
		.q_per = quorum,
		.q_vc = quorum,
		.q_eq = quorum,
		.q_vc_t = faults + 1};
}

static int size_check(const struct pc_protocol *protocol, const char *name, uint64_t size,
	struct hb_error *reterr)
{
	if (size == 0)
		return hb_error_set(
			reterr, -EINVAL, "%s is 0; a quorum has at least one vote", name);
	if (size > protocol->votes)
		return hb_error_set(reterr, -EINVAL,
			"%s: a quorum of %llu of %llu votes can never be reached", name,
			(unsigned long long)size, (unsigned long long)protocol->votes);
	return 0;
}

int pc_protocol_check(const struct pc_protocol *protocol, struct hb_error *reterr)
{
	int rc;

	if (protocol->votes == 0 || protocol->votes >> 53)
		return hb_error_set(reterr, -EINVAL, "%llu votes; a protocol has 1 to 2^53 of them",
			(unsigned long long)protocol->votes);
	rc = size_check(protocol, "persistence quorum (q-per)", protocol->q_per, reterr);
	if (!rc)
		rc = size_check(protocol, "view-change quorum (q-vc)", protocol->q_vc, reterr);
	if (!rc && protocol->kind == PC_PBFT)
		rc = size_check(protocol, "non-equivocation quorum (q-eq)", protocol->q_eq, reterr);
	if (!rc && protocol->kind == PC_PBFT)
		rc = size_check(protocol, "view-change trigger (q-vc-t)", protocol->q_vc_t, reterr);
	return rc;
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* max(a - b, 0) */
static uint64_t above(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

struct pc_thresholds pc_protocol_thresholds(const struct pc_protocol *protocol)
{
	uint64_t n = protocol->votes;
	uint64_t largest = max(protocol->q_per, protocol->q_vc);

	if (protocol->kind == PC_RAFT) {
		bool intersects = protocol->q_per + protocol->q_vc > n && 2 * protocol->q_vc > n;

		return (struct pc_thresholds){.byz_unsafe = intersects,
			.byz_unlive = UINT64_MAX,
			.fault_unlive = n - largest + 1};
	}
	largest = max(largest, protocol->q_eq);
	return (struct pc_thresholds){/* safe: byz < 2 q_eq - n and byz < q_per + q_vc - n */
		.byz_unsafe = min(
			above(2 * protocol->q_eq, n), above(protocol->q_per + protocol->q_vc, n)),
		/*
		 * live: byz < q_vc_t and byz <= q_vc - q_vc_t; the paper prints the difference the other way round
		 */
		.byz_unlive = min(protocol->q_vc_t,
			protocol->printed_sign ? above(protocol->q_vc_t + 1, protocol->q_vc)
					       : above(protocol->q_vc + 1, protocol->q_vc_t)),
		.fault_unlive = n - largest + 1};
}

bool pc_protocol_intersects(const struct pc_protocol *protocol)
{
	return pc_protocol_thresholds(protocol).byz_unsafe > 0;
}

bool pc_protocol_safe(const struct pc_protocol *protocol, uint64_t byz, uint64_t fault)
{
	(void)fault;
	return byz < pc_protocol_thresholds(protocol).byz_unsafe;
}

bool pc_protocol_live(const struct pc_protocol *protocol, uint64_t byz, uint64_t fault)
{
	struct pc_thresholds thresholds = pc_protocol_thresholds(protocol);

	return byz < thresholds.byz_unlive && fault < thresholds.fault_unlive;
}
