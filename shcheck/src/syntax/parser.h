/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state of one parse, shared by the files of this folder. The grammar of the shell decides how bytes are split, so
 * there is no separate token stream: each function reads at `pos` what its context allows.
 *
 * Errors: a function that meets one reports it, sets `failed` and returns what it has (maybe NULL); everything then
 * returns until a list skips to the next line and clears `failed`. Not thread-safe: one parser per thread.
 */
#ifndef SHCHECK_SYNTAX_PARSER_H
#define SHCHECK_SYNTAX_PARSER_H

#include <setjmp.h>

#include <shcheck/ast.h>
#include <shcheck/finding.h>
#include <shcheck/parse.h>

#include "arena.h"

enum token_kind {
	TOKEN_END,
	TOKEN_NEWLINE,
	TOKEN_WORD,
	TOKEN_SEMICOLON,     /* ; */
	TOKEN_AMPERSAND,     /* & */
	TOKEN_AND,           /* && */
	TOKEN_OR,            /* || */
	TOKEN_PIPE,          /* | */
	TOKEN_PIPE_BOTH,     /* |& */
	TOKEN_OPEN,          /* ( */
	TOKEN_CLOSE,         /* ) */
	TOKEN_CASE_BREAK,    /* ;; */
	TOKEN_CASE_FALL,     /* ;& */
	TOKEN_CASE_CONTINUE, /* ;;& */
	TOKEN_REDIRECT,      /* with or without a number or {name} before it */
};

/* Reserved words; the order is that of their names in tokens.c. */
enum keyword {
	KEYWORD_NONE,
	KEYWORD_BANG,
	KEYWORD_OPEN_BRACE,
	KEYWORD_CLOSE_BRACE,
	KEYWORD_CASE,
	KEYWORD_DO,
	KEYWORD_DONE,
	KEYWORD_ELIF,
	KEYWORD_ELSE,
	KEYWORD_ESAC,
	KEYWORD_FI,
	KEYWORD_FOR,
	KEYWORD_IF,
	KEYWORD_IN,
	KEYWORD_THEN,
	KEYWORD_UNTIL,
	KEYWORD_WHILE,
	KEYWORD_OPEN_TEST, /* [[: from here on bash only */
	KEYWORD_CLOSE_TEST,
	KEYWORD_COPROC,
	KEYWORD_FUNCTION,
	KEYWORD_SELECT,
	KEYWORD_TIME,
	KEYWORD_COUNT,
};

struct token {
	enum token_kind kind;
	uint32_t start, end; /* in the text; the end of a word is not known before it is read */
	enum shc_redirect_kind redirect;
	uint32_t operator_start; /* TOKEN_REDIRECT: after the number or {name} */
};

/* The text being read: the source, or an unescaped copy of a piece of it. */
struct input {
	const char *text; /* readable at `end`, too */
	/* Where each byte and the end stand in the source, with a backslash that was removed; NULL = unchanged. */
	const struct shc_range *map;
	uint32_t pos, end;
};

struct here_document {
	struct shc_redirect *redirect;
	struct here_document *next;
};

struct parser {
	struct input in;
	const struct shc_source *source;
	struct shc_script *script;
	struct shc_arena *arena;
	struct shc_findings *findings;
	enum shc_dialect dialect;
	bool bash;
	bool extglob;     /* shopt -s extglob was seen above */
	bool crlf;        /* the lines end in \r\n: the \r is taken as a blank */
	bool crlf_breaks; /* a \r stands directly after a reserved word */
	bool failed;
	bool stopped;      /* too many or too deep: everything from here to the end is skipped */
	bool end_reported; /* an error about the end of the source was reported */
	bool at_run_time;  /* bash reads this only when it runs: errors are warnings */
	uint32_t depth;
	uint32_t error_offset;  /* of the last error, in the source; UINT32_MAX = none */
	uint64_t scanned_bytes; /* ahead, to tell (( from ( ( */
	uint32_t last_end;      /* end of the last token read, in the text */
	uint32_t after_name;    /* after the name (and line continuations) of that assignment */
	uint32_t value_start;   /* after the = of the last assignment read, in the text */
	uint32_t commented;     /* comments before this offset of the source are recorded */
	uint32_t open[KEYWORD_COUNT]; /* constructs waiting for this closing word */
	uint32_t open_parentheses;
	struct token token; /* at token_at */
	uint32_t token_at;
	const char *like_value_of; /* the word of which shc_find_value() has said like_value_at */
	uint32_t like_value_at;
	uint32_t no_bracket_until; /* no ] between the last [ that had none and here */
	struct shc_range else_if;  /* the last `else if`, which may be meant as elif */
	/* The last string of several lines, where a quote may be missing. */
	struct shc_range long_string;
	struct here_document *pending, **pending_last;
	struct shc_comment **comment_last;
	struct shc_alias **alias_last;
	jmp_buf out_of_memory;
};

