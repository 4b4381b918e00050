/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parser of frames, with the bytes as they are and with checksums made right, so that what lies behind them is
 * reached: what is accepted lies within the frame.
 */
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <nicos/rpc.h>

#include "fuzz.h"

static const struct nic_address card = {{2, 0, 0, 0, 0, 1}, 111, 0x0a000001};

static void check(const uint8_t *frame, size_t size)
{
	struct nic_rpc_call call = {.xid = 42};
	struct nic_rpc_reply reply = {.xid = 42};
	enum nic_frame_fault fault = nic_rpc_call_parse(frame, size, &card, 7, &call);

	hb_assert(fault < NIC_FRAME_FAULT_COUNT && nic_frame_fault_name(fault)[0]);
	if (fault == NIC_FRAME_OK) {
		hb_assert(call.service < 7 && call.args_bytes <= NIC_RPC_ARGS_MAX);
		hb_assert(call.args >= frame && call.args + call.args_bytes <= frame + size);
	} else {
		hb_assert(call.xid == 42);
	}
	if (nic_rpc_reply_parse(frame, size, &card, &reply) == NIC_FRAME_OK)
		hb_assert(reply.results >= frame &&
			  reply.results + reply.results_bytes <= frame + size);
}

static void checksum_ip(uint8_t *frame)
{
	uint32_t total = 0;

	frame[24] = frame[25] = 0;
	for (int i = 14; i < 34; i += 2)
		total += (uint32_t)(frame[i] << 8 | frame[i + 1]);
	total = (total >> 16) + (total & 0xffff);
	total = ~((total >> 16) + total);
	frame[24] = (uint8_t)(total >> 8);
	frame[25] = (uint8_t)total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of its own length, so that a sanitizer sees each byte too far. */
	uint8_t *frame = malloc(size ? size : 1);

	hb_assert(frame);
	memcpy(frame, data, size);
	check(frame, size);
	if (size >= 42) {
		memcpy(frame, card.ethernet, 6);
		memcpy(frame + 30, "\x0a\0\0\x01\0", 4);
		frame[36] = 0;
		frame[37] = 111;
		checksum_ip(frame);
		/* The sum runs over as many bytes as the datagram says that it has. */
		if (34 + (size_t)(frame[38] << 8 | frame[39]) <= size) {
			frame[40] = frame[41] = 0;
			nic_rpc_seal(frame);
		}
		check(frame, size);
	}
	free(frame);
	return 0;
}
