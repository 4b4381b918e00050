/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ${...}: POSIX.1-2017 XCU 2.6.2 and bash's manual, "Shell Parameter Expansion". */
#include "parser.h"

#include <stddef.h>
#include <string.h>

/* Looking for the ] of a subscript before an = goes no further; nobody writes longer ones. */
#define SUBSCRIPT_BYTES_MAX 4096

static bool is_special(int c)
{
	return c > 0 && strchr("@*#?-$!", c) != NULL;
}

static bool read_name(struct parser *p, struct shc_parameter *parameter)
{
	uint32_t start = p->in.pos;
	int c = shc_char(p, 0);

	if (shc_is_name_start(c)) {
		parameter->kind = SHC_PARAMETER_VARIABLE;
		while (shc_is_name_char(shc_char(p, 0)))
			p->in.pos++;
	} else if (shc_is_digit(c)) {
		uint64_t number = 0;

		parameter->kind = SHC_PARAMETER_POSITIONAL;
		for (; shc_is_digit(c); c = shc_char(p, 0)) {
			number = number * 10 + (uint64_t)(c - '0');
			if (number > UINT32_MAX)
				number = UINT32_MAX;
			p->in.pos++;
		}
		parameter->number = (uint32_t)number;
	} else if (is_special(c)) {
		parameter->kind = SHC_PARAMETER_SPECIAL;
		p->in.pos++;
	} else {
		return false;
	}
	parameter->name = shc_text_of(p, start, p->in.pos);
	parameter->name_range = shc_range_of(p, start, p->in.pos);
	return true;
}

bool shc_read_subscript(struct parser *p, struct shc_subscript *ret)
{
	struct scope scope = {
		.flags = SCOPE_SPACES | SCOPE_SINGLE | SCOPE_DOUBLE | SCOPE_BRACKETS, .stop = ']'};
	int first = shc_char(p, 1);

	if ((first == '@' || first == '*') && shc_char(p, 2) == ']') {
		ret->kind = first == '@' ? SHC_SUBSCRIPT_AT : SHC_SUBSCRIPT_STAR;
		p->in.pos += 3;
		return true;
	}
	if (!shc_enter(p))
		return false;
	p->in.pos++;
	ret->kind = SHC_SUBSCRIPT_KEY;
	ret->word = shc_read_word(p, scope);
	shc_leave(p);
	if (p->failed || shc_char(p, 0) != ']')
		return false;
	ret->arith = shc_arith_of(p, ret->word, true);
	p->in.pos++;
	return true;
}

struct operator_row {
	const char *text;
	enum shc_parameter_op op;
	bool colon, bash, pattern;
};

/* Longest first among those that begin alike. */
static const struct operator_row rows[] = {
	{":-", SHC_OP_DEFAULT, true, false, false},
	{":=", SHC_OP_ASSIGN, true, false, false},
	{":?", SHC_OP_ERROR, true, false, false},
	{":+", SHC_OP_ALTERNATIVE, true, false, false},
	{"-", SHC_OP_DEFAULT, false, false, false},
	{"=", SHC_OP_ASSIGN, false, false, false},
	{"?", SHC_OP_ERROR, false, false, false},
	{"+", SHC_OP_ALTERNATIVE, false, false, false},
	{"##", SHC_OP_REMOVE_PREFIX_LONG, false, false, true},
	{"#", SHC_OP_REMOVE_PREFIX, false, false, true},
	{"%%", SHC_OP_REMOVE_SUFFIX_LONG, false, false, true},
	{"%", SHC_OP_REMOVE_SUFFIX, false, false, true},
	{"//", SHC_OP_REPLACE_ALL, false, true, true},
	{"/#", SHC_OP_REPLACE_PREFIX, false, true, true},
	{"/%", SHC_OP_REPLACE_SUFFIX, false, true, true},
	{"/", SHC_OP_REPLACE, false, true, true},
	{"^^", SHC_OP_UPPER_ALL, false, true, true},
	{"^", SHC_OP_UPPER, false, true, true},
	{",,", SHC_OP_LOWER_ALL, false, true, true},
	{",", SHC_OP_LOWER, false, true, true},
	{"~~", SHC_OP_TOGGLE_ALL, false, true, true},
	{"~", SHC_OP_TOGGLE, false, true, true},
	{"@", SHC_OP_TRANSFORM, false, true, false},
	{":", SHC_OP_SUBSTRING, false, true, false},
};

static const struct operator_row *find_row(struct parser *p)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int first = shc_char(p, 0);

		if (rows[i].text[0] == first &&
			(!rows[i].text[1] || rows[i].text[1] == shc_char(p, 1)))
			return &rows[i];
	}
	return NULL;
}

