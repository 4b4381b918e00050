/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside of struct ms_fluid: the numbers of the equation, as reals. */
#ifndef METASTABLE_FLUID_MODEL_H
#define METASTABLE_FLUID_MODEL_H

#include <gsl/gsl_errno.h>

#include "metastable/fluid.h"
#include "metastable/model.h"

struct ms_fluid {
	struct ms_server server;
	struct ms_client client;
	struct ms_cache cache; /* keys = 0: none */
	struct ms_trigger triggers[MS_TRIGGERS_MAX];
	uint32_t trigger_count;
	bool has[MS_FLUID_AXES];
	double rate_per_s, retries, capacity, timeout_s, backoff_s;
	double service_s; /* mean, as triggers change it */
	double keys_all;  /* weight of all keys */
};

/* All flows at one point, per second. */
struct fluid_flows {
	double fresh, retried; /* attempts */
	double admitted, late; /* of them; late: let in, and too late */
	double dropped, rejected;
	double served, reneged;
	double leaves_orbit, leaves_backoff;
};

/*
 * fluid_flows - @orbit_out: requests that leave the orbit per second; negative: by the present orbit (no delay).
 */
struct fluid_flows fluid_flows(const struct ms_fluid *f, const double *at, double orbit_out);

/* fluid_change - the drift that @flows make. */
void fluid_change(const struct ms_fluid *f, const double *at, const struct fluid_flows *flows,
	double *ret_per_s);

/* fluid_jacobian - by differences of fourth order; shape [n x n] over the axes that the model has. Returns n. */
uint32_t fluid_jacobian(const struct ms_fluid *f, const double *at, double *ret);

/* fluid_newton - the fixed point near @at, in place. Returns false if there is none within the box. */
bool fluid_newton(const struct ms_fluid *f, double *at);

/* fluid_axes - indices of the axes that the model has; returns how many. */
uint32_t fluid_axes(const struct ms_fluid *f, uint32_t *ret_axis);

/* fluid_solve - Gauss with pivoting, in place; @b becomes the solution. Returns the determinant; 0: singular. */
double fluid_solve(double *matrix, double *b, uint32_t n);

/* fluid_describe - kind, stability and eigenvalues of the fixed point @at. Returns 0 or -ENOMEM. */
int fluid_describe(const struct ms_fluid *f, const double *at, struct ms_fluid_point *ret);

#endif
