/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/rng.h>

#include "seed.h"

#define FIELDS_MAX 64
#define RECORDS_MAX 64
#define BYTES_MAX 512

/* What a reading saw, field contents included, in one comparable block. */
struct seen {
	int rc;
	size_t records;
	size_t fields[RECORDS_MAX];
	uint64_t lines[RECORDS_MAX];
	uint64_t offsets[RECORDS_MAX];
	uint64_t complete_bytes;
	char contents[4 * BYTES_MAX]; /* "[field][field];" */
	size_t contents_length;
};

static void seen_put(struct seen *seen, const void *bytes, size_t length)
{
	cr_assert(seen->contents_length + length <= sizeof(seen->contents));
	memcpy(seen->contents + seen->contents_length, bytes, length);
	seen->contents_length += length;
}

static int on_record(const struct hb_csv_record *record, void *user, struct hb_error *reterr)
{
	struct seen *seen = user;

	(void)reterr;
	cr_assert(seen->records < RECORDS_MAX);
	seen->fields[seen->records] = record->field_count;
	seen->lines[seen->records] = record->line;
	seen->offsets[seen->records++] = record->offset_bytes;
	for (size_t i = 0; i < record->field_count; i++) {
		cr_assert_eq(record->fields[i][record->lengths[i]], '\0');
		seen_put(seen, "[", 1);
		seen_put(seen, record->fields[i], record->lengths[i]);
		seen_put(seen, "]", 1);
	}
	seen_put(seen, ";", 1);
	return 0;
}

static int file_of(const void *bytes, size_t length)
{
	int fd = memfd_create("csv", 0);

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, bytes, length), (ssize_t)length);
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void read_all(const void *bytes, size_t length, size_t record_bytes_max, struct seen *seen,
	struct hb_error *reterr)
{
	int fd = file_of(bytes, length);

	memset(seen, 0, sizeof(*seen));
	seen->rc = hb_csv_read(
		fd, "x.csv", record_bytes_max, on_record, seen, &seen->complete_bytes, reterr);
	(void)close(fd);
}

/*
 * The grammar, character by character, as an independent reading: RFC 4180 with LF accepted for CRLF, blank lines
 * skipped, and nothing reported or refused within an unterminated last line.
 */
struct plain {
	const char *text;
	size_t length, at;
	uint64_t line;
	struct seen *seen;
};

/* Returns 1 for a line end at plain->at (taken), 0 for another character, -1 for a carriage return alone. */
static int plain_line_end(struct plain *p)
{
	size_t width = p->text[p->at] == '\n' ? 1 : 2;

	if (p->text[p->at] != '\n' && p->text[p->at] != '\r')
		return 0;
	if (width == 2 && p->at + 1 == p->length)
		return 0; /* torn: decided by the caller's end of text */
	if (width == 2 && p->text[p->at + 1] != '\n')
		return -1;
	p->at += width;
	p->line++;
	return 1;
}

/* Read one field into the contents. Returns 1 when a comma follows, 0 at a line end, -1 when torn, -2 malformed. */
static int plain_field(struct plain *p)
{
	bool quoted = p->at < p->length && p->text[p->at] == '"';
	int end;

	seen_put(p->seen, "[", 1);
	p->at += quoted;
	while (p->at < p->length) {
		char c = p->text[p->at];

		if (quoted && c == '"' && p->at + 1 < p->length && p->text[p->at + 1] == '"') {
			p->at++;
		} else if (quoted && c == '"') {
			p->at++;
			break;
		} else if (!quoted && c == '"') {
			return -2;
		} else if (!quoted && (c == ',' || c == '\n' || c == '\r')) {
			break;
		}
		p->line += quoted && c == '\n';
		seen_put(p->seen, &c, 1);
		p->at++;
	}
	seen_put(p->seen, "]", 1);
	if (p->at == p->length)
		return -1;
	if (p->text[p->at] == ',') {
		p->at++;
		return 1;
	}
	if (p->text[p->at] == '\r' && p->at + 1 == p->length)
		return -1;
	end = plain_line_end(p);
	return end == 1 ? 0 : -2;
}

