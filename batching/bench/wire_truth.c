/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching/wire-truth: the estimate's terms against a capture of the packets, which knows nothing of sockets: when
 * requests were seen to leave, to arrive, to be acknowledged and to be answered. Both run in every trial, over SETs on
 * an unmodified redis-server; the variants differ in which of them is reported, and each trial gives their ratios, for
 * the sum and for the sum without each term. What happens above the device (queues of unsent and unread bytes at the
 * client) is in neither. One connection; it begins and ends without a request under way, so that Little's law is exact.
 */
#include "experiments.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/load.h>
#include <hotbed/trial.h>

#include "capture.h"
#include "followed.h"

#define MS 1000000ll
#define DURATION_NS (1000 * MS)
#define DURATION_QUICK_NS (60 * MS)
#define WARM_UP_NS (200 * MS)
#define WARM_UP_QUICK_NS (10 * MS)
#define REPLY_BYTES 5 /* "+OK\r\n" */
#define RATIO_MIN 1e-6

/* The terms as the wire has them; the first three add up to the last, the second being subtracted. */
enum term {
	TERM_FLIGHT, /* of a request, from leaving the client to its acknowledgement's arrival there */
	TERM_ACKDELAY, /* from a request's arrival at the server to its acknowledgement's leaving */
	TERM_TURN,     /* from its arrival at the server to its answer's leaving */
	TERM_RESPONSE, /* from its leaving the client to its answer's arrival there */
	TERM_COUNT,
};

/* Points that requests, or the answers to them, pass at a device. */
enum point {
	LEFT_CLIENT,
	REACHED_SERVER,
	ACKNOWLEDGED, /* at the server's device */
	ACKNOWLEDGED_AT_CLIENT,
	ANSWERED,
	ANSWER_REACHED_CLIENT,
	POINTS,
};

struct passage {
	uint64_t count;
	double moment_ns; /* sum of the times, from the first packet on */
};

/* One capture, from which some points are taken. */
struct view {
	struct state *state;
	bool is_client;
	bool is_begun;
	uint32_t requests_from, answers_from; /* sequence numbers */
};

struct state {
	struct redis redis; /* first: hooks of redis.h */
	bool is_wire;       /* reports what the capture says */
	struct followed followed;
	struct followed_window queues;
	struct capture captures[ENDS];
	size_t request_bytes;
	int64_t origin_ns; /* of all times */
	struct passage points[POINTS];
};

/* Requests or answers up to @bytes of the stream have passed @point. */
static void pass(struct state *state, enum point point, uint32_t bytes, size_t each, int64_t now_ns)
{
	struct passage *passage = &state->points[point];
	uint64_t passed = bytes / each;

	/* A repeated or late packet is behind; half of all sequence numbers count as that. */
	if (bytes >= UINT32_C(1) << 31 || passed <= passage->count)
		return;
	passage->moment_ns +=
		(double)(passed - passage->count) * (double)(now_ns - state->origin_ns);
	passage->count = passed;
}

static void look(void *user, const struct captured *packet)
{
	struct view *view = user;
	struct state *state = view->state;
	bool is_request = packet->to_port == REDIS_PORT;
	uint32_t end = packet->sequence + packet->length;

	if (!is_request && packet->from_port != REDIS_PORT)
		return;
	/* At the client's device requests leave; loopback is the server's device as well. */
	if (packet->is_outgoing != (is_request == view->is_client))
		return;
	if (!view->is_begun) {
		/* What is still acknowledged of the warm-up has no data. */
		if (!is_request || packet->length == 0)
			return;
		view->is_begun = true;
		view->requests_from = packet->sequence;
		view->answers_from = packet->acknowledgement;
		if (state->origin_ns == 0)
			state->origin_ns = packet->time_ns;
	}
	if (is_request) {
		pass(state, view->is_client ? LEFT_CLIENT : REACHED_SERVER,
			end - view->requests_from, state->request_bytes, packet->time_ns);
		return;
	}
	pass(state, view->is_client ? ANSWER_REACHED_CLIENT : ANSWERED, end - view->answers_from,
		REPLY_BYTES, packet->time_ns);
	if (packet->has_acknowledgement)
		pass(state, view->is_client ? ACKNOWLEDGED_AT_CLIENT : ACKNOWLEDGED,
			packet->acknowledgement - view->requests_from, state->request_bytes,
			packet->time_ns);
}

