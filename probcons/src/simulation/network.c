/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The network: delays, loss, duplicates, reordering, and links that are cut in one or both directions. */
#include "world.h"

#define BASE_NS (MILLISECOND_NS / 2)
#define NONE UINT32_MAX

uint32_t packet_take(struct pc_simulation *w)
{
	uint32_t packet = w->first_free;

	if (packet == NONE) {
		w->overflow = true;
		return 0; /* packet 0 is never on the list: a bin for what does not fit */
	}
	w->first_free = w->packets[packet].next_free;
	return packet;
}

void packet_free(struct pc_simulation *w, uint32_t packet)
{
	if (packet == 0)
		return;
	w->packets[packet].next_free = w->first_free;
	w->first_free = packet;
}

static int64_t delay(struct pc_simulation *w)
{
	uint64_t word = hb_rng_u64(&w->network_rng);
	int64_t ns = BASE_NS + (int64_t)((word & 0xffff) * (uint64_t)w->mix.spread_ns >> 16);

	/* Now and then a message is overtaken by many. */
	if ((double)(word >> 32) * 0x1p-32 < w->slow)
		ns += (int64_t)((word >> 16 & 0xffff) * (uint64_t)(150 * MILLISECOND_NS) >> 16);
	return ns;
}

static void copy_packet(struct pc_simulation *w, uint32_t from, uint32_t to)
{
	struct packet *a = &w->packets[from], *b = &w->packets[to];

	b->kind = a->kind;
	b->from = a->from;
	b->to = a->to;
	b->message = a->message;
	if (a->kind != PACKET_MESSAGE)
		return;
	for (uint32_t i = 0; i < a->message.entry_count; i++)
		b->entries[i] = a->entries[i];
	b->message.entries = b->entries;
}

/* What has been said by a message that leaves. */
static void consider(struct pc_simulation *w, const struct pc_message *m)
{
	if (m->refused)
		return;
	if (m->kind == PC_VOTE_ANSWER)
		faults_after(w, m->from, AFTER_VOTE);
	else if (m->kind == PC_VOTE)
		faults_after(w, m->from, AFTER_CAMPAIGN);
	else if (m->kind == PC_ENTRIES_ANSWER)
		faults_after(w, m->from, AFTER_ACKNOWLEDGE);
}

void network_send(struct pc_simulation *w, uint32_t packet)
{
	const struct packet *p = &w->packets[packet];
	uint64_t word;

	if (p->kind == PACKET_MESSAGE && p->from == p->to) {
		world_at(w, 0, EVENT_PACKET, packet, w->nodes[p->to].epoch);
		return;
	}
	if (p->kind == PACKET_MESSAGE)
		consider(w, &p->message);
	if (w->loss > 0 || w->duplicate > 0) {
		word = hb_rng_u64(&w->network_rng);
		if ((double)(word >> 32) * 0x1p-32 < w->loss) {
			world_saw(w, PC_SAW_LOSS);
			packet_free(w, packet);
			return;
		}
		if ((double)(word & UINT32_MAX) * 0x1p-32 < w->duplicate &&
			p->kind == PACKET_MESSAGE) {
			uint32_t twin = packet_take(w);

			world_saw(w, PC_SAW_DUPLICATE);
			copy_packet(w, packet, twin);
			world_at(w, delay(w), EVENT_PACKET, twin, 0);
		}
	}
	world_at(w, delay(w), EVENT_PACKET, packet, 0);
}

void network_deliver(struct pc_simulation *w, uint32_t packet)
{
	struct packet *p = &w->packets[packet];

	switch ((enum packet_kind)p->kind) {
	case PACKET_MESSAGE:
		if (w->nodes[p->to].up && !(w->cut[p->from] & bit(p->to)))
			node_receive(w, p->to, &p->message);
		break;
	case PACKET_REQUEST:
		if (w->nodes[p->to].up)
			node_request(w, p->to, &p->request);
		break;
	case PACKET_REPLY:
		client_reply(w, &p->reply);
		break;
	}
	packet_free(w, packet);
}
