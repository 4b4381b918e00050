/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
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

static void find_axes(struct ms_fluid *f)
{
	const struct ms_client *c = &f->client;
	bool rejects = f->server.on_full == MS_REJECT ||
		       ((f->server.shed_bound > 0 || f->server.shed_probability > 0.0) &&
			       f->server.on_shed == MS_REJECT);
	bool cancels = c->cancel != MS_CANCEL_NO && c->timeout_kind != MS_TIMEOUT_NONE;

	f->has[MS_FLUID_QUEUE] = true;
	f->has[MS_FLUID_ORBIT] =
		c->timeout_kind != MS_TIMEOUT_NONE && c->retries > 0 && c->retry_on_timeout;
	f->has[MS_FLUID_BACKOFF] = c->retries > 0 && f->backoff_s > 0.0 &&
				   ((rejects && c->retry_on_reject) || cancels);
	f->has[MS_FLUID_TOKENS] = c->bucket_capacity > 0.0;
	f->has[MS_FLUID_WARM] = f->cache.keys > 0;
}

int ms_fluid_create(const struct ms_model *model, struct ms_fluid **ret, struct hb_error *reterr)
{
	struct ms_support support;
	struct ms_fluid *f;
	int r = ms_support_query(MS_LEVEL_FLUID, model, &support, reterr);

	if (r < 0)
		return r;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for a fluid");
	f->server = model->servers[0];
	f->client = model->clients[0];
	if (f->client.cache != MS_NONE)
		f->cache = model->caches[f->client.cache];
	f->trigger_count = model->trigger_count;
	for (uint32_t i = 0; i < model->trigger_count; i++)
		f->triggers[i] = model->triggers[i];
	f->rate_per_s = f->client.rate_per_s;
	f->retries = f->client.retries;
	f->timeout_s = f->client.timeout_kind != MS_TIMEOUT_NONE ? f->client.timeout_s : 0.0;
	f->backoff_s = mean_backoff(&f->client);
	f->service_s = f->server.service.mean_s;
	f->capacity = f->server.queue_capacity;
	if (f->server.queue_capacity == 0)
		f->capacity = f->timeout_s > 0.0 ? UNLIMITED_TIMEOUTS * f->server.threads *
							   f->timeout_s / f->service_s
						 : UNLIMITED_JOBS;
	if (isfinite(f->client.deadline_s) && f->timeout_s + f->backoff_s > 0.0)
		f->retries = fmin(
			f->retries, floor(f->client.deadline_s / (f->timeout_s + f->backoff_s)));
	if (f->cache.keys > 0)
		f->keys_all = keys_weight(&f->cache, f->cache.keys);
	find_axes(f);
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

const char *ms_fluid_axis_name(enum ms_fluid_axis axis)
{
	static const char *const name[] = {"queue", "orbit", "backoff", "tokens", "warm"};

	return name[axis];
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
		return f->rate_per_s * f->service_s / f->server.threads;
	case MS_FLUID_RETRIES:
		return f->retries;
	case MS_FLUID_CAPACITY:
		return f->capacity;
	default:
		return f->timeout_s;
	}
}