/* Both views from the captures; on loopback there is one device, which both ends share. */
static int read_captures(struct hb_trial *trial, struct state *state)
{
	for (int end = 0; end < ENDS; end++) {
		struct view view = {.state = state, .is_client = end == CLIENT};
		const struct capture *capture = &state->captures[end];
		int err = capture_read(
			capture->fd >= 0 ? capture : &state->captures[CLIENT], look, &view);

		if (err == -ENOBUFS)
			return hb_trial_fail(trial, "more packets than the capture has room for");
		if (err)
			return hb_trial_fail(
				trial, "the capture cannot be read: %s", strerror(-err));
	}
	for (int point = 0; point < POINTS; point++)
		if (state->points[point].count != state->redis.sent)
			return hb_trial_fail(trial,
				"of %llu requests the capture shows %llu at point %d",
				(unsigned long long)state->redis.sent,
				(unsigned long long)state->points[point].count, point);
	return 0;
}

static double between(const struct state *state, enum point from, enum point to)
{
	return (state->points[to].moment_ns - state->points[from].moment_ns) /
	       (double)state->points[from].count;
}

static void terms_by_wire(const struct state *state, double ret_ns[TERM_COUNT])
{
	ret_ns[TERM_FLIGHT] = between(state, LEFT_CLIENT, ACKNOWLEDGED_AT_CLIENT);
	ret_ns[TERM_ACKDELAY] = between(state, REACHED_SERVER, ACKNOWLEDGED);
	ret_ns[TERM_TURN] = between(state, REACHED_SERVER, ANSWERED);
	ret_ns[TERM_RESPONSE] = between(state, LEFT_CLIENT, ANSWER_REACHED_CLIENT);
}

static void terms_by_events(const struct bat_end ends[ENDS], double ret_ns[TERM_COUNT])
{
	const struct bat_wait *client = ends[CLIENT].queues, *server = ends[SERVER].queues;

	ret_ns[TERM_FLIGHT] = client[BAT_UNACKED].ns - client[BAT_UNSENT].ns;
	ret_ns[TERM_ACKDELAY] = server[BAT_ACKDELAY].ns;
	ret_ns[TERM_TURN] = server[BAT_UNREAD].ns + server[BAT_SERVICE].ns + server[BAT_UNSENT].ns;
	ret_ns[TERM_RESPONSE] = ret_ns[TERM_FLIGHT] - ret_ns[TERM_ACKDELAY] + ret_ns[TERM_TURN];
}

static bool are_defined(const struct bat_end ends[ENDS])
{
	const struct bat_wait *client = ends[CLIENT].queues, *server = ends[SERVER].queues;

	return client[BAT_UNACKED].defined && client[BAT_UNSENT].defined &&
	       server[BAT_ACKDELAY].defined && server[BAT_UNREAD].defined &&
	       server[BAT_SERVICE].defined && server[BAT_UNSENT].defined;
}

static void report(struct hb_trial *trial, const struct state *state,
	const double wire_ns[TERM_COUNT], const double events_ns[TERM_COUNT])
{
	static const char *const names[TERM_COUNT] = {"flight", "ackdelay", "turn", "response"},
				 *const ratios[TERM_COUNT] = {"ratio_flight", "ratio_ackdelay",
					 "ratio_turn", "ratio_response"},
				 *const without[TERM_RESPONSE] = {
					 "ratio_no_flight", "ratio_no_ackdelay", "ratio_no_turn"};
	uint64_t count = state->redis.sent;

	for (int term = 0; term < TERM_COUNT; term++) {
		hb_trial_metric(trial, names[term],
			fmax(state->is_wire ? wire_ns[term] : events_ns[term], 1), count);
		hb_trial_metric(trial, ratios[term],
			fmax(events_ns[term] / fmax(wire_ns[term], 1), RATIO_MIN), count);
	}
	for (int term = 0; term < TERM_RESPONSE; term++) {
		double part_ns = term == TERM_ACKDELAY ? -events_ns[term] : events_ns[term];

		hb_trial_metric(trial, without[term],
			fmax((events_ns[TERM_RESPONSE] - part_ns) / wire_ns[TERM_RESPONSE],
				RATIO_MIN),
			count);
	}
}

