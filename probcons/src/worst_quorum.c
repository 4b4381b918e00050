/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Candidates for the worst quorum. See worst_quorum.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include <probcons/node.h>
#include <probcons/shocks.h>

#include "worst_quorum.h"

/* A node with a vote, and the shocks that strike it. */
struct voter {
	uint32_t node, weight;
	double fault;
	const uint8_t *struck; /* shape [shock_count] */
	uint32_t shock_count;
};

/* Voters of one kind: first ... first + count - 1, likeliest to fail first. */
struct kind {
	uint32_t first, count, weight;
	uint32_t taken;
};

struct search {
	struct voter *voters;
	struct kind *kinds;
	uint8_t *struck; /* shape [count][shock_count] */
	bool *set;
	uint32_t count, kind_count;
	uint64_t votes, found, limit;
	uint64_t steps_left;   /* of the enumeration itself */
	worst_quorum_fn *each; /* NULL: only count */
	void *user;
	struct hb_error *reterr;
};

static int by_kind(const struct voter *x, const struct voter *y)
{
	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return x->shock_count ? memcmp(x->struck, y->struck, x->shock_count) : 0;
}

static int by_kind_and_fault(const void *a, const void *b)
{
	const struct voter *x = a, *y = b;
	int order = by_kind(x, y);

	return order ? order : (x->fault < y->fault) - (x->fault > y->fault);
}

static int hand_over(struct search *s)
{
	if (++s->found > s->limit)
		return -E2BIG;
	if (!s->each)
		return 0;
	memset(s->set, 0, s->count * sizeof(s->set[0]));
	for (uint32_t k = 0; k < s->kind_count; k++)
		for (uint32_t i = 0; i < s->kinds[k].taken; i++)
			s->set[s->voters[s->kinds[k].first + i].node] = true;
	return s->each(s->set, s->user, s->reterr);
}

/*
 * Kinds from @at on, heaviest first; @got votes so far, @left still to be had. As the kinds only get lighter, a set
 * has nobody to spare exactly if the last one taken completes it.
 */
static int take(struct search *s, uint32_t at, uint64_t got, uint64_t left)
{
	struct kind *kind = &s->kinds[at];
	int rc = 0;

	if (s->steps_left-- == 0)
		return -E2BIG;
	if (got + left < s->votes)
		return 0;
	left -= (uint64_t)kind->count * kind->weight;
	for (kind->taken = 0; kind->taken <= kind->count && !rc; kind->taken++) {
		uint64_t now = got + (uint64_t)kind->taken * kind->weight;

		if (now >= s->votes) {
			rc = hand_over(s);
			break;
		}
		if (at + 1 < s->kind_count)
			rc = take(s, at + 1, now, left);
	}
	kind->taken = 0;
	return rc;
}

static int search_init(struct search *s, const struct pc_node *nodes, const struct pc_shock *shocks,
	uint32_t shock_count)
{
	uint32_t voters = 0;

	s->voters = calloc(s->count, sizeof(s->voters[0]));
	s->kinds = calloc(s->count, sizeof(s->kinds[0]));
	s->set = calloc(s->count, sizeof(s->set[0]));
	s->struck = calloc((size_t)s->count * shock_count + 1, 1);
	if (!s->voters || !s->kinds || !s->set || !s->struck)
		return -ENOMEM;
	for (uint32_t k = 0; k < shock_count; k++)
		for (uint32_t m = 0; m < shocks[k].member_count && shocks[k].probability > 0; m++)
			s->struck[(size_t)shocks[k].members[m] * shock_count + k] = 1;
	for (uint32_t i = 0; i < s->count; i++)
		if (nodes[i].weight)
			s->voters[voters++] = (struct voter){.node = i,
				.weight = nodes[i].weight,
				.fault = pc_node_fault(&nodes[i]),
				.struck = s->struck + (size_t)i * shock_count,
				.shock_count = shock_count};
	qsort(s->voters, voters, sizeof(s->voters[0]), by_kind_and_fault);
	for (uint32_t i = 0; i < voters; i++) {
		if (i == 0 || by_kind(&s->voters[i - 1], &s->voters[i]) != 0)
			s->kinds[s->kind_count++] =
				(struct kind){.first = i, .weight = s->voters[i].weight};
		s->kinds[s->kind_count - 1].count++;
	}
	return 0;
}

int worst_quorum_candidates(const struct pc_node *nodes, uint32_t count, uint64_t votes,
	const struct pc_shock *shocks, uint32_t shock_count, uint64_t limit, worst_quorum_fn *each,
	void *user, struct hb_error *reterr)
{
	struct search s = {.count = count,
		.votes = votes,
		.limit = limit,
		.user = user,
		.reterr = reterr,
		.steps_left = 1000000};
	uint64_t all = pc_nodes_weight(nodes, count);
	int rc = search_init(&s, nodes, shocks, shock_count);

	if (rc)
		rc = hb_error_set(
			reterr, rc, "not enough memory for the quorums of %u nodes", count);
	if (!rc)
		rc = take(&s, 0, 0, all);
	if (!rc) {
		s.found = 0;
		s.steps_left = UINT64_MAX;
		s.each = each;
		rc = take(&s, 0, 0, all);
	}
	free(s.voters);
	free(s.kinds);
	free(s.set);
	free(s.struck);
	return rc;
}
