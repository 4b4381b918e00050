/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The trees of arithmetic, read from the parts of a word: literals are split into tokens, expansions are operands.
 * Where an expansion may bring operators there is no tree. POSIX.1-2017 XCU 2.6.4; bash's manual, "Shell Arithmetic".
 */
#include "parser.h"

#include <stdlib.h>
#include <string.h>

struct calculation {
	struct parser *p;
	const struct shc_part *part; /* NULL at the end */
	uint32_t at;                 /* in the text of a literal part */
	bool expansions;             /* the word has some */
	bool wrong;
	uint32_t operators; /* in the chains being read: the depth of the tree to the left */
	uint32_t wrong_offset;
};

struct binary_row {
	const char *text;
	enum shc_arith_op op;
	int precedence; /* larger binds stronger */
	bool assigns;
};

#define PRECEDENCE_COMMA 1
#define PRECEDENCE_ASSIGN 2
#define PRECEDENCE_TERNARY 3
#define PRECEDENCE_POWER 14

/* Longest first among those that begin alike. */
static const struct binary_row binaries[] = {
	{",", SHC_ARITH_COMMA, PRECEDENCE_COMMA, false},
	{"||", SHC_ARITH_LOGICAL_OR, 4, false},
	{"|=", SHC_ARITH_OR, PRECEDENCE_ASSIGN, true},
	{"|", SHC_ARITH_OR, 6, false},
	{"&&", SHC_ARITH_LOGICAL_AND, 5, false},
	{"&=", SHC_ARITH_AND, PRECEDENCE_ASSIGN, true},
	{"&", SHC_ARITH_AND, 8, false},
	{"^=", SHC_ARITH_XOR, PRECEDENCE_ASSIGN, true},
	{"^", SHC_ARITH_XOR, 7, false},
	{"==", SHC_ARITH_EQUAL, 9, false},
	{"=", SHC_ARITH_OP_NONE, PRECEDENCE_ASSIGN, true},
	{"!=", SHC_ARITH_NOT_EQUAL, 9, false},
	{"<<=", SHC_ARITH_SHIFT_LEFT, PRECEDENCE_ASSIGN, true},
	{"<<", SHC_ARITH_SHIFT_LEFT, 11, false},
	{"<=", SHC_ARITH_LESS_EQUAL, 10, false},
	{"<", SHC_ARITH_LESS, 10, false},
	{">>=", SHC_ARITH_SHIFT_RIGHT, PRECEDENCE_ASSIGN, true},
	{">>", SHC_ARITH_SHIFT_RIGHT, 11, false},
	{">=", SHC_ARITH_GREATER_EQUAL, 10, false},
	{">", SHC_ARITH_GREATER, 10, false},
	{"+=", SHC_ARITH_ADD, PRECEDENCE_ASSIGN, true},
	{"+", SHC_ARITH_ADD, 12, false},
	{"-=", SHC_ARITH_SUBTRACT, PRECEDENCE_ASSIGN, true},
	{"-", SHC_ARITH_SUBTRACT, 12, false},
	{"**", SHC_ARITH_POWER, PRECEDENCE_POWER, false},
	{"*=", SHC_ARITH_MULTIPLY, PRECEDENCE_ASSIGN, true},
	{"*", SHC_ARITH_MULTIPLY, 13, false},
	{"/=", SHC_ARITH_DIVIDE, PRECEDENCE_ASSIGN, true},
	{"/", SHC_ARITH_DIVIDE, 13, false},
	{"%=", SHC_ARITH_REMAINDER, PRECEDENCE_ASSIGN, true},
	{"%", SHC_ARITH_REMAINDER, 13, false},
};

static bool is_literal(const struct shc_part *part)
{
	return part && part->kind == SHC_PART_LITERAL;
}

