/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The servers' side of a run: room, shedding, order, threads, calls. See system.h.
 */
#include <hotbed/assert.h>

#include "system.h"

void ms_server_account(struct ms_system *system, struct ms_server_state *server)
{
	int64_t now_ns = hb_sim_now_ns(system->sim);
	uint64_t passed_ns = (uint64_t)(now_ns - server->changed_ns);

	server->job_ns += (__extension__(unsigned __int128) passed_ns) * server->jobs;
	server->busy_ns += (__extension__(unsigned __int128) passed_ns) * server->busy;
	server->changed_ns = now_ns;
}

static uint32_t job_take(struct ms_system *system)
{
	struct ms_pool *pool = &system->state.jobs;
	uint32_t index = pool->free;

	if (index != MS_INDEX_NONE) {
		pool->free = system->jobs[index].newer;
	} else {
		hb_assert(pool->fresh < system->capacity);
		index = pool->fresh++;
	}
	pool->used++;
	return index;
}

/* The job leaves its server, which has been accounted for. */
static void job_give(struct ms_system *system, uint32_t index)
{
	struct ms_job *job = &system->jobs[index];
	struct ms_server_state *server = &system->state.servers[job->server];
	struct ms_pool *pool = &system->state.jobs;
	struct ms_meter *meter = &system->state.meter;
	int64_t now_ns = hb_sim_now_ns(system->sim);

	server->jobs--;
	server->sojourn_ns += (uint64_t)(now_ns - job->enter_ns);
	if (job->server == system->watched && server->jobs <= system->drained_jobs &&
		now_ns >= meter->watch_ns && meter->drained_ns == INT64_MAX)
		meter->drained_ns = now_ns;
	job->phase = MS_JOB_FREE;
	job->newer = pool->free;
	pool->free = index;
	pool->used--;
}

/* ---- the queue ---- */

static struct ms_job_list *list_of(struct ms_system *system, const struct ms_job *job)
{
	bool last = job->retry && system->model.servers[job->server].discipline == MS_RETRIES_LAST;

	return &system->state.servers[job->server].lists[last];
}

static void list_add(struct ms_system *system, uint32_t index)
{
	struct ms_job *job = &system->jobs[index];
	struct ms_job_list *list = list_of(system, job);

	job->newer = MS_INDEX_NONE;
	job->older = list->newest;
	if (list->newest == MS_INDEX_NONE)
		list->oldest = index;
	else
		system->jobs[list->newest].newer = index;
	list->newest = index;
	list->count++;
}

static void list_remove(struct ms_system *system, uint32_t index)
{
	struct ms_job *job = &system->jobs[index];
	struct ms_job_list *list = list_of(system, job);

	if (job->newer == MS_INDEX_NONE)
		list->newest = job->older;
	else
		system->jobs[job->newer].older = job->older;
	if (job->older == MS_INDEX_NONE)
		list->oldest = job->newer;
	else
		system->jobs[job->older].newer = job->newer;
	list->count--;
}

/* The next job in the order of the discipline, or none. */
static uint32_t queue_next(const struct ms_system *system, uint32_t number)
{
	const struct ms_server *server = &system->model.servers[number];
	const struct ms_job_list *lists = system->state.servers[number].lists;

	switch (server->discipline) {
	case MS_FIFO:
		return lists[0].oldest;
	case MS_LIFO:
		return lists[0].newest;
	case MS_ADAPTIVE_LIFO:
		return lists[0].count > server->lifo_above ? lists[0].newest : lists[0].oldest;
	case MS_RETRIES_LAST:
		return lists[0].count ? lists[0].oldest : lists[1].oldest;
	}
	hb_assert(false);
	return MS_INDEX_NONE;
}

/* What CoDel takes from and drops to. */
struct codel_view {
	struct ms_system *system;
	uint32_t server;
};

static bool view_take(void *queue, int64_t *ret_entered_ns, uint32_t *ret_waiting)
{
	struct codel_view *view = queue;
	struct ms_server_state *server = &view->system->state.servers[view->server];
	uint32_t index = queue_next(view->system, view->server);

	server->taken = index;
	if (index == MS_INDEX_NONE)
		return false;
	list_remove(view->system, index);
	*ret_entered_ns = view->system->jobs[index].enter_ns;
	*ret_waiting = server->lists[0].count + server->lists[1].count;
	return true;
}

static void refuse(struct ms_system *system, uint32_t request, enum ms_refusal how)
{
	if (how == MS_REJECT)
		ms_request_reject(system, request);
	else
		system->requests[request].job = MS_INDEX_NONE;
}

static void view_drop(void *queue)
{
	struct codel_view *view = queue;
	struct ms_system *system = view->system;
	struct ms_server_state *server = &system->state.servers[view->server];
	struct ms_job *job = &system->jobs[server->taken];

	ms_server_account(system, server);
	server->counts.dropped++;
	if (job->request != MS_INDEX_NONE)
		refuse(system, job->request, system->model.servers[view->server].on_shed);
	job_give(system, server->taken);
}

static uint32_t queue_take(struct ms_system *system, uint32_t number)
{
	const struct ms_server *server = &system->model.servers[number];
	struct ms_server_state *state = &system->state.servers[number];
	struct codel_view view = {system, number};
	struct ms_codel_queue queue = {view_take, view_drop, &view};
	uint32_t index;

	if (server->codel_interval_s > 0)
		return ms_codel_take(&state->codel, server, &queue, hb_sim_now_ns(system->sim))
			       ? state->taken
			       : MS_INDEX_NONE;
	index = queue_next(system, number);
	if (index != MS_INDEX_NONE)
		list_remove(system, index);
	return index;
}

