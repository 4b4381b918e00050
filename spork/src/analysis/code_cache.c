/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "code_cache.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 1024

void module_set_add(struct module_set *set, size_t module)
{
	if (module >= MODULES_MAX)
		module = MODULES_MAX - 1;
	set->bits[module / 64] |= UINT64_C(1) << (module % 64);
}

void module_set_join(struct module_set *set, const struct module_set *other)
{
	for (size_t i = 0; i < MODULES_MAX / 64; i++)
		set->bits[i] |= other->bits[i];
}

bool module_set_has(const struct module_set *set, size_t module)
{
	if (module >= MODULES_MAX)
		module = MODULES_MAX - 1;
	return set->bits[module / 64] >> (module % 64) & 1;
}

static size_t place_of(const struct table *table, uint64_t key)
{
	/* Fibonacci hashing: addresses differ in their low bits. */
	size_t at = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (table->room - 1);

	while (table->indices[at] && table->keys[at] != key)
		at = (at + 1) & (table->room - 1);
	return at;
}

static int enlarge(struct table *table)
{
	struct table larger = {.room = table->room ? 2 * table->room : 256};

	larger.keys = calloc(larger.room, sizeof(*larger.keys));
	larger.indices = calloc(larger.room, sizeof(*larger.indices));
	if (!larger.keys || !larger.indices) {
		table_finish(&larger);
		return -ENOMEM;
	}
	for (size_t i = 0; i < table->room; i++) {
		if (table->indices[i]) {
			size_t at = place_of(&larger, table->keys[i]);

			larger.keys[at] = table->keys[i];
			larger.indices[at] = table->indices[i];
		}
	}
	larger.count = table->count;
	table_finish(table);
	*table = larger;
	return 0;
}

int table_put(struct table *table, uint64_t key, uint32_t index)
{
	size_t at;

	if (4 * (table->count + 1) > 3 * table->room && enlarge(table))
		return -ENOMEM;
	at = place_of(table, key);
	if (!table->indices[at])
		table->count++;
	table->keys[at] = key;
	table->indices[at] = index + 1;
	return 0;
}

bool table_get(const struct table *table, uint64_t key, uint32_t *ret_index)
{
	size_t at;

	if (table->room == 0)
		return false;
	at = place_of(table, key);
	if (!table->indices[at])
		return false;
	*ret_index = table->indices[at] - 1;
	return true;
}

void table_finish(struct table *table)
{
	free(table->keys);
	free(table->indices);
	*table = (struct table){0};
}

int code_cache_create(const struct spork_image *image, struct code_cache **ret)
{
	struct code_cache *cache = calloc(1, sizeof(*cache));
	const char *soname = spork_image_soname(image);

	if (!cache)
		return -ENOMEM;
	cache->image = image;
	cache->is_libc = soname && (strncmp(soname, "libc.so", 7) == 0 ||
					   strncmp(soname, "libpthread.so", 13) == 0);
	*ret = cache;
	return 0;
}

void code_cache_drop_summaries(struct code_cache *cache)
{
	for (size_t i = 0; i < cache->summary_count; i++)
		free(cache->summary_list[i]);
	cache->summary_count = 0;
	table_finish(&cache->summaries);
}

void code_cache_destroy(struct code_cache *cache)
{
	if (!cache)
		return;
	code_cache_drop_summaries(cache);
	free(cache->summary_list);
	for (size_t i = 0; i * CHUNK < cache->instruction_count; i++)
		free(cache->chunks[i]);
	free(cache->chunks);
	table_finish(&cache->instructions);
	table_finish(&cache->names);
	free(cache->calls);
	free(cache);
}

/* Room for one more instruction. */
static struct spork_instruction *next_instruction(struct code_cache *cache)
{
	size_t chunk = cache->instruction_count / CHUNK;

