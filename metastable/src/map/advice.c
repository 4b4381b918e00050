/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See metastable/advice.h. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include <metastable/advice.h>

#define TOLERANCE 0.01 /* of a factor */
#define BISECTIONS 24

/* A parameter and the way in which changing it may help. */
struct lever {
	const char *name;
	bool up, whole;
};

static const struct lever server_levers[] = {
	{"queue", false, true}, {"service", true, false}, {"threads", true, true}};
static const struct lever client_levers[] = {
	{"retry", false, true}, {"timeout", true, false}, {"rate", false, false}};

struct protection {
	bool of_server;
	const char *text;
	void (*apply)(struct ms_server *server, struct ms_client *client);
};

static void apply_cancel(struct ms_server *server, struct ms_client *client)
{
	(void)server;
	client->cancel = MS_CANCEL_WAITING;
}

static void apply_bucket(struct ms_server *server, struct ms_client *client)
{
	(void)server;
	client->bucket_fill = 0.1;
	client->bucket_capacity = 10;
}

static void apply_retries_last(struct ms_server *server, struct ms_client *client)
{
	(void)client;
	server->discipline = MS_RETRIES_LAST;
}

static void apply_lifo(struct ms_server *server, struct ms_client *client)
{
	(void)client;
	server->discipline = MS_ADAPTIVE_LIFO;
	server->lifo_above = 20;
}

/* A tenth and a fifth of what clients wait: CoDel's own 5 ms and 100 ms are meant for packets. */
static void apply_codel(struct ms_server *server, struct ms_client *client)
{
	double timeout_s = isfinite(client->timeout_s) ? client->timeout_s : 1;

	server->codel_target_s = timeout_s / 10;
	server->codel_interval_s = timeout_s / 5;
}

static const struct protection protections[] = {
	{false, "token_bucket 10% cap 10", apply_bucket},
	{false, "cancel waiting", apply_cancel},
	{true, "retries_last", apply_retries_last},
	{true, "adaptive_lifo above 20", apply_lifo},
	{true, "codel (timeout / 10) (timeout / 5)", apply_codel},
};

/* What all trials share. */
struct search {
	enum ms_level level;
	const struct ms_model *model;
	const struct ms_verdict_options *options;
	struct ms_advice *advice;
	struct hb_error *reterr;
};

/* The class of a changed model; a change that is impossible or refused helps nobody. */
static int class_of(struct search *search, enum ms_level level, const struct ms_model *model,
	enum ms_class *ret)
{
	struct ms_verdict verdict;
	int code = 0;

	*ret = MS_UNKNOWN;
	if (ms_model_check(model, NULL))
		return 0;
	code = ms_verdict_of(level, model, search->options, &verdict, search->reterr);
	if (!code && !verdict.code)
		*ret = verdict.kind;
	return code;
}

static int try_value(struct search *search, const char *path, double value, enum ms_class *ret)
{
	struct ms_model changed = *search->model;

	*ret = MS_UNKNOWN;
	if (ms_model_set(&changed, path, value, NULL))
		return 0;
	return class_of(search, search->level, &changed, ret);
}

static double farthest(const struct lever *lever, double from)
{
	double value = lever->up ? from * MS_ADVICE_FACTOR_MAX : from / MS_ADVICE_FACTOR_MAX;

	if (strcmp(lever->name, "retry") == 0)
		return 0;
	return lever->whole ? lever->up ? ceil(value) : fmax(floor(value), 1) : value;
}

/* Retries are counted as attempts, so that none is no infinite change. */
static double cost_of(const struct lever *lever, double from, double to)
{
	if (strcmp(lever->name, "retry") == 0)
		return fabs(log((1 + to) / (1 + from)));
	return fabs(log(to / from));
}

/* @from is not enough, @to is: the nearest value that is. */
static int bisect(
	struct search *search, const struct lever *lever, const char *path, double from, double *to)
{
	for (int i = 0; i < BISECTIONS; i++) {
		double middle = lever->whole ? floor((from + *to) / 2) : sqrt(from * *to);
		enum ms_class kind;
		int code;

		/* Whole numbers: downwards the middle may be the end that is enough. */
		if (lever->whole ? fabs(from - *to) <= 1 : fabs(log(from / *to)) <= TOLERANCE)
			break;
		code = try_value(search, path, middle, &kind);
		if (code)
			return code;
		if (kind == MS_STABLE)
			*to = middle;
		else
			from = middle;
	}
	return 0;
}

