/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metastable/storm: the retry storm on a replicated MongoDB that "Metastable Failures in the Wild" replays. Of four
 * dips in capacity one left it down: 80 % for 10 s at full load. The rates here are a hundredth, and the capacity,
 * which the study does not state, is that of metastable/models/retry-storm-mongodb.ms.
 */
#include "experiments.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/trial.h>

#include "paper_model.h"
#include "stays_down.h"

#define HORIZON_S 300
#define LOAD_PER_S 62.0

/* A case of the study: what is left of capacity and load, for how long, and what became of the service. */
struct dip {
	const char *name;
	double capacity, length_s, load;
	bool stays;
};

static const struct dip dips[] = {
	{"80-percent-10s", 0.20, 10, 1, true},
	{"78-percent-10s", 0.22, 10, 1, false},
	{"80-percent-9s", 0.20, 9, 1, false},
	{"80-percent-10s-at-70-percent-load", 0.20, 10, 0.7, false},
};

static const struct dip *dip_of(const struct hb_params *params)
{
	const char *name = hb_params_text(params, "dip");
	size_t i = 0;

	while (i + 1 < sizeof(dips) / sizeof(dips[0]) && strcmp(dips[i].name, name) != 0)
		i++;
	return &dips[i];
}

static int setup(struct hb_trial *trial)
{
	const char *arrivals = hb_trial_data(trial);
	const struct dip *dip = dip_of(hb_trial_params(trial));
	char text[512];

	if (!arrivals)
		return 0;
	(void)snprintf(text, sizeof(text),
		"server mongodb { threads 4; queue 2000 fifo; service exp 40/s; on_full drop }\n"
		"client app -> mongodb { rate %s %.6g/s; timeout 3s; retry 4 immediate }\n"
		"trigger { at 60s for %.6gs capacity mongodb x%.6g }\n"
		"horizon %ds\n",
		arrivals, LOAD_PER_S * dip->load, dip->length_s, dip->capacity, HORIZON_S);
	return model_read(trial, text, stays_down_model());
}

static int run_study(struct hb_trial *trial)
{
	hb_trial_metric(trial, "stuck", laplace_share(dip_of(hb_trial_params(trial))->stays, 1), 1);
	return 0;
}

static const struct hb_param params[] = {
	{
		.name = "dip",
		.type = HB_PARAM_TEXT,
		.help = "share of the capacity that was taken away, and for how long",
		.sweep = "80-percent-10s,78-percent-10s,80-percent-9s,"
			 "80-percent-10s-at-70-percent-load",
		.sweep_quick = "80-percent-10s",
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	STAYS_DOWN_METRIC,
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	STAYS_DOWN_VARIANT(
		"study", HB_ROLE_BASELINE, "what the study reports", setup, run_study, NULL),
	STAYS_DOWN_VARIANT("poisson", HB_ROLE_IDEA, "the model with Poisson arrivals", setup,
		stays_down_run, "poisson"),
	STAYS_DOWN_VARIANT("paced", HB_ROLE_IDEA, "the model with evenly spaced arrivals", setup,
		stays_down_run, "paced"),
	{.name = NULL},
};

#define OSDI_PAPER "Metastable Failures in the Wild, OSDI'22"

/* One run that stayed down gives 2/3, one that did not 1/3; a half is 3/4 of the first and 3/2 of the second. */
#define LIKE_STUDY(name_, text_, dip_, lo_, hi_)                                            \
	{                                                                                   \
		.name = (name_), .text = (text_), .paper = OSDI_PAPER, .section = "5.1",    \
		.metric = "stuck", .variant = "poisson", .where = "dip=" dip_, .lo = (lo_), \
		.hi = (hi_),                                                                \
	}
#define LESS_OFTEN(name_, text_, dip_)                                                        \
	{                                                                                     \
		.name = (name_), .text = (text_), .paper = OSDI_PAPER, .section = "5.1",      \
		.metric = "stuck", .variant = "poisson", .where = "dip=" dip_,                \
		.against_variant = "poisson", .against_where = "dip=80-percent-10s", .lo = 0, \
		.hi = 0.98,                                                                   \
	}

static const struct hb_claim claims[] = {
	LIKE_STUDY("dip-keeps-it-down", "Without 80 % of its capacity for 10 s it stays down.",
		"80-percent-10s", 0.75, INFINITY),
	LIKE_STUDY("smaller-dip-recovers", "Without 78 % for 10 s it recovers.", "78-percent-10s",
		0, 1.5),
	LIKE_STUDY("shorter-dip-recovers", "Without 80 % for 9 s it recovers.", "80-percent-9s", 0,
		1.5),
	LIKE_STUDY("less-load-recovers", "At 70 % of the load it recovers.",
		"80-percent-10s-at-70-percent-load", 0, 1.5),
	LESS_OFTEN("smaller-dip-tips-less", "A smaller dip tips it less often.", "78-percent-10s"),
	LESS_OFTEN("shorter-dip-tips-less", "A shorter dip tips it less often.", "80-percent-9s"),
	LESS_OFTEN("less-load-tips-less", "The same dip at less load tips it less often.",
		"80-percent-10s-at-70-percent-load"),
	{.name = NULL},
};

const struct hb_experiment metastable_storm = {
	.name = "storm",
	.question = "Which dips in capacity leave the replayed retry storm down?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "dip", .metric = "stuck"},
	.blocks = 6,
	.quiet = true,
	.trial_ms = stays_down_ms,
};
