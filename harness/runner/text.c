/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Growing text, and the two escapes that keep outside text from becoming markup. */
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct hb_text *text, size_t more)
{
	size_t need, capacity;
	char *bytes;

	if (text->failed)
		return false;
	need = text->length_bytes + more + 1;
	if (need <= text->capacity_bytes)
		return true;
	capacity = text->capacity_bytes ? text->capacity_bytes : 4096;
	while (capacity < need)
		capacity += capacity / 2;
	bytes = realloc(text->bytes, capacity);
	if (!bytes) {
		text->failed = -ENOMEM;
		return false;
	}
	text->bytes = bytes;
	text->capacity_bytes = capacity;
	return true;
}

void hb_text_put_bytes(struct hb_text *text, const char *bytes, size_t length_bytes)
{
	if (!reserve(text, length_bytes))
		return;
	if (length_bytes)
		memcpy(text->bytes + text->length_bytes, bytes, length_bytes);
	text->length_bytes += length_bytes;
	text->bytes[text->length_bytes] = '\0';
}

void hb_text_put(struct hb_text *text, const char *string)
{
	if (string)
		hb_text_put_bytes(text, string, strlen(string));
}

void hb_text_format(struct hb_text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0 || !reserve(text, (size_t)length))
		return;
	va_start(arguments, format);
	(void)vsnprintf(text->bytes + text->length_bytes, (size_t)length + 1, format, arguments);
	va_end(arguments);
	text->length_bytes += (size_t)length;
}

/* Bytes of the well-formed UTF-8 sequence at @s (Unicode 15, table 3-7), 0 if there is none. */
static size_t sequence_bytes(const unsigned char *s)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		length = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		length = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		length = 4;
	else
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

static const char *html_escape(unsigned char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return (c < 0x20 && c != '\t' && c != '\n') || c == 0x7f ? "\xef\xbf\xbd" : NULL;
	}
}

void hb_text_put_html(struct hb_text *text, const char *string)
{
	const unsigned char *s = (const unsigned char *)(string ? string : "");

	while (*s) {
		size_t length = sequence_bytes(s);
		const char *escape = length == 1 ? html_escape(*s) : NULL;

		if (!length) {
			hb_text_put(text, "\xef\xbf\xbd");
			s++;
			continue;
		}
		/* U+0080 ... U+009F are control characters, which HTML does not allow. */
		if (length == 2 && s[0] == 0xc2 && s[1] < 0xa0)
			escape = "\xef\xbf\xbd";
		if (escape)
			hb_text_put(text, escape);
		else
			hb_text_put_bytes(text, (const char *)s, length);
		s += length;
	}
}

void hb_text_put_script_json(struct hb_text *text, const char *json)
{
	const char *start = json, *s;

	for (s = json; *s; s++) {
		const char *escape = NULL;
		size_t length = 1;

		if (*s == '<')
			escape = "\\u003c";
		else if (*s == '>')
			escape = "\\u003e";
		else if (*s == '&')
			escape = "\\u0026";
		else if (!strncmp(s, "\xe2\x80\xa8", 3))
			escape = "\\u2028", length = 3;
		else if (!strncmp(s, "\xe2\x80\xa9", 3))
			escape = "\\u2029", length = 3;
		if (!escape)
			continue;
		hb_text_put_bytes(text, start, (size_t)(s - start));
		hb_text_put(text, escape);
		s += length - 1;
		start = s + 1;
	}
	hb_text_put_bytes(text, start, (size_t)(s - start));
}

void hb_text_finish(struct hb_text *text)
{
	free(text->bytes);
	*text = (struct hb_text){0};
}
