/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The scheduler. What an arrival touches of a service lies in 16 bytes (struct service), so that 100,000 services fit
 * into a second-level cache of 2 MiB; what only a change of cores touches lies apart (struct account).
 *
 * Invariants between steps, for every service s with `wanted(s) = queued > incoming && cores < threads && alive`:
 * - a service that wants a core stands in the ring; services in the ring that do not are skipped when met;
 * - a core waits only if no service wants one, and a service whose core waits has an empty queue;
 * - cores(s) = cores that belong to s, or belonged until a switch that is not acknowledged, or switch to it;
 *   incoming(s) of them are on their way.
 */
#include <nicos/sched.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include "planted_error.h"

#define NO_CORE 8191u /* fits the 13 bits of wait_head */
#define NOT_IN_RING 0xfffffffeu
#define ACTIONS_MORE 16 /* beyond one per core: a step's deliveries and what follows from them */

_Static_assert(NIC_CORES_MAX < NO_CORE, "a core's number fits wait_head");
_Static_assert(NIC_QUEUE_MAX + NIC_BLOCKED_MAX + NIC_CORES_MAX < 1 << 18, "a length fits queued");

enum request_state {
	FREE,
	QUEUED,    /* link: the next in the queue */
	DELIVERED, /* link: the core */
	WAITING,   /* for a reply; link: the service */
};

struct request {
	uint32_t link;
	uint32_t state : 3;
	uint32_t generation : 29;
};

/* The hot record. */
struct service {
	uint32_t head, tail; /* queue; NIC_NONE if empty */
	uint32_t ring_next;  /* NOT_IN_RING, or the next in the ring, or NIC_NONE */
	uint32_t queued : 18;
	uint32_t at_limit : 1;
	uint32_t wait_head : 13; /* the core that began to wait last, or NO_CORE */
};

_Static_assert(sizeof(struct service) == 16, "the hot record");

struct account {
	int32_t credit_ns;
	uint32_t blocked;
	uint16_t cores, incoming, threads;
	uint16_t weight : 15;
	uint16_t alive : 1;
};

_Static_assert(sizeof(struct account) == 16, "one line holds four accounts");

enum core_state {
	IDLE,      /* belongs to nobody; in the list of waiting cores */
	WAIT,      /* belongs to a service and has no request; in the list, too */
	RUN,       /* has requests */
	SWITCHING, /* the command is not acknowledged yet */
	STOPPING,  /* was asked to stop its request */
	KILLING,   /* its service is gone */
};

struct core {
	uint32_t service; /* whom it belongs to, until a switch is acknowledged; or NIC_NONE */
	uint32_t target;  /* SWITCHING: whom it will belong to; or NIC_NONE */
	uint32_t epoch;
	uint16_t earlier, later;     /* neighbours in the list of waiting cores */
	uint16_t mate_up, mate_down; /* neighbours among the waiting cores of the service */
	uint8_t state, held;
};

struct nic_sched {
	struct service *services;   /* shape [service_count] */
	struct account *accounts;   /* shape [service_count] */
	struct request *requests;   /* shape [request_count] */
	struct core *cores;         /* shape [core_count] */
	uint32_t *held;             /* shape [core_count][depth]: what each core was given */
	struct nic_action *actions; /* shape [core_count + ACTIONS_MORE] */
	uint32_t action_count;
	uint32_t core_count, service_count, request_count;
	uint32_t queue_max, depth, turn_ns;
	uint32_t ring_head, ring_tail;
	uint16_t wait_first,
		wait_last; /* list of waiting cores, the longest first; those of nobody before all */
	struct nic_sched_counts counts;
};

/* ---- life ---- */

static int check(const struct nic_sched_options *o, struct hb_error *reterr)
{
	if (o->cores < 1 || o->cores > NIC_CORES_MAX)
		return hb_error_set(reterr, -EINVAL, "scheduler: %u cores; use 1 to %u", o->cores,
			NIC_CORES_MAX);
	if (o->services < 1 || o->services > NIC_SERVICES_MAX)
		return hb_error_set(reterr, -EINVAL, "scheduler: %u services; use 1 to %u",
			o->services, NIC_SERVICES_MAX);
	if (o->requests < 1 || o->requests > NIC_REQUESTS_MAX)
		return hb_error_set(reterr, -EINVAL, "scheduler: %u requests; use 1 to %u",
			o->requests, NIC_REQUESTS_MAX);
	if (o->queue > NIC_QUEUE_MAX)
		return hb_error_set(reterr, -EINVAL, "scheduler: queues of %u; use 1 to %u",
			o->queue, NIC_QUEUE_MAX);
	if (o->depth > NIC_DEPTH_MAX)
		return hb_error_set(reterr, -EINVAL, "scheduler: depth %u; use 1 to %u", o->depth,
			NIC_DEPTH_MAX);
	return 0;
}

