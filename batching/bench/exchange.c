/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching/exchange: the estimate window by window, as a controller at the requester gets it, when the responder's
 * readings are late, lost, or lies. A simulated connection under constant load; each window is as long as 1,000
 * requests take on average, and the truth is the mean latency of those that were answered in it.
 */
#include "experiments.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>
#include <hotbed/trial.h>

#include <batching/qsum.h>
#include <batching/tcp_sim.h>

#define REQUESTS_PER_WINDOW 1000
#define WINDOWS 100
#define WINDOWS_MAX (WINDOWS + 1)
#define SKIPPED 2 /* windows of warm-up */
#define PACKET_NS 500
#define REQUEST_NS 2000
#define REPLY_NS 1000
#define BATCH_NS 3000
#define QUANTILE 0.95

struct peer {
	uint32_t age;    /* its readings are so many windows old */
	double loss;     /* of a reading */
	uint64_t factor; /* its integrals are multiplied by it */
};

struct snapshot {
	struct bat_reading queues[BAT_TCP_ENDS][BAT_QUEUE_COUNT];
};

static struct bat_tcp_config config;
static struct bat_qsum sums[BAT_TCP_ENDS][BAT_QUEUE_COUNT];
static struct snapshot snapshots[WINDOWS_MAX + 1];
static double errors[WINDOWS_MAX], ratio_sum;
static uint32_t windows, taken, estimated;
static int64_t window_ns;
static bool sabotaged;

static int setup(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	uint32_t bytes = (uint32_t)hb_params_i64(params, "bytes");

	windows = hb_trial_is_quick(trial) ? WINDOWS / 10 : WINDOWS;
	bat_tcp_config_init(&config);
	config.hosts[0] = config.hosts[1] =
		(struct bat_tcp_host){.nagle = hb_params_text(params, "mode")[2] == 'g',
			.send_packet_ns = PACKET_NS,
			.receive_packet_ns = PACKET_NS};
	config.classes[0] = config.classes[1] = (struct bat_tcp_class){bytes, 8};
	config.batch_ns = BATCH_NS;
	config.request_ns = REQUEST_NS;
	config.request_random = true;
	config.reply_ns = REPLY_NS;
	config.reply_each = true;
	config.gap_ns = fmax(REQUEST_NS + REPLY_NS,
				(1.5 * ceil(bytes / (double)config.mss_bytes) + 3) * PACKET_NS) /
			hb_params_real(params, "load");
	config.requests = (uint64_t)REQUESTS_PER_WINDOW * (windows + SKIPPED + 2);
	window_ns = (int64_t)(REQUESTS_PER_WINDOW * config.gap_ns);
	return 0;
}

/* Readings of both ends at each boundary that has passed; then the change itself. */
static void note(void *user, enum bat_unit unit, int end, enum bat_queue queue, int64_t time_ns,
	int64_t delta)
{
	(void)user;
	while (taken <= windows && time_ns > (taken + SKIPPED) * window_ns) {
		int64_t at_ns = (taken + SKIPPED) * window_ns;

		for (int i = 0; i < BAT_TCP_ENDS * BAT_QUEUE_COUNT; i++)
			(void)bat_qsum_read(&sums[i / BAT_QUEUE_COUNT][i % BAT_QUEUE_COUNT], at_ns,
				&snapshots[taken].queues[i / BAT_QUEUE_COUNT][i % BAT_QUEUE_COUNT]);
		taken++;
	}
	if (unit == BAT_UNIT_BYTES)
		bat_qsum_add(&sums[end][queue], time_ns, delta);
}

/* The waits of @host between two of its snapshots, with its integrals multiplied by @factor. */
static void waits_between(
	int host, uint32_t from, uint32_t to, uint64_t factor, struct bat_end *ret)
{
	*ret = (struct bat_end){.queues = {{.tracked = false}}};
	for (int queue = 0; queue < BAT_QUEUE_COUNT; queue++) {
		/* The responder does not tell its unsent bytes, the requester serves nobody. */
		bool known = host == 0 ? queue != BAT_SERVICE : queue != BAT_UNSENT;
		struct bat_window window;

		if (!known || bat_window_between(&snapshots[from].queues[host][queue],
				      &snapshots[to].queues[host][queue], &window))
			continue;
		window.integral *= factor;
		ret->queues[queue] = bat_wait_of(&window);
	}
}

