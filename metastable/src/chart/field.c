/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The paper's Figure 3 for any model with an orbit. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <hotbed/error.h>

#include <metastable/chart.h>
#include <metastable/ctmc.h>

#include "specification.h"

/* Arrows along each axis, and points of each line at most. */
#define ARROWS 28
#define LINE_POINTS 200

static const char body[] =
	"{\"width\":640,\"height\":420,"
	"\"encoding\":{"
	"\"x\":{\"field\":\"queue\",\"type\":\"quantitative\",\"title\":\"jobs in the server\"},"
	"\"y\":{\"field\":\"orbit\",\"type\":\"quantitative\","
	"\"title\":\"requests that will retry (orbit)\"}},"
	"\"resolve\":{\"scale\":{\"color\":\"independent\",\"strokeDash\":\"independent\"}},"
	"\"layer\":[{\"transform\":[{\"filter\":\"datum.what == 'arrow'\"}],"
	"\"mark\":{\"type\":\"point\",\"shape\":\"wedge\",\"filled\":true,\"size\":150,"
	"\"opacity\":0.9},"
	"\"encoding\":{\"angle\":{\"field\":\"angle\",\"type\":\"quantitative\","
	"\"scale\":{\"domain\":[0,360],\"range\":[0,360]}},"
	"\"color\":{\"field\":\"speed\",\"type\":\"quantitative\","
	"\"title\":\"mean drift (1/s)\","
	"\"scale\":{\"scheme\":{\"name\":\"viridis\",\"extent\":[0.2,0.85]},\"type\":\"sqrt\"},"
	"\"legend\":{\"gradientLength\":160}}}},"
	"{\"transform\":[{\"filter\":\"datum.what != 'arrow'\"}],"
	"\"mark\":{\"type\":\"line\",\"strokeWidth\":2.5,\"clip\":true},"
	"\"encoding\":{\"order\":{\"field\":\"place\",\"type\":\"quantitative\"},"
	"\"color\":{\"field\":\"what\",\"type\":\"nominal\",\"title\":null,"
	"\"legend\":{\"symbolType\":\"stroke\",\"symbolSize\":400},"
	"\"scale\":{\"domain\":[\"queue stands still\",\"orbit stands still\",\"separatrix\"],"
	"\"range\":[\"#2f6fde\",\"#d9772b\",\"#c94f6d\"]}},"
	"\"strokeDash\":{\"field\":\"what\",\"type\":\"nominal\",\"title\":null,"
	"\"scale\":{\"domain\":[\"queue stands still\",\"orbit stands still\",\"separatrix\"],"
	"\"range\":[[1,0],[8,4],[2,3]]}}}}]}";

struct field {
	struct ms_ctmc_chain *chain;
	double *drift, *committor;
	int32_t queue_last, orbit_last; /* that are drawn */
	struct specification chart;
};

/* The quantities whose zeros are the lines. */
enum line { LINE_QUEUE, LINE_ORBIT, LINE_SEPARATRIX, LINE_COUNT };

static const char *const line_name[] = {"queue stands still", "orbit stands still", "separatrix"};

/* The state with @queue jobs and @orbit waiting, everything else as at the empty start; UINT32_MAX if there is none. */
static uint32_t state_at(const struct field *f, int32_t queue, int32_t orbit)
{
	const struct ms_generator *g = &f->chain->generator;
	int32_t at[MS_AXES_MAX];

	for (uint32_t a = 0; a < g->axes; a++)
		at[a] = g->at[a];
	at[f->chain->queue_axis] = queue;
	at[f->chain->orbit_axis] = orbit;
	return ms_generator_find(g, at);
}

static double quantity(const struct field *f, enum line line, uint32_t state)
{
	uint32_t axes = f->chain->generator.axes;

	if (line == LINE_SEPARATRIX)
		return f->committor[state] - 0.5;
	return f->drift[(size_t)state * axes + (line == LINE_QUEUE
							       ? f->chain->queue_axis
							       : (uint32_t)f->chain->orbit_axis)];
}

/* Where @line crosses the column of states with @queue jobs, from below; NAN if it does not. */
static double crossing(const struct field *f, enum line line, int32_t queue)
{
	double before = NAN;

	for (int32_t o = 0; o <= f->orbit_last; o++) {
		uint32_t state = state_at(f, queue, o);
		double value;

		if (state == UINT32_MAX)
			return NAN;
		value = quantity(f, line, state);
		if (before * value < 0.0)
			return o - 1 + before / (before - value);
		before = value;
	}
	return NAN;
}

