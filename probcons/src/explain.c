/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <probcons/explain.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include "failure_sets.h"

static bool are_alike(const struct pc_rare_problem *problem, uint32_t a, uint32_t b)
{
	const struct pc_node *x = &problem->nodes[a], *y = &problem->nodes[b];
	const struct pc_correlation *correlation = problem->correlation;

	if (x->crash != y->crash || x->byz != y->byz || x->weight != y->weight)
		return false;
	for (uint32_t s = 0; correlation && s < correlation->shock_count; s++) {
		const struct pc_shock *shock = &correlation->shocks[s];

		if (shock_has_node(shock, a) != shock_has_node(shock, b))
			return false;
	}
	return true;
}

/* Nodes sorted into classes; @ret_class[i] is the class of node i. */
static int find_classes(
	const struct pc_rare_problem *problem, struct pc_explanation *ret, uint32_t **ret_class)
{
	uint32_t *class_of = calloc(problem->count, sizeof(*class_of));

	ret->classes = calloc(problem->count, sizeof(*ret->classes));
	*ret_class = class_of;
	if (!class_of || !ret->classes)
		return -ENOMEM;
	for (uint32_t i = 0; i < problem->count; i++) {
		uint32_t c = ret->class_count;

		/* Equal nodes mostly stand side by side: the latest classes first. */
		while (c > 0 && !are_alike(problem, ret->classes[c - 1].first, i))
			c--;
		if (c == 0) {
			ret->classes[ret->class_count++] =
				(struct pc_node_class){.first = i, .node = problem->nodes[i]};
			c = ret->class_count;
		}
		class_of[i] = c - 1;
		ret->classes[c - 1].count++;
	}
	return 0;
}

static int event_of(const struct pc_rare_problem *problem, const struct pc_node *nodes,
	const struct pc_correlation *correlation, double *ret, struct hb_error *reterr)
{
	struct pc_result result;
	int err = pc_analyse(nodes, problem->count, problem->protocol, correlation,
		PC_METRIC_FAILURE, &result, reterr);

	if (err)
		return err;
	*ret = problem->event == PC_EVENT_UNSAFE   ? result.unsafe
	       : problem->event == PC_EVENT_UNLIVE ? result.unlive
						   : result.unsafe_or_unlive;
	return 0;
}

/* From Q with the component sure to fail and never failing, and its own probability. */
static void rate(struct pc_importance *importance, double q, double sure, double never, double own)
{
	importance->birnbaum = sure > never ? sure - never : 0;
	importance->criticality = q > 0 ? importance->birnbaum * own / q : 0;
	importance->involved = q > 0 ? own * sure / q : 0;
	importance->if_perfect = never;
}

/* A node that is sure to fail does so in the proportion of its kinds of fault, or in the way that can matter. */
static struct pc_node sure_to_fail(const struct pc_rare_problem *problem, struct pc_node node)
{
	double fault = pc_node_fault(&node);

	if (fault > 0) {
		node.crash /= fault;
		node.byz = 1 - node.crash;
	} else if (problem->event == PC_EVENT_UNSAFE) {
		node.byz = 1;
	} else {
		node.crash = 1;
	}
	return node;
}

static int rate_class(const struct pc_rare_problem *problem, const struct pc_explanation *ret,
	uint32_t c, const uint32_t *class_of, struct pc_node *scratch, struct hb_error *reterr)
{
	struct pc_importance *importance = &ret->class_importance[c];
	uint32_t node = ret->classes[c].first;
	double sure = 0, never = 0;
	int err;

	memcpy(scratch, problem->nodes, problem->count * sizeof(*scratch));
	scratch[node] = sure_to_fail(problem, scratch[node]);
	err = event_of(problem, scratch, problem->correlation, &sure, reterr);
	scratch[node].crash = scratch[node].byz = 0;
	if (!err)
		err = event_of(problem, scratch, problem->correlation, &never, reterr);
	if (err)
		return err;
	rate(importance, ret->q, sure, never, pc_node_fault(&ret->classes[c].node));
	for (uint32_t i = 0; i < problem->count; i++) {
		scratch[i] = problem->nodes[i];
		if (class_of[i] == c) {
			scratch[i].crash /= 2;
			scratch[i].byz /= 2;
		}
	}
	return event_of(
		problem, scratch, problem->correlation, &importance->if_class_halved, reterr);
}

