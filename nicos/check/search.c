/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Breadth-first search of all states, so that the way to a violation is a shortest one; then backwards from the end. */
#include <nicos/check.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include <hotbed/error.h>

#include "protocol.h"

#define NONE UINT32_MAX

static const char *const mutant_names[] = {"none", "lost-in-preemption", "pop-underflow",
	"starved-queue", "counted-at-ack", "switch-in-switch", "bootstrap-parity", "stale-line",
	"interrupt-while-busy"};

struct node {
	struct state state;
	uint32_t parent, depth;
	uint32_t successors; /* where its list begins */
};

struct graph {
	const struct nic_check_options *options;
	struct node *nodes;
	uint32_t count, capacity;
	uint32_t *places; /* hash table of nodes, shape [mask + 1] */
	uint32_t mask;
	uint32_t *successors; /* of node after node */
	uint64_t edges, edges_capacity;
	uint32_t broken; /* node from which, or in which, something breaks */
	bool is_step;    /* from which */
	const char *violation;
};

const char *nic_mutant_name(enum nic_mutant mutant)
{
	return mutant_names[mutant];
}

enum nic_mutant nic_mutant_find(const char *name)
{
	int m = 0;

	while (m < NIC_MUTANT_COUNT && strcmp(mutant_names[m], name) != 0)
		m++;
	return (enum nic_mutant)m;
}

static int places_grow(struct graph *graph)
{
	uint32_t size = graph->places ? 2 * (graph->mask + 1) : 1 << 16;
	uint32_t *places = malloc(size * sizeof(*places));

	if (!places)
		return -ENOMEM;
	memset(places, 0xff, size * sizeof(*places));
	for (uint32_t n = 0; n < graph->count; n++) {
		uint64_t at = XXH3_64bits(&graph->nodes[n].state, sizeof(struct state));

		while (places[at & (size - 1)] != NONE)
			at++;
		places[at & (size - 1)] = n;
	}
	free(graph->places);
	graph->places = places;
	graph->mask = size - 1;
	return 0;
}

/* The node of @state, made if it is new. */
static int find(struct graph *graph, const struct state *state, uint32_t parent, uint32_t *ret)
{
	uint64_t at;

	if ((!graph->places || graph->count > graph->mask / 2) && places_grow(graph))
		return -ENOMEM;
	for (at = XXH3_64bits(state, sizeof(*state));; at++) {
		uint32_t n = graph->places[at & graph->mask];

		if (n == NONE)
			break;
		if (memcmp(&graph->nodes[n].state, state, sizeof(*state)) == 0) {
			*ret = n;
			return 0;
		}
	}
	if (graph->count == graph->options->states_max)
		return -E2BIG;
	if (graph->count == graph->capacity) {
		uint32_t capacity = graph->capacity ? 2 * graph->capacity : 1 << 12;
		struct node *nodes = realloc(graph->nodes, capacity * sizeof(*nodes));

		if (!nodes)
			return -ENOMEM;
		graph->nodes = nodes;
		graph->capacity = capacity;
	}
	graph->nodes[graph->count] = (struct node){.state = *state,
		.parent = parent,
		.depth = parent == NONE ? 0 : graph->nodes[parent].depth + 1};
	graph->places[at & graph->mask] = graph->count;
	*ret = graph->count++;
	return 0;
}

static int edge(struct graph *graph, uint32_t to)
{
	if (graph->edges == graph->edges_capacity) {
		uint64_t capacity = graph->edges_capacity ? 2 * graph->edges_capacity : 1 << 14;
		uint32_t *successors = realloc(graph->successors, capacity * sizeof(*successors));

		if (!successors)
			return -ENOMEM;
		graph->successors = successors;
		graph->edges_capacity = capacity;
	}
	graph->successors[graph->edges++] = to;
	return 0;
}

static void broken(struct graph *graph, uint32_t node, bool is_step, const char *violation)
{
	graph->broken = node;
	graph->is_step = is_step;
	graph->violation = violation;
}

/* All states, or those before the first violation. */
static int explore(struct graph *graph)
{
	struct step steps[STEPS_MAX];
	struct state start;
	uint32_t node;
	int err;

	protocol_begin(&start);
	err = find(graph, &start, NONE, &node);
	for (uint32_t n = 0; !err && n < graph->count; n++) {
		struct state state = graph->nodes[n].state;
		const char *violation = protocol_violation(graph->options, &state);
		size_t count;

		if (violation) {
			broken(graph, n, false, violation);
			return 0;
		}
		graph->nodes[n].successors = (uint32_t)graph->edges;
		count = protocol_steps(graph->options, &state, false, steps);
		for (size_t i = 0; !err && i < count; i++) {
			if (steps[i].violation) {
				broken(graph, n, true, steps[i].violation);
				return 0;
			}
			err = find(graph, &steps[i].state, n, &node);
			if (!err)
				err = edge(graph, node);
		}
		if (graph->edges > UINT32_MAX - STEPS_MAX)
			err = -E2BIG;
	}
	return err;
}

