/* SPDX-License-Identifier: GPL-3.0-or-later */
/* [[ expression ]] (bash's manual, "Conditional Constructs"). */
#include "parser.h"

#include <string.h>

static struct shc_test *read_or(struct parser *p);

static struct shc_test *new_test(struct parser *p, enum shc_test_kind kind, uint32_t start)
{
	struct shc_test *test = shc_take(p, sizeof(*test));

	test->kind = kind;
	test->range = shc_range_of(p, start, p->last_end > start ? p->last_end : start);
	return test;
}

static struct shc_test *join(
	struct parser *p, enum shc_test_kind kind, struct shc_test *left, struct shc_test *right)
{
	struct shc_test *test = shc_take(p, sizeof(*test));

	test->kind = kind;
	test->left = left;
	test->right = right;
	test->range = (struct shc_range){left->range.start, right->range.end};
	return test;
}

/* Is the word at [start, end) exactly `-x`, an operator of one operand? */
static bool is_unary(const struct parser *p, uint32_t start, uint32_t end)
{
	const char *text = p->in.text;

	return end - start == 2 && text[start] == '-' &&
	       strchr("abcdefghknoprstuvwxzGLNORS", text[start + 1]) && text[start + 1];
}

/* Where the plain characters at `pos` end. */
static uint32_t plain_end(const struct parser *p)
{
	uint32_t at = p->in.pos;

	while (at < p->in.end && !strchr(" \t\r\n;&|()<>\\'\"`$", p->in.text[at]))
		at++;
	return at;
}

/* The operator of two operands at `pos` after blanks; its end, or 0. */
static uint32_t find_binary(struct parser *p, struct scope *ret_scope)
{
	static const char *const names[] = {"==", "=", "!=", "=~", "-eq", "-ne", "-lt", "-le",
		"-gt", "-ge", "-nt", "-ot", "-ef", NULL};
	uint32_t end;
	int c;

	shc_skip_blanks(p);
	c = shc_char(p, 0);
	*ret_scope = (struct scope){
		.flags = SCOPE_SINGLE | SCOPE_DOUBLE | SCOPE_TILDE | SCOPE_LIKE_VALUE};
	if ((c == '<' || c == '>') && shc_char(p, 1) != '(')
		return p->in.pos + 1;
	end = plain_end(p);
	for (int i = 0; names[i]; i++) {
		if (strlen(names[i]) == end - p->in.pos &&
			memcmp(names[i], p->in.text + p->in.pos, end - p->in.pos) == 0) {
			if (i < 3)
				ret_scope->flags = SCOPE_PATTERN;
			else if (i == 3)
				ret_scope->flags = SCOPE_SINGLE | SCOPE_DOUBLE | SCOPE_REGEX |
						   SCOPE_PARENTHESES;
			return end;
		}
	}
	return 0;
}

static struct shc_word *read_operand(struct parser *p, struct scope scope)
{
	uint32_t start;
	struct shc_word *word;

	shc_skip_blanks(p);
	start = p->in.pos;
	word = shc_read_word(p, scope);
	if (!p->failed && p->in.pos == start)
		shc_unexpected(p, "an operand in [[ ]]");
	return word;
}

static bool at_closing(struct parser *p)
{
	uint32_t end;

	return shc_keyword(p, &end) == KEYWORD_CLOSE_TEST;
}

static struct shc_test *read_group(struct parser *p, uint32_t start)
{
	struct shc_test *test, *inner;

	p->in.pos++;
	p->token_at = UINT32_MAX;
	if (!shc_enter(p))
		return NULL;
	inner = read_or(p);
	shc_leave(p);
	if (p->failed)
		return NULL;
	shc_skip_newlines(p);
	if (shc_peek(p)->kind != TOKEN_CLOSE) {
		shc_unexpected(p, "')' in [[ ]]");
		return NULL;
	}
	shc_advance(p);
	test = new_test(p, SHC_TEST_GROUP, start);
	test->left = inner;
	return test;
}

static struct shc_test *read_not(struct parser *p, uint32_t start, uint32_t end);

