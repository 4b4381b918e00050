/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nicos/hand-over (E1): what a call through the card takes beyond a frame's way to another CPU and back, and its line
 * beyond one that two CPUs write in turn. A call of 48 bytes to one service, far below capacity.
 */
#include "experiments.h"

#include <hotbed/error.h>
#include <hotbed/hist.h>
#include <hotbed/trial.h>

#include <nicos/echo.h>
#include <nicos/live.h>
#include <nicos/wire.h>

#define BYTES 48
#define RATE_PER_S 20000
#define REQUESTS 20000
#define ROUNDS 200000
#define QUICK_SHARE 20

/* Data of a variant. */
struct arm {
	enum { ARM_LINE, ARM_ECHO, ARM_CARD } kind;
	bool is_written;
	int (*wire_create)(struct nic_wire *ret[2], struct hb_error *reterr);
};

static bool is_sabotaged;
static struct {
	uint64_t asked, answered, wrong;
} seen;

static int probe(struct hb_trial *trial)
{
	const struct arm *arm = hb_trial_data(trial);
	struct hb_error error = {0};

	if (nic_live_probe(&error) || (arm->wire_create && nic_wire_dpdk_probe(&error)))
		return hb_trial_skip(trial, "%s", error.text);
	return 0;
}

static uint64_t share(const struct hb_trial *trial, uint64_t count)
{
	return hb_trial_is_quick(trial) ? count / QUICK_SHARE : count;
}

static void line_report(struct hb_trial *trial, const struct nic_line_result *line)
{
	double p50_ns = hb_hist_quantile(line->round_trip, 0.5);

	hb_trial_metric(trial, "round_trip_p50", p50_ns, line->rounds);
	hb_trial_metric(
		trial, "round_trip_p99", hb_hist_quantile(line->round_trip, 0.99), line->rounds);
	hb_trial_metric(trial, "one_way_p50", p50_ns / 2, line->rounds);
}

static int line_run(struct hb_trial *trial, struct nic_line_result *ret, struct hb_error *reterr)
{
	int err = nic_line_run(share(trial, ROUNDS), ret, reterr);

	if (!err) {
		seen.asked = share(trial, ROUNDS);
		seen.answered = ret->rounds;
		seen.wrong = ret->wrong + is_sabotaged;
	}
	return err;
}

static int echo_run(struct hb_trial *trial, const struct arm *arm, struct hb_error *reterr)
{
	const struct nic_echo_options options = {.requests = share(trial, REQUESTS),
		.warm_up = share(trial, REQUESTS) / 10,
		.rate_per_s = RATE_PER_S,
		.seed = hb_trial_seed(trial),
		.bytes = BYTES,
		.is_written = arm->is_written,
		.is_falsified = is_sabotaged,
		.wire_create = arm->wire_create};
	struct nic_echo_result echo;
	int err = nic_echo_run(&options, &echo, reterr);

	if (err)
		return err;
	seen.asked = options.requests;
	seen.answered = echo.answered;
	seen.wrong = echo.wrong;
	hb_trial_latency(trial, "round_trip", echo.round_trip);
	nic_echo_finish(&echo);
	return 0;
}

static int card_run(struct hb_trial *trial, const struct arm *arm, struct hb_error *reterr)
{
	struct nic_live_options options;
	struct nic_live_result result;
	struct nic_line_result line;
	int err = line_run(trial, &line, reterr);

	if (err)
		return err;
	nic_live_defaults(&options);
	options.services = 1;
	options.service = (struct nic_distribution){.kind = NIC_CONST};
	options.rate_per_s = RATE_PER_S;
	options.requests = share(trial, REQUESTS);
	options.warm_up = options.requests / 10;
	options.seed = hb_trial_seed(trial);
	options.bytes = BYTES;
	options.wire_create = arm->wire_create;
	options.is_falsified = is_sabotaged;
	err = nic_live_run(&options, &result, reterr);
	if (!err) {
		seen.asked = options.requests;
		seen.answered = result.answered;
		seen.wrong = result.wrong + result.duplicates;
		hb_trial_latency(trial, "round_trip", result.latency);
		/* A process that was never seen waiting has no hand-over. */
		if (hb_hist_total(result.hand_over))
			hb_trial_metric(trial, "one_way_p50",
				hb_hist_quantile(result.hand_over, 0.5) - line.offset_ns,
				hb_hist_total(result.hand_over));
		nic_live_finish(&result);
	}
	nic_line_finish(&line);
	return err;
}

