/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the model to two triggers of the real service: one that should tip it and one, at most `ratio` shorter, that
 * should not. See metastable/emulation.h.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <hotbed/error.h>

#include <metastable/emulation.h>

#define RUNS_MIN 20U
#define RUNS_MAX 200U
#define SIMULATIONS_DEFAULT 200U
#define RATIO_DEFAULT 1.25
#define GRID_STEPS 6 /* durations within one ratio */
#define BISECTIONS 24
#define HORIZON_WINDOWS 10.0
#define HORIZON_REQUESTS 4.0

/* The one trigger whose duration can vary. */
static int trigger_find(const struct ms_model *model, struct hb_error *reterr)
{
	int found = MS_NONE;

	for (uint32_t i = 0; i < model->trigger_count; i++) {
		if (model->triggers[i].kind == MS_TRIGGER_FLUSH)
			continue;
		if (found != MS_NONE)
			return hb_error_set(reterr, -EINVAL,
				"tip: the model has several triggers that last; leave one");
		found = (int)i;
	}
	if (found == MS_NONE)
		return hb_error_set(reterr, -EINVAL,
			"tip: the model has no trigger that lasts; add one, its duration is "
			"varied");
	return found;
}

/* How long one request can keep its client busy. */
static double request_longest_s(const struct ms_model *model)
{
	double longest = 0;

	for (uint32_t i = 0; i < model->client_count; i++) {
		const struct ms_client *client = &model->clients[i];

		if (client->timeout_kind != MS_TIMEOUT_NONE)
			longest =
				fmax(longest, client->timeout_s * (1 + fmin(client->retries, 20)));
	}
	return longest;
}

struct search {
	struct ms_model model; /* with the times of the tip */
	struct ms_trigger *trigger;
	struct ms_study_options study;
	uint64_t seed;
};

/* P(stuck) of a duration; the same random numbers for all. */
static int predict(
	struct search *search, double duration_s, struct hb_interval *ret, struct hb_error *reterr)
{
	struct ms_study study;
	int result;

	search->trigger->duration_s = duration_s;
	result = ms_study_run(&search->model, &search->study, search->seed, &study, reterr);
	if (result == 0) {
		*ret = study.p_stuck;
		ms_study_finish(&study);
	}
	return result;
}

/* A duration at which the prediction is about one half: between one that tips and one that does not. */
static int middle_find(
	struct search *search, double longest_s, double *ret, struct hb_error *reterr)
{
	struct hb_interval p;
	double low = 0;
	double high = search->model.servers[0].service.mean_s;
	int result = predict(search, high, &p, reterr);

	if (result == 0 && p.estimate >= 0.5)
		return hb_error_set(reterr, -ENOENT,
			"tip: %.3g s of %s tip it already, or it is down without; weaken the "
			"trigger",
			high, search->trigger->name);
	while (result == 0 && p.estimate < 0.5) {
		if (high >= longest_s)
			return hb_error_set(reterr, -ENOENT,
				"tip: not even %.4g s of %s tip it (P = %.2f); strengthen the "
				"trigger",
				high, search->trigger->name, p.estimate);
		low = high;
		high = fmin(2 * high, longest_s);
		result = predict(search, high, &p, reterr);
	}
	for (int i = 0; result == 0 && i < BISECTIONS && high / low > 1.005; i++) {
		double middle = sqrt(low * high);

		result = predict(search, middle, &p, reterr);
		if (p.estimate < 0.5)
			low = middle;
		else
			high = middle;
	}
	*ret = sqrt(low * high);
	return result;
}

static int pair_find(struct search *search, double middle_s, double ratio, struct ms_tip *ret,
	struct hb_error *reterr)
{
	/* From one ratio below the middle to one above, in equal factors. */
	struct hb_interval p[2 * GRID_STEPS + 1];
	double durations[2 * GRID_STEPS + 1];
	double best = -1;

	for (int i = 0; i <= 2 * GRID_STEPS; i++) {
		int result;

		durations[i] = middle_s * pow(ratio, (double)(i - GRID_STEPS) / GRID_STEPS);
		result = predict(search, durations[i], &p[i], reterr);
		if (result < 0)
			return result;
	}
	for (int i = 0; i <= GRID_STEPS; i++) {
		double gap = p[i + GRID_STEPS].estimate - p[i].estimate;

		if (gap <= best)
			continue;
		best = gap;
		ret->harmless = (struct ms_tip_side){.duration_s = durations[i], .predicted = p[i]};
		ret->tipping = (struct ms_tip_side){
			.duration_s = durations[i + GRID_STEPS], .predicted = p[i + GRID_STEPS]};
	}
	return 0;
}

