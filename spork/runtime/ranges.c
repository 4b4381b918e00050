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

/*
 * An address to be looked up, and what may be believed of the mapping that holds it: the kernel makes one of neighbours
 * of the same kind, so that a mapping reaches into memory which the program will take away.
 */
struct asked_place {
	uint64_t address, start, end;
};

struct asked {
	struct asked_place places[ASKED_MAX];
	uint32_t count;
	bool everything; /* for this fork only, so that all of a mapping is good */
};

static uint64_t page_of(uint64_t address)
{
	return address & ~(PAGE_BYTES - 1);
}

static uint64_t page_after(uint64_t address)
{
	return page_of(address + PAGE_BYTES - 1);
}

/* @address, and of its mapping the pages of [@start, @end). */
static void ask_later(struct asked *asked, uint64_t address, uint64_t start, uint64_t end)
{
	if (asked->count < ASKED_MAX)
		asked->places[asked->count++] =
			(struct asked_place){address, asked->everything ? 0 : page_of(start),
				asked->everything ? UINT64_MAX : page_after(end)};
}

static void keep(struct session *session, uint64_t start, uint64_t end, bool writable)
{
	struct session_range *last =
		session->range_count ? &session->ranges[session->range_count - 1] : NULL;

	/* Without what is kept already. */
	for (uint32_t i = 0; i < session->range_count; i++) {
		const struct session_range *range = &session->ranges[i];

		if (start >= range->start && start < range->end)
			start = range->end;
		else if (start < range->start && end > range->start)
			end = range->start;
	}
	if (start >= end)
		return;
	if (last && last->end == start && last->writable == writable)
		last->end = end;
	else if (session->range_count < SESSION_RANGES)
		session->ranges[session->range_count++] =
			(struct session_range){.start = start, .end = end, .writable = writable};
}

