/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One-factor copulas: node i fails when sqrt(rho) M + sqrt(1 - rho) Z_i is below the normal quantile of its fault
 * probability; with Student's t the sum is multiplied by sqrt(dof / W), W chi-squared, so that faults also cluster
 * in the far tail. A failed node is Byzantine with the share byz / (crash + byz), independently.
 *
 * Given the factor, nodes are independent: the integral over it is a trapezoidal sum on the real line, which for
 * these analytic integrands converges exponentially; the step is halved until less than 1e-11 of any metric is left.
 *
 * Source: Vasicek 1987; Li 2000; Demarta and McNeil 2005; Trefethen and Weideman, SIAM Rev. 56(3), 2014 (trapezoid).
 */
#ifndef PROBCONS_COPULA_H
#define PROBCONS_COPULA_H

#include <stdint.h>

struct hb_error;

enum pc_copula_kind {
	PC_COPULA_NONE,
	PC_COPULA_GAUSSIAN,
	PC_COPULA_STUDENT,
};

/* Zero-initialised: no copula. */
struct pc_copula {
	enum pc_copula_kind kind;
	double rho; /* correlation of two nodes' latent variables, [0, 1) */
	double dof; /* Student's degrees of freedom, [1, 1000] */
};

/*
 * pc_copula_parse - `gaussian:RHO` or `t:RHO,DOF`. Returns 0 or -EINVAL.
 */
int pc_copula_parse(const char *text, struct pc_copula *ret, struct hb_error *reterr);

/* pc_copula_check - ranges as above. Returns 0 or -EINVAL. */
int pc_copula_check(const struct pc_copula *copula, struct hb_error *reterr);

/* pc_copula_threshold - the latent quantile of fault probability @q; -inf for 0, +inf for 1. */
double pc_copula_threshold(const struct pc_copula *copula, double q);

/*
 * pc_copula_conditional - fault probability given the factor @m and, for Student's t, @scale = sqrt(W / dof) (else
 * 1).
 */
double pc_copula_conditional(
	const struct pc_copula *copula, double threshold, double m, double scale);

/*
 * A case of the mixture: called with the weight of the case and the fault probability of each distinct threshold.
 */
typedef int pc_copula_case_fn(
	const double *q, double *ret_values, void *user, struct hb_error *reterr);

/*
 * pc_copula_integrate - mean of @value_count functions of the conditional fault probabilities over the factor.
 * @copula: checked, not NONE. @q: marginal fault probabilities, shape [count].
 * @evaluate: fills ret_values (shape [value_count], at most 16, each in [0, 1]) from conditional probabilities
 * (shape [count]).
 * @ret: shape [value_count]; each is exact to 1e-11 relative, or is 0 where everything underflows.
 *
 * Returns 0, -ERANGE (no convergence after 2^20 cases: rho too close to 1), -ENOMEM or what @evaluate returned.
 */
int pc_copula_integrate(const struct pc_copula *copula, const double *q, uint32_t count,
	pc_copula_case_fn *evaluate, void *user, uint32_t value_count, double *ret,
	struct hb_error *reterr);

#endif
