/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a $, a backquote, <( and >( begin: command substitutions and the choice among the forms of $. */
#include "parser.h"

#include <string.h>

/* Looking ahead for )) costs this many times the size of the source at most. */
#define SCAN_FACTOR 16
#define SCAN_BYTES_MIN ((uint64_t)1 << 20)

static uint32_t skip_quotes(const char *text, uint32_t at, uint32_t end, char quote)
{
	for (at++; at < end && text[at] != quote; at++) {
		if (text[at] == '\\' && quote != '\'')
			at++;
	}
	return at;
}

bool shc_is_arithmetic(struct parser *p, uint32_t start)
{
	const char *text = p->in.text;
	uint32_t depth = 1, at, end = p->in.end;

	for (at = start + 2; at < end && depth > 0; at++) {
		char c = text[at];

		if (c == '(')
			depth++;
		else if (c == ')')
			depth--;
		else if (c == '\\')
			at++;
		else if (c == '\'' || c == '"' || c == '`')
			at = skip_quotes(text, at, end, c);
	}
	p->scanned_bytes += at - start;
	if (p->scanned_bytes > SCAN_BYTES_MIN + (uint64_t)p->source->size * SCAN_FACTOR) {
		(void)shc_fail(p, 905, start, start + 2,
			"too many (( are open to tell arithmetic from nested subshells");
		shc_stop(p);
		return false;
	}
	return depth == 0 && at < end && text[at] == ')';
}

static bool is_file_form(const struct shc_list *list)
{
	const struct shc_command *command = list->first ? list->first->command : NULL;

	return list->count == 1 && command->kind == SHC_COMMAND_SIMPLE &&
	       !list->first->background && !command->simple.words && !command->simple.assignments &&
	       command->redirects && !command->redirects->next &&
	       command->redirects->kind == SHC_REDIRECT_INPUT && command->redirects->fd < 0;
}

/* A list up to the ) that closes @start; `pos` is after the opening parenthesis and then after the closing one. */
static struct shc_list *read_enclosed(struct parser *p, uint32_t start, const char *what)
{
	struct shc_list *list = NULL;
	struct outer outer;

	if (!shc_enter(p))
		return NULL;
	shc_begin_inner(p, &outer);
	p->open_parentheses = 1;
	list = shc_read_list(p);
	if (!p->stopped && shc_peek(p)->kind == TOKEN_CLOSE)
		p->in.pos = p->token.end;
	else if (shc_peek(p)->kind == TOKEN_END)
		shc_end_error(p, start, what, ")");
	else
		shc_unexpected(p, "')'");
	shc_end_inner(p, &outer, true);
	shc_leave(p);
	return list;
}

static void read_command(struct parser *p, struct part_list *list)
{
	uint32_t start = p->in.pos;
	struct shc_list *inner;
	struct shc_part *part;

	p->in.pos += 2;
	inner = read_enclosed(p, start, "command substitution");
	if (!inner || p->failed)
		return;
	part = shc_add_part(p, list, SHC_PART_COMMAND, start, p->in.pos);
	part->command.list = inner;
	part->command.form = p->bash && is_file_form(inner) ? SHC_FORM_FILE : SHC_FORM_DOLLAR;
}

void shc_read_process(struct parser *p, struct part_list *list)
{
	uint32_t start = p->in.pos;
	bool input = p->in.text[start] == '<';
	struct shc_list *inner;
	struct shc_part *part;

	if (!p->bash)
		shc_dialect_error(p, start, start + 2,
			input ? "<(...) is a process substitution of bash"
			      : ">(...) is a process substitution of bash");
	if (p->stopped)
		return;
	p->in.pos += 2;
	inner = read_enclosed(p, start, "process substitution");
	if (!inner || p->failed)
		return;
	part = shc_add_part(p, list, SHC_PART_PROCESS, start, p->in.pos);
	part->command.list = inner;
	part->command.form = input ? SHC_FORM_INPUT : SHC_FORM_OUTPUT;
}

static void read_arithmetic_part(
	struct parser *p, struct part_list *list, uint32_t opening, const char *closer)
{
	uint32_t start = p->in.pos, length = (uint32_t)strlen(closer);
	struct scope scope = {.flags = SCOPE_QUOTED | SCOPE_DOUBLE | SCOPE_SPACES |
				       (closer[0] == ')' ? SCOPE_PARENTHESES : SCOPE_BRACKETS),
		.stop = closer[0]};
	struct shc_arith_text text;
	struct shc_part *part;

	if (!shc_enter(p))
		return;
	p->in.pos += opening;
	text = shc_read_arithmetic(p, scope, false);
	shc_leave(p);
	if (p->failed)
		return;
	if (shc_char(p, 0) != closer[0] || (length > 1 && shc_char(p, 1) != closer[1])) {
		shc_end_error(p, start, "arithmetic expansion", closer);
		return;
	}
	p->in.pos += length;
	part = shc_add_part(p, list, SHC_PART_ARITHMETIC, start, p->in.pos);
	part->arithmetic = text;
	part->bracket = closer[0] == ']';
}

/* $name, $1, $@ ... at `pos`, whose characters after the $ end at @end. */
static void add_parameter(
	struct parser *p, struct part_list *list, enum shc_parameter_kind kind, uint32_t end)
{
	uint32_t start = p->in.pos;
	struct shc_part *part = shc_add_part(p, list, SHC_PART_PARAMETER, start, end);
	struct shc_parameter *parameter = shc_take(p, sizeof(*parameter));

	parameter->kind = kind;
	parameter->name = shc_text_of(p, start + 1, end);
	parameter->name_range = shc_range_of(p, start + 1, end);
	if (kind == SHC_PARAMETER_POSITIONAL)
		parameter->number = (uint32_t)(p->in.text[start + 1] - '0');
	part->parameter = parameter;
	p->in.pos = end;
}

static int hex_value(int c)
{
	if (shc_is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Up to @digits_max digits of @base after `at`; moves *at to the last one. */
static uint32_t read_code(const char *text, uint32_t *at, uint32_t end, int base, int digits_max)
{
	uint32_t code = 0;

	for (int i = 0; i < digits_max && *at + 1 < end; i++) {
		int digit = hex_value((unsigned char)text[*at + 1]);

		if (digit < 0 || digit >= base)
			break;
		code = code * (uint32_t)base + (uint32_t)digit;
		++*at;
	}
	return code;
}

static char *put_utf8(char *to, uint32_t code)
{
	if (code < 0x80) {
		*to++ = (char)code;
	} else if (code < 0x800) {
		*to++ = (char)(0xc0 | code >> 6);
		*to++ = (char)(0x80 | (code & 0x3f));
	} else if (code < 0x10000) {
		*to++ = (char)(0xe0 | code >> 12);
		*to++ = (char)(0x80 | (code >> 6 & 0x3f));
		*to++ = (char)(0x80 | (code & 0x3f));
	} else {
		*to++ = (char)(0xf0 | (code >> 18 & 7));
		*to++ = (char)(0x80 | (code >> 12 & 0x3f));
		*to++ = (char)(0x80 | (code >> 6 & 0x3f));
		*to++ = (char)(0x80 | (code & 0x3f));
	}
	return to;
}

/* The escape after the backslash at *at, which is left at its last character. Bash's manual, "ANSI-C Quoting". */
static char *decode_escape(const char *text, uint32_t *at, uint32_t end, char *to)
{
	static const char names[] = "abeEfnrtv\\'\"?", values[] = "\a\b\033\033\f\n\r\t\v\\'\"?";
	char c = text[++*at];
	const char *found = c ? strchr(names, c) : NULL;
	uint32_t before;

	if (found) {
		*to++ = values[found - names];
	} else if (c >= '0' && c <= '7') {
		--*at;
		*to++ = (char)read_code(text, at, end, 8, 3);
	} else if (c == 'x' || c == 'u' || c == 'U') {
		uint32_t code;

		before = *at;
		code = read_code(text, at, end, 16, c == 'x' ? 2 : c == 'u' ? 4 : 8);
		if (*at == before) {
			*to++ = '\\';
			*to++ = c;
		} else if (c == 'x') {
			*to++ = (char)code;
		} else {
			to = put_utf8(to, code);
		}
	} else if (c == 'c' && *at + 1 < end) {
		*to++ = (char)(text[++*at] & 0x1f);
	} else {
		*to++ = '\\';
		*to++ = c;
	}
	return to;
}

/* $'...' at `pos`. */
static void read_ansi(struct parser *p, struct part_list *list)
{
	uint32_t start = p->in.pos, at, close;
	const char *text = p->in.text;
	struct shc_part *part;
	char *value, *to;

	for (close = start + 2; close < p->in.end && text[close] != '\''; close++) {
		if (text[close] == '\\')
			close++;
	}
	if (close >= p->in.end) {
		p->in.pos = p->in.end;
		shc_end_error(p, start, "string in $'...'", "'");
		return;
	}
	/*
	 * No escape grows: \u and \U have at least as many digits as bytes of UTF-8 except \uX of one to three
	 * digits.
	 */
	value = to = shc_take(p, (size_t)(close - start) * 2);
	for (at = start + 2; at < close; at++) {
		if (text[at] == '\\' && at + 1 < close)
			to = decode_escape(text, &at, close, to);
		else
			*to++ = text[at];
	}
	part = shc_add_part(p, list, SHC_PART_ANSI, start, close + 1);
	part->text = (struct shc_text){value, (uint32_t)strnlen(value, (size_t)(to - value))};
	p->in.pos = close + 1;
}

static bool read_quoted_dollar(
	struct parser *p, struct scope scope, int next, struct part_list *list)
{
	if (scope.flags & SCOPE_QUOTED || !p->bash)
		return false;
	if (next == '\'' && scope.flags & SCOPE_SINGLE) {
		read_ansi(p, list);
		return true;
	}
	if (next == '"' && scope.flags & SCOPE_DOUBLE) {
		p->in.pos++;
		shc_read_double(p, SHC_PART_LOCALE, p->in.pos - 1, scope, list);
		return true;
	}
	return false;
}

/* $(( without )): bash takes it as a command that begins with a subshell. */
static void refuse_double(struct parser *p)
{
	shc_finding_hint(p->findings,
		shc_fail(p, 901, p->in.pos, p->in.pos + 3,
			"'$((' begins arithmetic in sh, and its '))' is missing"),
		"put a blank between the parentheses of a substitution and a subshell");
	if (!p->stopped)
		p->failed = false;
}

void shc_read_dollar(struct parser *p, struct scope scope, struct part_list *list)
{
	uint32_t start = p->in.pos, end = start + 2;
	int next = shc_char(p, 1);

	if (next == '{') {
		shc_read_braced(p, scope, list);
	} else if (next == '(') {
		if (shc_char(p, 2) == '(' && shc_is_arithmetic(p, start + 1))
			read_arithmetic_part(p, list, 3, "))");
		else if (!p->stopped) {
			if (shc_char(p, 2) == '(' && !p->bash)
				refuse_double(p);
			if (!p->stopped)
				read_command(p, list);
		}
	} else if (next == '[' && p->bash) {
		read_arithmetic_part(p, list, 2, "]");
	} else if (shc_is_name_start(next)) {
		while (end < p->in.end && shc_is_name_char((unsigned char)p->in.text[end]))
			end++;
		add_parameter(p, list, SHC_PARAMETER_VARIABLE, end);
	} else if (shc_is_digit(next)) {
		add_parameter(p, list, SHC_PARAMETER_POSITIONAL, end);
	} else if (next > 0 && strchr("@*#?-$!", next)) {
		add_parameter(p, list, SHC_PARAMETER_SPECIAL, end);
	} else if (!read_quoted_dollar(p, scope, next, list)) {
		shc_add_literal(p, list, start, start + 1);
		p->in.pos++;
	}
}

/* The closing backquote for the one at @start, or the end. */
static uint32_t find_backquote(const struct parser *p, uint32_t start, bool *ret_escapes)
{
	uint32_t at;

	*ret_escapes = false;
	for (at = start + 1; at < p->in.end && p->in.text[at] != '`'; at++) {
		if (p->in.text[at] == '\\') {
			*ret_escapes = true;
			at++;
		}
	}
	return at < p->in.end ? at : p->in.end;
}

/*
 * An input of [start, end) without the backslashes that backquotes take away, every byte with its place in the
 * source.
 */
static struct input unescape(struct parser *p, uint32_t start, uint32_t end, bool quoted)
{
	char *text = shc_take(p, (size_t)(end - start) + 1);
	struct shc_range *map = shc_take(p, ((size_t)(end - start) + 1) * sizeof(*map));
	uint32_t length = 0;

	for (uint32_t at = start; at < end; at++) {
		char c = p->in.text[at];
		uint32_t from = at;

		if (c == '\\' && at + 1 < end) {
			char next = p->in.text[at + 1];

			if (next == '$' || next == '`' || next == '\\' || (next == '"' && quoted))
				c = p->in.text[++at];
		}
		text[length] = c;
		map[length++] = shc_range_of(p, from, at + 1);
	}
	map[length] = shc_range_of(p, end, end);
	return (struct input){text, map, 0, length};
}

void shc_read_backquotes(struct parser *p, bool quoted, struct part_list *list)
{
	uint32_t start = p->in.pos, end;
	bool escapes;
	struct shc_list *inner;
	struct shc_part *part;
	struct outer outer;

	end = find_backquote(p, start, &escapes);
	if (end >= p->in.end) {
		p->in.pos = p->in.end;
		shc_end_error(p, start, "command substitution in backquotes", "`");
		return;
	}
	if (!shc_enter(p))
		return;
	shc_begin_inner(p, &outer);
	p->at_run_time = true;
	if (escapes)
		p->in = unescape(p, start + 1, end, quoted);
	else
		p->in = (struct input){p->in.text, p->in.map, start + 1, end};
	inner = shc_read_list(p);
	if (!p->stopped && shc_peek(p)->kind != TOKEN_END)
		shc_unexpected(p, NULL);
	if (p->pending)
		shc_drop_here_documents(p);
	shc_end_inner(p, &outer, false);
	shc_leave(p);
	/* The backquotes are closed whatever stands between them. */
	if (p->stopped)
		return;
	p->failed = false;
	p->end_reported = false;
	p->in.pos = end + 1;
	part = shc_add_part(p, list, SHC_PART_COMMAND, start, end + 1);
	part->command.list = inner;
	part->command.form = SHC_FORM_BACKQUOTE;
}
