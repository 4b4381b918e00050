/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * harness/event-queue: the classic hold model (Jones 1986). A fixed number of events is pending; each step takes the
 * earliest and schedules one at a random increment after it. The increments are drawn beforehand. Every variant must
 * produce the same order of events, equal times included: they share a digest.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/clock.h>
#include <hotbed/rng.h>
#include <hotbed/sim.h>
#include <hotbed/trial.h>

#include "experiments.h"
#include "heap.h"

enum {
	INCREMENTS = 1 << 16,
	RECENT = 64,         /* ids of the last insertions, to cancel from */
	SMALL_PENDING = 300, /* verification by exhaustive search */
	SMALL_STEPS = 6000,
};

#define SPACING_NS \
	1000 /* mean time between events: the mean increment is this times the number pending */

/* An event queue as functions; called with constant tables, so that the compiler calls the functions directly. */
struct event_set {
	void *(*create)(size_t capacity);
	void (*destroy)(void *set);
	int (*insert)(void *set, int64_t time_ns, uint64_t argument, struct hb_event_id *ret_id);
	int (*cancel)(void *set, struct hb_event_id id);
	bool (*pop)(void *set, struct hb_event *ret);
};

struct workload {
	int64_t increments_ns[INCREMENTS];
	bool cancels[INCREMENTS]; /* this step also cancels a recent event and schedules another */
};

/* The state of a hold run; everything that must be equal among variants goes into @digest. */
struct hold {
	const struct workload *workload;
	uint64_t position; /* in the increments */
	uint64_t serial;   /* arguments are numbers of insertion */
	uint64_t digest, popped, stale;
	uint64_t inserted_sum, removed_sum; /* of times, modulo 2^64 */
	int64_t now_ns;
	uint64_t
		late_every; /* sabotage: every so many insertions come a nanosecond late; 0 = none */
	struct hb_event_id recent[RECENT];
	int64_t recent_ns[RECENT];
};

struct state {
	struct workload workload;
	struct hold hold;
	void *set;
	uint64_t pending, steps;
};

struct variant {
	int (*hold)(struct hold *hold, void *set, uint64_t steps);
	const struct event_set *functions;
};

static inline __attribute__((always_inline)) int hold_insert(
	struct hold *hold, const struct event_set *functions, void *set)
{
	uint64_t position = hold->position++ % INCREMENTS;
	int64_t time_ns = hold->now_ns + hold->workload->increments_ns[position];
	uint64_t serial = hold->serial++;

	hold->inserted_sum += (uint64_t)time_ns;
	hold->recent_ns[serial % RECENT] = time_ns;
	if (hold->late_every && serial % hold->late_every == 0)
		time_ns++;
	return functions->insert(set, time_ns, serial, &hold->recent[serial % RECENT]);
}

static inline __attribute__((always_inline)) int hold_step(
	struct hold *hold, const struct event_set *functions, void *set)
{
	struct hb_event event;
	uint64_t oldest;

	if (!functions->pop(set, &event))
		return -ENODATA;
	hold->now_ns = event.time_ns;
	hold->removed_sum += (uint64_t)event.time_ns;
	hold->popped++;
	hold->digest = (hold->digest << 5 | hold->digest >> 59) ^
		       ((uint64_t)event.time_ns * 31 + event.argument);
	if (__builtin_expect(hold->workload->cancels[hold->position % INCREMENTS], 0)) {
		oldest = hold->serial % RECENT;
		if (functions->cancel(set, hold->recent[oldest]) == 0) {
			hold->removed_sum += (uint64_t)hold->recent_ns[oldest];
			if (hold_insert(hold, functions, set) < 0)
				return -ENOSPC;
		} else {
			hold->stale++;
		}
	}
	return hold_insert(hold, functions, set);
}

static inline __attribute__((always_inline)) int hold_steps(
	struct hold *hold, const struct event_set *functions, void *set, uint64_t steps)
{
	int result = 0;

