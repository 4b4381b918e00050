/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks on pipelines: stages that pass nothing on, stages that take nothing in, and statuses that get lost in them. */
#include <string.h>

#include "command.h"
#include "survey.h"

static bool is_any_of(struct shc_text name, const char *const *names)
{
	for (; *names; names++)
		if (shc_text_is(name, *names))
			return true;
	return false;
}

/* ---- Stages --------------------------------------------------------------------------------------------------- */

/* Is @letter among the options of @text, a word like "-ie", before one that takes the rest (@with_value)? */
static bool holds_option(struct shc_text text, char letter, const char *with_value)
{
	for (uint32_t i = 1; i < text.length; i++) {
		if (text.bytes[i] == letter)
			return true;
		if (strchr(with_value, text.bytes[i]))
			return false;
	}
	return false;
}

/* grep -q: says by its status what it has found, and prints nothing. */
static bool is_quiet(const struct shc_command *stage)
{
	static const char *const greps[] = {"grep", "egrep", "fgrep", "zgrep", NULL};
	static const char with_value[] = "efmABCdD";

	if (stage->kind != SHC_COMMAND_SIMPLE || !is_any_of(shc_command_name(stage), greps))
		return false;
	for (const struct shc_word *word = stage->simple.words->next; word; word = word->next) {
		struct shc_text text = word->literal;

		if (!word->constant || text.length < 2 || text.bytes[0] != '-')
			continue;
		if (shc_text_is(text, "--"))
			return false;
		if (text.bytes[1] == '-') {
			if (shc_text_is(text, "--quiet") || shc_text_is(text, "--silent"))
				return true;
			continue;
		}
		if (holds_option(text, 'q', with_value))
			return true;
		if (strchr(with_value, text.bytes[text.length - 1]) && word->next)
			word = word->next;
	}
	return false;
}

/* Its output goes to a file, and no other descriptor to the pipe. */
static bool is_diverted(const struct shc_command *stage)
{
	bool diverted = false;

	for (const struct shc_redirect *r = stage->redirects; r; r = r->next) {
		if (r->kind == SHC_REDIRECT_DUP_OUTPUT)
			return false;
		if (r->fd > 1 || r->fd == 0 || r->fd_name.length)
			continue;
		if (r->kind != SHC_REDIRECT_OUTPUT && r->kind != SHC_REDIRECT_APPEND &&
			r->kind != SHC_REDIRECT_CLOBBER && r->kind != SHC_REDIRECT_BOTH)
			continue;
		/* What >(...) prints goes to the pipe. */
		if (r->target->parts && r->target->parts->kind == SHC_PART_PROCESS)
			return false;
		diverted = true;
	}
	return diverted;
}

static bool takes_input_elsewhere(const struct shc_command *stage)
{
	for (const struct shc_redirect *r = stage->redirects; r; r = r->next)
		if ((r->fd < 0 || r->fd == 0) && !r->fd_name.length &&
			(r->kind == SHC_REDIRECT_HERE_DOCUMENT ||
				r->kind == SHC_REDIRECT_HERE_STRING ||
				(r->kind == SHC_REDIRECT_INPUT &&
					!shc_text_is(r->target->literal, "/dev/null"))))
			return true;
	return false;
}

static void note_substitution(void *context, const struct shc_part *part)
{
	(void)part;
	*(bool *)context = true;
}

/* A command that never looks at its input. What a substitution in its words runs may. */
static bool ignores_input(const struct shc_command *stage)
{
	static const char *const names[] = {"ls", "echo", "printf", "rm", "rmdir", "mkdir", "touch",
		"basename", "dirname", "kill", "cd", "chmod", "chown", NULL};
	bool substitutes = false;
	const struct shc_visitor visitor = {
		.context = &substitutes, .substitution = note_substitution};

	if (stage->kind != SHC_COMMAND_SIMPLE || !is_any_of(shc_command_name(stage), names))
		return false;
	for (const struct shc_word *word = stage->simple.words; word; word = word->next)
		if (word->constant && word->literal.length > 1 && word->literal.bytes[0] == '-' &&
			(holds_option(word->literal, 'i', "") ||
				holds_option(word->literal, 'I', "")))
			return false;
	shc_visit_command(&visitor, stage);
	return !substitutes;
}

