/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/hist.h>

#include "protocol.h"

#define HELLO \
	"{\"t\":\"hello\",\"v\":1,\"subproject\":\"s\",\"experiment\":\"e\",\"variant\":\"v\"}\n"
#define PHASE(name) "{\"t\":\"phase\",\"phase\":\"" name "\"}\n"
/* A specification as the text within a message. */
#define HEAD "{\\\"title\\\":\\\"t\\\",\\\"description\\\":\\\"d\\\","
#define DATA "\\\"data\\\":{\\\"values\\\":[{\\\"x\\\":1}]}"
#define SPEC HEAD DATA "}"
#define FIGURE(name, spec) "{\"t\":\"figure\",\"name\":\"" name "\",\"spec\":\"" spec "\"}\n"
#define METRIC(name, value) \
	"{\"t\":\"metric\",\"name\":\"" name "\",\"value\":\"" value "\",\"n\":\"3\"}\n"
#define DONE "{\"t\":\"done\"}\n"

static struct hb_plan_metric metrics[] = {
	{.name = "a", .unit = "ns", .better = "lower", .basis = "wall"},
	{.name = "b", .unit = "1", .better = "lower", .basis = "count", .optional = true},
};
static struct hb_plan_experiment experiment = {
	.subproject = "s", .experiment = "e", .metrics = metrics, .metric_count = 2};

static enum hb_status close_after(
	struct hb_protocol *p, const char *text, struct hb_protocol_end end)
{
	cr_assert_eq(hb_protocol_init(p, &experiment, "v"), 0);
	hb_protocol_feed(p, text, strlen(text));
	return hb_protocol_close(p, &end);
}

static void expect(const char *text, enum hb_status status, const char *detail)
{
	struct hb_protocol p;
	enum hb_status got = close_after(&p, text, (struct hb_protocol_end){0});

	cr_assert_eq(got, status, "%s: %s instead of %s (%s)", text, hb_status_names[got],
		hb_status_names[status], p.detail);
	cr_assert(strstr(p.detail, detail), "'%s' is not in '%s'", detail, p.detail);
	hb_protocol_finish(&p);
}

Test(protocol, a_trial_that_keeps_the_rules_is_ok)
{
	struct hb_protocol p;
	static const char text[] = HELLO PHASE("probe") PHASE("setup") PHASE("run")
		METRIC("a", "1.5") METRIC("b", "inf") PHASE(
			"verify") "{\"t\":\"digest\",\"value\":\"0123456789abcdef\"}\n"
				  "{\"t\":\"flag\",\"flag\":\"unsteady\"}\n{\"t\":\"flag\","
				  "\"flag\":\"unsteady\"}\n"
				  "{\"t\":\"usage\",\"run_ns\":\"5\",\"steal_ppm\":\"7\",\"psi_"
				  "ppm\":\"8\","
				  "\"switches_involuntary\":\"9\",\"migrations\":\"10\"}\n" PHASE(
					  "teardown") DONE;

	cr_assert_eq(
		close_after(&p, text, (struct hb_protocol_end){0}), HB_STATUS_OK, "%s", p.detail);
	cr_assert_eq(p.values[0].value, 1.5);
	cr_assert_eq(p.values[0].n, 3);
	cr_assert(isinf(p.values[1].value));
	cr_assert_str_eq(p.digest, "0123456789abcdef");
	cr_assert_str_eq(p.flags, "unsteady");
	cr_assert_eq(p.steal_ppm, 7);
	cr_assert_eq(p.migrations, 10);
	cr_assert_str_eq(p.detail, "");
	hb_protocol_finish(&p);
}

Test(protocol, any_portions_of_the_bytes_give_the_same)
{
	static const char text[] = HELLO PHASE("run") METRIC("a", "1") PHASE("verify") DONE;

	for (size_t part = 1; part < sizeof(text); part++) {
		struct hb_protocol p;
		struct hb_protocol_end end = {0};

		cr_assert_eq(hb_protocol_init(&p, &experiment, "v"), 0);
		for (size_t at = 0; at < sizeof(text) - 1; at += part)
			hb_protocol_feed(&p, text + at,
				at + part < sizeof(text) - 1 ? part : sizeof(text) - 1 - at);
		cr_assert_eq(hb_protocol_close(&p, &end), HB_STATUS_OK, "%s", p.detail);
		hb_protocol_finish(&p);
	}
}

