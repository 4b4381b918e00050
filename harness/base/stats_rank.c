/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Statistics of ranks and of order in time. See hotbed/stats.h.
 */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>

#include <hotbed/assert.h>
#include <hotbed/stats.h>

/* Up to here the 2^n sign patterns fit a uint64_t and the sums of doubled ranks number at most 60 x 61. */
#define WILCOXON_EXACT_MAX 60

/*
 * Doubled mid ranks of @values: whole numbers even where ties share a rank.
 * @ret_ranks: shape [count]. @ret_ties: sum of t^3 - t over groups of t ties, may be NULL. Returns 0 or -ENOMEM.
 */
static int doubled_ranks(const double *values, size_t count, uint64_t *ret_ranks, double *ret_ties)
{
	size_t *order = malloc((count ? count : 1) * sizeof(order[0]));
	double ties = 0;
	size_t first = 0;

	if (!order)
		return -ENOMEM;
	gsl_sort_index(order, values, 1, count);
	while (first < count) {
		size_t end = first + 1;
		double size;

		while (end < count && values[order[end]] == values[order[first]])
			end++;
		/* Ranks first + 1 ... end share their mean. */
		for (size_t i = first; i < end; i++)
			ret_ranks[order[i]] = first + 1 + end;
		size = (double)(end - first);
		ties += size * size * size - size;
		first = end;
	}
	free(order);
	if (ret_ties)
		*ret_ties = ties;
	return 0;
}

/*
 * P(|W - mean| >= that of @sum) over all sign patterns: by symmetry twice the lower tail. @sum: doubled ranks of one
 * sign, @ranks: shape [count], count <= WILCOXON_EXACT_MAX.
 */
static double wilcoxon_exact(const uint64_t *ranks, size_t count, uint64_t sum)
{
	/* ways[s]: number of subsets of the ranks so far whose sum is s. */
	uint64_t ways[WILCOXON_EXACT_MAX * (WILCOXON_EXACT_MAX + 1) + 1] = {1};
	uint64_t total = 0;
	uint64_t tail = 0;
	double p;

	for (size_t i = 0; i < count; i++) {
		total += ranks[i];
		for (uint64_t s = total; s >= ranks[i]; s--)
			ways[s] += ways[s - ranks[i]];
	}
	if (sum > total - sum)
		sum = total - sum;
	for (uint64_t s = 0; s <= sum; s++)
		tail += ways[s];
	p = 2 * (double)tail / (double)((uint64_t)1 << count);
	return fmin(p, 1);
}

/* Normal approximation with continuity correction. @sum: doubled ranks of one sign. */
static double wilcoxon_normal(size_t count, uint64_t sum, double ties)
{
	double n = (double)count;
	double mean = n * (n + 1) / 4;
	double variance = n * (n + 1) * (2 * n + 1) / 24 - ties / 48;
	double distance = fmax(fabs((double)sum / 2 - mean) - 0.5, 0);
	double p = 2 * gsl_cdf_ugaussian_Q(distance / sqrt(variance));

	return fmin(fmax(p, DBL_MIN), 1);
}

double hb_stats_wilcoxon_p(const double *values, size_t count)
{
	double *sizes = malloc((count ? count : 1) * sizeof(sizes[0]));
	uint64_t *ranks = malloc((count ? count : 1) * sizeof(ranks[0]));
	size_t left = 0;
	size_t next = 0;
	uint64_t positive = 0;
	double ties;
	double p = NAN;

	if (!sizes || !ranks)
		goto done;
	for (size_t i = 0; i < count; i++) {
		hb_assert(!isnan(values[i]));
		if (values[i] != 0)
			sizes[left++] = fabs(values[i]);
	}
	p = 1;
	if (left == 0)
		goto done;
	p = NAN;
	if (doubled_ranks(sizes, left, ranks, &ties) < 0)
		goto done;
	for (size_t i = 0; i < count; i++) {
		if (values[i] > 0)
			positive += ranks[next];
		next += values[i] != 0;
	}
	p = left <= WILCOXON_EXACT_MAX ? wilcoxon_exact(ranks, left, positive)
				       : wilcoxon_normal(left, positive, ties);
done:
	free(sizes);
	free(ranks);
	return p;
}

