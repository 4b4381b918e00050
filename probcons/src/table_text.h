/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CSV tables from files or memory: what curve and chain files share. `#` lines are comments, a last line without a
 * line end counts, fields hold no NUL bytes.
 */
#ifndef PC_TABLE_TEXT_H
#define PC_TABLE_TEXT_H

#include <stddef.h>

struct hb_error;

#define TABLE_COLUMNS_MAX 16

struct table_row {
	const char *path;
	int line;
	const char *fields
		[TABLE_COLUMNS_MAX]; /* by wanted column; "" where the file has no such column */
};

typedef int table_row_fn(const struct table_row *row, void *user, struct hb_error *reterr);

struct table_columns {
	const char *const *names; /* shape [count] */
	size_t count, required;   /* the first @required must be there */
};

/*
 * Hand each row of @text to @row. 0, -EBADMSG (no header, missing column, a row of other length than the header, no
 * row at all), -ENOMEM, -EIO or what @row returned.
 */
int table_text_parse(const char *text, size_t length_bytes, const char *path,
	const struct table_columns *columns, table_row_fn *row, void *user,
	struct hb_error *reterr);

/*
 * The whole of a file of at most 64 MiB, allocated. 0, errors of open() and read(), -E2BIG or -ENOMEM.
 */
int table_text_load(
	const char *path, char **ret_text, size_t *ret_length_bytes, struct hb_error *reterr);

#endif
