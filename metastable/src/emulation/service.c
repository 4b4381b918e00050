/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A service: libuv takes requests from its connections and puts them into a queue with the model's discipline and
 * limits; worker threads take them out and "work" until an absolute time. A worker that woke up late begins its next
 * job at the time it should have: lateness does not eat capacity. A job that makes calls keeps its worker until the
 * last of them has ended. `GET /INDEX?N,KEY` is attempt N of client INDEX, for the key KEY of its cache; `GET
 * /throttle?SPEED,EXTRA_S` changes the services that begin from then on.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <uv.h>

#include <hotbed/assert.h>
#include <hotbed/rng.h>

#include "simulation/draw.h"
#include "simulation/protection.h"
#include "caller.h"
#include "page.h"

#define REQUEST_BYTES 4096
#define BACKLOG 1024
#define RESPONSE_OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define RESPONSE_REJECTED "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
#define RESPONSE_UNKNOWN "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

struct connection;

struct job {
	struct connection *connection; /* NULL: nobody waits; under the lock */
	int64_t enter_ns;
	uint32_t client, key;
	bool retry, waiting, cancelled;
	struct worker *worker;
	struct job *older, *newer; /* in the queue; newer also links the finished ones */
	const char *response;      /* NULL = none */
};

struct connection {
	uv_tcp_t tcp;
	uv_write_t write;
	struct service *service;
	struct job *job; /* under the lock */
	size_t used;
	char request[REQUEST_BYTES];
};

struct list {
	struct job *oldest, *newest;
	uint32_t count;
};

struct worker {
	struct service *service;
	pthread_t thread;
	int timer_fd, wake_fd;
	int64_t free_ns; /* when its last job should have ended */
	struct ms_caller caller;
};

struct service {
	struct ms_page *page;
	struct ms_page_service *shared;
	const struct ms_server *server;
	uint32_t number;
	uv_loop_t loop;
	uv_tcp_t listener;
	uv_async_t finished_async;
	uv_signal_t terminate;

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work;
	struct list lists[2];
	struct list finished; /* to be answered by the loop */
	struct job *taken;
	uint32_t jobs, busy;
	struct ms_codel codel;
	struct hb_rng services, shedding;
	double speed, extra_ns;
	bool ends;
	struct worker *workers;
	uint32_t worker_count;
	struct ms_call calls[MS_CLIENTS_MAX]; /* that its jobs make, in the order of the file */
	uint32_t call_count;
};

/* ---- the queue; all under the lock ---- */

static void list_add(struct list *list, struct job *job)
{
	job->newer = NULL;
	job->older = list->newest;
	if (list->newest)
		list->newest->newer = job;
	else
		list->oldest = job;
	list->newest = job;
	list->count++;
}

static void list_remove(struct list *list, struct job *job)
{
	if (job->newer)
		job->newer->older = job->older;
	else
		list->newest = job->older;
	if (job->older)
		job->older->newer = job->newer;
	else
		list->oldest = job->newer;
	list->count--;
}

static struct list *list_of(struct service *service, const struct job *job)
{
	return &service->lists[job->retry && service->server->discipline == MS_RETRIES_LAST];
}

static struct job *queue_next(const struct service *service)
{
	const struct list *lists = service->lists;

	switch (service->server->discipline) {
	case MS_FIFO:
		return lists[0].oldest;
	case MS_LIFO:
		return lists[0].newest;
	case MS_ADAPTIVE_LIFO:
		return lists[0].count > service->server->lifo_above ? lists[0].newest
								    : lists[0].oldest;
	case MS_RETRIES_LAST:
		return lists[0].count ? lists[0].oldest : lists[1].oldest;
	}
	return NULL;
}

static void jobs_change(struct service *service, int delta)
{
	struct ms_server_counts *counts = &service->shared->counts;

	service->jobs = (uint32_t)((int)service->jobs + delta);
	if (service->jobs > counts->peak)
		counts->peak = service->jobs;
	atomic_store_explicit(&service->shared->jobs, service->jobs, memory_order_relaxed);
}

/* The job is over for the server; the loop answers it and frees it. */
static void job_leave(struct service *service, struct job *job, const char *response)
{
	jobs_change(service, -1);
	job->response = response;
	list_add(&service->finished, job);
	(void)uv_async_send(&service->finished_async);
}

