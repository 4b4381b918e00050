/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Redirections and the bodies of here-documents (POSIX.1-2017 XCU 2.7). */
#include "parser.h"

#include <string.h>

/* Find in bytes [start, end) a line that is the delimiter but for blanks around it: the likely mistake. */
#define NEAR_MISS_LINES_MAX 100000

static void await_body(struct parser *p, struct shc_redirect *redirect)
{
	struct here_document *document = shc_take(p, sizeof(*document));

	document->redirect = redirect;
	/* Should the source end before the body, it is empty. */
	redirect->body = shc_word_of(p, NULL, p->in.pos, p->in.pos);
	redirect->body_range = redirect->body->range;
	*p->pending_last = document;
	p->pending_last = &document->next;
}

static void read_target(struct parser *p, struct shc_redirect *redirect, uint32_t start)
{
	struct scope scope = {.flags = SCOPE_WORD};
	const struct token *token = shc_peek(p);

	if (redirect->kind == SHC_REDIRECT_HERE_DOCUMENT)
		scope = (struct scope){.flags = SCOPE_SINGLE | SCOPE_DOUBLE | SCOPE_VERBATIM};
	else if (redirect->kind == SHC_REDIRECT_HERE_STRING)
		scope = (struct scope){.flags = SCOPE_SINGLE | SCOPE_DOUBLE | SCOPE_TILDE};
	if (token->kind != TOKEN_WORD) {
		char text[40];

		if (token->kind == TOKEN_END || token->kind == TOKEN_NEWLINE)
			(void)shc_fail(p, 901, start, p->last_end,
				"nothing follows this redirection on its line");
		else
			(void)shc_fail(p, 901, token->start, token->start + 1,
				"a redirection needs a word after it, not '%s'",
				shc_describe(p, token->start, text, sizeof(text)));
		return;
	}
	redirect->target = shc_read_word(p, scope);
}

struct shc_redirect *shc_read_redirect(struct parser *p)
{
	struct token token = *shc_peek(p);
	struct shc_redirect *redirect = shc_take(p, sizeof(*redirect));
	const char *text = p->in.text;

	redirect->kind = token.redirect;
	redirect->fd = -1;
	if (token.operator_start > token.start && text[token.start] == '{') {
		redirect->fd_name = shc_text_of(p, token.start + 1, token.operator_start - 1);
	} else if (token.operator_start > token.start) {
		int64_t fd = 0;

		for (uint32_t i = token.start; i < token.operator_start && fd < INT32_MAX / 10; i++)
			fd = fd * 10 + (text[i] - '0');
		redirect->fd = (int32_t)fd;
	}
	redirect->strip_tabs =
		token.redirect == SHC_REDIRECT_HERE_DOCUMENT && text[token.end - 1] == '-';
	shc_advance(p);
	shc_skip_blanks(p);
	read_target(p, redirect, token.start);
	if (p->failed)
		return NULL;
	redirect->range = shc_range_of(p, token.start, p->last_end);
	if (redirect->kind == SHC_REDIRECT_HERE_DOCUMENT) {
		redirect->delimiter = redirect->target->literal;
		redirect->literal_body = redirect->target->quoted;
		await_body(p, redirect);
	}
	return redirect;
}

/* One line of a here-document, or several that backslashes join. */
struct line {
	uint32_t start, end; /* without the newline */
	uint32_t next;       /* where the next one begins */
	bool joined;
};

static bool ends_in_continuation(const char *text, uint32_t start, uint32_t end)
{
	uint32_t count = 0;

	while (end - count > start && text[end - count - 1] == '\\')
		count++;
	return count % 2 == 1;
}

static struct line next_line(const struct parser *p, uint32_t at, bool joins)
{
	struct line line = {.start = at};

	for (;;) {
		const char *newline = memchr(p->in.text + at, '\n', p->in.end - at);

		line.end = newline ? (uint32_t)(newline - p->in.text) : p->in.end;
		line.next = newline ? line.end + 1 : p->in.end;
		if (!joins || !newline || !ends_in_continuation(p->in.text, at, line.end))
			return line;
		line.joined = true;
		at = line.next;
		if (at >= p->in.end)
			return line;
	}
}

/* Is @line the delimiter? Tabs before it go if @strip; pairs of backslash and newline always. */
static bool is_delimiter(
	const struct parser *p, const struct line *line, const struct shc_redirect *r)
{
	uint32_t at = line->start, matched = 0, end = line->end;
	const char *text = p->in.text;

	if (r->strip_tabs) {
		while (at < end && text[at] == '\t')
			at++;
	}
	if (p->crlf && end > at && text[end - 1] == '\r')
		end--;
	if (!line->joined)
		return end - at == r->delimiter.length &&
		       memcmp(text + at, r->delimiter.bytes, r->delimiter.length) == 0;
	for (; at < end; at++) {
		if (text[at] == '\\' && at + 1 < end && text[at + 1] == '\n') {
			at++;
			continue;
		}
		if (matched >= r->delimiter.length || text[at] != r->delimiter.bytes[matched++])
			return false;
	}
	return matched == r->delimiter.length;
}

