/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Factors of a chain's generator by elimination without a subtraction, in nested-dissection order, from dense fronts
 * (multifrontal). With K = -Q: solutions of K x = b and y K = f for b, f >= 0 have every entry right to about
 * states x 1e-16, however stiff the chain. Not thread-safe for one factor; different ones are.
 *
 * Sources: Grassmann, Taksar, Heyman, Oper. Res. 33(5), 1985; O'Cinneide, Numer. Math. 65, 1993 (entrywise error);
 * Duff and Reid, ACM TOMS 9(3), 1983 (fronts).
 */
#ifndef METASTABLE_ELIMINATION_H
#define METASTABLE_ELIMINATION_H

#include <stdbool.h>
#include <stdint.h>

#include "dissection.h"

struct hb_error;
struct ms_generator;

/* One eliminated separator or leaf. Rows hold the entries after the diagonal only. */
struct elimination_node {
	uint32_t first;
	uint32_t pivots;
	uint32_t boundary_count;
	uint32_t children;
	uint64_t boundary_start;
	double *out; /* probabilities of the state entered next, row by row; NULL if not kept */
	double *in;  /* rates into the pivots from later states, a row for each pivot */
};

struct elimination {
	uint32_t states;
	uint32_t nodes;
	uint32_t front_max; /* largest front */
	bool closed;        /* no killing: the last pivot is 0 */
	bool scaled;        /* elimination_scale() was called */
	double entries;     /* of the factors */
	double bytes;       /* estimated peak while it was made */
	struct elimination_node *node;
	uint32_t *order;    /* place -> state */
	uint32_t *boundary; /* places, sorted per node */
	double *pivot;      /* shape [states], by place */
};

struct elimination_options {
	enum dissection_kind order;
	bool without_out;        /* keep only what the stationary law needs */
	const uint32_t *last;    /* state to be eliminated after all others; NULL: whichever */
	double memory_bytes_max; /* 0: no limit */
};

/*
 * elimination_create - eliminate all states of @generator (a chain that is killed somewhere, or an irreducible one).
 *
 * Returns 0, -E2BIG (memory; the message has the estimate), -EDOM (a state that nothing leaves: the chain has more than
 * one closed class, or its time scales are beyond double precision) or -ENOMEM.
 */
int elimination_create(const struct ms_generator *generator,
	const struct elimination_options *options, struct elimination **ret,
	struct hb_error *reterr);

void elimination_destroy(struct elimination *elimination);

/*
 * elimination_right - x with K x = b, by place, in place of @x. b >= 0 for entrywise accuracy. A closed chain's last
 * entry is set to 0 and its equation is left out. @scratch: shape [front_max].
 */
void elimination_right(const struct elimination *e, long double *x, long double *scratch);

/* elimination_left - y with y K = f likewise; not for closed chains. */
void elimination_left(const struct elimination *e, long double *y, long double *scratch);

/* elimination_right_double - as elimination_right(), in double precision: for factors that are scaled. */
void elimination_right_double(const struct elimination *e, double *x, double *scratch);

/* elimination_left_double - as elimination_left(); for a closed chain the last entry is set to 0. */
void elimination_left_double(const struct elimination *e, double *y, double *scratch);

/*
 * elimination_stationary - the law of a closed chain, by place, as logarithms.
 * @ret_log2: shape [states]; the largest is at 0. No law is too steep for it.
 *
 * Returns 0 or -ENOMEM.
 */
int elimination_stationary(const struct elimination *e, double *ret_log2, struct hb_error *reterr);

/*
 * elimination_scale - turn the factors of K into those of D K D^-1, D = diag(2^@power), exactly unless an entry
 * leaves the range of a double. @power: shape [states], by place.
 */
void elimination_scale(struct elimination *e, const int32_t *power);

#endif
