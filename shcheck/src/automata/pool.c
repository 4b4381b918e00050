/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "language.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include <hotbed/assert.h>

#define MEMORY_DEFAULT_BYTES ((size_t)64 << 20)
#define MEMORY_MIN_BYTES ((size_t)1 << 20)
#define STATES_DEFAULT 4096
#define STATES_MAX (UINT32_MAX / 1024)
#define STEPS_DEFAULT ((uint64_t)1 << 26)
#define CHUNK_BYTES ((size_t)128 << 10)
#define BUCKETS_FIRST 1024
#define CACHE_SLOTS 4096
/* An intermediate automaton may be so many times as large as a result. */
#define DRAFT_FACTOR 16

#ifdef SHC_PLANTED
enum planted shc_planted;
#endif

struct chunk {
	struct chunk *previous;
	size_t size_bytes, used;
	_Alignas(16) char bytes[];
};

static bool account(struct shc_dfa_pool *pool, size_t size_bytes)
{
	if (size_bytes > pool->limits.memory_bytes - pool->memory_bytes)
		return false;
	pool->memory_bytes += size_bytes;
	if (pool->memory_bytes > pool->memory_peak_bytes)
		pool->memory_peak_bytes = pool->memory_bytes;
	return true;
}

static void *allocate(struct shc_dfa_pool *pool, size_t size_bytes)
{
	void *block;

	if (!account(pool, size_bytes))
		return NULL;
	block = malloc(size_bytes);
	if (!block)
		pool->memory_bytes -= size_bytes;
	return block;
}

static int add_chunk(struct shc_dfa_pool *pool, size_t size_bytes)
{
	struct chunk *chunk = allocate(pool, sizeof(*chunk) + size_bytes);

	if (!chunk)
		return -ENOMEM;
	chunk->previous = pool->chunk;
	chunk->size_bytes = size_bytes;
	chunk->used = 0;
	pool->chunk = chunk;
	return 0;
}

static void drop_chunk(struct shc_dfa_pool *pool)
{
	struct chunk *chunk = pool->chunk;

	pool->chunk = chunk->previous;
	pool->memory_bytes -= sizeof(*chunk) + chunk->size_bytes;
	free(chunk);
}

struct scratch_mark operation_begin(struct shc_dfa_pool *pool)
{
	if (pool->depth++ == 0)
		pool->steps_operation = 0;
	return (struct scratch_mark){.chunk = pool->chunk, .used = pool->chunk->used};
}

void operation_end(struct shc_dfa_pool *pool, struct scratch_mark mark)
{
	hb_assert(pool->depth > 0);
	pool->depth--;
	while (pool->chunk != mark.chunk)
		drop_chunk(pool);
	pool->chunk->used = mark.used;
}

bool charge(struct shc_dfa_pool *pool, uint64_t steps)
{
	pool->steps_total += steps;
	pool->steps_operation += steps;
	return pool->steps_operation <= pool->limits.steps;
}

void *scratch(struct shc_dfa_pool *pool, size_t count, size_t size)
{
	size_t bytes;
	char *block;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes > pool->limits.memory_bytes)
		return NULL;
	bytes = (bytes + 15) & ~(size_t)15;
	if (bytes > pool->chunk->size_bytes - pool->chunk->used &&
		add_chunk(pool, bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES))
		return NULL;
	block = pool->chunk->bytes + pool->chunk->used;
	pool->chunk->used += bytes;
	return block;
}

void *scratch_zero(struct shc_dfa_pool *pool, size_t count, size_t size)
{
	void *block = scratch(pool, count, size);

	if (block)
		memset(block, 0, count * size);
	return block;
}

int scratch_grow(
	struct shc_dfa_pool *pool, void *array, uint32_t *capacity, uint32_t needed, size_t size)
{
	uint32_t larger = *capacity ? *capacity : 16;
	void *old, *block;

	if (needed <= *capacity)
		return 0;
	while (larger < needed) {
		if (larger > UINT32_MAX / 2)
			return -ENOMEM;
		larger *= 2;
	}
	block = scratch(pool, larger, size);
	if (!block)
		return -ENOMEM;
	memcpy(&old, array, sizeof(old));
	if (*capacity)
		memcpy(block, old, *capacity * size);
	memcpy(array, &block, sizeof(block));
	*capacity = larger;
	return 0;
}

