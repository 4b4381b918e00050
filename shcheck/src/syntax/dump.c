/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree as text, a node a line. */
#include <shcheck/parse.h>

#include <inttypes.h>

struct dump {
	FILE *stream;
	int depth;
};

static const char *const part_names[] = {"literal", "escape", "single", "ansi", "double", "locale",
	"parameter", "command", "arithmetic", "process", "tilde", "glob", "glob-open", "extglob",
	"braces", "sequence", "array"};

static const char *const op_names[] = {"", "length", "-", "=", "?", "+", "#", "##", "%", "%%", "/",
	"//", "/#", "/%", ":", "^", "^^", ",", ",,", "~", "~~", "@", "names", "keys"};

static const char *const redirect_names[] = {
	"<", ">", ">>", ">|", "<>", "<&", ">&", "&>", "&>>", "<<", "<<<"};

static const char *const command_names[] = {"simple", "pipeline", "and-or", "group", "subshell",
	"if", "while", "until", "for", "for-arith", "select", "case", "test", "arith", "function",
	"coproc"};

static const char *const joint_names[] = {"", " |", " |&", " &&", " ||"};

static const char *const arith_names[] = {"number", "variable", "expansion", "unary", "binary",
	"ternary", "assign", "prefix", "postfix"};

static const char *const arith_ops[] = {"", ",", "||", "&&", "|", "^", "&", "==", "!=", "<",
	"<=", ">", ">=", "<<", ">>", "+", "-", "*", "/", "%", "**", "!", "~"};

static const char *const test_names[] = {"word", "unary", "binary", "not", "and", "or", "group"};

static const char *const form_names[] = {"$()", "``", "$(<)", "<()", ">()"};

static void dump_list(struct dump *d, const struct shc_list *list);
static void dump_words(struct dump *d, const char *name, const struct shc_word *word);
static void dump_parts(struct dump *d, const struct shc_part *part);
static void dump_command(struct dump *d, const struct shc_command *command);

/* Begin a line: indentation and range. */
static void begin(struct dump *d, struct shc_range range)
{
	(void)fprintf(d->stream, "%*s[%" PRIu32 ",%" PRIu32 ") ", d->depth * 2, "", range.start,
		range.end);
}

static void put_text(struct dump *d, struct shc_text text)
{
	(void)fputc('"', d->stream);
	for (uint32_t i = 0; i < text.length; i++) {
		unsigned char c = (unsigned char)text.bytes[i];

		if (c == '"' || c == '\\')
			(void)fprintf(d->stream, "\\%c", c);
		else if (c < ' ' || c >= 127)
			(void)fprintf(d->stream, "\\x%02x", c);
		else
			(void)fputc(c, d->stream);
	}
	(void)fputc('"', d->stream);
}

static void dump_arith(struct dump *d, const struct shc_arith *arith)
{
	if (!arith)
		return;
	begin(d, arith->range);
	(void)fprintf(d->stream, "arith %s %s ", arith_names[arith->kind], arith_ops[arith->op]);
	if (arith->kind <= SHC_ARITH_VARIABLE)
		put_text(d, arith->text);
	(void)fputc('\n', d->stream);
	d->depth++;
	if (arith->word)
		dump_words(d, "operand", arith->word);
	if (arith->subscript.word)
		dump_words(d, "subscript", arith->subscript.word);
	dump_arith(d, arith->left);
	dump_arith(d, arith->right);
	dump_arith(d, arith->third);
	d->depth--;
}

static void dump_arith_text(struct dump *d, const char *name, const struct shc_arith_text *text)
{
	if (!text->word)
		return;
	dump_words(d, name, text->word);
	d->depth++;
	dump_arith(d, text->arith);
	d->depth--;
}

static void dump_subscript(struct dump *d, const struct shc_subscript *subscript)
{
	if (subscript->kind == SHC_SUBSCRIPT_KEY) {
		dump_words(d, "subscript", subscript->word);
		d->depth++;
		dump_arith(d, subscript->arith);
		d->depth--;
	}
}

static void dump_parameter(struct dump *d, const struct shc_parameter *parameter)
{
	static const char *const kinds[] = {"variable", "positional", "special", "bad"};
	static const char *const subscripts[] = {"", "[@]", "[*]", "[key]"};

	(void)fprintf(d->stream, "%s ", kinds[parameter->kind]);
	put_text(d, parameter->name);
	(void)fprintf(d->stream, "%s%s %s%s", subscripts[parameter->subscript.kind],
		parameter->indirect ? " indirect" : "", parameter->colon ? ":" : "",
		op_names[parameter->op]);
	if (parameter->transform)
		(void)fputc(parameter->transform, d->stream);
	(void)fputc('\n', d->stream);
	d->depth++;
	dump_subscript(d, &parameter->subscript);
	if (parameter->word)
		dump_words(d, "argument", parameter->word);
	if (parameter->replacement)
		dump_words(d, "replacement", parameter->replacement);
	dump_arith_text(d, "offset", &parameter->offset);
	dump_arith_text(d, "size", &parameter->size);
	d->depth--;
}

