/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching/regime-map: over the client's cost c and the cost of a batch beta, whether batching lowers the mean reply
 * time and the finish, in the simulated connection. On the ideal path (links of 1 ns, packets for nothing) the
 * boundaries are those of the closed form, c = beta - alpha for the mean and c = beta for the finish; on a path with
 * delays and costs per packet they move.
 */
#include "experiments.h"

#include <inttypes.h>
#include <math.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <batching/scenario.h>
#include <batching/tcp_sim.h>

#define ALPHA_NS 2000
#define REQUESTS 64
#define PACKET_NS 500
#define LINK_NS 10000
#define LINK_BYTES_PER_S 1250000000

enum way { SINGLY, TOGETHER, NAGLE };

static struct bat_tcp_config config;
static struct bat_tcp_result result;
static bool ideal;

static int setup(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	enum way way = *(const enum way *)hb_trial_data(trial);

	ideal = hb_params_text(params, "path")[0] == 'i';
	bat_tcp_config_init(&config);
	config.requests = REQUESTS;
	config.gap_ns = 0;
	config.client_reads_all = false;
	config.client_ns = hb_params_i64(params, "c");
	config.request_ns = ALPHA_NS;
	config.reply_ns = hb_params_i64(params, "beta");
	config.reply_each = way != TOGETHER;
	config.hosts[1].nagle = way == NAGLE;
	for (int i = 0; i < BAT_TCP_ENDS; i++) {
		config.links[i] = ideal ? (struct bat_tcp_link){.delay_ns = 1}
					: (struct bat_tcp_link){.delay_ns = LINK_NS,
						  .rate_bytes_per_s = LINK_BYTES_PER_S};
		config.hosts[i].send_packet_ns = ideal ? 0 : PACKET_NS;
		config.hosts[i].receive_packet_ns = ideal ? 0 : PACKET_NS;
	}
	return 0;
}

static int run(struct hb_trial *trial)
{
	struct hb_error error = {0};

	if (bat_tcp_simulate(&config, hb_trial_seed(trial), 0, &result, &error))
		return hb_trial_fail(trial, "%s", error.text);
	hb_trial_metric(trial, "reply_mean", result.response_mean_ns, REQUESTS);
	hb_trial_metric(trial, "finish", (double)result.finish_ns, REQUESTS);
	hb_trial_metric(trial, "segments", (double)result.segments[1] / REQUESTS, REQUESTS);
	return 0;
}

/* The closed form where nothing is in the way, else that no work was skipped. */
static int verify(struct hb_trial *trial)
{
	const struct bat_scenario scenario = {
		.requests = REQUESTS,
		.alpha = ALPHA_NS,
		.beta = (double)hb_params_i64(hb_trial_params(trial), "beta"),
		.client = (double)hb_params_i64(hb_trial_params(trial), "c"),
	};
	double writes = config.reply_each ? REQUESTS : 1;
	double floor_ns = REQUESTS * scenario.alpha + writes * scenario.beta + scenario.client;
	enum way way = *(const enum way *)hb_trial_data(trial);
	const struct bat_outcome *expected;
	struct bat_comparison comparison;

	if ((double)result.finish_ns < floor_ns)
		return hb_trial_fail(trial, "done after %" PRId64 " ns, the work takes %g",
			result.finish_ns, floor_ns);
	if (!ideal || way == NAGLE)
		return 0;
	if (bat_scenario_compare(&scenario, &comparison, NULL))
		return hb_trial_fail(trial, "the closed form refuses this point");
	expected = way == TOGETHER ? &comparison.batched : &comparison.unbatched;
	/* Two links of 1 ns each. */
	if (fabs(result.response_mean_ns - expected->mean - 2) > 1e-6 ||
		result.finish_ns != (int64_t)expected->finish + 2)
		return hb_trial_fail(trial,
			"expected mean %.17g and finish %.17g by the closed form, got %.17g and "
			"%" PRId64,
			expected->mean + 2, expected->finish + 2, result.response_mean_ns,
			result.finish_ns);
	return 0;
}

