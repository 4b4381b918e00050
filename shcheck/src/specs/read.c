/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads specifications: one pass by recursive descent, names are resolved where they stand. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/suggest.h>

#include "arena.h"
#include "spec_set.h"

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,   /* letters, digits, "_", "-" inside; also "[" */
	TOKEN_OPTION, /* begins with "-" */
	TOKEN_NUMBER,
	TOKEN_STRING,
	TOKEN_SIGN, /* one of { } ; : , ( ) ! & | * ? + = [ ], or => or .. */
};

struct token {
	enum token_kind kind;
	const char *bytes; /* of a string: without quotes and escapes, in the arena */
	uint32_t length;
	uint32_t start; /* in the text */
	uint32_t line, column;
};

enum { GUARD_DEPTH_MAX = 50, STRING_MAX = 1000, LETS_MAX = 8, SHOWN_MAX = 40 };

struct reader {
	struct shc_arena *arena;
	const char *path, *text;
	uint32_t length, at, line, line_start;
	struct token token; /* the next one */
	struct shc_spec *spec;
	struct {
		const char *name;
		const struct shc_spec_guard *guard;
	} lets[LETS_MAX]; /* of the command at hand */
	uint32_t let_count;
	uint32_t depth;
	int code;
	struct hb_error *reterr;
};

/* Always -EINVAL or -ENOMEM; the first fault stands. */
static int fail(struct reader *reader, const char *rule, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct reader *reader, const char *rule, const char *format, ...)
{
	char text[256];
	va_list list;

	if (reader->code)
		return reader->code;
	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	reader->code = hb_error_set_at(reader->reterr, -EINVAL, reader->path,
		(int)reader->token.line, "column %u, %s: %s", reader->token.column, rule, text);
	return reader->code;
}

static void *take(struct reader *reader, size_t size)
{
	void *memory = reader->code ? NULL : shc_arena_take(reader->arena, size);

	if (!memory && !reader->code)
		reader->code = hb_error_set(reader->reterr, -ENOMEM, "out of memory");
	return memory;
}

static const char *keep(struct reader *reader, const char *bytes, uint32_t length)
{
	char *copy = take(reader, length + 1u);

	if (copy)
		memcpy(copy, bytes, length);
	return copy;
}

/* ---- Tokens ---------------------------------------------------------------------------------------------------- */

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static void skip_blanks(struct reader *reader)
{
	while (reader->at < reader->length) {
		char c = reader->text[reader->at];

		if (c == '#') {
			while (reader->at < reader->length && reader->text[reader->at] != '\n')
				reader->at++;
			continue;
		}
		if (c != ' ' && c != '\t' && c != '\n')
			return;
		reader->at++;
		if (c == '\n') {
			reader->line++;
			reader->line_start = reader->at;
		}
	}
}

static int read_string(struct reader *reader)
{
	char buffer[STRING_MAX];
	uint32_t length = 0, at = reader->at + 1;

	for (;; at++) {
		char c = at < reader->length ? reader->text[at] : '\n';

		if (c == '"')
			break;
		if (c == '\n' || !c)
			return fail(reader, "string", "the quote is not closed on its line");
		if (c == '\\' && at + 1 < reader->length) {
			c = reader->text[++at];
			if (c == 'n')
				c = '\n';
			else if (c != '"' && c != '\\')
				return fail(reader, "string", "after \\ comes n, \\ or a quote");
		}
		if (length == sizeof(buffer))
			return fail(reader, "string", "longer than %d bytes", STRING_MAX);
		buffer[length++] = c;
	}
	reader->token.kind = TOKEN_STRING;
	reader->token.bytes = keep(reader, buffer, length);
	reader->token.length = length;
	reader->at = at + 1;
	return reader->code;
}

static int read_sign(struct reader *reader)
{
	const char *here = reader->text + reader->at;
	uint32_t left = reader->length - reader->at;

	if (!*here || !strchr("{};:,()!&|*?+=[].", *here))
		return fail(reader, "token", "byte 0x%02x has no meaning here",
			(unsigned int)(unsigned char)*here);
	reader->token.kind = TOKEN_SIGN;
	reader->token.length = left > 1 && ((here[0] == '=' && here[1] == '>') ||
						   (here[0] == '.' && here[1] == '.'))
				       ? 2
				       : 1;
	reader->at += reader->token.length;
	return 0;
}

