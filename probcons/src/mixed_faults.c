/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Joint tails of Byzantine and failed votes. See probcons/mixed_faults.h.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include <probcons/mixed_faults.h>
#include <probcons/node.h>
#include <probcons/protocol.h>
#include <probcons/weighted.h>

#define SCALE 0x1p1000
#define MASS_MIN 1e-300 /* of scaled mass: 1e-601 */

/*
 * table[b][f]: scaled probability of b Byzantine and f failed votes. Rows above byz_cap share the last one. Columns
 * end before fault_end: mass that gets there is not live whatever its Byzantine votes, and moves to @gone.
 */
struct table {
	double *cells, *row, *below;
	size_t fault_end; /* columns 0 ... fault_end - 1 */
	size_t byz_cap;   /* rows 0 ... byz_cap */
	size_t fault_hi, byz_hi;
	long double gone;
};

static double *cells_of(const struct table *t, size_t byz)
{
	return t->cells + byz * t->fault_end;
}

/* What leaves through the last column as the node of weight @step fails with probability @fails. */
static long double leaving(const struct table *t, size_t step, double fails)
{
	size_t first = t->fault_end > step ? t->fault_end - step : 0;
	long double gone = 0;

	for (size_t b = 0; b <= t->byz_hi; b++) {
		const double *cells = cells_of(t, b);

		for (size_t f = first; f <= t->fault_hi; f++)
			gone += cells[f];
	}
	return gone * fails;
}

/*
 * ret[f] = row[f] * works + row[f - step] * crash + below[f - step] * byz, over columns 0 ... hi.
 */
static void mix(double *restrict ret, const double *restrict row, const double *restrict below,
	size_t hi, size_t step, const double p[3])
{
	double works = p[0], crash = p[1], byz = p[2];

	for (size_t f = 0; f < step && f <= hi; f++)
		ret[f] = row[f] * works < MASS_MIN ? 0 : row[f] * works;
	for (size_t f = step; f <= hi; f++) {
		double mass = row[f] * works + row[f - step] * crash + below[f - step] * byz;

		ret[f] = mass < MASS_MIN ? 0 : mass;
	}
}

/*
 * The row whose mass comes to row @b with @step more Byzantine votes. The last row takes all that would go beyond
 * it.
 */
static const double *gather(struct table *t, size_t b, size_t step, size_t hi)
{
	size_t from = b >= step ? b - step : 0;

	if (b < t->byz_cap && b >= step)
		return cells_of(t, from);
	memset(t->below, 0, (hi + 1) * sizeof(t->below[0]));
	for (; b == t->byz_cap && from <= t->byz_hi && from <= b; from++)
		for (size_t f = 0; f <= hi; f++)
			t->below[f] += cells_of(t, from)[f];
	return t->below;
}

static void add_node(struct table *t, const struct pc_node *node, size_t step)
{
	double p[3] = {(double)(1.0L - node->crash - node->byz), node->crash, node->byz};
	size_t hi = t->fault_hi + step, top = t->byz_hi + (node->byz > 0 ? step : 0);

	if (step == 0)
		return;
	t->gone += leaving(t, step, node->crash + node->byz);
	if (hi > t->fault_end - 1)
		hi = t->fault_end - 1;
	if (top > t->byz_cap)
		top = t->byz_cap;
	for (size_t b = top + 1; b-- > 0;) {
		mix(t->row, cells_of(t, b), gather(t, b, step, hi), hi, step, p);
		memcpy(cells_of(t, b), t->row, (hi + 1) * sizeof(t->row[0]));
	}
	t->fault_hi = hi;
	t->byz_hi = top;
}

/* Scaled mass with at least @byz Byzantine votes that is still in the table. */
static long double mass_from(const struct table *t, uint64_t byz)
{
	long double sum = 0;

	for (size_t b = byz; b <= t->byz_hi && byz <= t->byz_cap; b++)
		for (size_t f = 0; f <= t->fault_hi; f++)
			sum += cells_of(t, b)[f];
	return sum;
}

static double clip(long double mass)
{
	mass /= SCALE;
	return mass > 1 ? 1 : (double)mass;
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* @unlive and @either: Byzantine thresholds, below fault_end unless they do not matter. */
static int joint(const struct pc_node *nodes, uint32_t count, uint32_t divisor, uint64_t fault_end,
	uint64_t unlive, uint64_t either, struct pc_failure *ret)
{
	struct table t = {.fault_end = fault_end,
		.byz_cap = unlive < fault_end   ? unlive
			   : either < fault_end ? either
						: 0};

	t.cells = calloc((t.byz_cap + 3) * t.fault_end, sizeof(t.cells[0]));
	if (!t.cells)
		return -ENOMEM;
	t.row = cells_of(&t, t.byz_cap + 1);
	t.below = cells_of(&t, t.byz_cap + 2);
	t.cells[0] = SCALE;
	for (uint32_t i = 0; i < count; i++)
		add_node(&t, &nodes[i], nodes[i].weight / divisor);
	ret->unlive = clip(t.gone + mass_from(&t, unlive));
	ret->unsafe_or_unlive = clip(t.gone + mass_from(&t, either));
	free(t.cells);
	return 0;
}

/* Fault probabilities of one kind into @q: 0 crash, 1 Byzantine, 2 either. */
static int tail(const struct pc_node *nodes, uint32_t count, int kind, uint64_t votes, double *q,
	uint32_t *weight, double *ret, struct hb_error *reterr)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct pc_node *node = &nodes[i];

		q[i] = kind == 0 ? node->crash : kind == 1 ? node->byz : pc_node_fault(node);
		weight[i] = node->weight;
	}
	return pc_weighted_tail(q, weight, count, votes, ret, reterr);
}