double hb_stats_cliffs_delta(const double *a, size_t a_count, const double *b, size_t b_count)
{
	double *sorted;
	double difference = 0;
	size_t below = 0;
	size_t not_above = 0;

	if (a_count == 0 || b_count == 0)
		return NAN;
	sorted = malloc((a_count + b_count) * sizeof(sorted[0]));
	if (!sorted)
		return NAN;
	memcpy(sorted, a, a_count * sizeof(a[0]));
	memcpy(sorted + a_count, b, b_count * sizeof(b[0]));
	hb_stats_sort(sorted, a_count);
	b = sorted + a_count;
	hb_stats_sort(sorted + a_count, b_count);
	for (size_t i = 0; i < a_count; i++) {
		while (below < b_count && b[below] < sorted[i])
			below++;
		while (not_above < b_count && b[not_above] <= sorted[i])
			not_above++;
		/* Whole numbers below 2^53 for up to 94 million values on each side: exact. */
		difference += (double)below - (double)(b_count - not_above);
	}
	free(sorted);
	return difference / (double)a_count / (double)b_count;
}

/* Pearson's correlation of (x, y) from the deviations' sums; NaN if one is constant. */
static double correlation(long double xy, long double xx, long double yy)
{
	if (!(xx > 0) || !(yy > 0))
		return NAN;
	return (double)fmaxl(-1, fminl(1, xy / sqrtl(xx) / sqrtl(yy)));
}

double hb_stats_spearman_trend(const double *values, size_t count)
{
	uint64_t *ranks;
	long double mean = (long double)(count + 1);
	long double xy = 0;
	long double xx = 0;
	long double yy = 0;

	if (count < 3)
		return NAN;
	ranks = malloc(count * sizeof(ranks[0]));
	if (!ranks)
		return NAN;
	if (doubled_ranks(values, count, ranks, NULL) < 0) {
		free(ranks);
		return NAN;
	}
	for (size_t i = 0; i < count; i++) {
		long double x = 2 * (long double)(i + 1) - mean;
		long double y = (long double)ranks[i] - mean;

		xy += x * y;
		xx += x * x;
		yy += y * y;
	}
	free(ranks);
	return correlation(xy, xx, yy);
}

double hb_stats_lag1(const double *values, size_t count)
{
	double mean = hb_stats_mean(values, count);
	long double products = 0;
	long double squares = 0;

	if (count < 3 || !isfinite(mean))
		return NAN;
	for (size_t i = 0; i < count; i++) {
		long double here = (long double)values[i] - mean;

		squares += here * here;
		if (i > 0)
			products += here * ((long double)values[i - 1] - mean);
	}
	return squares > 0 ? (double)(products / squares) : NAN;
}

int hb_stats_holm(const double *p, size_t count, double *ret_adjusted)
{
	double *keys;
	size_t *order;
	size_t family = 0;
	double largest = 0;

	for (size_t i = 0; i < count; i++) {
		if (!isnan(p[i]) && !(p[i] >= 0 && p[i] <= 1))
			return -EINVAL;
	}
	order = calloc(count + 1, sizeof(order[0]));
	keys = calloc(count + 1, sizeof(keys[0]));
	if (!order || !keys) {
		free(order);
		free(keys);
		return -ENOMEM;
	}
	/* NaN has no place in an order: those sort behind every p value and are left out of the family. */
	for (size_t i = 0; i < count; i++) {
		keys[i] = isnan(p[i]) ? 2 : p[i];
		family += !isnan(p[i]);
	}
	gsl_sort_index(order, keys, 1, count);
	for (size_t i = 0; i < count; i++) {
		largest = i < family ? fmax(largest, fmin(1, (double)(family - i) * keys[order[i]]))
				     : NAN;
		ret_adjusted[order[i]] = largest;
	}
	free(order);
	free(keys);
	return 0;
}
