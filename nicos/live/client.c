/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/hist.h>
#include <hotbed/rng.h>

#include <nicos/popularity.h>

#include "handler.h"

#define BURST 8
#define LATE_NS 10000
#define LATENCY_MAX_NS 100000000000 /* 100 s */

struct planned {
	uint64_t at_ticks; /* from the begin */
	uint32_t service;
	uint32_t steps : 31;
	uint32_t answered : 1;
};

struct client {
	struct nic_live_options options;
	struct nic_address from, to;
	struct nic_wire *wire;
	struct hb_clock clock;
	struct planned *plan; /* shape [options.requests] */
	uint64_t next;
	uint64_t begun_ticks, last_ticks, late_ticks;
	struct hb_hist *latency;
	struct hb_hist *interval;  /* NULL: nobody watches */
	struct hb_hist **services; /* shape [options.services]; NULL likewise */
	struct client_counts counts;
	double sum_ns, steps;
};

/* Streams of random numbers: the same requests at one seed, whoever serves. */
enum stream {
	STREAM_ARRIVALS,
	STREAM_SIZES,
	STREAM_NAMES,
};

static double gap_draw(
	const struct nic_live_options *o, struct hb_rng *rng, bool *in_burst, double *phase_ns)
{
	double mean_ns = 1e9 / o->rate_per_s, gap_ns = 0;
	double share = o->burst_on_ns / (o->burst_on_ns + o->burst_off_ns);
	double rest = (1 - o->burst_factor * share) / (1 - share);

	if (o->arrival == NIC_ARRIVAL_CONST)
		return mean_ns;
	if (o->arrival == NIC_ARRIVAL_POISSON)
		return hb_rng_exponential(rng, mean_ns);
	for (;;) {
		double factor = *in_burst ? o->burst_factor : rest;
		double next_ns = factor > 0 ? hb_rng_exponential(rng, mean_ns / factor) : INFINITY;

		if (next_ns <= *phase_ns) {
			*phase_ns -= next_ns;
			return gap_ns + next_ns;
		}
		/* The phase ends first; the exponential forgets. */
		gap_ns += *phase_ns;
		*in_burst = !*in_burst;
		*phase_ns = hb_rng_exponential(rng, *in_burst ? o->burst_on_ns : o->burst_off_ns);
	}
}

static int plan_draw(struct client *client, double step_ns, struct hb_error *reterr)
{
	const struct nic_live_options *o = &client->options;
	struct hb_rng arrivals, sizes, names;
	struct nic_popularity *popularity;
	bool in_burst = false;
	double at_ns = 0, phase_ns = 0;
	int err = nic_popularity_create(o->services, o->zipf, &popularity, reterr);

	if (err)
		return err;
	hb_rng_init(&arrivals, o->seed, STREAM_ARRIVALS);
	hb_rng_init(&sizes, o->seed, STREAM_SIZES);
	hb_rng_init(&names, o->seed, STREAM_NAMES);
	for (uint64_t i = 0; i < o->requests; i++) {
		double steps = nic_distribution_draw(&o->service, &sizes) / step_ns + 0.5;

		at_ns += gap_draw(o, &arrivals, &in_burst, &phase_ns);
		client->plan[i] =
			(struct planned){.at_ticks = (uint64_t)(at_ns * client->clock.ticks_per_ns),
				.service = nic_popularity_draw(popularity, &names),
				.steps = (uint32_t)fmin(steps, INT32_MAX) & 0x7fffffffu};
	}
	nic_popularity_destroy(popularity);
	return 0;
}

static int watch_prepare(struct client *client, struct hb_error *reterr)
{
	int err = hb_hist_create(&client->interval, LATENCY_MAX_NS, 3, reterr);

	client->services = calloc(client->options.services, sizeof(struct hb_hist *));
	if (!err && !client->services)
		err = hb_error_set(reterr, -ENOMEM, "no memory to watch the services");
	for (uint32_t s = 0; !err && s < client->options.services; s++)
		err = hb_hist_create(&client->services[s], LATENCY_MAX_NS, 1, reterr);
	return err;
}

