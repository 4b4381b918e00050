/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What goes wrong, and what operators do: each fault of a schedule has a number and random numbers of its own, so that
 * leaving one out does not change the others. Also the operator, who readmits wiped nodes.
 */
#include "world.h"

#define FAULT_STREAM 16
#define OPERATOR_NS (60 * MILLISECOND_NS)

static uint32_t any_node(struct pc_simulation *w, struct hb_rng *rng)
{
	return (uint32_t)hb_rng_below(rng, w->options.nodes);
}

/* Of several that believe to lead, the one with the highest term does. */
static uint32_t leader_or(struct pc_simulation *w, uint32_t otherwise)
{
	uint64_t best = 0;

	for (uint32_t n = 0; n < w->options.nodes; n++) {
		if (node_leads(w, n) && w->nodes[n].seen_term > best) {
			best = w->nodes[n].seen_term;
			otherwise = n;
		}
	}
	return otherwise;
}

static int64_t between(struct hb_rng *rng, int64_t from_ms, int64_t to_ms)
{
	return (from_ms + (int64_t)hb_rng_below(rng, (uint64_t)(to_ms - from_ms))) * MILLISECOND_NS;
}

/* A node by how often it crashes. */
static uint32_t crashing_node(struct pc_simulation *w, struct hb_rng *rng)
{
	double sum = 0, at;

	for (uint32_t n = 0; n < w->options.nodes; n++)
		sum += w->options.crash_weights[n];
	if (sum <= 0)
		return any_node(w, rng);
	at = hb_rng_double(rng) * sum;
	for (uint32_t n = 0; n < w->options.nodes; n++) {
		at -= w->options.crash_weights[n];
		if (at < 0)
			return n;
	}
	return w->options.nodes - 1;
}

static void crash(struct pc_simulation *w, struct hb_rng *rng, uint32_t n, bool wipe)
{
	int64_t down_ns = between(rng, 10, 300);

	if (!w->nodes[n].up)
		return;
	node_crash(w, n, wipe);
	world_at(w, down_ns, EVENT_RESTART, n, w->nodes[n].epoch);
}

/* No voter's disk is lost, as far as the leader knows. */
static bool is_whole(struct pc_simulation *w, uint32_t leader)
{
	const struct pc_configuration *configuration =
		pc_replica_configuration(w->nodes[leader].replica, NULL);

	for (uint32_t n = 0; n < w->options.nodes; n++) {
		if ((configuration->now.voters & bit(n)) &&
			configuration->now.lives[n] != w->nodes[n].life)
			return false;
	}
	return true;
}

/*
 * One at a time: the node before must vote again before the next may lose its disk, and the others must be quorums
 * without it.
 */
static bool may_wipe(struct pc_simulation *w, uint32_t n)
{
	uint32_t leader = leader_or(w, PC_NOBODY);
	const struct pc_configuration *configuration;
	uint64_t index;

	if (leader == PC_NOBODY || w->options.variant == PC_V5 || w->options.nodes < 3)
		return false;
	configuration = pc_replica_configuration(w->nodes[leader].replica, &index);
	if (configuration->joint || index > pc_replica_commit_index(w->nodes[leader].replica))
		return false;
	return is_whole(w, leader) &&
	       configuration->now.total - configuration->now.votes[n] >=
		       configuration->now.need_vc &&
	       configuration->now.total - configuration->now.votes[n] >=
		       configuration->now.need_per;
}

static void partition(struct pc_simulation *w, struct hb_rng *rng)
{
	uint64_t side = hb_rng_u64(rng) & (bit(w->options.nodes) - 1);

	world_saw(w, PC_SAW_PARTITION);
	TRACE(w, "partition: %llx against the others", (unsigned long long)side);
	for (uint32_t n = 0; n < w->options.nodes; n++)
		w->cut[n] = side & bit(n) ? ~side : side;
}

