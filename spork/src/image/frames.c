/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * .eh_frame: where functions begin and end, and how a frame is unwound at each instruction. Only what a chain of
 * callers needs is kept: the CFA as rsp or rbp plus an offset, and where rbp was saved. Expressions cannot be unwound,
 * but for the one that linkers write for the PLT.
 */
#include "module.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include "cfi.h"

/* A frame description before its instructions run. */
struct description {
	uint64_t start, end;
	struct cfi_code code;
	size_t cie;
};

struct frames {
	struct spork_image *image;
	struct extent section;
	uint64_t header_address;
	struct cfi_cie *cies;
	size_t cie_count, cie_room;
	struct description *descriptions;
	size_t count, room;
	size_t row_room;
};

static int grow(void **array, size_t *room, size_t count, size_t size)
{
	size_t wanted = *room ? 2 * *room : 64;
	void *larger;

	if (count < *room)
		return 0;
	larger = realloc(*array, wanted * size);
	if (!larger)
		return -ENOMEM;
	*array = larger;
	*room = wanted;
	return 0;
}

/* The section, or what the search table of the loader says where section headers are missing. */
static void find_section(struct frames *frames)
{
	struct spork_image *image = frames->image;
	const struct extent *header = &image->eh_frame_hdr;
	struct cfi_cursor at = {0};
	uint64_t address;
	size_t available;

	frames->header_address = header->address;
	if (image->eh_frame.size && image->eh_frame.address) {
		frames->section = image->eh_frame;
		return;
	}
	if (header->size < 4)
		return;
	at = (struct cfi_cursor){header->bytes, header->bytes + 4, header->bytes + header->size,
		header->address, header->address, false};
	address = cfi_read_pointer(&at, header->bytes[1]);
	if (at.failed)
		return;
	frames->section.bytes = spork_image_bytes(image, address, &available, NULL);
	if (frames->section.bytes) {
		frames->section.size = available;
		frames->section.address = address;
	}
}

static int compare_cies(const void *a, const void *b)
{
	const struct cfi_cie *left = a, *right = b;

	return (left->offset > right->offset) - (left->offset < right->offset);
}

static int add_cie(struct frames *frames, size_t offset, struct cfi_cursor *at)
{
	if (grow((void **)&frames->cies, &frames->cie_room, frames->cie_count,
		    sizeof(*frames->cies)))
		return -ENOMEM;
	cfi_read_cie(at, &frames->cies[frames->cie_count]);
	frames->cies[frames->cie_count++].offset = offset;
	return 0;
}

static int add_description(struct frames *frames, size_t cie_offset, struct cfi_cursor *at)
{
	struct cfi_cie key = {.offset = cie_offset};
	const struct cfi_cie *cie = frames->cie_count
					    ? bsearch(&key, frames->cies, frames->cie_count,
						      sizeof(*frames->cies), compare_cies)
					    : NULL;
	struct description found = {0};
	uint64_t range, skipped;
	bool executable;
	size_t available;

	/* Of an unknown augmentation, or behind what it refers to: no compiler writes either. */
	if (!cie || !cie->understood)
		return 0;
	found.start = cfi_read_pointer(at, cie->encoding);
	range = cfi_read_pointer(at, cie->encoding & 0x0f);
	found.end = found.start + range;
	if (cie->augmented) {
		skipped = cfi_read_uleb(at);
		cfi_skip(at, skipped);
	}
	if (at->failed || range == 0 ||
		!spork_image_bytes(frames->image, found.start, &available, &executable) ||
		!executable || range > available)
		return 0;
	found.code = (struct cfi_code){at->next, (size_t)(at->end - at->next)};
	found.cie = (size_t)(cie - frames->cies);
	if (grow((void **)&frames->descriptions, &frames->room, frames->count,
		    sizeof(*frames->descriptions)))
		return -ENOMEM;
	frames->descriptions[frames->count++] = found;
	return 0;
}

/* One entry at @offset; @ret_next: the offset behind it, 0 at the end. */
static int read_entry(
	struct frames *frames, size_t offset, size_t *ret_next, struct hb_error *reterr)
{
	const struct extent *section = &frames->section;
	struct cfi_cursor at = {section->bytes, section->bytes + offset,
		section->bytes + section->size, section->address, frames->header_address, false};
	uint64_t length = cfi_read_fixed(&at, 4);
	size_t id_offset;
	uint64_t id;
	int err;

