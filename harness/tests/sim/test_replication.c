/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replications on several threads: the same bytes, the same failure. */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <hotbed/sim.h>

#include "../base/seed.h"

enum { REPLICATIONS = 97, OUTPUTS = 3 };

struct walk {
	struct hb_rng rng;
	struct hb_tally tally;
};

static void step(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct walk *walk = object;
	double delay = hb_rng_exponential(&walk->rng, 1000);

	hb_tally_add(&walk->tally, delay + (double)argument);
	(void)hb_sim_after(sim, hb_sim_duration_ns(delay), step, walk, argument + 1, NULL);
}

static int simulate(uint64_t seed, uint64_t replication, const void *model, double *ret_outputs,
	struct hb_error *reterr)
{
	struct walk walk = {.tally = {0}};
	struct hb_sim *sim = NULL;
	int result = hb_sim_create(16, seed, replication, &sim, reterr);

	(void)model;
	if (result < 0)
		return result;
	hb_sim_stream(sim, 0, &walk.rng);
	for (int i = 0; i < 5; i++)
		(void)hb_sim_at(sim, i, step, &walk, 0, NULL);
	result = hb_sim_run(sim, INT64_MAX, 500 + replication * 7 % 400, reterr);
	ret_outputs[0] = walk.tally.mean;
	ret_outputs[1] = hb_tally_variance(&walk.tally);
	ret_outputs[2] = (double)hb_sim_now_ns(sim);
	hb_sim_destroy(sim);
	return result;
}

/* Fails from number 40 on, the lower the later. */
static int fail_late(uint64_t seed, uint64_t replication, const void *model, double *ret_outputs,
	struct hb_error *reterr)
{
	struct timespec nap = {.tv_nsec = (long)(60 - replication % 60) * 100000};

	(void)seed;
	(void)model;
	ret_outputs[0] = 1;
	if (replication < 40)
		return 0;
	(void)nanosleep(&nap, NULL);
	return hb_error_set(reterr, -EDOM, "no luck");
}

static int answer_nan(uint64_t seed, uint64_t replication, const void *model, double *ret_outputs,
	struct hb_error *reterr)
{
	(void)seed;
	(void)model;
	(void)reterr;
	ret_outputs[0] = 1;
	if (replication != 3)
		ret_outputs[1] = 1;
	return 0;
}

Test(replication, bytes_are_the_same_for_any_number_of_threads)
{
	double one[REPLICATIONS * OUTPUTS], many[REPLICATIONS * OUTPUTS];
	uint64_t seed = test_seed();

	cr_assert_eq(
		hb_replications_run(seed, REPLICATIONS, simulate, NULL, OUTPUTS, 1, one, NULL), 0);
	for (unsigned int threads = 0; threads <= 200; threads = threads * 3 + 2) {
		memset(many, 0, sizeof(many));
		cr_assert_eq(hb_replications_run(seed, REPLICATIONS, simulate, NULL, OUTPUTS,
				     threads, many, NULL),
			0);
		cr_assert_arr_eq(one, many, sizeof(one));
	}
	cr_assert_eq(
		hb_replications_run(seed + 1, REPLICATIONS, simulate, NULL, OUTPUTS, 2, many, NULL),
		0);
	for (size_t i = 0; i < REPLICATIONS * OUTPUTS; i++)
		cr_assert_neq(one[i], many[i]);
}

Test(replication, the_lowest_failure_is_reported_whoever_finishes_first)
{
	double values[REPLICATIONS];

	for (unsigned int threads = 1; threads <= 16; threads *= 4) {
		struct hb_error error = {0};

		cr_assert_eq(hb_replications_run(
				     1, REPLICATIONS, fail_late, NULL, 1, threads, values, &error),
			-EDOM);
		cr_assert_str_eq(error.text, "replication 40: no luck");
	}
	cr_assert_eq(
		hb_replications_run(1, REPLICATIONS, fail_late, NULL, 1, 2, values, NULL), -EDOM);
}

Test(replication, an_output_left_out_is_an_error)
{
	double values[20];
	struct hb_error error = {0};

	cr_assert_eq(hb_replications_run(1, 10, answer_nan, NULL, 2, 1, values, &error), -EINVAL);
	cr_assert(strstr(error.text, "replication 3: output 1 is nan"));
}

Test(replication, absurd_arguments_are_refused)
{
	double value;
	struct hb_interval interval;

	cr_assert_eq(hb_replications_run(1, 0, simulate, NULL, 1, 1, &value, NULL), -EINVAL);
	cr_assert_eq(hb_replications_run(1, 1, simulate, NULL, 0, 1, &value, NULL), -EINVAL);
	cr_assert_eq(hb_replications_run(1, 1, simulate, NULL, 1, 1025, &value, NULL), -EINVAL);
	cr_assert_eq(hb_replications_interval(&value, 1, 1, 1, 0.95, &interval), -EINVAL);
	value = 0;
	cr_assert_eq(hb_replications_interval(&value, 1, 1, 0, 0.95, &interval), -EINVAL);
}

Test(replication, the_interval_is_that_of_the_column)
{
	double values[6] = {1, 100, 2, 200, 3, 300};
	double column[3] = {100, 200, 300};
	struct hb_interval interval, expected;

	cr_assert_eq(hb_replications_interval(values, 3, 2, 1, 0.9, &interval), 0);
	cr_assert_eq(hb_stats_student_interval(column, 3, 0.9, &expected), 0);
	cr_assert(fabs(interval.lo - expected.lo) < 1e-9);
	cr_assert(fabs(interval.hi - expected.hi) < 1e-9);
	cr_assert(fabs(interval.estimate - 200) < 1e-9);
}