static const char *refusal(enum ms_refusal how)
{
	return how == MS_REJECT ? RESPONSE_REJECTED : NULL;
}

static bool codel_take(void *queue, int64_t *ret_entered_ns, uint32_t *ret_waiting)
{
	struct service *service = queue;

	service->taken = queue_next(service);
	if (!service->taken)
		return false;
	list_remove(list_of(service, service->taken), service->taken);
	service->taken->waiting = false;
	*ret_entered_ns = service->taken->enter_ns;
	*ret_waiting = service->lists[0].count + service->lists[1].count;
	return true;
}

static void codel_drop(void *queue)
{
	struct service *service = queue;

	service->shared->counts.dropped++;
	job_leave(service, service->taken, refusal(service->server->on_shed));
}

static struct job *queue_take(struct service *service)
{
	const struct ms_codel_queue queue = {codel_take, codel_drop, service};
	int64_t entered_ns;
	uint32_t waiting;

	if (service->server->codel_interval_s > 0)
		return ms_codel_take(&service->codel, service->server, &queue,
			       ms_page_now_ns(service->page))
			       ? service->taken
			       : NULL;
	return codel_take(service, &entered_ns, &waiting) ? service->taken : NULL;
}

/* ---- workers ---- */

static void timer_set(int fd, int64_t at_ns)
{
	struct itimerspec when = {.it_value = {at_ns / 1000000000, at_ns % 1000000000}};

	(void)timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Work on a job until @end_ns of the model, or until it is cancelled; the lock is not held. */
static void work_wait(struct worker *worker, int64_t end_ns)
{
	struct pollfd fds[2] = {{worker->timer_fd, POLLIN, 0}, {worker->wake_fd, POLLIN, 0}};
	int64_t due_ns = ms_page_real_ns(worker->service->page, end_ns);

	timer_set(worker->timer_fd, due_ns);
	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	if (fds[0].revents) {
		uint64_t expirations;

		(void)!read(worker->timer_fd, &expirations, sizeof(expirations));
	}
	/* What woke it up is looked at under the lock. */
}

/*
 * The calls of a job one after the other, from *@at_ns; the lock is not held. Returns how the last one ended that was
 * made.
 */
static enum ms_call_end calls_make(struct worker *worker, int64_t *at_ns)
{
	struct service *service = worker->service;
	enum ms_call_end end = MS_CALL_SUCCESS;

	for (uint32_t i = 0; i < service->call_count && end == MS_CALL_SUCCESS; i++) {
		struct ms_call *call = &service->calls[i];
		double p = call->sender.client->call_probability;
		bool made;

		(void)pthread_mutex_lock(&service->lock);
		made = p >= 1 || hb_rng_double(&call->decisions) < p;
		(void)pthread_mutex_unlock(&service->lock);
		if (made)
			end = ms_call_make(&worker->caller, call, at_ns);
	}
	return end;
}

/* The job has had its work and its calls. */
static void job_finish(struct service *service, struct job *job, bool success, int64_t at_ns)
{
	struct ms_page *page = service->page;
	struct ms_server_counts *counts = &service->shared->counts;
	int cache = page->model.clients[job->client].cache;

	counts->served += success;
	counts->failed += !success;
	counts->wasted += success && !job->connection;
	if (success && cache != MS_NONE && page->model.caches[cache].fill == MS_FILL_ALWAYS)
		ms_shared_cache_put(&page->caches[cache], job->key, at_ns);
	job_leave(service, job, success ? RESPONSE_OK : RESPONSE_REJECTED);
}

static void wake_forget(struct worker *worker)
{
	uint64_t wakes;

	(void)!read(worker->wake_fd, &wakes, sizeof(wakes));
}

/* The work and the calls of a job whose worker is free from @begin_ns on; the lock is held before and after. */
static void job_work(struct worker *worker, struct job *job)
{
	struct service *service = worker->service;
	struct ms_page *page = service->page;
	int64_t begin_ns = job->enter_ns > worker->free_ns ? job->enter_ns : worker->free_ns;
	int64_t end_ns = begin_ns + ms_service_ns(&service->server->service,
					    ms_service_stretch(service->server, service->jobs) /
						    service->speed,
					    service->extra_ns, &service->services);
	int64_t due_ns = ms_page_real_ns(page, end_ns);
	enum ms_call_end end = MS_CALL_SUCCESS;

	/* Of a job that was cancelled when it had just ended. */
	wake_forget(worker);
	job->worker = worker;
	service->busy++;
	(void)pthread_mutex_unlock(&service->lock);
	work_wait(worker, end_ns);
	(void)pthread_mutex_lock(&service->lock);
	if (!service->ends && !job->cancelled) {
		ms_lateness_add(&service->shared->lateness, due_ns, ms_page_clock_ns());
		(void)pthread_mutex_unlock(&service->lock);
		end = calls_make(worker, &end_ns);
		(void)pthread_mutex_lock(&service->lock);
	}
	service->busy--;
	job->worker = NULL;
	if (service->ends)
		return;
	if (job->cancelled) {
		worker->free_ns = ms_page_now_ns(page);
		service->shared->counts.cancelled++;
		job_leave(service, job, NULL);
		return;
	}
	service->shared->counts.busy_s += (double)(end_ns - begin_ns) / 1e9;
	worker->free_ns = end_ns;
	job_finish(service, job, end == MS_CALL_SUCCESS, end_ns);
}

static void *worker_main(void *object)
{
	struct worker *worker = object;
	struct service *service = worker->service;

	(void)pthread_mutex_lock(&service->lock);
	while (!service->ends) {
		struct job *job = queue_take(service);

		if (!job) {
			(void)pthread_cond_wait(&service->work, &service->lock);
			continue;
		}
		job_work(worker, job);
	}
	(void)pthread_mutex_unlock(&service->lock);
	return NULL;
}

static int workers_start(struct service *service)
{
	service->workers = calloc(service->server->threads, sizeof(*service->workers));
	if (!service->workers)
		return -ENOMEM;
	for (uint32_t i = 0; i < service->server->threads; i++) {
		struct worker *worker = &service->workers[i];

		worker->service = service;
		worker->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
		worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (worker->timer_fd < 0 || worker->wake_fd < 0)
			return -errno;
		worker->caller = (struct ms_caller){.page = service->page,
			.lock = &service->lock,
			.ends = &service->ends,
			.late = &service->shared->lateness,
			.timer_fd = worker->timer_fd,
			.wake_fd = worker->wake_fd};
		if (pthread_create(&worker->thread, NULL, worker_main, worker))
			return -EAGAIN;
		service->worker_count++;
	}
	return 0;
}

static void workers_stop(struct service *service)
{
	const uint64_t one = 1;

	(void)pthread_mutex_lock(&service->lock);
	service->ends = true;
	(void)pthread_cond_broadcast(&service->work);
	for (uint32_t i = 0; i < service->worker_count; i++)
		(void)!write(service->workers[i].wake_fd, &one, sizeof(one));
	(void)pthread_mutex_unlock(&service->lock);
	for (uint32_t i = 0; i < service->worker_count; i++) {
		(void)pthread_join(service->workers[i].thread, NULL);
		ms_caller_close(&service->workers[i].caller);
	}
	free(service->workers);
}

/* ---- calls ---- */

static int calls_init(struct service *service, uint64_t mixed)
{
	const struct ms_model *model = &service->page->model;

	for (uint32_t i = 0; i < model->client_count; i++) {
		struct ms_call *call = &service->calls[service->call_count];

		if (model->clients[i].from_server != (int)service->number)
			continue;
		service->call_count++;
		call->index = i;
		hb_rng_init(&call->decisions, mixed, ms_stream_source(MS_STREAM_CALLS, i));
		if (ms_sender_init(&call->sender, &model->clients[i], i, mixed))
			return -ENOMEM;
	}
	return 0;
}

/* The books of the calls go to the supervisor. Returns -E2BIG if a protection ran out of memory. */
static int calls_finish(struct service *service)
{
	bool full = false;

	for (uint32_t i = 0; i < service->call_count; i++) {
		struct ms_call *call = &service->calls[i];

		service->page->calls[call->index] = call->sender.counts;
		full |= call->sender.full;
		ms_sender_finish(&call->sender);
	}
	return full ? hb_error_set(&service->shared->error, -E2BIG,
			      "service: a window of %s's calls is full; lower the rates",
			      service->server->name)
		    : 0;
}

/* ---- connections ---- */

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/* The client has gone: its job has nobody to wait for it, and may leave. */
static void connection_close(struct connection *connection)
{
	struct service *service = connection->service;
	struct job *job;
	const uint64_t one = 1;

	if (uv_is_closing((uv_handle_t *)&connection->tcp))
		return;
	(void)pthread_mutex_lock(&service->lock);
	job = connection->job;
	connection->job = NULL;
	if (job) {
		enum ms_cancel cancel = service->page->model.clients[job->client].cancel;

		job->connection = NULL;
		if (job->waiting && cancel != MS_CANCEL_NO) {
			list_remove(list_of(service, job), job);
			service->shared->counts.cancelled++;
			job_leave(service, job, NULL);
		} else if (job->worker && cancel == MS_CANCEL_ALWAYS) {
			job->cancelled = true;
			(void)!write(job->worker->wake_fd, &one, sizeof(one));
		}
	}
	(void)pthread_mutex_unlock(&service->lock);
	uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

static void on_written(uv_write_t *write, int status)
{
	struct connection *connection = write->data;

	if (status < 0)
		connection_close(connection);
}

static void respond(struct connection *connection, const char *response)
{
	uv_buf_t buffer = uv_buf_init((char *)response, (unsigned int)strlen(response));

	if (uv_is_closing((uv_handle_t *)&connection->tcp))
		return;
	if (uv_try_write((uv_stream_t *)&connection->tcp, &buffer, 1) == (int)buffer.len)
		return;
	connection->write.data = connection;
	if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, &buffer, 1, on_written))
		connection_close(connection);
}

