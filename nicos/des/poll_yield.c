/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * poll-yield: one polling process per service; those of a core take turns by sched_yield. A poller serves what it
 * finds, at most BURST requests, and yields to the next. With fewer services than cores a service has a poller on
 * each of its cores, which has nobody to yield to.
 *
 * Rounds over empty queues are not simulated step by step: a core that looks for work is at a place that follows from
 * where and when it began. The yields of one search share one draw of their cost.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>

#include <hotbed/error.h>

enum {
	BURST = 32, /* as DPDK's receive bursts */
};

struct poller_core {
	uint32_t pollers;  /* on this core */
	uint32_t place;    /* the poller that runs, or that ran when the search began */
	uint32_t waiting;  /* requests in the queues of the core */
	uint32_t served;   /* in this turn */
	int64_t search_ns; /* when the search began; -1 = a poller is serving */
	int64_t yield_ns;  /* per step of the search */
	int64_t found_ns;  /* when it will find the target, or INT64_MAX */
	uint32_t target;
	struct hb_event_id event;
};

struct pollers {
	struct poller_core *cores; /* shape [cores] */
	struct des_queue
		*queues; /* shape [max(cores, services)]: queue i belongs to core i mod cores */
};

static void found(struct hb_sim *sim, void *object, uint64_t argument);
static void run_over(struct hb_sim *sim, void *object, uint64_t argument);

static struct des_queue *queue_of(struct des *des, uint32_t c, uint32_t place)
{
	struct pollers *pollers = des->state;

	return &pollers->queues[c + (size_t)place * des->options->cores];
}

/* The search meets poller @place for the first time at or after now. */
static int64_t meets_ns(struct des *des, const struct poller_core *core, uint32_t place)
{
	int64_t now_ns = hb_sim_now_ns(des->sim), round_ns = core->yield_ns * core->pollers;
	uint32_t steps = (place + core->pollers - core->place - 1) % core->pollers + 1;
	int64_t at_ns = core->search_ns + steps * core->yield_ns;

	if (at_ns >= now_ns)
		return at_ns;
	if (round_ns == 0)
		return now_ns;
	return at_ns + (now_ns - at_ns + round_ns - 1) / round_ns * round_ns;
}

/* A request waits at @place: the search may end there. */
static void aim(struct des *des, uint32_t c, uint32_t place)
{
	struct pollers *pollers = des->state;
	struct poller_core *core = &pollers->cores[c];
	int64_t at_ns = meets_ns(des, core, place);

	if (at_ns >= core->found_ns)
		return;
	if (core->found_ns != INT64_MAX)
		(void)hb_sim_cancel(des->sim, core->event);
	core->found_ns = at_ns;
	core->target = place;
	(void)hb_sim_at(des->sim, at_ns, found, des, c, &core->event);
}

static void search(struct des *des, uint32_t c)
{
	struct pollers *pollers = des->state;
	struct poller_core *core = &pollers->cores[c];

	core->search_ns = hb_sim_now_ns(des->sim);
	core->yield_ns = core->pollers > 1 ? des_cost(des, NIC_COST_YIELD) : 0;
	core->found_ns = INT64_MAX;
	des_core_rest(des, c, NIC_CPU_SPIN);
	if (!core->waiting)
		return;
	for (uint32_t step = 1; step <= core->pollers; step++) {
		uint32_t place = (core->place + step) % core->pollers;

		if (queue_of(des, c, place)->head != DES_NONE) {
			aim(des, c, place);
			return;
		}
	}
}

/* The poller takes its next request, or yields. */
static void serve(struct des *des, uint32_t c)
{
	struct pollers *pollers = des->state;
	struct poller_core *core = &pollers->cores[c];
	uint32_t request = DES_NONE;
	int64_t hot_ns;

	if (core->served < BURST)
		request = des_queue_take(des, queue_of(des, c, core->place));
	if (request == DES_NONE) {
		search(des, c);
		return;
	}
	core->served++;
	core->waiting--;
	hot_ns = des_cost(des, NIC_COST_HOT);
	des->cores[c].request = request;
	des_core_work(des, c, 0, hot_ns, des->requests[request].left_ns);
	des_after(des, hot_ns + des->requests[request].left_ns, run_over, c);
}

static void found(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	struct pollers *pollers = des->state;
	struct poller_core *core = &pollers->cores[argument];

	(void)sim;
	des->switches += core->pollers > 1;
	core->place = core->target;
	core->search_ns = -1;
	core->served = 0;
	serve(des, (uint32_t)argument);
}

static void run_over(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	uint32_t request = des->cores[argument].request;

	(void)sim;
	des_request_ended(des, request);
	des_slot_free(des, request);
	serve(des, (uint32_t)argument);
}

static void arrive(struct des *des, uint32_t request)
{
	struct pollers *pollers = des->state;
	uint32_t cores = des->options->cores, services = des->options->services;
	uint32_t service = des->requests[request].service;
	uint32_t c = service % cores, place = service / cores;

	if (services < cores)
		c += services *
		     (uint32_t)hb_rng_below(&des->choices, (cores - c + services - 1) / services);
	des_queue_append(des, queue_of(des, c, place), request);
	pollers->cores[c].waiting++;
	if (pollers->cores[c].search_ns >= 0)
		aim(des, c, place);
}

static int begin(struct des *des, struct hb_error *reterr)
{
	uint32_t cores = des->options->cores, services = des->options->services;
	uint32_t queues = services > cores ? services : cores;
	struct pollers *pollers = calloc(1, sizeof(*pollers));

	if (!pollers)
		return hb_error_set(reterr, -ENOMEM, "no memory for the pollers; free some");
	des->state = pollers;
	pollers->cores = calloc(cores, sizeof(*pollers->cores));
	pollers->queues = malloc(queues * sizeof(*pollers->queues));
	if (!pollers->cores || !pollers->queues)
		return hb_error_set(reterr, -ENOMEM, "no memory for the pollers; free some");
	for (uint32_t q = 0; q < queues; q++)
		des_queue_init(&pollers->queues[q]);
	for (uint32_t c = 0; c < cores; c++) {
		pollers->cores[c].pollers = (queues - c + cores - 1) / cores;
		search(des, c);
	}
	return 0;
}

static void end(struct des *des)
{
	struct pollers *pollers = des->state;

	if (!pollers)
		return;
	free(pollers->cores);
	free(pollers->queues);
	free(pollers);
}

const struct des_policy des_poll_yield = {.begin = begin, .arrive = arrive, .end = end};
