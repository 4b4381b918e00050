/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pieces that the page is made of: badges, interval glyphs, ratios, clipped text. Internal to report_*.c. */
#ifndef HOTBED_RUNNER_REPORT_PARTS_H
#define HOTBED_RUNNER_REPORT_PARTS_H

#include "report.h"

/* What a page is being made of, and how much room it has left. */
struct hb_page {
	const struct hb_analysis *analysis;
	const struct hb_charts *charts;
	struct hb_text *text;
	size_t tables_bytes; /* room for verdict tables and numbers under charts */
	size_t charts_bytes; /* room for specifications */
	bool has_runtime;
};

/* hb_page_class - how a verdict looks: "good", "bad", "even", "unsure" or "mute". */
const char *hb_page_verdict_class(enum hb_verdict verdict);
const char *hb_page_claim_class(enum hb_claim_verdict verdict);

/* hb_page_badge - a pill with @label. */
void hb_page_badge(struct hb_text *text, const char *class, const char *label);

/* hb_page_ratio - "×1.83", or "–" when it is NaN; @log: its logarithm. */
void hb_page_ratio(struct hb_text *text, double log);

/* hb_page_interval - "[1.71, 1.95]" of logarithms; nothing when there is none. */
void hb_page_interval(struct hb_text *text, const struct hb_interval *interval);

/* What a glyph shows, in logarithms; NaN bounds leave their part out. */
struct hb_glyph {
	double axis_lo, axis_hi;
	double band_lo, band_hi;     /* grey: the A/A interval, or the expected range */
	struct hb_interval interval; /* bar and dot */
	const char *class;
};

/* hb_page_glyph - an inline drawing of an interval on its axis, readable without script. */
void hb_page_glyph(struct hb_text *text, const struct hb_glyph *glyph);

/* hb_page_clip - @string as HTML text, at most @most bytes of it (cut at a character, with an ellipsis). */
void hb_page_clip(struct hb_text *text, const char *string, size_t most);

/* hb_page_subject - what was run: "spork: spawn-latency, bystander". @open: markup before each subproject, or "". */
void hb_page_subject(struct hb_page *page, const char *open);

/* Sections. */
void hb_page_header(struct hb_page *page);
void hb_page_claims(struct hb_page *page);
void hb_page_experiment(struct hb_page *page, uint32_t e);
void hb_page_environment(struct hb_page *page);
void hb_page_failures(struct hb_page *page);
void hb_page_warnings(struct hb_page *page);

#endif
