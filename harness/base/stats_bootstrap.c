/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bias-corrected and accelerated bootstrap. See hotbed/stats.h. Symbols as in Efron, JASA 82 (1987).
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include <gsl/gsl_cdf.h>

#include <hotbed/rng.h>
#include <hotbed/stats.h>

#define RESAMPLES_MIN 99
#define RESAMPLES_MAX 1000000

struct bootstrap {
	size_t count;
	double (*statistic)(const uint32_t *items, size_t count, void *user);
	void *user;
	uint32_t resamples;
	double estimate;
	uint32_t *items;    /* scratch, shape [count] */
	double *replicates; /* shape [resamples], sorted by bootstrap_draw() */
	double *jackknife;  /* shape [count] */
};

/* Fill and sort the replicates. Returns 0, or -EINVAL if the statistic is not finite. */
static int bootstrap_draw(struct bootstrap *boot, struct hb_rng *rng)
{
	for (uint32_t r = 0; r < boot->resamples; r++) {
		for (size_t i = 0; i < boot->count; i++)
			boot->items[i] = (uint32_t)hb_rng_below(rng, boot->count);
		boot->replicates[r] = boot->statistic(boot->items, boot->count, boot->user);
		if (!isfinite(boot->replicates[r]))
			return -EINVAL;
	}
	hb_stats_sort(boot->replicates, boot->resamples);
	return 0;
}

/*
 * z_0: how far the replicates' median is from the estimate. Replicates equal to it count half, as statistics of few
 * items have few distinct values. An estimate outside all replicates is taken half a replicate inside.
 */
static double bias_correction(const struct bootstrap *boot)
{
	double below = 0;
	double most = (double)boot->resamples - 0.5;

	for (uint32_t r = 0; r < boot->resamples; r++) {
		if (boot->replicates[r] < boot->estimate)
			below += 1;
		else if (boot->replicates[r] == boot->estimate)
			below += 0.5;
	}
	return gsl_cdf_ugaussian_Pinv(fmin(fmax(below, 0.5), most) / (double)boot->resamples);
}

/* a: the skewness of the jackknife values over 6. Returns 0, or -EINVAL if the statistic is not finite. */
static int acceleration(struct bootstrap *boot, double *ret)
{
	double squares = 0;
	double cubes = 0;
	double mean;

	for (size_t left_out = 0; left_out < boot->count; left_out++) {
		for (size_t i = 0; i + 1 < boot->count; i++)
			boot->items[i] = (uint32_t)(i + (i >= left_out));
		boot->jackknife[left_out] =
			boot->statistic(boot->items, boot->count - 1, boot->user);
		if (!isfinite(boot->jackknife[left_out]))
			return -EINVAL;
	}
	mean = hb_stats_mean(boot->jackknife, boot->count);
	for (size_t i = 0; i < boot->count; i++) {
		double deviation = mean - boot->jackknife[i];

		squares += deviation * deviation;
		cubes += deviation * deviation * deviation;
	}
	*ret = squares > 0 ? cubes / (6 * pow(squares, 1.5)) : 0;
	return 0;
}

/* The replicate at the corrected share of the nominal tail point @z, between order statistics by interpolation. */
static double corrected_bound(const struct bootstrap *boot, double z0, double a, double z)
{
	double scale = 1 - a * (z0 + z);
	double share = scale > 0 ? gsl_cdf_ugaussian_P(z0 + (z0 + z) / scale) : z > 0;
	double position = share * ((double)boot->resamples + 1) - 1;

	position = fmin(fmax(position, 0), (double)boot->resamples - 1);
	return hb_stats_quantile(boot->replicates, boot->resamples,
		fmin(position / ((double)boot->resamples - 1), 1));
}

static int bootstrap_interval(
	struct bootstrap *boot, double level, struct hb_rng *rng, struct hb_interval *ret)
{
	double z = gsl_cdf_ugaussian_Qinv((1 - level) / 2);
	double z0;
	double a;
	int rc;

	for (size_t i = 0; i < boot->count; i++)
		boot->items[i] = (uint32_t)i;
	boot->estimate = boot->statistic(boot->items, boot->count, boot->user);
	if (!isfinite(boot->estimate))
		return -EINVAL;
	rc = acceleration(boot, &a);
	if (rc < 0)
		return rc;
	rc = bootstrap_draw(boot, rng);
	if (rc < 0)
		return rc;
	z0 = bias_correction(boot);
	ret->estimate = boot->estimate;
	ret->lo = corrected_bound(boot, z0, a, -z);
	ret->hi = corrected_bound(boot, z0, a, z);
	ret->confidence = level;
	return 0;
}

int hb_stats_bca(size_t count, double (*statistic)(const uint32_t *items, size_t count, void *user),
	void *user, uint32_t resamples, double level, struct hb_rng *rng, struct hb_interval *ret)
{
	struct bootstrap boot = {
		.count = count, .statistic = statistic, .user = user, .resamples = resamples};
	int rc = -ENOMEM;

	if (count < 2 || count > UINT32_MAX || resamples < RESAMPLES_MIN ||
		resamples > RESAMPLES_MAX || !(level > 0 && level < 1))
		return -EINVAL;
	boot.items = malloc(count * sizeof(boot.items[0]));
	boot.jackknife = malloc(count * sizeof(boot.jackknife[0]));
	boot.replicates = malloc(resamples * sizeof(boot.replicates[0]));
	if (boot.items && boot.jackknife && boot.replicates)
		rc = bootstrap_interval(&boot, level, rng, ret);
	free(boot.items);
	free(boot.jackknife);
	free(boot.replicates);
	return rc;
}
