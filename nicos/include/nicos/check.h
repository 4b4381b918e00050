/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A model of the protocol between card and cores, and an exhaustive search of its states: control lines in a cache
 * that keeps what it was given until the card takes it back, acknowledgement by parity, READY and BUSY, NACK,
 * TRYAGAIN, and preemption of waiting and of running cores, on two cores with two services.
 *
 * Each state is checked against the invariants; then every state must be able to reach the end, where all requests
 * are done. A shortest way to what breaks is the counterexample. Thread-safe. Source: re-derived from the description
 * in Xu and Roscoe, HotOS 2025, and the behaviour of their prototype; no text of their TLA+ model was used.
 */
#ifndef NICOS_CHECK_H
#define NICOS_CHECK_H

#include <stdint.h>
#include <stdio.h>

struct hb_error;

/* Errors that can be planted; each breaks what is said behind it. */
enum nic_mutant {
	NIC_MUTANT_NONE,
	NIC_MUTANT_LOST_IN_PREEMPTION, /* NACK answers a read for which a request was taken off its queue */
	NIC_MUTANT_POP_UNDERFLOW, /* two cores take from a queue that held one request when they looked */
	NIC_MUTANT_STARVED_QUEUE,    /* only an arrival makes the card look for a core */
	NIC_MUTANT_COUNTED_AT_ACK,   /* cores count against the limit once they have switched */
	NIC_MUTANT_SWITCH_IN_SWITCH, /* a core that switches is told to switch elsewhere */
	NIC_MUTANT_BOOTSTRAP_PARITY, /* the first switch of a core toggles the parity */
	NIC_MUTANT_STALE_LINE, /* a line stays Shared when the next one is read, and over a switch */
	NIC_MUTANT_INTERRUPT_WHILE_BUSY, /* the card does not wait for BUSY to clear */
	NIC_MUTANT_COUNT,
};

struct nic_check_options {
	enum nic_mutant mutant;
	uint32_t requests;   /* in all, alternating between the services: 1 ... 4 */
	uint32_t threads[2]; /* cores that each service may have: 1 or 2 */
	uint32_t states_max; /* give up beyond */
};

struct nic_check_result {
	uint64_t states, transitions;
	uint32_t depth;        /* steps to the farthest state */
	const char *violation; /* NULL = none */
	uint32_t trace_length; /* steps of the counterexample */
};

const char *nic_mutant_name(enum nic_mutant mutant);
/* nic_mutant_find - NIC_MUTANT_COUNT if there is none of that name. */
enum nic_mutant nic_mutant_find(const char *name);

/*
 * nic_check_run - search all states.
 * @trace: where a counterexample is printed, a step a line; NULL = nowhere.
 *
 * Returns 0 (whether a violation was found or not), -EINVAL, -E2BIG (more than states_max) or -ENOMEM. Takes about
 * 100 bytes per state.
 */
int nic_check_run(const struct nic_check_options *options, FILE *trace,
	struct nic_check_result *ret, struct hb_error *reterr);

#endif
