/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Claims: which points they name, what is paired with what, and every verdict. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <criterion/criterion.h>

#include "hotbed/error.h"
#include "hotbed/rng.h"
#include "analysis.h"
#include "run_writer.h"

static const struct run_metric metrics[] = {{"time", "ns", "lower", "wall", false, false, 0.03},
	{NULL, NULL, NULL, NULL, false, false, 0}};
static const struct run_variant variants[] = {
	{"base", "baseline", ""}, {"idea", "idea", ""}, {NULL, NULL, NULL}};
static const char *const points[] = {"a=1;b=1", "a=1;b=2", "a=2;b=1", "a=2;b=2", NULL};

static struct run_writer writer;
static struct hb_analysis analysis;

#define CLAIM(where, variant, against, against_where, lo, hi, needs)                            \
	"[{\"name\":\"c\",\"text\":\"t\",\"paper\":\"p\",\"section\":\"\",\"metric\":\"time\"," \
	"\"variant\":\"" variant "\",\"where\":\"" where "\",\"against_variant\":\"" against    \
	"\",\"against_where\":\"" against_where "\",\"lo\":\"" lo "\",\"hi\":\"" hi             \
	"\",\"needs\":\"" needs "\",\"headline\":false}]"

struct run {
	const char *claims;
	uint32_t blocks;
	double noise;
	const char *idea_status; /* NULL = ok */
	bool smoke;
};

/* The idea takes 10 a + b, the baseline 100 a; the control is the baseline times 1.0201. */
static const struct hb_claim_result *judge(const struct run *run)
{
	static struct run_experiment experiment;
	static const struct run_experiment *experiments[2];
	struct run_options options = {.smoke = run->smoke};
	struct hb_error error = {0};
	struct hb_rng rng;

	hb_rng_init(&rng, 3, 0);
	experiment = (struct run_experiment){.subproject = "spork",
		.name = "e",
		.question = "?",
		.metrics = metrics,
		.variants = variants,
		.points = points,
		.claims_json = run->claims,
		.blocks = run->blocks};
	experiments[0] = &experiment;
	run_writer_open(&writer, experiments, &options);
	for (uint32_t n = 0; n < run->blocks * 12; n++) {
		uint32_t p = n / 3 % 4, arm = n % 3;
		double a = p / 2 + 1, b = p % 2 + 1;
		double value = (arm == 1 ? 10 * a + b : 100 * a * (arm == 2 ? 1.0201 : 1)) *
			       exp(run->noise * hb_rng_normal(&rng));
		bool fails = arm == 1 && run->idea_status;

		run_writer_trial(&writer, &(struct run_trial){.point = p,
						  .block = n / 12,
						  .arm = arm,
						  .values = fails ? NULL : &value,
						  .status = fails ? run->idea_status : NULL,
						  .detail = "needs hugepages"});
	}
	run_writer_close(&writer);
	cr_assert_eq(hb_analysis_open(writer.dir, &analysis, &error), 0, "%s", error.text);
	cr_assert_eq(analysis.summary.claim_count, (size_t)1);
	return &analysis.summary.claims[0];
}

static void finish(void)
{
	hb_analysis_finish(&analysis);
	run_writer_remove(&writer);
}

Test(claim, where_names_points_by_whole_clauses)
{
	cr_expect(hb_claim_names_point("", "a=1;b=2"));
	cr_expect(hb_claim_names_point("b=2", "a=1;b=2"));
	cr_expect(hb_claim_names_point("b=2;a=1", "a=1;b=2"));
	cr_expect_not(hb_claim_names_point("b=2", "a=1;b=22"));
	cr_expect_not(hb_claim_names_point("a=1;b=3", "a=1;b=2"));
	cr_expect_not(hb_claim_names_point("c=1", "a=1;b=2"));
}

Test(claim, against_another_point_keeps_the_parameters_it_does_not_name)
{
	struct hb_plan_point plan_points[4] = {0};
	struct hb_plan_experiment experiment = {.points = plan_points, .point_count = 4};

	for (int i = 0; i < 4; i++)
		plan_points[i].params = (char *)points[i];
	cr_expect_eq(hb_claim_against_point(&experiment, 3, ""), 3);
	cr_expect_eq(hb_claim_against_point(&experiment, 3, "a=1"), 1);
	cr_expect_eq(hb_claim_against_point(&experiment, 3, "a=1;b=1"), 0);
	cr_expect_eq(hb_claim_against_point(&experiment, 3, "a=7"), -ENOENT);
}

Test(claim, of_one_point_is_the_paired_ratio_to_the_mean_of_both_baselines)
{
	const struct hb_claim_result *result = judge(&(struct run){
		CLAIM("a=1;b=1", "idea", "", "", "0.1", "0.12", ""), 8, 0, NULL, false});

	/* 11 / (100 sqrt(1.0201)) = 11 / 101 */
	cr_expect_float_eq(exp(result->ratio.estimate), 11.0 / 101, 1e-12);
	cr_expect_eq(result->verdict, HB_CLAIM_REPRODUCED);
	cr_expect_str_eq(result->method, "order statistics");
	finish();
}

