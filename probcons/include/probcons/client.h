/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A client of the server: one request at a time, asked again at other servers with the same number until there is an
 * answer or the time is over. A client is a session: a command that is asked twice takes effect once. Blocking; not
 * thread-safe, one per thread.
 */
#ifndef PROBCONS_CLIENT_H
#define PROBCONS_CLIENT_H

#include <stddef.h>
#include <stdint.h>

struct hb_error;
struct pc_client;

enum pc_outcome {
	PC_OUTCOME_DONE,
	PC_OUTCOME_NOT_FOUND,
	PC_OUTCOME_NOT_EQUAL,
	PC_OUTCOME_REFUSED, /* and will be; the text says why */
	PC_OUTCOME_UNKNOWN, /* no answer in time: it may take effect, later even, or never */
};

/* @data: valid until the next call. */
struct pc_answer {
	enum pc_outcome outcome;
	const char *data;
	size_t length;
};

/*
 * pc_client_create - @servers: client addresses, comma-separated. @timeout_ms: of one request.
 * Returns 0, -EINVAL (an address) or -ENOMEM. Nobody is asked yet.
 */
int pc_client_create(
	const char *servers, uint32_t timeout_ms, struct pc_client **ret, struct hb_error *reterr);
void pc_client_destroy(struct pc_client *client);

/* Keys up to 4 KiB, values up to 64 KiB: longer ones are PC_OUTCOME_REFUSED. */
struct pc_answer pc_client_get(struct pc_client *client, const char *key, size_t length);
struct pc_answer pc_client_put(struct pc_client *client, const char *key, size_t key_length,
	const char *value, size_t value_length);
struct pc_answer pc_client_cas(struct pc_client *client, const char *key, size_t key_length,
	const char *expected, size_t expected_length, const char *value, size_t value_length);
struct pc_answer pc_client_del(struct pc_client *client, const char *key, size_t length);

/* pc_client_status - what server @number of the list says of itself, as JSON; PC_OUTCOME_UNKNOWN if it is silent. */
struct pc_answer pc_client_status(struct pc_client *client, uint32_t number);
uint32_t pc_client_servers(const struct pc_client *client);

/* pc_client_add, _remove, _transfer - members: @address is where node @id listens for the others. */
struct pc_answer pc_client_add(struct pc_client *client, uint32_t id, const char *address);
struct pc_answer pc_client_remove(struct pc_client *client, uint32_t id);
struct pc_answer pc_client_transfer(struct pc_client *client, uint32_t id);

#endif
