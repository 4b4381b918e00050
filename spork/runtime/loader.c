/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "loader.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>

#include "runtime.h"
#include "text.h"

/* Weak: where another libc's dynamic linker loads us, there is none. */
extern struct r_debug _r_debug __attribute__((weak, visibility("default")));

#define OBJECTS_MAX 4096
#define CHAIN_MAX 4096

const struct link_map *loader_first(void)
{
	return &_r_debug ? _r_debug.r_map : NULL;
}

static const struct link_map *last_of_first;

void loader_note_first(void)
{
	const struct link_map *map = loader_first();

	for (int i = 0; map && i < OBJECTS_MAX; i++, map = map->l_next)
		last_of_first = map;
}

bool loader_stays(const struct link_map *wanted)
{
	const struct link_map *map = last_of_first ? loader_first() : NULL;

	for (int i = 0; map && i < OBJECTS_MAX; i++, map = map->l_next) {
		if (map == wanted)
			return true;
		if (map == last_of_first)
			break;
	}
	return false;
}

uint64_t loader_linker(void)
{
	return &_r_debug ? _r_debug.r_ldbase : 0;
}

const struct link_map *loader_find(const char *name)
{
	const struct link_map *map = loader_first();

	for (int i = 0; map && i < OBJECTS_MAX; i++, map = map->l_next) {
		if (map->l_name && text_equal(text_base(map->l_name), name))
			return map;
	}
	return NULL;
}

struct symbol_table {
	const ElfW(Sym) * symbols;
	const char *strings;
	const uint32_t *hash; /* GNU hash table */
	const ElfW(Half) * versions;
};

/* glibc has relocated the pointers in place, except where the memory is the kernel's. */
static const void *pointer(const struct link_map *map, const ElfW(Dyn) * entry)
{
	uint64_t address = entry->d_un.d_ptr;

	return (const void *)(address < map->l_addr ? address + map->l_addr : address);
}

static bool find_tables(const struct link_map *map, struct symbol_table *ret)
{
	*ret = (struct symbol_table){0};
	for (const ElfW(Dyn) *entry = map->l_ld; entry && entry->d_tag != DT_NULL; entry++) {
		if (entry->d_tag == DT_SYMTAB)
			ret->symbols = pointer(map, entry);
		else if (entry->d_tag == DT_STRTAB)
			ret->strings = pointer(map, entry);
		else if (entry->d_tag == DT_GNU_HASH)
			ret->hash = pointer(map, entry);
		else if (entry->d_tag == DT_VERSYM)
			ret->versions = pointer(map, entry);
	}
	return ret->symbols && ret->strings && ret->hash;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (uint8_t)*name;
	return hash;
}

uint64_t loader_symbol(const struct link_map *map, const char *name)
{
	struct symbol_table table;
	uint32_t hash = gnu_hash(name);
	uint32_t bucket_count, first, bloom_words;
	const uint32_t *buckets, *chain;

	if (!map || !find_tables(map, &table))
		return 0;
	bucket_count = table.hash[0];
	first = table.hash[1];
	bloom_words = table.hash[2];
	buckets = table.hash + 4 + (size_t)bloom_words * 2;
	chain = buckets + bucket_count;
	if (bucket_count == 0)
		return 0;
	for (uint32_t i = buckets[hash % bucket_count], n = 0; i >= first && n < CHAIN_MAX;
		i++, n++) {
		const ElfW(Sym) *symbol = &table.symbols[i];
		uint32_t found = chain[i - first];
		/* The top bit of a version index marks an old version. */
		bool old = table.versions && (table.versions[i] & 0x8000);

		if ((found | 1) == (hash | 1) && !old && symbol->st_shndx != SHN_UNDEF &&
			ELF64_ST_TYPE(symbol->st_info) != STT_GNU_IFUNC &&
			text_equal(table.strings + symbol->st_name, name))
			return map->l_addr + symbol->st_value;
		if (found & 1)
			break;
	}
	return 0;
}

