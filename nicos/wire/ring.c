/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rings of frames in memory: one writer, one reader, no locks. Each side keeps a copy of the other's place. */
#include <nicos/wire.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include <nicos/rpc.h>

#define FRAME_STRIDE \
	1664 /* length and frame; 13 x 128, so that frames do not all fall into the same sets of a cache */
#define RING_MAX 65536

struct frame {
	uint32_t bytes;
	uint8_t data[FRAME_STRIDE - sizeof(uint32_t)];
};

struct ring {
	_Alignas(128) _Atomic uint32_t written;
	_Alignas(128) _Atomic uint32_t read;
	_Alignas(128) struct frame frames[];
};

struct ring_end {
	struct nic_wire wire;
	struct ring *in, *out;
	uint32_t mask;
	uint32_t in_read, in_written;   /* ours, and what we know of the other's */
	uint32_t out_written, out_read; /* the same for what we send */
	uint32_t *ends;                 /* that are open, of both */
	void *memory;
	size_t memory_bytes;
};

static const uint8_t *ring_receive(struct nic_wire *wire, size_t *ret_bytes)
{
	struct ring_end *end = (struct ring_end *)wire;
	const struct frame *frame;

	/* The frame of the call before is given back now. */
	atomic_store_explicit(&end->in->read, end->in_read, memory_order_release);
	if (end->in_read == end->in_written) {
		end->in_written = atomic_load_explicit(&end->in->written, memory_order_acquire);
		if (end->in_read == end->in_written)
			return NULL;
	}
	frame = &end->in->frames[end->in_read++ & end->mask];
	*ret_bytes = frame->bytes;
	return frame->data;
}

static uint8_t *ring_reserve(struct nic_wire *wire)
{
	struct ring_end *end = (struct ring_end *)wire;

	if (end->out_written - end->out_read > end->mask) {
		end->out_read = atomic_load_explicit(&end->out->read, memory_order_acquire);
		if (end->out_written - end->out_read > end->mask)
			return NULL;
	}
	return end->out->frames[end->out_written & end->mask].data;
}

static uint8_t *ring_keep(struct nic_wire *wire)
{
	struct ring_end *end = (struct ring_end *)wire;
	const struct frame *last = &end->in->frames[(end->in_read - 1) & end->mask];
	uint8_t *frame = ring_reserve(wire);

	if (frame)
		memcpy(frame, last->data, last->bytes);
	return frame;
}

static void ring_commit(struct nic_wire *wire, size_t frame_bytes)
{
	struct ring_end *end = (struct ring_end *)wire;

	hb_assert(frame_bytes <= FRAME_STRIDE - sizeof(uint32_t));
	end->out->frames[end->out_written & end->mask].bytes = (uint32_t)frame_bytes;
	atomic_store_explicit(&end->out->written, ++end->out_written, memory_order_release);
}

static void ring_destroy(struct nic_wire *wire)
{
	struct ring_end *end = (struct ring_end *)wire;

	if (--*end->ends == 0) {
		(void)munmap(end->memory, end->memory_bytes);
		free(end->ends);
	}
	free(end);
}

void nic_wire_destroy(struct nic_wire *wire)
{
	if (wire)
		wire->operations->destroy(wire);
}

static const struct nic_wire_operations ring_operations = {
	.receive = ring_receive,
	.reserve = ring_reserve,
	.keep = ring_keep,
	.commit = ring_commit,
	.destroy = ring_destroy,
};

int nic_wire_ring_create(uint32_t frames, struct nic_wire *ret[2], struct hb_error *reterr)
{
	size_t ring_bytes = sizeof(struct ring) + (size_t)frames * sizeof(struct frame);
	struct ring_end *ends[2] = {calloc(1, sizeof(*ends[0])), calloc(1, sizeof(*ends[1]))};
	uint32_t *open = malloc(sizeof(*open));
	uint8_t *memory = MAP_FAILED;

	if (frames < 2 || frames > RING_MAX || (frames & (frames - 1)))
		goto invalid;
	if (ends[0] && ends[1] && open)
		memory = mmap(NULL, 2 * ring_bytes, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		free(ends[0]);
		free(ends[1]);
		free(open);
		return hb_error_set(reterr, -ENOMEM,
			"wire: no memory for rings of %u frames; use fewer", frames);
	}
	*open = 2;
	for (int i = 0; i < 2; i++) {
		*ends[i] = (struct ring_end){.wire.operations = &ring_operations,
			.in = (struct ring *)(void *)(memory + (i ? ring_bytes : 0)),
			.out = (struct ring *)(void *)(memory + (i ? 0 : ring_bytes)),
			.mask = frames - 1,
			.ends = open,
			.memory = memory,
			.memory_bytes = 2 * ring_bytes};
		ret[i] = &ends[i]->wire;
	}
	return 0;
invalid:
	free(ends[0]);
	free(ends[1]);
	free(open);
	return hb_error_set(reterr, -EINVAL,
		"wire: rings of %u frames; use a power of two from 2 to %d", frames, RING_MAX);
}
