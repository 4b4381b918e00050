/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log from leader to followers: entries, snapshots, commits, and reads that need no entry. */
#include "replica_state.h"

/* ---- the leader sends ---- */

static void send_snapshot(struct pc_replica *r, uint32_t to)
{
	struct pc_message *m = replica_send(r, PC_SNAPSHOT, to, false);

	m->index = r->snapshot.index;
	m->log_term = r->snapshot.term;
	m->snapshot = &r->snapshot;
	m->round = r->round;
	r->peers[to].state = PEER_SNAPSHOT;
	r->peers[to].paused = true;
}

static void send_entries(struct pc_replica *r, uint32_t to, bool even_empty)
{
	struct peer *peer = &r->peers[to];
	struct pc_message *m;
	uint64_t left, contiguous, most;

	if (peer->paused && !even_empty)
		return;
	if (peer->next <= r->snapshot.index) {
		if (peer->state != PEER_SNAPSHOT || even_empty)
			send_snapshot(r, to);
		return;
	}
	left = r->last + 1 - peer->next;
	if (peer->state == PEER_REPLICATE && peer->next > r->match[to] + WINDOW_ENTRIES)
		left = 0;
	contiguous = r->mask + 1 - (peer->next & r->mask);
	left = left < contiguous ? left : contiguous;
	most = r->options.entries_per_message ? r->options.entries_per_message
					      : PC_ENTRIES_PER_MESSAGE;
	left = left < most ? left : most;
	if (left == 0 && !even_empty)
		return;
	m = replica_send(r, PC_ENTRIES, to, false);
	m->index = peer->next - 1;
	m->log_term = log_term(r, m->index);
	m->commit = r->commit;
	m->round = r->round;
	m->entries = log_entry(r, peer->next);
	m->entry_count = (uint8_t)left;
	if (peer->state == PEER_REPLICATE)
		peer->next += left;
	else
		peer->paused = true;
}

static uint64_t followers(const struct pc_replica *r)
{
	return pc_configuration_members(&r->latest.configuration) & r->committee &
	       ~node_bit(r->options.id);
}

static void broadcast(struct pc_replica *r, bool even_empty)
{
	for (uint64_t left = followers(r); left; left &= left - 1)
		send_entries(r, (uint32_t)__builtin_ctzll(left), even_empty);
}

void leader_append(struct pc_replica *r, const struct pc_entry *entry)
{
	struct pc_entry copy = *entry;
	struct pc_action *action;
	struct pc_message *m;

	copy.term = r->promise.term;
	log_append(r, &copy);
	action = replica_act(r, PC_WRITE_ENTRIES);
	action->index = r->last;
	action->count = 1;
	/* A node that has just become a member is told from where the leader stands. */
	broadcast(r, false);
	m = replica_send(r, PC_ENTRIES_ANSWER, r->options.id, true);
	m->index = r->last;
}

static void start_peers(struct pc_replica *r)
{
	for (uint32_t i = 0; i < PC_REPLICAS_MAX; i++) {
		r->peers[i] = (struct peer){.next = r->last + 1};
		r->match[i] = 0;
		r->lives[i] = 0;
	}
	r->acknowledged = 0;
	r->heard = 0;
}

void leader_begin(struct pc_replica *r)
{
	struct pc_entry first = {.kind = PC_ENTRY_NOTHING};

	r->supporters = pc_rule_counted(&r->latest.configuration.now, r->granted, r->lives);
	r->role = PC_LEADER;
	r->leader = r->options.id;
	r->elapsed = r->heartbeat_elapsed = 0;
	r->target = PC_NOBODY;
	r->rank_elapsed = 0;
	r->read_count = 0;
	r->round = 0;
	r->committee = replica_draw(r, r->options.committee_per);
	start_peers(r);
	r->lives[r->options.id] = r->promise.life;
	r->term_start = r->last + 1;
	if (log_is_full(r, 1)) {
		replica_follow(r, r->promise.term, PC_NOBODY);
		return;
	}
	leader_append(r, &first);
}

/* ---- the leader commits ---- */

static bool committed_index(const struct pc_replica *r, uint64_t *ret)
{
	uint64_t lowest = UINT64_MAX;

	if (r->options.committee_per == 0)
		return pc_configuration_commit(
			&r->latest.configuration, r->acknowledged, r->match, r->lives, ret);
	if (r->committee &
		~pc_rule_counted(&r->latest.configuration.now, r->acknowledged, r->lives))
		return false;
	for (uint64_t left = r->committee; left; left &= left - 1) {
		uint32_t node = (uint32_t)__builtin_ctzll(left);

		lowest = r->match[node] < lowest ? r->match[node] : lowest;
	}
	*ret = lowest;
	return true;
}

