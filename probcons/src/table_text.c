/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CSV tables with comments, over the harness's reader. See table_text.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>

#include "table_text.h"

#define FILE_BYTES_MAX (64u << 20)
#define RECORD_BYTES_MAX 65536

struct reading {
	const char *path;
	const struct table_columns *columns;
	table_row_fn *row;
	void *user;
	bool has_header;
	size_t field_count, rows;
	int index[TABLE_COLUMNS_MAX];
};

/* The harness's reader is for its own files; these are the user's, who is told what they need. */
static int header_check(const struct hb_csv_record *record, const struct reading *reading, int line,
	struct hb_error *reterr)
{
	const struct table_columns *columns = reading->columns;
	char needed[256] = "";

	for (size_t c = 0; c < columns->required; c++) {
		bool found = false;

		for (size_t i = 0; i < record->field_count && !found; i++)
			found = strcmp(record->fields[i], columns->names[c]) == 0;
		if (found)
			continue;
		for (size_t i = 0; i < columns->required; i++) {
			size_t used = strlen(needed);

			(void)snprintf(needed + used, sizeof(needed) - used, "%s%s", i ? "," : "",
				columns->names[i]);
		}
		return hb_error_set_at(reterr, -EBADMSG, reading->path, line,
			"the first line has no column `%s`; it must name at least %s",
			columns->names[c], needed);
	}
	return 0;
}

static int on_record(const struct hb_csv_record *record, void *user, struct hb_error *reterr)
{
	struct reading *reading = user;
	struct table_row row = {.path = reading->path};

	row.line = record->line > INT_MAX ? INT_MAX : (int)record->line;
	if (record->field_count && record->fields[0][0] == '#')
		return 0;
	for (size_t i = 0; i < record->field_count; i++)
		if (strlen(record->fields[i]) != record->lengths[i])
			return hb_error_set_at(reterr, -EBADMSG, reading->path, row.line,
				"field %zu holds a NUL byte; this is no text", i + 1);
	if (!reading->has_header) {
		int rc = header_check(record, reading, row.line, reterr);

		if (rc)
			return rc;
		reading->has_header = true;
		reading->field_count = record->field_count;
		return hb_csv_columns(record, reading->path, reading->columns->names,
			reading->columns->count, reading->columns->required, reading->index,
			reterr);
	}
	if (record->field_count != reading->field_count)
		return hb_error_set_at(reterr, -EBADMSG, reading->path, row.line,
			"%zu fields, the header has %zu", record->field_count,
			reading->field_count);
	for (size_t i = 0; i < reading->columns->count; i++)
		row.fields[i] = reading->index[i] < 0 ? "" : record->fields[reading->index[i]];
	reading->rows++;
	return reading->row(&row, reading->user, reterr);
}

/*
 * Write the lines of @text to @file: of comments only the mark (they may hold quotes), and a line end after the
 * last.
 */
static bool write_lines(FILE *file, const char *text, size_t length)
{
	while (length) {
		const char *end = memchr(text, '\n', length);
		size_t line = end ? (size_t)(end - text) : length;

		if (line && text[0] == '#')
			(void)fputs("#\n", file);
		else if (fwrite(text, 1, line, file) != line || fputc('\n', file) == EOF)
			return false;
		text += line + (end != NULL);
		length -= line + (end != NULL);
	}
	return fflush(file) == 0 && !ferror(file);
}

int table_text_parse(const char *text, size_t length_bytes, const char *path,
	const struct table_columns *columns, table_row_fn *row, void *user, struct hb_error *reterr)
{
	struct reading reading = {.path = path, .columns = columns, .row = row, .user = user};
	FILE *file = tmpfile();
	int rc;

	/* Spreadsheets put a byte order mark in front of UTF-8. */
	if (length_bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		length_bytes -= 3;
	}
	if (!file)
		return hb_error_set_at(
			reterr, -errno, path, 0, "no temporary file: %s", strerror(errno));
	if (!write_lines(file, text, length_bytes)) {
		rc = hb_error_set_at(reterr, -EIO, path, 0, "the temporary folder is full");
	} else {
		rewind(file);
		rc = hb_csv_read(
			fileno(file), path, RECORD_BYTES_MAX, on_record, &reading, NULL, reterr);
	}
	(void)fclose(file);
	if (!rc && !reading.rows)
		rc = hb_error_set_at(reterr, -EBADMSG, path, 0, "%s",
			reading.has_header ? "the table has no row" : "the table has no header");
	return rc;
}

static int load(
	int fd, const char *path, char **ret_text, size_t *ret_length, struct hb_error *reterr)
{
	size_t capacity = 65536, length = 0;
	char *text = malloc(capacity);

	while (text) {
		ssize_t got = read(fd, text + length, capacity - length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int code = -errno;

			free(text);
			return hb_error_set_at(reterr, code, path, 0, "%s", strerror(-code));
		}
		if (got == 0)
			break;
		length += (size_t)got;
		if (length == capacity) {
			char *grown =
				capacity < FILE_BYTES_MAX ? realloc(text, capacity * 2) : NULL;

			if (!grown) {
				free(text);
				return capacity < FILE_BYTES_MAX
					       ? hb_error_set_at(reterr, -ENOMEM, path, 0,
							 "not enough memory")
					       : hb_error_set_at(reterr, -E2BIG, path, 0,
							 "more than %u MiB", FILE_BYTES_MAX >> 20);
			}
			text = grown;
			capacity *= 2;
		}
	}
	if (!text)
		return hb_error_set_at(reterr, -ENOMEM, path, 0, "not enough memory");
	*ret_text = text;
	*ret_length = length;
	return 0;
}

int table_text_load(
	const char *path, char **ret_text, size_t *ret_length_bytes, struct hb_error *reterr)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return hb_error_set_at(
			reterr, -errno, path, 0, "cannot be opened: %s", strerror(errno));
	rc = load(fd, path, ret_text, ret_length_bytes, reterr);
	(void)close(fd);
	return rc;
}
