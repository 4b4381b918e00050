/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "lookup.h"
#include "parameter.h"
#include "survey.h"

/* Deleting one of these, or everything in it, breaks the system. */
static const char *const system_paths[] = {
	"/",
	"/bin",
	"/boot",
	"/dev",
	"/etc",
	"/home",
	"/lib",
	"/lib32",
	"/lib64",
	"/libx32",
	"/media",
	"/mnt",
	"/opt",
	"/proc",
	"/root",
	"/run",
	"/sbin",
	"/srv",
	"/sys",
	"/usr",
	"/usr/bin",
	"/usr/include",
	"/usr/lib",
	"/usr/lib64",
	"/usr/local",
	"/usr/local/bin",
	"/usr/sbin",
	"/usr/share",
	"/var",
	"/var/cache",
	"/var/lib",
	"/var/lib/dpkg",
	"/var/log",
	"/var/run",
	"/var/spool",
	"/Applications",
	"/Library",
	"/System",
	"/Users",
	"/Volumes",
};

enum {
	OTHER = 1,       /* stands for an unknown that is not empty and holds no slash */
	STAR = 2,        /* a glob that matches every name */
	HOME = 3,        /* the value of HOME */
	START = 4,       /* the start directory */
	SUBSETS_MAX = 4, /* unknowns that are tried empty together */
};

/* ---- Normal form ---------------------------------------------------------------------------------------------- */

/* Is the component a name whose ".." leads back: no ".." itself, no unknown? */
static bool is_plain(const char *text, uint32_t length)
{
	if (length == 2 && text[0] == '.' && text[1] == '.')
		return false;
	for (uint32_t i = 0; i < length; i++)
		if (text[i] > 0 && text[i] <= START)
			return false;
	return length > 0;
}

/*
 * ".." was read behind the slash that ends @text at @to: take the component before it away. Where that is a link this
 * means another folder; links that are known have been followed before. Returns the new length.
 */
static uint32_t go_up(char *text, uint32_t to, bool first)
{
	uint32_t end = to - 1, begin = end;

	if (!end && first)
		return 1;
	while (begin && text[begin - 1] != '/')
		begin--;
	if (begin && is_plain(text + begin, end - begin))
		return begin;
	memcpy(text + to, "..", 2);
	return to + 2;
}

/*
 * Remove "//", "/./", "name/.." and a trailing slash from @text in place; returns the new length. @first, @last: @text
 * begins or ends the path.
 */
static uint32_t squeeze(char *text, uint32_t length, bool first, bool last)
{
	uint32_t to = 0;

	for (uint32_t i = 0; i < length; i++) {
		bool begins = to && text[to - 1] == '/';

		if (text[i] == '/' && begins)
			continue;
		if (text[i] == '.' && begins && i + 1 < length && text[i + 1] == '/')
			continue;
		if (text[i] == '.' && begins && i + 1 < length && text[i + 1] == '.' &&
			(i + 2 < length ? text[i + 2] == '/' : last)) {
			to = go_up(text, to, first);
			i++;
			continue;
		}
		text[to++] = text[i];
	}
	if (last) {
		while (to > 1 && text[to - 1] == '/')
			to--;
		if (to > 2 && text[to - 1] == '.' && text[to - 2] == '/')
			to -= 2;
	}
	return to;
}

static const struct shc_term *squeeze_term(struct shc_interpreter *in, const struct shc_term *path)
{
	const struct shc_term *result = shc_term_text(in->terms, "", 0);

	for (uint32_t i = 0; i < path->count && result; i++) {
		const struct shc_piece *piece = &path->pieces[i];
		const struct shc_term *next;
		char *copy;

		if (piece->atom) {
			next = shc_term_of_atom(in->terms, piece->atom);
		} else {
			copy = malloc(piece->text.length + 1u);
			if (!copy)
				return NULL;
			memcpy(copy, piece->text.bytes, piece->text.length);
			next = shc_term_text(in->terms, copy,
				squeeze(copy, piece->text.length, i == 0, i + 1 == path->count));
			free(copy);
		}
		result = shc_term_concat(in->terms, result, next);
	}
	return result;
}

const struct shc_term *shc_path_normal(
	struct shc_interpreter *in, const struct shc_state *state, const struct shc_term *path)
{
	const struct shc_term *full = path;

