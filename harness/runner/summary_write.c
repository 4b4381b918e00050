/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The summary as CSV and as JSON. Rows are written one by one: a tree of 100,000 rows would not fit the budget. */
#include "summary.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/csv.h"
#include "hotbed/json.h"

static const char *const columns[] = {"experiment", "params", "metric", "unit", "better", "basis",
	"baseline", "variant", "blocks", "median_baseline", "median_variant", "ratio", "ratio_lo",
	"ratio_hi", "confidence", "aa_lo", "aa_hi", "cliffs_delta", "p_holm", "verdict", "failed",
	"claim", "claim_verdict"};

/* An undefined number is an empty field, which every reader takes for missing. */
static void put_number(struct hb_csv_buffer *buffer, double value)
{
	if (isnan(value))
		hb_csv_put_text(buffer, "");
	else
		hb_csv_put_double(buffer, value);
}

/* "a;b" over the claims that name the row: their names, or their verdicts. */
static void join_claims(const struct hb_summary *summary, const struct hb_comparison *c,
	bool verdicts, struct hb_text *text)
{
	int i = -1;

	while ((i = hb_summary_next_claim(summary, c, (size_t)(i + 1))) >= 0) {
		const struct hb_claim_result *result = &summary->claims[i];

		if (text->length_bytes)
			hb_text_put(text, ";");
		hb_text_put(text, verdicts ? hb_claim_verdict_names[result->verdict]
					   : summary->plan->experiments[c->experiment]
						     .claims[result->claim]
						     .name);
	}
}

static void put_claims(const struct hb_summary *summary, const struct hb_comparison *c,
	struct hb_csv_buffer *buffer)
{
	for (int verdicts = 0; verdicts < 2; verdicts++) {
		struct hb_text text = {0};

		join_claims(summary, c, verdicts, &text);
		hb_csv_put_text(buffer, text.bytes ? text.bytes : "");
		if (text.failed)
			buffer->failed = text.failed;
		hb_text_finish(&text);
	}
}

static void put_row(const struct hb_summary *summary, const struct hb_comparison *c,
	const struct hb_effect *effect, struct hb_csv_buffer *buffer)
{
	const struct hb_plan_experiment *e = &summary->plan->experiments[c->experiment];
	const struct hb_plan_metric *metric = &e->metrics[c->metric];
	bool interval = effect->ratio.confidence > 0, aa = effect->aa.confidence > 0;
	struct hb_text name = {0};

	hb_text_format(&name, "%s/%s", e->subproject, e->experiment);
	hb_csv_put_text(buffer, name.bytes);
	hb_text_finish(&name);
	hb_csv_put_text(buffer, e->points[c->point].params);
	hb_csv_put_text(buffer, metric->name);
	hb_csv_put_text(buffer, metric->unit);
	hb_csv_put_text(buffer, metric->better);
	hb_csv_put_text(buffer, metric->basis);
	hb_csv_put_text(buffer, e->variants[c->against].name);
	hb_csv_put_text(buffer, e->variants[c->variant].name);
	hb_csv_put_u64(buffer, effect->blocks);
	put_number(buffer, effect->median_baseline);
	put_number(buffer, effect->median_variant);
	put_number(buffer, hb_effect_ratio(effect->ratio.estimate));
	put_number(buffer, interval ? hb_effect_ratio(effect->ratio.lo) : NAN);
	put_number(buffer, interval ? hb_effect_ratio(effect->ratio.hi) : NAN);
	put_number(buffer, interval ? effect->ratio.confidence : NAN);
	put_number(buffer, aa ? hb_effect_ratio(effect->aa.lo) : NAN);
	put_number(buffer, aa ? hb_effect_ratio(effect->aa.hi) : NAN);
	put_number(buffer, effect->cliffs_delta);
	put_number(buffer, c->p_holm);
	hb_csv_put_text(buffer, hb_verdict_names[c->verdict]);
	hb_csv_put_u64(buffer, effect->failed);
	put_claims(summary, c, buffer);
	hb_csv_end_record(buffer);
}

