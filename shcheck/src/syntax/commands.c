/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists, and-or lists, pipelines and simple commands (POSIX.1-2017 XCU 2.9, 2.10), and going on after errors. */
#include "parser.h"

#include <stdio.h>
#include <string.h>

#include <hotbed/assert.h>

/* How many aliases a command's name is looked for among. */
#define ALIASES_MAX 64

struct shc_command *shc_new_command(struct parser *p, enum shc_command_kind kind, uint32_t start)
{
	struct shc_command *command = shc_take(p, sizeof(*command));

	command->kind = kind;
	command->range = shc_range_of(p, start, start);
	command->id = p->script->command_count++;
	return command;
}

static void end_command(struct parser *p, struct shc_command *command)
{
	command->range.end = shc_range_of(p, p->last_end - (p->last_end > 0), p->last_end).end;
}

void shc_finish_command(struct parser *p, struct shc_command *command)
{
	struct shc_redirect **last = &command->redirects;

	while (!p->failed && shc_peek(p)->kind == TOKEN_REDIRECT) {
		*last = shc_read_redirect(p);
		if (*last)
			last = &(*last)->next;
	}
	end_command(p, command);
}

void shc_unexpected(struct parser *p, const char *expected)
{
	const struct token *token = shc_peek(p);
	struct shc_finding *finding;
	char text[60];
	uint32_t end, start = token->start;

	if (p->failed)
		return;
	if (token->kind == TOKEN_END || token->kind == TOKEN_NEWLINE) {
		(void)shc_fail(p, 901, start, start, "%s ends too early: expected %s",
			token->kind == TOKEN_END ? "the script" : "the line",
			expected ? expected : "a command");
		return;
	}
	(void)shc_describe(p, start, text, sizeof(text));
	if (token->kind == TOKEN_WORD) {
		for (end = start + 1; end < p->in.end && !strchr(" \t\n;&|()<>", p->in.text[end]);
			end++)
			;
	} else {
		end = token->end;
		(void)snprintf(text, sizeof(text), "%.*s", (int)(end - start), p->in.text + start);
	}
	finding = shc_fail(p, 901, start, end, "unexpected '%s'%s%s", text,
		expected ? ", expected " : "", expected ? expected : "");
	if (p->long_string.end)
		shc_finding_relate(p->findings, finding, p->long_string,
			"a quote may be missing: this string goes over several lines");
}

void shc_end_error(struct parser *p, uint32_t start, const char *what, const char *closer)
{
	struct shc_finding *finding;

	p->failed = true;
	if (p->end_reported)
		return;
	p->end_reported = true;
	finding = shc_fail(
		p, 902, start, start + 1, "this %s is not closed: '%s' is missing", what, closer);
	if (strcmp(closer, "fi") == 0 && p->else_if.end)
		shc_finding_relate(p->findings, finding, p->else_if,
			"'else if' begins another 'if' with a 'fi' of its own; 'elif' does not");
	if (strcmp(closer, "}") == 0 && what[0] == '\'')
		shc_finding_hint(p->findings, finding,
			"'}' counts only where a command begins: after ';', '&' or a new line");
	if ((closer[0] == '"' || closer[0] == '\'') && p->long_string.end)
		shc_finding_relate(p->findings, finding, p->long_string,
			"or a quote is missing here: this string goes over several lines");
}

/* ---- Going on after an error: over the rest of the line. ---- */

static void recover(struct parser *p)
{
	uint32_t depth = 0;

	if (p->stopped)
		return;
	p->failed = false;
	p->token_at = UINT32_MAX;
	for (; p->in.pos < p->in.end; p->in.pos++) {
		char c = p->in.text[p->in.pos];

		if (c == '\\' && p->in.pos + 1 < p->in.end)
			p->in.pos++;
		else if (c == '\n')
			break;
		else if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (c == ')' && p->open_parentheses)
			break;
	}
}

static bool closes(enum keyword keyword)
{
	switch (keyword) {
	case KEYWORD_CLOSE_BRACE:
	case KEYWORD_CLOSE_TEST:
	case KEYWORD_DO:
	case KEYWORD_DONE:
	case KEYWORD_ELIF:
	case KEYWORD_ELSE:
	case KEYWORD_ESAC:
	case KEYWORD_FI:
	case KEYWORD_THEN:
		return true;
	default:
		return false;
	}
}