struct kinds {
	bool crash, byz;
	uint64_t sum;
};

static int mixed(const struct pc_node *nodes, uint32_t count, const struct pc_thresholds *t,
	uint32_t divisor, uint64_t sum, struct pc_failure *ret, struct hb_error *reterr)
{
	uint64_t unlive = t->byz_unlive / divisor + (t->byz_unlive % divisor > 0);
	uint64_t unsafe = t->byz_unsafe / divisor + (t->byz_unsafe % divisor > 0);
	uint64_t fault_end = t->fault_unlive / divisor + (t->fault_unlive % divisor > 0);

	if (count > PC_NODES_MIXED_MAX || sum / divisor > PC_NODES_MIXED_MAX)
		return hb_error_set(reterr, -E2BIG,
			"%u nodes with %llu votes; crash and Byzantine faults together are for at "
			"most %d",
			count, (unsigned long long)(sum / divisor), PC_NODES_MIXED_MAX);
	/* No configuration has more failed votes than there are. */
	fault_end = min(fault_end, sum / divisor + 1);
	if (joint(nodes, count, divisor, fault_end, unlive, min(unlive, unsafe), ret) < 0)
		return hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", count);
	return 0;
}

/* Only one kind of fault, or thresholds of which one decides: one dimension is enough. */
static int single(const struct pc_node *nodes, uint32_t count, const struct pc_thresholds *t,
	const struct kinds *kinds, double *q, uint32_t *weight, struct pc_failure *ret,
	struct hb_error *reterr)
{
	uint64_t byz = kinds->byz ? t->byz_unlive : UINT64_MAX;
	uint64_t either = kinds->byz ? min(byz, t->byz_unsafe) : UINT64_MAX;
	int rc = tail(nodes, count, 2, min(byz, t->fault_unlive), q, weight, &ret->unlive, reterr);

	ret->unsafe_or_unlive = ret->unlive;
	if (!rc && min(either, t->fault_unlive) != min(byz, t->fault_unlive))
		rc = tail(nodes, count, 2, min(either, t->fault_unlive), q, weight,
			&ret->unsafe_or_unlive, reterr);
	return rc;
}

int pc_mixed_faults(const struct pc_node *nodes, uint32_t count,
	const struct pc_thresholds *thresholds, struct pc_failure *ret, struct hb_error *reterr)
{
	struct pc_thresholds t = *thresholds;
	struct pc_failure failure = {0};
	struct kinds kinds = {0};
	double *q = malloc(count * sizeof(q[0]));
	uint32_t *weight = calloc(count, sizeof(weight[0])), divisor;
	int rc = 0;

	if (!q || !weight) {
		rc = hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", count);
		goto out;
	}
	for (uint32_t i = 0; i < count; i++) {
		kinds.crash |= nodes[i].crash > 0 && nodes[i].weight > 0;
		kinds.byz |= nodes[i].byz > 0 && nodes[i].weight > 0;
		kinds.sum += nodes[i].weight;
	}
	if (kinds.byz)
		rc = tail(nodes, count, 1, t.byz_unsafe, q, weight, &failure.unsafe, reterr);
	else
		failure.unsafe = t.byz_unsafe == 0;
	for (uint32_t i = 0; i < count; i++)
		weight[i] = nodes[i].weight;
	divisor = pc_weighted_divisor(weight, count);
	if (rc)
		goto out;
	/*
	 * Byzantine votes are failed votes: a threshold at or above that of all faults adds nothing.
	 */
	if (t.byz_unlive == 0 || t.fault_unlive == 0)
		failure.unlive = failure.unsafe_or_unlive = 1;
	else if (!kinds.crash || !kinds.byz || min(t.byz_unlive, t.byz_unsafe) >= t.fault_unlive)
		rc = single(nodes, count, &t, &kinds, q, weight, &failure, reterr);
	else
		rc = mixed(nodes, count, &t, divisor, kinds.sum, &failure, reterr);
	if (t.byz_unsafe == 0)
		failure.unsafe_or_unlive = 1;
	if (!rc)
		*ret = failure;
out:
	free(q);
	free(weight);
	return rc;
}
