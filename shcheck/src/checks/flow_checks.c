/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks on names that are no commands, on statuses that are lost, and on variables that nothing assigns. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/suggest.h>

#include "command.h"
#include "parameter.h"
#include "path.h"
#include "survey.h"

/* ---- Commands that are none ---------------------------------------------------------------------------------- */

static bool is_name(struct shc_text text)
{
	for (uint32_t i = 0; i < text.length; i++) {
		char c = text.bytes[i];

		if (!(c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (i && c >= '0' && c <= '9')))
			return false;
	}
	return text.length > 0;
}

/* ["$x" = y ]: the bracket is glued to the first operand. */
static bool is_glued_bracket(const struct shc_call *call)
{
	const struct shc_field *first = &call->fields.items[0];
	struct shc_text text;

	if (!first->count || first->pieces[0].piece.atom || call->fields.count < 2)
		return false;
	text = first->pieces[0].piece.text;
	if (!text.length || text.bytes[0] != '[' || (text.length == 1 && first->count == 1) ||
		shc_text_is(text, "[["))
		return false;
	return shc_term_is(call->values[call->fields.count - 1], "]");
}

/* x = 1, $x=1, x= 5: assignments that are read as commands. */
static const char *assignment_mistake(const struct shc_call *call)
{
	const struct shc_part *part = call->command->simple.words->parts;
	struct shc_text text;

	if (!part)
		return NULL;
	if (call->name.length && is_name(call->name) && call->fields.count >= 2 &&
		shc_term_known(call->values[1], &text) && shc_text_is(text, "="))
		return "an assignment has no blanks around '=': this runs a command called";
	if (part->kind == SHC_PART_PARAMETER && part->next &&
		part->next->kind == SHC_PART_LITERAL && part->next->text.length &&
		part->next->text.bytes[0] == '=')
		return "an assignment has no '$' before the name: this runs a command called";
	return NULL;
}

static bool is_external(const struct shc_call *call)
{
	return call->name.length && !shc_builtin_find(call->name) &&
	       !memchr(call->name.bytes, '/', call->name.length);
}

/* PATH that holds no folder with commands in it. */
static bool path_is_lost(struct shc_interpreter *in, struct shc_state *state, struct shc_range *ret)
{
	const struct shc_variable *variable;
	struct shc_text text;
	uint32_t number;

	if (shc_name_number(in, (struct shc_text){.bytes = "PATH", .length = 4}, &number))
		return false;
	variable = shc_state_variable(state, number);
	if (!variable || !variable->assigned || variable->presence != SHC_PRESENT ||
		!shc_term_known(variable->term, &text) || memmem(text.bytes, text.length, "bin", 3))
		return false;
	*ret = variable->range;
	return true;
}

static void check_absent(const struct shc_call *call, struct shc_state *state)
{
	struct shc_interpreter *in = call->in;
	const struct shc_term *key = shc_availability(in, call->name);
	const struct shc_fact *fact = key ? shc_path_fact(in, state, key) : NULL;
	struct shc_finding *finding;
	struct shc_range range;

	/* Its failure is foreseen. */
	for (const struct shc_redirect *r = call->command->redirects; r; r = r->next)
		if (r->fd == 2 && (in->piped || in->suppressed > in->suppressed_outside))
			return;
	if (fact && fact->kind == SHC_FILE_NOTHING) {
		finding = shc_report(in, 505, call->command->range,
			"'%.*s' is not there: it was looked for and not found",
			(int)call->name.length, call->name.bytes);
		if (finding)
			shc_finding_relate(in->findings, finding, fact->range, "looked for here");
	} else if (path_is_lost(in, state, &range)) {
		finding = shc_report(in, 505, call->command->range,
			"'%.*s' is not found: PATH holds no folder of commands any more",
			(int)call->name.length, call->name.bytes);
		if (finding)
			shc_finding_relate(in->findings, finding, range, "PATH is set here");
	}
}

/* It was looked for and found. */
static bool is_there(const struct shc_call *call, const struct shc_state *state)
{
	const struct shc_term *key = shc_availability(call->in, call->name);
	const struct shc_fact *fact = key ? shc_path_fact(call->in, state, key) : NULL;

	return fact && fact->kind != SHC_FILE_NOTHING;
}

