/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * xoshiro256++, its seeding and the few distributions that need no GSL. See hotbed/rng.h.
 */
#include <math.h>

#include <hotbed/assert.h>
#include <hotbed/rng.h>

/* The odd number nearest to 2^64 divided by the golden ratio, SplitMix64's increment. */
#define GOLDEN 0x9e3779b97f4a7c15ULL

/* SplitMix64's finaliser: a bijection, so different inputs never meet. */
static uint64_t finalise(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint64_t hb_rng_mix(uint64_t a, uint64_t b)
{
	return finalise(finalise(a + GOLDEN) + b + GOLDEN);
}

/*
 * Each half of the state is filled from its own mix of both words: 128 bits of input decide 128 bits of the state, so
 * two (seed, stream) pairs that share one mix by chance still get different states. Two consecutive SplitMix64 outputs
 * are never both zero, hence neither is the state.
 */
void hb_rng_init(struct hb_rng *rng, uint64_t seed, uint64_t stream)
{
	uint64_t front = hb_rng_mix(seed, stream);
	uint64_t back = hb_rng_mix(~stream, seed);

	rng->state[0] = finalise(front + GOLDEN);
	rng->state[1] = finalise(front + 2 * GOLDEN);
	rng->state[2] = finalise(back + GOLDEN);
	rng->state[3] = finalise(back + 2 * GOLDEN);
}

uint64_t hb_rng_below(struct hb_rng *rng, uint64_t bound)
{
	__extension__ unsigned __int128 product;

	hb_assert(bound > 0);
	product = (__extension__(unsigned __int128) hb_rng_u64(rng)) * bound;
	if ((uint64_t)product < bound) {
		uint64_t reject_below = -bound % bound;

		while ((uint64_t)product < reject_below)
			product = (__extension__(unsigned __int128) hb_rng_u64(rng)) * bound;
	}
	return (uint64_t)(product >> 64);
}

void hb_rng_jump(struct hb_rng *rng)
{
	/* Coefficients of x^(2^128) modulo the generator's characteristic polynomial (Blackman and Vigna). */
	static const uint64_t polynomial[4] = {0x180ec6d33cfd0abaULL, 0xd5a61266f0c9392cULL,
		0xa9582618e03fc9aaULL, 0x39abdc4529b1661cULL};
	struct hb_rng sum = {{0, 0, 0, 0}};

	for (int word = 0; word < 4; word++) {
		for (int bit = 0; bit < 64; bit++) {
			for (int i = 0; i < 4 && (polynomial[word] >> bit & 1); i++)
				sum.state[i] ^= rng->state[i];
			(void)hb_rng_u64(rng);
		}
	}
	*rng = sum;
}

double hb_rng_exponential(struct hb_rng *rng, double mean)
{
	/* The middle of one of 2^52 equal cells of (0, 1): neither 0 nor 1, so the logarithm is finite and below 0. */
	double uniform = ((double)(hb_rng_u64(rng) >> 12) + 0.5) * 0x1.0p-52;

	hb_assert(mean > 0);
	return -mean * log(uniform);
}

double hb_rng_normal(struct hb_rng *rng)
{
	for (;;) {
		double x = 2 * hb_rng_double(rng) - 1;
		double y = 2 * hb_rng_double(rng) - 1;
		double square = x * x + y * y;

		/* Accepted with probability pi/4: 64 rejections in a row have probability below 1e-42. */
		if (square < 1 && square > 0)
			return x * sqrt(-2 * log(square) / square);
	}
}

void hb_rng_shuffle(struct hb_rng *rng, uint32_t *values, uint32_t count)
{
	for (uint32_t left = count; left > 1; left--) {
		uint32_t chosen = (uint32_t)hb_rng_below(rng, left);
		uint32_t value = values[chosen];

		values[chosen] = values[left - 1];
		values[left - 1] = value;
	}
}
