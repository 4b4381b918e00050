/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "spork/decoder.h"

#include <errno.h>
#include <stdlib.h>

struct spork_decoder_state {
	struct spork_decoder_state *capstone, *zydis;
};

static void destroy(struct spork_decoder_state *state)
{
	if (!state)
		return;
	spork_decoder_capstone.destroy(state->capstone);
	spork_decoder_zydis.destroy(state->zydis);
	free(state);
}

static int create(struct spork_decoder_state **ret_state)
{
	struct spork_decoder_state *state = calloc(1, sizeof(*state));

	if (!state)
		return -ENOMEM;
	if (spork_decoder_capstone.create(&state->capstone) ||
		spork_decoder_zydis.create(&state->zydis)) {
		destroy(state);
		return -ENOMEM;
	}
	*ret_state = state;
	return 0;
}

static int decode(struct spork_decoder_state *state, const uint8_t *bytes, size_t size_bytes,
	uint64_t address, struct spork_instruction *ret)
{
	int err = spork_decoder_capstone.decode(state->capstone, bytes, size_bytes, address, ret);

	return err ? spork_decoder_zydis.decode(state->zydis, bytes, size_bytes, address, ret) : 0;
}

static int format(struct spork_decoder_state *state, const uint8_t *bytes, size_t size_bytes,
	uint64_t address, char *buffer, size_t buffer_bytes)
{
	int err = spork_decoder_capstone.format(
		state->capstone, bytes, size_bytes, address, buffer, buffer_bytes);

	return err ? spork_decoder_zydis.format(
			     state->zydis, bytes, size_bytes, address, buffer, buffer_bytes)
		   : 0;
}

const struct spork_decoder spork_decoder_both = {
	.name = "both",
	.create = create,
	.destroy = destroy,
	.decode = decode,
	.format = format,
};
