/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clock of a simulation: limits, stops, failures, streams. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <hotbed/sim.h>

static struct hb_sim *sim_of(size_t capacity)
{
	struct hb_sim *sim = NULL;

	cr_assert_eq(hb_sim_create(capacity, 1, 0, &sim, NULL), 0);
	return sim;
}

/* Appends its argument to a text and goes on every @argument ns. */
static void tick(struct hb_sim *sim, void *object, uint64_t argument)
{
	char *text = object;

	text[strlen(text)] = (char)('a' + argument % 26);
	cr_assert_eq(hb_sim_after(sim, (int64_t)argument, tick, object, argument, NULL), 0);
}

static void stop(struct hb_sim *sim, void *object, uint64_t argument)
{
	(void)object;
	(void)argument;
	hb_sim_stop(sim);
}

static void spawn_two(struct hb_sim *sim, void *object, uint64_t argument)
{
	(void)hb_sim_after(sim, 1, spawn_two, object, argument, NULL);
	(void)hb_sim_after(sim, 1, spawn_two, object, argument, NULL);
}

static void call_the_past(struct hb_sim *sim, void *object, uint64_t argument)
{
	(void)hb_sim_at(sim, (int64_t)argument, stop, object, 0, NULL);
}

static void cancel_itself(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct hb_event_id *id = object;

	(void)argument;
	cr_assert_eq(hb_sim_cancel(sim, *id), -ESTALE);
	id->serial = 0;
}

Test(engine, events_run_up_to_and_including_the_limit)
{
	struct hb_sim *sim = sim_of(10);
	char text[64] = "";

	cr_assert_eq(hb_sim_at(sim, 2, tick, text, 2, NULL), 0);
	cr_assert_eq(hb_sim_at(sim, 3, tick, text, 3, NULL), 0);
	cr_assert_eq(hb_sim_run(sim, 6, UINT64_MAX, NULL), 0);
	/* 2c 3d 4c, and at 6 the d of 3 + 3, scheduled before the c of 4 + 2. */
	cr_assert_str_eq(text, "cdcdc");
	cr_assert_eq(hb_sim_now_ns(sim), 6);
	cr_assert_eq(hb_sim_handled(sim), 5);
	cr_assert_eq(hb_sim_pending(sim), 2);
	cr_assert_eq(hb_sim_run(sim, 7, UINT64_MAX, NULL), 0);
	cr_assert_eq(hb_sim_now_ns(sim), 7);
	cr_assert_eq(hb_sim_run(sim, INT64_MAX, 3, NULL), 0);
	cr_assert_eq(hb_sim_handled(sim), 8);
	cr_assert_eq(hb_sim_now_ns(sim), 10);
	hb_sim_destroy(sim);
}

Test(engine, stop_ends_the_run_after_the_event)
{
	struct hb_sim *sim = sim_of(10);
	char text[64] = "";

	cr_assert_eq(hb_sim_at(sim, 1, tick, text, 1, NULL), 0);
	cr_assert_eq(hb_sim_at(sim, 4, stop, NULL, 0, NULL), 0);
	cr_assert_eq(hb_sim_run(sim, INT64_MAX, UINT64_MAX, NULL), 0);
	cr_assert_eq(hb_sim_now_ns(sim), 4);
	cr_assert_str_eq(text, "bbb");
	cr_assert_eq(hb_sim_run(sim, 5, UINT64_MAX, NULL), 0);
	cr_assert_str_eq(text, "bbbbb");
	hb_sim_destroy(sim);
}

Test(engine, an_empty_run_ends_at_its_limit)
{
	struct hb_sim *sim = sim_of(1);

	cr_assert_eq(hb_sim_run(sim, INT64_MAX, UINT64_MAX, NULL), 0);
	cr_assert_eq(hb_sim_now_ns(sim), 0);
	cr_assert_eq(hb_sim_run(sim, 77, UINT64_MAX, NULL), 0);
	cr_assert_eq(hb_sim_now_ns(sim), 77);
	hb_sim_destroy(sim);
}

Test(engine, a_full_queue_ends_the_run_with_enospc_and_its_time)
{
	struct hb_sim *sim = sim_of(100);
	struct hb_error error = {0};

	cr_assert_eq(hb_sim_at(sim, 0, spawn_two, NULL, 0, NULL), 0);
	cr_assert_eq(hb_sim_run(sim, INT64_MAX, UINT64_MAX, &error), -ENOSPC);
	cr_assert(strstr(error.text, "100 are pending"));
	cr_assert_eq(hb_sim_run(sim, INT64_MAX, UINT64_MAX, NULL), -ENOSPC);
	cr_assert_eq(hb_sim_reserve(sim, 1000, NULL), 0);
	cr_assert_eq(hb_sim_run(sim, hb_sim_now_ns(sim), 10, NULL), 0);
	hb_sim_reset(sim, 1, 1);
	cr_assert_eq(hb_sim_now_ns(sim), 0);
	cr_assert_eq(hb_sim_pending(sim), 0);
	cr_assert_eq(hb_sim_run(sim, INT64_MAX, UINT64_MAX, NULL), 0);
	hb_sim_destroy(sim);
}

