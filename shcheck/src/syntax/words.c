/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words and their parts: quotes, globs, tildes, and the loop over what may stand in a text. */
#include "parser.h"

#include <stdio.h>
#include <string.h>

/* What ends a run of ordinary characters. */
enum character_class {
	SPECIAL_UNQUOTED = 1, /* outside of quotes */
	SPECIAL_QUOTED = 2,   /* inside of double quotes */
	SPECIAL_NESTED = 4,   /* inside of double quotes where brackets are counted */
	METACHARACTER = 8,    /* ends an unquoted word */
};

#define U SPECIAL_UNQUOTED
#define UM (SPECIAL_UNQUOTED | METACHARACTER)
#define UN (SPECIAL_UNQUOTED | SPECIAL_NESTED)
#define UQ (SPECIAL_UNQUOTED | SPECIAL_QUOTED | SPECIAL_NESTED)

static const unsigned char classes[256] = {
	['\\'] = UQ,
	['$'] = UQ,
	['`'] = UQ,
	['"'] = UQ,
	['\''] = UN,
	['('] = UM | SPECIAL_NESTED,
	[')'] = UM | SPECIAL_NESTED,
	[':'] = UN,
	['?'] = UN,
	[']'] = UN,
	['['] = UN,
	['*'] = U,
	['~'] = U,
	['{'] = U,
	['}'] = U,
	[','] = U,
	['@'] = U,
	['+'] = U,
	['!'] = U,
	['\r'] = U,
	['|'] = UM,
	['&'] = UM,
	[';'] = UM,
	['<'] = UM,
	['>'] = UM,
	[' '] = UM,
	['\t'] = UM,
	['\n'] = UM,
};

#undef U
#undef UM
#undef UN
#undef UQ

/* How many (, [ and ? are open, while a text is read, and whether a ' is. */
struct nesting {
	uint32_t parentheses, brackets, ternaries;
	bool apostrophe;
	uint32_t apostrophe_start;
};

struct shc_part *shc_add_part(struct parser *p, struct part_list *list, enum shc_part_kind kind,
	uint32_t start, uint32_t end)
{
	struct shc_part *part = shc_take(p, sizeof(*part));

	part->kind = kind;
	part->range = shc_range_of(p, start, end);
	if (list->tail)
		list->tail->next = part;
	else
		list->first = part;
	list->tail = part;
	return part;
}

static void add_text(struct parser *p, struct part_list *list, enum shc_part_kind kind,
	uint32_t start, uint32_t end)
{
	struct shc_part *tail = list->tail;

	/* Neighbours in the text become one literal. */
	if (kind == SHC_PART_LITERAL && tail && tail->kind == SHC_PART_LITERAL && !tail->bracket &&
		tail->text.bytes + tail->text.length == p->in.text + start) {
		tail->text.length += end - start;
		tail->range.end = shc_range_of(p, start, end).end;
		return;
	}
	shc_add_part(p, list, kind, start, end)->text = shc_text_of(p, start, end);
}

void shc_add_literal(struct parser *p, struct part_list *list, uint32_t start, uint32_t end)
{
	add_text(p, list, SHC_PART_LITERAL, start, end);
}

/* One character as itself. */
static void take_character(struct parser *p, struct part_list *list)
{
	add_text(p, list, SHC_PART_LITERAL, p->in.pos, p->in.pos + 1);
	p->in.pos++;
}

static void read_single(struct parser *p, struct part_list *list)
{
	uint32_t start = p->in.pos;
	const char *from = p->in.text + start + 1;
	const char *close = memchr(from, '\'', p->in.end - start - 1);
	struct shc_part *part;
	uint32_t end;

	if (!close) {
		p->in.pos = p->in.end;
		shc_end_error(p, start, "string in single quotes", "'");
		return;
	}
	end = (uint32_t)(close - p->in.text);
	part = shc_add_part(p, list, SHC_PART_SINGLE, start, end + 1);
	part->text = shc_text_of(p, start + 1, end);
	if (memchr(from, '\n', part->text.length))
		p->long_string = part->range;
	p->in.pos = end + 1;
}

static struct shc_part *read_double_parts(struct parser *p, uint32_t start, unsigned flags);

void shc_read_double(struct parser *p, enum shc_part_kind kind, uint32_t start,
	struct scope outside, struct part_list *list)
{
	struct shc_part *parts, *part;

	p->in.pos++;
	parts = read_double_parts(p, start, outside.flags & SCOPE_VERBATIM);
	if (p->failed)
		return;
	part = shc_add_part(p, list, kind, start, p->in.pos);
	part->parts = parts;
	if (memchr(p->in.text + start, '\n', p->in.pos - start))
		p->long_string = part->range;
}

