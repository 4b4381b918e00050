/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Exponentially tilted fleets: configurations drawn so that the votes which have failed are, on average, as many as
 * the event needs.
 *
 * The density of a configuration under a tilt, relative to the true one, depends on its votes alone: exp(theta
 * votes - lambda). A mixture of two tilts (failed votes, Byzantine votes) is therefore weighted in two
 * exponentials.
 */
#ifndef PC_TILT_H
#define PC_TILT_H

#include <stdbool.h>
#include <stdint.h>

#include "problem.h"

struct hb_rng;

struct tilt {
	bool on;
	double theta;
	double lambda; /* sum of the logarithms of the nodes' normalisers */
};

struct tilted_fleet {
	const struct pc_node *nodes;
	uint32_t count;
	struct event_bounds bounds;
	struct tilt fault, byz;
	double *crash_limit[2],
		*fault_limit
			[2]; /* per tilt and node: u below the first crashes, below the second lies */
};

/* Scratch for @count nodes. 0 or -ENOMEM; tilted_fleet_finish(). */
int tilted_fleet_init(struct tilted_fleet *fleet, uint32_t count);
void tilted_fleet_finish(struct tilted_fleet *fleet);

/* Aim at @bounds from @nodes (borrowed until the next aim). @naive: no tilt. */
void tilted_fleet_aim(struct tilted_fleet *fleet, const struct pc_node *nodes,
	struct event_bounds bounds, bool naive);

/* Draw a configuration: its votes, and true density over the density drawn from. */
double tilted_fleet_draw(const struct tilted_fleet *fleet, struct hb_rng *rng, uint64_t *ret_byz,
	uint64_t *ret_fault);

#endif
