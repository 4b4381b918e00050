/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * eval, `.` and `source` (POSIX.1-2017 XCU 2.14, eval and dot). Files are looked for where the script would find them,
 * on the machine of the analysis: what they hold there is an assumption.
 */
#include "inclusion.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "parameter.h"
#include "parser.h"
#include "path.h"
#include "placeholder.h"
#include "survey.h"

enum {
	INCLUSIONS_MAX = 64,
	TEXT_BYTES_MAX = 1 << 18,
	TOGETHER_BYTES_MAX = 1 << 20,
	DEPTH_MAX = 8,
	MEMBERS_MAX = 8, /* texts of one eval that are told apart */
	PATH_BYTES = 4096,
};

struct shc_inclusion {
	const struct shc_command *site;
	struct shc_text text;
	struct shc_script *script;
	bool refused; /* a shell finds an error of syntax in it */
	bool running;
	bool file;
	dev_t device;
	ino_t inode;
	struct shc_inclusion *next;
};

void shc_inclusions_finish(struct shc_interpreter *in)
{
	for (struct shc_inclusion *i = in->inclusions; i; i = i->next)
		shc_script_destroy(i->script);
	in->inclusions = NULL;
}

/* ---- Parsing -------------------------------------------------------------------------------------------------- */

/* Where @text stands in the script as it is: the inside of a single-quoted operand. UINT32_MAX: nowhere. */
static uint32_t standing_at(const struct shc_command *site, struct shc_text text)
{
	for (const struct shc_word *word = site->simple.words; word; word = word->next) {
		const struct shc_part *part = word->parts;

		if (part && !part->next && part->kind == SHC_PART_SINGLE &&
			part->text.length == text.length &&
			part->range.end - part->range.start == text.length + 2 &&
			!memcmp(part->text.bytes, text.bytes, text.length))
			return part->range.start + 1;
	}
	return UINT32_MAX;
}

/* Every byte stands where it stands in the script, or else is the whole command @site. */
static const struct shc_range *map_of(
	struct shc_interpreter *in, const struct shc_command *site, struct shc_text text, bool file)
{
	struct shc_range *map =
		shc_arena_take(in->arena, (text.length + 1u) * sizeof(struct shc_range));
	uint32_t at = file ? UINT32_MAX : standing_at(site, text);

	for (uint32_t i = 0; map && i <= text.length; i++)
		map[i] = at == UINT32_MAX ? site->range
					  : (struct shc_range){at + i, at + i + (i < text.length)};
	return map;
}

