/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ranges.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arena.h"
#include "loader.h"
#include "raw_syscall.h"
#include "runtime.h"

#define ASKED_MAX 256
#define OBJECTS_MAX 128

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

static bool keep(struct session *session, uint64_t start, uint64_t end, bool writable)
{
	struct session_range *last =
		session->range_count ? &session->ranges[session->range_count - 1] : NULL;

	if (last && last->end == start && last->writable == writable) {
		last->end = end;
		return true;
	}
	if (session->range_count == SESSION_RANGES)
		return false;
	session->ranges[session->range_count++] =
		(struct session_range){.start = start, .end = end, .writable = writable};
	return true;
}

/* Segments that nobody can have made unreadable since; those that are writable are asked for. */
static void declare_module(struct session *session, uint64_t base, struct asked *asked)
{
	const ElfW(Ehdr) *header = (const void *)base;
	const ElfW(Phdr) * segments;
	uint64_t lowest = UINT64_MAX, bias;

	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
		header->e_phoff + (uint64_t)header->e_phnum * sizeof(*segments) > PAGE_BYTES)
		return;
	segments = (const void *)(base + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type == PT_LOAD && segments[i].p_vaddr < lowest)
			lowest = segments[i].p_vaddr;
	}
	bias = base - (lowest & ~(PAGE_BYTES - 1));
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
			(void)keep(session, start & ~(PAGE_BYTES - 1),
				(end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1), false);
		}
	}
}

/* Before they are sorted. */
static bool is_known(const struct session *session, uint64_t address)
{
	for (uint32_t i = 0; i < session->range_count; i++) {
		if (address >= session->ranges[i].start && address < session->ranges[i].end)
			return true;
	}
	return false;
}

/* Look them up in one go. The heap's end moves, so that only its start is kept. */
static void ask(struct session *session, const struct asked *asked, uint64_t heap_end)
{
	int64_t fd = raw3(SYS_open, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
	uint64_t start = 1, end = 0;

	for (uint32_t i = 0; fd >= 0 && i < asked->count; i++) {
		struct map_query query = {.size = sizeof(query), .query_addr = asked->addresses[i]};

		if ((asked->addresses[i] >= start && asked->addresses[i] < end) ||
			is_known(session, asked->addresses[i]))
			continue;
		if (raw3(SYS_ioctl, fd, MAP_QUERY, &query))
			continue;
		start = query.vma_start;
		end = query.vma_end;
		if (!(query.vma_flags & MAP_READABLE) || (query.vma_flags & MAP_IS_SHARED))
			continue;
		if (heap_end > start && heap_end <= end)
			session->heap_start = start;
		else
			(void)keep(session, start, end, query.vma_flags & MAP_WRITABLE);
	}
	if (fd >= 0)
		(void)raw1(SYS_close, fd);
}

/* In order they are appended to an empty overlay, without a search. */
static void sort(struct session *session)
{
	for (uint32_t i = 1; i < session->range_count; i++) {
		struct session_range range = session->ranges[i];
		uint32_t at = i;

		for (; at > 0 && session->ranges[at - 1].start > range.start; at--)
			session->ranges[at] = session->ranges[at - 1];
		session->ranges[at] = range;
	}
}

static void look_up(struct session *session, const struct spork_machine *machine, uint64_t heap_end)
{
	struct asked asked = {.count = 0};
	int left = OBJECTS_MAX;

	session->range_count = 0;
	session->kept_bytes = 0;
	session->range_generation++;
	session->range_modules = session->count;
	session->heap_start = 0;
	ask_later(&asked, machine->regs.gpr[SPORK_RSP]);
	ask_later(&asked, machine->regs.fs_base);
	ask_later(&asked, heap_end - 1);
	/*
	 * The program's own objects, since a first call of a function looks through all of them; and the dynamic
	 * linker's records of them.
	 */
	for (const struct link_map *map = loader_first(); map && left > 0;
		map = map->l_next, left--) {
		uint64_t base =
			map->l_ld && loader_stays(map) ? session_object((uint64_t)map->l_ld) : 0;

		ask_later(&asked, (uint64_t)map);
		if (base)
			declare_module(session, base, &asked);
	}
	/* Of the others those few that a child of this process is known to run in. */
	for (uint32_t i = 0; i < session->count; i++) {
		ask_later(&asked, (uint64_t)session->records[i].map);
		if (session->modules[i].code && !session->records[i].permanent)
			declare_module(session, session->modules[i].base, &asked);
	}
	ask(session, &asked, heap_end);
	sort(session);
}

SPORK_FAST void ranges_declare(struct arena *arena)
{
	struct session *session = arena->session;
	struct spork_machine *machine = &arena->attempt.machine;
	uint64_t heap_end = (uint64_t)raw1(SYS_brk, 0);

	/* Threads come and go with their stacks; everything else stays as long as its module does. */
	if (session->range_count == 0 || session->range_modules != session->count ||
		arena->attempt.caller.threaded || session->heap_start >= heap_end ||
		!session_range_at(session, machine->regs.gpr[SPORK_RSP]) ||
		!session_range_at(session, machine->regs.fs_base))
		look_up(session, machine, heap_end);
	if (session->kept_bytes && session->kept_heap_end == heap_end) {
		spork_overlay_take_ranges(
			machine->overlay, session->kept_ranges, session->kept_bytes);
		return;
	}
	for (uint32_t i = 0; i < session->range_count; i++)
		spork_overlay_add_range(machine->overlay, session->ranges[i].start,
			session->ranges[i].end, session->ranges[i].writable);
	if (session->heap_start)
		spork_overlay_add_range(machine->overlay, session->heap_start,
			(heap_end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1), true);
	session->kept_heap_end = heap_end;
	session->kept_bytes = spork_overlay_keep_ranges(
		machine->overlay, session->kept_ranges, sizeof(session->kept_ranges));
}
