/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Little-endian numbers and texts in byte buffers: what the wire, the log and snapshots are made of. Reading never goes
 * beyond the end: it sets @bad and yields zeros, so a decoder checks once. Not thread-safe.
 */
#ifndef PC_BYTES_H
#define PC_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Grows; zero-initialise, free(data). @bad: memory ran out, the content is incomplete. */
struct bytes {
	uint8_t *data;
	size_t length, capacity;
	bool bad;
};

struct reader {
	const uint8_t *at, *end;
	bool bad;
};

/* bytes_room - @count more bytes at the end, to be filled; NULL if memory ran out. */
static inline uint8_t *bytes_room(struct bytes *b, size_t count)
{
	if (b->capacity - b->length < count) {
		size_t capacity = (b->capacity < 512 ? 512 : b->capacity * 2) + count;
		uint8_t *data = b->bad ? NULL : realloc(b->data, capacity);

		if (!data) {
			b->bad = true;
			return NULL;
		}
		b->data = data;
		b->capacity = capacity;
	}
	b->length += count;
	return b->data + b->length - count;
}

static inline void bytes_put(struct bytes *b, const void *data, size_t count)
{
	uint8_t *room = count > 0 ? bytes_room(b, count) : NULL;

	if (room)
		memcpy(room, data, count);
}

static inline void store_u64(uint8_t *at, uint64_t value, size_t width)
{
	for (size_t i = 0; i < width; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t load_u64(const uint8_t *at, size_t width)
{
	uint64_t value = 0;

	for (size_t i = 0; i < width; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

static inline void bytes_put_number(struct bytes *b, uint64_t value, size_t width)
{
	uint8_t *room = bytes_room(b, width);

	if (room)
		store_u64(room, value, width);
}

static inline void put_u8(struct bytes *b, uint8_t value)
{
	bytes_put_number(b, value, 1);
}

static inline void put_u32(struct bytes *b, uint32_t value)
{
	bytes_put_number(b, value, 4);
}

static inline void put_u64(struct bytes *b, uint64_t value)
{
	bytes_put_number(b, value, 8);
}

static inline void put_text(struct bytes *b, const void *text, size_t length)
{
	put_u32(b, (uint32_t)length);
	bytes_put(b, text, length);
}

static inline const uint8_t *take(struct reader *r, size_t count)
{
	const uint8_t *at = r->at;

	if (r->bad || (size_t)(r->end - r->at) < count) {
		r->bad = true;
		return NULL;
	}
	r->at += count;
	return at;
}

static inline uint64_t take_number(struct reader *r, size_t width)
{
	const uint8_t *at = take(r, width);

	return at ? load_u64(at, width) : 0;
}

static inline uint8_t take_u8(struct reader *r)
{
	return (uint8_t)take_number(r, 1);
}

static inline uint32_t take_u32(struct reader *r)
{
	return (uint32_t)take_number(r, 4);
}

static inline uint64_t take_u64(struct reader *r)
{
	return take_number(r, 8);
}

/* take_text - a text of at most @max bytes, inside the buffer; longer ones are bad. */
static inline const uint8_t *take_text(struct reader *r, uint32_t max, uint32_t *ret_length)
{
	uint32_t length = take_u32(r);
	const uint8_t *at;

	if (length > max)
		r->bad = true;
	at = take(r, length);
	*ret_length = at ? length : 0;
	return at;
}

#endif