/* A backslash: an escape, a line continuation, or itself. */
static void read_backslash(struct parser *p, struct scope scope, struct part_list *list)
{
	int next = shc_char(p, 1);
	uint32_t start = p->in.pos;

	if (next == '\n' && !(scope.flags & SCOPE_VERBATIM)) {
		p->in.pos += 2;
		return;
	}
	/* At the end of the text it stands for itself, as if it were escaped. */
	if (next < 0 && !(scope.flags & SCOPE_QUOTED)) {
		shc_add_part(p, list, SHC_PART_ESCAPE, start, start + 1)->text =
			shc_text_of(p, start, start + 1);
		p->in.pos++;
		return;
	}
	if (next < 0) {
		take_character(p, list);
		return;
	}
	if (!(scope.flags & SCOPE_QUOTED)) {
		shc_add_part(p, list, SHC_PART_ESCAPE, start, start + 2)->text =
			shc_text_of(p, start + 1, start + 2);
		p->in.pos += 2;
		return;
	}
	if (next == '$' || next == '`' || next == '\\' ||
		(next == '"' && scope.flags & (SCOPE_DOUBLE | SCOPE_PARAMETER)) ||
		(next == '"' && scope.stop == '"') ||
		(next == '}' && scope.flags & SCOPE_PARAMETER)) {
		shc_add_part(p, list, SHC_PART_LITERAL, start, start + 2)->text =
			shc_text_of(p, start + 1, start + 2);
		p->in.pos += 2;
		return;
	}
	take_character(p, list);
}

/* The end of the bracket expression at @start: after its ], 0 when it is none, UINT32_MAX when it holds quotes or $. */
static uint32_t find_bracket_end(struct parser *p, uint32_t start, struct scope scope)
{
	const char *text = p->in.text;
	uint32_t at = start + 1;

	if (start < p->no_bracket_until)
		return 0;
	if (at < p->in.end && (text[at] == '!' || text[at] == '^'))
		at++;
	if (at < p->in.end && text[at] == ']')
		at++;
	for (; at < p->in.end; at++) {
		char c = text[at];

		if (c == ']')
			return at + 1;
		if (c == '[' && at + 1 < p->in.end && strchr(":.=", text[at + 1]) && text[at + 1]) {
			const char mark = text[at + 1];
			uint32_t inner = at + 2;

			while (inner + 1 < p->in.end && text[inner] != ']' &&
				!(classes[(unsigned char)text[inner]] & METACHARACTER))
				inner++;
			if (text[inner] == ']' && inner > at + 2 && text[inner - 1] == mark)
				at = inner;
			continue;
		}
		if (c == '\'' || c == '"' || c == '$' || c == '`')
			return UINT32_MAX;
		if (c == '\\' && at + 1 < p->in.end && text[at + 1] != '\n') {
			at++;
			continue;
		}
		if (c == scope.stop || c == scope.other_stop ||
			(classes[(unsigned char)c] & METACHARACTER &&
				!(scope.flags & SCOPE_SPACES)))
			break;
	}
	p->no_bracket_until = at;
	return 0;
}

static void read_bracket(struct parser *p, struct scope scope, struct part_list *list)
{
	uint32_t end = find_bracket_end(p, p->in.pos, scope);

	if (end == 0) {
		take_character(p, list);
	} else if (end == UINT32_MAX) {
		add_text(p, list, SHC_PART_GLOB_OPEN, p->in.pos, p->in.pos + 1);
		p->in.pos++;
	} else {
		add_text(p, list, SHC_PART_GLOB, p->in.pos, end);
		p->in.pos = end;
	}
}

static void read_parts(struct parser *p, struct scope scope, struct part_list *list);

/* @(a|b) and its kin at `pos`. */
static void read_extglob(struct parser *p, struct scope scope, struct part_list *list)
{
	struct scope inner = {.flags = (scope.flags & (SCOPE_SINGLE | SCOPE_DOUBLE)) |
				       SCOPE_SPACES | SCOPE_GLOB | SCOPE_EXTGLOB |
				       SCOPE_PARENTHESES,
		.stop = '|',
		.other_stop = ')'};
	uint32_t start = p->in.pos;
	struct shc_word *first = NULL, **last = &first;
	struct shc_part *part;

	if (!shc_enter(p))
		return;
	p->in.pos++;
	do {
		p->in.pos++;
		*last = shc_read_word(p, inner);
		last = &(*last)->next;
	} while (!p->failed && shc_char(p, 0) == '|');
	shc_leave(p);
	if (p->failed)
		return;
	if (shc_char(p, 0) != ')') {
		shc_end_error(p, start, "extended pattern", ")");
		return;
	}
	p->in.pos++;
	part = shc_add_part(p, list, SHC_PART_EXTGLOB, start, p->in.pos);
	part->extglob.operator= p->in.text[start];
	part->extglob.alternatives = first;
}

