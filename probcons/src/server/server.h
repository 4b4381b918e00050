/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server from inside: server.c drives the core, connections.c the sockets, requests.c the clients. */
#ifndef PC_SERVER_INSIDE_H
#define PC_SERVER_INSIDE_H

#include <uv.h>

#include <hotbed/error.h>

#include <probcons/replica.h>
#include <probcons/server.h>

#include "log_file.h"
#include "store.h"
#include "wire.h"

#define CONNECTIONS_MAX 4096
#define LOG_ENTRIES_KEPT 131072
#define IN_FLIGHT_MAX 1024 /* requests of one connection; more are not read */
#define OUT_BYTES_MAX ((size_t)16 << 20)
#define OUT_ROOM_FOR_CHUNKS ((size_t)1 << 20)

struct server;

/* Bytes to send: they gather while one write is under way. */
struct outgoing {
	struct bytes gathered, writing;
	uv_write_t write;
	bool busy;
};

struct connection {
	struct server *server;
	uv_tcp_t tcp;
	struct bytes in;
	size_t in_used;
	struct outgoing out;
	uint64_t number; /* slot and generation: answers find it, or that it is gone */
	uint32_t in_flight;
	uint32_t peer; /* PC_NOBODY until it says hello */
	int chunk_fd;
	uint64_t chunk_index, chunk_offset;
	bool for_peers, closing, paused;
};

struct peer {
	struct server *server;
	uv_tcp_t tcp;
	uv_connect_t connect;
	struct outgoing out;
	bool open, connected, closing;
	int snapshot_fd;
	uint64_t snapshot_index, snapshot_offset;
	struct bytes snapshot_message;
	char client[PC_ADDRESS_BYTES]; /* where its clients go */
	uint32_t wait_ticks;
};

/* A client who waits for an entry. */
struct pending {
	uint64_t connection, id, client, sequence;
};

struct waiting {
	uint64_t connection, id;
	struct payload *key;
};

/* Reads that share a round of confirmation. */
struct read_batch {
	struct waiting *waiting;
	uint32_t count, capacity;
	uint64_t index; /* readable when so much is applied; UINT64_MAX until it is known */
	struct read_batch *next;
};

struct held {
	struct pc_message message;
	uint64_t writes;
};

struct counters {
	uint64_t messages_in, messages_out, bytes_in, bytes_out, hostile, refused_connections;
	uint64_t commands, reads, elections, snapshots_sent, snapshots_received, dropped;
};

struct server {
	const struct pc_server_options *options;
	uv_loop_t loop;
	uv_timer_t timer;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_signal_t signals[2];
	uv_tcp_t peer_listener, client_listener;
	struct hb_error *error;
	int result;
	bool stopping;

	struct pc_replica *replica;
	struct store *store;
	uint64_t applied;
	struct log_file log;
	uint64_t writes, durable, syncing;
	uv_work_t work;
	uv_mutex_t lock;
	uv_cond_t idle;
	bool flushing; /* under @lock */
	bool busy;     /* the worker's end has not been seen */
	bool full;
	int flush_result;
	uint32_t retry_ticks;

	struct payload **payloads; /* of the log, by index */
	struct pending *pending;   /* likewise */
	struct held *outbox;
	size_t outbox_first, outbox_count, outbox_capacity;
	struct pc_message *inbox; /* to itself */
	size_t inbox_count, inbox_capacity;
	struct recovered *incoming; /* the snapshot in the message that is being handled */
	char incoming_name[64];

	struct connection *connections[CONNECTIONS_MAX];
	uint64_t generation;
	uint32_t connection_count;
	struct peer peers[PC_REPLICAS_MAX];
	struct read_batch *gathering, *reads;
	uint32_t read_batches;
	uint64_t learner_tick;
	enum pc_role role;
	struct counters counters;
};

/* ---- server.c ---- */
void server_fail(struct server *s, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void server_carry_out(struct server *s);
void server_receive(struct server *s, const struct pc_message *message);

/* ---- connections.c ---- */
int connections_listen(struct server *s, struct hb_error *reterr);
void connections_flush(struct server *s);
void connections_tick(struct server *s);
void connections_close_all(struct server *s);
struct connection *connection_find(struct server *s, uint64_t number);
void connection_reply(struct connection *c, const struct wire_reply *reply);
/* connection_hostile - what came is none of the protocol: counted, closed. */
void connection_hostile(struct connection *c);
void peer_send(struct server *s, const struct pc_message *message);
const char *peer_address(const struct server *s, uint32_t node);

/* ---- requests.c ---- */
bool request_handle(struct connection *c, const struct wire_request *request);
void request_answer(struct server *s, uint64_t connection, uint64_t id, enum reply_status status,
	const char *text);
void requests_elsewhere(struct server *s, uint64_t connection, uint64_t id);
void reads_begin(struct server *s);
void reads_ready(struct server *s, uint64_t batch, uint64_t index);
void reads_refused(struct server *s, uint64_t batch);
void reads_serve(struct server *s);
void reads_finish(struct server *s);
void learners_promote(struct server *s);

#endif