int ms_tip_predict(const struct ms_model *model, const struct ms_tip_options *options,
	uint64_t seed, struct ms_tip *ret, struct ms_model *ret_model, struct hb_error *reterr)
{
	struct search *search;
	double ratio = options->ratio > 0 ? options->ratio : RATIO_DEFAULT;
	int number = trigger_find(model, reterr);
	double window_s;
	double middle_s = 0;
	int result;

	if (number < 0)
		return number;
	if (!(ratio > 1 && ratio <= 2))
		return hb_error_set(reterr, -EINVAL,
			"tip: a ratio of %g between the durations is out of range; use 1.01 to 2",
			ratio);
	search = calloc(1, sizeof(*search));
	if (!search)
		return hb_error_set(reterr, -ENOMEM, "tip: no memory; free some");
	window_s = options->emulation.run.window_s > 0 ? options->emulation.run.window_s
						       : ms_window_s(model);
	search->model = *model;
	search->seed = seed;
	search->trigger = &search->model.triggers[number];
	search->trigger->at_s = options->settle_s > 0 ? options->settle_s : window_s;
	search->model.horizon_s = options->horizon_s > 0
					  ? options->horizon_s
					  : fmax(HORIZON_REQUESTS * request_longest_s(model),
						    HORIZON_WINDOWS * window_s);
	search->study.runs = options->simulations ? options->simulations : SIMULATIONS_DEFAULT;
	search->study.run = options->emulation.run;
	search->study.run.end_s = 0;
	search->study.run.stop_at_recovery = true;
	result = middle_find(search, model->horizon_s, &middle_s, reterr);
	*ret = (struct ms_tip){.trigger = model->triggers[number],
		.at_s = search->trigger->at_s,
		.horizon_s = search->model.horizon_s};
	if (result == 0)
		result = pair_find(search, middle_s, ratio, ret, reterr);
	if (result == 0)
		*ret_model = search->model;
	free(search);
	return result;
}

/* ---- on the real service ---- */

static int side_run(const struct ms_model *model, const struct ms_tip_options *options,
	uint64_t seed, uint64_t replication, struct ms_tip_side *side, struct hb_error *reterr)
{
	struct ms_emulation_options emulation = options->emulation;
	struct ms_emulation_result result;
	struct ms_model *timed = malloc(sizeof(*timed));
	int code;

	if (!timed)
		return hb_error_set(reterr, -ENOMEM, "tip: no memory; free some");
	*timed = *model;
	timed->triggers[trigger_find(model, NULL)].duration_s = side->duration_s;
	emulation.run.stop_at_recovery = true;
	emulation.run.end_s = 0;
	code = ms_emulation_run(timed, &emulation, seed, replication, NULL, &result, reterr);
	free(timed);
	if (code < 0)
		return code;
	side->runs++;
	if (result.voided)
		side->voided++;
	else
		side->stuck += result.run.stuck;
	(void)hb_stats_wilson_interval(side->stuck, side->runs - side->voided,
		options->level > 0 ? options->level : 0.95, &side->measured);
	return 0;
}

static bool intervals_disjoint(double low, double high, uint32_t runs, double level)
{
	struct hb_interval below, above;

	(void)hb_stats_wilson_interval((uint64_t)lrint(low * runs), runs, level, &below);
	(void)hb_stats_wilson_interval((uint64_t)lrint(high * runs), runs, level, &above);
	return above.lo > below.hi;
}

uint32_t ms_tip_runs(const struct ms_tip *tip, double level)
{
	uint32_t runs = RUNS_MIN;

	while (runs < RUNS_MAX && !intervals_disjoint(tip->harmless.predicted.estimate,
					  tip->tipping.predicted.estimate, runs, level))
		runs++;
	/* Half as many again: the measured rates scatter about the predicted ones. */
	return runs == RUNS_MIN ? runs : runs + runs / 2;
}

/* Runs that are void are repeated, as often as there are runs at most. */
int ms_tip_run(const struct ms_model *model, const struct ms_tip_options *options, uint64_t seed,
	ms_tip_progress_fn *progress, void *user, struct ms_tip *ret, struct hb_error *reterr)
{
	double level = options->level > 0 ? options->level : 0.95;
	uint32_t runs = options->runs;
	struct ms_model *timed = malloc(sizeof(*timed));
	struct ms_tip_side *sides[2] = {&ret->harmless, &ret->tipping};
	int result;

	if (!timed)
		return hb_error_set(reterr, -ENOMEM, "tip: no memory; free some");
	result = ms_emulation_check(model, &options->emulation, NULL) == -EOPNOTSUPP
			 ? ms_emulation_check(model, &options->emulation, reterr)
			 : ms_tip_predict(model, options, seed, ret, timed, reterr);
	if (result == 0 && !runs)
		runs = ms_tip_runs(ret, level);
	for (uint32_t i = 0; result == 0 && i < 4 * runs; i++) {
		struct ms_tip_side *side = sides[i % 2];

		/* In turns, so that a machine that becomes busy is busy for both. */
		if (side->runs - side->voided >= runs)
			continue;
		/* The same arrivals as nowhere else: neither the predictions' nor another run's. */
		result = side_run(timed, options, ~seed, i, side, reterr);
		if (result == 0 && progress)
			progress(ret, user);
	}
	ret->disjoint = ret->harmless.measured.confidence > 0 &&
			ret->tipping.measured.confidence > 0 &&
			ret->tipping.measured.lo > ret->harmless.measured.hi;
	free(timed);
	return result;
}
