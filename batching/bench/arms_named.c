/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching/arms-named: which of the two arms, Nagle's algorithm at the client off or on, is the better one for an
 * unmodified redis-server under a steady load: how often is that decided, and how often rightly? The arms take turns,
 * each for a window after a time to settle. Windows of both make one comparison, which ends when the confidence
 * sequences of the two means part, by the test that the toggler uses, or undecided after eight pairs. What a window
 * costs is the estimate from both ends' queues, the client's sockets polled, or the response time. The truth is the
 * mean response of all windows of each arm of the trial.
 */
#include "experiments.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/clock.h>
#include <hotbed/load.h>
#include <hotbed/rng.h>
#include <hotbed/trial.h>

#include "followed.h"
#include "toggler.h"

#define MS 1000000ll
#define SLO_NS (4 * MS)
#define DURATION_NS (5000 * MS)
#define DURATION_QUICK_NS (80 * MS)
#define WARM_UP_NS (100 * MS)
#define WARM_UP_QUICK_NS (5 * MS)
#define SETTLE_NS (15 * MS)
#define WINDOW_NS (20 * MS)
#define SETTLE_QUICK_NS (2 * MS)
#define WINDOW_QUICK_NS (4 * MS)
#define WINDOW_ANSWERS 16
#define WINDOW_MAX_NS (200 * MS)
#define POLL_NS 200000.0 /* mean gap */
#define PAIRS_MAX 8
#define ALPHA 0.05
#define SPREAD 0.15    /* of a mean, assumed before anything is known, as the toggler does */
#define MATTERS 0.10   /* a gap between the arms above this should be seen */
#define SHARE_MIN 1e-3 /* ratios are compared, so that none may be 0 */

enum told { TOLD_RESPONSES, TOLD_POLLS, TOLD_ESTIMATE };

struct state {
	struct redis redis; /* first: hooks of redis.h */
	enum told told;
	struct followed followed;
	struct followed_window queues;
	struct bat_poll_window polls;
	struct hb_rng rng;
	int64_t settle_ns, least_ns;
	unsigned int arm;
	bool is_settling;
	int64_t since_ns, poll_ns;
	uint64_t answered;
	double sum_ns;
	struct evidence costs[TOGGLER_ARMS];             /* of the comparison under way */
	unsigned int pairs;                              /* in it */
	unsigned int undecided, named[TOGGLER_ARMS];     /* comparisons */
	double true_sum_ns[TOGGLER_ARMS];                /* over windows */
	uint64_t true_count[TOGGLER_ARMS], window_count; /* windows */
};

static void answered(void *user, uint64_t request, int64_t now_ns)
{
	struct state *state = user;
	const struct redis *redis = &state->redis;

	state->answered++;
	state->sum_ns +=
		fmin((double)(now_ns - redis->start_ns - redis->run->schedule.at_ns[request]),
			2.0 * SLO_NS);
}

/* What the window cost as it is told; false if that is not known. */
static bool cost_of(struct state *state, double *ret_ns)
{
	struct bat_estimate estimate;
	struct bat_end ends[ENDS];
	struct bat_poll_wait polled;

	switch (state->told) {
	case TOLD_RESPONSES:
		*ret_ns = state->sum_ns / (double)state->answered;
		return true;
	case TOLD_POLLS:
		polled = bat_poll_waits(&state->polls);
		*ret_ns = fmin(polled.unacked_ns + polled.unread_ns, 2.0 * SLO_NS);
		return polled.unacked_defined && polled.unread_defined;
	case TOLD_ESTIMATE:
		if (followed_end(&state->followed, &state->queues, ends, NULL))
			return false;
		bat_estimate_larger(&ends[CLIENT], &ends[SERVER], &estimate);
		*ret_ns = fmin(fmax(estimate.end_to_end_ns, 0), 2.0 * SLO_NS);
		return estimate.defined;
	}
	return false;
}

static void end_comparison(struct state *state)
{
	memset(state->costs, 0, sizeof(state->costs));
	state->pairs = 0;
}

/* After a window of each arm. */
static void compare(struct state *state)
{
	const struct evidence *off = &state->costs[0], *on = &state->costs[1];
	double off_ns = off->sum / off->count, on_ns = on->sum / on->count;
	double spread = SPREAD * (off_ns + on_ns) / 2;
	double radius =
		evidence_radius(off, spread, ALPHA / 2) + evidence_radius(on, spread, ALPHA / 2);

	state->pairs++;
	if (state->pairs >= 2 && fabs(on_ns - off_ns) > radius)
		state->named[on_ns < off_ns]++;
	else if (state->pairs >= PAIRS_MAX)
		state->undecided++;
	else
		return;
	end_comparison(state);
}

