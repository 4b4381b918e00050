/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <probcons/poisson_binomial.h>
#include <probcons/repair_chain.h>

#include "enumeration.h"

static struct pc_repair_result steady(const struct pc_repair_class *classes, uint32_t count,
	uint32_t live, uint32_t commit, double election)
{
	struct pc_repair_model model = {.classes = classes,
		.class_count = count,
		.votes_live = live,
		.votes_commit = commit,
		.election_hours = election};
	struct pc_repair_result result;
	struct hb_error error = {0};

	cr_assert_eq(pc_repair_steady(&model, &result, &error), 0, "%s", error.text);
	return result;
}

Test(repair_chain, mean_time_to_failure_has_the_published_anchors)
{
	static const double want[] = {154, 2270.2, 35912.43};

	for (uint32_t i = 0; i < 3; i++) {
		struct pc_repair_class class = {
			.count = 3 + 2 * i, .crash_per_hour = 1.0 / 12, .repair_per_hour = 6};
		struct pc_repair_result r = steady(&class, 1, 2 + i, 2 + i, 0);

		cr_assert(fabs(r.mttf_hours / want[i] - 1) < 5e-8, "%.17g", r.mttf_hours);
		cr_assert(isinf(r.mttdl_hours));
		cr_assert_eq(r.states, 4 + 2 * i);
	}
}

/*
 * Nodes of unlimited crews are independent: each is up, down or replaced with the shares of its own three-state
 * chain.
 */
Test(repair_chain, unlimited_crews_are_independent_nodes)
{
	struct pc_repair_class classes[2] = {
		{.count = 3,
			.crash_per_hour = 0.01,
			.repair_per_hour = 2,
			.wipe_per_hour = 1e-3,
			.replace_per_hour = 0.1},
		{.count = 4,
			.crash_per_hour = 0.2,
			.repair_per_hour = 1,
			.wipe_per_hour = 0.004,
			.replace_per_hour = 0.5},
	};
	struct pc_repair_result r = steady(classes, 2, 4, 3, 0);
	double q[7], want;

	for (int i = 0; i < 7; i++) {
		const struct pc_repair_class *c = &classes[i >= 3];
		/*
		 * Balance: down = up crash / (repair + wipe), replaced = (up + down) wipe / replace.
		 */
		double down = c->crash_per_hour / (c->repair_per_hour + c->wipe_per_hour);
		double replaced = (1 + down) * c->wipe_per_hour / c->replace_per_hour;

		q[i] = (down + replaced) / (1 + down + replaced);
	}
	cr_assert_eq(pc_poisson_binomial_tail(q, 7, 4, &want, NULL), 0);
	cr_assert(relative(r.unavailable_quorum, want) < 1e-13, "%.17g %.17g", r.unavailable_quorum,
		want);
	cr_assert_eq(r.unavailable_election, 0);
	cr_assert_eq(r.states, 10 * 15);
	cr_assert(r.mttdl_hours > r.mttf_hours);
}

Test(repair_chain, loss_without_replacement_is_the_binomial_tail_down_to_1e_minus_60)
{
	struct pc_repair_class class = {.count = 12, .wipe_per_hour = 1e-9};
	struct pc_repair_model model = {
		.classes = &class, .class_count = 1, .votes_live = 6, .votes_commit = 9};
	double q[12], want, got;

	for (double hours = 1; hours < 1e7; hours *= 100) {
		for (int i = 0; i < 12; i++)
			q[i] = -expm1(-1e-9 * hours);
		cr_assert_eq(pc_poisson_binomial_tail(q, 12, 9, &want, NULL), 0);
		cr_assert_eq(pc_repair_mission(&model, hours, NULL, &got, NULL), 0);
		cr_assert(relative(got, want) < 1e-12, "%g h: %.17g %.17g", hours, got, want);
	}
	cr_assert_eq(pc_repair_mission(&model, 1, NULL, &got, NULL), 0);
	cr_assert(got < 1e-75);
}

/*
 * Powder, one week, MTBF 30 d, recovery 20 min, election 5 s: corrected Monte-Carlo means, with the 99 %
 * half-widths as tolerance. The plateau is the leader's: 5 s / 30 d.
 */
Test(repair_chain, week_agrees_with_corrected_monte_carlo_and_flattens_at_the_election)
{
	static const double percent[] = {99.999742, 99.999799, 99.999803};
	static const double half_width_ppm[] = {1.16, 0.15, 0.15};
	double plateau = 5.0 / (30 * 24 * 3600), last = 1;

	for (uint32_t i = 0; i < 3; i++) {
		struct pc_repair_class class = {.count = 3 + 2 * i,
			.crash_per_hour = 1.0 / (30 * 24),
			.repair_per_hour = 3};
		struct pc_repair_model model = {.classes = &class,
			.class_count = 1,
			.votes_live = 2 + i,
			.votes_commit = 2 + i,
			.election_hours = 5.0 / 3600};
		double got, loss;

		cr_assert_eq(pc_repair_mission(&model, 168, &got, &loss, NULL), 0);
		cr_assert(fabs(got * 1e6 - (100 - percent[i]) * 1e4) < half_width_ppm[i],
			"%u nodes: %g", 3 + 2 * i, got);
		cr_assert(got > plateau * 0.999 && got < last);
		cr_assert_eq(loss, 0);
		last = got;
	}
	cr_assert(fabs(last / plateau - 1) < 1e-3);
}

