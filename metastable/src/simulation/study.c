/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Many runs of a model: shares, times and bands over the replications. Runs are made in batches of a fixed size, and
 * only whole batches decide whether to go on, so the result is the same for any number of threads. See
 * metastable/simulation.h.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/sim.h>

#include <metastable/simulation.h>

#define RUNS_DEFAULT 200U
#define SERIES_FLOATS_MAX ((size_t)1 << 28) /* 1 GiB of bands' data */

/* What a replication hands on, in front of its series. */
enum output {
	OUT_STUCK,
	OUT_RECOVERY_S, /* -1 = never */
	OUT_DRAINED_S,  /* -1 = never or unknown */
	OUT_DOWN_BEFORE,
	OUT_SPECIALISED,
	OUT_EVENTS,
	OUT_END_S,
	OUT_COUNTS, /* client and server counts follow, as doubles: exact below 2^53 */
};

#define CLIENT_FIELDS (sizeof(struct ms_client_counts) / sizeof(uint64_t))
#define SERVER_FIELDS (sizeof(struct ms_server_counts) / sizeof(uint64_t))
#define CLIENT_TIMES 1U /* of these, the last are doubles */
#define SERVER_TIMES 3U

struct plan {
	const struct ms_model *model;
	struct ms_run_options run;
	uint64_t first; /* replication of the batch */
	uint32_t bins;  /* 0 = no series */
	double bin_s;
	size_t outputs;
};

const char *ms_series_name(enum ms_series_quantity quantity)
{
	static const char *const names[MS_SERIES_COUNT] = {
		[MS_SERIES_REQUESTS] = "requests_per_s",
		[MS_SERIES_GOODPUT] = "goodput_per_s",
		[MS_SERIES_FAILURES] = "failures_per_s",
		[MS_SERIES_ATTEMPTS] = "attempts_per_s",
		[MS_SERIES_JOBS] = "jobs",
		[MS_SERIES_ORBIT] = "orbit",
		[MS_SERIES_P50_S] = "p50_s",
		[MS_SERIES_P99_S] = "p99_s",
	};

	return names[quantity];
}

/* @count words of @words, the last @times of which are doubles, to or from plain doubles. */
static double *counts_store(double *at, const void *words, size_t count, size_t times)
{
	for (size_t i = 0; i < count; i++) {
		const char *word = (const char *)words + i * sizeof(uint64_t);
		uint64_t integer;

		if (i >= count - times) {
			memcpy(at++, word, sizeof(*at));
		} else {
			memcpy(&integer, word, sizeof(integer));
			*at++ = (double)integer;
		}
	}
	return at;
}

static const double *counts_add(const double *at, void *words, size_t count, size_t times)
{
	for (size_t i = 0; i < count; i++, at++) {
		char *word = (char *)words + i * sizeof(uint64_t);
		uint64_t integer;
		double real;

		if (i >= count - times) {
			memcpy(&real, word, sizeof(real));
			real += *at;
			memcpy(word, &real, sizeof(real));
		} else {
			memcpy(&integer, word, sizeof(integer));
			integer += (uint64_t)*at;
			memcpy(word, &integer, sizeof(integer));
		}
	}
	return at;
}

static void series_store(const struct plan *plan, const struct ms_bin *bins, double *at)
{
	for (uint32_t i = 0; i < plan->bins; i++) {
		const struct ms_bin *bin = &bins[i];

		at[MS_SERIES_REQUESTS * (size_t)plan->bins + i] = bin->requests / plan->bin_s;
		at[MS_SERIES_GOODPUT * (size_t)plan->bins + i] = bin->successes / plan->bin_s;
		at[MS_SERIES_FAILURES * (size_t)plan->bins + i] = bin->failures / plan->bin_s;
		at[MS_SERIES_ATTEMPTS * (size_t)plan->bins + i] = bin->attempts / plan->bin_s;
		at[MS_SERIES_JOBS * (size_t)plan->bins + i] = bin->jobs;
		at[MS_SERIES_ORBIT * (size_t)plan->bins + i] = bin->orbit;
		at[MS_SERIES_P50_S * (size_t)plan->bins + i] = (double)bin->p50_s;
		at[MS_SERIES_P99_S * (size_t)plan->bins + i] = (double)bin->p99_s;
	}
}

