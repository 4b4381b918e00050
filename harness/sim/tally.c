/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Running count, mean and spread of independent observations, and shares of hits.
 * Sources: Welford, Technometrics 4(3), 1962; Chan, Golub and LeVeque 1979 (merging); Wilson 1927.
 */
#include <errno.h>
#include <math.h>

#include <gsl/gsl_cdf.h>

#include <hotbed/assert.h>
#include <hotbed/sim.h>

void hb_tally_reset(struct hb_tally *tally)
{
	*tally = (struct hb_tally){0};
}

void hb_tally_add(struct hb_tally *tally, double value)
{
	double deviation = value - tally->mean;

	hb_assert(isfinite(value));
	tally->min = tally->count && tally->min < value ? tally->min : value;
	tally->max = tally->count && tally->max > value ? tally->max : value;
	tally->count++;
	tally->mean += deviation / (double)tally->count;
	tally->squares += deviation * (value - tally->mean);
}

void hb_tally_merge(struct hb_tally *tally, const struct hb_tally *other)
{
	double own = (double)tally->count;
	double added = (double)other->count;
	double difference = other->mean - tally->mean;

	if (!other->count)
		return;
	if (!tally->count) {
		*tally = *other;
		return;
	}
	tally->count += other->count;
	tally->mean += difference * added / (own + added);
	tally->squares += other->squares + difference * difference * own * added / (own + added);
	tally->min = fmin(tally->min, other->min);
	tally->max = fmax(tally->max, other->max);
}

double hb_tally_variance(const struct hb_tally *tally)
{
	return tally->count < 2 ? (double)NAN : tally->squares / (double)(tally->count - 1);
}

int hb_tally_interval(const struct hb_tally *tally, double level, struct hb_interval *ret)
{
	double half;

	if (tally->count < 2 || !(level > 0 && level < 1))
		return -EINVAL;
	half = gsl_cdf_tdist_Qinv((1 - level) / 2, (double)(tally->count - 1)) *
	       sqrt(hb_tally_variance(tally) / (double)tally->count);
	ret->estimate = tally->mean;
	ret->lo = tally->mean - half;
	ret->hi = tally->mean + half;
	ret->confidence = level;
	return 0;
}

void hb_share_add(struct hb_share *share, bool hit)
{
	share->count++;
	share->hits += hit;
}

int hb_share_interval(const struct hb_share *share, double level, struct hb_interval *ret)
{
	if (!share->count)
		return -EINVAL;
	return hb_stats_wilson_interval(share->hits, share->count, level, ret);
}
