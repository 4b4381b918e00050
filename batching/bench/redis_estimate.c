/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching/redis-estimate: how close the estimate comes to what SETs on an unmodified redis-server take from the
 * client's write to its read of the reply, in windows of 1,000 replies and more. The queues of both ends are followed
 * by events in the kernel, or polled. Each term of the sum is also left out, window by window. Windows in which the
 * requests under way grew or shrank by more than a tenth of those answered are counted as unstable, and not judged.
 */
#include "experiments.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/load.h>
#include <hotbed/rng.h>
#include <hotbed/trial.h>

#include <batching/attach.h>

#include "followed.h"

#define MS 1000000ll
#define DURATION_NS (2000 * MS)
#define DURATION_QUICK_NS (60 * MS)
#define ATTEMPTS_QUICK 20
#define WARM_UP_NS (200 * MS)
#define WARM_UP_QUICK_NS (10 * MS)
#define WINDOW_ANSWERS 1000
#define WINDOW_ANSWERS_QUICK 20
#define WINDOW_NS (50 * MS)
#define WINDOW_QUICK_NS (5 * MS)
#define POLL_NS (1 * MS)
#define UNSTABLE 10 /* a change of the backlog by more than 1/this of the answers */
#define WINDOWS_MAX 1024

/* What of the sum is taken. */
enum form {
	FORM_LARGER, /* of both views, all terms */
	FORM_PAPER,  /* the paper's terms */
	FORM_NO_ACKDELAY,
	FORM_NO_UNREAD_B,
	FORM_NO_UNREAD_A,
	FORM_COUNT,
};

static const char *const form_metrics[FORM_COUNT] = {
	"ratio", "ratio_paper", "ratio_no_ackdelay", "ratio_no_unread_b", "ratio_no_unread_a"};

struct state {
	struct redis redis; /* first: hooks of redis.h */
	bool is_polling;
	struct followed followed;
	struct followed_window queues;
	struct bat_poll_window polls[ENDS];
	struct hb_rng rng;
	bool is_begun;
	int64_t window_ns, poll_ns, least_ns;
	uint64_t least_answers;
	uint64_t window_answered, window_under_way;
	double window_sum_ns;
	uint64_t unstable, count;
	double sum_ns; /* of the true means of the windows judged */
	double errors[WINDOWS_MAX];
	double ratios[FORM_COUNT]; /* sums over windows */
};

static double sum_without(const struct bat_estimate *estimate, enum form form)
{
	double sum_ns = 0;

	for (uint32_t i = 0; i < estimate->term_count; i++) {
		const struct bat_term *term = &estimate->terms[i];
		bool is_own = term->queue == BAT_SERVICE || term->queue == BAT_UNSENT;

		if ((form == FORM_PAPER && is_own) ||
			(form == FORM_NO_ACKDELAY && term->queue == BAT_ACKDELAY) ||
			(form == FORM_NO_UNREAD_B && term->queue == BAT_UNREAD &&
				term->at_responder) ||
			(form == FORM_NO_UNREAD_A && term->queue == BAT_UNREAD &&
				!term->at_responder))
			continue;
		sum_ns += term->subtracted ? -term->wait.ns : term->wait.ns;
	}
	return sum_ns;
}

static void judge(struct state *state, const struct bat_end *ends)
{
	double truth_ns = state->window_sum_ns / (double)state->window_answered;
	struct bat_estimate requests, larger;

	bat_estimate_combine(&ends[CLIENT], &ends[SERVER], &requests);
	bat_estimate_larger(&ends[CLIENT], &ends[SERVER], &larger);
	if (!larger.defined || !requests.defined || state->count >= WINDOWS_MAX) {
		state->unstable++;
		return;
	}
	state->errors[state->count++] = fabs(larger.end_to_end_ns / truth_ns - 1);
	state->sum_ns += truth_ns;
	state->ratios[FORM_LARGER] += larger.end_to_end_ns / truth_ns;
	for (int form = FORM_PAPER; form < FORM_COUNT; form++)
		state->ratios[form] += sum_without(&requests, (enum form)form) / truth_ns;
}

/* Polling sees no delay of acknowledgements: the sum without it. */
static void judge_polls(struct state *state)
{
	double truth_ns = state->window_sum_ns / (double)state->window_answered;
	struct bat_poll_wait a = bat_poll_waits(&state->polls[CLIENT]);
	struct bat_poll_wait b = bat_poll_waits(&state->polls[SERVER]);
	double ratio;

	if (!a.unacked_defined || !a.unread_defined || !b.unread_defined ||
		state->count >= WINDOWS_MAX) {
		state->unstable++;
		return;
	}
	ratio = (a.unacked_ns + b.unread_ns + a.unread_ns) / truth_ns;
	state->errors[state->count++] = fabs(ratio - 1);
	state->sum_ns += truth_ns;
	state->ratios[FORM_LARGER] += ratio;
}

