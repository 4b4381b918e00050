/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The packets of the network namespace that the caller is in, with the kernel's time of each, kept in a ring that is
 * read when all is over: nothing runs beside what is measured but the kernel's own copy of headers. Not thread-safe.
 * Linux only; needs CAP_NET_RAW in the namespace.
 */
#ifndef BATCHING_BENCH_CAPTURE_H
#define BATCHING_BENCH_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

struct capture {
	int fd; /* -1: not open */
	uint8_t *ring;
};

/* A TCP segment over IPv4, as the device had it: segmentation offload may make it longer than the MTU. */
struct captured {
	int64_t time_ns; /* CLOCK_REALTIME */
	uint16_t from_port, to_port;
	uint32_t sequence, acknowledgement;
	uint32_t length; /* of its data */
	bool has_acknowledgement;
	bool is_outgoing; /* it leaves this end; on loopback each packet is seen when it leaves and when it comes */
};

/* capture_open - from now on, on all devices. 0 or -errno. */
int capture_open(struct capture *ret);
/* capture_close - also what is not open, if fd is -1. */
void capture_close(struct capture *capture);
/*
 * capture_read - call @each for each segment in the order of their capture. Returns 0, -ENOBUFS (some did not fit, or
 * were lost) or -errno.
 */
int capture_read(const struct capture *capture,
	void (*each)(void *user, const struct captured *packet), void *user);

#endif
