/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Distributions over a forest of shocks. See shock_tree.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include <probcons/node.h>
#include <probcons/shocks.h>

#include "shock_tree.h"

#define WORK_MAX 20000000000.0 /* multiplications of one pass, about a minute */

static int larger_first(const void *a, const void *b)
{
	const struct pc_shock *x = *(const struct pc_shock *const *)a;
	const struct pc_shock *y = *(const struct pc_shock *const *)b;

	if (x->member_count != y->member_count)
		return x->member_count < y->member_count ? 1 : -1;
	return (x > y) - (x < y);
}

/* Nested or disjoint. */
static bool compatible(const struct pc_shock *a, const struct pc_shock *b)
{
	uint32_t i = 0, j = 0, common = 0;

	while (i < a->member_count && j < b->member_count) {
		if (a->members[i] == b->members[j]) {
			common++;
			i++;
			j++;
		} else if (a->members[i] < b->members[j]) {
			i++;
		} else {
			j++;
		}
	}
	return common == 0 || common == a->member_count || common == b->member_count;
}

struct choice {
	const struct pc_shock **kept, **conditioned;
	uint32_t kept_count, conditioned_count;
};

/* Keep what is compatible with all that is kept, in the order of @sorted or against it. */
static void choose(const struct pc_shock **sorted, uint32_t count, bool backwards, bool keep_none,
	struct choice *ret)
{
	ret->kept_count = ret->conditioned_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct pc_shock *shock = sorted[backwards ? count - 1 - i : i];
		bool keep = !shock->byzantine && !keep_none;

		for (uint32_t k = 0; k < ret->kept_count && keep; k++)
			keep = compatible(ret->kept[k], shock);
		if (keep)
			ret->kept[ret->kept_count++] = shock;
		else
			ret->conditioned[ret->conditioned_count++] = shock;
	}
}

static void link_parents(struct shock_tree *tree)
{
	for (uint32_t i = 0; i < tree->node_count; i++)
		tree->innermost[i] = -1;
	for (uint32_t k = 0; k < tree->kept_count; k++) {
		const struct pc_shock *shock = tree->kept[k];

		tree->parent[k] = tree->innermost[shock->members[0]];
		for (uint32_t i = 0; i < shock->member_count; i++)
			tree->innermost[shock->members[i]] = (int32_t)k;
	}
}

int shock_tree_init(struct shock_tree *tree, const struct pc_shock *shocks, uint32_t shock_count,
	uint32_t node_count, bool condition_all, struct hb_error *reterr)
{
	size_t slots = (size_t)shock_count + 1;
	const struct pc_shock **sorted = calloc(slots, sizeof(sorted[0]));
	struct choice choice;
	uint32_t count = 0, forwards;

	*tree = (struct shock_tree){.node_count = node_count};
	tree->kept = calloc(slots, sizeof(tree->kept[0]));
	tree->conditioned = calloc(slots, sizeof(tree->conditioned[0]));
	tree->parent = calloc(slots, sizeof(tree->parent[0]));
	tree->innermost = calloc(node_count, sizeof(tree->innermost[0]));
	if (!sorted || !tree->kept || !tree->conditioned || !tree->parent || !tree->innermost) {
		free(sorted);
		return hb_error_set(
			reterr, -ENOMEM, "not enough memory for %u shocks", shock_count);
	}
	for (uint32_t i = 0; i < shock_count; i++)
		if (shocks[i].probability > 0)
			sorted[count++] = &shocks[i];
	qsort(sorted, count, sizeof(sorted[0]), larger_first);
	choice = (struct choice){.kept = tree->kept, .conditioned = tree->conditioned};
	choose(sorted, count, false, condition_all, &choice);
	forwards = choice.conditioned_count;
	choose(sorted, count, true, condition_all, &choice);
	if (choice.conditioned_count >= forwards)
		choose(sorted, count, false, condition_all, &choice);
	free(sorted);
	tree->kept_count = choice.kept_count;
	tree->conditioned_count = choice.conditioned_count;
	if (tree->conditioned_count > PC_SHOCKS_CONDITIONED_MAX)
		return hb_error_set(reterr, -E2BIG,
			"%u shocks overlap without being nested, or are Byzantine; at most %d are "
			"analysed exactly, sample the rest",
			tree->conditioned_count, PC_SHOCKS_CONDITIONED_MAX);
	qsort(tree->kept, tree->kept_count, sizeof(tree->kept[0]), larger_first);
	link_parents(tree);
	return 0;
}

void shock_tree_finish(struct shock_tree *tree)
{
	free(tree->kept);
	free(tree->parent);
	free(tree->innermost);
	free(tree->conditioned);
	*tree = (struct shock_tree){0};
}

/* Joint distribution of a part of the fleet: rows 0 ... byz, columns 0 ... fault. */
struct part {
	uint64_t byz, fault;
	uint64_t votes; /* of all its nodes */
	long double *mass;
};