Test(claim, across_two_points_pairs_a_variant_with_itself)
{
	const struct hb_claim_result *result = judge(&(struct run){
		CLAIM("a=2;b=1", "idea", "idea", "a=1", "1.5", "1.8", ""), 8, 0, NULL, false});

	cr_expect_float_eq(exp(result->ratio.estimate), 21.0 / 11, 1e-12);
	cr_expect_eq(result->verdict, HB_CLAIM_NOT_REPRODUCED);
	finish();
}

Test(claim, of_the_baseline_at_two_points_takes_both_of_its_runs)
{
	const struct hb_claim_result *result = judge(&(struct run){
		CLAIM("a=2;b=1", "base", "base", "a=1", "1.9", "2.1", ""), 8, 0, NULL, false});

	cr_expect_float_eq(exp(result->ratio.estimate), 2, 1e-12);
	cr_expect_eq(result->verdict, HB_CLAIM_REPRODUCED);
	finish();
}

Test(claim, over_several_points_is_their_geometric_mean_with_a_bootstrap)
{
	struct run run = {CLAIM("", "idea", "", "", "0.05", "0.2", ""), 12, 0.02, NULL, false};
	double truth = pow(11.0 / 101 * 12 / 101 * 21 / 202 * 22 / 202, 0.25), first;
	const struct hb_claim_result *result = judge(&run);

	cr_expect_eq(result->points, 4u);
	cr_expect_str_eq(result->method, "BCa bootstrap");
	cr_expect(fabs(exp(result->ratio.estimate) / truth - 1) < 0.02);
	cr_expect(exp(result->ratio.lo) < truth && truth < exp(result->ratio.hi));
	cr_expect(result->ratio.lo < result->ratio.estimate);
	cr_expect_eq(result->verdict, HB_CLAIM_REPRODUCED);
	first = result->ratio.lo;
	finish();
	cr_expect_eq(judge(&run)->ratio.lo, first, "the bootstrap is seeded");
	finish();
}

Test(claim, at_the_edge_of_its_range_is_inconclusive)
{
	const struct hb_claim_result *result = judge(&(struct run){
		CLAIM("a=1;b=1", "idea", "", "", "0", "0.1089", ""), 12, 0.05, NULL, false});

	cr_expect_eq(result->verdict, HB_CLAIM_INCONCLUSIVE);
	finish();
}

Test(claim, with_too_few_blocks_is_inconclusive_and_a_smoke_run_says_smoke)
{
	const struct hb_claim_result *result = judge(
		&(struct run){CLAIM("a=1;b=1", "idea", "", "", "0", "1", ""), 5, 0, NULL, false});

	cr_expect_eq(result->verdict, HB_CLAIM_INCONCLUSIVE);
	finish();
	result = judge(
		&(struct run){CLAIM("a=1;b=1", "idea", "", "", "0", "1", ""), 2, 0, NULL, true});
	cr_expect_eq(result->verdict, HB_CLAIM_SMOKE);
	finish();
}

Test(claim, that_was_skipped_needs_hardware_only_if_it_says_so)
{
	const struct hb_claim_result *result = judge(&(struct run){
		CLAIM("a=1;b=1", "idea", "", "", "0", "1", "hugepages"), 6, 0, "skipped", false});

	cr_expect_eq(result->verdict, HB_CLAIM_NEEDS_HARDWARE);
	cr_expect_str_eq(result->reason, "needs hugepages");
	finish();
	result = judge(&(struct run){
		CLAIM("a=1;b=1", "idea", "", "", "0", "1", ""), 6, 0, "skipped", false});
	cr_expect_eq(result->verdict, HB_CLAIM_NOT_RUN);
	finish();
}

Test(claim, of_a_point_outside_the_plan_is_not_run)
{
	const struct hb_claim_result *result =
		judge(&(struct run){CLAIM("a=9", "idea", "", "", "0", "1", ""), 6, 0, NULL, false});

	cr_expect_eq(result->verdict, HB_CLAIM_NOT_RUN);
	finish();
}

Test(claim, rests_on_nothing_where_outputs_were_wrong)
{
	const struct hb_claim_result *result = judge(&(struct run){
		CLAIM("a=1;b=1", "idea", "", "", "0", "1", ""), 12, 0, "verify_failed", false});

	cr_expect_eq(result->verdict, HB_CLAIM_INCONCLUSIVE);
	cr_expect_not_null(strstr(result->reason, "invalid"));
	finish();
}

Test(claim, to_infinity_is_reproduced_by_any_larger_ratio)
{
	const struct hb_claim_result *result = judge(&(struct run){
		CLAIM("a=1;b=1", "base", "idea", "", "5", "inf", ""), 8, 0, NULL, false});

	cr_expect_eq(result->verdict, HB_CLAIM_REPRODUCED);
	finish();
}
