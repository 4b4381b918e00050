/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_eigen.h>

#include "fluid_model.h"
#include "hotbed/error.h"

#define STARTS 16 /* along queue and orbit */
#define NEWTON_STEPS 60
#define SAME 1e-5
/* Of differences of fourth order: the functions bend over a job or more, and slopes of 1e-10 still count at folds. */
#define JACOBIAN_STEP 2e-3

uint32_t fluid_axes(const struct ms_fluid *f, uint32_t *ret_axis)
{
	uint32_t n = 0;

	for (uint32_t a = 0; a < MS_FLUID_AXES; a++) {
		if (f->has[a])
			ret_axis[n++] = a;
	}
	return n;
}

uint32_t fluid_jacobian(const struct ms_fluid *f, const double *at, double *ret)
{
	uint32_t axis[MS_FLUID_AXES], n = fluid_axes(f, axis);

	for (uint32_t j = 0; j < n; j++) {
		static const double weight[] = {1.0 / 12.0, -2.0 / 3.0, 2.0 / 3.0, -1.0 / 12.0};
		static const double place[] = {-2.0, -1.0, 1.0, 2.0};
		double there[MS_FLUID_AXES], drift[MS_FLUID_AXES];
		double step = JACOBIAN_STEP * (1.0 + 1e-3 * fabs(at[axis[j]]));

		for (uint32_t i = 0; i < n; i++)
			ret[i * n + j] = 0.0;
		memcpy(there, at, sizeof(there));
		for (uint32_t k = 0; k < 4; k++) {
			there[axis[j]] = at[axis[j]] + place[k] * step;
			ms_fluid_drift(f, there, drift);
			for (uint32_t i = 0; i < n; i++)
				ret[i * n + j] += weight[k] * drift[axis[i]] / step;
		}
	}
	return n;
}

double fluid_solve(double *matrix, double *b, uint32_t n)
{
	double determinant = 1.0;

	for (uint32_t k = 0; k < n; k++) {
		uint32_t pivot = k;

		for (uint32_t i = k + 1; i < n; i++) {
			if (fabs(matrix[i * n + k]) > fabs(matrix[pivot * n + k]))
				pivot = i;
		}
		if (matrix[pivot * n + k] == 0.0)
			return 0.0;
		for (uint32_t j = 0; j < n && pivot != k; j++) {
			double swap = matrix[k * n + j];

			matrix[k * n + j] = matrix[pivot * n + j];
			matrix[pivot * n + j] = swap;
		}
		if (pivot != k) {
			double swap = b[k];

			b[k] = b[pivot];
			b[pivot] = swap;
			determinant = -determinant;
		}
		determinant *= matrix[k * n + k];
		for (uint32_t i = k + 1; i < n; i++) {
			double factor = matrix[i * n + k] / matrix[k * n + k];

			for (uint32_t j = k; j < n; j++)
				matrix[i * n + j] -= factor * matrix[k * n + j];
			b[i] -= factor * b[k];
		}
	}
	for (uint32_t k = n; k-- > 0;) {
		for (uint32_t j = k + 1; j < n; j++)
			b[k] -= matrix[k * n + j] * b[j];
		b[k] /= matrix[k * n + k];
	}
	return determinant;
}

double fluid_largest(const struct ms_fluid *f, uint32_t axis)
{
	const struct fluid_client *k;

	if (axis == MS_FLUID_QUEUE)
		return f->capacity;
	k = &f->client[(axis - MS_FLUID_ORBIT) / MS_FLUID_PER_CLIENT];
	switch ((axis - MS_FLUID_ORBIT) % MS_FLUID_PER_CLIENT + MS_FLUID_ORBIT) {
	case MS_FLUID_TOKENS:
		return k->client.bucket_capacity;
	case MS_FLUID_WARM:
		return k->cache.size;
	default:
		return k->rate_per_s * (k->timeout_s + k->backoff_s) *
		       (fmin(k->retries, 1e4) + 1.0);
	}
}

/* Inside of what can be reached, with a little room for rounding. */
static bool inside(const struct ms_fluid *f, const double *at)
{
	for (uint32_t a = 0; a < MS_FLUID_AXES; a++) {
		double room = 1e-6 + 1e-3 * fluid_largest(f, a);

		if (f->has[a] && !(at[a] >= -1e-6 && at[a] <= fluid_largest(f, a) + room))
			return false;
	}
	return true;
}

/* Newton's method; steps are shortened to stay in the box and to get closer. */
bool fluid_newton(const struct ms_fluid *f, double *at)
{
	uint32_t axis[MS_FLUID_AXES], n = fluid_axes(f, axis);

	for (int step = 0; step < NEWTON_STEPS; step++) {
		double jacobian[MS_FLUID_AXES * MS_FLUID_AXES], drift[MS_FLUID_AXES];
		double change[MS_FLUID_AXES], moved = 0.0, shorten = 1.0;

		ms_fluid_drift(f, at, drift);
		(void)fluid_jacobian(f, at, jacobian);
		for (uint32_t i = 0; i < n; i++)
			change[i] = -drift[axis[i]];
		if (fluid_solve(jacobian, change, n) == 0.0)
			return false;
		for (uint32_t i = 0; i < n; i++) {
			double most = 0.2 * fluid_largest(f, axis[i]) + 1e-3;

			if (!isfinite(change[i]))
				return false;
			shorten = fmin(shorten, most / fmax(fabs(change[i]), 1e-300));
		}
		for (uint32_t i = 0; i < n; i++) {
			double to = at[axis[i]] + shorten * change[i];

			to = fmin(fmax(to, 0.0), fluid_largest(f, axis[i]));
			moved = fmax(moved, fabs(to - at[axis[i]]) / (1.0 + fabs(to)));
			at[axis[i]] = to;
		}
		if (moved < 1e-11) {
			ms_fluid_drift(f, at, drift);
			for (uint32_t i = 0; i < n; i++) {
				if (!(fabs(drift[axis[i]]) < 1e-6 * (1.0 + fluid_rate(f))))
					return false;
			}
			return inside(f, at);
		}
	}
	return false;
}

