/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "survey.h"

#include <errno.h>
#include <string.h>

/* ---- Walking ------------------------------------------------------------------------------------------------- */

static void visit_word(const struct shc_visitor *v, const struct shc_word *word);
static void visit_parts(const struct shc_visitor *v, const struct shc_part *part);

static void tell_assigned(const struct shc_visitor *v, struct shc_text name)
{
	if (v->assigned && name.length)
		v->assigned(v->context, name);
}

static void tell_read(const struct shc_visitor *v, struct shc_text name)
{
	if (v->read && name.length)
		v->read(v->context, name);
}

static void visit_arith(const struct shc_visitor *v, const struct shc_arith *tree)
{
	if (!tree)
		return;
	if (tree->kind == SHC_ARITH_VARIABLE)
		tell_read(v, tree->text);
	if ((tree->kind == SHC_ARITH_ASSIGN || tree->kind == SHC_ARITH_PREFIX ||
		    tree->kind == SHC_ARITH_POSTFIX) &&
		tree->left->kind == SHC_ARITH_VARIABLE)
		tell_assigned(v, tree->left->text);
	visit_word(v, tree->word);
	visit_arith(v, tree->left);
	visit_arith(v, tree->right);
	visit_arith(v, tree->third);
}

static void visit_arith_text(const struct shc_visitor *v, const struct shc_arith_text *text)
{
	if (text->arith)
		visit_arith(v, text->arith);
	else
		visit_word(v, text->word);
}

static void visit_parameter(const struct shc_visitor *v, const struct shc_parameter *parameter)
{
	if (v->parameter)
		v->parameter(v->context, parameter);
	if (parameter->kind == SHC_PARAMETER_VARIABLE) {
		tell_read(v, parameter->name);
		if (parameter->op == SHC_OP_ASSIGN)
			tell_assigned(v, parameter->name);
	} else if (parameter->kind == SHC_PARAMETER_SPECIAL) {
		tell_read(v, parameter->name);
	}
	visit_word(v, parameter->word);
	visit_word(v, parameter->replacement);
	visit_arith_text(v, &parameter->offset);
	visit_arith_text(v, &parameter->size);
	visit_arith(v, parameter->subscript.arith);
}

static void visit_substitution(const struct shc_visitor *v, const struct shc_part *part)
{
	if (v->substitution)
		v->substitution(v->context, part);
	if (!v->no_subshells)
		shc_visit_list(v, part->command.list);
}

static void visit_part(const struct shc_visitor *v, const struct shc_part *part)
{
	switch (part->kind) {
	case SHC_PART_DOUBLE:
	case SHC_PART_LOCALE:
		visit_parts(v, part->parts);
		break;
	case SHC_PART_PARAMETER:
		visit_parameter(v, part->parameter);
		break;
	case SHC_PART_COMMAND:
	case SHC_PART_PROCESS:
		visit_substitution(v, part);
		break;
	case SHC_PART_ARITHMETIC:
		visit_arith_text(v, &part->arithmetic);
		break;
	case SHC_PART_BRACES:
		for (const struct shc_word *w = part->braces.alternatives; w; w = w->next)
			visit_word(v, w);
		break;
	case SHC_PART_EXTGLOB:
		for (const struct shc_word *w = part->extglob.alternatives; w; w = w->next)
			visit_word(v, w);
		break;
	case SHC_PART_ARRAY:
		for (const struct shc_array_element *e = part->array; e; e = e->next)
			visit_word(v, e->value);
		break;
	default:
		break;
	}
}

static void visit_parts(const struct shc_visitor *v, const struct shc_part *part)
{
	for (; part; part = part->next)
		visit_part(v, part);
}

static void visit_word(const struct shc_visitor *v, const struct shc_word *word)
{
	if (word)
		visit_parts(v, word->parts);
}

static void visit_words(const struct shc_visitor *v, const struct shc_word *word)
{
	for (; word; word = word->next)
		visit_word(v, word);
}

static void visit_test(const struct shc_visitor *v, const struct shc_test *test)
{
	if (!test)
		return;
	visit_word(v, test->first);
	visit_word(v, test->second);
	visit_test(v, test->left);
	visit_test(v, test->right);
}

