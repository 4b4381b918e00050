/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Time average of a step function. The integral is summed with Neumaier's compensation: long runs add short steps to a
 * large area, and the value of an idle system must come out as 0, not as rounding.
 */
#include <math.h>

#include <hotbed/assert.h>
#include <hotbed/sim.h>

void hb_time_average_init(struct hb_time_average *average, int64_t now_ns, double value)
{
	average->value = value;
	hb_time_average_restart(average, now_ns);
}

void hb_time_average_restart(struct hb_time_average *average, int64_t now_ns)
{
	average->start_ns = average->last_ns = now_ns;
	average->area = average->compensation = 0;
	average->min = (double)INFINITY;
	average->max = -(double)INFINITY;
}

void hb_time_average_set(struct hb_time_average *average, int64_t now_ns, double value)
{
	hb_assert(now_ns >= average->last_ns);
	if (now_ns > average->last_ns) {
		double piece = average->value * (double)(now_ns - average->last_ns);
		double sum = average->area + piece;

		if (fabs(average->area) >= fabs(piece))
			average->compensation += average->area - sum + piece;
		else
			average->compensation += piece - sum + average->area;
		average->area = sum;
		average->min = fmin(average->min, average->value);
		average->max = fmax(average->max, average->value);
		average->last_ns = now_ns;
	}
	average->value = value;
}

void hb_time_average_add(struct hb_time_average *average, int64_t now_ns, double delta)
{
	hb_time_average_set(average, now_ns, average->value + delta);
}

double hb_time_average_mean(const struct hb_time_average *average, int64_t now_ns)
{
	struct hb_time_average ended = *average;

	hb_time_average_set(&ended, now_ns, ended.value);
	if (now_ns == ended.start_ns)
		return (double)NAN;
	return (ended.area + ended.compensation) / (double)(now_ns - ended.start_ns);
}