	*ret_next = 0;
	if (at.failed || length == 0)
		return 0;
	if (length == UINT32_MAX)
		length = cfi_read_fixed(&at, 8);
	if (at.failed || length > (uint64_t)(at.end - at.next) || length < 4)
		return image_fault(
			frames->image, reterr, "an entry of .eh_frame reaches beyond its end");
	at.end = at.next + length;
	*ret_next = (size_t)(at.end - section->bytes);
	id_offset = (size_t)(at.next - section->bytes);
	id = cfi_read_fixed(&at, 4);
	if (id == 0)
		err = add_cie(frames, offset, &at);
	else
		err = id <= id_offset ? add_description(frames, id_offset - (size_t)id, &at) : 0;
	return err ? hb_error_set(reterr, err, "no memory for .eh_frame") : 0;
}

static int compare_descriptions(const void *a, const void *b)
{
	const struct description *left = a, *right = b;

	if (left->start != right->start)
		return left->start < right->start ? -1 : 1;
	return (left->end > right->end) - (left->end < right->end);
}

static void drop_overlaps(struct frames *frames)
{
	size_t kept = 0;

	if (frames->count == 0)
		return;
	qsort(frames->descriptions, frames->count, sizeof(*frames->descriptions),
		compare_descriptions);
	for (size_t i = 0; i < frames->count; i++) {
		if (kept == 0 ||
			frames->descriptions[i].start >= frames->descriptions[kept - 1].end)
			frames->descriptions[kept++] = frames->descriptions[i];
	}
	frames->count = kept;
}

static int add_row(void *data, uint64_t address, const struct cfi_state *state)
{
	struct frames *frames = data;
	struct spork_image *image = frames->image;
	struct spork_unwind_row row = {
		.offset = (uint32_t)(address - image->lowest), .cfa_register = CFI_UNKNOWN};
	struct spork_unwind_row *last =
		image->row_count ? &image->rows[image->row_count - 1] : NULL;

	if (cfi_state_unwinds(state)) {
		row.cfa_register = state->cfa_register;
		row.cfa_offset = (int32_t)state->cfa_offset;
		row.rbp_offset = (int32_t)state->rbp_offset;
	}
	if (last && last->offset == row.offset) {
		*last = row;
		return 0;
	}
	if (last && last->cfa_register == row.cfa_register && last->cfa_offset == row.cfa_offset &&
		last->rbp_offset == row.rbp_offset)
		return 0;
	if (grow((void **)&image->rows, &frames->row_room, image->row_count, sizeof(row)))
		return -ENOMEM;
	image->rows[image->row_count++] = row;
	return 0;
}

static int make_rows(struct frames *frames)
{
	static const struct cfi_state nothing = {.cfa_register = CFI_UNKNOWN};
	int err = 0;

	for (size_t i = 0; i < frames->count && !err; i++) {
		const struct description *d = &frames->descriptions[i];

		err = cfi_run(&frames->cies[d->cie], d->code, d->start, d->end, add_row, frames);
		if (!err)
			err = add_row(frames, d->end, &nothing);
	}
	return err;
}

/* Functions of .eh_frame, and between them those that only symbols name. */
static int make_functions(struct frames *frames)
{
	struct spork_image *image = frames->image;
	size_t at = 0;
	uint64_t end = 0;

	image->functions =
		calloc(frames->count + image->symbol_count + 1, sizeof(*image->functions));
	if (!image->functions)
		return -ENOMEM;
	for (size_t i = 0; i <= image->symbol_count; i++) {
		const struct spork_symbol *symbol =
			i < image->symbol_count ? &image->symbols[i] : NULL;
		uint64_t start = symbol ? symbol->address : UINT64_MAX;
		uint64_t next;
		size_t available;
		bool executable;

		for (; at < frames->count && frames->descriptions[at].start <= start; at++) {
			end = frames->descriptions[at].end;
			image->functions[image->function_count++] =
				(struct spork_function){frames->descriptions[at].start, end, true};
		}
		next = at < frames->count ? frames->descriptions[at].start : UINT64_MAX;
		if (!symbol || symbol->type == STT_OBJECT || symbol->size == 0 || start < end ||
			!spork_image_bytes(image, start, &available, &executable) || !executable ||
			symbol->size > available || symbol->size > next - start)
			continue;
		end = start + symbol->size;
		image->functions[image->function_count++] =
			(struct spork_function){start, end, false};
	}
	return 0;
}

int frames_read(struct spork_image *image, struct hb_error *reterr)
{
	struct frames frames = {.image = image};
	int err = 0;

	find_section(&frames);
	for (size_t offset = 0, next = 0; frames.section.size - offset >= 4; offset = next) {
		err = read_entry(&frames, offset, &next, reterr);
		if (err || next == 0)
			break;
	}
	if (!err) {
		drop_overlaps(&frames);
		err = make_rows(&frames);
		if (!err)
			err = make_functions(&frames);
		if (err)
			(void)hb_error_set(reterr, err, "no memory for the functions");
	}
	free(frames.cies);
	free(frames.descriptions);
	return err;
}
