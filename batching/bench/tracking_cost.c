/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching/tracking-cost: what an attachment costs while redis-server works: its own processor time and the server's,
 * per request. Attached without tracking, the sockets are only looked at every 20 ms for new ones; sampled, they are
 * read at exponential gaps, as often as a controller needs.
 */
#include "experiments.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/load.h>
#include <hotbed/rng.h>
#include <hotbed/trial.h>

#include <batching/attach.h>
#include <batching/tracker.h>

#include "followed.h"

#define MS 1000000ll
#define DURATION_NS (1000 * MS)
#define DURATION_QUICK_NS (40 * MS)
#define WARM_UP_NS (100 * MS)
#define WARM_UP_QUICK_NS (10 * MS)
#define STOP_MS 2000
#define NS_PER_S 1000000000

struct arm {
	int64_t gap_ns;  /* mean, of polls; 0 = no attachment */
	bool is_tracked; /* by events in the kernel, at both ends */
};

struct state {
	struct redis redis; /* first: hooks of redis.h */
	struct hb_child watcher;
	uint64_t seed;
	int64_t gap_ns;
	bool is_tracked;
	pid_t client;
};

static volatile sig_atomic_t is_stopped;

static void stop(int number)
{
	(void)number;
	is_stopped = 1;
}

/* The attachment, in a process of its own as `batching attach` is one. Its exit code: 0 if it restored the socket. */
static int attach(void *user)
{
	const struct state *state = user;
	struct sigaction action = {.sa_handler = stop};
	struct bat_attach *attached = NULL, *peer = NULL;
	struct bat_tracker *tracker = NULL;
	struct bat_reading queues[BAT_QUEUE_COUNT];
	struct bat_attach_sample sample;
	struct hb_rng rng;
	uint32_t restored = 0;
	int64_t next_ns = hb_clock_now_ns();
	int err;

	(void)sigaction(SIGTERM, &action, NULL);
	hb_rng_init(&rng, state->seed, 3);
	err = bat_attach_create(&attached, state->redis.server.pid, REDIS_PORT, 1000 * MS, NULL);
	if (!err && state->is_tracked)
		err = bat_attach_create(&peer, state->client, REDIS_PORT, 1000 * MS, NULL);
	if (!err && state->is_tracked)
		err = bat_tracker_create(&tracker, NULL);
	if (!err && tracker) {
		bat_attach_track(attached, tracker);
		bat_attach_track(peer, tracker);
	}
	if (!err)
		err = bat_attach_set(attached, BAT_SOCKET_NAGLE);
	while (!err && !is_stopped) {
		int64_t left_ns;

		err = bat_attach_sample(attached, &sample);
		if (!err && tracker) {
			err = bat_attach_sample(peer, &sample);
			(void)bat_attach_queues(attached, bat_tracker_now_ns(), queues);
			(void)bat_attach_queues(peer, bat_tracker_now_ns(), queues);
		}
		next_ns += (int64_t)hb_rng_exponential(&rng, (double)state->gap_ns) + 1;
		left_ns = next_ns - hb_clock_now_ns();
		if (left_ns > 0)
			(void)nanosleep(
				&(struct timespec){left_ns / NS_PER_S, left_ns % NS_PER_S}, NULL);
	}
	bat_attach_destroy(attached, &restored);
	bat_attach_destroy(peer, NULL);
	bat_tracker_destroy(tracker);
	return err || restored != 1;
}

static int drive(struct hb_trial *trial, struct state *state, int64_t duration_ns, uint64_t seed,
	uint64_t *ret_answered)
{
	const struct hb_load_profile profile = {.shape = HB_LOAD_POISSON,
		.duration_ns = duration_ns,
		.rate_per_s = (double)hb_params_i64(hb_trial_params(trial), "rate")};
	struct redis_run run = {0};
	int err = redis_drive(trial, &state->redis, &profile, seed, &run);

	if (!err)
		*ret_answered = hb_load_result(run.load)->answered;
	redis_run_finish(&run);
	return err;
}

static int set_up(struct hb_trial *trial)
{
	const struct arm *arm = hb_trial_data(trial);
	struct state *state = calloc(1, sizeof(*state));
	int err;

	if (!state)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, state);
	state->seed = hb_trial_seed(trial);
	state->gap_ns = arm->gap_ns;
	state->is_tracked = arm->is_tracked;
	state->client = getpid();
	err = redis_start(
		trial, &state->redis, 1, (size_t)hb_params_i64(hb_trial_params(trial), "size"));
	if (!err && arm->gap_ns > 0)
		err = hb_child_run(trial, "link", attach, state, &state->watcher);
	if (!err)
		err = hb_trial_pin(trial, "load");
	return err;
}

static int warm_up(struct hb_trial *trial)
{
	uint64_t answered;

	return drive(trial, hb_trial_state(trial),
		hb_trial_is_quick(trial) ? WARM_UP_QUICK_NS : WARM_UP_NS, hb_trial_seed(trial) + 1,
		&answered);
}

/* Processor time of process @pid so far, to the nanosecond; 0 if there is none. */
static double cpu_of(pid_t pid)
{
	struct timespec used;
	clockid_t clock;

	if (pid <= 0 || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &used))
		return 0;
	return (double)used.tv_sec * NS_PER_S + (double)used.tv_nsec;
}

