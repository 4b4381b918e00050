/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <probcons/key_value.h>

#include <hotbed/assert.h>
#include <hotbed/rng.h>

#define VALUE_BITS 24
#define VALUE_MASK ((1u << VALUE_BITS) - 1)

uint64_t pc_command_pack(const struct pc_command *command)
{
	return (uint64_t)command->kind << 56 | (uint64_t)command->key << 48 |
	       (uint64_t)command->value << VALUE_BITS | command->expected;
}

struct pc_command pc_command_unpack(uint64_t word)
{
	return (struct pc_command){
		.kind = (uint8_t)(word >> 56),
		.key = (uint8_t)(word >> 48),
		.value = (uint32_t)(word >> VALUE_BITS) & VALUE_MASK,
		.expected = (uint32_t)word & VALUE_MASK,
	};
}

static uint32_t execute(struct pc_key_values *store, const struct pc_command *command)
{
	uint32_t *value = &store->values[command->key];

	switch ((enum pc_operation_kind)command->kind) {
	case PC_PUT:
		*value = command->value;
		break;
	case PC_DEL:
		*value = 0;
		break;
	case PC_CAS:
		if (*value != command->expected)
			return 0;
		*value = command->value;
		return 1;
	case PC_GET:
	case PC_APPEND:
		break;
	}
	return *value;
}

bool pc_key_values_apply(struct pc_key_values *store, uint64_t client, uint64_t sequence,
	uint64_t word, uint32_t *ret_result)
{
	struct pc_command command = pc_command_unpack(word);
	struct pc_session *session = &store->sessions[client];

	hb_assert(client < PC_SESSIONS_MAX && command.key < PC_KEYS_MAX);
	if (sequence > session->sequence) {
		session->sequence = sequence;
		session->result = execute(store, &command);
		store->digest = hb_rng_mix(store->digest ^ word, client << 32 | sequence);
	} else if (sequence < session->sequence) {
		return false;
	}
	*ret_result = session->result;
	return true;
}