static void run_store(const struct plan *plan, const struct ms_run_result *run,
	const struct ms_bin *bins, double *ret)
{
	double *at = ret + OUT_COUNTS;

	ret[OUT_STUCK] = run->stuck;
	ret[OUT_RECOVERY_S] = isfinite(run->recovery_s) ? run->recovery_s : -1;
	/* A run that ended early may have drained later: its time would be a biased sample. */
	ret[OUT_DRAINED_S] =
		isfinite(run->drained_s) && !plan->run.stop_at_recovery ? run->drained_s : -1;
	ret[OUT_DOWN_BEFORE] = run->down_before;
	ret[OUT_SPECIALISED] = run->specialised;
	ret[OUT_EVENTS] = (double)run->events;
	ret[OUT_END_S] = run->end_s;
	for (uint32_t i = 0; i < plan->model->client_count; i++)
		at = counts_store(at, &run->clients[i], CLIENT_FIELDS, CLIENT_TIMES);
	for (uint32_t i = 0; i < plan->model->server_count; i++)
		at = counts_store(at, &run->servers[i], SERVER_FIELDS, SERVER_TIMES);
	if (plan->bins)
		series_store(plan, bins, at);
}

static int replicate(uint64_t seed, uint64_t replication, const void *model, double *ret_outputs,
	struct hb_error *reterr)
{
	const struct plan *plan = model;
	struct ms_simulation *simulation = NULL;
	struct ms_bin *bins = NULL;
	struct ms_run_result *run = malloc(sizeof(*run));
	int result = -ENOMEM;

	if (plan->bins)
		bins = malloc(plan->bins * sizeof(*bins));
	if (!run || (plan->bins && !bins))
		result = hb_error_set(reterr, -ENOMEM, "simulation: no memory; free some");
	else
		result = ms_simulation_create(plan->model, &plan->run, &simulation, reterr);
	if (result == 0)
		result = ms_simulation_run(
			simulation, seed, plan->first + replication, bins, run, reterr);
	if (result == 0)
		run_store(plan, run, bins, ret_outputs);
	ms_simulation_destroy(simulation);
	free(bins);
	free(run);
	return result;
}

static int plan_make(const struct ms_model *model, const struct ms_study_options *options,
	uint32_t runs, struct plan *ret, struct hb_error *reterr)
{
	struct ms_simulation *simulation;
	uint32_t bins;
	int result = ms_simulation_create(model, &options->run, &simulation, reterr);

	if (result < 0)
		return result;
	*ret = (struct plan){.model = model, .run = options->run};
	bins = ms_simulation_bins(simulation, &ret->bin_s);
	ms_simulation_destroy(simulation);
	ret->outputs = OUT_COUNTS + model->client_count * CLIENT_FIELDS +
		       model->server_count * SERVER_FIELDS;
	if (!options->series)
		return 0;
	if ((size_t)bins * MS_SERIES_COUNT > SERIES_FLOATS_MAX / runs)
		return hb_error_set(reterr, -E2BIG,
			"simulation: series of %u runs with %u bins do not fit into memory; use "
			"fewer "
			"runs or a longer window",
			runs, bins);
	ret->bins = bins;
	ret->outputs += (size_t)bins * MS_SERIES_COUNT;
	return 0;
}

/* Student's interval and quantiles of @count values that are not negative; the others say "never". */
static int time_summarise(const double *values, size_t stride, uint32_t runs, double level,
	struct ms_time_summary *ret, struct hb_error *reterr)
{
	struct hb_interval interval;
	double *times = malloc((runs ? runs : 1) * sizeof(*times));
	size_t count = 0;

	if (!times)
		return hb_error_set(reterr, -ENOMEM, "simulation: no memory; free some");
	for (uint32_t i = 0; i < runs; i++) {
		if (values[i * stride] >= 0)
			times[count++] = values[i * stride];
	}
	hb_stats_sort(times, count);
	*ret = (struct ms_time_summary){
		.runs = (uint32_t)count,
		.mean = hb_stats_mean(times, count),
		.lo = NAN,
		.hi = NAN,
		.p10 = hb_stats_quantile(times, count, 0.1),
		.p50 = hb_stats_quantile(times, count, 0.5),
		.p90 = hb_stats_quantile(times, count, 0.9),
		.max = count ? times[count - 1] : NAN,
	};
	if (hb_stats_student_interval(times, count, level, &interval) == 0) {
		ret->lo = interval.lo;
		ret->hi = interval.hi;
	}
	free(times);
	return 0;
}

