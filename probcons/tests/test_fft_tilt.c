/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <probcons/fft_tilt.h>
#include <probcons/node.h>
#include <probcons/poisson_binomial.h>
#include <probcons/quorum.h>

#include "enumeration.h"

static double *random_q(struct hb_rng *rng, uint32_t n)
{
	double *q = malloc(n * sizeof(q[0]));

	for (uint32_t i = 0; i < n; i++) {
		q[i] = pow(10, -6 * hb_rng_double(rng));
		if (hb_rng_below(rng, 50) == 0)
			q[i] = (double)hb_rng_below(rng, 2);
	}
	return q;
}

Test(fft_tilt, tails_agree_with_the_exact_programme_at_4096_nodes)
{
	static const uint32_t sizes[] = {1, 2, 63, 64, 65, 129, 1000, 4095, 4096};
	uint64_t seed = test_seed();
	struct hb_rng rng;
	double smallest = 1;

	hb_rng_init(&rng, seed, 1);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		uint32_t n = sizes[s];
		double *q = random_q(&rng, n), got, want;

		for (uint32_t step = 0; step <= 12; step++) {
			uint32_t k = (uint32_t)((uint64_t)n * step / 12);

			cr_assert_eq(pc_poisson_binomial_tail(q, n, k, &want, NULL), 0);
			cr_assert_eq(pc_fft_tilt_tail(q, n, k, &got, NULL), 0);
			if (want < 1e-300)
				continue;
			smallest = fmin(smallest, want);
			cr_assert(relative(got, want) < 1e-12,
				"seed %llu: P(>= %u of %u): %.17g, not %.17g",
				(unsigned long long)seed, k, n, got, want);
		}
		free(q);
	}
	cr_assert(smallest < 1e-100);
}

Test(fft_tilt, mean_products_agree_with_the_exact_programme)
{
	uint64_t seed = test_seed();
	struct hb_rng rng;
	struct pc_node *nodes = calloc(4096, sizeof(nodes[0]));
	double *q, got;
	struct pc_loss loss;

	hb_rng_init(&rng, seed, 2);
	q = random_q(&rng, 4096);
	for (int i = 0; i < 4096; i++)
		nodes[i] = (struct pc_node){.crash = q[i], .weight = 1};
	for (uint32_t k = 1; k < 150; k += 7) {
		cr_assert_eq(pc_quorum_loss(nodes, 4096, k, &loss, NULL), 0);
		cr_assert_eq(pc_fft_tilt_mean_product(q, 4096, k, &got, NULL), 0);
		cr_assert(relative(got, loss.mean) < 1e-12, "k %u: %.17g, not %.17g", k, got,
			loss.mean);
	}
	free(nodes);
	free(q);
}

Test(fft_tilt, hundred_thousand_equal_nodes_have_the_binomial_tail)
{
	enum { N = 100000 };
	double *q = malloc(N * sizeof(q[0])), got;
	static const uint32_t thresholds[] = {900, 1000, 1100, 1500, 2300};

	for (int i = 0; i < N; i++)
		q[i] = 0.01;
	for (int t = 0; t < 5; t++) {
		uint32_t k = thresholds[t];
		long double term =
			expl(lgammal(N + 1.0L) - lgammal(k + 1.0L) - lgammal(N - k + 1.0L) +
				k * logl(q[0]) + (N - k) * log1pl(-(long double)q[0]));
		long double want = 0;

		for (uint32_t j = k; j <= N && term > 0; j++) {
			want += term;
			term *= (N - j) / (j + 1.0L) * q[0] / (1 - (long double)q[0]);
		}
		cr_assert_eq(pc_poisson_binomial_tail(q, N, k, &got, NULL), 0);
		cr_assert(relative(got, want) < 1e-11, "k %u: %.17g, not %.17Lg", k, got, want);
	}
	free(q);
}

Test(fft_tilt, two_classes_of_nodes_equal_their_convolution)
{
	enum { N = 20000 };
	double *q = malloc(N * sizeof(q[0])), got;
	uint32_t k = 900;
	long double want = 0, first[2];

	/* 10000 nodes of 1 % and 10000 of 3 %: sum over the failures of the first class. */
	for (int i = 0; i < N; i++)
		q[i] = i % 2 ? 0.01 : 0.03;
	for (uint32_t j = 0; j <= k; j++) {
		long double tail = 0, term;
		uint32_t need = k - j, half = N / 2;

		first[0] =
			expl(lgammal(half + 1.0L) - lgammal(j + 1.0L) - lgammal(half - j + 1.0L) +
				j * logl(q[1]) + (half - j) * log1pl(-(long double)q[1]));
		term = expl(lgammal(half + 1.0L) - lgammal(need + 1.0L) -
			    lgammal(half - need + 1.0L) + need * logl(q[0]) +
			    (half - need) * log1pl(-(long double)q[0]));
		for (uint32_t i = need; i <= half && term > 0; i++) {
			tail += term;
			term *= (half - i) / (i + 1.0L) * q[0] / (1 - (long double)q[0]);
		}
		want += first[0] * tail;
	}
	cr_assert_eq(pc_poisson_binomial_tail(q, N, k, &got, NULL), 0);
	cr_assert(got < 1e-20);
	cr_assert(relative(got, want) < 1e-11, "%.17g is not %.17Lg", got, want);
	free(q);
}

Test(fft_tilt, thresholds_at_the_ends)
{
	double q[4] = {1, 0.5, 0.25, 0}, got;

	cr_assert_eq(pc_fft_tilt_tail(q, 4, 0, &got, NULL), 0);
	cr_assert_eq(got, 1);
	cr_assert_eq(pc_fft_tilt_tail(q, 4, 1, &got, NULL), 0);
	cr_assert_eq(got, 1);
	cr_assert_eq(pc_fft_tilt_tail(q, 4, 2, &got, NULL), 0);
	cr_assert(relative(got, 0.625L) < 1e-15);
	cr_assert_eq(pc_fft_tilt_tail(q, 4, 3, &got, NULL), 0);
	cr_assert(relative(got, 0.125L) < 1e-15);
	cr_assert_eq(pc_fft_tilt_tail(q, 4, 4, &got, NULL), 0);
	cr_assert_eq(got, 0);
	cr_assert_eq(pc_fft_tilt_mean_product(q, 4, 5, &got, NULL), -EINVAL);
	cr_assert_eq(pc_fft_tilt_mean_product(q, 4, 4, &got, NULL), 0);
	cr_assert_eq(got, 0);
	cr_assert_eq(pc_fft_tilt_mean_product(q, 4, 3, &got, NULL), 0);
	cr_assert(relative(got, 0.125L / 4) < 1e-14);
	q[1] = -1;
	cr_assert_eq(pc_fft_tilt_tail(q, 4, 2, &got, NULL), -EINVAL);
}
