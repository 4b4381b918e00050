/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpack/arpack.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "denormals.h"
#include "elimination.h"
#include "hotbed/assert.h"
#include "hotbed/error.h"
#include "metastable/chain.h"
#include "metastable/generator.h"

#define RESTARTS_MAX 300
#define TOLERANCE 1e-13
#define RESIDUAL_MAX 1e-6
/* An eigenvalue so far in front of the next would drown it in its rounding errors: it is taken out first. */
#define FAR 1e3

/* States rarer than the square of this are weighted as if they were not, so that all weights can be written. */
#define RAREST_LOG2 (-450.0)

/* A part of the space that is taken out: y -> y - right (left . y), with left . right = 1. */
struct deflation {
	double *right;
	double *left;
};

/*
 * The inverse of the generator as ARPACK sees it, by place. With D = diag(2^power) close to the root of the law,
 * vectors are y = D x; so the right eigenvector of 0 is D 1, the left one D^-1 law, and a reversible chain is nearly
 * symmetric, without which eigenvalues of long queues cannot be told (their condition grows like rho^(-K/2)).
 */
struct inverse {
	const struct elimination *e;
	uint32_t states;
	struct deflation out[MS_EIGENVALUES_MAX];
	uint32_t outs;
	double *scratch; /* shape [front_max] */
};

static double product(const double *a, const double *b, uint32_t count)
{
	double sum[4] = {0.0, 0.0, 0.0, 0.0};
	uint32_t i = 0;

	for (; i + 4 <= count; i += 4) {
		for (uint32_t l = 0; l < 4; l++)
			sum[l] += a[i + l] * b[i + l];
	}
	for (; i < count; i++)
		sum[0] += a[i] * b[i];
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void project(const struct inverse *a, double *y)
{
	for (uint32_t d = 0; d < a->outs; d++) {
		double part = product(a->out[d].left, y, a->states);

		for (uint32_t p = 0; p < a->states; p++)
			y[p] -= part * a->out[d].right[p];
	}
}

static void project_left(const struct inverse *a, double *y)
{
	for (uint32_t d = 0; d < a->outs; d++) {
		double part = product(a->out[d].right, y, a->states);

		for (uint32_t p = 0; p < a->states; p++)
			y[p] -= part * a->out[d].left[p];
	}
}

/*
 * to = K^-1 from, on what is left. Projected on both sides: what rounding leaves of a slow part is blown up by its
 * inverse eigenvalue, and has to be taken out again.
 */
static void apply(const struct inverse *a, const double *from, double *to)
{
	memcpy(to, from, a->states * sizeof(*to));
	project(a, to);
	elimination_right_double(a->e, to, a->scratch);
	project(a, to);
}

static void apply_left(const struct inverse *a, double *y)
{
	project_left(a, y);
	elimination_left_double(a->e, y, a->scratch);
	project_left(a, y);
}

/* ARPACK keeps its state between calls in variables of its own: one run at a time. */
static pthread_mutex_t arpack = PTHREAD_MUTEX_INITIALIZER;

/* Buffers of one run of ARPACK. */
struct arnoldi {
	a_int states, wanted, basis;
	double *residual, *vectors, *work, *work_small;
	a_int *select;
	double *real, *imaginary; /* shape [wanted + 1] */
	double *ritz;             /* shape [states x (wanted + 1)] */
};

static void finish_arnoldi(struct arnoldi *w)
{
	free(w->residual);
	free(w->vectors);
	free(w->work);
	free(w->work_small);
	free(w->select);
	free(w->real);
	free(w->imaginary);
}

static int begin_arnoldi(struct arnoldi *w, uint32_t states, uint32_t wanted, uint32_t outs)
{
	a_int basis = 2 * (a_int)wanted + 12, room = (a_int)(states - outs);

	memset(w, 0, sizeof(*w));
	w->states = (a_int)states;
	w->wanted = (a_int)wanted;
	/* What has been taken out is no room for a basis. */
	w->basis = basis < room ? basis : room;
	w->residual = malloc(states * sizeof(double));
	w->vectors = malloc((size_t)states * (size_t)w->basis * sizeof(double));
	w->work = malloc(3 * (size_t)states * sizeof(double));
	w->work_small = malloc((size_t)(3 * w->basis * w->basis + 9 * w->basis) * sizeof(double));
	w->select = malloc((size_t)w->basis * sizeof(*w->select));
	w->real = calloc((size_t)wanted + 2, sizeof(double));
	w->imaginary = calloc((size_t)wanted + 2, sizeof(double));
	if (w->residual == NULL || w->vectors == NULL || w->work == NULL || w->work_small == NULL ||
		w->select == NULL || w->real == NULL || w->imaginary == NULL)
		return -ENOMEM;
	/* A start of its own: ARPACK's random one would differ from run to run. */
	for (uint32_t p = 0; p < states; p++)
		w->residual[p] = sin(1.0 + 0.7 * p) + 0.1 * cos(0.013 * p);
	/* The eigenvectors take the place of the basis, as ARPACK allows. */
	w->ritz = w->vectors;
	return 0;
}

/* The @w->wanted eigenvalues of largest magnitude. Returns how many converged, or -EIO. */
static int arnoldi(const struct inverse *a, struct arnoldi *w, struct hb_error *reterr)
{
	a_int ido = 0, info = 1, parameters[11] = {0}, pointers[14] = {0};
	double size;
	a_int small = 3 * w->basis * w->basis + 6 * w->basis;

	parameters[0] = 1;
	parameters[2] = RESTARTS_MAX;
	parameters[6] = 1;
	for (;;) {
		dnaupd_c(&ido, "I", w->states, "LM", w->wanted, TOLERANCE, w->residual, w->basis,
			w->vectors, w->states, parameters, pointers, w->work, w->work_small, small,
			&info);
		if (ido != -1 && ido != 1)
			break;
		apply(a, w->work + pointers[0] - 1, w->work + pointers[1] - 1);
		/* LAPACK ends the process when it meets what is no number. */
		size = product(w->work + pointers[1] - 1, w->work + pointers[1] - 1, a->states);
		if (!isfinite(size))
			return hb_error_set(reterr, -EDOM,
				"the eigenvalues of this chain are beyond double precision: its "
				"law is too "
				"steep");
	}
	if (info < 0)
		return hb_error_set(reterr, -EIO, "ARPACK's dnaupd failed with code %d", info);
	dneupd_c(1, "A", w->select, w->real, w->imaginary, w->ritz, w->states, 0.0, 0.0,
		w->work_small + small, "I", w->states, "LM", w->wanted, TOLERANCE, w->residual,
		w->basis, w->vectors, w->states, parameters, pointers, w->work, w->work_small,
		small, &info);
	if (info < 0)
		return hb_error_set(reterr, -EIO, "ARPACK's dneupd failed with code %d", info);
	return parameters[4] < w->wanted + 1 ? parameters[4] : w->wanted;
}

static double magnitude(const struct arnoldi *w, uint32_t i)
{
	return hypot(w->real[i], w->imaginary[i]);
}

/* Largest first; both of a complex pair have one magnitude and stay together, as the sort is stable. */
static void rank(const struct arnoldi *w, uint32_t count, uint32_t *ret_order)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t place = i;

		while (place > 0 &&
			magnitude(w, ret_order[place - 1]) < magnitude(w, i) * (1.0 - 1e-14)) {
			ret_order[place] = ret_order[place - 1];
			place--;
		}
		ret_order[place] = i;
	}
}