/* ---- threads ---- */

static void dispatch(struct ms_system *system, uint32_t number)
{
	const struct ms_server *server = &system->model.servers[number];
	struct ms_server_state *state = &system->state.servers[number];

	while (state->busy < server->threads) {
		uint32_t index = queue_take(system, number);
		struct ms_job *job;

		if (index == MS_INDEX_NONE)
			return;
		job = &system->jobs[index];
		job->phase = MS_JOB_SERVICE;
		state->busy++;
		ms_timer_set(system, &job->timer,
			hb_sim_now_ns(system->sim) +
				ms_service_ns(&server->service,
					ms_service_stretch(server, state->jobs) / state->speed,
					state->extra_ns, &state->services),
			ms_on_service_end, index);
	}
}

void ms_server_enter(struct ms_system *system, uint32_t index)
{
	struct ms_request *request = &system->requests[index];
	uint32_t number = (uint32_t)system->model.clients[request->client].to_server;
	const struct ms_server *server = &system->model.servers[number];
	struct ms_server_state *state = &system->state.servers[number];
	struct ms_job *job;
	double p;

	state->counts.arrivals++;
	if (server->queue_capacity && state->jobs >= server->queue_capacity) {
		state->counts.full++;
		refuse(system, index, server->on_full);
		return;
	}
	p = ms_shed_probability(server, state->jobs);
	if (p >= 1 || (p > 0 && hb_rng_double(&state->shedding) < p)) {
		state->counts.shed++;
		refuse(system, index, server->on_shed);
		return;
	}
	ms_server_account(system, state);
	request->job = job_take(system);
	job = &system->jobs[request->job];
	*job = (struct ms_job){
		.enter_ns = hb_sim_now_ns(system->sim),
		.request = index,
		.call = MS_INDEX_NONE,
		.key = request->key,
		.client = request->client,
		.server = (uint16_t)number,
		.phase = MS_JOB_WAITING,
		.retry = request->number > 0,
	};
	list_add(system, request->job);
	if (++state->jobs > state->peak)
		state->peak = state->jobs;
	if (number == system->watched && state->jobs >= system->stop_jobs)
		hb_sim_stop(system->sim);
	dispatch(system, number);
}

/* A job that has a thread is done. */
static void job_finish(struct ms_system *system, uint32_t index, bool success)
{
	struct ms_job *job = &system->jobs[index];
	uint32_t number = job->server;
	struct ms_server_state *server = &system->state.servers[number];
	int cache = system->model.clients[job->client].cache;
	uint32_t request = job->request;

	ms_server_account(system, server);
	server->busy--;
	server->counts.served += success;
	server->counts.failed += !success;
	server->counts.wasted += success && request == MS_INDEX_NONE;
	if (success && cache != MS_NONE && system->model.caches[cache].fill == MS_FILL_ALWAYS)
		ms_lru_put(&system->state.caches[cache].lru, system->lru_memory[cache], job->key,
			hb_sim_now_ns(system->sim));
	job_give(system, index);
	if (request != MS_INDEX_NONE && success)
		ms_request_answer(system, request);
	else if (request != MS_INDEX_NONE)
		ms_request_reject(system, request);
	dispatch(system, number);
}

/* The next call of a job, or its end. */
static void job_continue(struct ms_system *system, uint32_t index)
{
	struct ms_job *job = &system->jobs[index];

	while (job->calls_made < system->call_count[job->server]) {
		uint32_t call = system->calls[job->server][job->calls_made++];
		double p = system->model.clients[call].call_probability;

		if (p < 1 && hb_rng_double(&system->state.clients[call].calls) >= p)
			continue;
		job->phase = MS_JOB_CALLING;
		ms_request_begin(system, call, index);
		return;
	}
	job_finish(system, index, true);
}

void ms_job_called(struct ms_system *system, uint32_t index, bool success)
{
	system->jobs[index].call = MS_INDEX_NONE;
	if (success)
		job_continue(system, index);
	else
		job_finish(system, index, false);
}

void ms_job_abandon(struct ms_system *system, uint32_t index, enum ms_cancel cancel)
{
	struct ms_job *job = &system->jobs[index];
	uint32_t number = job->server;
	struct ms_server_state *server = &system->state.servers[number];

	job->request = MS_INDEX_NONE;
	if (cancel == MS_CANCEL_NO || (cancel == MS_CANCEL_WAITING && job->phase != MS_JOB_WAITING))
		return;
	ms_server_account(system, server);
	server->counts.cancelled++;
	if (job->phase == MS_JOB_WAITING) {
		list_remove(system, index);
		job_give(system, index);
		return;
	}
	if (job->phase == MS_JOB_SERVICE)
		ms_timer_cancel(system, &job->timer);
	else if (job->call != MS_INDEX_NONE)
		ms_request_cancel(system, job->call);
	server->busy--;
	job_give(system, index);
	dispatch(system, number);
}

void ms_on_service_end(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct ms_system *system = object;
	uint32_t index = (uint32_t)argument;
	struct ms_job *job = &system->jobs[index];

	(void)sim;
	job->timer.id.serial = 0;
	ms_event_begin(system, MS_EVENT_SERVICE, job->request != MS_INDEX_NONE);
	job_continue(system, index);
	ms_event_end(system);
}
