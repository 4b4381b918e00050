/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metastable map: the class of every cell of the model's sweep, by several levels. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

#include <hotbed/error.h>

#include <metastable/map.h>
#include <metastable/text_file.h>

#include "command.h"

#define FILE_BYTES_MAX (1U << 20)
#define FINGERPRINT_BYTES 32

static const struct option_row options[] = {
	{"levels", "LIST", "of markov, fluid, simulation, comma-separated (all)"},
	{"runs", "N", "simulated runs per cell and question, at most (20)"},
	{"seed", "N", "of all random numbers (1)"},
	{"level", "P", "of the intervals of a cell (0.95)"},
	{"states", "N", "refuse chains that are larger (30000)"},
	{"threads", "N", "that work; the answer does not depend on it (all CPUs)"},
	{"journal", "FILE", "keep what is done; the same call goes on where it was interrupted"},
	{NULL, NULL, NULL},
};

#define REASONS_SHOWN 10U /* in text; JSON has all */

static const char letters[] = {[MS_STABLE] = '.',
	[MS_VULNERABLE] = 'v',
	[MS_COLLAPSED] = 'C',
	[MS_FLAPPING] = 'f',
	[MS_UNKNOWN] = '?'};

static volatile sig_atomic_t stop;

static void on_signal(int signal_number)
{
	(void)signal_number;
	stop = 1;
}

static void show_progress(uint32_t done, uint32_t count, void *user)
{
	(void)user;
	(void)fprintf(stderr, "\r%u of %u cells", done, count);
	if (done == count)
		(void)fputc('\n', stderr);
}

/* ---- what is asked ---- */

static int read_levels(const struct arguments *arguments, uint32_t *ret, struct hb_error *reterr)
{
	const char *text = option_value(arguments, "levels");
	char copy[128], *rest = copy;

	if (!text)
		return 0;
	(void)snprintf(copy, sizeof(copy), "%s", text);
	*ret = 0;
	for (const char *name; (name = strsep(&rest, ","));) {
		int found = -1;

		for (int l = 0; l < MS_LEVEL_EMULATION; l++) {
			if (strcmp(name, ms_level_name((enum ms_level)l)) == 0)
				found = l;
		}
		if (found < 0)
			return hb_error_set(reterr, -EINVAL,
				"--levels: '%.40s' is none of markov, fluid, simulation", name);
		*ret |= 1U << found;
	}
	return 0;
}

static int request_read(
	const struct arguments *arguments, struct ms_map_options *ret, struct hb_error *reterr)
{
	uint64_t runs = 20, states = 30000, threads = 0;
	int code = read_levels(arguments, &ret->levels, reterr);

	ret->verdict.seed = 1;
	ret->verdict.level = 0.95;
	if (!code)
		code = option_u64(arguments, "runs", 1, 100000, &runs, reterr);
	if (!code)
		code = option_u64(arguments, "seed", 0, UINT64_MAX, &ret->verdict.seed, reterr);
	if (!code)
		code = option_real(arguments, "level", 0.5, 0.9999, &ret->verdict.level, reterr);
	if (!code)
		code = option_u64(arguments, "states", 1, 100000000, &states, reterr);
	if (!code)
		code = option_u64(arguments, "threads", 1, 256, &threads, reterr);
	ret->verdict.runs = (uint32_t)runs;
	ret->verdict.states_max = (uint32_t)states;
	ret->threads = (unsigned int)threads;
	ret->journal_path = option_value(arguments, "journal");
	return code;
}

