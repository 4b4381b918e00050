/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What goes over connections and into the log: frames, the core's messages, entries and rules.
 *
 * A frame is 28 bytes of header - magic, length of the body, kind (each 4 bytes, little-endian), a 16-byte sum over
 * kind and body - and the body. Decoding checks everything that the core takes for granted, so that hostile bytes end
 * a connection and nothing else. Not thread-safe.
 */
#ifndef PC_WIRE_H
#define PC_WIRE_H

#include <probcons/replica.h>

#include "bytes.h"

#define FRAME_HEADER_BYTES 28
#define FRAME_BODY_MAX ((size_t)4 << 20)
#define CHUNK_BYTES ((size_t)256 << 10)

enum frame_kind {
	FRAME_HELLO = 1, /* of a peer: its number, whom it means, where its clients go */
	FRAME_MESSAGE,
	FRAME_CHUNK, /* of a snapshot: index, offset, bytes; the message follows the last */
	FRAME_REQUEST,
	FRAME_REPLY,
	FRAME_KINDS,
};

enum request_kind {
	REQUEST_COMMAND = 1,
	REQUEST_GET,
	REQUEST_STATUS,
	REQUEST_ADD,
	REQUEST_REMOVE,
	REQUEST_TRANSFER,
	REQUEST_KINDS,
};

enum reply_status {
	REPLY_DONE,
	REPLY_NOT_FOUND,
	REPLY_NOT_EQUAL,
	REPLY_ELSEWHERE, /* value: where the leader takes clients, or empty */
	REPLY_LATER,     /* value: why */
	REPLY_REFUSED,   /* value: why; asking again will not help */
	REPLY_STATUSES,
};

/* An entry's bytes as long as anybody needs them; entries carry its address. */
struct payload {
	uint32_t references, length;
	struct pc_configuration *change; /* of an entry that changes the rule */
	uint8_t bytes[];
};

struct payload *payload_create(const uint8_t *data, uint32_t length); /* one reference */
struct payload *payload_create_change(const struct pc_configuration *configuration);
void payload_release(struct payload *payload);               /* NULL is fine */
struct payload *entry_payload(const struct pc_entry *entry); /* NULL: it has none */

/* A request or a reply. */
struct wire_request {
	uint64_t id, client, sequence;
	uint8_t kind;
	uint32_t length;
	const uint8_t *data;
};

struct wire_reply {
	uint64_t id;
	uint8_t status;
	uint32_t length;
	const uint8_t *data;
};

/* frame_begin, frame_end - a frame around what is put between them. Returns where it starts. */
size_t frame_begin(struct bytes *out, enum frame_kind kind);
void frame_end(struct bytes *out, size_t start);

/*
 * frame_next - the frame at the start of @data. Returns its length with header, 0 if more bytes are needed, -EBADMSG
 * if it is none.
 */
int64_t frame_next(const uint8_t *data, size_t length, uint32_t *ret_kind, struct reader *ret_body);

void encode_configuration(struct bytes *out, const struct pc_configuration *configuration);
bool decode_configuration(struct reader *r, struct pc_configuration *ret);
void encode_entry(struct bytes *out, const struct pc_entry *entry);
/* decode_entry - with a payload of its own, one reference; false: bad bytes or no memory (r->bad tells). */
bool decode_entry(struct reader *r, struct pc_entry *ret);

void encode_message(struct bytes *out, const struct pc_message *message);
/* decode_message - @entries: room for PC_ENTRIES_PER_MESSAGE; their payloads are the caller's, also on failure. */
bool decode_message(struct reader *r, struct pc_message *ret, struct pc_entry *entries);

void encode_request(struct bytes *out, const struct wire_request *request);
bool decode_request(struct reader *r, struct wire_request *ret);
void encode_reply(struct bytes *out, const struct wire_reply *reply);
bool decode_reply(struct reader *r, struct wire_reply *ret);

#endif
