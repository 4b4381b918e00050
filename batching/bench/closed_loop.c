/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching/closed-loop: unmodified redis-server under SETs whose rate alternates between two values, with Nagle's
 * algorithm at the client (or at both ends) off, on, and toggled by what was measured or estimated: by the
 * application's own count of requests, by polling the client's sockets, or by the queues of both ends, followed in the
 * kernel. The configuration of a policy is the same for all sizes, networks and numbers of connections. The oracle is
 * told the better static arm of each phase, which it measures before. Latencies are cut at twice the SLO, since one
 * overloaded phase would outweigh everything else. The first phase of each kind is what learning costs, and is
 * reported apart.
 */
#include "experiments.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include <hotbed/clock.h>
#include <hotbed/load.h>
#include <hotbed/trial.h>

#include "controller.h"

#define MS 1000000ll
#define SLO_NS (4 * MS)
#define PHASE_NS (1000 * MS)
#define PHASE_QUICK_NS (15 * MS)
#define PHASES 6
#define PHASES_QUICK 4
#define TASTE_NS (200 * MS) /* of each arm in each phase, for the oracle */
#define TASTE_QUICK_NS (10 * MS)
#define KINDS 2       /* of phases */
#define KEPT_MIN 0.01 /* ratios are compared, so that none may be 0 */
#define RANK 0.99

struct state {
	struct redis redis; /* first: hooks of redis.h */
	struct controller controller;
	struct bat_oracle_phase oracle[PHASES];
	int64_t phase_ns;
	unsigned int phases;
};

/* Response times of one kind of phase. */
struct tally {
	uint64_t due, inside;
	double sum_ns; /* each cut at 2 x SLO, as are those never answered */
};

static void add(struct tally *tally, int64_t response_ns)
{
	tally->due++;
	tally->inside += response_ns <= SLO_NS;
	tally->sum_ns += fmin((double)response_ns, 2.0 * SLO_NS);
}

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

/* Mean of one arm at one rate. */
static int taste(
	struct hb_trial *trial, struct state *state, double rate_per_s, bool nagle, double *ret_ns)
{
	const struct hb_load_profile profile = {.shape = HB_LOAD_POISSON,
		.duration_ns = hb_trial_is_quick(trial) ? TASTE_QUICK_NS : TASTE_NS,
		.rate_per_s = rate_per_s};
	struct redis_run run = {0};
	struct tally tally = {0};
	int err = 0;

	if (redis_set_nodelay(&state->redis, !nagle))
		return hb_trial_fail(trial, "TCP_NODELAY is refused");
	err = redis_drive(trial, &state->redis, &profile, hb_trial_seed(trial) + 1, &run);
	for (uint64_t i = 0; i < run.schedule.count; i++)
		add(&tally, redis_response_ns(&state->redis, &run, i));
	if (!err)
		*ret_ns = tally.sum_ns / (double)tally.due;
	redis_run_finish(&run);
	return err;
}

static int set_up(struct hb_trial *trial)
{
	struct state *state = calloc(1, sizeof(*state));
	int err;

	if (!state)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, state);
	state->phase_ns = hb_trial_is_quick(trial) ? PHASE_QUICK_NS : PHASE_NS;
	state->phases = hb_trial_is_quick(trial) ? PHASES_QUICK : PHASES;
	err = controller_start(trial, &state->controller, &state->redis);
	if (!err && hb_trial_pin(trial, "load"))
		err = hb_trial_fail(trial, "cannot go to the processors of the load");
	return err;
}

/* Which arm is better in which phase, then from when on. */
static int learn_oracle(
	struct hb_trial *trial, struct state *state, const double rates_per_s[KINDS])
{
	for (unsigned int kind = 0; kind < KINDS; kind++) {
		double mean_ns[2];

		for (int nagle = 0; nagle < 2; nagle++) {
			int err =
				taste(trial, state, rates_per_s[kind], nagle == 1, &mean_ns[nagle]);

			if (err)
				return err;
		}
		for (unsigned int i = kind; i < state->phases; i += KINDS)
			state->oracle[i] = (struct bat_oracle_phase){
				(int64_t)i * state->phase_ns, mean_ns[1] < mean_ns[0]};
	}
	return redis_set_nodelay(&state->redis, true)
		       ? hb_trial_fail(trial, "TCP_NODELAY is refused")
		       : 0;
}

static void get_rates(const struct hb_trial *trial, double ret_per_s[KINDS])
{
	double capacity_per_s = redis_capacity(trial);

	ret_per_s[0] = hb_params_real(hb_trial_params(trial), "low") * capacity_per_s;
	ret_per_s[1] = hb_params_real(hb_trial_params(trial), "high") * capacity_per_s;
}

