/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "denormals.h"
#include "elimination.h"
#include "front_kernel.h"
#include "hotbed/assert.h"
#include "hotbed/error.h"
#include "metastable/generator.h"

/* Rows of fronts begin at multiples of this many numbers, and not at multiples of a page. */
#define ALIGN_NUMBERS 8

/* The jumps of a chain by place, each with the end that is eliminated first. */
struct split {
	uint64_t *out_start; /* jumps to later places */
	uint32_t *out_place;
	double *out_rate;
	uint64_t *in_start; /* jumps from later places */
	uint32_t *in_place;
	double *in_rate;
};

/* What is left of a front after its pivots: rates between the states of its boundary. */
struct update {
	uint32_t node;
	double *rate;    /* shape [boundary x boundary] */
	double *killing; /* shape [boundary]; behind rate, in the same block */
};

struct builder {
	const struct ms_generator *generator;
	struct elimination *e;
	struct split split;
	struct update *stack;
	uint32_t height;
	uint32_t *local; /* place -> row in the front at hand */
	double *front;
	double *killing;
	uint64_t boundary_space;
	uint64_t front_numbers;
	double stack_numbers_max;
};

static uint32_t front_stride(uint32_t size)
{
	uint32_t stride = (size + ALIGN_NUMBERS - 1) / ALIGN_NUMBERS * ALIGN_NUMBERS;

	return stride % 512 == 0 ? stride + ALIGN_NUMBERS : stride;
}

static void finish_split(struct split *s)
{
	free(s->out_start);
	free(s->out_place);
	free(s->out_rate);
	free(s->in_start);
	free(s->in_place);
	free(s->in_rate);
}

static void fill_split(const struct ms_generator *g, const uint32_t *place, struct split *s,
	uint64_t *out_next, uint64_t *in_next)
{
	for (uint32_t i = 0; i < g->states; i++) {
		uint32_t here = place[i];

		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++) {
			uint32_t there = place[g->target[e]];

			if (here < there) {
				s->out_place[out_next[here]] = there;
				s->out_rate[out_next[here]++] = g->rate_per_s[e];
			} else {
				s->in_place[in_next[there]] = here;
				s->in_rate[in_next[there]++] = g->rate_per_s[e];
			}
		}
	}
}

static int build_split(const struct ms_generator *g, const uint32_t *place, struct split *s)
{
	size_t starts = ((size_t)g->states + 2) * sizeof(uint64_t);
	uint64_t outs, ins;

	s->out_start = calloc(1, starts);
	s->in_start = calloc(1, starts);
	if (s->out_start == NULL || s->in_start == NULL)
		return -ENOMEM;
	/* Counts two ahead, sums, then one ahead while filling: the starts end up where they belong. */
	for (uint32_t i = 0; i < g->states; i++) {
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++) {
			uint32_t here = place[i], there = place[g->target[e]];

			if (here < there)
				s->out_start[here + 2]++;
			else
				s->in_start[there + 2]++;
		}
	}
	for (uint32_t i = 2; i <= g->states + 1; i++) {
		s->out_start[i] += s->out_start[i - 1];
		s->in_start[i] += s->in_start[i - 1];
	}
	outs = s->out_start[g->states + 1];
	ins = s->in_start[g->states + 1];
	s->out_place = malloc((outs + 1) * sizeof(*s->out_place));
	s->out_rate = malloc((outs + 1) * sizeof(*s->out_rate));
	s->in_place = malloc((ins + 1) * sizeof(*s->in_place));
	s->in_rate = malloc((ins + 1) * sizeof(*s->in_rate));
	if (s->out_place == NULL || s->out_rate == NULL || s->in_place == NULL ||
		s->in_rate == NULL)
		return -ENOMEM;
	fill_split(g, place, s, s->out_start + 1, s->in_start + 1);
	return 0;
}

