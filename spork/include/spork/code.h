/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Code files: one module's machine code, decoded by the analyser so that the runtime needs no decoder. Written by
 * spork_code_write() in the analyser, mapped read-only (stubs executable) by the runtime.
 *
 * Reading is async-signal-safe, issues system calls directly and allocates with mmap only.
 * Source: docs/design/spork.md, "Code comes from the analyser only".
 */
#ifndef SPORK_CODE_H
#define SPORK_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_error;
struct spork_image;

/* A build-id of up to 20 bytes; modules without one use the first 20 bytes of a hash of the file. */
struct spork_build_id {
	uint8_t bytes[20];
	uint8_t length;
};

/* Bytes of a code file's name, with its NUL: the build-id in hexadecimal digits. */
#define SPORK_CODE_NAME_BYTES 41

/*
 * A build-id only says what a file was made from: machine code is compared with that in memory before it is run, in
 * pieces of this many bytes from the module's lowest address on.
 */
#define SPORK_CODE_GRANULE 256u

/* One mapped code file. Opaque: see src/code/code_file.h for the layout. */
struct spork_code;

/*
 * spork_code_open - map the code file of a module.
 * @directory_fd: the cache folder's `code` folder, already checked by spork_cache_open().
 * @id: the module's build-id.
 * @ret_code: the mapping; owned by the caller, released with spork_code_close().
 *
 * Returns 0, -ENOENT (not analysed yet), -EPERM (another user owns it or can write it), -EBADMSG (damaged, truncated,
 * other version or other CPU features than this machine's), or what mmap said. Never blocks beyond file I/O. The cost
 * does not depend on the file's size: the header is checked here, every access is bounded later.
 */
int spork_code_open(
	int directory_fd, const struct spork_build_id *id, struct spork_code **ret_code);
void spork_code_close(struct spork_code *code);

/* Whether the bytes are those that were written: compares the checksum over the whole file. 0 or -EBADMSG. */
int spork_code_verify(const struct spork_code *code);

/*
 * The state of the file as it was opened: which file it is, its size and when it was last changed. Never 0. The
 * helper verifies each state once and puts its stamp into the store; the runtime uses no other file.
 */
uint64_t spork_code_stamp(const struct spork_code *code);

/* How many 64-bit words hold a bit for each granule of the module. */
size_t spork_code_granule_words(const struct spork_code *code);

/* Whether there is an instruction at a module offset. */
bool spork_code_has(const struct spork_code *code, uint64_t offset);

/* One row of call-frame information, valid from its offset to the next row's. */
struct spork_unwind_row {
	uint32_t offset; /* of the first instruction it describes, from the module's load base */
	uint8_t cfa_register; /* DWARF number 7 = rsp, 6 = rbp; 255 = cannot be unwound */
	int32_t cfa_offset;   /* CFA = register + this */
	int32_t rbp_offset;   /* saved rbp is at CFA + this; 0 = unchanged */
};

/* The row for a module offset, or NULL. */
const struct spork_unwind_row *spork_code_unwind(const struct spork_code *code, uint64_t offset);

/*
 * spork_code_write - translate a module and write its code file atomically (temporary name, fsync, rename).
 * @image: the module. @directory_fd: as above. @reterr: what was wrong.
 *
 * In the analyser only; decodes along .eh_frame with the interpreter's decoder. Returns 0 or -errno.
 */
int spork_code_write(const struct spork_image *image, int directory_fd, struct hb_error *reterr);

#endif
