/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate.h"

#include <math.h>
#include <string.h>

#define ROWS_MAX 50

enum finding { WORSE_EXACT, WORSE_CLEAR, WORSE_OTHER, BETTER, SAME, UNDECIDED };

/* Does the interval lie beyond the A/A interval on the worse side? */
static bool is_clear(const struct hb_plan_metric *metric, const struct hb_effect *effect)
{
	if (!(effect->ratio.confidence > 0 && effect->aa.confidence > 0))
		return false;
	return strcmp(metric->better, "higher") != 0 ? effect->ratio.lo > effect->aa.hi
						     : effect->ratio.hi < effect->aa.lo;
}

static enum finding find(const struct hb_summary *summary, const struct hb_comparison *c,
	const struct hb_effect *effect)
{
	const struct hb_plan_metric *metric =
		&summary->plan->experiments[c->experiment].metrics[c->metric];

	switch (c->verdict) {
	case HB_VERDICT_WORSE:
		return metric->exact              ? WORSE_EXACT
		       : is_clear(metric, effect) ? WORSE_CLEAR
						  : WORSE_OTHER;
	case HB_VERDICT_BETTER:
		return BETTER;
	case HB_VERDICT_SAME:
		return SAME;
	default:
		return UNDECIDED;
	}
}

static bool is_counted(const struct hb_summary *summary, const struct hb_comparison *c)
{
	return c->against == summary->plan->experiments[c->experiment].baseline &&
	       c->verdict != HB_VERDICT_SKIPPED && c->verdict != HB_VERDICT_NOT_RUN;
}

int hb_gate_judge(const struct hb_summary *summary, struct hb_gate *ret)
{
	struct hb_gate gate = {.failed = summary->trials->failed_count};
	size_t *const counts[] = {[WORSE_EXACT] = &gate.exact_worse,
		[WORSE_CLEAR] = &gate.clear_worse,
		[WORSE_OTHER] = &gate.other_worse,
		[BETTER] = &gate.better,
		[SAME] = &gate.same,
		[UNDECIDED] = &gate.undecided};

	for (size_t i = 0; i < summary->comparison_count; i++) {
		const struct hb_comparison *c = &summary->comparisons[i];
		struct hb_effect effect;

		if (!is_counted(summary, c))
			continue;
		int r = hb_summary_effect(summary, c, &effect);

		if (r)
			return r;
		++*counts[find(summary, c, &effect)];
		gate.total++;
	}
	*ret = gate;
	return 0;
}

bool hb_gate_passes(const struct hb_gate *gate)
{
	return !gate->failed && !gate->exact_worse && !gate->clear_worse;
}

/* Names come from drivers: what Markdown or HTML would take for markup is escaped. */
static void put_escaped(struct hb_text *text, const char *string)
{
	for (; *string; string++) {
		if (strchr("|\\`*_<>[]&#", *string))
			hb_text_put(text, "\\");
		hb_text_put_bytes(text, *string == '\n' ? " " : string, 1);
	}
}

static void put_interval(struct hb_text *text, const struct hb_interval *interval)
{
	if (interval->confidence > 0)
		hb_text_format(text, "%.4g to %.4g", hb_effect_ratio(interval->lo),
			hb_effect_ratio(interval->hi));
}

static void put_row(const struct hb_summary *summary, const struct hb_comparison *c,
	const struct hb_effect *effect, struct hb_text *text)
{
	const struct hb_plan_experiment *e = &summary->plan->experiments[c->experiment];

	hb_text_put(text, "| ");
	put_escaped(text, e->subproject);
	hb_text_put(text, "/");
	put_escaped(text, e->experiment);
	hb_text_put(text, " ");
	put_escaped(text, e->points[c->point].params);
	hb_text_put(text, " | ");
	put_escaped(text, e->variants[c->variant].name);
	hb_text_put(text, " | ");
	put_escaped(text, e->metrics[c->metric].name);
	hb_text_format(text, " | %.4g | ", hb_effect_ratio(effect->ratio.estimate));
	put_interval(text, &effect->ratio);
	hb_text_put(text, " | ");
	if (e->metrics[c->metric].exact)
		hb_text_put(text, "exact");
	else
		put_interval(text, &effect->aa);
	hb_text_format(text, " | %s |\n", hb_verdict_names[c->verdict]);
}

/* The comparisons whose finding lies in @from ... @to, under @title. */
static int put_table(const struct hb_summary *summary, enum finding from, enum finding to,
	const char *title, struct hb_text *text)
{
	size_t rows = 0;

	for (size_t i = 0; i < summary->comparison_count; i++) {
		const struct hb_comparison *c = &summary->comparisons[i];
		struct hb_effect effect;

		if (!is_counted(summary, c))
			continue;
		int r = hb_summary_effect(summary, c, &effect);
		enum finding finding = r ? SAME : find(summary, c, &effect);

		if (r)
			return r;
		if (finding < from || finding > to)
			continue;
		if (rows++ == 0)
			hb_text_format(text,
				"\n%s\n\n| experiment, point | variant | metric | new/old | 95 %% "
				"interval "
				"| A/A interval | verdict |\n|---|---|---|---|---|---|---|\n",
				title);
		if (rows <= ROWS_MAX)
			put_row(summary, c, &effect, text);
	}
	if (rows > ROWS_MAX)
		hb_text_format(text, "\n%zu more stand in summary.csv.\n", rows - ROWS_MAX);
	return 0;
}

static void put_failures(const struct hb_summary *summary, struct hb_text *text)
{
	const struct hb_trials *trials = summary->trials;

	if (trials->failure_count)
		hb_text_put(text, "\nTrials that failed:\n\n");
	for (size_t i = 0; i < trials->failure_count && i < ROWS_MAX; i++) {
		const struct hb_failure *f = &trials->failures[i];
		const struct hb_plan_experiment *e = &summary->plan->experiments[f->experiment];

		hb_text_put(text, "- ");
		put_escaped(text, e->subproject);
		hb_text_put(text, "/");
		put_escaped(text, e->experiment);
		hb_text_put(text, " ");
		put_escaped(text, hb_trials_arm_name(e, f->arm));
		hb_text_format(text, ": %s: ", hb_status_names[f->status]);
		put_escaped(text, f->detail ? f->detail : "");
		hb_text_put(text, "\n");
	}
}

int hb_gate_put_markdown(
	const struct hb_summary *summary, const struct hb_gate *gate, struct hb_text *text)
{
	hb_text_format(text, "### hotbed gate: %s\n\n", hb_gate_passes(gate) ? "passed" : "failed");
	hb_text_format(text,
		"%zu comparisons of the new build with the old one in the same blocks: %zu exact "
		"metrics "
		"worse, %zu measured ones clearly worse, %llu trials failed; %zu worse within what "
		"equal builds show, %zu better, %zu same, %zu without a verdict.\n",
		gate->total, gate->exact_worse, gate->clear_worse, (unsigned long long)gate->failed,
		gate->other_worse, gate->better, gate->same, gate->undecided);
	put_failures(summary, text);
	int r = put_table(summary, WORSE_EXACT, WORSE_CLEAR, "**These fail the gate:**", text);

	if (!r)
		r = put_table(summary, WORSE_OTHER, BETTER, "Other changes:", text);
	hb_text_format(text, "\nRun `%s`, seed %llu.\n", summary->plan->run_id,
		(unsigned long long)summary->plan->seed);
	return r ? r : text->failed;
}