/* ---- parse.c ---- */

/*
 * shc_parse_text - parse a text that only the run of a script brings forth (eval, traps, sourced files).
 * @text: readable at its end, too; it and @map outlive the tree. @map: where each byte and the end are said to stand in
 * @source; shape [text.length + 1]. @first_id: of its commands, which go on from there.
 * Returns 0 or -ENOMEM; *ret->error_count says whether a shell refuses it. Release with shc_script_destroy().
 */
int shc_parse_text(struct shc_text text, const struct shc_range *map,
	const struct shc_source *source, enum shc_dialect dialect, uint32_t first_id,
	struct shc_findings *findings, struct shc_script **ret);

/* ---- state.c ---- */

/* shc_take - zeroed memory of the tree; does not return when there is none. */
void *shc_take(struct parser *p, size_t size);

/* shc_range_of - the source range of [start, end) of the text. */
struct shc_range shc_range_of(const struct parser *p, uint32_t start, uint32_t end);

/* shc_text_of - [start, end) of the text. */
struct shc_text shc_text_of(const struct parser *p, uint32_t start, uint32_t end);

/* shc_enter - one level deeper; false (reported, `failed`) when that is too deep. Paired with shc_leave(). */
bool shc_enter(struct parser *p);
void shc_leave(struct parser *p);

