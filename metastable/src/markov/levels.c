/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/error.h"
#include "levels.h"
#include "metastable/generator.h"

/* States that are left to elimination. */
#define DENSE_STATES 96U
/* Halvings between two levels: of the axis that is fastest then. */
#define HALVINGS 2
/* Visits of a level from the one before it. One takes half as long, and more cycles the larger the chain is. */
#define VISITS 2

/* Boxes of the grid that are states of a level. */
struct boxes {
	uint32_t axes;
	uint32_t side[MS_AXES_MAX];  /* points along each axis */
	double speed[MS_AXES_MAX];   /* mean square of the change per second, in points */
	uint32_t count[MS_AXES_MAX]; /* boxes along each axis */
};

double levels_bytes(double states, double jumps)
{
	double level0 = jumps * (sizeof(long double) + 2 * sizeof(uint32_t)) +
			states * (5 * sizeof(long double) + sizeof(uint64_t) + sizeof(uint32_t));

	return 1.5 * level0 + (DENSE_STATES + 1.0) * (DENSE_STATES + 1.0) * sizeof(long double);
}

/* ---- the hierarchy ---- */

static void measure_speed(const struct ms_generator *g, struct boxes *b)
{
	for (uint32_t i = 0; i < g->states; i++) {
		const int32_t *here = g->at + (size_t)i * g->axes;

		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++) {
			const int32_t *there = g->at + (size_t)g->target[e] * g->axes;

			for (uint32_t a = 0; a < g->axes; a++) {
				double step = there[a] - here[a];

				b->speed[a] += g->rate_per_s[e] * step * step;
			}
		}
	}
}

/* Along the axis on which boxes are left soonest. Returns whether there was one with several. */
static bool halve(const struct ms_generator *g, struct boxes *b)
{
	double fastest = -1.0;
	uint32_t axis = 0;

	for (uint32_t a = 0; a < b->axes; a++) {
		double speed = b->speed[a] / ((double)b->side[a] * b->side[a]);

		if (b->count[a] > 1 && speed > fastest) {
			fastest = speed;
			axis = a;
		}
	}
	if (fastest < 0.0)
		return false;
	b->side[axis] *= 2;
	b->count[axis] = (uint32_t)g->last[axis] / b->side[axis] + 1;
	return true;
}

/* Box of every state of @chain, numbered as they are met. Returns how many, or -ENOMEM. */
static int64_t number_boxes(const struct ms_generator *g, const struct boxes *b, uint32_t *ret_box)
{
	uint64_t all = 1;
	uint32_t *number, count = 0;

	for (uint32_t a = 0; a < b->axes; a++)
		all *= b->count[a];
	number = malloc(all * sizeof(*number));
	if (number == NULL)
		return -ENOMEM;
	memset(number, 0xff, all * sizeof(*number));
	for (uint32_t i = 0; i < g->states; i++) {
		const int32_t *at = g->at + (size_t)i * g->axes;
		uint64_t code = 0;

		for (uint32_t a = 0; a < b->axes; a++)
			code = code * b->count[a] + (uint32_t)at[a] / b->side[a];
		if (number[code] == UINT32_MAX)
			number[code] = count++;
		ret_box[i] = number[code];
	}
	free(number);
	return count;
}

static int allocate_level(struct level *l, uint32_t states, uint64_t jumps)
{
	l->states = states;
	l->jumps = jumps;
	l->rate = malloc((jumps + 1) * sizeof(*l->rate));
	l->leave = malloc(states * sizeof(*l->leave));
	l->out = malloc(states * sizeof(*l->out));
	l->right = malloc(states * sizeof(*l->right));
	l->x = malloc(states * sizeof(*l->x));
	l->mass = malloc(states * sizeof(*l->mass));
	if (l->rate == NULL || l->leave == NULL || l->out == NULL || l->right == NULL ||
		l->x == NULL || l->mass == NULL)
		return -ENOMEM;
	return 0;
}

static int first_level(const struct ms_generator *g, uint64_t *ret_place, struct level *l)
{
	l->start = calloc((size_t)g->states + 2, sizeof(*l->start));
	l->from = malloc((g->nonzeros + 1) * sizeof(*l->from));
	if (l->start == NULL || l->from == NULL || allocate_level(l, g->states, g->nonzeros) < 0)
		return -ENOMEM;
	for (uint64_t e = 0; e < g->nonzeros; e++)
		l->start[g->target[e] + 2]++;
	for (uint32_t i = 2; i <= g->states + 1; i++)
		l->start[i] += l->start[i - 1];
	for (uint32_t i = 0; i < g->states; i++) {
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++) {
			ret_place[e] = l->start[g->target[e] + 1]++;
			l->from[ret_place[e]] = i;
		}
	}
	return 0;
}

