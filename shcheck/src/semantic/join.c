/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Joining states where paths meet and where loops close. Values that differ become a new unknown: the old one may still
 * be held elsewhere, and equal unknowns mean equal values. Two places that hold the same two values get the same new
 * one. What is dropped (facts, narrowings) is dropped because only one side knew it.
 */
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "mistake.h"

enum { TRAPS_MAX = 6 };

/* Two values that met in one place, and what became of them. */
struct meeting {
	const struct shc_term *a, *b, *joined;
};

struct join {
	struct shc_state *into;
	const struct shc_state *before; /* @into as it was: languages are read from here */
	const struct shc_state *other;
	struct shc_terms *terms;
	struct shc_dfa_pool *pool;
	uint32_t states_max, round;
	struct shc_range range;
	struct meeting *meetings;
	uint32_t meeting_count, meeting_capacity;
};

static int meeting_add(struct join *join, const struct meeting *meeting)
{
	if (join->meeting_count == join->meeting_capacity) {
		uint32_t capacity = join->meeting_capacity ? join->meeting_capacity * 2 : 16;
		struct meeting *grown = realloc(join->meetings, capacity * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		join->meetings = grown;
		join->meeting_capacity = capacity;
	}
	join->meetings[join->meeting_count++] = *meeting;
	return 0;
}

/* The languages of @a in the one state and @b in the other, widened. A NULL term has no string. NULL: no memory. */
static const struct shc_dfa *join_languages(
	const struct join *join, const struct shc_term *a, const struct shc_term *b)
{
	const struct shc_dfa *left = NULL, *right = NULL, *both;

	if (a && shc_state_term_language(join->before, join->pool, a, &left) == -ENOMEM)
		return NULL;
	if (b && shc_state_term_language(join->other, join->pool, b, &right) == -ENOMEM)
		return NULL;
	if (!left || !right)
		return left ? left : right;
	if (shc_dfa_widen(join->pool, left, right, join->states_max, join->round, &both))
		return NULL;
	return both;
}

/* A term that covers @a in the one state and @b in the other (either may be NULL). NULL when there is no memory. */
static const struct shc_term *join_terms(
	struct join *join, const struct shc_term *a, const struct shc_term *b)
{
	struct meeting meeting = {.a = a, .b = b};
	const struct shc_dfa *both;
	struct shc_text known;

	if (a == b || !b)
		return a;
	if (!a && shc_term_known(b, &known))
		return b;
	for (uint32_t i = 0; i < join->meeting_count; i++)
		if (join->meetings[i].a == a && join->meetings[i].b == b)
			return join->meetings[i].joined;
	both = join_languages(join, a, b);
	if (!both)
		return NULL;
	meeting.joined = shc_term_atom(join->terms, SHC_ORIGIN_APPROXIMATION, both, join->range);
	if (!meeting.joined || meeting_add(join, &meeting))
		return NULL;
	return meeting.joined;
}

/* ---- Arrays --------------------------------------------------------------------------------------------------- */

/* Every string that an element of @array may be in @state. 0 or -ENOMEM. */
static int element_language(const struct shc_state *state, struct shc_dfa_pool *pool,
	const struct shc_array *array, const struct shc_dfa **ret)
{
	const struct shc_dfa *all = array->weak ? array->any : shc_dfa_empty(pool), *one;

	/* The keys of associative arrays stand before their values. */
	for (uint32_t i = array->associative; !array->weak && i < array->count;
		i += 1u + array->associative) {
		int r = shc_state_term_language(state, pool, array->items[i], &one);

		if (r == -ENOMEM)
			return r;
		r = r ? r : shc_dfa_union(pool, all, one, &all);
		if (r == -ENOMEM)
			return r;
		if (r)
			all = shc_dfa_text(pool);
	}
	*ret = all;
	return 0;
}

static bool same_keys(const struct shc_array *a, const struct shc_array *b)
{
	if (a->weak || b->weak || a->count != b->count || a->associative != b->associative)
		return false;
	for (uint32_t i = 0; a->associative && i < a->count; i += 2)
		if (a->items[i] != b->items[i])
			return false;
	return true;
}

static const struct shc_array *join_arrays(
	struct join *join, const struct shc_array *a, const struct shc_array *b)
{
	const struct shc_dfa *left, *right;
	struct shc_array *both;

	if (a == b || !a || !b)
		return a ? a : b;
	both = shc_arena_take(
		shc_terms_arena(join->terms), sizeof(*both) + a->count * sizeof(*both->items));
	if (!both)
		return NULL;
	both->associative = a->associative | b->associative;
	if (same_keys(a, b)) {
		both->count = a->count;
		for (uint32_t i = 0; i < a->count; i++) {
			both->items[i] = join_terms(join, a->items[i], b->items[i]);
			if (!both->items[i])
				return NULL;
		}
		return both;
	}
	both->weak = true;
	if (element_language(join->before, join->pool, a, &left) ||
		element_language(join->other, join->pool, b, &right) ||
		shc_dfa_widen(join->pool, left, right, join->states_max, join->round, &both->any))
		return NULL;
	return both;
}

/* ---- Variables ------------------------------------------------------------------------------------------------ */

/* Read-only on both sides, or perhaps. */
static void join_readonly(struct shc_variable *to, const struct shc_variable *from)
{
	bool either = to->readonly | from->readonly | to->perhaps_readonly | from->perhaps_readonly;

	to->readonly &= from->readonly;
	to->perhaps_readonly = either && !to->readonly;
	if (!MADE(JOIN_LOSES_ATTRIBUTES))
		to->perhaps_attributes |=
			from->perhaps_attributes | from->attributes | to->attributes;
	to->attributes &= from->attributes;
	to->perhaps_attributes &= (unsigned char)~to->attributes;
}

static int join_variable(
	struct join *join, struct shc_variable *to, const struct shc_variable *from)
{
	const struct shc_term *here = to->term, *there = from->term;
	struct shc_variable flags = *to;

	join_readonly(&flags, from);
	to->readonly = flags.readonly;
	to->perhaps_readonly = flags.perhaps_readonly;
	to->attributes = flags.attributes;
	to->perhaps_attributes = flags.perhaps_attributes;
	if (!to->assigned && !from->assigned) {
		to->term = to->term ? to->term : from->term;
		return 0;
	}
	if (to->assigned != from->assigned) {
		/* The side without an assignment has what the environment gives, if that gives anything. */
		*to = to->assigned ? *to : *from;
		to->presence = SHC_PERHAPS;
		to->assigned = true;
		to->exported = false;
		to->readonly = flags.readonly;
		to->perhaps_readonly = flags.perhaps_readonly;
		to->attributes = flags.attributes;
		to->perhaps_attributes = flags.perhaps_attributes;
		to->elements = NULL;
		to->term = here && there ? join_terms(join, here, there)
					 : shc_term_atom(join->terms, SHC_ORIGIN_ENVIRONMENT,
						   shc_dfa_text(join->pool), join->range);
		return to->term ? 0 : -ENOMEM;
	}
	/* What is absent expands to nothing. */
	if (here != there) {
		here = here ? here : shc_term_text(join->terms, "", 0);
		there = there ? there : shc_term_text(join->terms, "", 0);
		to->term = here && there ? join_terms(join, here, there) : NULL;
		if (!to->term)
			return -ENOMEM;
	}
	if (to->presence != from->presence)
		to->presence = SHC_PERHAPS;
	if (to->elements != from->elements) {
		/* A plain value beside an array, or no variable at all: any number of any elements. */
		bool plain = !to->elements || !from->elements;

		to->elements = join_arrays(join, to->elements, from->elements);
		if (!to->elements)
			return -ENOMEM;
		if (plain) {
			struct shc_array *weak =
				shc_arena_take(shc_terms_arena(join->terms), sizeof(*weak));

			if (!weak)
				return -ENOMEM;
			weak->weak = true;
			weak->any = shc_dfa_text(join->pool);
			to->elements = weak;
		}
	}
	to->exported &= from->exported;
	to->array |= from->array;
	return 0;
}

static int join_variables(struct join *join)
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

static const struct shc_hidden *hidden_of(
	const struct shc_state *state, const struct shc_hidden *like)
{
	for (uint32_t i = 0; i < state->hidden_count; i++)
		if (state->hidden[i].depth == like->depth && state->hidden[i].name == like->name)
			return &state->hidden[i];
	return NULL;
}

/* What only one side hid comes back as it was, or stays as it will be then: as anything. */
static int hidden_anything(const struct join *join, struct shc_variable *variable)
{
	variable->presence = SHC_PERHAPS;
	variable->assigned = true;
	variable->elements = NULL;
	variable->term = shc_term_atom(
		join->terms, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(join->pool), join->range);
	return variable->term ? 0 : -ENOMEM;
}

static int join_hidden(struct join *join)
{
	struct shc_state *into = join->into;
	const struct shc_state *other = join->other;
	uint32_t own = into->hidden_count;
	int r = 0;

	for (uint32_t i = 0; i < own && !r; i++) {
		const struct shc_hidden *there = hidden_of(other, &into->hidden[i]);

		r = there ? join_variable(join, &into->hidden[i].variable, &there->variable)
			  : hidden_anything(join, &into->hidden[i].variable);
	}
	for (uint32_t i = 0; i < other->hidden_count && !r; i++) {
		struct shc_hidden more = other->hidden[i], *grown;
		uint32_t at = into->hidden_count;

		if (hidden_of(into, &more))
			continue;
		grown = realloc(into->hidden, (into->hidden_count + 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		into->hidden = grown;
		for (; at > 0 && grown[at - 1].depth > more.depth; at--)
			grown[at] = grown[at - 1];
		r = hidden_anything(join, &more.variable);
		grown[at] = more;
		into->hidden_count++;
	}
	return r;
}

/* ---- What is known of unknowns and files ----------------------------------------------------------------------- */

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

static bool fact_equal(const struct shc_fact *a, const struct shc_fact *b)
{
	return a->path == b->path && a->kind == b->kind && a->contents_gone == b->contents_gone &&
	       a->written_unread == b->written_unread && a->target == b->target &&
	       a->asked == b->asked;
}

static const struct shc_fact *find_fact(const struct shc_state *state, const struct shc_fact *fact)
{
	for (uint32_t i = 0; i < state->fact_count; i++)
		if (fact_equal(&state->facts[i], fact))
			return &state->facts[i];
	return NULL;
}

static void join_facts(const struct join *join)
{
	struct shc_state *into = join->into;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < into->fact_count; i++) {
		const struct shc_fact *same = find_fact(join->other, &into->facts[i]);

		if (!same)
			continue;
		into->facts[i].assumed |= same->assumed;
		into->facts[kept++] = into->facts[i];
	}
	into->fact_count = kept;
}

/* ---- Arguments, functions, traps -------------------------------------------------------------------------------- */

static int join_arguments(struct join *join)
{
	struct shc_state *into = join->into;
	const struct shc_state *other = join->other;
	bool differ = into->argument_count != other->argument_count;

	into->arguments_output |= other->arguments_output;
	into->arguments_read |= other->arguments_read;
	/* The unknown ones are no longer the same on both sides, so they get new names. */
	if (differ || (into->arguments_open | other->arguments_open &&
			      (into->arguments_open != other->arguments_open ||
				      into->shifted != other->shifted))) {
		into->arguments_open = true;
		into->shifted = shc_terms_epoch(join->terms);
		into->arguments_fresh = true;
	} else {
		into->arguments_fresh &= other->arguments_fresh;
	}
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
	struct shc_state *into = join->into;
	const struct shc_state *other = join->other;
	uint32_t count = into->function_count > other->function_count ? into->function_count
								      : other->function_count;
	int r = 0;

	for (uint32_t i = 0; i < count && !r; i++) {
		const struct shc_command *here = shc_state_function(into, i);
		const struct shc_command *there = shc_state_function(other, i);

		if (here == there)
			continue;
		if (!here) {
			uint32_t doubts = into->doubt_count;

			/* Definition ends doubts, and these stay. */
			into->doubt_count = 0;
			r = shc_state_define(into, i, there);
			into->doubt_count = doubts;
			there = NULL;
		}
		r = r ? r : shc_state_doubt(into, i, there);
	}
	for (uint32_t i = 0; i < other->doubt_count && !r; i++)
		if (shc_state_function(into, other->doubts[i].name) != other->doubts[i].function)
			r = shc_state_doubt(into, other->doubts[i].name, other->doubts[i].function);
	return r;
}

static bool traps_equal(const struct shc_traps *a, const struct shc_traps *b)
{
	static const struct shc_traps none;

	a = a ? a : &none;
	b = b ? b : &none;
	for (int i = 0; i < SHC_TRAP_COUNT; i++)
		if (a->entries[i].site != b->entries[i].site ||
			a->entries[i].action != b->entries[i].action)
			return false;
	return true;
}

static uint32_t traps_hold(const struct shc_traps *list, const struct shc_traps *one)
{
	uint32_t at = 1;

	for (; list; list = list->also, at++)
		if (traps_equal(list, one))
			return at;
	return one ? 0 : 1;
}

static int join_traps(const struct join *join)
{
	struct shc_state *into = join->into;
	static const struct shc_traps none;
	const struct shc_traps *from = join->other->traps ? join->other->traps : &none;
	uint32_t count = 0;

	if (into->traps == join->other->traps)
		return 0;
	for (const struct shc_traps *t = into->traps; t; t = t->also)
		count++;
	for (; from && count < TRAPS_MAX; from = from->also) {
		struct shc_traps *more;

		if (traps_hold(into->traps ? into->traps : &none, from))
			continue;
		more = shc_arena_take(shc_terms_arena(join->terms), sizeof(*more));
		if (!more)
			return -ENOMEM;
		*more = *from;
		more->also = into->traps ? into->traps : &none;
		into->traps = more;
		count++;
	}
	return 0;
}

/* ---- The rest --------------------------------------------------------------------------------------------------- */

static void join_status(struct shc_status *into, const struct shc_status *other)
{
	if (other->low < into->low)
		into->low = other->low;
	if (other->high > into->high)
		into->high = other->high;
	if (into->owner != other->owner)
		into->owner = 0;
}

static unsigned int options_of(const struct shc_state *state)
{
	return (state->errexit ? SHC_DOUBT_ERREXIT : 0u) |
	       (state->nounset ? SHC_DOUBT_NOUNSET : 0u) | (state->noglob ? SHC_DOUBT_NOGLOB : 0u) |
	       (state->noclobber ? SHC_DOUBT_NOCLOBBER : 0u) |
	       (state->pipefail ? SHC_DOUBT_PIPEFAIL : 0u) |
	       (state->errtrace ? SHC_DOUBT_ERRTRACE : 0u) |
	       (state->functrace ? SHC_DOUBT_FUNCTRACE : 0u) |
	       (state->inherit_errexit ? SHC_DOUBT_INHERIT : 0u) |
	       (state->lastpipe ? SHC_DOUBT_LASTPIPE : 0u);
}

static void join_options(struct shc_state *into, const struct shc_state *other)
{
	into->doubtful |= other->doubtful | (options_of(into) ^ options_of(other));
	into->errexit &= other->errexit;
	into->nounset &= other->nounset;
	into->noglob &= other->noglob;
	into->noclobber &= other->noclobber;
	into->pipefail &= other->pipefail;
	into->errtrace &= other->errtrace;
	into->functrace &= other->functrace;
	into->inherit_errexit &= other->inherit_errexit;
	into->lastpipe &= other->lastpipe;
}

/* Have the same substitutions printed the same, so that nothing need be forgotten? */
static bool alike_substituted(const struct shc_state *into, const struct shc_state *other)
{
	bool alike = into->substituted_count == other->substituted_count;

	for (uint32_t i = 0; i < into->substituted_count && alike; i++)
		alike = into->substituted[i].part == other->substituted[i].part &&
			into->substituted[i].output == other->substituted[i].output;
	return alike;
}

static int join_rest(struct join *join)
{
	struct shc_state *into = join->into;
	const struct shc_state *other = join->other;

	if (into->output && other->output) {
		into->output = join_terms(join, into->output, other->output);
		if (!into->output)
			return -ENOMEM;
	}
	if (into->name && other->name) {
		into->name = join_terms(join, into->name, other->name);
		if (!into->name)
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
	into->escaped |= other->escaped;
	into->sealed |= other->sealed;
	into->pending = into->pending ? into->pending : other->pending;
	join_options(into, other);
	into->has_substituted |= other->has_substituted;
	if (!alike_substituted(into, other))
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
	if (MADE(JOIN_KEEPS_FIRST)) {
		shc_state_destroy(before);
		return 0;
	}
	/* Terms first: their languages are those of both states before narrowings are dropped. */
	r = join_variables(&join);
	if (!r)
		r = join_hidden(&join);
	if (!r)
		r = join_arguments(&join);
	if (!r)
		r = join_functions(&join);
	if (!r)
		r = join_traps(&join);
	if (!r)
		r = join_rest(&join);
	if (!r)
		r = join_narrowings(&join);
	if (!r)
		join_facts(&join);
	free(join.meetings);
	shc_state_destroy(before);
	return r;
}

/* ---- Covering --------------------------------------------------------------------------------------------------- */

/* What an unknown of the wide state stands for in the narrow one: an unknown, a term, or a variable not assigned. */
struct binding {
	const struct shc_atom *atom;
	const void *value;
};

struct cover {
	const struct shc_state *wide, *narrow;
	struct shc_dfa_pool *pool;
	struct binding *bindings;
	uint32_t count, capacity;
	bool failed; /* no memory: nothing is covered */
};

/* An unknown stands for one value, wherever it is. */
static bool bind(struct cover *cover, const struct shc_atom *atom, const void *value)
{
	for (uint32_t i = 0; i < cover->count; i++)
		if (cover->bindings[i].atom == atom)
			return cover->bindings[i].value == value;
	if (cover->count == cover->capacity) {
		uint32_t capacity = cover->capacity ? cover->capacity * 2 : 32;
		struct binding *grown = realloc(cover->bindings, capacity * sizeof(*grown));

		cover->failed |= !grown;
		if (!grown)
			return false;
		cover->bindings = grown;
		cover->capacity = capacity;
	}
	cover->bindings[cover->count++] = (struct binding){.atom = atom, .value = value};
	return true;
}

static bool bind_itself(struct cover *cover, const struct shc_term *term)
{
	for (uint32_t i = 0; i < term->count; i++) {
		const struct shc_atom *atom = term->pieces[i].atom;

		if (!atom)
			continue;
		if (!bind(cover, atom, atom) ||
			shc_dfa_includes(cover->pool, shc_state_language_of(cover->wide, atom),
				shc_state_language_of(cover->narrow, atom)) != 1)
			return false;
	}
	return true;
}

/* Is everything that @b may be possible for @a? Only a lone unknown stands for more than itself. */
static bool covers_term(struct cover *cover, const struct shc_term *a, const struct shc_term *b)
{
	const struct shc_atom *atom = a ? shc_term_single_atom(a) : NULL;
	const struct shc_atom *there = b ? shc_term_single_atom(b) : NULL;
	const struct shc_dfa *right;

	if (a == b)
		return !a || bind_itself(cover, a);
	if (!b)
		return true;
	return atom && !atom->shared && bind(cover, atom, there ? (const void *)there : b) &&
	       !shc_state_term_language(cover->narrow, cover->pool, b, &right) &&
	       shc_dfa_includes(cover->pool, shc_state_language_of(cover->wide, atom), right) == 1;
}

/* A fact rules states out: each one of @wide must hold in @narrow. */
static bool covers_facts(struct cover *cover)
{
	for (uint32_t i = 0; i < cover->wide->fact_count; i++) {
		const struct shc_fact *fact = &cover->wide->facts[i];
		const struct shc_fact *same = find_fact(cover->narrow, fact);

		if (!same || same->assumed > fact->assumed || !bind_itself(cover, fact->path) ||
			(fact->target && !bind_itself(cover, fact->target)))
			return false;
	}
	return true;
}

static bool covers_elements(
	struct cover *cover, const struct shc_array *a, const struct shc_array *b)
{
	const struct shc_dfa *right;

	if (a == b && (!a || a->weak))
		return true;
	if (!a || !b)
		return false;
	if (a->weak)
		return !element_language(cover->narrow, cover->pool, b, &right) &&
		       shc_dfa_includes(cover->pool, a->any, right) == 1;
	if (b->weak || a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (!covers_term(cover, a->items[i], b->items[i]))
			return false;
	return true;
}

static bool covers_value(
	struct cover *cover, const struct shc_variable *a, const struct shc_variable *b)
{
	const struct shc_atom *atom = a->term ? shc_term_single_atom(a->term) : NULL;

	if ((a->readonly != b->readonly || b->perhaps_readonly) && !a->perhaps_readonly)
		return false;
	if (((a->attributes ^ b->attributes) | b->perhaps_attributes) & ~a->perhaps_attributes)
		return false;
	if (!a->assigned)
		return !b->assigned;
	if (!b->assigned && b->term)
		return a->presence == SHC_PERHAPS && !a->elements &&
		       covers_term(cover, a->term, b->term);
	if (!b->assigned)
		return a->presence == SHC_PERHAPS && atom && !atom->shared && !a->elements &&
		       bind(cover, atom, b) &&
		       shc_state_language_of(cover->wide, atom) == shc_dfa_text(cover->pool);
	if (a->presence != b->presence && a->presence != SHC_PERHAPS)
		return false;
	return (!b->term || covers_term(cover, a->term, b->term)) &&
	       covers_elements(cover, a->elements, b->elements);
}

static bool covers_variables(struct cover *cover)
{
	static const struct shc_variable absent = {.presence = SHC_ABSENT};
	const struct shc_state *wide = cover->wide, *narrow = cover->narrow;
	uint32_t count = wide->variable_count > narrow->variable_count ? wide->variable_count
								       : narrow->variable_count;

	for (uint32_t i = 0; i < count; i++)
		if (!covers_value(cover, i < wide->variable_count ? &wide->variables[i] : &absent,
			    i < narrow->variable_count ? &narrow->variables[i] : &absent))
			return false;
	if (wide->hidden_count != narrow->hidden_count)
		return false;
	for (uint32_t i = 0; i < wide->hidden_count; i++)
		if (wide->hidden[i].name != narrow->hidden[i].name ||
			wide->hidden[i].depth != narrow->hidden[i].depth ||
			!covers_value(
				cover, &wide->hidden[i].variable, &narrow->hidden[i].variable))
			return false;
	return true;
}

static bool covers_arguments(struct cover *cover)
{
	const struct shc_state *wide = cover->wide, *narrow = cover->narrow;

	if (wide->argument_count > narrow->argument_count ||
		(wide->argument_count < narrow->argument_count && !wide->arguments_open) ||
		(narrow->arguments_open && !wide->arguments_open))
		return false;
	/* Unknown ones under other names: nothing may be known of the wide state's by their names. */
	if (wide->arguments_open && !wide->arguments_fresh &&
		(wide->shifted != narrow->shifted || !narrow->arguments_open ||
			wide->argument_count != narrow->argument_count))
		return false;
	for (uint32_t i = 0; i < wide->argument_count; i++)
		if (!covers_term(cover, wide->arguments[i], narrow->arguments[i]))
			return false;
	return true;
}

static bool covers_functions(const struct cover *cover)
{
	const struct shc_state *wide = cover->wide, *narrow = cover->narrow;
	uint32_t count = wide->function_count > narrow->function_count ? wide->function_count
								       : narrow->function_count;

	for (uint32_t i = 0; i < count; i++) {
		const struct shc_command *here = shc_state_function(wide, i);
		const struct shc_command *there = shc_state_function(narrow, i);
		bool held = here == there;

		for (uint32_t j = 0; j < wide->doubt_count && !held; j++)
			held = wide->doubts[j].name == i && wide->doubts[j].function == there;
		if (!held)
			return false;
	}
	for (uint32_t i = 0; i < narrow->doubt_count; i++) {
		const struct shc_doubt *doubt = &narrow->doubts[i];
		bool held = shc_state_function(wide, doubt->name) == doubt->function;

		for (uint32_t j = 0; j < wide->doubt_count && !held; j++)
			held = wide->doubts[j].name == doubt->name &&
			       wide->doubts[j].function == doubt->function;
		if (!held)
			return false;
	}
	return true;
}

/* More alternatives than are kept are dropped at the join; here they must not keep a loop turning. */
static bool covers_traps(struct cover *cover)
{
	static const struct shc_traps none;
	const struct shc_traps *list = cover->wide->traps ? cover->wide->traps : &none;
	uint32_t count = 0;

	for (const struct shc_traps *t = list; t; t = t->also, count++)
		for (int i = 0; i < SHC_TRAP_COUNT; i++)
			if (t->entries[i].site && !bind_itself(cover, t->entries[i].action))
				return false;
	if (count >= TRAPS_MAX)
		return true;
	for (const struct shc_traps *t = cover->narrow->traps ? cover->narrow->traps : &none; t;
		t = t->also)
		if (!traps_hold(list, t))
			return false;
	return true;
}

static bool covers_options(const struct cover *cover)
{
	const struct shc_state *wide = cover->wide, *narrow = cover->narrow;
	unsigned int differ = options_of(wide) ^ options_of(narrow);

	return !((differ | narrow->doubtful) & ~wide->doubtful) &&
	       wide->status.low <= narrow->status.low && wide->status.high >= narrow->status.high &&
	       wide->sourced >= narrow->sourced && !(narrow->escaped & ~wide->escaped) &&
	       !(narrow->sealed & ~wide->sealed) &&
	       wide->directory_doubtful >= narrow->directory_doubtful;
}

static bool covers_narrowings(struct cover *cover)
{
	for (uint32_t i = 0; i < cover->wide->narrowed_count; i++) {
		const struct shc_narrowing *narrowing = &cover->wide->narrowed[i];
		const struct shc_dfa *other = narrowed_to(cover->narrow, narrowing->atom);

		if (!other || shc_dfa_includes(cover->pool, narrowing->language, other) != 1)
			return false;
	}
	return true;
}

bool shc_state_covers(
	const struct shc_state *wide, const struct shc_state *narrow, struct shc_dfa_pool *pool)
{
	struct cover cover = {.wide = wide, .narrow = narrow, .pool = pool};
	bool covered = MADE(COVERS_ALWAYS) ||
		       (covers_variables(&cover) && covers_arguments(&cover) &&
			       covers_functions(&cover) && covers_traps(&cover) &&
			       covers_options(&cover) && covers_narrowings(&cover) &&
			       covers_term(&cover, wide->directory, narrow->directory) &&
			       covers_term(&cover, wide->name, narrow->name) &&
			       (!wide->output || !narrow->output ||
				       covers_term(&cover, wide->output, narrow->output)) &&
			       covers_facts(&cover));

	free(cover.bindings);
	return covered && !cover.failed;
}