Test(engine, an_event_for_the_past_ends_the_run_with_both_times)
{
	struct hb_sim *sim = sim_of(10);
	struct hb_error error = {0};

	cr_assert_eq(hb_sim_at(sim, 50, call_the_past, NULL, 49, NULL), 0);
	cr_assert_eq(hb_sim_run(sim, INT64_MAX, UINT64_MAX, &error), -EINVAL);
	cr_assert(strstr(error.text, "at 50 ns") && strstr(error.text, "for 49 ns"));
	hb_sim_destroy(sim);
}

Test(engine, delays_that_leave_the_range_of_time_are_refused)
{
	struct hb_sim *sim = sim_of(10);

	cr_assert_eq(hb_sim_run(sim, 1000, UINT64_MAX, NULL), 0);
	cr_assert_eq(hb_sim_after(sim, -1, stop, NULL, 0, NULL), -EINVAL);
	cr_assert_eq(hb_sim_after(sim, INT64_MAX - 999, stop, NULL, 0, NULL), -EINVAL);
	hb_sim_reset(sim, 1, 0);
	cr_assert_eq(hb_sim_after(sim, INT64_MAX, stop, NULL, 0, NULL), 0);
	cr_assert_eq(hb_sim_run(sim, INT64_MAX, UINT64_MAX, NULL), 0);
	cr_assert_eq(hb_sim_now_ns(sim), INT64_MAX);
	hb_sim_destroy(sim);
}

Test(engine, a_running_event_can_no_longer_be_cancelled)
{
	struct hb_sim *sim = sim_of(2);
	struct hb_event_id id;

	cr_assert_eq(hb_sim_at(sim, 1, cancel_itself, &id, 0, &id), 0);
	cr_assert_eq(hb_sim_run(sim, INT64_MAX, UINT64_MAX, NULL), 0);
	cr_assert_eq(id.serial, 0);
	cr_assert_eq(hb_sim_at(sim, 2, cancel_itself, &id, 0, &id), 0);
	cr_assert_eq(hb_sim_cancel(sim, id), 0);
	cr_assert_eq(hb_sim_run(sim, INT64_MAX, UINT64_MAX, NULL), 0);
	cr_assert_eq(hb_sim_handled(sim), 1);
	hb_sim_destroy(sim);
}

Test(engine, streams_depend_on_seed_replication_and_source_only)
{
	uint64_t first[8];
	size_t count = 0;

	for (uint64_t seed = 0; seed < 2; seed++) {
		for (uint64_t replication = 0; replication < 2; replication++) {
			struct hb_sim *sim = NULL;
			struct hb_rng rng, again;

			cr_assert_eq(hb_sim_create(1, seed, replication, &sim, NULL), 0);
			for (uint64_t source = 0; source < 2; source++) {
				hb_sim_stream(sim, source, &rng);
				(void)hb_rng_u64(&rng);
				hb_sim_stream(sim, source, &again);
				first[count++] = hb_rng_u64(&again);
			}
			hb_sim_reset(sim, seed, replication);
			hb_sim_stream(sim, 1, &again);
			cr_assert_eq(hb_rng_u64(&again), first[count - 1]);
			hb_sim_destroy(sim);
		}
	}
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			cr_assert_neq(first[i], first[j]);
}

Test(engine, durations_are_rounded_and_clamped)
{
	cr_assert_eq(hb_sim_duration_ns(1.4), 1);
	cr_assert_eq(hb_sim_duration_ns(1.6), 2);
	cr_assert_eq(hb_sim_duration_ns(-3), 0);
	cr_assert_eq(hb_sim_duration_ns(1e300), INT64_C(1) << 62);
	cr_assert_eq(hb_sim_duration_ns((double)INFINITY), INT64_C(1) << 62);
}

Test(engine, an_absurd_capacity_is_refused)
{
	struct hb_sim *sim = (void *)1;

	cr_assert_eq(hb_sim_create(0, 1, 0, &sim, NULL), -EINVAL);
	cr_assert_eq(sim, (void *)1);
	hb_sim_destroy(NULL);
}
