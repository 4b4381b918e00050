/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "lateness.h"

/* Services that have to end before that of an attempt begins which finds @queue jobs. */
static uint32_t services_before(uint32_t threads, uint32_t queue)
{
	return queue + 1 > threads ? queue + 1 - threads : 0;
}

/* More services than this within a timeout are beyond a chain that counts single jobs. */
#define SERVICES_MAX 5e7

static double poisson(uint32_t n, double mean)
{
	return exp((double)n * log(mean) - mean - lgamma((double)n + 1.0));
}

/*
 * Constant timeout. All threads busy, services end as a Poisson process; after the k-th, each event is the end of the
 * attempt's own service with probability 1 / threads. With g = 1 - 1 / threads,
 *	timely(k) = sum over n > k of P(n events) (1 - g^(n - k)),
 *	late(k) = P(n <= k) + sum over n > k of P(n) g^(n - k).
 * Both follow from k + 1 to k by adding; P(n <= k) goes from 0 upwards.
 */
static int constant_table(uint32_t threads, double rate_per_s, double timeout_s, uint32_t services,
	struct lateness *ret)
{
	double mean = threads * rate_per_s * timeout_s, g = 1.0 - 1.0 / threads;
	double above = 0.0, geometric = 0.0, timely = 0.0, below = 0.0;
	double *weight;
	uint32_t top;

	if (!(mean <= SERVICES_MAX))
		return -ERANGE;
	top = (uint32_t)(fmax(services, mean) + 40.0 * sqrt(mean) + 800.0);
	weight = malloc(((size_t)top + 1) * sizeof(*weight));
	if (weight == NULL)
		return -ENOMEM;
	for (uint32_t n = 0; n <= top; n++)
		weight[n] = poisson(n, mean);
	for (uint32_t k = top; k-- > 0;) {
		above += weight[k + 1];
		timely = (1.0 - g) * above + g * timely;
		geometric = g * (weight[k + 1] + geometric);
		if (k < services) {
			ret[k].timely = timely;
			ret[k].late = geometric;
		}
	}
	for (uint32_t k = 0; k < services; k++) {
		below += weight[k];
		ret[k].late += below;
	}
	free(weight);
	return 0;
}

/*
 * Timeouts in phases: alive[j] is the probability that the attempt is in time and j phases are over. The phases race
 * with one service after the other.
 */
struct race {
	uint32_t phases;
	double *alive;
	double late;
};

/* Probability that the phases that are left are over before a service of @rate; nothing is changed. */
static double race_lost(const struct race *r, double rate, double phase_rate)
{
	double phase_first = phase_rate / (rate + phase_rate), lost = 0.0;

	for (uint32_t j = 0; j < r->phases; j++)
		lost = (lost + r->alive[j]) * phase_first;
	return lost;
}

static void race_step(struct race *r, double rate, double phase_rate)
{
	double phase_first = phase_rate / (rate + phase_rate), before = 0.0;

	r->late += race_lost(r, rate, phase_rate);
	for (uint32_t j = 0; j < r->phases; j++) {
		before = phase_first * before + rate / (rate + phase_rate) * r->alive[j];
		r->alive[j] = before;
	}
}

static int race_table(uint32_t threads, double rate_per_s, double timeout_s, uint32_t phases,
	uint32_t services, struct lateness *ret)
{
	double phase_rate = phases / timeout_s;
	struct race r = {.phases = phases, .alive = calloc(phases, sizeof(double))};
	double *own = calloc(phases, sizeof(*own));

	if (r.alive == NULL || own == NULL) {
		free(r.alive);
		free(own);
		return -ENOMEM;
	}
	r.alive[0] = 1.0;
	for (uint32_t k = 0; k < services; k++) {
		struct race last = {.phases = phases, .alive = own};

		for (uint32_t j = 0; j < phases; j++)
			own[j] = r.alive[j];
		race_step(&last, rate_per_s, phase_rate);
		ret[k].late = r.late + last.late;
		ret[k].timely = 0.0;
		for (uint32_t j = 0; j < phases; j++)
			ret[k].timely += own[j];
		race_step(&r, threads * rate_per_s, phase_rate);
	}
	free(r.alive);
	free(own);
	return 0;
}

/* By services before the own one: shape [@services]. */
static int services_table(uint32_t threads, double rate_per_s, enum ms_timeout_kind kind,
	double timeout_s, uint32_t phases, uint32_t services, struct lateness *ret)
{
	if (kind == MS_TIMEOUT_CONSTANT)
		return constant_table(threads, rate_per_s, timeout_s, services, ret);
	if (kind != MS_TIMEOUT_NONE)
		return race_table(threads, rate_per_s, timeout_s,
			kind == MS_TIMEOUT_ERLANG ? phases : 1, services, ret);
	for (uint32_t k = 0; k < services; k++)
		ret[k] = (struct lateness){0.0, 1.0};
	return 0;
}

int lateness_table(uint32_t threads, double rate_per_s, enum ms_timeout_kind kind, double timeout_s,
	uint32_t phases, uint32_t count, struct lateness *ret)
{
	uint32_t services = services_before(threads, count - 1) + 1;
	int r = services_table(threads, rate_per_s, kind, timeout_s, phases, services, ret);

	/* From behind, because the table by services lies in the same place and is no longer than the one by jobs. */
	for (uint32_t q = count; r == 0 && q-- > 0;)
		ret[q] = ret[services_before(threads, q)];
	return r;
}

int lateness_at(uint32_t threads, double rate_per_s, enum ms_timeout_kind kind, double timeout_s,
	uint32_t phases, uint32_t queue, struct lateness *ret)
{
	uint32_t services = services_before(threads, queue) + 1;
	struct lateness *table = malloc(services * sizeof(*table));
	int r;

	if (table == NULL)
		return -ENOMEM;
	r = services_table(threads, rate_per_s, kind, timeout_s, phases, services, table);
	if (r == 0)
		*ret = table[services - 1];
	free(table);
	return r;
}
