/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching/redis-sweep: unmodified redis-server under open-loop SETs by size and rate, with Nagle's algorithm at
 * neither end (what Redis and its clients choose), at the client, at the server (switched from outside by an
 * attachment), and at both. Static arms: what a controller would have to choose between.
 */
#include "experiments.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/load.h>
#include <hotbed/trial.h>

#include <batching/attach.h>

#include "redis.h"

#define MS 1000000ll
#define DURATION_NS (1000 * MS)
#define DURATION_QUICK_NS (40 * MS)
#define WARM_UP_NS (200 * MS)
#define WARM_UP_QUICK_NS (10 * MS)
#define SLO_NS (4 * MS)

struct arm {
	bool client, server; /* Nagle's algorithm there */
};

struct state {
	struct redis redis; /* first: hooks of redis.h */
	struct bat_attach *attach;
	uint64_t segments;
	struct hb_usage usage;
};

static int setup(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	const struct arm *arm = hb_trial_data(trial);
	struct state *state = calloc(1, sizeof(*state));
	struct hb_error error = {0};
	int err;

	if (!state)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, state);
	err = redis_start(trial, &state->redis, (unsigned int)hb_params_i64(params, "connections"),
		(size_t)hb_params_i64(params, "size"));
	if (err)
		return err;
	if (arm->server) {
		err = bat_attach_create(
			&state->attach, state->redis.server.pid, REDIS_PORT, 5 * MS, &error);
		if (err)
			return hb_trial_fail(trial, "%s", error.text);
		err = bat_attach_set(state->attach, BAT_SOCKET_NAGLE);
	}
	if (!err && arm->client)
		err = redis_set_nodelay(&state->redis, false);
	if (!err)
		err = hb_trial_pin(trial, "load");
	return err ? hb_trial_fail(trial, "cannot set up the arm: %s", strerror(-err)) : 0;
}

static int drive(struct hb_trial *trial, struct state *state, uint64_t seed, int64_t duration_ns,
	struct redis_run *ret)
{
	const struct hb_load_profile profile = {
		.shape = HB_LOAD_POISSON,
		.duration_ns = duration_ns,
		.rate_per_s =
			hb_params_real(hb_trial_params(trial), "load") * redis_capacity(trial),
	};

	return redis_drive(trial, &state->redis, &profile, seed, ret);
}

static int warm_up(struct hb_trial *trial)
{
	struct redis_run run = {0};
	int err = drive(trial, hb_trial_state(trial), hb_trial_seed(trial) + 1,
		hb_trial_is_quick(trial) ? WARM_UP_QUICK_NS : WARM_UP_NS, &run);

	if (!err && hb_load_result(run.load)->answered < hb_load_result(run.load)->sent)
		err = hb_trial_fail(trial, "redis-server did not answer all of the warm-up");
	redis_run_finish(&run);
	return err;
}

/* Requests answered within the SLO per second. */
static double goodput(const struct redis *redis, const struct redis_run *run)
{
	uint64_t good = 0;

	for (uint64_t i = 0; i < run->schedule.count; i++)
		good += redis_response_ns(redis, run, i) <= SLO_NS;
	return (double)good * 1e9 / (double)run->schedule.duration_ns;
}

static int report(struct hb_trial *trial, struct state *state, const struct redis_run *run,
	const struct hb_usage *before)
{
	uint64_t answered = hb_load_result(run->load)->answered;
	struct hb_usage after = {0};
	int err = hb_load_report(run->load, trial);

	if (err)
		return err;
	if (answered == 0)
		return hb_trial_fail(trial, "no request was answered");
	hb_trial_metric(trial, "goodput", goodput(&state->redis, run), answered);
	hb_trial_metric(trial, "segments",
		(double)(redis_segments(&state->redis) - state->segments) / (double)answered,
		answered);
	if (hb_usage_sample(state->redis.server.pid, &after) == 0)
		hb_trial_metric(trial, "server_cpu",
			(double)(after.cpu_user_ns + after.cpu_system_ns - before->cpu_user_ns -
				 before->cpu_system_ns) /
				(double)answered,
			answered);
	return 0;
}

static int run(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);
	struct hb_usage before = {0};
	struct redis_run done = {0};
	int err;

	state->segments = redis_segments(&state->redis);
	(void)hb_usage_sample(state->redis.server.pid, &before);
	err = drive(trial, state, hb_trial_seed(trial),
		hb_trial_is_quick(trial) ? DURATION_QUICK_NS : DURATION_NS, &done);
	if (!err)
		err = report(trial, state, &done, &before);
	redis_run_finish(&done);
	return err;
}

static int verify(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);
	uint32_t restored = 0;
	int err = 0;

	if (state->attach) {
		bat_attach_destroy(state->attach, &restored);
		state->attach = NULL;
		if (restored != state->redis.connection_count)
			err = hb_trial_fail(trial, "%u of %u sockets of the server were restored",
				(unsigned int)restored, state->redis.connection_count);
	}
	return err ? err : redis_verify(trial, &state->redis);
}

