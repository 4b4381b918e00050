/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed describe: everything that is known about an experiment before it runs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/json.h>
#include <hotbed/log.h>

#include "catalogue.h"
#include "command.h"

static const char *text_of(const cJSON *object, const char *key)
{
	return hb_json_text_or(object, key, "");
}

/* "1048576, 2097152, 4194304" */
static void print_sweep(const char *label, const cJSON *param, const char *key)
{
	const cJSON *values = cJSON_GetObjectItemCaseSensitive(param, key);
	const cJSON *value;
	const char *separator = "";

	printf("      %-8s", label);
	cJSON_ArrayForEach(value, values)
	{
		printf("%s%s", separator, cJSON_IsString(value) ? value->valuestring : "?");
		separator = ", ";
	}
	putchar('\n');
}

static void print_params(const cJSON *experiment)
{
	const cJSON *params = cJSON_GetObjectItemCaseSensitive(experiment, "params");
	const cJSON *param;

	if (!cJSON_GetArraySize(params))
		return;
	puts("\n  Parameters");
	cJSON_ArrayForEach(param, params)
	{
		printf("    %s (%s, %s): %s\n", text_of(param, "name"), text_of(param, "type"),
			text_of(param, "unit"), text_of(param, "help"));
		print_sweep("default", param, "sweep");
		print_sweep("quick", param, "sweep_quick");
		print_sweep("full", param, "sweep_full");
	}
}

static void print_metrics(const cJSON *experiment)
{
	const cJSON *metrics = cJSON_GetObjectItemCaseSensitive(experiment, "metrics");
	const cJSON *metric;

	puts("\n  Metrics");
	cJSON_ArrayForEach(metric, metrics)
	{
		bool exact = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(metric, "exact"));

		printf("    %s (%s, better: %s, basis: %s%s): %s\n", text_of(metric, "name"),
			text_of(metric, "unit"), text_of(metric, "better"),
			text_of(metric, "basis"), exact ? ", exact" : "", text_of(metric, "help"));
	}
}

static void print_variants(const cJSON *experiment)
{
	const cJSON *variants = cJSON_GetObjectItemCaseSensitive(experiment, "variants");
	const cJSON *variant;

	puts("\n  Variants");
	cJSON_ArrayForEach(variant, variants)
	{
		printf("    %s (%s): %s\n", text_of(variant, "name"), text_of(variant, "role"),
			text_of(variant, "help"));
	}
}

static void print_claims(const cJSON *experiment)
{
	const cJSON *claims = cJSON_GetObjectItemCaseSensitive(experiment, "claims");
	const cJSON *claim;

	if (!cJSON_GetArraySize(claims))
		return;
	puts("\n  Claims");
	cJSON_ArrayForEach(claim, claims)
	{
		const char *against = text_of(claim, "against_variant");
		const char *where = text_of(claim, "where");
		const char *against_where = text_of(claim, "against_where");
		bool headline = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(claim, "headline"));

		printf("    %s%s: %s\n", text_of(claim, "name"), headline ? " (headline)" : "",
			text_of(claim, "text"));
		printf("      %s of %s%s%s over %s%s%s between %s and %s\n",
			text_of(claim, "metric"), text_of(claim, "variant"), *where ? " at " : "",
			where, *against ? against : "the baseline", *against_where ? " at " : "",
			against_where, text_of(claim, "lo"), text_of(claim, "hi"));
		printf("      %s%s%s\n", text_of(claim, "paper"),
			*text_of(claim, "section") ? ", section " : "", text_of(claim, "section"));
		if (*text_of(claim, "needs"))
			printf("      needs %s\n", text_of(claim, "needs"));
	}
}

