/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bnet: a request/response server and an open-loop client over TCP, both of which ask a policy when to send, with the
 * costs of the paper's scenario: alpha per request and beta per batch at the server, c per reply at the client. Each
 * payload has a checksum and each message a number, so that a message lost, changed, repeated or overtaken is noticed.
 *
 * The policy's bound on what is held counts from when a message is ready to be sent. A server computes for up to a
 * millisecond, or one request if that takes longer, before it looks at the next connection's bound.
 *
 * Both ends can tell each other their queues in band (record.h), followed in the kernel (tracker.h): the client sends a
 * record each exchange period and the server answers it with its own; then both know the end-to-end estimate.
 *
 * Not thread-safe: one thread per server or client; bat_server_stop() from anywhere, signal handlers included.
 */
#ifndef BATCHING_BNET_H
#define BATCHING_BNET_H

#include <stdbool.h>
#include <stdint.h>

#include <batching/policy.h>

struct hb_error;
struct hb_load;
struct hb_load_schedule;
struct bat_server;

#define BAT_CONNECTIONS_MAX 1024
#define BAT_PAYLOAD_MAX (1 << 20)

/* How to wait for sockets. */
enum bat_backend {
	BAT_BACKEND_EPOLL,
	BAT_BACKEND_URING,
	BAT_BACKEND_UV,
	BAT_BACKEND_COUNT,
};

/* bat_backend_name - "epoll" ...; static. bat_backend_find - returns 0, or -EINVAL with the names in @reterr. */
const char *bat_backend_name(enum bat_backend backend);
int bat_backend_find(const char *name, enum bat_backend *ret, struct hb_error *reterr);

struct bat_server_options {
	enum bat_backend backend;
	const char *address; /* IPv4, numeric */
	uint16_t port;       /* 0: any */
	int64_t alpha_ns;    /* per request, 0 ... 1 s */
	int64_t beta_ns;     /* per batch, 0 ... 1 s */
	bool exchange;       /* follow the queues; records without are answered without any queue */
	struct bat_policy_options policy;
};

/* What came of the exchanged counters. */
struct bat_exchange_result {
	const char *tracking; /* static; NULL = nothing was followed */
	uint64_t windows;     /* between two records */
	uint64_t undefined;   /* of these, without an estimate */
	uint64_t departed;    /* bytes of this end acknowledged in the others */
	double estimate_ns;   /* mean over those bytes; 0 without any */
};

struct bat_server_result {
	uint64_t connections, requests, batches;
	uint64_t
		faults; /* connections closed for what they sent: no frame of ours, a wrong checksum or number */
	struct bat_exchange_result exchange;
	struct bat_policy_record policy;
};

/*
 * bat_server_create - listen. A policy that learns is told how long replies were held at the server,
 * or, with records from its clients, the estimate of each window.
 *
 * Returns 0, -EINVAL (an option out of range), -ENOTSUP (back end not built), or what the socket said.
 */
int bat_server_create(
	struct bat_server **ret, const struct bat_server_options *options, struct hb_error *reterr);
/* bat_server_destroy - close everything; accepts NULL. */
void bat_server_destroy(struct bat_server *server);
uint16_t bat_server_port(const struct bat_server *server);
/* bat_server_run - serve until bat_server_stop(). Blocks. Returns 0 or -errno of waiting. */
int bat_server_run(struct bat_server *server, struct hb_error *reterr);
void bat_server_stop(struct bat_server *server);
struct bat_server_result bat_server_results(const struct bat_server *server);

struct bat_client_options {
	enum bat_backend backend;
	const char *address; /* IPv4, numeric */
	uint16_t port;
	uint32_t connections;   /* 1 ... BAT_CONNECTIONS_MAX */
	uint32_t request_bytes; /* of payload, 0 ... BAT_PAYLOAD_MAX */
	uint32_t reply_bytes;
	int64_t cost_ns;     /* c, per reply, 0 ... 1 s */
	int64_t drain_ns;    /* wait this long for the last replies; 0: 1 s */
	int64_t exchange_ns; /* send a record over each connection so often; 0: none */
	struct bat_policy_options policy;
};

struct bat_client_result {
	uint64_t answered;
	uint64_t batches; /* of requests */
	struct bat_exchange_result exchange;
	struct bat_policy_record policy;
};

/*
 * bat_client_run - send @schedule's requests over the connections in turn and check each reply. Latencies are in @load,
 * which was made for @schedule. A policy that learns is told the mean response time of each 10 ms, or with
 * exchange_ns the estimate of each window.
 * Blocks for the schedule and options->drain_ns.
 *
 * Returns 0; -EINVAL (an option out of range); -ENOTSUP or -EPERM (no tracker for an exchange);
 * -EBADMSG (a reply was changed, repeated, overtaken, or of something
 * else: which, in @reterr); -ECONNRESET (the server closed a connection); or what a socket said. Requests without a
 * reply are no error here: @load counts them.
 */
int bat_client_run(const struct bat_client_options *options,
	const struct hb_load_schedule *schedule, struct hb_load *load,
	struct bat_client_result *ret, struct hb_error *reterr);

#endif
