/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Errors as text in a caller-owned struct. See hotbed/error.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

/*
 * A cut must not leave half a UTF-8 sequence: the text goes into JSON and CSV files that strict readers open.
 * @text holds @length bytes that were cut from something longer; returns the length without a broken last character.
 */
static size_t whole_characters(const char *text, size_t length)
{
	size_t start = length;
	size_t expected;
	unsigned char lead;

	while (start > 0 && length - start < 4 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0)
		return length;
	lead = (unsigned char)text[start - 1];
	if (lead < 0xc0)
		return length;
	expected = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	return length - start + 1 < expected ? start - 1 : length;
}

/* Copy @text into @buffer of @size bytes, cut between characters and terminated. */
static void copy_cut(char *buffer, size_t size, const char *text)
{
	size_t length = strnlen(text, size);

	if (length == size)
		length = whole_characters(text, size - 1);
	memcpy(buffer, text, length);
	buffer[length] = '\0';
}

/* The arguments may point into @reterr itself, so the text is built aside before anything is overwritten. */
static int error_fill(struct hb_error *reterr, int code, const char *path, int line,
	const char *format, va_list arguments)
{
	char text[HB_ERROR_TEXT_BYTES + 1];
	char path_copy[HB_ERROR_PATH_BYTES];

	hb_assert(code < 0);
	if (!reterr)
		return code;
	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		copy_cut(text, sizeof(text), format);
	copy_cut(path_copy, sizeof(path_copy), path ? path : "");
	reterr->code = code;
	reterr->line = line;
	memcpy(reterr->path, path_copy, strlen(path_copy) + 1);
	copy_cut(reterr->text, sizeof(reterr->text), text);
	return code;
}

int hb_error_set(struct hb_error *reterr, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	code = error_fill(reterr, code, NULL, 0, format, arguments);
	va_end(arguments);
	return code;
}

int hb_error_set_at(
	struct hb_error *reterr, int code, const char *path, int line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	code = error_fill(reterr, code, path, line, format, arguments);
	va_end(arguments);
	return code;
}

int hb_error_wrap(struct hb_error *reterr, const char *format, ...)
{
	char text[2 * HB_ERROR_TEXT_BYTES + 8];
	va_list arguments;
	size_t length;
	int written;

	if (!reterr || reterr->code >= 0)
		return -EINVAL;
	va_start(arguments, format);
	written = vsnprintf(text, HB_ERROR_TEXT_BYTES + 1, format, arguments);
	va_end(arguments);
	if (written < 0)
		return reterr->code;
	length = strlen(text);
	(void)snprintf(text + length, sizeof(text) - length, ": %s", reterr->text);
	copy_cut(reterr->text, sizeof(reterr->text), text);
	return reterr->code;
}

char *hb_error_format(const struct hb_error *error, char *buffer, unsigned long size_bytes)
{
	char text[HB_ERROR_PATH_BYTES + HB_ERROR_TEXT_BYTES + 32];

	hb_assert(size_bytes > 0);
	if (error->path[0] && error->line > 0)
		(void)snprintf(
			text, sizeof(text), "%s:%d: %s", error->path, error->line, error->text);
	else if (error->path[0])
		(void)snprintf(text, sizeof(text), "%s: %s", error->path, error->text);
	else
		(void)snprintf(text, sizeof(text), "%s", error->text);
	copy_cut(buffer, size_bytes, text);
	return buffer;
}
