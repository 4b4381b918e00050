/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The disciplines of bulk_queue.h, customer by customer. The queue is a ring of arrival times: those in service are its
 * oldest. Rates are scaled so that a mean service takes a second of simulated time, whatever they are.
 */
#include <batching/bulk_queue.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/rng.h>
#include <hotbed/sim.h>

#define REPLICATIONS 20
#define DEPARTURES 200000
#define LEVEL 0.99
#define SERVICE_NS 1e9
#define RING_FIRST 4096U /* customers */
#define RING_MAX (1U << 26)

enum source { SOURCE_ARRIVALS, SOURCE_SERVICES };
enum output { OUT_IN_SYSTEM, OUT_IN_QUEUE, OUT_WAIT, OUT_SOJOURN, OUT_COUNT };

struct model {
	struct bat_bulk_queue queue;
	uint64_t departures;
};

struct bulk {
	const struct model *model;
	struct hb_rng arrivals, services;
	double gap_ns;       /* mean time between arrivals */
	int64_t *arrived_ns; /* ring */
	uint32_t capacity, head, count, in_service;
	bool busy;
	bool failed; /* no memory, or the ring is at its limit */
	struct hb_time_average in_system, in_queue;
	struct hb_tally wait, sojourn;
};

static void serve(struct hb_sim *sim, struct bulk *bulk);

static void note_sizes(struct hb_sim *sim, struct bulk *bulk)
{
	int64_t now_ns = hb_sim_now_ns(sim);

	hb_time_average_set(&bulk->in_system, now_ns, bulk->count);
	hb_time_average_set(&bulk->in_queue, now_ns, bulk->count - bulk->in_service);
}

/* The next @count waiting customers join the batch. */
static void take(struct hb_sim *sim, struct bulk *bulk, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = (bulk->head + bulk->in_service) % bulk->capacity;

		hb_tally_add(&bulk->wait, (double)(hb_sim_now_ns(sim) - bulk->arrived_ns[at]));
		bulk->in_service++;
	}
}

static void on_served(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct bulk *bulk = object;

	(void)argument;
	for (; bulk->in_service > 0; bulk->in_service--) {
		hb_tally_add(&bulk->sojourn,
			(double)(hb_sim_now_ns(sim) - bulk->arrived_ns[bulk->head]));
		bulk->head = (bulk->head + 1) % bulk->capacity;
		bulk->count--;
	}
	bulk->busy = false;
	serve(sim, bulk);
	note_sizes(sim, bulk);
	if (bulk->sojourn.count >= bulk->model->departures)
		hb_sim_stop(sim);
}

/* Begin a service, or let a new customer into the one that goes on. */
static void serve(struct hb_sim *sim, struct bulk *bulk)
{
	const struct bat_bulk_queue *queue = &bulk->model->queue;
	uint32_t waiting = bulk->count - bulk->in_service;
	uint32_t room = queue->limit - bulk->in_service;

	if (bulk->busy) {
		if (queue->discipline == BAT_BULK_JOINABLE)
			take(sim, bulk, waiting < room ? waiting : room);
		return;
	}
	if (waiting == 0 || (queue->discipline == BAT_BULK_FULL && waiting < queue->limit))
		return;
	bulk->busy = true;
	take(sim, bulk, waiting < queue->limit ? waiting : queue->limit);
	(void)hb_sim_after(sim, hb_sim_duration_ns(hb_rng_exponential(&bulk->services, SERVICE_NS)),
		on_served, bulk, 0, NULL);
}

/* Twice the ring; the only allocation after the start, a logarithmic number of times. */
static bool grow(struct bulk *bulk)
{
	uint32_t capacity = bulk->capacity * 2;
	int64_t *ring;

	if (capacity > RING_MAX)
		return false;
	ring = malloc(capacity * sizeof(*ring));
	if (!ring)
		return false;
	for (uint32_t i = 0; i < bulk->count; i++)
		ring[i] = bulk->arrived_ns[(bulk->head + i) % bulk->capacity];
	free(bulk->arrived_ns);
	bulk->arrived_ns = ring;
	bulk->capacity = capacity;
	bulk->head = 0;
	return true;
}

static void on_arrival(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct bulk *bulk = object;

	(void)argument;
	if (bulk->count == bulk->capacity && !grow(bulk)) {
		bulk->failed = true;
		hb_sim_stop(sim);
		return;
	}
	bulk->arrived_ns[(bulk->head + bulk->count) % bulk->capacity] = hb_sim_now_ns(sim);
	bulk->count++;
	serve(sim, bulk);
	note_sizes(sim, bulk);
	(void)hb_sim_after(sim,
		hb_sim_duration_ns(hb_rng_exponential(&bulk->arrivals, bulk->gap_ns)), on_arrival,
		bulk, 0, NULL);
}

