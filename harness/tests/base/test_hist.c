/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <gsl/gsl_sort.h>
#include <zlib.h>

#include <hotbed/error.h>
#include <hotbed/hist.h>
#include <hotbed/rng.h>

#include "seed.h"

#define HOUR_NS 3600000000000

static struct hb_hist *create(int64_t highest, int digits)
{
	struct hb_hist *hist = NULL;

	cr_assert_eq(hb_hist_create(&hist, highest, digits, NULL), 0);
	return hist;
}

/*
 * The bucket of @value by HdrHistogram's definition: the unit doubles until fewer than S units remain, where S is the
 * power of two at or above 2 x 10^digits.
 */
static void bucket(int64_t value, int digits, int64_t *ret_lowest, int64_t *ret_highest)
{
	int64_t sub_buckets = 1;
	int64_t unit = 1;

	while (sub_buckets < 2 * (int64_t)pow(10, digits))
		sub_buckets *= 2;
	while (value / unit >= sub_buckets)
		unit *= 2;
	*ret_lowest = value / unit * unit;
	*ret_highest = *ret_lowest + (unit - 1);
}

static int64_t random_value(struct hb_rng *rng, int64_t highest)
{
	int bits = 64 - __builtin_clzll((uint64_t)highest);
	int64_t value = (int64_t)(hb_rng_u64(rng) >> (64 - hb_rng_below(rng, (uint64_t)bits) - 1));

	return value > highest ? highest : value;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

Test(hist, quantiles_are_those_of_the_sorted_values_up_to_the_bucket)
{
	enum { COUNT = 5000 };
	static int64_t values[COUNT];
	static const int64_t ranges[] = {2, 1000, 2047, 2048, 123456789, HOUR_NS, (int64_t)1 << 62};
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 0);
	for (int digits = 1; digits <= 5; digits++) {
		for (size_t r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++) {
			struct hb_hist *hist = create(ranges[r], digits);

			for (size_t i = 0; i < COUNT; i++) {
				values[i] = random_value(&rng, ranges[r]);
				hb_hist_record(hist, values[i]);
			}
			qsort(values, COUNT, sizeof(values[0]), compare);
			/* q = k / 1000 meets every rank boundary 5 k exactly; the rank in integers is the oracle. */
			for (size_t k = 1; k <= 1000; k++) {
				int64_t lowest, highest;

				bucket(values[5 * k - 1], digits, &lowest, &highest);
				cr_assert_eq(
					hb_hist_quantile(hist, (double)k / 1000), (double)highest);
			}
			cr_assert_eq(hb_hist_min(hist), values[0]);
			cr_assert_eq(hb_hist_max(hist), values[COUNT - 1]);
			cr_assert_eq(hb_hist_total(hist), COUNT);
			cr_assert_eq(hb_hist_saturated(hist), 0);
			hb_hist_destroy(hist);
		}
	}
}

Test(hist, values_are_kept_to_the_promised_digits)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 1);
	for (int digits = 1; digits <= 5; digits++) {
		struct hb_hist *hist = create((int64_t)1 << 62, digits);

		for (int i = 0; i < 300; i++) {
			int64_t value = random_value(&rng, (int64_t)1 << 62);
			double kept;

			hb_hist_reset(hist);
			hb_hist_record(hist, value);
			kept = hb_hist_quantile(hist, 1);
			cr_assert(kept >= (double)value);
			cr_assert(kept - (double)value <= (double)value * pow(10, -digits));
			cr_assert(fabs(hb_hist_mean(hist) - (double)value) <=
				  (double)value * pow(10, -digits));
		}
		hb_hist_destroy(hist);
	}
}

Test(hist, ranks_have_no_off_by_one_for_any_small_count)
{
	for (int count = 1; count <= 300; count++) {
		struct hb_hist *hist = create(1000, 3);

		for (int i = 1; i <= count; i++)
			hb_hist_record(hist, i);
		for (int k = 1; k <= count; k++)
			cr_assert_eq(hb_hist_quantile(hist, (double)k / count), k);
		cr_assert_eq(hb_hist_quantile(hist, 0), 1);
		cr_assert_eq(hb_hist_quantile(hist, 0.5), (count + 1) / 2);
		hb_hist_destroy(hist);
	}
}

