/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protecting the program's memory from a child that shares it, and putting it back. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "arena.h"
#include "loader.h"
#include "raw_syscall.h"
#include "runtime.h"
#include "shared.h"
#include "text.h"

#define MAPS_BYTES (3 * 1024 * 1024)
#define HUGE_BYTES (2ULL << 20)
#define STACK_GROWTH_BYTES (1ULL << 20)

/* linux/fs.h of Linux 6.7; older headers lack it. */
struct scan_argument {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

struct scan_region {
	uint64_t start, end, categories;
};

#define SCAN_REQUEST 0xc0606610UL /* PAGEMAP_SCAN */
#define SCAN_IS_HUGE (1ULL << 6)

struct shared *shared_state(const struct spork_attempt *attempt)
{
	return attempt->machine.overlay ? NULL : (struct shared *)spork_arena->overlay;
}

/*
 * ---- Which memory
 * ---------------------------------------------------------------------------------------------
 */

static const char *hexadecimal(const char *at, uint64_t *ret)
{
	uint64_t value = 0;

	for (;; at++) {
		if (*at >= '0' && *at <= '9')
			value = value << 4 | (uint64_t)(*at - '0');
		else if (*at >= 'a' && *at <= 'f')
			value = value << 4 | (uint64_t)(*at - 'a' + 10);
		else
			break;
	}
	*ret = value;
	return at;
}

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

#define OURS_MAX 8

struct range {
	uint64_t start, end;
};

/* The runtime's own memory, which the child may write. Exact: the kernel may have merged it with the program's. */
static size_t find_ours(struct range *ours)
{
	const uint8_t *image = (const uint8_t *)&__ehdr_start;
	const ElfW(Phdr) *headers = (const void *)(image + __ehdr_start.e_phoff);
	size_t count = 0;

	ours[count++] =
		(struct range){(uint64_t)spork_arena, (uint64_t)spork_arena + sizeof(struct arena)};
	ours[count++] = (struct range){(uint64_t)spork_arena->session,
		(uint64_t)spork_arena->session + sizeof(struct session)};
	if (spork_statistics_map())
		ours[count++] = (struct range){(uint64_t)spork_statistics_map(),
			(uint64_t)spork_statistics_map() + sizeof(struct spork_statistics)};
	if (spork_arena->session->store)
		ours[count++] = (struct range){(uint64_t)spork_arena->session->store,
			(uint64_t)spork_arena->session->store + sizeof(struct spork_store)};
	for (uint16_t i = 0; i < __ehdr_start.e_phnum && count < OURS_MAX; i++) {
		if (headers[i].p_type == PT_LOAD && headers[i].p_flags & PF_W)
			ours[count++] = (struct range){(uint64_t)image + headers[i].p_vaddr,
				(uint64_t)image + headers[i].p_vaddr + headers[i].p_memsz};
	}
	for (size_t i = 0; i < count; i++) {
		ours[i].start &= ~(PAGE_BYTES - 1);
		ours[i].end = (ours[i].end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	}
	return count;
}

/* Append @area without what is ours. */
static bool add_without_ours(
	struct shared *shared, struct shared_area area, const struct range *ours, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct shared_area before = area;

		if (ours[i].start >= area.end || ours[i].end <= area.start)
			continue;
		before.end = ours[i].start;
		if (before.start < before.end &&
			!add_without_ours(shared, before, ours + i + 1, count - i - 1))
			return false;
		if (ours[i].end >= area.end)
			return true;
		area.start = ours[i].end;
	}
	if (shared->area_count == SHARED_AREAS)
		return false;
	shared->areas[shared->area_count++] = area;
	return true;
}

/* "start-end rwxp offset …  name" */
static bool add_area(
	struct shared *shared, const char *line, const struct range *ours, size_t count)
{
	struct shared_area area = {0};
	const char *at = hexadecimal(line, &area.start);
	const char *name;

