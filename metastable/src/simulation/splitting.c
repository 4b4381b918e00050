/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Multilevel splitting: a run that reaches a level for the first time goes on as several copies, each with its share of
 * the weight and with random numbers of its own. The expectation of the weights that reach the target is the
 * probability of reaching it, whatever the levels and numbers of copies are, as long as they are fixed beforehand: pilot
 * runs on other seeds fix them. Levels are passed one job at a time, so every copy starts exactly on its level.
 *
 * Source: Garvels, "The splitting method in rare event simulation", 2000 (fixed splitting, depth first).
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include "system.h"

#define ROOTS_DEFAULT 200U
#define PILOTS_DEFAULT 200U
#define CAPACITY_FIRST (UINT32_C(1) << 12)
#define PILOT_SEED 0x70696c6f74ULL /* pilots share no numbers with the trees */
#define COPY_SEED 0x636f7079ULL
#define SPLIT_TARGET_MAX 100000U
#define SPACING_SHARE 0.3 /* pilots put the next level where so many of the copies get to */

struct tree_plan {
	struct ms_model model; /* without triggers */
	struct ms_run_options options;
	int64_t end_ns;
	uint32_t target, levels;
	uint32_t thresholds[MS_SPLIT_LEVELS_MAX + 1]; /* the last is the target */
	uint32_t copies[MS_SPLIT_LEVELS_MAX];
};

/* A stack of saved states, one per level, that grows together. */
struct stack {
	uint32_t capacity;
	struct ms_system *systems[MS_SPLIT_LEVELS_MAX + 1]; /* 0 is the one that runs */
};

static void stack_destroy(struct stack *stack)
{
	for (size_t i = 0; i <= MS_SPLIT_LEVELS_MAX; i++) {
		ms_system_destroy(stack->systems[i]);
		stack->systems[i] = NULL;
	}
}

static int stack_create(
	const struct tree_plan *plan, uint32_t capacity, struct stack *ret, struct hb_error *reterr)
{
	*ret = (struct stack){.capacity = capacity};
	for (uint32_t i = 0; i <= plan->levels; i++) {
		int result = ms_system_create(
			&plan->model, &plan->options, capacity, &ret->systems[i], reterr);

		if (result < 0) {
			stack_destroy(ret);
			return result;
		}
	}
	return 0;
}

/* Run on until the threshold or the end: 1 = reached, 0 = not. */
static int climb(const struct tree_plan *plan, struct ms_system *system, uint32_t threshold,
	struct hb_error *reterr)
{
	int result;

	system->stop_jobs = threshold;
	result = ms_system_run(system, plan->end_ns, reterr);
	if (result < 0)
		return result;
	return system->state.servers[system->watched].jobs >= threshold;
}

struct tree {
	double weight; /* that has reached the target */
	uint64_t events, copies_made;
};

/* Where a tree is being grown. */
struct growth {
	const struct tree_plan *plan;
	struct stack *stack;
	uint64_t seed, root;
	uint32_t left[MS_SPLIT_LEVELS_MAX +
		      1]; /* copies still to start from each level; 0 = the empty system */
	double weights[MS_SPLIT_LEVELS_MAX + 1];
	double *reached; /* NULL, or shape [target + 1]: weight that got to so many jobs */
	struct tree tree;
};

/* The next copy from @depth, up to the next level: 1 = reached, 0 = not. */
static int copy_run(struct growth *growth, int depth, struct hb_error *reterr)
{
	const struct tree_plan *plan = growth->plan;
	struct ms_system *running = growth->stack->systems[0];
	uint64_t before;
	int reached;

	growth->left[depth]--;
	if (depth == 0) {
		ms_system_begin(running, growth->seed, growth->root, NULL, false);
	} else {
		if (ms_system_copy(running, growth->stack->systems[depth]) < 0)
			return hb_error_set(reterr, -ENOMEM, "splitting: no memory; free some");
		ms_system_reseed(running, hb_rng_mix(growth->seed ^ COPY_SEED, growth->root),
			growth->tree.copies_made++);
	}
	before = hb_sim_handled(running->sim);
	reached = climb(plan, running, plan->thresholds[depth], reterr);
	growth->tree.events += hb_sim_handled(running->sim) - before;
	if ((uint32_t)depth == plan->levels && growth->reached) {
		uint32_t peak = running->state.servers[running->watched].peak;

		for (uint32_t jobs = 0; jobs <= peak && jobs <= plan->target; jobs++)
			growth->reached[jobs] += growth->weights[depth];
	}
	return reached;
}

