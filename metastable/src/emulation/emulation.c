/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The supervisor: maps the shared page, forks the services and the clients, waits with a limit, ends all by their ids.
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
#include <hotbed/rng.h>

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

/* A service that is not ours is one server, and fills no cache. */
static int url_model_check(const struct ms_model *model, const struct ms_emulation_options *options,
	struct hb_error *reterr)
{
	if (model->server_count > 1)
		return hb_error_set(reterr, -EINVAL,
			"emulation: the model has %u servers, %s is one; leave what it calls out "
			"of the model",
			model->server_count, options->url);
	for (uint32_t i = 0; i < model->cache_count; i++) {
		if (model->caches[i].fill == MS_FILL_ALWAYS)
			return hb_error_set(reterr, -EINVAL,
				"emulation: the service at %s does not fill %s; use fill_on "
				"success",
				options->url, model->caches[i].name);
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
	for (uint32_t i = 0; i < model->server_count; i++) {
		if (model->servers[i].threads > MS_EMULATION_THREADS_MAX)
			return hb_error_set(reterr, -EINVAL,
				"emulation: %s has %u threads, at most %u are started; use the "
				"simulation",
				model->servers[i].name, model->servers[i].threads,
				MS_EMULATION_THREADS_MAX);
	}
	if (options->command && !options->url)
		return hb_error_set(reterr, -EINVAL,
			"emulation: a service of your own needs a URL to be reached at");
	if (options->url)
		result = url_model_check(model, options, reterr);
	if (result == 0)
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

static int service_fork(struct ms_page *page, uint32_t number, pid_t *ret, struct hb_error *reterr)
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
		_exit(ms_service_process(page, number, fds[1]) < 0);
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
		if (page->services[number].error.code) {
			*reterr = page->services[number].error;
			return page->services[number].error.code;
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
	double shortest = INFINITY, fastest_s = INFINITY;

	for (uint32_t i = 0; i < model->client_count; i++) {
		if (model->clients[i].timeout_kind != MS_TIMEOUT_NONE)
			shortest = fmin(shortest, model->clients[i].timeout_s);
	}
	/* Without timeouts, services are what the lateness is measured against. */
	for (uint32_t i = 0; i < model->server_count && shortest == INFINITY; i++)
		fastest_s = fmin(fastest_s, model->servers[i].service.mean_s);
	return isfinite(shortest) ? shortest : 10 * fastest_s;
}

static void *memory_share(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void lateness_merge(struct ms_lateness *all, const struct ms_lateness *one)
{
	uint64_t timers = all->timers + one->timers;

	if (timers)
		all->mean_s =
			(all->mean_s * (double)all->timers + one->mean_s * (double)one->timers) /
			(double)timers;
	all->timers = timers;
	all->late += one->late;
	all->limit_s = one->limit_s;
	all->max_s = fmax(all->max_s, one->max_s);
}

static void result_take(const struct ms_page *page, struct ms_emulation_result *ret)
{
	const struct ms_model *model = &page->model;

	ret->run = page->result;
	ret->client = page->client_lateness;
	ret->compression = page->compression;
	for (uint32_t i = 0; i < model->server_count && !page->options.url; i++) {
		ret->run.servers[i] = page->services[i].counts;
		ret->run.server_count = i + 1;
		lateness_merge(&ret->service, &page->services[i].lateness);
	}
	for (uint32_t i = 0; i < model->client_count; i++) {
		if (model->clients[i].from_server != MS_NONE)
			ret->run.clients[i] = page->calls[i];
	}
	ret->voided = (double)(ret->client.late + ret->service.late) >
		      LATE_SHARE * (double)(ret->client.timers + ret->service.timers);
}

/* Did one of the services end before it was told to? Its id becomes 0. */
static int services_heed(struct ms_page *page, pid_t *services, struct hb_error *reterr)
{
	for (uint32_t i = 0; i < MS_SERVERS_MAX; i++) {
		if (services[i] <= 0 || waitpid(services[i], NULL, WNOHANG) != services[i])
			continue;
		services[i] = 0;
		return hb_error_set(reterr, -ECHILD,
			"emulation: the service %s ended during the run; please report it",
			page->model.servers[i].name);
	}
	return 0;
}

static int services_start(struct ms_page *page, pid_t *ret, struct hb_error *reterr)
{
	int result = 0;

	if (page->options.url)
		return command_start(&page->options, &ret[0], reterr);
	for (uint32_t i = 0; i < page->model.server_count && result == 0; i++)
		result = service_fork(page, i, &ret[i], reterr);
	return result;
}

static int processes_run(
	struct ms_page *page, struct ms_bin *bins, double limit_s, struct hb_error *reterr)
{
	struct hb_error error = {0};
	pid_t services[MS_SERVERS_MAX] = {0};
	int result;

	/* The services' clock begins before the clients': jobs have times from the first request on. */
	page->start_ns = ms_page_clock_ns();
	result = services_start(page, services, &error);
	if (result == 0)
		result = clients_fork(page, bins, limit_s, &error);
	/* Without them all attempts were refused by nobody. */
	if (result == 0)
		result = services_heed(page, services, &error);
	/* Those that call before those that they call, as far as the file has them so. */
	for (uint32_t i = 0; i < MS_SERVERS_MAX; i++) {
		child_end(services[i]);
		if (result == 0 && page->services[i].error.code) {
			error = page->services[i].error;
			result = error.code;
		}
	}
	if (result < 0)
		return hb_error_set(reterr, result, "%s", error.text);
	return 0;
}

/* The caches and the limits of lateness; what was made is finished by page_finish(). */
static int page_fill(struct ms_page *page, struct hb_error *reterr)
{
	uint64_t mixed = hb_rng_mix(page->seed, page->replication);
	double limit_s = LATE_SHARE * shortest_timeout_s(&page->model) / page->compression;

	page->client_lateness.limit_s = limit_s;
	for (uint32_t i = 0; i < page->model.server_count; i++)
		page->services[i].lateness.limit_s = limit_s;
	for (uint32_t i = 0; i < page->model.cache_count; i++) {
		if (ms_shared_cache_init(&page->caches[i], &page->model.caches[i], i, mixed))
			return hb_error_set(reterr, -ENOMEM, "emulation: no memory; free some");
	}
	return 0;
}

static void page_finish(struct ms_page *page)
{
	for (uint32_t i = 0; i < MS_CACHES_MAX; i++)
		ms_shared_cache_finish(&page->caches[i]);
	(void)munmap(page, sizeof(*page));
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
	result = page_fill(page, reterr);
	if (result == 0)
		result = processes_run(page, shared, end_s / page->compression + GRACE_S, reterr);
	if (result < 0)
		goto finish;
	*ret = (struct ms_emulation_result){.wall_s = clock_s() - begin_s};
	result_take(page, ret);
	if (bins)
		memcpy(bins, shared, meter.bins_total * sizeof(*bins));
finish:
	if (page)
		page_finish(page);
	if (shared)
		(void)munmap(shared, bytes);
	return result;
}
