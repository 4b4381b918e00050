/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing everything that a run's folder gets from its analysis. */
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/error.h"
#include "hotbed/file.h"
#include "hotbed/json.h"
#include "command.h"

static int write_summary(const struct hb_analysis *analysis, struct hb_error *reterr)
{
	char *csv_path = hb_analysis_path(analysis, "summary.csv");
	char *json_path = hb_analysis_path(analysis, "summary.json");
	struct hb_file csv = {0}, json = {0};
	int r = csv_path && json_path ? 0 : hb_error_set(reterr, -ENOMEM, "out of memory");

	if (!r)
		r = hb_file_replace(csv_path, &csv, reterr);
	if (!r)
		r = hb_file_replace(json_path, &json, reterr);
	free(csv_path);
	free(json_path);
	if (r) {
		hb_file_discard(&csv);
		return r;
	}
	r = hb_summary_write(&analysis->summary, csv.stream, json.stream);
	if (!r)
		r = hb_file_commit(&csv, 0, reterr);
	if (!r)
		return hb_file_commit(&json, 0, reterr);
	if (csv.stream)
		(void)hb_file_commit(&csv, r, reterr);
	hb_file_discard(&json);
	return r;
}

static int write_page(const struct hb_analysis *analysis, const struct hb_charts *charts,
	const char *html_path, struct hb_error *reterr)
{
	char *own = html_path ? NULL : hb_analysis_path(analysis, "report.html");
	char *runtime = NULL;
	struct hb_text page = {0};
	int r = 0;

	if (asprintf(&runtime, "%s/harness/report", hb_build_root()) < 0)
		runtime = NULL;
	if (!runtime || (!own && !html_path))
		r = -ENOMEM;
	if (!r)
		r = hb_report_html(analysis, charts, runtime, &page);
	if (r)
		(void)hb_error_set(reterr, r,
			r == -E2BIG ? "the page does not fit into 3 MiB, however much is left out"
				    : "the report ran out of memory");
	else
		r = hb_json_write_bytes_file(
			own ? own : html_path, page.bytes, page.length_bytes, reterr);
	hb_text_finish(&page);
	free(runtime);
	free(own);
	return r;
}

int hb_report_write_analysis(
	const struct hb_analysis *analysis, const char *html_path, struct hb_error *reterr)
{
	char *dir = hb_analysis_path(analysis, "charts");
	struct hb_charts charts = {0};
	int r = dir ? 0 : hb_error_set(reterr, -ENOMEM, "out of memory");

	if (!r)
		r = write_summary(analysis, reterr);
	if (!r)
		r = hb_charts_build(&analysis->summary, analysis->dir, &charts, reterr);
	if (!r)
		r = hb_charts_write(&charts, dir, reterr);
	if (!r)
		r = write_page(analysis, &charts, html_path, reterr);
	hb_charts_finish(&charts);
	free(dir);
	return r;
}

int hb_report_write(const char *run_dir, struct hb_error *reterr)
{
	struct hb_analysis analysis;
	int r = hb_analysis_open(run_dir, &analysis, reterr);

	if (r)
		return r;
	r = hb_report_write_analysis(&analysis, NULL, reterr);
	hb_analysis_finish(&analysis);
	return r;
}
