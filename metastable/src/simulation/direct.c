/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The loop without a heap: one server with one thread and a queue in order of arrival, one Poisson client with a
 * constant timeout, immediate retries, nothing cancelled, nothing rejected. Three things can happen next: the next
 * arrival, the end of the service under way, the oldest timeout. Constant timeouts end in the order in which they
 * began, so attempts lie in a ring; those that were answered are passed over when they come to its front, and are no
 * events.
 *
 * Bit-identical to the shared engine: the same draws from the same streams in the same order, and equal times in the
 * order of scheduling, which the serials keep.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/rng.h>
#include <hotbed/sim.h>

#include "direct.h"
#include "draw.h"
#include "meter.h"
#include "protection.h"

#define NS_PER_S 1e9

struct attempt {
	int64_t timeout_ns;
	uint64_t serial;
	int64_t begin_ns; /* of its request */
	uint32_t number;
	uint32_t open;
};

struct waiting {
	int64_t enter_ns;
	uint64_t attempt;
};

struct change {
	int64_t time_ns;
	uint32_t argument; /* as that of the trigger event on the shared engine */
};

struct ms_direct {
	struct ms_model model;
	struct ms_run_options options;
	uint32_t capacity; /* of both rings, a power of two */
	struct attempt *attempts;
	struct waiting *queue;
	struct change changes[2 * MS_TRIGGERS_MAX];
	uint32_t change_count;
	int64_t timeout_ns;
	uint32_t drained_jobs;

	/* a run */
	struct ms_meter meter;
	struct hb_rng arrivals, services;
	double rate_per_s, gap_mean_ns, service_mean_ns, stretch, extra_ns;
	uint64_t digest, serial, events;
	int64_t now_ns;
	int64_t arrival_ns, service_ns;
	uint64_t arrival_serial, service_serial;
	uint64_t attempt_first, attempt_last;
	uint64_t queue_first, queue_last; /* the first is in service */
	int64_t changed_ns;
	__extension__ unsigned __int128 job_ns;
	int64_t busy_since_ns, busy_ns;
	uint64_t sojourn_ns,
		latency_ns; /* below 2^64: at most the queue's capacity times the run */
	struct ms_client_counts client;
	struct ms_server_counts server;
};

bool ms_specialised_loop_fits(const struct ms_model *model)
{
	const struct ms_server *server = &model->servers[0];
	const struct ms_client *client = &model->clients[0];
	/* Features that the loop has; all others must be absent. */
	const uint64_t covered =
		UINT64_C(1) << MS_FEATURE_CONSTANT_TIMEOUT | UINT64_C(1) << MS_FEATURE_RETRIES |
		UINT64_C(1) << MS_FEATURE_RETRIES_UNLIMITED |
		UINT64_C(1) << MS_FEATURE_RETRY_ON_REJECT | UINT64_C(1) << MS_FEATURE_TRIGGER_RATE |
		UINT64_C(1) << MS_FEATURE_TRIGGER_CAPACITY |
		UINT64_C(1) << MS_FEATURE_TRIGGER_LATENCY;

	return (ms_model_features(model) & ~covered) == 0 && model->server_count == 1 &&
	       model->client_count == 1 && server->queue_capacity > 0 &&
	       client->timeout_kind == MS_TIMEOUT_CONSTANT && client->retry_on_timeout;
}

static int change_compare(const void *a, const void *b)
{
	const struct change *left = a;
	const struct change *right = b;

	if (left->time_ns != right->time_ns)
		return left->time_ns < right->time_ns ? -1 : 1;
	return (left->argument > right->argument) - (left->argument < right->argument);
}

static void changes_sort(struct ms_direct *direct)
{
	for (uint32_t i = 0; i < direct->model.trigger_count; i++) {
		const struct ms_trigger *trigger = &direct->model.triggers[i];

		direct->changes[direct->change_count++] =
			(struct change){ms_seconds_ns(trigger->at_s), 2 * i};
		direct->changes[direct->change_count++] = (struct change){
			ms_seconds_ns(trigger->at_s + trigger->duration_s), 2 * i + 1};
	}
	qsort(direct->changes, direct->change_count, sizeof(direct->changes[0]), change_compare);
}

