/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nicos/stale-state (E8): what late news of the cores costs, and how far a second request on each helps. */
#include "experiments.h"

#include "model.h"

static void prepare(const struct hb_params *params, struct nic_des_options *options)
{
	options->services = 1;
	options->load = 0.8;
	options->service.a = hb_params_real(params, "handler_us") * 1e3;
	for (int c = 0; c < NIC_COST_COUNT; c++)
		options->costs[c] = (struct nic_distribution){.kind = NIC_CONST};
	options->costs[NIC_COST_DELTA].a = hb_params_real(params, "delta_us") * 1e3;
}

static const struct model_arm one = {.policy = NIC_POLICY_JBSQ, .depth = 1, .prepare = prepare},
			      two = {.policy = NIC_POLICY_JBSQ, .depth = 2, .prepare = prepare},
			      four = {.policy = NIC_POLICY_JBSQ, .depth = 4, .prepare = prepare},
			      ideal = {.policy = NIC_POLICY_IDEAL, .prepare = prepare},
			      nicos = {.policy = NIC_POLICY_NICOS, .depth = 2, .prepare = prepare};

static const struct hb_param params[] = {
	{
		.name = "handler_us",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "mean of the exponential handler, in us",
		.sweep = "1,10",
		.sweep_quick = "10",
		.min = 0.1,
		.max = 1000,
	},
	{
		.name = "delta_us",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "one way between card and core, in us",
		.sweep = "0.1,0.4,0.8",
		.sweep_quick = "0.4",
		.min = 0,
		.max = 10,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	MODEL_VARIANT("one", HB_ROLE_BASELINE, "jbsq:1", &one),
	MODEL_VARIANT("two", HB_ROLE_RIVAL, "jbsq:2", &two),
	MODEL_VARIANT("four", HB_ROLE_RIVAL, "jbsq:4", &four),
	MODEL_VARIANT("ideal", HB_ROLE_RIVAL, "no costs at all: a bound, not a system", &ideal),
	MODEL_VARIANT("nicos", HB_ROLE_IDEA, "the card's scheduler, two requests per core", &nicos),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "coherence-buys-little-at-two",
		.text = "With handlers of 10 us and two requests per core, eight times the delay "
			"costs at most 10 % of p99: coherence is not essential there.",
		.paper = "Hotbed",
		.section = "",
		.metric = "latency_p99",
		.variant = "two",
		.where = "handler_us=10;delta_us=0.8",
		.against_variant = "two",
		.against_where = "handler_us=10;delta_us=0.1",
		.lo = 1,
		.hi = 1.1,
	},
	{
		.name = "coherence-matters-at-one",
		.text = "With one request per core it costs at least a fifth.",
		.paper = "Hotbed",
		.section = "",
		.metric = "latency_p99",
		.variant = "one",
		.where = "handler_us=10;delta_us=0.8",
		.against_variant = "one",
		.against_where = "handler_us=10;delta_us=0.1",
		.lo = 1.2,
		.hi = 1.5,
	},
	{.name = NULL},
};

const struct hb_experiment nicos_stale_state = {
	.name = "stale-state",
	.question = "Is coherence essential, or do bounded queues do?",
	.params = params,
	.metrics = model_metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "delta_us", .facet = "handler_us", .metric = "latency_p99", .log_y = true},
	.blocks = 6,
	.quiet = true,
};
