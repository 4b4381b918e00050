/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a loop does to commands in it, read off the tree after the analysis. */
#include <string.h>

#include "command.h"
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