static int grow_seen(struct shc_interpreter *in, uint32_t count)
{
	uint16_t *grown = realloc(in->seen, (count + 1u) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	memset(grown + in->seen_count, 0, (count + 1u - in->seen_count) * sizeof(*grown));
	in->seen = grown;
	in->seen_count = count + 1;
	return 0;
}

static int parse_inclusion(struct shc_interpreter *in, struct shc_inclusion *inclusion)
{
	struct shc_findings *ignored;
	const struct shc_range *map = map_of(in, inclusion->site, inclusion->text, inclusion->file);
	int r = map ? shc_findings_create(&ignored) : -ENOMEM;

	if (r)
		return r;
	r = shc_parse_text(inclusion->text, map, in->script->source, in->script->dialect,
		in->command_count, ignored, &inclusion->script);
	shc_findings_destroy(ignored);
	if (r)
		return r;
	inclusion->refused = inclusion->script->error_count > 0;
	in->command_count = inclusion->script->command_count;
	r = grow_seen(in, in->command_count);
	return r ? r : shc_survey_list(in, inclusion->script->list);
}

/* A new inclusion of @text, which is copied. 1, 0 (there are too many) or -ENOMEM. */
static int add_inclusion(struct shc_interpreter *in, const struct shc_command *site,
	struct shc_text text, const struct stat *file, struct shc_inclusion **ret)
{
	struct shc_inclusion *made;
	char *bytes;
	int r;

	if (in->inclusion_count >= INCLUSIONS_MAX || text.length > TEXT_BYTES_MAX ||
		in->inclusion_bytes + text.length > TOGETHER_BYTES_MAX)
		return 0;
	made = shc_arena_take(in->arena, sizeof(*made));
	bytes = shc_arena_take(in->arena, text.length + 1u);
	if (!made || !bytes)
		return -ENOMEM;
	if (text.length)
		memcpy(bytes, text.bytes, text.length);
	made->site = site;
	made->text = (struct shc_text){.bytes = bytes, .length = text.length};
	if (file) {
		made->file = true;
		made->device = file->st_dev;
		made->inode = file->st_ino;
	}
	in->inclusion_count++;
	in->inclusion_bytes += text.length;
	made->next = in->inclusions;
	in->inclusions = made;
	r = parse_inclusion(in, made);
	if (r)
		return r;
	*ret = made;
	return 1;
}

int shc_include_text(struct shc_interpreter *in, const struct shc_command *site,
	struct shc_text text, const struct shc_inclusion **ret)
{
	struct shc_inclusion *made;
	int r;

	for (struct shc_inclusion *i = in->inclusions; i; i = i->next) {
		if (i->file || i->site != site || i->text.length != text.length ||
			memcmp(i->text.bytes, text.bytes, text.length))
			continue;
		*ret = i;
		return !i->refused;
	}
	if (text.length && memchr(text.bytes, '\0', text.length))
		return 0;
	r = add_inclusion(in, site, text, NULL, &made);
	if (r <= 0)
		return r;
	*ret = made;
	return !made->refused;
}

/* ---- Running -------------------------------------------------------------------------------------------------- */

/*
 * The end of what was included: an error that has ended a line of it has ended it, unless a subshell ends with it.
 * Empties @results; @r: what came of running it.
 */
static int leave_inclusion(
	struct shc_interpreter *in, struct shc_outcomes *results, int r, struct shc_outcomes *out)
{
	for (uint32_t i = 0; i < results->count; i++) {
		struct shc_outcome *item = &results->items[i];

		if (r)
			shc_state_destroy(item->state);
		else
			r = shc_outcomes_add(in, out, item->state,
				item->flow == SHC_FLOW_DISCARD && !in->subshells ? SHC_FLOW_NEXT
										 : item->flow,
				item->flow == SHC_FLOW_EXIT ? SHC_END_ANY : item->levels);
	}
	results->count = 0;
	shc_outcomes_finish(results);
	return r;
}

int shc_run_inclusion(struct shc_interpreter *in, const struct shc_inclusion *inclusion,
	struct shc_state *state, struct shc_outcomes *out)
{
	/* Inclusions are made here and constant for everybody else. */
	struct shc_inclusion *own = (struct shc_inclusion *)inclusion;
	const struct shc_command *current = in->current, *site = in->site;
	const struct shc_list *included = in->included;
	struct shc_outcomes results = {0};
	bool reading = in->reading_file;
	int r;

	if (own->running || in->inclusion_depth >= DEPTH_MAX)
		return shc_run_unread(in, inclusion->site, state, out);
	if (!inclusion->script->list->first)
		shc_set_status(state, inclusion->site, 0, 0);
	own->running = true;
	in->inclusion_depth++;
	in->site = site ? site : inclusion->site;
	in->reading_file |= inclusion->file;
	in->included = inclusion->script->list;
	r = shc_execute_list(in, inclusion->script->list, state, &results);
	in->included = included;
	r = leave_inclusion(in, &results, r, out);
	in->reading_file = reading;
	in->site = site;
	in->inclusion_depth--;
	own->running = false;
	in->current = current;
	return r;
}

/* The value of one variable after commands that are not known. 0 or -ENOMEM. */
static int may_be_set(struct shc_interpreter *in, struct shc_state *state, uint32_t name,
	const struct shc_command *site)
{
	struct shc_variable *variable;
	const struct shc_term *before;

	if (shc_name_is_set(in->script->dialect, in->names[name].text) ||
		!in->names[name].is_variable)
		return 0;
	variable = shc_state_variable(state, name);
	if (!variable)
		return -ENOMEM;
	before = variable->assigned && variable->presence == SHC_PRESENT ? variable->term : NULL;
	variable->term = shc_term_sourced(in->terms, before, site->range);
	variable->presence = SHC_PERHAPS;
	variable->assigned = true;
	variable->elements = NULL;
	variable->array = false;
	return variable->term ? 0 : -ENOMEM;
}

int shc_doubt_variables(const struct shc_call *call, struct shc_state *state)
{
	int r = 0;

	shc_approximate(call->in, call->command);
	for (uint32_t i = 0; i < call->in->name_count && !r; i++)
		r = may_be_set(call->in, state, i, call->command);
	return r;
}

int shc_forget_variables(
	struct shc_interpreter *in, struct shc_state *state, const struct shc_command *site)
{
	int r = 0;

	shc_approximate(in, site);
	in->open = true;
	state->sourced = true;
	for (uint32_t i = 0; i < in->name_count && !r; i++)
		r = may_be_set(in, state, i, site);
	return r;
}

int shc_run_unread(struct shc_interpreter *in, const struct shc_command *site,
	struct shc_state *state, struct shc_outcomes *out)
{
	int r = shc_forget_variables(in, state, site);

	state->fact_count = 0;
	if (!r && state->output) {
		state->output = shc_term_concat(in->terms, state->output,
			shc_unknown(in, SHC_ORIGIN_OUTPUT, shc_dfa_text(in->pool), site->range));
		r = state->output ? 0 : -ENOMEM;
	}
	if (r) {
		shc_state_destroy(state);
		return r;
	}
	shc_set_status(state, site, 0, 255);
	return shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0);
}