/* Segments that nobody can have made unreadable since; those that are writable are asked for. */
static void declare_module(struct session *session, uint64_t base, struct asked *asked)
{
	const ElfW(Ehdr) *header = (const void *)base;
	const ElfW(Phdr) * segments;
	uint64_t lowest = UINT64_MAX, relro = 0, bias;

	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
		header->e_phoff + (uint64_t)header->e_phnum * sizeof(*segments) > PAGE_BYTES)
		return;
	segments = (const void *)(base + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type == PT_LOAD && segments[i].p_vaddr < lowest)
			lowest = segments[i].p_vaddr;
	}
	bias = base - (lowest & ~(PAGE_BYTES - 1));
	/* What follows the part that was made read-only after relocation is a mapping of its own. */
	for (int i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type == PT_GNU_RELRO)
			relro = page_after(bias + segments[i].p_vaddr + segments[i].p_memsz);
	}
	for (int i = 0; i < header->e_phnum; i++) {
		uint64_t start = bias + segments[i].p_vaddr, end = start + segments[i].p_memsz;

		if (segments[i].p_type != PT_LOAD || !(segments[i].p_flags & PF_R))
			continue;
		if (segments[i].p_flags & PF_W) {
			ask_later(asked, start, start, end);
			if (relro > start && relro < end)
				ask_later(asked, relro, start, end);
			ask_later(asked, end - 1, start, end);
		} else {
			keep(session, page_of(start), page_after(end), false);
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
	struct map_query query = {.vma_end = 0};

	for (uint32_t i = 0; fd >= 0 && i < asked->count; i++) {
		const struct asked_place *place = &asked->places[i];
		uint64_t start = place->start, end = place->end;

		if (is_known(session, place->address) &&
			(asked->everything || is_known(session, end - 1)))
			continue;
		if (place->address < query.vma_start || place->address >= query.vma_end) {
			query = (struct map_query){
				.size = sizeof(query), .query_addr = place->address};
			if (raw3(SYS_ioctl, fd, MAP_QUERY, &query)) {
				query.vma_end = 0;
				continue;
			}
		}
		if (!(query.vma_flags & MAP_READABLE) || (query.vma_flags & MAP_IS_SHARED))
			continue;
		start = start > query.vma_start ? start : query.vma_start;
		end = end < query.vma_end ? end : query.vma_end;
		if (heap_end > start && heap_end <= end)
			session->heap_start = start;
		else
			keep(session, start, end, query.vma_flags & MAP_WRITABLE);
	}
	if (fd >= 0)
		(void)raw1(SYS_close, fd);
}

SPORK_FAST static bool is_there(int64_t fd, const struct spork_range *range, uint64_t *ret_end)
{
	const uint64_t wanted = MAP_READABLE | (range->writable ? MAP_WRITABLE : 0);
	struct map_query query = {.size = sizeof(query), .query_addr = range->start};

	if (raw3(SYS_ioctl, fd, MAP_QUERY, &query) || query.vma_end < range->end || query.inode ||
		(query.vma_flags & (wanted | MAP_IS_SHARED)) != wanted)
		return false;
	*ret_end = query.vma_end;
	return true;
}

SPORK_FAST bool ranges_are_there(const struct spork_range *ranges, size_t count, uint64_t *ret_ends)
{
	int64_t fd = raw3(SYS_open, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
	bool there = fd >= 0;

	for (size_t i = 0; there && i < count; i++)
		there = is_there(fd, &ranges[i], &ret_ends[i]);
	if (fd >= 0)
		(void)raw1(SYS_close, fd);
	return there;
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

/*
 * Of glibc's thread block, in front of and behind the address that fs holds; of a link map. Behind both lies what the
 * dynamic linker has allocated next. The kernel puts new mappings right below older ones, so that what the program has
 * mapped since lies below.
 */
#define BLOCK_BEFORE 1536
#define BLOCK_BEHIND (2304 + 2 * PAGE_BYTES)
#define LINK_MAP_BYTES (1024 + 2 * PAGE_BYTES)

/* The stack, the thread's block and the heap. */
static void ask_own(struct asked *asked, const struct spork_registers *regs, uint64_t heap_end)
{
	const uint64_t stack = regs->gpr[SPORK_RSP], block = regs->fs_base;
	uint64_t start = 0, end = 0;

	/* Nothing joins the stack that the kernel has made; of another, what is in use is there. */
	ask_later(asked, loader_stack(), 0, UINT64_MAX - PAGE_BYTES);
	ask_later(asked, stack, stack, stack + 1);
	ask_later(asked, block, block - BLOCK_BEFORE, block + BLOCK_BEHIND);
	if (!loader_program_span(&start, &end) || end > heap_end)
		end = 0;
	ask_later(asked, heap_end - 1, end, UINT64_MAX - PAGE_BYTES);
}

static void look_up(struct session *session, const struct spork_machine *machine, uint64_t heap_end,
	bool threaded)
{
	struct asked asked = {.count = 0, .everything = threaded};
	int left = OBJECTS_MAX;

	session->range_count = 0;
	session->kept_bytes = 0;
	session->range_generation++;
	session->range_modules = session->count;
	session->heap_start = 0;
	ask_own(&asked, &machine->regs, heap_end);
	/*
	 * The program's own objects, since a first call of a function looks through all of them; and the dynamic
	 * linker's records of them.
	 */
	for (const struct link_map *map = loader_first(); map && left > 0;
		map = map->l_next, left--) {
		uint64_t base =
			map->l_ld && loader_stays(map) ? session_object((uint64_t)map->l_ld) : 0;

		ask_later(&asked, (uint64_t)map, (uint64_t)map, (uint64_t)map + LINK_MAP_BYTES);
		if (base)
			declare_module(session, base, &asked);
	}
	/* Of the others those few that a child of this process is known to run in. */
	for (uint32_t i = 0; i < session->count; i++) {
		uint64_t map = (uint64_t)session->records[i].map;

		ask_later(&asked, map, map, map + LINK_MAP_BYTES);
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
		look_up(session, machine, heap_end, arena->attempt.caller.threaded);
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