/* Undefined numbers are null: JSON has no NaN, and "nan" would read as a text. */
static int add_number(cJSON *object, const char *key, double value)
{
	if (isnan(value))
		return cJSON_AddNullToObject(object, key) ? 0 : -ENOMEM;
	return hb_json_add_double(object, key, value);
}

/* Takes @object over; prints it on one line. */
static void put_object(struct hb_text *text, cJSON *object, int failed)
{
	char *line = failed ? NULL : cJSON_PrintUnformatted(object);

	if (line)
		hb_text_put(text, line);
	else
		text->failed = -ENOMEM;
	cJSON_free(line);
	cJSON_Delete(object);
}

static int add_interval(cJSON *object, const char *prefix, const struct hb_interval *interval)
{
	bool known = interval->confidence > 0;
	char key[40];
	int r;

	(void)snprintf(key, sizeof(key), "%s_lo", prefix);
	r = add_number(object, key, known ? hb_effect_ratio(interval->lo) : NAN);
	(void)snprintf(key, sizeof(key), "%s_hi", prefix);
	return r | add_number(object, key, known ? hb_effect_ratio(interval->hi) : NAN);
}

static int add_effect(cJSON *object, const struct hb_effect *effect)
{
	int r = hb_json_add_u64(object, "blocks", effect->blocks);

	r |= add_number(object, "median_baseline", effect->median_baseline);
	r |= add_number(object, "median_variant", effect->median_variant);
	r |= add_number(object, "ratio", hb_effect_ratio(effect->ratio.estimate));
	r |= add_interval(object, "ratio", &effect->ratio);
	r |= add_number(object, "confidence",
		effect->ratio.confidence > 0 ? effect->ratio.confidence : NAN);
	r |= add_interval(object, "aa", &effect->aa);
	r |= add_number(object, "cliffs_delta", effect->cliffs_delta);
	r |= add_number(object, "p", effect->p);
	r |= add_number(object, "trend", effect->trend);
	r |= add_number(object, "trend_p", effect->trend_p);
	r |= add_number(object, "lag1", effect->lag1);
	r |= hb_json_add_u64(object, "outliers", effect->outliers);
	r |= hb_json_add_u64(object, "without_ratio", effect->unknown);
	r |= hb_json_add_u64(object, "noisy", effect->noisy);
	r |= hb_json_add_u64(object, "failed", effect->failed);
	return r | hb_json_add_u64(object, "unverified", effect->unverified);
}

static void put_json_row(const struct hb_summary *summary, const struct hb_comparison *c,
	const struct hb_effect *effect, struct hb_text *text)
{
	const struct hb_plan_experiment *e = &summary->plan->experiments[c->experiment];
	const struct hb_plan_metric *metric = &e->metrics[c->metric];
	cJSON *object = cJSON_CreateObject();
	struct hb_text claim = {0}, verdict = {0};
	int r = hb_json_add_text(object, "subproject", e->subproject);

	join_claims(summary, c, false, &claim);
	join_claims(summary, c, true, &verdict);
	r |= hb_json_add_text(object, "experiment", e->experiment);
	r |= hb_json_add_text(object, "params", e->points[c->point].params);
	r |= hb_json_add_text(object, "metric", metric->name);
	r |= hb_json_add_text(object, "unit", metric->unit);
	r |= hb_json_add_text(object, "better", metric->better);
	r |= hb_json_add_text(object, "basis", metric->basis);
	r |= hb_json_add_bool(object, "exact", metric->exact);
	r |= hb_json_add_double(object, "min_effect", hb_verdict_min_effect(metric));
	r |= hb_json_add_text(object, "baseline", e->variants[c->against].name);
	r |= hb_json_add_text(object, "variant", e->variants[c->variant].name);
	r |= hb_json_add_text(object, "role", e->variants[c->variant].role);
	r |= add_effect(object, effect);
	r |= add_number(object, "p_holm", c->p_holm);
	r |= hb_json_add_text(object, "verdict", hb_verdict_names[c->verdict]);
	r |= hb_json_add_text(object, "reason", c->reason);
	r |= hb_json_add_text(object, "claim", claim.bytes);
	r |= hb_json_add_text(object, "claim_verdict", verdict.bytes);
	put_object(text, object, r);
	hb_text_finish(&claim);
	hb_text_finish(&verdict);
}

