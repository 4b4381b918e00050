/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/error.h"
#include "metastable/ctmc.h"
#include "metastable/model.h"
#include "service_chain.h"

/* Of each piece's transient; the products that one may take. */
#define PIECE_ERROR 1e-9
#define STEPS_MAX 2e7

/* A law on the points of a grid, whichever of them a chain reaches. */
struct passage {
	const struct ms_model *model;
	const struct ms_ctmc_options *options;
	struct ms_ctmc_chain *chain; /* of the piece at hand */
	double *law;                 /* shape [states] of it */
	double error;
	uint64_t steps;
};

static int no_memory(uint32_t states, struct hb_error *reterr)
{
	return hb_error_set(reterr, -ENOMEM, "out of memory for %u states", states);
}

/* Between two moments at which nothing begins or ends, the first says it all. */
static bool lasts(const struct ms_trigger *t, double from_s)
{
	return t->at_s <= from_s && t->at_s + t->duration_s > from_s;
}

/* The model as it is from @from_s to the next moment at which something begins or ends. */
static void apply(const struct ms_model *model, double from_s, struct ms_model *ret)
{
	*ret = *model;
	for (uint32_t i = 0; i < model->trigger_count; i++) {
		const struct ms_trigger *t = &model->triggers[i];

		if (!lasts(t, from_s))
			continue;
		if (t->kind == MS_TRIGGER_RATE)
			ret->clients[t->target].rate_per_s = t->value;
		else if (t->kind == MS_TRIGGER_CAPACITY)
			ret->servers[t->target].service.mean_s /= t->value;
		else if (t->kind == MS_TRIGGER_LATENCY)
			ret->servers[t->target].service.mean_s += t->value;
	}
}

/* The next moment after @now_s at which something begins or ends; @end_s at the latest. */
static double next_edge(const struct ms_model *model, double now_s, double end_s)
{
	double next = end_s;

	for (uint32_t i = 0; i < model->trigger_count; i++) {
		const struct ms_trigger *t = &model->triggers[i];

		if (t->at_s > now_s)
			next = fmin(next, t->at_s);
		if (t->at_s + t->duration_s > now_s)
			next = fmin(next, t->at_s + t->duration_s);
	}
	return next;
}

/* How many times the load of the file the heaviest trigger brings: the orbit is made for that. */
static double heaviest(const struct ms_model *model)
{
	double factor = 1.0;

	for (uint32_t i = 0; i < model->trigger_count; i++) {
		const struct ms_trigger *t = &model->triggers[i];

		if (t->kind == MS_TRIGGER_RATE)
			factor = fmax(factor, t->value / model->clients[t->target].rate_per_s);
	}
	return factor;
}

/* The chain of @model on the bounds of @before, or on its own if that is NULL. */
static int piece_chain(const struct passage *p, const struct ms_model *model,
	struct ms_ctmc_chain **ret, struct hb_error *reterr)
{
	struct ms_ctmc_options options = *p->options;

	options.rate_factor = 1.0;
	for (uint32_t c = 0; c < model->client_count; c++) {
		const struct ms_client *now = &model->clients[c], *base = &p->model->clients[c];

		/* The bound follows rate x factor, which comes out the same for all pieces. */
		if (base->from_server == MS_NONE && now->rate_per_s > 0.0)
			options.rate_factor = fmax(options.rate_factor,
				heaviest(p->model) * base->rate_per_s / now->rate_per_s);
	}
	return ms_ctmc_chain_create(model, &options, ret, reterr);
}

/* Put the law on the states of @next; what has no state there is an error of the law. */
static int move_over(struct passage *p, struct ms_ctmc_chain *next, struct hb_error *reterr)
{
	const struct ms_generator *from = &p->chain->generator, *to = &next->generator;
	double *law = calloc(to->states, sizeof(*law)), sum = 0.0;

	if (law == NULL)
		return no_memory(to->states, reterr);
	for (uint32_t i = 0; i < from->states; i++) {
		uint32_t state = ms_generator_find(to, from->at + (size_t)i * from->axes);

		if (state != UINT32_MAX)
			law[state] += p->law[i];
	}
	for (uint32_t i = 0; i < to->states; i++)
		sum += law[i];
	p->error += fabs(1.0 - sum);
	for (uint32_t i = 0; i < to->states; i++)
		law[i] /= sum;
	free(p->law);
	p->law = law;
	ms_ctmc_chain_destroy(p->chain);
	p->chain = next;
	return 0;
}

/* Caches that are emptied at @now_s: no warm level is left. */
static int flush(struct passage *p, double now_s, struct hb_error *reterr)
{
	const struct ms_generator *g = &p->chain->generator;

	for (uint32_t i = 0; i < p->model->trigger_count; i++) {
		const struct ms_trigger *t = &p->model->triggers[i];
		int axis = NO_AXIS;

		if (t->kind != MS_TRIGGER_FLUSH || t->at_s != now_s)
			continue;
		for (uint32_t s = 0; s < p->chain->service->station_count; s++) {
			if (p->chain->service->station[s].server -
					p->chain->service->station[0].server ==
				p->model->caches[t->target].server)
				axis = p->chain->service->station[s].warm_axis;
		}
		for (uint32_t j = 0; axis != NO_AXIS && j < g->states; j++) {
			int32_t at[MS_AXES_MAX];
			uint32_t cold;

			memcpy(at, g->at + (size_t)j * g->axes, g->axes * sizeof(at[0]));
			if (at[axis] == 0 || p->law[j] == 0.0)
				continue;
			at[axis] = 0;
			cold = ms_generator_find(g, at);
			if (cold == UINT32_MAX)
				return hb_error_set(reterr, -EOPNOTSUPP,
					"the chain has no states with an empty cache");
			p->law[cold] += p->law[j];
			p->law[j] = 0.0;
		}
	}
	return 0;
}