uint32_t states_max(const struct shc_dfa_pool *pool)
{
	return pool->limits.states * DRAFT_FACTOR;
}

static struct remembered *cache_slot(struct shc_dfa_pool *pool, enum operation operation,
	const struct shc_dfa *a, const struct shc_dfa *b)
{
	uint64_t key = a->id * UINT64_C(0x9e3779b97f4a7c15);

	key ^= (b ? b->id + 1 : 0) * UINT64_C(0xc2b2ae3d27d4eb4f);
	key = (key ^ key >> 29) * UINT64_C(0xbf58476d1ce4e5b9) + (uint64_t)operation;
	return &pool->cache[(key ^ key >> 32) % CACHE_SLOTS];
}

const struct shc_dfa *recall(struct shc_dfa_pool *pool, enum operation operation,
	const struct shc_dfa *a, const struct shc_dfa *b)
{
	struct remembered *slot = cache_slot(pool, operation, a, b);

	hb_assert(a->pool == pool && (!b || b->pool == pool));
	if (slot->operation != operation || slot->a != a || slot->b != b)
		return NULL;
	pool->cache_hits++;
	return slot->result;
}

void remember(struct shc_dfa_pool *pool, enum operation operation, const struct shc_dfa *a,
	const struct shc_dfa *b, const struct shc_dfa *result)
{
	if (!pool->limits.uncached)
		*cache_slot(pool, operation, a, b) = (struct remembered){
			.operation = operation, .a = a, .b = b, .result = result};
}

/* Bytes in the order in which people like to see them in an example. */
static void order_bytes(unsigned char *order)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-./";
	bool seen[256] = {false};
	int n = 0;

	for (const char *c = first; *c; c++) {
		order[n++] = (unsigned char)*c;
		seen[(unsigned char)*c] = true;
	}
	for (int round = 0; round < 4; round++) {
		for (int b = 1; b < 256; b++) {
			int rank = b > ' ' && b < 127                   ? 0
				   : b == ' ' || b == '\t' || b == '\n' ? 1
									: 2;

			if (!seen[b] && rank == round) {
				order[n++] = (unsigned char)b;
				seen[b] = true;
			}
		}
	}
	order[n++] = 0;
	hb_assert(n == 256);
}

static uint64_t hash_of(uint32_t state_count, uint32_t class_count, const unsigned char *class_of,
	const uint32_t *next, const uint8_t *accepting)
{
	uint64_t hash = XXH3_64bits_withSeed(class_of, 256, class_count);

	hash = XXH3_64bits_withSeed(next, (size_t)state_count * class_count * sizeof(*next), hash);
	return XXH3_64bits_withSeed(accepting, state_count, hash);
}

static struct shc_dfa *find(struct shc_dfa_pool *pool, uint64_t hash, uint32_t state_count,
	uint32_t class_count, const unsigned char *class_of, const uint32_t *next,
	const uint8_t *accepting)
{
	struct shc_dfa *dfa = pool->buckets[hash % pool->bucket_count];

	for (; dfa; dfa = dfa->bucket_next) {
		if (dfa->hash == hash && dfa->state_count == state_count &&
			dfa->class_count == class_count &&
			memcmp(dfa->class_of, class_of, 256) == 0 &&
			memcmp(dfa->next, next,
				(size_t)state_count * class_count * sizeof(*next)) == 0 &&
			memcmp(dfa->accepting, accepting, state_count) == 0)
			return dfa;
	}
	return NULL;
}

/* The table of buckets doubles with the languages; if there is no memory for it, chains just become longer. */
static void rehash(struct shc_dfa_pool *pool)
{
	size_t larger = pool->bucket_count * 2;
	struct shc_dfa **buckets;

	if (pool->language_count < pool->bucket_count)
		return;
	buckets = allocate(pool, larger * sizeof(struct shc_dfa *));
	if (!buckets)
		return;
	memset(buckets, 0, larger * sizeof(struct shc_dfa *));
	for (size_t i = 0; i < pool->bucket_count; i++) {
		struct shc_dfa *dfa = pool->buckets[i];

		while (dfa) {
			struct shc_dfa *following = dfa->bucket_next;

			dfa->bucket_next = buckets[dfa->hash % larger];
			buckets[dfa->hash % larger] = dfa;
			dfa = following;
		}
	}
	pool->memory_bytes -= pool->bucket_count * sizeof(struct shc_dfa *);
	free(pool->buckets);
	pool->buckets = buckets;
	pool->bucket_count = larger;
}

