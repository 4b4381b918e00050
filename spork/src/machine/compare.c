/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is the code in memory what was decoded? Files with the same build-id may differ (one was patched, or damaged, or the
 * id was chosen by hand), and programs patch themselves.
 */
#include <string.h>

#include "machine/cpu.h"

/* As they were before the runtime changed them. */
static void undo_patches(
	const struct spork_machine *m, uint64_t start, uint8_t bytes[SPORK_CODE_GRANULE])
{
	for (size_t i = 0; i < m->patch_count; i++) {
		const struct spork_patch *patch = &m->patches[i];

		for (uint64_t at = 0; at < patch->length; at++)
			if (patch->address + at - start < SPORK_CODE_GRANULE)
				bytes[patch->address + at - start] = patch->original[at];
	}
}

static bool is_same(struct spork_machine *m, const struct spork_module *module, uint64_t granule)
{
	const struct spork_code_sum *sum = &module->code->sums[granule];
	const uint64_t start = module->base + granule * SPORK_CODE_GRANULE;
	_Alignas(8) uint8_t bytes[SPORK_CODE_GRANULE];

	if (sum->from >= sum->to || sum->to > sizeof(bytes))
		return false;
	memset(bytes, 0, sizeof(bytes));
	if (spork_overlay_read(
		    m->overlay, start + sum->from, bytes + sum->from, sum->to - sum->from))
		return false;
	undo_patches(m, start, bytes);
	return spork_code_checksum(bytes, sizeof(bytes)) == sum->sum;
}

bool machine_compare(
	struct spork_machine *m, const struct spork_module *module, uint64_t from, uint64_t to)
{
	if (!module->same)
		return true;
	/* Offsets of a damaged file. */
	if (to < from || to >= (uint64_t)module->code->page_count * SPORK_CODE_GRANULES)
		return false;
	for (uint64_t granule = from; granule <= to; granule++) {
		uint64_t *word = &module->same[granule / 64];
		uint64_t bit = UINT64_C(1) << granule % 64;

		if (*word & bit)
			continue;
		if (!is_same(m, module, granule))
			return false;
		*word |= bit;
	}
	return true;
}

bool cpu_compare(struct cpu *c, uint64_t from, uint64_t to)
{
	if (machine_compare(c->m, c->module, from, to))
		return true;
	c->m->fault_address = c->module->base + from * SPORK_CODE_GRANULE;
	c->stop = SPORK_STOP_OTHER_CODE;
	return false;
}