/* What a special built-in does when its operand cannot be run: dash ends, bash goes on. Takes @state. */
static int fail_special(struct shc_interpreter *in, const struct shc_command *site,
	struct shc_state *state, struct shc_outcomes *out)
{
	bool bash = in->script->dialect == SHC_BASH;

	shc_set_status(state, site, 1, 127);
	return shc_outcomes_add(
		in, out, state, bash ? SHC_FLOW_NEXT : SHC_FLOW_EXIT, bash ? 0 : SHC_END_ERROR);
}

/* Run @text, or say that it is not known. Takes @state. */
static int run_text(struct shc_interpreter *in, const struct shc_command *site,
	struct shc_text text, struct shc_state *state, struct shc_outcomes *out)
{
	const struct shc_inclusion *inclusion = NULL;
	struct shc_state *failed;
	int r = shc_include_text(in, site, text, &inclusion);

	if (r > 0)
		return shc_run_inclusion(in, inclusion, state, out);
	if (r < 0 || !inclusion) {
		if (r < 0)
			shc_state_destroy(state);
		return r < 0 ? r : shc_run_unread(in, site, state, out);
	}
	/* What stands before the error runs. */
	failed = shc_state_clone(state);
	r = failed ? shc_run_unread(in, site, state, out) : -ENOMEM;
	if (r) {
		shc_state_destroy(failed ? failed : state);
		return r;
	}
	return fail_special(in, site, failed, out);
}

/* Run every text that @term can be. Takes @state. */
static int run_members(struct shc_interpreter *in, const struct shc_command *site,
	const struct shc_term *term, const struct shc_strings *texts, struct shc_state *state,
	struct shc_outcomes *out)
{
	int r = 0;

