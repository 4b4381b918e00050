/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stealing: cores move between processes by what an allocator on a core of its own sees (Shenango, Caladan). A
 * process without a core gets an idle one as soon as a request comes for it. One that has cores and keeps a queue
 * from one look to the next gets one more at that look; a look happens every interval. Where processes wait and no
 * core is idle, as many cores as wait are called back at each look, each at the end of the handler that it runs. A
 * core whose process has nothing to do goes back at once. Within a process any core takes any request.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>

#include <hotbed/error.h>

struct process {
	struct des_queue queue;
	int64_t queued_since_ns; /* the queue has been non-empty since */
	uint32_t cores;
	uint32_t
		next; /* in the list of those that wait for their first core, or that have cores and a queue */
	bool is_waiting;   /* for its first core */
	bool is_congested; /* in the other list */
};

struct list {
	uint32_t head, tail;
};

struct allocator {
	struct process *processes; /* shape [services] */
	struct list waiting, congested;
	uint32_t waiting_count;
	uint32_t called_back; /* cores that are to be given up */
	uint32_t idle_count;
	uint32_t *idle; /* shape [cores] */
	int64_t interval_ns;
	int64_t last_look_ns;
	bool is_looking; /* a look is scheduled */
};

static void run_over(struct hb_sim *sim, void *object, uint64_t argument);
static void look(struct hb_sim *sim, void *object, uint64_t argument);

static void list_append(struct allocator *allocator, struct list *list, uint32_t s)
{
	allocator->processes[s].next = DES_NONE;
	if (list->tail == DES_NONE)
		list->head = s;
	else
		allocator->processes[list->tail].next = s;
	list->tail = s;
}

static uint32_t list_take(struct allocator *allocator, struct list *list)
{
	uint32_t s = list->head;

	list->head = allocator->processes[s].next;
	if (list->head == DES_NONE)
		list->tail = DES_NONE;
	return s;
}

/* Looks are only simulated while there is something to see; they stay on the grid. */
static void look_soon(struct des *des)
{
	struct allocator *allocator = des->state;
	int64_t now_ns = hb_sim_now_ns(des->sim), step_ns;

	if (allocator->is_looking)
		return;
	allocator->is_looking = true;
	step_ns = allocator->interval_ns ? allocator->interval_ns : 1;
	des_after(des, step_ns - now_ns % step_ns, look, 0);
}

/* The core runs the next request of @s, whose queue is not empty. */
static void core_begin(struct des *des, uint32_t c, uint32_t s)
{
	struct allocator *allocator = des->state;
	struct des_core *core = &des->cores[c];
	int64_t switch_ns = des_cost(des, NIC_COST_HOT);

	if (core->service != s) {
		switch_ns += des_cost(des, NIC_COST_SWITCH);
		des->switches++;
	}
	core->service = s;
	core->request = des_queue_take(des, &allocator->processes[s].queue);
	core->slice_ns = des->requests[core->request].left_ns;
	des_core_work(des, c, 0, switch_ns, core->slice_ns);
	des_after(des, switch_ns + core->slice_ns, run_over, c);
}

/* A core that nobody has: to the process that has waited longest, or idle. */
static void core_free(struct des *des, uint32_t c)
{
	struct allocator *allocator = des->state;
	struct process *process;
	uint32_t s;

	des->cores[c].request = DES_NONE;
	if (allocator->waiting.head == DES_NONE) {
		des_core_rest(des, c, NIC_CPU_IDLE);
		allocator->idle[allocator->idle_count++] = c;
		return;
	}
	s = list_take(allocator, &allocator->waiting);
	process = &allocator->processes[s];
	process->is_waiting = false;
	allocator->waiting_count--;
	process->cores++;
	core_begin(des, c, s);
	if (process->queue.head != DES_NONE && !process->is_congested) {
		process->is_congested = true;
		list_append(allocator, &allocator->congested, s);
		look_soon(des);
	}
}

