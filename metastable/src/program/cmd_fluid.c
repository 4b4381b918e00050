/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metastable fluid: fixed points of the averages, their branches and folds, and runs through the triggers. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include <metastable/fluid.h>

#include "command.h"

#define CURVE_MAX 400
#define SAMPLES_DEFAULT 241

static const struct option_row options[] = {
	{"fold", "rho,retries", "where the high mode begins: rho,retries or queue,timeout"},
	{"branch", "PARAMETER", "fixed points over rho, retries, queue or timeout"},
	{"run", "TIME", "follow the averages from an empty service through the triggers"},
	{"samples", "N", "of --run (241)"},
	{"delay", NULL, "--run with constant waits: a delay equation"},
	{NULL, NULL, NULL},
};

static const char *const folds[] = {"rho,retries", "queue,timeout", NULL};
static const char *const parameters[] = {"rho", "retries", "queue", "timeout", NULL};

struct answer {
	struct ms_support support;
	struct ms_fluid *fluid;
	struct ms_fluid_point point[MS_FLUID_POINTS_MAX];
	int points;
	struct ms_fluid_curve_point *curve; /* shape [CURVE_MAX], or NULL */
	int curve_points;
	enum ms_fluid_parameter curve_parameter[2];
	uint32_t curve_parameters; /* 1: branches, 2: folds */
	double *series;
	uint32_t samples;
	double end_s;
};

static int find_fold(const struct arguments *arguments, struct answer *a, struct hb_error *reterr)
{
	double box[2][2];
	int which = -1, code = option_choice(arguments, "fold", folds, &which, reterr);

	if (code < 0 || which < 0)
		return code;
	a->curve_parameters = 2;
	a->curve_parameter[0] = which == 0 ? MS_FLUID_RHO : MS_FLUID_CAPACITY;
	a->curve_parameter[1] = which == 0 ? MS_FLUID_RETRIES : MS_FLUID_TIMEOUT;
	ms_fluid_range(a->fluid, a->curve_parameter[0], box[0]);
	ms_fluid_range(a->fluid, a->curve_parameter[1], box[1]);
	code = ms_fluid_fold_curve(a->fluid, a->curve_parameter[0], a->curve_parameter[1],
		(const double(*)[2])box, CURVE_MAX, a->curve, reterr);
	a->curve_points = code < 0 ? 0 : code;
	return code < 0 ? code : 0;
}

static int find_branches(
	const struct arguments *arguments, struct answer *a, struct hb_error *reterr)
{
	int which = -1, code = option_choice(arguments, "branch", parameters, &which, reterr);

	if (code < 0 || which < 0)
		return code;
	a->curve_parameters = 1;
	a->curve_parameter[0] = (enum ms_fluid_parameter)which;
	code = ms_fluid_branches(a->fluid, a->curve_parameter[0], CURVE_MAX, a->curve, reterr);
	a->curve_points = code < 0 ? 0 : code;
	return code < 0 ? code : 0;
}