/* Go on to the next token. */
static int advance(struct reader *reader)
{
	struct token *token = &reader->token;
	char c;

	skip_blanks(reader);
	*token = (struct token){
		.bytes = reader->text + reader->at,
		.start = reader->at,
		.line = reader->line,
		.column = reader->at - reader->line_start + 1,
	};
	if (reader->at == reader->length)
		return reader->code;
	c = *token->bytes;
	if (c == '"')
		return read_string(reader);
	if (!is_name_byte(c) && c != '-')
		return read_sign(reader);
	token->kind = c == '-' ? TOKEN_OPTION : c >= '0' && c <= '9' ? TOKEN_NUMBER : TOKEN_NAME;
	while (reader->at < reader->length &&
		(is_name_byte(reader->text[reader->at]) || reader->text[reader->at] == '-' ||
			(token->kind == TOKEN_OPTION && reader->text[reader->at] == '@')))
		reader->at++;
	token->length = reader->text + reader->at - token->bytes;
	return reader->code;
}

static bool is(const struct reader *reader, const char *text)
{
	return !reader->code && reader->token.kind != TOKEN_STRING &&
	       reader->token.length == strlen(text) &&
	       !memcmp(reader->token.bytes, text, reader->token.length);
}

/* Is the next token @text? Then it is taken. */
static bool accept(struct reader *reader, const char *text)
{
	if (!is(reader, text))
		return false;
	(void)advance(reader);
	return true;
}

static int fail_expected(struct reader *reader, const char *rule, const char *what)
{
	if (reader->token.kind == TOKEN_END)
		return fail(reader, rule, "%s expected, not the end of the file", what);
	return fail(reader, rule, "%s expected, not '%.*s'", what,
		reader->token.length < 40 ? (int)reader->token.length : 40, reader->token.bytes);
}

static int expect(struct reader *reader, const char *rule, const char *text)
{
	if (accept(reader, text))
		return reader->code;
	return fail_expected(reader, rule, text);
}

/* The next token as a text of its own, if it is of @kind. NULL on failure. */
static const char *take_token(
	struct reader *reader, enum token_kind kind, const char *rule, const char *what)
{
	const char *text;

	if (reader->code)
		return NULL;
	if (reader->token.kind != kind) {
		(void)fail_expected(reader, rule, what);
		return NULL;
	}
	text = kind == TOKEN_STRING ? reader->token.bytes
				    : keep(reader, reader->token.bytes, reader->token.length);
	return advance(reader) ? NULL : text;
}

/* ---- Names ----------------------------------------------------------------------------------------------------- */

static int find_role(const struct reader *reader)
{
	const struct token *token = &reader->token;

	for (int i = 0; token->kind == TOKEN_NAME && i < reader->spec->role_count; i++)
		if (strlen(reader->spec->roles[i]) == token->length &&
			!memcmp(reader->spec->roles[i], token->bytes, token->length))
			return i;
	return -1;
}

/* The next token as a string, cut to what a message shows. */
static const char *shown(const struct reader *reader, char *buffer)
{
	uint32_t length = reader->token.length < SHOWN_MAX ? reader->token.length : SHOWN_MAX;

	memcpy(buffer, reader->token.bytes, length);
	buffer[length] = 0;
	return buffer;
}

/* "no WHAT is called NAME", and which of @names may have been meant. */
static void fail_unknown(
	struct reader *reader, const char *rule, const char *what, const char *const *names)
{
	char word[SHOWN_MAX + 1];
	const char *near = hb_suggest(shown(reader, word), names);

	if (near)
		(void)fail(
			reader, rule, "no %s is called '%s'; did you mean '%s'?", what, word, near);
	else
		(void)fail(reader, rule, "no %s is called '%s'; declare it before it is used", what,
			word);
}