int ms_direct_create(const struct ms_model *model, const struct ms_run_options *options,
	uint32_t capacity, struct ms_direct **ret, struct hb_error *reterr)
{
	struct ms_direct *direct = calloc(1, sizeof(*direct));

	hb_assert(ms_specialised_loop_fits(model));
	if (!direct)
		return hb_error_set(reterr, -ENOMEM, "simulation: no memory; free some");
	direct->model = *model;
	direct->options = *options;
	direct->capacity = capacity;
	direct->attempts = malloc(capacity * sizeof(*direct->attempts));
	direct->queue = malloc(capacity * sizeof(*direct->queue));
	if (!direct->attempts || !direct->queue) {
		ms_direct_destroy(direct);
		return hb_error_set(reterr, -ENOMEM,
			"simulation: no memory for %u attempts; use a smaller model", capacity);
	}
	changes_sort(direct);
	direct->timeout_ns = ms_seconds_ns(model->clients[0].timeout_s);
	direct->service_mean_ns = model->servers[0].service.mean_s * NS_PER_S;
	direct->drained_jobs = model->servers[0].queue_capacity / 10;
	*ret = direct;
	return 0;
}

void ms_direct_destroy(struct ms_direct *direct)
{
	if (!direct)
		return;
	free(direct->attempts);
	free(direct->queue);
	free(direct);
}

/* ---- the loop ---- */

/* The hot part of a run, in registers and on one cache line or two. */
static inline uint32_t jobs_in(const struct ms_direct *d)
{
	return (uint32_t)(d->queue_last - d->queue_first);
}

static inline void account(struct ms_direct *d, int64_t now_ns)
{
	d->job_ns +=
		(__extension__(unsigned __int128)(uint64_t)(now_ns - d->changed_ns)) * jobs_in(d);
	d->changed_ns = now_ns;
}

static inline void service_begin(struct ms_direct *d, int64_t now_ns)
{
	double drawn_ns = hb_rng_exponential(&d->services, d->service_mean_ns);

	d->service_ns = now_ns + hb_sim_duration_ns(drawn_ns * d->stretch + d->extra_ns);
	d->service_serial = d->serial++;
}

/* Returns false if a ring is full. */
static inline bool attempt_send(
	struct ms_direct *d, int64_t now_ns, int64_t begin_ns, uint32_t number)
{
	uint32_t mask = d->capacity - 1;
	uint32_t jobs = jobs_in(d);

	if (__builtin_expect(d->attempt_last - d->attempt_first > mask, 0))
		return false;
	d->attempts[d->attempt_last & mask] =
		(struct attempt){now_ns + d->timeout_ns, d->serial++, begin_ns, number, 1};
	d->client.attempts++;
	d->meter.attempts++;
	if (jobs >= d->model.servers[0].queue_capacity) {
		d->server.full++;
		d->attempt_last++;
		return true;
	}
	if (__builtin_expect(jobs > mask, 0))
		return false;
	account(d, now_ns);
	d->queue[d->queue_last++ & mask] = (struct waiting){now_ns, d->attempt_last++};
	if (jobs + 1 > d->server.peak)
		d->server.peak = jobs + 1;
	if (jobs == 0) {
		d->busy_since_ns = now_ns;
		service_begin(d, now_ns);
	}
	return true;
}

static inline bool on_arrival(struct ms_direct *d, int64_t now_ns)
{
	d->arrival_ns =
		now_ns + hb_sim_duration_ns(hb_rng_exponential(&d->arrivals, d->gap_mean_ns));
	d->arrival_serial = d->serial++;
	d->client.requests++;
	d->meter.requests++;
	return attempt_send(d, now_ns, now_ns, 0);
}

/* Answered attempts at the front of the ring are of no interest to anybody. */
static inline void attempts_pass(struct ms_direct *d)
{
	uint32_t mask = d->capacity - 1;

	while (d->attempt_first < d->attempt_last && !d->attempts[d->attempt_first & mask].open)
		d->attempt_first++;
}

static inline bool on_timeout(struct ms_direct *d, int64_t now_ns)
{
	const struct attempt attempt = d->attempts[d->attempt_first++ & (d->capacity - 1)];

	attempts_pass(d);
	d->client.timeouts++;
	if (attempt.number >= d->model.clients[0].retries) {
		d->client.failures++;
		ms_meter_end(&d->meter, false, now_ns - attempt.begin_ns);
		d->meter.orbit -= attempt.number > 0;
		return true;
	}
	d->meter.orbit += attempt.number == 0;
	d->meter.retries++;
	return attempt_send(d, now_ns, attempt.begin_ns, attempt.number + 1);
}

