/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include "cpus.h"
#include "fiber.h"
#include "handler.h"

#define THREAD_STACK_BYTES 65536

struct worker {
	struct host *host;
	struct endpoint *endpoint;
	uint32_t service; /* region->services: the host's own */
	uint32_t number;  /* of the line that it loads next */
	uint32_t turn;    /* the number of its turn when it had the core last */
	bool has_waited;  /* for the line that came last */
	struct fiber fiber;
	pthread_t thread;
	pid_t pid;
	bool is_gone; /* reaped; guarded by host->lock */
};

struct host {
	struct region *region;
	enum nic_live_mode mode;
	int cpu;
	struct hb_clock clock;
	struct worker *workers; /* shape [services + 1] */
	uint32_t started;
	pid_t group;
	pthread_t reaper;
	bool has_agent, has_reaper;
	pthread_mutex_t lock;
	uint32_t *exited; /* shape [services], in order */
	_Atomic uint32_t exited_count;
	uint32_t exited_seen;
};

static long futex(_Atomic uint32_t *word, int operation, uint32_t value)
{
	return syscall(SYS_futex, (uint32_t *)word, operation, value, NULL, NULL, 0);
}

void turn_give(struct region *region, uint32_t service)
{
	(void)futex(&region->host->turn[service], FUTEX_WAKE, 1);
}

static bool is_stopped(const struct worker *w)
{
	return atomic_load_explicit(&w->host->region->host->stop, memory_order_relaxed);
}

/* Sleep until it is this process's turn. */
static void turn_await(struct worker *w)
{
	_Atomic uint32_t *turn = &w->host->region->host->turn[w->service];
	uint32_t now;

	while ((now = atomic_load_explicit(turn, memory_order_acquire)) == w->turn &&
		!is_stopped(w))
		(void)futex(turn, FUTEX_WAIT, w->turn);
	w->turn = now;
}

/* The core is ours: acknowledge the command that gave it. */
static void turn_acknowledge(struct worker *w)
{
	struct core_line *core = &w->endpoint->core;

	core->pid = w->service;
	atomic_store_explicit(&core->epoch,
		atomic_load_explicit(&w->host->region->host->epoch, memory_order_acquire),
		memory_order_release);
}

/* The next line that the card fills; NULL = everything ends. */
static struct line *control_line_load(struct worker *w)
{
	struct endpoint *endpoint = w->endpoint;
	struct line *line = &endpoint->rx[w->number % w->host->region->lines];

	endpoint->wait.parity = w->number & 1;
	endpoint->wait.since_ticks = hb_clock_ticks(&w->host->clock);
	atomic_store_explicit(&endpoint->wait.number, w->number, memory_order_release);
	w->has_waited = false;
	while (atomic_load_explicit(&line->number, memory_order_acquire) != w->number) {
		w->has_waited = true;
		if (is_stopped(w))
			return NULL;
	}
	return line;
}

static void call(struct worker *w, const struct line *line)
{
	struct endpoint *endpoint = w->endpoint;
	uint32_t place = w->number % w->host->region->lines;
	struct line *reply = &endpoint->tx[place];
	const uint8_t *args = line->data ? endpoint->rx_overflow[place] : line->args;
	uint8_t *results = line->data ? endpoint->tx_overflow[place] : reply->args;
	const struct region *region = w->host->region;
	uint64_t began;

	/* A call has been handed over when its last byte is here. */
	if (line->length_bytes)
		(void)*(const volatile uint8_t *)(args + line->length_bytes - 1);
	began = hb_clock_ticks(&w->host->clock);
	reply->arrived_ticks = w->has_waited ? began : 0;
	reply->type = LINE_CALL;
	reply->parity = w->number & 1;
	reply->length_bytes = line->length_bytes;
	reply->xid = line->xid;
	reply->data = line->data;
	handler_serve(args, line->length_bytes, results,
		&region->endpoints[(w->service + 1) % region->services]);
	reply->ran_ticks = hb_clock_ticks(&w->host->clock) - began;
	atomic_store_explicit(&reply->number, w->number, memory_order_release);
	endpoint->account.calls++;
}