/* The role that the next token names; declared here for the first time if @declare. */
static uint8_t read_role(struct reader *reader, const char *rule, bool declare)
{
	int role = reader->code ? -1 : find_role(reader);

	if (role >= 0) {
		(void)advance(reader);
		return (uint8_t)role;
	}
	if (reader->token.kind != TOKEN_NAME) {
		(void)fail_expected(reader, rule, "the name of an operand");
		return 0;
	}
	if (!declare) {
		const char *names[SHC_SPEC_ROLES_MAX + 1] = {0};

		memcpy(names, reader->spec->roles,
			reader->spec->role_count * sizeof(*reader->spec->roles));
		fail_unknown(reader, rule, "operand", names);
		return 0;
	}
	if (reader->spec->role_count == SHC_SPEC_ROLES_MAX) {
		(void)fail(reader, rule, "more than %d names of operands", SHC_SPEC_ROLES_MAX);
		return 0;
	}
	reader->spec->roles[reader->spec->role_count] =
		take_token(reader, TOKEN_NAME, rule, "a name");
	return reader->spec->role_count++;
}

static int find_option(const struct reader *reader)
{
	const struct token *token = &reader->token;

	for (int i = 0; i < reader->spec->option_count; i++)
		for (int j = 0; j < reader->spec->options[i]->spelling_count; j++) {
			const char *spelling = reader->spec->options[i]->spellings[j];

			if (strlen(spelling) == token->length &&
				!memcmp(spelling, token->bytes, token->length))
				return i;
		}
	return -1;
}

static void fail_option(struct reader *reader)
{
	const char *names[SHC_SPEC_OPTIONS_MAX * SHC_SPEC_SPELLINGS_MAX + 1] = {0};
	size_t count = 0;

	for (int i = 0; i < reader->spec->option_count; i++)
		for (int j = 0; j < reader->spec->options[i]->spelling_count; j++)
			names[count++] = reader->spec->options[i]->spellings[j];
	fail_unknown(reader, "guard", "option", names);
}

/* ---- Guards ---------------------------------------------------------------------------------------------------- */

static const struct shc_spec_guard *read_guard(struct reader *reader);

static struct shc_spec_guard *guard_of(struct reader *reader, enum shc_guard_kind kind,
	const struct shc_spec_guard *left, const struct shc_spec_guard *right)
{
	struct shc_spec_guard *guard = take(reader, sizeof(*guard));

	if (guard)
		*guard = (struct shc_spec_guard){.kind = kind, .left = left, .right = right};
	return guard;
}

static const struct shc_spec_guard *find_let(const struct reader *reader)
{
	for (uint32_t i = 0; i < reader->let_count; i++)
		if (is(reader, reader->lets[i].name))
			return reader->lets[i].guard;
	return NULL;
}

/* An option or an operand. */
static struct shc_spec_guard *read_name(struct reader *reader)
{
	int index = reader->code ? -1 : find_option(reader);
	struct shc_spec_guard *guard =
		guard_of(reader, index >= 0 ? SHC_GUARD_OPTION : SHC_GUARD_ROLE, NULL, NULL);

	if (index >= 0)
		(void)advance(reader);
	else if (reader->token.kind == TOKEN_OPTION)
		fail_option(reader);
	else
		index = read_role(reader, "guard", false);
	if (guard)
		guard->index = (uint8_t)index;
	return guard;
}

static const struct shc_spec_guard *read_factor(struct reader *reader)
{
	const struct shc_spec_guard *inner, *let;
	struct shc_spec_guard *guard;

	if (++reader->depth > GUARD_DEPTH_MAX) {
		(void)fail(reader, "guard", "nested more than %d deep", GUARD_DEPTH_MAX);
		return NULL;
	}
	if (accept(reader, "!")) {
		inner = read_factor(reader);
		guard = guard_of(reader, SHC_GUARD_NOT, inner, NULL);
	} else if (accept(reader, "(")) {
		guard = (struct shc_spec_guard *)read_guard(reader);
		(void)expect(reader, "guard", ")");
	} else if ((let = find_let(reader))) {
		guard = (struct shc_spec_guard *)let;
		(void)advance(reader);
	} else {
		guard = read_name(reader);
	}
	reader->depth--;
	return guard;
}

