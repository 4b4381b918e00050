/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Faulty tables: a sound driver, one fault at a time. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <hotbed/json.h>
#include <hotbed/trial.h>

#include "capture.h"
#include "sample.h"

static int hook(struct hb_trial *trial)
{
	(void)trial;
	return 0;
}

/* Tables that a test may write to. */
struct tables {
	struct hb_param params[3];
	struct hb_metric metrics[3];
	struct hb_variant variants[3];
	struct hb_claim claims[3];
	struct hb_experiment experiment;
};

static struct tables tables;

static void make_sound_tables(void)
{
	tables = (struct tables){
		.params = {{.name = "size", .type = HB_PARAM_INT, .help = "size", .sweep = "1,2"},
			{.name = "kind", .type = HB_PARAM_TEXT, .help = "kind", .sweep = "a,b"}},
		.metrics = {{.name = "time_p50", .unit = "ns", .help = "time"},
			{.name = "ops_per_s", .unit = "1/s", .help = "rate"}},
		.variants = {{.name = "old",
				     .role = HB_ROLE_BASELINE,
				     .help = "old",
				     .run = hook,
				     .verify = hook,
				     .sabotage = hook},
			{.name = "new",
				.role = HB_ROLE_IDEA,
				.help = "new",
				.run = hook,
				.verify = hook,
				.sabotage = hook}},
		.claims = {{.name = "new-is-faster",
				   .text = "It is faster.",
				   .paper = "HotOS'25",
				   .metric = "time_p50",
				   .variant = "new",
				   .where = "size=2;kind=a",
				   .lo = 0.5,
				   .hi = 1,
				   .headline = 1},
			{.name = "rate-is-flat",
				.text = "It is flat.",
				.paper = "HotOS'25",
				.metric = "ops_per_s",
				.variant = "new",
				.against_variant = "old",
				.against_where = "size=1",
				.lo = 1,
				.hi = INFINITY}},
		.experiment = {.name = "speed", .question = "Is it fast?"},
	};
	tables.experiment.params = tables.params;
	tables.experiment.metrics = tables.metrics;
	tables.experiment.variants = tables.variants;
	tables.experiment.claims = tables.claims;
}

static struct capture describe_tables(void)
{
	const struct hb_experiment *const experiments[] = {&tables.experiment, NULL};
	const struct hb_driver driver = {
		.subproject = "sound", .version = "1", .experiments = experiments};

	return capture_main(&driver, (const char *const[]){"driver", "--describe", NULL});
}

/* The tables as they are now must be refused with a line that holds @expected. */
static void expect_fault(const char *expected)
{
	struct capture capture = describe_tables();

	cr_assert_eq(capture.status, 2, "accepted: %s", expected);
	cr_assert(strstr(capture.error, expected), "expected '%s', got '%s'", expected,
		capture.error);
	cr_assert(strncmp(capture.error, "hotbed-sound: ", 14) == 0);
	cr_assert_eq(strchr(capture.error, '\n'), capture.error + strlen(capture.error) - 1);
	cr_assert_str_empty(capture.out);
	capture_finish(&capture);
	make_sound_tables();
}

TestSuite(table, .init = make_sound_tables);

Test(table, sound_tables_are_accepted)
{
	struct capture capture = describe_tables();

	cr_assert_eq(capture.status, 0, "%s", capture.error);
	capture_finish(&capture);
}

Test(table, exactly_one_baseline_is_needed)
{
	tables.variants[1].role = HB_ROLE_BASELINE;
	expect_fault("it has 2 baselines, exactly one is needed");
	tables.variants[0].role = HB_ROLE_RIVAL;
	expect_fault("it has 0 baselines, exactly one is needed");
	tables.variants[1].role = HB_ROLE_CONTROL;
	expect_fault("variant 'new' declares role control");
	tables.variants[1].role = (enum hb_role)17;
	expect_fault("variant 'new' has no known role");
}

Test(table, every_variant_needs_its_hooks)
{
	tables.variants[1].run = NULL;
	expect_fault("variant 'new' has no run hook");
	tables.variants[1].verify = NULL;
	expect_fault("variant 'new' has no verify hook");
	tables.variants[0].sabotage = NULL;
	expect_fault("variant 'old' has no sabotage hook");
	tables.variants[0].help = NULL;
	expect_fault("variant 'old' has no one-line help");
}

Test(table, names_are_unique)
{
	tables.params[1].name = "size";
	expect_fault("parameter 'size' is declared twice");
	tables.metrics[1].name = "time_p50";
	expect_fault("metric 'time_p50' is declared twice");
	tables.variants[1].name = "old";
	expect_fault("variant 'old' is declared twice");
	tables.claims[1].name = "new-is-faster";
	expect_fault("claim 'new-is-faster' is declared twice");
}

Test(table, names_have_plain_characters)
{
	tables.experiment.name = "Speed test";
	expect_fault("its name is not lower-case-with-dashes");
	tables.params[0].name = "size=1";
	expect_fault("parameter name 'size=1'");
	tables.metrics[0].name = "time;p50";
	expect_fault("metric name 'time;p50'");
	tables.metrics[0].name = "trial_wall";
	expect_fault("commit mark");
	tables.variants[1].name = "new@against";
	expect_fault("variant name 'new@against'");
	tables.claims[0].name = "new_is_faster";
	expect_fault("claim name 'new_is_faster'");
	tables.variants[1].digest_class = "a,b";
	expect_fault("digest class 'a,b'");
}

