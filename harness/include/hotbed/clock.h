/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Time for measurements: CLOCK_MONOTONIC_RAW, and the TSC calibrated against it for intervals too short for a
 * system call. On machines without an invariant TSC the cycle clock falls back to CLOCK_MONOTONIC_RAW.
 *
 * Thread-safe once hb_clock_calibrate() has returned. Source: clock_gettime(2); Intel SDM vol. 3, 18.17.
 */
#ifndef HOTBED_CLOCK_H
#define HOTBED_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct hb_error;

/* Conversion between ticks of hb_clock_ticks() and nanoseconds. Read-only after calibration. */
struct hb_clock {
	bool is_tsc;         /* false: ticks are nanoseconds of CLOCK_MONOTONIC_RAW */
	double ticks_per_ns; /* > 0 */
	uint64_t base_ticks; /* ticks at @base_ns */
	int64_t base_ns;     /* CLOCK_MONOTONIC_RAW at calibration */
	double error_ppm;    /* spread of the calibration's slopes, parts per million */
};

/* hb_clock_now_ns - CLOCK_MONOTONIC_RAW in ns. Never fails, never blocks; about 25-50 ns. */
int64_t hb_clock_now_ns(void);

/* hb_clock_wall_ns - CLOCK_REALTIME in ns since 1970-01-01 UTC. */
int64_t hb_clock_wall_ns(void);

/* hb_clock_cpu_ns - CPU time of the calling process in ns (CLOCK_PROCESS_CPUTIME_ID). */
int64_t hb_clock_cpu_ns(void);

/*
 * hb_clock_calibrate - measure the TSC's frequency against CLOCK_MONOTONIC_RAW.
 * @ret: filled on success. @duration_ns: time to spend, 1,000,000 ... 1,000,000,000.
 *
 * Returns 0, or -EINVAL for a duration out of range. Blocks for @duration_ns.
 */
int hb_clock_calibrate(struct hb_clock *ret, int64_t duration_ns, struct hb_error *reterr);

/* hb_clock_ticks - the cycle counter now, ordered after earlier loads (RDTSCP), or ns where there is no TSC. */
uint64_t hb_clock_ticks(const struct hb_clock *clock);

/* hb_clock_ticks_to_ns - length of a tick interval in ns, rounded to nearest. */
int64_t hb_clock_ticks_to_ns(const struct hb_clock *clock, uint64_t ticks);

/*
 * hb_clock_sleep_until - sleep, then spin over the last @spin_ns, until hb_clock_now_ns() >= @deadline_ns.
 * @spin_ns: 0 = only sleep. Returns the time it woke at, in ns.
 */
int64_t hb_clock_sleep_until(int64_t deadline_ns, int64_t spin_ns);

/*
 * hb_clock_format_utc - RFC 3339 with nanoseconds and Z, e.g. "2026-01-31T23:59:59.000000001Z".
 * @buffer: at least HB_CLOCK_UTC_BYTES bytes. Returns @buffer.
 */
#define HB_CLOCK_UTC_BYTES 40
char *hb_clock_format_utc(int64_t wall_ns, char *buffer);

#endif
