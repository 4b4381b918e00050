/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be read off one automaton: membership, measures, examples. */
#include "language.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>

#define EXAMPLES_BYTES_MAX ((size_t)64 << 20)

uint64_t shc_dfa_id(const struct shc_dfa *a)
{
	return a->id;
}

uint32_t shc_dfa_states(const struct shc_dfa *a)
{
	return a->state_count;
}

bool shc_dfa_is_empty(const struct shc_dfa *a)
{
	return a->dead == 0;
}

bool shc_dfa_is_finite(const struct shc_dfa *a)
{
	return a->count != SHC_INFINITE;
}

uint32_t shc_dfa_step(const struct shc_dfa *a, uint32_t state, unsigned char byte)
{
	hb_assert(state < a->state_count);
	return dfa_move(a, state, a->class_of[byte]);
}

bool shc_dfa_accepting(const struct shc_dfa *a, uint32_t state)
{
	hb_assert(state < a->state_count);
	return a->accepting[state];
}

bool shc_dfa_dead(const struct shc_dfa *a, uint32_t state)
{
	return state == a->dead;
}

bool shc_dfa_matches(const struct shc_dfa *a, const char *bytes, size_t length)
{
	uint32_t state = 0;

	for (size_t i = 0; i < length && state != a->dead; i++)
		state = dfa_move(a, state, a->class_of[(unsigned char)bytes[i]]);
	return a->accepting[state];
}

uint64_t shc_dfa_count(const struct shc_dfa *a, uint64_t max)
{
	return a->count == SHC_INFINITE || a->count < max ? a->count : max;
}

uint64_t shc_dfa_length_min(const struct shc_dfa *a)
{
	return a->dead == 0 ? 0 : a->distance[0];
}

uint64_t shc_dfa_length_max(const struct shc_dfa *a)
{
	return a->length_max;
}

/* Bytes of the classes that @wanted marks. */
static struct shc_byte_set bytes_of_classes(const struct shc_dfa *a, const bool *wanted)
{
	struct shc_byte_set set = {0};

	for (int b = 0; b < 256; b++) {
		if (wanted[a->class_of[b]])
			shc_byte_set_add(&set, (unsigned char)b);
	}
	return set;
}

struct shc_byte_set shc_dfa_bytes(const struct shc_dfa *a)
{
	bool wanted[256] = {false};

	for (uint32_t s = 0; s < a->state_count; s++) {
		for (uint32_t c = 0; s != a->dead && c < a->class_count; c++)
			wanted[c] = wanted[c] || dfa_move(a, s, c) != a->dead;
	}
	return bytes_of_classes(a, wanted);
}

struct shc_byte_set shc_dfa_first_bytes(const struct shc_dfa *a)
{
	bool wanted[256] = {false};

	for (uint32_t c = 0; c < a->class_count; c++)
		wanted[c] = dfa_move(a, 0, c) != a->dead;
	return bytes_of_classes(a, wanted);
}

struct shc_byte_set shc_dfa_last_bytes(const struct shc_dfa *a)
{
	bool wanted[256] = {false};

	for (uint32_t s = 0; s < a->state_count; s++) {
		for (uint32_t c = 0; c < a->class_count; c++)
			wanted[c] = wanted[c] || a->accepting[dfa_move(a, s, c)];
	}
	return bytes_of_classes(a, wanted);
}

/* How well a byte reads, best first: its place in the pool's order. */
static int rank_of(const struct shc_dfa *a, unsigned char byte)
{
	for (int i = 0; i < 256; i++) {
		if (a->pool->byte_order[i] == byte)
			return i;
	}
	return 256;
}

int shc_dfa_shortest(const struct shc_dfa *a, char *buffer, size_t size_bytes, size_t *ret_length)
{
	uint32_t state = 0, length = a->distance[0];
	int ranks[256];

	if (length == NONE)
		return -ENOENT;
	if (length >= size_bytes)
		return -ENOBUFS;
	for (uint32_t c = 0; c < a->class_count; c++)
		ranks[c] = rank_of(a, a->sample[c]);
	for (uint32_t i = 0; i < length; i++) {
		uint32_t best = NONE;

		for (uint32_t c = 0; c < a->class_count; c++) {
			if (a->distance[dfa_move(a, state, c)] == length - i - 1 &&
				(best == NONE || ranks[c] < ranks[best]))
				best = c;
		}
		hb_assert(best != NONE);
		buffer[i] = (char)a->sample[best];
		state = dfa_move(a, state, best);
	}
	buffer[length] = '\0';
	if (ret_length)
		*ret_length = length;
	return 0;
}

