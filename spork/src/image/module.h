/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The inside of an image, shared by its readers: image.c (header, segments), dynamic.c (symbols), frames.c (.eh_frame).
 */
#ifndef SPORK_IMAGE_MODULE_H
#define SPORK_IMAGE_MODULE_H

#include "spork/image.h"

struct hb_error;

/* Part of the file; @size 0 = absent. */
struct extent {
	const uint8_t *bytes;
	uint64_t address; /* virtual; 0 = not loaded */
	size_t size;
};

struct spork_image {
	char *path;
	uint8_t *owned; /* NULL: the caller's bytes */
	const uint8_t *bytes;
	size_t size;
	enum spork_image_kind kind;
	struct spork_build_id build_id;
	uint64_t lowest, span;

	struct spork_segment *segments;
	size_t segment_count;
	struct spork_function *functions;
	size_t function_count;
	struct spork_import *imports;
	size_t import_count;
	struct spork_relative *relatives;
	size_t relative_count;
	struct spork_symbol *symbols;
	size_t symbol_count;
	struct spork_unwind_row *rows;
	size_t row_count;
	const char **needed;
	size_t needed_count;
	const char *soname;

	/* Where things are in the file, found by image.c. */
	struct extent dynamic, eh_frame, eh_frame_hdr, symtab, symtab_names;
	size_t dynsym_count; /* from the section header; 0 = unknown */
};

/* dynamic_read - imports, symbols, needed libraries. frames_read - functions and rows, after the symbols. */
int dynamic_read(struct spork_image *image, struct hb_error *reterr);
int frames_read(struct spork_image *image, struct hb_error *reterr);

/* image_fault - -EBADMSG with the image's name and what is wrong. */
int image_fault(const struct spork_image *image, struct hb_error *reterr, const char *what);

/* image_range - @size bytes at virtual @address within one segment's part of the file, or NULL. */
const uint8_t *image_range(const struct spork_image *image, uint64_t address, uint64_t size);

#endif