int client_create(const struct nic_live_options *options, double step_ns,
	const struct nic_address *from, const struct nic_address *to, struct nic_wire *wire,
	const struct hb_clock *clock, struct client **ret, struct hb_error *reterr)
{
	struct client *client = calloc(1, sizeof(*client));
	int err = -ENOMEM;

	if (client) {
		*client = (struct client){.options = *options,
			.from = *from,
			.to = *to,
			.wire = wire,
			.clock = *clock};
		client->late_ticks = (uint64_t)(LATE_NS * clock->ticks_per_ns);
		client->plan = calloc(options->requests, sizeof(*client->plan));
	}
	if (!client || !client->plan)
		(void)hb_error_set(
			reterr, -ENOMEM, "no memory for the schedule; use fewer requests");
	else
		err = hb_hist_create(&client->latency, LATENCY_MAX_NS, 3, reterr);
	if (!err && options->watch)
		err = watch_prepare(client, reterr);
	if (!err)
		err = plan_draw(client, step_ns, reterr);
	if (err) {
		client_destroy(client);
		return err;
	}
	*ret = client;
	return 0;
}

void client_destroy(struct client *client)
{
	if (!client)
		return;
	hb_hist_destroy(client->latency);
	hb_hist_destroy(client->interval);
	for (uint32_t s = 0; client->services && s < client->options.services; s++)
		hb_hist_destroy(client->services[s]);
	free(client->services);
	free(client->plan);
	free(client);
}

void client_begin(struct client *client)
{
	client->begun_ticks = client->last_ticks = hb_clock_ticks(&client->clock);
}

static uint64_t first_value(const struct client *client, uint64_t request)
{
	return hb_rng_mix(client->options.seed, request);
}

/*
 * A frame that must not be answered: a call of before again, and calls that are cut, changed, from nowhere or
 * for nobody.
 */
static void hostile_send(struct client *client)
{
	uint64_t turn = client->counts.hostile;
	uint32_t xid = turn % 6 == 0 && client->next ? (uint32_t)client->next
						     : UINT32_MAX - (uint32_t)turn;
	struct nic_address from = client->from;
	uint32_t service = turn % 6 == 5 ? client->options.services : 0;
	uint8_t *frame = nic_wire_reserve(client->wire);
	size_t frame_bytes;

	if (!frame)
		return;
	/* Before the first request there is nothing to repeat: a broken checksum then. */
	if (turn % 6 == 1)
		from.ip = 0xffffffff;
	frame_bytes = nic_rpc_call_write(
		frame, &from, &client->to, xid, service, 1, client->options.bytes);
	memset(frame + NIC_RPC_CALL_HEADER_BYTES, 0, client->options.bytes);
	nic_rpc_seal(frame);
	if (turn % 6 == 2 || (turn % 6 == 0 && !client->next))
		frame[frame_bytes - 1] ^= 1;
	if (turn % 6 == 3)
		frame_bytes -= 1 + turn % (frame_bytes - 1);
	if (turn % 6 == 4)
		frame[14 + turn % 10] ^= 0x11;
	nic_wire_commit(client->wire, frame_bytes);
	client->counts.hostile++;
}

static bool send_next(struct client *client, uint64_t now)
{
	const struct planned *planned = &client->plan[client->next];
	struct handler_args args = {
		.steps = planned->steps, .value = first_value(client, client->next)};
	uint8_t *frame = nic_wire_reserve(client->wire);
	uint8_t *payload;
	size_t frame_bytes;

	if (!frame)
		return false;
	if (client->options.fault && client->next == client->options.fault_at)
		args.operation = (uint32_t)client->options.fault;
	if (client->options.is_falsified) {
		args.steps /= 2;
		args.value++;
	}
	/* Number 0 would be that of a cleared table. */
	frame_bytes = nic_rpc_call_write(frame, &client->from, &client->to,
		(uint32_t)client->next + 1, planned->service, 1, client->options.bytes);
	payload = frame + NIC_RPC_CALL_HEADER_BYTES;
	memcpy(payload, &args, sizeof(args));
	memset(payload + sizeof(args), (int)(client->next & 0xff),
		client->options.bytes - sizeof(args));
	nic_rpc_seal(frame);
	nic_wire_commit(client->wire, frame_bytes);
	client->counts.late += now - client->begun_ticks - planned->at_ticks > client->late_ticks;
	client->counts.sent++;
	client->next++;
	return true;
}