static void dump_elements(struct dump *d, const struct shc_array_element *element)
{
	for (; element; element = element->next) {
		begin(d, element->range);
		(void)fprintf(d->stream, "element%s\n", element->append ? " +=" : "");
		d->depth++;
		dump_subscript(d, &element->subscript);
		dump_words(d, "value", element->value);
		d->depth--;
	}
}

/* What stands on the lines below a part. */
static void dump_inside(struct dump *d, const struct shc_part *part)
{
	switch (part->kind) {
	case SHC_PART_DOUBLE:
	case SHC_PART_LOCALE:
		dump_parts(d, part->parts);
		break;
	case SHC_PART_COMMAND:
	case SHC_PART_PROCESS:
		dump_list(d, part->command.list);
		break;
	case SHC_PART_ARITHMETIC:
		dump_arith_text(d, "text", &part->arithmetic);
		break;
	case SHC_PART_EXTGLOB:
		dump_words(d, "alternative", part->extglob.alternatives);
		break;
	case SHC_PART_BRACES:
		dump_words(d, "alternative", part->braces.alternatives);
		break;
	case SHC_PART_ARRAY:
		dump_elements(d, part->array);
		break;
	default:
		break;
	}
}

static void dump_parts(struct dump *d, const struct shc_part *part)
{
	for (; part; part = part->next) {
		begin(d, part->range);
		(void)fprintf(d->stream, "%s ", part_names[part->kind]);
		switch (part->kind) {
		case SHC_PART_LITERAL:
		case SHC_PART_ESCAPE:
		case SHC_PART_SINGLE:
		case SHC_PART_ANSI:
		case SHC_PART_TILDE:
		case SHC_PART_GLOB:
		case SHC_PART_GLOB_OPEN:
			put_text(d, part->text);
			break;
		case SHC_PART_PARAMETER:
			dump_parameter(d, part->parameter);
			continue;
		case SHC_PART_COMMAND:
		case SHC_PART_PROCESS:
			(void)fputs(form_names[part->command.form], d->stream);
			break;
		case SHC_PART_EXTGLOB:
			(void)fputc(part->extglob.operator, d->stream);
			break;
		case SHC_PART_SEQUENCE:
			put_text(d, part->sequence->first);
			put_text(d, part->sequence->last);
			put_text(d, part->sequence->step);
			break;
		default:
			break;
		}
		(void)fputc('\n', d->stream);
		d->depth++;
		dump_inside(d, part);
		d->depth--;
	}
}

static void dump_words(struct dump *d, const char *name, const struct shc_word *word)
{
	for (; word; word = word->next) {
		begin(d, word->range);
		(void)fprintf(d->stream, "%s%s", name, word->quoted ? " quoted" : "");
		if (word->constant) {
			(void)fputs(" constant ", d->stream);
			put_text(d, word->literal);
		}
		(void)fputc('\n', d->stream);
		d->depth++;
		dump_parts(d, word->parts);
		d->depth--;
	}
}

static void dump_redirects(struct dump *d, const struct shc_redirect *redirect)
{
	for (; redirect; redirect = redirect->next) {
		begin(d, redirect->range);
		(void)fprintf(d->stream, "redirect %s", redirect_names[redirect->kind]);
		if (redirect->fd >= 0)
			(void)fprintf(d->stream, " fd %" PRId32, redirect->fd);
		if (redirect->fd_name.length) {
			(void)fputs(" fd ", d->stream);
			put_text(d, redirect->fd_name);
		}
		if (redirect->kind == SHC_REDIRECT_HERE_DOCUMENT)
			(void)fprintf(d->stream, "%s%s%s", redirect->strip_tabs ? " strip" : "",
				redirect->literal_body ? " literal" : "",
				redirect->unterminated ? " unterminated" : "");
		(void)fputc('\n', d->stream);
		d->depth++;
		dump_words(d, "target", redirect->target);
		if (redirect->body)
			dump_words(d, "body", redirect->body);
		d->depth--;
	}
}

static void dump_test(struct dump *d, const struct shc_test *test)
{
	if (!test)
		return;
	begin(d, test->range);
	(void)fprintf(d->stream, "test %s ", test_names[test->kind]);
	put_text(d, test->op);
	(void)fputc('\n', d->stream);
	d->depth++;
	if (test->first)
		dump_words(d, "first", test->first);
	if (test->second)
		dump_words(d, "second", test->second);
	dump_test(d, test->left);
	dump_test(d, test->right);
	d->depth--;
}

