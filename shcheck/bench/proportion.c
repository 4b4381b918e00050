/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proportion.h"

#include <math.h>

/* Two-sided 95 % point of the normal distribution. */
#define NORMAL_95 1.959963984540054

struct proportion proportion_of(uint64_t hits, uint64_t count)
{
	double n = (double)count, z = NORMAL_95, share, middle, half, below;

	if (!count)
		return (struct proportion){0, 0, 1};
	share = (double)hits / n;
	below = 1 + z * z / n;
	middle = (share + z * z / (2 * n)) / below;
	half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / below;
	return (struct proportion){
		.value = share,
		.low = hits ? middle - half : 0,
		.high = hits == count ? 1 : middle + half,
	};
}
