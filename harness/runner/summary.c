/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is compared with what, Holm's family, and the warnings. */
#include "summary.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/error.h"

/* Drift is warned of at this p value: loose enough to help, tight enough not to cry on every long run. */
#define DRIFT_P 0.001

/* What a warning is made of, counted over the rows of one experiment. */
struct statistics {
	uint64_t rows, drifting, apart, outliers;
};

/* The summary while it is made. */
struct builder {
	struct hb_summary *summary;
	struct statistics *statistics; /* shape [experiment_count] */
	struct hb_series series;
	size_t capacity;
};

static int compute_effect(const struct hb_summary *summary, const struct hb_comparison *c,
	struct hb_series *series, struct hb_effect *ret)
{
	const struct hb_plan_experiment *experiment = &summary->plan->experiments[c->experiment];
	int r = hb_series_fill(series, summary->trials, c->experiment, c->point, c->variant,
		c->against, c->metric);

	return r ? r
		 : hb_effect_compute(series, experiment->metrics[c->metric].exact,
			   experiment->unseeded, hb_effect_level(experiment), ret);
}

int hb_summary_effect(
	const struct hb_summary *summary, const struct hb_comparison *c, struct hb_effect *ret)
{
	size_t index = (size_t)(c - summary->comparisons);
	struct hb_series series = {0};
	int r;

	if (index < HB_SUMMARY_EFFECTS_KEPT) {
		*ret = summary->effects[index];
		return 0;
	}
	r = compute_effect(summary, c, &series, ret);
	hb_series_finish(&series);
	return r;
}

static void count_statistics(struct builder *builder, const struct hb_comparison *c,
	const struct hb_effect *effect, double min_effect)
{
	struct statistics *statistics = &builder->statistics[c->experiment];
	double limit = log1p(min_effect);

	if (!effect->blocks)
		return;
	statistics->rows++;
	statistics->drifting += effect->trend_p < DRIFT_P;
	statistics->outliers += effect->outliers > 0;
	statistics->apart +=
		effect->aa.confidence > 0 && (effect->aa.lo > limit || effect->aa.hi < -limit);
}

/* Append @c and keep its statistics, if there is room among those that are kept. */
static int append(
	struct builder *builder, const struct hb_comparison *c, const struct hb_effect *effect)
{
	struct hb_summary *summary = builder->summary;

	if (summary->comparison_count == builder->capacity) {
		size_t more = builder->capacity ? builder->capacity * 2 : 64;
		struct hb_comparison *grown = realloc(summary->comparisons, more * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		summary->comparisons = grown;
		builder->capacity = more;
		if (more <= HB_SUMMARY_EFFECTS_KEPT) {
			struct hb_effect *kept = realloc(summary->effects, more * sizeof(*kept));

			if (!kept)
				return -ENOMEM;
			summary->effects = kept;
		}
	}
	if (summary->comparison_count < HB_SUMMARY_EFFECTS_KEPT)
		summary->effects[summary->comparison_count] = *effect;
	summary->comparisons[summary->comparison_count++] = *c;
	return 0;
}

/* @ret_effect: what the comparison came to; no blocks and no ratio where it was left out. */
static int add_comparison(
	struct builder *builder, struct hb_comparison *c, struct hb_effect *ret_effect)
{
	const struct hb_plan *plan = builder->summary->plan;
	const struct hb_plan_metric *metric = &plan->experiments[c->experiment].metrics[c->metric];
	struct hb_verdict_rule rule = {.better = metric->better,
		.min_effect = hb_verdict_min_effect(metric),
		.exact = metric->exact,
		.verdicts = plan->verdicts};
	int r = compute_effect(builder->summary, c, &builder->series, ret_effect);

