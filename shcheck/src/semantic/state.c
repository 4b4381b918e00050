/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Facts of the file system that one state keeps. */
enum { FACTS_MAX = 512 };

/* A copy of @count items of @size bytes; *ok turns false when there is no memory. */
static void *copy_of(const void *items, size_t count, size_t size, bool *ok)
{
	void *copy;

	if (!count)
		return NULL;
	copy = malloc(count * size);
	if (!copy) {
		*ok = false;
		return NULL;
	}
	return memcpy(copy, items, count * size);
}

struct shc_state *shc_state_create(void)
{
	return calloc(1, sizeof(struct shc_state));
}

size_t shc_state_bytes(const struct shc_state *state)
{
	return state->variable_count * sizeof(*state->variables) +
	       state->function_count * sizeof(const struct shc_command *) +
	       state->fact_count * sizeof(*state->facts) +
	       state->narrowed_count * sizeof(*state->narrowed) +
	       state->argument_count * sizeof(*state->arguments) +
	       state->substituted_count * sizeof(*state->substituted);
}

struct shc_state *shc_state_clone(const struct shc_state *state)
{
	struct shc_state *copy = malloc(sizeof(*copy));
	bool ok = true;

	if (!copy)
		return NULL;
	*copy = *state;
	copy->variables =
		copy_of(state->variables, state->variable_count, sizeof(*copy->variables), &ok);
	copy->narrowed =
		copy_of(state->narrowed, state->narrowed_count, sizeof(*copy->narrowed), &ok);
	copy->facts = copy_of(state->facts, state->fact_count, sizeof(*copy->facts), &ok);
	copy->arguments =
		copy_of(state->arguments, state->argument_count, sizeof(*copy->arguments), &ok);
	copy->functions =
		copy_of(state->functions, state->function_count, sizeof(*copy->functions), &ok);
	copy->doubts = copy_of(state->doubts, state->doubt_count, sizeof(*copy->doubts), &ok);
	copy->substituted = copy_of(
		state->substituted, state->substituted_count, sizeof(*copy->substituted), &ok);
	copy->hidden = copy_of(state->hidden, state->hidden_count, sizeof(*copy->hidden), &ok);
	if (!ok) {
		shc_state_destroy(copy);
		return NULL;
	}
	return copy;
}

void shc_state_destroy(struct shc_state *state)
{
	if (!state)
		return;
	free(state->variables);
	free(state->narrowed);
	free(state->facts);
	free(state->arguments);
	free(state->functions);
	free(state->doubts);
	free(state->substituted);
	free(state->hidden);
	free(state);
}

struct shc_variable *shc_state_variable(struct shc_state *state, uint32_t name)
{
	if (name >= state->variable_count) {
		uint32_t count = name + 8;
		struct shc_variable *grown = realloc(state->variables, count * sizeof(*grown));

		if (!grown)
			return NULL;
		memset(grown + state->variable_count, 0,
			(count - state->variable_count) * sizeof(*grown));
		for (uint32_t i = state->variable_count; i < count; i++)
			grown[i].presence = SHC_ABSENT;
		state->variables = grown;
		state->variable_count = count;
	}
	return &state->variables[name];
}

const struct shc_command *shc_state_function(const struct shc_state *state, uint32_t name)
{
	return name < state->function_count ? state->functions[name] : NULL;
}

int shc_state_define(struct shc_state *state, uint32_t name, const struct shc_command *function)
{
	if (name >= state->function_count) {
		uint32_t count = name + 8;
		const struct shc_command **grown =
			realloc(state->functions, count * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		memset(grown + state->function_count, 0,
			(count - state->function_count) * sizeof(*grown));
		state->functions = grown;
		state->function_count = count;
	}
	state->functions[name] = function;
	shc_state_forget_doubts(state, name);
	return 0;
}

void shc_state_forget_doubts(struct shc_state *state, uint32_t name)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < state->doubt_count; i++)
		if (state->doubts[i].name != name)
			state->doubts[kept++] = state->doubts[i];
	state->doubt_count = kept;
}