/*
 * Depth first. Every turn uses up a copy or goes back a level, and a level makes as many copies as the plan says, so
 * the work is bounded by their product.
 */
static int tree_grow(const struct tree_plan *plan, struct stack *stack, uint64_t seed,
	uint64_t root, double *reached_weights, struct tree *ret, struct hb_error *reterr)
{
	struct growth growth = {plan, stack, seed, root, {1}, {1}, reached_weights, {0}};
	int depth = 0;

	while (depth >= 0) {
		int reached;

		if (growth.left[depth] == 0) {
			depth--;
			continue;
		}
		reached = copy_run(&growth, depth, reterr);
		if (reached < 0)
			return reached;
		if (!reached)
			continue;
		if ((uint32_t)depth == plan->levels) {
			growth.tree.weight += growth.weights[depth];
			continue;
		}
		growth.left[depth + 1] = plan->copies[depth];
		growth.weights[depth + 1] = growth.weights[depth] / plan->copies[depth];
		depth++;
		if (ms_system_copy(stack->systems[depth], stack->systems[0]) < 0)
			return hb_error_set(reterr, -ENOMEM, "splitting: no memory; free some");
	}
	*ret = growth.tree;
	return 0;
}

/* One tree with as much room as it needs. */
static int tree_run(const struct tree_plan *plan, uint64_t seed, uint64_t root, double *reached,
	struct tree *ret, struct hb_error *reterr)
{
	uint32_t capacity = CAPACITY_FIRST;
	int result;

