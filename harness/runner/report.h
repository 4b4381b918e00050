/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The report of a run: summary.csv, summary.json, charts/ID.vl.json and report.html, all made again from plan.json and
 * trials.csv each time. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_REPORT_H
#define HOTBED_RUNNER_REPORT_H

#include <stddef.h>

#include "analysis.h"
#include "chart.h"
#include "text.h"

struct hb_error;

/* No report is larger, whatever the run: tables and charts beyond it stand beside it. */
#define HB_REPORT_BYTES_MAX ((size_t)3 << 20)

/*
 * hb_report_write - write summary and report of the run in @run_dir into it.
 *
 * Returns 0, -ENOENT, -EBADMSG, -EIO, -ENOSPC, -EROFS or another -errno of a file, -ENOMEM. Blocks on the disk.
 */
int hb_report_write(const char *run_dir, struct hb_error *reterr);

/*
 * hb_report_write_analysis - the same for a run that is already read.
 * @html_path: where the page goes; NULL = DIR/report.html.
 */
int hb_report_write_analysis(
	const struct hb_analysis *analysis, const char *html_path, struct hb_error *reterr);

/*
 * hb_report_html - the page as one text of at most HB_REPORT_BYTES_MAX bytes. Nothing that came from outside can
 * become markup or script in it.
 * @runtime_dir: folder with vega.min.js, vega-lite.min.js and vega-embed.min.js; without them the page has tables only
 *   and says how to get charts.
 *
 * Returns 0, -ENOMEM, or -E2BIG (not even the heads fit).
 */
int hb_report_html(const struct hb_analysis *analysis, const struct hb_charts *charts,
	const char *runtime_dir, struct hb_text *ret);

#endif
