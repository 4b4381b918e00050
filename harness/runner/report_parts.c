/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "report_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GLYPH_WIDTH 150.0
#define GLYPH_MARGIN 5.0

const char *hb_page_verdict_class(enum hb_verdict verdict)
{
	switch (verdict) {
	case HB_VERDICT_BETTER:
		return "good";
	case HB_VERDICT_WORSE:
	case HB_VERDICT_INVALID:
		return "bad";
	case HB_VERDICT_SAME:
		return "even";
	case HB_VERDICT_CHANGED:
	case HB_VERDICT_INCONCLUSIVE:
		return "unsure";
	default:
		return "mute";
	}
}

const char *hb_page_claim_class(enum hb_claim_verdict verdict)
{
	switch (verdict) {
	case HB_CLAIM_REPRODUCED:
		return "good";
	case HB_CLAIM_NOT_REPRODUCED:
		return "bad";
	case HB_CLAIM_INCONCLUSIVE:
		return "unsure";
	default:
		return "mute";
	}
}

void hb_page_badge(struct hb_text *text, const char *class, const char *label)
{
	hb_text_format(text, "<span class=\"badge %s\">", class);
	hb_text_put_html(text, label);
	hb_text_put(text, "</span>");
}

/* Near 1 the third decimal matters, far from it three significant digits do. */
static void put_factor(struct hb_text *text, double value)
{
	if (isinf(value))
		hb_text_put(text, "∞");
	else if (value >= 0.1 && value < 10)
		hb_text_format(text, "%.3f", value);
	else if (value >= 10 && value < 1e5)
		hb_text_format(text, "%.*f", value < 100 ? 1 : 0, value);
	else
		hb_text_format(text, "%.3g", value);
}

void hb_page_ratio(struct hb_text *text, double log)
{
	if (isnan(log)) {
		hb_text_put(text, "–");
		return;
	}
	hb_text_put(text, "×");
	put_factor(text, exp(log));
}

void hb_page_interval(struct hb_text *text, const struct hb_interval *interval)
{
	if (!(interval->confidence > 0))
		return;
	hb_text_put(text, "<span class=\"interval\">[");
	put_factor(text, exp(interval->lo));
	hb_text_put(text, ", ");
	put_factor(text, exp(interval->hi));
	hb_text_put(text, "]</span>");
}

static double glyph_x(const struct hb_glyph *glyph, double log)
{
	double width = glyph->axis_hi - glyph->axis_lo;
	double share = width > 0 ? (log - glyph->axis_lo) / width : 0.5;

	share = fmax(0, fmin(1, share));
	return GLYPH_MARGIN + share * (GLYPH_WIDTH - 2 * GLYPH_MARGIN);
}

void hb_page_glyph(struct hb_text *text, const struct hb_glyph *glyph)
{
	const struct hb_interval *interval = &glyph->interval;

	hb_text_format(text,
		"<svg class=\"glyph %s\" viewBox=\"0 0 150 16\" preserveAspectRatio=\"none\" "
		"aria-hidden=\"true\"><path class=\"axis\" d=\"M0 8H150\"/>",
		glyph->class);
	if (!isnan(glyph->band_lo) && !isnan(glyph->band_hi)) {
		double lo = glyph_x(glyph, glyph->band_lo), hi = glyph_x(glyph, glyph->band_hi);

		hb_text_format(text,
			"<rect class=\"band\" x=\"%.1f\" y=\"2\" width=\"%.1f\" height=\"12\" "
			"rx=\"2\"/>",
			lo, fmax(hi - lo, 1.5));
	}
	if (glyph->axis_lo <= 0 && glyph->axis_hi >= 0) {
		double one = glyph_x(glyph, 0);

		hb_text_format(text, "<path class=\"one\" d=\"M%.1f 0V16\"/>", one);
	}
	if (interval->confidence > 0) {
		double lo = glyph_x(glyph, interval->lo), hi = glyph_x(glyph, interval->hi);

		hb_text_format(text, "<path class=\"bar\" d=\"M%.1f 8H%.1f\"/>", lo, hi);
	}
	if (!isnan(interval->estimate))
		hb_text_format(text, "<circle class=\"dot\" cx=\"%.1f\" cy=\"8\" r=\"3.6\"/>",
			glyph_x(glyph, interval->estimate));
	hb_text_put(text, "</svg>");
}

void hb_page_allow(struct hb_page *page, size_t more)
{
	page->end_bytes = page->text->length_bytes + more;
}

bool hb_page_is_full(const struct hb_page *page)
{
	return page->text->length_bytes >= page->end_bytes;
}

void hb_page_clip(struct hb_text *text, const char *string, size_t most)
{
	char clipped[1025];
	size_t length = string ? strlen(string) : 0;

	if (!length)
		return;
	if (most > sizeof(clipped) - 1)
		most = sizeof(clipped) - 1;
	if (length <= most) {
		hb_text_put_html(text, string);
		return;
	}
	/* Not in the middle of a character: continuation bytes are 10xxxxxx. */
	while (most && ((unsigned char)string[most] & 0xc0) == 0x80)
		most--;
	memcpy(clipped, string, most);
	clipped[most] = '\0';
	hb_text_put_html(text, clipped);
	hb_text_put(text, "…");
}
