/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operators, reserved words, blanks and comments (POSIX.1-2017 XCU 2.3, 2.4). */
#include "parser.h"

#include <string.h>

#include <hotbed/assert.h>

#define KEYWORD_BYTES_MAX 8

static const char *const keyword_texts[KEYWORD_COUNT] = {"", "!", "{", "}", "case", "do", "done",
	"elif", "else", "esac", "fi", "for", "if", "in", "then", "until", "while", "[[", "]]",
	"coproc", "function", "select", "time"};

const char *shc_keyword_text(enum keyword keyword)
{
	return keyword_texts[keyword];
}

static bool is_continuation(const struct parser *p, uint32_t at)
{
	return at + 1 < p->in.end && p->in.text[at] == '\\' && p->in.text[at + 1] == '\n';
}

static uint32_t after_continuations(const struct parser *p, uint32_t at)
{
	while (is_continuation(p, at))
		at += 2;
	return at;
}

/* Is the \r at @at the end of a line, in a script whose lines end in \r\n? */
static bool is_crlf(const struct parser *p, uint32_t at)
{
	return p->crlf && p->in.text[at] == '\r' && at + 1 < p->in.end &&
	       p->in.text[at + 1] == '\n';
}

static void record_comment(struct parser *p, uint32_t start, uint32_t end)
{
	struct shc_range range = shc_range_of(p, start, end);
	struct shc_comment *comment;

	/* What is read twice, to look ahead, is recorded once. */
	if (range.start < p->commented)
		return;
	comment = shc_take(p, sizeof(*comment));
	comment->range = range;
	*p->comment_last = comment;
	p->comment_last = &comment->next;
	p->commented = range.end;
}

void shc_skip_blanks(struct parser *p)
{
	const char *text = p->in.text;
	uint32_t at = p->in.pos, end = p->in.end;

	while (at < end) {
		char c = text[at];

		if (c == ' ' || c == '\t' || is_crlf(p, at)) {
			at++;
		} else if (is_continuation(p, at)) {
			at += 2;
		} else if (c == '#') {
			const char *newline = memchr(text + at, '\n', end - at);
			uint32_t start = at;

			at = newline ? (uint32_t)(newline - text) : end;
			record_comment(p, start, at);
		} else {
			break;
		}
	}
	p->in.pos = at;
}

/* The operators, longest first among those of one first character. */
struct operator
{
	const char *text;
	enum token_kind kind;
	enum shc_redirect_kind redirect;
	bool bash;
};

static const struct operator operators[] = {
	{"\n", TOKEN_NEWLINE, 0, false},
	{";;&", TOKEN_CASE_CONTINUE, 0, true},
	{";;", TOKEN_CASE_BREAK, 0, false},
	{";&", TOKEN_CASE_FALL, 0, true},
	{";", TOKEN_SEMICOLON, 0, false},
	{"&>>", TOKEN_REDIRECT, SHC_REDIRECT_BOTH_APPEND, true},
	{"&>", TOKEN_REDIRECT, SHC_REDIRECT_BOTH, true},
	{"&&", TOKEN_AND, 0, false},
	{"&", TOKEN_AMPERSAND, 0, false},
	{"||", TOKEN_OR, 0, false},
	{"|&", TOKEN_PIPE_BOTH, 0, true},
	{"|", TOKEN_PIPE, 0, false},
	{"(", TOKEN_OPEN, 0, false},
	{")", TOKEN_CLOSE, 0, false},
	{"<<<", TOKEN_REDIRECT, SHC_REDIRECT_HERE_STRING, true},
	{"<<-", TOKEN_REDIRECT, SHC_REDIRECT_HERE_DOCUMENT, false},
	{"<<", TOKEN_REDIRECT, SHC_REDIRECT_HERE_DOCUMENT, false},
	{"<&", TOKEN_REDIRECT, SHC_REDIRECT_DUP_INPUT, false},
	{"<>", TOKEN_REDIRECT, SHC_REDIRECT_READ_WRITE, false},
	{"<", TOKEN_REDIRECT, SHC_REDIRECT_INPUT, false},
	{">>", TOKEN_REDIRECT, SHC_REDIRECT_APPEND, false},
	{">|", TOKEN_REDIRECT, SHC_REDIRECT_CLOBBER, false},
	{">&", TOKEN_REDIRECT, SHC_REDIRECT_DUP_OUTPUT, false},
	{">", TOKEN_REDIRECT, SHC_REDIRECT_OUTPUT, false},
};

/* The end of operator @text at @at (line continuations between its characters removed), or 0. */
static uint32_t match_operator(const struct parser *p, uint32_t at, const char *text)
{
	for (; *text; text++) {
		if (at >= p->in.end || p->in.text[at] != *text)
			return 0;
		at++;
		if (text[1])
			at = after_continuations(p, at);
	}
	return at;
}

/*
 * In sh, bash's operators that sh refuses are read as bash does, for the sake of the rest; &> means something there:
 * a command in the background.
 */
