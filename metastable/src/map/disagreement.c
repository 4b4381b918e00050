/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where two levels put a knee, and why they give a cell different classes. See metastable/map.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <metastable/map.h>

#define EDGE_FACTOR \
	2.0 /* times closer than this on both sides of the horizon are a matter of luck */

/* ---- knees ---- */

struct ms_displacement ms_map_displacement(
	const struct ms_map *map, enum ms_level first, enum ms_level second, const uint32_t *at)
{
	struct ms_knee a = ms_map_knee(map, first, at);
	struct ms_knee b = ms_map_knee(map, second, at);
	struct ms_displacement displacement = {.found = a.found && b.found};

	if (!displacement.found || a.from != b.from || a.to != b.to)
		return (struct ms_displacement){.found = false};
	displacement.lo = a.lo - b.hi;
	displacement.mid = (a.lo + a.hi) / 2 - (b.lo + b.hi) / 2;
	displacement.hi = a.hi - b.lo;
	return displacement;
}

/* ---- reasons ---- */

const char *ms_cause_name(enum ms_cause cause)
{
	static const char *const names[] = {
		[MS_CAUSE_EDGE] = "edge",
		[MS_CAUSE_NO_MODE] = "no-mode",
		[MS_CAUSE_APPROXIMATION] = "approximation",
	};

	return names[cause];
}

static bool lasts(enum ms_class kind, bool bad_mode)
{
	return kind == MS_VULNERABLE || kind == (bad_mode ? MS_COLLAPSED : MS_STABLE);
}

/* A swept horizon is that of the cell. */
static double horizon_of(
	const struct ms_map *map, const struct ms_model *model, const struct ms_map_cell *cell)
{
	for (uint32_t a = 0; a < map->axis_count; a++) {
		if (strcmp(map->axes[a].path, "horizon") == 0)
			return ms_sweep_value(&map->axes[a], cell->at[a]);
	}
	return model->horizon_s;
}

/* The features of the model that @level does not represent as they are, comma-separated. */
static void approximations_list(
	const struct ms_model *model, enum ms_level level, char *ret, size_t size)
{
	struct ms_support support;
	size_t length = 0;

	ret[0] = '\0';
	(void)ms_support_query(level, model, &support, NULL);
	for (uint32_t i = 0; i < support.row_count && length < size; i++) {
		if (support.rows[i].kind != MS_APPROXIMATION)
			continue;
		length += (size_t)snprintf(ret + length, size - length, "%s%s", length ? ", " : "",
			ms_feature_name(support.rows[i].feature));
	}
}

/* The distance of the first level's time from the interval of the second's, as a factor >= 1. */
static double factor_between(double first_s, const double second_s[2])
{
	if (first_s < second_s[0])
		return second_s[0] / first_s;
	return first_s > second_s[1] ? first_s / second_s[1] : 1;
}

static enum ms_cause cause_of(double first_s, const double second_s[2], double horizon_s)
{
	double nearest = fmin(fmax(horizon_s, second_s[0]), second_s[1]);

	if (!(first_s > 0) || !isfinite(first_s))
		return MS_CAUSE_NO_MODE;
	if (fabs(log(first_s / horizon_s)) <= log(EDGE_FACTOR) &&
		fabs(log(nearest / horizon_s)) <= log(EDGE_FACTOR))
		return MS_CAUSE_EDGE;
	return MS_CAUSE_APPROXIMATION;
}

static void reason_write(const struct ms_model *model, enum ms_level first, enum ms_level second,
	double horizon_s, struct ms_disagreement *d)
{
	const char *mode = d->bad_mode ? "bad" : "good";
	const char *a = ms_level_name(first), *b = ms_level_name(second);
	char list[MS_REASON_BYTES / 2];

	switch (d->cause) {
	case MS_CAUSE_NO_MODE:
		(void)snprintf(d->reason, sizeof(d->reason),
			"%s: %s; by %s it lasts %.4g to %.4g s", a,
			d->first_s > 0
				? "its only mode is never left"
				: (d->bad_mode ? "there is no bad mode" : "there is no good mode"),
			b, d->second_s[0], d->second_s[1]);
		break;
	case MS_CAUSE_EDGE:
		(void)snprintf(d->reason, sizeof(d->reason),
			"the %s mode lasts %.4g s by %s and %.4g to %.4g s by %s: both are within "
			"a factor of %g of the horizon of %g s",
			mode, d->first_s, a, d->second_s[0], d->second_s[1], b, EDGE_FACTOR,
			horizon_s);
		break;
	default:
		approximations_list(model, first, list, sizeof(list));
		(void)snprintf(d->reason, sizeof(d->reason),
			"the %s mode lasts %.4g s by %s and %.4g to %.4g s by %s, another factor "
			"of %.2g; %s approximates %s",
			mode, d->first_s, a, d->second_s[0], d->second_s[1], b, d->factor, a,
			list[0] ? list : "nothing");
		break;
	}
}

bool ms_map_disagreement(const struct ms_map *map, const struct ms_model *model,
	const struct ms_map_cell *cell, enum ms_level first, enum ms_level second,
	struct ms_disagreement *ret)
{
	const struct ms_verdict *a = ms_map_verdict(cell, first);
	const struct ms_verdict *b = ms_map_verdict(cell, second);
	double horizon_s = horizon_of(map, model, cell);
	struct ms_disagreement d = {0};
	const double *times;

	if (!a || !b || a->code || b->code || a->kind == MS_UNKNOWN || b->kind == MS_UNKNOWN ||
		a->kind == b->kind)
		return false;
	d.bad_mode = lasts(a->kind, true) != lasts(b->kind, true);
	times = d.bad_mode ? b->recover_s : b->collapse_s;
	d.first_s = d.bad_mode ? a->recover_s[1] : a->collapse_s[1];
	d.second_s[0] = times[0];
	d.second_s[1] = times[2];
	d.factor = factor_between(d.first_s, d.second_s);
	d.cause = cause_of(d.first_s, d.second_s, horizon_s);
	reason_write(model, first, second, horizon_s, &d);
	*ret = d;
	return true;
}
