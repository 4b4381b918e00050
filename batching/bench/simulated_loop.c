/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching/simulated-loop: the closed loop of the paper, in the simulated connection: the requester's controller sees
 * the queue counters of both ends at each window, estimates the end-to-end latency by Little's law, and the same policy
 * object that the real programs use switches Nagle's algorithm at the requester. The load alternates between two
 * values. Truth is the log of all requests; it repeats bit for bit. Some controllers are told less, later, or lies.
 */
#include "experiments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <batching/policy.h>
#include <batching/tcp_sim.h>

#define MS 1000000ll
#define NS_PER_S 1e9
#define SLO_NS (4 * MS)
#define WINDOW_NS (5 * MS)
#define WINDOW_ANSWERS 8
#define WINDOW_MAX_NS (100 * MS)
#define PHASE_NS (1000 * MS)
#define PHASE_QUICK_NS (100 * MS)
#define PHASES 12
#define PHASES_QUICK 4
#define KINDS 2
#define DELAY_NS 500000
#define QUEUE_SEGMENTS 128 /* as many as Reno keeps on their way with a router of 100 */
#define SLOW_BYTES_PER_S 2500000u
#define FAST_BYTES_PER_S 12500000u
#define FAST_FROM_BYTES 4096
#define COMMAND_BYTES 34 /* of a SET, as in redis-sweep */
#define REPLY_BYTES 5
#define REQUEST_NS 5000

enum sight { SIGHT_NONE, SIGHT_BOTH, SIGHT_LOCAL, SIGHT_LATE, SIGHT_LIES };

struct arm {
	enum bat_policy_kind policy;
	enum sight sight;
};

struct readings {
	struct bat_reading ends[BAT_TCP_ENDS][BAT_QUEUE_COUNT]; /* in bytes */
};

static struct bat_tcp_config config;
static struct bat_policy *policy;
static struct bat_oracle_phase phases[PHASES];
static struct readings window, before; /* since the window began; of the window before that */
static const struct arm *arm;
static bool sabotaged;

/* Sums over the requests of one kind of phase. */
struct tally {
	uint64_t count;
	double sum_ns; /* each cut at 2 x SLO */
};

static struct tally kinds[KINDS], learning;

static double load_of(const struct hb_params *params, const char *name)
{
	int64_t size = hb_params_i64(params, "size");
	double capacity_per_s = (size < FAST_FROM_BYTES ? SLOW_BYTES_PER_S : FAST_BYTES_PER_S) /
				(double)(size + COMMAND_BYTES);

	return hb_params_real(params, name) * capacity_per_s;
}

static int set_up(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	int64_t size = hb_params_i64(params, "size");
	double low_per_s = load_of(params, "low"), high_per_s = load_of(params, "high");
	int phase_count = hb_trial_is_quick(trial) ? PHASES_QUICK : PHASES;

	arm = hb_trial_data(trial);
	bat_tcp_config_init(&config);
	config.links[0] = config.links[1] = (struct bat_tcp_link){
		.delay_ns = DELAY_NS,
		.rate_bytes_per_s = size < FAST_FROM_BYTES ? SLOW_BYTES_PER_S : FAST_BYTES_PER_S,
	};
	config.window_segments = QUEUE_SEGMENTS;
	config.classes[0] = config.classes[1] =
		(struct bat_tcp_class){(uint32_t)size + COMMAND_BYTES, REPLY_BYTES};
	config.request_ns = REQUEST_NS;
	config.phase_ns = hb_trial_is_quick(trial) ? PHASE_QUICK_NS : PHASE_NS;
	config.gap_ns = NS_PER_S / low_per_s;
	config.other_gap_ns = NS_PER_S / high_per_s;
	config.requests = (uint64_t)((low_per_s + high_per_s) / 2 * phase_count *
				     (double)config.phase_ns / NS_PER_S);
	config.log = calloc(config.requests, sizeof(*config.log));
	for (int i = 0; i < PHASES; i++)
		phases[i] = (struct bat_oracle_phase){i * config.phase_ns, 0};
	return config.log ? 0 : hb_trial_fail(trial, "no memory");
}

