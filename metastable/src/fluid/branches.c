/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All branches of a model: from every fixed point that no earlier branch has passed. */
#include <math.h>

#include "metastable/fluid.h"

void ms_fluid_range(const struct ms_fluid *fluid, enum ms_fluid_parameter parameter, double *ret)
{
	double value = ms_fluid_get(fluid, parameter);

	ret[0] = 0.02 * value;
	ret[1] = 4.0 * value;
	if (parameter == MS_FLUID_RHO) {
		ret[0] = 0.02;
		ret[1] = 0.99;
	} else if (parameter == MS_FLUID_RETRIES) {
		ret[0] = 0.05;
		ret[1] = fmax(12.0, 2.0 * fmin(value, 100.0));
	} else if (parameter == MS_FLUID_CAPACITY) {
		ret[0] = 4.0;
	}
}

/* Is @point, at @value of the parameter, on what has been followed already? */
static bool is_on(const struct ms_fluid_curve_point *curve, int count,
	const struct ms_fluid_point *point, double value)
{
	for (int i = 0; i + 1 < count; i++) {
		const struct ms_fluid_curve_point *here = &curve[i], *next = here + 1;
		double low = fmin(here->at[0], next->at[0]), high = fmax(here->at[0], next->at[0]);

		if (here->branch == next->branch &&
			(here->parameter[0] - value) * (next->parameter[0] - value) <= 0.0 &&
			point->at[0] >= low - 1e-6 && point->at[0] <= high + 1e-6)
			return true;
	}
	return false;
}

int ms_fluid_branches(const struct ms_fluid *fluid, enum ms_fluid_parameter parameter, uint32_t max,
	struct ms_fluid_curve_point *ret, struct hb_error *reterr)
{
	struct ms_fluid_point point[MS_FLUID_POINTS_MAX];
	int points = ms_fluid_fixed_points(fluid, point, reterr), count = 0;
	double ends[2];
	uint32_t branch = 0;

	if (points < 0)
		return points;
	ms_fluid_range(fluid, parameter, ends);
	for (int p = 0; p < points; p++) {
		int more;

		if (is_on(ret, count, &point[p], ms_fluid_get(fluid, parameter)))
			continue;
		more = ms_fluid_branch(fluid, &point[p], parameter, ends[0], ends[1],
			max - (uint32_t)count, ret + count, reterr);
		if (more < 0)
			return more;
		for (int i = count; i < count + more; i++)
			ret[i].branch = branch;
		branch++;
		count += more;
	}
	return count;
}