/* One piece: the model as it is from @from_s to @to_s. */
static int pass(struct passage *p, double from_s, double to_s, struct hb_error *reterr)
{
	struct ms_ctmc_chain *next = NULL;
	struct ms_model model;
	uint64_t steps = 0;
	int r;

	apply(p->model, from_s, &model);
	r = piece_chain(p, &model, &next, reterr);
	if (r < 0)
		return r;
	if (p->chain == NULL) {
		p->chain = next;
		p->law = calloc(next->generator.states, sizeof(*p->law));
		if (p->law == NULL)
			return no_memory(next->generator.states, reterr);
		p->law[ms_generator_find(&next->generator, next->service->rules.start)] = 1.0;
	} else {
		r = move_over(p, next, reterr);
		if (r < 0) {
			ms_ctmc_chain_destroy(next);
			return r;
		}
	}
	r = flush(p, from_s, reterr);
	if (r == 0 && to_s > from_s) {
		r = ms_transient(&p->chain->generator, p->law, to_s - from_s, PIECE_ERROR,
			STEPS_MAX, p->law, &steps, reterr);
		p->error += PIECE_ERROR;
	}
	p->steps += steps;
	return r;
}

/* From the end of the last trigger on: what does not enter low until the horizon. */
static int survive(struct passage *p, struct ms_ctmc_trigger *ret, struct hb_error *reterr)
{
	const struct ms_generator *g = &p->chain->generator;
	uint8_t *keep = malloc(g->states);
	uint32_t *number = malloc(g->states * sizeof(*number));
	double *law = calloc(g->states, sizeof(*law)), outside = 0.0;
	struct ms_generator part = {0};
	uint64_t steps = 0;
	int r = 0;

	if (keep == NULL || number == NULL || law == NULL)
		r = no_memory(g->states, reterr);
	for (uint32_t i = 0; r == 0 && i < g->states; i++)
		keep[i] = p->chain->low[i] == 0;
	if (r == 0)
		r = ms_generator_restrict(g, keep, &part, number, reterr);
	for (uint32_t i = 0; r == 0 && i < g->states; i++) {
		if (number[i] == UINT32_MAX)
			continue;
		law[number[i]] = p->law[i];
		outside += p->law[i];
	}
	ret->p_stuck = 0.0;
	if (r == 0 && outside > 0.0) {
		for (uint32_t i = 0; i < part.states; i++)
			law[i] /= outside;
		r = ms_transient(&part, law, p->model->horizon_s, PIECE_ERROR, STEPS_MAX, law,
			&steps, reterr);
		for (uint32_t i = 0; r == 0 && i < part.states; i++)
			ret->p_stuck += outside * law[i];
		p->error += PIECE_ERROR;
		p->steps += steps;
	}
	ms_generator_finish(&part);
	free(keep);
	free(number);
	free(law);
	return r;
}

static void describe(const struct passage *p, struct ms_ctmc_trigger *ret)
{
	const struct ms_generator *g = &p->chain->generator;

	for (uint32_t i = 0; i < g->states; i++) {
		const int32_t *at = g->at + (size_t)i * g->axes;

		ret->mean_queue += p->law[i] * at[p->chain->queue_axis];
		for (int k = 0; k < p->chain->orbit_phases; k++)
			ret->mean_orbit += p->law[i] * at[p->chain->orbit_axis + k];
		ret->p_low += p->chain->low[i] != 0 ? p->law[i] : 0.0;
		ret->p_high += p->chain->high[i] != 0 ? p->law[i] : 0.0;
	}
	ret->states = g->states;
}

int ms_ctmc_trigger(const struct ms_model *model, const struct ms_ctmc_options *options,
	struct ms_ctmc_trigger *ret, struct hb_error *reterr)
{
	struct passage p = {.model = model, .options = options};
	struct ms_ctmc_trigger result = {0};
	double now_s = 0.0, end_s = ms_model_trigger_end_s(model);
	int r = 0;

	if (model->trigger_count == 0)
		return hb_error_set(reterr, -EINVAL,
			"the model has no trigger; write one, as in 'trigger { at 60s for 30s rate "
			"c 15/s; }'");
	while (r == 0 && now_s < end_s) {
		double next_s = next_edge(model, now_s, end_s);

		r = pass(&p, now_s, next_s, reterr);
		now_s = next_s;
	}
	/* The model as it is afterwards, with caches that are emptied at the very end. */
	if (r == 0)
		r = pass(&p, end_s, end_s, reterr);
	if (r == 0) {
		describe(&p, &result);
		r = survive(&p, &result, reterr);
	}
	if (r == 0) {
		result.error = p.error;
		result.steps = p.steps;
		*ret = result;
	}
	free(p.law);
	ms_ctmc_chain_destroy(p.chain);
	return r;
}