	for (size_t i = 0; i < texts->count && !r; i++) {
		struct shc_text text = {
			.bytes = texts->items[i].bytes, .length = (uint32_t)texts->items[i].length};
		struct shc_state *copy = shc_state_clone(state);
		const struct shc_dfa *language;

		r = copy ? shc_dfa_literal(in->pool, text.bytes, text.length, &language) : -ENOMEM;
		if (!r)
			r = shc_state_narrow_term(copy, in->pool, term, language);
		if (r <= 0) {
			shc_state_destroy(copy);
			continue;
		}
		r = run_text(in, site, text, copy, out);
	}
	shc_state_destroy(state);
	return r;
}

/* Run @term with variables in place of its unknowns, or say that it is not known. Takes @state. */
static int run_unknown(struct shc_interpreter *in, const struct shc_command *site,
	const struct shc_term *term, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes results = {0};
	struct shc_text text;
	uint32_t count = 0;
	int r = shc_placeholders_set(in, state, term, site->range, &text, &count);

	if (!r)
		return shc_run_unread(in, site, state, out);
	if (r < 0) {
		shc_state_destroy(state);
		return r;
	}
	r = run_text(in, site, text, state, &results);
	for (uint32_t i = 0; i < results.count; i++) {
		struct shc_outcome *item = &results.items[i];

		r = r ? r : shc_placeholders_unset(in, item->state, count);
		if (r)
			shc_state_destroy(item->state);
		else
			r = shc_outcomes_add(in, out, item->state, item->flow, item->levels);
	}
	results.count = 0;
	shc_outcomes_finish(&results);
	return r;
}

int shc_run_action(struct shc_interpreter *in, const struct shc_command *site,
	const struct shc_term *action, struct shc_state *state, struct shc_outcomes *out)
{
	const struct shc_dfa *language;
	struct shc_strings texts;
	struct shc_text text;
	int r;

	if (action && shc_term_known(action, &text))
		return run_text(in, site, text, state, out);
	if (!action)
		return shc_run_unread(in, site, state, out);
	if (shc_state_term_language(state, in->pool, action, &language) ||
		shc_dfa_count(language, MEMBERS_MAX + 1) > MEMBERS_MAX ||
		shc_dfa_enumerate(language, MEMBERS_MAX, &texts))
		return run_unknown(in, site, action, state, out);
	r = run_members(in, site, action, &texts, state, out);
	shc_strings_finish(&texts);
	return r;
}

/* ---- eval ----------------------------------------------------------------------------------------------------- */

int shc_eval_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	const struct shc_term *all = shc_term_text(in->terms, "", 0);
	uint32_t first = 1;

	if (call->fields.count > 1 && shc_term_is(call->values[1], "--"))
		first = 2;
	for (uint32_t i = first; i < call->fields.count && all; i++) {
		if (!shc_field_is_one(&call->fields.items[i]))
			return shc_run_unread(in, call->command, state, out);
		if (i > first)
			all = shc_term_concat(in->terms, all, shc_term_text(in->terms, " ", 1));
		all = shc_term_concat(in->terms, all, call->values[i]);
	}
	if (!all) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	return shc_run_action(in, call->command, all, state, out);
}

/* ---- Files ---------------------------------------------------------------------------------------------------- */

/* Is this file being run already? Then running it once more says nothing new, and may never end. */
static bool is_running(const struct shc_interpreter *in, const struct stat *file)
{
	struct stat own;

	for (const struct shc_inclusion *i = in->inclusions; i; i = i->next)
		if (i->running && i->file && i->device == file->st_dev && i->inode == file->st_ino)
			return true;
	return !stat(in->script->source->name, &own) && own.st_dev == file->st_dev &&
	       own.st_ino == file->st_ino;
}

static struct shc_inclusion *inclusion_of(
	const struct shc_interpreter *in, const struct shc_command *site, const struct stat *file)
{
	for (struct shc_inclusion *i = in->inclusions; i; i = i->next)
		if (i->file && i->site == site && i->device == file->st_dev &&
			i->inode == file->st_ino)
			return i;
	return NULL;
}

