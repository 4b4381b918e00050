/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The supervisor: maps the shared page, forks the service and the clients, waits with a limit, ends both by their ids.
 * Children die with it. See metastable/emulation.h.
 */
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/error.h>

#include "simulation/meter.h"
#include "simulation/protection.h"
#include "connection.h"
#include "page.h"

#define READY_DEFAULT_S 10.0
#define START_DELAY_NS \
	INT64_C(50000000) /* between the fork of the clients and time 0 of the model */
#define GRACE_S 5.0       /* that the clients may take longer than their run */
#define TERMINATE_S 2.0   /* between SIGTERM and SIGKILL */
#define LATE_SHARE 0.01   /* of a timeout is late; and of the timers may be */

/* ---- what can be emulated ---- */

static double compression_of(const struct ms_emulation_options *options)
{
	if (options->compression > 0)
		return options->compression;
	return options->url ? 1 : MS_EMULATION_COMPRESSION_DEFAULT;
}

static int triggers_check(const struct ms_model *model, const struct ms_emulation_options *options,
	struct hb_error *reterr)
{
	for (uint32_t i = 0; i < model->trigger_count; i++) {
		const struct ms_trigger *trigger = &model->triggers[i];

		if (options->url && !options->throttle &&
			(trigger->kind == MS_TRIGGER_CAPACITY ||
				trigger->kind == MS_TRIGGER_LATENCY))
			return hb_error_set(reterr, -EINVAL,
				"emulation: %s throttles the service at %s; say how with a command",
				trigger->name, options->url);
	}
	return 0;
}

int ms_emulation_check(const struct ms_model *model, const struct ms_emulation_options *options,
	struct hb_error *reterr)
{
	double end_s = options->run.end_s > 0 ? options->run.end_s : ms_run_end_s(model);
	double compression = compression_of(options);
	struct ms_exchanges exchanges;
	struct ms_support support;
	int result = ms_support_query(MS_LEVEL_EMULATION, model, &support, reterr);

	if (result < 0)
		return result;
	if (!(compression >= 0.01 && compression <= MS_EMULATION_COMPRESSION_MAX))
		return hb_error_set(reterr, -EINVAL,
			"emulation: a compression of %g is out of range; use 0.01 to %g",
			compression, MS_EMULATION_COMPRESSION_MAX);
	if (!(end_s / compression <= MS_EMULATION_WALL_MAX_S))
		return hb_error_set(reterr, -EINVAL,
			"emulation: %.0f s at %g times the speed take %.0f s; shorten the triggers "
			"or "
			"the horizon, or compress more (%.0f s at most)",
			end_s, compression, end_s / compression, MS_EMULATION_WALL_MAX_S);
	if (model->servers[0].threads > MS_EMULATION_THREADS_MAX)
		return hb_error_set(reterr, -EINVAL,
			"emulation: %s has %u threads, at most %u are started; use the simulation",
			model->servers[0].name, model->servers[0].threads,
			MS_EMULATION_THREADS_MAX);
	if (options->command && !options->url)
		return hb_error_set(reterr, -EINVAL,
			"emulation: a service of your own needs a URL to be reached at");
	result = triggers_check(model, options, reterr);
	if (result == 0 && options->url)
		result = ms_url_read(options->url, &exchanges, reterr);
	return result;
}

/* ---- processes ---- */

static double clock_s(void)
{
	return (double)ms_page_clock_ns() / 1e9;
}

/* Waits until @child ends or @until_s: its status, or -1. */
static int child_wait(pid_t child, double until_s)
{
	int status;

	for (;;) {
		pid_t ended = waitpid(child, &status, WNOHANG);

		if (ended == child)
			return status;
		if (ended < 0 || clock_s() >= until_s)
			return -1;
		(void)poll(NULL, 0, 5);
	}
}

/* @child is a process (> 0) or, negative, the group of one. */
static void child_end(pid_t child)
{
	pid_t leader = child < 0 ? -child : child;

	if (!child)
		return;
	(void)kill(child, SIGTERM);
	if (child_wait(leader, clock_s() + TERMINATE_S) >= 0 && child > 0)
		return;
	(void)kill(child, SIGKILL);
	(void)waitpid(leader, NULL, 0);
}

