/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HdrHistogram V2 serialisation. See hotbed/hist.h.
 *
 *   base64( be32 cookie 0x1c849314, be32 bytes of zlib data, zlib data )
 *   zlib data inflates to: be32 cookie 0x1c849313, be32 bytes of counts, be32 0, be32 digits, be64 lowest,
 *   be64 highest, double 1.0, counts
 *
 * Counts are ZigZag LEB128 of at most 9 bytes (the ninth has 8 bits); a negative count -n stands for n empty counters.
 * Decoding streams: base64, inflate and counts run through two small windows, so that only the counters themselves are
 * allocated, whatever a hostile text claims.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/hist.h>

#include "hist_layout.h"

#define COOKIE_PLAIN 0x1c849303u
#define COOKIE_COMPRESSED 0x1c849304u
#define COOKIE_WORD_SIZE_MASK 0xf0u
#define COOKIE_WORD_SIZE 0x10u
#define HEADER_BYTES 40
#define COMPRESSED_HEADER_BYTES 8
#define VARINT_BYTES_MAX 9
#define WINDOW_BYTES 4096

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_be32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put_be64(uint8_t *at, uint64_t value)
{
	put_be32(at, (uint32_t)(value >> 32));
	put_be32(at + 4, (uint32_t)value);
}

static uint32_t get_be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t get_be64(const uint8_t *at)
{
	return (uint64_t)get_be32(at) << 32 | get_be32(at + 4);
}

/* Write @value at @at unless that is NULL. Returns the length. */
static size_t put_varint(uint8_t *at, int64_t value)
{
	uint64_t rest = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
	size_t length = 0;

	while (rest >= 0x80 && length < VARINT_BYTES_MAX - 1) {
		if (at)
			at[length] = (uint8_t)(rest | 0x80);
		rest >>= 7;
		length++;
	}
	if (at)
		at[length] = (uint8_t)rest;
	return length + 1;
}

/* Write the counts at @at, or only measure them if that is NULL. Returns the length. */
static size_t put_counts(uint8_t *at, const struct hb_hist *hist)
{
	size_t highest_index = hb_hist_index(hist, hist->highest);
	size_t limit = (hist->infinite ? highest_index : hb_hist_index(hist, hist->max)) + 1;
	size_t length = 0;
	int64_t empty = 0;

	/* A decoded histogram may hold counts in the last bucket above its highest value. */
	if (hb_hist_index(hist, hist->max) >= limit)
		limit = hb_hist_index(hist, hist->max) + 1;
	for (size_t i = 0; i < limit; i++) {
		uint64_t count = hist->counts[i] + (i == highest_index ? hist->infinite : 0);

		empty += count == 0;
		if (count == 0 && i + 1 < limit)
			continue;
		if (empty > 0)
			length += put_varint(at ? at + length : NULL, empty > 1 ? -empty : 0);
		if (count > 0)
			length += put_varint(at ? at + length : NULL, (int64_t)count);
		empty = 0;
	}
	return length;
}

static char *base64_encode(const uint8_t *bytes, size_t length)
{
	char *text = malloc((length + 2) / 3 * 4 + 1);
	char *at = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < length; i += 3) {
		size_t left = length - i;
		uint32_t group = (uint32_t)bytes[i] << 16;

		group |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
		group |= left > 2 ? bytes[i + 2] : 0;
		*at++ = base64_digits[group >> 18];
		*at++ = base64_digits[group >> 12 & 63];
		*at++ = left > 1 ? base64_digits[group >> 6 & 63] : '=';
		*at++ = left > 2 ? base64_digits[group & 63] : '=';
	}
	*at = '\0';
	return text;
}

