/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metastable chart: the figures of the paper for any model, as Vega-Lite specifications with their data inside. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <hotbed/error.h>

#include <metastable/chart.h>
#include <metastable/map.h>
#include <metastable/simulation.h>

#include "command.h"

#define RUNS_DEFAULT 40
#define MAP_RUNS_DEFAULT 20
#define MAP_STATES_DEFAULT 30000

static const struct option_row options[] = {
	{"kind", "NAME",
		"field: drift over queue and orbit (Figure 3 of the paper); series: runs over time "
		"(Figure 4); branches: modes over a parameter; regions: classes over the sweep"},
	{"orbit", "N", "largest orbit of the field (half as much again as its lines need)"},
	{"over", "PARAMETER", "of the branches: rho, retries, queue or timeout (rho)"},
	{"runs", "N", "of the series (40); of each cell and question of the regions (20)"},
	{"seed", "N", "of all random numbers (1)"},
	{"states", "N", "of the regions: refuse chains that are larger (30000)"},
	{NULL, NULL, NULL},
};

static const char *const kinds[] = {"field", "series", "branches", "regions", NULL};
static const char *const parameters[] = {"rho", "retries", "queue", "timeout", NULL};

static int chart_field(const struct arguments *arguments, const struct ms_model *model, char **ret,
	struct hb_error *reterr)
{
	uint64_t orbit = 0;
	int code = option_u64(arguments, "orbit", 2, 1000000, &orbit, reterr);

	return code ? code : ms_chart_field(model, (uint32_t)orbit, ret, reterr);
}

static int chart_series(const struct arguments *arguments, const struct ms_model *model, char **ret,
	struct hb_error *reterr)
{
	struct ms_study_options asked = {.series = true};
	struct ms_study study;
	uint64_t runs = RUNS_DEFAULT, seed = 1;
	int code = option_u64(arguments, "runs", 1, 100000, &runs, reterr);

	if (!code)
		code = option_u64(arguments, "seed", 0, UINT64_MAX, &seed, reterr);
	asked.runs = (uint32_t)runs;
	if (!code)
		code = ms_study_run(model, &asked, seed, &study, reterr);
	if (code)
		return code;
	code = ms_chart_series(model, &study, ret, reterr);
	ms_study_finish(&study);
	return code;
}

static int chart_branches(const struct arguments *arguments, const struct ms_model *model,
	char **ret, struct hb_error *reterr)
{
	int over = MS_FLUID_RHO;
	int code = option_choice(arguments, "over", parameters, &over, reterr);

	return code < 0 ? code
			: ms_chart_branches(model, (enum ms_fluid_parameter)over, ret, reterr);
}

static int chart_regions(const struct arguments *arguments, const struct ms_model *model,
	char **ret, struct hb_error *reterr)
{
	uint64_t runs = MAP_RUNS_DEFAULT, seed = 1, states = MAP_STATES_DEFAULT;
	struct ms_map_options asked = {0};
	struct ms_map map = {0};
	int code = option_u64(arguments, "runs", 1, 100000, &runs, reterr);

	if (!code)
		code = option_u64(arguments, "seed", 0, UINT64_MAX, &seed, reterr);
	if (!code)
		code = option_u64(arguments, "states", 1, 100000000, &states, reterr);
	if (!code && model->axis_count != 2)
		code = hb_error_set(reterr, -EINVAL,
			"regions need a sweep over two parameters, and the model has %u",
			model->axis_count);
	if (code)
		return code;
	asked.verdict = (struct ms_verdict_options){
		.runs = (uint32_t)runs, .seed = seed, .states_max = (uint32_t)states};
	code = ms_map_run(model, &asked, &map, reterr);
	if (!code)
		code = ms_chart_regions(&map, ret, reterr);
	ms_map_finish(&map);
	return code;
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	static int (*const draw[])(const struct arguments *arguments, const struct ms_model *model,
		char **ret, struct hb_error *reterr) = {
		chart_field, chart_series, chart_branches, chart_regions};
	struct ms_model model;
	char *text = NULL;
	int kind = 0, code = model_of(arguments, &model, reterr);

	if (!code)
		code = option_choice(arguments, "kind", kinds, &kind, reterr);
	if (code >= 0)
		code = draw[kind](arguments, &model, &text, reterr);
	if (code)
		return code;
	(void)puts(text);
	free(text);
	return 0;
}

const struct command command_chart = {
	.name = "chart",
	.operands = "FILE.ms",
	.operands_min = 1,
	.operands_max = 1,
	.help = "a figure of the model, as a chart specification",
	.options = options,
	.run = run,
};