static void end_change(struct pc_replica *r)
{
	struct pc_entry leave = {.kind = PC_ENTRY_LEAVE};

	if (r->latest.index > r->commit)
		return;
	if (r->latest.configuration.joint) {
		if (!log_is_full(r, 1))
			leader_append(r, &leave);
	} else if (!election_is_eligible(r)) {
		/* It has led those that remain until they agreed to go on without it. */
		replica_follow(r, r->promise.term, PC_NOBODY);
	}
}

static void advance_commit(struct pc_replica *r)
{
	uint64_t index;

	/*
	 * Only entries of its own term are committed by counting (thesis, 3.6.2): an older one that a quorum holds may
	 * still be replaced by a leader that was elected without it.
	 */
	if (!committed_index(r, &index) || index <= r->commit ||
		log_term(r, index) != r->promise.term)
		return;
	log_commit(r, index);
	end_change(r);
}

/* ---- reads (ReadIndex) ---- */

static bool is_confirmed(const struct pc_replica *r, uint64_t round)
{
	uint64_t set = node_bit(r->options.id);

	for (uint64_t left = r->heard | r->acknowledged; left; left &= left - 1) {
		uint32_t node = (uint32_t)__builtin_ctzll(left);

		if (r->peers[node].round >= round)
			set |= node_bit(node);
	}
	return pc_configuration_meets_elections(&r->latest.configuration, set, r->lives);
}

static void serve_reads(struct pc_replica *r)
{
	while (r->read_count > 0) {
		const struct read *read = &r->reads[r->read_first];
		struct pc_action *action;

		if (!is_confirmed(r, read->round))
			return;
		action = replica_act(r, PC_READ);
		action->request = read->request;
		action->index = read->index;
		r->read_first = (r->read_first + 1) % READS_MAX;
		r->read_count--;
	}
}

void leader_refuse_reads(struct pc_replica *r)
{
	for (; r->read_count > 0; r->read_count--) {
		replica_act(r, PC_READ_REFUSED)->request = r->reads[r->read_first].request;
		r->read_first = (r->read_first + 1) % READS_MAX;
	}
}

void leader_read(struct pc_replica *r, uint64_t request)
{
	struct read *read;

	/* Before an entry of its own term is committed it cannot know how much is (thesis, 6.4). */
	if (r->commit < r->term_start || r->read_count == READS_MAX) {
		replica_act(r, PC_READ_REFUSED)->request = request;
		return;
	}
	read = &r->reads[(r->read_first + r->read_count++) % READS_MAX];
	*read = (struct read){request, r->commit, ++r->round};
	/* Whoever confirms must have been asked after the read arrived. */
	broadcast(r, true);
	serve_reads(r);
}

/* ---- answers ---- */

/* An answer in another life: what was acknowledged before is gone with the disk. */
static void meet(struct pc_replica *r, const struct pc_message *m)
{
	if (r->lives[m->from] == m->life)
		return;
	r->lives[m->from] = m->life;
	r->match[m->from] = 0;
	r->acknowledged &= ~node_bit(m->from);
	r->peers[m->from].round = 0;
	if (m->from != r->options.id)
		r->peers[m->from] = (struct peer){.next = r->last + 1};
}

static void hand_over(struct pc_replica *r)
{
	if (r->target == PC_NOBODY || r->match[r->target] != r->last)
		return;
	(void)replica_send(r, PC_CAMPAIGN_NOW, r->target, false);
}

void leader_answer(struct pc_replica *r, const struct pc_message *m)
{
	struct peer *peer = &r->peers[m->from];

	if (r->role != PC_LEADER || m->life < r->lives[m->from])
		return;
	meet(r, m);
	r->heard |= node_bit(m->from);
	if (m->round > peer->round)
		peer->round = m->round;
	if (m->refused) {
		if (m->index <= r->match[m->from])
			return; /* it was sent before what has been acknowledged since */
		peer->next = m->hint + 1 < m->index ? m->hint + 1 : m->index;
		if (peer->next <= r->match[m->from])
			peer->next = r->match[m->from] + 1;
		peer->state = PEER_PROBE;
		peer->paused = false;
		send_entries(r, m->from, false);
		serve_reads(r);
		return;
	}
	if (m->index > r->last) {
		r->fault = "a follower acknowledges what this leader does not have";
		return;
	}
	r->acknowledged |= node_bit(m->from);
	if (m->index > r->match[m->from])
		r->match[m->from] = m->index;
	if (peer->next <= r->match[m->from])
		peer->next = r->match[m->from] + 1;
	if (peer->state != PEER_SNAPSHOT || m->index >= r->snapshot.index) {
		peer->state = PEER_REPLICATE;
		peer->paused = false;
	}
	advance_commit(r);
	if (r->role != PC_LEADER)
		return;
	serve_reads(r);
	if (m->from != r->options.id)
		send_entries(r, m->from, false);
	if (m->from == r->target)
		hand_over(r);
}

/* ---- time ---- */

