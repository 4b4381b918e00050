/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "parameter.h"

#include "arena.h"
#include "arrays.h"
#include "attributes.h"
#include "mistake.h"
#include "script_name.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Variables that a shell or any login sets: reading them is never "unset". Those behind the NULL only bash sets. */
static const char *const always_set[] = {
	"HOME",
	"PATH",
	"PWD",
	"IFS",
	"PPID",
	"OPTIND",
	"PS1",
	"PS4",
	NULL,
	"LINENO",
	"UID",
	"EUID",
	"RANDOM",
	"SECONDS",
	"HOSTNAME",
	"HOSTTYPE",
	"OSTYPE",
	"MACHTYPE",
	"BASH",
	"BASHPID",
	"BASH_VERSION",
	"BASH_VERSINFO",
	"BASH_SOURCE",
	"BASH_LINENO",
	"BASH_SUBSHELL",
	"FUNCNAME",
	"SHELLOPTS",
	"SHLVL",
	"GROUPS",
	"DIRSTACK",
	"PIPESTATUS",
	"BASHOPTS",
	"EPOCHSECONDS",
	"EPOCHREALTIME",
	"BASH_COMMAND",
	"BASH_REMATCH",
};

bool shc_name_is_set(enum shc_dialect dialect, struct shc_text name)
{
	for (size_t i = 0; i < sizeof(always_set) / sizeof(*always_set); i++) {
		if (!always_set[i] && dialect != SHC_BASH)
			return false;
		if (always_set[i] && shc_text_is(name, always_set[i]))
			return true;
	}
	return false;
}

const struct shc_term *shc_unknown(struct shc_interpreter *in, enum shc_origin origin,
	const struct shc_dfa *language, struct shc_range range)
{
	const struct shc_term *term = NULL;
	char buffer[256];
	size_t length;

	/* A language of one string is no unknown. */
	if (shc_dfa_single(language, buffer, sizeof(buffer), &length))
		term = shc_term_text(in->terms, buffer, length);
	return term ? term : shc_term_atom(in->terms, origin, language, range);
}

static const struct shc_term *number_term(
	struct shc_interpreter *in, long long low, long long high, struct shc_range range)
{
	const struct shc_dfa *language;

	if (shc_dfa_interval(in->pool, low, high, &language))
		language = shc_dfa_text(in->pool);
	return shc_unknown(in, SHC_ORIGIN_NUMBER, language, range);
}

bool shc_may_be_empty(
	struct shc_interpreter *in, const struct shc_state *state, const struct shc_term *term)
{
	(void)in;
	for (uint32_t i = 0; i < term->count; i++) {
		if (!term->pieces[i].atom)
			return false;
		if (!shc_dfa_matches(shc_state_language_of(state, term->pieces[i].atom), "", 0))
			return false;
	}
	return true;
}

/* What a reference leads to is not known. */
static int read_anything(
	struct shc_interpreter *in, struct shc_range range, struct shc_parameter_value *ret)
{
	ret->presence = SHC_PERHAPS;
	ret->term = shc_unknown(in, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(in->pool), range);
	return ret->term ? 0 : -ENOMEM;
}

static int read_variable(struct shc_interpreter *in, struct shc_state *state, struct shc_text name,
	struct shc_parameter_value *ret)
{
	struct shc_variable *variable;
	uint32_t number;
	int r = shc_resolve(in, state, name, &number);

	if (r < 0)
		return r;
	if (!r)
		return read_anything(in, (struct shc_range){0, 0}, ret);
	name = in->names[number].text;
	variable = shc_state_variable(state, number);
	if (!variable)
		return -ENOMEM;
	if (variable->assigned) {
		ret->presence = variable->presence;
		ret->term = variable->term;
		return 0;
	}
	ret->term = shc_text_is(name, "HOME")  ? in->home
		    : shc_text_is(name, "PWD") ? state->directory
					       : shc_name_environment(in, number);
	ret->presence = shc_name_is_set(in->script->dialect, name) ? SHC_PRESENT : SHC_PERHAPS;
	/* The current directory changes without an assignment. */
	if (!shc_text_is(name, "PWD"))
		variable->term = ret->term;
	return ret->term ? 0 : -ENOMEM;
}

