/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The clients: an open loop on model time. All that will happen at a known time lies in a heap behind one timerfd with
 * absolute deadlines; answers come from the connections. What happens late happens as of the time that it was due, so
 * a busy machine cannot make the load look smaller or the answers look faster.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <uv.h>

#include <hotbed/assert.h>
#include <hotbed/rng.h>

#include "simulation/draw.h"
#include "simulation/meter.h"
#include "simulation/protection.h"
#include "connection.h"
#include "page.h"
#include "sender.h"

#define REQUESTS_MAX 65536U
#define CONTROL UINT32_MAX /* number of an exchange that is no attempt */
#define NONE UINT32_MAX

enum due_kind {
	DUE_ARRIVAL,
	DUE_REQUEST, /* timeout or end of a pause */
	DUE_TRIGGER,
	DUE_END,
};

struct due {
	int64_t time_ns; /* of the model */
	uint32_t index;
	uint32_t serial; /* of the request's timer, to see that it is stale */
	enum due_kind kind;
};

struct request {
	struct ms_exchange *exchange; /* NULL: pause, or the answer was a silence */
	struct ms_request_state state;
	int64_t due_ns; /* end of the timeout, INT64_MAX without one; of the pause; of a hit */
	uint32_t client, key, serial, next;
	bool open, attempt, hit;
};

/* An outside client. */
struct source {
	double rate_per_s;
	uint32_t arrival_serial;
	int64_t arrival_ns;
	struct hb_rng arrivals;
	struct ms_sender sender;
};

struct clients {
	struct ms_page *page;
	const struct ms_model *model;
	uv_loop_t loop;
	uv_poll_t poll;
	int timer_fd;
	struct ms_exchanges
		exchanges[MS_SERVERS_MAX]; /* by server; one with a service of the user's */
	struct ms_meter meter;
	struct source sources[MS_CLIENTS_MAX]; /* by client; those of calls are not used */
	struct request requests[REQUESTS_MAX];
	uint32_t free_request, fresh_request;
	struct due heap[2 * REQUESTS_MAX + 4 * MS_TRIGGERS_MAX];
	uint32_t heap_count;
	double speed[MS_SERVERS_MAX],
		extra_s[MS_SERVERS_MAX]; /* of the services, as told to them */
	uint32_t watched;                /* server whose jobs the series has */
	int64_t end_ns;
	int failure;
};

/* ---- the heap ---- */

static void heap_add(struct clients *clients, struct due due)
{
	uint32_t at = clients->heap_count;

	if (at == sizeof(clients->heap) / sizeof(clients->heap[0])) {
		clients->failure = -E2BIG;
		uv_stop(&clients->loop);
		return;
	}
	clients->heap_count++;
	while (at > 0 && clients->heap[(at - 1) / 2].time_ns > due.time_ns) {
		clients->heap[at] = clients->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	clients->heap[at] = due;
}

static struct due heap_take(struct clients *clients)
{
	struct due first = clients->heap[0];
	struct due last = clients->heap[--clients->heap_count];
	uint32_t at = 0;

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= clients->heap_count)
			break;
		if (child + 1 < clients->heap_count &&
			clients->heap[child + 1].time_ns < clients->heap[child].time_ns)
			child++;
		if (clients->heap[child].time_ns >= last.time_ns)
			break;
		clients->heap[at] = clients->heap[child];
		at = child;
	}
	clients->heap[at] = last;
	return first;
}

static bool due_stale(const struct clients *clients, const struct due *due)
{
	if (due->kind == DUE_REQUEST)
		return clients->requests[due->index].serial != due->serial;
	if (due->kind == DUE_ARRIVAL)
		return clients->sources[due->index].arrival_serial != due->serial;
	return false;
}

