/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The forest plot: one row per variant and point, the ratio with its interval over the A/A band. */
#include "chart_parts.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "assets.h"

#define ROWS_MAX 60
#define ROW_PIXELS 24
/* More orders of magnitude than this do not fit an axis; intervals are cut there and the table has the number. */
#define LOG_REACH 14.0

static const char *const columns[] = {
	"variant", "params", "ratio", "lo", "hi", "aa_lo", "aa_hi", "verdict", "blocks", NULL};

static double clamp_log(double value)
{
	return fmax(-LOG_REACH, fmin(LOG_REACH, value));
}

static int add_row(struct hb_chart_builder *builder, struct hb_chart_spec *chart,
	const struct hb_comparison *c, const struct hb_effect *effect, struct hb_chart_range *range)
{
	const struct hb_plan_experiment *e = builder->experiment;
	bool interval = effect->ratio.confidence > 0, aa = effect->aa.confidence > 0;
	double ratio = exp(effect->ratio.estimate);
	double bounds[4] = {interval ? exp(clamp_log(effect->ratio.lo)) : NAN,
		interval ? exp(clamp_log(effect->ratio.hi)) : NAN,
		aa ? exp(clamp_log(effect->aa.lo)) : NAN, aa ? exp(clamp_log(effect->aa.hi)) : NAN};
	struct hb_text label = {0};
	cJSON *value = hb_chart_value(chart);
	int r = 0;

	hb_text_put(&label, e->variants[c->variant].name);
	if (e->point_count > 1) {
		struct hb_text params = {0};

		hb_label_point(e, e->points[c->point].params, HB_LABEL_VARYING | HB_LABEL_SHORT,
			NULL, NULL, &params);
		hb_text_format(&label, " · %s", params.bytes ? params.bytes : "");
		hb_text_finish(&params);
	}
	if (!value || label.failed || !cJSON_AddStringToObject(value, "row", label.bytes) ||
		!cJSON_AddStringToObject(value, "variant", e->variants[c->variant].name) ||
		!cJSON_AddStringToObject(value, "params", e->points[c->point].params) ||
		!cJSON_AddStringToObject(value, "verdict", hb_verdict_names[c->verdict]) ||
		!cJSON_AddNumberToObject(value, "blocks", effect->blocks))
		r = -ENOMEM;
	hb_text_finish(&label);
	if (r)
		return r;
	r |= hb_chart_number(value, "ratio", ratio > 0 ? ratio : NAN);
	r |= hb_chart_number(value, "lo", bounds[0]);
	r |= hb_chart_number(value, "hi", bounds[1]);
	r |= hb_chart_number(value, "aa_lo", bounds[2]);
	r |= hb_chart_number(value, "aa_hi", bounds[3]);
	if (ratio > 0)
		hb_chart_range_add(range, ratio);
	for (int i = 0; i < 4; i++)
		hb_chart_range_add(range, bounds[i]);
	return r;
}

/* Is point @p one of those shown? */
static bool is_picked(const struct hb_plan_experiment *e, size_t most, uint32_t p)
{
	size_t count = hb_chart_pick_count(e->point_count, most);

	for (size_t i = 0; i < count; i++) {
		if (hb_chart_pick(e->point_count, most, i) == p)
			return true;
	}
	return false;
}

static size_t rows_per_point(const struct hb_chart_builder *builder, uint32_t metric)
{
	const struct hb_summary *summary = builder->summary;
	size_t most = 1, here = 0;
	uint32_t point = UINT32_MAX;

	for (size_t i = 0; i < summary->comparison_count; i++) {
		const struct hb_comparison *c = &summary->comparisons[i];

		if (c->experiment != builder->e || c->metric != metric ||
			c->against != builder->experiment->baseline)
			continue;
		here = c->point == point ? here + 1 : 1;
		point = c->point;
		most = here > most ? here : most;
	}
	return most;
}