/*
 * Give the core up. The next process may have gone on before, if it had not fallen asleep yet when its turn was
 * changed; the card may then have planned anew, and this command is stale: nobody is to be woken, but the core
 * is not ours either.
 */
static void retire(struct worker *w, const struct line *line)
{
	struct host_page *page = w->host->region->host;
	bool is_stale = line->epoch != atomic_load_explicit(&page->epoch, memory_order_acquire);

	w->endpoint->account.stale += is_stale;
	if (w->host->mode == NIC_LIVE_FIBER) {
		hb_assert(!is_stale);
		fiber_pass(&w->fiber, &w->host->workers[page->next].fiber);
	} else {
		if (!is_stale)
			turn_give(w->host->region, page->next);
		turn_await(w);
	}
	turn_acknowledge(w);
}

/* The loop of a process: load a line, do what it says, load the other. */
static void worker_run(struct worker *w)
{
	struct line *line;

	while ((line = control_line_load(w)) != NULL) {
		if (line->type == LINE_CALL)
			call(w, line);
		w->number++;
		if (line->type == LINE_RETIRE || line->type == LINE_NACK)
			retire(w, line);
	}
}

/* ---- services as fibers, threads and processes ---- */

static void fiber_main(void *argument)
{
	struct worker *w = argument;
	struct host *host = w->host;

	turn_acknowledge(w);
	worker_run(w);
	fiber_pass(&w->fiber, &host->workers[host->region->services].fiber);
}

static void *thread_main(void *argument)
{
	struct worker *w = argument;

	cpu_pin(w->host->cpu);
	if (w->service != w->host->region->services) {
		turn_await(w);
		turn_acknowledge(w);
	}
	worker_run(w);
	return NULL;
}

_Noreturn static void process_main(struct worker *w)
{
	struct rlimit none = {0, 0};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setpgid(0, w->host->group);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)signal(SIGINT, SIG_IGN);
	cpu_pin(w->host->cpu);
	if (region_restrict(w->host->region, w->service))
		_exit(99);
	turn_await(w);
	turn_acknowledge(w);
	worker_run(w);
	_exit(0);
}

static int process_start(struct worker *w, struct hb_error *reterr)
{
	struct host *host = w->host;
	pid_t pid = fork();

	if (pid < 0)
		return hb_error_set(reterr, -EAGAIN,
			"service %u: no process (%s); use fewer services, raise ulimit -u, or "
			"--mode fiber",
			w->service, strerror(errno));
	if (pid == 0)
		process_main(w);
	if (!host->group)
		host->group = pid;
	/* Here and in the child: whoever comes first. */
	(void)setpgid(pid, host->group);
	w->pid = pid;
	return 0;
}

static int thread_start(struct worker *w, struct hb_error *reterr)
{
	pthread_attr_t attributes;
	int err;

	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
	err = pthread_create(&w->thread, &attributes, thread_main, w);
	(void)pthread_attr_destroy(&attributes);
	if (err)
		return hb_error_set(reterr, -EAGAIN,
			"service %u: no thread (%s); use fewer services or --mode fiber",
			w->service, strerror(err));
	return 0;
}

static int service_start(struct worker *w, struct hb_error *reterr)
{
	switch (w->host->mode) {
	case NIC_LIVE_PROCESS:
		return process_start(w, reterr);
	case NIC_LIVE_THREAD:
		return thread_start(w, reterr);
	default:
		if (fiber_create(&w->fiber, fiber_main, w))
			return hb_error_set(reterr, -ENOMEM,
				"service %u: no fiber; use fewer services, or --mode thread where "
				"this is no x86-64",
				w->service);
		return 0;
	}
}

/* ---- exits ---- */

/* Waits for the services' processes and tells of each that has ended; ends with the last. */
static void *reaper_main(void *argument)
{
	struct host *host = argument;
	siginfo_t info;

	for (;;) {
		uint32_t s = 0;

		memset(&info, 0, sizeof(info));
		if (waitid(P_PGID, (id_t)host->group, &info, WEXITED | WNOWAIT)) {
			if (errno == EINTR)
				continue;
			return NULL;
		}
		while (s < host->started && host->workers[s].pid != info.si_pid)
			s++;
		/* Nobody may kill by a pid that has been given back. */
		(void)pthread_mutex_lock(&host->lock);
		(void)waitid(P_PID, (id_t)info.si_pid, &info, WEXITED);
		if (s < host->started)
			host->workers[s].is_gone = true;
		(void)pthread_mutex_unlock(&host->lock);
		if (s == host->started)
			continue;
		host->exited[atomic_load(&host->exited_count)] = s;
		atomic_fetch_add_explicit(&host->exited_count, 1, memory_order_release);
	}
}

