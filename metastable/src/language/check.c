/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a model must be to mean anything. See ms_model_check() in metastable/model.h. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include <hotbed/error.h>

#include <metastable/model.h>

/* Beyond these, rates and times are slips of a unit, and sums of them lose their last digits. */
#define TIME_S_MAX 1e9
#define TIME_S_MIN 1e-9
#define RATE_MAX 1e9
#define PHASES_MAX 1000
#define CV_MAX 100.0
#define ZIPF_MAX 10.0
#define FACTOR_MAX 1000.0
#define IMMEDIATE_MAX 1000 /* retries without pause that a rejection may cause at one instant */

/* Which block is at fault. */
struct place {
	const char *kind, *name;
	int line;
	struct hb_error *reterr;
};

__attribute__((format(printf, 2, 3))) static int refuse(
	const struct place *place, const char *format, ...)
{
	char text[HB_ERROR_TEXT_BYTES];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return hb_error_set_at(place->reterr, -EINVAL, NULL, place->line, "%s `%s`: %s",
		place->kind, place->name, text);
}

static int check_time(const struct place *place, const char *what, double value)
{
	if (value >= TIME_S_MIN && value <= TIME_S_MAX)
		return 0;
	return refuse(
		place, "%s of %g s is impossible; it must lie between 1 ns and 1e9 s", what, value);
}

static int check_share(const struct place *place, const char *what, double value)
{
	if (value > 0 && value <= 1)
		return 0;
	return refuse(place, "%s must be above 0 and at most 1, not %g", what, value);
}

/* ---- servers ---- */

static int check_distribution(const struct place *place, const struct ms_distribution *d)
{
	int code = check_time(place, "a mean service time", d->mean_s);

	if (code)
		return code;
	if (d->kind == MS_ERLANG && (d->phases < 1 || d->phases > PHASES_MAX))
		return refuse(
			place, "an Erlang law has 1 to %d phases, not %u", PHASES_MAX, d->phases);
	if (d->kind == MS_HYPEREXPONENTIAL && !(d->cv > 1 && d->cv <= CV_MAX))
		return refuse(place,
			"a hyperexponential law has a cv above 1 (at most %g), not %g; below it, "
			"use "
			"erlang",
			CV_MAX, d->cv);
	if (d->kind == MS_LOGNORMAL && !(d->cv > 0 && d->cv <= CV_MAX))
		return refuse(place, "a lognormal law has a cv above 0 (at most %g), not %g",
			CV_MAX, d->cv);
	if (d->kind == MS_UNIFORM && !(d->cv >= 0 && d->cv <= 1 / sqrt(3) + 1e-12))
		return refuse(place,
			"a uniform law has a cv of at most 0.577, where it begins at 0, not %g",
			d->cv);
	return 0;
}

static int check_shedding(const struct place *place, const struct ms_server *s)
{
	int code;

	if (s->shed_probability != 0) {
		code = check_share(place, "the probability of shedding", s->shed_probability);
		if (code)
			return code;
		if (s->shed_to <= s->shed_from)
			return refuse(place,
				"shedding rises from %u to %u jobs; the second must be larger",
				s->shed_from, s->shed_to);
	}
	if (s->codel_interval_s == 0)
		return 0;
	code = check_time(place, "the target of CoDel", s->codel_target_s);
	if (!code)
		code = check_time(place, "the interval of CoDel", s->codel_interval_s);
	return code;
}

static int check_server(
	const struct ms_model *model, const struct ms_server *s, struct hb_error *reterr)
{
	struct place place = {"server", s->name, s->line, reterr};
	bool is_used = false;
	int code;

	if (s->threads < 1 || s->threads > MS_THREADS_MAX)
		return refuse(&place, "has 1 to %u threads, not %u", MS_THREADS_MAX, s->threads);
	if (s->queue_capacity > MS_QUEUE_MAX)
		return refuse(
			&place, "a queue of more than %u jobs; write `unlimited`", MS_QUEUE_MAX);
	if (s->queue_capacity && s->queue_capacity < s->threads)
		return refuse(&place,
			"its queue of %u is smaller than its %u threads; it counts the jobs in "
			"service "
			"too",
			s->queue_capacity, s->threads);
	if (s->service.mean_s == 0)
		return refuse(&place, "has no service; add `service exp 10/s`");
	if (!(s->slowdown >= 0 && s->slowdown <= FACTOR_MAX))
		return refuse(
			&place, "a slowdown is 0 to %g per job, not %g", FACTOR_MAX, s->slowdown);
	code = check_distribution(&place, &s->service);
	if (!code)
		code = check_shedding(&place, s);
	if (code)
		return code;
	for (uint32_t i = 0; i < model->client_count; i++)
		is_used |= model->clients[i].to_server == s - model->servers;
	return is_used ? 0
		       : refuse(&place, "nobody sends to it; add `client c -> %s { ... }`",
				 s->name);
}