static void wait_list_append(struct nic_sched *sched, uint32_t c);

static void clear(struct nic_sched *sched)
{
	sched->ring_head = sched->ring_tail = NIC_NONE;
	sched->wait_first = sched->wait_last = NO_CORE;
	for (uint32_t s = 0; s < sched->service_count; s++) {
		sched->services[s] = (struct service){
			.head = NIC_NONE,
			.tail = NIC_NONE,
			.ring_next = NOT_IN_RING,
			.wait_head = NO_CORE,
		};
		sched->accounts[s] = (struct account){
			.threads = (uint16_t)sched->core_count, .weight = 1, .alive = 1};
	}
	for (uint32_t c = 0; c < sched->core_count; c++) {
		sched->cores[c] = (struct core){.service = NIC_NONE,
			.target = NIC_NONE,
			.mate_up = NO_CORE,
			.mate_down = NO_CORE,
			.state = IDLE};
		wait_list_append(sched, c);
	}
}

int nic_sched_create(
	const struct nic_sched_options *options, struct nic_sched **ret, struct hb_error *reterr)
{
	struct nic_sched *sched;
	int err = check(options, reterr);

	if (err)
		return err;
	sched = calloc(1, sizeof(*sched));
	if (!sched)
		return hb_error_set(reterr, -ENOMEM, "scheduler: no memory; free some");
	sched->core_count = options->cores;
	sched->service_count = options->services;
	sched->request_count = options->requests;
	sched->queue_max = options->queue ? options->queue : NIC_QUEUE_MAX;
	sched->depth = options->depth ? options->depth : 1;
	sched->turn_ns = options->turn_ns;
	sched->services = aligned_alloc(64, ((size_t)options->services * 16 + 63) / 64 * 64);
	sched->accounts = aligned_alloc(64, ((size_t)options->services * 16 + 63) / 64 * 64);
	sched->requests = calloc(options->requests, sizeof(*sched->requests));
	sched->cores = calloc(options->cores, sizeof(*sched->cores));
	sched->held = calloc((size_t)options->cores * sched->depth, sizeof(*sched->held));
	sched->actions = calloc(options->cores + ACTIONS_MORE, sizeof(*sched->actions));
	if (!sched->services || !sched->accounts || !sched->requests || !sched->cores ||
		!sched->held || !sched->actions) {
		nic_sched_destroy(sched);
		return hb_error_set(reterr, -ENOMEM,
			"scheduler: no memory for %u services and %u requests; use fewer",
			options->services, options->requests);
	}
	clear(sched);
	*ret = sched;
	return 0;
}

void nic_sched_destroy(struct nic_sched *sched)
{
	if (!sched)
		return;
	free(sched->services);
	free(sched->accounts);
	free(sched->requests);
	free(sched->cores);
	free(sched->held);
	free(sched->actions);
	free(sched);
}

size_t nic_sched_memory_bytes(const struct nic_sched *sched)
{
	return sizeof(*sched) +
	       sched->service_count * (sizeof(struct service) + sizeof(struct account)) +
	       sched->request_count * sizeof(struct request) +
	       sched->core_count * (sizeof(struct core) + sched->depth * sizeof(uint32_t)) +
	       (sched->core_count + ACTIONS_MORE) * sizeof(struct nic_action);
}

static void limit_update(struct nic_sched *sched, uint32_t s)
{
	sched->services[s].at_limit = sched->accounts[s].cores >= sched->accounts[s].threads;
}

int nic_sched_register(struct nic_sched *sched, uint32_t service, uint32_t threads, uint32_t weight,
	struct hb_error *reterr)
{
	struct account *account;