/* Parameters beyond the known ones are numbered from the first `shift` on, so that equal numbers are equal values. */
static int read_positional(struct shc_interpreter *in, struct shc_state *state, uint32_t number,
	struct shc_parameter_value *ret)
{
	uint64_t wanted = number ? number + state->shifted : 0;
	struct shc_positional **list = &in->positionals[wanted % 64], *at;
	const struct shc_dfa *language;

	if (!number && state->name) {
		ret->presence = SHC_PRESENT;
		ret->term = state->name;
		return 0;
	}
	if (number && number <= state->argument_count) {
		ret->presence = SHC_PRESENT;
		ret->term = state->arguments[MADE(FIRST_FOR_EVERY_PARAMETER) ? 0 : number - 1];
		return 0;
	}
	if (number && !state->arguments_open) {
		ret->presence = SHC_ABSENT;
		ret->term = NULL;
		return 0;
	}
	ret->presence = number ? SHC_PERHAPS : SHC_PRESENT;
	if (number)
		state->arguments_fresh = false;
	state->arguments_read |= number > 0;
	for (at = *list; at && at->number != wanted; at = at->next)
		;
	if (!at) {
		at = shc_arena_take(in->arena, sizeof(*at));
		if (!at)
			return -ENOMEM;
		at->number = wanted;
		language = number ? shc_dfa_text(in->pool) : shc_script_name_language(in->pool);
		at->term = shc_term_share(shc_term_atom(
			in->terms, SHC_ORIGIN_ARGUMENT, language, (struct shc_range){0, 0}));
		at->next = *list;
		*list = at;
	}
	ret->term = at->term;
	return ret->term ? 0 : -ENOMEM;
}

/* What "$*" puts between parameters: the first byte of IFS. NULL when it is not known, or there is no memory. */
static const struct shc_term *arguments_separator(
	struct shc_interpreter *in, const struct shc_state *state)
{
	const struct shc_variable *variable;
	struct shc_text text;
	uint32_t number;

	if (shc_name_number(in, (struct shc_text){.bytes = "IFS", .length = 3}, &number))
		return NULL;
	variable = number < state->variable_count ? &state->variables[number] : NULL;
	if (!variable || !variable->assigned || variable->presence == SHC_ABSENT ||
		MADE(STAR_JOINED_BY_BLANK))
		return shc_term_text(in->terms, " ", 1);
	if (variable->presence != SHC_PRESENT || !shc_term_known(variable->term, &text))
		return NULL;
	/* bash joins them by blanks after all where the operand of a declaration does not quote $*. */
	if (!text.length && in->declaring && in->script->dialect == SHC_BASH)
		return NULL;
	return shc_term_text(in->terms, text.bytes, text.length ? 1 : 0);
}

/* All positional parameters as one string: "$*". */
static const struct shc_term *joined_arguments(
	struct shc_interpreter *in, const struct shc_state *state, bool at, struct shc_range range)
{
	const struct shc_term *all = shc_term_text(in->terms, "", 0);
	const struct shc_term *between = arguments_separator(in, state);

	/* In a value, bash joins "$@" with blanks and dash with the first byte of IFS. */
	if (!between || state->arguments_open ||
		(at && state->argument_count > 1 && !shc_term_is(between, " ")))
		return shc_unknown(in, SHC_ORIGIN_ARGUMENT, shc_dfa_text(in->pool), range);
	for (uint32_t i = 0; i < state->argument_count; i++) {
		if (i)
			all = shc_term_concat(in->terms, all, between);
		all = shc_term_concat(in->terms, all, state->arguments[i]);
	}
	return all;
}

