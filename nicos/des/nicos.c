/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The card's scheduler at work: this file is the wire, the host and the clock around nicos/sched.h. A core that waits
 * for a request is stalled on a line; one that never belonged to anybody is idle.
 *
 * With a delta, commands and news are on their way that long; what the card knows of a core is then that old.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include <nicos/sched.h>
#include <nicos/table.h>

struct card {
	struct nic_sched *sched;
	struct nic_table *table; /* NULL = holds all */
	struct des_queue *lanes; /* shape [cores]: delivered and not begun */
	int64_t *ran_ns;  /* shape [cores]: of the request at hand, since it was last paid for */
	uint32_t *epochs; /* shape [cores]: of the switch at hand */
};

static void step(struct des *des, const struct nic_event *event);

/* Two numbers in the argument of an event. */
static uint64_t pair(uint32_t core, uint32_t request)
{
	return core | (uint64_t)request << 32;
}

/* ---- the host ---- */

static void slice_over(struct hb_sim *sim, void *object, uint64_t argument);

/* The core takes the first request of its lane, if there is one. */
static void core_begin(struct des *des, uint32_t c)
{
	struct card *card = des->state;
	struct des_core *core = &des->cores[c];
	int64_t hot_ns;

	core->request = des_queue_take(des, &card->lanes[c]);
	if (core->request == DES_NONE) {
		des_core_rest(des, c, NIC_CPU_STALLED);
		return;
	}
	hot_ns = des_cost(des, NIC_COST_HOT);
	core->slice_ns = des_slice(des, core->request);
	card->ran_ns[c] = 0;
	des_core_work(des, c, 0, hot_ns, core->slice_ns);
	des_after(des, hot_ns + core->slice_ns, slice_over, c);
}

static void done_heard(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	uint32_t request = (uint32_t)(argument >> 32);
	const struct nic_event event = {.kind = NIC_DONE,
		.core = (uint32_t)argument,
		.request = request,
		/* It has ended: the field holds what it ran. */
		.ran_ns = des->requests[request].left_ns};

	(void)sim;
	step(des, &event);
	des_slot_free(des, request);
}

/* The handler has ended, or its quantum has. */
static void slice_over(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	struct card *card = des->state;
	uint32_t c = (uint32_t)argument;
	struct des_core *core = &des->cores[c];
	uint32_t request = core->request;
	struct nic_event event = {.kind = NIC_QUANTUM_OVER, .core = c, .request = request};
	int64_t delta_ns;

	des->requests[request].left_ns -= core->slice_ns;
	card->ran_ns[c] += core->slice_ns;
	if (des->requests[request].left_ns > 0) {
		core->slice_ns = 0;
		step(des, &event);
		if (core->slice_ns)
			return; /* it is being stopped */
		core->slice_ns = des_slice(des, request);
		des_core_work(des, c, 0, 0, core->slice_ns);
		des_after(des, core->slice_ns, slice_over, c);
		return;
	}
	des_request_ended(des, request);
	des->requests[request].left_ns = card->ran_ns[c];
	core_begin(des, c);
	delta_ns = des_cost(des, NIC_COST_DELTA);
	if (delta_ns)
		des_after(des, delta_ns, done_heard, pair(c, request));
	else
		done_heard(sim, des, pair(c, request));
}

static void delivered(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	struct card *card = des->state;
	uint32_t c = (uint32_t)argument;

	(void)sim;
	des_queue_append(des, &card->lanes[c], (uint32_t)(argument >> 32));
	if (des->cores[c].request == DES_NONE)
		core_begin(des, c);
}

static void switch_heard(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	struct card *card = des->state;
	const struct nic_event event = {
		.kind = NIC_SWITCHED, .core = (uint32_t)argument, .epoch = card->epochs[argument]};

	(void)sim;
	step(des, &event);
}

static void switch_over(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	int64_t delta_ns = des_cost(des, NIC_COST_DELTA);

	if (delta_ns)
		des_after(des, delta_ns, switch_heard, argument);
	else
		switch_heard(sim, des, argument);
}

static void switch_begin(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	uint32_t c = (uint32_t)argument;
	int64_t switch_ns = des_cost(des, NIC_COST_SWITCH);

	(void)sim;
	des_core_rest(des, c, NIC_CPU_STALLED);
	des_core_work(des, c, 0, switch_ns, 0);
	des_after(des, switch_ns, switch_over, argument);
}

