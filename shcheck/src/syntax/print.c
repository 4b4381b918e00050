/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tree as a shell program. Everything is written from the tree and nothing copied from the source, so that parsing
 * the result tests both.
 */
#include <shcheck/parse.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How the text around a part is quoted. */
enum quoting {
	UNQUOTED,
	IN_QUOTES,   /* between double quotes, and in arithmetic */
	IN_DOCUMENT, /* a here-document: a double quote is an ordinary character */
	IN_ARGUMENT, /* ${x:-...} between double quotes: } needs a backslash, too */
};

/* Here-documents whose bodies come after the line. */
#define PENDING_MAX 64

struct printer {
	FILE *stream;
	int depth;       /* of indentation */
	int inside_word; /* > 0: in a substitution, where statements stand on one line */
	const struct shc_redirect *pending[PENDING_MAX];
	int pending_count;
};

static void print_list(struct printer *p, const struct shc_list *list);
static void print_command(struct printer *p, const struct shc_command *command);
static void print_parts(struct printer *p, const struct shc_part *part, enum quoting quoting);

static void put(struct printer *p, const char *text)
{
	(void)fputs(text, p->stream);
}

static void put_text(struct printer *p, struct shc_text text)
{
	(void)fwrite(text.bytes, 1, text.length, p->stream);
}

static void print_word(struct printer *p, const struct shc_word *word, enum quoting quoting)
{
	print_parts(p, word->parts, quoting);
}

static void print_bodies(struct printer *p)
{
	int count = p->pending_count;

	p->pending_count = 0;
	for (int i = 0; i < count; i++) {
		const struct shc_redirect *redirect = p->pending[i];

		p->inside_word++;
		print_word(p, redirect->body, redirect->literal_body ? UNQUOTED : IN_DOCUMENT);
		p->inside_word--;
		put_text(p, redirect->delimiter);
		put(p, "\n");
	}
}

static void print_newline(struct printer *p)
{
	put(p, "\n");
	print_bodies(p);
	for (int i = 0; i < p->depth && !p->inside_word; i++)
		put(p, "\t");
}

/* Between a keyword or statement and what follows it. */
static void print_break(struct printer *p)
{
	if (p->inside_word && !p->pending_count)
		put(p, " ");
	else
		print_newline(p);
}

/* After a list that a reserved word follows. */
static void print_list_end(struct printer *p, const struct shc_list *list)
{
	const struct shc_statement *last = list->first;

	while (last && last->next)
		last = last->next;
	if (p->inside_word && !p->pending_count)
		put(p, last && last->background ? " " : "; ");
	else
		print_newline(p);
}

/* A list one deeper, on lines of its own where that is possible. */
static void print_block(struct printer *p, const struct shc_list *list)
{
	p->depth++;
	print_break(p);
	print_list(p, list);
	p->depth--;
	print_list_end(p, list);
}

/* What an inner script hides. */
static int begin_inner(struct printer *p, const struct shc_redirect **saved)
{
	int count = p->pending_count;

	memcpy(saved, p->pending, sizeof(p->pending));
	p->pending_count = 0;
	p->inside_word++;
	return count;
}

static void end_inner(struct printer *p, const struct shc_redirect **saved, int count)
{
	if (p->pending_count)
		print_newline(p);
	memcpy(p->pending, saved, sizeof(p->pending));
	p->pending_count = count;
	p->inside_word--;
}

static void print_substitution(struct printer *p, const struct shc_part *part)
{
	const struct shc_redirect *saved[PENDING_MAX];
	int count = begin_inner(p, saved);

	if (part->command.form == SHC_FORM_INPUT)
		put(p, "<(");
	else if (part->command.form == SHC_FORM_OUTPUT)
		put(p, ">(");
	else
		put(p, "$(");
	/* $(( would be arithmetic. */
	if (part->command.form != SHC_FORM_FILE)
		put(p, " ");
	print_list(p, part->command.list);
	end_inner(p, saved, count);
	put(p, ")");
}

