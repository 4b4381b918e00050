/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nicos/short-handlers (E7): 1,024 services, Zipf 0.9, load 0.25. Below the cost of a switch the card loses. */
#include "experiments.h"

#include "model.h"

static void prepare(const struct hb_params *params, struct nic_des_options *options)
{
	options->services = 1024;
	options->zipf = 0.9;
	options->load = 0.25;
	options->service.a = hb_params_real(params, "handler_us") * 1e3;
}

static const struct model_arm pinned = {.policy = NIC_POLICY_RSS, .prepare = prepare},
			      dispatcher = {.policy = NIC_POLICY_DISPATCHER, .prepare = prepare},
			      ideal = {.policy = NIC_POLICY_IDEAL, .prepare = prepare},
			      nicos = {.policy = NIC_POLICY_NICOS, .prepare = prepare};

static const struct hb_param params[] = {
	{
		.name = "handler_us",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "mean of the exponential handler, in us",
		.sweep = "0.5,1,2,5,10,20,50,100",
		.sweep_quick = "1",
		.min = 0.1,
		.max = 1000,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	MODEL_VARIANT("pinned", HB_ROLE_BASELINE,
		"services pinned to polling cores, one address space", &pinned),
	MODEL_VARIANT(
		"dispatcher", HB_ROLE_RIVAL, "a core hands out, one address space", &dispatcher),
	MODEL_VARIANT("ideal", HB_ROLE_RIVAL, "no costs at all: a bound, not a system", &ideal),
	MODEL_VARIANT("nicos", HB_ROLE_IDEA, "the card's scheduler", &nicos),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "short-handlers-lose",
		.text = "With handlers of 1 us a dispatcher that switches no address space has the "
			"lower p99: the card loses by a fifth to a half.",
		.paper = "Hotbed",
		.section = "",
		.metric = "latency_p99",
		.variant = "nicos",
		.where = "handler_us=1",
		.against_variant = "dispatcher",
		.lo = 1.2,
		.hi = 1.5,
	},
	{
		.name = "long-handlers-draw",
		.text = "With handlers of 20 us the p99 is within 15 % of the dispatcher's.",
		.paper = "Hotbed",
		.section = "",
		.metric = "latency_p99",
		.variant = "nicos",
		.where = "handler_us=20",
		.against_variant = "dispatcher",
		.lo = 0.85,
		.hi = 1.15,
	},
	{.name = NULL},
};

const struct hb_experiment nicos_short_handlers = {
	.name = "short-handlers",
	.question = "From which length of handler on does the card win?",
	.params = params,
	.metrics = model_metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "handler_us", .metric = "latency_p99", .log_x = true, .log_y = true},
	.blocks = 6,
	.quiet = true,
};
