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

/* One arm's windows since the test began. */
struct evidence {
	double count, sum, square_sum;
};

struct toggle {
	struct evidence arms[LEARNER_ARMS];
	unsigned int incumbent, current;
	uint32_t until_probe; /* windows of the incumbent before the other is looked at */
	uint32_t patience;    /* what until_probe begins with; doubles when the incumbent wins */
	uint32_t probed;      /* windows of this probe */
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
/*
 * evidence_radius - half width of the confidence sequence of the mean at level 1 - @alpha, for all counts at once: a
 * normal mixture with the variance that was seen, which begins as that of a coin (asymptotic, Waudby-Smith et al.
 * 2021).
 */
double evidence_radius(const struct evidence *evidence, double alpha);
void toggle_init(struct toggle *toggle);
/* toggle_next - arm after a window of the current one. */
unsigned int toggle_next(struct toggle *toggle, double cost, double alpha);

#endif
