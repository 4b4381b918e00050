/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Location, spread and intervals. See hotbed/stats.h; rank tests are in stats_rank.c, the bootstrap in
 * stats_bootstrap.c.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>

#include <hotbed/assert.h>
#include <hotbed/stats.h>

/* Above this many values 2^-count underflows even a long double, and GSL's approximation is ample. */
#define EXACT_SUM_COUNT_MAX 10000

double hb_stats_mean(const double *values, size_t count)
{
	long double sum = 0;

	if (count == 0)
		return NAN;
	for (size_t i = 0; i < count; i++)
		sum += values[i];
	return (double)(sum / (long double)count);
}

double hb_stats_variance(const double *values, size_t count)
{
	long double mean = 0;
	long double squares = 0;

	if (count < 2)
		return NAN;
	for (size_t i = 0; i < count; i++)
		mean += values[i];
	mean /= (long double)count;
	for (size_t i = 0; i < count; i++)
		squares += (values[i] - mean) * (values[i] - mean);
	return (double)(squares / (long double)(count - 1));
}

void hb_stats_sort(double *values, size_t count)
{
	gsl_sort(values, 1, count); /* heap sort: in place, no recursion */
}

/* A sorted copy, freed by the caller; NULL if memory ran out. */
static double *sorted_copy(const double *values, size_t count)
{
	double *sorted = malloc((count ? count : 1) * sizeof(sorted[0]));

	if (!sorted)
		return NULL;
	if (count)
		memcpy(sorted, values, count * sizeof(sorted[0]));
	hb_stats_sort(sorted, count);
	return sorted;
}

static bool has_nan(const double *values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (isnan(values[i]))
			return true;
	}
	return false;
}

/* The middle of @sorted. Between -infinity and +infinity there is none: NaN. */
static double sorted_median(const double *sorted, size_t count)
{
	double low = sorted[(count - 1) / 2];
	double high = sorted[count / 2];

	if (low == high)
		return low;
	return isfinite(high - low) ? low + (high - low) / 2 : low / 2 + high / 2;
}

double hb_stats_median(const double *values, size_t count)
{
	double *sorted;
	double median;

	if (count == 0)
		return NAN;
	sorted = sorted_copy(values, count);
	if (!sorted)
		return NAN;
	median = sorted_median(sorted, count);
	free(sorted);
	return median;
}

double hb_stats_quantile(const double *sorted, size_t count, double q)
{
	double position;
	double below;
	double low;
	double high;

	hb_assert(q >= 0 && q <= 1);
	if (count == 0)
		return NAN;
	position = q * (double)(count - 1);
	below = floor(position);
	low = sorted[(size_t)below];
	/* An infinite neighbour times a weight of 0 would give NaN. */
	if (position == below || isinf(low))
		return low;
	high = sorted[(size_t)below + 1];
	return low == high ? low : low + (position - below) * (high - low);
}

/* P(Binomial(@count, 1/2) <= @successes) for @count <= EXACT_SUM_COUNT_MAX, to rounding of a long double. */
static long double half_binomial_cdf(size_t count, size_t successes)
{
	long double term = ldexpl(1, -(int)count);
	long double sum = term;

	for (size_t i = 1; i <= successes; i++) {
		term = term * (long double)(count - i + 1) / (long double)i;
		sum += term;
	}
	return sum;
}

/* Coverage of (x_(rank), x_(count + 1 - rank)): the median lies outside if fewer than rank values are on one side. */
static double rank_coverage(size_t count, size_t rank)
{
	if (count <= EXACT_SUM_COUNT_MAX)
		return (double)(1 - 2 * half_binomial_cdf(count, rank - 1));
	return 1 - 2 * gsl_cdf_binomial_P((unsigned int)(rank - 1), 0.5, (unsigned int)count);
}

size_t hb_stats_median_interval_rank(size_t count, double level, double *ret_coverage)
{
	size_t covers = 0; /* the widest pair has rank 1; rank 0 stands for none */
	size_t fails = count / 2 + 1;

	hb_assert(count <= UINT32_MAX);
	hb_assert(level > 0 && level < 1);
	/* Coverage falls as the rank grows. */
	while (fails - covers > 1) {
		size_t middle = covers + (fails - covers) / 2;

		if (rank_coverage(count, middle) >= level)
			covers = middle;
		else
			fails = middle;
	}
	if (ret_coverage)
		*ret_coverage = covers ? rank_coverage(count, covers) : 0;
	return covers;
}

int hb_stats_median_interval(
	const double *values, size_t count, double level, struct hb_interval *ret)
{
	double *sorted;
	double coverage;
	size_t rank;

	if (count == 0 || count > UINT32_MAX || !(level > 0 && level < 1) || has_nan(values, count))
		return -EINVAL;
	sorted = sorted_copy(values, count);
	if (!sorted)
		return -ENOMEM;
	rank = hb_stats_median_interval_rank(count, level, &coverage);
	ret->estimate = sorted_median(sorted, count);
	ret->lo = rank ? sorted[rank - 1] : -INFINITY;
	ret->hi = rank ? sorted[count - rank] : INFINITY;
	ret->confidence = coverage;
	free(sorted);
	return 0;
}

int hb_stats_student_interval(
	const double *values, size_t count, double level, struct hb_interval *ret)
{
	double mean = hb_stats_mean(values, count);
	double half_width;

	if (count < 2 || !(level > 0 && level < 1) || !isfinite(mean))
		return -EINVAL;
	half_width = gsl_cdf_tdist_Qinv((1 - level) / 2, (double)(count - 1)) *
		     sqrt(hb_stats_variance(values, count) / (double)count);
	ret->estimate = mean;
	ret->lo = mean - half_width;
	ret->hi = mean + half_width;
	ret->confidence = level;
	return 0;
}

int hb_stats_wilson_interval(uint64_t hits, uint64_t count, double level, struct hb_interval *ret)
{
	double n = (double)count;
	double share;
	double z;
	double centre;
	double half_width;

	if (count == 0 || hits > count || !(level > 0 && level < 1))
		return -EINVAL;
	share = (double)hits / n;
	z = gsl_cdf_ugaussian_Qinv((1 - level) / 2);
	centre = (share + z * z / (2 * n)) / (1 + z * z / n);
	half_width = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n);
	ret->estimate = share;
	/* At 0 and all hits the bound is the share itself; rounding must not put it beyond. */
	ret->lo = hits == 0 ? 0 : fmax(0, centre - half_width);
	ret->hi = hits == count ? 1 : fmin(1, centre + half_width);
	ret->confidence = level;
	return 0;
}

int hb_stats_tukey_fences(const double *values, size_t count, double *ret_lo, double *ret_hi)
{
	double *sorted;
	double first;
	double third;
	double range;

	if (count == 0 || has_nan(values, count))
		return -EINVAL;
	sorted = sorted_copy(values, count);
	if (!sorted)
		return -ENOMEM;
	first = hb_stats_quantile(sorted, count, 0.25);
	third = hb_stats_quantile(sorted, count, 0.75);
	free(sorted);
	range = first == third ? 0 : third - first; /* equal infinities would give NaN */
	*ret_lo = first - 1.5 * range;
	*ret_hi = third + 1.5 * range;
	return 0;
}
