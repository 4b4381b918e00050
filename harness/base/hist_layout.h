/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside of struct hb_hist, shared by hist.c and hist_codec.c only. Names follow HdrHistogram: values are grouped into
 * buckets that double in width; each bucket has the same number of sub-buckets, enough for the wanted digits.
 */
#ifndef HOTBED_BASE_HIST_LAYOUT_H
#define HOTBED_BASE_HIST_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

struct hb_error;

/* hb_hist_total() of one histogram stays below 2^63: counts are signed in the V2 format. */
#define HB_HIST_TOTAL_MAX ((uint64_t)INT64_MAX)

struct hb_hist {
	int64_t lowest; /* smallest value told from 0; 1 unless decoded from elsewhere */
	int64_t highest;
	int digits;
	int unit_magnitude; /* floor(log2(lowest)) */
	int half_magnitude; /* log2 of half the number of sub-buckets */
	uint64_t sub_bucket_mask;
	size_t counts_length;
	uint64_t total, infinite, saturated;
	int64_t min, max; /* of the finite values; INT64_MAX and 0 if there is none */
	uint64_t counts[];
};

/*
 * hb_hist_allocate - an empty histogram of any layout that the format knows.
 * @lowest: >= 1. @highest: >= 2 x @lowest. @digits: 0 ... 5. Returns 0, -EINVAL, -E2BIG (over 64 MiB) or -ENOMEM.
 */
int hb_hist_allocate(
	struct hb_hist **ret, int64_t lowest, int64_t highest, int digits, struct hb_error *reterr);

/* hb_hist_index - position of @value >= 0 in counts; >= counts_length if it is beyond the layout. */
static inline size_t hb_hist_index(const struct hb_hist *hist, int64_t value)
{
	int leading = __builtin_clzll((uint64_t)value | hist->sub_bucket_mask);
	int bucket = 63 - leading - hist->unit_magnitude - hist->half_magnitude;
	size_t sub_bucket = (size_t)((uint64_t)value >> (bucket + hist->unit_magnitude));

	return ((size_t)bucket << hist->half_magnitude) + sub_bucket;
}

/* hb_hist_lowest_at - smallest value counted at @index. */
int64_t hb_hist_lowest_at(const struct hb_hist *hist, size_t index);

/* hb_hist_highest_at - largest value counted at @index. */
int64_t hb_hist_highest_at(const struct hb_hist *hist, size_t index);

#endif
