/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <metis.h>
#include <stdlib.h>
#include <string.h>

#include "dissection.h"
#include "hotbed/error.h"
#include "metastable/generator.h"

/* Parts of this many states are eliminated in one dense front: below that, cutting costs more than it saves. */
#define LEAF_STATES 48

/* What one dissection works with. */
struct cutter {
	const struct ms_generator *generator;
	struct dissection *d;
	uint32_t *scratch; /* shape [states] */
	uint8_t *side;     /* shape [states], by place: 0 and 1 the halves, 2 the separator */
	uint32_t node_space;
	int32_t reach[MS_AXES_MAX]; /* farthest jump along each axis */
	uint64_t *histogram;        /* shape [longest axis + 1] */
	/* For METIS: the graph without directions, and the places of states. */
	uint64_t *edge_start;
	uint32_t *edge;
	uint32_t *place;
	int failure;
};

static void find_reach(struct cutter *c)
{
	const struct ms_generator *g = c->generator;

	for (uint32_t a = 0; a < g->axes; a++)
		c->reach[a] = 1;
	for (uint32_t i = 0; i < g->states; i++) {
		const int32_t *here = g->at + (size_t)i * g->axes;

		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++) {
			const int32_t *there = g->at + (size_t)g->target[e] * g->axes;

			for (uint32_t a = 0; a < g->axes; a++) {
				int32_t far = abs(there[a] - here[a]);

				if (far > c->reach[a])
					c->reach[a] = far;
			}
		}
	}
}

static uint32_t add_node(struct cutter *c, uint32_t first, uint32_t count, uint32_t children)
{
	struct dissection *d = c->d;

	if (d->nodes == c->node_space) {
		uint32_t space = c->node_space * 2 + 64;
		struct dissection_node *node = realloc(d->node, space * sizeof(*node));

		if (node == NULL) {
			c->failure = -ENOMEM;
			return 1;
		}
		d->node = node;
		c->node_space = space;
	}
	d->node[d->nodes++] =
		(struct dissection_node){.first = first, .count = count, .children = children};
	return 1;
}

/* Bring the states of [from, to) into the order of their sides, keeping their order within a side. */
static void sort_by_side(struct cutter *c, uint32_t from, uint32_t to, uint32_t ret_count[3])
{
	uint32_t *order = c->d->order;
	uint32_t next[3];

	memset(ret_count, 0, 3 * sizeof(*ret_count));
	for (uint32_t p = from; p < to; p++)
		ret_count[c->side[p]]++;
	next[0] = from;
	next[1] = from + ret_count[0];
	next[2] = next[1] + ret_count[1];
	for (uint32_t p = from; p < to; p++)
		c->scratch[next[c->side[p]]++] = order[p];
	memcpy(order + from, c->scratch + from, (to - from) * sizeof(*order));
}

/*
 * The plane of axis @a that halves the part, as thick as the farthest jump. Returns how many states lie in it, or
 * UINT32_MAX if nothing is left on a side.
 */
static uint32_t best_plane(
	struct cutter *c, uint32_t from, uint32_t to, uint32_t a, int32_t *ret_plane)
{
	const struct ms_generator *g = c->generator;
	int32_t low = INT32_MAX, high = INT32_MIN, plane;
	uint64_t below = 0, inside = 0;

	for (uint32_t p = from; p < to; p++) {
		int32_t x = g->at[(size_t)c->d->order[p] * g->axes + a];

		low = x < low ? x : low;
		high = x > high ? x : high;
	}
	if (high - low <= c->reach[a])
		return UINT32_MAX;
	memset(c->histogram, 0, (size_t)(high - low + 1) * sizeof(*c->histogram));
	for (uint32_t p = from; p < to; p++)
		c->histogram[g->at[(size_t)c->d->order[p] * g->axes + a] - low]++;
	for (plane = low; plane + c->reach[a] <= high; plane++) {
		if (plane > low && 2 * (below + c->histogram[plane - low]) >= to - from)
			break;
		below += c->histogram[plane - low];
	}
	if (plane + c->reach[a] > high)
		plane = high - c->reach[a];
	if (plane <= low)
		return UINT32_MAX;
	for (int32_t x = plane; x < plane + c->reach[a]; x++)
		inside += c->histogram[x - low];
	*ret_plane = plane;
	return (uint32_t)inside;
}

