/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Wing and Gong's search with Lowe's memory. The list holds the calls and answers of one key in the order of time.
 * Walking it from its head, each call that the store's state allows is tried: it takes effect now and leaves the list
 * together with its answer. An answer that is reached must have taken effect before: go back. A configuration is the
 * set of operations that took effect and the state; one that was seen before led nowhere.
 */
#include <probcons/history.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "text_table.h"

#define NONE UINT32_MAX
#define WORD_BITS 64u

/* Configurations seen: an arena of records of words, found by a table of offsets. */
struct memory {
	uint64_t *arena;
	size_t used, capacity; /* words */
	size_t *slots;         /* offset + 1, 0 = free */
	size_t slot_count, count, limit_bytes;
	uint64_t *record; /* scratch: one configuration */
};

/* Positions in the list: call of operation i is 2i, its answer 2i + 1, the head is 2n. */
struct search {
	const struct pc_operation *operations;
	uint32_t count;
	uint32_t *next, *previous;
	uint64_t *effective; /* bits: took effect */
	uint32_t first_open; /* every operation below took effect */
	uint32_t last_effective;
	struct frame {
		uint32_t operation, state, first_open, last_effective;
	} * stack;
	uint32_t depth, answers_left;
	uint32_t state;
	uint32_t deepest,
		blocked; /* how far it came, and the answer that nothing explained there */
	struct pc_text_table *values;
	struct memory memory;
};

/* What the store does: false if it would not have answered so. -ENOMEM etc. from append. */
static int apply(
	struct search *s, const struct pc_operation *operation, uint32_t *ret, bool *ret_ok)
{
	size_t left_bytes, right_bytes;
	const char *left, *right;
	char *both;
	int err;

	*ret_ok = true;
	*ret = operation->value;
	switch ((enum pc_operation_kind)operation->kind) {
	case PC_PUT:
		return 0;
	case PC_GET:
		*ret_ok = s->state == operation->value;
		return 0;
	case PC_CAS:
		*ret_ok = s->state == operation->expected;
		return 0;
	case PC_DEL:
		*ret = 0;
		return 0;
	case PC_APPEND:
		break;
	}
	if (s->state == 0)
		return 0;
	left = text_table_text(s->values, s->state, &left_bytes);
	right = text_table_text(s->values, operation->value, &right_bytes);
	both = malloc(left_bytes + right_bytes + 1);
	if (!both)
		return -ENOMEM;
	memcpy(both, left, left_bytes);
	memcpy(both + left_bytes, right, right_bytes);
	err = text_table_number(s->values, both, left_bytes + right_bytes, ret);
	free(both);
	return err;
}

/* ---- configurations seen ---- */

static size_t find_slot(const struct memory *memory, const uint64_t *record, size_t words)
{
	size_t mask = memory->slot_count - 1;
	size_t at = (size_t)XXH3_64bits(record, words * sizeof(*record)) & mask;

	for (;; at = (at + 1) & mask) {
		const uint64_t *other;

		if (memory->slots[at] == 0)
			return at;
		other = memory->arena + memory->slots[at] - 1;
		/* The first word holds the length, so that records of other lengths differ there. */
		if (other[0] == record[0] && memcmp(other, record, words * sizeof(*record)) == 0)
			return at;
	}
}

static size_t record_words(const uint64_t *record)
{
	return (size_t)(record[0] >> 32);
}

