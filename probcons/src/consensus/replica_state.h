/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A replica from inside: shared by election.c, replication.c, replica_log.c and replica.c. */
#ifndef PC_REPLICA_STATE_H
#define PC_REPLICA_STATE_H

#include <hotbed/rng.h>

#include <probcons/replica.h>

#define ACTIONS_MAX 512
#define READS_MAX 128
#define WINDOW_ENTRIES 256 /* sent to a follower and not acknowledged */
#define SPARE_ENTRIES \
	4 /* of the log, that no command may take: a leader's first entry and the end of a change */

enum peer_state {
	PEER_PROBE,     /* where the logs part is not known: one message at a time */
	PEER_REPLICATE, /* entries follow each other without waiting */
	PEER_SNAPSHOT,  /* waits for an answer to a snapshot */
};

struct peer {
	uint64_t next;  /* entry to send */
	uint64_t round; /* of ReadIndex, answered */
	uint8_t state;
	bool paused; /* until it answers or the next heartbeat */
};

/* A configuration and the index of the entry that brought it. */
struct dated {
	uint64_t index;
	struct pc_configuration configuration;
};

struct read {
	uint64_t request, index, round;
};

struct pc_replica {
	struct pc_replica_options options;
	struct hb_rng rng;
	struct pc_promise promise;
	uint8_t role;
	uint32_t leader;
	uint32_t elapsed, timeout, heartbeat_elapsed; /* ticks */

	struct pc_entry *ring; /* entry i is [i & mask] */
	uint64_t mask, last, commit, told_commit;
	struct pc_snapshot snapshot;
	/*
	 * The rule in force is that of the last such entry in the log, committed or not. Only that one may be
	 * truncated: a leader appends the next when the one before is committed. So one step back is enough.
	 */
	struct dated latest, previous;

	uint64_t granted, refused; /* of a candidate */
	uint64_t supporters;
	uint64_t committee; /* of the campaign or of the leader; all ones without committees */
	uint32_t lives[PC_REPLICAS_MAX]; /* in which peers answered in this term */
	uint64_t match[PC_REPLICAS_MAX]; /* of a leader: acknowledged */
	uint64_t acknowledged, heard;    /* sets */
	struct peer peers[PC_REPLICAS_MAX];
	uint64_t term_start; /* index of the leader's first entry */
	uint64_t round;
	struct read reads[READS_MAX];
	uint32_t read_first, read_count;
	uint32_t target, transfer_elapsed, rank_elapsed;

	const char *fault;
	uint32_t action_count;
	struct pc_action actions[ACTIONS_MAX];
};

static inline uint64_t node_bit(uint32_t node)
{
	return (uint64_t)1 << node;
}

/* ---- replica.c ---- */
struct pc_action *replica_act(struct pc_replica *r, enum pc_action_kind kind);
/* replica_send - a message to @to with sender, life and term filled in; the caller adds the rest. */
struct pc_message *replica_send(
	struct pc_replica *r, enum pc_message_kind kind, uint32_t to, bool after_sync);
void replica_write_promise(struct pc_replica *r);
void replica_follow(struct pc_replica *r, uint64_t term, uint32_t leader);
/* replica_draw - a committee of @size voters, or everybody if @size is 0. */
uint64_t replica_draw(struct pc_replica *r, uint32_t size);

/* ---- replica_log.c ---- */
uint64_t log_term(
	const struct pc_replica *r, uint64_t index); /* from the snapshot's index to the last */
bool log_matches(const struct pc_replica *r, uint64_t index, uint64_t term);
bool log_is_full(const struct pc_replica *r, uint32_t spare);
struct pc_entry *log_entry(const struct pc_replica *r, uint64_t index);
/* log_append - one entry at the end; the caller has looked for room and tells the host. */
void log_append(struct pc_replica *r, const struct pc_entry *entry);
void log_truncate(struct pc_replica *r, uint64_t index);
void log_install(struct pc_replica *r, const struct pc_snapshot *snapshot);
void log_commit(struct pc_replica *r, uint64_t index);

/* ---- election.c ---- */
void election_campaign(struct pc_replica *r, bool ask_first, bool forced);
void election_request(struct pc_replica *r, const struct pc_message *m);
void election_answer(struct pc_replica *r, const struct pc_message *m);
void election_reset_timeout(struct pc_replica *r);
bool election_is_eligible(const struct pc_replica *r);

/* ---- replication.c ---- */
void leader_begin(struct pc_replica *r);
void leader_append(struct pc_replica *r, const struct pc_entry *entry);
void leader_answer(struct pc_replica *r, const struct pc_message *m);
void leader_tick(struct pc_replica *r);
void leader_read(struct pc_replica *r, uint64_t request);
void leader_refuse_reads(struct pc_replica *r);
void leader_transfer(struct pc_replica *r, uint32_t target);
void follower_append(struct pc_replica *r, const struct pc_message *m);
void follower_snapshot(struct pc_replica *r, const struct pc_message *m);

#endif
