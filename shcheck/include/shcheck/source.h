/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bytes of one script and where its lines begin. Offsets are bytes from 0; lines and columns are counted from 1 and
 * columns count bytes. Immutable after creation, so threads may share one.
 */
#ifndef SHCHECK_SOURCE_H
#define SHCHECK_SOURCE_H

#include <stddef.h>
#include <stdint.h>

struct hb_error;

/* Longer sources are refused: SH904 and exit code 2. */
#define SHC_SOURCE_BYTES_MAX (4u << 20)

/* Bytes [start, end) of the source. An empty range marks a place between two bytes. */
struct shc_range {
	uint32_t start, end;
};

/* A place as people name it; both from 1. */
struct shc_place {
	uint32_t line, column;
};

struct shc_source {
	char *name;            /* path as given, "-" for standard input */
	char *bytes;           /* @size bytes and a 0 after them; may hold zero bytes */
	uint32_t size;         /* at most SHC_SOURCE_BYTES_MAX */
	uint32_t *line_starts; /* offset of the first byte of each line, ascending; [0] is 0 */
	uint32_t line_count;   /* at least 1, also for an empty source */
};

/*
 * shc_source_create - copy @size bytes (at most SHC_SOURCE_BYTES_MAX, else -EFBIG) as the source called @name.
 * Returns 0, -EFBIG or -ENOMEM; *ret is released with shc_source_destroy().
 */
int shc_source_create(const char *name, const void *bytes, size_t size, struct shc_source **ret);

/*
 * shc_source_read - read file @path, or standard input when it is "-". Never reads more than SHC_SOURCE_BYTES_MAX + 1
 * bytes. Returns 0, -EFBIG (too long), -EISDIR, -ENOMEM or the -errno of opening and reading, with the path in
 * @reterr. Blocks on the file.
 */
int shc_source_read(const char *path, struct shc_source **ret, struct hb_error *reterr);

/* shc_source_destroy - release @source; NULL is allowed. */
void shc_source_destroy(struct shc_source *source);

/* shc_source_place - line and column of @offset, which may be @source->size (the end). O(log lines). */
struct shc_place shc_source_place(const struct shc_source *source, uint32_t offset);

/* shc_source_line - the range of line @line (1-based, in range) without its newline. */
struct shc_range shc_source_line(const struct shc_source *source, uint32_t line);

#endif
