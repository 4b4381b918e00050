/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <gsl/gsl_sf_gamma.h>

#include "fluid_model.h"
#include "hotbed/error.h"

#define BACKOFF_RETRIES 30
/* An unlimited queue is cut far above all that can be of interest: jobs served within so many timeouts. */
#define UNLIMITED_TIMEOUTS 1000.0
#define UNLIMITED_JOBS 1e6

/* x below 1, 1 above, smoothly; exact to 1 / (4 x^4). */
static double saturate(double x)
{
	double square = x * x;

	return x > 0.0 ? x / sqrt(sqrt(1.0 + square * square)) : 0.0;
}

/* Weight of the @count most popular keys, a real. */
static double keys_weight(const struct ms_cache *k, double count)
{
	double s = k->zipf_exponent, sum = 0.0;
	uint32_t exact = count < 64.0 ? (uint32_t)count : 64;

	if (k->popularity == MS_UNIFORM_KEYS)
		return count;
	for (uint32_t i = 1; i <= exact; i++)
		sum += pow(i, -s);
	if (count <= 64.0)
		return sum + (count - exact) * pow(exact + 1.0, -s);
	/* The rest by the midpoint rule, whose error is below 1e-6 from here on. */
	if (fabs(s - 1.0) < 1e-9)
		return sum + log((count + 0.5) / 64.5);
	return sum + (pow(count + 0.5, 1.0 - s) - pow(64.5, 1.0 - s)) / (1.0 - s);
}

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

static void find_axes(struct ms_fluid *f, uint32_t c)
{
	static const char *const what[] = {"queue", "orbit", "backoff", "tokens", "warm"};
	const struct fluid_client *k = &f->client[c];
	bool rejects = f->server.on_full == MS_REJECT ||
		       ((f->server.shed_bound > 0 || f->server.shed_probability > 0.0) &&
			       f->server.on_shed == MS_REJECT);
	bool cancels =
		k->client.cancel != MS_CANCEL_NO && k->client.timeout_kind != MS_TIMEOUT_NONE;
	bool *has = f->has + MS_FLUID_PER_CLIENT * c;

	f->has[MS_FLUID_QUEUE] = true;
	has[MS_FLUID_ORBIT] = k->client.timeout_kind != MS_TIMEOUT_NONE && k->client.retries > 0 &&
			      k->client.retry_on_timeout;
	has[MS_FLUID_BACKOFF] = k->client.retries > 0 && k->backoff_s > 0.0 &&
				((rejects && k->client.retry_on_reject) || cancels);
	has[MS_FLUID_TOKENS] = k->client.bucket_capacity > 0.0;
	has[MS_FLUID_WARM] = k->cache.keys > 0;
	(void)snprintf(f->name[0], sizeof(f->name[0]), "%s", what[0]);
	for (uint32_t a = MS_FLUID_ORBIT; a <= MS_FLUID_WARM; a++)
		(void)snprintf(f->name[MS_FLUID_PER_CLIENT * c + a], sizeof(f->name[0]), "%s%s%s",
			f->clients > 1 ? k->client.name : "", f->clients > 1 ? "." : "", what[a]);
}

static void fill_client(
	const struct ms_model *model, const struct ms_client *client, struct fluid_client *ret)
{
	*ret = (struct fluid_client){.client = *client, .cache_index = client->cache};
	if (client->cache != MS_NONE)
		ret->cache = model->caches[client->cache];
	ret->rate_per_s = client->rate_per_s;
	ret->retries = client->retries;
	ret->timeout_s = client->timeout_kind != MS_TIMEOUT_NONE ? client->timeout_s : 0.0;
	ret->backoff_s = mean_backoff(client);
	if (isfinite(client->deadline_s) && ret->timeout_s + ret->backoff_s > 0.0)
		ret->retries = fmin(ret->retries,
			floor(client->deadline_s / (ret->timeout_s + ret->backoff_s)));
	if (ret->cache.keys > 0)
		ret->keys_all = keys_weight(&ret->cache, ret->cache.keys);
}