struct pass {
	const struct shock_caps *caps;
	double work;
};

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int part_init(struct part *part)
{
	*part = (struct part){.mass = calloc(1, sizeof(part->mass[0]))};
	if (!part->mass)
		return -ENOMEM;
	part->mass[0] = 1;
	return 0;
}

/* Where mass goes with @byz and @fault votes; the cut column has one cell only, in row 0. */
static long double *cell(const struct pass *pass, struct part *part, uint64_t byz, uint64_t fault)
{
	if (fault >= pass->caps->fault_end)
		return &part->mass[pass->caps->fault_end];
	return &part->mass[min(byz, pass->caps->byz_cap) * (part->fault + 1) + fault];
}

/*
 * Room for all votes of @left and of @votes more, of which Byzantine @byz; all cells 0. 0 or -ENOMEM.
 */
static int part_room(const struct pass *pass, struct part *ret, const struct part *left,
	uint64_t byz, uint64_t fault, uint64_t votes)
{
	*ret = (struct part){
		.byz = min(left->byz + byz, pass->caps->byz_cap),
		.fault = min(left->fault + fault, pass->caps->fault_end),
		.votes = left->votes + votes,
	};
	ret->mass = calloc((ret->byz + 1) * (ret->fault + 1), sizeof(ret->mass[0]));
	return ret->mass ? 0 : -ENOMEM;
}

static int part_multiply(struct pass *pass, struct part *left, const struct part *right)
{
	struct part both;
	size_t left_cells = (left->byz + 1) * (left->fault + 1);
	size_t right_cells = (right->byz + 1) * (right->fault + 1);

	pass->work += (double)left_cells * (double)right_cells;
	if (pass->work > WORK_MAX)
		return -E2BIG;
	if (part_room(pass, &both, left, right->byz, right->fault, right->votes) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < left_cells; i++) {
		uint64_t byz = i / (left->fault + 1), fault = i % (left->fault + 1);

		if (left->mass[i] == 0)
			continue;
		for (size_t k = 0; k < right_cells; k++)
			*cell(pass, &both, byz + k / (right->fault + 1),
				fault + k % (right->fault + 1)) += left->mass[i] * right->mass[k];
	}
	free(left->mass);
	*left = both;
	return 0;
}

static int part_add_node(struct pass *pass, struct part *part, const struct pc_node *node)
{
	uint64_t votes = node->weight / pass->caps->divisor;
	bool byz_only = pass->caps->byz_only;
	long double crash = byz_only ? 0 : node->crash, byz = node->byz;
	long double works = 1.0L - crash - byz;
	size_t cells = (part->byz + 1) * (part->fault + 1);
	struct part more;

	if (votes == 0)
		return 0;
	pass->work += (double)cells;
	if (pass->work > WORK_MAX)
		return -E2BIG;
	if (part_room(pass, &more, part, node->byz > 0 ? votes : 0, votes, votes) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < cells; i++) {
		uint64_t b = i / (part->fault + 1), f = i % (part->fault + 1);

		*cell(pass, &more, b, f) += part->mass[i] * works;
		*cell(pass, &more, b, f + votes) += part->mass[i] * crash;
		if (byz > 0)
			*cell(pass, &more, b + votes, f + votes) += part->mass[i] * byz;
	}
	free(part->mass);
	*part = more;
	return 0;
}

/* The shock strikes with @probability: everybody has crashed. */
static void part_strike(struct pass *pass, struct part *part, double probability)
{
	size_t cells = (part->byz + 1) * (part->fault + 1);
	long double spared = 1.0L - probability;

	for (size_t i = 0; i < cells; i++)
		part->mass[i] *= spared;
	*cell(pass, part, 0, pass->caps->byz_only ? 0 : part->votes) += probability;
}

/* parts[k] for kept shock k, parts[kept_count] for the root. */
static int combine(const struct shock_tree *tree, const struct pc_node *nodes, struct pass *pass,
	struct part *parts)
{
	uint32_t root = tree->kept_count;
	int rc = 0;

	for (uint32_t i = 0; i < tree->node_count && !rc; i++) {
		uint32_t at = tree->innermost[i] < 0 ? root : (uint32_t)tree->innermost[i];

		rc = part_add_node(pass, &parts[at], &nodes[i]);
	}
	for (uint32_t k = root; k-- > 0 && !rc;) {
		uint32_t above = tree->parent[k] < 0 ? root : (uint32_t)tree->parent[k];

		part_strike(pass, &parts[k], tree->kept[k]->probability);
		rc = part_multiply(pass, &parts[above], &parts[k]);
		free(parts[k].mass);
		parts[k].mass = NULL;
	}
	return rc;
}

static int tree_error(int rc, struct hb_error *reterr)
{
	if (rc == -E2BIG)
		return hb_error_set(reterr, rc,
			"too many nodes for groups with crash and Byzantine faults; analyse a "
			"smaller fleet");
	return hb_error_set(reterr, rc, "not enough memory for the tree of shocks");
}

