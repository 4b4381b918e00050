/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metastable/calibration: how far a model is from a service before and after it was fitted to one trace of it, on
 * another burst than the one it was fitted to. The service is a simulation with evenly spaced arrivals, steadier
 * services, another capacity and another timeout: two of these the model cannot learn. Each block has a service run of
 * its own, so the interval of the claim covers the luck of the trace.
 */
#include "experiments.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <metastable/calibration.h>

#include "paper_model.h"

#define ROW_S 10.0
#define END_S 1500.0
#define AT_S 300.0
#define FITTED_BURST_PER_S 10.0
#define FITTED_LENGTH_S 120.0
#define OTHER_BURST_PER_S 25.0
#define OTHER_LENGTH_S 60.0
#define RUNS 8
#define RUNS_QUICK 1
#define STEPS 40
#define STEPS_QUICK 2

static const bool fits[] = {false, true};
static const char *const paths[] = {"db.service", "c.timeout"};
static struct ms_model model, service;
static struct ms_trace fitted_to, held_out;
static bool sabotaged;

static void burst_set(struct ms_model *which, double rate_per_s, double length_s)
{
	which->triggers[0].at_s = AT_S;
	which->triggers[0].value = rate_per_s;
	which->triggers[0].duration_s = length_s;
}

/* One run of the service, seen every ROW_S seconds: what was answered, what was sent, and the queue. */
static int trace_record(struct hb_trial *trial, uint64_t replication, struct ms_trace *ret)
{
	/* Ten bins make a window, and the bursts end at a multiple of a row. */
	struct ms_run_options options = {.end_s = END_S, .window_s = MS_WINDOW_BINS * ROW_S};
	struct ms_simulation *simulation = NULL;
	struct ms_run_result result;
	struct ms_bin *bins = NULL;
	struct hb_error error = {0};
	uint32_t rows = (uint32_t)(END_S / ROW_S);
	double bin_s;
	int code = ms_simulation_create(&service, &options, &simulation, &error);

	if (!code) {
		uint32_t count = ms_simulation_bins(simulation, &bin_s);

		bins = calloc(count > rows ? count : rows, sizeof(*bins));
		ret->rows = calloc(rows, sizeof(*ret->rows));
		code = bins && ret->rows ? ms_simulation_run(simulation, hb_trial_seed(trial),
						   replication, bins, &result, &error)
					 : -ENOMEM;
	}
	for (uint32_t i = 0; !code && i < rows; i++) {
		struct ms_trace_row *row = &ret->rows[i];

		row->time_s = (i + 1) * ROW_S;
		for (int s = 0; s < MS_SERIES_COUNT; s++)
			row->value[s] = NAN;
		row->value[MS_SERIES_GOODPUT] = bins[i].successes / ROW_S;
		row->value[MS_SERIES_ATTEMPTS] = bins[i].attempts / ROW_S;
		row->value[MS_SERIES_JOBS] = bins[i].jobs;
	}
	ret->row_count = rows;
	ret->columns = 1U << MS_SERIES_GOODPUT | 1U << MS_SERIES_ATTEMPTS | 1U << MS_SERIES_JOBS;
	free(bins);
	ms_simulation_destroy(simulation);
	return code ? hb_trial_fail(trial, "no trace: %s", error.text) : 0;
}

static int setup(struct hb_trial *trial)
{
	struct hb_error error = {0};
	int code = paper_model(trial, "", &model);

	if (code)
		return code;
	/* Below the edge of the model, above that of the service: 1 / (1 + r) of 10 and of 8.5 per second. */
	model.clients[0].retries = 2;
	model.clients[0].rate_per_s = 3;
	burst_set(&model, FITTED_BURST_PER_S, FITTED_LENGTH_S);
	service = model;
	service.clients[0].arrivals = MS_PACED;
	service.clients[0].timeout_s = 4;
	service.servers[0].service =
		(struct ms_distribution){.kind = MS_ERLANG, .mean_s = 1 / 8.5, .phases = 4};
	service.servers[0].service.cv = 0.5;
	if (ms_model_check(&service, &error))
		return hb_trial_fail(trial, "%s", error.text);
	code = trace_record(trial, 0, &fitted_to);
	burst_set(&service, OTHER_BURST_PER_S, OTHER_LENGTH_S);
	return code ? code : trace_record(trial, 1, &held_out);
}