/* ---- the controller ---- */

static void waits_of(const struct bat_reading *from, const struct bat_reading *to, uint64_t factor,
	struct bat_end *ret)
{
	*ret = (struct bat_end){.queues = {{.tracked = false}}};
	for (int queue = 0; queue < BAT_QUEUE_COUNT; queue++) {
		struct bat_window between;

		if (bat_window_between(&from[queue], &to[queue], &between))
			continue;
		between.integral *= factor;
		ret->queues[queue] = bat_wait_of(&between);
	}
}

/* What this arm's controller takes for the latency of the window that ends with @now. */
static struct bat_feedback estimate(const struct readings *now)
{
	bool is_late = arm->sight == SIGHT_LATE;
	struct bat_feedback feedback = {0};
	struct bat_estimate sum;
	struct bat_end a, b;

	waits_of(window.ends[0], now->ends[0], 1, &a);
	waits_of(is_late ? before.ends[1] : window.ends[1], is_late ? window.ends[1] : now->ends[1],
		arm->sight == SIGHT_LIES ? 10 : 1, &b);
	feedback.duration_ns = now->ends[0][0].time_ns - window.ends[0][0].time_ns;
	feedback.answered =
		(now->ends[0][BAT_UNREAD].departed - window.ends[0][BAT_UNREAD].departed) /
		REPLY_BYTES;
	if (arm->sight == SIGHT_LOCAL) {
		feedback.defined = a.queues[BAT_UNACKED].defined && a.queues[BAT_UNREAD].defined;
		feedback.latency_ns = a.queues[BAT_UNACKED].ns + a.queues[BAT_UNREAD].ns;
		return feedback;
	}
	bat_estimate_larger(&a, &b, &sum);
	feedback.defined = sum.defined;
	feedback.latency_ns = sum.end_to_end_ns;
	return feedback;
}

static void control(void *user, int64_t now_ns,
	struct bat_reading readings[BAT_TCP_ENDS][BAT_TCP_UNITS][BAT_QUEUE_COUNT],
	bool nagle[BAT_TCP_ENDS])
{
	struct readings now;
	struct bat_feedback feedback;

	(void)user;
	for (int end = 0; end < BAT_TCP_ENDS; end++)
		memcpy(now.ends[end], readings[end][0], sizeof(now.ends[end]));
	feedback = estimate(&now);
	if (feedback.answered >= WINDOW_ANSWERS || feedback.duration_ns >= WINDOW_MAX_NS) {
		if (arm->sight != SIGHT_NONE)
			bat_policy_learn(policy, &feedback);
		before = window;
		window = now;
	}
	nagle[0] = bat_policy_rule(policy, now_ns).mode == BAT_SOCKET_NAGLE;
}

/* ---- the truth ---- */

static void count_phases(void)
{
	memset(kinds, 0, sizeof(kinds));
	learning = (struct tally){0};
	for (uint64_t i = 0; i < config.requests; i++) {
		const int64_t *at_ns = config.log[i].at_ns;
		int64_t phase = at_ns[BAT_TCP_SCHEDULED] / config.phase_ns;
		double latency_ns = (double)(at_ns[BAT_TCP_REPLY_READ] - at_ns[BAT_TCP_SCHEDULED]);
		struct tally *tally = phase < KINDS ? &learning : &kinds[phase % KINDS];

		tally->count++;
		tally->sum_ns += fmin(latency_ns, 2.0 * SLO_NS);
	}
}

static double mean_ns(const struct tally *tally)
{
	return tally->sum_ns / (double)tally->count;
}

static int simulate(struct hb_trial *trial, enum bat_policy_kind kind)
{
	struct bat_policy_options options = {
		.kind = kind,
		.kernel_arm = true,
		.slo_ns = SLO_NS,
		.seed = hb_trial_seed(trial),
		.phases = phases,
		.phase_count = PHASES,
	};
	struct bat_tcp_result result;
	struct hb_error error = {0};
	int err = bat_policy_create(&policy, &options, &error);

	if (err)
		return hb_trial_fail(trial, "%s", error.text);
	window = before = (struct readings){0};
	config.tick = control;
	config.tick_ns = WINDOW_NS;
	config.hosts[0].nagle = bat_policy_rule(policy, 0).mode == BAT_SOCKET_NAGLE;
	err = bat_tcp_simulate(&config, hb_trial_seed(trial), 0, &result, &error);
	if (err)
		return hb_trial_fail(trial, "%s", error.text);
	count_phases();
	if (kinds[0].count == 0 || kinds[1].count == 0 || learning.count == 0)
		return hb_trial_fail(trial, "a phase without requests: the load is too low");
	return 0;
}

