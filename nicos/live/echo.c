/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <nicos/echo.h>

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/hist.h>
#include <hotbed/rng.h>

#include <nicos/live.h>
#include <nicos/rpc.h>
#include <nicos/wire.h>

#include "cpus.h"

#define WIRE_FRAMES 256
#define CALIBRATION_NS 20000000
#define HIGHEST_NS 100000000000
#define SILENCE_NS 60000000000
#define LOOKS 1048576 /* at the wire, between looks at the clock */
#define RUN_MAX 100000000

static const struct nic_address server = {
	.ethernet = {0x02, 0, 0, 0, 0, 1}, .ip = 0x0a000001, .port = 111};
static const struct nic_address client = {
	.ethernet = {0x02, 0, 0, 0, 0, 2}, .ip = 0x0a000002, .port = 40000};

/* By one CPU and the other in turn. */
struct turn_line {
	_Alignas(128) _Atomic uint64_t number;
	uint64_t at_ticks; /* when the other CPU had seen the number before */
	uint8_t rest[112];
};

/* What both threads use. */
struct pair {
	int cpus[2];
	struct hb_clock clock;
	cpu_set_t before;
	pthread_t other;
	struct nic_wire *wire[2]; /* the other's, the client's */
	bool is_falsified;
	struct turn_line line;
	_Alignas(128) _Atomic bool stop;
};

static int pair_begin(struct pair *pair, struct hb_hist **ret, struct hb_error *reterr)
{
	int err = cpus_find(pair->cpus, reterr);

	if (!err)
		err = hb_clock_calibrate(&pair->clock, CALIBRATION_NS, reterr);
	if (!err)
		err = hb_hist_create(ret, HIGHEST_NS, 3, reterr);
	(void)sched_getaffinity(0, sizeof(pair->before), &pair->before);
	return err;
}

static int other_start(struct pair *pair, void *(*entry)(void *), struct hb_error *reterr)
{
	int err = pthread_create(&pair->other, NULL, entry, pair);

	if (err)
		return hb_error_set(reterr, -EAGAIN, "no thread to echo (%s)", strerror(err));
	cpu_pin(pair->cpus[0]);
	return 0;
}

static void other_end(struct pair *pair)
{
	atomic_store(&pair->stop, true);
	(void)pthread_join(pair->other, NULL);
	(void)sched_setaffinity(0, sizeof(pair->before), &pair->before);
}

/* ---- frames ---- */

static void *echo_main(void *argument)
{
	struct pair *pair = argument;
	struct nic_wire *wire = pair->wire[0];
	size_t frame_bytes;

	cpu_pin(pair->cpus[1]);
	while (!atomic_load_explicit(&pair->stop, memory_order_relaxed)) {
		uint8_t *frame;

		if (!nic_wire_receive(wire, &frame_bytes))
			continue;
		/* There is one frame on the wire, and so room. */
		frame = nic_wire_keep(wire);
		if (frame && pair->is_falsified)
			frame[NIC_RPC_BODY_AT] ^= 1;
		if (frame)
			nic_wire_commit(wire, frame_bytes);
	}
	return NULL;
}

static const uint8_t *answer_await(struct pair *pair, size_t *ret_bytes)
{
	int64_t began_ns = 0;

	for (uint64_t looks = 1;; looks++) {
		const uint8_t *frame = nic_wire_receive(pair->wire[1], ret_bytes);

		if (frame)
			return frame;
		if (looks % LOOKS)
			continue;
		if (!began_ns)
			began_ns = hb_clock_now_ns();
		else if (hb_clock_now_ns() - began_ns > SILENCE_NS)
			return NULL;
	}
}

static size_t call_write(uint8_t *frame, uint32_t xid, uint32_t bytes)
{
	size_t frame_bytes = nic_rpc_call_write(frame, &client, &server, xid, 0, 1, bytes);

	memset(frame + NIC_RPC_CALL_HEADER_BYTES, (int)(xid & 0xff), bytes);
	nic_rpc_seal(frame);
	return frame_bytes;
}

