/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first screen: every claim with what was expected, what was measured, and the word for it. */
#include <math.h>
#include <string.h>

#include "chart_parts.h"
#include "report_parts.h"

#define CLAIMS_MAX 400

/* "posix_spawn at rss 1 GiB / fork" */
static void put_side(struct hb_text *text, const struct hb_plan_experiment *e, const char *variant,
	const char *where)
{
	struct hb_text label = {0};

	hb_page_clip(text, variant && *variant ? variant : e->variants[e->baseline].name, 80);
	if (!where || !*where)
		return;
	hb_label_point(e, where, 0, NULL, NULL, &label);
	hb_text_put(text, " at ");
	hb_page_clip(text, label.bytes, 160);
	hb_text_finish(&label);
}

static void put_range(struct hb_text *text, const struct hb_plan_claim *claim)
{
	if (isinf(claim->hi))
		hb_text_format(text, "≥ ×%.4g", claim->lo);
	else if (claim->lo <= 0)
		hb_text_format(text, "≤ ×%.4g", claim->hi);
	else
		hb_text_format(text, "×%.4g – ×%.4g", claim->lo, claim->hi);
}

/* The axis shows the expected range, the interval and 1, with some air. */
static void put_claim_glyph(struct hb_text *text, const struct hb_plan_claim *claim,
	const struct hb_claim_result *result)
{
	double expected_lo = claim->lo > 0 ? log(claim->lo) : -INFINITY;
	double expected_hi = isinf(claim->hi) ? INFINITY : log(claim->hi);
	double values[5] = {expected_lo, expected_hi, result->ratio.estimate, NAN, NAN};
	struct hb_glyph glyph = {.axis_lo = 0,
		.axis_hi = 0,
		.interval = result->ratio,
		.class = hb_page_claim_class(result->verdict)};
	double air;

	if (result->ratio.confidence > 0) {
		values[3] = result->ratio.lo;
		values[4] = result->ratio.hi;
	}
	for (int i = 0; i < 5; i++) {
		if (!isfinite(values[i]))
			continue;
		glyph.axis_lo = fmin(glyph.axis_lo, values[i]);
		glyph.axis_hi = fmax(glyph.axis_hi, values[i]);
	}
	air = (glyph.axis_hi - glyph.axis_lo) * 0.12 + 0.02;
	glyph.axis_lo -= air;
	glyph.axis_hi += air;
	glyph.band_lo = fmax(expected_lo, glyph.axis_lo);
	glyph.band_hi = fmin(expected_hi, glyph.axis_hi);
	hb_page_glyph(text, &glyph);
}

static void put_claim(struct hb_page *page, const struct hb_claim_result *result)
{
	const struct hb_plan_experiment *e = &page->analysis->plan.experiments[result->experiment];
	const struct hb_plan_claim *claim = &e->claims[result->claim];
	struct hb_text *text = page->text;

	hb_text_put(text, "<tr><td>");
	hb_page_badge(text, hb_page_claim_class(result->verdict),
		hb_claim_verdict_names[result->verdict]);
	if (*result->reason) {
		hb_text_put(text, "<span class=\"reason\">");
		hb_page_clip(text, result->reason, 200);
		hb_text_put(text, "</span>");
	}
	hb_text_put(text, "</td><td><span class=\"text\">");
	hb_page_clip(text, claim->text && *claim->text ? claim->text : claim->name, 400);
	hb_text_put(text, "</span><span class=\"source\">");
	hb_page_clip(text, claim->paper, 160);
	if (claim->section && *claim->section) {
		/* "§5", but ", Fig. 1". */
		hb_text_put(
			text, claim->section[0] >= '0' && claim->section[0] <= '9' ? " §" : ", ");
		hb_page_clip(text, claim->section, 40);
	}
	hb_text_format(text, " · <a href=\"#e%u\">", result->experiment);
	hb_page_clip(text, e->subproject, 80);
	hb_text_put(text, "/");
	hb_page_clip(text, e->experiment, 80);
	hb_text_put(text, "</a></span><span class=\"source\"><code>");
	hb_page_clip(text, claim->metric, 80);
	hb_text_put(text, "</code> of ");
	put_side(text, e, claim->variant, claim->where);
	hb_text_put(text, " / ");
	put_side(text, e, claim->against_variant, claim->against_where);
	hb_text_put(text, "</span></td><td class=\"value\" data-label=\"expected\">");
	put_range(text, claim);
	hb_text_put(text, "</td><td class=\"value\" data-label=\"measured\">");
	if (result->blocks) {
		hb_page_ratio(text, result->ratio.estimate);
		hb_text_put(text, " ");
		hb_page_interval(text, &result->ratio);
	} else {
		hb_text_put(text, "–");
	}
	hb_text_put(text, "</td><td>");
	put_claim_glyph(text, claim, result);
	hb_text_put(text, "</td></tr>\n");
}

