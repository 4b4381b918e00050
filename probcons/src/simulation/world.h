/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulated world from inside. */
#ifndef PC_WORLD_H
#define PC_WORLD_H

#include <hotbed/rng.h>
#include <hotbed/sim.h>

#include <probcons/history.h>
#include <probcons/key_value.h>
#include <probcons/replica.h>
#include <probcons/simulation.h>

#define NODES_MAX PC_SIMULATED_NODES_MAX
#define CLIENTS 3
#define KEYS 2
#define LOG_ENTRIES 512
#define PACKETS_MAX 8192
#define WRITES_MAX 1024
#define OUTBOX_MAX 512
#define INDEX_MAX 8192 /* of one schedule */
#define TERMS_MAX 4096
#define SNAPSHOTS_MAX 2048
#define CHANGES_MAX 256
#define STATES (UINT64_C(1) << 22)
#define SEEN_SLOTS 16384 /* entries (index, term): a power of two */

#define MILLISECOND_NS INT64_C(1000000)
#define TICK_NS (10 * MILLISECOND_NS)
#define HEARTBEAT_TICKS 3
#define ELECTION_TICKS 10
#define FAULTS_UNTIL_NS (1500 * MILLISECOND_NS)
#define QUIET_UNTIL_NS (3000 * MILLISECOND_NS)
#define PROGRESS_FROM_NS (2300 * MILLISECOND_NS) /* commits are expected after this */

enum event_kind {
	EVENT_TICK,     /* node */
	EVENT_SYNCED,   /* node, epoch */
	EVENT_RESTART,  /* node */
	EVENT_PACKET,   /* packet */
	EVENT_CLIENT,   /* client: next operation */
	EVENT_PATIENCE, /* client, attempt */
	EVENT_FAULT,
	EVENT_OPERATOR,
	EVENT_STRIKE,  /* node, or NODES_MAX: links heal; number and occasion */
	EVENT_FAILURE, /* of a mission: node, epoch */
	EVENT_QUIET,
};

/* Kinds of faults that come by the clock. */
enum fault_kind {
	FAULT_CRASH,
	FAULT_CRASH_LEADER,
	FAULT_CRASH_ALL,
	FAULT_WIPE,
	FAULT_ROT, /* a bit of the disk flips while the node is down */
	FAULT_PARTITION,
	FAULT_ISOLATE,
	FAULT_ONE_WAY,
	FAULT_HEAL,
	FAULT_WEATHER, /* loss, duplicates, reordering */
	FAULT_SLOW_DISK,
	FAULT_CLOCK,
	FAULT_TRANSFER,
	FAULT_RIVALS, /* two nodes are told to campaign at once */
	FAULT_RULE,
	FAULT_KINDS,
};

/* Moments at which a fault does most harm: right after something has been said or done. */
enum occasion {
	AFTER_VOTE,        /* a vote was given */
	AFTER_CAMPAIGN,    /* a vote was asked for */
	AFTER_ELECTION,    /* a node leads */
	AFTER_ACKNOWLEDGE, /* entries were acknowledged */
	AFTER_COMMIT,      /* a leader knows of a commit */
	AFTER_CHANGE,      /* a leader has appended a change, or its end */
	OCCASIONS,
};

/*
 * What a schedule is made of. Each schedule draws its own: what faults there are and how often, how fast clocks, disks
 * and links are. So rare combinations get their turn (Groce et al., "Swarm Testing", ISSTA 2012).
 */
struct mix {
	uint32_t weights[FAULT_KINDS];
	uint32_t strikes[OCCASIONS]; /* of 1000 occasions */
	bool few;                    /* each new leader reaches but few */
	int64_t gap_ns, down_ns;     /* between faults, of crashes: at most */
	int64_t spread_ns;           /* of delays */
	int64_t tick_ns, sync_ns;
	int64_t patience_ns;      /* of clients, before they ask again */
	uint32_t compact_entries; /* applied since the last snapshot */
	uint32_t entries_per_message;
};

enum packet_kind {
	PACKET_MESSAGE,
	PACKET_REQUEST,
	PACKET_REPLY,
};

struct request {
	uint32_t client;
	uint64_t sequence;
	uint64_t command;
};

struct reply {
	uint32_t client;
	uint32_t leader; /* if @refused: whom to ask, or PC_NOBODY */
	uint64_t sequence;
	uint32_t result;
	bool refused;
};

struct packet {
	uint8_t kind;
	uint8_t from, to; /* nodes; clients are not on either side of partitions */
	uint32_t next_free;
	union {
		struct pc_message message;
		struct request request;
		struct reply reply;
	};
	struct pc_entry entries[PC_ENTRIES_PER_MESSAGE];
};

