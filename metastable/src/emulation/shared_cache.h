/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A look-aside cache that several processes ask, as a memory cache on the same machine is: a list of keys by use in
 * shared memory behind one lock. Its values are nothing, so an answer takes no time beyond the model's.
 */
#ifndef METASTABLE_EMULATION_SHARED_CACHE_H
#define METASTABLE_EMULATION_SHARED_CACHE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <hotbed/rng.h>

#include "simulation/draw.h"
#include "simulation/lru.h"

/* Lies in shared memory, as @memory does; both at the same address in all processes. */
struct ms_shared_cache {
	pthread_mutex_t lock;
	struct ms_lru lru;
	void *memory; /* NULL: no such cache */
	size_t bytes;
	struct ms_key_law law;
	struct hb_rng keys;
};

/*
 * ms_shared_cache_init - cache @index of the model, warm if the model says so. Before the processes are forked.
 * Returns 0 or -ENOMEM; ms_shared_cache_finish() unmaps.
 */
int ms_shared_cache_init(struct ms_shared_cache *cache, const struct ms_cache *model,
	uint32_t index, uint64_t mixed);

void ms_shared_cache_finish(struct ms_shared_cache *cache);

/* ms_shared_cache_ask - draw a key of a new request. Returns whether it is there. Thread-safe, as are those below. */
bool ms_shared_cache_ask(struct ms_shared_cache *cache, int64_t now_ns, uint32_t *ret_key);

/* ms_shared_cache_put - @key is there from now on. */
void ms_shared_cache_put(struct ms_shared_cache *cache, uint32_t key, int64_t now_ns);

/* ms_shared_cache_flush - nothing is there any more. */
void ms_shared_cache_flush(struct ms_shared_cache *cache);

#endif