	if (!path->count)
		return path;
	if (path->pieces[0].atom) {
		struct shc_byte_set first =
			shc_dfa_first_bytes(shc_state_language_of(state, path->pieces[0].atom));

		if (shc_byte_set_has(&first, '/') || shc_may_be_empty(in, state, path))
			return squeeze_term(in, path);
		full = NULL;
	} else if (path->pieces[0].text.bytes[0] != '/') {
		full = NULL;
	}
	if (!full) {
		struct shc_text known;

		if (shc_term_known(path, &known) && known.length >= 2 &&
			!memcmp(known.bytes, "./", 2))
			path = shc_term_text(in->terms, known.bytes + 2, known.length - 2);
		full = shc_term_concat(
			in->terms, state->directory, shc_term_text(in->terms, "/", 1));
		full = shc_term_concat(in->terms, full, path);
	}
	return full ? squeeze_term(in, full) : NULL;
}

bool shc_path_may_be_relative(
	struct shc_interpreter *in, const struct shc_state *state, const struct shc_term *path)
{
	const struct shc_byte_set slash = shc_byte_set_of("/", 1);

	(void)in;
	for (uint32_t i = 0; i < path->count; i++) {
		const struct shc_piece *piece = &path->pieces[i];
		const struct shc_dfa *language;
		struct shc_byte_set either;

		if (!piece->atom)
			return piece->text.bytes[0] != '/';
		language = shc_state_language_of(state, piece->atom);
		either = shc_dfa_first_bytes(language);
		either = shc_byte_set_union(&either, &slash);
		if (memcmp(&either, &slash, sizeof(slash)))
			return true;
		if (!shc_dfa_matches(language, "", 0))
			return false;
	}
	return true;
}

void shc_path_moved(struct shc_interpreter *in, struct shc_state *state)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < state->fact_count; i++) {
		const struct shc_fact *fact = &state->facts[i];

		if ((fact->asked && fact->target) || shc_is_availability(fact) ||
			!(shc_path_may_be_relative(in, state, fact->path) ||
				(fact->target &&
					shc_path_may_be_relative(in, state, fact->target))))
			state->facts[kept++] = *fact;
	}
	state->fact_count = kept;
}

int shc_path_anywhere(struct shc_interpreter *in, struct shc_state *state, struct shc_range range)
{
	const struct shc_dfa *absolute;

	if (shc_dfa_glob(in->pool, "/*", 2, 0, &absolute, NULL))
		absolute = shc_dfa_text(in->pool);
	state->directory = shc_unknown(in, SHC_ORIGIN_DIRECTORY, absolute, range);
	if (!state->directory)
		return -ENOMEM;
	shc_path_moved(in, state);
	return 0;
}

/* ---- Facts ---------------------------------------------------------------------------------------------------- */

/* Is @path below @folder, or the same? Both normal; terms are compared piece by piece. */
static bool is_within(const struct shc_term *path, const struct shc_term *folder)
{
	const struct shc_piece *a, *b;
	uint32_t last = folder->count - 1;

	if (path == folder)
		return true;
	if (!folder->count || path->count < folder->count)
		return false;
	for (uint32_t i = 0; i < last; i++) {
		a = &path->pieces[i];
		b = &folder->pieces[i];
		if (a->atom != b->atom ||
			(!a->atom && (a->text.length != b->text.length ||
					     memcmp(a->text.bytes, b->text.bytes, a->text.length))))
			return false;
	}
	a = &path->pieces[last];
	b = &folder->pieces[last];
	if (b->atom)
		return a->atom == b->atom && path->count > folder->count &&
		       !path->pieces[last + 1].atom && path->pieces[last + 1].text.bytes[0] == '/';
	if (a->atom || a->text.length <= b->text.length ||
		memcmp(a->text.bytes, b->text.bytes, b->text.length))
		return false;
	return a->text.bytes[b->text.length] == '/' || b->text.bytes[b->text.length - 1] == '/';
}

/* Is the first name of @path below @folder a hidden one, which "*" leaves alone, or not known? */
static bool may_be_hidden(const struct shc_term *path, const struct shc_term *folder)
{
	uint32_t last = folder->count - 1, at;
	const struct shc_piece *piece = &path->pieces[last];

	if (folder->pieces[last].atom || piece->atom)
		return true;
	at = folder->pieces[last].text.length;
	at += at < piece->text.length && piece->text.bytes[at] == '/';
	return at >= piece->text.length || piece->text.bytes[at] == '.';
}

const struct shc_fact *shc_path_fact(
	struct shc_interpreter *in, const struct shc_state *state, const struct shc_term *path)
{
	(void)in;
	for (uint32_t i = state->fact_count; i-- > 0;) {
		const struct shc_fact *fact = &state->facts[i];

		if (fact->asked)
			continue;
		if (fact->path == path)
			return fact;
		/* Below something absent, or in an emptied folder, nothing is. */
		if ((fact->kind == SHC_FILE_NOTHING ||
			    (fact->contents_gone && !may_be_hidden(path, fact->path))) &&
			is_within(path, fact->path))
			return fact;
	}
	return NULL;
}