Test(protocol, a_text_cut_anywhere_is_never_ok)
{
	static const char text[] = HELLO PHASE("run") METRIC("a", "1") PHASE("verify") DONE;

	for (size_t cut = 0; cut < sizeof(text) - 1; cut++) {
		struct hb_protocol p;
		struct hb_protocol_end end = {0};

		cr_assert_eq(hb_protocol_init(&p, &experiment, "v"), 0);
		hb_protocol_feed(&p, text, cut);
		cr_assert_eq(hb_protocol_close(&p, &end), HB_STATUS_PROTOCOL_ERROR);
		hb_protocol_finish(&p);
	}
}

Test(protocol, each_broken_rule_is_a_protocol_error_that_says_which)
{
	static const struct {
		const char *text, *detail;
	} cases[] = {
		{"", "without a result"},
		{PHASE("run"), "not hello"},
		{HELLO HELLO, "twice"},
		{HELLO "nonsense\n", "no JSON"},
		{HELLO "[1]\n", "unknown message"},
		{HELLO "{\"t\":\"surprise\"}\n", "surprise"},
		{HELLO PHASE("lunch"), "lunch"},
		{HELLO PHASE("verify") PHASE("run"), "run came after verify"},
		{HELLO PHASE("run") METRIC("c", "1"), "unknown metric 'c'"},
		{HELLO PHASE("run") METRIC("a", "1") METRIC("a", "1"), "a came twice"},
		{HELLO PHASE("setup") METRIC("a", "1"), "before run"},
		{HELLO PHASE("run") METRIC("a", "nan"), "nan"},
		{HELLO PHASE("run") METRIC("a", "-inf"), "-inf"},
		{HELLO PHASE("run") METRIC("a", "1e999"), "1e999"},
		{HELLO PHASE("run") METRIC("a", "1 "), "neither"},
		{HELLO PHASE("run") "{\"t\":\"metric\",\"name\":\"a\",\"value\":\"1\"}\n",
			"sample"},
		{HELLO PHASE("run") METRIC("b", "1") PHASE("verify") DONE, "metric a is missing"},
		{HELLO PHASE("run") METRIC("a", "1") DONE, "never came to verify"},
		{HELLO PHASE("run") METRIC("a", "1") PHASE("verify"), "without done"},
		{HELLO PHASE("run") METRIC("a", "1") PHASE("verify") DONE DONE, "after done"},
		{HELLO "{\"t\":\"digest\",\"value\":\"../../x\"}\n", "no digest"},
		{HELLO "{\"t\":\"flag\",\"flag\":\"a;b\"}\n", "no flag"},
		{HELLO PHASE("run") "{\"t\":\"hist\",\"name\":\"h\",\"data\":\"zzz\"}\n",
			"histogram h"},
		{HELLO PHASE("run") "{\"t\":\"hist\",\"name\":\"a,b\",\"data\":\"zzz\"}\n",
			"no name"},
		{HELLO PHASE("setup") FIGURE("f", SPEC), "before run"},
		{HELLO PHASE("run") FIGURE("a/b", SPEC), "no name"},
		{HELLO PHASE("run") FIGURE("f", SPEC) FIGURE("f", SPEC), "f came twice"},
		{HELLO PHASE("run") FIGURE("f", "nonsense"), "figure f"},
		{HELLO PHASE("run") FIGURE("f", "[]"), "no object"},
		{HELLO PHASE("run") FIGURE("f", "{}"), "title"},
		{HELLO PHASE("run") FIGURE("f", HEAD "\\\"data\\\":{\\\"url\\\":\\\"x\\\"}}"),
			"data.values"},
		{HELLO PHASE("run") FIGURE("f", HEAD DATA ",\\\"config\\\":{}}"), "'config'"},
		{HELLO PHASE("run") FIGURE(
			 "f", HEAD DATA ",\\\"layer\\\":[{\\\"mark\\\":\\\"image\\\"}]}"),
			"'image'"},
		{HELLO "{\"t\":\"usage\",\"run_ns\":\"5\"}\n", "usage"},
		{HELLO PHASE("run") "{\"t\":\"skip\",\"reason\":\"late\"}\n", "after probe"},
		{"{\"t\":\"hello\",\"v\":2,\"subproject\":\"s\"}\n", "version"},
		{"{\"t\":\"hello\",\"v\":1,\"subproject\":\"s\",\"experiment\":\"e\",\"variant\":"
		 "\"w\"}\n",
			"asked for s/e v"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(cases[i].text, HB_STATUS_PROTOCOL_ERROR, cases[i].detail);
}

Test(protocol, what_the_driver_reports_becomes_the_status_of_that_phase)
{
#define FAIL(phase) "{\"t\":\"fail\",\"phase\":\"" phase "\",\"text\":\"why\"}\n"
	expect(HELLO PHASE("probe") "{\"t\":\"skip\",\"reason\":\"needs hugepages\"}\n" DONE,
		HB_STATUS_SKIPPED, "needs hugepages");
	expect(HELLO PHASE("probe") FAIL("probe") DONE, HB_STATUS_SETUP_FAILED, "probe: why");
	expect(HELLO PHASE("setup") FAIL("setup") DONE, HB_STATUS_SETUP_FAILED, "setup: why");
	expect(HELLO PHASE("warmup") FAIL("warmup") DONE, HB_STATUS_SETUP_FAILED, "warmup: why");
	expect(HELLO PHASE("run") FAIL("run") DONE, HB_STATUS_CRASHED, "run: why");
	expect(HELLO PHASE("run") FAIL("verify") DONE, HB_STATUS_VERIFY_FAILED, "verify: why");
	expect(HELLO PHASE("run") FAIL("verify") FAIL("teardown") DONE, HB_STATUS_VERIFY_FAILED,
		"verify: why");
	expect(HELLO PHASE("run") "{\"t\":\"invalid_load\",\"adherence\":\"0.5\"}\n" DONE,
		HB_STATUS_INVALID_LOAD, "50 %");
}

Test(protocol, a_signal_or_an_exit_code_is_a_crash_in_the_phase_it_happened)
{
	struct hb_protocol p;

	cr_assert_eq(
		close_after(&p, HELLO PHASE("run"), (struct hb_protocol_end){.signal = SIGSEGV}),
		HB_STATUS_CRASHED);
	cr_assert_str_eq(p.detail, "SIGSEGV in run");
	hb_protocol_finish(&p);
	cr_assert_eq(close_after(&p, HELLO, (struct hb_protocol_end){.exit_code = 4}),
		HB_STATUS_CRASHED);
	cr_assert_str_eq(p.detail, "exit code 4 in start");
	hb_protocol_finish(&p);
	cr_assert_eq(
		close_after(&p, HELLO PHASE("run"), (struct hb_protocol_end){.signal = SIGXCPU}),
		HB_STATUS_TIMEOUT);
	hb_protocol_finish(&p);
}

Test(protocol, a_line_without_end_takes_bounded_memory)
{
	struct hb_protocol p;
	char junk[65536];

	memset(junk, 'x', sizeof(junk));
	cr_assert_eq(hb_protocol_init(&p, &experiment, "v"), 0);
	for (int i = 0; i < 1000; i++)
		hb_protocol_feed(&p, junk, sizeof(junk));
	cr_assert(p.broken);
	cr_assert(p.line_capacity <= 2 * HB_PROTOCOL_LINE_BYTES_MAX);
	hb_protocol_finish(&p);
}

Test(protocol, a_figure_is_kept_as_it_was_sent)
{
	struct hb_protocol p;

	cr_assert_eq(close_after(&p,
			     HELLO PHASE("run") METRIC("a", "1") PHASE("verify")
				     FIGURE("field", SPEC) DONE,
			     (struct hb_protocol_end){0}),
		HB_STATUS_OK, "%s", p.detail);
	cr_assert_eq(p.figure_count, 1);
	cr_assert_str_eq(p.figures[0].name, "field");
	cr_assert_str_eq(p.figures[0].spec,
		"{\"title\":\"t\",\"description\":\"d\",\"data\":{\"values\":[{\"x\":1}]}}");
	hb_protocol_finish(&p);
}

Test(protocol, a_histogram_is_kept_with_its_maximum)
{
	struct hb_protocol p;
	struct hb_hist *hist;
	char *data, *text;

	cr_assert_eq(hb_hist_create(&hist, INT64_C(1) << 40, 3, NULL), 0);
	hb_hist_record(hist, 5000);
	cr_assert_eq(hb_hist_encode(hist, &data, NULL), 0);
	cr_assert(asprintf(&text,
			  HELLO PHASE("run")
				  METRIC("a", "1") "{\"t\":\"hist\",\"name\":\"latency\",\"data\":"
						   "\"%s\"}\n" PHASE("verify") DONE,
			  data) > 0);
	cr_assert_eq(
		close_after(&p, text, (struct hb_protocol_end){0}), HB_STATUS_OK, "%s", p.detail);
	cr_assert_eq(p.hist_count, 1);
	cr_assert_str_eq(p.hists[0].name, "latency");
	cr_assert_str_eq(p.hists[0].data, data);
	cr_assert(p.hists[0].max >= 5000 && p.hists[0].max < 5010);
	hb_protocol_finish(&p);
	hb_hist_destroy(hist);
	free(data);
	free(text);
}

Test(protocol, outside_text_becomes_one_line_of_valid_utf_8)
{
	char text[] = "a\nb\x01\xff\xc3\xa4\xe2\x82";

	hb_protocol_sanitise(text);
	cr_assert_str_eq(text, "a b ?\xc3\xa4??");
}
