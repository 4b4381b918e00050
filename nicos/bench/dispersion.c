/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nicos/dispersion (E6): short and long requests mixed, 1,024 services; mixes of Persephone (SOSP 2021). */
#include "experiments.h"

#include <string.h>

#include "model.h"

static void prepare(const struct hb_params *params, struct nic_des_options *options)
{
	const char *mix = hb_params_text(params, "mix");
	bool is_half = strcmp(mix, "half-1-100") == 0, is_rare = strcmp(mix, "rare-0.5-500") == 0;

	options->services = 1024;
	options->load = hb_params_real(params, "load");
	options->service = (struct nic_distribution){
		.kind = NIC_BIMODAL,
		.a = is_rare ? 0.995 : 0.5,
		.b = is_rare   ? 500
		     : is_half ? 1000
			       : 2000,
		.c = is_rare   ? 500000
		     : is_half ? 100000
			       : 1050000,
	};
}

static const struct model_arm pinned = {.policy = NIC_POLICY_RSS, .prepare = prepare},
			      kernel = {.policy = NIC_POLICY_KERNEL, .prepare = prepare},
			      dispatcher = {.policy = NIC_POLICY_DISPATCHER,
				      .quantum_ns = 20000,
				      .prepare = prepare},
			      ideal = {.policy = NIC_POLICY_IDEAL, .prepare = prepare},
			      preempting = {.policy = NIC_POLICY_NICOS,
				      .quantum_ns = 50000,
				      .prepare = prepare},
			      nicos = {.policy = NIC_POLICY_NICOS, .prepare = prepare};

static const struct hb_param params[] = {
	{
		.name = "mix",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "share of the short ones, times in us",
		.sweep = "half-1-100,rare-0.5-500,rocksdb-2-1050",
		.sweep_quick = "half-1-100",
	},
	{
		.name = "load",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "arrival rate x mean service time / cores",
		.sweep = "0.4,0.8",
		.sweep_quick = "0.8",
		.min = 0.01,
		.max = 2,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	MODEL_VARIANT("pinned", HB_ROLE_BASELINE,
		"services pinned to polling cores, one address space", &pinned),
	MODEL_VARIANT("kernel", HB_ROLE_RIVAL, "blocking processes behind a kernel stack", &kernel),
	MODEL_VARIANT("dispatcher", HB_ROLE_RIVAL,
		"a core hands out, one address space, quantum 20 us", &dispatcher),
	MODEL_VARIANT("ideal", HB_ROLE_RIVAL, "no costs, first come, first served", &ideal),
	MODEL_VARIANT("preempting", HB_ROLE_RIVAL, "the card, preempting handlers after 50 us",
		&preempting),
	MODEL_VARIANT("nicos", HB_ROLE_IDEA, "the card's scheduler", &nicos),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "half-long-beats-kernel",
		.text = "With half 1 us, half 100 us at load 0.8 the card's p99 is at most 0.95 of "
			"the kernel's.",
		.paper = NICOS_PAPER,
		.section = "1",
		.metric = "latency_p99",
		.variant = "nicos",
		.where = "mix=half-1-100;load=0.8",
		.against_variant = "kernel",
		.lo = 0.8,
		.hi = 0.95,
	},
	{
		.name = "half-long-beats-pinned",
		.text = "With half 1 us, half 100 us at load 0.8 the card's p99 is at most a fifth "
			"of that "
			"of pinned pollers.",
		.paper = NICOS_PAPER,
		.section = "1",
		.metric = "latency_p99",
		.variant = "nicos",
		.where = "mix=half-1-100;load=0.8",
		.lo = 0,
		.hi = 0.2,
	},
	{.name = NULL},
};

const struct hb_experiment nicos_dispersion = {
	.name = "dispersion",
	.question = "Who keeps short requests from waiting behind long ones?",
	.params = params,
	.metrics = model_metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "load", .facet = "mix", .metric = "latency_p99", .log_y = true},
	.blocks = 6,
	.quiet = true,
};
