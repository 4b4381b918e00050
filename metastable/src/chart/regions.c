/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The region map: classes as areas, and where each level's map changes from one class to another as lines. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>

#include <metastable/chart.h>
#include <metastable/map.h>

#include "specification.h"

static const char body[] =
	"{\"width\":640,\"height\":420,"
	"\"encoding\":{"
	"\"x\":{\"field\":\"x\",\"type\":\"quantitative\",\"scale\":{\"zero\":false,\"nice\":false}"
	"},"
	"\"y\":{\"field\":\"y\",\"type\":\"quantitative\",\"scale\":{\"zero\":false,\"nice\":false}"
	"},"
	"\"x2\":{\"field\":\"x_end\"},\"y2\":{\"field\":\"y_end\"}},"
	"\"resolve\":{\"scale\":{\"color\":\"independent\",\"strokeDash\":\"independent\"}},"
	"\"layer\":[{\"transform\":[{\"filter\":\"datum.what == 'cell'\"}],"
	"\"mark\":{\"type\":\"rect\",\"opacity\":0.75},"
	"\"encoding\":{\"color\":{\"field\":\"class\",\"type\":\"nominal\","
	"\"title\":\"levels agree on\",\"legend\":{\"symbolType\":\"square\"},"
	"\"scale\":{\"domain\":[\"stable\",\"vulnerable\",\"collapsed\",\"flapping\",\"unknown\"],"
	"\"range\":[\"#8fbfe8\",\"#e6a23c\",\"#7b2d5b\",\"#2a9d74\",\"#b4bac1\"]}}}},"
	"{\"transform\":[{\"filter\":\"datum.what != 'cell'\"}],"
	"\"mark\":\"rule\","
	"\"encoding\":{\"color\":{\"field\":\"what\",\"type\":\"nominal\",\"title\":\"boundary "
	"by\","
	"\"legend\":{\"symbolType\":\"stroke\",\"symbolSize\":400},"
	"\"scale\":{\"domain\":[\"simulation\",\"markov\",\"fluid\",\"rule\"],"
	"\"range\":[\"#2f4b8f\",\"#d1495b\",\"#0f8ea3\",\"#6c757d\"]}},"
	"\"strokeDash\":{\"field\":\"what\",\"type\":\"nominal\",\"title\":\"boundary by\","
	"\"scale\":{\"domain\":[\"simulation\",\"markov\",\"fluid\",\"rule\"],"
	"\"range\":[[1,0],[7,3],[2,2],[10,3,2,3]]}},"
	"\"strokeWidth\":{\"condition\":{\"test\":\"datum.what == 'simulation'\",\"value\":5},"
	"\"value\":2.5}}}]}";

/* The edge before position @index of an axis, in its unit: halfway between two values. */
static double edge(const struct ms_sweep_axis *axis, uint32_t index)
{
	double here;

	if (axis->count == 1)
		return ms_sweep_value(axis, 0) + (index == 0 ? -0.5 : 0.5);
	if (index == 0)
		return 1.5 * ms_sweep_value(axis, 0) - 0.5 * ms_sweep_value(axis, 1);
	here = ms_sweep_value(axis, index - 1);
	if (index == axis->count)
		return 1.5 * here - 0.5 * ms_sweep_value(axis, index - 2);
	return 0.5 * (here + ms_sweep_value(axis, index));
}

static void add_box(struct specification *chart, const struct ms_map *map, const char *what,
	const char *class, const uint32_t *from, const uint32_t *to)
{
	cJSON *row = specification_row(chart, what);

	if (class)
		(void)cJSON_AddStringToObject(row, "class", class);
	row_number(row, "x", edge(&map->axes[0], from[0]));
	row_number(row, "x_end", edge(&map->axes[0], to[0]));
	row_number(row, "y", edge(&map->axes[1], from[1]));
	row_number(row, "y_end", edge(&map->axes[1], to[1]));
}

/* @level MS_LEVEL_COUNT: the rule of thumb. */
static enum ms_class class_of(const struct ms_map_cell *cell, int level)
{
	const struct ms_verdict *verdict;

	if (level == MS_LEVEL_COUNT)
		return cell->rule;
	verdict = ms_map_verdict(cell, (enum ms_level)level);
	return verdict && !verdict->code ? verdict->kind : MS_UNKNOWN;
}

/* Between cells that both have a class, and not the same. */
static void add_boundaries(struct specification *chart, const struct ms_map *map, int level)
{
	const char *what = level == MS_LEVEL_COUNT ? "rule" : ms_level_name((enum ms_level)level);
	uint32_t width = map->axes[0].count, height = map->axes[1].count;

	for (uint32_t i = 0; i < width * height; i++) {
		uint32_t x = i % width, y = i / width;
		enum ms_class here = class_of(&map->cells[i], level), right, above;

		if (here == MS_UNKNOWN)
			continue;
		right = x + 1 < width ? class_of(&map->cells[i + 1], level) : MS_UNKNOWN;
		above = y + 1 < height ? class_of(&map->cells[i + width], level) : MS_UNKNOWN;
		if (right != MS_UNKNOWN && right != here)
			add_box(chart, map, what, NULL, (uint32_t[]){x + 1, y},
				(uint32_t[]){x + 1, y + 1});
		if (above != MS_UNKNOWN && above != here)
			add_box(chart, map, what, NULL, (uint32_t[]){x, y + 1},
				(uint32_t[]){x + 1, y + 1});
	}
}

/* "db.queue (jobs)": the units that the language has, by what a path names. */
static void add_title(cJSON *channel, const char *path)
{
	static const char *const units[][2] = {
		{".rate", "1/s"}, {".queue", "jobs"}, {".timeout", "s"}, {".backoff", "s"}};
	const char *name = strrchr(path, '.');
	char title[160];

	(void)snprintf(title, sizeof(title), "%s", path);
	for (size_t i = 0; name && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(name, units[i][0]) == 0)
			(void)snprintf(title, sizeof(title), "%s (%s)", path, units[i][1]);
	}
	(void)cJSON_AddStringToObject(channel, "title", title);
}

int ms_chart_regions(const struct ms_map *map, char **ret, struct hb_error *reterr)
{
	struct specification chart;
	cJSON *encoding;

	if (map->axis_count != 2)
		return hb_error_set(reterr, -EINVAL,
			"a region map has two axes, and this sweep has %u", map->axis_count);
	specification_open(&chart, "Which configurations stay down",
		"Areas: the class that all levels which have one agree upon; unknown where they do "
		"not, "
		"or an interval holds the horizon. Lines: where the map of each level, and the "
		"one-line "
		"rule, change from one class to another; where lines lie apart, the levels "
		"disagree.",
		body);
	encoding = cJSON_GetObjectItem(chart.json, "encoding");
	add_title(cJSON_GetObjectItem(encoding, "x"), map->axes[0].path);
	add_title(cJSON_GetObjectItem(encoding, "y"), map->axes[1].path);
	for (uint32_t i = 0; i < map->count; i++) {
		const uint32_t *at = map->cells[i].at;

		add_box(&chart, map, "cell", ms_class_name(map->cells[i].kind), at,
			(uint32_t[]){at[0] + 1, at[1] + 1});
	}
	for (int level = 0; level <= MS_LEVEL_COUNT; level++)
		add_boundaries(&chart, map, level);
	return specification_text(&chart, ret, reterr);
}
