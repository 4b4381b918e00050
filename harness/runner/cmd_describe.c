/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed describe: everything that is known about an experiment before it runs. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/json.h>
#include <hotbed/log.h>

#include "catalogue.h"
#include "claim.h"
#include "command.h"
#include "label.h"

static const char *text_of(const cJSON *object, const char *key)
{
	return hb_json_text_or(object, key, "");
}

/* "1 MiB, 16 MiB, 64 MiB" */
static void put_sweep(struct hb_text *text, const cJSON *param, const char *key)
{
	const cJSON *values = cJSON_GetObjectItemCaseSensitive(param, key);
	const cJSON *value;
	const char *separator = "";

	cJSON_ArrayForEach(value, values)
	{
		hb_text_put(text, separator);
		hb_label_value(text, cJSON_IsString(value) ? value->valuestring : "?",
			text_of(param, "unit"), HB_LABEL_PLAIN);
		separator = ", ";
	}
}

/* The sweeps that differ from the default one; a parameter with one value has nothing to sweep. */
static void print_sweeps(const cJSON *param)
{
	static const char *const sweeps[][2] = {
		{"default", "sweep"}, {"quick", "sweep_quick"}, {"full", "sweep_full"}};
	struct hb_text first = {0};

	put_sweep(&first, param, "sweep");
	for (size_t i = 0; i < sizeof(sweeps) / sizeof(sweeps[0]); i++) {
		struct hb_text text = {0};

		put_sweep(&text, param, sweeps[i][1]);
		if (text.bytes && first.bytes && (i == 0 || strcmp(text.bytes, first.bytes) != 0))
			printf("      %-8s%s\n", sweeps[i][0], text.bytes);
		hb_text_finish(&text);
	}
	hb_text_finish(&first);
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
		bool has_unit = strcmp(text_of(param, "unit"), "1") != 0;

		printf("    %s (%s%s%s): %s\n", text_of(param, "name"), text_of(param, "type"),
			has_unit ? ", " : "", has_unit ? text_of(param, "unit") : "",
			text_of(param, "help"));
		print_sweeps(param);
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

/* "posix_spawn at pages 4k, rss 1 GiB" */
static void print_side(const cJSON *experiment, const char *variant, const char *where)
{
	const struct hb_plan_experiment units = {.describe = experiment};
	struct hb_text label = {0};

	hb_label_point(&units, where, HB_LABEL_PLAIN, NULL, NULL, &label);
	printf("%s%s%s", variant, label.length_bytes ? " at " : "",
		label.length_bytes ? label.bytes : "");
	hb_text_finish(&label);
}

static void print_expected(const cJSON *claim)
{
	struct hb_text text = {0};
	double lo = 0, hi = INFINITY;

	(void)hb_csv_parse_double(text_of(claim, "lo"), &lo);
	(void)hb_csv_parse_double(text_of(claim, "hi"), &hi);
	hb_text_put(&text, ": ");
	hb_claim_put_range(&text, lo, hi);
	hb_text_format(&text, "\n      %s", text_of(claim, "paper"));
	hb_claim_put_source(&text, text_of(claim, "section"));
	puts(text.failed ? "" : text.bytes);
	hb_text_finish(&text);
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
		bool headline = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(claim, "headline"));

		printf("    %s%s: %s\n", text_of(claim, "name"), headline ? " (headline)" : "",
			text_of(claim, "text"));
		printf("      %s of ", text_of(claim, "metric"));
		print_side(experiment, text_of(claim, "variant"), text_of(claim, "where"));
		printf(" over ");
		print_side(experiment, *against ? against : "the baseline",
			text_of(claim, "against_where"));
		print_expected(claim);
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
		printf("  %zu point%s, %zu block%s at each, %zu trials, about %s; up to %.0f MiB "
		       "of "
		       "memory\n",
			estimate.points, estimate.points == 1 ? "" : "s", estimate.blocks,
			estimate.blocks == 1 ? "" : "s", estimate.trials,
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

static const struct hb_example examples[] = {
	{"./hotbed describe spork/spawn-latency", "one experiment"},
	{"./hotbed describe spork --json", "a whole subproject, for programs"},
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
	.examples = examples,
	.completion = "experiments",
	.run = run_describe,
};
