/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Why a configuration fails: its likeliest minimal failure sets, and which node or shock to improve first.
 *
 * A minimal failure set is a set of faults that brings the event about and does not without any one of them. They
 * come in order of probability by best-first search over classes of equal nodes (the admissible estimate is the
 * fractional cover of the votes still missing), so the first ones are found without looking at the rest. Importance
 * follows Birnbaum: the event's probability is linear in each component's, and the slope is Q(sure to fail) - Q(never
 * fails). Thread-safe. Sources: Birnbaum 1969; Vesely et al., Fault Tree Handbook, NUREG-0492.
 */
#ifndef PROBCONS_EXPLAIN_H
#define PROBCONS_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include <probcons/nines.h>
#include <probcons/rare_event.h>

struct hb_error;

#define PC_FAILURE_SETS_MAX 1000
#define PC_FAILURE_SET_SHOCKS_MAX 2 /* sets with more shocks than this are not listed */

/* Equal nodes: same probabilities, weight and shocks. */
struct pc_node_class {
	uint32_t first; /* lowest node number, from 0 */
	uint32_t count;
	struct pc_node node;
};

struct pc_failure_set {
	double probability; /* that all these faults are there, whatever else is: of one such set */
	double alike;       /* sets that differ only in which nodes of a class they take */
	bool byzantine;     /* the faults have to be Byzantine ones */
	const uint32_t *takes; /* nodes of each class, shape [class_count] */
	uint32_t shock_count;
	uint32_t shocks[PC_FAILURE_SET_SHOCKS_MAX]; /* numbers from 0 */
};

/* Of one node of a class, or of one shock. Probabilities are of the event that is explained. */
struct pc_importance {
	double birnbaum;    /* chance that this component decides */
	double criticality; /* birnbaum x own probability / Q: elasticity of Q */
	double involved;    /* share of the failures in which it has failed */
	double if_perfect;  /* Q if it never failed */
	double if_class_halved; /* Q if all nodes of the class failed half as often (shock: this shock) */
};

struct pc_explanation {
	double q; /* probability of the event */
	struct pc_node_class *classes;
	uint32_t class_count;
	struct pc_importance *class_importance; /* shape [class_count] */
	struct pc_importance *shock_importance; /* shape [shock_count] */
	uint32_t shock_count;
	struct pc_failure_set *sets; /* by falling probability */
	uint32_t set_count;
	bool sets_cut;                     /* there are more */
	uint32_t *takes;                   /* memory of the sets */
	uint32_t first_class, first_shock; /* of greatest criticality; UINT32_MAX = none */
};

/*
 * pc_explain - explain the event of @problem.
 * @sets_max: how many failure sets, 0 ... PC_FAILURE_SETS_MAX. Under a copula they are ranked by the nodes' own
 * probabilities, as if independent; importances are exact for shocks and independent nodes, and under a copula mean
 * the change of the marginal probability.
 * @ret: zero-initialised; pc_explanation_finish().
 *
 * Returns 0, -EINVAL, -E2BIG, -ENOMEM or what pc_analyse() returns.
 */
int pc_explain(const struct pc_rare_problem *problem, uint32_t sets_max, struct pc_explanation *ret,
	struct hb_error *reterr);

void pc_explanation_finish(struct pc_explanation *explanation);

#endif
