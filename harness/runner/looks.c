/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "looks.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/stats.h>

#include "plan_build.h"

#define ERROR_LEVEL 0.05

/* One point of an experiment with until_ci. */
struct cell {
	double *effects; /* shape [variant_count][metric_count][blocks]; NULL until the first block */
	uint32_t closed; /* blocks, void ones included */
	uint32_t usable;
};

struct hb_looks {
	const struct hb_plan *plan;
	struct cell *
		*cells; /* shape [experiment_count][point_count]; NULL = fixed number of blocks */
};

int hb_looks_create(const struct hb_plan *plan, struct hb_looks **ret)
{
	struct hb_looks *looks = calloc(1, sizeof(*looks));

	if (!looks)
		return -ENOMEM;
	looks->plan = plan;
	looks->cells = calloc(plan->experiment_count + 1, sizeof(struct cell *));
	for (size_t e = 0; looks->cells && e < plan->experiment_count; e++) {
		if (!plan->experiments[e].until_ci)
			continue;
		looks->cells[e] = calloc(plan->experiments[e].point_count + 1, sizeof(struct cell));
		if (!looks->cells[e]) {
			hb_looks_destroy(looks);
			return -ENOMEM;
		}
	}
	if (!looks->cells) {
		free(looks);
		return -ENOMEM;
	}
	*ret = looks;
	return 0;
}

void hb_looks_destroy(struct hb_looks *looks)
{
	if (!looks)
		return;
	for (size_t e = 0; e < looks->plan->experiment_count; e++) {
		for (size_t p = 0; looks->cells[e] && p < looks->plan->experiments[e].point_count;
			p++)
			free(looks->cells[e][p].effects);
		free(looks->cells[e]);
	}
	free(looks->cells);
	free(looks);
}

double hb_looks_effect(double value, double baseline, double control)
{
	if (!(value > 0 && baseline > 0 && control > 0) || isinf(value) || isinf(baseline) ||
		isinf(control))
		return NAN;
	return log(value) - (log(baseline) + log(control)) / 2;
}

static bool matters(const struct hb_plan_experiment *e, size_t metric)
{
	if (e->claim_count == 0)
		return metric == 0;
	for (size_t c = 0; c < e->claim_count; c++)
		if (!strcmp(e->claims[c].metric, e->metrics[metric].name))
			return true;
	return false;
}

/* Is this comparison settled at the level that one look may spend? */
static bool is_settled(const double *effects, uint32_t count, double min_effect)
{
	struct hb_interval interval;
	double bound = log1p(min_effect);

	for (uint32_t i = 0; i < count; i++)
		if (isnan(effects[i]))
			return false;
	if (hb_stats_median_interval(
		    effects, count, 1 - ERROR_LEVEL / HB_PLAN_LOOK_COUNT, &interval) ||
		interval.confidence <= 0)
		return false;
	return interval.lo > bound || interval.hi < -bound ||
	       (interval.lo >= -bound && interval.hi <= bound);
}

static bool is_decided(const struct hb_plan_experiment *e, const struct cell *cell)
{
	bool asked = false;

	for (size_t v = 0; v < e->variant_count; v++) {
		for (size_t m = 0; m < e->metric_count; m++) {
			if (v == e->baseline || !matters(e, m))
				continue;
			asked = true;
			if (!is_settled(cell->effects + (v * e->metric_count + m) * e->blocks,
				    cell->usable, e->metrics[m].min_effect))
				return false;
		}
	}
	return asked;
}

static void put_effects(const struct hb_plan_experiment *e, struct cell *cell, const double *values)
{
	const double *baseline = values + (size_t)e->baseline * e->metric_count;
	const double *control = values + e->variant_count * e->metric_count;

	for (size_t v = 0; v < e->variant_count; v++)
		for (size_t m = 0; m < e->metric_count; m++)
			cell->effects[(v * e->metric_count + m) * e->blocks + cell->usable] =
				hb_looks_effect(
					values[v * e->metric_count + m], baseline[m], control[m]);
	cell->usable++;
}

int hb_looks_add(struct hb_looks *looks, uint32_t experiment, uint32_t point, const double *values,
	bool *ret_decided)
{
	const struct hb_plan_experiment *e = &looks->plan->experiments[experiment];
	bool decided = false;

	if (looks->cells[experiment]) {
		struct cell *cell = &looks->cells[experiment][point];

		if (!cell->effects) {
			cell->effects = calloc((e->variant_count * e->metric_count + 1) * e->blocks,
				sizeof(*cell->effects));
			if (!cell->effects)
				return -ENOMEM;
		}
		if (values && cell->usable < e->blocks)
			put_effects(e, cell, values);
		cell->closed++;
		for (int i = 0; i < HB_PLAN_LOOK_COUNT; i++)
			if (cell->closed == hb_plan_looks[i])
				decided = is_decided(e, cell);
	}
	*ret_decided = decided;
	return 0;
}