/* Is @part something that an operand may consist of? */
static bool is_expansion(const struct shc_part *part)
{
	return part && (part->kind == SHC_PART_PARAMETER || part->kind == SHC_PART_COMMAND ||
			       part->kind == SHC_PART_ARITHMETIC || part->kind == SHC_PART_DOUBLE ||
			       part->kind == SHC_PART_SINGLE);
}

static void settle(struct calculation *c)
{
	while (is_literal(c->part) && c->at >= c->part->text.length) {
		c->part = c->part->next;
		c->at = 0;
	}
}

static void skip_space(struct calculation *c)
{
	for (settle(c); is_literal(c->part); settle(c)) {
		char at = c->part->text.bytes[c->at];

		if (at != ' ' && at != '\t' && at != '\n' && at != '\r')
			break;
		c->at++;
	}
}

/* The character at the place, or -1 where an expansion or the end is. */
static int here(struct calculation *c)
{
	settle(c);
	return is_literal(c->part) ? (unsigned char)c->part->text.bytes[c->at] : -1;
}

/* Operators lie within one literal: an expansion between their characters would be an operand. */
static bool begins_with(struct calculation *c, const char *text)
{
	size_t length = strlen(text);

	settle(c);
	return is_literal(c->part) && c->part->text.length - c->at >= length &&
	       memcmp(c->part->text.bytes + c->at, text, length) == 0;
}

/* The offset in the source of the place; that of the part where its text has escapes. */
static uint32_t source_offset(const struct calculation *c)
{
	const struct shc_part *part = c->part;

	if (!part)
		return UINT32_MAX;
	if (is_literal(part) && part->range.end - part->range.start == part->text.length)
		return part->range.start + c->at;
	return part->range.start;
}

static struct shc_arith *fail(struct calculation *c)
{
	if (!c->wrong) {
		c->wrong = true;
		c->wrong_offset = source_offset(c);
	}
	return NULL;
}

static struct shc_arith *new_node(struct calculation *c, enum shc_arith_kind kind,
	enum shc_arith_op op, struct shc_arith *left, struct shc_arith *right)
{
	struct shc_arith *node = shc_take(c->p, sizeof(*node));

	node->kind = kind;
	node->op = op;
	node->left = left;
	node->right = right;
	if (left)
		node->range =
			(struct shc_range){left->range.start, (right ? right : left)->range.end};
	return node;
}

static struct shc_arith *read_expression(struct calculation *c, int precedence);

/* A number as bash reads it: decimal, 0x, octal, base#digits; what overflows wraps. */
static bool read_number(struct shc_text text, int64_t *ret)
{
	const char *hash = memchr(text.bytes, '#', text.length);
	uint32_t at = 0, base = 10;
	uint64_t value = 0;

	if (hash) {
		base = 0;
		for (; at < (uint32_t)(hash - text.bytes); at++) {
			if (!shc_is_digit((unsigned char)text.bytes[at]) || base > 64)
				return false;
			base = base * 10 + (uint32_t)(text.bytes[at] - '0');
		}
		at++;
		if (base < 2 || base > 64 || at >= text.length)
			return false;
	} else if (text.length > 1 && text.bytes[0] == '0') {
		base = (text.bytes[1] | 0x20) == 'x' ? 16 : 8;
		at = base == 16 ? 2 : 1;
	}
	for (; at < text.length; at++) {
		int d = (unsigned char)text.bytes[at];
		uint32_t digit;

		if (shc_is_digit(d))
			digit = (uint32_t)(d - '0');
		else if (d >= 'a' && d <= 'z')
			digit = (uint32_t)(d - 'a' + 10);
		else if (d >= 'A' && d <= 'Z')
			digit = (uint32_t)(d - 'A') + (base <= 36 ? 10 : 36);
		else if (d == '@' || d == '_')
			digit = d == '@' ? 62 : 63;
		else
			return false;
		if (digit >= base)
			return false;
		value = value * base + digit;
	}
	*ret = (int64_t)value;
	return true;
}

