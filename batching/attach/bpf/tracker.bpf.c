/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tracker's programs in the kernel: whatever happens to a watched socket, they look which sequence numbers have
 * moved, and add the bytes and bytes x time to the point that was passed. Hooks of one socket run on several CPUs and
 * outside its lock, so each point only ever moves forward, by a compare-and-swap, and sums only take atomic additions:
 * no order of the hooks is assumed.
 *
 * The structures of the kernel are declared with what is used of them; libbpf finds the offsets in the kernel that
 * runs (CO-RE), so no header of a kernel is needed to compile this.
 */
#include "layout.h"

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define ATTEMPTS 4
#define STATE_TIME_WAIT 6
#define STATE_NEW_SYN_RECV 12

char LICENSE[] SEC("license") = "GPL";

#define KERNEL_TYPE __attribute__((preserve_access_index))

struct counter64 {
	long long counter;
} KERNEL_TYPE;

struct sock_common {
	volatile unsigned char skc_state;
	struct counter64 skc_cookie;
} KERNEL_TYPE;

struct sock {
	struct sock_common __sk_common;
} KERNEL_TYPE;

struct tcp_sock {
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u32 rcv_wup;
	__u32 snd_nxt;
	__u32 snd_una;
	__u32 write_seq;
} KERNEL_TYPE;

struct sk_buff {
	struct sock *sk;
	unsigned char *head;
	unsigned char *data;
	unsigned int len;
	__u16 transport_header;
} KERNEL_TYPE;

/* As on the wire. */
struct header {
	__be16 source, destination;
	__be32 sequence, acknowledgement;
	__u8 words, flags;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TRACKER_PLACES);
	__type(key, __u64);
	__type(value, __u32);
} places SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TRACKER_PLACES);
	__type(key, __u32);
	__type(value, struct tracker_socket);
} sockets SEC(".maps");

/* Where a socket is, by its own fields. */
struct position {
	__u32 written, sent, acked, received, confirmed, read;
};

static __always_inline struct tracker_socket *find_by(__u64 cookie)
{
	__u32 *place;

	if (cookie == 0)
		return NULL; /* nobody has ever asked who it is */
	place = bpf_map_lookup_elem(&places, &cookie);
	return place ? bpf_map_lookup_elem(&sockets, place) : NULL;
}

/* The hook's own argument, which may be read directly. */
static __always_inline struct tracker_socket *find(const struct sock *sk)
{
	return find_by((__u64)sk->__sk_common.skc_cookie.counter);
}

/* The same fields by direct loads, several times as fast as through a helper each. False: not a whole TCP socket. */
static __always_inline int look_directly(const struct sock *sk, struct position *ret)
{
	const struct tcp_sock *tcp = bpf_skc_to_tcp_sock((void *)sk);

	if (!tcp)
		return 0;
	*ret = (struct position){
		.written = tcp->write_seq,
		.sent = tcp->snd_nxt,
		.acked = tcp->snd_una,
		.received = tcp->rcv_nxt,
		.confirmed = tcp->rcv_wup,
		.read = tcp->copied_seq,
	};
	return 1;
}

static __always_inline struct position look(const struct sock *sk)
{
	const struct tcp_sock *tcp = (const struct tcp_sock *)sk;

	return (struct position){
		.written = BPF_CORE_READ(tcp, write_seq),
		.sent = BPF_CORE_READ(tcp, snd_nxt),
		.acked = BPF_CORE_READ(tcp, snd_una),
		.received = BPF_CORE_READ(tcp, rcv_nxt),
		.confirmed = BPF_CORE_READ(tcp, rcv_wup),
		.read = BPF_CORE_READ(tcp, copied_seq),
	};
}

static __always_inline void set(
	struct tracker_socket *socket, enum tracker_point point, __u32 ahead, __u64 now_ns)
{
	__u64 units = (__u64)(long long)(int)ahead;

	socket->points[point] = (struct tracker_passed){units, units * now_ns};
}

/* What is in the queues already counts from now. */
static __always_inline void begin(
	struct tracker_socket *socket, const struct position *at, __u64 now_ns)
{
	if (__sync_val_compare_and_swap(&socket->phase, PHASE_UNSEEN, PHASE_BEGINNING) !=
		PHASE_UNSEEN)
		return;
	socket->sent_origin = at->acked;
	socket->received_origin = at->read;
	set(socket, POINT_WRITTEN, at->written - at->acked, now_ns);
	set(socket, POINT_SENT, at->sent - at->acked, now_ns);
	set(socket, POINT_ACKED, 0, now_ns);
	set(socket, POINT_RECEIVED, at->received - at->read, now_ns);
	set(socket, POINT_CONFIRMED, at->confirmed - at->read, now_ns);
	set(socket, POINT_READ, 0, now_ns);
	set(socket, POINT_ANSWERED, 0, now_ns);
	(void)__sync_val_compare_and_swap(&socket->phase, PHASE_BEGINNING, PHASE_TRACKED);
}