/* ---- clients ---- */

/* Can the client hear a rejection, the moment it sends? */
static bool is_rejecting(const struct ms_model *model, int server)
{
	const struct ms_server *s = &model->servers[server];

	if ((s->queue_capacity && s->on_full == MS_REJECT) ||
		(s->on_shed == MS_REJECT && (s->shed_bound || s->shed_probability > 0)))
		return true;
	return false;
}

static int check_retries(
	const struct ms_model *model, const struct place *place, const struct ms_client *c)
{
	int code;

	if (c->retries > MS_RETRIES_UNLIMITED)
		return refuse(
			place, "more than %u retries; write `unlimited`", MS_RETRIES_UNLIMITED);
	if (c->retries == 0)
		return 0;
	if (c->backoff == MS_IMMEDIATE) {
		if (c->retries > IMMEDIATE_MAX && c->retry_on_reject &&
			is_rejecting(model, c->to_server))
			return refuse(place,
				"a full server would be asked %u times at the same instant; give "
				"the "
				"retries a backoff, or `retry_on timeout`",
				c->retries);
		return 0;
	}
	code = check_time(place, "a backoff", c->backoff_s);
	if (code || c->backoff != MS_BACKOFF_EXPONENTIAL)
		return code;
	if (!(c->backoff_factor >= 1 && c->backoff_factor <= FACTOR_MAX))
		return refuse(place, "a backoff grows by a factor of 1 to %g, not %g", FACTOR_MAX,
			c->backoff_factor);
	if (!(c->backoff_max_s >= c->backoff_s))
		return refuse(place, "the longest backoff (%g s) is shorter than the first (%g s)",
			c->backoff_max_s, c->backoff_s);
	return 0;
}

static int check_protections(const struct place *place, const struct ms_client *c)
{
	int code = 0;

	if (c->bucket_capacity != 0) {
		if (!(c->bucket_capacity >= 1 && c->bucket_capacity <= RATE_MAX))
			return refuse(place,
				"a token bucket holds 1 to %g tokens, not %g; a retry takes a "
				"whole one",
				RATE_MAX, c->bucket_capacity);
		if (!(c->bucket_fill >= 0 && c->bucket_fill <= FACTOR_MAX))
			return refuse(place, "a success adds 0 to %g tokens, not %g", FACTOR_MAX,
				c->bucket_fill);
	}
	if (c->budget_window_s != 0) {
		code = check_time(place, "the window of the budget", c->budget_window_s);
		if (!code && !(c->budget_share >= 0 && c->budget_share <= FACTOR_MAX))
			code = refuse(place, "a budget of %g retries per request is impossible",
				c->budget_share);
		if (!code && !(c->budget_min_per_s >= 0 && c->budget_min_per_s <= RATE_MAX))
			code = refuse(place,
				"a budget of at least %g retries per second is impossible",
				c->budget_min_per_s);
	}
	if (!code && c->breaker_window_s != 0) {
		code = check_time(place, "the window of the breaker", c->breaker_window_s);
		if (!code)
			code = check_time(place, "an open time", c->breaker_open_s);
		if (!code)
			code = check_share(place, "the share of failures", c->breaker_share);
		if (!code && (c->breaker_attempts_min < 1 || c->breaker_probes < 1))
			code = refuse(place, "a breaker needs at least one attempt and one probe");
	}
	return code;
}

static int check_timeout(const struct place *place, const struct ms_client *c)
{
	int code;

	if (c->timeout_kind == MS_TIMEOUT_NONE)
		return 0;
	code = check_time(place, "a timeout", c->timeout_s);
	if (!code && c->timeout_kind == MS_TIMEOUT_ERLANG &&
		(c->timeout_phases < 1 || c->timeout_phases > PHASES_MAX))
		code = refuse(place, "an Erlang law has 1 to %d phases, not %u", PHASES_MAX,
			c->timeout_phases);
	return code;
}

