/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checks on what the operands of one expanded command are: patterns that the shell does or does not expand, texts that
 * become commands, numbers that are compared as texts, and what sh does not have.
 */
#include <string.h>

#include "command.h"
#include "path.h"

static bool is_any_of(struct shc_text name, const char *const *names)
{
	for (; *names; names++)
		if (shc_text_is(name, *names))
			return true;
	return false;
}

static bool holds_any(struct shc_text text, const char *bytes)
{
	for (uint32_t i = 0; i < text.length; i++)
		if (strchr(bytes, text.bytes[i]))
			return true;
	return false;
}

/* ---- Patterns ------------------------------------------------------------------------------------------------- */

/* Known text, in quotes or out of a quoted variable, that reads as a pattern: "dir/" followed by a star. */
static bool is_quoted_pattern(const struct shc_field *field)
{
	const struct shc_part *part = field->word ? field->word->parts : NULL;
	bool star = false, more = false, quoted = false;

	for (; part; part = part->next) {
		if (part->kind == SHC_PART_ESCAPE)
			return false;
		quoted |= part->kind == SHC_PART_DOUBLE;
	}
	for (uint32_t i = 0; i < field->count; i++) {
		const struct shc_field_piece *piece = &field->pieces[i];

		if (piece->glob || piece->matches)
			return false;
		if (piece->piece.atom) {
			more = true;
			continue;
		}
		star |= memchr(piece->piece.text.bytes, '*', piece->piece.text.length) != NULL;
		more |= memchr(piece->piece.text.bytes, '/', piece->piece.text.length) != NULL ||
			memchr(piece->piece.text.bytes, '.', piece->piece.text.length) != NULL;
	}
	return quoted && star && more;
}

/* SH310: names of files with a star in them are rare. */
static void check_quoted_patterns(const struct shc_call *call)
{
	static const char *const names[] = {"rm", "cp", "mv", "ls", "cat", "chmod", "chown",
		"rmdir", "touch", "gzip", "wc", NULL};

	if (!is_any_of(call->name, names))
		return;
	for (uint32_t i = 1; i < call->fields.count; i++) {
		if (!is_quoted_pattern(&call->fields.items[i]))
			continue;
		shc_finding_hint(call->in->findings,
			shc_report(call->in, 310, call->command->range,
				"in quotes this is one name with a '*' in it, not a pattern"),
			"leave the part with the pattern outside the quotes");
		return;
	}
}

static bool has_pattern(const struct shc_field *field, const char *bytes)
{
	for (uint32_t i = 0; i < field->count; i++)
		if (field->pieces[i].glob && holds_any(field->pieces[i].piece.text, bytes))
			return true;
	return false;
}

/* SH311: the shell puts names of files in the place of what the command is to have. */
static void check_open_patterns(const struct shc_call *call, const struct shc_state *state)
{
	static const char *const options[] = {
		"-name", "-iname", "-path", "-ipath", "-wholename", "-regex", NULL};
	bool find = shc_text_is(call->name, "find"), tr = shc_text_is(call->name, "tr");
	struct shc_text text;

	if ((!find && !tr) || state->noglob)
		return;
	for (uint32_t i = 1; i < call->fields.count; i++) {
		if (find ? !shc_term_known(call->values[i - 1], &text) || !is_any_of(text, options)
			 : false)
			continue;
		if (!has_pattern(&call->fields.items[i], tr ? "[" : "*?["))
			continue;
		shc_finding_hint(call->in->findings,
			shc_report(call->in, 311, call->command->range,
				"where files match, the shell gives their names to '%.*s' in place "
				"of the pattern",
				(int)call->name.length, call->name.bytes),
			"put the pattern in quotes");
		return;
	}
}

/* ---- Texts that become commands ------------------------------------------------------------------------------- */

/* SH701: a name of a file is read as commands. */
static void check_texts(const struct shc_call *call)
{
	static const char *const names[] = {"sh", "bash", "dash", "/bin/sh", "/bin/bash", NULL};
	uint32_t at;

	if (!is_any_of(call->name, names) || !shc_call_option(call, 'c', NULL))
		return;
	at = shc_call_operand(call);
	if (at >= call->fields.count)
		return;
	for (uint32_t i = 0; i < call->fields.items[at].count; i++) {
		const struct shc_piece *piece = &call->fields.items[at].pieces[i].piece;

		if (piece->atom ? piece->atom->origin != SHC_ORIGIN_FILE_NAME
				: !memmem(piece->text.bytes, piece->text.length, "{}", 2))
			continue;
		shc_finding_hint(call->in->findings,
			shc_report(call->in, 701, call->command->range,
				"a name of a file becomes part of the text that a shell runs"),
			"give it as an argument: sh -c '... \"$1\"' sh \"$name\"");
		return;
	}
}

/* ---- Tests ---------------------------------------------------------------------------------------------------- */