/* The names that a built-in assigns by its operands. */
static void visit_operands(const struct shc_visitor *v, const struct shc_command *command)
{
	static const char *const assigning[] = {"read", "local", "declare", "typeset", "export",
		"readonly", "getopts", "mapfile", "readarray", "unset", "printf", "let"};
	struct shc_text name = shc_command_name(command);
	bool relevant = false;

	for (size_t i = 0; i < sizeof(assigning) / sizeof(*assigning); i++)
		relevant |= shc_text_is(name, assigning[i]);
	if (!relevant)
		return;
	if (shc_text_is(name, "read"))
		tell_assigned(v, (struct shc_text){.bytes = "REPLY", .length = 5});
	if (shc_text_is(name, "getopts"))
		tell_assigned(v, (struct shc_text){.bytes = "OPTARG", .length = 6});
	for (const struct shc_word *w = command->simple.words->next; w; w = w->next) {
		struct shc_text text = w->literal;

		if (w->assignment) {
			tell_assigned(v, w->assignment->name);
			continue;
		}
		if (!w->constant || !text.length)
			continue;
		for (uint32_t i = 0; i < text.length; i++)
			if (text.bytes[i] == '=' || text.bytes[i] == '+')
				text.length = i;
		tell_assigned(v, text);
	}
}

static void visit_simple(const struct shc_visitor *v, const struct shc_command *command)
{
	for (const struct shc_assignment *a = command->simple.assignments; a; a = a->next) {
		tell_assigned(v, a->name);
		visit_word(v, a->value);
		for (const struct shc_array_element *e = a->elements; e; e = e->next)
			visit_word(v, e->value);
	}
	if (command->simple.words)
		visit_operands(v, command);
	for (const struct shc_word *w = command->simple.words; w; w = w->next) {
		visit_word(v, w);
		if (w->assignment)
			visit_word(v, w->assignment->value);
	}
}

static void visit_clauses(const struct shc_visitor *v, const struct shc_command *command)
{
	for (const struct shc_clause *c = command->if_.clauses; c; c = c->next) {
		shc_visit_list(v, c->condition);
		shc_visit_list(v, c->body);
	}
}

static void visit_kind(const struct shc_visitor *v, const struct shc_command *command)
{
	switch (command->kind) {
	case SHC_COMMAND_SIMPLE:
		visit_simple(v, command);
		break;
	case SHC_COMMAND_PIPELINE:
		if (v->no_subshells && command->pipeline.count > 1)
			break;
		for (const struct shc_command *c = command->pipeline.commands; c; c = c->next)
			shc_visit_command(v, c);
		break;
	case SHC_COMMAND_AND_OR:
		for (const struct shc_command *c = command->and_or.commands; c; c = c->next)
			shc_visit_command(v, c);
		break;
	case SHC_COMMAND_SUBSHELL:
		if (v->no_subshells)
			break;
		shc_visit_list(v, command->list);
		break;
	case SHC_COMMAND_GROUP:
		shc_visit_list(v, command->list);
		break;
	case SHC_COMMAND_IF:
		visit_clauses(v, command);
		break;
	case SHC_COMMAND_WHILE:
	case SHC_COMMAND_UNTIL:
		shc_visit_list(v, command->loop.condition);
		shc_visit_list(v, command->loop.body);
		break;
	case SHC_COMMAND_FOR:
	case SHC_COMMAND_SELECT:
		tell_assigned(v, command->for_.name);
		visit_words(v, command->for_.words);
		shc_visit_list(v, command->for_.body);
		break;
	case SHC_COMMAND_FOR_ARITH:
		visit_arith_text(v, &command->for_arith.init);
		visit_arith_text(v, &command->for_arith.condition);
		visit_arith_text(v, &command->for_arith.step);
		shc_visit_list(v, command->for_arith.body);
		break;
	case SHC_COMMAND_CASE:
		visit_word(v, command->case_.subject);
		for (const struct shc_case_item *i = command->case_.items; i; i = i->next) {
			visit_words(v, i->patterns);
			shc_visit_list(v, i->body);
		}
		break;
	case SHC_COMMAND_TEST:
		visit_test(v, command->test);
		break;
	case SHC_COMMAND_ARITH:
		visit_arith_text(v, &command->arith);
		break;
	case SHC_COMMAND_FUNCTION:
		shc_visit_command(v, command->function.body);
		break;
	case SHC_COMMAND_COPROC:
		shc_visit_command(v, command->coproc.body);
		break;
	}
}

