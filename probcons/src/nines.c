/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The analysis: conditions on the factor of the copula, then on shocks that overlap, and evaluates what is
 * independent then. See probcons/nines.h.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include <probcons/mixed_faults.h>
#include <probcons/nines.h>
#include <probcons/weighted.h>

#include "problem.h"
#include "quorum_sets.h"
#include "scaled_binomial.h"
#include "shock_tree.h"
#include "worst_quorum.h"

#define GAUSSIAN_CASES 300.0 /* of an integral, about */
#define STUDENT_CASES 10000.0
#define WORST_WORK 3e8   /* products for the loss of the worst quorum, about a second */
#define COUNTS_CLASSES 2 /* binomials are quicker for so many different probabilities */

enum value {
	VALUE_UNSAFE,
	VALUE_UNLIVE,
	VALUE_EITHER,
	VALUE_MEAN,
	VALUE_ANY,
	VALUE_WORST,
	VALUE_COUNT,
};

struct analysis {
	const struct pc_node *nodes; /* marginal */
	uint32_t count;
	unsigned int metrics;
	struct pc_thresholds thresholds;
	uint32_t divisor;
	uint64_t sum, votes_commit; /* reduced */
	struct quorum_sets sets;
	struct shock_tree tree;
	struct shock_tree flat; /* all shocks conditioned on: for means over weighted quorums */
	bool with_flat, without_mean;
	struct pc_node *
		given; /* nodes of the current case, one level per conditioned shock and one more */
	double *fault;
	uint32_t *weight;
	/* Copula: */
	uint32_t *class_of_node;
	double *class_fault;
	uint32_t class_count;
	/* The quorum whose loss is VALUE_WORST; NULL: the worst of each case, a bound for their mixture. */
	const bool *worst_set;
	bool worst_only;      /* and nothing else */
	bool *likeliest;      /* the worst set, when it is known beforehand */
	struct pc_node *mask; /* scratch: nodes without a vote outside of the set */
	double *counts;       /* room of scaled_binomial(), when cases go by it */
};

