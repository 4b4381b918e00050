/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The event queue against a list that is searched from end to end, and against qsort(). */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>
#include <hotbed/sim.h>

#include "../base/seed.h"

static void nothing(struct hb_sim *sim, void *object, uint64_t argument)
{
	(void)sim;
	(void)object;
	(void)argument;
}

static struct hb_event_queue *queue_of(size_t capacity)
{
	struct hb_event_queue *queue = NULL;

	cr_assert_eq(hb_event_queue_create(capacity, &queue, NULL), 0);
	return queue;
}

static void insert(struct hb_event_queue *queue, int64_t time_ns, uint64_t argument)
{
	cr_assert_eq(hb_event_queue_insert(queue, time_ns, nothing, NULL, argument, NULL), 0);
}

/* ---- the oracle: events in order of insertion ---- */

struct known {
	int64_t time_ns;
	uint64_t argument;
	struct hb_event_id id;
};

struct oracle {
	struct known *events;
	size_t count;
	struct hb_event_id gone[64]; /* ids that must be stale */
	size_t gone_count;
};

static void oracle_remove(struct oracle *oracle, size_t index)
{
	oracle->gone[oracle->gone_count++ % 64] = oracle->events[index].id;
	memmove(&oracle->events[index], &oracle->events[index + 1],
		(oracle->count - index - 1) * sizeof(*oracle->events));
	oracle->count--;
}

/* The earliest, and among equals the first inserted; SIZE_MAX if none is due. */
static size_t oracle_next(const struct oracle *oracle, int64_t limit_ns)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < oracle->count; i++) {
		if (oracle->events[i].time_ns <= limit_ns &&
			(best == SIZE_MAX ||
				oracle->events[i].time_ns < oracle->events[best].time_ns))
			best = i;
	}
	return best;
}

/* How far ahead events are scheduled; each draws out another part of the queue. */
static int64_t delay_draw(struct hb_rng *rng, unsigned int kind)
{
	switch (kind) {
	case 0: /* few distinct times: many ties */
		return (int64_t)hb_rng_below(rng, 4);
	case 1: /* dense */
		return (int64_t)hb_rng_below(rng, 3000);
	case 2: /* exponential */
		return (int64_t)hb_rng_exponential(rng, 1e6);
	case 3: /* all magnitudes */
		return (int64_t)(hb_rng_u64(rng) >> (1 + hb_rng_below(rng, 60)) >> 2);
	case 4: /* bursts: zero or far */
		return hb_rng_below(rng, 8) ? 0 : (int64_t)(1 << 20);
	case 5: /* Pareto 1.1 */
		return (int64_t)(1000 * pow(1 - hb_rng_double(rng), -1 / 1.1));
	default: /* changes its mind every few draws */
		return delay_draw(rng, (unsigned int)hb_rng_below(rng, 6));
	}
}

static int64_t time_after(int64_t now_ns, int64_t delay_ns)
{
	return delay_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + delay_ns;
}

static void step_insert(struct hb_event_queue *queue, struct oracle *oracle, struct hb_rng *rng,
	unsigned int kind, uint64_t argument)
{
	struct known *event = &oracle->events[oracle->count++];

	event->time_ns = time_after(hb_event_queue_now_ns(queue), delay_draw(rng, kind));
	event->argument = argument;
	cr_assert_eq(
		hb_event_queue_insert(queue, event->time_ns, nothing, oracle, argument, &event->id),
		0);
}

static void step_cancel(struct hb_event_queue *queue, struct oracle *oracle, struct hb_rng *rng)
{
	size_t index = hb_rng_below(rng, oracle->count);

	cr_assert_eq(hb_event_queue_cancel(queue, oracle->events[index].id), 0);
	cr_assert_eq(hb_event_queue_cancel(queue, oracle->events[index].id), -ESTALE);
	oracle_remove(oracle, index);
}

static void step_pop(struct hb_event_queue *queue, struct oracle *oracle, int64_t limit_ns)
{
	int64_t before_ns = hb_event_queue_now_ns(queue);
	size_t expected = oracle_next(oracle, limit_ns);
	struct hb_event event = {.argument = UINT64_MAX};

	if (!hb_event_queue_pop(queue, limit_ns, &event)) {
		cr_assert_eq(expected, SIZE_MAX);
		cr_assert_eq(event.argument, UINT64_MAX);
		cr_assert_eq(hb_event_queue_now_ns(queue),
			limit_ns != INT64_MAX && limit_ns > before_ns ? limit_ns : before_ns);
		return;
	}
	cr_assert_neq(expected, SIZE_MAX);
	cr_assert_eq(event.time_ns, oracle->events[expected].time_ns);
	cr_assert_eq(event.argument, oracle->events[expected].argument);
	cr_assert_eq(event.object, oracle);
	cr_assert_eq(event.handler, nothing);
	cr_assert_eq(hb_event_queue_now_ns(queue), event.time_ns);
	oracle_remove(oracle, expected);
}

