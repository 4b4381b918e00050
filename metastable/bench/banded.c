/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "banded.h"

#include <errno.h>
#include <stdlib.h>

#include <metastable/generator.h>

#define LARGE 1e200

/* Farthest jump, in numbers of states. */
static uint32_t band(const struct ms_generator *g)
{
	uint32_t far = 1;

	for (uint32_t i = 0; i < g->states; i++) {
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++) {
			uint32_t to = g->target[e], distance = to > i ? to - i : i - to;

			far = distance > far ? distance : far;
		}
	}
	return far;
}

/* Row i holds the rates to states i - far ... i + far. Eliminate from the last state to the first. */
static void eliminate(double *rate, uint32_t states, uint32_t far)
{
	size_t width = 2 * (size_t)far + 1;

	for (uint32_t k = states; k-- > 1;) {
		uint32_t first = k > far ? k - far : 0;
		const double *row = rate + k * width + far - k;
		double out = 0.0;

		for (uint32_t j = first; j < k; j++)
			out += row[j];
		for (uint32_t i = first; i < k; i++) {
			double *other = rate + i * width + far - i;
			double part = other[k] / out;

			other[k] = part;
			if (part == 0.0)
				continue;
			for (uint32_t j = first; j < k; j++)
				other[j] += part * row[j];
		}
	}
}

int banded_stationary(const struct ms_generator *generator, double *ret_share)
{
	uint32_t states = generator->states, far = band(generator);
	size_t width = 2 * (size_t)far + 1;
	double *rate = calloc((size_t)states * width, sizeof(*rate)), sum = 0.0;

	if (rate == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < states; i++) {
		for (uint64_t e = generator->row_start[i]; e < generator->row_start[i + 1]; e++)
			rate[i * width + far + generator->target[e] - i] +=
				generator->rate_per_s[e];
	}
	eliminate(rate, states, far);
	ret_share[0] = 1.0;
	for (uint32_t k = 1; k < states; k++) {
		uint32_t first = k > far ? k - far : 0;

		ret_share[k] = 0.0;
		for (uint32_t i = first; i < k; i++)
			ret_share[k] += ret_share[i] * rate[i * width + far + k - i];
		/* The law may grow towards its end by more than a double holds. */
		for (uint32_t i = 0; ret_share[k] > LARGE && i < k; i++)
			ret_share[i] /= LARGE;
		if (ret_share[k] > LARGE)
			ret_share[k] /= LARGE;
	}
	for (uint32_t k = 0; k < states; k++)
		sum += ret_share[k];
	for (uint32_t k = 0; k < states; k++)
		ret_share[k] /= sum;
	free(rate);
	return 0;
}