	if (service >= sched->service_count || threads > sched->core_count || weight < 1 ||
		weight > 1000)
		return hb_error_set(reterr, -EINVAL,
			"service %u with %u threads and weight %u: there are %u services and %u "
			"cores, weights go from 1 to 1000",
			service, threads, weight, sched->service_count, sched->core_count);
	account = &sched->accounts[service];
	if (sched->services[service].queued || account->cores || account->blocked)
		return hb_error_set(reterr, -EBUSY,
			"service %u has requests or cores; register it before, or after it has "
			"exited",
			service);
	account->threads = (uint16_t)(threads ? threads : sched->core_count);
	account->weight = (uint16_t)(weight & 0x7fff);
	account->credit_ns = 0;
	account->alive = 1;
	limit_update(sched, service);
	return 0;
}

/* ---- lists ---- */

static void wait_list_append(struct nic_sched *sched, uint32_t c)
{
	struct core *core = &sched->cores[c];

	core->later = NO_CORE;
	core->earlier = sched->wait_last;
	if (sched->wait_last == NO_CORE)
		sched->wait_first = (uint16_t)c;
	else
		sched->cores[sched->wait_last].later = (uint16_t)c;
	sched->wait_last = (uint16_t)c;
}

static void wait_list_prepend(struct nic_sched *sched, uint32_t c)
{
	struct core *core = &sched->cores[c];

	core->earlier = NO_CORE;
	core->later = sched->wait_first;
	if (sched->wait_first == NO_CORE)
		sched->wait_last = (uint16_t)c;
	else
		sched->cores[sched->wait_first].earlier = (uint16_t)c;
	sched->wait_first = (uint16_t)c;
}

/* The core waits no longer: out of the list, and out of its service's. */
static void wait_end(struct nic_sched *sched, uint32_t c)
{
	struct core *core = &sched->cores[c];

	if (core->earlier == NO_CORE)
		sched->wait_first = core->later;
	else
		sched->cores[core->earlier].later = core->later;
	if (core->later == NO_CORE)
		sched->wait_last = core->earlier;
	else
		sched->cores[core->later].earlier = core->earlier;
	if (core->service == NIC_NONE)
		return;
	if (core->mate_up == NO_CORE)
		sched->services[core->service].wait_head = core->mate_down & NO_CORE;
	else
		sched->cores[core->mate_up].mate_down = core->mate_down;
	if (core->mate_down != NO_CORE)
		sched->cores[core->mate_down].mate_up = core->mate_up;
}

static void wait_begin(struct nic_sched *sched, uint32_t c)
{
	struct core *core = &sched->cores[c];
	struct service *service;

	if (core->service == NIC_NONE) {
		core->state = IDLE;
		wait_list_prepend(sched, c);
		return;
	}
	core->state = WAIT;
	wait_list_append(sched, c);
	service = &sched->services[core->service];
	core->mate_up = NO_CORE;
	core->mate_down = (uint16_t)service->wait_head;
	if (core->mate_down != NO_CORE)
		sched->cores[core->mate_down].mate_up = (uint16_t)c;
	service->wait_head = c & NO_CORE;
}

static void queue_append(struct nic_sched *sched, uint32_t s, uint32_t r)
{
	struct service *service = &sched->services[s];

	sched->requests[r].link = NIC_NONE;
	sched->requests[r].state = QUEUED;
	if (service->tail == NIC_NONE)
		service->head = r;
	else
		sched->requests[service->tail].link = r;
	service->tail = r;
	service->queued++;
	sched->counts.queued++;
}

static void queue_prepend(struct nic_sched *sched, uint32_t s, uint32_t r)
{
	struct service *service = &sched->services[s];

	sched->requests[r].link = service->head;
	sched->requests[r].state = QUEUED;
	if (service->tail == NIC_NONE)
		service->tail = r;
	service->head = r;
	service->queued++;
	sched->counts.queued++;
}

static uint32_t queue_take(struct nic_sched *sched, uint32_t s)
{
	struct service *service = &sched->services[s];
	uint32_t r = service->head;

	hb_assert(r != NIC_NONE);
	service->head = sched->requests[r].link;
	if (service->head == NIC_NONE)
		service->tail = NIC_NONE;
	service->queued--;
	sched->counts.queued--;
	return r;
}

static bool wants_core(const struct nic_sched *sched, uint32_t s)
{
	const struct service *service = &sched->services[s];

	return !service->at_limit && service->queued > sched->accounts[s].incoming &&
	       sched->accounts[s].alive;
}

