/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "term.h"

#include <stdlib.h>
#include <string.h>

#include <errno.h>

#include "arena.h"

/* Open addressing over pointers; rebuilt at three quarters full. */
struct shc_terms {
	struct shc_dfa_pool *pool;
	struct shc_arena *arena;
	const struct shc_term **slots;
	size_t capacity; /* a power of two */
	size_t used;
	uint32_t atoms;
	uint64_t epochs;
};

enum {
	CAPACITY_FIRST = 256,
	/* What is put together of more is one unknown: terms of n pieces, made one by one, take n * n bytes. */
	PIECES_MAX = 64,
	TEXT_BYTES_MAX = 4096,
};

int shc_terms_create(struct shc_dfa_pool *pool, struct shc_arena *arena, struct shc_terms **ret)
{
	struct shc_terms *terms = calloc(1, sizeof(*terms));

	if (!terms)
		return -ENOMEM;
	terms->slots = calloc(CAPACITY_FIRST, sizeof(*terms->slots));
	if (!terms->slots) {
		free(terms);
		return -ENOMEM;
	}
	terms->pool = pool;
	terms->arena = arena;
	terms->capacity = CAPACITY_FIRST;
	*ret = terms;
	return 0;
}

void shc_terms_destroy(struct shc_terms *terms)
{
	if (!terms)
		return;
	free(terms->slots);
	free(terms);
}

/* FNV-1a: terms are short, and the table compares contents anyway. */
static uint32_t hash_bytes(uint32_t hash, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ at[i]) * 16777619u;
	return hash;
}

static uint32_t hash_pieces(const struct shc_piece *pieces, uint32_t count)
{
	uint32_t hash = 2166136261u;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t id = pieces[i].atom ? pieces[i].atom->id + 1 : 0;

		hash = hash_bytes(hash, &id, sizeof(id));
		if (!pieces[i].atom)
			hash = hash_bytes(hash, pieces[i].text.bytes, pieces[i].text.length);
	}
	return hash;
}

static bool piece_equal(const struct shc_piece *a, const struct shc_piece *b)
{
	if (a->atom || b->atom)
		return a->atom == b->atom;
	return a->text.length == b->text.length &&
	       !memcmp(a->text.bytes, b->text.bytes, a->text.length);
}

static bool term_holds(
	const struct shc_term *term, uint32_t hash, const struct shc_piece *pieces, uint32_t count)
{
	if (term->hash != hash || term->count != count)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (!piece_equal(&term->pieces[i], &pieces[i]))
			return false;
	return true;
}

static const struct shc_term **slot_of(
	struct shc_terms *terms, uint32_t hash, const struct shc_piece *pieces, uint32_t count)
{
	size_t at = hash & (terms->capacity - 1);

	while (terms->slots[at] && !term_holds(terms->slots[at], hash, pieces, count))
		at = (at + 1) & (terms->capacity - 1);
	return &terms->slots[at];
}

static int table_grow(struct shc_terms *terms)
{
	const struct shc_term **old = terms->slots;
	size_t old_capacity = terms->capacity;

	terms->slots = calloc(old_capacity * 2, sizeof(*terms->slots));
	if (!terms->slots) {
		terms->slots = old;
		return -ENOMEM;
	}
	terms->capacity = old_capacity * 2;
	for (size_t i = 0; i < old_capacity; i++)
		if (old[i])
			*slot_of(terms, old[i]->hash, old[i]->pieces, old[i]->count) = old[i];
	free(old);
	return 0;
}

/* The term of @pieces, which are already in normal form; texts must live as long as the arena. */
static const struct shc_term *intern(
	struct shc_terms *terms, const struct shc_piece *pieces, uint32_t count)
{
	uint32_t hash = hash_pieces(pieces, count);
	const struct shc_term **slot = slot_of(terms, hash, pieces, count);
	struct shc_term *term;

	if (*slot)
		return *slot;
	if (terms->used * 4 >= terms->capacity * 3) {
		if (table_grow(terms))
			return NULL;
		slot = slot_of(terms, hash, pieces, count);
	}
	term = shc_arena_take(terms->arena, sizeof(*term) + count * sizeof(*pieces));
	if (!term)
		return NULL;
	term->hash = hash;
	term->count = count;
	if (count)
		memcpy(term->pieces, pieces, count * sizeof(*pieces));
	*slot = term;
	terms->used++;
	return term;
}

static bool text_copy(
	struct shc_terms *terms, struct shc_text left, struct shc_text right, struct shc_text *ret)
{
	char *bytes = shc_arena_take(terms->arena, (size_t)left.length + right.length + 1);

	if (!bytes)
		return false;
	if (left.length)
		memcpy(bytes, left.bytes, left.length);
	if (right.length)
		memcpy(bytes + left.length, right.bytes, right.length);
	*ret = (struct shc_text){.bytes = bytes, .length = left.length + right.length};
	return true;
}