/* Everything that the cells follow from: the file's text, the overrides and the options. */
static int fingerprint(const struct arguments *arguments, const struct ms_map_options *asked,
	char *ret, struct hb_error *reterr)
{
	char *text = NULL, line[256];
	size_t length = 0;
	XXH3_state_t *state;
	int code =
		ms_text_file_read(arguments->operands[0], FILE_BYTES_MAX, &text, &length, reterr);

	if (code)
		return code;
	state = XXH3_createState();
	if (!state) {
		free(text);
		return hb_error_set(reterr, -ENOMEM, "no memory for a fingerprint");
	}
	(void)XXH3_64bits_reset(state);
	(void)XXH3_64bits_update(state, text, length);
	for (size_t i = 0; i < arguments->override_count; i++) {
		(void)snprintf(line, sizeof(line), "\n%s=%s", arguments->overrides[i].path,
			arguments->overrides[i].value);
		(void)XXH3_64bits_update(state, line, strlen(line));
	}
	(void)snprintf(line, sizeof(line), "\n%u %u %u %.17g %" PRIu64, asked->levels,
		asked->verdict.runs, asked->verdict.states_max, asked->verdict.level,
		asked->verdict.seed);
	(void)XXH3_64bits_update(state, line, strlen(line));
	(void)snprintf(
		ret, FINGERPRINT_BYTES, "%016llx", (unsigned long long)XXH3_64bits_digest(state));
	(void)XXH3_freeState(state);
	free(text);
	return 0;
}

/* ---- JSON ---- */

static cJSON *json_times(const double *times)
{
	cJSON *list = cJSON_CreateArray();

	for (int i = 0; i < 3; i++)
		(void)cJSON_AddItemToArray(list,
			isfinite(times[i]) ? cJSON_CreateNumber(times[i]) : cJSON_CreateNull());
	return list;
}

static cJSON *json_cell(const struct ms_map *map, const struct ms_map_cell *cell)
{
	cJSON *json = cJSON_CreateObject();
	cJSON *at = cJSON_AddObjectToObject(json, "at"), *levels;

	for (uint32_t a = 0; a < map->axis_count; a++)
		json_number(at, map->axes[a].path, ms_sweep_value(&map->axes[a], cell->at[a]));
	(void)cJSON_AddStringToObject(json, "class", ms_class_name(cell->kind));
	(void)cJSON_AddStringToObject(json, "rule", ms_class_name(cell->rule));
	levels = cJSON_AddObjectToObject(json, "levels");
	for (uint32_t i = 0; i < cell->verdict_count; i++) {
		const struct ms_verdict *v = &cell->verdicts[i];
		cJSON *item = cJSON_AddObjectToObject(levels, ms_level_name(v->level));

		(void)cJSON_AddStringToObject(item, "class", ms_class_name(v->kind));
		if (v->code) {
			(void)cJSON_AddStringToObject(item, "reason", v->reason);
			continue;
		}
		(void)cJSON_AddItemToObject(item, "tau_recover_s", json_times(v->recover_s));
		(void)cJSON_AddItemToObject(item, "tau_collapse_s", json_times(v->collapse_s));
		json_number(item, "runs", v->runs);
		json_number(item, "cost_s", v->cost_s);
	}
	return json;
}

static void json_agreement(
	cJSON *list, const char *first, const char *second, const struct ms_agreement *agreement)
{
	cJSON *item = cJSON_CreateObject(), *table;

	(void)cJSON_AddItemToArray(list, item);
	(void)cJSON_AddStringToObject(item, "first", first);
	(void)cJSON_AddStringToObject(item, "second", second);
	json_number(item, "cells", agreement->cells);
	json_number(item, "agree", agreement->agree);
	json_number(item, "near_cells", agreement->near_cells);
	json_number(item, "near_agree", agreement->near_agree);
	table = cJSON_AddObjectToObject(item, "table");
	for (int k = 0; k < MS_UNKNOWN; k++) {
		cJSON *row = cJSON_AddObjectToObject(table, ms_class_name((enum ms_class)k));

		for (int m = 0; m < MS_UNKNOWN; m++)
			json_number(row, ms_class_name((enum ms_class)m), agreement->table[k][m]);
	}
}

/* Each level against the simulation (or, without it, the last one asked), and the rule of thumb too. */
static enum ms_level reference_level(const struct ms_map *map)
{
	if (map->levels & (1U << MS_LEVEL_SIMULATION))
		return MS_LEVEL_SIMULATION;
	return map->levels & (1U << MS_LEVEL_FLUID) ? MS_LEVEL_FLUID : MS_LEVEL_MARKOV;
}