static int cut_by_plane(struct cutter *c, uint32_t from, uint32_t to, uint32_t ret_count[3])
{
	const struct ms_generator *g = c->generator;
	uint32_t best = UINT32_MAX, axis = 0;
	int32_t plane = 0;

	for (uint32_t a = 0; a < g->axes; a++) {
		int32_t candidate = 0;
		uint32_t inside = best_plane(c, from, to, a, &candidate);

		if (inside < best) {
			best = inside;
			axis = a;
			plane = candidate;
		}
	}
	if (best == UINT32_MAX)
		return -ENOENT;
	for (uint32_t p = from; p < to; p++) {
		int32_t x = g->at[(size_t)c->d->order[p] * g->axes + axis];

		c->side[p] = x < plane ? 0 : x < plane + c->reach[axis] ? 2 : 1;
	}
	sort_by_side(c, from, to, ret_count);
	return 0;
}

/* The graph of the part [from, to), numbered from 0. Arrays are those of METIS, freed by the caller. */
static int part_graph(
	struct cutter *c, uint32_t from, uint32_t to, idx_t **ret_start, idx_t **ret_edge)
{
	uint64_t edges = 0;
	idx_t *start, *edge;

	for (uint32_t p = from; p < to; p++) {
		uint32_t i = c->d->order[p];

		c->place[i] = p;
		edges += c->edge_start[i + 1] - c->edge_start[i];
	}
	start = malloc(((size_t)(to - from) + 1) * sizeof(*start));
	edge = malloc((edges + 1) * sizeof(*edge));
	if (start == NULL || edge == NULL) {
		free(start);
		free(edge);
		return -ENOMEM;
	}
	edges = 0;
	start[0] = 0;
	for (uint32_t p = from; p < to; p++) {
		uint32_t i = c->d->order[p];

		for (uint64_t e = c->edge_start[i]; e < c->edge_start[i + 1]; e++) {
			uint32_t other = c->place[c->edge[e]];

			if (other >= from && other < to && c->d->order[other] == c->edge[e])
				edge[edges++] = (idx_t)(other - from);
		}
		start[p - from + 1] = (idx_t)edges;
	}
	*ret_start = start;
	*ret_edge = edge;
	return 0;
}

static int cut_by_metis(struct cutter *c, uint32_t from, uint32_t to, uint32_t ret_count[3])
{
	idx_t *start = NULL, *edge = NULL, *part, count = (idx_t)(to - from), separator = 0;
	idx_t options[METIS_NOPTIONS];
	int r = part_graph(c, from, to, &start, &edge);

	if (r < 0)
		return r;
	part = malloc((size_t)count * sizeof(*part));
	if (part == NULL) {
		r = -ENOMEM;
	} else {
		METIS_SetDefaultOptions(options);
		options[METIS_OPTION_SEED] = 1;
		r = METIS_ComputeVertexSeparator(
			    &count, start, edge, NULL, options, &separator, part) == METIS_OK
			    ? 0
			    : -ENOMEM;
	}
	for (uint32_t p = from; r == 0 && p < to; p++)
		c->side[p] = (uint8_t)part[p - from];
	free(part);
	free(start);
	free(edge);
	if (r == 0) {
		sort_by_side(c, from, to, ret_count);
		if (ret_count[0] == 0 || ret_count[1] == 0)
			r = -ENOENT;
	}
	return r;
}

/* Cut [from, to) as far as it pays; returns the number of nodes that are roots of it (one). */
static uint32_t cut(struct cutter *c, uint32_t from, uint32_t to)
{
	uint32_t count[3], children;
	int r = -ENOENT;

	if (c->failure < 0)
		return 0;
	if (to - from > LEAF_STATES)
		r = c->edge != NULL ? cut_by_metis(c, from, to, count)
				    : cut_by_plane(c, from, to, count);
	if (r < 0 && r != -ENOENT) {
		c->failure = r;
		return 0;
	}
	if (r == -ENOENT)
		return add_node(c, from, to - from, 0);
	children = cut(c, from, from + count[0]);
	children += cut(c, from + count[0], from + count[0] + count[1]);
	return add_node(c, to - count[2], count[2], children);
}

