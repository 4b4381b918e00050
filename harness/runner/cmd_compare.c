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
#include "label.h"

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

/* One side of a pair. */
struct side {
	const struct hb_comparison *c;
	struct hb_effect effect;
};

struct pair {
	struct side a, b;
	enum difference difference;
};

struct comparison {
	struct hb_analysis a, b;
	bool all, json;
	size_t count, printed, counts[DIFFERENCE_COUNT];
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

static int compare_rows(const void *x, const void *y, void *user)
{
	const struct hb_analysis *analysis = user;
	const struct hb_comparison *rows = analysis->summary.comparisons;

	return compare_names(
		analysis, &rows[*(const uint32_t *)x], analysis, &rows[*(const uint32_t *)y]);
}

/* Indices of the rows by name; freed by the caller. */
static uint32_t *sort_rows(struct hb_analysis *analysis)
{
	size_t count = analysis->summary.comparison_count;
	uint32_t *rows = count < UINT32_MAX ? calloc(count + 1, sizeof(*rows)) : NULL;

	for (uint32_t i = 0; rows && i < count; i++)
		rows[i] = i;
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

static enum difference judge(
	const struct comparison *comparison, const struct side *a, const struct side *b)
{
	const struct hb_plan_experiment *e = &comparison->a.plan.experiments[a->c->experiment];
	const struct hb_plan_metric *metric = &e->metrics[a->c->metric];
	bool same_host = !strcmp(comparison->a.plan.host_id, comparison->b.plan.host_id);
	bool is_time = !strcmp(metric->basis, "wall") || !strcmp(metric->basis, "cpu");

	if (is_time && !same_host)
		return DIFFERENCE_OTHER_HOST;
	if (metric->exact && comparison->a.plan.seed == comparison->b.plan.seed &&
		(!close_enough(a->effect.median_baseline, b->effect.median_baseline, same_host) ||
			!close_enough(
				a->effect.median_variant, b->effect.median_variant, same_host)))
		return DIFFERENCE_EXACT;
	if (a->c->verdict != b->c->verdict)
		return DIFFERENCE_VERDICT;
	if (a->effect.ratio.hi < b->effect.ratio.lo || b->effect.ratio.hi < a->effect.ratio.lo)
		return DIFFERENCE_INTERVAL;
	return DIFFERENCE_NONE;
}

static void print_effect(const struct side *side)
{
	const struct hb_interval *ratio = &side->effect.ratio;

	printf("x%.4g", hb_effect_ratio(ratio->estimate));
	if (ratio->confidence > 0)
		printf(" [%.4g, %.4g]", hb_effect_ratio(ratio->lo), hb_effect_ratio(ratio->hi));
	printf(" %s", hb_verdict_names[side->c->verdict]);
}

/* "spork/spawn-latency, pages 4k, rss 1 GiB: call_p50 of posix_spawn: ..." */
static void print_pair(const struct comparison *comparison, const struct pair *pair)
{
	const struct hb_comparison *c = pair->a.c;
	const struct hb_plan_experiment *e = &comparison->a.plan.experiments[c->experiment];
	struct hb_text label = {0};

	hb_label_point(e, e->points[c->point].params, HB_LABEL_VARYING | HB_LABEL_PLAIN, NULL, NULL,
		&label);
	printf("%s/%s%s%s: %s of %s%s: ", e->subproject, e->experiment,
		label.length_bytes ? ", " : "", label.length_bytes ? label.bytes : "",
		e->metrics[c->metric].name, e->variants[c->variant].name,
		c->against != e->baseline ? " against the best rival" : "");
	hb_text_finish(&label);
	print_effect(&pair->a);
	printf(" -> ");
	print_effect(&pair->b);
	printf(" (%s)\n", difference_names[pair->difference]);
}

static int add_effect(cJSON *object, const char *key, const struct side *side)
{
	const struct hb_interval *ratio = &side->effect.ratio;
	cJSON *effect = cJSON_AddObjectToObject(object, key);
	int r = effect ? hb_json_add_text(effect, "verdict", hb_verdict_names[side->c->verdict])
		       : -ENOMEM;

	if (!r && !isnan(ratio->estimate))
		r = hb_json_add_double(effect, "ratio", hb_effect_ratio(ratio->estimate));
	if (!r && ratio->confidence > 0)
		r = hb_json_add_double(effect, "ratio_lo", hb_effect_ratio(ratio->lo));
	if (!r && ratio->confidence > 0)
		r = hb_json_add_double(effect, "ratio_hi", hb_effect_ratio(ratio->hi));
	return r;
}

/* On one line, as in summary.json. */
static int print_json_pair(const struct comparison *comparison, const struct pair *pair)
{
	const struct hb_comparison *c = pair->a.c;
	const struct hb_plan_experiment *e = &comparison->a.plan.experiments[c->experiment];
	const struct {
		const char *key, *text;
	} members[] = {
		{"subproject", e->subproject},
		{"experiment", e->experiment},
		{"params", e->points[c->point].params},
		{"metric", e->metrics[c->metric].name},
		{"variant", e->variants[c->variant].name},
		{"difference", difference_names[pair->difference]},
	};
	cJSON *row = cJSON_CreateObject();
	char *text = NULL;
	int r = row ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < sizeof(members) / sizeof(members[0]); i++)
		r = hb_json_add_text(row, members[i].key, members[i].text);
	if (!r)
		r = add_effect(row, "a", &pair->a);
	if (!r)
		r = add_effect(row, "b", &pair->b);
	if (!r)
		text = cJSON_PrintUnformatted(row);
	if (text)
		printf("%s\n  %s", comparison->printed ? "," : "", text);
	cJSON_free(text);
	cJSON_Delete(row);
	return text ? 0 : -ENOMEM;
}

/* Judge the two rows that ask one question, and print what is to be shown of them. */
static int take_pair(
	struct comparison *comparison, const struct hb_comparison *a, const struct hb_comparison *b)
{
	struct pair pair = {.a.c = a, .b.c = b};
	int r = hb_summary_effect(&comparison->a.summary, a, &pair.a.effect);

