/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching/closed-loop: unmodified redis-server under SETs whose rate alternates between two values, with Nagle's
 * algorithm at the client off, on, and toggled by what was measured or estimated: from the application's own count of
 * requests, or from polling the client's socket. The configuration of a policy is the same for all sizes and networks.
 * The oracle is told the better static arm of each phase, which it measures before. Latencies are cut at twice the SLO,
 * since one overloaded phase would outweigh everything else. The first phase of each kind is what learning costs, and
 * is reported apart.
 */
#include "experiments.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/load.h>
#include <hotbed/rng.h>
#include <hotbed/trial.h>

#include <batching/attach.h>
#include <batching/policy.h>

#include "redis.h"

#define MS 1000000ll
#define SLO_NS (4 * MS)
#define PHASE_NS (1000 * MS)
#define PHASE_QUICK_NS (15 * MS)
#define PHASES 6
#define PHASES_QUICK 4
#define TASTE_NS (200 * MS) /* of each arm in each phase, for the oracle */
#define TASTE_QUICK_NS (10 * MS)
#define WINDOW_NS (5 * MS) /* at least, and until WINDOW_ANSWERS have come ... */
#define WINDOW_ANSWERS 8
#define WINDOW_MAX_NS (100 * MS) /* ... or this has passed */
#define POLL_NS 200000.0         /* mean gap */
#define DRAIN_NS (2000 * MS)
#define KINDS 2 /* of phases */

enum feedback { FEEDBACK_NONE, FEEDBACK_REQUESTS, FEEDBACK_SOCKET };

struct arm {
	enum bat_policy_kind policy;
	enum feedback feedback;
};

/* Sums of one kind of phase, or of a window. */
struct tally {
	uint64_t count, inside;
	double sum_ns; /* each cut at 2 x SLO */
};

struct state {
	struct redis redis;
	const struct arm *arm;
	struct bat_policy *policy;
	struct bat_attach *attach; /* to ourselves */
	struct bat_oracle_phase oracle[PHASES];
	struct hb_rng rng;
	int64_t phase_ns;
	unsigned int phases;
	const struct hb_load_schedule *schedule;
	int64_t start_ns; /* of the schedule, on the clock */
	enum bat_socket_mode mode;
	int64_t window_ns, poll_ns;
	struct tally window, kinds[KINDS], learning; /* learning: the first phase of each kind */
	struct bat_poll_window polls;
	int err;
};

static double cut(double latency_ns)
{
	return fmin(latency_ns, 2.0 * SLO_NS);
}

static void add(struct tally *tally, double latency_ns)
{
	tally->count++;
	tally->inside += latency_ns <= SLO_NS;
	tally->sum_ns += cut(latency_ns);
}

/* Where a request belongs that was due at @at_ns. */
static struct tally *tally_of(struct state *state, int64_t at_ns)
{
	int64_t phase = at_ns / state->phase_ns;

	return phase < KINDS ? &state->learning : &state->kinds[phase % KINDS];
}

static void answered(void *user, uint64_t request, int64_t now_ns)
{
	struct state *state = user;
	int64_t at_ns = state->schedule->at_ns[request];
	double latency_ns = (double)(now_ns - state->redis.start_ns - at_ns);

	add(tally_of(state, at_ns), latency_ns);
	add(&state->window, latency_ns);
}

static int set_mode(struct state *state, enum bat_socket_mode mode)
{
	if (mode == state->mode)
		return 0;
	state->mode = mode;
	return redis_set_nodelay(&state->redis, mode == BAT_SOCKET_NODELAY);
}

/* What the application knows about its requests. */
static struct bat_feedback from_requests(const struct state *state, int64_t now_ns)
{
	return (struct bat_feedback){
		.duration_ns = now_ns - state->window_ns,
		.answered = state->window.count,
		.defined = state->window.count > 0,
		.latency_ns = state->window.count > 0
				      ? state->window.sum_ns / (double)state->window.count
				      : 0,
	};
}

