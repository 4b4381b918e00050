/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See lexer.h. */
#include <limits.h>
#include <string.h>

#include "lexer.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

void ms_lexer_init(struct ms_lexer *lexer, const char *text, size_t length)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t skip = length >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;

	*lexer = (struct ms_lexer){text + skip, text + length, text + skip, 1};
}

static char peek(const struct ms_lexer *lexer, size_t offset)
{
	return (size_t)(lexer->end - lexer->at) > offset ? lexer->at[offset] : '\0';
}

static int skip_space(struct ms_lexer *lexer)
{
	int lines = 0;

	for (; lexer->at < lexer->end; lexer->at++) {
		char c = *lexer->at;

		if (c == '\n') {
			lines += lines < INT_MAX;
			lexer->line += lexer->line < INT_MAX;
			lexer->line_start = lexer->at + 1;
		} else if (c != ' ' && c != '\t' && c != '\r') {
			break;
		}
	}
	return lines;
}

/* Digits with at most one point that has a digit after it (so that 20..200 is a range), and an exponent. */
static size_t number_length(const struct ms_lexer *lexer, size_t from)
{
	size_t n = from;

	while (is_digit(peek(lexer, n)))
		n++;
	if (peek(lexer, n) == '.' && is_digit(peek(lexer, n + 1))) {
		n++;
		while (is_digit(peek(lexer, n)))
			n++;
	}
	if (n > from && (peek(lexer, n) == 'e' || peek(lexer, n) == 'E')) {
		size_t exponent = n + 1;

		if (peek(lexer, exponent) == '+' || peek(lexer, exponent) == '-')
			exponent++;
		if (is_digit(peek(lexer, exponent))) {
			n = exponent;
			while (is_digit(peek(lexer, n)))
				n++;
		}
	}
	return n;
}

/* A unit follows at once: letters, a percent sign, or a slash and letters. */
static size_t unit_length(const struct ms_lexer *lexer, size_t from)
{
	size_t n = from;

	if (peek(lexer, n) == '%')
		return n + 1;
	if (peek(lexer, n) == '/')
		n++;
	while (is_letter(peek(lexer, n)) || (n > from && is_digit(peek(lexer, n))))
		n++;
	return n;
}

static size_t word_length(const struct ms_lexer *lexer)
{
	size_t n = 1;

	while (is_letter(peek(lexer, n)) || is_digit(peek(lexer, n)) ||
		(peek(lexer, n) == '-' && peek(lexer, n + 1) != '>'))
		n++;
	return n;
}

static bool starts_number(const struct ms_lexer *lexer, size_t at)
{
	return is_digit(peek(lexer, at)) ||
	       (peek(lexer, at) == '.' && is_digit(peek(lexer, at + 1)));
}

static enum ms_token_kind sign_kind(const struct ms_lexer *lexer, size_t *ret_length)
{
	*ret_length = 1;
	switch (peek(lexer, 0)) {
	case '{':
		return MS_TOKEN_OPEN;
	case '}':
		return MS_TOKEN_CLOSE;
	case ';':
		return MS_TOKEN_END_STATEMENT;
	case ',':
		return MS_TOKEN_COMMA;
	case '+':
		return MS_TOKEN_PLUS;
	case '-':
		*ret_length = peek(lexer, 1) == '>' ? 2 : 1;
		return peek(lexer, 1) == '>' ? MS_TOKEN_ARROW : MS_TOKEN_BAD;
	case '.':
		*ret_length = peek(lexer, 1) == '.' ? 2 : 1;
		return peek(lexer, 1) == '.' ? MS_TOKEN_RANGE : MS_TOKEN_DOT;
	default:
		return MS_TOKEN_BAD;
	}
}

static size_t comment_length(const struct ms_lexer *lexer)
{
	size_t left = (size_t)(lexer->end - lexer->at);
	const char *end = memchr(lexer->at, '\n', left);
	size_t n = end ? (size_t)(end - lexer->at) : left;

	while (n > 1 &&
		(lexer->at[n - 1] == ' ' || lexer->at[n - 1] == '\t' || lexer->at[n - 1] == '\r'))
		n--;
	return n;
}

struct ms_token ms_lexer_next(struct ms_lexer *lexer)
{
	int lines = skip_space(lexer);
	struct ms_token token = {MS_TOKEN_END, lexer->at, 0, lexer->line,
		lexer->at - lexer->line_start < INT_MAX ? (int)(lexer->at - lexer->line_start) + 1
							: INT_MAX,
		lines};

	if (lexer->at == lexer->end)
		return token;
	if (*lexer->at == '#') {
		token.kind = MS_TOKEN_COMMENT;
		token.length = comment_length(lexer);
	} else if (starts_number(lexer, 0)) {
		token.kind = MS_TOKEN_NUMBER;
		token.length = unit_length(lexer, number_length(lexer, 0));
	} else if (*lexer->at == 'x' && starts_number(lexer, 1)) {
		token.kind = MS_TOKEN_FACTOR;
		token.length = number_length(lexer, 1);
	} else if (is_letter(*lexer->at)) {
		token.kind = MS_TOKEN_WORD;
		token.length = word_length(lexer);
	} else {
		token.kind = sign_kind(lexer, &token.length);
	}
	lexer->at += token.length;
	return token;
}

bool ms_token_is(const struct ms_token *token, const char *word)
{
	return token->kind == MS_TOKEN_WORD && token->length == strlen(word) &&
	       memcmp(token->text, word, token->length) == 0;
}
