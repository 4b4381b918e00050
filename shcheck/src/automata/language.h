/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the automata core share: the automaton itself, its pool with scratch memory and counted steps, and
 * automata under construction. Not for use outside of this folder.
 */
#ifndef SHCHECK_AUTOMATA_LANGUAGE_H
#define SHCHECK_AUTOMATA_LANGUAGE_H

#include <shcheck/automaton.h>

#include "planted.h"

#define NONE UINT32_MAX

/*
 * A minimal complete automaton. States are numbered in order of a breadth-first search from state 0 by ascending
 * class; classes in order of their first byte. So equal languages have equal arrays.
 */
struct shc_dfa {
	struct shc_dfa_pool *pool;
	struct shc_dfa *bucket_next;
	uint64_t id, hash;
	size_t size_bytes;
	uint32_t state_count;
	uint32_t dead; /* the state that accepts nothing, NONE if there is none */
	uint32_t class_count;
	bool marked;         /* to be kept by the collection that is going on */
	uint64_t count;      /* strings: SHC_INFINITE, or at most SHC_INFINITE - 1 */
	uint64_t length_max; /* SHC_INFINITE if there is no bound, 0 if empty */
	unsigned char class_of[256];
	unsigned char sample[256]; /* of each class the byte that reads best */
	uint8_t *accepting;        /* shape [state_count], in the same block */
	uint32_t *distance;        /* to acceptance in bytes, NONE if dead; shape [state_count] */
	uint32_t next[];           /* shape [state_count][class_count] */
};

/* Operations whose results are remembered. */
enum operation {
	OPERATION_NONE,
	OPERATION_UNION,
	OPERATION_INTERSECT,
	OPERATION_DIFFERENCE,
	OPERATION_COMPLEMENT,
	OPERATION_CONCAT,
	OPERATION_STAR,
	OPERATION_PLUS,
	OPERATION_REVERSE,
	OPERATION_PREFIXES,
	OPERATION_SUFFIXES,
	OPERATION_SUBSTRINGS,
	OPERATION_LEFT_QUOTIENT,
	OPERATION_RIGHT_QUOTIENT,
	OPERATION_REMOVE, /* and the kinds of removal behind it */
	OPERATION_REMOVE_LAST = OPERATION_REMOVE + 3,
};

struct remembered {
	enum operation operation;
	const struct shc_dfa *a, *b, *result;
};

struct chunk;

/* A place in the scratch memory; everything that was taken behind it can be given back at once. */
struct scratch_mark {
	struct chunk *chunk;
	size_t used;
};

struct shc_dfa_pool {
	struct shc_dfa_limits limits;
	size_t memory_bytes, memory_peak_bytes;
	uint64_t steps_total, steps_operation, cache_hits, id_next;
	int depth; /* of operations that call operations */
	struct chunk *chunk;
	struct shc_dfa **buckets;
	size_t bucket_count, language_count;
	struct remembered *cache; /* direct-mapped */
	const struct shc_dfa *empty, *epsilon, *all, *text;
	unsigned char byte_order[256]; /* bytes by how well they read */
};

/*
 * operation_begin, operation_end - around every operation: counts its steps from 0 (unless it is part of another one)
 * and gives its scratch memory back.
 */
struct scratch_mark operation_begin(struct shc_dfa_pool *pool);
void operation_end(struct shc_dfa_pool *pool, struct scratch_mark mark);

/* charge - count @steps; false if the operation has no more. */
bool charge(struct shc_dfa_pool *pool, uint64_t steps);

/* scratch - @count x @size bytes until the operation ends; NULL if the limit does not allow it. */
void *scratch(struct shc_dfa_pool *pool, size_t count, size_t size);
void *scratch_zero(struct shc_dfa_pool *pool, size_t count, size_t size);

/*
 * scratch_grow - make room for element @needed - 1 in the scratch array *@array of *@capacity elements.
 * Returns 0 or -ENOMEM; then the array is as before.
 */
int scratch_grow(
	struct shc_dfa_pool *pool, void *array, uint32_t *capacity, uint32_t needed, size_t size);

/* states_max - states that an intermediate automaton may have. */
uint32_t states_max(const struct shc_dfa_pool *pool);

/* recall, remember - results of earlier operations. @b may be NULL. */
const struct shc_dfa *recall(struct shc_dfa_pool *pool, enum operation operation,
	const struct shc_dfa *a, const struct shc_dfa *b);
void remember(struct shc_dfa_pool *pool, enum operation operation, const struct shc_dfa *a,
	const struct shc_dfa *b, const struct shc_dfa *result);

/*
 * A deterministic automaton under construction, in scratch memory. State 0 is the start; a move to NONE is a move to
 * nowhere. Neither minimal nor trimmed.
 */
struct draft {
	uint32_t state_count, capacity;
	uint32_t class_count;
	unsigned char class_of[256];
	uint32_t *next; /* shape [capacity][class_count] */
	uint8_t *accepting;
};

/* draft_init - no states yet; class_of is to be filled by the caller. */
void draft_init(struct draft *draft, uint32_t class_count);

/* draft_copy - the automaton of @dfa, moves to its dead state as NONE. 0 or -ENOMEM. */
int draft_copy(struct shc_dfa_pool *pool, const struct shc_dfa *dfa, struct draft *ret);

/* draft_state - one more state, all moves NONE. Returns its number, or NONE and the reason in *@ret_err. */
uint32_t draft_state(struct shc_dfa_pool *pool, struct draft *draft, bool accepting, int *ret_err);

/* draft_finish - the minimal automaton of @draft's language. Returns as public operations do. */
int draft_finish(struct shc_dfa_pool *pool, const struct draft *draft, const struct shc_dfa **ret);

/*
 * dfa_intern - the pool's automaton that equals the canonical one in the arguments.
 * @next: shape [state_count][class_count], numbered canonically. 0 or -ENOMEM.
 */
int dfa_intern(struct shc_dfa_pool *pool, uint32_t state_count, uint32_t class_count,
	const unsigned char *class_of, const uint32_t *next, const uint8_t *accepting,
	const struct shc_dfa **ret);

/* dfa_measure - fill distance, count and length_max. 0 or -ENOMEM. */
int dfa_measure(struct shc_dfa_pool *pool, struct shc_dfa *dfa);

/* classes_of_sets - the coarsest partition of bytes that every set respects. Returns the number of classes. */
uint32_t classes_of_sets(
	const struct shc_byte_set *sets, uint32_t set_count, unsigned char *class_of);

/*
 * classes_of_pair - the common refinement of two partitions. @ret_a, @ret_b: of each class the class in @a and in @b;
 * shape [256]. Returns the number of classes.
 */
uint32_t classes_of_pair(const struct shc_dfa *a, const struct shc_dfa *b, unsigned char *class_of,
	unsigned char *ret_a, unsigned char *ret_b);

/* dfa_class_set - the bytes of class @class. */
struct shc_byte_set dfa_class_set(const struct shc_dfa *dfa, uint32_t class);

static inline uint32_t dfa_move(const struct shc_dfa *dfa, uint32_t state, uint32_t class)
{
	return dfa->next[(size_t)state * dfa->class_count + class];
}

/*
 * dfa_filter - @dfa with other accepting states: @accepting of shape [state_count]. Returns as public operations do.
 */
int dfa_filter(struct shc_dfa_pool *pool, const struct shc_dfa *dfa, const uint8_t *accepting,
	const struct shc_dfa **ret);

/* dfa_then_all - strings of @dfa followed by anything. */
int dfa_then_all(struct shc_dfa_pool *pool, const struct shc_dfa *dfa, const struct shc_dfa **ret);

#endif