	for (uint64_t i = 0; i < steps && result == 0; i++)
		result = hold_step(hold, functions, set);
	return result;
}

/* ---- the three queues ---- */

static void *queue_create(size_t capacity)
{
	struct hb_event_queue *queue;

	return hb_event_queue_create(capacity, &queue, NULL) < 0 ? NULL : queue;
}

static void queue_destroy(void *set)
{
	hb_event_queue_destroy(set);
}

static int queue_insert(void *set, int64_t time_ns, uint64_t argument, struct hb_event_id *ret_id)
{
	return hb_event_queue_insert(set, time_ns, NULL, NULL, argument, ret_id);
}

static int queue_cancel(void *set, struct hb_event_id id)
{
	return hb_event_queue_cancel(set, id);
}

static bool queue_pop(void *set, struct hb_event *ret)
{
	return hb_event_queue_pop(set, INT64_MAX, ret);
}

static void *heap_new(size_t capacity)
{
	return heap_create(capacity);
}

static void heap_free(void *set)
{
	heap_destroy(set);
}

static int heap_remove(void *set, struct hb_event_id id)
{
	return heap_cancel(set, id);
}

static int binary_insert(void *set, int64_t time_ns, uint64_t argument, struct hb_event_id *ret_id)
{
	return binary_heap_insert(set, time_ns, NULL, NULL, argument, ret_id);
}

static bool binary_pop(void *set, struct hb_event *ret)
{
	return binary_heap_pop(set, INT64_MAX, ret);
}

static int quaternary_insert(
	void *set, int64_t time_ns, uint64_t argument, struct hb_event_id *ret_id)
{
	return quaternary_heap_insert(set, time_ns, NULL, NULL, argument, ret_id);
}

static bool quaternary_pop(void *set, struct hb_event *ret)
{
	return quaternary_heap_pop(set, INT64_MAX, ret);
}

static const struct event_set radix_queue = {
	queue_create, queue_destroy, queue_insert, queue_cancel, queue_pop};
static const struct event_set binary_heap = {
	heap_new, heap_free, binary_insert, heap_remove, binary_pop};
static const struct event_set quaternary_heap = {
	heap_new, heap_free, quaternary_insert, heap_remove, quaternary_pop};

static int hold_radix_queue(struct hold *hold, void *set, uint64_t steps)
{
	return hold_steps(hold, &radix_queue, set, steps);
}

static int hold_binary_heap(struct hold *hold, void *set, uint64_t steps)
{
	return hold_steps(hold, &binary_heap, set, steps);
}

static int hold_quaternary_heap(struct hold *hold, void *set, uint64_t steps)
{
	return hold_steps(hold, &quaternary_heap, set, steps);
}

/* ---- workload ---- */

static double increment_draw(struct hb_rng *rng, const char *distribution, double mean)
{
	if (strcmp(distribution, "bimodal") == 0) /* 90 % near, 10 % far; the mean is kept */
		return hb_rng_double(rng) < 0.9 ? hb_rng_double(rng) * 0.1 * mean
						: (9.05 + hb_rng_double(rng)) * mean;
	if (strcmp(distribution, "pareto") == 0) /* shape 1.1: mean 11 times the minimum */
		return mean / 11 * pow(1 - hb_rng_double(rng), -1 / 1.1);
	if (strcmp(distribution, "equal") == 0)
		return mean;
	return hb_rng_exponential(rng, mean);
}

/* Increments of random scale within a factor of 2, so that no queue profits from powers of two. */
static void workload_draw(
	struct workload *workload, uint64_t seed, const char *distribution, uint64_t pending)
{
	struct hb_rng rng;
	double mean;
	bool is_cancelling = strcmp(distribution, "cancel30") == 0;

	hb_rng_init(&rng, seed, 0);
	mean = (double)pending * SPACING_NS * exp2(hb_rng_double(&rng));
	for (size_t i = 0; i < INCREMENTS; i++) {
		workload->increments_ns[i] =
			hb_sim_duration_ns(increment_draw(&rng, distribution, mean));
		/* 3 cancelled for every 7 that run: 30 % of all that are scheduled. */
		workload->cancels[i] = is_cancelling && hb_rng_below(&rng, 7) < 3;
	}
}

