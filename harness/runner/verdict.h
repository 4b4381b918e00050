/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From an effect to a word. Five verdicts, plus words for what has none: a smoke run, a variant that was skipped or
 * not run, and a change in a metric that has no better direction. Rules: docs/reference/statistics.md. Thread-safe.
 */
#ifndef HOTBED_RUNNER_VERDICT_H
#define HOTBED_RUNNER_VERDICT_H

#include <stdbool.h>

#include "effect.h"

enum hb_verdict {
	HB_VERDICT_BETTER, /* interval beyond the minimum effect, in the metric's better direction */
	HB_VERDICT_WORSE,
	HB_VERDICT_CHANGED, /* beyond the minimum effect; the metric has no better direction */
	HB_VERDICT_SAME,    /* interval inside +- the minimum effect */
	HB_VERDICT_INCONCLUSIVE,
	HB_VERDICT_INVALID, /* failed or unverified trials, or not deterministic */
	HB_VERDICT_SMOKE,   /* --quick: no verdict */
	HB_VERDICT_SKIPPED, /* the host cannot run it */
	HB_VERDICT_NOT_RUN,
	HB_VERDICT_COUNT,
};

extern const char *const hb_verdict_names[HB_VERDICT_COUNT];

/* Fewer blocks than this give no 95 % interval. */
#define HB_VERDICT_BLOCKS_MIN 6
/* So many failed trials of a comparison's arms at one point make it invalid. */
#define HB_VERDICT_FAILURES_MAX 3

/* What the rule looks at beside the effect. */
struct hb_verdict_rule {
	const char *better; /* "lower", "higher", "none" */
	double min_effect;  /* relative, e.g. 0.03; >= 0 */
	bool exact;
	bool verdicts; /* false: smoke run */
};

/*
 * hb_verdict_decide - apply the rules to one comparison.
 * @ret_reason: why, as a constant text ("" where the interval speaks for itself).
 */
enum hb_verdict hb_verdict_decide(const struct hb_effect *effect,
	const struct hb_verdict_rule *rule, const char **ret_reason);

/* hb_verdict_min_effect - a metric's minimum effect with the default filled in: 0.03, or 0 for exact metrics. */
double hb_verdict_min_effect(const struct hb_plan_metric *metric);

#endif
