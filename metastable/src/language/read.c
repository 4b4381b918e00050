/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text to model in two passes: the first learns which blocks there are, so that they may stand in any order, the second
 * reads what is in them. See metastable/model.h.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include <metastable/text_file.h>

#include "parameter.h"
#include "parser.h"

#define FILE_BYTES_MAX (1U << 20)
#define CACHE_KEYS_PER_SIZE 10 /* keys there are unless said, times those that fit */

static const char *const block_words[] = {"server", "shed", "client", "call", "protect", "cache",
	"trigger", "sweep", "horizon", NULL};

enum block_word {
	WORD_SERVER,
	WORD_SHED,
	WORD_CLIENT,
	WORD_CALL,
	WORD_PROTECT,
	WORD_CACHE,
	WORD_TRIGGER,
	WORD_SWEEP,
	WORD_HORIZON,
};

/* What stands before a block's `{`. */
struct header {
	enum block_word word;
	struct ms_token at;       /* the first word */
	struct ms_token name_at;  /* of the name, or of the first server of a call */
	char name[MS_NAME_BYTES]; /* "" = none */
	char from[MS_NAME_BYTES]; /* of a call */
	char to[MS_NAME_BYTES];   /* of a client, call or cache */
	struct ms_token from_at, to_at;
};

static int parse_to(struct ms_parser *parser, struct header *header)
{
	int code = ms_parse_expect(parser, MS_TOKEN_ARROW, "`->` and the server that it sends to");

	header->to_at = parser->token;
	return code ? code : ms_parse_name(parser, "the name of a server", header->to);
}

/* [NAME] FROM -> TO; without a name it is called FROM->TO. */
static int parse_call_header(struct ms_parser *parser, struct header *header)
{
	int code = ms_parse_name(parser, "the server that calls", header->from);

	header->from_at = header->name_at;
	if (!code && parser->token.kind == MS_TOKEN_WORD) {
		memcpy(header->name, header->from, sizeof(header->name));
		header->from_at = parser->token;
		code = ms_parse_name(parser, "the server that calls", header->from);
	}
	if (!code)
		code = parse_to(parser, header);
	if (!code && !header->name[0] &&
		snprintf(header->name, sizeof(header->name), "%s->%s", header->from, header->to) >=
			(int)sizeof(header->name))
		return ms_parse_fail(parser, &header->at,
			"give this call a name of its own: `call NAME %s -> %s`", header->from,
			header->to);
	return code;
}

static int parse_cache_header(struct ms_parser *parser, struct header *header)
{
	static const char example[] = "cache k in front of db { ... }";
	int code = ms_parse_name(parser, "the name of the cache", header->name);

	if (!code)
		code = ms_parse_expect_word(parser, "in", example);
	if (!code)
		code = ms_parse_expect_word(parser, "front", example);
	if (!code)
		code = ms_parse_expect_word(parser, "of", example);
	header->to_at = parser->token;
	return code ? code : ms_parse_name(parser, "the name of a server", header->to);
}

static int parse_header(struct ms_parser *parser, struct header *header)
{
	uint32_t word = 0;
	int code;

	*header = (struct header){.at = parser->token};
	code = ms_parse_choice(parser, "block", block_words, &word);
	if (code)
		return code;
	header->word = (enum block_word)word;
	header->name_at = parser->token;
	switch (header->word) {
	case WORD_CALL:
		return parse_call_header(parser, header);
	case WORD_CACHE:
		return parse_cache_header(parser, header);
	case WORD_CLIENT:
		code = ms_parse_name(parser, "the name of the client", header->name);
		return code ? code : parse_to(parser, header);
	case WORD_SERVER:
	case WORD_SHED:
	case WORD_PROTECT:
		return ms_parse_name(parser, "a name", header->name);
	case WORD_TRIGGER:
		if (parser->token.kind != MS_TOKEN_WORD) {
			memcpy(header->name, "trigger", sizeof("trigger"));
			return 0;
		}
		return ms_parse_name(parser, "a name", header->name);
	default:
		return 0;
	}
}

/* ---- first pass ---- */

static int full(struct ms_parser *parser, const struct header *header, int max)
{
	return hb_error_set_at(parser->reterr, -E2BIG, parser->path, header->at.line,
		"more than %d blocks of this kind; leave some out", max);
}

static int refuse_twice(struct ms_parser *parser, const struct header *header)
{
	const struct ms_model *model = parser->model;
	int i, line = 0;

	if ((i = ms_model_server(model, header->name)) != MS_NONE)
		line = model->servers[i].line;
	else if ((i = ms_model_client(model, header->name)) != MS_NONE)
		line = model->clients[i].line;
	else if ((i = ms_model_cache(model, header->name)) != MS_NONE)
		line = model->caches[i].line;
	if (!line)
		return 0;
	return ms_parse_fail(parser, &header->name_at,
		"`%s` is the name of the block in line %d already; choose another", header->name,
		line);
}