static void plain_read(const char *text, size_t length, struct seen *seen)
{
	struct plain p = {.text = text, .length = length, .line = 1, .seen = seen};

	memset(seen, 0, sizeof(*seen));
	while (p.at < length) {
		size_t contents = seen->contents_length;
		uint64_t line = p.line;
		size_t fields = 0;
		int rc;

		if (plain_line_end(&p) == 1) {
			seen->complete_bytes = p.at;
			continue;
		}
		do {
			rc = plain_field(&p);
			fields++;
		} while (rc == 1);
		if (rc < 0) {
			seen->contents_length = contents;
			memset(seen->contents + contents, 0, sizeof(seen->contents) - contents);
			/* A fault counts once its line has ended; before that it is part of a torn tail. */
			if (rc == -2 && memchr(text + p.at, '\n', length - p.at))
				seen->rc = -EBADMSG;
			return;
		}
		seen_put(seen, ";", 1);
		seen->fields[seen->records] = fields;
		seen->lines[seen->records] = line;
		seen->offsets[seen->records++] = p.at;
		seen->complete_bytes = p.at;
	}
}

static void assert_same(const struct seen *a, const struct seen *b, const char *text, size_t length)
{
	bool same = a->rc == b->rc && a->records == b->records &&
		    a->contents_length == b->contents_length &&
		    memcmp(a->contents, b->contents, a->contents_length) == 0 &&
		    memcmp(a->fields, b->fields, sizeof(a->fields)) == 0 &&
		    memcmp(a->lines, b->lines, sizeof(a->lines)) == 0 &&
		    memcmp(a->offsets, b->offsets, sizeof(a->offsets)) == 0 &&
		    (a->rc < 0 || a->complete_bytes == b->complete_bytes);

	cr_assert(same, "<<%.*s>> rc %d %d records %zu %zu complete %zu %zu\n%.*s\n%.*s",
		(int)length, text, a->rc, b->rc, a->records, b->records, (size_t)a->complete_bytes,
		(size_t)b->complete_bytes, (int)a->contents_length, a->contents,
		(int)b->contents_length, b->contents);
}

Test(csv_read, random_texts_read_as_the_plain_grammar_says)
{
	static const char alphabet[] = "aa,,\"\"\"\r\r\n\n\n \0b";
	static struct seen ours, plain;
	struct hb_rng rng;
	size_t accepted = 0, refused = 0;

	hb_rng_init(&rng, test_seed(), 0);
	for (int round = 0; round < 50000; round++) {
		char text[24];
		size_t length = hb_rng_below(&rng, sizeof(text));

		for (size_t i = 0; i < length; i++)
			text[i] = alphabet[hb_rng_below(&rng, sizeof(alphabet) - 1)];
		plain_read(text, length, &plain);
		read_all(text, length, 0, &ours, NULL);
		assert_same(&ours, &plain, text, length);
		accepted += ours.rc == 0 && ours.records > 1;
		refused += ours.rc < 0;
	}
	/* The alphabet must not make one outcome the rule. */
	cr_assert(accepted > 2500 && refused > 2500, "%zu %zu", accepted, refused);
}

Test(csv_read, what_was_written_is_read_back)
{
	static const char alphabet[] = "ab,\"\r\n ";
	static struct seen ours;
	struct hb_csv_buffer buffer = {0};
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 1);
	for (int round = 0; round < 20000; round++) {
		char expected[1024] = "";
		size_t records = hb_rng_below(&rng, 4);

		hb_csv_buffer_reset(&buffer);
		for (size_t r = 0; r < records; r++) {
			size_t fields = 1 + hb_rng_below(&rng, 4);

			for (size_t f = 0; f < fields; f++) {
				char field[8] = "";
				size_t length = hb_rng_below(&rng, sizeof(field));

				for (size_t i = 0; i < length; i++)
					field[i] =
						alphabet[hb_rng_below(&rng, sizeof(alphabet) - 1)];
				hb_csv_put_text(&buffer, field);
				(void)snprintf(expected + strlen(expected), 16, "[%s]", field);
			}
			hb_csv_end_record(&buffer);
			(void)snprintf(expected + strlen(expected), 2, ";");
		}
		cr_assert_eq(buffer.failed, 0);
		read_all(buffer.text, buffer.length_bytes, 0, &ours, NULL);
		cr_assert_eq(ours.rc, 0);
		cr_assert_eq(ours.complete_bytes, buffer.length_bytes);
		cr_assert(ours.contents_length == strlen(expected) &&
				  memcmp(ours.contents, expected, strlen(expected)) == 0,
			"wrote %s\nas %.*s\nread %.*s", expected, (int)buffer.length_bytes,
			buffer.text, (int)ours.contents_length, ours.contents);
	}
	hb_csv_buffer_finish(&buffer);
}

