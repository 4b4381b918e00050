/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Branch and bound over mixes of nodes with one vote each. For each number of nodes n and largest quorum m the targets
 * become limits on tails (faults >= k, Byzantine >= t); the counts of the types are set in order of reliability, and
 * a partial mix is left when even the best completion breaks a limit or the cheapest one costs too much.
 */
#include "mix_search.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#define LIMITS_MAX 4
#define SLACK \
	1e-9 /* bounds are let go by this much, relative, so that rounding never prunes an answer */
/* An analysis takes as long as so many steps of the search. */
#define STEPS_OF_ANALYSIS 10
#define STEPS_OF_SHOCKS 50
#define SIDE (PC_OPTIMISE_NODES_MAX + 1)

/* A tail that must not exceed a limit. */
struct limit {
	const double *q; /* by sorted type */
	const double (*fill)[SIDE][SIDE + 1];
	uint32_t k; /* at least so many; 0: only the scores are limited */
	double max;
	/* Additive score of each type and what its sum may be; Maclaurin's inequality. */
	double score[PC_OPTIMISE_TYPES_MAX];
	double budget;
	/* Lower hull of (score, cost) of the types from j on, by rising score and falling cost. */
	uint32_t hull_count[PC_OPTIMISE_TYPES_MAX];
	uint8_t hull[PC_OPTIMISE_TYPES_MAX][PC_OPTIMISE_TYPES_MAX];
};

/* Distribution of one kind of fault among the nodes chosen so far, cut at k. */
struct tail {
	long double pmf[SIDE];
	long double above;
	double score;
};

struct frame {
	struct tail tails[LIMITS_MAX];
};

struct search {
	const struct mix_types *types;
	struct mix_outcome *outcome;
	struct hb_error *reterr;
	/* Chance that at least `need` of r nodes of the best type from j on fail: [j][r][need]. */
	double (*fill_fault)[SIDE][SIDE + 1];
	double (*fill_byz)[SIDE][SIDE + 1];
	struct limit limits[LIMITS_MAX];
	uint32_t limit_count;
	bool impossible; /* with these sizes no mix meets the targets */
	uint32_t n, m;
	double cheapest[PC_OPTIMISE_TYPES_MAX + 1]; /* cost of the cheapest type from j on */
	/* Types whose common part alone passes the target: fewer than fault_unlive nodes may be of them. */
	bool dangerous[PC_OPTIMISE_TYPES_MAX];
	double cheapest_harmless[PC_OPTIMISE_TYPES_MAX + 1];
	uint32_t fault_unlive;
	uint32_t counts[PC_OPTIMISE_TYPES_MAX]; /* by sorted type */
	struct frame frames[PC_OPTIMISE_TYPES_MAX + 1];
};

struct size_pair {
	uint32_t n, m;
	double bound;
};

static void fill_tables(double (*fill)[SIDE][SIDE + 1], const double *q, uint32_t count)
{
	double best = 1;

	for (uint32_t j = count; j-- > 0;) {
		best = fmin(best, q[j]);
		for (uint32_t need = 0; need <= SIDE; need++)
			fill[j][0][need] = need == 0;
		for (uint32_t r = 1; r < SIDE; r++) {
			fill[j][r][0] = 1;
			for (uint32_t need = 1; need <= SIDE; need++)
				fill[j][r][need] = best * fill[j][r - 1][need - 1] +
						   (1 - best) * fill[j][r - 1][need];
		}
	}
}

/* Keep the part of the convex hull from the best score to the least cost. */
static void build_hull(struct limit *limit, const struct mix_types *types, uint32_t from)
{
	uint8_t *hull = limit->hull[from], sorted[PC_OPTIMISE_TYPES_MAX];
	uint32_t count = 0, used = types->count - from;

	for (uint32_t i = 0; i < used; i++) {
		uint32_t at = i;

		for (; at > 0 && limit->score[sorted[at - 1]] > limit->score[from + i]; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = (uint8_t)(from + i);
	}
	for (uint32_t i = 0; i < used; i++) {
		uint8_t p = sorted[i];

		if (count > 0 && types->cost[p] >= types->cost[hull[count - 1]])
			continue;
		for (; count > 1; count--) {
			uint8_t a = hull[count - 2], b = hull[count - 1];
			double left = (types->cost[b] - types->cost[a]) *
				      (limit->score[p] - limit->score[a]);
			double right = (types->cost[p] - types->cost[a]) *
				       (limit->score[b] - limit->score[a]);

			if (left < right)
				break;
		}
		hull[count++] = p;
	}
	limit->hull_count[from] = count;
}

static double log_choose(uint32_t n, uint32_t k)
{
	return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0);
}

