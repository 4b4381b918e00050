/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Joining states where paths meet and where loops close. Everything that differs is widened towards "unknown";
 * what is
 * dropped (facts, narrowings) is dropped because only one side knew it.
 */
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct join {
	struct shc_state *into;
	const struct shc_state *before; /* @into as it was: languages are read from here */
	const struct shc_state *other;
	struct shc_terms *terms;
	struct shc_dfa_pool *pool;
	uint32_t states_max, round;
	struct shc_range range;
};

/* A term that covers @a in the one state and @b in the other. NULL when there is no memory. */
static const struct shc_term *join_terms(
	const struct join *join, const struct shc_term *a, const struct shc_term *b)
{
	const struct shc_dfa *left, *right, *both;
	int r;

	if (a == b)
		return a;
	r = shc_state_term_language(join->before, join->pool, a, &left);
	if (r == -ENOMEM)
		return NULL;
	r = shc_state_term_language(join->other, join->pool, b, &right);
	if (r == -ENOMEM)
		return NULL;
	r = shc_dfa_widen(join->pool, left, right, join->states_max, join->round, &both);
	if (r < 0)
		return NULL;
	if (both == left && shc_term_single_atom(a))
		return a;
	return shc_term_atom(join->terms, SHC_ORIGIN_APPROXIMATION, both, join->range);
}

static int join_variable(
	const struct join *join, struct shc_variable *to, const struct shc_variable *from)
{
	if (to->term && from->term) {
		to->term = join_terms(join, to->term, from->term);
		if (!to->term)
			return -ENOMEM;
	} else if (from->term) {
		/* An atom of the other state keeps its narrowing only there: name its language here. */
		const struct shc_dfa *language;
		struct shc_text known;

		to->term = from->term;
		if (!shc_term_known(from->term, &known)) {
			if (shc_state_term_language(
				    join->other, join->pool, from->term, &language) == -ENOMEM)
				return -ENOMEM;
			to->term = shc_term_atom(
				join->terms, SHC_ORIGIN_APPROXIMATION, language, join->range);
		}
		if (!to->term)
			return -ENOMEM;
	}
	if (to->presence != from->presence)
		to->presence = SHC_PERHAPS;
	if (to->assigned != from->assigned && to->term) {
		/* The side without an assignment may have any value from the environment. */
		to->term = shc_term_atom(
			join->terms, SHC_ORIGIN_ENVIRONMENT, shc_dfa_text(join->pool), join->range);
		if (!to->term)
			return -ENOMEM;
	}
	if (!to->assigned && from->assigned)
		to->range = from->range;
	to->assigned |= from->assigned;
	to->exported &= from->exported;
	to->readonly &= from->readonly;
	to->array |= from->array;
	return 0;
}

static int join_variables(const struct join *join)
{
	static const struct shc_variable absent = {.presence = SHC_ABSENT};
	uint32_t count = join->into->variable_count;

	if (count < join->other->variable_count)
		count = join->other->variable_count;
	for (uint32_t i = 0; i < count; i++) {
		struct shc_variable *to = shc_state_variable(join->into, i);
		const struct shc_variable *from =
			i < join->other->variable_count ? &join->other->variables[i] : &absent;
		int r = to ? join_variable(join, to, from) : -ENOMEM;

		if (r < 0)
			return r;
	}
	return 0;
}

static const struct shc_dfa *narrowed_to(const struct shc_state *state, uint32_t atom)
{
	for (uint32_t i = 0; i < state->narrowed_count; i++)
		if (state->narrowed[i].atom == atom)
			return state->narrowed[i].language;
	return NULL;
}

static int join_narrowings(const struct join *join)
{
	struct shc_state *into = join->into;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < into->narrowed_count; i++) {
		const struct shc_dfa *other = narrowed_to(join->other, into->narrowed[i].atom);
		const struct shc_dfa *both;
		int r;

		if (!other)
			continue;
		r = shc_dfa_widen(join->pool, into->narrowed[i].language, other, join->states_max,
			join->round, &both);
		if (r < 0)
			return r;
		into->narrowed[kept].atom = into->narrowed[i].atom;
		into->narrowed[kept++].language = both;
	}
	into->narrowed_count = kept;
	return 0;
}

static void join_facts(const struct join *join)
{
	struct shc_state *into = join->into;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < into->fact_count; i++) {
		const struct shc_fact *fact = &into->facts[i];
		bool shared = false;

		for (uint32_t j = 0; j < join->other->fact_count && !shared; j++) {
			const struct shc_fact *other = &join->other->facts[j];

			shared = fact->path == other->path && fact->kind == other->kind &&
				 fact->contents_gone == other->contents_gone &&
				 fact->written_unread == other->written_unread;
		}
		if (shared)
			into->facts[kept++] = *fact;
	}
	into->fact_count = kept;
}

static int join_arguments(const struct join *join)
{
	struct shc_state *into = join->into;
	const struct shc_state *other = join->other;

	into->arguments_open |= other->arguments_open;
	into->arguments_output |= other->arguments_output;
	if (into->shifted != other->shifted)
		into->shifted =
			(into->shifted > other->shifted ? into->shifted : other->shifted) + 1000;
	if (into->argument_count != other->argument_count)
		into->arguments_open = true;
	if (into->argument_count > other->argument_count)
		into->argument_count = other->argument_count;
	for (uint32_t i = 0; i < into->argument_count; i++) {
		into->arguments[i] = join_terms(join, into->arguments[i], other->arguments[i]);
		if (!into->arguments[i])
			return -ENOMEM;
	}
	return 0;
}

