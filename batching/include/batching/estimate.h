/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The end-to-end estimate: mean time from a request's write to the read of its answer, from counters of both ends.
 * A is the requester, B the responder. The waits of a request on its way are
 *
 *     L = W(unacked, A) - W(ackdelay, B) + W(unread, B) [+ W(service, B) + W(unsent, B)] + W(unread, A):
 *
 * until the acknowledgement (its trip stands in for the answer's), less what B held the acknowledgement back, until B
 * read, until B answered, until B's TCP sent the answer (Nagle's algorithm may hold it), until A read. Seen from the
 * answer, whose acknowledgement's trip stands in for the request's, it is
 *
 *     L = W(unsent, A) + W(unread, B) [+ W(service, B)] + W(unacked, B) - W(ackdelay, A) + W(unread, A).
 *
 * Each misses what is longer in the trip that it does not see: the first, of a large answer; the second, of a large
 * request. So the larger of both is closer. The second needs no unsent queue of B's. An application that counts its own
 * requests replaces them all by one queue.
 *
 * Thread-safe: plain values. Source: Borisov, Amit and Tsafrir, HotOS 2025; the service and unsent queues are our
 * additions.
 */
#ifndef BATCHING_ESTIMATE_H
#define BATCHING_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include <batching/window.h>

/* What is counted. All queues of one estimate carry the same unit. */
enum bat_unit {
	BAT_UNIT_BYTES,
	BAT_UNIT_SEGMENTS,
	BAT_UNIT_SENDS,
	BAT_UNIT_REQUESTS,
	BAT_UNIT_COUNT,
};

/* The queues of one end of a connection. */
enum bat_queue {
	BAT_UNACKED,  /* written, not yet acknowledged */
	BAT_UNREAD,   /* received, not yet read */
	BAT_ACKDELAY, /* received, acknowledgement not yet sent */
	BAT_SERVICE,  /* read, not yet answered */
	BAT_UNSENT,   /* written, not yet sent for the first time; a part of unacked */
	BAT_QUEUE_COUNT,
};

/* bat_unit_name - "bytes" ...; bat_queue_name - "unacked" ... Static. */
const char *bat_unit_name(enum bat_unit unit);
const char *bat_queue_name(enum bat_queue queue);

/* Mean wait in one queue. Zero-initialised means that nobody tracked the queue. */
struct bat_wait {
	bool tracked;
	bool defined; /* something departed in the window */
	double ns;    /* valid if defined */
};

/* bat_wait_of - that of a tracked queue over @window. */
struct bat_wait bat_wait_of(const struct bat_window *window);

/* One end's waits; the windows of both ends should cover about the same time. */
struct bat_end {
	struct bat_wait queues[BAT_QUEUE_COUNT];
};

/* One wait of the sum. */
struct bat_term {
	enum bat_queue queue;
	bool at_responder;
	bool subtracted;
	struct bat_wait wait; /* not defined: neither is the whole estimate */
};

#define BAT_TERMS_MAX 6

struct bat_estimate {
	bool defined; /* every term is */
	double end_to_end_ns; /* valid if defined; may come out negative where the windows do not fit together */
	uint32_t term_count;
	struct bat_term terms[BAT_TERMS_MAX];
};

/*
 * bat_estimate_combine - the first sum above. Unacked and unread of @requester, ackdelay and unread of @responder are
 * needed; service and unsent of @responder are taken where they are tracked. An untracked queue that is needed leaves
 * the estimate undefined, as does one without departures.
 */
void bat_estimate_combine(
	const struct bat_end *requester, const struct bat_end *responder, struct bat_estimate *ret);

/*
 * bat_estimate_by_answers - the second sum. Unread of both, ackdelay of @requester and unacked of @responder are
 * needed; service of @responder and unsent of @requester are taken where they are tracked.
 */
void bat_estimate_by_answers(
	const struct bat_end *requester, const struct bat_end *responder, struct bat_estimate *ret);

/* bat_estimate_larger - the larger of the two; if only one is defined, that one. */
void bat_estimate_larger(
	const struct bat_end *requester, const struct bat_end *responder, struct bat_estimate *ret);

#endif