static void fill_fluid(const struct ms_model *model, struct ms_fluid *f)
{
	double timeout_s = 0.0;

	f->server = model->servers[0];
	f->service_s = f->server.service.mean_s;
	f->clients = model->client_count;
	f->trigger_count = model->trigger_count;
	for (uint32_t i = 0; i < model->trigger_count; i++)
		f->triggers[i] = model->triggers[i];
	for (uint32_t c = 0; c < f->clients; c++) {
		fill_client(model, &model->clients[c], &f->client[c]);
		timeout_s = fmax(timeout_s, f->client[c].timeout_s);
		find_axes(f, c);
	}
	f->capacity = f->server.queue_capacity;
	if (f->server.queue_capacity == 0)
		f->capacity = timeout_s > 0.0 ? UNLIMITED_TIMEOUTS * f->server.threads * timeout_s /
							f->service_s
					      : UNLIMITED_JOBS;
}

int ms_fluid_create(const struct ms_model *model, struct ms_fluid **ret, struct hb_error *reterr)
{
	struct ms_support support;
	struct ms_fluid *f;
	int r = ms_support_query(MS_LEVEL_FLUID, model, &support, reterr);

	if (r < 0)
		return r;
	if (model->client_count > MS_FLUID_CLIENTS_MAX)
		return hb_error_set(reterr, -EOPNOTSUPP,
			"the fluid level follows at most %d clients; the model has %u. Join those "
			"that are alike, or use the simulation",
			MS_FLUID_CLIENTS_MAX, model->client_count);
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for a fluid");
	fill_fluid(model, f);
	*ret = f;
	return 0;
}

void ms_fluid_destroy(struct ms_fluid *fluid)
{
	free(fluid);
}

bool ms_fluid_has(const struct ms_fluid *fluid, enum ms_fluid_axis axis)
{
	return fluid->has[axis];
}

const char *ms_fluid_axis_name(const struct ms_fluid *fluid, enum ms_fluid_axis axis)
{
	return fluid->name[axis];
}

double ms_fluid_sum(const struct ms_fluid *fluid, const double *at, enum ms_fluid_axis axis)
{
	double sum = 0.0;

	if (axis == MS_FLUID_QUEUE)
		return at[MS_FLUID_QUEUE];
	for (uint32_t c = 0; c < fluid->clients; c++)
		sum += at[fluid_axis_of(c, axis)];
	return sum;
}

double fluid_rate(const struct ms_fluid *f)
{
	double sum = 0.0;

	for (uint32_t c = 0; c < f->clients; c++)
		sum += f->client[c].rate_per_s;
	return sum;
}

const char *ms_fluid_parameter_name(enum ms_fluid_parameter parameter)
{
	static const char *const name[] = {"rho", "retries", "queue", "timeout_s"};

	return name[parameter];
}

const char *ms_fluid_kind_name(enum ms_fluid_kind kind)
{
	static const char *const name[] = {"node", "saddle", "focus"};

	return name[kind];
}

double ms_fluid_get(const struct ms_fluid *f, enum ms_fluid_parameter parameter)
{
	switch (parameter) {
	case MS_FLUID_RHO:
		return fluid_rate(f) * f->service_s / f->server.threads;
	case MS_FLUID_RETRIES:
		return f->client[0].retries;
	case MS_FLUID_CAPACITY:
		return f->capacity;
	default:
		return f->client[0].timeout_s;
	}
}

void ms_fluid_set(struct ms_fluid *f, enum ms_fluid_parameter parameter, double value)
{
	double factor;

	switch (parameter) {
	case MS_FLUID_RHO:
		factor = value * f->server.threads / f->service_s / fluid_rate(f);
		for (uint32_t c = 0; c < f->clients; c++)
			f->client[c].rate_per_s *= factor;
		break;
	case MS_FLUID_RETRIES:
		f->client[0].retries = value;
		break;
	case MS_FLUID_CAPACITY:
		f->capacity = value;
		break;
	default:
		f->client[0].timeout_s = value;
		break;
	}
}

static double service_time(const struct ms_fluid *f, double queue)
{
	return f->service_s * (1.0 + f->server.slowdown * fmax(queue - 1.0, 0.0));
}

/*
 * Constant timeout T, k services of all threads before the own one: P(the k last longer than T) plus, with several
 * threads, P(they do not, but the own one does) = e^(-mu T) (c / (c - 1))^k P(gamma(k) <= (c - 1) mu T).
 */
