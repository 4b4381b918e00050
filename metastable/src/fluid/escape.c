/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "fluid_model.h"
#include "hotbed/error.h"

#define FOLLOW_STEPS 2000

/* Births and deaths of the queue at @queue, with the orbit and the backoff where they settle. */
static void settled(
	const struct ms_fluid *f, double *at, double queue, double *ret_birth, double *ret_death)
{
	struct fluid_flows w = {0};

	at[MS_FLUID_QUEUE] = queue;
	for (int step = 0; step < FOLLOW_STEPS; step++) {
		double before = 0.0, after = 0.0;

		w = fluid_flows(f, at, NULL);
		for (uint32_t c = 0; c < f->clients; c++) {
			const struct fluid_client *k = &f->client[c];
			const struct fluid_client_flows *own = &w.client[c];
			double *orbit = &at[fluid_axis_of(c, MS_FLUID_ORBIT)];
			double *backoff = &at[fluid_axis_of(c, MS_FLUID_BACKOFF)];

			before += *orbit + *backoff;
			if (f->has[fluid_axis_of(c, MS_FLUID_ORBIT)])
				*orbit = (own->late + own->dropped) * (k->timeout_s + k->backoff_s);
			if (f->has[fluid_axis_of(c, MS_FLUID_BACKOFF)])
				*backoff =
					k->backoff_s *
					((k->client.retry_on_reject ? own->rejected : 0.0) +
						(k->client.retry_on_timeout ? own->reneged : 0.0));
			after += *orbit + *backoff;
		}
		if (fabs(after - before) <= 1e-13 * before)
			break;
	}
	*ret_birth = w.admitted;
	*ret_death = w.served + w.reneged;
}

/* Integral of log(death / birth) from @from to @to, by the trapezoid over steps of less than half a job. */
static double action(const struct ms_fluid *f, const double *start, double from, double to)
{
	uint32_t steps = 2 * (uint32_t)ceil(fabs(to - from)) + 16;
	double at[MS_FLUID_AXES], sum = 0.0, birth, death;

	memcpy(at, start, sizeof(at));
	for (uint32_t i = 0; i <= steps; i++) {
		settled(f, at, from + (to - from) * i / steps, &birth, &death);
		if (birth > 0.0 && death > 0.0)
			sum += (i == 0 || i == steps ? 0.5 : 1.0) * log(death / birth);
	}
	return sum * (to - from) / steps;
}

int ms_fluid_escape_time(const struct ms_fluid *fluid, const struct ms_fluid_point *from,
	const struct ms_fluid_point *over, struct ms_fluid_escape *ret, struct hb_error *reterr)
{
	double well = from->at[MS_FLUID_QUEUE], ridge = over->at[MS_FLUID_QUEUE];
	double at[MS_FLUID_AXES], passage = 0.0, total = 0.0, birth, death, target;
	bool down = well > ridge;

	if (!(fabs(well - ridge) > 1e-3) || from->stable == over->stable)
		return hb_error_set(reterr, -EDOM, "the two points do not bound a barrier");
	/* As far beyond the ridge as the way back is longer than the way on: half of the way to the other end. */
	target = down ? floor(0.5 * ridge) : ceil(0.5 * (ridge + fluid->capacity));
	memcpy(at, from->at, sizeof(at));
	for (double q = down ? floor(fluid->capacity) : 0.0; down ? q > target : q < target;
		q += down ? -1.0 : 1.0) {
		settled(fluid, at, q, &birth, &death);
		if (!(down ? death > 0.0 : birth > 0.0))
			return hb_error_set(reterr, -EDOM, "the queue has no %s at %g jobs",
				down ? "service" : "arrivals", q);
		/* Time to the next job down (or up): a stay, and a way back for each step in the wrong direction. */
		passage = down ? (1.0 + birth * passage) / death : (1.0 + death * passage) / birth;
		if (down ? q <= ceil(well) : q >= floor(well))
			total += passage;
	}
	ret->action = action(fluid, from->at, well, ridge);
	ret->action = fabs(ret->action);
	ret->escape_s = total;
	return 0;
}