static void ring_enter(struct nic_sched *sched, uint32_t s)
{
	if (sched->services[s].ring_next != NOT_IN_RING || !wants_core(sched, s))
		return;
	sched->services[s].ring_next = NIC_NONE;
	if (sched->ring_tail == NIC_NONE)
		sched->ring_head = s;
	else
		sched->services[sched->ring_tail].ring_next = s;
	sched->ring_tail = s;
}

/* Take the first of the ring out. */
static void ring_leave(struct nic_sched *sched)
{
	struct service *first = &sched->services[sched->ring_head];

	sched->ring_head = first->ring_next;
	if (sched->ring_head == NIC_NONE)
		sched->ring_tail = NIC_NONE;
	first->ring_next = NOT_IN_RING;
}

/* The service whose turn is next, left in the ring; NIC_NONE if none wants a core. */
static uint32_t ring_first(struct nic_sched *sched)
{
	while (sched->ring_head != NIC_NONE && !wants_core(sched, sched->ring_head))
		ring_leave(sched);
	return sched->ring_head;
}

/* ---- actions ---- */

static struct nic_action *act(struct nic_sched *sched, enum nic_action_kind kind, uint32_t core)
{
	struct nic_action *action = &sched->actions[sched->action_count++];

	hb_assert(sched->action_count <= sched->core_count + ACTIONS_MORE);
	*action = (struct nic_action){
		.kind = kind, .core = core, .service = NIC_NONE, .request = NIC_NONE};
	return action;
}

static void drop(struct nic_sched *sched, uint32_t s, uint32_t r, uint32_t count)
{
	struct nic_action *action = act(sched, NIC_DROP, NIC_NONE);

	action->service = s;
	action->request = r;
	action->count = count;
	sched->counts.dropped += count;
}

/* A turn begins. What was not used of earlier ones is kept up to one turn per core. */
static void turn_begin(struct nic_sched *sched, uint32_t s)
{
	struct account *account = &sched->accounts[s];
	int64_t turn = (int64_t)sched->turn_ns * account->weight;
	int64_t most = turn * (account->cores > 1 ? account->cores : 1);
	int64_t credit = account->credit_ns + turn;

	if (credit > most)
		credit = most;
	account->credit_ns = credit > INT32_MAX ? INT32_MAX : (int32_t)credit;
}

static void turn_pay(struct nic_sched *sched, uint32_t s, int64_t ran_ns)
{
	struct account *account = &sched->accounts[s];
	int64_t credit = account->credit_ns - ran_ns;

	account->credit_ns = credit < INT32_MIN ? INT32_MIN : (int32_t)credit;
}

/* The first request of the core's service goes to the core. */
static void deliver(struct nic_sched *sched, uint32_t c)
{
	struct core *core = &sched->cores[c];
	uint32_t s = core->state == SWITCHING ? core->target : core->service;
	uint32_t r = queue_take(sched, s);
	struct nic_action *action = act(sched, NIC_DELIVER, c);

	action->service = s;
	action->request = r;
	sched->requests[r].state = DELIVERED;
	sched->requests[r].link = c;
	sched->held[(size_t)c * sched->depth + core->held] = r;
	core->held++;
	sched->counts.running++;
	if (!PLANTED(PLANTED_WRONG_PROCESS) || core->state != SWITCHING)
		core->state = RUN;
}

/* Let a core that does not wait and holds nothing go to @s, or to nobody. */
static void switch_core(struct nic_sched *sched, uint32_t c, uint32_t s)
{
	struct core *core = &sched->cores[c];
	struct nic_action *action = act(sched, NIC_SWITCH, c);

	core->state = SWITCHING;
	core->target = s;
	core->epoch++;
	action->service = s;
	action->epoch = core->epoch;
	sched->counts.switches++;
	if (s == NIC_NONE)
		return;
	sched->accounts[s].incoming++;
	if (!PLANTED(PLANTED_COUNTED_AT_ACK))
		sched->accounts[s].cores++;
	limit_update(sched, s);
	turn_begin(sched, s);
	if (PLANTED(PLANTED_WRONG_PROCESS) && sched->services[s].queued)
		deliver(sched, c);
}

/* The core that has waited longest, or NO_CORE. */
static uint32_t core_to_take(const struct nic_sched *sched)
{
	if (PLANTED(PLANTED_SWITCH_IN_SWITCH) && sched->wait_first == NO_CORE) {
		for (uint32_t c = 0; c < sched->core_count; c++) {
			if (sched->cores[c].state == SWITCHING)
				return c;
		}
	}
	return sched->wait_first;
}