/* Literal text of a quoted context: what would be special gets a backslash. */
static void print_quoted(struct printer *p, struct shc_text text, enum quoting quoting)
{
	for (uint32_t i = 0; i < text.length; i++) {
		char c = text.bytes[i];

		if (c == '$' || c == '`' || c == '\\' || (c == '"' && quoting != IN_DOCUMENT) ||
			(c == '}' && quoting == IN_ARGUMENT))
			(void)fputc('\\', p->stream);
		(void)fputc(c, p->stream);
	}
}

static void print_ansi(struct printer *p, struct shc_text text)
{
	put(p, "$'");
	for (uint32_t i = 0; i < text.length; i++) {
		unsigned char c = (unsigned char)text.bytes[i];

		if (c == '\'' || c == '\\')
			(void)fprintf(p->stream, "\\%c", c);
		else if (c < ' ' || c >= 127)
			(void)fprintf(p->stream, "\\x%02x", c);
		else
			(void)fputc(c, p->stream);
	}
	put(p, "'");
}

static void print_subscript(struct printer *p, const struct shc_subscript *subscript)
{
	switch (subscript->kind) {
	case SHC_SUBSCRIPT_NONE:
		return;
	case SHC_SUBSCRIPT_AT:
		put(p, "[@]");
		return;
	case SHC_SUBSCRIPT_STAR:
		put(p, "[*]");
		return;
	case SHC_SUBSCRIPT_KEY:
		put(p, "[");
		print_word(p, subscript->word, UNQUOTED);
		put(p, "]");
	}
}

static bool is_pattern_op(enum shc_parameter_op op)
{
	return (op >= SHC_OP_REMOVE_PREFIX && op <= SHC_OP_REPLACE_SUFFIX) ||
	       (op >= SHC_OP_UPPER && op <= SHC_OP_TOGGLE_ALL);
}

static void print_operation(
	struct printer *p, const struct shc_parameter *parameter, enum quoting quoting)
{
	static const char *const ops[] = {"", "", "-", "=", "?", "+", "#", "##", "%", "%%", "/",
		"//", "/#", "/%", ":", "^", "^^", ",", ",,", "~", "~~", "@", "", ""};
	enum quoting argument =
		quoting == UNQUOTED || is_pattern_op(parameter->op) ? UNQUOTED : IN_ARGUMENT;

	if (parameter->colon)
		put(p, ":");
	put(p, ops[parameter->op]);
	if (parameter->transform)
		(void)fputc(parameter->transform, p->stream);
	if (parameter->word)
		print_word(p, parameter->word, argument);
	if (parameter->replacement) {
		put(p, "/");
		print_word(p, parameter->replacement, UNQUOTED);
	}
	if (parameter->offset.word)
		print_word(p, parameter->offset.word, IN_ARGUMENT);
	if (parameter->size.word) {
		put(p, ":");
		print_word(p, parameter->size.word, IN_ARGUMENT);
	}
}

static void print_parameter(
	struct printer *p, const struct shc_parameter *parameter, enum quoting quoting)
{
	put(p, parameter->braces ? "${" : "$");
	if (parameter->op == SHC_OP_LENGTH)
		put(p, "#");
	if (parameter->indirect || parameter->op == SHC_OP_NAMES || parameter->op == SHC_OP_KEYS)
		put(p, "!");
	put_text(p, parameter->name);
	print_subscript(p, &parameter->subscript);
	print_operation(p, parameter, quoting);
	if (parameter->braces)
		put(p, "}");
}

static void print_elements(struct printer *p, const struct shc_array_element *element)
{
	put(p, "(");
	for (; element; element = element->next) {
		print_subscript(p, &element->subscript);
		if (element->subscript.kind)
			put(p, element->append ? "+=" : "=");
		print_word(p, element->value, UNQUOTED);
		if (element->next)
			put(p, " ");
	}
	put(p, ")");
}

static void print_alternatives(
	struct printer *p, const struct shc_word *word, const char *separator, const char *closer)
{
	for (; word; word = word->next) {
		print_word(p, word, UNQUOTED);
		if (word->next)
			put(p, separator);
	}
	put(p, closer);
}