static int print_text(const struct hb_catalogue *catalogue, struct hb_error *reterr)
{
	const char *separator = "";

	for (size_t i = 0; i < catalogue->count; i++) {
		const struct hb_catalogue_entry *entry = &catalogue->entries[i];
		struct hb_estimate estimate;
		char time[32];
		int r;

		if (!entry->selected)
			continue;
		r = hb_catalogue_estimate(entry, "default", &estimate, reterr);
		if (r < 0)
			return hb_error_wrap(reterr, "%s", entry->name);
		printf("%s%s\n  %s\n", separator, entry->name,
			text_of(entry->describe, "question"));
		printf("  %zu points, %zu blocks, %zu trials, about %s; up to %.0f MiB of memory\n",
			estimate.points, estimate.blocks, estimate.trials,
			hb_estimate_format(estimate.time_ms, time),
			(double)estimate.memory_bytes / (1024 * 1024));
		print_params(entry->describe);
		print_metrics(entry->describe);
		print_variants(entry->describe);
		print_claims(entry->describe);
		separator = "\n";
	}
	return 0;
}

/* The driver's own description, cut down to what was asked for: hotbed.describe/1 per subproject. */
static int print_json(const struct hb_catalogue *catalogue, struct hb_error *reterr)
{
	cJSON *json = cJSON_CreateObject();
	cJSON *array = json ? cJSON_AddArrayToObject(json, "experiments") : NULL;
	char *text = NULL;
	int r = array ? 0 : -ENOMEM;

	for (size_t i = 0; i < catalogue->count && r == 0; i++) {
		const struct hb_catalogue_entry *entry = &catalogue->entries[i];
		cJSON *copy;

		if (!entry->selected)
			continue;
		copy = cJSON_Duplicate(entry->describe, true);
		if (!copy || !cJSON_AddItemToArray(array, copy))
			r = -ENOMEM;
		else
			r = hb_json_add_text(copy, "subproject", entry->driver->subproject);
	}
	if (r == 0)
		text = cJSON_Print(json);
	if (text)
		puts(text);
	else
		r = hb_error_set(reterr, -ENOMEM, "not enough memory to print the description");
	cJSON_free(text);
	cJSON_Delete(json);
	return r;
}

static int run_describe(const struct hb_arguments *arguments)
{
	const char *const *operands = hb_arguments_operands(arguments, NULL);
	struct hb_catalogue catalogue;
	struct hb_error error = {0};
	int code = HB_EXIT_DONE;
	int r;

	if (!operands[0]) {
		hb_log(HB_LOG_ERROR, "describe: needs SUB or SUB/EXPERIMENT; 'hotbed list' shows "
				     "what there is");
		return HB_EXIT_USAGE;
	}
	r = hb_catalogue_load(hb_build_root(), &catalogue, &error);
	if (r < 0) {
		hb_error_wrap(&error, "describe");
		hb_log_error(&error);
		return HB_EXIT_FAULT;
	}
	r = hb_catalogue_select(&catalogue, operands, &error);
	if (r < 0)
		code = r == -EINVAL ? HB_EXIT_USAGE : HB_EXIT_FAULT;
	else if (hb_arguments_flag(arguments, "json"))
		r = print_json(&catalogue, &error);
	else
		r = print_text(&catalogue, &error);
	if (r < 0) {
		hb_error_wrap(&error, "describe");
		hb_log_error(&error);
		code = code == HB_EXIT_DONE ? HB_EXIT_FAULT : code;
	}
	hb_catalogue_finish(&catalogue);
	return code;
}

static const struct hb_option options[] = {
	{0},
};

const struct hb_command hb_command_describe = {
	.name = "describe",
	.operands = "SUB[/EXPERIMENT]...",
	.summary = "Describe an experiment: question, parameters, metrics, variants, claims.",
	.description = "Prints what the driver's tables say: the question, each parameter with its "
		       "default, "
		       "quick and full sweep, each metric with unit, direction and basis, the "
		       "variants with "
		       "their roles, and the claims with the range of the ratio they expect.\n\n"
		       "With --json the object has the form of hotbed-driver(7), with the member "
		       "subproject added to every experiment.",
	.options = options,
	.completion = "experiments",
	.run = run_describe,
};
