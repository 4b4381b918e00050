/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Histogram with HdrHistogram's bucket rules. See hotbed/hist.h; the serialisation is in hist_codec.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/hist.h>

#include "hist_layout.h"

#define HIGHEST_MAX ((int64_t)1 << 62)
#define DIGITS_MAX 5
#define ALLOCATION_MAX ((size_t)64 << 20)

/* ceil(log2(@value)) for @value >= 1. */
static int log2_ceil(uint64_t value)
{
	return value == 1 ? 0 : 64 - __builtin_clzll(value - 1);
}

/* Number of doubling buckets until @highest is covered. */
static int buckets_needed(int64_t highest, int sub_bucket_magnitude, int unit_magnitude)
{
	int reach = sub_bucket_magnitude + unit_magnitude; /* bucket 0 holds values below 2^reach */
	int buckets = 1;

	while (reach < 63 && (uint64_t)highest >= (uint64_t)1 << reach) {
		reach++;
		buckets++;
	}
	return buckets;
}

int hb_hist_allocate(
	struct hb_hist **ret, int64_t lowest, int64_t highest, int digits, struct hb_error *reterr)
{
	uint64_t single_unit_values = 2;
	struct hb_hist *hist;
	size_t counts_length;
	int unit_magnitude;
	int half_magnitude;

	if (digits < 0 || digits > DIGITS_MAX)
		return hb_error_set(reterr, -EINVAL,
			"%d significant digits are out of range; give 1 to %d", digits, DIGITS_MAX);
	if (lowest < 1 || highest / 2 < lowest)
		return hb_error_set(reterr, -EINVAL,
			"a histogram from %" PRId64 " to %" PRId64
			" has no room; the highest value must be at "
			"least twice the lowest, which is at least 1",
			lowest, highest);
	for (int i = 0; i < digits; i++)
		single_unit_values *= 10;
	half_magnitude = log2_ceil(single_unit_values) - 1;
	unit_magnitude = 63 - __builtin_clzll((uint64_t)lowest);
	if (unit_magnitude + half_magnitude > 61)
		return hb_error_set(reterr, -EINVAL,
			"a lowest value of %" PRId64 " leaves no room for %d digits", lowest,
			digits);
	counts_length = (size_t)(buckets_needed(highest, half_magnitude + 1, unit_magnitude) + 1)
			<< half_magnitude;
	if (counts_length > (ALLOCATION_MAX - sizeof(*hist)) / sizeof(hist->counts[0]))
		return hb_error_set(reterr, -E2BIG, "the histogram would need more than 64 MiB");
	hist = calloc(1, sizeof(*hist) + counts_length * sizeof(hist->counts[0]));
	if (!hist)
		return hb_error_set(reterr, -ENOMEM,
			"not enough memory for a histogram of %zu counters", counts_length);
	hist->lowest = lowest;
	hist->highest = highest;
	hist->digits = digits;
	hist->unit_magnitude = unit_magnitude;
	hist->half_magnitude = half_magnitude;
	hist->sub_bucket_mask = (((uint64_t)2 << half_magnitude) - 1) << unit_magnitude;
	hist->counts_length = counts_length;
	hist->min = INT64_MAX;
	*ret = hist;
	return 0;
}

int hb_hist_create(struct hb_hist **ret, int64_t highest, int digits, struct hb_error *reterr)
{
	if (digits < 1 || digits > DIGITS_MAX)
		return hb_error_set(reterr, -EINVAL,
			"%d significant digits are out of range; give 1 to %d", digits, DIGITS_MAX);
	if (highest < 2 || highest > HIGHEST_MAX)
		return hb_error_set(reterr, -EINVAL,
			"a highest value of %" PRId64 " is out of range; give 2 to 2^62", highest);
	return hb_hist_allocate(ret, 1, highest, digits, reterr);
}

void hb_hist_destroy(struct hb_hist *hist)
{
	free(hist);
}

void hb_hist_reset(struct hb_hist *hist)
{
	memset(hist->counts, 0, hist->counts_length * sizeof(hist->counts[0]));
	hist->total = 0;
	hist->infinite = 0;
	hist->saturated = 0;
	hist->min = INT64_MAX;
	hist->max = 0;
}

