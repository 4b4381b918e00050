/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Readings of a queue's counters, and what lies between two of them: occupancy, departure rate and mean wait by
 * Little's law (the paper's GETAVGS). Counters are 64-bit and wrap; differences are exact as long as a window holds
 * less than 2^64 unit-ns, five hours at 1 MiB.
 *
 * Plain values, thread-safe.
 */
#ifndef BATCHING_WINDOW_H
#define BATCHING_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/* A queue's counters at one moment of its owner's clock. */
struct bat_reading {
	int64_t time_ns;
	int64_t size;      /* units in the queue */
	uint64_t departed; /* units that have left, modulo 2^64 */
	uint64_t integral; /* unit-ns, modulo 2^64 */
};

/* What happened between two readings of one queue. */
struct bat_window {
	int64_t duration_ns; /* >= 0 */
	uint64_t
		departed; /* units that left in it; those at its beginning do not count, those at its end do */
	uint64_t integral; /* unit-ns */
	int64_t growth;    /* units more at the end than at the beginning */
};

/*
 * bat_window_between - from @earlier to @later, readings of one queue in that order.
 * @ret: untouched on failure. Returns 0, or -EINVAL (time runs back).
 */
int bat_window_between(
	const struct bat_reading *earlier, const struct bat_reading *later, struct bat_window *ret);

/* bat_window_mean_size - units in the queue on average, Q = integral / duration; NaN if the window has no length. */
double bat_window_mean_size(const struct bat_window *window);

/* bat_window_rate_per_s - departures per second, lambda; NaN if the window has no length. */
double bat_window_rate_per_s(const struct bat_window *window);

/*
 * bat_window_wait_ns - mean time a unit spent in the queue, W = Q / lambda = integral / departed.
 * A window without departures says nothing about waiting: then the result is false, and @ret is untouched. It is the
 * mean sojourn time exactly if the queue is empty at both ends of the window.
 */
bool bat_window_wait_ns(const struct bat_window *window, double *ret);

#endif
