/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small text files, whole. Thread-safe. */
#ifndef METASTABLE_TEXT_FILE_H
#define METASTABLE_TEXT_FILE_H

#include <stddef.h>

struct hb_error;

/*
 * ms_text_file_read - all of a file, or of standard input if @path is "-".
 * @bytes_max: longer ones are refused. @ret_text: owned by the caller, free(); ends with a zero byte that does not count.
 *
 * Returns 0, -E2BIG, -EISDIR, -ENOMEM, or the -errno of open() and read(). Blocks on the disk.
 */
int ms_text_file_read(const char *path, size_t bytes_max, char **ret_text, size_t *ret_length_bytes,
	struct hb_error *reterr);

#endif