static int run(struct hb_trial *trial)
{
	const struct arm *arm = hb_trial_data(trial);
	struct nic_line_result line;
	struct hb_error error = {0};
	int err;

	switch (arm->kind) {
	case ARM_LINE:
		err = line_run(trial, &line, &error);
		if (!err) {
			line_report(trial, &line);
			nic_line_finish(&line);
		}
		break;
	case ARM_ECHO:
		err = echo_run(trial, arm, &error);
		break;
	default:
		err = card_run(trial, arm, &error);
		break;
	}
	return err ? hb_trial_fail(trial, "%s", error.text) : 0;
}

static int verify(struct hb_trial *trial)
{
	if (seen.wrong || seen.answered != seen.asked)
		return hb_trial_fail(trial, "of %llu, %llu have come back, %llu of them wrong",
			(unsigned long long)seen.asked, (unsigned long long)seen.answered,
			(unsigned long long)seen.wrong);
	return 0;
}

/* The other CPU changes the frame; handlers are given less work; of a line, the count is wrong. */
static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	is_sabotaged = true;
	return 0;
}

static const struct arm line = {.kind = ARM_LINE},
			echo = {.kind = ARM_ECHO, .wire_create = nic_wire_dpdk_create},
			echo_call = {.kind = ARM_ECHO,
				.is_written = true,
				.wire_create = nic_wire_dpdk_create},
			echo_memory = {.kind = ARM_ECHO},
			net_ring = {.kind = ARM_CARD, .wire_create = nic_wire_dpdk_create},
			nicos = {.kind = ARM_CARD};

#define ARM(name_, role_, help_, data_)                                                        \
	{                                                                                      \
		.name = (name_), .role = (role_), .help = (help_), .probe = probe, .run = run, \
		.verify = verify, .sabotage = sabotage, .data = (data_),                       \
	}

static const struct hb_variant variants[] = {
	ARM("echo", HB_ROLE_BASELINE, "one frame to and fro over net_ring", &echo),
	ARM("echo_call", HB_ROLE_RIVAL, "the same, each frame written and parsed by the client",
		&echo_call),
	ARM("echo_memory", HB_ROLE_RIVAL, "one frame to and fro over a ring in memory",
		&echo_memory),
	ARM("line", HB_ROLE_RIVAL, "a line of memory that two CPUs write in turn", &line),
	ARM("nicos_net_ring", HB_ROLE_RIVAL, "a call through the card, client behind net_ring",
		&net_ring),
	ARM("nicos", HB_ROLE_IDEA, "a call through the card, client behind a ring in memory",
		&nicos),
	{.name = NULL},
};

#define TIME(name_, optional_, help_)                                                      \
	{                                                                                  \
		.name = (name_), .unit = "ns", .help = (help_), .better = HB_BETTER_LOWER, \
		.basis = HB_BASIS_WALL, .optional = (optional_),                           \
	}

static const struct hb_metric metrics[] = {
	TIME("round_trip_p50", false, "from before a frame (line) is written to its return"),
	TIME("round_trip_p99", false, "the same, 99th percentile"),
	TIME("one_way_p50", true,
		"to the waiting process, arguments read, by the cycle counters less their "
		"difference; of a line, half of the round trip"),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "a-call-takes-no-longer-than-an-echo",
		.text = "Unloaded, a call through the card takes at most as long as a frame's way "
			"to another CPU and back over net_ring.",
		.paper = NICOS_PAPER,
		.section = "1",
		.metric = "round_trip_p50",
		.variant = "nicos",
		.where = "",
		.lo = 0,
		.hi = 1,
	},
	{
		.name = "hand-over-within-three-quarters-of-a-round-trip",
		.text = "A call is with a process that waits within 0.75 round trips of a line, "
			"that is 1.5 ways.",
		.paper = "Hotbed",
		.section = "",
		.metric = "one_way_p50",
		.variant = "nicos",
		.where = "",
		.against_variant = "line",
		.lo = 0,
		.hi = 1.5,
	},
	{.name = NULL},
};

static uint64_t trial_ms(const struct hb_params *point)
{
	(void)point;
	return 1500;
}

const struct hb_experiment nicos_hand_over = {
	.name = "hand-over",
	.question = "What does a call take beyond the way between two CPUs?",
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.metric = "round_trip_p50"},
	.blocks = 8,
	.trial_ms = trial_ms,
};