static const struct shc_spec_guard *read_conjunction(struct reader *reader)
{
	const struct shc_spec_guard *left = read_factor(reader);

	while (accept(reader, "&"))
		left = guard_of(reader, SHC_GUARD_AND, left, read_factor(reader));
	return left;
}

static const struct shc_spec_guard *read_guard(struct reader *reader)
{
	const struct shc_spec_guard *left = read_conjunction(reader);

	while (accept(reader, "|"))
		left = guard_of(reader, SHC_GUARD_OR, left, read_conjunction(reader));
	return left;
}

/* [ "when" guard ] */
static const struct shc_spec_guard *read_when(struct reader *reader)
{
	return accept(reader, "when") ? read_guard(reader) : NULL;
}

/* ---- Options and operands -------------------------------------------------------------------------------------- */

static int read_spelling(struct reader *reader, struct shc_spec_option *option)
{
	bool key = reader->spec->syntax == SHC_SYNTAX_KEYS;

	if (find_option(reader) >= 0)
		return fail(reader, "option", "'%.*s' is declared twice",
			reader->token.length < 40 ? (int)reader->token.length : 40,
			reader->token.bytes);
	if (option->spelling_count == SHC_SPEC_SPELLINGS_MAX)
		return fail(reader, "option", "more than %d spellings", SHC_SPEC_SPELLINGS_MAX);
	if (!key && reader->spec->syntax != SHC_SYNTAX_WORDS && reader->token.length > 2 &&
		reader->token.bytes[1] != '-')
		return fail(reader, "option",
			"a short option has one letter; 'syntax words' allows longer ones");
	option->spellings[option->spelling_count] = take_token(reader,
		key && reader->token.kind == TOKEN_NAME ? TOKEN_NAME : TOKEN_OPTION, "option",
		"an option");
	option->spelling_count++;
	return reader->code;
}

/* Behind "=": a word in capitals says only that there is an argument; another one is its role. */
static int read_argument(struct reader *reader, struct shc_spec_option *option)
{
	if (reader->token.kind == TOKEN_NAME && reader->token.bytes[0] >= 'A' &&
		reader->token.bytes[0] <= 'Z')
		return advance(reader);
	if (accept(reader, "command")) {
		option->argument = SHC_ARGUMENT_COMMAND;
		return reader->code;
	}
	option->role = read_role(reader, "option", true);
	return reader->code;
}

/* "option" spelling { spelling } [ "=" argument | "[" "=" argument "]" ] */
static int read_option(struct reader *reader)
{
	struct shc_spec_option *option = take(reader, sizeof(*option));
	struct shc_spec *spec = reader->spec;

	if (!option)
		return reader->code;
	option->role = SHC_SPEC_ROLE_NONE;
	if (spec->option_count == SHC_SPEC_OPTIONS_MAX)
		return fail(reader, "option", "more than %d options", SHC_SPEC_OPTIONS_MAX);
	do {
		if (read_spelling(reader, option))
			return reader->code;
	} while (reader->token.kind == TOKEN_OPTION);
	if (accept(reader, "=")) {
		option->argument = SHC_ARGUMENT_REQUIRED;
		(void)read_argument(reader, option);
	} else if (accept(reader, "[")) {
		option->argument = SHC_ARGUMENT_OPTIONAL;
		(void)expect(reader, "option", "=");
		(void)read_argument(reader, option);
		(void)expect(reader, "option", "]");
	}
	spec->options[spec->option_count++] = option;
	return reader->code;
}

