/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The server's state machine: keys and values, the sessions that make each command take effect exactly once (Ongaro's
 * thesis, 6.3), and the addresses of members. A function of the log alone: replicas that have applied the same entries
 * hold the same. Of sessions the SESSIONS_MAX last used are kept. Not thread-safe.
 */
#ifndef PC_STORE_H
#define PC_STORE_H

#include "bytes.h"

#define KEY_BYTES_MAX 4096
#define VALUE_BYTES_MAX 65536
#define ADDRESS_BYTES_MAX 127
#define STORE_SESSIONS_MAX 65536
#define STORE_NODES_MAX 64

enum store_operation {
	STORE_PUT = 1,
	STORE_CAS,
	STORE_DEL,
	STORE_ADDRESS, /* key: the node's number as one byte; value: where it listens */
};

enum store_result {
	STORE_DONE,
	STORE_NOT_FOUND,
	STORE_NOT_EQUAL,
	STORE_FORGOTTEN, /* older than the session's last command: its answer is not kept */
};

struct store_command {
	uint8_t operation;
	uint32_t key_length, value_length, expected_length;
	const uint8_t *key, *value, *expected;
};

struct store;

struct store *store_create(void); /* NULL: no memory */
void store_destroy(struct store *store);

/* store_command_encode, store_command_decode - as an entry carries it; decode: false if it is none. */
void store_command_encode(struct bytes *out, const struct store_command *command);
bool store_command_decode(const uint8_t *data, size_t length, struct store_command *ret);

/* store_apply - let a command take effect, once per @client and @sequence. Returns 0 or -ENOMEM. */
int store_apply(struct store *store, uint64_t client, uint64_t sequence,
	const struct store_command *command, enum store_result *ret);

/* store_get - the value of a key, valid until the next command; NULL if absent. */
const uint8_t *store_get(
	const struct store *store, const uint8_t *key, uint32_t length, uint32_t *ret_length);

const char *store_address(const struct store *store, uint32_t node); /* "" = unknown */
uint64_t store_count(const struct store *store);

/* store_save - all of it, in pieces, each to @write; stops at its first error and returns it. */
typedef int store_write_fn(void *context, const uint8_t *data, size_t length);
int store_save(const struct store *store, store_write_fn *write, void *context);

/* store_load - what store_save() wrote, into an empty store. Returns 0, -EBADMSG or -ENOMEM. */
int store_load(struct store *store, struct reader *reader);

#endif