/* Is one byte of @a changed, left out, put in, or exchanged with its neighbour to get @b? */
static bool differ_by_one(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t at = 0, tail = 0, shorter = a_length < b_length ? a_length : b_length;

	while (at < shorter && a[at] == b[at])
		at++;
	while (tail < shorter - at && a[a_length - 1 - tail] == b[b_length - 1 - tail])
		tail++;
	a_length -= at + tail;
	b_length -= at + tail;
	if (a_length == 2 && b_length == 2)
		return a[at] == b[at + 1] && a[at + 1] == b[at];
	return a_length <= 1 && b_length <= 1;
}

/* Near enough for a slip of the pen: no prefix, no other number. */
static bool is_slip(struct shc_text name, const char *near)
{
	size_t length = strlen(near), shorter = length < name.length ? length : name.length;
	bool only_digits = length == name.length;

	if (shorter < 4 || !differ_by_one(name.bytes, name.length, near, length) ||
		(length != name.length && !memcmp(name.bytes, near, shorter)))
		return false;
	for (size_t i = 0; only_digits && i < length; i++)
		only_digits = name.bytes[i] == near[i] ||
			      (near[i] >= '0' && near[i] <= '9' && name.bytes[i] >= '0' &&
				      name.bytes[i] <= '9');
	return !only_digits;
}

/* SH502: a name that no one knows, and a function of the script that is called nearly so. */
static void check_slip(const struct shc_call *call, struct shc_state *state)
{
	struct shc_interpreter *in = call->in;

	if (state->sourced || in->open || shc_effect_known(call->name) || call->name.length < 6 ||
		is_there(call, state))
		return;
	for (uint32_t i = 0; i < in->name_count; i++) {
		const struct shc_name *name = &in->names[i];

		/* _systemctl is a wrapper of systemctl. */
		if (!name->defined_here || !is_slip(call->name, name->text.bytes) ||
			name->text.bytes[0] != call->name.bytes[0])
			continue;
		shc_finding_hint(in->findings,
			shc_report(in, 502, call->command->range, "no function is called '%.*s'",
				(int)call->name.length, call->name.bytes),
			"did you mean '%s'?", name->text.bytes);
		return;
	}
}

void shc_check_name(const struct shc_call *call, struct shc_state *state, uint32_t number)
{
	struct shc_interpreter *in = call->in;
	const char *mistake = call->fields.count ? assignment_mistake(call) : NULL;

	if (!call->fields.count)
		return;
	if (is_glued_bracket(call)) {
		shc_finding_hint(in->findings,
			shc_report(in, 503, call->command->range,
				"'[' is a command and needs a blank behind it"),
			"write [ ... ] with blanks on both sides");
		return;
	}
	if (mistake) {
		shc_report(in, 503, call->command->range, "%s '%.*s'", mistake,
			call->name.length ? (int)call->name.length : 5,
			call->name.length ? call->name.bytes : "value");
		return;
	}
	if (!is_external(call))
		return;
	if (in->names[number].defined_here && !state->sourced && !in->open &&
		!shc_effect_known(call->name) && !is_there(call, state)) {
		shc_finding_hint(in->findings,
			shc_report(in, 502, call->command->range,
				"function '%.*s' is not defined yet where it is called",
				(int)call->name.length, call->name.bytes),
			"define functions before the first command that needs them");
		return;
	}
	check_slip(call, state);
	check_absent(call, state);
}

/* ---- Statuses ------------------------------------------------------------------------------------------------ */

void shc_check_lost(struct shc_interpreter *in, const struct shc_term *term)
{
	const struct shc_atom *atom = term ? shc_term_single_atom(term) : NULL;
	struct shc_finding *finding;

	if (!atom || atom->origin != SHC_ORIGIN_LOST || !in->current)
		return;
	finding = shc_report(in, 506, in->current->range,
		"this tests the status of the declaration, which is always 0");
	if (!finding)
		return;
	shc_finding_hint(
		in->findings, finding, "declare first, then assign: local x; x=$(command)");
	shc_finding_relate(in->findings, finding, atom->range, "the status is lost here");
}