/* What the socket shows: written until acknowledged, and received until read. */
static struct bat_feedback from_socket(const struct state *state)
{
	struct bat_poll_wait wait = bat_poll_waits(&state->polls);

	return (struct bat_feedback){
		.duration_ns = state->polls.last.time_ns - state->polls.first.time_ns,
		.answered = state->polls.last.unread_departed - state->polls.first.unread_departed,
		.defined = wait.unacked_defined && wait.unread_defined,
		.latency_ns = wait.unacked_ns + wait.unread_ns,
	};
}

static void poll_socket(struct state *state, int64_t now_ns)
{
	struct bat_attach_sample sample;

	if (now_ns < state->poll_ns)
		return;
	state->poll_ns = now_ns + (int64_t)hb_rng_exponential(&state->rng, POLL_NS) + 1;
	state->err = bat_attach_sample(state->attach, &sample);
	if (!state->err)
		bat_poll_add(&state->polls, &sample);
}

static bool is_window_over(const struct state *state, int64_t duration_ns)
{
	return duration_ns >= WINDOW_MAX_NS ||
	       (duration_ns >= WINDOW_NS && state->window.count >= WINDOW_ANSWERS);
}

/* A window whose time is over waits for answers, each of which is an event. */
static int64_t next_window_ns(const struct state *state, int64_t now_ns)
{
	int64_t end_ns = state->window_ns + WINDOW_NS;

	return end_ns > now_ns ? end_ns : state->window_ns + WINDOW_MAX_NS;
}

static int64_t idle(void *user, int64_t now_ns)
{
	struct state *state = user;
	struct bat_feedback feedback;

	if (state->arm->feedback == FEEDBACK_SOCKET)
		poll_socket(state, now_ns);
	if (is_window_over(state, now_ns - state->window_ns)) {
		if (state->arm->feedback != FEEDBACK_NONE) {
			feedback = state->arm->feedback == FEEDBACK_SOCKET
					   ? from_socket(state)
					   : from_requests(state, now_ns);
			bat_policy_learn(state->policy, &feedback);
		}
		if (state->arm->feedback == FEEDBACK_SOCKET)
			bat_poll_begin(&state->polls, &state->polls.last);
		state->window_ns = now_ns;
		state->window = (struct tally){0};
	}
	if (!state->err)
		state->err = set_mode(state, bat_policy_rule(state->policy, now_ns).mode);
	return state->arm->feedback == FEEDBACK_SOCKET ? state->poll_ns
						       : next_window_ns(state, now_ns);
}

static int drive(struct hb_trial *trial, struct state *state, const struct hb_load_profile *profile,
	uint64_t seed, struct hb_load **ret, struct hb_load_schedule *schedule)
{
	struct hb_load_options options = {.drain_ns = DRAIN_NS};
	struct hb_load_transport transport = redis_transport(&state->redis);
	struct hb_error error = {0};
	int err = hb_load_schedule_draw(profile, seed, schedule, &error);

	if (!err)
		err = hb_load_create(ret, schedule, &error);
	if (err)
		return hb_trial_fail(trial, "%s", error.text);
	state->schedule = schedule;
	memset(state->kinds, 0, sizeof(state->kinds));
	state->learning = (struct tally){0};
	redis_begin(&state->redis, schedule);
	err = hb_load_run(*ret, &transport, &options, &error);
	if (!err)
		err = state->err;
	return err ? hb_trial_fail(trial, "the run ended early: %s", strerror(-err)) : 0;
}

/* Mean of one arm at one rate, the drawn times of unanswered requests included as 2 x SLO. */
static int taste(
	struct hb_trial *trial, struct state *state, double rate_per_s, bool nagle, double *ret_ns)
{
	struct hb_load_profile profile = {.shape = HB_LOAD_POISSON,
		.duration_ns = hb_trial_is_quick(trial) ? TASTE_QUICK_NS : TASTE_NS,
		.rate_per_s = rate_per_s};
	struct hb_load_schedule schedule = {0};
	struct hb_load *load = NULL;
	int err = redis_set_nodelay(&state->redis, !nagle);

