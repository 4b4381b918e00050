/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed compare: what changed between two runs. Only ratios are compared, each to its own run's baseline. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/error.h"
#include "hotbed/json.h"
#include "hotbed/log.h"
#include "analysis.h"
#include "command.h"

/* On another host exact values may differ by this, since libm does. */
#define EXACT_TOLERANCE 1e-9

enum difference {
	DIFFERENCE_NONE,
	DIFFERENCE_VERDICT,    /* another verdict */
	DIFFERENCE_INTERVAL,   /* same verdict, disjoint intervals */
	DIFFERENCE_EXACT,      /* an exact metric has another value */
	DIFFERENCE_OTHER_HOST, /* time on different machines says nothing */
	DIFFERENCE_COUNT,
};

static const char *const difference_names[DIFFERENCE_COUNT] = {
	"none", "verdict", "interval", "exact", "other host"};

struct pair {
	const struct hb_comparison *a, *b;
	enum difference difference;
};

struct comparison {
	struct hb_analysis a, b;
	struct pair *pairs;
	size_t count, counts[DIFFERENCE_COUNT];
	size_t only_a, only_b;
};

static int compare_names(const struct hb_analysis *x, const struct hb_comparison *a,
	const struct hb_analysis *y, const struct hb_comparison *b)
{
	const struct hb_plan_experiment *e = &x->plan.experiments[a->experiment];
	const struct hb_plan_experiment *f = &y->plan.experiments[b->experiment];
	int r = strcmp(e->subproject, f->subproject);

	r = r ? r : strcmp(e->experiment, f->experiment);
	r = r ? r : strcmp(e->points[a->point].params, f->points[b->point].params);
	r = r ? r : strcmp(e->metrics[a->metric].name, f->metrics[b->metric].name);
	r = r ? r : strcmp(e->variants[a->variant].name, f->variants[b->variant].name);
	/* Which rival was best may differ between the runs; the row is the same question. */
	return r ? r : (a->against != e->baseline) - (b->against != f->baseline);
}

static int compare_rows(const void *x, const void *y, void *analysis)
{
	return compare_names(analysis, *(const struct hb_comparison *const *)x, analysis,
		*(const struct hb_comparison *const *)y);
}

static const struct hb_comparison **sort_rows(struct hb_analysis *analysis)
{
	size_t count = analysis->summary.comparison_count;
	const struct hb_comparison **rows = calloc(count + 1, sizeof(*rows));

	for (size_t i = 0; rows && i < count; i++)
		rows[i] = &analysis->summary.comparisons[i];
	if (rows)
		qsort_r(rows, count, sizeof(*rows), compare_rows, analysis);
	return rows;
}

static bool close_enough(double a, double b, bool same_host)
{
	if (isnan(a) && isnan(b))
		return true;
	if (a == b)
		return true;
	return !same_host && fabs(a - b) <= EXACT_TOLERANCE * fmax(fabs(a), fabs(b));
}

static enum difference judge(const struct comparison *comparison, const struct hb_comparison *a,
	const struct hb_comparison *b)
{
	const struct hb_plan_experiment *e = &comparison->a.plan.experiments[a->experiment];
	const struct hb_plan_metric *metric = &e->metrics[a->metric];
	bool same_host = !strcmp(comparison->a.plan.host_id, comparison->b.plan.host_id);
	bool is_time = !strcmp(metric->basis, "wall") || !strcmp(metric->basis, "cpu");

	if (is_time && !same_host)
		return DIFFERENCE_OTHER_HOST;
	if (metric->exact && comparison->a.plan.seed == comparison->b.plan.seed &&
		(!close_enough(a->effect.median_baseline, b->effect.median_baseline, same_host) ||
			!close_enough(
				a->effect.median_variant, b->effect.median_variant, same_host)))
		return DIFFERENCE_EXACT;
	if (a->verdict != b->verdict)
		return DIFFERENCE_VERDICT;
	if (a->effect.ratio.hi < b->effect.ratio.lo || b->effect.ratio.hi < a->effect.ratio.lo)
		return DIFFERENCE_INTERVAL;
	return DIFFERENCE_NONE;
}