Test(hist, the_last_rank_is_met_exactly_beyond_2_to_the_53_values)
{
	struct hb_hist *hist = create(1000, 3);

	/* As a double the total is rounded: the one large value must be found all the same. */
	hb_hist_record_n(hist, 5, ((uint64_t)1 << 60) + 300);
	hb_hist_record(hist, 900);
	cr_assert_eq(hb_hist_quantile(hist, 1), 900);
	cr_assert_eq(hb_hist_quantile(hist, 0.5), 5);
	hb_hist_destroy(hist);
}

Test(hist, mean_uses_the_middle_of_each_bucket)
{
	struct hb_hist *hist = create(HOUR_NS, 3);
	struct hb_rng rng;
	long double sum = 0;

	hb_rng_init(&rng, test_seed(), 2);
	cr_assert(isnan(hb_hist_mean(hist)));
	for (int i = 0; i < 10000; i++) {
		int64_t value = random_value(&rng, HOUR_NS);
		int64_t lowest, highest;

		hb_hist_record(hist, value);
		bucket(value, 3, &lowest, &highest);
		sum += (long double)(lowest + (highest - lowest + 1) / 2);
	}
	cr_assert_float_eq(hb_hist_mean(hist), (double)(sum / 10000), (double)sum / 10000 * 1e-12);
	hb_hist_destroy(hist);
}

Test(hist, an_empty_one_says_so)
{
	struct hb_hist *hist = create(1000, 3);

	cr_assert(isnan(hb_hist_quantile(hist, 0.5)));
	cr_assert(isnan(hb_hist_mean(hist)));
	cr_assert_eq(hb_hist_total(hist), 0);
	cr_assert_eq(hb_hist_min(hist), 0);
	cr_assert_eq(hb_hist_max(hist), 0);
	hb_hist_destroy(hist);
	hb_hist_destroy(NULL);
}

Test(hist, infinite_values_rank_above_every_finite_one)
{
	struct hb_hist *hist = create(1000, 3);

	hb_hist_record_n(hist, 10, 90);
	hb_hist_record_infinite(hist, 10);
	cr_assert_eq(hb_hist_total(hist), 100);
	cr_assert_eq(hb_hist_infinite(hist), 10);
	cr_assert_eq(hb_hist_quantile(hist, 0.9), 10);
	cr_assert_eq(hb_hist_quantile(hist, 0.91), INFINITY);
	cr_assert_eq(hb_hist_quantile(hist, 1), INFINITY);
	cr_assert_eq(hb_hist_max(hist), 10);
	cr_assert_eq(hb_hist_mean(hist), 10);
	hb_hist_reset(hist);
	cr_assert_eq(hb_hist_infinite(hist), 0);
	hb_hist_record_infinite(hist, 1);
	cr_assert_eq(hb_hist_quantile(hist, 0), INFINITY);
	cr_assert(isnan(hb_hist_mean(hist)));
	hb_hist_destroy(hist);
}

Test(hist, values_out_of_range_are_clamped_and_counted_apart)
{
	struct hb_hist *hist = create(1000, 3);

	hb_hist_record(hist, 1000);
	hb_hist_record(hist, 1001);
	hb_hist_record_n(hist, INT64_MAX, 3);
	hb_hist_record(hist, -1);
	hb_hist_record_n(hist, INT64_MIN, 2);
	hb_hist_record_n(hist, 5000, 0);
	cr_assert_eq(hb_hist_total(hist), 8);
	cr_assert_eq(hb_hist_saturated(hist), 7);
	cr_assert_eq(hb_hist_max(hist), 1000);
	cr_assert_eq(hb_hist_min(hist), 0);
	cr_assert_eq(hb_hist_quantile(hist, 3 / 8.0), 0);
	cr_assert_eq(hb_hist_quantile(hist, 4 / 8.0), 1000);
	hb_hist_destroy(hist);
}

Test(hist, unusable_ranges_are_refused)
{
	struct hb_hist *hist = (struct hb_hist *)8;
	struct hb_error error = {0};

	cr_assert_eq(hb_hist_create(&hist, 1, 3, &error), -EINVAL);
	cr_assert_eq(hb_hist_create(&hist, ((int64_t)1 << 62) + 1, 3, &error), -EINVAL);
	cr_assert_eq(hb_hist_create(&hist, 1000, 0, &error), -EINVAL);
	cr_assert_eq(hb_hist_create(&hist, 1000, 6, &error), -EINVAL);
	cr_assert(strlen(error.text) > 0);
	cr_assert_eq(hist, (struct hb_hist *)8, "outputs stay untouched");
}

