/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * probcons/committees: how often the committee of a campaign has no member in common with that of the last commit,
 * counted on the replicated log in simulation (V5) and declared by the hypergeometric distribution.
 */
#include "experiments.h"

#include <math.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <probcons/simulation.h>

#define CHUNK 200 /* schedules at a time */

static bool counted;
static uint32_t nodes, size;
static uint64_t seed, trials, seen, missed;
static double misses;

static int setup(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);

	counted = hb_trial_data(trial) != NULL;
	nodes = (uint32_t)hb_params_i64(params, "n");
	size = (uint32_t)hb_params_i64(params, "members");
	trials = (uint64_t)hb_params_i64(params, "campaigns");
	seed = hb_trial_seed(trial);
	return size <= nodes ? 0 : hb_trial_fail(trial, "more members than nodes");
}

static double declared(void)
{
	double product = 1;

	for (uint32_t i = 0; i < size; i++)
		product *= i + size <= nodes ? (double)(nodes - size - i) / (double)(nodes - i) : 0;
	return product;
}

static int count(struct hb_trial *trial)
{
	static struct pc_simulation_report report;
	struct pc_simulation_options options = {
		.variant = PC_V5,
		.nodes = nodes,
		.seed = seed,
		.committee_per = size,
		.committee_vc = size,
	};
	struct pc_simulation *simulation;
	struct hb_error error = {0};
	int err;

	pc_rule_init(&options.rule, ((uint64_t)1 << nodes) - 1);
	err = pc_simulation_create(&options, &simulation, &error);
	if (err)
		return hb_trial_fail(trial, "%s", error.text);
	report = (struct pc_simulation_report){0};
	/* Whole chunks: to stop at the first schedule that suffices would favour what it ends with. */
	for (uint64_t i = 0; !err && (i % CHUNK || report.committee_trials < trials); i++)
		err = pc_simulation_run(simulation, i, &report, &error);
	pc_simulation_destroy(simulation);
	if (err || report.violation_count)
		return hb_trial_fail(trial, "%s", err ? error.text : report.violations[0].text);
	seen = report.committee_trials;
	missed = report.committee_misses;
	return 0;
}

static int run(struct hb_trial *trial)
{
	int err = counted ? count(trial) : 0;

	if (err)
		return err;
	misses = counted ? (double)missed / (double)seen : declared();
	hb_trial_metric(trial, "misses", misses, 1);
	return 0;
}

static int choose(int n, int k)
{
	return k == 0 ? 1 : choose(n - 1, k - 1) * n / k;
}

static int verify(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	int n = (int)hb_params_i64(params, "n"), k = (int)hb_params_i64(params, "members");
	double expected = 2 * k > n ? 0 : (double)choose(n - k, k) / (double)choose(n, k);
	double allowed =
		counted ? 6 * sqrt(expected * (1 - expected) / (double)seen) : 1e-12 * expected;

	if (!(fabs(misses - expected) <= allowed))
		return hb_trial_fail(trial, "expected %.12g, not %.12g", expected, misses);
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	/* More nodes than declared. */
	nodes += 2;
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	return 100 + (uint64_t)hb_params_i64(params, "campaigns") / 50;
}

static const struct hb_param params[] = {
	{
		.name = "n",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "nodes",
		.sweep = "5,9",
		.sweep_quick = "5",
		.min = 2,
		.max = PC_SIMULATED_NODES_MAX - 2,
	},
	{
		.name = "members",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "members of a committee",
		.sweep = "2,3,4",
		.sweep_quick = "2",
		.min = 1,
		.max = PC_SIMULATED_NODES_MAX,
	},
	{
		.name = "campaigns",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "committees drawn after a commit, at least",
		.sweep = "20000",
		.sweep_quick = "1000",
		.min = 100,
		.max = 100000000,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "misses",
		.unit = "1",
		.help = "share of campaigns whose committee shares no member with that of the last "
			"commit",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	{
		.name = "declared",
		.role = HB_ROLE_BASELINE,
		.help = "hypergeometric",
		.setup = setup,
		.run = run,
		.verify = verify,
		.sabotage = sabotage,
	},
	{
		.name = "counted",
		.role = HB_ROLE_IDEA,
		.help = "V5 in simulation; every retried campaign is a trial",
		.setup = setup,
		.run = run,
		.verify = verify,
		.sabotage = sabotage,
		.data = &trials,
	},
	{.name = NULL},
};

#define CLAIM(name_, text_, where_)                                                         \
	{                                                                                   \
		.name = (name_), .text = (text_), .paper = "Hotbed", .section = "",         \
		.metric = "misses", .variant = "counted", .where = (where_),                \
		.against_variant = "declared", .against_where = "", .lo = 0.95, .hi = 1.05, \
	}

static const struct hb_claim claims[] = {
	CLAIM("committees-miss-as-declared-5",
		"Committees of 2 of 5 miss each other as often as declared (0.3).",
		"n=5;members=2"),
	CLAIM("committees-miss-as-declared-9",
		"Committees of 3 of 9 miss each other as often as declared (0.238).",
		"n=9;members=3"),
	{.name = NULL},
};

const struct hb_experiment probcons_committees = {
	.name = "committees",
	.question = "Do committees fail to meet as often as declared?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "members", .facet = "n", .metric = "misses"},
	.blocks = 6,
	.quiet = true,
	.trial_ms = trial_ms,
};
