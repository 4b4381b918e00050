/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "card.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/hist.h>
#include <hotbed/rng.h>

#define BURST 8 /* frames per round */
#define HAND_OVER_MAX_NS 100000000000
#define SLOW_ROUND 64 /* rounds between looks at what is rare */
/* Calls seen before, by place of a hash: what comes twice within that many is answered once. */
#define SEEN_PLACES 16384

/* A request from the wire to its reply. */
struct slot {
	struct nic_address from;
	uint32_t xid, service, procedure;
	uint32_t args_bytes;
	uint32_t next_free;
	uint8_t args[NIC_RPC_ARGS_MAX];
};

struct held {
	uint32_t slot, number;
	uint64_t since_ticks;
};

struct card {
	struct card_options options;
	struct region *region;
	struct host *host;
	struct nic_wire *wire;
	struct hb_clock clock;
	struct nic_sched *sched;
	struct slot *slots; /* shape [options.buffers] */
	uint32_t free_slot;
	uint32_t *numbers; /* shape [services + 1]: last line that was filled, of each endpoint */
	uint64_t *seen;    /* shape [SEEN_PLACES] */
	/* The core. */
	uint32_t owner; /* endpoint that it is at; services = the host's own */
	bool *is_dead;  /* shape [services + 1] */
	bool is_switching;
	bool is_being_killed; /* the process was sent its signal, its exit has not been heard of */
	uint32_t target, epoch;
	uint64_t since_ticks; /* of the command, or since it is with the host */
	struct held held[NIC_DEPTH_MAX];
	uint32_t held_first, held_count;
	uint32_t rounds;
	/* With an interval: what the allocator has not seen yet, linked by next_free. */
	uint32_t withheld_first, withheld_last;
	uint64_t withheld, looked_ticks;
	struct hb_hist *hand_over;
	struct card_counts counts;
};

static void step(struct card *card, const struct nic_event *event);

static uint64_t ticks(const struct card *card)
{
	return hb_clock_ticks(&card->clock);
}

/* ---- lines ---- */

static struct line *line_next(struct card *card, enum line_type type)
{
	struct endpoint *endpoint = &card->region->endpoints[card->owner];
	uint32_t number = card->numbers[card->owner] + 1;
	struct line *line = &endpoint->rx[number % card->region->lines];

	line->type = (uint8_t)type;
	line->parity = number & 1;
	return line;
}

static void line_fill(struct card *card, struct line *line)
{
	atomic_store_explicit(&line->number, ++card->numbers[card->owner], memory_order_release);
}

static void deliver(struct card *card, const struct nic_action *action)
{
	struct slot *slot = &card->slots[action->request];
	struct line *line;
	uint8_t *args;

	/* Invariants 1 and 3: the core is at the endpoint of the request's process, and there is room. */
	hb_assert(!card->is_switching && card->owner == action->service);
	hb_assert(card->held_count < card->options.depth);
	line = line_next(card, LINE_CALL);
	args = line->args;
	line->data = 0;
	if (slot->args_bytes > LINE_ARGS_BYTES) {
		struct endpoint *endpoint = &card->region->endpoints[card->owner];
		uint32_t place = (card->numbers[card->owner] + 1) % card->region->lines;

		args = endpoint->rx_overflow[place];
		line->data = (uint64_t)(args - (uint8_t *)endpoint);
	}
	line->length_bytes = (uint16_t)slot->args_bytes;
	line->xid = slot->xid;
	line->procedure = slot->procedure;
	memcpy(args, slot->args, slot->args_bytes);
	card->held[(card->held_first + card->held_count++) % NIC_DEPTH_MAX] =
		(struct held){.slot = action->request,
			.number = card->numbers[card->owner] + 1,
			.since_ticks = ticks(card)};
	line_fill(card, line);
}

/* The host takes the core to @endpoint, as the process that had it cannot. */
static void host_resume(struct card *card, uint32_t endpoint)
{
	atomic_fetch_add_explicit(&card->region->host->turn[endpoint], 1, memory_order_release);
	turn_give(card->region, endpoint);
}

static void command_switch(struct card *card, const struct nic_action *action)
{
	struct host_page *page = card->region->host;
	struct line *line;

	hb_assert(!card->is_switching && card->held_count == 0);
	if (card->owner == card->region->services)
		card->counts.idle_ticks += ticks(card) - card->since_ticks;
	card->target = action->service == NIC_NONE ? card->region->services : action->service;
	card->epoch = action->epoch;
	card->is_switching = true;
	card->since_ticks = ticks(card);
	card->counts.switches++;
	page->next = card->target;
	atomic_store_explicit(&page->epoch, card->epoch, memory_order_release);
	if (card->is_dead[card->owner]) {
		host_resume(card, card->target);
		return;
	}
	atomic_fetch_add_explicit(&page->turn[card->target], 1, memory_order_release);
	if (atomic_load_explicit(&card->region->endpoints[card->owner].wait.number,
		    memory_order_acquire) == card->numbers[card->owner] + 1) {
		line = line_next(card, LINE_RETIRE);
		card->counts.retired++;
	} else {
		line = line_next(card, LINE_NACK);
		card->counts.nacked++;
	}
	line->epoch = card->epoch;
	line_fill(card, line);
}