/* "operands" [ "when" guard ":" ] { name [ "?" | "*" | "+" ] } */
static int read_operands(struct reader *reader)
{
	struct shc_spec_form *form = take(reader, sizeof(*form));
	const struct shc_spec_form **end = &reader->spec->forms;
	uint32_t repeated = 0;

	if (!form)
		return reader->code;
	form->guard = read_when(reader);
	if (form->guard)
		(void)expect(reader, "operands", ":");
	while (!reader->code && !is(reader, ";")) {
		uint8_t at = form->operand_count;

		if (at == SHC_SPEC_OPERANDS_MAX)
			return fail(reader, "operands", "more than %d operands in a row",
				SHC_SPEC_OPERANDS_MAX);
		form->operands[at].assignments = is(reader, "assignment");
		form->operands[at].role = read_role(reader, "operands", true);
		if (accept(reader, "?"))
			form->operands[at].count = SHC_COUNT_OPTIONAL;
		else if (accept(reader, "*"))
			form->operands[at].count = SHC_COUNT_ANY;
		else if (accept(reader, "+"))
			form->operands[at].count = SHC_COUNT_SOME;
		if (form->operands[at].count >= SHC_COUNT_ANY && !form->operands[at].assignments &&
			repeated++)
			return fail(reader, "operands", "only one name may be repeated");
		form->operand_count++;
	}
	while (*end)
		end = (const struct shc_spec_form **)&(*end)->next;
	*end = form;
	return reader->code;
}

/* ---- Claims ---------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint8_t entries;
} kinds[] = {
	{"absent", SHC_ENTRY_ABSENT},
	{"exists", SHC_ENTRY_ALL & ~SHC_ENTRY_ABSENT},
	{"file", SHC_ENTRY_FILE},
	{"dir", SHC_ENTRY_DIRECTORY},
	{"empty", SHC_ENTRY_EMPTY},
	{"full", SHC_ENTRY_FULL},
	{"link", SHC_ENTRY_LINK},
	{"dangling", SHC_ENTRY_DANGLING},
	{"other", SHC_ENTRY_OTHER},
};

static int find_kind(const struct reader *reader)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (is(reader, kinds[i].name))
			return (int)i;
	return -1;
}

/* name | "parent" "(" name ")" | "in" "(" name "," name ")" */
static struct shc_spec_path read_path(struct reader *reader)
{
	struct shc_spec_path path = {.form = SHC_PATH_SELF};

	if (accept(reader, "parent")) {
		path.form = SHC_PATH_PARENT;
		(void)expect(reader, "path", "(");
		path.role = read_role(reader, "path", false);
		(void)expect(reader, "path", ")");
	} else if (accept(reader, "in")) {
		path.form = SHC_PATH_INSIDE;
		(void)expect(reader, "path", "(");
		path.role = read_role(reader, "path", false);
		(void)expect(reader, "path", ",");
		path.inner = read_role(reader, "path", false);
		(void)expect(reader, "path", ")");
	} else {
		path.role = read_role(reader, "path", false);
	}
	return path;
}

/* "*" before a path: what the link there leads to counts. */
static uint8_t follow(uint8_t entries)
{
	uint8_t result = entries & (SHC_ENTRY_ALL & ~SHC_ENTRY_LINK);

	if (entries & SHC_ENTRY_FILE)
		result |= SHC_ENTRY_FILE_LINK;
	if (entries & SHC_ENTRY_DIRECTORY)
		result |= SHC_ENTRY_DIRECTORY_LINK;
	if (entries & SHC_ENTRY_ABSENT)
		result |= SHC_ENTRY_DANGLING;
	return result;
}

/* kind { "|" kind } "(" [ "*" ] path ")" */
static int read_entry(struct reader *reader, struct shc_spec_claim *claim)
{
	*claim = (struct shc_spec_claim){.kind = SHC_CLAIM_ENTRY};
	do {
		int kind = find_kind(reader);

		if (kind < 0)
			return fail_expected(
				reader, "claim", "absent, exists, file, dir, empty, full or link");
		claim->entries |= kinds[kind].entries;
		(void)advance(reader);
	} while (accept(reader, "|"));
	(void)expect(reader, "claim", "(");
	if (accept(reader, "*"))
		claim->entries = follow(claim->entries);
	claim->path = read_path(reader);
	return expect(reader, "claim", ")");
}

/* ---- Clauses --------------------------------------------------------------------------------------------------- */

