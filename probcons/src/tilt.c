/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tilted fleets. See tilt.h.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <hotbed/rng.h>

#include <probcons/node.h>

#include "tilt.h"

int tilted_fleet_init(struct tilted_fleet *fleet, uint32_t count)
{
	double *limits = malloc(4 * (size_t)count * sizeof(limits[0]));

	*fleet = (struct tilted_fleet){.count = count};
	for (int t = 0; t < 2 && limits; t++) {
		fleet->crash_limit[t] = limits + 2 * (size_t)t * count;
		fleet->fault_limit[t] = fleet->crash_limit[t] + count;
	}
	return limits ? 0 : -ENOMEM;
}

void tilted_fleet_finish(struct tilted_fleet *fleet)
{
	free(fleet->crash_limit[0]);
	*fleet = (struct tilted_fleet){0};
}

/* Probabilities of one node under a tilt; returns the logarithm of its normaliser. */
static double tilt_node(
	const struct pc_node *node, double theta, bool byz_only, double *ret_crash, double *ret_byz)
{
	double shift = theta * node->weight, grow = exp(shift);
	double crash = byz_only ? node->crash : node->crash * grow;
	double byz = node->byz * grow;
	double works = fmax(1 - node->crash - node->byz, 0), sum = works + crash + byz;

	*ret_crash = crash / sum;
	*ret_byz = byz / sum;
	return log(sum);
}

static double mean_votes(const struct tilted_fleet *fleet, double theta, bool byz_only)
{
	double votes = 0, crash, byz;

	for (uint32_t i = 0; i < fleet->count; i++) {
		(void)tilt_node(&fleet->nodes[i], theta, byz_only, &crash, &byz);
		votes += fleet->nodes[i].weight * (byz_only ? byz : crash + byz);
	}
	return votes;
}

/*
 * The theta >= 0 at which the mean is @votes; near enough is enough, as any theta gives an unbiased estimate.
 */
static void tilt_aim(
	struct tilted_fleet *fleet, struct tilt *tilt, bool byz_only, uint64_t votes, int which)
{
	double lo = 0, hi, weight_max = 1;

	for (uint32_t i = 0; i < fleet->count; i++)
		weight_max = fmax(weight_max, fleet->nodes[i].weight);
	hi = 600 / weight_max;
	*tilt = (struct tilt){.on = votes != UINT64_MAX};
	if (!tilt->on)
		return;
	for (int step = 0; step < 40 && mean_votes(fleet, 0, byz_only) < (double)votes; step++) {
		double middle = (lo + hi) / 2, mean = mean_votes(fleet, middle, byz_only);

		tilt->theta = middle;
		if (fabs(mean - (double)votes) < 1e-3 * (double)votes)
			break;
		if (mean < (double)votes)
			lo = middle;
		else
			hi = middle;
	}
	for (uint32_t i = 0; i < fleet->count; i++) {
		double crash, byz;

		tilt->lambda += tilt_node(&fleet->nodes[i], tilt->theta, byz_only, &crash, &byz);
		fleet->crash_limit[which][i] = crash;
		fleet->fault_limit[which][i] = crash + byz;
	}
}

void tilted_fleet_aim(struct tilted_fleet *fleet, const struct pc_node *nodes,
	struct event_bounds bounds, bool naive)
{
	fleet->nodes = nodes;
	fleet->bounds = bounds;
	if (naive) {
		/* A tilt towards no vote is none. */
		tilt_aim(fleet, &fleet->fault, false, 0, 0);
		fleet->byz = (struct tilt){0};
		return;
	}
	tilt_aim(fleet, &fleet->fault, false, bounds.fault, 0);
	tilt_aim(fleet, &fleet->byz, true, bounds.byz, 1);
}

double tilted_fleet_draw(const struct tilted_fleet *fleet, struct hb_rng *rng, uint64_t *ret_byz,
	uint64_t *ret_fault)
{
	bool both = fleet->fault.on && fleet->byz.on;
	int which = both ? (int)(hb_rng_u64(rng) >> 63) : fleet->byz.on;
	const double *crash = fleet->crash_limit[which], *fault = fleet->fault_limit[which];
	uint64_t byz_votes = 0, fault_votes = 0;
	double density = 0, share = both ? 0.5 : 1;

	for (uint32_t i = 0; i < fleet->count; i++) {
		double u = hb_rng_double(rng);

		if (u >= fault[i])
			continue;
		fault_votes += fleet->nodes[i].weight;
		if (u >= crash[i])
			byz_votes += fleet->nodes[i].weight;
	}
	if (fleet->fault.on)
		density +=
			share * exp(fleet->fault.theta * (double)fault_votes - fleet->fault.lambda);
	if (fleet->byz.on)
		density += share * exp(fleet->byz.theta * (double)byz_votes - fleet->byz.lambda);
	*ret_byz = byz_votes;
	*ret_fault = fault_votes;
	return 1 / density;
}
