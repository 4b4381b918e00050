/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What goes wrong, and what operators do: each fault of a schedule has a number and random numbers of its own, so that
 * leaving one out does not change the others. Faults come by the clock or right after something has been said or done
 * (strikes). Also the operator, who readmits wiped nodes.
 */
#include "world.h"

#define FAULT_STREAM 16
#define STRIKE_STREAM 65536
#define OPERATOR_NS (60 * MILLISECOND_NS)
#define MICROSECOND_NS INT64_C(1000)
#define OCCASION_BITS 4

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
	int64_t down_ns =
		50 * MICROSECOND_NS + (int64_t)hb_rng_below(rng, (uint64_t)w->mix.down_ns);

	if (!w->nodes[n].up)
		return;
	node_crash(w, n, wipe);
	world_at(w, down_ns, EVENT_RESTART, n, w->nodes[n].epoch);
}

/* No voter's disk is lost. */
static bool is_whole(const struct pc_simulation *w, const struct pc_configuration *configuration)
{
	for (uint64_t left = configuration->now.voters; left; left &= left - 1) {
		uint32_t n = (uint32_t)__builtin_ctzll(left);

		if (configuration->now.lives[n] != w->nodes[n].life || w->nodes[n].rotten)
			return false;
	}
	return true;
}

/*
 * One at a time: the node before must vote again before the next may lose its disk, no change may be under way, and the
 * others must be quorums without it.
 */
static bool may_wipe(const struct pc_simulation *w, uint32_t n)
{
	const struct pc_rule *rule = &w->ruling.now;
	uint32_t others = rule->total - rule->votes[n];
	uint64_t index;

	if (w->options.variant == PC_V5 || w->options.nodes < 3 || w->ruling.joint)
		return false;
	for (uint32_t i = 0; i < w->options.nodes; i++) {
		(void)pc_replica_configuration(w->nodes[i].replica, &index);
		if (index > w->ruling_index)
			return false;
	}
	return is_whole(w, &w->ruling) && others >= rule->need_vc && others >= rule->need_per;
}

static void partition(struct pc_simulation *w, struct hb_rng *rng)
{
	uint64_t side = hb_rng_u64(rng) & (bit(w->options.nodes) - 1);

	world_saw(w, PC_SAW_PARTITION);
	TRACE(w, "partition: %llx against the others", (unsigned long long)side);
	for (uint32_t n = 0; n < w->options.nodes; n++)
		w->cut[n] = side & bit(n) ? ~side : side;
}

/* A node that nobody hears; it may be slow to notice. */
static void isolate(struct pc_simulation *w, struct hb_rng *rng, uint32_t n)
{
	world_saw(w, PC_SAW_PARTITION);
	TRACE(w, "node %u is cut off", n);
	for (uint32_t i = 0; i < w->options.nodes; i++)
		w->cut[i] |= bit(n);
	w->cut[n] = ~bit(n);
	if (hb_rng_below(rng, 4) == 0) {
		world_saw(w, PC_SAW_SKEWED_CLOCK);
		w->nodes[n].tick_ns = 4 * w->mix.tick_ns;
	}
}