/* Do the two begin alike and then surely go on with different text? */
static bool differ(const struct shc_term *a, const struct shc_term *b)
{
	for (uint32_t i = 0; i < a->count && i < b->count; i++) {
		const struct shc_piece *x = &a->pieces[i], *y = &b->pieces[i];
		uint32_t shorter =
			x->text.length < y->text.length ? x->text.length : y->text.length;

		if (x->atom || y->atom) {
			if (x->atom != y->atom)
				return false;
			continue;
		}
		if (memcmp(x->text.bytes, y->text.bytes, shorter))
			return true;
		if (x->text.length != y->text.length)
			return i + 1 == a->count && i + 1 == b->count;
	}
	return false;
}

/* Can a change at @path change what a test says of @asked? */
static bool may_meet(const struct shc_term *asked, const struct shc_term *path)
{
	struct shc_text text;

	if (is_within(asked, path) || is_within(path, asked))
		return true;
	return !differ(asked, path) &&
	       (!shc_term_known(asked, &text) || !shc_term_known(path, &text));
}

const struct shc_fact *shc_path_asked(const struct shc_state *state, char asked,
	const struct shc_term *path, const struct shc_term *other)
{
	for (uint32_t i = 0; i < state->fact_count; i++)
		if (state->facts[i].asked == asked && state->facts[i].path == path &&
			state->facts[i].target == other && !state->facts[i].assumed)
			return &state->facts[i];
	return NULL;
}

/* A test has said otherwise than what was assumed of the file: then that is not so. */
static void drop_contradicted(struct shc_state *state, const struct shc_term *path, bool there)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < state->fact_count; i++) {
		const struct shc_fact *old = &state->facts[i];
		bool absent = old->kind == SHC_FILE_NOTHING || old->contents_gone;

		if (!old->asked &&
			(there ? absent && is_within(path, old->path)
			       : !absent && old->path == path && old->kind != SHC_FILE_LINK))
			continue;
		state->facts[kept++] = *old;
	}
	state->fact_count = kept;
}

int shc_path_answer(struct shc_state *state, char asked, const struct shc_term *path,
	const struct shc_term *other, bool answer, struct shc_range range)
{
	const struct shc_fact fact = {.path = path,
		.asked = asked,
		.target = other,
		.kind = answer ? SHC_FILE_SOMETHING : SHC_FILE_NOTHING,
		.tested = !other,
		.range = range};

	if (!other && (answer ? asked != '=' : asked == 'e'))
		drop_contradicted(state, path, answer);
	return shc_state_add_fact(state, &fact);
}

int shc_path_learn(struct shc_interpreter *in, struct shc_state *state, const struct shc_term *path,
	enum shc_file_kind kind, struct shc_range range)
{
	struct shc_fact fact = {.path = path, .kind = kind, .range = range};
	uint32_t kept = 0;

	(void)in;
	for (uint32_t i = 0; i < state->fact_count; i++) {
		const struct shc_fact *old = &state->facts[i];

		/* What a test has said of other paths holds only where they surely are others. */
		if (old->asked && old->tested && may_meet(old->path, path))
			continue;
		/* Deleting a folder ends all that was known below it; making a file gives its folders back. */
		if (kind == SHC_FILE_NOTHING && is_within(old->path, path))
			continue;
		if (kind != SHC_FILE_NOTHING &&
			(old->kind == SHC_FILE_NOTHING || old->contents_gone) &&
			is_within(path, old->path))
			continue;
		state->facts[kept++] = *old;
	}
	state->fact_count = kept;
	return shc_state_add_fact(state, &fact);
}

void shc_path_shake(struct shc_state *state)
{
	for (uint32_t i = 0; i < state->fact_count; i++)
		/* What was learnt by comparing two values is no matter of files. */
		if (!state->facts[i].asked || !state->facts[i].target)
			state->facts[i].assumed = true;
}

int shc_path_assume(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_term *path, enum shc_file_kind kind, struct shc_range range)
{
	int r;

	shc_path_shake(state);
	r = shc_path_learn(in, state, path, kind, range);
	if (!r)
		state->facts[state->fact_count - 1].assumed = true;
	return r;
}

int shc_path_empty(struct shc_interpreter *in, struct shc_state *state, const struct shc_term *path,
	struct shc_range range)
{
	struct shc_fact fact = {.kind = SHC_FILE_DIRECTORY, .contents_gone = true, .range = range};
	struct shc_text text;

	if (!shc_term_known(path, &text) || text.length < 3 ||
		memcmp(text.bytes + text.length - 2, "/*", 2))
		return 0;
	fact.path = shc_term_text(in->terms, text.bytes, text.length - 2);
	if (!fact.path || shc_path_learn(in, state, fact.path, SHC_FILE_DIRECTORY, range))
		return -ENOMEM;
	return shc_state_add_fact(state, &fact);
}

