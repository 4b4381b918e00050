/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The blocks `server` and `shed`. */
#include <math.h>

#include "parameter.h"
#include "parser.h"

static int parse_threads(struct ms_parser *parser, void *block)
{
	return ms_parse_count(
		parser, "the number of threads", &((struct ms_server *)block)->threads);
}

/* fifo | lifo | adaptive_lifo above N | retries_last */
static int parse_discipline(struct ms_parser *parser, struct ms_server *server)
{
	uint32_t discipline = MS_FIFO;
	int code = ms_parse_choice(parser, "queueing discipline", ms_discipline_words, &discipline);

	if (code)
		return code;
	server->discipline = (enum ms_discipline)discipline;
	if (discipline != MS_ADAPTIVE_LIFO)
		return 0;
	code = ms_parse_expect_word(parser, "above", "adaptive_lifo above 20");
	return code ? code
		    : ms_parse_count(parser, "a number of waiting jobs", &server->lifo_above);
}

static int parse_queue(struct ms_parser *parser, void *block)
{
	struct ms_server *server = block;
	int code = 0;

	if (ms_parse_accept_word(parser, "unlimited"))
		server->queue_capacity = 0;
	else {
		struct ms_token number = parser->token;

		code = ms_parse_count(
			parser, "how many jobs fit, or `unlimited`", &server->queue_capacity);
		if (!code && server->queue_capacity == 0)
			return ms_parse_fail(parser, &number,
				"no job fits into a queue of 0; the jobs in service count too");
	}
	if (!code && parser->token.kind == MS_TOKEN_WORD)
		code = parse_discipline(parser, server);
	return code;
}

/* The mean of a service: as a rate or as a time. */
static int parse_mean(struct ms_parser *parser, double *ret_mean_s)
{
	struct ms_token at = parser->token;
	struct ms_value value = {0};
	int code;

	if (at.kind == MS_TOKEN_NUMBER && ms_value_parse(at.text, at.length, &value, NULL) == 0 &&
		value.unit == MS_UNIT_TIME)
		return ms_parse_time(parser, "a service time", ret_mean_s);
	code = ms_parse_rate(parser, "a service rate of one thread, or a mean time", &value.number);
	if (code)
		return code;
	if (!(value.number > 0))
		return ms_parse_fail(
			parser, &at, "a server that does 0 jobs per second never answers");
	*ret_mean_s = 1 / value.number;
	return 0;
}

static int parse_service(struct ms_parser *parser, void *block)
{
	struct ms_distribution *service = &((struct ms_server *)block)->service;
	uint32_t kind = MS_EXPONENTIAL;
	int code = ms_parse_choice(parser, "distribution", ms_distribution_words, &kind);

	if (code)
		return code;
	*service = (struct ms_distribution){.kind = (enum ms_distribution_kind)kind, .phases = 1};
	if (kind == MS_ERLANG)
		code = ms_parse_count(parser, "the number of phases", &service->phases);
	else if (kind == MS_HYPEREXPONENTIAL || kind == MS_LOGNORMAL || kind == MS_UNIFORM) {
		service->cv = 1 / sqrt(3);
		if (kind != MS_UNIFORM || ms_token_is(&parser->token, "cv")) {
			code = ms_parse_expect_word(parser, "cv", "lognormal cv 1.5 100ms");
			if (!code)
				code = ms_parse_number(parser,
					"the standard deviation over the mean", &service->cv);
		}
	}
	if (!code)
		code = parse_mean(parser, &service->mean_s);
	ms_distribution_settle(service);
	return code;
}

static int parse_on_full(struct ms_parser *parser, void *block)
{
	uint32_t refusal = MS_DROP;
	int code = ms_parse_choice(parser, "answer of a full queue", ms_refusal_words, &refusal);

	((struct ms_server *)block)->on_full = (enum ms_refusal)refusal;
	return code;
}

static int parse_slowdown(struct ms_parser *parser, void *block)
{
	return ms_parse_number(
		parser, "the slowdown by each job", &((struct ms_server *)block)->slowdown);
}

const struct ms_statement ms_server_statements[] = {
	{"threads", parse_threads},
	{"queue", parse_queue},
	{"service", parse_service},
	{"on_full", parse_on_full},
	{"slowdown", parse_slowdown},
	{NULL, NULL},
};

/* ---- shed ---- */

static int parse_codel(struct ms_parser *parser, void *block)
{
	struct ms_server *server = block;
	int code = ms_parse_time(parser, "the target of CoDel", &server->codel_target_s);

	return code ? code
		    : ms_parse_time(parser, "the interval of CoDel", &server->codel_interval_s);
}

static int parse_bound(struct ms_parser *parser, void *block)
{
	return ms_parse_count(parser, "a number of jobs", &((struct ms_server *)block)->shed_bound);
}

static int parse_prob(struct ms_parser *parser, void *block)
{
	static const char example[] = "prob 80% from 20 to 60";
	struct ms_server *server = block;
	int code = ms_parse_share(parser, "a probability", &server->shed_probability);

	if (!code)
		code = ms_parse_expect_word(parser, "from", example);
	if (!code)
		code = ms_parse_count(parser, "a number of jobs", &server->shed_from);
	if (!code)
		code = ms_parse_expect_word(parser, "to", example);
	return code ? code : ms_parse_count(parser, "a number of jobs", &server->shed_to);
}

static int parse_answer(struct ms_parser *parser, void *block)
{
	uint32_t refusal = MS_DROP;
	int code = ms_parse_choice(parser, "answer to what is shed", ms_refusal_words, &refusal);

	((struct ms_server *)block)->on_shed = (enum ms_refusal)refusal;
	return code;
}

static int parse_lifo(struct ms_parser *parser, void *block)
{
	(void)parser;
	((struct ms_server *)block)->discipline = MS_LIFO;
	return 0;
}

static int parse_adaptive_lifo(struct ms_parser *parser, void *block)
{
	struct ms_server *server = block;
	int code = ms_parse_expect_word(parser, "above", "adaptive_lifo above 20");

	server->discipline = MS_ADAPTIVE_LIFO;
	return code ? code
		    : ms_parse_count(parser, "a number of waiting jobs", &server->lifo_above);
}

static int parse_retries_last(struct ms_parser *parser, void *block)
{
	(void)parser;
	((struct ms_server *)block)->discipline = MS_RETRIES_LAST;
	return 0;
}

const struct ms_statement ms_shed_statements[] = {
	{"codel", parse_codel},
	{"bound", parse_bound},
	{"prob", parse_prob},
	{"answer", parse_answer},
	{"lifo", parse_lifo},
	{"adaptive_lifo", parse_adaptive_lifo},
	{"retries_last", parse_retries_last},
	{NULL, NULL},
};
