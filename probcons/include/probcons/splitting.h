/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Adaptive multilevel splitting: needs no tilt, hence no idea of how the event comes about. The level is time: node
 * i is given a fault time with P(time <= 1) = its fault probability (through the copula's latent variables; shocks
 * have times too), the score of a configuration is the moment at which the predicate first fails, and the event is
 * a score of at most 1. Particles climb from level to level (each the @keep quantile of the scores) by Gibbs and
 * Metropolis moves.
 *
 * A common cause that is rarer than many single faults but strikes more would never be found on that way. Shocks are
 * therefore partitioned into at most 64 strata (which strikes first, then which next), each with its own climb: with
 * up to 127 shocks every single one is told apart, with up to 10 every pair. The particles are those of 8 strata at
 * most, or 100 each.
 *
 * The interval is Student's t over independent repetitions, which covers the dependence within each; strata that
 * cannot matter are left out, and their probability is added to its upper end. Thread-safe.
 * Sources: Botev and Kroese, Stat. Comput. 22, 2012; Cerou, Del Moral, Furon, Guyader, Stat. Comput. 22, 2012;
 * Brehier et al., Ann. Appl. Probab. 26(6), 2016.
 */
#ifndef PROBCONS_SPLITTING_H
#define PROBCONS_SPLITTING_H

#include <probcons/rare_event.h>

struct hb_error;
struct hb_rng;

struct pc_splitting_options {
	uint32_t
		particles; /* per repetition; 0 = 500; 10 ... 1e6; with few hundreds intervals are too short */
	uint32_t repetitions; /* 0 = 16; 2 ... 10000 */
	uint32_t sweeps;      /* moves of all coordinates per level; 0 = 3; 1 ... 1000 */
	double keep;          /* share of particles that survive a level, (0, 0.5]; 0 = 0.1 */
	double level;         /* of the interval; 0 = 0.95 */
};

/*
 * pc_splitting - estimate the probability of the event. Parameters and errors as pc_importance_sample(); -ERANGE
 * when a repetition passes 1000 levels (below 1e-1000).
 */
int pc_splitting(const struct pc_rare_problem *problem, const struct pc_splitting_options *options,
	struct hb_rng *rng, struct pc_estimate *ret, struct hb_error *reterr);

#endif