static int64_t limit_draw(struct hb_event_queue *queue, struct hb_rng *rng, unsigned int kind)
{
	if (hb_rng_below(rng, 3))
		return INT64_MAX;
	return time_after(hb_event_queue_now_ns(queue), delay_draw(rng, kind) / 2);
}

/* Random operations that keep the population near @target; returns nothing, asserts everything. */
static void compare(struct hb_event_queue *queue, struct hb_rng *rng, unsigned int kind,
	size_t target, unsigned int cancel_percent, unsigned int steps)
{
	struct oracle oracle = {.events = calloc(4 * target + 8, sizeof(struct known))};

	for (unsigned int step = 0; step < steps; step++) {
		bool grow = oracle.count < target / 2 ||
			    (oracle.count < 3 * target && hb_rng_below(rng, 2));

		if (grow)
			step_insert(queue, &oracle, rng, kind, step);
		else if (oracle.count && hb_rng_below(rng, 100) < cancel_percent)
			step_cancel(queue, &oracle, rng);
		else
			step_pop(queue, &oracle, limit_draw(queue, rng, kind));
		if (oracle.gone_count)
			cr_assert_eq(
				hb_event_queue_cancel(queue,
					oracle.gone[hb_rng_below(rng, 64) % oracle.gone_count]),
				-ESTALE);
		cr_assert_eq(hb_event_queue_count(queue), oracle.count);
		if (hb_event_queue_now_ns(queue) > INT64_MAX / 2)
			break;
	}
	while (oracle.count)
		step_pop(queue, &oracle, INT64_MAX);
	step_pop(queue, &oracle, INT64_MAX);
	free(oracle.events);
}

Test(event_queue, order_is_that_of_an_exhaustive_search)
{
	uint64_t seed = test_seed();

	for (unsigned int round = 0; round < 84; round++) {
		unsigned int kind = round % 7;
		size_t target = (size_t[]){1, 7, 40, 600}[round / 7 % 4];
		unsigned int cancel_percent = (unsigned int[]){0, 30, 80}[round / 28];
		struct hb_event_queue *queue = queue_of(4 * target + 8);
		struct hb_rng rng;

		hb_rng_init(&rng, seed, round);
		compare(queue, &rng, kind, target, cancel_percent, 6000);
		hb_event_queue_destroy(queue);
	}
}

enum burst { INSERT, CANCEL, POP, POP_LIMITED, BURSTS };

static void burst_step(struct hb_event_queue *queue, struct oracle *oracle, struct hb_rng *rng,
	enum burst burst, unsigned int kind)
{
	int64_t reach_ns = delay_draw(rng, kind);

	if (burst == INSERT)
		step_insert(queue, oracle, rng, kind, hb_rng_u64(rng) >> 1);
	else if (burst == CANCEL && oracle->count)
		step_cancel(queue, oracle, rng);
	else if (burst == POP)
		step_pop(queue, oracle, INT64_MAX);
	else if (burst == POP_LIMITED)
		step_pop(queue, oracle, time_after(hb_event_queue_now_ns(queue), reach_ns / 8));
}

/*
 * Long runs of one operation, each with its own kind of times: many insertions before events that a limited pop has
 * already looked for, queues emptied by cancelling, and so on.
 */
Test(event_queue, order_holds_when_operations_come_in_bursts)
{
	enum { TARGET = 400, ROUNDS = 60, STEPS = 150 };
	uint64_t seed = test_seed();
	struct hb_event_queue *queue = queue_of(TARGET + STEPS);

	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct oracle oracle = {.events = calloc(TARGET + STEPS, sizeof(struct known))};
		struct hb_rng rng;

		hb_rng_init(&rng, seed, 2000 + round);
		hb_event_queue_clear(queue);
		while (hb_event_queue_now_ns(queue) < INT64_MAX / 4 && hb_rng_below(&rng, 200)) {
			enum burst burst = (enum burst)hb_rng_below(&rng, BURSTS);
			unsigned int kind = (unsigned int)hb_rng_below(&rng, 7);
			uint64_t length = hb_rng_below(&rng, STEPS);

			if (burst == POP_LIMITED)
				length = 1 + length / 16;
			for (; length && (burst != INSERT || oracle.count < TARGET); length--)
				burst_step(queue, &oracle, &rng, burst, kind);
			cr_assert_eq(hb_event_queue_count(queue), oracle.count);
		}
		while (oracle.count)
			step_pop(queue, &oracle, INT64_MAX);
		free(oracle.events);
	}
	hb_event_queue_destroy(queue);
}

