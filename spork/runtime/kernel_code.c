/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Libraries that the child loads. They are mapped in the overlay only; the interpreter runs the code that the helper
 * has decoded for their build-id, as it does for those of the parent. What would change or remove such code again ends
 * the attempt.
 */
#include <elf.h>
#include <string.h>

#include "arena.h"
#include "kernel.h"
#include "loader.h"
#include "raw_syscall.h"
#include "runtime.h"
#include "text.h"

#define PAGE_FLOOR(x) ((x) & ~(PAGE_BYTES - 1))
#define PAGE_ROUND(x) PAGE_FLOOR((x) + PAGE_BYTES - 1)

bool kernel_code_overlaps(const struct kernel *k, uint64_t start, uint64_t end)
{
	for (uint32_t i = 0; i < k->library_count; i++) {
		if (start < k->libraries[i].end && end > k->libraries[i].start)
			return true;
	}
	return false;
}

/*
 * The only executable segment of the file whose first page is @page: whether it lies at @offset. *ret_distance: of its
 * first page from that of the lowest segment; *ret_bytes: its length in whole pages.
 */
static bool find_code(
	const uint8_t *page, uint64_t offset, uint64_t *ret_distance, uint64_t *ret_bytes)
{
	const Elf64_Ehdr *header = (const void *)page;
	const Elf64_Phdr *segments;
	uint64_t lowest = UINT64_MAX;
	const Elf64_Phdr *code = NULL;

	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
		header->e_phentsize != sizeof(*segments) || header->e_phoff > PAGE_BYTES ||
		header->e_phoff % 8 ||
		header->e_phoff + (uint64_t)header->e_phnum * sizeof(*segments) > PAGE_BYTES)
		return false;
	segments = (const void *)(page + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type != PT_LOAD)
			continue;
		if (segments[i].p_vaddr < lowest)
			lowest = segments[i].p_vaddr;
		if ((segments[i].p_flags & PF_X) && code)
			return false;
		if (segments[i].p_flags & PF_X)
			code = &segments[i];
	}
	if (!code || PAGE_FLOOR(code->p_offset) != offset ||
		(code->p_offset ^ code->p_vaddr) % PAGE_BYTES || code->p_filesz == 0 ||
		code->p_filesz > KERNEL_MAPPING_MAX)
		return false;
	*ret_distance = PAGE_FLOOR(code->p_vaddr) - PAGE_FLOOR(lowest);
	*ret_bytes = PAGE_ROUND(code->p_vaddr % PAGE_BYTES + code->p_filesz);
	return true;
}

bool kernel_path_of(uint64_t fd, char path[KERNEL_LIBRARY_PATH])
{
	char link[40];
	int64_t length;
	size_t at = text_append(link, sizeof(link), 0, "/proc/self/fd/");

	(void)text_append_number(link, sizeof(link), at, fd, 10);
	length = raw3(SYS_readlink, link, path, KERNEL_LIBRARY_PATH);
	if (length <= 0 || length >= KERNEL_LIBRARY_PATH || path[0] != '/')
		return false;
	path[length] = '\0';
	return true;
}

bool kernel_code_map(
	struct kernel *k, uint64_t address, uint64_t size_bytes, uint64_t fd, uint64_t offset)
{
	struct arena *arena = spork_arena;
	struct kernel_library *library = &k->libraries[k->library_count];
	uint8_t *page = kernel_room(k, PAGE_BYTES);
	struct spork_build_id id;
	uint64_t distance, code_bytes, base;

	if (k->library_count == KERNEL_LIBRARIES || !page)
		return false;
	memset(page, 0, PAGE_BYTES);
	if (raw4(SYS_pread64, fd, page, PAGE_BYTES, 0) <= 0 ||
		!find_code(page, offset, &distance, &code_bytes) ||
		!loader_build_id((uint64_t)page, &id) || !kernel_path_of(fd, library->path))
		return false;
	/* All of it lies in the stretch that was free in the parent, and apart from others. */
	if (address < k->free_first || distance > address - k->free_first)
		return false;
	base = address - distance;
	library->start = address;
	library->end = address + (code_bytes < size_bytes ? code_bytes : size_bytes);
	if (kernel_code_overlaps(k, base, library->end))
		return false;
	/* Recipes know the modules of the parent only. */
	arena->attempt.machine.trace = NULL;
	if (arena->trace_on)
		arena->entry->recipe_faults = UINT64_MAX;
	arena->trace_on = false;
	arena->recipe_on = false;
	if (!session_add(arena->session, base, library->end, &id, library->path))
		return false;
	arena->attempt.machine.module_count = arena->session->count;
	k->library_count++;
	return true;
}
