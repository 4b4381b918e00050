/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checks on the tree, after the analysis: what a stage of a pipeline assigns is gone when it ends, commands in a loop
 * read its input, and names of files fall apart between find and xargs.
 */
#include <string.h>

#include "command.h"
#include "survey.h"

enum { NAMES_MAX = 32 };

/* A variable that a loop at the end of a pipeline changes. */
struct collected {
	struct shc_text name;
	struct shc_range pipeline, change;
	bool flag;                   /* set to a fixed text, not added to */
	uint32_t assigned, constant; /* by the shell itself */
	struct shc_text value;       /* the text that it is always given there */
	bool differs;
	uint32_t assigned_from; /* where the last assignment stands that comes before the reader */
	const struct shc_command *reader;
};

struct collection {
	struct shc_interpreter *in;
	struct collected names[NAMES_MAX];
	uint32_t count;
	bool lastpipe;
	struct shc_range pipeline; /* while its stages are looked at */
	struct collected *asked;   /* while one command is looked at */
	bool reads;
};

static bool same_text(struct shc_text a, struct shc_text b)
{
	return a.length == b.length && !memcmp(a.bytes, b.bytes, a.length);
}

static void collect(struct collection *all, struct shc_text name, struct shc_range range, bool flag)
{
	for (uint32_t i = 0; i < all->count; i++)
		if (same_text(all->names[i].name, name))
			return;
	if (all->count < NAMES_MAX)
		all->names[all->count++] = (struct collected){
			.name = name, .pipeline = all->pipeline, .change = range, .flag = flag};
}

struct reading {
	struct shc_text name;
	bool found;
};

static void note_reading(void *context, struct shc_text name)
{
	struct reading *reading = context;

	reading->found |= same_text(reading->name, name);
}

/* x="$x y", x=$((x + 1)), x+=y */
static bool is_added_to(const struct shc_command *command, const struct shc_assignment *a)
{
	struct reading reading = {.name = a->name};
	const struct shc_visitor visitor = {.context = &reading, .read = note_reading};

	if (a->append)
		return true;
	shc_visit_command(&visitor, command);
	return reading.found;
}

static void collect_arithmetic(struct collection *all, const struct shc_command *command)
{
	const struct shc_arith *tree = command->arith.arith;

	if (tree &&
		(tree->kind == SHC_ARITH_PREFIX || tree->kind == SHC_ARITH_POSTFIX ||
			(tree->kind == SHC_ARITH_ASSIGN && tree->op != SHC_ARITH_OP_NONE)) &&
		tree->left->kind == SHC_ARITH_VARIABLE)
		collect(all, tree->left->text, command->range, false);
}

static void look_at_change(void *context, const struct shc_command *command)
{
	struct collection *all = context;
	const struct shc_assignment *a;

	if (command->kind == SHC_COMMAND_ARITH)
		collect_arithmetic(all, command);
	if (command->kind != SHC_COMMAND_SIMPLE || command->simple.words)
		return;
	for (a = command->simple.assignments; a; a = a->next) {
		if (a->is_array || a->subscript.kind != SHC_SUBSCRIPT_NONE)
			continue;
		if (is_added_to(command, a))
			collect(all, a->name, command->range, false);
		else if (a->value->constant && a->value->literal.length)
			collect(all, a->name, command->range, true);
	}
}

static void look_at_loop(void *context, const struct shc_command *command)
{
	const struct shc_visitor visitor = {
		.context = context, .command = look_at_change, .no_subshells = true};

	if (command->kind == SHC_COMMAND_WHILE || command->kind == SHC_COMMAND_UNTIL)
		shc_visit_list(&visitor, command->loop.body);
}

struct definition {
	struct shc_text name;
	const struct shc_command *body;
};

static void note_definition(void *context, const struct shc_command *command)
{
	struct definition *definition = context;

	if (command->kind == SHC_COMMAND_FUNCTION &&
		same_text(command->function.name, definition->name))
		definition->body = command->function.body;
}

/* What a stage runs: the body of the function that it calls, or itself. */
static const struct shc_command *run_by(
	const struct shc_interpreter *in, const struct shc_command *stage)
{
	struct definition definition = {.name = shc_command_name(stage)};
	const struct shc_visitor visitor = {.context = &definition, .command = note_definition};

	if (definition.name.length)
		shc_visit_list(&visitor, in->script->list);
	return definition.body ? definition.body : stage;
}

