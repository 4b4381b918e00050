/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/sim.h>

#include <batching/link.h>

#define FRAMES 200000

static uint64_t test_seed(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 20250514;

	(void)printf("HB_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

static struct bat_link link_with(struct bat_link_options options)
{
	struct bat_link link;

	cr_assert_eq(bat_link_options_check(&options, NULL), 0);
	bat_link_init(&link, &options, test_seed(), 1);
	return link;
}

Test(link, delay_and_rate_are_exact)
{
	struct bat_link link = link_with(
		(struct bat_link_options){.delay_ns = 1000000, .rate_bits_per_s = 100000000});
	int64_t at_ns;

	/* 1250 bytes take 100 us at 100 Mbit/s. */
	for (int i = 1; i <= 100; i++) {
		cr_assert_eq(bat_link_admit(&link, 5000, 1250, &at_ns), BAT_LINK_KEPT);
		cr_assert_eq(at_ns, 5000 + 1000000 + i * 100000);
	}
	cr_assert_eq(bat_link_admit(&link, 1000000000, 1250, &at_ns), BAT_LINK_KEPT);
	cr_assert_eq(at_ns, 1000000000 + 1000000 + 100000);
}

Test(link, loss_has_its_probability)
{
	struct bat_link link = link_with((struct bat_link_options){.loss = 0.01});
	struct hb_share share = {0};
	struct hb_interval interval;
	int64_t at_ns;

	for (int i = 0; i < FRAMES; i++)
		hb_share_add(&share, bat_link_admit(&link, i, 100, &at_ns) == BAT_LINK_LOST);
	cr_assert_eq(hb_share_interval(&share, 0.99999, &interval), 0);
	cr_assert(
		interval.lo <= 0.01 && interval.hi >= 0.01, "%g ... %g", interval.lo, interval.hi);
}

Test(link, jitter_keeps_its_bounds_and_the_order)
{
	struct bat_link link =
		link_with((struct bat_link_options){.delay_ns = 1000000, .jitter_ns = 400000});
	int64_t last_ns = 0, at_ns = 0;
	struct hb_tally tally = {0};

	for (int64_t i = 0; i < FRAMES; i++) {
		int64_t now_ns = i * 1000000;

		(void)bat_link_admit(&link, now_ns, 100, &at_ns);
		cr_assert(at_ns >= last_ns);
		cr_assert(at_ns - now_ns >= 600000 && at_ns - now_ns <= 1400000);
		hb_tally_add(&tally, (double)(at_ns - now_ns));
		last_ns = at_ns;
	}
	/* Uniform: the mean is the delay, the variance (2 x 400 us)^2 / 12. */
	cr_assert_float_eq(tally.mean, 1e6, 3e3);
	cr_assert_float_eq(sqrt(hb_tally_variance(&tally)), 800000 / sqrt(12), 3e3);
	for (int64_t i = 0; i < 1000; i++) {
		(void)bat_link_admit(&link, FRAMES * INT64_C(1000000) + i, 100, &at_ns);
		cr_assert(at_ns >= last_ns, "frames close together overtake");
		last_ns = at_ns;
	}
}

Test(link, reordered_frames_overtake_by_the_delay)
{
	struct bat_link link =
		link_with((struct bat_link_options){.delay_ns = 1000000, .reorder = 0.1});
	int reordered = 0;

	for (int64_t i = 0; i < FRAMES; i++) {
		int64_t at_ns;
		enum bat_link_fate fate = bat_link_admit(&link, i * 100, 100, &at_ns);

		cr_assert_eq(at_ns, i * 100 + (fate == BAT_LINK_REORDERED ? 0 : 1000000));
		reordered += fate == BAT_LINK_REORDERED;
	}
	cr_assert(abs(reordered - FRAMES / 10) < 1000, "%d", reordered);
}

Test(link, values_out_of_range_are_named)
{
	static const struct {
		struct bat_link_options options;
		const char *says;
	} cases[] = {
		{{.delay_ns = -1}, "delay"},
		{{.delay_ns = 5, .jitter_ns = 6}, "jitter"},
		{{.rate_bits_per_s = 3}, "rate"},
		{{.loss = 1.01}, "loss"},
		{{.loss = NAN}, "loss"},
		{{.reorder = -0.1}, "reorder"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hb_error error = {0};

		cr_assert_eq(bat_link_options_check(&cases[i].options, &error), -EINVAL);
		cr_assert(strstr(error.text, cases[i].says), "%s", error.text);
	}
}
