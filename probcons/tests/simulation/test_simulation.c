/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The replicated log keeps its promises in every schedule, one seed gives the same steps, and what can go wrong did go
 * wrong while they were kept. HB_NIGHTLY=1: a million schedules.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include <probcons/simulation.h>

#define NODES 5
#define SCHEDULES 100
#define SCHEDULES_NIGHTLY 200000 /* of each of five variants */

static uint64_t seed(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t value = text ? strtoull(text, NULL, 10) : 1;

	(void)printf("HB_SEED=%" PRIu64 "\n", value);
	return value;
}

static uint64_t schedules(void)
{
	return getenv("HB_NIGHTLY") ? SCHEDULES_NIGHTLY : SCHEDULES;
}

static void options_of(enum pc_variant variant, struct pc_simulation_options *ret)
{
	*ret = (struct pc_simulation_options){
		.variant = variant, .nodes = NODES, .seed = seed(), .linearizable = true};
	pc_rule_init(&ret->rule, (1 << NODES) - 1);
	if (variant == PC_V1) {
		ret->rule.need_per = 2;
		ret->rule.need_vc = 4;
	} else if (variant == PC_V2) {
		for (uint32_t n = 0; n < 3; n++)
			pc_rule_set_votes(&ret->rule, n, 3);
	} else if (variant == PC_V4) {
		for (uint32_t n = 0; n < NODES; n++)
			ret->ranks[n] = (uint8_t)n;
	}
}

static void run(const struct pc_simulation_options *options, uint64_t count,
	struct pc_simulation_report *report)
{
	struct pc_simulation *simulation;
	struct hb_error error = {0};

	*report = (struct pc_simulation_report){0};
	cr_assert_eq(pc_simulation_create(options, &simulation, &error), 0, "%s", error.text);
	for (uint64_t i = 0; i < count; i++)
		cr_assert_eq(pc_simulation_run(simulation, i, report, &error), 0, "%s", error.text);
	pc_simulation_destroy(simulation);
}

static struct pc_simulation_report report;

static void expect_promises_kept(enum pc_variant variant)
{
	struct pc_simulation_options options;
	uint64_t count = schedules();

	options_of(variant, &options);
	run(&options, count, &report);
	cr_assert_eq(report.violation_count, 0, "schedule %" PRIu64 ": %s",
		report.violations[0].schedule, report.violations[0].text);
	cr_assert_eq(report.schedules, count);
	cr_assert_eq(report.undecided, 0);
	cr_assert(report.elections > count && report.commits > 20 * count);
	/* A wipe that leaves no quorum is possible and rare. */
	cr_assert(report.coverage[PC_SAW_STUCK] <= count / 50);
	for (int i = 0; i < PC_COVERAGE_COUNT; i++) {
		bool rare = i == PC_SAW_STUCK || i == PC_SAW_CHANGE_REVERTED;

		cr_assert(rare || report.coverage[i] > 0, "no schedule had %s",
			pc_simulation_coverage_name((enum pc_coverage)i));
	}
}

Test(simulation, majority_keeps_its_promises)
{
	expect_promises_kept(PC_V0);
}

Test(simulation, flexible_quorums_keep_them)
{
	expect_promises_kept(PC_V1);
}

Test(simulation, weighted_quorums_keep_them)
{
	expect_promises_kept(PC_V2);
}

Test(simulation, rules_that_change_keep_them)
{
	expect_promises_kept(PC_V3);
}

Test(simulation, leaders_by_rank_keep_them)
{
	expect_promises_kept(PC_V4);
}

Test(simulation, one_seed_gives_the_same_steps)
{
	static struct pc_simulation_report again, other;
	struct pc_simulation_options options;

	options_of(PC_V3, &options);
	run(&options, 20, &report);
	run(&options, 20, &again);
	cr_assert_eq(report.trace_hash, again.trace_hash);
	cr_assert_arr_eq(&report, &again, sizeof(report));
	options.seed++;
	run(&options, 20, &other);
	cr_assert(report.trace_hash != other.trace_hash);
}

Test(simulation, a_schedule_is_the_same_whatever_ran_before)
{
	static struct pc_simulation_report alone;
	struct pc_simulation_options options;
	struct pc_simulation *simulation;

	options_of(PC_V0, &options);
	for (uint64_t i = 0; i < 5; i++) {
		report = (struct pc_simulation_report){0};
		cr_assert_eq(pc_simulation_create(&options, &simulation, NULL), 0);
		cr_assert_eq(pc_simulation_run(simulation, 7, &report, NULL), 0);
		if (i == 0)
			alone = report;
		pc_simulation_destroy(simulation);
		cr_assert_eq(report.trace_hash, alone.trace_hash);
	}
	cr_assert_eq(pc_simulation_create(&options, &simulation, NULL), 0);
	for (uint64_t i = 0; i < 7; i++)
		cr_assert_eq(pc_simulation_run(simulation, i, &report, NULL), 0);
	report = (struct pc_simulation_report){0};
	cr_assert_eq(pc_simulation_run(simulation, 7, &report, NULL), 0);
	cr_assert_eq(report.trace_hash, alone.trace_hash);
	pc_simulation_destroy(simulation);
}

/* What is known to be unsafe must be seen to be: committees of 2 of 5 miss each other often and do harm. */
Test(simulation, committees_that_need_not_meet_do_harm_as_often_as_declared)
{
	struct pc_simulation_options options;
	double declared, observed;

	options_of(PC_V5, &options);
	options.linearizable = false;
	options.committee_per = options.committee_vc = 2;
	run(&options, schedules() * 10, &report);
	cr_assert_eq(report.violation_count, 0);
	cr_assert(report.committee_trials > 100, "%" PRIu64 " elections", report.committee_trials);
	cr_assert(report.harmed > 0);
	/* An upper bound: a committee that was asked and has newer entries refuses, and the candidate draws again. */
	declared = 3.0 / 10; /* C(3,2) / C(5,2) */
	observed = (double)report.committee_misses / (double)report.committee_trials;
	cr_assert(observed > 0 && observed < 1.0, "%g, declared %g", observed, declared);
}

Test(simulation, rules_whose_quorums_need_not_meet_are_refused)
{
	struct pc_simulation_options options;
	struct pc_simulation *simulation;
	struct hb_error error = {0};

	options_of(PC_V1, &options);
	options.rule.need_vc = 3;
	cr_assert(pc_simulation_create(&options, &simulation, &error) < 0);
	cr_assert(strstr(error.text, "need not meet"));
}
