/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sparse censoring of states in the order of least fill. See elimination.h.
 */
#include <errno.h>
#include <stdlib.h>

#include <hotbed/assert.h>

#include "elimination.h"

/* Entries that removing @state may create: what the order keeps small. */
static uint64_t fill(const struct elimination *e, uint32_t state)
{
	return (uint64_t)e->rows[state].count * e->rows[state].source_count;
}

static bool before(const struct elimination *e, uint32_t a, uint32_t b)
{
	uint64_t fill_a = fill(e, a), fill_b = fill(e, b);

	return fill_a != fill_b ? fill_a < fill_b : a < b;
}

static void heap_put(struct heap *heap, uint32_t at, uint32_t state)
{
	heap->states[at] = state;
	heap->place[state] = at + 1;
}

static void heap_up(struct elimination *e, uint32_t at)
{
	struct heap *heap = &e->heap;
	uint32_t state = heap->states[at];

	while (at > 0 && before(e, state, heap->states[(at - 1) / 2])) {
		heap_put(heap, at, heap->states[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_put(heap, at, state);
}

static void heap_down(struct elimination *e, uint32_t at)
{
	struct heap *heap = &e->heap;
	uint32_t state = heap->states[at];

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= heap->count)
			break;
		if (child + 1 < heap->count &&
			before(e, heap->states[child + 1], heap->states[child]))
			child++;
		if (!before(e, heap->states[child], state))
			break;
		heap_put(heap, at, heap->states[child]);
		at = child;
	}
	heap_put(heap, at, state);
}

/* The fill of @state has changed; it may not be in the heap. */
static void heap_update(struct elimination *e, uint32_t state)
{
	uint32_t place = e->heap.place[state];

	if (!place)
		return;
	heap_up(e, place - 1);
	heap_down(e, e->heap.place[state] - 1);
}

static uint32_t heap_pop(struct elimination *e)
{
	uint32_t state = e->heap.states[0];
	uint32_t last = e->heap.states[--e->heap.count];

	e->heap.place[state] = 0;
	if (e->heap.count) {
		heap_put(&e->heap, 0, last);
		heap_down(e, 0);
	}
	return state;
}

static int row_append(struct elimination *e, struct row *row, uint32_t column, long double rate)
{
	if (row->count == row->capacity) {
		uint32_t capacity = row->capacity ? row->capacity * 2 : 4;
		struct entry *grown = realloc(row->entries, capacity * sizeof(grown[0]));

		if (!grown)
			return -ENOMEM;
		row->entries = grown;
		row->capacity = capacity;
	}
	if (++e->entry_count > HB_MARKOV_ENTRIES_MAX)
		return -E2BIG;
	row->entries[row->count++] = (struct entry){.rate = rate, .column = column};
	return 0;
}

static int source_append(struct row *row, uint32_t source)
{
	if (row->source_count == row->source_capacity) {
		uint32_t capacity = row->source_capacity ? row->source_capacity * 2 : 4;
		uint32_t *grown = realloc(row->sources, capacity * sizeof(grown[0]));

		if (!grown)
			return -ENOMEM;
		row->sources = grown;
		row->source_capacity = capacity;
	}
	row->sources[row->source_count++] = source;
	return 0;
}

static int fill_rows(struct elimination *e, const struct rows *rows, const bool *member)
{
	for (uint32_t i = 0; i < e->state_count; i++) {
		int rc = 0;

		if (!member[i])
			continue;
		e->rows[i].time = 1;
		for (size_t k = rows->start[i]; k < rows->start[i + 1] && !rc; k++) {
			uint32_t column = rows->column[k];

			rc = row_append(e, &e->rows[i], column, rows->rate[k]);
			if (!rc && e->removable[column])
				rc = source_append(&e->rows[column], i);
		}
		if (rc)
			return rc;
	}
	return 0;
}

int hb_markov_elimination_init(struct elimination *e, const struct rows *rows, uint32_t state_count,
	const bool *member, uint32_t last, bool keep_log)
{
	int rc;

	*e = (struct elimination){.state_count = state_count, .keep_log = keep_log};
	e->rows = calloc(state_count, sizeof(e->rows[0]));
	e->position = calloc(state_count, sizeof(e->position[0]));
	e->heap.states = calloc(state_count, sizeof(e->heap.states[0]));
	e->heap.place = calloc(state_count, sizeof(e->heap.place[0]));
	e->removals = calloc(state_count, sizeof(e->removals[0]));
	e->removable = calloc(state_count, sizeof(e->removable[0]));
	if (!e->rows || !e->position || !e->heap.states || !e->heap.place || !e->removals ||
		!e->removable)
		return -ENOMEM;
	for (uint32_t i = 0; i < state_count; i++)
		e->removable[i] = member[i] && i != last;
	rc = fill_rows(e, rows, member);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < state_count; i++) {
		if (!e->removable[i])
			continue;
		heap_put(&e->heap, e->heap.count++, i);
		heap_up(e, e->heap.count - 1);
	}
	return 0;
}

