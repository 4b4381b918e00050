/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>

#include "manifest.h"
#include "plan.h"
#include "plan_build.h"
#include "plan_limits.h"

static struct hb_manifest manifest;

static void setup(void)
{
	struct hb_error error = {0};

	cr_assert_eq(hb_manifest_load(FAKE_DRIVERS, &manifest, &error), 0, "%s", error.text);
	cr_assert_eq(manifest.count, 1);
	cr_assert_null(manifest.drivers[0].fault, "%s", manifest.drivers[0].fault);
}

static void teardown(void)
{
	hb_manifest_finish(&manifest);
}

TestSuite(plan, .init = setup, .fini = teardown);

static int identify(
	const char *const *paths, void *user, struct hb_env *ret, struct hb_error *reterr)
{
	(void)user;
	(void)reterr;
	cr_assert(paths[0] && !strcmp(paths[0], manifest.drivers[0].path));
	*ret = (struct hb_env){"0123456789ab", "123456789abc", "23456789abcd"};
	return 0;
}

static struct hb_plan_request request_for(const char *const *operands)
{
	return (struct hb_plan_request){
		.mode = HB_PLAN_DEFAULT,
		.operands = operands,
		.seed = 1,
		.manifest = &manifest,
		.run_id = "01890000-0000-7000-8000-000000000000",
		.created_utc = "2026-01-31T00:00:00.000000000Z",
		.identify = identify,
	};
}

static void build(
	const struct hb_plan_request *request, struct hb_plan *plan, struct hb_plan_text *text)
{
	struct hb_error error = {0};

	cr_assert_eq(hb_plan_build(request, text, &error), 0, "%s", error.text);
	cr_assert_eq(hb_plan_parse(text->text, text->length_bytes, "plan.json", plan, &error), 0,
		"%s", error.text);
}

static void expect_refused(const struct hb_plan_request *request, int code, const char *words)
{
	struct hb_plan_text text = {0};
	struct hb_error error = {0};

	cr_assert_eq(hb_plan_build(request, &text, &error), code);
	cr_assert(strstr(error.text, words), "'%s' is not in '%s'", words, error.text);
	cr_assert_null(text.text);
}

Test(plan, a_built_plan_reads_back_as_it_was_asked_for)
{
	static const char *const operands[] = {"fake/trivial", NULL};
	static const char *const sets[] = {"n=1,2,3", NULL};
	struct hb_plan_request request = request_for(operands);
	struct hb_plan_text text;
	struct hb_plan plan;

	request.sets = sets;
	build(&request, &plan, &text);
	cr_assert_str_eq(plan.run_id, request.run_id);
	cr_assert_str_eq(plan.mode, "default");
	cr_assert_str_eq(plan.build_id, "23456789abcd");
	cr_assert(plan.verdicts);
	cr_assert_eq(plan.experiment_count, 1);
	cr_assert_eq(plan.experiments[0].point_count, 3);
	cr_assert_str_eq(plan.experiments[0].points[2].params, "n=3");
	cr_assert_eq(plan.experiments[0].variant_count, 2);
	cr_assert_str_eq(plan.experiments[0].variants[1].role, "idea");
	cr_assert_eq(plan.block_count, 3 * 12);
	cr_assert_eq(text.trial_count, 3 * 12 * 3);
	hb_plan_finish(&plan);
	free(text.text);
}

Test(plan, blocks_of_one_number_share_a_seed_across_points_and_no_others_do)
{
	static const char *const operands[] = {"fake/trivial", NULL};
	static const char *const sets[] = {"n=1,2,3", NULL};
	struct hb_plan_request request = request_for(operands);
	struct hb_plan_text text;
	struct hb_plan plan;

	request.sets = sets;
	build(&request, &plan, &text);
	for (size_t i = 0; i < plan.block_count; i++)
		for (size_t j = 0; j < plan.block_count; j++)
			cr_assert_eq(plan.blocks[i].seed == plan.blocks[j].seed,
				plan.blocks[i].block == plan.blocks[j].block);
	hb_plan_finish(&plan);
	free(text.text);
}

