/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The scheduler in the card: which request runs on which core, and which process a core belongs to. A pure function:
 * state and event give actions. It reads no clock, allocates nothing after create, and knows of no wire and no
 * simulation, so that one object file serves the simulator and the soft card.
 *
 * A core is given to a service (a process) by NIC_SWITCH, which the host acknowledges by NIC_SWITCHED; requests are
 * then delivered to it until others have a better claim. A service's cores are counted from the command that gives
 * one to the acknowledgement that takes it away, so that the count never falls below what runs. A core that waits is
 * taken from its service at once when another has a request and no core; which one: the one that has waited longest.
 *
 * Fairness across services is surplus round robin: a service whose turn it is gets credit by its weight, pays what
 * its requests ran, and gives its core to the next one when the credit is used up and somebody waits.
 *
 * Not thread-safe: one owner. Sources: Xu and Roscoe, HotOS 2025, and their prototype (queues per process, core map,
 * thread limits); Adiseshu, Parulkar and Varghese, "A Reliable and Scalable Striping Protocol", SIGCOMM 1996 (surplus
 * round robin); Daglis et al., "RPCValet", ASPLOS 2019, and Ibanez et al., "nanoPU", OSDI 2021 (bounded delivery).
 */
#ifndef NICOS_SCHED_H
#define NICOS_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_error;
struct nic_sched;

#define NIC_CORES_MAX 4096
#define NIC_SERVICES_MAX 16777216
#define NIC_REQUESTS_MAX 67108864
#define NIC_DEPTH_MAX 8       /* requests that a core holds at once */
#define NIC_QUEUE_MAX 131071  /* requests that a service's queue holds */
#define NIC_BLOCKED_MAX 65535 /* requests that wait for replies at once */
#define NIC_NONE UINT32_MAX

enum nic_event_kind {
	/* @request for @service has come from the wire. */
	NIC_ARRIVED,
	/* @core belongs to the service of the last NIC_SWITCH now, and waits. */
	NIC_SWITCHED,
	/* @core is done with @request after @ran_ns. */
	NIC_DONE,
	/* @core has run @request for its quantum and goes on running: may it stay? */
	NIC_QUANTUM_OVER,
	/* @core has stopped @request after @ran_ns, as NIC_PREEMPT asked. */
	NIC_PREEMPTED,
	/* @request on @core waits for the reply to a request of its own; the core is free after @ran_ns. */
	NIC_BLOCKED,
	/* The reply that @request of generation @generation waits for is there. */
	NIC_REPLIED,
	/* @service is gone, with everything that it had. */
	NIC_EXITED,
	/* @core has been taken from a service that is gone; what was delivered to it is lost. */
	NIC_KILLED,
};

struct nic_event {
	enum nic_event_kind kind;
	uint32_t core;
	uint32_t service;
	uint32_t request;    /* slot of a request, chosen by the caller: one that is not in use */
	uint32_t generation; /* NIC_REPLIED: that of nic_sched_generation() when it blocked */
	uint32_t epoch;      /* NIC_SWITCHED: that of the command */
	int64_t ran_ns;
};

enum nic_action_kind {
	NIC_DELIVER, /* give @request to @core, which belongs to its service */
	NIC_SWITCH,  /* let @core belong to @service; NIC_NONE: to nobody */
	NIC_PREEMPT, /* stop what @core runs; NIC_PREEMPTED or, if it was faster, NIC_DONE answers */
	NIC_DROP, /* @request and the @count - 1 after it (nic_sched_dropped_next()) will never run */
	NIC_KILL, /* @core runs a service that is gone; NIC_KILLED answers */
};

struct nic_action {
	enum nic_action_kind kind;
	uint32_t core;
	uint32_t service;
	uint32_t request;
	uint32_t count; /* NIC_DROP */
	uint32_t epoch; /* NIC_SWITCH: to be given back by NIC_SWITCHED */
};

struct nic_sched_options {
	uint32_t cores;    /* 1 ... NIC_CORES_MAX */
	uint32_t services; /* 1 ... NIC_SERVICES_MAX */
	uint32_t requests; /* in the system at once: buffers of the card, 1 ... NIC_REQUESTS_MAX */
	uint32_t queue;    /* that wait per service, 1 ... NIC_QUEUE_MAX; 0 = NIC_QUEUE_MAX */
	uint32_t depth;    /* delivered to a core at once, 1 ... NIC_DEPTH_MAX; 0 = 1 */
	uint32_t turn_ns;  /* credit of a turn at weight 1; 0 = one request */
};

/*
 * nic_sched_create - cores that belong to nobody and services with one thread per core and weight 1.
 * @ret: nic_sched_destroy() frees it.
 *
 * Returns 0, -EINVAL (an option out of range) or -ENOMEM.
 */
int nic_sched_create(
	const struct nic_sched_options *options, struct nic_sched **ret, struct hb_error *reterr);

/* nic_sched_destroy - NULL is allowed. */
void nic_sched_destroy(struct nic_sched *sched);

/*
 * nic_sched_register - set what a service may use; before its first request, or after it has exited and its last core
 * was taken away.
 * @threads: cores at the same time, 1 ... cores; 0 = all. @weight: 1 ... 1000.
 *
 * Returns 0, -EINVAL, or -EBUSY (it has requests or cores).
 */
int nic_sched_register(struct nic_sched *sched, uint32_t service, uint32_t threads, uint32_t weight,
	struct hb_error *reterr);

/*
 * nic_sched_step - what to do after @event.
 * @ret: the actions, in order; owned by @sched, valid until the next step.
 *
 * Returns their number, or, with nothing changed: -EINVAL (the event cannot follow what went before: a core or
 * request in another state, a number out of range), -ESTALE (epoch or generation of before), -ENOSPC (NIC_BLOCKED
 * while NIC_BLOCKED_MAX wait: the request keeps its core and tries again). A request that finds its queue full or its
 * service gone is dropped by an action, not refused. Amortised constant time, but for NIC_EXITED and arrivals at a
 * depth above 1 (linear in cores). Never allocates.
 */
int nic_sched_step(
	struct nic_sched *sched, const struct nic_event *event, const struct nic_action **ret);

/*
 * nic_sched_dropped_next - the next request of a NIC_DROP, NIC_NONE after the last.
 * Holds until the slot is used again.
 */
uint32_t nic_sched_dropped_next(const struct nic_sched *sched, uint32_t request);

/* nic_sched_generation - of the request in slot @request: it changes whenever the slot is used anew. */
uint32_t nic_sched_generation(const struct nic_sched *sched, uint32_t request);

/* nic_sched_queued, nic_sched_cores - requests that wait for @service; cores that count against its limit. */
uint32_t nic_sched_queued(const struct nic_sched *sched, uint32_t service);
uint32_t nic_sched_cores(const struct nic_sched *sched, uint32_t service);

/* What ever came in is in one of the others: arrived = done + queued + running + blocked + dropped. */
struct nic_sched_counts {
	uint64_t arrived, done, dropped;
	uint64_t queued, running, blocked; /* now */
	uint64_t switches;                 /* commands */
	uint64_t preemptions;              /* of running requests */
};

void nic_sched_counts(const struct nic_sched *sched, struct nic_sched_counts *ret);

/* nic_sched_memory_bytes - what nic_sched_create() took. */
size_t nic_sched_memory_bytes(const struct nic_sched *sched);

/*
 * nic_sched_prefetch - hint that an event of @service comes soon; the soft card calls it for the packet after the one
 * at hand.
 */
void nic_sched_prefetch(const struct nic_sched *sched, uint32_t service);

#endif