static int read_special(struct shc_interpreter *in, struct shc_state *state, char which,
	struct shc_range range, struct shc_parameter_value *ret)
{
	ret->presence = SHC_PRESENT;
	switch (which) {
	case '?':
		if (state->status.lost) {
			const struct shc_dfa *zero;

			if (shc_dfa_literal(in->pool, "0", 1, &zero))
				return -ENOMEM;
			ret->term = shc_term_atom(
				in->terms, SHC_ORIGIN_LOST, zero, state->status.range);
			break;
		}
		/* Substitutions of the same word have run already, though they stand further on. */
		ret->term = state->has_substituted
				    ? number_term(in, 0, 255, range)
				    : number_term(in, state->status.low, state->status.high, range);
		break;
	case '#':
		ret->term = number_term(in, state->argument_count + MADE(COUNT_OFF_BY_ONE),
			state->arguments_open
				? INT64_MAX
				: (int64_t)state->argument_count + MADE(COUNT_OFF_BY_ONE),
			range);
		break;
	case '@':
	case '*':
		ret->term = joined_arguments(in, state, which == '@', range);
		break;
	case '$':
		ret->term = number_term(in, 1, INT_MAX, range);
		break;
	case '!':
		ret->presence = SHC_PERHAPS;
		ret->term =
			shc_unknown(in, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(in->pool), range);
		break;
	default:
		ret->term =
			shc_unknown(in, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(in->pool), range);
	}
	return ret->term ? 0 : -ENOMEM;
}

/* ${x[k]}, and ${x[@]} as one value. */
static int read_element(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_parameter *parameter, struct shc_range range,
	struct shc_parameter_value *ret)
{
	const struct shc_subscript *subscript = &parameter->subscript;
	const struct shc_variable *variable;
	const struct shc_array *exact;
	uint32_t number;
	int r = shc_resolve(in, state, parameter->name, &number);

	if (r <= 0)
		return r ? r : read_anything(in, range, ret);
	if (!shc_state_variable(state, number))
		return -ENOMEM;
	variable = &state->variables[number];
	if (variable->elements && subscript->kind == SHC_SUBSCRIPT_KEY)
		return shc_array_element(
			in, state, variable, subscript, range, &ret->presence, &ret->term);
	exact = shc_array_exact(variable);
	if (exact && !exact->count) {
		ret->presence = SHC_ABSENT;
		ret->term = NULL;
		return 0;
	}
	if (exact && shc_array_length(exact) == 1) {
		ret->presence = SHC_PRESENT;
		ret->term = shc_array_value(exact, 0);
		return 0;
	}
	/* Of a plain variable, element 0 is the value. */
	if (variable->assigned && !variable->elements &&
		(subscript->kind != SHC_SUBSCRIPT_KEY ||
			(subscript->word->constant && shc_text_is(subscript->word->literal, "0"))))
		return read_variable(in, state, parameter->name, ret);
	ret->presence = exact ? SHC_PRESENT : SHC_PERHAPS;
	ret->term = shc_unknown(in, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(in->pool), range);
	return ret->term ? 0 : -ENOMEM;
}

static int read_any(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_parameter *parameter, struct shc_range range,
	struct shc_parameter_value *ret)
{
	if (parameter->indirect || parameter->kind == SHC_PARAMETER_BAD ||
		parameter->op == SHC_OP_NAMES || parameter->op == SHC_OP_KEYS) {
		ret->presence = SHC_PERHAPS;
		ret->term =
			shc_unknown(in, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(in->pool), range);
		return ret->term ? 0 : -ENOMEM;
	}
	switch (parameter->kind) {
	case SHC_PARAMETER_VARIABLE:
		return parameter->subscript.kind == SHC_SUBSCRIPT_NONE
			       ? read_variable(in, state, parameter->name, ret)
			       : read_element(in, state, parameter, range, ret);
	case SHC_PARAMETER_POSITIONAL:
		return read_positional(in, state, parameter->number, ret);
	default:
		return read_special(in, state, parameter->name.bytes[0], range, ret);
	}
}

int shc_parameter_read(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_parameter *parameter, struct shc_range range,
	struct shc_parameter_value *ret)
{
	int r = read_any(in, state, parameter, range, ret);

	/* The expansion of an absent one is empty: where it cannot be, it is there. */
	if (!r && ret->presence == SHC_PERHAPS && !shc_may_be_empty(in, state, ret->term))
		ret->presence = SHC_PRESENT;
	return r;
}

/* ---- Operators ------------------------------------------------------------------------------------------------ */