int64_t hb_hist_lowest_at(const struct hb_hist *hist, size_t index)
{
	size_t bucket = index >> hist->half_magnitude;
	size_t half = (size_t)1 << hist->half_magnitude;

	/* Bucket 0 has both halves of its sub-buckets, the others only the upper: the lower is the bucket before. */
	if (bucket <= 1)
		return (int64_t)((uint64_t)index << hist->unit_magnitude);
	index = (index & (half - 1)) + half;
	return (int64_t)((uint64_t)index << (bucket - 1 + (size_t)hist->unit_magnitude));
}

int64_t hb_hist_highest_at(const struct hb_hist *hist, size_t index)
{
	size_t bucket = index >> hist->half_magnitude;
	size_t shift = (bucket <= 1 ? 0 : bucket - 1) + (size_t)hist->unit_magnitude;

	return hb_hist_lowest_at(hist, index) + (int64_t)(((uint64_t)1 << shift) - 1);
}

/* The value that stands for all at @index in means: HdrHistogram's medianEquivalentValue. */
static int64_t median_at(const struct hb_hist *hist, size_t index)
{
	int64_t lowest = hb_hist_lowest_at(hist, index);
	int64_t width_less_one = hb_hist_highest_at(hist, index) - lowest;

	return lowest + (width_less_one + 1) / 2;
}

void hb_hist_record(struct hb_hist *hist, int64_t value)
{
	int64_t clamped = value < 0 ? 0 : value;

	clamped = clamped > hist->highest ? hist->highest : clamped;
	hist->saturated += clamped != value;
	hist->counts[hb_hist_index(hist, clamped)]++;
	hist->total++;
	hist->min = clamped < hist->min ? clamped : hist->min;
	hist->max = clamped > hist->max ? clamped : hist->max;
}

void hb_hist_record_n(struct hb_hist *hist, int64_t value, uint64_t count)
{
	int64_t clamped = value < 0 ? 0 : value;

	hb_assert(count <= HB_HIST_TOTAL_MAX - hist->total);
	if (count == 0)
		return;
	clamped = clamped > hist->highest ? hist->highest : clamped;
	hist->saturated += clamped != value ? count : 0;
	hist->counts[hb_hist_index(hist, clamped)] += count;
	hist->total += count;
	hist->min = clamped < hist->min ? clamped : hist->min;
	hist->max = clamped > hist->max ? clamped : hist->max;
}

void hb_hist_record_infinite(struct hb_hist *hist, uint64_t count)
{
	hb_assert(count <= HB_HIST_TOTAL_MAX - hist->total);
	hist->infinite += count;
	hist->total += count;
}

/*
 * The missing values fall by @interval each. Those that share a bucket are counted at once, so that a long stall at a
 * short interval costs as many steps as there are buckets, not as there are values.
 */
void hb_hist_record_corrected(struct hb_hist *hist, int64_t value, int64_t interval)
{
	int64_t missing = value;

	hb_assert(interval > 0);
	hb_hist_record(hist, value);
	while (missing >= interval && missing - interval >= interval) {
		int64_t floor_value;
		int64_t last;
		uint64_t count;

		missing -= interval;
		floor_value = missing > hist->highest
				      ? hist->highest + 1
				      : hb_hist_lowest_at(hist, hb_hist_index(hist, missing));
		if (floor_value < interval)
			floor_value = interval;
		count = (uint64_t)((missing - floor_value) / interval) + 1;
		last = missing - (int64_t)(count - 1) * interval;
		hb_hist_record_n(hist, missing, count - 1);
		hb_hist_record(hist, last);
		missing = last;
	}
}

/* Count @value, which is in range, @count times; the totals are the caller's. */
static void place(struct hb_hist *into, int64_t value, uint64_t count)
{
	if (count == 0)
		return;
	into->counts[hb_hist_index(into, value)] += count;
	into->min = value < into->min ? value : into->min;
	into->max = value > into->max ? value : into->max;
}

static void merge_same_layout(struct hb_hist *into, const struct hb_hist *from)
{
	size_t last = hb_hist_index(from, from->max);

	for (size_t i = hb_hist_index(from, from->min); i <= last; i++)
		into->counts[i] += from->counts[i];
	into->min = from->min < into->min ? from->min : into->min;
	into->max = from->max > into->max ? from->max : into->max;
}