static uint64_t under_way(const struct state *state)
{
	return state->redis.sent - state->redis.completed;
}

static bool is_stable(const struct state *state)
{
	uint64_t now = under_way(state), before = state->window_under_way;
	uint64_t change = now > before ? now - before : before - now;

	return change * UNSTABLE <= state->window_answered;
}

static void begin_window(struct state *state, int64_t now_ns)
{
	state->window_ns = now_ns;
	state->window_under_way = under_way(state);
	state->window_answered = 0;
	state->window_sum_ns = 0;
	state->is_begun = true;
	for (int end = 0; end < ENDS && state->is_polling; end++)
		bat_poll_begin(&state->polls[end], &state->polls[end].last);
}

static void end_window(struct state *state, int64_t now_ns)
{
	struct bat_end ends[ENDS] = {0};

	if (!state->is_polling && followed_end(&state->followed, &state->queues, ends, NULL))
		return; /* at the next look, then */
	if (state->is_begun && !is_stable(state))
		state->unstable++;
	else if (state->is_begun && state->is_polling)
		judge_polls(state);
	else if (state->is_begun)
		judge(state, ends);
	begin_window(state, now_ns);
}

static void poll_ends(struct state *state, int64_t now_ns)
{
	struct bat_attach_sample sample;

	for (int end = 0; end < ENDS; end++) {
		state->redis.err = bat_attach_sample(state->followed.attach[end], &sample);
		if (state->redis.err)
			return;
		if (state->is_begun)
			bat_poll_add(&state->polls[end], &sample);
		else
			bat_poll_begin(&state->polls[end], &sample);
	}
	state->poll_ns = now_ns + 1 + (int64_t)hb_rng_exponential(&state->rng, POLL_NS);
}

static void answered(void *user, uint64_t request, int64_t now_ns)
{
	struct state *state = user;

	state->window_answered++;
	state->window_sum_ns += (double)(now_ns - state->redis.run->sent_ns[request]);
}

static int64_t idle(void *user, int64_t now_ns)
{
	struct state *state = user;

	if (state->is_polling && now_ns >= state->poll_ns && !state->redis.err)
		poll_ends(state, now_ns);
	if (!state->is_begun || (now_ns - state->window_ns >= state->least_ns &&
					state->window_answered >= state->least_answers))
		end_window(state, now_ns);
	return state->is_polling ? state->poll_ns : now_ns + WINDOW_NS;
}

static int probe(struct hb_trial *trial)
{
	return *(const bool *)hb_trial_data(trial) ? redis_probe(trial) : followed_probe(trial);
}

static int setup(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	struct state *state = calloc(1, sizeof(*state));
	int err;

	if (!state)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, state);
	state->is_polling = *(const bool *)hb_trial_data(trial);
	hb_rng_init(&state->rng, hb_trial_seed(trial), 2);
	err = redis_start(trial, &state->redis, (unsigned int)hb_params_i64(params, "connections"),
		(size_t)hb_params_i64(params, "size"));
	if (!err)
		err = followed_start(trial, &state->redis, !state->is_polling, &state->followed);
	if (err)
		return err;
	if (strcmp(hb_params_text(params, "mode"), "nagle") == 0)
		err = redis_set_nodelay(&state->redis, false);
	if (!err)
		err = hb_trial_pin(trial, "load");
	return err ? hb_trial_fail(trial, "cannot set up the arm: %s", strerror(-err)) : 0;
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
	int err;

	state->redis.user = state;
	state->redis.answered = answered;
	state->redis.idle = idle;
	err = redis_drive(trial, &state->redis, &profile, seed, &run);
	if (!err && state->redis.completed != state->redis.sent)
		err = hb_trial_fail(trial, "not all requests were answered");
	redis_run_finish(&run);
	return err;
}

