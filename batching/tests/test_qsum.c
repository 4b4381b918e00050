/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <hotbed/rng.h>

#include <batching/qstate.h>
#include <batching/qsum.h>

enum { EVENTS = 500, THREADS = 4, ADDITIONS = 100000 };

static uint64_t test_seed(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 20250514;

	(void)printf("HB_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

Test(qsum, any_order_and_any_split_give_what_the_strict_form_gives)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 1);
	for (int round = 0; round < 200; round++) {
		int64_t time_ns[EVENTS], delta[EVENTS], now_ns = INT64_C(1) << 60;
		struct bat_qsum shared = {0}, owned[3] = {{0}};
		struct bat_passed in = {0}, out = {0};
		struct bat_reading strict, sum, part;
		uint32_t order[EVENTS];
		struct bat_qstate q;

		bat_qstate_init(&q, now_ns);
		for (int i = 0; i < EVENTS; i++) {
			int64_t most = 1 + (int64_t)hb_rng_below(&rng, 100000);

			now_ns += (int64_t)hb_rng_below(&rng, 1000);
			time_ns[i] = now_ns;
			delta[i] = hb_rng_below(&rng, 2) || q.size == 0
					   ? most
					   : -(most < q.size ? most : q.size);
			cr_assert_eq(bat_qstate_track(&q, now_ns, delta[i], NULL), 0);
			order[i] = (uint32_t)i;
		}
		hb_rng_shuffle(&rng, order, EVENTS);
		for (int i = 0; i < EVENTS; i++) {
			uint32_t at = order[i];

			bat_qsum_add_shared(&shared, time_ns[at], delta[at]);
			bat_qsum_add(&owned[hb_rng_below(&rng, 3)], time_ns[at], delta[at]);
			if (delta[at] > 0) {
				in.units += (uint64_t)delta[at];
				in.moment += (uint64_t)delta[at] * (uint64_t)time_ns[at];
			} else {
				out.units -= (uint64_t)delta[at];
				out.moment -= (uint64_t)delta[at] * (uint64_t)time_ns[at];
			}
		}
		now_ns += 12345;
		strict = bat_qstate_read(&q, now_ns);
		/* The strict form starts counting when it is made, the sum at 0: an empty queue adds nothing. */
		cr_assert_eq(bat_qsum_read(&shared, now_ns, &sum), 0);
		cr_assert_eq(sum.integral, strict.integral);
		cr_assert_eq(sum.size, strict.size);
		part = bat_passed_between(&in, &out, now_ns);
		cr_assert_eq(part.integral, strict.integral);
		cr_assert_eq(part.size, strict.size);
		cr_assert_eq(part.departed, strict.departed);
		cr_assert_eq(sum.departed, strict.departed);
		cr_assert_eq(bat_qsum_read(&owned[0], now_ns, &sum), 0);
		for (int i = 1; i < 3; i++) {
			cr_assert_eq(bat_qsum_read(&owned[i], now_ns, &part), 0);
			bat_reading_merge(&sum, &part);
		}
		cr_assert_eq(sum.integral, strict.integral);
		cr_assert_eq(sum.size, strict.size);
		cr_assert_eq(sum.departed, strict.departed);
	}
}

static struct bat_qsum contended;
static _Atomic int running;

static void *add_pairs(void *user)
{
	int64_t base_ns = (int64_t)(intptr_t)user;

	for (int i = 0; i < ADDITIONS; i++) {
		bat_qsum_add_shared(&contended, base_ns + i, 7);
		if (i % 64 == 0)
			(void)sched_yield();
		bat_qsum_add_shared(&contended, base_ns + i + 3, -7);
		if (i % 64 == 32)
			(void)sched_yield();
	}
	running--;
	return NULL;
}

static struct bat_qsum owned_alone;

static void *add_alone(void *user)
{
	(void)user;
	for (int i = 0; i < 20 * ADDITIONS; i++) {
		bat_qsum_add(&owned_alone, i, 7);
		bat_qsum_add(&owned_alone, i + 3, -7);
	}
	running--;
	return NULL;
}

/* Every consistent reading of these events lies between all pairs closed and one open per thread. */
Test(qsum, readings_beside_additions_are_whole)
{
	const int64_t now_ns = INT64_C(1) << 40;
	struct bat_reading reading;
	pthread_t threads[THREADS];
	uint64_t readings = 0;

	running = THREADS;
	for (intptr_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, add_pairs, (void *)(i * 1000)), 0);
	while (running > 0) {
		if (bat_qsum_read(&contended, now_ns, &reading))
			continue;
		readings++;
		cr_assert(
			reading.size % 7 == 0 && reading.size >= 0 && reading.size <= 7 * THREADS);
		/* Closed pairs have 21 unit-ns each; an open one has 7 x (now - its time). */
		cr_assert_eq(reading.departed % 7, 0);
		cr_assert_geq(reading.integral, 3 * reading.departed);
		cr_assert_leq(reading.integral,
			3 * reading.departed + (uint64_t)reading.size * (uint64_t)now_ns);
	}
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	cr_assert_eq(bat_qsum_read(&contended, now_ns, &reading), 0);
	cr_assert_eq(reading.size, 0);
	cr_assert_eq(reading.departed, UINT64_C(7) * THREADS * ADDITIONS);
	cr_assert_eq(reading.integral, UINT64_C(21) * THREADS * ADDITIONS);
	cr_assert(readings > 0);
	(void)printf("%llu readings beside additions\n", (unsigned long long)readings);
}

Test(qsum, readings_beside_an_owner_are_whole)
{
	const int64_t now_ns = INT64_C(1) << 40;
	struct bat_reading reading;
	uint64_t readings = 0;
	pthread_t thread;

	running = 1;
	cr_assert_eq(pthread_create(&thread, NULL, add_alone, NULL), 0);
	while (running > 0) {
		if (bat_qsum_read(&owned_alone, now_ns, &reading))
			continue;
		readings++;
		cr_assert(reading.size == 0 || reading.size == 7);
		/* 21 unit-ns for each closed pair; the open one began when its number says. */
		cr_assert_eq(reading.integral,
			3 * reading.departed +
				(uint64_t)reading.size * ((uint64_t)now_ns - reading.departed / 7));
	}
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert(readings > 0);
	(void)printf("%llu readings beside an owner\n", (unsigned long long)readings);
}
