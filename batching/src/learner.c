/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learner.h"

#include <math.h>

#define PROFILES 5
#define CLIMB_TIRED 4
#define CLIMB_MARGIN 0.10 /* DIM's IS_SIGNIFICANT_DIFF: ten percent */
#define AIMD_BACKOFF 0.9
#define DISCOUNT 0.98
#define UCB_WIDTH 0.3
#define PATIENCE_FIRST 16
#define PATIENCE_MAX 512
#define PROBE_MAX 64
#define HOPELESS_COST 0.98 /* of the first windows of a probe: no need to be sure by how much */
#define COIN_VARIANCE 0.25
/* Older windows fade, or a change would take as long to see as the past was. */
#define EVIDENCE_MAX 128.0

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

double evidence_radius(const struct evidence *evidence, double alpha)
{
	double n = evidence->count, mean, variance;

	if (n <= 0)
		return 1;
	mean = evidence->sum / n;
	variance = (fmax(evidence->square_sum - n * mean * mean, 0) + COIN_VARIANCE) / (n + 1);
	return sqrt(variance * (n + 1) * log((n + 1) / (alpha * alpha))) / n;
}

void toggle_init(struct toggle *toggle)
{
	*toggle = (struct toggle){.until_probe = PATIENCE_FIRST, .patience = PATIENCE_FIRST};
}

static double evidence_mean(const struct evidence *evidence)
{
	return evidence->count > 0 ? evidence->sum / evidence->count : 0;
}

static void evidence_add(struct evidence *evidence, double cost)
{
	if (evidence->count >= EVIDENCE_MAX) {
		evidence->count /= 2;
		evidence->sum /= 2;
		evidence->square_sum /= 2;
	}
	evidence->count += 1;
	evidence->sum += cost;
	evidence->square_sum += cost * cost;
}

/* The probe is over: @winner stays; what is known is forgotten, as the load will not stay as it is. */
static unsigned int settle(struct toggle *toggle, unsigned int winner)
{
	bool is_kept = winner == toggle->incumbent;

	toggle->patience = !is_kept                          ? PATIENCE_FIRST
			   : toggle->patience < PATIENCE_MAX ? toggle->patience * 2
							     : PATIENCE_MAX;
	toggle->until_probe = toggle->patience;
	toggle->incumbent = toggle->current = winner;
	toggle->probed = 0;
	for (unsigned int i = 0; i < LEARNER_ARMS; i++)
		toggle->arms[i] = (struct evidence){0};
	return winner;
}

static unsigned int watch_incumbent(struct toggle *toggle, double alpha)
{
	const struct evidence *own = &toggle->arms[toggle->incumbent];
	double mean = evidence_mean(own), radius = evidence_radius(own, alpha);
	bool is_held = mean + radius <= LEARNER_SLO_COST;
	bool is_broken = mean - radius > LEARNER_SLO_COST;

	if (toggle->until_probe > 0)
		toggle->until_probe--;
	/* The SLO holds with confidence: nothing to win that is worth a risk. Broken: do not wait. */
	if (is_held || (toggle->until_probe > 0 && !is_broken))
		return toggle->incumbent;
	if (is_broken && toggle->until_probe > 0 && toggle->patience > PATIENCE_FIRST)
		return toggle->incumbent; /* the other was looked at lately, and it was worse */
	toggle->current = !toggle->incumbent;
	toggle->arms[toggle->current] = (struct evidence){0};
	toggle->probed = 0;
	return toggle->current;
}

unsigned int toggle_next(struct toggle *toggle, double cost, double alpha)
{
	const struct evidence *own = &toggle->arms[toggle->incumbent];
	const struct evidence *other = &toggle->arms[!toggle->incumbent];
	double gap, radius;

	evidence_add(&toggle->arms[toggle->current], cost);
	if (toggle->current == toggle->incumbent)
		return watch_incumbent(toggle, alpha);
	toggle->probed++;
	gap = evidence_mean(other) - evidence_mean(own);
	/* Half the error for each of the two sequences. */
	radius = evidence_radius(own, alpha / 2) + evidence_radius(other, alpha / 2);
	if (gap > radius ||
		(toggle->probed >= 2 && gap > 0 && evidence_mean(other) >= HOPELESS_COST))
		return settle(toggle, toggle->incumbent);
	if (gap < -radius)
		return settle(toggle, toggle->current);
	if (toggle->probed >= PROBE_MAX)
		return settle(
			toggle, toggle->incumbent); /* not told apart: a switch is worth nothing */
	return toggle->current;
}
