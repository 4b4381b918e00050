/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metastable calibrate: fit numbers of a model to a measured trace. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>

#include <metastable/calibration.h>

#include "command.h"

#define NAMES_BYTES 512

static const struct option_row options[] = {
	{"trace", "FILE",
		"what was measured: CSV with time_s and some of goodput_per_s, jobs, ..."},
	{"held-out", "FILE", "another trace to judge by (default: the end of the first)"},
	{"fit", "LIST", "numbers to fit: db.service,c.timeout"},
	{"train", "P", "share of the trace that is fitted to (0.7)"},
	{"runs", "N", "simulated runs per step (10)"},
	{"steps", "N", "of the search at most (60)"},
	{"seed", "N", "of all random numbers (1)"},
	{NULL, NULL, NULL},
};

struct request {
	struct ms_calibration_options calibration;
	const char *paths[MS_FIT_MAX];
	char names[NAMES_BYTES];
};

static int request_read(
	const struct arguments *arguments, struct request *request, struct hb_error *reterr)
{
	const char *fit = option_value(arguments, "fit");
	uint64_t runs = 10, steps = 60;
	char *rest = request->names;
	int code = 0;

	if (!option_value(arguments, "trace") || !fit)
		return hb_error_set(reterr, -EINVAL,
			"give --trace FILE and --fit LIST, as in --fit db.service,c.timeout");
	(void)snprintf(request->names, sizeof(request->names), "%s", fit);
	for (const char *path; (path = strsep(&rest, ","));) {
		if (request->calibration.path_count == MS_FIT_MAX)
			return hb_error_set(
				reterr, -EINVAL, "--fit takes at most %d numbers", MS_FIT_MAX);
		request->paths[request->calibration.path_count++] = path;
	}
	request->calibration.paths = request->paths;
	request->calibration.seed = 1;
	code = option_real(
		arguments, "train", 0.01, 0.99, &request->calibration.train_share, reterr);
	if (!code)
		code = option_u64(arguments, "runs", 1, 100000, &runs, reterr);
	if (!code)
		code = option_u64(arguments, "steps", 1, 100000, &steps, reterr);
	if (!code)
		code = option_u64(
			arguments, "seed", 0, UINT64_MAX - 1, &request->calibration.seed, reterr);
	request->calibration.runs = (uint32_t)runs;
	request->calibration.steps = (uint32_t)steps;
	return code;
}

static int print_json(const struct arguments *arguments, const struct request *request,
	const struct ms_trace *trace, const struct ms_calibration *result, struct hb_error *reterr)
{
	cJSON *json = cJSON_CreateObject(), *object, *list;

	(void)cJSON_AddStringToObject(json, "schema", "metastable.calibrate/1");
	(void)cJSON_AddStringToObject(json, "file", arguments->operands[0]);
	json_number(json, "rows", trace->row_count);
	json_number(json, "gaps", trace->gaps);
	json_number(json, "train_rows", result->train_rows);
	json_number(json, "held_out_rows", result->held_out_rows);
	json_number(json, "steps", result->steps);
	list = cJSON_AddArrayToObject(json, "fitted");
	for (uint32_t i = 0; i < request->calibration.path_count; i++) {
		object = cJSON_CreateObject();
		(void)cJSON_AddItemToArray(list, object);
		(void)cJSON_AddStringToObject(object, "name", request->paths[i]);
		json_number(object, "before", result->before[i]);
		json_number(object, "after", result->after[i]);
	}
	object = cJSON_AddObjectToObject(json, "train_error");
	json_number(object, "before", result->train_before);
	json_number(object, "after", result->train_after);
	object = cJSON_AddObjectToObject(json, "held_out_error");
	json_number(object, "before", result->held_out_before);
	json_number(object, "after", result->held_out_after);
	return json_print(json, reterr);
}

static void print_text(const struct request *request, const struct ms_trace *trace,
	const struct ms_calibration *result)
{
	for (uint32_t i = 0; i < request->calibration.path_count; i++)
		(void)printf("--set %s=%.6g  # was %.6g\n", request->paths[i], result->after[i],
			result->before[i]);
	(void)printf("error over the %u rows fitted to: %.4f before, %.4f after\n",
		result->train_rows, result->train_before, result->train_after);
	(void)printf("error over the %u rows held out:  %.4f before, %.4f after\n",
		result->held_out_rows, result->held_out_before, result->held_out_after);
	if (trace->gaps)
		(void)printf("gaps of the trace, which count as nothing: %u\n", trace->gaps);
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	const char *other = option_value(arguments, "held-out");
	struct request request = {0};
	struct ms_model model, fitted;
	struct ms_trace trace = {0}, held_out = {0};
	struct ms_calibration result;
	int code = request_read(arguments, &request, reterr);

	if (!code)
		code = model_of(arguments, &model, reterr);
	if (!code)
		code = ms_trace_read_file(option_value(arguments, "trace"), &trace, reterr);
	if (!code && other)
		code = ms_trace_read_file(other, &held_out, reterr);
	if (!code)
		code = ms_calibrate(&model, &trace, other ? &held_out : NULL, &request.calibration,
			&fitted, &result, reterr);
	if (!code && arguments->json)
		code = print_json(arguments, &request, &trace, &result, reterr);
	else if (!code)
		print_text(&request, &trace, &result);
	ms_trace_finish(&trace);
	ms_trace_finish(&held_out);
	return code;
}

const struct command command_calibrate = {
	.name = "calibrate",
	.operands = "FILE.ms",
	.operands_min = 1,
	.operands_max = 1,
	.help = "fit numbers of the model to a measured trace, and judge by what was held out",
	.options = options,
	.run = run,
};