void shc_check_masked(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_state *state)
{
	if (command->kind != SHC_COMMAND_SIMPLE || !state->status.lost)
		return;
	shc_finding_hint(in->findings,
		shc_report(in, 506, command->range,
			"the status of the substitution is lost: the declaration succeeds"),
		"declare first, then assign: local x; x=$(command)");
}

static bool is_any_of(struct shc_text name, const char *const *names)
{
	for (; *names; names++)
		if (shc_text_is(name, *names))
			return true;
	return false;
}

/* An external command whose failure means that what follows must not happen. */
static bool matters(const struct shc_interpreter *in, const struct shc_command *command)
{
	static const char *const asking[] = {"grep", "egrep", "fgrep", "diff", "cmp", "which",
		"pgrep", "pkill", "killall", "logger", "sleep", "date", "cat", "sync", "expr",
		"clear", NULL};
	struct shc_text name = shc_command_name(command);

	(void)in;
	return command->kind == SHC_COMMAND_SIMPLE && name.length && !shc_builtin_find(name) &&
	       !is_any_of(name, asking);
}

/* rm with all that is below, mv: what is lost by it is no rest of the work that has failed. */
static bool loses_much(const struct shc_command *command)
{
	if (command->kind != SHC_COMMAND_SIMPLE)
		return false;
	if (shc_text_is(shc_command_name(command), "mv"))
		return true;
	if (!shc_text_is(shc_command_name(command), "rm"))
		return false;
	for (const struct shc_word *w = command->simple.words; w; w = w->next)
		if (shc_text_is(w->literal, "--recursive") ||
			(w->constant && w->literal.length > 1 && w->literal.bytes[0] == '-' &&
				w->literal.bytes[1] != '-' &&
				(memchr(w->literal.bytes, 'r', w->literal.length) ||
					memchr(w->literal.bytes, 'R', w->literal.length))))
			return true;
	return false;
}

/* Has @before perhaps failed, in a function that is called where -e does not hold? */
static bool is_ignored(const struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_command *before)
{
	return in->call_depth && in->suppressed_outside && !in->substitutions &&
	       in->suppressed == in->suppressed_outside && state->errexit &&
	       state->status.high != 0 && state->status.owner == before->id + 1 &&
	       matters(in, before);
}

void shc_check_negated(
	struct shc_interpreter *in, const struct shc_state *state, const struct shc_command *before)
{
	if (before->kind != SHC_COMMAND_PIPELINE || !(before->pipeline.negations % 2) ||
		!state->errexit || in->suppressed || in->substitutions)
		return;
	shc_finding_hint(in->findings,
		shc_report(in, 518, before->range,
			"-e takes no notice of this: a command behind ! never ends the script"),
		"write: if command; then exit 1; fi");
}

void shc_check_errexit(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_command *before, const struct shc_command *command,
	const struct shc_command **earlier)
{
	static const char *const losing[] = {
		"rm", "rmdir", "unlink", "mv", "cp", "dd", "shred", "rsync", "find", NULL};
	struct shc_finding *finding;
	uint16_t *defeated;

	before = shc_command_within(before);
	command = shc_command_within(command);
	if (is_ignored(in, state, before))
		*earlier = *earlier ? *earlier : before;
	else if (!*earlier || !loses_much(command))
		return;
	else
		before = *earlier;
	if (!matters(in, command))
		return;
	finding = shc_report(in, 507, command->range,
		"this runs although the command before has failed: -e does not hold here");
	if (!finding)
		return;
	/* The others of a function are no news, unless something is lost by them. */
	defeated = &in->seen[in->calls[in->call_depth - 1]->id];
	if (*defeated & SHC_DEFEATED && !is_any_of(shc_command_name(command), losing))
		finding->severity = SHC_SEVERITY_INFO;
	*defeated |= SHC_DEFEATED;
	shc_finding_hint(in->findings, finding,
		"the function is called in a condition; write: command || return 1");
	shc_finding_relate(in->findings, finding, before->range, "this may fail");
}

/* ---- Variables that nothing assigns -------------------------------------------------------------------------- */

static struct shc_read_site *site_of(
	struct shc_interpreter *in, const struct shc_command *command, uint32_t name)
{
	uint32_t at = (command->id * 2654435761u + name * 40503u) & (in->site_capacity - 1);