/* Which of the responder's readings the requester has at each boundary. */
static void deliver(struct hb_trial *trial, const struct peer *peer, uint32_t *ret_newest)
{
	struct hb_rng rng;

	hb_rng_init(&rng, hb_trial_seed(trial), 9);
	for (uint32_t i = 0; i <= windows; i++) {
		bool lost = hb_rng_double(&rng) < peer->loss;

		ret_newest[i] = i < peer->age ? 0 : i - peer->age;
		if (lost && i > 0)
			ret_newest[i] = ret_newest[i - 1];
	}
}

/* The true mean latency of what was answered in window @index; NaN if nothing was. */
static double truth_of(uint32_t index, uint64_t *at)
{
	int64_t end_ns = (index + 1 + SKIPPED) * window_ns, begin_ns = end_ns - window_ns;
	double sum_ns = 0;
	uint64_t count = 0;

	for (; *at < config.requests; (*at)++) {
		const int64_t *at_ns = config.log[*at].at_ns;

		if (at_ns[BAT_TCP_REPLY_READ] > end_ns)
			break;
		if (at_ns[BAT_TCP_REPLY_READ] <= begin_ns)
			continue;
		sum_ns += (double)(at_ns[BAT_TCP_REPLY_READ] - at_ns[BAT_TCP_WRITTEN]);
		count++;
	}
	return sum_ns / (double)count;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void evaluate(struct hb_trial *trial, const struct peer *peer)
{
	uint32_t newest[WINDOWS_MAX + 1];
	uint64_t at = 0;

	deliver(trial, peer, newest);
	for (uint32_t i = 0; i < windows; i++) {
		double truth_ns = truth_of(i, &at);
		struct bat_estimate estimate;
		struct bat_end a, b;

		waits_between(0, i, i + 1, 1, &a);
		waits_between(1, newest[i], newest[i + 1], peer->factor, &b);
		bat_estimate_larger(&a, &b, &estimate);
		if (!estimate.defined || isnan(truth_ns))
			continue;
		errors[estimated++] = fabs(estimate.end_to_end_ns / truth_ns - 1);
		ratio_sum += estimate.end_to_end_ns / truth_ns;
	}
	qsort(errors, estimated, sizeof(errors[0]), by_value);
}

static int run(struct hb_trial *trial)
{
	struct bat_tcp_result result;
	struct hb_error error = {0};
	int err;

	config.observe = note;
	config.log = calloc(config.requests, sizeof(*config.log));
	if (!config.log)
		return hb_trial_fail(trial, "no memory");
	err = bat_tcp_simulate(&config, hb_trial_seed(trial), 0, &result, &error);
	if (!err)
		evaluate(trial, hb_trial_data(trial));
	if (err)
		return hb_trial_fail(trial, "%s", error.text);
	if (estimated == 0)
		return hb_trial_fail(trial, "no window has an estimate");
	hb_trial_metric(
		trial, "error_p95", errors[(size_t)(QUANTILE * (estimated - 1))], estimated);
	hb_trial_metric(trial, "error_p50", errors[estimated / 2], estimated);
	hb_trial_metric(trial, "ratio", ratio_sum / estimated, estimated);
	hb_trial_metric(trial, "estimated", (double)estimated / windows, windows);
	if (sabotaged)
		snapshots[1].queues[0][BAT_UNACKED].departed += 2 * config.classes[0].request_bytes;
	return 0;
}

/* What had been acknowledged at each boundary, by the log of all requests. */
static int verify(struct hb_trial *trial)
{
	uint64_t bytes = config.classes[0].request_bytes, acked = 0;

	for (uint32_t i = 0; i <= windows; i++) {
		const struct bat_reading *reading = &snapshots[i].queues[0][BAT_UNACKED];

		while (acked < config.requests &&
			config.log[acked].at_ns[BAT_TCP_ACKED] <= reading->time_ns)
			acked++;
		/* A segment may end within a request. */
		if (reading->departed < acked * bytes || reading->departed >= (acked + 1) * bytes)
			return hb_trial_fail(trial,
				"expected %" PRIu64 " requests of %" PRIu64
				" bytes acknowledged at boundary %" PRIu32 ", got %" PRIu64
				" bytes",
				acked, bytes, i, reading->departed);
	}
	return 0;
}

static int tear_down(struct hb_trial *trial)
{
	(void)trial;
	free(config.log);
	config.log = NULL;
	return 0;
}

/* A reading that has departures which never were. */
static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static const struct peer fresh = {0, 0, 1}, late = {1, 0, 1}, lossy = {0, 0.5, 1},
			 claims_nothing = {0, 0, 0}, claims_tenfold = {0, 0, 10};

static const struct hb_param params[] = {
	{
		.name = "mode",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "TCP_NODELAY or Nagle's algorithm, at both ends",
		.sweep = "nodelay,nagle",
		.sweep_quick = "nagle",
	},
	{
		.name = "bytes",
		.type = HB_PARAM_INT,
		.unit = "B",
		.help = "of a request",
		.sweep = "64,16384",
		.sweep_quick = "64",
		.sweep_full = "64,1024,16384",
		.min = 1,
		.max = 1 << 20,
	},
	{
		.name = "load",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "share of what the server can do unbatched",
		.sweep = "0.2,0.8",
		.sweep_quick = "0.5",
		.sweep_full = "0.2,0.5,0.8",
		.min = 0.01,
		.max = 1,
	},
	{.name = NULL},
};

#define METRIC(name_, help_, better_)                                               \
	{                                                                           \
		.name = (name_), .unit = "1", .help = (help_), .better = (better_), \
		.basis = HB_BASIS_MODEL, .exact = true,                             \
	}

static const struct hb_metric metrics[] = {
	METRIC("error_p95", "|estimate / true mean - 1| of a window, 95th percentile",
		HB_BETTER_LOWER),
	METRIC("error_p50", "the median of it", HB_BETTER_LOWER),
	METRIC("ratio", "estimate / true mean, averaged over windows", HB_BETTER_NONE),
	METRIC("estimated", "share of windows with an estimate", HB_BETTER_HIGHER),
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, data_)                                                     \
	{                                                                                       \
		.name = (name_), .role = (role_), .help = (help_), .setup = setup, .run = run,  \
		.verify = verify, .teardown = tear_down, .sabotage = sabotage, .data = (data_), \
	}

static const struct hb_variant variants[] = {
	VARIANT("fresh", HB_ROLE_BASELINE, "both ends' readings of the same moments", &fresh),
	VARIANT("late", HB_ROLE_RIVAL, "the responder's are one window old", &late),
	VARIANT("lossy", HB_ROLE_RIVAL, "half of the responder's are lost", &lossy),
	VARIANT("claims_nothing", HB_ROLE_RIVAL, "the responder claims that nobody waits there",
		&claims_nothing),
	VARIANT("claims_tenfold", HB_ROLE_RIVAL, "it claims ten times what waits there",
		&claims_tenfold),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "lost-readings-cost-freshness-only",
		.text = "Where half of the responder's readings are lost, the estimates that "
			"remain are as true as before, within 2 % on average.",
		.paper = "Hotbed",
		.section = "",
		.metric = "ratio",
		.variant = "lossy",
		.lo = 0.98,
		.hi = 1.02,
	},
	{
		.name = "late-readings-are-harmless-under-constant-load",
		.text = "Under constant load readings that are one window old change the average "
			"estimate by less than 2 %.",
		.paper = "Hotbed",
		.section = "",
		.metric = "ratio",
		.variant = "late",
		.lo = 0.98,
		.hi = 1.02,
	},
	{
		.name = "a-liar-shifts-the-estimate",
		.text = "A responder that claims tenfold waits raises the estimate to at least the "
			"double: the sum itself cannot tell a lie.",
		.paper = "Hotbed",
		.section = "",
		.metric = "ratio",
		.variant = "claims_tenfold",
		.lo = 2,
		.hi = INFINITY,
	},
	{.name = NULL},
};

const struct hb_experiment batching_exchange = {
	.name = "exchange",
	.question = "What do late, lost and forged readings of the responder do to the estimate?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "load", .facet = "bytes", .metric = "error_p95"},
	.blocks = 6,
	.quiet = true,
};