int shc_state_doubt(struct shc_state *state, uint32_t name, const struct shc_command *function)
{
	struct shc_doubt *grown;

	for (uint32_t i = 0; i < state->doubt_count; i++)
		if (state->doubts[i].name == name && state->doubts[i].function == function)
			return 0;
	grown = realloc(state->doubts, (state->doubt_count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	state->doubts = grown;
	grown[state->doubt_count++] = (struct shc_doubt){.name = name, .function = function};
	return 0;
}

static struct shc_narrowing *narrowing_of(const struct shc_state *state, uint32_t atom)
{
	for (uint32_t i = 0; i < state->narrowed_count; i++)
		if (state->narrowed[i].atom == atom)
			return &state->narrowed[i];
	return NULL;
}

const struct shc_dfa *shc_state_language_of(
	const struct shc_state *state, const struct shc_atom *atom)
{
	const struct shc_narrowing *narrowing = narrowing_of(state, atom->id);

	return narrowing ? narrowing->language : atom->language;
}

static int narrowing_set(struct shc_state *state, uint32_t atom, const struct shc_dfa *language)
{
	struct shc_narrowing *narrowing = narrowing_of(state, atom);

	if (!narrowing) {
		struct shc_narrowing *grown =
			realloc(state->narrowed, (state->narrowed_count + 1) * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		state->narrowed = grown;
		narrowing = &grown[state->narrowed_count++];
		narrowing->atom = atom;
	}
	narrowing->language = language;
	return 0;
}

int shc_state_narrow(struct shc_state *state, struct shc_dfa_pool *pool,
	const struct shc_atom *atom, const struct shc_dfa *language)
{
	const struct shc_dfa *now = shc_state_language_of(state, atom);
	const struct shc_dfa *both;
	int r = shc_dfa_intersect(pool, now, language, &both);

	if (r == -E2BIG)
		return 1;
	if (r < 0)
		return r;
	if (shc_dfa_is_empty(both))
		return 0;
	if (both == now)
		return 1;
	r = narrowing_set(state, atom->id, both);
	return r < 0 ? r : 1;
}

static int piece_language(const struct shc_state *state, struct shc_dfa_pool *pool,
	const struct shc_piece *piece, const struct shc_dfa **ret)
{
	if (!piece->atom)
		return shc_dfa_literal(pool, piece->text.bytes, piece->text.length, ret);
	*ret = shc_state_language_of(state, piece->atom);
	return 0;
}

/* The language of pieces [first, end). */
static int pieces_language(const struct shc_state *state, struct shc_dfa_pool *pool,
	const struct shc_term *term, uint32_t first, uint32_t end, const struct shc_dfa **ret)
{
	const struct shc_dfa *all = shc_dfa_epsilon(pool);

	for (uint32_t i = first; i < end; i++) {
		const struct shc_dfa *piece;
		int r = piece_language(state, pool, &term->pieces[i], &piece);

		if (!r)
			r = shc_dfa_concat(pool, all, piece, &all);
		if (r < 0)
			return r;
	}
	*ret = all;
	return 0;
}

int shc_state_term_language(const struct shc_state *state, struct shc_dfa_pool *pool,
	const struct shc_term *term, const struct shc_dfa **ret)
{
	int r = pieces_language(state, pool, term, 0, term->count, ret);

	if (r == -E2BIG)
		*ret = shc_dfa_text(pool);
	return r;
}

int shc_state_narrow_term(struct shc_state *state, struct shc_dfa_pool *pool,
	const struct shc_term *term, const struct shc_dfa *language)
{
	const struct shc_dfa *whole, *both;
	int r = shc_state_term_language(state, pool, term, &whole);

	if (r == -ENOMEM)
		return r;
	r = shc_dfa_intersect(pool, whole, language, &both);
	if (r == -E2BIG)
		return 1;
	if (r < 0)
		return r;
	if (shc_dfa_is_empty(both))
		return 0;
	for (uint32_t i = 0; i < term->count; i++) {
		const struct shc_dfa *before, *after, *left;

		if (!term->pieces[i].atom)
			continue;
		/* Everything the atom can be in a string of @both: an over-approximation when it occurs twice. */
		r = pieces_language(state, pool, term, 0, i, &before);
		if (!r)
			r = pieces_language(state, pool, term, i + 1, term->count, &after);
		if (!r)
			r = shc_dfa_left_quotient(pool, before, both, &left);
		if (!r)
			r = shc_dfa_right_quotient(pool, left, after, &left);
		if (r == -E2BIG)
			continue;
		if (r < 0)
			return r;
		r = shc_state_narrow(state, pool, term->pieces[i].atom, left);
		if (r <= 0)
			return r;
	}
	return 1;
}

int shc_state_add_fact(struct shc_state *state, const struct shc_fact *fact)
{
	struct shc_fact *grown;

	/* What was long ago is forgotten: less is known then. */
	if (state->fact_count >= FACTS_MAX) {
		state->fact_count -= FACTS_MAX / 4;
		memmove(state->facts, state->facts + FACTS_MAX / 4,
			state->fact_count * sizeof(*state->facts));
	}
	for (uint32_t i = 0; i < state->fact_count; i++) {
		if (state->facts[i].path != fact->path || state->facts[i].asked != fact->asked ||
			(fact->asked && state->facts[i].target != fact->target))
			continue;
		memmove(state->facts + i, state->facts + i + 1,
			(state->fact_count - i - 1) * sizeof(*state->facts));
		state->facts[state->fact_count - 1] = *fact;
		return 0;
	}
	grown = realloc(state->facts, (state->fact_count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	state->facts = grown;
	state->facts[state->fact_count++] = *fact;
	return 0;
}