static bool is_operand_char(int c, bool number)
{
	return shc_is_name_char(c) || (number && (c == '#' || c == '@'));
}

/* An operand that holds expansions, maybe beside letters and digits: its word. */
static struct shc_arith *read_mixture(
	struct calculation *c, const struct shc_part *first, uint32_t from)
{
	struct part_list list = {NULL, NULL};
	struct shc_arith *node = new_node(c, SHC_ARITH_EXPANSION, SHC_ARITH_OP_NONE, NULL, NULL);
	struct shc_word *word;

	c->part = first;
	c->at = from;
	for (settle(c); c->part; settle(c)) {
		struct shc_part *copy;
		uint32_t start = c->at;

		if (!is_literal(c->part) && !is_expansion(c->part))
			break;
		copy = shc_take(c->p, sizeof(*copy));
		*copy = *c->part;
		copy->next = NULL;
		if (is_literal(c->part)) {
			while (c->at < c->part->text.length &&
				is_operand_char((unsigned char)c->part->text.bytes[c->at], true))
				c->at++;
			if (c->at == start)
				break;
			copy->text = (struct shc_text){c->part->text.bytes + start, c->at - start};
			if (copy->range.end - copy->range.start == c->part->text.length)
				copy->range = (struct shc_range){
					c->part->range.start + start, c->part->range.start + c->at};
			if (c->at < c->part->text.length) {
				list.tail ? (list.tail->next = copy) : (list.first = copy);
				list.tail = copy;
				break;
			}
		} else {
			c->part = c->part->next;
			c->at = 0;
		}
		list.tail ? (list.tail->next = copy) : (list.first = copy);
		list.tail = copy;
	}
	if (!list.first)
		return fail(c);
	word = shc_word_of(c->p, list.first, c->p->in.pos, c->p->in.pos);
	word->range = (struct shc_range){list.first->range.start, list.tail->range.end};
	node->word = word;
	node->range = word->range;
	return node;
}

/* The subscript of a variable: up to its ], which the parts of the word were not split at. */
static bool read_element_subscript(struct calculation *c, struct shc_subscript *ret)
{
	struct part_list list = {NULL, NULL};
	uint32_t depth = 0;
	struct shc_arith *arith;

	c->at++;
	settle(c);
	if (begins_with(c, "@]") || begins_with(c, "*]")) {
		ret->kind = here(c) == '@' ? SHC_SUBSCRIPT_AT : SHC_SUBSCRIPT_STAR;
		c->at += 2;
		return true;
	}
	ret->kind = SHC_SUBSCRIPT_KEY;
	for (settle(c); c->part; settle(c)) {
		struct shc_part *copy = shc_take(c->p, sizeof(*copy));
		uint32_t start = c->at;
		bool ends = false;

		*copy = *c->part;
		copy->next = NULL;
		if (is_literal(c->part)) {
			for (; c->at < c->part->text.length && !ends; c->at += !ends) {
				char at = c->part->text.bytes[c->at];

				depth += at == '[';
				ends = at == ']' && depth == 0;
				depth -= at == ']' && !ends;
			}
			copy->text = (struct shc_text){c->part->text.bytes + start, c->at - start};
			if (copy->range.end - copy->range.start == c->part->text.length)
				copy->range = (struct shc_range){
					c->part->range.start + start, c->part->range.start + c->at};
		} else {
			c->part = c->part->next;
			c->at = 0;
		}
		if (!is_literal(copy) || copy->text.length) {
			list.tail ? (list.tail->next = copy) : (list.first = copy);
			list.tail = copy;
		}
		if (ends) {
			ret->word = shc_word_of(c->p, list.first, c->p->in.pos, c->p->in.pos);
			if (list.first)
				ret->word->range = (struct shc_range){
					list.first->range.start, list.tail->range.end};
			arith = shc_arith_of(c->p, ret->word, true);
			ret->arith = arith;
			c->at++;
			return true;
		}
	}
	return false;
}

