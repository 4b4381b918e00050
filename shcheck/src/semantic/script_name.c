/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "script_name.h"

#include <errno.h>
#include <string.h>

#include "mistake.h"
#include "parameter.h"

/* Patterns of paths; "*" matches every byte. */
static int pattern(struct shc_dfa_pool *pool, const char *text, const struct shc_dfa **ret)
{
	return shc_dfa_glob(pool, text, strlen(text), 0, ret, NULL);
}

const struct shc_dfa *shc_script_name_language(struct shc_dfa_pool *pool)
{
	const struct shc_dfa *all, *folders, *options;

	if (pattern(pool, MADE(NAME_HAS_FOLDER) ? "*/*" : "?*", &all) ||
		pattern(pool, "*/", &folders) || pattern(pool, "-*", &options) ||
		shc_dfa_difference(pool, all, folders, &all) ||
		shc_dfa_difference(pool, all, options, &all))
		return shc_dfa_text(pool);
	return all;
}

/* ---- The three forms -------------------------------------------------------------------------------------------- */

static bool takes_apart(const struct shc_parameter *parameter)
{
	switch (parameter->op) {
	case SHC_OP_REMOVE_PREFIX:
	case SHC_OP_REMOVE_PREFIX_LONG:
	case SHC_OP_REMOVE_SUFFIX:
	case SHC_OP_REMOVE_SUFFIX_LONG:
		return true;
	default:
		return false;
	}
}

/* Is $0 read in @part, with an operator that takes a part of it, or (@whole) as it is? */
static bool reads_name(const struct shc_part *part, bool whole)
{
	for (; part; part = part->next) {
		if (part->kind == SHC_PART_DOUBLE && reads_name(part->parts, whole))
			return true;
		if (part->kind == SHC_PART_PARAMETER &&
			part->parameter->kind == SHC_PARAMETER_POSITIONAL &&
			!part->parameter->number && (whole || takes_apart(part->parameter)))
			return true;
	}
	return false;
}

static bool splits_name(const struct shc_command *command)
{
	static const char *const names[] = {"basename", "cd", "dirname", "readlink", "realpath"};
	const struct shc_assignment *a;
	struct shc_text name;
	bool whole = false;

	if (command->kind != SHC_COMMAND_SIMPLE)
		return false;
	name = shc_command_name(command);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		whole |= shc_text_is(name, names[i]);
	for (a = command->simple.assignments; a; a = a->next)
		if (a->value && reads_name(a->value->parts, false))
			return true;
	for (const struct shc_word *word = command->simple.words; word; word = word->next)
		if (reads_name(word->parts, whole))
			return true;
	return false;
}

/* Append @state as far as $0, an unknown, is in the form @index. Borrows @state. 0 or -ENOMEM. */
static int add_form(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_atom *name, int index, struct shc_outcomes *next)
{
	const struct shc_dfa *absolute, *folders, *language = NULL;
	struct shc_state *copy;
	int r = pattern(in->pool, "/*", &absolute);

	r = r ? r : pattern(in->pool, "*/*", &folders);
	if (!r && index == 0)
		r = shc_dfa_difference(in->pool, shc_dfa_text(in->pool), folders, &language);
	else if (!r && index == 1)
		r = shc_dfa_difference(in->pool, folders, absolute, &language);
	else if (!r)
		language = absolute;
	if (r)
		return -ENOMEM;
	copy = shc_state_clone(state);
	r = copy ? shc_state_narrow(copy, in->pool, name, language) : -ENOMEM;
	if (r > 0)
		return shc_outcomes_add(in, next, copy, SHC_FLOW_NEXT, 0);
	shc_state_destroy(copy);
	return r;
}

int shc_split_script_name(
	struct shc_interpreter *in, const struct shc_command *command, struct shc_outcomes *now)
{
	static const struct shc_parameter zero = {.kind = SHC_PARAMETER_POSITIONAL};
	struct shc_outcomes next = {0};
	int r = 0;

	if (!splits_name(command) || shc_spent(in) >= 50)
		return 0;
	for (uint32_t i = 0; i < now->count && !r; i++) {
		struct shc_parameter_value value;
		const struct shc_atom *name;

		r = shc_parameter_read(in, now->items[i].state, &zero, command->range, &value);
		name = r ? NULL : shc_term_single_atom(value.term);
		for (int form = 0; form < 3 && name && !r; form++)
			r = add_form(in, now->items[i].state, name, form, &next);
		if (!name && !r) {
			r = shc_outcomes_add(in, &next, now->items[i].state, SHC_FLOW_NEXT, 0);
			now->items[i].state = NULL;
		}
	}
	shc_outcomes_finish(now);
	*now = next;
	return r;
}

/* ---- dirname and basename --------------------------------------------------------------------------------------- */

/* The folders of all paths in @paths, which have a slash and end in a name. 0 or an error of the automata. */
static int folders_of(
	struct shc_dfa_pool *pool, const struct shc_dfa *paths, const struct shc_dfa **ret)
{
	struct shc_byte_set slash = shc_byte_set_of("/", 1);
	const struct shc_dfa *name, *slashes, *root, *folders;
	int r = pattern(pool, "/*", &name);

	r = r ? r : shc_dfa_bytes_star(pool, &slash, &slashes);
	r = r ? r : shc_dfa_remove(pool, SHC_REMOVE_SUFFIX, paths, name, &folders);
	r = r ? r : shc_dfa_remove(pool, SHC_REMOVE_SUFFIX_LONGEST, folders, slashes, &folders);
	if (r || !shc_dfa_matches(folders, "", 0)) {
		*ret = r ? NULL : folders;
		return r;
	}
	r = shc_dfa_literal(pool, "/", 1, &root);
	r = r ? r : shc_dfa_difference(pool, folders, shc_dfa_epsilon(pool), &folders);
	r = r ? r : shc_dfa_union(pool, folders, root, &folders);
	*ret = folders;
	return r;
}

static bool meet(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa *b)
{
	return shc_dfa_intersect(pool, a, b, &a) || !shc_dfa_is_empty(a);
}

const struct shc_term *shc_path_part(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_term *operand, bool folder, struct shc_range range)
{
	struct shc_dfa_pool *pool = in->pool;
	const struct shc_dfa *all, *ends, *options, *slash, *names, *paths, *result, *dot;

	if (shc_state_term_language(state, pool, operand, &all) || pattern(pool, "*/", &ends) ||
		pattern(pool, "-*", &options) || pattern(pool, "*/*", &slash) ||
		shc_dfa_matches(all, "", 0) || meet(pool, all, ends) || meet(pool, all, options))
		return NULL;
	if (!meet(pool, all, slash))
		return folder ? shc_term_text(in->terms, ".", 1) : operand;
	if (!folder)
		return shc_dfa_remove(pool, SHC_REMOVE_PREFIX_LONGEST, all, ends, &result)
			       ? NULL
			       : shc_unknown(in, SHC_ORIGIN_FILE_NAME, result, range);
	if (shc_dfa_intersect(pool, all, slash, &paths) ||
		shc_dfa_difference(pool, all, slash, &names) || folders_of(pool, paths, &result))
		return NULL;
	if (!shc_dfa_is_empty(names) &&
		(shc_dfa_literal(pool, ".", 1, &dot) || shc_dfa_union(pool, result, dot, &result)))
		return NULL;
	return shc_unknown(in, SHC_ORIGIN_FILE_NAME, result, range);
}
