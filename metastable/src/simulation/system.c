/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory, clock, triggers and copies of a run on the shared engine. See system.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include "system.h"

#define NS_PER_S 1e9
/* Objects that one event may take at most: one per server on its way, with room to spare. */
#define EVENT_OBJECTS_MAX 64

/* ---- timers ---- */

void ms_timer_set(struct ms_system *system, struct ms_timer *timer, int64_t time_ns,
	hb_event_fn *handler, uint64_t argument)
{
	timer->time_ns = time_ns;
	(void)hb_sim_at(system->sim, time_ns, handler, system, argument, &timer->id);
}

void ms_timer_cancel(struct ms_system *system, struct ms_timer *timer)
{
	if (timer->id.serial)
		(void)hb_sim_cancel(system->sim, timer->id);
	timer->id.serial = 0;
}

/* ---- events ---- */

void ms_system_full(struct ms_system *system)
{
	system->failure = -ENOSPC;
	hb_sim_stop(system->sim);
}

void ms_event_begin(struct ms_system *system, enum ms_event_kind kind, uint32_t number)
{
	struct ms_system_state *state = &system->state;
	uint32_t jobs = state->servers[system->watched].jobs;
	int64_t now_ns = hb_sim_now_ns(system->sim);

	ms_meter_advance(&state->meter, now_ns, jobs);
	if (system->options.digest)
		state->digest = ms_digest_add(state->digest, now_ns, kind, jobs, number);
	if (state->requests.used > system->capacity - EVENT_OBJECTS_MAX ||
		state->jobs.used > system->capacity - EVENT_OBJECTS_MAX)
		ms_system_full(system);
	if (system->options.stop_at_recovery && state->meter.recovered_ns != INT64_MAX)
		hb_sim_stop(system->sim);
}

void ms_event_end(struct ms_system *system)
{
	ms_rejections_hear(system);
}

/* ---- triggers ---- */

/* A rate of 0 stands for one in eleven days, so that what is left of the gap is kept. */
static double rate_positive(double rate_per_s)
{
	return fmax(rate_per_s, 1e-6);
}

static void rate_change(struct ms_system *system, uint32_t client, double rate_per_s)
{
	struct ms_client_state *state = &system->state.clients[client];
	int64_t now_ns = hb_sim_now_ns(system->sim);
	double rate = rate_positive(rate_per_s);
	int64_t left_ns =
		ms_gap_rescale_ns(state->arrival.time_ns - now_ns, state->rate_per_s, rate);

	state->rate_per_s = rate;
	ms_timer_cancel(system, &state->arrival);
	ms_timer_set(system, &state->arrival, now_ns + left_ns, ms_on_arrival, client);
}

static void trigger_apply(struct ms_system *system, const struct ms_trigger *trigger, bool begins)
{
	uint32_t target = (uint32_t)trigger->target;

	switch (trigger->kind) {
	case MS_TRIGGER_RATE:
		rate_change(system, target,
			begins ? trigger->value : system->model.clients[target].rate_per_s);
		break;
	case MS_TRIGGER_CAPACITY:
		system->state.servers[target].speed = begins ? trigger->value : 1;
		break;
	case MS_TRIGGER_LATENCY:
		system->state.servers[target].extra_ns = begins ? trigger->value * NS_PER_S : 0;
		break;
	case MS_TRIGGER_FLUSH:
		if (begins)
			ms_lru_clear(&system->state.caches[target].lru, system->lru_memory[target]);
		break;
	}
}

/* Argument: 2 x number of the trigger, + 1 for its end. */
static void on_trigger(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct ms_system *system = object;
	struct ms_meter *meter = &system->state.meter;

	system->state.triggers[argument].id.serial = 0;
	ms_event_begin(system, MS_EVENT_TRIGGER, (uint32_t)argument);
	trigger_apply(system, &system->model.triggers[argument / 2], argument % 2 == 0);
	if (hb_sim_now_ns(sim) >= meter->watch_ns && meter->drained_ns == INT64_MAX &&
		system->state.servers[system->watched].jobs <= system->drained_jobs)
		meter->drained_ns = hb_sim_now_ns(sim);
	ms_event_end(system);
}

