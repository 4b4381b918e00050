/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Elections: PreVote, votes, and the promise that must be durable before either is told. */
#include "replica_state.h"

void election_reset_timeout(struct pc_replica *r)
{
	uint32_t base = r->options.election_ticks;

	r->elapsed = 0;
	r->timeout = base + (uint32_t)hb_rng_below(&r->rng, base);
	/* The less reliable wait longer, so that the more reliable are elected (V4). */
	if (r->options.by_rank)
		r->timeout += r->options.ranks[r->options.id] * (base / 2 + 1);
}

bool election_is_eligible(const struct pc_replica *r)
{
	uint32_t id = r->options.id, life = r->promise.life;

	/*
	 * Who is no voter any more still campaigns until the end of the change is committed: it may be the only
	 * one whose log is long enough (thesis, 4.2.2).
	 */
	return pc_configuration_is_voter(&r->latest.configuration, id, life) ||
	       (r->latest.index > r->commit &&
		       pc_configuration_is_voter(&r->previous.configuration, id, life));
}

static enum pc_verdict verdict(const struct pc_replica *r)
{
	if (r->options.committee_vc == 0)
		return pc_configuration_vote(
			&r->latest.configuration, r->granted, r->refused, r->lives);
	/* Every member must agree, and nobody else is heard. */
	if (r->refused & r->committee)
		return PC_LOST;
	return (r->committee &
		       ~pc_rule_counted(&r->latest.configuration.now, r->granted, r->lives)) == 0
		       ? PC_WON
		       : PC_PENDING;
}

static void ask(struct pc_replica *r, enum pc_message_kind kind, bool forced)
{
	uint64_t voters = pc_configuration_voters(&r->latest.configuration) & r->committee;
	bool promise = kind == PC_VOTE;

	for (uint64_t left = voters; left; left &= left - 1) {
		uint32_t node = (uint32_t)__builtin_ctzll(left);
		struct pc_message *m;

		if (node == r->options.id) {
			/* Its own vote counts when its promise is durable, like any other. */
			m = replica_send(r, kind == PC_VOTE ? PC_VOTE_ANSWER : PC_PREVOTE_ANSWER,
				node, promise);
		} else {
			m = replica_send(r, kind, node, promise);
			m->forced = forced;
			m->index = r->last;
			m->log_term = log_term(r, r->last);
		}
		m->term = kind == PC_VOTE ? r->promise.term : r->promise.term + 1;
	}
}

void election_campaign(struct pc_replica *r, bool ask_first, bool forced)
{
	r->leader = PC_NOBODY;
	r->granted = r->refused = 0;
	for (uint32_t i = 0; i < PC_REPLICAS_MAX; i++)
		r->lives[i] = 0;
	election_reset_timeout(r);
	/* A committee that could ask beforehand would be drawn twice for one trial. */
	if (ask_first && r->options.committee_vc == 0) {
		r->role = PC_PRECANDIDATE;
		r->committee = UINT64_MAX;
		ask(r, PC_PREVOTE, false);
		return;
	}
	r->role = PC_CANDIDATE;
	r->promise.term++;
	r->promise.vote = r->options.id;
	replica_write_promise(r);
	r->committee = replica_draw(r, r->options.committee_vc);
	ask(r, PC_VOTE, forced);
}

static bool is_up_to_date(const struct pc_replica *r, const struct pc_message *m)
{
	uint64_t term = log_term(r, r->last);

	return m->log_term > term || (m->log_term == term && m->index >= r->last);
}

void election_request(struct pc_replica *r, const struct pc_message *m)
{
	bool real = m->kind == PC_VOTE;
	bool free_to = r->promise.vote == m->from ||
		       (r->promise.vote == PC_NOBODY && r->leader == PC_NOBODY) ||
		       (!real && m->term > r->promise.term);
	bool granted = free_to && is_up_to_date(r, m);
	struct pc_message *answer;

	if (granted && real) {
		r->elapsed = 0;
		if (r->promise.vote != m->from) {
			r->promise.vote = m->from;
			replica_write_promise(r);
		}
	}
	answer = replica_send(r, real ? PC_VOTE_ANSWER : PC_PREVOTE_ANSWER, m->from, true);
	answer->refused = !granted;
	/* A granted PreVote is for the term that was asked for; everything else tells the term that there is. */
	if (granted)
		answer->term = m->term;
}

void election_answer(struct pc_replica *r, const struct pc_message *m)
{
	bool real = m->kind == PC_VOTE_ANSWER;
	uint64_t term = real ? r->promise.term : r->promise.term + 1;

	if (r->role != (real ? PC_CANDIDATE : PC_PRECANDIDATE) || (!m->refused && m->term != term))
		return;
	/* A committee's members are drawn before anything is sent; nobody else's answer counts. */
	if (!(r->committee & node_bit(m->from)))
		return;
	r->lives[m->from] = m->life;
	if (m->refused)
		r->refused |= node_bit(m->from);
	else
		r->granted |= node_bit(m->from);
	switch (verdict(r)) {
	case PC_PENDING:
		return;
	case PC_LOST:
		replica_follow(r, r->promise.term, PC_NOBODY);
		return;
	case PC_WON:
		break;
	}
	if (real)
		leader_begin(r);
	else
		election_campaign(r, false, false);
}