enum write_kind {
	WRITE_PROMISE,
	WRITE_ENTRY,
	WRITE_TRUNCATE, /* forget entries from index on */
	WRITE_INSTALL,  /* log and state become the snapshot */
	WRITE_COMPACT,  /* the snapshot replaces the entries that are in it */
};

struct write {
	uint8_t kind;
	uint32_t snapshot;
	uint64_t index;
	union {
		struct pc_promise promise;
		struct pc_entry entry;
	};
};

/* What is on the platter. */
struct image {
	struct pc_promise promise;
	uint32_t snapshot;
	uint64_t last;
	struct pc_entry ring[LOG_ENTRIES];
	uint64_t sums[LOG_ENTRIES]; /* checksums of entries */
};

/* A write as it lies on the platter. */
struct record {
	uint64_t checksum;
	struct write write;
};

struct disk {
	struct image image;
	struct write writes[WRITES_MAX];   /* issued and not durable; write i is [i % WRITES_MAX] */
	uint64_t issued, durable, syncing; /* counts of writes */
	bool busy;
	int64_t sync_ns; /* mean */
};

struct held {
	uint32_t packet;
	uint64_t writes; /* leaves when so many are durable */
};

struct waiting_read {
	uint64_t request, index;
};

struct node {
	struct pc_replica *replica;
	struct disk disk;
	struct pc_key_values store;
	struct held outbox[OUTBOX_MAX];
	uint32_t outbox_first, outbox_count;
	struct waiting_read reads[64];
	uint32_t read_count;
	uint64_t pending[CLIENTS]; /* sequence to be answered when applied */
	uint64_t seen_term;        /* of its last leadership */
	uint64_t campaign_term;    /* of its last campaign */
	uint64_t drawn;            /* V5: the committee of that */
	uint64_t appends;          /* V5: the committee of its leadership */
	uint64_t rule_index;       /* of the rule in force */
	uint32_t snapshot;         /* its last */
	uint32_t life, epoch;      /* epoch: of crashes; older events are void */
	int64_t tick_ns;
	bool up, truncated;
	bool rotten; /* its disk is damaged, and nobody knows yet */
};

struct client {
	struct pc_operation operation;
	struct pc_command command;
	uint64_t sequence;
	uint32_t target, attempts;
	bool busy;
};

struct committed {
	uint64_t digest, term, state;
	uint64_t committed_in; /* term of the leader that did */
};

struct stored_snapshot {
	struct pc_snapshot snapshot;
	struct pc_key_values store;
};

struct seen {
	uint64_t key, digest, previous_term; /* key: generation, index and term */
	uint32_t generation;
};

/* Quorums that were used under one configuration. */
#define AUDITS_MAX 16
#define MASKS_MAX 32

struct audit {
	uint64_t configuration;
	uint64_t commits[MASKS_MAX], elections[MASKS_MAX];
	uint32_t commit_count, election_count;
};

struct pc_simulation {
	struct pc_simulation_options options;
	struct hb_event_queue *queue;
	struct hb_rng network_rng, disk_rng, fault_rng, client_rng;
	int64_t now_ns;
	struct node nodes[NODES_MAX];
	struct client clients[CLIENTS];
	struct packet *packets;
	uint32_t first_free;
	uint64_t cut[NODES_MAX]; /* bits: nodes that messages from here do not reach */
	double loss, duplicate, slow;
	struct mix mix;
	struct hb_rng strike_rng;
	uint32_t fault_number, strike_number;
	bool quiet;
	uint32_t next_life, next_value;
	uint64_t moment; /* of the history */

	struct stored_snapshot *snapshots;
	uint32_t snapshot_count;
	struct pc_configuration *changes;
	uint32_t change_count;

	struct committed *committed; /* by index */
	uint64_t committed_last, progress_from;
	struct pc_configuration ruling; /* by what is committed */
	uint64_t ruling_index;
	uint32_t leaders[TERMS_MAX]; /* by term: node + 1 */
	struct seen *seen;
	uint32_t generation;
	uint64_t *states; /* STATES bits: those reached, by their hashes */
	struct audit audits[AUDITS_MAX];
	uint32_t audit_count;
	int64_t measured_from_ns, without_from_ns; /* of a mission; -1: not yet, or served */
	uint32_t served_by;
	bool had_quorums;
	uint64_t last_holders; /* V5: of the last commit */
	struct pc_history history;
	struct pc_entry scratch[LOG_ENTRIES];
	struct record platter[WRITES_MAX];

	uint64_t schedule, hash;
	bool failed, overflow;
	struct pc_simulation_report *report;
};

static inline uint64_t bit(uint32_t node)
{
	return (uint64_t)1 << node;
}