void ms_fluid_set(struct ms_fluid *f, enum ms_fluid_parameter parameter, double value)
{
	switch (parameter) {
	case MS_FLUID_RHO:
		f->rate_per_s = value * f->server.threads / f->service_s;
		break;
	case MS_FLUID_RETRIES:
		f->retries = value;
		break;
	case MS_FLUID_CAPACITY:
		f->capacity = value;
		break;
	default:
		f->timeout_s = value;
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

double ms_fluid_late(const struct ms_fluid *f, double queue)
{
	double threads = f->server.threads, before = fmax(queue + 1.0 - threads, 0.0);
	double mu = 1.0 / service_time(f, queue);

	if (!(f->timeout_s > 0.0))
		return 0.0;
	if (f->client.timeout_kind == MS_TIMEOUT_CONSTANT)
		return fmin(1.0, late_constant(threads, mu, f->timeout_s, before));
	return 1.0 -
	       timely_phases(threads, mu, f->timeout_s,
		       f->client.timeout_kind == MS_TIMEOUT_ERLANG ? f->client.timeout_phases : 1,
		       before);
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

static double retry_share(const struct ms_fluid *f, const double *at)
{
	double share = f->retries >= MS_RETRIES_UNLIMITED ? 1.0 : f->retries / (f->retries + 1.0);

	return f->has[MS_FLUID_TOKENS] ? share * saturate(at[MS_FLUID_TOKENS]) : share;
}

struct fluid_flows fluid_flows(const struct ms_fluid *f, const double *at, double orbit_out)
{
	struct fluid_flows w = {0};
	double queue = fmax(at[MS_FLUID_QUEUE], 0.0), threads = f->server.threads;
	double shed = shed_share(f, queue), room = saturate(f->capacity - queue), attempts, jobs;
	double late = ms_fluid_late(f, queue);

	if (f->has[MS_FLUID_ORBIT])
		w.leaves_orbit = orbit_out >= 0.0
					 ? orbit_out
					 : at[MS_FLUID_ORBIT] / (f->timeout_s + f->backoff_s);
	if (f->has[MS_FLUID_BACKOFF])
		w.leaves_backoff = at[MS_FLUID_BACKOFF] / f->backoff_s;
	w.fresh = f->rate_per_s;
	if (f->has[MS_FLUID_WARM])
		w.fresh *= 1.0 - keys_weight(&f->cache, fmax(at[MS_FLUID_WARM], 0.0)) / f->keys_all;
	w.retried = (w.leaves_orbit + w.leaves_backoff) * retry_share(f, at);
	attempts = w.fresh + w.retried;
	w.admitted = attempts * (1.0 - shed) * room;
	*(f->server.on_shed == MS_DROP ? &w.dropped : &w.rejected) += attempts * shed;
	*(f->server.on_full == MS_DROP ? &w.dropped : &w.rejected) +=
		attempts * (1.0 - shed) * (1.0 - room);
	w.served = threads * saturate(queue / threads) / service_time(f, queue);
	if (f->client.cancel != MS_CANCEL_NO && f->timeout_s > 0.0) {
		jobs = f->client.cancel == MS_CANCEL_ALWAYS ? queue : fmax(queue - threads, 0.0);
		w.reneged = jobs / f->timeout_s;
	} else {
		w.late = w.admitted * late;
	}
	return w;
}

void fluid_change(
	const struct ms_fluid *f, const double *at, const struct fluid_flows *w, double *ret_per_s)
{
	bool cancels = f->client.cancel != MS_CANCEL_NO && f->timeout_s > 0.0;
	double success = cancels ? w->served : w->admitted - w->late, reneged = w->reneged;
	double full = 0.0;

	for (uint32_t a = 0; a < MS_FLUID_AXES; a++)
		ret_per_s[a] = 0.0;
	if (f->has[MS_FLUID_BACKOFF]) {
		ret_per_s[MS_FLUID_BACKOFF] = (f->client.retry_on_reject ? w->rejected : 0.0) +
					      (f->client.retry_on_timeout ? w->reneged : 0.0) -
					      w->leaves_backoff;
	} else if (cancels && f->client.retry_on_timeout) {
		/* Those that try again at once take the places that they leave. */
		reneged *= 1.0 - retry_share(f, at);
	}
	ret_per_s[MS_FLUID_QUEUE] = w->admitted - w->served - reneged;
	if (f->has[MS_FLUID_ORBIT])
		ret_per_s[MS_FLUID_ORBIT] = w->late + w->dropped - w->leaves_orbit;
	if (f->has[MS_FLUID_TOKENS]) {
		full = f->client.bucket_capacity - at[MS_FLUID_TOKENS];
		ret_per_s[MS_FLUID_TOKENS] = f->client.bucket_fill * success * saturate(full) -
					     w->retried - (w->reneged - reneged);
	}
	if (f->has[MS_FLUID_WARM]) {
		full = f->cache.size - at[MS_FLUID_WARM];
		ret_per_s[MS_FLUID_WARM] =
			(f->cache.fill == MS_FILL_ALWAYS ? w->admitted : success) * saturate(full);
		if (isfinite(f->cache.ttl_s))
			ret_per_s[MS_FLUID_WARM] -= at[MS_FLUID_WARM] / f->cache.ttl_s;
	}
}

void ms_fluid_drift(const struct ms_fluid *fluid, const double *at, double *ret_per_s)
{
	struct fluid_flows flows = fluid_flows(fluid, at, -1.0);

	fluid_change(fluid, at, &flows, ret_per_s);
}
