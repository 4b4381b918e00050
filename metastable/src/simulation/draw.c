/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random times and keys. See draw.h.
 */
#include <math.h>

#include <hotbed/assert.h>
#include <hotbed/sim.h>

#include "draw.h"
#include "protection.h"

#define NS_PER_S 1e9

uint64_t ms_stream_source(enum ms_stream kind, uint32_t index)
{
	return (uint64_t)kind << 32 | index;
}

static double erlang(double mean, uint32_t phases, struct hb_rng *rng)
{
	double sum = 0;

	for (uint32_t i = 0; i < phases; i++)
		sum += hb_rng_exponential(rng, mean / phases);
	return sum;
}

/* Two branches with balanced means: their share follows from the squared coefficient of variation. */
static double hyperexponential(double mean, double cv, struct hb_rng *rng)
{
	double square = cv * cv;
	double p = (1 + sqrt((square - 1) / (square + 1))) / 2;
	double branch = hb_rng_double(rng) < p ? p : 1 - p;

	return hb_rng_exponential(rng, mean / (2 * branch));
}

double ms_draw_ns(const struct ms_distribution *distribution, struct hb_rng *rng)
{
	double mean = distribution->mean_s * NS_PER_S;
	double cv = distribution->cv;
	double sigma;

	switch (distribution->kind) {
	case MS_EXPONENTIAL:
		return hb_rng_exponential(rng, mean);
	case MS_CONSTANT:
		return mean;
	case MS_ERLANG:
		return erlang(mean, distribution->phases, rng);
	case MS_HYPEREXPONENTIAL:
		return hyperexponential(mean, cv, rng);
	case MS_LOGNORMAL:
		sigma = sqrt(log1p(cv * cv));
		return mean * exp(sigma * hb_rng_normal(rng) - sigma * sigma / 2);
	case MS_UNIFORM:
		return mean * (1 + cv * sqrt(3) * (2 * hb_rng_double(rng) - 1));
	}
	hb_assert(false);
	return 0;
}

int64_t ms_service_ns(const struct ms_distribution *distribution, double stretch, double extra_ns,
	struct hb_rng *rng)
{
	return hb_sim_duration_ns(ms_draw_ns(distribution, rng) * stretch + extra_ns);
}

int64_t ms_gap_ns(const struct ms_client *client, double rate_per_s, struct hb_rng *rng)
{
	double mean = NS_PER_S / rate_per_s;

	return hb_sim_duration_ns(
		client->arrivals == MS_PACED ? mean : hb_rng_exponential(rng, mean));
}

int64_t ms_gap_rescale_ns(int64_t left_ns, double old_per_s, double new_per_s)
{
	return hb_sim_duration_ns((double)left_ns * (old_per_s / new_per_s));
}

int64_t ms_timeout_ns(const struct ms_client *client, struct hb_rng *rng)
{
	double mean = client->timeout_s * NS_PER_S;

	switch (client->timeout_kind) {
	case MS_TIMEOUT_NONE:
		break;
	case MS_TIMEOUT_CONSTANT:
		return hb_sim_duration_ns(mean);
	case MS_TIMEOUT_EXPONENTIAL:
		return hb_sim_duration_ns(hb_rng_exponential(rng, mean));
	case MS_TIMEOUT_ERLANG:
		return hb_sim_duration_ns(erlang(mean, client->timeout_phases, rng));
	}
	hb_assert(false);
	return 0;
}

/* ---- keys ---- */

/* (1 - e^(-x)) / x and log(1 + x) / x, which are 1 at 0: exponents near 1 would otherwise cancel. */
static double expm1_ratio(double x)
{
	return fabs(x) > 1e-8 ? expm1(x) / x : 1 + x / 2 * (1 + x / 3);
}

static double log1p_ratio(double x)
{
	return fabs(x) > 1e-8 ? log1p(x) / x : 1 - x * (0.5 - x / 3);
}

/* Integral of x^-s from 1 to @x, and its inverse. */
static double weight_area(const struct ms_key_law *law, double x)
{
	double log_x = log(x);

	return expm1_ratio((1 - law->exponent) * log_x) * log_x;
}

static double weight_area_inverse(const struct ms_key_law *law, double area)
{
	double t = fmax(area * (1 - law->exponent), -1);

	return exp(log1p_ratio(t) * area);
}

static double weight(const struct ms_key_law *law, double x)
{
	return exp(-law->exponent * log(x));
}

void ms_key_law_init(struct ms_key_law *law, const struct ms_cache *cache)
{
	*law = (struct ms_key_law){
		.popularity = cache->popularity,
		.keys = cache->keys,
		.exponent = cache->zipf_exponent,
	};
	if (cache->popularity == MS_UNIFORM_KEYS)
		return;
	law->area_first = weight_area(law, 1.5) - 1;
	law->area_all = weight_area(law, cache->keys + 0.5);
	law->shift = 2 - weight_area_inverse(law, weight_area(law, 2.5) - weight(law, 2));
}

uint32_t ms_draw_key(const struct ms_key_law *law, struct hb_rng *rng)
{
	if (law->popularity == MS_UNIFORM_KEYS)
		return (uint32_t)hb_rng_below(rng, law->keys);
	/* Accepted with probability above 0.8 for any exponent, so the loop is short. */
	for (;;) {
		double area =
			law->area_all + hb_rng_double(rng) * (law->area_first - law->area_all);
		double x = weight_area_inverse(law, area);
		double key = fmin(fmax(floor(x + 0.5), 1), law->keys);

		if (key - x <= law->shift || area >= weight_area(law, key + 0.5) - weight(law, key))
			return (uint32_t)key - 1;
	}
}