/* Two ends that work for nothing. */
static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	config.request_ns = config.reply_ns = config.client_ns = 0;
	return 0;
}

static const enum way singly = SINGLY, together = TOGETHER, nagle = NAGLE;

static const struct hb_param params[] = {
	{
		.name = "c",
		.type = HB_PARAM_INT,
		.unit = "ns",
		.help = "the client's cost of a reply; alpha is 2000",
		.sweep = "linear(0,10000,11)",
		.sweep_quick = "2000",
		.sweep_full = "linear(0,12000,49)",
		.min = 0,
		.max = 1000000,
	},
	{
		.name = "beta",
		.type = HB_PARAM_INT,
		.unit = "ns",
		.help = "the server's cost of a batch",
		.sweep = "2000,4000,6000,8000",
		.sweep_quick = "4000",
		.sweep_full = "linear(1000,10000,19)",
		.min = 1,
		.max = 1000000,
	},
	{
		.name = "path",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "nothing in the way, or a link of 10 us and 10 Gbit/s and 500 ns per "
			"packet",
		.sweep = "ideal,network",
		.sweep_quick = "ideal",
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "reply_mean",
		.unit = "ns",
		.help = "from the requests' moment until the client is done with a reply, on "
			"average",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "finish",
		.unit = "ns",
		.help = "until it is done with the last one",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "segments",
		.unit = "1",
		.help = "that carry answers, per answer",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, data_)                                                    \
	{                                                                                      \
		.name = (name_), .role = (role_), .help = (help_), .setup = setup, .run = run, \
		.verify = verify, .sabotage = sabotage, .data = (data_),                       \
	}

static const struct hb_variant variants[] = {
	VARIANT("unbatched", HB_ROLE_BASELINE, "a write per answer, without Nagle's algorithm",
		&singly),
	VARIANT("batched", HB_ROLE_RIVAL, "one write for all that were read together", &together),
	VARIANT("nagle", HB_ROLE_RIVAL, "a write per answer, held back by Nagle's algorithm",
		&nagle),
	{.name = NULL},
};

#define CLAIM(name_, text_, metric_, where_, lo_, hi_)                                        \
	{                                                                                     \
		.name = (name_), .text = (text_),                                             \
		.paper = "Batching with End-to-End Performance Estimation, HotOS'25",         \
		.section = "1", .metric = (metric_), .variant = "batched", .where = (where_), \
		.lo = (lo_), .hi = (hi_),                                                     \
	}

static const struct hb_claim claims[] = {
	CLAIM("boundary-of-the-mean",
		"At c = beta - alpha batching leaves the mean reply time as it is.", "reply_mean",
		"path=ideal;beta=4000;c=2000", 1 - 1e-12, 1 + 1e-12),
	CLAIM("boundary-of-the-finish", "At c = beta batching leaves the finish as it is.",
		"finish", "path=ideal;beta=4000;c=4000", 1 - 1e-12, 1 + 1e-12),
	CLAIM("below-both-boundaries", "Below beta - alpha batching lowers the mean.", "reply_mean",
		"path=ideal;beta=4000;c=1000", 0, 1 - 1e-3),
	CLAIM("between-the-mean-rises", "Between the boundaries batching raises the mean ...",
		"reply_mean", "path=ideal;beta=4000;c=3000", 1 + 1e-3, INFINITY),
	CLAIM("between-the-finish-falls", "... and lowers the finish.", "finish",
		"path=ideal;beta=4000;c=3000", 0, 1 - 1e-3),
	CLAIM("above-both-boundaries", "Above beta batching delays the finish, too.", "finish",
		"path=ideal;beta=4000;c=5000", 1 + 1e-3, INFINITY),
	{.name = NULL},
};

const struct hb_experiment batching_regime_map = {
	.name = "regime-map",
	.question = "Where does batching help, over the client's cost and the cost of a batch?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "c", .facet = "beta", .metric = "reply_mean"},
	.unseeded = true,
	.quiet = true,
};
