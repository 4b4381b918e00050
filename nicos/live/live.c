/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <nicos/live.h>

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <string.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/hist.h>

#include "baseline.h"
#include "card.h"
#include "client.h"
#include "cpus.h"
#include "fiber.h"
#include "handler.h"

#define WIRE_FRAMES 256
#define CALIBRATION_NS 20000000
#define SILENCE_NS 60000000000 /* without an answer */
#define DRAIN_NS 3000000000 /* a baseline may be silent that long before the rest counts as lost */
#define LIMIT_NS 3600000000000
#define LOOK_ROUNDS 4096

static const struct nic_address card_address = {
	.ethernet = {0x02, 0, 0, 0, 0, 1}, .ip = 0x0a000001, .port = 111};
static const struct nic_address client_address = {
	.ethernet = {0x02, 0, 0, 0, 0, 2}, .ip = 0x0a000002, .port = 40000};

/* ---- names ---- */

static const char *const mode_names[NIC_LIVE_MODE_COUNT] = {"process", "thread", "fiber"};
static const char *const system_names[NIC_LIVE_SYSTEM_COUNT] = {
	"nicos", "udp", "udp-epoll", "udp-poll", "bypass", "poll-yield", "dispatcher", "stealing"};
static const char *const fault_names[NIC_LIVE_FAULT_COUNT] = {
	"none", "exit", "hang", "crash", "wrong-line"};

_Static_assert((int)NIC_LIVE_WRONG_LINE == (int)HANDLER_WRONG_LINE, "faults are operations");

static int find(const char *const *names, int count, const char *name)
{
	int i = 0;

	while (i < count && strcmp(names[i], name) != 0)
		i++;
	return i;
}

const char *nic_live_mode_name(enum nic_live_mode mode)
{
	return mode_names[mode];
}

enum nic_live_mode nic_live_mode_find(const char *name)
{
	return (enum nic_live_mode)find(mode_names, NIC_LIVE_MODE_COUNT, name);
}

const char *nic_live_system_name(enum nic_live_system system)
{
	return system_names[system];
}

enum nic_live_system nic_live_system_find(const char *name)
{
	return (enum nic_live_system)find(system_names, NIC_LIVE_SYSTEM_COUNT, name);
}

const char *nic_live_fault_name(enum nic_live_fault fault)
{
	return fault_names[fault];
}

enum nic_live_fault nic_live_fault_find(const char *name)
{
	return (enum nic_live_fault)find(fault_names, NIC_LIVE_FAULT_COUNT, name);
}

/* ---- options ---- */

void nic_live_defaults(struct nic_live_options *options)
{
	*options = (struct nic_live_options){
		.system = NIC_LIVE_NICOS,
		.mode = NIC_LIVE_PROCESS,
		.services = 16,
		.service = {.kind = NIC_EXPONENTIAL, .a = 10000},
		.arrival = NIC_ARRIVAL_POISSON,
		.rate_per_s = 20000,
		.seed = 1,
		.requests = 20000,
		.warm_up = 2000,
		.bytes = 48,
		.depth = 1,
		.buffers = 16384,
		.turn_ns = 50000,
		.try_again_ns = 15e6,
		.interval_ns = 5000,
	};
}

/* Do the card and its lines serve? */
static bool has_card(enum nic_live_system system)
{
	return system == NIC_LIVE_NICOS || system == NIC_LIVE_DISPATCHER ||
	       system == NIC_LIVE_STEALING;
}

static int faults_check(const struct nic_live_options *o, struct hb_error *reterr)
{
	if ((o->wire_create || o->watch) && !has_card(o->system))
		return hb_error_set(reterr, -EINVAL,
			"wire: only systems with a card have one; use nicos, dispatcher or "
			"stealing");
	if (o->hostile && !has_card(o->system))
		return hb_error_set(
			reterr, -EINVAL, "hostile frames: only a card counts them; use nicos");
	if (!o->fault)
		return 0;
	if (o->system != NIC_LIVE_NICOS)
		return hb_error_set(reterr, -EINVAL, "faults: only of system nicos");
	if (o->mode != NIC_LIVE_PROCESS)
		return hb_error_set(reterr, -EINVAL,
			"fault %s: only a process can do that without taking the others along; use "
			"mode process",
			nic_live_fault_name(o->fault));
	if (o->fault == NIC_LIVE_WRONG_LINE && o->services < 2)
		return hb_error_set(
			reterr, -EINVAL, "fault wrong-line: needs another service; use 2 or more");
	if (o->fault == NIC_LIVE_HANG && o->kill_ns <= 0)
		return hb_error_set(reterr, -EINVAL,
			"fault hang: nothing would end it; give the time after which it is killed");
	if (o->fault_at >= o->requests)
		return hb_error_set(reterr, -EINVAL, "the fault is at request %llu of %llu",
			(unsigned long long)o->fault_at, (unsigned long long)o->requests);
	return 0;
}