/* The uncompressed form; NULL if memory ran out. */
static uint8_t *encode_plain(const struct hb_hist *hist, size_t *ret_length)
{
	size_t counts_bytes = put_counts(NULL, hist);
	uint8_t *plain = calloc(1, HEADER_BYTES + counts_bytes);
	double ratio = 1.0;
	uint64_t ratio_bits;

	if (!plain)
		return NULL;
	memcpy(&ratio_bits, &ratio, sizeof(ratio_bits));
	put_be32(plain, COOKIE_PLAIN | COOKIE_WORD_SIZE);
	put_be32(plain + 4, (uint32_t)counts_bytes);
	put_be32(plain + 12, (uint32_t)hist->digits);
	put_be64(plain + 16, (uint64_t)hist->lowest);
	put_be64(plain + 24, (uint64_t)hist->highest);
	put_be64(plain + 32, ratio_bits);
	(void)put_counts(plain + HEADER_BYTES, hist);
	*ret_length = HEADER_BYTES + counts_bytes;
	return plain;
}

int hb_hist_encode(const struct hb_hist *hist, char **ret_text, struct hb_error *reterr)
{
	size_t plain_length = 0;
	uint8_t *plain = encode_plain(hist, &plain_length);
	uint8_t *packed = NULL;
	uLongf packed_length = 0;
	char *text = NULL;

	if (plain) {
		packed_length = compressBound(plain_length);
		packed = malloc(COMPRESSED_HEADER_BYTES + packed_length);
	}
	if (packed && compress2(packed + COMPRESSED_HEADER_BYTES, &packed_length, plain,
			      plain_length, Z_DEFAULT_COMPRESSION) == Z_OK) {
		put_be32(packed, COOKIE_COMPRESSED | COOKIE_WORD_SIZE);
		put_be32(packed + 4, (uint32_t)packed_length);
		text = base64_encode(packed, COMPRESSED_HEADER_BYTES + packed_length);
	}
	free(plain);
	free(packed);
	if (!text)
		return hb_error_set(reterr, -ENOMEM, "not enough memory to write a histogram");
	*ret_text = text;
	return 0;
}

struct decoder {
	const char *text;
	size_t length;        /* of @text, a multiple of 4 */
	size_t at;            /* next character */
	uint64_t packed_left; /* bytes of zlib data not yet given to inflate */
	uint8_t digit_values[256];
	uint8_t in[WINDOW_BYTES], out[WINDOW_BYTES];
	size_t out_at, out_end;
	z_stream zlib;
	bool ended;
	struct hb_error *reterr;
};

static int refuse(struct decoder *decoder, const char *why)
{
	(void)hb_error_set(decoder->reterr, -EBADMSG,
		"this is no HdrHistogram V2 text: %s, at byte %zu; is the line cut or damaged?",
		why, decoder->at);
	return -EBADMSG;
}

static void digits_init(struct decoder *decoder)
{
	memset(decoder->digit_values, 0xff, sizeof(decoder->digit_values));
	for (uint8_t i = 0; i < 64; i++)
		decoder->digit_values[(unsigned char)base64_digits[i]] = i;
}

/* Decode up to @size bytes, a multiple of 3, of base64. Returns their number, 0 at the end, or -EBADMSG. */
static int base64_decode(struct decoder *decoder, uint8_t *bytes, size_t size)
{
	size_t done = 0;

	while (done + 3 <= size && decoder->at < decoder->length) {
		const char *group = decoder->text + decoder->at;
		bool last = decoder->at + 4 == decoder->length;
		size_t padding = !last || group[3] != '=' ? 0 : group[2] != '=' ? 1 : 2;
		uint32_t bits = 0;

		for (size_t i = 0; i < 4; i++) {
			uint8_t value = decoder->digit_values[(unsigned char)group[i]];

			if (i >= 4 - padding)
				value = 0;
			if (value > 63) {
				decoder->at += i;
				return refuse(decoder, "a character is not base64");
			}
			bits = bits << 6 | value;
		}
		for (size_t i = 0; i < 3 - padding; i++)
			bytes[done++] = (uint8_t)(bits >> (16 - 8 * i));
		decoder->at += 4;
		if (padding)
			break;
	}
	return (int)done;
}

