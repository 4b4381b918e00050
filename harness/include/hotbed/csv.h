/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CSV as the project writes it (RFC 4180, UTF-8, CRLF, header row, C locale) and a streaming reader for files from
 * outside. The reader finds columns by name, reports line numbers, and keeps only one record in memory.
 *
 * Not thread-safe. Source: RFC 4180; reading by libcsv in strict mode.
 */
#ifndef HOTBED_CSV_H
#define HOTBED_CSV_H

#include <stddef.h>
#include <stdint.h>

struct hb_error;

/* A growing buffer of CSV text; zero-initialise, then hb_csv_buffer_finish(). */
struct hb_csv_buffer {
	char *text; /* not NUL-terminated */
	size_t length_bytes;
	size_t capacity_bytes;
	int failed; /* -ENOMEM once an append failed; later appends do nothing */
	int fields_in_record;
};

/* hb_csv_put_text - append one field, quoted only where RFC 4180 demands it; NULL is an empty field. */
void hb_csv_put_text(struct hb_csv_buffer *buffer, const char *text);
void hb_csv_put_i64(struct hb_csv_buffer *buffer, int64_t value);
void hb_csv_put_u64(struct hb_csv_buffer *buffer, uint64_t value);
/* hb_csv_put_double - shortest decimal that reads back to the same double; "inf", "-inf", "nan" otherwise. */
void hb_csv_put_double(struct hb_csv_buffer *buffer, double value);
/* hb_csv_end_record - CRLF. */
void hb_csv_end_record(struct hb_csv_buffer *buffer);
/* hb_csv_buffer_reset - empty it, keep the memory. */
void hb_csv_buffer_reset(struct hb_csv_buffer *buffer);
void hb_csv_buffer_finish(struct hb_csv_buffer *buffer);

/*
 * hb_csv_format_double - shortest round-trip decimal of @value into @buffer of HB_CSV_DOUBLE_BYTES; integers below
 * 2^53 have no exponent and no point. Returns the length.
 */
#define HB_CSV_DOUBLE_BYTES 32
size_t hb_csv_format_double(double value, char *buffer);

/*
 * hb_csv_parse_double - the whole of @text as a decimal double in the C locale ("inf" and "nan" too). 0 or -EINVAL,
 * also for finite decimals beyond the range of a double.
 */
int hb_csv_parse_double(const char *text, double *ret);
int hb_csv_parse_i64(const char *text, int64_t *ret);
int hb_csv_parse_u64(const char *text, uint64_t *ret);

/* One record handed to hb_csv_record_fn: fields in file order, valid only during the call, NUL-terminated. */
struct hb_csv_record {
	const char *const *fields;
	size_t field_count;
	const size_t
		*lengths; /* bytes of each field, shape [field_count]: a field may hold NUL bytes */
	uint64_t line;    /* 1-based line where the record starts */
	uint64_t offset_bytes; /* of the first byte after the record (its CRLF included) */
};

/* Returns 0 to go on, or a negative errno that ends hb_csv_read() with that value. */
typedef int hb_csv_record_fn(
	const struct hb_csv_record *record, void *user, struct hb_error *reterr);

/*
 * hb_csv_read - read records from @fd from its current offset to the end, header included.
 * @path: for messages. @record_bytes_max: longest record accepted (default when 0: 1 MiB).
 * Records end with CRLF or LF; blank lines are skipped. Neither an unterminated last record is reported (torn tail)
 * nor zeros at the end of the file, however many (power loss); *@ret_complete_bytes (may be NULL) is the offset in the
 * file after the last complete record (from where reading began if @fd cannot seek).
 *
 * Returns 0, -EBADMSG (malformed, with line), -E2BIG, -EIO, -ENOMEM or what @record returned. Blocks on @fd.
 */
int hb_csv_read(int fd, const char *path, size_t record_bytes_max, hb_csv_record_fn *record,
	void *user, uint64_t *ret_complete_bytes, struct hb_error *reterr);

/*
 * hb_csv_columns - map wanted column names to positions in a header record.
 * @names: shape [count]. @ret_index: shape [count], -1 where absent. Unknown extra columns are fine.
 * @required: the first @required names must be there, and no name twice.
 *
 * Returns 0 or -EBADMSG with the missing name in @reterr.
 */
int hb_csv_columns(const struct hb_csv_record *header, const char *path, const char *const *names,
	size_t count, size_t required, int *ret_index, struct hb_error *reterr);

#endif
