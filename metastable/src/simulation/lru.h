/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A look-aside cache: which of the keys are in it, least recently used first to leave, entries older than the time to
 * live count as absent. All memory is one block of the caller's that can be copied. Not thread-safe.
 */
#ifndef METASTABLE_SIMULATION_LRU_H
#define METASTABLE_SIMULATION_LRU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ms_lru {
	uint32_t size;  /* entries that fit */
	uint32_t slots; /* of the hash table: a power of two */
	uint32_t count;
	uint32_t newest, oldest;
	int64_t ttl_ns; /* INT64_MAX = none */
};

/* ms_lru_bytes - memory for @size entries, a multiple of 8. */
size_t ms_lru_bytes(uint32_t size);
/* ms_lru_init - an empty cache at @memory, aligned to 8. */
void ms_lru_init(struct ms_lru *lru, void *memory, uint32_t size, int64_t ttl_ns);
/* ms_lru_clear - as after init. */
void ms_lru_clear(struct ms_lru *lru, void *memory);
/* ms_lru_get - is @key there? It then is the most recently used. */
bool ms_lru_get(struct ms_lru *lru, void *memory, uint32_t key, int64_t now_ns);
/* ms_lru_put - @key is there, as of now. */
void ms_lru_put(struct ms_lru *lru, void *memory, uint32_t key, int64_t now_ns);

#endif
