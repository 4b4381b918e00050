/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ranges.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arena.h"
#include "raw_syscall.h"
#include "runtime.h"

#define ASKED_MAX 24

/* PROCMAP_QUERY of Linux 6.11, which the headers of Debian 12 do not have yet. */
struct map_query {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};
#define MAP_QUERY _IOWR('f', 17, struct map_query)

enum { MAP_READABLE = 1, MAP_WRITABLE = 2, MAP_IS_SHARED = 8 };

struct asked {
	uint64_t addresses[ASKED_MAX];
	uint32_t count;
};

static void ask_later(struct asked *asked, uint64_t address)
{
	if (asked->count < ASKED_MAX)
		asked->addresses[asked->count++] = address;
}

/* Segments that nobody can have made unreadable since; those that are writable are asked for. */
static void declare_module(
	struct spork_overlay *overlay, const struct spork_module *module, struct asked *asked)
{
	const ElfW(Ehdr) *header = (const void *)module->base;
	const ElfW(Phdr) * segments;
	uint64_t lowest = UINT64_MAX, bias;

	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
		header->e_phoff + (uint64_t)header->e_phnum * sizeof(*segments) > PAGE_BYTES)
		return;
	segments = (const void *)(module->base + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type == PT_LOAD && segments[i].p_vaddr < lowest)
			lowest = segments[i].p_vaddr;
	}
	bias = module->base - (lowest & ~(PAGE_BYTES - 1));
	for (int i = 0; i < header->e_phnum; i++) {
		uint64_t start = bias + segments[i].p_vaddr, end = start + segments[i].p_memsz;

		/* What follows the part that was made read-only after relocation is a mapping of its own. */
		if (segments[i].p_type == PT_GNU_RELRO)
			ask_later(asked, (end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1));
		if (segments[i].p_type != PT_LOAD || !(segments[i].p_flags & PF_R))
			continue;
		if (segments[i].p_flags & PF_W) {
			ask_later(asked, start);
			ask_later(asked, end - 1);
		} else {
			spork_overlay_add_range(overlay, start & ~(PAGE_BYTES - 1),
				(end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1), false);
		}
	}
}

static void ask(struct spork_overlay *overlay, const struct asked *asked)
{
	int64_t fd = raw3(SYS_open, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
	uint64_t start = 1, end = 0;

	for (uint32_t i = 0; fd >= 0 && i < asked->count; i++) {
		struct map_query query = {.size = sizeof(query), .query_addr = asked->addresses[i]};

		if (asked->addresses[i] >= start && asked->addresses[i] < end)
			continue;
		if (raw3(SYS_ioctl, fd, MAP_QUERY, &query))
			continue;
		start = query.vma_start;
		end = query.vma_end;
		if ((query.vma_flags & MAP_READABLE) && !(query.vma_flags & MAP_IS_SHARED))
			spork_overlay_add_range(
				overlay, start, end, query.vma_flags & MAP_WRITABLE);
	}
	if (fd >= 0)
		(void)raw1(SYS_close, fd);
}

void ranges_declare(struct arena *arena)
{
	const struct session *session = arena->session;
	struct spork_machine *machine = &arena->attempt.machine;
	struct asked asked = {.count = 0};

	ask_later(&asked, machine->regs.gpr[SPORK_RSP]);
	ask_later(&asked, machine->regs.fs_base);
	ask_later(&asked, (uint64_t)raw1(SYS_brk, 0) - 1);
	/* The writable parts of those few modules that a child of this process is known to run in. */
	for (uint32_t i = 0; i < session->count; i++) {
		if (session->modules[i].code)
			declare_module(machine->overlay, &session->modules[i], &asked);
	}
	ask(machine->overlay, &asked);
}
