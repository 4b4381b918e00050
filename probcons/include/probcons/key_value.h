/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state machine of the simulator: a few registers, and client sessions that make every command take effect exactly
 * once (thesis, 6.3). Sessions are part of the state: they are in every snapshot. Plain data, copied by assignment.
 */
#ifndef PROBCONS_KEY_VALUE_H
#define PROBCONS_KEY_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include <probcons/history.h>

#define PC_KEYS_MAX 8
#define PC_SESSIONS_MAX 8

struct pc_command {
	uint8_t kind; /* enum pc_operation_kind, no PC_APPEND */
	uint8_t key;
	uint32_t value, expected; /* below 2^24, 0 = absent */
};

struct pc_session {
	uint64_t sequence; /* of the last command, 0 = none */
	uint32_t result;   /* value read, or for cas: 1 done, 0 not equal */
};

struct pc_key_values {
	uint64_t applied; /* index of the last entry in it */
	uint64_t digest;  /* of all commands that took effect, in their order */
	uint32_t values[PC_KEYS_MAX];
	struct pc_session sessions[PC_SESSIONS_MAX];
};

/* pc_command_pack, pc_command_unpack - a command as the word that a log entry carries. */
uint64_t pc_command_pack(const struct pc_command *command);
struct pc_command pc_command_unpack(uint64_t word);

/*
 * pc_key_values_apply - let command @word number @sequence of @client (< PC_SESSIONS_MAX) take effect, unless it has
 * before. Returns whether @ret_result is the answer to it (not for a command older than the session's last).
 */
bool pc_key_values_apply(struct pc_key_values *store, uint64_t client, uint64_t sequence,
	uint64_t word, uint32_t *ret_result);

#endif
