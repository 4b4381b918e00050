/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text of times, distributions and costs; random numbers against their moments. */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include <nicos/des.h>
#include <nicos/distribution.h>
#include <nicos/popularity.h>

Test(duration, is_a_number_with_a_unit)
{
	static const struct {
		const char *text;
		double ns;
	} good[] = {
		{"0", 0}, {"1ns", 1}, {"2.5us", 2500}, {"3ms", 3e6}, {"1s", 1e9}, {"1e3ns", 1000}};
	static const char *const bad[] = {
		"", "1", "us", "-1us", "1 us", "1h", "nanus", "1e300s", "infs", "0x1us", "1us,"};
	double ns;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cr_assert_eq(nic_duration_parse(good[i].text, &ns, NULL), 0, "%s", good[i].text);
		cr_assert_float_eq(ns, good[i].ns, 1e-9 * good[i].ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct hb_error error = {0};

		ns = 42;
		cr_assert_eq(nic_duration_parse(bad[i], &ns, &error), -EINVAL, "%s", bad[i]);
		cr_assert_eq(ns, 42);
		cr_assert(error.text[0]);
	}
}

Test(distribution, what_is_malformed_is_refused_with_a_reason)
{
	static const char *const bad[] = {"", "exp", "exp:", "exp:10", "exp:10us,1us", "const:-1us",
		"bimodal:2,1us,2us", "bimodal:0.5,1us", "pareto:0,1us,2us", "pareto:1,2us,1us",
		"pareto:1,0,1us", "lognormal:0,1us", "uniform:2us,1us", "gauss:1us,2us",
		"trace:", ":1us", "trace:/nonexistent/file"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct nic_distribution d = {.a = 42};
		struct hb_error error = {0};

		cr_assert_lt(nic_distribution_parse(bad[i], &d, &error), 0, "%s", bad[i]);
		cr_assert_eq(d.a, 42);
		cr_assert(error.text[0], "%s", bad[i]);
	}
}

/* Sample moments within five standard errors of the stated ones. */
static void check_moments(const char *text, const struct nic_distribution *d)
{
	const int draws = 200000;
	double mean = nic_distribution_mean_ns(d), square = nic_distribution_square(d);
	double deviation = sqrt(fmax(square - mean * mean, 0)), sum = 0, squares = 0, fourth = 0;
	struct hb_rng rng;

	hb_rng_init(&rng, 1, 7);
	for (int i = 0; i < draws; i++) {
		double x = nic_distribution_draw(d, &rng);

		cr_assert(x >= 0 && isfinite(x));
		sum += x;
		squares += x * x;
		fourth += x * x * x * x;
	}
	cr_assert_float_eq(sum / draws, mean, 5 * deviation / sqrt(draws) + 1e-9 * mean,
		"%s: mean %.6g, drawn %.6g", text, mean, sum / draws);
	deviation = sqrt(fmax(fourth / draws - pow(squares / draws, 2), 0));
	cr_assert_float_eq(squares / draws, square, 5 * deviation / sqrt(draws) + 1e-9 * square,
		"%s: square %.6g, drawn %.6g", text, square, squares / draws);
}

Test(distribution, draws_have_the_moments_that_it_states)
{
	static const char *const texts[] = {"7us", "const:3us", "exp:10us", "bimodal:0.3,1us,9us",
		"pareto:2.5,1us,100us", "pareto:1,1us,100us", "pareto:2,1us,50us",
		"pareto:3,5us,5us", "lognormal:10us,5us", "lognormal:10us,0", "uniform:2us,10us"};
	static const char trace[] = "# measured\n1us\n\n 2us \r\n6us";
	struct nic_distribution d;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct hb_error error = {0};

		cr_assert_eq(nic_distribution_parse(texts[i], &d, &error), 0, "%s", error.text);
		check_moments(texts[i], &d);
	}
	cr_assert_eq(nic_distribution_parse("lognormal:10us,5us", &d, NULL), 0);
	cr_assert_float_eq(nic_distribution_mean_ns(&d), 10000, 1e-6);
	cr_assert_float_eq(nic_distribution_square(&d), 125e6, 1);
	cr_assert_eq(nic_distribution_trace(trace, sizeof(trace) - 1, "t", &d, NULL), 0);
	cr_assert_eq(d.trace_count, 3);
	cr_assert_float_eq(nic_distribution_mean_ns(&d), 3000, 1e-9);
	check_moments("trace", &d);
	nic_distribution_finish(&d);
}