/* An operand alone, or with an operator. */
static struct shc_test *read_comparison(struct parser *p, uint32_t start)
{
	struct scope plain = {.flags =
				      SCOPE_SINGLE | SCOPE_DOUBLE | SCOPE_TILDE | SCOPE_LIKE_VALUE},
		     scope;
	struct shc_word *first;
	struct shc_test *test;
	uint32_t end = plain_end(p), op_start;

	if (is_unary(p, start, end)) {
		p->in.pos = end;
		p->last_end = end;
		p->token_at = UINT32_MAX;
		if (at_closing(p) || shc_peek(p)->kind != TOKEN_WORD) {
			shc_unexpected(p, "the operand of an operator such as -f in [[ ]]");
			return NULL;
		}
		first = read_operand(p, plain);
		test = new_test(p, SHC_TEST_UNARY, start);
		test->op = shc_text_of(p, start, end);
		test->first = first;
		return test;
	}
	first = read_operand(p, plain);
	if (p->failed)
		return NULL;
	end = find_binary(p, &scope);
	if (end == 0) {
		p->token_at = UINT32_MAX;
		if (shc_peek(p)->kind == TOKEN_NEWLINE) {
			shc_unexpected(p, "an operator or ']]' after a word in [[ ]]");
			return NULL;
		}
		test = new_test(p, SHC_TEST_WORD, start);
		test->first = first;
		return test;
	}
	op_start = p->in.pos;
	p->in.pos = end;
	p->token_at = UINT32_MAX;
	test = shc_take(p, sizeof(*test));
	test->kind = SHC_TEST_BINARY;
	test->op = shc_text_of(p, op_start, end);
	test->first = first;
	test->second = read_operand(p, scope);
	test->range = shc_range_of(p, start, p->last_end);
	return test;
}

static struct shc_test *read_primary(struct parser *p)
{
	const struct token *token;
	uint32_t start, end;
	enum keyword keyword;

	shc_skip_newlines(p);
	token = shc_peek(p);
	start = token->start;
	keyword = shc_keyword(p, &end);
	if (token->kind == TOKEN_OPEN)
		return read_group(p, start);
	if (keyword == KEYWORD_BANG)
		return read_not(p, start, end);
	if (token->kind != TOKEN_WORD || keyword == KEYWORD_CLOSE_TEST) {
		shc_unexpected(p, "an expression in [[ ]]");
		return NULL;
	}
	return read_comparison(p, start);
}

static struct shc_test *read_not(struct parser *p, uint32_t start, uint32_t end)
{
	struct shc_test *test, *inner;

	p->in.pos = end;
	p->token_at = UINT32_MAX;
	if (!shc_enter(p))
		return NULL;
	inner = read_primary(p);
	shc_leave(p);
	if (p->failed)
		return NULL;
	test = new_test(p, SHC_TEST_NOT, start);
	test->left = inner;
	return test;
}

/* Operands joined by @token; the tree is as deep to the left as there are operators. */
static struct shc_test *read_chain(struct parser *p, enum token_kind token, enum shc_test_kind kind,
	struct shc_test *(*read)(struct parser *))
{
	struct shc_test *left = read(p);
	uint32_t entered = 0;

	while (!p->failed) {
		struct shc_test *right;

		shc_skip_newlines(p);
		if (shc_peek(p)->kind != token || !shc_enter(p))
			break;
		entered++;
		shc_advance(p);
		right = read(p);
		if (right)
			left = join(p, kind, left, right);
	}
	while (entered--)
		shc_leave(p);
	return left;
}

static struct shc_test *read_and(struct parser *p)
{
	return read_chain(p, TOKEN_AND, SHC_TEST_AND, read_primary);
}

static struct shc_test *read_or(struct parser *p)
{
	return read_chain(p, TOKEN_OR, SHC_TEST_OR, read_and);
}

struct shc_command *shc_read_test(struct parser *p, uint32_t start)
{
	struct shc_command *command = shc_new_command(p, SHC_COMMAND_TEST, start);
	bool extglob = p->extglob;

	/* Extended patterns need no option in here. */
	p->extglob = true;
	command->test = read_or(p);
	p->extglob = extglob;
	if (p->failed)
		return command;
	shc_skip_newlines(p);
	(void)shc_expect(p, KEYWORD_CLOSE_TEST, "'[['", start);
	return command;
}
