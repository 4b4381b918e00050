/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Charts that a driver draws itself: a Vega-Lite specification that a trial sent, kept as logs/SEQ-NAME.vl.json and
 * shown in the report beside those that the report makes (docs/reference/formats.md, "Figures"). Any number of threads.
 */
#ifndef HOTBED_RUNNER_FIGURE_H
#define HOTBED_RUNNER_FIGURE_H

#include <stddef.h>

#include <cjson/cJSON.h>

struct hb_error;

#define HB_FIGURE_BYTES_MAX ((size_t)256 << 10)
#define HB_FIGURE_SUFFIX ".vl.json"

/*
 * hb_figure_check - can a report show this specification from outside? It has to be an object with `title`,
 * `description` and `data.values` (flat objects, at most HB_CHART_MARKS_MAX) that fetches nothing and leaves the look
 * to the report: none of `url`, `href`, `usermeta`, `config`, nor a mark `image`.
 *
 * Returns 0, -E2BIG or -EBADMSG; the message says what is wrong.
 */
int hb_figure_check(const cJSON *json, struct hb_error *reterr);

/*
 * hb_figure_check_text - the same for its text of @length_bytes, at most HB_FIGURE_BYTES_MAX.
 * Returns as above, and -ENOMEM.
 */
int hb_figure_check_text(const char *text, size_t length_bytes, struct hb_error *reterr);

#endif
