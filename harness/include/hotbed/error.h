/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What went wrong, where, why, and what to do about it, in a caller-owned struct.
 *
 * Functions return 0 or -errno and fill an optional `struct hb_error *reterr`, always the last parameter. The struct
 * holds its own text: no allocation, no lifetime. Not thread-safe: one per call chain.
 */
#ifndef HOTBED_ERROR_H
#define HOTBED_ERROR_H

#define HB_ERROR_TEXT_BYTES 1024
#define HB_ERROR_PATH_BYTES 512

/* Zero-initialised means "no error". Callers read the fields; hb_error_set() writes them. */
struct hb_error {
	int code;                       /* negative errno, 0 = none */
	int line;                       /* 1-based line in @path, 0 = unknown */
	char path[HB_ERROR_PATH_BYTES]; /* file at fault, "" = none */
	char text
		[HB_ERROR_TEXT_BYTES]; /* cause and remedy, one sentence each, no trailing newline */
};

/*
 * hb_error_set - fill @reterr and return @code, so that failing is one statement.
 * @reterr: where to store; NULL is allowed and only returns @code.
 * @code: negative errno.
 * @format: printf format of the text (cause; what to do). Longer texts are cut.
 *
 * Returns @code. Never blocks or allocates.
 */
int hb_error_set(struct hb_error *reterr, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * hb_error_set_at - as hb_error_set(), naming the file and line at fault.
 * @path: file; NULL = none. @line: 1-based, 0 = whole file.
 */
int hb_error_set_at(struct hb_error *reterr, int code, const char *path, int line,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

/*
 * hb_error_wrap - put "@format: " before the text that is already in @reterr, keeping code, path and line.
 *
 * Returns the code in @reterr, or -EINVAL if it holds none or is NULL.
 */
int hb_error_wrap(struct hb_error *reterr, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * hb_error_format - "path:line: text" (parts that are unknown left out) into @buffer.
 * @buffer: @size_bytes bytes, always terminated. Returns @buffer.
 */
char *hb_error_format(const struct hb_error *error, char *buffer, unsigned long size_bytes);

#endif
