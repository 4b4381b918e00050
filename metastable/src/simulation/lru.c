/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hash table with linear probing over entries that form a list by use. See lru.h.
 */
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/rng.h>

#include "lru.h"

#define NONE UINT32_MAX

struct entry {
	int64_t filled_ns;
	uint32_t key;
	uint32_t newer, older;
	uint32_t slot; /* of the table that points here */
};

/* Entries first, then the table of entry numbers. */
static struct entry *entries_of(void *memory)
{
	return memory;
}

static uint32_t *table_of(const struct ms_lru *lru, void *memory)
{
	return (uint32_t *)(entries_of(memory) + lru->size);
}

/* At most half of the slots are used, so probing is short. */
static uint32_t slots_for(uint32_t size)
{
	uint32_t slots = 4;

	while (slots < 2 * (uint64_t)size)
		slots *= 2;
	return slots;
}

size_t ms_lru_bytes(uint32_t size)
{
	return size * sizeof(struct entry) + slots_for(size) * sizeof(uint32_t);
}

void ms_lru_clear(struct ms_lru *lru, void *memory)
{
	lru->count = 0;
	lru->newest = lru->oldest = NONE;
	memset(table_of(lru, memory), 0xff, lru->slots * sizeof(uint32_t));
}

void ms_lru_init(struct ms_lru *lru, void *memory, uint32_t size, int64_t ttl_ns)
{
	*lru = (struct ms_lru){.size = size, .slots = slots_for(size), .ttl_ns = ttl_ns};
	ms_lru_clear(lru, memory);
}

static uint32_t home(const struct ms_lru *lru, uint32_t key)
{
	return (uint32_t)(hb_rng_mix(key, 0) & (lru->slots - 1));
}

/* The slot of @key, or the free one where it would go. */
static uint32_t slot_find(const struct ms_lru *lru, void *memory, uint32_t key)
{
	const uint32_t *table = table_of(lru, memory);
	uint32_t slot = home(lru, key);

	while (table[slot] != NONE && entries_of(memory)[table[slot]].key != key)
		slot = (slot + 1) & (lru->slots - 1);
	return slot;
}

/* Close the gap at @slot: entries that a probe would no longer find move up. */
static void slot_free(const struct ms_lru *lru, void *memory, uint32_t slot)
{
	uint32_t *table = table_of(lru, memory);
	struct entry *entries = entries_of(memory);
	uint32_t mask = lru->slots - 1;
	uint32_t next = slot;

	table[slot] = NONE;
	for (;;) {
		next = (next + 1) & mask;
		if (table[next] == NONE)
			return;
		/* It may move to the gap if its home is not between the gap and where it is. */
		if (((next - home(lru, entries[table[next]].key)) & mask) < ((next - slot) & mask))
			continue;
		table[slot] = table[next];
		entries[table[slot]].slot = slot;
		table[next] = NONE;
		slot = next;
	}
}

static void unlink_entry(struct ms_lru *lru, struct entry *entries, uint32_t index)
{
	struct entry *entry = &entries[index];

	if (entry->newer == NONE)
		lru->newest = entry->older;
	else
		entries[entry->newer].older = entry->older;
	if (entry->older == NONE)
		lru->oldest = entry->newer;
	else
		entries[entry->older].newer = entry->newer;
}

static void link_newest(struct ms_lru *lru, struct entry *entries, uint32_t index)
{
	entries[index].newer = NONE;
	entries[index].older = lru->newest;
	if (lru->newest == NONE)
		lru->oldest = index;
	else
		entries[lru->newest].newer = index;
	lru->newest = index;
}

bool ms_lru_get(struct ms_lru *lru, void *memory, uint32_t key, int64_t now_ns)
{
	struct entry *entries = entries_of(memory);
	uint32_t index = table_of(lru, memory)[slot_find(lru, memory, key)];

	if (index == NONE || now_ns - entries[index].filled_ns >= lru->ttl_ns)
		return false;
	unlink_entry(lru, entries, index);
	link_newest(lru, entries, index);
	return true;
}

void ms_lru_put(struct ms_lru *lru, void *memory, uint32_t key, int64_t now_ns)
{
	struct entry *entries = entries_of(memory);
	uint32_t slot = slot_find(lru, memory, key);
	uint32_t index = table_of(lru, memory)[slot];

	if (index != NONE) {
		unlink_entry(lru, entries, index);
	} else if (lru->count < lru->size) {
		index = lru->count++;
	} else {
		index = lru->oldest;
		unlink_entry(lru, entries, index);
		slot_free(lru, memory, entries[index].slot);
		slot = slot_find(lru, memory, key);
	}
	entries[index].filled_ns = now_ns;
	entries[index].key = key;
	entries[index].slot = slot;
	table_of(lru, memory)[slot] = index;
	link_newest(lru, entries, index);
}
