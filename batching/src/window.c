/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <batching/window.h>

#include <errno.h>
#include <math.h>

int bat_window_between(
	const struct bat_reading *earlier, const struct bat_reading *later, struct bat_window *ret)
{
	if (later->time_ns < earlier->time_ns)
		return -EINVAL;
	*ret = (struct bat_window){
		.duration_ns = later->time_ns - earlier->time_ns,
		.departed = later->departed - earlier->departed,
		.integral = later->integral - earlier->integral,
		.growth = later->size - earlier->size,
	};
	return 0;
}

double bat_window_mean_size(const struct bat_window *window)
{
	return window->duration_ns > 0 ? (double)window->integral / (double)window->duration_ns
				       : NAN;
}

double bat_window_rate_per_s(const struct bat_window *window)
{
	return window->duration_ns > 0
		       ? (double)window->departed * 1e9 / (double)window->duration_ns
		       : NAN;
}

bool bat_window_wait_ns(const struct bat_window *window, double *ret)
{
	if (window->departed == 0)
		return false;
	*ret = (double)window->integral / (double)window->departed;
	return true;
}
