/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "histories.h"

#include <math.h>

#include "hotbed/assert.h"
#include "hotbed/rng.h"

static double outlier(double sigma, struct hb_rng *rng)
{
	double size = (5 + 10 * hb_rng_double(rng)) * sigma;

	return hb_rng_double(rng) < 0.8 ? size : -size;
}

void history_make(const struct history_kind *kind, struct hb_rng *rng, struct history *ret)
{
	double phi = kind->autocorrelation, state = hb_rng_normal(rng);

	hb_assert(kind->nights <= HISTORY_NIGHTS_MAX);
	ret->count = 0;
	ret->step_at = SIZE_MAX;
	for (size_t night = 0; night < kind->nights; night++) {
		/* Noise is relative: at 3 % its logarithm has the same standard deviation within a thousandth. */
		double value = kind->noise * state +
			       (night > kind->drift_at ? log1p(kind->drift) *
								 (double)(night - kind->drift_at)
						       : 0);

		state = phi * state + sqrt(1 - phi * phi) * hb_rng_normal(rng);
		if (hb_rng_double(rng) < kind->outliers)
			value += outlier(kind->noise, rng);
		if (hb_rng_double(rng) < kind->missing)
			continue;
		if (kind->step != 0 && night >= kind->step_at) {
			value += log1p(kind->step);
			if (ret->step_at == SIZE_MAX)
				ret->step_at = ret->count;
		}
		ret->values[ret->count++] = value;
	}
	if (ret->step_at == SIZE_MAX)
		ret->step_at = ret->count;
}
