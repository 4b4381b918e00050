/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compound commands and functions (POSIX.1-2017 XCU 2.9.4, 2.9.5; bash's manual, "Compound Commands"). */
#include "parser.h"

#include <string.h>

/* Over the reserved word that ends at @end. */
static void pass_keyword(struct parser *p, uint32_t end)
{
	p->in.pos = end;
	p->last_end = end;
	p->token_at = UINT32_MAX;
}

bool shc_expect(struct parser *p, enum keyword keyword, const char *what, uint32_t start)
{
	uint32_t end;
	enum keyword found;
	struct shc_finding *finding;

	if (p->failed)
		return false;
	found = shc_keyword(p, &end);
	if (found == keyword) {
		pass_keyword(p, end);
		return true;
	}
	if (shc_peek(p)->kind == TOKEN_END) {
		shc_end_error(p, start, what, shc_keyword_text(keyword));
		return false;
	}
	finding = shc_fail(p, 903, p->in.pos, found ? end : p->in.pos + 1, "expected '%s'%s%s%s",
		shc_keyword_text(keyword), found ? ", found '" : "",
		found ? shc_keyword_text(found) : "", found ? "'" : "");
	shc_finding_relate(p->findings, finding, shc_range_of(p, start, start + 1),
		"for the %s that begins here", what);
	if (keyword == KEYWORD_CLOSE_TEST)
		shc_finding_hint(p->findings, finding, "'[[' is ended by ']]', a word of its own");
	else
		shc_finding_hint(p->findings, finding,
			"'%s' counts only where a command begins: after ';', '&' or a new line",
			shc_keyword_text(keyword));
	if (p->stopped)
		return false;
	/* A closing word that something outside waits for stays; the missing one is taken as if it were there. */
	p->failed = false;
	if (found && !p->open[found])
		pass_keyword(p, end);
	return true;
}

/* A list that closing word @keyword ends; empty ones are errors in every shell. */
static struct shc_list *read_body(struct parser *p, enum keyword keyword, const char *after)
{
	struct shc_list *list;
	uint32_t end;

	p->open[keyword]++;
	list = shc_read_list(p);
	p->open[keyword]--;
	if (p->failed || p->stopped)
		return list;
	if (list->count == 0 && shc_peek(p)->kind != TOKEN_END) {
		enum keyword found = shc_keyword(p, &end);
		uint32_t errors = p->script->error_count;
		struct shc_finding *finding;

		if (errors && found != keyword)
			return list;
		/* Statements that were left out because of errors are no reason for another one. */
		if (p->error_offset != UINT32_MAX && p->error_offset >= list->range.start &&
			p->error_offset < shc_range_of(p, p->in.pos, p->in.pos).start)
			return list;
		finding = shc_fail(p, 901, p->in.pos, found ? end : p->in.pos + 1,
			"there is no command after '%s'", after);
		shc_finding_hint(p->findings, finding, "':' is the command that does nothing");
		if (!p->stopped)
			p->failed = false;
	}
	return list;
}

static struct shc_command *read_if(struct parser *p, uint32_t start)
{
	struct shc_command *command = shc_new_command(p, SHC_COMMAND_IF, start);
	struct shc_clause **last = &command->if_.clauses;
	enum keyword found = KEYWORD_IF;
	uint32_t end;

	p->open[KEYWORD_FI]++;
	p->open[KEYWORD_ELSE]++;
	p->open[KEYWORD_ELIF]++;
	do {
		struct shc_clause *clause = shc_take(p, sizeof(*clause));
		uint32_t clause_start = found == KEYWORD_IF ? start : p->last_end - 4;

		if (found != KEYWORD_ELSE) {
			clause->condition =
				read_body(p, KEYWORD_THEN, found == KEYWORD_IF ? "if" : "elif");
			if (!shc_expect(p, KEYWORD_THEN, "'if'", start))
				break;
		}
		clause->body = read_body(p, KEYWORD_FI, found == KEYWORD_ELSE ? "else" : "then");
		clause->range = shc_range_of(p, clause_start, p->in.pos);
		*last = clause;
		last = &clause->next;
		if (p->failed || found == KEYWORD_ELSE)
			break;
		found = shc_keyword(p, &end);
		if (found == KEYWORD_ELSE || found == KEYWORD_ELIF)
			pass_keyword(p, end);
		if (found == KEYWORD_ELSE && shc_keyword(p, &end) == KEYWORD_IF)
			p->else_if = shc_range_of(p, p->last_end - 4, end);
	} while (found == KEYWORD_ELSE || found == KEYWORD_ELIF);
	p->open[KEYWORD_ELIF]--;
	p->open[KEYWORD_ELSE]--;
	p->open[KEYWORD_FI]--;
	(void)shc_expect(p, KEYWORD_FI, "'if'", start);
	return command;
}

/* do list done */
static struct shc_list *read_do(struct parser *p, const char *what, uint32_t start)
{
	struct shc_list *list;

	if (!shc_expect(p, KEYWORD_DO, what, start))
		return NULL;
	list = read_body(p, KEYWORD_DONE, "do");
	if (!shc_expect(p, KEYWORD_DONE, what, start))
		return NULL;
	return list;
}

static struct shc_command *read_while(struct parser *p, enum keyword keyword, uint32_t start)
{
	bool until = keyword == KEYWORD_UNTIL;
	struct shc_command *command =
		shc_new_command(p, until ? SHC_COMMAND_UNTIL : SHC_COMMAND_WHILE, start);
	const char *what = until ? "'until' loop" : "'while' loop";

	p->open[KEYWORD_DONE]++;
	command->loop.condition = read_body(p, KEYWORD_DO, until ? "until" : "while");
	p->open[KEYWORD_DONE]--;
	if (!p->failed)
		command->loop.body = read_do(p, what, start);
	return command;
}

/* The words after `in`, up to a terminator. */
static void read_in_words(struct parser *p, struct shc_command *command)
{
	struct shc_word **last = &command->for_.words;

	command->for_.has_in = true;
	while (!p->failed && shc_peek(p)->kind == TOKEN_WORD) {
		*last = shc_read_word(p, (struct scope){.flags = SCOPE_WORD});
		last = &(*last)->next;
	}
}

/* do ... done, or in bash { ... }. */
static struct shc_list *read_loop_body(struct parser *p, const char *what, uint32_t start)
{
	uint32_t end;
	struct shc_list *list;

	shc_skip_newlines(p);
	if (!p->bash || shc_keyword(p, &end) != KEYWORD_OPEN_BRACE)
		return read_do(p, what, start);
	pass_keyword(p, end);
	list = read_body(p, KEYWORD_CLOSE_BRACE, "{");
	(void)shc_expect(p, KEYWORD_CLOSE_BRACE, what, start);
	return list;
}

/* for ((init; condition; step)) */
static void read_for_arith(struct parser *p, struct shc_command *command, uint32_t start)
{
	struct scope scope = {
		.flags = SCOPE_QUOTED | SCOPE_DOUBLE | SCOPE_SPACES | SCOPE_PARENTHESES,
		.stop = ';',
		.other_stop = ')'};
	struct shc_arith_text *texts[] = {
		&command->for_arith.init, &command->for_arith.condition, &command->for_arith.step};

	if (!p->bash)
		shc_dialect_error(p, p->in.pos, p->in.pos + 2, "'for ((' is of bash");
	if (p->stopped)
		return;
	command->kind = SHC_COMMAND_FOR_ARITH;
	p->in.pos += 2;
	for (int i = 0; i < 3; i++) {
		*texts[i] = shc_read_arithmetic(p, scope, false);
		if (p->failed)
			return;
		if (i < 2 && shc_char(p, 0) != ';') {
			(void)shc_fail(p, 901, p->in.pos, p->in.pos + 1,
				"'for ((' takes three expressions with ';' between them");
			return;
		}
		p->in.pos++;
	}
	if (p->in.text[p->in.pos - 1] != ')' || shc_char(p, 0) != ')') {
		shc_end_error(p, start, "'for (('", "))");
		return;
	}
	p->in.pos++;
	p->last_end = p->in.pos;
	if (shc_peek(p)->kind == TOKEN_SEMICOLON)
		shc_advance(p);
	command->for_arith.body = read_loop_body(p, "'for' loop", start);
}

static bool read_loop_name(struct parser *p, struct shc_command *command, const char *what)
{
	uint32_t start;
	struct shc_word *word;

	if (shc_peek(p)->kind != TOKEN_WORD) {
		shc_unexpected(p, "the name of a variable");
		return false;
	}
	start = p->in.pos;
	word = shc_read_word(p, (struct scope){.flags = SCOPE_WORD});
	if (p->failed)
		return false;
	if (!word->constant || word->quoted || !shc_is_name(p, start, p->in.pos)) {
		struct shc_finding *finding = NULL;
		bool dollar = p->in.text[start] == '$';

		/* bash refuses the name only when it gets there. */
		if (p->bash)
			finding = shc_warn(
				p, 901, word->range, "no name of a variable follows '%s'", what);
		else
			finding = shc_fail(p, 901, start, p->in.pos,
				"no name of a variable follows '%s'", what);
		if (dollar)
			shc_finding_hint(p->findings, finding, "write it without the $");
		if (!p->stopped)
			p->failed = false;
	}
	command->for_.name = shc_text_of(p, start, p->in.pos);
	command->for_.name_range = word->range;
	return !p->failed;
}

static struct shc_command *read_for(struct parser *p, enum keyword keyword, uint32_t start)
{
	bool select = keyword == KEYWORD_SELECT;
	struct shc_command *command =
		shc_new_command(p, select ? SHC_COMMAND_SELECT : SHC_COMMAND_FOR, start);
	uint32_t end;

	if (shc_peek(p)->kind == TOKEN_OPEN && shc_char(p, 1) == '(' && !select) {
		read_for_arith(p, command, start);
		return command;
	}
	if (!read_loop_name(p, command, select ? "select" : "for"))
		return command;
	if (shc_peek(p)->kind == TOKEN_SEMICOLON) {
		shc_advance(p);
	} else {
		shc_skip_newlines(p);
		if (shc_keyword(p, &end) == KEYWORD_IN) {
			pass_keyword(p, end);
			read_in_words(p, command);
			if (!p->failed && shc_peek(p)->kind == TOKEN_SEMICOLON)
				shc_advance(p);
			else if (!p->failed && shc_peek(p)->kind != TOKEN_NEWLINE)
				shc_unexpected(p, "';' or a new line before 'do'");
		}
	}
	if (!p->failed)
		command->for_.body =
			read_loop_body(p, select ? "'select' loop" : "'for' loop", start);
	return command;
}

/* pattern [| pattern]... ) */
static void read_patterns(struct parser *p, struct shc_case_item *item)
{
	struct shc_word **last = &item->patterns;

	if (shc_peek(p)->kind == TOKEN_OPEN)
		shc_advance(p);
	for (;;) {
		if (shc_peek(p)->kind != TOKEN_WORD) {
			shc_unexpected(p, "a pattern or 'esac'");
			return;
		}
		*last = shc_read_word(p, (struct scope){.flags = SCOPE_PATTERN});
		if (p->failed)
			return;
		last = &(*last)->next;
		if (shc_peek(p)->kind != TOKEN_PIPE)
			break;
		shc_advance(p);
	}
	if (shc_peek(p)->kind != TOKEN_CLOSE) {
		shc_unexpected(p, "')' after the pattern");
		return;
	}
	shc_advance(p);
}

static struct shc_case_item *read_item(struct parser *p)
{
	struct shc_case_item *item = shc_take(p, sizeof(*item));
	uint32_t start = p->in.pos, parentheses = p->open_parentheses;

	read_patterns(p, item);
	if (p->failed)
		return item;
	/* A stray ) in here is the pattern of an item whose predecessor lacks its ;; */
	p->open_parentheses = 0;
	p->open[KEYWORD_ESAC]++;
	item->body = shc_read_list(p);
	p->open[KEYWORD_ESAC]--;
	p->open_parentheses = parentheses;
	item->range = shc_range_of(p, start, p->last_end);
	switch (shc_peek(p)->kind) {
	case TOKEN_CASE_BREAK:
		break;
	case TOKEN_CASE_FALL:
		item->end = SHC_CASE_FALL;
		break;
	case TOKEN_CASE_CONTINUE:
		item->end = SHC_CASE_CONTINUE;
		break;
	default:
		return item;
	}
	shc_advance(p);
	item->range.end = shc_range_of(p, p->last_end - 1, p->last_end).end;
	return item;
}

static struct shc_command *read_case(struct parser *p, uint32_t start)
{
	struct shc_command *command = shc_new_command(p, SHC_COMMAND_CASE, start);
	struct shc_case_item **last = &command->case_.items;
	uint32_t end;

	if (shc_peek(p)->kind != TOKEN_WORD) {
		shc_unexpected(p, "a word after 'case'");
		return command;
	}
	command->case_.subject = shc_read_word(p, (struct scope){.flags = SCOPE_PATTERN});
	shc_skip_newlines(p);
	if (!shc_expect(p, KEYWORD_IN, "'case'", start))
		return command;
	for (;;) {
		shc_skip_newlines(p);
		if (p->failed || shc_peek(p)->kind == TOKEN_END ||
			shc_keyword(p, &end) == KEYWORD_ESAC)
			break;
		*last = read_item(p);
		last = &(*last)->next;
		if (p->failed)
			break;
	}
	(void)shc_expect(p, KEYWORD_ESAC, "'case'", start);
	return command;
}

static struct shc_command *read_group(struct parser *p, uint32_t start)
{
	struct shc_command *command = shc_new_command(p, SHC_COMMAND_GROUP, start);

	command->list = read_body(p, KEYWORD_CLOSE_BRACE, "{");
	(void)shc_expect(p, KEYWORD_CLOSE_BRACE, "'{'", start);
	return command;
}

static struct shc_command *read_subshell(struct parser *p, uint32_t start)
{
	struct shc_command *command = shc_new_command(p, SHC_COMMAND_SUBSHELL, start);
	struct outer outer;

	p->in.pos = start + 1;
	p->token_at = UINT32_MAX;
	shc_begin_inner(p, &outer);
	/* Here-documents of the line go on inside. */
	p->pending = outer.pending;
	p->pending_last = outer.pending ? outer.pending_last : &p->pending;
	outer.pending = NULL;
	p->open_parentheses = 1;
	command->list = shc_read_list(p);
	if (!p->failed && !p->stopped) {
		if (shc_peek(p)->kind == TOKEN_END)
			shc_end_error(p, start, "subshell", ")");
		else if (shc_peek(p)->kind != TOKEN_CLOSE)
			shc_unexpected(p, "')'");
		else if (command->list->count == 0 && p->error_offset == UINT32_MAX)
			(void)shc_fail(p, 901, start, p->in.pos + 1, "there is no command in ( )");
	}
	if (!p->failed)
		p->in.pos++;
	shc_end_inner(p, &outer, true);
	p->last_end = p->in.pos;
	return command;
}

/* (( ... )) as a command. */
static struct shc_command *read_arith_command(struct parser *p, uint32_t start)
{
	struct shc_command *command = shc_new_command(p, SHC_COMMAND_ARITH, start);
	struct scope scope = {
		.flags = SCOPE_QUOTED | SCOPE_DOUBLE | SCOPE_SPACES | SCOPE_PARENTHESES,
		.stop = ')'};

	p->in.pos = start + 2;
	p->token_at = UINT32_MAX;
	command->arith = shc_read_arithmetic(p, scope, false);
	if (p->failed)
		return command;
	if (shc_char(p, 0) != ')' || shc_char(p, 1) != ')') {
		shc_end_error(p, start, "'((' command", "))");
		return command;
	}
	p->in.pos += 2;
	p->last_end = p->in.pos;
	return command;
}

struct shc_command *shc_read_function_body(
	struct parser *p, struct shc_command *command, uint32_t start)
{
	shc_skip_newlines(p);
	if (!shc_enter(p))
		return NULL;
	command->function.body = shc_read_compound(p);
	if (!command->function.body && !p->failed) {
		/* dash takes any command. */
		if (p->bash || shc_peek(p)->kind == TOKEN_END)
			shc_unexpected(p, "'{' and the body of the function");
		else
			command->function.body = shc_read_pipeline_command(p);
	}
	shc_leave(p);
	command->range.end = shc_range_of(p, start, p->last_end).end;
	return command;
}

/* function name [()] compound */
static struct shc_command *read_function_keyword(struct parser *p, uint32_t start)
{
	struct shc_command *command = shc_new_command(p, SHC_COMMAND_FUNCTION, start);
	struct shc_word *name;
	uint32_t name_start;

	if (shc_peek(p)->kind != TOKEN_WORD) {
		shc_unexpected(p, "the name of the function");
		return command;
	}
	name_start = p->in.pos;
	name = shc_read_word(p, (struct scope){.flags = SCOPE_WORD});
	if (p->failed)
		return command;
	/* Of an odd name, which bash refuses when it gets there, the text. */
	command->function.name = name->constant && !name->quoted
					 ? name->literal
					 : shc_text_of(p, name_start, p->in.pos);
	command->function.name_range = name->range;
	command->function.keyword = true;
	if (shc_peek(p)->kind == TOKEN_OPEN) {
		uint32_t open = p->in.pos;

		shc_advance(p);
		if (shc_peek(p)->kind == TOKEN_CLOSE) {
			command->function.parentheses = true;
			shc_advance(p);
		} else {
			p->in.pos = open;
			p->token_at = UINT32_MAX;
		}
	}
	return shc_read_function_body(p, command, start);
}

static bool begins_compound(struct parser *p)
{
	uint32_t end;

	if (shc_peek(p)->kind == TOKEN_OPEN)
		return true;
	switch (shc_keyword(p, &end)) {
	case KEYWORD_OPEN_BRACE:
	case KEYWORD_CASE:
	case KEYWORD_FOR:
	case KEYWORD_IF:
	case KEYWORD_UNTIL:
	case KEYWORD_WHILE:
	case KEYWORD_OPEN_TEST:
	case KEYWORD_SELECT:
		return true;
	default:
		return false;
	}
}

/* coproc [NAME] compound | coproc simple */
static struct shc_command *read_coproc(struct parser *p, uint32_t start)
{
	struct shc_command *command = shc_new_command(p, SHC_COMMAND_COPROC, start);
	uint32_t name_start, name_end;

	shc_skip_blanks(p);
	if (shc_peek(p)->kind == TOKEN_WORD && !begins_compound(p)) {
		/* A plain name is that of the coprocess if a compound command follows it. */
		name_start = name_end = p->in.pos;
		while (name_end < p->in.end &&
			shc_is_name_char((unsigned char)p->in.text[name_end]))
			name_end++;
		p->in.pos = name_end;
		p->token_at = UINT32_MAX;
		if (shc_is_name(p, name_start, name_end) && strchr(" \t", p->in.text[name_end]) &&
			begins_compound(p)) {
			command->coproc.name = shc_text_of(p, name_start, name_end);
		} else {
			p->in.pos = name_start;
			p->token_at = UINT32_MAX;
		}
	}
	command->coproc.body = shc_read_compound(p);
	if (!command->coproc.body && !p->failed)
		command->coproc.body = shc_read_simple(p);
	if (p->failed)
		return command;
	command->range.end = command->coproc.body->range.end;
	return command;
}

/* In sh, words that bash reserves are commands: say so where they look like bash's. */
static void warn_of_bash(struct parser *p)
{
	static const struct {
		const char *word, *message;
	} rows[] = {
		{"[[", "[[ is of bash; sh runs a command named [["},
		{"function", "'function' is of bash; sh runs a command of this name"},
		{"select", "'select' is of bash; sh runs a command of this name"},
	};
	uint32_t left = p->in.end - p->in.pos;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t length = (uint32_t)strlen(rows[i].word);

		if (left > length && memcmp(p->in.text + p->in.pos, rows[i].word, length) == 0 &&
			strchr(" \t", p->in.text[p->in.pos + length]) &&
			p->in.text[p->in.pos + length])
			shc_finding_hint(p->findings,
				shc_warn(p, 913, shc_range_of(p, p->in.pos, p->in.pos + length),
					"%s", rows[i].message),
				"start the script with #!/bin/bash, or write it as POSIX sh");
	}
}