static void add_limit(struct search *search, const double *q, const double (*fill)[SIDE][SIDE + 1],
	uint64_t k, double max)
{
	struct limit *limit = &search->limits[search->limit_count];
	const struct mix_types *types = search->types;
	double share;

	if (max >= 1 || k > search->n)
		return;
	if (k == 0) {
		search->impossible = true;
		return;
	}
	memset(limit, 0, sizeof(*limit));
	limit->q = q;
	limit->fill = fill;
	limit->k = (uint32_t)k;
	limit->max = max * (1 + SLACK);
	share = (double)k / search->n;
	limit->budget = log(limit->max) - log_choose(search->n, (uint32_t)k) + SLACK;
	for (uint32_t j = 0; j < types->count; j++) {
		/* 0 log 0 is 0: a score of a certain node must not be NaN. */
		double fails = share > 0 ? share * log(q[j]) : 0;
		double stays = share < 1 ? (1 - share) * log1p(-q[j]) : 0;

		limit->score[j] = fails + stays;
	}
	for (uint32_t j = 0; j < types->count; j++)
		build_hull(limit, types, j);
	search->limit_count++;
}

/* The product of the m largest is at least the m / n-th power of that of all: ln p as a score, loss as its limit. */
static void add_loss_limit(struct search *search)
{
	struct limit *limit = &search->limits[search->limit_count];
	const struct mix_types *types = search->types;

	if (types->problem->target_loss >= 1)
		return;
	memset(limit, 0, sizeof(*limit));
	limit->q = types->fault;
	limit->max = types->problem->target_loss * (1 + SLACK);
	limit->budget = log(limit->max) * search->n / search->m + SLACK;
	for (uint32_t j = 0; j < types->count; j++)
		limit->score[j] = log(types->fault[j]);
	for (uint32_t j = 0; j < types->count; j++)
		build_hull(limit, types, j);
	search->limit_count++;
}

/* Loss of the worst quorum if the @open nodes are of type @from; later types are likelier to fail than earlier ones. */
static double loss_floor(const struct search *search, uint32_t from, uint32_t open)
{
	const struct mix_types *types = search->types;
	uint32_t left = search->m;
	double loss = 1;

	if (open > 0) {
		uint32_t take = open < left ? open : left;

		loss = pow(types->fault[from], take);
		left -= take;
	}
	for (uint32_t j = from; j-- > 0 && left > 0;) {
		uint32_t take = search->counts[j] < left ? search->counts[j] : left;

		loss *= pow(types->fault[j], take);
		left -= take;
	}
	return loss;
}

/* Least cost of @open nodes of types from @from on whose scores sum to at most @budget; INFINITY = impossible. */
static double hull_cost(const struct search *search, const struct limit *limit, uint32_t from,
	uint32_t open, double budget)
{
	const uint8_t *hull = limit->hull[from];
	const double *cost = search->types->cost;
	uint32_t count = limit->hull_count[from];
	double mean = budget / open;

	/* Where a score is infinite (a node that never or always fails) the inequality says nothing. */
	if (isinf(budget) || isnan(mean) || isinf(limit->score[hull[0]]))
		return open * cost[hull[count - 1]];
	if (mean < limit->score[hull[0]])
		return INFINITY;
	for (uint32_t i = 1; i < count; i++) {
		double a = limit->score[hull[i - 1]], b = limit->score[hull[i]];

		if (mean < b)
			return open * (cost[hull[i - 1]] + (cost[hull[i]] - cost[hull[i - 1]]) *
								   (mean - a) / (b - a));
	}
	return open * cost[hull[count - 1]];
}

/* The common cause strikes the k likeliest to fail with beta times the k-th probability: how many may be so likely? */
static double common_cost(const struct search *search, uint32_t from, uint32_t open)
{
	uint32_t harmless = 0, need = search->n - search->fault_unlive + 1;

	if (search->types->problem->beta == 0)
		return open > 0 ? open * search->cheapest[from] : 0;
	for (uint32_t j = 0; j < from; j++)
		harmless += search->dangerous[j] ? 0 : search->counts[j];
	need = harmless < need ? need - harmless : 0;
	if (need > open)
		return INFINITY;
	return (need > 0 ? need * search->cheapest_harmless[from] : 0) +
	       (open > need ? (open - need) * search->cheapest[from] : 0);
}

