/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the dynamic section leads to: imports, relative pointers, symbols, needed libraries. It is reached through the
 * program headers, so section headers may be missing.
 */
#include "module.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#define NEEDED_MAX 1024

/* A table in memory and a table of names; names are safe to read because the last byte is NUL. */
struct names {
	const char *bytes;
	size_t size;
};

struct tables {
	uint64_t strtab, strtab_bytes;
	uint64_t symtab;
	uint64_t hash;
	uint64_t rela, rela_bytes;
	uint64_t plt, plt_bytes, plt_kind;
	size_t needed_count;
};

struct reader {
	struct spork_image *image;
	struct names names;
	const uint8_t *symbols;
	size_t symbol_count;
	size_t import_room, relative_room;
};

static const char *name_at(const struct names *names, uint64_t offset)
{
	return offset < names->size ? names->bytes + offset : "";
}

static void read_tables(const struct spork_image *image, struct tables *t)
{
	for (size_t at = 0; image->dynamic.size - at >= sizeof(Elf64_Dyn);
		at += sizeof(Elf64_Dyn)) {
		Elf64_Dyn entry;

		memcpy(&entry, image->dynamic.bytes + at, sizeof(entry));
		switch (entry.d_tag) {
		case DT_NULL:
			return;
		case DT_STRTAB:
			t->strtab = entry.d_un.d_ptr;
			break;
		case DT_STRSZ:
			t->strtab_bytes = entry.d_un.d_val;
			break;
		case DT_SYMTAB:
			t->symtab = entry.d_un.d_ptr;
			break;
		case DT_HASH:
			t->hash = entry.d_un.d_ptr;
			break;
		case DT_RELA:
			t->rela = entry.d_un.d_ptr;
			break;
		case DT_RELASZ:
			t->rela_bytes = entry.d_un.d_val;
			break;
		case DT_JMPREL:
			t->plt = entry.d_un.d_ptr;
			break;
		case DT_PLTRELSZ:
			t->plt_bytes = entry.d_un.d_val;
			break;
		case DT_PLTREL:
			t->plt_kind = entry.d_un.d_val;
			break;
		case DT_NEEDED:
			t->needed_count++;
			break;
		default:
			break;
		}
	}
}

static int read_needed(struct reader *reader, const struct tables *t, struct hb_error *reterr)
{
	struct spork_image *image = reader->image;

	if (t->needed_count > NEEDED_MAX)
		return image_fault(image, reterr, "more than 1,024 libraries are needed");
	image->needed = calloc(t->needed_count + 1, sizeof(*image->needed));
	if (!image->needed)
		return hb_error_set(reterr, -ENOMEM, "no memory for library names");
	for (size_t at = 0; image->dynamic.size - at >= sizeof(Elf64_Dyn);
		at += sizeof(Elf64_Dyn)) {
		Elf64_Dyn entry;

		memcpy(&entry, image->dynamic.bytes + at, sizeof(entry));
		if (entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_NEEDED && image->needed_count < t->needed_count)
			image->needed[image->needed_count++] =
				name_at(&reader->names, entry.d_un.d_val);
		else if (entry.d_tag == DT_SONAME && entry.d_un.d_val < reader->names.size)
			image->soname = name_at(&reader->names, entry.d_un.d_val);
	}
	return 0;
}

/* The section header counts the symbols; else the hash table; else the names begin where the symbols end. */
static size_t count_symbols(
	const struct spork_image *image, const struct tables *t, size_t available)
{
	size_t count = 0;
	const uint8_t *hash = image_range(image, t->hash, 8);

	if (image->dynsym_count) {
		count = image->dynsym_count;
	} else if (t->hash && hash) {
		uint32_t chains;

		memcpy(&chains, hash + 4, sizeof(chains));
		count = chains;
	} else if (t->strtab > t->symtab) {
		count = (t->strtab - t->symtab) / sizeof(Elf64_Sym);
	}
	return count < available / sizeof(Elf64_Sym) ? count : available / sizeof(Elf64_Sym);
}