/* Answers what the workers have finished. */
static void on_finished(uv_async_t *async)
{
	struct service *service = async->data;

	for (;;) {
		struct connection *connection;
		struct job *job;

		(void)pthread_mutex_lock(&service->lock);
		job = service->finished.oldest;
		if (job)
			list_remove(&service->finished, job);
		connection = job ? job->connection : NULL;
		if (connection)
			connection->job = NULL;
		(void)pthread_mutex_unlock(&service->lock);
		if (!job)
			return;
		if (connection && job->response)
			respond(connection, job->response);
		free(job);
	}
}

/* Returns the response to give at once, or NULL: it comes later or never. */
static const char *attempt_enter(
	struct connection *connection, uint32_t client, uint32_t number, uint32_t key)
{
	struct service *service = connection->service;
	struct ms_server_counts *counts = &service->shared->counts;
	const struct ms_server *server = service->server;
	struct job *job;
	double p;

	counts->arrivals++;
	if (server->queue_capacity && service->jobs >= server->queue_capacity) {
		counts->full++;
		return refusal(server->on_full);
	}
	p = ms_shed_probability(server, service->jobs);
	if (p >= 1 || (p > 0 && hb_rng_double(&service->shedding) < p)) {
		counts->shed++;
		return refusal(server->on_shed);
	}
	job = calloc(1, sizeof(*job));
	if (!job || service->jobs >= MS_OBJECTS_MAX) {
		free(job);
		counts->full++;
		return RESPONSE_REJECTED;
	}
	job->connection = connection;
	job->enter_ns = ms_page_now_ns(service->page);
	job->client = client;
	job->key = key;
	job->retry = number > 0;
	job->waiting = true;
	connection->job = job;
	list_add(list_of(service, job), job);
	jobs_change(service, 1);
	(void)pthread_cond_signal(&service->work);
	return NULL;
}

