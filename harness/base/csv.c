/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing CSV, and numbers as text in the C locale. See hotbed/csv.h; reading is in csv_read.c.
 */
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <hotbed/assert.h>
#include <hotbed/csv.h>

#define CAPACITY_FIRST 4096

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

/* The program may have called setlocale(): numbers in files must not follow it. */
static void c_locale_open(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	hb_assert(c_locale != (locale_t)0); /* "C" is built in and needs no memory */
}

static bool reads_back(const char *text, double value)
{
	return strtod_l(text, NULL, c_locale) == value;
}

/*
 * Any decimal of up to 15 digits survives the way through a normal double, so if one reads back, "%.15g" prints it.
 * Subnormals have fewer digits to give: there the search starts at one.
 */
static size_t format_shortest(double value, char *buffer)
{
	int digits = fabs(value) < DBL_MIN ? 1 : DBL_DIG;
	locale_t previous;
	int length;

	(void)pthread_once(&c_locale_once, c_locale_open);
	previous = uselocale(c_locale);
	do {
		length = snprintf(buffer, HB_CSV_DOUBLE_BYTES, "%.*g", digits, value);
	} while (digits++ < DBL_DECIMAL_DIG && !reads_back(buffer, value));
	(void)uselocale(previous);
	hb_assert(length > 0 && length < HB_CSV_DOUBLE_BYTES);
	return (size_t)length;
}

size_t hb_csv_format_double(double value, char *buffer)
{
	const char *word = NULL;

	if (isnan(value))
		word = "nan";
	else if (isinf(value))
		word = value > 0 ? "inf" : "-inf";
	else if (value == 0)
		word = signbit(value) ? "-0" : "0";
	if (word) {
		memcpy(buffer, word, strlen(word) + 1);
		return strlen(word);
	}
	if (fabs(value) < 0x1.0p53 && value == trunc(value))
		return (size_t)snprintf(buffer, HB_CSV_DOUBLE_BYTES, "%" PRId64, (int64_t)value);
	return format_shortest(value, buffer);
}

/* strtod() also takes blanks, hexadecimal and "nan(...)": none of them is ours. */
static bool is_decimal(const char *text)
{
	static const char *const words[] = {"inf", "infinity", "nan"};
	const char *unsigned_text = text + (*text == '+' || *text == '-');

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(unsigned_text, words[i]) == 0)
			return true;
	}
	return *unsigned_text != '\0' &&
	       unsigned_text[strspn(unsigned_text, "0123456789.eE+-")] == '\0';
}

int hb_csv_parse_double(const char *text, double *ret)
{
	char *end;
	double value;
	int saved_errno = errno;
	bool overflow;

	if (!is_decimal(text))
		return -EINVAL;
	(void)pthread_once(&c_locale_once, c_locale_open);
	errno = 0;
	value = strtod_l(text, &end, c_locale);
	overflow = errno == ERANGE && isinf(value);
	errno = saved_errno;
	if (*end != '\0' || overflow)
		return -EINVAL;
	*ret = value;
	return 0;
}

int hb_csv_parse_u64(const char *text, uint64_t *ret)
{
	uint64_t value = 0;

	if (*text == '\0')
		return -EINVAL;
	for (; *text; text++) {
		unsigned int digit = (unsigned int)(unsigned char)*text - '0';

		if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, digit, &value))
			return -EINVAL;
	}
	*ret = value;
	return 0;
}

int hb_csv_parse_i64(const char *text, int64_t *ret)
{
	bool negative = *text == '-';
	uint64_t magnitude;

	if (hb_csv_parse_u64(text + negative, &magnitude) < 0)
		return -EINVAL;
	if (magnitude > (uint64_t)INT64_MAX + negative)
		return -EINVAL;
	*ret = (int64_t)(negative ? 0 - magnitude : magnitude);
	return 0;
}