Test(hist, merging_equals_recording_everything_in_one)
{
	struct hb_hist *all = create(HOUR_NS, 3), *a = create(HOUR_NS, 3), *b = create(1000000, 3);
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 3);
	for (int i = 0; i < 20000; i++) {
		int64_t value = random_value(&rng, i % 2 ? HOUR_NS : 1000000);

		hb_hist_record(all, value);
		hb_hist_record(i % 2 ? a : b, value);
	}
	hb_hist_record_infinite(all, 3);
	hb_hist_record_infinite(b, 3);
	hb_hist_record(b, -4);
	hb_hist_record(all, -4);
	cr_assert_eq(hb_hist_merge(a, b), 0);
	cr_assert(hb_hist_equal(a, all));
	cr_assert_eq(hb_hist_min(a), hb_hist_min(all));
	cr_assert_eq(hb_hist_max(a), hb_hist_max(all));
	cr_assert_eq(hb_hist_saturated(a), 1);
	cr_assert_eq(hb_hist_infinite(a), 3);
	hb_hist_destroy(all);
	hb_hist_destroy(a);
	hb_hist_destroy(b);
}

Test(hist, merging_finer_into_coarser_equals_recording_into_the_coarser)
{
	struct hb_hist *all = create(HOUR_NS, 2), *coarse = create(HOUR_NS, 2),
		       *fine = create(HOUR_NS, 5);
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 4);
	for (int i = 0; i < 20000; i++) {
		int64_t value = random_value(&rng, HOUR_NS);

		hb_hist_record(all, value);
		hb_hist_record(fine, value);
	}
	cr_assert_eq(hb_hist_merge(coarse, fine), 0);
	cr_assert(hb_hist_equal(coarse, all));
	cr_assert(!hb_hist_equal(coarse, fine));
	/* The other way the values are known to the coarser digits only. */
	hb_hist_reset(fine);
	cr_assert_eq(hb_hist_merge(fine, all), 0);
	cr_assert_eq(hb_hist_total(fine), 20000);
	cr_assert_eq(hb_hist_max(fine), hb_hist_max(all));
	cr_assert_eq(hb_hist_min(fine), hb_hist_min(all));
	cr_assert(hb_hist_quantile(fine, 1) >= (double)hb_hist_max(all));
	cr_assert(hb_hist_quantile(fine, 0) <= (double)hb_hist_min(all));
	cr_assert(fabs(hb_hist_mean(fine) / hb_hist_mean(all) - 1) < 0.01);
	hb_hist_destroy(all);
	hb_hist_destroy(coarse);
	hb_hist_destroy(fine);
}

Test(hist, a_merge_that_does_not_fit_changes_nothing)
{
	struct hb_hist *small = create(1000, 3), *large = create(HOUR_NS, 3),
		       *copy = create(1000, 3);

	hb_hist_record(small, 5);
	hb_hist_record(copy, 5);
	hb_hist_record(large, 1001);
	cr_assert_eq(hb_hist_merge(small, large), -ERANGE);
	cr_assert(hb_hist_equal(small, copy));
	hb_hist_reset(large);
	hb_hist_record_n(large, 1, INT64_MAX);
	cr_assert_eq(hb_hist_merge(small, large), -ERANGE);
	cr_assert(hb_hist_equal(small, copy));
	hb_hist_destroy(small);
	hb_hist_destroy(large);
	hb_hist_destroy(copy);
}

Test(hist, correction_records_what_tenes_loop_would)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 5);
	for (int round = 0; round < 3000; round++) {
		struct hb_hist *ours = create(100000, 3), *loop = create(100000, 3);
		int64_t value = (int64_t)hb_rng_below(&rng, 120000) - 100;
		int64_t interval = 1 + random_value(&rng, 200000);

		hb_hist_record_corrected(ours, value, interval);
		hb_hist_record(loop, value);
		for (int64_t missing = value - interval; missing >= interval; missing -= interval)
			hb_hist_record(loop, missing);
		cr_assert(hb_hist_equal(ours, loop), "value %ld interval %ld", (long)value,
			(long)interval);
		cr_assert_eq(hb_hist_min(ours), hb_hist_min(loop));
		cr_assert_eq(hb_hist_max(ours), hb_hist_max(loop));
		cr_assert_eq(hb_hist_saturated(ours), hb_hist_saturated(loop));
		hb_hist_destroy(ours);
		hb_hist_destroy(loop);
	}
}