static void run_over(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	struct allocator *allocator = des->state;
	uint32_t c = (uint32_t)argument, s = des->cores[c].service;
	struct process *process = &allocator->processes[s];
	bool give_up = allocator->called_back && allocator->waiting.head != DES_NONE;

	(void)sim;
	des_request_ended(des, des->cores[c].request);
	des_slot_free(des, des->cores[c].request);
	if (process->queue.head != DES_NONE && !give_up) {
		core_begin(des, c, s);
		return;
	}
	process->cores--;
	if (process->queue.head != DES_NONE) {
		allocator->called_back--;
		/* It waits like the others, unless it has another core, which goes on. */
		if (process->cores == 0 && !process->is_congested) {
			process->is_waiting = true;
			allocator->waiting_count++;
			list_append(allocator, &allocator->waiting, s);
		}
	}
	core_free(des, c);
}

/* One more core for each process that had a queue at the last look, too. */
static void congestion_relieve(struct des *des)
{
	struct allocator *allocator = des->state;
	struct list seen = allocator->congested;

	allocator->congested = (struct list){DES_NONE, DES_NONE};
	while (seen.head != DES_NONE) {
		uint32_t s = list_take(allocator, &seen);
		struct process *process = &allocator->processes[s];

		process->is_congested = false;
		if (process->queue.head == DES_NONE)
			continue;
		if (process->cores == 0) {
			process->is_waiting = true;
			allocator->waiting_count++;
			list_append(allocator, &allocator->waiting, s);
			continue;
		}
		if (process->queued_since_ns <= allocator->last_look_ns && allocator->idle_count) {
			process->cores++;
			core_begin(des, allocator->idle[--allocator->idle_count], s);
		}
		if (process->queue.head != DES_NONE) {
			process->is_congested = true;
			list_append(allocator, &allocator->congested, s);
		}
	}
}

static void look(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	struct allocator *allocator = des->state;

	(void)argument;
	allocator->is_looking = false;
	congestion_relieve(des);
	while (allocator->idle_count && allocator->waiting.head != DES_NONE)
		core_free(des, allocator->idle[--allocator->idle_count]);
	allocator->called_back = allocator->waiting_count;
	allocator->last_look_ns = hb_sim_now_ns(sim);
	if (allocator->waiting.head != DES_NONE || allocator->congested.head != DES_NONE)
		look_soon(des);
}

static void arrive(struct des *des, uint32_t request)
{
	struct allocator *allocator = des->state;
	uint32_t s = des->requests[request].service;
	struct process *process = &allocator->processes[s];

	if (process->queue.head == DES_NONE)
		process->queued_since_ns = hb_sim_now_ns(des->sim);
	des_queue_append(des, &process->queue, request);
	if (process->is_waiting)
		return;
	if (process->cores == 0 && allocator->idle_count) {
		process->cores++;
		core_begin(des, allocator->idle[--allocator->idle_count], s);
		return;
	}
	if (process->is_congested)
		return;
	if (process->cores == 0) {
		process->is_waiting = true;
		allocator->waiting_count++;
		list_append(allocator, &allocator->waiting, s);
	} else {
		process->is_congested = true;
		list_append(allocator, &allocator->congested, s);
	}
	look_soon(des);
}

static int begin(struct des *des, struct hb_error *reterr)
{
	uint32_t services = des->options->services, cores = des->options->cores;
	struct allocator *allocator = calloc(1, sizeof(*allocator));

	if (!allocator)
		return hb_error_set(reterr, -ENOMEM, "no memory for the allocator; free some");
	des->state = allocator;
	allocator->waiting = allocator->congested = (struct list){DES_NONE, DES_NONE};
	allocator->interval_ns = des_cost(des, NIC_COST_INTERVAL);
	allocator->processes = calloc(services, sizeof(*allocator->processes));
	allocator->idle = calloc(cores, sizeof(*allocator->idle));
	if (!allocator->processes || !allocator->idle)
		return hb_error_set(reterr, -ENOMEM, "no memory for the allocator; free some");
	for (uint32_t s = 0; s < services; s++)
		des_queue_init(&allocator->processes[s].queue);
	/* The last core is the allocator's. */
	for (uint32_t c = cores - 1; c-- > 0;)
		allocator->idle[allocator->idle_count++] = c;
	des_core_rest(des, cores - 1, NIC_CPU_SPIN);
	return 0;
}

static void end(struct des *des)
{
	struct allocator *allocator = des->state;

	if (!allocator)
		return;
	free(allocator->processes);
	free(allocator->idle);
	free(allocator);
}

const struct des_policy des_stealing = {.begin = begin, .arrive = arrive, .end = end};