static void isolate(struct pc_simulation *w, uint32_t n)
{
	world_saw(w, PC_SAW_PARTITION);
	TRACE(w, "node %u is cut off", n);
	for (uint32_t i = 0; i < w->options.nodes; i++)
		w->cut[i] |= bit(n);
	w->cut[n] = ~bit(n);
}

static void cut_one_way(struct pc_simulation *w, struct hb_rng *rng)
{
	world_saw(w, PC_SAW_ONE_WAY);
	for (uint32_t i = 0; i < w->options.nodes; i++) {
		uint32_t from = any_node(w, rng), to = any_node(w, rng);

		TRACE(w, "nothing gets from %u to %u", from, to);
		if (from != to)
			w->cut[from] |= bit(to);
	}
}

static void heal(struct pc_simulation *w)
{
	for (uint32_t n = 0; n < w->options.nodes; n++)
		w->cut[n] = 0;
	TRACE(w, "all links work");
}

/* ---- rules ---- */

static struct pc_configuration *next_change(struct pc_simulation *w)
{
	if (w->change_count == CHANGES_MAX) {
		w->overflow = true;
		return NULL;
	}
	return &w->changes[w->change_count++];
}

static void choose_quorums(struct hb_rng *rng, struct pc_rule *rule)
{
	rule->need_vc =
		rule->total / 2 + 1 + (uint32_t)hb_rng_below(rng, rule->total - rule->total / 2);
	rule->need_per = rule->total - rule->need_vc + 1;
}

/* A node leaves or comes back. */
static void change_members(struct pc_simulation *w, struct hb_rng *rng, struct pc_configuration *c)
{
	uint32_t n = any_node(w, rng), lives[PC_REPLICAS_MAX];
	uint64_t voters = c->now.voters ^ bit(n);

	if (__builtin_popcountll(voters) < 2)
		return;
	for (uint32_t i = 0; i < PC_REPLICAS_MAX; i++)
		lives[i] = c->now.lives[i];
	lives[n] = w->nodes[n].life;
	pc_rule_init(&c->now, voters);
	for (uint64_t left = voters; left; left &= left - 1)
		c->now.lives[__builtin_ctzll(left)] = lives[__builtin_ctzll(left)];
	c->learners = hb_rng_below(rng, 2) ? bit(n) & ~voters : 0;
}

static void change_votes(struct hb_rng *rng, struct pc_configuration *c)
{
	for (uint64_t left = c->now.voters; left; left &= left - 1)
		pc_rule_set_votes(&c->now, (uint32_t)__builtin_ctzll(left),
			1 + (uint32_t)hb_rng_below(rng, 4));
}

static void change_rule(struct pc_simulation *w, struct hb_rng *rng)
{
	uint32_t leader = leader_or(w, PC_NOBODY);
	struct pc_configuration *c;

	if (leader == PC_NOBODY || w->options.variant == PC_V5 || !is_whole(w, leader))
		return;
	c = next_change(w);
	if (!c)
		return;
	*c = *pc_replica_configuration(w->nodes[leader].replica, NULL);
	if (w->options.variant == PC_V1)
		choose_quorums(rng, &c->now);
	else if (w->options.variant == PC_V2 || w->options.variant == PC_V3)
		change_votes(rng, c);
	if (w->options.variant == PC_V0 || w->options.variant == PC_V4 ||
		(w->options.variant == PC_V3 && hb_rng_below(rng, 2)))
		change_members(w, rng, c);
	TRACE(w, "node %u is asked for the rule: voters %llx, votes %u, quorums %u and %u", leader,
		(unsigned long long)c->now.voters, c->now.total, c->now.need_per, c->now.need_vc);
	node_change(w, leader, c);
}