void shc_check_stages(struct shc_interpreter *in, const struct shc_command *pipeline)
{
	for (const struct shc_command *c = pipeline->pipeline.commands; c; c = c->next) {
		const struct shc_command *stage = shc_command_within(c);

		if (c->next && c->next->joint == SHC_JOINT_PIPE &&
			(is_diverted(c) || (is_quiet(stage) && !stage->redirects))) {
			shc_finding_hint(in->findings,
				shc_report(in, 401, pipeline->range,
					"nothing comes through this pipe: %s before it %s",
					is_quiet(stage) ? "grep -q" : "the output",
					is_quiet(stage) ? "prints nothing" : "goes to a file"),
				is_quiet(stage) ? "leave -q out" : "use tee");
			return;
		}
		if (c->joint != SHC_JOINT_PIPE)
			continue;
		if (takes_input_elsewhere(c) || ignores_input(stage)) {
			shc_report(in, 402, pipeline->range,
				"what comes out of this pipe is not read by the command behind it");
			return;
		}
	}
}

/* ---- Statuses ------------------------------------------------------------------------------------------------- */

/* Commands at the end of a pipeline that succeed whatever came in. */
static const char *const passing[] = {"tee", "gzip", "pigz", "bzip2", "xz", "zstd", "lz4", "cat",
	"sort", "uniq", "sed", "tr", "cut", "head", "tail", "ts", "nl", "tac", "fold", "column",
	"pv", "dd", "base64", "split", "logger", "wc", "openssl", "gpg", NULL};

/* Commands whose failure is seldom asked for. */
static const char *const harmless[] = {"cat", "ls", "find", "grep", "egrep", "fgrep", "sed", "awk",
	"cut", "sort", "uniq", "tr", "head", "tail", "wc", "date", "ps", "df", "du", "id", "uname",
	"hostname", "env", "getent", "readlink", "basename", "dirname", "seq", "yes", "stat", "who",
	"mount", "locale", "lsmod", "dpkg-query", "dpkg", "which", "expr", "diff", "xargs", "tac",
	"nl", "lspci", "lsusb", "ip", "ifconfig", "netstat", "ss", "stty", "tput", "fold",
	"strings", "file", "od", "hexdump", "bc", "sleep", "zcat", "pgrep", NULL};

static bool may_fail(const struct shc_command *stage)
{
	struct shc_text name;

	stage = shc_command_within(stage);
	name = shc_command_name(stage);
	return stage->kind == SHC_COMMAND_SIMPLE && name.length && !shc_builtin_find(name) &&
	       !is_any_of(name, harmless);
}

/* The command that leaves the status of @command: the last one of a function, and of a group. */
static const struct shc_command *last_of(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_command *command)
{
	for (int depth = 0; depth < 4; depth++) {
		const struct shc_command *function;
		const struct shc_statement *s;
		struct shc_text name;
		uint32_t number;

		command = shc_command_within(command);
		name = shc_command_name(command);
		if (command->kind == SHC_COMMAND_GROUP) {
			for (s = command->list->first; s && s->next;)
				s = s->next;
			if (!s || s->background)
				return command;
			command = s->command;
			continue;
		}
		if (command->kind != SHC_COMMAND_SIMPLE || !name.length ||
			shc_name_number(in, name, &number))
			return command;
		function = shc_state_function(state, number);
		if (!function)
			return command;
		command = function->function.body;
	}
	return command;
}

/* The stage of the pipeline @command whose failure nobody sees, or NULL. */
static const struct shc_command *unseen_failure(const struct shc_command *command)
{
	const struct shc_command *failing = NULL, *stage;

	if (command->kind != SHC_COMMAND_PIPELINE || command->pipeline.count < 2)
		return NULL;
	for (stage = command->pipeline.commands; stage->next; stage = stage->next)
		if (!failing && may_fail(stage))
			failing = stage;
	stage = shc_command_within(stage);
	if (stage->kind != SHC_COMMAND_SIMPLE || !is_any_of(shc_command_name(stage), passing))
		return NULL;
	return failing;
}

void shc_check_pipe_status(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_command *command, struct shc_range range)
{
	const struct shc_command *failing = unseen_failure(last_of(in, state, command));
	struct shc_finding *finding;

	if (!failing || state->pipefail || state->doubtful & SHC_DOUBT_PIPEFAIL)
		return;
	finding = shc_report(in, 511, range,
		"this asks for the status of the last command of the pipeline only");
	if (!finding)
		return;
	shc_finding_hint(in->findings, finding,
		in->script->dialect == SHC_BASH ? "set -o pipefail, or look at PIPESTATUS"
						: "write to a file first, then filter that");
	shc_finding_relate(in->findings, finding, failing->range, "nobody sees that this fails");
}

