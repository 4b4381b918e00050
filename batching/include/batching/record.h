/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The in-band record: all queues of one end in 144 bytes of a stream that the application frames itself. Counters have
 * their full 64 bits, so nothing wraps between two records; a TCP option, which has no room for that, is in option.h.
 * The layout is specified in docs/reference/batching-wire.md.
 *
 * Plain values, thread-safe.
 */
#ifndef BATCHING_RECORD_H
#define BATCHING_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include <batching/estimate.h>
#include <batching/window.h>

struct hb_error;

#define BAT_RECORD_BYTES 144
#define BAT_RECORD_VERSION 2

/* What one end says about its queues at one moment. */
struct bat_record {
	enum bat_unit unit;
	uint8_t tracked;   /* bit q: queue q of enum bat_queue is there; the others are zero */
	uint32_t epoch;    /* changes when counters begin anew */
	uint32_t sequence; /* one more with each record of an epoch, modulo 2^32 */
	int64_t time_ns;   /* of the sender's clock, >= 0; the time_ns of every queue below */
	struct bat_reading queues[BAT_QUEUE_COUNT];
};

/*
 * bat_record_encode - write @record, whose fields are in range (asserted: unit, tracked, times and sizes), to @ret,
 * shape [BAT_RECORD_BYTES]. Times of single queues are not sent. Never fails.
 */
void bat_record_encode(const struct bat_record *record, uint8_t *ret);

/*
 * bat_record_decode - read the @size bytes at @bytes, which an untrusted peer wrote.
 * @ret: untouched on failure.
 *
 * Returns 0, or -EBADMSG with what was wrong in @reterr: another length, magic or version, an unknown unit or queue, a
 * negative time or size, something where zeros belong. What is accepted encodes to the same bytes.
 */
int bat_record_decode(
	const uint8_t *bytes, size_t size, struct bat_record *ret, struct hb_error *reterr);

#endif