/* A redirection to a file: is that read on any path, and which later one overwrites it unread? */
struct shc_written {
	uint32_t start; /* of the redirection */
	bool read;
	int id; /* of the check that has something to say, or 0 */
	struct shc_range command, written;
	struct shc_written *next;
};

/* The output that is written at @start. NULL when there is no memory. */
static struct shc_written *output_of(struct shc_interpreter *in, uint32_t start)
{
	struct shc_written *output = in->outputs;

	while (output && output->start != start)
		output = output->next;
	if (output)
		return output;
	output = shc_arena_take(in->arena, sizeof(*output));
	if (!output)
		return NULL;
	output->start = start;
	output->next = in->outputs;
	in->outputs = output;
	return output;
}

/* What @fact says was written has been read, or may have been. */
static void output_read(struct shc_interpreter *in, struct shc_fact *fact)
{
	struct shc_written *output = fact->written_unread ? output_of(in, fact->range.start) : NULL;

	fact->written_unread = false;
	if (output)
		output->read = true;
}

/* Does @term hold the last name of @path? */
static bool mentions(const struct shc_term *term, const struct shc_term *path)
{
	struct shc_text text, name;
	const char *slash;

	if (!shc_term_known(term, &text) || !shc_term_known(path, &name))
		return true;
	slash = memrchr(name.bytes, '/', name.length);
	if (slash) {
		name.length -= (uint32_t)(slash + 1 - name.bytes);
		name.bytes = slash + 1;
	}
	return name.length && memmem(text.bytes, text.length, name.bytes, name.length);
}

void shc_path_seen(struct shc_interpreter *in, struct shc_state *state, const struct shc_term *term)
{
	const struct shc_term *path = NULL;
	struct shc_text known;

	for (uint32_t i = 0; i < state->fact_count; i++) {
		struct shc_fact *fact = &state->facts[i];

		/* What a command writes it does not read back. */
		if (!fact->written_unread ||
			(in->current && fact->range.start >= in->current->range.start &&
				fact->range.end <= in->current->range.end))
			continue;
		fact->perhaps_read = true;
		if (!path)
			path = term && shc_term_known(term, &known)
				       ? shc_path_normal(in, state, term)
				       : NULL;
		/* What is not known may be this file, and so may a part of the operand. */
		if (!path || is_within(fact->path, path) || mentions(term, fact->path))
			output_read(in, fact);
	}
}

void shc_path_perhaps_made(
	struct shc_interpreter *in, struct shc_state *state, const struct shc_term *term)
{
	const struct shc_term *path = shc_path_normal(in, state, term);
	uint32_t kept = 0;

	for (uint32_t i = 0; i < state->fact_count && path; i++) {
		const struct shc_fact *fact = &state->facts[i];

		if (fact->asked || fact->kind != SHC_FILE_NOTHING ||
			(!is_within(fact->path, path) && !is_within(path, fact->path)))
			state->facts[kept++] = *fact;
	}
	if (path)
		state->fact_count = kept;
}

void shc_path_forget_tested(struct shc_state *state)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < state->fact_count; i++)
		if (!state->facts[i].tested || shc_is_availability(&state->facts[i]))
			state->facts[kept++] = state->facts[i];
	state->fact_count = kept;
}

/* The command at hand has emptied @path by its own redirection before it reads it. */
static void check_own_output(struct shc_interpreter *in, const struct shc_fact *fact)
{
	const struct shc_command *command = in->current;

	if (!command || !fact->written_unread || fact->range.start < command->range.start ||
		fact->range.end > command->range.end)
		return;
	shc_finding_hint(in->findings,
		shc_report(in, 111, command->range,
			"the shell empties this file before the command reads it"),
		"write to another name and mv it over the file when all went well");
}

/* What runs in the background reads @path, whenever that comes. 0 or -ENOMEM. */
static int note_pending(struct shc_interpreter *in, const struct shc_term *path)
{
	struct shc_pending *pending = shc_arena_take(in->arena, sizeof(*pending));

	if (!pending)
		return -ENOMEM;
	*pending = (struct shc_pending){.path = path,
		.range = in->current ? in->current->range : (struct shc_range){0},
		.next = *in->jobs};
	*in->jobs = pending;
	return 0;
}

void shc_check_pending(
	const struct shc_call *call, const struct shc_state *state, const struct shc_term *path)
{
	for (const struct shc_pending *at = state->pending; at; at = at->next) {
		struct shc_finding *finding;

		if (!is_within(at->path, path) && !is_within(path, at->path))
			continue;
		finding = shc_report(call->in, 702, call->command->range,
			"a command in the background may still be reading this");
		if (!finding)
			return;
		shc_finding_hint(call->in->findings, finding, "wait for it first");
		shc_finding_relate(call->in->findings, finding, at->range, "it was started here");
		return;
	}
}