/* Both static arms on the same requests; from then on it is known which is better in which kind of phase. */
static int learn_oracle(struct hb_trial *trial)
{
	static const enum bat_policy_kind fixed[2] = {BAT_POLICY_NODELAY, BAT_POLICY_NAGLE};
	double means_ns[2][KINDS];

	for (int i = 0; i < 2; i++) {
		int err = simulate(trial, fixed[i]);

		bat_policy_destroy(policy);
		policy = NULL;
		if (err)
			return err;
		for (int kind = 0; kind < KINDS; kind++)
			means_ns[i][kind] = mean_ns(&kinds[kind]);
	}
	for (int i = 0; i < PHASES; i++)
		phases[i].arm = means_ns[1][i % KINDS] < means_ns[0][i % KINDS];
	return 0;
}

static int run(struct hb_trial *trial)
{
	int err = arm->policy == BAT_POLICY_ORACLE ? learn_oracle(trial) : 0;

	if (!err)
		err = simulate(trial, arm->policy);
	if (err)
		return err;
	hb_trial_metric(trial, "capped_mean", (mean_ns(&kinds[0]) + mean_ns(&kinds[1])) / 2,
		kinds[0].count + kinds[1].count);
	hb_trial_metric(trial, "capped_low", mean_ns(&kinds[0]), kinds[0].count);
	hb_trial_metric(trial, "capped_high", mean_ns(&kinds[1]), kinds[1].count);
	hb_trial_metric(trial, "capped_learning", mean_ns(&learning), learning.count);
	hb_trial_metric(trial, "switches", (double)bat_policy_recorded(policy).switches, 1);
	if (sabotaged)
		config.log[config.requests / 2].at_ns[BAT_TCP_REPLY_READ] = 0;
	return 0;
}

/* Every request was answered, in order, and not sooner than the link allows. */
static int verify(struct hb_trial *trial)
{
	int64_t last_ns = 0;

	for (uint64_t i = 0; i < config.requests; i++) {
		const int64_t *at_ns = config.log[i].at_ns;

		if (at_ns[BAT_TCP_REPLY_READ] < last_ns ||
			at_ns[BAT_TCP_REPLY_READ] <
				at_ns[BAT_TCP_SCHEDULED] + 2 * DELAY_NS + REQUEST_NS)
			return hb_trial_fail(trial,
				"request %llu: its answer was read at %lld ns, too early or out of "
				"order",
				(unsigned long long)i, (long long)at_ns[BAT_TCP_REPLY_READ]);
		last_ns = at_ns[BAT_TCP_REPLY_READ];
	}
	return 0;
}

static int tear_down(struct hb_trial *trial)
{
	(void)trial;
	bat_policy_destroy(policy);
	free(config.log);
	policy = NULL;
	config.log = NULL;
	return 0;
}

/* One answer at a time that cannot be. */
static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static const struct hb_param params[] = {
	{
		.name = "high",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "payload by the rate of the link, in every second phase",
		.sweep = "0.67",
		.sweep_full = "0.3,0.5,0.6,0.67,0.75,0.85",
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
		.name = "size",
		.type = HB_PARAM_INT,
		.unit = "B",
		.help = "of a value; below 4 KiB the link has 20 Mbit/s, else 100",
		.sweep = "64,1024,16384",
		.sweep_quick = "64",
		.min = 16,
		.max = 65536,
	},
	{.name = NULL},
};

#define LATENCY(name_, help_)                                                              \
	{                                                                                  \
		.name = (name_), .unit = "ns", .help = (help_), .better = HB_BETTER_LOWER, \
		.basis = HB_BASIS_MODEL, .exact = true,                                    \
	}

