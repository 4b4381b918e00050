/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Integration over the factor of a copula. See probcons/copula.h.
 *
 * The trapezoidal rule at step h on the whole line has an error of exp(-2 pi a / h) for an integrand analytic in a
 * strip of half-width a: halving the step squares the relative error. A change of 1e-6 between two steps therefore
 * leaves an error of about 1e-12 in the finer one. All functions share the points, and the most expensive thing,
 * the case, is evaluated once for all of them.
 *
 * Where to stop: every function is at most 1 and, for the normal factor, falls as the factor grows; what lies
 * beyond a point is therefore bounded by the density (left) or by density times the last value (right).
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sf_gamma.h>

#include <hotbed/error.h>

#include <probcons/copula.h>

#define VALUES_MAX 16
#define STEP_FIRST 0.5
#define FACTOR_MAX 38.5 /* the normal density is 0 in a double beyond */
#define NEGLIGIBLE 1e-13
#define CHANGE_MAX 1e-6
#define ERROR_OF_FLOOR 1e-13 /* an error below this share of the whole matters to nobody */
#define CASES_MAX (1u << 20)
#define LEVELS_MAX 18

int pc_copula_check(const struct pc_copula *copula, struct hb_error *reterr)
{
	if (copula->kind == PC_COPULA_NONE)
		return 0;
	if (!(copula->rho >= 0 && copula->rho < 1))
		return hb_error_set(reterr, -EINVAL,
			"copula correlation %g is outside [0, 1); for 1 use a beta factor of 1",
			copula->rho);
	if (copula->kind == PC_COPULA_STUDENT && !(copula->dof >= 1 && copula->dof <= 1000))
		return hb_error_set(reterr, -EINVAL,
			"copula degrees of freedom %g are outside [1, 1000]; above, take gaussian",
			copula->dof);
	return 0;
}

int pc_copula_parse(const char *text, struct pc_copula *ret, struct hb_error *reterr)
{
	struct pc_copula copula = {0};
	const char *at;
	char *end;
	int rc;

	if (!strncmp(text, "gaussian:", 9)) {
		copula.kind = PC_COPULA_GAUSSIAN;
		at = text + 9;
	} else if (!strncmp(text, "t:", 2)) {
		copula.kind = PC_COPULA_STUDENT;
		at = text + 2;
	} else {
		return hb_error_set(
			reterr, -EINVAL, "copula `%s` is neither gaussian:RHO nor t:RHO,DOF", text);
	}
	copula.rho = strtod(at, &end);
	if (end != at && copula.kind == PC_COPULA_STUDENT && *end == ',') {
		at = end + 1;
		copula.dof = strtod(at, &end);
	} else if (copula.kind == PC_COPULA_STUDENT) {
		end = (char *)at;
	}
	if (end == at || *end != '\0')
		return hb_error_set(
			reterr, -EINVAL, "copula `%s` is neither gaussian:RHO nor t:RHO,DOF", text);
	rc = pc_copula_check(&copula, reterr);
	if (!rc)
		*ret = copula;
	return rc;
}

double pc_copula_threshold(const struct pc_copula *copula, double q)
{
	if (q <= 0)
		return -INFINITY;
	if (q >= 1)
		return INFINITY;
	return copula->kind == PC_COPULA_STUDENT ? gsl_cdf_tdist_Pinv(q, copula->dof)
						 : gsl_cdf_ugaussian_Pinv(q);
}

double pc_copula_conditional(
	const struct pc_copula *copula, double threshold, double m, double scale)
{
	if (isinf(threshold))
		return threshold > 0;
	return gsl_cdf_ugaussian_P(
		(threshold * scale - sqrt(copula->rho) * m) / sqrt(1 - copula->rho));
}

struct integral {
	const struct pc_copula *copula;
	const double *thresholds;
	double *conditional;
	uint32_t count;
	pc_copula_case_fn *evaluate;
	void *user;
	uint32_t value_count;
	uint32_t cases;
	bool nothing[VALUES_MAX]; /* identically 0 */
	struct hb_error *reterr;
};

static double normal_density(double m)
{
	return 0.39894228040143267794 * exp(-m * m / 2);
}

