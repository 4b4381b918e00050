/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a loop does to commands in it, read off the tree after the analysis. */
#include <string.h>

#include "command.h"
#include "path.h"
#include "survey.h"

enum { NAMES_MAX = 64 };

/* A command in a loop, and what the loop changes from turn to turn. */
struct turning {
	struct shc_interpreter *in;
	struct shc_range range;          /* of the command */
	const struct shc_command *loop;  /* the innermost around it, or NULL */
	const struct shc_command *whole; /* the pipeline around it within that loop, or itself */
	struct shc_text names[NAMES_MAX];
	uint32_t count;
	bool varies;
};

static bool is_loop(const struct shc_command *command)
{
	switch (command->kind) {
	case SHC_COMMAND_FOR:
	case SHC_COMMAND_FOR_ARITH:
	case SHC_COMMAND_SELECT:
	case SHC_COMMAND_WHILE:
	case SHC_COMMAND_UNTIL:
		return true;
	default:
		return false;
	}
}

static void place(void *context, const struct shc_command *command)
{
	struct turning *turning = context;

	if (command->range.start > turning->range.start || command->range.end < turning->range.end)
		return;
	if (command->range.start == turning->range.start &&
		command->range.end == turning->range.end) {
		if (!turning->whole)
			turning->whole = command;
	} else if (is_loop(command)) {
		turning->loop = command;
		turning->whole = NULL;
	} else if (command->kind == SHC_COMMAND_PIPELINE && !turning->whole) {
		turning->whole = command;
	}
}

static void note_changed(void *context, struct shc_text name)
{
	struct turning *turning = context;

	if (turning->count == NAMES_MAX)
		turning->varies = true;
	else
		turning->names[turning->count++] = name;
}

static void note_read(void *context, struct shc_text name)
{
	struct turning *turning = context;

	for (uint32_t i = 0; i < turning->count; i++)
		turning->varies |= turning->names[i].length == name.length &&
				   !memcmp(turning->names[i].bytes, name.bytes, name.length);
}

/* `shift` in the loop changes what $1 and $@ are. */
static void note_argument(void *context, const struct shc_parameter *parameter)
{
	struct turning *turning = context;

	turning->varies |= parameter->kind == SHC_PARAMETER_POSITIONAL && parameter->number != 0;
}

/* cat and the like without operands print what the loop reads. */
static bool passes_input(const struct shc_command *command)
{
	static const char *const reading[] = {"cat", "head", "tail", "sort", "tr", "dd", "tee"};
	struct shc_text name;

	if (command->kind == SHC_COMMAND_PIPELINE)
		command = command->pipeline.commands;
	name = shc_command_name(command);
	for (size_t i = 0; i < sizeof(reading) / sizeof(*reading); i++)
		if (shc_text_is(name, reading[i]) && !command->simple.words->next)
			return true;
	return false;
}

/* A function may read anything. */
static void note_call(void *context, const struct shc_command *command)
{
	struct turning *turning = context;
	struct shc_text name = shc_command_name(command);
	uint32_t number;

	if (command->kind != SHC_COMMAND_SIMPLE || !command->simple.words)
		return;
	turning->varies |= !name.length || shc_name_number(turning->in, name, &number) ||
			   turning->in->names[number].defined_anywhere;
}

bool shc_varies_in_loop(struct shc_interpreter *in, struct shc_range range)
{
	struct turning turning = {.in = in, .range = range};
	const struct shc_visitor find = {.context = &turning, .command = place};
	const struct shc_visitor change = {.context = &turning, .assigned = note_changed};
	const struct shc_visitor read = {.context = &turning,
		.command = note_call,
		.read = note_read,
		.parameter = note_argument};

	shc_visit_list(&find, in->script->list);
	if (!turning.loop || !turning.whole)
		return true;
	shc_visit_command(&change, turning.loop);
	shc_visit_command(&read, turning.whole);
	return turning.varies || passes_input(turning.whole);
}

/* ---- Every turn ------------------------------------------------------------------------------------------------ */

struct searched {
	const struct shc_command *command;
	bool found;
};

static bool stands_in(const struct shc_list *body, const struct shc_command *command)
{
	for (const struct shc_statement *s = body ? body->first : NULL; s; s = s->next)
		if (shc_command_within(s->command) == command)
			return true;
	return false;
}

static const struct shc_list *body_of(const struct shc_command *loop)
{
	switch (loop->kind) {
	case SHC_COMMAND_FOR:
	case SHC_COMMAND_SELECT:
		return loop->for_.body;
	case SHC_COMMAND_FOR_ARITH:
		return loop->for_arith.body;
	default:
		return loop->loop.body;
	}
}

static void look_at_body(void *context, const struct shc_command *command)
{
	struct searched *searched = context;

	if (command->kind == SHC_COMMAND_FOR)
		searched->found |= stands_in(command->for_.body, searched->command);
}

bool shc_runs_each_turn(struct shc_interpreter *in, const struct shc_command *command)
{
	struct searched searched = {.command = command};
	const struct shc_visitor visitor = {.context = &searched, .command = look_at_body};

	shc_visit_list(&visitor, in->script->list);
	return searched.found;
}

/* ---- One name for many files ------------------------------------------------------------------------------------ */

/* The loop around a command, and what can make another name of its last operand. */
struct collision {
	struct turning turning;
	const struct shc_word *word;
	bool leaves, read_elsewhere;
};

