/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "enumeration.h"

uint64_t test_seed(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : 20250514;

	fprintf(stderr, "HB_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

double relative(long double got, long double want)
{
	return got == want ? 0 : (double)(fabsl(got - want) / fabsl(want));
}

void random_fleet(
	struct hb_rng *rng, struct pc_node *nodes, uint32_t count, bool byz, uint32_t weight_max)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		nodes[i].crash = pow(10, -6 * hb_rng_double(rng)) * 0.6;
		nodes[i].byz =
			byz && hb_rng_below(rng, 4) ? pow(10, -8 * hb_rng_double(rng)) * 0.3 : 0;
		nodes[i].weight = weight_max > 1 ? (uint32_t)hb_rng_below(rng, weight_max + 1) : 1;
		sum += nodes[i].weight;
	}
	if (!sum)
		nodes[0].weight = 1;
}

struct pc_protocol random_protocol(struct hb_rng *rng, uint64_t votes)
{
	return (struct pc_protocol){
		.kind = hb_rng_below(rng, 2) ? PC_RAFT : PC_PBFT,
		.votes = votes,
		.q_per = 1 + hb_rng_below(rng, votes),
		.q_vc = 1 + hb_rng_below(rng, votes),
		.q_eq = 1 + hb_rng_below(rng, votes),
		.q_vc_t = 1 + hb_rng_below(rng, votes),
	};
}

/* The theorems as they stand in the paper (with the corrected sign), not as thresholds. */
static bool safe(const struct pc_protocol *p, int64_t byz)
{
	int64_t n = (int64_t)p->votes, eq = (int64_t)p->q_eq, per = (int64_t)p->q_per,
		vc = (int64_t)p->q_vc;

	if (p->kind == PC_RAFT)
		return byz == 0 && n < per + vc && n < 2 * vc;
	return byz < 2 * eq - n && byz < per + vc - n;
}

static bool live(const struct pc_protocol *p, int64_t byz, int64_t fault)
{
	int64_t correct = (int64_t)p->votes - fault, per = (int64_t)p->q_per, vc = (int64_t)p->q_vc;

	if (p->kind == PC_RAFT)
		return correct >= per && correct >= vc;
	return correct >= (int64_t)p->q_eq && correct >= per && correct >= vc &&
	       byz < (int64_t)p->q_vc_t && byz <= vc - (int64_t)p->q_vc_t;
}

struct state {
	const struct pc_node *nodes;
	uint32_t count;
	const struct pc_protocol *protocol;
	long double failed[1u << ENUMERATED_MAX]; /* probability that exactly this set has failed */
	struct enumerated sums;
};

static void configurations(
	struct state *s, uint32_t i, long double p, int64_t byz, int64_t fault, uint32_t set)
{
	if (p == 0)
		return;
	if (i == s->count) {
		bool is_safe = safe(s->protocol, byz), is_live = live(s->protocol, byz, fault);

		s->sums.unsafe += is_safe ? 0 : p;
		s->sums.unlive += is_live ? 0 : p;
		s->sums.either += is_safe && is_live ? 0 : p;
		s->failed[set] += p;
		return;
	}
	const struct pc_node *node = &s->nodes[i];

	configurations(s, i + 1, p * (1.0L - node->crash - node->byz), byz, fault, set);
	configurations(s, i + 1, p * node->crash, byz, fault + node->weight, set | 1u << i);
	configurations(
		s, i + 1, p * node->byz, byz + node->weight, fault + node->weight, set | 1u << i);
}

/* One outcome of the shocks: its probability, and what it makes of the nodes. */
static long double strike(const struct state *s, const struct pc_shock *shocks,
	uint32_t shock_count, uint32_t outcome, struct pc_node *ret)
{
	long double p = 1;
	bool crashed[ENUMERATED_MAX] = {0}, byzantine[ENUMERATED_MAX] = {0};

	for (uint32_t k = 0; k < shock_count; k++) {
		bool strikes = outcome >> k & 1;

		p *= strikes ? shocks[k].probability : 1.0L - shocks[k].probability;
		for (uint32_t m = 0; m < shocks[k].member_count && strikes; m++)
			(shocks[k].byzantine ? byzantine : crashed)[shocks[k].members[m]] = true;
	}
	for (uint32_t i = 0; i < s->count; i++) {
		ret[i] = s->nodes[i];
		if (crashed[i]) {
			ret[i].crash = 1;
			ret[i].byz = 0;
		} else if (byzantine[i]) {
			ret[i].byz = 1 - ret[i].crash;
		}
	}
	return p;
}

static uint64_t weight_of(const struct state *s, uint32_t set)
{
	uint64_t weight = 0;

	for (uint32_t i = 0; i < s->count; i++)
		weight += set >> i & 1 ? s->nodes[i].weight : 0;
	return weight;
}

static bool minimal(const struct state *s, uint32_t set)
{
	if (weight_of(s, set) < s->protocol->q_per)
		return false;
	for (uint32_t i = 0; i < s->count; i++)
		if (set >> i & 1 && weight_of(s, set & ~(1u << i)) >= s->protocol->q_per)
			return false;
	return true;
}

static void losses(struct state *s)
{
	uint32_t all = (1u << s->count) - 1;

	for (uint32_t set = 0; set <= all; set++) {
		long double together = 0;

		if (weight_of(s, set) >= s->protocol->q_per)
			s->sums.loss_any += s->failed[set];
		if (!minimal(s, set))
			continue;
		for (uint32_t failed = 0; failed <= all; failed++)
			together += (failed & set) == set ? s->failed[failed] : 0;
		s->sums.quorums++;
		s->sums.loss_mean += together;
		s->sums.loss_worst = fmaxl(s->sums.loss_worst, together);
	}
	s->sums.loss_mean /= s->sums.quorums;
}

struct enumerated enumerate(const struct pc_node *nodes, uint32_t count,
	const struct pc_protocol *protocol, const struct pc_shock *shocks, uint32_t shock_count)
{
	struct state *s = calloc(1, sizeof(*s));
	struct pc_node struck[ENUMERATED_MAX];
	struct enumerated sums;

	cr_assert(s && count <= ENUMERATED_MAX);
	*s = (struct state){.nodes = nodes, .count = count, .protocol = protocol};
	for (uint32_t outcome = 0; outcome < 1u << shock_count; outcome++) {
		long double p = strike(s, shocks, shock_count, outcome, struck);

		s->nodes = struck;
		configurations(s, 0, p, 0, 0, 0);
		s->nodes = nodes;
	}
	losses(s);
	sums = s->sums;
	free(s);
	return sums;
}