static int teardown(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);

	if (!state)
		return 0;
	bat_attach_destroy(state->attach, NULL);
	redis_stop(&state->redis);
	free(state);
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 2500;
}

static const struct hb_param params[] = {
	REDIS_PARAM_CONNECTIONS("1", "1,16,256"),
	REDIS_PARAM_LOAD("load", "SETs offered, a Poisson stream", "0.05,0.15,0.4,0.6,0.7,0.8",
		"0.15", "0.05,0.15,0.3,0.4,0.5,0.55,0.6,0.65,0.7,0.75,0.8,0.85,0.9"),
	REDIS_PARAM_NETWORK("20mbit,100mbit", "20mbit", NETWORK_NAMES),
	REDIS_PARAM_SIZE("64,1024,16384"),
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "latency_response_mean",
		.unit = "ns",
		.help = "from the drawn time of a request to its reply",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
	},
	{
		.name = "latency_response_p50",
		.unit = "ns",
		.help = "half of them are faster",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
	},
	{
		.name = "latency_response_p99",
		.unit = "ns",
		.help = "99 of 100 are faster",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
	},
	{
		.name = "goodput",
		.unit = "1/s",
		.help = "requests answered within 4 ms",
		.better = HB_BETTER_HIGHER,
		.basis = HB_BASIS_WALL,
	},
	{
		.name = "segments",
		.unit = "1",
		.help = "segments with data that the client sent, per request",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_COUNT,
	},
	{
		.name = "server_cpu",
		.unit = "ns",
		.help = "CPU time of redis-server per request",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_CPU,
		.optional = true,
	},
	{.name = NULL},
};

static const struct arm neither = {false, false}, at_client = {true, false},
			at_server = {false, true}, at_both = {true, true};

#define VARIANT(name_, role_, help_, data_)                                              \
	{                                                                                \
		.name = (name_), .role = (role_), .help = (help_), .probe = redis_probe, \
		.setup = setup, .warmup = warm_up, .run = run, .verify = verify,         \
		.teardown = teardown, .sabotage = redis_sabotage_trial, .data = (data_), \
	}

static const struct hb_variant variants[] = {
	VARIANT("nodelay", HB_ROLE_BASELINE, "TCP_NODELAY at both ends, as Redis sets it",
		&neither),
	VARIANT("nagle_client", HB_ROLE_RIVAL, "Nagle's algorithm at the client", &at_client),
	VARIANT("nagle_server", HB_ROLE_RIVAL,
		"Nagle's algorithm at the server, switched on from outside", &at_server),
	VARIANT("nagle_both", HB_ROLE_RIVAL, "Nagle's algorithm at both ends", &at_both),
	{.name = NULL},
};

#define CLAIM(name_, text_, metric_, where_, lo_, hi_, headline_)                                  \
	{                                                                                          \
		.name = (name_), .text = (text_),                                                  \
		.paper =                                                                           \
			"Hotbed, after Batching with End-to-End Performance Estimation, HotOS'25", \
		.section = "", .metric = (metric_), .variant = "nagle_client",                     \
		.where = "connections=1;" where_, .lo = (lo_), .hi = (hi_),                        \
		.headline = (headline_), .needs = "namespaces and /dev/net/tun",                   \
	}

static const struct hb_claim claims[] = {
	CLAIM("fewer-segments",
		"64 bytes at 70 % of the link: Nagle's algorithm at the client sends at most half "
		"of the "
		"segments.",
		"segments", "load=0.7;network=20mbit;size=64", 0, 0.5, 0),
	CLAIM("nagle-loses-at-low-load",
		"64 bytes at 15 % of the link: with Nagle's algorithm at the client responses take "
		"at least "
		"1.3 times as long.",
		"latency_response_mean", "load=0.15;network=20mbit;size=64", 1.3, INFINITY, 0),
	CLAIM("nagle-wins-at-high-load",
		"64 bytes at 70 % of the link: with Nagle's algorithm at the client they take at "
		"most half as "
		"long.",
		"latency_response_mean", "load=0.7;network=20mbit;size=64", 0, 0.5, 0),
	CLAIM("nagle-loses-at-1-kib",
		"1 KiB: with Nagle's algorithm at the client responses take longer at every load "
		"up to 40 %.",
		"latency_response_mean", "load=0.4;network=20mbit;size=1024", 1.03, INFINITY, 0),
	CLAIM("no-matter-at-16-kib", "16 KiB: the two are within 10 % of each other.",
		"latency_response_mean", "load=0.4;network=100mbit;size=16384", 0.9, 1.1, 0),
	{.name = NULL},
};

static const char *const roles[] = {"load", NULL};

const struct hb_experiment batching_redis_sweep = {
	.name = "redis-sweep",
	.question = "At which sizes and loads does Nagle's algorithm help an unmodified Redis, and "
		    "at which end?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "load", .facet = "size", .metric = "latency_response_mean", .log_y = true},
	.roles = roles,
	.blocks = 6,
	.memory_bytes = redis_memory_bytes,
	.trial_ms = trial_ms,
	.valid = redis_is_valid,
};