	while (in->sites[at].command &&
		(in->sites[at].command != command || in->sites[at].name != name))
		at = (at + 1) & (in->site_capacity - 1);
	return &in->sites[at];
}

static int grow_sites(struct shc_interpreter *in)
{
	struct shc_read_site *old = in->sites;
	uint32_t capacity = in->site_capacity;

	in->sites = calloc(capacity ? capacity * 2u : 64, sizeof(*in->sites));
	if (!in->sites) {
		in->sites = old;
		return -ENOMEM;
	}
	in->site_capacity = capacity ? capacity * 2 : 64;
	for (uint32_t i = 0; i < capacity; i++)
		if (old[i].command)
			*site_of(in, old[i].command, old[i].name) = old[i];
	free(old);
	return 0;
}

int shc_note_read(struct shc_interpreter *in, struct shc_state *state, struct shc_text name)
{
	const struct shc_variable *variable;
	struct shc_read_site *site;
	uint32_t number;

	if (!in->current || state->sourced || (in->open && !state->nounset))
		return 0;
	if (in->assigning.length == name.length &&
		!memcmp(in->assigning.bytes, name.bytes, name.length))
		return 0;
	if ((in->site_count * 2 >= in->site_capacity && grow_sites(in)) ||
		shc_name_number(in, name, &number))
		return -ENOMEM;
	variable = shc_state_variable(state, number);
	if (!variable)
		return -ENOMEM;
	site = site_of(in, in->current, number);
	if (!site->command) {
		*site = (struct shc_read_site){.command = in->current, .name = number};
		in->site_count++;
	}
	site->assigned |= variable->assigned;
	site->closed |= !in->open;
	site->bare |= in->open && !variable->assigned;
	return 0;
}

static bool has_lower_case(struct shc_text name)
{
	for (uint32_t i = 0; i < name.length; i++)
		if (name.bytes[i] >= 'a' && name.bytes[i] <= 'z')
			return true;
	return false;
}

/* Names that the environment of many machines sets, so that they are no slips of the pen. */
static bool is_customary(struct shc_text name)
{
	static const char *const customary[] = {"LANG", "LANGUAGE", "USER", "USERNAME", "LOGNAME",
		"DISPLAY", "EDITOR", "VISUAL", "PAGER", "TERM", "TMPDIR", "TMP", "TEMP", "MAIL",
		"SHELL", "COLUMNS", "LINES", "http_proxy", "https_proxy", "ftp_proxy", "no_proxy",
		"OLDPWD", "OPTARG", "OPTERR", "REPLY", "DESTDIR", "PREFIX", "CC", "CFLAGS", NULL};

	return is_any_of(name, customary) || shc_name_is_set(SHC_BASH, name) ||
	       (name.length > 3 && !memcmp(name.bytes, "LC_", 3)) ||
	       (name.length > 4 && !memcmp(name.bytes, "XDG_", 4)) ||
	       (name.length > 5 && !memcmp(name.bytes, "DPKG_", 5)) ||
	       (name.length > 8 && !memcmp(name.bytes, "DEBCONF_", 8));
}

static bool is_test(const struct shc_command *command)
{
	struct shc_text name = shc_command_name(command);

	return command->kind != SHC_COMMAND_SIMPLE || shc_text_is(name, "[") ||
	       shc_text_is(name, "test") || shc_text_is(name, "unset");
}

/* Only a file that need not be there assigns it, and -u ends the script without. */
static void check_bare(struct shc_interpreter *in, const struct shc_read_site *site)
{
	struct shc_text text = in->names[site->name].text;

	if (!site->bare || in->names[site->name].assigned_anywhere)
		return;
	shc_finding_hint(in->findings,
		shc_report(in, 305, site->command->range,
			"where no file was read, nothing assigns '%s', and -u ends the script here",
			text.bytes),
		"give it a value before the file is read");
}

static void check_site(
	struct shc_interpreter *in, const struct shc_read_site *site, const char *const *assigned)
{
	struct shc_text text = in->names[site->name].text;
	const char *near = in->names[site->name].assigned_anywhere || !site->closed
				   ? NULL
				   : hb_suggest(text.bytes, assigned);
	struct shc_finding *finding;

