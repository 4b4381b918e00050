/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>

#include <batching/estimate.h>

static struct bat_end end_of(double unacked, double unread, double ackdelay, double service)
{
	const double ns[BAT_QUEUE_COUNT] = {[BAT_UNACKED] = unacked,
		[BAT_UNREAD] = unread,
		[BAT_ACKDELAY] = ackdelay,
		[BAT_SERVICE] = service,
		[BAT_UNSENT] = -1};
	struct bat_end end = {0};

	/* Negative: not tracked. */
	for (int i = 0; i < BAT_QUEUE_COUNT; i++) {
		end.queues[i].tracked = end.queues[i].defined = ns[i] >= 0;
		end.queues[i].ns = ns[i] >= 0 ? ns[i] : 0;
	}
	return end;
}

Test(estimate, sums_the_waits_on_the_way)
{
	struct bat_end a = end_of(100, 7, 1000, 2000), b = end_of(3000, 40, 30, 5);
	struct bat_estimate estimate;

	bat_estimate_combine(&a, &b, &estimate);
	cr_assert(estimate.defined);
	cr_assert_eq(estimate.end_to_end_ns, 100.0 - 30 + 40 + 5 + 7);
	cr_assert_eq(estimate.term_count, 5);
}

Test(estimate, does_without_the_service_queue_only)
{
	struct bat_end a = end_of(100, 7, -1, -1), b = end_of(-1, 40, 30, -1);
	struct bat_estimate estimate;

	bat_estimate_combine(&a, &b, &estimate);
	cr_assert(estimate.defined);
	cr_assert_eq(estimate.end_to_end_ns, 100.0 - 30 + 40 + 7);
	cr_assert_eq(estimate.term_count, 4);
	b = end_of(-1, 40, -1, 5);
	bat_estimate_combine(&a, &b, &estimate);
	cr_assert_not(estimate.defined);
	cr_assert_eq(estimate.end_to_end_ns, 0.0);
}

static void add_unsent(struct bat_end *end, double ns)
{
	end->queues[BAT_UNSENT] = (struct bat_wait){.tracked = true, .defined = true, .ns = ns};
}

Test(estimate, adds_what_the_sender_holds_back)
{
	struct bat_end a = end_of(100, 7, 1000, 2000), b = end_of(3000, 40, 30, 5);
	struct bat_estimate estimate;

	add_unsent(&a, 300);
	add_unsent(&b, 600);
	bat_estimate_combine(&a, &b, &estimate);
	cr_assert_eq(estimate.end_to_end_ns, 100.0 - 30 + 40 + 5 + 600 + 7, "A's is in unacked");
	cr_assert_eq(estimate.term_count, 6);
	bat_estimate_by_answers(&a, &b, &estimate);
	cr_assert_eq(estimate.end_to_end_ns, 300.0 + 40 + 5 + 3000 - 1000 + 7, "B's is in unacked");
	cr_assert_eq(estimate.term_count, 6);
}

Test(estimate, the_larger_of_both_views_is_taken_and_one_is_enough)
{
	struct bat_end a = end_of(100, 7, 10, -1), b = end_of(3000, 40, 30, 5);
	struct bat_estimate estimate;

	bat_estimate_larger(&a, &b, &estimate);
	cr_assert_eq(estimate.end_to_end_ns, 40.0 + 5 + 3000 - 10 + 7);
	b.queues[BAT_UNACKED].ns = 1;
	bat_estimate_larger(&a, &b, &estimate);
	cr_assert_eq(estimate.end_to_end_ns, 100.0 - 30 + 40 + 5 + 7);
	a.queues[BAT_UNACKED].defined = false;
	bat_estimate_larger(&a, &b, &estimate);
	cr_assert(estimate.defined);
	cr_assert_eq(estimate.end_to_end_ns, 40.0 + 5 + 1 - 10 + 7);
	b.queues[BAT_UNACKED].tracked = b.queues[BAT_UNACKED].defined = false;
	bat_estimate_larger(&a, &b, &estimate);
	cr_assert_not(estimate.defined);
}

Test(estimate, is_undefined_if_a_tracked_queue_saw_no_departure)
{
	struct bat_end a = end_of(100, 7, -1, -1), b = end_of(-1, 40, 30, 5);
	struct bat_window idle = {.duration_ns = 1000, .integral = 17};
	struct bat_estimate estimate;

	b.queues[BAT_SERVICE] = bat_wait_of(&idle);
	cr_assert(b.queues[BAT_SERVICE].tracked);
	cr_assert_not(b.queues[BAT_SERVICE].defined);
	bat_estimate_combine(&a, &b, &estimate);
	cr_assert_not(estimate.defined);
}
