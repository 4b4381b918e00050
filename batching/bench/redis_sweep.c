/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching/redis-sweep: unmodified redis-server under open-loop SETs by size and rate, with Nagle's algorithm at
 * neither end (what Redis and its clients choose), at the client, at the server (switched from outside by an
 * attachment), and at both. Static arms: what a controller would have to choose between.
 */
#include "experiments.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/hist.h>
#include <hotbed/load.h>
#include <hotbed/trial.h>

#include <batching/attach.h>

#include "redis.h"

#define MS 1000000ll
#define DURATION_NS (1000 * MS)
#define DURATION_QUICK_NS (200 * MS)
#define WARM_UP_NS (200 * MS)
#define DRAIN_NS (2000 * MS)
#define SLO_NS 500000
#define BYTES_PER_S_MAX 400e6

struct arm {
	bool client, server; /* Nagle's algorithm there */
};

struct state {
	struct redis redis;
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
	struct hb_load **ret, struct hb_load_schedule *schedule)
{
	const struct hb_params *params = hb_trial_params(trial);
	struct hb_load_profile profile = {
		.shape = HB_LOAD_POISSON,
		.duration_ns = duration_ns,
		.rate_per_s = (double)hb_params_i64(params, "rate"),
	};
	struct hb_load_options options = {.drain_ns = DRAIN_NS};
	struct hb_load_transport transport = redis_transport(&state->redis);
	struct hb_error error = {0};
	int err = hb_load_schedule_draw(&profile, seed, schedule, &error);

	if (!err)
		err = hb_load_create(ret, schedule, &error);
	if (err)
		return hb_trial_fail(trial, "%s", error.text);
	redis_begin(&state->redis, schedule);
	err = hb_load_run(*ret, &transport, &options, &error);
	return err ? hb_trial_fail(trial, "the run ended early: %s", strerror(-err)) : 0;
}

static int warm_up(struct hb_trial *trial)
{
	struct hb_load_schedule schedule = {0};
	struct hb_load *load = NULL;
	int err = drive(trial, hb_trial_state(trial), hb_trial_seed(trial) + 1, WARM_UP_NS, &load,
		&schedule);

	if (!err && hb_load_result(load)->answered < hb_load_result(load)->sent)
		err = hb_trial_fail(trial, "redis-server did not answer all of the warm-up");
	hb_load_destroy(load);
	hb_load_schedule_finish(&schedule);
	return err;
}

/* Requests answered within the SLO per second. */
static double goodput(const struct hb_load *load, int64_t duration_ns)
{
	const struct hb_hist *hist = hb_load_response(load);
	double lo = 0, hi = 1;

	/* The histogram gives values by rank; the rank of the SLO is found by halving. */
	for (int i = 0; i < 40; i++) {
		double middle = (lo + hi) / 2;

		if (hb_hist_quantile(hist, middle) <= SLO_NS)
			lo = middle;
		else
			hi = middle;
	}
	return lo * (double)hb_hist_total(hist) * 1e9 / (double)duration_ns;
}

static int report(struct hb_trial *trial, struct state *state, const struct hb_load *load,
	int64_t duration_ns, const struct hb_usage *before)
{
	uint64_t answered = hb_load_result(load)->answered;
	struct hb_usage after = {0};
	int err = hb_load_report(load, trial);

	if (err)
		return err;
	if (answered == 0)
		return hb_trial_fail(trial, "no request was answered");
	hb_trial_metric(trial, "goodput", goodput(load, duration_ns), answered);
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
	int64_t duration_ns = hb_trial_is_quick(trial) ? DURATION_QUICK_NS : DURATION_NS;
	struct state *state = hb_trial_state(trial);
	struct hb_load_schedule schedule = {0};
	struct hb_usage before = {0};
	struct hb_load *load = NULL;
	int err;

	state->segments = redis_segments(&state->redis);
	(void)hb_usage_sample(state->redis.server.pid, &before);
	err = drive(trial, state, hb_trial_seed(trial), duration_ns, &load, &schedule);
	if (!err)
		err = report(trial, state, load, duration_ns, &before);
	hb_load_destroy(load);
	hb_load_schedule_finish(&schedule);
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

/* Every seventh request writes the value of its successor. */
static int sabotage(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);

	state->redis.is_sabotaged = true;
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 2500;
}

static uint64_t memory_bytes(const struct hb_params *params)
{
	(void)params;
	return 1ull << 30;
}

static bool valid(const struct hb_params *params, const char **ret_why)
{
	*ret_why = "size x rate must be at most 400 MB/s";
	return (double)hb_params_i64(params, "size") * (double)hb_params_i64(params, "rate") <=
	       BYTES_PER_S_MAX;
}

static const struct hb_param params[] = {
	{
		.name = "connections",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "connections that the requests take turns over",
		.sweep = "1",
		.sweep_full = "1,16",
		.min = 1,
		.max = REDIS_CONNECTIONS_MAX,
	},
	{
		.name = "rate",
		.type = HB_PARAM_INT,
		.unit = "1/s",
		.help = "SETs per second, a Poisson stream",
		.sweep = "5000,20000,60000,100000",
		.sweep_quick = "5000",
		.min = 100,
		.max = 1000000,
	},
	{
		.name = "size",
		.type = HB_PARAM_INT,
		.unit = "B",
		.help = "of a value",
		.sweep = "64,1024,16384",
		.sweep_quick = "64",
		.min = 16,
		.max = REDIS_VALUE_MAX,
	},
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
		.help = "requests answered within 500 us",
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
		.teardown = teardown, .sabotage = sabotage, .data = (data_),             \
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

static const struct hb_claim claims[] = {
	{
		.name = "fewer-segments",
		.text = "At 64 bytes and 100,000 SETs per second Nagle's algorithm at the client "
			"sends at "
			"most half of the segments.",
		.paper = "Hotbed",
		.section = "",
		.metric = "segments",
		.variant = "nagle_client",
		.where = "connections=1;rate=100000;size=64",
		.lo = 0,
		.hi = 0.5,
	},
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
	.chart = {.x = "rate",
		.facet = "size",
		.metric = "latency_response_mean",
		.log_x = true,
		.log_y = true},
	.roles = roles,
	.memory_bytes = memory_bytes,
	.trial_ms = trial_ms,
	.valid = valid,
};