Test(hist, correction_of_a_long_stall_takes_steps_per_bucket_only)
{
	struct hb_hist *hist = create((int64_t)1 << 62, 3);

	/* One value at a time this would take 146 years. */
	hb_hist_record_corrected(hist, (int64_t)1 << 62, 1);
	cr_assert_eq(hb_hist_total(hist), (uint64_t)1 << 62);
	cr_assert_eq(hb_hist_min(hist), 1);
	cr_assert_float_eq(hb_hist_quantile(hist, 0.5), 0x1p61, 0x1p61 / 1000);
	hb_hist_destroy(hist);
}

static struct hb_hist *decoded(const char *text)
{
	struct hb_error error = {0};
	struct hb_hist *hist = NULL;

	cr_assert_eq(hb_hist_decode(text, strlen(text), &hist, &error), 0, "%s", error.text);
	return hist;
}

Test(hist_codec, encoding_and_decoding_give_the_same_histogram)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 6);
	for (int round = 0; round < 300; round++) {
		int64_t highest = 2 + random_value(&rng, (int64_t)1 << 61);
		struct hb_hist *hist = create(highest, 1 + round % 4);
		struct hb_hist *back;
		char *text = NULL;

		for (uint64_t i = hb_rng_below(&rng, 300); i > 0; i--)
			hb_hist_record_n(hist, random_value(&rng, highest),
				hb_rng_u64(&rng) >> (8 + hb_rng_below(&rng, 56)));
		cr_assert_eq(hb_hist_encode(hist, &text, NULL), 0);
		back = decoded(text);
		cr_assert(hb_hist_equal(hist, back));
		if (hb_hist_total(hist) > 0)
			cr_assert_eq(hb_hist_quantile(hist, 1), hb_hist_quantile(back, 1));
		/* A decoded histogram merges with one of its own range, also when it holds the highest value. */
		cr_assert_eq(hb_hist_merge(hist, back), 0);
		hb_hist_destroy(back);
		hb_hist_destroy(hist);
		free(text);
	}
}

Test(hist_codec, infinite_values_are_written_as_the_highest)
{
	struct hb_hist *hist = create(1000000, 3);
	struct hb_hist *back;
	char *text = NULL;

	hb_hist_record_n(hist, 5, 7);
	hb_hist_record_n(hist, 1000000, 2);
	hb_hist_record_infinite(hist, 3);
	cr_assert_eq(hb_hist_encode(hist, &text, NULL), 0);
	back = decoded(text);
	cr_assert_eq(hb_hist_total(back), 12);
	cr_assert_eq(hb_hist_infinite(back), 0);
	cr_assert_eq(hb_hist_max(back), 1000000);
	cr_assert_eq(hb_hist_quantile(back, 7 / 12.0), 5);
	cr_assert(hb_hist_quantile(back, 8 / 12.0) >= 1000000);
	free(text);
	hb_hist_destroy(back);
	hb_hist_destroy(hist);
}

Test(hist_codec, white_space_around_the_text_is_skipped)
{
	struct hb_hist *hist = create(1000, 3), *back = NULL;
	char *text = NULL;
	char line[512];

	hb_hist_record(hist, 1);
	cr_assert_eq(hb_hist_encode(hist, &text, NULL), 0);
	(void)snprintf(line, sizeof(line), "%s\r\n", text);
	cr_assert_eq(hb_hist_decode(line, strlen(line), &back, NULL), 0);
	cr_assert(hb_hist_equal(hist, back));
	free(text);
	hb_hist_destroy(back);
	hb_hist_destroy(hist);
}