static int join_functions(const struct join *join)
{
	for (uint32_t i = 0; i < join->other->function_count; i++) {
		const struct shc_command *function = join->other->functions[i];
		int r;

		if (!function || shc_state_function(join->into, i))
			continue;
		r = shc_state_define(join->into, i, function);
		if (r < 0)
			return r;
	}
	return 0;
}

static void join_status(struct shc_status *into, const struct shc_status *other)
{
	if (other->low < into->low)
		into->low = other->low;
	if (other->high > into->high)
		into->high = other->high;
	if (into->owner != other->owner)
		into->owner = 0;
}

static int join_rest(const struct join *join)
{
	struct shc_state *into = join->into;
	const struct shc_state *other = join->other;

	if (into->output && other->output) {
		into->output = join_terms(join, into->output, other->output);
		if (!into->output)
			return -ENOMEM;
	}
	into->directory = join_terms(join, into->directory, other->directory);
	if (!into->directory)
		return -ENOMEM;
	if (other->directory_doubtful && !into->directory_doubtful) {
		into->directory_doubtful = true;
		into->directory_range = other->directory_range;
	}
	into->sourced |= other->sourced;
	if (into->hidden_count > other->hidden_count)
		into->hidden_count = other->hidden_count;
	into->errexit &= other->errexit;
	into->nounset &= other->nounset;
	into->noglob &= other->noglob;
	into->noclobber &= other->noclobber;
	into->pipefail &= other->pipefail;
	into->substituted_count = 0;
	if (into->steps != other->steps)
		into->steps = NULL;
	join_status(&into->status, &other->status);
	return 0;
}

int shc_state_join(struct shc_state *into, const struct shc_state *other, struct shc_terms *terms,
	uint32_t states_max, uint32_t round, struct shc_range range)
{
	struct shc_state *before = shc_state_clone(into);
	struct join join = {
		.into = into,
		.before = before,
		.other = other,
		.terms = terms,
		.pool = shc_terms_pool(terms),
		.states_max = states_max,
		.round = round,
		.range = range,
	};
	int r;

	if (!before)
		return -ENOMEM;
	/* Terms first: their languages are those of both states before narrowings are dropped. */
	r = join_variables(&join);
	if (!r)
		r = join_arguments(&join);
	if (!r)
		r = join_functions(&join);
	if (!r)
		r = join_rest(&join);
	if (!r)
		r = join_narrowings(&join);
	if (!r)
		join_facts(&join);
	shc_state_destroy(before);
	return r;
}

/* Is everything that @b may be in @narrow possible for @a in @wide? Only a lone atom stands for more than itself. */
static bool covers_term(const struct shc_state *wide, const struct shc_state *narrow,
	struct shc_dfa_pool *pool, const struct shc_term *a, const struct shc_term *b)
{
	const struct shc_dfa *left, *right;

	if (a == b)
		return true;
	return a && b && shc_term_single_atom(a) &&
	       !shc_state_term_language(wide, pool, a, &left) &&
	       !shc_state_term_language(narrow, pool, b, &right) &&
	       shc_dfa_includes(pool, left, right) == 1;
}

/* A fact rules states out: each one of @wide must hold in @narrow. */
static bool covers_facts(const struct shc_state *wide, const struct shc_state *narrow)
{
	for (uint32_t i = 0; i < wide->fact_count; i++) {
		const struct shc_fact *fact = &wide->facts[i];
		bool held = false;

		for (uint32_t j = 0; j < narrow->fact_count && !held; j++) {
			const struct shc_fact *other = &narrow->facts[j];

			held = fact->path == other->path && fact->kind == other->kind &&
			       fact->contents_gone == other->contents_gone &&
			       fact->written_unread == other->written_unread;
		}
		if (!held)
			return false;
	}
	return true;
}

static bool covers_variable(const struct shc_state *wide, const struct shc_state *narrow,
	struct shc_dfa_pool *pool, uint32_t name)
{
	static const struct shc_variable absent = {.presence = SHC_ABSENT};
	const struct shc_variable *a =
		name < wide->variable_count ? &wide->variables[name] : &absent;
	const struct shc_variable *b =
		name < narrow->variable_count ? &narrow->variables[name] : &absent;

	if (a->presence != b->presence && a->presence != SHC_PERHAPS)
		return false;
	return !b->term || covers_term(wide, narrow, pool, a->term, b->term);
}

bool shc_state_covers(
	const struct shc_state *wide, const struct shc_state *narrow, struct shc_dfa_pool *pool)
{
	uint32_t count = wide->variable_count > narrow->variable_count ? wide->variable_count
								       : narrow->variable_count;

	for (uint32_t i = 0; i < count; i++)
		if (!covers_variable(wide, narrow, pool, i))
			return false;
	for (uint32_t i = 0; i < wide->narrowed_count; i++) {
		const struct shc_dfa *other = narrowed_to(narrow, wide->narrowed[i].atom);

		if (!other || shc_dfa_includes(pool, wide->narrowed[i].language, other) != 1)
			return false;
	}
	if (!covers_term(wide, narrow, pool, wide->directory, narrow->directory) ||
		wide->argument_count > narrow->argument_count ||
		(wide->argument_count < narrow->argument_count && !wide->arguments_open) ||
		(narrow->arguments_open && !wide->arguments_open))
		return false;
	for (uint32_t i = 0; i < wide->argument_count; i++)
		if (!covers_term(wide, narrow, pool, wide->arguments[i], narrow->arguments[i]))
			return false;
	return covers_facts(wide, narrow);
}
