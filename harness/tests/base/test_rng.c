/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <criterion/criterion.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>

#include <hotbed/rng.h>

#include "seed.h"

/* A sound generator fails one of these by chance once in 10^7 seeds. */
#define P_MIN 1e-7
/* Kolmogorov's D x sqrt(n) is above this with probability 2 exp(-2 x^2) = 1e-7. */
#define KOLMOGOROV_MAX 2.9
#define SAMPLES 200000

/* xoshiro256++ as its paper's figure states it, one assignment per line, for comparison. */
static uint64_t plain_rotate(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

static uint64_t plain_next(uint64_t s[4])
{
	uint64_t result = plain_rotate(s[0] + s[3], 23) + s[0];
	uint64_t t = s[1] << 17;

	s[2] = s[2] ^ s[0];
	s[3] = s[3] ^ s[1];
	s[1] = s[1] ^ s[2];
	s[0] = s[0] ^ s[3];
	s[2] = s[2] ^ t;
	s[3] = plain_rotate(s[3], 45);
	return result;
}

/* SplitMix64 as published: state in, number out. */
static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static double chi_square_p(const uint64_t *observed, size_t cells, double expected)
{
	double chi = 0;

	for (size_t i = 0; i < cells; i++)
		chi += ((double)observed[i] - expected) * ((double)observed[i] - expected) /
		       expected;
	return gsl_cdf_chisq_Q(chi, (double)cells - 1);
}

/* D x sqrt(n) between @samples and the distribution function @cdf. Sorts @samples. */
static double kolmogorov(double *samples, size_t count, double (*cdf)(double x))
{
	double distance = 0;

	gsl_sort(samples, 1, count);
	for (size_t i = 0; i < count; i++) {
		double p = cdf(samples[i]);

		distance = fmax(distance,
			fmax((double)(i + 1) / (double)count - p, p - (double)i / (double)count));
	}
	return distance * sqrt((double)count);
}

Test(rng, first_numbers_are_the_published_ones)
{
	static const uint64_t published[] = {41943041u, 58720359u, 3588806011781223u,
		3591011842654386u, 9228616714210784205u, 9973669472204895162u,
		14011001112246962877u, 12406186145184390807u, 15849039046786891736u,
		10450023813501588000u};
	struct hb_rng rng = {{1, 2, 3, 4}};

	for (size_t i = 0; i < 10; i++)
		cr_assert_eq(hb_rng_u64(&rng), published[i]);
}

Test(rng, a_million_numbers_equal_the_plain_implementation)
{
	struct hb_rng rng;
	uint64_t state[4];

	hb_rng_init(&rng, test_seed(), 3);
	memcpy(state, rng.state, sizeof(state));
	for (int i = 0; i < 1000000; i++)
		cr_assert_eq(hb_rng_u64(&rng), plain_next(state));
}

Test(rng, seeding_is_splitmix64_over_two_mixes)
{
	uint64_t state = 1234567;
	uint64_t front, back;
	struct hb_rng rng;

	/* The published first numbers of SplitMix64 vouch for this test's copy of it. */
	cr_assert_eq(splitmix(&state), 6457827717110365317u);
	cr_assert_eq(splitmix(&state), 3203168211198807973u);
	state = 5;
	state = splitmix(&state) + 77;
	cr_assert_eq(hb_rng_mix(5, 77), splitmix(&state));
	hb_rng_init(&rng, 5, 77);
	front = hb_rng_mix(5, 77);
	back = hb_rng_mix(~(uint64_t)77, 5);
	cr_assert_eq(rng.state[0], splitmix(&front));
	cr_assert_eq(rng.state[1], splitmix(&front));
	cr_assert_eq(rng.state[2], splitmix(&back));
	cr_assert_eq(rng.state[3], splitmix(&back));
}

Test(rng, seeds_and_streams_are_reproducible_and_distinct)
{
	enum { COUNT = 400 };
	static uint64_t firsts[COUNT * COUNT];
	struct hb_rng a, b;
	size_t n = 0;

	hb_rng_init(&a, 9, 4);
	hb_rng_init(&b, 9, 4);
	cr_assert_eq(hb_rng_u64(&a), hb_rng_u64(&b));
	for (uint64_t seed = 0; seed < COUNT; seed++) {
		for (uint64_t stream = 0; stream < COUNT; stream++) {
			hb_rng_init(&a, seed, stream);
			firsts[n++] = hb_rng_u64(&a);
		}
	}
	gsl_sort_ulong((unsigned long *)firsts, 1, n);
	for (size_t i = 1; i < n; i++)
		cr_assert_neq(firsts[i], firsts[i - 1]);
}

/* One step of the generator is linear over GF(2): column i of the matrix is the step of the state with only bit i. */
struct matrix {
	uint64_t columns[256][4];
};

static void multiply(const struct matrix *m, const uint64_t in[4], uint64_t out[4])
{
	uint64_t sum[4] = {0};

	for (int bit = 0; bit < 256; bit++) {
		if (in[bit / 64] >> (bit % 64) & 1) {
			for (int w = 0; w < 4; w++)
				sum[w] ^= m->columns[bit][w];
		}
	}
	memcpy(out, sum, sizeof(sum));
}

Test(rng, jump_is_2_to_the_128_steps)
{
	static struct matrix power, square;
	struct hb_rng rng;
	uint64_t expected[4];

	for (int bit = 0; bit < 256; bit++) {
		uint64_t unit[4] = {0};

		unit[bit / 64] = (uint64_t)1 << (bit % 64);
		(void)plain_next(unit);
		memcpy(power.columns[bit], unit, sizeof(unit));
	}
	for (int i = 0; i < 128; i++) {
		for (int bit = 0; bit < 256; bit++)
			multiply(&power, power.columns[bit], square.columns[bit]);
		power = square;
	}
	hb_rng_init(&rng, test_seed(), 0);
	multiply(&power, rng.state, expected);
	hb_rng_jump(&rng);
	cr_assert_eq(memcmp(rng.state, expected, sizeof(expected)), 0);
}

static double uniform_cdf(double x)
{
	return x;
}

static double exponential_cdf(double x)
{
	return gsl_cdf_exponential_P(x, 3);
}

Test(rng, doubles_are_uniform_in_the_half_open_unit_interval)
{
	static double samples[SAMPLES];
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 1);
	for (size_t i = 0; i < SAMPLES; i++) {
		samples[i] = hb_rng_double(&rng);
		cr_assert(samples[i] >= 0 && samples[i] < 1);
	}
	cr_assert(kolmogorov(samples, SAMPLES, uniform_cdf) < KOLMOGOROV_MAX);
}