/* Drift must not align with a parameter: every round has all points, each time in another order. */
Test(plan, every_round_has_every_point_once_in_an_order_of_its_own)
{
	static const char *const operands[] = {"fake/trivial", NULL};
	static const char *const sets[] = {"n=1,2,3,4,5,6,7,8", NULL};
	struct hb_plan_request request = request_for(operands);
	struct hb_plan_text text;
	struct hb_plan plan;
	uint64_t orders[12] = {0};

	request.sets = sets;
	build(&request, &plan, &text);
	cr_assert_eq(plan.block_count, 8 * 12);
	for (uint32_t round = 0; round < 12; round++) {
		uint32_t seen = 0;

		for (uint32_t i = 0; i < 8; i++) {
			cr_assert_eq(plan.blocks[round * 8 + i].block, round);
			seen |= 1u << plan.blocks[round * 8 + i].point;
			orders[round] = orders[round] * 8 + plan.blocks[round * 8 + i].point;
		}
		cr_assert_eq(seen, 0xff);
		for (uint32_t other = 0; other < round; other++)
			cr_assert_neq(
				orders[round], orders[other], "rounds %u and %u", round, other);
	}
	hb_plan_finish(&plan);
	free(text.text);
}

Test(plan, an_experiment_has_the_same_seeds_whatever_else_runs)
{
	static const char *const alone[] = {"fake/trivial", NULL};
	static const char *const both[] = {"fake/synthetic", "fake/trivial", NULL};
	struct hb_plan_request a = request_for(alone), b = request_for(both);
	struct hb_plan_text text_a, text_b;
	struct hb_plan plan_a, plan_b;

	build(&a, &plan_a, &text_a);
	build(&b, &plan_b, &text_b);
	int e = hb_plan_find_experiment(&plan_b, "fake", "trivial");

	cr_assert(e >= 0);
	for (size_t i = 0, j = 0; i < plan_b.block_count; i++) {
		if (plan_b.blocks[i].experiment != (uint32_t)e)
			continue;
		cr_assert_eq(plan_b.blocks[i].seed, plan_a.blocks[j].seed);
		cr_assert_arr_eq(plan_b.blocks[i].order, plan_a.blocks[j].order,
			plan_a.blocks[j].slot_count * sizeof(uint16_t));
		j++;
	}
	hb_plan_finish(&plan_a);
	hb_plan_finish(&plan_b);
	free(text_a.text);
	free(text_b.text);
}

Test(plan, the_same_request_gives_the_same_bytes)
{
	struct hb_plan_request request = request_for(NULL);
	struct hb_plan_text a, b;

	cr_assert_eq(hb_plan_build(&request, &a, NULL), 0);
	cr_assert_eq(hb_plan_build(&request, &b, NULL), 0);
	cr_assert_str_eq(a.text, b.text);
	request.seed = 2;
	free(b.text);
	cr_assert_eq(hb_plan_build(&request, &b, NULL), 0);
	cr_assert_str_neq(a.text, b.text);
	free(a.text);
	free(b.text);
}

Test(plan, a_wrong_name_is_answered_with_the_nearest_right_one)
{
	static const char *const operands[] = {"fake/trivail", NULL};
	static const char *const good[] = {"fake/trivial", NULL};
	static const char *const sets[] = {"m=1", NULL};
	struct hb_plan_request request = request_for(operands);

	expect_refused(&request, -EINVAL, "did you mean 'fake/trivial'?");
	request.operands = good;
	request.sets = sets;
	expect_refused(&request, -EINVAL, "no chosen experiment has a parameter 'm'");
}

Test(plan, a_value_that_the_driver_refuses_is_answered_with_its_words)
{
	static const char *const operands[] = {"fake/trivial", NULL};
	static const char *const sets[] = {"n=refused", NULL};
	struct hb_plan_request request = request_for(operands);

	request.sets = sets;
	expect_refused(&request, -EINVAL, "a number is expected");
}

