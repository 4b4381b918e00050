/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See parser.h. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/suggest.h>

#include "parser.h"

#define SHOWN_BYTES 40 /* of a token, in messages */
#define STATEMENTS_MAX 64

void ms_parse_start(struct ms_parser *parser, const char *text, size_t length)
{
	ms_lexer_init(&parser->lexer, text, length);
	ms_parse_advance(parser);
}

void ms_parse_advance(struct ms_parser *parser)
{
	do
		parser->token = ms_lexer_next(&parser->lexer);
	while (parser->token.kind == MS_TOKEN_COMMENT);
}

int ms_parse_fail(struct ms_parser *parser, const struct ms_token *token, const char *format, ...)
{
	char text[HB_ERROR_TEXT_BYTES];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return hb_error_set_at(parser->reterr, -EBADMSG, parser->path, token->line, "column %d: %s",
		token->column, text);
}

/* Bytes that are no printable ASCII are shown as ?, so that a message never disturbs a terminal. */
static const char *show(const struct ms_token *token, char *buffer, size_t size)
{
	size_t n = token->length < SHOWN_BYTES ? token->length : SHOWN_BYTES;

	if (token->kind == MS_TOKEN_END)
		(void)snprintf(buffer, size, "the end of the file");
	else {
		(void)snprintf(buffer, size, "`%.*s`", (int)n, token->text);
		for (char *c = buffer; *c; c++) {
			if (*c < ' ' || *c > '~')
				*c = '?';
		}
	}
	return buffer;
}

int ms_parse_wanted(struct ms_parser *parser, const char *what)
{
	char shown[SHOWN_BYTES + 8];

	return ms_parse_fail(parser, &parser->token, "expected %s, not %s", what,
		show(&parser->token, shown, sizeof(shown)));
}

int ms_parse_unknown(struct ms_parser *parser, const struct ms_token *token, const char *what,
	const char *const *words)
{
	char shown[SHOWN_BYTES + 8], word[128], all[512] = "";
	size_t used = 0;
	const char *near;

	(void)snprintf(word, sizeof(word), "%.*s", (int)(token->length < 100 ? token->length : 100),
		token->text);
	near = token->kind == MS_TOKEN_WORD ? hb_suggest(word, words) : NULL;
	for (int i = 0; words[i] && used < sizeof(all); i++)
		used += (size_t)snprintf(
			all + used, sizeof(all) - used, "%s%s", i ? ", " : "", words[i]);
	return ms_parse_fail(parser, token, "%s is no %s%s%s%s; there are %s",
		show(token, shown, sizeof(shown)), what, near ? "; did you mean `" : "",
		near ? near : "", near ? "`?" : "", all);
}

bool ms_parse_accept(struct ms_parser *parser, enum ms_token_kind kind)
{
	if (parser->token.kind != kind)
		return false;
	ms_parse_advance(parser);
	return true;
}

bool ms_parse_accept_word(struct ms_parser *parser, const char *word)
{
	if (!ms_token_is(&parser->token, word))
		return false;
	ms_parse_advance(parser);
	return true;
}

int ms_parse_expect(struct ms_parser *parser, enum ms_token_kind kind, const char *what)
{
	return ms_parse_accept(parser, kind) ? 0 : ms_parse_wanted(parser, what);
}

int ms_parse_expect_word(struct ms_parser *parser, const char *word, const char *example)
{
	char shown[SHOWN_BYTES + 8];

	if (ms_parse_accept_word(parser, word))
		return 0;
	return ms_parse_fail(parser, &parser->token, "expected `%s`, not %s; write `%s`", word,
		show(&parser->token, shown, sizeof(shown)), example);
}

int ms_parse_name(struct ms_parser *parser, const char *what, char *ret)
{
	if (parser->token.kind == MS_TOKEN_FACTOR)
		return ms_parse_fail(parser, &parser->token,
			"a name cannot begin with x and a digit, which is a factor; choose "
			"another");
	if (parser->token.kind != MS_TOKEN_WORD)
		return ms_parse_wanted(parser, what);
	if (parser->token.length >= MS_NAME_BYTES)
		return ms_parse_fail(parser, &parser->token,
			"a name has at most %d characters, not %zu; shorten it", MS_NAME_BYTES - 1,
			parser->token.length);
	memcpy(ret, parser->token.text, parser->token.length);
	ret[parser->token.length] = '\0';
	ms_parse_advance(parser);
	return 0;
}