static int check_client(
	const struct ms_model *model, const struct ms_client *c, struct hb_error *reterr)
{
	bool is_call = c->from_server != MS_NONE;
	struct place place = {is_call ? "call" : "client", c->name, c->line, reterr};
	int code;

	if (c->to_server < 0 || (uint32_t)c->to_server >= model->server_count ||
		c->from_server < MS_NONE || c->from_server >= (int)model->server_count ||
		c->cache < MS_NONE || c->cache >= (int)model->cache_count)
		return refuse(&place, "refers to a block that is not there");
	if (is_call) {
		code = check_share(&place, "the probability of a call", c->call_probability);
		if (code)
			return code;
	} else if (c->rate_per_s == 0) {
		return refuse(&place, "has no rate; add `rate poisson 5/s`");
	} else if (!(c->rate_per_s >= 1 / TIME_S_MAX && c->rate_per_s <= RATE_MAX)) {
		return refuse(&place, "a rate of %g/s is impossible; it must be at most %g/s",
			c->rate_per_s, RATE_MAX);
	}
	code = check_timeout(&place, c);
	if (!code)
		code = check_retries(model, &place, c);
	if (!code)
		code = check_protections(&place, c);
	if (!code && isfinite(c->deadline_s))
		code = check_time(&place, "a deadline", c->deadline_s);
	return code;
}

/* ---- caches and triggers ---- */

static int check_cache(
	const struct ms_model *model, const struct ms_cache *k, struct hb_error *reterr)
{
	struct place place = {"cache", k->name, k->line, reterr};
	int code = 0;

	if (k->keys < 1 || k->keys > MS_KEYS_MAX)
		return refuse(&place, "has 1 to %u keys, not %u; add `keys 10000 zipf 1.01`",
			MS_KEYS_MAX, k->keys);
	if (k->size < 1 || k->size > k->keys)
		return refuse(&place, "holds 1 to all %u keys, not %u", k->keys, k->size);
	if (k->popularity == MS_ZIPF_KEYS &&
		!(k->zipf_exponent >= 0 && k->zipf_exponent <= ZIPF_MAX))
		return refuse(&place, "an exponent of Zipf's law is 0 to %g, not %g", ZIPF_MAX,
			k->zipf_exponent);
	if (isfinite(k->ttl_s))
		code = check_time(&place, "a lifetime of keys", k->ttl_s);
	if (!code && k->hit_s != 0)
		code = check_time(&place, "a hit", k->hit_s);
	for (uint32_t i = 0; !code && i < model->cache_count; i++) {
		if (&model->caches[i] < k && model->caches[i].server == k->server)
			code = refuse(&place, "cache `%s` is in front of the same server already",
				model->caches[i].name);
	}
	return code;
}

static int check_trigger_target(
	const struct ms_model *model, const struct place *place, const struct ms_trigger *t)
{
	uint32_t count = t->kind == MS_TRIGGER_RATE    ? model->client_count
			 : t->kind == MS_TRIGGER_FLUSH ? model->cache_count
						       : model->server_count;

	if (t->target < 0 || (uint32_t)t->target >= count)
		return refuse(place, "refers to a block that is not there");
	if (t->kind == MS_TRIGGER_RATE && model->clients[t->target].from_server != MS_NONE)
		return refuse(place,
			"`%s` is a call, whose rate follows from its server's jobs; name a "
			"client",
			model->clients[t->target].name);
	return 0;
}

static int check_trigger_value(const struct place *place, const struct ms_trigger *t)
{
	switch (t->kind) {
	case MS_TRIGGER_RATE:
		if (!(t->value >= 1 / TIME_S_MAX && t->value <= RATE_MAX))
			return refuse(place, "a rate of %g/s is impossible", t->value);
		return 0;
	case MS_TRIGGER_CAPACITY:
		if (!(t->value >= 1e-6 && t->value <= 1e6))
			return refuse(place,
				"capacity changes by a factor of 1e-6 to 1e6, not %g; for a stop "
				"use "
				"x0.000001",
				t->value);
		return 0;
	case MS_TRIGGER_LATENCY:
		return check_time(place, "more latency", t->value);
	default:
		return t->duration_s == 0 ? 0 : refuse(place, "a flush has no duration");
	}
}

