/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * jbsq:N: one queue in the card, of which every core is given up to N requests, the emptiest core first (join the
 * bounded shortest queue; RPCValet, nanoPU). A request and the news of its end each take delta on their way, so that
 * with N = 1 a core lies idle for 2 delta after each. A core that changes the service switches the process.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>

#include <hotbed/error.h>

struct lane {
	struct des_queue queue;
	uint32_t up, down; /* neighbours among cores with as many requests */
	uint32_t given;    /* as the card knows it */
};

struct spread {
	struct des_queue queue;
	struct lane *lanes; /* shape [cores] */
	uint32_t *levels;   /* shape [depth + 1]: a core to which so many are given */
	uint32_t depth;
};

static void delivered(struct hb_sim *sim, void *object, uint64_t argument);
static void run_over(struct hb_sim *sim, void *object, uint64_t argument);

static void level_leave(struct spread *spread, uint32_t c)
{
	struct lane *lane = &spread->lanes[c];

	if (lane->up == DES_NONE)
		spread->levels[lane->given] = lane->down;
	else
		spread->lanes[lane->up].down = lane->down;
	if (lane->down != DES_NONE)
		spread->lanes[lane->down].up = lane->up;
}

static void level_enter(struct spread *spread, uint32_t c)
{
	struct lane *lane = &spread->lanes[c];
	uint32_t *level = &spread->levels[lane->given];

	lane->up = DES_NONE;
	lane->down = *level;
	if (*level != DES_NONE)
		spread->lanes[*level].up = c;
	*level = c;
}

/* Give away what can be given. */
static void hand_out(struct des *des)
{
	struct spread *spread = des->state;

	while (spread->queue.head != DES_NONE) {
		uint32_t level = 0, c;

		while (level < spread->depth && spread->levels[level] == DES_NONE)
			level++;
		if (level == spread->depth)
			return;
		c = spread->levels[level];
		level_leave(spread, c);
		spread->lanes[c].given++;
		level_enter(spread, c);
		des_after(des, des_cost(des, NIC_COST_DELTA), delivered,
			c | (uint64_t)des_queue_take(des, &spread->queue) << 32);
	}
}

static void core_begin(struct des *des, uint32_t c)
{
	struct spread *spread = des->state;
	struct des_core *core = &des->cores[c];
	int64_t switch_ns;

	core->request = des_queue_take(des, &spread->lanes[c].queue);
	if (core->request == DES_NONE) {
		des_core_rest(des, c, NIC_CPU_STALLED);
		return;
	}
	switch_ns = des_cost(des, NIC_COST_HOT);
	if (core->service != des->requests[core->request].service) {
		switch_ns += des_cost(des, NIC_COST_SWITCH);
		des->switches++;
	}
	core->service = des->requests[core->request].service;
	core->slice_ns = des->requests[core->request].left_ns;
	des_core_work(des, c, 0, switch_ns, core->slice_ns);
	des_after(des, switch_ns + core->slice_ns, run_over, c);
}

static void delivered(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	struct spread *spread = des->state;
	uint32_t c = (uint32_t)argument;

	(void)sim;
	des_queue_append(des, &spread->lanes[c].queue, (uint32_t)(argument >> 32));
	if (des->cores[c].request == DES_NONE)
		core_begin(des, c);
}

static void done_heard(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	struct spread *spread = des->state;

	(void)sim;
	level_leave(spread, (uint32_t)argument);
	spread->lanes[argument].given--;
	level_enter(spread, (uint32_t)argument);
	hand_out(des);
}

static void run_over(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct des *des = object;
	uint32_t c = (uint32_t)argument, request = des->cores[c].request;

	(void)sim;
	des_request_ended(des, request);
	des_slot_free(des, request);
	core_begin(des, c);
	des_after(des, des_cost(des, NIC_COST_DELTA), done_heard, c);
}

static void arrive(struct des *des, uint32_t request)
{
	struct spread *spread = des->state;

	des_queue_append(des, &spread->queue, request);
	hand_out(des);
}

static int begin(struct des *des, struct hb_error *reterr)
{
	uint32_t cores = des->options->cores;
	struct spread *spread = calloc(1, sizeof(*spread));

	if (!spread)
		return hb_error_set(reterr, -ENOMEM, "no memory for the queues; free some");
	des->state = spread;
	spread->depth = des->options->depth ? des->options->depth : 1;
	spread->lanes = calloc(cores, sizeof(*spread->lanes));
	spread->levels = malloc((spread->depth + 1) * sizeof(*spread->levels));
	if (!spread->lanes || !spread->levels)
		return hb_error_set(reterr, -ENOMEM, "no memory for the queues; free some");
	des_queue_init(&spread->queue);
	for (uint32_t level = 0; level <= spread->depth; level++)
		spread->levels[level] = DES_NONE;
	for (uint32_t c = cores; c-- > 0;) {
		des_queue_init(&spread->lanes[c].queue);
		level_enter(spread, c);
		des->cores[c].rest = NIC_CPU_STALLED;
	}
	return 0;
}

static void end(struct des *des)
{
	struct spread *spread = des->state;

	if (!spread)
		return;
	free(spread->lanes);
	free(spread->levels);
	free(spread);
}

const struct des_policy des_jbsq = {.begin = begin, .arrive = arrive, .end = end};
