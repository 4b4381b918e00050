/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The service: libuv takes requests from its connections and puts them into a queue with the model's discipline and
 * limits; worker threads take them out and "work" until an absolute time. A worker that woke up late begins its next
 * job at the time it should have: lateness does not eat capacity. `GET /INDEX?N` is attempt N of client INDEX;
 * `GET /throttle?SPEED,EXTRA_S` changes the services that begin from then on.
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
	uint32_t client;
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
};

struct service {
	struct ms_page *page;
	const struct ms_server *server;
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
	struct ms_server_counts *counts = &service->page->server;

	service->jobs = (uint32_t)((int)service->jobs + delta);
	if (service->jobs > counts->peak)
		counts->peak = service->jobs;
	atomic_store_explicit(&service->page->jobs, service->jobs, memory_order_relaxed);
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

	service->page->server.dropped++;
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
	if (fds[1].revents) {
		uint64_t wakes;

		(void)!read(worker->wake_fd, &wakes, sizeof(wakes));
	}
}

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

	job->worker = worker;
	service->busy++;
	(void)pthread_mutex_unlock(&service->lock);
	work_wait(worker, end_ns);
	(void)pthread_mutex_lock(&service->lock);
	service->busy--;
	job->worker = NULL;
	if (service->ends)
		return;
	if (job->cancelled) {
		worker->free_ns = ms_page_now_ns(page);
		page->server.cancelled++;
		job_leave(service, job, NULL);
		return;
	}
	ms_lateness_add(&page->service_lateness, due_ns, ms_page_clock_ns());
	page->server.busy_s += (double)(end_ns - begin_ns) / 1e9;
	worker->free_ns = end_ns;
	page->server.served++;
	page->server.wasted += job->connection == NULL;
	job_leave(service, job, RESPONSE_OK);
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
	for (uint32_t i = 0; i < service->worker_count; i++)
		(void)pthread_join(service->workers[i].thread, NULL);
	free(service->workers);
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
			service->page->server.cancelled++;
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
static const char *attempt_enter(struct connection *connection, uint32_t client, uint32_t number)
{
	struct service *service = connection->service;
	struct ms_server_counts *counts = &service->page->server;
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
	unsigned int client, number;
	double speed, extra_s;

	(void)pthread_mutex_lock(&service->lock);
	if (sscanf(connection->request, "GET /throttle?%lf,%lf", &speed, &extra_s) == 2 &&
		speed > 0 && extra_s >= 0) {
		service->speed = speed;
		service->extra_ns = extra_s * 1e9;
		response = RESPONSE_OK;
	} else if (sscanf(connection->request, "GET /%u?%u", &client, &number) == 2 &&
		   client < service->page->model.client_count) {
		response = attempt_enter(connection, client, number);
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
	service->page->port = ntohs(address.sin_port);
	return result;
}

int ms_service_process(struct ms_page *page, int ready_fd)
{
	struct service *service = calloc(1, sizeof(*service));
	uint64_t mixed = hb_rng_mix(page->seed, page->replication);
	int result;

	if (!service)
		return hb_error_set(&page->service_error, -ENOMEM, "service: no memory; free some");
	/* Clients that have gone are met when they are answered. */
	(void)signal(SIGPIPE, SIG_IGN);
	service->page = page;
	service->server = &page->model.servers[0];
	service->speed = 1;
	hb_rng_init(&service->services, mixed, ms_stream_source(MS_STREAM_SERVICES, 0));
	hb_rng_init(&service->shedding, mixed, ms_stream_source(MS_STREAM_SHEDDING, 0));
	(void)pthread_mutex_init(&service->lock, NULL);
	(void)pthread_cond_init(&service->work, NULL);
	result = service_listen(service);
	if (result < 0) {
		result = hb_error_set(&page->service_error, result,
			"service: cannot listen on loopback: %s; allow it", uv_strerror(result));
		free(service);
		return result;
	}
	result = workers_start(service);
	if (result < 0)
		(void)hb_error_set(&page->service_error, result,
			"service: cannot start %u threads: %s; use fewer", service->server->threads,
			strerror(-result));
	else if (write(ready_fd, "r", 1) == 1)
		(void)uv_run(&service->loop, UV_RUN_DEFAULT);
	workers_stop(service);
	/* The process ends here, and with it the connections. */
	page->server.in_server = service->jobs;
	free(service);
	return result;
}
