/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>

Test(clock, raw_time_never_runs_back)
{
	int64_t previous_ns = hb_clock_now_ns();

	for (int i = 0; i < 100000; i++) {
		int64_t now_ns = hb_clock_now_ns();

		cr_assert(now_ns >= previous_ns);
		previous_ns = now_ns;
	}
}

Test(clock, each_clock_is_the_one_it_says)
{
	struct timespec before, after;
	int64_t ns;

	(void)clock_gettime(CLOCK_MONOTONIC_RAW, &before);
	ns = hb_clock_now_ns();
	(void)clock_gettime(CLOCK_MONOTONIC_RAW, &after);
	cr_assert(ns >= before.tv_sec * 1000000000LL + before.tv_nsec);
	cr_assert(ns <= after.tv_sec * 1000000000LL + after.tv_nsec);
	(void)clock_gettime(CLOCK_REALTIME, &before);
	ns = hb_clock_wall_ns();
	(void)clock_gettime(CLOCK_REALTIME, &after);
	cr_assert(ns >= before.tv_sec * 1000000000LL + before.tv_nsec);
	cr_assert(ns <= after.tv_sec * 1000000000LL + after.tv_nsec);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	ns = hb_clock_cpu_ns();
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	cr_assert(ns >= before.tv_sec * 1000000000LL + before.tv_nsec);
	cr_assert(ns <= after.tv_sec * 1000000000LL + after.tv_nsec);
}

Test(clock, calibration_refuses_durations_out_of_range)
{
	struct hb_clock clock;
	struct hb_error error = {0};

	memset(&clock, 0x77, sizeof(clock));
	cr_assert_eq(hb_clock_calibrate(&clock, 999999, &error), -EINVAL);
	cr_assert_eq(error.code, -EINVAL);
	cr_assert_eq(hb_clock_calibrate(&clock, 1000000001, NULL), -EINVAL);
	for (size_t i = 0; i < sizeof(clock); i++)
		cr_assert_eq(((unsigned char *)&clock)[i], 0x77);
}

Test(clock, ticks_agree_with_raw_time)
{
	struct hb_clock clock;
	int64_t outer_ns, inner_ns, ticks_ns;
	int64_t t0, t1, t2, t3;
	uint64_t from, to;

	cr_assert_eq(hb_clock_calibrate(&clock, 50000000, NULL), 0);
	cr_assert(clock.ticks_per_ns > 0);
	cr_assert(clock.error_ppm >= 0 && clock.error_ppm <= 10000);
	t0 = hb_clock_now_ns();
	from = hb_clock_ticks(&clock);
	t1 = hb_clock_now_ns();
	(void)hb_clock_sleep_until(t1 + 20000000, 0);
	t2 = hb_clock_now_ns();
	to = hb_clock_ticks(&clock);
	t3 = hb_clock_now_ns();
	inner_ns = t2 - t1;
	outer_ns = t3 - t0;
	ticks_ns = hb_clock_ticks_to_ns(&clock, to - from);
	/* The calibration itself admits 1 % of wandering slope; the readings bracket each other exactly. */
	cr_assert(
		ticks_ns >= inner_ns - inner_ns / 50, "%ld < %ld", (long)ticks_ns, (long)inner_ns);
	cr_assert(
		ticks_ns <= outer_ns + outer_ns / 50, "%ld > %ld", (long)ticks_ns, (long)outer_ns);
}

Test(clock, ticks_convert_by_rounding_to_nearest)
{
	struct hb_clock tsc = {.is_tsc = true, .ticks_per_ns = 2.5};
	struct hb_clock raw = {.is_tsc = false, .ticks_per_ns = 1};

	cr_assert_eq(hb_clock_ticks_to_ns(&tsc, 0), 0);
	cr_assert_eq(hb_clock_ticks_to_ns(&tsc, 1), 0);
	cr_assert_eq(hb_clock_ticks_to_ns(&tsc, 2), 1);
	cr_assert_eq(hb_clock_ticks_to_ns(&tsc, 2500000000), 1000000000);
	tsc.ticks_per_ns = 0.5;
	cr_assert_eq(hb_clock_ticks_to_ns(&tsc, UINT64_MAX), INT64_MAX);
	cr_assert_eq(hb_clock_ticks_to_ns(&raw, 123456789), 123456789);
	cr_assert_eq(hb_clock_ticks_to_ns(&raw, UINT64_MAX), INT64_MAX);
}

Test(clock, without_a_tsc_ticks_are_raw_time)
{
	struct hb_clock raw = {.is_tsc = false, .ticks_per_ns = 1};
	int64_t before_ns = hb_clock_now_ns();
	uint64_t ticks = hb_clock_ticks(&raw);

	cr_assert(ticks >= (uint64_t)before_ns);
	cr_assert(ticks <= (uint64_t)hb_clock_now_ns());
}

Test(clock, sleeping_never_ends_before_the_deadline)
{
	static const int64_t spins_ns[] = {0, 100000, 10000000};

	for (size_t i = 0; i < sizeof(spins_ns) / sizeof(spins_ns[0]); i++) {
		int64_t deadline_ns = hb_clock_now_ns() + 3000000;
		int64_t woke_ns = hb_clock_sleep_until(deadline_ns, spins_ns[i]);

		cr_assert(woke_ns >= deadline_ns);
		cr_assert(woke_ns <= hb_clock_now_ns());
	}
}

Test(clock, a_deadline_in_the_past_returns_at_once)
{
	int64_t before_ns = hb_clock_now_ns();

	cr_assert(hb_clock_sleep_until(before_ns - 1, 0) >= before_ns);
	cr_assert(hb_clock_sleep_until(INT64_MIN / 2, 1000) >= before_ns);
}

Test(clock, utc_is_rfc_3339_with_nanoseconds)
{
	char text[HB_CLOCK_UTC_BYTES];

	cr_assert_str_eq(hb_clock_format_utc(0, text), "1970-01-01T00:00:00.000000000Z");
	cr_assert_str_eq(hb_clock_format_utc(-1, text), "1969-12-31T23:59:59.999999999Z");
	/* 2024-02-29 is day 19782 of the epoch. */
	cr_assert_str_eq(hb_clock_format_utc(19782LL * 86400 * 1000000000 + 86399000000001LL, text),
		"2024-02-29T23:59:59.000000001Z");
	cr_assert_str_eq(hb_clock_format_utc(INT64_MAX, text), "2262-04-11T23:47:16.854775807Z");
	cr_assert_str_eq(hb_clock_format_utc(INT64_MIN, text), "1677-09-21T00:12:43.145224192Z");
}

Test(clock, utc_does_not_follow_the_time_zone)
{
	char text[HB_CLOCK_UTC_BYTES];

	cr_assert_eq(setenv("TZ", "XYZ-5:30", 1), 0);
	tzset();
	cr_assert_str_eq(hb_clock_format_utc(0, text), "1970-01-01T00:00:00.000000000Z");
}