static int bands_fill(const struct plan *plan, const double *values, uint32_t runs,
	struct ms_study *study, struct hb_error *reterr)
{
	size_t points = (size_t)plan->bins * MS_SERIES_COUNT;
	double *sorted = malloc(runs * sizeof(*sorted));

	study->bands = malloc((points ? points : 1) * sizeof(*study->bands));
	if (!sorted || !study->bands) {
		free(sorted);
		return hb_error_set(reterr, -ENOMEM, "simulation: no memory; free some");
	}
	for (size_t point = 0; point < points; point++) {
		for (uint32_t i = 0; i < runs; i++)
			sorted[i] = values[i * plan->outputs + plan->outputs - points + point];
		hb_stats_sort(sorted, runs);
		study->bands[point] = (struct ms_band){
			(float)hb_stats_quantile(sorted, runs, 0.1),
			(float)hb_stats_quantile(sorted, runs, 0.5),
			(float)hb_stats_quantile(sorted, runs, 0.9),
		};
	}
	free(sorted);
	study->bins = plan->bins;
	study->bin_s = plan->bin_s;
	study->first_bin_s = fmod(ms_model_trigger_end_s(plan->model), plan->bin_s);
	if (study->first_bin_s <= 0)
		study->first_bin_s = plan->bin_s;
	return 0;
}

static void totals_fill(const struct plan *plan, const double *values, struct ms_study *study)
{
	const struct ms_model *model = plan->model;
	double successes = 0;
	double requests = 0;
	double attempts = 0;
	double time_s = 0;

	for (uint32_t i = 0; i < study->runs; i++) {
		const double *run = values + i * plan->outputs;
		const double *at = run + OUT_COUNTS;

		study->stuck += run[OUT_STUCK] > 0;
		study->down_before += run[OUT_DOWN_BEFORE] > 0;
		study->specialised = run[OUT_SPECIALISED] > 0;
		study->events += (uint64_t)run[OUT_EVENTS];
		time_s += run[OUT_END_S];
		for (uint32_t c = 0; c < model->client_count; c++)
			at = counts_add(at, &study->clients[c], CLIENT_FIELDS, CLIENT_TIMES);
		for (uint32_t s = 0; s < model->server_count; s++)
			at = counts_add(at, &study->servers[s], SERVER_FIELDS, SERVER_TIMES);
	}
	for (uint32_t c = 0; c < model->client_count; c++) {
		if (model->clients[c].from_server != MS_NONE)
			continue;
		successes += (double)study->clients[c].successes;
		requests += (double)study->clients[c].requests;
		attempts += (double)study->clients[c].attempts;
	}
	study->goodput_per_s = time_s > 0 ? successes / time_s : 0;
	study->attempts_per_request = requests > 0 ? attempts / requests : 0;
}

/* Is what has been run enough? */
static bool settled(const struct ms_study_options *options, const double *values, size_t stride,
	uint32_t runs, double level)
{
	struct hb_interval interval;
	uint64_t stuck = 0;

	if (options->half_width <= 0 && !options->decide)
		return false;
	for (uint32_t i = 0; i < runs; i++)
		stuck += values[i * stride + OUT_STUCK] > 0;
	if (hb_stats_wilson_interval(stuck, runs, level, &interval) < 0)
		return false;
	if (options->decide && (interval.lo > 0.5 || interval.hi < 0.5))
		return true;
	return options->half_width > 0 && interval.hi - interval.lo <= 2 * options->half_width;
}

static int options_check(const struct ms_study_options *options, struct hb_error *reterr)
{
	if (options->runs > MS_RUNS_MAX)
		return hb_error_set(reterr, -EINVAL,
			"simulation: %u runs are out of range; use 1 to %u", options->runs,
			MS_RUNS_MAX);
	if (!(options->level >= 0 && options->level < 1))
		return hb_error_set(reterr, -EINVAL,
			"simulation: a level of %g is out of range; use 0.5 to 0.999",
			options->level);
	if (!(options->half_width >= 0 && options->half_width <= 0.5))
		return hb_error_set(reterr, -EINVAL,
			"simulation: a half width of %g is out of range; use 0.001 to 0.5",
			options->half_width);
	return 0;
}