void shc_visit_word(const struct shc_visitor *v, const struct shc_word *word)
{
	visit_word(v, word);
}

void shc_visit_command(const struct shc_visitor *v, const struct shc_command *command)
{
	if (v->skips && v->skips(v->context, command))
		return;
	if (v->command)
		v->command(v->context, command);
	for (const struct shc_redirect *r = command->redirects; r; r = r->next) {
		visit_word(v, r->target);
		visit_word(v, r->body);
		tell_assigned(v, r->fd_name);
	}
	visit_kind(v, command);
}

void shc_visit_list(const struct shc_visitor *v, const struct shc_list *list)
{
	if (!list)
		return;
	for (const struct shc_statement *s = list->first; s; s = s->next)
		shc_visit_command(v, s->command);
}

/* ---- Survey -------------------------------------------------------------------------------------------------- */

struct survey {
	struct shc_interpreter *in;
	int result;
};

static void note_name(struct survey *survey, struct shc_text text, bool function)
{
	uint32_t number;

	if (shc_name_number(survey->in, text, &number)) {
		survey->result = -ENOMEM;
		return;
	}
	if (function) {
		survey->in->names[number].defined_anywhere = true;
		survey->in->names[number].defined_here |= !survey->in->inclusions;
	} else
		survey->in->names[number].assigned_anywhere =
			survey->in->names[number].is_variable = true;
}

static void survey_read(void *context, struct shc_text name)
{
	struct survey *survey = context;
	uint32_t number;

	if (shc_name_number(survey->in, name, &number))
		survey->result = -ENOMEM;
	else
		survey->in->names[number].is_variable = true;
}

static void survey_assigned(void *context, struct shc_text name)
{
	note_name(context, name, false);
}

static void survey_command(void *context, const struct shc_command *command)
{
	struct survey *survey = context;

	if (command->kind == SHC_COMMAND_FUNCTION)
		note_name(survey, command->function.name, true);
	if (command->kind == SHC_COMMAND_SIMPLE)
		survey->in->seen[command->id] |= SHC_SIMPLE;
}

int shc_survey_list(struct shc_interpreter *in, const struct shc_list *list)
{
	struct survey survey = {.in = in};
	const struct shc_visitor visitor = {
		.context = &survey,
		.command = survey_command,
		.assigned = survey_assigned,
		.read = survey_read,
	};

	shc_visit_list(&visitor, list);
	return survey.result;
}

int shc_survey(struct shc_interpreter *in)
{
	return shc_survey_list(in, in->script->list);
}

/* ---- Loops --------------------------------------------------------------------------------------------------- */

enum { NAMES_MAX = 16 };

struct loop_survey {
	struct shc_interpreter *in;
	struct shc_text read[NAMES_MAX];
	uint32_t read_count;
	bool open;    /* something that is not understood, or that ends the loop */
	bool changed; /* a variable of the condition */
	uint32_t depth;
};

static void loop_read(void *context, struct shc_text name)
{
	struct loop_survey *loop = context;

	/* $?, $#, $! and the like change without an assignment, and so do a few variables. */
	if (!((name.bytes[0] >= 'a' && name.bytes[0] <= 'z') ||
		    (name.bytes[0] >= 'A' && name.bytes[0] <= 'Z') || name.bytes[0] == '_') ||
		shc_text_is(name, "SECONDS") || shc_text_is(name, "RANDOM") ||
		loop->read_count == NAMES_MAX)
		loop->open = true;
	else
		loop->read[loop->read_count++] = name;
}

static void loop_opaque(void *context, const struct shc_part *part)
{
	(void)part;
	((struct loop_survey *)context)->open = true;
}

static void condition_command(void *context, const struct shc_command *command)
{
	struct loop_survey *loop = context;
	struct shc_text name = shc_command_name(command);

	if (command->kind == SHC_COMMAND_TEST || command->kind == SHC_COMMAND_ARITH)
		return;
	if (command->kind != SHC_COMMAND_SIMPLE ||
		(!shc_text_is(name, "[") && !shc_text_is(name, "test")))
		loop->open = true;
	/* What files are like changes from outside. */
	for (const struct shc_word *w = command->simple.words; w && !loop->open; w = w->next)
		if (w->constant && w->literal.length == 2 && w->literal.bytes[0] == '-' &&
			!strchr("nz", w->literal.bytes[1]))
			loop->open = true;
}