/* Returns whether the point moved. */
static __always_inline int pass(struct tracker_socket *socket, enum tracker_point point, __u32 at,
	__u32 origin, __u64 now_ns)
{
	struct tracker_passed *passed = &socket->points[point];

	/* Whoever comes in between moved it as far or will be followed by another event that does. */
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		__u64 units = *(volatile __u64 *)&passed->units;
		int ahead = (int)(at - (__u32)(units + origin));

		if (ahead <= 0)
			return 0;
		if (__sync_val_compare_and_swap(&passed->units, units, units + (__u64)ahead) ==
			units) {
			__sync_fetch_and_add(&passed->moment, (__u64)ahead * now_ns);
			return 1;
		}
	}
	return 0;
}

static __always_inline void advance(struct tracker_socket *socket, const struct position *at)
{
	__u64 now_ns = bpf_ktime_get_ns();
	__u32 phase = *(volatile __u32 *)&socket->phase;
	int wrote;

	if (phase != PHASE_TRACKED) {
		if (phase == PHASE_UNSEEN)
			begin(socket, at, now_ns);
		return;
	}
	__sync_fetch_and_add(&socket->begun, 1);
	wrote = pass(socket, POINT_WRITTEN, at->written, socket->sent_origin, now_ns);
	pass(socket, POINT_SENT, at->sent, socket->sent_origin, now_ns);
	pass(socket, POINT_ACKED, at->acked, socket->sent_origin, now_ns);
	pass(socket, POINT_RECEIVED, at->received, socket->received_origin, now_ns);
	pass(socket, POINT_CONFIRMED, at->confirmed, socket->received_origin, now_ns);
	pass(socket, POINT_READ, at->read, socket->received_origin, now_ns);
	/* At the first hook that sees the write, often that of its first segment: the peer may have it soon after. */
	if (wrote)
		pass(socket, POINT_ANSWERED, at->read, socket->received_origin, now_ns);
	__sync_fetch_and_add(&socket->ended, 1);
}

static __always_inline int observe(const struct sock *sk)
{
	struct tracker_socket *socket = find(sk);
	struct position at;

	if (socket && look_directly(sk, &at))
		advance(socket, &at);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, const struct sock *sk)
{
	return observe(sk);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_receive, const struct sock *sk)
{
	return observe(sk);
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(on_data_ready, const struct sock *sk)
{
	return observe(sk);
}

/* A segment has come and is not yet looked at: what it acknowledges is in its header only. */
SEC("tp_btf/tcp_probe")
int BPF_PROG(on_segment, const struct sock *sk, const struct sk_buff *skb)
{
	struct tracker_socket *socket = find(sk);
	struct position at;
	struct header header;
	__u32 acked;

	if (!socket || !look_directly(sk, &at))
		return 0;
	if (bpf_probe_read_kernel(&header, sizeof(header), skb->data) == 0) {
		acked = bpf_ntohl(header.acknowledgement);
		if ((int)(acked - at.acked) > 0 && (int)(at.sent - acked) >= 0)
			at.acked = acked;
	}
	advance(socket, &at);
	return 0;
}

/* A segment leaves: its acknowledgement is noted in the socket already, its data only in its header. */
SEC("tp_btf/net_dev_queue")
int BPF_PROG(on_transmit, const struct sk_buff *skb)
{
	const struct sock *sk = BPF_CORE_READ(skb, sk);
	struct tracker_socket *socket;
	const unsigned char *start;
	struct position at;
	struct header header;
	unsigned char state;
	__u32 end;

	if (!sk)
		return 0;
	/* What is left of a closed connection keeps its cookie, and has none of the fields. */
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (state == STATE_TIME_WAIT || state == STATE_NEW_SYN_RECV)
		return 0;
	socket = find_by((__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter));
	if (!socket)
		return 0;
	at = look(sk);
	start = BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, transport_header);
	if (bpf_probe_read_kernel(&header, sizeof(header), start) == 0) {
		end = bpf_ntohl(header.sequence) + BPF_CORE_READ(skb, len) -
		      (__u32)(start - BPF_CORE_READ(skb, data)) - (header.words >> 4) * 4;
		if ((int)(end - at.sent) > 0 && (int)(at.written - end) >= 0)
			at.sent = end;
	}
	advance(socket, &at);
	return 0;
}

/* The same where functions may be hooked: after each of them the socket's own fields tell everything. */
SEC("fexit/tcp_sendmsg")
int BPF_PROG(after_send, const struct sock *sk)
{
	return observe(sk);
}

SEC("fexit/tcp_recvmsg")
int BPF_PROG(after_receive, const struct sock *sk)
{
	return observe(sk);
}

SEC("fexit/tcp_rcv_established")
int BPF_PROG(after_segment, const struct sock *sk)
{
	return observe(sk);
}

SEC("fexit/tcp_delack_timer_handler")
int BPF_PROG(after_delay, const struct sock *sk)
{
	return observe(sk);
}
