/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * BLOCK.NAME: the table of what can be set, read and swept, and how. See parameter.h and metastable/model.h.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/suggest.h>

#include "parameter.h"

#define NAMES_MAX 96

#define SERVER(field) offsetof(struct ms_server, field)
#define CLIENT(field) offsetof(struct ms_client, field)
#define CACHE(field) offsetof(struct ms_cache, field)
#define TRIGGER(field) offsetof(struct ms_trigger, field)
#define COUNT MS_PARAMETER_COUNT, MS_UNIT_BARE
#define NUMBER MS_PARAMETER_REAL, MS_UNIT_BARE
#define SHARE MS_PARAMETER_REAL, MS_UNIT_PERCENT
#define TIME MS_PARAMETER_REAL, MS_UNIT_TIME
#define RATE MS_PARAMETER_REAL, MS_UNIT_RATE
#define WORD MS_PARAMETER_WORD, MS_UNIT_BARE
#define PLAIN NULL, 0, NULL

/* What a client and a call have in common. */
#define OF_SENDERS(block)                                                                          \
	{block, "timeout", TIME, CLIENT(timeout_s), "none", INFINITY, NULL},                       \
		{block, "timeout_kind", WORD, CLIENT(timeout_kind), NULL, 0, ms_timeout_words},    \
		{block, "timeout_phases", COUNT, CLIENT(timeout_phases), PLAIN},                   \
		{block, "retry", COUNT, CLIENT(retries), "unlimited", MS_RETRIES_UNLIMITED, NULL}, \
		{block, "backoff_kind", WORD, CLIENT(backoff), NULL, 0, ms_backoff_words},         \
		{block, "backoff", TIME, CLIENT(backoff_s), PLAIN},                                \
		{block, "backoff_factor", NUMBER, CLIENT(backoff_factor), PLAIN},                  \
		{block, "backoff_max", TIME, CLIENT(backoff_max_s), "none", INFINITY, NULL},       \
		{block, "jitter", WORD, CLIENT(jitter), NULL, 0, ms_jitter_words},                 \
		{block, "cancel", WORD, CLIENT(cancel), NULL, 0, ms_cancel_words},                 \
		{block, "deadline", TIME, CLIENT(deadline_s), "none", INFINITY, NULL},             \
		{block, "bucket", SHARE, CLIENT(bucket_fill), PLAIN},                              \
		{block, "bucket_cap", NUMBER, CLIENT(bucket_capacity), PLAIN},                     \
		{block, "budget", SHARE, CLIENT(budget_share), PLAIN},                             \
		{block, "budget_window", TIME, CLIENT(budget_window_s), PLAIN},                    \
		{block, "budget_min", RATE, CLIENT(budget_min_per_s), PLAIN},                      \
		{block, "breaker", SHARE, CLIENT(breaker_share), PLAIN},                           \
		{block, "breaker_window", TIME, CLIENT(breaker_window_s), PLAIN},                  \
		{block, "breaker_open", TIME, CLIENT(breaker_open_s), PLAIN},                      \
		{block, "breaker_attempts", COUNT, CLIENT(breaker_attempts_min), PLAIN},           \
	{                                                                                          \
		block, "breaker_probes", COUNT, CLIENT(breaker_probes), PLAIN                      \
	}

