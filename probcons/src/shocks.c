/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checks of shocks, and the beta factor. See probcons/shocks.h.
 */
#include <errno.h>
#include <stdlib.h>

#include <hotbed/error.h>

#include <probcons/node.h>
#include <probcons/shocks.h>

static int shock_check(
	const struct pc_shock *shock, uint32_t number, uint32_t node_count, struct hb_error *reterr)
{
	if (!(shock->probability >= 0 && shock->probability <= 1))
		return hb_error_set(reterr, -EINVAL, "shock %u: probability %g is outside [0, 1]",
			number, shock->probability);
	if (shock->member_count == 0)
		return hb_error_set(reterr, -EINVAL, "shock %u: the group is empty", number);
	for (uint32_t i = 0; i < shock->member_count; i++) {
		if (shock->members[i] >= node_count)
			return hb_error_set(reterr, -EINVAL,
				"shock %u: there is no node %u among %u", number,
				shock->members[i] + 1, node_count);
		if (i && shock->members[i] <= shock->members[i - 1])
			return hb_error_set(reterr, -EINVAL,
				"shock %u: node %u comes after node %u; members ascend without "
				"repetition",
				number, shock->members[i] + 1, shock->members[i - 1] + 1);
	}
	return 0;
}

int pc_shocks_check(const struct pc_shock *shocks, uint32_t shock_count, uint32_t node_count,
	struct hb_error *reterr)
{
	if (shock_count > PC_SHOCKS_MAX)
		return hb_error_set(
			reterr, -E2BIG, "%u shocks; at most %d", shock_count, PC_SHOCKS_MAX);
	for (uint32_t i = 0; i < shock_count; i++) {
		int rc = shock_check(&shocks[i], i + 1, node_count, reterr);

		if (rc)
			return rc;
	}
	return 0;
}

void pc_shock_set_finish(struct pc_shock_set *set)
{
	free(set->shocks);
	free(set->members);
	*set = (struct pc_shock_set){0};
}

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Sorted distinct values above 0 of the crash probabilities. Returns their number. */
static uint32_t distinct(const struct pc_node *nodes, uint32_t count, double *values)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < count; i++)
		values[i] = nodes[i].crash;
	qsort(values, count, sizeof(values[0]), ascending);
	for (uint32_t i = 0; i < count; i++)
		if (values[i] > 0 && (used == 0 || values[i] != values[used - 1]))
			values[used++] = values[i];
	return used;
}

/*
 * With one uniform U as common cause, the nodes of crash >= v fail when U < beta v. These sets are nested, and the
 * shock of the next smaller set has the probability that U is below beta v' given that it was not below beta v.
 */
int pc_beta_factor(struct pc_node *nodes, uint32_t count, double beta, struct pc_shock_set *ret,
	struct hb_error *reterr)
{
	struct pc_shock_set set = {0};
	double *values;
	uint32_t levels, used = 0;

	if (!(beta >= 0 && beta <= 1))
		return hb_error_set(reterr, -EINVAL, "beta %g is outside [0, 1]", beta);
	values = malloc(((size_t)count + 1) * sizeof(values[0]));
	levels = values ? distinct(nodes, count, values) : 0;
	if (beta == 0)
		levels = 0;
	if (levels > PC_SHOCKS_MAX) {
		free(values);
		return hb_error_set(reterr, -E2BIG,
			"%u different crash probabilities; the beta factor is for at most %d",
			levels, PC_SHOCKS_MAX);
	}
	set.shocks = calloc((size_t)levels + 1, sizeof(set.shocks[0]));
	set.members = malloc(((size_t)levels * count + 1) * sizeof(set.members[0]));
	if (!values || !set.shocks || !set.members) {
		free(values);
		pc_shock_set_finish(&set);
		return hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", count);
	}
	for (uint32_t level = 0; level < levels; level++) {
		double before = level ? beta * values[level - 1] : 0;
		struct pc_shock *shock = &set.shocks[set.count++];

		/*
		 * The difference of the inputs, not of what comes of them: exact where it is small.
		 */
		shock->probability =
			level ? beta * (values[level] - values[level - 1]) / (1 - before)
			      : beta * values[0];
		shock->members = set.members + used;
		for (uint32_t i = 0; i < count; i++) {
			if (nodes[i].crash >= values[level]) {
				set.members[used++] = i;
				shock->member_count++;
			}
		}
	}
	for (uint32_t i = 0; i < count; i++)
		nodes[i].crash *= 1 - beta;
	free(values);
	*ret = set;
	return 0;
}
