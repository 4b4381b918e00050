/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Multilevel splitting with fixed effort: stage by stage, a fixed number of copies starts from states that the stage
 * before it left on its level, drawn with equal probability, each with random numbers of its own; the share that gets
 * to the next level within the span is one factor of the probability. The product is unbiased whatever the levels are,
 * as long as they are fixed beforehand: a pilot on other seeds fixes them. Levels are passed one job at a time, so
 * every copy starts exactly on its level. Independent repetitions give the interval.
 *
 * Source: Garvels, "The splitting method in rare event simulation", 2000 (fixed effort; unbiased: section 2.3).
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include "system.h"

#define REPETITIONS_DEFAULT 20U
#define EFFORT_DEFAULT 400U
#define SPAN_WINDOWS 20 /* default span, in windows of the definition of recovery */
#define CAPACITY_FIRST (UINT32_C(1) << 12)
#define PILOT_SEED 0x70696c6f74ULL /* the pilot shares no numbers with the repetitions */
#define COPY_SEED 0x636f7079ULL
#define TARGET_MAX 100000U
#define SPACING_SHARE 0.2 /* the pilot puts the next level where so many of the copies get to */
#define SAVED_BYTES_MAX ((size_t)1 << 30)

struct plan {
	struct ms_model model; /* without triggers */
	struct ms_run_options options;
	int64_t end_ns;
	uint32_t target, levels, effort;
	uint32_t thresholds[MS_SPLIT_LEVELS_MAX + 1]; /* the last is the target */
};

/* States on a level. */
struct states {
	uint32_t count;
	size_t bytes;  /* of all */
	void **memory; /* shape [effort] */
};

struct repetition {
	const struct plan *plan;
	struct ms_system *system;
	uint64_t seed;
	struct hb_rng choices;
	uint64_t copies, events;
	struct states from, to;
};

static void states_clear(struct states *states)
{
	while (states->count)
		free(states->memory[--states->count]);
	states->bytes = 0;
}

static int state_keep(
	struct states *states, const struct ms_system *system, struct hb_error *reterr)
{
	size_t bytes = ms_system_bytes(system);
	void *memory;

	if (states->bytes + bytes > SAVED_BYTES_MAX)
		return hb_error_set(reterr, -E2BIG,
			"splitting: the states on one level take more than %zu MiB; use less "
			"effort or "
			"smaller caches",
			SAVED_BYTES_MAX >> 20);
	memory = malloc(bytes);
	if (!memory)
		return hb_error_set(reterr, -ENOMEM, "splitting: no memory; free some");
	ms_system_save(system, memory);
	states->bytes += bytes;
	states->memory[states->count++] = memory;
	return 0;
}

static void repetition_finish(struct repetition *repetition)
{
	states_clear(&repetition->from);
	states_clear(&repetition->to);
	free(repetition->from.memory);
	free(repetition->to.memory);
	ms_system_destroy(repetition->system);
}

static int repetition_init(struct repetition *ret, const struct plan *plan, uint64_t seed,
	uint64_t number, uint32_t capacity, struct hb_error *reterr)
{
	*ret = (struct repetition){.plan = plan, .seed = hb_rng_mix(seed ^ COPY_SEED, number)};
	hb_rng_init(&ret->choices, ret->seed, 0);
	ret->from.memory = malloc(plan->effort * sizeof(*ret->from.memory));
	ret->to.memory = malloc(plan->effort * sizeof(*ret->to.memory));
	if (!ret->from.memory || !ret->to.memory)
		return hb_error_set(reterr, -ENOMEM, "splitting: no memory; free some");
	return ms_system_create(&plan->model, &plan->options, capacity, &ret->system, reterr);
}

/* One copy from the states of the last level, or from the empty system, up to @threshold. 1 = reached, 0 = not. */
static int copy_run(struct repetition *repetition, uint32_t threshold, struct hb_error *reterr)
{
	struct ms_system *system = repetition->system;
	uint64_t copy = repetition->copies++;
	int result;

	if (repetition->from.count == 0) {
		ms_system_begin(system, repetition->seed, copy, NULL, false);
	} else {
		uint64_t chosen = hb_rng_below(&repetition->choices, repetition->from.count);

		if (ms_system_load(system, repetition->from.memory[chosen]) < 0)
			return hb_error_set(reterr, -ENOMEM, "splitting: no memory; free some");
		ms_system_reseed(system, repetition->seed, copy);
	}
	system->stop_jobs = threshold;
	result = ms_system_run(system, repetition->plan->end_ns, reterr);
	repetition->events += hb_sim_handled(system->sim);
	if (result < 0)
		return result;
	return system->state.servers[system->watched].jobs >= threshold;
}

