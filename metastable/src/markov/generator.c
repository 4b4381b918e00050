/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/assert.h"
#include "hotbed/error.h"
#include "metastable/generator.h"

/* Points of the box; they have one number each, the last axis fastest. */
static double box_points(const struct ms_rules *rules)
{
	double points = 1.0;

	for (uint32_t a = 0; a < rules->axes; a++)
		points *= (double)rules->last[a] + 1.0;
	return points;
}

static uint64_t point_code(uint32_t axes, const int32_t *last, const int32_t *at)
{
	uint64_t code = 0;

	for (uint32_t a = 0; a < axes; a++)
		code = code * ((uint64_t)last[a] + 1) + (uint64_t)at[a];
	return code;
}

static void point_decode(uint32_t axes, const int32_t *last, uint64_t code, int32_t *ret_at)
{
	for (uint32_t a = axes; a-- > 0;) {
		ret_at[a] = (int32_t)(code % ((uint64_t)last[a] + 1));
		code /= (uint64_t)last[a] + 1;
	}
}

double ms_generator_bytes(const struct ms_rules *rules, double moves_per_state)
{
	return box_points(rules) *
	       (moves_per_state * (sizeof(double) + sizeof(uint32_t)) + sizeof(uint64_t) +
		       sizeof(uint32_t) + rules->axes * sizeof(int32_t));
}

static int check_move(const struct ms_rules *rules, const int32_t *at, const struct ms_move *m,
	struct hb_error *reterr)
{
	if (!(m->rate_per_s >= 0.0) || !isfinite(m->rate_per_s))
		return hb_error_set(reterr, -EINVAL,
			"the rate of a jump from state (%d, %d, ...) is %g per second; it must be "
			"finite and "
			">= 0",
			at[0], rules->axes > 1 ? at[1] : 0, m->rate_per_s);
	for (uint32_t a = 0; a < rules->axes; a++) {
		if (m->to[a] < 0 || m->to[a] > rules->last[a])
			return hb_error_set(reterr, -EINVAL,
				"a jump from state (%d, %d, ...) ends at %d on axis %u, outside of "
				"0 ... %d",
				at[0], rules->axes > 1 ? at[1] : 0, m->to[a], a, rules->last[a]);
	}
	return 0;
}

/*
 * Walk over all reachable states with a list of those still to be visited. number[code] becomes 1 for a reachable
 * point. Counts the jumps.
 */