const struct shc_term *shc_term_text(struct shc_terms *terms, const char *bytes, size_t length)
{
	struct shc_piece piece = {0};
	struct shc_text given = {.bytes = bytes, .length = (uint32_t)length};

	if (!length)
		return intern(terms, NULL, 0);
	if (length > SHC_SOURCE_BYTES_MAX ||
		!text_copy(terms, given, (struct shc_text){0}, &piece.text))
		return NULL;
	return intern(terms, &piece, 1);
}

const struct shc_term *shc_term_atom(struct shc_terms *terms, enum shc_origin origin,
	const struct shc_dfa *language, struct shc_range range)
{
	struct shc_atom *atom = shc_arena_take(terms->arena, sizeof(*atom));
	struct shc_piece piece = {.atom = atom};

	if (!atom)
		return NULL;
	atom->id = terms->atoms++;
	atom->origin = origin;
	atom->language = language;
	atom->range = range;
	return intern(terms, &piece, 1);
}

const struct shc_term *shc_term_share(const struct shc_term *term)
{
	/* Atoms are made here and constant for everybody else; this one was just made. */
	if (term)
		((struct shc_atom *)term->pieces[0].atom)->shared = true;
	return term;
}

const struct shc_term *shc_term_every(const struct shc_term *term)
{
	if (term)
		((struct shc_atom *)term->pieces[0].atom)->every = true;
	return term;
}

const struct shc_term *shc_term_home(const struct shc_term *term)
{
	/* Atoms are made here and constant for everybody else; this one was just made. */
	if (term)
		((struct shc_atom *)term->pieces[0].atom)->home = true;
	return term;
}

const struct shc_term *shc_term_sourced(
	struct shc_terms *terms, const struct shc_term *before, struct shc_range range)
{
	const struct shc_term *term =
		shc_term_atom(terms, SHC_ORIGIN_SOURCED, shc_dfa_text(terms->pool), range);

	if (term)
		((struct shc_atom *)term->pieces[0].atom)->before = before;
	return term;
}

uint64_t shc_terms_epoch(struct shc_terms *terms)
{
	return ++terms->epochs << 16;
}

struct shc_arena *shc_terms_arena(const struct shc_terms *terms)
{
	return terms->arena;
}

const struct shc_term *shc_term_of_atom(struct shc_terms *terms, const struct shc_atom *atom)
{
	struct shc_piece piece = {.atom = atom};

	return intern(terms, &piece, 1);
}

/* Do both hold text where they meet, and too much of it together? */
static bool is_long(const struct shc_term *left, const struct shc_term *right)
{
	const struct shc_piece *last = &left->pieces[left->count - 1], *first = right->pieces;

	return !last->atom && !first->atom &&
	       (size_t)last->text.length + first->text.length > TEXT_BYTES_MAX;
}

const struct shc_term *shc_term_concat(
	struct shc_terms *terms, const struct shc_term *left, const struct shc_term *right)
{
	const struct shc_term *result = NULL;
	struct shc_piece *pieces;
	uint32_t count;

	if (!left || !right)
		return NULL;
	if (!left->count)
		return right;
	if (!right->count)
		return left;
	count = left->count + right->count;
	if (count > PIECES_MAX || is_long(left, right))
		return shc_term_atom(terms, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(terms->pool),
			(struct shc_range){0, 0});
	pieces = malloc(count * sizeof(*pieces));
	if (!pieces)
		return NULL;
	memcpy(pieces, left->pieces, left->count * sizeof(*pieces));
	memcpy(pieces + left->count, right->pieces, right->count * sizeof(*pieces));
	if (!pieces[left->count - 1].atom && !pieces[left->count].atom) {
		struct shc_text *joint = &pieces[left->count - 1].text;

		if (!text_copy(terms, *joint, pieces[left->count].text, joint))
			goto out;
		memmove(pieces + left->count, pieces + left->count + 1,
			(right->count - 1) * sizeof(*pieces));
		count--;
	}
	result = intern(terms, pieces, count);
out:
	free(pieces);
	return result;
}

const struct shc_term *shc_term_slice(
	struct shc_terms *terms, const struct shc_term *term, uint32_t first, uint32_t end)
{
	return intern(terms, term->pieces + first, end - first);
}

bool shc_term_known(const struct shc_term *term, struct shc_text *ret)
{
	if (term->count > 1 || (term->count == 1 && term->pieces[0].atom))
		return false;
	*ret = term->count ? term->pieces[0].text : (struct shc_text){.bytes = ""};
	return true;
}

bool shc_term_is(const struct shc_term *term, const char *string)
{
	struct shc_text text;

	return shc_term_known(term, &text) && shc_text_is(text, string);
}

const struct shc_atom *shc_term_single_atom(const struct shc_term *term)
{
	return term->count == 1 ? term->pieces[0].atom : NULL;
}

uint32_t shc_terms_atom_count(const struct shc_terms *terms)
{
	return terms->atoms;
}

struct shc_dfa_pool *shc_terms_pool(const struct shc_terms *terms)
{
	return terms->pool;
}
