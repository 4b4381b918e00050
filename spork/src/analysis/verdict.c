/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 4096
#define STEPS_SHOWN_WITHOUT_EXEC 64
#define NO_NODE UINT32_MAX
/* Effects that a trace can replay. */
#define EXPRESSIBLE                                                                  \
	(SPORK_EFFECT_QUERY | SPORK_EFFECT_PRIVATE | SPORK_EFFECT_DESCRIPTOR |       \
		SPORK_EFFECT_SIGNAL | SPORK_EFFECT_GROUP | SPORK_EFFECT_DIRECTORY |  \
		SPORK_EFFECT_ENVIRONMENT | SPORK_EFFECT_LIMITS | SPORK_EFFECT_EXEC | \
		SPORK_EFFECT_EXIT)
#define COST_UNRESOLVED UINT64_C(1000)
#define COST_OBSTACLE UINT64_C(1000000)

struct graph {
	const struct walk *walk;
	bool *relevant;     /* an exec can be reached from here */
	uint64_t *distance; /* from the fork */
	uint32_t *before;
	uint32_t *heap;
	uint32_t *heap_place; /* + 1; 0 = not in the heap */
	size_t heap_count;
	uint32_t *back_first, *back; /* reverse edges */
};

/* What ends interpretation for certain. Summaries say "may", so they are no obstacle. */
static uint32_t obstacle(const struct node *node)
{
	return node->callee ? 0 : node->effects & (SPORK_EFFECT_UNSAFE | SPORK_EFFECT_BLOCKING);
}

static uint64_t cost_of(const struct node *node)
{
	return 1 + node->instructions + (node->unresolved ? COST_UNRESOLVED : 0) +
	       (obstacle(node) || node->undecoded ? COST_OBSTACLE : 0);
}

static int reverse_edges(struct graph *graph)
{
	const struct walk *walk = graph->walk;
	size_t count = walk->node_count;

	graph->back_first = calloc(count + 2, sizeof(*graph->back_first));
	graph->back = calloc(walk->edge_count + 1, sizeof(*graph->back));
	if (!graph->back_first || !graph->back)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		for (uint32_t e = 0; e < walk->nodes[i].edge_count; e++)
			graph->back_first[walk->edges[walk->nodes[i].edge_first + e] + 2]++;
	}
	for (size_t i = 2; i < count + 2; i++)
		graph->back_first[i] += graph->back_first[i - 1];
	for (size_t i = 0; i < count; i++) {
		for (uint32_t e = 0; e < walk->nodes[i].edge_count; e++) {
			uint32_t to = walk->edges[walk->nodes[i].edge_first + e];

			graph->back[graph->back_first[to + 1]++] = (uint32_t)i;
		}
	}
	return 0;
}

/* Marks what reaches an exec; the heap's memory serves as the list of what is to be visited. */
static bool mark_relevant(struct graph *graph)
{
	const struct walk *walk = graph->walk;
	size_t waiting = 0;
	bool found = false;

	for (size_t i = 0; i < walk->node_count; i++) {
		if (walk->nodes[i].exec) {
			graph->relevant[i] = found = true;
			graph->heap[waiting++] = (uint32_t)i;
		}
	}
	while (waiting) {
		uint32_t at = graph->heap[--waiting];

		for (uint32_t e = graph->back_first[at]; e < graph->back_first[at + 1]; e++) {
			uint32_t from = graph->back[e];

			if (!graph->relevant[from]) {
				graph->relevant[from] = true;
				graph->heap[waiting++] = from;
			}
		}
	}
	return found;
}

static void heap_swap(struct graph *graph, size_t a, size_t b)
{
	uint32_t node = graph->heap[a];

	graph->heap[a] = graph->heap[b];
	graph->heap[b] = node;
	graph->heap_place[graph->heap[a]] = (uint32_t)a + 1;
	graph->heap_place[graph->heap[b]] = (uint32_t)b + 1;
}