Test(hist_codec, a_text_cut_at_every_byte_is_refused)
{
	struct hb_hist *hist = create(HOUR_NS, 3);
	struct hb_rng rng;
	char *text = NULL;

	hb_rng_init(&rng, test_seed(), 7);
	for (int i = 0; i < 500; i++)
		hb_hist_record(hist, random_value(&rng, HOUR_NS));
	cr_assert_eq(hb_hist_encode(hist, &text, NULL), 0);
	for (size_t length = 0; length < strlen(text); length++) {
		struct hb_hist *back = (struct hb_hist *)8;
		struct hb_error error = {0};
		char *copy = malloc(length ? length : 1);

		memcpy(copy, text, length);
		cr_assert_eq(hb_hist_decode(copy, length, &back, &error), -EBADMSG, "cut at %zu",
			length);
		cr_assert(strstr(error.text, "at byte "));
		cr_assert_eq(back, (struct hb_hist *)8, "outputs stay untouched");
		free(copy);
	}
	free(text);
	hb_hist_destroy(hist);
}

Test(hist_codec, every_flipped_bit_of_the_data_is_noticed)
{
	struct hb_hist *hist = create(HOUR_NS, 3);
	struct hb_hist *back;
	char *text = NULL;
	size_t length;

	for (int i = 1; i < 50; i++)
		hb_hist_record_n(hist, (int64_t)i * i * 1000, (uint64_t)i);
	cr_assert_eq(hb_hist_encode(hist, &text, NULL), 0);
	length = strlen(text);
	for (size_t bit = 0; bit < length * 8; bit++) {
		char original = text[bit / 8];
		int rc;

		text[bit / 8] = (char)((unsigned char)original ^ (1u << (bit % 8)));
		back = NULL;
		rc = hb_hist_decode(text, length, &back, NULL);
		/* Only unused bits of the base64 padding, or the word size in the cookie, may leave it as it was. */
		if (rc == 0)
			cr_assert(hb_hist_equal(hist, back), "bit %zu", bit);
		else
			cr_assert_eq(rc, -EBADMSG, "bit %zu", bit);
		hb_hist_destroy(back);
		text[bit / 8] = original;
	}
	free(text);
	hb_hist_destroy(hist);
}

/* Big-endian bytes of the inner form, as the format says; the tests below break one field each. */
struct plain {
	uint8_t bytes[65536];
	size_t length;
};

static void plain_put(struct plain *plain, uint64_t value, int width)
{
	for (int i = width - 1; i >= 0; i--)
		plain->bytes[plain->length++] = (uint8_t)(value >> (8 * i));
}

static void plain_header(struct plain *plain, uint32_t counts_bytes, uint32_t digits,
	uint64_t lowest, uint64_t highest)
{
	plain->length = 0;
	plain_put(plain, 0x1c849313, 4);
	plain_put(plain, counts_bytes, 4);
	plain_put(plain, 0, 4);
	plain_put(plain, digits, 4);
	plain_put(plain, lowest, 8);
	plain_put(plain, highest, 8);
	plain_put(plain, 0x3ff0000000000000, 8);
}

/* Compress and decode @plain. */
static int decode_plain(const struct plain *plain, struct hb_hist **ret, struct hb_error *reterr)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static uint8_t packed[70000];
	static char text[100000];
	uLongf length = sizeof(packed) - 8;
	size_t at = 0;

	cr_assert_eq(compress(packed + 8, &length, plain->bytes, plain->length), Z_OK);
	for (int i = 0; i < 4; i++) {
		packed[i] = (uint8_t)(0x1c849314u >> (24 - 8 * i));
		packed[4 + i] = (uint8_t)(length >> (24 - 8 * i));
	}
	length += 8;
	memset(packed + length, 0, 3);
	for (size_t i = 0; i < length; i += 3) {
		uint32_t group =
			(uint32_t)packed[i] << 16 | (uint32_t)packed[i + 1] << 8 | packed[i + 2];

		for (int k = 0; k < 4; k++)
			text[at++] = digits[group >> (18 - 6 * k) & 63];
	}
	/* The zero bytes of a full last group stand behind the compressed data, as hdr-histogram-js may leave some. */
	return hb_hist_decode(text, at, ret, reterr);
}