/* All of an open file of known size. Returns the bytes (to be freed) or NULL. */
static char *read_all(int fd, size_t size)
{
	char *bytes = malloc(size + 1);
	size_t have = 0;

	while (bytes && have < size) {
		ssize_t now = read(fd, bytes + have, size - have);

		if (now < 0 && errno == EINTR)
			continue;
		if (now <= 0) {
			free(bytes);
			return NULL;
		}
		have += (size_t)now;
	}
	return bytes;
}

/* The file at @path as an inclusion. 1, 0 (not to be read, or running already) or -ENOMEM. */
static int include_file(struct shc_interpreter *in, const struct shc_command *site,
	const char *path, const struct shc_inclusion **ret)
{
	/* Neither a pipe nor a device may block here. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), r = 0;
	struct shc_inclusion *made = NULL;
	struct stat file;
	char *bytes = NULL;

	if (fd < 0)
		return 0;
	if (fstat(fd, &file) || !S_ISREG(file.st_mode) || file.st_size > TEXT_BYTES_MAX ||
		is_running(in, &file)) {
		(void)close(fd);
		return 0;
	}
	made = inclusion_of(in, site, &file);
	if (!made)
		bytes = read_all(fd, (size_t)file.st_size);
	(void)close(fd);
	if (bytes && !memchr(bytes, '\0', (size_t)file.st_size))
		r = add_inclusion(in, site,
			(struct shc_text){.bytes = bytes, .length = (uint32_t)file.st_size}, &file,
			&made);
	free(bytes);
	if (r < 0 || !made || made->refused)
		return r < 0 ? r : 0;
	*ret = made;
	return 1;
}

/* @path in the folder of the script. Truncated paths are not found. */
static void beside_script(const struct shc_interpreter *in, const char *path, char *ret)
{
	const char *name = in->script->source->name, *slash = strrchr(name, '/');

	(void)snprintf(ret, PATH_BYTES, "%.*s%s", slash ? (int)(slash - name) + 1 : 0, name, path);
}

/* Where @path, relative to the directory of the script, can be on this machine. */
static int include_relative(struct shc_interpreter *in, const struct shc_command *site,
	const struct shc_state *state, const char *path, const struct shc_inclusion **ret)
{
	struct shc_text folder;
	char full[PATH_BYTES];
	int r;

	if (shc_term_known(state->directory, &folder)) {
		(void)snprintf(
			full, sizeof(full), "%.*s/%s", (int)folder.length, folder.bytes, path);
		return include_file(in, site, full, ret);
	}
	if (state->directory != in->start)
		return 0;
	r = include_file(in, site, path, ret);
	if (r)
		return r;
	beside_script(in, path, full);
	return include_file(in, site, full, ret);
}

/* $dir/lib.sh, where the script seems to look beside itself. */
static int include_beside(struct shc_interpreter *in, const struct shc_command *site,
	const struct shc_term *term, const struct shc_inclusion **ret)
{
	const struct shc_piece *last = term->count > 1 ? &term->pieces[term->count - 1] : NULL;
	char name[PATH_BYTES], full[PATH_BYTES];

	if (!last || last->atom || last->text.bytes[0] != '/' || last->text.length >= sizeof(name))
		return 0;
	memcpy(name, last->text.bytes + 1, last->text.length - 1);
	name[last->text.length - 1] = 0;
	beside_script(in, name, full);
	shc_approximate(in, site);
	return include_file(in, site, full, ret);
}

static int include_operand(struct shc_interpreter *in, const struct shc_command *site,
	const struct shc_state *state, const struct shc_term *term,
	const struct shc_inclusion **ret)
{
	char path[PATH_BYTES];
	struct shc_text text;

	if (!shc_term_known(term, &text))
		return include_beside(in, site, term, ret);
	if (!text.length || text.length >= sizeof(path) || memchr(text.bytes, 0, text.length))
		return 0;
	memcpy(path, text.bytes, text.length);
	path[text.length] = 0;
	if (path[0] == '/')
		return include_file(in, site, path, ret);
	/* Without a slash it is looked for in PATH, and by bash then here. */
	if (!strchr(path, '/') && in->script->dialect != SHC_BASH)
		return 0;
	return include_relative(in, site, state, path, ret);
}

/* The end of a sourced file: `return` has done its work. Bash's arguments of `.` are gone. */
static int leave_file(struct shc_interpreter *in, struct shc_outcomes *from,
	const struct shc_state *outer, bool arguments, struct shc_outcomes *out)
{
	int r = shc_return_traps(in, from);

	for (uint32_t i = 0; i < from->count; i++) {
		struct shc_outcome *item = &from->items[i];

		/* The trap of EXIT may see either. */
		if (!r && arguments && item->flow == SHC_FLOW_EXIT && item->state->traps) {
			struct shc_state *inner = shc_state_clone(item->state);

			r = inner ? shc_outcomes_add(in, out, inner, SHC_FLOW_EXIT, item->levels)
				  : -ENOMEM;
		}
		if (!r && arguments)
			r = shc_copy_arguments(item->state, outer);
		if (r)
			shc_state_destroy(item->state);
		else
			r = shc_outcomes_add(in, out, item->state,
				item->flow == SHC_FLOW_RETURN ? SHC_FLOW_NEXT : item->flow,
				item->levels);
	}
	from->count = 0;
	shc_outcomes_finish(from);
	return r;
}

static int run_file(const struct shc_call *call, const struct shc_inclusion *inclusion,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	bool arguments = in->script->dialect == SHC_BASH && call->fields.count > 2;
	struct shc_state *outer = shc_state_clone(state);
	struct shc_outcomes results = {0};
	uint32_t suppressed = in->suppressed;
	int r = outer ? 0 : -ENOMEM;

	if (!r && arguments)
		r = shc_set_arguments(call, state, 2);
	if (r) {
		shc_state_destroy(state);
		shc_state_destroy(outer);
		return r;
	}
	/* In dash a file knows nothing of a condition around it. */
	if (in->script->dialect != SHC_BASH)
		in->suppressed = 0;
	r = shc_run_inclusion(in, inclusion, state, &results);
	in->suppressed = suppressed;
	if (r)
		shc_outcomes_finish(&results);
	else
		r = leave_file(in, &results, outer, arguments, out);
	shc_state_destroy(outer);
	return r;
}

int shc_source_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_interpreter *in = call->in;
	const struct shc_inclusion *inclusion = NULL;
	const struct shc_fact *fact = NULL;
	const struct shc_term *path;
	struct shc_state *failed;
	bool seen;
	int r = 0;

	if (call->fields.count < 2) {
		/* dash does nothing, bash reports it; both go on. */
		shc_set_status(state, call->command, 0, 2);
		return shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0);
	}
	if (shc_field_is_one(&call->fields.items[1]))
		r = include_operand(in, call->command, state, call->values[1], &inclusion);
	if (r > 0)
		return run_file(call, inclusion, state, out);
	path = r < 0 ? NULL : shc_path_normal(in, state, call->values[1]);
	failed = path ? shc_state_clone(state) : NULL;
	if (!failed) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	/* The fact goes with the state. Where the file was seen just now, it is there. */
	fact = shc_path_fact(in, state, path);
	seen = fact && fact->kind != SHC_FILE_NOTHING && fact->path == path;
	if (!fact || fact->kind != SHC_FILE_NOTHING || fact->tested)
		r = shc_run_unread(in, call->command, state, out);
	else
		shc_state_destroy(state);
	if (r || seen) {
		shc_state_destroy(failed);
		return r;
	}
	/* That a file which is read without asking may be absent is no news. */
	failed->sourced = true;
	return fail_special(in, call->command, failed, out);
}
