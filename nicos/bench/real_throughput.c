/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nicos/real-throughput: as many calls of 48 bytes without work as one core answers, by how many it is given at
 * once.
 */
#include "experiments.h"

#include "wall.h"

#define WINDOW 32

static void prepare(const struct hb_params *params, struct nic_live_options *options)
{
	(void)params;
	options->services = 1;
	options->service = (struct nic_distribution){.kind = NIC_CONST};
	options->rate_per_s = 2e7;
	options->window = WINDOW;
	options->requests = 1000000;
}

static const struct wall_arm one = {.system = NIC_LIVE_NICOS, .depth = 1, .prepare = prepare},
			     two = {.system = NIC_LIVE_NICOS, .depth = 2, .prepare = prepare},
			     eight = {.system = NIC_LIVE_NICOS, .depth = 8, .prepare = prepare},
			     bypass = {.system = NIC_LIVE_BYPASS, .prepare = prepare};

static const struct hb_variant variants[] = {
	WALL_VARIANT("bypass", HB_ROLE_BASELINE, "a process that polls a ring of frames", &bypass),
	WALL_VARIANT("depth_1", HB_ROLE_RIVAL, "the card, one request at a time", &one),
	WALL_VARIANT("depth_2", HB_ROLE_IDEA, "the card, two requests at a time", &two),
	WALL_VARIANT("depth_8", HB_ROLE_RIVAL, "the card, eight requests at a time", &eight),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "a-second-request-hides-the-hand-over",
		.text = "A core that is given two requests at once answers at least 1.2 times as "
			"many as one that is given one.",
		.paper = "Hotbed",
		.section = "",
		.metric = "goodput",
		.variant = "depth_2",
		.where = "",
		.against_variant = "depth_1",
		.lo = 1.2,
		.hi = 4,
	},
	{.name = NULL},
};

static uint64_t trial_ms(const struct hb_params *point)
{
	(void)point;
	return 1500;
}

const struct hb_experiment nicos_real_throughput = {
	.name = "real-throughput",
	.question = "How many empty calls does one core answer?",
	.metrics = wall_metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.metric = "goodput"},
	.blocks = 8,
	.trial_ms = trial_ms,
};