static int read_exit(struct reader *reader, struct shc_spec_clause *clause)
{
	uint32_t numbers[2] = {0};
	int count = 0;

	do {
		const struct token *token = &reader->token;

		if (token->kind != TOKEN_NUMBER || token->length > 3)
			return fail_expected(reader, "exit", "a status from 0 to 255");
		for (uint32_t i = 0; i < token->length; i++) {
			if (token->bytes[i] < '0' || token->bytes[i] > '9')
				return fail_expected(reader, "exit", "a status from 0 to 255");
			numbers[count] = numbers[count] * 10 + (uint32_t)(token->bytes[i] - '0');
		}
		if (numbers[count] > 255)
			return fail_expected(reader, "exit", "a status from 0 to 255");
		(void)advance(reader);
	} while (count++ == 0 && accept(reader, ".."));
	if (count == 1)
		numbers[1] = numbers[0];
	if (numbers[0] > numbers[1])
		return fail(reader, "exit", "%u..%u is upside down", numbers[0], numbers[1]);
	clause->low = (uint8_t)numbers[0];
	clause->high = (uint8_t)numbers[1];
	return reader->code;
}

/* "nothing" | "text" | string */
static int read_output(struct reader *reader, struct shc_spec_prints *prints)
{
	if (accept(reader, "nothing")) {
		prints->output = SHC_PRINTS_NOTHING;
	} else if (accept(reader, "text")) {
		prints->output = SHC_PRINTS_TEXT;
	} else {
		prints->regex = take_token(reader, TOKEN_STRING, "prints",
			"nothing, text or a regular expression in quotes");
		prints->output = SHC_PRINTS_REGEX;
	}
	return reader->code;
}

/* "same" "(" path ")" | "copy" "(" path "," path ")" | "leads" "(" path "," path ")" | entry */
static int read_result(struct reader *reader, struct shc_spec_claim *claim)
{
	bool copy = is(reader, "copy"), leads = is(reader, "leads");

	if (!copy && !leads && !is(reader, "same"))
		return read_entry(reader, claim);
	(void)advance(reader);
	*claim = (struct shc_spec_claim){.kind = copy    ? SHC_CLAIM_COPY
						 : leads ? SHC_CLAIM_LEADS
							 : SHC_CLAIM_SAME};
	(void)expect(reader, "claim", "(");
	claim->path = read_path(reader);
	if (copy || leads) {
		(void)expect(reader, "claim", ",");
		claim->source = read_path(reader);
	}
	return expect(reader, "claim", ")");
}

/* "=>" result { "," result } ";" */
static int read_results(struct reader *reader, struct shc_spec_clause *clause)
{
	bool exits = false;

	if (expect(reader, "clause", "=>"))
		return reader->code;
	do {
		if (accept(reader, "exit")) {
			(void)read_exit(reader, clause);
			exits = true;
		} else if (accept(reader, "prints")) {
			(void)read_output(reader, &clause->prints);
		} else if (accept(reader, "unknown")) {
			clause->unknown = true;
		} else if (accept(reader, "assumed")) {
			clause->assumed =
				take_token(reader, TOKEN_STRING, "assumed", "a reason in quotes");
		} else if (clause->after_count == SHC_SPEC_CLAIMS_MAX) {
			return fail(reader, "clause", "more than %d claims", SHC_SPEC_CLAIMS_MAX);
		} else {
			(void)read_result(reader, &clause->after[clause->after_count++]);
		}
	} while (!reader->code && accept(reader, ","));
	if (!reader->code && !exits && !clause->unknown)
		return fail(reader, "clause", "how it ends is missing: exit STATUS");
	if (!exits)
		clause->high = 255;
	return reader->code;
}