/* ---- memory ---- */

static void calls_resolve(struct ms_system *system)
{
	const struct ms_model *model = &system->model;

	system->watched = MS_INDEX_NONE;
	for (uint32_t i = 0; i < model->client_count; i++) {
		int from = model->clients[i].from_server;

		if (from != MS_NONE)
			system->calls[from][system->call_count[from]++] = (uint16_t)i;
		else if (system->watched == MS_INDEX_NONE)
			system->watched = (uint32_t)model->clients[i].to_server;
	}
	system->drained_jobs = model->servers[system->watched].queue_capacity / 10;
}

/* Windows exist only where a client has the protection. */
static int windows_create(struct ms_system *system)
{
	for (uint32_t i = 0; i < system->model.client_count; i++) {
		const struct ms_client *client = &system->model.clients[i];
		const bool used[MS_WINDOW_KINDS] = {
			[MS_WINDOW_REQUESTS_BEGUN] = client->budget_window_s > 0,
			[MS_WINDOW_RETRIES] = client->budget_window_s > 0,
			[MS_WINDOW_ENDS] = client->breaker_window_s > 0,
		};

		for (int k = 0; k < MS_WINDOW_KINDS; k++) {
			struct ms_window_memory *memory = &system->windows[i][k];

			if (!used[k])
				continue;
			memory->entries = malloc(system->capacity * sizeof(*memory->entries));
			if (!memory->entries)
				return -ENOMEM;
			memory->capacity = system->capacity;
		}
	}
	return 0;
}

static int caches_create(struct ms_system *system)
{
	for (uint32_t i = 0; i < system->model.cache_count; i++) {
		const struct ms_cache *cache = &system->model.caches[i];

		system->lru_memory[i] = malloc(ms_lru_bytes(cache->size));
		if (!system->lru_memory[i])
			return -ENOMEM;
		ms_key_law_init(&system->laws[i], cache);
	}
	return 0;
}

int ms_system_create(const struct ms_model *model, const struct ms_run_options *options,
	uint32_t capacity, struct ms_system **ret, struct hb_error *reterr)
{
	struct ms_system *system = calloc(1, sizeof(*system));
	size_t events = 2 * (size_t)capacity + MS_CLIENTS_MAX + 2 * MS_TRIGGERS_MAX;
	int result = -ENOMEM;

	if (!system)
		goto fail;
	system->model = *model;
	system->options = *options;
	system->capacity = capacity;
	system->stop_jobs = UINT32_MAX;
	system->requests = malloc(capacity * sizeof(*system->requests));
	system->jobs = malloc(capacity * sizeof(*system->jobs));
	if (!system->requests || !system->jobs)
		goto fail;
	calls_resolve(system);
	if (windows_create(system) < 0 || caches_create(system) < 0)
		goto fail;
	result = hb_sim_create(events, 0, 0, &system->sim, reterr);
	if (result < 0) {
		ms_system_destroy(system);
		return result;
	}
	*ret = system;
	return 0;
fail:
	ms_system_destroy(system);
	return hb_error_set(reterr, result,
		"simulation: no memory for %" PRIu32 " requests and jobs; use a smaller model",
		capacity);
}

void ms_system_destroy(struct ms_system *system)
{
	if (!system)
		return;
	for (uint32_t i = 0; i < MS_CLIENTS_MAX; i++) {
		for (int k = 0; k < MS_WINDOW_KINDS; k++)
			free(system->windows[i][k].entries);
	}
	for (uint32_t i = 0; i < MS_CACHES_MAX; i++)
		free(system->lru_memory[i]);
	hb_sim_destroy(system->sim);
	free(system->requests);
	free(system->jobs);
	free(system);
}

/* ---- a run ---- */

