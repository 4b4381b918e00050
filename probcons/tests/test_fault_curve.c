/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <criterion/criterion.h>
#include <gmp.h>

#include <hotbed/error.h>
#include <probcons/fault_curve.h>

#include "enumeration.h"

/* q = 1 - exp(-x) for rational x in floats of 512 bits, by its series. */
static double survival_complement(const mpf_t x)
{
	mpf_t term, sum;
	double result;

	mpf_init2(term, 512);
	mpf_init2(sum, 512);
	mpf_set(term, x);
	mpf_set(sum, x);
	for (unsigned long n = 2; n < 200; n++) {
		mpf_mul(term, term, x);
		mpf_div_ui(term, term, n);
		mpf_neg(term, term);
		mpf_add(sum, sum, term);
	}
	result = mpf_get_d(sum);
	mpf_clear(term);
	mpf_clear(sum);
	return result;
}

Test(fault_curve, wear_out_of_an_hour_in_old_age_does_not_cancel)
{
	/* Shape 3, scale 5 years: H = (t / s)^3 is rational, so exact arithmetic is possible. */
	static const unsigned long ages[] = {0, 1, 100, 43800, 400000};
	static const unsigned long windows[] = {1, 24, 8760, 100000};
	struct pc_fault_curve curve = {0};

	cr_assert_eq(pc_fault_curve_add_weibull(&curve, 3, 43800, NULL), 0);
	for (int a = 0; a < 5; a++) {
		for (int w = 0; w < 4; w++) {
			mpf_t from, to, scale;
			double got, want;

			mpf_init2(from, 512);
			mpf_init2(to, 512);
			mpf_init2(scale, 512);
			mpf_set_ui(scale, 43800);
			mpf_pow_ui(scale, scale, 3);
			mpf_set_ui(from, ages[a]);
			mpf_pow_ui(from, from, 3);
			mpf_set_ui(to, ages[a] + windows[w]);
			mpf_pow_ui(to, to, 3);
			mpf_sub(to, to, from);
			mpf_div(to, to, scale);
			cr_assert_eq(pc_fault_curve_window(&curve, (double)ages[a],
					     (double)windows[w], &got, NULL),
				0);
			if (mpf_cmp_d(to, 20) < 0) {
				want = survival_complement(to);
				cr_assert(relative(got, want) < 2e-15,
					"age %lu window %lu: %.17g %.17g", ages[a], windows[w], got,
					want);
			} else {
				cr_assert(got > 1 - 1e-8 && got <= 1);
			}
			mpf_clear(from);
			mpf_clear(to);
			mpf_clear(scale);
		}
	}
	pc_fault_curve_finish(&curve);
}

Test(fault_curve, window_is_the_conditional_probability)
{
	struct pc_fault_curve curve = {0};
	double young, old, both;

	/* A bathtub: infant mortality, a constant, wear-out. */
	cr_assert_eq(pc_fault_curve_add_weibull(&curve, 0.5, 2e6, NULL), 0);
	cr_assert_eq(pc_fault_curve_add_weibull(&curve, 1, 1e6, NULL), 0);
	cr_assert_eq(pc_fault_curve_add_weibull(&curve, 5, 8e4, NULL), 0);
	for (double age = 1; age < 1e5; age *= 3) {
		cr_assert_eq(pc_fault_curve_window(&curve, 0, age, &young, NULL), 0);
		cr_assert_eq(pc_fault_curve_window(&curve, 0, age + 5000, &both, NULL), 0);
		cr_assert_eq(pc_fault_curve_window(&curve, age, 5000, &old, NULL), 0);
		cr_assert(fabs(old - (both - young) / (1 - young)) < 1e-14);
	}
	/* First falling, then rising hazard. */
	cr_assert(pc_fault_curve_hazard(&curve, 10) > pc_fault_curve_hazard(&curve, 20000));
	cr_assert(pc_fault_curve_hazard(&curve, 90000) > pc_fault_curve_hazard(&curve, 20000));
	pc_fault_curve_finish(&curve);
}