/* Both lists are sorted: one walk pairs them. */
static int pair_rows(struct comparison *comparison)
{
	const struct hb_comparison **x = sort_rows(&comparison->a), **y = sort_rows(&comparison->b);
	size_t i = 0, j = 0, n = comparison->a.summary.comparison_count;
	size_t m = comparison->b.summary.comparison_count;

	comparison->pairs = calloc(n + 1, sizeof(*comparison->pairs));
	while (x && y && comparison->pairs && i < n && j < m) {
		int order = compare_names(&comparison->a, x[i], &comparison->b, y[j]);
		struct pair *pair = &comparison->pairs[comparison->count];

		if (order < 0) {
			comparison->only_a++;
			i++;
		} else if (order > 0) {
			comparison->only_b++;
			j++;
		} else {
			*pair = (struct pair){x[i], y[j], judge(comparison, x[i], y[j])};
			comparison->counts[pair->difference]++;
			comparison->count++;
			i++;
			j++;
		}
	}
	comparison->only_a += n - i;
	comparison->only_b += m - j;
	i = x && y && comparison->pairs;
	free(x);
	free(y);
	return i ? 0 : -ENOMEM;
}

static void print_effect(const struct hb_comparison *c)
{
	printf("x%.4g", hb_effect_ratio(c->effect.ratio.estimate));
	if (c->effect.ratio.confidence > 0)
		printf(" [%.4g, %.4g]", hb_effect_ratio(c->effect.ratio.lo),
			hb_effect_ratio(c->effect.ratio.hi));
	printf(" %s", hb_verdict_names[c->verdict]);
}

static void print_text(const struct comparison *comparison, bool all)
{
	for (size_t i = 0; i < comparison->count; i++) {
		const struct pair *pair = &comparison->pairs[i];
		const struct hb_plan_experiment *e =
			&comparison->a.plan.experiments[pair->a->experiment];

		if (!all && (pair->difference == DIFFERENCE_NONE ||
				    pair->difference == DIFFERENCE_OTHER_HOST))
			continue;
		printf("%s/%s %s %s of %s%s: ", e->subproject, e->experiment,
			e->points[pair->a->point].params, e->metrics[pair->a->metric].name,
			e->variants[pair->a->variant].name,
			pair->a->against != e->baseline ? " against the best rival" : "");
		print_effect(pair->a);
		printf(" -> ");
		print_effect(pair->b);
		printf(" (%s)\n", difference_names[pair->difference]);
	}
	printf("%zu rows compared: %zu other verdicts, %zu disjoint intervals, %zu exact metrics "
	       "differ, %zu not comparable (time on another host); %zu only in the first run, %zu "
	       "only in the second\n",
		comparison->count, comparison->counts[DIFFERENCE_VERDICT],
		comparison->counts[DIFFERENCE_INTERVAL], comparison->counts[DIFFERENCE_EXACT],
		comparison->counts[DIFFERENCE_OTHER_HOST], comparison->only_a, comparison->only_b);
}

static int add_effect(cJSON *object, const char *key, const struct hb_comparison *c)
{
	cJSON *effect = cJSON_AddObjectToObject(object, key);
	int r = effect ? hb_json_add_text(effect, "verdict", hb_verdict_names[c->verdict])
		       : -ENOMEM;

	if (!r && !isnan(c->effect.ratio.estimate))
		r = hb_json_add_double(effect, "ratio", hb_effect_ratio(c->effect.ratio.estimate));
	if (!r && c->effect.ratio.confidence > 0)
		r = hb_json_add_double(effect, "ratio_lo", hb_effect_ratio(c->effect.ratio.lo));
	if (!r && c->effect.ratio.confidence > 0)
		r = hb_json_add_double(effect, "ratio_hi", hb_effect_ratio(c->effect.ratio.hi));
	return r;
}