int ms_parse_choice(
	struct ms_parser *parser, const char *what, const char *const *words, uint32_t *ret)
{
	for (uint32_t i = 0; words[i]; i++) {
		if (ms_parse_accept_word(parser, words[i])) {
			*ret = i;
			return 0;
		}
	}
	return ms_parse_unknown(parser, &parser->token, what, words);
}

static int parse_value(struct ms_parser *parser, const char *what, struct ms_value *ret)
{
	struct hb_error error = {0};

	if (parser->token.kind != MS_TOKEN_NUMBER)
		return ms_parse_wanted(parser, what);
	if (ms_value_parse(parser->token.text, parser->token.length, ret, &error))
		return ms_parse_fail(parser, &parser->token, "%s", error.text);
	return 0;
}

int ms_parse_count(struct ms_parser *parser, const char *what, uint32_t *ret)
{
	struct ms_value value = {0};
	int code = parse_value(parser, what, &value);

	if (code)
		return code;
	if (value.unit != MS_UNIT_BARE || value.number != floor(value.number) ||
		value.number > UINT32_MAX)
		return ms_parse_fail(parser, &parser->token,
			"expected %s: a whole number without unit, at most 4294967295", what);
	*ret = (uint32_t)value.number;
	ms_parse_advance(parser);
	return 0;
}

static int parse_unit(struct ms_parser *parser, const char *what, enum ms_unit unit,
	const char *example, double *ret)
{
	struct ms_value value = {0};
	int code = parse_value(parser, what, &value);

	if (code)
		return code;
	if (value.unit != unit)
		return ms_parse_fail(
			parser, &parser->token, "expected %s; write it as in %s", what, example);
	*ret = value.number;
	ms_parse_advance(parser);
	return 0;
}

int ms_parse_number(struct ms_parser *parser, const char *what, double *ret)
{
	return parse_unit(parser, what, MS_UNIT_BARE, "1.5, without unit", ret);
}

int ms_parse_time(struct ms_parser *parser, const char *what, double *ret)
{
	return parse_unit(parser, what, MS_UNIT_TIME, "5s, 250ms or 2min", ret);
}

int ms_parse_rate(struct ms_parser *parser, const char *what, double *ret)
{
	return parse_unit(parser, what, MS_UNIT_RATE, "10/s or 30/min", ret);
}

int ms_parse_share(struct ms_parser *parser, const char *what, double *ret)
{
	struct ms_value value = {0};
	int code = parse_value(parser, what, &value);

	if (code)
		return code;
	if (value.unit != MS_UNIT_BARE && value.unit != MS_UNIT_PERCENT)
		return ms_parse_fail(
			parser, &parser->token, "expected %s; write it as in 0.1 or 10%%", what);
	*ret = value.number;
	ms_parse_advance(parser);
	return 0;
}

int ms_parse_end_statement(struct ms_parser *parser)
{
	if (ms_parse_accept(parser, MS_TOKEN_END_STATEMENT) || parser->token.kind == MS_TOKEN_CLOSE)
		return 0;
	return ms_parse_wanted(parser, "`;` (between statements) or `}` (to end the block)");
}

static int parse_statement(struct ms_parser *parser, const char *kind,
	const struct ms_statement *statements, void *block, int *lines)
{
	const char *names[STATEMENTS_MAX];
	struct ms_token first = parser->token;
	char what[64];
	int i;

	for (i = 0; statements[i].name; i++) {
		names[i] = statements[i].name;
		if (!ms_token_is(&first, statements[i].name))
			continue;
		if (lines[i])
			return ms_parse_fail(parser, &first,
				"`%s` is given twice, first in line %d; leave one out", names[i],
				lines[i]);
		lines[i] = first.line;
		ms_parse_advance(parser);
		return statements[i].parse(parser, block);
	}
	names[i] = NULL;
	(void)snprintf(what, sizeof(what), "statement of a %s block", kind);
	return ms_parse_unknown(parser, &first, what, names);
}

int ms_parse_body(struct ms_parser *parser, const char *kind, const struct ms_statement *statements,
	void *block)
{
	int lines[STATEMENTS_MAX] = {0};
	int code = ms_parse_expect(parser, MS_TOKEN_OPEN, "`{`");

	while (!code && parser->token.kind != MS_TOKEN_CLOSE) {
		if (ms_parse_accept(parser, MS_TOKEN_END_STATEMENT))
			continue;
		if (parser->token.kind == MS_TOKEN_END)
			return ms_parse_wanted(parser, "`}`");
		code = parse_statement(parser, kind, statements, block, lines);
		if (!code)
			code = ms_parse_end_statement(parser);
	}
	return code ? code : ms_parse_expect(parser, MS_TOKEN_CLOSE, "`}`");
}
