/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an analyser remembers of one image: decoded instructions, function summaries, names, who calls whom. */
#ifndef SPORK_ANALYSIS_CODE_CACHE_H
#define SPORK_ANALYSIS_CODE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spork/decoder.h"
#include "spork/image.h"

/* Modules beyond the last are counted as the last one. */
#define MODULES_MAX 256

struct module_set {
	uint64_t bits[MODULES_MAX / 64];
};

void module_set_add(struct module_set *set, size_t module);
void module_set_join(struct module_set *set, const struct module_set *other);
bool module_set_has(const struct module_set *set, size_t module);

/* What calling a function may do, whatever its arguments. */
struct summary {
	uint64_t address;
	uint32_t effects;
	uint32_t unresolved;
	bool returns;
	bool in_progress; /* on the stack of Tarjan's algorithm */
	uint32_t index, low;
	struct module_set modules;
};

/* A growing table from 64-bit keys to indices; key and index 0 are allowed. */
struct table {
	uint64_t *keys;
	uint32_t *indices; /* + 1; 0 = empty */
	size_t room, count;
};

int table_put(struct table *table, uint64_t key, uint32_t index);
bool table_get(const struct table *table, uint64_t key, uint32_t *ret_index);
void table_finish(struct table *table);

struct call_edge {
	uint64_t target, call, next; /* the callee, the instruction, the one behind it */
	bool tail;
};

struct code_cache {
	const struct spork_image *image;
	bool is_libc;
	struct table instructions; /* by address, into the chunks */
	struct spork_instruction **chunks;
	size_t instruction_count;
	struct table summaries;
	struct summary **summary_list;
	size_t summary_count, summary_room;
	/* Symbols by name hash; made at the first use. */
	struct table names;
	bool has_names;
	/* Direct calls and jumps to functions, by target; made at the first use. */
	struct call_edge *calls;
	size_t call_count;
	bool has_calls;
	uint64_t decoded_to; /* an instruction's start, for code_cache_is_instruction() */
};

int code_cache_create(const struct spork_image *image, struct code_cache **ret);
void code_cache_destroy(struct code_cache *cache);
void code_cache_drop_summaries(struct code_cache *cache);

/* The instruction at @address, decoded at most once; -EILSEQ (no code there, or nothing known), -ENOMEM. */
int code_cache_decode(struct code_cache *cache, const struct spork_decoder *decoder,
	struct spork_decoder_state *state, uint64_t address, const struct spork_instruction **ret);

/* The function that the image defines under @name; 0 = none. @ret_resolver: it is an IFUNC. */
uint64_t code_cache_function_named(struct code_cache *cache, const char *name, bool *ret_resolver);

/* A new summary for @address, in progress; NULL: no memory. */
struct summary *code_cache_add_summary(struct code_cache *cache, uint64_t address);
struct summary *code_cache_summary(const struct code_cache *cache, uint64_t address);

/* Calls of @target: sorted, @ret_count of them; some may lie inside of another instruction. -ENOMEM. */
int code_cache_callers(
	struct code_cache *cache, uint64_t target, const struct call_edge **ret, size_t *ret_count);
/* Is @call the start of an instruction, decoding from the start of its function? */
bool code_cache_is_instruction(struct code_cache *cache, const struct spork_decoder *decoder,
	struct spork_decoder_state *state, uint64_t call);

#endif