int shc_path_read(struct shc_interpreter *in, struct shc_state *state, const struct shc_term *path)
{
	for (uint32_t i = 0; i < state->fact_count; i++) {
		if (state->facts[i].path == path && !state->facts[i].asked)
			check_own_output(in, &state->facts[i]);
		if (is_within(state->facts[i].path, path))
			output_read(in, &state->facts[i]);
	}
	if (in->jobs && note_pending(in, path))
		return -ENOMEM;
	if (!in->piped)
		return 0;
	if (in->read_count == in->read_capacity) {
		uint32_t capacity = in->read_capacity ? in->read_capacity * 2 : 8;
		struct shc_file_read *grown = realloc(in->reads, capacity * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		in->reads = grown;
		in->read_capacity = capacity;
	}
	in->reads[in->read_count++] = (struct shc_file_read){.path = path, .stage = in->stage};
	return 0;
}

/* ---- Protected paths ------------------------------------------------------------------------------------------ */

/* Only "." and ".." and slashes. */
static bool is_dots(const char *path)
{
	while (*path) {
		size_t length = strcspn(path, "/");

		if (length > 2 || strspn(path, ".") < length)
			return false;
		path += length;
		path += *path == '/';
	}
	return true;
}

static enum shc_protection judge_home(const char *path)
{
	size_t length;

	if (path[0] == HOME && !strncmp(path + 1, "/..", 3))
		return is_dots(path + 1) ? SHC_PROTECTED_USER : SHC_UNPROTECTED;
	if (path[0] == HOME)
		return !path[1] || !strcmp(path + 1, "/*") ? SHC_PROTECTED_USER : SHC_UNPROTECTED;
	if (strncmp(path, "/home/", 6) && strncmp(path, "/Users/", 7))
		return SHC_UNPROTECTED;
	path = strchr(path + 1, '/') + 1;
	length = strcspn(path, "/");
	if (path[0] == STAR || (length && (!path[length] || !strcmp(path + length, "/*"))))
		return SHC_PROTECTED_USER;
	return SHC_UNPROTECTED;
}

/* @path: squeezed, stars as STAR. */
static enum shc_protection judge(char *path)
{
	size_t length = strlen(path);
	char end[4] = {0};

	for (char *at = path; *at; at++)
		if (*at == OTHER)
			return SHC_UNPROTECTED;
	/* A last component that is only "*" means the contents of the folder before it. */
	if (length >= 1 && path[length - 1] == STAR && (length == 1 || path[length - 2] == '/')) {
		memcpy(end, "/*", 3);
		length -= length > 2 ? 2 : 1;
		path[length] = 0;
	}
	if (!path[0] && end[0])
		return SHC_PROTECTED_START;
	for (size_t i = 0; i < sizeof(system_paths) / sizeof(*system_paths); i++)
		if (!strcmp(path, system_paths[i]))
			return SHC_PROTECTED_SYSTEM;
	/* The directory itself, and every one above it. */
	if (path[0] == START && is_dots(path + 1))
		return SHC_PROTECTED_START;
	return judge_home(path);
}

/* Put the current directory before a relative path, without a leading "./". Returns the new length. */
static size_t add_directory(struct shc_interpreter *in, const struct shc_state *state, char *buffer,
	size_t length, size_t size)
{
	char directory[256];
	size_t cut = 0, count = 0;

	while (length - cut >= 2 && buffer[cut] == '.' && buffer[cut + 1] == '/')
		cut += 2;
	for (uint32_t i = 0; i < state->directory->count; i++) {
		const struct shc_piece *piece = &state->directory->pieces[i];

		if (piece->atom) {
			directory[count++] = piece->atom == shc_term_single_atom(in->home) ? HOME
					     : piece->atom == shc_term_single_atom(in->start)
						     ? START
						     : OTHER;
		} else if (piece->text.length < sizeof(directory) - count - 2) {
			memcpy(directory + count, piece->text.bytes, piece->text.length);
			count += piece->text.length;
		} else {
			directory[count++] = OTHER;
		}
		if (count > sizeof(directory) - 4)
			break;
	}
	directory[count++] = '/';
	if (count + length - cut >= size)
		return length;
	memmove(buffer + count, buffer + cut, length - cut);
	memcpy(buffer, directory, count);
	return count + length - cut;
}

/* Where @path goes through a link that is known, put its target in place. Returns the new length. */
static size_t follow_links(const struct shc_state *state, char *path, size_t length, size_t size)
{
	for (uint32_t i = state->fact_count; i-- > 0;) {
		const struct shc_fact *fact = &state->facts[i];
		struct shc_text link, target;

		if (fact->asked || fact->kind != SHC_FILE_LINK || !fact->target ||
			!shc_term_known(fact->path, &link) ||
			!shc_term_known(fact->target, &target) || length <= link.length ||
			memcmp(path, link.bytes, link.length) || path[link.length] != '/' ||
			target.length + length - link.length >= size)
			continue;
		memmove(path + target.length, path + link.length, length - link.length);
		memcpy(path, target.bytes, target.length);
		length += target.length;
		length -= link.length;
	}
	return length;
}

/* Is the last component of @text "." or ".."? */
static bool ends_in_dots(const char *text, size_t length)
{
	size_t dots = 0;

	while (dots < length && text[length - 1 - dots] == '.')
		dots++;
	return (dots == 1 || dots == 2) && (dots == length || text[length - 1 - dots] == '/');
}

/* The text of @field with the atoms of @empty (bits over those that may be empty) taken as "". Length, or -1. */
static int spell(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_field *field, unsigned int empty, char *buffer, size_t size,
	struct shc_harm *ret)
{
	unsigned int bit = 0;
	size_t length = 0;

	ret->empty = NULL;
	ret->every = false;
	for (uint32_t i = 0; i < field->count; i++) {
		const struct shc_piece *piece = &field->pieces[i].piece;
		char one = OTHER;

		if (!piece->atom) {
			if (length + piece->text.length + 1 >= size)
				return -1;
			for (uint32_t j = 0; j < piece->text.length; j++) {
				char c = piece->text.bytes[j];

				buffer[length++] = field->pieces[i].glob && c == '*' ? STAR : c;
			}
			continue;
		}
		if (piece->atom == shc_term_single_atom(in->home) || piece->atom->home)
			one = HOME;
		else if (piece->atom == shc_term_single_atom(in->start))
			one = START;
		else if (shc_dfa_matches(shc_state_language_of(state, piece->atom), "", 0) &&
			 bit < SUBSETS_MAX && (empty >> bit++ & 1)) {
			ret->empty = piece->atom;
			continue;
		} else if (piece->atom->every &&
			   shc_state_language_of(state, piece->atom) == piece->atom->language) {
			/* No test has told names apart. */
			one = STAR;
			ret->every = true;
		}
		if (length + 2 >= size)
			return -1;
		buffer[length++] = one;
	}
	ret->dots = ends_in_dots(buffer, length);
	if (length && buffer[0] != '/' && buffer[0] != HOME && buffer[0] != START)
		length = add_directory(in, state, buffer, length, size);
	length = follow_links(state, buffer, length, size);
	length = squeeze(buffer, (uint32_t)length, true, true);
	buffer[length] = 0;
	return (int)length;
}

static uint32_t may_be_empty_count(const struct shc_state *state, const struct shc_field *field)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < field->count; i++)
		if (field->pieces[i].piece.atom &&
			shc_dfa_matches(
				shc_state_language_of(state, field->pieces[i].piece.atom), "", 0))
			count++;
	return count;
}

