/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nicos/load-latency (E2): one service on 16 cores, by load. Nothing is switched: what remains is the hand-over. */
#include "experiments.h"

#include "model.h"

static void prepare(const struct hb_params *params, struct nic_des_options *options)
{
	options->services = 1;
	options->load = hb_params_real(params, "load");
}

static const struct model_arm pinned = {.policy = NIC_POLICY_RSS, .prepare = prepare},
			      kernel = {.policy = NIC_POLICY_KERNEL, .prepare = prepare},
			      dispatcher = {.policy = NIC_POLICY_DISPATCHER, .prepare = prepare},
			      stealing = {.policy = NIC_POLICY_STEALING, .prepare = prepare},
			      ideal = {.policy = NIC_POLICY_IDEAL, .prepare = prepare},
			      nicos = {.policy = NIC_POLICY_NICOS, .prepare = prepare};

static const struct hb_param params[] = {
	{
		.name = "load",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "arrival rate x mean service time / cores",
		.sweep = "0.1,0.3,0.5,0.7,0.8,0.9",
		.sweep_quick = "0.7",
		.min = 0.01,
		.max = 2,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	MODEL_VARIANT("pinned", HB_ROLE_BASELINE, "each request hashed to a polling core", &pinned),
	MODEL_VARIANT("kernel", HB_ROLE_RIVAL, "blocking threads behind a kernel stack", &kernel),
	MODEL_VARIANT(
		"dispatcher", HB_ROLE_RIVAL, "a core of its own hands requests out", &dispatcher),
	MODEL_VARIANT("stealing", HB_ROLE_RIVAL, "cores reallocated every 5 us", &stealing),
	MODEL_VARIANT("ideal", HB_ROLE_RIVAL, "no costs at all: a bound, not a system", &ideal),
	MODEL_VARIANT("nicos", HB_ROLE_IDEA, "the card's scheduler", &nicos),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "one-queue-beats-hashing",
		.text = "With one service at load 0.7 the card's p99 is at most 0.45 of that of "
			"hashing to polling cores.",
		.paper = NICOS_PAPER,
		.section = "1",
		.metric = "latency_p99",
		.variant = "nicos",
		.where = "load=0.7",
		.lo = 0.2,
		.hi = 0.45,
	},
	{.name = NULL},
};

const struct hb_experiment nicos_load_latency = {
	.name = "load-latency",
	.question = "What does one service's latency do as load grows?",
	.params = params,
	.metrics = model_metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "load", .metric = "latency_p99", .log_y = true},
	.blocks = 6,
	.quiet = true,
};
