/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One replica of a replicated log, as a pure step function: an input (a message, a tick, a request) changes the state
 * in memory and yields actions, which the host carries out in their order. No clock, no disk, no network, no allocation
 * after create; the same inputs give the same actions. Simulator and server run this very object.
 *
 * The protocol is Raft (Ongaro's thesis, 2014) with PreVote (9.6), CheckQuorum (6.2), ReadIndex (6.4), snapshots (5),
 * joint consensus (4.3) and leadership transfer (3.10), over the quorum rules of configuration.h. Variants: flexible
 * and weighted quorums are rules; dynamic re-weighting is a change of the rule; reliability-aware leaders are ranks;
 * committees (epsilon-intersecting quorums) are drawn uniformly before anything is sent and only their answers count:
 * they may fail to meet with a probability that can be stated, and are not safe.
 *
 * What the host owes:
 * - actions in order; what a PC_SEND with after_sync says may leave only when everything that actions before it wrote
 *   (promise, entries, truncation, snapshot) is durable. A message to itself comes back as input the same way.
 * - after a crash, a replica created from what is durable; after the loss of the disk, one with a new life and nothing.
 *
 * Not thread-safe.
 */
#ifndef PROBCONS_REPLICA_H
#define PROBCONS_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include <probcons/configuration.h>

struct pc_replica;

#define PC_NOBODY UINT32_MAX
#define PC_ENTRIES_PER_MESSAGE 16

/*
 * Index and term of the snapshot that a new cluster starts from: it holds nothing but the first configuration. A wiped
 * node starts at index 0 and can get past 1 only with a snapshot, so it learns the rule with the log.
 */
#define PC_FIRST_INDEX 1

enum pc_entry_kind {
	PC_ENTRY_NOTHING, /* a new leader's first: commits what came before it */
	PC_ENTRY_COMMAND,
	PC_ENTRY_CHANGE, /* from here on the old and the new rule are in force */
	PC_ENTRY_LEAVE, /* from here on the new rule alone; appended when the change is committed */
};

struct pc_entry {
	uint64_t term;
	uint64_t client, sequence;             /* of COMMAND: the session */
	uint64_t command;                      /* of COMMAND: the host's, not looked at */
	const struct pc_configuration *change; /* of CHANGE: rule and learners; the host's memory */
	uint8_t kind;
};

struct pc_snapshot {
	uint64_t index, term; /* of the last entry in it */
	uint64_t state;       /* the host's, not looked at */
	struct pc_configuration configuration;
};

enum pc_message_kind {
	PC_PREVOTE,
	PC_PREVOTE_ANSWER,
	PC_VOTE,
	PC_VOTE_ANSWER,
	PC_ENTRIES,
	PC_ENTRIES_ANSWER, /* also to a snapshot */
	PC_SNAPSHOT,
	PC_CAMPAIGN_NOW, /* leadership transfer */
	PC_MESSAGE_KINDS,
};

struct pc_message {
	uint8_t kind;
	bool refused; /* of answers */
	bool forced;  /* of VOTE: in a transfer, whoever hears a leader votes all the same */
	uint8_t entry_count;
	uint32_t from, to;
	uint32_t life; /* of the sender */
	uint64_t term;
	uint64_t
		index; /* before the entries; last of the candidate's log; acknowledged, or refused */
	uint64_t log_term; /* of the entry at index */
	uint64_t commit;
	uint64_t round;                     /* of ReadIndex: answers repeat it */
	uint64_t hint;                      /* of a refused APPEND: logs may agree up to here */
	const struct pc_entry *entries;     /* valid until the next input */
	const struct pc_snapshot *snapshot; /* likewise */
};

/* What must survive a crash beside log and snapshot. */
struct pc_promise {
	uint64_t term;
	uint32_t vote; /* in that term, or PC_NOBODY */
	uint32_t life;
};

enum pc_action_kind {
	PC_WRITE_PROMISE, /* pc_replica_promise() */
	PC_WRITE_ENTRIES, /* @index and the @count - 1 after it: pc_replica_entry() */
	PC_TRUNCATE,      /* forget the entries from @index on */
	PC_INSTALL,       /* log and state become pc_replica_snapshot() */
	PC_SEND,          /* @message */
	PC_COMMITTED,     /* entries up to @index may be applied */
	PC_READ,          /* @request may read once @index is applied */
	PC_READ_REFUSED,  /* @request must be asked again elsewhere or later */
};

struct pc_action {
	uint8_t kind;
	bool after_sync;
	uint32_t count;
	uint64_t index, request;
	struct pc_message message;
};

struct pc_replica_options {
	uint32_t id;
	uint32_t election_ticks; /* without a leader; > heartbeat_ticks */
	uint32_t heartbeat_ticks;
	uint32_t log_entries;         /* kept in memory: rounded up to a power of two */
	uint32_t entries_per_message; /* at most PC_ENTRIES_PER_MESSAGE; 0 = as many */
	uint64_t seed;
	uint32_t committee_per, committee_vc; /* members of committees; 0 = quorums */
	bool by_rank;                         /* leaders by rank: 0 = most reliable */
	uint8_t ranks[PC_REPLICAS_MAX];
};

enum pc_role {
	PC_FOLLOWER,
	PC_PRECANDIDATE,
	PC_CANDIDATE,
	PC_LEADER,
};

/*
 * pc_replica_create - a replica with what is durable.
 * @snapshot: copied. @entries: shape [@count], those after the snapshot; copied.
 * @ret: owned by the caller, pc_replica_destroy() frees it.
 *
 * Returns 0, -EINVAL (id, ticks, more entries than @options allow) or -ENOMEM.
 */
int pc_replica_create(const struct pc_replica_options *options, const struct pc_promise *promise,
	const struct pc_snapshot *snapshot, const struct pc_entry *entries, uint32_t count,
	struct pc_replica **ret);

/* pc_replica_restart - the same into an existing replica of the same capacity; never allocates. */
int pc_replica_restart(struct pc_replica *replica, const struct pc_replica_options *options,
	const struct pc_promise *promise, const struct pc_snapshot *snapshot,
	const struct pc_entry *entries, uint32_t count);

void pc_replica_destroy(struct pc_replica *replica);

/* ---- inputs; each replaces the actions of the one before ---- */

/* pc_replica_tick - a unit of time has passed. */
void pc_replica_tick(struct pc_replica *replica);

/* pc_replica_receive - @message has arrived; copied where it is kept. */
void pc_replica_receive(struct pc_replica *replica, const struct pc_message *message);

/*
 * pc_replica_propose - append a command. @ret_index: where; it is committed only if its term still stands there.
 * Returns 0, -EAGAIN (not the leader, or handing over) or -ENOSPC (the log is full: compact).
 */
int pc_replica_propose(struct pc_replica *replica, uint64_t client, uint64_t sequence,
	uint64_t command, uint64_t *ret_index);

/* pc_replica_read - a linearizable read: PC_READ or PC_READ_REFUSED with @request will follow, now or later. */
void pc_replica_read(struct pc_replica *replica, uint64_t request);

/*
 * pc_replica_change - replace the rule by @configuration's (its rule now and its learners), through joint consensus.
 * @configuration must stay where it is while any log has the entry.
 * Returns 0, -EAGAIN (not the leader, nothing committed in its term), -EBUSY (another change is under way), -EINVAL
 * (quorums need not meet) or -ENOSPC.
 */
int pc_replica_change(struct pc_replica *replica, const struct pc_configuration *configuration);

/* pc_replica_transfer - hand leadership to voter @target. Returns 0, -EAGAIN (not the leader) or -EINVAL. */
int pc_replica_transfer(struct pc_replica *replica, uint32_t target);

/*
 * pc_replica_compact - the host has a snapshot @state of everything up to @index, durably: forget those entries.
 * Returns 0, -EINVAL (not committed, or already in a snapshot) or -EAGAIN (the rule at @index is not known any more:
 * take a later one).
 */
int pc_replica_compact(struct pc_replica *replica, uint64_t index, uint64_t state);

/* pc_replica_set_ranks - hazards have changed. @ranks: shape [PC_REPLICAS_MAX]. No actions. */
void pc_replica_set_ranks(struct pc_replica *replica, const uint8_t *ranks);

/* ---- what there is ---- */

const struct pc_action *pc_replica_actions(const struct pc_replica *replica, uint32_t *ret_count);
struct pc_promise pc_replica_promise(const struct pc_replica *replica);
const struct pc_snapshot *pc_replica_snapshot(const struct pc_replica *replica);
/* pc_replica_entry - entry @index, after the snapshot and up to the last; valid until the next input. */
const struct pc_entry *pc_replica_entry(const struct pc_replica *replica, uint64_t index);
uint64_t pc_replica_last_index(const struct pc_replica *replica);
uint64_t pc_replica_commit_index(const struct pc_replica *replica);
enum pc_role pc_replica_role(const struct pc_replica *replica);
uint32_t pc_replica_leader(const struct pc_replica *replica); /* as far as it knows, or PC_NOBODY */
/* pc_replica_configuration - that in force; @ret_index (may be NULL): of its entry. */
const struct pc_configuration *pc_replica_configuration(
	const struct pc_replica *replica, uint64_t *ret_index);
/* pc_replica_peer_life - the life in which @node last answered this leader, 0 if it has not. */
uint32_t pc_replica_peer_life(const struct pc_replica *replica, uint32_t node);
/* pc_replica_supporters - who elected this leader: votes that counted under the rule of now, as bits. */
uint64_t pc_replica_supporters(const struct pc_replica *replica);
/* pc_replica_holders - whose acknowledgements of @index count under the rule of now at this leader, as bits. */
uint64_t pc_replica_holders(const struct pc_replica *replica, uint64_t index);
/* pc_replica_committee - whose answers count in this campaign or leadership; all ones without committees. */
uint64_t pc_replica_committee(const struct pc_replica *replica);
/* pc_replica_fault - what should never happen and did, or NULL; such a replica does nothing any more. */
const char *pc_replica_fault(const struct pc_replica *replica);

#endif