static int check_trigger(
	const struct ms_model *model, const struct ms_trigger *t, struct hb_error *reterr)
{
	struct place place = {"trigger", t->name, t->line, reterr};
	int code = check_trigger_target(model, &place, t);

	if (!code && !(t->at_s >= 0 && t->at_s <= TIME_S_MAX))
		code = refuse(&place, "begins at %g s; it must be 0 to 1e9 s", t->at_s);
	if (!code && t->kind != MS_TRIGGER_FLUSH)
		code = check_time(&place, "a duration", t->duration_s);
	if (!code)
		code = check_trigger_value(&place, t);
	for (uint32_t i = 0; !code && i < model->trigger_count; i++) {
		const struct ms_trigger *other = &model->triggers[i];

		if (other < t && other->kind == t->kind && other->target == t->target &&
			t->kind != MS_TRIGGER_FLUSH && other->at_s < t->at_s + t->duration_s &&
			t->at_s < other->at_s + other->duration_s)
			code = refuse(&place,
				"overlaps with trigger `%s`, which changes the same thing; let one "
				"end "
				"before the other begins",
				other->name);
	}
	return code;
}

/* ---- calls ---- */

/* The way is kept to name the cycle; it is no longer than the servers are many. */
static int walk_calls(const struct ms_model *model, int server, int *way, uint32_t length,
	uint32_t *finished, struct hb_error *reterr)
{
	way[length++] = server;
	for (uint32_t i = 0; i < model->client_count; i++) {
		const struct ms_client *call = &model->clients[i];
		int code;

		if (call->from_server != server || *finished & (1U << call->to_server))
			continue;
		for (uint32_t at = 0; at < length; at++) {
			char text[512] = "";
			size_t used = 0;

			if (way[at] != call->to_server)
				continue;
			for (uint32_t k = at; k < length && used < sizeof(text); k++)
				used += (size_t)snprintf(text + used, sizeof(text) - used, "%s -> ",
					model->servers[way[k]].name);
			return hb_error_set_at(reterr, -EINVAL, NULL, call->line,
				"call `%s` closes a cycle: %s%s; calls must end somewhere, take "
				"one out",
				call->name, text, model->servers[call->to_server].name);
		}
		code = walk_calls(model, call->to_server, way, length, finished, reterr);
		if (code)
			return code;
	}
	*finished |= 1U << server;
	return 0;
}

static int check_calls(const struct ms_model *model, struct hb_error *reterr)
{
	int way[MS_SERVERS_MAX];
	uint32_t finished = 0;
	int code = 0;

	for (uint32_t i = 0; !code && i < model->server_count; i++) {
		if (!(finished & (1U << i)))
			code = walk_calls(model, (int)i, way, 0, &finished, reterr);
	}
	return code;
}

/* ---- all ---- */

static int check_counts(const struct ms_model *model, struct hb_error *reterr)
{
	bool has_source = false;

	if (model->server_count > MS_SERVERS_MAX || model->client_count > MS_CLIENTS_MAX ||
		model->cache_count > MS_CACHES_MAX || model->trigger_count > MS_TRIGGERS_MAX ||
		model->axis_count > MS_SWEEP_AXES_MAX)
		return hb_error_set(reterr, -EINVAL, "the model has more blocks than fit");
	if (!model->server_count)
		return hb_error_set(reterr, -EINVAL,
			"the model has no server; add `server db { service exp 10/s; }`");
	for (uint32_t i = 0; i < model->client_count; i++)
		has_source |= model->clients[i].from_server == MS_NONE;
	if (!has_source)
		return hb_error_set(reterr, -EINVAL,
			"nobody sends requests; add `client c -> %s { rate poisson 5/s; }`",
			model->servers[0].name);
	if (!(model->horizon_s >= TIME_S_MIN && model->horizon_s <= TIME_S_MAX))
		return hb_error_set(
			reterr, -EINVAL, "a horizon of %g s is impossible", model->horizon_s);
	return 0;
}

int ms_model_check(const struct ms_model *model, struct hb_error *reterr)
{
	int code = check_counts(model, reterr);

	for (uint32_t i = 0; !code && i < model->client_count; i++)
		code = check_client(model, &model->clients[i], reterr);
	for (uint32_t i = 0; !code && i < model->cache_count; i++)
		code = check_cache(model, &model->caches[i], reterr);
	for (uint32_t i = 0; !code && i < model->server_count; i++)
		code = check_server(model, &model->servers[i], reterr);
	if (!code)
		code = check_calls(model, reterr);
	for (uint32_t i = 0; !code && i < model->trigger_count; i++)
		code = check_trigger(model, &model->triggers[i], reterr);
	return code;
}