static bool is_operator_known(
	struct parser *p, const struct operator* operator, uint32_t at, uint32_t end)
{
	if (!operator->bash || p->bash)
		return true;
	if (operator->redirect == SHC_REDIRECT_BOTH || operator->redirect ==
		SHC_REDIRECT_BOTH_APPEND) {
		struct shc_finding *finding;

		finding = shc_warn(p, 913, shc_range_of(p, at, end),
			"in sh, & ends the command, which runs in the background, and > empties "
			"the file");
		shc_finding_hint(p->findings, finding, "write >FILE 2>&1");
		return false;
	}
	shc_dialect_error(p, at,
		end,
		operator->kind == TOKEN_REDIRECT  ? "<<< is a here-string of bash" :
		operator->kind == TOKEN_PIPE_BOTH ? "|& is an operator of bash"
						  : "this end of a case item is of bash");
	return true;
}

static bool find_operator(struct parser *p, uint32_t at)
{
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		const struct operator* operator= & operators[i];
		uint32_t end;

		if (operator->text[0] != p->in.text[at])
			continue;
		end = match_operator(p, at, operator->text);
		if (end == 0 || !is_operator_known(p, operator, at, end))
			continue;
		p->token.kind = operator->kind;
		p->token.redirect = operator->redirect;
		p->token.operator_start = at;
		p->token.end = end;
		return true;
	}
	return false;
}

/* The < or > that a number or {name} at @at stands directly before, or 0. */
static uint32_t find_descriptor_end(const struct parser *p, uint32_t at)
{
	const char *text = p->in.text;
	uint32_t start = at;

	if (text[at] == '{' && p->bash) {
		at++;
		while (at < p->in.end && shc_is_name_char((unsigned char)text[at]))
			at++;
		if (!shc_is_name(p, start + 1, at) || at >= p->in.end || text[at] != '}')
			return 0;
		at++;
	} else {
		while (at < p->in.end && shc_is_digit((unsigned char)text[at]))
			at++;
	}
	return at > start && at < p->in.end && (text[at] == '<' || text[at] == '>') ? at : 0;
}

/* <( and >( begin a word in bash. */
static bool is_process(const struct parser *p, uint32_t at)
{
	return at + 1 < p->in.end && p->in.text[at + 1] == '(' &&
	       (p->in.text[at] == '<' || p->in.text[at] == '>');
}

const struct token *shc_peek(struct parser *p)
{
	uint32_t at, descriptor;
	char c;

	if (p->token_at == p->in.pos)
		return &p->token;
	shc_skip_blanks(p);
	at = p->in.pos;
	p->token = (struct token){.kind = TOKEN_WORD, .start = at, .end = at};
	p->token_at = at;
	if (at >= p->in.end) {
		p->token.kind = TOKEN_END;
		return &p->token;
	}
	c = p->in.text[at];
	if ((shc_is_digit((unsigned char)c) || c == '{') &&
		(descriptor = find_descriptor_end(p, at)) != 0 && !is_process(p, descriptor)) {
		(void)find_operator(p, descriptor);
		return &p->token;
	}
	if (strchr("\n;&|()<>", c) && c != '\0' && !is_process(p, at))
		(void)find_operator(p, at);
	return &p->token;
}

void shc_advance(struct parser *p)
{
	hb_assert(p->token_at == p->in.pos && p->token.kind != TOKEN_WORD);
	if (p->token.kind == TOKEN_END)
		return;
	if (p->stopped)
		return;
	p->in.pos = p->token.end;
	p->token_at = UINT32_MAX;
	if (p->token.kind == TOKEN_NEWLINE) {
		if (p->pending)
			shc_read_here_documents(p);
	} else {
		p->last_end = p->token.end;
	}
}

void shc_skip_newlines(struct parser *p)
{
	while (shc_peek(p)->kind == TOKEN_NEWLINE)
		shc_advance(p);
}

static bool ends_keyword(struct parser *p, uint32_t at)
{
	char c;

	if (at >= p->in.end)
		return true;
	c = p->in.text[at];
	if (is_crlf(p, at)) {
		p->crlf_breaks = true;
		return true;
	}
	return c != '\0' && strchr(" \t\n;&|()<>", c) != NULL;
}

enum keyword shc_keyword(struct parser *p, uint32_t *ret_end)
{
	char word[KEYWORD_BYTES_MAX + 1];
	uint32_t at, length = 0;
	int count = p->bash ? KEYWORD_COUNT : KEYWORD_OPEN_TEST;

	if (shc_peek(p)->kind != TOKEN_WORD)
		return KEYWORD_NONE;
	at = p->in.pos;
	while (length <= KEYWORD_BYTES_MAX && at < p->in.end) {
		char c = p->in.text[at];

		if (!((c >= 'a' && c <= 'z') || c == '!' || c == '{' || c == '}' || c == '[' ||
			    c == ']'))
			break;
		if (length == KEYWORD_BYTES_MAX)
			return KEYWORD_NONE;
		word[length++] = c;
		at = after_continuations(p, at + 1);
	}
	if (length == 0 || !ends_keyword(p, at))
		return KEYWORD_NONE;
	word[length] = '\0';
	for (int i = 1; i < count; i++) {
		if (keyword_texts[i][0] == word[0] && strcmp(keyword_texts[i], word) == 0) {
			*ret_end = at;
			return (enum keyword)i;
		}
	}
	return KEYWORD_NONE;
}

bool shc_is_name(const struct parser *p, uint32_t start, uint32_t end)
{
	if (start >= end || !shc_is_name_start((unsigned char)p->in.text[start]))
		return false;
	for (uint32_t i = start + 1; i < end; i++) {
		if (!shc_is_name_char((unsigned char)p->in.text[i]))
			return false;
	}
	return true;
}
