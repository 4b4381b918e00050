/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that are never seen half written: a new one is written beside the old, made durable, and put in its place.
 * What is written goes through a stream, so that no output has to fit into memory. Thread-safe on different structs.
 */
#ifndef HOTBED_FILE_H
#define HOTBED_FILE_H

#include <stddef.h>
#include <stdio.h>

struct hb_error;

/* A file that is being replaced; zero-initialised when none is. */
struct hb_file {
	FILE *stream;           /* to write to; errors may be left to hb_file_commit() */
	char *path, *temporary; /* @temporary NULL: @path itself is written */
};

/*
 * hb_file_replace - begin to write the file that will stand at @path. A device, a pipe or a link that stands there
 * stays and is written into.
 * @ret: filled on success; hb_file_commit() or hb_file_discard() ends it.
 *
 * Returns 0 or -errno (no such folder, no permission, name too long, no memory; the path in @reterr). Blocks on the
 * disk.
 */
int hb_file_replace(const char *path, struct hb_file *ret, struct hb_error *reterr);

/*
 * hb_file_commit - put what was written in its place durably: fdatasync, rename, fsync of the folder.
 * @failed: 0, or the negative errno that ended the writing: then nothing is replaced and it is reported.
 *
 * Returns 0 or -errno; @file is empty afterwards either way, and on failure before the rename the old file stands.
 * Blocks on the disk.
 */
int hb_file_commit(struct hb_file *file, int failed, struct hb_error *reterr);

/* hb_file_discard - remove what was written; the old file stands. Nothing happens when @file is empty. */
void hb_file_discard(struct hb_file *file);

/*
 * hb_file_write - write all @length_bytes of @bytes to descriptor @fd, in one write() where the kernel takes it at
 * once. Returns 0 or -errno: then it is not known how much was written. Blocks on @fd.
 */
int hb_file_write(int fd, const void *bytes, size_t length_bytes);

#endif
