/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The oracle keeps plain lists of everything and recounts after each event. It believes nothing that the scheduler
 * says of itself, but compares it.
 *
 * Invariants, as the design numbers them: 3 a request runs under its own process only; 4 in = done + queued + running
 * + blocked + dropped, each request once; 5 no core waits while a queue that may have one more has none on its way; 6
 * cores of a process <= its threads, counted from the command; 7 stale epochs and generations are refused.
 */
#include "sched_oracle.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/rng.h>

#include <nicos/sched.h>

#define CORES 8
#define SERVICES 16
#define REQUESTS 64
#define DEPTH 4

enum where { OUTSIDE, IN_QUEUE, ON_CORE, AT_PEER };

struct request {
	enum where where;
	uint32_t service, core, generation;
	uint64_t order; /* in its queue */
};

/* A core as the host sees it. */
struct core {
	uint32_t service; /* whose address space is loaded; NIC_NONE */
	uint32_t target, epoch;
	bool is_switching, is_stopping, is_killed;
	uint32_t held[DEPTH], count;
};

struct world {
	const struct oracle_setting *setting;
	struct nic_sched *sched;
	struct hb_rng rng;
	struct request requests[REQUESTS];
	struct core cores[CORES];
	bool alive[SERVICES];
	uint64_t in, done, dropped, order, event;
	uint64_t front; /* replies go to the front: orders count down */
	char fault[256];
};

