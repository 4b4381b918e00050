/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How policies choose among rules by what was measured. Each learner sees one cost per window, in 0 ... 1:
 * min(latency, 2 x SLO) / (2 x SLO), so that one bad window does not outweigh a thousand good ones.
 */
#ifndef BATCHING_LEARNER_H
#define BATCHING_LEARNER_H

#include <stdbool.h>
#include <stdint.h>

#include <hotbed/rng.h>

#include <batching/policy.h>

#define LEARNER_ARMS 2
#define LEARNER_SLO_COST 0.5 /* the cost of a mean latency equal to the SLO */

/* Hill climbing over profiles 0 ... 4. */
struct climb {
	unsigned int profile;
	int step; /* -1, 0 (parked) or 1 */
	unsigned int tired;
	bool has_last;
	double last_rate;
};

/* Discounted means of arms. */
struct bandit {
	double count[LEARNER_ARMS], sum[LEARNER_ARMS];
};

/* climb_next - profile after a window with @rate answers per second. */
unsigned int climb_next(struct climb *climb, double rate);
/* aimd_next - batch limit after a window inside or outside the SLO. */
double aimd_next(double limit, bool inside, uint32_t limit_max);
/* bandit_add - a window of @arm cost @cost. */
void bandit_add(struct bandit *bandit, unsigned int arm, double cost);
/* bandit_best - arm of the lower mean; one that was never tried is best. */
unsigned int bandit_best(const struct bandit *bandit);
unsigned int bandit_greedy(const struct bandit *bandit, double epsilon, struct hb_rng *rng);
unsigned int bandit_ucb(const struct bandit *bandit);

#endif
