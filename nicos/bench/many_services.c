/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nicos/many-services (E3): exponential 10 us requests at load 0.5 on 16 cores, spread over more and more services. */
#include "experiments.h"

#include "model.h"

static void prepare(const struct hb_params *params, struct nic_des_options *options)
{
	options->services = (uint32_t)hb_params_i64(params, "services");
	options->load = 0.5;
}

static const struct model_arm pinned = {.policy = NIC_POLICY_RSS, .prepare = prepare},
			      kernel = {.policy = NIC_POLICY_KERNEL, .prepare = prepare},
			      poll_yield = {.policy = NIC_POLICY_POLL_YIELD, .prepare = prepare},
			      stealing = {.policy = NIC_POLICY_STEALING, .prepare = prepare},
			      ideal = {.policy = NIC_POLICY_IDEAL, .prepare = prepare},
			      nicos = {.policy = NIC_POLICY_NICOS, .prepare = prepare};

static const struct hb_param params[] = {
	{
		.name = "services",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "processes that answer requests, equally popular",
		.sweep = "1,4,16,64,256,1024,4096",
		.sweep_quick = "1024",
		.min = 1,
		.max = 1000000,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	MODEL_VARIANT("pinned", HB_ROLE_BASELINE,
		"services pinned to polling cores, one address space", &pinned),
	MODEL_VARIANT("kernel", HB_ROLE_RIVAL, "blocking processes behind a kernel stack", &kernel),
	MODEL_VARIANT("poll_yield", HB_ROLE_RIVAL, "a polling process per service, taking turns",
		&poll_yield),
	MODEL_VARIANT("stealing", HB_ROLE_RIVAL, "cores reallocated every 5 us", &stealing),
	MODEL_VARIANT("ideal", HB_ROLE_RIVAL, "no costs at all: a bound, not a system", &ideal),
	MODEL_VARIANT("nicos", HB_ROLE_IDEA, "the card's scheduler", &nicos),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "many-services-beat-yielding-pollers",
		.text = "With 1,024 services the card's p99 is at most a fifth of that of pollers "
			"that yield to each other.",
		.paper = NICOS_PAPER,
		.section = "1",
		.metric = "latency_p99",
		.variant = "nicos",
		.where = "services=1024",
		.against_variant = "poll_yield",
		.lo = 0,
		.hi = 0.2,
		.headline = 1,
	},
	{
		.name = "many-services-beat-pinned-pollers",
		.text = "With 1,024 services the card's p99 is about half of that of pinned "
			"pollers.",
		.paper = NICOS_PAPER,
		.section = "1",
		.metric = "latency_p99",
		.variant = "nicos",
		.where = "services=1024",
		.lo = 0.4,
		.hi = 0.6,
	},
	{
		.name = "a-generous-kernel-is-near",
		.text = "A kernel that balances perfectly is within 15 % of the card's p99 at load "
			"0.5: the card's gain there is processor time.",
		.paper = "Hotbed",
		.section = "",
		.metric = "latency_p99",
		.variant = "nicos",
		.where = "services=1024",
		.against_variant = "kernel",
		.lo = 0.85,
		.hi = 1,
	},
	{
		.name = "stalled-cores-burn-less",
		.text = "With 1,024 services cores under the card burn at most two thirds of their "
			"time; pollers burn all of it.",
		.paper = NICOS_PAPER,
		.section = "1",
		.metric = "cpu_burnt",
		.variant = "nicos",
		.where = "services=1024",
		.lo = 0.5,
		.hi = 0.67,
	},
	{.name = NULL},
};

const struct hb_experiment nicos_many_services = {
	.name = "many-services",
	.question = "What happens to latency when services outnumber cores?",
	.params = params,
	.metrics = model_metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "services", .metric = "latency_p99", .log_x = true, .log_y = true},
	.blocks = 6,
	.quiet = true,
};
