/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metastable report: what all levels say about a model, and which single change would make it stable. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>

#include <metastable/advice.h>

#include "command.h"

static const struct option_row options[] = {
	{"runs", "N", "simulated runs per question, at most (20)"},
	{"seed", "N", "of all random numbers (1)"},
	{"states", "N", "refuse chains that are larger (100000)"},
	{"no-advice", NULL, "do not look for changes that help"},
	{NULL, NULL, NULL},
};

struct answer {
	struct ms_verdict verdicts[MS_LEVEL_EMULATION];
	enum ms_class joined;
	bool has_advice;
	struct ms_advice advice;
};

static cJSON *json_times(const double *times)
{
	cJSON *list = cJSON_CreateArray();

	for (int i = 0; i < 3; i++)
		(void)cJSON_AddItemToArray(list,
			isfinite(times[i]) ? cJSON_CreateNumber(times[i]) : cJSON_CreateNull());
	return list;
}

static void json_advice(cJSON *json, const struct ms_advice *advice)
{
	cJSON *list = cJSON_AddArrayToObject(json, "advice");

	for (uint32_t i = 0; i < advice->count; i++) {
		const struct ms_advice_item *a = &advice->items[i];
		cJSON *item = cJSON_CreateObject();

		(void)cJSON_AddItemToArray(list, item);
		(void)cJSON_AddStringToObject(item, a->text ? "block" : "parameter", a->path);
		if (a->text) {
			(void)cJSON_AddStringToObject(item, "statement", a->text);
		} else {
			json_number(item, "from", a->from);
			json_number(item, "to", a->to);
			json_number(item, "cost", a->cost);
		}
		(void)cJSON_AddBoolToObject(item, "enough", a->enough);
		(void)cJSON_AddStringToObject(item, "class", ms_class_name(a->kind));
	}
}

static int print_json(const struct arguments *arguments, const struct ms_model *model,
	const struct answer *answer, struct hb_error *reterr)
{
	cJSON *json = cJSON_CreateObject(), *levels;

	(void)cJSON_AddStringToObject(json, "schema", "metastable.report/1");
	(void)cJSON_AddStringToObject(json, "file", arguments->operands[0]);
	json_number(json, "horizon_s", model->horizon_s);
	(void)cJSON_AddStringToObject(json, "class", ms_class_name(answer->joined));
	(void)cJSON_AddStringToObject(json, "rule", ms_class_name(ms_rule_of_thumb(model)));
	levels = cJSON_AddArrayToObject(json, "levels");
	for (int l = 0; l < MS_LEVEL_EMULATION; l++) {
		const struct ms_verdict *v = &answer->verdicts[l];
		cJSON *item = cJSON_CreateObject();

		(void)cJSON_AddItemToArray(levels, item);
		(void)cJSON_AddStringToObject(item, "level", ms_level_name(v->level));
		(void)cJSON_AddStringToObject(item, "class", ms_class_name(v->kind));
		if (v->code)
			(void)cJSON_AddStringToObject(item, "reason", v->reason);
		(void)cJSON_AddItemToObject(item, "tau_recover_s", json_times(v->recover_s));
		(void)cJSON_AddItemToObject(item, "tau_collapse_s", json_times(v->collapse_s));
		json_number(item, "runs", v->runs);
	}
	if (answer->has_advice)
		json_advice(json, &answer->advice);
	return json_print(json, reterr);
}

static void print_time(const char *what, const double *times)
{
	if (isinf(times[1]))
		(void)printf(", %s more than %.4g s", what, times[0]);
	else if (times[0] == times[2] || !(times[2] - times[0] > 1e-9 * times[1]))
		(void)printf(", %s %.4g s", what, times[1]);
	else
		(void)printf(", %s %.4g s [%.4g, %.4g]", what, times[1], times[0], times[2]);
}

static void print_advice(const struct ms_advice *advice)
{
	(void)printf("\nsingle changes, asked of the %s level\n", ms_level_name(advice->level));
	for (uint32_t i = 0; i < advice->count; i++) {
		const struct ms_advice_item *a = &advice->items[i];

		(void)printf("  %-18s", a->enough ? "makes it stable" : "is not enough");
		if (a->text)
			(void)printf("%s { %s }\n", a->path, a->text);
		else
			(void)printf("%s from %.4g to %.4g (cost %.3f)\n", a->path, a->from, a->to,
				a->cost);
	}
}

static void print_text(const struct ms_model *model, const struct answer *answer)
{
	(void)printf("%s at a horizon of %g s (rule of thumb: %s)\n\n",
		ms_class_name(answer->joined), model->horizon_s,
		ms_class_name(ms_rule_of_thumb(model)));
	for (int l = 0; l < MS_LEVEL_EMULATION; l++) {
		const struct ms_verdict *v = &answer->verdicts[l];

		(void)printf("%-11s %s", ms_level_name(v->level), ms_class_name(v->kind));
		if (v->code) {
			(void)printf(": %s\n", v->reason);
			continue;
		}
		print_time("recovers in", v->recover_s);
		print_time("collapses in", v->collapse_s);
		(void)putchar('\n');
	}
	if (answer->has_advice)
		print_advice(&answer->advice);
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	struct ms_verdict_options asked = {.seed = 1};
	uint64_t runs = 20, states = 100000;
	struct ms_model model;
	struct answer answer = {.joined = MS_UNKNOWN};
	int code = model_of(arguments, &model, reterr);

	if (!code)
		code = option_u64(arguments, "runs", 1, 100000, &runs, reterr);
	if (!code)
		code = option_u64(arguments, "seed", 0, UINT64_MAX, &asked.seed, reterr);
	if (!code)
		code = option_u64(arguments, "states", 1, 100000000, &states, reterr);
	asked.runs = (uint32_t)runs;
	asked.states_max = (uint32_t)states;
	for (int l = 0; !code && l < MS_LEVEL_EMULATION; l++)
		code = ms_verdict_of((enum ms_level)l, &model, &asked, &answer.verdicts[l], reterr);
	if (code)
		return code;
	answer.joined = ms_verdict_join(answer.verdicts, MS_LEVEL_EMULATION);
	answer.has_advice = !option_value(arguments, "no-advice");
	if (answer.has_advice)
		code = ms_advise(MS_LEVEL_SIMULATION, &model, &asked, &answer.advice, reterr);
	if (code)
		return code;
	if (arguments->json)
		return print_json(arguments, &model, &answer, reterr);
	print_text(&model, &answer);
	return 0;
}

const struct command command_report = {
	.name = "report",
	.operands = "FILE.ms",
	.operands_min = 1,
	.operands_max = 1,
	.help = "class by every level, and the single change that makes the model stable",
	.options = options,
	.run = run,
};