static const struct hb_metric metrics[] = {
	LATENCY("capped_mean", "response time, each cut at 8 ms = 2 x SLO, phases counting alike"),
	LATENCY("capped_low", "the same in the phases of the low rate"),
	LATENCY("capped_high", "the same in the phases of the high rate"),
	LATENCY("capped_learning", "the same in the first phase of each kind, not in the others"),
	{
		.name = "switches",
		.unit = "1",
		.help = "of the algorithm",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{.name = NULL},
};

static const struct arm nodelay = {BAT_POLICY_NODELAY, SIGHT_NONE},
			nagle = {BAT_POLICY_NAGLE, SIGHT_NONE},
			oracle = {BAT_POLICY_ORACLE, SIGHT_NONE},
			both = {BAT_POLICY_TOGGLE, SIGHT_BOTH},
			local = {BAT_POLICY_TOGGLE, SIGHT_LOCAL},
			late = {BAT_POLICY_TOGGLE, SIGHT_LATE},
			lies = {BAT_POLICY_TOGGLE, SIGHT_LIES},
			greedy = {BAT_POLICY_GREEDY, SIGHT_BOTH},
			ucb = {BAT_POLICY_UCB, SIGHT_BOTH};

#define VARIANT(name_, role_, help_, data_)                                                     \
	{                                                                                       \
		.name = (name_), .role = (role_), .help = (help_), .setup = set_up, .run = run, \
		.verify = verify, .teardown = tear_down, .sabotage = sabotage, .data = (data_), \
	}

static const struct hb_variant variants[] = {
	VARIANT("nodelay", HB_ROLE_BASELINE, "TCP_NODELAY", &nodelay),
	VARIANT("nagle", HB_ROLE_RIVAL, "Nagle's algorithm at the requester", &nagle),
	VARIANT("oracle", HB_ROLE_RIVAL, "the better of the two in each phase", &oracle),
	VARIANT("toggle", HB_ROLE_IDEA, "sequential tests, told the estimate from both ends",
		&both),
	VARIANT("toggle_local", HB_ROLE_RIVAL, "told the requester's queues only", &local),
	VARIANT("toggle_late", HB_ROLE_RIVAL, "the responder's counters are one window old", &late),
	VARIANT("toggle_lies", HB_ROLE_RIVAL, "the responder claims ten times what waits there",
		&lies),
	VARIANT("greedy", HB_ROLE_RIVAL, "epsilon-greedy, told the estimate", &greedy),
	VARIANT("ucb", HB_ROLE_RIVAL, "upper confidence bound, told the estimate", &ucb),
	{.name = NULL},
};

#define CLAIM(name_, text_, metric_, variant_, where_, against_, hi_)                              \
	{                                                                                          \
		.name = (name_), .text = (text_),                                                  \
		.paper =                                                                           \
			"Hotbed, after Batching with End-to-End Performance Estimation, HotOS'25", \
		.section = "", .metric = (metric_), .variant = (variant_), .where = (where_),      \
		.against_variant = (against_), .lo = 0, .hi = (hi_),                               \
	}

static const struct hb_claim claims[] = {
	CLAIM("simulated-regret",
		"In simulation, once settled, toggling by the estimate is at most 5 % worse than "
		"the better "
		"static arm of each phase.",
		"capped_mean", "toggle", "", "oracle", 1.05),
	CLAIM("simulated-gain", "At 64 bytes it beats TCP_NODELAY.", "capped_mean", "toggle",
		"size=64", "nodelay", 0.9),
	CLAIM("simulated-gain-on-nagle", "And Nagle's algorithm.", "capped_mean", "toggle",
		"size=64", "nagle", 0.95),
	{.name = NULL},
};

const struct hb_experiment batching_simulated_loop = {
	.name = "simulated-loop",
	.question = "Does switching by the paper's estimate track the better static choice, and "
		    "what if the "
		    "counters are late or lie?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "size", .metric = "capped_mean", .log_x = true, .log_y = true},
	.blocks = 6,
	.quiet = true,
};
