/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One connection: framed messages in and out, and the policy's decisions carried out on the socket. */
#ifndef BATCHING_LINK_H
#define BATCHING_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <batching/bnet.h>
#include <batching/policy.h>

#include "counters.h"

#define FRAME_HEADER_BYTES 32
#define FRAME_BYTES_MAX (FRAME_HEADER_BYTES + BAT_PAYLOAD_MAX)
#define LINK_OUT_MAX \
	(4 * FRAME_BYTES_MAX) /* bytes on their way out; more is refused until some are gone */

/* A message, or the counters of the peer. */
struct frame {
	bool is_record; /* its payload is one of record.h */
	uint64_t number;
	uint32_t reply_bytes; /* in requests */
	uint32_t payload_bytes;
	const uint8_t *payload; /* in the link's buffer, until the next link_read() */
};

struct buffer {
	uint8_t *bytes;
	size_t begin, end, capacity;
};

struct link {
	int fd; /* -1: closed */
	int slot;
	bool ended;    /* the peer sends no more */
	bool has_more; /* whole messages may be left in the buffer, for the next turn */
	struct buffer in, out;
	size_t released; /* bytes of out, from its begin, that may be written */
	enum bat_socket_mode mode;
	uint32_t held;
	int64_t oldest_ns;
	int64_t held_since_sum_ns; /* modulo 2^64: sum of the times since when messages are held */
	bool in_kernel;
	int64_t kernel_ns;
	int64_t ask_ns;
	uint64_t next_number;
	bool has_number;
	struct counters counters;
};

/* What a turn of link_turn() did. */
struct link_turn {
	uint32_t sent;   /* messages released */
	int64_t held_ns; /* for how long in all */
};

/* link_init - take over the connected socket @fd. Returns 0 or -errno (and @fd stays open). */
int link_init(struct link *link, int fd);
void link_finish(struct link *link);
/*
 * link_read - one read of what is there.
 * Returns 1 (there may be more), 0 (drained, or ended: see link->ended), or -errno.
 */
int link_read(struct link *link);
/* link_next - the next whole message. Returns 1, 0 (none) or -EBADMSG (no frame, or its checksum is wrong). */
int link_next(struct link *link, struct frame *ret);
/* link_has_room - whether a message with @payload_bytes can be taken. */
bool link_has_room(const struct link *link, uint32_t payload_bytes);
/*
 * link_put - hold a message with a payload made from its number.
 * Returns 0, -EAGAIN (no room) or -ENOMEM.
 */
int link_put(struct link *link, uint64_t number, uint32_t payload_bytes, uint32_t reply_bytes,
	int64_t now_ns);
/* link_put_record - hold a record, shape [BAT_RECORD_BYTES]; the policy treats it as a message. As link_put(). */
int link_put_record(struct link *link, const uint8_t *record, int64_t now_ns);
/* link_turn - ask @policy and obey; @beta_ns is burnt per batch. Returns 0 or -errno. */
int link_turn(struct link *link, const struct bat_policy *policy, bool drained, int64_t beta_ns,
	struct link_turn *ret);
/* link_write - write what is released. Returns 0 or -errno; bytes that found no room stay released. */
int link_write(struct link *link);
bool link_is_blocked(const struct link *link);

/* burn - compute for @duration_ns. */
void burn(int64_t duration_ns);

#endif