Test(plan, absurd_options_are_refused)
{
	static const char *const operands[] = {"fake/trivial", NULL};
	static const char *const bad[][2] = {{"n", NULL}, {"=1", NULL}, {"n=", NULL}, {"", NULL}};
	struct hb_plan_request request = request_for(operands);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		request.sets = bad[i];
		expect_refused(&request, -EINVAL, "--set");
	}
	request.sets = NULL;
	request.filters = bad[0];
	expect_refused(&request, -EINVAL, "--filter");
	static const char *const none[] = {"n=77", NULL};

	request.filters = none;
	expect_refused(&request, -ENODATA, "--filter");
}

Test(plan, filters_choose_points_and_variants_but_never_drop_the_baseline)
{
	static const char *const operands[] = {"fake/behave", NULL};
	static const char *const filters[] = {"variant=wrong-*", NULL};
	struct hb_plan_request request = request_for(operands);
	struct hb_plan_text text;
	struct hb_plan plan;

	request.filters = filters;
	build(&request, &plan, &text);
	cr_assert_eq(plan.experiments[0].variant_count, 3);
	cr_assert_str_eq(plan.experiments[0].variants[plan.experiments[0].baseline].name, "good");
	hb_plan_finish(&plan);
	free(text.text);
}

Test(plan, points_above_the_free_memory_are_kept_named_and_without_blocks)
{
	static const char *const operands[] = {"fake/giant", "fake/trivial", NULL};
	struct hb_plan_request request = request_for(operands);
	struct hb_plan_text text;
	struct hb_plan plan;

	request.free_bytes = UINT64_C(1) << 33;
	build(&request, &plan, &text);
	int giant = hb_plan_find_experiment(&plan, "fake", "giant");

	cr_assert(giant >= 0);
	cr_assert_eq(text.skipped_points, 1);
	cr_assert(strstr(plan.experiments[giant].points[0].skip, "GiB"));
	for (size_t i = 0; i < plan.block_count; i++)
		cr_assert(plan.blocks[i].experiment != (uint32_t)giant);
	hb_plan_finish(&plan);
	free(text.text);
}

Test(plan, a_headline_plan_has_the_headline_experiments_only)
{
	struct hb_plan_request request = request_for(NULL);
	struct hb_plan_text text;
	struct hb_plan plan;

	request.mode = HB_PLAN_HEADLINE;
	build(&request, &plan, &text);
	cr_assert_eq(plan.experiment_count, 1);
	cr_assert_str_eq(plan.experiments[0].experiment, "trivial");
	cr_assert_str_eq(plan.mode, "headline");
	hb_plan_finish(&plan);
	free(text.text);
}

Test(plan, two_builds_meet_as_baseline_and_idea_of_one_variant)
{
	static const char *const operands[] = {"fake/trivial", NULL};
	struct hb_plan_request request = request_for(operands);
	struct hb_plan_text text;
	struct hb_plan plan;

	request.against = &manifest;
	build(&request, &plan, &text);
	cr_assert_eq(plan.driver_count, 2);
	cr_assert_eq(plan.experiment_count, 2);
	const struct hb_plan_experiment *e = &plan.experiments[0];

	cr_assert_str_eq(e->experiment, "trivial:plain");
	cr_assert_str_eq(e->variants[e->baseline].name, "plain@against");
	cr_assert_str_eq(e->variants[e->baseline].driver_variant, "plain");
	cr_assert_eq(e->variants[e->baseline].driver, 1);
	cr_assert_str_eq(e->variants[1].name, "plain");
	cr_assert_str_eq(e->variants[1].role, "idea");
	cr_assert_eq(e->variants[1].driver, 0);
	hb_plan_finish(&plan);
	free(text.text);
}

static struct hb_plan_text small_plan(void)
{
	static const char *const operands[] = {"fake/random", NULL};
	struct hb_plan_request request = request_for(operands);
	struct hb_plan_text text;

	cr_assert_eq(hb_plan_build(&request, &text, NULL), 0);
	return text;
}