static double late_constant(double threads, double mu, double timeout_s, double before)
{
	double own = exp(-mu * timeout_s), x = (threads - 1.0) * mu * timeout_s;

	if (threads == 1.0)
		return gsl_sf_gamma_inc_Q(before + 1.0, mu * timeout_s);
	if (before < 1e-9)
		return own;
	return gsl_sf_gamma_inc_Q(before, threads * mu * timeout_s) +
	       exp(before * log(threads / (threads - 1.0)) - mu * timeout_s) *
		       gsl_sf_gamma_inc_P(before, x);
}

/* Timeout of @phases phases: as many may pass during the services before as leave one for the own service. */
static double timely_phases(
	double threads, double mu, double timeout_s, uint32_t phases, double before)
{
	double rate = phases / timeout_s, share = threads * mu / (threads * mu + rate);
	double weight = exp(before * log(share)), own = rate / (mu + rate), timely = 0.0;

	for (uint32_t j = 0; j < phases; j++) {
		timely += weight * -expm1((phases - j) * log(own));
		weight *= (before + j) / (j + 1.0) * (1.0 - share);
	}
	return timely;
}

static double late_share(const struct ms_fluid *f, const struct fluid_client *k, double queue)
{
	double threads = f->server.threads, before = fmax(queue + 1.0 - threads, 0.0);
	double mu = 1.0 / service_time(f, queue);

	if (!(k->timeout_s > 0.0))
		return 0.0;
	if (k->client.timeout_kind == MS_TIMEOUT_CONSTANT)
		return fmin(1.0, late_constant(threads, mu, k->timeout_s, before));
	return 1.0 -
	       timely_phases(threads, mu, k->timeout_s,
		       k->client.timeout_kind == MS_TIMEOUT_ERLANG ? k->client.timeout_phases : 1,
		       before);
}

double ms_fluid_late(const struct ms_fluid *f, double queue)
{
	return late_share(f, &f->client[0], queue);
}

/* Shares of the attempts that are shed, and let in. */
static double shed_share(const struct ms_fluid *f, double queue)
{
	const struct ms_server *s = &f->server;

	if (s->shed_bound > 0)
		return 1.0 - saturate(s->shed_bound - queue);
	if (s->shed_probability > 0.0)
		return s->shed_probability *
		       fmin(1.0, fmax(0.0, (queue - s->shed_from) /
						   ((double)s->shed_to - s->shed_from)));
	return 0.0;
}

/* @at: of the client, that is, with its axes where those of the first client lie. */
static double retry_share(const struct fluid_client *k, const double *at)
{
	double share = k->retries >= MS_RETRIES_UNLIMITED ? 1.0 : k->retries / (k->retries + 1.0);

	return k->client.bucket_capacity > 0.0 ? share * saturate(at[MS_FLUID_TOKENS]) : share;
}

static bool cancels(const struct fluid_client *k)
{
	return k->client.cancel != MS_CANCEL_NO && k->timeout_s > 0.0;
}

/* What client @c sends, and what becomes of it at the door. */
static void client_attempts(const struct ms_fluid *f, uint32_t c, const double *at,
	const double *orbit_out, double queue, struct fluid_client_flows *w)
{
	const struct fluid_client *k = &f->client[c];
	const bool *has = f->has + MS_FLUID_PER_CLIENT * c;
	double shed = shed_share(f, queue), room = saturate(f->capacity - queue), attempts;

	if (has[MS_FLUID_ORBIT])
		w->leaves_orbit = orbit_out != NULL
					  ? orbit_out[c]
					  : at[MS_FLUID_ORBIT] / (k->timeout_s + k->backoff_s);
	if (has[MS_FLUID_BACKOFF])
		w->leaves_backoff = at[MS_FLUID_BACKOFF] / k->backoff_s;
	w->fresh = k->rate_per_s;
	if (has[MS_FLUID_WARM])
		w->fresh *=
			1.0 - keys_weight(&k->cache, fmax(at[MS_FLUID_WARM], 0.0)) / k->keys_all;
	w->retried = (w->leaves_orbit + w->leaves_backoff) * retry_share(k, at);
	attempts = w->fresh + w->retried;
	w->admitted = attempts * (1.0 - shed) * room;
	*(f->server.on_shed == MS_DROP ? &w->dropped : &w->rejected) += attempts * shed;
	*(f->server.on_full == MS_DROP ? &w->dropped : &w->rejected) +=
		attempts * (1.0 - shed) * (1.0 - room);
}