/* Waiting cores go to those who want one. */
static void match(struct nic_sched *sched)
{
	uint32_t c, s;

	while ((c = core_to_take(sched)) != NO_CORE && (s = ring_first(sched)) != NIC_NONE) {
		ring_leave(sched);
		if (sched->cores[c].state != SWITCHING)
			wait_end(sched, c);
		switch_core(sched, c, s);
		ring_enter(sched, s);
	}
}

/* May the service go on with the core that it has? It may while it has credit or nobody wants the core. */
static bool may_go_on(struct nic_sched *sched, uint32_t s)
{
	uint32_t next;

	if (sched->accounts[s].credit_ns > 0 || PLANTED(PLANTED_STARVED_QUEUE))
		return true;
	next = ring_first(sched);
	if (next != NIC_NONE && next != s)
		return false;
	if (next == s) {
		/* Its own turn has come: it stays where it is, and goes to the end. */
		ring_leave(sched);
		turn_begin(sched, s);
		ring_enter(sched, s);
		return true;
	}
	turn_begin(sched, s);
	return true;
}

/* Bounded delivery: fill the core up to its depth. */
static void fill(struct nic_sched *sched, uint32_t c)
{
	struct core *core = &sched->cores[c];

	while (core->held < sched->depth && sched->services[core->service].queued &&
		may_go_on(sched, core->service))
		deliver(sched, c);
}

/* A core that holds nothing: the next request of its service, another service, or waiting. */
static void core_free(struct nic_sched *sched, uint32_t c)
{
	struct core *core = &sched->cores[c];
	uint32_t s = core->service, next;

	if (s != NIC_NONE && sched->accounts[s].alive && sched->services[s].queued &&
		may_go_on(sched, s)) {
		deliver(sched, c);
		fill(sched, c);
		return;
	}
	next = PLANTED(PLANTED_STARVED_QUEUE) ? NIC_NONE : ring_first(sched);
	if (next != NIC_NONE) {
		ring_leave(sched);
		switch_core(sched, c, next);
		ring_enter(sched, next);
		if (s != NIC_NONE)
			ring_enter(sched, s);
	} else if (s != NIC_NONE && !sched->accounts[s].alive) {
		switch_core(sched, c, NIC_NONE);
	} else {
		wait_begin(sched, c);
	}
}

/* Of the cores of @s, one with room beside what it runs, the emptiest; NO_CORE if none has. */
static uint32_t core_with_room(const struct nic_sched *sched, uint32_t s)
{
	uint32_t best = NO_CORE, least = sched->depth;

	for (uint32_t c = 0; c < sched->core_count; c++) {
		const struct core *core = &sched->cores[c];

		if (core->service == s && core->state == RUN && core->held < least) {
			best = c;
			least = core->held;
		}
	}
	return best;
}

/* A request has joined the queue of @s. */
static void queue_grown(struct nic_sched *sched, uint32_t s)
{
	uint32_t c = sched->services[s].wait_head;

	if (c != NO_CORE) {
		wait_end(sched, c);
		(void)may_go_on(sched, s);
		deliver(sched, c);
		return;
	}
	if (sched->services[s].at_limit && sched->depth == 1)
		return;
	if (sched->wait_first == NO_CORE && sched->depth > 1) {
		c = core_with_room(sched, s);
		if (c != NO_CORE && may_go_on(sched, s)) {
			deliver(sched, c);
			return;
		}
	}
	ring_enter(sched, s);
	match(sched);
}

/* ---- events ---- */

static int arrived(struct nic_sched *sched, const struct nic_event *event)
{
	struct request *request;

	if (event->service >= sched->service_count || event->request >= sched->request_count)
		return -EINVAL;
	request = &sched->requests[event->request];
	if (request->state != FREE)
		return -EINVAL;
	request->generation++;
	sched->counts.arrived++;
	if (sched->services[event->service].queued >= sched->queue_max ||
		!sched->accounts[event->service].alive) {
		request->link = NIC_NONE;
		drop(sched, event->service, event->request, 1);
		return 0;
	}
	queue_append(sched, event->service, event->request);
	queue_grown(sched, event->service);
	return 0;
}

/* One core less counts for @s. */
static void core_lost(struct nic_sched *sched, uint32_t s)
{
	sched->accounts[s].cores--;
	limit_update(sched, s);
	ring_enter(sched, s);
}

