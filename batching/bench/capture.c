/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "capture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_BYTES 256 /* a header of the ring's, and those of IP and TCP with options */
#define BLOCK_BYTES (4u << 20)
#define BLOCKS 28
#define FRAMES (BLOCKS * (BLOCK_BYTES / FRAME_BYTES))
#define RING_BYTES ((size_t)BLOCKS * BLOCK_BYTES)
#define NS_PER_S INT64_C(1000000000)

static int set_up(int fd)
{
	const struct tpacket_req request = {BLOCK_BYTES, BLOCKS, FRAME_BYTES, FRAMES};
	/* What leaves is only shown to those who ask for all protocols. */
	const struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int version = TPACKET_V2;

	return setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
			       setsockopt(
				       fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) ||
			       bind(fd, (const struct sockaddr *)&all, sizeof(all))
		       ? -errno
		       : 0;
}

int capture_open(struct capture *ret)
{
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint8_t *ring;
	int err;

	if (fd < 0)
		return -errno;
	err = set_up(fd);
	if (!err) {
		ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		err = ring == MAP_FAILED ? -errno : 0;
	}
	if (err) {
		(void)close(fd);
		return err;
	}
	*ret = (struct capture){fd, ring};
	return 0;
}

void capture_close(struct capture *capture)
{
	if (capture->fd < 0)
		return;
	(void)munmap(capture->ring, RING_BYTES);
	(void)close(capture->fd);
	capture->fd = -1;
}

static struct tpacket2_hdr *frame_at(const struct capture *capture, size_t index)
{
	return (struct tpacket2_hdr *)(void *)(capture->ring + index * FRAME_BYTES);
}

static bool is_filled(const struct tpacket2_hdr *frame)
{
	return __atomic_load_n(&frame->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

/* The socket's address is behind the frame's header. */
static bool is_outgoing(const struct tpacket2_hdr *frame)
{
	const struct sockaddr_ll *from =
		(const void *)((const uint8_t *)frame + TPACKET_ALIGN(sizeof(*frame)));

	return from->sll_pkttype == PACKET_OUTGOING;
}

/* False: not a TCP segment over IPv4, or cut. */
static bool parse(const struct tpacket2_hdr *frame, struct captured *ret)
{
	const uint8_t *packet = (const uint8_t *)frame + frame->tp_net;
	size_t kept = frame->tp_snaplen;
	struct iphdr ip;
	struct tcphdr tcp;
	size_t head;

	if (kept < sizeof(ip))
		return false;
	memcpy(&ip, packet, sizeof(ip));
	head = (size_t)ip.ihl * 4;
	if (ip.version != 4 || ip.protocol != IPPROTO_TCP || kept < head + sizeof(tcp))
		return false;
	memcpy(&tcp, packet + head, sizeof(tcp));
	head += (size_t)tcp.doff * 4;
	/* A packet above 64 KiB has no length of its own. */
	kept = ip.tot_len ? ntohs(ip.tot_len) : frame->tp_len;
	if (kept < head)
		return false;
	*ret = (struct captured){
		.time_ns = (int64_t)frame->tp_sec * NS_PER_S + frame->tp_nsec,
		.from_port = ntohs(tcp.source),
		.to_port = ntohs(tcp.dest),
		.sequence = ntohl(tcp.seq),
		.acknowledgement = ntohl(tcp.ack_seq),
		.length = (uint32_t)(kept - head),
		.has_acknowledgement = tcp.ack,
		.is_outgoing = is_outgoing(frame),
	};
	return true;
}

/* Of the socket, since it was opened. */
static int dropped(const struct capture *capture, unsigned int *ret)
{
	struct tpacket_stats stats = {0};
	socklen_t size = sizeof(stats);

	if (getsockopt(capture->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size))
		return -errno;
	*ret = stats.tp_drops;
	return 0;
}

int capture_read(const struct capture *capture,
	void (*each)(void *user, const struct captured *packet), void *user)
{
	unsigned int drops = 0;
	int err = dropped(capture, &drops);

	if (err)
		return err;
	if (drops > 0)
		return -ENOBUFS;
	for (size_t i = 0; i < FRAMES && is_filled(frame_at(capture, i)); i++) {
		const struct tpacket2_hdr *frame = frame_at(capture, i);
		struct captured packet;

		if (parse(frame, &packet))
			each(user, &packet);
	}
	return 0;
}
