/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learner.h"

#include <math.h>

#define PROFILES 5
#define CLIMB_TIRED 4
#define CLIMB_MARGIN 0.10 /* DIM's IS_SIGNIFICANT_DIFF: ten percent */
#define AIMD_BACKOFF 0.9
#define DISCOUNT 0.98
#define UCB_WIDTH 0.3

unsigned int climb_next(struct climb *climb, double rate)
{
	double change;

	if (!climb->has_last) {
		climb->has_last = true;
		climb->last_rate = rate;
		climb->step = 1;
		climb->profile = 1;
		return climb->profile;
	}
	change = climb->last_rate > 0 ? rate / climb->last_rate - 1 : 1;
	climb->last_rate = rate;
	if (climb->step == 0) {
		/* Parked on a top: only a different load makes it look around again. */
		if (fabs(change) <= CLIMB_MARGIN)
			return climb->profile;
		climb->tired = 0;
		climb->step = climb->profile + 1 < PROFILES ? 1 : -1;
	} else if (change < -CLIMB_MARGIN || fabs(change) <= CLIMB_MARGIN) {
		climb->step = -climb->step;
		if (++climb->tired >= CLIMB_TIRED) {
			climb->step = 0;
			return climb->profile;
		}
	}
	if ((climb->step < 0 && climb->profile == 0) ||
		(climb->step > 0 && climb->profile + 1 == PROFILES)) {
		climb->step = 0;
		return climb->profile;
	}
	climb->profile = (unsigned int)((int)climb->profile + climb->step);
	return climb->profile;
}

double aimd_next(double limit, bool inside, uint32_t limit_max)
{
	limit = inside ? limit + 1 : limit * AIMD_BACKOFF;
	return fmin(fmax(limit, 1), (double)limit_max);
}

void bandit_add(struct bandit *bandit, unsigned int arm, double cost)
{
	for (unsigned int i = 0; i < LEARNER_ARMS; i++) {
		bandit->count[i] *= DISCOUNT;
		bandit->sum[i] *= DISCOUNT;
	}
	bandit->count[arm] += 1;
	bandit->sum[arm] += cost;
}

static double mean_cost(const struct bandit *bandit, unsigned int arm)
{
	return bandit->count[arm] > 0 ? bandit->sum[arm] / bandit->count[arm] : -1;
}

unsigned int bandit_best(const struct bandit *bandit)
{
	return mean_cost(bandit, 1) < mean_cost(bandit, 0);
}

unsigned int bandit_greedy(const struct bandit *bandit, double epsilon, struct hb_rng *rng)
{
	unsigned int best = bandit_best(bandit);

	return hb_rng_double(rng) < epsilon ? !best : best;
}

unsigned int bandit_ucb(const struct bandit *bandit)
{
	double total = bandit->count[0] + bandit->count[1];
	double bound[LEARNER_ARMS];

	for (unsigned int i = 0; i < LEARNER_ARMS; i++) {
		if (bandit->count[i] <= 0)
			return i;
		/* Costs are to be low, so the optimistic side is the lower one. */
		bound[i] = mean_cost(bandit, i) -
			   UCB_WIDTH * sqrt(log(fmax(total, 1)) / bandit->count[i]);
	}
	return bound[1] < bound[0];
}