Test(table, units_are_base_units)
{
	tables.metrics[0].unit = "ms";
	expect_fault("metric 'time_p50' has unit 'ms', not one of ns, B, 1, 1/s, J");
	tables.metrics[0].unit = NULL;
	expect_fault("metric 'time_p50' has unit ''");
	tables.params[0].unit = "KiB";
	expect_fault("parameter 'size' has unit 'KiB'");
}

Test(table, claims_name_what_exists)
{
	tables.claims[0].metric = "time_p99";
	expect_fault("claim 'new-is-faster' names the unknown metric 'time_p99'");
	tables.claims[0].variant = "newer";
	expect_fault("claim 'new-is-faster' names the unknown variant 'newer'");
	tables.claims[1].against_variant = "older";
	expect_fault("claim 'rate-is-flat' is against the unknown variant 'older'");
	tables.claims[0].where = "sise=2";
	expect_fault("unknown parameter 'sise'; did you mean 'size'?");
	tables.claims[0].where = "size=3";
	expect_fault("claim 'new-is-faster' needs size=3, which no sweep has");
	tables.claims[0].where = "kind=c";
	expect_fault("claim 'new-is-faster': where 'kind=c'");
	tables.claims[1].against_where = "size";
	expect_fault("'size' has no '='");
}

Test(table, claims_have_a_range)
{
	tables.claims[0].lo = 2;
	expect_fault("claim 'new-is-faster' has no range");
	tables.claims[0].hi = NAN;
	expect_fault("claim 'new-is-faster' has no range");
	tables.claims[0].lo = -1;
	expect_fault("claim 'new-is-faster' has no range");
	tables.claims[1].headline = 1;
	expect_fault("claim 'rate-is-flat' is a second headline");
}

Test(table, sweeps_are_sound)
{
	tables.params[0].sweep = "1,two";
	expect_fault("size=two: not a whole number");
	tables.params[0].sweep_full = "1,1";
	expect_fault("size=1: the value is listed twice");
	tables.params[1].allowed = "a";
	expect_fault("kind=b: ");
	tables.params[0].sweep = NULL;
	expect_fault("parameter 'size' has no sweep");
	tables.params[0].min = 2;
	tables.params[0].max = 1;
	expect_fault("minimum above its maximum");
}

Test(table, frame_is_sound)
{
	tables.experiment.question = "It is fast.";
	expect_fault("its question does not end with '?'");
	tables.experiment.blocks = 5;
	expect_fault("5 blocks; accepted: 6 to 1000");
	tables.experiment.metrics = NULL;
	expect_fault("it has no metrics");
	tables.experiment.variants = tables.variants + 2;
	expect_fault("it has no variants");
	tables.experiment.chart.x = "length";
	expect_fault("the chart's x is the unknown parameter 'length'");
	tables.experiment.chart.metric = "joy";
	expect_fault("the chart's metric 'joy' is unknown");
	tables.metrics[0].min_effect = 1;
	expect_fault("minimum effect outside [0, 1)");
	tables.experiment.roles = (const char *const[]){"system", NULL};
	expect_fault("process role 'system'");
}

Test(table, unseeded_experiments_may_have_one_block)
{
	struct capture capture;

	tables.experiment.unseeded = true;
	tables.experiment.blocks = 1;
	capture = describe_tables();
	cr_assert_eq(capture.status, 0, "%s", capture.error);
	capture_finish(&capture);
}

Test(table, an_experiment_declared_twice_is_refused)
{
	const struct hb_experiment *const experiments[] = {
		&tables.experiment, &tables.experiment, NULL};
	const struct hb_driver driver = {
		.subproject = "sound", .version = "1", .experiments = experiments};
	struct capture capture =
		capture_main(&driver, (const char *const[]){"driver", "--describe", NULL});

	cr_assert_eq(capture.status, 2);
	cr_assert(strstr(capture.error, "experiment 'speed': it is declared twice"));
	capture_finish(&capture);
}

Test(table, description_is_json_that_another_library_reads)
{
	struct capture capture = describe_tables();
	cJSON *json = cJSON_Parse(capture.out);
	const cJSON *experiment, *claim;

	cr_assert(json);
	experiment = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "experiments"), 0);
	cr_assert_str_eq(hb_json_text_or(json, "schema", ""), "hotbed.describe/1");
	cr_assert_str_eq(hb_json_text_or(experiment, "question", ""), "Is it fast?");
	claim = cJSON_GetArrayItem(cJSON_GetObjectItem(experiment, "claims"), 1);
	cr_assert_str_eq(hb_json_text_or(claim, "hi", ""), "inf");
	cr_assert_str_eq(hb_json_text_or(claim, "where", "?"), "");
	cr_assert_str_eq(hb_json_text_or(claim, "against_where", ""), "size=1");
	cr_assert_eq(cJSON_GetObjectItem(experiment, "blocks")->valueint, 12);
	cJSON_Delete(json);
	capture_finish(&capture);
}