/* One stage: the states on @threshold become those that the next stage starts from. */
static int stage_run(struct repetition *repetition, uint32_t threshold, bool keep,
	double *ret_share, struct hb_error *reterr)
{
	struct states from;
	uint32_t reached = 0;

	for (uint32_t i = 0; i < repetition->plan->effort; i++) {
		int result = copy_run(repetition, threshold, reterr);
		int kept = 0;

		if (result > 0 && keep)
			kept = state_keep(&repetition->to, repetition->system, reterr);
		if (result < 0 || kept < 0)
			return result < 0 ? result : kept;
		reached += result > 0;
	}
	*ret_share = (double)reached / repetition->plan->effort;
	states_clear(&repetition->from);
	from = repetition->from;
	repetition->from = repetition->to;
	repetition->to = from;
	return 0;
}

static int repetition_run(struct repetition *repetition, double *ret_p, struct hb_error *reterr)
{
	const struct plan *plan = repetition->plan;
	double p = 1;

	for (uint32_t i = 0; i <= plan->levels && p > 0; i++) {
		double share;
		int result = stage_run(
			repetition, plan->thresholds[i], i < plan->levels, &share, reterr);

		if (result < 0)
			return result;
		p *= share;
	}
	*ret_p = p;
	return 0;
}

enum output {
	OUT_P,
	OUT_EVENTS,
	OUTPUTS,
};

/* With as much room as it needs. */
static int replicate(uint64_t seed, uint64_t replication, const void *model, double *ret_outputs,
	struct hb_error *reterr)
{
	uint32_t capacity = CAPACITY_FIRST;
	int result;

	do {
		struct repetition repetition;

		result = repetition_init(&repetition, model, seed, replication, capacity, reterr);
		if (result == 0)
			result = repetition_run(&repetition, &ret_outputs[OUT_P], reterr);
		ret_outputs[OUT_EVENTS] = (double)repetition.events;
		repetition_finish(&repetition);
		capacity *= 2;
	} while (result == -ENOSPC && capacity <= MS_OBJECTS_MAX);
	if (result == -ENOSPC)
		return hb_error_set(reterr, -E2BIG,
			"splitting: more than %u requests or jobs at once; bound the queue or "
			"lower "
			"the rates",
			MS_OBJECTS_MAX);
	return result;
}

/* ---- the levels ---- */

static int descending(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a;
	uint32_t right = *(const uint32_t *)b;

	return (left < right) - (left > right);
}

/* Where a good share of the copies gets to within the span, but above @low. */
static int level_find(struct repetition *pilot, uint32_t low, uint32_t *peaks, uint32_t *ret,
	struct hb_error *reterr)
{
	uint32_t effort = pilot->plan->effort;
	uint32_t level;

	for (uint32_t i = 0; i < effort; i++) {
		int result = copy_run(pilot, pilot->plan->target, reterr);

		if (result < 0)
			return result;
		peaks[i] = pilot->system->state.servers[pilot->system->watched].peak;
	}
	qsort(peaks, effort, sizeof(*peaks), descending);
	level = peaks[(uint32_t)(SPACING_SHARE * effort)];
	*ret = level > low ? level : low + 1;
	return 0;
}

/* Levels until the target is no rarer than one of them. Where the pilot gets no further, the rest is one stage. */
static int levels_find(
	struct plan *plan, struct repetition *pilot, uint32_t *peaks, struct hb_error *reterr)
{
	uint32_t low = 0;

	plan->levels = 0;
	while (plan->levels < MS_SPLIT_LEVELS_MAX) {
		uint32_t level;
		double share;
		int result = level_find(pilot, low, peaks, &level, reterr);

		if (result < 0)
			return result;
		if (level >= plan->target)
			break;
		result = stage_run(pilot, level, true, &share, reterr);
		if (result < 0)
			return result;
		if (share <= 0)
			break;
		plan->thresholds[plan->levels++] = level;
		low = level;
	}
	plan->thresholds[plan->levels] = plan->target;
	return 0;
}

static int levels_place(
	struct plan *plan, uint64_t seed, uint64_t *ret_events, struct hb_error *reterr)
{
	uint32_t *peaks = malloc(plan->effort * sizeof(*peaks));
	uint32_t capacity = CAPACITY_FIRST;
	int result;