	do {
		struct stack stack;

		if (reached)
			memset(reached, 0, ((size_t)plan->target + 1) * sizeof(*reached));

		result = stack_create(plan, capacity, &stack, reterr);
		if (result < 0)
			return result;
		result = tree_grow(plan, &stack, seed, root, reached, ret, reterr);
		stack_destroy(&stack);
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

enum tree_output {
	TREE_WEIGHT,
	TREE_EVENTS,
	TREE_OUTPUTS,
};

static int replicate_tree(uint64_t seed, uint64_t replication, const void *model,
	double *ret_outputs, struct hb_error *reterr)
{
	struct tree tree;
	int result = tree_run(model, seed, replication, NULL, &tree, reterr);

	if (result == 0) {
		ret_outputs[TREE_WEIGHT] = tree.weight;
		ret_outputs[TREE_EVENTS] = (double)tree.events;
	}
	return result;
}

/* ---- the levels ---- */

/* Outputs: the weight of a tree that got to each number of jobs up to the target. */
static int replicate_pilot(uint64_t seed, uint64_t replication, const void *model,
	double *ret_outputs, struct hb_error *reterr)
{
	struct tree tree;

	return tree_run(model, seed, replication, ret_outputs, &tree, reterr);
}

/* The highest number of jobs above @low that a good share of what got to @low gets to; at least the next one. */
static uint32_t level_choose(const struct tree_plan *plan, const double *values, uint32_t pilots,
	uint32_t low, double p_low, double *ret_p)
{
	size_t outputs = (size_t)plan->target + 1;
	uint32_t chosen = low + 1;

	*ret_p = 0;
	for (uint32_t jobs = low + 1; jobs <= plan->target; jobs++) {
		double sum = 0;

		for (uint32_t i = 0; i < pilots; i++)
			sum += values[i * outputs + jobs];
		if (jobs > low + 1 && sum / pilots < SPACING_SHARE * p_low)
			break;
		chosen = jobs;
		*ret_p = sum / pilots;
	}
	return chosen;
}

static int levels_place(struct tree_plan *plan, uint32_t pilots, unsigned int threads,
	uint64_t seed, struct hb_error *reterr)
{
	size_t outputs = (size_t)plan->target + 1;
	double *values = malloc(pilots * outputs * sizeof(*values));
	uint32_t low = 0;
	double p_low = 1;
	int result = 0;

	if (!values)
		return hb_error_set(reterr, -ENOMEM, "splitting: no memory; free some");
	plan->thresholds[0] = plan->target;
	while (plan->levels < MS_SPLIT_LEVELS_MAX) {
		uint32_t level;
		double p;

		result = hb_replications_run(hb_rng_mix(seed ^ PILOT_SEED, plan->levels), pilots,
			replicate_pilot, plan, outputs, threads, values, reterr);
		if (result < 0)
			break;
		level = level_choose(plan, values, pilots, low, p_low, &p);
		/* Where even the next job is too rare for the pilots to see, the last copies go on alone. */
		if (level >= plan->target || p <= 0)
			break;
		plan->thresholds[plan->levels] = level;
		plan->copies[plan->levels] =
			(uint32_t)fmin(fmax(rint(p_low / p), 1), MS_SPLIT_COPIES_MAX);
		plan->levels++;
		plan->thresholds[plan->levels] = plan->target;
		low = level;
		p_low = p;
	}
	free(values);
	return result;
}

/* ---- the estimate ---- */

static int plan_check(const struct ms_model *model, const struct ms_splitting_options *options,
	struct tree_plan *ret, struct hb_error *reterr)
{
	struct ms_simulation *simulation;
	double span_s = options->span_s > 0 ? options->span_s : model->horizon_s;
	const struct ms_server *server = NULL;
	int result;

	*ret = (struct tree_plan){.model = *model, .target = options->target};
	ret->model.trigger_count = 0;
	ret->options.end_s = span_s;
	ret->end_ns = ms_seconds_ns(span_s);
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
	if (ret->target > SPLIT_TARGET_MAX)
		return hb_error_set(reterr, -EINVAL,
			"splitting: a target of %u jobs is out of range; use 1 to %u", ret->target,
			SPLIT_TARGET_MAX);
	if (ret->target == 0)
		return hb_error_set(reterr, -EINVAL,
			"splitting: the queue of %s is unlimited; say how many jobs are a collapse",
			server->name);
	if (server->queue_capacity && ret->target > server->queue_capacity)
		return hb_error_set(reterr, -EINVAL,
			"splitting: %u jobs never fit into %s; use 1 to %u", ret->target,
			server->name, server->queue_capacity);
	return 0;
}

static void estimate_fill(const struct tree_plan *plan, const double *values, uint32_t roots,
	double level, struct ms_splitting *ret)
{
	double span_s = plan->options.end_s;

	*ret = (struct ms_splitting){.levels = plan->levels, .roots = roots};
	for (uint32_t i = 0; i < plan->levels; i++) {
		ret->thresholds[i] = plan->thresholds[i];
		ret->copies[i] = plan->copies[i];
	}
	for (uint32_t i = 0; i < roots; i++) {
		ret->events += (uint64_t)values[i * TREE_OUTPUTS + TREE_EVENTS];
		ret->hits += values[i * TREE_OUTPUTS + TREE_WEIGHT] > 0;
	}
	(void)hb_replications_interval(
		values, roots, TREE_OUTPUTS, TREE_WEIGHT, level, &ret->interval);
	ret->interval.lo = fmax(ret->interval.lo, 0);
	ret->p_collapse = ret->interval.estimate;
	ret->tau_collapse_s = ret->p_collapse <= 0  ? INFINITY
			      : ret->p_collapse < 1 ? -span_s / log1p(-ret->p_collapse)
						    : 0;
}

int ms_splitting_run(const struct ms_model *model, const struct ms_splitting_options *options,
	uint64_t seed, struct ms_splitting *ret, struct hb_error *reterr)
{
	uint32_t roots = options->roots ? options->roots : ROOTS_DEFAULT;
	uint32_t pilots = options->pilot_runs ? options->pilot_runs : PILOTS_DEFAULT;
	double level = options->level > 0 ? options->level : 0.95;
	struct tree_plan *plan = calloc(1, sizeof(*plan));
	double *values = malloc((size_t)roots * TREE_OUTPUTS * sizeof(*values));
	int result;

	if (!plan || !values)
		result = hb_error_set(reterr, -ENOMEM, "splitting: no memory; free some");
	else if (roots < 2 || roots > MS_RUNS_MAX || pilots > MS_RUNS_MAX)
		result = hb_error_set(reterr, -EINVAL,
			"splitting: %u trees and %u pilots are out of range; use 2 to %u", roots,
			pilots, MS_RUNS_MAX);
	else
		result = plan_check(model, options, plan, reterr);
	if (result == 0)
		result = levels_place(plan, pilots, options->threads, seed, reterr);
	if (result == 0)
		result = hb_replications_run(seed, roots, replicate_tree, plan, TREE_OUTPUTS,
			options->threads, values, reterr);
	if (result == 0)
		estimate_fill(plan, values, roots, level, ret);
	free(values);
	free(plan);
	return result;
}
