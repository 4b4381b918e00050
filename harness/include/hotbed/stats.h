/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The statistics of reports: exact order-statistic intervals, rank tests, bootstrap. Inputs are never modified;
 * NaN is not allowed in inputs, +-infinity is (it only has a rank). Thread-safe; allocates scratch memory where said.
 *
 * Sources: David and Nagaraja, "Order Statistics", 7.1 (interval of a median); Wilcoxon 1945; Cliff 1993;
 * Holm 1979; Efron 1987 (BCa); Tukey 1977 (fences); Wilson 1927.
 */
#ifndef HOTBED_STATS_H
#define HOTBED_STATS_H

#include <stddef.h>
#include <stdint.h>

struct hb_rng;

struct hb_interval {
	double estimate;
	double lo, hi;     /* lo <= hi; -INFINITY / INFINITY where the data give no bound */
	double confidence; /* achieved coverage in [0, 1]; 0 = no interval possible */
};

double hb_stats_mean(const double *values, size_t count);     /* NaN if count = 0 */
double hb_stats_variance(const double *values, size_t count); /* unbiased; NaN if count < 2 */
/* hb_stats_median - NaN if count = 0, between -infinity and +infinity, or if memory ran out. Allocates. */
double hb_stats_median(const double *values, size_t count);
/* hb_stats_quantile - type 7 (R's default) of @sorted ascending, @q in [0, 1]; NaN if count = 0. */
double hb_stats_quantile(const double *sorted, size_t count, double q);
/* hb_stats_sort - ascending, in place, without recursion deeper than log2(count). */
void hb_stats_sort(double *values, size_t count);

/*
 * hb_stats_median_interval - distribution-free interval of the median from order statistics: the narrowest symmetric
 * pair (x_(k), x_(n+1-k)) whose exact binomial coverage is at least @level; @ret->confidence is that coverage.
 * @level: in (0, 1), usually 0.95. With @count < 6 no pair reaches 0.95: bounds are infinite and confidence 0.
 *
 * Returns 0, -EINVAL (count = 0, level out of range, NaN) or -ENOMEM.
 */
int hb_stats_median_interval(
	const double *values, size_t count, double level, struct hb_interval *ret);

/* hb_stats_median_interval_rank - k of that pair (1-based; 0 = none) and its exact coverage. */
size_t hb_stats_median_interval_rank(size_t count, double level, double *ret_coverage);

/* hb_stats_student_interval - mean and Student-t interval. Returns 0 or -EINVAL (count < 2). */
int hb_stats_student_interval(
	const double *values, size_t count, double level, struct hb_interval *ret);

/* hb_stats_wilson_interval - share @hits of @count > 0, Wilson's score interval. */
int hb_stats_wilson_interval(uint64_t hits, uint64_t count, double level, struct hb_interval *ret);

/*
 * hb_stats_wilcoxon_p - exact two-sided signed-rank p value of the differences @values (zeros dropped, ties get mid
 * ranks; exact by dynamic programming over doubled ranks up to 60 values, normal approximation with tie correction
 * above). Returns p in (0, 1]; 1 if nothing is left; NaN if memory ran out. Allocates.
 */
double hb_stats_wilcoxon_p(const double *values, size_t count);

/*
 * hb_stats_cliffs_delta - P(a > b) - P(a < b) over all pairs, in [-1, 1]; NaN if one is empty or memory ran out.
 * O(n log n). Allocates.
 */
double hb_stats_cliffs_delta(const double *a, size_t a_count, const double *b, size_t b_count);

/* hb_stats_spearman - rank correlation of @values with their index (drift), mid ranks; NaN if count < 3 or constant. */
double hb_stats_spearman_trend(const double *values, size_t count);

/* hb_stats_lag1 - lag-1 autocorrelation; NaN if count < 3 or constant. */
double hb_stats_lag1(const double *values, size_t count);

/*
 * hb_stats_holm - adjusted p values (Holm-Bonferroni) of @p into @ret_adjusted, same order; NaN entries are skipped
 * (NaN in the result). Returns 0, -EINVAL (outside [0, 1]) or -ENOMEM.
 */
int hb_stats_holm(const double *p, size_t count, double *ret_adjusted);

/* hb_stats_tukey_fences - [Q1 - 1.5 IQR, Q3 + 1.5 IQR] of @values. 0, -EINVAL (empty, NaN), -ENOMEM. */
int hb_stats_tukey_fences(const double *values, size_t count, double *ret_lo, double *ret_hi);

/*
 * hb_stats_bca - bias-corrected and accelerated bootstrap interval of a statistic of @count items.
 * @statistic: gets item indices (resampled, @count of them) and @user; returns a finite number.
 * The jackknife calls it with @count - 1 items. @count: at least 2.
 * @resamples: 99 ... 1,000,000; the project uses 9,999. @rng: drawn from.
 *
 * Returns 0, -EINVAL or -ENOMEM.
 */
int hb_stats_bca(size_t count, double (*statistic)(const uint32_t *items, size_t count, void *user),
	void *user, uint32_t resamples, double level, struct hb_rng *rng, struct hb_interval *ret);

#endif