Test(event_queue, a_cleared_queue_starts_over_and_knows_no_old_id)
{
	uint64_t seed = test_seed();
	struct hb_event_queue *queue = queue_of(3000);
	struct hb_event_id id;
	struct hb_rng rng;

	for (unsigned int round = 0; round < 14; round++) {
		hb_rng_init(&rng, seed, 1000 + round);
		compare(queue, &rng, round % 7, 500, 20, 3000);
		for (unsigned int i = 0; i < 1000; i++)
			cr_assert_eq(hb_event_queue_insert(queue,
					     time_after(hb_event_queue_now_ns(queue),
						     delay_draw(&rng, round % 7)),
					     nothing, NULL, i, &id),
				0);
		hb_event_queue_clear(queue);
		cr_assert_eq(hb_event_queue_count(queue), 0);
		cr_assert_eq(hb_event_queue_now_ns(queue), 0);
		cr_assert_eq(hb_event_queue_cancel(queue, id), -ESTALE);
	}
	hb_event_queue_destroy(queue);
}

struct record {
	int64_t time_ns;
	uint64_t argument;
};

static int record_compare(const void *left, const void *right)
{
	const struct record *a = left;
	const struct record *b = right;

	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	return a->argument < b->argument ? -1 : a->argument > b->argument;
}

Test(event_queue, a_million_events_come_out_as_qsort_orders_them)
{
	enum { COUNT = 1000000 };
	struct record *records = calloc(COUNT, sizeof(*records));
	uint64_t seed = test_seed();

	for (unsigned int kind = 0; kind < 7; kind++) {
		struct hb_event_queue *queue = queue_of(COUNT);
		struct hb_event event;
		struct hb_rng rng;

		hb_rng_init(&rng, seed, kind);
		for (uint64_t i = 0; i < COUNT; i++) {
			records[i] = (struct record){delay_draw(&rng, kind), i};
			insert(queue, records[i].time_ns, i);
		}
		qsort(records, COUNT, sizeof(*records), record_compare);
		for (uint64_t i = 0; i < COUNT; i++) {
			cr_assert(hb_event_queue_pop(queue, INT64_MAX, &event));
			cr_assert_eq(event.time_ns, records[i].time_ns);
			cr_assert_eq(event.argument, records[i].argument);
		}
		cr_assert_not(hb_event_queue_pop(queue, INT64_MAX, &event));
		hb_event_queue_destroy(queue);
	}
	free(records);
}

/*
 * A limited pop that finds only a far cluster must not spoil the time before it: whatever is inserted there afterwards
 * comes first, however much it is.
 */
Test(event_queue, a_limit_before_a_far_cluster_leaves_the_time_between_usable)
{
	enum { CLUSTER = 100, BETWEEN = 300, COUNT = CLUSTER + BETWEEN };
	struct hb_event_queue *queue = queue_of(COUNT);
	uint64_t seed = test_seed();

	for (unsigned int bit = 4; bit < 62; bit++) {
		struct record records[COUNT];
		int64_t limit_ns = (INT64_C(1) << bit) + 3;
		int64_t far_ns = limit_ns + (INT64_C(1) << (bit - 1));
		struct hb_event event;
		struct hb_rng rng;

		hb_rng_init(&rng, seed, bit);
		hb_event_queue_clear(queue);
		for (uint64_t i = 0; i < COUNT; i++) {
			if (i == CLUSTER)
				cr_assert_not(hb_event_queue_pop(queue, limit_ns, &event));
			records[i].argument = i;
			records[i].time_ns =
				i < CLUSTER ? far_ns + (int64_t)hb_rng_below(&rng, 8)
					    : limit_ns + (int64_t)hb_rng_below(&rng,
								 2 * (uint64_t)(far_ns - limit_ns));
			insert(queue, records[i].time_ns, i);
		}
		qsort(records, COUNT, sizeof(*records), record_compare);
		for (size_t i = 0; i < COUNT; i++) {
			cr_assert(hb_event_queue_pop(queue, INT64_MAX, &event));
			cr_assert_eq(event.time_ns, records[i].time_ns);
			cr_assert_eq(event.argument, records[i].argument);
		}
	}
	hb_event_queue_destroy(queue);
}

