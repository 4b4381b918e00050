/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory, ranges, errors and nesting: what every part of the parser needs. */
#include "parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/assert.h>

/* After so many errors nobody reads on; the rest of the script is skipped. */
#define ERRORS_MAX 20
#define MESSAGE_BYTES 400

void *shc_take(struct parser *p, size_t size)
{
	void *taken = shc_arena_take(p->arena, size);

	if (!taken)
		longjmp(p->out_of_memory, 1);
	return taken;
}

struct shc_range shc_range_of(const struct parser *p, uint32_t start, uint32_t end)
{
	const struct shc_range *map = p->in.map;

	if (!map)
		return (struct shc_range){start, end};
	return (struct shc_range){
		map[start].start, end > start ? map[end - 1].end : map[start].start};
}

struct shc_text shc_text_of(const struct parser *p, uint32_t start, uint32_t end)
{
	return (struct shc_text){p->in.text + start, end - start};
}

void shc_stop(struct parser *p)
{
	p->stopped = true;
	p->failed = true;
	p->end_reported = true;
	p->in.pos = p->in.end;
	p->token_at = UINT32_MAX;
}

bool shc_enter(struct parser *p)
{
	if (p->depth >= SHC_DEPTH_MAX) {
		if (!p->stopped) {
			(void)shc_fail(p, 905, p->in.pos, p->in.pos,
				"commands, expansions or brackets are nested more than %d deep",
				SHC_DEPTH_MAX);
			shc_stop(p);
		}
		return false;
	}
	p->depth++;
	return true;
}

void shc_leave(struct parser *p)
{
	hb_assert(p->depth > 0);
	p->depth--;
}

struct shc_finding *shc_fail(
	struct parser *p, int id, uint32_t start, uint32_t end, const char *format, ...)
{
	struct shc_range range = shc_range_of(
		p, start < p->in.end ? start : p->in.end, end < p->in.end ? end : p->in.end);
	struct shc_finding *finding;
	char message[MESSAGE_BYTES];
	va_list arguments;

	p->failed = true;
	if (p->stopped || range.start == p->error_offset)
		return NULL;
	p->error_offset = range.start;
	va_start(arguments, format);
	(void)vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	finding = shc_findings_add(p->findings, id, range, "%s", message);
	if (p->at_run_time && p->bash) {
		if (finding)
			finding->severity = SHC_SEVERITY_WARNING;
		return finding;
	}
	if (finding)
		finding->severity = SHC_SEVERITY_ERROR;
	if (++p->script->error_count >= ERRORS_MAX)
		shc_stop(p);
	return finding;
}

struct shc_finding *shc_warn(
	struct parser *p, int id, struct shc_range range, const char *format, ...)
{
	struct shc_finding *finding;
	char message[MESSAGE_BYTES];
	va_list arguments;

	if (p->stopped)
		return NULL;
	va_start(arguments, format);
	(void)vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	finding = shc_findings_add(p->findings, id, range, "%s", message);
	if (finding && finding->severity == SHC_SEVERITY_ERROR)
		finding->severity = SHC_SEVERITY_WARNING;
	return finding;
}

void shc_dialect_error(struct parser *p, uint32_t start, uint32_t end, const char *what)
{
	bool failed = p->failed;
	struct shc_finding *finding = shc_fail(p, 913, start, end, "%s, which %s refuses", what,
		p->dialect == SHC_DASH ? "dash" : "sh");

	shc_finding_hint(p->findings, finding,
		"start the script with #!/bin/bash, or write it without this");
	if (!p->stopped)
		p->failed = failed;
}

void shc_begin_inner(struct parser *p, struct outer *ret)
{
	ret->in = p->in;
	ret->pending = p->pending;
	ret->pending_last = p->pending_last;
	memcpy(ret->open, p->open, sizeof(p->open));
	ret->open_parentheses = p->open_parentheses;
	ret->last_end = p->last_end;
	ret->at_run_time = p->at_run_time;
	memset(p->open, 0, sizeof(p->open));
	p->open_parentheses = 0;
	p->pending = NULL;
	p->pending_last = &p->pending;
	p->token_at = UINT32_MAX;
}

void shc_end_inner(struct parser *p, const struct outer *outer, bool keep_input)
{
	if (!keep_input)
		p->in = outer->in;
	if (p->stopped)
		p->in.pos = p->in.end;
	/* Here-documents that were announced inside and not begun there come first on the next line. */
	if (p->pending) {
		struct here_document *first = p->pending, **last = p->pending_last;

		p->pending = outer->pending;
		p->pending_last = outer->pending ? outer->pending_last : &p->pending;
		*p->pending_last = first;
		p->pending_last = last;
	} else {
		p->pending = outer->pending;
		p->pending_last = outer->pending ? outer->pending_last : &p->pending;
	}
	memcpy(p->open, outer->open, sizeof(p->open));
	p->open_parentheses = outer->open_parentheses;
	p->last_end = outer->last_end;
	p->at_run_time = outer->at_run_time;
	p->token_at = UINT32_MAX;
}
