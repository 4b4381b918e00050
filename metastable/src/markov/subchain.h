/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A chain on some of its states, killed when it leaves them, with its factor: passage times and laws start from it. */
#ifndef METASTABLE_SUBCHAIN_H
#define METASTABLE_SUBCHAIN_H

#include <stdint.h>

#include "metastable/generator.h"

struct elimination;
struct hb_error;

struct subchain {
	struct ms_generator chain;
	struct elimination *factor;
	uint32_t *
		place; /* shape [states of the whole chain]: place in the factor, UINT32_MAX outside */
	long double *vector;  /* shape [states of the part], by place, zero */
	long double *scratch; /* for the substitutions */
};

/*
 * subchain_create - restrict @generator to the states of which @keep says 1, and eliminate it.
 *
 * Returns 0, -EINVAL (nothing kept), -EDOM (a state that never leaves the part), -E2BIG or -ENOMEM.
 */
int subchain_create(const struct ms_generator *generator, const uint8_t *keep,
	double memory_bytes_max, struct subchain *ret, struct hb_error *reterr);

void subchain_finish(struct subchain *subchain);

#endif
