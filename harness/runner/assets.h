/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of harness/report/ that the build puts into the program (embed.sh): chart templates and the page's style and
 * script. NUL-terminated.
 */
#ifndef HOTBED_RUNNER_ASSETS_H
#define HOTBED_RUNNER_ASSETS_H

extern const char hb_asset_theme_json[];
extern const char hb_asset_forest_vl_json[];
extern const char hb_asset_sweep_vl_json[];
extern const char hb_asset_strip_vl_json[];
extern const char hb_asset_percentile_vl_json[];
extern const char hb_asset_report_css[];
extern const char hb_asset_report_js[];
extern const char hb_asset_history_css[];
extern const char hb_asset_history_js[];

#endif