static int compare_places(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int reserve_boundary(struct builder *b, uint64_t count)
{
	uint32_t *grown;

	if (count <= b->boundary_space)
		return 0;
	b->boundary_space = count + count / 2 + 1024;
	grown = realloc(b->e->boundary, b->boundary_space * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	b->e->boundary = grown;
	return 0;
}

/* Add @count sorted places after @last to the sorted list at boundary[start ... end). Returns the new end. */
static uint64_t merge_places(struct builder *b, uint64_t start, uint64_t end, const uint32_t *place,
	uint32_t count, uint32_t *scratch)
{
	uint32_t *list = b->e->boundary + start;
	uint32_t length = (uint32_t)(end - start), i = 0, j = 0, merged = 0;

	memcpy(scratch, list, length * sizeof(*list));
	while (i < length || j < count) {
		uint32_t next;

		if (j == count || (i < length && scratch[i] <= place[j]))
			next = scratch[i++];
		else
			next = place[j++];
		if (merged == 0 || list[merged - 1] != next)
			list[merged++] = next;
	}
	return start + merged;
}

/* Places after @last that jumps of the node's own states join it with, sorted; returns how many. */
static uint32_t own_places(
	const struct builder *b, const struct elimination_node *n, uint32_t *ret_place)
{
	uint32_t last = n->first + n->pivots - 1, count = 0, kept = 0;

	for (uint32_t p = n->first; p < n->first + n->pivots; p++) {
		for (uint64_t e = b->split.out_start[p]; e < b->split.out_start[p + 1]; e++) {
			if (b->split.out_place[e] > last)
				ret_place[count++] = b->split.out_place[e];
		}
		for (uint64_t e = b->split.in_start[p]; e < b->split.in_start[p + 1]; e++) {
			if (b->split.in_place[e] > last)
				ret_place[count++] = b->split.in_place[e];
		}
	}
	qsort(ret_place, count, sizeof(*ret_place), compare_places);
	for (uint32_t i = 0; i < count; i++) {
		if (kept == 0 || ret_place[kept - 1] != ret_place[i])
			ret_place[kept++] = ret_place[i];
	}
	return kept;
}

/* Most places that own_places() may list before it removes doubles. */
static uint64_t own_jumps(const struct builder *b, const struct elimination_node *n)
{
	uint32_t end = n->first + n->pivots;

	return b->split.out_start[end] - b->split.out_start[n->first] + b->split.in_start[end] -
	       b->split.in_start[n->first];
}

static int node_boundary(struct builder *b, uint32_t index, uint64_t *used, uint32_t *child,
	uint32_t *height, uint32_t *scratch)
{
	struct elimination *e = b->e;
	struct elimination_node *n = &e->node[index];
	uint64_t end, room = own_jumps(b, n);
	uint32_t *own = malloc((room + 1) * sizeof(*own));
	uint32_t own_count;
	int r;

	if (own == NULL)
		return -ENOMEM;
	own_count = own_places(b, n, own);
	room = own_count;
	for (uint32_t c = 0; c < n->children; c++)
		room += e->node[child[*height - 1 - c]].boundary_count;
	r = reserve_boundary(b, *used + room);
	if (r < 0) {
		free(own);
		return r;
	}
	n->boundary_start = *used;
	end = merge_places(b, *used, *used, own, own_count, scratch);
	free(own);
	for (uint32_t c = 0; c < n->children; c++) {
		const struct elimination_node *below = &e->node[child[--*height]];
		const uint32_t *list = e->boundary + below->boundary_start;
		uint32_t skip = 0;

		/* The child's boundary within this node comes first, because it is sorted. */
		while (skip < below->boundary_count && list[skip] < n->first + n->pivots)
			skip++;
		end = merge_places(
			b, *used, end, list + skip, below->boundary_count - skip, scratch);
	}
	n->boundary_count = (uint32_t)(end - *used);
	*used = end;
	child[(*height)++] = index;
	return 0;
}

/* The boundary of every node, from the leaves up. */
static int find_boundaries(struct builder *b)
{
	struct elimination *e = b->e;
	uint32_t *child = malloc(e->nodes * sizeof(*child));
	uint32_t *scratch = malloc(((size_t)e->states + 1) * sizeof(*scratch));
	uint64_t used = 0;
	uint32_t height = 0;
	int r = child == NULL || scratch == NULL ? -ENOMEM : 0;

	for (uint32_t n = 0; n < e->nodes && r == 0; n++)
		r = node_boundary(b, n, &used, child, &height, scratch);
	free(child);
	free(scratch);
	return r;
}

static uint64_t row_entries(const struct elimination_node *n)
{
	uint64_t size = (uint64_t)n->pivots + n->boundary_count;

	return n->pivots * size - (uint64_t)n->pivots * (n->pivots + 1) / 2;
}

/* Memory at its peak, from the shape of the fronts alone. */
static void estimate(struct builder *b, bool without_out)
{
	struct elimination *e = b->e;
	double stack = 0.0, *held = calloc((size_t)e->nodes + 1, sizeof(*held));
	uint32_t height = 0;

	for (uint32_t i = 0; i < e->nodes; i++) {
		const struct elimination_node *n = &e->node[i];
		uint32_t size = n->pivots + n->boundary_count;
		double update = (double)n->boundary_count * (n->boundary_count + 1.0);

		e->front_max = size > e->front_max ? size : e->front_max;
		e->entries += (double)row_entries(n) * (without_out ? 1.0 : 2.0);
		for (uint32_t c = 0; held != NULL && c < n->children; c++)
			stack -= held[--height];
		if (held != NULL)
			held[height++] = update;
		stack += update;
		if (stack > b->stack_numbers_max)
			b->stack_numbers_max = stack;
	}
	free(held);
	b->front_numbers = (uint64_t)e->front_max * front_stride(e->front_max);
	e->bytes = 8.0 * (e->entries + b->stack_numbers_max + (double)b->front_numbers) +
		   12.0 * (double)b->generator->nonzeros + 48.0 * e->states;
}

/* Jumps of the chain itself, in the front of the first of their two ends. */
static void assemble_jumps(
	const struct builder *b, const struct elimination_node *n, const struct front *front)
{
	for (uint32_t k = 0; k < n->pivots; k++) {
		uint32_t p = n->first + k;

		for (uint64_t e = b->split.out_start[p]; e < b->split.out_start[p + 1]; e++)
			front->rate[(size_t)k * front->stride + b->local[b->split.out_place[e]]] +=
				b->split.out_rate[e];
		for (uint64_t e = b->split.in_start[p]; e < b->split.in_start[p + 1]; e++)
			front->rate[(size_t)b->local[b->split.in_place[e]] * front->stride + k] +=
				b->split.in_rate[e];
		if (b->generator->leave_per_s != NULL)
			front->killing[k] += b->generator->leave_per_s[b->e->order[p]];
	}
}

static void assemble_update(
	const struct builder *b, const struct update *update, const struct front *front)
{
	const struct elimination_node *n = &b->e->node[update->node];
	const uint32_t *boundary = b->e->boundary + n->boundary_start;

	for (uint32_t i = 0; i < n->boundary_count; i++) {
		uint32_t row = b->local[boundary[i]];
		double *to = front->rate + (size_t)row * front->stride;
		const double *from = update->rate + (size_t)i * n->boundary_count;

		for (uint32_t j = 0; j < n->boundary_count; j++)
			to[b->local[boundary[j]]] += from[j];
		front->killing[row] += update->killing[i];
	}
}

/* Keep the pivots' rows and columns; columns become rows, so that substitutions read memory in order. */
static int store_factor(const struct elimination *e, struct elimination_node *n,
	const struct front *f, bool without_out)
{
	uint64_t entries = row_entries(n);
	double *in = malloc((entries + 1) * sizeof(*in)), *out = NULL;

	(void)e;
	if (!without_out)
		out = malloc((entries + 1) * sizeof(*out));
	if (in == NULL || (out == NULL && !without_out)) {
		free(in);
		free(out);
		return -ENOMEM;
	}
	n->in = in;
	n->out = out;
	for (uint32_t k = 0; k < n->pivots; k++) {
		if (out != NULL) {
			memcpy(out, f->rate + (size_t)k * f->stride + k + 1,
				(f->size - k - 1) * sizeof(*out));
			out += f->size - k - 1;
		}
	}
	/* Eight columns at a time, because a cache line holds as many. */
	for (uint32_t base = 0; base < n->pivots; base += 8) {
		uint32_t end = base + 8 < n->pivots ? base + 8 : n->pivots;

		for (uint32_t i = base + 1; i < f->size; i++) {
			const double *row = f->rate + (size_t)i * f->stride;

			for (uint32_t k = base; k < end && k < i; k++)
				in[(uint64_t)k * f->size - (uint64_t)k * (k + 1) / 2 + i - k - 1] =
					row[k];
		}
	}
	return 0;
}

static int push_update(struct builder *b, uint32_t index, const struct front *f)
{
	const struct elimination_node *n = &b->e->node[index];
	uint32_t count = n->boundary_count;
	struct update *u = &b->stack[b->height];

	u->node = index;
	u->rate = malloc(((size_t)count * (count + 1) + 1) * sizeof(*u->rate));
	if (u->rate == NULL)
		return -ENOMEM;
	u->killing = u->rate + (size_t)count * count;
	b->height++;
	for (uint32_t i = 0; i < count; i++)
		memcpy(u->rate + (size_t)i * count,
			f->rate + (size_t)(n->pivots + i) * f->stride + n->pivots,
			count * sizeof(*u->rate));
	memcpy(u->killing, f->killing + n->pivots, count * sizeof(*u->killing));
	return 0;
}

static int eliminate_node(struct builder *b, uint32_t index, bool without_out)
{
	struct elimination *e = b->e;
	struct elimination_node *n = &e->node[index];
	const uint32_t *boundary = e->boundary + n->boundary_start;
	uint32_t size = n->pivots + n->boundary_count, stuck;
	struct front f = {.size = size,
		.stride = front_stride(size),
		.rate = b->front,
		.killing = b->killing};
	int r;

	memset(f.rate, 0, (size_t)size * f.stride * sizeof(*f.rate));
	memset(f.killing, 0, size * sizeof(*f.killing));
	for (uint32_t k = 0; k < n->pivots; k++)
		b->local[n->first + k] = k;
	for (uint32_t i = 0; i < n->boundary_count; i++)
		b->local[boundary[i]] = n->pivots + i;
	assemble_jumps(b, n, &f);
	for (uint32_t c = 0; c < n->children; c++) {
		assemble_update(b, &b->stack[--b->height], &f);
		free(b->stack[b->height].rate);
	}
	stuck = front_eliminate(&f, n->pivots, e->pivot + n->first);
	if (stuck != 0 && (n->first + stuck != e->states || b->generator->leave_per_s != NULL))
		return -EDOM;
	e->closed = e->closed || stuck != 0;
	r = store_factor(e, n, &f, without_out);
	return r < 0 ? r : push_update(b, index, &f);
}

static int eliminate_all(struct builder *b, bool without_out)
{
	struct elimination *e = b->e;
	uint32_t control;
	int r = 0;

	b->stack = malloc(((size_t)e->nodes + 1) * sizeof(*b->stack));
	b->front = aligned_alloc(64, (b->front_numbers + 32) / 8 * 64);
	b->killing = malloc(((size_t)e->front_max + 1) * sizeof(*b->killing));
	if (b->stack == NULL || b->front == NULL || b->killing == NULL)
		return -ENOMEM;
	control = denormals_flush();
	for (uint32_t n = 0; n < e->nodes && r == 0; n++)
		r = eliminate_node(b, n, without_out);
	denormals_restore(control);
	return r;
}

/* Take over order and nodes of @d, and sort the jumps by place. */
static int prepare(struct builder *b, struct dissection *d)
{
	struct elimination *e = b->e;

	e->states = d->states;
	e->nodes = d->nodes;
	e->order = d->order;
	d->order = NULL;
	e->node = calloc(e->nodes, sizeof(*e->node));
	e->pivot = calloc(e->states, sizeof(*e->pivot));
	b->local = malloc(e->states * sizeof(*b->local));
	/* A chain in one front has no boundary at all, but the list is there. */
	b->boundary_space = 16;
	e->boundary = malloc(b->boundary_space * sizeof(*e->boundary));
	if (e->node == NULL || e->pivot == NULL || b->local == NULL || e->boundary == NULL)
		return -ENOMEM;
	for (uint32_t n = 0; n < e->nodes; n++) {
		e->node[n].first = d->node[n].first;
		e->node[n].pivots = d->node[n].count;
		e->node[n].children = d->node[n].children;
	}
	for (uint32_t p = 0; p < e->states; p++)
		b->local[e->order[p]] = p;
	return build_split(b->generator, b->local, &b->split);
}

static void finish_builder(struct builder *b)
{
	finish_split(&b->split);
	for (uint32_t i = 0; i < b->height; i++)
		free(b->stack[i].rate);
	free(b->stack);
	free(b->local);
	free(b->front);
	free(b->killing);
}

static int failure_text(const struct builder *b, int code, struct hb_error *reterr)
{
	if (code == -EDOM)
		return hb_error_set(reterr, code,
			"some state is never left, as far as double precision can tell: the chain "
			"has more than "
			"one closed class, or its time scales are further apart than 1e300");
	return hb_error_set(reterr, code,
		"out of memory: eliminating %u states needs about %.3g GiB", b->e->states,
		b->e->bytes / 0x1p30);
}

int elimination_create(const struct ms_generator *generator,
	const struct elimination_options *options, struct elimination **ret,
	struct hb_error *reterr)
{
	struct dissection d;
	struct builder b = {.generator = generator, .e = calloc(1, sizeof(*b.e))};
	int r;

	if (b.e == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for a factor");
	r = dissection_create(generator, options->order, options->last, &d, reterr);
	if (r < 0) {
		free(b.e);
		return r;
	}
	r = prepare(&b, &d);
	dissection_finish(&d);
	if (r == 0)
		r = find_boundaries(&b);
	if (r == 0) {
		estimate(&b, options->without_out);
		if (options->memory_bytes_max > 0.0 && b.e->bytes > options->memory_bytes_max)
			r = hb_error_set(reterr, -E2BIG,
				"eliminating %u states needs about %.3g GiB; the limit is %.3g GiB",
				b.e->states, b.e->bytes / 0x1p30,
				options->memory_bytes_max / 0x1p30);
		else
			r = eliminate_all(&b, options->without_out);
	}
	if (r < 0 && r != -E2BIG)
		r = failure_text(&b, r, reterr);
	finish_builder(&b);
	if (r < 0)
		elimination_destroy(b.e);
	else
		*ret = b.e;
	return r;
}

void elimination_destroy(struct elimination *e)
{
	if (e == NULL)
		return;
	for (uint32_t n = 0; e->node != NULL && n < e->nodes; n++) {
		free(e->node[n].out);
		free(e->node[n].in);
	}
	free(e->node);
	free(e->order);
	free(e->boundary);
	free(e->pivot);
	free(e);
}
