/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Loss of what quorums committed. See probcons/quorum.h.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include <probcons/fft_tilt.h>
#include <probcons/node.h>
#include <probcons/poisson_binomial.h>
#include <probcons/quorum.h>
#include <probcons/weighted.h>

#include "quorum_sets.h"

/*
 * Heaviest first, so that the last member of a set in this order is one whose removal is felt least.
 */
static int by_weight(const void *a, const void *b)
{
	const struct quorum_member *x = a, *y = b;

	return (x->weight < y->weight) - (x->weight > y->weight);
}

/* C(n, k), in long double far from overflow for PC_NODES_EXACT_MAX. */
static long double choose(uint64_t n, uint64_t k)
{
	long double value = 1;

	k = k < n - k ? k : n - k;
	for (uint64_t j = 1; j <= k; j++)
		value = value * (long double)(n - k + j) / (long double)j;
	return value;
}

int quorum_sets_init(struct quorum_sets *sets, const struct pc_node *nodes, uint32_t count,
	uint64_t votes, struct hb_error *reterr)
{
	uint32_t *weights = calloc(count, sizeof(weights[0]));
	uint32_t divisor;

	*sets = (struct quorum_sets){.equal = true};
	sets->members = malloc(count * sizeof(sets->members[0]));
	if (!weights || !sets->members)
		goto no_memory;
	for (uint32_t i = 0; i < count; i++)
		weights[i] = nodes[i].weight;
	divisor = pc_weighted_divisor(weights, count);
	for (uint32_t i = 0; i < count; i++) {
		struct quorum_member member = {.node = i, .weight = weights[i] / divisor};

		if (!member.weight)
			continue;
		sets->sum += member.weight;
		sets->members[sets->count++] = member;
		sets->equal = sets->equal && member.weight == 1;
	}
	free(weights);
	weights = NULL;
	sets->votes = votes / divisor + (votes % divisor > 0);
	if (votes == 0 || sets->votes > sets->sum)
		return hb_error_set(reterr, -EINVAL,
			"a quorum of %llu of %llu votes can never be reached",
			(unsigned long long)votes, (unsigned long long)sets->sum * divisor);
	if (!sets->equal && (sets->sum > PC_WEIGHT_SUM_MAX || sets->count > PC_NODES_EXACT_MAX))
		return hb_error_set(reterr, -E2BIG,
			"%u nodes with %llu votes; unequal weights are for at most %d nodes and %u "
			"votes",
			sets->count, (unsigned long long)sets->sum, PC_NODES_EXACT_MAX,
			PC_WEIGHT_SUM_MAX);
	qsort(sets->members, sets->count, sizeof(sets->members[0]), by_weight);
	if (sets->count > PC_NODES_EXACT_MAX)
		return 0;
	sets->table = malloc(sets->votes * sizeof(sets->table[0]));
	if (!sets->table)
		goto no_memory;
	sets->minimal_count =
		sets->equal ? choose(sets->count, sets->votes) : quorum_sets_sum(sets, NULL);
	return 0;
no_memory:
	free(weights);
	return hb_error_set(
		reterr, -ENOMEM, "not enough memory for the quorums of %u nodes", count);
}

void quorum_sets_finish(struct quorum_sets *sets)
{
	free(sets->members);
	free(sets->table);
	*sets = (struct quorum_sets){0};
}

/*
 * table[w] is the sum of products over subsets of the members so far with weight w. A minimal quorum is a subset of
 * weight below the votes that its lightest (last) member completes.
 */
long double quorum_sets_sum(const struct quorum_sets *sets, const double *q)
{
	long double *table = sets->table, sum = 0;
	uint64_t votes = sets->votes, hi = 0;

	memset(table, 0, votes * sizeof(table[0]));
	table[0] = 1;
	for (uint32_t i = 0; i < sets->count; i++) {
		uint64_t weight = sets->members[i].weight;
		long double fails = q ? q[sets->members[i].node] : 1;
		uint64_t top = hi + weight < votes ? hi + weight : votes - 1;

		for (uint64_t w = weight < votes ? votes - weight : 0; w <= hi; w++)
			sum += table[w] * fails;
		for (uint64_t w = top; w >= weight; w--) {
			long double mass = table[w] + table[w - weight] * fails;

			table[w] = mass < 1e-4800L ? 0 : mass;
		}
		hi = top;
	}
	return sum;
}

static int descending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x < *y) - (*x > *y);
}

/* With equal weights the likeliest to fail together are the likeliest to fail. */
static long double worst_equal(const struct quorum_sets *sets, const double *q, double *sorted)
{
	long double product = 1;

	for (uint32_t i = 0; i < sets->count; i++)
		sorted[i] = q[sets->members[i].node];
	qsort(sorted, sets->count, sizeof(sorted[0]), descending);
	for (uint64_t i = 0; i < sets->votes; i++)
		product *= sorted[i];
	return product;
}

/*
 * table[w]: largest product over subsets of weight w; whatever reaches the votes competes for the answer.
 */
static long double worst_weighted(const struct quorum_sets *sets, const double *q)
{
	long double *table = sets->table, best = 0;
	uint64_t votes = sets->votes;

	memset(table, 0, votes * sizeof(table[0]));
	table[0] = 1;
	for (uint32_t i = 0; i < sets->count; i++) {
		uint64_t weight = sets->members[i].weight;
		long double fails = q[sets->members[i].node];

		for (uint64_t w = weight < votes ? votes - weight : 0; w < votes; w++)
			if (table[w] * fails > best)
				best = table[w] * fails;
		for (uint64_t w = votes - 1; w >= weight; w--)
			if (table[w - weight] * fails > table[w])
				table[w] = table[w - weight] * fails;
	}
	return best;
}

