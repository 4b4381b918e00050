/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Automata under construction, and partitions of the alphabet. */
#include "language.h"

#include <errno.h>
#include <string.h>

void draft_init(struct draft *draft, uint32_t class_count)
{
	*draft = (struct draft){.class_count = class_count};
}

int draft_copy(struct shc_dfa_pool *pool, const struct shc_dfa *dfa, struct draft *ret)
{
	size_t moves = (size_t)dfa->state_count * dfa->class_count;

	draft_init(ret, dfa->class_count);
	ret->state_count = ret->capacity = dfa->state_count;
	memcpy(ret->class_of, dfa->class_of, 256);
	ret->next = scratch(pool, moves, sizeof(*ret->next));
	ret->accepting = scratch(pool, dfa->state_count, 1);
	if (!ret->next || !ret->accepting)
		return -ENOMEM;
	for (size_t i = 0; i < moves; i++)
		ret->next[i] = dfa->next[i] == dfa->dead ? NONE : dfa->next[i];
	memcpy(ret->accepting, dfa->accepting, dfa->state_count);
	return 0;
}

uint32_t draft_state(struct shc_dfa_pool *pool, struct draft *draft, bool accepting, int *ret_err)
{
	uint32_t state = draft->state_count, old = draft->capacity;
	uint32_t capacity = old;

	if (state >= states_max(pool) || !charge(pool, draft->class_count)) {
		*ret_err = -E2BIG;
		return NONE;
	}
	if (state == old) {
		if (scratch_grow(pool, &draft->accepting, &capacity, state + 1, 1)) {
			*ret_err = -ENOMEM;
			return NONE;
		}
		if (scratch_grow(pool, &draft->next, &old, state + 1,
			    draft->class_count * sizeof(*draft->next))) {
			*ret_err = -ENOMEM;
			return NONE;
		}
		draft->capacity = capacity;
	}
	draft->accepting[state] = accepting;
	for (uint32_t c = 0; c < draft->class_count; c++)
		draft->next[(size_t)state * draft->class_count + c] = NONE;
	draft->state_count++;
	return state;
}

int dfa_filter(struct shc_dfa_pool *pool, const struct shc_dfa *dfa, const uint8_t *accepting,
	const struct shc_dfa **ret)
{
	struct draft draft;
	int err = draft_copy(pool, dfa, &draft);

	if (err)
		return err;
	memcpy(draft.accepting, accepting, dfa->state_count);
	return draft_finish(pool, &draft, ret);
}

int dfa_then_all(struct shc_dfa_pool *pool, const struct shc_dfa *dfa, const struct shc_dfa **ret)
{
	struct draft draft;
	int err = draft_copy(pool, dfa, &draft);

	if (err)
		return err;
	for (uint32_t s = 0; s < dfa->state_count; s++) {
		for (uint32_t c = 0; dfa->accepting[s] && c < dfa->class_count; c++)
			draft.next[(size_t)s * dfa->class_count + c] = s;
	}
	return draft_finish(pool, &draft, ret);
}

struct shc_byte_set dfa_class_set(const struct shc_dfa *dfa, uint32_t class)
{
	struct shc_byte_set set = {0};

	for (int b = 0; b < 256; b++) {
		if (dfa->class_of[b] == class)
			shc_byte_set_add(&set, (unsigned char)b);
	}
	return set;
}

uint32_t classes_of_sets(
	const struct shc_byte_set *sets, uint32_t set_count, unsigned char *class_of)
{
	uint32_t count = 1;

	memset(class_of, 0, 256);
	for (uint32_t i = 0; i < set_count && count < 256; i++) {
		/* Of each class, the bytes in the set move to a new one, unless all of them do. */
		uint32_t moved[256], inside[256] = {0}, total[256] = {0}, before = count;

		for (int b = 0; b < 256; b++) {
			total[class_of[b]]++;
			inside[class_of[b]] += shc_byte_set_has(&sets[i], (unsigned char)b);
		}
		for (uint32_t c = 0; c < before; c++)
			moved[c] = inside[c] && inside[c] < total[c] ? count++ : c;
		for (int b = 0; count > before && b < 256; b++) {
			if (shc_byte_set_has(&sets[i], (unsigned char)b))
				class_of[b] = (unsigned char)moved[class_of[b]];
		}
	}
	return count;
}

uint32_t classes_of_pair(const struct shc_dfa *a, const struct shc_dfa *b, unsigned char *class_of,
	unsigned char *ret_a, unsigned char *ret_b)
{
	/* Pairs of classes that were seen, in open addressing: at most 256 of 1,024 slots are used. */
	uint16_t slots[1024], keys[1024];
	uint32_t count = 0;

	memset(slots, 0xff, sizeof(slots));
	for (int byte = 0; byte < 256; byte++) {
		uint16_t key = (uint16_t)(a->class_of[byte] << 8 | b->class_of[byte]);
		uint32_t slot = key * 40503u >> 4 & 1023;

		while (slots[slot] != UINT16_MAX && keys[slot] != key)
			slot = (slot + 1) & 1023;
		if (slots[slot] == UINT16_MAX) {
			slots[slot] = (uint16_t)count;
			keys[slot] = key;
			ret_a[count] = a->class_of[byte];
			ret_b[count++] = b->class_of[byte];
		}
		class_of[byte] = (unsigned char)slots[slot];
	}
	return count;
}

struct shc_byte_set shc_byte_set_of(const char *bytes, size_t length)
{
	struct shc_byte_set set = {0};

	for (size_t i = 0; i < length; i++)
		shc_byte_set_add(&set, (unsigned char)bytes[i]);
	return set;
}

struct shc_byte_set shc_byte_set_range(unsigned char first, unsigned char last)
{
	struct shc_byte_set set = {0};

	for (unsigned int b = first; b <= last; b++)
		shc_byte_set_add(&set, (unsigned char)b);
	return set;
}

struct shc_byte_set shc_byte_set_complement(const struct shc_byte_set *set)
{
	struct shc_byte_set other;

	for (int i = 0; i < 4; i++)
		other.words[i] = ~set->words[i];
	return other;
}

struct shc_byte_set shc_byte_set_union(const struct shc_byte_set *a, const struct shc_byte_set *b)
{
	struct shc_byte_set both;

	for (int i = 0; i < 4; i++)
		both.words[i] = a->words[i] | b->words[i];
	return both;
}

int shc_byte_set_class(const char *name, size_t length, struct shc_byte_set *ret)
{
	/* In the C locale, whatever the process has set. */
	static const struct {
		const char *name;
		const char *ranges; /* pairs of first and last byte */
	} classes[] = {
		{"alpha", "AZaz"},
		{"digit", "09"},
		{"alnum", "09AZaz"},
		{"upper", "AZ"},
		{"lower", "az"},
		{"space", "\t\r  "},
		{"blank", "\t\t  "},
		{"punct", "!/:@[`{~"},
		{"print", " ~"},
		{"graph", "!~"},
		{"cntrl", "\1\37\177\177"},
		{"xdigit", "09AFaf"},
	};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		struct shc_byte_set set = {0};

		if (strlen(classes[i].name) != length || memcmp(classes[i].name, name, length) != 0)
			continue;
		for (const char *range = classes[i].ranges; *range; range += 2) {
			struct shc_byte_set part = shc_byte_set_range(
				(unsigned char)range[0], (unsigned char)range[1]);

			set = shc_byte_set_union(&set, &part);
		}
		*ret = set;
		return 0;
	}
	return -EINVAL;
}
