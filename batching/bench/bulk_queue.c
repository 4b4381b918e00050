/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching/bulk-queue: mean time of a customer in a queue that is served in batches of at most 4, by load. Sending at
 * once what is there (closed), letting late ones join, and waiting for full batches, against service one by one.
 * Simulated customer by customer on the shared engine; the closed forms verify it.
 */
#include "experiments.h"

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <batching/bulk_queue.h>

#define LIMIT 4
#define DEPARTURES 20000
#define LEVEL 0.99999 /* a false alarm in 100,000 trials */

struct arm {
	enum bat_bulk_discipline discipline;
	uint32_t limit;
};

static struct bat_bulk_queue queue;
static struct bat_bulk_intervals simulated;

static int setup(struct hb_trial *trial)
{
	const struct arm *arm = hb_trial_data(trial);

	queue = (struct bat_bulk_queue){
		.discipline = arm->discipline,
		.lambda_per_s = hb_params_real(hb_trial_params(trial), "load"),
		.mu_per_s = 1,
		.limit = arm->limit,
	};
	return 0;
}

static int run(struct hb_trial *trial)
{
	const struct bat_bulk_options options = {
		.seed = hb_trial_seed(trial),
		.replications = 20,
		.departures = hb_trial_is_quick(trial) ? DEPARTURES / 10 : DEPARTURES,
		.threads = 1,
		.level = LEVEL,
	};
	struct hb_error error = {0};

	if (bat_bulk_queue_simulate(&queue, &options, &simulated, &error))
		return hb_trial_fail(trial, "%s", error.text);
	hb_trial_metric(trial, "sojourn", simulated.sojourn_s.estimate * 1e9,
		options.replications * options.departures);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	struct bat_bulk_queue asked = queue;
	const struct arm *arm = hb_trial_data(trial);
	struct bat_bulk_means means;
	struct hb_error error = {0};

	asked.limit = arm->limit;
	asked.mu_per_s = 1;
	if (bat_bulk_queue_means(&asked, &means, &error))
		return hb_trial_fail(trial, "%s", error.text);
	if (means.sojourn_s < simulated.sojourn_s.lo || means.sojourn_s > simulated.sojourn_s.hi)
		return hb_trial_fail(trial, "expected %.6g s, simulated [%.6g, %.6g]",
			means.sojourn_s, simulated.sojourn_s.lo, simulated.sojourn_s.hi);
	return 0;
}

/* Half again as fast a server. */
static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	queue.mu_per_s = 1.5;
	return 0;
}

static const struct arm single = {BAT_BULK_CLOSED, 1}, closed = {BAT_BULK_CLOSED, LIMIT},
			joinable = {BAT_BULK_JOINABLE, LIMIT}, full = {BAT_BULK_FULL, LIMIT};

static const struct hb_param params[] = {
	{
		.name = "load",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "arrivals per service time of a batch",
		.sweep = "0.1,0.3,0.5,0.7,0.9",
		.sweep_quick = "0.5",
		.min = 0.01,
		.max = 0.99,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "sojourn",
		.unit = "ns",
		.help = "mean time in the system, a service takes a second",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
		.min_effect = 0.01,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, data_)                                                    \
	{                                                                                      \
		.name = (name_), .role = (role_), .help = (help_), .setup = setup, .run = run, \
		.verify = verify, .sabotage = sabotage, .data = (data_),                       \
	}

static const struct hb_variant variants[] = {
	VARIANT("one_by_one", HB_ROLE_BASELINE, "no batching", &single),
	VARIANT("closed", HB_ROLE_IDEA, "whoever waits when a service begins, at most 4", &closed),
	VARIANT("joinable", HB_ROLE_RIVAL, "late ones join while there is room", &joinable),
	VARIANT("full", HB_ROLE_RIVAL, "wait for 4", &full),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "waiting-for-full-loses-at-low-load",
		.text = "Waiting for full batches is at least ten times slower than no batching at "
			"a load of 0.1: a fixed batch size has its price.",
		.paper = "Hotbed",
		.section = "",
		.metric = "sojourn",
		.variant = "full",
		.where = "load=0.1",
		.lo = 10,
		.hi = 20,
	},
	{
		.name = "drain-all-wins-at-high-load",
		.text = "Sending what is there is at least five times faster than no batching at a "
			"load of 0.9.",
		.paper = "Hotbed",
		.section = "",
		.metric = "sojourn",
		.variant = "closed",
		.where = "load=0.9",
		.lo = 0,
		.hi = 0.2,
	},
	{.name = NULL},
};

const struct hb_experiment batching_bulk_queue = {
	.name = "bulk-queue",
	.question = "What does a batch cost and gain in a queue, by load?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "load", .metric = "sojourn", .log_y = true},
	.quiet = true,
};