void hb_markov_elimination_finish(struct elimination *e)
{
	for (uint32_t i = 0; e->rows && i < e->state_count; i++) {
		free(e->rows[i].entries);
		free(e->rows[i].sources);
	}
	free(e->rows);
	free(e->position);
	free(e->heap.states);
	free(e->heap.place);
	free(e->removals);
	free(e->removable);
	free(e->log);
	*e = (struct elimination){0};
}

static int log_append(struct elimination *e, uint32_t source, long double rate)
{
	if (e->log_count == e->log_capacity) {
		size_t capacity = e->log_capacity ? e->log_capacity * 2 : 1024;
		struct entry *grown = realloc(e->log, capacity * sizeof(grown[0]));

		if (!grown)
			return -ENOMEM;
		e->log = grown;
		e->log_capacity = capacity;
	}
	e->log[e->log_count++] = (struct entry){.rate = rate, .column = source};
	return 0;
}

static void source_remove(struct row *row, uint32_t source)
{
	for (uint32_t k = 0; k < row->source_count; k++) {
		if (row->sources[k] == source) {
			row->sources[k] = row->sources[--row->source_count];
			return;
		}
	}
}

/* Send what @source sent to @removed on to where @removed goes, in proportion. */
static int redirect(struct elimination *e, uint32_t source, uint32_t removed, long double exit_rate)
{
	struct row *row = &e->rows[source], *gone = &e->rows[removed];
	uint32_t hole;
	long double share;
	int rc = 0;

	for (uint32_t k = 0; k < row->count; k++)
		e->position[row->entries[k].column] = k + 1;
	hole = e->position[removed];
	hb_assert(hole);
	share = row->entries[hole - 1].rate / exit_rate;
	if (e->keep_log)
		rc = log_append(e, source, row->entries[hole - 1].rate);
	row->time += share * gone->time;
	for (uint32_t k = 0; k < gone->count && !rc; k++) {
		uint32_t column = gone->entries[k].column;
		long double rate = share * gone->entries[k].rate;

		if (column == source)
			continue;
		if (e->position[column]) {
			row->entries[e->position[column] - 1].rate += rate;
			continue;
		}
		rc = row_append(e, row, column, rate);
		if (!rc && e->removable[column])
			rc = source_append(&e->rows[column], source);
	}
	for (uint32_t k = 0; k < row->count; k++)
		e->position[row->entries[k].column] = 0;
	row->entries[hole - 1] = row->entries[--row->count];
	e->entry_count--;
	heap_update(e, source);
	return rc;
}

static int remove_state(struct elimination *e, uint32_t state)
{
	struct row *row = &e->rows[state];
	struct removal *removal = &e->removals[e->removal_count++];
	long double exit_rate = 0;
	int rc = 0;

	for (uint32_t k = 0; k < row->count; k++) {
		exit_rate += row->entries[k].rate;
		if (e->removable[row->entries[k].column])
			source_remove(&e->rows[row->entries[k].column], state);
	}
	hb_assert(exit_rate > 0);
	*removal = (struct removal){.state = state,
		.first = e->log_count,
		.count = row->source_count,
		.exit_rate = exit_rate};
	for (uint32_t k = 0; k < row->source_count && !rc; k++)
		rc = redirect(e, row->sources[k], state, exit_rate);
	for (uint32_t k = 0; k < row->count && !rc; k++)
		heap_update(e, row->entries[k].column);
	e->entry_count -= row->count;
	free(row->entries);
	free(row->sources);
	*row = (struct row){0};
	return rc;
}

int hb_markov_eliminate(struct elimination *e)
{
	while (e->heap.count) {
		int rc = remove_state(e, heap_pop(e));

		if (rc)
			return rc;
	}
	return 0;
}
