/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The clients' side of a run: requests, attempts, retries and what holds them back. See system.h.
 */
#include <math.h>

#include <hotbed/assert.h>

#include "system.h"

static struct ms_client_state *client_of(struct ms_system *system, const struct ms_request *request)
{
	return &system->state.clients[request->client];
}

static uint32_t request_take(struct ms_system *system)
{
	struct ms_pool *pool = &system->state.requests;
	uint32_t index = pool->free;

	if (index != MS_INDEX_NONE) {
		pool->free = system->requests[index].next;
	} else {
		hb_assert(pool->fresh < system->capacity);
		index = pool->fresh++;
	}
	pool->used++;
	return index;
}

static void request_give(struct ms_system *system, uint32_t index)
{
	struct ms_request *request = &system->requests[index];
	struct ms_pool *pool = &system->state.requests;

	request->phase = MS_REQUEST_FREE;
	request->next = pool->free;
	pool->free = index;
	pool->used--;
}

/* The books of a request that has ended; its parent, if any, goes on. */
static void request_end(struct ms_system *system, uint32_t index, bool success)
{
	struct ms_request *request = &system->requests[index];
	struct ms_client_state *client = client_of(system, request);
	int64_t latency_ns = hb_sim_now_ns(system->sim) - request->begin_ns;
	uint32_t parent = request->parent;

	if (success) {
		client->counts.successes++;
		client->latency_ns += (uint64_t)latency_ns;
		ms_bucket_success(&client->bucket, &system->model.clients[request->client]);
	} else {
		client->counts.failures++;
	}
	if (parent == MS_INDEX_NONE) {
		ms_meter_end(&system->state.meter, success, latency_ns);
		system->state.meter.orbit -= request->number > 0;
	}
	request_give(system, index);
	if (parent != MS_INDEX_NONE)
		ms_job_called(system, parent, success);
}

/* Send the attempt that the request is at. */
static void attempt_send(struct ms_system *system, uint32_t index)
{
	struct ms_request *request = &system->requests[index];
	const struct ms_client *client = &system->model.clients[request->client];
	struct ms_client_state *state = client_of(system, request);
	int64_t now_ns = hb_sim_now_ns(system->sim);

	request->job = MS_INDEX_NONE;
	if (!ms_breaker_admit(&state->breaker, client, now_ns, &request->probe)) {
		state->counts.refused_breaker++;
		request_end(system, index, false);
		return;
	}
	request->phase = MS_REQUEST_ATTEMPT;
	state->counts.attempts++;
	state->counts.retries += request->number > 0;
	if (request->parent == MS_INDEX_NONE) {
		system->state.meter.attempts++;
		system->state.meter.retries += request->number > 0;
	}
	if (client->timeout_kind != MS_TIMEOUT_NONE)
		ms_timer_set(system, &request->timer,
			now_ns + ms_timeout_ns(client, &state->timeouts), ms_on_request_timer,
			index);
	ms_server_enter(system, index);
}

static void breaker_hear(struct ms_system *system, const struct ms_request *request, bool failed)
{
	if (!ms_breaker_record(&client_of(system, request)->breaker,
		    &system->model.clients[request->client],
		    &system->windows[request->client][MS_WINDOW_ENDS], hb_sim_now_ns(system->sim),
		    failed, request->probe))
		ms_system_full(system);
}

/* May the request make another attempt after @pause_ns? Takes the token if so. */
static bool retry_allowed(
	struct ms_system *system, const struct ms_request *request, int64_t pause_ns)
{
	const struct ms_client *client = &system->model.clients[request->client];
	struct ms_client_state *state = client_of(system, request);
	const struct ms_window_memory *windows = system->windows[request->client];
	int64_t now_ns = hb_sim_now_ns(system->sim);
	bool full = false;
	bool allowed;

	if (isfinite(client->deadline_s) &&
		now_ns + pause_ns > request->begin_ns + ms_seconds_ns(client->deadline_s)) {
		state->counts.refused_deadline++;
		return false;
	}
	if (!ms_bucket_take(&state->bucket, client)) {
		state->counts.refused_bucket++;
		return false;
	}
	allowed = ms_budget_take(&state->budget, client, &windows[MS_WINDOW_REQUESTS_BEGUN],
		&windows[MS_WINDOW_RETRIES], now_ns, &full);
	if (full)
		ms_system_full(system);
	state->counts.refused_budget += !allowed;
	return allowed;
}

/* The attempt under way has failed: another one, or the end. */
static void attempt_failed(struct ms_system *system, uint32_t index, bool retry)
{
	struct ms_request *request = &system->requests[index];
	const struct ms_client *client = &system->model.clients[request->client];
	struct ms_client_state *state = client_of(system, request);
	int64_t pause_ns;
	double uniform = 0;

	breaker_hear(system, request, true);
	if (!retry || request->number >= client->retries) {
		request_end(system, index, false);
		return;
	}
	if (client->backoff != MS_IMMEDIATE && client->jitter != MS_JITTER_NONE)
		uniform = hb_rng_double(&state->backoffs);
	pause_ns = ms_seconds_ns(ms_backoff_s(client, request->number + 1, uniform));
	if (!retry_allowed(system, request, pause_ns)) {
		request_end(system, index, false);
		return;
	}
	if (request->number++ == 0 && request->parent == MS_INDEX_NONE)
		system->state.meter.orbit++;
	if (pause_ns == 0) {
		attempt_send(system, index);
		return;
	}
	request->phase = MS_REQUEST_PAUSE;
	request->job = MS_INDEX_NONE;
	ms_timer_set(system, &request->timer, hb_sim_now_ns(system->sim) + pause_ns,
		ms_on_request_timer, index);
}

