/* SPDX-License-Identifier: GPL-3.0-or-later */
/* E-divisive's statistic and its permutation test. */
#include <math.h>
#include <string.h>

#include "hotbed/assert.h"
#include "hotbed/changepoint.h"
#include "hotbed/rng.h"

/*
 * With L = values[0 ... k-1], R = the rest, sizes l and r, the statistic is
 *   l r / (l + r) x (2 mean|x - y| - mean|x - x'| - mean|y - y'|),   x in L, y in R,
 * the inner means over unordered pairs. Sums of distances inside L grow, inside R shrink by one row at each step.
 */
void hb_energy_scan(const double *values, size_t count, double *ret)
{
	double total = 0, inside_left = 0, outside;

	/* For a moment ret[k] is the sum of the distances from value k to later ones. */
	for (size_t k = 0; k < count; k++) {
		ret[k] = 0;
		for (size_t i = k + 1; i < count; i++)
			ret[k] += fabs(values[k] - values[i]);
		total += ret[k];
	}
	double inside_right = total;

	for (size_t k = 0; k < count; k++) {
		double l = (double)k, r = (double)(count - k), later = ret[k], earlier = 0;

		outside = total - inside_left - inside_right;
		ret[k] = -1;
		if (k >= 2 && count - k >= 2)
			ret[k] = l * r / (l + r) *
				 (2 * outside / (l * r) - 2 * inside_left / (l * (l - 1)) -
					 2 * inside_right / (r * (r - 1)));
		for (size_t i = 0; i < k; i++)
			earlier += fabs(values[k] - values[i]);
		inside_left += earlier;
		inside_right -= later;
	}
}

static double best(const double *statistics, size_t first, size_t last)
{
	double most = -INFINITY;

	for (size_t k = first; k <= last; k++)
		most = fmax(most, statistics[k]);
	return most;
}

double hb_energy_p(const double *values, size_t count, size_t first, size_t last,
	uint32_t permutations, double p_max, struct hb_rng *rng, double *scratch)
{
	double *order = scratch, *statistics = scratch + count;
	uint32_t reached = 1;

	hb_assert(count >= 4 && first >= 2 && first <= last && last <= count - 2);
	hb_energy_scan(values, count, statistics);
	/* Orders that differ only in what is equal must count as reaching it, whatever rounding does to the sums. */
	double observed = best(statistics, first, last);
	double wanted = observed - 1e-9 * fabs(observed);

	memcpy(order, values, count * sizeof(*order));
	for (uint32_t i = 0; i < permutations; i++) {
		for (size_t k = count - 1; k > 0; k--) {
			size_t other = (size_t)hb_rng_below(rng, k + 1);
			double value = order[k];

			order[k] = order[other];
			order[other] = value;
		}
		hb_energy_scan(order, count, statistics);
		reached += best(statistics, first, last) >= wanted;
		if (reached > p_max * (permutations + 1.0))
			return (double)reached / (i + 2.0);
	}
	return (double)reached / (permutations + 1.0);
}
