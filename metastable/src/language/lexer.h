/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tokens of the model language: words, numbers with their unit, and signs. A token borrows from the text, which need
 * not be terminated. Every byte belongs to a token or is white space; what fits nowhere is MS_TOKEN_BAD.
 */
#ifndef METASTABLE_LANGUAGE_LEXER_H
#define METASTABLE_LANGUAGE_LEXER_H

#include <stdbool.h>
#include <stddef.h>

enum ms_token_kind {
	MS_TOKEN_END,
	MS_TOKEN_WORD,          /* letter or _, then letters, digits, _ and - (but not ->) */
	MS_TOKEN_NUMBER,        /* digits, then its unit: 150 5s 10/s 0.2 .5 1e3 10% */
	MS_TOKEN_FACTOR,        /* x and a number: x0.2 */
	MS_TOKEN_ARROW,         /* -> */
	MS_TOKEN_RANGE,         /* .. */
	MS_TOKEN_DOT,           /* . between words */
	MS_TOKEN_OPEN,          /* { */
	MS_TOKEN_CLOSE,         /* } */
	MS_TOKEN_END_STATEMENT, /* ; */
	MS_TOKEN_COMMA,
	MS_TOKEN_PLUS,
	MS_TOKEN_COMMENT, /* # to the end of the line, without it */
	MS_TOKEN_BAD,     /* one byte, or a number that is none */
};

struct ms_token {
	enum ms_token_kind kind;
	const char *text;
	size_t length;
	int line, column; /* 1-based; columns count bytes */
	int lines_before; /* line ends between the token before and this one */
};

struct ms_lexer {
	const char *at, *end;
	const char *line_start;
	int line;
};

/* ms_lexer_init - start at the beginning of @text; a byte order mark there is skipped. */
void ms_lexer_init(struct ms_lexer *lexer, const char *text, size_t length);

/* ms_lexer_next - the next token, comments among them. After the last: MS_TOKEN_END for ever. */
struct ms_token ms_lexer_next(struct ms_lexer *lexer);

/* ms_token_is - is it exactly @word? */
bool ms_token_is(const struct ms_token *token, const char *word);

#endif
