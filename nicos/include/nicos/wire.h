/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A wire between client and card: frames in both directions, each end used by one thread. Behind it is a pair
 * of rings in memory, or a port of DPDK.
 *
 * Each end is for one thread; the two ends may be in different threads, or processes that share the memory.
 */
#ifndef NICOS_WIRE_H
#define NICOS_WIRE_H

#include <stddef.h>
#include <stdint.h>

struct hb_error;
struct nic_wire;

/* How an end sends and receives. Frames live in the wire's memory, so that none is copied for passing it on. */
struct nic_wire_operations {
	/*
	 * receive - the next frame, valid until the next call; NULL if there is none now. Never blocks.
	 */
	const uint8_t *(*receive)(struct nic_wire *wire, size_t *ret_bytes);
	/*
	 * reserve - NIC_FRAME_BYTES bytes for the next frame, NULL if the wire is full. The same again until
	 * commit.
	 */
	uint8_t *(*reserve)(struct nic_wire *wire);
	/*
	 * keep - reserve, filled with the frame received last, which is not valid any more; NULL if there
	 * is no room. It is not copied where the wire can pass it on. NULL = not at this kind of end.
	 */
	uint8_t *(*keep)(struct nic_wire *wire);
	/* commit - send the frame that was reserved. */
	void (*commit)(struct nic_wire *wire, size_t frame_bytes);
	/* destroy - close this end. */
	void (*destroy)(struct nic_wire *wire);
};

/* First member of every end. */
struct nic_wire {
	const struct nic_wire_operations *operations;
};

static inline const uint8_t *nic_wire_receive(struct nic_wire *wire, size_t *ret_bytes)
{
	return wire->operations->receive(wire, ret_bytes);
}

static inline uint8_t *nic_wire_reserve(struct nic_wire *wire)
{
	return wire->operations->reserve(wire);
}

static inline uint8_t *nic_wire_keep(struct nic_wire *wire)
{
	return wire->operations->keep(wire);
}

static inline void nic_wire_commit(struct nic_wire *wire, size_t frame_bytes)
{
	wire->operations->commit(wire, frame_bytes);
}

/* nic_wire_destroy - close an end; NULL is allowed. */
void nic_wire_destroy(struct nic_wire *wire);

/*
 * nic_wire_ring_create - two ends joined by a ring of frames in each direction, in memory that forked processes
 * share.
 * @frames: in each ring, a power of two, 2 ... 65536. @ret: two ends; the memory goes with the second one
 * destroyed.
 *
 * Returns 0, -EINVAL or -ENOMEM.
 */
int nic_wire_ring_create(uint32_t frames, struct nic_wire *ret[2], struct hb_error *reterr);

/*
 * nic_wire_dpdk_create - two ends joined by the net_ring device of DPDK: ports of the poll-mode drivers,
 * bursts, buffers of a pool, without hugepages. Once per process; threads of DPDK go on until it ends. Fork
 * before, not after.
 *
 * Returns 0, -ENOTSUP (built without DPDK, or it does not start here), -EALREADY (a second time) or -ENOMEM.
 * Source: DPDK 22.11, "Poll Mode Driver" and "Rings-based PMD".
 */
int nic_wire_dpdk_create(struct nic_wire *ret[2], struct hb_error *reterr);

/*
 * nic_wire_dpdk_probe - would DPDK start here? Tried in a process of its own, which takes some 100 ms.
 * Returns 0, or -ENOTSUP with the reason.
 */
int nic_wire_dpdk_probe(struct hb_error *reterr);

#endif
