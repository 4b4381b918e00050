/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where an image starts processes: direct calls and jumps to the PLT or to its own fork, and calls through the GOT. */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "models.h"
#include "walk.h"

struct search {
	struct code_cache *cache;
	struct spork_analyser *analyser;
	struct spork_site *sites;
	size_t count, room;
};

static int add_site(struct search *search, const struct spork_site *site)
{
	/* A match of bytes inside of another instruction is none. */
	if (!code_cache_is_instruction(
		    search->cache, search->analyser->decoder, search->analyser->state, site->call))
		return 0;
	if (search->count == search->room) {
		size_t room = search->room ? 2 * search->room : 16;
		struct spork_site *sites = realloc(search->sites, room * sizeof(*sites));

		if (!sites)
			return -ENOMEM;
		search->sites = sites;
		search->room = room;
	}
	search->sites[search->count++] = *site;
	return 0;
}

/* The function that starts processes and is called by going to @target. */
static const struct starter *starter_at(const struct search *search, uint64_t target)
{
	const struct spork_image *image = search->cache->image;
	enum spork_image_kind kind = spork_image_kind(image);
	const struct spork_import *import = spork_image_plt(image, target);
	const struct spork_symbol *symbol;

	if (import)
		return starter_of(import->name);
	if (!search->cache->is_libc && kind != SPORK_IMAGE_STATIC && kind != SPORK_IMAGE_STATIC_PIE)
		return NULL;
	symbol = spork_image_symbol_at(image, target);
	return symbol && symbol->address == target ? starter_of(symbol->name) : NULL;
}

/* One place: e8 and e9 with a relative target, ff 15 and ff 25 through a slot. */
static int examine(struct search *search, const uint8_t *bytes, size_t left, uint64_t address)
{
	const struct spork_import *import;
	const struct starter *starter = NULL;
	struct spork_site site = {.call = address};
	size_t length = bytes[0] == 0xff ? 6 : 5;
	int32_t displacement;
	uint64_t target;

	if (left < length)
		return 0;
	memcpy(&displacement, bytes + length - 4, sizeof(displacement));
	target = address + length + (uint64_t)(int64_t)displacement;
	if (bytes[0] != 0xff) {
		starter = starter_at(search, target);
	} else if (bytes[1] == 0x15 || bytes[1] == 0x25) {
		import = spork_image_import_at(search->cache->image, target);
		starter = import ? starter_of(import->name) : NULL;
		/* The PLT itself jumps this way. */
		if (bytes[1] == 0x25 && starter) {
			const struct spork_function *function =
				spork_image_function_at(search->cache->image, address);

			if (!function || spork_image_plt(search->cache->image, function->start) ||
				address % 8 == 0 || address % 16 == 4)
				starter = NULL;
		}
	}
	if (!starter)
		return 0;
	site.address = address + length;
	site.callee = starter->name;
	site.copies = starter->copies;
	site.tail = bytes[0] == 0xe9 || (bytes[0] == 0xff && bytes[1] == 0x25);
	return add_site(search, &site);
}

static bool has_starter(const struct spork_image *image)
{
	const struct spork_import *imports;
	size_t count = spork_image_imports(image, &imports);
	enum spork_image_kind kind = spork_image_kind(image);

	for (size_t i = 0; i < count; i++) {
		if (starter_of(imports[i].name))
			return true;
	}
	return kind == SPORK_IMAGE_STATIC || kind == SPORK_IMAGE_STATIC_PIE;
}

int spork_sites_find(struct spork_analyser *analyser, const struct spork_image *image,
	struct spork_site **ret_sites, size_t *ret_count)
{
	struct search search = {.analyser = analyser};
	const struct spork_segment *segments;
	size_t count = spork_image_segments(image, &segments);
	int err = analyser_cache_of(analyser, image, &search.cache);

	if (err)
		return err;
	if (!has_starter(image) && !search.cache->is_libc)
		count = 0;
	for (size_t i = 0; i < count && !err; i++) {
		size_t size = 0;
		const uint8_t *bytes = spork_image_bytes(image, segments[i].address, &size, NULL);

		if (!bytes || !segments[i].executable)
			continue;
		for (size_t at = 0; at < size && !err; at++) {
			if (bytes[at] == 0xe8 || bytes[at] == 0xe9 || bytes[at] == 0xff)
				err = examine(
					&search, bytes + at, size - at, segments[i].address + at);
		}
	}
	if (err) {
		free(search.sites);
		return err;
	}
	*ret_sites = search.sites;
	*ret_count = search.count;
	return 0;
}