static struct shc_arith *read_operand(struct calculation *c)
{
	const struct shc_part *part = c->part;
	uint32_t from = c->at, offset = source_offset(c);
	bool number;
	struct shc_arith *node;

	if (is_expansion(part))
		return read_mixture(c, part, from);
	if (!is_operand_char(here(c), false))
		return fail(c);
	number = shc_is_digit(here(c));
	while (c->at < part->text.length &&
		is_operand_char((unsigned char)part->text.bytes[c->at], number))
		c->at++;
	if (c->at == part->text.length && is_expansion(part->next))
		return read_mixture(c, part, from);
	node = new_node(
		c, number ? SHC_ARITH_NUMBER : SHC_ARITH_VARIABLE, SHC_ARITH_OP_NONE, NULL, NULL);
	node->text = (struct shc_text){part->text.bytes + from, c->at - from};
	node->range = (struct shc_range){offset, offset + node->text.length};
	if (number && !read_number(node->text, &node->number))
		return fail(c);
	if (!number && here(c) == '[' && c->p->bash) {
		if (!read_element_subscript(c, &node->subscript))
			return fail(c);
	}
	return node;
}

static bool is_assignable(const struct shc_arith *node)
{
	return node && (node->kind == SHC_ARITH_VARIABLE || node->kind == SHC_ARITH_EXPANSION);
}

static struct shc_arith *read_parenthesis(struct calculation *c)
{
	struct shc_arith *node;

	c->at++;
	node = read_expression(c, PRECEDENCE_COMMA);
	skip_space(c);
	if (!node || here(c) != ')')
		return fail(c);
	c->at++;
	return node;
}

static struct shc_arith *read_postfix(struct calculation *c)
{
	struct shc_arith *node;

	skip_space(c);
	node = here(c) == '(' ? read_parenthesis(c) : read_operand(c);
	if (!node)
		return NULL;
	skip_space(c);
	if (is_assignable(node) && (begins_with(c, "++") || begins_with(c, "--"))) {
		enum shc_arith_op op = here(c) == '+' ? SHC_ARITH_ADD : SHC_ARITH_SUBTRACT;

		c->at += 2;
		node = new_node(c, SHC_ARITH_POSTFIX, op, node, NULL);
		node->range.end += 2;
	}
	return node;
}

static struct shc_arith *read_unary(struct calculation *c)
{
	enum shc_arith_kind kind = SHC_ARITH_UNARY;
	enum shc_arith_op op;
	struct shc_arith *node, *operand;
	uint32_t start, length = 1;
	int sign;

	skip_space(c);
	sign = here(c);
	start = source_offset(c);
	if (sign != '+' && sign != '-' && sign != '!' && sign != '~')
		return read_postfix(c);
	op = sign == '+'   ? SHC_ARITH_ADD
	     : sign == '-' ? SHC_ARITH_SUBTRACT
	     : sign == '!' ? SHC_ARITH_NOT
			   : SHC_ARITH_COMPLEMENT;
	if (begins_with(c, "++") || begins_with(c, "--")) {
		struct calculation after = *c;

		/* --x decrements, but --5 is 5 with two signs. */
		after.at += 2;
		skip_space(&after);
		if (shc_is_name_start(here(&after)) || is_expansion(after.part)) {
			kind = SHC_ARITH_PREFIX;
			length = 2;
		}
	}
	c->at += length;
	if (!shc_enter(c->p))
		return fail(c);
	operand = read_unary(c);
	shc_leave(c->p);
	if (!operand)
		return NULL;
	if (kind == SHC_ARITH_PREFIX && !is_assignable(operand))
		return fail(c);
	node = new_node(c, kind, op, operand, NULL);
	node->range.start = start;
	return node;
}

