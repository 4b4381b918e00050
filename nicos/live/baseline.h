/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the card is compared with, behind the same client: services behind sockets of the kernel, and services
 * that poll rings of frames as with DPDK. All serve on one CPU.
 */
#ifndef NICOS_LIVE_BASELINE_H
#define NICOS_LIVE_BASELINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <nicos/live.h>
#include <nicos/wire.h>

struct hb_error;

struct baseline {
	const struct nic_live_options *options;
	int cpu;
	struct nic_address server, client;
	pid_t *pids; /* shape [count] */
	uint32_t count;
	pid_t spinner;            /* 0 = none */
	struct nic_wire *wire;    /* the client's end */
	struct nic_wire **served; /* the services' ends; shape [rings] */
	uint32_t rings;
	void *shared; /* what services tell the client: their ports */
	size_t shared_bytes;
	int64_t cpu_ns; /* of the services, once they have ended */
};

/*
 * baseline_start - processes and the client's end of the wire. 0, -EAGAIN, -ENOMEM, or another -errno with the
 * reason.
 */
int baseline_start(struct baseline *baseline, const struct nic_live_options *options, int cpu,
	const struct nic_address *server, const struct nic_address *client,
	struct hb_error *reterr);

/* baseline_end - end what it started; sets cpu_ns. Twice is allowed. */
void baseline_end(struct baseline *baseline);

/* For the files of the baselines. */

/* serve_frame - answer the call in @frame on @wire, as one of @services; waits while the wire is full. */
void serve_frame(struct nic_wire *wire, const struct nic_address *self, uint32_t services,
	const uint8_t *frame, size_t frame_bytes);

/*
 * sockets_serve - a service behind a socket: blocks in recvfrom(2), waits in epoll(7), or polls. Does not
 * return.
 */
_Noreturn void sockets_serve(
	enum nic_live_system system, uint32_t services, _Atomic uint32_t *ret_port);

/* sockets_wire_create - the client's end: service s is at 127.0.0.1, port ports[s]. 0 or -errno. */
int sockets_wire_create(const _Atomic uint32_t *ports, const struct nic_address *client,
	const struct nic_address *server, struct nic_wire **ret, struct hb_error *reterr);

/*
 * fan_wire_create - the client's end of many rings: a call goes to the ring of its service, replies come from
 * those that owe one. Owns @rings. 0 or -ENOMEM.
 */
int fan_wire_create(
	struct nic_wire **rings, uint32_t count, struct nic_wire **ret, struct hb_error *reterr);

#endif