static int switched(struct nic_sched *sched, const struct nic_event *event)
{
	struct core *core;
	uint32_t before;

	if (event->core >= sched->core_count)
		return -EINVAL;
	core = &sched->cores[event->core];
	if (core->state != SWITCHING)
		return -EINVAL;
	if (event->epoch != core->epoch)
		return -ESTALE;
	before = core->service;
	core->service = core->target;
	core->target = NIC_NONE;
	core->state = RUN;
	if (core->service != NIC_NONE) {
		sched->accounts[core->service].incoming--;
		if (PLANTED(PLANTED_COUNTED_AT_ACK)) {
			sched->accounts[core->service].cores++;
			limit_update(sched, core->service);
		}
	}
	if (before != NIC_NONE)
		core_lost(sched, before);
	if (PLANTED(PLANTED_POP_UNDERFLOW) && core->service != NIC_NONE && !core->held) {
		deliver(sched, event->core);
		return 0;
	}
	/* A turn serves one request at least, however deep the service is in debt. */
	if (core->service != NIC_NONE && sched->accounts[core->service].alive &&
		sched->services[core->service].queued) {
		deliver(sched, event->core);
		fill(sched, event->core);
	} else {
		core_free(sched, event->core);
	}
	match(sched);
	return 0;
}

/* Does @core hold @request? Then take it away. */
static int take_back(struct nic_sched *sched, const struct nic_event *event)
{
	struct core *core;
	uint32_t *held;

	if (event->core >= sched->core_count || event->request >= sched->request_count ||
		event->ran_ns < 0)
		return -EINVAL;
	core = &sched->cores[event->core];
	if (sched->requests[event->request].state != DELIVERED ||
		sched->requests[event->request].link != event->core)
		return -EINVAL;
	held = &sched->held[(size_t)event->core * sched->depth];
	for (uint32_t i = 0; i < core->held; i++) {
		if (held[i] == event->request) {
			held[i] = held[--core->held];
			sched->counts.running--;
			turn_pay(sched, core->service, event->ran_ns);
			return 0;
		}
	}
	return -EINVAL;
}

/* One request of the core has gone, and the core has room again. */
static void core_goes_on(struct nic_sched *sched, uint32_t c)
{
	struct core *core = &sched->cores[c];

	if (core->state == KILLING)
		return;
	core->state = RUN;
	if (core->held)
		fill(sched, c);
	else
		core_free(sched, c);
}

static int done(struct nic_sched *sched, const struct nic_event *event)
{
	int err = take_back(sched, event);

	if (err)
		return err;
	sched->requests[event->request].state = FREE;
	sched->counts.done++;
	core_goes_on(sched, event->core);
	return 0;
}

static int quantum_over(struct nic_sched *sched, const struct nic_event *event)
{
	struct core *core;

	if (event->core >= sched->core_count)
		return -EINVAL;
	core = &sched->cores[event->core];
	if (core->state != RUN || core->held != 1)
		return -EINVAL;
	if (sched->services[core->service].queued || ring_first(sched) != NIC_NONE) {
		core->state = STOPPING;
		act(sched, NIC_PREEMPT, event->core)->request =
			sched->held[(size_t)event->core * sched->depth];
		sched->counts.preemptions++;
	}
	return 0;
}

static int preempted(struct nic_sched *sched, const struct nic_event *event)
{
	uint32_t s;
	int err;

	if (event->core >= sched->core_count || sched->cores[event->core].state != STOPPING)
		return -EINVAL;
	s = sched->cores[event->core].service;
	err = take_back(sched, event);
	if (err)
		return err;
	if (!PLANTED(PLANTED_LOST_IN_PREEMPTION)) {
		queue_append(sched, s, event->request);
		ring_enter(sched, s);
	}
	core_goes_on(sched, event->core);
	match(sched);
	return 0;
}

static int blocked(struct nic_sched *sched, const struct nic_event *event)
{
	uint32_t s;
	int err;

	if (sched->counts.blocked >= NIC_BLOCKED_MAX)
		return -ENOSPC;
	err = take_back(sched, event);
	if (err)
		return err;
	s = sched->cores[event->core].service;
	sched->requests[event->request].state = WAITING;
	sched->requests[event->request].link = s;
	sched->accounts[s].blocked++;
	sched->counts.blocked++;
	core_goes_on(sched, event->core);
	return 0;
}

