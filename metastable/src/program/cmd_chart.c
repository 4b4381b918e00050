/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metastable chart: the figures of the paper for any model, as Vega-Lite specifications with their data inside. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <hotbed/error.h>

#include <metastable/ctmc.h>
#include <metastable/simulation.h>

#include "command.h"

/* Arrows along each axis. */
#define ARROWS 30
#define RUNS_DEFAULT 40

static const struct option_row options[] = {
	{"kind", "NAME",
		"field: drift over queue and orbit (Figure 3); series: runs over time (4)"},
	{"orbit", "N", "largest orbit of the field (half as much again as its lines need)"},
	{"runs", "N", "of the series (40)"},
	{"seed", "N", "of all random numbers (1)"},
	{NULL, NULL, NULL},
};

static const char *const kinds[] = {"field", "series", NULL};

/* What stands in the layers: the marks and scales; titles of the axes are the same in all. */
static const char field_layers[] =
	"[{\"transform\":[{\"filter\":\"datum.what == 'arrow'\"}],"
	"\"mark\":{\"type\":\"point\",\"shape\":\"wedge\",\"filled\":true,\"size\":60},"
	"\"encoding\":{\"angle\":{\"field\":\"angle\",\"type\":\"quantitative\","
	"\"scale\":{\"domain\":[0,360],\"range\":[0,360]}},"
	"\"color\":{\"field\":\"speed\",\"type\":\"quantitative\",\"title\":\"drift (1/s)\","
	"\"scale\":{\"scheme\":\"viridis\",\"type\":\"sqrt\"}}}},"
	"{\"transform\":[{\"filter\":\"datum.what != 'arrow'\"}],"
	"\"mark\":{\"type\":\"line\",\"strokeWidth\":2},"
	"\"encoding\":{\"order\":{\"field\":\"place\"},"
	"\"stroke\":{\"field\":\"what\",\"type\":\"nominal\",\"title\":null,"
	"\"scale\":{\"domain\":[\"queue stands still\",\"orbit stands still\",\"separatrix\"],"
	"\"range\":[\"#d62728\",\"#1f77b4\",\"#000000\"]}}}}]";
static const char field_axes[] =
	"{\"x\":{\"field\":\"queue\",\"type\":\"quantitative\",\"title\":\"jobs in the server\"},"
	"\"y\":{\"field\":\"orbit\",\"type\":\"quantitative\",\"title\":\"requests that will "
	"retry\"}}";
static const char series_layers[] =
	"[{\"mark\":{\"type\":\"area\",\"opacity\":0.3},\"encoding\":{"
	"\"y\":{\"field\":\"lo\",\"type\":\"quantitative\"},\"y2\":{\"field\":\"hi\"}}},"
	"{\"mark\":\"line\",\"encoding\":{\"y\":{\"field\":\"mid\",\"type\":\"quantitative\"}}}]";
static const char series_axes[] =
	"{\"x\":{\"field\":\"time_s\",\"type\":\"quantitative\",\"title\":\"time (s)\"},"
	"\"color\":{\"field\":\"what\",\"type\":\"nominal\",\"title\":null}}";

static cJSON *specification(const char *title, const char *description, const char *layers,
	const char *axes, cJSON *values)
{
	cJSON *json = cJSON_CreateObject(), *data;

	(void)cJSON_AddStringToObject(
		json, "$schema", "https://vega.github.io/schema/vega-lite/v5.json");
	(void)cJSON_AddStringToObject(json, "title", title);
	(void)cJSON_AddStringToObject(json, "description", description);
	(void)cJSON_AddNumberToObject(json, "width", 640);
	(void)cJSON_AddNumberToObject(json, "height", 420);
	data = cJSON_AddObjectToObject(json, "data");
	(void)cJSON_AddItemToObject(data, "values", values);
	(void)cJSON_AddItemToObject(json, "encoding", cJSON_Parse(axes));
	(void)cJSON_AddItemToObject(json, "layer", cJSON_Parse(layers));
	return json;
}

/* ---- the field ---- */

struct field {
	struct ms_ctmc_chain *chain;
	double *drift, *committor;
	int32_t queue_last, orbit_last; /* that are drawn */
	cJSON *values;
};

