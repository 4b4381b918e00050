/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The strip: every block's ratio in order of execution, so that drift, noise and outliers can be seen. */
#include "chart_parts.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "assets.h"

#define LAYERS 2
#define PANELS_MAX 6

static const char *const columns[] = {"variant", "params", "block", "ratio", "label", NULL};

struct strip {
	struct hb_chart_builder *builder;
	struct hb_chart_spec *chart;
	struct hb_chart_range range;
	size_t values, values_max;
	bool has_labels;
};

static int add_value(struct strip *strip, uint32_t point, uint32_t variant, const char *panel,
	size_t i, const double fences[2])
{
	const struct hb_plan_experiment *e = strip->builder->experiment;
	const struct hb_series *series = &strip->builder->series;
	const struct hb_trials_point *at =
		&strip->builder->summary->trials->points[strip->builder->e][point];
	double effect = series->lo[i], ratio = exp(effect);
	const char *label = "inside";
	cJSON *value;

	if (series->lo[i] != series->hi[i] || !isfinite(effect) ||
		strip->values == strip->values_max)
		return 0;
	if (at->blocks[series->blocks[i]].noisy)
		label = "noisy";
	if (effect < fences[0] || effect > fences[1])
		label = "outlier";
	strip->has_labels |= strcmp(label, "inside") != 0;
	strip->values++;
	hb_chart_range_add(&strip->range, ratio);
	value = hb_chart_value(strip->chart);
	if (!value || !cJSON_AddStringToObject(value, "panel", panel) ||
		!cJSON_AddStringToObject(value, "variant", e->variants[variant].name) ||
		!cJSON_AddStringToObject(value, "params", e->points[point].params) ||
		!cJSON_AddNumberToObject(value, "block", series->blocks[i]) ||
		!cJSON_AddStringToObject(value, "label", label))
		return -ENOMEM;
	return hb_chart_number(value, "ratio", ratio);
}

static int add_point(struct strip *strip, uint32_t metric, uint32_t point)
{
	struct hb_chart_builder *builder = strip->builder;
	const struct hb_plan_experiment *e = builder->experiment;
	struct hb_text panel = {0};
	int r = 0;

	hb_text_put(&panel, "");
	hb_label_point(e, e->points[point].params, HB_LABEL_VARYING, NULL, NULL, &panel);
	for (uint32_t v = 0; !r && v < e->variant_count; v++) {
		double fences[2];

		if (v == e->baseline)
			continue;
		r = hb_series_fill(&builder->series, builder->summary->trials, builder->e, point, v,
			e->baseline, metric);
		if (r)
			break;
		hb_series_fences(&builder->series, &fences[0], &fences[1]);
		for (size_t i = 0; !r && !panel.failed && i < builder->series.count; i++)
			r = add_value(strip, point, v, panel.bytes, i, fences);
	}
	hb_text_finish(&panel);
	return r;
}

static int finish(struct strip *strip, uint32_t metric, size_t panels, bool selected)
{
	const struct hb_plan_experiment *e = strip->builder->experiment;
	struct hb_chart_spec *chart = strip->chart;
	int r;

	if (!strip->values) {
		hb_chart_drop(strip->builder);
		return 0;
	}
	chart->marks = strip->values * LAYERS + panels;
	if (!strip->has_labels)
		cJSON_DeleteItemFromObjectCaseSensitive(
			hb_chart_at(chart->spec, "spec/layer/2/encoding"), "shape");
	r = hb_chart_axis(chart->spec, "spec/layer/1/encoding/y", &strip->range, true, "ratio");
	if (!r)
		r = hb_chart_colors(strip->builder, chart->spec, "spec/layer/1/encoding/color");
	if (!r)
		r = hb_chart_panels(chart, panels);
	if (!r)
		r = hb_chart_title(chart, "%s/%s: %s, block by block", e->subproject, e->experiment,
			e->metrics[metric].name);
	if (!r)
		r = hb_chart_describe(chart,
			"Ratio of %s to %s in every block, in order of execution. A level row of "
			"points "
			"is a steady run; a slope is drift. Outliers by Tukey's fences and blocks "
			"with "
			"steal time are marked, not removed.%s",
			e->metrics[metric].name, e->variants[e->baseline].name,
			selected ? " A selection of the points is shown." : "");
	return r;
}

int hb_chart_strip(struct hb_chart_builder *builder, uint32_t metric)
{
	const struct hb_plan_experiment *e = builder->experiment;
	struct strip strip = {.builder = builder,
		.range = {1, 1, false},
		.values_max = (HB_CHART_MARKS_MAX - PANELS_MAX) / LAYERS};
	size_t count = hb_chart_pick_count(e->point_count, PANELS_MAX), panels = 0;
	int r = 0;

	if (e->variant_count < 2)
		return 0;
	strip.chart = hb_chart_open(
		builder, "strip", hb_asset_strip_vl_json, e->metrics[metric].name, columns);
	if (!strip.chart)
		return -ENOMEM;
	for (size_t i = 0; !r && i < count; i++) {
		size_t before = strip.values;

		r = add_point(
			&strip, metric, (uint32_t)hb_chart_pick(e->point_count, PANELS_MAX, i));
		panels += strip.values > before;
	}
	return r ? r : finish(&strip, metric, panels, e->point_count > count);
}
