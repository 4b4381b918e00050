/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The gate of a change under review: the run of `hotbed run --against OLD_BUILD --gate`, judged. It fails on trials
 * that crashed or failed verification, on exact metrics that are worse, and on measured ones only if they are worse and
 * their interval is clear of the A/A interval. Everything else is told and passes. Thread-safe on different texts.
 */
#ifndef HOTBED_RUNNER_GATE_H
#define HOTBED_RUNNER_GATE_H

#include <stdbool.h>
#include <stddef.h>

#include "summary.h"
#include "text.h"

struct hb_gate {
	size_t exact_worse, clear_worse; /* comparisons that fail it */
	size_t other_worse;              /* worse, but not clear of the A/A interval: told */
	size_t better, same, undecided, total;
	uint64_t failed; /* trials */
};

/* hb_gate_judge - count. Returns 0 or -ENOMEM. */
int hb_gate_judge(const struct hb_summary *summary, struct hb_gate *ret);

/* hb_gate_passes - is there nothing that fails it? */
bool hb_gate_passes(const struct hb_gate *gate);

/*
 * hb_gate_put_markdown - what a comment on a change would say: the verdict, the comparisons that fail it, then the
 * other changes; at most 50 rows each. Returns 0 or -ENOMEM.
 */
int hb_gate_put_markdown(
	const struct hb_summary *summary, const struct hb_gate *gate, struct hb_text *text);

#endif