	if (!r)
		r = hb_summary_effect(&comparison->b.summary, b, &pair.b.effect);
	if (r)
		return r;
	pair.difference = judge(comparison, &pair.a, &pair.b);
	comparison->counts[pair.difference]++;
	comparison->count++;
	if (!comparison->all &&
		(pair.difference == DIFFERENCE_NONE ||
			(pair.difference == DIFFERENCE_OTHER_HOST && !comparison->json)))
		return 0;
	if (comparison->json)
		r = print_json_pair(comparison, &pair);
	else
		print_pair(comparison, &pair);
	comparison->printed++;
	return r;
}

/* Both lists are sorted: one walk pairs them. */
static int walk_pairs(struct comparison *comparison)
{
	const struct hb_summary *a = &comparison->a.summary, *b = &comparison->b.summary;
	uint32_t *x = sort_rows(&comparison->a), *y = sort_rows(&comparison->b);
	size_t i = 0, j = 0, n = a->comparison_count, m = b->comparison_count;
	int r = x && y ? 0 : -ENOMEM;

	while (!r && i < n && j < m) {
		const struct hb_comparison *c = &a->comparisons[x[i]], *d = &b->comparisons[y[j]];
		int order = compare_names(&comparison->a, c, &comparison->b, d);

		comparison->only_a += order < 0;
		comparison->only_b += order > 0;
		if (order == 0)
			r = take_pair(comparison, c, d);
		i += order <= 0;
		j += order >= 0;
	}
	comparison->only_a += n - i;
	comparison->only_b += m - j;
	free(x);
	free(y);
	return r;
}

static int print_comparison(struct comparison *comparison)
{
	int r;

	/* Run ids were checked when the plans were read: they need no escapes. */
	if (comparison->json)
		printf("{\"schema\":\"hotbed.compare/1\",\"a\":\"%s\",\"b\":\"%s\",\n"
		       " \"rows\": [",
			comparison->a.plan.run_id, comparison->b.plan.run_id);
	r = walk_pairs(comparison);
	if (r)
		return r;
	if (comparison->json)
		puts("]}");
	else
		printf("%zu rows compared: %zu other verdicts, %zu disjoint intervals, %zu exact "
		       "metrics differ, %zu not comparable (time on another host); %zu only in "
		       "the first run, %zu only in the second\n",
			comparison->count, comparison->counts[DIFFERENCE_VERDICT],
			comparison->counts[DIFFERENCE_INTERVAL],
			comparison->counts[DIFFERENCE_EXACT],
			comparison->counts[DIFFERENCE_OTHER_HOST], comparison->only_a,
			comparison->only_b);
	return fflush(stdout) || ferror(stdout) ? -EIO : 0;
}

static int run_compare(const struct hb_arguments *arguments)
{
	struct comparison comparison = {.all = hb_arguments_flag(arguments, "all"),
		.json = hb_arguments_flag(arguments, "json")};
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
	} else {
		int r = print_comparison(&comparison);

		if (r)
			hb_log(HB_LOG_ERROR, "compare: %s",
				r == -ENOMEM ? "out of memory"
					     : "standard output cannot be written");
		exit_code = r ? HB_EXIT_FAULT : HB_EXIT_DONE;
	}
	hb_analysis_finish(&comparison.a);
	hb_analysis_finish(&comparison.b);
	return exit_code;
}

static const struct hb_option options[] = {
	{"all", 'a', NULL, "Show every row, not only those that differ."},
	{0},
};

static const struct hb_example examples[] = {
	{"./hotbed compare before latest", "what changed since"},
	{"./hotbed compare before latest --json", "every row, for programs"},
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
	.examples = examples,
	.completion = "results",
	.run = run_compare,
};
