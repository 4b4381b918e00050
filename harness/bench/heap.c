/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An implicit heap as fast as we could make it: 16-byte entries whose order is one 128-bit integer (time, then
 * serial, so equal times are stable; the slot of the event fills the lowest bits), children chosen without
 * branches, and a pop that leaves its hole open for the insertion that usually follows, which saves one of the two
 * sifts. Cancelled events stay as tombstones until they reach the root.
 */
#include "heap.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <hotbed/assert.h>

#define SLOT_BITS 24
#define NONE UINT32_MAX

/* time:64, serial:40, slot:24; 2^40 insertions are half a day of nothing else. */
__extension__ typedef unsigned __int128 heap_key;

struct slot {
	hb_event_fn *handler;
	void *object;
	uint64_t argument; /* of a free slot: the next free one */
	uint64_t serial;   /* 0 = free or cancelled */
};

struct heap {
	heap_key *keys;
	size_t count;
	bool hole; /* the root has been popped and not yet been replaced */
	uint32_t free_slot, fresh_slot, capacity;
	uint64_t serial;
	int64_t now_ns;
	struct slot *slots;
	void *keys_pages;
	size_t keys_bytes, slots_bytes;
};

static void *pages_map(size_t bytes)
{
	void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		return NULL;
	(void)madvise(pages, bytes, MADV_HUGEPAGE);
	return pages;
}

struct heap *heap_create(size_t capacity)
{
	struct heap *heap = calloc(1, sizeof(*heap));

	hb_assert(capacity > 0 && capacity < 1 << SLOT_BITS);
	if (!heap)
		return NULL;
	heap->keys_bytes = (capacity + 4) * sizeof(heap_key);
	heap->slots_bytes = capacity * sizeof(struct slot);
	heap->keys_pages = pages_map(heap->keys_bytes);
	heap->slots = pages_map(heap->slots_bytes);
	if (!heap->keys_pages || !heap->slots) {
		heap_destroy(heap);
		return NULL;
	}
	/* Node 1, and with it every four siblings, begins a cache line. */
	heap->keys = (heap_key *)heap->keys_pages + 3;
	heap->capacity = (uint32_t)capacity;
	heap->free_slot = NONE;
	return heap;
}

void heap_destroy(struct heap *heap)
{
	if (!heap)
		return;
	if (heap->keys_pages)
		(void)munmap(heap->keys_pages, heap->keys_bytes);
	if (heap->slots)
		(void)munmap(heap->slots, heap->slots_bytes);
	free(heap);
}

/* The smallest of the up to @arity children that begin at @child. */
static inline __attribute__((always_inline)) size_t child_smallest(
	const struct heap *heap, size_t child, unsigned int arity)
{
	const heap_key *keys = heap->keys;
	size_t best = child;

	if (arity == 2 && child + 2 <= heap->count)
		return child + (keys[child + 1] < keys[child]);
	if (arity == 4 && child + 4 <= heap->count) {
		size_t left = child + (keys[child + 1] < keys[child]);
		size_t right = child + 2 + (keys[child + 3] < keys[child + 2]);

		return keys[right] < keys[left] ? right : left;
	}
	for (size_t i = child + 1; i < heap->count && i < child + arity; i++)
		best = keys[i] < keys[best] ? i : best;
	return best;
}

/* Put @key where the root was. */
static inline __attribute__((always_inline)) void sift_down(
	struct heap *heap, heap_key key, unsigned int arity)
{
	size_t at = 0;

	for (;;) {
		size_t child = arity * at + 1;

		if (child >= heap->count)
			break;
		child = child_smallest(heap, child, arity);
		if (key <= heap->keys[child])
			break;
		heap->keys[at] = heap->keys[child];
		at = child;
	}
	heap->keys[at] = key;
}

static inline __attribute__((always_inline)) void sift_up(
	struct heap *heap, heap_key key, unsigned int arity)
{
	size_t at = heap->count++;