/* The quantities whose zeros are the lines. */
enum line { LINE_QUEUE, LINE_ORBIT, LINE_SEPARATRIX, LINE_COUNT };

static const char *const line_name[] = {"queue stands still", "orbit stands still", "separatrix"};

/* The state with @queue jobs and @orbit waiting, everything else as at the empty start; UINT32_MAX if there is none. */
static uint32_t state_at(const struct field *f, int32_t queue, int32_t orbit)
{
	const struct ms_generator *g = &f->chain->generator;
	int32_t at[MS_AXES_MAX];

	for (uint32_t a = 0; a < g->axes; a++)
		at[a] = g->at[a];
	at[f->chain->queue_axis] = queue;
	at[f->chain->orbit_axis] = orbit;
	return ms_generator_find(g, at);
}

static double quantity(const struct field *f, enum line line, uint32_t state)
{
	uint32_t axes = f->chain->generator.axes;

	if (line == LINE_SEPARATRIX)
		return f->committor[state] - 0.5;
	return f->drift[(size_t)state * axes + (line == LINE_QUEUE
							       ? f->chain->queue_axis
							       : (uint32_t)f->chain->orbit_axis)];
}

/* Where @line crosses the column of states with @queue jobs, from below; NAN if it does not. */
static double crossing(const struct field *f, enum line line, int32_t queue)
{
	double before = NAN;

	for (int32_t o = 0; o <= f->orbit_last; o++) {
		uint32_t state = state_at(f, queue, o);
		double value;

		if (state == UINT32_MAX)
			return NAN;
		value = quantity(f, line, state);
		if (before * value < 0.0)
			return o - 1 + before / (before - value);
		before = value;
	}
	return NAN;
}

static void add_point(cJSON *values, const char *what, double queue, double orbit, int32_t place)
{
	cJSON *item = cJSON_CreateObject();

	(void)cJSON_AddItemToArray(values, item);
	(void)cJSON_AddStringToObject(item, "what", what);
	json_number(item, "queue", queue);
	json_number(item, "orbit", orbit);
	json_number(item, "place", place);
}

static void add_lines(struct field *f)
{
	for (int l = 0; l < LINE_COUNT; l++) {
		for (int32_t q = 1; q < f->queue_last; q++) {
			double orbit = crossing(f, (enum line)l, q);

			if (isfinite(orbit))
				add_point(f->values, line_name[l], q, orbit, q);
		}
	}
}

static void add_arrows(struct field *f)
{
	int32_t queue_step = f->queue_last / ARROWS + 1, orbit_step = f->orbit_last / ARROWS + 1;

	for (int32_t q = 0; q <= f->queue_last; q += queue_step) {
		for (int32_t o = 0; o <= f->orbit_last; o += orbit_step) {
			uint32_t state = state_at(f, q, o);
			double x, y;
			cJSON *item;

			if (state == UINT32_MAX)
				continue;
			x = quantity(f, LINE_QUEUE, state);
			y = quantity(f, LINE_ORBIT, state);
			add_point(f->values, "arrow", q, o, 0);
			item = cJSON_GetArrayItem(f->values, cJSON_GetArraySize(f->values) - 1);
			json_number(item, "speed", hypot(x, y));
			/* Clockwise from straight up, as the marks are turned. */
			json_number(item, "angle", fmod(450.0 - atan2(y, x) * 180.0 / M_PI, 360.0));
		}
	}
}

/* High enough for every line within what the orbit holds. */
static int32_t choose_height(struct field *f)
{
	double highest = 20.0;

	f->orbit_last = f->chain->orbit_bound;
	for (int32_t q = 1; q < f->queue_last; q++) {
		double queue = crossing(f, LINE_QUEUE, q), edge = crossing(f, LINE_SEPARATRIX, q);

		highest = isfinite(queue) ? fmax(highest, queue) : highest;
		highest = isfinite(edge) ? fmax(highest, edge) : highest;
	}
	return (int32_t)fmin(1.5 * highest, f->chain->orbit_bound);
}