static void json_agreements(cJSON *json, const struct ms_map *map)
{
	cJSON *list = cJSON_AddArrayToObject(json, "agreement");
	enum ms_level second = reference_level(map);
	struct ms_agreement agreement;

	for (int l = 0; l < MS_LEVEL_COUNT; l++) {
		if (!(map->levels & (1U << l)) || l == (int)second)
			continue;
		ms_map_agreement(map, (enum ms_level)l, second, &agreement);
		json_agreement(
			list, ms_level_name((enum ms_level)l), ms_level_name(second), &agreement);
	}
	ms_map_agreement_rule(map, second, &agreement);
	json_agreement(list, "rule", ms_level_name(second), &agreement);
}

/* How far the knee of each level lies above that of the reference. */
static void json_displacements(
	cJSON *item, const struct ms_map *map, const struct ms_map_cell *cell)
{
	cJSON *displacements = cJSON_AddObjectToObject(item, "displacement");
	enum ms_level second = reference_level(map);

	for (int l = 0; l < MS_LEVEL_COUNT; l++) {
		struct ms_displacement d =
			ms_map_displacement(map, (enum ms_level)l, second, cell->at);
		double ends[3] = {d.lo, d.mid, d.hi};

		if (d.found && l != (int)second)
			(void)cJSON_AddItemToObject(displacements, ms_level_name((enum ms_level)l),
				cJSON_CreateDoubleArray(ends, 3));
	}
}

static void json_knees(cJSON *json, const struct ms_map *map)
{
	cJSON *list = cJSON_AddArrayToObject(json, "knees");

	for (uint32_t i = 0; i < map->count; i += map->axes[0].count) {
		const struct ms_map_cell *cell = &map->cells[i];
		cJSON *item = cJSON_CreateObject();

		(void)cJSON_AddItemToArray(list, item);
		for (uint32_t a = 1; a < map->axis_count; a++)
			json_number(item, map->axes[a].path,
				ms_sweep_value(&map->axes[a], cell->at[a]));
		for (int l = 0; l < MS_LEVEL_COUNT; l++) {
			struct ms_knee knee = ms_map_knee(map, (enum ms_level)l, cell->at);
			double ends[2] = {knee.lo, knee.hi};

			if (knee.found)
				(void)cJSON_AddItemToObject(item, ms_level_name((enum ms_level)l),
					cJSON_CreateDoubleArray(ends, 2));
		}
		json_displacements(item, map, cell);
	}
}

/* Every cell to which a level and the reference give different classes, and why. */
static void json_disagreements(cJSON *json, const struct ms_map *map, const struct ms_model *model)
{
	cJSON *list = cJSON_AddArrayToObject(json, "disagreements");
	enum ms_level second = reference_level(map);
	struct ms_disagreement d;

	for (uint32_t i = 0; i < map->count; i++) {
		for (int l = 0; l < MS_LEVEL_COUNT; l++) {
			cJSON *item, *at;

			if (!ms_map_disagreement(
				    map, model, &map->cells[i], (enum ms_level)l, second, &d))
				continue;
			item = cJSON_CreateObject();
			(void)cJSON_AddItemToArray(list, item);
			at = cJSON_AddObjectToObject(item, "at");
			for (uint32_t a = 0; a < map->axis_count; a++)
				json_number(at, map->axes[a].path,
					ms_sweep_value(&map->axes[a], map->cells[i].at[a]));
			(void)cJSON_AddStringToObject(
				item, "first", ms_level_name((enum ms_level)l));
			(void)cJSON_AddStringToObject(item, "second", ms_level_name(second));
			(void)cJSON_AddStringToObject(item, "mode", d.bad_mode ? "bad" : "good");
			(void)cJSON_AddStringToObject(item, "cause", ms_cause_name(d.cause));
			(void)cJSON_AddStringToObject(item, "reason", d.reason);
		}
	}
}