static void dump_simple(struct dump *d, const struct shc_command *command)
{
	for (const struct shc_assignment *a = command->simple.assignments; a; a = a->next) {
		begin(d, a->range);
		(void)fputs("assignment ", d->stream);
		put_text(d, a->name);
		(void)fprintf(d->stream, "%s\n", a->append ? " +=" : "");
		d->depth++;
		dump_subscript(d, &a->subscript);
		if (a->is_array)
			dump_elements(d, a->elements);
		else
			dump_words(d, "value", a->value);
		d->depth--;
	}
	dump_words(d, "word", command->simple.words);
}

static void dump_case(struct dump *d, const struct shc_command *command)
{
	static const char *const ends[] = {";;", ";&", ";;&"};

	dump_words(d, "subject", command->case_.subject);
	for (const struct shc_case_item *item = command->case_.items; item; item = item->next) {
		begin(d, item->range);
		(void)fprintf(d->stream, "item %s\n", ends[item->end]);
		d->depth++;
		dump_words(d, "pattern", item->patterns);
		if (item->body)
			dump_list(d, item->body);
		d->depth--;
	}
}

static void dump_if(struct dump *d, const struct shc_command *command)
{
	for (const struct shc_clause *clause = command->if_.clauses; clause;
		clause = clause->next) {
		begin(d, clause->range);
		(void)fputs(clause->condition ? "clause\n" : "else\n", d->stream);
		d->depth++;
		if (clause->condition)
			dump_list(d, clause->condition);
		if (clause->body)
			dump_list(d, clause->body);
		d->depth--;
	}
}

static void dump_for(struct dump *d, const struct shc_command *command)
{
	const struct shc_list *body = command->for_.body;

	if (command->kind == SHC_COMMAND_FOR_ARITH) {
		dump_arith_text(d, "init", &command->for_arith.init);
		dump_arith_text(d, "condition", &command->for_arith.condition);
		dump_arith_text(d, "step", &command->for_arith.step);
		body = command->for_arith.body;
	} else {
		begin(d, command->for_.name_range);
		(void)fputs("name ", d->stream);
		put_text(d, command->for_.name);
		(void)fprintf(d->stream, "%s\n", command->for_.has_in ? " in" : "");
		dump_words(d, "word", command->for_.words);
	}
	if (body)
		dump_list(d, body);
}

static void dump_kind(struct dump *d, const struct shc_command *command)
{
	const struct shc_command *first = NULL;

	switch (command->kind) {
	case SHC_COMMAND_SIMPLE:
		dump_simple(d, command);
		break;
	case SHC_COMMAND_PIPELINE:
		first = command->pipeline.commands;
		break;
	case SHC_COMMAND_AND_OR:
		first = command->and_or.commands;
		break;
	case SHC_COMMAND_GROUP:
	case SHC_COMMAND_SUBSHELL:
		dump_list(d, command->list);
		break;
	case SHC_COMMAND_IF:
		dump_if(d, command);
		break;
	case SHC_COMMAND_WHILE:
	case SHC_COMMAND_UNTIL:
		if (command->loop.condition)
			dump_list(d, command->loop.condition);
		if (command->loop.body)
			dump_list(d, command->loop.body);
		break;
	case SHC_COMMAND_FOR:
	case SHC_COMMAND_FOR_ARITH:
	case SHC_COMMAND_SELECT:
		dump_for(d, command);
		break;
	case SHC_COMMAND_CASE:
		dump_case(d, command);
		break;
	case SHC_COMMAND_TEST:
		dump_test(d, command->test);
		break;
	case SHC_COMMAND_ARITH:
		dump_arith_text(d, "text", &command->arith);
		break;
	case SHC_COMMAND_FUNCTION:
		first = command->function.body;
		break;
	case SHC_COMMAND_COPROC:
		first = command->coproc.body;
		break;
	}
	for (; first; first = first->next)
		dump_command(d, first);
}

static void dump_command(struct dump *d, const struct shc_command *command)
{
	begin(d, command->range);
	(void)fprintf(d->stream, "%s #%" PRIu32 "%s", command_names[command->kind], command->id,
		joint_names[command->joint]);
	if (command->kind == SHC_COMMAND_PIPELINE)
		(void)fprintf(d->stream, "%s%s", command->pipeline.negations % 2 ? " !" : "",
			command->pipeline.timed ? " time" : "");
	if (command->kind == SHC_COMMAND_FUNCTION) {
		(void)fputc(' ', d->stream);
		put_text(d, command->function.name);
	}
	(void)fputc('\n', d->stream);
	d->depth++;
	dump_kind(d, command);
	dump_redirects(d, command->redirects);
	d->depth--;
}

static void dump_list(struct dump *d, const struct shc_list *list)
{
	for (const struct shc_statement *s = list->first; s; s = s->next) {
		begin(d, s->range);
		(void)fprintf(d->stream, "statement%s\n", s->background ? " &" : "");
		d->depth++;
		dump_command(d, s->command);
		d->depth--;
	}
}

void shc_dump(const struct shc_script *script, FILE *stream)
{
	struct dump dump = {.stream = stream};

	dump_list(&dump, script->list);
}