static void heap_raise(struct graph *graph, uint32_t node)
{
	size_t at;

	if (!graph->heap_place[node]) {
		graph->heap[graph->heap_count] = node;
		graph->heap_place[node] = (uint32_t)++graph->heap_count;
	}
	at = graph->heap_place[node] - 1;
	while (at &&
		graph->distance[graph->heap[at]] < graph->distance[graph->heap[(at - 1) / 2]]) {
		heap_swap(graph, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

static uint32_t heap_take(struct graph *graph)
{
	uint32_t first = graph->heap[0];
	size_t at = 0;

	heap_swap(graph, 0, --graph->heap_count);
	graph->heap_place[first] = 0;
	for (;;) {
		size_t least = at;

		for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
			if (child < graph->heap_count &&
				graph->distance[graph->heap[child]] <
					graph->distance[graph->heap[least]])
				least = child;
		}
		if (least == at)
			return first;
		heap_swap(graph, at, least);
		at = least;
	}
}

/* Dijkstra's algorithm: the easiest way from the fork to an exec, or NO_NODE. */
static uint32_t find_way(struct graph *graph)
{
	const struct walk *walk = graph->walk;

	for (size_t i = 0; i < walk->node_count; i++) {
		graph->distance[i] = UINT64_MAX;
		graph->before[i] = NO_NODE;
	}
	graph->distance[0] = cost_of(&walk->nodes[0]);
	heap_raise(graph, 0);
	while (graph->heap_count) {
		uint32_t at = heap_take(graph);
		const struct node *node = &walk->nodes[at];

		if (node->exec)
			return at;
		for (uint32_t e = 0; e < node->edge_count; e++) {
			uint32_t to = walk->edges[node->edge_first + e];
			uint64_t distance = graph->distance[at] + cost_of(&walk->nodes[to]);

			if (distance < graph->distance[to]) {
				graph->distance[to] = distance;
				graph->before[to] = at;
				heap_raise(graph, to);
			}
		}
	}
	return NO_NODE;
}

static void fill_step(const struct walk *walk, uint32_t index, struct spork_step *step)
{
	const struct node *node = &walk->nodes[index];
	const struct spork_image *image;
	const struct spork_symbol *symbol;

	*step = (struct spork_step){.module = node->module,
		.start = node->start,
		.end = node->end,
		.effects = node->effects,
		.instructions = node->instructions};
	if (node->name) {
		(void)snprintf(step->callee, sizeof(step->callee), "%s", node->name);
	} else if (node->callee) {
		image = walk->question->request->modules[node->callee_module].image;
		symbol = spork_image_symbol_at(image, node->callee);
		if (symbol && symbol->address == node->callee)
			(void)snprintf(step->callee, sizeof(step->callee), "%s", symbol->name);
		else
			(void)snprintf(step->callee, sizeof(step->callee), "function_%" PRIx64,
				node->callee);
	}
}

static int copy_way(const struct graph *graph, uint32_t last, struct spork_analysis *ret)
{
	size_t count = 0;

	for (uint32_t at = last; at != NO_NODE && count < STEPS_MAX; at = graph->before[at])
		count++;
	ret->steps = calloc(count, sizeof(*ret->steps));
	if (!ret->steps)
		return -ENOMEM;
	ret->step_count = count;
	for (uint32_t at = last; at != NO_NODE && count > 0; at = graph->before[at]) {
		fill_step(graph->walk, at, &ret->steps[--count]);
		ret->path_instructions += graph->walk->nodes[at].instructions;
	}
	return 0;
}

/* No exec: the calls that were seen, in the order in which they were found. */
static int copy_calls(const struct graph *graph, struct spork_analysis *ret)
{
	const struct walk *walk = graph->walk;

	ret->steps = calloc(STEPS_SHOWN_WITHOUT_EXEC, sizeof(*ret->steps));
	if (!ret->steps)
		return -ENOMEM;
	for (size_t i = 0; i < walk->node_count && ret->step_count < STEPS_SHOWN_WITHOUT_EXEC;
		i++) {
		if (walk->nodes[i].name || walk->nodes[i].callee || i == 0)
			fill_step(walk, (uint32_t)i, &ret->steps[ret->step_count++]);
	}
	return 0;
}

/* Obstacles that every way to exec meets: those of the easiest way. */
static uint32_t obstacles_of_way(const struct graph *graph, uint32_t last, bool *ret_undecoded)
{
	uint32_t obstacles = 0;

	*ret_undecoded = false;
	for (uint32_t at = last; at != NO_NODE; at = graph->before[at]) {
		obstacles |= obstacle(&graph->walk->nodes[at]);
		*ret_undecoded |= graph->walk->nodes[at].undecoded;
	}
	return obstacles;
}

/* Could an exec hide behind a call that was not resolved and that no obstacle stands before? */
static bool has_other_way(const struct graph *graph)
{
	for (size_t i = 0; i < graph->walk->node_count; i++) {
		const struct node *node = &graph->walk->nodes[i];

		if (graph->distance[i] < COST_OBSTACLE && node->unresolved && !node->callee)
			return true;
	}
	return false;
}

static void judge_with_exec(const struct graph *graph, uint32_t last, struct spork_analysis *ret)
{
	bool undecoded;
	uint32_t obstacles = obstacles_of_way(graph, last, &undecoded);

	ret->verdict = SPORK_SITE_RECORD;
	if (obstacles && has_other_way(graph)) {
		ret->verdict = SPORK_SITE_UNKNOWN;
		ret->reason = SPORK_BECAUSE_UNRESOLVED;
	} else if (obstacles & SPORK_EFFECT_UNSAFE) {
		ret->verdict = SPORK_SITE_FORK;
		ret->reason = SPORK_BECAUSE_UNSAFE;
	} else if (obstacles) {
		ret->verdict = SPORK_SITE_FORK;
		ret->reason = SPORK_BECAUSE_BLOCKING;
	} else if (undecoded) {
		ret->verdict = SPORK_SITE_SHARED;
		ret->reason = SPORK_BECAUSE_UNDECODED;
	} else if (ret->exhausted) {
		ret->reason = SPORK_BECAUSE_BUDGET;
	} else if (ret->returns) {
		ret->reason = SPORK_BECAUSE_RETURNS;
	} else if (ret->unresolved) {
		ret->reason = SPORK_BECAUSE_CALLS;
	} else if (ret->effects & ~(uint32_t)EXPRESSIBLE) {
		ret->reason = SPORK_BECAUSE_EFFECTS;
	} else {
		ret->verdict = SPORK_SITE_RECIPE;
		ret->reason = SPORK_BECAUSE_CLEAN;
	}
}

static void judge_without_exec(struct spork_analysis *ret)
{
	ret->verdict = SPORK_SITE_UNKNOWN;
	if (ret->exhausted) {
		ret->reason = SPORK_BECAUSE_BUDGET;
	} else if (ret->unresolved) {
		ret->reason = SPORK_BECAUSE_UNRESOLVED;
	} else if (ret->returns) {
		ret->reason = SPORK_BECAUSE_CALLERS;
	} else {
		ret->verdict = SPORK_SITE_FORK;
		ret->reason = SPORK_BECAUSE_NO_EXEC;
	}
}

static int judge(struct graph *graph, struct spork_analysis *ret)
{
	const struct walk *walk = graph->walk;
	bool has_exec = mark_relevant(graph);
	uint32_t last = has_exec ? find_way(graph) : NO_NODE;

	has_exec = last != NO_NODE;
	for (size_t i = 0; i < walk->node_count; i++) {
		const struct node *node = &walk->nodes[i];

		ret->returns |= node->returns;
		if (!has_exec || graph->relevant[i]) {
			ret->effects |= node->effects;
			ret->unresolved += node->unresolved;
		}
	}
	if (has_exec)
		judge_with_exec(graph, last, ret);
	else
		judge_without_exec(ret);
	return has_exec ? copy_way(graph, last, ret) : copy_calls(graph, ret);
}

int verdict_of(const struct walk *walk, struct spork_analysis *ret)
{
	size_t count = walk->node_count;
	struct graph graph = {.walk = walk};
	int err = -ENOMEM;

	ret->instructions = walk->question->instructions;
	ret->states = walk->question->states;
	ret->exhausted = walk->question->exhausted;
	if (count == 0) {
		judge_without_exec(ret);
		return 0;
	}
	graph.relevant = calloc(count, sizeof(*graph.relevant));
	graph.distance = calloc(count, sizeof(*graph.distance));
	graph.before = calloc(count, sizeof(*graph.before));
	graph.heap = calloc(count + 1, sizeof(*graph.heap));
	graph.heap_place = calloc(count, sizeof(*graph.heap_place));
	if (graph.relevant && graph.distance && graph.before && graph.heap && graph.heap_place)
		err = reverse_edges(&graph);
	if (!err)
		err = judge(&graph, ret);
	free(graph.relevant);
	free(graph.distance);
	free(graph.before);
	free(graph.heap);
	free(graph.heap_place);
	free(graph.back_first);
	free(graph.back);
	return err;
}