struct operation {
	struct shc_interpreter *in;
	struct shc_state *state;
	const struct shc_parameter *parameter;
	struct shc_range range;
	struct shc_parameter_value value;
};

/* The language of a term; all text when it grows too large. NULL when there is no memory. */
static const struct shc_dfa *language_of(const struct operation *op, const struct shc_term *term)
{
	const struct shc_dfa *language;

	if (shc_state_term_language(op->state, op->in->pool, term, &language) == -ENOMEM)
		return NULL;
	return language;
}

/* A derived unknown; a language too large (r = -E2BIG) is all text. */
static int derived(const struct operation *op, int r, const struct shc_dfa *language,
	const struct shc_term **ret)
{
	if (r == -E2BIG || r == -EINVAL)
		language = shc_dfa_text(op->in->pool);
	else if (r < 0)
		return r;
	*ret = shc_unknown(op->in, SHC_ORIGIN_DERIVED, language, op->range);
	return *ret ? 1 : -ENOMEM;
}

/* Either of two terms: one unknown with both languages. */
static int either(const struct operation *op, const struct shc_term *a, const struct shc_term *b,
	const struct shc_term **ret)
{
	const struct shc_dfa *left = language_of(op, a), *right = language_of(op, b), *both = NULL;
	int r;

	if (a == b) {
		*ret = a;
		return 1;
	}
	if (!left || !right)
		return -ENOMEM;
	r = shc_dfa_union(op->in->pool, left, right, &both);
	return derived(op, r, both, ret);
}

/* Which of the branches of - = ? + can be taken: bit 0 the value, bit 1 the word. */
static unsigned int branches(const struct operation *op)
{
	const struct shc_parameter_value *value = &op->value;
	unsigned int taken = 0;

	if (value->presence != SHC_ABSENT)
		taken |= 1;
	if (value->presence != SHC_PRESENT && !MADE(DEFAULT_NEVER_TAKEN))
		taken |= 2;
	if (op->parameter->colon && value->term && !MADE(COLON_IGNORED)) {
		const struct shc_dfa *language = language_of(op, value->term);

		if (language && language == shc_dfa_epsilon(op->in->pool))
			taken = 2;
		else if (shc_may_be_empty(op->in, op->state, value->term))
			taken |= 2;
	}
	return taken;
}

/* The value without "" where the colon says so, and without absence. */
static const struct shc_term *present_value(const struct operation *op)
{
	const struct shc_dfa *language, *rest;
	const struct shc_term *term = op->value.term;

	if (!op->parameter->colon || !shc_may_be_empty(op->in, op->state, term))
		return term;
	language = language_of(op, term);
	if (!language)
		return NULL;
	if (shc_dfa_difference(op->in->pool, language, shc_dfa_epsilon(op->in->pool), &rest))
		return term;
	return shc_unknown(op->in, SHC_ORIGIN_DERIVED, rest, op->range);
}

/*
 * The word of an operator that may be taken or not: what it assigns and asserts holds only where it is, so it is
 * expanded in a copy, and the state covers both afterwards.
 */
static int expand_perhaps(const struct operation *op, bool certain, const struct shc_term **ret)
{
	struct shc_state *copy;
	int r;

	if (certain)
		return shc_expand_value(op->in, op->state, op->parameter->word, ret);
	copy = shc_state_clone(op->state);
	if (!copy)
		return -ENOMEM;
	r = shc_expand_value(op->in, copy, op->parameter->word, ret);
	if (!r && shc_may_end_here(op->in, copy))
		r = -ENOMEM;
	if (r > 0 && op->parameter->word && !op->parameter->word->constant)
		r = shc_state_join(op->state, copy, op->in->terms, SHC_JOIN_STATES, 0, op->range)
			    ? -ENOMEM
			    : 1;
	shc_state_destroy(copy);
	return r;
}

/* ${x=w}: where x has attributes, the value is what they make of it. 1 or -ENOMEM. */
static int assign_default(const struct operation *op, const struct shc_term **ret)
{
	const struct shc_variable *variable;
	uint32_t number;
	int r = shc_assign(op->in, op->state, op->parameter->name, *ret, op->range);

	r = r ? r : shc_resolve(op->in, op->state, op->parameter->name, &number);
	if (r <= 0)
		return r ? r : 1;
	variable = &op->state->variables[number];
	return shc_attributes_any(variable) && variable->term
		       ? either(op, *ret, variable->term, ret)
		       : 1;
}