int fluid_describe(const struct ms_fluid *f, const double *at, struct ms_fluid_point *ret)
{
	double jacobian[MS_FLUID_AXES * MS_FLUID_AXES];
	uint32_t n = fluid_jacobian(f, at, jacobian), negative = 0, complex = 0;
	gsl_matrix_view matrix = gsl_matrix_view_array(jacobian, n, n);
	gsl_eigen_nonsymm_workspace *work = gsl_eigen_nonsymm_alloc(n);
	gsl_vector_complex *value = gsl_vector_complex_alloc(n);

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->at, at, sizeof(ret->at));
	if (work == NULL || value == NULL || gsl_eigen_nonsymm(&matrix.matrix, value, work) != 0) {
		gsl_eigen_nonsymm_free(work);
		gsl_vector_complex_free(value);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++) {
		gsl_complex z = gsl_vector_complex_get(value, i);
		uint32_t place = i;

		for (; place > 0 && ret->real_per_s[place - 1] < GSL_REAL(z); place--) {
			ret->real_per_s[place] = ret->real_per_s[place - 1];
			ret->imaginary_per_s[place] = ret->imaginary_per_s[place - 1];
		}
		ret->real_per_s[place] = GSL_REAL(z);
		ret->imaginary_per_s[place] = GSL_IMAG(z);
		negative += GSL_REAL(z) < 0.0;
		complex += GSL_IMAG(z) != 0.0;
	}
	ret->eigenvalue_count = n;
	ret->stable = negative == n;
	ret->kind = negative > 0 && negative < n ? MS_SADDLE : complex > 0 ? MS_FOCUS : MS_NODE;
	gsl_eigen_nonsymm_free(work);
	gsl_vector_complex_free(value);
	return 0;
}

static bool known(const struct ms_fluid_point *point, uint32_t count, const double *at)
{
	for (uint32_t i = 0; i < count; i++) {
		double off = 0.0;

		for (uint32_t a = 0; a < MS_FLUID_AXES; a++)
			off = fmax(off, fabs(point[i].at[a] - at[a]) / (1.0 + fabs(at[a])));
		if (off < SAME)
			return true;
	}
	return false;
}

/* Start @number of all: queue and orbit on a grid, denser at its ends, where fixed points are; the rest both ways. */
static void start_point(const struct ms_fluid *f, uint32_t number, double *ret)
{
	uint32_t q = number % STARTS, o = number / STARTS % STARTS, rest = number / STARTS / STARTS;

	memset(ret, 0, MS_FLUID_AXES * sizeof(*ret));
	ret[MS_FLUID_QUEUE] = f->capacity * 0.5 * (1.0 - cos(M_PI * (q + 0.02) / (STARTS - 0.96)));
	/* The orbit that goes with it, or one of the grid. */
	for (uint32_t a = MS_FLUID_ORBIT; a < MS_FLUID_AXES; a++) {
		bool waits = (a - MS_FLUID_ORBIT) % MS_FLUID_PER_CLIENT <=
			     MS_FLUID_BACKOFF - MS_FLUID_ORBIT;
		double share = waits ? (o + 0.02) / (STARTS - 0.96) : (rest == 0 ? 0.02 : 0.98);

		if (f->has[a])
			ret[a] = share * share * fluid_largest(f, a);
	}
}

int ms_fluid_fixed_points(
	const struct ms_fluid *fluid, struct ms_fluid_point *ret, struct hb_error *reterr)
{
	uint32_t count = 0, starts = STARTS * STARTS;
	int r = 0;

	for (uint32_t c = 0; c < fluid->clients && starts == STARTS * STARTS; c++) {
		if (fluid->has[fluid_axis_of(c, MS_FLUID_TOKENS)] ||
			fluid->has[fluid_axis_of(c, MS_FLUID_WARM)])
			starts *= 2;
	}
	(void)gsl_set_error_handler_off();
	for (uint32_t s = 0; s < starts && r == 0 && count < MS_FLUID_POINTS_MAX; s++) {
		struct ms_fluid_point point;
		uint32_t place;
		double at[MS_FLUID_AXES];

		start_point(fluid, s, at);
		if (!fluid_newton(fluid, at) || known(ret, count, at))
			continue;
		r = fluid_describe(fluid, at, &point);
		if (r < 0)
			break;
		for (place = count++; place > 0 && ret[place - 1].at[0] > at[0]; place--)
			ret[place] = ret[place - 1];
		ret[place] = point;
	}
	if (r < 0)
		return hb_error_set(reterr, r, "out of memory for eigenvalues");
	return (int)count;
}
