/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inputs of a replica: what comes in is ordered by its term and handed to elections or to replication. */
#include "replica_state.h"

#include <errno.h>
#include <stdlib.h>

#include <hotbed/assert.h>

#define LOG_ENTRIES_MAX (1u << 26)

/* ---- actions ---- */

struct pc_action *replica_act(struct pc_replica *r, enum pc_action_kind kind)
{
	struct pc_action *action = &r->actions[r->action_count++];

	/* One input sends to each peer a few times and ends all reads at most once. */
	hb_assert(r->action_count <= ACTIONS_MAX);
	action->kind = (uint8_t)kind;
	action->after_sync = false;
	action->count = 0;
	action->index = action->request = 0;
	return action;
}

struct pc_message *replica_send(
	struct pc_replica *r, enum pc_message_kind kind, uint32_t to, bool after_sync)
{
	struct pc_action *action = replica_act(r, PC_SEND);

	action->after_sync = after_sync;
	action->message = (struct pc_message){
		.kind = (uint8_t)kind,
		.from = r->options.id,
		.to = to,
		.life = r->promise.life,
		.term = r->promise.term,
	};
	return &action->message;
}

void replica_write_promise(struct pc_replica *r)
{
	(void)replica_act(r, PC_WRITE_PROMISE);
}

void replica_follow(struct pc_replica *r, uint64_t term, uint32_t leader)
{
	if (r->role == PC_LEADER)
		leader_refuse_reads(r);
	if (term > r->promise.term) {
		r->promise.term = term;
		r->promise.vote = PC_NOBODY;
		replica_write_promise(r);
	}
	r->role = PC_FOLLOWER;
	r->leader = leader;
	r->target = PC_NOBODY;
	election_reset_timeout(r);
}

uint64_t replica_draw(struct pc_replica *r, uint32_t size)
{
	uint64_t left = r->latest.configuration.now.voters, drawn = 0;
	uint32_t count = (uint32_t)__builtin_popcountll(left);

	if (size == 0)
		return UINT64_MAX;
	/* Each voter in turn, with the probability that leaves all sets of @size equally likely. */
	for (; left && size > 0; left &= left - 1, count--) {
		if (hb_rng_below(&r->rng, count) < size) {
			drawn |= left & -left;
			size--;
		}
	}
	return drawn;
}

/* ---- life ---- */

static uint32_t ring_size(uint32_t entries)
{
	uint32_t size = 64;

	while (size < entries)
		size *= 2;
	return size;
}

static bool options_hold(const struct pc_replica_options *options)
{
	return options->id < PC_REPLICAS_MAX && options->heartbeat_ticks > 0 &&
	       options->election_ticks > options->heartbeat_ticks && options->log_entries > 0 &&
	       options->log_entries <= LOG_ENTRIES_MAX &&
	       options->entries_per_message <= PC_ENTRIES_PER_MESSAGE;
}

int pc_replica_restart(struct pc_replica *replica, const struct pc_replica_options *options,
	const struct pc_promise *promise, const struct pc_snapshot *snapshot,
	const struct pc_entry *entries, uint32_t count)
{
	struct pc_replica *r = replica;

	if (!options_hold(options) || ring_size(options->log_entries) > r->mask + 1 ||
		count > r->mask)
		return -EINVAL;
	r->options = *options;
	hb_rng_init(&r->rng, options->seed, options->id);
	r->promise = *promise;
	r->role = PC_FOLLOWER;
	r->leader = r->target = PC_NOBODY;
	r->heartbeat_elapsed = r->transfer_elapsed = r->rank_elapsed = 0;
	r->granted = r->refused = r->supporters = 0;
	r->committee = UINT64_MAX;
	r->read_first = r->read_count = 0;
	r->round = r->term_start = 0;
	r->fault = NULL;
	r->action_count = 0;
	log_install(r, snapshot);
	for (uint32_t i = 0; i < count; i++)
		log_append(r, &entries[i]);
	election_reset_timeout(r);
	return 0;
}

int pc_replica_create(const struct pc_replica_options *options, const struct pc_promise *promise,
	const struct pc_snapshot *snapshot, const struct pc_entry *entries, uint32_t count,
	struct pc_replica **ret)
{
	struct pc_replica *r;
	int err;

	if (!options_hold(options))
		return -EINVAL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->mask = ring_size(options->log_entries) - 1;
	r->ring = calloc(r->mask + 1, sizeof(*r->ring));
	err = r->ring ? pc_replica_restart(r, options, promise, snapshot, entries, count) : -ENOMEM;
	if (err) {
		pc_replica_destroy(r);
		return err;
	}
	*ret = r;
	return 0;
}

