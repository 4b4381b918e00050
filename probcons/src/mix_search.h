/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The two searches over mixes of node types that pc_optimise() runs, and what they share: types in order of
 * reliability, without those that another one dominates. Private to the library.
 */
#ifndef PROBCONS_MIX_SEARCH_H
#define PROBCONS_MIX_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include <probcons/optimise.h>

struct hb_error;

/* Types by rising fault probability; own probabilities are what is left of crash after the common part. */
struct mix_types {
	const struct pc_optimise_problem *problem;
	uint32_t count;
	uint32_t index[PC_OPTIMISE_TYPES_MAX]; /* in the problem */
	double fault[PC_OPTIMISE_TYPES_MAX];   /* own crash + byz */
	double byz[PC_OPTIMISE_TYPES_MAX];
	double cost[PC_OPTIMISE_TYPES_MAX];
	uint32_t min[PC_OPTIMISE_TYPES_MAX], max[PC_OPTIMISE_TYPES_MAX];
	double unlive_max, unsafe_max; /* targets, taken together with that of either */
	uint32_t copies_min;
};

/* Where a search stands: best mix so far, and what is known about those not looked at. */
struct mix_outcome {
	bool found;
	double cost;       /* of the best; INFINITY */
	double open_bound; /* cost below which nothing was left unexplored; INFINITY */
	uint32_t n, m;     /* nodes; without weights: quorum size */
	uint32_t counts[PC_OPTIMISE_TYPES_MAX]; /* by the problem's types */
	uint64_t steps, steps_max;
	int err; /* the search ended with this */
};

void mix_types_init(struct mix_types *types, const struct pc_optimise_problem *problem);

/* mix_is_cheaper - does @cost improve on @outcome by more than rounding? */
bool mix_is_cheaper(const struct mix_outcome *outcome, double cost);

/* mix_search - all nodes have one vote. Returns 0 or -errno; @outcome says what was found. */
int mix_search(const struct mix_types *types, struct mix_outcome *outcome, struct hb_error *reterr);

/* weighted_search - Raft with weights; starts from what mix_search() found. */
int weighted_search(
	const struct mix_types *types, struct mix_outcome *outcome, struct hb_error *reterr);

/* mix_nodes - nodes of @counts (by the problem's types), weight 1. @ret: shape [n]. */
void mix_nodes(
	const struct pc_optimise_problem *problem, const uint32_t *counts, struct pc_node *ret);

/*
 * mix_analyse - pc_analyse() with the common part that the problem declares.
 * @metrics: pc_metric bits. Returns as pc_analyse().
 */
int mix_analyse(const struct pc_optimise_problem *problem, const struct pc_node *nodes,
	uint32_t count, const struct pc_protocol *protocol, unsigned int metrics,
	struct pc_result *ret, struct hb_error *reterr);

/* mix_meets - does @result meet the problem's targets? Loss is looked at if there is a target for it. */
bool mix_meets(const struct pc_optimise_problem *problem, const struct pc_result *result);

/* mix_sizes - the quorum sizes that do best when the largest is @m: of @n nodes with one vote each. */
struct pc_protocol mix_sizes(enum pc_protocol_kind kind, uint32_t n, uint32_t m);

#define WEIGHT_CANDIDATES_MAX 4000 /* enough for all small weights of up to nine classes */

/* Weights of a fixed fleet. */
struct weight_choice {
	bool found;
	uint32_t weights[PC_OPTIMISE_TYPES_MAX]; /* by sorted types; 0 where there is none */
	uint64_t votes, q;                       /* all, and of both quorums */
	uint32_t copies;
	double unlive;
};

/*
 * weights_choose - integer weights that minimise unlive subject to copies and loss.
 * @counts: by sorted types. @enough: stop at the first that is not above it. @candidates_max: or after so many.
 * @steps: raised by the number of candidates.
 */
int weights_choose(const struct mix_types *types, const uint32_t *counts, double enough,
	uint32_t candidates_max, uint64_t *steps, struct weight_choice *ret,
	struct hb_error *reterr);

#endif