static int print_json(const struct arguments *arguments, const struct ms_map *map,
	const struct ms_model *model, struct hb_error *reterr)
{
	cJSON *json = cJSON_CreateObject(), *axes, *cells;
	uint32_t counts[MS_UNKNOWN + 1] = {0};

	(void)cJSON_AddStringToObject(json, "schema", "metastable.map/1");
	(void)cJSON_AddStringToObject(json, "file", arguments->operands[0]);
	axes = cJSON_AddArrayToObject(json, "axes");
	for (uint32_t a = 0; a < map->axis_count; a++) {
		cJSON *axis = cJSON_CreateObject();
		cJSON *values;

		(void)cJSON_AddItemToArray(axes, axis);
		(void)cJSON_AddStringToObject(axis, "name", map->axes[a].path);
		values = cJSON_AddArrayToObject(axis, "values");
		for (uint32_t i = 0; i < map->axes[a].count; i++)
			(void)cJSON_AddItemToArray(
				values, cJSON_CreateNumber(ms_sweep_value(&map->axes[a], i)));
	}
	cells = cJSON_AddArrayToObject(json, "cells");
	for (uint32_t i = 0; i < map->count; i++) {
		(void)cJSON_AddItemToArray(cells, json_cell(map, &map->cells[i]));
		counts[map->cells[i].kind]++;
	}
	axes = cJSON_AddObjectToObject(json, "classes");
	for (int k = 0; k <= MS_UNKNOWN; k++)
		json_number(axes, ms_class_name((enum ms_class)k), counts[k]);
	json_agreements(json, map);
	json_knees(json, map);
	json_disagreements(json, map, model);
	return json_print(json, reterr);
}

/* ---- text ---- */

static char letter_of(const struct ms_map_cell *cell, int level)
{
	const struct ms_verdict *verdict;

	if (level < 0)
		return letters[cell->kind];
	verdict = ms_map_verdict(cell, (enum ms_level)level);
	return verdict && verdict->code ? '-' : letters[verdict ? verdict->kind : MS_UNKNOWN];
}

/* One picture: the first axis to the right, the second upwards. */
static void print_picture(const struct ms_map *map, uint32_t first, int level)
{
	uint32_t width = map->axes[0].count;
	uint32_t height = map->axis_count > 1 ? map->axes[1].count : 1;

	(void)printf("%s\n", level < 0 ? "agreed" : ms_level_name((enum ms_level)level));
	for (uint32_t y = height; y-- > 0;) {
		if (map->axis_count > 1)
			(void)printf("%10.4g ", ms_sweep_value(&map->axes[1], y));
		for (uint32_t x = 0; x < width; x++)
			(void)putchar(letter_of(&map->cells[first + y * width + x], level));
		(void)putchar('\n');
	}
}

static void print_pictures(const struct ms_map *map)
{
	uint32_t plane = map->axes[0].count * (map->axis_count > 1 ? map->axes[1].count : 1);

	(void)printf(". stable  v vulnerable  C collapsed  f flapping  ? unknown  - refused\n");
	(void)printf("to the right: %s from %g to %g\n", map->axes[0].path,
		ms_sweep_value(&map->axes[0], 0),
		ms_sweep_value(&map->axes[0], map->axes[0].count - 1));
	if (map->axis_count > 1)
		(void)printf("upwards: %s\n", map->axes[1].path);
	for (uint32_t first = 0; first < map->count; first += plane) {
		for (uint32_t a = 2; a < map->axis_count; a++)
			(void)printf("%s = %g\n", map->axes[a].path,
				ms_sweep_value(&map->axes[a], map->cells[first].at[a]));
		for (int l = -1; l < MS_LEVEL_COUNT; l++) {
			if (l < 0 || map->levels & (1U << l))
				print_picture(map, first, l);
		}
	}
}

static void print_agreement(const char *first, enum ms_level second, const struct ms_agreement *a)
{
	(void)printf(
		"%s agrees with %s in %u of %u cells (%.1f %%), near its boundaries in %u of %u "
		"(%.1f %%)\n",
		first, ms_level_name(second), a->agree, a->cells,
		a->cells ? 100.0 * a->agree / a->cells : NAN, a->near_agree, a->near_cells,
		a->near_cells ? 100.0 * a->near_agree / a->near_cells : NAN);
}