Test(rng, exponentials_and_normals_follow_their_distributions)
{
	static double samples[SAMPLES];
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 2);
	for (size_t i = 0; i < SAMPLES; i++) {
		samples[i] = hb_rng_exponential(&rng, 3);
		cr_assert(samples[i] > 0 && isfinite(samples[i]));
	}
	cr_assert(kolmogorov(samples, SAMPLES, exponential_cdf) < KOLMOGOROV_MAX);
	for (size_t i = 0; i < SAMPLES; i++)
		samples[i] = hb_rng_normal(&rng);
	cr_assert(kolmogorov(samples, SAMPLES, gsl_cdf_ugaussian_P) < KOLMOGOROV_MAX);
}

Test(rng, exponentials_stay_finite_and_positive_at_both_ends)
{
	/* States whose next number is 0 and 2^64 - 1: rotl(s0 + s3, 23) + s0. */
	struct hb_rng zero = {{0, 1, 0, 0}};
	struct hb_rng ones = {{0, 1, 0, UINT64_MAX}};

	cr_assert(isfinite(hb_rng_exponential(&zero, 1)));
	cr_assert(hb_rng_exponential(&ones, 1) > 0);
}

Test(rng, below_is_uniform_for_small_bounds)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 4);
	for (uint64_t bound = 2; bound <= 20; bound++) {
		uint64_t observed[20] = {0};

		for (int i = 0; i < 20000; i++) {
			uint64_t value = hb_rng_below(&rng, bound);

			cr_assert(value < bound);
			observed[value]++;
		}
		cr_assert(chi_square_p(observed, bound, 20000.0 / (double)bound) > P_MIN);
	}
	cr_assert_eq(hb_rng_below(&rng, 1), 0);
}