static int warm_up(struct hb_trial *trial)
{
	bool quick = hb_trial_is_quick(trial);
	struct state *state = hb_trial_state(trial);
	int err;

	state->least_ns = quick ? WINDOW_QUICK_NS : WINDOW_NS;
	state->least_answers = quick ? WINDOW_ANSWERS_QUICK : WINDOW_ANSWERS;
	err = drive(trial, state, hb_trial_seed(trial) + 1, quick ? WARM_UP_QUICK_NS : WARM_UP_NS);
	/* What was seen by now does not count. */
	state->is_begun = false;
	state->count = state->unstable = 0;
	state->sum_ns = 0;
	memset(state->ratios, 0, sizeof(state->ratios));
	return err;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int run(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);
	bool is_quick = hb_trial_is_quick(trial);
	double count;
	int err = 0;

	/* On a busy machine the few windows of a quick trial may all be unstable: then some more. */
	for (int attempt = 0;
		attempt < (is_quick ? ATTEMPTS_QUICK : 1) && state->count == 0 && !err; attempt++)
		err = drive(trial, state, hb_trial_seed(trial),
			is_quick ? DURATION_QUICK_NS : DURATION_NS);
	if (err)
		return err;
	count = (double)state->count;
	if (state->count == 0)
		return hb_trial_fail(trial, "no window was stable");
	qsort(state->errors, state->count, sizeof(*state->errors), by_size);
	hb_trial_metric(trial, "error_p95", fmax(state->errors[(size_t)((count - 1) * 0.95)], 1e-6),
		state->count);
	hb_trial_metric(trial, "latency_mean", state->sum_ns / count, state->count);
	hb_trial_metric(trial, "stable", count / (count + (double)state->unstable), state->count);
	for (int form = 0; form < FORM_COUNT; form++) {
		if (form == FORM_LARGER || !state->is_polling)
			hb_trial_metric(trial, form_metrics[form],
				fmax(state->ratios[form] / count, 1e-6), state->count);
	}
	return 0;
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
	return 3000;
}

static const struct hb_param params[] = {
	REDIS_PARAM_CONNECTIONS("1", "1,16"),
	REDIS_PARAM_LOAD("load", "SETs offered, a Poisson stream", "0.05,0.2,0.4", "0.05",
		"0.02,0.05,0.1,0.2,0.3,0.4,0.5"),
	{
		.name = "mode",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "of the client's socket",
		.sweep = "nodelay,nagle",
		.sweep_quick = "nagle",
		.allowed = "nodelay,nagle",
	},
	REDIS_PARAM_NETWORK("loopback", NULL, "loopback,20mbit"),
	REDIS_PARAM_SIZE("64,1024"),
	{.name = NULL},
};

#define RATIO(name_, help_, optional_)                                                   \
	{                                                                                \
		.name = (name_), .unit = "1", .help = (help_), .better = HB_BETTER_NONE, \
		.basis = HB_BASIS_WALL, .optional = (optional_),                         \
	}

static const struct hb_metric metrics[] = {
	{
		.name = "error_p95",
		.unit = "1",
		.help = "|estimate / measured mean - 1|, at least 1e-6: 19 of 20 stable windows "
			"have less",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
	},
	RATIO("ratio", "estimate / measured mean, mean over stable windows", false),
	RATIO("ratio_paper", "of the paper's sum: no service and no unsent queue", true),
	RATIO("ratio_no_ackdelay", "of the full sum without the responder's ackdelay", true),
	RATIO("ratio_no_unread_b", "without the responder's unread", true),
	RATIO("ratio_no_unread_a", "without the requester's unread", true),
	RATIO("stable", "windows that were judged, by all", false),
	{
		.name = "latency_mean",
		.unit = "ns",
		.help = "the truth: from a request's write to the read of its reply",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_WALL,
	},
	{.name = NULL},
};

static const bool polling = true, tracking = false;

#define VARIANT(name_, role_, help_, data_)                                                        \
	{                                                                                          \
		.name = (name_), .role = (role_), .help = (help_), .probe = probe, .setup = setup, \
		.warmup = warm_up, .run = run, .verify = redis_verify_trial, .teardown = teardown, \
		.sabotage = redis_sabotage_trial, .data = (data_),                                 \
	}

static const struct hb_variant variants[] = {
	VARIANT("polled", HB_ROLE_BASELINE, "both ends' sockets read every millisecond on average",
		&polling),
	VARIANT("tracked", HB_ROLE_IDEA, "both ends' queues followed by events in the kernel",
		&tracking),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "events-beat-polling",
		.text = "Over all loads, sizes and modes the estimate by events is off by at most "
			"half as much as that by polling.",
		.paper = "Hotbed",
		.section = "",
		.metric = "error_p95",
		.variant = "tracked",
		.where = "connections=1;network=loopback",
		.lo = 0,
		.hi = 0.5,
		.needs = "BPF",
	},
	{.name = NULL},
};

static const char *const roles[] = {"load", NULL};

const struct hb_experiment batching_redis_estimate = {
	.name = "redis-estimate",
	.question = "How close is the estimate to what an unmodified Redis takes, by events and by "
		    "polling?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "load", .facet = "mode", .metric = "error_p95", .log_y = true},
	.roles = roles,
	.blocks = 6,
	.memory_bytes = redis_memory_bytes,
	.trial_ms = trial_ms,
	.valid = redis_is_valid,
};