	at = hexadecimal(at + 1, &area.end);
	/* Where keys protect, they protect everything that is not unlocked. */
	area.common = at[4] != 'p';
	if (at[2] != 'w' || (area.common && shared->keys))
		return true;
	area.executable = at[3] == 'x';
	for (name = at; *name && *name != '\n' && *name != '['; name++)
		;
	area.stack = text_starts(name, "[stack]");
	return add_without_ours(shared, area, ours, count);
}

static bool find_areas(struct shared *shared)
{
	char *text = (char *)spork_arena->strings;
	int64_t fd = raw3(SYS_open, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0), got = 1;
	struct range ours[OURS_MAX];
	size_t our_count = find_ours(ours);
	uint64_t size = 0;

	if (fd < 0)
		return false;
	while (got > 0 && size < MAPS_BYTES) {
		got = raw3(SYS_read, fd, text + size, MAPS_BYTES - size);
		size += got > 0 ? (uint64_t)got : 0;
	}
	(void)raw1(SYS_close, fd);
	if (got != 0)
		return false;
	text[size] = '\0';
	shared->area_count = 0;
	for (const char *line = text; *line;) {
		if (!add_area(shared, line, ours, our_count))
			return false;
		while (*line && *line != '\n')
			line++;
		if (*line)
			line++;
	}
	return true;
}

/*
 * ---- Protection
 * -----------------------------------------------------------------------------------------------
 */

static bool change_areas(const struct shared *shared, bool writable)
{
	bool all = true;

	for (uint32_t i = 0; i < shared->area_count; i++) {
		const struct shared_area *area = &shared->areas[i];
		uint64_t protection = PROT_READ | (writable ? PROT_WRITE : 0) |
				      (area->executable ? PROT_EXEC : 0);

		/* A stack that has grown meanwhile is as protected as the part below it. */
		all &= raw3(SYS_mprotect, area->start, area->end - area->start, protection) == 0;
	}
	return all;
}

bool shared_protect(struct shared *shared)
{
	shared->page_count = shared->mapping_count = 0;
	shared->brk = shared->brk_now = (uint64_t)raw1(SYS_brk, 0);
	shared->key = -1;
	if (!find_areas(shared))
		return false;
	if (!shared->keys)
		return change_areas(shared, false);
	shared->key = (int32_t)raw2(SYS_pkey_alloc, 0, 0);
	return shared->key > 0;
}

static const struct shared_area *area_of(const struct shared *shared, uint64_t address)
{
	for (uint32_t i = 0; i < shared->area_count; i++) {
		const struct shared_area *area = &shared->areas[i];
		uint64_t start = area->start - (area->stack ? STACK_GROWTH_BYTES : 0);

		if (address >= start && address < area->end)
			return area;
	}
	return NULL;
}

/* Unlocking one page of a huge one would split it, and the parent would pay for that from then on. */
static bool in_huge_page(const struct shared_area *area, uint64_t page)
{
	struct scan_region region;
	struct scan_argument scan = {
		.size = sizeof(scan),
		.start = page,
		.end = page + PAGE_BYTES,
		.vec = (uint64_t)&region,
		.vec_len = 1,
		.category_mask = SCAN_IS_HUGE,
		.return_mask = SCAN_IS_HUGE,
	};
	int64_t fd, found;

	if (area->end - area->start < HUGE_BYTES)
		return false;
	fd = raw3(SYS_open, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return true;
	found = raw3(SYS_ioctl, fd, SCAN_REQUEST, &scan);
	(void)raw1(SYS_close, fd);
	return found != 0;
}

static bool is_logged(const struct shared *shared, uint64_t page)
{
	for (uint32_t i = shared->page_count; i-- > 0;) {
		if (shared->pages[i] == page)
			return true;
	}
	return false;
}

static bool own_mapping(const struct shared *shared, uint64_t page)
{
	if (page >= shared->brk && page < shared->brk_now)
		return true;
	for (uint32_t i = 0; i < shared->mapping_count; i++) {
		if (page - shared->mappings[i].start < shared->mappings[i].size)
			return true;
	}
	return false;
}

static bool unlock_page(struct shared *shared, uint64_t page, enum spork_reason *ret_reason)
{
	const struct shared_area *area;
	uint64_t protection;
	int64_t done;

	if (own_mapping(shared, page) || is_logged(shared, page))
		return true;
	area = area_of(shared, page);
	*ret_reason = SPORK_ABORT_MEMORY;
	if (!area || area->common)
		return false;
	*ret_reason = SPORK_ABORT_HUGE_PAGE;
	if (in_huge_page(area, page))
		return false;
	*ret_reason = SPORK_ABORT_ARENA;
	if (shared->page_count == SHARED_PAGES)
		return false;
	memcpy(shared->saved + (uint64_t)shared->page_count * PAGE_BYTES, (const void *)page,
		PAGE_BYTES);
	protection = PROT_READ | PROT_WRITE | (area->executable ? PROT_EXEC : 0);
	done = shared->keys ? raw4(SYS_pkey_mprotect, page, PAGE_BYTES, protection, shared->key)
			    : raw3(SYS_mprotect, page, PAGE_BYTES, protection);
	if (done)
		return false;
	shared->pages[shared->page_count++] = page;
	return true;
}

bool shared_unlock(
	struct shared *shared, uint64_t address, uint64_t size, enum spork_reason *ret_reason)
{
	uint64_t last = address + (size ? size - 1 : 0);

	if (last < address) {
		*ret_reason = SPORK_ABORT_MEMORY;
		return false;
	}
	for (uint64_t page = address & ~(PAGE_BYTES - 1); page <= last; page += PAGE_BYTES) {
		if (!unlock_page(shared, page, ret_reason))
			return false;
	}
	return true;
}

#define RSEQ_BYTES 32

uint64_t shared_rseq_area(void)
{
	static const char *const objects[] = {"ld-linux-x86-64.so.2", "libc.so.6"};
	static uint64_t symbol; /* neither of them is ever unloaded */
	uint64_t thread;

	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]) && !symbol; i++) {
		const struct link_map *object = loader_find(objects[i]);

		symbol = object ? loader_symbol(object, "__rseq_offset") : 0;
	}
	__asm__("mov %%fs:0, %0" : "=r"(thread));
	return symbol ? thread + *(const uint64_t *)symbol : 0;
}