static int warm_up(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);
	double rates_per_s[KINDS], mean_ns;

	get_rates(trial, rates_per_s);
	if (state->controller.control->policy == BAT_POLICY_ORACLE)
		return learn_oracle(trial, state, rates_per_s);
	return taste(trial, state, rates_per_s[0], false, &mean_ns);
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The response time that 99 of 100 of these do not exceed. Sorts them. */
static double p99_of(int64_t *times_ns, size_t count)
{
	int64_t time_ns;

	qsort(times_ns, count, sizeof(*times_ns), by_size);
	time_ns = times_ns[(size_t)((double)(count - 1) * RANK)];
	return time_ns == INT64_MAX ? INFINITY : (double)time_ns;
}

/* What one run is worth, by phases. */
struct score {
	struct tally kinds[KINDS], learning; /* learning: the first phase of each kind */
	double p99_ns[KINDS];                /* the worst of its phases */
	unsigned int kept;                   /* phases whose 99th percentile is inside the SLO */
};

static int score_phases(struct hb_trial *trial, const struct state *state,
	const struct redis_run *run, struct score *ret)
{
	int64_t *times_ns = calloc(run->schedule.count, sizeof(*times_ns));
	uint64_t request = 0;

	if (!times_ns)
		return hb_trial_fail(trial, "no memory for response times");
	for (unsigned int phase = 0; phase < state->phases; phase++) {
		int64_t end_ns = (int64_t)(phase + 1) * state->phase_ns;
		unsigned int kind = phase % KINDS;
		size_t count = 0;

		for (; request < run->schedule.count && run->schedule.at_ns[request] < end_ns;
			request++) {
			times_ns[count] = redis_response_ns(&state->redis, run, request);
			add(phase < KINDS ? &ret->learning : &ret->kinds[kind], times_ns[count]);
			count++;
		}
		if (count == 0) {
			free(times_ns);
			return hb_trial_fail(
				trial, "a phase without requests: the load is too low");
		}
		if (phase >= KINDS) {
			double p99_ns = p99_of(times_ns, count);

			ret->p99_ns[kind] = fmax(ret->p99_ns[kind], p99_ns);
			ret->kept += p99_ns <= SLO_NS;
		}
	}
	free(times_ns);
	return 0;
}

static double mean_of(const struct tally *tally)
{
	return tally->sum_ns / (double)tally->due;
}

static void report(struct hb_trial *trial, const struct state *state, const struct score *score)
{
	static const char *const capped[KINDS] = {"capped_low", "capped_high"},
				 *const inside[KINDS] = {"inside_low", "inside_high"},
				 *const p99[KINDS] = {"p99_low", "p99_high"};
	uint64_t due = score->kinds[0].due + score->kinds[1].due;
	uint64_t good = score->kinds[0].inside + score->kinds[1].inside;
	unsigned int scored = state->phases - KINDS;

	for (unsigned int kind = 0; kind < KINDS; kind++) {
		const struct tally *tally = &score->kinds[kind];

		hb_trial_metric(trial, capped[kind], mean_of(tally), tally->due);
		hb_trial_metric(trial, inside[kind], (double)tally->inside / (double)tally->due,
			tally->due);
		hb_trial_metric(trial, p99[kind], score->p99_ns[kind], tally->due);
	}
	/* Phases count alike, or the one with more requests would be all that matters. */
	hb_trial_metric(trial, "capped_mean",
		(mean_of(&score->kinds[0]) + mean_of(&score->kinds[1])) / KINDS, due);
	hb_trial_metric(trial, "capped_learning", mean_of(&score->learning), score->learning.due);
	hb_trial_metric(trial, "goodput", (double)good * 1e9 / (double)(state->phase_ns * scored),
		good + 1);
	hb_trial_metric(trial, "p99_kept", fmax((double)score->kept / scored, KEPT_MIN), scored);
	hb_trial_metric(trial, "switches", (double)controller_switches(&state->controller), 1);
}