/* |A y - mu y| / (|mu| |y|) for eigenvalue @i; complex pairs stand in two columns, the first for the real part. */
static double ritz_residual(const struct inverse *a, const struct arnoldi *w, uint32_t i)
{
	uint32_t n = a->states;
	bool second = w->imaginary[i] < 0.0 && i > 0 && w->imaginary[i - 1] == -w->imaginary[i];
	const double *x = w->ritz + (size_t)(second ? i - 1 : i) * n;
	const double *z = w->imaginary[i] != 0.0 ? x + n : NULL;
	double real = w->real[i], imaginary = fabs(w->imaginary[i]), error = 0.0, norm = 0.0;

	apply(a, x, w->work);
	for (uint32_t p = 0; p < n; p++) {
		double d = w->work[p] - real * x[p] + (z != NULL ? imaginary * z[p] : 0.0);

		error += d * d;
		norm += x[p] * x[p];
	}
	if (z != NULL) {
		apply(a, z, w->work);
		for (uint32_t p = 0; p < n; p++) {
			double d = w->work[p] - real * z[p] - imaginary * x[p];

			error += d * d;
			norm += z[p] * z[p];
		}
	}
	return sqrt(error / norm) / hypot(real, imaginary);
}

/* Note down eigenvalue @i of the inverse. */
static void keep(
	const struct inverse *a, const struct arnoldi *w, uint32_t i, struct ms_spectrum *ret)
{
	double square = w->real[i] * w->real[i] + w->imaginary[i] * w->imaginary[i];
	uint32_t at = ret->count++;

	/* mu is an eigenvalue of K^-1, so -1/mu one of Q. */
	ret->real_per_s[at] = -w->real[i] / square;
	ret->imaginary_per_s[at] = w->imaginary[i] / square;
	ret->residual[at] = ritz_residual(a, w, i);
	if (!(ret->residual[at] <= RESIDUAL_MAX))
		ret->resolved = false;
}

