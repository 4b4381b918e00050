/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The paper's running example, and its threshold. Figures of the planning trials with another simulator (design page,
 * section 2): never stuck for queues up to 56, 29.5 % at 60, 95.5 % at 65, always from 75 on; the queue has drained
 * after 33 s at 35 and 205 s at 56.
 */
#include <math.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>

#include "scenario.h"

static struct ms_study study(const struct ms_model *model, uint32_t runs, bool early)
{
	const struct ms_study_options options = {.runs = runs, .run.stop_at_recovery = early};
	struct hb_error error = {0};
	struct ms_study result;

	cr_assert_eq(ms_study_run(model, &options, 1, &result, &error), 0, "%s", error.text);
	cr_assert_eq(result.runs, runs);
	return result;
}

static struct ms_study at_queue(const char *queue, uint32_t runs, bool early)
{
	struct ms_model model = scenario_model(RUNNING_EXAMPLE, queue);

	return study(&model, runs, early);
}

Test(running_example, short_queues_recover_and_long_ones_stay_down)
{
	cr_assert_eq(at_queue("db.queue=35", 60, true).stuck, 0);
	cr_assert_eq(at_queue("db.queue=50", 60, true).stuck, 0);
	cr_assert_eq(at_queue("db.queue=55", 60, true).stuck, 0);
	cr_assert_eq(at_queue("db.queue=75", 60, true).stuck, 60);
	cr_assert_eq(at_queue("db.queue=150", 60, true).stuck, 60);
}

Test(running_example, knee_lies_between_56_and_70)
{
	struct ms_study at60 = at_queue("db.queue=60", 200, true);
	struct ms_study at65 = at_queue("db.queue=65", 200, true);

	cr_assert(at60.p_stuck.estimate > 0.08 && at60.p_stuck.estimate < 0.4, "%g",
		at60.p_stuck.estimate);
	cr_assert(at65.p_stuck.estimate > 0.85 && at65.p_stuck.estimate < 1, "%g",
		at65.p_stuck.estimate);
}

Test(running_example, drains_as_fast_as_in_the_planning_trials)
{
	struct ms_study at35 = at_queue("db.queue=35", 100, false);
	struct ms_study at50 = at_queue("db.queue=50", 100, false);
	struct ms_study at56 = at_queue("db.queue=56", 100, false);

	cr_assert_float_eq(at35.drained_s.mean, 33, 3);
	cr_assert_float_eq(at50.drained_s.mean, 63, 8);
	cr_assert_float_eq(at56.drained_s.mean, 205, 50);
	cr_assert(at35.recovery_s.mean <= at35.drained_s.mean);
}

Test(running_example, threshold_of_deep_queues_is_one_over_one_plus_retries)
{
	/* r = 2: 10/s over 3 are 3.33/s. Near it the burst's 1000 jobs take 2500 s to drain. */
	struct ms_model model =
		scenario_model(RUNNING_EXAMPLE, "db.queue=1000 c.retry=2 horizon=10000s");

	model.clients[0].rate_per_s = 3.2;
	cr_assert_eq(study(&model, 20, true).stuck, 0);
	model.clients[0].rate_per_s = 3.45;
	cr_assert(study(&model, 20, true).stuck >= 19);
	/* r = 5: 1.67/s. */
	model.clients[0].retries = 5;
	model.clients[0].rate_per_s = 1.6;
	cr_assert(study(&model, 20, true).stuck <= 1);
	model.clients[0].rate_per_s = 1.73;
	cr_assert(study(&model, 20, true).stuck >= 19);
}

Test(study, result_does_not_depend_on_the_number_of_threads)
{
	struct ms_model model = scenario_model(RUNNING_EXAMPLE, "db.queue=60");
	struct ms_study results[2];

	for (unsigned int i = 0; i < 2; i++) {
		const struct ms_study_options options = {.runs = 60,
			.threads = i + 1,
			.half_width = 0.15,
			.run.stop_at_recovery = true};

		cr_assert_eq(ms_study_run(&model, &options, 9, &results[i], NULL), 0);
	}
	cr_assert_eq(results[0].runs, results[1].runs);
	cr_assert_eq(results[0].events, results[1].events);
	cr_assert_eq(results[0].stuck, results[1].stuck);
	cr_assert_eq(results[0].recovery_s.mean, results[1].recovery_s.mean);
}

Test(study, batches_are_the_runs_that_there_would_be_without_them)
{
	struct ms_model model = scenario_model(RUNNING_EXAMPLE, "db.queue=60");
	const struct ms_study_options whole = {.runs = 30, .run.stop_at_recovery = true};
	struct ms_study_options batches = whole;
	struct ms_study results[2];

	/* Narrower than 30 runs can be: it never stops early. */
	batches.half_width = 1e-6;
	cr_assert_eq(ms_study_run(&model, &whole, 1, &results[0], NULL), 0);
	cr_assert_eq(ms_study_run(&model, &batches, 1, &results[1], NULL), 0);
	cr_assert_eq(results[1].runs, 30);
	cr_assert_eq(results[0].events, results[1].events);
	cr_assert_eq(results[0].recovery_s.mean, results[1].recovery_s.mean);
}

Test(study, stops_when_the_answer_is_clear)
{
	struct ms_model model = scenario_model(RUNNING_EXAMPLE, "db.queue=35");
	const struct ms_study_options options = {
		.runs = 200, .decide = true, .run.stop_at_recovery = true};
	struct ms_study result;

	cr_assert_eq(ms_study_run(&model, &options, 1, &result, NULL), 0);
	cr_assert_eq(result.runs, MS_STUDY_BATCH);
	cr_assert(result.p_stuck.hi < 0.5);
}

Test(study, common_random_numbers_compare_two_queues)
{
	struct ms_model low = scenario_model(RUNNING_EXAMPLE, "db.queue=60");
	struct ms_model high = scenario_model(RUNNING_EXAMPLE, "db.queue=66");
	const struct ms_study_options options = {.runs = 60, .run.stop_at_recovery = true};
	struct hb_interval difference;

	cr_assert_eq(ms_study_compare(&low, &high, &options, 1, &difference, NULL), 0);
	cr_assert(difference.lo > 0.4, "%g", difference.lo);
	cr_assert_eq(ms_study_compare(&low, &low, &options, 1, &difference, NULL), 0);
	cr_assert_eq(difference.estimate, 0);
	cr_assert_eq(difference.hi, 0);
}

Test(study, bands_show_the_burst_and_what_it_leaves)
{
	struct ms_model model = scenario_model(RUNNING_EXAMPLE, NULL);
	const struct ms_study_options options = {.runs = 20, .series = true, .run.end_s = 1500};
	struct ms_study result;
	const struct ms_band *jobs, *requests, *goodput;

	cr_assert_eq(ms_study_run(&model, &options, 1, &result, NULL), 0);
	cr_assert_eq(result.bin_s, 1);
	cr_assert_eq(result.bins, 1500);
	jobs = result.bands + MS_SERIES_JOBS * (size_t)result.bins;
	requests = result.bands + MS_SERIES_REQUESTS * (size_t)result.bins;
	goodput = result.bands + MS_SERIES_GOODPUT * (size_t)result.bins;
	cr_assert(jobs[250].p90 < 20);
	cr_assert(jobs[890].p10 > 140);
	cr_assert(jobs[1490].p10 > 140);
	cr_assert(requests[250].p50 >= 4 && requests[250].p50 <= 6);
	cr_assert(requests[600].p50 >= 13 && requests[600].p50 <= 17);
	cr_assert_eq(goodput[1490].p90, 0);
	ms_study_finish(&result);
}
