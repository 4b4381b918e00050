/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fitting a model to a trace. See metastable/calibration.h. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <gsl/gsl_multimin.h>

#include <hotbed/error.h>

#include <metastable/calibration.h>

#define TRAIN_SHARE 0.7
#define RUNS 10
#define STEPS 60
#define FIRST_STEP 0.2 /* of a logarithm */
#define SMALL 1e-3     /* size of the simplex that ends the search */
#define IMPOSSIBLE 1e9 /* error of a model that cannot be */

/* Median of the runs over the bins that end within (@from, @to]; NAN if there are none. */
static double simulated(const struct ms_study *study, int series, double from, double to)
{
	const struct ms_band *bands = study->bands + (size_t)series * study->bins;
	double sum = 0;
	uint32_t count = 0;

	for (uint32_t b = 0; b < study->bins; b++) {
		double end_s = study->first_bin_s + b * study->bin_s;

		if (end_s > from && end_s <= to) {
			sum += bands[b].p50;
			count++;
		}
	}
	return count ? sum / count : NAN;
}

/* What each column is measured in: its root mean square over the whole trace. */
static double scale_of(const struct ms_trace *trace, int series)
{
	double sum = 0;
	uint32_t count = 0;

	for (uint32_t i = 0; i < trace->row_count; i++) {
		double value = trace->rows[i].value[series];

		if (!isnan(value)) {
			sum += value * value;
			count++;
		}
	}
	return count && sum > 0 ? sqrt(sum / count) : 1;
}

static double error_over(
	const struct ms_study *study, const struct ms_trace *trace, uint32_t first, uint32_t count)
{
	double sum = 0;
	uint32_t values = 0;

	for (int s = 0; s < MS_SERIES_COUNT; s++) {
		double scale;

		if (!(trace->columns & (1U << s)))
			continue;
		scale = scale_of(trace, s);
		for (uint32_t i = first; i < first + count; i++) {
			double from = i ? trace->rows[i - 1].time_s : 0;
			double difference =
				(trace->rows[i].value[s] -
					simulated(study, s, from, trace->rows[i].time_s)) /
				scale;

			if (!isnan(difference)) {
				sum += difference * difference;
				values++;
			}
		}
	}
	return values ? sqrt(sum / values) : NAN;
}

int ms_trace_error(const struct ms_model *model, const struct ms_trace *trace, uint32_t first,
	uint32_t count, uint32_t runs, uint64_t seed, double *ret, struct hb_error *reterr)
{
	struct ms_study_options options = {
		.run = {.end_s = trace->rows[trace->row_count - 1].time_s},
		.runs = runs,
		.series = true};
	struct ms_study study;
	int code = ms_study_run(model, &options, seed, &study, reterr);

	if (code)
		return code;
	*ret = error_over(&study, trace, first, count);
	ms_study_finish(&study);
	return 0;
}

/* ---- the search ---- */

struct fit {
	const struct ms_model *model;
	const struct ms_trace *trace;
	const struct ms_calibration_options *options;
	uint32_t train_rows, runs;
	int code; /* of the first failure that is not the model's */
	struct hb_error error;
};

/* Whole numbers are rounded: the simplex does not know them. */
static int apply(const struct ms_calibration_options *options, const double *logs,
	struct ms_model *model, struct hb_error *reterr)
{
	for (uint32_t i = 0; i < options->path_count; i++) {
		double value = exp(logs[i]);

		if (ms_model_set(model, options->paths[i], value, NULL) &&
			ms_model_set(model, options->paths[i], fmax(round(value), 1), reterr))
			return -EINVAL;
	}
	return ms_model_check(model, reterr);
}

static double objective(const gsl_vector *logs, void *user)
{
	struct fit *fit = user;
	struct ms_model model = *fit->model;
	double error = NAN;
	int code;

	if (fit->code || apply(fit->options, logs->data, &model, NULL))
		return IMPOSSIBLE;
	code = ms_trace_error(&model, fit->trace, 0, fit->train_rows, fit->runs, fit->options->seed,
		&error, &fit->error);
	/* A state space that explodes is the parameters' fault; memory is not. */
	if (code && code != -E2BIG)
		fit->code = code;
	return code || isnan(error) ? IMPOSSIBLE : error;
}

