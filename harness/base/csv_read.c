/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Streaming CSV reader. See hotbed/csv.h.
 *
 * Physical lines are found by memchr(). A record without any quote, nearly every record of a journal, is split at its
 * commas in place, four times as fast as libcsv can call back for each field. Everything with a quote goes to libcsv
 * (strict mode) line by line until it reports the end of the row, which is then exactly the end of that line: this is
 * how the offsets stay exact although libcsv does not tell them.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <csv.h>

#include <hotbed/assert.h>
#include <hotbed/csv.h>
#include <hotbed/error.h>

#define READ_BYTES (256u << 10)
#define RECORD_BYTES_DEFAULT (1u << 20)
#define PARSER_BLOCK_BYTES 4096

struct reader {
	int fd;
	const char *path;
	size_t record_bytes_max;
	hb_csv_record_fn *record;
	void *user;
	struct hb_error *reterr;

	char *text; /* bytes [start, end) are read and not yet reported */
	size_t start, end, capacity;
	size_t scanned; /* bytes after start that belong to the current record and hold no line end to come */
	uint64_t offset_bytes; /* of text[start] in the file */
	uint64_t line;         /* of text[start] */

	const char **fields;
	size_t *lengths;
	size_t field_count, field_capacity;

	struct csv_parser parser;
	char *unquoted; /* contents of the fields that libcsv reported */
	size_t unquoted_length, unquoted_capacity;
	uint64_t lines_inside; /* line ends within quotes, so far, in the current record */
	bool row_ended_by_cr, row_ended_by_lf, stray_cr;
};

static int fail_at(struct reader *reader, int code, const char *text)
{
	uint64_t line = reader->line + reader->lines_inside;

	return hb_error_set_at(reader->reterr, code, reader->path,
		line > INT_MAX ? INT_MAX : (int)line, "%s", text);
}

static int out_of_memory(struct reader *reader)
{
	return fail_at(reader, -ENOMEM, "not enough memory for this record");
}

static int fields_reserve(struct reader *reader)
{
	size_t capacity = reader->field_capacity ? reader->field_capacity * 2 : 64;
	const char **fields;
	size_t *lengths;

	if (reader->field_count < reader->field_capacity)
		return 0;
	fields = realloc(reader->fields, capacity * sizeof(fields[0]));
	if (!fields)
		return -ENOMEM;
	reader->fields = fields;
	lengths = realloc(reader->lengths, capacity * sizeof(lengths[0]));
	if (!lengths)
		return -ENOMEM;
	reader->lengths = lengths;
	reader->field_capacity = capacity;
	return 0;
}

/* Hand over the current record, which ends @length bytes after start, and make the next one current. */
static int deliver(struct reader *reader, size_t length)
{
	struct hb_csv_record record = {
		.fields = reader->fields,
		.field_count = reader->field_count,
		.lengths = reader->lengths,
		.line = reader->line,
		.offset_bytes = reader->offset_bytes + length,
	};
	int rc = reader->record(&record, reader->user, reader->reterr);

	return rc < 0 ? rc : 0;
}

static void advance(struct reader *reader, size_t length)
{
	reader->start += length;
	reader->offset_bytes += length;
	reader->line += reader->lines_inside + 1;
	reader->lines_inside = 0;
	reader->scanned = 0;
	reader->field_count = 0;
	reader->unquoted_length = 0;
}

/* Split text[start ... start+length), which holds no quote and no line end, at its commas. */
static int split_plain(struct reader *reader, size_t length)
{
	char *at = reader->text + reader->start;
	char *end = at + length;

	for (;;) {
		char *comma = memchr(at, ',', (size_t)(end - at));
		char *field_end = comma ? comma : end;

		if (fields_reserve(reader) < 0)
			return out_of_memory(reader);
		*field_end = '\0';
		reader->fields[reader->field_count] = at;
		reader->lengths[reader->field_count++] = (size_t)(field_end - at);
		if (!comma)
			return 0;
		at = comma + 1;
	}
}

/*
 * libcsv's callbacks. Room for contents and terminators was made before parsing: a record of n bytes holds at most
 * n - 1 of both together. Pointers are set when the row is complete, as reallocation may still move the contents.
 */
static void on_field(void *text, size_t length, void *user)
{
	struct reader *reader = user;

	if (reader->row_ended_by_cr || fields_reserve(reader) < 0) {
		reader->stray_cr |= reader->row_ended_by_cr;
		reader->field_count = SIZE_MAX;
		return;
	}
	hb_assert(length < reader->unquoted_capacity - reader->unquoted_length);
	if (length)
		memcpy(reader->unquoted + reader->unquoted_length, text, length);
	reader->unquoted[reader->unquoted_length + length] = '\0';
	reader->lengths[reader->field_count++] = length;
	reader->unquoted_length += length + 1;
}