static void print_sequence(struct printer *p, const struct shc_sequence *sequence)
{
	put(p, "{");
	put_text(p, sequence->first);
	put(p, "..");
	put_text(p, sequence->last);
	if (sequence->step.length) {
		put(p, "..");
		put_text(p, sequence->step);
	}
	put(p, "}");
}

static void print_between(
	struct printer *p, const char *opener, struct shc_text text, const char *closer)
{
	put(p, opener);
	put_text(p, text);
	put(p, closer);
}

static void print_part(struct printer *p, const struct shc_part *part, enum quoting quoting)
{
	switch (part->kind) {
	case SHC_PART_LITERAL:
		if (quoting == UNQUOTED)
			put_text(p, part->text);
		else
			print_quoted(p, part->text, quoting);
		break;
	case SHC_PART_ESCAPE:
		print_between(p, "\\", part->text, "");
		break;
	case SHC_PART_SINGLE:
		print_between(p, "'", part->text, "'");
		break;
	case SHC_PART_ANSI:
		print_ansi(p, part->text);
		break;
	case SHC_PART_DOUBLE:
	case SHC_PART_LOCALE:
		put(p, part->kind == SHC_PART_LOCALE ? "$\"" : "\"");
		print_parts(p, part->parts, IN_QUOTES);
		put(p, "\"");
		break;
	case SHC_PART_PARAMETER:
		print_parameter(p, part->parameter, quoting);
		break;
	case SHC_PART_COMMAND:
	case SHC_PART_PROCESS:
		print_substitution(p, part);
		break;
	case SHC_PART_ARITHMETIC:
		put(p, part->bracket ? "$[" : "$((");
		print_word(p, part->arithmetic.word, IN_QUOTES);
		put(p, part->bracket ? "]" : "))");
		break;
	case SHC_PART_TILDE:
		print_between(p, "~", part->text, "");
		break;
	case SHC_PART_GLOB:
	case SHC_PART_GLOB_OPEN:
		put_text(p, part->text);
		break;
	case SHC_PART_EXTGLOB:
		(void)fprintf(p->stream, "%c(", part->extglob.operator);
		print_alternatives(p, part->extglob.alternatives, "|", ")");
		break;
	case SHC_PART_BRACES:
		put(p, "{");
		print_alternatives(p, part->braces.alternatives, ",", "}");
		break;
	case SHC_PART_SEQUENCE:
		print_sequence(p, part->sequence);
		break;
	case SHC_PART_ARRAY:
		print_elements(p, part->array);
		break;
	}
}

static void print_parts(struct printer *p, const struct shc_part *part, enum quoting quoting)
{
	for (; part; part = part->next)
		print_part(p, part, quoting);
}

/* ---- Commands ---- */

static void print_redirect(struct printer *p, const struct shc_redirect *redirect)
{
	static const char *const ops[] = {
		"<", ">", ">>", ">|", "<>", "<&", ">&", "&>", "&>>", "<<", "<<<"};
	const struct shc_part *first = redirect->target->parts;

	if (redirect->fd_name.length)
		print_between(p, "{", redirect->fd_name, "}");
	else if (redirect->fd >= 0)
		(void)fprintf(p->stream, "%" PRId32, redirect->fd);
	put(p, ops[redirect->kind]);
	if (redirect->strip_tabs)
		put(p, "-");
	if (redirect->kind == SHC_REDIRECT_HERE_DOCUMENT ||
		(first && first->kind == SHC_PART_PROCESS))
		put(p, " ");
	print_word(p, redirect->target, UNQUOTED);
	if (redirect->kind == SHC_REDIRECT_HERE_DOCUMENT && p->pending_count < PENDING_MAX)
		p->pending[p->pending_count++] = redirect;
}

static void print_assignment(struct printer *p, const struct shc_assignment *assignment)
{
	put_text(p, assignment->name);
	print_subscript(p, &assignment->subscript);
	put(p, assignment->append ? "+=" : "=");
	if (assignment->is_array)
		print_elements(p, assignment->elements);
	else
		print_word(p, assignment->value, UNQUOTED);
}

