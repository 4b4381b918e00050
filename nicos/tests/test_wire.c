/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames: what is written is read back, every change is refused, and rings pass frames in order. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include <nicos/rpc.h>
#include <nicos/wire.h>

static const struct nic_address card = {{2, 0, 0, 0, 0, 1}, 111, 0x0a000001};
static const struct nic_address client = {{2, 0, 0, 0, 0, 2}, 40000, 0x0a000002};

static uint64_t seed(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t value = text ? strtoull(text, NULL, 0) : (uint64_t)getpid();

	(void)fprintf(stderr, "HB_SEED=%llu\n", (unsigned long long)value);
	return value;
}

static size_t call_make(uint8_t *frame, uint32_t xid, uint32_t service, uint32_t bytes)
{
	size_t length = nic_rpc_call_write(frame, &client, &card, xid, service, 3, bytes);

	for (uint32_t i = 0; i < bytes; i++)
		frame[NIC_RPC_CALL_HEADER_BYTES + i] = (uint8_t)(xid + i);
	nic_rpc_seal(frame);
	return length;
}

Test(frame, a_call_is_read_as_it_was_written)
{
	for (uint32_t bytes = 0; bytes <= NIC_RPC_ARGS_MAX; bytes += 4) {
		uint8_t frame[NIC_FRAME_BYTES];
		struct nic_rpc_call call;
		size_t length = call_make(frame, 77 + bytes, bytes % 5, bytes);

		cr_assert_eq(length, NIC_RPC_CALL_HEADER_BYTES + bytes);
		cr_assert_eq(nic_rpc_call_parse(frame, length, &card, 5, &call), NIC_FRAME_OK);
		cr_assert_eq(call.xid, 77 + bytes);
		cr_assert_eq(call.service, bytes % 5);
		cr_assert_eq(call.procedure, 3);
		cr_assert_eq(call.args_bytes, bytes);
		cr_assert_eq(call.from.ip, client.ip);
		cr_assert_eq(call.from.port, client.port);
		cr_assert_eq(memcmp(call.from.ethernet, client.ethernet, 6), 0);
		cr_assert_eq(call.args - frame, NIC_RPC_CALL_HEADER_BYTES);
	}
}

Test(frame, a_reply_is_read_as_it_was_written_and_is_no_call)
{
	uint8_t frame[NIC_FRAME_BYTES];
	struct nic_rpc_reply reply;
	struct nic_rpc_call call;
	size_t length = nic_rpc_reply_write(frame, &card, &client, 9, 8);

	memcpy(frame + NIC_RPC_REPLY_HEADER_BYTES, "results.", 8);
	nic_rpc_seal(frame);
	cr_assert_eq(nic_rpc_reply_parse(frame, length, &client, &reply), NIC_FRAME_OK);
	cr_assert_eq(reply.xid, 9);
	cr_assert_eq(reply.results_bytes, 8);
	cr_assert_eq(memcmp(reply.results, "results.", 8), 0);
	cr_assert_neq(nic_rpc_call_parse(frame, length, &client, 5, &call), NIC_FRAME_OK);
}