/* What came back is the call that was sent; where frames are not written anew, its number is. */
static bool is_back(
	const struct nic_echo_options *o, const uint8_t *frame, size_t frame_bytes, uint32_t xid)
{
	struct nic_rpc_call call;

	if (o->is_written)
		return nic_rpc_call_parse(frame, frame_bytes, &server, 1, &call) == NIC_FRAME_OK &&
		       call.xid == xid && call.args_bytes == o->bytes;
	return frame_bytes == NIC_RPC_CALL_HEADER_BYTES + o->bytes &&
	       memcmp(frame + NIC_RPC_BODY_AT, &xid, sizeof(xid)) == 0;
}

static int echo_loop(struct pair *pair, const struct nic_echo_options *o,
	struct nic_echo_result *ret, struct hb_error *reterr)
{
	struct nic_wire *wire = pair->wire[1];
	struct hb_rng rng;
	uint64_t now = hb_clock_ticks(&pair->clock), sent;
	size_t frame_bytes = 0;

	hb_rng_init(&rng, o->seed, 0);
	for (uint64_t i = 0; i < o->requests; i++) {
		uint32_t xid = (uint32_t)i + 1;
		uint8_t *frame = i && !o->is_written ? nic_wire_keep(wire) : nic_wire_reserve(wire);
		const uint8_t *back;
		uint64_t gap = (uint64_t)(hb_rng_exponential(&rng, 1e9 / o->rate_per_s) *
					  pair->clock.ticks_per_ns);

		if (!frame)
			return hb_error_set(reterr, -ENOMEM, "the wire has no room for a frame");
		if (!i && !o->is_written)
			frame_bytes = call_write(frame, xid, o->bytes);
		sent = now;
		while ((now = hb_clock_ticks(&pair->clock)) - sent < gap)
			continue;
		sent = now;
		if (o->is_written)
			frame_bytes = call_write(frame, xid, o->bytes);
		else
			memcpy(frame + NIC_RPC_BODY_AT, &xid, sizeof(xid));
		nic_wire_commit(wire, frame_bytes);
		back = answer_await(pair, &frame_bytes);
		if (!back)
			return hb_error_set(reterr, -ETIME,
				"of %llu frames %llu are back, and none for a minute",
				(unsigned long long)o->requests, (unsigned long long)i);
		ret->wrong += !is_back(o, back, frame_bytes, xid);
		now = hb_clock_ticks(&pair->clock);
		ret->answered++;
		if (i >= o->warm_up)
			hb_hist_record(
				ret->round_trip, hb_clock_ticks_to_ns(&pair->clock, now - sent));
	}
	return 0;
}

int nic_echo_run(const struct nic_echo_options *options, struct nic_echo_result *ret,
	struct hb_error *reterr)
{
	struct pair pair = {.is_falsified = options->is_falsified};
	struct nic_echo_result result = {0};
	int err;

	if (options->requests < 1 || options->requests > RUN_MAX ||
		options->warm_up >= options->requests || !(options->rate_per_s > 0) ||
		options->bytes < NIC_LIVE_BYTES_MIN || options->bytes > NIC_RPC_ARGS_MAX ||
		options->bytes % 4)
		return hb_error_set(reterr, -EINVAL,
			"echo: needs 1 to %d requests, fewer to warm up, a rate above 0, and from "
			"%d to %d bytes, a multiple of 4",
			RUN_MAX, NIC_LIVE_BYTES_MIN, NIC_RPC_ARGS_MAX);
	err = pair_begin(&pair, &result.round_trip, reterr);
	if (!err && options->wire_create)
		err = options->wire_create(pair.wire, reterr);
	else if (!err)
		err = nic_wire_ring_create(WIRE_FRAMES, pair.wire, reterr);
	if (!err)
		err = other_start(&pair, echo_main, reterr);
	if (!err) {
		err = echo_loop(&pair, options, &result, reterr);
		other_end(&pair);
	}
	nic_wire_destroy(pair.wire[0]);
	nic_wire_destroy(pair.wire[1]);
	if (err)
		nic_echo_finish(&result);
	else
		*ret = result;
	return err;
}