/* Take the eigenvector @i out of the space from now on: it is real, and far in front of all others. */
static int deflate(struct inverse *a, const struct arnoldi *w, uint32_t i)
{
	struct deflation d = {
		malloc(a->states * sizeof(double)), malloc(a->states * sizeof(double))};
	double scale;

	if (d.right == NULL || d.left == NULL) {
		free(d.right);
		free(d.left);
		return -ENOMEM;
	}
	memcpy(d.right, w->ritz + (size_t)i * a->states, a->states * sizeof(double));
	memcpy(d.left, d.right, a->states * sizeof(double));
	/* Each step gains the factor by which the eigenvalue leads: five times three decades at least. */
	for (uint32_t step = 0; step < 5; step++) {
		apply(a, d.right, w->work);
		scale = 1.0 / sqrt(product(w->work, w->work, a->states));
		for (uint32_t p = 0; p < a->states; p++)
			d.right[p] = w->work[p] * scale;
		apply_left(a, d.left);
		scale = 1.0 / sqrt(product(d.left, d.left, a->states));
		for (uint32_t p = 0; p < a->states; p++)
			d.left[p] *= scale;
	}
	scale = 1.0 / product(d.left, d.right, a->states);
	for (uint32_t p = 0; p < a->states; p++)
		d.left[p] *= scale;
	a->out[a->outs++] = d;
	return 0;
}

static int find_slow(
	struct inverse *a, uint32_t count, struct ms_spectrum *ret, struct hb_error *reterr)
{
	while (ret->count < count) {
		uint32_t order[MS_EIGENVALUES_MAX + 1], wanted = count - ret->count;
		bool far = false;
		struct arnoldi w;
		int found = begin_arnoldi(&w, a->states, wanted, a->outs);

		if (found < 0)
			found = hb_error_set(reterr, -ENOMEM,
				"out of memory for eigenvectors of %u states", a->states);
		if (found == 0) {
			(void)pthread_mutex_lock(&arpack);
			found = arnoldi(a, &w, reterr);
			(void)pthread_mutex_unlock(&arpack);
		}
		if (found > 0) {
			rank(&w, (uint32_t)found, order);
			far = found > 1 && a->outs < MS_EIGENVALUES_MAX &&
			      w.imaginary[order[0]] == 0.0 &&
			      magnitude(&w, order[0]) > FAR * magnitude(&w, order[1]);
			for (uint32_t i = 0; i < (far ? 1U : (uint32_t)found); i++)
				keep(a, &w, order[i], ret);
			if (far && deflate(a, &w, order[0]) < 0)
				found = hb_error_set(reterr, -ENOMEM,
					"out of memory for eigenvectors of %u states", a->states);
		}
		finish_arnoldi(&w);
		if (found < 0)
			return found;
		if (!far) {
			ret->resolved = ret->resolved && ret->count >= count;
			return 0;
		}
	}
	return 0;
}

/* Scale the factor by the root of the law and set the law's own direction aside. */
static int begin_inverse(struct inverse *a, struct elimination *e, struct hb_error *reterr)
{
	double *log2_share = malloc(e->states * sizeof(*log2_share));
	int32_t *power = malloc(e->states * sizeof(*power));
	double total = 0.0;
	int r = -ENOMEM;

	a->scratch = malloc(((size_t)e->front_max + 1) * sizeof(double));
	a->out[0].right = malloc(e->states * sizeof(double));
	a->out[0].left = malloc(e->states * sizeof(double));
	a->outs = 1;
	if (log2_share != NULL && power != NULL && a->scratch != NULL && a->out[0].right != NULL &&
		a->out[0].left != NULL)
		r = elimination_stationary(e, log2_share, reterr);
	else
		(void)hb_error_set(reterr, r, "out of memory for %u states", e->states);
	for (uint32_t p = 0; p < e->states && r == 0; p++)
		total += exp2(log2_share[p]);
	for (uint32_t p = 0; p < e->states && r == 0; p++) {
		power[p] = (int32_t)lrint(fmax(0.5 * log2_share[p], RAREST_LOG2));
		a->out[0].right[p] = ldexp(1.0, power[p]);
		a->out[0].left[p] = exp2(log2_share[p] - power[p]) / total;
	}
	if (r == 0)
		elimination_scale(e, power);
	free(log2_share);
	free(power);
	return r;
}

int ms_spectrum(const struct ms_generator *generator, struct elimination *factor, uint32_t count,
	struct ms_spectrum *ret, struct hb_error *reterr)
{
	struct inverse a = {.e = factor, .states = generator->states};
	struct ms_spectrum result = {.resolved = true};
	int r;

	hb_assert(factor->closed && !factor->scaled && factor->states == generator->states);
	if (count == 0 || count >= MS_EIGENVALUES_MAX || count + 3 > generator->states)
		return hb_error_set(reterr, -EINVAL,
			"%u eigenvalues were asked for; 1 ... %d are possible, and fewer than the "
			"%u states "
			"less 2",
			count, MS_EIGENVALUES_MAX - 1, generator->states);
	r = begin_inverse(&a, factor, reterr);
	if (r == 0) {
		uint32_t control = denormals_flush();

		r = find_slow(&a, count, &result, reterr);
		denormals_restore(control);
	}
	for (uint32_t d = 0; d < a.outs; d++) {
		free(a.out[d].right);
		free(a.out[d].left);
	}
	free(a.scratch);
	if (r == 0)
		*ret = result;
	return r;
}