static void request_handle(struct connection *connection)
{
	struct service *service = connection->service;
	const char *response = RESPONSE_UNKNOWN;
	const struct ms_model *model = &service->page->model;
	unsigned int client, number, key;
	double speed, extra_s;

	(void)pthread_mutex_lock(&service->lock);
	if (sscanf(connection->request, "GET /throttle?%lf,%lf", &speed, &extra_s) == 2 &&
		speed > 0 && extra_s >= 0) {
		service->speed = speed;
		service->extra_ns = extra_s * 1e9;
		response = RESPONSE_OK;
	} else if (sscanf(connection->request, "GET /%u?%u,%u", &client, &number, &key) == 3 &&
		   client < model->client_count &&
		   model->clients[client].to_server == (int)service->number) {
		response = attempt_enter(connection, client, number, key);
	}
	(void)pthread_mutex_unlock(&service->lock);
	if (response)
		respond(connection, response);
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct connection *connection = handle->data;

	(void)suggested;
	*ret = uv_buf_init(connection->request + connection->used,
		(unsigned int)(REQUEST_BYTES - 1 - connection->used));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
	struct connection *connection = stream->data;

	(void)buffer;
	if (count == 0)
		return;
	/* A request that is too long, or a second one before the first was answered, is no client of ours. */
	if (count < 0 || connection->job) {
		connection_close(connection);
		return;
	}
	connection->used += (size_t)count;
	connection->request[connection->used] = '\0';
	if (strstr(connection->request, "\r\n\r\n")) {
		connection->used = 0;
		request_handle(connection);
	} else if (connection->used == REQUEST_BYTES - 1) {
		connection_close(connection);
	}
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct service *service = listener->data;
	struct connection *connection;

	if (status < 0)
		return;
	connection = calloc(1, sizeof(*connection));
	if (!connection)
		return;
	connection->service = service;
	connection->tcp.data = connection;
	if (uv_tcp_init(&service->loop, &connection->tcp)) {
		free(connection);
		return;
	}
	if (uv_accept(listener, (uv_stream_t *)&connection->tcp) ||
		uv_tcp_nodelay(&connection->tcp, 1) ||
		uv_read_start((uv_stream_t *)&connection->tcp, on_allocate, on_read))
		uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

static void on_terminate(uv_signal_t *signal, int number)
{
	(void)number;
	uv_stop(signal->loop);
}

/* ---- the process ---- */

static int service_listen(struct service *service)
{
	struct sockaddr_in address;
	int length = sizeof(address);
	int result = uv_loop_init(&service->loop);

	if (result == 0)
		result = uv_ip4_addr("127.0.0.1", 0, &address);
	if (result == 0)
		result = uv_tcp_init(&service->loop, &service->listener);
	service->listener.data = service;
	if (result == 0)
		result = uv_tcp_bind(&service->listener, (struct sockaddr *)&address, 0);
	if (result == 0)
		result = uv_listen((uv_stream_t *)&service->listener, BACKLOG, on_connection);
	if (result == 0)
		result = uv_tcp_getsockname(
			&service->listener, (struct sockaddr *)&address, &length);
	if (result == 0)
		result = uv_async_init(&service->loop, &service->finished_async, on_finished);
	service->finished_async.data = service;
	if (result == 0)
		result = uv_signal_init(&service->loop, &service->terminate);
	if (result == 0)
		result = uv_signal_start(&service->terminate, on_terminate, SIGTERM);
	service->shared->port = ntohs(address.sin_port);
	return result;
}

static struct service *service_create(struct ms_page *page, uint32_t number)
{
	struct service *service = calloc(1, sizeof(*service));
	uint64_t mixed = hb_rng_mix(page->seed, page->replication);

	if (!service)
		return NULL;
	service->page = page;
	service->number = number;
	service->shared = &page->services[number];
	service->server = &page->model.servers[number];
	service->speed = 1;
	hb_rng_init(&service->services, mixed, ms_stream_source(MS_STREAM_SERVICES, number));
	hb_rng_init(&service->shedding, mixed, ms_stream_source(MS_STREAM_SHEDDING, number));
	(void)pthread_mutex_init(&service->lock, NULL);
	(void)pthread_cond_init(&service->work, NULL);
	if (calls_init(service, mixed) < 0) {
		(void)calls_finish(service);
		free(service);
		return NULL;
	}
	return service;
}

int ms_service_process(struct ms_page *page, uint32_t number, int ready_fd)
{
	struct hb_error *error = &page->services[number].error;
	struct service *service = service_create(page, number);
	int result;

	if (!service)
		return hb_error_set(error, -ENOMEM, "service: no memory; free some");
	/* Clients that have gone are met when they are answered. */
	(void)signal(SIGPIPE, SIG_IGN);
	result = service_listen(service);
	if (result < 0) {
		result = hb_error_set(error, result,
			"service: cannot listen on loopback: %s; allow it", uv_strerror(result));
		free(service);
		return result;
	}
	result = workers_start(service);
	if (result < 0)
		(void)hb_error_set(error, result, "service: cannot start %u threads: %s; use fewer",
			service->server->threads, strerror(-result));
	else if (write(ready_fd, "r", 1) == 1)
		(void)uv_run(&service->loop, UV_RUN_DEFAULT);
	workers_stop(service);
	if (result == 0)
		result = calls_finish(service);
	/* The process ends here, and with it the connections. */
	service->shared->counts.in_server = service->jobs;
	free(service);
	return result;
}
