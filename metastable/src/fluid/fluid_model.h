/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside of struct ms_fluid: the numbers of the equation, as reals. */
#ifndef METASTABLE_FLUID_MODEL_H
#define METASTABLE_FLUID_MODEL_H

#include <gsl/gsl_errno.h>

#include "metastable/fluid.h"
#include "metastable/model.h"

/* One of those who send. */
struct fluid_client {
	struct ms_client client;
	struct ms_cache cache; /* keys = 0: none */
	int cache_index;       /* in the model, for triggers */
	double rate_per_s, retries, timeout_s, backoff_s;
	double keys_all; /* weight of all keys */
};

struct ms_fluid {
	struct ms_server server;
	struct fluid_client client[MS_FLUID_CLIENTS_MAX];
	uint32_t clients;
	struct ms_trigger triggers[MS_TRIGGERS_MAX];
	uint32_t trigger_count;
	bool has[MS_FLUID_AXES];
	char name[MS_FLUID_AXES][MS_NAME_BYTES + 16];
	double capacity;
	double service_s; /* mean, as triggers change it */
};

/* @axis of the first client, for client @c. */
static inline uint32_t fluid_axis_of(uint32_t c, enum ms_fluid_axis axis)
{
	return (uint32_t)axis + MS_FLUID_PER_CLIENT * c;
}

/* All flows of one client at one point, per second. */
struct fluid_client_flows {
	double fresh, retried; /* attempts */
	double admitted, late; /* of them; late: let in, and too late */
	double dropped, rejected;
	double served, reneged; /* served: its share */
	double leaves_orbit, leaves_backoff;
};

struct fluid_flows {
	struct fluid_client_flows client[MS_FLUID_CLIENTS_MAX];
	double admitted, served, reneged; /* of all */
};

/* fluid_rate - arrivals of all clients, per second. */
double fluid_rate(const struct ms_fluid *f);

/*
 * fluid_flows - @orbit_out: requests of each client that leave its orbit per second; NULL: by the present orbits (no
 * delay).
 */
struct fluid_flows fluid_flows(const struct ms_fluid *f, const double *at, const double *orbit_out);

/* fluid_change - the drift that @flows make. */
void fluid_change(const struct ms_fluid *f, const double *at, const struct fluid_flows *flows,
	double *ret_per_s);

/* fluid_jacobian - by differences of fourth order; shape [n x n] over the axes that the model has. Returns n. */
uint32_t fluid_jacobian(const struct ms_fluid *f, const double *at, double *ret);

/* fluid_newton - the fixed point near @at, in place. Returns false if there is none within the box. */
bool fluid_newton(const struct ms_fluid *f, double *at);

/* fluid_largest - the end of @axis. */
double fluid_largest(const struct ms_fluid *f, uint32_t axis);

/* fluid_axes - indices of the axes that the model has; returns how many. */
uint32_t fluid_axes(const struct ms_fluid *f, uint32_t *ret_axis);

/* fluid_solve - Gauss with pivoting, in place; @b becomes the solution. Returns the determinant; 0: singular. */
double fluid_solve(double *matrix, double *b, uint32_t n);

/* fluid_describe - kind, stability and eigenvalues of the fixed point @at. Returns 0 or -ENOMEM. */
int fluid_describe(const struct ms_fluid *f, const double *at, struct ms_fluid_point *ret);

#endif