/* States of @l by their group: those of group I stand at list[start[I]] ... */
static void sort_by_group(const struct level *l, uint32_t groups, uint32_t *start, uint32_t *list)
{
	memset(start, 0, ((size_t)groups + 2) * sizeof(*start));
	for (uint32_t i = 0; i < l->states; i++)
		start[l->group[i] + 2]++;
	for (uint32_t i = 2; i <= groups + 1; i++)
		start[i] += start[i - 1];
	for (uint32_t i = 0; i < l->states; i++)
		list[start[l->group[i] + 1]++] = i;
}

/* Jumps between groups, and which of them each jump of @l is part of. */
static uint64_t join_jumps(const struct level *l, uint32_t groups, const uint32_t *start,
	const uint32_t *list, uint64_t *seen, struct level *next)
{
	uint64_t jumps = 0;

	memset(seen, 0xff, groups * sizeof(*seen));
	for (uint32_t group = 0; group < groups; group++) {
		next->start[group] = jumps;
		for (uint32_t m = start[group]; m < start[group + 1]; m++) {
			uint32_t state = list[m];

			for (uint64_t k = l->start[state]; k < l->start[state + 1]; k++) {
				uint32_t origin = l->group[l->from[k]];

				l->joined[k] = UINT32_MAX;
				if (origin == group)
					continue;
				if (seen[origin] == UINT64_MAX ||
					seen[origin] < next->start[group]) {
					seen[origin] = jumps;
					next->from[jumps++] = origin;
				}
				l->joined[k] = (uint32_t)seen[origin];
			}
		}
	}
	next->start[groups] = jumps;
	return jumps;
}

static int next_level(struct level *l, uint32_t groups, struct level *next)
{
	uint32_t *start = malloc(((size_t)groups + 2) * sizeof(*start));
	uint32_t *list = malloc(l->states * sizeof(*list)), *fitting;
	uint64_t *seen = malloc(groups * sizeof(*seen)), jumps;
	int r = -ENOMEM;

	l->joined = malloc((l->jumps + 1) * sizeof(*l->joined));
	next->start = malloc(((size_t)groups + 1) * sizeof(*next->start));
	next->from = malloc((l->jumps + 1) * sizeof(*next->from));
	if (start != NULL && list != NULL && seen != NULL && l->joined != NULL &&
		next->start != NULL && next->from != NULL) {
		sort_by_group(l, groups, start, list);
		jumps = join_jumps(l, groups, start, list, seen, next);
		fitting = realloc(next->from, (jumps + 1) * sizeof(*fitting));
		if (fitting != NULL)
			next->from = fitting;
		r = allocate_level(next, groups, jumps);
	}
	free(start);
	free(list);
	free(seen);
	return r;
}

/* @box: the state of @l that each of the @states of the chain is part of; @wider: that of the next level. */
static void group_states(struct level *l, uint32_t *box, const uint32_t *wider, uint32_t states)
{
	for (uint32_t i = 0; i < states; i++) {
		l->group[box[i]] = wider[i];
		box[i] = wider[i];
	}
}

static int coarsen(const struct ms_generator *g, struct levels *levels)
{
	struct boxes b = {.axes = g->axes};
	uint32_t *box = malloc(g->states * sizeof(*box));
	uint32_t *wider = malloc(g->states * sizeof(*wider));
	int r = box != NULL && wider != NULL ? 0 : -ENOMEM;

	for (uint32_t a = 0; a < g->axes; a++) {
		b.side[a] = 1;
		b.count[a] = (uint32_t)g->last[a] + 1;
	}
	measure_speed(g, &b);
	for (uint32_t i = 0; i < g->states && r == 0; i++)
		box[i] = i;
	while (r == 0 && levels->level[levels->count - 1].states > DENSE_STATES) {
		struct level *l = &levels->level[levels->count - 1];
		int64_t groups = l->states;

		for (int h = 0; h < HALVINGS || groups == l->states; h++) {
			if (!halve(g, &b))
				break;
			groups = number_boxes(g, &b, wider);
			if (groups < 0)
				break;
		}
		l->group = malloc(l->states * sizeof(*l->group));
		if (groups < 0 || l->group == NULL || levels->count == LEVELS_MAX) {
			r = -ENOMEM;
			break;
		}
		group_states(l, box, wider, g->states);
		r = next_level(l, (uint32_t)groups, &levels->level[levels->count]);
		levels->count++;
	}
	free(box);
	free(wider);
	return r;
}

int levels_create(const struct ms_generator *chain, uint64_t *ret_place, struct levels **ret,
	struct hb_error *reterr)
{
	struct levels *levels = calloc(1, sizeof(*levels));
	int r = levels != NULL ? 0 : -ENOMEM;
	size_t n;

	if (r == 0) {
		levels->count = 1;
		r = first_level(chain, ret_place, &levels->level[0]);
	}
	if (r == 0)
		r = coarsen(chain, levels);
	if (r == 0) {
		n = (size_t)levels->level[levels->count - 1].states + 1;
		levels->dense = malloc(n * n * sizeof(*levels->dense));
		if (levels->dense == NULL)
			r = -ENOMEM;
	}
	if (r < 0) {
		levels_destroy(levels);
		return hb_error_set(
			reterr, r, "out of memory for aggregates of %u states", chain->states);
	}
	*ret = levels;
	return 0;
}