/* Within double quotes words keep their quoting and patterns do not. */
static struct scope scope_of(
	const struct parser *p, const struct operator_row *row, struct scope outside)
{
	struct scope scope = {.flags = SCOPE_SPACES | SCOPE_DOUBLE | SCOPE_PARAMETER, .stop = '}'};

	if (row->pattern || !(outside.flags & SCOPE_QUOTED))
		scope.flags |= SCOPE_SINGLE | SCOPE_GLOB | SCOPE_EXTGLOB | SCOPE_TILDE;
	else
		scope.flags |= SCOPE_QUOTED;
	/* x=${y-a:~} */
	if (!row->pattern && !(scope.flags & SCOPE_QUOTED))
		scope.flags |= outside.flags & SCOPE_TILDE_COLON;
	if (scope.flags & SCOPE_QUOTED && p->bash &&
		(outside.stop == '"' || outside.flags & SCOPE_APOSTROPHE))
		scope.flags |= SCOPE_APOSTROPHE;
	return scope;
}

static void read_replacement(
	struct parser *p, struct scope outside, struct shc_parameter *parameter)
{
	struct scope pattern = {.flags = SCOPE_SPACES | SCOPE_SINGLE | SCOPE_DOUBLE |
					 SCOPE_PARAMETER | SCOPE_GLOB | SCOPE_EXTGLOB | SCOPE_TILDE,
		.stop = '}',
		.other_stop = '/'};
	struct scope replacement = {
		.flags = SCOPE_SPACES | SCOPE_SINGLE | SCOPE_DOUBLE | SCOPE_PARAMETER, .stop = '}'};

	(void)outside;
	parameter->word = shc_read_word(p, pattern);
	if (p->failed || shc_char(p, 0) != '/')
		return;
	p->in.pos++;
	parameter->replacement = shc_read_word(p, replacement);
}

static void read_substring(struct parser *p, struct shc_parameter *parameter)
{
	struct scope scope = {.flags = SCOPE_QUOTED | SCOPE_SPACES | SCOPE_DOUBLE | SCOPE_SINGLE |
				       SCOPE_PARENTHESES | SCOPE_TERNARY | SCOPE_PARAMETER,
		.stop = '}',
		.other_stop = ':'};

	parameter->offset = shc_read_arithmetic(p, scope, true);
	if (p->failed || shc_char(p, 0) != ':')
		return;
	p->in.pos++;
	scope.other_stop = '\0';
	parameter->size = shc_read_arithmetic(p, scope, true);
}

/* The operator and its word; false when it is none. */
static bool read_operation(struct parser *p, struct scope outside, struct shc_parameter *parameter)
{
	const struct operator_row *row = find_row(p);

	if (!row)
		return false;
	if (row->bash && !p->bash)
		shc_finding_hint(p->findings,
			shc_warn(p, 913, shc_range_of(p, p->in.pos, p->in.pos + 1),
				"this operator of ${...} is of bash; sh stops here with \"Bad "
				"substitution\""),
			"start the script with #!/bin/bash, or use sed, expr or case");
	p->in.pos += (uint32_t)strlen(row->text);
	parameter->op = row->op;
	parameter->colon = row->colon;
	if (row->op == SHC_OP_TRANSFORM) {
		int c = shc_char(p, 0);

		if (c <= 0 || !strchr("QEPAKkauUL", c))
			return false;
		parameter->transform = (char)c;
		p->in.pos++;
	} else if (row->op == SHC_OP_SUBSTRING) {
		read_substring(p, parameter);
	} else if (row->op >= SHC_OP_REPLACE && row->op <= SHC_OP_REPLACE_SUFFIX) {
		read_replacement(p, outside, parameter);
	} else {
		parameter->word = shc_read_word(p, scope_of(p, row, outside));
		if (!parameter->word->parts && row->op >= SHC_OP_UPPER &&
			row->op <= SHC_OP_TOGGLE_ALL)
			parameter->word = NULL;
	}
	return true;
}

/* ${#...}: is the # an operator and what follows its parameter? */
static bool is_length(struct parser *p)
{
	int next = shc_char(p, 1), after = shc_char(p, 2);

	if (shc_char(p, 0) != '#')
		return false;
	if (shc_is_name_start(next) || shc_is_digit(next))
		return true;
	return is_special(next) && after == '}';
}

