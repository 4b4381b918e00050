/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One experiment of the page: its question, its charts, and a verdict table per metric. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chart_parts.h"
#include "report_parts.h"

#define ROWS_MAX 200

struct rows {
	const struct hb_comparison *first; /* of the experiment */
	size_t count;
};

static struct rows find_rows(const struct hb_summary *summary, uint32_t e)
{
	struct rows rows = {NULL, 0};

	for (size_t i = 0; i < summary->comparison_count; i++) {
		if (summary->comparisons[i].experiment != e)
			continue;
		if (!rows.first)
			rows.first = &summary->comparisons[i];
		rows.count++;
	}
	return rows;
}

static void put_json_number(struct hb_text *text, const cJSON *item)
{
	/* hb_chart_number() leaves raw numbers, whose text is the number. */
	if (cJSON_IsRaw(item) && item->valuestring)
		hb_text_put_html(text, item->valuestring);
	else if (cJSON_IsNumber(item))
		hb_text_format(text, "%.6g", item->valuedouble);
	else if (cJSON_IsString(item))
		hb_page_clip(text, item->valuestring, 200);
	else if (cJSON_IsBool(item))
		hb_text_put(text, cJSON_IsTrue(item) ? "yes" : "no");
}

/* The chart's numbers; every chart has them, with or without script. */
static void put_numbers(struct hb_page *page, const struct hb_chart_spec *chart)
{
	struct hb_text *text = page->text;
	size_t start = text->length_bytes, rows = 0, total = 0;
	const cJSON *value;

	hb_text_put(text, "<details><summary>Numbers</summary><div class=\"scroll\">"
			  "<table class=\"numbers\"><thead><tr>");
	for (size_t i = 0; chart->columns[i]; i++) {
		hb_text_put(text, "<th scope=\"col\">");
		hb_page_clip(text, chart->columns[i], 80);
		hb_text_put(text, "</th>");
	}
	hb_text_put(text, "</tr></thead><tbody>\n");
	cJSON_ArrayForEach(value, chart->values)
	{
		total++;
		if (text->length_bytes - start > page->tables_bytes / 2)
			continue;
		rows++;
		hb_text_put(text, "<tr>");
		for (size_t i = 0; chart->columns[i]; i++) {
			hb_text_put(text, "<td>");
			put_json_number(
				text, cJSON_GetObjectItemCaseSensitive(value, chart->columns[i]));
			hb_text_put(text, "</td>");
		}
		hb_text_put(text, "</tr>\n");
	}
	hb_text_put(text, "</tbody></table></div>");
	if (rows < total)
		hb_text_format(text,
			"<p class=\"note\">%zu more rows stand in charts/%s.vl.json.</p>",
			total - rows, chart->id);
	hb_text_put(text, "</details>");
	start = text->length_bytes - start;
	page->tables_bytes -= start < page->tables_bytes ? start : page->tables_bytes;
}

static void put_spec(struct hb_page *page, const struct hb_chart_spec *chart)
{
	struct hb_text *text = page->text;
	char *json = page->has_runtime ? cJSON_PrintUnformatted(chart->spec) : NULL;
	size_t length = json ? strlen(json) : 0;

	if (!page->has_runtime)
		return;
	if (!json) {
		text->failed = -ENOMEM;
	} else if (length > page->charts_bytes) {
		hb_text_format(text,
			"<p class=\"note\">Too large for this page; the chart is in "
			"charts/%s.vl.json.</p>",
			chart->id);
	} else {
		page->charts_bytes -= length;
		hb_text_format(text,
			"<div class=\"chart\" data-spec=\"spec-%s\"></div>"
			"<script type=\"application/json\" id=\"spec-%s\">",
			chart->id, chart->id);
		hb_text_put_script_json(text, json);
		hb_text_put(text, "</script>");
	}
	cJSON_free(json);
}

static void put_charts(struct hb_page *page, uint32_t e)
{
	struct hb_text *text = page->text;
	size_t left_out = 0;

	for (size_t i = 0; i < page->charts->count; i++) {
		const struct hb_chart_spec *chart = &page->charts->items[i];

		if (chart->experiment != e)
			continue;
		if (hb_page_is_full(page)) {
			left_out++;
			continue;
		}
		hb_text_format(text, "<figure id=\"chart-%s\"><figcaption><h4>", chart->id);
		hb_page_clip(text, chart->title, 300);
		hb_text_put(text, "</h4><p>");
		hb_page_clip(text, chart->description, 800);
		hb_text_put(text, "</p></figcaption>");
		put_spec(page, chart);
		put_numbers(page, chart);
		hb_text_put(text, "</figure>\n");
	}
	if (left_out)
		hb_text_format(text, "<p class=\"note\">%zu more charts stand in charts/.</p>\n",
			left_out);
}

