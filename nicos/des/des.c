/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stream of requests, the books, and the result. */
#include "engine.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/hist.h>

#define HIST_HIGHEST_NS (INT64_C(1) << 50) /* 13 days */
#define HIST_DIGITS 3

static const struct des_policy *const policies[] = {
	[NIC_POLICY_NICOS] = &des_nicos,
	[NIC_POLICY_IDEAL] = &des_central,
	[NIC_POLICY_RSS] = &des_pinned,
	[NIC_POLICY_DISPATCHER] = &des_central,
	[NIC_POLICY_STEALING] = &des_stealing,
	[NIC_POLICY_KERNEL] = &des_central,
	[NIC_POLICY_POLL_YIELD] = &des_poll_yield,
	[NIC_POLICY_JBSQ] = &des_jbsq,
};

/* ---- for the policies ---- */

int64_t des_cost(struct des *des, enum nic_cost cost)
{
	const struct nic_distribution *distribution = &des->options->costs[cost];

	if (distribution->kind == NIC_CONST)
		return (int64_t)(distribution->a + 0.5);
	return hb_sim_duration_ns(nic_distribution_draw(distribution, &des->costs));
}

void des_after(struct des *des, int64_t delay_ns, hb_event_fn *handler, uint64_t argument)
{
	(void)hb_sim_after(des->sim, delay_ns, handler, des, argument, NULL);
}

static int64_t book(int64_t *total_ns, int64_t *piece_ns, int64_t elapsed_ns)
{
	int64_t part_ns = elapsed_ns < *piece_ns ? elapsed_ns : *piece_ns;

	*piece_ns -= part_ns;
	*total_ns += part_ns;
	return elapsed_ns - part_ns;
}

/* Book what the core did until now. */
static void core_book(struct des *des, struct des_core *core)
{
	int64_t now_ns = hb_sim_now_ns(des->sim);
	int64_t elapsed_ns = now_ns - core->since_ns;

	core->since_ns = now_ns;
	elapsed_ns = book(&des->cpu_ns[NIC_CPU_KERNEL], &core->kernel_ns, elapsed_ns);
	elapsed_ns = book(&des->cpu_ns[NIC_CPU_SWITCH], &core->switch_ns, elapsed_ns);
	elapsed_ns = book(&des->cpu_ns[NIC_CPU_USEFUL], &core->useful_ns, elapsed_ns);
	des->cpu_ns[core->rest] += elapsed_ns;
}

void des_core_work(
	struct des *des, uint32_t core, int64_t kernel_ns, int64_t switch_ns, int64_t useful_ns)
{
	struct des_core *c = &des->cores[core];

	core_book(des, c);
	c->kernel_ns = kernel_ns;
	c->switch_ns = switch_ns;
	c->useful_ns = useful_ns;
}

void des_core_rest(struct des *des, uint32_t core, enum nic_cpu rest)
{
	des_core_work(des, core, 0, 0, 0);
	des->cores[core].rest = rest;
}

void des_queue_init(struct des_queue *queue)
{
	queue->head = queue->tail = DES_NONE;
}

void des_queue_append(struct des *des, struct des_queue *queue, uint32_t request)
{
	des->requests[request].link = DES_NONE;
	if (queue->tail == DES_NONE)
		queue->head = request;
	else
		des->requests[queue->tail].link = request;
	queue->tail = request;
}

uint32_t des_queue_take(struct des *des, struct des_queue *queue)
{
	uint32_t request = queue->head;

	if (request == DES_NONE)
		return request;
	queue->head = des->requests[request].link;
	if (queue->head == DES_NONE)
		queue->tail = DES_NONE;
	return request;
}

/* ---- requests ---- */

/* Before the number of requests in the system changes. */
static void area_book(struct des *des)
{
	int64_t now_ns = hb_sim_now_ns(des->sim);

	des->area +=
		(double)(des->in - des->done - des->dropped) * (double)(now_ns - des->area_at_ns);
	des->area_at_ns = now_ns;
}

void des_slot_free(struct des *des, uint32_t request)
{
	des->requests[request].link = des->freed;
	des->freed = request;
}

/* DES_NONE if all buffers are in use. */
static uint32_t slot_take(struct des *des)
{
	uint32_t request = des->freed;

	if (request != DES_NONE) {
		des->freed = des->requests[request].link;
		return request;
	}
	return des->fresh < des->options->buffers ? des->fresh++ : DES_NONE;
}

