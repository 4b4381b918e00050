/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Solutions of y K = f and K t = b, K = -Q of a killed chain, by Gauss-Seidel sweeps and aggregation over several
 * levels: for chains of many axes, whose separators are too large to eliminate. Adds, multiplies and divides
 * non-negative numbers only, in long double. Each answer comes with a bound that holds however it was found: the
 * inverse of K has no negative entry, so that |y K - f| <= e f in every entry means |y - x| <= e x in every entry for
 * the solution x.
 * Not thread-safe for one iteration.
 *
 * Sources: Koury, McAllister, Stewart, SIAM J. Alg. Disc. Meth. 5(2), 1984; Horton and Leutenegger, SIGMETRICS 1994;
 * Berman and Plemmons, Nonnegative matrices, 1994 (inverse-positive matrices).
 */
#ifndef METASTABLE_ITERATION_H
#define METASTABLE_ITERATION_H

#include <stdbool.h>
#include <stdint.h>

struct hb_error;
struct levels;
struct ms_generator;

struct iteration {
	const struct ms_generator *chain; /* borrowed */
	uint64_t *in_start;               /* shape [states + 1]: jumps by their target */
	uint32_t *in_from;
	double *in_rate;
	long double *out;               /* shape [states]: rate of leaving each state */
	struct levels *left, *right;    /* right: for K t = b, made when it is needed first */
	long double *occupation;        /* the weights of @right: y > 0 with y K > 0 */
	long double *weighted, *source; /* of @right: w t, and w b */
};

/* Of one solution; in practice 10 to 40. */
#define ITERATION_CYCLES_MAX 400U

/* What came out. */
struct iteration_result {
	double error; /* largest |residual| / right-hand side, with all rounding; infinite where that is 0 */
	double imbalance; /* sum of |residual| / sum of the flows through all states */
	uint32_t cycles;
};

/* iteration_bytes - estimated memory for @chain, both kinds of solutions. */
double iteration_bytes(const struct ms_generator *chain);

/*
 * iteration_create - prepare @chain, of which every state must leave for good at last.
 *
 * Returns 0, -EDOM (a state that never leaves), -E2BIG (the message has the estimate) or -ENOMEM.
 */
int iteration_create(const struct ms_generator *chain, double memory_bytes_max,
	struct iteration **ret, struct hb_error *reterr);

void iteration_destroy(struct iteration *iteration);

/*
 * iteration_left - y K = f.
 * @f: shape [states], >= 0, not all 0. @tolerance: of error, or of imbalance if @f has zeros.
 * @y: in: first guess, > 0; out: the solution.
 *
 * Returns 0, whether or not the tolerance was met: see @ret. -EDOM: numbers left the range of a long double.
 */
int iteration_left(struct iteration *it, const long double *f, double tolerance, long double *y,
	struct iteration_result *ret, struct hb_error *reterr);

/* iteration_right - K t = b likewise; finds the occupation first. Also -ENOMEM. */
int iteration_right(struct iteration *it, const long double *b, double tolerance, long double *t,
	struct iteration_result *ret, struct hb_error *reterr);

/* iteration_residual - |K t - b| in every entry, with the rounding of its computation. @ret: shape [states]. */
void iteration_residual(
	const struct iteration *it, const long double *b, const long double *t, long double *ret);

#endif
