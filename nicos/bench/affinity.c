/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nicos/affinity (E5): at load 0.8 switches decide. Turns batch them: a process keeps its core while others wait. */
#include "experiments.h"

#include "model.h"

static void prepare(const struct hb_params *params, struct nic_des_options *options)
{
	options->services = (uint32_t)hb_params_i64(params, "services");
	options->load = 0.8;
}

static const struct model_arm one_request = {.policy = NIC_POLICY_NICOS,
				      .turn_ns = MODEL_NO_TURN,
				      .prepare = prepare},
			      long_turn = {.policy = NIC_POLICY_NICOS,
				      .turn_ns = 1e6,
				      .prepare = prepare},
			      ideal = {.policy = NIC_POLICY_IDEAL, .prepare = prepare},
			      nicos = {.policy = NIC_POLICY_NICOS, .prepare = prepare};

static const struct hb_param params[] = {
	{
		.name = "services",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "processes that answer requests, equally popular",
		.sweep = "16,64,256,1024",
		.sweep_quick = "64",
		.min = 1,
		.max = 1000000,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	MODEL_VARIANT("one_request", HB_ROLE_BASELINE, "a turn is one request", &one_request),
	MODEL_VARIANT("long_turn", HB_ROLE_RIVAL, "turns of 1 ms", &long_turn),
	MODEL_VARIANT("ideal", HB_ROLE_RIVAL, "no costs at all: a bound, not a system", &ideal),
	MODEL_VARIANT("nicos", HB_ROLE_IDEA, "turns of 50 us", &nicos),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "turns-batch-switches",
		.text = "With 64 services turns of 50 us take the p99 to at most half of what "
			"turns "
			"of one request give.",
		.paper = "Hotbed",
		.section = "",
		.metric = "latency_p99",
		.variant = "nicos",
		.where = "services=64",
		.lo = 0.05,
		.hi = 0.5,
	},
	{
		.name = "long-turns-gain-nothing",
		.text = "Turns of 1 ms are within 5 % of turns of 50 us: fairness costs nothing "
			"here.",
		.paper = "Hotbed",
		.section = "",
		.metric = "latency_p99",
		.variant = "nicos",
		.where = "services=64",
		.against_variant = "long_turn",
		.lo = 0.95,
		.hi = 1.05,
	},
	{.name = NULL},
};

const struct hb_experiment nicos_affinity = {
	.name = "affinity",
	.question = "What does it cost to let a process keep its core?",
	.params = params,
	.metrics = model_metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "services", .metric = "latency_p99", .log_x = true, .log_y = true},
	.blocks = 6,
	.quiet = true,
};
