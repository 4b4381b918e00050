/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * xoshiro256++ with independent streams. One 64-bit seed names a whole experiment; a stream is derived from
 * (seed, stream id) so that sources, replications and blocks never share numbers: SplitMix64 fills the state from a
 * mix of both, and the period of 2^256 makes overlap of 2^64-long streams negligible (probability < 2^-100).
 *
 * Embedded by value; not thread-safe: one owner per generator. Same seed and stream, same numbers on every host.
 * Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47(4), 2021.
 */
#ifndef HOTBED_RNG_H
#define HOTBED_RNG_H

#include <stdint.h>

/* Callers treat it as opaque; embedded so that hot loops need no pointer chase. */
struct hb_rng {
	uint64_t state[4];
};

/* hb_rng_init - stream @stream of seed @seed; every pair of values is valid. */
void hb_rng_init(struct hb_rng *rng, uint64_t seed, uint64_t stream);

/* hb_rng_mix - a 64-bit hash of two words (SplitMix64 finaliser twice), to derive seeds from seeds. */
uint64_t hb_rng_mix(uint64_t a, uint64_t b);

/* hb_rng_u64 - next number, uniform over 0 ... 2^64-1. */
static inline uint64_t hb_rng_u64(struct hb_rng *rng)
{
	uint64_t *s = rng->state;
	uint64_t sum = s[0] + s[3];
	uint64_t result = ((sum << 23) | (sum >> 41)) + s[0];
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = (s[3] << 45) | (s[3] >> 19);
	return result;
}

/* hb_rng_double - uniform in [0, 1) with 53 random bits. */
static inline double hb_rng_double(struct hb_rng *rng)
{
	return (double)(hb_rng_u64(rng) >> 11) * 0x1.0p-53;
}

/* hb_rng_below - uniform in 0 ... @bound-1 without bias (Lemire 2019). @bound > 0. */
uint64_t hb_rng_below(struct hb_rng *rng, uint64_t bound);

/* hb_rng_jump - advance by 2^128 steps: 2^128 non-overlapping sequences from one state. */
void hb_rng_jump(struct hb_rng *rng);

/* hb_rng_exponential - exponential with mean @mean > 0, by inversion (never 0, never infinite). */
double hb_rng_exponential(struct hb_rng *rng, double mean);

/* hb_rng_normal - standard normal, by the polar method; no state is kept between calls. */
double hb_rng_normal(struct hb_rng *rng);

/* hb_rng_shuffle - permute @values[0 ... @count-1] uniformly (Fisher-Yates). */
void hb_rng_shuffle(struct hb_rng *rng, uint32_t *values, uint32_t count);

#endif