uint32_t host_exited_next(struct host *host)
{
	if (atomic_load_explicit(&host->exited_count, memory_order_acquire) == host->exited_seen)
		return NIC_NONE;
	return host->exited[host->exited_seen++];
}

void host_kill(struct host *host, uint32_t service)
{
	struct worker *w = &host->workers[service];

	(void)pthread_mutex_lock(&host->lock);
	if (!w->is_gone && w->pid > 0)
		(void)kill(w->pid, SIGKILL);
	(void)pthread_mutex_unlock(&host->lock);
}

/* ---- life ---- */

static int host_start(struct host *host, struct hb_error *reterr)
{
	uint32_t services = host->region->services;
	int err = 0;

	/* Number 0 of a line is that of fresh memory. */
	for (uint32_t s = 0; s <= services; s++)
		host->workers[s] = (struct worker){.host = host,
			.endpoint = &host->region->endpoints[s],
			.service = s,
			.number = 1};
	while (!err && host->started < services) {
		err = service_start(&host->workers[host->started], reterr);
		host->started += !err;
	}
	if (err)
		return err;
	err = thread_start(&host->workers[services], reterr);
	host->has_agent = !err;
	if (!err && host->mode == NIC_LIVE_PROCESS) {
		err = pthread_create(&host->reaper, NULL, reaper_main, host);
		host->has_reaper = !err;
		if (err)
			err = hb_error_set(
				reterr, -EAGAIN, "no thread for the host (%s)", strerror(err));
	}
	return err;
}

int host_create(struct region *region, enum nic_live_mode mode, int cpu,
	const struct hb_clock *clock, struct host **ret, struct hb_error *reterr)
{
	struct host *host = calloc(1, sizeof(*host));
	int err;

	if (host) {
		*host = (struct host){.region = region, .mode = mode, .cpu = cpu, .clock = *clock};
		(void)pthread_mutex_init(&host->lock, NULL);
		host->workers = calloc(region->services + 1, sizeof(*host->workers));
		host->exited = calloc(region->services, sizeof(*host->exited));
	}
	if (!host || !host->workers || !host->exited) {
		host_destroy(host);
		return hb_error_set(
			reterr, -ENOMEM, "no memory for %u services; use fewer", region->services);
	}
	err = host_start(host, reterr);
	if (err) {
		host_destroy(host);
		return err;
	}
	*ret = host;
	return 0;
}

static void processes_end(struct host *host)
{
	siginfo_t info;

	for (uint32_t s = 0; s < host->started; s++)
		host_kill(host, s);
	if (host->has_reaper) {
		(void)pthread_join(host->reaper, NULL);
		return;
	}
	for (uint32_t s = 0; s < host->started; s++)
		(void)waitid(P_PID, (id_t)host->workers[s].pid, &info, WEXITED);
}

void host_destroy(struct host *host)
{
	uint32_t services;

	if (!host)
		return;
	services = host->region->services;
	atomic_store(&host->region->host->stop, 1);
	if (host->workers && host->mode == NIC_LIVE_PROCESS)
		processes_end(host);
	if (host->has_agent) {
		atomic_fetch_add(&host->region->host->turn[services], 1);
		turn_give(host->region, services);
		(void)pthread_join(host->workers[services].thread, NULL);
	}
	for (uint32_t s = 0; host->mode == NIC_LIVE_THREAD && s < host->started; s++) {
		atomic_fetch_add(&host->region->host->turn[s], 1);
		turn_give(host->region, s);
		(void)pthread_join(host->workers[s].thread, NULL);
	}
	for (uint32_t s = 0; host->mode == NIC_LIVE_FIBER && s < host->started; s++)
		fiber_destroy(&host->workers[s].fiber);
	(void)pthread_mutex_destroy(&host->lock);
	free(host->workers);
	free(host->exited);
	free(host);
}
