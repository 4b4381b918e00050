/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One queue for all cores, first come, first served, in three forms.
 *
 * ideal: nothing costs anything. kernel: threads of blocking processes behind a perfect balancer; every request pays
 * the kernel's path, an idle core is woken, another process is switched to. It is a generous kernel: its run queue is
 * one, and its balance is free. dispatcher: the last core only hands requests to the others, which run all services
 * in one address space and so switch nothing (Shinjuku); a preempted request passes the dispatcher again.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>

#include <hotbed/error.h>

struct centre {
	struct des_queue queue;
	uint32_t idle_count;
	uint32_t *idle; /* shape [cores]: the one idle last is taken first */
	int64_t dispatcher_free_ns;
};

static void slice_over(struct hb_sim *sim, void *object, uint64_t argument);

static void core_begin(
	struct des *des, uint32_t c, uint32_t request, bool was_idle, int64_t spent_ns)
{
	struct des_core *core = &des->cores[c];
	int64_t kernel_ns = 0, switch_ns = spent_ns;

	if (des->options->policy == NIC_POLICY_KERNEL) {
		kernel_ns = des_cost(des, NIC_COST_KERNEL);
		if (was_idle)
			kernel_ns += des_cost(des, NIC_COST_WAKE);
		if (core->service != des->requests[request].service) {
			switch_ns += des_cost(des, NIC_COST_KERNEL_SWITCH);
			des->switches++;
		}
	} else if (des->options->policy == NIC_POLICY_DISPATCHER) {
		switch_ns += des_cost(des, NIC_COST_HOT);
	}
	core->service = des->requests[request].service;
	core->request = request;
	core->slice_ns = des_slice(des, request);
	des_core_work(des, c, kernel_ns, switch_ns, core->slice_ns);
	des_after(des, kernel_ns + switch_ns + core->slice_ns, slice_over, c);
}

static void queue_join(struct des *des, uint32_t request)
{
	struct centre *centre = des->state;

	if (centre->idle_count)
		core_begin(des, centre->idle[--centre->idle_count], request, true, 0);
	else
		des_queue_append(des, &centre->queue, request);
}

static void dispatched(struct hb_sim *sim, void *object, uint64_t argument)
{
	(void)sim;
	queue_join(object, (uint32_t)argument);
}

/* To the dispatcher, which takes one after the other, or straight into the queue. */
static void arrive(struct des *des, uint32_t request)
{
	struct centre *centre = des->state;
	int64_t now_ns = hb_sim_now_ns(des->sim);

	if (des->options->policy != NIC_POLICY_DISPATCHER) {
		queue_join(des, request);
		return;
	}
	if (centre->dispatcher_free_ns < now_ns)
		centre->dispatcher_free_ns = now_ns;
	centre->dispatcher_free_ns += des_cost(des, NIC_COST_DISPATCH);
	des_after(des, centre->dispatcher_free_ns - now_ns, dispatched, request);
}

static void slice_over(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	struct centre *centre = des->state;
	uint32_t c = (uint32_t)argument, next;
	struct des_core *core = &des->cores[c];
	uint32_t request = core->request;
	int64_t preempt_ns = 0;

	(void)sim;
	des->requests[request].left_ns -= core->slice_ns;
	if (des->requests[request].left_ns > 0 && centre->queue.head == DES_NONE) {
		core->slice_ns = des_slice(des, request);
		des_core_work(des, c, 0, 0, core->slice_ns);
		des_after(des, core->slice_ns, slice_over, c);
		return;
	}
	next = des_queue_take(des, &centre->queue);
	if (des->requests[request].left_ns > 0) {
		des->preemptions++;
		preempt_ns = des->options->policy == NIC_POLICY_IDEAL
				     ? 0
				     : des_cost(des, NIC_COST_PREEMPT);
		arrive(des, request);
	} else {
		des_request_ended(des, request);
		des_slot_free(des, request);
	}
	if (next != DES_NONE) {
		core_begin(des, c, next, false, preempt_ns);
		return;
	}
	core->request = DES_NONE;
	des_core_rest(des, c, core->rest);
	centre->idle[centre->idle_count++] = c;
}

static int begin(struct des *des, struct hb_error *reterr)
{
	struct centre *centre = calloc(1, sizeof(*centre));
	uint32_t workers = des->options->cores - (des->options->policy == NIC_POLICY_DISPATCHER);

	if (!centre)
		return hb_error_set(reterr, -ENOMEM, "no memory for the queue; free some");
	des->state = centre;
	des_queue_init(&centre->queue);
	centre->idle = calloc(des->options->cores, sizeof(*centre->idle));
	if (!centre->idle)
		return hb_error_set(reterr, -ENOMEM, "no memory for the queue; free some");
	for (uint32_t c = workers; c-- > 0;)
		centre->idle[centre->idle_count++] = c;
	/* Workers of a dispatcher poll, and so does it. */
	for (uint32_t c = 0; c < des->options->cores; c++)
		des->cores[c].rest =
			des->options->policy == NIC_POLICY_DISPATCHER ? NIC_CPU_SPIN : NIC_CPU_IDLE;
	return 0;
}

static void end(struct des *des)
{
	struct centre *centre = des->state;

	if (centre)
		free(centre->idle);
	free(centre);
}

const struct des_policy des_central = {.begin = begin, .arrive = arrive, .end = end};