static int options_check(const struct nic_live_options *o, struct hb_error *reterr)
{
	if (o->services < 1 || o->services > NIC_LIVE_SERVICES_MAX)
		return hb_error_set(
			reterr, -EINVAL, "services: from 1 to %d", NIC_LIVE_SERVICES_MAX);
	if (o->requests < 1 || o->requests > NIC_LIVE_REQUESTS_MAX)
		return hb_error_set(
			reterr, -EINVAL, "requests: from 1 to %d", NIC_LIVE_REQUESTS_MAX);
	if (o->warm_up >= o->requests)
		return hb_error_set(reterr, -EINVAL, "warm-up: fewer than the requests");
	if (!(o->rate_per_s > 0) || o->rate_per_s > 1e9)
		return hb_error_set(
			reterr, -EINVAL, "rate: above 0 and at most 1e9 requests per second");
	if (o->bytes < NIC_LIVE_BYTES_MIN || o->bytes > NIC_RPC_ARGS_MAX || o->bytes % 4)
		return hb_error_set(reterr, -EINVAL, "bytes: a multiple of 4 from %d to %d",
			NIC_LIVE_BYTES_MIN, NIC_RPC_ARGS_MAX);
	if (o->depth < 1 || o->depth > NIC_DEPTH_MAX)
		return hb_error_set(reterr, -EINVAL, "depth: from 1 to %d", NIC_DEPTH_MAX);
	if (o->buffers < 1 || o->buffers > 1048576)
		return hb_error_set(reterr, -EINVAL, "buffers: from 1 to 1048576");
	if (!(o->turn_ns >= 0) || o->turn_ns > 1e9)
		return hb_error_set(reterr, -EINVAL, "turn: at most 1s");
	if (o->arrival == NIC_ARRIVAL_BURST &&
		!(o->burst_factor >= 1 && o->burst_on_ns > 0 && o->burst_off_ns > 0 &&
			o->burst_factor * o->burst_on_ns <= o->burst_on_ns + o->burst_off_ns))
		return hb_error_set(reterr, -EINVAL,
			"burst: needs F >= 1, ON and OFF above 0, and F <= (ON + OFF) / ON");
	if (o->mode == NIC_LIVE_FIBER && !FIBERS_WORK)
		return hb_error_set(reterr, -ENOTSUP, "needs x86-64 for fibers; use mode thread");
	return faults_check(o, reterr);
}

/* ---- CPUs ---- */

int nic_live_probe(struct hb_error *reterr)
{
	int cpus[2];

	return cpus_find(cpus, reterr);
}

/* ---- a run ---- */

struct run {
	const struct nic_live_options *options;
	struct hb_clock clock;
	int cpus[2];
	struct region region;
	struct host *host;
	struct nic_wire *wire[2]; /* card, client */
	struct card *card;        /* NULL: a baseline serves */
	struct baseline baseline;
	struct client *client;
	double step_ns;
};

static uint32_t as_ticks(const struct run *run, double ns)
{
	double ticks = ns * run->clock.ticks_per_ns;

	return ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
}

static int card_prepare(struct run *run, struct hb_error *reterr)
{
	const struct nic_live_options *o = run->options;
	const struct card_options card = {.depth = o->depth,
		.queue = o->queue,
		.buffers = o->buffers,
		.services = o->services,
		.interval_ticks =
			o->system == NIC_LIVE_STEALING ? as_ticks(run, o->interval_ns) : 0,
		.turn_ns = (uint32_t)o->turn_ns,
		.try_again_ticks = as_ticks(run, o->try_again_ns),
		.kill_ticks = as_ticks(run, o->kill_ns),
		.address = card_address};
	/* A dispatcher has one process for all. */
	uint32_t processes = o->system == NIC_LIVE_DISPATCHER ? 1 : o->services;
	int err = region_create(processes, o->depth, &run->region, reterr);

	/* Services first, while the process is small. */
	if (!err)
		err = host_create(
			&run->region, o->mode, run->cpus[1], &run->clock, &run->host, reterr);
	if (!err && o->wire_create)
		err = o->wire_create(run->wire, reterr);
	else if (!err)
		err = nic_wire_ring_create(WIRE_FRAMES, run->wire, reterr);
	if (!err)
		err = card_create(&card, &run->region, run->host, run->wire[0], &run->clock,
			&run->card, reterr);
	return err;
}

