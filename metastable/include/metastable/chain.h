/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Questions to a sparse chain: long-run law, mean times, committors, quasi-stationary laws, slow eigenvalues and
 * transients. Direct answers add, multiply and divide non-negative numbers only, so that they are right to about
 * states x 1e-16 in every entry, or are refused. Times in seconds. One chain may be asked by several threads.
 *
 * Sources: Grassmann, Taksar, Heyman, Oper. Res. 33(5), 1985; Bovier, den Hollander, Metastability, 2015 (committors,
 * quasi-stationary laws); Lehoucq, Sorensen, Yang, ARPACK users' guide, 1998; Fox and Glynn, CACM 31(4), 1988.
 */
#ifndef METASTABLE_CHAIN_H
#define METASTABLE_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

struct hb_error;
struct ms_generator;
struct elimination;

#define MS_EIGENVALUES_MAX 16
#define MS_ITERATION_TOLERANCE 1e-10 /* that iterative answers aim at */

/*
 * ms_stationary - long-run share of time of each state.
 * @memory_bytes_max: refuse beyond this estimate; 0: no limit.
 * @ret_share: shape [states]; sums to 1. Shares below 1e-308 come out as 0.
 * @ret_factor: the factor that it was made with, for ms_spectrum(); free with ms_factor_destroy(); may be NULL,
 * which halves the memory. NULL comes back where the chain leaves states for good, whose shares are 0.
 *
 * Returns 0, -EDOM (more than one closed class, or beyond double precision), -E2BIG (memory) or -ENOMEM.
 */
int ms_stationary(const struct ms_generator *generator, double memory_bytes_max, double *ret_share,
	struct elimination **ret_factor, struct hb_error *reterr);

void ms_factor_destroy(struct elimination *factor);

/* ms_factor_bytes - memory that making @factor took at its peak, by its estimate. */
double ms_factor_bytes(const struct elimination *factor);

/*
 * ms_passage_time - mean time from every state until one of @target is entered.
 * @target: shape [states], 0 or 1.
 * @ret_time_s: shape [states]; 0 within @target.
 *
 * Returns 0, -EINVAL (nothing or everything is a target), -EDOM (a state that never gets there, or beyond double
 * precision), -ERANGE (a mean above 1e308 s), -E2BIG or -ENOMEM.
 */
int ms_passage_time(const struct ms_generator *generator, const uint8_t *target,
	double memory_bytes_max, double *ret_time_s, struct hb_error *reterr);

/*
 * ms_committor - probability of entering @goal before @other, from every state.
 * @ret_probability: shape [states]; 1 within @goal, 0 within @other.
 *
 * Returns as ms_passage_time(); -EINVAL also where the sets meet.
 */
int ms_committor(const struct ms_generator *generator, const uint8_t *goal, const uint8_t *other,
	double memory_bytes_max, double *ret_probability, struct hb_error *reterr);

/* A quasi-stationary law: where the chain is, given that it has long been in a basin and has not left it. */
struct ms_quasi_stationary {
	double exit_rate_per_s; /* of the basin, from that law: smallest eigenvalue of the chain killed at its edge */
	double residual; /* largest relative change in the last step */
	double law_error; /* distance from the law (half of the sum of differences), as the last two steps let expect */
	uint32_t steps;
	bool converged; /* to @tolerance within the steps allowed */
};

/*
 * ms_quasi_stationary - the quasi-stationary law of @basin, by inverse iteration.
 * @basin: shape [states], 0 or 1. @tolerance: relative, of the exit rate and of the law (largest change).
 * @ret_share: shape [states]; 0 outside; sums to 1. It is also the left eigenvector; the exit law is its flow over the
 * edge.
 *
 * Returns 0, -EINVAL (empty, or everything), -EDOM, -E2BIG or -ENOMEM.
 */
int ms_quasi_stationary_law(const struct ms_generator *generator, const uint8_t *basin,
	double tolerance, double memory_bytes_max, double *ret_share,
	struct ms_quasi_stationary *ret, struct hb_error *reterr);