static struct shc_command *read_by_keyword(struct parser *p, enum keyword keyword, uint32_t start)
{
	switch (keyword) {
	case KEYWORD_OPEN_BRACE:
		return read_group(p, start);
	case KEYWORD_CASE:
		return read_case(p, start);
	case KEYWORD_FOR:
	case KEYWORD_SELECT:
		return read_for(p, keyword, start);
	case KEYWORD_IF:
		return read_if(p, start);
	case KEYWORD_UNTIL:
	case KEYWORD_WHILE:
		return read_while(p, keyword, start);
	case KEYWORD_OPEN_TEST:
		return shc_read_test(p, start);
	case KEYWORD_COPROC:
		return read_coproc(p, start);
	case KEYWORD_FUNCTION:
		return read_function_keyword(p, start);
	default:
		return NULL;
	}
}

struct shc_command *shc_read_compound(struct parser *p)
{
	struct shc_command *command;
	enum keyword keyword;
	uint32_t start, end = 0;

	if (shc_peek(p)->kind == TOKEN_OPEN) {
		start = p->in.pos;
		if (p->bash && shc_char(p, 1) == '(' && shc_is_arithmetic(p, start))
			command = read_arith_command(p, start);
		else
			command = p->failed ? NULL : read_subshell(p, start);
	} else {
		keyword = shc_keyword(p, &end);
		start = p->in.pos;
		/* `time` behind a pipe is an ordinary command. */
		if (keyword == KEYWORD_NONE || keyword == KEYWORD_IN || keyword == KEYWORD_TIME) {
			if (!p->bash && strchr("[fs", shc_char(p, 0)) && shc_char(p, 0) > 0)
				warn_of_bash(p);
			return NULL;
		}
		pass_keyword(p, end);
		command = read_by_keyword(p, keyword, start);
	}
	if (command && !p->failed && command->kind != SHC_COMMAND_FUNCTION &&
		command->kind != SHC_COMMAND_COPROC)
		shc_finish_command(p, command);
	return command;
}
