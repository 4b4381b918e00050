/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rng.h behind GSL's generator interface. See hotbed/rng_gsl.h.
 */
#include <limits.h>

#include <hotbed/assert.h>
#include <hotbed/rng.h>
#include <hotbed/rng_gsl.h>

static void stream_set(void *state, unsigned long seed)
{
	hb_rng_init(state, seed, 0);
}

static unsigned long stream_get(void *state)
{
	/* The upper bits where unsigned long has 32. */
	return (unsigned long)(hb_rng_u64(state) >> (64 - sizeof(unsigned long) * CHAR_BIT));
}

static double stream_get_double(void *state)
{
	return hb_rng_double(state);
}

static const gsl_rng_type stream_type = {
	.name = "xoshiro256++",
	.max = ULONG_MAX,
	.min = 0,
	.size = sizeof(struct hb_rng),
	.set = stream_set,
	.get = stream_get,
	.get_double = stream_get_double,
};

const gsl_rng_type *const hb_rng_gsl_type = &stream_type;

void hb_rng_gsl_seed(gsl_rng *rng, uint64_t seed, uint64_t stream)
{
	hb_assert(rng->type == hb_rng_gsl_type);
	hb_rng_init(rng->state, seed, stream);
}