bool shc_dfa_single(const struct shc_dfa *a, char *buffer, size_t size_bytes, size_t *ret_length)
{
	return a->count == 1 && shc_dfa_shortest(a, buffer, size_bytes, ret_length) == 0;
}

void shc_strings_finish(struct shc_strings *strings)
{
	free(strings->items);
	free(strings->storage);
	*strings = (struct shc_strings){0};
}

/*
 * Listing by length: for each length the strings are found by a depth-first search that only enters states from which
 * exactly the rest of the length can be done, so every step of it is on the way to a string.
 */
struct listing {
	const struct shc_dfa *a;
	size_t wanted, length_max;
	uint64_t **rows; /* of each number of bytes left: bit set of the states that can end so */
	uint32_t row_capacity, byte_capacity, state_capacity;
	size_t words;
	char *storage;
	size_t used, capacity;
	size_t *offsets; /* shape [wanted + 1] */
	size_t count;
	unsigned char *
		byte_at; /* the search's place in each level: index into byte_order, shape [length] */
	uint32_t *state_at;
};

static bool can_end(const struct listing *l, size_t left, uint32_t state)
{
	return l->rows[left][state / 64] >> state % 64 & 1;
}

/* Arrays grow with the length, so that a bound that is never reached costs nothing. */
static int add_row(struct listing *l, size_t left)
{
	const struct shc_dfa *a = l->a;
	uint32_t needed = (uint32_t)left + 2;

	if (!charge(a->pool, (uint64_t)a->state_count * a->class_count))
		return -E2BIG;
	if (scratch_grow(a->pool, &l->rows, &l->row_capacity, needed, sizeof(*l->rows)) ||
		scratch_grow(a->pool, &l->byte_at, &l->byte_capacity, needed, 1) ||
		scratch_grow(a->pool, &l->state_at, &l->state_capacity, needed, sizeof(uint32_t)))
		return -ENOMEM;
	l->rows[left] = scratch_zero(a->pool, l->words, sizeof(uint64_t));
	if (!l->rows[left])
		return -ENOMEM;
	for (uint32_t s = 0; s < a->state_count; s++) {
		bool can = !left && a->accepting[s];

		for (uint32_t c = 0; left && !can && c < a->class_count; c++)
			can = can_end(l, left - 1, dfa_move(a, s, c));
		if (can)
			l->rows[left][s / 64] |= UINT64_C(1) << s % 64;
	}
	return 0;
}

static int store(struct listing *l, const unsigned char *order, size_t length)
{
	if (length + 1 > l->capacity - l->used) {
		size_t larger = l->capacity * 2 + length + 1;
		char *storage;

		if (larger > EXAMPLES_BYTES_MAX * 2)
			return -E2BIG;
		storage = realloc(l->storage, larger);
		if (!storage)
			return -ENOMEM;
		l->storage = storage;
		l->capacity = larger;
	}
	if (l->used + length + 1 > EXAMPLES_BYTES_MAX)
		return -E2BIG;
	l->offsets[l->count++] = l->used;
	for (size_t i = 0; i < length; i++)
		l->storage[l->used++] = (char)order[l->byte_at[i]];
	l->storage[l->used++] = '\0';
	return 0;
}

/* All strings of exactly @length, as far as they are wanted. */
static int list_length(struct listing *l, size_t length)
{
	const struct shc_dfa *a = l->a;
	const unsigned char *order = a->pool->byte_order;
	size_t level = 0;
	int next = 0, err = 0;

	l->state_at[0] = 0;
	if (!can_end(l, length, 0))
		return 0;
	while (!err && l->count < l->wanted) {
		uint32_t to = NONE;

		if (level == length) {
			err = store(l, order, length);
			next = 256;
		}
		for (; level < length && next < 256; next++) {
			to = dfa_move(a, l->state_at[level], a->class_of[order[next]]);
			if (can_end(l, length - level - 1, to))
				break;
		}
		if (!charge(a->pool, 1))
			return -E2BIG;
		if (next < 256) {
			l->byte_at[level++] = (unsigned char)next;
			l->state_at[level] = to;
			next = 0;
		} else if (level) {
			next = l->byte_at[--level] + 1;
		} else {
			return err;
		}
	}
	return err;
}

