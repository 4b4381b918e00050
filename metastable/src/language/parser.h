/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parser at work: one token of look-ahead, no memory of its own. All parse functions return 0, or -EBADMSG with
 * file, line, column and a hint in the error; they stand on the first token that they did not use.
 */
#ifndef METASTABLE_LANGUAGE_PARSER_H
#define METASTABLE_LANGUAGE_PARSER_H

#include <stdbool.h>
#include <stdint.h>

#include <metastable/model.h>

#include "lexer.h"
#include "value.h"

struct hb_error;

struct ms_parser {
	struct ms_lexer lexer;
	struct ms_token token; /* at hand; never a comment */
	const char *path;
	struct ms_model *model;
	struct hb_error *reterr;
};

/* A statement of a block: its first word, and what reads the rest. */
struct ms_statement {
	const char *name;
	int (*parse)(struct ms_parser *parser, void *block);
};

/* ms_parse_start - stand on the first token of @text. */
void ms_parse_start(struct ms_parser *parser, const char *text, size_t length);

/* ms_parse_advance - go to the next token that is no comment. */
void ms_parse_advance(struct ms_parser *parser);

/* ms_parse_fail - -EBADMSG at @token. */
int ms_parse_fail(struct ms_parser *parser, const struct ms_token *token, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ms_parse_wanted - "expected WHAT, not `...`" at the token at hand. */
int ms_parse_wanted(struct ms_parser *parser, const char *what);

/* ms_parse_unknown - "WHAT `word` is unknown; did you mean ..., it is one of ..." at @token; @words ends with NULL. */
int ms_parse_unknown(struct ms_parser *parser, const struct ms_token *token, const char *what,
	const char *const *words);

bool ms_parse_accept(struct ms_parser *parser, enum ms_token_kind kind);
bool ms_parse_accept_word(struct ms_parser *parser, const char *word);
int ms_parse_expect(struct ms_parser *parser, enum ms_token_kind kind, const char *what);
int ms_parse_expect_word(struct ms_parser *parser, const char *word, const char *example);

/* ms_parse_name - a word of fewer than MS_NAME_BYTES. */
int ms_parse_name(struct ms_parser *parser, const char *what, char *ret);

/* ms_parse_choice - one of @words; *@ret is its index. */
int ms_parse_choice(
	struct ms_parser *parser, const char *what, const char *const *words, uint32_t *ret);

/* ms_parse_count - a whole number without unit. */
int ms_parse_count(struct ms_parser *parser, const char *what, uint32_t *ret);

/* ms_parse_number - a number without unit. */
int ms_parse_number(struct ms_parser *parser, const char *what, double *ret);

/* ms_parse_time - a time with its unit, in seconds. */
int ms_parse_time(struct ms_parser *parser, const char *what, double *ret);

/* ms_parse_rate - a rate with its unit, per second. */
int ms_parse_rate(struct ms_parser *parser, const char *what, double *ret);

/* ms_parse_share - 0.1 or 10%. */
int ms_parse_share(struct ms_parser *parser, const char *what, double *ret);

/* ms_parse_body - `{ statement; ... }`, each statement at most once; @statements ends with a NULL name. */
int ms_parse_body(struct ms_parser *parser, const char *kind, const struct ms_statement *statements,
	void *block);

/* ms_parse_end_statement - `;`, or nothing before `}`. */
int ms_parse_end_statement(struct ms_parser *parser);

extern const struct ms_statement ms_server_statements[];
extern const struct ms_statement ms_shed_statements[];
extern const struct ms_statement ms_client_statements[];
extern const struct ms_statement ms_call_statements[];
extern const struct ms_statement ms_protect_statements[];
extern const struct ms_statement ms_cache_statements[];

/* ms_parse_trigger, ms_parse_sweep - the bodies of these blocks. @name: of the block, for its triggers. */
int ms_parse_trigger(struct ms_parser *parser, const char *name);
int ms_parse_sweep(struct ms_parser *parser);

#endif