static int probe(struct hb_trial *trial)
{
	struct capture capture = {-1, NULL};
	int err = followed_probe(trial);

	if (!err && capture_open(&capture))
		err = hb_trial_skip(trial, "needs packet sockets");
	capture_close(&capture);
	return err;
}

static int set_up(struct hb_trial *trial)
{
	struct state *state = calloc(1, sizeof(*state));
	int err;

	if (!state)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, state);
	state->is_wire = *(const bool *)hb_trial_data(trial);
	for (int end = 0; end < ENDS; end++)
		state->captures[end].fd = -1;
	err = redis_start(
		trial, &state->redis, 1, (size_t)hb_params_i64(hb_trial_params(trial), "size"));
	if (!err)
		err = followed_start(trial, &state->redis, true, &state->followed);
	if (err)
		return err;
	state->request_bytes = redis_request_bytes(&state->redis);
	if (strcmp(hb_params_text(hb_trial_params(trial), "mode"), "nagle") == 0)
		err = redis_set_nodelay(&state->redis, false);
	if (!err)
		err = hb_trial_pin(trial, "load");
	return err ? hb_trial_fail(trial, "cannot set up the arm: %s", strerror(-err)) : 0;
}

static int open_captures(struct hb_trial *trial, struct state *state)
{
	const struct network *network = &state->redis.network;
	int err = capture_open(&state->captures[CLIENT]);

	if (!err && network->server_fd >= 0) {
		err = network_enter(network, true);
		if (!err)
			err = capture_open(&state->captures[SERVER]);
		if (!err)
			err = network_enter(network, false);
	}
	return err ? hb_trial_fail(trial, "packets cannot be captured: %s", strerror(-err)) : 0;
}

static int drive(struct hb_trial *trial, struct state *state, uint64_t seed, int64_t duration_ns)
{
	const struct hb_load_profile profile = {
		.shape = HB_LOAD_POISSON,
		.duration_ns = duration_ns,
		.rate_per_s =
			hb_params_real(hb_trial_params(trial), "load") * redis_capacity(trial),
	};
	struct redis_run run = {0};
	int err = redis_drive(trial, &state->redis, &profile, seed, &run);

	redis_run_finish(&run);
	if (!err && state->redis.completed != state->redis.sent)
		err = hb_trial_fail(trial, "not all requests were answered");
	return err;
}

static int warm_up(struct hb_trial *trial)
{
	return drive(trial, hb_trial_state(trial), hb_trial_seed(trial) + 1,
		hb_trial_is_quick(trial) ? WARM_UP_QUICK_NS : WARM_UP_NS);
}

static int run(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);
	double wire_ns[TERM_COUNT], events_ns[TERM_COUNT];
	struct bat_end ends[ENDS];
	int err = open_captures(trial, state);

	if (!err && followed_begin(&state->followed, &state->queues))
		err = hb_trial_fail(trial, "the queues cannot be read");
	if (!err)
		err = drive(trial, state, hb_trial_seed(trial),
			hb_trial_is_quick(trial) ? DURATION_QUICK_NS : DURATION_NS);
	if (!err && followed_end(&state->followed, &state->queues, ends, NULL))
		err = hb_trial_fail(trial, "the queues cannot be read");
	if (!err && !are_defined(ends))
		err = hb_trial_fail(trial, "a queue had no departures");
	if (!err)
		err = read_captures(trial, state);
	if (err)
		return err;
	terms_by_wire(state, wire_ns);
	terms_by_events(ends, events_ns);
	report(trial, state, wire_ns, events_ns);
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);

	if (!state)
		return 0;
	for (int end = 0; end < ENDS; end++)
		capture_close(&state->captures[end]);
	followed_stop(&state->followed);
	redis_stop(&state->redis);
	free(state);
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 2800;
}

