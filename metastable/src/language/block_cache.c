/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The block `cache`. */
#include <math.h>

#include "parameter.h"
#include "parser.h"

/* Look-aside is the only kind there is; the word says so to those who read the file. */
static int parse_lookaside(struct ms_parser *parser, void *block)
{
	(void)parser;
	(void)block;
	return 0;
}

/* [COUNT] [uniform | zipf EXPONENT] */
static int parse_keys(struct ms_parser *parser, void *block)
{
	struct ms_cache *cache = block;
	uint32_t popularity = MS_UNIFORM_KEYS;
	int code = 0;

	if (parser->token.kind != MS_TOKEN_WORD)
		code = ms_parse_count(parser, "how many keys there are", &cache->keys);
	if (code || parser->token.kind != MS_TOKEN_WORD)
		return code;
	code = ms_parse_choice(parser, "popularity of keys", ms_popularity_words, &popularity);
	cache->popularity = (enum ms_popularity)popularity;
	if (!code && popularity == MS_ZIPF_KEYS)
		code = ms_parse_number(parser, "the exponent of Zipf's law", &cache->zipf_exponent);
	return code;
}

static int parse_size(struct ms_parser *parser, void *block)
{
	return ms_parse_count(parser, "how many keys fit", &((struct ms_cache *)block)->size);
}

static int parse_ttl(struct ms_parser *parser, void *block)
{
	double *ttl = &((struct ms_cache *)block)->ttl_s;

	if (ms_parse_accept_word(parser, "none")) {
		*ttl = INFINITY;
		return 0;
	}
	return ms_parse_time(parser, "a time, or `none`", ttl);
}

static int parse_hit(struct ms_parser *parser, void *block)
{
	return ms_parse_time(parser, "how long a hit takes", &((struct ms_cache *)block)->hit_s);
}

static int parse_fill_on(struct ms_parser *parser, void *block)
{
	uint32_t fill = MS_FILL_ON_SUCCESS;
	int code = ms_parse_choice(parser, "time to fill", ms_fill_words, &fill);

	((struct ms_cache *)block)->fill = (enum ms_fill)fill;
	return code;
}

static int parse_start(struct ms_parser *parser, void *block)
{
	uint32_t warm = 1;
	int code = ms_parse_choice(parser, "start of a cache", ms_start_words, &warm);

	((struct ms_cache *)block)->warm = warm != 0;
	return code;
}

const struct ms_statement ms_cache_statements[] = {
	{"lookaside", parse_lookaside},
	{"keys", parse_keys},
	{"size", parse_size},
	{"ttl", parse_ttl},
	{"hit", parse_hit},
	{"fill_on", parse_fill_on},
	{"start", parse_start},
	{NULL, NULL},
};
