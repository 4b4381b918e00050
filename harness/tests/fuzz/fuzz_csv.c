/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hb_csv_read(): whatever it accepts, libcsv alone reads the same, offsets are exact, and writing the fields and
 * reading them again changes nothing.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csv.h>

#include <hotbed/assert.h>
#include <hotbed/csv.h>
#include <hotbed/error.h>

#include "fuzz.h"

/* Fields one after the other, each with its length; records end with SIZE_MAX. */
struct dump {
	char *bytes;
	size_t length, capacity;
};

static void dump_put(struct dump *dump, const void *bytes, size_t length)
{
	if (dump->length + length > dump->capacity) {
		dump->capacity = 2 * (dump->length + length);
		dump->bytes = realloc(dump->bytes, dump->capacity);
		hb_assert(dump->bytes);
	}
	if (length)
		memcpy(dump->bytes + dump->length, bytes, length);
	dump->length += length;
}

static void dump_field(void *text, size_t length, void *user)
{
	dump_put(user, &length, sizeof(length));
	dump_put(user, text, length);
}

static void dump_row(int terminator, void *user)
{
	static const size_t end = SIZE_MAX;

	(void)terminator;
	dump_put(user, &end, sizeof(end));
}

static int is_space(unsigned char character)
{
	(void)character;
	return 0;
}

struct reading {
	const uint8_t *data;
	size_t size;
	uint64_t offset_bytes, line;
	bool has_nul;
	struct dump dump;
	struct hb_csv_buffer rewritten;
};

static int on_record(const struct hb_csv_record *record, void *user, struct hb_error *reterr)
{
	struct reading *reading = user;
	static const char *const names[] = {"a", "value", ""};
	int index[3];

	hb_assert(record->offset_bytes > reading->offset_bytes);
	hb_assert(record->offset_bytes <= reading->size);
	hb_assert(record->line > reading->line);
	hb_assert(record->field_count > 0);
	if (reading->data)
		hb_assert(reading->data[record->offset_bytes - 1] == '\n');
	reading->offset_bytes = record->offset_bytes;
	reading->line = record->line;
	for (size_t i = 0; i < record->field_count; i++) {
		hb_assert(record->fields[i][record->lengths[i]] == '\0');
		reading->has_nul |= strlen(record->fields[i]) != record->lengths[i];
		dump_field((char *)record->fields[i], record->lengths[i], &reading->dump);
		hb_csv_put_text(&reading->rewritten, record->fields[i]);
	}
	dump_row(0, &reading->dump);
	hb_csv_end_record(&reading->rewritten);
	(void)hb_csv_columns(record, "fuzz", names, 3, 1, index, reterr);
	return 0;
}

static int read_memory(const void *data, size_t size, size_t record_bytes_max,
	struct reading *reading, uint64_t *ret_complete)
{
	struct hb_error error = {0};
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	int rc;

	hb_assert(fd >= 0);
	hb_assert(write(fd, data, size) == (ssize_t)size);
	hb_assert(lseek(fd, 0, SEEK_SET) == 0);
	reading->data = data;
	reading->size = size;
	rc = hb_csv_read(fd, "fuzz", record_bytes_max, on_record, reading, ret_complete, &error);
	hb_assert(rc == 0 || rc == -EBADMSG || rc == -E2BIG);
	hb_assert((rc < 0) == (error.text[0] != '\0' && error.code == rc));
	(void)close(fd);
	return rc;
}

static void reading_finish(struct reading *reading)
{
	free(reading->dump.bytes);
	hb_csv_buffer_finish(&reading->rewritten);
}

static void check_same(const struct dump *a, const struct dump *b)
{
	hb_assert(a->length == b->length);
	hb_assert(a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
}

static void check_against_libcsv(const struct reading *reading, uint64_t complete)
{
	struct csv_parser parser;
	struct dump dump = {0};

	hb_assert(csv_init(&parser, CSV_STRICT) == 0);
	csv_set_space_func(&parser, is_space);
	hb_assert(csv_parse(&parser, reading->data, complete, dump_field, dump_row, &dump) ==
		  complete);
	check_same(&reading->dump, &dump);
	csv_free(&parser);
	free(dump.bytes);
}

static void check_rewritten(const struct reading *reading)
{
	struct reading again = {0};
	uint64_t complete = 0;

	hb_assert(reading->rewritten.failed == 0);
	hb_assert(read_memory(reading->rewritten.text, reading->rewritten.length_bytes, 0, &again,
			  &complete) == 0);
	hb_assert(complete == reading->rewritten.length_bytes);
	check_same(&reading->dump, &again.dump);
	reading_finish(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reading reading = {0}, narrow = {0};
	uint64_t complete = 0;

	/* The limit is hit without a megabyte of input, zero tails included. */
	(void)read_memory(data, size, 16, &narrow, NULL);
	reading_finish(&narrow);
	if (read_memory(data, size, 0, &reading, &complete) == 0) {
		hb_assert(complete >= reading.offset_bytes && complete <= size);
		check_against_libcsv(&reading, complete);
		if (!reading.has_nul && reading.rewritten.length_bytes > 0)
			check_rewritten(&reading);
	}
	reading_finish(&reading);
	return 0;
}