static int declare(struct ms_parser *parser, const struct header *header)
{
	struct ms_model *model = parser->model;
	int code = refuse_twice(parser, header);

	if (code)
		return code;
	if (header->word == WORD_SERVER) {
		struct ms_server *server = &model->servers[model->server_count];

		if (model->server_count == MS_SERVERS_MAX)
			return full(parser, header, MS_SERVERS_MAX);
		*server = (struct ms_server){.line = header->at.line, .threads = 1};
		server->service = (struct ms_distribution){MS_EXPONENTIAL, 0, 1, 1};
		memcpy(server->name, header->name, sizeof(server->name));
		model->server_count++;
	} else if (header->word == WORD_CACHE) {
		struct ms_cache *cache = &model->caches[model->cache_count];

		if (model->cache_count == MS_CACHES_MAX)
			return full(parser, header, MS_CACHES_MAX);
		*cache =
			(struct ms_cache){.line = header->at.line, .ttl_s = INFINITY, .warm = true};
		memcpy(cache->name, header->name, sizeof(cache->name));
		model->cache_count++;
	} else {
		struct ms_client *client = &model->clients[model->client_count];

		if (model->client_count == MS_CLIENTS_MAX)
			return full(parser, header, MS_CLIENTS_MAX);
		*client = (struct ms_client){.line = header->at.line,
			.from_server = MS_NONE,
			.cache = MS_NONE,
			.call_probability = header->word == WORD_CALL ? 1 : 0,
			.timeout_s = INFINITY,
			.timeout_phases = 1,
			.retry_on_timeout = true,
			.retry_on_reject = true,
			.backoff_factor = 2,
			.backoff_max_s = INFINITY,
			.deadline_s = INFINITY};
		memcpy(client->name, header->name, sizeof(client->name));
		model->client_count++;
	}
	return 0;
}

static int skip_body(struct ms_parser *parser)
{
	struct ms_token open = parser->token;
	int code = ms_parse_expect(parser, MS_TOKEN_OPEN, "`{`");

	if (code)
		return code;
	while (!ms_parse_accept(parser, MS_TOKEN_CLOSE)) {
		if (parser->token.kind == MS_TOKEN_END)
			return ms_parse_fail(parser, &open, "this `{` has no `}`; close the block");
		ms_parse_advance(parser);
	}
	return 0;
}

static int parse_horizon(struct ms_parser *parser)
{
	int code = ms_parse_time(parser, "the horizon", &parser->model->horizon_s);

	(void)ms_parse_accept(parser, MS_TOKEN_END_STATEMENT);
	return code;
}

static int first_pass(struct ms_parser *parser)
{
	int code = 0;

	while (!code && parser->token.kind != MS_TOKEN_END) {
		struct header header;

		code = parse_header(parser, &header);
		if (code)
			break;
		if (header.word == WORD_HORIZON) {
			code = parse_horizon(parser);
			continue;
		}
		if (header.word == WORD_SERVER || header.word == WORD_CLIENT ||
			header.word == WORD_CALL || header.word == WORD_CACHE)
			code = declare(parser, &header);
		if (!code)
			code = skip_body(parser);
	}
	return code;
}

/* ---- second pass ---- */

/* What stands in several blocks may do so once. */
struct seen {
	int shed[MS_SERVERS_MAX], protect[MS_CLIENTS_MAX], sweep, horizon; /* lines, 0 = none */
};

static int find_server(
	struct ms_parser *parser, const struct ms_token *at, const char *name, int *ret)
{
	const char *names[MS_SERVERS_MAX + 1];
	uint32_t i;

	*ret = ms_model_server(parser->model, name);
	if (*ret != MS_NONE)
		return 0;
	for (i = 0; i < parser->model->server_count; i++)
		names[i] = parser->model->servers[i].name;
	names[i] = NULL;
	if (i == 0)
		return ms_parse_fail(
			parser, at, "there is no server `%s`; add `server %s { ... }`", name, name);
	return ms_parse_unknown(parser, at, "server", names);
}

static int once(struct ms_parser *parser, const struct header *header, int *line)
{
	if (*line)
		return ms_parse_fail(parser, &header->at,
			"this stands in line %d already; put both into one block", *line);
	*line = header->at.line;
	return 0;
}

static int parse_shed(struct ms_parser *parser, const struct header *header, struct seen *seen)
{
	int server, code = find_server(parser, &header->name_at, header->name, &server);

	if (!code)
		code = once(parser, header, &seen->shed[server]);
	return code ? code
		    : ms_parse_body(
			      parser, "shed", ms_shed_statements, &parser->model->servers[server]);
}

static int parse_client(struct ms_parser *parser, const struct header *header)
{
	int index = ms_model_client(parser->model, header->name);
	struct ms_client *client = &parser->model->clients[index];
	int code = find_server(parser, &header->to_at, header->to, &client->to_server);

	if (!code && header->word == WORD_CALL)
		code = find_server(parser, &header->from_at, header->from, &client->from_server);
	if (code)
		return code;
	return header->word == WORD_CALL
		       ? ms_parse_body(parser, "call", ms_call_statements, client)
		       : ms_parse_body(parser, "client", ms_client_statements, client);
}