static void stopped(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	struct card *card = des->state;
	uint32_t c = (uint32_t)argument;
	const struct nic_event event = {.kind = NIC_PREEMPTED,
		.core = c,
		.request = des->cores[c].request,
		.ran_ns = card->ran_ns[c]};

	(void)sim;
	des->cores[c].request = DES_NONE;
	step(des, &event);
}

/* ---- the card ---- */

/* At once, or after what the way takes. */
static void send(struct des *des, hb_event_fn *handler, uint64_t argument)
{
	int64_t delta_ns = des_cost(des, NIC_COST_DELTA);

	if (delta_ns)
		des_after(des, delta_ns, handler, argument);
	else
		handler(des->sim, des, argument);
}

static void preempt(struct des *des, uint32_t c)
{
	int64_t preempt_ns = des_cost(des, NIC_COST_PREEMPT);

	des->preemptions++;
	des->cores[c].slice_ns = 1; /* seen by slice_over() */
	des_core_work(des, c, 0, preempt_ns, 0);
	des_after(des, preempt_ns, stopped, c);
}

static void drop(struct des *des, const struct nic_action *action)
{
	struct card *card = des->state;
	uint32_t request = action->request;

	for (uint32_t i = 0; i < action->count; i++) {
		uint32_t next = nic_sched_dropped_next(card->sched, request);

		des_request_dropped(des, request);
		request = next;
	}
}

/* Actions only schedule events or begin work, so that no step happens within a step. */
static void step(struct des *des, const struct nic_event *event)
{
	struct card *card = des->state;
	const struct nic_action *actions;
	int count = nic_sched_step(card->sched, event, &actions);

	hb_assert(count >= 0);
	for (int i = 0; i < count; i++) {
		const struct nic_action *action = &actions[i];

		switch (action->kind) {
		case NIC_DELIVER:
			send(des, delivered, pair(action->core, action->request));
			break;
		case NIC_SWITCH:
			des->switches++;
			card->epochs[action->core] = action->epoch;
			send(des, switch_begin, action->core);
			break;
		case NIC_PREEMPT:
			preempt(des, action->core);
			break;
		case NIC_DROP:
			drop(des, action);
			break;
		case NIC_KILL:
			hb_assert(!"no service exits in the simulation");
			break;
		}
	}
}

static void look_up_over(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	const struct nic_event event = {.kind = NIC_ARRIVED,
		.service = des->requests[argument].service,
		.request = (uint32_t)argument};

	(void)sim;
	step(des, &event);
}

static void arrive(struct des *des, uint32_t request)
{
	struct card *card = des->state;

	if (card->table) {
		des->look_ups++;
		if (!nic_table_look_up(card->table, des->requests[request].service)) {
			des_after(des, des_cost(des, NIC_COST_FETCH), look_up_over, request);
			return;
		}
		des->table_hits++;
	}
	look_up_over(des->sim, des, request);
}

static int begin(struct des *des, struct hb_error *reterr)
{
	const struct nic_des_options *o = des->options;
	const struct nic_sched_options options = {
		.cores = o->cores,
		.services = o->services,
		.requests = o->buffers,
		.queue = o->queue,
		.depth = o->depth,
		.turn_ns = (uint32_t)o->turn_ns,
	};
	struct card *card = calloc(1, sizeof(*card));
	int err;

	if (!card)
		return hb_error_set(reterr, -ENOMEM, "no memory for the card; free some");
	des->state = card;
	card->lanes = calloc(o->cores, sizeof(*card->lanes));
	card->ran_ns = calloc(o->cores, sizeof(*card->ran_ns));
	card->epochs = calloc(o->cores, sizeof(*card->epochs));
	if (!card->lanes || !card->ran_ns || !card->epochs)
		return hb_error_set(reterr, -ENOMEM, "no memory for the card; free some");
	for (uint32_t c = 0; c < o->cores; c++)
		des_queue_init(&card->lanes[c]);
	err = nic_sched_create(&options, &card->sched, reterr);
	for (uint32_t s = 0; !err && o->threads && s < o->services; s++)
		err = nic_sched_register(card->sched, s, o->threads, 1, reterr);
	if (!err && o->table)
		err = nic_table_create(o->table, o->services, &card->table, reterr);
	return err;
}

static void end(struct des *des)
{
	struct card *card = des->state;

	if (!card)
		return;
	nic_sched_destroy(card->sched);
	nic_table_destroy(card->table);
	free(card->lanes);
	free(card->ran_ns);
	free(card->epochs);
	free(card);
}

const struct des_policy des_nicos = {.begin = begin, .arrive = arrive, .end = end};