static int fill_field(struct field *f, uint64_t orbit, struct hb_error *reterr)
{
	const struct ms_generator *g = &f->chain->generator;
	int code;

	if (f->chain->orbit_phases == 0)
		return hb_error_set(reterr, -EOPNOTSUPP,
			"nobody retries after a timeout: there is no orbit to draw");
	f->drift = malloc((size_t)g->states * g->axes * sizeof(*f->drift));
	f->committor = malloc(g->states * sizeof(*f->committor));
	if (!f->drift || !f->committor)
		return hb_error_set(reterr, -ENOMEM, "out of memory for %u states", g->states);
	ms_generator_drift(g, f->drift);
	code = ms_ctmc_committor(f->chain, 0.0, f->committor, reterr);
	if (code)
		return code;
	f->queue_last = g->last[f->chain->queue_axis];
	f->orbit_last = orbit > 0 && (int32_t)orbit < f->chain->orbit_bound ? (int32_t)orbit
									    : choose_height(f);
	add_arrows(f);
	add_lines(f);
	return 0;
}

static int chart_field(
	const struct arguments *arguments, const struct ms_model *model, struct hb_error *reterr)
{
	struct ms_ctmc_options asked = {.times_only = true};
	struct field f = {.values = cJSON_CreateArray()};
	uint64_t orbit = 0;
	int code = option_u64(arguments, "orbit", 2, 1000000, &orbit, reterr);

	if (!code)
		code = ms_ctmc_chain_create(model, &asked, &f.chain, reterr);
	if (!code)
		code = fill_field(&f, orbit, reterr);
	free(f.drift);
	free(f.committor);
	ms_ctmc_chain_destroy(f.chain);
	if (code) {
		cJSON_Delete(f.values);
		return code;
	}
	return json_print(specification("Where the queue and the orbit move",
				  "Mean speed of queue and orbit, read off the rows of the "
				  "generator; the lines on which one of them stands still; and the "
				  "separatrix, from which either mode comes first with the same "
				  "probability. Figure 3 of the paper for this model.",
				  field_layers, field_axes, f.values),
		reterr);
}

/* ---- the series ---- */

static void add_bands(const struct ms_study *study, enum ms_series_quantity q, cJSON *values)
{
	for (uint32_t b = 0; b < study->bins; b++) {
		const struct ms_band *band = &study->bands[q * (size_t)study->bins + b];
		cJSON *item = cJSON_CreateObject();

		(void)cJSON_AddItemToArray(values, item);
		(void)cJSON_AddStringToObject(item, "what", ms_series_name(q));
		json_number(item, "time_s", study->first_bin_s + b * study->bin_s);
		json_number(item, "lo", (double)band->p10);
		json_number(item, "mid", (double)band->p50);
		json_number(item, "hi", (double)band->p90);
	}
}

static int chart_series(
	const struct arguments *arguments, const struct ms_model *model, struct hb_error *reterr)
{
	struct ms_study_options asked = {.series = true};
	struct ms_study study;
	uint64_t runs = RUNS_DEFAULT, seed = 1;
	cJSON *values;
	int code = option_u64(arguments, "runs", 1, 100000, &runs, reterr);

	if (!code)
		code = option_u64(arguments, "seed", 0, UINT64_MAX, &seed, reterr);
	asked.runs = (uint32_t)runs;
	if (!code)
		code = ms_study_run(model, &asked, seed, &study, reterr);
	if (code)
		return code;
	values = cJSON_CreateArray();
	add_bands(&study, MS_SERIES_REQUESTS, values);
	add_bands(&study, MS_SERIES_GOODPUT, values);
	add_bands(&study, MS_SERIES_ATTEMPTS, values);
	ms_study_finish(&study);
	return json_print(
		specification("Before, during and after the triggers",
			"Requests, goodput and attempts per second over simulated runs: "
			"the median, and the band that holds 80 % of the runs. Figure 4 of "
			"the paper for this model.",
			series_layers, series_axes, values),
		reterr);
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	struct ms_model model;
	int kind = 0, code = model_of(arguments, &model, reterr);

	if (!code)
		code = option_choice(arguments, "kind", kinds, &kind, reterr);
	if (code)
		return code;
	return kind == 0 ? chart_field(arguments, &model, reterr)
			 : chart_series(arguments, &model, reterr);
}

const struct command command_chart = {
	.name = "chart",
	.operands = "FILE.ms",
	.operands_min = 1,
	.operands_max = 1,
	.help = "the figures of the paper for a model, as a chart specification",
	.options = options,
	.run = run,
};
