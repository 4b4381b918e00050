/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines over a swept parameter: the median of each variant with the interval of the median as a ribbon. */
#include "chart_parts.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/csv.h"
#include "hotbed/json.h"
#include "assets.h"

#define LAYERS 3
#define PANELS_MAX 12
#define TICKS_MAX 7

static const char *const columns[] = {"variant", "params", "median", "lo", "hi", "blocks", NULL};

/* What the chart shows; panel labels in order of appearance. */
struct sweep {
	struct hb_chart_builder *builder;
	struct hb_chart_spec *chart;
	uint32_t metric;
	const char *x, *facet, *x_unit;
	bool numeric;
	char *panels[PANELS_MAX];
	size_t panel_count, hidden;
	struct hb_chart_range x_range, y_range;
};

/* How many values parameter @key takes over the points (2 = several). */
static size_t count_values(const struct hb_plan_experiment *e, const char *key)
{
	const char *first = NULL;
	size_t first_length = 0;

	for (size_t p = 0; p < e->point_count; p++) {
		size_t length = 0;
		const char *value = hb_chart_param(e->points[p].params, key, &length);

		if (!value)
			return 0;
		if (first && (length != first_length || memcmp(first, value, length) != 0))
			return 2;
		first = value;
		first_length = length;
	}
	return first ? 1 : 0;
}

/* The parameter on the x axis: as the experiment says, else the first with several values; NULL = none. */
static const char *find_x(const struct hb_plan_experiment *e, const char **ret_unit)
{
	const cJSON *chart = cJSON_GetObjectItemCaseSensitive(e->describe, "chart");
	const char *wanted = hb_json_text_or(chart, "x", "");
	const cJSON *params = cJSON_GetObjectItemCaseSensitive(e->describe, "params"), *param;
	const char *found = NULL;

	*ret_unit = "1";
	cJSON_ArrayForEach(param, params)
	{
		const char *name = hb_json_text_or(param, "name", "");

		if (count_values(e, name) < 2 || (*wanted && strcmp(wanted, name) != 0) || found)
			continue;
		found = name;
		*ret_unit = hb_json_text_or(param, "unit", "1");
	}
	return found;
}

static bool is_numeric(const struct hb_plan_experiment *e, const char *key)
{
	for (size_t p = 0; p < e->point_count; p++) {
		size_t length = 0;
		const char *value = hb_chart_param(e->points[p].params, key, &length);
		char text[64];
		double number;

		if (!value || length >= sizeof(text))
			return false;
		memcpy(text, value, length);
		text[length] = '\0';
		if (hb_csv_parse_double(text, &number) || !isfinite(number))
			return false;
	}
	return true;
}

/* Label of the panel that a point belongs to: its parameters without x. Returns NULL when there are too many. */
static const char *find_panel(struct sweep *sweep, uint32_t point)
{
	const struct hb_plan_experiment *e = sweep->builder->experiment;
	struct hb_text text = {0};

	hb_text_put(&text, "");
	hb_label_point(e, e->points[point].params, HB_LABEL_VARYING, sweep->x, sweep->facet, &text);
	for (size_t i = 0; i < sweep->panel_count; i++) {
		if (!text.failed && !strcmp(sweep->panels[i], text.bytes)) {
			hb_text_finish(&text);
			return sweep->panels[i];
		}
	}
	if (sweep->panel_count == PANELS_MAX || text.failed) {
		sweep->hidden++;
		hb_text_finish(&text);
		return NULL;
	}
	return sweep->panels[sweep->panel_count++] = text.bytes;
}

static int put_x(struct sweep *sweep, cJSON *value, const char *params)
{
	size_t length = 0;
	const char *text = hb_chart_param(params, sweep->x, &length);
	char *copy = strndup(text, length);
	double number;
	int r = copy ? 0 : -ENOMEM;

	if (!r && sweep->numeric && !hb_csv_parse_double(copy, &number)) {
		hb_chart_range_add(&sweep->x_range, number);
		r = hb_chart_number(value, "x", number);
	} else if (!r) {
		r = hb_json_add_text(value, "x", copy);
	}
	free(copy);
	return r;
}

static int add_value(struct sweep *sweep, uint32_t point, uint32_t variant, const char *panel)
{
	struct hb_chart_builder *builder = sweep->builder;
	const struct hb_plan_experiment *e = builder->experiment;
	struct hb_series *series = &builder->series;
	struct hb_interval interval;
	cJSON *value;
	int r = hb_series_fill(series, builder->summary->trials, builder->e, point, variant,
		e->baseline, sweep->metric);

	if (r || !series->count)
		return r;
	if (hb_stats_median_interval(series->variant, series->count, 0.95, &interval))
		return -ENOMEM;
	value = hb_chart_value(sweep->chart);
	if (!value || !cJSON_AddStringToObject(value, "panel", panel) ||
		!cJSON_AddStringToObject(value, "variant", e->variants[variant].name) ||
		!cJSON_AddStringToObject(value, "params", e->points[point].params) ||
		!cJSON_AddNumberToObject(value, "blocks", (double)series->count))
		return -ENOMEM;
	hb_chart_range_add(&sweep->y_range, interval.estimate);
	hb_chart_range_add(&sweep->y_range, interval.lo);
	hb_chart_range_add(&sweep->y_range, interval.hi);
	r = put_x(sweep, value, e->points[point].params);
	if (!r)
		r = hb_chart_number(value, "median", interval.estimate);
	if (!r)
		r = hb_chart_number(value, "lo", interval.lo);
	return r ? r : hb_chart_number(value, "hi", interval.hi);
}

