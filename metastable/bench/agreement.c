/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metastable/agreement: a map over queue and load, by simulation, and how much of it others foresee: the one-line rule
 * (load above 1 / (1 + r) of the capacity, queue above a timeout's worth of work), and the Markov chain.
 */
#include "experiments.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <metastable/chart.h>
#include <metastable/map.h>

#include "paper_model.h"

#define SWEEP "sweep { db.queue 30..90 step 5; c.rate 2..8 step 1 }"
#define SWEEP_QUICK "sweep { db.queue 40..80 step 20; c.rate 3..7 step 2 }"

static const bool asks_chain[] = {false, true};
static struct ms_model model;
static struct ms_map map;
static struct ms_agreement agreement;
static bool sabotaged;

static int setup(struct hb_trial *trial)
{
	return paper_model(trial, hb_trial_is_quick(trial) ? SWEEP_QUICK : SWEEP, &model);
}

static int run(struct hb_trial *trial)
{
	bool chain = *(const bool *)hb_trial_data(trial);
	struct ms_map_options options = {.levels = 1U << MS_LEVEL_SIMULATION,
		.verdict = {.seed = hb_trial_seed(trial)},
		.threads = 1};
	struct hb_error error = {0};

	if (chain)
		options.levels |= 1U << MS_LEVEL_MARKOV;
	if (ms_map_run(&model, &options, &map, &error))
		return hb_trial_fail(trial, "%s", error.text);
	if (chain)
		ms_map_agreement(&map, MS_LEVEL_MARKOV, MS_LEVEL_SIMULATION, &agreement);
	else
		ms_map_agreement_rule(&map, MS_LEVEL_SIMULATION, &agreement);
	hb_trial_metric(trial, "wrong",
		(agreement.cells - agreement.agree + 1.0) / (agreement.cells + 2.0),
		agreement.cells);
	hb_trial_metric(trial, "wrong_near",
		(agreement.near_cells - agreement.near_agree + 1.0) / (agreement.near_cells + 2.0),
		agreement.near_cells);
	return 0;
}

static int draw(struct hb_trial *trial)
{
	struct hb_error error = {0};
	char *text = NULL;

	if (ms_chart_regions(&map, &text, &error))
		return hb_trial_fail(trial, "%s", error.text);
	hb_trial_figure(trial, "regions", text);
	free(text);
	return 0;
}

/* The table adds up to the cells, its diagonal to those that agree; most cells are decided at all. */
static int verify(struct hb_trial *trial)
{
	uint32_t sum = 0, diagonal = 0;

	if (sabotaged)
		agreement.table[0][1]++;
	for (int k = 0; k < MS_UNKNOWN; k++) {
		for (int m = 0; m < MS_UNKNOWN; m++)
			sum += agreement.table[k][m];
		diagonal += agreement.table[k][k];
	}
	if (sum != agreement.cells || diagonal != agreement.agree)
		return hb_trial_fail(trial, "the table of classes does not add up");
	if (agreement.cells < map.count / 2)
		return hb_trial_fail(
			trial, "only %u of %u cells are decided", agreement.cells, map.count);
	return *(const bool *)hb_trial_data(trial) ? draw(trial) : 0;
}

static int teardown(struct hb_trial *trial)
{
	(void)trial;
	ms_map_finish(&map);
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 20000;
}

static const struct hb_metric metrics[] = {
	{
		.name = "wrong_near",
		.unit = "1",
		.help = "share of other classes, within two steps of a boundary (Laplace's rule)",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "wrong",
		.unit = "1",
		.help = "share of other classes, over all cells (Laplace's rule)",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, data_)                                                    \
	{                                                                                      \
		.name = (name_), .role = (role_), .help = (help_), .setup = setup, .run = run, \
		.verify = verify, .teardown = teardown, .sabotage = sabotage, .data = (data_), \
	}

static const struct hb_variant variants[] = {
	VARIANT("rule", HB_ROLE_BASELINE, "load > 1/(1+r) and queue > capacity x timeout",
		&asks_chain[0]),
	VARIANT("chain", HB_ROLE_IDEA, "the Markov level's class", &asks_chain[1]),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "chain-beats-the-rule",
		.text = "Near boundaries the chain is wrong at most half as often as the one-line "
			"rule.",
		.paper = METASTABLE_PAPER,
		.section = "Table 1",
		.metric = "wrong_near",
		.variant = "chain",
		.where = "",
		.lo = 0,
		.hi = 0.5,
	},
	{.name = NULL},
};

const struct hb_experiment metastable_agreement = {
	.name = "agreement",
	.question = "How often do cheaper levels foresee what the simulation finds?",
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.blocks = 6,
	.quiet = true,
	.trial_ms = trial_ms,
};