static void show_path(struct shc_harm *harm, const char *path)
{
	size_t to = 0;

	for (; *path && to + 8 < sizeof(harm->path); path++) {
		const char *text = *path == HOME ? "$HOME" : *path == START ? "." : NULL;

		if (text) {
			memcpy(harm->path + to, text, strlen(text));
			to += strlen(text);
		} else {
			harm->path[to++] = *path == STAR ? '*' : *path;
		}
	}
	harm->path[to] = 0;
}

struct shc_harm shc_field_harm(
	struct shc_interpreter *in, const struct shc_state *state, const struct shc_field *field)
{
	struct shc_harm harm = {0};
	uint32_t unknown = may_be_empty_count(state, field);
	unsigned int subsets = 1u << (unknown < SUBSETS_MAX ? unknown : SUBSETS_MAX);
	char path[512], shown[512];

	for (unsigned int empty = 0; empty < subsets; empty++) {
		int length = spell(in, state, field, empty, path, sizeof(path), &harm);

		if (length <= 0)
			continue;
		memcpy(shown, path, (size_t)length + 1);
		harm.protection = judge(path);
		if (harm.protection != SHC_UNPROTECTED) {
			show_path(&harm, shown);
			return harm;
		}
	}
	harm.empty = NULL;
	return harm;
}

/* ---- Redirections --------------------------------------------------------------------------------------------- */

bool shc_path_is_being_read(const struct shc_interpreter *in, const struct shc_term *path)
{
	for (uint32_t i = in->read_start; i < in->read_count; i++)
		if (in->reads[i].path == path && in->reads[i].stage != in->stage)
			return true;
	return false;
}