/* Text [start, end) without the tabs that begin its lines, every byte with its place in the source. */
static struct input strip_tabs(struct parser *p, uint32_t start, uint32_t end)
{
	char *text = shc_take(p, (size_t)(end - start) + 1);
	struct shc_range *map = shc_take(p, ((size_t)(end - start) + 1) * sizeof(*map));
	uint32_t length = 0;
	bool begins = true;

	for (uint32_t at = start; at < end; at++) {
		char c = p->in.text[at];

		if (begins && c == '\t')
			continue;
		begins = c == '\n';
		text[length] = c;
		map[length++] = shc_range_of(p, at, at + 1);
	}
	map[length] = shc_range_of(p, end, end);
	return (struct input){text, map, 0, length};
}

static void read_body(struct parser *p, struct shc_redirect *redirect, uint32_t start, uint32_t end)
{
	struct shc_word *body = NULL;
	struct outer outer;
	uint32_t from;

	redirect->body_range = shc_range_of(p, start, end);
	shc_begin_inner(p, &outer);
	p->at_run_time = true;
	if (redirect->strip_tabs && memchr(p->in.text + start, '\t', end - start))
		p->in = strip_tabs(p, start, end);
	else
		p->in = (struct input){p->in.text, p->in.map, start, end};
	from = p->in.pos;
	if (redirect->literal_body) {
		struct part_list list = {NULL, NULL};

		if (p->in.end > from)
			shc_add_part(p, &list, SHC_PART_LITERAL, from, p->in.end)->text =
				shc_text_of(p, from, p->in.end);
		body = shc_word_of(p, list.first, from, p->in.end);
	} else if (shc_enter(p)) {
		body = shc_read_word(p, (struct scope){.flags = SCOPE_QUOTED | SCOPE_SPACES});
		shc_leave(p);
	}
	/* What is wrong inside was reported; the lines after the document are not affected. */
	if (body && !p->failed)
		redirect->body = body;
	redirect->body->range = redirect->body_range;
	if (p->pending)
		shc_drop_here_documents(p);
	shc_end_inner(p, &outer, false);
	if (!p->stopped) {
		p->failed = false;
		p->end_reported = false;
	}
}

/* A line that would be the delimiter without its blanks, for the hint. */
static bool find_near_miss(const struct parser *p, uint32_t at, const struct shc_redirect *redirect,
	struct shc_range *ret)
{
	uint32_t length = redirect->delimiter.length;

	for (int lines = 0; at < p->in.end && length > 0 && lines < NEAR_MISS_LINES_MAX; lines++) {
		struct line line = next_line(p, at, false);
		uint32_t start = line.start, end = line.end;

		while (start < end && strchr(" \t", p->in.text[start]) && p->in.text[start])
			start++;
		while (end > start && strchr(" \t\r", p->in.text[end - 1]) && p->in.text[end - 1])
			end--;
		if (end - start == length &&
			memcmp(p->in.text + start, redirect->delimiter.bytes, length) == 0) {
			*ret = shc_range_of(p, line.start, line.end);
			return true;
		}
		at = line.next;
	}
	return false;
}

static void report_unterminated(struct parser *p, struct shc_redirect *redirect, uint32_t start)
{
	struct shc_range near_miss;
	struct shc_finding *finding;

	redirect->unterminated = true;
	finding = shc_warn(p, 910, redirect->range,
		"the here-document is not ended by a line '%.*s', so it reaches to the end",
		(int)(redirect->delimiter.length < 60 ? redirect->delimiter.length : 60),
		redirect->delimiter.bytes);
	if (find_near_miss(p, start, redirect, &near_miss)) {
		shc_finding_relate(p->findings, finding, near_miss,
			"this line has blanks before or after the delimiter");
		shc_finding_hint(p->findings, finding,
			"the delimiter stands alone on its line; only <<- allows tabs before it");
	} else {
		shc_finding_hint(p->findings, finding, "add the line that ends it");
	}
}

void shc_read_here_documents(struct parser *p)
{
	struct here_document *document = p->pending;

	p->pending = NULL;
	p->pending_last = &p->pending;
	for (; document && !p->stopped; document = document->next) {
		struct shc_redirect *redirect = document->redirect;
		uint32_t start = p->in.pos, at = start;
		struct line line;
		bool found = false;

		while (at < p->in.end) {
			line = next_line(p, at, !redirect->literal_body);
			found = is_delimiter(p, &line, redirect);
			if (found)
				break;
			at = line.next;
		}
		if (!found)
			report_unterminated(p, redirect, start);
		read_body(p, redirect, start, at);
		p->in.pos = found ? line.next : at;
		if (p->stopped)
			p->in.pos = p->in.end;
	}
	p->token_at = UINT32_MAX;
}

void shc_drop_here_documents(struct parser *p)
{
	for (struct here_document *document = p->pending; document; document = document->next)
		report_unterminated(p, document->redirect, p->in.pos);
	p->pending = NULL;
	p->pending_last = &p->pending;
}
