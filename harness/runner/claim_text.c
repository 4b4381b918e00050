/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A claim in words, for terminals. The report's table has its own, in HTML. */
#include <math.h>

#include "claim.h"
#include "effect.h"

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

void hb_claim_put_range(struct hb_text *text, double lo, double hi)
{
	if (isinf(hi))
		hb_text_format(text, "at least x%.4g", lo);
	else if (lo <= 0)
		hb_text_format(text, "at most x%.4g", hi);
	else
		hb_text_format(text, "x%.4g to x%.4g", lo, hi);
}

void hb_claim_put_source(struct hb_text *text, const char *section)
{
	if (section && *section)
		hb_text_format(text, ", %s%s", *section >= '0' && *section <= '9' ? "section " : "",
			section);
}

void hb_claim_put_result(struct hb_text *text, const struct hb_plan *plan,
	const struct hb_claim_result *result, bool color)
{
	const struct hb_plan_experiment *e = &plan->experiments[result->experiment];
	const struct hb_plan_claim *claim = &e->claims[result->claim];

	hb_text_format(text, "%s%-14s%s  %s\n", color ? verdict_color(result->verdict) : "",
		hb_claim_verdict_names[result->verdict], color ? "\033[0m" : "",
		claim->text && *claim->text ? claim->text : claim->name);
	hb_text_format(text, "%16s%s/%s %s: ", "", e->subproject, e->experiment, claim->name);
	if (result->blocks && !isnan(result->ratio.estimate))
		hb_text_format(text, "x%.3g", hb_effect_ratio(result->ratio.estimate));
	if (result->ratio.confidence > 0)
		hb_text_format(text, " [%.3g, %.3g] over %u blocks",
			hb_effect_ratio(result->ratio.lo), hb_effect_ratio(result->ratio.hi),
			result->blocks);
	hb_text_put(text,
		result->blocks && !isnan(result->ratio.estimate) ? ", expected " : "expected ");
	hb_claim_put_range(text, claim->lo, claim->hi);
	if (*result->reason)
		hb_text_format(text, "\n%16s%s", "", result->reason);
	hb_text_put(text, "\n");
}
