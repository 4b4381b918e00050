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
#define REDIS_CONNECTIONS_MAX 256
#define REDIS_VALUE_MAX 65536

struct redis_connection {
	int fd;
	uint8_t *out; /* what the socket did not take yet */
	size_t out_begin, out_end;
	uint64_t next;     /* the request whose reply comes next */
	uint64_t newest;   /* the last that was written; read if any was */
	unsigned int part; /* bytes of that reply that have come */
};

/* A schedule that is or was driven. Zero-initialised: none. */
struct redis_run {
	struct hb_load *load;
	struct hb_load_schedule schedule;
	/* On hb_clock_now_ns(), [schedule.count]: when each request was written and its reply read; 0: not. */
	int64_t *sent_ns, *answered_ns;
};

struct redis {
	struct network network;
	struct hb_child server;
	unsigned int connection_count;
	size_t value_bytes;
	int64_t start_ns;   /* of the schedule on hb_clock_now_ns(), known when the first is sent */
	uint64_t sent;      /* requests, in order */
	uint64_t completed; /* of them, answered */
	bool is_sabotaged;  /* every seventh request writes the value of its successor */
	struct redis_run *run; /* under way in redis_drive(), else NULL */
	struct redis_connection connections[REDIS_CONNECTIONS_MAX];
	uint8_t *request; /* the command being made, of REDIS_VALUE_MAX + 128 bytes */
	/* Called for each answer, between two polls; may be NULL. */
	void (*answered)(void *user, uint64_t request, int64_t now_ns);
	/* Called before each wait; returns the latest time to be called again; may be NULL. */
	int64_t (*idle)(void *user, int64_t now_ns);
	void *user;
	int err; /* either of them sets it to end the run */
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
 * redis_drive - SETs of 64 keys and more in turn, with values made of their number, at the times of @profile,
 * drawn by @seed; until all are answered, or two seconds after the last. Answers of an earlier run must not be on their
 * way any more. 0 with @ret to be given to redis_run_finish(), which accepts zeros, or hb_trial_fail().
 */
int redis_drive(struct hb_trial *trial, struct redis *redis, const struct hb_load_profile *profile,
	uint64_t seed, struct redis_run *ret);
void redis_run_finish(struct redis_run *run);
/* redis_response_ns - from the drawn time of @request to its reply; INT64_MAX: not answered. */
int64_t redis_response_ns(const struct redis *redis, const struct redis_run *run, uint64_t request);
/* redis_request_bytes - of a SET on the wire, all being of one size. */
size_t redis_request_bytes(const struct redis *redis);
/* redis_capacity - requests per second that would fill the trial's network with their payload. */
double redis_capacity(const struct hb_trial *trial);
/* redis_segments - with data, sent by the client so far. */
uint64_t redis_segments(const struct redis *redis);
/*
 * redis_verify - read every key back: it must have the value that was written last, or, where answers were not waited
 * for, one later than the last that was answered. 0 or hb_trial_fail().
 */
int redis_verify(struct hb_trial *trial, struct redis *redis);

/* Hooks of trials whose state begins with a struct redis. */
int redis_verify_trial(struct hb_trial *trial);
int redis_sabotage_trial(struct hb_trial *trial);
uint64_t redis_memory_bytes(const struct hb_params *params);
/* redis_is_valid - whether a value of the parameter "size" fits the parameter "network". */
bool redis_is_valid(const struct hb_params *params, const char **ret_why);

/* Parameters of several experiments. */
#define REDIS_PARAM_CONNECTIONS(sweep_, full_)                                              \
	{                                                                                   \
		.name = "connections", .type = HB_PARAM_INT, .unit = "1",                   \
		.help = "connections that the requests take turns over", .sweep = (sweep_), \
		.sweep_full = (full_), .min = 1, .max = REDIS_CONNECTIONS_MAX,              \
	}

#define REDIS_PARAM_NETWORK(sweep_, quick_, full_)                                               \
	{                                                                                        \
		.name = "network", .type = HB_PARAM_TEXT, .unit = "1",                           \
		.help = "between client and server: loopback; an emulated link of so many bits " \
			"per second with 1 ms there and back; tap, a link without limits",       \
		.sweep = (sweep_), .sweep_quick = (quick_), .sweep_full = (full_),               \
		.allowed = NETWORK_NAMES,                                                        \
	}

#define REDIS_PARAM_SIZE(sweep_)                                                           \
	{                                                                                  \
		.name = "size", .type = HB_PARAM_INT, .unit = "B", .help = "of a value",   \
		.sweep = (sweep_), .sweep_quick = "64", .min = 16, .max = REDIS_VALUE_MAX, \
	}

#define REDIS_PARAM_LOAD(name_, help_, sweep_, quick_, full_)                                    \
	{                                                                                        \
		.name = (name_), .type = HB_PARAM_REAL, .unit = "1",                             \
		.help = help_ ": payload by the rate of the link, or share of 250,000 per "      \
			      "second where it has none",                                        \
		.sweep = (sweep_), .sweep_quick = (quick_), .sweep_full = (full_), .min = 0.001, \
		.max = 2,                                                                        \
	}

#endif