static int run(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);
	const struct bat_policy_options options = {
		.phases = state->oracle, .phase_count = state->phases};
	struct hb_load_profile profile = {.shape = HB_LOAD_BURST,
		.duration_ns = state->phase_ns * state->phases,
		.on_ns = state->phase_ns,
		.off_ns = state->phase_ns};
	int64_t now_ns = hb_clock_now_ns();
	double rates_per_s[KINDS];
	struct redis_run done = {0};
	struct score score = {0};
	int err;

	get_rates(trial, rates_per_s);
	profile.rate_per_s = rates_per_s[0];
	profile.other_rate_per_s = rates_per_s[1];
	for (unsigned int i = 0; i < state->phases; i++)
		state->oracle[i].from_ns += now_ns;
	err = controller_begin(trial, &state->controller, SLO_NS, &options);
	state->redis.answered = answered;
	state->redis.idle = idle;
	state->redis.user = state;
	if (!err)
		err = redis_drive(trial, &state->redis, &profile, hb_trial_seed(trial), &done);
	state->redis.answered = NULL;
	state->redis.idle = NULL;
	if (!err)
		err = score_phases(trial, state, &done, &score);
	if (!err) {
		report(trial, state, &score);
		/* Over all phases; what was late is flagged. */
		err = hb_load_report(done.load, trial);
	}
	redis_run_finish(&done);
	return err;
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
	REDIS_PARAM_CONNECTIONS("1", "1,16,256"),
	REDIS_PARAM_LOAD("high", "SETs in every second phase", "0.67", "0.4", NULL),
	REDIS_PARAM_LOAD("low", "SETs in the other phases, which come first", "0.12", NULL, NULL),
	REDIS_PARAM_NETWORK("20mbit,100mbit", "20mbit", NULL),
	REDIS_PARAM_SIZE("64,1024,16384"),
	{.name = NULL},
};

#define LATENCY(name_, help_)                                                              \
	{                                                                                  \
		.name = (name_), .unit = "ns", .help = (help_), .better = HB_BETTER_LOWER, \
		.basis = HB_BASIS_WALL,                                                    \
	}

#define SHARE(name_, help_)                                                                \
	{                                                                                  \
		.name = (name_), .unit = "1", .help = (help_), .better = HB_BETTER_HIGHER, \
		.basis = HB_BASIS_WALL,                                                    \
	}