void shc_refuse_extglob(struct parser *p, uint32_t start)
{
	shc_finding_hint(p->findings,
		shc_fail(p, 914, start, start + 2,
			"this is an extended pattern, and extglob is not set above"),
		"put 'shopt -s extglob' on a line of its own before it");
}

static bool begins_extglob(struct parser *p, struct scope scope)
{
	if (shc_char(p, 1) != '(' || !(scope.flags & SCOPE_EXTGLOB) || !p->bash)
		return false;
	if (p->extglob)
		return true;
	/* Without the option, !( is a negated subshell. */
	if (shc_char(p, 0) == '!')
		return false;
	shc_refuse_extglob(p, p->in.pos);
	p->extglob = true;
	if (!p->stopped)
		p->failed = false;
	return !p->failed;
}

static void read_tilde(struct parser *p, struct scope scope, struct part_list *list)
{
	const char *text = p->in.text;
	uint32_t at = p->in.pos + 1;
	char c;

	while (at < p->in.end && (shc_is_name_char((unsigned char)text[at]) || text[at] == '-' ||
					 text[at] == '.' || text[at] == '+'))
		at++;
	c = at < p->in.end ? text[at] : '\0';
	/* A quote or an expansion in the name takes its meaning away. */
	if (at < p->in.end && c != '/' &&
		!(c == ':' && (scope.flags & SCOPE_TILDE_COLON || p->dialect == SHC_BASH)) &&
		c != scope.stop && c != scope.other_stop && c != '\r' &&
		!(classes[(unsigned char)c] & METACHARACTER)) {
		take_character(p, list);
		return;
	}
	shc_add_part(p, list, SHC_PART_TILDE, p->in.pos, at)->text =
		shc_text_of(p, p->in.pos + 1, at);
	p->in.pos = at;
}

/* Does the ~ at `pos`, which is no beginning of the word, stand behind a = or : where bash expands it? */
static bool follows_value(struct parser *p, struct scope scope, const struct part_list *list)
{
	const struct shc_part *first = list->first, *tail = list->tail;
	const char *before = p->in.text + p->in.pos - 1;

	if (!(scope.flags & SCOPE_LIKE_VALUE) || !p->bash || first->kind != SHC_PART_LITERAL ||
		tail->kind != SHC_PART_LITERAL || (*before != '=' && *before != ':') ||
		tail->text.bytes + tail->text.length != before + 1)
		return false;
	if (p->like_value_of != first->text.bytes) {
		p->like_value_of = first->text.bytes;
		p->like_value_at = shc_find_value(p, (uint32_t)(first->text.bytes - p->in.text));
	}
	return p->like_value_at &&
	       (*before == '=' ? p->in.pos == p->like_value_at : p->in.pos > p->like_value_at);
}

/* One of ( ) [ ] ? : that may nest. Returns true when it was counted, and is then an ordinary character. */
static bool count_nesting(struct parser *p, struct scope scope, char c, struct nesting *nesting,
	struct part_list *list)
{
	if (scope.flags & SCOPE_PARENTHESES && c == '(')
		nesting->parentheses++;
	else if (scope.flags & SCOPE_PARENTHESES && c == ')' && nesting->parentheses)
		nesting->parentheses--;
	else if (scope.flags & SCOPE_BRACKETS && c == '[')
		nesting->brackets++;
	else if (scope.flags & SCOPE_BRACKETS && c == ']' && nesting->brackets)
		nesting->brackets--;
	else if (scope.flags & SCOPE_TERNARY && c == '?')
		nesting->ternaries++;
	else if (scope.flags & SCOPE_TERNARY && c == ':' && nesting->ternaries)
		nesting->ternaries--;
	else if (scope.flags & SCOPE_APOSTROPHE && c == '\'')
		nesting->apostrophe = !nesting->apostrophe;
	else
		return false;
	nesting->apostrophe_start = p->in.pos;
	take_character(p, list);
	return true;
}

