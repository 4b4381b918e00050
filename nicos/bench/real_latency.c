/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nicos/real-latency (E1): a call of 48 bytes to one service that echoes it, far below capacity. */
#include "experiments.h"

#include "wall.h"

static void prepare(const struct hb_params *params, struct nic_live_options *options)
{
	(void)params;
	options->services = 1;
	options->service = (struct nic_distribution){.kind = NIC_CONST};
	options->rate_per_s = 20000;
	options->requests = 20000;
}

static const struct wall_arm udp = {.system = NIC_LIVE_UDP, .prepare = prepare},
			     awake = {.system = NIC_LIVE_UDP,
				     .idle_spinner = true,
				     .prepare = prepare},
			     epoll = {.system = NIC_LIVE_UDP_EPOLL, .prepare = prepare},
			     poll = {.system = NIC_LIVE_UDP_POLL, .prepare = prepare},
			     bypass = {.system = NIC_LIVE_BYPASS, .prepare = prepare},
			     nicos = {.system = NIC_LIVE_NICOS, .prepare = prepare};

static const struct hb_variant variants[] = {
	WALL_VARIANT("bypass", HB_ROLE_BASELINE, "a process that polls a ring of frames", &bypass),
	WALL_VARIANT("udp", HB_ROLE_RIVAL, "a process that blocks in recvfrom", &udp),
	WALL_VARIANT("udp_awake", HB_ROLE_RIVAL, "the same on a CPU that never halts", &awake),
	WALL_VARIANT("udp_epoll", HB_ROLE_RIVAL, "a process that blocks in epoll_wait", &epoll),
	WALL_VARIANT("udp_poll", HB_ROLE_RIVAL, "a process that polls its socket", &poll),
	WALL_VARIANT("nicos", HB_ROLE_IDEA, "a process that waits on a line", &nicos),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "unloaded-as-fast-as-bypass",
		.text = "Unloaded, a call through the card takes at most as long as an echo by a "
			"core that polls a ring of frames.",
		.paper = NICOS_PAPER,
		.section = "1",
		.metric = "latency_p50",
		.variant = "nicos",
		.where = "",
		.lo = 0,
		.hi = 1,
	},
	{
		.name = "unloaded-sockets-take-longer",
		.text = "Unloaded, a call through a blocking socket takes at least five times as "
			"long as through the card.",
		.paper = NICOS_PAPER,
		.section = "1",
		.metric = "latency_p50",
		.variant = "udp",
		.where = "",
		.against_variant = "nicos",
		.lo = 5,
		.hi = 1000,
	},
	{.name = NULL},
};

const struct hb_experiment nicos_real_latency = {
	.name = "real-latency",
	.question = "How long does an unloaded call take on this machine?",
	.metrics = wall_metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.metric = "latency_p50", .log_y = true},
	.blocks = 8,
};