static int run(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);
	uint64_t answered = 0;
	double server_ns = cpu_of(state->redis.server.pid), watcher_ns = cpu_of(state->watcher.pid);
	double client_ns = cpu_of(getpid());
	int err = drive(trial, state, hb_trial_is_quick(trial) ? DURATION_QUICK_NS : DURATION_NS,
		hb_trial_seed(trial), &answered);

	if (err)
		return err;
	server_ns = cpu_of(state->redis.server.pid) - server_ns;
	watcher_ns = cpu_of(state->watcher.pid) - watcher_ns;
	client_ns = cpu_of(getpid()) - client_ns;
	if (answered == 0 || server_ns <= 0)
		return hb_trial_fail(trial, "no request was answered");
	hb_trial_metric(trial, "server_cpu", server_ns / (double)answered, answered);
	hb_trial_metric(trial, "cpu", (server_ns + watcher_ns) / (double)answered, answered);
	hb_trial_metric(trial, "attach_cpu", watcher_ns / (double)answered, answered);
	hb_trial_metric(trial, "all_cpu", (server_ns + watcher_ns + client_ns) / (double)answered,
		answered);
	hb_trial_metric(trial, "share", 1 + watcher_ns / server_ns, answered);
	return 0;
}

/* The attachment must have found the socket and restored it, and Redis holds what was written last. */
static int verify(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);
	int status = 0;

	if (state->watcher.pid > 0 &&
		(hb_child_stop(&state->watcher, STOP_MS, &status) || status != 0))
		return hb_trial_fail(trial, "the attachment did not restore the socket");
	return redis_verify(trial, &state->redis);
}

static int tear_down(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);

	if (!state)
		return 0;
	redis_stop(&state->redis);
	free(state);
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 1500;
}

static const struct hb_param params[] = {
	{
		.name = "network",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "between client and server",
		.sweep = "loopback",
		.allowed = NETWORK_NAMES,
	},
	{
		.name = "rate",
		.type = HB_PARAM_INT,
		.unit = "1/s",
		.help = "SETs per second, a Poisson stream",
		.sweep = "10000,100000",
		.sweep_quick = "10000",
		.min = 100,
		.max = 1000000,
	},
	REDIS_PARAM_SIZE("64"),
	{.name = NULL},
};

#define METRIC(name_, help_, optional_)                                                    \
	{                                                                                  \
		.name = (name_), .unit = "ns", .help = (help_), .better = HB_BETTER_LOWER, \
		.basis = HB_BASIS_CPU, .optional = (optional_),                            \
	}

static const struct hb_metric metrics[] = {
	METRIC("cpu", "processor time of redis-server and of the attachment, per request", false),
	METRIC("server_cpu", "of redis-server alone", false),
	METRIC("attach_cpu", "of the attachment alone", false),
	METRIC("all_cpu", "of both and of the client, in whose time hooks run, too", false),
	{
		.name = "share",
		.unit = "1",
		.help = "processor time of both by that of redis-server",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_CPU,
	},
	{.name = NULL},
};

static const struct arm alone = {0}, attached = {20 * MS, false}, sampled = {5 * MS, false},
			often = {1 * MS, false}, tracked = {5 * MS, true};

#define VARIANT(name_, role_, help_, data_, probe_)                                       \
	{                                                                                 \
		.name = (name_), .role = (role_), .help = (help_), .probe = (probe_),     \
		.setup = set_up, .warmup = warm_up, .run = run, .verify = verify,         \
		.teardown = tear_down, .sabotage = redis_sabotage_trial, .data = (data_), \
	}

static const struct hb_variant variants[] = {
	VARIANT("alone", HB_ROLE_BASELINE, "nothing is attached", &alone, redis_probe),
	VARIANT("attached", HB_ROLE_IDEA, "switched, and looked at every 20 ms", &attached,
		redis_probe),
	VARIANT("sampled", HB_ROLE_RIVAL, "read every 5 ms on average", &sampled, redis_probe),
	VARIANT("sampled_often", HB_ROLE_RIVAL, "read every millisecond on average", &often,
		redis_probe),
	VARIANT("tracked", HB_ROLE_RIVAL,
		"both ends followed by events in the kernel, read every 5 ms on average", &tracked,
		followed_probe),
	{.name = NULL},
};

#define CLAIM(name_, text_, variant_, hi_)                                                 \
	{                                                                                  \
		.name = (name_), .text = (text_), .paper = "Hotbed", .section = "",        \
		.metric = "share", .variant = (variant_), .where = "rate=100000", .lo = 0, \
		.hi = (hi_),                                                               \
	}

static const struct hb_claim claims[] = {
	CLAIM("attached-costs-a-hundredth",
		"100,000 SETs per second: attached without tracking, at most 1 % of the server's "
		"processor time.",
		"attached", 1.01),
	CLAIM("sampled-costs-a-fiftieth", "Sampled every 5 ms, at most 2 %.", "sampled", 1.02),
	{.name = NULL},
};

static const char *const roles[] = {"load", NULL};

const struct hb_experiment batching_tracking_cost = {
	.name = "tracking-cost",
	.question = "What does an attachment cost per request?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "rate", .metric = "cpu", .log_x = true},
	.roles = roles,
	.blocks = 6,
	.memory_bytes = redis_memory_bytes,
	.trial_ms = trial_ms,
};