static void look_at_pipeline(void *context, const struct shc_command *command)
{
	struct collection *all = context;
	const struct shc_visitor visitor = {
		.context = context, .command = look_at_loop, .no_subshells = true};
	const struct shc_command *last;

	if (command->kind == SHC_COMMAND_SIMPLE && shc_text_is(shc_command_name(command), "shopt"))
		for (const struct shc_word *w = command->simple.words; w; w = w->next)
			all->lastpipe |= shc_text_is(w->literal, "lastpipe");
	if (command->kind != SHC_COMMAND_PIPELINE || command->pipeline.count < 2)
		return;
	for (last = command->pipeline.commands; last->next;)
		last = last->next;
	all->pipeline = command->range;
	shc_visit_command(&visitor, run_by(all->in, last));
}

struct calls {
	struct shc_text name;
	bool found;
};

static void note_call(void *context, const struct shc_command *command)
{
	struct calls *calls = context;

	calls->found |= same_text(shc_command_name(command), calls->name);
}

/* Is @command a function that only subshells call? What it assigns is none of the shell's business. */
static bool is_for_subshells(void *context, const struct shc_command *command)
{
	const struct collection *all = context;
	struct calls calls;
	const struct shc_visitor visitor = {
		.context = &calls, .command = note_call, .no_subshells = true};

	if (command->kind != SHC_COMMAND_FUNCTION)
		return false;
	calls = (struct calls){.name = command->function.name};
	shc_visit_list(&visitor, all->in->script->list);
	return !calls.found;
}

/* ---- Assignments and readers in the shell itself -------------------------------------------------------------- */

static void note_assigned(void *context, struct shc_text name)
{
	struct collection *all = context;

	for (uint32_t i = 0; i < all->count; i++)
		all->names[i].assigned += same_text(all->names[i].name, name);
}

static void note_constant(struct collection *all, const struct shc_assignment *a)
{
	for (uint32_t i = 0; i < all->count; i++) {
		struct collected *name = &all->names[i];

		if (!same_text(name->name, a->name) || a->append || a->is_array || !a->value ||
			(a->value->parts && !a->value->constant))
			continue;
		name->differs |= name->constant && !same_text(name->value, a->value->literal);
		name->value = a->value->literal;
		name->constant++;
		if (!name->reader)
			name->assigned_from = a->range.start;
	}
}

static void note_reads(void *context, struct shc_text name)
{
	struct collection *all = context;

	all->reads |= same_text(all->asked->name, name);
}

static void look_at_reader(struct collection *all, const struct shc_command *command)
{
	const struct shc_visitor visitor = {.context = all, .read = note_reads};

	for (uint32_t i = 0; i < all->count; i++) {
		struct collected *name = &all->names[i];

		if (name->reader || command->range.start < name->pipeline.end)
			continue;
		all->asked = name;
		all->reads = false;
		shc_visit_command(&visitor, command);
		if (all->reads)
			name->reader = command;
	}
}

static void look_at_command(void *context, const struct shc_command *command)
{
	struct collection *all = context;

	if (command->kind == SHC_COMMAND_TEST || command->kind == SHC_COMMAND_ARITH)
		look_at_reader(all, command);
	if (command->kind != SHC_COMMAND_SIMPLE)
		return;
	look_at_reader(all, command);
	for (const struct shc_assignment *a = command->simple.assignments; a; a = a->next)
		note_constant(all, a);
	for (const struct shc_word *w = command->simple.words; w; w = w->next)
		if (w->assignment)
			note_constant(all, w->assignment);
}

static bool is_test(const struct shc_command *command)
{
	struct shc_text name = shc_command_name(command);

	return command->kind != SHC_COMMAND_SIMPLE || shc_text_is(name, "[") ||
	       shc_text_is(name, "test");
}

/* The variable has one fixed text wherever the shell itself gives it one, and is read behind the pipeline. */
static void report_collected(struct shc_interpreter *in, const struct collected *name)
{
	bool test = name->reader && is_test(name->reader);
	struct shc_finding *finding;

	if (!name->reader || !name->constant || name->assigned != name->constant || name->differs ||
		(name->flag && (!test || same_text(name->value, (struct shc_text){0}))) ||
		name->assigned_from > name->pipeline.start ||
		!(in->seen[name->reader->id] & SHC_SEEN))
		return;
	if (test)
		finding = shc_report(in, 512, name->reader->range,
			"'%.*s' has the same value here always: the loop runs in a subshell",
			(int)name->name.length, name->name.bytes);
	else
		finding = shc_report(in, 304, name->reader->range,
			"'%.*s' is not changed here: the loop runs in a subshell",
			(int)name->name.length, name->name.bytes);
	if (!finding)
		return;
	shc_finding_hint(in->findings, finding, "feed the loop from a file: done < file");
	shc_finding_relate(in->findings, finding, name->change, "this is lost");
}

