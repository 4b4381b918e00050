/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Occupancy of one queue over time, the input of the end-to-end estimate: the strict form, for events in order.
 * Events that arrive on several CPUs out of order go through qsum.h.
 *
 * Not thread-safe: one owner per queue. Sources: Borisov, Amit and Tsafrir, HotOS 2025 (TRACK, GETAVGS); Little,
 * "A proof for the queuing formula L = lambda W", Oper. Res. 9(3), 1961.
 */
#ifndef BATCHING_QSTATE_H
#define BATCHING_QSTATE_H

#include <stdint.h>

#include <batching/window.h>

struct hb_error;

/* Embedded by value in a connection. Callers read the fields and never write them. */
struct bat_qstate {
	int64_t time_ns;   /* last event, on the caller's clock */
	int64_t size;      /* units in the queue now, >= 0 */
	uint64_t departed; /* units that have left so far, modulo 2^64 */
	uint64_t integral; /* sum of size x time, unit-ns, modulo 2^64 */
};

/* bat_qstate_init - an empty queue at @now_ns >= 0. */
void bat_qstate_init(struct bat_qstate *q, int64_t now_ns);

/*
 * bat_qstate_track - account for units that enter or leave (the paper's TRACK).
 * @q: an initialised queue.
 * @now_ns: time of the event in ns, not before the previous one.
 * @delta: units, > 0 enters, < 0 leaves; the size must stay in 0 ... INT64_MAX.
 * @reterr: what was wrong, in words; may be NULL.
 *
 * Returns 0, or -EINVAL (time ran back, size below zero) with @q untouched. Never blocks or allocates.
 */
int bat_qstate_track(struct bat_qstate *q, int64_t now_ns, int64_t delta, struct hb_error *reterr);

/*
 * bat_qstate_read - the state at @now_ns, not before the last event (asserted): what bat_window_between() compares.
 */
struct bat_reading bat_qstate_read(const struct bat_qstate *q, int64_t now_ns);

#endif