	while (at > 0) {
		size_t parent = (at - 1) / arity;

		if (heap->keys[parent] <= key)
			break;
		heap->keys[at] = heap->keys[parent];
		at = parent;
	}
	heap->keys[at] = key;
}

static inline __attribute__((always_inline)) int insert(struct heap *heap, int64_t time_ns,
	const struct hb_event *event, struct hb_event_id *ret_id, unsigned int arity)
{
	uint32_t index = heap->free_slot;
	struct slot *slot;
	heap_key key;

	if (time_ns < heap->now_ns)
		return -EINVAL;
	if (index != NONE)
		heap->free_slot = (uint32_t)heap->slots[index].argument;
	else if (heap->fresh_slot < heap->capacity)
		index = heap->fresh_slot++;
	else
		return -ENOSPC;
	slot = &heap->slots[index];
	slot->handler = event->handler;
	slot->object = event->object;
	slot->argument = event->argument;
	slot->serial = ++heap->serial;
	key = (heap_key)(uint64_t)time_ns << 64 | slot->serial << SLOT_BITS | index;
	if (heap->hole) {
		heap->hole = false;
		sift_down(heap, key, arity);
	} else {
		sift_up(heap, key, arity);
	}
	if (ret_id) {
		ret_id->serial = slot->serial;
		ret_id->slot = index;
	}
	return 0;
}

/* Close the hole with the last key. */
static inline __attribute__((always_inline)) void hole_close(struct heap *heap, unsigned int arity)
{
	heap_key last = heap->keys[--heap->count];

	heap->hole = false;
	if (heap->count)
		sift_down(heap, last, arity);
}

static inline __attribute__((always_inline)) bool pop(
	struct heap *heap, int64_t limit_ns, struct hb_event *ret, unsigned int arity)
{
	for (;;) {
		struct slot *slot;
		uint32_t index;
		int64_t time_ns;
		bool is_live;

		if (heap->hole)
			hole_close(heap, arity);
		if (!heap->count)
			return false;
		time_ns = (int64_t)(heap->keys[0] >> 64);
		if (time_ns > limit_ns)
			return false;
		index = (uint32_t)heap->keys[0] & ((1U << SLOT_BITS) - 1);
		slot = &heap->slots[index];
		is_live = slot->serial != 0;
		heap->hole = true;
		ret->time_ns = time_ns;
		ret->handler = slot->handler;
		ret->object = slot->object;
		ret->argument = slot->argument;
		slot->serial = 0;
		slot->argument = heap->free_slot;
		heap->free_slot = index;
		if (is_live) {
			heap->now_ns = time_ns;
			return true;
		}
	}
}

int heap_cancel(struct heap *heap, struct hb_event_id id)
{
	if (!id.serial || id.slot >= heap->fresh_slot || heap->slots[id.slot].serial != id.serial)
		return -ESTALE;
	heap->slots[id.slot].serial = 0;
	return 0;
}

int binary_heap_insert(struct heap *heap, int64_t time_ns, hb_event_fn *handler, void *object,
	uint64_t argument, struct hb_event_id *ret_id)
{
	struct hb_event event = {.handler = handler, .object = object, .argument = argument};

	return insert(heap, time_ns, &event, ret_id, 2);
}

bool binary_heap_pop(struct heap *heap, int64_t limit_ns, struct hb_event *ret)
{
	return pop(heap, limit_ns, ret, 2);
}

int quaternary_heap_insert(struct heap *heap, int64_t time_ns, hb_event_fn *handler, void *object,
	uint64_t argument, struct hb_event_id *ret_id)
{
	struct hb_event event = {.handler = handler, .object = object, .argument = argument};

	return insert(heap, time_ns, &event, ret_id, 4);
}

bool quaternary_heap_pop(struct heap *heap, int64_t limit_ns, struct hb_event *ret)
{
	return pop(heap, limit_ns, ret, 4);
}