static void fill_samples(struct shc_dfa *dfa)
{
	bool seen[256] = {false};

	for (int i = 0; i < 256; i++) {
		unsigned char byte = dfa->pool->byte_order[i], class = dfa->class_of[byte];

		if (!seen[class])
			dfa->sample[class] = byte;
		seen[class] = true;
	}
}

int dfa_intern(struct shc_dfa_pool *pool, uint32_t state_count, uint32_t class_count,
	const unsigned char *class_of, const uint32_t *next, const uint8_t *accepting,
	const struct shc_dfa **ret)
{
	size_t moves = (size_t)state_count * class_count;
	uint64_t hash = hash_of(state_count, class_count, class_of, next, accepting);
	struct shc_dfa *dfa = find(pool, hash, state_count, class_count, class_of, next, accepting);
	size_t size_bytes = sizeof(*dfa) + (moves + state_count) * sizeof(*next) + state_count;

	if (dfa) {
		*ret = dfa;
		return 0;
	}
	dfa = allocate(pool, size_bytes);
	if (!dfa)
		return -ENOMEM;
	memset(dfa, 0, sizeof(*dfa));
	dfa->pool = pool;
	dfa->id = pool->id_next;
	dfa->hash = hash;
	dfa->size_bytes = size_bytes;
	dfa->state_count = state_count;
	dfa->class_count = class_count;
	memcpy(dfa->class_of, class_of, 256);
	memcpy(dfa->next, next, moves * sizeof(*next));
	dfa->distance = dfa->next + moves;
	dfa->accepting = (uint8_t *)(dfa->distance + state_count);
	memcpy(dfa->accepting, accepting, state_count);
	fill_samples(dfa);
	if (dfa_measure(pool, dfa)) {
		pool->memory_bytes -= size_bytes;
		free(dfa);
		return -ENOMEM;
	}
	pool->id_next++;
	pool->language_count++;
	rehash(pool);
	dfa->bucket_next = pool->buckets[hash % pool->bucket_count];
	pool->buckets[hash % pool->bucket_count] = dfa;
	*ret = dfa;
	return 0;
}

static int make_constants(struct shc_dfa_pool *pool)
{
	static const uint32_t one_state[1] = {0}, epsilon[2] = {1, 1}, text[4] = {1, 0, 1, 1};
	static const uint8_t no[1] = {0}, yes[2] = {1, 0};
	static const unsigned char one_class[256] = {0};
	unsigned char nul_apart[256];
	int err;

	memset(nul_apart, 1, sizeof(nul_apart));
	nul_apart[0] = 0;
	err = dfa_intern(pool, 1, 1, one_class, one_state, no, &pool->empty);
	if (!err)
		err = dfa_intern(pool, 1, 1, one_class, one_state, yes, &pool->all);
	if (!err)
		err = dfa_intern(pool, 2, 1, one_class, epsilon, yes, &pool->epsilon);
	if (!err)
		err = dfa_intern(pool, 2, 2, nul_apart, text, yes, &pool->text);
	return err;
}

static void set_limits(struct shc_dfa_pool *pool, const struct shc_dfa_limits *limits)
{
	if (limits)
		pool->limits = *limits;
	if (!pool->limits.memory_bytes)
		pool->limits.memory_bytes = MEMORY_DEFAULT_BYTES;
	if (pool->limits.memory_bytes < MEMORY_MIN_BYTES)
		pool->limits.memory_bytes = MEMORY_MIN_BYTES;
	if (!pool->limits.steps)
		pool->limits.steps = STEPS_DEFAULT;
	shc_dfa_pool_set_states(pool, pool->limits.states);
}