/* Along each row of the map: where the knee of @first lies against that of @second. */
static void print_displacements(const struct ms_map *map, enum ms_level first, enum ms_level second)
{
	for (uint32_t i = 0; i < map->count; i += map->axes[0].count) {
		const struct ms_map_cell *cell = &map->cells[i];
		struct ms_displacement d = ms_map_displacement(map, first, second, cell->at);

		if (!d.found)
			continue;
		(void)printf("knee of %s above that of %s, in %s", ms_level_name(first),
			ms_level_name(second), map->axes[0].path);
		for (uint32_t a = 1; a < map->axis_count; a++)
			(void)printf("%s %s = %g", a > 1 ? "," : " at", map->axes[a].path,
				ms_sweep_value(&map->axes[a], cell->at[a]));
		(void)printf(": %+g (%+g to %+g)\n", d.mid, d.lo, d.hi);
	}
}

static void print_reasons(const struct ms_map *map, const struct ms_model *model,
	enum ms_level first, enum ms_level second)
{
	struct ms_disagreement d;
	uint32_t count = 0;

	for (uint32_t i = 0; i < map->count; i++) {
		const struct ms_map_cell *cell = &map->cells[i];

		if (!ms_map_disagreement(map, model, cell, first, second, &d) ||
			++count > REASONS_SHOWN)
			continue;
		for (uint32_t a = 0; a < map->axis_count; a++)
			(void)printf("%s%s = %g", a ? ", " : "", map->axes[a].path,
				ms_sweep_value(&map->axes[a], cell->at[a]));
		(void)printf(": %s\n", d.reason);
	}
	if (count > REASONS_SHOWN)
		(void)printf("... and %u more cells; --json has them all\n", count - REASONS_SHOWN);
}

static void print_text(const struct ms_map *map, const struct ms_model *model)
{
	enum ms_level second = reference_level(map);
	struct ms_agreement agreement;
	double cost_s = 0;

	print_pictures(map);
	for (int l = 0; l < MS_LEVEL_COUNT; l++) {
		if (!(map->levels & (1U << l)) || l == (int)second)
			continue;
		ms_map_agreement(map, (enum ms_level)l, second, &agreement);
		print_agreement(ms_level_name((enum ms_level)l), second, &agreement);
		print_displacements(map, (enum ms_level)l, second);
		print_reasons(map, model, (enum ms_level)l, second);
	}
	ms_map_agreement_rule(map, second, &agreement);
	print_agreement("the rule of thumb", second, &agreement);
	for (uint32_t i = 0; i < map->count; i++) {
		for (uint32_t v = 0; v < map->cells[i].verdict_count; v++)
			cost_s += map->cells[i].verdicts[v].cost_s;
	}
	(void)printf("%u cells, %.1f s of processor time\n", map->count, cost_s);
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct ms_map_options asked = {.stop = &stop};
	char mark[FINGERPRINT_BYTES];
	struct ms_model model;
	struct ms_map map = {0};
	int code = model_of(arguments, &model, reterr);

	if (!code)
		code = request_read(arguments, &asked, reterr);
	if (!code)
		code = fingerprint(arguments, &asked, mark, reterr);
	if (code)
		return code;
	asked.fingerprint = mark;
	if (isatty(STDERR_FILENO))
		asked.progress = show_progress;
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	code = ms_map_run(&model, &asked, &map, reterr);
	if (!code && arguments->json)
		code = print_json(arguments, &map, &model, reterr);
	else if (!code)
		print_text(&map, &model);
	ms_map_finish(&map);
	return code;
}

const struct command command_map = {
	.name = "map",
	.operands = "FILE.ms",
	.operands_min = 1,
	.operands_max = 1,
	.help = "class of every cell of the model's sweep, and how far the levels agree",
	.options = options,
	.run = run,
};