static Elf64_Sym symbol_at(const struct reader *reader, size_t index)
{
	Elf64_Sym symbol;

	memcpy(&symbol, reader->symbols + index * sizeof(symbol), sizeof(symbol));
	return symbol;
}

static void add_import(
	struct reader *reader, const Elf64_Rela *rela, const char *name, uint64_t target)
{
	struct spork_image *image = reader->image;

	if (image->import_count < reader->import_room)
		image->imports[image->import_count++] = (struct spork_import){
			.slot = rela->r_offset, .name = name, .target = target};
}

static void add_relocation(struct reader *reader, const Elf64_Rela *rela)
{
	struct spork_image *image = reader->image;
	uint32_t type = (uint32_t)ELF64_R_TYPE(rela->r_info);
	uint64_t index = ELF64_R_SYM(rela->r_info);

	if (type == R_X86_64_RELATIVE) {
		if (image->relative_count < reader->relative_room)
			image->relatives[image->relative_count++] = (struct spork_relative){
				.slot = rela->r_offset, .target = (uint64_t)rela->r_addend};
	} else if (type == R_X86_64_IRELATIVE) {
		add_import(reader, rela, "", (uint64_t)rela->r_addend);
	} else if ((type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT ||
			   (type == R_X86_64_64 && rela->r_addend == 0)) &&
		   index < reader->symbol_count) {
		Elf64_Sym symbol = symbol_at(reader, index);
		bool defined = symbol.st_shndx != SHN_UNDEF && symbol.st_shndx < SHN_LORESERVE;

		add_import(reader, rela, name_at(&reader->names, symbol.st_name),
			defined ? symbol.st_value : 0);
	}
}

static size_t count_type(const uint8_t *table, size_t count, bool relative)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		Elf64_Rela rela;

		memcpy(&rela, table + i * sizeof(rela), sizeof(rela));
		found += (ELF64_R_TYPE(rela.r_info) == R_X86_64_RELATIVE) == relative;
	}
	return found;
}

static int compare_slots(const void *a, const void *b)
{
	const struct spork_import *left = a, *right = b;

	if (left->slot != right->slot)
		return left->slot < right->slot ? -1 : 1;
	return (left->name > right->name) - (left->name < right->name);
}

static int compare_relatives(const void *a, const void *b)
{
	const struct spork_relative *left = a, *right = b;

	return (left->slot > right->slot) - (left->slot < right->slot);
}

static int read_relocations(struct reader *reader, const struct tables *t, struct hb_error *reterr)
{
	struct spork_image *image = reader->image;
	const uint8_t *tables[2] = {0};
	size_t counts[2] = {0};

	if (t->rela_bytes) {
		tables[0] = image_range(image, t->rela, t->rela_bytes);
		counts[0] = t->rela_bytes / sizeof(Elf64_Rela);
	}
	if (t->plt_bytes && t->plt_kind == DT_RELA) {
		tables[1] = image_range(image, t->plt, t->plt_bytes);
		counts[1] = t->plt_bytes / sizeof(Elf64_Rela);
	}
	for (int i = 0; i < 2; i++) {
		if (counts[i] && !tables[i])
			return image_fault(
				image, reterr, "the relocations lie outside of the file");
		reader->relative_room += count_type(tables[i], counts[i], true);
		reader->import_room += count_type(tables[i], counts[i], false);
	}
	image->imports = calloc(reader->import_room + 1, sizeof(*image->imports));
	image->relatives = calloc(reader->relative_room + 1, sizeof(*image->relatives));
	if (!image->imports || !image->relatives)
		return hb_error_set(reterr, -ENOMEM, "no memory for the relocations");
	for (int i = 0; i < 2; i++) {
		for (size_t k = 0; k < counts[i]; k++) {
			Elf64_Rela rela;

			memcpy(&rela, tables[i] + k * sizeof(rela), sizeof(rela));
			add_relocation(reader, &rela);
		}
	}
	qsort(image->imports, image->import_count, sizeof(*image->imports), compare_slots);
	qsort(image->relatives, image->relative_count, sizeof(*image->relatives),
		compare_relatives);
	return 0;
}