/* Does nothing wait for the reserved word or operator at `pos`, which begins no command? Report and pass it. */
static bool pass_stray(struct parser *p)
{
	const struct token *token = shc_peek(p);
	uint32_t end;
	enum keyword keyword;
	struct shc_finding *finding;
	bool inside_case = p->open[KEYWORD_ESAC] > 0;

	switch (token->kind) {
	case TOKEN_END:
		return false;
	case TOKEN_CLOSE:
		if (p->open_parentheses)
			return false;
		finding = shc_fail(
			p, 901, token->start, token->end, "unexpected ')': no '(' is open");
		if (inside_case)
			shc_finding_hint(p->findings, finding,
				"if a pattern ends here, ';;' is missing before it");
		break;
	case TOKEN_CASE_BREAK:
	case TOKEN_CASE_FALL:
	case TOKEN_CASE_CONTINUE:
		if (inside_case)
			return false;
		shc_unexpected(p, NULL);
		break;
	case TOKEN_WORD:
		keyword = shc_keyword(p, &end);
		if (!closes(keyword) || p->open[keyword])
			return false;
		finding = shc_fail(
			p, 903, token->start, end, "unexpected '%s'", shc_keyword_text(keyword));
		shc_finding_hint(p->findings, finding,
			keyword == KEYWORD_FI || keyword == KEYWORD_THEN ||
					keyword == KEYWORD_ELSE || keyword == KEYWORD_ELIF
				? "no 'if' is open here"
			: keyword == KEYWORD_DONE || keyword == KEYWORD_DO ? "no loop is open here"
			: keyword == KEYWORD_CLOSE_TEST                    ? "no '[[' is open here"
			: keyword == KEYWORD_ESAC ? "no 'case' is open here"
						  : "no '{' is open here");
		if (!p->stopped)
			p->failed = false;
		p->in.pos = p->stopped ? p->in.end : end;
		p->token_at = UINT32_MAX;
		return true;
	default:
		return false;
	}
	if (p->stopped)
		return true;
	p->failed = false;
	shc_advance(p);
	return true;
}

/* ---- Lists ---- */

static bool begins_command(struct parser *p)
{
	uint32_t end;

	switch (shc_peek(p)->kind) {
	case TOKEN_WORD:
		return !closes(shc_keyword(p, &end));
	case TOKEN_OPEN:
	case TOKEN_REDIRECT:
		return true;
	default:
		return false;
	}
}

static struct shc_command *read_and_or(struct parser *p)
{
	struct shc_command *first = shc_read_pipeline_command(p), *last = first, *list = NULL;
	uint32_t count = 1;

	while (!p->failed) {
		enum token_kind kind = shc_peek(p)->kind;
		struct shc_command *next;

		if (kind != TOKEN_AND && kind != TOKEN_OR)
			break;
		shc_advance(p);
		shc_skip_newlines(p);
		next = shc_read_pipeline_command(p);
		if (!next)
			break;
		next->joint = kind == TOKEN_AND ? SHC_JOINT_AND : SHC_JOINT_OR;
		last->next = next;
		last = next;
		count++;
	}
	if (p->failed || count == 1)
		return first;
	list = shc_new_command(p, SHC_COMMAND_AND_OR, 0);
	list->and_or.commands = first;
	list->and_or.count = count;
	list->range.start = first->range.start;
	end_command(p, list);
	return list;
}

/* After a command: its terminator. */
static void read_terminator(struct parser *p, struct shc_statement *statement)
{
	uint32_t end;

	switch (shc_peek(p)->kind) {
	case TOKEN_AMPERSAND:
		statement->background = true;
		__attribute__((fallthrough));
	case TOKEN_SEMICOLON:
		shc_advance(p);
		statement->range.end = shc_range_of(p, p->last_end - 1, p->last_end).end;
		break;
	case TOKEN_NEWLINE:
	case TOKEN_END:
	case TOKEN_CLOSE:
	case TOKEN_CASE_BREAK:
	case TOKEN_CASE_FALL:
	case TOKEN_CASE_CONTINUE:
		break;
	case TOKEN_WORD:
		/* After a compound command, a reserved word needs no separator: `if (a) then`. */
		if (closes(shc_keyword(p, &end)))
			break;
		__attribute__((fallthrough));
	default:
		shc_unexpected(p, "';' or a new line");
	}
}

