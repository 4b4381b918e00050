/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The paper's Figure 4: runs over time, before, during and after the triggers. */
#include <errno.h>

#include <hotbed/error.h>

#include <metastable/chart.h>
#include <metastable/simulation.h>

#include "specification.h"

/* Points of each quantity at most. */
#define POINTS 220

static const char body[] =
	"{\"facet\":{\"field\":\"panel\",\"type\":\"nominal\",\"title\":null,"
	"\"sort\":[\"requests (1/s)\",\"latency (s)\"]},\"columns\":1,"
	"\"resolve\":{\"scale\":{\"y\":\"independent\"}},"
	"\"spec\":{\"width\":640,\"height\":200,\"encoding\":{"
	"\"x\":{\"field\":\"time_min\",\"type\":\"quantitative\",\"title\":\"time (min)\"}},"
	"\"layer\":["
	"{\"transform\":[{\"filter\":\"datum.what == 'trigger'\"}],"
	"\"mark\":{\"type\":\"rect\",\"color\":\"#8a929b\",\"opacity\":0.22},"
	"\"encoding\":{\"x2\":{\"field\":\"end_min\"}}},"
	"{\"transform\":[{\"filter\":\"datum.what != 'trigger'\"}],"
	"\"mark\":{\"type\":\"area\",\"opacity\":0.25},\"encoding\":{"
	"\"y\":{\"field\":\"lo\",\"type\":\"quantitative\",\"title\":null},"
	"\"y2\":{\"field\":\"hi\"},"
	"\"color\":{\"field\":\"what\",\"type\":\"nominal\",\"title\":null}}},"
	"{\"transform\":[{\"filter\":\"datum.what != 'trigger'\"}],"
	"\"mark\":{\"type\":\"line\",\"strokeWidth\":2},\"encoding\":{"
	"\"y\":{\"field\":\"mid\",\"type\":\"quantitative\",\"title\":null},"
	"\"color\":{\"field\":\"what\",\"type\":\"nominal\",\"title\":null,"
	"\"legend\":{\"symbolType\":\"stroke\",\"symbolSize\":400,\"symbolOpacity\":1},"
	"\"scale\":{\"domain\":[\"sent\",\"attempts\",\"answered\",\"99th percentile\"],"
	"\"range\":[\"#7d8590\",\"#d9772b\",\"#2f6fde\",\"#9b5de0\"]}},"
	"\"strokeDash\":{\"field\":\"what\",\"type\":\"nominal\",\"title\":null,"
	"\"scale\":{\"domain\":[\"sent\",\"attempts\",\"answered\",\"99th percentile\"],"
	"\"range\":[[2,3],[8,4],[1,0],[1,0]]}}}}]}}";

static const struct {
	enum ms_series_quantity quantity;
	const char *panel, *what;
} lines[] = {
	{MS_SERIES_REQUESTS, "requests (1/s)", "sent"},
	{MS_SERIES_ATTEMPTS, "requests (1/s)", "attempts"},
	{MS_SERIES_GOODPUT, "requests (1/s)", "answered"},
	{MS_SERIES_P99_S, "latency (s)", "99th percentile"},
};

static void add_band(struct specification *chart, const struct ms_study *study, size_t line)
{
	uint32_t step = study->bins / POINTS + 1;

	for (uint32_t b = 0; b < study->bins; b += step) {
		const struct ms_band *band =
			&study->bands[lines[line].quantity * (size_t)study->bins + b];
		cJSON *row;

		/* Where no request ended there is no latency. */
		if (lines[line].quantity == MS_SERIES_P99_S && !(band->p10 > 0))
			continue;
		row = specification_row(chart, lines[line].what);
		(void)cJSON_AddStringToObject(row, "panel", lines[line].panel);
		row_number(row, "time_min", (study->first_bin_s + b * study->bin_s) / 60);
		row_number(row, "lo", (double)band->p10);
		row_number(row, "mid", (double)band->p50);
		row_number(row, "hi", (double)band->p90);
	}
}

/* In both panels. What happens at one moment has no width, and is left to the text. */
static void add_triggers(struct specification *chart, const struct ms_model *model)
{
	for (uint32_t t = 0; t < model->trigger_count; t++) {
		const struct ms_trigger *trigger = &model->triggers[t];

		for (int panel = 0; panel < 2 && trigger->duration_s > 0; panel++) {
			cJSON *row = specification_row(chart, "trigger");

			(void)cJSON_AddStringToObject(
				row, "panel", panel == 0 ? "requests (1/s)" : "latency (s)");
			row_number(row, "time_min", trigger->at_s / 60);
			row_number(row, "end_min", (trigger->at_s + trigger->duration_s) / 60);
		}
	}
}

int ms_chart_series(const struct ms_model *model, const struct ms_study *study, char **ret,
	struct hb_error *reterr)
{
	struct specification chart;

	if (!study->bands)
		return hb_error_set(reterr, -EINVAL, "the study kept no series");
	specification_open(&chart, "Before, during and after the triggers",
		"What clients send, with retries (attempts), and what is answered in time, per "
		"second; "
		"and the 99th percentile of the time until a request is answered or given up. "
		"Lines: "
		"median of the simulated runs; bands hold four fifths of them; grey: triggers. "
		"Figure 4 of the paper for this model.",
		body);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		add_band(&chart, study, i);
	add_triggers(&chart, model);
	return specification_text(&chart, ret, reterr);
}
