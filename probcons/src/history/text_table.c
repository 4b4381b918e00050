/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "text_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

struct text {
	uint32_t offset, length_bytes;
};

struct pc_text_table {
	char *bytes;
	uint32_t used, capacity; /* bytes */
	struct text *texts;      /* [number - 1] */
	uint32_t count, text_capacity;
	uint32_t *slots; /* numbers, 0 = free; a power of two, at most half full */
	uint32_t slot_count;
};

#define FIRST_SLOTS 64u
#define TABLE_MAX 0x7fffffffu

struct pc_text_table *text_table_create(void)
{
	struct pc_text_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->slots = calloc(FIRST_SLOTS, sizeof(*table->slots));
	table->slot_count = FIRST_SLOTS;
	if (!table->slots) {
		free(table);
		return NULL;
	}
	return table;
}

void text_table_destroy(struct pc_text_table *table)
{
	if (!table)
		return;
	free(table->bytes);
	free(table->texts);
	free(table->slots);
	free(table);
}

/* The slot where @text is, or the free one where it belongs. */
static uint32_t find(const struct pc_text_table *table, const char *text, size_t length_bytes)
{
	uint32_t mask = table->slot_count - 1;
	uint32_t at = (uint32_t)XXH3_64bits(text, length_bytes) & mask;

	for (;; at = (at + 1) & mask) {
		const struct text *other;

		if (table->slots[at] == 0)
			return at;
		other = &table->texts[table->slots[at] - 1];
		if (other->length_bytes == length_bytes &&
			memcmp(table->bytes + other->offset, text, length_bytes) == 0)
			return at;
	}
}

static int grow_slots(struct pc_text_table *table)
{
	struct pc_text_table larger = *table;

	larger.slot_count *= 2;
	larger.slots = calloc(larger.slot_count, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < table->count; i++) {
		const struct text *text = &table->texts[i];

		larger.slots[find(&larger, table->bytes + text->offset, text->length_bytes)] =
			i + 1;
	}
	free(table->slots);
	*table = larger;
	return 0;
}

/* Room for @more elements in an array that doubles. */
static int reserve(void **array, uint32_t *capacity, uint32_t used, size_t more, size_t size_bytes)
{
	size_t wanted = *capacity ? *capacity : 64;
	void *larger;

	if (more > TABLE_MAX - used)
		return -E2BIG;
	if (used + more <= *capacity)
		return 0;
	while (wanted < used + more)
		wanted *= 2;
	larger = realloc(*array, wanted * size_bytes);
	if (!larger)
		return -ENOMEM;
	*array = larger;
	*capacity = (uint32_t)wanted;
	return 0;
}

int text_table_number(
	struct pc_text_table *table, const char *text, size_t length_bytes, uint32_t *ret)
{
	uint32_t at = find(table, text, length_bytes);
	int err;

	if (table->slots[at]) {
		*ret = table->slots[at];
		return 0;
	}
	err = reserve((void **)&table->bytes, &table->capacity, table->used, length_bytes + 1, 1);
	if (!err)
		err = reserve((void **)&table->texts, &table->text_capacity, table->count, 1,
			sizeof(*table->texts));
	if (!err && (table->count + 1) * 2 > table->slot_count) {
		err = grow_slots(table);
		at = find(table, text, length_bytes);
	}
	if (err)
		return err;
	table->texts[table->count] = (struct text){table->used, (uint32_t)length_bytes};
	memcpy(table->bytes + table->used, text, length_bytes);
	table->bytes[table->used + length_bytes] = '\0';
	table->used += (uint32_t)length_bytes + 1;
	table->slots[at] = ++table->count;
	*ret = table->count;
	return 0;
}

const char *text_table_text(
	const struct pc_text_table *table, uint32_t number, size_t *ret_length_bytes)
{
	const struct text *text = &table->texts[number - 1];

	if (ret_length_bytes)
		*ret_length_bytes = text->length_bytes;
	return table->bytes + text->offset;
}

uint32_t text_table_count(const struct pc_text_table *table)
{
	return table->count;
}

size_t text_table_bytes(const struct pc_text_table *table)
{
	return table->capacity + table->text_capacity * sizeof(*table->texts) +
	       table->slot_count * sizeof(*table->slots);
}