/* Eigenvalues of Q that are not 0, slowest first; pairs of complex ones stand together. */
struct ms_spectrum {
	uint32_t count;
	double real_per_s[MS_EIGENVALUES_MAX];
	double imaginary_per_s[MS_EIGENVALUES_MAX];
	double residual
		[MS_EIGENVALUES_MAX]; /* |Q x - lambda x| / (|lambda| |x|), in the norm weighted by the law */
	bool resolved;                /* all residuals are below 1e-6 */
};

/*
 * ms_spectrum - the @count slowest eigenvalues besides 0.
 * @share: what ms_stationary() gave. @factor: from there too; it is used up (scaled): destroy it afterwards.
 * @count: 1 ... MS_EIGENVALUES_MAX - 1, below states - 2.
 *
 * Arnoldi (ARPACK) on the inverse of Q on the complement of the law, in the scalar product that the law weights, in
 * which reversible chains are symmetric. Returns 0, -EINVAL (@count), -EIO (ARPACK; the message has its code) or
 * -ENOMEM.
 */
int ms_spectrum(const struct ms_generator *generator, struct elimination *factor, uint32_t count,
	struct ms_spectrum *ret, struct hb_error *reterr);

/*
 * ms_transient - law at time @time_s from the law @initial, by uniformisation.
 * @initial: shape [states], >= 0, sums to 1. @error: what may be lost in total, 1e-14 ... 0.1; the bound is a priori.
 * @steps_max: refuse when more products of vector and matrix are needed; 0: no limit.
 * @ret_share: shape [states]; may be @initial.
 * @ret_steps: products that it took, fewer than foreseen once the law stands still; may be NULL.
 *
 * Returns 0, -EINVAL, -E2BIG (steps; the message has the number) or -ENOMEM.
 */
int ms_transient(const struct ms_generator *generator, const double *initial, double time_s,
	double error, double steps_max, double *ret_share, uint64_t *ret_steps,
	struct hb_error *reterr);

/* ---- without elimination, for chains of many axes ---- */

/* How exact an iterative answer is. */
struct ms_bound {
	double error; /* a bound of what is said with each question, all rounding included; not an estimate */
	uint32_t cycles; /* of sweeps and aggregation */
};

/* What the iterative answers about a chain take, by its size: both laws of the basins, times and the long-run law. */
struct ms_iteration_cost {
	double bytes;   /* besides the chain */
	double seconds; /* expected, of one processor; eight times as much at most */
};

/* ms_iteration_cost - before anything is computed. */
struct ms_iteration_cost ms_iteration_cost(const struct ms_generator *generator);

/*
 * ms_stationary_iterative - as ms_stationary(), without a factor.
 * @ret: error bounds the sum of all |share - true share|. It is |x Q| weighted with the mean times to one state, so
 * that parts between which the chain hardly ever passes make it large where double precision cannot tell their shares.
 *
 * Source of the bound: the deviation matrix by first passages; Hunter, Lin. Alg. Appl. 45, 1982.
 */
int ms_stationary_iterative(const struct ms_generator *generator, double memory_bytes_max,
	double *ret_share, struct ms_bound *ret, struct hb_error *reterr);

/* ms_passage_time_iterative - as ms_passage_time(). @ret: error is relative, of every entry. */
int ms_passage_time_iterative(const struct ms_generator *generator, const uint8_t *target,
	double memory_bytes_max, double *ret_time_s, struct ms_bound *ret, struct hb_error *reterr);

/* ms_committor_iterative - as ms_committor(). @ret: error is absolute, of every entry. */
int ms_committor_iterative(const struct ms_generator *generator, const uint8_t *goal,
	const uint8_t *other, double memory_bytes_max, double *ret_probability,
	struct ms_bound *ret, struct hb_error *reterr);

/*
 * ms_quasi_stationary_iterative - as ms_quasi_stationary_law().
 * @ret_bound: error is relative, of the exit rate: it lies between the least and the largest flow out of a state over
 * its share (Collatz and Wielandt). The law itself has its residual.
 */
int ms_quasi_stationary_iterative(const struct ms_generator *generator, const uint8_t *basin,
	double tolerance, double memory_bytes_max, double *ret_share,
	struct ms_quasi_stationary *ret, struct ms_bound *ret_bound, struct hb_error *reterr);

#endif