void des_request_ended(struct des *des, uint32_t request)
{
	int64_t arrived_ns = des->requests[request].arrived_ns;

	area_book(des);
	des->done++;
	if (des->requests[request].measured) {
		int64_t latency_ns = hb_sim_now_ns(des->sim) - arrived_ns;

		hb_tally_add(&des->latency, (double)latency_ns);
		hb_hist_record(des->hist, latency_ns);
	}
	if (hb_sim_now_ns(des->sim) > des->measure_from_ns)
		des->measured_done++;
}

void des_request_dropped(struct des *des, uint32_t request)
{
	area_book(des);
	des->dropped++;
	des_slot_free(des, request);
}

/* The warm-up is over: forget what was booked. */
static void measure_begin(struct des *des)
{
	des->measure_from_ns = hb_sim_now_ns(des->sim);
	for (uint32_t c = 0; c < des->options->cores; c++)
		core_book(des, &des->cores[c]);
	for (int k = 0; k < NIC_CPU_COUNT; k++)
		des->cpu_ns[k] = 0;
	area_book(des);
	des->area = 0;
}

/* ---- arrivals ---- */

/* Two rates that alternate; without memory, so that what is left of a gap is drawn anew when the rate changes. */
static int64_t burst_gap_ns(struct des *des)
{
	const struct nic_des_options *o = des->options;
	double other = (o->burst_on_ns + o->burst_off_ns - o->burst_factor * o->burst_on_ns) /
		       o->burst_off_ns;
	int64_t at_ns = hb_sim_now_ns(des->sim);

	for (;;) {
		double factor = des->in_burst ? o->burst_factor : other;
		int64_t next_ns = INT64_MAX;

		if (factor > 1e-9)
			next_ns = at_ns + hb_sim_duration_ns(hb_rng_exponential(
						  &des->arrivals, des->gap_ns / factor));
		if (next_ns <= des->phase_end_ns)
			return next_ns - hb_sim_now_ns(des->sim);
		at_ns = des->phase_end_ns;
		des->in_burst = !des->in_burst;
		des->phase_end_ns += 1 + hb_sim_duration_ns(hb_rng_exponential(&des->arrivals,
						 des->in_burst ? o->burst_on_ns : o->burst_off_ns));
	}
}

static int64_t gap_ns(struct des *des)
{
	switch (des->options->arrival) {
	case NIC_ARRIVAL_POISSON:
		break;
	case NIC_ARRIVAL_CONST: {
		/* Gaps are whole; what they lose is made up for by counting from the start. */
		double at_ns = (double)(des->in + 1) * des->gap_ns;

		return hb_sim_duration_ns(at_ns - (double)hb_sim_now_ns(des->sim));
	}
	case NIC_ARRIVAL_BURST:
		return burst_gap_ns(des);
	}
	return hb_sim_duration_ns(hb_rng_exponential(&des->arrivals, des->gap_ns));
}

static void arrive(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	/* Drawn even if the request is dropped, so that policies see the same stream. */
	uint32_t service = nic_popularity_draw(des->popularity, &des->names);
	int64_t size_ns =
		hb_sim_duration_ns(nic_distribution_draw(&des->options->service, &des->sizes));
	uint32_t request;

	(void)argument;
	if (des->in == des->options->warm_up)
		measure_begin(des);
	area_book(des);
	des->in++;
	request = slot_take(des);
	if (request == DES_NONE) {
		des->dropped++;
	} else {
		des->requests[request] = (struct des_request){.arrived_ns = hb_sim_now_ns(sim),
			.left_ns = size_ns,
			.service = service & 0x7fffffff,
			.measured = des->in > des->options->warm_up};
		des->policy->arrive(des, request);
	}
	if (des->in == des->options->requests)
		hb_sim_stop(sim);
	else
		des_after(des, gap_ns(des), arrive, 0);
}

/* ---- a run ---- */

