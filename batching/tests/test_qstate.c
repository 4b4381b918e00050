/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include <batching/qstate.h>

static uint64_t test_seed(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 20250514;

	(void)printf("HB_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

Test(qstate, integral_equals_the_sum_of_sojourn_times)
{
	struct bat_qstate q;
	struct bat_reading begin, end;
	struct bat_window window;
	double wait_ns;

	/* Two units, one in the queue from 0 to 10 ns, the other from 4 to 6 ns. */
	bat_qstate_init(&q, 0);
	begin = bat_qstate_read(&q, 0);
	cr_assert_eq(bat_qstate_track(&q, 0, 1, NULL), 0);
	cr_assert_eq(bat_qstate_track(&q, 4, 1, NULL), 0);
	cr_assert_eq(bat_qstate_track(&q, 6, -1, NULL), 0);
	cr_assert_eq(bat_qstate_track(&q, 10, -1, NULL), 0);
	cr_assert_eq(q.integral, 12);
	end = bat_qstate_read(&q, 20);
	cr_assert_eq(bat_window_between(&begin, &end, &window), 0);
	cr_assert(bat_window_wait_ns(&window, &wait_ns));
	cr_assert_eq(wait_ns, 6.0);
	cr_assert_eq(bat_window_mean_size(&window), 12.0 / 20);
	cr_assert_eq(bat_window_rate_per_s(&window), 2e9 / 20);
}

/* Sojourn times clipped to a window, unit by unit: what the integral must be, whatever the order of service. */
Test(qstate, windows_of_random_queues_hold_the_clipped_sojourn_times)
{
	enum { UNITS = 200, END_NS = 10000 };
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 0);
	for (int round = 0; round < 300; round++) {
		int64_t in_ns[UNITS], out_ns[UNITS], from_ns, to_ns;
		uint64_t integral = 0, departed = 0;
		struct bat_reading from, to;
		struct bat_window window;
		struct bat_qstate q;

		for (int i = 0; i < UNITS; i++) {
			in_ns[i] = (int64_t)hb_rng_below(&rng, END_NS);
			out_ns[i] = in_ns[i] + (int64_t)hb_rng_below(&rng, 500);
		}
		from_ns = (int64_t)hb_rng_below(&rng, END_NS);
		to_ns = from_ns + (int64_t)hb_rng_below(&rng, END_NS);
		bat_qstate_init(&q, 0);
		from = to = bat_qstate_read(&q, 0);
		for (int64_t t = 0; t <= 2 * END_NS; t++) {
			for (int i = 0; i < UNITS; i++)
				if (in_ns[i] == t)
					cr_assert_eq(bat_qstate_track(&q, t, 1, NULL), 0);
			for (int i = 0; i < UNITS; i++)
				if (out_ns[i] == t)
					cr_assert_eq(bat_qstate_track(&q, t, -1, NULL), 0);
			if (t == from_ns)
				from = bat_qstate_read(&q, t);
			if (t == to_ns)
				to = bat_qstate_read(&q, t);
		}
		for (int i = 0; i < UNITS; i++) {
			int64_t begin = in_ns[i] > from_ns ? in_ns[i] : from_ns;
			int64_t end = out_ns[i] < to_ns ? out_ns[i] : to_ns;

			integral += end > begin ? (uint64_t)(end - begin) : 0;
			departed += out_ns[i] > from_ns && out_ns[i] <= to_ns;
		}
		cr_assert_eq(bat_window_between(&from, &to, &window), 0);
		cr_assert_eq(window.integral, integral, "round %d", round);
		cr_assert_eq(window.departed, departed, "round %d", round);
	}
}

Test(qstate, a_window_without_departures_is_undefined)
{
	struct bat_qstate q;
	struct bat_reading begin, end;
	struct bat_window window;
	double wait_ns = -1;

	bat_qstate_init(&q, 0);
	cr_assert_eq(bat_qstate_track(&q, 5, 3, NULL), 0);
	begin = bat_qstate_read(&q, 5);
	end = bat_qstate_read(&q, 100);
	cr_assert_eq(bat_window_between(&begin, &end, &window), 0);
	cr_assert_eq(window.integral, 285);
	cr_assert_not(bat_window_wait_ns(&window, &wait_ns));
	cr_assert_eq(wait_ns, -1.0);
	cr_assert_eq(bat_window_between(&begin, &begin, &window), 0);
	cr_assert(isnan(bat_window_mean_size(&window)));
	cr_assert(isnan(bat_window_rate_per_s(&window)));
}

Test(qstate, impossible_events_leave_it_untouched)
{
	struct hb_error error = {0};
	struct bat_qstate q;
	struct bat_reading earlier, later;
	struct bat_window window;

	bat_qstate_init(&q, 100);
	cr_assert_eq(bat_qstate_track(&q, 110, 2, &error), 0);
	cr_assert_eq(bat_qstate_track(&q, 109, 1, &error), -EINVAL);
	cr_assert_neq(error.text[0], '\0');
	cr_assert_eq(bat_qstate_track(&q, 120, -3, &error), -EINVAL);
	cr_assert_eq(bat_qstate_track(&q, 120, INT64_MAX, &error), -EINVAL);
	cr_assert_eq(q.size, 2);
	cr_assert_eq(q.time_ns, 110);
	cr_assert_eq(q.integral, 0);
	earlier = bat_qstate_read(&q, 200);
	later = bat_qstate_read(&q, 199);
	cr_assert_eq(bat_window_between(&earlier, &later, &window), -EINVAL);
}

Test(qstate, counters_that_wrap_change_no_window)
{
	struct bat_qstate a, b;

	bat_qstate_init(&a, 0);
	bat_qstate_init(&b, 0);
	b.integral = UINT64_MAX - 5;
	b.departed = UINT64_MAX - 1;
	for (int i = 0; i < 10; i++) {
		struct bat_reading a1 = bat_qstate_read(&a, 10 * i), a2;
		struct bat_reading b1 = bat_qstate_read(&b, 10 * i), b2;
		struct bat_window wa, wb;

		cr_assert_eq(bat_qstate_track(&a, 10 * i + 1, 4, NULL), 0);
		cr_assert_eq(bat_qstate_track(&b, 10 * i + 1, 4, NULL), 0);
		cr_assert_eq(bat_qstate_track(&a, 10 * i + 7, -3, NULL), 0);
		cr_assert_eq(bat_qstate_track(&b, 10 * i + 7, -3, NULL), 0);
		a2 = bat_qstate_read(&a, 10 * i + 9);
		b2 = bat_qstate_read(&b, 10 * i + 9);
		cr_assert_eq(bat_window_between(&a1, &a2, &wa), 0);
		cr_assert_eq(bat_window_between(&b1, &b2, &wb), 0);
		cr_assert_eq(wa.integral, wb.integral);
		cr_assert_eq(wa.departed, 3);
		cr_assert_eq(wb.departed, 3);
	}
}