static inline void on_service_end(struct ms_direct *d, int64_t now_ns)
{
	uint32_t mask = d->capacity - 1;
	const struct waiting done = d->queue[d->queue_first & mask];
	struct attempt *attempt = &d->attempts[done.attempt & mask];

	account(d, now_ns);
	d->queue_first++;
	d->sojourn_ns += (uint64_t)(now_ns - done.enter_ns);
	if (__builtin_expect(d->meter.drained_ns == INT64_MAX, 0) && now_ns >= d->meter.watch_ns &&
		jobs_in(d) <= d->drained_jobs)
		d->meter.drained_ns = now_ns;
	if (done.attempt >= d->attempt_first) {
		attempt->open = 0;
		d->latency_ns += (uint64_t)(now_ns - attempt->begin_ns);
		d->client.successes++;
		ms_meter_end(&d->meter, true, now_ns - attempt->begin_ns);
		d->meter.orbit -= attempt->number > 0;
		attempts_pass(d);
	} else {
		d->server.wasted++;
	}
	if (jobs_in(d)) {
		service_begin(d, now_ns);
	} else {
		d->service_ns = INT64_MAX;
		d->busy_ns += now_ns - d->busy_since_ns;
	}
}

/* What the digest knows of an event beyond its kind. */
static uint32_t event_number(const struct ms_direct *d, enum ms_event_kind kind)
{
	uint32_t mask = d->capacity - 1;

	if (kind == MS_EVENT_TIMER)
		return d->attempts[d->attempt_first & mask].number;
	if (kind == MS_EVENT_SERVICE)
		return d->queue[d->queue_first & mask].attempt >= d->attempt_first;
	return 0;
}

/*
 * Events up to and including @limit_ns. Returns 1 after them, 0 after the event in which the run recovered if it is to
 * stop there, -ENOSPC.
 */
static inline __attribute__((always_inline)) int events_run(
	struct ms_direct *d, int64_t limit_ns, const bool digests)
{
	const bool stops = d->options.stop_at_recovery;
	uint32_t mask = d->capacity - 1;

	for (;;) {
		enum ms_event_kind kind = MS_EVENT_ARRIVAL;
		int64_t now_ns = d->arrival_ns;
		uint64_t serial = d->arrival_serial;
		bool room = true;

		if (d->service_ns < now_ns ||
			(d->service_ns == now_ns && d->service_serial < serial)) {
			kind = MS_EVENT_SERVICE;
			now_ns = d->service_ns;
			serial = d->service_serial;
		}
		if (d->attempt_first < d->attempt_last) {
			const struct attempt *oldest = &d->attempts[d->attempt_first & mask];

			if (oldest->timeout_ns < now_ns ||
				(oldest->timeout_ns == now_ns && oldest->serial < serial)) {
				kind = MS_EVENT_TIMER;
				now_ns = oldest->timeout_ns;
			}
		}
		if (now_ns > limit_ns)
			return 1;
		d->now_ns = now_ns;
		d->events++;
		ms_meter_advance(&d->meter, now_ns, jobs_in(d));
		if (digests)
			d->digest = ms_digest_add(
				d->digest, now_ns, kind, jobs_in(d), event_number(d, kind));
		if (kind == MS_EVENT_ARRIVAL)
			room = on_arrival(d, now_ns);
		else if (kind == MS_EVENT_SERVICE)
			on_service_end(d, now_ns);
		else
			room = on_timeout(d, now_ns);
		if (__builtin_expect(!room, 0))
			return -ENOSPC;
		if (__builtin_expect(stops && d->meter.recovered_ns != INT64_MAX, 0))
			return 0;
	}
}

static void change_apply(struct ms_direct *d, const struct change *change)
{
	const struct ms_trigger *trigger = &d->model.triggers[change->argument / 2];
	bool begins = change->argument % 2 == 0;
	double rate;

	switch (trigger->kind) {
	case MS_TRIGGER_RATE:
		rate = fmax(begins ? trigger->value : d->model.clients[0].rate_per_s, 1e-6);
		d->arrival_ns = d->now_ns +
				ms_gap_rescale_ns(d->arrival_ns - d->now_ns, d->rate_per_s, rate);
		d->arrival_serial = d->serial++;
		d->rate_per_s = rate;
		d->gap_mean_ns = NS_PER_S / rate;
		break;
	case MS_TRIGGER_CAPACITY:
		d->stretch = 1 / (begins ? trigger->value : 1);
		break;
	case MS_TRIGGER_LATENCY:
		d->extra_ns = begins ? trigger->value * NS_PER_S : 0;
		break;
	case MS_TRIGGER_FLUSH:
		hb_assert(false);
	}
}

/* One change of a trigger is an event too; returns as events_run(). */
static int change_run(struct ms_direct *d, const struct change *change)
{
	d->now_ns = change->time_ns;
	d->events++;
	ms_meter_advance(&d->meter, d->now_ns, jobs_in(d));
	if (d->options.digest)
		d->digest = ms_digest_add(
			d->digest, d->now_ns, MS_EVENT_TRIGGER, jobs_in(d), change->argument);
	change_apply(d, change);
	if (d->now_ns >= d->meter.watch_ns && d->meter.drained_ns == INT64_MAX &&
		jobs_in(d) <= d->drained_jobs)
		d->meter.drained_ns = d->now_ns;
	return !(d->options.stop_at_recovery && d->meter.recovered_ns != INT64_MAX);
}