static size_t count_of(const struct hb_summary *summary, enum hb_claim_verdict verdict)
{
	size_t count = 0;

	for (size_t i = 0; i < summary->claim_count; i++)
		count += summary->claims[i].verdict == verdict;
	return count;
}

static void put_tally(struct hb_page *page)
{
	const struct hb_summary *summary = &page->analysis->summary;
	struct hb_text *text = page->text;

	hb_text_put(text, "<ul class=\"tally\">");
	for (int v = 0; v < HB_CLAIM_VERDICT_COUNT; v++) {
		size_t count = count_of(summary, (enum hb_claim_verdict)v);

		if (count)
			hb_text_format(text, "<li><span class=\"badge %s\">%zu %s</span></li>",
				hb_page_claim_class((enum hb_claim_verdict)v), count,
				hb_claim_verdict_names[v]);
	}
	hb_text_put(text, "</ul>\n");
}

/* A table of the claims with one of the verdicts of @order. Returns how many rows it has. */
static size_t put_table(
	struct hb_page *page, const enum hb_claim_verdict *order, size_t verdicts, size_t most)
{
	const struct hb_summary *summary = &page->analysis->summary;
	size_t shown = 0;

	hb_text_put(page->text,
		"<table class=\"claims cards\"><thead><tr><th>Verdict</th><th>Claim</th>"
		"<th>Expected</th><th>Measured</th><th>Grey: expected</th></tr></thead><tbody>\n");
	for (size_t k = 0; k < verdicts; k++) {
		for (size_t i = 0; i < summary->claim_count && shown < most; i++) {
			if (summary->claims[i].verdict != order[k])
				continue;
			put_claim(page, &summary->claims[i]);
			shown++;
		}
	}
	hb_text_put(page->text, "</tbody></table>\n");
	return shown;
}

/* Folded up: a run of a few points would be buried under the claims about all others. */
static size_t put_not_run(struct hb_page *page, size_t most)
{
	static const enum hb_claim_verdict not_run = HB_CLAIM_NOT_RUN;
	size_t count = count_of(&page->analysis->summary, not_run), shown;

	if (!count)
		return 0;
	hb_text_format(page->text,
		"<details class=\"others\"><summary>%zu claim%s not run</summary>\n", count,
		count == 1 ? "" : "s");
	shown = put_table(page, &not_run, 1, most);
	hb_text_put(page->text, "</details>\n");
	return shown;
}

void hb_page_claims(struct hb_page *page)
{
	/* Those that need a decision first. */
	static const enum hb_claim_verdict order[] = {HB_CLAIM_NOT_REPRODUCED, HB_CLAIM_REPRODUCED,
		HB_CLAIM_INCONCLUSIVE, HB_CLAIM_SMOKE, HB_CLAIM_NEEDS_HARDWARE};
	const struct hb_summary *summary = &page->analysis->summary;
	struct hb_text *text = page->text;
	size_t shown = 0;

	hb_text_put(text, "<section id=\"claims\"><h2>Claims</h2>\n");
	if (!summary->claim_count) {
		hb_text_put(
			text, "<p>The experiments of this run state no claims.</p></section>\n");
		return;
	}
	put_tally(page);
	if (count_of(summary, HB_CLAIM_NOT_RUN) < summary->claim_count)
		shown = put_table(page, order, sizeof(order) / sizeof(order[0]), CLAIMS_MAX);
	else
		hb_text_put(text, "<p>No claim is about what this run measured.</p>\n");
	shown += put_not_run(page, CLAIMS_MAX - shown);
	if (shown < summary->claim_count)
		hb_text_format(text,
			"<p class=\"note\">%zu more claims stand in summary.json.</p>\n",
			summary->claim_count - shown);
	hb_text_put(text, "</section>\n");
}
