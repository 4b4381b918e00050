/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "json_out.h"

#include <inttypes.h>
#include <math.h>

static void put_text(FILE *stream, const char *text)
{
	(void)fputc('"', stream);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			(void)fprintf(stream, "\\%c", c);
		else if (c < 0x20)
			(void)fprintf(stream, "\\u%04x", c);
		else
			(void)fputc(c, stream);
	}
	(void)fputc('"', stream);
}

static void begin(struct json_out *out, const char *key)
{
	if (out->has_member)
		(void)fputc(',', out->stream);
	out->has_member = true;
	if (key) {
		put_text(out->stream, key);
		(void)fputc(':', out->stream);
	}
}

void json_open(struct json_out *out, const char *key, char bracket)
{
	begin(out, key);
	(void)fputc(bracket, out->stream);
	out->has_member = false;
}

void json_close(struct json_out *out, char bracket)
{
	(void)fputc(bracket, out->stream);
	out->has_member = true;
}

void json_text(struct json_out *out, const char *key, const char *text)
{
	begin(out, key);
	put_text(out->stream, text);
}

void json_number(struct json_out *out, const char *key, double value)
{
	if (!isfinite(value)) {
		json_null(out, key);
		return;
	}
	begin(out, key);
	(void)fprintf(out->stream, "%.17g", value);
}

void json_u64(struct json_out *out, const char *key, uint64_t value)
{
	begin(out, key);
	(void)fprintf(out->stream, "%" PRIu64, value);
}

void json_bool(struct json_out *out, const char *key, bool value)
{
	begin(out, key);
	(void)fputs(value ? "true" : "false", out->stream);
}

void json_null(struct json_out *out, const char *key)
{
	begin(out, key);
	(void)fputs("null", out->stream);
}