	if (!peaks)
		return hb_error_set(reterr, -ENOMEM, "splitting: no memory; free some");
	do {
		struct repetition pilot;

		result = repetition_init(&pilot, plan, seed ^ PILOT_SEED, 0, capacity, reterr);
		if (result == 0)
			result = levels_find(plan, &pilot, peaks, reterr);
		*ret_events = pilot.events;
		repetition_finish(&pilot);
		capacity *= 2;
	} while (result == -ENOSPC && capacity <= MS_OBJECTS_MAX);
	free(peaks);
	return result;
}

/* ---- the estimate ---- */

static int plan_check(const struct ms_model *model, const struct ms_splitting_options *options,
	struct plan *ret, struct hb_error *reterr)
{
	const struct ms_server *server = NULL;
	struct ms_simulation *simulation;
	int result;

	*ret = (struct plan){.model = *model,
		.target = options->target,
		.effort = options->effort ? options->effort : EFFORT_DEFAULT};
	ret->model.trigger_count = 0;
	ret->options.end_s =
		options->span_s > 0 ? options->span_s : SPAN_WINDOWS * ms_window_s(model);
	ret->end_ns = ms_seconds_ns(ret->options.end_s);
	result = ms_simulation_create(&ret->model, &ret->options, &simulation, reterr);
	if (result < 0)
		return result;
	ms_simulation_destroy(simulation);
	for (uint32_t i = 0; i < model->client_count && !server; i++) {
		if (model->clients[i].from_server == MS_NONE)
			server = &model->servers[model->clients[i].to_server];
	}
	hb_assert(server);
	if (ret->target == 0)
		ret->target = (uint32_t)ceil(0.9 * server->queue_capacity);
	if (ret->target == 0)
		return hb_error_set(reterr, -EINVAL,
			"splitting: the queue of %s is unlimited; say how many jobs are a collapse",
			server->name);
	if (ret->target > TARGET_MAX ||
		(server->queue_capacity && ret->target > server->queue_capacity))
		return hb_error_set(reterr, -EINVAL,
			"splitting: %u jobs in %s are out of range; use 1 to its queue, at most %u",
			ret->target, server->name, TARGET_MAX);
	return 0;
}

static void estimate_fill(const struct plan *plan, const double *values, uint32_t repetitions,
	double level, struct ms_splitting *ret)
{
	double span_s = plan->options.end_s;

	ret->levels = plan->levels;
	ret->repetitions = repetitions;
	ret->span_s = span_s;
	ret->target = plan->target;
	for (uint32_t i = 0; i < plan->levels; i++)
		ret->thresholds[i] = plan->thresholds[i];
	for (uint32_t i = 0; i < repetitions; i++) {
		ret->events += (uint64_t)values[i * OUTPUTS + OUT_EVENTS];
		ret->hits += values[i * OUTPUTS + OUT_P] > 0;
	}
	(void)hb_replications_interval(values, repetitions, OUTPUTS, OUT_P, level, &ret->interval);
	ret->interval.lo = fmax(ret->interval.lo, 0);
	ret->p_collapse = ret->interval.estimate;
	ret->tau_collapse_s = ret->p_collapse <= 0  ? INFINITY
			      : ret->p_collapse < 1 ? -span_s / log1p(-ret->p_collapse)
						    : 0;
}

int ms_splitting_run(const struct ms_model *model, const struct ms_splitting_options *options,
	uint64_t seed, struct ms_splitting *ret, struct hb_error *reterr)
{
	uint32_t repetitions = options->repetitions ? options->repetitions : REPETITIONS_DEFAULT;
	double level = options->level > 0 ? options->level : 0.95;
	struct plan *plan = calloc(1, sizeof(*plan));
	double *values = NULL;
	uint64_t pilot_events = 0;
	int result = 0;

	if (repetitions < 2 || repetitions > 100000 || options->effort > 100000)
		result = hb_error_set(reterr, -EINVAL,
			"splitting: %u repetitions of %u copies are out of range; use 2 to 100000 "
			"of "
			"each",
			repetitions, options->effort);
	if (result == 0) {
		values = malloc(repetitions * OUTPUTS * sizeof(*values));
		if (!plan || !values)
			result = hb_error_set(reterr, -ENOMEM, "splitting: no memory; free some");
	}
	if (result == 0)
		result = plan_check(model, options, plan, reterr);
	if (result == 0)
		result = levels_place(plan, seed, &pilot_events, reterr);
	if (result == 0)
		result = hb_replications_run(seed, repetitions, replicate, plan, OUTPUTS,
			options->threads, values, reterr);
	if (result == 0) {
		*ret = (struct ms_splitting){.events = pilot_events};
		estimate_fill(plan, values, repetitions, level, ret);
	}
	free(values);
	free(plan);
	return result;
}
