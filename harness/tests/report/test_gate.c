/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What fails a gate and what does not, on runs whose values are chosen. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "analysis.h"
#include "gate.h"
#include "hotbed/error.h"
#include "run_writer.h"

#define BLOCKS 12

/* One comparison: what the new build has in each block, the old one 100, and the second old one 100 times @aa. */
struct gate_case {
	double count, wall; /* of the new build */
	double aa, spread;  /* A/A ratio, and how far blocks differ, up and down by turns */
	const char *failing_status;
};

static const struct run_metric metrics[] = {{"faults", "1", "lower", "count", true, false, 0},
	{"call_p50", "ns", "lower", "wall", false, false, 0.03},
	{NULL, NULL, NULL, NULL, false, false, 0}};
static const struct run_variant variants[] = {
	{"old", "baseline", ""}, {"new", "idea", ""}, {NULL, NULL, NULL}};
static const char *const points[] = {"n=1", NULL};

static struct hb_gate judge(const struct gate_case *c, struct hb_text *text)
{
	const struct run_experiment experiment = {
		"spork", "night", "?", metrics, variants, points, NULL, NULL, NULL, BLOCKS, false};
	const struct run_experiment *experiments[] = {&experiment, NULL};
	struct run_writer writer;
	struct hb_analysis analysis;
	struct hb_error error = {0};
	struct hb_gate gate;

	run_writer_open(&writer, experiments, NULL);
	for (uint32_t n = 0; n < 3 * BLOCKS; n++) {
		uint32_t arm = n % 3, block = n / 3;
		double drift = block % 2 ? 1 + c->spread : 1 - c->spread;
		double values[] = {arm == 1 ? c->count : 100, arm == 1   ? c->wall * drift
							      : arm == 2 ? 100 * c->aa
									 : 100};
		bool fails = c->failing_status && arm == 1 && block == 3;
		struct run_trial trial = {.block = block,
			.arm = arm,
			.values = fails ? NULL : values,
			.status = fails ? c->failing_status : NULL,
			.detail = fails ? "<b>expected</b> 12" : NULL};

		run_writer_trial(&writer, &trial);
	}
	run_writer_close(&writer);
	cr_assert_eq(hb_analysis_open(writer.dir, &analysis, &error), 0, "%s", error.text);
	cr_assert_eq(hb_gate_judge(&analysis.summary, &gate), 0);
	cr_assert_eq(hb_gate_put_markdown(&analysis.summary, &gate, text), 0);
	hb_analysis_finish(&analysis);
	run_writer_remove(&writer);
	return gate;
}

static bool passes(const struct gate_case *c, const char *wanted)
{
	struct hb_text text = {0};
	struct hb_gate gate = judge(c, &text);

	cr_assert(strstr(text.bytes, wanted), "no '%s' in:\n%s", wanted, text.bytes);
	cr_assert(strstr(text.bytes, hb_gate_passes(&gate) ? "gate: passed" : "gate: failed"));
	cr_assert_eq(gate.total, 2);
	hb_text_finish(&text);
	return hb_gate_passes(&gate);
}

Test(gate, equal_builds_pass)
{
	cr_assert(passes(&(struct gate_case){100, 100, 1, 0.001, NULL}, "2 same"));
}

Test(gate, better_builds_pass)
{
	cr_assert(passes(&(struct gate_case){90, 80, 1, 0.001, NULL}, "2 better"));
}

Test(gate, exact_metric_that_is_worse_by_one_fails)
{
	cr_assert(!passes(&(struct gate_case){101, 100, 1, 0.001, NULL}, "1 exact metrics worse"));
}

Test(gate, measured_metric_fails_when_its_interval_is_clear_of_equal_builds)
{
	cr_assert(!passes(
		&(struct gate_case){100, 120, 1, 0.01, NULL}, "1 measured ones clearly worse"));
}

/* The old build differs from itself by 12 %: then 15 % say nothing. */
Test(gate, measured_metric_passes_within_what_equal_builds_show)
{
	cr_assert(passes(
		&(struct gate_case){100, 115, 1.12, 0.01, NULL}, "0 measured ones clearly worse"));
}

Test(gate, failed_trial_fails)
{
	cr_assert(!passes(
		&(struct gate_case){100, 100, 1, 0.001, "verify_failed"}, "1 trials failed"));
	cr_assert(!passes(&(struct gate_case){100, 100, 1, 0.001, "crashed"}, "crashed"));
}

/* Names and messages come from programs: none may become markup of the page where the comment is shown. */
Test(gate, markdown_escapes_what_drivers_print)
{
	struct hb_text text = {0};

	(void)judge(&(struct gate_case){101, 120, 1, 0.001, "crashed"}, &text);
	cr_assert(strstr(text.bytes, "\\<b\\>expected"));
	cr_assert(strstr(text.bytes, "call\\_p50"));
	cr_assert(!strstr(text.bytes, "<b>"));
	hb_text_finish(&text);
}
