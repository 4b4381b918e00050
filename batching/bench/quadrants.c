/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching/quadrants: what batching improves, over random costs: mean reply time, finish, both or neither. In the
 * paper's scenario "the mean only" cannot occur; this looks for it where batching is done by TCP, which may hold the
 * last bytes back for an acknowledgement. n requests come at once; each draw is simulated with and without batching.
 */
#include "experiments.h"

#include <errno.h>
#include <inttypes.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>
#include <hotbed/trial.h>

#include <batching/scenario.h>
#include <batching/tcp_sim.h>

#define DRAWS 400
#define REQUESTS_MAX 300

enum mechanism { TOGETHER, NAGLE, AUTOCORK };

struct outcome {
	double mean_ns;
	int64_t finish_ns;
};

static uint64_t counts[4]; /* by enum bat_verdict */
static uint64_t wrong;     /* draws whose outcome cannot be */
static bool sabotaged;

static struct bat_tcp_config draw_config(struct hb_rng *rng, enum mechanism mechanism)
{
	struct bat_tcp_config config;

	bat_tcp_config_init(&config);
	config.requests = 2 + hb_rng_below(rng, REQUESTS_MAX - 1);
	config.gap_ns = 0;
	config.client_reads_all = false;
	config.client_ns = (int64_t)hb_rng_below(rng, 10000);
	config.request_ns = 1 + (int64_t)hb_rng_below(rng, 5000);
	config.reply_ns = (int64_t)hb_rng_below(rng, 10000);
	config.links[0] = config.links[1] =
		(struct bat_tcp_link){.delay_ns = 1 + (int64_t)hb_rng_below(rng, 50000)};
	if (mechanism != TOGETHER) {
		config.links[1].rate_bytes_per_s = 10000000 + hb_rng_below(rng, 1000000000);
		config.hosts[0].receive_packet_ns = (int64_t)hb_rng_below(rng, 10000);
		config.hosts[1].send_packet_ns = (int64_t)hb_rng_below(rng, 2000);
		config.reply_each = true;
	}
	return config;
}

static int simulate(struct hb_trial *trial, const struct bat_tcp_config *config, uint64_t seed,
	struct outcome *ret)
{
	struct bat_tcp_result result;
	struct hb_error error = {0};

	if (bat_tcp_simulate(config, seed, 0, &result, &error))
		return hb_trial_fail(trial, "%s", error.text);
	*ret = (struct outcome){result.response_mean_ns, result.finish_ns};
	return 0;
}

static enum bat_verdict verdict_of(const struct outcome *without, const struct outcome *with)
{
	/* A nanosecond is how finely the simulation sees. */
	bool mean = with->mean_ns < without->mean_ns - 1;
	bool finish = with->finish_ns < without->finish_ns - 1;

	if (mean && finish)
		return BAT_VERDICT_BOTH;
	if (mean)
		return BAT_VERDICT_LATENCY;
	return finish ? BAT_VERDICT_THROUGHPUT : BAT_VERDICT_NEITHER;
}

/* What the closed form says of a draw without TCP in the way. */
static bool agrees(const struct bat_tcp_config *config, enum bat_verdict found)
{
	const struct bat_scenario scenario = {
		.requests = config->requests,
		.alpha = (double)config->request_ns,
		.beta = (double)config->reply_ns,
		.client = (double)config->client_ns,
	};
	struct bat_comparison comparison;

	return bat_scenario_compare(&scenario, &comparison, NULL) == 0 &&
	       comparison.verdict == found;
}

/* Serial work that nobody can skip: the responder's, both ways, and the last answer's at the requester. */
static int64_t floor_ns(const struct bat_tcp_config *config)
{
	int64_t replies = config->reply_each ? (int64_t)config->requests : 1;

	return (int64_t)config->requests * config->request_ns + replies * config->reply_ns +
	       config->links[0].delay_ns + config->links[1].delay_ns + config->client_ns;
}

/* One draw without batching and with it. */
static int compare(
	struct hb_trial *trial, struct hb_rng *rng, enum mechanism mechanism, uint64_t draw)
{
	struct bat_tcp_config on = draw_config(rng, mechanism), off;
	int64_t with_floor_ns = floor_ns(&on), without_floor_ns;
	struct outcome without = {0}, with = {0};
	enum bat_verdict verdict;

	on.hosts[1].nagle = mechanism == NAGLE;
	on.hosts[1].autocork = mechanism == AUTOCORK;
	off = on;
	off.reply_each = true;
	off.hosts[1].nagle = off.hosts[1].autocork = false;
	without_floor_ns = floor_ns(&off);
	if (sabotaged)
		off.request_ns = on.request_ns = 0;
	if (simulate(trial, &off, draw, &without) || simulate(trial, &on, draw, &with))
		return -EBADMSG;
	verdict = verdict_of(&without, &with);
	counts[verdict]++;
	if (mechanism == TOGETHER && !sabotaged && !agrees(&on, verdict))
		wrong++;
	if (with.finish_ns < with_floor_ns || without.finish_ns < without_floor_ns)
		wrong++;
	return 0;
}

static int run(struct hb_trial *trial)
{
	static const char *const names[] = {
		[BAT_VERDICT_BOTH] = "both",
		[BAT_VERDICT_THROUGHPUT] = "throughput_only",
		[BAT_VERDICT_LATENCY] = "latency_only",
		[BAT_VERDICT_NEITHER] = "neither",
	};
	enum mechanism mechanism = *(const enum mechanism *)hb_trial_data(trial);
	uint64_t draws = hb_trial_is_quick(trial) ? DRAWS / 10 : DRAWS;
	struct hb_rng rng;

	hb_rng_init(&rng, hb_trial_seed(trial), 1);
	for (uint64_t i = 0; i < draws; i++) {
		int err = compare(trial, &rng, mechanism, i);

		if (err)
			return err;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		hb_trial_metric(trial, names[i], (double)counts[i] / (double)draws, draws);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	if (wrong > 0)
		return hb_trial_fail(trial,
			"%" PRIu64 " draws finish before their work can be done, or differ from "
			"the closed form",
			wrong);
	return 0;
}

/* A responder that works for nothing. */
static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static const enum mechanism together = TOGETHER, nagle = NAGLE, autocork = AUTOCORK;

#define SHARE(name_, help_)                                                              \
	{                                                                                \
		.name = (name_), .unit = "1", .help = (help_), .better = HB_BETTER_NONE, \
		.basis = HB_BASIS_MODEL, .exact = true,                                  \
	}

static const struct hb_metric metrics[] = {
	SHARE("latency_only", "draws in which batching lowers the mean, not the finish"),
	SHARE("throughput_only", "the finish, not the mean"),
	SHARE("both", "both"),
	SHARE("neither", "neither"),
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, data_)                                                      \
	{                                                                                        \
		.name = (name_), .role = (role_), .help = (help_), .run = run, .verify = verify, \
		.sabotage = sabotage, .data = (data_),                                           \
	}

static const struct hb_variant variants[] = {
	VARIANT("together", HB_ROLE_BASELINE,
		"the paper's scenario: one write for all answers, no TCP in the way", &together),
	VARIANT("nagle", HB_ROLE_RIVAL, "Nagle's algorithm at the responder", &nagle),
	VARIANT("autocork", HB_ROLE_RIVAL, "autocorking at the responder", &autocork),
	{.name = NULL},
};

const struct hb_experiment batching_quadrants = {
	.name = "quadrants",
	.question = "Can batching lower the mean reply time and yet finish later?",
	.metrics = metrics,
	.variants = variants,
	.chart = {.metric = "latency_only"},
	.blocks = 6,
	.quiet = true,
};
