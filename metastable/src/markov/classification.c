/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "metastable/classification.h"

const char *ms_class_name(enum ms_class kind)
{
	static const char *const name[] = {
		[MS_STABLE] = "stable",
		[MS_VULNERABLE] = "vulnerable",
		[MS_COLLAPSED] = "collapsed",
		[MS_FLAPPING] = "flapping",
		[MS_UNKNOWN] = "unknown",
	};

	return name[kind];
}

enum ms_class ms_class_of_times(double recover_s, double collapse_s, double horizon_s)
{
	bool recovers = recover_s < horizon_s, collapses = collapse_s < horizon_s;

	if (isnan(recover_s) || isnan(collapse_s))
		return MS_UNKNOWN;
	if (recovers)
		return collapses ? MS_FLAPPING : MS_STABLE;
	return collapses ? MS_COLLAPSED : MS_VULNERABLE;
}

enum ms_class ms_class_of_intervals(
	const double recover_s[2], const double collapse_s[2], double horizon_s)
{
	enum ms_class kind = ms_class_of_times(recover_s[0], collapse_s[0], horizon_s);

	if (kind != ms_class_of_times(recover_s[1], collapse_s[1], horizon_s))
		return MS_UNKNOWN;
	return kind;
}