void pc_replica_destroy(struct pc_replica *replica)
{
	if (!replica)
		return;
	free(replica->ring);
	free(replica);
}

/* ---- inputs ---- */

static bool begin(struct pc_replica *r)
{
	r->action_count = 0;
	return !r->fault;
}

static void end(struct pc_replica *r)
{
	if (r->fault) {
		r->action_count = 0;
		return;
	}
	if (r->commit > r->told_commit) {
		r->told_commit = r->commit;
		replica_act(r, PC_COMMITTED)->index = r->commit;
	}
}

void pc_replica_tick(struct pc_replica *replica)
{
	struct pc_replica *r = replica;

	if (!begin(r))
		return;
	if (r->role == PC_LEADER)
		leader_tick(r);
	else if (++r->elapsed >= r->timeout && election_is_eligible(r))
		election_campaign(r, true, false);
	end(r);
}

/* Whoever hears from a leader helps nobody to replace it, unless the leader itself asked for it. */
static bool is_loyal(const struct pc_replica *r, const struct pc_message *m)
{
	return (m->kind == PC_VOTE || m->kind == PC_PREVOTE) && !m->forced &&
	       r->leader != PC_NOBODY && r->elapsed < r->options.election_ticks;
}

/* Messages of an earlier term: their sender must learn that it is over. */
static void answer_stale(struct pc_replica *r, const struct pc_message *m)
{
	struct pc_message *answer;

	if (m->kind == PC_ENTRIES || m->kind == PC_SNAPSHOT) {
		answer = replica_send(r, PC_ENTRIES_ANSWER, m->from, true);
	} else if (m->kind == PC_VOTE || m->kind == PC_PREVOTE) {
		answer = replica_send(
			r, m->kind == PC_VOTE ? PC_VOTE_ANSWER : PC_PREVOTE_ANSWER, m->from, true);
	} else {
		return;
	}
	answer->refused = true;
	answer->index = m->index;
}

/* Brings the terms together. Returns false if the message is done with. */
static bool adopt_term(struct pc_replica *r, const struct pc_message *m)
{
	if (m->term > r->promise.term) {
		bool from_leader = m->kind == PC_ENTRIES || m->kind == PC_SNAPSHOT;

		if (is_loyal(r, m))
			return false;
		/* Neither asking beforehand nor being told "yes" begins a term. */
		if (m->kind == PC_PREVOTE || (m->kind == PC_PREVOTE_ANSWER && !m->refused))
			return true;
		replica_follow(r, m->term, from_leader ? m->from : PC_NOBODY);
		return true;
	}
	if (m->term < r->promise.term) {
		answer_stale(r, m);
		return false;
	}
	return true;
}

static void hear_leader(struct pc_replica *r, const struct pc_message *m)
{
	if (r->role == PC_LEADER) {
		r->fault = "two leaders in one term";
		return;
	}
	if (r->role != PC_FOLLOWER)
		replica_follow(r, r->promise.term, m->from);
	r->leader = m->from;
	r->elapsed = 0;
	if (m->kind == PC_ENTRIES)
		follower_append(r, m);
	else
		follower_snapshot(r, m);
}

static void handle(struct pc_replica *r, const struct pc_message *m)
{
	switch ((enum pc_message_kind)m->kind) {
	case PC_PREVOTE:
	case PC_VOTE:
		election_request(r, m);
		break;
	case PC_PREVOTE_ANSWER:
	case PC_VOTE_ANSWER:
		election_answer(r, m);
		break;
	case PC_ENTRIES:
	case PC_SNAPSHOT:
		hear_leader(r, m);
		break;
	case PC_ENTRIES_ANSWER:
		leader_answer(r, m);
		break;
	case PC_CAMPAIGN_NOW:
		if (r->role == PC_FOLLOWER && election_is_eligible(r))
			election_campaign(r, false, true);
		break;
	case PC_MESSAGE_KINDS:
		break;
	}
}

void pc_replica_receive(struct pc_replica *replica, const struct pc_message *message)
{
	struct pc_replica *r = replica;

	if (!begin(r))
		return;
	hb_assert(message->to == r->options.id && message->from < PC_REPLICAS_MAX);
	if (adopt_term(r, message))
		handle(r, message);
	end(r);
}

int pc_replica_propose(struct pc_replica *replica, uint64_t client, uint64_t sequence,
	uint64_t command, uint64_t *ret_index)
{
	struct pc_replica *r = replica;
	struct pc_entry entry = {.kind = PC_ENTRY_COMMAND,
		.client = client,
		.sequence = sequence,
		.command = command};

	if (!begin(r) || r->role != PC_LEADER || r->target != PC_NOBODY)
		return -EAGAIN;
	if (log_is_full(r, SPARE_ENTRIES))
		return -ENOSPC;
	leader_append(r, &entry);
	*ret_index = r->last;
	end(r);
	return 0;
}