static uint64_t divide_up(uint64_t votes, uint32_t divisor)
{
	return votes / divisor + (votes % divisor > 0);
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Chance that the worst set has failed as a whole. */
static int set_loss(const struct analysis *a, const struct shock_tree *tree,
	const struct pc_node *nodes, double *ret, struct hb_error *reterr)
{
	uint64_t votes = 0;
	double all = 1;

	if (tree->kept_count == 0) {
		for (uint32_t i = 0; i < a->count; i++)
			all *= a->worst_set[i] ? fmin(pc_node_fault(&nodes[i]), 1) : 1;
		*ret = all;
		return 0;
	}
	for (uint32_t i = 0; i < a->count; i++) {
		a->mask[i] = nodes[i];
		a->mask[i].weight = a->worst_set[i] ? nodes[i].weight : 0;
		votes += a->mask[i].weight;
	}
	return shock_tree_worst(tree, a->mask, votes / a->divisor, a->divisor, ret, reterr);
}

/* Failure probabilities by the tree: one pass over Byzantine votes, one over both kinds. */
static int tree_failure(const struct analysis *a, const struct pc_node *nodes, double *values,
	struct hb_error *reterr)
{
	uint64_t unsafe = divide_up(a->thresholds.byz_unsafe, a->divisor);
	uint64_t unlive = divide_up(a->thresholds.byz_unlive, a->divisor);
	uint64_t fault = min(divide_up(a->thresholds.fault_unlive, a->divisor), a->sum + 1);
	uint64_t either = min(unsafe, unlive);
	struct shock_caps caps = {
		.divisor = a->divisor, .byz_only = true, .fault_end = min(unsafe, a->sum + 1)};
	long double *mass, sums[2] = {0};
	int rc = shock_tree_votes(&a->tree, nodes, &caps, &mass, reterr);

	if (rc)
		return rc;
	values[VALUE_UNSAFE] = unsafe > a->sum ? 0 : (double)mass[caps.fault_end];
	free(mass);
	caps = (struct shock_caps){.divisor = a->divisor,
		.fault_end = fault,
		.byz_cap = unlive < fault   ? unlive
			   : either < fault ? either
					    : 0};
	rc = shock_tree_votes(&a->tree, nodes, &caps, &mass, reterr);
	if (rc)
		return rc;
	for (uint64_t b = 0; b <= caps.byz_cap; b++) {
		for (uint64_t f = 0; f < fault; f++) {
			long double cell = mass[b * (fault + 1) + f];

			sums[0] += b >= unlive ? cell : 0;
			sums[1] += b >= either ? cell : 0;
		}
	}
	values[VALUE_UNLIVE] = (double)(mass[fault] + sums[0]);
	values[VALUE_EITHER] = (double)(mass[fault] + sums[1]);
	free(mass);
	return 0;
}

/*
 * Loss by the tree; the mean for equal weights only: the expected share of quorums that lie within the failed.
 */
static int tree_loss(const struct analysis *a, const struct pc_node *nodes, double *values,
	struct hb_error *reterr)
{
	struct shock_caps caps = {.divisor = a->divisor, .fault_end = a->sum + 1};
	uint64_t k = a->votes_commit;
	long double *mass, any = 0, mean = 0, share = 1;
	int rc = shock_tree_votes(&a->tree, nodes, &caps, &mass, reterr);

	if (rc)
		return rc;
	/* share = C(f, k) / C(sum, k) */
	for (uint64_t f = a->sum; f >= k; f--) {
		any += mass[f];
		mean += mass[f] * share;
		share = share * (long double)(f - k) / (long double)f;
	}
	free(mass);
	values[VALUE_ANY] = (double)any;
	if (a->sets.equal)
		values[VALUE_MEAN] = (double)mean;
	if (a->worst_set)
		return 0;
	return shock_tree_worst(&a->tree, nodes, k, a->divisor, &values[VALUE_WORST], reterr);
}

/* A majority that fails is both: too many failed votes, and a quorum all of which has failed. */
static bool any_is_unlive(const struct analysis *a)
{
	return a->metrics & PC_METRIC_FAILURE &&
	       a->thresholds.byz_unlive >= a->thresholds.fault_unlive &&
	       divide_up(a->thresholds.fault_unlive, a->divisor) == a->votes_commit;
}

/* Loss of independent nodes. */
static int plain_loss(const struct analysis *a, const struct pc_node *nodes, double *values,
	struct hb_error *reterr)
{
	int rc;

	for (uint32_t i = 0; i < a->count; i++)
		a->fault[i] = fmin(pc_node_fault(&nodes[i]), 1);
	rc = quorum_sets_mean(&a->sets, a->fault, &values[VALUE_MEAN], reterr);
	if (any_is_unlive(a))
		values[VALUE_ANY] = values[VALUE_UNLIVE];
	else if (!rc)
		rc = pc_weighted_tail(a->fault, a->weight, a->count, a->votes_commit * a->divisor,
			&values[VALUE_ANY], reterr);
	if (!rc && !a->worst_set && quorum_sets_worst(&a->sets, a->fault, &values[VALUE_WORST]) < 0)
		rc = hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", a->count);
	return rc;
}

static int plain_failure(const struct analysis *a, const struct pc_node *nodes, double *values,
	struct hb_error *reterr)
{
	struct pc_failure failure;
	int rc = pc_mixed_faults(nodes, a->count, &a->thresholds, &failure, reterr);

	if (rc)
		return rc;
	values[VALUE_UNSAFE] = failure.unsafe;
	values[VALUE_UNLIVE] = failure.unlive;
	values[VALUE_EITHER] = failure.unsafe_or_unlive;
	return 0;
}

static double mass_from(const double *counts, uint64_t from, uint64_t sum)
{
	double mass = 0;

	if (from == 0)
		return 1;
	for (uint64_t f = from; f <= sum; f++)
		mass += counts[f];
	return mass / SCALED_BINOMIAL_UNIT;
}

/* Loss of equal votes from the distribution of the number of failed nodes. */
static void counts_loss(const struct analysis *a, const double *counts, double *values)
{
	uint64_t k = a->votes_commit;
	double mean = 0, share = 1;

	/* share = C(f, k) / C(sum, k) */
	for (uint64_t f = a->sum; f >= k; f--) {
		mean += counts[f] * share;
		share = share * (double)(f - k) / (double)f;
	}
	values[VALUE_MEAN] = mean / SCALED_BINOMIAL_UNIT;
	values[VALUE_ANY] = mass_from(counts, k, a->sum);
}

/*
 * All values but the worst loss by one distribution, for equal votes and one kind of fault; false if there are two.
 */
static bool counts_values(const struct analysis *a, const struct pc_node *nodes, double *values)
{
	bool crash = false, byz = false;
	uint64_t unsafe, unlive;
	uint32_t voters = 0;
	const double *counts;

	for (uint32_t i = 0; i < a->count; i++) {
		if (!nodes[i].weight)
			continue;
		crash |= nodes[i].crash > 0;
		byz |= nodes[i].byz > 0;
		a->fault[voters++] = fmin(pc_node_fault(&nodes[i]), 1);
	}
	if (crash && byz)
		return false;
	counts = scaled_binomial(a->fault, voters, a->counts);
	unsafe = byz || a->thresholds.byz_unsafe == 0 ? a->thresholds.byz_unsafe : UINT64_MAX;
	unlive = byz || a->thresholds.byz_unlive == 0 ? a->thresholds.byz_unlive : UINT64_MAX;
	unsafe = divide_up(unsafe, a->divisor);
	unlive = divide_up(min(unlive, a->thresholds.fault_unlive), a->divisor);
	values[VALUE_UNSAFE] = mass_from(counts, unsafe, a->sum);
	values[VALUE_UNLIVE] = mass_from(counts, unlive, a->sum);
	values[VALUE_EITHER] = unsafe < unlive ? values[VALUE_UNSAFE] : values[VALUE_UNLIVE];
	if (a->metrics & PC_METRIC_LOSS)
		counts_loss(a, counts, values);
	return true;
}

/* All values of one case: nodes independent but for the shocks that @tree keeps. */
static int case_values(const struct analysis *a, const struct shock_tree *tree,
	const struct pc_node *nodes, double *values, struct hb_error *reterr)
{
	bool plain = tree->kept_count == 0;
	int rc = 0;

	memset(values, 0, VALUE_COUNT * sizeof(values[0]));
	if (a->worst_set && a->metrics & PC_METRIC_LOSS)
		rc = set_loss(a, tree, nodes, &values[VALUE_WORST], reterr);
	if (rc || a->worst_only || (plain && a->counts && counts_values(a, nodes, values)))
		return rc;
	if (a->metrics & PC_METRIC_FAILURE)
		rc = plain ? plain_failure(a, nodes, values, reterr)
			   : tree_failure(a, nodes, values, reterr);
	if (!rc && a->metrics & PC_METRIC_LOSS)
		rc = plain ? plain_loss(a, nodes, values, reterr)
			   : tree_loss(a, nodes, values, reterr);
	return rc;
}

/* Apply @shock to @nodes; false if it changes nothing. */
static bool strike(const struct pc_shock *shock, struct pc_node *nodes)
{
	bool changed = false;

	for (uint32_t i = 0; i < shock->member_count; i++) {
		struct pc_node *node = &nodes[shock->members[i]];
		double crash = shock->byzantine ? node->crash : 1;
		double byz = shock->byzantine ? 1 - node->crash : 0;

		changed |= node->crash != crash || node->byz != byz;
		node->crash = crash;
		node->byz = byz;
	}
	return changed;
}

/*
 * Sum over what the conditioned shocks from @next on do, of probability x values. Levels of a->given hold the nodes
 * so far. Crash shocks come before Byzantine ones in effect, as a crashed node has byz = 0 left and crash = 1
 * stays.
 */
static int condition(const struct analysis *a, const struct shock_tree *tree, uint32_t next,
	double probability, double *sums, struct hb_error *reterr)
{
	struct pc_node *nodes = a->given + (size_t)next * a->count;
	struct pc_node *struck = nodes + a->count;
	double values[VALUE_COUNT], p;
	int rc;

	if (next == tree->conditioned_count) {
		rc = case_values(a, tree, nodes, values, reterr);
		for (int k = 0; k < VALUE_COUNT && !rc; k++)
			sums[k] += probability * values[k];
		return rc;
	}
	p = tree->conditioned[next]->probability;
	memcpy(struck, nodes, a->count * sizeof(nodes[0]));
	if (!strike(tree->conditioned[next], struck))
		return condition(a, tree, next + 1, probability, sums, reterr);
	rc = condition(a, tree, next + 1, probability * p, sums, reterr);
	if (rc || p == 1)
		return rc;
	memcpy(struck, nodes, a->count * sizeof(nodes[0]));
	return condition(a, tree, next + 1, probability * (1 - p), sums, reterr);
}

/* Values for the nodes at a->given. */
static int shocked_values(struct analysis *a, double *values, struct hb_error *reterr)
{
	unsigned int metrics = a->metrics;
	double flat[VALUE_COUNT] = {0};
	int rc;

	memset(values, 0, VALUE_COUNT * sizeof(values[0]));
	rc = condition(a, &a->tree, 0, 1, values, reterr);
	if (!rc && a->with_flat && !a->worst_only) {
		a->metrics = PC_METRIC_LOSS;
		rc = condition(a, &a->flat, 0, 1, flat, reterr);
		a->metrics = metrics;
		values[VALUE_MEAN] = flat[VALUE_MEAN];
	}
	return rc;
}

static int copula_case(const double *q, double *values, void *user, struct hb_error *reterr)
{
	struct analysis *a = user;

	for (uint32_t i = 0; i < a->count; i++) {
		double fault = q[a->class_of_node[i]], marginal = pc_node_fault(&a->nodes[i]);
		double byz = a->nodes[i].byz > 0 ? fault * (a->nodes[i].byz / marginal) : 0;

		a->given[i].weight = a->nodes[i].weight;
		a->given[i].byz = byz;
		a->given[i].crash = a->nodes[i].crash > 0 ? fault - byz : 0;
	}
	return shocked_values(a, values, reterr);
}

static int ascending(const void *x, const void *y)
{
	const double *a = x, *b = y;

	return (*a > *b) - (*a < *b);
}

/* Classes of equal fault probability, so that a case costs one quantile each. */
static int copula_classes(struct analysis *a)
{
	a->class_of_node = malloc(a->count * sizeof(a->class_of_node[0]));
	a->class_fault = malloc(a->count * sizeof(a->class_fault[0]));
	if (!a->class_of_node || !a->class_fault)
		return -ENOMEM;
	for (uint32_t i = 0; i < a->count; i++)
		a->class_fault[i] = pc_node_fault(&a->nodes[i]);
	qsort(a->class_fault, a->count, sizeof(a->class_fault[0]), ascending);
	for (uint32_t i = 0; i < a->count; i++)
		if (i == 0 || a->class_fault[i] != a->class_fault[a->class_count - 1])
			a->class_fault[a->class_count++] = a->class_fault[i];
	for (uint32_t i = 0; i < a->count; i++) {
		double fault = pc_node_fault(&a->nodes[i]);
		double *at = bsearch(&fault, a->class_fault, a->class_count,
			sizeof(a->class_fault[0]), ascending);

		hb_assert(at);
		a->class_of_node[i] = (uint32_t)(at - a->class_fault);
	}
	return 0;
}

/*
 * With equal votes and a copula alone, the quorum likeliest to fail has the likeliest nodes whatever the factor:
 * conditional probabilities keep the order of the marginal ones.
 */
static int copula_worst_set(struct analysis *a)
{
	uint64_t left = a->votes_commit;

	a->likeliest = calloc(a->count, sizeof(a->likeliest[0]));
	if (!a->likeliest)
		return -ENOMEM;
	for (uint32_t class = a->class_count; class -- > 0 && left;) {
		for (uint32_t i = 0; i < a->count && left; i++) {
			if (a->class_of_node[i] != class || !a->nodes[i].weight)
				continue;
			a->likeliest[i] = true;
			left--;
		}
	}
	a->worst_set = a->likeliest;
	return 0;
}

/* Cases go by one distribution where votes are equal and the loss of the worst quorum needs no nodes. */
static int copula_counts(struct analysis *a)
{
	bool equal = true;

	for (uint32_t i = 0; i < a->count; i++)
		equal = equal && (!a->weight[i] || a->weight[i] == a->divisor);
	if (!equal || a->class_count <= COUNTS_CLASSES || a->tree.kept_count ||
		(a->metrics & PC_METRIC_LOSS && !a->worst_set))
		return 0;
	a->counts = malloc(SCALED_BINOMIAL_ROOM(a->count) * sizeof(a->counts[0]));
	return a->counts ? 0 : -ENOMEM;
}

/* Mean of all values over what nodes have in common. */
static int run(
	struct analysis *a, const struct pc_correlation *c, double *values, struct hb_error *reterr)
{
	if (c->copula.kind == PC_COPULA_NONE)
		return shocked_values(a, values, reterr);
	return pc_copula_integrate(&c->copula, a->class_fault, a->class_count, copula_case, a,
		VALUE_COUNT, values, reterr);
}

static int prepare_copula(struct analysis *a, bool shocks, struct hb_error *reterr)
{
	int rc = copula_classes(a);

	if (!rc && a->metrics & PC_METRIC_LOSS && a->sets.equal && !shocks)
		rc = copula_worst_set(a);
	if (!rc)
		rc = copula_counts(a);
	if (rc)
		return hb_error_set(reterr, rc, "not enough memory for %u nodes", a->count);
	return 0;
}

struct worst_search {
	struct analysis *analysis;
	const struct pc_correlation *correlation;
	double worst;
};

static int try_set(const bool *set, void *user, struct hb_error *reterr)
{
	struct worst_search *search = user;
	double values[VALUE_COUNT] = {0};
	int rc;

	search->analysis->worst_set = set;
	rc = run(search->analysis, search->correlation, values, reterr);
	if (!rc)
		search->worst = fmax(search->worst, values[VALUE_WORST]);
	return rc;
}

/*
 * Loss of the worst quorum, set by set, in place of the bound; *@ret_bound remains true if that is too much work.
 */
static int exact_worst(struct analysis *a, const struct pc_correlation *c, uint64_t votes,
	double *ret_worst, bool *ret_bound, struct hb_error *reterr)
{
	struct worst_search search = {.analysis = a, .correlation = c};
	double cases = c->copula.kind == PC_COPULA_NONE       ? 1
		       : c->copula.kind == PC_COPULA_GAUSSIAN ? GAUSSIAN_CASES
							      : STUDENT_CASES;
	double step = 1 + a->tree.kept_count * (double)(a->sum + 1);
	double work = cases * ldexp(1, (int)a->tree.conditioned_count) * a->count * step;
	int rc;

	a->mask = malloc(a->count * sizeof(a->mask[0]));
	if (!a->mask)
		return hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", a->count);
	a->worst_only = true;
	rc = worst_quorum_candidates(a->nodes, a->count, votes, c->shocks, c->shock_count,
		(uint64_t)(WORST_WORK / work), try_set, &search, reterr);
	if (rc == -E2BIG)
		return 0;
	if (!rc) {
		*ret_worst = search.worst;
		*ret_bound = false;
	}
	return rc;
}

static void analysis_finish(struct analysis *a)
{
	quorum_sets_finish(&a->sets);
	shock_tree_finish(&a->tree);
	shock_tree_finish(&a->flat);
	free(a->given);
	free(a->fault);
	free(a->weight);
	free(a->class_of_node);
	free(a->class_fault);
	free(a->likeliest);
	free(a->mask);
	free(a->counts);
}

/* Trees of the shocks, and room for the cases. */
static int shocks_init(struct analysis *a, const struct pc_correlation *c, struct hb_error *reterr)
{
	int rc = shock_tree_init(&a->tree, c->shocks, c->shock_count, a->count, false, reterr);
	size_t levels;

	if (rc)
		return rc;
	if (a->metrics & PC_METRIC_LOSS && !a->sets.equal && a->tree.kept_count) {
		rc = shock_tree_init(&a->flat, c->shocks, c->shock_count, a->count, true, NULL);
		if (rc == -ENOMEM)
			return hb_error_set(reterr, rc, "not enough memory for the shocks");
		a->with_flat = rc == 0;
		a->without_mean = rc != 0;
	}
	levels = 1 + (a->with_flat ? a->flat.conditioned_count : a->tree.conditioned_count);
	a->given = calloc(levels * a->count, sizeof(a->given[0]));
	a->fault = malloc(a->count * sizeof(a->fault[0]));
	if (!a->given || !a->fault)
		return hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", a->count);
	memcpy(a->given, a->nodes, a->count * sizeof(a->nodes[0]));
	return 0;
}

static int analysis_init(struct analysis *a, const struct pc_protocol *protocol,
	const struct pc_correlation *c, struct hb_error *reterr)
{
	int rc;

	a->weight = malloc(a->count * sizeof(a->weight[0]));
	if (!a->weight)
		return hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", a->count);
	for (uint32_t i = 0; i < a->count; i++)
		a->weight[i] = a->nodes[i].weight;
	a->divisor = pc_weighted_divisor(a->weight, a->count);
	a->thresholds = pc_protocol_thresholds(protocol);
	a->sum = protocol->votes / a->divisor;
	a->votes_commit = divide_up(protocol->q_per, a->divisor);
	if (c->shock_count && a->sum > PC_WEIGHT_SUM_MAX)
		return hb_error_set(reterr, -E2BIG, "%llu votes; groups are for at most %u",
			(unsigned long long)a->sum, PC_WEIGHT_SUM_MAX);
	if (a->metrics & PC_METRIC_LOSS) {
		rc = quorum_sets_init(&a->sets, a->nodes, a->count, protocol->q_per, reterr);
		if (rc)
			return rc;
	}
	return shocks_init(a, c, reterr);
}

static double clip(double q)
{
	return q > 1 ? 1 : q;
}

int pc_analyse(const struct pc_node *nodes, uint32_t count, const struct pc_protocol *protocol,
	const struct pc_correlation *correlation, unsigned int metrics, struct pc_result *ret,
	struct hb_error *reterr)
{
	static const struct pc_correlation none;
	const struct pc_correlation *c = correlation ? correlation : &none;
	struct analysis a = {.nodes = nodes, .count = count, .metrics = metrics};
	double values[VALUE_COUNT] = {0};
	bool bound = false;
	int rc = problem_check(nodes, count, protocol, c, reterr);

	if (!rc && (c->copula.kind != PC_COPULA_NONE || c->shock_count) &&
		count > PC_NODES_MIXED_MAX)
		rc = hb_error_set(reterr, -E2BIG, "%u nodes; correlated fleets have at most %d",
			count, PC_NODES_MIXED_MAX);
	if (!rc)
		rc = analysis_init(&a, protocol, c, reterr);
	if (!rc && c->copula.kind != PC_COPULA_NONE)
		rc = prepare_copula(&a, c->shock_count > 0, reterr);
	if (!rc)
		rc = run(&a, c, values, reterr);
	bound = metrics & PC_METRIC_LOSS && !a.worst_set &&
		(c->copula.kind != PC_COPULA_NONE || a.tree.conditioned_count > 0);
	if (!rc && bound)
		rc = exact_worst(&a, c, protocol->q_per, &values[VALUE_WORST], &bound, reterr);
	if (!rc) {
		bool failure = metrics & PC_METRIC_FAILURE, loss = metrics & PC_METRIC_LOSS;

		*ret = (struct pc_result){
			.unsafe = failure ? clip(values[VALUE_UNSAFE]) : NAN,
			.unlive = failure ? clip(values[VALUE_UNLIVE]) : NAN,
			.unsafe_or_unlive = failure ? clip(values[VALUE_EITHER]) : NAN,
			.loss.worst = loss ? clip(values[VALUE_WORST]) : NAN,
			.loss.mean = loss && !a.without_mean ? clip(values[VALUE_MEAN]) : NAN,
			.loss.any = loss ? clip(values[VALUE_ANY]) : NAN,
			.loss.worst_is_bound = bound,
		};
	}
	analysis_finish(&a);
	return rc;
}