static void put_json_claim(const struct hb_summary *summary, const struct hb_claim_result *result,
	struct hb_text *text)
{
	const struct hb_plan_experiment *e = &summary->plan->experiments[result->experiment];
	const struct hb_plan_claim *claim = &e->claims[result->claim];
	cJSON *object = cJSON_CreateObject();
	int r = hb_json_add_text(object, "subproject", e->subproject);

	r |= hb_json_add_text(object, "experiment", e->experiment);
	r |= hb_json_add_text(object, "claim", claim->name);
	r |= hb_json_add_text(object, "text", claim->text);
	r |= hb_json_add_text(object, "paper", claim->paper);
	r |= hb_json_add_text(object, "section", claim->section);
	r |= hb_json_add_text(object, "metric", claim->metric);
	r |= hb_json_add_text(object, "variant", claim->variant);
	r |= hb_json_add_text(object, "where", claim->where);
	r |= hb_json_add_text(object, "against_variant",
		claim->against_variant && *claim->against_variant ? claim->against_variant
								  : e->variants[e->baseline].name);
	r |= hb_json_add_text(object, "against_where", claim->against_where);
	r |= hb_json_add_double(object, "lo", claim->lo);
	r |= hb_json_add_double(object, "hi", claim->hi);
	r |= hb_json_add_text(object, "needs", claim->needs);
	r |= hb_json_add_bool(object, "headline", claim->headline);
	r |= hb_json_add_text(object, "verdict", hb_claim_verdict_names[result->verdict]);
	r |= add_number(object, "ratio", hb_effect_ratio(result->ratio.estimate));
	r |= add_interval(object, "ratio", &result->ratio);
	r |= add_number(object, "confidence",
		result->ratio.confidence > 0 ? result->ratio.confidence : NAN);
	r |= hb_json_add_u64(object, "blocks", result->blocks);
	r |= hb_json_add_u64(object, "points", result->points);
	r |= hb_json_add_text(object, "method", result->method);
	r |= hb_json_add_text(object, "reason", result->reason);
	put_object(text, object, r);
}

void hb_summary_put_claims_json(const struct hb_summary *summary, struct hb_text *text)
{
	hb_text_put(text, "[");
	for (size_t i = 0; i < summary->claim_count; i++) {
		hb_text_put(text, i ? ",\n  " : "\n  ");
		put_json_claim(summary, &summary->claims[i], text);
	}
	hb_text_put(text, summary->claim_count ? "\n ]" : "]");
}

static void put_json_failure(
	const struct hb_summary *summary, const struct hb_failure *failure, struct hb_text *text)
{
	const struct hb_plan_experiment *e = &summary->plan->experiments[failure->experiment];
	cJSON *object = cJSON_CreateObject();
	int r = hb_json_add_text(object, "subproject", e->subproject);

	r |= hb_json_add_text(object, "experiment", e->experiment);
	r |= hb_json_add_text(object, "params", e->points[failure->point].params);
	r |= hb_json_add_text(object, "variant", hb_trials_arm_name(e, failure->arm));
	r |= hb_json_add_u64(object, "block", failure->block);
	r |= hb_json_add_u64(object, "attempt", failure->attempt);
	r |= hb_json_add_u64(object, "seq", failure->seq);
	r |= hb_json_add_text(object, "status", hb_status_names[failure->status]);
	r |= hb_json_add_text(object, "detail", failure->detail);
	put_object(text, object, r);
}