/* All rows of a table share one axis, so that they can be compared by eye. */
static void find_axis(struct hb_page *page, const struct rows *rows, uint32_t metric,
	double *ret_lo, double *ret_hi)
{
	double lo = 0, hi = 0, air;

	for (size_t i = 0; i < rows->count; i++) {
		struct hb_effect effect;

		if (rows->first[i].metric != metric)
			continue;
		if (hb_summary_effect(&page->analysis->summary, &rows->first[i], &effect)) {
			page->text->failed = -ENOMEM;
			break;
		}
		const double values[5] = {effect.ratio.estimate, effect.ratio.lo, effect.ratio.hi,
			effect.aa.lo, effect.aa.hi};

		for (int k = 0; k < 5; k++) {
			if (!isfinite(values[k]))
				continue;
			lo = fmin(lo, values[k]);
			hi = fmax(hi, values[k]);
		}
	}
	air = (hi - lo) * 0.08 + 0.005;
	*ret_lo = lo - air;
	*ret_hi = hi + air;
}

static void put_row(
	struct hb_page *page, const struct hb_comparison *c, double axis_lo, double axis_hi)
{
	const struct hb_plan_experiment *e = &page->analysis->plan.experiments[c->experiment];
	const struct hb_plan_metric *metric = &e->metrics[c->metric];
	struct hb_effect effect;

	if (hb_summary_effect(&page->analysis->summary, c, &effect)) {
		page->text->failed = -ENOMEM;
		return;
	}
	struct hb_glyph glyph = {.axis_lo = axis_lo,
		.axis_hi = axis_hi,
		.band_lo = effect.aa.confidence > 0 ? effect.aa.lo : NAN,
		.band_hi = effect.aa.confidence > 0 ? effect.aa.hi : NAN,
		.interval = effect.ratio,
		.class = hb_page_verdict_class(c->verdict)};
	struct hb_text *text = page->text, label = {0};

	hb_text_put(text, "<tr><td class=\"name\">");
	hb_page_clip(text, e->variants[c->variant].name, 80);
	if (c->against != e->baseline) {
		hb_text_put(text, " <span class=\"dim\">against ");
		hb_page_clip(text, e->variants[c->against].name, 80);
		hb_text_put(text, "</span>");
	}
	hb_text_put(text, "</td><td class=\"point\">");
	hb_label_point(e, e->points[c->point].params, HB_LABEL_VARYING, NULL, NULL, &label);
	hb_page_clip(text, label.bytes, 200);
	hb_text_finish(&label);
	hb_text_put(text, "</td><td class=\"num\" data-label=\"baseline\">");
	hb_label_quantity(text, effect.median_baseline, metric->unit);
	hb_text_put(text, "</td><td class=\"num\" data-label=\"variant\">");
	hb_label_quantity(text, effect.median_variant, metric->unit);
	hb_text_put(text, "</td><td class=\"num\" data-label=\"ratio\">");
	hb_page_ratio(text, effect.ratio.estimate);
	hb_text_put(text, " ");
	hb_page_interval(text, &effect.ratio);
	hb_text_put(text, "</td><td>");
	hb_page_glyph(text, &glyph);
	hb_text_put(text, "</td><td>");
	hb_page_badge(text, hb_page_verdict_class(c->verdict), hb_verdict_names[c->verdict]);
	if (*c->reason) {
		hb_text_put(text, "<span class=\"reason\">");
		hb_text_put_html(text, c->reason);
		hb_text_put(text, "</span>");
	}
	hb_text_format(
		text, "</td><td class=\"num\" data-label=\"blocks\">%u</td></tr>\n", effect.blocks);
}

static void put_metric_head(struct hb_page *page, const struct hb_plan_metric *metric)
{
	struct hb_text *text = page->text;

	hb_text_put(text, "<h3><code>");
	hb_page_clip(text, metric->name, 80);
	hb_text_put(text, "</code> <span class=\"about\">");
	hb_page_clip(text, metric->basis, 20);
	hb_text_put(text, " · ");
	if (strcmp(metric->better, "none") != 0) {
		hb_page_clip(text, metric->better, 20);
		hb_text_put(text, " is better · ");
	}
	if (hb_verdict_min_effect(metric) > 0)
		hb_text_format(text, "changes below %.3g %% do not matter",
			hb_verdict_min_effect(metric) * 100);
	else
		hb_text_put(text, "exact: any change counts");
	hb_text_put(text, "</span></h3>\n");
}

