/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nicos/real-services (E3 on two CPUs): exponential 10 us of work, services as processes on one CPU. Load is of
 * that CPU, switches excluded.
 */
#include "experiments.h"

#include "wall.h"

static void prepare(const struct hb_params *params, struct nic_live_options *options)
{
	options->services = (uint32_t)hb_params_i64(params, "services");
	options->rate_per_s = hb_params_real(params, "load") * 1e5;
	options->requests = 20000;
}

static const struct wall_arm
	udp = {.system = NIC_LIVE_UDP, .prepare = prepare},
	awake = {.system = NIC_LIVE_UDP, .idle_spinner = true, .prepare = prepare},
	yield = {.system = NIC_LIVE_POLL_YIELD, .prepare = prepare},
	stealing = {.system = NIC_LIVE_STEALING, .prepare = prepare},
	fiber = {.system = NIC_LIVE_NICOS, .mode = NIC_LIVE_FIBER, .prepare = prepare},
	thread = {.system = NIC_LIVE_NICOS, .mode = NIC_LIVE_THREAD, .prepare = prepare},
	nicos = {.system = NIC_LIVE_NICOS, .prepare = prepare};

static const struct hb_param params[] = {
	{
		.name = "services",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "processes that answer requests, equally popular",
		.sweep = "1000",
		.sweep_quick = "20",
		.sweep_full = "1,16,250,1000",
		.min = 1,
		.max = NIC_LIVE_SERVICES_MAX,
	},
	{
		.name = "load",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "arrival rate x mean work on the services' CPU",
		.sweep = "0.1,0.2,0.3",
		.sweep_quick = "0.1",
		.sweep_full = "0.05,0.1,0.15,0.2,0.25,0.3,0.35,0.4",
		.min = 0.001,
		.max = 2,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	WALL_VARIANT("udp", HB_ROLE_BASELINE, "processes that block in recvfrom", &udp),
	WALL_VARIANT("udp_awake", HB_ROLE_RIVAL, "the same on a CPU that never halts", &awake),
	WALL_VARIANT("poll_yield", HB_ROLE_RIVAL,
		"processes that poll rings of frames and yield to each other", &yield),
	WALL_VARIANT("stealing", HB_ROLE_RIVAL, "the card's lines, the core reallocated every 5 us",
		&stealing),
	WALL_VARIANT("threads", HB_ROLE_RIVAL, "the card, services as threads", &thread),
	WALL_VARIANT("fibers", HB_ROLE_RIVAL, "the card, services as fibers", &fiber),
	WALL_VARIANT("nicos", HB_ROLE_IDEA, "the card, services as processes", &nicos),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "real-p50-below-the-kernel",
		.text = "With 1,000 processes the card's median is at least 1.7 times below that "
			"of "
			"processes that block in sockets, on a CPU that never halts.",
		.paper = NICOS_PAPER,
		.section = "1",
		.metric = "latency_p50",
		.variant = "nicos",
		.where = "services=1000",
		.against_variant = "udp_awake",
		.lo = 0,
		.hi = 0.59,
	},
	{
		.name = "real-p99-below-yielding-pollers",
		.text = "With 1,000 processes the card's p99 is at most a fifth of that of pollers "
			"that yield to each other.",
		.paper = NICOS_PAPER,
		.section = "1",
		.metric = "latency_p99",
		.variant = "nicos",
		.where = "services=1000",
		.against_variant = "poll_yield",
		.lo = 0,
		.hi = 0.2,
	},
	{.name = NULL},
};

/* A thousand processes are forked before, and ended after. */
static uint64_t trial_ms(const struct hb_params *point)
{
	return 700 + (uint64_t)hb_params_i64(point, "services") +
	       (uint64_t)(200 / hb_params_real(point, "load"));
}

static uint64_t memory_bytes(const struct hb_params *point)
{
	return (256 + (uint64_t)hb_params_i64(point, "services") / 2) << 20;
}

const struct hb_experiment nicos_real_services = {
	.name = "real-services",
	.question = "What do many processes on one real core cost?",
	.params = params,
	.metrics = wall_metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "load", .metric = "latency_p99", .facet = "services", .log_y = true},
	.blocks = 8,
	.trial_ms = trial_ms,
	.memory_bytes = memory_bytes,
};