/* ${!...}: is the ! an operator? */
static bool is_indirect(struct parser *p)
{
	int next = shc_char(p, 1);

	if (shc_char(p, 0) != '!' || !p->bash)
		return false;
	return shc_is_name_start(next) || shc_is_digit(next) ||
	       (is_special(next) && (shc_char(p, 2) == '}' || next == '@' || next == '*'));
}

/* What stands between the braces, up to the closing one; false when that makes no sense. */
static bool read_inside(struct parser *p, struct scope outside, struct shc_parameter *parameter)
{
	bool length = is_length(p), indirect = !length && is_indirect(p);
	int c;

	if (length || indirect)
		p->in.pos++;
	if (!read_name(p, parameter))
		return false;
	if (shc_char(p, 0) == '[' && parameter->kind == SHC_PARAMETER_VARIABLE) {
		if (!p->bash)
			shc_warn(p, 913, shc_range_of(p, p->in.pos, p->in.pos + 1),
				"arrays are of bash; sh stops here with \"Bad substitution\"");
		if (!shc_read_subscript(p, &parameter->subscript))
			return false;
	}
	c = shc_char(p, 0);
	if (length) {
		parameter->op = SHC_OP_LENGTH;
		return c == '}' || c < 0;
	}
	if (indirect && parameter->kind == SHC_PARAMETER_VARIABLE && (c == '*' || c == '@') &&
		shc_char(p, 1) == '}') {
		parameter->op = SHC_OP_NAMES;
		parameter->transform = (char)c;
		p->in.pos++;
		return true;
	}
	if (indirect && c == '}' &&
		(parameter->subscript.kind == SHC_SUBSCRIPT_AT ||
			parameter->subscript.kind == SHC_SUBSCRIPT_STAR)) {
		parameter->op = SHC_OP_KEYS;
		return true;
	}
	parameter->indirect = indirect;
	if (c == '}' || c < 0)
		return true;
	return read_operation(p, outside, parameter) &&
	       (p->failed || shc_char(p, 0) == '}' || shc_char(p, 0) < 0);
}

/* Skip to the } of an expansion that makes no sense and report it. */
static void read_bad(struct parser *p, struct shc_parameter *parameter, uint32_t start)
{
	uint32_t inside = start + 2;

	p->in.pos = inside;
	(void)shc_read_word(p, (struct scope){.flags = SCOPE_SPACES | SCOPE_QUOTED | SCOPE_SINGLE |
						       SCOPE_DOUBLE | SCOPE_PARAMETER,
				       .stop = '}'});
	if (p->failed)
		return;
	*parameter = (struct shc_parameter){.kind = SHC_PARAMETER_BAD, .braces = true};
	parameter->name = shc_text_of(p, inside, p->in.pos);
	parameter->name_range = shc_range_of(p, inside, p->in.pos);
	shc_finding_hint(p->findings,
		shc_warn(p, 911, shc_range_of(p, start, p->in.pos + (p->in.pos < p->in.end)),
			"no parameter expansion: %s stops here with \"bad substitution\"",
			shc_dialect_name(p->dialect)),
		"a name stands after ${ and an operator, if any, after the name");
}

void shc_read_braced(struct parser *p, struct scope scope, struct part_list *list)
{
	uint32_t start = p->in.pos;
	struct shc_parameter *parameter = shc_take(p, sizeof(*parameter));
	struct shc_part *part;

	if (!shc_enter(p))
		return;
	parameter->braces = true;
	p->in.pos += 2;
	if (!read_inside(p, scope, parameter) && !p->failed)
		read_bad(p, parameter, start);
	shc_leave(p);
	if (p->failed)
		return;
	if (shc_char(p, 0) != '}') {
		shc_end_error(p, start, "parameter expansion", "}");
		return;
	}
	p->in.pos++;
	part = shc_add_part(p, list, SHC_PART_PARAMETER, start, p->in.pos);
	part->parameter = parameter;
}

/* Does the [ at @at close before = or +=, so that an assignment to an element begins here? Returns after the ]. */
static uint32_t find_subscript_end(const struct parser *p, uint32_t at)
{
	const char *text = p->in.text;
	uint32_t depth = 0;
	uint32_t end = p->in.end - at > SUBSCRIPT_BYTES_MAX ? at + SUBSCRIPT_BYTES_MAX : p->in.end;

	for (; at < end && text[at] != '\n'; at++) {
		char c = text[at];

		if (c == '[') {
			depth++;
		} else if (c == ']' && --depth == 0) {
			return at + 1;
		} else if (c == '\\') {
			at++;
		} else if (c == '\'' || c == '"') {
			for (at++; at < end && text[at] != c; at++) {
				if (text[at] == '\\' && c == '"')
					at++;
			}
		}
	}
	return 0;
}

