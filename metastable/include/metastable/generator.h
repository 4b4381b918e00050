/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sparse generators of continuous-time Markov chains whose states are points of a grid (queue x orbit x ...), found
 * by reachability from rules. The drift field is read off the generator's rows and from nothing else. Rates are per
 * second. Read-only after building: any number of threads may use one generator.
 *
 * Source: docs/design of metastable; Isaacs et al., HotOS 2025, section 3 (queue x orbit).
 */
#ifndef METASTABLE_GENERATOR_H
#define METASTABLE_GENERATOR_H

#include <stdint.h>

struct hb_error;

#define MS_AXES_MAX 8
#define MS_MOVES_MAX 64
#define MS_STATES_MAX 200000000U

/* A jump from the state that is asked about: @to lies within the bounds. */
struct ms_move {
	double rate_per_s; /* >= 0; 0 and jumps to the state itself are left out */
	int32_t to[MS_AXES_MAX];
};

/* What a chain does. @last: largest coordinate of each axis, the smallest is 0. */
struct ms_rules {
	uint32_t axes; /* 1 ... MS_AXES_MAX */
	int32_t last[MS_AXES_MAX];
	int32_t start[MS_AXES_MAX];
	const void *context; /* borrowed */

	/* Fill @ret_moves (shape [MS_MOVES_MAX]) with the jumps out of @at; returns how many. */
	uint32_t (*moves)(const void *context, const int32_t *at, struct ms_move *ret_moves);
};

/* Callers read the fields. Rows are sorted by target; the diagonal is not stored: it is minus the sum of the row. */
struct ms_generator {
	uint32_t states;
	uint32_t axes;
	int32_t last[MS_AXES_MAX];
	uint64_t nonzeros;
	uint64_t *row_start; /* shape [states + 1] */
	uint32_t *target;    /* shape [nonzeros] */
	double *rate_per_s;  /* shape [nonzeros] */
	int32_t *at;         /* shape [states x axes]: coordinates */
	double *leave_per_s; /* shape [states]: killing, rate of leaving the chain for good; NULL: never */
};

/*
 * ms_generator_bytes - memory that building would take at most.
 *
 * Returns bytes: a cheap estimate, made before anything is allocated, from the box of @rules and @moves_per_state.
 */
double ms_generator_bytes(const struct ms_rules *rules, double moves_per_state);

/*
 * ms_generator_build - all states that @rules reach from their start, in the order of their coordinates (the last
 * axis runs fastest).
 * @memory_bytes_max: refuse when the estimate is above it.
 * @ret: finish with ms_generator_finish().
 *
 * Returns 0, -EINVAL (a rate that is negative or not finite, a jump out of bounds; the message names the state), -E2BIG
 * (the message has the estimate) or -ENOMEM.
 */
int ms_generator_build(const struct ms_rules *rules, double memory_bytes_max,
	struct ms_generator *ret, struct hb_error *reterr);

/* ms_generator_finish - free what the generator owns. */
void ms_generator_finish(struct ms_generator *generator);

/*
 * ms_generator_find - the state at @at (shape [axes]).
 *
 * Returns its number, or UINT32_MAX if the chain never gets there. Logarithmic in the states.
 */
uint32_t ms_generator_find(const struct ms_generator *generator, const int32_t *at);

/*
 * ms_generator_restrict - the chain on the states of which @keep says 1, killed when it leaves them.
 * @keep: shape [states].
 * @ret_number: shape [states]: number within @ret, UINT32_MAX if left out; may be NULL.
 *
 * Returns 0, -EINVAL (nothing kept) or -ENOMEM.
 */
int ms_generator_restrict(const struct ms_generator *generator, const uint8_t *keep,
	struct ms_generator *ret, uint32_t *ret_number, struct hb_error *reterr);

/*
 * ms_generator_drift - mean speed of every coordinate, sum of rate x (target - here), from the rows.
 * @ret_drift_per_s: shape [states x axes].
 */
void ms_generator_drift(const struct ms_generator *generator, double *ret_drift_per_s);

/* ms_generator_exit_rate - sum of a row, with the rate of leaving the chain. */
double ms_generator_exit_rate(const struct ms_generator *generator, uint32_t state);

#endif