void pc_replica_read(struct pc_replica *replica, uint64_t request)
{
	struct pc_replica *r = replica;

	if (!begin(r))
		return;
	if (r->role == PC_LEADER)
		leader_read(r, request);
	else
		replica_act(r, PC_READ_REFUSED)->request = request;
	end(r);
}

int pc_replica_change(struct pc_replica *replica, const struct pc_configuration *configuration)
{
	struct pc_replica *r = replica;
	struct pc_entry entry = {.kind = PC_ENTRY_CHANGE, .change = configuration};

	if (!begin(r) || r->role != PC_LEADER || r->target != PC_NOBODY ||
		r->commit < r->term_start)
		return -EAGAIN;
	/* One change at a time: the one before must be over, and known to be. */
	if (r->latest.configuration.joint || r->latest.index > r->commit)
		return -EBUSY;
	if (pc_rule_check(&configuration->now, NULL))
		return -EINVAL;
	if (log_is_full(r, SPARE_ENTRIES))
		return -ENOSPC;
	leader_append(r, &entry);
	end(r);
	return 0;
}

int pc_replica_transfer(struct pc_replica *replica, uint32_t target)
{
	struct pc_replica *r = replica;

	if (!begin(r) || r->role != PC_LEADER)
		return -EAGAIN;
	if (target >= PC_REPLICAS_MAX || target == r->options.id ||
		!(pc_configuration_voters(&r->latest.configuration) & node_bit(target)))
		return -EINVAL;
	leader_transfer(r, target);
	end(r);
	return 0;
}

int pc_replica_compact(struct pc_replica *replica, uint64_t index, uint64_t state)
{
	struct pc_replica *r = replica;
	const struct dated *dated = r->latest.index <= index ? &r->latest : &r->previous;

	if (index <= r->snapshot.index || index > r->commit)
		return -EINVAL;
	if (dated->index > index)
		return -EAGAIN;
	r->snapshot.term = log_term(r, index);
	r->snapshot.index = index;
	r->snapshot.state = state;
	r->snapshot.configuration = dated->configuration;
	return 0;
}

void pc_replica_set_ranks(struct pc_replica *replica, const uint8_t *ranks)
{
	for (uint32_t i = 0; i < PC_REPLICAS_MAX; i++)
		replica->options.ranks[i] = ranks[i];
}

/* ---- what there is ---- */

const struct pc_action *pc_replica_actions(const struct pc_replica *replica, uint32_t *ret_count)
{
	*ret_count = replica->action_count;
	return replica->actions;
}

struct pc_promise pc_replica_promise(const struct pc_replica *replica)
{
	return replica->promise;
}

const struct pc_snapshot *pc_replica_snapshot(const struct pc_replica *replica)
{
	return &replica->snapshot;
}

const struct pc_entry *pc_replica_entry(const struct pc_replica *replica, uint64_t index)
{
	hb_assert(index > replica->snapshot.index && index <= replica->last);
	return log_entry(replica, index);
}

uint64_t pc_replica_last_index(const struct pc_replica *replica)
{
	return replica->last;
}

uint64_t pc_replica_commit_index(const struct pc_replica *replica)
{
	return replica->commit;
}

enum pc_role pc_replica_role(const struct pc_replica *replica)
{
	return (enum pc_role)replica->role;
}

uint32_t pc_replica_leader(const struct pc_replica *replica)
{
	return replica->leader;
}

const struct pc_configuration *pc_replica_configuration(
	const struct pc_replica *replica, uint64_t *ret_index)
{
	if (ret_index)
		*ret_index = replica->latest.index;
	return &replica->latest.configuration;
}

uint32_t pc_replica_peer_life(const struct pc_replica *replica, uint32_t node)
{
	return replica->role == PC_LEADER ? replica->lives[node] : 0;
}

uint64_t pc_replica_supporters(const struct pc_replica *replica)
{
	return replica->supporters;
}

uint64_t pc_replica_holders(const struct pc_replica *replica, uint64_t index)
{
	uint64_t holders = 0, counted = pc_rule_counted(&replica->latest.configuration.now,
				      replica->acknowledged & replica->committee, replica->lives);

	for (uint64_t left = counted; left; left &= left - 1) {
		uint32_t node = (uint32_t)__builtin_ctzll(left);

		if (replica->match[node] >= index)
			holders |= node_bit(node);
	}
	return holders;
}

uint64_t pc_replica_committee(const struct pc_replica *replica)
{
	return replica->committee;
}

const char *pc_replica_fault(const struct pc_replica *replica)
{
	return replica->fault;
}