static int run(struct hb_trial *trial)
{
	bool quick = hb_trial_is_quick(trial);
	uint32_t runs = quick ? RUNS_QUICK : RUNS;
	struct ms_calibration_options options = {
		.paths = paths,
		.path_count = sizeof(paths) / sizeof(paths[0]),
		.train_share = 0.95,
		.runs = runs,
		.steps = quick ? STEPS_QUICK : STEPS,
		.seed = hb_trial_seed(trial) + 1,
	};
	struct ms_calibration fit;
	struct hb_error error = {0};
	double difference, capacity_per_s;

	if (*(const bool *)hb_trial_data(trial) &&
		ms_calibrate(&model, &fitted_to, NULL, &options, &model, &fit, &error))
		return hb_trial_fail(trial, "%s", error.text);
	capacity_per_s = 1 / model.servers[0].service.mean_s;
	burst_set(&model, OTHER_BURST_PER_S, OTHER_LENGTH_S);
	if (ms_trace_error(&model, &held_out, 0, held_out.row_count, runs, options.seed + 1,
		    &difference, &error))
		return hb_trial_fail(trial, "%s", error.text);
	hb_trial_metric(trial, "held_out", difference, held_out.row_count);
	hb_trial_metric(trial, "capacity_error", fabs(capacity_per_s / 8.5 - 1) + 1e-6, 1);
	hb_trial_metric(trial, "timeout_error", fabs(model.clients[0].timeout_s / 4 - 1) + 1e-6, 1);
	return 0;
}

/* Both traces are whole, and their burst is in them. */
static int verify(struct hb_trial *trial)
{
	double peak = 0;

	if (sabotaged)
		held_out.rows[0].time_s = END_S;
	for (uint32_t i = 0; i < held_out.row_count; i++) {
		if (i && held_out.rows[i].time_s <= held_out.rows[i - 1].time_s)
			return hb_trial_fail(trial, "the times of the trace do not rise");
		peak = fmax(peak, held_out.rows[i].value[MS_SERIES_ATTEMPTS]);
	}
	if (peak < OTHER_BURST_PER_S / 2)
		return hb_trial_fail(trial, "the trace has no burst");
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	(void)trial;
	ms_trace_finish(&fitted_to);
	ms_trace_finish(&held_out);
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 10000;
}

#define ERROR_METRIC(name_, help_)                                                        \
	{                                                                                 \
		.name = (name_), .unit = "1", .help = (help_), .better = HB_BETTER_LOWER, \
		.basis = HB_BASIS_MODEL, .exact = true,                                   \
	}

static const struct hb_metric metrics[] = {
	ERROR_METRIC("held_out",
		"root mean square over goodput, attempts and queue of the other burst, each "
		"relative to its own root mean square"),
	ERROR_METRIC("capacity_error", "of the capacity, relative, plus a millionth"),
	ERROR_METRIC("timeout_error", "of the timeout, relative, plus a millionth"),
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, data_)                                                    \
	{                                                                                      \
		.name = (name_), .role = (role_), .help = (help_), .setup = setup, .run = run, \
		.verify = verify, .teardown = teardown, .sabotage = sabotage, .data = (data_), \
	}

static const struct hb_variant variants[] = {
	VARIANT("before", HB_ROLE_BASELINE, "the running example as it is", &fits[0]),
	VARIANT("fitted", HB_ROLE_IDEA, "capacity and timeout fitted to one trace", &fits[1]),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "fit-foresees-another-burst",
		.text = "Fitted to one burst, the model is at most half as far from another.",
		.paper = "Formal Analysis of Metastable Failures, arXiv 2510.03551",
		.section = "4",
		.metric = "held_out",
		.variant = "fitted",
		.where = "",
		.lo = 0,
		.hi = 0.5,
	},
	{.name = NULL},
};

const struct hb_experiment metastable_calibration = {
	.name = "calibration",
	.question = "Does a model that was fitted to one burst foresee another?",
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.blocks = 6,
	.quiet = true,
	.trial_ms = trial_ms,
};
