/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far levels agree over a map, and where their knees are. See metastable/map.h. */
#include <metastable/map.h>

static enum ms_class class_of(const struct ms_map_cell *cell, enum ms_level level)
{
	const struct ms_verdict *verdict = ms_map_verdict(cell, level);

	return verdict && !verdict->code ? verdict->kind : MS_UNKNOWN;
}

static uint32_t index_of(const struct ms_map *map, const uint32_t *at)
{
	uint32_t index = 0;

	for (uint32_t a = map->axis_count; a-- > 0;)
		index = index * map->axes[a].count + at[a];
	return index;
}

/* Is a cell of another class within MS_MAP_NEAR steps along every axis at once? */
static bool is_near(const struct ms_map *map, const struct ms_map_cell *cell, enum ms_level level)
{
	enum ms_class own = class_of(cell, level);
	uint32_t from[MS_SWEEP_AXES_MAX], to[MS_SWEEP_AXES_MAX], at[MS_SWEEP_AXES_MAX];
	uint32_t a;

	for (a = 0; a < map->axis_count; a++) {
		from[a] = cell->at[a] > MS_MAP_NEAR ? cell->at[a] - MS_MAP_NEAR : 0;
		to[a] = cell->at[a] + MS_MAP_NEAR < map->axes[a].count ? cell->at[a] + MS_MAP_NEAR
								       : map->axes[a].count - 1;
		at[a] = from[a];
	}
	for (;;) {
		enum ms_class other = class_of(&map->cells[index_of(map, at)], level);

		if (other != MS_UNKNOWN && other != own)
			return true;
		for (a = 0; a < map->axis_count && at[a] == to[a]; a++)
			at[a] = from[a];
		if (a == map->axis_count)
			return false;
		at[a]++;
	}
}

static void count_cell(const struct ms_map *map, const struct ms_map_cell *cell,
	enum ms_class first, enum ms_level second, struct ms_agreement *agreement)
{
	enum ms_class other = class_of(cell, second);
	bool near;

	if (first == MS_UNKNOWN || other == MS_UNKNOWN)
		return;
	near = is_near(map, cell, second);
	agreement->cells++;
	agreement->agree += first == other;
	agreement->near_cells += near;
	agreement->near_agree += near && first == other;
	agreement->table[first][other]++;
}

void ms_map_agreement(const struct ms_map *map, enum ms_level first, enum ms_level second,
	struct ms_agreement *ret)
{
	*ret = (struct ms_agreement){0};
	for (uint32_t i = 0; i < map->count; i++)
		count_cell(map, &map->cells[i], class_of(&map->cells[i], first), second, ret);
}

void ms_map_agreement_rule(const struct ms_map *map, enum ms_level second, struct ms_agreement *ret)
{
	*ret = (struct ms_agreement){0};
	for (uint32_t i = 0; i < map->count; i++)
		count_cell(map, &map->cells[i], map->cells[i].rule, second, ret);
}

struct ms_knee ms_map_knee(const struct ms_map *map, enum ms_level level, const uint32_t *at)
{
	struct ms_knee knee = {.from = MS_UNKNOWN, .to = MS_UNKNOWN};
	uint32_t here[MS_SWEEP_AXES_MAX];

	for (uint32_t a = 0; a < map->axis_count; a++)
		here[a] = at[a];
	for (here[0] = 0; here[0] < map->axes[0].count; here[0]++) {
		enum ms_class kind = class_of(&map->cells[index_of(map, here)], level);

		if (kind == MS_UNKNOWN)
			continue;
		if (knee.from == MS_UNKNOWN || kind == knee.from) {
			knee.from = kind;
			knee.lo = ms_sweep_value(&map->axes[0], here[0]);
		} else {
			knee.found = true;
			knee.to = kind;
			knee.hi = ms_sweep_value(&map->axes[0], here[0]);
			break;
		}
	}
	return knee;
}
