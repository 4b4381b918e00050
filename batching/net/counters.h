/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What both ends of one connection tell each other about their queues, in band, and what follows from it. */
#ifndef BATCHING_COUNTERS_H
#define BATCHING_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include <batching/bnet.h>
#include <batching/estimate.h>
#include <batching/exchange.h>
#include <batching/record.h>

struct bat_tracker;

/* One connection's; zero-initialised is not followed. */
struct counters {
	bool is_followed;
	int place; /* in the tracker */
	uint64_t cookie;
	uint32_t sequence;
	struct bat_record_receiver peer;
	bool has_own;
	struct bat_reading own[BAT_QUEUE_COUNT]; /* when the peer's last record came */
};

/* counters_begin - follow the socket @fd by @tracker; counters_end() forgets it. Returns 0 or -errno. */
int counters_begin(struct counters *counters, struct bat_tracker *tracker, int fd);
void counters_end(struct counters *counters, struct bat_tracker *tracker);
/* counters_encode - this end's record of now, shape [BAT_RECORD_BYTES]; without queues if it is not followed. */
void counters_encode(
	struct counters *counters, const struct bat_tracker *tracker, int64_t now_ns, uint8_t *ret);
/*
 * counters_take - the peer's record came.
 * @ret: the estimate over the window that it ends; @ret_departed: bytes of this end that were acknowledged in it.
 * Returns 1 if there is a window, 0 if not (the first, stale, implausible, ... record), or -EBADMSG (it is none).
 */
int counters_take(struct counters *counters, const struct bat_tracker *tracker, int64_t now_ns,
	const uint8_t *bytes, uint32_t size, bool is_requester, struct bat_estimate *ret,
	uint64_t *ret_departed);

/* counters_add - an estimate and the bytes that it is about. counters_tell - the policy, of a window so long. */
void counters_add(
	struct bat_exchange_result *result, const struct bat_estimate *estimate, uint64_t departed);
void counters_tell(struct bat_policy *policy, const struct bat_estimate *estimate,
	uint64_t departed, int64_t duration_ns);

#endif
