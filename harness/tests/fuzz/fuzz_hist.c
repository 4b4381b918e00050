/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hb_hist_decode(): whatever it accepts has consistent counts and survives another round trip. An input that starts
 * with the inner cookie's first byte is taken as the uncompressed form and packed here: mutations of packed texts would
 * hardly ever get past zlib's checksum.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/hist.h>

#include "fuzz.h"

#define INNER_COOKIE_FIRST_BYTE 0x1c

static char *base64(const uint8_t *bytes, size_t length, size_t *ret_length)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = malloc((length + 2) / 3 * 4 + 1);
	size_t at = 0;

	hb_assert(text);
	for (size_t i = 0; i < length; i += 3) {
		uint32_t group = (uint32_t)bytes[i] << 16;

		group |= i + 1 < length ? (uint32_t)bytes[i + 1] << 8 : 0;
		group |= i + 2 < length ? bytes[i + 2] : 0;
		for (int k = 0; k < 4; k++)
			text[at++] = digits[group >> (18 - 6 * k) & 63];
	}
	*ret_length = at;
	return text;
}

/* The text whose uncompressed form is @data. */
static char *pack(const uint8_t *data, size_t size, size_t *ret_length)
{
	uLongf length = compressBound(size);
	uint8_t *packed = malloc(8 + length);
	char *text;

	hb_assert(packed);
	hb_assert(compress2(packed + 8, &length, data, size, 1) == Z_OK);
	for (int i = 0; i < 4; i++) {
		packed[i] = (uint8_t)(0x1c849314u >> (24 - 8 * i));
		packed[4 + i] = (uint8_t)((uint32_t)length >> (24 - 8 * i));
	}
	text = base64(packed, 8 + length, ret_length);
	free(packed);
	return text;
}

/* @slack: how far the mean of bucket middles may lie below an exact minimum, relative. */
static void check_values(const struct hb_hist *hist, double slack)
{
	double previous = -1;

	if (hb_hist_total(hist) == 0) {
		hb_assert(isnan(hb_hist_quantile(hist, 0.5)) && isnan(hb_hist_mean(hist)));
		return;
	}
	for (int i = 0; i <= 20; i++) {
		double value = hb_hist_quantile(hist, i / 20.0);

		hb_assert(value >= previous);
		previous = value;
	}
	hb_assert(previous >= (double)hb_hist_max(hist));
	hb_assert(hb_hist_quantile(hist, 0) <= (double)hb_hist_min(hist));
	hb_assert(hb_hist_min(hist) <= hb_hist_max(hist));
	hb_assert(hb_hist_mean(hist) >= (double)hb_hist_min(hist) * (1 - slack));
}

static void check_round_trip(struct hb_hist *hist)
{
	struct hb_hist *again;
	char *text;

	hb_assert(hb_hist_encode(hist, &text, NULL) == 0);
	hb_assert(hb_hist_decode(text, strlen(text), &again, NULL) == 0);
	hb_assert(hb_hist_equal(hist, again));
	free(text);
	/* Merging doubles every count, or is refused because the sum is too large or a value is beyond the range. */
	if (hb_hist_merge(again, hist) == 0)
		hb_assert(hb_hist_total(again) == 2 * hb_hist_total(hist));
	hb_hist_destroy(again);
}

static void check_merge_into_other_layout(const struct hb_hist *hist)
{
	struct hb_hist *other;

	hb_assert(hb_hist_create(&other, (int64_t)1 << 62, 2, NULL) == 0);
	if (hb_hist_merge(other, hist) == 0) {
		hb_assert(hb_hist_total(other) == hb_hist_total(hist));
		hb_assert(hb_hist_max(other) == hb_hist_max(hist));
		check_values(other, 0.01);
	}
	hb_hist_destroy(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hb_error error = {0};
	struct hb_hist *hist = NULL;
	char *packed = NULL;
	const char *text = (const char *)data;
	size_t length = size;
	int rc;

	if (size > 0 && data[0] == INNER_COOKIE_FIRST_BYTE)
		text = packed = pack(data, size, &length);
	rc = hb_hist_decode(text, length, &hist, &error);
	hb_assert(rc == 0 || rc == -EBADMSG || rc == -E2BIG);
	hb_assert((rc < 0) == (error.text[0] != '\0'));
	hb_assert((rc == 0) == (hist != NULL));
	if (hist) {
		check_values(hist, 1e-9);
		check_round_trip(hist);
		check_merge_into_other_layout(hist);
	}
	hb_hist_destroy(hist);
	free(packed);
	return 0;
}