/* Node @n, and with it those of @reached, are all that it can talk to; all other links work. */
static void reach_few(struct pc_simulation *w, struct hb_rng *rng, uint32_t n)
{
	uint64_t reached = bit(n);
	uint32_t few = (uint32_t)hb_rng_below(rng, (w->options.nodes + 1) / 2 + 1);

	for (uint32_t i = 0; i < few; i++)
		reached |= bit(any_node(w, rng));
	world_saw(w, PC_SAW_FEW_REACHED);
	TRACE(w, "node %u reaches %llx only", n, (unsigned long long)reached);
	for (uint32_t i = 0; i < w->options.nodes; i++)
		w->cut[i] = reached & bit(i) ? 0 : bit(n);
	w->cut[n] = ~reached;
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

/* One node leaves or comes back, or any set of nodes takes over. */
static void change_members(struct pc_simulation *w, struct hb_rng *rng, struct pc_configuration *c)
{
	bool many = hb_rng_below(rng, 2);
	uint64_t all = bit(w->options.nodes) - 1, before = c->now.voters;
	uint64_t voters = many ? hb_rng_u64(rng) & all : before ^ bit(any_node(w, rng));

	if (voters == 0 || (!many && __builtin_popcountll(voters) < 2))
		return;
	if (__builtin_popcountll(voters ^ before) > 1)
		world_saw(w, PC_SAW_CHANGE_OF_MANY);
	pc_rule_init(&c->now, voters);
	for (uint64_t left = voters; left; left &= left - 1) {
		uint32_t n = (uint32_t)__builtin_ctzll(left);

		c->now.lives[n] = w->nodes[n].life;
	}
	c->learners = hb_rng_below(rng, 2) ? before & ~voters : 0;
}

static void change_votes(struct hb_rng *rng, struct pc_configuration *c)
{
	for (uint64_t left = c->now.voters; left; left &= left - 1)
		pc_rule_set_votes(&c->now, (uint32_t)__builtin_ctzll(left),
			1 + (uint32_t)hb_rng_below(rng, 4));
}

/* The links between those who are to vote and those who are not. */
static void part_along(struct pc_simulation *w, uint64_t voters)
{
	world_saw(w, PC_SAW_PARTITION);
	TRACE(w, "partition: %llx against the others", (unsigned long long)voters);
	for (uint32_t n = 0; n < w->options.nodes; n++)
		w->cut[n] = voters & bit(n) ? ~voters : voters;
}

static void change_rule(struct pc_simulation *w, struct hb_rng *rng)
{
	uint32_t leader = leader_or(w, PC_NOBODY);
	struct pc_configuration *c;

	if (leader == PC_NOBODY || w->options.variant == PC_V5 ||
		!is_whole(w, pc_replica_configuration(w->nodes[leader].replica, NULL)))
		return;
	c = next_change(w);
	if (!c)
		return;
	*c = *pc_replica_configuration(w->nodes[leader].replica, NULL);
	if (w->options.variant == PC_V0 || w->options.variant == PC_V4 || hb_rng_below(rng, 2))
		change_members(w, rng, c);
	if (w->options.variant == PC_V1)
		choose_quorums(rng, &c->now);
	else if (w->options.variant == PC_V2 || w->options.variant == PC_V3)
		change_votes(rng, c);
	TRACE(w, "node %u is asked for the rule: voters %llx, votes %u, quorums %u and %u", leader,
		(unsigned long long)c->now.voters, c->now.total, c->now.need_per, c->now.need_vc);
	if (c->now.voters != bit(w->options.nodes) - 1 && hb_rng_below(rng, 4) == 0) {
		part_along(w, c->now.voters | bit(leader));
		if (hb_rng_below(rng, 2))
			w->nodes[leader].tick_ns = 4 * w->mix.tick_ns;
	}
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

/* ---- right after something ---- */

void faults_consider(struct pc_simulation *w, uint32_t n, enum occasion occasion)
{
	uint64_t word = hb_rng_u64(&w->strike_rng);
	int64_t delay_ns;

	if (w->quiet || (word & 0xffff) * 1000 >> 16 >= w->mix.strikes[occasion] ||
		w->strike_number == PC_FAULTS_SKIPPED_MAX)
		return;
	/* At once, before anything that has been sent arrives, or a moment later. */
	delay_ns =
		word >> 16 & 1 ? 0 : (int64_t)((word >> 32) * (uint64_t)(4 * MILLISECOND_NS) >> 32);
	world_at(w, delay_ns, EVENT_STRIKE, n,
		w->strike_number++ << OCCASION_BITS | (uint32_t)occasion);
}

static void strike(struct pc_simulation *w, struct hb_rng *rng, uint32_t n, enum occasion occasion)
{
	uint32_t dice = (uint32_t)hb_rng_below(rng, 100);

	if (occasion == AFTER_ELECTION && w->mix.few) {
		reach_few(w, rng, n);
		return;
	}
	if (dice < 50) {
		crash(w, rng, n, false);
	} else if (dice < 60) {
		crash(w, rng, leader_or(w, n), false);
	} else if (dice < 85) {
		/* What is under way is lost too: links that are cut deliver nothing. */
		heal(w);
		isolate(w, rng, n);
		world_at(w, between(rng, 20, 400), EVENT_STRIKE, NODES_MAX, 0);
	} else {
		reach_few(w, rng, n);
	}
}

void faults_strike(struct pc_simulation *w, uint32_t n, uint32_t number)
{
	struct hb_rng rng;

	if (w->quiet)
		return;
	if (n == NODES_MAX) {
		heal(w);
		return;
	}
	if (w->options.skipped_strikes >> (number >> OCCASION_BITS) & 1 || !w->nodes[n].up)
		return;
	hb_rng_init(&rng, hb_rng_mix(w->options.seed, w->schedule),
		STRIKE_STREAM + (number >> OCCASION_BITS));
	world_saw(w, PC_SAW_STRIKE);
	TRACE(w, "strike %u at node %u", number >> OCCASION_BITS, n);
	strike(w, &rng, n, (enum occasion)(number & ((1u << OCCASION_BITS) - 1)));
}

/* ---- by the clock ---- */

/* Told one after the other, both campaign in the next term. */
static void make_rivals(struct pc_simulation *w, uint32_t leader, uint32_t n)
{
	world_saw(w, PC_SAW_RIVALS);
	node_transfer(w, leader, n);
	node_transfer(w, leader, (n + 1) % w->options.nodes);
	node_transfer(w, leader, (n + 2) % w->options.nodes);
}

static void weather(struct pc_simulation *w, struct hb_rng *rng)
{
	w->loss = hb_rng_double(rng) * 0.3;
	w->duplicate = hb_rng_double(rng) * 0.3;
	w->slow = hb_rng_double(rng) * 0.2;
}

static void crash_all(struct pc_simulation *w, struct hb_rng *rng)
{
	for (uint32_t i = 0; i < w->options.nodes; i++)
		crash(w, rng, i, false);
}

static enum fault_kind draw_kind(const struct pc_simulation *w, struct hb_rng *rng)
{
	uint32_t sum = 0, dice, kind = 0;

	for (uint32_t i = 0; i < FAULT_KINDS; i++)
		sum += w->mix.weights[i];
	dice = (uint32_t)hb_rng_below(rng, sum);
	while (dice >= w->mix.weights[kind])
		dice -= w->mix.weights[kind++];
	return (enum fault_kind)kind;
}

static void fault(struct pc_simulation *w, struct hb_rng *rng)
{
	uint32_t n = any_node(w, rng), leader = leader_or(w, n);

	switch (draw_kind(w, rng)) {
	case FAULT_CRASH:
		crash(w, rng, crashing_node(w, rng), false);
		break;
	case FAULT_CRASH_LEADER:
		crash(w, rng, leader, false);
		break;
	case FAULT_CRASH_ALL:
		crash_all(w, rng);
		break;
	case FAULT_WIPE:
		if (may_wipe(w, n))
			crash(w, rng, n, true);
		break;
	case FAULT_ROT:
		if (may_wipe(w, n) && w->nodes[n].up) {
			crash(w, rng, n, false);
			if (disk_flip(w, n, rng))
				TRACE(w, "node %u: a bit of its disk flips", n);
		}
		break;
	case FAULT_PARTITION:
		partition(w, rng);
		break;
	case FAULT_ISOLATE:
		isolate(w, rng, leader);
		break;
	case FAULT_ONE_WAY:
		cut_one_way(w, rng);
		break;
	case FAULT_HEAL:
		heal(w);
		break;
	case FAULT_WEATHER:
		weather(w, rng);
		break;
	case FAULT_SLOW_DISK:
		world_saw(w, PC_SAW_SLOW_DISK);
		w->nodes[n].disk.sync_ns = between(rng, 2, 60);
		break;
	case FAULT_CLOCK:
		world_saw(w, PC_SAW_SKEWED_CLOCK);
		w->nodes[n].tick_ns = between(rng, 4, 30);
		break;
	case FAULT_TRANSFER:
		node_transfer(w, leader, n);
		break;
	case FAULT_RIVALS:
		make_rivals(w, leader, n);
		break;
	case FAULT_RULE:
		change_rule(w, rng);
		break;
	case FAULT_KINDS:
		break;
	}
}

void faults_next(struct pc_simulation *w)
{
	struct hb_rng rng;
	uint32_t number = w->fault_number++;

	hb_rng_init(&rng, hb_rng_mix(w->options.seed, w->schedule), FAULT_STREAM + number);
	if (w->quiet)
		return;
	world_at(w, MILLISECOND_NS + (int64_t)hb_rng_below(&rng, (uint64_t)w->mix.gap_ns),
		EVENT_FAULT, 0, 0);
	if (number >= PC_FAULTS_SKIPPED_MAX || !(w->options.skipped_faults >> number & 1)) {
		TRACE(w, "fault %u", number);
		fault(w, &rng);
	}
}

/* ---- the mix of a schedule ---- */

static const struct mix usual = {
	.weights = {[FAULT_CRASH] = 14,
		[FAULT_CRASH_LEADER] = 10,
		[FAULT_CRASH_ALL] = 4,
		[FAULT_WIPE] = 5,
		[FAULT_ROT] = 2,
		[FAULT_PARTITION] = 10,
		[FAULT_ISOLATE] = 8,
		[FAULT_ONE_WAY] = 6,
		[FAULT_HEAL] = 10,
		[FAULT_WEATHER] = 7,
		[FAULT_SLOW_DISK] = 5,
		[FAULT_CLOCK] = 5,
		[FAULT_TRANSFER] = 5,
		[FAULT_RIVALS] = 3,
		[FAULT_RULE] = 9},
	.gap_ns = 140 * MILLISECOND_NS,
	.down_ns = 300 * MILLISECOND_NS,
	.spread_ns = 2 * MILLISECOND_NS,
	.tick_ns = TICK_NS,
	.sync_ns = MILLISECOND_NS / 2,
	.patience_ns = 120 * MILLISECOND_NS,
	.compact_entries = 48,
	.entries_per_message = PC_ENTRIES_PER_MESSAGE,
};

static int64_t one_of(struct hb_rng *rng, const int64_t *values, uint64_t count)
{
	return values[hb_rng_below(rng, count)];
}

/* Half of the kinds are left out, the others are as frequent as the dice say; links always heal at last. */
static void draw_weights(struct hb_rng *rng, struct mix *mix)
{
	for (uint32_t i = 0; i < FAULT_KINDS; i++)
		mix->weights[i] = hb_rng_below(rng, 2) ? 0 : 1 + (uint32_t)hb_rng_below(rng, 20);
	mix->weights[FAULT_HEAL]++;
}

static void draw_speeds(struct hb_rng *rng, struct mix *mix)
{
	const int64_t gaps[] = {8, 30, 140}, spreads[] = {1, 2, 2, 8}, ticks[] = {3, 5, 10};
	const int64_t downs_us[] = {500, 3000, 30000, 300000}, syncs_us[] = {100, 500, 3000};

	mix->gap_ns = one_of(rng, gaps, 3) * MILLISECOND_NS;
	mix->down_ns = one_of(rng, downs_us, 4) * MICROSECOND_NS;
	mix->spread_ns = one_of(rng, spreads, 4) * MILLISECOND_NS;
	mix->tick_ns = one_of(rng, ticks, 3) * MILLISECOND_NS;
	mix->patience_ns = (hb_rng_below(rng, 2) ? 12 : 4) * mix->tick_ns;
	mix->sync_ns = one_of(rng, syncs_us, 3) * MICROSECOND_NS;
	mix->compact_entries = hb_rng_below(rng, 3) ? 48 : 6;
	mix->entries_per_message = hb_rng_below(rng, 2) ? 1 : PC_ENTRIES_PER_MESSAGE;
}

/* Leaders of whose entries a few nodes know, one after the other: figure 8 of the Raft paper is made of them. */
static void draw_few(struct hb_rng *rng, struct mix *mix)
{
	*mix = usual;
	mix->few = true;
	mix->strikes[AFTER_ELECTION] = 900;
	mix->strikes[AFTER_COMMIT] = hb_rng_below(rng, 3) ? 150 : 20;
	mix->strikes[AFTER_CHANGE] = 300;
	mix->entries_per_message = 1;
	mix->tick_ns = 4 * MILLISECOND_NS;
	mix->patience_ns = 8 * mix->tick_ns;
	for (uint32_t i = 0; i < FAULT_KINDS; i++)
		mix->weights[i] = i == FAULT_CRASH_LEADER ? 4 : i == FAULT_ISOLATE ? 2 : 0;
	mix->weights[FAULT_RULE] = hb_rng_below(rng, 2) ? 3 : 0;
	mix->weights[FAULT_HEAL] = 1;
}

/* Rivals campaign at once among nodes that crash as they vote and are back within a few milliseconds. */
static void draw_storm(struct hb_rng *rng, struct mix *mix)
{
	*mix = usual;
	for (uint32_t i = 0; i < FAULT_KINDS; i++)
		mix->weights[i] = 0;
	mix->weights[FAULT_RIVALS] = 8;
	mix->weights[FAULT_CRASH_LEADER] = 4;
	mix->weights[FAULT_CRASH] = (uint32_t)hb_rng_below(rng, 8);
	mix->weights[FAULT_WEATHER] = 1;
	mix->strikes[AFTER_VOTE] = 500;
	mix->strikes[AFTER_CAMPAIGN] = hb_rng_below(rng, 2) ? 100 : 0;
	mix->gap_ns = 60 * MILLISECOND_NS;
	mix->down_ns = (hb_rng_below(rng, 2) ? 500 : 4000) * MICROSECOND_NS;
	mix->spread_ns = (2 + (int64_t)hb_rng_below(rng, 7)) * MILLISECOND_NS;
	mix->tick_ns = 4 * MILLISECOND_NS;
	mix->sync_ns = 100 * MICROSECOND_NS;
}

/* Rules that change all the time, with links cut along them and leaders that fail half way. */
static void draw_changes(struct hb_rng *rng, struct mix *mix)
{
	draw_speeds(rng, mix);
	draw_weights(rng, mix);
	mix->weights[FAULT_RULE] = 40;
	mix->weights[FAULT_HEAL] += 10;
	mix->strikes[AFTER_CHANGE] = 300;
	mix->strikes[AFTER_COMMIT] = hb_rng_below(rng, 2) ? 30 : 0;
}

void faults_draw(struct pc_simulation *w)
{
	struct hb_rng *rng = &w->fault_rng;
	uint64_t style = hb_rng_below(rng, 8);

	w->mix = usual;
	if (style == 0 || w->options.mission)
		return;
	if (style <= 3) {
		draw_weights(rng, &w->mix);
		draw_speeds(rng, &w->mix);
		if (style == 3)
			w->mix.strikes[hb_rng_below(rng, OCCASIONS)] =
				1 + (uint32_t)hb_rng_below(rng, 200);
	} else if (style == 4) {
		draw_few(rng, &w->mix);
	} else if (style == 5) {
		draw_storm(rng, &w->mix);
	} else {
		draw_changes(rng, &w->mix);
	}
}

void faults_begin(struct pc_simulation *w)
{
	struct hb_rng *rng = &w->fault_rng;

	w->quiet = false;
	w->fault_number = w->strike_number = 0;
	w->loss = hb_rng_below(rng, 2) ? hb_rng_double(rng) * 0.05 : 0;
	w->duplicate = hb_rng_below(rng, 2) ? hb_rng_double(rng) * 0.05 : 0;
	w->slow = hb_rng_below(rng, 2) ? hb_rng_double(rng) * 0.05 : 0;
	for (uint32_t n = 0; n < w->options.nodes; n++)
		w->cut[n] = 0;
	if (w->options.mission) {
		w->loss = w->duplicate = w->slow = 0;
		service_begin(w);
		return;
	}
	world_at(w, between(rng, 100, 400), EVENT_FAULT, 0, 0);
	world_at(w, OPERATOR_NS, EVENT_OPERATOR, 0, 0);
	world_at(w, FAULTS_UNTIL_NS, EVENT_QUIET, 0, 0);
}

void faults_end(struct pc_simulation *w)
{
	w->quiet = true;
	w->loss = w->duplicate = w->slow = 0;
	w->mix.spread_ns = usual.spread_ns;
	heal(w);
	for (uint32_t n = 0; n < w->options.nodes; n++) {
		w->nodes[n].tick_ns = usual.tick_ns;
		w->nodes[n].disk.sync_ns = usual.sync_ns;
		node_restart(w, n);
	}
}