static uint32_t search(struct fit *fit, gsl_vector *logs, uint32_t steps_max)
{
	size_t count = fit->options->path_count;
	gsl_multimin_function function = {.f = objective, .n = count, .params = fit};
	gsl_multimin_fminimizer *simplex =
		gsl_multimin_fminimizer_alloc(gsl_multimin_fminimizer_nmsimplex2, count);
	gsl_vector *first = gsl_vector_alloc(count);
	uint32_t steps = 0;

	gsl_vector_set_all(first, FIRST_STEP);
	if (gsl_multimin_fminimizer_set(simplex, &function, logs, first) == 0) {
		while (!fit->code && steps < steps_max &&
			gsl_multimin_fminimizer_iterate(simplex) == 0) {
			steps++;
			if (gsl_multimin_fminimizer_size(simplex) < SMALL)
				break;
		}
		(void)gsl_vector_memcpy(logs, gsl_multimin_fminimizer_x(simplex));
	}
	gsl_vector_free(first);
	gsl_multimin_fminimizer_free(simplex);
	return steps;
}

static int errors_of(const struct fit *fit, const struct ms_model *model,
	const struct ms_trace *held_out, double *ret_train, double *ret_held_out,
	struct hb_error *reterr)
{
	uint32_t first = held_out == fit->trace ? fit->train_rows : 0;
	int code = ms_trace_error(model, fit->trace, 0, fit->train_rows, fit->runs,
		fit->options->seed, ret_train, reterr);

	/* Other random numbers than those that were fitted with. */
	if (!code)
		code = ms_trace_error(model, held_out, first, held_out->row_count - first,
			fit->runs, fit->options->seed + 1, ret_held_out, reterr);
	return code;
}

static int begin(const struct fit *fit, gsl_vector *logs, struct ms_calibration *result,
	struct hb_error *reterr)
{
	for (uint32_t i = 0; i < fit->options->path_count; i++) {
		int code = ms_model_get(
			fit->model, fit->options->paths[i], &result->before[i], reterr);

		if (code)
			return code;
		if (!(result->before[i] > 0) || !isfinite(result->before[i]))
			return hb_error_set(reterr, -EINVAL,
				"`%.80s` is %g; only numbers above 0 can be fitted",
				fit->options->paths[i], result->before[i]);
		gsl_vector_set(logs, i, log(result->before[i]));
	}
	return 0;
}

int ms_calibrate(const struct ms_model *model, const struct ms_trace *trace,
	const struct ms_trace *held_out, const struct ms_calibration_options *options,
	struct ms_model *fitted, struct ms_calibration *ret, struct hb_error *reterr)
{
	double share = options->train_share > 0 ? options->train_share : TRAIN_SHARE;
	struct fit fit = {model, trace, options,
		held_out ? trace->row_count : (uint32_t)(share * trace->row_count),
		options->runs ? options->runs : RUNS, 0, {0}};
	struct ms_calibration result = {.train_rows = fit.train_rows};
	const struct ms_trace *other = held_out ? held_out : trace;
	struct ms_model best = *model;
	gsl_vector *logs;
	int code;

	if (options->path_count < 1 || options->path_count > MS_FIT_MAX)
		return hb_error_set(reterr, -EINVAL, "1 to %d numbers can be fitted", MS_FIT_MAX);
	result.held_out_rows = other->row_count - (held_out ? 0 : fit.train_rows);
	if (fit.train_rows < 1 || result.held_out_rows < 1)
		return hb_error_set(reterr, -EINVAL, "no rows are left to fit to or to hold out");
	logs = gsl_vector_alloc(options->path_count);
	code = begin(&fit, logs, &result, reterr);
	if (!code)
		code = errors_of(
			&fit, model, other, &result.train_before, &result.held_out_before, reterr);
	if (!code) {
		result.steps = search(&fit, logs, options->steps ? options->steps : STEPS);
		code = fit.code;
		if (code && reterr)
			*reterr = fit.error;
	}
	if (!code)
		code = apply(options, logs->data, &best, reterr);
	if (!code)
		code = errors_of(
			&fit, &best, other, &result.train_after, &result.held_out_after, reterr);
	gsl_vector_free(logs);
	if (code)
		return code;
	for (uint32_t i = 0; i < options->path_count; i++)
		(void)ms_model_get(&best, options->paths[i], &result.after[i], NULL);
	*fitted = best;
	*ret = result;
	return 0;
}