static bool is_stop(
	const struct parser *p, struct scope scope, char c, const struct nesting *nesting)
{
	if (nesting->parentheses || nesting->brackets || nesting->apostrophe)
		return false;
	if (c == scope.stop || c == scope.other_stop)
		return c != '\0';
	if (scope.flags & SCOPE_SPACES)
		return false;
	if (c == '\r')
		return p->crlf && shc_char(p, 1) == '\n';
	if (!(classes[(unsigned char)c] & METACHARACTER))
		return false;
	if ((c == '<' || c == '>') && shc_char(p, 1) == '(')
		return scope.flags & SCOPE_VERBATIM;
	return !(scope.flags & SCOPE_REGEX && (c == '(' || c == '|'));
}

/* A { , or } that may belong to a brace expansion. */
static void mark_brace(struct parser *p, struct part_list *list)
{
	struct shc_part *part = shc_add_part(p, list, SHC_PART_LITERAL, p->in.pos, p->in.pos + 1);

	part->text = shc_text_of(p, p->in.pos, p->in.pos + 1);
	part->bracket = true;
	p->in.pos++;
}

/* A special character outside of double quotes, other than quotes, $ and backslash. */
static void read_unquoted(struct parser *p, struct scope scope, char c, struct part_list *list)
{
	bool extended = c == '?' || c == '*' || c == '+' || c == '@' || c == '!';

	if (extended && begins_extglob(p, scope)) {
		read_extglob(p, scope, list);
	} else if ((c == '*' || c == '?') && scope.flags & SCOPE_GLOB) {
		add_text(p, list, SHC_PART_GLOB, p->in.pos, p->in.pos + 1);
		p->in.pos++;
	} else if (c == '[' && scope.flags & SCOPE_GLOB) {
		read_bracket(p, scope, list);
	} else if (c == '~' && scope.flags & SCOPE_TILDE &&
		   (!list->first || follows_value(p, scope, list))) {
		read_tilde(p, scope, list);
	} else if (c == ':' && scope.flags & SCOPE_TILDE_COLON && shc_char(p, 1) == '~') {
		take_character(p, list);
		read_tilde(p, scope, list);
	} else if ((c == '{' || c == ',' || c == '}') && scope.flags & SCOPE_BRACES && p->bash) {
		mark_brace(p, list);
	} else if ((c == '<' || c == '>') && !(scope.flags & SCOPE_SPACES) &&
		   shc_char(p, 1) == '(') {
		shc_read_process(p, list);
	} else {
		take_character(p, list);
	}
}

static void read_special(struct parser *p, struct scope scope, char c, struct part_list *list)
{
	if (c == '\\')
		read_backslash(p, scope, list);
	else if (c == '\'' && scope.flags & SCOPE_SINGLE)
		read_single(p, list);
	else if (c == '"' && scope.flags & SCOPE_DOUBLE)
		shc_read_double(p, SHC_PART_DOUBLE, p->in.pos, scope, list);
	else if (c == '$' && !(scope.flags & SCOPE_VERBATIM))
		shc_read_dollar(p, scope, list);
	else if (c == '`' && !(scope.flags & SCOPE_VERBATIM))
		shc_read_backquotes(p, scope.flags & SCOPE_QUOTED, list);
	else if (scope.flags & (SCOPE_QUOTED | SCOPE_VERBATIM))
		take_character(p, list);
	else
		read_unquoted(p, scope, c, list);
}

/* A run of characters that mean themselves. */
static void read_run(struct parser *p, unsigned mask, struct scope scope, struct part_list *list)
{
	const char *text = p->in.text;
	uint32_t start = p->in.pos, at = start + 1, end = p->in.end;

	while (at < end && !(classes[(unsigned char)text[at]] & mask) && text[at] != scope.stop &&
		text[at] != scope.other_stop)
		at++;
	/* A zero byte is no stop although absent stops are zero. */
	add_text(p, list, SHC_PART_LITERAL, start, at);
	p->in.pos = at;
}

static void read_parts(struct parser *p, struct scope scope, struct part_list *list)
{
	unsigned nests = scope.flags &
			 (SCOPE_PARENTHESES | SCOPE_BRACKETS | SCOPE_TERNARY | SCOPE_APOSTROPHE);
	unsigned mask = SPECIAL_UNQUOTED;
	struct nesting nesting = {0};

	if (scope.flags & SCOPE_QUOTED)
		mask = nests || scope.flags & SCOPE_SINGLE ? SPECIAL_NESTED : SPECIAL_QUOTED;

	while (p->in.pos < p->in.end && !p->failed) {
		char c = p->in.text[p->in.pos];

		if (is_stop(p, scope, c, &nesting))
			break;
		if (!(classes[(unsigned char)c] & mask)) {
			read_run(p, mask, scope, list);
			continue;
		}
		if (nests && count_nesting(p, scope, c, &nesting, list))
			continue;
		read_special(p, scope, c, list);
	}
	if (nesting.apostrophe && !p->failed)
		shc_end_error(p, nesting.apostrophe_start, "string in single quotes", "'");
}