	if (cache->instruction_count % CHUNK == 0) {
		struct spork_instruction **chunks =
			realloc(cache->chunks, (chunk + 1) * sizeof(*chunks));

		if (!chunks)
			return NULL;
		cache->chunks = chunks;
		chunks[chunk] = malloc(CHUNK * sizeof(**chunks));
		if (!chunks[chunk])
			return NULL;
	}
	return &cache->chunks[chunk][cache->instruction_count % CHUNK];
}

int code_cache_decode(struct code_cache *cache, const struct spork_decoder *decoder,
	struct spork_decoder_state *state, uint64_t address, const struct spork_instruction **ret)
{
	struct spork_instruction *to;
	const uint8_t *bytes;
	size_t available;
	bool executable;
	uint32_t index;
	int err;

	if (table_get(&cache->instructions, address, &index)) {
		*ret = &cache->chunks[index / CHUNK][index % CHUNK];
		return 0;
	}
	bytes = spork_image_bytes(cache->image, address, &available, &executable);
	if (!bytes || !executable)
		return -EILSEQ;
	to = next_instruction(cache);
	if (!to)
		return -ENOMEM;
	err = decoder->decode(state, bytes, available < 15 ? available : 15, address, to);
	if (!err)
		err = table_put(&cache->instructions, address, (uint32_t)cache->instruction_count);
	if (err) {
		/* A chunk that was just begun is not counted yet. */
		if (cache->instruction_count % CHUNK == 0)
			free(cache->chunks[cache->instruction_count / CHUNK]);
		return err;
	}
	cache->instruction_count++;
	*ret = to;
	return 0;
}

static uint64_t hash_name(const char *name)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	/* FNV-1a over at most 256 bytes: names of a hostile file may be long and overlap. */
	for (int i = 0; i < 256 && name[i]; i++)
		hash = (hash ^ (uint8_t)name[i]) * UINT64_C(1099511628211);
	return hash;
}

static void read_names(struct code_cache *cache)
{
	const struct spork_symbol *symbols;
	size_t count = spork_image_symbols(cache->image, &symbols);

	cache->has_names = true;
	for (size_t i = 0; i < count; i++) {
		if (symbols[i].global && symbols[i].type != STT_OBJECT &&
			table_put(&cache->names, hash_name(symbols[i].name), (uint32_t)i))
			return;
	}
}

uint64_t code_cache_function_named(struct code_cache *cache, const char *name, bool *ret_resolver)
{
	const struct spork_symbol *symbols;
	uint32_t index;

	if (!cache->has_names)
		read_names(cache);
	if (!table_get(&cache->names, hash_name(name), &index))
		return 0;
	(void)spork_image_symbols(cache->image, &symbols);
	if (strncmp(symbols[index].name, name, 256) != 0)
		return 0;
	*ret_resolver = symbols[index].type == STT_GNU_IFUNC;
	return symbols[index].address;
}

struct summary *code_cache_summary(const struct code_cache *cache, uint64_t address)
{
	uint32_t index;

	return table_get(&cache->summaries, address, &index) ? cache->summary_list[index] : NULL;
}

struct summary *code_cache_add_summary(struct code_cache *cache, uint64_t address)
{
	struct summary *summary;

	if (cache->summary_count == cache->summary_room) {
		size_t room = cache->summary_room ? 2 * cache->summary_room : 64;
		struct summary **list = realloc(cache->summary_list, room * sizeof(*list));

		if (!list)
			return NULL;
		cache->summary_list = list;
		cache->summary_room = room;
	}
	summary = calloc(1, sizeof(*summary));
	if (!summary || table_put(&cache->summaries, address, (uint32_t)cache->summary_count)) {
		free(summary);
		return NULL;
	}
	summary->address = address;
	summary->in_progress = true;
	cache->summary_list[cache->summary_count++] = summary;
	return summary;
}

static int compare_edges(const void *a, const void *b)
{
	const struct call_edge *left = a, *right = b;

	if (left->target != right->target)
		return left->target < right->target ? -1 : 1;
	return (left->call > right->call) - (left->call < right->call);
}

