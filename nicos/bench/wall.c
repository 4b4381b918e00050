/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wall.h"

#include <math.h>

#include <hotbed/error.h>
#include <hotbed/hist.h>
#include <hotbed/trial.h>

#define QUICK_SHARE 20 /* of the requests, in a quick trial: one in so many */

static struct nic_live_options options;
static struct nic_live_result result;

#define WALL_TIME(name_, help_)                                                            \
	{                                                                                  \
		.name = (name_), .unit = "ns", .help = (help_), .better = HB_BETTER_LOWER, \
		.basis = HB_BASIS_WALL,                                                    \
	}

const struct hb_metric wall_metrics[] = {
	WALL_TIME("latency_p50", "from the intended time to the reply at the client, median"),
	WALL_TIME("latency_p99", "the same, 99th percentile; infinite if more were not answered"),
	WALL_TIME("latency_mean", "the same, mean of the requests that were answered"),
	{
		.name = "goodput",
		.unit = "1/s",
		.help = "requests answered per time",
		.better = HB_BETTER_HIGHER,
		.basis = HB_BASIS_WALL,
	},
	{
		.name = "cpu_burnt",
		.unit = "1",
		.help = "share of the services' CPU that is neither idle nor stalled on a line",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
	},
	{
		.name = "switches_per_request",
		.unit = "1",
		.help = "switches that the card has commanded",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_COUNT,
		.optional = true,
	},
	{.name = NULL},
};

int wall_probe(struct hb_trial *trial)
{
	const struct wall_arm *arm = hb_trial_data(trial);
	struct hb_error error = {0};

	if (nic_live_probe(&error))
		return hb_trial_skip(trial, "%s", error.text);
#if !defined(__x86_64__)
	if (arm->mode == NIC_LIVE_FIBER)
		return hb_trial_skip(trial, "needs x86-64 for fibers");
#else
	(void)arm;
#endif
	return 0;
}

int wall_setup(struct hb_trial *trial)
{
	const struct wall_arm *arm = hb_trial_data(trial);

	nic_live_defaults(&options);
	options.system = arm->system;
	options.mode = arm->mode;
	options.idle_spinner = arm->idle_spinner;
	options.depth = arm->depth ? arm->depth : 1;
	options.seed = hb_trial_seed(trial);
	arm->prepare(hb_trial_params(trial), &options);
	if (hb_trial_is_quick(trial))
		options.requests /= QUICK_SHARE;
	options.warm_up = options.requests / 10;
	return 0;
}

int wall_run(struct hb_trial *trial)
{
	struct hb_error error = {0};
	uint64_t n;

	if (nic_live_run(&options, &result, &error))
		return hb_trial_fail(trial, "%s", error.text);
	n = result.measured;
	hb_trial_latency(trial, "latency", result.latency);
	hb_trial_metric(trial, "goodput", result.goodput_per_s, n);
	hb_trial_metric(
		trial, "cpu_burnt", 1 - result.cpu[NIC_CPU_IDLE] - result.cpu[NIC_CPU_STALLED], n);
	if (options.system == NIC_LIVE_NICOS || options.system == NIC_LIVE_STEALING ||
		options.system == NIC_LIVE_DISPATCHER)
		hb_trial_metric(trial, "switches_per_request", result.switches, n);
	if (result.late > 0.05)
		hb_trial_flag(trial, "late");
	return 0;
}

/* Each reply is what the handler gives for this request, each request is accounted for, and most are answered. */
int wall_verify(struct hb_trial *trial)
{
	if (result.wrong || result.duplicates)
		return hb_trial_fail(trial, "%llu replies are wrong and %llu came twice",
			(unsigned long long)result.wrong, (unsigned long long)result.duplicates);
	if (result.in != result.done + result.queued + result.dropped || result.queued)
		return hb_trial_fail(trial, "%llu requests came in, %llu are done and %llu dropped",
			(unsigned long long)result.in, (unsigned long long)result.done,
			(unsigned long long)result.dropped);
	if (result.answered + result.lost != options.requests || !result.answered)
		return hb_trial_fail(trial, "of %llu requests %llu are answered and %llu lost",
			(unsigned long long)options.requests, (unsigned long long)result.answered,
			(unsigned long long)result.lost);
	return 0;
}

/* Handlers that are given less work than the client thinks. */
int wall_sabotage(struct hb_trial *trial)
{
	(void)trial;
	options.is_falsified = true;
	return 0;
}

int wall_teardown(struct hb_trial *trial)
{
	(void)trial;
	nic_live_finish(&result);
	return 0;
}
