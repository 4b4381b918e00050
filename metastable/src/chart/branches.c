/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bifurcation diagram: fixed points of the fluid over one of its parameters. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <hotbed/error.h>

#include <metastable/chart.h>
#include <metastable/model.h>

#include "specification.h"

#define POINTS_MAX 800

static const char body[] =
	"{\"width\":640,\"height\":360,"
	"\"encoding\":{\"x\":{\"field\":\"at\",\"type\":\"quantitative\"}},"
	"\"layer\":[{\"transform\":[{\"filter\":\"datum.what != 'this model'\"}],"
	"\"mark\":{\"type\":\"line\",\"strokeWidth\":2.5},"
	"\"encoding\":{"
	"\"y\":{\"field\":\"queue\",\"type\":\"quantitative\","
	"\"title\":\"jobs in the server at the fixed point\"},"
	"\"order\":{\"field\":\"place\",\"type\":\"quantitative\"},"
	"\"detail\":{\"field\":\"piece\",\"type\":\"nominal\"},"
	"\"color\":{\"field\":\"what\",\"type\":\"nominal\",\"title\":null,"
	"\"legend\":{\"symbolType\":\"stroke\",\"symbolSize\":400},"
	"\"scale\":{\"domain\":[\"stable\",\"unstable\"],\"range\":[\"#2f6fde\",\"#d9772b\"]}},"
	"\"strokeDash\":{\"field\":\"what\",\"type\":\"nominal\",\"title\":null,"
	"\"scale\":{\"domain\":[\"stable\",\"unstable\"],\"range\":[[1,0],[7,4]]}}}},"
	"{\"transform\":[{\"filter\":\"datum.what == 'this model'\"}],"
	"\"mark\":{\"type\":\"rule\",\"color\":\"#8a929b\",\"strokeWidth\":1.5,"
	"\"tooltip\":\"this model\"}},"
	"{\"transform\":[{\"filter\":\"datum.what == 'this model'\"}],"
	"\"mark\":{\"type\":\"text\",\"color\":\"#8a929b\",\"align\":\"left\",\"dx\":5,"
	"\"y\":8,\"text\":\"this model\"}}]}";

static const char *const titles[] = {
	"load over capacity", "retries per request", "capacity of the queue (jobs)", "timeout (s)"};

/* A piece ends where the stability changes: the next begins with the same point, so that no gap is seen. */
static void add_curve(struct specification *chart, const struct ms_fluid *fluid,
	const struct ms_fluid_curve_point *curve, int count)
{
	int piece = 0;

	for (int i = 0; i < count; i++) {
		const struct ms_fluid_curve_point *p = &curve[i];
		bool goes_on = i > 0 && curve[i - 1].branch == p->branch;
		bool turns = goes_on && curve[i - 1].stable != p->stable;

		piece += i > 0 && (!goes_on || turns);
		for (int k = turns ? i - 1 : i; k <= i; k++) {
			cJSON *row = specification_row(chart, p->stable ? "stable" : "unstable");

			row_number(row, "at", curve[k].parameter[0]);
			row_number(row, "queue", curve[k].at[MS_FLUID_QUEUE]);
			row_number(row, "orbit", ms_fluid_sum(fluid, curve[k].at, MS_FLUID_ORBIT));
			row_number(row, "piece", piece);
			row_number(row, "place", k);
		}
	}
}

static int fill(struct specification *chart, const struct ms_fluid *fluid,
	enum ms_fluid_parameter parameter, struct hb_error *reterr)
{
	struct ms_fluid_curve_point *curve = calloc(POINTS_MAX, sizeof(*curve));
	int count = -ENOMEM;

	if (curve)
		count = ms_fluid_branches(fluid, parameter, POINTS_MAX, curve, reterr);
	if (count > 0) {
		add_curve(chart, fluid, curve, count);
		row_number(specification_row(chart, "this model"), "at",
			ms_fluid_get(fluid, parameter));
	}
	free(curve);
	if (count == -ENOMEM)
		return hb_error_set(reterr, count, "out of memory for branches");
	return count == 0  ? hb_error_set(reterr, -EDOM, "the fluid has no fixed point")
	       : count < 0 ? count
			   : 0;
}

int ms_chart_branches(const struct ms_model *model, enum ms_fluid_parameter parameter, char **ret,
	struct hb_error *reterr)
{
	struct specification chart;
	struct ms_fluid *fluid = NULL;
	char title[96];
	cJSON *x;
	int code = ms_fluid_create(model, &fluid, reterr);

	if (code)
		return code;
	(void)snprintf(title, sizeof(title), "Modes over the %s", titles[parameter]);
	specification_open(&chart, title,
		"Fixed points of the averages (fluid): stable modes are solid, the saddle between "
		"them is "
		"dashed; where they meet, a mode ends. Between such folds a service has two modes, "
		"and "
		"a trigger decides in which it is. The vertical line is this model.",
		body);
	x = cJSON_GetObjectItem(cJSON_GetObjectItem(chart.json, "encoding"), "x");
	(void)cJSON_AddStringToObject(x, "title", titles[parameter]);
	code = fill(&chart, fluid, parameter, reterr);
	ms_fluid_destroy(fluid);
	if (code) {
		specification_finish(&chart);
		return code;
	}
	return specification_text(&chart, ret, reterr);
}