static void add_statement(struct parser *p, struct shc_list *list, struct shc_statement **last,
	struct shc_command *command)
{
	struct shc_statement *statement = shc_take(p, sizeof(*statement));

	statement->command = command;
	statement->range = command->range;
	read_terminator(p, statement);
	*last = statement;
	if (list->count++ == 0)
		list->range.start = statement->range.start;
	list->range.end = statement->range.end;
}

struct shc_list *shc_read_list(struct parser *p)
{
	struct shc_list *list = shc_take(p, sizeof(*list));
	struct shc_statement **last = &list->first;

	list->range = shc_range_of(p, p->in.pos, p->in.pos);
	while (!p->stopped) {
		struct shc_command *command;
		uint32_t before;

		shc_skip_newlines(p);
		before = p->in.pos;
		if (!begins_command(p)) {
			if (pass_stray(p))
				continue;
			if (shc_peek(p)->kind == TOKEN_SEMICOLON ||
				shc_peek(p)->kind == TOKEN_AND || shc_peek(p)->kind == TOKEN_OR ||
				shc_peek(p)->kind == TOKEN_PIPE ||
				shc_peek(p)->kind == TOKEN_PIPE_BOTH ||
				shc_peek(p)->kind == TOKEN_AMPERSAND) {
				shc_unexpected(p, "a command before it");
				recover(p);
				continue;
			}
			break;
		}
		command = read_and_or(p);
		if (command && !p->failed) {
			add_statement(p, list, last, command);
			if (*last)
				last = &(*last)->next;
		}
		if (p->failed)
			recover(p);
		hb_assert(p->in.pos > before || p->stopped || shc_peek(p)->kind != TOKEN_WORD);
	}
	return list;
}

/* ---- Pipelines ---- */

static bool read_time(struct parser *p, struct shc_command *pipeline, uint32_t end)
{
	p->in.pos = end;
	p->last_end = end;
	p->token_at = UINT32_MAX;
	pipeline->pipeline.timed = true;
	if (shc_peek(p)->kind == TOKEN_WORD && shc_char(p, 0) == '-' && shc_char(p, 1) == 'p' &&
		(shc_char(p, 2) < 0 || strchr(" \t\n;", shc_char(p, 2)))) {
		pipeline->pipeline.timed_posix = true;
		p->in.pos += 2;
		p->last_end = p->in.pos;
		p->token_at = UINT32_MAX;
	}
	return true;
}

/* `!` and `time` before a pipeline; NULL when there are none. */
static struct shc_command *read_prefixes(struct parser *p)
{
	struct shc_command *pipeline = NULL;

	for (;;) {
		uint32_t start, end;
		enum keyword keyword = shc_keyword(p, &end);

		if (keyword != KEYWORD_BANG && keyword != KEYWORD_TIME)
			return pipeline;
		start = p->in.pos;
		if (!pipeline)
			pipeline = shc_new_command(p, SHC_COMMAND_PIPELINE, start);
		if (keyword == KEYWORD_TIME) {
			(void)read_time(p, pipeline, end);
			continue;
		}
		if (pipeline->pipeline.negations && !p->bash) {
			(void)shc_fail(p, 901, start, end, "a pipeline is negated once only");
			return pipeline;
		}
		pipeline->pipeline.negations++;
		p->in.pos = end;
		p->last_end = end;
		p->token_at = UINT32_MAX;
	}
}

static struct shc_command *read_command(struct parser *p)
{
	struct shc_command *command;
	enum keyword keyword;
	uint32_t end;

