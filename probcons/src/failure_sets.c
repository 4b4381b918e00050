/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A* over classes of equal nodes. A root is a kind of fault (any, or Byzantine) and a set of at most two shocks that
 * strike; from it the number of faults in each class is chosen, class by class in order of votes per unit of -log
 * probability. The estimate for the votes still missing is their fractional cover by the classes left, which never
 * exceeds the true remainder, so sets leave the heap in order of probability.
 */
#include "failure_sets.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#define STATES_MAX 400000   /* of the search; beyond, the list is cut */
#define PAIRS_SHOCKS_MAX 64 /* with more shocks than these only single ones are looked at */
#define NONE UINT32_MAX

struct root {
	bool byzantine;
	uint32_t shocks[PC_FAILURE_SET_SHOCKS_MAX], shock_count;
	uint64_t hit;                               /* votes that the shocks take */
	uint64_t unique[PC_FAILURE_SET_SHOCKS_MAX]; /* of these, by one shock alone */
};

/* @take nodes of the class at @position - 1 of the order, and what the parents say before it. */
struct state {
	double key;  /* -log of the least probability lost: cost and estimate */
	double cost; /* -log of the probability so far */
	uint64_t missing;
	uint32_t root, parent, position, take;
};

struct finder {
	const struct pc_rare_problem *problem;
	struct pc_explanation *explanation;
	uint32_t sets_max;
	struct root *roots;
	uint32_t root_count, root_capacity;
	struct state *states; /* all ever made */
	uint32_t state_count, state_capacity;
	uint32_t *heap; /* state numbers by key */
	uint32_t heap_count;
	uint32_t *order[2]; /* classes by votes per cost, for any fault and for Byzantine ones */
	double *expense[2]; /* -log probability of one node, by class; INFINITY = cannot */
	uint64_t need[2];   /* votes that bring the event about; UINT64_MAX = never */
	bool failed;
};