/* In the order of the source: a redirection may keep a word from being a reserved one. */
static void print_simple(struct printer *p, const struct shc_command *command)
{
	const struct shc_assignment *assignment = command->simple.assignments;
	const struct shc_word *word = command->simple.words;
	const struct shc_redirect *redirect = command->redirects;
	bool first = true;

	while (assignment || word || redirect) {
		uint32_t assignment_at = assignment ? assignment->range.start : UINT32_MAX;
		uint32_t word_at = word ? word->range.start : UINT32_MAX;
		uint32_t redirect_at = redirect ? redirect->range.start : UINT32_MAX;

		if (!first)
			put(p, " ");
		first = false;
		if (redirect && redirect_at <= word_at && redirect_at <= assignment_at) {
			print_redirect(p, redirect);
			redirect = redirect->next;
		} else if (assignment && assignment_at <= word_at) {
			print_assignment(p, assignment);
			assignment = assignment->next;
		} else {
			print_word(p, word, UNQUOTED);
			word = word->next;
		}
	}
}

static void print_pipeline(struct printer *p, const struct shc_command *command)
{
	if (command->pipeline.timed)
		put(p, command->pipeline.timed_posix ? "time -p " : "time ");
	for (uint32_t i = 0; i < command->pipeline.negations; i++)
		put(p, "! ");
	for (const struct shc_command *c = command->pipeline.commands; c; c = c->next) {
		print_command(p, c);
		if (c->next)
			put(p, c->next->joint == SHC_JOINT_PIPE_BOTH ? " |& " : " | ");
	}
}

static void print_and_or(struct printer *p, const struct shc_command *command)
{
	for (const struct shc_command *c = command->and_or.commands; c; c = c->next) {
		print_command(p, c);
		if (c->next)
			put(p, c->next->joint == SHC_JOINT_AND ? " && " : " || ");
	}
}

static void print_if(struct printer *p, const struct shc_command *command)
{
	for (const struct shc_clause *clause = command->if_.clauses; clause;
		clause = clause->next) {
		put(p, clause == command->if_.clauses ? "if" : clause->condition ? "elif" : "else");
		if (clause->condition) {
			print_block(p, clause->condition);
			put(p, "then");
		}
		print_block(p, clause->body);
	}
	put(p, "fi");
}

static void print_do(struct printer *p, const struct shc_list *body)
{
	put(p, "do");
	print_block(p, body);
	put(p, "done");
}

static void print_while(struct printer *p, const struct shc_command *command)
{
	put(p, command->kind == SHC_COMMAND_WHILE ? "while" : "until");
	print_block(p, command->loop.condition);
	print_do(p, command->loop.body);
}

static void print_for(struct printer *p, const struct shc_command *command)
{
	put(p, command->kind == SHC_COMMAND_SELECT ? "select " : "for ");
	put_text(p, command->for_.name);
	if (command->for_.has_in) {
		put(p, " in");
		for (const struct shc_word *word = command->for_.words; word; word = word->next) {
			put(p, " ");
			print_word(p, word, UNQUOTED);
		}
		put(p, ";");
	}
	put(p, " ");
	print_do(p, command->for_.body);
}

static void print_for_arith(struct printer *p, const struct shc_command *command)
{
	put(p, "for ((");
	print_word(p, command->for_arith.init.word, IN_QUOTES);
	put(p, ";");
	print_word(p, command->for_arith.condition.word, IN_QUOTES);
	put(p, ";");
	print_word(p, command->for_arith.step.word, IN_QUOTES);
	put(p, ")); ");
	print_do(p, command->for_arith.body);
}

static void print_case(struct printer *p, const struct shc_command *command)
{
	static const char *const ends[] = {";;", ";&", ";;&"};

	put(p, "case ");
	print_word(p, command->case_.subject, UNQUOTED);
	put(p, " in");
	for (const struct shc_case_item *item = command->case_.items; item; item = item->next) {
		print_break(p);
		put(p, "(");
		print_alternatives(p, item->patterns, " | ", ")");
		p->depth++;
		print_break(p);
		print_list(p, item->body);
		p->depth--;
		print_break(p);
		put(p, ends[item->end]);
	}
	print_break(p);
	put(p, "esac");
}

