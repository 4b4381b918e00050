/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The detector against definitions, against a published change, and against itself asked on earlier nights. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../base/seed.h"
#include "histories.h"
#include "hotbed/changepoint.h"
#include "hotbed/rng.h"

/* The statistic from its definition: means over all pairs. */
static double energy_of(const double *values, size_t count, size_t k)
{
	double between = 0, left = 0, right = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1; j < count; j++) {
			double distance = fabs(values[i] - values[j]);

			if (j < k)
				left += distance;
			else if (i >= k)
				right += distance;
			else
				between += distance;
		}
	double l = (double)k, r = (double)(count - k);

	return l * r / (l + r) *
	       (2 * between / (l * r) - left / (l * (l - 1) / 2) - right / (r * (r - 1) / 2));
}

Test(changepoint, energy_statistic_is_that_of_its_definition)
{
	struct hb_rng rng;
	double values[40], statistics[40];

	hb_rng_init(&rng, test_seed(), 1);
	for (size_t count = 4; count <= 40; count++) {
		for (size_t i = 0; i < count; i++)
			values[i] = hb_rng_normal(&rng) + (i > count / 2 ? 2 : 0);
		hb_energy_scan(values, count, statistics);
		cr_assert(
			statistics[0] == -1 && statistics[1] == -1 && statistics[count - 1] == -1);
		for (size_t k = 2; k + 2 <= count; k++)
			cr_assert_float_eq(statistics[k], energy_of(values, count, k), 1e-9);
	}
}

/* Of the 7! / (4! 3!) = 35 orders of four zeros and three ones, two have all ones at one end. */
Test(changepoint, permutation_p_is_the_share_of_orders_that_divide_as_well)
{
	const double values[] = {0, 0, 0, 0, 1, 1, 1};
	double scratch[14];
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 2);
	/* Only the division 4 | 3 is looked at, which the ones at the front do not have. */
	double p = hb_energy_p(values, 7, 4, 4, 200000, 1, &rng, scratch);

	cr_assert_float_eq(p, 1.0 / 35, 0.003, "%g", p);
	/* 3 | 4 and 4 | 3. */
	p = hb_energy_p(values, 7, 3, 4, 200000, 1, &rng, scratch);
	cr_assert_float_eq(p, 2.0 / 35, 0.004, "%g", p);
}

Test(changepoint, constant_series_has_no_change)
{
	double values[200];
	struct hb_change *changes;
	size_t count;

	for (size_t i = 0; i < 200; i++)
		values[i] = -1.25;
	cr_assert_eq(hb_changes_find(values, 200, 0, 1, &changes, &count), 0);
	cr_assert_eq(count, 0);
	cr_assert_null(changes);
}

/* Exact metrics have no noise and no least effect: whatever stays for three nights is a change. */
Test(changepoint, exact_series_changes_by_the_smallest_amount_after_three_nights)
{
	double values[60];
	struct hb_change *changes;
	size_t count;

	for (size_t i = 0; i < 60; i++)
		values[i] = i < 30 ? 0.5 : 0.50001;
	cr_assert_eq(hb_changes_find(values, 60, 0, 1, &changes, &count), 0);
	cr_assert_eq(count, 1);
	cr_assert_eq(changes[0].at, 30);
	cr_assert_eq(changes[0].found, 32);
	cr_assert_float_eq(changes[0].before, 0.5, 1e-12);
	cr_assert_float_eq(changes[0].after, 0.50001, 1e-12);
	free(changes);
	/* One night that differs is none. */
	values[30] = 0.9;
	for (size_t i = 31; i < 60; i++)
		values[i] = 0.5;
	cr_assert_eq(hb_changes_find(values, 60, 0, 1, &changes, &count), 0);
	cr_assert_eq(count, 0);
}

Test(changepoint, smaller_than_the_least_effect_is_no_change)
{
	double values[60];
	struct hb_change *changes;
	size_t count;

	for (size_t i = 0; i < 60; i++)
		values[i] = i < 30 ? 0 : log(1.02);
	cr_assert_eq(hb_changes_find(values, 60, log(1.03), 1, &changes, &count), 0);
	cr_assert_eq(count, 0);
	cr_assert_eq(hb_changes_find(values, 60, log(1.02), 1, &changes, &count), 0);
	cr_assert_eq(count, 1);
	free(changes);
}