/* Cost of the cheapest completion that the bounds allow; INFINITY if there is none. */
static double bound_of(const struct search *search, const struct frame *frame, uint32_t from,
	uint32_t open, double cost)
{
	double rest = common_cost(search, from, open);
	double loss_max = search->types->problem->target_loss;

	if (loss_max < 1 && loss_floor(search, from, open) > loss_max * (1 + SLACK))
		return INFINITY;
	for (uint32_t l = 0; l < search->limit_count; l++) {
		const struct limit *limit = &search->limits[l];
		const struct tail *tail = &frame->tails[l];
		long double above = tail->above;

		if (open == 0) {
			if (above > (long double)limit->max)
				return INFINITY;
			continue;
		}
		for (uint32_t i = 0; i < limit->k; i++)
			above += tail->pmf[i] * (long double)limit->fill[from][open][limit->k - i];
		if (above > (long double)limit->max)
			return INFINITY;
		rest = fmax(
			rest, hull_cost(search, limit, from, open, limit->budget - tail->score));
	}
	return cost + rest;
}

static void add_node(const struct search *search, struct frame *frame, uint32_t type)
{
	for (uint32_t l = 0; l < search->limit_count; l++) {
		const struct limit *limit = &search->limits[l];
		struct tail *tail = &frame->tails[l];
		long double q = (long double)limit->q[type];

		tail->score += limit->score[type];
		if (limit->k == 0)
			continue;
		tail->above += tail->pmf[limit->k - 1] * q;
		for (uint32_t i = limit->k - 1; i > 0; i--)
			tail->pmf[i] = tail->pmf[i] * (1 - q) + tail->pmf[i - 1] * q;
		tail->pmf[0] *= 1 - q;
	}
}

static void first_frame(struct search *search)
{
	memset(&search->frames[0], 0, sizeof(search->frames[0]));
	for (uint32_t l = 0; l < search->limit_count; l++)
		search->frames[0].tails[l].pmf[0] = 1;
}

/* A complete mix that passed the bounds: ask the library itself. */
static int judge(struct search *search, double cost)
{
	const struct mix_types *types = search->types;
	const struct pc_optimise_problem *problem = types->problem;
	struct mix_outcome *outcome = search->outcome;
	struct pc_protocol protocol = mix_sizes(problem->kind, search->n, search->m);
	struct pc_node nodes[PC_OPTIMISE_NODES_MAX];
	uint32_t counts[PC_OPTIMISE_TYPES_MAX] = {0};
	struct pc_result result;
	int err;

	for (uint32_t j = 0; j < types->count; j++)
		counts[types->index[j]] = search->counts[j];
	mix_nodes(problem, counts, nodes);
	outcome->steps += problem->beta > 0 ? STEPS_OF_SHOCKS : STEPS_OF_ANALYSIS;
	err = mix_analyse(problem, nodes, search->n, &protocol,
		problem->target_loss < 1 ? PC_METRIC_ALL : PC_METRIC_FAILURE, &result,
		search->reterr);
	if (err || !mix_meets(problem, &result))
		return err;
	outcome->found = true;
	outcome->cost = cost;
	outcome->n = search->n;
	outcome->m = search->m;
	memcpy(outcome->counts, counts, sizeof(counts));
	return 0;
}

static uint32_t sum_from(const uint32_t *values, uint32_t from, uint32_t count)
{
	uint32_t sum = 0;

	for (uint32_t j = from; j < count && sum < SIDE; j++)
		sum += values[j] < SIDE ? values[j] : SIDE;
	return sum;
}

/* Set the count of type @j and of those after it; @open nodes are still to be chosen. */
static int branch(struct search *search, uint32_t j, uint32_t open, double cost)
{
	const struct mix_types *types = search->types;
	struct frame *frame = &search->frames[j + 1];
	uint32_t rest_max = sum_from(types->max, j + 1, types->count);
	uint32_t rest_min = sum_from(types->min, j + 1, types->count);
	uint32_t lo = types->min[j], hi = types->max[j] < open ? types->max[j] : open;

	if (open > rest_max && open - rest_max > lo)
		lo = open - rest_max;
	if (rest_min > open)
		return 0;
	hi = hi < open - rest_min ? hi : open - rest_min;
	*frame = search->frames[j];
	for (uint32_t count = 0; count <= hi; count++) {
		double paid = cost + count * types->cost[j], bound;
		int err = 0;

		if (count > 0)
			add_node(search, frame, j);
		if (count < lo)
			continue;
		search->counts[j] = count;
		bound = bound_of(search, frame, j + 1, open - count, paid);
		if (!mix_is_cheaper(search->outcome, bound) || isinf(bound))
			continue;
		if (++search->outcome->steps > search->outcome->steps_max) {
			search->outcome->open_bound = fmin(search->outcome->open_bound, bound);
			continue;
		}
		if (count == open && rest_min == 0) {
			memset(&search->counts[j + 1], 0,
				sizeof(*search->counts) * (PC_OPTIMISE_TYPES_MAX - j - 1));
			err = judge(search, paid);
		} else if (j + 1 < types->count) {
			err = branch(search, j + 1, open - count, paid);
		}
		if (err)
			return err;
	}
	return 0;
}