static int prepare(struct des *des, struct hb_error *reterr)
{
	const struct nic_des_options *o = des->options;
	/* Per core: its work, and news on their way to or from it. Besides: the arrival, the clock of stealing. */
	size_t events = (size_t)o->cores * 2 * (o->depth + 2) + 64;
	int err;

	/* Requests that a dispatcher has not looked at yet, or whose record is being fetched, are events, too. */
	if (o->policy == NIC_POLICY_DISPATCHER || o->table)
		events += o->buffers;
	err = hb_sim_create(events, o->seed, 0, &des->sim, reterr);
	if (err)
		return err;
	hb_sim_stream(des->sim, 0, &des->arrivals);
	hb_sim_stream(des->sim, 1, &des->sizes);
	hb_sim_stream(des->sim, 2, &des->names);
	hb_sim_stream(des->sim, 3, &des->costs);
	hb_sim_stream(des->sim, 4, &des->choices);
	err = nic_popularity_create(o->services, o->zipf, &des->popularity, reterr);
	if (err)
		return err;
	err = hb_hist_create(&des->hist, HIST_HIGHEST_NS, HIST_DIGITS, reterr);
	if (err)
		return err;
	des->requests = malloc(o->buffers * sizeof(*des->requests));
	des->cores = calloc(o->cores, sizeof(*des->cores));
	if (!des->requests || !des->cores)
		return hb_error_set(
			reterr, -ENOMEM, "no memory for %u requests; use fewer", o->buffers);
	for (uint32_t c = 0; c < o->cores; c++) {
		des->cores[c].request = des->cores[c].service = DES_NONE;
		des->cores[c].rest = NIC_CPU_IDLE;
	}
	return des->policy->begin(des, reterr);
}

static void sum_up(struct des *des, struct nic_des_result *ret)
{
	const struct nic_des_options *o = des->options;
	int64_t now_ns = hb_sim_now_ns(des->sim), span_ns = now_ns - des->measure_from_ns;
	double total_ns = (double)span_ns * o->cores;
	uint64_t measured = o->requests - o->warm_up;
	struct nic_des_result result = {.in = des->in,
		.done = des->done,
		.dropped = des->dropped,
		.queued = des->in - des->done - des->dropped,
		.measured = measured,
		.rate_per_s = 1e9 / des->gap_ns,
		.switches = (double)des->switches / (double)des->in,
		.preemptions = (double)des->preemptions / (double)des->in,
		.table_hits = des->look_ups ? (double)des->table_hits / (double)des->look_ups : 1,
		.elapsed_ns = now_ns,
		.events = hb_sim_handled(des->sim)};

	for (uint32_t c = 0; c < o->cores; c++)
		core_book(des, &des->cores[c]);
	area_book(des);
	hb_hist_record_infinite(des->hist, measured - des->latency.count);
	result.mean_us = des->latency.count ? des->latency.mean / 1e3 : NAN;
	result.p50_us = hb_hist_quantile(des->hist, 0.5) / 1e3;
	result.p99_us = hb_hist_quantile(des->hist, 0.99) / 1e3;
	result.p999_us = hb_hist_quantile(des->hist, 0.999) / 1e3;
	result.goodput_per_s = span_ns ? (double)des->measured_done * 1e9 / (double)span_ns : 0;
	result.in_system = span_ns ? des->area / (double)span_ns : 0;
	/* A run of one request measures no time: all of it is idle. */
	for (int k = 0; k < NIC_CPU_COUNT; k++)
		result.cpu[k] = span_ns ? (double)des->cpu_ns[k] / total_ns : k == NIC_CPU_IDLE;
	*ret = result;
}

static void clean_up(struct des *des)
{
	if (des->policy)
		des->policy->end(des);
	hb_hist_destroy(des->hist);
	nic_popularity_destroy(des->popularity);
	hb_sim_destroy(des->sim);
	free(des->requests);
	free(des->cores);
}

int nic_des_run(
	const struct nic_des_options *options, struct nic_des_result *ret, struct hb_error *reterr)
{
	struct des des = {.options = options, .freed = DES_NONE, .measure_from_ns = INT64_MAX};
	int err = des_options_check(options, reterr);

	if (err)
		return err;
	des.policy = policies[options->policy];
	des.gap_ns = nic_distribution_mean_ns(&options->service) / options->load / options->cores;
	des.quantum_ns =
		options->quantum_ns > 0 ? hb_sim_duration_ns(options->quantum_ns) : INT64_MAX;
	err = prepare(&des, reterr);
	if (!err) {
		des_after(&des, gap_ns(&des), arrive, 0);
		err = hb_sim_run(des.sim, INT64_MAX, UINT64_MAX, reterr);
	}
	if (!err) {
		sum_up(&des, ret);
		hb_assert(ret->in == options->requests);
	}
	clean_up(&des);
	return err;
}
