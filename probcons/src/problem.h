/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the exact analysis and the estimators share: whether nodes, protocol and correlation fit together, and the
 * event as bounds on votes.
 */
#ifndef PC_PROBLEM_H
#define PC_PROBLEM_H

#include <stdbool.h>
#include <stdint.h>

#include <probcons/rare_event.h>

struct hb_error;

/* 0, -EINVAL or -E2BIG; sizes that only exact programmes cannot take are fine. */
int problem_check(const struct pc_node *nodes, uint32_t count, const struct pc_protocol *protocol,
	const struct pc_correlation *correlation, struct hb_error *reterr);

/*
 * The event: at least @byz Byzantine votes, or at least @fault failed ones. UINT64_MAX: not in this way.
 */
struct event_bounds {
	uint64_t byz, fault;
};

struct event_bounds problem_bounds(const struct pc_protocol *protocol, enum pc_event event);

/*
 * Whether the event can happen at all, as far as the votes go of nodes that may fail. Bounds that cannot be reached
 * become UINT64_MAX.
 */
bool problem_possible(const struct pc_rare_problem *problem, struct event_bounds *bounds);

#endif
