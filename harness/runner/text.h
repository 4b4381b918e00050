/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A growing buffer of text in which reports are assembled. An append that finds no memory marks the buffer as failed
 * and later appends do nothing, so that callers check once, at the end. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_TEXT_H
#define HOTBED_RUNNER_TEXT_H

#include <stddef.h>

/* Zero-initialise, then hb_text_finish(). Readers use bytes and length_bytes; bytes is NUL-terminated once used. */
struct hb_text {
	char *bytes;
	size_t length_bytes;
	size_t capacity_bytes;
	int failed; /* -ENOMEM once an append failed */
};

/* hb_text_put - append @text; NULL is the empty text. */
void hb_text_put(struct hb_text *text, const char *string);

/* hb_text_put_bytes - append @length_bytes of @bytes as they are. */
void hb_text_put_bytes(struct hb_text *text, const char *bytes, size_t length_bytes);

/* hb_text_format - append printf-formatted text, of any length, in the C locale's number format. */
void hb_text_format(struct hb_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * hb_text_put_html - append @string so that it is inert both as HTML text and inside a quoted attribute: the five
 * markup characters become entities, control characters other than tab and newline become U+FFFD, and so do bytes
 * that are no UTF-8.
 */
void hb_text_put_html(struct hb_text *text, const char *string);

/*
 * hb_text_put_script_json - append JSON text so that it can stand inside a <script> element: '<', '>', '&' and the
 * line separators U+2028 and U+2029, which occur only inside JSON strings, become \u escapes; the value is unchanged.
 */
void hb_text_put_script_json(struct hb_text *text, const char *json);

/* hb_text_finish - free the memory; @text is empty again. */
void hb_text_finish(struct hb_text *text);

#endif