/* Give inflate its next input. Bytes behind the zlib data are padding of other writers and are not looked at. */
static int refill_input(struct decoder *decoder)
{
	int got = base64_decode(decoder, decoder->in, WINDOW_BYTES / 3 * 3);

	if (got < 0)
		return got;
	if ((uint64_t)got > decoder->packed_left)
		got = (int)decoder->packed_left;
	if (got == 0)
		return refuse(decoder, "the compressed data end too early");
	decoder->packed_left -= (uint64_t)got;
	decoder->zlib.next_in = decoder->in;
	decoder->zlib.avail_in = (uInt)got;
	return 0;
}

/* Make decoder->out hold the next inflated bytes; none (out_at == out_end) at the end of the stream. */
static int refill_output(struct decoder *decoder)
{
	decoder->out_at = 0;
	decoder->out_end = 0;
	while (decoder->out_end == 0 && !decoder->ended) {
		int rc;

		if (decoder->zlib.avail_in == 0) {
			rc = refill_input(decoder);
			if (rc < 0)
				return rc;
		}
		decoder->zlib.next_out = decoder->out;
		decoder->zlib.avail_out = WINDOW_BYTES;
		rc = inflate(&decoder->zlib, Z_NO_FLUSH);
		if (rc == Z_MEM_ERROR)
			return hb_error_set(decoder->reterr, -ENOMEM,
				"not enough memory to inflate a histogram");
		if (rc != Z_OK && rc != Z_STREAM_END)
			return refuse(decoder, "the compressed data are damaged");
		decoder->ended = rc == Z_STREAM_END;
		decoder->out_end = WINDOW_BYTES - decoder->zlib.avail_out;
	}
	return 0;
}

static int get_byte(struct decoder *decoder, uint8_t *ret)
{
	if (decoder->out_at == decoder->out_end) {
		int rc = refill_output(decoder);

		if (rc < 0)
			return rc;
		if (decoder->out_at == decoder->out_end)
			return refuse(decoder, "the counts end too early");
	}
	*ret = decoder->out[decoder->out_at++];
	return 0;
}

/* Read one count and subtract its length from *@left, the bytes that the header promised. */
static int get_varint(struct decoder *decoder, uint32_t *left, int64_t *ret)
{
	uint64_t bits = 0;

	for (int i = 0; i < VARINT_BYTES_MAX; i++) {
		bool ninth = i == VARINT_BYTES_MAX - 1;
		uint8_t byte;
		int rc;

		if (*left == 0)
			return refuse(decoder, "a count is cut");
		rc = get_byte(decoder, &byte);
		if (rc < 0)
			return rc;
		--*left;
		bits |= (uint64_t)(ninth ? byte : byte & 0x7f) << (7 * i);
		if (!ninth && !(byte & 0x80))
			break;
	}
	*ret = (int64_t)(bits >> 1 ^ (bits & 1 ? UINT64_MAX : 0));
	return 0;
}

static int read_counts(struct decoder *decoder, uint32_t length_bytes, struct hb_hist *hist)
{
	size_t index = 0;

	while (length_bytes > 0) {
		int64_t count;
		int rc = get_varint(decoder, &length_bytes, &count);

		if (rc < 0)
			return rc;
		if (count < 0) {
			uint64_t empty = 0 - (uint64_t)count;

			if (empty > hist->counts_length - index)
				return refuse(decoder,
					"there are more counts than the range has room for");
			index += empty;
			continue;
		}
		if (index >= hist->counts_length)
			return refuse(decoder, "there are more counts than the range has room for");
		if ((uint64_t)count > HB_HIST_TOTAL_MAX - hist->total)
			return refuse(decoder, "the counts sum to more than 2^63-1");
		if (count > 0) {
			hist->counts[index] = (uint64_t)count;
			hist->total += (uint64_t)count;
			if (hist->min == INT64_MAX)
				hist->min = hb_hist_lowest_at(hist, index);
			hist->max = hb_hist_highest_at(hist, index);
		}
		index++;
	}
	/* The highest value may lie inside its bucket: the reading must merge with histograms of the same range. */
	if (hist->max > hist->highest &&
		hb_hist_index(hist, hist->max) == hb_hist_index(hist, hist->highest))
		hist->max = hist->highest;
	/* Reading on to the end of the stream lets zlib compare its checksum. */
	if (decoder->out_at == decoder->out_end) {
		int rc = refill_output(decoder);

		if (rc < 0)
			return rc;
	}
	if (decoder->out_at != decoder->out_end || decoder->zlib.avail_in || decoder->packed_left)
		return refuse(decoder, "something follows the counts");
	return 0;
}