static void test_tree_files(struct loop_survey *loop, const struct shc_test *test)
{
	if (!test)
		return;
	if (test->kind == SHC_TEST_UNARY && !shc_text_is(test->op, "-n") &&
		!shc_text_is(test->op, "-z"))
		loop->open = true;
	test_tree_files(loop, test->left);
	test_tree_files(loop, test->right);
}

static void loop_assigned(void *context, struct shc_text name)
{
	struct loop_survey *loop = context;

	for (uint32_t i = 0; i < loop->read_count; i++)
		loop->changed |= loop->read[i].length == name.length &&
				 !memcmp(loop->read[i].bytes, name.bytes, name.length);
}

static void body_command(void *context, const struct shc_command *command)
{
	static const char *const leaving[] = {"break", "return", "exit", "exec", "eval", ".",
		"source", "shift", "set", "kill", "trap", "continue"};
	struct loop_survey *loop = context;
	struct shc_text name;
	uint32_t number;

	if (command->kind == SHC_COMMAND_COPROC)
		loop->open = true;
	if (command->kind != SHC_COMMAND_SIMPLE || !command->simple.words)
		return;
	name = shc_command_name(command);
	loop->open |= !name.length;
	for (size_t i = 0; i < sizeof(leaving) / sizeof(*leaving); i++)
		loop->open |= shc_text_is(name, leaving[i]);
	/* A function may do anything; so may a file that defines some. */
	if (name.length && !shc_name_number(loop->in, name, &number))
		loop->open |= loop->in->names[number].defined_anywhere;
}

bool shc_never_leaves(struct shc_interpreter *in, const struct shc_command *loop)
{
	struct loop_survey survey = {.in = in};
	const struct shc_statement *only = loop->loop.condition->first;
	struct shc_visitor visitor = {.context = &survey,
		.command = condition_command,
		.read = loop_read,
		.substitution = loop_opaque,
		.assigned = loop_assigned};

	if (in->open || !only || only->next)
		return false;
	shc_visit_list(&visitor, loop->loop.condition);
	if (only->command->kind == SHC_COMMAND_TEST)
		test_tree_files(&survey, only->command->test);
	if (survey.open || survey.changed || !survey.read_count)
		return false;
	/* What is assigned in the condition itself counts, too. */
	visitor.read = NULL;
	visitor.command = body_command;
	visitor.substitution = NULL;
	visitor.no_subshells = true;
	shc_visit_list(&visitor, loop->loop.body);
	visitor.command = NULL;
	shc_visit_list(&visitor, loop->loop.condition);
	return !survey.open && !survey.changed;
}

static void count_read(void *context, struct shc_text name)
{
	(void)name;
	++*(uint32_t *)context;
}

bool shc_condition_varies(const struct shc_command *loop)
{
	uint32_t reads = 0;
	const struct shc_visitor visitor = {.context = &reads, .read = count_read};

	shc_visit_list(&visitor, loop->loop.condition);
	return reads > 0;
}

struct guard {
	bool nounset, in_test, found;
};

static void guard_read(void *context, struct shc_text name)
{
	struct guard *guard = context;

	guard->found |= shc_text_is(name, "#") || shc_text_is(name, "@") || shc_text_is(name, "*");
}

static void guard_parameter(void *context, const struct shc_parameter *parameter)
{
	struct guard *guard = context;

	if (parameter->kind == SHC_PARAMETER_POSITIONAL && parameter->number > 1)
		guard->found |= guard->in_test || parameter->op == SHC_OP_ERROR ||
				(guard->nounset && parameter->op != SHC_OP_DEFAULT &&
					parameter->op != SHC_OP_ALTERNATIVE);
}

static void guard_command(void *context, const struct shc_command *command)
{
	struct guard *guard = context;
	struct shc_text name = shc_command_name(command);
	const struct shc_visitor visitor = {.context = context, .parameter = guard_parameter};

	if (guard->in_test ||
		(command->kind != SHC_COMMAND_TEST && !shc_text_is(name, "[") &&
			!shc_text_is(name, "test") && command->kind != SHC_COMMAND_CASE))
		return;
	guard->in_test = true;
	if (command->kind == SHC_COMMAND_CASE)
		visit_word(&visitor, command->case_.subject);
	else
		shc_visit_command(&visitor, command);
	guard->in_test = false;
}

