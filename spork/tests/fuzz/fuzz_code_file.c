/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Code files of any content: reading and interpreting them must not crash. The first bytes are the header's
 * counts and
 * offsets, the rest is the file's body; what only says that the file is this machine's is filled in here.
 * Stubs, which
 * are native code, stay unavailable.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "code/code_file.h"
#include "fuzz.h"
#include "spork/machine.h"

#define FILE_BYTES 65536u
#define ARENA_BYTES ((size_t)1 << 20)
#define SCRATCH_BYTES 8192u
#define BASE 0x100000000000u
#define BUDGET 200u
#define STARTS 3u

struct layout {
	uint16_t pages, rows, slot_pages, insns;
	uint16_t rows_at, pages_at, slots_at, insns_at;
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

/* A file with a believable header; returns its size. */
static size_t build(uint8_t *file, const uint8_t *data, size_t size)
{
	struct spork_code_header h = {0};
	struct layout layout;
	size_t body = size - sizeof(layout);

	if (body > FILE_BYTES - sizeof(h))
		body = FILE_BYTES - sizeof(h);
	memcpy(&layout, data, sizeof(layout));
	h.magic = SPORK_CODE_MAGIC;
	h.version = SPORK_CODE_VERSION;
	h.features = *spork_cpu_features();
	h.file_bytes = (sizeof(h) + body) / 8 * 8;
	h.page_count = layout.pages;
	h.row_count = layout.rows;
	h.slot_page_count = layout.slot_pages;
	h.insn_count = layout.insns;
	h.rows = layout.rows_at;
	h.pages = layout.pages_at;
	h.slots = layout.slots_at;
	h.insns = layout.insns_at;
	memset(file, 0, FILE_BYTES);
	memcpy(file, &h, sizeof(h));
	memcpy(file + sizeof(h), data + sizeof(layout), body);
	return h.file_bytes;
}

static void interpret(struct spork_code *code, uint8_t *arena, uint8_t *scratch)
{
	static struct spork_machine m;
	struct spork_module module = {.base = BASE, .end = BASE + UINT32_MAX, .code = code};

	for (uint64_t start = 0; start < STARTS; start++) {
		memset(&m, 0, sizeof(m));
		m.modules = &module;
		m.module_count = 1;
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
	if (size < sizeof(struct layout) ||
		spork_code_views(&code, file, build(file, data, size)) < 0)
		return 0;
	for (uint64_t offset = 0; offset < 2 * SPORK_CODE_PAGE; offset += 37) {
		(void)spork_code_has(&code, offset);
		(void)spork_code_unwind(&code, offset * 16);
	}
	(void)spork_code_has(&code, UINT64_MAX);
	(void)spork_code_verify(&code);
	interpret(&code, arena, scratch);
	/* What the child does never reaches the parent's memory. */
	for (size_t i = 0; i < SCRATCH_BYTES; i++)
		if (scratch[i] != 0)
			abort();
	return 0;
}