Test(fault_curve, pieces_add_up_and_are_never_extrapolated)
{
	struct pc_fault_curve curve = {0};
	struct hb_error error = {0};
	double got = 7;

	cr_assert_eq(pc_fault_curve_add_piece(&curve, 0, 100, 0.01, NULL), 0);
	cr_assert_eq(pc_fault_curve_add_piece(&curve, 100, 300, 0.002, NULL), 0);
	cr_assert_eq(pc_fault_curve_add_piece(&curve, 300, 400, 0, NULL), 0);
	cr_assert_eq(pc_fault_curve_integral(&curve, 50, 100, &got, NULL), 0);
	cr_assert(relative(got, 0.5 + 0.1) < 1e-15);
	cr_assert_eq(pc_fault_curve_integral(&curve, 0, 400, &got, NULL), 0);
	cr_assert(relative(got, 1.4) < 1e-15);
	cr_assert_eq(pc_fault_curve_integral(&curve, 300, 100, &got, NULL), 0);
	cr_assert_eq(got, 0);
	cr_assert_eq(pc_fault_curve_integral(&curve, 100, 0, &got, NULL), 0);
	cr_assert_eq(got, 0);
	cr_assert_eq(pc_fault_curve_hazard(&curve, 100), 0.002);
	cr_assert_eq(pc_fault_curve_hazard(&curve, 400), 0);
	cr_assert_eq(pc_fault_curve_window(&curve, 350, 51, &got, &error), -ERANGE);
	cr_assert(strstr(error.text, "not extrapolated"));
	cr_assert_eq(pc_fault_curve_window(&curve, -1, 5, &got, &error), -EINVAL);
	cr_assert_eq(pc_fault_curve_window(&curve, 1, NAN, &got, &error), -EINVAL);
	cr_assert_eq(got, 0);
	/* An open end holds for ever. */
	cr_assert_eq(pc_fault_curve_add_piece(&curve, 400, INFINITY, 1e-6, NULL), 0);
	cr_assert_eq(pc_fault_curve_integral(&curve, 1e6, 1e3, &got, NULL), 0);
	cr_assert(relative(got, 1e-3) < 1e-15);
	pc_fault_curve_finish(&curve);
}

Test(fault_curve, gaps_and_time_running_back_are_refused)
{
	struct pc_fault_curve curve = {0};
	struct hb_error error = {0};

	cr_assert_eq(pc_fault_curve_add_piece(&curve, 1, 2, 0.1, &error), -EINVAL);
	cr_assert(strstr(error.text, "gap"), "%s", error.text);
	cr_assert_eq(pc_fault_curve_add_piece(&curve, 0, 10, 0.1, &error), 0);
	cr_assert_eq(pc_fault_curve_add_piece(&curve, 11, 12, 0.1, &error), -EINVAL);
	cr_assert(strstr(error.text, "gap"), "%s", error.text);
	cr_assert_eq(pc_fault_curve_add_piece(&curve, 9, 12, 0.1, &error), -EINVAL);
	cr_assert(strstr(error.text, "runs back"), "%s", error.text);
	cr_assert_eq(pc_fault_curve_add_piece(&curve, 10, 10, 0.1, &error), -EINVAL);
	cr_assert(strstr(error.text, "runs back"), "%s", error.text);
	cr_assert_eq(pc_fault_curve_add_piece(&curve, 10, 20, -0.1, &error), -EINVAL);
	cr_assert_eq(pc_fault_curve_add_piece(&curve, 10, 20, INFINITY, &error), -EINVAL);
	cr_assert_eq(pc_fault_curve_add_piece(&curve, NAN, 20, 0.1, &error), -EINVAL);
	cr_assert_eq(pc_fault_curve_add_weibull(&curve, 0, 1, &error), -EINVAL);
	cr_assert_eq(pc_fault_curve_add_weibull(&curve, 1, -1, &error), -EINVAL);
	cr_assert_eq(pc_fault_curve_add_weibull(&curve, 1, INFINITY, &error), -EINVAL);
	cr_assert_eq(curve.piece_count, 1);
	cr_assert_eq(curve.weibull_count, 0);
	pc_fault_curve_finish(&curve);
}

Test(fault_curve, rates_and_shares_become_hazards)
{
	struct pc_fault_curve curve = {0};
	double got;

	/* A share failed within a period is what comes back for that period. */
	cr_assert_eq(
		pc_fault_curve_add_piece(&curve, 0, 1000, pc_hazard_of_share(0.03, 1000), NULL), 0);
	cr_assert_eq(pc_fault_curve_window(&curve, 0, 1000, &got, NULL), 0);
	cr_assert(relative(got, 0.03) < 1e-15);
	cr_assert(relative(pc_hazard_of_afr(0.0141) * 8760, 0.0141) < 1e-15);
	pc_fault_curve_finish(&curve);
	/* Without parts, nothing ever fails. */
	cr_assert_eq(pc_fault_curve_window(&curve, 5, 1e9, &got, NULL), 0);
	cr_assert_eq(got, 0);
}