static int parse_protect(struct ms_parser *parser, const struct header *header, struct seen *seen)
{
	int client = ms_model_client(parser->model, header->name);
	int code;

	if (client == MS_NONE) {
		const char *names[MS_CLIENTS_MAX + 1];
		uint32_t i;

		for (i = 0; i < parser->model->client_count; i++)
			names[i] = parser->model->clients[i].name;
		names[i] = NULL;
		return ms_parse_unknown(parser, &header->name_at, "client or call", names);
	}
	code = once(parser, header, &seen->protect[client]);
	return code ? code
		    : ms_parse_body(parser, "protect", ms_protect_statements,
			      &parser->model->clients[client]);
}

static int parse_cache(struct ms_parser *parser, const struct header *header)
{
	struct ms_cache *cache =
		&parser->model->caches[ms_model_cache(parser->model, header->name)];
	int code = find_server(parser, &header->to_at, header->to, &cache->server);

	if (!code)
		code = ms_parse_body(parser, "cache", ms_cache_statements, cache);
	if (code)
		return code;
	if (!cache->size)
		cache->size = cache->keys / CACHE_KEYS_PER_SIZE ? cache->keys / CACHE_KEYS_PER_SIZE
								: cache->keys;
	if (!cache->keys && cache->size <= MS_KEYS_MAX / CACHE_KEYS_PER_SIZE)
		cache->keys = cache->size * CACHE_KEYS_PER_SIZE;
	return 0;
}

static int parse_block(struct ms_parser *parser, struct seen *seen)
{
	struct header header;
	int code = parse_header(parser, &header);

	if (code)
		return code;
	switch (header.word) {
	case WORD_SERVER:
		return ms_parse_body(parser, "server", ms_server_statements,
			&parser->model->servers[ms_model_server(parser->model, header.name)]);
	case WORD_SHED:
		return parse_shed(parser, &header, seen);
	case WORD_CLIENT:
	case WORD_CALL:
		return parse_client(parser, &header);
	case WORD_PROTECT:
		return parse_protect(parser, &header, seen);
	case WORD_CACHE:
		return parse_cache(parser, &header);
	case WORD_TRIGGER:
		return ms_parse_trigger(parser, header.name);
	case WORD_SWEEP:
		code = once(parser, &header, &seen->sweep);
		return code ? code : ms_parse_sweep(parser);
	case WORD_HORIZON:
		code = once(parser, &header, &seen->horizon);
		return code ? code : parse_horizon(parser);
	}
	return 0;
}

/* ---- the whole ---- */

/* Whoever sends to a server asks the cache in front of it first. */
static void place_caches(struct ms_model *model)
{
	for (uint32_t i = 0; i < model->cache_count; i++) {
		for (uint32_t c = 0; c < model->client_count; c++) {
			if (model->clients[c].to_server == model->caches[i].server)
				model->clients[c].cache = (int)i;
		}
	}
}

static int by_time(const void *left, const void *right)
{
	const struct ms_trigger *a = left, *b = right;

	if (a->at_s != b->at_s)
		return a->at_s < b->at_s ? -1 : 1;
	return (a->line > b->line) - (a->line < b->line);
}

static int override(struct ms_model *model, const struct ms_override *overrides, size_t count,
	struct hb_error *reterr)
{
	for (size_t i = 0; i < count; i++) {
		int code =
			ms_parameter_set_text(model, overrides[i].path, overrides[i].value, reterr);

		if (code)
			return code;
	}
	return 0;
}

int ms_model_read(const char *text, size_t length_bytes, const char *path,
	const struct ms_override *overrides, size_t override_count, struct ms_model *ret,
	struct hb_error *reterr)
{
	struct hb_error error = {0};
	struct ms_model *model = calloc(1, sizeof(*model));
	struct ms_parser parser = {.path = path, .model = model, .reterr = &error};
	struct seen seen = {0};
	int code;

	if (!model)
		return hb_error_set(reterr, -ENOMEM, "no memory for a model");
	model->horizon_s = MS_HORIZON_DEFAULT_S;
	ms_parse_start(&parser, text, length_bytes);
	code = first_pass(&parser);
	ms_parse_start(&parser, text, length_bytes);
	while (!code && parser.token.kind != MS_TOKEN_END)
		code = parse_block(&parser, &seen);
	if (!code) {
		place_caches(model);
		code = override(model, overrides, override_count, &error);
	}
	if (!code) {
		qsort(model->triggers, model->trigger_count, sizeof(model->triggers[0]), by_time);
		code = ms_model_check(model, &error);
		if (code && path)
			(void)snprintf(error.path, sizeof(error.path), "%s", path);
	}
	if (!code)
		*ret = *model;
	else if (reterr)
		*reterr = error;
	free(model);
	return code;
}

int ms_model_read_file(const char *path, const struct ms_override *overrides, size_t override_count,
	struct ms_model *ret, struct hb_error *reterr)
{
	char *text = NULL;
	size_t length = 0;
	int code = ms_text_file_read(path, FILE_BYTES_MAX, &text, &length, reterr);

	if (!code)
		code = ms_model_read(text, length, path, overrides, override_count, ret, reterr);
	free(text);
	return code;
}