static bool loses(const struct shc_command *command)
{
	static const char *const names[] = {
		"rm", "mv", "rmdir", "unlink", "shred", "dropdb", "rsync", NULL};

	command = shc_command_within(command);
	return command->kind == SHC_COMMAND_SIMPLE && is_any_of(shc_command_name(command), names);
}

void shc_check_pipe_errexit(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_command *before, const struct shc_statement *next)
{
	const struct shc_command *failing = unseen_failure(shc_command_within(before));
	struct shc_finding *finding;

	if (!failing || !state->errexit || in->suppressed || state->pipefail ||
		state->doubtful & SHC_DOUBT_PIPEFAIL)
		return;
	while (next && !loses(next->command))
		next = next->next;
	finding = next ? shc_report(in, 511, before->range,
				 "-e sees only the last command of this pipeline")
		       : NULL;
	if (!finding)
		return;
	shc_finding_hint(in->findings, finding,
		in->script->dialect == SHC_BASH ? "set -o pipefail"
						: "write to a file first, then filter that");
	shc_finding_relate(in->findings, finding, failing->range, "nobody sees that this fails");
	shc_finding_relate(in->findings, finding, next->command->range, "this runs all the same");
}

/* The only command of a substitution that is all of @part, or NULL. */
static const struct shc_command *substituted_by(const struct shc_part *part)
{
	if (part && part->kind == SHC_PART_DOUBLE)
		part = part->parts && !part->parts->next ? part->parts : NULL;
	if (!part || part->kind != SHC_PART_COMMAND || !part->command.list ||
		part->command.list->count != 1)
		return NULL;
	return part->command.list->first->command;
}

void shc_check_declared(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_command *command)
{
	const struct shc_command *within;

	if (!state->errexit || in->suppressed || command->kind != SHC_COMMAND_SIMPLE)
		return;
	for (const struct shc_word *w = command->simple.words; w; w = w->next) {
		within = w->assignment && w->assignment->value && w->assignment->value->parts &&
					 !w->assignment->value->parts->next
				 ? substituted_by(w->assignment->value->parts)
				 : NULL;
		if (!within || !may_fail(within))
			continue;
		shc_finding_hint(in->findings,
			shc_report(in, 506, command->range,
				"the declaration hides from -e that this fails"),
			"declare first, then assign: local x; x=$(command)");
		return;
	}
}

/* echo or printf, to the terminal. */
static bool is_message(const struct shc_command *command)
{
	struct shc_text name = shc_command_name(command);

	if (!shc_text_is(name, "echo") && !shc_text_is(name, "printf"))
		return false;
	for (const struct shc_redirect *r = command->redirects; r; r = r->next)
		if (r->kind != SHC_REDIRECT_DUP_OUTPUT)
			return false;
	return true;
}

void shc_check_messages(struct shc_interpreter *in, const struct shc_list *list)
{
	for (const struct shc_statement *s = list ? list->first : NULL;
		s && s->next && s->next->next; s = s->next) {
		const struct shc_command *message = shc_command_within(s->next->command);
		const struct shc_command *reader = shc_status_reader(s->next->next->command);
		struct shc_finding *finding;

		if (!reader || s->background || !is_message(message) || !may_fail(s->command) ||
			!(in->seen[reader->id] & SHC_SEEN))
			continue;
		finding = shc_report(in, 515, reader->range,
			"this is the status of the message before, which is always 0");
		shc_finding_relate(
			in->findings, finding, s->command->range, "the status of this is lost");
		shc_finding_hint(in->findings, finding, "keep it: rc=$? right behind the command");
	}
}

static void note_status_read(void *context, struct shc_text name)
{
	*(bool *)context |= shc_text_is(name, "?");
}

const struct shc_command *shc_status_reader(const struct shc_command *command)
{
	bool reads = false;
	const struct shc_visitor visitor = {.context = &reads, .read = note_status_read};

	for (;;) {
		command = shc_command_within(command);
		if (command->kind == SHC_COMMAND_AND_OR)
			command = command->and_or.commands;
		else if (command->kind == SHC_COMMAND_IF && command->if_.clauses->condition &&
			 command->if_.clauses->condition->first)
			command = command->if_.clauses->condition->first->command;
		else if (command->kind == SHC_COMMAND_PIPELINE && command->pipeline.count == 1)
			command = command->pipeline.commands;
		else
			break;
	}
	if (command->kind != SHC_COMMAND_SIMPLE && command->kind != SHC_COMMAND_TEST &&
		command->kind != SHC_COMMAND_ARITH)
		return NULL;
	shc_visit_command(&visitor, command);
	return reads ? command : NULL;
}
