/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <probcons/sensitivity.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#define FACTOR_MAX 1e6
#define FACTOR_MIN 1e-6
#define PRECISION 1e-9

/* Both faults keep their ratio where their sum would pass 1. */
static void scale_node(struct pc_node *node, double factor)
{
	double sum = (node->crash + node->byz) * factor;

	if (sum > 1)
		factor /= sum;
	node->crash *= factor;
	node->byz = fmin(node->byz * factor, 1);
	if (node->crash + node->byz > 1)
		node->crash = 1 - node->byz;
}

int pc_analyse_scaled(const struct pc_node *nodes, uint32_t count,
	const struct pc_protocol *protocol, const struct pc_correlation *correlation,
	unsigned int metrics, double factor, struct pc_result *ret, struct hb_error *reterr)
{
	struct pc_correlation moved = correlation ? *correlation : (struct pc_correlation){0};
	struct pc_node *scaled = malloc((count + 1UL) * sizeof(*scaled));
	struct pc_shock *shocks = malloc((moved.shock_count + 1UL) * sizeof(*shocks));
	int err;

	if (!scaled || !shocks) {
		err = hb_error_set(reterr, -ENOMEM, "no memory for %u nodes", count);
	} else if (!(factor >= 0) || isinf(factor)) {
		err = hb_error_set(reterr, -EINVAL, "factor %g; give a number from 0 on", factor);
	} else {
		for (uint32_t i = 0; i < count; i++) {
			scaled[i] = nodes[i];
			scale_node(&scaled[i], factor);
		}
		for (uint32_t i = 0; i < moved.shock_count; i++) {
			shocks[i] = moved.shocks[i];
			shocks[i].probability = fmin(shocks[i].probability * factor, 1);
		}
		moved.shocks = shocks;
		err = pc_analyse(
			scaled, count, protocol, correlation ? &moved : NULL, metrics, ret, reterr);
	}
	free(shocks);
	free(scaled);
	return err;
}

int pc_sensitivity_margin(const struct pc_node *nodes, uint32_t count,
	const struct pc_protocol *protocol, const struct pc_correlation *correlation, double target,
	double *ret, struct hb_error *reterr)
{
	double lo = FACTOR_MIN, hi = FACTOR_MAX;
	struct pc_result result;
	int err;

	err = pc_analyse_scaled(
		nodes, count, protocol, correlation, PC_METRIC_FAILURE, hi, &result, reterr);
	if (!err && result.unsafe_or_unlive <= target) {
		*ret = hi;
		return 0;
	}
	if (!err)
		err = pc_analyse_scaled(nodes, count, protocol, correlation, PC_METRIC_FAILURE, lo,
			&result, reterr);
	if (!err && result.unsafe_or_unlive > target) {
		*ret = 0;
		return 0;
	}
	while (!err && hi / lo > 1 + PRECISION) {
		double middle = sqrt(lo * hi);

		err = pc_analyse_scaled(nodes, count, protocol, correlation, PC_METRIC_FAILURE,
			middle, &result, reterr);
		if (err)
			break;
		if (result.unsafe_or_unlive <= target)
			lo = middle;
		else
			hi = middle;
	}
	if (!err)
		*ret = lo;
	return err;
}