static int fill(struct sweep *sweep)
{
	const struct hb_plan_experiment *e = sweep->builder->experiment;
	size_t values_max = HB_CHART_MARKS_MAX / LAYERS;
	/* Whole points only, so that no line ends for another reason than the data. */
	size_t points_max = values_max / e->variant_count;
	size_t count = hb_chart_pick_count(e->point_count, points_max ? points_max : 1);
	int r = 0;

	for (size_t i = 0; !r && i < count; i++) {
		uint32_t point = (uint32_t)hb_chart_pick(e->point_count, points_max, i);
		const char *panel =
			hb_chart_has_data(sweep->builder, point) ? find_panel(sweep, point) : NULL;

		for (uint32_t v = 0; !r && panel && v < e->variant_count; v++)
			r = add_value(sweep, point, v, panel);
	}
	sweep->hidden += e->point_count - count;
	return r;
}

/* Powers of two read best at the values that were measured. */
static int put_x_ticks(struct sweep *sweep)
{
	double values[TICKS_MAX];
	cJSON *ticks, *value;
	size_t count = 0;

	cJSON_ArrayForEach(value, sweep->chart->values)
	{
		const cJSON *raw = cJSON_GetObjectItemCaseSensitive(value, "x");
		double x = raw && raw->valuestring ? strtod(raw->valuestring, NULL) : NAN;
		size_t i = 0;

		while (i < count && values[i] != x)
			i++;
		if (i < count)
			continue;
		if (count == TICKS_MAX)
			return 0;
		values[count++] = x;
	}
	ticks = cJSON_CreateDoubleArray(values, (int)count);
	return hb_chart_put(sweep->chart->spec, "spec/encoding/x/axis", "values", ticks);
}

static int put_axes(struct sweep *sweep)
{
	const struct hb_plan_experiment *e = sweep->builder->experiment;
	const struct hb_plan_metric *m = &e->metrics[sweep->metric];
	const cJSON *hint = cJSON_GetObjectItemCaseSensitive(e->describe, "chart");
	bool log_x = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(hint, "log_x"));
	bool log_y = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(hint, "log_y"));
	cJSON *spec = sweep->chart->spec;
	int r = hb_chart_put(spec, "spec/encoding/x", "title", cJSON_CreateString(sweep->x));

	if (!r && sweep->numeric) {
		r = hb_chart_axis(spec, "spec/encoding/x", &sweep->x_range, log_x, sweep->x_unit);
		if (!r)
			r = put_x_ticks(sweep);
	} else if (!r) {
		cJSON_DeleteItemFromObjectCaseSensitive(
			hb_chart_at(spec, "spec/encoding/x"), "scale");
		r = hb_chart_put(spec, "spec/encoding/x", "type", cJSON_CreateString("ordinal"));
		if (!r)
			r = hb_chart_put(spec, "spec/encoding/x", "sort", cJSON_CreateNull());
	}
	if (!r)
		r = hb_chart_axis(spec, "spec/layer/0/encoding/y", &sweep->y_range, log_y, m->unit);
	if (!r)
		r = hb_chart_put(
			spec, "spec/layer/0/encoding/y", "title", cJSON_CreateString(m->name));
	if (!r)
		r = hb_chart_colors(sweep->builder, spec, "spec/encoding/color");
	return r ? r : hb_chart_panels(sweep->chart, sweep->panel_count);
}

static int finish(struct sweep *sweep)
{
	const struct hb_plan_experiment *e = sweep->builder->experiment;
	const struct hb_plan_metric *m = &e->metrics[sweep->metric];
	struct hb_chart_spec *chart = sweep->chart;
	int r;

	chart->marks = (size_t)cJSON_GetArraySize(chart->values) * LAYERS;
	if (!chart->marks || !isfinite(sweep->y_range.lo)) {
		hb_chart_drop(sweep->builder);
		return 0;
	}
	r = put_axes(sweep);
	if (!r)
		r = hb_chart_title(chart, "%s/%s: %s over %s", e->subproject, e->experiment,
			m->name, sweep->x);
	if (!r)
		r = hb_chart_describe(chart,
			"Median of %s over %s for each variant; ribbons are the 95 %% interval of "
			"the "
			"median.%s",
			m->name, sweep->x,
			sweep->hidden ? " A selection of the points is shown." : "");
	return r;
}

int hb_chart_sweep(struct hb_chart_builder *builder, uint32_t metric)
{
	const struct hb_plan_experiment *e = builder->experiment;
	const cJSON *hint = cJSON_GetObjectItemCaseSensitive(e->describe, "chart");
	struct sweep sweep = {.builder = builder,
		.metric = metric,
		.x_range = {INFINITY, -INFINITY, false},
		.y_range = {INFINITY, -INFINITY, false}};
	const char *facet = hb_json_text_or(hint, "facet", "");
	int r;

	sweep.x = find_x(e, &sweep.x_unit);
	if (!sweep.x)
		return 0;
	sweep.facet = *facet ? facet : NULL;
	sweep.numeric = is_numeric(e, sweep.x);
	sweep.chart = hb_chart_open(
		builder, "sweep", hb_asset_sweep_vl_json, e->metrics[metric].name, columns);
	r = sweep.chart ? fill(&sweep) : -ENOMEM;
	if (!r)
		r = finish(&sweep);
	for (size_t i = 0; i < sweep.panel_count; i++)
		free(sweep.panels[i]);
	return r;
}
