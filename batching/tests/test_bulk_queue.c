/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include <hotbed/error.h>

#include <batching/bulk_queue.h>

static struct bat_bulk_means means_of(
	enum bat_bulk_discipline discipline, double lambda, double mu, uint32_t limit)
{
	struct bat_bulk_queue queue = {discipline, lambda, mu, limit};
	struct bat_bulk_means means;

	cr_assert_eq(bat_bulk_queue_means(&queue, &means, NULL), 0);
	return means;
}

/* The design's values at lambda = 2, mu = 1, K = 4. */
Test(bulk_queue, published_values)
{
	cr_assert_float_eq(means_of(BAT_BULK_JOINABLE, 2, 1, 4).in_system, 2.8650, 5e-5);
	cr_assert_float_eq(means_of(BAT_BULK_FULL, 2, 1, 4).in_system, 4.3650, 5e-5);
	cr_assert_float_eq(means_of(BAT_BULK_CLOSED, 2, 1, 4).in_queue, 2.5369, 5e-5);
	cr_assert_float_eq(means_of(BAT_BULK_CLOSED, 2, 1, 4).sojourn_s, 2.2684, 5e-5);
}

Test(bulk_queue, batches_of_one_are_m_m_1)
{
	for (int d = 0; d < BAT_BULK_DISCIPLINE_COUNT; d++) {
		struct bat_bulk_means means = means_of((enum bat_bulk_discipline)d, 3, 4, 1);

		cr_assert_float_eq(means.sojourn_s, 1.0, 1e-13);
		cr_assert_float_eq(means.in_queue, 9.0 / 4, 1e-12);
	}
}

/*
 * Brute force: the stationary vector of the process cut at @count states, by power iteration of the uniformised chain
 * (a state is what is in the system; "closed" needs its number in service as well and is left to the simulation).
 */
static double brute_force(enum bat_bulk_discipline discipline, double lambda, double mu,
	uint32_t limit, uint32_t count)
{
	double *p = calloc(2 * (size_t)count, sizeof(*p)), *next = p + count, mean = 0;

	p[0] = 1;
	for (int step = 0; step < 200000; step++) {
		double change = 0;

		for (uint32_t n = 0; n < count; n++)
			next[n] = 0;
		for (uint32_t n = 0; n < count; n++) {
			bool serves = discipline == BAT_BULK_FULL ? n >= limit : n > 0;
			uint32_t less = n < limit ? 0 : n - limit;

			next[n + 1 < count ? n + 1 : n] += p[n] * lambda / (lambda + mu);
			next[serves ? less : n] += p[n] * mu / (lambda + mu);
		}
		for (uint32_t n = 0; n < count; n++) {
			change += fabs(next[n] - p[n]);
			p[n] = next[n];
		}
		if (change < 1e-15)
			break;
	}
	for (uint32_t n = 0; n < count; n++)
		mean += n * p[n];
	free(p);
	return mean;
}

Test(bulk_queue, closed_forms_agree_with_the_cut_chain)
{
	static const struct {
		double lambda, mu;
		uint32_t limit;
	} points[] = {{2, 1, 4}, {0.3, 1, 2}, {1.2, 0.4, 5}, {5, 1, 10}};

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		for (int d = BAT_BULK_JOINABLE; d <= BAT_BULK_FULL; d++) {
			double exact = means_of((enum bat_bulk_discipline)d, points[i].lambda,
				points[i].mu, points[i].limit)
					       .in_system;
			double brute = brute_force((enum bat_bulk_discipline)d, points[i].lambda,
				points[i].mu, points[i].limit, 400);

			cr_assert_float_eq(exact, brute, 1e-9 * brute,
				"point %zu discipline %d: %.12g %.12g", i, d, exact, brute);
		}
	}
}

Test(bulk_queue, the_root_solves_its_equation_up_to_saturation)
{
	for (int i = 1; i <= 12; i++) {
		struct bat_bulk_queue queue = {BAT_BULK_JOINABLE, 8 * (1 - pow(10, -i)), 1, 8};
		double x, r = bat_bulk_queue_root(&queue, &x);
		double left = queue.lambda_per_s * x;
		double right = r * -expm1(8 * log1p(-x));

		cr_assert(x > 0 && x < 1);
		cr_assert(fabs(left - right) <= 1e-14 * left);
		/* Near saturation L grows as 1 / (1 - load). */
		if (i >= 6)
			cr_assert_float_eq(r / x * pow(10, -i), 4.5, 1e-3);
	}
}

