/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "capture.h"
#include "sample.h"

/* What --points prints for `sums`; NULL @set: none. */
static struct capture list_points(const char *sweep, const char *set)
{
	const char *argv[] = {
		"driver", "--points", "sums", "--sweep", sweep, set ? "--set" : NULL, set, NULL};

	return capture_main(&sample_driver, argv);
}

static void expect_points(const char *sweep, const char *set, const char *expected)
{
	struct capture capture = list_points(sweep, set);

	cr_assert_eq(capture.status, 0, "%s", capture.error);
	cr_assert_str_eq(capture.out, expected);
	cr_assert_str_empty(capture.error);
	capture_finish(&capture);
}

static void expect_refusal(const char *set, const char *expected)
{
	struct capture capture = list_points("default", set);

	cr_assert_eq(capture.status, 2, "--set %s was accepted", set);
	cr_assert_str_eq(capture.error, expected);
	cr_assert_str_empty(capture.out);
	capture_finish(&capture);
}

static size_t count(const char *text, const char *word)
{
	size_t found = 0;

	for (text = strstr(text, word); text; text = strstr(text + 1, word))
		found++;
	return found;
}

Test(points, quick_sweep_takes_its_own_values_or_the_first)
{
	expect_points("quick", NULL,
		"{\"schema\":\"hotbed.points/1\",\"experiment\":\"sums\",\"points\":["
		"{\"params\":\"alpha=0.5;count=16;unit=coarse\",\"memory_bytes\":\"128\","
		"\"trial_ms\":\"500\"}]}\n");
}

Test(points, default_sweep_is_the_cross_product)
{
	struct capture capture = list_points("default", NULL);

	/* unit x count x alpha = 2 x 3 x 3, and the constraint holds for counts up to 64. */
	cr_assert_eq(count(capture.out, "\"params\""), 18);
	cr_assert_eq(count(capture.out, "count=64;"), 6);
	cr_assert_eq(count(capture.out, "alpha=0.5;"), 6);
	capture_finish(&capture);
}

Test(points, full_sweep_leaves_out_what_the_constraint_forbids)
{
	struct capture capture = list_points("full", NULL);

	/* count=1024 exists with unit=coarse only. */
	cr_assert_eq(count(capture.out, "\"params\""), 9);
	cr_assert_eq(count(capture.out, "count=1024;unit=fine"), 0);
	cr_assert_eq(count(capture.out, "\"memory_bytes\":\"8192\""), 3);
	capture_finish(&capture);
}

Test(points, set_replaces_sweeps_and_understands_suffixes)
{
	expect_points("default", "count=1K,16,unit=coarse,alpha=1e-3",
		"{\"schema\":\"hotbed.points/1\",\"experiment\":\"sums\",\"points\":["
		"{\"params\":\"alpha=0.001;count=1024;unit=coarse\",\"memory_bytes\":\"8192\","
		"\"trial_ms\":\"500\"},"
		"{\"params\":\"alpha=0.001;count=16;unit=coarse\",\"memory_bytes\":\"128\","
		"\"trial_ms\":\"500\"}]}\n");
}

Test(points, set_takes_sweep_functions)
{
	struct capture capture =
		list_points("default", "unit=coarse,count=log2(2,100),alpha=linear(0,0.3,4)");
	char wanted[32];

	cr_assert_eq(capture.status, 0, "%s", capture.error);
	cr_assert_eq(count(capture.out, "\"params\""), 24);
	for (uint64_t value = 2; value <= 100; value *= 2) {
		(void)snprintf(wanted, sizeof(wanted), "count=%" PRIu64 ";", value);
		cr_assert_eq(count(capture.out, wanted), 4, "%s", wanted);
	}
	cr_assert_eq(count(capture.out, "alpha=0;"), 6);
	cr_assert_eq(count(capture.out, "alpha=0.3;"), 6);
	capture_finish(&capture);
}

