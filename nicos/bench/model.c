/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model.h"

#include <math.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

struct nic_des_options model_options;

static struct nic_des_result result;
static double promised_ns; /* mean service time, before any sabotage */

const struct hb_metric model_metrics[] = {
	{
		.name = "latency_p99",
		.unit = "ns",
		.help = "from arrival to the handler's end",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
		.min_effect = 0.01,
	},
	{
		.name = "latency_p50",
		.unit = "ns",
		.help = "the same, median",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
		.min_effect = 0.01,
	},
	{
		.name = "latency_mean",
		.unit = "ns",
		.help = "the same, mean of the requests that ended",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
		.min_effect = 0.01,
	},
	{
		.name = "goodput",
		.unit = "1/s",
		.help = "requests ended per time",
		.better = HB_BETTER_HIGHER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
		.min_effect = 0.01,
	},
	{
		.name = "cpu_burnt",
		.unit = "1",
		.help = "share of the cores' time that is neither idle nor stalled on a line",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
		.min_effect = 0.01,
	},
	{
		.name = "switches_per_request",
		.unit = "1",
		.help = "changes of the process on a core",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
		.min_effect = 0.01,
	},
	{.name = NULL},
};

int model_setup(struct hb_trial *trial)
{
	const struct model_arm *arm = hb_trial_data(trial);
	struct hb_error error = {0};

	nic_des_defaults(&model_options);
	model_options.policy = arm->policy;
	model_options.depth = arm->depth;
	model_options.quantum_ns = arm->quantum_ns;
	model_options.seed = hb_trial_seed(trial);
	model_options.requests = hb_trial_is_quick(trial) ? MODEL_REQUESTS / 20 : MODEL_REQUESTS;
	arm->prepare(hb_trial_params(trial), &model_options);
	if (arm->cost && nic_cost_parse(arm->cost, model_options.costs, &error))
		return hb_trial_fail(trial, "%s", error.text);
	model_options.warm_up = model_options.requests / 10;
	promised_ns = nic_distribution_mean_ns(&model_options.service);
	return 0;
}

int model_run(struct hb_trial *trial)
{
	struct hb_error error = {0};
	uint64_t n = model_options.requests - model_options.warm_up;

	if (nic_des_run(&model_options, &result, &error))
		return hb_trial_fail(trial, "%s", error.text);
	hb_trial_metric(trial, "latency_p99", result.p99_us * 1e3, n);
	hb_trial_metric(trial, "latency_p50", result.p50_us * 1e3, n);
	hb_trial_metric(trial, "latency_mean", result.done ? result.mean_us * 1e3 : INFINITY, n);
	hb_trial_metric(trial, "goodput", result.goodput_per_s, n);
	hb_trial_metric(
		trial, "cpu_burnt", 1 - result.cpu[NIC_CPU_IDLE] - result.cpu[NIC_CPU_STALLED], n);
	hb_trial_metric(trial, "switches_per_request", result.switches, n);
	return 0;
}

/*
 * Requests and time are conserved, and cores were useful for as long as the requests that ended should have taken:
 * within six standard errors and what is under way at the ends of the run.
 */
int model_verify(struct hb_trial *trial)
{
	double measured = (double)(result.measured < result.done ? result.measured : result.done);
	double mean = promised_ns, square = nic_distribution_square(&model_options.service);
	double useful_ns =
		result.cpu[NIC_CPU_USEFUL] * model_options.cores / result.goodput_per_s * 1e9;
	double allowed = 6 * sqrt(fmax(square / (mean * mean) - 1, 0.01) / measured) +
			 4.0 * model_options.cores / measured;
	double sum = 0;

	for (int k = 0; k < NIC_CPU_COUNT; k++)
		sum += result.cpu[k];
	if (fabs(sum - 1) > 1e-9)
		return hb_trial_fail(trial, "the cores' shares sum to %.12g, not 1", sum);
	if (result.in != result.done + result.queued + result.dropped)
		return hb_trial_fail(trial, "%llu requests came in, %llu are accounted for",
			(unsigned long long)result.in,
			(unsigned long long)(result.done + result.queued + result.dropped));
	if (!(fabs(useful_ns / mean - 1) <= allowed))
		return hb_trial_fail(trial,
			"a request should take %.6g ns, the cores worked %.6g ns for each", mean,
			useful_ns);
	return 0;
}

/* Handlers that do half of their work. */
int model_sabotage(struct hb_trial *trial)
{
	struct nic_distribution *service = &model_options.service;

	(void)trial;
	switch (service->kind) {
	case NIC_LOGNORMAL:
		service->a -= log(2);
		break;
	case NIC_BIMODAL:
	case NIC_PARETO:
		service->b /= 2;
		service->c /= 2;
		break;
	default:
		service->a /= 2;
		service->b /= 2;
		break;
	}
	/* As many per time as before. */
	model_options.load /= 2;
	return 0;
}

int model_teardown(struct hb_trial *trial)
{
	(void)trial;
	nic_des_finish(&model_options);
	return 0;
}