static int rate_shock(const struct pc_rare_problem *problem, const struct pc_explanation *ret,
	uint32_t s, struct pc_shock *scratch, struct hb_error *reterr)
{
	struct pc_correlation moved = *problem->correlation;
	struct pc_importance *importance = &ret->shock_importance[s];
	double own = moved.shocks[s].probability, sure = 0, never = 0;
	int err;

	memcpy(scratch, moved.shocks, moved.shock_count * sizeof(*scratch));
	moved.shocks = scratch;
	scratch[s].probability = 1;
	err = event_of(problem, problem->nodes, &moved, &sure, reterr);
	scratch[s].probability = 0;
	if (!err)
		err = event_of(problem, problem->nodes, &moved, &never, reterr);
	if (err)
		return err;
	rate(importance, ret->q, sure, never, own);
	scratch[s].probability = own / 2;
	return event_of(problem, problem->nodes, &moved, &importance->if_class_halved, reterr);
}

/* Whom to improve first: the greatest criticality, which is what a relative improvement of one component brings. */
static uint32_t greatest(const struct pc_importance *importance, uint32_t count)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t i = 0; i < count; i++) {
		if (importance[i].criticality > 0 &&
			(best == UINT32_MAX ||
				importance[i].criticality > importance[best].criticality))
			best = i;
	}
	return best;
}

static int rate_all(const struct pc_rare_problem *problem, const uint32_t *class_of,
	struct pc_explanation *ret, struct hb_error *reterr)
{
	struct pc_node *nodes = calloc(problem->count, sizeof(*nodes));
	struct pc_shock *shocks = calloc(ret->shock_count + 1UL, sizeof(*shocks));
	int err = 0;

	ret->class_importance = calloc(ret->class_count, sizeof(*ret->class_importance));
	ret->shock_importance = calloc(ret->shock_count + 1UL, sizeof(*ret->shock_importance));
	if (!nodes || !shocks || !ret->class_importance || !ret->shock_importance)
		err = hb_error_set(reterr, -ENOMEM, "no memory to rate %u nodes", problem->count);
	for (uint32_t c = 0; c < ret->class_count && !err; c++)
		err = rate_class(problem, ret, c, class_of, nodes, reterr);
	for (uint32_t s = 0; s < ret->shock_count && !err; s++)
		err = rate_shock(problem, ret, s, shocks, reterr);
	if (!err) {
		ret->first_class = greatest(ret->class_importance, ret->class_count);
		ret->first_shock = greatest(ret->shock_importance, ret->shock_count);
	}
	free(shocks);
	free(nodes);
	return err;
}

int pc_explain(const struct pc_rare_problem *problem, uint32_t sets_max, struct pc_explanation *ret,
	struct hb_error *reterr)
{
	struct pc_explanation found = {0};
	uint32_t *class_of = NULL;
	int err;

	if (sets_max > PC_FAILURE_SETS_MAX)
		return hb_error_set(reterr, -EINVAL,
			"%" PRIu32 " failure sets asked for; at most %d are listed", sets_max,
			PC_FAILURE_SETS_MAX);
	/* Checks the whole problem. */
	err = event_of(problem, problem->nodes, problem->correlation, &found.q, reterr);
	if (err)
		return err;
	found.shock_count = problem->correlation ? problem->correlation->shock_count : 0;
	err = find_classes(problem, &found, &class_of);
	if (err)
		(void)hb_error_set(reterr, err, "no memory for %" PRIu32 " nodes", problem->count);
	if (!err)
		err = rate_all(problem, class_of, &found, reterr);
	if (!err)
		err = failure_sets_find(problem, sets_max, &found, reterr);
	free(class_of);
	if (err)
		pc_explanation_finish(&found);
	else
		*ret = found;
	return err;
}

void pc_explanation_finish(struct pc_explanation *explanation)
{
	free(explanation->classes);
	free(explanation->class_importance);
	free(explanation->shock_importance);
	free(explanation->sets);
	free(explanation->takes);
	*explanation = (struct pc_explanation){0};
}