static int list_strings(struct listing *l)
{
	uint64_t longest = l->a->length_max;
	int err = 0;

	if (longest < l->length_max)
		l->length_max = longest;
	l->words = (l->a->state_count + 63) / 64;
	for (size_t length = 0; length <= l->length_max && l->count < l->wanted && !err; length++) {
		err = add_row(l, length);
		if (!err)
			err = list_length(l, length);
	}
	return err;
}

static int hand_over(const struct listing *l, struct shc_strings *ret)
{
	struct shc_strings strings = {.count = l->count, .storage = l->storage};

	strings.items = malloc((l->count + 1) * sizeof(*strings.items));
	if (!strings.items)
		return -ENOMEM;
	for (size_t i = 0; i < l->count; i++) {
		size_t end = i + 1 < l->count ? l->offsets[i + 1] : l->used;

		strings.items[i] = (struct shc_byte_string){
			.bytes = l->storage + l->offsets[i], .length = end - l->offsets[i] - 1};
	}
	*ret = strings;
	return 0;
}

int shc_dfa_examples(
	const struct shc_dfa *a, size_t count, size_t length_max, struct shc_strings *ret)
{
	struct listing l = {.a = a, .wanted = count, .length_max = length_max};
	struct scratch_mark mark;
	int err = 0;

	if (count > SHC_EXAMPLES_MAX)
		return -E2BIG;
	/* Beyond what the text may take together no string can be wanted. */
	if (l.length_max > EXAMPLES_BYTES_MAX)
		l.length_max = EXAMPLES_BYTES_MAX;
	if (l.wanted > a->count)
		l.wanted = a->count;
	mark = operation_begin(a->pool);
	l.offsets = scratch(a->pool, l.wanted + 1, sizeof(*l.offsets));
	if (!l.offsets)
		err = -ENOMEM;
	if (!err && l.wanted)
		err = a->distance[0] > l.length_max ? 0 : list_strings(&l);
	if (!err)
		err = hand_over(&l, ret);
	operation_end(a->pool, mark);
	if (err)
		free(l.storage);
	return err;
}

int shc_dfa_enumerate(const struct shc_dfa *a, size_t max, struct shc_strings *ret)
{
	if (a->count > max)
		return -E2BIG;
	return shc_dfa_examples(a, a->count, a->length_max, ret);
}

size_t shc_dfa_common_prefix(const struct shc_dfa *a, char *buffer, size_t size_bytes)
{
	uint32_t state = 0;
	size_t length = 0;

	hb_assert(size_bytes > 0);
	while (length + 1 < size_bytes && state != a->dead && !a->accepting[state]) {
		int only = -1, count = 0;

		for (int b = 0; b < 256 && count < 2; b++) {
			if (dfa_move(a, state, a->class_of[b]) != a->dead) {
				only = b;
				count++;
			}
		}
		if (count != 1)
			break;
		buffer[length++] = (char)only;
		state = dfa_move(a, state, a->class_of[only]);
	}
	buffer[length] = '\0';
	return length;
}

int shc_dfa_common_suffix(struct shc_dfa_pool *pool, const struct shc_dfa *a, char *buffer,
	size_t size_bytes, size_t *ret_length)
{
	const struct shc_dfa *backward;
	int err = shc_dfa_reverse(pool, a, &backward);
	size_t length;

	if (err)
		return err;
	length = shc_dfa_common_prefix(backward, buffer, size_bytes);
	for (size_t i = 0; i < length / 2; i++) {
		char byte = buffer[i];

		buffer[i] = buffer[length - 1 - i];
		buffer[length - 1 - i] = byte;
	}
	if (ret_length)
		*ret_length = length;
	return 0;
}
