/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hb_trial_latency, apart from trial.c so that drivers without histograms do not load zlib. */
#include <hotbed/trial.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <hotbed/hist.h>

#include "state.h"
#include "table.h"

static void report(struct hb_trial *trial, const char *prefix, const char *suffix, double value,
	const struct hb_hist *hist)
{
	char name[128];

	(void)snprintf(name, sizeof(name), "%s_%s", prefix, suffix);
	if (hb_find_metric(trial->experiment, name))
		hb_trial_metric(trial, name, value, hb_hist_total(hist));
}

void hb_trial_latency(struct hb_trial *trial, const char *prefix, const struct hb_hist *hist)
{
	static const struct {
		const char *suffix;
		double quantile;
	} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
	bool is_unbounded = hb_hist_infinite(hist) > 0;
	struct hb_emit *lines = &trial->lines;
	char *text;

	if (hb_hist_total(hist) == 0) {
		(void)hb_trial_fail(trial, "%s: no request was recorded", prefix);
		return;
	}
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		report(trial, prefix, quantiles[i].suffix,
			hb_hist_quantile(hist, quantiles[i].quantile), hist);
	report(trial, prefix, "mean", is_unbounded ? INFINITY : hb_hist_mean(hist), hist);
	report(trial, prefix, "max", is_unbounded ? INFINITY : (double)hb_hist_max(hist), hist);

	if (hb_hist_encode(hist, &text, NULL)) {
		lines->failed = -ENOMEM;
		return;
	}
	hb_emit_open(lines, NULL, '{');
	hb_emit_text(lines, "t", "hist");
	hb_emit_text(lines, "name", prefix);
	hb_emit_text(lines, "data", text);
	hb_emit_close(lines, '}');
	hb_emit_newline(lines);
	free(text);
}
