/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "emit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/csv.h>

int hb_emit_reserve(struct hb_emit *emit, size_t bytes)
{
	size_t wanted = emit->length_bytes + bytes;
	size_t capacity = emit->capacity_bytes ? emit->capacity_bytes : 1024;
	char *grown;

	if (emit->failed)
		return emit->failed;
	if (wanted <= emit->capacity_bytes)
		return 0;
	while (capacity < wanted)
		capacity *= 2;
	grown = realloc(emit->bytes, capacity);
	if (!grown) {
		emit->failed = -ENOMEM;
		return -ENOMEM;
	}
	emit->bytes = grown;
	emit->capacity_bytes = capacity;
	return 0;
}

static void append(struct hb_emit *emit, const char *bytes, size_t length)
{
	if (hb_emit_reserve(emit, length))
		return;
	memcpy(emit->bytes + emit->length_bytes, bytes, length);
	emit->length_bytes += length;
}

/*
 * Length of the valid UTF-8 sequence that @text starts with, 0 if there is none (RFC 3629, table in
 * section 4).
 */
static size_t utf8_length(const unsigned char *text)
{
	unsigned char lead = text[0];
	unsigned char low = 0x80, high = 0xbf;
	size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

	if (lead >= 0x80 && (lead < 0xc2 || lead > 0xf4))
		return 0;
	if (lead == 0xe0)
		low = 0xa0;
	if (lead == 0xed)
		high = 0x9f;
	if (lead == 0xf0)
		low = 0x90;
	if (lead == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < length; i++) {
		if (text[i] < low || text[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return length;
}

static void append_quoted(struct hb_emit *emit, const char *text)
{
	append(emit, "\"", 1);
	while (*text) {
		size_t length = utf8_length((const unsigned char *)text);
		char escaped[8];

		if (length == 0) {
			append(emit, "\xef\xbf\xbd", 3);
			length = 1;
		} else if (*text == '"' || *text == '\\') {
			append(emit, "\\", 1);
			append(emit, text, 1);
		} else if ((unsigned char)*text < 0x20 || *text == 0x7f) {
			int written =
				snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned)*text);

			append(emit, escaped, (size_t)written);
		} else {
			append(emit, text, length);
		}
		text += length;
	}
	append(emit, "\"", 1);
}

/*
 * What stands before a value: a comma unless it is the first of its container or line, and the key.
 */
static void begin(struct hb_emit *emit, const char *key)
{
	char last = emit->length_bytes ? emit->bytes[emit->length_bytes - 1] : '\n';

	if (last != '{' && last != '[' && last != '\n')
		append(emit, ",", 1);
	if (key) {
		append_quoted(emit, key);
		append(emit, ":", 1);
	}
}

void hb_emit_open(struct hb_emit *emit, const char *key, char bracket)
{
	begin(emit, key);
	append(emit, &bracket, 1);
}

void hb_emit_close(struct hb_emit *emit, char bracket)
{
	append(emit, &bracket, 1);
}

void hb_emit_text(struct hb_emit *emit, const char *key, const char *text)
{
	begin(emit, key);
	append_quoted(emit, text ? text : "");
}

void hb_emit_u64(struct hb_emit *emit, const char *key, uint64_t value)
{
	char digits[24];

	(void)snprintf(digits, sizeof(digits), "%" PRIu64, value);
	hb_emit_text(emit, key, digits);
}

void hb_emit_double(struct hb_emit *emit, const char *key, double value)
{
	char digits[HB_CSV_DOUBLE_BYTES];

	(void)hb_csv_format_double(value, digits);
	hb_emit_text(emit, key, digits);
}

void hb_emit_bool(struct hb_emit *emit, const char *key, bool value)
{
	begin(emit, key);
	append(emit, value ? "true" : "false", value ? 4 : 5);
}

void hb_emit_small(struct hb_emit *emit, const char *key, int value)
{
	char digits[16];
	int length = snprintf(digits, sizeof(digits), "%d", value);

	begin(emit, key);
	append(emit, digits, (size_t)length);
}

void hb_emit_newline(struct hb_emit *emit)
{
	append(emit, "\n", 1);
}

int hb_emit_flush(struct hb_emit *emit, int fd)
{
	size_t done = 0;

	if (emit->failed)
		return emit->failed;
	while (done < emit->length_bytes) {
		ssize_t written = write(fd, emit->bytes + done, emit->length_bytes - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		done += (size_t)written;
	}
	emit->length_bytes = 0;
	return 0;
}

void hb_emit_finish(struct hb_emit *emit)
{
	free(emit->bytes);
	*emit = (struct hb_emit){0};
}
