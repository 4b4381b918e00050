/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An unmodified redis-server, and open-loop SETs on it, over the network that the trial's parameter "network" names.
 *
 * Not thread-safe. Linux only: network namespaces.
 */
#ifndef BATCHING_BENCH_REDIS_H
#define BATCHING_BENCH_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotbed/load.h>
#include <hotbed/trial.h>

#include "network.h"

#define REDIS_PORT 6379
#define REDIS_CONNECTIONS_MAX 64
#define REDIS_VALUE_MAX 65536

struct redis_connection {
	int fd;
	uint8_t *out; /* what the socket did not take yet */
	size_t out_begin, out_end;
	uint64_t next;     /* the request whose reply comes next */
	uint64_t newest;   /* the last that was written; read if any was */
	unsigned int part; /* bytes of that reply that have come */
};

struct redis {
	struct network network;
	struct hb_child server;
	unsigned int connection_count;
	size_t value_bytes;
	const struct hb_load_schedule *schedule;
	int64_t start_ns;  /* of the schedule on hb_clock_now_ns(), known when the first is sent */
	uint64_t sent;     /* requests, in order */
	bool is_sabotaged; /* every seventh request writes the value of its successor */
	struct redis_connection connections[REDIS_CONNECTIONS_MAX];
	uint8_t *request; /* the command being made, of REDIS_VALUE_MAX + 128 bytes */
	/* Called for each answer, between two polls; may be NULL. */
	void (*answered)(void *user, uint64_t request, int64_t now_ns);
	/* Called before each wait; returns the latest time to be called again; may be NULL. */
	int64_t (*idle)(void *user, int64_t now_ns);
	void *user;
};

/* redis_probe - skips without redis-server or a network of its own. */
int redis_probe(struct hb_trial *trial);
/* redis_start - the server, on the role "system", and the connections to it with TCP_NODELAY. 0 or hb_trial_fail(). */
int redis_start(
	struct hb_trial *trial, struct redis *redis, unsigned int connections, size_t value_bytes);
/* redis_stop - close everything; may be called whatever redis_start() returned, and twice. */
void redis_stop(struct redis *redis);
/* redis_set_nodelay - on the client's ends. 0 or -errno. */
int redis_set_nodelay(struct redis *redis, bool on);
/*
 * redis_begin - before each schedule, whose requests are numbered from 0: answers of an earlier one must not be on
 * their way any more.
 */
void redis_begin(struct redis *redis, const struct hb_load_schedule *schedule);
/* redis_transport - requests are SETs of 64 keys per connection in turn, with values made of their number. */
struct hb_load_transport redis_transport(struct redis *redis);
/* redis_capacity - requests per second that would fill the trial's network with their payload. */
double redis_capacity(const struct hb_trial *trial);
/* redis_segments - with data, sent by the client so far. */
uint64_t redis_segments(const struct redis *redis);
/*
 * redis_verify - read every key back: it must have the value that was written last, or, where answers were not waited
 * for, one later than the last that was answered. 0 or hb_trial_fail().
 */
int redis_verify(struct hb_trial *trial, struct redis *redis);

#endif