void ms_system_reseed(struct ms_system *system, uint64_t seed, uint64_t replication)
{
	struct ms_system_state *state = &system->state;
	uint64_t mixed = hb_rng_mix(seed, replication); /* as hb_sim_stream() does */

	for (uint32_t i = 0; i < system->model.client_count; i++) {
		struct ms_client_state *client = &state->clients[i];

		hb_rng_init(&client->arrivals, mixed, ms_stream_source(MS_STREAM_ARRIVALS, i));
		hb_rng_init(&client->timeouts, mixed, ms_stream_source(MS_STREAM_TIMEOUTS, i));
		hb_rng_init(&client->backoffs, mixed, ms_stream_source(MS_STREAM_BACKOFFS, i));
		hb_rng_init(&client->calls, mixed, ms_stream_source(MS_STREAM_CALLS, i));
	}
	for (uint32_t i = 0; i < system->model.server_count; i++) {
		hb_rng_init(&state->servers[i].services, mixed,
			ms_stream_source(MS_STREAM_SERVICES, i));
		hb_rng_init(&state->servers[i].shedding, mixed,
			ms_stream_source(MS_STREAM_SHEDDING, i));
	}
	for (uint32_t i = 0; i < system->model.cache_count; i++)
		hb_rng_init(&state->caches[i].keys, mixed, ms_stream_source(MS_STREAM_KEYS, i));
}

static void triggers_begin(struct ms_system *system)
{
	for (uint32_t i = 0; i < system->model.trigger_count; i++) {
		const struct ms_trigger *trigger = &system->model.triggers[i];
		struct ms_timer *timers = &system->state.triggers[2 * (size_t)i];

		ms_timer_set(system, &timers[0], ms_seconds_ns(trigger->at_s), on_trigger, 2 * i);
		ms_timer_set(system, &timers[1], ms_seconds_ns(trigger->at_s + trigger->duration_s),
			on_trigger, 2 * i + 1);
	}
}

static void caches_begin(struct ms_system *system)
{
	for (uint32_t i = 0; i < system->model.cache_count; i++) {
		const struct ms_cache *cache = &system->model.caches[i];
		struct ms_lru *lru = &system->state.caches[i].lru;

		ms_lru_init(lru, system->lru_memory[i], cache->size,
			isfinite(cache->ttl_s) ? ms_seconds_ns(cache->ttl_s) : INT64_MAX);
		/* The most popular last, so that it is the most recently used. */
		for (uint32_t key = cache->warm ? cache->size : 0; key-- > 0;)
			ms_lru_put(lru, system->lru_memory[i], key, 0);
	}
}

void ms_system_begin(struct ms_system *system, uint64_t seed, uint64_t replication,
	struct ms_bin *bins, bool triggers)
{
	struct ms_system_state *state = &system->state;
	struct ms_meter meter;

	memset(state, 0, sizeof(*state));
	ms_meter_init(
		&meter, &system->model, &system->options, ms_seconds_ns(system->options.end_s));
	state->meter = meter;
	ms_meter_reset(&state->meter, bins);
	if (state->meter.watch_ns == 0)
		state->meter.drained_ns = 0;
	state->requests.free = state->jobs.free = MS_INDEX_NONE;
	state->rejected_first = MS_INDEX_NONE;
	system->failure = 0;
	hb_sim_reset(system->sim, seed, replication);
	ms_system_reseed(system, seed, replication);
	for (uint32_t i = 0; i < system->model.server_count; i++) {
		struct ms_server_state *server = &state->servers[i];

		for (int l = 0; l < 2; l++)
			server->lists[l].oldest = server->lists[l].newest = MS_INDEX_NONE;
		server->speed = 1;
	}
	caches_begin(system);
	if (triggers)
		triggers_begin(system);
	for (uint32_t i = 0; i < system->model.client_count; i++) {
		const struct ms_client *client = &system->model.clients[i];
		struct ms_client_state *at = &state->clients[i];

		ms_bucket_init(&at->bucket, client);
		if (client->from_server != MS_NONE)
			continue;
		at->rate_per_s = rate_positive(client->rate_per_s);
		ms_timer_set(system, &at->arrival, ms_gap_ns(client, at->rate_per_s, &at->arrivals),
			ms_on_arrival, i);
	}
}

