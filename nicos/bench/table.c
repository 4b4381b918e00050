/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nicos/table (E13): 16,384 services by Zipf 0.9 and a card that holds the records of some; a miss costs 1 us. */
#include "experiments.h"

#include "model.h"

static void prepare(const struct hb_params *params, struct nic_des_options *options)
{
	options->services = 16384;
	options->zipf = 0.9;
	options->load = 0.5;
	options->table = (uint32_t)hb_params_i64(params, "table");
}

static void prepare_whole(const struct hb_params *params, struct nic_des_options *options)
{
	prepare(params, options);
	options->table = 0;
}

static const struct model_arm whole = {.policy = NIC_POLICY_NICOS, .prepare = prepare_whole},
			      nicos = {.policy = NIC_POLICY_NICOS, .prepare = prepare};

static const struct hb_param params[] = {
	{
		.name = "table",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "records that the card holds",
		.sweep = "16,64,256,1024,4096,16384",
		.sweep_quick = "256",
		.min = 1,
		.max = 1000000,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	MODEL_VARIANT("whole", HB_ROLE_BASELINE, "the card holds all records", &whole),
	MODEL_VARIANT("nicos", HB_ROLE_IDEA, "the card holds those used last", &nicos),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "a-small-table-costs-a-fetch",
		.text = "A table of 256 records for 16,384 services costs at most 10 % of the "
			"mean.",
		.paper = "Hotbed",
		.section = "",
		.metric = "latency_mean",
		.variant = "nicos",
		.where = "table=256",
		.lo = 1,
		.hi = 1.1,
	},
	{.name = NULL},
};

const struct hb_experiment nicos_table = {
	.name = "table",
	.question = "What does it cost when services outnumber the records of the card?",
	.params = params,
	.metrics = model_metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "table", .metric = "latency_mean", .log_x = true},
	.blocks = 6,
	.quiet = true,
};
