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

#define REQUESTS_MAX 65536U
#define WINDOW_ENTRIES 65536U
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
	int64_t begin_ns, due_ns;
	uint32_t client, number, serial, probe, next;
	bool open, attempt;
};

struct sender {
	double rate_per_s;
	uint32_t arrival_serial;
	int64_t arrival_ns;
	struct hb_rng arrivals, timeouts, backoffs;
	struct ms_bucket bucket;
	struct ms_budget budget;
	struct ms_breaker breaker;
	struct ms_window_memory windows[3]; /* requests, retries, ends */
	struct ms_client_counts counts;
};

struct clients {
	struct ms_page *page;
	const struct ms_model *model;
	uv_loop_t loop;
	uv_poll_t poll;
	int timer_fd;
	struct ms_exchanges exchanges;
	struct ms_meter meter;
	struct sender senders[MS_CLIENTS_MAX];
	struct request requests[REQUESTS_MAX];
	uint32_t free_request, fresh_request;
	struct due heap[2 * REQUESTS_MAX + 4 * MS_TRIGGERS_MAX];
	uint32_t heap_count;
	double speed, extra_s; /* of the service, as told to it */
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
		return clients->senders[due->index].arrival_serial != due->serial;
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

static void request_end(struct clients *clients, uint32_t index, bool success, int64_t now_ns)
{
	struct request *request = &clients->requests[index];
	struct sender *sender = &clients->senders[request->client];
	int64_t latency_ns = now_ns > request->begin_ns ? now_ns - request->begin_ns : 0;

	sender->counts.successes += success;
	sender->counts.failures += !success;
	if (success) {
		sender->counts.latency_sum_s += (double)latency_ns / 1e9;
		ms_bucket_success(&sender->bucket, &clients->model->clients[request->client]);
	}
	ms_meter_end(&clients->meter, success, latency_ns);
	clients->meter.orbit -= request->number > 0;
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

static void attempt_send(struct clients *clients, uint32_t index, int64_t now_ns)
{
	struct request *request = &clients->requests[index];
	const struct ms_client *client = &clients->model->clients[request->client];
	struct sender *sender = &clients->senders[request->client];
	char path[MS_EXCHANGE_PATH_BYTES];

	if (!ms_breaker_admit(&sender->breaker, client, now_ns, &request->probe)) {
		sender->counts.refused_breaker++;
		request_end(clients, index, false, now_ns);
		return;
	}
	request->attempt = true;
	sender->counts.attempts++;
	sender->counts.retries += request->number > 0;
	clients->meter.attempts++;
	clients->meter.retries += request->number > 0;
	request->serial++;
	if (client->timeout_kind != MS_TIMEOUT_NONE)
		request_due(clients, index, now_ns + ms_timeout_ns(client, &sender->timeouts));
	if (clients->page->options.url)
		(void)snprintf(path, sizeof(path), "%s", clients->exchanges.path);
	else
		(void)snprintf(path, sizeof(path), "/%u?%u", request->client, request->number);
	request->exchange = ms_exchange_begin(&clients->exchanges, path, index);
	if (!request->exchange) {
		sender->counts.rejections++;
		attempt_failed(clients, index, client->retry_on_reject, now_ns);
	}
}

static bool retry_allowed(
	struct clients *clients, const struct request *request, int64_t pause_ns, int64_t now_ns)
{
	const struct ms_client *client = &clients->model->clients[request->client];
	struct sender *sender = &clients->senders[request->client];
	bool full = false;
	bool allowed;

	if (isfinite(client->deadline_s) &&
		now_ns + pause_ns > request->begin_ns + ms_seconds_ns(client->deadline_s)) {
		sender->counts.refused_deadline++;
		return false;
	}
	if (!ms_bucket_take(&sender->bucket, client)) {
		sender->counts.refused_bucket++;
		return false;
	}
	allowed = ms_budget_take(
		&sender->budget, client, &sender->windows[0], &sender->windows[1], now_ns, &full);
	sender->counts.refused_budget += !allowed;
	if (full)
		clients->failure = -E2BIG;
	return allowed;
}

static void attempt_failed(struct clients *clients, uint32_t index, bool retry, int64_t now_ns)
{
	struct request *request = &clients->requests[index];
	const struct ms_client *client = &clients->model->clients[request->client];
	struct sender *sender = &clients->senders[request->client];
	int64_t pause_ns;
	double uniform = 0;

	request->attempt = false;
	request->exchange = NULL;
	(void)ms_breaker_record(
		&sender->breaker, client, &sender->windows[2], now_ns, true, request->probe);
	if (!retry || request->number >= client->retries) {
		request_end(clients, index, false, now_ns);
		return;
	}
	if (client->backoff != MS_IMMEDIATE && client->jitter != MS_JITTER_NONE)
		uniform = hb_rng_double(&sender->backoffs);
	pause_ns = ms_seconds_ns(ms_backoff_s(client, request->number + 1, uniform));
	if (!retry_allowed(clients, request, pause_ns, now_ns)) {
		request_end(clients, index, false, now_ns);
		return;
	}
	if (request->number++ == 0)
		clients->meter.orbit++;
	/* Also without a pause a retry goes through the heap: a service that rejects at once must not recurse here. */
	request_due(clients, index, now_ns + pause_ns);
}

static void request_begin(struct clients *clients, uint32_t client, int64_t now_ns)
{
	struct sender *sender = &clients->senders[client];
	uint32_t index = request_take(clients);
	struct request *request;

	if (index == NONE)
		return;
	request = &clients->requests[index];
	*request = (struct request){
		.begin_ns = now_ns, .client = client, .serial = request->serial, .open = true};
	sender->counts.requests++;
	clients->meter.requests++;
	(void)ms_budget_request(
		&sender->budget, &clients->model->clients[client], &sender->windows[0], now_ns);
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
	return atomic_load_explicit(&clients->page->jobs, memory_order_relaxed);
}

static void on_answer(void *owner, uint32_t number, int status)
{
	struct clients *clients = owner;
	int64_t now_ns = ms_page_now_ns(clients->page);
	const struct ms_client *client;
	struct request *request;
	struct sender *sender;

	if (number == CONTROL)
		return;
	request = &clients->requests[number];
	hb_assert(request->attempt);
	client = &clients->model->clients[request->client];
	sender = &clients->senders[request->client];
	request->exchange = NULL;
	/* Too late: the timer says so as soon as it is looked at. */
	if (client->timeout_kind != MS_TIMEOUT_NONE && now_ns >= request->due_ns)
		return;
	ms_meter_advance(&clients->meter, now_ns, jobs_there(clients));
	if (status >= 200 && status < 300) {
		sender->counts.answers++;
		(void)ms_breaker_record(&sender->breaker, client, &sender->windows[2], now_ns,
			false, request->probe);
		request_end(clients, number, true, now_ns);
	} else {
		sender->counts.rejections++;
		attempt_failed(clients, number, client->retry_on_reject, now_ns);
	}
	recovery_heed(clients);
	timer_arm(clients);
}

/* ---- what is due ---- */

static void arrival_due(struct clients *clients, uint32_t client, int64_t time_ns)
{
	struct sender *sender = &clients->senders[client];

	sender->arrival_ns = time_ns;
	heap_add(clients, (struct due){time_ns, client, ++sender->arrival_serial, DUE_ARRIVAL});
}

static void request_timer(struct clients *clients, uint32_t index, int64_t now_ns)
{
	struct request *request = &clients->requests[index];
	const struct ms_client *client = &clients->model->clients[request->client];

	if (!request->attempt) {
		attempt_send(clients, index, now_ns);
		return;
	}
	clients->senders[request->client].counts.timeouts++;
	if (request->exchange)
		ms_exchange_abandon(request->exchange);
	attempt_failed(clients, index, client->retry_on_timeout, now_ns);
}

/* Tell the service, or the user's command, how fast it may be. The command is not waited for. */
static void service_throttle(struct clients *clients)
{
	const char *command = clients->page->options.throttle;
	char path[MS_EXCHANGE_PATH_BYTES];
	char value[64];
	char *arguments[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
	extern char **environ;
	pid_t child;

	(void)snprintf(path, sizeof(path), "/throttle?%.9g,%.9g", clients->speed, clients->extra_s);
	if (!command) {
		(void)ms_exchange_begin(&clients->exchanges, path, CONTROL);
		return;
	}
	(void)snprintf(value, sizeof(value), "%.9g", clients->speed);
	(void)setenv("HOTBED_SPEED", value, 1);
	(void)snprintf(value, sizeof(value), "%.9g", clients->extra_s);
	(void)setenv("HOTBED_EXTRA_S", value, 1);
	if (posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ))
		clients->failure = -ECHILD;
}

static void trigger_due(struct clients *clients, uint32_t argument, int64_t now_ns)
{
	const struct ms_trigger *trigger = &clients->model->triggers[argument / 2];
	bool begins = argument % 2 == 0;
	struct sender *sender = &clients->senders[trigger->target];
	double rate;

	switch (trigger->kind) {
	case MS_TRIGGER_RATE:
		rate = fmax(begins ? trigger->value
				   : clients->model->clients[trigger->target].rate_per_s,
			1e-6);
		arrival_due(clients, (uint32_t)trigger->target,
			now_ns + ms_gap_rescale_ns(
					 sender->arrival_ns - now_ns, sender->rate_per_s, rate));
		sender->rate_per_s = rate;
		break;
	case MS_TRIGGER_CAPACITY:
		clients->speed = begins ? trigger->value : 1;
		service_throttle(clients);
		break;
	case MS_TRIGGER_LATENCY:
		clients->extra_s = begins ? trigger->value : 0;
		service_throttle(clients);
		break;
	case MS_TRIGGER_FLUSH:
		hb_assert(false);
	}
}

static void due_handle(struct clients *clients, const struct due *due)
{
	struct sender *sender = &clients->senders[due->index % MS_CLIENTS_MAX];

	switch (due->kind) {
	case DUE_ARRIVAL:
		arrival_due(clients, due->index,
			due->time_ns + ms_gap_ns(&clients->model->clients[due->index],
					       sender->rate_per_s, &sender->arrivals));
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

static int senders_init(struct clients *clients)
{
	struct ms_page *page = clients->page;
	uint64_t mixed = hb_rng_mix(page->seed, page->replication);

	for (uint32_t i = 0; i < clients->model->client_count; i++) {
		const struct ms_client *client = &clients->model->clients[i];
		struct sender *sender = &clients->senders[i];

		hb_rng_init(&sender->arrivals, mixed, ms_stream_source(MS_STREAM_ARRIVALS, i));
		hb_rng_init(&sender->timeouts, mixed, ms_stream_source(MS_STREAM_TIMEOUTS, i));
		hb_rng_init(&sender->backoffs, mixed, ms_stream_source(MS_STREAM_BACKOFFS, i));
		ms_bucket_init(&sender->bucket, client);
		for (int k = 0; k < 3; k++) {
			sender->windows[k].entries = malloc(WINDOW_ENTRIES * sizeof(int64_t));
			sender->windows[k].capacity = WINDOW_ENTRIES;
			if (!sender->windows[k].entries)
				return -ENOMEM;
		}
		sender->rate_per_s = fmax(client->rate_per_s, 1e-6);
		arrival_due(clients, i, ms_gap_ns(client, sender->rate_per_s, &sender->arrivals));
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
	clients->speed = 1;
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
	clients->exchanges.loop = &clients->loop;
	clients->exchanges.answered = on_answer;
	clients->exchanges.owner = clients;
	if (result == 0)
		result = senders_init(clients);
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
		ret->clients[i] = clients->senders[i].counts;
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
	char url[64];
	int result;

	if (!clients)
		return hb_error_set(error, -ENOMEM, "client: no memory; free some");
	/* Commands that throttle are not waited for. */
	(void)signal(SIGCHLD, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", page->port);
	result = clients_init(clients, page, bins);
	if (result == 0)
		result = ms_url_read(
			page->options.url ? page->options.url : url, &clients->exchanges, error);
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
