/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metastable sim: how often do the triggers leave the service down, and how long does it take to recover? */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <hotbed/error.h>

#include <metastable/simulation.h>

#include "command.h"
#include "counts_json.h"

static const struct option_row options[] = {
	{"runs", "N", "runs at most (200)"},
	{"seed", "N", "of all random numbers (1)"},
	{"threads", "N", "that simulate; the answer does not depend on it (all CPUs)"},
	{"level", "P", "of the intervals (0.95)"},
	{"half-width", "P", "stop when the interval of P(stuck) is at most twice as wide"},
	{"decide", NULL, "stop when the interval of P(stuck) does not contain 0.5"},
	{"window", "TIME", "over which goodput is compared with demand (50 requests)"},
	{"share", "P", "of the demand that the goodput must reach (0.9)"},
	{"early", NULL, "end each run when it has recovered"},
	{"series", NULL, "add the time series: 10, 50 and 90 % of the runs per bin"},
	{"shared-engine", NULL, "do not use the specialised loop"},
	{"splitting", NULL, "estimate how rarely it collapses by itself, without triggers"},
	{"span", "TIME", "within which it may collapse (what 1000 requests take to begin)"},
	{"target", "N", "jobs in the server that are a collapse (nine tenths of its queue)"},
	{"repetitions", "N", "independent estimates of the splitting (20)"},
	{"effort", "N", "copies per level in each of them (400)"},
	{NULL, NULL, NULL},
};

struct request {
	struct ms_study_options study;
	struct ms_splitting_options splitting;
	uint64_t seed;
};

static int request_read(
	const struct arguments *arguments, struct request *ret, struct hb_error *reterr)
{
	uint64_t runs = 200;
	uint64_t target = 0, repetitions = 20, effort = 400;
	uint64_t threads = 0;
	struct request request = {.seed = 1};
	int code = option_u64(arguments, "runs", 1, MS_RUNS_MAX, &runs, reterr);

	if (code == 0)
		code = option_u64(arguments, "seed", 0, UINT64_MAX, &request.seed, reterr);
	if (code == 0)
		code = option_u64(arguments, "threads", 1, 1024, &threads, reterr);
	if (code == 0)
		code = option_u64(arguments, "target", 1, MS_QUEUE_MAX, &target, reterr);
	if (code == 0)
		code = option_u64(arguments, "repetitions", 2, 100000, &repetitions, reterr);
	if (code == 0)
		code = option_u64(arguments, "effort", 2, 100000, &effort, reterr);
	request.study.level = 0.95;
	if (code == 0)
		code = option_real(arguments, "level", 0.5, 0.9999, &request.study.level, reterr);
	if (code == 0)
		code = option_real(
			arguments, "half-width", 1e-4, 0.5, &request.study.half_width, reterr);
	if (code == 0)
		code = option_time(arguments, "window", &request.study.run.window_s, reterr);
	if (code == 0)
		code = option_real(
			arguments, "share", 0.01, 1, &request.study.run.recovery_share, reterr);
	if (code == 0)
		code = option_time(arguments, "span", &request.splitting.span_s, reterr);
	if (code < 0)
		return code;
	request.study.runs = (uint32_t)runs;
	request.study.threads = (unsigned int)threads;
	request.study.decide = option_value(arguments, "decide");
	request.study.series = option_value(arguments, "series");
	request.study.run.stop_at_recovery = option_value(arguments, "early");
	request.study.run.shared_engine = option_value(arguments, "shared-engine");
	request.splitting.target = (uint32_t)target;
	request.splitting.repetitions = (uint32_t)repetitions;
	request.splitting.effort = (uint32_t)effort;
	request.splitting.threads = (unsigned int)threads;
	request.splitting.level = request.study.level;
	*ret = request;
	return 0;
}

/* ---- JSON ---- */

static void json_interval(cJSON *object, const char *key, const struct hb_interval *interval)
{
	cJSON *list = cJSON_AddArrayToObject(object, key);
	const double values[] = {interval->lo, interval->estimate, interval->hi};

	for (int i = 0; list && i < 3; i++)
		(void)cJSON_AddItemToArray(list,
			isfinite(values[i]) ? cJSON_CreateNumber(values[i]) : cJSON_CreateNull());
}

static void json_times(cJSON *object, const char *key, const struct ms_time_summary *times)
{
	cJSON *item = cJSON_AddObjectToObject(object, key);

	if (!item)
		return;
	json_number(item, "runs", times->runs);
	json_number(item, "mean", times->mean);
	json_number(item, "lo", times->lo);
	json_number(item, "hi", times->hi);
	json_number(item, "p10", times->p10);
	json_number(item, "p50", times->p50);
	json_number(item, "p90", times->p90);
	json_number(item, "max", times->max);
}

static void json_series(cJSON *object, const struct ms_study *study)
{
	cJSON *series = cJSON_AddObjectToObject(object, "series");

	json_number(series, "first_bin_end_s", study->first_bin_s);
	json_number(series, "bin_s", study->bin_s);
	for (int q = 0; series && q < MS_SERIES_COUNT; q++) {
		cJSON *lists[3];
		static const char *const names[3] = {"p10", "p50", "p90"};
		cJSON *item =
			cJSON_AddObjectToObject(series, ms_series_name((enum ms_series_quantity)q));

		for (int i = 0; i < 3; i++)
			lists[i] = cJSON_AddArrayToObject(item, names[i]);
		for (uint32_t b = 0; b < study->bins; b++) {
			const struct ms_band *band = &study->bands[q * (size_t)study->bins + b];
			const float values[3] = {band->p10, band->p50, band->p90};

			for (int i = 0; i < 3; i++)
				(void)cJSON_AddItemToArray(
					lists[i], cJSON_CreateNumber((double)values[i]));
		}
	}
}