static void put_json_head(const struct hb_summary *summary, struct hb_text *text)
{
	const struct hb_plan *plan = summary->plan;
	cJSON *object = cJSON_CreateObject();
	int r = hb_json_add_text(object, "schema", "hotbed.summary/1");

	r |= hb_json_add_text(object, "run_id", plan->run_id);
	r |= hb_json_add_text(object, "created_utc", plan->created_utc);
	r |= hb_json_add_text(object, "mode", plan->mode);
	r |= hb_json_add_bool(object, "verdicts", plan->verdicts);
	r |= hb_json_add_text(object, "host_id", plan->host_id);
	r |= hb_json_add_text(object, "env_id", plan->env_id);
	r |= hb_json_add_text(object, "build_id", plan->build_id);
	r |= hb_json_add_u64(object, "seed", plan->seed);
	r |= hb_json_add_u64(object, "trials", summary->trials->trial_count);
	r |= hb_json_add_u64(object, "failed", summary->trials->failed_count);
	put_object(text, object, r);
	/* The lists follow in the same object: its closing brace comes last. */
	if (!text->failed)
		text->bytes[--text->length_bytes] = '\0';
}

static void put_json_text(struct hb_text *text, const char *string)
{
	put_object(text, cJSON_CreateString(string), 0);
}

/* All that stands before the rows: bounded, since so are the lists. */
static void put_json_lists(const struct hb_summary *summary, struct hb_text *text)
{
	put_json_head(summary, text);
	hb_text_put(text, ",\n \"claims\": ");
	hb_summary_put_claims_json(summary, text);
	hb_text_put(text, ",\n \"warnings\": [");
	for (size_t i = 0; i < summary->warning_count; i++) {
		hb_text_put(text, i ? ",\n  " : "\n  ");
		put_json_text(text, summary->warnings[i]);
	}
	hb_text_put(text, "],\n \"failures\": [");
	for (size_t i = 0; i < summary->trials->failure_count; i++) {
		hb_text_put(text, i ? ",\n  " : "\n  ");
		put_json_failure(summary, &summary->trials->failures[i], text);
	}
	hb_text_put(text, "],\n \"rows\": [");
}

/* Both files with what of them is not written yet: a row at most. */
struct output {
	FILE *csv, *json;
	struct hb_csv_buffer buffer;
	struct hb_text text;
};

static int write_out(struct output *output)
{
	int r = output->buffer.failed ? output->buffer.failed : output->text.failed;
	size_t csv = output->buffer.length_bytes, json = output->text.length_bytes;

	if (!r && csv && fwrite(output->buffer.text, 1, csv, output->csv) != csv)
		r = -errno;
	if (!r && json && fwrite(output->text.bytes, 1, json, output->json) != json)
		r = -errno;
	hb_csv_buffer_reset(&output->buffer);
	output->text.length_bytes = 0;
	return r;
}

static int write_rows(const struct hb_summary *summary, struct output *output)
{
	int r = 0;

	for (size_t i = 0; !r && i < summary->comparison_count; i++) {
		const struct hb_comparison *c = &summary->comparisons[i];
		struct hb_effect effect;

		r = hb_summary_effect(summary, c, &effect);
		if (r)
			break;
		if (output->csv)
			put_row(summary, c, &effect, &output->buffer);
		if (output->json) {
			hb_text_put(&output->text, i ? ",\n  " : "\n  ");
			put_json_row(summary, c, &effect, &output->text);
		}
		r = write_out(output);
	}
	return r;
}

int hb_summary_write(const struct hb_summary *summary, FILE *csv, FILE *json)
{
	struct output output = {.csv = csv, .json = json};
	int r;

	if (csv) {
		for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
			hb_csv_put_text(&output.buffer, columns[i]);
		hb_csv_end_record(&output.buffer);
	}
	if (json)
		put_json_lists(summary, &output.text);
	r = write_out(&output);
	if (!r)
		r = write_rows(summary, &output);
	if (!r && json) {
		hb_text_put(&output.text, "]}\n");
		r = write_out(&output);
	}
	hb_csv_buffer_finish(&output.buffer);
	hb_text_finish(&output.text);
	return r;
}