	if (!begins_command(p)) {
		keyword = shc_keyword(p, &end);
		if (keyword != KEYWORD_NONE)
			(void)shc_fail(p, 901, p->in.pos, end,
				"unexpected '%s', expected a command", shc_keyword_text(keyword));
		else
			shc_unexpected(p, "a command");
		return NULL;
	}
	keyword = shc_keyword(p, &end);
	if (keyword == KEYWORD_BANG) {
		(void)shc_fail(p, 901, p->in.pos, end,
			"'!' negates a whole pipeline and stands before it only");
		return NULL;
	}
	if (!shc_enter(p))
		return NULL;
	command = shc_read_compound(p);
	if (!command && !p->failed)
		command = shc_read_simple(p);
	shc_leave(p);
	return p->failed ? NULL : command;
}

/* bash: `time` and `!` may stand alone, before a terminator. */
static struct shc_command *make_empty(struct parser *p, struct shc_command *pipeline)
{
	struct shc_command *command = shc_new_command(p, SHC_COMMAND_SIMPLE, p->last_end);

	command->range = shc_range_of(p, p->last_end, p->last_end);
	pipeline->pipeline.commands = command;
	pipeline->pipeline.count = 1;
	end_command(p, pipeline);
	return pipeline;
}

struct shc_command *shc_read_pipeline_command(struct parser *p)
{
	struct shc_command *pipeline = read_prefixes(p), *first, *last;
	uint32_t count = 1;

	if (p->failed)
		return NULL;
	if (pipeline && p->bash && !begins_command(p)) {
		enum token_kind kind = shc_peek(p)->kind;

		if (kind == TOKEN_NEWLINE || kind == TOKEN_SEMICOLON || kind == TOKEN_END)
			return make_empty(p, pipeline);
	}
	first = last = read_command(p);
	while (!p->failed) {
		enum token_kind kind = shc_peek(p)->kind;
		struct shc_command *next;

		if (kind != TOKEN_PIPE && kind != TOKEN_PIPE_BOTH)
			break;
		shc_advance(p);
		shc_skip_newlines(p);
		next = read_command(p);
		if (!next)
			break;
		next->joint = kind == TOKEN_PIPE ? SHC_JOINT_PIPE : SHC_JOINT_PIPE_BOTH;
		last->next = next;
		last = next;
		count++;
	}
	if (p->failed)
		return NULL;
	if (count == 1 && !pipeline)
		return first;
	if (!pipeline) {
		pipeline = shc_new_command(p, SHC_COMMAND_PIPELINE, 0);
		pipeline->range.start = first->range.start;
	}
	pipeline->pipeline.commands = first;
	pipeline->pipeline.count = count;
	end_command(p, pipeline);
	return pipeline;
}

/* ---- Simple commands ---- */

/* Whether the operands of a builtin may be assignments; those of eval and alias only if they
 * are arrays. */
enum declaring {
	DECLARES_NOT,
	DECLARES,
	EVALUATES,
};

static enum declaring declares(const struct shc_word *word)
{
	static const char *const names[] = {
		"declare", "typeset", "local", "export", "readonly", NULL};

	if (!word->constant || word->quoted)
		return DECLARES_NOT;
	for (int i = 0; names[i]; i++) {
		if (shc_text_is(word->literal, names[i]))
			return DECLARES;
	}
	return shc_text_is(word->literal, "eval") || shc_text_is(word->literal, "alias")
		       ? EVALUATES
		       : DECLARES_NOT;
}

static bool passes_on(const struct shc_word *word)
{
	return shc_word_is(word, "command") || shc_word_is(word, "builtin");
}

static void note_alias(struct parser *p, const struct shc_word *word)
{
	const char *equals =
		word->constant ? memchr(word->literal.bytes, '=', word->literal.length) : NULL;
	struct shc_alias *alias;

	if (!equals || equals == word->literal.bytes)
		return;
	alias = shc_take(p, sizeof(*alias));
	alias->name =
		(struct shc_text){word->literal.bytes, (uint32_t)(equals - word->literal.bytes)};
	alias->range = word->range;
	*p->alias_last = alias;
	p->alias_last = &alias->next;
}

