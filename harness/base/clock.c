/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Clocks and the calibration of the TSC. See hotbed/clock.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#define HAVE_TSC 1
#else
#define HAVE_TSC 0
#endif

#include <hotbed/assert.h>
#include <hotbed/clock.h>
#include <hotbed/error.h>

#define NS_PER_S 1000000000LL
#define CALIBRATION_NS_MIN 1000000LL
#define CALIBRATION_NS_MAX 1000000000LL
#define SEGMENTS 8
#define BRACKET_TRIES 32
/* A TSC whose slope wanders by 1 % within one calibration is not invariant, whatever the CPU flags say. */
#define SPREAD_PPM_MAX 10000.0

static int64_t clock_read_ns(clockid_t id)
{
	struct timespec now;
	int rc = clock_gettime(id, &now);

	hb_assert(rc == 0);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t hb_clock_now_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC_RAW);
}

int64_t hb_clock_wall_ns(void)
{
	return clock_read_ns(CLOCK_REALTIME);
}

int64_t hb_clock_cpu_ns(void)
{
	return clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void cpu_relax(void)
{
#if HAVE_TSC
	_mm_pause();
#endif
}

int64_t hb_clock_sleep_until(int64_t deadline_ns, int64_t spin_ns)
{
	for (;;) {
		int64_t now_ns = hb_clock_now_ns();
		int64_t left_ns = deadline_ns - now_ns;
		struct timespec pause;

		if (now_ns >= deadline_ns)
			return now_ns;
		if (left_ns <= spin_ns) {
			cpu_relax();
			continue;
		}
		left_ns -= spin_ns > 0 ? spin_ns : 0;
		/*
		 * clock_nanosleep() cannot sleep on CLOCK_MONOTONIC_RAW. CLOCK_MONOTONIC may run 0.05 % slower, so
		 * long sleeps stop short by more than that and go round again.
		 */
		if (left_ns > 1000000)
			left_ns -= left_ns >> 10;
		pause.tv_sec = (time_t)(left_ns / NS_PER_S);
		pause.tv_nsec = (long)(left_ns % NS_PER_S);
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
}

#if HAVE_TSC

/* Is @word one of the blank-separated words of @line? */
static bool has_word(const char *line, const char *word)
{
	size_t length = strlen(word);
	const char *at = line;

	while ((at = strstr(at, word))) {
		bool starts = at == line || at[-1] == ' ' || at[-1] == '\t' || at[-1] == ':';
		bool ends = at[length] == '\0' || at[length] == ' ' || at[length] == '\n';

		if (starts && ends)
			return true;
		at += length;
	}
	return false;
}

/* The kernel's word that the TSC ticks at one rate in all power states and can be read by RDTSCP. */
static bool tsc_is_invariant(void)
{
	FILE *cpuinfo = fopen("/proc/cpuinfo", "re");
	char *line = NULL;
	size_t capacity = 0;
	bool invariant = false;

	if (!cpuinfo)
		return false;
	while (getline(&line, &capacity, cpuinfo) >= 0) {
		if (strncmp(line, "flags", 5) != 0)
			continue;
		invariant = has_word(line, "constant_tsc") && has_word(line, "nonstop_tsc") &&
			    has_word(line, "rdtscp");
		break;
	}
	free(line);
	(void)fclose(cpuinfo);
	return invariant;
}

static uint64_t tsc_read(void)
{
	unsigned int cpu;

	return __rdtscp(&cpu);
}

struct pair {
	uint64_t ticks;
	int64_t ns;
};

/* The TSC between two readings of the clock; the closest of several brackets, so that interruptions drop out. */
static struct pair pair_read(void)
{
	struct pair best = {0};
	int64_t best_width_ns = INT64_MAX;

	for (int i = 0; i < BRACKET_TRIES; i++) {
		int64_t before_ns = hb_clock_now_ns();
		uint64_t ticks = tsc_read();
		int64_t after_ns = hb_clock_now_ns();

		if (after_ns - before_ns >= best_width_ns)
			continue;
		best_width_ns = after_ns - before_ns;
		best.ticks = ticks;
		best.ns = before_ns + best_width_ns / 2;
	}
	return best;
}

static double slope(struct pair from, struct pair to)
{
	if (to.ns <= from.ns || to.ticks <= from.ticks)
		return 0;
	return (double)(to.ticks - from.ticks) / (double)(to.ns - from.ns);
}

/* Fill @ret from the TSC; false if its slope is not steady. */
static bool calibrate_tsc(struct hb_clock *ret, int64_t duration_ns)
{
	struct pair first = pair_read();
	struct pair previous = first;
	double lowest = INFINITY;
	double highest = 0;
	double spread_ppm;

	for (int i = 1; i <= SEGMENTS; i++) {
		struct pair now;
		double rate;

		(void)hb_clock_sleep_until(first.ns + duration_ns / SEGMENTS * i, 0);
		now = pair_read();
		rate = slope(previous, now);
		lowest = fmin(lowest, rate);
		highest = fmax(highest, rate);
		previous = now;
	}
	if (lowest <= 0)
		return false;
	spread_ppm = (highest - lowest) / slope(first, previous) * 1e6;
	if (spread_ppm > SPREAD_PPM_MAX)
		return false;
	ret->is_tsc = true;
	ret->ticks_per_ns = slope(first, previous);
	ret->base_ticks = previous.ticks;
	ret->base_ns = previous.ns;
	ret->error_ppm = spread_ppm;
	return true;
}

#endif

int hb_clock_calibrate(struct hb_clock *ret, int64_t duration_ns, struct hb_error *reterr)
{
	if (duration_ns < CALIBRATION_NS_MIN || duration_ns > CALIBRATION_NS_MAX)
		return hb_error_set(reterr, -EINVAL,
			"a calibration of %" PRId64 " ns is out of range; give %lld to %lld ns",
			duration_ns, CALIBRATION_NS_MIN, CALIBRATION_NS_MAX);
#if HAVE_TSC
	if (tsc_is_invariant() && calibrate_tsc(ret, duration_ns))
		return 0;
#endif
	ret->is_tsc = false;
	ret->ticks_per_ns = 1;
	ret->base_ns = hb_clock_now_ns();
	ret->base_ticks = (uint64_t)ret->base_ns;
	ret->error_ppm = 0;
	return 0;
}

uint64_t hb_clock_ticks(const struct hb_clock *clock)
{
#if HAVE_TSC
	if (__builtin_expect(clock->is_tsc, 1))
		return tsc_read();
#else
	(void)clock;
#endif
	return (uint64_t)hb_clock_now_ns();
}

int64_t hb_clock_ticks_to_ns(const struct hb_clock *clock, uint64_t ticks)
{
	double ns;

	if (!clock->is_tsc)
		return ticks > INT64_MAX ? INT64_MAX : (int64_t)ticks;
	ns = (double)ticks / clock->ticks_per_ns;
	return ns >= 0x1.0p63 ? INT64_MAX : (int64_t)llround(ns);
}

char *hb_clock_format_utc(int64_t wall_ns, char *buffer)
{
	int64_t seconds = wall_ns / NS_PER_S;
	int64_t rest_ns = wall_ns % NS_PER_S;
	struct tm utc;
	time_t when;

	if (rest_ns < 0) {
		rest_ns += NS_PER_S;
		seconds--;
	}
	when = (time_t)seconds;
	hb_assert(gmtime_r(&when, &utc) == &utc);
	(void)snprintf(buffer, HB_CLOCK_UTC_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ",
		(utc.tm_year + 1900) % 10000, (utc.tm_mon + 1) % 100, utc.tm_mday % 100,
		utc.tm_hour % 100, utc.tm_min % 100, utc.tm_sec % 100, (int)rest_ns);
	return buffer;
}
