/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <hotbed/json_out.h>

#include <inttypes.h>
#include <math.h>

/* Bytes of the UTF-8 character at @text; 0 if there is none (RFC 3629: shortest form, no surrogates). */
static size_t character_length(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;
	size_t length = c[0] < 0x80 ? 1 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;

	if (c[0] >= 0x80 && (c[0] < 0xc2 || c[0] > 0xf4))
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
		(c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
		return 0;
	return length;
}

/* Names come from the command line and from files: what is no UTF-8 becomes the replacement character. */
static void put_text(FILE *stream, const char *text)
{
	(void)fputc('"', stream);
	while (*text) {
		size_t length = character_length(text);
		unsigned char c = (unsigned char)*text;

		if (length == 0)
			(void)fputs("\\ufffd", stream);
		else if (c == '"' || c == '\\')
			(void)fprintf(stream, "\\%c", c);
		else if (c < 0x20)
			(void)fprintf(stream, "\\u%04x", c);
		else
			(void)fwrite(text, 1, length, stream);
		text += length ? length : 1;
	}
	(void)fputc('"', stream);
}

static void begin(struct hb_json_out *out, const char *key)
{
	if (out->has_member)
		(void)fputc(',', out->stream);
	out->has_member = true;
	if (key) {
		put_text(out->stream, key);
		(void)fputc(':', out->stream);
	}
}

void hb_json_open(struct hb_json_out *out, const char *key, char bracket)
{
	begin(out, key);
	(void)fputc(bracket, out->stream);
	out->has_member = false;
}

void hb_json_close(struct hb_json_out *out, char bracket)
{
	(void)fputc(bracket, out->stream);
	out->has_member = true;
}

void hb_json_put_text(struct hb_json_out *out, const char *key, const char *text)
{
	begin(out, key);
	put_text(out->stream, text);
}

void hb_json_put_number(struct hb_json_out *out, const char *key, double value)
{
	if (!isfinite(value)) {
		hb_json_put_null(out, key);
		return;
	}
	begin(out, key);
	(void)fprintf(out->stream, "%.17g", value);
}

void hb_json_put_u64(struct hb_json_out *out, const char *key, uint64_t value)
{
	begin(out, key);
	(void)fprintf(out->stream, "%" PRIu64, value);
}

void hb_json_put_bool(struct hb_json_out *out, const char *key, bool value)
{
	begin(out, key);
	(void)fputs(value ? "true" : "false", out->stream);
}

void hb_json_put_null(struct hb_json_out *out, const char *key)
{
	begin(out, key);
	(void)fputs("null", out->stream);
}
