/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Histogram of int64 values (usually ns) with the bucket rules of HdrHistogram and its V2 serialisation, so that
 * existing viewers open ours. Recording is a shift, a subtraction and an increment: no allocation, no branch on data.
 * An extra counter holds values that are infinite: requests that were never answered rank above every finite value.
 *
 * Not thread-safe: one writer per histogram; merge afterwards. Source: HdrHistogram V2 encoding (Gil Tene), zlib.
 */
#ifndef HOTBED_HIST_H
#define HOTBED_HIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_error;
struct hb_hist;

/*
 * hb_hist_create - an empty histogram.
 * @ret: set on success; the caller destroys it.
 * @highest: largest value that is kept with full precision, 2 ... 2^62. Larger ones count as @highest and are
 *   counted apart (hb_hist_saturated()).
 * @digits: significant decimal digits, 1 ... 5; the project uses 3.
 *
 * Returns 0, -EINVAL or -ENOMEM.
 */
int hb_hist_create(struct hb_hist **ret, int64_t highest, int digits, struct hb_error *reterr);

/* hb_hist_destroy - free it; NULL is accepted. */
void hb_hist_destroy(struct hb_hist *hist);

/* hb_hist_reset - forget all values. */
void hb_hist_reset(struct hb_hist *hist);

/* hb_hist_record - count @value once; negative values count as 0 (and in hb_hist_saturated()). Never blocks. */
void hb_hist_record(struct hb_hist *hist, int64_t value);

/* hb_hist_record_n - count @value @count times. A histogram holds fewer than 2^63 values (asserted). */
void hb_hist_record_n(struct hb_hist *hist, int64_t value, uint64_t count);

/* hb_hist_record_infinite - count @count values above every finite one. They are in hb_hist_total(). */
void hb_hist_record_infinite(struct hb_hist *hist, uint64_t count);

/*
 * hb_hist_record_corrected - closed loops only: besides @value, count the values value - k x interval that are at
 * least interval: those a stalled closed loop left out (Tene's coordinated-omission correction). Metrics
 * made so are named _co_corrected.
 * @interval: expected time between requests, > 0, same unit as @value.
 */
void hb_hist_record_corrected(struct hb_hist *hist, int64_t value, int64_t interval);

/*
 * hb_hist_merge - add all of @from to @into; ranges and digits may differ. Returns 0, or -ERANGE with @into untouched
 * if @from holds a finite value above the highest of @into, or both together 2^63 values or more. Where digits
 * differ, the extremes keep their place and the other values of a bucket go to its middle.
 */
int hb_hist_merge(struct hb_hist *into, const struct hb_hist *from);

uint64_t hb_hist_total(const struct hb_hist *hist);    /* values recorded, infinite ones included */
uint64_t hb_hist_infinite(const struct hb_hist *hist); /* infinite ones */
uint64_t hb_hist_saturated(const struct hb_hist *hist); /* outside 0 ... highest */
/* Smallest and largest finite value, 0 if there is none: exact, but the bucket's edge after hb_hist_decode(). */
int64_t hb_hist_min(const struct hb_hist *hist);
int64_t hb_hist_max(const struct hb_hist *hist);

/* hb_hist_mean - mean of the finite values, by bucket midpoints as HdrHistogram does; NaN if there is none. */
double hb_hist_mean(const struct hb_hist *hist);

/*
 * hb_hist_quantile - the value at quantile @q in [0, 1]: the highest value equivalent to that of rank ceil(q x total),
 * as HdrHistogram's getValueAtPercentile (at 0: the lowest value equivalent to the first). INFINITY when that rank is
 * an infinite value; NaN if empty.
 */
double hb_hist_quantile(const struct hb_hist *hist, double q);

/* hb_hist_equal - same counts in the same buckets. */
bool hb_hist_equal(const struct hb_hist *a, const struct hb_hist *b);

/*
 * hb_hist_encode - HdrHistogram V2, zlib-compressed, in base64 (text of a .hlog line). Infinite values are not part
 * of the format: they are written as @highest.
 * @ret_text: NUL-terminated, freed by the caller with free().
 *
 * Returns 0 or -ENOMEM.
 */
int hb_hist_encode(const struct hb_hist *hist, char **ret_text, struct hb_error *reterr);

/*
 * hb_hist_decode - the inverse, for text from outside: every length is checked, at most 64 MiB are allocated.
 *
 * Returns 0, -EBADMSG (not such a text; @reterr says at which byte), -E2BIG or -ENOMEM.
 */
int hb_hist_decode(
	const char *text, size_t length_bytes, struct hb_hist **ret, struct hb_error *reterr);

#endif