	if (!err)
		err = drive(trial, state, &profile, hb_trial_seed(trial) + 1, &load, &schedule);
	if (!err) {
		struct tally all = {
			.count = state->learning.count + state->kinds[0].count +
				 state->kinds[1].count,
			.sum_ns = state->learning.sum_ns + state->kinds[0].sum_ns +
				  state->kinds[1].sum_ns,
		};

		*ret_ns = (all.sum_ns + 2.0 * SLO_NS * (double)(schedule.count - all.count)) /
			  (double)schedule.count;
	}
	hb_load_destroy(load);
	hb_load_schedule_finish(&schedule);
	return err;
}

static int set_up(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	struct state *state = calloc(1, sizeof(*state));
	struct hb_error error = {0};
	int err = 0;

	if (!state)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, state);
	state->arm = hb_trial_data(trial);
	state->phase_ns = hb_trial_is_quick(trial) ? PHASE_QUICK_NS : PHASE_NS;
	state->phases = hb_trial_is_quick(trial) ? PHASES_QUICK : PHASES;
	hb_rng_init(&state->rng, hb_trial_seed(trial), 2);
	/* Before the connections: the copy that keeps watch would hold them open. */
	if (state->arm->feedback == FEEDBACK_SOCKET)
		err = bat_attach_create(&state->attach, getpid(), REDIS_PORT, 1000 * MS, &error);
	if (err)
		return hb_trial_fail(trial, "%s", error.text);
	err = redis_start(trial, &state->redis, 1, (size_t)hb_params_i64(params, "size"));
	if (err)
		return err;
	state->redis.answered = answered;
	state->redis.user = state;
	err = hb_trial_pin(trial, "load");
	return err ? hb_trial_fail(trial, "cannot set up the arm: %s", strerror(-err)) : 0;
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
	if (state->arm->policy == BAT_POLICY_ORACLE)
		return learn_oracle(trial, state, rates_per_s);
	return taste(trial, state, rates_per_s[0], false, &mean_ns);
}

static int make_policy(struct hb_trial *trial, struct state *state)
{
	struct bat_policy_options options = {
		.kind = state->arm->policy,
		.kernel_arm = true,
		.slo_ns = SLO_NS,
		.seed = hb_trial_seed(trial),
		.phases = state->oracle,
		.phase_count = state->phases,
	};
	struct hb_error error = {0};
	int64_t now_ns = hb_clock_now_ns();

	for (unsigned int i = 0; i < state->phases; i++)
		state->oracle[i].from_ns += now_ns;
	if (bat_policy_create(&state->policy, &options, &error))
		return hb_trial_fail(trial, "%s", error.text);
	state->window_ns = state->poll_ns = now_ns;
	state->window = (struct tally){0};
	state->redis.idle = idle;
	if (state->attach) {
		struct bat_attach_sample sample;

		if (bat_attach_sample(state->attach, &sample) || sample.sockets != 1)
			return hb_trial_fail(trial, "our own socket is not found");
		bat_poll_begin(&state->polls, &sample);
	}
	return 0;
}

/* What was not answered counts as 2 x SLO. */
static double capped_ns(const struct tally *tally, uint64_t due)
{
	return (tally->sum_ns + 2.0 * SLO_NS * (double)(due - tally->count)) / (double)due;
}

/* Returns 0, or hb_trial_fail() if a phase has no request. */
static int report(
	struct hb_trial *trial, struct state *state, const struct hb_load_schedule *schedule)
{
	static const char *const capped[KINDS] = {"capped_low", "capped_high"},
				 *const inside[KINDS] = {"inside_low", "inside_high"};
	struct bat_policy_record record = bat_policy_recorded(state->policy);
	uint64_t due[KINDS] = {0}, learning = 0, good = 0;
	double sum_ns = 0;

