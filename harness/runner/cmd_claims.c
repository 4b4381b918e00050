/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed claims: what the papers claim, and what a run says about it. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hotbed/csv.h"
#include "hotbed/error.h"
#include "hotbed/json.h"
#include "hotbed/log.h"
#include "analysis.h"
#include "catalogue.h"
#include "command.h"

/* Judged claims first; those whose points are not in the plan follow by name, since nothing can be said of them. */
static int print_table(const struct hb_analysis *analysis, bool color)
{
	const struct hb_summary *summary = &analysis->summary;
	struct hb_text text = {0}, others = {0};
	size_t count = 0;
	int r;

	for (size_t i = 0; i < summary->claim_count; i++) {
		const struct hb_claim_result *result = &summary->claims[i];
		const struct hb_plan_experiment *e =
			&analysis->plan.experiments[result->experiment];
		const struct hb_plan_claim *claim = &e->claims[result->claim];

		if (!result->unplanned) {
			hb_claim_put_result(&text, &analysis->plan, result, color);
			continue;
		}
		hb_text_format(&others, "  %s/%s %s: %s\n", e->subproject, e->experiment,
			claim->name, claim->text && *claim->text ? claim->text : "");
		count++;
	}
	if (!summary->claim_count)
		hb_text_put(&text, "the experiments of this run state no claims\n");
	if (count)
		hb_text_format(&text,
			"%s%zu not run, since this run's plan lacks their points:\n%s",
			text.length_bytes ? "\n" : "", count, others.bytes);
	r = text.failed || others.failed || fputs(text.bytes, stdout) < 0 ? HB_EXIT_FAULT
									  : HB_EXIT_DONE;
	hb_text_finish(&text);
	hb_text_finish(&others);
	return r;
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
	} else if (!hb_arguments_flag(arguments, "quiet")) {
		exit_code = print_table(&analysis, color);
	}
	for (size_t i = 0; i < analysis.summary.claim_count; i++) {
		const struct hb_claim_result *result = &analysis.summary.claims[i];

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

static double bound_of(const cJSON *claim, const char *key, double fallback)
{
	double value;

	return hb_csv_parse_double(hb_json_text_or(claim, key, ""), &value) ? fallback : value;
}

static void print_claim(const cJSON *claim)
{
	const char *needs = hb_json_text_or(claim, "needs", "");
	struct hb_text text = {0};

	hb_text_format(&text, "  %s%s: %s\n    %s of %s expected ",
		hb_json_text_or(claim, "name", "?"),
		cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(claim, "headline")) ? " (headline)"
										  : "",
		hb_json_text_or(claim, "text", ""), hb_json_text_or(claim, "metric", ""),
		hb_json_text_or(claim, "variant", ""));
	hb_claim_put_range(&text, bound_of(claim, "lo", 0), bound_of(claim, "hi", INFINITY));
	hb_text_format(&text, " (%s", hb_json_text_or(claim, "paper", ""));
	hb_claim_put_source(&text, hb_json_text_or(claim, "section", ""));
	hb_text_format(&text, ")%s%s\n", *needs ? "; needs " : "", needs);
	if (!text.failed)
		(void)fputs(text.bytes, stdout);
	hb_text_finish(&text);
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
	const char *separator = "";
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
		const cJSON *claim, *claims_of = cJSON_GetObjectItemCaseSensitive(
					    catalogue.entries[i].describe, "claims");

		if (!cJSON_GetArraySize(claims_of))
			continue;
		printf("%s%s\n", separator, catalogue.entries[i].name);
		separator = "\n";
		cJSON_ArrayForEach(claim, claims_of) print_claim(claim);
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

static const struct hb_example examples[] = {
	{"./hotbed claims", "what the papers claim"},
	{"./hotbed claims latest", "what the newest run says about it"},
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
	.examples = examples,
	.completion = "results",
	.run = run_claims,
};