static bool begins_value(const struct parser *p, uint32_t at)
{
	const char *text = p->in.text;

	if (at < p->in.end && text[at] == '=')
		return true;
	return p->bash && at + 1 < p->in.end && text[at] == '+' && text[at + 1] == '=';
}

static struct shc_array_element *read_element(struct parser *p)
{
	struct shc_array_element *element = shc_take(p, sizeof(*element));
	uint32_t start = p->in.pos, end;

	if (p->in.text[start] == '[' && (end = find_subscript_end(p, start)) != 0 &&
		begins_value(p, end)) {
		if (!shc_read_subscript(p, &element->subscript)) {
			shc_end_error(p, start, "subscript", "]");
			return element;
		}
		element->append = shc_char(p, 0) == '+';
		p->in.pos += element->append ? 2 : 1;
		element->value = shc_read_word(p, (struct scope){.flags = SCOPE_VALUE});
	} else {
		element->value = shc_read_word(
			p, (struct scope){.flags = SCOPE_WORD & ~(unsigned)SCOPE_LIKE_VALUE});
	}
	element->range = shc_range_of(p, start, p->in.pos);
	return element;
}

/* The (...) of an array at `pos`. */
static struct shc_array_element *read_elements(struct parser *p)
{
	struct shc_array_element *first = NULL, **last = &first;
	uint32_t start = p->in.pos;

	if (!shc_enter(p))
		return NULL;
	p->in.pos++;
	p->open_parentheses++;
	while (!p->failed) {
		const struct token *token;

		shc_skip_newlines(p);
		token = shc_peek(p);
		if (token->kind == TOKEN_CLOSE)
			break;
		if (token->kind == TOKEN_END) {
			shc_end_error(p, start, "array", ")");
		} else if (token->kind != TOKEN_WORD && token->operator_start == token->start) {
			shc_unexpected(p, "a word or ')' in this array");
		} else {
			*last = read_element(p);
			last = &(*last)->next;
		}
	}
	p->open_parentheses--;
	shc_leave(p);
	if (!p->failed)
		shc_advance(p);
	return first;
}

uint32_t shc_find_value(const struct parser *p, uint32_t start)
{
	uint32_t at = start;

	if (at == p->in.end || !shc_is_name_start((unsigned char)p->in.text[at]))
		return 0;
	while (at < p->in.end && shc_is_name_char((unsigned char)p->in.text[at]))
		at++;
	if (at < p->in.end && p->in.text[at] == '[' && p->bash)
		at = find_subscript_end(p, at);
	if (at == 0 || !begins_value(p, at))
		return 0;
	return at + (p->in.text[at] == '+' ? 2 : 1);
}

struct shc_assignment *shc_read_assignment(struct parser *p)
{
	uint32_t start = p->in.pos, at = start, name_end, after_name;
	struct shc_assignment *assignment;

	if (!shc_is_name_start(shc_char(p, 0)))
		return NULL;
	while (at < p->in.end && shc_is_name_char((unsigned char)p->in.text[at]))
		at++;
	name_end = at;
	while (at + 1 < p->in.end && p->in.text[at] == '\\' && p->in.text[at + 1] == '\n')
		at += 2;
	after_name = at;
	if (at < p->in.end && p->in.text[at] == '[' && p->bash)
		at = find_subscript_end(p, at);
	if (at == 0 || !begins_value(p, at))
		return NULL;
	assignment = shc_take(p, sizeof(*assignment));
	assignment->name = shc_text_of(p, start, name_end);
	assignment->name_range = shc_range_of(p, start, name_end);
	p->in.pos = after_name;
	if (after_name != at && !shc_read_subscript(p, &assignment->subscript)) {
		/* Quotes and backquotes over several lines may take the ] that was seen. */
		shc_end_error(p, after_name, "subscript", "]");
		return assignment;
	}
	assignment->append = shc_char(p, 0) == '+';
	p->in.pos += assignment->append ? 2 : 1;
	p->last_end = p->in.pos;
	name_end = p->in.pos;
	if (shc_char(p, 0) == '(') {
		if (!p->bash)
			shc_dialect_error(p, start, p->in.pos + 1, "arrays are of bash");
		if (p->stopped)
			return assignment;
		assignment->is_array = true;
		assignment->elements = read_elements(p);
	} else {
		assignment->value = shc_read_word(p, (struct scope){.flags = SCOPE_VALUE});
	}
	p->token_at = UINT32_MAX;
	p->value_start = name_end;
	p->after_name = after_name;
	assignment->range = shc_range_of(p, start, p->in.pos);
	return assignment;
}