/* ---- requests ---- */

static void slot_free(struct card *card, uint32_t slot)
{
	card->slots[slot].next_free = card->free_slot;
	card->free_slot = slot;
}

static void drop(struct card *card, const struct nic_action *action)
{
	uint32_t slot = action->request;

	for (uint32_t i = 0; i < action->count; i++) {
		uint32_t next = nic_sched_dropped_next(card->sched, slot);

		slot_free(card, slot);
		card->counts.dropped++;
		slot = next;
	}
}

/* The process that ran is gone, and what it held with it. */
static void core_take(struct card *card)
{
	const struct nic_event event = {.kind = NIC_KILLED, .core = 0};

	card->held_count = 0;
	step(card, &event);
	if (card->is_switching)
		return;
	/* Nobody wants the core: it goes to the host. */
	card->owner = card->region->services;
	card->since_ticks = ticks(card);
	host_resume(card, card->owner);
}

static void step(struct card *card, const struct nic_event *event)
{
	const struct nic_action *actions;
	int count = nic_sched_step(card->sched, event, &actions);
	bool is_lost = false;

	hb_assert(count >= 0);
	for (int i = 0; i < count; i++) {
		switch (actions[i].kind) {
		case NIC_DELIVER:
			deliver(card, &actions[i]);
			break;
		case NIC_SWITCH:
			command_switch(card, &actions[i]);
			break;
		case NIC_DROP:
			drop(card, &actions[i]);
			break;
		case NIC_KILL:
			is_lost = true;
			break;
		case NIC_PREEMPT:
			hb_assert(!"nobody has a quantum");
			break;
		}
	}
	if (is_lost)
		core_take(card);
}

/* Has this call come before? A client's number and address name it (RFC 5531, 9). */
static bool is_replayed(struct card *card, const struct nic_rpc_call *call)
{
	uint64_t key = hb_rng_mix((uint64_t)call->from.ip << 16 | call->from.port, call->xid);
	uint64_t *place = &card->seen[key % SEEN_PLACES];

	if (*place == key)
		return true;
	*place = key;
	return false;
}

static void withhold(struct card *card, uint32_t slot)
{
	card->slots[slot].next_free = NIC_NONE;
	if (card->withheld_last == NIC_NONE)
		card->withheld_first = slot;
	else
		card->slots[card->withheld_last].next_free = slot;
	card->withheld_last = slot;
	card->withheld++;
}

static void frame_take(struct card *card, const uint8_t *frame, size_t frame_bytes)
{
	struct nic_rpc_call call;
	struct nic_event event = {.kind = NIC_ARRIVED};
	enum nic_frame_fault fault = nic_rpc_call_parse(
		frame, frame_bytes, &card->options.address, card->options.services, &call);
	struct slot *slot;

	card->counts.frames++;
	if (fault) {
		card->counts.refused[fault]++;
		card->counts.dropped++;
		return;
	}
	if (is_replayed(card, &call)) {
		card->counts.replayed++;
		card->counts.dropped++;
		return;
	}
	if (card->free_slot == NIC_NONE) {
		card->counts.no_buffer++;
		card->counts.dropped++;
		return;
	}
	event.request = card->free_slot;
	event.service = card->region->services == 1 ? 0 : call.service;
	slot = &card->slots[event.request];
	card->free_slot = slot->next_free;
	slot->from = call.from;
	slot->xid = call.xid;
	slot->service = event.service;
	slot->procedure = call.procedure;
	slot->args_bytes = call.args_bytes;
	memcpy(slot->args, call.args, call.args_bytes);
	if (card->options.interval_ticks && card->owner != event.service) {
		withhold(card, event.request);
		return;
	}
	step(card, &event);
}

/* The allocator looks: what has come for processes without the core is seen now. */
static void interval_over(struct card *card, uint64_t now)
{
	uint32_t slot = card->withheld_first;

	card->looked_ticks = now;
	card->withheld_first = card->withheld_last = NIC_NONE;
	while (slot != NIC_NONE) {
		const struct nic_event event = {
			.kind = NIC_ARRIVED, .service = card->slots[slot].service, .request = slot};
		uint32_t next = card->slots[slot].next_free;

		card->withheld--;
		step(card, &event);
		slot = next;
	}
}