static int fill(struct hold *hold, const struct event_set *functions, void *set, uint64_t pending)
{
	for (uint64_t i = 0; i < pending; i++) {
		int result = hold_insert(hold, functions, set);

		if (result < 0)
			return result;
	}
	return 0;
}

/* Tombstones need room too; the heap keeps them longest. */
static size_t capacity_for(uint64_t pending)
{
	return 3 * pending + 2 * (size_t)RECENT;
}

/* Steps that keep the fastest variant busy for 200 ms and more. */
static uint64_t steps_for(uint64_t pending, const char *distribution, bool is_quick)
{
	uint64_t steps = pending <= 1000 ? 16000000 : pending <= 100000 ? 12000000 : 4000000;

	if (strcmp(distribution, "equal") == 0)
		steps = 18000000;
	return is_quick ? steps / 40 : steps;
}

static int setup(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	const char *distribution = hb_params_text(params, "distribution");
	const struct variant *variant = hb_trial_data(trial);
	struct state *state = calloc(1, sizeof(*state));

	if (!state)
		return hb_trial_fail(trial, "no memory for the workload");
	hb_trial_set_state(trial, state);
	state->pending = (uint64_t)hb_params_i64(params, "pending");
	state->steps = steps_for(state->pending, distribution, hb_trial_is_quick(trial));
	workload_draw(&state->workload, hb_trial_seed(trial), distribution, state->pending);
	state->hold.workload = &state->workload;
	state->set = variant->functions->create(capacity_for(state->pending));
	if (!state->set || fill(&state->hold, variant->functions, state->set, state->pending) < 0)
		return hb_trial_fail(
			trial, "no memory for %llu events", (unsigned long long)state->pending);
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);

	state->hold.late_every = 1000;
	return 0;
}

/* Two turnovers, so that the times pending are those of a queue long in use. */
static int warm_up(struct hb_trial *trial)
{
	const struct variant *variant = hb_trial_data(trial);
	struct state *state = hb_trial_state(trial);
	uint64_t steps = 2 * state->pending < 200000 ? 200000 : 2 * state->pending;

	if (hb_trial_is_quick(trial))
		steps /= 10;
	if (variant->hold(&state->hold, state->set, steps) < 0)
		return hb_trial_fail(trial, "the queue ran empty or full in the warm-up");
	return 0;
}

static int run(struct hb_trial *trial)
{
	const struct variant *variant = hb_trial_data(trial);
	struct state *state = hb_trial_state(trial);
	int64_t begin_ns = hb_clock_now_ns();
	int result = variant->hold(&state->hold, state->set, state->steps);
	int64_t elapsed_ns = hb_clock_now_ns() - begin_ns;

	if (result < 0)
		return hb_trial_fail(trial, "the queue ran empty or full");
	hb_trial_metric(trial, "events_per_s",
		(double)state->steps * 1e9 / (double)(elapsed_ns > 0 ? elapsed_ns : 1),
		state->steps);
	return 0;
}

/* ---- verification ---- */

struct pending_event {
	int64_t time_ns;
	uint64_t argument;
};

/* An event set by exhaustive search, in order of insertion. */
struct list {
	struct pending_event events[2 * SMALL_PENDING];
	size_t count;
};

static void list_insert(struct list *list, int64_t time_ns, uint64_t argument)
{
	list->events[list->count++] = (struct pending_event){time_ns, argument};
}

static void list_remove(struct list *list, size_t index)
{
	memmove(&list->events[index], &list->events[index + 1],
		(list->count - index - 1) * sizeof(list->events[0]));
	list->count--;
}

/* The earliest, and of equal ones the first inserted. */
static struct pending_event list_pop(struct list *list)
{
	size_t best = 0;
	struct pending_event event;