struct fluid_flows fluid_flows(const struct ms_fluid *f, const double *at, const double *orbit_out)
{
	struct fluid_flows w = {0};
	double queue = fmax(at[MS_FLUID_QUEUE], 0.0), threads = f->server.threads;

	for (uint32_t c = 0; c < f->clients; c++) {
		client_attempts(f, c, at + MS_FLUID_PER_CLIENT * c, orbit_out, queue, &w.client[c]);
		w.admitted += w.client[c].admitted;
	}
	w.served = threads * saturate(queue / threads) / service_time(f, queue);
	for (uint32_t c = 0; c < f->clients; c++) {
		const struct fluid_client *k = &f->client[c];
		struct fluid_client_flows *own = &w.client[c];
		double share = f->clients == 1    ? 1.0
			       : w.admitted > 0.0 ? own->admitted / w.admitted
						  : 0.0;
		double jobs =
			k->client.cancel == MS_CANCEL_ALWAYS ? queue : fmax(queue - threads, 0.0);

		own->served = share * w.served;
		if (cancels(k))
			own->reneged = share * jobs / k->timeout_s;
		else
			own->late = own->admitted * late_share(f, k, queue);
		w.reneged += own->reneged;
	}
	return w;
}

/* Axes of client @c; @at and @ret_per_s with them where those of the first lie. Returns what leaves the queue. */
static double client_change(const struct ms_fluid *f, uint32_t c, const double *at,
	const struct fluid_client_flows *w, double *ret_per_s)
{
	const struct fluid_client *k = &f->client[c];
	const bool *has = f->has + MS_FLUID_PER_CLIENT * c;
	double success = cancels(k) ? w->served : w->admitted - w->late, reneged = w->reneged, full;

	if (has[MS_FLUID_BACKOFF]) {
		ret_per_s[MS_FLUID_BACKOFF] = (k->client.retry_on_reject ? w->rejected : 0.0) +
					      (k->client.retry_on_timeout ? w->reneged : 0.0) -
					      w->leaves_backoff;
	} else if (cancels(k) && k->client.retry_on_timeout) {
		/* Those that try again at once take the places that they leave. */
		reneged *= 1.0 - retry_share(k, at);
	}
	if (has[MS_FLUID_ORBIT])
		ret_per_s[MS_FLUID_ORBIT] = w->late + w->dropped - w->leaves_orbit;
	if (has[MS_FLUID_TOKENS]) {
		full = k->client.bucket_capacity - at[MS_FLUID_TOKENS];
		ret_per_s[MS_FLUID_TOKENS] = k->client.bucket_fill * success * saturate(full) -
					     w->retried - (w->reneged - reneged);
	}
	if (has[MS_FLUID_WARM]) {
		full = k->cache.size - at[MS_FLUID_WARM];
		ret_per_s[MS_FLUID_WARM] =
			(k->cache.fill == MS_FILL_ALWAYS ? w->admitted : success) * saturate(full);
		if (isfinite(k->cache.ttl_s))
			ret_per_s[MS_FLUID_WARM] -= at[MS_FLUID_WARM] / k->cache.ttl_s;
	}
	return reneged;
}

void fluid_change(
	const struct ms_fluid *f, const double *at, const struct fluid_flows *w, double *ret_per_s)
{
	double reneged = 0.0;

	for (uint32_t a = 0; a < MS_FLUID_AXES; a++)
		ret_per_s[a] = 0.0;
	for (uint32_t c = 0; c < f->clients; c++)
		reneged += client_change(f, c, at + MS_FLUID_PER_CLIENT * c, &w->client[c],
			ret_per_s + MS_FLUID_PER_CLIENT * c);
	ret_per_s[MS_FLUID_QUEUE] = w->admitted - w->served - reneged;
}

void ms_fluid_drift(const struct ms_fluid *fluid, const double *at, double *ret_per_s)
{
	struct fluid_flows flows = fluid_flows(fluid, at, NULL);

	fluid_change(fluid, at, &flows, ret_per_s);
}
