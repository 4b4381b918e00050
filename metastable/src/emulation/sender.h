/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One sender of the model, an outside client or a call, with its protections, random times and books: what is the same
 * in the clients' event loop and in a worker that calls. Times are of the model. Not thread-safe: one owner, or a lock.
 */
#ifndef METASTABLE_EMULATION_SENDER_H
#define METASTABLE_EMULATION_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include <hotbed/rng.h>

#include <metastable/simulation.h>

#include "simulation/protection.h"

struct ms_sender {
	const struct ms_client *client; /* borrowed */
	struct hb_rng timeouts, backoffs;
	struct ms_bucket bucket;
	struct ms_budget budget;
	struct ms_breaker breaker;
	struct ms_window_memory windows[3]; /* requests, retries, ends */
	struct ms_client_counts counts;
	bool full; /* a window had no room: what the protections say is no longer right */
};

/* What one request of a sender remembers. */
struct ms_request_state {
	int64_t begin_ns;
	uint32_t number; /* of the attempt at hand, from 0 */
	uint32_t probe;  /* of the breaker */
};

/*
 * ms_sender_init - sender @index of the model whose random numbers come from @mixed (seed and replication).
 * Returns 0 or -ENOMEM; ms_sender_finish() frees in either case.
 */
int ms_sender_init(
	struct ms_sender *sender, const struct ms_client *client, uint32_t index, uint64_t mixed);

void ms_sender_finish(struct ms_sender *sender);

/* ms_sender_begin - a request begins at @now_ns. */
void ms_sender_begin(struct ms_sender *sender, struct ms_request_state *request, int64_t now_ns);

/* ms_sender_attempt - may the attempt at hand be sent? Counts it, or its refusal. */
bool ms_sender_attempt(struct ms_sender *sender, struct ms_request_state *request, int64_t now_ns);

/* ms_sender_deadline_ns - draw the end of an attempt's timeout; INT64_MAX without one. */
int64_t ms_sender_deadline_ns(struct ms_sender *sender, int64_t now_ns);

/* ms_sender_answered - the attempt at hand has succeeded. */
void ms_sender_answered(
	struct ms_sender *sender, const struct ms_request_state *request, int64_t now_ns);

/*
 * ms_sender_failed - the attempt at hand has failed; @again: the kind of its failure is retried.
 * @ret_pause_ns: before the next attempt, whose number the request then has.
 * Returns false if there is none.
 */
bool ms_sender_failed(struct ms_sender *sender, struct ms_request_state *request, bool again,
	int64_t now_ns, int64_t *ret_pause_ns);

/* ms_sender_end - a request ends. Returns its latency, ns. */
int64_t ms_sender_end(struct ms_sender *sender, const struct ms_request_state *request,
	bool success, int64_t now_ns);

#endif