/* A row that some claim names is shown before others when there are too many. */
static void put_metric(struct hb_page *page, const struct rows *rows, uint32_t m)
{
	const struct hb_summary *summary = &page->analysis->summary;
	struct hb_text *text = page->text;
	size_t start = text->length_bytes, shown = 0, total = 0;
	double lo, hi;

	for (size_t i = 0; i < rows->count; i++)
		total += rows->first[i].metric == m;
	if (!total)
		return;
	put_metric_head(
		page, &page->analysis->plan.experiments[rows->first->experiment].metrics[m]);
	find_axis(page, rows, m, &lo, &hi);
	hb_text_put(text, "<div class=\"scroll\"><table "
			  "class=\"cards\"><thead><tr><th>Variant</th><th>Point</th>"
			  "<th class=\"num\">Baseline</th><th class=\"num\">Variant</th><th "
			  "class=\"num\">Ratio, "
			  "95&#8239;% interval</th><th>grey: A/A band</th><th>Verdict</th>"
			  "<th class=\"num\">Blocks</th></tr></thead><tbody>\n");
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < rows->count; i++) {
			const struct hb_comparison *c = &rows->first[i];
			bool claimed;

			if (c->metric != m || shown == ROWS_MAX || hb_page_is_full(page) ||
				text->length_bytes - start > page->tables_bytes)
				continue;
			claimed = hb_summary_next_claim(summary, c, 0) >= 0;
			if (total > ROWS_MAX ? claimed != (pass == 0) : pass == 1)
				continue;
			put_row(page, c, lo, hi);
			shown++;
		}
	}
	hb_text_put(text, "</tbody></table></div>\n");
	if (shown < total)
		hb_text_format(text, "<p class=\"note\">%zu more rows stand in summary.csv.</p>\n",
			total - shown);
	start = text->length_bytes - start;
	page->tables_bytes -= start < page->tables_bytes ? start : page->tables_bytes;
}

/* What every point has in common, so that labels need not repeat it. */
static void put_common(struct hb_text *text, const struct hb_plan_experiment *experiment)
{
	struct hb_text fixed = {0};

	hb_label_fixed(experiment, &fixed);
	hb_text_format(text, "<p class=\"note\">%zu point%s, %u block%s at each",
		experiment->point_count, experiment->point_count == 1 ? "" : "s",
		experiment->blocks, experiment->blocks == 1 ? "" : "s");
	if (experiment->until_ci)
		hb_text_put(text, " at most");
	hb_text_put(text, "; baseline: ");
	hb_page_clip(text, experiment->variants[experiment->baseline].name, 80);
	if (fixed.length_bytes) {
		hb_text_put(text, "; at all points: ");
		hb_page_clip(text, fixed.bytes, 300);
	}
	hb_text_put(text, ".</p>\n");
	hb_text_finish(&fixed);
}

void hb_page_experiment(struct hb_page *page, uint32_t e)
{
	const struct hb_plan_experiment *experiment = &page->analysis->plan.experiments[e];
	struct rows rows = find_rows(&page->analysis->summary, e);
	struct hb_text *text = page->text;

	hb_text_format(text, "<section id=\"e%u\"><h2><span class=\"path\">", e);
	hb_page_clip(text, experiment->subproject, 80);
	hb_text_put(text, "/");
	hb_page_clip(text, experiment->experiment, 80);
	hb_text_put(text, "</span>");
	hb_page_clip(text,
		experiment->question && *experiment->question ? experiment->question
							      : experiment->experiment,
		400);
	hb_text_put(text, "</h2>\n");
	put_common(text, experiment);
	put_charts(page, e);
	for (uint32_t m = 0; rows.count && m < experiment->metric_count; m++) {
		if (hb_page_is_full(page)) {
			hb_text_format(text,
				"<p class=\"note\">The rows of %zu more metrics stand in "
				"summary.csv.</p>\n",
				experiment->metric_count - m);
			break;
		}
		put_metric(page, &rows, m);
	}
	if (!rows.count)
		hb_text_put(
			text, "<p>It has a baseline only, so there is nothing to compare.</p>\n");
	hb_text_put(text, "</section>\n");
}
