/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "arena.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

/* Chunks double up to the largest, so that small scripts stay small and large ones need few calls. */
#define CHUNK_BYTES_MIN ((size_t)8 << 10)
#define CHUNK_BYTES_MAX ((size_t)1 << 20)
#define ALIGNMENT ((size_t)8)

struct chunk {
	struct chunk *previous;
};

struct shc_arena {
	struct chunk *last;
	char *at, *end;
	size_t next_bytes, taken_bytes;
};

int shc_arena_create(struct shc_arena **ret)
{
	struct shc_arena *arena = calloc(1, sizeof(*arena));

	if (!arena)
		return -ENOMEM;
	arena->next_bytes = CHUNK_BYTES_MIN;
	*ret = arena;
	return 0;
}

void shc_arena_destroy(struct shc_arena *arena)
{
	if (!arena)
		return;
	while (arena->last) {
		struct chunk *previous = arena->last->previous;

		free(arena->last);
		arena->last = previous;
	}
	free(arena);
}

static int grow(struct shc_arena *arena, size_t size)
{
	size_t bytes = arena->next_bytes;
	struct chunk *chunk;

	if (size > SIZE_MAX / 2)
		return -ENOMEM;
	if (bytes < size + sizeof(*chunk))
		bytes = size + sizeof(*chunk);
	/* Fresh pages are zero already: calloc() of large chunks costs nothing. */
	chunk = calloc(1, bytes);
	if (!chunk)
		return -ENOMEM;
	chunk->previous = arena->last;
	arena->last = chunk;
	arena->at = (char *)(chunk + 1);
	arena->end = (char *)chunk + bytes;
	arena->taken_bytes += bytes;
	if (arena->next_bytes < CHUNK_BYTES_MAX)
		arena->next_bytes *= 2;
	return 0;
}

void *shc_arena_take(struct shc_arena *arena, size_t size)
{
	void *taken;

	size = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	if ((size_t)(arena->end - arena->at) < size && grow(arena, size) < 0)
		return NULL;
	taken = arena->at;
	arena->at += size;
	return taken;
}

size_t shc_arena_bytes(const struct shc_arena *arena)
{
	return arena->taken_bytes;
}