int ms_system_run(struct ms_system *system, int64_t until_ns, struct hb_error *reterr)
{
	uint64_t handled = hb_sim_handled(system->sim);
	int result = hb_sim_run(system->sim, until_ns, MS_EVENTS_MAX - handled, reterr);

	if (system->failure)
		return system->failure;
	if (result < 0)
		return result;
	if (hb_sim_handled(system->sim) >= MS_EVENTS_MAX)
		return hb_error_set(reterr, -E2BIG,
			"simulation: more than %" PRIu64 " events after %.0f s of the model; use a "
			"shorter horizon or lower rates",
			MS_EVENTS_MAX, (double)hb_sim_now_ns(system->sim) / NS_PER_S);
	ms_meter_advance(&system->state.meter, hb_sim_now_ns(system->sim),
		system->state.servers[system->watched].jobs);
	return 0;
}

/* ---- what came of it ---- */

static void objects_count(struct ms_system *system, struct ms_run_result *ret)
{
	int64_t now_ns = hb_sim_now_ns(system->sim);

	for (uint32_t i = 0; i < system->state.requests.fresh; i++) {
		const struct ms_request *request = &system->requests[i];

		if (request->phase == MS_REQUEST_FREE)
			continue;
		ret->clients[request->client].open++;
		ret->clients[request->client].attempts_open += request->phase == MS_REQUEST_ATTEMPT;
	}
	for (uint32_t i = 0; i < system->state.jobs.fresh; i++) {
		const struct ms_job *job = &system->jobs[i];
		struct ms_server_counts *server = &ret->servers[job->server];

		if (job->phase == MS_JOB_FREE)
			continue;
		server->in_server++;
		server->in_service += job->phase != MS_JOB_WAITING;
		server->sojourn_s += (double)(now_ns - job->enter_ns) / NS_PER_S;
	}
}

void ms_system_result(struct ms_system *system, struct ms_run_result *ret)
{
	struct ms_system_state *state = &system->state;
	const struct ms_model *model = &system->model;

	*ret = (struct ms_run_result){
		.events = hb_sim_handled(system->sim),
		.digest = state->digest,
		.end_s = (double)hb_sim_now_ns(system->sim) / NS_PER_S,
		.client_count = model->client_count,
		.server_count = model->server_count,
	};
	ms_meter_result(&state->meter, model->servers[system->watched].queue_capacity, ret);
	for (uint32_t i = 0; i < model->client_count; i++) {
		ret->clients[i] = state->clients[i].counts;
		ret->clients[i].latency_sum_s = (double)state->clients[i].latency_ns / NS_PER_S;
	}
	for (uint32_t i = 0; i < model->server_count; i++) {
		struct ms_server_state *server = &state->servers[i];

		ms_server_account(system, server);
		ret->servers[i] = server->counts;
		ret->servers[i].peak = server->peak;
		ret->servers[i].job_s = (double)server->job_ns / NS_PER_S;
		ret->servers[i].busy_s = (double)server->busy_ns / NS_PER_S;
		ret->servers[i].sojourn_s = (double)server->sojourn_ns / NS_PER_S;
	}
	objects_count(system, ret);
}

/* ---- copies ---- */

struct pending {
	struct ms_timer *timer;
	hb_event_fn *handler;
	uint64_t argument;
};

static int pending_compare(const void *a, const void *b)
{
	uint64_t left = ((const struct pending *)a)->timer->id.serial;
	uint64_t right = ((const struct pending *)b)->timer->id.serial;

	return (left > right) - (left < right);
}

static size_t pending_collect(struct ms_system *system, struct pending *ret)
{
	struct ms_system_state *state = &system->state;
	size_t count = 0;

	for (uint32_t i = 0; i < 2 * system->model.trigger_count; i++)
		ret[count++] = (struct pending){&state->triggers[i], on_trigger, i};
	for (uint32_t i = 0; i < system->model.client_count; i++)
		ret[count++] = (struct pending){&state->clients[i].arrival, ms_on_arrival, i};
	for (uint32_t i = 0; i < state->requests.fresh; i++) {
		if (system->requests[i].phase != MS_REQUEST_FREE)
			ret[count++] = (struct pending){
				&system->requests[i].timer, ms_on_request_timer, i};
	}
	for (uint32_t i = 0; i < state->jobs.fresh; i++) {
		if (system->jobs[i].phase != MS_JOB_FREE)
			ret[count++] =
				(struct pending){&system->jobs[i].timer, ms_on_service_end, i};
	}
	return count;
}