static int case_at(struct integral *in, double m, double scale, double *values)
{
	if (++in->cases > CASES_MAX)
		return hb_error_set(in->reterr, -ERANGE,
			"the copula integral does not settle after %u cases; correlation %g is too "
			"close to 1",
			CASES_MAX, in->copula->rho);
	for (uint32_t i = 0; i < in->count; i++)
		in->conditional[i] = pc_copula_conditional(in->copula, in->thresholds[i], m, scale);
	return in->evaluate(in->conditional, values, in->user, in->reterr);
}

/*
 * One line of points. @floor: mean values below which nothing matters to the caller's result.
 */
struct line {
	double scale;
	const double *floor;
	double left, right;     /* beyond, nothing matters */
	double sum[VALUES_MAX]; /* of density x value over the points so far */
};

static bool negligible(
	const struct integral *in, const struct line *line, double bound, const double *values)
{
	for (uint32_t k = 0; k < in->value_count; k++) {
		double whole = fmax(line->sum[k] * STEP_FIRST, line->floor[k]);

		if (!in->nothing[k] && bound * (values ? values[k] : 1) > NEGLIGIBLE * whole)
			return false;
	}
	return true;
}

static int add_point(struct integral *in, struct line *line, double m, double *values)
{
	int rc = case_at(in, m, line->scale, values);

	for (uint32_t k = 0; k < in->value_count && !rc; k++)
		line->sum[k] += normal_density(m) * values[k];
	return rc;
}

/*
 * Points at the first step: from the middle to the left, then to the right, until nothing matters any more.
 */
static int first_level(struct integral *in, struct line *line)
{
	double values[VALUES_MAX], middle[VALUES_MAX];
	int rc = add_point(in, line, 0, middle);

	line->left = 0;
	while (!rc && line->left > -FACTOR_MAX &&
		!negligible(in, line, normal_density(line->left), NULL)) {
		line->left -= STEP_FIRST;
		rc = add_point(in, line, line->left, values);
	}
	line->right = 0;
	if (!rc)
		memcpy(values, middle, in->value_count * sizeof(values[0]));
	while (!rc && line->right < FACTOR_MAX &&
		!negligible(in, line, normal_density(line->right), values)) {
		line->right += STEP_FIRST;
		rc = add_point(in, line, line->right, values);
	}
	return rc;
}

/*
 * The change between two steps that leaves an error of no account. A line that adds little to the whole of @floor
 * may change by more, as the error that is left is the square of the relative change.
 */
static double change_allowed(double now, double floor)
{
	double squared = fmin(1e-3 * now, sqrt(ERROR_OF_FLOOR * floor * now));

	return fmax(fmax(CHANGE_MAX * now, squared), ERROR_OF_FLOOR * floor);
}

/* Mean of the values over the normal factor, given the scale. */
static int line_integrate(struct integral *in, double scale, const double *floor, double *ret)
{
	struct line line = {.scale = scale, .floor = floor};
	double step = STEP_FIRST, values[VALUES_MAX];
	int rc = first_level(in, &line);
	bool settled = false;

	for (uint32_t k = 0; k < in->value_count && !rc; k++)
		ret[k] = line.sum[k] * step;
	for (int level = 0; level < LEVELS_MAX && !rc && !settled; level++) {
		long points = lround((line.right - line.left) / step);

		for (long i = 0; i < points && !rc; i++)
			rc = add_point(in, &line, line.left + ((double)i + 0.5) * step, values);
		step /= 2;
		settled = true;
		for (uint32_t k = 0; k < in->value_count && !rc; k++) {
			double now = line.sum[k] * step;

			settled = settled && fabs(now - ret[k]) <= change_allowed(now, floor[k]);
			ret[k] = now;
		}
	}
	if (!rc && !settled)
		rc = hb_error_set(in->reterr, -ERANGE,
			"the copula integral does not settle; correlation %g is too close to 1",
			in->copula->rho);
	return rc;
}

/* Density of x = ln sqrt(W / dof) for W chi-squared. */
static double scale_density(double dof, double x)
{
	double half = dof / 2 * exp(2 * x);

	return 2 * exp(dof / 2 * log(half) - half - gsl_sf_lngamma(dof / 2));
}

/* The outer line of Student's copula, over the logarithm of the scale. */
struct outer {
	double left, right;
	double sum[VALUES_MAX];
	double step;
};

