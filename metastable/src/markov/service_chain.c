/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/error.h"
#include "service_chain.h"

/* Of an unlimited queue, in what is served within a timeout; support.c names it. */
#define UNLIMITED_TIMEOUTS 20.0
/* Without a timeout an unlimited queue is cut where M/M/c at its load has 1e-17 left, or here. */
#define UNLIMITED_JOBS 1000
/* Warm keys are counted in at most so many levels. */
#define CACHE_LEVELS 24
/* Retries over which a backoff is averaged at most. */
#define BACKOFF_RETRIES 30

static bool calls_out(const struct ms_client *c)
{
	return c->from_server != MS_NONE;
}

/* Mean over all retries that the client may make. */
static double mean_backoff(const struct ms_client *c)
{
	uint32_t retries = c->retries < BACKOFF_RETRIES ? c->retries : BACKOFF_RETRIES;
	double sum = 0.0, next = c->backoff_s;

	if (c->backoff == MS_IMMEDIATE || retries == 0)
		return 0.0;
	for (uint32_t k = 0; k < retries; k++) {
		sum += fmin(next, c->backoff_max_s);
		if (c->backoff == MS_BACKOFF_EXPONENTIAL)
			next *= c->backoff_factor;
	}
	return sum / retries *
	       (c->jitter == MS_JITTER_FULL           ? 0.5
		       : c->jitter == MS_JITTER_EQUAL ? 0.75
						      : 1.0);
}

/* r / (r + 1), with the retries that begin before the deadline on average. */
static double retry_share(const struct ms_client *c, double backoff_s)
{
	double retries = c->retries, wait_s = backoff_s;

	if (c->timeout_kind != MS_TIMEOUT_NONE)
		wait_s += c->timeout_s;
	if (isfinite(c->deadline_s) && wait_s > 0.0)
		retries = fmin(retries, floor(c->deadline_s / wait_s));
	else if (c->retries == MS_RETRIES_UNLIMITED)
		return 1.0;
	return retries / (retries + 1.0);
}

static int32_t queue_capacity(const struct ms_server *s, const struct ms_client *c)
{
	double per_s = s->threads / s->service.mean_s, rho = c->rate_per_s / per_s;

	if (s->queue_capacity > 0)
		return (int32_t)s->queue_capacity;
	if (c->timeout_kind != MS_TIMEOUT_NONE)
		return (int32_t)fmin(
			MS_QUEUE_MAX, s->threads + ceil(UNLIMITED_TIMEOUTS * per_s * c->timeout_s));
	if (rho > 0.0 && rho < 0.95)
		return (int32_t)(s->threads + ceil(-40.0 / log(rho)));
	return (int32_t)s->threads + UNLIMITED_JOBS;
}

/* Probabilities of being let in, lost in silence and rejected, with @queue jobs present. */
static void admission(const struct station *t, int32_t queue)
{
	const struct ms_server *s = t->server;
	double shed = 0.0;

	if (s->shed_bound > 0 && queue >= (int32_t)s->shed_bound)
		shed = 1.0;
	else if (s->shed_probability > 0.0 && queue >= (int32_t)s->shed_to)
		shed = s->shed_probability;
	else if (s->shed_probability > 0.0 && queue > (int32_t)s->shed_from)
		shed = s->shed_probability * (queue - (double)s->shed_from) /
		       ((double)s->shed_to - s->shed_from);
	t->drop[queue] = s->on_shed == MS_DROP ? shed : 0.0;
	t->admit[queue] = 1.0 - shed;
	if (queue >= t->capacity) {
		t->drop[queue] += s->on_full == MS_DROP ? t->admit[queue] : 0.0;
		t->admit[queue] = 0.0;
	}
}

static int fill_lateness(const struct station *t, struct hb_error *reterr)
{
	const struct ms_client *c = t->client;
	uint32_t jobs = (uint32_t)t->capacity + 1;
	int r = 0;

	if (t->server->slowdown == 0.0) {
		r = lateness_table(t->server->threads, t->service_per_s[1], c->timeout_kind,
			c->timeout_s, c->timeout_phases, jobs, t->lateness);
	} else {
		for (uint32_t q = 0; q < jobs && r == 0; q++)
			r = lateness_at(t->server->threads, t->service_per_s[q > 0 ? q : 1],
				c->timeout_kind, c->timeout_s, c->timeout_phases, q,
				&t->lateness[q]);
	}
	if (r == -ERANGE)
		return hb_error_set(reterr, r,
			"server %s serves more than 5e7 jobs within the timeout of %s: too many to "
			"count "
			"one by one. Scale the model down, or use the fluid level",
			t->server->name, c->name);
	return r < 0 ? hb_error_set(reterr, r, "out of memory for %u jobs", jobs) : 0;
}

