/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "baseline.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>

#include "handler.h"

#define RING_FRAMES 64
#define BYPASS_FRAMES 256
#define START_NS 60000000000

void serve_frame(struct nic_wire *wire, const struct nic_address *self, uint32_t services,
	const uint8_t *frame, size_t frame_bytes)
{
	struct nic_rpc_call call;
	uint8_t *reply;
	size_t reply_bytes;

	if (nic_rpc_call_parse(frame, frame_bytes, self, services, &call))
		return;
	while ((reply = nic_wire_reserve(wire)) == NULL)
		(void)sched_yield();
	reply_bytes = nic_rpc_reply_write(reply, self, &call.from, call.xid, call.args_bytes);
	handler_serve(call.args, call.args_bytes, reply + NIC_RPC_REPLY_HEADER_BYTES, NULL);
	nic_rpc_seal(reply);
	nic_wire_commit(wire, reply_bytes);
}

/*
 * Pollers: one for all services, which never gives the CPU away, or one each, which yields when there is
 * nothing.
 */
_Noreturn static void rings_serve(
	struct nic_wire *wire, const struct nic_address *self, uint32_t services, bool yields)
{
	const uint8_t *frame;
	size_t frame_bytes;

	for (;;) {
		frame = nic_wire_receive(wire, &frame_bytes);
		if (frame)
			serve_frame(wire, self, services, frame, frame_bytes);
		else if (yields)
			(void)sched_yield();
	}
}

static void begin_child(int cpu)
{
	cpu_set_t cpus;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGINT, SIG_IGN);
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	(void)sched_setaffinity(0, sizeof(cpus), &cpus);
}

/* Keeps the CPU from halting, from which it takes long to wake; anybody else goes first. */
static int spinner_start(struct baseline *b, struct hb_error *reterr)
{
	const struct sched_param none = {0};

	b->spinner = fork();
	if (b->spinner < 0)
		return hb_error_set(reterr, -EAGAIN, "no process: %s", strerror(errno));
	if (b->spinner > 0)
		return 0;
	begin_child(b->cpu);
	(void)sched_setscheduler(0, SCHED_IDLE, &none);
	for (;;)
		(void)handler_work(1, 1000);
}

static bool is_socket_system(enum nic_live_system system)
{
	return system == NIC_LIVE_UDP || system == NIC_LIVE_UDP_EPOLL ||
	       system == NIC_LIVE_UDP_POLL;
}

_Noreturn static void serve(struct baseline *b, uint32_t service)
{
	const struct nic_live_options *o = b->options;

	begin_child(b->cpu);
	if (is_socket_system(o->system))
		sockets_serve(o->system, o->services, (_Atomic uint32_t *)b->shared + service);
	rings_serve(b->served[service], &b->server, o->services, o->system == NIC_LIVE_POLL_YIELD);
}

static int services_start(struct baseline *b, uint32_t count, struct hb_error *reterr)
{
	b->pids = calloc(count, sizeof(*b->pids));
	if (!b->pids)
		return hb_error_set(reterr, -ENOMEM, "no memory for %u services", count);
	while (b->count < count) {
		pid_t pid = fork();

		if (pid < 0)
			return hb_error_set(reterr, -EAGAIN,
				"service %u: no process (%s); use fewer services or raise ulimit "
				"-u",
				b->count, strerror(errno));
		if (pid == 0)
			serve(b, b->count);
		b->pids[b->count++] = pid;
	}
	return 0;
}

static int sockets_start(struct baseline *b, struct hb_error *reterr)
{
	const _Atomic uint32_t *ports;
	int64_t until_ns = hb_clock_now_ns() + START_NS;
	int err;

	b->shared_bytes = b->options->services * sizeof(uint32_t);
	b->shared = mmap(
		NULL, b->shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b->shared == MAP_FAILED) {
		b->shared = NULL;
		return hb_error_set(reterr, -ENOMEM, "no memory for the services' ports");
	}
	ports = b->shared;
	err = services_start(b, b->options->services, reterr);
	for (uint32_t s = 0; !err && s < b->options->services; s++) {
		while (atomic_load(&ports[s]) == 0) {
			if (hb_clock_now_ns() > until_ns)
				return hb_error_set(reterr, -EAGAIN,
					"service %u has no socket; raise ulimit -n", s);
			(void)usleep(200);
		}
		if (atomic_load(&ports[s]) == UINT32_MAX)
			return hb_error_set(
				reterr, -ENOTSUP, "needs UDP sockets on the loopback interface");
	}
	return err ? err : sockets_wire_create(ports, &b->client, &b->server, &b->wire, reterr);
}

static int rings_start(struct baseline *b, struct hb_error *reterr)
{
	bool is_one = b->options->system == NIC_LIVE_BYPASS;
	struct nic_wire **clients;
	uint32_t count = is_one ? 1 : b->options->services;
	int err = 0;

	clients = calloc(count, sizeof(struct nic_wire *));
	b->served = calloc(count, sizeof(struct nic_wire *));
	if (!clients || !b->served) {
		free(clients);
		return hb_error_set(reterr, -ENOMEM, "no memory for %u rings", count);
	}
	while (!err && b->rings < count) {
		struct nic_wire *ends[2];

		err = nic_wire_ring_create(is_one ? BYPASS_FRAMES : RING_FRAMES, ends, reterr);
		if (!err) {
			b->served[b->rings] = ends[0];
			clients[b->rings++] = ends[1];
		}
	}
	if (!err && is_one) {
		b->wire = clients[0];
		free(clients);
	} else if (!err) {
		err = fan_wire_create(clients, count, &b->wire, reterr);
	} else {
		for (uint32_t i = 0; i < b->rings; i++)
			nic_wire_destroy(clients[i]);
		free(clients);
	}
	return err ? err : services_start(b, count, reterr);
}

int baseline_start(struct baseline *b, const struct nic_live_options *options, int cpu,
	const struct nic_address *server, const struct nic_address *client, struct hb_error *reterr)
{
	int err;

	*b = (struct baseline){
		.options = options, .cpu = cpu, .server = *server, .client = *client};
	err = is_socket_system(options->system) ? sockets_start(b, reterr) : rings_start(b, reterr);
	if (!err && options->idle_spinner)
		err = spinner_start(b, reterr);
	return err;
}

static void process_end(pid_t pid, int64_t *ret_cpu_ns)
{
	struct rusage usage;

	(void)kill(pid, SIGKILL);
	if (wait4(pid, NULL, 0, &usage) == pid && ret_cpu_ns)
		*ret_cpu_ns += (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000LL +
			       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000LL;
}

void baseline_end(struct baseline *b)
{
	for (uint32_t s = 0; s < b->count; s++)
		process_end(b->pids[s], &b->cpu_ns);
	b->count = 0;
	if (b->spinner > 0)
		process_end(b->spinner, NULL);
	b->spinner = 0;
	nic_wire_destroy(b->wire);
	b->wire = NULL;
	for (uint32_t i = 0; i < b->rings; i++)
		nic_wire_destroy(b->served[i]);
	b->rings = 0;
	if (b->shared)
		(void)munmap(b->shared, b->shared_bytes);
	b->shared = NULL;
	free(b->served);
	free(b->pids);
	b->served = NULL;
	b->pids = NULL;
}