/* Ask the cache; true if it will answer. */
static bool cache_ask(struct ms_system *system, uint32_t index)
{
	struct ms_request *request = &system->requests[index];
	int number = system->model.clients[request->client].cache;
	int64_t now_ns = hb_sim_now_ns(system->sim);
	struct ms_cache_state *cache;

	if (number == MS_NONE)
		return false;
	cache = &system->state.caches[number];
	request->key = ms_draw_key(&system->laws[number], &cache->keys);
	if (!ms_lru_get(&cache->lru, system->lru_memory[number], request->key, now_ns))
		return false;
	client_of(system, request)->counts.hits++;
	request->phase = MS_REQUEST_HIT;
	ms_timer_set(system, &request->timer,
		now_ns + ms_seconds_ns(system->model.caches[number].hit_s), ms_on_request_timer,
		index);
	return true;
}

void ms_request_begin(struct ms_system *system, uint32_t client, uint32_t parent)
{
	struct ms_client_state *state = &system->state.clients[client];
	uint32_t index = request_take(system);
	struct ms_request *request = &system->requests[index];
	int64_t now_ns = hb_sim_now_ns(system->sim);

	*request = (struct ms_request){
		.begin_ns = now_ns,
		.parent = parent,
		.job = MS_INDEX_NONE,
		.next = MS_INDEX_NONE,
		.client = (uint16_t)client,
	};
	state->counts.requests++;
	if (parent == MS_INDEX_NONE)
		system->state.meter.requests++;
	else
		system->jobs[parent].call = index;
	if (!ms_budget_request(&state->budget, &system->model.clients[client],
		    &system->windows[client][MS_WINDOW_REQUESTS_BEGUN], now_ns))
		ms_system_full(system);
	if (!cache_ask(system, index))
		attempt_send(system, index);
}

void ms_request_answer(struct ms_system *system, uint32_t index)
{
	struct ms_request *request = &system->requests[index];
	int cache = system->model.clients[request->client].cache;

	ms_timer_cancel(system, &request->timer);
	client_of(system, request)->counts.answers++;
	breaker_hear(system, request, false);
	if (cache != MS_NONE && system->model.caches[cache].fill == MS_FILL_ON_SUCCESS)
		ms_lru_put(&system->state.caches[cache].lru, system->lru_memory[cache],
			request->key, hb_sim_now_ns(system->sim));
	request_end(system, index, true);
}

void ms_request_reject(struct ms_system *system, uint32_t index)
{
	struct ms_system_state *state = &system->state;
	struct ms_request *request = &system->requests[index];

	hb_assert(request->phase == MS_REQUEST_ATTEMPT);
	ms_timer_cancel(system, &request->timer);
	request->phase = MS_REQUEST_REJECTED;
	request->job = MS_INDEX_NONE;
	request->next = MS_INDEX_NONE;
	if (state->rejected_first == MS_INDEX_NONE)
		state->rejected_first = index;
	else
		system->requests[state->rejected_last].next = index;
	state->rejected_last = index;
}

/* Each turn ends an attempt, and a request has at most 1 + retries of them, so this ends. */
void ms_rejections_hear(struct ms_system *system)
{
	struct ms_system_state *state = &system->state;

	while (state->rejected_first != MS_INDEX_NONE) {
		uint32_t index = state->rejected_first;
		struct ms_request *request = &system->requests[index];

		state->rejected_first = request->next;
		client_of(system, request)->counts.rejections++;
		attempt_failed(
			system, index, system->model.clients[request->client].retry_on_reject);
	}
}

void ms_request_cancel(struct ms_system *system, uint32_t index)
{
	struct ms_request *request = &system->requests[index];
	struct ms_client_state *state = client_of(system, request);

	hb_assert(request->phase != MS_REQUEST_REJECTED && request->parent != MS_INDEX_NONE);
	ms_timer_cancel(system, &request->timer);
	if (request->phase == MS_REQUEST_ATTEMPT) {
		state->counts.attempts_cancelled++;
		ms_breaker_forget(&state->breaker, request->probe);
	}
	if (request->job != MS_INDEX_NONE)
		ms_job_abandon(system, request->job, system->model.clients[request->client].cancel);
	state->counts.cancelled++;
	request_give(system, index);
}

/* ---- events ---- */

void ms_on_arrival(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct ms_system *system = object;
	uint32_t client = (uint32_t)argument;
	struct ms_client_state *state = &system->state.clients[client];

	state->arrival.id.serial = 0;
	ms_event_begin(system, MS_EVENT_ARRIVAL, 0);
	ms_timer_set(system, &state->arrival,
		hb_sim_now_ns(sim) + ms_gap_ns(&system->model.clients[client], state->rate_per_s,
					     &state->arrivals),
		ms_on_arrival, client);
	ms_request_begin(system, client, MS_INDEX_NONE);
	ms_event_end(system);
}

void ms_on_request_timer(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct ms_system *system = object;
	uint32_t index = (uint32_t)argument;
	struct ms_request *request = &system->requests[index];
	const struct ms_client *client = &system->model.clients[request->client];
	uint32_t job = request->job;

	(void)sim;
	request->timer.id.serial = 0;
	ms_event_begin(system, MS_EVENT_TIMER, request->number);
	switch (request->phase) {
	case MS_REQUEST_ATTEMPT:
		client_of(system, request)->counts.timeouts++;
		request->job = MS_INDEX_NONE;
		if (job != MS_INDEX_NONE)
			ms_job_abandon(system, job, client->cancel);
		attempt_failed(system, index, client->retry_on_timeout);
		break;
	case MS_REQUEST_PAUSE:
		attempt_send(system, index);
		break;
	case MS_REQUEST_HIT:
		request_end(system, index, true);
		break;
	default:
		hb_assert(false);
	}
	ms_event_end(system);
}