	for (size_t i = 0; i < schedule->count; i++) {
		struct tally *tally = tally_of(state, schedule->at_ns[i]);

		learning += tally == &state->learning;
		for (int kind = 0; kind < KINDS; kind++)
			due[kind] += tally == &state->kinds[kind];
	}
	if (due[0] == 0 || due[1] == 0 || learning == 0)
		return hb_trial_fail(trial, "a phase without requests: the load is too low");
	for (unsigned int kind = 0; kind < KINDS; kind++) {
		const struct tally *tally = &state->kinds[kind];
		double mean_ns = capped_ns(tally, due[kind]);

		hb_trial_metric(trial, capped[kind], mean_ns, due[kind]);
		hb_trial_metric(
			trial, inside[kind], (double)tally->inside / (double)due[kind], due[kind]);
		sum_ns += mean_ns;
		good += tally->inside;
	}
	/* Phases count alike, or the one with more requests would be all that matters. */
	hb_trial_metric(trial, "capped_mean", sum_ns / KINDS, due[0] + due[1]);
	hb_trial_metric(trial, "capped_learning", capped_ns(&state->learning, learning), learning);
	hb_trial_metric(trial, "goodput",
		(double)good * 1e9 / (double)(state->phase_ns * (state->phases - KINDS)), good + 1);
	hb_trial_metric(trial, "switches", (double)record.switches, 1);
	return 0;
}

static int run(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);
	struct hb_load_schedule schedule = {0};
	struct hb_load *load = NULL;
	double rates_per_s[KINDS];
	struct hb_load_profile profile = {.shape = HB_LOAD_BURST,
		.duration_ns = state->phase_ns * state->phases,
		.on_ns = state->phase_ns,
		.off_ns = state->phase_ns};
	int err = make_policy(trial, state);

	get_rates(trial, rates_per_s);
	profile.rate_per_s = rates_per_s[0];
	profile.other_rate_per_s = rates_per_s[1];
	if (!err)
		err = drive(trial, state, &profile, hb_trial_seed(trial), &load, &schedule);
	if (!err) {
		err = report(trial, state, &schedule);
	}
	if (!err) {
		/* Over all phases; what was late is flagged. */
		err = hb_load_report(load, trial);
	}
	state->redis.idle = NULL;
	hb_load_destroy(load);
	hb_load_schedule_finish(&schedule);
	return err;
}

static int verify(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);

	return redis_verify(trial, &state->redis);
}

static int teardown(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);

	if (!state)
		return 0;
	bat_attach_destroy(state->attach, NULL);
	bat_policy_destroy(state->policy);
	redis_stop(&state->redis);
	free(state);
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);

	state->redis.is_sabotaged = true;
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 7500;
}

static uint64_t memory_bytes(const struct hb_params *params)
{
	(void)params;
	return 1ull << 30;
}

/* As in redis-sweep: what the network can carry at all within the SLO. */
static bool valid(const struct hb_params *params, const char **ret_why)
{
	bool is_slow = strcmp(hb_params_text(params, "network"), "20mbit") == 0;
	int64_t size = hb_params_i64(params, "size");

	*ret_why = "values of 16 KiB and more need a faster network than 20mbit, and those below 4 "
		   "KiB a "
		   "slower one than 100mbit";
	if (strcmp(hb_params_text(params, "network"), "100mbit") == 0)
		return size >= 4096;
	return !is_slow || size < 16384;
}

