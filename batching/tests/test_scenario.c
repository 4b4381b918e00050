/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include <batching/scenario.h>

Test(scenario, the_papers_three_clients)
{
	static const struct {
		double c, mean, finish, batched_mean, batched_finish;
		enum bat_verdict verdict;
	} rows[] = {
		{1, 13, 19, 12, 13, BAT_VERDICT_BOTH},
		{2, 14, 20, 14, 16, BAT_VERDICT_THROUGHPUT},
		{3, 15, 21, 16, 19, BAT_VERDICT_THROUGHPUT},
		{4, 16, 22, 18, 22, BAT_VERDICT_NEITHER},
		{5, 17, 23, 20, 25, BAT_VERDICT_NEITHER},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bat_scenario scenario = {
			.requests = 3, .alpha = 2, .beta = 4, .client = rows[i].c};
		struct bat_comparison got;

		cr_assert_eq(bat_scenario_compare(&scenario, &got, NULL), 0);
		cr_assert_eq(got.unbatched.mean, rows[i].mean);
		cr_assert_eq(got.unbatched.finish, rows[i].finish);
		cr_assert_eq(got.batched.mean, rows[i].batched_mean);
		cr_assert_eq(got.batched.finish, rows[i].batched_finish);
		cr_assert_eq(got.verdict, rows[i].verdict);
	}
}

/* Request by request, the slow way, is the oracle of the closed forms. */
Test(scenario, closed_forms_agree_with_the_recursion)
{
	struct hb_rng rng;

	hb_rng_init(&rng, 7, 0);
	for (int i = 0; i < 5000; i++) {
		struct bat_scenario scenario = {
			.requests = 1 + hb_rng_below(&rng, 40),
			.alpha = 10 * hb_rng_double(&rng),
			.beta = 10 * hb_rng_double(&rng),
			.client = 25 * hb_rng_double(&rng),
		};
		struct bat_comparison got;
		struct bat_outcome one, all;

		cr_assert_eq(bat_scenario_compare(&scenario, &got, NULL), 0);
		cr_assert_eq(bat_scenario_batched_by(&scenario, 1, &one, NULL), 0);
		cr_assert_eq(bat_scenario_batched_by(&scenario, scenario.requests, &all, NULL), 0);
		cr_assert(fabs(one.mean - got.unbatched.mean) <= 1e-12 * one.mean);
		cr_assert(fabs(one.finish - got.unbatched.finish) <= 1e-12 * one.finish);
		cr_assert(fabs(all.mean - got.batched.mean) <= 1e-12 * all.mean);
		cr_assert(fabs(all.finish - got.batched.finish) <= 1e-12 * all.finish);
	}
}

/* c < beta - alpha and c < beta, for every n; "latency only" cannot happen here. */
Test(scenario, boundaries_do_not_depend_on_the_number_of_requests)
{
	struct hb_rng rng;

	hb_rng_init(&rng, 8, 0);
	for (int i = 0; i < 5000; i++) {
		struct bat_scenario scenario = {
			.requests = 2 + hb_rng_below(&rng, 1000),
			.alpha = 0.1 * (double)(1 + hb_rng_below(&rng, 50)),
			.beta = 0.1 * (double)(1 + hb_rng_below(&rng, 50)),
			.client = 0.1 * (double)hb_rng_below(&rng, 120),
		};
		struct bat_comparison got;
		bool latency = scenario.client < scenario.beta - scenario.alpha - 1e-9;
		bool throughput = scenario.client < scenario.beta - 1e-9;

		cr_assert_eq(bat_scenario_compare(&scenario, &got, NULL), 0);
		cr_assert_eq(got.verdict, (latency ? BAT_VERDICT_LATENCY : 0) |
						  (throughput ? BAT_VERDICT_THROUGHPUT : 0));
		cr_assert_neq(got.verdict, BAT_VERDICT_LATENCY);
	}
}

Test(scenario, values_out_of_range_are_refused)
{
	const struct bat_scenario good = {.requests = 3, .alpha = 2, .beta = 4, .client = 1};
	struct bat_scenario bad[] = {good, good, good, good};
	struct bat_comparison got = {.verdict = BAT_VERDICT_BOTH};
	struct bat_outcome outcome;
	struct hb_error error = {0};

	bad[0].requests = 0;
	bad[1].alpha = -1;
	bad[2].beta = NAN;
	bad[3].client = INFINITY;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(bat_scenario_compare(&bad[i], &got, &error), -EINVAL);
	cr_assert_eq(got.verdict, BAT_VERDICT_BOTH);
	cr_assert_eq(bat_scenario_batched_by(&good, 0, &outcome, &error), -EINVAL);
	cr_assert_eq(bat_scenario_batched_by(&good, 4, &outcome, &error), -EINVAL);
}
