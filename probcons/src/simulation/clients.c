/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Clients: one operation at a time, asked again with the same number when there is no answer, given up after a while.
 * What they saw becomes the history.
 */
#include "world.h"

#define AGAIN_NS (8 * MILLISECOND_NS)
#define THINK_NS (16 * MILLISECOND_NS)
#define ATTEMPTS_MAX 8

static void send_request(struct pc_simulation *w, uint32_t c)
{
	struct client *client = &w->clients[c];
	uint32_t packet = packet_take(w);
	struct packet *p = &w->packets[packet];

	p->kind = PACKET_REQUEST;
	p->to = (uint8_t)client->target;
	p->request = (struct request){c, client->sequence, pc_command_pack(&client->command)};
	network_send(w, packet);
	world_at(w, w->mix.patience_ns, EVENT_PATIENCE, c, ++client->attempts);
}

static void choose(struct pc_simulation *w, struct pc_command *ret)
{
	uint64_t dice = hb_rng_below(&w->client_rng, 100);
	uint32_t key = (uint32_t)hb_rng_below(&w->client_rng, KEYS);

	*ret = (struct pc_command){.key = (uint8_t)key, .kind = PC_GET};
	if (dice < 45)
		return;
	if (dice < 75) {
		ret->kind = PC_PUT;
	} else if (dice < 92) {
		ret->kind = PC_CAS;
		/* What was written lately: some succeed. */
		ret->expected = w->next_value - (uint32_t)hb_rng_below(&w->client_rng,
							w->next_value < 4 ? w->next_value + 1 : 4);
	} else {
		ret->kind = PC_DEL;
		return;
	}
	ret->value = ++w->next_value;
}

void client_next(struct pc_simulation *w, uint32_t c)
{
	struct client *client = &w->clients[c];

	choose(w, &client->command);
	/* Now and then another server than the last is asked: it may lead, or believe to. */
	if (hb_rng_below(&w->client_rng, 8) == 0)
		client->target = (uint32_t)hb_rng_below(&w->client_rng, w->options.nodes);
	client->sequence++;
	client->attempts = 0;
	client->busy = true;
	client->operation = (struct pc_operation){
		.call = w->moment++,
		.key = client->command.key,
		.kind = client->command.kind,
		.value = client->command.value,
		.expected = client->command.expected,
		.line = (uint32_t)client->sequence,
	};
	TRACE(w, "client %u: %u: kind %u key %u value %u expected %u", c, client->operation.line,
		client->command.kind, client->command.key, client->command.value,
		client->command.expected);
	send_request(w, c);
}

static void finish(struct pc_simulation *w, uint32_t c)
{
	struct client *client = &w->clients[c];

	client->busy = false;
	if (w->options.linearizable && pc_history_add(&w->history, &client->operation))
		w->overflow = true;
}

static void pause(struct pc_simulation *w, uint32_t c)
{
	world_at(w, (int64_t)hb_rng_below(&w->client_rng, THINK_NS), EVENT_CLIENT, c, 0);
}

void client_patience(struct pc_simulation *w, uint32_t c, uint32_t attempt)
{
	struct client *client = &w->clients[c];

	if (!client->busy || attempt != client->attempts)
		return;
	if (attempt >= ATTEMPTS_MAX) {
		world_saw(w, PC_SAW_UNKNOWN_OUTCOME);
		TRACE(w, "client %u: %u: gives up", c, client->operation.line);
		finish(w, c);
		pause(w, c);
		return;
	}
	world_saw(w, PC_SAW_RETRY);
	client->target = (uint32_t)hb_rng_below(&w->client_rng, w->options.nodes);
	send_request(w, c);
}

void client_reply(struct pc_simulation *w, const struct reply *reply)
{
	struct client *client = &w->clients[reply->client];

	if (!client->busy || reply->sequence != client->sequence)
		return;
	if (reply->refused) {
		client->target = reply->leader != PC_NOBODY
					 ? reply->leader
					 : (uint32_t)hb_rng_below(&w->client_rng, w->options.nodes);
		/* Soon again; the time that was left for an answer is void, the number of attempts is not. */
		if (client->attempts < ATTEMPTS_MAX) {
			send_request(w, reply->client);
			return;
		}
		world_at(w, AGAIN_NS, EVENT_PATIENCE, reply->client, client->attempts);
		return;
	}
	client->operation.answer = w->moment++;
	client->operation.answered = true;
	if (client->operation.kind == PC_GET)
		client->operation.value = reply->result;
	TRACE(w, "client %u: %u: answer %u", reply->client, client->operation.line, reply->result);
	/* A comparison that failed had no effect: it says nothing about the order of the others here. */
	if (client->operation.kind == PC_CAS && reply->result == 0)
		client->busy = false;
	else
		finish(w, reply->client);
	pause(w, reply->client);
}

void client_finish_all(struct pc_simulation *w)
{
	for (uint32_t c = 0; c < CLIENTS; c++) {
		if (w->clients[c].busy)
			finish(w, c);
	}
}