static void check_collected(struct shc_interpreter *in)
{
	struct collection all = {.in = in};
	const struct shc_visitor changes = {.context = &all, .command = look_at_pipeline};
	const struct shc_visitor readers = {.context = &all,
		.command = look_at_command,
		.assigned = note_assigned,
		.skips = is_for_subshells,
		.no_subshells = true};

	shc_visit_list(&changes, in->script->list);
	if (!all.count || all.lastpipe)
		return;
	shc_visit_list(&readers, in->script->list);
	for (uint32_t i = 0; i < all.count; i++)
		report_collected(in, &all.names[i]);
}

/* ---- Commands that read the input of a loop ------------------------------------------------------------------- */

struct greedy {
	struct shc_interpreter *in;
	uint32_t shielded; /* what begins before this has an input of its own */
};

static bool has_own_input(const struct shc_command *command)
{
	if (command->joint == SHC_JOINT_PIPE || command->joint == SHC_JOINT_PIPE_BOTH)
		return true;
	for (const struct shc_redirect *r = command->redirects; r; r = r->next)
		if ((r->fd < 0 || r->fd == 0) &&
			(r->kind == SHC_REDIRECT_INPUT || r->kind == SHC_REDIRECT_DUP_INPUT ||
				r->kind == SHC_REDIRECT_HERE_DOCUMENT ||
				r->kind == SHC_REDIRECT_HERE_STRING))
			return true;
	return false;
}

/* ssh without -n, -f and the like; ffmpeg without -nostdin. */
static bool is_greedy(const struct shc_command *command)
{
	struct shc_text name = shc_command_name(command);
	bool ssh = shc_text_is(name, "ssh");

	if (!ssh && !shc_text_is(name, "ffmpeg"))
		return false;
	for (const struct shc_word *w = command->simple.words->next; w; w = w->next) {
		struct shc_text text = w->literal;

		/* An option in a variable may be any. */
		if (!w->quoted && !w->constant)
			return false;
		if (!w->constant || text.length < 2 || text.bytes[0] != '-')
			continue;
		if (ssh && (memchr(text.bytes, 'n', text.length) ||
				   memchr(text.bytes, 'f', text.length)))
			return false;
		if (!ssh && shc_text_is(text, "-nostdin"))
			return false;
	}
	return true;
}

static void look_at_greedy(void *context, const struct shc_command *command)
{
	struct greedy *greedy = context;

	if (has_own_input(command) && command->range.end > greedy->shielded)
		greedy->shielded = command->range.end;
	if (command->kind != SHC_COMMAND_SIMPLE || command->range.start < greedy->shielded ||
		!command->simple.words || !is_greedy(command))
		return;
	shc_finding_hint(greedy->in->findings,
		shc_report(greedy->in, 308, command->range,
			"this reads the lines that the loop is to read next"),
		"give it an input of its own: < /dev/null");
}

static bool reads_lines(const struct shc_command *loop)
{
	const struct shc_statement *s = loop->loop.condition->first;
	const struct shc_command *command = s ? shc_command_within(s->command) : NULL;

	if (!command || s->next || command->kind != SHC_COMMAND_SIMPLE || command->redirects ||
		!shc_text_is(shc_command_name(command), "read"))
		return false;
	for (const struct shc_word *w = command->simple.words; w; w = w->next)
		if (w->constant && w->literal.length > 1 && w->literal.bytes[0] == '-' &&
			memchr(w->literal.bytes, 'u', w->literal.length))
			return false;
	return true;
}

/* ---- find and xargs ------------------------------------------------------------------------------------------- */

static bool has_word(const struct shc_command *command, const char *const *words)
{
	for (const struct shc_word *w = command->simple.words; w; w = w->next)
		for (const char *const *word = words; *word; word++)
			if (shc_text_is(w->literal, *word))
				return true;
	return false;
}

static bool holds_any(struct shc_text text, const char *letters)
{
	for (uint32_t i = 1; i < text.length; i++)
		if (strchr(letters, text.bytes[i]))
			return true;
	return false;
}

/* xargs that splits at blanks and then deletes. */
static bool splits_and_deletes(const struct shc_command *command)
{
	static const char *const deleting[] = {"rm", "rmdir", "unlink", "mv", NULL};
	static const char with_value[] = "nPLs";
	const struct shc_word *w = command->simple.words->next;

	for (; w && w->constant && w->literal.length > 1 && w->literal.bytes[0] == '-';
		w = w->next) {
		struct shc_text text = w->literal;

		if (text.bytes[1] == '-' ? !shc_text_is(text, "--no-run-if-empty")
					 : holds_any(text, "0dI"))
			return false;
		if (text.length == 2 && strchr(with_value, text.bytes[1]) && w->next)
			w = w->next;
	}
	for (const char *const *name = deleting; w && *name; name++)
		if (shc_text_is(w->literal, *name))
			return true;
	return false;
}