static void on_row(int terminator, void *user)
{
	struct reader *reader = user;

	if (terminator == CSV_CR) {
		reader->stray_cr |= reader->row_ended_by_cr;
		reader->row_ended_by_cr = true;
	} else {
		reader->row_ended_by_lf = true;
	}
}

/* RFC 4180: spaces are part of a field. libcsv would trim them. */
static int is_space(unsigned char character)
{
	(void)character;
	return 0;
}

static int parser_init(struct reader *reader)
{
	/* With CSV_REPALL_NL every line end is reported, so that a bare carriage return cannot pass for one. */
	if (csv_init(&reader->parser, CSV_STRICT | CSV_REPALL_NL | CSV_APPEND_NULL) != 0)
		return out_of_memory(reader);
	csv_set_space_func(&reader->parser, is_space);
	csv_set_blk_size(&reader->parser, PARSER_BLOCK_BYTES);
	return 0;
}

static int unquoted_reserve(struct reader *reader, size_t needed)
{
	size_t capacity = reader->unquoted_capacity ? reader->unquoted_capacity : 4096;
	char *unquoted;

	if (needed <= reader->unquoted_capacity)
		return 0;
	while (capacity < needed)
		capacity *= 2;
	unquoted = realloc(reader->unquoted, capacity);
	if (!unquoted)
		return out_of_memory(reader);
	reader->unquoted = unquoted;
	reader->unquoted_capacity = capacity;
	return 0;
}

static int parser_failed(struct reader *reader)
{
	if (csv_error(&reader->parser) != CSV_EPARSE)
		return out_of_memory(reader);
	return fail_at(reader, -EBADMSG,
		"a quote stands inside a field; fields with quotes are quoted as a whole and each "
		"quote in them "
		"is doubled (RFC 4180)");
}

/*
 * Feed libcsv the line at start + scanned, @length bytes with its line end.
 * Returns 1 when the record is complete, 0 when it goes on behind this line end, or a negative errno.
 */
static int parse_quoted(struct reader *reader, size_t length)
{
	char *text = reader->text + reader->start + reader->scanned;
	const char *at;
	int rc = unquoted_reserve(reader, reader->scanned + length + 1);

	if (rc < 0)
		return rc;
	reader->row_ended_by_cr = false;
	reader->row_ended_by_lf = false;
	reader->stray_cr = false;
	if (csv_parse(&reader->parser, text, length, on_field, on_row, reader) != length)
		return parser_failed(reader);
	if (reader->stray_cr || (reader->row_ended_by_cr && !reader->row_ended_by_lf))
		return fail_at(reader, -EBADMSG,
			"a carriage return without line feed ends a record; end records with CRLF "
			"or LF");
	if (reader->field_count == SIZE_MAX)
		return out_of_memory(reader);
	if (!reader->row_ended_by_lf)
		return 0;
	at = reader->unquoted;
	for (size_t i = 0; i < reader->field_count; i++) {
		reader->fields[i] = at;
		at += reader->lengths[i] + 1;
	}
	return 1;
}

/*
 * Take the line from start + scanned to the line feed at @line_feed: report the record it completes, if it does.
 */
static int take_line(struct reader *reader, const char *line_feed, uint64_t *complete_bytes)
{
	char *text = reader->text + reader->start;
	size_t length = (size_t)(line_feed - text) + 1;
	size_t content = length - 1;
	int rc;

	if (length > reader->record_bytes_max)
		return fail_at(reader, -E2BIG,
			"a record is longer than the limit; is a closing quote missing?");
	if (reader->scanned || memchr(text, '"', length)) {
		rc = parse_quoted(reader, length - reader->scanned);
		if (rc == 0) {
			reader->scanned = length;
			reader->lines_inside++;
		}
		if (rc <= 0)
			return rc;
	} else {
		if (content > 0 && text[content - 1] == '\r')
			content--;
		if (memchr(text, '\r', content))
			return fail_at(reader, -EBADMSG,
				"a carriage return stands inside a field; quote such fields, end "
				"records with CRLF");
		if (content == 0)
			goto done; /* a blank line is no record */
		rc = split_plain(reader, content);
		if (rc < 0)
			return rc;
	}
	rc = deliver(reader, length);
	if (rc < 0)
		return rc;
done:
	advance(reader, length);
	*complete_bytes = reader->offset_bytes;
	return 0;
}