static bool note_build_id(const uint8_t *note, size_t size_bytes, struct spork_build_id *ret_id)
{
	size_t at = 0;

	while (at + sizeof(ElfW(Nhdr)) <= size_bytes) {
		const ElfW(Nhdr) *header = (const void *)(note + at);
		size_t name = at + sizeof(*header);
		size_t body = name + (((size_t)header->n_namesz + 3) & ~(size_t)3);
		size_t end = body + (((size_t)header->n_descsz + 3) & ~(size_t)3);

		if (body > size_bytes || end > size_bytes || end <= at)
			return false;
		if (header->n_type == NT_GNU_BUILD_ID && header->n_namesz == 4 &&
			memcmp(note + name, "GNU", 4) == 0) {
			size_t length = header->n_descsz;

			if (length == 0)
				return false;
			*ret_id = (struct spork_build_id){0};
			ret_id->length =
				(uint8_t)(length > sizeof(ret_id->bytes) ? sizeof(ret_id->bytes)
									 : length);
			memcpy(ret_id->bytes, note + body, ret_id->length);
			return true;
		}
		at = end;
	}
	return false;
}

bool loader_build_id(uint64_t base, struct spork_build_id *ret_id)
{
	const ElfW(Ehdr) *header = (const void *)base;
	const ElfW(Phdr) * segments;
	uint64_t lowest = UINT64_MAX, bias;

	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
		header->e_phentsize != sizeof(ElfW(Phdr)) ||
		header->e_phoff + (uint64_t)header->e_phnum * sizeof(ElfW(Phdr)) > PAGE_BYTES)
		return false;
	segments = (const void *)(base + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type == PT_LOAD && segments[i].p_vaddr < lowest)
			lowest = segments[i].p_vaddr;
	}
	bias = base - (lowest & ~(PAGE_BYTES - 1));
	for (int i = 0; i < header->e_phnum; i++) {
		uint64_t note = bias + segments[i].p_vaddr;

		/* Build-ids lie in the page of the headers, which is mapped; nothing beyond it is touched. */
		if (segments[i].p_type == PT_NOTE && note >= base &&
			segments[i].p_filesz <= PAGE_BYTES &&
			note + segments[i].p_filesz <= base + PAGE_BYTES &&
			note_build_id((const void *)note, segments[i].p_filesz, ret_id))
			return true;
	}
	return false;
}

/* The headers of the program itself, as the kernel tells them. */
static const ElfW(Phdr) * program_segments;
static uint64_t program_segment_count;
static uint64_t stack;

uint64_t loader_stack(void)
{
	return stack;
}

void loader_note_program(char *const *envp)
{
	const ElfW(auxv_t) * entry;

	stack = (uint64_t)envp;
	while (*envp)
		envp++;
	for (entry = (const void *)(envp + 1); entry->a_type != AT_NULL; entry++) {
		if (entry->a_type == AT_PHDR)
			program_segments = (const void *)entry->a_un.a_val;
		if (entry->a_type == AT_PHNUM)
			program_segment_count = entry->a_un.a_val;
	}
}

bool loader_program_span(uint64_t *ret_start, uint64_t *ret_end)
{
	const ElfW(Phdr) *segments = program_segments;
	const uint64_t count = program_segment_count;
	uint64_t bias = 0, start = UINT64_MAX, end = 0;
	bool placed = false, readable = false;

	for (uint64_t i = 0; segments && i < count; i++) {
		uint64_t address = segments[i].p_vaddr;

		if (segments[i].p_type == PT_PHDR) {
			bias = (uint64_t)segments - address;
			placed = true;
		}
		if (segments[i].p_type != PT_LOAD)
			continue;
		if (address < start) {
			start = address;
			readable = segments[i].p_flags & PF_R;
		}
		if (address + segments[i].p_memsz > end)
			end = address + segments[i].p_memsz;
	}
	if (!placed || !readable || end <= start)
		return false;
	*ret_start = bias + (start & ~(PAGE_BYTES - 1));
	*ret_end = bias + end;
	return true;
}

bool loader_span(const struct link_map *map, uint64_t *ret_start, uint64_t *ret_end)
{
	/* The dynamic section lies in the file's last segment; the header, at the first one's start. */
	const ElfW(Phdr) *segments = NULL;
	const ElfW(Ehdr) *header = (const void *)map->l_addr;

	if (!map->l_addr || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return false;
	segments = (const void *)(map->l_addr + header->e_phoff);
	*ret_start = map->l_addr;
	*ret_end = map->l_addr;
	for (int i = 0; i < header->e_phnum; i++) {
		uint64_t end = map->l_addr + segments[i].p_vaddr + segments[i].p_memsz;

		if (segments[i].p_type == PT_LOAD && end > *ret_end)
			*ret_end = end;
	}
	return *ret_end > *ret_start;
}