/* Make room for @length more bytes; NULL after a failure, now or earlier. */
static char *buffer_extend(struct hb_csv_buffer *buffer, size_t length)
{
	size_t needed;
	size_t capacity;
	char *text;

	if (buffer->failed)
		return NULL;
	if (__builtin_add_overflow(buffer->length_bytes, length, &needed))
		goto fail;
	/* Also for 0 bytes there must be memory: NULL is the failure. */
	if (!buffer->text || needed > buffer->capacity_bytes) {
		capacity = buffer->capacity_bytes ? buffer->capacity_bytes : CAPACITY_FIRST;
		while (capacity < needed) {
			if (__builtin_mul_overflow(capacity, 2, &capacity))
				goto fail;
		}
		text = realloc(buffer->text, capacity);
		if (!text)
			goto fail;
		buffer->text = text;
		buffer->capacity_bytes = capacity;
	}
	text = buffer->text + buffer->length_bytes;
	buffer->length_bytes = needed;
	return text;
fail:
	buffer->failed = -ENOMEM;
	return NULL;
}

/* Append @length bytes as one field, after a comma unless it is the record's first. */
static void put_raw(struct hb_csv_buffer *buffer, const char *text, size_t length)
{
	bool comma = buffer->fields_in_record > 0;
	char *at = buffer_extend(buffer, length + comma);

	if (!at)
		return;
	if (comma)
		*at++ = ',';
	if (length)
		memcpy(at, text, length);
	buffer->fields_in_record++;
}

static void put_quoted(struct hb_csv_buffer *buffer, const char *text, size_t length)
{
	bool comma = buffer->fields_in_record > 0;
	size_t quotes = 0;
	char *at;

	for (size_t i = 0; i < length; i++)
		quotes += text[i] == '"';
	at = buffer_extend(buffer, length + quotes + 2 + comma);
	if (!at)
		return;
	if (comma)
		*at++ = ',';
	*at++ = '"';
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '"')
			*at++ = '"';
		*at++ = text[i];
	}
	*at = '"';
	buffer->fields_in_record++;
}

void hb_csv_put_text(struct hb_csv_buffer *buffer, const char *text)
{
	size_t length = text ? strlen(text) : 0;

	if (length && text[strcspn(text, ",\"\r\n")])
		put_quoted(buffer, text, length);
	else
		put_raw(buffer, text, length);
}

void hb_csv_put_i64(struct hb_csv_buffer *buffer, int64_t value)
{
	char text[HB_CSV_DOUBLE_BYTES];
	int length = snprintf(text, sizeof(text), "%" PRId64, value);

	put_raw(buffer, text, (size_t)length);
}

void hb_csv_put_u64(struct hb_csv_buffer *buffer, uint64_t value)
{
	char text[HB_CSV_DOUBLE_BYTES];
	int length = snprintf(text, sizeof(text), "%" PRIu64, value);

	put_raw(buffer, text, (size_t)length);
}

void hb_csv_put_double(struct hb_csv_buffer *buffer, double value)
{
	char text[HB_CSV_DOUBLE_BYTES];

	put_raw(buffer, text, hb_csv_format_double(value, text));
}

void hb_csv_end_record(struct hb_csv_buffer *buffer)
{
	bool blank = buffer->fields_in_record == 0 ||
		     (buffer->fields_in_record == 1 &&
			     (buffer->length_bytes == 0 ||
				     buffer->text[buffer->length_bytes - 1] == '\n'));
	char *at;

	/* A record of one empty field would be a blank line, which readers skip: quotes keep it a record. */
	at = buffer_extend(buffer, blank ? 4 : 2);
	if (!at)
		return;
	memcpy(at, blank ? "\"\"\r\n" : "\r\n", blank ? 4 : 2);
	buffer->fields_in_record = 0;
}

void hb_csv_buffer_reset(struct hb_csv_buffer *buffer)
{
	buffer->length_bytes = 0;
	buffer->failed = 0;
	buffer->fields_in_record = 0;
}

void hb_csv_buffer_finish(struct hb_csv_buffer *buffer)
{
	free(buffer->text);
	memset(buffer, 0, sizeof(*buffer));
}