/* In a child: die with the supervisor. */
static void child_tie(pid_t supervisor)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != supervisor)
		_exit(1);
}

static int service_fork(struct ms_page *page, pid_t *ret, struct hb_error *reterr)
{
	pid_t supervisor = getpid();
	struct pollfd ready;
	int fds[2];
	pid_t child;

	if (pipe(fds) < 0)
		return hb_error_set(reterr, -errno, "emulation: no pipe: %s", strerror(errno));
	child = fork();
	if (child == 0) {
		child_tie(supervisor);
		(void)close(fds[0]);
		_exit(ms_service_process(page, fds[1]) < 0);
	}
	(void)close(fds[1]);
	if (child < 0) {
		(void)close(fds[0]);
		return hb_error_set(reterr, -EAGAIN, "emulation: cannot start the service: %s",
			strerror(errno));
	}
	*ret = child;
	ready = (struct pollfd){fds[0], POLLIN, 0};
	(void)poll(&ready, 1, (int)(READY_DEFAULT_S * 1000));
	if (!(ready.revents & POLLIN)) {
		(void)close(fds[0]);
		if (page->service_error.code) {
			*reterr = page->service_error;
			return page->service_error.code;
		}
		return hb_error_set(reterr, -ETIMEDOUT,
			"emulation: the service did not listen within %.0f s; is the machine busy?",
			READY_DEFAULT_S);
	}
	(void)close(fds[0]);
	return 0;
}

static bool url_listens(const char *url)
{
	struct ms_exchanges exchanges;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool listens;

	if (fd < 0 || ms_url_read(url, &exchanges, NULL) < 0)
		return false;
	listens =
		connect(fd, (struct sockaddr *)&exchanges.address, sizeof(exchanges.address)) == 0;
	(void)close(fd);
	return listens;
}

/* Start the user's command in a group of its own, and wait until its URL answers. */
static int command_start(
	const struct ms_emulation_options *options, pid_t *ret, struct hb_error *reterr)
{
	double ready_s = options->ready_s > 0 ? options->ready_s : READY_DEFAULT_S;
	double until_s = clock_s() + ready_s;
	pid_t supervisor = getpid();
	pid_t child = 0;

	if (options->command && url_listens(options->url))
		return hb_error_set(reterr, -EADDRINUSE,
			"emulation: something listens at %s already; end it, or leave the command "
			"out",
			options->url);
	if (options->command) {
		child = fork();
		if (child < 0)
			return hb_error_set(reterr, -EAGAIN, "emulation: cannot start '%s': %s",
				options->command, strerror(errno));
		if (child == 0) {
			(void)setpgid(0, 0);
			child_tie(supervisor);
			(void)execl("/bin/sh", "sh", "-c", options->command, (char *)NULL);
			_exit(127);
		}
		(void)setpgid(child, child);
		*ret = -child;
	}
	while (!url_listens(options->url)) {
		if (child && waitpid(child, NULL, WNOHANG) == child) {
			(void)kill(-child, SIGKILL);
			*ret = 0;
			return hb_error_set(reterr, -ECHILD,
				"emulation: '%s' ended before it listened at %s; it must stay in "
				"the "
				"foreground",
				options->command, options->url);
		}
		if (clock_s() >= until_s)
			return hb_error_set(reterr, -ETIMEDOUT,
				"emulation: nothing listens at %s after %.1f s; start it, or wait "
				"longer",
				options->url, ready_s);
		(void)poll(NULL, 0, 20);
	}
	return 0;
}

static int clients_fork(
	struct ms_page *page, struct ms_bin *bins, double limit_s, struct hb_error *reterr)
{
	pid_t supervisor = getpid();
	pid_t child;
	int status;