static bool is_wanted(const Elf64_Sym *symbol)
{
	unsigned type = ELF64_ST_TYPE(symbol->st_info);

	return symbol->st_shndx != SHN_UNDEF && symbol->st_shndx < SHN_LORESERVE &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_OBJECT);
}

static void add_symbols(
	struct spork_image *image, const uint8_t *table, size_t count, const struct names *names)
{
	for (size_t i = 0; i < count; i++) {
		Elf64_Sym symbol;

		memcpy(&symbol, table + i * sizeof(symbol), sizeof(symbol));
		if (!is_wanted(&symbol))
			continue;
		image->symbols[image->symbol_count++] = (struct spork_symbol){
			.address = symbol.st_value,
			.size = symbol.st_size,
			.name = name_at(names, symbol.st_name),
			.type = ELF64_ST_TYPE(symbol.st_info),
			.global = ELF64_ST_BIND(symbol.st_info) != STB_LOCAL,
		};
	}
}

static int compare_symbols(const void *a, const void *b)
{
	const struct spork_symbol *left = a, *right = b;

	if (left->address != right->address)
		return left->address < right->address ? -1 : 1;
	if (left->global != right->global)
		return left->global ? -1 : 1;
	return (left->name > right->name) - (left->name < right->name);
}

static int read_symbols(struct reader *reader, struct hb_error *reterr)
{
	struct spork_image *image = reader->image;
	struct names names = {(const char *)image->symtab_names.bytes, image->symtab_names.size};
	size_t count = image->symtab.size / sizeof(Elf64_Sym);

	if (names.size == 0 || names.bytes[names.size - 1] != '\0')
		count = 0;
	image->symbols = calloc(count + reader->symbol_count + 1, sizeof(*image->symbols));
	if (!image->symbols)
		return hb_error_set(reterr, -ENOMEM, "no memory for the symbols");
	add_symbols(image, image->symtab.bytes, count, &names);
	add_symbols(image, reader->symbols, reader->symbol_count, &reader->names);
	qsort(image->symbols, image->symbol_count, sizeof(*image->symbols), compare_symbols);
	return 0;
}

/* Slots filled from a resolver get the resolver's name, where it has one. */
static void name_resolvers(struct spork_image *image)
{
	for (size_t i = 0; i < image->import_count; i++) {
		struct spork_import *import = &image->imports[i];

		if (import->name[0] == '\0' && import->target) {
			const struct spork_symbol *symbol =
				spork_image_symbol_at(image, import->target);

			if (symbol && symbol->address == import->target)
				import->name = symbol->name;
		}
	}
}

int dynamic_read(struct spork_image *image, struct hb_error *reterr)
{
	struct reader reader = {.image = image};
	struct tables tables = {0};
	size_t available;
	int err;

	read_tables(image, &tables);
	if (tables.strtab_bytes) {
		reader.names = (struct names){
			(const char *)image_range(image, tables.strtab, tables.strtab_bytes),
			tables.strtab_bytes};
		if (!reader.names.bytes || reader.names.bytes[reader.names.size - 1] != '\0')
			return image_fault(image, reterr,
				"the names of the dynamic symbols lie outside of the file");
	}
	reader.symbols = spork_image_bytes(image, tables.symtab, &available, NULL);
	if (tables.symtab && !reader.symbols)
		return image_fault(image, reterr, "the dynamic symbols lie outside of the file");
	if (tables.symtab)
		reader.symbol_count = count_symbols(image, &tables, available);
	err = read_needed(&reader, &tables, reterr);
	if (!err)
		err = read_relocations(&reader, &tables, reterr);
	if (!err)
		err = read_symbols(&reader, reterr);
	if (!err)
		name_resolvers(image);
	return err;
}
