/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Look-ups in an image that has been read. */
#include "module.h"

#include <elf.h>
#include <string.h>

/* bsearch() over an array whose elements begin with a 64-bit key: the last element with key <= @key, or NULL. */
static const void *find_last(const void *array, size_t count, size_t size, uint64_t key)
{
	const uint8_t *base = array;
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		uint64_t at;

		memcpy(&at, base + middle * size, sizeof(at));
		if (at <= key)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? base + (low - 1) * size : NULL;
}

const char *spork_image_path(const struct spork_image *image)
{
	return image->path;
}

enum spork_image_kind spork_image_kind(const struct spork_image *image)
{
	return image->kind;
}

const struct spork_build_id *spork_image_build_id(const struct spork_image *image)
{
	return &image->build_id;
}

uint64_t spork_image_lowest(const struct spork_image *image)
{
	return image->lowest;
}

uint64_t spork_image_span(const struct spork_image *image)
{
	return image->span;
}

size_t spork_image_segments(
	const struct spork_image *image, const struct spork_segment **ret_segments)
{
	*ret_segments = image->segments;
	return image->segment_count;
}

size_t spork_image_functions(
	const struct spork_image *image, const struct spork_function **ret_functions)
{
	*ret_functions = image->functions;
	return image->function_count;
}

size_t spork_image_imports(const struct spork_image *image, const struct spork_import **ret_imports)
{
	*ret_imports = image->imports;
	return image->import_count;
}

size_t spork_image_symbols(const struct spork_image *image, const struct spork_symbol **ret_symbols)
{
	*ret_symbols = image->symbols;
	return image->symbol_count;
}

size_t spork_image_unwind_rows(
	const struct spork_image *image, const struct spork_unwind_row **ret_rows)
{
	*ret_rows = image->rows;
	return image->row_count;
}

size_t spork_image_needed(const struct spork_image *image, const char *const **ret_names)
{
	*ret_names = image->needed;
	return image->needed_count;
}

const char *spork_image_soname(const struct spork_image *image)
{
	return image->soname;
}

const struct spork_function *spork_image_function_at(
	const struct spork_image *image, uint64_t address)
{
	const struct spork_function *function = find_last(
		image->functions, image->function_count, sizeof(*image->functions), address);

	return function && address < function->end ? function : NULL;
}

const struct spork_symbol *spork_image_symbol_at(const struct spork_image *image, uint64_t address)
{
	const struct spork_symbol *last =
		find_last(image->symbols, image->symbol_count, sizeof(*image->symbols), address);
	const struct spork_symbol *best = NULL;
	uint64_t start = last ? last->address : 0;

	/* Aliases stand side by side; more than 32 of them are not looked through. */
	for (int i = 0; last && i < 32 && last->address == start; i++, last--) {
		bool holds = last->size ? address - start < last->size : address == start;

		if (holds && (!best || (last->global && !best->global)))
			best = last;
		if (last == image->symbols)
			break;
	}
	return best;
}

const struct spork_symbol *spork_image_symbol_named(
	const struct spork_image *image, const char *name)
{
	for (size_t i = 0; i < image->symbol_count; i++) {
		const struct spork_symbol *symbol = &image->symbols[i];

		if (symbol->global && symbol->type != STT_OBJECT && strcmp(symbol->name, name) == 0)
			return symbol;
	}
	return NULL;
}

const struct spork_import *spork_image_import_at(const struct spork_image *image, uint64_t slot)
{
	const struct spork_import *import =
		find_last(image->imports, image->import_count, sizeof(*image->imports), slot);

	return import && import->slot == slot ? import : NULL;
}

const struct spork_relative *spork_image_relative_at(const struct spork_image *image, uint64_t slot)
{
	const struct spork_relative *relative =
		find_last(image->relatives, image->relative_count, sizeof(*image->relatives), slot);

	return relative && relative->slot == slot ? relative : NULL;
}

const struct spork_unwind_row *spork_image_unwind_at(
	const struct spork_image *image, uint64_t address)
{
	size_t low = 0, high = image->row_count;

	if (address < image->lowest || address - image->lowest >= image->span)
		return NULL;
	address -= image->lowest;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (image->rows[middle].offset <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &image->rows[low - 1] : NULL;
}

const struct spork_import *spork_image_plt(const struct spork_image *image, uint64_t address)
{
	static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
	size_t available, at = 0;
	bool executable;
	const uint8_t *bytes = spork_image_bytes(image, address, &available, &executable);
	int32_t displacement;

	if (!bytes || !executable)
		return NULL;
	if (available >= sizeof(endbr64) && memcmp(bytes, endbr64, sizeof(endbr64)) == 0)
		at = sizeof(endbr64);
	if (available > at && bytes[at] == 0xf2) /* bnd */
		at++;
	if (available - at < 6 || bytes[at] != 0xff || bytes[at + 1] != 0x25)
		return NULL;
	memcpy(&displacement, bytes + at + 2, sizeof(displacement));
	return spork_image_import_at(image, address + at + 6 + (uint64_t)(int64_t)displacement);
}
