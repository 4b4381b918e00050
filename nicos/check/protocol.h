/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The protocol as states and steps, for the search. */
#ifndef NICOS_CHECK_PROTOCOL_H
#define NICOS_CHECK_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nicos/check.h>

enum {
	CORES = 2,
	SERVICES = 2,
	NOBODY = SERVICES,
	REQUESTS_MAX = 4,
	INVALID = 0,    /* of a line: not in the core's cache */
	OTHER = 255,    /* a line with TRYAGAIN or NACK; else 1 + request */
	STEPS_MAX = 32, /* that can follow a state */
	STEP_BYTES = 96,
};

/* One thread of a service on a core; parked while another runs. */
struct thread {
	uint8_t request; /* 1 + that it runs; 0 = none */
	uint8_t parity;
};

enum preemption {
	QUIET,
	LOCKED,      /* READY is cleared, BUSY is awaited */
	INTERRUPTED, /* the interrupt is sent */
	ACCEPTED,    /* the kernel has read the next process */
};

struct core {
	/* The host's side. */
	uint8_t pid;      /* whose address space is loaded */
	uint8_t next_pid; /* what the kernel has read */
	uint8_t is_busy, is_filled;
	uint8_t line[2]; /* in the core's cache */
	struct thread threads[SERVICES];
	/* The card's side. */
	uint8_t is_ready;
	uint8_t is_reading; /* 1 + line whose fill is withheld; 0 = none */
	uint8_t map;        /* whose core it is, by the last completion */
	uint8_t target;
	uint8_t preemption;
	uint8_t parity[SERVICES];
	uint8_t chosen; /* pop-underflow: has looked into the queue, and takes from it next */
};

enum place {
	OUTSIDE,
	QUEUED,
	DELIVERED,
	RUNNING,
	DONE,
	LOST,
};

/* Bytes only, so that states are equal as memory. */
struct state {
	struct core cores[CORES];
	uint8_t places[REQUESTS_MAX];
	uint8_t look; /* starved-queue: an arrival has not been looked at */
};

struct step {
	struct state state;
	const char *violation; /* NULL = none */
	char text[STEP_BYTES];
};

void protocol_begin(struct state *state);

/* protocol_steps - what can follow @state into @ret, shape [STEPS_MAX]. @texts: also say what happens. */
size_t protocol_steps(const struct nic_check_options *options, const struct state *state,
	bool texts, struct step *ret);

/* protocol_is_over - all requests are done. */
bool protocol_is_over(const struct nic_check_options *options, const struct state *state);

/* protocol_violation - of an invariant of states; NULL if none. */
const char *protocol_violation(const struct nic_check_options *options, const struct state *state);

#endif
