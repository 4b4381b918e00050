/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory that is released all at once. Not thread-safe: one arena per thread.
 */
#ifndef SHCHECK_SYNTAX_ARENA_H
#define SHCHECK_SYNTAX_ARENA_H

#include <stddef.h>

struct shc_arena;

/* shc_arena_create - an empty arena. Returns 0 or -ENOMEM; release with shc_arena_destroy(). */
int shc_arena_create(struct shc_arena **ret);

/* shc_arena_destroy - release everything; NULL is allowed. */
void shc_arena_destroy(struct shc_arena *arena);

/* shc_arena_take - @size zeroed bytes aligned for every type, or NULL when there is no memory. */
void *shc_arena_take(struct shc_arena *arena, size_t size);

/* shc_arena_bytes - how much was taken from the system, in bytes. */
size_t shc_arena_bytes(const struct shc_arena *arena);

#endif