static int print_json(const struct comparison *comparison, bool all)
{
	cJSON *json = cJSON_CreateObject(), *rows = cJSON_AddArrayToObject(json, "rows");
	int r = rows ? hb_json_add_text(json, "schema", "hotbed.compare/1") : -ENOMEM;
	char *text;

	if (!r)
		r = hb_json_add_text(json, "a", comparison->a.plan.run_id);
	if (!r)
		r = hb_json_add_text(json, "b", comparison->b.plan.run_id);
	for (size_t i = 0; !r && i < comparison->count; i++) {
		const struct pair *pair = &comparison->pairs[i];
		const struct hb_plan_experiment *e =
			&comparison->a.plan.experiments[pair->a->experiment];
		cJSON *row;

		if (!all && pair->difference == DIFFERENCE_NONE)
			continue;
		row = cJSON_CreateObject();
		if (!row || !cJSON_AddItemToArray(rows, row))
			r = -ENOMEM;
		if (!r)
			r = hb_json_add_text(row, "subproject", e->subproject);
		if (!r)
			r = hb_json_add_text(row, "experiment", e->experiment);
		if (!r)
			r = hb_json_add_text(row, "params", e->points[pair->a->point].params);
		if (!r)
			r = hb_json_add_text(row, "metric", e->metrics[pair->a->metric].name);
		if (!r)
			r = hb_json_add_text(row, "variant", e->variants[pair->a->variant].name);
		if (!r)
			r = hb_json_add_text(row, "difference", difference_names[pair->difference]);
		if (!r)
			r = add_effect(row, "a", pair->a);
		if (!r)
			r = add_effect(row, "b", pair->b);
	}
	text = r ? NULL : cJSON_Print(json);
	if (!text || puts(text) < 0)
		r = -EIO;
	cJSON_free(text);
	cJSON_Delete(json);
	return r;
}

static int run_compare(const struct hb_arguments *arguments)
{
	struct comparison comparison = {0};
	bool all = hb_arguments_flag(arguments, "all");
	const char *const *operands;
	struct hb_error error = {0};
	int exit_code = HB_EXIT_FAULT;
	size_t count;

	operands = hb_arguments_operands(arguments, &count);
	if (count != 2) {
		hb_log(HB_LOG_ERROR, "compare takes two runs, not %zu: hotbed compare RUN_A RUN_B",
			count);
		return HB_EXIT_USAGE;
	}
	if (hb_analysis_find(operands[0], &comparison.a, &exit_code, &error) ||
		hb_analysis_find(operands[1], &comparison.b, &exit_code, &error)) {
		hb_log_error(&error);
	} else if (pair_rows(&comparison)) {
		hb_log(HB_LOG_ERROR, "compare: out of memory");
		exit_code = HB_EXIT_FAULT;
	} else if (hb_arguments_flag(arguments, "json")) {
		exit_code = print_json(&comparison, all) ? HB_EXIT_FAULT : HB_EXIT_DONE;
	} else {
		exit_code = HB_EXIT_DONE;
		print_text(&comparison, all);
	}
	free(comparison.pairs);
	hb_analysis_finish(&comparison.a);
	hb_analysis_finish(&comparison.b);
	return exit_code;
}

static const struct hb_option options[] = {
	{"all", 'a', NULL, "Show every row, not only those that differ."},
	{0},
};

extern const struct hb_command hb_command_compare;
const struct hb_command hb_command_compare = {
	.name = "compare",
	.operands = "RUN_A RUN_B",
	.summary = "Show what changed between two runs.",
	.description =
		"Pairs the rows of two runs by experiment, point, metric and variant, and prints "
		"those "
		"whose verdict changed, whose intervals no longer overlap, or whose exact value "
		"differs "
		"(the same seed is needed for that).\n\n"
		"Ratios are compared, each against the baseline of its own run, which takes most "
		"of the "
		"machine out. Wall and CPU time from different hosts is not compared at all. To "
		"compare "
		"two builds, `hotbed run --against` puts them into the same blocks and is the only "
		"comparison of time to trust.",
	.options = options,
	.completion = "results",
	.run = run_compare,
};
