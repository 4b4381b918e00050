/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The card: frames from the wire to the scheduler, requests to the lines of processes, replies back. It is
 * polled by one thread and never blocks.
 */
#ifndef NICOS_LIVE_CARD_H
#define NICOS_LIVE_CARD_H

#include <stdbool.h>
#include <stdint.h>

#include <hotbed/clock.h>

#include <nicos/rpc.h>
#include <nicos/wire.h>

#include "endpoint.h"
#include "worker.h"

struct card;
struct hb_hist;

struct card_options {
	uint32_t depth, queue, buffers, turn_ns;
	uint32_t services; /* programs; if the region has one endpoint, it serves them all */
	uint64_t try_again_ticks, kill_ticks; /* 0 = never */
	/* The core is reallocated at such intervals only; 0 = at once. */
	uint64_t interval_ticks;
	struct nic_address address;
};

struct card_counts {
	uint64_t frames, done, dropped; /* refused frames are dropped, too */
	uint64_t refused[NIC_FRAME_FAULT_COUNT];
	uint64_t no_buffer, replayed, unsent; /* unsent: replies that the wire had no room for */
	uint64_t try_again, retired, nacked, killed, exited, switches;
	uint64_t useful_ticks, switch_ticks, idle_ticks;
};

/* card_create - with the core at the host's own endpoint. 0, -EINVAL or -ENOMEM. Others outlive it. */
int card_create(const struct card_options *options, struct region *region, struct host *host,
	struct nic_wire *wire, const struct hb_clock *clock, struct card **ret,
	struct hb_error *reterr);
void card_destroy(struct card *card);

/* card_begin - the core's time counts from now. */
void card_begin(struct card *card);

/* card_poll - a round: some frames, all replies, the host's acknowledgement. */
void card_poll(struct card *card);

/* card_under_way - requests that are queued or with a core. */
uint64_t card_under_way(const struct card *card);

/* card_core - what the core is at; @ret_service untouched if idle. */
enum nic_live_core card_core(const struct card *card, uint32_t *ret_service);

/* card_frames - that came from the wire. */
uint64_t card_frames(const struct card *card);

/* card_memory_bytes - what card_create() took. */
uint64_t card_memory_bytes(const struct card *card);

/* card_hand_over - take the histogram of nic_live_result. Once. */
struct hb_hist *card_hand_over(struct card *card);

/* card_counts - now; also checks that no request is unaccounted for (asserted). */
void card_counts(struct card *card, struct card_counts *ret);

#endif