/* Mean time to data loss by first steps: birth-death with wipes alone. */
Test(repair_chain, data_loss_of_wipes_alone_is_a_birth_death_chain)
{
	double a = 1e-6, b = 0.05;
	struct pc_repair_class class = {.count = 3, .wipe_per_hour = a, .replace_per_hour = b};
	struct pc_repair_result r = steady(&class, 1, 2, 2, 0);

	/* (5 a + b) / (6 a^2) again: two of three wiped at once. */
	cr_assert(fabs(r.mttdl_hours / ((5 * a + b) / (6 * a * a)) - 1) < 1e-14);
	cr_assert_eq(r.mttf_hours, r.mttdl_hours);
}

Test(repair_chain, one_crew_is_never_better_than_all)
{
	struct pc_repair_class class = {.count = 5, .crash_per_hour = 0.1, .repair_per_hour = 1};
	struct pc_repair_model model = {.classes = &class,
		.class_count = 1,
		.votes_live = 3,
		.votes_commit = 3,
		.crews = 1};
	struct pc_repair_result one, all = steady(&class, 1, 3, 3, 0);
	double load = 0.1, weight[6] = {1}, sum = 1;

	cr_assert_eq(pc_repair_steady(&model, &one, NULL), 0);
	cr_assert(one.unavailable > all.unavailable && one.mttf_hours < all.mttf_hours);
	/* Machine repairman: weights n! / (n - k)! load^k. */
	for (int k = 1; k <= 5; k++) {
		weight[k] = weight[k - 1] * (6 - k) * load;
		sum += weight[k];
	}
	cr_assert(relative(one.unavailable, (weight[3] + weight[4] + weight[5]) / sum) < 1e-14);
}

Test(repair_chain, nothing_repaired_ends_without_service)
{
	struct pc_repair_class class = {.count = 3, .crash_per_hour = 0.5};
	struct pc_repair_result r = steady(&class, 1, 2, 2, 0);

	cr_assert_eq(r.unavailable, 1);
	cr_assert(fabs(r.mttf_hours - (1 / 1.5 + 1 / 1.0)) < 1e-14);
}

/* The number of steps is beyond what a long double counts one by one. */
Test(repair_chain, missions_of_too_many_steps_are_refused_at_once)
{
	struct pc_repair_class class = {.count = 5, .crash_per_hour = 1e-5, .repair_per_hour = 1};
	struct pc_repair_model model = {
		.classes = &class, .class_count = 1, .votes_live = 3, .votes_commit = 3};
	struct hb_error error = {0};
	double q = 7;

	for (double hours = 1e10; hours < 1e300; hours *= 1e10) {
		cr_assert_eq(pc_repair_mission(&model, hours, &q, &q, &error), -E2BIG);
		class.repair_per_hour = hours;
		cr_assert_eq(pc_repair_mission(&model, 1, &q, &q, &error), -E2BIG);
		class.repair_per_hour = 1;
	}
	cr_assert_eq(q, 7);
}

Test(repair_chain, bad_models_are_refused)
{
	struct pc_repair_class class = {.count = 3, .crash_per_hour = 0.5, .wipe_per_hour = 0.1};
	struct pc_repair_model model = {
		.classes = &class, .class_count = 1, .votes_live = 2, .votes_commit = 2};
	struct pc_repair_result r;
	struct hb_error error = {0};
	double q;

	model.votes_live = 4;
	cr_assert_eq(pc_repair_steady(&model, &r, &error), -EINVAL);
	model.votes_live = 2;
	class.crash_per_hour = -1;
	cr_assert_eq(pc_repair_steady(&model, &r, &error), -EINVAL);
	class.crash_per_hour = NAN;
	cr_assert_eq(pc_repair_steady(&model, &r, &error), -EINVAL);
	class.crash_per_hour = 1;
	class.count = 0;
	cr_assert_eq(pc_repair_steady(&model, &r, &error), -EINVAL);
	class.count = 100000;
	cr_assert_eq(pc_repair_steady(&model, &r, &error), -E2BIG);
	class.count = 3;
	cr_assert_eq(pc_repair_mission(&model, -1, &q, &q, &error), -EINVAL);
	model.class_count = 0;
	cr_assert_eq(pc_repair_steady(&model, &r, &error), -EINVAL);
}
