/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The oracle of small fleets: all 3^N configurations, and sets one by one, straight from the definitions.
 */
#ifndef TEST_PROBCONS_ENUMERATION_H
#define TEST_PROBCONS_ENUMERATION_H

#include <stdbool.h>
#include <stdint.h>

#include <hotbed/rng.h>
#include <probcons/node.h>
#include <probcons/protocol.h>
#include <probcons/shocks.h>

#define ENUMERATED_MAX 12

struct enumerated {
	long double unsafe, unlive, either;
	long double loss_worst, loss_mean, loss_any;
	unsigned long quorums; /* minimal ones */
};

/*
 * Sum over every outcome of @shocks and every configuration of @nodes (at most ENUMERATED_MAX). Crash shocks win
 * over Byzantine ones.
 */
struct enumerated enumerate(const struct pc_node *nodes, uint32_t count,
	const struct pc_protocol *protocol, const struct pc_shock *shocks, uint32_t shock_count);

/* HB_SEED, or a fixed seed; printed, so that a failure can be repeated. */
uint64_t test_seed(void);

/* |got - want| / want; 0 when both are 0. */
double relative(long double got, long double want);

/*
 * A fleet with probabilities spread over many decades; weights 1, or 0 ... weight_max when that is above 1.
 */
void random_fleet(
	struct hb_rng *rng, struct pc_node *nodes, uint32_t count, bool byz, uint32_t weight_max);

/* Any sizes within 1 ... votes, so that quorums which do not intersect come up too. */
struct pc_protocol random_protocol(struct hb_rng *rng, uint64_t votes);

#endif