/* All runs that the options ask for, in batches, into @values; the number made into @ret_runs. */
static int batches_run(struct plan *plan, const struct ms_study_options *options, uint64_t seed,
	uint32_t runs, double level, double *values, uint32_t *ret_runs, struct hb_error *reterr)
{
	bool sequential = options->half_width > 0 || options->decide;
	uint32_t done = 0;
	int result;

	while (done < runs) {
		uint32_t batch = runs - done;

		if (sequential && batch > MS_STUDY_BATCH)
			batch = MS_STUDY_BATCH;
		plan->first = done;
		result = hb_replications_run(seed, batch, replicate, plan, plan->outputs,
			options->threads, values + done * plan->outputs, reterr);
		if (result < 0)
			return result;
		done += batch;
		if (settled(options, values, plan->outputs, done, level))
			break;
	}
	*ret_runs = done;
	return 0;
}

int ms_study_run(const struct ms_model *model, const struct ms_study_options *options,
	uint64_t seed, struct ms_study *ret, struct hb_error *reterr)
{
	uint32_t runs = options->runs ? options->runs : RUNS_DEFAULT;
	double level = options->level > 0 ? options->level : 0.95;
	struct ms_study *study = calloc(1, sizeof(*study));
	double *values = NULL;
	struct plan plan;
	int result = options_check(options, reterr);

	if (!study)
		return hb_error_set(reterr, -ENOMEM, "simulation: no memory; free some");
	if (result == 0)
		result = plan_make(model, options, runs, &plan, reterr);
	if (result < 0)
		goto finish;
	values = malloc(runs * plan.outputs * sizeof(*values));
	if (!values) {
		result = hb_error_set(reterr, -ENOMEM,
			"simulation: no memory for the results of %u runs; use fewer", runs);
		goto finish;
	}
	result = batches_run(&plan, options, seed, runs, level, values, &study->runs, reterr);
	if (result < 0)
		goto finish;
	totals_fill(&plan, values, study);
	(void)hb_stats_wilson_interval(study->stuck, study->runs, level, &study->p_stuck);
	result = time_summarise(values + OUT_RECOVERY_S, plan.outputs, study->runs, level,
		&study->recovery_s, reterr);
	if (result == 0)
		result = time_summarise(values + OUT_DRAINED_S, plan.outputs, study->runs, level,
			&study->drained_s, reterr);
	if (result == 0 && options->series)
		result = bands_fill(&plan, values, study->runs, study, reterr);
	if (result == 0)
		*ret = *study;
	else
		ms_study_finish(study);
finish:
	free(values);
	free(study);
	return result;
}

void ms_study_finish(struct ms_study *study)
{
	free(study->bands);
	study->bands = NULL;
}

/* ---- two models on common random numbers ---- */

struct pair {
	struct plan plans[2];
};

static int replicate_pair(uint64_t seed, uint64_t replication, const void *model,
	double *ret_outputs, struct hb_error *reterr)
{
	const struct pair *pair = model;
	double stuck[2];

	for (int i = 0; i < 2; i++) {
		size_t outputs = pair->plans[i].outputs;
		double *values = malloc(outputs * sizeof(*values));
		int result;

		if (!values)
			return hb_error_set(reterr, -ENOMEM, "simulation: no memory; free some");
		result = replicate(seed, replication, &pair->plans[i], values, reterr);
		stuck[i] = values[OUT_STUCK];
		free(values);
		if (result < 0)
			return result;
	}
	*ret_outputs = stuck[1] - stuck[0];
	return 0;
}

int ms_study_compare(const struct ms_model *a, const struct ms_model *b,
	const struct ms_study_options *options, uint64_t seed, struct hb_interval *ret,
	struct hb_error *reterr)
{
	uint32_t runs = options->runs ? options->runs : RUNS_DEFAULT;
	double level = options->level > 0 ? options->level : 0.95;
	struct ms_study_options plain = *options;
	struct pair pair;
	double *values;
	int result = options_check(options, reterr);

	plain.series = false;
	if (result == 0)
		result = plan_make(a, &plain, runs, &pair.plans[0], reterr);
	if (result == 0)
		result = plan_make(b, &plain, runs, &pair.plans[1], reterr);
	if (result < 0)
		return result;
	values = malloc(runs * sizeof(*values));
	if (!values)
		return hb_error_set(reterr, -ENOMEM, "simulation: no memory; free some");
	result = hb_replications_run(
		seed, runs, replicate_pair, &pair, 1, options->threads, values, reterr);
	if (result == 0 && hb_stats_student_interval(values, runs, level, ret) < 0)
		result = hb_error_set(reterr, -EINVAL,
			"simulation: a comparison needs at least 2 runs, not %u", runs);
	free(values);
	return result;
}