static const struct hb_param params[] = {
	REDIS_PARAM_LOAD(
		"load", "SETs offered, a Poisson stream", "0.05,0.2", "0.05", "0.02,0.05,0.1,0.2"),
	{
		.name = "mode",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "of the client's socket",
		.sweep = "nodelay,nagle",
		.sweep_quick = "nagle",
		.allowed = "nodelay,nagle",
	},
	REDIS_PARAM_NETWORK("loopback,20mbit", "loopback", NULL),
	REDIS_PARAM_SIZE("64,1024"),
	{.name = NULL},
};

#define TIME(name_, help_)                                                                \
	{                                                                                 \
		.name = (name_), .unit = "ns", .help = (help_), .better = HB_BETTER_NONE, \
		.basis = HB_BASIS_WALL,                                                   \
	}

#define RATIO(name_, help_)                                                              \
	{                                                                                \
		.name = (name_), .unit = "1", .help = (help_), .better = HB_BETTER_NONE, \
		.basis = HB_BASIS_WALL,                                                  \
	}

static const struct hb_metric metrics[] = {
	TIME("response", "mean from a request's leaving the client to its answer's arrival there"),
	TIME("flight", "from a request's leaving the client to its acknowledgement's arrival"),
	TIME("ackdelay", "from a request's arrival at the server to its acknowledgement's leaving"),
	TIME("turn", "from a request's arrival at the server to its answer's leaving"),
	RATIO("ratio_response", "of one trial: the sum by events / the same by the capture"),
	RATIO("ratio_flight", "of one trial: flight by events / the same by the capture"),
	RATIO("ratio_ackdelay", "of one trial: ackdelay by events / the same by the capture"),
	RATIO("ratio_turn", "of one trial: turn by events / the same by the capture"),
	RATIO("ratio_no_flight", "the sum by events without flight / response by the capture"),
	RATIO("ratio_no_ackdelay", "the same without ackdelay"),
	RATIO("ratio_no_turn", "the same without turn"),
	{.name = NULL},
};

static const bool wire = true, events = false;

#define VARIANT(name_, role_, help_, data_)                                                   \
	{                                                                                     \
		.name = (name_), .role = (role_), .help = (help_), .probe = probe,            \
		.setup = set_up, .warmup = warm_up, .run = run, .verify = redis_verify_trial, \
		.teardown = teardown, .sabotage = redis_sabotage_trial, .data = (data_),      \
	}

static const struct hb_variant variants[] = {
	VARIANT("wire", HB_ROLE_BASELINE, "times from a capture of the packets", &wire),
	VARIANT("events", HB_ROLE_IDEA, "from the queues of both ends, followed in the kernel",
		&events),
	{.name = NULL},
};

#define CLAIM(name_, text_, metric_)                                                               \
	{                                                                                          \
		.name = (name_), .text = (text_),                                                  \
		.paper =                                                                           \
			"Hotbed, after Batching with End-to-End Performance Estimation, HotOS'25", \
		.section = "", .metric = (metric_), .variant = "events", .where = "", .lo = 0.9,   \
		.hi = 1.1, .needs = "BPF and packet sockets",                                      \
	}

static const struct hb_claim claims[] = {
	CLAIM("sum-agrees-with-the-wire",
		"Over all loads, sizes, modes and networks, the sum from the queues is within 10 % "
		"of what a capture of the packets shows.",
		"response"),
	CLAIM("flight-agrees", "So is the time until requests are acknowledged.", "flight"),
	CLAIM("ackdelay-agrees", "So is the time for which the server holds acknowledgements.",
		"ackdelay"),
	CLAIM("turn-agrees", "So is the time from requests to answers at the server.", "turn"),
	{.name = NULL},
};

static const char *const roles[] = {"load", NULL};

const struct hb_experiment batching_wire_truth = {
	.name = "wire-truth",
	.question = "Do the estimate's terms agree with a capture of the packets?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "load", .facet = "mode", .metric = "ratio_response"},
	.roles = roles,
	.blocks = 6,
	.memory_bytes = redis_memory_bytes,
	.trial_ms = trial_ms,
	.valid = redis_is_valid,
};
