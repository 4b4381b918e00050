/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Code files of any content: reading and interpreting them must not crash. The first bytes say how long the sections
 * are, the rest is what stands in them. What a file without a true checksum would be refused for is filled in here: the
 * checksums, and where the sections lie. Stubs, which are native code, stay unavailable.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "code/code_file.h"
#include "fuzz.h"
#include "spork/machine.h"

#define FILE_BYTES 65536u
#define FILE_PAGE 4096u
#define ARENA_BYTES ((size_t)1 << 20)
#define SCRATCH_BYTES 8192u
#define BASE 0x100000000000u
#define BUDGET 200u
#define STARTS 3u

#define PAGES 4u
#define ROWS 64u
#define SLOT_PAGES 3u
#define INSNS 512u

struct layout {
	uint16_t pages, rows, slot_pages, insns;
};

/* Sanitizers' own memcpy looks into their tables, which have no entries for the child's wild addresses. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "replace_intrin=0";
}

static uint8_t *memory(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		abort();
	return at;
}

/* A section of @bytes behind what ends at *@end, filled from the input as far as that goes. */
static uint64_t place(
	uint8_t *file, uint64_t *end, uint64_t bytes, const uint8_t **data, size_t *size)
{
	uint64_t at = (*end + 63) / 64 * 64;
	size_t part = bytes < *size ? bytes : *size;

	memcpy(file + at, *data, part);
	*data += part;
	*size -= part;
	*end = at + bytes;
	return at;
}

/* Every byte of a page with instructions leads to one of them, where the input does not say otherwise. */
static void fill_slots(uint8_t *file, const struct spork_code_header *h)
{
	uint16_t *slots = (uint16_t *)(void *)(file + h->slots);

	for (size_t i = 0; i < (size_t)h->slot_page_count * SPORK_CODE_PAGE; i++)
		if (slots[i] == 0)
			slots[i] = (uint16_t)(1 + i % INSNS);
}

/* A file that is opened; returns its size. */
static size_t build(uint8_t *file, const uint8_t *data, size_t size)
{
	const size_t skip = offsetof(struct spork_code_header, header_checksum);
	struct spork_code_header h = {0};
	struct layout layout;
	uint64_t end = sizeof(h);

	memcpy(&layout, data, sizeof(layout));
	data += sizeof(layout);
	size -= sizeof(layout);
	h.magic = SPORK_CODE_MAGIC;
	h.version = SPORK_CODE_VERSION;
	h.features = *spork_cpu_features();
	h.page_count = layout.pages % (PAGES + 1);
	h.row_count = layout.rows % (ROWS + 1);
	h.slot_page_count = layout.slot_pages % (SLOT_PAGES + 1);
	h.insn_count = layout.insns % (INSNS + 1);
	memset(file, 0, FILE_BYTES);
	h.rows = place(file, &end, h.row_count * sizeof(struct spork_unwind_row), &data, &size);
	h.pages = place(file, &end, h.page_count * sizeof(struct spork_code_page), &data, &size);
	h.sums = place(file, &end,
		h.page_count * SPORK_CODE_GRANULES * sizeof(struct spork_code_sum), &data, &size);
	h.slots = (end + 63) / 64 * 64;
	end = h.slots + h.slot_page_count * (uint64_t)SPORK_CODE_PAGE * 2;
	h.insns = place(file, &end, h.insn_count * sizeof(struct spork_insn), &data, &size);
	h.stubs = (end + FILE_PAGE - 1) / FILE_PAGE * FILE_PAGE;
	h.file_bytes = h.stubs;
	fill_slots(file, &h);
	h.header_checksum = spork_code_header_checksum(&h);
	memcpy(file, &h, sizeof(h));
	h.checksum = spork_code_checksum(file + skip, h.file_bytes - skip);
	memcpy(file, &h, sizeof(h));
	return h.file_bytes;
}

static void interpret(struct spork_code *code, uint8_t *arena, uint8_t *scratch)
{
	static struct spork_machine m;
	static uint64_t same[PAGES];
	struct spork_module module = {.base = BASE, .end = BASE + UINT32_MAX, .code = code};

	for (uint64_t start = 0; start < STARTS; start++) {
		memset(&m, 0, sizeof(m));
		m.modules = &module;
		m.module_count = 1;
		/* At last with the comparison, which finds no memory there. */
		memset(same, 0, sizeof(same));
		module.same = start == STARTS - 1 ? same : NULL;
		m.overlay = spork_overlay_init(arena, ARENA_BYTES);
		spork_overlay_add_range(m.overlay, (uint64_t)(uintptr_t)scratch,
			(uint64_t)(uintptr_t)scratch + SCRATCH_BYTES, true);
		for (size_t n = 0; n < 16; n++)
			m.regs.gpr[n] = (uint64_t)(uintptr_t)scratch + SCRATCH_BYTES / 2;
		m.regs.gpr[SPORK_RCX] = start;
		m.regs.mxcsr_fcw = UINT64_C(0x037f00001f80);
		m.regs.rip = BASE + start;
		(void)spork_machine_run(&m, start % 2 ? BUDGET : 40);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *file, *arena, *scratch;
	struct spork_code code;

	if (!file) {
		file = memory(FILE_BYTES);
		arena = memory(ARENA_BYTES);
		scratch = memory(SCRATCH_BYTES);
	}
	if (size < sizeof(struct layout))
		return 0;
	if (spork_code_views(&code, file, build(file, data, size)) < 0 ||
		spork_code_verify(&code) < 0)
		abort();
	for (uint64_t offset = 0; offset < 2 * SPORK_CODE_PAGE; offset += 37) {
		(void)spork_code_has(&code, offset);
		(void)spork_code_unwind(&code, offset * 16);
	}
	(void)spork_code_has(&code, UINT64_MAX);
	interpret(&code, arena, scratch);
	/* What the child does never reaches the parent's memory. */
	for (size_t i = 0; i < SCRATCH_BYTES; i++)
		if (scratch[i] != 0)
			abort();
	return 0;
}