static bool is_right(
	const struct client *client, uint64_t request, const struct nic_rpc_reply *reply)
{
	struct handler_args results;

	if (reply->results_bytes != client->options.bytes)
		return false;
	memcpy(&results, reply->results, sizeof(results));
	if (results.value !=
		handler_expect(first_value(client, request), client->plan[request].steps))
		return false;
	for (uint32_t i = sizeof(results); i < reply->results_bytes; i++) {
		if (reply->results[i] != (uint8_t)request)
			return false;
	}
	return true;
}

static void take(struct client *client, const uint8_t *frame, size_t frame_bytes)
{
	struct nic_rpc_reply reply;
	struct planned *planned;
	uint64_t request, now;

	if (nic_rpc_reply_parse(frame, frame_bytes, &client->from, &reply)) {
		client->counts.wrong++;
		return;
	}
	now = hb_clock_ticks(&client->clock);
	request = (uint64_t)reply.xid - 1;
	if (request >= client->next || client->plan[request].answered) {
		client->counts.duplicates++;
		return;
	}
	planned = &client->plan[request];
	planned->answered = 1;
	client->counts.wrong += !is_right(client, request, &reply);
	client->counts.answered++;
	client->steps += planned->steps;
	client->last_ticks = now;
	if (request >= client->options.warm_up) {
		int64_t ns = hb_clock_ticks_to_ns(
			&client->clock, now - client->begun_ticks - planned->at_ticks);

		client->counts.answered_measured++;
		client->sum_ns += (double)ns;
		hb_hist_record(client->latency, ns);
		if (client->interval) {
			hb_hist_record(client->interval, ns);
			hb_hist_record(client->services[planned->service], ns);
		}
	}
}

void client_poll(struct client *client)
{
	const struct nic_live_options *o = &client->options;
	const uint8_t *frame;
	size_t frame_bytes;
	uint64_t now;

	for (int i = 0; i < BURST; i++) {
		frame = nic_wire_receive(client->wire, &frame_bytes);
		if (!frame)
			break;
		take(client, frame, frame_bytes);
	}
	now = hb_clock_ticks(&client->clock);
	for (int i = 0; i < BURST && client->next < o->requests; i++) {
		if (client->plan[client->next].at_ticks > now - client->begun_ticks)
			break;
		if (o->window && client->counts.sent - client->counts.answered >= o->window)
			break;
		if (o->hostile && client->next % o->hostile == 0 &&
			client->counts.hostile <= client->next / o->hostile)
			hostile_send(client);
		if (!send_next(client, now))
			break;
	}
}

bool client_has_sent(const struct client *client)
{
	return client->next == client->options.requests;
}

void client_counts(const struct client *client, struct client_counts *ret)
{
	*ret = client->counts;
	ret->measured = client->options.requests - client->options.warm_up;
	ret->mean_ns =
		ret->answered_measured ? client->sum_ns / (double)ret->answered_measured : NAN;
}

struct hb_hist *client_latency(struct client *client)
{
	struct hb_hist *latency = client->latency;

	hb_hist_record_infinite(latency, client->options.requests - client->options.warm_up -
						 client->counts.answered_measured);
	client->latency = NULL;
	return latency;
}

void client_watched(struct client *client, struct nic_live_view *ret)
{
	ret->sent = client->counts.sent;
	ret->answered = client->counts.answered;
	ret->interval = client->interval;
	ret->services = client->services;
}

void client_watch_on(struct client *client)
{
	hb_hist_reset(client->interval);
}

double client_work_steps(const struct client *client)
{
	return client->steps;
}

double client_measured_s(const struct client *client)
{
	uint64_t first = client->begun_ticks + client->plan[client->options.warm_up].at_ticks;

	return client->last_ticks > first
		       ? (double)hb_clock_ticks_to_ns(&client->clock, client->last_ticks - first) /
				 1e9
		       : 0;
}
