/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include <criterion/criterion.h>
#include <gsl/gsl_randist.h>

#include <hotbed/rng.h>
#include <hotbed/rng_gsl.h>

#include "seed.h"

Test(rng_gsl, draws_the_same_numbers_as_the_stream)
{
	gsl_rng *gsl = gsl_rng_alloc(hb_rng_gsl_type);
	struct hb_rng rng;

	hb_rng_gsl_seed(gsl, 11, 42);
	hb_rng_init(&rng, 11, 42);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(gsl_rng_get(gsl), hb_rng_u64(&rng));
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(gsl_rng_uniform(gsl), hb_rng_double(&rng));
	gsl_rng_free(gsl);
}

Test(rng_gsl, gsl_seed_selects_stream_0)
{
	gsl_rng *gsl = gsl_rng_alloc(hb_rng_gsl_type);
	struct hb_rng rng;

	gsl_rng_set(gsl, 99);
	hb_rng_init(&rng, 99, 0);
	cr_assert_eq(gsl_rng_get(gsl), hb_rng_u64(&rng));
	cr_assert_str_eq(gsl_rng_name(gsl), "xoshiro256++");
	gsl_rng_free(gsl);
}

Test(rng_gsl, clones_continue_independently_from_the_same_state)
{
	gsl_rng *first = gsl_rng_alloc(hb_rng_gsl_type);
	gsl_rng *second;

	hb_rng_gsl_seed(first, 5, 6);
	(void)gsl_rng_get(first);
	second = gsl_rng_clone(first);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(gsl_rng_get(first), gsl_rng_get(second));
	gsl_rng_free(first);
	gsl_rng_free(second);
}

Test(rng_gsl, gsl_distributions_have_their_moments)
{
	enum { COUNT = 200000 };
	gsl_rng *gsl = gsl_rng_alloc(hb_rng_gsl_type);
	double gamma = 0, poisson = 0, integers = 0;

	hb_rng_gsl_seed(gsl, test_seed(), 7);
	for (int i = 0; i < COUNT; i++) {
		gamma += gsl_ran_gamma(gsl, 2.5, 2);
		poisson += gsl_ran_poisson(gsl, 4);
		integers += (double)gsl_rng_uniform_int(gsl, 10);
	}
	/* Six standard errors of each mean. */
	cr_assert(fabs(gamma / COUNT - 5) < 6 * sqrt(10.0 / COUNT));
	cr_assert(fabs(poisson / COUNT - 4) < 6 * sqrt(4.0 / COUNT));
	cr_assert(fabs(integers / COUNT - 4.5) < 6 * sqrt(8.25 / COUNT));
	gsl_rng_free(gsl);
}
