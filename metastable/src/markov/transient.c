/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/error.h"
#include "metastable/chain.h"
#include "metastable/generator.h"

/* The chain watched at the events of a Poisson process: jumps by their target, so that sums need no scattering. */
struct walk {
	uint32_t states;
	uint64_t *start; /* shape [states + 1] */
	uint32_t *from;
	double *probability; /* of the jump, per event */
	double *stay;        /* shape [states] */
	double *now, *next, *sum;
	double events_per_s;
};

static void finish_walk(struct walk *w)
{
	free(w->start);
	free(w->from);
	free(w->probability);
	free(w->stay);
	free(w->now);
	free(w->next);
	free(w->sum);
}

static int allocate_walk(struct walk *w, const struct ms_generator *g)
{
	w->states = g->states;
	w->start = calloc((size_t)g->states + 2, sizeof(*w->start));
	w->from = malloc((g->nonzeros + 1) * sizeof(*w->from));
	w->probability = malloc((g->nonzeros + 1) * sizeof(*w->probability));
	w->stay = malloc(g->states * sizeof(*w->stay));
	w->now = malloc(g->states * sizeof(*w->now));
	w->next = malloc(g->states * sizeof(*w->next));
	w->sum = calloc(g->states, sizeof(*w->sum));
	if (w->start == NULL || w->from == NULL || w->probability == NULL || w->stay == NULL ||
		w->now == NULL || w->next == NULL || w->sum == NULL)
		return -ENOMEM;
	return 0;
}

static void fill_walk(struct walk *w, const struct ms_generator *g)
{
	double fastest = 0.0;

	for (uint32_t i = 0; i < g->states; i++) {
		w->stay[i] = ms_generator_exit_rate(g, i);
		fastest = w->stay[i] > fastest ? w->stay[i] : fastest;
	}
	/* A little faster than the fastest state, so that no state is left at every event: no period. */
	w->events_per_s = 1.02 * fastest;
	for (uint32_t i = 0; i < g->states; i++)
		w->stay[i] = fastest > 0.0 ? 1.0 - w->stay[i] / w->events_per_s : 1.0;
	for (uint64_t e = 0; e < g->nonzeros; e++)
		w->start[g->target[e] + 2]++;
	for (uint32_t i = 2; i <= g->states + 1; i++)
		w->start[i] += w->start[i - 1];
	for (uint32_t i = 0; i < g->states; i++) {
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++) {
			uint64_t place = w->start[g->target[e] + 1]++;

			w->from[place] = i;
			w->probability[place] = g->rate_per_s[e] / w->events_per_s;
		}
	}
}

/* One event. Returns the sum of the changes, which never grows from one event to the next. */
static double step(struct walk *w)
{
	double *swap = w->now, change = 0.0;

	for (uint32_t j = 0; j < w->states; j++) {
		double sum = w->now[j] * w->stay[j];

		for (uint64_t k = w->start[j]; k < w->start[j + 1]; k++)
			sum += w->now[w->from[k]] * w->probability[k];
		change += fabs(sum - w->now[j]);
		w->next[j] = sum;
	}
	w->now = w->next;
	w->next = swap;
	return change;
}

/* Numbers of events that matter: outside of @first ... @last lies less than the error allowed. */
struct window {
	uint64_t first, last;
	double *weight; /* shape [last - first + 1], sums to 1 */
};

/*
 * Chernoff: P(X >= k) and P(X <= k) are at most exp(k - m - k ln(k / m)) on their side of the mean. The distance from
 * the mean at which that is half of the error is found by bisection.
 */
static double edge(double mean, double log_error, int sign)
{
	double near = mean, far = sign > 0 ? 2.0 * mean + 1000.0 : 0.0;

	if (sign < 0 && -mean > log_error)
		return 0.0;
	while (sign > 0 && far - mean - far * log(far / mean) > log_error)
		far *= 2.0;
	while (fabs(far - near) > 0.5) {
		double k = 0.5 * (near + far);

		if (k > 0.0 && k - mean - k * log(k / mean) > log_error)
			near = k;
		else
			far = k;
	}
	return far;
}

