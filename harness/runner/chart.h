/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Charts as Vega-Lite v5 specifications, emitted as JSON: a forest plot of the ratios with their A/A bands, sweep lines
 * with interval ribbons, the per-block strip in order of execution, and percentile curves from the histograms. The
 * look stands in templates (harness/report/charts/); here data, axes and words are put in. Every chart carries its
 * numbers, so that a table can be made of it, and at most HB_CHART_MARKS_MAX marks. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_CHART_H
#define HOTBED_RUNNER_CHART_H

#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "summary.h"

struct hb_error;

#define HB_CHART_MARKS_MAX 2000

struct hb_chart_spec {
	char *id; /* "spork-spawn-latency-call_p50-forest": [a-z0-9_-], unique in the run */
	char *title;
	char *description;          /* one or two sentences, plain text */
	cJSON *spec;                /* complete: data inline */
	const cJSON *values;        /* the array of data inside @spec */
	const char *const *columns; /* keys of a value, in the order of the table; NULL ends */
	char **own_columns;         /* what @columns is if it is not constant; else NULL */
	uint32_t experiment;
	size_t marks; /* upper bound on what is drawn */
};

struct hb_charts {
	struct hb_chart_spec *items;
	size_t count;
};

/*
 * hb_charts_build - all charts of a run.
 * @folder: the run's. Its hist.hlog gives percentile curves, logs/ the figures that trials drew; either may be absent.
 * @ret: hb_charts_finish() frees it.
 *
 * Returns 0, -ENOMEM, -EIO, or -EBADMSG (a histogram that is none). A figure that is none is left out. Blocks on files.
 */
int hb_charts_build(const struct hb_summary *summary, const char *folder, struct hb_charts *ret,
	struct hb_error *reterr);

/* hb_charts_finish - free everything; a zero-initialised struct is accepted. */
void hb_charts_finish(struct hb_charts *charts);

/* hb_charts_write - each as DIR/ID.vl.json; DIR is made, older specifications in it are removed. 0 or -errno. */
int hb_charts_write(const struct hb_charts *charts, const char *dir, struct hb_error *reterr);

#endif
