/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed claims: what the papers claim, and what a run says about it. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hotbed/error.h"
#include "hotbed/json.h"
#include "hotbed/log.h"
#include "analysis.h"
#include "catalogue.h"
#include "command.h"

static const char *verdict_color(enum hb_claim_verdict verdict)
{
	switch (verdict) {
	case HB_CLAIM_REPRODUCED:
		return "\033[32m";
	case HB_CLAIM_NOT_REPRODUCED:
		return "\033[31m";
	case HB_CLAIM_INCONCLUSIVE:
		return "\033[33m";
	default:
		return "\033[2m";
	}
}

static void print_result(
	const struct hb_analysis *analysis, const struct hb_claim_result *result, bool color)
{
	const struct hb_plan_experiment *e = &analysis->plan.experiments[result->experiment];
	const struct hb_plan_claim *claim = &e->claims[result->claim];

	printf("%s%-14s%s  %s  %s/%s\n", color ? verdict_color(result->verdict) : "",
		hb_claim_verdict_names[result->verdict], color ? "\033[0m" : "", claim->name,
		e->subproject, e->experiment);
	printf("                %s\n", claim->text);
	printf("                expected x%.4g to x%.4g", claim->lo, claim->hi);
	if (result->blocks && !isnan(result->ratio.estimate))
		printf(", measured x%.4g", hb_effect_ratio(result->ratio.estimate));
	if (result->ratio.confidence > 0)
		printf(" [%.4g, %.4g] over %u blocks", hb_effect_ratio(result->ratio.lo),
			hb_effect_ratio(result->ratio.hi), result->blocks);
	if (*result->reason)
		printf("; %s", result->reason);
	putchar('\n');
}

static int print_results(const struct hb_arguments *arguments, const char *run)
{
	bool strict = hb_arguments_flag(arguments, "strict");
	bool color = hb_arguments_color(arguments, STDOUT_FILENO);
	struct hb_analysis analysis;
	struct hb_error error = {0};
	struct hb_text json = {0};
	int exit_code;

	if (hb_analysis_find(run, &analysis, &exit_code, &error)) {
		hb_log_error(&error);
		return exit_code;
	}
	exit_code = HB_EXIT_DONE;
	if (hb_arguments_flag(arguments, "json")) {
		hb_summary_put_claims_json(&analysis.summary, &json);
		if (json.failed || puts(json.bytes) < 0)
			exit_code = HB_EXIT_FAULT;
		hb_text_finish(&json);
	}
	for (size_t i = 0; i < analysis.summary.claim_count; i++) {
		const struct hb_claim_result *result = &analysis.summary.claims[i];

		if (!hb_arguments_flag(arguments, "json") && !hb_arguments_flag(arguments, "quiet"))
			print_result(&analysis, result, color);
		if (strict && result->verdict == HB_CLAIM_NOT_REPRODUCED)
			exit_code = (int)hb_exit_worst((enum hb_exit)exit_code, HB_EXIT_GATE);
		if (strict && (result->verdict == HB_CLAIM_INCONCLUSIVE ||
				      result->verdict == HB_CLAIM_SMOKE))
			exit_code =
				(int)hb_exit_worst((enum hb_exit)exit_code, HB_EXIT_INCONCLUSIVE);
	}
	hb_analysis_finish(&analysis);
	return exit_code;
}

static void print_claim(const struct hb_catalogue_entry *entry, const cJSON *claim)
{
	const char *section = hb_json_text_or(claim, "section", "");
	const char *needs = hb_json_text_or(claim, "needs", "");

	printf("%s  %s%s\n", hb_json_text_or(claim, "name", "?"), entry->name,
		cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(claim, "headline")) ? "  (headline)"
										  : "");
	printf("    %s\n", hb_json_text_or(claim, "text", ""));
	printf("    %s%s%s; %s of %s expected x%s to x%s%s%s\n",
		hb_json_text_or(claim, "paper", ""), *section ? ", section " : "", section,
		hb_json_text_or(claim, "metric", ""), hb_json_text_or(claim, "variant", ""),
		hb_json_text_or(claim, "lo", "?"), hb_json_text_or(claim, "hi", "?"),
		*needs ? "; needs " : "", needs);
}

/* Copies of the drivers' claims with the experiment they belong to. */
static cJSON *collect_claims(const struct hb_catalogue *catalogue)
{
	cJSON *array = cJSON_CreateArray();

	for (size_t i = 0; array && i < catalogue->count; i++) {
		const struct hb_catalogue_entry *entry = &catalogue->entries[i];
		const cJSON *claims = cJSON_GetObjectItemCaseSensitive(entry->describe, "claims");
		const cJSON *claim;

		cJSON_ArrayForEach(claim, claims)
		{
			cJSON *copy = cJSON_Duplicate(claim, true);

			if (!copy || hb_json_add_text(copy, "experiment", entry->name) ||
				!cJSON_AddItemToArray(array, copy)) {
				cJSON_Delete(copy);
				cJSON_Delete(array);
				return NULL;
			}
		}
	}
	return array;
}

static int list_claims(const struct hb_arguments *arguments)
{
	struct hb_catalogue catalogue;
	struct hb_error error = {0};
	cJSON *claims;
	int exit_code = HB_EXIT_DONE;

	if (hb_catalogue_load(hb_build_root(), &catalogue, &error)) {
		hb_log_error(&error);
		return HB_EXIT_FAULT;
	}
	if (hb_arguments_flag(arguments, "json")) {
		char *text;

		claims = collect_claims(&catalogue);
		text = claims ? cJSON_Print(claims) : NULL;
		if (!text || puts(text) < 0)
			exit_code = HB_EXIT_FAULT;
		cJSON_free(text);
		cJSON_Delete(claims);
	}
	for (size_t i = 0; i < catalogue.count && !hb_arguments_flag(arguments, "json"); i++) {
		const cJSON *claim;

		cJSON_ArrayForEach(claim,
			cJSON_GetObjectItemCaseSensitive(catalogue.entries[i].describe, "claims"))
			print_claim(&catalogue.entries[i], claim);
	}
	hb_catalogue_finish(&catalogue);
	return exit_code;
}

static int run_claims(const struct hb_arguments *arguments)
{
	const char *const *operands;
	size_t count;

	operands = hb_arguments_operands(arguments, &count);
	if (count > 1) {
		hb_log(HB_LOG_ERROR, "claims takes one run, not %zu", count);
		return HB_EXIT_USAGE;
	}
	if (!count && hb_arguments_flag(arguments, "strict")) {
		hb_log(HB_LOG_ERROR, "--strict judges a run; name one, or 'latest'");
		return HB_EXIT_USAGE;
	}
	return count ? print_results(arguments, operands[0]) : list_claims(arguments);
}

static const struct hb_option options[] = {
	{"strict", 0, NULL, "Exit 1 if a claim is not reproduced, 4 if one is inconclusive."},
	{0},
};

extern const struct hb_command hb_command_claims;
const struct hb_command hb_command_claims = {
	.name = "claims",
	.operands = "[RUN]",
	.summary = "List the papers' claims, or judge them by a run.",
	.description = "Without RUN: every claim of every driver, as data. With RUN (a folder, a "
		       "run_id or its "
		       "beginning, 'latest'): each claim with the expected range, the measured "
		       "ratio and the "
		       "verdict.\n\n"
		       "A claim is reproduced when the 95 % interval lies inside its range, not "
		       "reproduced "
		       "when it lies outside, else inconclusive. A claim whose variant was skipped "
		       "for want of "
		       "hardware needs hardware; one whose point was not run is not run.",
	.options = options,
	.completion = "results",
	.run = run_claims,
};