static int default_value(const struct operation *op, const struct shc_term **ret)
{
	unsigned int taken = branches(op);
	const struct shc_term *word = NULL, *value = NULL;
	int r;

	if (taken & 2) {
		r = expand_perhaps(op, taken == 2, &word);
		/* Where the word ends the shell, the value is there. */
		if (r < 0 || (!r && !(taken & 1)))
			return r;
	}
	if (taken & 1) {
		value = present_value(op);
		if (!value)
			return -ENOMEM;
	}
	r = 1;
	if (word && value)
		r = either(op, value, word, ret);
	else
		*ret = word ? word : value;
	if (r > 0 && op->parameter->op == SHC_OP_ASSIGN && (taken & 2) && !MADE(ASSIGN_FORGOTTEN) &&
		op->parameter->kind == SHC_PARAMETER_VARIABLE)
		r = assign_default(op, ret);
	return r;
}

static int alternative_value(const struct operation *op, const struct shc_term **ret)
{
	unsigned int taken = branches(op);
	const struct shc_term *empty = shc_term_text(op->in->terms, "", 0);
	const struct shc_term *word = empty;
	int r;

	if (taken & 1) {
		r = expand_perhaps(op, taken == 1, &word);
		if (r < 0 || (!r && !(taken & 2)))
			return r;
		if (!r)
			taken = 2;
	}
	if (!(taken & 2)) {
		*ret = word;
		return 1;
	}
	if (!(taken & 1)) {
		*ret = empty;
		return 1;
	}
	return either(op, word, empty, ret);
}

/* The variable of ${x?} is there, with the value that it has. 0 or -ENOMEM. */
static int set_present(const struct operation *op)
{
	uint32_t number;
	int r = shc_resolve(op->in, op->state, op->parameter->name, &number);

	return r > 0 ? shc_store(op->in, op->state, op->in->names[number].text, op->value.term,
			       op->range)
		     : r;
}

/* ${x?} goes on only where x is there: the state learns it. */
static int checked_value(const struct operation *op, const struct shc_term **ret)
{
	unsigned int taken = branches(op);
	const struct shc_dfa *nonempty;
	int r = 1;

	if (!(taken & 1))
		return 0;
	if (taken & 2 && shc_may_end_here(op->in, op->state))
		return -ENOMEM;
	if (op->parameter->colon && !shc_dfa_difference(op->in->pool, shc_dfa_text(op->in->pool),
					    shc_dfa_epsilon(op->in->pool), &nonempty))
		r = shc_state_narrow_term(op->state, op->in->pool, op->value.term, nonempty);
	if (r > 0 && op->parameter->kind == SHC_PARAMETER_VARIABLE)
		if (set_present(op))
			return -ENOMEM;
	*ret = op->value.term;
	return r;
}

static bool is_prefix(enum shc_removal removal)
{
	return removal == SHC_REMOVE_PREFIX || removal == SHC_REMOVE_PREFIX_LONGEST;
}

/*
 * Does removal leave every string of @language as it is? Equal languages before and after do not say so: of all texts
 * without their first bytes, too, all are left.
 */
static bool removes_nothing(struct shc_dfa_pool *pool, enum shc_removal removal,
	const struct shc_dfa *language, const struct shc_dfa *pattern)
{
	bool prefix = is_prefix(removal);
	const struct shc_dfa *text = shc_dfa_text(pool), *matched;

	return !shc_dfa_difference(pool, pattern, shc_dfa_epsilon(pool), &matched) &&
	       !shc_dfa_concat(pool, prefix ? matched : text, prefix ? text : matched, &matched) &&
	       !shc_dfa_intersect(pool, language, matched, &matched) && shc_dfa_is_empty(matched);
}

static int removed_value(const struct operation *op, const struct shc_term *term,
	enum shc_removal removal, const struct shc_term **ret)
{
	const struct shc_dfa *language = language_of(op, term), *pattern, *result = NULL;
	int r = shc_expand_pattern(op->in, op->state, op->parameter->word, &pattern);

