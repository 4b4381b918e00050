/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_odeiv2.h>

#include "fluid_model.h"
#include "hotbed/error.h"

#define TOLERANCE 1e-9
#define DELAY_STEPS_MAX 50000000.0

/* The fluid as the triggers that are on at @time_s make it. */
static struct ms_fluid triggered(const struct ms_fluid *f, double time_s)
{
	struct ms_fluid now = *f;

	for (uint32_t i = 0; i < f->trigger_count; i++) {
		const struct ms_trigger *t = &f->triggers[i];

		if (time_s < t->at_s || time_s >= t->at_s + t->duration_s)
			continue;
		if (t->kind == MS_TRIGGER_RATE)
			now.client[t->target].rate_per_s = t->value;
		else if (t->kind == MS_TRIGGER_CAPACITY)
			now.service_s = f->service_s / t->value;
		else if (t->kind == MS_TRIGGER_LATENCY)
			now.service_s = f->service_s + t->value;
	}
	return now;
}

/* When something changes next, after @time_s; @end_s if nothing does. */
static double next_change(const struct ms_fluid *f, double time_s, double end_s)
{
	for (uint32_t i = 0; i < f->trigger_count; i++) {
		double begins = f->triggers[i].at_s, ends = begins + f->triggers[i].duration_s;

		if (begins > time_s)
			end_s = fmin(end_s, begins);
		if (ends > time_s)
			end_s = fmin(end_s, ends);
	}
	return end_s;
}

static void flush(const struct ms_fluid *f, double time_s, double *at)
{
	for (uint32_t i = 0; i < f->trigger_count; i++) {
		if (f->triggers[i].kind != MS_TRIGGER_FLUSH || f->triggers[i].at_s != time_s)
			continue;
		for (uint32_t c = 0; c < f->clients; c++) {
			if (f->client[c].cache_index == f->triggers[i].target)
				at[fluid_axis_of(c, MS_FLUID_WARM)] = 0.0;
		}
	}
}

static int derivative(double time_s, const double *at, double *ret, void *context)
{
	double there[MS_FLUID_AXES];

	(void)time_s;
	for (uint32_t a = 0; a < MS_FLUID_AXES; a++)
		there[a] = fmax(at[a], 0.0);
	ms_fluid_drift(context, there, ret);
	return GSL_SUCCESS;
}