static int fill_tables(struct station *t, struct hb_error *reterr)
{
	size_t jobs = (size_t)t->capacity + 1;

	t->service_per_s = calloc(jobs + 1, sizeof(double));
	t->admit = calloc(jobs, sizeof(double));
	t->drop = calloc(jobs, sizeof(double));
	t->lateness = calloc(jobs, sizeof(*t->lateness));
	if (t->call_count > 0)
		t->met = calloc(LATENESS_MET, sizeof(*t->met));
	if (t->service_per_s == NULL || t->admit == NULL || t->drop == NULL ||
		t->lateness == NULL || (t->call_count > 0 && t->met == NULL))
		return hb_error_set(
			reterr, -ENOMEM, "out of memory for a queue of %d jobs", t->capacity);
	for (int32_t q = 0; q <= t->capacity; q++) {
		t->service_per_s[q] = 1.0 / (t->server->service.mean_s *
						    (1.0 + t->server->slowdown * fmax(q - 1, 0)));
		admission(t, q);
	}
	return fill_lateness(t, reterr);
}

static int add_axis(struct service_chain *chain, const struct station *t, const char *what,
	double last, int *ret, struct hb_error *reterr)
{
	uint32_t a = chain->rules.axes;

	if (a == MS_AXES_MAX)
		return hb_error_set(reterr, -EOPNOTSUPP,
			"the chain of this model needs more than %d counters (at the %s of %s); "
			"leave out a "
			"server or a protection, or use the simulation",
			MS_AXES_MAX, what, t->server->name);
	chain->rules.last[a] = (int32_t)fmin(ceil(last), 2e9);
	(void)snprintf(
		chain->axis_name[a], sizeof(chain->axis_name[a]), "%s.%s", t->server->name, what);
	chain->rules.axes++;
	*ret = (int)a;
	return 0;
}

/* Where a Poisson number of that mean practically never is. */
static double beyond(double mean)
{
	return mean + 10.0 * sqrt(mean) + 12.0;
}

/* Requests in the orbit when every attempt fails: the arrivals of one wait, times the attempts of each. */
static double orbit_mean(const struct station *t, const struct service_chain_options *options)
{
	const struct ms_client *c = t->client;
	double factor = options->rate_factor > 0.0 ? options->rate_factor : 1.0;
	double wait_s = c->timeout_s + t->backoff_s, first = factor * t->arrivals_per_s * wait_s;
	double attempts = t->retry_share < 1.0 ? 1.0 / (1.0 - t->retry_share) : 10.0;

	if (c->bucket_capacity > 0.0)
		attempts = fmin(attempts, 1.0 + c->bucket_fill);
	return first * attempts + (c->bucket_capacity > 0.0 ? c->bucket_capacity : 0.0);
}

static int add_orbit(struct service_chain *chain, struct station *t,
	const struct service_chain_options *options, struct hb_error *reterr)
{
	const struct ms_client *c = t->client;
	int phases = options->orbit_phases > 1 ? (int)options->orbit_phases : 1, axis = NO_AXIS,
	    r = 0;
	double last;

	if (c->timeout_kind == MS_TIMEOUT_NONE || !c->retry_on_timeout || t->retry_share == 0.0)
		return 0;
	t->orbit_phases = phases;
	t->phase_per_s = phases / (c->timeout_s + t->backoff_s);
	if (calls_out(c))
		last = chain->station[c->from_server].server->threads;
	else if (options->orbit_bound > 0)
		last = options->orbit_bound;
	else
		last = beyond(orbit_mean(t, options) / phases);
	for (int p = 0; p < phases && r == 0; p++) {
		char name[24] = "orbit";

		if (phases > 1)
			(void)snprintf(name, sizeof(name), "orbit%d", p + 1);
		r = add_axis(chain, t, name, last, &axis, reterr);
		if (p == 0)
			t->orbit_axis = axis;
	}
	return r;
}

/* Does anything get rejected, or leave its queue for a backoff? */
static bool backs_off(const struct station *t)
{
	bool rejects = t->server->on_full == MS_REJECT || t->call_count > 0 ||
		       ((t->server->shed_bound > 0 || t->server->shed_probability > 0.0) &&
			       t->server->on_shed == MS_REJECT);

	if (t->backoff_s == 0.0 || t->retry_share == 0.0)
		return false;
	return (rejects && t->client->retry_on_reject) || t->renege_per_s > 0.0;
}