	/* bash does not look at the pattern where nothing can be removed. */
	if (!r && op->in->script->dialect == SHC_BASH &&
		shc_may_be_empty(op->in, op->state, term)) {
		op->in->may_end |= language != shc_dfa_epsilon(op->in->pool);
		*ret = shc_term_text(op->in->terms, "", 0);
		return *ret ? 1 : -ENOMEM;
	}
	if (r <= 0)
		return r;
	if (!language)
		return -ENOMEM;
	r = shc_pattern_is_exact(op->in, op->state, op->parameter->word);
	if (r < 0)
		return r;
	/* A pattern that holds an unknown may take away anything. */
	if (!r) {
		r = is_prefix(removal) ? shc_dfa_suffixes(op->in->pool, language, &result)
				       : shc_dfa_prefixes(op->in->pool, language, &result);
		return derived(op, r, result, ret);
	}
	r = shc_dfa_remove(op->in->pool, removal, language, pattern, &result);
	if (!r && result == language && removes_nothing(op->in->pool, removal, language, pattern)) {
		*ret = term;
		return 1;
	}
	return derived(op, r, result, ret);
}

static int replaced_value(const struct operation *op, const struct shc_term *term,
	enum shc_substitution kind, const struct shc_term **ret)
{
	const struct shc_dfa *language = language_of(op, term), *pattern, *replacement,
			     *result = NULL;
	const struct shc_term *with;
	int r = shc_expand_pattern(op->in, op->state, op->parameter->word, &pattern);

	if (r > 0)
		r = shc_expand_value(op->in, op->state, op->parameter->replacement, &with);
	if (r <= 0)
		return r;
	replacement = language_of(op, with);
	if (!language || !replacement)
		return -ENOMEM;
	r = shc_pattern_is_exact(op->in, op->state, op->parameter->word);
	if (r <= 0)
		return r < 0 ? r : derived(op, -E2BIG, NULL, ret);
	r = shc_dfa_substitute(op->in->pool, kind, language, pattern, replacement, &result, NULL);
	return derived(op, r, result, ret);
}

static int cased_value(const struct operation *op, const struct shc_term *term, enum shc_case kind,
	const struct shc_term **ret)
{
	const struct shc_dfa *language = language_of(op, term), *result = NULL;
	int r;

	if (!language)
		return -ENOMEM;
	if (op->parameter->word)
		return derived(op, -E2BIG, NULL, ret);
	r = shc_dfa_case(op->in->pool, kind, language, &result);
	return derived(op, r, result, ret);
}

static int length_value(
	const struct operation *op, const struct shc_term *term, const struct shc_term **ret)
{
	const struct shc_dfa *language = language_of(op, term);
	uint64_t low, high;

	if (!language)
		return -ENOMEM;
	low = shc_dfa_length_min(language) + MADE(LENGTH_OFF_BY_ONE);
	high = shc_dfa_length_max(language);
	if (high < low)
		high = low;
	*ret = number_term(
		op->in, (long long)low, high > INT64_MAX ? INT64_MAX : (long long)high, op->range);
	return *ret ? 1 : -ENOMEM;
}

static int substring_value(
	const struct operation *op, const struct shc_term *term, const struct shc_term **ret)
{
	const struct shc_dfa *language = language_of(op, term), *result = NULL;
	int r;

	if (!language)
		return -ENOMEM;
	r = shc_dfa_substrings(op->in->pool, language, &result);
	return derived(op, r, result, ret);
}