static int follow_run(const struct arguments *arguments, struct answer *a, struct hb_error *reterr)
{
	uint64_t samples = SAMPLES_DEFAULT;
	double start[MS_FLUID_AXES] = {0.0};
	int code = option_time(arguments, "run", &a->end_s, reterr);

	if (code == 0)
		code = option_u64(arguments, "samples", 2, 100000, &samples, reterr);
	if (code < 0 || option_value(arguments, "run") == NULL)
		return code;
	a->samples = (uint32_t)samples;
	a->series = calloc(samples * MS_FLUID_AXES, sizeof(*a->series));
	if (a->series == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for %u samples", a->samples);
	if (a->points > 0)
		memcpy(start, a->point[0].at, sizeof(start));
	return ms_fluid_run(a->fluid, start, a->end_s, option_value(arguments, "delay") != NULL,
		a->samples, a->series, reterr);
}

/* ---- the answer ---- */

static cJSON *json_coordinates(const struct answer *a, const double *at)
{
	cJSON *object = cJSON_CreateObject();

	for (int axis = 0; axis < MS_FLUID_AXES; axis++) {
		if (ms_fluid_has(a->fluid, (enum ms_fluid_axis)axis))
			json_number(object, ms_fluid_axis_name(a->fluid, (enum ms_fluid_axis)axis),
				at[axis]);
	}
	return object;
}

/* The saddle next to a stable point, on the way over which it is left. */
static const struct ms_fluid_point *barrier(const struct answer *a, int stable)
{
	for (int d = 1; d < a->points; d++) {
		for (int side = -1; side <= 1; side += 2) {
			int i = stable + side * d;

			if (i >= 0 && i < a->points && a->point[i].kind == MS_SADDLE)
				return &a->point[i];
		}
	}
	return NULL;
}

static cJSON *json_point(const struct answer *a, int index)
{
	const struct ms_fluid_point *p = &a->point[index], *over = barrier(a, index);
	cJSON *object = cJSON_CreateObject(), *list;
	struct ms_fluid_escape escape;

	(void)cJSON_AddStringToObject(object, "kind", ms_fluid_kind_name(p->kind));
	(void)cJSON_AddBoolToObject(object, "stable", p->stable);
	(void)cJSON_AddItemToObject(object, "coordinates", json_coordinates(a, p->at));
	list = cJSON_AddArrayToObject(object, "eigenvalues_per_s");
	for (uint32_t i = 0; i < p->eigenvalue_count; i++) {
		double pair[2] = {p->real_per_s[i], p->imaginary_per_s[i]};

		(void)cJSON_AddItemToArray(list, cJSON_CreateDoubleArray(pair, 2));
	}
	if (p->stable && over != NULL &&
		ms_fluid_escape_time(a->fluid, p, over, &escape, NULL) == 0) {
		cJSON *wkb = cJSON_AddObjectToObject(object, "escape");

		json_number(wkb, "action", escape.action);
		json_number(wkb, "tau_s", escape.escape_s);
	}
	return object;
}

static void json_curve(const struct answer *a, cJSON *json)
{
	cJSON *list = cJSON_AddArrayToObject(json, a->curve_parameters == 2 ? "fold" : "branches");

	for (int i = 0; i < a->curve_points; i++) {
		cJSON *item = cJSON_CreateObject();

		for (uint32_t p = 0; p < a->curve_parameters; p++)
			json_number(item, ms_fluid_parameter_name(a->curve_parameter[p]),
				a->curve[i].parameter[p]);
		(void)cJSON_AddItemToObject(
			item, "coordinates", json_coordinates(a, a->curve[i].at));
		if (a->curve_parameters == 1)
			(void)cJSON_AddBoolToObject(item, "stable", a->curve[i].stable);
		(void)cJSON_AddItemToArray(list, item);
	}
}

static int print_json(const struct answer *a, struct hb_error *reterr)
{
	cJSON *json = cJSON_CreateObject(), *list;

	(void)cJSON_AddStringToObject(json, "schema", "metastable.fluid/1");
	list = cJSON_AddArrayToObject(json, "fixed_points");
	for (int i = 0; i < a->points; i++)
		(void)cJSON_AddItemToArray(list, json_point(a, i));
	if (a->curve_parameters > 0)
		json_curve(a, json);
	if (a->series != NULL) {
		list = cJSON_AddArrayToObject(json, "run");
		for (uint32_t s = 0; s < a->samples; s++) {
			cJSON *item = json_coordinates(a, a->series + (size_t)s * MS_FLUID_AXES);

			json_number(item, "time_s", a->end_s * s / (a->samples - 1));
			(void)cJSON_AddItemToArray(list, item);
		}
	}
	if (json_support(json, &a->support))
		(void)hb_error_set(reterr, -ENOMEM, "no memory for the answer");
	return json_print(json, reterr);
}

static void print_coordinates(const struct answer *a, const double *at)
{
	for (int axis = 0; axis < MS_FLUID_AXES; axis++) {
		if (ms_fluid_has(a->fluid, (enum ms_fluid_axis)axis))
			(void)printf(" %s %.6g",
				ms_fluid_axis_name(a->fluid, (enum ms_fluid_axis)axis), at[axis]);
	}
}

static void print_text(const struct answer *a)
{
	for (int i = 0; i < a->points; i++) {
		const struct ms_fluid_point *p = &a->point[i], *over = barrier(a, i);
		struct ms_fluid_escape escape;

		(void)printf("%s %-6s", p->stable ? "stable  " : "unstable",
			ms_fluid_kind_name(p->kind));
		print_coordinates(a, p->at);
		(void)printf(", eigenvalues per s");
		for (uint32_t e = 0; e < p->eigenvalue_count; e++)
			(void)printf(" %.4g%+.4gi", p->real_per_s[e], p->imaginary_per_s[e]);
		if (p->stable && over != NULL &&
			ms_fluid_escape_time(a->fluid, p, over, &escape, NULL) == 0)
			(void)printf(
				", escape %.4g s (action %.4g)", escape.escape_s, escape.action);
		(void)printf("\n");
	}
	for (int i = 0; i < a->curve_points; i++) {
		for (uint32_t p = 0; p < a->curve_parameters; p++)
			(void)printf("%s %.6g ", ms_fluid_parameter_name(a->curve_parameter[p]),
				a->curve[i].parameter[p]);
		print_coordinates(a, a->curve[i].at);
		(void)printf("%s\n", a->curve_parameters == 1
					     ? a->curve[i].stable ? " stable" : " unstable"
					     : "");
	}
	for (uint32_t s = 0; s < a->samples; s++) {
		(void)printf("%10.4f s", a->end_s * s / (a->samples - 1));
		print_coordinates(a, a->series + (size_t)s * MS_FLUID_AXES);
		(void)printf("\n");
	}
	print_support(MS_LEVEL_FLUID, &a->support);
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	struct answer a = {0};
	struct ms_model model;
	int code = model_of(arguments, &model, reterr);

	if (code == 0 && option_value(arguments, "fold") != NULL &&
		option_value(arguments, "branch") != NULL)
		return hb_error_set(reterr, -EINVAL, "--fold and --branch exclude each other");
	if (code == 0)
		code = ms_support_query(MS_LEVEL_FLUID, &model, &a.support, reterr);
	if (code == 0)
		code = ms_fluid_create(&model, &a.fluid, reterr);
	if (code == 0)
		code = a.points = ms_fluid_fixed_points(a.fluid, a.point, reterr);
	if (code >= 0) {
		a.curve = calloc(CURVE_MAX, sizeof(*a.curve));
		code = a.curve != NULL ? 0
				       : hb_error_set(reterr, -ENOMEM, "out of memory for a curve");
	}
	if (code == 0)
		code = find_fold(arguments, &a, reterr);
	if (code == 0)
		code = find_branches(arguments, &a, reterr);
	if (code == 0)
		code = follow_run(arguments, &a, reterr);
	if (code == 0) {
		if (arguments->json)
			code = print_json(&a, reterr);
		else
			print_text(&a);
	}
	ms_fluid_destroy(a.fluid);
	free(a.curve);
	free(a.series);
	return code;
}

const struct command command_fluid = {
	.name = "fluid",
	.operands = "FILE.ms",
	.operands_min = 1,
	.operands_max = 1,
	.help = "fixed points of the averages, their branches and folds",
	.options = options,
	.run = run,
};