struct edges {
	struct call_edge *list;
	size_t count, room;
};

static int add_edge(struct edges *edges, const struct call_edge *edge)
{
	if (edges->count == edges->room) {
		size_t room = edges->room ? 2 * edges->room : 1024;
		struct call_edge *list = realloc(edges->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		edges->list = list;
		edges->room = room;
	}
	edges->list[edges->count++] = *edge;
	return 0;
}

/*
 * Calls (e8) and jumps (e9) of one function whose target is a function's start. The bytes are searched rather than
 * decoded; what is found by chance inside of another instruction costs a walk and nothing else.
 */
static int find_edges(
	const struct spork_image *image, const struct spork_function *function, struct edges *edges)
{
	size_t size = function->end - function->start, available;
	const uint8_t *bytes = spork_image_bytes(image, function->start, &available, NULL);

	for (size_t at = 0; bytes && at + 5 <= size && at + 5 <= available; at++) {
		const struct spork_function *callee;
		uint64_t target;
		int32_t displacement;

		if (bytes[at] != 0xe8 && bytes[at] != 0xe9)
			continue;
		memcpy(&displacement, bytes + at + 1, sizeof(displacement));
		target = function->start + at + 5 + (uint64_t)(int64_t)displacement;
		callee = spork_image_function_at(image, target);
		if (!callee || callee->start != target || (bytes[at] == 0xe9 && callee == function))
			continue;
		if (add_edge(edges, &(struct call_edge){.target = target,
					    .call = function->start + at,
					    .next = function->start + at + 5,
					    .tail = bytes[at] == 0xe9}))
			return -ENOMEM;
	}
	return 0;
}

static int read_calls(struct code_cache *cache)
{
	const struct spork_function *functions;
	size_t count = spork_image_functions(cache->image, &functions);
	struct edges edges = {0};

	for (size_t i = 0; i < count; i++) {
		if (find_edges(cache->image, &functions[i], &edges)) {
			free(edges.list);
			return -ENOMEM;
		}
	}
	if (edges.count)
		qsort(edges.list, edges.count, sizeof(*edges.list), compare_edges);
	cache->calls = edges.list;
	cache->call_count = edges.count;
	cache->has_calls = true;
	return 0;
}

bool code_cache_is_instruction(struct code_cache *cache, const struct spork_decoder *decoder,
	struct spork_decoder_state *state, uint64_t call)
{
	const struct spork_function *function = spork_image_function_at(cache->image, call);
	uint64_t at = function ? function->start : call;

	/* Calls come in ascending order: each goes on where the last one ended, so that a function is decoded once. */
	if (cache->decoded_to <= call && cache->decoded_to > at)
		at = cache->decoded_to;
	while (at < call) {
		struct spork_instruction instruction;
		size_t available;
		const uint8_t *bytes = spork_image_bytes(cache->image, at, &available, NULL);

		if (!bytes || decoder->decode(state, bytes, available < 15 ? available : 15, at,
				      &instruction))
			at++;
		else
			at += instruction.length;
	}
	/* Behind a call that is inside of an instruction, the instruction's end is as good a place. */
	cache->decoded_to = at;
	return at == call;
}

int code_cache_callers(
	struct code_cache *cache, uint64_t target, const struct call_edge **ret, size_t *ret_count)
{
	size_t low = 0, high, first;
	int err = cache->has_calls ? 0 : read_calls(cache);

	*ret = NULL;
	*ret_count = 0;
	if (err || cache->call_count == 0)
		return err;
	high = cache->call_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (cache->calls[middle].target < target)
			low = middle + 1;
		else
			high = middle;
	}
	first = low;
	*ret = cache->calls + first;
	while (first + *ret_count < cache->call_count &&
		cache->calls[first + *ret_count].target == target)
		(*ret_count)++;
	return 0;
}
