/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What card and host share: the lines of each process, and the host's page. Blocks of 128 bytes, since the cache
 * fetches lines by pairs; every block has one writer.
 *
 * A process reads its control lines in turn: the k-th thing that the card says is in line k mod lines. Reading
 * the other line acknowledges what the one before said. With a depth of one there are two lines, and the turn
 * is the parity of the paper. On a machine without such a card a load cannot be held back, so that a process
 * spins on the line's number.
 */
#ifndef NICOS_LIVE_ENDPOINT_H
#define NICOS_LIVE_ENDPOINT_H

#include <stdatomic.h>
#include <stdint.h>

#include <nicos/rpc.h>
#include <nicos/sched.h>

#define LINES_MAX (2 * NIC_DEPTH_MAX)
#define LINE_ARGS_BYTES 88 /* more goes to the overflow lines */
#define PAGE_BYTES 4096

enum line_type {
	LINE_CALL = 1, /* card: a request; process: its reply */
	LINE_TRYAGAIN, /* nothing has come for long: load the other line */
	LINE_RETIRE,   /* the core goes to another process */
	LINE_NACK,     /* the same, said before the process had asked for the next request */
};

/* Either direction. The number is stored last. */
struct line {
	_Atomic uint32_t number;
	uint8_t type, parity;
	uint16_t length_bytes; /* of arguments or results, overflow included */
	uint32_t xid;
	uint32_t epoch; /* of the command, in RETIRE and NACK */
	union {
		uint64_t procedure; /* call */
		uint64_t
			arrived_ticks; /* reply: when its call was here; 0 if nobody waited for it */
	};
	uint64_t ran_ticks; /* reply: what the handler took */
	uint64_t data;      /* offset of the overflow in the endpoint, 0 = none */
	uint8_t args[LINE_ARGS_BYTES];
};

_Static_assert(sizeof(struct line) == 128, "a pair of cache lines");

/* By the process: it waits for line @number since @since_ticks. */
struct wait_line {
	_Atomic uint32_t number;
	uint32_t parity;
	uint64_t since_ticks;
	uint8_t rest[112];
};

/* By the process: whose the core is. */
struct core_line {
	_Atomic uint32_t epoch; /* of the command that it has obeyed */
	uint32_t pid;
	uint8_t rest[120];
};

/* By the process: where its time went, in ticks. */
struct account_line {
	uint64_t useful_ticks, stalled_ticks, switch_ticks, begun_ticks;
	uint64_t calls, try_again, retired, stale;
	uint8_t rest[64];
};

/* By the card. */
struct probe_line {
	_Atomic uint32_t stop; /* number of the request that is to give its core up */
	uint8_t rest[124];
};

#define OVERFLOW_BYTES 1536

/* Mapped by the card and by its own process alone. */
struct endpoint {
	_Alignas(PAGE_BYTES) struct line rx[LINES_MAX];
	struct line tx[LINES_MAX];
	struct wait_line wait;
	struct core_line core;
	struct account_line account;
	struct probe_line probe;
	_Alignas(PAGE_BYTES) uint8_t rx_overflow[LINES_MAX][OVERFLOW_BYTES];
	uint8_t tx_overflow[LINES_MAX][OVERFLOW_BYTES];
};

_Static_assert(sizeof(struct endpoint) % PAGE_BYTES == 0, "whole pages");

/* The kernel's part of the protocol. Written by the card, and only read by processes. */
struct host_page {
	_Alignas(128) _Atomic uint32_t epoch; /* of the command */
	uint32_t next;   /* whom the core goes to: a service, or service_count */
	uint32_t killed; /* how many services the card had killed */
	_Alignas(128) _Atomic uint32_t stop;
	/* What each process sleeps on: it is its turn when the number changes. Shape [service_count + 1]. */
	_Alignas(128) _Atomic uint32_t turn[];
};

/* Memory of all. The last endpoint is the host's own, which has the core when nobody has. */
struct region {
	uint8_t *memory;
	size_t bytes, host_bytes;
	struct host_page *host;
	struct endpoint *endpoints; /* shape [services + 1] */
	uint32_t services;
	uint32_t lines; /* of each endpoint, 2 x depth */
};

struct hb_error;

/* region_create - 0 or -ENOMEM. Memory is taken when it is touched. */
int region_create(uint32_t services, uint32_t depth, struct region *ret, struct hb_error *reterr);
void region_destroy(struct region *region);

/* region_touched_bytes - of the memory, those pages that exist. */
uint64_t region_touched_bytes(const struct region *region);

/*
 * region_restrict - in a process of its own: keep the host's page to read and the endpoint of @service, unmap
 * the others. Returns 0 or -errno.
 */
int region_restrict(const struct region *region, uint32_t service);

#endif
