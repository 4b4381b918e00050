/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <asm/prctl.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>

#include "modules.h"
#include "spork/image.h"

#define ARENA_BYTES ((size_t)16 << 20)
#define STACK_BYTES ((size_t)1 << 20)
#define MXCSR_FCW 0x037f00001f80u

uint64_t own_fs_base(void)
{
	uint64_t base = 0;

	cr_assert_eq(syscall(SYS_arch_prctl, ARCH_GET_FS, &base), 0);
	return base;
}

static int add_module(struct dl_phdr_info *info, size_t size, void *data)
{
	struct modules *ms = data;
	struct spork_module *module = &ms->list[ms->count];
	struct spork_image *image;
	struct hb_error error = {0};
	const char *path = info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe";

	(void)size;
	/* The test framework brings many more, which no test calls. */
	if (strcmp(path, "/proc/self/exe") != 0 && !strstr(path, "/libc.so") &&
		!strstr(path, "/ld-linux") && !strstr(path, "/libm.so"))
		return 0;
	cr_assert(ms->count < MODULES_MAX);
	cr_assert_eq(spork_image_open(path, &image, &error), 0, "%s: %s", path, error.text);
	cr_assert_eq(spork_code_write(image, ms->folder_fd, &error), 0, "%s", error.text);
	module->id = *spork_image_build_id(image);
	module->base = info->dlpi_addr + spork_image_lowest(image);
	module->end = module->base + spork_image_span(image);
	spork_image_close(image);
	cr_assert_eq(spork_code_open(ms->folder_fd, &module->id, &module->code), 0, "%s", path);
	cr_assert_eq(spork_code_verify(module->code), 0);
	module->same = calloc(spork_code_granule_words(module->code), sizeof(*module->same));
	cr_assert(module->same);
	ms->count++;
	return 0;
}

static int by_base(const void *a, const void *b)
{
	const struct spork_module *x = a, *y = b;

	return x->base < y->base ? -1 : x->base > y->base;
}

void modules_load(struct modules *ms)
{
	*ms = (struct modules){.folder = "/tmp/hotbed-spork-XXXXXX"};
	cr_assert(mkdtemp(ms->folder));
	ms->folder_fd = open(ms->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert(ms->folder_fd >= 0);
	(void)dl_iterate_phdr(add_module, ms);
	qsort(ms->list, ms->count, sizeof(ms->list[0]), by_base);
}

void modules_unload(struct modules *ms)
{
	for (size_t i = 0; i < ms->count; i++) {
		char name[SPORK_CODE_NAME_BYTES] = "";

		for (size_t n = 0; n < ms->list[i].id.length; n++)
			(void)snprintf(name + 2 * n, 3, "%02x", ms->list[i].id.bytes[n]);
		(void)unlinkat(ms->folder_fd, name, 0);
		spork_code_close(ms->list[i].code);
		free(ms->list[i].same);
	}
	(void)close(ms->folder_fd);
	(void)rmdir(ms->folder);
}

void modules_forget(struct modules *ms)
{
	for (size_t i = 0; i < ms->count; i++)
		memset(ms->list[i].same, 0,
			spork_code_granule_words(ms->list[i].code) * sizeof(uint64_t));
}

static uint8_t *memory(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	cr_assert(at != MAP_FAILED);
	return at;
}

void call_init(struct call *call, struct modules *ms)
{
	memset(call, 0, sizeof(*call));
	call->modules = ms;
	call->arena_bytes = ARENA_BYTES;
	call->arena = memory(ARENA_BYTES);
	call->stack = memory(STACK_BYTES);
	call->machine.modules = ms->list;
	call->machine.module_count = ms->count;
	call->machine.overlay = spork_overlay_init(call->arena, ARENA_BYTES);
	cr_assert(call->machine.overlay);
}

void call_finish(struct call *call)
{
	(void)munmap(call->arena, ARENA_BYTES);
	(void)munmap(call->stack, STACK_BYTES);
}

void call_prepare(struct call *call, uint64_t function, const uint64_t *args, size_t count)
{
	static const unsigned order[] = {
		SPORK_RDI, SPORK_RSI, SPORK_RDX, SPORK_RCX, SPORK_R8, SPORK_R8 + 1};
	struct spork_registers *regs = &call->machine.regs;
	uint64_t back = RETURN_ADDRESS;

	memset(regs, 0, sizeof(*regs));
	regs->rip = function;
	regs->gpr[SPORK_RSP] = (uint64_t)(uintptr_t)(call->stack + STACK_BYTES - 4096 - 8);
	regs->rflags = 0x202;
	regs->fs_base = own_fs_base();
	regs->mxcsr_fcw = MXCSR_FCW;
	for (size_t i = 0; i < count; i++)
		regs->gpr[order[i]] = args[i];
	cr_assert_eq(spork_overlay_write(
			     call->machine.overlay, regs->gpr[SPORK_RSP], &back, sizeof(back)),
		0);
}

uint64_t call_run(struct call *call, uint64_t function, const uint64_t *args, size_t count)
{
	struct spork_machine *m = &call->machine;
	enum spork_stop stop;

	call_prepare(call, function, args, count);
	stop = spork_machine_run(m, 100000000);
	cr_assert(stop == SPORK_STOP_NO_CODE && m->regs.rip == RETURN_ADDRESS,
		"stop %d at %#lx, fault %#lx, %lu instructions", stop, (unsigned long)m->regs.rip,
		(unsigned long)m->fault_address, (unsigned long)m->executed);
	return m->regs.gpr[SPORK_RAX];
}