void levels_destroy(struct levels *levels)
{
	if (levels == NULL)
		return;
	for (uint32_t k = 0; k < levels->count; k++) {
		struct level *l = &levels->level[k];

		free(l->start);
		free(l->from);
		free(l->rate);
		free(l->leave);
		free(l->out);
		free(l->right);
		free(l->x);
		free(l->mass);
		free(l->group);
		free(l->joined);
	}
	free(levels->dense);
	free(levels);
}

/* ---- cycles ---- */

static long double inflow(const struct level *l, const long double *x, uint32_t j)
{
	long double sum = 0.0L;

	for (uint64_t k = l->start[j]; k < l->start[j + 1]; k++)
		sum += x[l->from[k]] * l->rate[k];
	return sum;
}

/* There and back. */
static void sweep(const struct level *l, const long double *right, long double *x)
{
	for (uint32_t i = 0; i < l->states; i++)
		x[i] = (right[i] + inflow(l, x, i)) / l->out[i];
	for (uint32_t i = l->states; i-- > 0;)
		x[i] = (right[i] + inflow(l, x, i)) / l->out[i];
}

/* The chain of the groups of @l, whose states share their group's mass as in @x. */
static void aggregate(
	const struct level *l, const long double *right, const long double *x, struct level *next)
{
	memset(next->x, 0, next->states * sizeof(*next->x));
	memset(next->right, 0, next->states * sizeof(*next->right));
	memset(next->leave, 0, next->states * sizeof(*next->leave));
	memset(next->rate, 0, next->jumps * sizeof(*next->rate));
	for (uint32_t i = 0; i < l->states; i++) {
		uint32_t group = l->group[i];

		next->x[group] += x[i];
		next->right[group] += right[i];
		next->leave[group] += x[i] * l->leave[i];
	}
	for (uint64_t k = 0; k < l->jumps; k++) {
		if (l->joined[k] != UINT32_MAX)
			next->rate[l->joined[k]] += x[l->from[k]] * l->rate[k];
	}
	/* A group that nothing leads to: whatever it does, it stays empty. */
	for (uint32_t i = 0; i < next->states; i++) {
		next->mass[i] = next->x[i];
		next->leave[i] = next->x[i] > 0.0L ? next->leave[i] / next->x[i] : 1.0L;
		next->out[i] = next->leave[i];
	}
	for (uint64_t k = 0; k < next->jumps; k++) {
		uint32_t i = next->from[k];

		if (next->x[i] > 0.0L)
			next->rate[k] /= next->x[i];
		next->out[i] += next->rate[k];
	}
}

/*
 * The law of the closed chain of all states of @l and one more, number 0, that everything comes from and goes to,
 * relative to that one.
 */
static void eliminate(
	const struct level *l, const long double *right, long double *a, long double *ret)
{
	uint32_t n = l->states + 1;

	memset(a, 0, (size_t)n * n * sizeof(*a));
	for (uint32_t j = 0; j < l->states; j++) {
		a[j + 1] = right[j];
		a[(size_t)(j + 1) * n] = l->leave[j];
		for (uint64_t k = l->start[j]; k < l->start[j + 1]; k++)
			a[(size_t)(l->from[k] + 1) * n + j + 1] = l->rate[k];
	}
	for (uint32_t k = n; k-- > 1;) {
		const long double *row = a + (size_t)k * n;
		long double out = 0.0L;

		for (uint32_t j = 0; j < k; j++)
			out += row[j];
		for (uint32_t i = 0; i < k; i++) {
			long double *into = a + (size_t)i * n, part = into[k] / out;

			into[k] = part;
			if (part == 0.0L)
				continue;
			for (uint32_t j = 0; j < k; j++)
				into[j] += part * row[j];
		}
	}
	for (uint32_t k = 1; k < n; k++) {
		long double sum = a[k];

		for (uint32_t i = 1; i < k; i++)
			sum += ret[i - 1] * a[(size_t)i * n + k];
		ret[k - 1] = sum;
	}
}

static void visit(struct levels *levels, uint32_t index, const long double *right, long double *x)
{
	struct level *l = &levels->level[index], *next = l + 1;

	if (index + 1 == levels->count) {
		eliminate(l, right, levels->dense, x);
		return;
	}
	for (int v = 0; v < (index == 0 ? 1 : VISITS); v++) {
		sweep(l, right, x);
		aggregate(l, right, x, next);
		visit(levels, index + 1, next->right, next->x);
		for (uint32_t i = 0; i < l->states; i++) {
			if (next->mass[l->group[i]] > 0.0L)
				x[i] *= next->x[l->group[i]] / next->mass[l->group[i]];
		}
		sweep(l, right, x);
	}
}

void levels_cycle(struct levels *levels, const long double *right, long double *x)
{
	visit(levels, 0, right, x);
}