Test(hist_codec, a_hand_made_text_decodes_to_what_it_says)
{
	struct plain plain;
	struct hb_hist *hist = NULL;

	plain_header(&plain, 6, 3, 1, 100000);
	/* ZigZag: 2 at value 0, then -4999 skips 4,999 empty counters, then 300 (two bytes), and 1. */
	plain_put(&plain, 4, 1);
	plain_put(&plain, 0x8d4e, 2);
	plain_put(&plain, 0xd804, 2);
	plain_put(&plain, 2, 1);
	cr_assert_eq(decode_plain(&plain, &hist, NULL), 0);
	cr_assert_eq(hb_hist_total(hist), 303);
	cr_assert_eq(hb_hist_min(hist), 0);
	/* Counter 5000 is in bucket 3, unit 8: (5000 % 1024 + 1024) x 8 = 15424; the next is 15432 to 15439. */
	cr_assert_eq(hb_hist_quantile(hist, 3 / 303.0), 15431);
	cr_assert_eq(hb_hist_max(hist), 15439);
	hb_hist_destroy(hist);
}

Test(hist_codec, hostile_headers_and_counts_are_refused)
{
	static const struct {
		uint32_t counts_bytes, digits;
		uint64_t lowest, highest;
		uint8_t counts[24];
		size_t counts_length;
	} cases[] = {
		{1, 6, 1, 1000, {2}, 1},                                   /* digits */
		{1, UINT32_MAX, 1, 1000, {2}, 1}, {1, 3, 0, 1000, {2}, 1}, /* lowest */
		{1, 3, UINT64_MAX, 1000, {2}, 1},
		{1, 3, 600, 1000, {2}, 1}, /* highest below twice the lowest */
		{1, 3, (uint64_t)1 << 60, (uint64_t)1 << 62, {2}, 1}, {1, 3, 1, UINT64_MAX, {2}, 1},
		{2, 3, 1, 1000, {2}, 1},    /* promises more than there is */
		{1, 3, 1, 1000, {2, 2}, 2}, /* and less */
		{1, 3, 1, 1000, {0x80}, 1}, /* a cut count */
		{UINT32_MAX, 3, 1, 1000, {2}, 1},
		{9, 3, 1, 1000, {255, 255, 255, 255, 255, 255, 255, 255, 255},
			9},                        /* skips 2^63 counters */
		{3, 3, 1, 1000, {255, 127, 2}, 3}, /* skips 8,192 counters of 2,048 */
		{10, 3, 1, 1000, {254, 255, 255, 255, 255, 255, 255, 255, 255, 2},
			10}, /* sums above 2^63-1 */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plain plain;
		struct hb_hist *hist = NULL;
		struct hb_error error = {0};

		plain_header(&plain, cases[i].counts_bytes, cases[i].digits, cases[i].lowest,
			cases[i].highest);
		memcpy(plain.bytes + plain.length, cases[i].counts, cases[i].counts_length);
		plain.length += cases[i].counts_length;
		cr_assert_eq(decode_plain(&plain, &hist, &error), -EBADMSG, "case %zu", i);
		cr_assert_null(hist);
	}
}

Test(hist_codec, compression_bombs_stop_at_the_counters_there_are)
{
	static struct plain plain;
	struct hb_hist *hist = NULL;

	/* 60,000 single zeros for a range of 2,048 counters. */
	plain_header(&plain, 60000, 3, 1, 1000);
	memset(plain.bytes + plain.length, 0, 60000);
	plain.length += 60000;
	cr_assert_eq(decode_plain(&plain, &hist, NULL), -EBADMSG);
}

Test(hist_codec, other_lowest_values_are_understood)
{
	struct plain plain;
	struct hb_hist *hist = NULL, *back;
	char *text = NULL;

	/* Lowest 1,000: a unit of 512. Counter 3 holds 1,536 to 2,047. */
	plain_header(&plain, 2, 3, 1000, 3600000000);
	plain_put(&plain, 5, 1);
	plain_put(&plain, 20, 1);
	cr_assert_eq(decode_plain(&plain, &hist, NULL), 0);
	cr_assert_eq(hb_hist_total(hist), 10);
	cr_assert_eq(hb_hist_min(hist), 1536);
	cr_assert_eq(hb_hist_quantile(hist, 1), 2047);
	cr_assert_eq(hb_hist_encode(hist, &text, NULL), 0);
	back = decoded(text);
	cr_assert(hb_hist_equal(hist, back));
	free(text);
	hb_hist_destroy(back);
	hb_hist_destroy(hist);
}