static void note_alias_use(struct parser *p, const struct shc_word *word)
{
	int count = 0;

	if (!word->constant || word->quoted)
		return;
	for (const struct shc_alias *alias = p->script->aliases; alias && count < ALIASES_MAX;
		alias = alias->next, count++) {
		if (alias->name.length == word->literal.length &&
			memcmp(alias->name.bytes, word->literal.bytes, alias->name.length) == 0) {
			shc_finding_relate(p->findings,
				shc_warn(p, 915, word->range,
					"'%.*s' may be replaced by an alias, which is not expanded "
					"here",
					(int)alias->name.length, alias->name.bytes),
				alias->range, "the alias");
			return;
		}
	}
}

/* What the finished command changes for the text after it. */
static void note_effects(struct parser *p, const struct shc_command *command)
{
	const struct shc_word *words = command->simple.words;

	if (shc_word_is(words, "alias")) {
		for (const struct shc_word *word = words->next; word; word = word->next)
			note_alias(p, word);
	} else if (shc_word_is(words, "shopt")) {
		bool sets = false;

		for (const struct shc_word *word = words->next; word; word = word->next) {
			if (shc_word_is(word, "-s"))
				sets = true;
			else if (sets && shc_word_is(word, "extglob"))
				p->extglob = true;
		}
	}
	if (words && p->script->aliases)
		note_alias_use(p, words);
}

static bool begins_array(const struct shc_word *word)
{
	const struct shc_part *part = word->parts;

	while (part && part->next)
		part = part->next;
	return part && part->kind == SHC_PART_LITERAL && part->text.length &&
	       part->text.bytes[part->text.length - 1] == '=';
}

/* Does an array begin at `pos`: name=( or name+=( ? */
static bool begins_compound_value(const struct parser *p)
{
	uint32_t at = p->in.pos;

	while (at < p->in.end && shc_is_name_char((unsigned char)p->in.text[at]))
		at++;
	if (at < p->in.end && p->in.text[at] == '+')
		at++;
	return at + 1 < p->in.end && p->in.text[at] == '=' && p->in.text[at + 1] == '(';
}

/*
 * An operand that is an assignment, as such and as a word: a literal up to the =, and the parts of the value, which are
 * shared.
 */
static struct shc_word *read_declared(struct parser *p)
{
	uint32_t start = p->in.pos;
	struct shc_assignment *assignment = shc_read_assignment(p);
	struct part_list list = {NULL, NULL};
	struct shc_part *part;
	struct shc_word *word;

	if (!assignment)
		return shc_read_word(p, (struct scope){.flags = SCOPE_WORD});
	if (p->failed)
		return NULL;
	shc_add_literal(p, &list, start, start + assignment->name.length);
	shc_add_literal(p, &list, p->after_name, p->value_start);
	part = list.tail;
	if (assignment->is_array)
		shc_add_part(p, &list, SHC_PART_ARRAY, p->value_start, p->in.pos)->array =
			assignment->elements;
	else
		part->next = assignment->value->parts;
	word = shc_word_of(p, list.first, start, p->in.pos);
	word->assignment = assignment;
	return word;
}

static void read_argument(struct parser *p, struct shc_command *command, struct shc_word ***last,
	enum declaring *declaring)
{
	struct shc_word *word;

	if (*declaring == DECLARES || (*declaring == EVALUATES && begins_compound_value(p)))
		word = read_declared(p);
	else
		word = shc_read_word(p, (struct scope){.flags = SCOPE_WORD});
	if (p->failed)
		return;
	**last = word;
	*last = &word->next;
	if (command->simple.word_count == 0 ||
		(*declaring == DECLARES_NOT && passes_on(command->simple.words)))
		*declaring = declares(word);
	command->simple.word_count++;
}

static void read_open_parenthesis(struct parser *p, const struct shc_word *word, bool is_first)
{
	struct shc_finding *finding;

	/* Without extglob the ! of !( is a word of its own. */
	if (p->bash && p->in.pos > 0 && p->in.text[p->in.pos - 1] == '!') {
		shc_refuse_extglob(p, p->in.pos - 1);
		return;
	}
	finding = shc_fail(p, 901, p->in.pos, p->in.pos + 1, "unexpected '('%s",
		is_first ? " after the name of a command" : "");
	if (word && begins_array(word))
		shc_finding_hint(p->findings, finding, "quote it: '(' begins a subshell elsewhere");
	else
		shc_finding_hint(p->findings, finding, "quote it, or put ';' before a subshell");
}