static const char journal[] = "run_id,metric,value,detail\r\n"
			      "r1,latency_p50,71034,\r\n"
			      "r1,trial_wall,5e8,\"killed, \"\"signal\"\" 9\r\nlate\"\r\n"
			      "r1,trial_wall,1,\n"
			      "\r\n"
			      "r2,x,2,end\r\n";

Test(csv_read, a_file_cut_at_every_byte_loses_only_the_record_that_was_cut)
{
	static struct seen ours;
	static const size_t ends[] = {28, 51, 99, 116, 118, 130};

	cr_assert_eq(sizeof(journal) - 1, ends[5]);
	for (size_t length = 0; length < sizeof(journal); length++) {
		uint64_t complete = 0;
		size_t records = 0;

		for (size_t i = 0; i < 6 && ends[i] <= length; i++) {
			complete = ends[i];
			records += i != 4; /* the blank line */
		}
		read_all(journal, length, 0, &ours, NULL);
		cr_assert_eq(ours.rc, 0, "cut at %zu", length);
		cr_assert_eq(ours.records, records, "cut at %zu", length);
		cr_assert_eq(ours.complete_bytes, complete, "cut at %zu", length);
	}
}

Test(csv_read, zeros_at_the_end_are_a_torn_tail_however_many)
{
	static const size_t zeros[] = {1, 511, 4096, 70000, 1 << 20, (1 << 20) + 1, 3 << 20};
	static struct seen ours;

	for (size_t i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++) {
		for (size_t torn = 0; torn < 20; torn += 19) {
			/* Complete up to the blank line that ends at 118, then part of the next, then zeros. */
			size_t length = 118 + torn / 2 + zeros[i];
			char *bytes = calloc(1, length);

			memcpy(bytes, journal, 118 + torn / 2);
			read_all(bytes, length, 0, &ours, NULL);
			cr_assert_eq(ours.rc, 0);
			cr_assert_eq(ours.records, 4);
			cr_assert_eq(ours.complete_bytes, 118);
			free(bytes);
		}
	}
}

Test(csv_read, zeros_followed_by_something_are_no_torn_tail)
{
	static struct seen ours;
	size_t length = (3 << 20) + 2;
	char *bytes = calloc(1, length);

	bytes[length - 1] = 'x';
	read_all(bytes, length, 0, &ours, NULL);
	cr_assert_eq(ours.rc, -E2BIG);
	free(bytes);
}

Test(csv_read, records_of_the_longest_length_pass_and_longer_ones_are_refused)
{
	static struct seen ours;
	struct hb_error error = {0};

	read_all("abcdefgh\r\nx\n", 12, 10, &ours, &error);
	cr_assert_eq(ours.rc, 0);
	cr_assert_eq(ours.records, 2);
	read_all("x\nabcdefghi\r\n", 13, 10, &ours, &error);
	cr_assert_eq(ours.rc, -E2BIG);
	cr_assert_eq(ours.records, 1);
	cr_assert_eq(error.line, 2);
	cr_assert_str_eq(error.path, "x.csv");
	/* A quote that is never closed swallows the lines after it, up to the limit. */
	read_all("\"a\nb\nc\nd\ne\nf\ng\n", 16, 10, &ours, &error);
	cr_assert_eq(ours.rc, -E2BIG);
}

Test(csv_read, faults_name_file_and_line)
{
	static const struct {
		const char *text;
		int line;
	} cases[] = {
		{"a,b\r\nc,d\"e\r\n", 2},
		{"a\r\n\"b\nc\"d\r\n", 3},
		{"a\r\nb\rc\r\n", 2},
		{"\"a\"\rb\r\n", 1},
		{"a\r\n\r\n\n\"x\" ,y\r\n", 4},
	};
	static struct seen ours;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hb_error error = {0};

		read_all(cases[i].text, strlen(cases[i].text), 0, &ours, &error);
		cr_assert_eq(ours.rc, -EBADMSG, "case %zu", i);
		cr_assert_eq(error.line, cases[i].line, "case %zu: %d", i, error.line);
		cr_assert_str_eq(error.path, "x.csv");
		cr_assert_eq(ours.complete_bytes, 0, "outputs stay untouched on failure");
	}
}