static void reply_send(struct card *card, const struct slot *slot, const struct line *line,
	const uint8_t *overflow)
{
	uint8_t *frame = nic_wire_reserve(card->wire);
	/* Whatever the process wrote: no more than there can be. */
	uint32_t bytes = line->length_bytes < NIC_RPC_ARGS_MAX ? line->length_bytes & ~3u
							       : NIC_RPC_ARGS_MAX & ~3u;
	size_t frame_bytes;

	if (!frame) {
		card->counts.unsent++;
		return;
	}
	frame_bytes =
		nic_rpc_reply_write(frame, &card->options.address, &slot->from, slot->xid, bytes);
	memcpy(frame + NIC_RPC_REPLY_HEADER_BYTES, bytes > LINE_ARGS_BYTES ? overflow : line->args,
		bytes);
	nic_rpc_seal(frame);
	nic_wire_commit(card->wire, frame_bytes);
}

/* If the process had waited, and did not write just anything: how long the call was on its way. */
static void hand_over_record(
	struct card *card, const struct held *held, const struct line *line, uint64_t now)
{
	uint64_t arrived = line->arrived_ticks;

	if (arrived > held->since_ticks && arrived < now)
		hb_hist_record(card->hand_over,
			hb_clock_ticks_to_ns(&card->clock, arrived - held->since_ticks));
}

/* Replies that the process of the core has written, in order. */
static void replies_take(struct card *card)
{
	while (card->held_count) {
		struct held held = card->held[card->held_first];
		struct endpoint *endpoint = &card->region->endpoints[card->owner];
		uint32_t place = held.number % card->region->lines;
		const struct line *line = &endpoint->tx[place];
		uint64_t most_ticks, ran_ticks;
		struct nic_event event = {.kind = NIC_DONE, .core = 0, .request = held.slot};

		if (atomic_load_explicit(&line->number, memory_order_acquire) != held.number)
			return;
		most_ticks = ticks(card) - held.since_ticks;
		ran_ticks = line->ran_ticks < most_ticks ? line->ran_ticks : most_ticks;
		event.ran_ns = hb_clock_ticks_to_ns(&card->clock, ran_ticks);
		card->counts.useful_ticks += ran_ticks;
		reply_send(card, &card->slots[held.slot], line, endpoint->tx_overflow[place]);
		hand_over_record(card, &held, line, held.since_ticks + most_ticks);
		slot_free(card, held.slot);
		card->held_first = (card->held_first + 1) % NIC_DEPTH_MAX;
		card->held_count--;
		card->counts.done++;
		step(card, &event);
	}
}

static void acknowledgement_take(struct card *card)
{
	const struct nic_event event = {.kind = NIC_SWITCHED, .core = 0, .epoch = card->epoch};
	uint64_t now;

	if (atomic_load_explicit(&card->region->endpoints[card->target].core.epoch,
		    memory_order_acquire) != card->epoch)
		return;
	now = ticks(card);
	card->counts.switch_ticks += now - card->since_ticks;
	card->since_ticks = now;
	card->is_switching = false;
	card->owner = card->target;
	step(card, &event);
}

/* ---- what is rare ---- */

static void exit_take(struct card *card, uint32_t service)
{
	const struct nic_event event = {.kind = NIC_EXITED, .service = service};

	/* What it had answered before it went is done. */
	replies_take(card);
	card->counts.exited++;
	card->is_dead[service] = true;
	card->is_being_killed = false;
	if (card->is_switching && card->owner == service)
		/* Its turn has been changed already; it may not have been woken. */
		turn_give(card->region, card->target);
	if (card->is_switching && card->target == service) {
		/* It will never acknowledge: the host does. */
		atomic_store(&card->region->endpoints[service].core.epoch, card->epoch);
		acknowledgement_take(card);
	}
	step(card, &event);
}

static void try_again(struct card *card, uint64_t now)
{
	const struct wait_line *wait = &card->region->endpoints[card->owner].wait;
	struct line *line;

	if (atomic_load_explicit(&wait->number, memory_order_acquire) !=
			card->numbers[card->owner] + 1 ||
		now - wait->since_ticks < card->options.try_again_ticks)
		return;
	line = line_next(card, LINE_TRYAGAIN);
	card->counts.try_again++;
	line_fill(card, line);
}

static void look_around(struct card *card)
{
	uint64_t now = ticks(card);
	uint64_t since_ticks = card->since_ticks;
	uint32_t service = host_exited_next(card->host);

	if (service != NIC_NONE)
		exit_take(card, service);
	if (!card->is_switching && card->held_count == 0 && !card->is_dead[card->owner] &&
		card->options.try_again_ticks)
		try_again(card, now);
	if (card->held_count)
		since_ticks = card->held[card->held_first].since_ticks;
	else if (!card->is_switching)
		return;
	if (card->options.kill_ticks && now > since_ticks &&
		now - since_ticks > card->options.kill_ticks && !card->is_being_killed &&
		card->owner < card->region->services && !card->is_dead[card->owner]) {
		card->is_being_killed = true;
		card->counts.killed++;
		card->region->host->killed++;
		host_kill(card->host, card->owner);
	}
}

