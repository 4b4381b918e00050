/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The generator of rng.h as a gsl_rng_type, so that GSL's distributions draw from the same streams. Apart from rng.h,
 * so that programs which draw no GSL distribution do not load GSL.
 */
#ifndef HOTBED_RNG_GSL_H
#define HOTBED_RNG_GSL_H

#include <stdint.h>

#include <gsl/gsl_rng.h>

/* hb_rng_gsl_type - pass it to gsl_rng_alloc(). gsl_rng_set(r, s) selects stream 0 of seed s. */
extern const gsl_rng_type *const hb_rng_gsl_type;

/* hb_rng_gsl_seed - put @rng (of hb_rng_gsl_type) at the start of stream @stream of seed @seed. */
void hb_rng_gsl_seed(gsl_rng *rng, uint64_t seed, uint64_t stream);

#endif