bool shock_has_node(const struct pc_shock *shock, uint32_t node)
{
	uint32_t lo = 0, hi = shock->member_count;

	while (lo < hi) {
		uint32_t middle = lo + (hi - lo) / 2;

		if (shock->members[middle] < node)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo < shock->member_count && shock->members[lo] == node;
}

static const struct pc_shock *shock_of(const struct finder *finder, uint32_t number)
{
	return &finder->problem->correlation->shocks[number];
}

static bool root_hits(const struct finder *finder, const struct root *root, uint32_t class)
{
	for (uint32_t s = 0; s < root->shock_count; s++) {
		if (shock_has_node(shock_of(finder, root->shocks[s]),
			    finder->explanation->classes[class].first))
			return true;
	}
	return false;
}

/* -log probability of the cheapest fractional cover of @missing votes by the classes from @position on. */
static double estimate(
	const struct finder *finder, const struct root *root, uint32_t position, uint64_t missing)
{
	double sum = 0;

	for (; position < finder->explanation->class_count && missing > 0; position++) {
		uint32_t c = finder->order[root->byzantine][position];
		const struct pc_node_class *class = &finder->explanation->classes[c];
		uint64_t votes = (uint64_t) class->count * class->node.weight;
		double expense = finder->expense[root->byzantine][c];

		if (isinf(expense) || votes == 0 || root_hits(finder, root, c))
			continue;
		if (votes > missing)
			votes = missing;
		sum += expense * (double)votes / class->node.weight;
		missing -= votes;
	}
	return missing > 0 ? INFINITY : sum;
}

static void sift_up(struct finder *finder, uint32_t at)
{
	while (at > 0) {
		uint32_t up = (at - 1) / 2, moved = finder->heap[at];

		if (finder->states[finder->heap[up]].key <= finder->states[moved].key)
			break;
		finder->heap[at] = finder->heap[up];
		finder->heap[up] = moved;
		at = up;
	}
}

static uint32_t pop(struct finder *finder)
{
	uint32_t top = finder->heap[0], at = 0;

	finder->heap[0] = finder->heap[--finder->heap_count];
	for (;;) {
		uint32_t child = 2 * at + 1, moved = finder->heap[at];

		if (child >= finder->heap_count)
			break;
		if (child + 1 < finder->heap_count &&
			finder->states[finder->heap[child + 1]].key <
				finder->states[finder->heap[child]].key)
			child++;
		if (finder->states[moved].key <= finder->states[finder->heap[child]].key)
			break;
		finder->heap[at] = finder->heap[child];
		finder->heap[child] = moved;
		at = child;
	}
	return top;
}

static void push(struct finder *finder, struct state state)
{
	state.key = state.cost +
		    estimate(finder, &finder->roots[state.root], state.position, state.missing);
	if (isinf(state.key) || isnan(state.key))
		return;
	if (finder->state_count == STATES_MAX) {
		finder->explanation->sets_cut = true;
		return;
	}
	if (finder->state_count == finder->state_capacity) {
		uint32_t capacity = finder->state_capacity ? finder->state_capacity * 2 : 256;
		struct state *states = realloc(finder->states, capacity * sizeof(*states));
		uint32_t *heap;

		if (states)
			finder->states = states;
		heap = realloc(finder->heap, capacity * sizeof(*heap));
		if (heap)
			finder->heap = heap;
		if (!states || !heap) {
			finder->failed = true;
			return;
		}
		finder->state_capacity = capacity;
	}
	finder->states[finder->state_count] = state;
	finder->heap[finder->heap_count] = finder->state_count++;
	sift_up(finder, finder->heap_count++);
}

static uint64_t votes_hit(const struct finder *finder, const struct root *root, uint32_t without)
{
	struct root rest = {.byzantine = root->byzantine};
	uint64_t votes = 0;

	for (uint32_t s = 0; s < root->shock_count; s++) {
		if (s != without)
			rest.shocks[rest.shock_count++] = root->shocks[s];
	}
	for (uint32_t c = 0; c < finder->explanation->class_count; c++) {
		const struct pc_node_class *class = &finder->explanation->classes[c];

		if (rest.shock_count > 0 && root_hits(finder, &rest, c))
			votes += (uint64_t) class->count * class->node.weight;
	}
	return votes;
}

static void add_root(struct finder *finder, struct root root)
{
	struct state state = {.parent = NONE, .root = finder->root_count};

	if (finder->need[root.byzantine] == UINT64_MAX || finder->failed)
		return;
	for (uint32_t s = 0; s < root.shock_count; s++) {
		const struct pc_shock *shock = shock_of(finder, root.shocks[s]);

		if (shock->probability <= 0 || (root.byzantine && !shock->byzantine))
			return;
		state.cost -= log(shock->probability);
	}
	root.hit = votes_hit(finder, &root, NONE);
	for (uint32_t s = 0; s < root.shock_count; s++)
		root.unique[s] = root.hit - votes_hit(finder, &root, s);
	if (finder->root_count == finder->root_capacity) {
		uint32_t capacity = finder->root_capacity ? finder->root_capacity * 2 : 16;
		struct root *roots = realloc(finder->roots, capacity * sizeof(*roots));

		if (!roots) {
			finder->failed = true;
			return;
		}
		finder->roots = roots;
		finder->root_capacity = capacity;
	}
	finder->roots[finder->root_count++] = root;
	if (root.hit < finder->need[root.byzantine])
		state.missing = finder->need[root.byzantine] - root.hit;
	push(finder, state);
}

static void add_roots(struct finder *finder)
{
	uint32_t shocks = finder->explanation->shock_count;

	for (int byzantine = 0; byzantine < 2; byzantine++) {
		add_root(finder, (struct root){.byzantine = byzantine});
		for (uint32_t a = 0; a < shocks; a++) {
			add_root(finder,
				(struct root){
					.byzantine = byzantine, .shocks = {a}, .shock_count = 1});
			for (uint32_t b = a + 1; b < shocks && shocks <= PAIRS_SHOCKS_MAX; b++)
				add_root(finder, (struct root){.byzantine = byzantine,
							 .shocks = {a, b},
							 .shock_count = 2});
		}
	}
	finder->explanation->sets_cut |= shocks > PAIRS_SHOCKS_MAX;
}

/* Without any one of its faults the set must fall short. */
static bool is_minimal(const struct finder *finder, const struct root *root, const uint32_t *takes)
{
	uint64_t votes = root->hit, need = finder->need[root->byzantine], spare;

	for (uint32_t c = 0; c < finder->explanation->class_count; c++)
		votes += (uint64_t)takes[c] * finder->explanation->classes[c].node.weight;
	spare = votes - need;
	for (uint32_t c = 0; c < finder->explanation->class_count; c++) {
		if (takes[c] > 0 && finder->explanation->classes[c].node.weight <= spare)
			return false;
	}
	for (uint32_t s = 0; s < root->shock_count; s++) {
		if (root->unique[s] <= spare)
			return false;
	}
	return true;
}

static double choose(uint32_t n, uint32_t k)
{
	double product = 1;

	for (uint32_t i = 1; i <= k; i++)
		product = product * (n - k + i) / i;
	return rint(product);
}

/* From the factors again: the logarithm that ordered the set is not as exact. */
static double probability_of(
	const struct finder *finder, const struct root *root, const uint32_t *takes)
{
	long double product = 1;

	for (uint32_t s = 0; s < root->shock_count; s++)
		product *= (long double)shock_of(finder, root->shocks[s])->probability;
	for (uint32_t c = 0; c < finder->explanation->class_count; c++) {
		const struct pc_node *node = &finder->explanation->classes[c].node;
		long double q = (long double)(root->byzantine ? node->byz : pc_node_fault(node));

		product *= powl(q, takes[c]);
	}
	return (double)product;
}

static void emit(struct finder *finder, const struct state *state)
{
	struct pc_explanation *explanation = finder->explanation;
	const struct root *root = &finder->roots[state->root];
	uint32_t *takes =
		explanation->takes + (size_t)explanation->set_count * explanation->class_count;
	struct pc_failure_set set = {.alike = 1,
		.byzantine = root->byzantine,
		.takes = takes,
		.shock_count = root->shock_count};

	memset(takes, 0, explanation->class_count * sizeof(*takes));
	for (const struct state *at = state; at->parent != NONE; at = &finder->states[at->parent])
		takes[finder->order[root->byzantine][at->position - 1]] = at->take;
	if (!is_minimal(finder, root, takes))
		return;
	set.probability = probability_of(finder, root, takes);
	for (uint32_t c = 0; c < explanation->class_count; c++)
		set.alike *= choose(explanation->classes[c].count, takes[c]);
	memcpy(set.shocks, root->shocks, sizeof(set.shocks));
	if (explanation->set_count == finder->sets_max)
		explanation->sets_cut = true;
	else
		explanation->sets[explanation->set_count++] = set;
}

static void expand(struct finder *finder, uint32_t number)
{
	struct state at = finder->states[number];
	const struct root root = finder->roots[at.root];
	uint32_t c = finder->order[root.byzantine][at.position];
	const struct pc_node_class *class = &finder->explanation->classes[c];
	double expense = finder->expense[root.byzantine][c];
	uint32_t most = class->count;

	if (isinf(expense) || class->node.weight == 0 || root_hits(finder, &root, c))
		most = 0;
	for (uint32_t take = 0; take <= most && !finder->failed; take++) {
		uint64_t votes = (uint64_t)take * class->node.weight;
		struct state next = {.cost = at.cost + (take > 0 ? take * expense : 0),
			.missing = votes < at.missing ? at.missing - votes : 0,
			.root = at.root,
			.parent = number,
			.position = at.position + 1,
			.take = take};

		push(finder, next);
		if (votes >= at.missing)
			break;
	}
}

static void sort_classes(struct finder *finder, int byzantine)
{
	const struct pc_explanation *explanation = finder->explanation;
	uint32_t *order = finder->order[byzantine];
	double *expense = finder->expense[byzantine];

	for (uint32_t c = 0; c < explanation->class_count; c++) {
		const struct pc_node *node = &explanation->classes[c].node;
		double q = byzantine ? node->byz : pc_node_fault(node), key;
		uint32_t at = c;

		expense[c] = q > 0 && node->weight > 0 ? fmax(-log(q), 0) : INFINITY;
		key = expense[c] / node->weight;
		for (; at > 0; at--) {
			uint32_t other = order[at - 1];

			if (expense[other] / explanation->classes[other].node.weight <= key)
				break;
			order[at] = other;
		}
		order[at] = c;
	}
}

static void set_needs(struct finder *finder)
{
	struct pc_thresholds at = pc_protocol_thresholds(finder->problem->protocol);
	enum pc_event event = finder->problem->event;

	finder->need[0] = finder->need[1] = UINT64_MAX;
	if (event != PC_EVENT_UNSAFE) {
		finder->need[0] = at.fault_unlive;
		finder->need[1] = at.byz_unlive;
	}
	if (event != PC_EVENT_UNLIVE && at.byz_unsafe < finder->need[1])
		finder->need[1] = at.byz_unsafe;
	/* Byzantine faults that are too many in any case, of whatever kind, are listed with those. */
	if (finder->need[0] <= finder->need[1])
		finder->need[1] = UINT64_MAX;
}

static int allocate(struct finder *finder)
{
	struct pc_explanation *explanation = finder->explanation;
	size_t classes = explanation->class_count;

	for (int kind = 0; kind < 2; kind++) {
		finder->order[kind] = calloc(classes, sizeof(*finder->order[kind]));
		finder->expense[kind] = calloc(classes, sizeof(*finder->expense[kind]));
		if (!finder->order[kind] || !finder->expense[kind])
			return -ENOMEM;
	}
	explanation->sets = calloc(finder->sets_max + 1UL, sizeof(*explanation->sets));
	explanation->takes =
		calloc((finder->sets_max + 1UL) * classes, sizeof(*explanation->takes));
	return explanation->sets && explanation->takes ? 0 : -ENOMEM;
}

int failure_sets_find(const struct pc_rare_problem *problem, uint32_t sets_max,
	struct pc_explanation *explanation, struct hb_error *reterr)
{
	struct finder finder = {
		.problem = problem, .explanation = explanation, .sets_max = sets_max};
	int err = allocate(&finder);

	if (!err) {
		sort_classes(&finder, 0);
		sort_classes(&finder, 1);
		set_needs(&finder);
		add_roots(&finder);
	}
	while (!err && !finder.failed && finder.heap_count > 0 &&
		!(explanation->sets_cut && explanation->set_count == sets_max)) {
		uint32_t number = pop(&finder);
		const struct state *state = &finder.states[number];

		if (state->missing == 0)
			emit(&finder, state);
		else
			expand(&finder, number);
	}
	for (int kind = 0; kind < 2; kind++) {
		free(finder.order[kind]);
		free(finder.expense[kind]);
	}
	free(finder.roots);
	free(finder.states);
	free(finder.heap);
	if (err || finder.failed)
		return hb_error_set(reterr, -ENOMEM, "no memory to list failure sets");
	return 0;
}
