/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When did a series of nightly measurements change? One rule that may be asked every night: it goes through the nights
 * in order and decides after each with what was known then, so its answer does not depend on how often somebody looked,
 * and later nights never take an alarm back.
 *
 * After night t every place c with 3 to 25 nights from c to t is a candidate. The level before (trimmed mean of at most
 * 50 nights) and after must differ by three quarters of the smallest change of interest, and by HB_CHANGE_ERRORS
 * standard errors: that is what keeps a month of looks quiet. The standard error allows for autocorrelation of 0.3 and
 * for few nights; the scale is robust. All but a quarter of the nights after c have to agree, so that single outliers
 * never alarm. Then the window must be significant by a seeded permutation test of the energy statistic (E-divisive),
 * which also says where the change is: at the best of the candidates.
 *
 * Thread-safe on different structs. Sources: Matteson and James, J. Am. Stat. Assoc. 109(505), 2014 (E-divisive);
 * Fleming et al., "Hunter", ICPE 2023 (windows); docs/reference/statistics.md, "Change points".
 */
#ifndef HOTBED_CHANGEPOINT_H
#define HOTBED_CHANGEPOINT_H

#include <stddef.h>
#include <stdint.h>

struct hb_rng;

/* Nights after a change before it may be reported, and the most that are looked back for one. */
#define HB_CHANGE_AFTER_MIN 3
#define HB_CHANGE_AFTER_MAX 25
/* Nights of the level before; the fewest are for what follows another change. */
#define HB_CHANGE_BEFORE_MIN 5
#define HB_CHANGE_BEFORE_FIRST 10
#define HB_CHANGE_BEFORE_MAX 50
/* Nights whose spread gives the scale. */
#define HB_CHANGE_SCALE_MAX 100
/* Standard errors between the levels. */
#define HB_CHANGE_ERRORS 3.5
/* Permutations, and the largest p. */
#define HB_CHANGE_PERMUTATIONS 499
#define HB_CHANGE_P_MAX 0.01

/* A change of level. Levels are means of the values that were given, logarithms where those were logarithms. */
struct hb_change {
	size_t at;            /* index of the first night after it */
	size_t found;         /* index of the night after which it was reported, >= at + 2 */
	double before, after; /* levels when it was reported */
	double sigma;         /* scale of the nights before */
	double p;             /* of the permutation test */
};

/*
 * hb_changes_find - every change of @values, in order of time.
 * @values: one per night, oldest first, all finite; logarithms of ratios. @count: any.
 * @min_effect: smallest change of interest, on the scale of @values (log 1.03 for 3 %); >= 0.
 * @seed: of the permutations.
 * @ret: array of *@ret_count changes, freed by the caller; NULL when there is none.
 *
 * Returns 0, -EINVAL (a value or @min_effect is not finite or negative) or -ENOMEM. About 5 us a night.
 */
int hb_changes_find(const double *values, size_t count, double min_effect, uint64_t seed,
	struct hb_change **ret, size_t *ret_count);

/*
 * hb_energy_scan - E-divisive's statistic of every division of a window in two, each part at least two values.
 * @values: shape [@count]. @ret: shape [@count]; ret[k] is for values[0 ... k-1] against the rest, -1 outside 2 ...
 * count - 2. O(count^2). Never allocates.
 */
void hb_energy_scan(const double *values, size_t count, double *ret);

/*
 * hb_energy_p - how often a random order of @values has a division with at least the statistic of the best one between
 * @first and @last (inclusive); counted over @permutations, the given order included.
 * @scratch: shape [2 * @count], of the caller. The counting ends once p is above @p_max for certain.
 *
 * Returns p in (0, 1]. Never allocates. O(@permutations x count^2).
 */
double hb_energy_p(const double *values, size_t count, size_t first, size_t last,
	uint32_t permutations, double p_max, struct hb_rng *rng, double *scratch);

#endif
