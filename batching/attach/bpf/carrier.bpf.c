/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The carrier's program in the kernel: at the callbacks of TCP sockets of a control group it reserves and writes the
 * option of a segment, and takes those that arrive. The kernel asks for the room twice, first to know how long segments
 * may be, then for each segment: an option is only written after the first, or a full segment would be too long.
 */
#include "carrier_layout.h"

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#define ARRIVALS_BYTES (1 << 18)
#define SMALL_BYTES 256 /* less than any MSS without 16 */
#define PASSED_MAX 8
/* A TCP header, and what is in it. */
#define HEADER_BYTES 20
#define HEADER_MAX 60
#define OPTIONS_MAX 40
#define END_KIND 0
#define NOTHING_KIND 1

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CARRIER_PLACES);
	__type(key, __u64);
	__type(value, struct carrier_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, ARRIVALS_BYTES);
} arrivals SEC(".maps");

/* From now on the kernel calls for options of this socket. */
static __always_inline void begin(struct bpf_sock_ops *ops)
{
	const struct carrier_slot empty = {0};
	__u64 cookie = bpf_get_socket_cookie(ops);

	if (bpf_map_update_elem(&slots, &cookie, &empty, BPF_NOEXIST) == 0)
		(void)bpf_sock_ops_cb_flags_set(
			ops, ops->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG |
				     BPF_SOCK_OPS_PARSE_UNKNOWN_HDR_OPT_CB_FLAG |
				     BPF_SOCK_OPS_STATE_CB_FLAG);
}

static __always_inline struct carrier_slot *find(struct bpf_sock_ops *ops)
{
	__u64 cookie = bpf_get_socket_cookie(ops);

	return bpf_map_lookup_elem(&slots, &cookie);
}

/* Whether the packet being made is the one: one segment, unless none such has come for a while. */
static __always_inline int is_the_one(const struct bpf_sock_ops *ops, struct carrier_slot *slot)
{
	/* What is so small has room in any case. */
	if (ops->skb_len <= SMALL_BYTES)
		return 1;
	if (slot->state != CARRIER_MADE_ROOM)
		return 0;
	if (ops->skb_len <= ops->mss_cache || slot->passed >= PASSED_MAX)
		return 1;
	slot->passed++;
	return 0;
}

static __always_inline void reserve(struct bpf_sock_ops *ops)
{
	struct carrier_slot *slot = find(ops);

	if (!slot || slot->state == CARRIER_EMPTY)
		return;
	if (ops->args[0] == BPF_WRITE_HDR_TCP_CURRENT_MSS) {
		if (bpf_reserve_hdr_opt(ops, CARRIER_BYTES, 0) == 0)
			slot->state = CARRIER_MADE_ROOM;
	} else if (is_the_one(ops, slot)) {
		(void)bpf_reserve_hdr_opt(ops, CARRIER_BYTES, 0);
	}
}

static __always_inline void store(struct bpf_sock_ops *ops)
{
	struct carrier_slot *slot = find(ops);

	if (slot && slot->state != CARRIER_EMPTY &&
		bpf_store_hdr_opt(ops, slot->option, CARRIER_BYTES, 0) == 0)
		slot->state = CARRIER_EMPTY;
}

/* The kernel's own search wants all four bytes of what it looks for, and ours has the queue in the fourth. */
static __always_inline const __u8 *search(const struct bpf_sock_ops *ops)
{
	const __u8 *header = (const __u8 *)(long)ops->skb_data,
		   *end = (const __u8 *)(long)ops->skb_data_end;
	__u32 at = HEADER_BYTES;

	for (int i = 0; i < OPTIONS_MAX; i++) {
		const __u8 *option = header + (at & 63);

		if (option + 4 > end || option[0] == END_KIND)
			return NULL;
		if (option[0] == CARRIER_KIND && option[1] == CARRIER_BYTES &&
			option[2] == CARRIER_EXID)
			return option + CARRIER_BYTES <= end ? option : NULL;
		at += option[0] == NOTHING_KIND ? 1 : option[1];
		if (at >= HEADER_MAX || (option[0] != NOTHING_KIND && option[1] < 2))
			return NULL;
	}
	return NULL;
}

static __always_inline void take(struct bpf_sock_ops *ops)
{
	const __u8 *option = search(ops);
	struct carrier_arrival *arrival;

	if (!option)
		return;
	arrival = bpf_ringbuf_reserve(&arrivals, sizeof(*arrival), 0);
	if (!arrival)
		return; /* full: the next ones are fresher anyway */
	arrival->cookie = bpf_get_socket_cookie(ops);
	arrival->time_ns = bpf_ktime_get_ns();
	__builtin_memcpy(arrival->option, option, CARRIER_BYTES);
	bpf_ringbuf_submit(arrival, 0);
}

static __always_inline void end(struct bpf_sock_ops *ops)
{
	__u64 cookie = bpf_get_socket_cookie(ops);

	if (ops->args[1] == BPF_TCP_CLOSE)
		(void)bpf_map_delete_elem(&slots, &cookie);
}

SEC("sockops")
int on_socket(struct bpf_sock_ops *ops)
{
	switch (ops->op) {
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		begin(ops);
		break;
	case BPF_SOCK_OPS_HDR_OPT_LEN_CB:
		reserve(ops);
		break;
	case BPF_SOCK_OPS_WRITE_HDR_OPT_CB:
		store(ops);
		break;
	case BPF_SOCK_OPS_PARSE_HDR_OPT_CB:
		take(ops);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		end(ops);
		break;
	default:
		break;
	}
	return 1;
}
