/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One end for many rings, as a card spreads flows over queues. */
#include "baseline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#define PROGRAM_AT (NIC_RPC_BODY_AT + 12)

struct fan {
	struct nic_wire wire;
	struct nic_wire **rings; /* shape [count] */
	uint32_t count;
	uint32_t *owing;  /* rings that owe replies, in no order; shape [count] */
	uint32_t *places; /* of a ring in owing, +1; shape [count] */
	uint32_t *open;   /* replies owed; shape [count] */
	uint32_t owing_count, next;
	uint8_t frame[NIC_FRAME_BYTES];
};

static uint8_t *fan_reserve(struct nic_wire *wire)
{
	return ((struct fan *)wire)->frame;
}

static void fan_commit(struct nic_wire *wire, size_t frame_bytes)
{
	struct fan *fan = (struct fan *)wire;
	uint32_t program, ring;
	uint8_t *frame;

	memcpy(&program, fan->frame + PROGRAM_AT, sizeof(program));
	ring = __builtin_bswap32(program) - NIC_RPC_PROGRAM;
	/* A full ring drops, as a queue of a card does. */
	if (ring >= fan->count || (frame = nic_wire_reserve(fan->rings[ring])) == NULL)
		return;
	memcpy(frame, fan->frame, frame_bytes);
	nic_wire_commit(fan->rings[ring], frame_bytes);
	if (fan->open[ring]++ == 0) {
		fan->owing[fan->owing_count] = ring;
		fan->places[ring] = ++fan->owing_count;
	}
}

static void owes_no_more(struct fan *fan, uint32_t ring)
{
	uint32_t last = fan->owing[--fan->owing_count];
	uint32_t place = fan->places[ring] - 1;

	fan->owing[place] = last;
	fan->places[last] = place + 1;
	fan->places[ring] = 0;
}

/* Each ring that owes something is looked at once, at most, beginning behind the one before. */
static const uint8_t *fan_receive(struct nic_wire *wire, size_t *ret_bytes)
{
	struct fan *fan = (struct fan *)wire;

	for (uint32_t i = 0; i < fan->owing_count; i++) {
		uint32_t ring = fan->owing[++fan->next % fan->owing_count];
		const uint8_t *frame = nic_wire_receive(fan->rings[ring], ret_bytes);

		if (!frame)
			continue;
		if (--fan->open[ring] == 0)
			owes_no_more(fan, ring);
		return frame;
	}
	return NULL;
}

static void fan_destroy(struct nic_wire *wire)
{
	struct fan *fan = (struct fan *)wire;

	for (uint32_t i = 0; i < fan->count; i++)
		nic_wire_destroy(fan->rings[i]);
	free(fan->rings);
	free(fan->owing);
	free(fan->places);
	free(fan->open);
	free(fan);
}

static const struct nic_wire_operations fan_operations = {
	.receive = fan_receive,
	.reserve = fan_reserve,
	.commit = fan_commit,
	.destroy = fan_destroy,
};

int fan_wire_create(
	struct nic_wire **rings, uint32_t count, struct nic_wire **ret, struct hb_error *reterr)
{
	struct fan *fan = calloc(1, sizeof(*fan));

	if (fan) {
		fan->wire.operations = &fan_operations;
		fan->rings = rings;
		fan->count = count;
		fan->owing = calloc(count, sizeof(*fan->owing));
		fan->places = calloc(count, sizeof(*fan->places));
		fan->open = calloc(count, sizeof(*fan->open));
	}
	if (!fan || !fan->owing || !fan->places || !fan->open) {
		if (fan)
			fan_destroy(&fan->wire);
		return hb_error_set(reterr, -ENOMEM, "no memory for %u rings; use fewer", count);
	}
	*ret = &fan->wire;
	return 0;
}