static struct shc_part *read_double_parts(struct parser *p, uint32_t start, unsigned flags)
{
	struct part_list list = {NULL, NULL};

	if (!shc_enter(p))
		return NULL;
	read_parts(p, (struct scope){.flags = SCOPE_QUOTED | SCOPE_SPACES | flags, .stop = '"'},
		&list);
	shc_leave(p);
	if (p->failed)
		return NULL;
	if (shc_char(p, 0) != '"') {
		shc_end_error(p, start, "string in double quotes", "\"");
		return NULL;
	}
	p->in.pos++;
	return list.first;
}

/* How long the value of constant @parts is; false when they are not constant. */
static bool measure_constant(const struct shc_part *parts, size_t *length, bool *quoted)
{
	bool constant = true;

	for (const struct shc_part *part = parts; part; part = part->next) {
		switch (part->kind) {
		case SHC_PART_LITERAL:
			*length += part->text.length;
			break;
		case SHC_PART_ESCAPE:
		case SHC_PART_SINGLE:
		case SHC_PART_ANSI:
			*quoted = true;
			*length += part->text.length;
			break;
		case SHC_PART_DOUBLE:
		case SHC_PART_LOCALE:
			*quoted = true;
			/* The parts of quotes are no quotes themselves, so this goes no deeper. */
			if (!measure_constant(part->parts, length, quoted))
				constant = false;
			break;
		default:
			constant = false;
		}
	}
	return constant;
}

static char *copy_constant(const struct shc_part *parts, char *to)
{
	for (const struct shc_part *part = parts; part; part = part->next) {
		if (part->kind == SHC_PART_DOUBLE || part->kind == SHC_PART_LOCALE) {
			to = copy_constant(part->parts, to);
		} else if (part->text.length) {
			memcpy(to, part->text.bytes, part->text.length);
			to += part->text.length;
		}
	}
	return to;
}

struct shc_word *shc_word_of(struct parser *p, struct shc_part *parts, uint32_t start, uint32_t end)
{
	struct shc_word *word = shc_take(p, sizeof(*word));
	size_t length = 0;

	word->range = shc_range_of(p, start, end);
	word->parts = parts;
	word->constant = measure_constant(parts, &length, &word->quoted);
	if (!word->constant)
		return word;
	if (!parts) {
		word->literal = (struct shc_text){"", 0};
	} else if (!parts->next && parts->kind != SHC_PART_DOUBLE &&
		   parts->kind != SHC_PART_LOCALE) {
		word->literal = parts->text;
	} else {
		char *copy = shc_take(p, length + 1);

		(void)copy_constant(parts, copy);
		word->literal = (struct shc_text){copy, (uint32_t)length};
	}
	return word;
}

/* What braces expand to is no a=~ any more: only ~ at its beginning is expanded. */
static void forget_tildes(struct shc_part *parts)
{
	bool braces = false;

	for (const struct shc_part *part = parts; part; part = part->next)
		braces |= part->kind == SHC_PART_BRACES || part->kind == SHC_PART_SEQUENCE;
	for (struct shc_part *part = braces ? parts->next : NULL; part; part = part->next) {
		if (part->kind != SHC_PART_TILDE)
			continue;
		part->kind = SHC_PART_LITERAL;
		part->text.bytes--;
		part->text.length++;
	}
}

struct shc_word *shc_read_word(struct parser *p, struct scope scope)
{
	struct part_list list = {NULL, NULL};
	uint32_t start = p->in.pos;

	read_parts(p, scope, &list);
	p->token_at = UINT32_MAX;
	p->last_end = p->in.pos;
	if (scope.flags & SCOPE_BRACES && p->bash) {
		list.first = shc_expandable_braces(p, list.first);
		forget_tildes(list.first);
	}
	return shc_word_of(p, list.first, start, p->in.pos);
}

const char *shc_describe(const struct parser *p, uint32_t start, char *buffer, size_t size)
{
	size_t used = 0;

	for (uint32_t at = start; at < p->in.end && used + 5 < size; at++) {
		unsigned char c = (unsigned char)p->in.text[at];

		if (classes[c] & METACHARACTER && at > start)
			break;
		if (c < ' ' || c == 127)
			used += (size_t)snprintf(buffer + used, size - used, "\\x%02x", c);
		else
			buffer[used++] = (char)c;
		if (classes[c] & METACHARACTER)
			break;
	}
	buffer[used] = '\0';
	return buffer;
}