/* shc_fail - report error @id at [start, end) of the text and set `failed`. One error is reported at one place. */
struct shc_finding *shc_fail(struct parser *p, int id, uint32_t start, uint32_t end,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

/* shc_warn - report @id with its own severity (a warning at most) at a source range and go on. */
struct shc_finding *shc_warn(struct parser *p, int id, struct shc_range range, const char *format,
	...) __attribute__((format(printf, 4, 5)));

/* shc_dialect_error - SH913 as an error: bash syntax that the script's shell refuses; parsing goes on as in bash. */
void shc_dialect_error(struct parser *p, uint32_t start, uint32_t end, const char *what);

/* shc_stop - skip the rest of the source. */
void shc_stop(struct parser *p);

/* What a substitution hides from the code inside it. */
struct outer {
	struct input in;
	struct here_document *pending, **pending_last;
	uint32_t open[KEYWORD_COUNT];
	uint32_t open_parentheses;
	uint32_t last_end;
	bool at_run_time;
};

/* shc_begin_inner - keep and reset the surroundings; shc_end_inner() restores them, all but `in` if @keep_input. */
void shc_begin_inner(struct parser *p, struct outer *ret);
void shc_end_inner(struct parser *p, const struct outer *outer, bool keep_input);

/* ---- tokens.c ---- */

static inline int shc_char(const struct parser *p, uint32_t ahead)
{
	return p->in.pos + ahead < p->in.end ? (unsigned char)p->in.text[p->in.pos + ahead] : -1;
}

/* shc_skip_blanks - over blanks, line continuations and comments. */
void shc_skip_blanks(struct parser *p);

/* shc_peek - the token at `pos` after blanks, which are skipped. */
const struct token *shc_peek(struct parser *p);

/* shc_advance - over the token (no word) last peeked at; a newline brings the bodies of here-documents. */
void shc_advance(struct parser *p);

/* shc_skip_newlines - over newlines, blanks and comments. */
void shc_skip_newlines(struct parser *p);

/* shc_keyword - the reserved word at `pos` after blanks, or KEYWORD_NONE; *ret_end is its end in the text. */
enum keyword shc_keyword(struct parser *p, uint32_t *ret_end);

/* shc_keyword_text - as it is written. */
const char *shc_keyword_text(enum keyword keyword);

/* shc_is_name - is [start, end) of the text a name? */
bool shc_is_name(const struct parser *p, uint32_t start, uint32_t end);

static inline bool shc_is_name_start(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static inline bool shc_is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static inline bool shc_is_name_char(int c)
{
	return shc_is_name_start(c) || shc_is_digit(c);
}

/* ---- words.c ---- */

/* How a text is read. */
enum scope_flags {
	SCOPE_QUOTED = 1 << 0, /* as within double quotes */
	SCOPE_SPACES = 1 << 1, /* blanks and operators are ordinary characters */
	SCOPE_SINGLE = 1 << 2, /* '...' quotes */
	SCOPE_DOUBLE = 1 << 3, /* "..." quotes */
	SCOPE_GLOB = 1 << 4,
	SCOPE_EXTGLOB = 1 << 5,
	SCOPE_TILDE = 1 << 6,       /* ~ at the beginning */
	SCOPE_TILDE_COLON = 1 << 7, /* ~ after a colon */
	SCOPE_BRACES = 1 << 8,      /* {a,b} */
	SCOPE_PARENTHESES = 1 << 9, /* stops count only outside of (...) */
	SCOPE_BRACKETS = 1 << 10,   /* ... of [...] */
	SCOPE_TERNARY = 1 << 11,    /* a : that answers a ? is no stop */
	SCOPE_REGEX = 1 << 12,      /* ( | ) and blanks between parentheses are ordinary */
	SCOPE_VERBATIM = 1 << 13,   /* $ and ` are ordinary: the delimiter of a here-document */
	SCOPE_APOSTROPHE = 1 << 15, /* bash: between ' and ' no } is a stop, though both stay */
	SCOPE_PARAMETER = 1 << 14,  /* inside ${...}: \} is an escape also within quotes */
	SCOPE_LIKE_VALUE = 1 << 16, /* bash: ~ after the = of a=~, and after colons behind that */
};

#define SCOPE_WORD                                                                               \
	(SCOPE_SINGLE | SCOPE_DOUBLE | SCOPE_GLOB | SCOPE_EXTGLOB | SCOPE_TILDE | SCOPE_BRACES | \
		SCOPE_LIKE_VALUE)
#define SCOPE_VALUE \
	(SCOPE_SINGLE | SCOPE_DOUBLE | SCOPE_GLOB | SCOPE_EXTGLOB | SCOPE_TILDE | SCOPE_TILDE_COLON)
#define SCOPE_PATTERN \
	(SCOPE_SINGLE | SCOPE_DOUBLE | SCOPE_GLOB | SCOPE_EXTGLOB | SCOPE_TILDE | SCOPE_LIKE_VALUE)

struct scope {
	unsigned flags;
	char stop,
		other_stop; /* 0 = none; also ended by blanks and operators unless SCOPE_SPACES */
};

struct part_list {
	struct shc_part *first, *tail;
};

/* shc_read_word - the word at `pos` (no blanks before it), never NULL; it may be empty. */
struct shc_word *shc_read_word(struct parser *p, struct scope scope);

/* shc_read_double - the "..." at `pos`, which stands in @outside, as a part of @kind that begins at @start. */
void shc_read_double(struct parser *p, enum shc_part_kind kind, uint32_t start,
	struct scope outside, struct part_list *list);

/* shc_word_of - a word of @parts with its summary fields; range [start, end) of the text. */
struct shc_word *shc_word_of(
	struct parser *p, struct shc_part *parts, uint32_t start, uint32_t end);

/* shc_add_part - a new part for [start, end) of the text at the end of @list. */
struct shc_part *shc_add_part(struct parser *p, struct part_list *list, enum shc_part_kind kind,
	uint32_t start, uint32_t end);

/* shc_add_literal - [start, end) of the text as itself, joined with a literal right before it. */
void shc_add_literal(struct parser *p, struct part_list *list, uint32_t start, uint32_t end);

/* shc_refuse_extglob - report the extended pattern at @start, where they are not enabled. */
void shc_refuse_extglob(struct parser *p, uint32_t start);

/* shc_describe - the word of the text at @start for a message, cut: into @buffer of @size bytes. */
const char *shc_describe(const struct parser *p, uint32_t start, char *buffer, size_t size);

/* ---- braces.c: {a,b} and {1..9} among the parts of a word, whose marks are literals with .bracket set ---- */
struct shc_part *shc_expandable_braces(struct parser *p, struct shc_part *parts);

/* ---- substitutions.c ---- */

/* shc_read_dollar - what begins with the $ at `pos`. */
void shc_read_dollar(struct parser *p, struct scope scope, struct part_list *list);
void shc_read_backquotes(struct parser *p, bool quoted, struct part_list *list);
void shc_read_process(struct parser *p, struct part_list *list);

/* shc_is_arithmetic - does the (( at @start close with )), as bash decides it? */
bool shc_is_arithmetic(struct parser *p, uint32_t start);

/* ---- parameters.c ---- */
void shc_read_braced(struct parser *p, struct scope scope, struct part_list *list);

/* shc_read_subscript - [...] at `pos`; false (nothing moved, nothing reported) when it has no end. */
bool shc_read_subscript(struct parser *p, struct shc_subscript *ret);

/* ---- arithmetic.c ---- */

/*
 * shc_arith_of - the tree of the parts of @word, or NULL when there is none, it depends on expansions, or it is wrong:
 * that is reported unless @quiet.
 */
struct shc_arith *shc_arith_of(struct parser *p, const struct shc_word *word, bool quiet);

/* shc_read_arithmetic - arithmetic up to @stop (not consumed) outside of parentheses, and its tree. */
struct shc_arith_text shc_read_arithmetic(struct parser *p, struct scope scope, bool quiet);

/* ---- redirects.c ---- */

/* shc_read_redirect - the redirection that shc_peek() found. */
struct shc_redirect *shc_read_redirect(struct parser *p);

/* shc_read_here_documents - the bodies that wait, from `pos`, the begin of a line. */
void shc_read_here_documents(struct parser *p);

/* shc_drop_here_documents - report those that wait at the end of the input and give them empty bodies. */
void shc_drop_here_documents(struct parser *p);

/* shc_find_value - where the value begins in a word at @start that looks like an assignment; 0 when it does not. */
uint32_t shc_find_value(const struct parser *p, uint32_t start);

/* shc_read_assignment - the assignment at `pos`, or NULL (nothing moved) when the word there is none. */
struct shc_assignment *shc_read_assignment(struct parser *p);

/* ---- commands.c, compounds.c, conditional.c ---- */

/* shc_read_list - statements up to a token that cannot begin one, which stays. */
struct shc_list *shc_read_list(struct parser *p);
struct shc_command *shc_new_command(struct parser *p, enum shc_command_kind kind, uint32_t start);

/* shc_finish_command - set the end of @command to that of the last token and read its redirections. */
void shc_finish_command(struct parser *p, struct shc_command *command);
struct shc_command *shc_read_pipeline_command(struct parser *p);
struct shc_command *shc_read_simple(struct parser *p);

/* shc_read_compound - the compound command that begins at `pos`, or NULL when none does. */
struct shc_command *shc_read_compound(struct parser *p);
struct shc_command *shc_read_function_body(
	struct parser *p, struct shc_command *command, uint32_t start);
struct shc_command *shc_read_test(struct parser *p, uint32_t start);

/* shc_expect - over reserved word @keyword; else report that @what (at @start) lacks it. */
bool shc_expect(struct parser *p, enum keyword keyword, const char *what, uint32_t start);

/* shc_unexpected - report the token or word at `pos` as an error. */
void shc_unexpected(struct parser *p, const char *expected);

/* shc_end_error - report that the source ends inside @what, which begins at @start. */
void shc_end_error(struct parser *p, uint32_t start, const char *what, const char *closer);

#endif