	if (near && is_slip(text, near)) {
		finding = shc_report(in, 303, site->command->range,
			"nothing assigns '%s': it is empty here", text.bytes);
		if (finding)
			shc_finding_hint(in->findings, finding, "did you mean '%s'?", near);
		return;
	}
	if (!has_lower_case(text) || (is_test(site->command) && !site->bare))
		return;
	if (!site->closed) {
		check_bare(in, site);
		return;
	}
	if (in->names[site->name].assigned_anywhere) {
		shc_report(in, 304, site->command->range,
			"'%s' is assigned only where this does not see it", text.bytes);
		return;
	}
	finding = shc_report(
		in, 303, site->command->range, "nothing in the script assigns '%s'", text.bytes);
	/* A variable may come from outside; an array never does. */
	if (finding && !in->names[site->name].read_as_array)
		finding->severity = SHC_SEVERITY_INFO;
}

int shc_check_reads(struct shc_interpreter *in)
{
	const char **assigned = calloc(in->name_count + 1u, sizeof(*assigned));
	uint32_t count = 0;

	if (!assigned)
		return -ENOMEM;
	for (uint32_t i = 0; i < in->name_count; i++)
		if (in->names[i].assigned_anywhere)
			assigned[count++] = in->names[i].text.bytes;
	for (uint32_t i = 0; i < in->site_capacity && !in->exhausted; i++)
		if (in->sites[i].command && !in->sites[i].assigned &&
			!is_customary(in->names[in->sites[i].name].text))
			check_site(in, &in->sites[i], assigned);
	free(assigned);
	return 0;
}

/* ---- Traps in place of others ---------------------------------------------------------------------------------- */

/* The next word of names and such at *@at, moved behind it; of no bytes at the end. */
static struct shc_text next_word(struct shc_text text, uint32_t *at)
{
	struct shc_text word = {0};

	while (*at < text.length && strchr(" \t\n;&|(){}\"'<>", text.bytes[*at]))
		++*at;
	word.bytes = text.bytes + *at;
	while (*at < text.length && !strchr(" \t\n;&|(){}\"'<>", text.bytes[*at])) {
		++*at;
		word.length++;
	}
	return word;
}

static bool calls_function(const struct shc_interpreter *in, struct shc_text text)
{
	uint32_t at = 0;

	for (struct shc_text word = next_word(text, &at); word.length; word = next_word(text, &at))
		for (uint32_t i = 0; i < in->name_count; i++)
			if (in->names[i].defined_anywhere &&
				in->names[i].text.length == word.length &&
				!memcmp(in->names[i].text.bytes, word.bytes, word.length))
				return true;
	return false;
}

/* Does @text take something away that a script has made for itself? */
static bool tidies(struct shc_text text)
{
	static const char *const names[] = {
		"rm", "rmdir", "unlink", "umount", "kill", "losetup", "mv", NULL};
	uint32_t at = 0;

	for (struct shc_text word = next_word(text, &at); word.length; word = next_word(text, &at))
		if (is_any_of(word, names))
			return true;
	return false;
}

/* Every word of @old stands in @fresh, too. */
static bool is_kept(struct shc_text old, struct shc_text fresh)
{
	uint32_t at = 0;

	for (struct shc_text word = next_word(old, &at); word.length; word = next_word(old, &at))
		if (word.bytes[0] != '-' &&
			!memmem(fresh.bytes, fresh.length, word.bytes, word.length))
			return false;
	return true;
}

void shc_check_replaced(
	const struct shc_call *call, const struct shc_trap *old, const struct shc_term *action)
{
	struct shc_interpreter *in = call->in;
	struct shc_finding *finding;
	struct shc_text before, fresh;

	/* What a function of the script does is not looked into. */
	if (old->site == call->command || !shc_term_known(old->action, &before) ||
		!shc_term_known(action, &fresh) || !fresh.length || !tidies(before) ||
		is_kept(before, fresh) || calls_function(in, fresh))
		return;
	finding = shc_report(in, 520, call->command->range,
		"this takes the place of the trap before, whose action never runs then");
	if (!finding)
		return;
	shc_finding_hint(in->findings, finding, "put both actions into one trap");
	shc_finding_relate(in->findings, finding, old->site->range, "this is replaced");
}
