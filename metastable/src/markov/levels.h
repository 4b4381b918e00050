/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One cycle of sweeps and aggregation over a hierarchy of ever coarser chains, for y K = f with K = -Q of a chain that
 * leaves for good. States are joined along the axes on which the chain moves fastest, a few at a time, until a dense
 * elimination takes over. Adds, multiplies and divides non-negative numbers only. Not thread-safe for one hierarchy.
 *
 * Source: Horton and Leutenegger, A multi-level solution algorithm for steady-state Markov chains, SIGMETRICS 1994.
 */
#ifndef METASTABLE_LEVELS_H
#define METASTABLE_LEVELS_H

#include <stdint.h>

struct hb_error;
struct ms_generator;

#define LEVELS_MAX 32

/* A chain; jumps are listed by the state that they lead to. */
struct level {
	uint32_t states;
	uint64_t jumps;
	uint64_t *start;          /* shape [states + 1] */
	uint32_t *from;           /* shape [jumps] */
	long double *rate;        /* shape [jumps], per second */
	long double *leave, *out; /* shape [states], per second; out: of all jumps and of leaving */
	long double *right, *x, *mass; /* shape [states]; mass: x before it was improved */
	uint32_t *group;               /* shape [states]: state of the next level */
	uint32_t *joined; /* shape [jumps]: jump of the next level; UINT32_MAX within a group */
};

struct levels {
	uint32_t count;
	struct level level[LEVELS_MAX];
	long double *dense; /* shape [(states of the last level + 1) squared] */
};

/* levels_bytes - estimated memory of a hierarchy. */
double levels_bytes(double states, double jumps);

/*
 * levels_create - for the states of @chain and the pattern of its jumps. The caller fills in rate, leave and out of
 * level[0] before the first cycle; everything else is made from them.
 * @ret_place: shape [nonzeros of @chain]: where each jump of @chain stands in level[0].
 *
 * Returns 0 or -ENOMEM.
 */
int levels_create(const struct ms_generator *chain, uint64_t *ret_place, struct levels **ret,
	struct hb_error *reterr);

void levels_destroy(struct levels *levels);

/* levels_cycle - improve @x, all > 0, towards the solution of x K = @right. Shapes [states]. */
void levels_cycle(struct levels *levels, const long double *right, long double *x);

#endif
