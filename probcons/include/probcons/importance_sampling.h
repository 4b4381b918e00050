/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Importance sampling by exponential tilt: each node's fault probability is raised by one common factor of the odds
 * so that the expected failed votes are the threshold, and hits are weighted by the likelihood ratio. With several
 * ways into the event (Byzantine votes, failed votes) the proposal is an equal mixture of their tilts, weighted by
 * the mixture's density (balance heuristic). Shocks are drawn with a raised probability, the copula's factor from a
 * shifted normal.
 *
 * The interval is the central limit theorem's; with fewer than 50 effective samples the estimate is not to be
 * trusted, and naive sampling (@naive) of an event that was never hit gives the exact upper bound 1 - (1 -
 * level)^(1 / samples). Thread-safe. Sources: Siegmund 1976; Veach and Guibas 1995; Owen, "Monte Carlo theory,
 * methods and examples", ch. 9.
 */
#ifndef PROBCONS_IMPORTANCE_SAMPLING_H
#define PROBCONS_IMPORTANCE_SAMPLING_H

#include <stdbool.h>

#include <probcons/rare_event.h>

struct hb_error;
struct hb_rng;

struct pc_is_options {
	uint64_t samples_max; /* stop here; 0 = 1e8 */
	double relative_error; /* stop when stderr / q is below this (after 1000 samples); 0 = run all samples */
	double level; /* of the interval, (0, 1); 0 = 0.95 */
	bool naive;   /* no tilt: the baseline */
};

/*
 * pc_importance_sample - estimate the probability of the event.
 * @rng: drawn from; same state, same answer.
 *
 * Returns 0, -EINVAL (problem or options), -E2BIG or -ENOMEM. An impossible event gives q = 0 with samples = 0.
 */
int pc_importance_sample(const struct pc_rare_problem *problem, const struct pc_is_options *options,
	struct hb_rng *rng, struct pc_estimate *ret, struct hb_error *reterr);

#endif
