/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Switches: entries are read until one leads out of the function, which is where the next table or other data begins.
 * Entries of 4 bytes are relative to the table, those of 8 are pointers. Bounded: a hostile table costs at most
 * ENTRIES_MAX look-ups and the walk's budget.
 */
#include "walk.h"

#include <string.h>

#define ENTRIES_MAX 1024
#define SEEN_MAX 64

/* The target of entry @index as a virtual address of @module; 0: no entry. */
static uint64_t read_entry(
	const struct spork_analysis_module *module, struct value table, unsigned index)
{
	unsigned size = table.kind == VALUE_ENTRY8 ? 8 : 4;
	uint64_t place = table.number - module->bias + (uint64_t)index * size;
	const struct spork_relative *relative;
	const uint8_t *bytes;
	size_t available;
	uint64_t target = 0;
	int32_t offset;

	bytes = spork_image_bytes(module->image, place, &available, NULL);
	if (!bytes || available < size)
		return 0;
	if (size == 4) {
		memcpy(&offset, bytes, sizeof(offset));
		return table.number - module->bias + (uint64_t)(int64_t)offset;
	}
	relative = spork_image_relative_at(module->image, place);
	if (relative)
		return relative->target;
	memcpy(&target, bytes, sizeof(target));
	return target;
}

int walk_jump_table(struct walk *walk, uint32_t node, struct value table, const struct state *state)
{
	const struct spork_analysis_request *request = walk->question->request;
	uint32_t context = walk->nodes[node].context;
	size_t module = walk->nodes[node].module;
	const struct spork_function *function =
		spork_image_function_at(request->modules[module].image, walk->nodes[node].start);
	uint64_t seen[SEEN_MAX] = {0};
	unsigned index;
	size_t home;
	int err = 0;

	if (!question_module_at(walk->question, table.number, &home) || home != module)
		home = module;
	for (index = 0; index < ENTRIES_MAX && !err && function; index++) {
		uint64_t target = read_entry(&request->modules[home], table, index);

		if (target < function->start || target >= function->end)
			break;
		/* Most entries of a large table lead to the same few places. */
		if (seen[target % SEEN_MAX] == target)
			continue;
		seen[target % SEEN_MAX] = target;
		err = walk_add_edge(walk, node, context, module, target, state);
	}
	if (index == 0) {
		walk->nodes[node].effects |= SPORK_EFFECT_UNKNOWN;
		walk->nodes[node].unresolved++;
		walk->nodes[node].name = "*";
	}
	return err;
}
