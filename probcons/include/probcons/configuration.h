/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who counts, with how many votes, and how many votes it takes to commit and to elect: the rule of the replicated log.
 *
 * All variants are one rule. Majority: one vote each, more than half for both. Flexible: fewer to commit, more to elect
 * (Howard et al., "Flexible Paxos", OPODIS 2016). Weighted: unequal votes. Dynamic: the rule of a moment is what log
 * and snapshot say; while a change is under way, the old and the new rule must both be met (joint consensus, Ongaro's
 * thesis, section 4.3).
 *
 * A voter is a node *and* its life: a number that changes when the node loses its disk. What a node promised in one
 * life is unknown in the next, so answers of another life than the rule names do not count.
 *
 * Sets of nodes are bits: node i (0 ... 63) is bit i. Pure functions, no memory of their own; thread-safe.
 */
#ifndef PROBCONS_CONFIGURATION_H
#define PROBCONS_CONFIGURATION_H

#include <stdbool.h>
#include <stdint.h>

struct hb_error;

#define PC_REPLICAS_MAX 64
#define PC_VOTES_MAX 1000000 /* of one node */
#define PC_FIRST_LIFE 1      /* of a node that has never lost its disk */

struct pc_rule {
	uint64_t voters;
	uint32_t total;    /* votes of all voters */
	uint32_t need_per; /* Q_per: votes that commit */
	uint32_t need_vc;  /* Q_vc: votes that elect */
	uint32_t votes[PC_REPLICAS_MAX];
	uint32_t lives[PC_REPLICAS_MAX];
};

struct pc_configuration {
	struct pc_rule now;
	struct pc_rule before; /* also in force while @joint */
	uint64_t learners;     /* get the log, count for nothing */
	bool joint;
};

enum pc_verdict {
	PC_PENDING,
	PC_WON,
	PC_LOST,
};

/* pc_rule_init - one vote for each of @voters in its first life, more than half of them to commit and to elect. */
void pc_rule_init(struct pc_rule *rule, uint64_t voters);

/* pc_rule_set_votes - give node @node, a voter, @votes (<= PC_VOTES_MAX) votes; quorums become more than half again. */
void pc_rule_set_votes(struct pc_rule *rule, uint32_t node, uint32_t votes);

/*
 * pc_rule_check - can this rule lose data or elect two leaders?
 * Theorem 3.2 of the paper: quorums that commit meet those that elect (Q_per + Q_vc > total), and two that elect meet
 * (2 Q_vc > total).
 *
 * Returns 0, or -EINVAL with the condition that fails in @reterr.
 */
int pc_rule_check(const struct pc_rule *rule, struct hb_error *reterr);

/*
 * pc_rule_counted - the voters among @set whose answers count.
 * @lives: shape [PC_REPLICAS_MAX], the life in which each answered; NULL: that which the rule names.
 */
uint64_t pc_rule_counted(const struct pc_rule *rule, uint64_t set, const uint32_t *lives);

/* pc_rule_votes - votes of @set, all of whom are voters. */
uint32_t pc_rule_votes(const struct pc_rule *rule, uint64_t set);

/* pc_configuration_init - @rule alone, not joint. */
void pc_configuration_init(struct pc_configuration *configuration, const struct pc_rule *rule);

/* pc_configuration_members - everybody who gets the log. */
uint64_t pc_configuration_members(const struct pc_configuration *configuration);

/* pc_configuration_voters - everybody who votes under any rule in force. */
uint64_t pc_configuration_voters(const struct pc_configuration *configuration);

/* pc_configuration_is_voter - does @node in @life count under any rule in force? */
bool pc_configuration_is_voter(
	const struct pc_configuration *configuration, uint32_t node, uint32_t life);

/* pc_configuration_persists - is @set a quorum that commits, under every rule in force? @lives as above. */
bool pc_configuration_persists(
	const struct pc_configuration *configuration, uint64_t set, const uint32_t *lives);

/*
 * pc_configuration_meets_elections - does @set meet every quorum that elects, under every rule in force? Such a set has
 * heard of any newer leader: what ReadIndex needs.
 */
bool pc_configuration_meets_elections(
	const struct pc_configuration *configuration, uint64_t set, const uint32_t *lives);

/* pc_configuration_vote - is an election won, lost whatever the others say, or open? */
enum pc_verdict pc_configuration_vote(const struct pc_configuration *configuration,
	uint64_t granted, uint64_t refused, const uint32_t *lives);

/*
 * pc_configuration_commit - the highest index that quorums of every rule in force have acknowledged.
 * @acknowledged: who has acknowledged anything; @indices: shape [PC_REPLICAS_MAX], the highest index of each.
 * @ret: untouched if there is none.
 *
 * Returns whether there is one.
 */
bool pc_configuration_commit(const struct pc_configuration *configuration, uint64_t acknowledged,
	const uint64_t *indices, const uint32_t *lives, uint64_t *ret);

#endif