static void set_sizes(struct search *search, uint32_t n, uint32_t m)
{
	const struct mix_types *types = search->types;
	struct pc_protocol protocol = mix_sizes(types->problem->kind, n, m);
	struct pc_thresholds at = pc_protocol_thresholds(&protocol);

	search->n = n;
	search->m = m;
	search->limit_count = 0;
	search->impossible = false;
	search->fault_unlive = (uint32_t)at.fault_unlive;
	add_limit(search, types->fault, (const double(*)[SIDE][SIDE + 1]) search->fill_fault,
		at.fault_unlive, types->unlive_max);
	add_limit(search, types->byz, (const double(*)[SIDE][SIDE + 1]) search->fill_byz,
		at.byz_unsafe, types->unsafe_max);
	add_limit(search, types->byz, (const double(*)[SIDE][SIDE + 1]) search->fill_byz,
		at.byz_unlive, types->unlive_max);
	add_loss_limit(search);
	first_frame(search);
}

static int by_bound(const void *a, const void *b)
{
	const struct size_pair *x = a, *y = b;

	if (x->bound != y->bound)
		return x->bound < y->bound ? -1 : 1;
	if (x->n != y->n)
		return x->n < y->n ? -1 : 1;
	return x->m < y->m ? -1 : x->m > y->m;
}

/* Every n and m worth a look, the most promising first. */
static uint32_t list_sizes(struct search *search, struct size_pair *ret)
{
	const struct pc_optimise_problem *problem = search->types->problem;
	uint32_t count = 0, least = sum_from(search->types->min, 0, search->types->count);
	uint32_t most = sum_from(search->types->max, 0, search->types->count);

	for (uint32_t n = problem->nodes_min; n <= problem->nodes_max; n++) {
		uint32_t m = n / 2 + 1;

		if (n < least || n > most)
			continue;
		if (m < search->types->copies_min)
			m = search->types->copies_min;
		for (; m <= n; m++) {
			set_sizes(search, n, m);
			ret[count] = (struct size_pair){
				n, m, bound_of(search, &search->frames[0], 0, n, 0)};
			count += !search->impossible && !isinf(ret[count].bound);
		}
	}
	qsort(ret, count, sizeof(*ret), by_bound);
	return count;
}

static int search_sizes(struct search *search, struct size_pair *sizes)
{
	uint32_t count = list_sizes(search, sizes);
	int err = 0;

	for (uint32_t i = 0; i < count && !err; i++) {
		if (!mix_is_cheaper(search->outcome, sizes[i].bound))
			break;
		if (search->outcome->steps > search->outcome->steps_max) {
			search->outcome->open_bound =
				fmin(search->outcome->open_bound, sizes[i].bound);
			break;
		}
		set_sizes(search, sizes[i].n, sizes[i].m);
		err = branch(search, 0, search->n, 0);
	}
	return err;
}

static void find_cheapest(struct search *search)
{
	const struct mix_types *types = search->types;
	const struct pc_optimise_problem *problem = types->problem;

	search->cheapest[types->count] = search->cheapest_harmless[types->count] = INFINITY;
	for (uint32_t j = types->count; j-- > 0;) {
		double common = problem->beta * problem->types[types->index[j]].crash;

		search->dangerous[j] = common > types->unlive_max * (1 + SLACK);
		search->cheapest[j] = fmin(search->cheapest[j + 1], types->cost[j]);
		search->cheapest_harmless[j] =
			search->dangerous[j]
				? search->cheapest_harmless[j + 1]
				: fmin(search->cheapest_harmless[j + 1], types->cost[j]);
	}
}

int mix_search(const struct mix_types *types, struct mix_outcome *outcome, struct hb_error *reterr)
{
	struct search *search = calloc(1, sizeof(*search));
	struct size_pair *sizes = calloc(SIDE * SIDE, sizeof(*sizes));
	double(*fill)[SIDE][SIDE + 1] = calloc(2UL * PC_OPTIMISE_TYPES_MAX, sizeof(*fill));
	int err = -ENOMEM;

	if (!search || !sizes || !fill) {
		(void)hb_error_set(reterr, -ENOMEM, "no memory to search mixes");
		goto out;
	}
	search->types = types;
	search->outcome = outcome;
	search->reterr = reterr;
	search->fill_fault = fill;
	search->fill_byz = fill + PC_OPTIMISE_TYPES_MAX;
	fill_tables(search->fill_fault, types->fault, types->count);
	fill_tables(search->fill_byz, types->byz, types->count);
	find_cheapest(search);
	err = search_sizes(search, sizes);
out:
	free(fill);
	free(sizes);
	free(search);
	return err;
}