Test(plan, a_plan_cut_at_any_byte_is_refused)
{
	struct hb_plan_text text = small_plan();
	size_t end = text.length_bytes;

	while (text.text[end - 1] != '}')
		end--;
	for (size_t cut = 0; cut < end; cut++) {
		struct hb_plan plan;
		struct hb_error error = {0};

		cr_assert_eq(hb_plan_parse(text.text, cut, "plan.json", &plan, &error), -EBADMSG,
			"cut at %zu", cut);
		cr_assert(error.text[0]);
	}
	free(text.text);
}

/* Replace @from (which must occur) by @to and expect the parser to say @words. */
static void expect_bad(const char *from, const char *to, const char *words)
{
	struct hb_plan_text text = small_plan();
	char *at = strstr(text.text, from), *changed;
	struct hb_plan plan;
	struct hb_error error = {0};

	cr_assert(at, "'%s' is not in the plan", from);
	cr_assert(asprintf(&changed, "%.*s%s%s", (int)(at - text.text), text.text, to,
			  at + strlen(from)) > 0);
	cr_assert_eq(hb_plan_parse(changed, strlen(changed), "plan.json", &plan, &error), -EBADMSG,
		"%s instead of %s was accepted", to, from);
	cr_assert(strstr(error.text, words), "'%s' is not in '%s'", words, error.text);
	free(changed);
	free(text.text);
}

Test(plan, every_index_and_name_from_outside_is_checked)
{
	expect_bad("hotbed.plan/1", "hotbed.plan/2", "not known");
	expect_bad("\"e\":0", "\"e\":1", "outside");
	expect_bad("\"p\":0", "\"p\":1", "outside");
	expect_bad("\"b\":0", "\"b\":6", "outside");
	expect_bad("\"b\":1", "\"b\":0", "twice");
	expect_bad("\"e\":0", "\"e\":-1", "e");
	expect_bad("\"e\":0", "\"e\":0.5", "e");
	expect_bad("\"baseline\":\t0", "\"baseline\":\t2", "outside");
	expect_bad("\"driver\":\t0", "\"driver\":\t1", "outside");
	expect_bad("6,\n\t\t\t\"until_ci\"", "0,\n\t\t\t\"until_ci\"", "outside");
	expect_bad("[\"plain\", \"other\"]", "[\"plain\", \"nobody\"]", "nobody");
	expect_bad("[\"plain\", \"other\"]", "[]", "baseline");
	expect_bad("\"n=1\"", "\"n=1;\"", "k=v");
	expect_bad("\"n=1\"", "\"n=/etc\"", "k=v");
	expect_bad("\"order\":\"", "\"order\":\"9", "permutation");
	expect_bad("\"experiment\":\t\"random\"", "\"experiment\":\t\"../x\"", "name");
}

Test(plan, a_changed_byte_anywhere_neither_crashes_nor_reads_out_of_bounds)
{
	struct hb_plan_text text = small_plan();
	static const char bytes[] = {
		'"', '{', '}', '[', ']', ',', '0', '9', '\\', '\0', '-', (char)0xff};

	for (size_t i = 0; i < text.length_bytes; i++) {
		char kept = text.text[i];

		for (size_t b = 0; b < sizeof(bytes); b += 1 + i % 3) {
			struct hb_plan plan;

			text.text[i] = bytes[b];
			if (hb_plan_parse(text.text, text.length_bytes, "plan.json", &plan, NULL) ==
				0)
				hb_plan_finish(&plan);
		}
		text.text[i] = kept;
	}
	free(text.text);
}

Test(plan, parameters_are_pairs_of_plain_characters)
{
	static const char *const good[] = {"", "a=1", "a=1;b=x.Y_z+-"};
	static const char *const bad[] = {
		"a", "=1", "a=", "a=1;", ";a=1", "a=1;b", "a=b=c", "a=1 ", "a=\"", "a=,"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert(hb_plan_params_valid(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(!hb_plan_params_valid(bad[i]), "%s", bad[i]);
}