/* Where only packages put files their names hold no blanks. */
static bool finds_packaged(const struct shc_command *command)
{
	static const char *const folders[] = {
		"/usr/lib", "/usr/share", "/usr/include", "/lib", "/etc/"};
	const struct shc_word *word = command->simple.words->next;

	for (size_t i = 0; word && i < sizeof(folders) / sizeof(*folders); i++)
		if (word->constant && word->literal.length >= strlen(folders[i]) &&
			!memcmp(word->literal.bytes, folders[i], strlen(folders[i])))
			return true;
	return false;
}

static void check_names(struct shc_interpreter *in, const struct shc_command *pipeline)
{
	static const char *const other[] = {
		"-print0", "-printf", "-fprint0", "-ls", "-empty", NULL};

	for (const struct shc_command *c = pipeline->pipeline.commands; c && c->next; c = c->next) {
		if (c->kind != SHC_COMMAND_SIMPLE || c->next->kind != SHC_COMMAND_SIMPLE ||
			!shc_text_is(shc_command_name(c), "find") || has_word(c, other) ||
			finds_packaged(c) || !shc_text_is(shc_command_name(c->next), "xargs") ||
			!splits_and_deletes(c->next))
			continue;
		shc_finding_hint(in->findings,
			shc_report(in, 309, c->next->range,
				"xargs splits names at blanks and quotes, and then deletes others"),
			"find ... -print0 | xargs -0, or find ... -exec rm {} +");
	}
}

static void look_at_tree(void *context, const struct shc_command *command)
{
	struct greedy greedy = {.in = context};
	const struct shc_visitor visitor = {.context = &greedy, .command = look_at_greedy};

	if (!(greedy.in->seen[command->id] & SHC_SEEN))
		return;
	if (command->kind == SHC_COMMAND_WHILE && reads_lines(command))
		shc_visit_list(&visitor, command->loop.body);
	if (command->kind == SHC_COMMAND_PIPELINE) {
		check_names(greedy.in, command);
		shc_check_stages(greedy.in, command);
	}
}

void shc_check_subshells(struct shc_interpreter *in)
{
	const struct shc_visitor visitor = {.context = in, .command = look_at_tree};

	if (in->exhausted)
		return;
	check_collected(in);
	shc_visit_list(&visitor, in->script->list);
}

/* ---- break ---------------------------------------------------------------------------------------------------- */

struct breaking {
	uint32_t loops, levels;
};

static void note_break(void *context, const struct shc_command *command)
{
	struct breaking *breaking = context;
	const struct shc_word *number;
	uint32_t levels = 1;

	switch (command->kind) {
	case SHC_COMMAND_WHILE:
	case SHC_COMMAND_UNTIL:
	case SHC_COMMAND_FOR:
	case SHC_COMMAND_FOR_ARITH:
	case SHC_COMMAND_SELECT:
		breaking->loops++;
		return;
	case SHC_COMMAND_SIMPLE:
		break;
	default:
		return;
	}
	if (!shc_text_is(shc_command_name(command), "break"))
		return;
	number = command->simple.words->next;
	if (number && number->constant && number->literal.length == 1 &&
		number->literal.bytes[0] > '0' && number->literal.bytes[0] <= '9')
		levels = (uint32_t)(number->literal.bytes[0] - '0');
	if (levels > breaking->levels)
		breaking->levels = levels;
}

static void look_at_subshell(void *context, const struct shc_command *command)
{
	struct breaking breaking = {0};
	const struct shc_visitor visitor = {.context = &breaking, .command = note_break};

	if (command->kind == SHC_COMMAND_SUBSHELL)
		shc_visit_list(&visitor, command->list);
	else if (command->kind == SHC_COMMAND_PIPELINE && command->pipeline.count > 1)
		for (const struct shc_command *c = command->pipeline.commands; c; c = c->next)
			shc_visit_command(&visitor, c);
	if (breaking.levels > breaking.loops)
		*(bool *)context = true;
}

bool shc_breaks_in_subshell(const struct shc_command *loop)
{
	bool found = false;
	const struct shc_visitor visitor = {.context = &found, .command = look_at_subshell};

	shc_visit_list(&visitor, loop->loop.body);
	return found;
}