/* What was reported on an earlier night is what is reported later: later nights only add to it. */
Test(changepoint, later_nights_never_take_an_alarm_back)
{
	struct history_kind kind = {.noise = 0.02,
		.autocorrelation = 0.3,
		.outliers = 0.02,
		.missing = 0.1,
		.nights = 160,
		.step = 0.1};
	struct hb_rng rng;
	size_t compared = 0;

	hb_rng_init(&rng, test_seed(), 3);
	for (int i = 0; i < 10; i++) {
		struct history history;
		struct hb_change *all, *some;
		size_t all_count, some_count;

		kind.step_at = 40 + 10 * (size_t)i;
		history_make(&kind, &rng, &history);
		cr_assert_eq(hb_changes_find(
				     history.values, history.count, log(1.03), 7, &all, &all_count),
			0);
		for (size_t nights = 0; nights <= history.count; nights += 7) {
			size_t known = 0;

			while (known < all_count && all[known].found < nights)
				known++;
			cr_assert_eq(hb_changes_find(history.values, nights, log(1.03), 7, &some,
					     &some_count),
				0);
			cr_assert_eq(some_count, known);
			cr_assert(!known || !memcmp(all, some, known * sizeof(*all)));
			compared += known;
			free(some);
		}
		free(all);
	}
	cr_assert(compared > 0);
}

Test(changepoint, step_and_way_back_are_two_changes)
{
	double values[60];
	struct hb_change *changes;
	struct hb_rng rng;
	size_t count;

	hb_rng_init(&rng, 5, 0);
	for (size_t i = 0; i < 60; i++)
		values[i] = 0.01 * hb_rng_normal(&rng) + (i >= 30 && i < 37 ? 0.2 : 0);
	cr_assert_eq(hb_changes_find(values, 60, log(1.03), 1, &changes, &count), 0);
	cr_assert_eq(count, 2);
	cr_assert_eq(changes[0].at, 30);
	cr_assert_eq(changes[1].at, 37);
	cr_assert(changes[0].after > changes[0].before && changes[1].after < changes[1].before);
	free(changes);
}

/* A regression that creeps in is found too, if not at one place. */
Test(changepoint, drift_is_found_before_it_reaches_a_tenth)
{
	struct history_kind kind = {.noise = 0.01, .drift = 0.001, .nights = 140};
	struct hb_rng rng;
	int found = 0;

	hb_rng_init(&rng, test_seed(), 4);
	for (int i = 0; i < 40; i++) {
		struct history history;
		struct hb_change *changes;
		size_t count;

		history_make(&kind, &rng, &history);
		cr_assert_eq(hb_changes_find(
				     history.values, history.count, log(1.03), 1, &changes, &count),
			0);
		found += count && changes[0].found < 100 && changes[0].after > changes[0].before;
		free(changes);
	}
	cr_assert(found >= 36, "%d of 40", found);
}

/*
 * Yearly flow of the Nile at Aswan, 1871 to 1970, 10^8 m^3: the change of 1898 to 1899 is the textbook one (Cobb,
 * Biometrika 65, 1978).
 */
Test(changepoint, change_of_the_nile_is_where_the_literature_has_it)
{
	static const int flow[100] = {1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995,
		935, 1110, 994, 1020, 960, 1180, 799, 958, 1140, 1100, 1210, 1150, 1250, 1260, 1220,
		1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916, 692, 1020, 1050, 969, 831, 726,
		456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845, 864, 862, 698, 845, 744, 796,
		1040, 759, 781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649, 846, 812, 742,
		801, 1040, 860, 874, 848, 890, 744, 749, 838, 1050, 918, 986, 797, 923, 975, 815,
		1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740};
	double values[100];
	struct hb_change *changes;
	size_t count;

	for (size_t i = 0; i < 100; i++)
		values[i] = log(flow[i]);
	cr_assert_eq(hb_changes_find(values, 100, log(1.03), 1, &changes, &count), 0);
	cr_assert_eq(count, 1);
	cr_assert_eq(1871 + changes[0].at, 1899);
	cr_assert(changes[0].found - changes[0].at < 10);
	free(changes);
}

Test(changepoint, what_is_no_number_is_refused)
{
	double values[] = {0, NAN, INFINITY};
	struct hb_change *changes = NULL;
	size_t count = 7;

	cr_assert_eq(hb_changes_find(values, 2, 0, 1, &changes, &count), -EINVAL);
	cr_assert_eq(hb_changes_find(values + 2, 1, 0, 1, &changes, &count), -EINVAL);
	cr_assert_eq(hb_changes_find(values, 1, -1, 1, &changes, &count), -EINVAL);
	cr_assert_eq(hb_changes_find(values, 1, NAN, 1, &changes, &count), -EINVAL);
	cr_assert_eq(count, 7);
	cr_assert_eq(hb_changes_find(values, 0, 0, 1, &changes, &count), 0);
	cr_assert_eq(count, 0);
}
