/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching/load-range: up to which load an unmodified redis-server answers SETs within the SLO, on average or at the
 * 99th percentile, with Nagle's algorithm at the client off, on, and toggled. The load is found by halving, each step a
 * load of its own from an idle connection, of which the first part is not judged: there a policy settles. What a policy
 * has learnt at one load it keeps at the next.
 */
#include "experiments.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/load.h>
#include <hotbed/trial.h>

#include "controller.h"

#define MS 1000000ll
#define SLO_NS (4 * MS)
#define STEP_NS (800 * MS)
#define SETTLE_NS (300 * MS)
#define STEP_QUICK_NS (20 * MS)
#define SETTLE_QUICK_NS (5 * MS)
#define STEPS 7
#define STEPS_QUICK 2
#define LOAD_MIN 0.05
#define LOAD_MAX 1.25 /* payload; what cannot be carried at all */
#define LOAD_MAX_QUICK 0.2
#define RANK 0.99

struct state {
	struct redis redis; /* first: hooks of redis.h */
	struct controller controller;
	bool is_by_tail; /* judged by the 99th percentile, else by the mean */
	int64_t step_ns, settle_ns;
};

static void answered(void *user, uint64_t request, int64_t now_ns)
{
	struct state *state = user;
	const struct redis *redis = &state->redis;

	controller_answered(&state->controller,
		(double)(now_ns - redis->start_ns - redis->run->schedule.at_ns[request]));
}

static int64_t idle(void *user, int64_t now_ns)
{
	struct state *state = user;

	return controller_idle(&state->controller, now_ns);
}

static int set_up(struct hb_trial *trial)
{
	struct state *state = calloc(1, sizeof(*state));
	int err;

	if (!state)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, state);
	state->is_by_tail = strcmp(hb_params_text(hb_trial_params(trial), "judged"), "p99") == 0;
	state->step_ns = hb_trial_is_quick(trial) ? STEP_QUICK_NS : STEP_NS;
	state->settle_ns = hb_trial_is_quick(trial) ? SETTLE_QUICK_NS : SETTLE_NS;
	err = controller_start(trial, &state->controller, &state->redis);
	if (!err && hb_trial_pin(trial, "load"))
		err = hb_trial_fail(trial, "cannot go to the processors of the load");
	return err;
}

/* Whether what was due after the first part was answered within the SLO. Without requests, there was no load. */
static bool holds(const struct state *state, const struct redis_run *run)
{
	uint64_t due = 0, inside = 0;
	double sum_ns = 0;

	for (uint64_t i = 0; i < run->schedule.count; i++) {
		int64_t response_ns = redis_response_ns(&state->redis, run, i);

		if (run->schedule.at_ns[i] < state->settle_ns)
			continue;
		due++;
		inside += response_ns <= SLO_NS;
		sum_ns += response_ns == INT64_MAX ? INFINITY : (double)response_ns;
	}
	return state->is_by_tail ? (double)inside >= RANK * (double)due
				 : sum_ns <= (double)SLO_NS * (double)due;
}

/* One step at @load. */
static int try_load(struct hb_trial *trial, struct state *state, double load, uint64_t seed,
	bool *ret_holds, uint64_t *ret_sent)
{
	const struct hb_load_profile profile = {
		.shape = HB_LOAD_POISSON,
		.duration_ns = state->step_ns,
		.rate_per_s = load * redis_capacity(trial),
	};
	struct redis_run run = {0};
	int err = redis_drive(trial, &state->redis, &profile, seed, &run);

	if (!err) {
		*ret_holds = holds(state, &run);
		*ret_sent += run.schedule.count;
	}
	redis_run_finish(&run);
	return err;
}

static int run(struct hb_trial *trial)
{
	const struct bat_policy_options options = {0};
	struct state *state = hb_trial_state(trial);
	bool is_quick = hb_trial_is_quick(trial);
	double low = LOAD_MIN, high = is_quick ? LOAD_MAX_QUICK : LOAD_MAX;
	uint64_t sent = 0, seed = hb_trial_seed(trial);
	int err = controller_begin(trial, &state->controller, SLO_NS, &options);

	state->redis.answered = answered;
	state->redis.idle = idle;
	state->redis.user = state;
	for (int step = 0; step < (is_quick ? STEPS_QUICK : STEPS) && !err; step++) {
		double middle = sqrt(low * high);
		bool is_held = false;

		err = try_load(trial, state, middle, seed + (uint64_t)step + 1, &is_held, &sent);
		if (is_held)
			low = middle;
		else
			high = middle;
	}
	if (err)
		return err;
	hb_trial_metric(trial, "range", low, sent + 1);
	hb_trial_metric(trial, "switches", (double)controller_switches(&state->controller), 1);
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);

	if (!state)
		return 0;
	controller_stop(&state->controller);
	free(state);
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 7500;
}