static int reach(const struct ms_rules *rules, uint32_t *number, uint64_t points,
	uint64_t *ret_jumps, struct hb_error *reterr)
{
	struct ms_move moves[MS_MOVES_MAX];
	int32_t at[MS_AXES_MAX];
	uint64_t jumps = 0, waiting = 0;
	uint32_t *list = malloc((size_t)points * sizeof(*list));
	int r = 0;

	if (list == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for %g states", (double)points);
	list[waiting++] = (uint32_t)point_code(rules->axes, rules->last, rules->start);
	number[list[0]] = 1;
	while (waiting > 0 && r == 0) {
		uint32_t count;

		point_decode(rules->axes, rules->last, list[--waiting], at);
		count = rules->moves(rules->context, at, moves);
		hb_assert(count <= MS_MOVES_MAX);
		jumps += count;
		for (uint32_t m = 0; m < count && r == 0; m++) {
			uint64_t code;

			r = check_move(rules, at, &moves[m], reterr);
			if (r < 0 || moves[m].rate_per_s == 0.0)
				continue;
			code = point_code(rules->axes, rules->last, moves[m].to);
			if (number[code] == 0) {
				number[code] = 1;
				list[waiting++] = (uint32_t)code;
			}
		}
	}
	free(list);
	*ret_jumps = jumps;
	return r;
}

/* Number the reachable points from 0 in the order of their codes; the others get UINT32_MAX. */
static uint32_t number_points(uint32_t *number, uint64_t points)
{
	uint32_t states = 0;

	for (uint64_t code = 0; code < points; code++)
		number[code] = number[code] == 0 ? UINT32_MAX : states++;
	return states;
}

/* One sorted row from its jumps; jumps between the same states add up. */
static void store_row(struct ms_generator *g, uint32_t state, const uint32_t *target,
	const double *rate, uint32_t count)
{
	uint64_t end = g->nonzeros;

	for (uint32_t m = 0; m < count; m++) {
		uint64_t place = end;

		if (target[m] == state || rate[m] == 0.0)
			continue;
		while (place > g->nonzeros && g->target[place - 1] > target[m])
			place--;
		if (place > g->nonzeros && g->target[place - 1] == target[m]) {
			g->rate_per_s[place - 1] += rate[m];
			continue;
		}
		memmove(g->target + place + 1, g->target + place,
			(end - place) * sizeof(*g->target));
		memmove(g->rate_per_s + place + 1, g->rate_per_s + place,
			(end - place) * sizeof(*g->rate_per_s));
		g->target[place] = target[m];
		g->rate_per_s[place] = rate[m];
		end++;
	}
	g->nonzeros = end;
	g->row_start[state + 1] = end;
}

static int allocate(struct ms_generator *g, uint64_t jumps, struct hb_error *reterr)
{
	g->row_start = calloc((size_t)g->states + 1, sizeof(*g->row_start));
	g->target = malloc((jumps + 1) * sizeof(*g->target));
	g->rate_per_s = malloc((jumps + 1) * sizeof(*g->rate_per_s));
	g->at = malloc((size_t)g->states * g->axes * sizeof(*g->at));
	if (g->row_start == NULL || g->target == NULL || g->rate_per_s == NULL || g->at == NULL)
		return hb_error_set(
			reterr, -ENOMEM, "out of memory for a chain of %u states", g->states);
	return 0;
}

static void store_rows(const struct ms_rules *rules, const uint32_t *number, uint64_t points,
	struct ms_generator *g)
{
	struct ms_move moves[MS_MOVES_MAX];
	uint32_t target[MS_MOVES_MAX];
	double rate[MS_MOVES_MAX];

	for (uint64_t code = 0; code < points; code++) {
		uint32_t state = number[code];
		int32_t *at;
		uint32_t count;

		if (state == UINT32_MAX)
			continue;
		at = g->at + (size_t)state * g->axes;
		point_decode(rules->axes, rules->last, code, at);
		count = rules->moves(rules->context, at, moves);
		for (uint32_t m = 0; m < count; m++) {
			rate[m] = moves[m].rate_per_s;
			target[m] = number[point_code(rules->axes, rules->last, moves[m].to)];
		}
		store_row(g, state, target, rate, count);
	}
}

int ms_generator_build(const struct ms_rules *rules, double memory_bytes_max,
	struct ms_generator *ret, struct hb_error *reterr)
{
	struct ms_generator g = {.axes = rules->axes};
	double box = box_points(rules), bytes = ms_generator_bytes(rules, 6.0);
	uint64_t points = box <= (double)MS_STATES_MAX ? (uint64_t)box : 0, jumps;
	uint32_t *number;
	int r;

	hb_assert(rules->axes >= 1 && rules->axes <= MS_AXES_MAX);
	if (bytes > memory_bytes_max || points == 0)
		return hb_error_set(reterr, -E2BIG,
			"the chain may have up to %.4g states, about %.3g GiB; the limit is %.4g "
			"states and %.3g GiB. Make the queues or the orbit bound smaller",
			box, bytes / 0x1p30, (double)MS_STATES_MAX, memory_bytes_max / 0x1p30);
	number = calloc(points, sizeof(*number));
	if (number == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for %g states", (double)points);
	memcpy(g.last, rules->last, sizeof(g.last));
	r = reach(rules, number, points, &jumps, reterr);
	if (r == 0) {
		g.states = number_points(number, points);
		r = allocate(&g, jumps, reterr);
	}
	if (r == 0) {
		store_rows(rules, number, points, &g);
		*ret = g;
	} else {
		ms_generator_finish(&g);
	}
	free(number);
	return r;
}

void ms_generator_finish(struct ms_generator *generator)
{
	free(generator->row_start);
	free(generator->target);
	free(generator->rate_per_s);
	free(generator->at);
	free(generator->leave_per_s);
	memset(generator, 0, sizeof(*generator));
}

uint32_t ms_generator_find(const struct ms_generator *g, const int32_t *at)
{
	uint32_t low = 0, high = g->states;
	uint64_t code;

	for (uint32_t a = 0; a < g->axes; a++) {
		if (at[a] < 0 || at[a] > g->last[a])
			return UINT32_MAX;
	}
	code = point_code(g->axes, g->last, at);
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (point_code(g->axes, g->last, g->at + (size_t)middle * g->axes) < code)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < g->states && point_code(g->axes, g->last, g->at + (size_t)low * g->axes) == code)
		return low;
	return UINT32_MAX;
}

static void restrict_rows(
	const struct ms_generator *g, const uint32_t *number, struct ms_generator *sub)
{
	for (uint32_t i = 0; i < g->states; i++) {
		uint32_t state = number[i];
		double leave;

		if (state == UINT32_MAX)
			continue;
		memcpy(sub->at + (size_t)state * g->axes, g->at + (size_t)i * g->axes,
			g->axes * sizeof(*g->at));
		leave = g->leave_per_s != NULL ? g->leave_per_s[i] : 0.0;
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++) {
			if (number[g->target[e]] == UINT32_MAX) {
				leave += g->rate_per_s[e];
				continue;
			}
			sub->target[sub->nonzeros] = number[g->target[e]];
			sub->rate_per_s[sub->nonzeros++] = g->rate_per_s[e];
		}
		sub->leave_per_s[state] = leave;
		sub->row_start[state + 1] = sub->nonzeros;
	}
}