static bool is_number(const struct shc_term *term)
{
	struct shc_text text;

	if (!shc_term_known(term, &text) || !text.length)
		return false;
	for (uint32_t i = 0; i < text.length; i++)
		if (text.bytes[i] < '0' || text.bytes[i] > '9')
			return false;
	return true;
}

void shc_check_order(struct shc_interpreter *in, struct shc_range range,
	const struct shc_term *left, struct shc_text op, const struct shc_term *right)
{
	if ((!shc_text_is(op, "<") && !shc_text_is(op, ">")) || is_number(left) == is_number(right))
		return;
	shc_finding_hint(in->findings,
		shc_report(in, 514, range,
			"this compares texts: 9 comes behind 10, and 100 before 20"),
		shc_text_is(op, "<") ? "write -lt" : "write -gt");
}

/* SH513: [ $n > 10 ] writes to a file called 10. */
static void check_redirected_test(const struct shc_call *call)
{
	if (!shc_text_is(call->name, "[") && !shc_text_is(call->name, "test"))
		return;
	for (const struct shc_redirect *r = call->command->redirects; r; r = r->next) {
		bool output = r->kind == SHC_REDIRECT_OUTPUT || r->kind == SHC_REDIRECT_APPEND;

		if (!output && r->kind != SHC_REDIRECT_INPUT)
			continue;
		if (r->fd > 1 || (r->target->constant && holds_any(r->target->literal, "/")))
			continue;
		shc_finding_hint(call->in->findings,
			shc_report(call->in, 513, call->command->range,
				"here '%c' is a redirection, and the rest of the test stands alone",
				output ? '>' : '<'),
			output ? "write -gt" : "write -lt");
		return;
	}
}

/* ---- What sh does not have ------------------------------------------------------------------------------------ */

static bool asks_for_bash(struct shc_interpreter *in)
{
	static const char *const names[] = {"BASH_VERSION", "BASH", "BASH_VERSINFO"};
	uint32_t number;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!shc_name_number(in,
			    (struct shc_text){
				    .bytes = names[i], .length = (uint32_t)strlen(names[i])},
			    &number) &&
			in->names[number].is_variable)
			return true;
	return false;
}

/* An option, or another operand, that only bash takes; NULL for none. */
static const char *bash_operand(const struct shc_call *call)
{
	static const struct {
		const char *name, *operand;
	} known[] = {{"echo", "-e"}, {"echo", "-ne"}, {"echo", "-en"}, {"read", "-a"},
		{"read", "-s"}, {"read", "-n"}, {"read", "-d"}, {"read", "-t"}, {"read", "-ra"},
		{"read", "-rs"}, {"read", "-rsp"}, {"read", "-sp"}, {"export", "-f"},
		{"wait", "-n"}, {"printf", "-v"}, {"trap", "ERR"}, {"trap", "DEBUG"},
		{"trap", "RETURN"}};
	struct shc_text text;

	for (uint32_t i = 1; i < call->fields.count && i < 8; i++) {
		if (!shc_term_known(call->values[i], &text))
			continue;
		for (size_t j = 0; j < sizeof(known) / sizeof(*known); j++)
			if (shc_text_is(call->name, known[j].name) &&
				shc_text_is(text, known[j].operand) &&
				(i == 1 || shc_text_is(call->name, "trap")))
				return known[j].operand;
		if (!text.length || text.bytes[0] != '-')
			if (!shc_text_is(call->name, "trap"))
				break;
	}
	return NULL;
}

/* SH602: dash takes it for the name of a program, or for text. */
static void check_of_bash(const struct shc_call *call)
{
	static const char *const builtins[] = {"source", "declare", "typeset", "let", "pushd",
		"popd", "dirs", "shopt", "mapfile", "readarray", "disown", "caller", NULL};
	struct shc_interpreter *in = call->in;
	const char *operand;

	if (in->script->dialect == SHC_BASH)
		return;
	operand = bash_operand(call);
	if (!operand && !is_any_of(call->name, builtins))
		return;
	/* Where its failure is foreseen, or bash is asked for, this is meant so. */
	for (const struct shc_redirect *r = call->command->redirects; r; r = r->next)
		if (r->fd == 2 || r->kind == SHC_REDIRECT_BOTH)
			return;
	if (asks_for_bash(in))
		return;
	if (operand)
		shc_report(in, 602, call->command->range, "'%.*s' of sh does not have '%s'",
			(int)call->name.length, call->name.bytes, operand);
	else
		shc_report(in, 602, call->command->range, "sh does not have '%.*s', only bash",
			(int)call->name.length, call->name.bytes);
}

void shc_check_operands(const struct shc_call *call, const struct shc_state *state)
{
	struct shc_text op;

	check_quoted_patterns(call);
	check_open_patterns(call, state);
	check_texts(call);
	check_redirected_test(call);
	check_of_bash(call);
	if ((shc_text_is(call->name, "[") || shc_text_is(call->name, "test")) &&
		call->fields.count >= 4 && shc_term_known(call->values[2], &op))
		shc_check_order(
			call->in, call->command->range, call->values[1], op, call->values[3]);
}
