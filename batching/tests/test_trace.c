/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hotbed/error.h>

#include <batching/trace.h>

static struct hb_error error;

static int evaluate(
	const char *text, int64_t from_ns, int64_t to_ns, struct bat_trace_estimate *ret)
{
	int fd = memfd_create("trace", MFD_CLOEXEC), rc;

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	error = (struct hb_error){0};
	rc = bat_trace_estimate(fd, "trace.csv", from_ns, to_ns, ret, &error);
	(void)close(fd);
	return rc;
}

/* One request of 64 B: written at 0, read by B at 30, answered at 50, read by A at 90. */
#define ROUND_TRIP                                                                              \
	"0,unacked_a,64\n60,unacked_a,-64\n20,unread_b,64\n30,unread_b,-64\n20,ackdelay_b,64\n" \
	"40,ackdelay_b,-64\n30,service_b,64\n50,service_b,-64\n80,unread_a,64\n90,unread_a,-64\n"

/* The same answer held by B's TCP from 50 to 65. */
Test(trace, what_the_responder_has_not_sent_counts_where_the_trace_has_it)
{
	struct bat_trace_estimate estimate, without;

	cr_assert_eq(evaluate("time_ns,queue,delta_bytes\n" ROUND_TRIP, -1, 1000, &without), 0);
	cr_assert_eq(evaluate("time_ns,queue,delta_bytes\n" ROUND_TRIP
			      "50,unsent_b,64\n65,unsent_b,-64\n0,unsent_a,64\n7,unsent_a,-64\n",
			     -1, 1000, &estimate),
		0, "%s", error.text);
	cr_assert(estimate.ends[1].queues[BAT_UNSENT].tracked);
	cr_assert_eq(estimate.end_to_end.end_to_end_ns, without.end_to_end.end_to_end_ns + 15);
}

Test(trace, one_round_trip_is_estimated_as_computed_by_hand)
{
	struct bat_trace_estimate estimate;

	cr_assert_eq(evaluate("time_ns,queue,delta_bytes\n" ROUND_TRIP, -1, 1000, &estimate), 0);
	cr_assert_eq(estimate.unit, BAT_UNIT_BYTES);
	cr_assert_eq(estimate.rows, 10);
	cr_assert(estimate.in_order);
	cr_assert(estimate.queues[0][BAT_UNACKED].integral == 64 * 60);
	cr_assert(estimate.queues[0][BAT_UNACKED].departed == 64);
	cr_assert(estimate.end_to_end.defined);
	cr_assert_eq(estimate.end_to_end.end_to_end_ns, 60.0 - 20 + 10 + 20 + 10);
}

Test(trace, units_columns_and_order_are_free)
{
	struct bat_trace_estimate estimate;

	cr_assert_eq(
		evaluate("delta_requests,time_ns,note,queue\n-1,9,x,unread_b\n1,2,y,unread_b\n", 0,
			100, &estimate),
		0);
	cr_assert_eq(estimate.unit, BAT_UNIT_REQUESTS);
	cr_assert_not(estimate.in_order);
	cr_assert_eq(estimate.ends[1].queues[BAT_UNREAD].ns, 7.0);
	cr_assert_not(estimate.end_to_end.defined);
}

Test(trace, a_window_counts_what_leaves_in_it_and_who_waits_in_it)
{
	struct bat_trace_estimate estimate;
	const char *text =
		"time_ns,queue,delta_sends\n0,unread_b,3\n10,unread_b,-1\n20,unread_b,-1\n"
		"30,unread_b,-1\n";

	cr_assert_eq(evaluate(text, 10, 20, &estimate), 0);
	/* Two units wait for the whole window; the one that left at 10 left before it, the one at 20 in it. */
	cr_assert(estimate.queues[1][BAT_UNREAD].integral == 20);
	cr_assert(estimate.queues[1][BAT_UNREAD].departed == 1);
	cr_assert_eq(estimate.queues[1][BAT_UNREAD].size_from, 2);
	cr_assert_eq(estimate.queues[1][BAT_UNREAD].size_to, 1);
}

Test(trace, sums_beyond_64_bits_are_exact)
{
	struct bat_trace_estimate estimate;
	char digits[BAT_I128_BYTES];

	cr_assert_eq(evaluate("time_ns,queue,delta_bytes\n0,unread_a,9000000000000000000\n"
			      "9000000000000000000,unread_a,-9000000000000000000\n",
			     -1, INT64_C(9000000000000000001), &estimate),
		0);
	cr_assert_str_eq(bat_i128_format(estimate.queues[0][BAT_UNREAD].integral, digits),
		"81000000000000000000000000000000000000");
	cr_assert_eq(estimate.ends[0].queues[BAT_UNREAD].ns, 9e18);
	cr_assert_str_eq(bat_i128_format(-(bat_i128)10, digits), "-10");
	cr_assert_str_eq(bat_i128_format(0, digits), "0");
}

Test(trace, bad_traces_are_named_with_their_line)
{
	static const struct {
		const char *text;
		int code, line;
	} cases[] = {
		{"", -EBADMSG, 0},
		{"time_ns,queue\n", -EBADMSG, 1},
		{"time_ns,queue,delta_bytes,delta_sends\n", -EBADMSG, 1},
		{"time,queue,delta_bytes\n", -EBADMSG, 1},
		{"time_ns,queue,delta_bytes\n1,unread_c,1\n", -EBADMSG, 2},
		{"time_ns,queue,delta_bytes\n1.5,unread_a,1\n", -EBADMSG, 2},
		{"time_ns,queue,delta_bytes\n1,unread_a,1\n2,unread_a,-2\n3,unread_a,5\n", -EBADMSG,
			4},
		{"time_ns,queue,delta_bytes\n1,unread_a,-1\n", -EBADMSG, 0},
		{"time_ns,queue,delta_bytes\n1,unread_a\n", -EBADMSG, 2},
	};
	struct bat_trace_estimate estimate = {.rows = 77};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert_eq(evaluate(cases[i].text, 0, 10, &estimate), cases[i].code,
			"case %zu: %s", i, error.text);
		cr_assert_eq(error.line, cases[i].line, "case %zu: line %d", i, error.line);
		cr_assert_eq(estimate.rows, 77);
	}
	cr_assert_eq(evaluate("time_ns,queue,delta_bytes\n", 10, 10, &estimate), -EINVAL);
}
