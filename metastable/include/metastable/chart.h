/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Charts as Vega-Lite v5 specifications with their data inside: what `metastable chart` prints, and what experiments
 * hand to the report (docs/reference/formats.md, "Figures"). Units are in the titles of the axes; no two things are
 * told apart by hue alone. Thread-safe.
 *
 * Source: Isaacs et al., HotOS 2025, Figures 3 (field) and 4 (series).
 */
#ifndef METASTABLE_CHART_H
#define METASTABLE_CHART_H

#include <stdint.h>

#include <metastable/fluid.h>

struct hb_error;
struct ms_map;
struct ms_model;
struct ms_study;

/*
 * ms_chart_field - arrows of the mean drift over queue and orbit, the lines on which either stands still, and the
 * separatrix, from which the chain enters the low and the high mode first with the same probability.
 * @orbit: largest that is drawn; 0: half as much again as the lines need. @ret: the text; free() it.
 *
 * Returns 0, -EOPNOTSUPP (nobody retries after a timeout), or as ms_ctmc_chain_create() and ms_ctmc_committor().
 */
int ms_chart_field(
	const struct ms_model *model, uint32_t orbit, char **ret, struct hb_error *reterr);

/*
 * ms_chart_series - requests, attempts and goodput per second, and the 99th percentile of the latency, over time: the
 * median of the runs and the band that holds four fifths of them. The triggers of @model are shaded.
 * @study: with series. @ret: free() it. Returns 0, -EINVAL (no series) or -ENOMEM.
 */
int ms_chart_series(const struct ms_model *model, const struct ms_study *study, char **ret,
	struct hb_error *reterr);

/*
 * ms_chart_branches - fixed points of the fluid over @parameter: stable ones solid, unstable ones dashed.
 * @ret: free() it. Returns 0, -EOPNOTSUPP (a feature that the level refuses), -EDOM (no fixed point) or -ENOMEM.
 */
int ms_chart_branches(const struct ms_model *model, enum ms_fluid_parameter parameter, char **ret,
	struct hb_error *reterr);

/*
 * ms_chart_regions - the class of each cell that the levels agree upon, and the boundaries of each level's own map.
 * @map: with two axes. @ret: free() it. Returns 0, -EINVAL (another number of axes) or -ENOMEM.
 */
int ms_chart_regions(const struct ms_map *map, char **ret, struct hb_error *reterr);

#endif