static const struct hb_param params[] = {
	{
		.name = "high",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "SETs in every second phase: payload by the rate of the link, or share of "
			"250,000 "
			"per second where it has none",
		.sweep = "0.67",
		.sweep_quick = "0.4",
		.min = 0.001,
		.max = 2,
	},
	{
		.name = "low",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "the same in the other phases, which come first",
		.sweep = "0.12",
		.min = 0.001,
		.max = 2,
	},
	{
		.name = "network",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "between client and server: loopback; an emulated link of so many bits per "
			"second "
			"with 1 ms there and back; tap, a link without limits",
		.sweep = "20mbit,100mbit",
		.sweep_quick = "20mbit",
		.allowed = NETWORK_NAMES,
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

static const struct arm off = {BAT_POLICY_NODELAY, FEEDBACK_NONE},
			on = {BAT_POLICY_NAGLE, FEEDBACK_NONE},
			oracle = {BAT_POLICY_ORACLE, FEEDBACK_NONE},
			greedy = {BAT_POLICY_GREEDY, FEEDBACK_REQUESTS},
			by_requests = {BAT_POLICY_TOGGLE, FEEDBACK_REQUESTS},
			by_socket = {BAT_POLICY_TOGGLE, FEEDBACK_SOCKET};

#define VARIANT(name_, role_, help_, data_)                                              \
	{                                                                                \
		.name = (name_), .role = (role_), .help = (help_), .probe = redis_probe, \
		.setup = set_up, .warmup = warm_up, .run = run, .verify = verify,        \
		.teardown = teardown, .sabotage = sabotage, .data = (data_),             \
	}

static const struct hb_variant variants[] = {
	VARIANT("nodelay", HB_ROLE_BASELINE, "TCP_NODELAY, as Redis's clients set it", &off),
	VARIANT("nagle", HB_ROLE_RIVAL, "Nagle's algorithm at the client", &on),
	VARIANT("oracle", HB_ROLE_RIVAL, "the better of the two in each phase, measured before",
		&oracle),
	VARIANT("greedy", HB_ROLE_RIVAL, "epsilon-greedy, told response times by the application",
		&greedy),
	VARIANT("toggle_requests", HB_ROLE_IDEA,
		"a sequential test between the two, told response times by the application",
		&by_requests),
	VARIANT("toggle_socket", HB_ROLE_IDEA,
		"the same, told what polling the client's socket shows", &by_socket),
	{.name = NULL},
};

#define CLAIM(name_, text_, metric_, variant_, where_, against_, lo_, hi_)                         \
	{                                                                                          \
		.name = (name_), .text = (text_),                                                  \
		.paper =                                                                           \
			"Hotbed, after Batching with End-to-End Performance Estimation, HotOS'25", \
		.section = "", .metric = (metric_), .variant = (variant_), .where = (where_),      \
		.against_variant = (against_), .lo = (lo_), .hi = (hi_),                           \
		.needs = "namespaces and /dev/net/tun",                                            \
	}

static const struct hb_claim claims[] = {
	CLAIM("tracks-nodelay-at-low-load",
		"64 bytes, low load: once settled, toggling by response times costs at most 5 % "
		"over "
		"TCP_NODELAY, the better static arm there.",
		"capped_low", "toggle_requests", "size=64", "nodelay", 0, 1.05),
	CLAIM("tracks-nagle-at-high-load",
		"64 bytes, high load: it costs at most 5 % over Nagle's algorithm, the better one "
		"there.",
		"capped_high", "toggle_requests", "size=64", "nagle", 0, 1.05),
	CLAIM("beats-nodelay", "64 bytes: over both phases it is better than TCP_NODELAY.",
		"capped_mean", "toggle_requests", "size=64", "nodelay", 0, 0.9),
	CLAIM("beats-nagle", "64 bytes: over both phases it is better than Nagle's algorithm.",
		"capped_mean", "toggle_requests", "size=64", "nagle", 0, 0.9),
	CLAIM("loses-nothing-at-1-kib",
		"1 KiB, where TCP_NODELAY wins in all phases: at most 3 % worse than that.",
		"capped_mean", "toggle_requests", "size=1024", "nodelay", 0, 1.03),
	CLAIM("loses-nothing-at-16-kib", "16 KiB, where the arms are alike: at most 3 % worse.",
		"capped_mean", "toggle_requests", "size=16384", "nodelay", 0, 1.03),
	CLAIM("told-by-socket",
		"Toggling by polls of the client's socket costs at most 5 % more than by response "
		"times.",
		"capped_mean", "toggle_socket", "", "toggle_requests", 0, 1.05),
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
	.memory_bytes = memory_bytes,
	.trial_ms = trial_ms,
	.valid = valid,
};
