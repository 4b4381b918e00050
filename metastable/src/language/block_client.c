/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The blocks `client`, `call` and `protect`. */
#include <math.h>

#include "parameter.h"
#include "parser.h"

static int parse_arrivals(struct ms_parser *parser, void *block)
{
	struct ms_client *client = block;
	uint32_t arrivals = MS_POISSON;
	int code = ms_parse_choice(parser, "arrival process", ms_arrivals_words, &arrivals);

	client->arrivals = (enum ms_arrivals)arrivals;
	return code ? code : ms_parse_rate(parser, "a rate", &client->rate_per_s);
}

/* none | [constant | exp | erlang K] TIME */
static int parse_timeout(struct ms_parser *parser, void *block)
{
	struct ms_client *client = block;
	uint32_t kind = MS_TIMEOUT_CONSTANT;
	int code = 0;

	client->timeout_phases = 1;
	if (parser->token.kind == MS_TOKEN_WORD)
		code = ms_parse_choice(parser, "kind of timeout", ms_timeout_words, &kind);
	if (code)
		return code;
	client->timeout_kind = (enum ms_timeout_kind)kind;
	if (kind == MS_TIMEOUT_NONE) {
		client->timeout_s = INFINITY;
		return 0;
	}
	if (kind == MS_TIMEOUT_ERLANG)
		code = ms_parse_count(parser, "the number of phases", &client->timeout_phases);
	return code ? code : ms_parse_time(parser, "a time", &client->timeout_s);
}

/* TIME [xFACTOR] [max TIME] [jitter WORD], after the kind of backoff */
static int parse_backoff(struct ms_parser *parser, struct ms_client *client)
{
	uint32_t jitter = MS_JITTER_NONE;
	int code = ms_parse_time(parser, "the backoff before the first retry", &client->backoff_s);

	if (!code && client->backoff == MS_BACKOFF_EXPONENTIAL) {
		if (parser->token.kind == MS_TOKEN_FACTOR) {
			struct ms_value factor = {0};

			if (ms_value_parse(parser->token.text + 1, parser->token.length - 1,
				    &factor, NULL))
				return ms_parse_wanted(parser, "a factor, as in x2");
			client->backoff_factor = factor.number;
			ms_parse_advance(parser);
		}
		if (ms_parse_accept_word(parser, "max"))
			code = ms_parse_time(parser, "the longest backoff", &client->backoff_max_s);
	}
	if (!code && ms_parse_accept_word(parser, "jitter")) {
		code = ms_parse_choice(parser, "jitter", ms_jitter_words, &jitter);
		client->jitter = (enum ms_jitter)jitter;
	}
	return code;
}

static int parse_retry(struct ms_parser *parser, void *block)
{
	struct ms_client *client = block;
	uint32_t backoff = MS_IMMEDIATE;
	int code = 0;

	if (ms_parse_accept_word(parser, "unlimited"))
		client->retries = MS_RETRIES_UNLIMITED;
	else
		code = ms_parse_count(parser, "how many retries, or `unlimited`", &client->retries);
	if (code || parser->token.kind != MS_TOKEN_WORD)
		return code;
	code = ms_parse_choice(parser, "kind of backoff", ms_backoff_words, &backoff);
	client->backoff = (enum ms_backoff)backoff;
	return code || backoff == MS_IMMEDIATE ? code : parse_backoff(parser, client);
}

static int parse_retry_on(struct ms_parser *parser, void *block)
{
	static const char *const words[] = {"both", "timeout", "reject", NULL};
	struct ms_client *client = block;
	uint32_t on = 0;
	int code = ms_parse_choice(parser, "reason to retry", words, &on);

	client->retry_on_timeout = on != 2;
	client->retry_on_reject = on != 1;
	return code;
}

static int parse_cancel(struct ms_parser *parser, void *block)
{
	uint32_t cancel = MS_CANCEL_NO;
	int code = ms_parse_choice(parser, "kind of cancellation", ms_cancel_words, &cancel);

	((struct ms_client *)block)->cancel = (enum ms_cancel)cancel;
	return code;
}

static int parse_deadline(struct ms_parser *parser, void *block)
{
	double *deadline = &((struct ms_client *)block)->deadline_s;

	if (ms_parse_accept_word(parser, "none")) {
		*deadline = INFINITY;
		return 0;
	}
	return ms_parse_time(parser, "a time, or `none`", deadline);
}

static int parse_probability(struct ms_parser *parser, void *block)
{
	return ms_parse_share(
		parser, "a probability", &((struct ms_client *)block)->call_probability);
}

#define OF_SENDERS                                                                        \
	{"timeout", parse_timeout}, {"retry", parse_retry}, {"retry_on", parse_retry_on}, \
		{"cancel", parse_cancel},                                                 \
	{                                                                                 \
		"deadline", parse_deadline                                                \
	}

const struct ms_statement ms_client_statements[] = {
	{"rate", parse_arrivals},
	OF_SENDERS,
	{NULL, NULL},
};

const struct ms_statement ms_call_statements[] = {
	{"probability", parse_probability},
	OF_SENDERS,
	{NULL, NULL},
};

/* ---- protect ---- */

static int parse_token_bucket(struct ms_parser *parser, void *block)
{
	struct ms_client *client = block;
	int code = ms_parse_share(parser, "the tokens that a success adds", &client->bucket_fill);

	if (!code)
		code = ms_parse_expect_word(parser, "cap", "token_bucket 0.1 cap 5");
	return code ? code
		    : ms_parse_number(parser, "how many tokens fit", &client->bucket_capacity);
}

static int parse_budget(struct ms_parser *parser, void *block)
{
	struct ms_client *client = block;
	int code = ms_parse_share(parser, "retries per request", &client->budget_share);

	if (!code)
		code = ms_parse_expect_word(parser, "window", "budget 10% window 10s min 1/s");
	if (!code)
		code = ms_parse_time(parser, "the window of the budget", &client->budget_window_s);
	if (!code && ms_parse_accept_word(parser, "min"))
		code = ms_parse_rate(
			parser, "retries that are always allowed", &client->budget_min_per_s);
	return code;
}

static int parse_breaker(struct ms_parser *parser, void *block)
{
	static const char example[] = "breaker 50% window 10s open 5s attempts 20 probes 1";
	struct ms_client *client = block;
	int code = ms_parse_share(parser, "the share of failures", &client->breaker_share);

	client->breaker_attempts_min = 20;
	client->breaker_probes = 1;
	if (!code)
		code = ms_parse_expect_word(parser, "window", example);
	if (!code)
		code = ms_parse_time(
			parser, "the window of the breaker", &client->breaker_window_s);
	if (!code)
		code = ms_parse_expect_word(parser, "open", example);
	if (!code)
		code = ms_parse_time(parser, "how long it stays open", &client->breaker_open_s);
	if (!code && ms_parse_accept_word(parser, "attempts"))
		code = ms_parse_count(
			parser, "a number of attempts", &client->breaker_attempts_min);
	if (!code && ms_parse_accept_word(parser, "probes"))
		code = ms_parse_count(parser, "a number of attempts", &client->breaker_probes);
	return code;
}

const struct ms_statement ms_protect_statements[] = {
	{"token_bucket", parse_token_bucket},
	{"budget", parse_budget},
	{"breaker", parse_breaker},
	{NULL, NULL},
};