void nic_echo_finish(struct nic_echo_result *result)
{
	hb_hist_destroy(result->round_trip);
	result->round_trip = NULL;
}

/* ---- a line ---- */

/* Even numbers are the client's, odd ones the other's. */
static void *line_main(void *argument)
{
	struct pair *pair = argument;
	struct turn_line *line = &pair->line;
	uint64_t number = 2;

	cpu_pin(pair->cpus[1]);
	while (!atomic_load_explicit(&pair->stop, memory_order_relaxed)) {
		if (atomic_load_explicit(&line->number, memory_order_acquire) != number)
			continue;
		line->at_ticks = hb_clock_ticks(&pair->clock);
		atomic_store_explicit(&line->number, number + 1, memory_order_release);
		number += 2;
	}
	return NULL;
}

/* One round; false if the other has been silent for a minute. */
static bool line_round(struct pair *pair, uint64_t number, uint64_t ret_ticks[3])
{
	struct turn_line *line = &pair->line;
	int64_t began_ns = 0;

	ret_ticks[0] = hb_clock_ticks(&pair->clock);
	atomic_store_explicit(&line->number, number, memory_order_release);
	for (uint64_t looks = 1;
		atomic_load_explicit(&line->number, memory_order_acquire) != number + 1; looks++) {
		if (looks % LOOKS)
			continue;
		if (!began_ns)
			began_ns = hb_clock_now_ns();
		else if (hb_clock_now_ns() - began_ns > SILENCE_NS)
			return false;
	}
	ret_ticks[2] = hb_clock_ticks(&pair->clock);
	ret_ticks[1] = line->at_ticks;
	return true;
}

int nic_line_run(uint64_t rounds, struct nic_line_result *ret, struct hb_error *reterr)
{
	struct pair pair = {.stop = false};
	struct nic_line_result result = {0};
	double least_ns = INFINITY;
	int err;

	if (rounds < 1 || rounds > RUN_MAX)
		return hb_error_set(reterr, -EINVAL, "line: from 1 to %d rounds", RUN_MAX);
	err = pair_begin(&pair, &result.round_trip, reterr);
	if (!err)
		err = other_start(&pair, line_main, reterr);
	if (err) {
		nic_line_finish(&result);
		return err;
	}
	for (; !err && result.rounds < rounds; result.rounds++) {
		uint64_t ticks[3];
		double there_ns, back_ns;

		if (!line_round(&pair, 2 * result.rounds + 2, ticks)) {
			err = hb_error_set(reterr, -ETIME, "no answer on a line for a minute");
			break;
		}
		there_ns = (double)(int64_t)(ticks[1] - ticks[0]) / pair.clock.ticks_per_ns;
		back_ns = (double)(int64_t)(ticks[2] - ticks[1]) / pair.clock.ticks_per_ns;
		hb_hist_record(result.round_trip, llround(there_ns + back_ns));
		/* The quickest round is the one that nothing has come between. */
		if (there_ns + back_ns < least_ns) {
			least_ns = there_ns + back_ns;
			result.offset_ns = (there_ns - back_ns) / 2;
		}
	}
	other_end(&pair);
	/* The other's last word is the number behind the client's. */
	result.wrong = atomic_load(&pair.line.number) != 2 * result.rounds + 1;
	if (err)
		nic_line_finish(&result);
	else
		*ret = result;
	return err;
}

void nic_line_finish(struct nic_line_result *result)
{
	hb_hist_destroy(result->round_trip);
	result->round_trip = NULL;
}