/* 99.99 % intervals: fewer than one false alarm in 400 runs of the 24 below. */
Test(bulk_queue, simulation_contains_the_closed_form)
{
	for (int d = 0; d < BAT_BULK_DISCIPLINE_COUNT; d++) {
		struct bat_bulk_queue queue = {(enum bat_bulk_discipline)d, 2, 1, 4};
		struct bat_bulk_options options = {
			.seed = 99, .replications = 12, .departures = 40000, .level = 0.9999};
		struct bat_bulk_intervals got;
		struct bat_bulk_means means;

		cr_assert_eq(bat_bulk_queue_means(&queue, &means, NULL), 0);
		cr_assert_eq(bat_bulk_queue_simulate(&queue, &options, &got, NULL), 0);
		cr_assert(
			got.in_system.lo <= means.in_system && means.in_system <= got.in_system.hi);
		cr_assert(got.in_queue.lo <= means.in_queue && means.in_queue <= got.in_queue.hi);
		cr_assert(got.wait_s.lo <= means.wait_s && means.wait_s <= got.wait_s.hi);
		cr_assert(
			got.sojourn_s.lo <= means.sojourn_s && means.sojourn_s <= got.sojourn_s.hi);
		/* Wide enough to contain anything would prove nothing. */
		cr_assert(got.sojourn_s.hi - got.sojourn_s.lo < 0.1 * means.sojourn_s);
	}
}

Test(bulk_queue, results_do_not_depend_on_threads_or_scale)
{
	struct bat_bulk_queue queue = {BAT_BULK_CLOSED, 2, 1, 4};
	struct bat_bulk_options options = {
		.seed = 5, .replications = 4, .departures = 2000, .threads = 1};
	struct bat_bulk_intervals one, two, scaled;

	cr_assert_eq(bat_bulk_queue_simulate(&queue, &options, &one, NULL), 0);
	options.threads = 2;
	cr_assert_eq(bat_bulk_queue_simulate(&queue, &options, &two, NULL), 0);
	cr_assert_eq(one.sojourn_s.estimate, two.sojourn_s.estimate);
	queue.lambda_per_s *= 1 << 20;
	queue.mu_per_s *= 1 << 20;
	cr_assert_eq(bat_bulk_queue_simulate(&queue, &options, &scaled, NULL), 0);
	cr_assert_eq(scaled.in_system.estimate, one.in_system.estimate);
	cr_assert_eq(scaled.sojourn_s.estimate * (1 << 20), one.sojourn_s.estimate);
}

Test(bulk_queue, what_cannot_be_answered_is_refused)
{
	static const struct bat_bulk_queue bad[] = {
		{BAT_BULK_FULL, 4, 1, 4},
		{BAT_BULK_FULL, 2, 1, 0},
		{BAT_BULK_FULL, -1, 1, 4},
		{BAT_BULK_FULL, 1, NAN, 4},
		{BAT_BULK_FULL, 1, 1, BAT_BULK_LIMIT_MAX + 1},
	};
	struct bat_bulk_queue good = {BAT_BULK_FULL, 2, 1, 4};
	struct bat_bulk_options options = {.departures = 10};
	struct bat_bulk_intervals intervals;
	struct bat_bulk_means means;
	struct hb_error error;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		error = (struct hb_error){0};
		cr_assert_eq(bat_bulk_queue_means(&bad[i], &means, &error), -EINVAL);
		cr_assert_neq(error.text[0], '\0');
	}
	cr_assert_eq(bat_bulk_queue_simulate(&good, &options, &intervals, &error), -EINVAL);
	options = (struct bat_bulk_options){.replications = 1};
	cr_assert_eq(bat_bulk_queue_simulate(&good, &options, &intervals, &error), -EINVAL);
	options = (struct bat_bulk_options){.level = 1.5};
	cr_assert_eq(bat_bulk_queue_simulate(&good, &options, &intervals, &error), -EINVAL);
}