/* The events of a copy are scheduled in the order of the serials of the original, which decides ties. */
static int events_load(struct ms_system *to, int64_t now_ns)
{
	size_t room = (size_t)to->state.requests.fresh + to->state.jobs.fresh + MS_CLIENTS_MAX +
		      2 * MS_TRIGGERS_MAX;
	struct pending *pending = malloc(room * sizeof(*pending));
	size_t count;

	if (!pending)
		return -ENOMEM;
	hb_sim_reset(to->sim, 0, 0);
	(void)hb_sim_run(to->sim, now_ns, 1, NULL);
	count = pending_collect(to, pending);
	qsort(pending, count, sizeof(*pending), pending_compare);
	for (size_t i = 0; i < count; i++) {
		if (pending[i].timer->id.serial)
			ms_timer_set(to, pending[i].timer, pending[i].timer->time_ns,
				pending[i].handler, pending[i].argument);
	}
	free(pending);
	return 0;
}

/* A saved state: this header, the objects, the windows, the caches, each a multiple of 16 bytes. */
struct saved {
	struct ms_system_state state;
	int64_t now_ns;
};

static size_t padded(size_t bytes)
{
	return (bytes + 15) / 16 * 16;
}

static char *part_save(char *at, const void *part, size_t bytes)
{
	memcpy(at, part, bytes);
	return at + padded(bytes);
}

static const char *part_load(const char *at, void *part, size_t bytes)
{
	memcpy(part, at, bytes);
	return at + padded(bytes);
}

size_t ms_system_bytes(const struct ms_system *system)
{
	const struct ms_system_state *state = &system->state;
	size_t bytes = padded(sizeof(struct saved)) +
		       padded(state->requests.fresh * sizeof(*system->requests)) +
		       padded(state->jobs.fresh * sizeof(*system->jobs));

	for (uint32_t i = 0; i < system->model.client_count; i++) {
		for (int k = 0; k < MS_WINDOW_KINDS; k++)
			bytes += padded(system->windows[i][k].capacity * sizeof(int64_t));
	}
	for (uint32_t i = 0; i < system->model.cache_count; i++)
		bytes += padded(ms_lru_bytes(system->model.caches[i].size));
	return bytes;
}

void ms_system_save(const struct ms_system *system, void *memory)
{
	struct saved *saved = memory;
	const struct ms_system_state *state = &system->state;
	char *at = (char *)memory + padded(sizeof(*saved));

	saved->state = *state;
	saved->now_ns = hb_sim_now_ns(system->sim);
	at = part_save(at, system->requests, state->requests.fresh * sizeof(*system->requests));
	at = part_save(at, system->jobs, state->jobs.fresh * sizeof(*system->jobs));
	for (uint32_t i = 0; i < system->model.client_count; i++) {
		for (int k = 0; k < MS_WINDOW_KINDS; k++) {
			const struct ms_window_memory *window = &system->windows[i][k];

			if (window->capacity)
				at = part_save(at, window->entries,
					window->capacity * sizeof(*window->entries));
		}
	}
	for (uint32_t i = 0; i < system->model.cache_count; i++)
		at = part_save(
			at, system->lru_memory[i], ms_lru_bytes(system->model.caches[i].size));
}

int ms_system_load(struct ms_system *system, const void *memory)
{
	const struct saved *saved = memory;
	const struct ms_system_state *state = &saved->state;
	const char *at = (const char *)memory + padded(sizeof(*saved));

	system->state = *state;
	system->failure = 0;
	at = part_load(at, system->requests, state->requests.fresh * sizeof(*system->requests));
	at = part_load(at, system->jobs, state->jobs.fresh * sizeof(*system->jobs));
	for (uint32_t i = 0; i < system->model.client_count; i++) {
		for (int k = 0; k < MS_WINDOW_KINDS; k++) {
			const struct ms_window_memory *window = &system->windows[i][k];

			if (window->capacity)
				at = part_load(at, window->entries,
					window->capacity * sizeof(*window->entries));
		}
	}
	for (uint32_t i = 0; i < system->model.cache_count; i++)
		at = part_load(
			at, system->lru_memory[i], ms_lru_bytes(system->model.caches[i].size));
	return events_load(system, saved->now_ns);
}