static int print_json(const struct ms_model *model, const struct request *request,
	const struct ms_study *study, struct hb_error *reterr)
{
	cJSON *json = cJSON_CreateObject();

	(void)cJSON_AddStringToObject(json, "schema", "metastable.sim/1");
	json_number(json, "runs", study->runs);
	json_number(json, "stuck", study->stuck);
	json_interval(json, "p_stuck", &study->p_stuck);
	json_times(json, "recovery_s", &study->recovery_s);
	json_times(json, "drained_s", &study->drained_s);
	json_number(json, "events", (double)study->events);
	(void)hb_json_add_u64(json, "seed", request->seed);
	json_number(json, "level", request->study.level);
	json_number(json, "horizon_s", model->horizon_s);
	json_number(json, "trigger_end_s", ms_model_trigger_end_s(model));
	json_number(json, "window_s",
		request->study.run.window_s > 0 ? request->study.run.window_s : ms_window_s(model));
	json_number(json, "down_before", study->down_before);
	json_number(json, "goodput_per_s", study->goodput_per_s);
	json_number(json, "attempts_per_request", study->attempts_per_request);
	(void)cJSON_AddStringToObject(
		json, "engine", study->specialised ? "specialised" : "shared");
	json_clients(json, model, study->clients);
	json_servers(json, model, study->servers);
	if (study->bands)
		json_series(json, study);
	return json_print(json, reterr);
}

static int print_splitting_json(const struct ms_splitting *splitting, const struct request *request,
	struct hb_error *reterr)
{
	cJSON *json = cJSON_CreateObject();
	cJSON *list;

	(void)cJSON_AddStringToObject(json, "schema", "metastable.splitting/1");
	json_interval(json, "p_collapse", &splitting->interval);
	json_number(json, "tau_collapse_s", splitting->tau_collapse_s);
	json_number(json, "span_s", splitting->span_s);
	json_number(json, "target_jobs", splitting->target);
	json_number(json, "repetitions", splitting->repetitions);
	json_number(json, "hits", splitting->hits);
	json_number(json, "events", (double)splitting->events);
	(void)hb_json_add_u64(json, "seed", request->seed);
	list = cJSON_AddArrayToObject(json, "levels");
	for (uint32_t i = 0; list && i < splitting->levels; i++)
		(void)cJSON_AddItemToArray(list, cJSON_CreateNumber(splitting->thresholds[i]));
	return json_print(json, reterr);
}

/* ---- text ---- */

static void print_text(const struct ms_model *model, const struct ms_study *study)
{
	(void)printf("stuck: %u of %u runs, P = %.3f [%.3f, %.3f]; %.0f s after the last trigger "
		     "without recovery is stuck\n",
		study->stuck, study->runs, study->p_stuck.estimate, study->p_stuck.lo,
		study->p_stuck.hi, model->horizon_s);
	if (study->recovery_s.runs)
		(void)printf("recovery: %u runs, mean %.1f s [%.1f, %.1f], median %.1f s, 90 %% "
			     "within %.1f s\n",
			study->recovery_s.runs, study->recovery_s.mean, study->recovery_s.lo,
			study->recovery_s.hi, study->recovery_s.p50, study->recovery_s.p90);
	if (study->drained_s.runs)
		(void)printf("drained: %u runs, mean %.1f s [%.1f, %.1f]\n", study->drained_s.runs,
			study->drained_s.mean, study->drained_s.lo, study->drained_s.hi);
	(void)printf("over the whole runs: goodput %.2f/s, %.2f attempts per request\n",
		study->goodput_per_s, study->attempts_per_request);
	if (study->down_before)
		(void)printf("down before the first trigger: %u runs\n", study->down_before);
	(void)printf("%llu events on the %s\n", (unsigned long long)study->events,
		study->specialised ? "specialised loop" : "shared engine");
}

static int run_splitting(const struct ms_model *model, const struct arguments *arguments,
	const struct request *request, struct hb_error *reterr)
{
	struct ms_splitting splitting;
	int code = ms_splitting_run(model, &request->splitting, request->seed, &splitting, reterr);

	if (code < 0)
		return code;
	if (arguments->json)
		return print_splitting_json(&splitting, request, reterr);
	(void)printf("collapse within %.0f s of an empty start: P = %.4g [%.4g, %.4g]\n",
		splitting.span_s, splitting.p_collapse, splitting.interval.lo,
		splitting.interval.hi);
	(void)printf("mean time to collapse: %.4g s\n", splitting.tau_collapse_s);
	(void)printf("%u levels, %u of %u repetitions reached %u jobs, %llu events\n",
		splitting.levels, splitting.hits, splitting.repetitions, splitting.target,
		(unsigned long long)splitting.events);
	return 0;
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	struct ms_model model;
	struct request request;
	struct ms_study study;
	int code = request_read(arguments, &request, reterr);

	if (code == 0)
		code = model_of(arguments, &model, reterr);
	if (code < 0)
		return code;
	if (option_value(arguments, "splitting"))
		return run_splitting(&model, arguments, &request, reterr);
	code = ms_study_run(&model, &request.study, request.seed, &study, reterr);
	if (code < 0)
		return code;
	if (arguments->json)
		code = print_json(&model, &request, &study, reterr);
	else
		print_text(&model, &study);
	ms_study_finish(&study);
	return code;
}

const struct command command_sim = {
	.name = "sim",
	.operands = "FILE.ms",
	.operands_min = 1,
	.operands_max = 1,
	.help = "how often do the triggers leave it down, and how long does recovery take?",
	.options = options,
	.run = run,
};
