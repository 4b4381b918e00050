/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Implicit heaps as event queues, the baseline of harness/event-queue: tuned, with the interface and the guarantees of
 * hb_event_queue (stable order, cancelling, no allocation in the loop). Not thread-safe.
 *
 * Source: Williams 1964; LaMarca and Ladner 1996 (d-ary heaps aligned to cache lines).
 */
#ifndef HOTBED_BENCH_HEAP_H
#define HOTBED_BENCH_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotbed/sim.h>

struct heap;

/* heap_create - an empty heap for @capacity <= 2^24 - 1 events; NULL without memory. heap_destroy() frees it. */
struct heap *heap_create(size_t capacity);
void heap_destroy(struct heap *heap);

/* heap_cancel - as hb_event_queue_cancel(): a tombstone, which is cheaper than keeping every event's position. */
int heap_cancel(struct heap *heap, struct hb_event_id id);

/* As hb_event_queue_insert() and hb_event_queue_pop(), on a heap of 2 or 4 children per node. */
int binary_heap_insert(struct heap *heap, int64_t time_ns, hb_event_fn *handler, void *object,
	uint64_t argument, struct hb_event_id *ret_id);
bool binary_heap_pop(struct heap *heap, int64_t limit_ns, struct hb_event *ret);
int quaternary_heap_insert(struct heap *heap, int64_t time_ns, hb_event_fn *handler, void *object,
	uint64_t argument, struct hb_event_id *ret_id);
bool quaternary_heap_pop(struct heap *heap, int64_t limit_ns, struct hb_event *ret);

#endif
