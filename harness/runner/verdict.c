/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verdict rules, in the order in which they exclude one another. */
#include "verdict.h"

#include <math.h>
#include <string.h>

const char *const hb_verdict_names[HB_VERDICT_COUNT] = {
	[HB_VERDICT_BETTER] = "better",
	[HB_VERDICT_WORSE] = "worse",
	[HB_VERDICT_CHANGED] = "changed",
	[HB_VERDICT_SAME] = "same",
	[HB_VERDICT_INCONCLUSIVE] = "inconclusive",
	[HB_VERDICT_INVALID] = "invalid",
	[HB_VERDICT_SMOKE] = "smoke",
	[HB_VERDICT_SKIPPED] = "skipped",
	[HB_VERDICT_NOT_RUN] = "not run",
};

double hb_verdict_min_effect(const struct hb_plan_metric *metric)
{
	if (metric->min_effect > 0)
		return metric->min_effect;
	return metric->exact ? 0 : 0.03;
}

/* Reasons for which no interval may be believed; NULL if there is none. */
static const char *invalid_reason(const struct hb_effect *effect)
{
	if (effect->unverified)
		return "an output was wrong, or differed within its digest class";
	if (effect->nondeterministic)
		return "nondeterministic: an exact metric did not repeat";
	if (effect->failed >= HB_VERDICT_FAILURES_MAX)
		return "three or more trials of the comparison failed";
	return NULL;
}

static enum hb_verdict direction(const char *better, bool is_lower)
{
	if (!strcmp(better, "lower"))
		return is_lower ? HB_VERDICT_BETTER : HB_VERDICT_WORSE;
	if (!strcmp(better, "higher"))
		return is_lower ? HB_VERDICT_WORSE : HB_VERDICT_BETTER;
	return HB_VERDICT_CHANGED;
}

enum hb_verdict hb_verdict_decide(
	const struct hb_effect *effect, const struct hb_verdict_rule *rule, const char **ret_reason)
{
	double limit = log1p(rule->min_effect);
	const struct hb_interval *ratio = &effect->ratio;

	*ret_reason = invalid_reason(effect);
	if (*ret_reason)
		return HB_VERDICT_INVALID;
	*ret_reason = "";
	if (!effect->blocks) {
		*ret_reason = effect->failed ? "no block without a failed trial" : "";
		if (effect->failed)
			return HB_VERDICT_INVALID;
		return effect->skipped ? HB_VERDICT_SKIPPED : HB_VERDICT_NOT_RUN;
	}
	if (!rule->verdicts)
		return HB_VERDICT_SMOKE;
	if (!effect->is_exact_value && effect->ratio.confidence <= 0) {
		*ret_reason = "fewer than 6 usable blocks (8 with --until-ci) give no interval";
		return HB_VERDICT_INCONCLUSIVE;
	}
	if (!rule->exact && !(effect->aa.lo <= limit && effect->aa.hi >= -limit)) {
		*ret_reason =
			"the control differs from the baseline by more than the minimum effect";
		return HB_VERDICT_INCONCLUSIVE;
	}
	if (ratio->lo >= -limit && ratio->hi <= limit)
		return HB_VERDICT_SAME;
	if (ratio->lo > limit)
		return direction(rule->better, false);
	if (ratio->hi < -limit)
		return direction(rule->better, true);
	if (effect->unknown)
		*ret_reason = "some blocks have no ratio (negative, or both sides infinite)";
	return HB_VERDICT_INCONCLUSIVE;
}