/* The whole chain; a state that has to come last is a separator of its own. */
static void cut_all(struct cutter *c, const uint32_t *last)
{
	uint32_t states = c->d->states;

	if (last == NULL || states == 1) {
		(void)cut(c, 0, states);
		return;
	}
	memmove(c->d->order + *last, c->d->order + *last + 1,
		(states - *last - 1) * sizeof(*c->d->order));
	c->d->order[states - 1] = *last;
	(void)add_node(c, states - 1, 1, cut(c, 0, states - 1));
}

/* Every jump, seen from both of its ends; pairs may occur twice, which METIS does not mind much but must not see. */
static int build_edges(struct cutter *c)
{
	const struct ms_generator *g = c->generator;
	uint64_t *next, kept = 0;

	c->edge_start = calloc((size_t)g->states + 2, sizeof(*c->edge_start));
	c->edge = malloc((2 * g->nonzeros + 1) * sizeof(*c->edge));
	c->place = calloc(g->states, sizeof(*c->place));
	next = calloc((size_t)g->states + 1, sizeof(*next));
	if (c->edge_start == NULL || c->edge == NULL || c->place == NULL || next == NULL) {
		free(next);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < g->states; i++) {
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++) {
			next[i]++;
			next[g->target[e]]++;
		}
	}
	for (uint32_t i = 0; i < g->states; i++) {
		c->edge_start[i + 1] = c->edge_start[i] + next[i];
		next[i] = c->edge_start[i];
	}
	for (uint32_t i = 0; i < g->states; i++) {
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++) {
			c->edge[next[i]++] = g->target[e];
			c->edge[next[g->target[e]]++] = i;
		}
	}
	free(next);
	for (uint32_t i = 0, *seen = c->scratch; i < g->states; i++)
		seen[i] = UINT32_MAX;
	for (uint32_t i = 0; i < g->states; i++) {
		uint64_t from = c->edge_start[i], to = c->edge_start[i + 1];

		c->edge_start[i] = kept;
		for (uint64_t e = from; e < to; e++) {
			uint32_t other = c->edge[e];

			if (c->scratch[other] != i) {
				c->scratch[other] = i;
				c->edge[kept++] = other;
			}
		}
	}
	c->edge_start[g->states] = kept;
	return 0;
}

static void finish_cutter(struct cutter *c)
{
	free(c->scratch);
	free(c->side);
	free(c->histogram);
	free(c->edge_start);
	free(c->edge);
	free(c->place);
}

int dissection_create(const struct ms_generator *generator, enum dissection_kind kind,
	const uint32_t *last, struct dissection *ret, struct hb_error *reterr)
{
	struct dissection d = {.states = generator->states};
	struct cutter c = {.generator = generator, .d = &d};
	int32_t longest = 0;

	if (kind == DISSECTION_AUTO)
		kind = generator->axes <= 2 ? DISSECTION_PLANES : DISSECTION_METIS;
	if (kind == DISSECTION_METIS && generator->nonzeros > INT32_MAX / 2)
		return hb_error_set(reterr, -E2BIG,
			"a chain of %g jumps is too large for the graph partitioner; make it "
			"smaller",
			(double)generator->nonzeros);
	for (uint32_t a = 0; a < generator->axes; a++)
		longest = generator->last[a] > longest ? generator->last[a] : longest;
	d.order = malloc(d.states * sizeof(*d.order));
	c.scratch = malloc(d.states * sizeof(*c.scratch));
	c.side = malloc(d.states);
	c.histogram = malloc(((size_t)longest + 1) * sizeof(*c.histogram));
	if (d.order == NULL || c.scratch == NULL || c.side == NULL || c.histogram == NULL)
		c.failure = -ENOMEM;
	if (c.failure == 0 && kind == DISSECTION_METIS)
		c.failure = build_edges(&c);
	if (c.failure == 0) {
		for (uint32_t i = 0; i < d.states; i++)
			d.order[i] = i;
		find_reach(&c);
		cut_all(&c, last);
	}
	finish_cutter(&c);
	if (c.failure < 0) {
		dissection_finish(&d);
		return hb_error_set(reterr, c.failure, "out of memory while ordering %u states",
			generator->states);
	}
	*ret = d;
	return 0;
}

void dissection_finish(struct dissection *dissection)
{
	free(dissection->node);
	free(dissection->order);
	memset(dissection, 0, sizeof(*dissection));
}