static const struct hb_metric metrics[] = {
	LATENCY("capped_mean", "response time, each cut at 8 ms = 2 x SLO, phases counting alike"),
	LATENCY("capped_low", "the same in the phases of the low rate"),
	LATENCY("capped_high", "the same in the phases of the high rate"),
	LATENCY("capped_learning",
		"the same in the first phase of each kind, which are not in the others"),
	LATENCY("latency_response_p99", "99 of 100 are faster, not cut"),
	LATENCY("p99_low",
		"99 of 100 are faster, not cut, in the worst of the phases of the low rate"),
	LATENCY("p99_high", "the same in the phases of the high rate"),
	SHARE("p99_kept", "phases in which 99 of 100 are answered within the SLO, at least 0.01"),
	SHARE("inside_low", "requests answered within the SLO in the phases of the low rate"),
	SHARE("inside_high", "the same in the phases of the high rate"),
	{
		.name = "goodput",
		.unit = "1/s",
		.help = "requests answered within the SLO of 4 ms",
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
			    oracle = {BAT_POLICY_ORACLE, FEEDBACK_NONE, false},
			    greedy = {BAT_POLICY_GREEDY, FEEDBACK_REQUESTS, false},
			    by_requests = {BAT_POLICY_TOGGLE, FEEDBACK_REQUESTS, false},
			    by_sockets = {BAT_POLICY_TOGGLE, FEEDBACK_SOCKETS, false},
			    by_kernel = {BAT_POLICY_TOGGLE, FEEDBACK_KERNEL, false},
			    at_both = {BAT_POLICY_TOGGLE, FEEDBACK_KERNEL, true};

#define VARIANT(name_, role_, help_, data_)                                                   \
	{                                                                                     \
		.name = (name_), .role = (role_), .help = (help_), .probe = controller_probe, \
		.setup = set_up, .warmup = warm_up, .run = run, .verify = redis_verify_trial, \
		.teardown = teardown, .sabotage = redis_sabotage_trial, .data = (data_),      \
	}

static const struct hb_variant variants[] = {
	VARIANT("nodelay", HB_ROLE_BASELINE, "TCP_NODELAY, as Redis's clients set it", &off),
	VARIANT("nagle", HB_ROLE_RIVAL, "Nagle's algorithm at the client", &on),
	VARIANT("oracle", HB_ROLE_RIVAL, "the better of the two in each phase, measured before",
		&oracle),
	VARIANT("greedy", HB_ROLE_RIVAL, "epsilon-greedy, told response times by the application",
		&greedy),
	VARIANT("toggle_requests", HB_ROLE_RIVAL,
		"a sequential test between the two, told response times by the application",
		&by_requests),
	VARIANT("toggle_socket", HB_ROLE_RIVAL,
		"the same, told what polling the client's sockets shows", &by_sockets),
	VARIANT("toggle_kernel", HB_ROLE_IDEA,
		"the same, told the estimate from both ends' queues, followed in the kernel",
		&by_kernel),
	VARIANT("toggle_both", HB_ROLE_IDEA,
		"the same with a second such test that switches the server's ends", &at_both),
	{.name = NULL},
};

#define CLAIM(name_, text_, metric_, variant_, where_, against_, lo_, hi_)                         \
	{                                                                                          \
		.name = (name_), .text = (text_),                                                  \
		.paper =                                                                           \
			"Hotbed, after Batching with End-to-End Performance Estimation, HotOS'25", \
		.section = "", .metric = (metric_), .variant = (variant_), .where = (where_),      \
		.against_variant = (against_), .lo = (lo_), .hi = (hi_),                           \
		.needs = "namespaces, /dev/net/tun and BPF",                                       \
	}

static const struct hb_claim claims[] = {
	CLAIM("tracks-nodelay-at-low-load",
		"64 bytes, low load: once settled, toggling by the estimate costs at most 5 % over "
		"TCP_NODELAY, the better static arm there.",
		"capped_low", "toggle_kernel", "connections=1;size=64", "nodelay", 0, 1.05),
	CLAIM("tracks-nagle-at-high-load",
		"64 bytes, high load: it costs at most 5 % over Nagle's algorithm, the better one "
		"there.",
		"capped_high", "toggle_kernel", "connections=1;size=64", "nagle", 0, 1.05),
	CLAIM("beats-nodelay", "64 bytes: over both phases it is better than TCP_NODELAY.",
		"capped_mean", "toggle_kernel", "connections=1;size=64", "nodelay", 0, 0.9),
	CLAIM("beats-nagle", "64 bytes: over both phases it is better than Nagle's algorithm.",
		"capped_mean", "toggle_kernel", "connections=1;size=64", "nagle", 0, 0.9),
	CLAIM("loses-nothing-at-1-kib",
		"1 KiB, where TCP_NODELAY wins in all phases: at most 3 % worse than that.",
		"capped_mean", "toggle_kernel", "connections=1;size=1024", "nodelay", 0, 1.03),
	CLAIM("loses-nothing-at-16-kib", "16 KiB, where the arms are alike: at most 3 % worse.",
		"capped_mean", "toggle_kernel", "connections=1;size=16384", "nodelay", 0, 1.03),
	CLAIM("goodput-at-64-bytes",
		"64 bytes: at least 0.95 of the requests inside the SLO that the better static "
		"arm, Nagle's algorithm, has there.",
		"goodput", "toggle_kernel", "connections=1;size=64", "nagle", 0.95, INFINITY),
	CLAIM("goodput-at-1-kib", "1 KiB, the same configuration: at least 0.95 of TCP_NODELAY's.",
		"goodput", "toggle_kernel", "connections=1;size=1024", "nodelay", 0.95, INFINITY),
	CLAIM("goodput-at-16-kib", "16 KiB, the same configuration: at least 0.95 of it.",
		"goodput", "toggle_kernel", "connections=1;size=16384", "nodelay", 0.95, INFINITY),
	CLAIM("keeps-the-tail",
		"64 bytes: the 99th percentile is inside the SLO in as many phases as with the "
		"better static arm of each.",
		"p99_kept", "toggle_kernel", "connections=1;size=64", "oracle", 0.999, INFINITY),
	CLAIM("told-by-sockets",
		"Toggling by polls of the client's sockets costs at most 5 % more than by response "
		"times.",
		"capped_mean", "toggle_socket", "connections=1", "toggle_requests", 0, 1.05),
	CLAIM("told-by-the-estimate",
		"Toggling by the estimate costs at most 5 % more than by response times.",
		"capped_mean", "toggle_kernel", "connections=1", "toggle_requests", 0, 1.05),
	CLAIM("both-ends-adapt",
		"A second test at the server, which knows nothing of the first, costs at most 5 % "
		"more.",
		"capped_mean", "toggle_both", "connections=1", "toggle_kernel", 0, 1.05),
	{.name = NULL},
};

static const char *const roles[] = {"load", NULL};

const struct hb_experiment batching_closed_loop = {
	.name = "closed-loop",
	.question = "Does switching Nagle's algorithm by estimates track the better static choice "
		    "when the load changes?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "size", .metric = "capped_mean", .log_y = true},
	.roles = roles,
	.blocks = 6,
	.memory_bytes = redis_memory_bytes,
	.trial_ms = trial_ms,
	.valid = redis_is_valid,
};
