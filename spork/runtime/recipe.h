/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Recipes of this process: traces of successful runs, one file for each calling context below
 * recipes/ in the cache, mapped once and checked once.
 */
#ifndef SPORK_RECIPE_H
#define SPORK_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct session;

/*
 * recipe_find - the recipe of the context @key and its size, mapped if need be; NULL = there is
 * none to be trusted.
 */
const void *recipe_find(struct session *session, const uint64_t key[2], size_t *ret_size_bytes);

/* recipe_save - write the recipe of @key; the file appears whole or not at all. */
bool recipe_save(const uint64_t key[2], const void *bytes, size_t size_bytes);

/*
 * recipe_prepare - before an attempt of the record executor: replay the context's recipe, or
 * record one, or neither. recipe_keep - after a conversion: save what was recorded, or count a
 * recipe that did not lead to the end. recipe_replay_step - spork_trace_replay() of the attempt's
 * recipe, by its digest where there is one.
 */
void recipe_prepare(struct arena *arena);
int recipe_replay_step(struct arena *arena);
void recipe_keep(struct arena *arena);
/* recipe_matches - is the code in memory that which the attempt's recipe stands for? Remembered for the process. */
bool recipe_matches(struct arena *arena);

#endif