	if (r)
		return r;
	/* A variant may leave out an optional metric: then there is nothing to say about it. */
	if (metric->optional && !ret_effect->blocks && !ret_effect->failed)
		return 0;
	c->verdict = (uint8_t)hb_verdict_decide(ret_effect, &rule, &c->reason);
	c->p_holm = NAN;
	count_statistics(builder, c, ret_effect, rule.min_effect);
	return append(builder, c, ret_effect);
}

/* The best rival so far: the one with the best median ratio at this point; the baseline stands for none. */
struct best {
	uint16_t variant;
	double ratio;
};

/* Picking it from the same data favours the rival, which is the careful side for an idea. */
static void look_at_rival(const struct hb_plan_experiment *experiment,
	const struct hb_comparison *c, const struct hb_effect *effect, struct best *best)
{
	double ratio = effect->ratio.estimate;

	if (strcmp(experiment->variants[c->variant].role, "rival") != 0)
		return;
	if (isnan(ratio) || c->verdict == HB_VERDICT_INVALID)
		return;
	if (!strcmp(experiment->metrics[c->metric].better, "higher"))
		ratio = -ratio;
	if (isnan(best->ratio) || ratio < best->ratio) {
		best->ratio = ratio;
		best->variant = c->variant;
	}
}

/* @where: experiment, point and metric of the rows to add. */
static int compare_point(struct builder *builder, const struct hb_comparison *where)
{
	const struct hb_plan_experiment *experiment =
		&builder->summary->plan->experiments[where->experiment];
	uint16_t baseline = (uint16_t)experiment->baseline;
	struct best best = {baseline, NAN};
	struct hb_effect effect;
	int r = 0;

	for (uint16_t v = 0; !r && v < experiment->variant_count; v++) {
		struct hb_comparison c = *where;

		if (v == baseline)
			continue;
		c.variant = v;
		c.against = baseline;
		r = add_comparison(builder, &c, &effect);
		if (!r)
			look_at_rival(experiment, &c, &effect, &best);
	}
	for (uint16_t v = 0; !r && best.variant != baseline && v < experiment->variant_count; v++) {
		struct hb_comparison c = *where;

		c.variant = v;
		c.against = best.variant;
		if (!strcmp(experiment->variants[v].role, "idea"))
			r = add_comparison(builder, &c, &effect);
	}
	return r;
}

static int compare_all(struct builder *builder)
{
	const struct hb_plan *plan = builder->summary->plan;
	struct hb_comparison where = {0};
	int r = 0;

	for (uint32_t e = 0; !r && e < plan->experiment_count; e++) {
		const struct hb_plan_experiment *experiment = &plan->experiments[e];

		where.experiment = (uint16_t)e;
		for (uint32_t p = 0; p < experiment->point_count; p++) {
			where.point = p;
			for (uint16_t m = 0; !r && m < experiment->metric_count; m++) {
				where.metric = m;
				r = compare_point(builder, &where);
			}
		}
	}
	return r;
}

/* Of two builds of one variant ("EXPERIMENT:VARIANT", run --against) the paper says nothing. */
static size_t judged_claims(const struct hb_plan_experiment *experiment)
{
	return strchr(experiment->experiment, ':') ? 0 : experiment->claim_count;
}

static int judge_claims(struct hb_summary *summary)
{
	const struct hb_plan *plan = summary->plan;
	size_t count = 0;

	for (size_t e = 0; e < plan->experiment_count; e++)
		count += judged_claims(&plan->experiments[e]);
	summary->claims = calloc(count + 1, sizeof(*summary->claims));
	if (!summary->claims)
		return -ENOMEM;
	for (uint32_t e = 0; e < plan->experiment_count; e++) {
		for (uint32_t k = 0; k < judged_claims(&plan->experiments[e]); k++) {
			if (hb_claim_judge(
				    summary->trials, e, k, &summary->claims[summary->claim_count]))
				return -ENOMEM;
			summary->claim_count++;
		}
	}
	return 0;
}

int hb_summary_next_claim(
	const struct hb_summary *summary, const struct hb_comparison *c, size_t from)
{
	const struct hb_plan_experiment *experiment = &summary->plan->experiments[c->experiment];

	if (c->against != experiment->baseline)
		return -ENOENT;
	for (size_t i = from; i < summary->claim_count; i++) {
		const struct hb_plan_claim *claim;

		if (summary->claims[i].experiment != c->experiment)
			continue;
		claim = &experiment->claims[summary->claims[i].claim];
		if (!strcmp(claim->metric, experiment->metrics[c->metric].name) &&
			!strcmp(claim->variant, experiment->variants[c->variant].name) &&
			hb_claim_names_point(claim->where ? claim->where : "",
				experiment->points[c->point].params))
			return (int)i;
	}
	return -ENOENT;
}

/* The p value of a row that some claim names, NaN for another. 0 or -ENOMEM. */
static int claimed_p(const struct hb_summary *summary, const struct hb_comparison *c, double *ret)
{
	struct hb_effect effect;
	int r;

	*ret = NAN;
	if (hb_summary_next_claim(summary, c, 0) < 0)
		return 0;
	r = hb_summary_effect(summary, c, &effect);
	if (!r)
		*ret = effect.p;
	return r;
}

/*
 * Holm over the rows of one experiment that its claims name; all others are descriptive and get no p value.
 * @p, @adjusted: scratch, shape [end - first].
 */
static int adjust_experiment(
	struct hb_summary *summary, size_t first, size_t end, double *p, double *adjusted)
{
	size_t count = 0;
	int r;