static int add_cache(struct service_chain *chain, struct station *t, struct hb_error *reterr)
{
	const struct ms_cache *k = t->cache;
	uint32_t levels, key = 0;
	double all = 0.0, warm = 0.0;
	int r;

	if (k == NULL)
		return 0;
	levels = k->size < CACHE_LEVELS ? k->size : CACHE_LEVELS;
	t->keys_per_level = (double)k->size / levels;
	t->hit = calloc((size_t)levels + 1, sizeof(double));
	if (t->hit == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for a cache");
	r = add_axis(chain, t, "warm", levels, &t->warm_axis, reterr);
	if (r < 0)
		return r;
	for (uint32_t level = 0; level <= levels; level++) {
		for (; key < (uint32_t)lrint(level * t->keys_per_level); key++)
			warm += k->popularity == MS_ZIPF_KEYS ? pow(key + 1.0, -k->zipf_exponent)
							      : 1.0;
		t->hit[level] = warm;
	}
	all = warm;
	for (; key < k->keys; key++)
		all += k->popularity == MS_ZIPF_KEYS ? pow(key + 1.0, -k->zipf_exponent) : 1.0;
	for (uint32_t level = 0; level <= levels; level++)
		t->hit[level] /= all;
	chain->rules.start[t->warm_axis] = k->warm ? (int32_t)levels : 0;
	return 0;
}

static int add_axes(struct service_chain *chain, struct station *t,
	const struct service_chain_options *options, struct hb_error *reterr)
{
	double factor = options->rate_factor > 0.0 ? options->rate_factor : 1.0, mean;
	int r = add_axis(chain, t, "queue", t->capacity, &t->queue_axis, reterr);

	if (r == 0)
		r = add_orbit(chain, t, options, reterr);
	if (r == 0 && backs_off(t)) {
		mean = factor * t->arrivals_per_s * t->backoff_s /
		       (t->retry_share < 1.0 ? 1.0 - t->retry_share : 0.1);
		if (calls_out(t->client))
			mean = 0.0;
		r = add_axis(chain, t, "backoff",
			options->orbit_bound > 0 ? options->orbit_bound : beyond(mean),
			&t->backoff_axis, reterr);
	}
	if (r == 0 && t->client->bucket_capacity > 0.0) {
		r = add_axis(chain, t, "tokens", floor(t->client->bucket_capacity), &t->token_axis,
			reterr);
		if (r == 0)
			chain->rules.start[t->token_axis] = chain->rules.last[t->token_axis];
	}
	return r == 0 ? add_cache(chain, t, reterr) : r;
}

static void fill_station(const struct ms_model *model, const struct ms_server *server,
	const struct ms_client *client, struct station *t)
{
	*t = (struct station){.server = server,
		.client = client,
		.orbit_axis = NO_AXIS,
		.backoff_axis = NO_AXIS,
		.token_axis = NO_AXIS,
		.warm_axis = NO_AXIS};
	t->cache = client->cache != MS_NONE ? &model->caches[client->cache] : NULL;
	t->capacity = queue_capacity(server, client);
	t->arrivals_per_s = calls_out(client) ? 0.0 : client->rate_per_s;
	t->backoff_s = mean_backoff(client);
	t->retry_share = retry_share(client, t->backoff_s);
	if (client->cancel != MS_CANCEL_NO && client->timeout_kind != MS_TIMEOUT_NONE)
		t->renege_per_s = 1.0 / client->timeout_s;
	t->renege_in_service = client->cancel == MS_CANCEL_ALWAYS;
}

/* Every server with the one client that it has; calls go to those that are called. */
static int find_stations(
	const struct ms_model *model, struct service_chain *chain, struct hb_error *reterr)
{
	chain->station_count = model->server_count;
	for (uint32_t i = 0; i < model->server_count; i++) {
		const struct ms_client *client = NULL;

		for (uint32_t c = 0; c < model->client_count; c++) {
			if (model->clients[c].to_server == (int)i)
				client = &model->clients[c];
		}
		if (client == NULL)
			return hb_error_set(reterr, -EOPNOTSUPP,
				"no client sends to server %s; leave it out",
				model->servers[i].name);
		fill_station(model, &model->servers[i], client, &chain->station[i]);
	}
	for (uint32_t c = 0; c < model->client_count; c++) {
		const struct ms_client *client = &model->clients[c];
		struct station *from;

		if (!calls_out(client))
			continue;
		from = &chain->station[client->from_server];
		if (from->call_count == STATION_CALLS_MAX)
			return hb_error_set(reterr, -EOPNOTSUPP,
				"server %s makes more than %d calls; use the simulation",
				from->server->name, STATION_CALLS_MAX);
		from->calls[from->call_count].station = (uint32_t)client->to_server;
		from->calls[from->call_count++].probability = client->call_probability;
	}
	return 0;
}

int service_chain_create(const struct ms_model *model, const struct service_chain_options *options,
	struct service_chain **ret, struct hb_error *reterr)
{
	struct service_chain *chain = calloc(1, sizeof(*chain));
	struct ms_support support;
	int r;

	if (chain == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for a chain");
	r = ms_support_query(MS_LEVEL_MARKOV, model, &support, reterr);
	if (r == 0)
		r = find_stations(model, chain, reterr);
	for (uint32_t i = 0; i < chain->station_count && r == 0; i++) {
		r = add_axes(chain, &chain->station[i], options, reterr);
		if (r == 0)
			r = fill_tables(&chain->station[i], reterr);
	}
	if (r < 0) {
		service_chain_destroy(chain);
		return r;
	}
	chain->rules.context = chain;
	chain->rules.moves = service_chain_moves;
	*ret = chain;
	return 0;
}

void service_chain_destroy(struct service_chain *chain)
{
	if (chain == NULL)
		return;
	for (uint32_t i = 0; i < chain->station_count; i++) {
		free(chain->station[i].service_per_s);
		free(chain->station[i].admit);
		free(chain->station[i].drop);
		free(chain->station[i].lateness);
		free(chain->station[i].met);
		free(chain->station[i].hit);
	}
	free(chain);
}