static int replied(struct nic_sched *sched, const struct nic_event *event)
{
	struct request *request;
	uint32_t s;

	if (event->request >= sched->request_count)
		return -EINVAL;
	request = &sched->requests[event->request];
	if (request->state != WAITING || request->generation != event->generation)
		return -ESTALE;
	s = request->link;
	sched->accounts[s].blocked--;
	sched->counts.blocked--;
	if (!sched->accounts[s].alive) {
		request->state = FREE;
		request->link = NIC_NONE;
		drop(sched, s, event->request, 1);
		return 0;
	}
	/* It has waited before: it goes first, to whichever core of the process. */
	queue_prepend(sched, s, event->request);
	queue_grown(sched, s);
	return 0;
}

static void queue_drop(struct nic_sched *sched, uint32_t s)
{
	struct service *service = &sched->services[s];
	uint32_t count = service->queued;

	if (!count)
		return;
	for (uint32_t r = service->head; r != NIC_NONE; r = sched->requests[r].link)
		sched->requests[r].state = FREE;
	drop(sched, s, service->head, count);
	sched->counts.queued -= count;
	service->queued = 0;
	service->head = service->tail = NIC_NONE;
}

static int exited(struct nic_sched *sched, const struct nic_event *event)
{
	uint32_t s = event->service;

	if (s >= sched->service_count || !sched->accounts[s].alive)
		return -EINVAL;
	sched->accounts[s].alive = 0;
	queue_drop(sched, s);
	for (uint32_t c = 0; c < sched->core_count; c++) {
		struct core *core = &sched->cores[c];

		if (core->service != s)
			continue;
		if (core->state == WAIT) {
			wait_end(sched, c);
			switch_core(sched, c, NIC_NONE);
		} else if (core->state == RUN || core->state == STOPPING) {
			core->state = KILLING;
			act(sched, NIC_KILL, c)->service = s;
		}
	}
	return 0;
}

static int killed(struct nic_sched *sched, const struct nic_event *event)
{
	struct core *core;
	uint32_t s;

	if (event->core >= sched->core_count || sched->cores[event->core].state != KILLING)
		return -EINVAL;
	core = &sched->cores[event->core];
	s = core->service;
	while (core->held) {
		uint32_t r = sched->held[(size_t)event->core * sched->depth + --core->held];

		sched->requests[r].state = FREE;
		sched->requests[r].link = NIC_NONE;
		sched->counts.running--;
		drop(sched, s, r, 1);
	}
	core->service = NIC_NONE;
	core_lost(sched, s);
	core_free(sched, event->core);
	return 0;
}

int nic_sched_step(
	struct nic_sched *sched, const struct nic_event *event, const struct nic_action **ret)
{
	static int (*const handlers[])(struct nic_sched *, const struct nic_event *) = {
		[NIC_ARRIVED] = arrived,
		[NIC_SWITCHED] = switched,
		[NIC_DONE] = done,
		[NIC_QUANTUM_OVER] = quantum_over,
		[NIC_PREEMPTED] = preempted,
		[NIC_BLOCKED] = blocked,
		[NIC_REPLIED] = replied,
		[NIC_EXITED] = exited,
		[NIC_KILLED] = killed,
	};
	int err;

	if ((unsigned int)event->kind >= sizeof(handlers) / sizeof(handlers[0]))
		return -EINVAL;
	sched->action_count = 0;
	err = handlers[event->kind](sched, event);
	if (err)
		return err;
	*ret = sched->actions;
	return (int)sched->action_count;
}

/* ---- what is the case ---- */

uint32_t nic_sched_dropped_next(const struct nic_sched *sched, uint32_t request)
{
	return sched->requests[request].link;
}

uint32_t nic_sched_generation(const struct nic_sched *sched, uint32_t request)
{
	return sched->requests[request].generation;
}

uint32_t nic_sched_queued(const struct nic_sched *sched, uint32_t service)
{
	return sched->services[service].queued;
}

uint32_t nic_sched_cores(const struct nic_sched *sched, uint32_t service)
{
	return sched->accounts[service].cores;
}

void nic_sched_counts(const struct nic_sched *sched, struct nic_sched_counts *ret)
{
	*ret = sched->counts;
}

void nic_sched_prefetch(const struct nic_sched *sched, uint32_t service)
{
	if (service < sched->service_count)
		__builtin_prefetch(&sched->services[service], 1);
}