static void fault(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fault(struct world *w, const char *format, ...)
{
	va_list list;
	int length;

	if (w->fault[0])
		return;
	length = snprintf(w->fault, sizeof(w->fault), "event %llu: ", (unsigned long long)w->event);
	va_start(list, format);
	(void)vsnprintf(w->fault + length, sizeof(w->fault) - (size_t)length, format, list);
	va_end(list);
}

static uint32_t below(struct world *w, uint32_t bound)
{
	return (uint32_t)hb_rng_below(&w->rng, bound);
}

static uint32_t first_in_queue(const struct world *w, uint32_t s)
{
	uint32_t first = NIC_NONE;

	for (uint32_t r = 0; r < w->setting->requests; r++) {
		if (w->requests[r].where == IN_QUEUE && w->requests[r].service == s &&
			(first == NIC_NONE || w->requests[r].order < w->requests[first].order))
			first = r;
	}
	return first;
}

static uint32_t queued(const struct world *w, uint32_t s)
{
	uint32_t count = 0;

	for (uint32_t r = 0; r < w->setting->requests; r++)
		count += w->requests[r].where == IN_QUEUE && w->requests[r].service == s;
	return count;
}

/* Cores that belong to @s, until another switch is over, or that are told to. */
static uint32_t cores_of(const struct world *w, uint32_t s, uint32_t *ret_coming)
{
	uint32_t count = 0;

	*ret_coming = 0;
	for (uint32_t c = 0; c < w->setting->cores; c++) {
		bool coming = w->cores[c].is_switching && w->cores[c].target == s;

		count += w->cores[c].service == s || coming;
		*ret_coming += coming;
	}
	return count;
}

static void on_deliver(struct world *w, const struct nic_action *a)
{
	struct core *core = &w->cores[a->core];
	struct request *request;

	if (a->request >= w->setting->requests) {
		fault(w, "4: core %u was given a request that does not exist", a->core);
		return;
	}
	request = &w->requests[a->request];
	if (request->where != IN_QUEUE || first_in_queue(w, request->service) != a->request)
		fault(w, "4: request %u was delivered, but is not the first of its queue",
			a->request);
	if (core->is_switching || core->service != request->service)
		fault(w,
			"3: request %u of service %u was delivered to core %u, which belongs to %d",
			a->request, request->service, a->core, (int)core->service);
	if (core->count >= w->setting->depth) {
		fault(w, "core %u was given more than it may hold", a->core);
		return;
	}
	request->where = ON_CORE;
	request->core = a->core;
	core->held[core->count++] = a->request;
}

static void on_switch(struct world *w, const struct nic_action *a)
{
	struct core *core = &w->cores[a->core];

	if (core->is_switching)
		fault(w, "core %u was told to switch while it switches", a->core);
	if (core->count)
		fault(w, "2: core %u was told to switch while it runs a request", a->core);
	if (a->service != NIC_NONE && core->service == a->service)
		fault(w, "core %u was told to switch to its own service", a->core);
	core->is_switching = true;
	core->target = a->service;
	core->epoch = a->epoch;
}

static void on_drop(struct world *w, const struct nic_action *a)
{
	uint32_t r = a->request;

	for (uint32_t i = 0; i < a->count; i++, r = nic_sched_dropped_next(w->sched, r)) {
		if (r >= w->setting->requests || w->requests[r].where == OUTSIDE) {
			fault(w, "4: a request was dropped that is not there");
			return;
		}
		w->requests[r].where = OUTSIDE;
		w->dropped++;
	}
}

static void obey(struct world *w, const struct nic_action *a)
{
	switch (a->kind) {
	case NIC_DELIVER:
		on_deliver(w, a);
		break;
	case NIC_SWITCH:
		on_switch(w, a);
		break;
	case NIC_PREEMPT:
		w->cores[a->core].is_stopping = true;
		break;
	case NIC_DROP:
		on_drop(w, a);
		break;
	case NIC_KILL:
		w->cores[a->core].is_killed = true;
		break;
	}
}

static int step(struct world *w, const struct nic_event *event)
{
	const struct nic_action *actions;
	int count = nic_sched_step(w->sched, event, &actions);

	for (int i = 0; i < count && !w->fault[0]; i++)
		obey(w, &actions[i]);
	return count;
}

/* ---- what must hold ---- */

static void check_service(struct world *w, uint32_t s, bool some_core_waits)
{
	uint32_t threads = w->setting->threads ? w->setting->threads : w->setting->cores;
	uint32_t coming, cores = cores_of(w, s, &coming), waiting = queued(w, s);

	if (cores > threads)
		fault(w, "6: service %u has %u cores, %u are allowed", s, cores, threads);
	if (!w->setting->blind && nic_sched_queued(w->sched, s) != waiting)
		fault(w, "4: service %u has %u requests in its queue, the scheduler counts %u", s,
			waiting, nic_sched_queued(w->sched, s));
	if (!w->setting->blind && nic_sched_cores(w->sched, s) != cores)
		fault(w, "6: service %u has %u cores, the scheduler counts %u", s, cores,
			nic_sched_cores(w->sched, s));
	if (some_core_waits && w->alive[s] && waiting > coming && cores < threads)
		fault(w, "5: a core waits, and service %u has %u requests, %u cores on their way",
			s, waiting, coming);
}

static void check(struct world *w)
{
	uint64_t number[4] = {0};
	struct nic_sched_counts counts;
	bool some_core_waits = false;

	for (uint32_t r = 0; r < w->setting->requests; r++)
		number[w->requests[r].where]++;
	nic_sched_counts(w->sched, &counts);
	if (w->in != w->done + w->dropped + number[IN_QUEUE] + number[ON_CORE] + number[AT_PEER])
		fault(w, "4: requests are not conserved");
	if (w->setting->blind)
		counts = (struct nic_sched_counts){w->in, w->done, w->dropped, number[IN_QUEUE],
			number[ON_CORE], number[AT_PEER], 0, 0};
	if (counts.arrived != w->in || counts.done != w->done || counts.dropped != w->dropped ||
		counts.queued != number[IN_QUEUE] || counts.running != number[ON_CORE] ||
		counts.blocked != number[AT_PEER])
		fault(w, "4: the scheduler's counts are wrong");
	for (uint32_t c = 0; c < w->setting->cores; c++) {
		const struct core *core = &w->cores[c];
		bool waits = !core->is_switching && !core->count && !core->is_killed;

		some_core_waits |= waits;
		if (waits && core->service != NIC_NONE && w->alive[core->service] &&
			queued(w, core->service))
			fault(w, "5: core %u waits, and its own service has requests", c);
	}
	for (uint32_t s = 0; s < w->setting->services; s++)
		check_service(w, s, some_core_waits);
}

/* ---- random events ---- */

static void arrive(struct world *w)
{
	uint32_t r = below(w, w->setting->requests), s;

	/* Half of them for two services, so that queues grow. */
	s = below(w, 2) ? below(w, w->setting->services) : below(w, 2) % w->setting->services;
	if (w->requests[r].where != OUTSIDE)
		return;
	w->requests[r] = (struct request){.where = IN_QUEUE, .service = s, .order = w->order++};
	w->in++;
	if (step(w, &(struct nic_event){.kind = NIC_ARRIVED, .service = s, .request = r}) < 0)
		fault(w, "an arrival was refused");
	w->requests[r].generation = nic_sched_generation(w->sched, r);
}

static void core_forgets(struct core *core, uint32_t at)
{
	core->count--;
	memmove(&core->held[at], &core->held[at + 1], (core->count - at) * sizeof(core->held[0]));
	core->is_stopping = false;
}

/* A running core does something: ends, blocks, or is stopped. */
static void run(struct world *w, uint32_t c)
{
	struct core *core = &w->cores[c];
	uint32_t at = below(w, core->count), r = core->held[at], choice = below(w, 8);
	struct nic_event event = {
		.kind = NIC_DONE, .core = c, .request = r, .ran_ns = below(w, 30000)};

	if (core->is_stopping && choice < 5) {
		event.kind = NIC_PREEMPTED;
		w->requests[r].where = IN_QUEUE;
		w->requests[r].order = w->order++;
	} else if (choice == 5) {
		event.kind = NIC_BLOCKED;
		w->requests[r].where = AT_PEER;
	} else if (choice >= 6 && w->setting->preempts && !core->is_stopping && core->count == 1) {
		event.kind = NIC_QUANTUM_OVER;
		if (step(w, &event) < 0)
			fault(w, "the end of a quantum was refused");
		return;
	} else {
		w->requests[r].where = OUTSIDE;
		w->done++;
	}
	core_forgets(core, at);
	if (step(w, &event) < 0)
		fault(w, "news of core %u was refused", c);
}

static void finish_switch(struct world *w, uint32_t c)
{
	struct core *core = &w->cores[c];
	struct nic_event event = {.kind = NIC_SWITCHED, .core = c, .epoch = core->epoch - 1};

	if (below(w, 8) == 0 && step(w, &event) != -ESTALE)
		fault(w, "7: a stale epoch was accepted");
	event.epoch = core->epoch;
	core->is_switching = false;
	core->service = core->target;
	if (step(w, &event) < 0)
		fault(w, "the end of a switch was refused");
}

static void finish_kill(struct world *w, uint32_t c)
{
	struct core *core = &w->cores[c];

	core->is_killed = core->is_stopping = false;
	core->count = 0;
	core->service = NIC_NONE;
	if (step(w, &(struct nic_event){.kind = NIC_KILLED, .core = c}) < 0)
		fault(w, "the end of a core's process was refused");
}

static void core_acts(struct world *w)
{
	uint32_t c = below(w, w->setting->cores);

	if (w->cores[c].is_switching)
		finish_switch(w, c);
	else if (w->cores[c].is_killed)
		finish_kill(w, c);
	else if (w->cores[c].count)
		run(w, c);
}

static void reply(struct world *w)
{
	uint32_t r = below(w, w->setting->requests);
	struct nic_event event = {.kind = NIC_REPLIED, .request = r};
	bool is_right = w->requests[r].where == AT_PEER;

	event.generation = w->requests[r].generation - 1;
	if (below(w, 4) == 0 && step(w, &event) != -ESTALE)
		fault(w, "7: a stale generation was accepted");
	if (!is_right)
		return;
	event.generation = w->requests[r].generation;
	w->requests[r].where = IN_QUEUE;
	w->requests[r].order = w->front--;
	if (step(w, &event) < 0)
		fault(w, "a reply was refused");
}

/* A service exits, or comes back if it has nothing left. */
static void exit_or_return(struct world *w)
{
	uint32_t s = below(w, w->setting->services);

	if (w->alive[s]) {
		w->alive[s] = false;
		if (step(w, &(struct nic_event){.kind = NIC_EXITED, .service = s}) < 0)
			fault(w, "an exit was refused");
	} else if (nic_sched_register(w->sched, s, w->setting->threads, 1 + below(w, 3), NULL) ==
		   0) {
		w->alive[s] = true;
	}
}

static void one_event(struct world *w)
{
	uint32_t choice = below(w, 100);

	if (choice < 30)
		arrive(w);
	else if (choice < 95)
		core_acts(w);
	else if (choice < 99 || !w->setting->exits)
		reply(w);
	else
		exit_or_return(w);
}

const char *oracle_run(const struct oracle_setting *setting, uint64_t seed, uint64_t events)
{
	static struct world w;
	const struct nic_sched_options options = {.cores = setting->cores,
		.services = setting->services,
		.requests = setting->requests,
		.depth = setting->depth,
		.turn_ns = setting->turn_ns,
		.queue = setting->queue};

	w = (struct world){
		.setting = setting, .order = UINT64_C(1) << 40, .front = UINT64_C(1) << 40};
	hb_rng_init(&w.rng, seed, 0);
	if (nic_sched_create(&options, &w.sched, NULL))
		return "no scheduler";
	for (uint32_t s = 0; s < setting->services; s++) {
		w.alive[s] = true;
		if (setting->threads)
			(void)nic_sched_register(w.sched, s, setting->threads, 1, NULL);
	}
	for (uint32_t c = 0; c < setting->cores; c++)
		w.cores[c].service = NIC_NONE;
	for (; w.event < events && !w.fault[0]; w.event++) {
		one_event(&w);
		check(&w);
	}
	nic_sched_destroy(w.sched);
	return w.fault[0] ? w.fault : NULL;
}
