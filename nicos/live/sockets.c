/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Services behind UDP sockets of the kernel, over the loopback interface, and the client's end. The kernel's
 * path of what the client sends runs on the client's CPU, up to the socket: that favours the services.
 */
#include "baseline.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hotbed/error.h>

#include "handler.h"

#define BUFFER_BYTES (1 << 22) /* of a socket; the kernel may give less */
#define REPLY_AT (NIC_RPC_REPLY_HEADER_BYTES - NIC_RPC_BODY_AT)

static int socket_open(uint32_t *ret_port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int bytes = BUFFER_BYTES;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
		getsockname(fd, (struct sockaddr *)&address, &length)) {
		int err = -errno;

		(void)close(fd);
		return err;
	}
	*ret_port = ntohs(address.sin_port);
	return fd;
}

/* Answer one datagram; false if there was none. */
static bool serve_one(int fd, uint32_t services, int flags)
{
	uint8_t body[NIC_FRAME_BYTES], reply[NIC_FRAME_BYTES];
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);
	struct nic_rpc_call call;
	ssize_t bytes = recvfrom(fd, body, sizeof(body), flags, (struct sockaddr *)&peer, &length);

	if (bytes < 0)
		return false;
	if (nic_rpc_call_decode(body, (size_t)bytes, services, &call))
		return true;
	nic_rpc_reply_encode(reply, call.xid);
	handler_serve(call.args, call.args_bytes, reply + REPLY_AT, NULL);
	(void)sendto(fd, reply, REPLY_AT + call.args_bytes, 0, (struct sockaddr *)&peer, length);
	return true;
}

_Noreturn void sockets_serve(
	enum nic_live_system system, uint32_t services, _Atomic uint32_t *ret_port)
{
	struct epoll_event event = {.events = EPOLLIN};
	uint32_t port = UINT32_MAX;
	int fd = socket_open(&port);
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0 || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		port = UINT32_MAX;
	atomic_store(ret_port, port);
	if (port == UINT32_MAX)
		_exit(1);
	for (;;) {
		switch (system) {
		case NIC_LIVE_UDP_EPOLL:
			(void)epoll_wait(epoll, &event, 1, -1);
			while (serve_one(fd, services, MSG_DONTWAIT))
				;
			break;
		case NIC_LIVE_UDP_POLL:
			if (!serve_one(fd, services, MSG_DONTWAIT) && services > 1)
				(void)sched_yield();
			break;
		default:
			(void)serve_one(fd, services, 0);
			break;
		}
	}
}

/* ---- the client's end ---- */

struct socket_wire {
	struct nic_wire wire;
	int fd;
	const _Atomic uint32_t *ports;
	struct nic_address client, server;
	uint8_t in[NIC_FRAME_BYTES], out[NIC_FRAME_BYTES];
};

static const uint8_t *socket_receive(struct nic_wire *wire, size_t *ret_bytes)
{
	struct socket_wire *w = (struct socket_wire *)wire;
	ssize_t bytes = recv(w->fd, w->in + NIC_RPC_BODY_AT, sizeof(w->in) - NIC_RPC_BODY_AT, 0);

	if (bytes < 0 || bytes % 4)
		return NULL;
	/* The kernel has taken the headers and checked them: the client's parser gets others. */
	*ret_bytes = nic_datagram_wrap(w->in, &w->server, &w->client, (uint32_t)bytes);
	return w->in;
}

static uint8_t *socket_reserve(struct nic_wire *wire)
{
	return ((struct socket_wire *)wire)->out;
}

static void socket_commit(struct nic_wire *wire, size_t frame_bytes)
{
	struct socket_wire *w = (struct socket_wire *)wire;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	uint32_t program;

	memcpy(&program, w->out + NIC_RPC_BODY_AT + 12, sizeof(program));
	to.sin_port = htons((uint16_t)atomic_load_explicit(
		&w->ports[__builtin_bswap32(program) - NIC_RPC_PROGRAM], memory_order_relaxed));
	/* What the kernel drops is a request without an answer. */
	(void)sendto(w->fd, w->out + NIC_RPC_BODY_AT, frame_bytes - NIC_RPC_BODY_AT, 0,
		(struct sockaddr *)&to, sizeof(to));
}

static void socket_destroy(struct nic_wire *wire)
{
	(void)close(((struct socket_wire *)wire)->fd);
	free(wire);
}

static const struct nic_wire_operations socket_operations = {
	.receive = socket_receive,
	.reserve = socket_reserve,
	.commit = socket_commit,
	.destroy = socket_destroy,
};

int sockets_wire_create(const _Atomic uint32_t *ports, const struct nic_address *client,
	const struct nic_address *server, struct nic_wire **ret, struct hb_error *reterr)
{
	struct socket_wire *w = calloc(1, sizeof(*w));
	uint32_t port;

	if (!w)
		return hb_error_set(reterr, -ENOMEM, "no memory for a socket");
	*w = (struct socket_wire){.wire.operations = &socket_operations,
		.fd = socket_open(&port),
		.ports = ports,
		.client = *client,
		.server = *server};
	if (w->fd < 0 || fcntl(w->fd, F_SETFL, O_NONBLOCK)) {
		free(w);
		return hb_error_set(
			reterr, -ENOTSUP, "needs UDP sockets on the loopback interface");
	}
	*ret = &w->wire;
	return 0;
}
