/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An ELF module as the analyser reads it: bounds-checked views of segments, symbols, PLT slots, build-id, .eh_frame
 * functions. Hostile input gives -EBADMSG with what is wrong; memory and time are linear in the file's size (sorting
 * aside).
 *
 * Addresses are the file's virtual addresses; an offset in the sense of code files is address - spork_image_lowest().
 * Immutable after opening, so usable from several threads. Nothing blocks but opening, on the disk. Sources: ELF gABI,
 * System V ABI AMD64 supplement, DWARF 5 §6.4, Linux Standard Base 5 §10.6 (.eh_frame).
 */
#ifndef SPORK_IMAGE_H
#define SPORK_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spork/code.h"

struct hb_error;
struct spork_image;

enum spork_image_kind {
	SPORK_IMAGE_DYNAMIC,
	SPORK_IMAGE_STATIC,
	SPORK_IMAGE_STATIC_PIE,
	SPORK_IMAGE_SHARED_LIBRARY
};

/* A loadable segment: [address, address + file_bytes) has bytes in the file, the rest up to memory_bytes is zero. */
struct spork_segment {
	uint64_t address;
	uint64_t file_offset;
	uint64_t file_bytes, memory_bytes;
	bool executable, writable;
};

struct spork_function {
	uint64_t start,
		end;     /* [start, end), from .eh_frame, or from symbols where that says nothing */
	bool unwindable; /* described by .eh_frame */
};

struct spork_import {
	uint64_t
		slot; /* of the pointer that the dynamic loader fills in (.got, .got.plt, .data.rel.ro) */
	const char
		*name; /* points into the image; "" = the loader asks a resolver without a name */
	uint64_t
		target; /* where the symbol is defined if it is defined here (the resolver for IFUNCs), else 0 */
};

/* A pointer that the loader relocates by the load bias alone: function tables of position-independent code. */
struct spork_relative {
	uint64_t slot, target;
};

struct spork_symbol {
	uint64_t address, size;
	const char *name; /* points into the image */
	uint8_t type;     /* STT_FUNC, STT_GNU_IFUNC, STT_OBJECT */
	bool global;      /* STB_GLOBAL or STB_WEAK */
};

/*
 * spork_image_open - read a module from a file.
 * @path: the file; a copy of the name is kept. @ret_image: owned by the caller, released with spork_image_close().
 *
 * The file is read, not mapped: one that shrinks under a mapping would kill the analyser. Returns 0; -ENOEXEC (no ELF
 * file, or one of another machine or kind), -EBADMSG (damaged: @reterr says where), -EFBIG (over 1 GiB), -ENOMEM, or
 * the errno of open(2) and read(2). Blocks on the disk.
 */
int spork_image_open(const char *path, struct spork_image **ret_image, struct hb_error *reterr);

/*
 * spork_image_from_bytes - the same over bytes of the caller's, which must outlive the image (tests, fuzzing).
 * @name: for messages and spork_image_path().
 */
int spork_image_from_bytes(const void *bytes, size_t size_bytes, const char *name,
	struct spork_image **ret_image, struct hb_error *reterr);
void spork_image_close(struct spork_image *image);

const char *spork_image_path(const struct spork_image *image);
enum spork_image_kind spork_image_kind(const struct spork_image *image);
const struct spork_build_id *spork_image_build_id(const struct spork_image *image);

/* The page-aligned lowest address of a loadable segment, and how far the segments reach from there. */
uint64_t spork_image_lowest(const struct spork_image *image);
uint64_t spork_image_span(const struct spork_image *image);

/* Arrays owned by the image; each returns the number of elements. Segments are sorted by address. */
size_t spork_image_segments(
	const struct spork_image *image, const struct spork_segment **ret_segments);
/* Functions by start address, without overlaps. */
size_t spork_image_functions(
	const struct spork_image *image, const struct spork_function **ret_functions);
/* Imports by slot address. */
size_t spork_image_imports(
	const struct spork_image *image, const struct spork_import **ret_imports);
/* Defined functions and objects of .symtab and .dynsym, by address. */
size_t spork_image_symbols(
	const struct spork_image *image, const struct spork_symbol **ret_symbols);
/* Unwinding rows of all functions, sorted by offset. */
size_t spork_image_unwind_rows(
	const struct spork_image *image, const struct spork_unwind_row **ret_rows);
/* Names of the libraries that the module asks for (DT_NEEDED); they point into the image. */
size_t spork_image_needed(const struct spork_image *image, const char *const **ret_names);
/* The version of the library interface (DT_SONAME), or NULL. */
const char *spork_image_soname(const struct spork_image *image);

/* The function that contains @address, or NULL. */
const struct spork_function *spork_image_function_at(
	const struct spork_image *image, uint64_t address);
/* The symbol that contains @address (global ones preferred), or NULL. */
const struct spork_symbol *spork_image_symbol_at(const struct spork_image *image, uint64_t address);
/* A global function by name, or NULL. Linear in the number of symbols. */
const struct spork_symbol *spork_image_symbol_named(
	const struct spork_image *image, const char *name);
/* The import with the slot at @slot, or NULL. */
const struct spork_import *spork_image_import_at(const struct spork_image *image, uint64_t slot);
/* What the loader's RELATIVE relocation writes to @slot, or NULL. */
const struct spork_relative *spork_image_relative_at(
	const struct spork_image *image, uint64_t slot);
/* The row that holds at @address, or NULL. */
const struct spork_unwind_row *spork_image_unwind_at(
	const struct spork_image *image, uint64_t address);

/*
 * Bytes at a virtual address of a loadable segment: pointer and how many follow in that segment's part of the file;
 * NULL outside. @ret_executable may be NULL.
 */
const uint8_t *spork_image_bytes(const struct spork_image *image, uint64_t address,
	size_t *ret_available, bool *ret_executable);

/*
 * The import whose PLT entry is at @address, or NULL. An entry is known by its code, an indirect jump through an
 * import's slot behind an optional endbr64, so .plt, .plt.sec and .plt.got are found without section headers.
 */
const struct spork_import *spork_image_plt(const struct spork_image *image, uint64_t address);

#endif