	for (size_t i = first; i < end; i++) {
		struct hb_comparison *c = &summary->comparisons[i];

		r = claimed_p(summary, c, &c->p_holm);
		if (r)
			return r;
		if (!isnan(c->p_holm))
			p[count++] = c->p_holm;
	}
	if (!count)
		return 0;
	r = hb_stats_holm(p, count, adjusted);
	if (r)
		return r;
	count = 0;
	for (size_t i = first; i < end; i++) {
		if (!isnan(summary->comparisons[i].p_holm))
			summary->comparisons[i].p_holm = adjusted[count++];
	}
	return 0;
}

static int adjust_all(struct hb_summary *summary)
{
	double *p = calloc(summary->comparison_count * 2 + 1, sizeof(*p));
	size_t first = 0;
	int r = 0;

	if (!p)
		return -ENOMEM;
	while (!r && first < summary->comparison_count) {
		uint32_t e = summary->comparisons[first].experiment;
		size_t end = first;

		while (end < summary->comparison_count && summary->comparisons[end].experiment == e)
			end++;
		if (summary->plan->experiments[e].claim_count)
			r = adjust_experiment(
				summary, first, end, p, p + summary->comparison_count);
		first = end;
	}
	free(p);
	return r;
}

static int warn(struct hb_summary *summary, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int warn(struct hb_summary *summary, const char *format, ...)
{
	char **grown = realloc(
		summary->warnings, (summary->warning_count + 1) * sizeof(*summary->warnings));
	va_list arguments;
	int length;

	if (!grown)
		return -ENOMEM;
	summary->warnings = grown;
	va_start(arguments, format);
	length = vasprintf(&grown[summary->warning_count], format, arguments);
	va_end(arguments);
	if (length < 0)
		return -ENOMEM;
	summary->warning_count++;
	return 0;
}

struct tally {
	uint64_t ran, missing, noisy, voided, flagged[8];
	uint32_t points_skipped;
};

static void tally_block(const struct hb_plan_experiment *experiment,
	const struct hb_trials_block *block, struct tally *tally)
{
	if (!block->chosen)
		return;
	tally->ran++;
	tally->noisy += block->noisy;
	tally->voided += block->is_void;
	for (uint32_t arm = 0; arm <= experiment->variant_count; arm++) {
		for (int bit = 0; bit < 8; bit++)
			tally->flagged[bit] += block->chosen->arms[arm].flags >> bit & 1;
	}
}

static int warn_tally(struct hb_summary *summary, const struct hb_plan_experiment *experiment,
	const struct tally *tally)
{
	const char *sub = experiment->subproject, *name = experiment->experiment;
	int r = 0;

	if (tally->missing)
		r = warn(summary, "%s/%s: %llu planned blocks have not run", sub, name,
			(unsigned long long)tally->missing);
	if (!r && tally->voided)
		r = warn(summary, "%s/%s: %llu of %llu blocks are void because a trial failed", sub,
			name, (unsigned long long)tally->voided, (unsigned long long)tally->ran);
	if (!r && tally->noisy)
		r = warn(summary,
			"%s/%s: %llu of %llu blocks are noisy: steal time above 1 %% in every "
			"attempt",
			sub, name, (unsigned long long)tally->noisy,
			(unsigned long long)tally->ran);
	if (!r && tally->flagged[3])
		r = warn(summary,
			"%s/%s: in %llu trials the load generator fell behind its schedule", sub,
			name, (unsigned long long)tally->flagged[3]);
	if (!r && tally->flagged[4])
		r = warn(summary, "%s/%s: %llu trials had not reached a steady state", sub, name,
			(unsigned long long)tally->flagged[4]);
	if (!r && tally->points_skipped)
		r = warn(summary, "%s/%s: %u points were left out of the plan", sub, name,
			tally->points_skipped);
	return r;
}

static int warn_experiment(struct hb_summary *summary, uint32_t e)
{
	const struct hb_plan_experiment *experiment = &summary->plan->experiments[e];
	struct tally tally = {0};
	/* How many blocks a point of a merged run has depends on the runs it was in. */
	bool is_merged = cJSON_HasObjectItem(summary->plan->json, "merged_from");

	for (uint32_t p = 0; p < experiment->point_count; p++) {
		const struct hb_trials_point *point = &summary->trials->points[e][p];
		uint64_t before = tally.ran;

		if (experiment->points[p].skip && *experiment->points[p].skip) {
			tally.points_skipped++;
			continue;
		}
		for (uint32_t b = 0; b < point->block_count; b++)
			tally_block(experiment, &point->blocks[b], &tally);
		if (!experiment->until_ci && !is_merged && tally.ran - before < experiment->blocks)
			tally.missing += experiment->blocks - (tally.ran - before);
	}
	return warn_tally(summary, experiment, &tally);
}

/* One line per experiment for drift and one for A/A ratios that are off: a line per row would drown the reader. */
static int warn_statistics(
	struct hb_summary *summary, uint32_t e, const struct statistics *statistics)
{
	const struct hb_plan_experiment *experiment = &summary->plan->experiments[e];
	unsigned long long rows = statistics->rows;
	int r = 0;

	if (statistics->drifting)
		r = warn(summary, "%s/%s: %llu of %llu rows drift over the run (Spearman, p < %g)",
			experiment->subproject, experiment->experiment,
			(unsigned long long)statistics->drifting, rows, DRIFT_P);
	if (!r && statistics->apart)
		r = warn(summary,
			"%s/%s: in %llu of %llu rows the control differs from the baseline by more "
			"than the minimum effect",
			experiment->subproject, experiment->experiment,
			(unsigned long long)statistics->apart, rows);
	if (!r && statistics->outliers)
		r = warn(summary,
			"%s/%s: %llu of %llu rows have outliers (Tukey); none was removed",
			experiment->subproject, experiment->experiment,
			(unsigned long long)statistics->outliers, rows);
	return r;
}

static int warn_file(struct hb_summary *summary)
{
	const struct hb_trials *trials = summary->trials;
	int r = 0;

	if (!summary->plan->verdicts)
		r = warn(summary, "smoke, no verdict: two blocks show that it runs, not how fast");
	if (!r && trials->torn_bytes)
		r = warn(summary,
			"trials.csv ends in %llu bytes of a trial that was never committed; they "
			"were "
			"ignored",
			(unsigned long long)trials->torn_bytes);
	if (!r && trials->unknown_trials)
		r = warn(summary, "%llu trials belong to nothing in plan.json; they were ignored",
			(unsigned long long)trials->unknown_trials);
	if (!r && trials->unknown_values)
		r = warn(summary,
			"%llu values of metrics that plan.json does not describe; ignored",
			(unsigned long long)trials->unknown_values);
	if (!r && trials->unreadable_values)
		r = warn(summary, "%llu values are no numbers; they count as missing",
			(unsigned long long)trials->unreadable_values);
	if (!r && trials->repeated_trials)
		r = warn(summary, "%llu trials stand twice in trials.csv; the later one counts",
			(unsigned long long)trials->repeated_trials);
	return r;
}

static int warn_all(const struct builder *builder)
{
	struct hb_summary *summary = builder->summary;
	int r = warn_file(summary);

	for (uint32_t e = 0; !r && e < summary->plan->experiment_count; e++) {
		r = warn_experiment(summary, e);
		if (!r)
			r = warn_statistics(summary, e, &builder->statistics[e]);
	}
	return r;
}

int hb_summary_compute(
	const struct hb_trials *trials, struct hb_summary *ret, struct hb_error *reterr)
{
	struct hb_summary summary = {.plan = trials->plan, .trials = trials};
	struct builder builder = {.summary = &summary};
	int r = -ENOMEM;

	builder.statistics =
		calloc(trials->plan->experiment_count + 1, sizeof(*builder.statistics));
	if (builder.statistics)
		r = compare_all(&builder);
	if (!r)
		r = judge_claims(&summary);
	if (!r)
		r = adjust_all(&summary);
	if (!r)
		r = warn_all(&builder);
	free(builder.statistics);
	hb_series_finish(&builder.series);
	if (r) {
		hb_summary_finish(&summary);
		return hb_error_set(reterr, r, "the summary ran out of memory");
	}
	*ret = summary;
	return 0;
}

void hb_summary_finish(struct hb_summary *summary)
{
	for (size_t i = 0; i < summary->warning_count; i++)
		free(summary->warnings[i]);
	free(summary->warnings);
	free(summary->comparisons);
	free(summary->effects);
	free(summary->claims);
	*summary = (struct hb_summary){0};
}