/* Read the inflated stream: header, then counts. */
static int read_plain(struct decoder *decoder, struct hb_hist **ret)
{
	uint8_t header[HEADER_BYTES];
	struct hb_hist *hist;
	struct hb_error why = {0};
	uint32_t digits;
	int rc;

	for (size_t i = 0; i < HEADER_BYTES; i++) {
		rc = get_byte(decoder, &header[i]);
		if (rc < 0)
			return rc;
	}
	if ((get_be32(header) & ~COOKIE_WORD_SIZE_MASK) != COOKIE_PLAIN)
		return refuse(decoder, "the inner cookie is not 0x1c849313");
	/*
	 * The normalising offset (bytes 8 to 11) and the ratio (32 to 39) only concern histograms of doubles, and
	 * hdr-histogram-js writes arbitrary ones; readers of integer histograms do not use them.
	 */
	digits = get_be32(header + 12);
	rc = hb_hist_allocate(&hist, (int64_t)get_be64(header + 16), (int64_t)get_be64(header + 24),
		digits > 5 ? -1 : (int)digits, &why);
	if (rc == -EINVAL)
		return refuse(decoder, why.text);
	if (rc < 0)
		return hb_error_set(decoder->reterr, rc, "%s", why.text);
	rc = read_counts(decoder, get_be32(header + 4), hist);
	if (rc < 0) {
		hb_hist_destroy(hist);
		return rc;
	}
	*ret = hist;
	return 0;
}

static int decode_packed(struct decoder *decoder, struct hb_hist **ret)
{
	/* 9 bytes, as base64 comes in threes: the ninth is the first of the zlib data. */
	uint8_t head[COMPRESSED_HEADER_BYTES + 1];
	int got = base64_decode(decoder, head, sizeof(head));
	int rc;

	if (got < 0)
		return got;
	if (got < (int)sizeof(head))
		return refuse(decoder, "it is too short");
	if ((get_be32(head) & ~COOKIE_WORD_SIZE_MASK) != COOKIE_COMPRESSED)
		return refuse(decoder, "the cookie is not 0x1c849314");
	decoder->packed_left = get_be32(head + 4);
	if (decoder->packed_left == 0)
		return refuse(decoder, "the compressed data are empty");
	decoder->packed_left--;
	if (inflateInit(&decoder->zlib) != Z_OK)
		return hb_error_set(
			decoder->reterr, -ENOMEM, "not enough memory to inflate a histogram");
	decoder->in[0] = head[COMPRESSED_HEADER_BYTES];
	decoder->zlib.next_in = decoder->in;
	decoder->zlib.avail_in = 1;
	rc = read_plain(decoder, ret);
	(void)inflateEnd(&decoder->zlib);
	return rc;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int hb_hist_decode(
	const char *text, size_t length_bytes, struct hb_hist **ret, struct hb_error *reterr)
{
	struct decoder decoder = {.text = text, .reterr = reterr};

	while (length_bytes > 0 && is_blank(text[length_bytes - 1]))
		length_bytes--;
	decoder.length = length_bytes;
	if (length_bytes % 4 != 0) {
		decoder.at = length_bytes;
		return refuse(&decoder, "its length is no multiple of 4");
	}
	digits_init(&decoder);
	return decode_packed(&decoder, ret);
}