static ssize_t read_some(struct reader *reader, char *buffer, size_t size)
{
	ssize_t got;

	do {
		got = read(reader->fd, buffer, size);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return hb_error_set_at(
			reader->reterr, -EIO, reader->path, 0, "cannot read: %s", strerror(errno));
	return got;
}

/* Read more behind end. Returns 1, 0 at the end of the file, or a negative errno. */
static int refill(struct reader *reader)
{
	ssize_t got;

	if (reader->start > 0) {
		memmove(reader->text, reader->text + reader->start, reader->end - reader->start);
		reader->end -= reader->start;
		reader->start = 0;
	}
	if (reader->capacity - reader->end < READ_BYTES) {
		size_t capacity = reader->capacity * 2 + READ_BYTES;
		char *text = realloc(reader->text, capacity);

		if (!text)
			return out_of_memory(reader);
		reader->text = text;
		reader->capacity = capacity;
	}
	got = read_some(reader, reader->text + reader->end, READ_BYTES);
	if (got <= 0)
		return (int)got;
	reader->end += (size_t)got;
	return 1;
}

/*
 * No line end within the longest record. After a power loss a file may end in zeros: those are a torn tail however
 * long they are. Anything else is a record over the limit.
 */
static int check_zero_tail(struct reader *reader)
{
	ssize_t got = (ssize_t)(reader->end - reader->start);
	char *at = reader->text + reader->start;

	if (at[got - 1] == '\0')
		got = read_some(reader, at = reader->text, READ_BYTES);
	else
		goto too_long;
	while (got > 0) {
		for (ssize_t i = 0; i < got; i++) {
			if (at[i] != '\0')
				goto too_long;
		}
		got = read_some(reader, at, READ_BYTES);
	}
	return (int)got;
too_long:
	return fail_at(
		reader, -E2BIG, "a record is longer than the limit; is a closing quote missing?");
}

static int read_records(struct reader *reader, uint64_t *complete_bytes)
{
	size_t searched = 0; /* bytes after start that are known to hold no further line feed */

	for (;;) {
		size_t from = reader->scanned > searched ? reader->scanned : searched;
		const char *line_feed = NULL;
		int rc;

		if (reader->end - reader->start > from)
			line_feed = memchr(reader->text + reader->start + from, '\n',
				reader->end - reader->start - from);
		if (line_feed) {
			rc = take_line(reader, line_feed, complete_bytes);
			if (rc < 0)
				return rc;
			searched = 0;
			continue;
		}
		searched = reader->end - reader->start;
		if (searched > reader->record_bytes_max)
			return check_zero_tail(reader);
		rc = refill(reader);
		if (rc <= 0)
			return rc;
	}
}

int hb_csv_read(int fd, const char *path, size_t record_bytes_max, hb_csv_record_fn *record,
	void *user, uint64_t *ret_complete_bytes, struct hb_error *reterr)
{
	off_t position = lseek(fd, 0, SEEK_CUR);
	struct reader reader = {
		.fd = fd,
		.path = path,
		.record_bytes_max = record_bytes_max ? record_bytes_max : RECORD_BYTES_DEFAULT,
		.record = record,
		.user = user,
		.reterr = reterr,
		.offset_bytes = position > 0 ? (uint64_t)position : 0,
		.line = 1,
	};
	uint64_t complete_bytes = reader.offset_bytes;
	int rc = parser_init(&reader);

	if (rc < 0)
		return rc;
	rc = read_records(&reader, &complete_bytes);
	csv_free(&reader.parser);
	free(reader.text);
	free(reader.fields);
	free(reader.lengths);
	free(reader.unquoted);
	if (rc == 0 && ret_complete_bytes)
		*ret_complete_bytes = complete_bytes;
	return rc;
}

int hb_csv_columns(const struct hb_csv_record *header, const char *path, const char *const *names,
	size_t count, size_t required, int *ret_index, struct hb_error *reterr)
{
	int line = header->line > INT_MAX ? INT_MAX : (int)header->line;

	hb_assert(required <= count);
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < count; i++) {
			int found = -1;

			for (size_t j = 0; j < header->field_count && j < INT_MAX; j++) {
				if (strlen(names[i]) != header->lengths[j] ||
					memcmp(names[i], header->fields[j], header->lengths[j]) !=
						0)
					continue;
				if (found >= 0)
					return hb_error_set_at(reterr, -EBADMSG, path, line,
						"column '%s' appears twice in the header; keep one "
						"of them",
						names[i]);
				found = (int)j;
			}
			if (found < 0 && i < required)
				return hb_error_set_at(reterr, -EBADMSG, path, line,
					"column '%s' is missing in the header; was the file "
					"written by Hotbed?",
					names[i]);
			/* Outputs stay untouched until the whole header has passed. */
			if (pass == 1)
				ret_index[i] = found;
		}
	}
	return 0;
}