void leader_transfer(struct pc_replica *r, uint32_t target)
{
	r->target = target;
	r->transfer_elapsed = 0;
	hand_over(r);
}

/* The best follower that is ranked better than the leader, has everything and has answered lately. */
static void prefer_reliable(struct pc_replica *r)
{
	const uint8_t *ranks = r->options.ranks;
	uint32_t best = r->options.id;

	if (r->target != PC_NOBODY || ++r->rank_elapsed < r->options.election_ticks ||
		r->commit < r->term_start)
		return;
	r->rank_elapsed = 0;
	for (uint64_t left = followers(r) & r->heard; left; left &= left - 1) {
		uint32_t node = (uint32_t)__builtin_ctzll(left);

		if (ranks[node] < ranks[best] && r->match[node] == r->last &&
			pc_configuration_is_voter(&r->latest.configuration, node, r->lives[node]))
			best = node;
	}
	if (best != r->options.id)
		leader_transfer(r, best);
}

static bool check_quorum(struct pc_replica *r)
{
	uint64_t set = r->heard | node_bit(r->options.id);

	r->elapsed = 0;
	r->heard = 0;
	if (r->options.committee_per == 0)
		return pc_configuration_persists(&r->latest.configuration, set, r->lives);
	/* A committee of whom somebody is silent is drawn anew: another trial of its epsilon. */
	if (r->committee & ~set) {
		r->committee = replica_draw(r, r->options.committee_per);
		for (uint32_t i = 0; i < PC_REPLICAS_MAX; i++)
			r->peers[i].paused = false;
	}
	return true;
}

void leader_tick(struct pc_replica *r)
{
	if (++r->elapsed >= r->options.election_ticks && !check_quorum(r)) {
		replica_follow(r, r->promise.term, PC_NOBODY);
		return;
	}
	if (r->target != PC_NOBODY && ++r->transfer_elapsed >= r->options.election_ticks)
		r->target = PC_NOBODY;
	if (++r->heartbeat_elapsed >= r->options.heartbeat_ticks) {
		r->heartbeat_elapsed = 0;
		for (uint64_t left = followers(r); left; left &= left - 1)
			r->peers[__builtin_ctzll(left)].paused = false;
		broadcast(r, true);
	}
	if (r->options.by_rank)
		prefer_reliable(r);
}

/* ---- the follower ---- */

static void acknowledge(struct pc_replica *r, const struct pc_message *m, uint64_t index)
{
	/* What it acknowledges must be durable, and the term in which it does. */
	struct pc_message *answer = replica_send(r, PC_ENTRIES_ANSWER, m->from, true);

	answer->index = index;
	answer->round = m->round;
}

static void refuse(struct pc_replica *r, const struct pc_message *m)
{
	struct pc_message *answer;
	uint64_t hint = m->index - 1 < r->last ? m->index - 1 : r->last;

	/* Entries of later terms than the leader's cannot agree with it. */
	while (hint > r->commit && log_term(r, hint) > m->log_term)
		hint--;
	answer = replica_send(r, PC_ENTRIES_ANSWER, m->from, true);
	answer->refused = true;
	answer->index = m->index;
	answer->hint = hint;
	answer->round = m->round;
}

void follower_append(struct pc_replica *r, const struct pc_message *m)
{
	uint64_t from = 0, last = m->index + m->entry_count;
	struct pc_action *action;

	if (m->index < r->commit) {
		acknowledge(r, m, r->commit);
		return;
	}
	if (!log_matches(r, m->index, m->log_term)) {
		refuse(r, m);
		return;
	}
	for (uint64_t i = m->index + 1; i <= last; i++) {
		const struct pc_entry *entry = &m->entries[i - m->index - 1];

		if (i <= r->last && log_term(r, i) == entry->term)
			continue;
		if (i <= r->last) {
			log_truncate(r, i);
			if (r->fault)
				return;
			replica_act(r, PC_TRUNCATE)->index = i;
		}
		if (log_is_full(r, 1)) {
			last = i - 1;
			break;
		}
		from = from ? from : i;
		log_append(r, entry);
	}
	if (from) {
		action = replica_act(r, PC_WRITE_ENTRIES);
		action->index = from;
		action->count = (uint32_t)(r->last + 1 - from);
	}
	log_commit(r, m->commit < last ? m->commit : last);
	acknowledge(r, m, last);
}

void follower_snapshot(struct pc_replica *r, const struct pc_message *m)
{
	if (m->snapshot->index <= r->commit) {
		acknowledge(r, m, r->commit);
		return;
	}
	if (log_matches(r, m->snapshot->index, m->snapshot->term)) {
		log_commit(r, m->snapshot->index);
		acknowledge(r, m, m->snapshot->index);
		return;
	}
	log_install(r, m->snapshot);
	(void)replica_act(r, PC_INSTALL);
	acknowledge(r, m, r->last);
}
