/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metastable check: is the model possible, and what does each level make of it? */
#include <errno.h>
#include <stdio.h>

#include <hotbed/error.h>

#include "command.h"

static const struct option_row options[] = {{NULL, NULL, NULL}};

static const char *const kind_names[] = {"exact", "approximation", "refused"};

static cJSON *json_level(enum ms_level level, const struct ms_support *support)
{
	cJSON *object = cJSON_CreateObject();
	cJSON *features = cJSON_AddArrayToObject(object, "features");

	(void)cJSON_AddStringToObject(object, "level", ms_level_name(level));
	(void)cJSON_AddStringToObject(object, "support", kind_names[support->worst]);
	for (uint32_t i = 0; features && i < support->row_count; i++) {
		const struct ms_support_row *row = &support->rows[i];
		cJSON *item = cJSON_CreateObject();

		(void)cJSON_AddStringToObject(item, "feature", ms_feature_name(row->feature));
		(void)cJSON_AddStringToObject(item, "support", kind_names[row->kind]);
		(void)cJSON_AddStringToObject(item, "text", row->text);
		(void)cJSON_AddItemToArray(features, item);
	}
	return object;
}

static int print_json(const char *path, const struct ms_model *model, struct hb_error *reterr)
{
	cJSON *json = cJSON_CreateObject();
	cJSON *levels;

	(void)cJSON_AddStringToObject(json, "schema", "metastable.check/1");
	(void)cJSON_AddStringToObject(json, "file", path);
	(void)cJSON_AddNumberToObject(json, "servers", model->server_count);
	(void)cJSON_AddNumberToObject(json, "clients", model->client_count);
	(void)cJSON_AddNumberToObject(json, "caches", model->cache_count);
	(void)cJSON_AddNumberToObject(json, "triggers", model->trigger_count);
	(void)cJSON_AddNumberToObject(json, "axes", model->axis_count);
	levels = cJSON_AddArrayToObject(json, "levels");
	for (int l = 0; levels && l < MS_LEVEL_COUNT; l++) {
		struct ms_support support;

		(void)ms_support_query((enum ms_level)l, model, &support, NULL);
		(void)cJSON_AddItemToArray(levels, json_level((enum ms_level)l, &support));
	}
	return json_print(json, reterr);
}

static void print_text(const char *path, const struct ms_model *model)
{
	(void)printf("%s: %u servers, %u clients and calls, %u caches, %u triggers, %u axes\n",
		path, model->server_count, model->client_count, model->cache_count,
		model->trigger_count, model->axis_count);
	for (int l = 0; l < MS_LEVEL_COUNT; l++) {
		struct ms_support support;

		(void)ms_support_query((enum ms_level)l, model, &support, NULL);
		(void)printf(
			"%s: %s\n", ms_level_name((enum ms_level)l), kind_names[support.worst]);
		for (uint32_t i = 0; i < support.row_count; i++) {
			const struct ms_support_row *row = &support.rows[i];

			if (row->kind != MS_EXACT)
				(void)printf("  %s, %s: %s\n", ms_feature_name(row->feature),
					kind_names[row->kind], row->text);
		}
	}
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	struct ms_model model;
	int code = model_of(arguments, &model, reterr);

	if (code)
		return code;
	if (arguments->json)
		return print_json(arguments->operands[0], &model, reterr);
	print_text(arguments->operands[0], &model);
	return 0;
}

const struct command command_check = {
	.name = "check",
	.operands = "FILE.ms",
	.operands_min = 1,
	.operands_max = 1,
	.help = "is the model possible, and what does each level make of it?",
	.options = options,
	.run = run,
};
