/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kinds of chart share: opening a template, axes for units and logarithms, and the choice
 * of points when a sweep has more than fit. Internal to chart*.c. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_CHART_PARTS_H
#define HOTBED_RUNNER_CHART_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chart.h"
#include "label.h"

/* The charts of one experiment are made one after another into one list. */
struct hb_chart_builder {
	const struct hb_summary *summary;
	struct hb_charts *charts;
	uint32_t e; /* experiment at hand */
	const struct hb_plan_experiment *experiment;
	struct hb_series series; /* scratch */
};

/*
 * hb_chart_open - a new chart at the end of the list, from a template, with theme, title and an empty data array.
 * @kind: "forest", the last part of the id. @metric: the middle part; NULL leaves it out.
 * Returns the chart (valid until the next one is opened), or NULL without memory.
 */
struct hb_chart_spec *hb_chart_open(struct hb_chart_builder *builder, const char *kind,
	const char *template, const char *metric, const char *const *columns);

/* hb_chart_drop - take the last chart back: it has nothing to show. */
void hb_chart_drop(struct hb_chart_builder *builder);

/* hb_chart_describe - set title and description; both are printf-formatted and go into the specification too. */
int hb_chart_title(struct hb_chart_spec *chart, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int hb_chart_describe(struct hb_chart_spec *chart, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* hb_chart_value - a new, empty object in the data array, or NULL. */
cJSON *hb_chart_value(struct hb_chart_spec *chart);

/* hb_chart_number - a JSON number of at most 6 significant digits; null unless finite. 0 or -ENOMEM. */
int hb_chart_number(cJSON *object, const char *key, double value);

/* hb_chart_at - the member at a path like "spec/layer/0/encoding/x"; it must be there (the templates are ours). */
cJSON *hb_chart_at(cJSON *root, const char *path);

/* hb_chart_put - put @item at member @key of the object at @path, in place of what was there. Owns @item. */
int hb_chart_put(cJSON *root, const char *path, const char *key, cJSON *item);

/* The range of what an axis shows; starts as {INFINITY, -INFINITY}. Only finite values (positive, for logs) count. */
struct hb_chart_range {
	double lo, hi;
	bool has_nonpositive;
};
void hb_chart_range_add(struct hb_chart_range *range, double value);

/*
 * hb_chart_axis - write scale and axis of the channel at @path: type, domain padded a little, ticks, labels with unit.
 * @log: wanted; taken back when the range has values that are not positive.
 * @unit: "ns", "B", "1/s", "1" ..., or "ratio" for "x1.5" labels.
 */
int hb_chart_axis(cJSON *root, const char *path, const struct hb_chart_range *range, bool log,
	const char *unit);

/* hb_chart_colors - fix the order of the variants in the colour scale at @path: baseline, ideas, then the rest. */
int hb_chart_colors(const struct hb_chart_builder *builder, cJSON *root, const char *path);

/* hb_chart_param - value of parameter @key in @params, as a text of its length; NULL if it is not there. */
const char *hb_chart_param(const char *params, const char *key, size_t *ret_length);

/* hb_chart_panels - one panel: as wide as the page; more: two columns, in the order of the data. */
int hb_chart_panels(struct hb_chart_spec *chart, size_t panels);

/*
 * hb_chart_pick - the @i-th of at most @most indices out of @count, evenly spread, first and last included.
 * Returns how many there are when @i is beyond them.
 */
size_t hb_chart_pick_count(size_t count, size_t most);
size_t hb_chart_pick(size_t count, size_t most, size_t i);

/* hb_chart_has_data - did any block of the point run? */
bool hb_chart_has_data(const struct hb_chart_builder *builder, uint32_t point);

/* The kinds. Each adds no chart when there is nothing to show. 0 or -errno. */
int hb_chart_forest(struct hb_chart_builder *builder, uint32_t metric);
int hb_chart_sweep(struct hb_chart_builder *builder, uint32_t metric);
int hb_chart_strip(struct hb_chart_builder *builder, uint32_t metric);

/*
 * hb_chart_percentiles - percentile curves of every experiment that has histograms, in one pass over the file.
 * @path: hist.hlog; absent is no error. Uses builder->summary and ->charts only.
 */
int hb_chart_percentiles(
	struct hb_chart_builder *builder, const char *path, struct hb_error *reterr);

/*
 * hb_chart_figures - what trials drew themselves: of each name, point and variant the figure of the first block that
 * counts, at most HB_FIGURES_SHOWN_MAX per experiment. @folder: the run's logs/; absent is no error.
 * Returns 0, -ENOMEM or -EIO. Uses builder->summary and ->charts only.
 */
#define HB_FIGURES_SHOWN_MAX 8
int hb_chart_figures(struct hb_chart_builder *builder, const char *folder, struct hb_error *reterr);

#endif
