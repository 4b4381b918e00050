/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Traces of queue events, and the estimate of a window of one. A trace is a CSV file with the columns time_ns, queue
 * and delta_bytes (or delta_segments, delta_sends, delta_requests, which names the unit): at that time so many units
 * entered (> 0) or left (< 0) that queue. Queues are unacked, unread, ackdelay and service of the requester (_a) and
 * the responder (_b), empty before the first row. Rows may come in any order, as they do from several CPUs.
 *
 * Integrals are exact: 128-bit integers, no rounding. Not thread-safe on one struct.
 */
#ifndef BATCHING_TRACE_H
#define BATCHING_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include <batching/estimate.h>

struct hb_error;

/* Sums of products of two int64, exact. */
__extension__ typedef __int128 bat_i128; /* no struct: the language has no other name for it */

#define BAT_TRACE_ENDS 2

/* One queue of one end over the window. */
struct bat_trace_queue {
	bat_i128 integral; /* unit-ns within the window */
	bat_i128 departed; /* units; those at its beginning do not count, those at its end do */
	int64_t size_from,
		size_to; /* units at its beginning and end, events of that moment included */
};

struct bat_trace_estimate {
	enum bat_unit unit;
	uint64_t rows;
	bool in_order; /* the rows of every queue ran forward in time */
	struct bat_trace_queue queues[BAT_TRACE_ENDS][BAT_QUEUE_COUNT];
	struct bat_end
		ends[BAT_TRACE_ENDS]; /* waits; tracked are the queues that the trace has rows of */
	struct bat_estimate end_to_end;
};

/*
 * bat_trace_estimate - read the trace from @fd and evaluate the window @from_ns ... @to_ns (from < to).
 * @path: for messages. Takes time linear in the file and constant memory. Blocks on @fd.
 *
 * Returns 0; -EBADMSG (no such CSV, unknown queue, a number that is none, a queue that falls below zero: with the
 * line); -EINVAL (the window); -ERANGE (sums beyond 128 bits); or an error of reading.
 */
int bat_trace_estimate(int fd, const char *path, int64_t from_ns, int64_t to_ns,
	struct bat_trace_estimate *ret, struct hb_error *reterr);

/* bat_i128_format - decimal digits into @buffer of BAT_I128_BYTES. Returns @buffer. */
#define BAT_I128_BYTES 48
char *bat_i128_format(bat_i128 value, char *buffer);

#endif