struct wide {
	size_t records, fields, bytes;
};

static int count_fields(const struct hb_csv_record *record, void *user, struct hb_error *reterr)
{
	struct wide *wide = user;

	(void)reterr;
	wide->records++;
	wide->fields += record->field_count;
	for (size_t i = 0; i < record->field_count; i++)
		wide->bytes += record->lengths[i];
	return 0;
}

Test(csv_read, buffers_grow_over_many_blocks)
{
	struct hb_csv_buffer buffer = {0};
	struct wide wide = {0};
	uint64_t complete_bytes = 0;
	int fd;

	/* Records of up to 900 KB, alternately plain and quoted, over several reads. */
	for (int r = 0; r < 8; r++) {
		for (int i = 0; i < 100000; i++)
			hb_csv_put_text(&buffer, r % 2 ? "a,\nb" : "abcd");
		hb_csv_end_record(&buffer);
		hb_csv_put_text(&buffer, "short");
		hb_csv_end_record(&buffer);
	}
	cr_assert_eq(buffer.failed, 0);
	fd = file_of(buffer.text, buffer.length_bytes);
	cr_assert_eq(hb_csv_read(fd, "x", 0, count_fields, &wide, &complete_bytes, NULL), 0);
	cr_assert_eq(wide.records, 16);
	cr_assert_eq(wide.fields, 800008);
	cr_assert_eq(wide.bytes, 800000 * 4 + 8 * 5);
	cr_assert_eq(complete_bytes, buffer.length_bytes);
	(void)close(fd);
	hb_csv_buffer_finish(&buffer);
}

Test(csv_read, reading_starts_at_the_current_offset_and_offsets_are_those_of_the_file)
{
	static struct seen ours;
	int fd = file_of(journal, sizeof(journal) - 1);

	cr_assert_eq(lseek(fd, 28, SEEK_SET), 28);
	cr_assert_eq(hb_csv_read(fd, "x", 0, on_record, &ours, &ours.complete_bytes, NULL), 0);
	cr_assert_eq(ours.records, 4);
	cr_assert_eq(ours.offsets[0], 51);
	cr_assert_eq(ours.complete_bytes, 130);
	(void)close(fd);
}

Test(csv_read, pipes_are_read_to_their_end)
{
	static struct seen ours;
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(write(ends[1], journal, 60), 60);
	(void)close(ends[1]);
	cr_assert_eq(
		hb_csv_read(ends[0], "pipe", 0, on_record, &ours, &ours.complete_bytes, NULL), 0);
	cr_assert_eq(ours.records, 2);
	cr_assert_eq(ours.complete_bytes, 51);
	(void)close(ends[0]);
}

static int stop_at_second(const struct hb_csv_record *record, void *user, struct hb_error *reterr)
{
	int *calls = user;

	(void)record;
	return ++*calls == 2 ? hb_error_set(reterr, -ECANCELED, "enough") : 1;
}

Test(csv_read, a_callback_ends_the_reading_with_its_own_error)
{
	int fd = file_of(journal, sizeof(journal) - 1);
	struct hb_error error = {0};
	int calls = 0;

	cr_assert_eq(hb_csv_read(fd, "x", 0, stop_at_second, &calls, NULL, &error), -ECANCELED);
	cr_assert_eq(calls, 2);
	cr_assert_str_eq(error.text, "enough");
	(void)close(fd);
}

Test(csv_read, what_cannot_be_read_is_an_io_error)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY);
	struct hb_error error = {0};
	struct wide wide = {0};

	cr_assert(fd >= 0);
	cr_assert_eq(hb_csv_read(fd, "/", 0, count_fields, &wide, NULL, &error), -EIO);
	cr_assert_str_eq(error.path, "/");
	(void)close(fd);
}

static int find_columns(const struct hb_csv_record *record, void *user, struct hb_error *reterr)
{
	static const char *const names[] = {"value", "run_id", "note"};

	return hb_csv_columns(record, "x.csv", names, 3, 2, user, reterr);
}

static int columns_of(const char *header, int index[3], struct hb_error *error)
{
	int fd = file_of(header, strlen(header));
	int rc = hb_csv_read(fd, "x.csv", 0, find_columns, index, NULL, error);

	(void)close(fd);
	return rc;
}