int shc_dfa_pool_create(const struct shc_dfa_limits *limits, struct shc_dfa_pool **ret)
{
	struct shc_dfa_pool *pool = calloc(1, sizeof(*pool));
	struct scratch_mark mark;
	int err = -ENOMEM;

	if (!pool)
		return -ENOMEM;
	set_limits(pool, limits);
	order_bytes(pool->byte_order);
	(void)account(pool, sizeof(*pool));
	pool->bucket_count = BUCKETS_FIRST;
	pool->buckets = allocate(pool, BUCKETS_FIRST * sizeof(struct shc_dfa *));
	pool->cache = allocate(pool, CACHE_SLOTS * sizeof(*pool->cache));
	if (pool->buckets && pool->cache && !add_chunk(pool, CHUNK_BYTES)) {
		memset(pool->buckets, 0, BUCKETS_FIRST * sizeof(struct shc_dfa *));
		memset(pool->cache, 0, CACHE_SLOTS * sizeof(*pool->cache));
		mark = operation_begin(pool);
		err = make_constants(pool);
		operation_end(pool, mark);
	}
	if (err) {
		shc_dfa_pool_destroy(pool);
		return err;
	}
	*ret = pool;
	return 0;
}

void shc_dfa_pool_destroy(struct shc_dfa_pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; pool->buckets && i < pool->bucket_count; i++) {
		while (pool->buckets[i]) {
			struct shc_dfa *dfa = pool->buckets[i];

			pool->buckets[i] = dfa->bucket_next;
			free(dfa);
		}
	}
	while (pool->chunk)
		drop_chunk(pool);
	free(pool->buckets);
	free(pool->cache);
	free(pool);
}

struct shc_dfa_limits shc_dfa_pool_limits(const struct shc_dfa_pool *pool)
{
	return pool->limits;
}

void shc_dfa_pool_set_states(struct shc_dfa_pool *pool, uint32_t states)
{
	if (!states)
		states = STATES_DEFAULT;
	pool->limits.states = states < STATES_MAX ? states : STATES_MAX;
}

static void mark_kept(const struct shc_dfa_pool *pool, const struct shc_dfa *dfa)
{
	struct shc_dfa *entry;

	hb_assert(dfa->pool == pool);
	/* Languages are const for everybody but their pool: the entry of the table is the same object. */
	for (entry = pool->buckets[dfa->hash % pool->bucket_count]; entry && entry != dfa;)
		entry = entry->bucket_next;
	hb_assert(entry);
	entry->marked = true;
}

void shc_dfa_pool_collect(
	struct shc_dfa_pool *pool, const struct shc_dfa *const *roots, size_t count)
{
	mark_kept(pool, pool->empty);
	mark_kept(pool, pool->epsilon);
	mark_kept(pool, pool->all);
	mark_kept(pool, pool->text);
	for (size_t i = 0; i < count; i++) {
		if (roots[i])
			mark_kept(pool, roots[i]);
	}
	for (size_t i = 0; i < pool->bucket_count; i++) {
		struct shc_dfa **link = &pool->buckets[i];

		while (*link) {
			struct shc_dfa *dfa = *link;

			if (dfa->marked) {
				dfa->marked = false;
				link = &dfa->bucket_next;
				continue;
			}
			*link = dfa->bucket_next;
			pool->memory_bytes -= dfa->size_bytes;
			pool->language_count--;
			free(dfa);
		}
	}
	memset(pool->cache, 0, CACHE_SLOTS * sizeof(*pool->cache));
}

struct shc_dfa_pool_usage shc_dfa_pool_usage(const struct shc_dfa_pool *pool)
{
	return (struct shc_dfa_pool_usage){.languages = pool->language_count,
		.memory_bytes = pool->memory_bytes,
		.memory_peak_bytes = pool->memory_peak_bytes,
		.steps = pool->steps_total,
		.cache_hits = pool->cache_hits};
}

const struct shc_dfa *shc_dfa_empty(const struct shc_dfa_pool *pool)
{
	return pool->empty;
}

const struct shc_dfa *shc_dfa_epsilon(const struct shc_dfa_pool *pool)
{
	return pool->epsilon;
}

const struct shc_dfa *shc_dfa_all(const struct shc_dfa_pool *pool)
{
	return pool->all;
}

const struct shc_dfa *shc_dfa_text(const struct shc_dfa_pool *pool)
{
	return pool->text;
}