Test(rng, below_is_unbiased_where_a_plain_modulus_is_not)
{
	/* With bound 3 x 2^62 a modulus, or a multiplication without rejection, hits one third twice as often. */
	uint64_t bound = (uint64_t)3 << 62;
	uint64_t observed[3] = {0};
	uint64_t low_bits[2] = {0};
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 5);
	for (int i = 0; i < SAMPLES; i++) {
		uint64_t value = hb_rng_below(&rng, bound);

		observed[value >> 62]++;
		low_bits[value % 3 == 0]++;
	}
	cr_assert(chi_square_p(observed, 3, SAMPLES / 3.0) > P_MIN);
	/* Lemire's bias for this bound sits in the residues modulo 3. */
	cr_assert(gsl_cdf_binomial_P((unsigned int)low_bits[1], 1 / 3.0, SAMPLES) > P_MIN);
	cr_assert(gsl_cdf_binomial_Q((unsigned int)low_bits[1], 1 / 3.0, SAMPLES) > P_MIN);
}

Test(rng, every_permutation_is_equally_likely)
{
	uint64_t observed[24] = {0};
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 6);
	for (int i = 0; i < 48000; i++) {
		uint32_t v[4] = {0, 1, 2, 3};
		size_t code = 0;

		hb_rng_shuffle(&rng, v, 4);
		for (int j = 0; j < 4; j++) {
			size_t smaller_later = 0;

			for (int k = j + 1; k < 4; k++)
				smaller_later += v[k] < v[j];
			code = code * (size_t)(4 - j) + smaller_later;
		}
		observed[code]++;
	}
	cr_assert(chi_square_p(observed, 24, 2000) > P_MIN);
}

/* Correlation x sqrt(n) of two generators' doubles: standard normal if they are independent. */
static double correlation_z(struct hb_rng *a, struct hb_rng *b)
{
	enum { COUNT = 20000 };
	double sum = 0;

	for (int i = 0; i < COUNT; i++)
		sum += (hb_rng_double(a) - 0.5) * (hb_rng_double(b) - 0.5);
	return sum / COUNT * 12 * sqrt(COUNT);
}

Test(rng, streams_and_seeds_next_to_each_other_are_uncorrelated)
{
	uint64_t seed = test_seed();

	for (uint64_t stream = 0; stream < 100; stream++) {
		struct hb_rng a, b, c;

		hb_rng_init(&a, seed, stream);
		hb_rng_init(&b, seed, stream + 1);
		hb_rng_init(&c, seed + 1, stream);
		cr_assert(fabs(correlation_z(&a, &b)) < 6);
		hb_rng_init(&a, seed, stream);
		cr_assert(fabs(correlation_z(&a, &c)) < 6);
		/* Seed and stream exchanged must not give one and the same sequence. */
		hb_rng_init(&a, seed, stream + seed + 1);
		hb_rng_init(&b, stream + seed + 1, seed);
		cr_assert(fabs(correlation_z(&a, &b)) < 6);
	}
}

Test(rng, first_numbers_across_streams_are_uniform)
{
	uint64_t seed = test_seed();
	uint64_t high[256] = {0}, low[256] = {0};

	for (uint64_t stream = 0; stream < 256 * 400; stream++) {
		struct hb_rng rng;
		uint64_t value;

		hb_rng_init(&rng, seed, stream);
		value = hb_rng_u64(&rng);
		high[value >> 56]++;
		low[value & 255]++;
	}
	cr_assert(chi_square_p(high, 256, 400) > P_MIN);
	cr_assert(chi_square_p(low, 256, 400) > P_MIN);
}