Test(distribution, a_bad_trace_names_its_line)
{
	static const struct {
		const char *text;
		int code, line;
	} bad[] = {{"", -EBADMSG, 0}, {"# nothing\n", -EBADMSG, 0}, {"1us\n2\n", -EBADMSG, 2},
		{"1us\n\n-3us\n", -EBADMSG, 3}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct nic_distribution d = {0};
		struct hb_error error = {0};

		cr_assert_eq(
			nic_distribution_trace(bad[i].text, strlen(bad[i].text), "t", &d, &error),
			bad[i].code);
		cr_assert_eq(error.line, bad[i].line);
		cr_assert_null(d.trace_ns);
	}
}

Test(cost, lists_may_hold_distributions)
{
	struct nic_des_options o;
	struct hb_error error = {0};

	nic_des_defaults(&o);
	cr_assert_eq(nic_cost_parse("all=0,switch=uniform:1us,3us,hot=0.4us", o.costs, &error), 0,
		"%s", error.text);
	cr_assert_eq(o.costs[NIC_COST_SWITCH].kind, NIC_UNIFORM);
	cr_assert_float_eq(nic_distribution_mean_ns(&o.costs[NIC_COST_SWITCH]), 2000, 1e-9);
	cr_assert_float_eq(nic_distribution_mean_ns(&o.costs[NIC_COST_HOT]), 400, 1e-9);
	cr_assert_eq(nic_distribution_mean_ns(&o.costs[NIC_COST_KERNEL]), 0);
	cr_assert_eq(nic_cost_parse("swich=1us", o.costs, &error), -EINVAL);
	cr_assert(strstr(error.text, "did you mean 'switch'"), "%s", error.text);
	cr_assert_eq(nic_cost_parse("switch", o.costs, &error), -EINVAL);
	cr_assert_eq(nic_cost_parse("switch=1", o.costs, &error), -EINVAL);
}

Test(popularity, follows_zipfs_law)
{
	enum { SERVICES = 50, DRAWS = 400000 };
	static const double exponents[] = {0, 0.9, 1.2};
	struct nic_popularity *popularity;

	for (int e = 0; e < 3; e++) {
		uint32_t counts[SERVICES] = {0};
		double squares = 0, sum = 0;
		struct hb_rng rng;

		hb_rng_init(&rng, 3, 0);
		cr_assert_eq(nic_popularity_create(SERVICES, exponents[e], &popularity, NULL), 0);
		for (int i = 0; i < DRAWS; i++)
			counts[nic_popularity_draw(popularity, &rng)]++;
		for (uint32_t s = 0; s < SERVICES; s++) {
			double share = nic_popularity_share(popularity, s),
			       expected = share * DRAWS;

			cr_assert_float_eq(share / nic_popularity_share(popularity, 0),
				pow(s + 1.0, -exponents[e]), 1e-12);
			sum += share;
			squares += pow(counts[s] - expected, 2) / expected;
		}
		cr_assert_float_eq(sum, 1, 1e-12);
		/* Chi square of 49 degrees of freedom exceeds 94 with 1e-4. */
		cr_assert(squares < 94, "exponent %g: chi square %.1f", exponents[e], squares);
		nic_popularity_destroy(popularity);
	}
	cr_assert_eq(nic_popularity_create(0, 1, &popularity, NULL), -EINVAL);
	cr_assert_eq(nic_popularity_create(5, -1, &popularity, NULL), -EINVAL);
	nic_popularity_destroy(NULL);
}
