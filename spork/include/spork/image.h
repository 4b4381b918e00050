/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An ELF module as the analyser reads it: bounds-checked views of segments, symbols, PLT slots, build-id, .eh_frame functions.
 * Hostile input gives -EBADMSG with what is wrong; memory and time are linear in the file's size.
 *
 * Immutable after opening, so usable from several threads. Sources: ELF gABI, System V ABI AMD64 supplement, DWARF 5 §6.4.
 */
#ifndef SPORK_IMAGE_H
#define SPORK_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spork/code.h"

struct spork_image;

enum spork_image_kind {
	SPORK_IMAGE_DYNAMIC,
	SPORK_IMAGE_STATIC,
	SPORK_IMAGE_STATIC_PIE,
	SPORK_IMAGE_SHARED_LIBRARY
};

struct spork_function {
	uint64_t start, end; /* virtual addresses, [start, end), from .eh_frame */
};

struct spork_import {
	uint64_t slot;    /* virtual address of the GOT slot */
	const char *name; /* points into the image */
};

struct spork_symbol {
	uint64_t address, size;
	const char *name;
	uint8_t type; /* STT_FUNC, STT_GNU_IFUNC, … */
	bool global;
};

int spork_image_open(const char *path, struct spork_image **ret_image, struct hb_error *reterr);
/* The same over bytes of the caller's, which must outlive the image (tests, fuzzing). */
int spork_image_from_bytes(const void *bytes, size_t size_bytes, const char *name,
	struct spork_image **ret_image, struct hb_error *reterr);
void spork_image_close(struct spork_image *image);

const char *spork_image_path(const struct spork_image *image);
enum spork_image_kind spork_image_kind(const struct spork_image *image);
const struct spork_build_id *spork_image_build_id(const struct spork_image *image);
/* Functions by start address, without overlaps. */
size_t spork_image_functions(
	const struct spork_image *image, const struct spork_function **ret_functions);
size_t spork_image_imports(
	const struct spork_image *image, const struct spork_import **ret_imports);
size_t spork_image_symbols(
	const struct spork_image *image, const struct spork_symbol **ret_symbols);
/* Unwinding rows of all functions, sorted by offset. */
size_t spork_image_unwind_rows(
	const struct spork_image *image, const struct spork_unwind_row **ret_rows);
/* Bytes at a virtual address of a loadable segment: pointer and how many follow in that segment; NULL outside. */
const uint8_t *spork_image_bytes(const struct spork_image *image, uint64_t address,
	size_t *ret_available, bool *ret_executable);
/* The import whose PLT entry is at @address (through .plt, .plt.sec, .plt.got), or NULL. */
const struct spork_import *spork_image_plt(const struct spork_image *image, uint64_t address);

#endif