	for (size_t i = 1; i < list->count; i++) {
		if (list->events[i].time_ns < list->events[best].time_ns)
			best = i;
	}
	event = list->events[best];
	list_remove(list, best);
	return event;
}

static bool list_cancel(struct list *list, uint64_t argument)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->events[i].argument == argument) {
			list_remove(list, i);
			return true;
		}
	}
	return false;
}

static uint64_t list_hold(const struct workload *workload)
{
	struct list list = {.count = 0};
	uint64_t digest = 0, position = 0, serial = 0;

	for (; serial < SMALL_PENDING; position++)
		list_insert(&list, workload->increments_ns[position], serial++);
	for (unsigned int step = 0; step < SMALL_STEPS; step++) {
		struct pending_event event = list_pop(&list);

		digest = (digest << 5 | digest >> 59) ^
			 ((uint64_t)event.time_ns * 31 + event.argument);
		if (workload->cancels[position % INCREMENTS] && list_cancel(&list, serial - RECENT))
			list_insert(&list,
				event.time_ns + workload->increments_ns[position++ % INCREMENTS],
				serial++);
		list_insert(&list, event.time_ns + workload->increments_ns[position++ % INCREMENTS],
			serial++);
	}
	return digest;
}

/* The same short run through the variant and through the list. */
static int verify_order(
	struct hb_trial *trial, const struct variant *variant, const struct state *state)
{
	struct hold hold = {.workload = &state->workload, .late_every = state->hold.late_every};
	void *set = variant->functions->create(capacity_for(SMALL_PENDING));
	int result = set ? fill(&hold, variant->functions, set, SMALL_PENDING) : -ENOMEM;
	uint64_t expected = list_hold(&state->workload);

	if (result == 0)
		result = variant->hold(&hold, set, SMALL_STEPS);
	if (set)
		variant->functions->destroy(set);
	if (result < 0)
		return hb_trial_fail(
			trial, "a queue of %d events ran empty or full", SMALL_PENDING);
	if (hold.digest != expected)
		return hb_trial_fail(trial,
			"the first %d events come in another order than by exhaustive search",
			SMALL_STEPS);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	const struct variant *variant = hb_trial_data(trial);
	struct state *state = hb_trial_state(trial);
	struct hold *hold = &state->hold;
	struct hb_event event, last = {.time_ns = hold->now_ns};
	uint64_t left = 0;
	int result = verify_order(trial, variant, state);

	if (result < 0)
		return result;
	hb_trial_digest(trial, &hold->digest, sizeof(hold->digest));
	for (; variant->functions->pop(state->set, &event); left++) {
		if (event.time_ns < last.time_ns ||
			(left && event.time_ns == last.time_ns && event.argument < last.argument))
			return hb_trial_fail(trial, "the events left come out of order");
		hold->removed_sum += (uint64_t)event.time_ns;
		last = event;
	}
	if (left != state->pending)
		return hb_trial_fail(trial, "%llu events were left, not %llu",
			(unsigned long long)left, (unsigned long long)state->pending);
	if (hold->removed_sum != hold->inserted_sum)
		return hb_trial_fail(trial, "the times taken out are not those put in");
	hb_trial_metric(trial, "events", (double)hold->popped, 1);
	hb_trial_metric(trial, "cancels_stale", (double)hold->stale, 1);
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	const struct variant *variant = hb_trial_data(trial);
	struct state *state = hb_trial_state(trial);

	if (state && state->set)
		variant->functions->destroy(state->set);
	free(state);
	return 0;
}

static uint64_t memory_bytes(const struct hb_params *params)
{
	return (uint64_t)64 * 1024 * 1024 + (uint64_t)hb_params_i64(params, "pending") * 3 * 64;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	return hb_params_i64(params, "pending") > 100000 ? 2500 : 900;
}

#define HOOKS                                                                                     \
	.digest_class = "order", .setup = setup, .warmup = warm_up, .run = run, .verify = verify, \
	.teardown = teardown, .sabotage = sabotage