static int run_prepare(struct run *run, struct hb_error *reterr)
{
	const struct nic_live_options *o = run->options;
	struct nic_wire *wire;
	int err;

	if (has_card(o->system)) {
		err = card_prepare(run, reterr);
		wire = run->wire[1];
	} else {
		err = baseline_start(
			&run->baseline, o, run->cpus[1], &card_address, &client_address, reterr);
		wire = run->baseline.wire;
	}
	if (!err)
		err = client_create(o, run->step_ns, &client_address, &card_address, wire,
			&run->clock, &run->client, reterr);
	return err;
}

static void run_finish(struct run *run)
{
	/* The client's end of a baseline's wire goes with the baseline. */
	client_destroy(run->client);
	card_destroy(run->card);
	baseline_end(&run->baseline);
	nic_wire_destroy(run->wire[0]);
	nic_wire_destroy(run->wire[1]);
	host_destroy(run->host);
	region_destroy(&run->region);
}

/*
 * Has everything come to its end? Replies are taken in the same round in which a card sends them; what a
 * baseline has dropped shows by silence only.
 */
static bool is_over(const struct run *run, int64_t silent_ns)
{
	struct client_counts counts;

	if (!client_has_sent(run->client))
		return false;
	client_counts(run->client, &counts);
	if (!run->card)
		return counts.answered == counts.sent || silent_ns > DRAIN_NS;
	return !card_under_way(run->card) && counts.sent + counts.hostile == card_frames(run->card);
}

static void cpu_shares(
	const struct run *run, const struct card_counts *counts, int64_t elapsed_ns, double *ret)
{
	double elapsed = (double)elapsed_ns * run->clock.ticks_per_ns;

	ret[NIC_CPU_USEFUL] = (double)counts->useful_ticks / elapsed;
	ret[NIC_CPU_SWITCH] = (double)counts->switch_ticks / elapsed;
	ret[NIC_CPU_IDLE] = (double)counts->idle_ticks / elapsed;
	ret[NIC_CPU_STALLED] =
		fmax(0, 1 - ret[NIC_CPU_USEFUL] - ret[NIC_CPU_SWITCH] - ret[NIC_CPU_IDLE]);
}

static void watch(struct run *run, int64_t elapsed_ns)
{
	struct nic_live_view view = {.at_s = (double)elapsed_ns / 1e9};
	struct card_counts counts;

	card_counts(run->card, &counts);
	client_watched(run->client, &view);
	view.queued = card_under_way(run->card);
	view.dropped = counts.dropped;
	view.core = card_core(run->card, &view.core_service);
	cpu_shares(run, &counts, elapsed_ns, view.cpu);
	run->options->watch(&view, run->options->watch_user);
	client_watch_on(run->client);
}

static int run_loop(struct run *run, struct hb_error *reterr)
{
	struct client_counts counts;
	uint64_t answered = 0;
	int64_t began_ns = hb_clock_now_ns(), answer_ns = began_ns, now_ns = began_ns,
		watched_ns = began_ns;

	if (run->card)
		card_begin(run->card);
	client_begin(run->client);
	for (uint32_t round = 1;; round++) {
		client_poll(run->client);
		if (run->card)
			card_poll(run->card);
		if (round % 64 == 0 && is_over(run, now_ns - answer_ns))
			break;
		if (round % LOOK_ROUNDS)
			continue;
		now_ns = hb_clock_now_ns();
		client_counts(run->client, &counts);
		if (counts.answered != answered || !client_has_sent(run->client))
			answer_ns = now_ns;
		answered = counts.answered;
		if (run->options->watch &&
			(double)(now_ns - watched_ns) >= run->options->watch_ns) {
			watch(run, now_ns - began_ns);
			watched_ns = now_ns;
		}
		if (now_ns - began_ns > LIMIT_NS || now_ns - answer_ns > SILENCE_NS)
			return hb_error_set(reterr, -ETIME,
				"%llu of %llu requests are answered, and none for a minute",
				(unsigned long long)answered,
				(unsigned long long)run->options->requests);
	}
	for (int i = 0; i < WIRE_FRAMES; i++)
		client_poll(run->client);
	return 0;
}