static void collect_from_now(struct hb_sim *sim, struct bulk *bulk)
{
	int64_t now_ns = hb_sim_now_ns(sim);

	hb_time_average_init(&bulk->in_system, now_ns, bulk->count);
	hb_time_average_init(&bulk->in_queue, now_ns, bulk->count - bulk->in_service);
	hb_tally_reset(&bulk->wait);
	hb_tally_reset(&bulk->sojourn);
}

static int run_bulk(struct hb_sim *sim, struct bulk *bulk, struct hb_error *reterr)
{
	struct model warm_up = *bulk->model;
	const struct model *model = bulk->model;
	int err;

	hb_sim_stream(sim, SOURCE_ARRIVALS, &bulk->arrivals);
	hb_sim_stream(sim, SOURCE_SERVICES, &bulk->services);
	collect_from_now(sim, bulk);
	on_arrival(sim, bulk, 0);
	warm_up.departures = model->departures / 10;
	bulk->model = &warm_up;
	err = hb_sim_run(sim, INT64_MAX, UINT64_MAX, reterr);
	if (err)
		return err;
	collect_from_now(sim, bulk);
	bulk->model = model;
	return hb_sim_run(sim, INT64_MAX, UINT64_MAX, reterr);
}

static int replicate(
	uint64_t seed, uint64_t replication, const void *user, double *ret, struct hb_error *reterr)
{
	const struct model *model = user;
	/* Times are counted in mean services, so that any rates fit the clock. */
	double second = 1 / model->queue.mu_per_s;
	struct bulk bulk = {.model = model,
		.capacity = RING_FIRST,
		.gap_ns = SERVICE_NS * model->queue.mu_per_s / model->queue.lambda_per_s};
	struct hb_sim *sim = NULL;
	int err = hb_sim_create(4, seed, replication, &sim, reterr);

	if (err)
		return err;
	bulk.arrived_ns = malloc(RING_FIRST * sizeof(*bulk.arrived_ns));
	err = bulk.arrived_ns ? run_bulk(sim, &bulk, reterr)
			      : hb_error_set(reterr, -ENOMEM, "no memory for the queue");
	if (!err && bulk.failed)
		err = hb_error_set(reterr, -ENOMEM,
			"more than %u customers wait; the queue is too close to saturation",
			bulk.capacity);
	if (!err) {
		ret[OUT_IN_SYSTEM] = hb_time_average_mean(&bulk.in_system, hb_sim_now_ns(sim));
		ret[OUT_IN_QUEUE] = hb_time_average_mean(&bulk.in_queue, hb_sim_now_ns(sim));
		ret[OUT_WAIT] = bulk.wait.mean / SERVICE_NS * second;
		ret[OUT_SOJOURN] = bulk.sojourn.mean / SERVICE_NS * second;
	}
	free(bulk.arrived_ns);
	hb_sim_destroy(sim);
	return err;
}

static int check_options(const struct bat_bulk_options *options, struct hb_error *reterr)
{
	if (options->replications < 2 || options->replications > 10000)
		return hb_error_set(reterr, -EINVAL,
			"%" PRIu64 " replications; there must be 2 ... 10,000",
			options->replications);
	if (options->departures < 1000 || options->departures > 1000000000)
		return hb_error_set(reterr, -EINVAL,
			"%" PRIu64 " departures; there must be 1,000 ... 10^9",
			options->departures);
	if (!(options->level > 0 && options->level < 1))
		return hb_error_set(
			reterr, -EINVAL, "level %g; it must lie between 0 and 1", options->level);
	return 0;
}

int bat_bulk_queue_simulate(const struct bat_bulk_queue *queue,
	const struct bat_bulk_options *options, struct bat_bulk_intervals *ret,
	struct hb_error *reterr)
{
	struct bat_bulk_options set = options ? *options : (struct bat_bulk_options){0};
	struct hb_interval *intervals[OUT_COUNT] = {
		&ret->in_system, &ret->in_queue, &ret->wait_s, &ret->sojourn_s};
	struct model model = {.queue = *queue};
	double *values;
	int err = bat_bulk_queue_check(queue, reterr);

	set.replications = set.replications ? set.replications : REPLICATIONS;
	set.departures = set.departures ? set.departures : DEPARTURES;
	set.level = set.level != 0 ? set.level : LEVEL;
	if (!err)
		err = check_options(&set, reterr);
	if (err)
		return err;
	values = malloc(set.replications * OUT_COUNT * sizeof(*values));
	if (!values)
		return hb_error_set(reterr, -ENOMEM, "no memory for %" PRIu64 " replications",
			set.replications);
	model.departures = set.departures;
	err = hb_replications_run(set.seed, set.replications, replicate, &model, OUT_COUNT,
		set.threads, values, reterr);
	for (size_t i = 0; i < OUT_COUNT && !err; i++) {
		err = hb_replications_interval(
			values, set.replications, OUT_COUNT, i, set.level, intervals[i]);
		hb_assert(!err);
	}
	free(values);
	return err;
}