/* The legend names only the verdicts that are there, always in the same colours. */
static int put_verdict_colors(struct hb_chart_spec *chart)
{
	static const struct {
		enum hb_verdict verdict;
		const char *color;
	} colors[] = {{HB_VERDICT_BETTER, "#1f9d74"}, {HB_VERDICT_WORSE, "#cf4858"},
		{HB_VERDICT_CHANGED, "#9b5de0"}, {HB_VERDICT_SAME, "#5b7fa6"},
		{HB_VERDICT_INCONCLUSIVE, "#b98a2f"}, {HB_VERDICT_INVALID, "#8b1e3f"},
		{HB_VERDICT_SMOKE, "#8a939e"}};
	cJSON *scale = cJSON_CreateObject(), *domain, *range;

	if (!scale)
		return -ENOMEM;
	domain = cJSON_AddArrayToObject(scale, "domain");
	range = cJSON_AddArrayToObject(scale, "range");
	for (size_t i = 0; range && domain && i < sizeof(colors) / sizeof(colors[0]); i++) {
		const char *name = hb_verdict_names[colors[i].verdict];
		bool present = false;
		const cJSON *value;

		cJSON_ArrayForEach(value, chart->values)
		{
			const cJSON *item = cJSON_GetObjectItemCaseSensitive(value, "verdict");

			present |= item && !strcmp(item->valuestring, name);
		}
		if (present &&
			(!cJSON_AddItemToArray(domain, cJSON_CreateString(name)) ||
				!cJSON_AddItemToArray(range, cJSON_CreateString(colors[i].color))))
			domain = NULL;
	}
	if (!domain || !range) {
		cJSON_Delete(scale);
		return -ENOMEM;
	}
	return hb_chart_put(chart->spec, "layer/3/encoding/color", "scale", scale);
}

int hb_chart_forest(struct hb_chart_builder *builder, uint32_t metric)
{
	const struct hb_plan_experiment *e = builder->experiment;
	const struct hb_plan_metric *m = &e->metrics[metric];
	struct hb_chart_range range = {1, 1, false};
	struct hb_chart_spec *chart =
		hb_chart_open(builder, "forest", hb_asset_forest_vl_json, m->name, columns);
	size_t per_point = rows_per_point(builder, metric);
	size_t most = ROWS_MAX / per_point ? ROWS_MAX / per_point : 1, rows = 0;
	int r = chart ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < builder->summary->comparison_count; i++) {
		const struct hb_comparison *c = &builder->summary->comparisons[i];
		struct hb_effect effect;

		if (c->experiment != builder->e || c->metric != metric ||
			c->against != e->baseline || !is_picked(e, most, c->point))
			continue;
		r = hb_summary_effect(builder->summary, c, &effect);
		if (r || !effect.blocks)
			continue;
		r = add_row(builder, chart, c, &effect, &range);
		rows++;
	}
	if (r)
		return r;
	if (!rows) {
		hb_chart_drop(builder);
		return 0;
	}
	chart->marks = rows * 3 + 1;
	if (hb_chart_put(chart->spec, "", "height", cJSON_CreateNumber((double)rows * ROW_PIXELS)))
		return -ENOMEM;
	r = put_verdict_colors(chart);
	if (!r)
		r = hb_chart_axis(chart->spec, "layer/0/encoding/x", &range, true, "ratio");
	if (!r)
		r = hb_chart_title(chart, "%s/%s: %s against %s", e->subproject, e->experiment,
			m->name, e->variants[e->baseline].name);
	if (!r)
		r = hb_chart_describe(chart,
			"Ratio of %s to %s per variant and point with its interval; the grey band "
			"is the "
			"A/A interval, what two runs of the baseline differ by. %s is better.%s",
			m->name, e->variants[e->baseline].name,
			!strcmp(m->better, "lower")    ? "Left"
			: !strcmp(m->better, "higher") ? "Right"
						       : "Neither side",
			e->point_count > most ? " A selection of the points is shown." : "");
	return r;
}