void operator_look(struct pc_simulation *w)
{
	uint32_t leader = leader_or(w, PC_NOBODY);
	const struct pc_configuration *configuration;
	struct pc_configuration *c = NULL;

	world_at(w, OPERATOR_NS, EVENT_OPERATOR, 0, 0);
	if (leader == PC_NOBODY)
		return;
	configuration = pc_replica_configuration(w->nodes[leader].replica, NULL);
	for (uint64_t left = configuration->now.voters; left && !configuration->joint;
		left &= left - 1) {
		uint32_t n = (uint32_t)__builtin_ctzll(left);
		uint32_t life = pc_replica_peer_life(w->nodes[leader].replica, n);

		if (life == 0 || life == configuration->now.lives[n])
			continue;
		if (!c)
			c = next_change(w);
		if (!c)
			return;
		*c = *configuration;
		c->now.lives[n] = life;
		world_saw(w, PC_SAW_READMISSION);
		TRACE(w, "node %u is asked to readmit node %u in life %u", leader, n, life);
		node_change(w, leader, c);
		return;
	}
}

/* ---- the schedule ---- */

static void fault(struct pc_simulation *w, struct hb_rng *rng)
{
	uint32_t n = any_node(w, rng), leader = leader_or(w, n);
	uint32_t dice = (uint32_t)hb_rng_below(rng, 100);

	if (dice < 14) {
		crash(w, rng, crashing_node(w, rng), false);
	} else if (dice < 24) {
		crash(w, rng, leader, false);
	} else if (dice < 28) {
		for (uint32_t i = 0; i < w->options.nodes; i++)
			crash(w, rng, i, false);
	} else if (dice < 34) {
		if (may_wipe(w, n))
			crash(w, rng, n, true);
	} else if (dice < 44) {
		partition(w, rng);
	} else if (dice < 52) {
		isolate(w, leader);
	} else if (dice < 58) {
		cut_one_way(w, rng);
	} else if (dice < 68) {
		heal(w);
	} else if (dice < 75) {
		w->loss = hb_rng_double(rng) * 0.3;
		w->duplicate = hb_rng_double(rng) * 0.3;
		w->slow = hb_rng_double(rng) * 0.2;
	} else if (dice < 80) {
		world_saw(w, PC_SAW_SLOW_DISK);
		w->nodes[n].disk.sync_ns = between(rng, 2, 60);
	} else if (dice < 85) {
		world_saw(w, PC_SAW_SKEWED_CLOCK);
		w->nodes[n].tick_ns = between(rng, 4, 30);
	} else if (dice < 91) {
		node_transfer(w, leader, n);
	} else {
		change_rule(w, rng);
	}
}

void faults_next(struct pc_simulation *w)
{
	struct hb_rng rng;
	uint32_t number = w->fault_number++;

	hb_rng_init(&rng, hb_rng_mix(w->options.seed, w->schedule), FAULT_STREAM + number);
	if (w->quiet)
		return;
	world_at(w, between(&rng, 5, 140), EVENT_FAULT, 0, 0);
	if (number >= 64 || !(w->options.skipped_faults >> number & 1)) {
		TRACE(w, "fault %u", number);
		fault(w, &rng);
	}
}

void faults_begin(struct pc_simulation *w)
{
	struct hb_rng *rng = &w->fault_rng;

	w->quiet = false;
	w->fault_number = 0;
	w->loss = hb_rng_below(rng, 2) ? hb_rng_double(rng) * 0.05 : 0;
	w->duplicate = hb_rng_below(rng, 2) ? hb_rng_double(rng) * 0.05 : 0;
	w->slow = hb_rng_below(rng, 2) ? hb_rng_double(rng) * 0.05 : 0;
	for (uint32_t n = 0; n < w->options.nodes; n++)
		w->cut[n] = 0;
	world_at(w, between(rng, 100, 400), EVENT_FAULT, 0, 0);
	world_at(w, OPERATOR_NS, EVENT_OPERATOR, 0, 0);
	world_at(w, FAULTS_UNTIL_NS, EVENT_QUIET, 0, 0);
}

void faults_end(struct pc_simulation *w)
{
	w->quiet = true;
	w->loss = w->duplicate = w->slow = 0;
	heal(w);
	for (uint32_t n = 0; n < w->options.nodes; n++) {
		w->nodes[n].tick_ns = TICK_NS;
		w->nodes[n].disk.sync_ns = MILLISECOND_NS / 2;
		node_restart(w, n);
	}
}
