/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Recipes of any steps under a header that is right: either refused or replayed without a crash, and a digest leaves
 * what the steps leave. The module that they name has no stubs, since native code cannot be fuzzed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "code/code_file.h"
#include "fuzz.h"
#include "machine/recipe.h"
#include "spork/machine.h"

#define STEPS 512u
#define ARENA_BYTES ((size_t)1 << 20)
#define SCRATCH_BYTES 8192u
#define BASE 0x100000000000u
/*
 * Where the child's memory is. Displacements of a recipe reach 2 GiB around it, and nothing else of this process may
 * be there: what the replayer itself keeps differs from run to run.
 */
#define SCRATCH_ADDRESS 0x300000000000u

struct file {
	struct recipe_header header;
	struct spork_insn steps[STEPS + 1];
};

/* Sanitizers' own memcpy looks into their tables, which have no entries for the child's wild addresses. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "replace_intrin=0";
}

static uint8_t *memory(uintptr_t address, size_t size)
{
	int fixed = address ? MAP_FIXED_NOREPLACE : 0;
	void *at = mmap((void *)address, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1, 0);

	if (at == MAP_FAILED)
		abort();
	return at;
}

static size_t build(struct file *file, const uint8_t *data, size_t size)
{
	size_t steps = size / sizeof(struct spork_insn), skip;

	if (steps > STEPS)
		steps = STEPS;
	memset(file, 0, sizeof(*file));
	memcpy(file->steps, data, steps * sizeof(struct spork_insn));
	file->steps[steps] = (struct spork_insn){.op = spork_op_recipe_end};
	file->header.magic = RECIPE_MAGIC;
	file->header.module_count = 1;
	file->header.step_count = (uint32_t)steps + 1;
	file->header.size_bytes = sizeof(file->header) + (steps + 1) * sizeof(struct spork_insn);
	skip = offsetof(struct recipe_header, size_bytes);
	file->header.checksum =
		recipe_checksum((const uint8_t *)file + skip, file->header.size_bytes - skip);
	return file->header.size_bytes;
}

static uint8_t *arena, *scratch;

/* All that a run leaves. */
struct end {
	int stop;
	size_t position;
	uint64_t gpr[16], rip, rflags, executed;
	uint8_t scratch[SCRATCH_BYTES];
};

static void run(const struct spork_module *module, const struct file *file, size_t bytes,
	struct spork_digest *digest, struct end *end)
{
	static struct spork_machine m;

	memset(end, 0, sizeof(*end));
	memset(&m, 0, sizeof(m));
	m.modules = module;
	m.module_count = 1;
	m.overlay = spork_overlay_init(arena, ARENA_BYTES);
	spork_overlay_add_range(m.overlay, (uint64_t)(uintptr_t)scratch,
		(uint64_t)(uintptr_t)scratch + SCRATCH_BYTES, true);
	for (size_t n = 0; n < 16; n++)
		m.regs.gpr[n] = (uint64_t)(uintptr_t)scratch + SCRATCH_BYTES / 2;
	m.regs.gpr[SPORK_RCX] = 100;
	m.regs.mxcsr_fcw = UINT64_C(0x037f00001f80);
	m.regs.rip = BASE;
	do
		end->stop = digest ? spork_digest_replay(digest, &m, file, bytes, &end->position)
				   : spork_trace_replay(&m, file, bytes, &end->position);
	while (end->stop == SPORK_STOP_SYSCALL && end->position < file->header.step_count);
	memcpy(end->gpr, m.regs.gpr, sizeof(end->gpr));
	end->rip = m.regs.rip;
	end->rflags = m.regs.rflags;
	end->executed = m.executed;
	(void)spork_overlay_read(
		m.overlay, (uint64_t)(uintptr_t)scratch, end->scratch, SCRATCH_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file *file;
	static struct spork_digest *digest;
	static struct end plain, seen;
	static uint16_t slots[SPORK_CODE_PAGE] = {1};
	static const struct spork_insn first = {.op = spork_op_trap};
	static const struct spork_code_header header;
	static const struct spork_code_page page;
	struct spork_code code = {.header = &header,
		.pages = &page,
		.slots = slots,
		.insns = &first,
		.page_count = 1,
		.slot_page_count = 1,
		.insn_count = 1};
	struct spork_module module = {.base = BASE, .end = BASE + 4096, .code = &code};
	size_t bytes;

	if (!file) {
		file = (void *)memory(0, sizeof(*file));
		arena = memory(0, ARENA_BYTES);
		scratch = memory(SCRATCH_ADDRESS, SCRATCH_BYTES);
		digest = (void *)memory(0, SPORK_DIGEST_BYTES);
	}
	bytes = build(file, data, size);
	run(&module, file, bytes, NULL, &plain);
	if (plain.stop != -EBADMSG && (plain.stop < 0 || plain.stop > SPORK_STOP_TRAP))
		abort();
	memset(digest, 0, SPORK_DIGEST_BYTES);
	/* Replayed, recorded and put in place. */
	for (int n = 0; n < 3; n++) {
		run(&module, file, bytes, digest, &seen);
		if (memcmp(&plain, &seen, sizeof(seen)) != 0)
			abort();
	}
	for (size_t i = 0; i < SCRATCH_BYTES; i++)
		if (scratch[i] != 0)
			abort();
	return 0;
}