static int add_line(struct integral *in, struct outer *outer, double x)
{
	double density = scale_density(in->copula->dof, x);
	double floor[VALUES_MAX], values[VALUES_MAX];
	int rc;

	if (density == 0)
		return 0;
	for (uint32_t k = 0; k < in->value_count; k++)
		floor[k] = outer->sum[k] * outer->step / density;
	rc = line_integrate(in, exp(x), floor, values);
	for (uint32_t k = 0; k < in->value_count && !rc; k++)
		outer->sum[k] += density * values[k];
	return rc;
}

static bool outer_negligible(const struct integral *in, const struct outer *outer, double bound)
{
	for (uint32_t k = 0; k < in->value_count; k++)
		if (!in->nothing[k] && bound > NEGLIGIBLE * outer->sum[k] * outer->step)
			return false;
	return true;
}

/*
 * The density rises as exp(dof x) from the left: what is left of a point is at most density / dof, times exp(W /
 * 2).
 */
static int outer_first(struct integral *in, struct outer *outer)
{
	double dof = in->copula->dof;
	int rc = add_line(in, outer, 0);

	while (!rc && outer->left > -760 &&
		!outer_negligible(in, outer,
			scale_density(dof, outer->left) * exp(dof / 2 * exp(2 * outer->left)) /
				dof)) {
		outer->left -= outer->step;
		rc = add_line(in, outer, outer->left);
	}
	while (!rc && outer->right < 20 &&
		!outer_negligible(in, outer, scale_density(dof, outer->right))) {
		outer->right += outer->step;
		rc = add_line(in, outer, outer->right);
	}
	return rc;
}

/*
 * Values that are 0 at the worst factor, and for Student's copula at scale 0, where everybody fails who can, are 0
 * always.
 */
static int find_nothing(struct integral *in)
{
	double values[VALUES_MAX];
	int rc = case_at(in, -FACTOR_MAX, in->copula->kind == PC_COPULA_STUDENT ? 0 : 1, values);

	for (uint32_t k = 0; k < in->value_count && !rc; k++)
		in->nothing[k] = values[k] == 0;
	return rc;
}

static int student_integrate(struct integral *in, double *ret)
{
	struct outer outer = {.step = 0.25 / sqrt(1 + in->copula->dof / 32)};
	bool settled = false;
	int rc = outer_first(in, &outer);

	for (uint32_t k = 0; k < in->value_count && !rc; k++)
		ret[k] = outer.sum[k] * outer.step;
	for (int level = 0; level < LEVELS_MAX && !rc && !settled; level++) {
		long points = lround((outer.right - outer.left) / outer.step);

		for (long i = 0; i < points && !rc; i++)
			rc = add_line(in, &outer, outer.left + ((double)i + 0.5) * outer.step);
		outer.step /= 2;
		settled = true;
		for (uint32_t k = 0; k < in->value_count && !rc; k++) {
			double now = outer.sum[k] * outer.step;

			settled = settled && fabs(now - ret[k]) <= CHANGE_MAX * now;
			ret[k] = now;
		}
	}
	if (!rc && !settled)
		rc = hb_error_set(in->reterr, -ERANGE,
			"the copula integral does not settle; correlation %g is too close to 1",
			in->copula->rho);
	return rc;
}

int pc_copula_integrate(const struct pc_copula *copula, const double *q, uint32_t count,
	pc_copula_case_fn *evaluate, void *user, uint32_t value_count, double *ret,
	struct hb_error *reterr)
{
	static const double no_floor[VALUES_MAX];
	double *work = malloc((2 * (size_t)count + 1) * sizeof(work[0]));
	double values[VALUES_MAX];
	struct integral in = {.copula = copula,
		.thresholds = work,
		.conditional = work + count,
		.count = count,
		.evaluate = evaluate,
		.user = user,
		.value_count = value_count,
		.reterr = reterr};
	int rc;

	if (!work)
		return hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", count);
	if (value_count > VALUES_MAX) {
		free(work);
		return hb_error_set(
			reterr, -EINVAL, "%u functions; at most %d", value_count, VALUES_MAX);
	}
	for (uint32_t i = 0; i < count; i++)
		work[i] = pc_copula_threshold(copula, q[i]);
	rc = find_nothing(&in);
	if (!rc)
		rc = copula->kind == PC_COPULA_STUDENT ? student_integrate(&in, values)
						       : line_integrate(&in, 1, no_floor, values);
	for (uint32_t k = 0; k < value_count && !rc; k++)
		ret[k] = fmin(values[k], 1);
	free(work);
	return rc;
}
