/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rss: every service is pinned to a core, which polls its queues and runs all handlers in one address space; with
 * fewer services than cores a service has several, and each request is hashed to one of them. Nothing is balanced.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>

#include <hotbed/error.h>

static void run_over(struct hb_sim *sim, void *object, uint64_t argument);

static void core_begin(struct des *des, uint32_t c)
{
	struct des_queue *queues = des->state;
	struct des_core *core = &des->cores[c];
	int64_t hot_ns;

	core->request = des_queue_take(des, &queues[c]);
	if (core->request == DES_NONE) {
		des_core_rest(des, c, NIC_CPU_SPIN);
		return;
	}
	hot_ns = des_cost(des, NIC_COST_HOT);
	core->slice_ns = des->requests[core->request].left_ns;
	des_core_work(des, c, 0, hot_ns, core->slice_ns);
	des_after(des, hot_ns + core->slice_ns, run_over, c);
}

static void run_over(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	uint32_t request = des->cores[argument].request;

	(void)sim;
	des_request_ended(des, request);
	des_slot_free(des, request);
	core_begin(des, (uint32_t)argument);
}

static void arrive(struct des *des, uint32_t request)
{
	struct des_queue *queues = des->state;
	uint32_t cores = des->options->cores, services = des->options->services;
	uint32_t c = des->requests[request].service % cores;

	if (services < cores) {
		/* The cores c, c + services, c + 2 services ... are its own. */
		uint32_t own = (cores - c + services - 1) / services;

		c += services * (uint32_t)hb_rng_below(&des->choices, own);
	}
	des_queue_append(des, &queues[c], request);
	if (des->cores[c].request == DES_NONE)
		core_begin(des, c);
}

static int begin(struct des *des, struct hb_error *reterr)
{
	struct des_queue *queues = calloc(des->options->cores, sizeof(*queues));

	if (!queues)
		return hb_error_set(reterr, -ENOMEM, "no memory for the queues; free some");
	des->state = queues;
	for (uint32_t c = 0; c < des->options->cores; c++) {
		des_queue_init(&queues[c]);
		des->cores[c].rest = NIC_CPU_SPIN;
	}
	return 0;
}

static void end(struct des *des)
{
	free(des->state);
}

const struct des_policy des_pinned = {.begin = begin, .arrive = arrive, .end = end};