/* The checksums cover all but the Ethernet addresses and the padding, which other checks see or nothing depends on. */
Test(frame, a_changed_bit_is_refused_wherever_it_is)
{
	uint8_t frame[NIC_FRAME_BYTES];
	size_t length = call_make(frame, 123456, 1, 20);

	for (size_t bit = 0; bit < 8 * length; bit++) {
		struct nic_rpc_call call = {.xid = 42};
		enum nic_frame_fault fault;

		if (bit / 8 >= 6 && bit / 8 < 12 && bit != 48)
			continue; /* the sender's Ethernet address; its first bit says that it is a group's */
		frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
		fault = nic_rpc_call_parse(frame, length, &card, 5, &call);
		cr_assert_neq(fault, NIC_FRAME_OK, "bit %zu", bit);
		cr_assert_eq(call.xid, 42);
		cr_assert(strlen(nic_frame_fault_name(fault)) > 0);
		frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

Test(frame, a_frame_that_is_cut_is_refused_at_every_length)
{
	uint8_t frame[NIC_FRAME_BYTES];
	size_t length = call_make(frame, 5, 1, 16);
	struct nic_rpc_call call;

	for (size_t cut = 0; cut < length; cut++)
		cr_assert_eq(nic_rpc_call_parse(frame, cut, &card, 5, &call), NIC_FRAME_SHORT);
	cr_assert_eq(nic_rpc_call_parse(frame, length, &card, 5, &call), NIC_FRAME_OK);
	cr_assert_eq(nic_rpc_call_parse(frame, length, &card, 1, &call), NIC_FRAME_NO_SERVICE);
	cr_assert_eq(nic_rpc_call_parse(frame, NIC_FRAME_BYTES + 1, &card, 5, &call),
		NIC_FRAME_OVERSIZED);
}

Test(frame, padding_behind_the_datagram_is_left_out)
{
	uint8_t frame[NIC_FRAME_BYTES] = {0};
	size_t length = call_make(frame, 5, 1, 4);
	struct nic_rpc_call call;

	memset(frame + length, 0xff, 30);
	cr_assert_eq(nic_rpc_call_parse(frame, length + 30, &card, 5, &call), NIC_FRAME_OK);
	cr_assert_eq(call.args_bytes, 4);
}

Test(frame, senders_that_cannot_be_are_spoofed)
{
	static const uint32_t from[] = {0, 0xe0000001, 0xffffffff, 0x0a000001};

	for (size_t i = 0; i < 4; i++) {
		uint8_t frame[NIC_FRAME_BYTES];
		struct nic_address liar = client;
		struct nic_rpc_call call;
		size_t length;

		liar.ip = from[i];
		liar.port = card.port;
		length = nic_rpc_call_write(frame, &liar, &card, 1, 0, 1, 0);
		nic_rpc_seal(frame);
		cr_assert_eq(nic_rpc_call_parse(frame, length, &card, 1, &call), NIC_FRAME_SPOOFED);
	}
}

Test(ring, passes_frames_in_order_and_says_when_it_is_full)
{
	struct nic_wire *ends[2];
	struct hb_rng rng;
	uint32_t sent = 0, received = 0;
	size_t bytes;

	cr_assert_eq(nic_wire_ring_create(8, ends, NULL), 0);
	hb_rng_init(&rng, seed(), 0);
	while (received < 20000) {
		for (uint64_t n = hb_rng_below(&rng, 12); n; n--) {
			uint8_t *frame = nic_wire_reserve(ends[0]);

			/* The frame that the reader has at hand takes room, too. */
			if (!frame) {
				cr_assert(sent - received >= 7);
				break;
			}
			cr_assert(sent - received < 8);
			memcpy(frame, &sent, sizeof(sent));
			nic_wire_commit(ends[0], 60 + sent % 1000);
			sent++;
		}
		for (uint64_t n = hb_rng_below(&rng, 12); n; n--) {
			const uint8_t *frame = nic_wire_receive(ends[1], &bytes);

			cr_assert_eq(frame == NULL, sent == received);
			if (!frame)
				break;
			cr_assert_eq(memcmp(frame, &received, sizeof(received)), 0);
			cr_assert_eq(bytes, 60 + received % 1000);
			received++;
		}
	}
	nic_wire_destroy(ends[0]);
	nic_wire_destroy(ends[1]);
}

Test(ring, joins_two_processes)
{
	struct nic_wire *ends[2];
	const uint8_t *frame;
	size_t bytes;
	int status;
	pid_t child;

	cr_assert_eq(nic_wire_ring_create(16, ends, NULL), 0);
	child = fork();
	if (child == 0) {
		for (uint32_t got = 0; got < 3000;) {
			uint8_t *reply;

			frame = nic_wire_receive(ends[1], &bytes);
			if (!frame)
				continue;
			while ((reply = nic_wire_reserve(ends[1])) == NULL)
				;
			memcpy(reply, frame, bytes);
			nic_wire_commit(ends[1], bytes);
			got++;
		}
		_exit(0);
	}
	for (uint32_t sent = 0, got = 0; got < 3000;) {
		uint8_t *next = sent < 3000 ? nic_wire_reserve(ends[0]) : NULL;

		if (next) {
			memcpy(next, &sent, sizeof(sent));
			nic_wire_commit(ends[0], 64);
			sent++;
		}
		frame = nic_wire_receive(ends[0], &bytes);
		if (!frame)
			continue;
		cr_assert_eq(memcmp(frame, &got, sizeof(got)), 0);
		got++;
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	nic_wire_destroy(ends[0]);
	nic_wire_destroy(ends[1]);
}

Test(ring, sizes_that_are_no_power_of_two_are_refused)
{
	static const uint32_t bad[] = {0, 1, 3, 100, 131072};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct nic_wire *ends[2];
		struct hb_error error = {0};

		cr_assert_eq(nic_wire_ring_create(bad[i], ends, &error), -EINVAL);
		cr_assert(error.text[0]);
	}
}
