/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>

#include "drift_end.h"
#include "metastable/generator.h"

uint32_t drift_end(const struct ms_generator *g)
{
	double point[MS_AXES_MAX];
	int32_t at[MS_AXES_MAX];
	uint32_t state = 0;
	uint64_t steps = 16;

	for (uint32_t a = 0; a < g->axes; a++) {
		point[a] = g->at[a];
		steps += 4 * (uint64_t)g->last[a];
	}
	for (uint64_t s = 0; s < steps; s++) {
		const int32_t *here = g->at + (size_t)state * g->axes;
		double drift[MS_AXES_MAX] = {0.0}, longest = 0.0;
		uint32_t next;

		for (uint64_t e = g->row_start[state]; e < g->row_start[state + 1]; e++) {
			const int32_t *there = g->at + (size_t)g->target[e] * g->axes;

			for (uint32_t a = 0; a < g->axes; a++)
				drift[a] += g->rate_per_s[e] * (there[a] - here[a]);
		}
		for (uint32_t a = 0; a < g->axes; a++)
			longest = fmax(longest, fabs(drift[a]));
		if (longest == 0.0)
			break;
		for (uint32_t a = 0; a < g->axes; a++) {
			point[a] = fmin(fmax(point[a] + 0.5 * drift[a] / longest, 0.0), g->last[a]);
			at[a] = (int32_t)lrint(point[a]);
		}
		next = ms_generator_find(g, at);
		if (next == UINT32_MAX)
			break;
		state = next;
	}
	return state;
}