/* Files of the kernel, where nothing is overwritten. */
static bool is_device(const struct shc_term *path)
{
	static const char *const folders[] = {"/dev/", "/proc/", "/sys/"};
	struct shc_text text;

	if (!path->count || path->pieces[0].atom)
		return false;
	text = path->pieces[0].text;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (text.length > strlen(folders[i]) &&
			!memcmp(text.bytes, folders[i], strlen(folders[i])))
			return true;
	return false;
}

/* Standard output; what goes to other descriptors is seldom a result. */
static bool is_output(const struct shc_redirect *redirect)
{
	return (redirect->fd < 0 || redirect->fd == 1) && !redirect->fd_name.length;
}

/* Does the command write anything? An empty file is no output that could be lost. */
static bool writes(const struct shc_command *command)
{
	struct shc_text name;

	if (command->kind != SHC_COMMAND_SIMPLE)
		return true;
	name = shc_command_name(command);
	return command->simple.words && !shc_text_is(name, ":") && !shc_text_is(name, "true");
}

/* @fact has been written, and now @redirect empties the file. Said at the end, if then nothing has read it. */
static void note_overwritten(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_redirect *redirect, const struct shc_fact *fact)
{
	bool same = fact->range.start == redirect->range.start;
	struct shc_written *output;
	int id = 0;

	if (command->kind != SHC_COMMAND_SIMPLE || !writes(command))
		return;
	if (same && in->loops)
		id = 112;
	else if (!same && !in->loops && !in->call_depth && !fact->perhaps_read)
		id = 113;
	output = id ? output_of(in, fact->range.start) : NULL;
	if (!output || output->id)
		return;
	output->id = id;
	output->command = command->range;
	output->written = fact->range;
}

void shc_check_outputs(struct shc_interpreter *in)
{
	for (const struct shc_written *output = in->outputs; output; output = output->next) {
		struct shc_finding *finding;

		if (!output->id || output->read)
			continue;
		if (output->id == 112) {
			/* The same again is no loss. */
			if (!shc_varies_in_loop(in, output->command))
				continue;
			finding = shc_report(in, 112, output->command,
				"every turn of the loop overwrites what the turn before has "
				"written");
			shc_finding_hint(in->findings, finding,
				"append with >>, or redirect the whole loop: done > file");
			continue;
		}
		finding = shc_report(in, 113, output->command,
			"this overwrites what was written before, and nothing has read that");
		shc_finding_hint(in->findings, finding, "append with >>");
		shc_finding_relate(in->findings, finding, output->written, "written here");
	}
}

/* SH201: the folder was deleted, and the shell makes no folders. */
static void check_folder(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_state *state, const struct shc_term *path)
{
	const struct shc_fact *fact = shc_path_fact(in, state, path);
	struct shc_finding *finding;

	if (!fact || fact->kind != SHC_FILE_NOTHING || fact->tested || fact->path == path ||
		fact->range.start == command->range.start)
		return;
	finding = shc_report(
		in, 201, command->range, "this cannot be opened: its folder was removed before");
	shc_finding_relate(in->findings, finding, fact->range, "removed here");
}

/* `> f`: what was in f is gone. */
static int truncate_file(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_redirect *redirect, struct shc_state *state, const struct shc_term *path)
{
	const struct shc_fact *fact = shc_path_fact(in, state, path);
	struct shc_fact now = {
		.path = path,
		.kind = SHC_FILE_REGULAR,
		.written_unread = writes(command) && is_output(redirect),
		.assumed = true,
		.range = redirect->range,
	};
	struct shc_finding *finding;

	if (is_device(path))
		return 0;
	if (shc_path_is_being_read(in, path)) {
		finding = shc_report(in, 111, command->range,
			"the shell empties this file before the pipeline reads it");
		shc_finding_hint(in->findings, finding,
			"write to another name and mv it over the file when all went well");
	} else if (fact && fact->written_unread && fact->path == path) {
		note_overwritten(in, command, redirect, fact);
	}
	if (shc_path_assume(in, state, path, SHC_FILE_REGULAR, redirect->range))
		return -ENOMEM;
	return shc_state_add_fact(state, &now);
}

static void check_function_name(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_redirect *redirect, const struct shc_state *state)
{
	struct shc_finding *finding;
	uint32_t number;

	if (!redirect->target->constant ||
		shc_name_number(in, redirect->target->literal, &number) ||
		!shc_state_function(state, number))
		return;
	finding = shc_report(in, 504, command->range,
		"this writes to a file called '%.*s', not to the function of that name",
		(int)redirect->target->literal.length, redirect->target->literal.bytes);
	shc_finding_hint(in->findings, finding, "use a pipe: ... | %.*s",
		(int)redirect->target->literal.length, redirect->target->literal.bytes);
	shc_finding_relate(in->findings, finding, shc_state_function(state, number)->range,
		"the function is defined here");
}

