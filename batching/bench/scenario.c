/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching/scenario: the paper's motivating scenario over the client's cost c, which the server cannot see. Beside
 * "never" and "always", the best choice for the mean (what an end-to-end estimate makes possible), and the best batch
 * size of all, partial batches included. Closed forms; the recursion request by request verifies them.
 */
#include "experiments.h"

#include <math.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <batching/scenario.h>

static struct bat_scenario scenario;
static struct bat_outcome outcome;

struct choice {
	/* The batch size that this variant takes. */
	uint64_t (*batch)(const struct bat_comparison *comparison);
};

static uint64_t never(const struct bat_comparison *comparison)
{
	(void)comparison;
	return 1;
}

static uint64_t always(const struct bat_comparison *comparison)
{
	(void)comparison;
	return scenario.requests;
}

static uint64_t by_mean(const struct bat_comparison *comparison)
{
	return comparison->batched.mean < comparison->unbatched.mean ? scenario.requests : 1;
}

static uint64_t best_size(const struct bat_comparison *comparison)
{
	double best = INFINITY;
	uint64_t size = 1;

	(void)comparison;
	for (uint64_t k = 1; k <= scenario.requests; k++) {
		struct bat_outcome with;

		if (bat_scenario_batched_by(&scenario, k, &with, NULL) == 0 && with.mean < best) {
			best = with.mean;
			size = k;
		}
	}
	return size;
}

static int setup(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);

	scenario = (struct bat_scenario){
		.requests = (uint64_t)hb_params_i64(params, "n"),
		.alpha = 2,
		.beta = 4,
		.client = hb_params_real(params, "c"),
	};
	return 0;
}

static int run(struct hb_trial *trial)
{
	const struct choice *choice = hb_trial_data(trial);
	struct bat_comparison comparison;
	struct hb_error error = {0};
	uint64_t batch;

	if (bat_scenario_compare(&scenario, &comparison, &error))
		return hb_trial_fail(trial, "%s", error.text);
	batch = choice->batch(&comparison);
	if (batch == 1)
		outcome = comparison.unbatched;
	else if (batch == scenario.requests)
		outcome = comparison.batched;
	else if (bat_scenario_batched_by(&scenario, batch, &outcome, &error))
		return hb_trial_fail(trial, "%s", error.text);
	hb_trial_metric(trial, "reply_mean", outcome.mean, scenario.requests);
	hb_trial_metric(trial, "finish", outcome.finish, scenario.requests);
	hb_trial_metric(trial, "batch", (double)batch, 1);
	return 0;
}

/* Some batch size gives exactly this outcome, request by request. */
static int verify(struct hb_trial *trial)
{
	for (uint64_t k = 1; k <= scenario.requests; k++) {
		struct bat_outcome with;

		if (bat_scenario_batched_by(&scenario, k, &with, NULL) == 0 &&
			fabs(with.mean - outcome.mean) <= 1e-12 * with.mean &&
			fabs(with.finish - outcome.finish) <= 1e-12 * with.finish)
			return 0;
	}
	return hb_trial_fail(trial, "no batch size has mean %.17g and finish %.17g", outcome.mean,
		outcome.finish);
}

/* Computes with a dearer batch than the one that verify knows of, by a factor that makes no sum equal another. */
static int sabotaged_run(struct hb_trial *trial)
{
	(void)trial;
	scenario.beta *= 1.37;
	return 0;
}

static int verify_as_asked(struct hb_trial *trial)
{
	scenario.beta = 4;
	return verify(trial);
}

static const struct choice choice_never = {never}, choice_always = {always},
			   choice_by_mean = {by_mean}, choice_best_size = {best_size};

static const struct hb_param params[] = {
	{
		.name = "c",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "the client's cost of a reply; alpha is 2, beta 4",
		.sweep = "linear(0,8,17)",
		.sweep_quick = "3",
		.min = 0,
		.max = 1e6,
	},
	{
		.name = "n",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "requests that arrive at once",
		.sweep = "3,100",
		.sweep_quick = "3",
		.min = 1,
		.max = 100000,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "reply_mean",
		.unit = "1",
		.help = "when the client is done with a reply, on average, in the unit of the "
			"costs",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "finish",
		.unit = "1",
		.help = "when it is done with the last one",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "batch",
		.unit = "1",
		.help = "replies that are sent together",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, data_)                                                    \
	{                                                                                      \
		.name = (name_), .role = (role_), .help = (help_), .setup = setup, .run = run, \
		.verify = verify_as_asked, .sabotage = sabotaged_run, .data = (data_),         \
	}

static const struct hb_variant variants[] = {
	VARIANT("unbatched", HB_ROLE_BASELINE, "every reply alone", &choice_never),
	VARIANT("batched", HB_ROLE_RIVAL, "all replies together", &choice_always),
	VARIANT("end_to_end", HB_ROLE_IDEA, "whichever has the lower mean at the client",
		&choice_by_mean),
	VARIANT("best_size", HB_ROLE_RIVAL, "the batch size with the lowest mean",
		&choice_best_size),
	{.name = NULL},
};

/* Ratios of whole numbers, as exact as a decimal can say it. */
#define CLAIM(name_, text_, metric_, where_, top_, bottom_)                                     \
	{                                                                                       \
		.name = (name_), .text = (text_),                                               \
		.paper = "Batching with End-to-End Performance "                                \
			 "Estimation, HotOS'25",                                                \
		.section = "1", .metric = (metric_), .variant = "batched", .where = (where_),   \
		.lo = (top_) / (bottom_) * (1 - 1e-12), .hi = (top_) / (bottom_) * (1 + 1e-12), \
	}

static const struct hb_claim claims[] = {
	CLAIM("cheap-client-mean", "With c = 1 batching lowers the mean reply time from 13 to 12.",
		"reply_mean", "c=1;n=3", 12.0, 13.0),
	CLAIM("cheap-client-finish", "With c = 1 batching lowers the finish from 19 to 13.",
		"finish", "c=1;n=3", 13.0, 19.0),
	CLAIM("middle-client-mean", "With c = 3 batching raises the mean reply time from 15 to 16.",
		"reply_mean", "c=3;n=3", 16.0, 15.0),
	CLAIM("middle-client-finish", "With c = 3 batching lowers the finish from 21 to 19.",
		"finish", "c=3;n=3", 19.0, 21.0),
	CLAIM("dear-client-mean", "With c = 5 batching raises the mean reply time from 17 to 20.",
		"reply_mean", "c=5;n=3", 20.0, 17.0),
	CLAIM("dear-client-finish", "With c = 5 batching raises the finish from 23 to 25.",
		"finish", "c=5;n=3", 25.0, 23.0),
	{
		.name = "informed-never-loses",
		.text = "Whoever knows the client's cost is never slower than the better of always "
			"and never batching: 12/13 of unbatched at c = 1.",
		.paper = "Hotbed",
		.section = "",
		.metric = "reply_mean",
		.variant = "end_to_end",
		.where = "c=1;n=3",
		.lo = 0,
		.hi = 12.0 / 13 * (1 + 1e-12),
		.headline = 1,
	},
	{.name = NULL},
};

const struct hb_experiment batching_scenario = {
	.name = "scenario",
	.question = "When do batched replies help a client whose own cost the server cannot see?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "c", .facet = "n", .metric = "reply_mean"},
	.unseeded = true,
	.quiet = true,
};