/*
 * Values of a bucket go to its middle, but one each to the known extremes: otherwise the largest would get lost in a
 * finer layout, and quantiles would disagree with the maximum.
 */
static void merge_other_layout(struct hb_hist *into, const struct hb_hist *from)
{
	size_t first = hb_hist_index(from, from->min);
	size_t last = hb_hist_index(from, from->max);

	for (size_t i = first; i <= last; i++) {
		uint64_t left = from->counts[i];
		int64_t middle = median_at(from, i);

		if (i == last && left > 0) {
			place(into, from->max, 1);
			left--;
		}
		if (i == first && left > 0) {
			place(into, from->min, 1);
			left--;
		}
		middle = middle < from->min ? from->min : middle;
		middle = middle > from->max ? from->max : middle;
		place(into, middle, left);
	}
}

int hb_hist_merge(struct hb_hist *into, const struct hb_hist *from)
{
	if (from->total > HB_HIST_TOTAL_MAX - into->total)
		return -ERANGE;
	if (from->total > from->infinite) {
		if (from->max > into->highest)
			return -ERANGE;
		if (into->half_magnitude == from->half_magnitude &&
			into->unit_magnitude == from->unit_magnitude)
			merge_same_layout(into, from);
		else
			merge_other_layout(into, from);
	}
	into->total += from->total;
	into->infinite += from->infinite;
	into->saturated += from->saturated;
	return 0;
}

uint64_t hb_hist_total(const struct hb_hist *hist)
{
	return hist->total;
}

uint64_t hb_hist_infinite(const struct hb_hist *hist)
{
	return hist->infinite;
}

uint64_t hb_hist_saturated(const struct hb_hist *hist)
{
	return hist->saturated;
}

int64_t hb_hist_min(const struct hb_hist *hist)
{
	return hist->total == hist->infinite ? 0 : hist->min;
}

int64_t hb_hist_max(const struct hb_hist *hist)
{
	return hist->max;
}

double hb_hist_mean(const struct hb_hist *hist)
{
	uint64_t finite = hist->total - hist->infinite;
	long double sum = 0;
	size_t last = hb_hist_index(hist, hist->max);

	if (finite == 0)
		return NAN;
	for (size_t i = hb_hist_index(hist, hist->min); i <= last; i++)
		sum += (long double)median_at(hist, i) * (long double)hist->counts[i];
	return (double)(sum / (long double)finite);
}

double hb_hist_quantile(const struct hb_hist *hist, double q)
{
	double exact_rank;
	uint64_t rank;
	uint64_t seen = 0;
	size_t last = hb_hist_index(hist, hist->max);
	size_t i;

	hb_assert(q >= 0 && q <= 1);
	if (hist->total == 0)
		return NAN;
	/* q x total may come out one unit in the last place above an integer, which must not cost a whole rank. */
	exact_rank = q * (double)hist->total;
	exact_rank = ceil(exact_rank - (nextafter(exact_rank, INFINITY) - exact_rank));
	rank = exact_rank < 1 ? 1 : (uint64_t)exact_rank;
	/* Beyond 2^53 values the product is rounded, which must not hide the largest. */
	if (rank > hist->total || q == 1)
		rank = hist->total;
	if (rank > hist->total - hist->infinite)
		return INFINITY;
	/* The counters sum to the number of finite values, so the last one always reaches the rank. */
	for (i = hb_hist_index(hist, hist->min); i < last; i++) {
		seen += hist->counts[i];
		if (seen >= rank)
			break;
	}
	return (double)(q == 0 ? hb_hist_lowest_at(hist, i) : hb_hist_highest_at(hist, i));
}

bool hb_hist_equal(const struct hb_hist *a, const struct hb_hist *b)
{
	if (a->half_magnitude != b->half_magnitude || a->unit_magnitude != b->unit_magnitude ||
		a->total != b->total || a->infinite != b->infinite)
		return false;
	if (a->counts_length > b->counts_length) {
		const struct hb_hist *swap = a;

		a = b;
		b = swap;
	}
	/* Ranges may differ: what the shorter one lacks is empty if the rest and the totals are equal. */
	return memcmp(a->counts, b->counts, a->counts_length * sizeof(a->counts[0])) == 0;
}