Test(csv_columns, are_found_by_name_in_any_order)
{
	int index[3] = {9, 9, 9};

	cr_assert_eq(columns_of("run_id,extra,value\n", index, NULL), 0);
	cr_assert_eq(index[0], 2);
	cr_assert_eq(index[1], 0);
	cr_assert_eq(index[2], -1, "optional and absent");
	cr_assert_eq(columns_of("note,value,run_id\n", index, NULL), 0);
	cr_assert_eq(index[2], 0);
}

Test(csv_columns, a_missing_or_doubled_one_is_named)
{
	struct hb_error error = {0};
	int index[3] = {9, 9, 9};

	cr_assert_eq(columns_of("run_id,values\n", index, &error), -EBADMSG);
	cr_assert(strstr(error.text, "'value'"));
	cr_assert_eq(columns_of("value,run_id,value\n", index, &error), -EBADMSG);
	cr_assert(strstr(error.text, "'value'") && strstr(error.text, "twice"));
	cr_assert(index[0] == 9 && index[1] == 9 && index[2] == 9, "outputs stay untouched");
}

Test(csv_write, quotes_only_where_rfc_4180_demands_it)
{
	static const char expected[] = "plain, spaced ,,\"a,b\",\"say \"\"x\"\"\",\"l\r\n\",-5,"
				       "18446744073709551615,0.1\r\n\"\"\r\n,\r\n\"\"\r\n";
	struct hb_csv_buffer buffer = {0};

	hb_csv_put_text(&buffer, "plain");
	hb_csv_put_text(&buffer, " spaced ");
	hb_csv_put_text(&buffer, NULL);
	hb_csv_put_text(&buffer, "a,b");
	hb_csv_put_text(&buffer, "say \"x\"");
	hb_csv_put_text(&buffer, "l\r\n");
	hb_csv_put_i64(&buffer, -5);
	hb_csv_put_u64(&buffer, UINT64_MAX);
	hb_csv_put_double(&buffer, 0.1);
	hb_csv_end_record(&buffer);
	hb_csv_put_text(&buffer, ""); /* alone in its record: a blank line would be lost */
	hb_csv_end_record(&buffer);
	hb_csv_put_text(&buffer, "");
	hb_csv_put_text(&buffer, "");
	hb_csv_end_record(&buffer);
	hb_csv_end_record(&buffer);
	cr_assert_eq(buffer.length_bytes, sizeof(expected) - 1);
	cr_assert_eq(memcmp(buffer.text, expected, sizeof(expected) - 1), 0, "%.*s",
		(int)buffer.length_bytes, buffer.text);
	hb_csv_buffer_finish(&buffer);
	cr_assert_null(buffer.text);
}

Test(csv_write, the_very_first_field_may_be_empty)
{
	struct hb_csv_buffer buffer = {0};

	hb_csv_put_text(&buffer, "");
	hb_csv_put_text(&buffer, "x");
	hb_csv_end_record(&buffer);
	cr_assert_eq(buffer.length_bytes, 4);
	cr_assert_eq(memcmp(buffer.text, ",x\r\n", 4), 0);
	hb_csv_buffer_finish(&buffer);
}

static bool digits_suffice(double value, int digits)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%.*e", digits - 1, value);
	return strtod(text, NULL) == value;
}

static int digits_in(const char *text)
{
	int digits = 0;
	int zeros = 0;

	/* Significant digits: leading zeros and trailing zeros do not count, nor does the exponent. */
	for (; *text && *text != 'e'; text++) {
		if (*text < '0' || *text > '9' || (*text == '0' && digits == 0))
			continue;
		zeros = *text == '0' ? zeros + 1 : 0;
		digits++;
	}
	return digits - zeros;
}

Test(csv_double, random_doubles_read_back_and_no_shorter_decimal_does)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 2);
	for (int i = 0; i < 200000; i++) {
		char text[HB_CSV_DOUBLE_BYTES];
		uint64_t bits = hb_rng_u64(&rng);
		double value, back = 0;
		int digits;

		if (i % 3 == 0)
			bits &= 0x800fffffffffffff >> hb_rng_below(&rng, 40); /* subnormals */
		memcpy(&value, &bits, sizeof(value));
		if (i % 3 == 1)
			value = (double)hb_rng_below(&rng, 1000000) / 1000;
		if (!isfinite(value) || value == 0)
			continue;
		cr_assert_eq(hb_csv_format_double(value, text), strlen(text));
		cr_assert_eq(hb_csv_parse_double(text, &back), 0, "%s", text);
		cr_assert_eq(memcmp(&back, &value, sizeof(value)), 0, "%s", text);
		digits = digits_in(text);
		if (digits > 1)
			cr_assert(!digits_suffice(value, digits - 1), "%s", text);
	}
}