static void run_begin(struct ms_direct *d, uint64_t seed, uint64_t replication, struct ms_bin *bins)
{
	uint64_t mixed = hb_rng_mix(seed, replication); /* as hb_sim_stream() does */

	ms_meter_init(&d->meter, &d->model, &d->options, ms_seconds_ns(d->options.end_s));
	ms_meter_reset(&d->meter, bins);
	if (d->meter.watch_ns == 0)
		d->meter.drained_ns = 0;
	hb_rng_init(&d->arrivals, mixed, ms_stream_source(MS_STREAM_ARRIVALS, 0));
	hb_rng_init(&d->services, mixed, ms_stream_source(MS_STREAM_SERVICES, 0));
	d->rate_per_s = d->model.clients[0].rate_per_s;
	d->gap_mean_ns = NS_PER_S / d->rate_per_s;
	d->stretch = 1;
	d->extra_ns = 0;
	d->digest = d->events = d->serial = 0;
	d->now_ns = d->changed_ns = d->busy_since_ns = d->busy_ns = 0;
	d->attempt_first = d->attempt_last = d->queue_first = d->queue_last = 0;
	d->job_ns = 0;
	d->sojourn_ns = d->latency_ns = 0;
	d->client = (struct ms_client_counts){0};
	d->server = (struct ms_server_counts){0};
	d->arrival_ns = hb_sim_duration_ns(hb_rng_exponential(&d->arrivals, d->gap_mean_ns));
	d->arrival_serial = d->serial++;
	d->service_ns = INT64_MAX;
}

static int run_on(struct ms_direct *d, int64_t end_ns)
{
	int result = 1;

	for (uint32_t i = 0; i <= d->change_count && result > 0; i++) {
		const struct change *change = i < d->change_count ? &d->changes[i] : NULL;
		int64_t limit_ns = end_ns;

		/* The changes were scheduled first, so at equal times they are first. */
		if (change && change->time_ns <= end_ns)
			limit_ns = change->time_ns - 1;
		result = d->options.digest ? events_run(d, limit_ns, true)
					   : events_run(d, limit_ns, false);
		if (limit_ns == end_ns)
			break;
		if (result > 0)
			result = change_run(d, change);
	}
	if (result > 0)
		d->now_ns = end_ns;
	return result;
}

static void result_fill(struct ms_direct *d, struct ms_run_result *ret)
{
	uint32_t mask = d->capacity - 1;
	struct ms_client_counts *client = &ret->clients[0];
	struct ms_server_counts *server = &ret->servers[0];

	account(d, d->now_ns);
	*ret = (struct ms_run_result){
		.events = d->events,
		.digest = d->digest,
		.end_s = (double)d->now_ns / NS_PER_S,
		.specialised = true,
		.client_count = 1,
		.server_count = 1,
	};
	ms_meter_result(&d->meter, d->model.servers[0].queue_capacity, ret);
	*client = d->client;
	client->answers = client->successes;
	client->retries = client->attempts - client->requests;
	for (uint64_t i = d->attempt_first; i < d->attempt_last; i++)
		client->open += d->attempts[i & mask].open;
	client->attempts_open = client->open;
	client->latency_sum_s = (double)d->latency_ns / NS_PER_S;
	*server = d->server;
	server->arrivals = client->attempts;
	server->served = d->queue_first;
	server->in_server = jobs_in(d);
	server->in_service = server->in_server > 0;
	server->job_s = (double)d->job_ns / NS_PER_S;
	if (server->in_server)
		d->busy_ns += d->now_ns - d->busy_since_ns;
	server->busy_s = (double)d->busy_ns / NS_PER_S;
	server->sojourn_s = (double)d->sojourn_ns / NS_PER_S;
	for (uint64_t i = d->queue_first; i < d->queue_last; i++)
		server->sojourn_s += (double)(d->now_ns - d->queue[i & mask].enter_ns) / NS_PER_S;
}

int ms_direct_run(struct ms_direct *direct, uint64_t seed, uint64_t replication,
	struct ms_bin *bins, struct ms_run_result *ret)
{
	int64_t end_ns = ms_seconds_ns(direct->options.end_s);
	int result;

	run_begin(direct, seed, replication, bins);
	result = run_on(direct, end_ns);
	if (result < 0)
		return result;
	ms_meter_advance(&direct->meter, direct->now_ns, jobs_in(direct));
	result_fill(direct, ret);
	return 0;
}