/* Hold model: what is popped is never before what was popped last, and equal times keep the order of insertion. */
Test(event_queue, long_holds_keep_time_and_insertion_order)
{
	enum { COUNT = 20000, HOLDS = 1000000 };
	uint64_t seed = test_seed();

	for (unsigned int kind = 0; kind < 7; kind++) {
		struct hb_event_queue *queue = queue_of(COUNT);
		struct hb_event event, last = {0};
		struct hb_rng rng;

		hb_rng_init(&rng, seed, 100 + kind);
		for (uint64_t i = 0; i < COUNT; i++)
			insert(queue, delay_draw(&rng, kind) >> 16, i + 1);
		for (uint64_t i = 0; i < HOLDS; i++) {
			cr_assert(hb_event_queue_pop(queue, INT64_MAX, &event));
			cr_assert(
				event.time_ns > last.time_ns ||
				(event.time_ns == last.time_ns && event.argument > last.argument));
			last = event;
			insert(queue, time_after(event.time_ns, delay_draw(&rng, kind) >> 16),
				COUNT + i + 1);
		}
		cr_assert_eq(hb_event_queue_count(queue), COUNT);
		hb_event_queue_destroy(queue);
	}
}

Test(event_queue, the_whole_range_of_time_is_usable)
{
	struct hb_event_queue *queue = queue_of(200);
	struct hb_event event;

	for (uint64_t i = 0; i < 50; i++)
		insert(queue, INT64_MAX, i);
	for (uint64_t bit = 0; bit < 63; bit++)
		insert(queue, (int64_t)(1ULL << bit), 100 + bit);
	insert(queue, 0, 99);
	for (uint64_t i = 0; i < 64; i++) {
		cr_assert(hb_event_queue_pop(queue, INT64_MAX, &event));
		cr_assert_eq(event.argument, 99 + i);
	}
	cr_assert_not(hb_event_queue_pop(queue, INT64_MAX - 1, &event));
	for (uint64_t i = 0; i < 50; i++) {
		cr_assert(hb_event_queue_pop(queue, INT64_MAX, &event));
		cr_assert_eq(event.argument, i);
		cr_assert_eq(event.time_ns, INT64_MAX);
	}
	insert(queue, INT64_MAX, 7);
	cr_assert(hb_event_queue_pop(queue, INT64_MAX, &event));
	cr_assert_eq(event.argument, 7);
	hb_event_queue_destroy(queue);
}

Test(event_queue, the_past_is_refused_also_after_a_limit)
{
	struct hb_event_queue *queue = queue_of(10);
	struct hb_event event;

	cr_assert_eq(hb_event_queue_insert(queue, -1, nothing, NULL, 0, NULL), -EINVAL);
	insert(queue, 1000, 1);
	cr_assert_not(hb_event_queue_pop(queue, 500, &event));
	cr_assert_eq(hb_event_queue_insert(queue, 499, nothing, NULL, 0, NULL), -EINVAL);
	insert(queue, 500, 2);
	cr_assert_not(hb_event_queue_pop(queue, 100, &event));
	cr_assert_eq(hb_event_queue_now_ns(queue), 500);
	cr_assert(hb_event_queue_pop(queue, 500, &event));
	cr_assert_eq(event.argument, 2);
	cr_assert_eq(hb_event_queue_count(queue), 1);
	hb_event_queue_destroy(queue);
}

Test(event_queue, a_full_queue_says_enospc_and_a_cancel_makes_room)
{
	struct hb_event_queue *queue = queue_of(5000);
	struct hb_event_id ids[5000];
	struct hb_event event;

	for (uint64_t i = 0; i < 5000; i++)
		cr_assert_eq(hb_event_queue_insert(
				     queue, (int64_t)(i * 37 % 4999), nothing, NULL, i, &ids[i]),
			0);
	cr_assert_eq(hb_event_queue_insert(queue, 1, nothing, NULL, 0, NULL), -ENOSPC);
	cr_assert_eq(hb_event_queue_count(queue), 5000);
	for (uint64_t i = 0; i < 5000; i += 10)
		cr_assert_eq(hb_event_queue_cancel(queue, ids[i]), 0);
	for (uint64_t i = 0; i < 500; i++)
		insert(queue, 2500, 10000 + i);
	cr_assert_eq(hb_event_queue_insert(queue, 1, nothing, NULL, 0, NULL), -ENOSPC);
	for (uint64_t i = 0; i < 5000; i++)
		cr_assert(hb_event_queue_pop(queue, INT64_MAX, &event));
	cr_assert_not(hb_event_queue_pop(queue, INT64_MAX, &event));
	hb_event_queue_destroy(queue);
}