void card_begin(struct card *card)
{
	card->since_ticks = ticks(card);
}

void card_poll(struct card *card)
{
	const uint8_t *frame;
	size_t frame_bytes;

	if (card->held_count)
		replies_take(card);
	for (int i = 0; i < BURST; i++) {
		frame = nic_wire_receive(card->wire, &frame_bytes);
		if (!frame)
			break;
		frame_take(card, frame, frame_bytes);
	}
	if (card->is_switching)
		acknowledgement_take(card);
	if (card->withheld) {
		uint64_t now = ticks(card);

		if (now - card->looked_ticks >= card->options.interval_ticks)
			interval_over(card, now);
	}
	if (++card->rounds % SLOW_ROUND == 0)
		look_around(card);
}

uint64_t card_under_way(const struct card *card)
{
	struct nic_sched_counts counts;

	nic_sched_counts(card->sched, &counts);
	return counts.queued + counts.running + counts.blocked + card->withheld;
}

enum nic_live_core card_core(const struct card *card, uint32_t *ret_service)
{
	uint32_t at = card->is_switching ? card->target : card->owner;

	if (at == card->region->services)
		return card->is_switching ? NIC_LIVE_CORE_SWITCH : NIC_LIVE_CORE_IDLE;
	*ret_service = at;
	if (card->is_switching)
		return NIC_LIVE_CORE_SWITCH;
	return card->held_count ? NIC_LIVE_CORE_RUN : NIC_LIVE_CORE_WAIT;
}

uint64_t card_frames(const struct card *card)
{
	return card->counts.frames;
}

uint64_t card_memory_bytes(const struct card *card)
{
	return sizeof(*card) + nic_sched_memory_bytes(card->sched) +
	       card->options.buffers * sizeof(*card->slots) + SEEN_PLACES * sizeof(*card->seen) +
	       (card->region->services + 1) * (sizeof(*card->numbers) + sizeof(*card->is_dead));
}

struct hb_hist *card_hand_over(struct card *card)
{
	struct hb_hist *hand_over = card->hand_over;

	card->hand_over = NULL;
	return hand_over;
}

void card_counts(struct card *card, struct card_counts *ret)
{
	/* Invariant 4. */
	hb_assert(card->counts.frames ==
		  card->counts.done + card->counts.dropped + card_under_way(card));
	if (!card->is_switching && card->owner == card->region->services) {
		uint64_t now = ticks(card);

		card->counts.idle_ticks += now - card->since_ticks;
		card->since_ticks = now;
	}
	*ret = card->counts;
}

/* ---- life ---- */

int card_create(const struct card_options *options, struct region *region, struct host *host,
	struct nic_wire *wire, const struct hb_clock *clock, struct card **ret,
	struct hb_error *reterr)
{
	const struct nic_sched_options sched = {.cores = 1,
		.services = region->services,
		.requests = options->buffers,
		.queue = options->queue,
		.depth = options->depth,
		.turn_ns = options->turn_ns};
	struct card *card = calloc(1, sizeof(*card));
	int err = -ENOMEM;

	if (card) {
		*card = (struct card){.options = *options,
			.region = region,
			.host = host,
			.wire = wire,
			.clock = *clock,
			.owner = region->services,
			.withheld_first = NIC_NONE,
			.withheld_last = NIC_NONE};
		card->since_ticks = ticks(card);
		card->slots = calloc(options->buffers, sizeof(*card->slots));
		card->numbers = calloc(region->services + 1, sizeof(*card->numbers));
		card->seen = calloc(SEEN_PLACES, sizeof(*card->seen));
		card->is_dead = calloc(region->services + 1, sizeof(*card->is_dead));
	}
	if (!card || !card->slots || !card->numbers || !card->seen || !card->is_dead)
		(void)hb_error_set(reterr, -ENOMEM,
			"no memory for a card with %u buffers; use fewer", options->buffers);
	else
		err = nic_sched_create(&sched, &card->sched, reterr);
	if (!err)
		err = hb_hist_create(&card->hand_over, HAND_OVER_MAX_NS, 3, reterr);
	if (err) {
		card_destroy(card);
		return err;
	}
	for (uint32_t i = 0; i < options->buffers; i++)
		card->slots[i].next_free = i + 1 < options->buffers ? i + 1 : NIC_NONE;
	*ret = card;
	return 0;
}

void card_destroy(struct card *card)
{
	if (!card)
		return;
	nic_sched_destroy(card->sched);
	hb_hist_destroy(card->hand_over);
	free(card->slots);
	free(card->numbers);
	free(card->seen);
	free(card->is_dead);
	free(card);
}