static int apply(
	const struct operation *op, const struct shc_term *term, const struct shc_term **ret)
{
	switch (op->parameter->op) {
	case SHC_OP_LENGTH:
		return length_value(op, term, ret);
	case SHC_OP_REMOVE_PREFIX:
		return removed_value(op, term,
			MADE(SUFFIX_FOR_PREFIX) ? SHC_REMOVE_SUFFIX : SHC_REMOVE_PREFIX, ret);
	case SHC_OP_REMOVE_PREFIX_LONG:
		return removed_value(op, term, SHC_REMOVE_PREFIX_LONGEST, ret);
	case SHC_OP_REMOVE_SUFFIX:
		return removed_value(op, term, SHC_REMOVE_SUFFIX, ret);
	case SHC_OP_REMOVE_SUFFIX_LONG:
		return removed_value(op, term,
			MADE(SHORTEST_FOR_LONGEST) ? SHC_REMOVE_SUFFIX : SHC_REMOVE_SUFFIX_LONGEST,
			ret);
	case SHC_OP_REPLACE:
		return replaced_value(op, term, SHC_SUBSTITUTE_FIRST, ret);
	case SHC_OP_REPLACE_ALL:
		return replaced_value(op, term, SHC_SUBSTITUTE_ALL, ret);
	case SHC_OP_REPLACE_PREFIX:
		return replaced_value(op, term, SHC_SUBSTITUTE_START, ret);
	case SHC_OP_REPLACE_SUFFIX:
		return replaced_value(op, term, SHC_SUBSTITUTE_END, ret);
	case SHC_OP_UPPER:
		return cased_value(op, term, SHC_CASE_UPPER_FIRST, ret);
	case SHC_OP_UPPER_ALL:
		return cased_value(op, term, SHC_CASE_UPPER, ret);
	case SHC_OP_LOWER:
		return cased_value(op, term, SHC_CASE_LOWER_FIRST, ret);
	case SHC_OP_LOWER_ALL:
		return cased_value(op, term, SHC_CASE_LOWER, ret);
	case SHC_OP_SUBSTRING:
		return substring_value(op, term, ret);
	case SHC_OP_NONE:
		*ret = term;
		return 1;
	default:
		return derived(op, -E2BIG, NULL, ret);
	}
}

/* ${#x[@]}. NULL when there is no memory. */
static const struct shc_term *element_count(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_parameter *parameter, struct shc_range range)
{
	const struct shc_array *exact = NULL;
	uint32_t number;
	int r;

	r = shc_resolve(in, state, parameter->name, &number);
	if (r < 0)
		return NULL;
	if (r && number < state->variable_count)
		exact = shc_array_exact(&state->variables[number]);
	if (exact)
		return number_term(in, shc_array_length(exact), shc_array_length(exact), range);
	return number_term(in, 0, INT64_MAX, range);
}

int shc_parameter_expand(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_parameter *parameter, struct shc_range range, const struct shc_term **ret)
{
	struct operation op = {.in = in, .state = state, .parameter = parameter, .range = range};
	const struct shc_term *term;
	int r = shc_parameter_read(in, state, parameter, range, &op.value);

	if (r < 0)
		return r;
	if (parameter->op == SHC_OP_LENGTH &&
		(parameter->subscript.kind == SHC_SUBSCRIPT_AT ||
			parameter->subscript.kind == SHC_SUBSCRIPT_STAR)) {
		*ret = element_count(in, state, parameter, range);
		return *ret ? 1 : -ENOMEM;
	}
	switch (parameter->op) {
	case SHC_OP_DEFAULT:
	case SHC_OP_ASSIGN:
		return default_value(&op, ret);
	case SHC_OP_ALTERNATIVE:
		return alternative_value(&op, ret);
	case SHC_OP_ERROR:
		return checked_value(&op, ret);
	default:
		break;
	}
	if (parameter->kind == SHC_PARAMETER_VARIABLE && !parameter->indirect &&
		shc_note_read(in, state, parameter->name))
		return -ENOMEM;
	term = op.value.term;
	if (op.value.presence != SHC_PRESENT) {
		if (state->nounset && parameter->kind != SHC_PARAMETER_SPECIAL &&
			op.value.presence == SHC_ABSENT)
			return 0;
		if ((state->nounset || state->doubtful & SHC_DOUBT_NOUNSET) &&
			parameter->kind != SHC_PARAMETER_SPECIAL) {
			in->may_end = true;
			/* Only the trap of EXIT can tell what was assigned until then. */
			if (state->traps && shc_may_end_here(in, state))
				return -ENOMEM;
		}
		if (!term)
			term = shc_term_text(in->terms, "", 0);
		if (!term)
			return -ENOMEM;
	}
	return apply(&op, term, ret);
}