static const struct ms_parameter parameters[] = {
	{MS_BLOCK_SERVER, "threads", COUNT, SERVER(threads), PLAIN},
	{MS_BLOCK_SERVER, "queue", COUNT, SERVER(queue_capacity), "unlimited", 0, NULL},
	{MS_BLOCK_SERVER, "discipline", WORD, SERVER(discipline), NULL, 0, ms_discipline_words},
	{MS_BLOCK_SERVER, "lifo_above", COUNT, SERVER(lifo_above), PLAIN},
	{MS_BLOCK_SERVER, "on_full", WORD, SERVER(on_full), NULL, 0, ms_refusal_words},
	{MS_BLOCK_SERVER, "service", MS_PARAMETER_SERVICE, MS_UNIT_RATE, SERVER(service), PLAIN},
	{MS_BLOCK_SERVER, "distribution", WORD, SERVER(service.kind), NULL, 0,
		ms_distribution_words},
	{MS_BLOCK_SERVER, "cv", NUMBER, SERVER(service.cv), PLAIN},
	{MS_BLOCK_SERVER, "phases", COUNT, SERVER(service.phases), PLAIN},
	{MS_BLOCK_SERVER, "slowdown", NUMBER, SERVER(slowdown), PLAIN},
	{MS_BLOCK_SERVER, "answer", WORD, SERVER(on_shed), NULL, 0, ms_refusal_words},
	{MS_BLOCK_SERVER, "bound", COUNT, SERVER(shed_bound), "none", 0, NULL},
	{MS_BLOCK_SERVER, "prob", SHARE, SERVER(shed_probability), PLAIN},
	{MS_BLOCK_SERVER, "prob_from", COUNT, SERVER(shed_from), PLAIN},
	{MS_BLOCK_SERVER, "prob_to", COUNT, SERVER(shed_to), PLAIN},
	{MS_BLOCK_SERVER, "codel_target", TIME, SERVER(codel_target_s), PLAIN},
	{MS_BLOCK_SERVER, "codel_interval", TIME, SERVER(codel_interval_s), "none", 0, NULL},
	{MS_BLOCK_CLIENT, "rate", RATE, CLIENT(rate_per_s), PLAIN},
	{MS_BLOCK_CLIENT, "arrivals", WORD, CLIENT(arrivals), NULL, 0, ms_arrivals_words},
	OF_SENDERS(MS_BLOCK_CLIENT),
	OF_SENDERS(MS_BLOCK_CALL),
	{MS_BLOCK_CALL, "probability", SHARE, CLIENT(call_probability), PLAIN},
	{MS_BLOCK_CACHE, "keys", COUNT, CACHE(keys), PLAIN},
	{MS_BLOCK_CACHE, "popularity", WORD, CACHE(popularity), NULL, 0, ms_popularity_words},
	{MS_BLOCK_CACHE, "zipf", NUMBER, CACHE(zipf_exponent), PLAIN},
	{MS_BLOCK_CACHE, "size", COUNT, CACHE(size), PLAIN},
	{MS_BLOCK_CACHE, "ttl", TIME, CACHE(ttl_s), "none", INFINITY, NULL},
	{MS_BLOCK_CACHE, "hit", TIME, CACHE(hit_s), PLAIN},
	{MS_BLOCK_CACHE, "fill_on", WORD, CACHE(fill), NULL, 0, ms_fill_words},
	{MS_BLOCK_CACHE, "start", MS_PARAMETER_BOOL, MS_UNIT_BARE, CACHE(warm), NULL, 0,
		ms_start_words},
	{MS_BLOCK_TRIGGER, "at", TIME, TRIGGER(at_s), PLAIN},
	{MS_BLOCK_TRIGGER, "for", TIME, TRIGGER(duration_s), PLAIN},
	{MS_BLOCK_TRIGGER, "value", NUMBER, TRIGGER(value), PLAIN},
	{MS_BLOCK_MODEL, "horizon", TIME, offsetof(struct ms_model, horizon_s), PLAIN},
};

#define PARAMETER_COUNT (sizeof(parameters) / sizeof(parameters[0]))

void ms_distribution_settle(struct ms_distribution *d)
{
	if (d->kind != MS_ERLANG)
		d->phases = 1;
	switch (d->kind) {
	case MS_EXPONENTIAL:
		d->cv = 1;
		break;
	case MS_CONSTANT:
		d->cv = 0;
		break;
	case MS_ERLANG:
		d->cv = d->phases ? 1 / sqrt(d->phases) : 0;
		break;
	default:
		break;
	}
}

/* ---- which block, which parameter ---- */

struct place {
	void *block;
	enum ms_block kind;
	const struct ms_parameter *parameter;
};

static void *find_block(struct ms_model *model, const char *name, enum ms_block *ret_kind)
{
	int i;

	if ((i = ms_model_server(model, name)) != MS_NONE) {
		*ret_kind = MS_BLOCK_SERVER;
		return &model->servers[i];
	}
	if ((i = ms_model_client(model, name)) != MS_NONE) {
		*ret_kind =
			model->clients[i].from_server == MS_NONE ? MS_BLOCK_CLIENT : MS_BLOCK_CALL;
		return &model->clients[i];
	}
	if ((i = ms_model_cache(model, name)) != MS_NONE) {
		*ret_kind = MS_BLOCK_CACHE;
		return &model->caches[i];
	}
	for (uint32_t t = 0; t < model->trigger_count; t++) {
		if (strcmp(model->triggers[t].name, name) == 0) {
			*ret_kind = MS_BLOCK_TRIGGER;
			return &model->triggers[t];
		}
	}
	return NULL;
}