bool shc_guards_arguments(const struct shc_command *loop, bool nounset)
{
	struct guard guard = {.nounset = nounset};
	const struct shc_visitor visitor = {.context = &guard,
		.command = guard_command,
		.read = guard_read,
		.parameter = guard_parameter};

	shc_visit_list(&visitor, loop->loop.body);
	return guard.found;
}

static void count_assigned(void *context, struct shc_text name)
{
	(void)name;
	++*(uint32_t *)context;
}

bool shc_assigns_in_order(const struct shc_command *command)
{
	uint32_t assigned = 0, plain = 0;
	const struct shc_visitor visitor = {
		.context = &assigned, .assigned = count_assigned, .no_subshells = true};

	if (command->kind != SHC_COMMAND_SIMPLE)
		return false;
	for (const struct shc_assignment *a = command->simple.assignments; a; a = a->next)
		plain++;
	for (const struct shc_word *w = command->simple.words; w; w = w->next)
		plain += w->assignment != NULL;
	shc_visit_command(&visitor, command);
	return assigned > plain || plain >= 2;
}

/* ---- What no path has reached -------------------------------------------------------------------------------- */

const struct shc_command *shc_command_within(const struct shc_command *command)
{
	while (command->kind == SHC_COMMAND_GROUP && !command->redirects &&
		command->list->count == 1 && !command->list->first->background)
		command = command->list->first->command;
	return command;
}

static const struct shc_command *last_of(const struct shc_list *list)
{
	const struct shc_statement *s = list ? list->first : NULL;

	while (s && s->next)
		s = s->next;
	return s && !s->background ? s->command : NULL;
}

static bool always_leaves(const struct shc_command *command);

static bool list_leaves(const struct shc_list *list)
{
	const struct shc_command *last = last_of(list);

	return last && always_leaves(last);
}

static bool is_star(const struct shc_word *word)
{
	return word->parts && !word->parts->next && word->parts->kind == SHC_PART_GLOB &&
	       shc_text_is(word->parts->text, "*");
}

/* By every branch, and there is one for every case. */
static bool branches_leave(const struct shc_command *command)
{
	bool complete = false;

	if (command->kind == SHC_COMMAND_IF)
		for (const struct shc_clause *c = command->if_.clauses; c; c = c->next) {
			if (!list_leaves(c->body))
				return false;
			complete |= !c->condition;
		}
	else if (command->kind == SHC_COMMAND_CASE)
		for (const struct shc_case_item *i = command->case_.items; i; i = i->next) {
			if (!list_leaves(i->body))
				return false;
			/* One case for everything comes out of a template. */
			complete |= i != command->case_.items && is_star(i->patterns);
		}
	return complete;
}

/* exec with a program does not come back: where the program is not found the shell ends. */
static bool is_exec(const struct shc_command *command)
{
	return command->kind == SHC_COMMAND_SIMPLE &&
	       shc_text_is(shc_command_name(command), "exec") && command->simple.words->next;
}

static void note_own_name(void *context, const struct shc_parameter *parameter)
{
	*(bool *)context |= parameter->kind == SHC_PARAMETER_POSITIONAL && !parameter->number;
}

/* exec tclsh "$0": what follows is written in another language. */
static bool passes_itself_on(const struct shc_command *command)
{
	bool found = false;
	const struct shc_visitor visitor = {.context = &found, .parameter = note_own_name};

	command = shc_command_within(command);
	if (is_exec(command))
		shc_visit_command(&visitor, command);
	return found;
}

/* A here-document without a command: a comment. */
static bool does_nothing(const struct shc_command *command)
{
	if (command->kind != SHC_COMMAND_SIMPLE || shc_text_is(shc_command_name(command), ":"))
		return command->kind == SHC_COMMAND_SIMPLE;
	return !command->simple.words && !command->simple.assignments;
}

