/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metastable/tiers: how many attempts a request becomes at a back end that refuses everybody, if every tier on the way
 * retries. The closed form is the product of 1 + retries over the tiers. The back end refuses because its one place is
 * taken by a job that never ends.
 */
#include "experiments.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <metastable/simulation.h>

#include "paper_model.h"

#define TIERS_MAX 4
#define END_S 1000
#define END_QUICK_S 100

static const bool every_tier = true, first_tier = false;
static struct ms_model model;
static struct ms_run_result result;
static bool sabotaged;

/* "2-2-1": retries by tier, the users' first. Returns how many tiers. */
static uint32_t retries_of(const struct hb_params *params, uint32_t *ret)
{
	const char *at = hb_params_text(params, "retries");
	uint32_t count = 0;

	while (*at && count < TIERS_MAX) {
		char *end;

		ret[count++] = (uint32_t)strtoul(at, &end, 10);
		at = *end == '-' ? end + 1 : end;
	}
	return count;
}

static int setup(struct hb_trial *trial)
{
	const bool *all = hb_trial_data(trial);
	uint32_t retries[TIERS_MAX];
	uint32_t count = retries_of(hb_trial_params(trial), retries);
	char text[2048];
	int length = 0;

	if (!all)
		return 0;
	/* Tier i is server t<i>; the last one is the back end. */
	for (uint32_t i = 0; i + 1 < count; i++)
		length += snprintf(text + length, sizeof(text) - (size_t)length,
			"server t%u { threads 1000; queue 1000; service exp 1000/s; on_full reject "
			"}\n",
			i);
	length += snprintf(text + length, sizeof(text) - (size_t)length,
		"server t%u { threads 1; queue 1; service constant 1000000s; on_full reject }\n"
		"client user -> t0 { rate poisson 10/s; timeout none; retry %u immediate; "
		"retry_on reject }\n",
		count - 1, retries[0]);
	for (uint32_t i = 1; i < count; i++)
		length += snprintf(text + length, sizeof(text) - (size_t)length,
			"call t%u -> t%u { timeout none; retry %u immediate; retry_on reject }\n",
			i - 1, i, *all ? retries[i] : 0);
	return model_read(trial, text, &model);
}

static int run_product(struct hb_trial *trial)
{
	uint32_t retries[TIERS_MAX];
	uint32_t count = retries_of(hb_trial_params(trial), retries);
	double product = 1;

	for (uint32_t i = 0; i < count; i++)
		product *= 1.0 + retries[i];
	hb_trial_metric(trial, "amplification", product, 1);
	return 0;
}

static int run(struct hb_trial *trial)
{
	struct ms_run_options options = {.end_s = hb_trial_is_quick(trial) ? END_QUICK_S : END_S};
	struct ms_simulation *simulation = NULL;
	struct hb_error error = {0};
	int code = ms_simulation_create(&model, &options, &simulation, &error);

	if (!code)
		code = ms_simulation_run(
			simulation, hb_trial_seed(trial), 0, NULL, &result, &error);
	ms_simulation_destroy(simulation);
	if (code)
		return hb_trial_fail(trial, "%s", error.text);
	hb_trial_metric(trial, "amplification",
		(double)result.servers[model.server_count - 1].arrivals /
			(double)result.clients[0].requests,
		result.clients[0].requests);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	if (sabotaged)
		result.clients[0].failures++;
	return requests_end_once(trial, &result.clients[0]);
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static const struct hb_param params[] = {
	{
		.name = "retries",
		.type = HB_PARAM_TEXT,
		.help = "beyond the first attempt, tier by tier, the users' first",
		.sweep = "2,2-2,2-2-2,3-1-2,1-1-1-1",
		.sweep_quick = "2-2-2",
		.allowed = "1,2,3,1-1,2-2,3-3,1-2-3,2-2-2,3-1-2,1-1-1-1,2-2-2-2",
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "amplification",
		.unit = "1",
		.help = "attempts at the back end for each request of a user",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	{
		.name = "product",
		.role = HB_ROLE_BASELINE,
		.help = "closed form: the product of 1 + retries",
		.run = run_product,
		.verify = verify,
		.sabotage = sabotage,
	},
	{
		.name = "every-tier",
		.role = HB_ROLE_IDEA,
		.help = "simulated, every tier retries",
		.setup = setup,
		.run = run,
		.verify = verify,
		.sabotage = sabotage,
		.data = &every_tier,
	},
	{
		.name = "first-tier",
		.role = HB_ROLE_RIVAL,
		.help = "simulated, only the users retry",
		.setup = setup,
		.run = run,
		.verify = verify,
		.sabotage = sabotage,
		.data = &first_tier,
	},
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "retries-multiply",
		.text = "Retries of nested tiers multiply: the back end gets the product of 1 + "
			"retries.",
		.paper = "Site Reliability Engineering, 2016",
		.section = "22",
		.metric = "amplification",
		.variant = "every-tier",
		.where = "",
		.lo = 0.98,
		.hi = 1.02,
	},
	{
		.name = "one-tier-does-not-multiply",
		.text = "If only the first of three tiers retries, a ninth of that arrives.",
		.paper = "Site Reliability Engineering, 2016",
		.section = "22",
		.metric = "amplification",
		.variant = "first-tier",
		.where = "retries=2-2-2",
		.lo = 0.109,
		.hi = 0.113,
	},
	{.name = NULL},
};

const struct hb_experiment metastable_tiers = {
	.name = "tiers",
	.question = "How many attempts does one request become behind tiers that all retry?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "retries", .metric = "amplification", .log_y = true},
	.blocks = 6,
	.quiet = true,
};