static const struct hb_param params[] = {
	REDIS_PARAM_CONNECTIONS("1", "1,16"),
	{
		.name = "judged",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "what has to be inside the SLO of 4 ms: the mean response, or 99 of 100",
		.sweep = "mean,p99",
		.sweep_quick = "mean",
		.allowed = "mean,p99",
	},
	REDIS_PARAM_NETWORK("20mbit,100mbit", "20mbit", NULL),
	REDIS_PARAM_SIZE("64,1024,16384"),
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "range",
		.unit = "1",
		.help = "highest load within the SLO: payload by the rate of the link, found to 3 "
			"%",
		.better = HB_BETTER_HIGHER,
		.basis = HB_BASIS_WALL,
	},
	{
		.name = "switches",
		.unit = "1",
		.help = "of the algorithm",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_COUNT,
	},
	{.name = NULL},
};

static const struct control off = {BAT_POLICY_NODELAY, FEEDBACK_NONE, false},
			    on = {BAT_POLICY_NAGLE, FEEDBACK_NONE, false},
			    by_requests = {BAT_POLICY_TOGGLE, FEEDBACK_REQUESTS, false},
			    by_kernel = {BAT_POLICY_TOGGLE, FEEDBACK_KERNEL, false};

#define VARIANT(name_, role_, help_, data_)                                                      \
	{                                                                                        \
		.name = (name_), .role = (role_), .help = (help_), .probe = controller_probe,    \
		.setup = set_up, .run = run, .verify = redis_verify_trial, .teardown = teardown, \
		.sabotage = redis_sabotage_trial, .data = (data_),                               \
	}

static const struct hb_variant variants[] = {
	VARIANT("nodelay", HB_ROLE_BASELINE, "TCP_NODELAY, as Redis's clients set it", &off),
	VARIANT("nagle", HB_ROLE_RIVAL, "Nagle's algorithm at the client", &on),
	VARIANT("toggle_requests", HB_ROLE_RIVAL,
		"a sequential test between the two, told response times by the application",
		&by_requests),
	VARIANT("toggle_kernel", HB_ROLE_IDEA,
		"the same, told the estimate from both ends' queues, followed in the kernel",
		&by_kernel),
	{.name = NULL},
};

#define CLAIM(name_, text_, where_, against_, lo_)                                                 \
	{                                                                                          \
		.name = (name_), .text = (text_),                                                  \
		.paper =                                                                           \
			"Hotbed, after Batching with End-to-End Performance Estimation, HotOS'25", \
		.section = "", .metric = "range", .variant = "toggle_kernel",                      \
		.where = "connections=1;" where_, .against_variant = (against_), .lo = (lo_),      \
		.hi = INFINITY, .needs = "namespaces, /dev/net/tun and BPF",                       \
	}

static const struct hb_claim claims[] = {
	CLAIM("half-as-much-again",
		"64 bytes: toggled by the estimate, the mean stays inside the SLO up to at least "
		"1.5 times the load of the worse arm, TCP_NODELAY.",
		"judged=mean;size=64", "nodelay", 1.5),
	CLAIM("the-better-arms-range",
		"64 bytes: and up to at least 0.95 of the better arm's, Nagle's algorithm.",
		"judged=mean;size=64", "nagle", 0.95),
	CLAIM("half-as-much-again-at-p99", "64 bytes: the same of the 99th percentile.",
		"judged=p99;size=64", "nodelay", 1.5),
	CLAIM("range-at-1-kib", "1 KiB, the same configuration: at least 0.95 of TCP_NODELAY's.",
		"judged=mean;size=1024", "nodelay", 0.95),
	CLAIM("range-at-16-kib", "16 KiB, the same configuration: at least 0.95 of it.",
		"judged=mean;size=16384", "nodelay", 0.95),
	{.name = NULL},
};

static const char *const roles[] = {"load", NULL};

const struct hb_experiment batching_load_range = {
	.name = "load-range",
	.question = "Up to which load is an unmodified Redis within the SLO, with and without "
		    "switching?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "size", .facet = "judged", .metric = "range"},
	.roles = roles,
	.blocks = 6,
	.memory_bytes = redis_memory_bytes,
	.trial_ms = trial_ms,
	.valid = redis_is_valid,
};