static int grow_memory(struct memory *memory, size_t words)
{
	if (memory->used + words > memory->capacity) {
		size_t wanted = memory->capacity ? memory->capacity * 2 : 4096;
		uint64_t *larger;

		while (wanted < memory->used + words)
			wanted *= 2;
		if (wanted * sizeof(*larger) > memory->limit_bytes)
			return -E2BIG;
		larger = realloc(memory->arena, wanted * sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		memory->arena = larger;
		memory->capacity = wanted;
	}
	if ((memory->count + 1) * 2 > memory->slot_count) {
		struct memory larger = *memory;

		larger.slot_count = memory->slot_count ? memory->slot_count * 2 : 1024;
		larger.slots = calloc(larger.slot_count, sizeof(*larger.slots));
		if (!larger.slots)
			return -ENOMEM;
		for (size_t i = 0; i < memory->slot_count; i++) {
			const uint64_t *record;

			if (memory->slots[i] == 0)
				continue;
			record = memory->arena + memory->slots[i] - 1;
			larger.slots[find_slot(&larger, record, record_words(record))] =
				memory->slots[i];
		}
		free(memory->slots);
		*memory = larger;
	}
	return 0;
}

/*
 * The configuration as few words: length and first open operation, state, and the bits from the first open operation
 * to the last that took effect. What lies before and behind is known.
 */
static int remember(struct search *s, uint32_t state, bool *ret_new)
{
	struct memory *memory = &s->memory;
	uint32_t from = s->first_open / WORD_BITS, to = s->last_effective / WORD_BITS;
	uint64_t *record = memory->record;
	size_t words = 2, slot;
	int err;

	record[1] = (uint64_t)state << 32 | s->first_open;
	for (uint32_t i = from; i <= to && s->last_effective >= s->first_open; i++)
		record[words++] = s->effective[i];
	record[0] = (uint64_t)words << 32 | s->last_effective;
	err = grow_memory(memory, words);
	if (err)
		return err;
	slot = find_slot(memory, record, words);
	*ret_new = memory->slots[slot] == 0;
	if (!*ret_new)
		return 0;
	memcpy(memory->arena + memory->used, record, words * sizeof(*record));
	memory->slots[slot] = memory->used + 1;
	memory->used += words;
	memory->count++;
	return 0;
}

/* ---- the list ---- */

static void unlink_entry(struct search *s, uint32_t entry)
{
	s->next[s->previous[entry]] = s->next[entry];
	s->previous[s->next[entry]] = s->previous[entry];
}

static void relink_entry(struct search *s, uint32_t entry)
{
	s->next[s->previous[entry]] = entry;
	s->previous[s->next[entry]] = entry;
}

static void advance_first_open(struct search *s)
{
	while (s->first_open < s->count &&
		(s->effective[s->first_open / WORD_BITS] >> s->first_open % WORD_BITS & 1))
		s->first_open++;
}

static void undo(struct search *s, uint32_t *ret_entry)
{
	const struct frame *frame = &s->stack[--s->depth];
	uint32_t i = frame->operation;

	s->state = frame->state;
	s->first_open = frame->first_open;
	s->last_effective = frame->last_effective;
	s->effective[i / WORD_BITS] &= ~((uint64_t)1 << i % WORD_BITS);
	if (s->operations[i].answered) {
		relink_entry(s, 2 * i + 1);
		s->answers_left++;
	}
	relink_entry(s, 2 * i);
	*ret_entry = s->next[2 * i];
}

/* Let operation @i take effect now, unless that leads to where the search has been. */
static int try(struct search *s, uint32_t i, bool *ret_done)
{
	struct frame frame = {i, s->state, s->first_open, s->last_effective};
	uint32_t state;
	bool ok;
	int err = apply(s, &s->operations[i], &state, &ok);

	*ret_done = false;
	if (err || !ok)
		return err;
	s->effective[i / WORD_BITS] |= (uint64_t)1 << i % WORD_BITS;
	if (i > s->last_effective)
		s->last_effective = i;
	advance_first_open(s);
	err = remember(s, state, &ok);
	if (err || !ok) {
		s->effective[i / WORD_BITS] &= ~((uint64_t)1 << i % WORD_BITS);
		s->first_open = frame.first_open;
		s->last_effective = frame.last_effective;
		return err;
	}
	s->stack[s->depth++] = frame;
	s->state = state;
	unlink_entry(s, 2 * i);
	if (s->operations[i].answered) {
		unlink_entry(s, 2 * i + 1);
		s->answers_left--;
	}
	*ret_done = true;
	return 0;
}

static int walk(struct search *s, enum pc_judgement *ret)
{
	uint32_t head = 2 * s->count, entry = s->next[head];

	while (s->answers_left > 0) {
		bool done;
		int err;

		if (entry % 2 == 0) {
			err = try(s, entry / 2, &done);
			if (err)
				return err;
			entry = done ? s->next[head] : s->next[entry];
			continue;
		}
		if (s->depth >= s->deepest) {
			s->deepest = s->depth;
			s->blocked = entry / 2;
		}
		if (s->depth == 0) {
			*ret = PC_NOT_LINEARIZABLE;
			return 0;
		}
		undo(s, &entry);
	}
	*ret = PC_LINEARIZABLE;
	return 0;
}

/* ---- one key ---- */

struct moment {
	uint64_t time;
	uint32_t entry;
};

static int by_time(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return (x->entry > y->entry) - (x->entry < y->entry);
}

static int link_list(struct search *s)
{
	struct moment *moments = calloc(2 * (size_t)s->count + 1, sizeof(*moments));
	uint32_t count = 0, last = 2 * s->count;

	if (!moments)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->count; i++) {
		moments[count++] = (struct moment){s->operations[i].call, 2 * i};
		if (s->operations[i].answered) {
			moments[count++] = (struct moment){s->operations[i].answer, 2 * i + 1};
			s->answers_left++;
		}
	}
	qsort(moments, count, sizeof(*moments), by_time);
	for (uint32_t i = 0; i < count; i++) {
		s->next[last] = moments[i].entry;
		s->previous[moments[i].entry] = last;
		last = moments[i].entry;
	}
	s->next[last] = 2 * s->count;
	s->previous[2 * s->count] = last;
	free(moments);
	return 0;
}

