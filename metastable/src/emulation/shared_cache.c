/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See shared_cache.h. */
#include <errno.h>
#include <math.h>
#include <sys/mman.h>

#include "simulation/protection.h"
#include "shared_cache.h"

int ms_shared_cache_init(
	struct ms_shared_cache *cache, const struct ms_cache *model, uint32_t index, uint64_t mixed)
{
	pthread_mutexattr_t shared;
	void *memory;

	cache->bytes = ms_lru_bytes(model->size);
	memory =
		mmap(NULL, cache->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -ENOMEM;
	cache->memory = memory;
	(void)pthread_mutexattr_init(&shared);
	(void)pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	(void)pthread_mutex_init(&cache->lock, &shared);
	(void)pthread_mutexattr_destroy(&shared);
	ms_key_law_init(&cache->law, model);
	hb_rng_init(&cache->keys, mixed, ms_stream_source(MS_STREAM_KEYS, index));
	ms_lru_init(&cache->lru, memory, model->size,
		isfinite(model->ttl_s) ? ms_seconds_ns(model->ttl_s) : INT64_MAX);
	/* The most popular last, so that they leave last. */
	for (uint32_t key = model->warm ? model->size : 0; key-- > 0;)
		ms_lru_put(&cache->lru, memory, key, 0);
	return 0;
}

void ms_shared_cache_finish(struct ms_shared_cache *cache)
{
	if (!cache->memory)
		return;
	(void)pthread_mutex_destroy(&cache->lock);
	(void)munmap(cache->memory, cache->bytes);
	cache->memory = NULL;
}

bool ms_shared_cache_ask(struct ms_shared_cache *cache, int64_t now_ns, uint32_t *ret_key)
{
	bool hit;

	(void)pthread_mutex_lock(&cache->lock);
	*ret_key = ms_draw_key(&cache->law, &cache->keys);
	hit = ms_lru_get(&cache->lru, cache->memory, *ret_key, now_ns);
	(void)pthread_mutex_unlock(&cache->lock);
	return hit;
}

void ms_shared_cache_put(struct ms_shared_cache *cache, uint32_t key, int64_t now_ns)
{
	(void)pthread_mutex_lock(&cache->lock);
	ms_lru_put(&cache->lru, cache->memory, key, now_ns);
	(void)pthread_mutex_unlock(&cache->lock);
}

void ms_shared_cache_flush(struct ms_shared_cache *cache)
{
	(void)pthread_mutex_lock(&cache->lock);
	ms_lru_clear(&cache->lru, cache->memory);
	(void)pthread_mutex_unlock(&cache->lock);
}