Test(points, linear_over_integers_drops_repeated_values)
{
	struct capture capture = list_points("default", "unit=coarse,alpha=0,count=linear(1,3,9)");

	cr_assert_eq(count(capture.out, "\"params\""), 3, "%s", capture.out);
	capture_finish(&capture);
}

Test(points, refusals_name_parameter_value_and_what_is_accepted)
{
	static const char numbers[] =
		"; accepted: whole numbers (64, 64K or 64KiB; K, M, G, T) from 1 to 1000000000\n";
	char expected[256];

	(void)snprintf(expected, sizeof(expected), "hotbed-sample: count=12x: not a whole number%s",
		numbers);
	expect_refusal("count=12x", expected);
	(void)snprintf(
		expected, sizeof(expected), "hotbed-sample: count=0: out of range%s", numbers);
	expect_refusal("count=0", expected);
	(void)snprintf(
		expected, sizeof(expected), "hotbed-sample: count=: the value is empty%s", numbers);
	expect_refusal("count=", expected);
	(void)snprintf(expected, sizeof(expected),
		"hotbed-sample: count=9223372036854775807K: does not fit 64 bits%s", numbers);
	expect_refusal("count=9223372036854775807K", expected);
	(void)snprintf(expected, sizeof(expected),
		"hotbed-sample: count=1024: the value is listed twice%s", numbers);
	expect_refusal("count=1K,1024", expected);
	expect_refusal(
		"alpha=nan", "hotbed-sample: alpha=nan: not a finite number; accepted: numbers\n");
	expect_refusal("unit=cu/rse", "hotbed-sample: unit=cu/rse: a value has at most 63 "
				      "characters, of A-Z a-z 0-9 . _ + - only"
				      "; accepted: coarse,fine\n");
}

Test(points, refusals_suggest_what_was_meant)
{
	expect_refusal("uint=coarse",
		"hotbed-sample: sums: unknown parameter 'uint'; did you mean 'unit'?\n");
	expect_refusal("unit=corse",
		"hotbed-sample: unit=corse: did you mean 'coarse'?; accepted: coarse,fine\n");
	expect_refusal("zzzzzzzzz=1", "hotbed-sample: sums: unknown parameter 'zzzzzzzzz'; run "
				      "`hotbed describe` to see its "
				      "parameters (the first is 'unit')\n");
}

Test(points, malformed_lists_are_refused)
{
	expect_refusal("coarse",
		"hotbed-sample: --set coarse: expected name=value[,value...][,name=value...]\n");
	expect_refusal("unit=fine,unit=coarse", "hotbed-sample: sums: parameter 'unit' is set "
						"twice; give all its values in one list, "
						"unit=a,b\n");
	expect_refusal("count=log2(8)",
		"hotbed-sample: count: 'log2(8)' is malformed; expected log2(from,to)\n");
	expect_refusal(
		"count=log2(8,1)", "hotbed-sample: count: 'log2(8,1)' runs from high to low\n");
	expect_refusal("alpha=linear(0,1,1)",
		"hotbed-sample: alpha: linear() needs a count from 2 to 4096\n");
	expect_refusal(
		"alpha=log2(0,1)", "hotbed-sample: alpha: log2() needs a first value above 0\n");
	expect_refusal(
		"unit=log2(1,2)", "hotbed-sample: unit: 'log2(1,2)' needs a numeric parameter\n");
}

Test(points, set_values_that_the_constraint_forbids_are_refused)
{
	expect_refusal("count=1K,unit=fine",
		"hotbed-sample: sums: unit=fine fits no value of the other parameters: "
		"the fine unit is for counts up to 64\n");
}

Test(points, absurd_products_are_refused)
{
	expect_refusal("count=linear(1,4096,4096),alpha=linear(0,1,4096)",
		"hotbed-sample: sums: more than 20000 points; give fewer values\n");
	expect_refusal("count=linear(1,1M,4097)",
		"hotbed-sample: count: linear() needs a count from 2 to 4096\n");
}