/* [ "when" guard ":" ] ( "always" | "fault" | "usage" | entry { "," entry } ) results */
static int read_clause(struct reader *reader)
{
	struct shc_spec_clause *clause = take(reader, sizeof(*clause));
	const struct shc_spec_clause **end = &reader->spec->clauses;

	if (!clause)
		return reader->code;
	clause->line = reader->token.line;
	clause->guard = read_when(reader);
	if (clause->guard)
		(void)expect(reader, "clause", ":");
	if (accept(reader, "fault")) {
		clause->kind = SHC_CLAUSE_FAULT;
	} else if (accept(reader, "usage")) {
		clause->kind = SHC_CLAUSE_USAGE;
	} else if (!accept(reader, "always")) {
		do {
			if (clause->before_count == SHC_SPEC_CLAIMS_MAX)
				return fail(reader, "clause", "more than %d conditions",
					SHC_SPEC_CLAIMS_MAX);
			(void)read_entry(reader, &clause->before[clause->before_count++]);
		} while (!reader->code && accept(reader, ","));
	}
	while (*end)
		end = (const struct shc_spec_clause **)&(*end)->next;
	*end = clause;
	return read_results(reader, clause);
}

/* ---- Statements ------------------------------------------------------------------------------------------------ */

static const char *const verbs[SHC_VERB_COUNT] = {
	"reads", "writes", "appends", "deletes", "creates", "lists", "changes", "enters"};

const char *shc_spec_verb_name(enum shc_spec_verb verb)
{
	return verbs[verb];
}

static int read_use(struct reader *reader, enum shc_spec_verb verb)
{
	struct shc_spec_use *use = take(reader, sizeof(*use));
	const struct shc_spec_use **end = &reader->spec->uses;

	if (!use)
		return reader->code;
	use->verb = verb;
	use->role = read_role(reader, "use", false);
	use->guard = read_when(reader);
	while (*end)
		end = (const struct shc_spec_use **)&(*end)->next;
	*end = use;
	return reader->code;
}

static int read_danger(struct reader *reader)
{
	struct shc_spec_danger *danger = take(reader, sizeof(*danger));
	const struct shc_spec_danger **end = &reader->spec->dangers;

	if (!danger)
		return reader->code;
	danger->role = read_role(reader, "danger", false);
	danger->shallow = accept(reader, "shallow");
	danger->guard = read_when(reader);
	(void)expect(reader, "danger", ":");
	danger->reason = take_token(reader, TOKEN_STRING, "danger", "a reason in quotes");
	while (*end)
		end = (const struct shc_spec_danger **)&(*end)->next;
	*end = danger;
	return reader->code;
}

static int read_prints(struct reader *reader)
{
	struct shc_spec_prints *prints = take(reader, sizeof(*prints));
	const struct shc_spec_prints **end = &reader->spec->prints;

	if (!prints)
		return reader->code;
	(void)read_output(reader, prints);
	prints->guard = read_when(reader);
	while (*end)
		end = (const struct shc_spec_prints **)&(*end)->next;
	*end = prints;
	return reader->code;
}

/* "text" name { string }: the first time a name is met it may be here. */
static int read_text(struct reader *reader)
{
	uint8_t role = read_role(reader, "text", true);
	const struct shc_spec_text **end = &reader->spec->texts;

	while (*end)
		end = (const struct shc_spec_text **)&(*end)->next;
	do {
		struct shc_spec_text *text = take(reader, sizeof(*text));

		if (!text)
			return reader->code;
		text->role = role;
		text->sample = take_token(reader, TOKEN_STRING, "text", "a value in quotes");
		*end = text;
		end = (const struct shc_spec_text **)&text->next;
	} while (reader->token.kind == TOKEN_STRING);
	return reader->code;
}

/* "let" name "=" guard */
static int read_let(struct reader *reader)
{
	uint32_t index = reader->let_count;

	if (index == LETS_MAX)
		return fail(reader, "let", "more than %d names for guards", LETS_MAX);
	reader->lets[index].name = take_token(reader, TOKEN_NAME, "let", "a name");
	(void)expect(reader, "let", "=");
	reader->lets[index].guard = read_guard(reader);
	reader->let_count += !reader->code;
	return reader->code;
}