static int pull(struct search *search, const char *block, const struct lever *lever)
{
	struct ms_advice *advice = search->advice;
	struct ms_advice_item item = {0};
	double from, to;
	int code;

	(void)snprintf(item.path, sizeof(item.path), "%s.%s", block, lever->name);
	if (ms_model_get(search->model, item.path, &from, NULL) || !isfinite(from) || !(from > 0) ||
		advice->count == MS_ADVICE_MAX)
		return 0;
	to = farthest(lever, from);
	if (to == from)
		return 0;
	code = try_value(search, item.path, to, &item.kind);
	if (!code && item.kind == MS_STABLE) {
		item.enough = true;
		code = bisect(search, lever, item.path, from, &to);
	}
	item.from = from;
	item.to = to;
	item.cost = cost_of(lever, from, to);
	if (!code)
		advice->items[advice->count++] = item;
	return code;
}

static int switch_on(
	struct search *search, const struct protection *protection, const struct ms_client *client)
{
	struct ms_advice *advice = search->advice;
	struct ms_model changed = *search->model;
	struct ms_advice_item item = {.text = protection->text};
	struct ms_server *server = &changed.servers[client->to_server];
	int code;

	if (advice->count == MS_ADVICE_MAX)
		return 0;
	(void)snprintf(item.path, sizeof(item.path), "%s %s",
		protection->of_server               ? "shed"
		: protection->apply == apply_cancel ? "client"
						    : "protect",
		protection->of_server ? server->name : client->name);
	protection->apply(server, &changed.clients[client - search->model->clients]);
	code = class_of(search, MS_LEVEL_SIMULATION, &changed, &item.kind);
	item.enough = item.kind == MS_STABLE;
	if (!code)
		advice->items[advice->count++] = item;
	return code;
}

static int by_use(const void *left, const void *right)
{
	const struct ms_advice_item *a = left, *b = right;

	if (a->enough != b->enough)
		return a->enough ? -1 : 1;
	if (!a->text != !b->text)
		return a->text ? 1 : -1;
	if (a->cost != b->cost)
		return a->cost < b->cost ? -1 : 1;
	return strcmp(a->path, b->path);
}

static int pull_all(struct search *search)
{
	const struct ms_model *model = search->model;
	int code = 0;

	for (uint32_t i = 0; !code && i < model->server_count; i++) {
		for (size_t l = 0; !code && l < sizeof(server_levers) / sizeof(server_levers[0]);
			l++)
			code = pull(search, model->servers[i].name, &server_levers[l]);
	}
	for (uint32_t i = 0; !code && i < model->client_count; i++) {
		const struct ms_client *c = &model->clients[i];

		for (size_t l = 0; !code && l < sizeof(client_levers) / sizeof(client_levers[0]);
			l++)
			code = pull(search, c->name, &client_levers[l]);
		for (size_t p = 0; !code && p < sizeof(protections) / sizeof(protections[0]); p++)
			code = switch_on(search, &protections[p], c);
	}
	return code;
}

int ms_advise(enum ms_level level, const struct ms_model *model,
	const struct ms_verdict_options *options, struct ms_advice *ret, struct hb_error *reterr)
{
	struct search search = {level, model, options, ret, reterr};
	struct ms_verdict verdict;
	int code;

	*ret = (struct ms_advice){.level = level, .kind = MS_UNKNOWN};
	code = ms_verdict_of(level, model, options, &verdict, reterr);
	if (!code && verdict.code)
		code = hb_error_set(reterr, verdict.code, "%s", verdict.reason);
	if (code)
		return code;
	ret->kind = verdict.kind;
	if (ret->kind == MS_STABLE)
		return 0;
	code = pull_all(&search);
	qsort(ret->items, ret->count, sizeof(ret->items[0]), by_use);
	return code;
}