Test(csv_double, special_values_and_integers_are_plain)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{0, "0"},
		{-0.0, "-0"},
		{INFINITY, "inf"},
		{-INFINITY, "-inf"},
		{NAN, "nan"},
		{1, "1"},
		{-17, "-17"},
		{100000000000000.0, "100000000000000"},
		{0x1p53 - 1, "9007199254740991"},
		{-(0x1p53 - 1), "-9007199254740991"},
		{1e23, "1e+23"},
		{0.1, "0.1"},
		{5e-324, "5e-324"},
		{0.3, "0.3"},
		{1.7976931348623157e308, "1.7976931348623157e+308"},
		{2.5, "2.5"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[HB_CSV_DOUBLE_BYTES];
		double back = 3;

		(void)hb_csv_format_double(cases[i].value, text);
		cr_assert_str_eq(text, cases[i].text);
		cr_assert_eq(hb_csv_parse_double(text, &back), 0);
		cr_assert(isnan(back) ? (bool)isnan(cases[i].value)
				      : back == cases[i].value &&
						signbit(back) == signbit(cases[i].value));
	}
}

Test(csv_double, only_whole_decimals_are_numbers)
{
	static const char *const bad[] = {"", " 1", "1 ", "1,5", "0x10", "nan(1)", "1e999",
		"-1e999", "e5", "1e", "--1", "1.2.3", "infx", "+", "."};
	static const char *const good[] = {"+1", "1.", ".5", "1e-999", "INF", "-Infinity", "NaN"};
	double value = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(hb_csv_parse_double(bad[i], &value), -EINVAL, "'%s'", bad[i]);
	cr_assert_eq(value, 7, "outputs stay untouched");
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert_eq(hb_csv_parse_double(good[i], &value), 0, "'%s'", good[i]);
}

Test(csv_double, the_locale_does_not_matter)
{
	static const char *const comma_locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8"};
	bool found = false;
	char text[HB_CSV_DOUBLE_BYTES];
	double value = 0;

	for (size_t i = 0; i < 3 && !found; i++)
		found = setlocale(LC_ALL, comma_locales[i]) != NULL;
	if (!found)
		cr_skip("no locale with a decimal comma is installed");
	(void)hb_csv_format_double(1.5, text);
	cr_assert_str_eq(text, "1.5");
	cr_assert_eq(hb_csv_parse_double("1.5", &value), 0);
	cr_assert_eq(value, 1.5);
	(void)snprintf(text, sizeof(text), "%.1f", 1.5);
	cr_assert_str_eq(text, "1,5", "the thread's own locale is as it was");
}

Test(csv_integer, extremes_pass_and_everything_else_is_refused)
{
	static const char *const bad_u64[] = {"", "-1", "+1", " 1", "1 ", "18446744073709551616",
		"99999999999999999999", "1.0", "0x1"};
	static const char *const bad_i64[] = {
		"", "-", "9223372036854775808", "-9223372036854775809", "--1", "1e3"};
	uint64_t u = 7;
	int64_t i = 7;

	for (size_t k = 0; k < sizeof(bad_u64) / sizeof(bad_u64[0]); k++)
		cr_assert_eq(hb_csv_parse_u64(bad_u64[k], &u), -EINVAL, "'%s'", bad_u64[k]);
	for (size_t k = 0; k < sizeof(bad_i64) / sizeof(bad_i64[0]); k++)
		cr_assert_eq(hb_csv_parse_i64(bad_i64[k], &i), -EINVAL, "'%s'", bad_i64[k]);
	cr_assert(u == 7 && i == 7, "outputs stay untouched");
	cr_assert_eq(hb_csv_parse_u64("18446744073709551615", &u), 0);
	cr_assert_eq(u, UINT64_MAX);
	cr_assert_eq(hb_csv_parse_i64("-9223372036854775808", &i), 0);
	cr_assert_eq(i, INT64_MIN);
	cr_assert_eq(hb_csv_parse_i64("9223372036854775807", &i), 0);
	cr_assert_eq(i, INT64_MAX);
}
