/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metastable support: the table feature x level, as the reference shows it (a test compares them). */
#include <stdio.h>

#include <hotbed/error.h>

#include "command.h"

static const struct option_row options[] = {{NULL, NULL, NULL}};

static const char *const kind_names[] = {"exact", "approximation", "refused"};

static void print_text(void)
{
	(void)printf(
		"| feature | markov | fluid | simulation | emulation |\n|---|---|---|---|---|\n");
	for (int f = 0; f < MS_FEATURE_COUNT; f++) {
		(void)printf("| %s |", ms_feature_name((enum ms_feature)f));
		for (int l = 0; l < MS_LEVEL_COUNT; l++)
			(void)printf(" %s |",
				kind_names[ms_feature_support((enum ms_level)l, (enum ms_feature)f)
						   .kind]);
		(void)putchar('\n');
	}
	(void)printf(
		"\n| feature | level | | what it does instead, or why not |\n|---|---|---|---|\n");
	for (int f = 0; f < MS_FEATURE_COUNT; f++) {
		for (int l = 0; l < MS_LEVEL_COUNT; l++) {
			struct ms_support_row row =
				ms_feature_support((enum ms_level)l, (enum ms_feature)f);

			if (row.kind != MS_EXACT)
				(void)printf("| %s | %s | %s | %s |\n",
					ms_feature_name(row.feature),
					ms_level_name((enum ms_level)l), kind_names[row.kind],
					row.text);
		}
	}
}

static int print_json(struct hb_error *reterr)
{
	cJSON *json = cJSON_CreateObject();
	cJSON *list;

	(void)cJSON_AddStringToObject(json, "schema", "metastable.support/1");
	list = cJSON_AddArrayToObject(json, "features");
	for (int f = 0; f < MS_FEATURE_COUNT; f++) {
		cJSON *feature = cJSON_CreateObject();

		(void)cJSON_AddStringToObject(
			feature, "feature", ms_feature_name((enum ms_feature)f));
		for (int l = 0; l < MS_LEVEL_COUNT; l++) {
			struct ms_support_row row =
				ms_feature_support((enum ms_level)l, (enum ms_feature)f);
			cJSON *cell =
				cJSON_AddObjectToObject(feature, ms_level_name((enum ms_level)l));

			(void)cJSON_AddStringToObject(cell, "support", kind_names[row.kind]);
			(void)cJSON_AddStringToObject(cell, "text", row.text);
		}
		(void)cJSON_AddItemToArray(list, feature);
	}
	return json_print(json, reterr);
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	if (arguments->json)
		return print_json(reterr);
	print_text();
	return 0;
}

const struct command command_support = {
	.name = "support",
	.operands = "",
	.help = "which level represents which feature of the language, and how",
	.options = options,
	.run = run,
};