/* Weights by the ratios of neighbours from the mode outwards: nothing overflows and nothing cancels. */
static int make_weights(double mean, struct window *w)
{
	uint64_t count = w->last - w->first + 1, mode = (uint64_t)mean - w->first;
	double sum = 0.0;

	w->weight = malloc(count * sizeof(*w->weight));
	if (w->weight == NULL)
		return -ENOMEM;
	w->weight[mode] = 1.0;
	for (uint64_t k = mode; k-- > 0;)
		w->weight[k] = w->weight[k + 1] * (double)(k + w->first + 1) / mean;
	for (uint64_t k = mode + 1; k < count; k++)
		w->weight[k] = w->weight[k - 1] * mean / (double)(k + w->first);
	for (uint64_t k = 0; k < mode; k++)
		sum += w->weight[k];
	for (uint64_t k = count; k-- > mode;)
		sum += w->weight[k];
	for (uint64_t k = 0; k < count; k++)
		w->weight[k] /= sum;
	return 0;
}

/*
 * All events, or fewer: a change that is so small that the events left cannot add it up to a tenth of @error ends the
 * walk. As changes never grow, that is a bound, not a guess; a law that only lingers in a basin for a while does not
 * pass for one that stands still.
 */
static uint64_t run(struct walk *w, const struct window *window, double error)
{
	uint64_t k = 0;
	double left = 1.0;

	for (;; k++) {
		double weight = k >= window->first ? window->weight[k - window->first] : 0.0;
		double change;

		if (weight > 0.0) {
			for (uint32_t i = 0; i < w->states; i++)
				w->sum[i] += weight * w->now[i];
			left -= weight;
		}
		if (k == window->last)
			return k;
		change = step(w);
		if (change * (double)(window->last - k) < 0.1 * error)
			break;
	}
	left = left > 0.0 ? left : 0.0;
	for (uint32_t i = 0; i < w->states; i++)
		w->sum[i] += left * w->now[i];
	return k + 1;
}

static int check(const struct ms_generator *g, const double *initial, double time_s, double error,
	struct hb_error *reterr)
{
	double sum = 0.0;

	if (!(time_s >= 0.0) || !isfinite(time_s))
		return hb_error_set(
			reterr, -EINVAL, "time %g s is not a finite number >= 0", time_s);
	if (!(error >= 1e-14 && error <= 0.1))
		return hb_error_set(reterr, -EINVAL, "error %g is outside of 1e-14 ... 0.1", error);
	for (uint32_t i = 0; i < g->states; i++) {
		if (!(initial[i] >= 0.0))
			return hb_error_set(reterr, -EINVAL,
				"initial probability %g of state %u is negative", initial[i], i);
		sum += initial[i];
	}
	if (!(fabs(sum - 1.0) < 1e-9))
		return hb_error_set(
			reterr, -EINVAL, "initial probabilities sum to %.17g, not to 1", sum);
	return 0;
}

static int walk_window(struct walk *w, double mean, double error, double steps_max,
	struct window *window, struct hb_error *reterr)
{
	double last;

	if (mean == 0.0)
		return 0;
	last = mean < 1e15 ? ceil(edge(mean, log(0.2 * error), 1)) : INFINITY;
	if ((steps_max > 0.0 && last > steps_max) || !isfinite(last))
		return hb_error_set(reterr, -E2BIG,
			"this takes %.3g products of a vector and a matrix with %u rows; the limit "
			"is %.3g. Ask for "
			"a shorter time, or for the stationary law",
			last, w->states, steps_max > 0.0 ? steps_max : 1e15);
	window->last = (uint64_t)last;
	window->first = (uint64_t)floor(edge(mean, log(0.2 * error), -1));
	if (make_weights(mean, window) < 0)
		return hb_error_set(reterr, -ENOMEM, "out of memory for %g steps", last);
	return 0;
}

int ms_transient(const struct ms_generator *generator, const double *initial, double time_s,
	double error, double steps_max, double *ret_share, uint64_t *ret_steps,
	struct hb_error *reterr)
{
	struct window window = {0};
	struct walk w = {0};
	uint64_t steps = 0;
	int r = check(generator, initial, time_s, error, reterr);

	if (r < 0)
		return r;
	if (allocate_walk(&w, generator) < 0) {
		r = hb_error_set(reterr, -ENOMEM, "out of memory for %u states", generator->states);
	} else {
		fill_walk(&w, generator);
		memcpy(w.now, initial, w.states * sizeof(*w.now));
		r = walk_window(&w, w.events_per_s * time_s, error, steps_max, &window, reterr);
	}
	if (r == 0) {
		if (window.weight != NULL)
			steps = run(&w, &window, error);
		memcpy(ret_share, window.weight != NULL ? w.sum : w.now,
			w.states * sizeof(*ret_share));
		if (ret_steps != NULL)
			*ret_steps = steps;
	}
	free(window.weight);
	finish_walk(&w);
	return r;
}