static void finish_search(struct search *s)
{
	free(s->next);
	free(s->previous);
	free(s->effective);
	free(s->stack);
	free(s->memory.arena);
	free(s->memory.slots);
	free(s->memory.record);
}

static int judge_key(const struct pc_operation *operations, uint32_t count,
	struct pc_text_table *values, size_t memory_bytes, enum pc_judgement *ret,
	struct pc_judgement_reason *reason)
{
	struct search s = {.operations = operations, .count = count, .values = values};
	size_t words = count / WORD_BITS + 1;
	int err = -ENOMEM;

	s.next = calloc(2 * (size_t)count + 1, sizeof(*s.next));
	s.previous = calloc(2 * (size_t)count + 1, sizeof(*s.previous));
	s.effective = calloc(words, sizeof(*s.effective));
	s.stack = calloc((size_t)count + 1, sizeof(*s.stack));
	s.memory.record = calloc(words + 2, sizeof(*s.memory.record));
	s.memory.limit_bytes = memory_bytes;
	if (s.next && s.previous && s.effective && s.stack && s.memory.record)
		err = link_list(&s);
	if (!err)
		err = walk(&s, ret);
	if (err == -E2BIG) {
		*ret = PC_UNDECIDED;
		err = 0;
	}
	reason->line = operations[s.blocked].line;
	reason->visited += s.memory.count;
	finish_search(&s);
	return err;
}

static int by_key_and_call(const void *a, const void *b)
{
	const struct pc_operation *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->call != y->call)
		return x->call < y->call ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

static bool writes(const struct pc_operation *operation)
{
	return operation->kind == PC_PUT || operation->kind == PC_CAS;
}

static bool is_seen(const struct pc_operation *operations, uint32_t count, uint32_t value)
{
	for (uint32_t i = 0; i < count; i++) {
		if ((operations[i].kind == PC_GET && operations[i].value == value) ||
			(operations[i].kind == PC_CAS && operations[i].expected == value))
			return true;
	}
	return false;
}

/*
 * Leave out what no answer depends on: reads without answer, and writes without answer of a value that nobody saw. If
 * an order with such a write explains the history, so does the same order without it: whatever came between it and the
 * next write did not look. (An append looks.) Without this, each of them doubles the configurations.
 */
static uint32_t prune(struct pc_operation *operations, uint32_t count)
{
	bool appends = false;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++)
		appends |= operations[i].kind == PC_APPEND;
	for (uint32_t i = 0; i < count; i++) {
		const struct pc_operation *o = &operations[i];

		if (!o->answered && o->kind == PC_GET)
			continue;
		if (!o->answered && !appends && writes(o) && o->value != 0 &&
			!is_seen(operations, count, o->value))
			continue;
		operations[kept++] = *o;
	}
	return kept;
}

int pc_history_judge(struct pc_history *history, size_t memory_bytes, enum pc_judgement *ret,
	struct pc_judgement_reason *ret_reason)
{
	struct pc_judgement_reason reason = {0};
	enum pc_judgement judgement = PC_LINEARIZABLE;
	uint32_t at = 0;

	if (history->count > 0)
		qsort(history->operations, history->count, sizeof(*history->operations),
			by_key_and_call);
	while (at < history->count && judgement == PC_LINEARIZABLE) {
		struct pc_operation *operations = history->operations + at, *copy;
		uint32_t count = 0;
		int err;

		while (at + count < history->count && operations[count].key == operations[0].key)
			count++;
		copy = malloc(count * sizeof(*copy));
		if (!copy)
			return -ENOMEM;
		memcpy(copy, operations, count * sizeof(*copy));
		reason.key = operations[0].key;
		count = prune(copy, count);
		err = count == 0 ? 0
				 : judge_key(copy, count, history->values, memory_bytes, &judgement,
					   &reason);
		free(copy);
		if (err)
			return err;
		while (at < history->count && history->operations[at].key == reason.key)
			at++;
	}
	*ret = judgement;
	if (ret_reason)
		*ret_reason = reason;
	return 0;
}