static bool all_equal(const struct quorum_sets *sets, const double *q)
{
	for (uint32_t i = 1; i < sets->count; i++)
		if (q[sets->members[i].node] != q[sets->members[0].node])
			return false;
	return true;
}

int quorum_sets_worst(const struct quorum_sets *sets, const double *q, double *ret)
{
	double *sorted;

	if (sets->equal && all_equal(sets, q)) {
		*ret = (double)powl(q[sets->members[0].node], sets->votes);
		return 0;
	}
	if (!sets->equal) {
		*ret = (double)worst_weighted(sets, q);
		return 0;
	}
	sorted = malloc(sets->count * sizeof(sorted[0]));
	if (!sorted)
		return -ENOMEM;
	*ret = (double)worst_equal(sets, q, sorted);
	free(sorted);
	return 0;
}

int quorum_sets_mean(
	const struct quorum_sets *sets, const double *q, double *ret, struct hb_error *reterr)
{
	double *voters;
	int rc;

	if (sets->equal && all_equal(sets, q)) {
		*ret = (double)powl(q[sets->members[0].node], sets->votes);
		return 0;
	}
	if (sets->table) {
		*ret = (double)(quorum_sets_sum(sets, q) / sets->minimal_count);
		return 0;
	}
	voters = malloc(sets->count * sizeof(voters[0]));
	if (!voters)
		return hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", sets->count);
	for (uint32_t i = 0; i < sets->count; i++)
		voters[i] = q[sets->members[i].node];
	rc = pc_fft_tilt_mean_product(voters, sets->count, (uint32_t)sets->votes, ret, reterr);
	free(voters);
	return rc;
}

int pc_quorum_loss(const struct pc_node *nodes, uint32_t count, uint64_t votes, struct pc_loss *ret,
	struct hb_error *reterr)
{
	struct quorum_sets sets;
	struct pc_loss loss = {0};
	double *q = malloc(count * sizeof(q[0]));
	uint32_t *weight = malloc(count * sizeof(weight[0]));
	int rc = quorum_sets_init(&sets, nodes, count, votes, reterr);

	if (!rc && (!q || !weight))
		rc = hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", count);
	if (rc)
		goto out;
	for (uint32_t i = 0; i < count; i++) {
		q[i] = pc_node_fault(&nodes[i]);
		weight[i] = nodes[i].weight;
	}
	rc = quorum_sets_mean(&sets, q, &loss.mean, reterr);
	if (!rc)
		rc = pc_weighted_tail(q, weight, count, votes, &loss.any, reterr);
	if (!rc && quorum_sets_worst(&sets, q, &loss.worst) < 0)
		rc = hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", count);
	if (!rc)
		*ret = loss;
out:
	quorum_sets_finish(&sets);
	free(q);
	free(weight);
	return rc;
}

int pc_quorum_minimal_count(const struct pc_node *nodes, uint32_t count, uint64_t votes,
	long double *ret, struct hb_error *reterr)
{
	struct quorum_sets sets;
	int rc = quorum_sets_init(&sets, nodes, count, votes, reterr);

	if (!rc && !sets.table)
		rc = hb_error_set(reterr, -E2BIG, "%u nodes; quorums are counted for at most %d",
			count, PC_NODES_EXACT_MAX);
	if (!rc)
		*ret = sets.minimal_count;
	quorum_sets_finish(&sets);
	return rc;
}

/* Sum over the numbers of failed nodes in both parts for which a failed set exists. */
static long double required_sum(const long double *required, uint32_t required_count,
	const long double *other, uint32_t other_count, uint32_t required_min, bool exactly,
	uint32_t size)
{
	long double sum = 0;

	for (uint32_t i = required_min; i <= required_count; i++) {
		uint32_t taken = exactly ? required_min : i < size ? i : size;

		for (uint32_t j = size - taken; j <= other_count; j++)
			sum += required[i] * other[j];
	}
	return sum;
}

int pc_quorum_loss_required(const struct pc_node *nodes, uint32_t count, uint32_t required_count,
	uint32_t required_min, bool exactly, uint32_t size, double *ret, struct hb_error *reterr)
{
	double *q;
	long double *pmf, sum;
	int rc;

	if (required_count > count || required_min > required_count || required_min > size ||
		size > count || (exactly && size - required_min > count - required_count))
		return hb_error_set(reterr, -EINVAL,
			"no set of %u of %u nodes has %u members among the first %u", size, count,
			required_min, required_count);
	q = malloc(count * sizeof(q[0]));
	pmf = malloc(((size_t)count + 2) * sizeof(pmf[0]));
	rc = q && pmf ? 0 : hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", count);
	for (uint32_t i = 0; i < count && !rc; i++)
		q[i] = pc_node_fault(&nodes[i]);
	if (!rc)
		rc = pc_poisson_binomial(q, required_count, pmf, reterr);
	if (!rc)
		rc = pc_poisson_binomial(q + required_count, count - required_count,
			pmf + required_count + 1, reterr);
	if (!rc) {
		sum = required_sum(pmf, required_count, pmf + required_count + 1,
			count - required_count, required_min, exactly, size);
		*ret = sum > 1 ? 1 : (double)sum;
	}
	free(q);
	free(pmf);
	return rc;
}

double pc_quorum_miss(uint32_t count, uint32_t a, uint32_t b)
{
	long double miss = 1;

	hb_assert(a <= count && b <= count);
	for (uint32_t i = 0; i < b && miss > 0; i++)
		miss = a + i >= count ? 0 : miss * (count - a - i) / (count - i);
	return (double)miss;
}