int shock_tree_votes(const struct shock_tree *tree, const struct pc_node *nodes,
	const struct shock_caps *caps, long double **ret, struct hb_error *reterr)
{
	struct pass pass = {.caps = caps};
	struct part *parts = calloc((size_t)tree->kept_count + 1, sizeof(parts[0]));
	long double *full = calloc((caps->byz_cap + 1) * (caps->fault_end + 1), sizeof(full[0]));
	int rc = parts && full ? 0 : -ENOMEM;

	for (uint32_t k = 0; k <= tree->kept_count && !rc; k++)
		rc = part_init(&parts[k]);
	if (!rc)
		rc = combine(tree, nodes, &pass, parts);
	if (!rc) {
		struct part *all = &parts[tree->kept_count];

		for (uint64_t b = 0; b <= all->byz; b++)
			memcpy(full + b * (caps->fault_end + 1), all->mass + b * (all->fault + 1),
				(all->fault + 1) * sizeof(full[0]));
	}
	for (uint32_t k = 0; parts && k <= tree->kept_count; k++)
		free(parts[k].mass);
	free(parts);
	if (rc) {
		free(full);
		return tree_error(rc, reterr);
	}
	*ret = full;
	return 0;
}

/*
 * value[w]: largest probability that a subset of weight w fails as a whole; IMPOSSIBLE if no subset has that
 * weight.
 */
#define IMPOSSIBLE (-1.0L)

struct best {
	uint64_t votes;
	long double *value;
};

static int best_multiply(struct best *left, const struct best *right, double *work)
{
	struct best both = {.votes = left->votes + right->votes};

	*work += (double)(left->votes + 1) * (double)(right->votes + 1);
	if (*work > WORK_MAX)
		return -E2BIG;
	both.value = malloc((both.votes + 1) * sizeof(both.value[0]));
	if (!both.value)
		return -ENOMEM;
	for (uint64_t w = 0; w <= both.votes; w++)
		both.value[w] = IMPOSSIBLE;
	for (uint64_t i = 0; i <= left->votes; i++) {
		if (left->value[i] == IMPOSSIBLE)
			continue;
		for (uint64_t k = 0; k <= right->votes; k++) {
			long double product = left->value[i] * right->value[k];

			if (right->value[k] != IMPOSSIBLE && product > both.value[i + k])
				both.value[i + k] = product;
		}
	}
	free(left->value);
	*left = both;
	return 0;
}

static int best_add_node(struct best *best, uint64_t votes, double fails, double *work)
{
	struct best node = {.votes = votes, .value = malloc((votes + 1) * sizeof(node.value[0]))};
	int rc;

	if (!node.value)
		return -ENOMEM;
	for (uint64_t w = 0; w <= votes; w++)
		node.value[w] = IMPOSSIBLE;
	node.value[votes] = fails;
	node.value[0] = 1;
	rc = best_multiply(best, &node, work);
	free(node.value);
	return rc;
}

/* The empty set has always failed; any other when the shock strikes, or without it. */
static void best_strike(struct best *best, double probability)
{
	for (uint64_t w = 1; w <= best->votes; w++)
		if (best->value[w] != IMPOSSIBLE)
			best->value[w] = probability + (1.0L - probability) * best->value[w];
}

int shock_tree_worst(const struct shock_tree *tree, const struct pc_node *nodes, uint64_t votes,
	uint32_t divisor, double *ret, struct hb_error *reterr)
{
	uint32_t root = tree->kept_count;
	struct best *bests = calloc((size_t)root + 1, sizeof(bests[0]));
	long double worst = 0;
	double work = 0;
	int rc = bests ? 0 : -ENOMEM;

	for (uint32_t k = 0; k <= root && !rc; k++) {
		bests[k].value = calloc(1, sizeof(bests[k].value[0]));
		if (!bests[k].value)
			rc = -ENOMEM;
		else
			bests[k].value[0] = 1;
	}
	for (uint32_t i = 0; i < tree->node_count && !rc; i++) {
		uint32_t at = tree->innermost[i] < 0 ? root : (uint32_t)tree->innermost[i];

		if (nodes[i].weight)
			rc = best_add_node(&bests[at], nodes[i].weight / divisor,
				pc_node_fault(&nodes[i]), &work);
	}
	for (uint32_t k = root; k-- > 0 && !rc;) {
		best_strike(&bests[k], tree->kept[k]->probability);
		rc = best_multiply(&bests[tree->parent[k] < 0 ? root : (uint32_t)tree->parent[k]],
			&bests[k], &work);
	}
	for (uint64_t w = votes; !rc && w <= bests[root].votes; w++)
		if (bests[root].value[w] > worst)
			worst = bests[root].value[w];
	for (uint32_t k = 0; bests && k <= root; k++)
		free(bests[k].value);
	free(bests);
	if (rc)
		return tree_error(rc, reterr);
	*ret = (double)worst;
	return 0;
}
