/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON text written piece by piece into one growing buffer: the protocol's lines and the tables'
 * description. Writing only, so that a trial loads no JSON library. Commas are placed by what the
 * buffer ends with.
 *
 * Not thread-safe: one owner per buffer.
 */
#ifndef HOTBED_WORKER_EMIT_H
#define HOTBED_WORKER_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise, then hb_emit_finish(). */
struct hb_emit {
	char *bytes; /* not NUL-terminated */
	size_t length_bytes;
	size_t capacity_bytes;
	int failed; /* -ENOMEM once an append failed; later appends do nothing */
};

/*
 * hb_emit_reserve - make room for @bytes more, so that later appends allocate nothing. 0 or
 * -ENOMEM.
 */
int hb_emit_reserve(struct hb_emit *emit, size_t bytes);

/*
 * hb_emit_open - start an object or array (@bracket: '{' or '['), as member @key (NULL = no key).
 */
void hb_emit_open(struct hb_emit *emit, const char *key, char bracket);

/* hb_emit_close - end it (@bracket: '}' or ']'). */
void hb_emit_close(struct hb_emit *emit, char bracket);

/*
 * hb_emit_text - a string, as member @key (NULL = element of an array). NULL @text is ""; bytes
 * that are no UTF-8 become U+FFFD. The other kinds: integers and doubles become strings, so that
 * any reader keeps all digits.
 */
void hb_emit_text(struct hb_emit *emit, const char *key, const char *text);
void hb_emit_u64(struct hb_emit *emit, const char *key, uint64_t value);
void hb_emit_double(struct hb_emit *emit, const char *key, double value);
void hb_emit_bool(struct hb_emit *emit, const char *key, bool value);

/* hb_emit_small - a plain JSON number, for small integers only. */
void hb_emit_small(struct hb_emit *emit, const char *key, int value);

/* hb_emit_newline - end the line. */
void hb_emit_newline(struct hb_emit *emit);

/* hb_emit_flush - write all of it to @fd and empty the buffer. 0 or -errno. Blocks on @fd. */
int hb_emit_flush(struct hb_emit *emit, int fd);

void hb_emit_finish(struct hb_emit *emit);

#endif