static void note_substitution(void *context, const struct shc_part *part)
{
	(void)part;
	((struct turning *)context)->varies = true;
}

/* Is @word another text from turn to turn, surely so or (@perhaps) by what is not known? */
static bool word_varies(struct turning *turning, const struct shc_word *word, bool perhaps)
{
	const struct shc_visitor visitor = {.context = turning,
		.read = note_read,
		.parameter = perhaps ? note_argument : NULL,
		.substitution = perhaps ? note_substitution : NULL};

	turning->varies = false;
	shc_visit_word(&visitor, word);
	return turning->varies;
}

static bool same_source(
	const struct shc_interpreter *in, const struct shc_word *a, const struct shc_word *b)
{
	const char *bytes = in->script->source->bytes;
	uint32_t length = a->range.end - a->range.start;

	return b->range.end - b->range.start == length &&
	       !memcmp(bytes + a->range.start, bytes + b->range.start, length);
}

/* Does @command leave the loop, or take up what was moved there? */
static void look_at_use(void *context, const struct shc_command *command)
{
	static const char *const leaving[] = {"break", "return", "exit", "exec"};
	struct collision *collision = context;
	struct shc_text name = shc_command_name(command);

	for (size_t i = 0; i < sizeof(leaving) / sizeof(*leaving); i++)
		collision->leaves |= shc_text_is(name, leaving[i]);
	for (const struct shc_redirect *r = command->redirects; r; r = r->next)
		collision->read_elsewhere |=
			r->target && same_source(collision->turning.in, collision->word, r->target);
	if (command->kind != SHC_COMMAND_SIMPLE)
		return;
	for (const struct shc_word *w = command->simple.words; w; w = w->next)
		collision->read_elsewhere |= w != collision->word &&
					     same_source(collision->turning.in, collision->word, w);
}

/* A name with an ending, which is no folder's: "all.log", not "conf.d". */
static bool names_file(const struct shc_term *term)
{
	static const char *const endings[] = {".d", ".dir", ".old", ".bak", ".orig"};
	struct shc_text text;
	uint32_t at;

	if (!term->count || term->pieces[term->count - 1].atom)
		return false;
	text = term->pieces[term->count - 1].text;
	for (at = text.length; at > 0 && text.bytes[at - 1] != '.'; at--)
		if (text.bytes[at - 1] == '/')
			return false;
	if (at < 2 || at == text.length || text.bytes[at - 2] == '/' || text.bytes[at - 2] == '.')
		return false;
	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++)
		if (strlen(endings[i]) == text.length - at + 1 &&
			!memcmp(text.bytes + at - 1, endings[i], strlen(endings[i])))
			return false;
	/* A version is no ending. */
	return text.bytes[at] < '0' || text.bytes[at] > '9';
}

/* mv or cp of two operands, with options that keep nothing. */
static bool moves_one(const struct shc_call *call)
{
	uint32_t at = shc_call_operand(call);

	if (!shc_text_is(call->name, "mv") && !shc_text_is(call->name, "cp"))
		return false;
	for (uint32_t i = 1; i < at; i++) {
		struct shc_text text;

		if (!shc_term_known(call->values[i], &text) ||
			(text.length > 2 && text.bytes[1] == '-'))
			return false;
		for (uint32_t j = 0; j < text.length; j++)
			if (strchr("bntuSi", text.bytes[j]))
				return false;
	}
	return call->fields.count == at + 2 && shc_field_is_one(&call->fields.items[at]) &&
	       shc_field_is_one(&call->fields.items[at + 1]);
}

void shc_check_collision(const struct shc_call *call, const struct shc_state *state)
{
	struct shc_interpreter *in = call->in;
	uint32_t last = call->fields.count - 1;
	struct collision collision = {.turning = {.in = in, .range = call->command->range}};
	struct turning *turning = &collision.turning;
	const struct shc_visitor find = {.context = turning, .command = place};
	const struct shc_visitor change = {.context = turning, .assigned = note_changed};
	const struct shc_visitor use = {.context = &collision, .command = look_at_use};
	const struct shc_fact *fact;
	const struct shc_term *path;

	if (!in->loops || in->inclusion_depth || !moves_one(call) ||
		!names_file(call->values[last]) || !call->fields.items[last].word)
		return;
	path = shc_path_normal(in, state, call->values[last]);
	fact = path ? shc_path_fact(in, state, path) : NULL;
	if (fact && fact->kind == SHC_FILE_DIRECTORY && fact->path == path)
		return;
	collision.word = call->fields.items[last].word;
	shc_visit_list(&find, in->script->list);
	if (!turning->loop || turning->loop->kind == SHC_COMMAND_SELECT)
		return;
	shc_visit_command(&change, turning->loop);
	if (word_varies(turning, collision.word, true) ||
		!word_varies(turning, call->fields.items[last - 1].word, false))
		return;
	/* One of several that is there may be meant, and the last of these. */
	if (shc_text_is(call->name, "cp") && !stands_in(body_of(turning->loop), call->command))
		return;
	shc_visit_command(&use, turning->loop);
	if (collision.leaves || collision.read_elsewhere)
		return;
	shc_finding_hint(in->findings,
		shc_report(in, 116, call->command->range,
			"every turn puts its file in the place of the one before: only the last "
			"is left"),
		"make a name of each, e.g. with ${file##*/}");
}