static void result_of_client(struct run *run, struct nic_live_result *ret)
{
	struct client_counts counts;
	double measured_s = client_measured_s(run->client);

	client_counts(run->client, &counts);
	ret->latency = client_latency(run->client);
	ret->mean_us = counts.mean_ns / 1e3;
	ret->p50_us = hb_hist_quantile(ret->latency, 0.5) / 1e3;
	ret->p99_us = hb_hist_quantile(ret->latency, 0.99) / 1e3;
	ret->p999_us = hb_hist_quantile(ret->latency, 0.999) / 1e3;
	ret->goodput_per_s = measured_s > 0 ? (double)counts.answered_measured / measured_s : 0;
	ret->sent = counts.sent;
	ret->hostile = counts.hostile;
	ret->answered = counts.answered;
	ret->lost = counts.sent - counts.answered;
	ret->wrong = counts.wrong;
	ret->duplicates = counts.duplicates;
	ret->measured = counts.measured;
	ret->late = (double)counts.late / (double)counts.sent;
}

static void result_of_card(struct run *run, int64_t elapsed_ns, struct nic_live_result *ret)
{
	struct card_counts counts;

	card_counts(run->card, &counts);
	ret->in = counts.frames;
	ret->done = counts.done;
	ret->queued = card_under_way(run->card);
	ret->dropped = counts.dropped;
	memcpy(ret->refused, counts.refused, sizeof(ret->refused));
	ret->no_buffer = counts.no_buffer;
	ret->replayed = counts.replayed;
	ret->try_again = counts.try_again;
	ret->retired = counts.retired;
	ret->nacked = counts.nacked;
	ret->killed = counts.killed;
	ret->exited = counts.exited;
	ret->switches = (double)counts.switches / (double)(counts.done ? counts.done : 1);
	cpu_shares(run, &counts, elapsed_ns, ret->cpu);
	ret->elapsed_s = (double)elapsed_ns / 1e9;
	ret->hand_over = card_hand_over(run->card);
	ret->memory_bytes = card_memory_bytes(run->card) + region_touched_bytes(&run->region);
}

/* Of a baseline: what the client knows, and what the kernel says of the processes, which end here. */
static void result_of_baseline(struct run *run, int64_t elapsed_ns, struct nic_live_result *ret)
{
	bool polls = run->options->system == NIC_LIVE_UDP_POLL ||
		     run->options->system == NIC_LIVE_BYPASS ||
		     run->options->system == NIC_LIVE_POLL_YIELD;
	struct client_counts counts;
	double used;

	baseline_end(&run->baseline);
	client_counts(run->client, &counts);
	ret->in = counts.sent;
	ret->done = counts.answered;
	ret->dropped = counts.sent - counts.answered;
	used = fmin(1, (double)run->baseline.cpu_ns / (double)elapsed_ns);
	ret->cpu[NIC_CPU_USEFUL] =
		fmin(used, client_work_steps(run->client) * run->step_ns / (double)elapsed_ns);
	ret->cpu[polls ? NIC_CPU_SPIN : NIC_CPU_KERNEL] = used - ret->cpu[NIC_CPU_USEFUL];
	ret->cpu[NIC_CPU_IDLE] = 1 - used;
	ret->elapsed_s = (double)elapsed_ns / 1e9;
}

int nic_live_run(const struct nic_live_options *options, struct nic_live_result *ret,
	struct hb_error *reterr)
{
	struct run run = {.options = options};
	cpu_set_t before;
	int64_t began_ns;
	int err = options_check(options, reterr);

	if (!err)
		err = cpus_find(run.cpus, reterr);
	if (err)
		return err;
	(void)sched_getaffinity(0, sizeof(before), &before);
	err = hb_clock_calibrate(&run.clock, CALIBRATION_NS, reterr);
	if (!err) {
		cpu_pin(run.cpus[1]);
		run.step_ns = handler_step_ns();
		(void)sched_setaffinity(0, sizeof(before), &before);
		err = run_prepare(&run, reterr);
	}
	if (!err) {
		cpu_pin(run.cpus[0]);
		began_ns = hb_clock_now_ns();
		err = run_loop(&run, reterr);
		if (!err) {
			*ret = (struct nic_live_result){.step_ns = run.step_ns};
			if (run.card)
				result_of_card(&run, hb_clock_now_ns() - began_ns, ret);
			else
				result_of_baseline(&run, hb_clock_now_ns() - began_ns, ret);
			result_of_client(&run, ret);
		}
		(void)sched_setaffinity(0, sizeof(before), &before);
	}
	run_finish(&run);
	return err;
}

void nic_live_finish(struct nic_live_result *result)
{
	hb_hist_destroy(result->latency);
	result->latency = NULL;
	hb_hist_destroy(result->hand_over);
	result->hand_over = NULL;
}
