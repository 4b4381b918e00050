/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The soft card: wire, parser and the scheduler of nicos/sched.h on one core, services on another, and between them
 * lines of memory whose coherence traffic is real. An open-loop client sends calls over the wire and measures.
 *
 * Not thread-safe: a run pins the calling thread and starts processes; its signals and CPUs are restored at the
 * end.
 */
#ifndef NICOS_LIVE_H
#define NICOS_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include <nicos/des.h>
#include <nicos/distribution.h>
#include <nicos/rpc.h>

struct hb_error;
struct hb_hist;
struct nic_wire;

/* What a service is. */
enum nic_live_mode {
	NIC_LIVE_PROCESS,
	NIC_LIVE_THREAD,
	NIC_LIVE_FIBER,
	NIC_LIVE_MODE_COUNT,
};

/* Who serves. */
enum nic_live_system {
	NIC_LIVE_NICOS,
	NIC_LIVE_UDP,        /* a process per service that blocks in recvfrom */
	NIC_LIVE_UDP_EPOLL,  /* one that blocks in epoll_wait */
	NIC_LIVE_UDP_POLL,   /* one that polls its socket, and yields if there are others */
	NIC_LIVE_BYPASS,     /* one process polls a ring and runs all services */
	NIC_LIVE_POLL_YIELD, /* a process per service polls a ring of its own, and yields */
	NIC_LIVE_DISPATCHER, /* the card hands requests to one process that runs all services */
	NIC_LIVE_STEALING,   /* the card gives the core to another process at intervals only */
	NIC_LIVE_SYSTEM_COUNT,
};

/* How a service misbehaves in one request. */
enum nic_live_fault {
	NIC_LIVE_NO_FAULT,
	NIC_LIVE_EXIT,
	NIC_LIVE_HANG,
	NIC_LIVE_CRASH,
	NIC_LIVE_WRONG_LINE, /* writes to another service's */
	NIC_LIVE_FAULT_COUNT,
};

/* What the card knows of its core. */
enum nic_live_core {
	NIC_LIVE_CORE_IDLE, /* no process has it */
	NIC_LIVE_CORE_WAIT, /* its process waits for a request */
	NIC_LIVE_CORE_RUN,
	NIC_LIVE_CORE_SWITCH,
};

/* A look at a run, between two rounds of the card. */
struct nic_live_view {
	double at_s; /* since the begin */
	uint64_t sent, answered;
	uint64_t queued, dropped; /* queued: running ones included */
	enum nic_live_core core;
	uint32_t core_service;           /* unless idle; in a switch, whom it goes to */
	double cpu[NIC_CPU_COUNT];       /* since the begin */
	const struct hb_hist *interval;  /* latencies in ns since the look before */
	struct hb_hist *const *services; /* of each service since the begin; shape [services] */
};

#define NIC_LIVE_SERVICES_MAX 8192
#define NIC_LIVE_REQUESTS_MAX 20000000
#define NIC_LIVE_BYTES_MIN 16

/* nic_live_defaults() first. */
struct nic_live_options {
	enum nic_live_system system;
	enum nic_live_mode mode;
	uint32_t services; /* 1 ... NIC_LIVE_SERVICES_MAX */
	struct nic_distribution service;
	enum nic_arrival arrival;
	double burst_factor, burst_on_ns, burst_off_ns; /* as nic_des_options */
	double rate_per_s;                              /* > 0 */
	double zipf;
	uint64_t seed, requests, warm_up;
	uint32_t bytes;   /* arguments of a call, a multiple of 4 from NIC_LIVE_BYTES_MIN */
	uint32_t window;  /* requests under way at once; later ones are held back. 0 = open loop */
	uint32_t depth;   /* 1 ... NIC_DEPTH_MAX */
	uint32_t queue;   /* that wait per service; 0 = as many as there can be */
	uint32_t buffers; /* of the card */
	double turn_ns, try_again_ns;
	double interval_ns; /* stealing */
	bool idle_spinner; /* a SCHED_IDLE process keeps the services' CPU from halting; baselines */
	double kill_ns;    /* a handler that has not ended is killed with its process; 0 = never */
	enum nic_live_fault fault;
	uint64_t fault_at; /* request number */
	/* Called every watch_ns, if not NULL; what it takes the card is away. Systems with a card. */
	void (*watch)(const struct nic_live_view *view, void *user);
	void *watch_user;
	double watch_ns;
	/* Makes the two ends of the wire, the card's first; NULL = rings in memory. Systems with a card. */
	int (*wire_create)(struct nic_wire *ret[2], struct hb_error *reterr);
	bool is_falsified; /* the client sends half of the work: each reply must be found wrong */
	uint32_t
		hostile; /* before every so many requests the client sends a hostile frame; 0 = none */
};

struct nic_live_result {
	struct hb_hist *latency; /* ns from the intended time; nic_live_finish() frees it */
	/*
	 * ns from before the card fills a line to when the process that had waited for it has the
	 * arguments, by the cycle counters of two CPUs; NULL without a card. nic_live_finish() frees it.
	 */
	struct hb_hist *hand_over;
	double mean_us, p50_us, p99_us, p999_us;
	double goodput_per_s;
	double cpu[NIC_CPU_COUNT]; /* of the host's core */
	/* Of the card, frames that it refused included; in = done + queued + dropped. */
	uint64_t in, done, queued, dropped;
	uint64_t refused[NIC_FRAME_FAULT_COUNT];
	uint64_t no_buffer, replayed;
	uint64_t sent, answered, lost; /* of the client */
	uint64_t hostile;              /* frames that it sent besides, all to be refused */
	uint64_t wrong, duplicates;    /* replies: not what the handler gives; to no open request */
	uint64_t measured;
	double switches; /* per request */
	uint64_t try_again, retired, nacked, killed, exited;
	double late;    /* share of requests that were sent more than 10 us after their time */
	double step_ns; /* of the handlers' work, measured */
	double elapsed_s;
	uint64_t memory_bytes; /* of card and lines, what was touched of them */
};

void nic_live_defaults(struct nic_live_options *options);
const char *nic_live_mode_name(enum nic_live_mode mode);
enum nic_live_mode nic_live_mode_find(const char *name);
const char *nic_live_system_name(enum nic_live_system system);
enum nic_live_system nic_live_system_find(const char *name);
const char *nic_live_fault_name(enum nic_live_fault fault);
enum nic_live_fault nic_live_fault_find(const char *name);

/*
 * nic_live_probe - can this machine do it?
 * Returns 0, or -ENOTSUP with the reason: one CPU only, or none that the caller may be pinned to.
 */
int nic_live_probe(struct hb_error *reterr);

/*
 * nic_live_run - run the schedule to its end; takes about requests / rate.
 * Returns 0, -EINVAL (options that are out of range or do not go together), -ENOTSUP, -EAGAIN (processes), -ENOMEM,
 * or -ETIME (a minute has passed without an answer, or an hour).
 */
int nic_live_run(const struct nic_live_options *options, struct nic_live_result *ret,
	struct hb_error *reterr);

/* nic_live_finish - free what a result holds. */
void nic_live_finish(struct nic_live_result *result);

#endif