static bool always_leaves(const struct shc_command *command)
{
	struct shc_text name;

	command = shc_command_within(command);

	if (command->kind == SHC_COMMAND_GROUP)
		return list_leaves(command->list);
	if (command->kind != SHC_COMMAND_SIMPLE)
		return branches_leave(command);
	name = shc_command_name(command);
	return shc_text_is(name, "exit") || shc_text_is(name, "return") ||
	       shc_text_is(name, "break") || shc_text_is(name, "continue") || is_exec(command);
}

/* Mark @condition where all that it decides is whether to leave. */
static void mark_guard(struct shc_interpreter *in, const struct shc_command *condition)
{
	condition = shc_command_within(condition);
	if (condition->kind == SHC_COMMAND_SIMPLE)
		in->seen[condition->id] |= SHC_GUARD;
}

void shc_mark_guard(struct shc_interpreter *in, const struct shc_command *command)
{
	const struct shc_clause *clause;

	if (command->kind == SHC_COMMAND_AND_OR) {
		const struct shc_command *first = command->and_or.commands;

		if (command->and_or.count == 2 && first->next->joint == SHC_JOINT_AND &&
			always_leaves(first->next))
			mark_guard(in, first);
		return;
	}
	clause = command->if_.clauses;
	if (clause && !clause->next && clause->condition && clause->condition->count == 1 &&
		list_leaves(clause->body))
		mark_guard(in, clause->condition->first->command);
}

/* A complaint and the end, for an exec that fails: of no use, but no harm. */
static bool only_complains(const struct shc_list *list, const struct shc_command *next)
{
	struct shc_text name = shc_command_name(next);

	return shc_text_is(name, "echo") || shc_text_is(name, "printf") || list_leaves(list);
}

static void check_list(struct shc_interpreter *in, const struct shc_list *list)
{
	shc_check_messages(in, list);
	for (const struct shc_statement *s = list ? list->first : NULL; s && s->next; s = s->next) {
		const struct shc_command *next = s->next->command;
		struct shc_finding *finding;

		if (!always_leaves(s->command) || s->background || always_leaves(next) ||
			next->kind == SHC_COMMAND_FUNCTION || does_nothing(next) ||
			passes_itself_on(s->command) || !(in->seen[s->command->id] & SHC_SEEN) ||
			in->seen[next->id] & SHC_SEEN ||
			(is_exec(shc_command_within(s->command)) && only_complains(list, next)))
			continue;
		finding = shc_report(in, 509, next->range, "nothing ever gets here");
		if (finding)
			shc_finding_relate(in->findings, finding, s->command->range,
				"this always leaves before");
		return;
	}
}

/* A loop over several words that leaves in its first turn, whatever happens. */
static void check_turns(struct shc_interpreter *in, const struct shc_command *command)
{
	const struct shc_word *words = command->for_.words;
	uint16_t seen = in->seen[command->id];

	if (seen & SHC_TURNED || !(seen & (SHC_LEFT | SHC_BROKEN)) ||
		(seen & SHC_BROKEN && !(seen & SHC_LISTED)) ||
		(command->for_.has_in && words && !words->next && words->constant))
		return;
	shc_finding_hint(in->findings,
		shc_report(in, 501, command->range,
			"this loop never comes to a second turn: its body always leaves"),
		"leave in a condition, or behind the loop");
}

static void check_command(void *context, const struct shc_command *command)
{
	struct shc_interpreter *in = context;

	switch (command->kind) {
	case SHC_COMMAND_GROUP:
	case SHC_COMMAND_SUBSHELL:
		check_list(in, command->list);
		break;
	case SHC_COMMAND_IF:
		for (const struct shc_clause *c = command->if_.clauses; c; c = c->next)
			check_list(in, c->body);
		break;
	case SHC_COMMAND_WHILE:
	case SHC_COMMAND_UNTIL:
		check_list(in, command->loop.body);
		break;
	case SHC_COMMAND_FOR:
		check_list(in, command->for_.body);
		check_turns(in, command);
		break;
	case SHC_COMMAND_CASE:
		for (const struct shc_case_item *i = command->case_.items; i; i = i->next)
			check_list(in, i->body);
		break;
	default:
		break;
	}
}

void shc_check_tree(struct shc_interpreter *in)
{
	const struct shc_visitor visitor = {.context = in, .command = check_command};

	if (in->exhausted)
		return;
	check_list(in, in->script->list);
	shc_visit_list(&visitor, in->script->list);
}
