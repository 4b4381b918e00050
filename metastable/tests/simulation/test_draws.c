/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random times have the moments they should, keys their law, and the cache keeps what was used last. */
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "../../src/simulation/draw.h"
#include "../../src/simulation/lru.h"
#include "scenario.h"

Test(draws, mean_and_spread_of_each_distribution_are_those_asked_for)
{
	const struct ms_distribution laws[] = {
		{MS_EXPONENTIAL, 0.1, 1, 1},
		{MS_CONSTANT, 0.1, 0, 1},
		{MS_ERLANG, 0.1, 0.5, 4},
		{MS_HYPEREXPONENTIAL, 0.1, 2, 1},
		{MS_LOGNORMAL, 0.1, 0.7, 1},
		{MS_UNIFORM, 0.1, 0.5, 1},
	};
	struct hb_rng rng;

	hb_rng_init(&rng, scenario_seed(), 5);
	for (size_t i = 0; i < sizeof(laws) / sizeof(laws[0]); i++) {
		double sum = 0, squares = 0;
		int count = 400000;

		for (int k = 0; k < count; k++) {
			double drawn = ms_draw_ns(&laws[i], &rng) / 1e9;

			cr_assert(drawn >= 0);
			sum += drawn;
			squares += drawn * drawn;
		}
		sum /= count;
		cr_assert_float_eq(sum, 0.1, 0.1 * 4 * laws[i].cv / sqrt(count) + 1e-9);
		cr_assert_float_eq(sqrt(fmax(squares / count - sum * sum, 0)) / sum, laws[i].cv,
			0.03, "law %zu", i);
	}
}

Test(draws, zipf_keys_follow_their_weights)
{
	static const double exponents[] = {0.6, 1, 1.01, 2.5};

	for (int e = 0; e < 4; e++) {
		const struct ms_cache cache = {
			.keys = 50, .popularity = MS_ZIPF_KEYS, .zipf_exponent = exponents[e]};
		struct ms_key_law law;
		struct hb_rng rng;
		double counts[50] = {0};
		double total = 0, chi = 0;
		int draws = 500000;

		hb_rng_init(&rng, scenario_seed(), 6 + (uint64_t)e);
		ms_key_law_init(&law, &cache);
		for (int i = 0; i < draws; i++)
			counts[ms_draw_key(&law, &rng)]++;
		for (int k = 0; k < 50; k++)
			total += pow(k + 1, -exponents[e]);
		for (int k = 0; k < 50; k++) {
			double expected = draws * pow(k + 1, -exponents[e]) / total;

			chi += (counts[k] - expected) * (counts[k] - expected) / expected;
		}
		/* 49 degrees of freedom: the 0.9999 quantile is 94. */
		cr_assert(chi < 94, "exponent %g: chi square %g", exponents[e], chi);
	}
}

/* The plainest cache there is: a list of keys, newest first. */
struct plain {
	uint32_t keys[64];
	int64_t filled_ns[64];
	uint32_t count;
};

static void plain_front(struct plain *plain, uint32_t at, uint32_t key, int64_t filled_ns)
{
	for (; at > 0; at--) {
		plain->keys[at] = plain->keys[at - 1];
		plain->filled_ns[at] = plain->filled_ns[at - 1];
	}
	plain->keys[0] = key;
	plain->filled_ns[0] = filled_ns;
}

static uint32_t plain_find(const struct plain *plain, uint32_t key)
{
	uint32_t at = 0;

	while (at < plain->count && plain->keys[at] != key)
		at++;
	return at;
}

Test(lru, behaves_as_a_list_by_time_of_use)
{
	struct hb_rng rng;
	struct plain plain = {0};
	void *memory = aligned_alloc(16, (ms_lru_bytes(37) + 15) / 16 * 16);
	struct ms_lru lru;
	uint32_t hits = 0;

	hb_rng_init(&rng, scenario_seed(), 10);
	ms_lru_init(&lru, memory, 37, 900);
	for (int64_t now_ns = 0; now_ns < 200000; now_ns++) {
		uint32_t key = (uint32_t)hb_rng_below(&rng, 60);
		uint32_t at = plain_find(&plain, key);
		bool there = at < plain.count && now_ns - plain.filled_ns[at] < 900;

		if (hb_rng_below(&rng, 20000) == 0) {
			ms_lru_clear(&lru, memory);
			plain.count = 0;
			continue;
		}
		if (hb_rng_below(&rng, 2)) {
			cr_assert_eq(ms_lru_get(&lru, memory, key, now_ns), there);
			hits += there;
			if (there)
				plain_front(&plain, at, key, plain.filled_ns[at]);
			continue;
		}
		ms_lru_put(&lru, memory, key, now_ns);
		if (at == plain.count && plain.count < 37)
			plain.count++;
		plain_front(&plain, at < plain.count ? at : plain.count - 1, key, now_ns);
	}
	cr_assert(hits > 1000);
	free(memory);
}