/* Put a page back, but for what the kernel itself writes for the parent. */
static void put_back(const struct shared *shared, uint64_t page, const uint8_t *saved)
{
	uint64_t from = shared->rseq - page, to = from + RSEQ_BYTES;

	if (!shared->rseq || from >= PAGE_BYTES) {
		memcpy((void *)page, saved, PAGE_BYTES);
		return;
	}
	memcpy((void *)page, saved, from);
	if (to < PAGE_BYTES)
		memcpy((void *)(page + to), saved + to, PAGE_BYTES - to);
}

void shared_restore(struct shared *shared)
{
	if (!shared->keys)
		(void)change_areas(shared, true);
	for (uint32_t i = 0; i < shared->page_count; i++) {
		const struct shared_area *area = area_of(shared, shared->pages[i]);

		put_back(shared, shared->pages[i], shared->saved + (uint64_t)i * PAGE_BYTES);
		if (shared->keys)
			(void)raw4(SYS_pkey_mprotect, shared->pages[i], PAGE_BYTES,
				PROT_READ | PROT_WRITE | (area->executable ? PROT_EXEC : 0), 0);
		else if (shared->pages[i] < area->start)
			(void)raw3(
				SYS_mprotect, shared->pages[i], PAGE_BYTES, PROT_READ | PROT_WRITE);
	}
	for (uint32_t i = 0; i < shared->mapping_count; i++)
		(void)raw2(SYS_munmap, shared->mappings[i].start, shared->mappings[i].size);
	if ((uint64_t)raw1(SYS_brk, 0) != shared->brk)
		(void)raw1(SYS_brk, shared->brk);
	if (shared->key > 0)
		(void)raw1(SYS_pkey_free, shared->key);
}

/*
 * ---- Memory that the child maps
 * --------------------------------------------------------------------------------
 */

static bool add_mapping(struct shared *shared, uint64_t start, uint64_t size)
{
	if (shared->mapping_count == SHARED_MAPPINGS)
		return false;
	shared->mappings[shared->mapping_count++] =
		(struct shared_mapping){.start = start, .size = size};
	return true;
}

/* With keys, memory that is the child's alone gets the key that it may write. */
static void claim(const struct shared *shared, uint64_t start, uint64_t end)
{
	if (shared->keys && start < end)
		(void)raw4(
			SYS_pkey_mprotect, start, end - start, PROT_READ | PROT_WRITE, shared->key);
}

int64_t shared_brk(struct shared *shared, uint64_t wanted)
{
	/* Shrinking would give pages of the parent away. */
	if (wanted < shared->brk)
		return (int64_t)shared->brk_now;
	shared->brk_now = (uint64_t)raw1(SYS_brk, wanted);
	/* The page of the parent's end is the parent's; what lies behind it is the child's. */
	claim(shared, (shared->brk + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1), shared->brk_now);
	return (int64_t)shared->brk_now;
}

int64_t shared_mmap(struct shared *shared, uint64_t size, uint64_t protection, uint64_t flags,
	int64_t fd, uint64_t offset)
{
	int64_t start = raw6(SYS_mmap, NULL, size, protection, flags, fd, offset);

	if (RAW_FAILED(start))
		return start;
	if (add_mapping(shared, (uint64_t)start, size)) {
		if (protection & PROT_WRITE)
			claim(shared, (uint64_t)start, (uint64_t)start + size);
		return start;
	}
	(void)raw2(SYS_munmap, start, size);
	return -ENOMEM;
}

bool shared_munmap(struct shared *shared, uint64_t start, uint64_t size)
{
	for (uint32_t i = 0; i < shared->mapping_count; i++) {
		if (shared->mappings[i].start != start || shared->mappings[i].size != size)
			continue;
		(void)raw2(SYS_munmap, start, size);
		shared->mappings[i] = shared->mappings[--shared->mapping_count];
		return true;
	}
	return false;
}

/*
 * ---- Keys
 * -----------------------------------------------------------------------------------------------------
 */

void shared_set_rights(bool protect)
{
	/* wrpkru: bit 1 forbids writing memory of key 0. */
	__asm__ volatile(".byte 0x0f, 0x01, 0xef" ::"a"(protect ? 2 : 0), "c"(0), "d"(0)
			 : "memory");
}

bool shared_keys_work(void)
{
	static int8_t known; /* 1 yes, -1 no */
	uint32_t a = 7, b, c = 0, d;

	if (known)
		return known > 0;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	/* OSPKE: the kernel has turned the keys on; wrpkru exists. */
	known = c & 1 << 4 ? 1 : -1;
	return known > 0;
}