static const struct binary_row *find_binary(struct calculation *c)
{
	skip_space(c);
	for (size_t i = 0; i < sizeof(binaries) / sizeof(binaries[0]); i++) {
		if (begins_with(c, binaries[i].text))
			return &binaries[i];
	}
	return NULL;
}

static struct shc_arith *read_ternary(struct calculation *c, struct shc_arith *condition)
{
	struct shc_arith *node = new_node(c, SHC_ARITH_TERNARY, SHC_ARITH_OP_NONE, condition, NULL);

	c->at++;
	node->right = read_expression(c, PRECEDENCE_COMMA);
	skip_space(c);
	if (!node->right || here(c) != ':')
		return fail(c);
	c->at++;
	node->third = read_expression(c, PRECEDENCE_TERNARY);
	if (!node->third)
		return NULL;
	node->range.end = node->third->range.end;
	return node;
}

/* Operators that bind at least as strongly as @precedence; false at another one or the end, or when @left is wrong. */
static bool extend(struct calculation *c, struct shc_arith **left, int precedence)
{
	const struct binary_row *row;
	struct shc_arith *right;
	bool to_the_right;

	skip_space(c);
	if (here(c) == '?' && precedence <= PRECEDENCE_TERNARY) {
		*left = read_ternary(c, *left);
		return *left != NULL;
	}
	row = find_binary(c);
	if (!row || row->precedence < precedence)
		return false;
	if (row->assigns && !is_assignable(*left)) {
		*left = fail(c);
		return false;
	}
	c->at += (uint32_t)strlen(row->text);
	to_the_right = row->assigns || row->precedence == PRECEDENCE_POWER;
	right = read_expression(c, row->precedence + !to_the_right);
	if (!right) {
		*left = NULL;
		return false;
	}
	*left = new_node(
		c, row->assigns ? SHC_ARITH_ASSIGN : SHC_ARITH_BINARY, row->op, *left, right);
	return true;
}

static struct shc_arith *read_expression(struct calculation *c, int precedence)
{
	struct shc_arith *left;
	uint32_t entered = 1;

	if (!shc_enter(c->p))
		return fail(c);
	left = read_unary(c);
	/* Each operator of a chain makes the tree one deeper to the left. */
	while (left && extend(c, &left, precedence)) {
		if (!shc_enter(c->p)) {
			left = fail(c);
			break;
		}
		entered++;
	}
	while (entered--)
		shc_leave(c->p);
	return left;
}

static bool has_expansions(const struct shc_part *part)
{
	for (; part; part = part->next) {
		if (!is_literal(part))
			return true;
	}
	return false;
}

struct shc_arith *shc_arith_of(struct parser *p, const struct shc_word *word, bool quiet)
{
	struct calculation c = {.p = p, .part = word->parts};
	struct shc_arith *arith;
	struct shc_range range = word->range;

	if (p->failed)
		return NULL;
	skip_space(&c);
	if (!c.part)
		return NULL;
	arith = read_expression(&c, PRECEDENCE_COMMA);
	skip_space(&c);
	if (arith && !c.wrong && !c.part)
		return arith;
	if (!c.wrong)
		(void)fail(&c);
	if (quiet || p->failed || has_expansions(word->parts))
		return NULL;
	if (c.wrong_offset != UINT32_MAX)
		range.start = c.wrong_offset;
	shc_finding_hint(p->findings,
		shc_warn(p, 912, range, "%s",
			c.wrong_offset == UINT32_MAX
				? "the arithmetic expression ends too early"
				: "this is no arithmetic expression from here on"),
		"the shell finds this only when it gets here, and stops");
	return NULL;
}

struct shc_arith_text shc_read_arithmetic(struct parser *p, struct scope scope, bool quiet)
{
	struct shc_arith_text text = {NULL, NULL};

	text.word = shc_read_word(p, scope);
	if (!p->failed)
		text.arith = shc_arith_of(p, text.word, quiet);
	return text;
}