static void add_lines(struct field *f)
{
	int32_t step = f->queue_last / LINE_POINTS + 1;

	for (int l = 0; l < LINE_COUNT; l++) {
		for (int32_t q = 1; q < f->queue_last; q += step) {
			double orbit = crossing(f, (enum line)l, q);
			cJSON *row;

			if (!isfinite(orbit))
				continue;
			row = specification_row(&f->chart, line_name[l]);
			row_number(row, "queue", q);
			row_number(row, "orbit", orbit);
			row_number(row, "place", q);
		}
	}
}

static void add_arrows(struct field *f)
{
	int32_t queue_step = f->queue_last / ARROWS + 1, orbit_step = f->orbit_last / ARROWS + 1;

	for (int32_t q = 0; q <= f->queue_last; q += queue_step) {
		for (int32_t o = 0; o <= f->orbit_last; o += orbit_step) {
			uint32_t state = state_at(f, q, o);
			double x, y;
			cJSON *row;

			if (state == UINT32_MAX)
				continue;
			x = quantity(f, LINE_QUEUE, state);
			y = quantity(f, LINE_ORBIT, state);
			row = specification_row(&f->chart, "arrow");
			row_number(row, "queue", q);
			row_number(row, "orbit", o);
			row_number(row, "speed", hypot(x, y));
			/* As it looks where both axes are as long as they are wide, clockwise from straight up. */
			row_number(row, "angle",
				fmod(450.0 - atan2(y / f->orbit_last, x / f->queue_last) * 180.0 /
							M_PI,
					360.0));
		}
	}
}

/* High enough for every line within what the orbit holds. */
static int32_t choose_height(struct field *f)
{
	double highest = 20.0;

	f->orbit_last = f->chain->orbit_bound;
	for (int32_t q = 1; q < f->queue_last; q++) {
		double queue = crossing(f, LINE_QUEUE, q), edge = crossing(f, LINE_SEPARATRIX, q);

		highest = isfinite(queue) ? fmax(highest, queue) : highest;
		highest = isfinite(edge) ? fmax(highest, edge) : highest;
	}
	return (int32_t)fmin(1.5 * highest, f->chain->orbit_bound);
}

static int fill(struct field *f, uint32_t orbit, struct hb_error *reterr)
{
	const struct ms_generator *g = &f->chain->generator;
	int code;

	if (f->chain->orbit_phases == 0)
		return hb_error_set(reterr, -EOPNOTSUPP,
			"nobody retries after a timeout: there is no orbit to draw");
	f->drift = malloc((size_t)g->states * g->axes * sizeof(*f->drift));
	f->committor = malloc(g->states * sizeof(*f->committor));
	if (!f->drift || !f->committor)
		return hb_error_set(reterr, -ENOMEM, "out of memory for %u states", g->states);
	ms_generator_drift(g, f->drift);
	code = ms_ctmc_committor(f->chain, 0.0, f->committor, reterr);
	if (code)
		return code;
	f->queue_last = g->last[f->chain->queue_axis];
	f->orbit_last = orbit > 0 && orbit < (uint32_t)f->chain->orbit_bound ? (int32_t)orbit
									     : choose_height(f);
	add_arrows(f);
	add_lines(f);
	return 0;
}

int ms_chart_field(
	const struct ms_model *model, uint32_t orbit, char **ret, struct hb_error *reterr)
{
	struct ms_ctmc_options asked = {.times_only = true};
	struct field f = {0};
	int code = ms_ctmc_chain_create(model, &asked, &f.chain, reterr);

	if (code)
		return code;
	specification_open(&f.chart, "Where queue and orbit move",
		"Mean drift, read off the rows of the generator (arrows: direction on this page, "
		"colour: "
		"strength); the lines on which queue and orbit stand still, which cross at the "
		"fixed "
		"points; and the separatrix, from which either mode comes first with the same "
		"probability. Figure 3 of the paper for this model.",
		body);
	code = fill(&f, orbit, reterr);
	free(f.drift);
	free(f.committor);
	ms_ctmc_chain_destroy(f.chain);
	if (code) {
		specification_finish(&f.chart);
		return code;
	}
	return specification_text(&f.chart, ret, reterr);
}