int ms_generator_restrict(const struct ms_generator *generator, const uint8_t *keep,
	struct ms_generator *ret, uint32_t *ret_number, struct hb_error *reterr)
{
	struct ms_generator sub = {.axes = generator->axes};
	uint32_t *number = ret_number;
	uint64_t jumps = 0;
	int r;

	if (number == NULL)
		number = malloc(generator->states * sizeof(*number));
	if (number == NULL)
		return hb_error_set(
			reterr, -ENOMEM, "out of memory for %u states", generator->states);
	for (uint32_t i = 0; i < generator->states; i++) {
		number[i] = keep[i] != 0 ? sub.states++ : UINT32_MAX;
		if (keep[i] != 0)
			jumps += generator->row_start[i + 1] - generator->row_start[i];
	}
	memcpy(sub.last, generator->last, sizeof(sub.last));
	if (sub.states == 0)
		r = hb_error_set(reterr, -EINVAL, "a chain was asked for on no state at all");
	else
		r = allocate(&sub, jumps, reterr);
	if (r == 0) {
		sub.leave_per_s = calloc(sub.states, sizeof(*sub.leave_per_s));
		if (sub.leave_per_s == NULL)
			r = hb_error_set(
				reterr, -ENOMEM, "out of memory for %u states", sub.states);
	}
	if (r == 0) {
		restrict_rows(generator, number, &sub);
		*ret = sub;
	} else {
		ms_generator_finish(&sub);
	}
	if (ret_number == NULL)
		free(number);
	return r;
}

void ms_generator_drift(const struct ms_generator *g, double *ret_drift_per_s)
{
	for (uint32_t i = 0; i < g->states; i++) {
		double *drift = ret_drift_per_s + (size_t)i * g->axes;
		const int32_t *here = g->at + (size_t)i * g->axes;

		for (uint32_t a = 0; a < g->axes; a++)
			drift[a] = 0.0;
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++) {
			const int32_t *there = g->at + (size_t)g->target[e] * g->axes;

			for (uint32_t a = 0; a < g->axes; a++)
				drift[a] += g->rate_per_s[e] * (there[a] - here[a]);
		}
	}
}

double ms_generator_exit_rate(const struct ms_generator *g, uint32_t state)
{
	double sum = g->leave_per_s != NULL ? g->leave_per_s[state] : 0.0;

	for (uint64_t e = g->row_start[state]; e < g->row_start[state + 1]; e++)
		sum += g->rate_per_s[e];
	return sum;
}