/* A retransmission timer is nearly always cancelled: the dead must not fill the queue. */
Test(event_queue, far_timers_cancelled_for_ever_need_no_more_capacity)
{
	struct hb_event_queue *queue = queue_of(3000);
	struct hb_event_id timer;
	struct hb_event event;

	for (int64_t now_ns = 0; now_ns < 1000000; now_ns++) {
		insert(queue, now_ns, (uint64_t)now_ns);
		cr_assert_eq(
			hb_event_queue_insert(queue, now_ns + 1000000000, nothing, NULL, 0, &timer),
			0);
		cr_assert(hb_event_queue_pop(queue, INT64_MAX, &event));
		cr_assert_eq(event.argument, (uint64_t)now_ns);
		cr_assert_eq(hb_event_queue_cancel(queue, timer), 0);
	}
	cr_assert_eq(hb_event_queue_count(queue), 0);
	cr_assert_not(hb_event_queue_pop(queue, INT64_MAX, &event));
	insert(queue, 1000000, 3);
	cr_assert(hb_event_queue_pop(queue, INT64_MAX, &event));
	cr_assert_eq(event.argument, 3);
	hb_event_queue_destroy(queue);
}

Test(event_queue, stale_ids_are_refused_however_often_a_slot_is_reused)
{
	struct hb_event_queue *queue = queue_of(1);
	struct hb_event_id first, id;
	struct hb_event event;

	cr_assert_eq(hb_event_queue_cancel(queue, (struct hb_event_id){0}), -ESTALE);
	cr_assert_eq(hb_event_queue_cancel(queue, (struct hb_event_id){1, 0}), -ESTALE);
	cr_assert_eq(hb_event_queue_cancel(queue, (struct hb_event_id){1, UINT32_MAX}), -ESTALE);
	cr_assert_eq(hb_event_queue_insert(queue, 5, nothing, NULL, 0, &first), 0);
	cr_assert(hb_event_queue_pop(queue, INT64_MAX, &event));
	for (int i = 0; i < 1000; i++) {
		cr_assert_eq(hb_event_queue_insert(queue, 5, nothing, NULL, 0, &id), 0);
		cr_assert_eq(hb_event_queue_cancel(queue, first), -ESTALE);
		cr_assert_eq(hb_event_queue_count(queue), 1);
		cr_assert(hb_event_queue_pop(queue, INT64_MAX, &event));
		cr_assert_eq(hb_event_queue_cancel(queue, id), -ESTALE);
	}
	hb_event_queue_destroy(queue);
}

Test(event_queue, reserve_keeps_events_order_and_ids)
{
	struct hb_event_queue *queue = queue_of(100);
	struct hb_event_id ids[100];
	struct hb_event event;

	for (uint64_t i = 0; i < 100; i++)
		cr_assert_eq(
			hb_event_queue_insert(queue, (int64_t)(i / 40), nothing, NULL, i, &ids[i]),
			0);
	cr_assert(hb_event_queue_pop(queue, INT64_MAX, &event));
	cr_assert_eq(hb_event_queue_reserve(queue, 50, NULL), 0);
	cr_assert_eq(hb_event_queue_reserve(queue, 100000, NULL), 0);
	cr_assert_eq(hb_event_queue_cancel(queue, ids[0]), -ESTALE);
	cr_assert_eq(hb_event_queue_cancel(queue, ids[1]), 0);
	for (uint64_t i = 100; i < 100000; i++)
		insert(queue, 10, i);
	for (uint64_t i = 2; i < 100000; i++) {
		cr_assert(hb_event_queue_pop(queue, INT64_MAX, &event));
		cr_assert_eq(event.argument, i);
	}
	hb_event_queue_destroy(queue);
}

Test(event_queue, an_absurd_capacity_is_refused_with_the_range)
{
	struct hb_event_queue *queue = (void *)1;
	struct hb_error error = {0};

	cr_assert_eq(hb_event_queue_create(0, &queue, &error), -EINVAL);
	cr_assert(strstr(error.text, "134217728"));
	cr_assert_eq(hb_event_queue_create(SIZE_MAX, &queue, NULL), -EINVAL);
	cr_assert_eq(queue, (void *)1);
	hb_event_queue_destroy(NULL);
}