static int unknown_block(
	const struct ms_model *model, const char *path, const char *name, struct hb_error *reterr)
{
	const char *names[MS_SERVERS_MAX + MS_CLIENTS_MAX + MS_CACHES_MAX + MS_TRIGGERS_MAX + 1];
	size_t count = 0;
	const char *near;

	for (uint32_t i = 0; i < model->server_count; i++)
		names[count++] = model->servers[i].name;
	for (uint32_t i = 0; i < model->client_count; i++)
		names[count++] = model->clients[i].name;
	for (uint32_t i = 0; i < model->cache_count; i++)
		names[count++] = model->caches[i].name;
	for (uint32_t i = 0; i < model->trigger_count; i++)
		names[count++] = model->triggers[i].name;
	names[count] = NULL;
	near = hb_suggest(name, names);
	return hb_error_set(reterr, -EINVAL, "`%.80s`: the model has no block `%.40s`%s%s%s", path,
		name, near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
}

static int unknown_parameter(
	enum ms_block kind, const char *path, const char *name, struct hb_error *reterr)
{
	static const char *const kinds[] = {
		"server", "client", "call", "cache", "trigger", "model"};
	const char *names[NAMES_MAX];
	size_t count = 0;
	const char *near;

	for (size_t i = 0; i < PARAMETER_COUNT; i++) {
		if (parameters[i].block == kind)
			names[count++] = parameters[i].name;
	}
	names[count] = NULL;
	near = hb_suggest(name, names);
	return hb_error_set(reterr, -EINVAL, "`%.80s`: a %s has no parameter `%.40s`%s%s%s", path,
		kinds[kind], name, near ? "; did you mean `" : "", near ? near : "",
		near ? "`?" : "");
}

static int locate(
	struct ms_model *model, const char *path, struct place *ret, struct hb_error *reterr)
{
	const char *dot = strchr(path, '.');
	const char *name = dot ? dot + 1 : path;
	char block[MS_NAME_BYTES];

	if (dot) {
		if ((size_t)(dot - path) >= sizeof(block))
			return hb_error_set(
				reterr, -EINVAL, "`%.80s`: the model has no such block", path);
		memcpy(block, path, (size_t)(dot - path));
		block[dot - path] = '\0';
		ret->block = find_block(model, block, &ret->kind);
		if (!ret->block)
			return unknown_block(model, path, block, reterr);
	} else {
		ret->block = model;
		ret->kind = MS_BLOCK_MODEL;
	}
	for (size_t i = 0; i < PARAMETER_COUNT; i++) {
		if (parameters[i].block == ret->kind && strcmp(parameters[i].name, name) == 0) {
			ret->parameter = &parameters[i];
			return 0;
		}
	}
	if (!dot)
		return hb_error_set(reterr, -EINVAL,
			"`%.80s` names no parameter; write BLOCK.NAME, as in db.queue, or horizon",
			path);
	return unknown_parameter(ret->kind, path, name, reterr);
}

static void *field(const struct place *place)
{
	return (char *)place->block + place->parameter->offset;
}

/* ---- what follows from a new value ---- */

/* A timeout that is given a length exists; a backoff that is given one is no longer immediate. */
static void settle(const struct place *place)
{
	const char *name = place->parameter->name;

	if (place->kind == MS_BLOCK_SERVER) {
		ms_distribution_settle(&((struct ms_server *)place->block)->service);
	} else if (place->kind == MS_BLOCK_CLIENT || place->kind == MS_BLOCK_CALL) {
		struct ms_client *c = place->block;

		if (strcmp(name, "timeout") == 0) {
			if (!isfinite(c->timeout_s))
				c->timeout_kind = MS_TIMEOUT_NONE;
			else if (c->timeout_kind == MS_TIMEOUT_NONE)
				c->timeout_kind = MS_TIMEOUT_CONSTANT;
		}
		if (c->timeout_kind == MS_TIMEOUT_NONE)
			c->timeout_s = INFINITY;
		if (strcmp(name, "backoff") == 0 && c->backoff == MS_IMMEDIATE && c->backoff_s > 0)
			c->backoff = MS_BACKOFF_CONSTANT;
		if (strcmp(name, "backoff") == 0 && c->backoff_s == 0)
			c->backoff = MS_IMMEDIATE;
	}
}

static int set_number(
	const struct place *place, const char *path, double value, struct hb_error *reterr)
{
	if (isnan(value) || value < 0)
		return hb_error_set(reterr, -EINVAL, "`%.80s`: %g is below 0", path, value);
	switch (place->parameter->type) {
	case MS_PARAMETER_COUNT:
		if (value != floor(value) || value > UINT32_MAX)
			return hb_error_set(
				reterr, -EINVAL, "`%.80s`: %g is no whole number", path, value);
		*(uint32_t *)field(place) = (uint32_t)value;
		break;
	case MS_PARAMETER_REAL:
		*(double *)field(place) = value;
		break;
	case MS_PARAMETER_SERVICE:
		if (!(value > 0))
			return hb_error_set(reterr, -EINVAL,
				"`%.80s`: a server that does 0 jobs per second never answers",
				path);
		((struct ms_distribution *)field(place))->mean_s = 1 / value;
		break;
	default:
		return hb_error_set(
			reterr, -EINVAL, "`%.80s` is a choice of words, no number", path);
	}
	settle(place);
	return 0;
}

static double number(const struct place *place)
{
	switch (place->parameter->type) {
	case MS_PARAMETER_COUNT:
		return *(uint32_t *)field(place);
	case MS_PARAMETER_REAL:
		return *(double *)field(place);
	case MS_PARAMETER_SERVICE:
		return 1 / ((struct ms_distribution *)field(place))->mean_s;
	default:
		return NAN;
	}
}

int ms_model_get(
	const struct ms_model *model, const char *path, double *ret, struct hb_error *reterr)
{
	struct place place;
	/* The place is only read from here. */
	int code = locate((struct ms_model *)(uintptr_t)model, path, &place, reterr);
	double value;

	if (code)
		return code;
	value = number(&place);
	if (isnan(value))
		return hb_error_set(
			reterr, -EINVAL, "`%.80s` is a choice of words, no number", path);
	*ret = value;
	return 0;
}

int ms_model_set(struct ms_model *model, const char *path, double value, struct hb_error *reterr)
{
	struct place place;
	int code = locate(model, path, &place, reterr);

	return code ? code : set_number(&place, path, value, reterr);
}

int ms_parameter_unit(
	const struct ms_model *model, const char *path, enum ms_unit *ret, struct hb_error *reterr)
{
	struct place place;
	int code = locate((struct ms_model *)(uintptr_t)model, path, &place, reterr);

	if (code)
		return code;
	if (isnan(number(&place)))
		return hb_error_set(reterr, -EINVAL,
			"`%.80s` is a choice of words; only numbers can be swept", path);
	*ret = place.parameter->unit;
	return 0;
}

static int set_word(
	const struct place *place, const char *path, const char *word, struct hb_error *reterr)
{
	const char *const *words = place->parameter->words;
	char all[160] = "";
	size_t length = 0;

	for (uint32_t i = 0; words[i]; i++) {
		if (strcmp(words[i], word) == 0) {
			if (place->parameter->type == MS_PARAMETER_BOOL)
				*(bool *)field(place) = i != 0;
			else
				memcpy(field(place), &i, sizeof(i));
			settle(place);
			return 0;
		}
		length += (size_t)snprintf(
			all + length, sizeof(all) - length, "%s%s", i ? ", " : "", words[i]);
	}
	return hb_error_set(reterr, -EINVAL, "`%.80s`: `%.40s` is none of %s", path, word, all);
}

static bool unit_fits(enum ms_unit wanted, enum ms_unit given, const struct place *place)
{
	if (given == MS_UNIT_BARE || given == wanted)
		return true;
	/* A trigger's value is a rate, a factor or a time, as its kind says. */
	return place->kind == MS_BLOCK_TRIGGER && strcmp(place->parameter->name, "value") == 0;
}

int ms_parameter_set_text(
	struct ms_model *model, const char *path, const char *value, struct hb_error *reterr)
{
	struct place place;
	struct ms_value parsed;
	int code = locate(model, path, &place, reterr);

	if (code)
		return code;
	if (place.parameter->words)
		return set_word(&place, path, value, reterr);
	if (place.parameter->special && strcmp(place.parameter->special, value) == 0)
		return set_number(&place, path, place.parameter->special_value, reterr);
	/* Factors of triggers may be written as in the file. */
	if (place.kind == MS_BLOCK_TRIGGER && value[0] == 'x')
		value++;
	if (ms_value_parse(value, strlen(value), &parsed, reterr)) {
		(void)hb_error_wrap(reterr, "`%.80s`", path);
		return reterr ? (reterr->code = -EINVAL) : -EINVAL;
	}
	if (place.parameter->type == MS_PARAMETER_SERVICE && parsed.unit == MS_UNIT_TIME) {
		parsed.number = parsed.number > 0 ? 1 / parsed.number : -1;
		parsed.unit = MS_UNIT_RATE;
	}
	if (!unit_fits(place.parameter->unit, parsed.unit, &place))
		return hb_error_set(
			reterr, -EINVAL, "`%.80s`: `%.40s` has the wrong unit", path, value);
	return set_number(&place, path, parsed.number, reterr);
}

int ms_override_parse(char *text, struct ms_override *ret, struct hb_error *reterr)
{
	char *equals = strchr(text, '=');

	if (!equals || equals == text || !equals[1])
		return hb_error_set(reterr, -EINVAL,
			"`%.80s` sets nothing; write BLOCK.NAME=VALUE, as in db.queue=35", text);
	*equals = '\0';
	*ret = (struct ms_override){text, equals + 1};
	return 0;
}