static void end_window(struct state *state)
{
	struct evidence *costs = &state->costs[state->arm];
	double cost_ns = 0;

	if (state->answered == 0 || !cost_of(state, &cost_ns))
		return;
	state->true_sum_ns[state->arm] += state->sum_ns / (double)state->answered;
	state->true_count[state->arm]++;
	state->window_count++;
	costs->count += 1;
	costs->sum += cost_ns;
	costs->square_sum += cost_ns * cost_ns;
	if (state->arm == 1 && state->costs[0].count > 0)
		compare(state);
}

/* The next part of a turn: the arm's window after its settling, or the other arm. */
static void advance(struct state *state, int64_t now_ns)
{
	if (state->is_settling) {
		if (state->told == TOLD_ESTIMATE &&
			followed_begin(&state->followed, &state->queues))
			return; /* at the next call, then */
		bat_poll_begin(&state->polls, &state->polls.last);
	} else {
		end_window(state);
		state->arm = !state->arm;
		state->redis.err = redis_set_nodelay(&state->redis, state->arm == 0);
	}
	state->is_settling = !state->is_settling;
	state->since_ns = now_ns;
	state->answered = 0;
	state->sum_ns = 0;
}

static void poll_client(struct state *state, int64_t now_ns)
{
	struct bat_attach_sample sample;

	state->poll_ns = now_ns + 1 + (int64_t)hb_rng_exponential(&state->rng, POLL_NS);
	state->redis.err = bat_attach_sample(state->followed.attach[CLIENT], &sample);
	if (!state->redis.err)
		bat_poll_add(&state->polls, &sample);
}

static int64_t idle(void *user, int64_t now_ns)
{
	struct state *state = user;
	int64_t duration_ns, next_ns;

	if (state->since_ns == 0)
		state->since_ns = now_ns;
	if (state->told == TOLD_POLLS && now_ns >= state->poll_ns && !state->redis.err)
		poll_client(state, now_ns);
	duration_ns = now_ns - state->since_ns;
	if (state->is_settling ? duration_ns >= state->settle_ns
			       : duration_ns >= WINDOW_MAX_NS ||
					 (duration_ns >= state->least_ns &&
						 state->answered >= WINDOW_ANSWERS))
		advance(state, now_ns);
	next_ns = state->since_ns + (state->is_settling ? state->settle_ns : state->least_ns);
	if (next_ns <= now_ns)
		next_ns = state->since_ns + WINDOW_MAX_NS;
	return state->told == TOLD_POLLS && state->poll_ns < next_ns ? state->poll_ns : next_ns;
}

static int probe(struct hb_trial *trial)
{
	return *(const enum told *)hb_trial_data(trial) == TOLD_ESTIMATE ? followed_probe(trial)
									 : redis_probe(trial);
}

static int set_up(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	struct state *state = calloc(1, sizeof(*state));
	struct bat_attach_sample sample;
	int err;

	if (!state)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, state);
	state->told = *(const enum told *)hb_trial_data(trial);
	state->settle_ns = hb_trial_is_quick(trial) ? SETTLE_QUICK_NS : SETTLE_NS;
	state->least_ns = hb_trial_is_quick(trial) ? WINDOW_QUICK_NS : WINDOW_NS;
	hb_rng_init(&state->rng, hb_trial_seed(trial), 2);
	err = redis_start(trial, &state->redis, (unsigned int)hb_params_i64(params, "connections"),
		(size_t)hb_params_i64(params, "size"));
	if (!err && state->told != TOLD_RESPONSES)
		err = followed_start(
			trial, &state->redis, state->told == TOLD_ESTIMATE, &state->followed);
	if (!err && state->told == TOLD_POLLS) {
		if (bat_attach_sample(state->followed.attach[CLIENT], &sample))
			return hb_trial_fail(trial, "our own sockets are not found");
		bat_poll_begin(&state->polls, &sample);
	}
	if (!err && hb_trial_pin(trial, "load"))
		err = hb_trial_fail(trial, "cannot go to the processors of the load");
	return err;
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

	redis_run_finish(&run);
	return err;
}

static int report(struct hb_trial *trial, const struct state *state)
{
	unsigned int decided = state->named[0] + state->named[1];
	unsigned int all = decided + state->undecided;
	double mean_ns[TOGGLER_ARMS], gap;
	unsigned int better;

	if (state->true_count[0] == 0 || state->true_count[1] == 0)
		return hb_trial_fail(trial, "an arm had no window: the load is too low");
	for (int arm = 0; arm < TOGGLER_ARMS; arm++)
		mean_ns[arm] = state->true_sum_ns[arm] / (double)state->true_count[arm];
	better = mean_ns[1] < mean_ns[0];
	gap = mean_ns[!better] / mean_ns[better] - 1;
	hb_trial_metric(trial, "gap", fmax(gap, SHARE_MIN), state->window_count);
	if (all > 0) {
		hb_trial_metric(trial, "decided", fmax((double)decided / all, SHARE_MIN), all);
		if (gap > MATTERS)
			hb_trial_metric(trial, "decided_if_it_matters",
				fmax((double)decided / all, SHARE_MIN), all);
	}
	if (decided > 0)
		hb_trial_metric(trial, "named_rightly",
			fmax((double)state->named[better] / decided, SHARE_MIN), decided);
	return 0;
}