/* Fill @starts and @sources with the edges turned round: those into n are starts[n] ... starts[n + 1] - 1. */
static void turn_round(const struct graph *graph, uint32_t *starts, uint32_t *sources)
{
	uint32_t n = 0;

	for (uint64_t e = 0; e < graph->edges; e++)
		starts[graph->successors[e] + 1]++;
	for (uint32_t i = 0; i < graph->count; i++)
		starts[i + 1] += starts[i];
	for (uint64_t e = 0; e < graph->edges; e++) {
		while (n + 1 < graph->count && graph->nodes[n + 1].successors <= e)
			n++;
		/* Filled from the back; afterwards starts[n + 1] is where those into n begin. */
		sources[--starts[graph->successors[e] + 1]] = n;
	}
}

/* Every state can still reach one where all requests are done. */
static int find_stuck(struct graph *graph)
{
	uint32_t *starts = calloc((size_t)graph->count + 2, sizeof(*starts));
	uint32_t *sources = malloc((graph->edges + 1) * sizeof(*sources));
	uint32_t *order = malloc(graph->count * sizeof(*order));
	bool *reaches = calloc(graph->count, sizeof(*reaches));
	uint32_t known = 0;
	int err = starts && sources && order && reaches ? 0 : -ENOMEM;

	if (!err) {
		turn_round(graph, starts, sources);
		/* What begins at starts[n + 1] ends where the next begins. */
		starts[graph->count + 1] = (uint32_t)graph->edges;
		for (uint32_t n = 0; n < graph->count; n++) {
			reaches[n] = protocol_is_over(graph->options, &graph->nodes[n].state);
			if (reaches[n])
				order[known++] = n;
		}
	}
	for (uint32_t i = 0; !err && i < known; i++) {
		for (uint32_t e = starts[order[i] + 1]; e < starts[order[i] + 2]; e++) {
			if (!reaches[sources[e]]) {
				reaches[sources[e]] = true;
				order[known++] = sources[e];
			}
		}
	}
	for (uint32_t n = 0; !err && n < graph->count && !graph->violation; n++) {
		if (!reaches[n])
			broken(graph, n, false, "5: some request can never be done from here on");
	}
	free(starts);
	free(sources);
	free(order);
	free(reaches);
	return err;
}

/* The steps to the node, and the one that breaks. Returns their number. */
static uint32_t trace_print(const struct graph *graph, FILE *trace)
{
	const struct node *last = &graph->nodes[graph->broken];
	uint32_t length = last->depth + graph->is_step, at = graph->broken;
	uint32_t *way = malloc((last->depth + 1) * sizeof(*way));
	struct step steps[STEPS_MAX];

	if (!trace || !way) {
		free(way);
		return length;
	}
	for (uint32_t i = last->depth + 1; i-- > 0; at = graph->nodes[at].parent)
		way[i] = at;
	for (uint32_t i = 0; i < length; i++) {
		size_t count = protocol_steps(
			       graph->options, &graph->nodes[way[i]].state, true, steps),
		       s = 0;

		while (s + 1 < count &&
			(i < last->depth ? memcmp(&steps[s].state, &graph->nodes[way[i + 1]].state,
						   sizeof(struct state)) != 0
					 : steps[s].violation != graph->violation))
			s++;
		(void)fprintf(trace, "%3u  %s\n", i + 1, steps[s].text);
	}
	free(way);
	return length;
}

static int check(const struct nic_check_options *o, struct hb_error *reterr)
{
	if (o->requests < 1 || o->requests > REQUESTS_MAX)
		return hb_error_set(reterr, -EINVAL, "requests: from 1 to %d", REQUESTS_MAX);
	for (int s = 0; s < SERVICES; s++) {
		if (o->threads[s] < 1 || o->threads[s] > CORES)
			return hb_error_set(reterr, -EINVAL, "threads: from 1 to %d", CORES);
	}
	if (o->states_max < 1)
		return hb_error_set(reterr, -EINVAL, "states: 1 at least");
	if ((unsigned int)o->mutant >= NIC_MUTANT_COUNT)
		return hb_error_set(reterr, -EINVAL, "there is no such mutant");
	return 0;
}

int nic_check_run(const struct nic_check_options *options, FILE *trace,
	struct nic_check_result *ret, struct hb_error *reterr)
{
	struct graph graph = {.options = options};
	int err = check(options, reterr);

	if (err)
		return err;
	err = explore(&graph);
	if (!err && !graph.violation)
		err = find_stuck(&graph);
	if (err) {
		hb_error_set(reterr, err,
			err == -E2BIG ? "more than %u states; raise the limit"
				      : "no memory after %u states; free some",
			graph.count);
	} else {
		*ret = (struct nic_check_result){.states = graph.count,
			.transitions = graph.edges,
			.depth = graph.nodes[graph.count - 1].depth,
			.violation = graph.violation};
		if (graph.violation)
			ret->trace_length = trace_print(&graph, trace);
	}
	free(graph.nodes);
	free(graph.places);
	free(graph.successors);
	return err;
}