static int read_syntax(struct reader *reader)
{
	static const char *const names[] = {"gnu", "posix", "words", "keys"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (accept(reader, names[i])) {
			reader->spec->syntax = (enum shc_spec_syntax)i;
			reader->spec->bundle = accept(reader, "bundle");
			return reader->code;
		}
	return fail_expected(reader, "syntax", "gnu, posix, words or keys");
}

static int read_statement(struct reader *reader)
{
	struct shc_spec *spec = reader->spec;

	if (accept(reader, "manual")) {
		spec->manual = take_token(reader, TOKEN_STRING, "manual", "a page in quotes");
	} else if (accept(reader, "builtin")) {
		spec->builtin = true;
	} else if (accept(reader, "syntax")) {
		(void)read_syntax(reader);
	} else if (accept(reader, "option")) {
		(void)read_option(reader);
	} else if (accept(reader, "operands")) {
		(void)read_operands(reader);
	} else if (accept(reader, "text")) {
		(void)read_text(reader);
	} else if (accept(reader, "let")) {
		(void)read_let(reader);
	} else if (accept(reader, "danger")) {
		(void)read_danger(reader);
	} else if (accept(reader, "prints")) {
		(void)read_prints(reader);
	} else if (accept(reader, "input")) {
		spec->takes_input = true;
		spec->input = read_when(reader);
	} else if (accept(reader, "runs")) {
		spec->runs = read_role(reader, "runs", false);
		spec->runs_more = accept(reader, "more");
	} else {
		for (int i = 0; i < SHC_VERB_COUNT; i++)
			if (accept(reader, verbs[i])) {
				(void)read_use(reader, (enum shc_spec_verb)i);
				return expect(reader, "use", ";");
			}
		if (read_clause(reader))
			return reader->code;
	}
	return expect(reader, "statement", ";");
}

/* Names of commands may have any letters, so they are in quotes where they are none: "[". */
static int read_command_name(struct reader *reader)
{
	struct shc_spec *spec = reader->spec;
	enum token_kind kind = reader->token.kind == TOKEN_STRING ? TOKEN_STRING : TOKEN_NAME;

	if (spec->name_count == sizeof(spec->names) / sizeof(*spec->names))
		return fail(reader, "command", "more than four names");
	spec->names[spec->name_count] =
		take_token(reader, kind, "command", "the name of a command");
	spec->name_count++;
	return reader->code;
}

/* "command" name { "," name } "{" { statement } "}" */
static int read_command(struct reader *reader, struct shc_spec **ret)
{
	struct shc_spec *spec = take(reader, sizeof(*spec));
	uint32_t start = reader->token.start, end = 0;

	if (!spec)
		return reader->code;
	reader->spec = spec;
	reader->let_count = 0;
	spec->runs = SHC_SPEC_ROLE_NONE;
	spec->path = reader->path;
	spec->line = reader->token.line;
	(void)expect(reader, "command", "command");
	do
		(void)read_command_name(reader);
	while (!reader->code && accept(reader, ","));
	(void)expect(reader, "command", "{");
	while (!reader->code && !is(reader, "}"))
		(void)read_statement(reader);
	end = reader->at;
	if (expect(reader, "command", "}"))
		return reader->code;
	spec->text.bytes = keep(reader, reader->text + start, end - start);
	spec->text.length = end - start;
	*ret = spec;
	return reader->code;
}

int shc_specs_read(struct shc_specs *specs, const char *path, const char *text, size_t length,
	struct hb_error *reterr)
{
	struct reader reader = {
		.arena = specs->arena, .text = text, .line = 1, .reterr = reterr, .path = path};
	uint32_t before = specs->count;

	if (length > SHC_SPEC_FILE_MAX)
		return hb_error_set_at(reterr, -EINVAL, path, 0, "longer than %d bytes; split it",
			SHC_SPEC_FILE_MAX);
	reader.length = (uint32_t)length;
	reader.path = keep(&reader, path, (uint32_t)strlen(path));
	if (!reader.path || advance(&reader))
		return reader.code;
	while (reader.token.kind != TOKEN_END && !reader.code) {
		struct shc_spec *spec = NULL;

		if (!read_command(&reader, &spec) && shc_specs_append(specs, spec))
			reader.code = hb_error_set(reterr, -ENOMEM, "out of memory");
	}
	if (reader.code)
		specs->count = before;
	else
		shc_specs_settle(specs);
	return reader.code;
}