static void read_elements_of_command(
	struct parser *p, struct shc_command *command, struct shc_word **last_word)
{
	struct shc_assignment **last_assignment = command->simple.assignments
							  ? &command->simple.assignments->next
							  : &command->simple.assignments;
	struct shc_redirect **last_redirect = &command->redirects;
	struct shc_word *latest = command->simple.words;
	enum declaring declaring = latest ? declares(latest) : DECLARES_NOT;

	while (!p->failed) {
		const struct token *token = shc_peek(p);

		if (token->kind == TOKEN_REDIRECT) {
			*last_redirect = shc_read_redirect(p);
			if (*last_redirect)
				last_redirect = &(*last_redirect)->next;
		} else if (token->kind == TOKEN_WORD) {
			struct shc_assignment *assignment =
				command->simple.words ? NULL : shc_read_assignment(p);

			if (assignment) {
				*last_assignment = assignment;
				last_assignment = &assignment->next;
				continue;
			}
			latest = NULL;
			read_argument(p, command, &last_word, &declaring);
		} else if (token->kind == TOKEN_OPEN) {
			read_open_parenthesis(p, latest, command->simple.word_count == 1);
		} else {
			break;
		}
	}
}

/* The rest of a simple command of which @word or @assignment (or neither) has been read. */
static struct shc_command *read_simple_rest(
	struct parser *p, struct shc_word *word, struct shc_assignment *assignment, uint32_t start)
{
	struct shc_command *command = shc_new_command(p, SHC_COMMAND_SIMPLE, start);
	struct shc_word **last = &command->simple.words;

	command->simple.assignments = assignment;
	if (word) {
		*last = word;
		last = &word->next;
		command->simple.word_count = 1;
	}
	read_elements_of_command(p, command, last);
	end_command(p, command);
	if (!p->failed)
		note_effects(p, command);
	return command;
}

/* name () compound */
static struct shc_command *read_function(struct parser *p, struct shc_word *name, uint32_t start)
{
	struct shc_command *command = shc_new_command(p, SHC_COMMAND_FUNCTION, start);

	command->function.name = name->literal;
	if (!name->constant || name->quoted)
		command->function.name =
			shc_text_of(p, start, start + name->range.end - name->range.start);
	command->function.name_range = name->range;
	command->function.parentheses = true;
	if (!p->bash && !shc_is_name(p, start, start + name->literal.length)) {
		(void)shc_fail(p, 901, start, start + name->literal.length,
			"this name of a function has characters other than letters, digits and _");
		if (p->stopped)
			return NULL;
		p->failed = false;
	}
	shc_advance(p);
	if (shc_peek(p)->kind != TOKEN_CLOSE) {
		shc_unexpected(p, "')': a function is defined as name() { ...; }");
		return NULL;
	}
	shc_advance(p);
	return shc_read_function_body(p, command, start);
}

/* bash refuses odd names only when it gets there, dash at once. */
static bool is_function_name(struct parser *p, const struct shc_word *word, uint32_t start)
{
	if (!p->bash)
		return word->constant && !word->quoted;
	if (word->constant && !word->quoted)
		return true;
	(void)shc_warn(p, 901, word->range, "a function cannot have this name");
	return p->in.pos > start;
}

struct shc_command *shc_read_simple(struct parser *p)
{
	struct shc_assignment *assignment;
	struct shc_word *first;
	uint32_t start;

	if (shc_peek(p)->kind != TOKEN_WORD)
		return read_simple_rest(p, NULL, NULL, p->in.pos);
	start = p->in.pos;
	assignment = shc_read_assignment(p);
	if (assignment)
		return p->failed ? NULL : read_simple_rest(p, NULL, assignment, start);
	first = shc_read_word(p, (struct scope){.flags = SCOPE_WORD});
	if (p->failed)
		return NULL;
	if (shc_peek(p)->kind == TOKEN_OPEN && is_function_name(p, first, start))
		return read_function(p, first, start);
	return read_simple_rest(p, first, NULL, start);
}