static void timer_arm(struct clients *clients)
{
	struct itimerspec when = {0};
	int64_t due_ns;

	while (clients->heap_count && due_stale(clients, &clients->heap[0]))
		(void)heap_take(clients);
	if (!clients->heap_count)
		return;
	due_ns = ms_page_real_ns(clients->page, clients->heap[0].time_ns);
	when.it_value.tv_sec = due_ns / 1000000000;
	when.it_value.tv_nsec = due_ns % 1000000000;
	(void)timerfd_settime(clients->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* ---- requests ---- */

static uint32_t request_take(struct clients *clients)
{
	uint32_t index = clients->free_request;

	if (index != NONE) {
		clients->free_request = clients->requests[index].next;
	} else if (clients->fresh_request < REQUESTS_MAX) {
		index = clients->fresh_request++;
	} else {
		clients->failure = -E2BIG;
		uv_stop(&clients->loop);
	}
	return index;
}

static struct ms_sender *sender_of(struct clients *clients, const struct request *request)
{
	return &clients->sources[request->client].sender;
}

/* The shared cache that the client of @request asks, or NULL. */
static struct ms_shared_cache *cache_of(struct clients *clients, const struct request *request)
{
	int cache = clients->model->clients[request->client].cache;

	return cache == MS_NONE ? NULL : &clients->page->caches[cache];
}

static void request_end(struct clients *clients, uint32_t index, bool success, int64_t now_ns)
{
	struct request *request = &clients->requests[index];
	int64_t latency_ns =
		ms_sender_end(sender_of(clients, request), &request->state, success, now_ns);

	ms_meter_end(&clients->meter, success, latency_ns);
	clients->meter.orbit -= request->state.number > 0;
	request->open = request->attempt = false;
	request->serial++;
	request->next = clients->free_request;
	clients->free_request = index;
}

static void request_due(struct clients *clients, uint32_t index, int64_t time_ns)
{
	struct request *request = &clients->requests[index];

	request->due_ns = time_ns;
	heap_add(clients, (struct due){time_ns, index, ++request->serial, DUE_REQUEST});
}

static void attempt_failed(struct clients *clients, uint32_t index, bool retry, int64_t now_ns);

static struct ms_exchange *attempt_begin(struct clients *clients, uint32_t index)
{
	const struct request *request = &clients->requests[index];
	int server = clients->model->clients[request->client].to_server;
	char path[MS_EXCHANGE_PATH_BYTES];

	if (clients->page->options.url)
		return ms_exchange_begin(&clients->exchanges[0], clients->exchanges[0].path, index);
	(void)snprintf(path, sizeof(path), "/%u?%u,%u", request->client, request->state.number,
		request->key);
	return ms_exchange_begin(&clients->exchanges[server], path, index);
}

static void attempt_send(struct clients *clients, uint32_t index, int64_t now_ns)
{
	struct request *request = &clients->requests[index];
	const struct ms_client *client = &clients->model->clients[request->client];
	struct ms_sender *sender = sender_of(clients, request);
	int64_t deadline_ns;

	if (!ms_sender_attempt(sender, &request->state, now_ns)) {
		request_end(clients, index, false, now_ns);
		return;
	}
	request->attempt = true;
	clients->meter.attempts++;
	clients->meter.retries += request->state.number > 0;
	request->serial++;
	deadline_ns = ms_sender_deadline_ns(sender, now_ns);
	request->due_ns = deadline_ns;
	if (deadline_ns != INT64_MAX)
		request_due(clients, index, deadline_ns);
	request->exchange = attempt_begin(clients, index);
	if (!request->exchange) {
		sender->counts.rejections++;
		attempt_failed(clients, index, client->retry_on_reject, now_ns);
	}
}

static void attempt_failed(struct clients *clients, uint32_t index, bool retry, int64_t now_ns)
{
	struct request *request = &clients->requests[index];
	struct ms_sender *sender = sender_of(clients, request);
	int64_t pause_ns = 0;

	request->attempt = false;
	request->exchange = NULL;
	if (!ms_sender_failed(sender, &request->state, retry, now_ns, &pause_ns)) {
		request_end(clients, index, false, now_ns);
		return;
	}
	if (sender->full)
		clients->failure = -E2BIG;
	if (request->state.number == 1)
		clients->meter.orbit++;
	/* Also without a pause a retry goes through the heap: a service that rejects at once must not recurse here. */
	request_due(clients, index, now_ns + pause_ns);
}

/* Ask the cache; true if it will answer. */
static bool cache_ask(struct clients *clients, uint32_t index, int64_t now_ns)
{
	struct request *request = &clients->requests[index];
	struct ms_shared_cache *cache = cache_of(clients, request);
	const struct ms_cache *model;

	if (!cache || !ms_shared_cache_ask(cache, now_ns, &request->key))
		return false;
	model = &clients->model->caches[clients->model->clients[request->client].cache];
	sender_of(clients, request)->counts.hits++;
	request->hit = true;
	request_due(clients, index, now_ns + ms_seconds_ns(model->hit_s));
	return true;
}

static void request_begin(struct clients *clients, uint32_t client, int64_t now_ns)
{
	uint32_t index = request_take(clients);
	struct request *request;

	if (index == NONE)
		return;
	request = &clients->requests[index];
	*request = (struct request){.client = client, .serial = request->serial, .open = true};
	ms_sender_begin(&clients->sources[client].sender, &request->state, now_ns);
	clients->meter.requests++;
	if (!cache_ask(clients, index, now_ns))
		attempt_send(clients, index, now_ns);
}

static void recovery_heed(struct clients *clients)
{
	if (clients->failure || (clients->page->options.run.stop_at_recovery &&
					clients->meter.recovered_ns != INT64_MAX))
		uv_stop(&clients->loop);
}

static uint32_t jobs_there(const struct clients *clients)
{
	return atomic_load_explicit(
		&clients->page->services[clients->watched].jobs, memory_order_relaxed);
}

static void on_answer(void *owner, uint32_t number, int status)
{
	struct clients *clients = owner;
	int64_t now_ns = ms_page_now_ns(clients->page);
	struct ms_shared_cache *cache;
	const struct ms_client *client;
	struct request *request;

	if (number == CONTROL)
		return;
	request = &clients->requests[number];
	hb_assert(request->attempt);
	client = &clients->model->clients[request->client];
	request->exchange = NULL;
	/* Too late: the timer says so as soon as it is looked at. */
	if (now_ns >= request->due_ns)
		return;
	ms_meter_advance(&clients->meter, now_ns, jobs_there(clients));
	if (status >= 200 && status < 300) {
		cache = cache_of(clients, request);
		if (cache && clients->model->caches[client->cache].fill == MS_FILL_ON_SUCCESS)
			ms_shared_cache_put(cache, request->key, now_ns);
		ms_sender_answered(sender_of(clients, request), &request->state, now_ns);
		request_end(clients, number, true, now_ns);
	} else {
		sender_of(clients, request)->counts.rejections++;
		attempt_failed(clients, number, client->retry_on_reject, now_ns);
	}
	recovery_heed(clients);
	timer_arm(clients);
}

/* ---- what is due ---- */

static void arrival_due(struct clients *clients, uint32_t client, int64_t time_ns)
{
	struct source *source = &clients->sources[client];

	source->arrival_ns = time_ns;
	heap_add(clients, (struct due){time_ns, client, ++source->arrival_serial, DUE_ARRIVAL});
}

static void request_timer(struct clients *clients, uint32_t index, int64_t now_ns)
{
	struct request *request = &clients->requests[index];
	const struct ms_client *client = &clients->model->clients[request->client];

	if (request->hit) {
		request_end(clients, index, true, now_ns);
		return;
	}
	if (!request->attempt) {
		attempt_send(clients, index, now_ns);
		return;
	}
	sender_of(clients, request)->counts.timeouts++;
	if (request->exchange)
		ms_exchange_abandon(request->exchange);
	attempt_failed(clients, index, client->retry_on_timeout, now_ns);
}

/* Tell service @server, or the user's command, how fast it may be. The command is not waited for. */
static void service_throttle(struct clients *clients, int server)
{
	const char *command = clients->page->options.throttle;
	char path[MS_EXCHANGE_PATH_BYTES];
	char value[64];
	char *arguments[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
	extern char **environ;
	pid_t child;

	(void)snprintf(path, sizeof(path), "/throttle?%.9g,%.9g", clients->speed[server],
		clients->extra_s[server]);
	if (!command) {
		(void)ms_exchange_begin(&clients->exchanges[server], path, CONTROL);
		return;
	}
	(void)snprintf(value, sizeof(value), "%.9g", clients->speed[server]);
	(void)setenv("HOTBED_SPEED", value, 1);
	(void)snprintf(value, sizeof(value), "%.9g", clients->extra_s[server]);
	(void)setenv("HOTBED_EXTRA_S", value, 1);
	if (posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ))
		clients->failure = -ECHILD;
}

static void trigger_due(struct clients *clients, uint32_t argument, int64_t now_ns)
{
	const struct ms_trigger *trigger = &clients->model->triggers[argument / 2];
	bool begins = argument % 2 == 0;
	struct source *source;
	double rate;

	switch (trigger->kind) {
	case MS_TRIGGER_RATE:
		source = &clients->sources[trigger->target];
		rate = fmax(begins ? trigger->value
				   : clients->model->clients[trigger->target].rate_per_s,
			1e-6);
		arrival_due(clients, (uint32_t)trigger->target,
			now_ns + ms_gap_rescale_ns(
					 source->arrival_ns - now_ns, source->rate_per_s, rate));
		source->rate_per_s = rate;
		break;
	case MS_TRIGGER_CAPACITY:
		clients->speed[trigger->target] = begins ? trigger->value : 1;
		service_throttle(clients, trigger->target);
		break;
	case MS_TRIGGER_LATENCY:
		clients->extra_s[trigger->target] = begins ? trigger->value : 0;
		service_throttle(clients, trigger->target);
		break;
	case MS_TRIGGER_FLUSH:
		if (begins)
			ms_shared_cache_flush(&clients->page->caches[trigger->target]);
		break;
	}
}

static void due_handle(struct clients *clients, const struct due *due)
{
	struct source *source;

	switch (due->kind) {
	case DUE_ARRIVAL:
		source = &clients->sources[due->index];
		arrival_due(clients, due->index,
			due->time_ns + ms_gap_ns(&clients->model->clients[due->index],
					       source->rate_per_s, &source->arrivals));
		request_begin(clients, due->index, due->time_ns);
		break;
	case DUE_REQUEST:
		request_timer(clients, due->index, due->time_ns);
		break;
	case DUE_TRIGGER:
		trigger_due(clients, due->index, due->time_ns);
		break;
	case DUE_END:
		uv_stop(&clients->loop);
		break;
	}
}

static void on_timer(uv_poll_t *poll, int status, int events)
{
	struct clients *clients = poll->data;
	uint64_t expirations;

	(void)status;
	(void)events;
	(void)!read(clients->timer_fd, &expirations, sizeof(expirations));
	/* What is due while this runs is handled too, so a burst ends with the queue of the moment empty. */
	while (clients->heap_count && !clients->failure) {
		struct due due = clients->heap[0];

		if (due.time_ns > ms_page_now_ns(clients->page))
			break;
		(void)heap_take(clients);
		if (due_stale(clients, &due))
			continue;
		ms_lateness_add(&clients->page->client_lateness,
			ms_page_real_ns(clients->page, due.time_ns), ms_page_clock_ns());
		ms_meter_advance(&clients->meter, due.time_ns, jobs_there(clients));
		due_handle(clients, &due);
		if (due.kind == DUE_END)
			return;
	}
	recovery_heed(clients);
	timer_arm(clients);
}

/* ---- the process ---- */

static int sources_init(struct clients *clients)
{
	struct ms_page *page = clients->page;
	uint64_t mixed = hb_rng_mix(page->seed, page->replication);

	for (uint32_t i = 0; i < clients->model->client_count; i++) {
		const struct ms_client *client = &clients->model->clients[i];
		struct source *source = &clients->sources[i];

		if (client->from_server != MS_NONE)
			continue;
		hb_rng_init(&source->arrivals, mixed, ms_stream_source(MS_STREAM_ARRIVALS, i));
		if (ms_sender_init(&source->sender, client, i, mixed))
			return -ENOMEM;
		source->rate_per_s = fmax(client->rate_per_s, 1e-6);
		arrival_due(clients, i, ms_gap_ns(client, source->rate_per_s, &source->arrivals));
	}
	return 0;
}

static int exchanges_init(struct clients *clients, struct hb_error *reterr)
{
	const char *url = clients->page->options.url;
	int result = 0;

	for (uint32_t i = 0; i < clients->model->server_count && result == 0; i++) {
		struct ms_exchanges *exchanges = &clients->exchanges[i];
		char own[64];

		(void)snprintf(
			own, sizeof(own), "http://127.0.0.1:%u/", clients->page->services[i].port);
		exchanges->loop = &clients->loop;
		exchanges->answered = on_answer;
		exchanges->owner = clients;
		result = ms_url_read(url ? url : own, exchanges, reterr);
	}
	return result;
}

/* The server that the first outside client sends to. */
static uint32_t watched_find(const struct ms_model *model)
{
	for (uint32_t i = 0; i < model->client_count; i++) {
		if (model->clients[i].from_server == MS_NONE)
			return (uint32_t)model->clients[i].to_server;
	}
	return 0;
}

static int clients_init(struct clients *clients, struct ms_page *page, struct ms_bin *bins)
{
	const struct ms_run_options *run = &page->options.run;
	struct rlimit files;
	int result;

	clients->page = page;
	clients->model = &page->model;
	clients->free_request = NONE;
	clients->watched = watched_find(&page->model);
	for (uint32_t i = 0; i < MS_SERVERS_MAX; i++)
		clients->speed[i] = 1;
	clients->end_ns = ms_seconds_ns(run->end_s > 0 ? run->end_s : ms_run_end_s(&page->model));
	ms_meter_init(&clients->meter, &page->model, run, clients->end_ns);
	ms_meter_reset(&clients->meter, bins);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	clients->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (clients->timer_fd < 0)
		return -errno;
	result = uv_loop_init(&clients->loop);
	if (result == 0)
		result = uv_poll_init(&clients->loop, &clients->poll, clients->timer_fd);
	clients->poll.data = clients;
	if (result == 0)
		result = uv_poll_start(&clients->poll, UV_READABLE, on_timer);
	if (result == 0)
		result = sources_init(clients);
	for (uint32_t i = 0; i < page->model.trigger_count; i++) {
		const struct ms_trigger *trigger = &page->model.triggers[i];

		heap_add(
			clients, (struct due){ms_seconds_ns(trigger->at_s), 2 * i, 0, DUE_TRIGGER});
		heap_add(clients, (struct due){ms_seconds_ns(trigger->at_s + trigger->duration_s),
					  2 * i + 1, 0, DUE_TRIGGER});
	}
	heap_add(clients, (struct due){clients->end_ns, 0, 0, DUE_END});
	return result;
}

static void result_fill(struct clients *clients, struct ms_run_result *ret)
{
	int64_t now_ns = ms_page_now_ns(clients->page);

	if (now_ns > clients->end_ns)
		now_ns = clients->end_ns;
	ms_meter_advance(&clients->meter, now_ns, jobs_there(clients));
	*ret = (struct ms_run_result){
		.end_s = (double)now_ns / 1e9, .client_count = clients->model->client_count};
	ms_meter_result(&clients->meter, 0, ret);
	for (uint32_t i = 0; i < clients->model->client_count; i++) {
		ret->clients[i] = clients->sources[i].sender.counts;
		ret->events += ret->clients[i].requests + ret->clients[i].answers +
			       ret->clients[i].timeouts + ret->clients[i].rejections;
	}
	for (uint32_t i = 0; i < clients->fresh_request; i++) {
		const struct request *request = &clients->requests[i];

		ret->clients[request->client].open += request->open;
		ret->clients[request->client].attempts_open += request->attempt;
	}
}

int ms_client_process(struct ms_page *page, struct ms_bin *bins)
{
	struct clients *clients = calloc(1, sizeof(*clients));
	struct hb_error *error = &page->client_error;
	int result;

	if (!clients)
		return hb_error_set(error, -ENOMEM, "client: no memory; free some");
	/* Commands that throttle are not waited for. */
	(void)signal(SIGCHLD, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	result = clients_init(clients, page, bins);
	if (result == 0)
		result = exchanges_init(clients, error);
	if (result < 0)
		return error->code ? result
				   : hb_error_set(error, result, "client: cannot start: %s",
					     strerror(-result));
	timer_arm(clients);
	(void)uv_run(&clients->loop, UV_RUN_DEFAULT);
	if (clients->failure)
		return hb_error_set(error, clients->failure,
			clients->failure == -ECHILD
				? "client: cannot start the throttle's shell"
				: "client: more than %u requests at once; lower the rates",
			REQUESTS_MAX);
	result_fill(clients, &page->result);
	/* The process ends here: its connections, timers and memory go with it. */
	return 0;
}