static void print_test(struct printer *p, const struct shc_test *test)
{
	switch (test->kind) {
	case SHC_TEST_WORD:
		print_word(p, test->first, UNQUOTED);
		break;
	case SHC_TEST_UNARY:
		put_text(p, test->op);
		put(p, " ");
		print_word(p, test->first, UNQUOTED);
		break;
	case SHC_TEST_BINARY:
		print_word(p, test->first, UNQUOTED);
		print_between(p, " ", test->op, " ");
		print_word(p, test->second, UNQUOTED);
		break;
	case SHC_TEST_NOT:
		put(p, "! ");
		print_test(p, test->left);
		break;
	case SHC_TEST_AND:
	case SHC_TEST_OR:
		print_test(p, test->left);
		put(p, test->kind == SHC_TEST_AND ? " && " : " || ");
		print_test(p, test->right);
		break;
	case SHC_TEST_GROUP:
		put(p, "( ");
		print_test(p, test->left);
		put(p, " )");
		break;
	}
}

static void print_enclosed(
	struct printer *p, const char *opener, const struct shc_list *list, const char *closer)
{
	put(p, opener);
	print_block(p, list);
	put(p, closer);
}

static void print_function(struct printer *p, const struct shc_command *command)
{
	if (command->function.keyword)
		put(p, "function ");
	put_text(p, command->function.name);
	put(p, command->function.parentheses ? "() " : " ");
	print_command(p, command->function.body);
}

static void print_coproc(struct printer *p, const struct shc_command *command)
{
	put(p, "coproc ");
	if (command->coproc.name.length) {
		put_text(p, command->coproc.name);
		put(p, " ");
	}
	print_command(p, command->coproc.body);
}

static void print_kind(struct printer *p, const struct shc_command *command)
{
	switch (command->kind) {
	case SHC_COMMAND_SIMPLE:
		print_simple(p, command);
		break;
	case SHC_COMMAND_PIPELINE:
		print_pipeline(p, command);
		break;
	case SHC_COMMAND_AND_OR:
		print_and_or(p, command);
		break;
	case SHC_COMMAND_GROUP:
		print_enclosed(p, "{", command->list, "}");
		break;
	case SHC_COMMAND_SUBSHELL:
		print_enclosed(p, "( ", command->list, ")");
		break;
	case SHC_COMMAND_IF:
		print_if(p, command);
		break;
	case SHC_COMMAND_WHILE:
	case SHC_COMMAND_UNTIL:
		print_while(p, command);
		break;
	case SHC_COMMAND_FOR:
	case SHC_COMMAND_SELECT:
		print_for(p, command);
		break;
	case SHC_COMMAND_FOR_ARITH:
		print_for_arith(p, command);
		break;
	case SHC_COMMAND_CASE:
		print_case(p, command);
		break;
	case SHC_COMMAND_TEST:
		put(p, "[[ ");
		print_test(p, command->test);
		put(p, " ]]");
		break;
	case SHC_COMMAND_ARITH:
		put(p, "((");
		print_word(p, command->arith.word, IN_QUOTES);
		put(p, "))");
		break;
	case SHC_COMMAND_FUNCTION:
		print_function(p, command);
		break;
	case SHC_COMMAND_COPROC:
		print_coproc(p, command);
		break;
	}
}

static void print_command(struct printer *p, const struct shc_command *command)
{
	print_kind(p, command);
	if (command->kind == SHC_COMMAND_SIMPLE)
		return;
	for (const struct shc_redirect *r = command->redirects; r; r = r->next) {
		put(p, " ");
		print_redirect(p, r);
	}
}

static void print_list(struct printer *p, const struct shc_list *list)
{
	for (const struct shc_statement *s = list->first; s; s = s->next) {
		print_command(p, s->command);
		if (s->background)
			put(p, " &");
		if (!s->next)
			break;
		if (p->inside_word && !p->pending_count)
			put(p, s->background ? " " : "; ");
		else
			print_newline(p);
	}
}

void shc_print(const struct shc_script *script, FILE *stream)
{
	struct printer printer = {.stream = stream};

	print_list(&printer, script->list);
	if (script->list->first)
		print_newline(&printer);
}
