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
			now.rate_per_s = t->value;
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
		if (f->triggers[i].kind == MS_TRIGGER_FLUSH && f->triggers[i].at_s == time_s)
			at[MS_FLUID_WARM] = 0.0;
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

/* What went into the orbit in each of the last steps, as a ring of one wait. */
struct history {
	double *inflow_per_s;
	uint64_t length, next;
};

/* One step of Heun's method; what leaves the orbit is what came in one wait ago. */
static void delay_step(const struct ms_fluid *now, struct history *h, double step_s, double *at)
{
	double out = h->inflow_per_s[h->next], first[MS_FLUID_AXES], second[MS_FLUID_AXES];
	double orbit = at[MS_FLUID_ORBIT], in, later = h->inflow_per_s[(h->next + 1) % h->length],
	       there[MS_FLUID_AXES];
	struct fluid_flows w = fluid_flows(now, at, out);

	fluid_change(now, at, &w, first);
	in = w.late + w.dropped;
	h->inflow_per_s[h->next] = in;
	h->next = (h->next + 1) % h->length;
	for (uint32_t a = 0; a < MS_FLUID_AXES; a++)
		there[a] = fmax(at[a] + step_s * first[a], 0.0);
	w = fluid_flows(now, there, later);
	fluid_change(now, there, &w, second);
	for (uint32_t a = 0; a < MS_FLUID_AXES; a++)
		at[a] = fmax(at[a] + 0.5 * step_s * (first[a] + second[a]), 0.0);
	/* The orbit is what is on its way: what comes in leaves it again to the last digit. */
	at[MS_FLUID_ORBIT] = fmax(orbit + step_s * (in - out), 0.0);
}

static int run_delay(const struct ms_fluid *f, const double *start, double end_s, uint32_t count,
	double *ret, struct hb_error *reterr)
{
	double wait_s = f->timeout_s + f->backoff_s, at[MS_FLUID_AXES], step_s, time_s = 0.0;
	double fastest =
		f->rate_per_s * (fmin(f->retries, 1e3) + 1.0) + f->server.threads / f->service_s;
	struct history h = {.length = (uint64_t)ceil(fmin(1e9, fmax(200.0, wait_s * fastest)))};
	uint64_t step = 0;

	step_s = wait_s / (double)h.length;
	if (!(end_s / step_s <= DELAY_STEPS_MAX))
		return hb_error_set(reterr, -EINVAL,
			"the delay equation would take %g steps over %g s; ask for less time",
			end_s / step_s, end_s);
	h.inflow_per_s = malloc(h.length * sizeof(*h.inflow_per_s));
	if (h.inflow_per_s == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for one wait of history");
	/* The orbit at the start is as old as one that has long been that large. */
	for (uint64_t i = 0; i < h.length; i++)
		h.inflow_per_s[i] = start[MS_FLUID_ORBIT] / wait_s;
	memcpy(at, start, sizeof(at));
	for (uint32_t s = 0; s < count; s++) {
		double sample_s = end_s * s / (count - 1);

		for (; time_s < sample_s - 0.5 * step_s; time_s = (double)++step * step_s) {
			struct ms_fluid now = triggered(f, time_s);
			double change = next_change(f, time_s - step_s, INFINITY);

			if (change <= time_s)
				flush(f, change, at);
			delay_step(&now, &h, step_s, at);
		}
		memcpy(ret + (size_t)s * MS_FLUID_AXES, at, sizeof(at));
	}
	free(h.inflow_per_s);
	return 0;
}

int ms_fluid_run(const struct ms_fluid *fluid, const double *start, double end_s, bool delay,
	uint32_t count, double *ret, struct hb_error *reterr)
{
	if (!(end_s > 0.0) || !isfinite(end_s) || count < 2)
		return hb_error_set(reterr, -EINVAL,
			"a run needs an end above 0 s and two samples, not %g s and %u", end_s,
			count);
	(void)gsl_set_error_handler_off();
	if (delay && fluid->has[MS_FLUID_ORBIT])
		return run_delay(fluid, start, end_s, count, ret, reterr);
	return run_plain(fluid, start, end_s, count, ret, reterr);
}