static inline void world_hash(struct pc_simulation *w, uint64_t word)
{
	uint64_t h = (w->hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);

	w->hash = h ^ (h >> 29);
}

static inline void world_saw(struct pc_simulation *w, enum pc_coverage coverage)
{
	w->report->coverage[coverage]++;
}

/* ---- simulation.c ---- */
void world_at(
	struct pc_simulation *w, int64_t delay_ns, enum event_kind kind, uint32_t a, uint32_t b);
void world_trace(struct pc_simulation *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
#define TRACE(w, ...)                                                \
	do {                                                         \
		if (__builtin_expect((w)->options.trace != NULL, 0)) \
			world_trace((w), __VA_ARGS__);               \
	} while (0)

/* ---- node.c ---- */
void node_begin(struct pc_simulation *w, uint32_t n);
void node_tick(struct pc_simulation *w, uint32_t n);
void node_receive(struct pc_simulation *w, uint32_t n, const struct pc_message *message);
void node_request(struct pc_simulation *w, uint32_t n, const struct request *request);
void node_change(struct pc_simulation *w, uint32_t n, const struct pc_configuration *configuration);
void node_transfer(struct pc_simulation *w, uint32_t n, uint32_t target);
void node_release(struct pc_simulation *w, uint32_t n);
void node_crash(struct pc_simulation *w, uint32_t n, bool wipe);
void node_restart(struct pc_simulation *w, uint32_t n);
bool node_leads(const struct pc_simulation *w, uint32_t n);

/* ---- disk.c ---- */
void disk_begin(struct disk *disk, uint32_t life, uint32_t snapshot);
void disk_sync(struct pc_simulation *w, uint32_t n);
struct pc_entry *image_entry(struct image *image, uint64_t index);
void disk_write(struct pc_simulation *w, uint32_t n, const struct write *write);
void disk_synced(struct pc_simulation *w, uint32_t n);
void disk_crash(struct pc_simulation *w, uint32_t n);
bool disk_flip(struct pc_simulation *w, uint32_t n, struct hb_rng *rng);
bool disk_is_sound(struct pc_simulation *w, uint32_t n);

/* ---- network.c ---- */
uint32_t packet_take(struct pc_simulation *w);
void packet_free(struct pc_simulation *w, uint32_t packet);
void network_send(struct pc_simulation *w, uint32_t packet);
void network_deliver(struct pc_simulation *w, uint32_t packet);

/* ---- clients.c ---- */
void client_next(struct pc_simulation *w, uint32_t c);
void client_patience(struct pc_simulation *w, uint32_t c, uint32_t attempt);
void client_reply(struct pc_simulation *w, const struct reply *reply);
void client_finish_all(struct pc_simulation *w);

/* ---- faults.c ---- */
void faults_draw(struct pc_simulation *w);
void faults_begin(struct pc_simulation *w);
void faults_consider(struct pc_simulation *w, uint32_t n, enum occasion occasion);
void faults_strike(struct pc_simulation *w, uint32_t n, uint32_t number);
void faults_next(struct pc_simulation *w);
void faults_end(struct pc_simulation *w);
void operator_look(struct pc_simulation *w);

/* ---- service.c ---- */
void service_begin(struct pc_simulation *w);
void service_failure(struct pc_simulation *w, uint32_t n);
void service_restart(struct pc_simulation *w, uint32_t n);
void service_commit(struct pc_simulation *w, uint32_t n);
void service_end(struct pc_simulation *w);

/* ---- checks.c ---- */
void check_violation(struct pc_simulation *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
uint64_t entry_digest(const struct pc_entry *entry);
void check_begin(struct pc_simulation *w);
void check_append(struct pc_simulation *w, uint32_t n, uint64_t index);
void check_truncate(struct pc_simulation *w, uint32_t n, uint64_t index);
void check_apply(struct pc_simulation *w, uint32_t n, uint64_t index, const struct pc_entry *entry);
void check_install(struct pc_simulation *w, uint32_t n, const struct stored_snapshot *snapshot);
void check_commit(struct pc_simulation *w, uint32_t n, uint64_t from, uint64_t to);
void check_leader(struct pc_simulation *w, uint32_t n);
void check_rule(struct pc_simulation *w, uint32_t n);
void check_campaign(struct pc_simulation *w, uint32_t n);
void check_state(struct pc_simulation *w);
void check_end(struct pc_simulation *w);

/* Is it time for a fault? Most schedules have none of this kind. */
static inline void faults_after(struct pc_simulation *w, uint32_t n, enum occasion occasion)
{
	if (__builtin_expect(w->mix.strikes[occasion] != 0, 0))
		faults_consider(w, n, occasion);
}

#endif
