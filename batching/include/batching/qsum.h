/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Occupancy of one queue over time in the order-free form: with A the sum of delta x t over all events,
 *
 *     integral(t) = size x t - A,
 *
 * so events may be added in any order, on any CPU, and sums kept apart may be added up. Send and receive hooks of a
 * kernel need that: they run outside the socket's lock. A reading that races with an event which has happened but is
 * not yet added is off by delta x delay of that one event, and right again in the next.
 *
 * Thread-safe: bat_qsum_add() from one owner per sum, bat_qsum_add_shared() from any number of threads, readings from
 * anywhere. Do not mix owners and sharers on one sum. Everything is modulo 2^64, as in window.h.
 */
#ifndef BATCHING_QSUM_H
#define BATCHING_QSUM_H

#include <stdatomic.h>
#include <stdint.h>

#include <batching/window.h>

/* Zero-initialised means empty. Embedded by value; 40 bytes. */
struct bat_qsum {
	_Atomic uint64_t begun; /* additions begun ... */
	_Atomic uint64_t size;
	_Atomic uint64_t moment; /* A, unit-ns */
	_Atomic uint64_t departed;
	_Atomic uint64_t ended; /* ... and ended: equal while nobody is adding */
};

/*
 * bat_qsum_add - @delta units enter (> 0) or leave (< 0) at @time_ns; the caller is the only one who adds to @sum.
 * Plain loads and stores. Never fails, blocks or allocates.
 */
static inline void bat_qsum_add(struct bat_qsum *sum, int64_t time_ns, int64_t delta)
{
	uint64_t begun = atomic_load_explicit(&sum->begun, memory_order_relaxed) + 1;
	uint64_t units = (uint64_t)delta;

	atomic_store_explicit(&sum->begun, begun, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&sum->size,
		atomic_load_explicit(&sum->size, memory_order_relaxed) + units,
		memory_order_relaxed);
	atomic_store_explicit(&sum->moment,
		atomic_load_explicit(&sum->moment, memory_order_relaxed) +
			units * (uint64_t)time_ns,
		memory_order_relaxed);
	if (delta < 0)
		atomic_store_explicit(&sum->departed,
			atomic_load_explicit(&sum->departed, memory_order_relaxed) - units,
			memory_order_relaxed);
	atomic_store_explicit(&sum->ended, begun, memory_order_release);
}

/* bat_qsum_add_shared - the same where several threads add to one sum: atomic additions only. */
void bat_qsum_add_shared(struct bat_qsum *sum, int64_t time_ns, int64_t delta);

/*
 * bat_qsum_read - the counters at @now_ns, as if no addition were under way.
 * Tries again while additions end, at most 1000 times.
 *
 * Returns 0, or -EAGAIN (additions never paused) with @ret untouched. A size that reads below zero means that an
 * arrival has not been added yet.
 */
int bat_qsum_read(const struct bat_qsum *sum, int64_t now_ns, struct bat_reading *ret);

/*
 * What has passed one point, in any order: @units, and @moment, the sum of units x time over all passages, both modulo
 * 2^64. A queue lies between the point where units enter it and the one where they leave it, and one point may end one
 * queue and begin another.
 */
struct bat_passed {
	uint64_t units;
	uint64_t moment;
};

/* bat_passed_between - the queue from @in to @out at @now_ns. */
struct bat_reading bat_passed_between(
	const struct bat_passed *in, const struct bat_passed *out, int64_t now_ns);

/* bat_reading_merge - add @other, a reading of a part of the same queue at the same time (asserted), to @reading. */
void bat_reading_merge(struct bat_reading *reading, const struct bat_reading *other);

#endif
