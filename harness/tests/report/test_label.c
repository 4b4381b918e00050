/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Labels of points, claims in words, and the progress line: what terminals and charts call things. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

#include "claim.h"
#include "label.h"
#include "progress.h"

static struct hb_plan_point points[] = {
	{.params = "pages=4k;rss_bytes=1048576;target=static;threads=2"},
	{.params = "pages=thp;rss_bytes=1073741824;target=static;threads=2"},
};

static struct hb_plan_claim claim = {
	.name = "flat", .text = "It does not grow.", .metric = "call_p50", .lo = 0.5, .hi = 1.5};

static struct hb_plan_experiment experiment = {.subproject = "spork",
	.experiment = "spawn-latency",
	.points = points,
	.point_count = 2,
	.claims = &claim,
	.claim_count = 1};

static struct hb_plan plan = {.experiments = &experiment, .experiment_count = 1};

static void setup(void)
{
	experiment.describe = cJSON_Parse("{\"params\": [{\"name\": \"pages\", \"unit\": \"1\"},"
					  "{\"name\": \"rss_bytes\", \"unit\": \"B\"},"
					  "{\"name\": \"target\", \"unit\": \"1\"},"
					  "{\"name\": \"threads\", \"unit\": \"1\"}]}");
}

static void teardown(void)
{
	cJSON_Delete((cJSON *)experiment.describe);
}

TestSuite(label, .init = setup, .fini = teardown);

static void expect_label(const char *params, unsigned int flags, const char *expected)
{
	struct hb_text text = {0};

	hb_label_point(&experiment, params, flags | HB_LABEL_PLAIN, NULL, NULL, &text);
	cr_assert_str_eq(text.bytes, expected);
	hb_text_finish(&text);
}

Test(label, units_are_spelt_out_and_leave_the_name)
{
	expect_label(points[1].params, 0, "pages thp, rss 1 GiB, target static, threads 2");
}

Test(label, what_all_points_share_is_left_out)
{
	expect_label(points[0].params, HB_LABEL_VARYING, "pages 4k, rss 1 MiB");
}

Test(label, a_bare_number_keeps_its_name_in_a_short_label)
{
	expect_label(points[0].params, HB_LABEL_SHORT, "4k, 1 MiB, static, threads 2");
}

Test(label, one_point_shows_all_it_has)
{
	experiment.point_count = 1;
	expect_label(points[0].params, HB_LABEL_VARYING,
		"pages 4k, rss 1 MiB, target static, threads 2");
	experiment.point_count = 2;
}

Test(label, what_all_points_share_is_said_once)
{
	struct hb_text text = {0};

	hb_label_fixed(&experiment, &text);
	cr_assert_str_eq(text.bytes, "target static, threads 2");
	hb_text_finish(&text);
}

Test(label, values_are_never_rounded)
{
	static const struct {
		const char *value, *unit, *expected;
	} cases[] = {
		{"1048576", "B", "1 MiB"},
		{"1610612736", "B", "1.5 GiB"},
		{"1048577", "B", "1048577 B"},
		{"1000000", "B", "1000000 B"},
		{"250000", "ns", "250 µs"},
		{"250001", "ns", "250001 ns"},
		{"0", "B", "0 B"},
		{"4k", "1", "4k"},
		{"nonsense", "B", "nonsense"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hb_text text = {0};

		hb_label_value(&text, cases[i].value, cases[i].unit, HB_LABEL_PLAIN);
		cr_assert_str_eq(text.bytes, cases[i].expected);
		hb_text_finish(&text);
	}
}

Test(label, quantities_have_three_significant_digits)
{
	static const struct {
		double value;
		const char *unit, *expected;
	} cases[] = {
		{71234, "ns", "71.2\u00a0µs"},
		{1023, "B", "1023\u00a0B"},
		{12345, "1/s", "12.3\u00a0k/s"},
		{0, "ns", "0\u00a0ns"},
		{42, "1", "42"},
		{NAN, "ns", "–"},
		{INFINITY, "ns", "∞"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hb_text text = {0};

		hb_label_quantity(&text, cases[i].value, cases[i].unit);
		cr_assert_str_eq(text.bytes, cases[i].expected);
		hb_text_finish(&text);
	}
}

static void expect_line(size_t columns, const char *expected)
{
	struct hb_progress progress = {.plan = &plan};
	const struct hb_progress_state state = {.done = 15,
		.total = 792,
		.eta_ms = 595000,
		.subproject = "spork",
		.experiment = "spawn-latency",
		.params = points[1].params,
		.block = 0,
		.blocks = 12,
		.ratio = 0.253};
	char line[512];

	hb_progress_line(&progress, &state, columns, line, sizeof(line));
	cr_assert_str_eq(line, expected);
}

Test(label, a_progress_line_says_how_far_how_long_and_where)
{
	expect_line(SIZE_MAX,
		"15/792 trials, 9m55s left  spork/spawn-latency, pages thp, rss 1 GiB, "
		"block 1/12  idea/baseline x0.253");
}

Test(label, a_narrow_terminal_gets_whole_parts)
{
	expect_line(79, "15/792 trials, 9m55s left  spork/spawn-latency, pages thp, rss 1 GiB");
	expect_line(60, "15/792 trials, 9m55s left  spork/spawn-latency, thp, 1 GiB");
	expect_line(30, "15/792 trials, 9m55s left");
	expect_line(5, "");
}

Test(label, ranges_read_as_words)
{
	struct hb_text text = {0};

	hb_claim_put_range(&text, 0, 0.05);
	hb_text_put(&text, ", ");
	hb_claim_put_range(&text, 2, INFINITY);
	hb_text_put(&text, ", ");
	hb_claim_put_range(&text, 3, 5);
	cr_assert_str_eq(text.bytes, "at most x0.05, at least x2, x3 to x5");
	hb_text_finish(&text);
}

Test(label, a_judged_claim_says_what_was_measured_and_expected)
{
	const struct hb_claim_result result = {.verdict = HB_CLAIM_REPRODUCED,
		.ratio = {.estimate = log(1.25),
			.lo = log(1.125),
			.hi = log(1.375),
			.confidence = 0.96},
		.blocks = 12};
	const struct hb_claim_result absent = {.verdict = HB_CLAIM_NOT_RUN,
		.ratio = {.estimate = NAN},
		.reason = "no usable block"};
	struct hb_text text = {0};

	hb_claim_put_result(&text, &plan, &result, false);
	cr_assert_str_eq(text.bytes,
		"reproduced      It does not grow.\n"
		"                spork/spawn-latency flat: x1.25 [1.12, 1.38] over 12 blocks, "
		"expected x0.5 to x1.5\n");
	text.length_bytes = 0;
	hb_claim_put_result(&text, &plan, &absent, false);
	cr_assert_str_eq(text.bytes,
		"not run         It does not grow.\n"
		"                spork/spawn-latency flat: expected x0.5 to x1.5\n"
		"                no usable block\n");
	hb_text_finish(&text);
}