	page->start_ns = ms_page_clock_ns() + START_DELAY_NS;
	child = fork();
	if (child < 0)
		return hb_error_set(reterr, -EAGAIN, "emulation: cannot start the clients: %s",
			strerror(errno));
	if (child == 0) {
		child_tie(supervisor);
		_exit(ms_client_process(page, bins) < 0);
	}
	status = child_wait(child, clock_s() + limit_s);
	if (status < 0) {
		child_end(child);
		return hb_error_set(reterr, -ETIMEDOUT,
			"emulation: the clients did not end within %.0f s; is the machine busy?",
			limit_s);
	}
	if (page->client_error.code) {
		*reterr = page->client_error;
		return page->client_error.code;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return hb_error_set(reterr, -ECHILD,
			"emulation: the clients ended with status %d; please report it", status);
	return 0;
}

/* ---- one run ---- */

static double shortest_timeout_s(const struct ms_model *model)
{
	double shortest = INFINITY;

	for (uint32_t i = 0; i < model->client_count; i++) {
		if (model->clients[i].timeout_kind != MS_TIMEOUT_NONE)
			shortest = fmin(shortest, model->clients[i].timeout_s);
	}
	/* Without timeouts, services are what the lateness is measured against. */
	return isfinite(shortest) ? shortest : 10 * model->servers[0].service.mean_s;
}

static void *memory_share(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void result_take(const struct ms_page *page, struct ms_emulation_result *ret)
{
	uint64_t timers = page->client_lateness.timers + page->service_lateness.timers;
	uint64_t late = page->client_lateness.late + page->service_lateness.late;

	ret->run = page->result;
	ret->client = page->client_lateness;
	ret->service = page->service_lateness;
	ret->compression = page->compression;
	ret->voided = (double)late > LATE_SHARE * (double)timers;
	if (!page->options.url) {
		ret->run.server_count = 1;
		ret->run.servers[0] = page->server;
	}
}

static int processes_run(
	struct ms_page *page, struct ms_bin *bins, double limit_s, struct hb_error *reterr)
{
	const struct ms_emulation_options *options = &page->options;
	struct hb_error error = {0};
	pid_t service = 0;
	int result;

	/* The service's clock begins before the clients': jobs have times from the first request on. */
	page->start_ns = ms_page_clock_ns();
	if (options->url)
		result = command_start(options, &service, &error);
	else
		result = service_fork(page, &service, &error);
	if (result == 0)
		result = clients_fork(page, bins, limit_s, &error);
	/* Without it all attempts were refused by nobody. */
	if (result == 0 && service > 0 && waitpid(service, NULL, WNOHANG) == service) {
		service = 0;
		result = hb_error_set(&error, -ECHILD,
			"emulation: the service ended during the run; please report it");
	}
	child_end(service);
	if (result < 0)
		return hb_error_set(reterr, result, "%s", error.text);
	return 0;
}

int ms_emulation_run(const struct ms_model *model, const struct ms_emulation_options *options,
	uint64_t seed, uint64_t replication, struct ms_bin *bins, struct ms_emulation_result *ret,
	struct hb_error *reterr)
{
	struct ms_meter meter;
	struct ms_page *page = NULL;
	struct ms_bin *shared = NULL;
	double begin_s = clock_s();
	double end_s;
	size_t bytes;
	int result = ms_emulation_check(model, options, reterr);

	if (result < 0)
		return result;
	end_s = options->run.end_s > 0 ? options->run.end_s : ms_run_end_s(model);
	ms_meter_init(&meter, model, &options->run, ms_seconds_ns(end_s));
	bytes = ((size_t)meter.bins_total + 1) * sizeof(*bins);
	page = memory_share(sizeof(*page));
	shared = bins ? memory_share(bytes) : NULL;
	if (!page || (bins && !shared)) {
		result = hb_error_set(reterr, -ENOMEM, "emulation: no memory; free some");
		goto finish;
	}
	page->model = *model;
	page->options = *options;
	page->seed = seed;
	page->replication = replication;
	page->compression = compression_of(options);
	page->client_lateness.limit_s = page->service_lateness.limit_s =
		LATE_SHARE * shortest_timeout_s(model) / page->compression;
	result = processes_run(page, shared, end_s / page->compression + GRACE_S, reterr);
	if (result < 0)
		goto finish;
	*ret = (struct ms_emulation_result){.wall_s = clock_s() - begin_s};
	result_take(page, ret);
	if (bins)
		memcpy(bins, shared, meter.bins_total * sizeof(*bins));
finish:
	if (page)
		(void)munmap(page, sizeof(*page));
	if (shared)
		(void)munmap(shared, bytes);
	return result;
}