static const struct hb_param params[] = {
	{.name = "distribution",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "of the increments; cancel30: exponential, and 30 % of all events are "
			"cancelled",
		.sweep = "exponential,bimodal,pareto,equal,cancel30",
		.sweep_quick = "exponential"},
	{.name = "pending",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "events scheduled at any time",
		.sweep = "1000,1000000",
		.sweep_quick = "1000",
		.sweep_full = "1000,10000,100000,1000000",
		.min = 300,
		.max = 4000000},
	{0},
};

static const struct hb_metric metrics[] = {
	{.name = "events_per_s",
		.unit = "1/s",
		.help = "events taken and replaced by another per second",
		.better = HB_BETTER_HIGHER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05},
	{.name = "events",
		.unit = "1",
		.help = "events taken, the warm-up included",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_COUNT,
		.exact = true},
	{.name = "cancels_stale",
		.unit = "1",
		.help = "cancels of events that had already run",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_COUNT,
		.exact = true},
	{0},
};

static const struct hb_variant variants[] = {
	{.name = "binary_heap",
		.role = HB_ROLE_BASELINE,
		.help = "implicit heap, 16-byte entries, hole left open by pop, tombstones",
		HOOKS,
		.data = &(const struct variant){hold_binary_heap, &binary_heap}},
	{.name = "quaternary_heap",
		.role = HB_ROLE_RIVAL,
		.help = "the same with four children per node, one cache line",
		HOOKS,
		.data = &(const struct variant){hold_quaternary_heap, &quaternary_heap}},
	{.name = "radix_queue",
		.role = HB_ROLE_IDEA,
		.help = "hb_event_queue: monotone radix heap with adaptive digits",
		HOOKS,
		.data = &(const struct variant){hold_radix_queue, &radix_queue}},
	{0},
};

#define PAPER "Hotbed, docs/design/event-queue.md"

#define NEVER_BELOW(distribution, count)                                                           \
	{                                                                                          \
		.name = "never-below-" distribution "-" count,                                     \
		.text = "With " distribution " increments and " count                              \
			" events pending the queue is never below 0.8 times the heap.",            \
		.paper = PAPER, .section = "Robustness", .metric = "events_per_s",                 \
		.variant = "radix_queue", .where = "distribution=" distribution ";pending=" count, \
		.lo = 0.8, .hi = (double)INFINITY                                                  \
	}

static const struct hb_claim claims[] = {
	{.name = "threefold-at-a-million",
		.text = "With 1,000,000 events pending the queue handles at least 3 times the "
			"events of a "
			"tuned binary heap.",
		.paper = PAPER,
		.section = "Result",
		.metric = "events_per_s",
		.variant = "radix_queue",
		.where = "distribution=exponential;pending=1000000",
		.lo = 3,
		.hi = (double)INFINITY,
		.headline = 1},
	{.name = "twofold-at-a-thousand",
		.text = "With 1,000 events pending the queue handles at least 2 times the events "
			"of a "
			"tuned binary heap.",
		.paper = PAPER,
		.section = "Result",
		.metric = "events_per_s",
		.variant = "radix_queue",
		.where = "distribution=exponential;pending=1000",
		.lo = 2,
		.hi = (double)INFINITY},
	NEVER_BELOW("bimodal", "1000"),
	NEVER_BELOW("bimodal", "1000000"),
	NEVER_BELOW("pareto", "1000"),
	NEVER_BELOW("pareto", "1000000"),
	NEVER_BELOW("equal", "1000"),
	NEVER_BELOW("equal", "1000000"),
	NEVER_BELOW("cancel30", "1000"),
	NEVER_BELOW("cancel30", "1000000"),
	{0},
};

const struct hb_experiment harness_event_queue = {
	.name = "event-queue",
	.question = "How many events per second does the event queue handle, against a tuned heap?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "pending", .facet = "distribution", .log_x = true, .log_y = true},
	.memory_bytes = memory_bytes,
	.trial_ms = trial_ms,
};