static int run_plain(const struct ms_fluid *f, const double *start, double end_s, uint32_t count,
	double *ret, struct hb_error *reterr)
{
	struct ms_fluid now = *f;
	gsl_odeiv2_system system = {derivative, NULL, MS_FLUID_AXES, &now};
	gsl_odeiv2_driver *driver = gsl_odeiv2_driver_alloc_y_new(
		&system, gsl_odeiv2_step_rkf45, 1e-3, TOLERANCE, TOLERANCE);
	double at[MS_FLUID_AXES], time_s = 0.0;

	if (driver == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for an integrator");
	memcpy(at, start, sizeof(at));
	for (uint32_t s = 0; s < count; s++) {
		double sample_s = end_s * s / (count - 1);

		while (time_s < sample_s) {
			double to = next_change(f, time_s, sample_s);

			now = triggered(f, time_s);
			flush(f, time_s, at);
			(void)gsl_odeiv2_driver_reset_hstart(driver, 1e-3);
			if (gsl_odeiv2_driver_apply(driver, &time_s, to, at) != GSL_SUCCESS) {
				gsl_odeiv2_driver_free(driver);
				return hb_error_set(reterr, -EIO,
					"the integrator gave up at %g s of %g s", time_s, end_s);
			}
			time_s = to;
		}
		memcpy(ret + (size_t)s * MS_FLUID_AXES, at, sizeof(at));
	}
	gsl_odeiv2_driver_free(driver);
	return 0;
}

/* What went into the orbit of one client in each of the last steps, as a ring of one wait. */
struct history {
	double *inflow_per_s; /* NULL: no orbit */
	uint64_t length, next;
};

/* One step of Heun's method; what leaves an orbit is what came in one wait ago. */
static void delay_step(const struct ms_fluid *now, struct history *h, double step_s, double *at)
{
	double out[MS_FLUID_CLIENTS_MAX] = {0}, later[MS_FLUID_CLIENTS_MAX] = {0};
	double orbit[MS_FLUID_CLIENTS_MAX], in[MS_FLUID_CLIENTS_MAX] = {0};
	double first[MS_FLUID_AXES], second[MS_FLUID_AXES], there[MS_FLUID_AXES];
	struct fluid_flows w;

	for (uint32_t c = 0; c < now->clients; c++) {
		orbit[c] = at[fluid_axis_of(c, MS_FLUID_ORBIT)];
		if (h[c].inflow_per_s == NULL)
			continue;
		out[c] = h[c].inflow_per_s[h[c].next];
		later[c] = h[c].inflow_per_s[(h[c].next + 1) % h[c].length];
	}
	w = fluid_flows(now, at, out);
	fluid_change(now, at, &w, first);
	for (uint32_t c = 0; c < now->clients; c++) {
		if (h[c].inflow_per_s == NULL)
			continue;
		in[c] = w.client[c].late + w.client[c].dropped;
		h[c].inflow_per_s[h[c].next] = in[c];
		h[c].next = (h[c].next + 1) % h[c].length;
	}
	for (uint32_t a = 0; a < MS_FLUID_AXES; a++)
		there[a] = fmax(at[a] + step_s * first[a], 0.0);
	w = fluid_flows(now, there, later);
	fluid_change(now, there, &w, second);
	for (uint32_t a = 0; a < MS_FLUID_AXES; a++)
		at[a] = fmax(at[a] + 0.5 * step_s * (first[a] + second[a]), 0.0);
	/* The orbit is what is on its way: what comes in leaves it again to the last digit. */
	for (uint32_t c = 0; c < now->clients; c++) {
		if (h[c].inflow_per_s != NULL)
			at[fluid_axis_of(c, MS_FLUID_ORBIT)] =
				fmax(orbit[c] + step_s * (in[c] - out[c]), 0.0);
	}
}

/*
 * Rings for the waits of all clients at one step, of which the shortest wait has a whole number; longer ones are
 * rounded to the next. The orbit at the start is as old as one that has long been that large.
 */
static int begin_histories(
	const struct ms_fluid *f, const double *start, struct history *h, double *ret_step_s)
{
	double fastest = f->server.threads / f->service_s, shortest_s = INFINITY;

	for (uint32_t c = 0; c < f->clients; c++) {
		const struct fluid_client *k = &f->client[c];

		fastest += k->rate_per_s * (fmin(k->retries, 1e3) + 1.0);
		if (f->has[fluid_axis_of(c, MS_FLUID_ORBIT)])
			shortest_s = fmin(shortest_s, k->timeout_s + k->backoff_s);
	}
	*ret_step_s = shortest_s / ceil(fmin(1e9, fmax(200.0, shortest_s * fastest)));
	for (uint32_t c = 0; c < f->clients; c++) {
		double wait_s = f->client[c].timeout_s + f->client[c].backoff_s;

		if (!f->has[fluid_axis_of(c, MS_FLUID_ORBIT)])
			continue;
		h[c].length = (uint64_t)lrint(fmin(1e9, wait_s / *ret_step_s));
		h[c].inflow_per_s = malloc(h[c].length * sizeof(double));
		if (h[c].inflow_per_s == NULL)
			return -ENOMEM;
		for (uint64_t i = 0; i < h[c].length; i++)
			h[c].inflow_per_s[i] = start[fluid_axis_of(c, MS_FLUID_ORBIT)] / wait_s;
	}
	return 0;
}

static void follow_delay(const struct ms_fluid *f, struct history *h, double step_s, double end_s,
	uint32_t count, double *at, double *ret)
{
	double time_s = 0.0;
	uint64_t step = 0;

	for (uint32_t s = 0; s < count; s++) {
		double sample_s = end_s * s / (count - 1);

		for (; time_s < sample_s - 0.5 * step_s; time_s = (double)++step * step_s) {
			struct ms_fluid now = triggered(f, time_s);
			double change = next_change(f, time_s - step_s, INFINITY);

			if (change <= time_s)
				flush(f, change, at);
			delay_step(&now, h, step_s, at);
		}
		memcpy(ret + (size_t)s * MS_FLUID_AXES, at, MS_FLUID_AXES * sizeof(*at));
	}
}

static int run_delay(const struct ms_fluid *f, const double *start, double end_s, uint32_t count,
	double *ret, struct hb_error *reterr)
{
	struct history h[MS_FLUID_CLIENTS_MAX] = {0};
	double at[MS_FLUID_AXES], step_s;
	int r = begin_histories(f, start, h, &step_s);

	if (r < 0)
		r = hb_error_set(reterr, r, "out of memory for one wait of history");
	else if (!(end_s / step_s <= DELAY_STEPS_MAX))
		r = hb_error_set(reterr, -EINVAL,
			"the delay equation would take %g steps over %g s; ask for less time",
			end_s / step_s, end_s);
	memcpy(at, start, sizeof(at));
	if (r == 0)
		follow_delay(f, h, step_s, end_s, count, at, ret);
	for (uint32_t c = 0; c < f->clients; c++)
		free(h[c].inflow_per_s);
	return r;
}

static bool has_orbit(const struct ms_fluid *f)
{
	bool found = false;

	for (uint32_t c = 0; c < f->clients; c++)
		found = found || f->has[fluid_axis_of(c, MS_FLUID_ORBIT)];
	return found;
}

int ms_fluid_run(const struct ms_fluid *fluid, const double *start, double end_s, bool delay,
	uint32_t count, double *ret, struct hb_error *reterr)
{
	if (!(end_s > 0.0) || !isfinite(end_s) || count < 2)
		return hb_error_set(reterr, -EINVAL,
			"a run needs an end above 0 s and two samples, not %g s and %u", end_s,
			count);
	(void)gsl_set_error_handler_off();
	if (delay && has_orbit(fluid))
		return run_delay(fluid, start, end_s, count, ret, reterr);
	return run_plain(fluid, start, end_s, count, ret, reterr);
}