bool shc_redirects_may_fail(const struct shc_command *command)
{
	for (const struct shc_redirect *redirect = command->redirects; redirect;
		redirect = redirect->next) {
		struct shc_text text = redirect->target->literal;

		switch (redirect->kind) {
		case SHC_REDIRECT_HERE_DOCUMENT:
		case SHC_REDIRECT_HERE_STRING:
			continue;
		case SHC_REDIRECT_DUP_INPUT:
		case SHC_REDIRECT_DUP_OUTPUT:
			/* The three that every program starts with, or closing one. */
			if (redirect->target->constant && text.length == 1 &&
				strchr("012-", text.bytes[0]))
				continue;
			return true;
		default:
			if (shc_text_is(text, "/dev/null"))
				continue;
			return true;
		}
	}
	return false;
}

/* SH204: sudo gives its rights to the command, not to the shell that opens the file. */
static void check_rights(
	struct shc_interpreter *in, const struct shc_command *command, const struct shc_term *path)
{
	static const char *const folders[] = {
		"/etc/", "/usr/", "/boot/", "/root/", "/sys/", "/proc/sys/", "/var/lib/", "/lib/"};
	struct shc_text text;

	if (command->kind != SHC_COMMAND_SIMPLE ||
		!shc_text_is(shc_command_name(command), "sudo") || !path->count ||
		path->pieces[0].atom)
		return;
	text = path->pieces[0].text;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (text.length >= strlen(folders[i]) &&
			!memcmp(text.bytes, folders[i], strlen(folders[i]))) {
			shc_finding_hint(in->findings,
				shc_report(in, 204, command->range,
					"the shell opens this file without the rights of sudo"),
				"... | sudo tee FILE > /dev/null");
			return;
		}
}

/* Is @command a program, which bash starts before it expands the redirections? */
static bool is_program(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_state *state)
{
	struct shc_text name;
	uint32_t number;

	if (command->kind != SHC_COMMAND_SIMPLE || !command->simple.words)
		return false;
	name = shc_command_name(command);
	return name.length && !shc_builtin_find(name) &&
	       (shc_name_number(in, name, &number) || !shc_state_function(state, number));
}

/* << and <<<: what the text assigns stays; of a program, it does in dash only. 1, 0 or -ENOMEM. */
static int open_text(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_redirect *redirect, struct shc_state *state)
{
	const struct shc_word *text = redirect->body ? redirect->body : redirect->target;
	bool aside = in->script->dialect == SHC_BASH && is_program(in, command, state);
	struct shc_state *copy = aside ? shc_state_clone(state) : NULL;
	const struct shc_term *term;
	int r = -ENOMEM;

	if (copy || !aside)
		r = shc_expand_value(in, copy ? copy : state, text, &term);
	in->may_end |= !r;
	shc_state_destroy(copy);
	return r < 0 ? r : 0;
}

int shc_redirect_open(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_redirect *redirect, struct shc_state *state)
{
	const struct shc_term *term, *path;
	int r;

	switch (redirect->kind) {
	case SHC_REDIRECT_INPUT:
	case SHC_REDIRECT_OUTPUT:
	case SHC_REDIRECT_CLOBBER:
	case SHC_REDIRECT_APPEND:
	case SHC_REDIRECT_BOTH:
	case SHC_REDIRECT_BOTH_APPEND:
		break;
	case SHC_REDIRECT_HERE_DOCUMENT:
	case SHC_REDIRECT_HERE_STRING:
		return open_text(in, command, redirect, state);
	default:
		return 0;
	}
	r = shc_expand_value(in, state, redirect->target, &term);
	in->may_end |= !r;
	if (r <= 0)
		return r;
	path = shc_path_normal(in, state, term);
	if (!path)
		return -ENOMEM;
	if (redirect->kind == SHC_REDIRECT_INPUT) {
		const struct shc_command *current = in->current;
		uint32_t stage = in->stage;

		/* The input of a loop is no matter of the command that ran before it. */
		in->current = command->kind == SHC_COMMAND_SIMPLE ? command : NULL;
		in->piped++;
		in->stage = SHC_STAGE_OPEN;
		r = shc_path_read(in, state, path);
		in->stage = stage;
		in->current = current;
		in->piped--;
		return r;
	}
	check_function_name(in, command, redirect, state);
	check_folder(in, command, state, path);
	check_rights(in, command, path);
	if (redirect->kind == SHC_REDIRECT_APPEND || redirect->kind == SHC_REDIRECT_BOTH_APPEND)
		return is_device(path) ? 0
				       : shc_path_assume(in, state, path, SHC_FILE_REGULAR,
						 redirect->range);
	return truncate_file(in, command, redirect, state, path);
}
