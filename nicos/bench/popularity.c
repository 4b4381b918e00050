/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nicos/popularity (E4): 1,024 services at load 0.5, the first ones more popular than the last by Zipf's law. */
#include "experiments.h"

#include "model.h"

static void prepare(const struct hb_params *params, struct nic_des_options *options)
{
	options->services = 1024;
	options->zipf = hb_params_real(params, "zipf");
	options->load = 0.5;
}

static const struct model_arm pinned = {.policy = NIC_POLICY_RSS, .prepare = prepare},
			      kernel = {.policy = NIC_POLICY_KERNEL, .prepare = prepare},
			      ideal = {.policy = NIC_POLICY_IDEAL, .prepare = prepare},
			      nicos = {.policy = NIC_POLICY_NICOS, .prepare = prepare};

static const struct hb_param params[] = {
	{
		.name = "zipf",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "exponent of Zipf's law; 0 = all alike",
		.sweep = "0,0.5,0.9,1.2",
		.sweep_quick = "0.9",
		.min = 0,
		.max = 10,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	MODEL_VARIANT("pinned", HB_ROLE_BASELINE,
		"services pinned to polling cores, one address space", &pinned),
	MODEL_VARIANT("kernel", HB_ROLE_RIVAL, "blocking processes behind a kernel stack", &kernel),
	MODEL_VARIANT("ideal", HB_ROLE_RIVAL, "no costs at all: a bound, not a system", &ideal),
	MODEL_VARIANT("nicos", HB_ROLE_IDEA, "the card's scheduler", &nicos),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "popularity-does-not-matter",
		.text = "The card's p99 at Zipf 0.9 is within 5 % of that at uniform popularity; "
			"the hottest pinned core is overloaded there.",
		.paper = NICOS_PAPER,
		.section = "1",
		.metric = "latency_p99",
		.variant = "nicos",
		.where = "zipf=0.9",
		.against_variant = "nicos",
		.against_where = "zipf=0",
		.lo = 0.95,
		.hi = 1.05,
	},
	{.name = NULL},
};

const struct hb_experiment nicos_popularity = {
	.name = "popularity",
	.question = "What does it cost that some services are hot?",
	.params = params,
	.metrics = model_metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "zipf", .metric = "latency_p99", .log_y = true},
	.blocks = 6,
	.quiet = true,
};