static int run(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);
	struct redis_run done = {0};
	int err;

	state->is_settling = true;
	state->redis.answered = answered;
	state->redis.idle = idle;
	state->redis.user = state;
	err = drive(trial, state, hb_trial_seed(trial),
		hb_trial_is_quick(trial) ? DURATION_QUICK_NS : DURATION_NS, &done);
	redis_run_finish(&done);
	return err ? err : report(trial, state);
}

static int teardown(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);

	if (!state)
		return 0;
	followed_stop(&state->followed);
	redis_stop(&state->redis);
	free(state);
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 6000;
}

static const struct hb_param params[] = {
	REDIS_PARAM_CONNECTIONS("1", "1,16"),
	REDIS_PARAM_LOAD("load", "SETs offered, a Poisson stream", "0.1,0.4,0.5,0.6,0.7", "0.15",
		"0.05,0.1,0.2,0.3,0.4,0.45,0.5,0.55,0.6,0.65,0.7,0.75,0.8"),
	REDIS_PARAM_NETWORK("20mbit,100mbit", "20mbit", NULL),
	REDIS_PARAM_SIZE("64,1024,16384"),
	{.name = NULL},
};

#define SHARE(name_, help_)                                                           \
	{                                                                             \
		.name = (name_), .unit = "1", .help = help_ ", at least 0.001",       \
		.better = HB_BETTER_HIGHER, .basis = HB_BASIS_WALL, .optional = true, \
	}

static const struct hb_metric metrics[] = {
	SHARE("named_rightly", "decided comparisons that name the arm that was better"),
	SHARE("decided_if_it_matters",
		"comparisons that were decided, where the arms are more than 10 % apart"),
	SHARE("decided", "comparisons that were decided"),
	{
		.name = "gap",
		.unit = "1",
		.help = "mean response of the worse arm by the better one's, less 1; at least "
			"0.001",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_WALL,
	},
	{.name = NULL},
};

static const enum told responses = TOLD_RESPONSES, polls = TOLD_POLLS, estimates = TOLD_ESTIMATE;

#define VARIANT(name_, role_, help_, data_)                                                   \
	{                                                                                     \
		.name = (name_), .role = (role_), .help = (help_), .probe = probe,            \
		.setup = set_up, .warmup = warm_up, .run = run, .verify = redis_verify_trial, \
		.teardown = teardown, .sabotage = redis_sabotage_trial, .data = (data_),      \
	}

static const struct hb_variant variants[] = {
	VARIANT("responses", HB_ROLE_BASELINE, "told the application's response times", &responses),
	VARIANT("polls", HB_ROLE_RIVAL, "told what polling the client's sockets shows", &polls),
	VARIANT("estimate", HB_ROLE_IDEA,
		"told the estimate from both ends' queues, followed in the kernel", &estimates),
	{.name = NULL},
};

#define CLAIM(name_, text_, metric_, where_, lo_)                                                  \
	{                                                                                          \
		.name = (name_), .text = (text_),                                                  \
		.paper =                                                                           \
			"Hotbed, after Batching with End-to-End Performance Estimation, HotOS'25", \
		.section = "", .metric = (metric_), .variant = "estimate",                         \
		.where = "connections=1;" where_, .lo = (lo_), .hi = INFINITY,                     \
		.needs = "namespaces, /dev/net/tun and BPF",                                       \
	}

static const struct hb_claim claims[] = {
	CLAIM("names-nodelay",
		"64 bytes, a tenth of the link: right as often as by response times.",
		"named_rightly", "load=0.1;size=64", 0.95),
	CLAIM("names-nagle", "64 bytes, 70 % of the link: right as often as by response times.",
		"named_rightly", "load=0.7;size=64", 0.95),
	CLAIM("decides-at-low-load",
		"64 bytes, a tenth of the link: decided at least 0.8 as often.", "decided",
		"load=0.1;size=64", 0.8),
	CLAIM("decides-at-high-load", "64 bytes, 70 % of the link: the same.", "decided",
		"load=0.7;size=64", 0.8),
	{.name = NULL},
};

static const char *const roles[] = {"load", NULL};

const struct hb_experiment batching_arms_named = {
	.name = "arms-named",
	.question = "How often does the estimate tell which of two arms is better, and how often "
		    "rightly?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "load", .facet = "size", .metric = "named_rightly"},
	.roles = roles,
	.blocks = 6,
	.memory_bytes = redis_memory_bytes,
	.trial_ms = trial_ms,
	.valid = redis_is_valid,
};
